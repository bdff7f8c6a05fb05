"""TripoSR as its authors' code computes it, of plain parts of torch and transformers: what ours is compared with.

Nothing here is fast on purpose: single precision, every point of the grid, every layer by its definition, chunks of
8,192 points as published, colours at the vertices.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn
from transformers import ViTConfig, ViTModel

from img2model_desktop.engines.triposr.net import DENSITY_BIAS, DEVIATION, MEAN, PLANES, RADIUS

CHUNK = 8192


class Attention(nn.Module):
    """Of 16 heads, to itself or to other tokens."""

    def __init__(self, seen: int = 1024) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, 1024, bias=False) for width in (1024, seen, seen))
        self.out = nn.Linear(1024, 1024)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (16, 64)).transpose(1, 2) for part in (self.q(x), self.k(seen), self.v(seen)))
        mixed: Tensor = self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return mixed


class Block(nn.Module):
    """Both attentions and a gated perceptron."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(1024) for _ in range(3))
        self.own, self.other = Attention(), Attention(768)
        self.up, self.down = nn.Linear(1024, 8192), nn.Linear(4096, 1024)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        near = self.norms[0](x)
        x = x + self.own(near, near)
        x = x + self.other(self.norms[1](x), tokens)
        kept, gate = self.up(self.norms[2](x)).chunk(2, -1)
        return x + self.down(kept * F.gelu(gate))


class Reference(nn.Module):
    """The whole network, with weights as its parts draw them."""

    def __init__(self) -> None:
        super().__init__()
        self.vit = ViTModel(ViTConfig(layer_norm_eps=1e-12), add_pooling_layer=False)
        self.start = nn.Parameter(torch.randn(1024, 3 * 32 * 32) / math.sqrt(1024))
        self.norm = nn.GroupNorm(32, 1024, eps=1e-6)
        self.first, self.last = nn.Linear(1024, 1024), nn.Linear(1024, 1024)
        self.blocks = nn.ModuleList(Block() for _ in range(16))
        self.upsample = nn.ConvTranspose2d(1024, 40, 2, 2)
        widths = [120, *[64] * 9, 4]
        self.layers = nn.Sequential(*[part for pair in pairwise(widths) for part in (nn.Linear(*pair), nn.SiLU())][:-1])
        self.eval().requires_grad_(False)

    def tokens_of(self, picture: Tensor) -> Tensor:
        """`(1, 1025, 768)` from `(1, 3, 512, 512)`, 0..1."""
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
        seen = self.vit((picture - mean) / deviation, interpolate_pos_encoding=True)
        tokens: Tensor = seen.last_hidden_state
        return tokens

    def planes_of(self, tokens: Tensor) -> Tensor:
        """`(3, 40, 64, 64)`."""
        start = self.start[None]
        x = self.first(self.norm(start).transpose(1, 2))
        for block in self.blocks:
            x = block(x, tokens)
        grid = self.last(x).transpose(1, 2) + start
        planes: Tensor = self.upsample(grid.view(1024, 3, 32, 32).transpose(0, 1))
        return planes


def read(planes: Tensor, layers: nn.Module, points: Tensor) -> Tensor:
    """`(m, 4)`: density before its activation and colours before theirs, of `(m, 3)`."""
    grids = torch.stack([points[:, list(axes)] for axes in PLANES])[:, None] / RADIUS
    seen = F.grid_sample(planes, grids, mode="bilinear", align_corners=False)[:, :, 0]
    features: Tensor = layers(seen.flatten(0, 1).t())
    return features


def log_density(planes: Tensor, layers: nn.Module, points: Tensor) -> Tensor:
    """`(m,)`."""
    return read(planes, layers, points)[:, 0] + DENSITY_BIAS
