"""A windowed vision transformer (Liu et al., "Swin Transformer", ICCV 2021), with its published names.

Tokens attend to each other inside square windows; every second block shifts the windows by half their side. Feature
maps are kept as `(height, width, channels)`: one picture at a time. What runs through the residual sums stays in 32
bits; matrix products run in the type of their weights.
"""

from functools import lru_cache
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn

from img2model_desktop.core.progress import Progress

PATCH_PX = 4
FAR = -100.0  # added to the attention between tokens that a shifted window joins though they are not neighbours
CHUNK_BYTES = 48 << 20  # of what is computed at once: more is not faster, less costs calls


class Swin(nn.Module):
    """The transformer; its four feature maps have 1/4, 1/8, 1/16 and 1/32 of the picture's size.

    Args:
        width: channels of the first map; each next one has twice as many.
        depths: blocks of each stage, an even number.
        heads: of the attention, of each stage.
        window: side of a window, tokens.
    """

    def __init__(self, width: int, depths: tuple[int, ...], heads: tuple[int, ...], window: int) -> None:
        super().__init__()
        self.patch_embed = _PatchEmbedding(width)
        last = len(depths) - 1
        self.layers = nn.ModuleList(
            _Stage(width << i, depth, head, window, merges=i < last)
            for i, (depth, head) in enumerate(zip(depths, heads, strict=True))
        )
        for i in range(len(depths)):
            self.add_module(f"norm{i}", nn.LayerNorm(width << i))

    def forward(self, picture: Tensor, progress: Progress) -> list[Tensor]:
        """`(1, 3, h, w)` to four maps `(1, c, h', w')` in 32 bits, channels last in memory.

        Raises:
            Cancelled: the user wants to stop.
        """
        x = self.patch_embed(picture)
        stages = cast("list[_Stage]", list(self.layers))
        blocks = sum(len(stage.blocks) for stage in stages)
        maps, done = [], 0
        for i, stage in enumerate(stages):
            for block in stage.blocks:
                block(x, progress.part(done / blocks, (done + 1) / blocks))
                done += 1
            maps.append(getattr(self, f"norm{i}")(x).permute(2, 0, 1)[None])
            if stage.downsample is not None:
                x = stage.downsample(x)
        return maps


class _PatchEmbedding(nn.Module):
    """Each 4 x 4 pixels become one token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH_PX, stride=PATCH_PX)
        self.norm = nn.LayerNorm(width)

    def forward(self, picture: Tensor) -> Tensor:
        """`(1, 3, h, w)` to `(h/4, w/4, width)`, 32 bits; what is missing to whole patches is 0."""
        bottom, right = (-picture.shape[2]) % PATCH_PX, (-picture.shape[3]) % PATCH_PX
        tokens = self.proj(F.pad(picture, (0, right, 0, bottom)).to(self.proj.weight.dtype))
        x: Tensor = self.norm(tokens[0].permute(1, 2, 0).float().contiguous())
        return x


class _Stage(nn.Module):
    """Blocks of one width, and the step to the next."""

    def __init__(self, width: int, depth: int, heads: int, window: int, *, merges: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block(width, heads, window, window // 2 * (i % 2)) for i in range(depth))
        self.downsample = _Merging(width) if merges else None


class _Merging(nn.Module):
    """Four neighbouring tokens become one of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)
        self.norm = nn.LayerNorm(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """`(h, w, c)` to `(ceil(h/2), ceil(w/2), 2c)`; neighbours in the order down first, then across."""
        x = F.pad(x, (0, 0, 0, x.shape[1] % 2, 0, x.shape[0] % 2))
        joined = torch.cat([x[0::2, 0::2], x[1::2, 0::2], x[0::2, 1::2], x[1::2, 1::2]], dim=-1)
        return _apply(self.reduction, self.norm(joined)).float()


class _Block(nn.Module):
    """Attention in windows and a two-layer network, each added to what it was made from."""

    def __init__(self, width: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = _WindowAttention(width, heads, window)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = _Widening(width)
        self.shift = shift

    def forward(self, x: Tensor, progress: Progress) -> None:
        """Changes `x (h, w, c)` in place."""
        x += self._attended(x, progress.part(0.0, 0.5))
        tokens = x.view(-1, x.shape[-1])
        hidden = self.mlp.fc1.out_features * self.mlp.fc1.weight.element_size()
        pieces = torch.split(tokens, max(1024, CHUNK_BYTES // hidden))
        for done, piece in enumerate(pieces):
            progress.update(0.5 + 0.5 * done / len(pieces))
            piece += self.mlp(self.norm2(piece))

    def _attended(self, x: Tensor, progress: Progress) -> Tensor:
        """`(h, w, c)`: what attention adds. The map is padded to whole windows after its normalisation."""
        height, width, channels = x.shape
        side, shift = self.attn.window, self.shift
        y = self.norm1(x).to(self.attn.qkv.weight.dtype)
        y = F.pad(y, (0, 0, 0, -width % side, 0, -height % side))
        if shift:
            y = y.roll((-shift, -shift), (0, 1))
        rows, columns = y.shape[0] // side, y.shape[1] // side
        y = y.view(rows, side, columns, side, channels).transpose(1, 2).reshape(rows, columns, side * side, channels)
        far = far_apart(side, shift).to(x.device) if shift else None
        per_row = columns * side * side * (3 * channels * y.element_size() + 4 * self.attn.heads * side * side)
        step = max(1, CHUNK_BYTES // per_row)
        for top in range(0, rows, step):
            progress.update(top / rows)
            piece = y[top : top + step]
            piece.copy_(self.attn(piece, far, is_end=top + step >= rows))
        y = y.view(rows, columns, side, side, channels).transpose(1, 2).reshape(rows * side, columns * side, channels)
        if shift:
            y = y.roll((shift, shift), (0, 1))
        return y[:height, :width]


class _Widening(nn.Module):
    """Two layers, the inner one four times as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, c)` to the same shape."""
        return _apply(self.fc2, F.gelu(_apply(self.fc1, x)))


class _WindowAttention(nn.Module):
    """Attention between the tokens of a window, with a learned bias for each relative position."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.window, self.heads = window, heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        # Published files hold it; what is used is computed, so that a damaged file cannot reach outside the table.
        self.register_buffer("relative_position_index", torch.zeros(window**2, window**2, dtype=torch.int64))

    def forward(self, windows: Tensor, far: Tensor | None, *, is_end: bool) -> Tensor:
        """`(rows, columns, n, c)` to the same shape.

        Args:
            windows: whole rows of windows, each of `n` tokens.
            far: see `far_apart`, or None where windows are not shifted.
            is_end: whether the last of these rows is the map's last.
        """
        rows, columns, count, channels = windows.shape
        qkv = self.qkv(windows).view(rows * columns, count, 3, self.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        table = self.relative_position_bias_table.float()
        bias = table[relative_positions(self.window).to(table.device)].permute(2, 0, 1)
        if far is None:
            added = bias[None].expand(rows * columns, -1, -1, -1)
        else:
            added = bias.expand(rows, columns, -1, -1, -1).clone()
            added[:, -1] += far[0, 1]
            if is_end:
                added[-1, :-1] += far[1, 0]
                added[-1, -1] += far[1, 1] - far[0, 1]
            added = added.view(rows * columns, *bias.shape)
        mixed = F.scaled_dot_product_attention(query, key, value, added.to(query.dtype))
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(rows, columns, count, channels))
        return out


@lru_cache(maxsize=4)
def relative_positions(window: int) -> Tensor:
    """`(window^2, window^2) int64`: where in the table the bias of a pair of tokens stands."""
    at = torch.cartesian_prod(torch.arange(window), torch.arange(window))
    apart = at[:, None] - at[None] + (window - 1)
    return apart[..., 0] * (2 * window - 1) + apart[..., 1]


@lru_cache(maxsize=4)
def far_apart(window: int, shift: int) -> Tensor:
    """`(2, 2, n, n) float32`: what is added to the attention in a window that is (not) in the last row and column.

    There a shift that wraps around has joined both ends of the map: `FAR` between them, 0 elsewhere.
    """
    at = torch.cartesian_prod(torch.arange(window), torch.arange(window))
    wrapped = at >= window - shift
    apart = wrapped[:, None] != wrapped[None]
    below, beside = apart[..., 0], apart[..., 1]
    none = torch.zeros_like(below)
    kinds = torch.stack([none, beside, below, below | beside]).view(2, 2, window**2, window**2)
    return kinds * FAR


def _apply(layer: nn.Linear, x: Tensor) -> Tensor:
    """A matrix product in the type of its weights."""
    out: Tensor = layer(x.to(layer.weight.dtype))
    return out
