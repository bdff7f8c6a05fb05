"""BiRefNet (Zheng et al., "Bilateral Reference for High-Resolution Dichotomous Image Segmentation", 2024), with its
published names: a picture goes in, the logit of "this pixel is subject" comes out.

A windowed transformer looks at the picture at full and at half size. Five levels, from coarse to fine, then join its
maps with the picture itself, cut into tiles of the level's size that are stacked as channels.

Two steps are arranged so that they cost less than as published, with the same result: convolutions are linear, so the
last one, down to one channel, goes before the upsampling to full size; and the mean over the whole map is a constant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.birefnet.deformable import ModulatedDeformable
from img2model_desktop.engines.birefnet.swin import Swin

MULTIPLE_PX = 32  # a picture's sides are whole multiples of it

# The order in which tiles become channels. Names and shapes do not tell: published code stacked them column by column
# until November 2024 (column, row, colour), and has done so colour by colour since (colour, row, column).
TILES_BY_COLOUR = True

INNER = 64  # channels inside the decoder's blocks
BRANCH = 256  # of each branch that looks around
KERNELS = (1, 3, 7)  # of the deformable branches after the first


@dataclass(frozen=True, slots=True)
class Sizes:
    """What tells the published networks apart.

    Args:
        width: channels of the transformer's first map.
        depths: blocks of its stages.
        heads: of their attention.
        window: side of its windows.
        image_widths: channels that the picture itself gives each level, from coarse to fine.
    """

    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int
    image_widths: tuple[int, ...]


LITE = Sizes(96, (2, 2, 6, 2), (3, 6, 12, 24), 7, (192, 192, 96, 48, 24))
LARGE = Sizes(192, (2, 2, 18, 2), (6, 12, 24, 48), 12, (384, 384, 192, 96, 48))

# Shares of the time, measured at 1024 px: the transformer at full size and at half, and then each block.
SHARES = (0.0, 0.3, 0.42, 0.44, 0.46, 0.5, 0.63, 1.0)


def published_lite() -> "BiRefNet":
    """BiRefNet_lite at its published size, on the meta device."""
    with torch.device("meta"):
        return BiRefNet(LITE)


def published() -> "BiRefNet":
    """BiRefNet at its published size, on the meta device."""
    with torch.device("meta"):
        return BiRefNet(LARGE)


class BiRefNet(nn.Module):
    """The network.

    Args:
        sizes: which of the published ones.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.bb = Swin(sizes.width, sizes.depths, sizes.heads, sizes.window)
        widths = [2 * sizes.width << i for i in range(4)]
        self.squeeze_module = nn.ModuleList([_Block(sum(widths), widths[-1])])
        self.decoder = _Decoder(widths, sizes.image_widths)
        self.eval()

    @torch.inference_mode()
    def forward(self, picture: Tensor, progress: Progress) -> Tensor:
        """Logits.

        Args:
            picture: `(1, 3, h, w) float32`, normalised as its training pictures were; sides are multiples of 32.
            progress: of this piece of work.

        Returns:
            `(1, 1, h, w) float32`.

        Raises:
            Cancelled: the user wants to stop.
        """
        spans = [progress.part(low, high) for low, high in pairwise(SHARES)]
        maps = self._encoded(picture, spans[0], spans[1])
        size = maps[3].shape[2:]
        context = torch.cat([*(_resized(level, size) for level in maps[:3]), maps[3]], dim=1)
        maps[3] = self.squeeze_module[0](context, spans[2])
        del context
        logits: Tensor = self.decoder(picture, maps, spans[3:])
        progress.update(1.0)
        return logits

    def _encoded(self, picture: Tensor, full: Progress, half: Progress) -> list[Tensor]:
        """Four maps of the picture, each with what is seen at half its size behind it."""
        maps: list[Tensor] = self.bb(picture, full)
        small = _resized(picture, torch.Size(side // 2 for side in picture.shape[2:]))
        for i, coarse in enumerate(self.bb(small, half)):
            maps[i] = torch.cat([maps[i], _resized(coarse, maps[i].shape[2:])], dim=1)
        return maps


class _Decoder(nn.Module):
    """From coarse to fine."""

    def __init__(self, widths: list[int], image_widths: tuple[int, ...]) -> None:
        super().__init__()
        outs = [widths[2], widths[1], widths[0], widths[0] // 2]
        ins = [widths[3], *outs]
        for level, stacked, width in zip((5, 4, 3, 2, 1), (1024, 256, 64, 16, 1), image_widths, strict=True):
            self.add_module(f"ipt_blk{level}", _ImageBranch(3 * stacked, width))
        for i, level in enumerate((4, 3, 2, 1)):
            self.add_module(f"decoder_block{level}", _Block(ins[i] + image_widths[i], outs[i]))
        for i, level in enumerate((4, 3, 2)):
            self.add_module(f"lateral_block{level}", nn.ModuleDict({"conv": nn.Conv2d(outs[i], outs[i], 1)}))
            attention = nn.Sequential(nn.Conv2d(outs[i], 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
            self.add_module(f"gdt_convs_{level}", attention)
            self.add_module(f"gdt_convs_attn_{level}", nn.Sequential(nn.Conv2d(16, 1, 1)))
        self.conv_out1 = nn.Sequential(nn.Conv2d(outs[3] + image_widths[4], 1, 1))

    def forward(self, picture: Tensor, maps: list[Tensor], spans: list[Progress]) -> Tensor:
        """`(1, 1, h, w)` logits of a picture and its four maps, the last one squeezed. Empties `maps`."""
        x = maps.pop()
        for level, span in zip((4, 3, 2, 1), spans, strict=True):
            own = getattr(self, f"ipt_blk{level + 1}")(tiles(picture, x.shape[2:]))
            x = getattr(self, f"decoder_block{level}")(torch.cat([x, own], dim=1), span)
            if level > 1:
                x *= self._gate(level, x)
                finer = maps.pop()
                x = _resized(x, finer.shape[2:])
                x += _apply(getattr(self, f"lateral_block{level}")["conv"], finer)
        return self._last(picture, x)

    def _gate(self, level: int, x: Tensor) -> Tensor:
        """`(1, 1, h, w)`, 0..1: how much of each place of a level's map counts, by its gradients."""
        conv, norm, _ = getattr(self, f"gdt_convs_{level}")
        gradients = F.relu_(norm(_apply(conv, x).float()))
        return _apply(getattr(self, f"gdt_convs_attn_{level}")[0], gradients).float().sigmoid_()

    def _last(self, picture: Tensor, x: Tensor) -> Tensor:
        """The last convolution, of the finest map and the picture itself."""
        weight, bias = _exact(cast(nn.Conv2d, self.conv_out1[0]))
        logits = _resized(F.conv2d(x, weight[:, : x.shape[1]], bias), picture.shape[2:])
        logits += cast(_ImageBranch, self.ipt_blk1).as_one_channel(picture, weight[:, x.shape[1] :])
        return logits


class _ImageBranch(nn.Module):
    """Two convolutions of the picture, cut into tiles, with nothing between them."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, INNER, 3, padding=1)
        self.conv_out = nn.Conv2d(INNER, width, 3, padding=1)

    def forward(self, stacked: Tensor) -> Tensor:
        """`(1, channels, h, w)` to `(1, width, h, w)`."""
        return _apply(self.conv_out, _apply(self.conv1, stacked)).float()

    def as_one_channel(self, picture: Tensor, mixing: Tensor) -> Tensor:
        """`(1, 1, h, w) float32`: both convolutions and one more, `mixing (1, width, 1, 1)`, as one.

        What lies between the two is padded with zeros, so the outermost pixels are done step by step.
        """
        first, first_bias = _exact(self.conv1)
        second, second_bias = _exact(self.conv_out)
        second = torch.einsum("oc,cikl->oikl", mixing[:, :, 0, 0], second)
        second_bias = mixing[:, :, 0, 0] @ second_bias
        joined = F.conv2d(first.transpose(0, 1), second.flip(2, 3), padding=2).transpose(0, 1)
        bias = second.sum(dim=(2, 3)) @ first_bias + second_bias
        out = F.conv2d(picture, joined, bias, padding=2)
        for axis, side in ((2, 0), (2, -1), (3, 0), (3, -1)):
            size = picture.shape[axis]
            rim = picture.narrow(axis, 0 if side == 0 else size - 3, 3)
            exact = F.conv2d(F.conv2d(rim, first, first_bias, padding=1), second, second_bias, padding=1)
            out.select(axis, side).copy_(exact.select(axis, side))
        return out


class _Block(nn.Module):
    """Narrows a map, looks around in it as far as the map itself says, and widens it again."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(channels, INNER, 3, padding=1)
        self.dec_att = _Surroundings()
        self.conv_out = nn.Conv2d(INNER, width, 3, padding=1)
        self.bn_in = nn.BatchNorm2d(INNER)
        self.bn_out = nn.BatchNorm2d(width)

    def forward(self, x: Tensor, progress: Progress) -> Tensor:
        """`(1, channels, h, w)` to `(1, width, h, w)` in 32 bits."""
        progress.update(0.0)
        x = F.relu_(self.bn_in(_apply(self.conv_in, x).float()))
        x = self.dec_att(x, progress)
        out: Tensor = self.bn_out(_apply(self.conv_out, x).float())
        return out


class _Surroundings(nn.Module):
    """Deformable convolutions of several sizes and the mean over the whole map, mixed."""

    def __init__(self) -> None:
        super().__init__()
        self.aspp1 = _Branch(1)
        self.aspp_deforms = nn.ModuleList(_Branch(kernel) for kernel in KERNELS)
        mean = [nn.Identity(), nn.Conv2d(INNER, BRANCH, 1, bias=False), nn.BatchNorm2d(BRANCH), nn.ReLU()]
        self.global_avg_pool = nn.Sequential(*mean)
        self.conv1 = nn.Conv2d(BRANCH * 5, INNER, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(INNER)

    def forward(self, x: Tensor, progress: Progress) -> Tensor:
        """`(1, 64, h, w)` to the same shape."""
        height, width = x.shape[2:]
        mixing = torch.split(self.conv1.weight[:, :, 0, 0].T, BRANCH)
        mean = _apply(cast(nn.Conv2d, self.global_avg_pool[1]), x.mean(dim=(2, 3), keepdim=True)).float()
        mean = F.relu(self.global_avg_pool[2](mean))[0, :, 0, 0]
        total = (mean @ mixing[-1].float()).repeat(height * width, 1)
        branches = [self.aspp1, *cast("list[_Branch]", list(self.aspp_deforms))]
        work = sum(branch.kernel**2 for branch in branches)
        done = 0
        for branch, matrix in zip(branches, mixing, strict=False):
            share = branch.kernel**2 / work
            for first, last, part in branch.pieces(x):
                progress.update(done / work + share * first / (height * width))
                total[first:last] += part.to(matrix.dtype) @ matrix
            done += branch.kernel**2
        total = F.relu_(_normalised(self.bn1, total))
        return total.view(1, height, width, -1).permute(0, 3, 1, 2)


class _Branch(nn.Module):
    """One deformable convolution, normalised, without what is negative."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.atrous_conv = ModulatedDeformable(INNER, BRANCH, kernel)
        self.bn = nn.BatchNorm2d(BRANCH)

    def pieces(self, x: Tensor) -> Iterator[tuple[int, int, Tensor]]:
        """See `ModulatedDeformable.pieces`."""
        for first, last, part in self.atrous_conv.pieces(x):
            yield first, last, F.relu_(_normalised(self.bn, part.float()))


def tiles(picture: Tensor, size: torch.Size) -> Tensor:
    """`(1, 3, H, W)` to `(1, 3 * rows * columns, h, w)`: the picture cut into tiles of a size, stacked as channels."""
    height, width = size
    rows, columns = picture.shape[2] // height, picture.shape[3] // width
    cut = picture.view(3, rows, height, columns, width)
    order = (0, 1, 3, 2, 4) if TILES_BY_COLOUR else (3, 1, 0, 2, 4)
    return cut.permute(order).reshape(1, -1, height, width)


def _resized(x: Tensor, size: torch.Size) -> Tensor:
    """Bilinear, with corner pixels on corner pixels."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


def _apply(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution in the type of its weights."""
    out: Tensor = layer(x.to(layer.weight.dtype))
    return out


def _exact(layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Weights and bias in 32 bits."""
    assert layer.bias is not None
    return layer.weight.float(), layer.bias.float()


def _normalised(norm: nn.BatchNorm2d, rows: Tensor) -> Tensor:
    """Of `(n, channels)`."""
    return F.batch_norm(rows, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
