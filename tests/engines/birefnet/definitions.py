"""Deformable convolution as it is defined, tap by tap: what the quick one is compared with."""

import itertools
from collections.abc import Iterator

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from img2model_desktop.engines.birefnet.deformable import ModulatedDeformable


def by_definition(conv: ModulatedDeformable, x: Tensor) -> Tensor:
    """`(1, c, h, w)` to `(1, width, h, w)`: look up at each tap's moved place, weight, multiply, add."""
    height, width = x.shape[2:]
    kernel, reach = conv.kernel, conv.kernel // 2
    offset, modulator = conv.offset_conv(x)[0], 2 * conv.modulator_conv(x).sigmoid()[0]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    total = torch.zeros(conv.regular_conv.out_channels, height, width)
    for tap, (down, across) in enumerate(itertools.product(range(kernel), range(kernel))):
        y = rows + down - reach + offset[2 * tap]
        x_at = columns + across - reach + offset[2 * tap + 1]
        grid = torch.stack([2 * x_at / (width - 1) - 1, 2 * y / (height - 1) - 1], dim=-1)
        seen = F.grid_sample(x, grid[None], mode="bilinear", padding_mode="zeros", align_corners=True)[0]
        total += torch.einsum("oc,chw->ohw", conv.regular_conv.weight[:, :, down, across], seen * modulator[tap])
    return total[None]


def tap_by_tap(conv: ModulatedDeformable, x: Tensor) -> Iterator[tuple[int, int, Tensor]]:
    """In place of `ModulatedDeformable.pieces`."""
    whole = by_definition(conv, x)[0]
    yield 0, whole[0].numel(), whole.flatten(1).T
