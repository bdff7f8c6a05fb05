"""One vision transformer in its three published variants: DINO, DINOv2 and DINOv3.

The blocks are the same: layer norm, attention, layer scale, residual; layer norm, perceptron with the exact GELU, layer
scale, residual. The variants differ in positions, extra tokens and biases (`VitShape`) and in the names under which
their weights are published (`NAMES`), which the modules here bear, so that files load without renaming.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn

from img2model_desktop.core.progress import Progress

THETA = 100.0
"""Base of DINOv3's rotary frequencies."""

ROWS = 512
"""Queries whose attention a processor computes together in bfloat16; 256 to 1024 are about as fast."""


class Family(StrEnum):
    """Whose weights fit."""

    DINO = "DINO"
    DINOV2 = "DINOv2"
    DINOV3 = "DINOv3"


@dataclass(frozen=True, slots=True)
class VitShape:
    """Everything that fixes the layers.

    Args:
        family: names, and what comes with them.
        width, layers, heads, mlp: of the blocks.
        patch: side of a patch, pixels.
        eps: of every layer norm.
        table: side of the grid of learned positions; 0 for rotary ones.
        registers: tokens between the class token and the patches.
    """

    family: Family
    width: int
    layers: int
    heads: int
    mlp: int
    patch: int
    eps: float
    table: int = 0
    registers: int = 0


DINO_B16 = VitShape(Family.DINO, 768, 12, 12, 3072, 16, 1e-12, table=14)
DINOV2_S14 = VitShape(Family.DINOV2, 384, 12, 6, 1536, 14, 1e-6, table=37)
DINOV2_L14 = VitShape(Family.DINOV2, 1024, 24, 16, 4096, 14, 1e-6, table=37)
DINOV3_L16 = VitShape(Family.DINOV3, 1024, 24, 16, 4096, 16, 1e-5, registers=4)


@dataclass(frozen=True, slots=True)
class Names:
    """Published names, of the whole and within a block; "" for what a variant does not have."""

    patches: str
    blocks: str
    norm: str
    norm1: str
    query: str
    key: str
    value: str
    out: str
    norm2: str
    up: str
    down: str
    scale1: str = ""
    scale2: str = ""


NAMES = {
    Family.DINO: Names(
        "embeddings.patch_embeddings.projection",
        "encoder.layer",
        "layernorm",
        "layernorm_before",
        "attention.attention.query",
        "attention.attention.key",
        "attention.attention.value",
        "attention.output.dense",
        "layernorm_after",
        "intermediate.dense",
        "output.dense",
    ),
    Family.DINOV2: Names(
        "embeddings.patch_embeddings.projection",
        "encoder.layer",
        "layernorm",
        "norm1",
        "attention.attention.query",
        "attention.attention.key",
        "attention.attention.value",
        "attention.output.dense",
        "norm2",
        "mlp.fc1",
        "mlp.fc2",
        "layer_scale1",
        "layer_scale2",
    ),
    Family.DINOV3: Names(
        "embeddings.patch_embeddings",
        "layer",
        "norm",
        "norm1",
        "attention.q_proj",
        "attention.k_proj",
        "attention.v_proj",
        "attention.o_proj",
        "norm2",
        "mlp.up_proj",
        "mlp.down_proj",
        "layer_scale1",
        "layer_scale2",
    ),
}


class LayerScale(nn.Module):
    """A factor for each channel, under its published name."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return x * self.lambda1


def linear(layer: nn.Module, x: Tensor) -> Tensor:
    """A linear layer in the precision of its weights; the result in that precision, too."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    return F.linear(x.to(weight.dtype), weight, bias if isinstance(bias, Tensor) else None)


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Attention `(b, n, width)` of queries `(b, n, width)` to keys and values `(b, m, width)`, split into heads."""
    q, k, v = (part.view(*part.shape[:2], heads, -1).transpose(1, 2) for part in (query, key, value))
    if q.dtype == torch.bfloat16 and q.device.type == "cpu":
        return _attend_in_rows(q, k, v)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def _attend_in_rows(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The same, from `(b, heads, n, c)`, for processors that multiply bfloat16: 1.5 times as fast as torch's own.

    Torch's kernel does not use their instructions (2.13: 76 to 99 GFLOP/s where a plain product reaches 230). The
    products of one head and some queries stay in the cache.
    """
    count, heads, n, c = q.shape
    out = q.new_empty(count, n, heads, c)
    for at, head in product(range(count), range(heads)):
        asks, answers, gives = q[at, head] * c**-0.5, k[at, head].contiguous().t(), v[at, head].contiguous()
        for first in range(0, n, ROWS):
            shares = torch.softmax(asks[first : first + ROWS] @ answers, -1)
            out[at, first : first + ROWS, head] = shares @ gives
    return out.flatten(2)


class Block(nn.Module):
    """Attention and perceptron, each with its norm and its residual; the sum stays in the precision of its input."""

    def __init__(self, shape: VitShape) -> None:
        super().__init__()
        self.shape = shape
        self.names = names = NAMES[shape.family]
        width = shape.width
        place(self, names.norm1, nn.LayerNorm(width, shape.eps))
        place(self, names.query, nn.Linear(width, width))
        place(self, names.key, nn.Linear(width, width, bias=shape.family is not Family.DINOV3))
        place(self, names.value, nn.Linear(width, width))
        place(self, names.out, nn.Linear(width, width))
        place(self, names.norm2, nn.LayerNorm(width, shape.eps))
        place(self, names.up, nn.Linear(width, shape.mlp))
        place(self, names.down, nn.Linear(shape.mlp, width))
        for name in (names.scale1, names.scale2):
            if name:
                place(self, name, LayerScale(width))

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor] | None) -> Tensor:
        """`(b, n, width)` in and out; `turns` are cosine and sine `(patches, head)` of rotary positions."""
        names, find = self.names, self.get_submodule
        near: Tensor = find(names.norm1)(x)
        query, key, value = (linear(find(name), near) for name in (names.query, names.key, names.value))
        if turns is not None:
            query, key = (_turned(part, turns, self.shape.heads) for part in (query, key))
        x = x + self._scaled(names.scale1, linear(find(names.out), attend(query, key, value, self.shape.heads)))
        wide = F.gelu(linear(find(names.up), find(names.norm2)(x)))
        return x + self._scaled(names.scale2, linear(find(names.down), wide))

    def _scaled(self, name: str, x: Tensor) -> Tensor:
        scaled: Tensor = self.get_submodule(name)(x.float()) if name else x
        return scaled


class VisionTransformer(nn.Module):
    """Pictures to tokens.

    Args:
        shape: which one.
        by_scale: learned positions are stretched by the factor (side + 0.1) / table, as transformers did up to 4.35 and
            DINO's own code does, instead of to the exact side.
        pooler: has DINO's pooler, which is published and never used.
    """

    def __init__(self, shape: VitShape, by_scale: bool = False, pooler: bool = False) -> None:
        super().__init__()
        self.shape = shape
        self.by_scale = by_scale
        names = NAMES[shape.family]
        width = shape.width
        place(self, names.patches, nn.Conv2d(3, width, shape.patch, stride=shape.patch))
        embeddings = self.get_submodule("embeddings")
        embeddings.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        if shape.family is not Family.DINO:  # for training; published, so a whole file has it
            mask = (1, width) if shape.family is Family.DINOV2 else (1, 1, width)
            embeddings.mask_token = nn.Parameter(torch.zeros(mask))
        if shape.table:
            embeddings.position_embeddings = nn.Parameter(torch.zeros(1, 1 + shape.table**2, width))
        if shape.registers:
            embeddings.register_tokens = nn.Parameter(torch.zeros(1, shape.registers, width))
        place(self, names.blocks, nn.ModuleList(Block(shape) for _ in range(shape.layers)))
        place(self, names.norm, nn.LayerNorm(width, shape.eps))
        if pooler:
            place(self, "pooler.dense", nn.Linear(width, width))

    def forward(self, image: Tensor, progress: Progress | None = None) -> Tensor:
        """The last layer's tokens `(b, 1 + registers + patches, width) float32` after the final norm."""
        return self.normed(self.features(image, (self.shape.layers,), progress)[0])

    def features(self, image: Tensor, after: Sequence[int], progress: Progress | None = None) -> list[Tensor]:
        """Tokens after the layers with these numbers, from 1 on and ascending, without the final norm.

        Args:
            image: `(b, 3, h, w) float32`, normalised as the weights expect; sides are multiples of the patch.
            after: layers; those behind the last one are not run.
            progress: asked before each layer.
        """
        x = self._embedded(image)
        rows, columns = (side // self.shape.patch for side in image.shape[-2:])
        turns = None if self.shape.table else _turns(rows, columns, self.shape.width // self.shape.heads, x.device)
        blocks = self.get_submodule(NAMES[self.shape.family].blocks)
        assert isinstance(blocks, nn.ModuleList)
        found = []
        for number, block in enumerate(blocks[: after[-1]], 1):
            if progress is not None:
                progress.update((number - 1) / after[-1])
            x = block(x, turns)
            if number in after:
                found.append(x)
        return found

    def normed(self, tokens: Tensor) -> Tensor:
        """Tokens after the final norm."""
        normed: Tensor = self.get_submodule(NAMES[self.shape.family].norm)(tokens)
        return normed

    def _embedded(self, image: Tensor) -> Tensor:
        patches = self.get_submodule(NAMES[self.shape.family].patches)
        x: Tensor = patches(image.to(patches.get_parameter("weight").dtype)).float()
        rows, columns = x.shape[-2:]
        learned = self.get_submodule("embeddings").get_parameter
        tokens = x.flatten(2).transpose(1, 2)
        first: list[Tensor] = [learned("cls_token")]
        if self.shape.table:
            table = learned("position_embeddings").float()
            tokens = tokens + resized(table[:, 1:], self.shape.table, rows, columns, self.by_scale)
            first = [first[0] + table[:, :1]]
        if self.shape.registers:
            first.append(learned("register_tokens"))
        return torch.cat([*(part.float().expand(len(x), -1, -1) for part in first), tokens], 1)


def place(root: nn.Module, name: str, module: nn.Module) -> None:
    """Puts a module under a dotted name, with empty modules between."""
    *way, leaf = name.split(".")
    for step in way:
        if not hasattr(root, step):
            root.add_module(step, nn.Module())
        root = root.get_submodule(step)
    root.add_module(leaf, module)


def resized(table: Tensor, side: int, rows: int, columns: int, by_scale: bool) -> Tensor:
    """Learned positions `(1, side**2, width)` for another grid, `(1, rows * columns, width)`, bicubic.

    Args:
        by_scale: see `VisionTransformer`.
    """
    if (rows, columns) == (side, side):
        return table
    grid = table.view(1, side, side, -1).permute(0, 3, 1, 2)
    if by_scale:
        factor = ((rows + 0.1) / side, (columns + 0.1) / side)
        grid = F.interpolate(grid, scale_factor=factor, mode="bicubic", align_corners=False)
    else:
        grid = F.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=False)
    return grid.flatten(2).transpose(1, 2)


def _turns(rows: int, columns: int, head: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosine and sine `(patches, head)` of DINOv3's rotary positions: patch centres in -1..1, row, then column."""
    at = [(torch.arange(n, device=device) + 0.5) / n * 2 - 1 for n in (rows, columns)]
    places = torch.stack(torch.meshgrid(*at, indexing="ij"), -1).flatten(0, 1)
    frequency = THETA ** -(torch.arange(0, 1, 4 / head, device=device))
    angle = (2 * math.pi * places[:, :, None] * frequency).flatten(1).tile(2)
    return angle.cos(), angle.sin()


def _turned(x: Tensor, turns: tuple[Tensor, Tensor], heads: int) -> Tensor:
    """Queries or keys `(b, n, width)` with the patch tokens, which come last, turned by their positions."""
    cosine, sine = turns
    split = x.view(*x.shape[:2], heads, -1).float()
    first, patches = split[:, : -len(cosine)], split[:, -len(cosine) :]
    low, high = patches.chunk(2, -1)
    turned = patches * cosine[:, None] + torch.cat([-high, low], -1) * sine[:, None]
    return torch.cat([first, turned], 1).flatten(2).to(x.dtype)
