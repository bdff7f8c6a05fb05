"""Depth Anything V2 Small with the names of its published file: a DINOv2 backbone and a dense prediction head.

Yang, Kang, Huang, Zhao, Xu, Feng, Zhao: Depth Anything V2, 2024; the head after Ranftl, Bochkovskiy, Koltun: Vision
Transformers for Dense Prediction, 2021. One picture goes in, its relative inverse depth comes out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.networks.vit import DINOV2_S14, VisionTransformer, VitShape

LICENSED_WIDTH = 384  # of the Small network's tokens, whose weights anyone may use for anything
FORBIDDEN_WIDTHS = {768: "Base", 1024: "Large"}  # published for non-commercial use alone (CC-BY-NC-4.0)
RESIZE = (4, 2, 1, 0)  # how much larger each level is than the tokens' grid; 0: half as large


@dataclass(frozen=True, slots=True)
class DepthShape:
    """Everything that fixes the network's layers.

    Args:
        backbone: the transformer.
        taps: number of blocks after which the tokens are read; one for each level, shallow first.
        neck: channels of the levels.
        fusion: channels that they are brought to.
        head: channels before the last layer.
    """

    backbone: VitShape
    taps: tuple[int, int, int, int] = (3, 6, 9, 12)
    neck: tuple[int, int, int, int] = (48, 96, 192, 384)
    fusion: int = 64
    head: int = 32


SMALL = DepthShape(DINOV2_S14)


class DepthNet(nn.Module):
    """Picture to relative inverse depth."""

    def __init__(self, shape: DepthShape) -> None:
        super().__init__()
        self.shape = shape
        self.backbone = VisionTransformer(shape.backbone)
        self.neck = _Neck(shape)
        self.head = _Head(shape)

    def forward(self, picture: Tensor) -> Tensor:
        """`(b, h, w)`, 0 or more, large being near, from `(b, 3, h, w)`, normalised, sides multiples of the patch."""
        return self.depth_of(self.features_of(picture), self.grid_of(picture))

    def grid_of(self, picture: Tensor) -> tuple[int, int]:
        """Rows and columns of patches."""
        patch = self.shape.backbone.patch
        return picture.shape[-2] // patch, picture.shape[-1] // patch

    def features_of(self, picture: Tensor, progress: Progress | None = None) -> list[Tensor]:
        """The tokens `(b, 1 + n, width)` that the head reads, normalised: the first part of the work."""
        return [self.backbone.normed(tokens) for tokens in self.backbone.features(picture, self.shape.taps, progress)]

    def depth_of(self, features: Sequence[Tensor], grid: tuple[int, int]) -> Tensor:
        """The depth from the tokens."""
        patch = self.shape.backbone.patch
        fused = self.neck([_as_picture(tokens, grid) for tokens in features])
        depth: Tensor = self.head(fused, (grid[0] * patch, grid[1] * patch))
        return depth


def published() -> DepthNet:
    """The network at published size, on torch's meta device: the names and shapes that a file must hold."""
    with torch.device("meta"):
        return DepthNet(SMALL)


def _as_picture(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """`(b, c, rows, columns)` from `(b, 1 + rows * columns, c)`; the class token has no place in it."""
    batch, _, channels = tokens.shape
    return tokens[:, 1:].transpose(1, 2).reshape(batch, channels, *grid)


class _Neck(nn.Module):
    """Tokens of four depths to one map of twice the finest level's size."""

    def __init__(self, shape: DepthShape) -> None:
        super().__init__()
        self.reassemble_stage = _Layers(
            _Reassemble(shape.backbone.width, channels, scale)
            for channels, scale in zip(shape.neck, RESIZE, strict=True)
        )
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, shape.fusion, 3, padding=1, bias=False) for channels in shape.neck
        )
        self.fusion_stage = _Layers(_Fusion(shape.fusion) for _ in shape.neck)

    def forward(self, levels: list[Tensor]) -> Tensor:
        reassembled = zip(self.convs, self.reassemble_stage.layers, levels, strict=True)
        maps = [conv(layer(level)) for conv, layer, level in reassembled][::-1]
        sizes: list[tuple[int, int]] = [(m.shape[-2], m.shape[-1]) for m in maps[1:]]
        sizes.append((2 * maps[-1].shape[-2], 2 * maps[-1].shape[-1]))
        fused: Tensor | None = None
        for layer, level, size in zip(self.fusion_stage.layers, maps, sizes, strict=True):
            fused = layer(level, fused, size)
        assert fused is not None
        return fused


class _Layers(nn.Module):
    """A list below the name `layers`, as the published names have it."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


class _Reassemble(nn.Module):
    """Tokens as a picture with its level's channels and size."""

    def __init__(self, width: int, channels: int, scale: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(width, channels, 1)
        if scale > 1:
            self.resize: nn.Module = nn.ConvTranspose2d(channels, channels, scale, stride=scale)
        elif scale == 1:
            self.resize = nn.Identity()
        else:
            self.resize = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, level: Tensor) -> Tensor:
        resized: Tensor = self.resize(self.projection(level))
        return resized


class _Fusion(nn.Module):
    """Adds a level to what the deeper ones gave, and enlarges the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(channels, channels, 1)
        self.residual_layer1 = _Residual(channels)  # of the deepest level: published, never used
        self.residual_layer2 = _Residual(channels)

    def forward(self, level: Tensor, deeper: Tensor | None, size: tuple[int, int]) -> Tensor:
        total = level if deeper is None else deeper + self.residual_layer1(level)
        # The published order is enlarging, then projecting. Both are linear and a weighted mean keeps a bias as it is,
        # so this is the same with a quarter of the work.
        return enlarged(self.projection(self.residual_layer2(total)), size)


class _Residual(nn.Module):
    """Two activated convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.convolution2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, level: Tensor) -> Tensor:
        added: Tensor = self.convolution2(F.relu(self.convolution1(F.relu(level))))
        return added + level


class _Head(nn.Module):
    """The fused map to depth at the picture's size."""

    def __init__(self, shape: DepthShape) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(shape.fusion, shape.fusion // 2, 3, padding=1)
        self.conv2 = nn.Conv2d(shape.fusion // 2, shape.head, 3, padding=1)
        self.conv3 = nn.Conv2d(shape.head, 1, 1)

    def forward(self, fused: Tensor, size: tuple[int, int]) -> Tensor:
        depth = self.conv3(F.relu(self.conv2(enlarged(self.conv1(fused), size))))
        return F.relu(depth)[:, 0]


def enlarged(level: Tensor, size: tuple[int, int]) -> Tensor:
    """`(b, c, *size)`, bilinear, corner on corner (`align_corners`)."""
    return F.interpolate(level, size=size, mode="bilinear", align_corners=True)
