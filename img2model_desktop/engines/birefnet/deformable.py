"""Convolution whose taps the picture itself moves and weights (Zhu et al., "Deformable ConvNets v2", CVPR 2019).

For each tap of the kernel the map is looked up, bilinearly and 0 outside, at the tap's place moved by an offset, times
a modulator of 0..2, times the tap's weight matrix. Here the map is a table of pixels, each a row of channels, so that a
lookup is a weighted sum of four rows: one call for all taps of thousands of pixels, and then one matrix product.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn

CHUNK_BYTES = 48 << 20  # of looked-up values at once
LEAST_PIXELS = 4096  # at once: below it calls cost more than their work


class ModulatedDeformable(nn.Module):
    """Modulated deformable convolution, stride 1, padded to the same size, without bias."""

    def __init__(self, channels: int, width: int, kernel: int) -> None:
        super().__init__()
        taps, padding = kernel**2, kernel // 2
        self.kernel = kernel
        self.offset_conv = nn.Conv2d(channels, 2 * taps, kernel, padding=padding)
        self.modulator_conv = nn.Conv2d(channels, taps, kernel, padding=padding)
        self.regular_conv = nn.Conv2d(channels, width, kernel, padding=padding, bias=False)

    def pieces(self, x: Tensor) -> Iterator[tuple[int, int, Tensor]]:
        """The convolution of `x (1, c, h, w)`, piece by piece.

        Yields:
            first pixel, last pixel + 1, both counted row by row, and their `(pixels, width)`.
        """
        height, width = x.shape[2:]
        weight = self.regular_conv.weight
        matrix = weight.permute(2, 3, 1, 0).reshape(-1, weight.shape[0])
        table = pixel_table(x.to(weight.dtype))
        moves = self._moves(x.to(weight.dtype))
        step = max(LEAST_PIXELS, CHUNK_BYTES // (matrix.shape[0] * matrix.element_size()))
        for first in range(0, height * width, step):
            last = min(height * width, first + step)
            rows, shares = corners(moves[first:last], first, (height, width), self.kernel)
            looked_up = weighted_rows(table, rows, shares.to(table.dtype))
            yield first, last, looked_up.view(last - first, -1) @ matrix

    def forward(self, x: Tensor) -> Tensor:
        """`(1, c, h, w)` to `(1, width, h, w)`."""
        parts = [part for _, _, part in self.pieces(x)]
        return torch.cat(parts).T.reshape(1, -1, *x.shape[2:])

    def _moves(self, x: Tensor) -> Tensor:
        """`(pixels, 3 * taps) float32`: vertical offsets, horizontal ones, modulators before their sigmoid."""
        offset, modulator = self.offset_conv, self.modulator_conv
        assert offset.bias is not None
        assert modulator.bias is not None
        weight = torch.cat([offset.weight[0::2], offset.weight[1::2], modulator.weight])
        bias = torch.cat([offset.bias[0::2], offset.bias[1::2], modulator.bias])
        out = F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype), padding=self.kernel // 2)
        return out[0].permute(1, 2, 0).reshape(-1, len(bias)).float()


def pixel_table(x: Tensor) -> Tensor:
    """`(1, c, h, w)` to `((h + 3) * (w + 3), c)`: the pixels with a rim of zeros, one before and two after."""
    return F.pad(x[0].permute(1, 2, 0), (0, 0, 1, 2, 1, 2)).reshape(-1, x.shape[1])


def corners(moves: Tensor, first: int, size: tuple[int, int], kernel: int) -> tuple[Tensor, Tensor]:
    """Which four rows of the pixel table each tap mixes, and how much of each.

    Args:
        moves: `(pixels, 3 * taps)`, see `ModulatedDeformable._moves`.
        first: number of the first of these pixels.
        size: height and width of the map.
        kernel: side of the kernel.

    Returns:
        `(pixels * taps, 4) int32` and `(pixels * taps, 4) float32`.
    """
    height, width = size
    taps = kernel**2
    pixel = torch.arange(first, first + len(moves), device=moves.device)
    reach = torch.arange(kernel, device=moves.device, dtype=torch.float32) - kernel // 2
    # Beyond the rim all is 0, so what lies farther out may as well lie on it.
    y = (moves[:, :taps] + (pixel // width).float()[:, None]).add_(reach.repeat_interleave(kernel)).clamp_(-1, height)
    x = (moves[:, taps : 2 * taps] + (pixel % width).float()[:, None]).add_(reach.repeat(kernel)).clamp_(-1, width)
    top, left = y.floor(), x.floor()
    down, across = y.sub_(top), x.sub_(left)
    pitch = width + 3
    row = top.add_(1).mul_(pitch).add_(left).add_(1).int()  # exact: below 2^24
    rows = torch.empty(len(moves), taps, 4, dtype=torch.int32, device=moves.device)
    for corner, beyond in enumerate((0, 1, pitch, pitch + 1)):
        torch.add(row, beyond, out=rows[..., corner])
    strength = moves[:, 2 * taps :].sigmoid().mul_(2)
    lower = strength * down
    upper = strength.sub_(lower)
    shares = torch.empty(len(moves), taps, 4, device=moves.device)
    torch.mul(upper, across, out=shares[..., 1])
    torch.sub(upper, shares[..., 1], out=shares[..., 0])
    torch.mul(lower, across, out=shares[..., 3])
    torch.sub(lower, shares[..., 3], out=shares[..., 2])
    return rows.view(-1, 4), shares.view(-1, 4)


def weighted_rows(table: Tensor, rows: Tensor, shares: Tensor) -> Tensor:
    """`(n, c)`: sums of the table's rows `(n, k)`, each times its share `(n, k)`."""
    if table.device.type in ("cpu", "cuda"):  # others have no weighted lookup of their own
        return F.embedding_bag(rows, table, per_sample_weights=shares, mode="sum")
    return gathered_rows(table, rows, shares)


def gathered_rows(table: Tensor, rows: Tensor, shares: Tensor) -> Tensor:
    """The same in plain steps, which every device knows."""
    return torch.einsum("nk,nkc->nc", shares, table[rows.long()])
