"""TripoSR's networks with the names of its published checkpoint: picture tokens, planes, and the field they hold.

Tochilkin et al., TripoSR: Fast 3D object reconstruction from a single image, 2024. A vision transformer sees the
picture; a transformer turns learned tokens into three feature planes; a small perceptron reads density and colour from
them.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.networks.vit import DINO_B16, VisionTransformer, VitShape, attend, linear, place

RADIUS = 0.87
"""Half the side of the cube that the planes span."""

DENSITY_BIAS = -1.0
"""Density is exp(read + bias)."""

GROUPS = 32
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, per channel: what the vision transformer expects to be taken away and divided by."""

PLANES = ((0, 1), (0, 2), (1, 2))
"""Which coordinates of a point run along the width and the height of each plane."""


@dataclass(frozen=True, slots=True)
class TripoShape:
    """Everything that fixes the layers.

    Args:
        vit: the picture's transformer.
        picture: side of the picture, pixels.
        plane: side of each plane of tokens; the planes have twice that.
        width, layers, heads: of the transformer.
        channels: of the planes.
        neurons, hidden: of the perceptron: width, and layers between the first and the last.
    """

    vit: VitShape
    picture: int
    plane: int
    width: int
    layers: int
    heads: int
    channels: int
    neurons: int
    hidden: int


PUBLISHED = TripoShape(DINO_B16, 512, 32, 1024, 16, 16, 40, 64, 8)


class TripoNet(nn.Module):
    """All of it; `planes_of` and then `Field` are what a picture goes through."""

    def __init__(self, shape: TripoShape, by_scale: bool = True) -> None:
        super().__init__()
        self.shape = shape
        vit = VisionTransformer(shape.vit, by_scale=by_scale, pooler=True)
        place(self, "image_tokenizer.model", vit)
        place(self, "tokenizer", nn.Module())
        self.tokenizer = self.get_submodule("tokenizer")
        self.tokenizer.embeddings = nn.Parameter(torch.zeros(3, shape.width, shape.plane, shape.plane))
        self.backbone = Backbone(shape)
        place(self, "post_processor.upsample", nn.ConvTranspose2d(shape.width, shape.channels, 2, 2))
        self.decoder = Perceptron(shape)

    def lowered(self) -> set[str]:
        """Names of what may be of lower precision: both transformers' linear layers; the surface is read in float32."""
        return {
            f"{name}.{leaf}"
            for name, module in self.named_modules()
            if isinstance(module, nn.Linear) and not name.startswith("decoder.")
            for leaf, _ in module.named_parameters()
        }

    def tokens_of(self, picture: Tensor, progress: Progress | None = None) -> Tensor:
        """`(b, n, c) float32` from `(b, 3, s, s)`, 0..1."""
        mean, deviation = (picture.new_tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
        vit = self.get_submodule("image_tokenizer.model")
        assert isinstance(vit, VisionTransformer)
        tokens: Tensor = vit((picture - mean) / deviation, progress)
        return tokens

    def planes_of(self, tokens: Tensor, progress: Progress | None = None) -> Tensor:
        """`(b, 3, channels, 2 plane, 2 plane) float32` from the picture's tokens."""
        learned = self.tokenizer.get_parameter("embeddings").float()
        start = learned.transpose(0, 1).flatten(1).expand(len(tokens), -1, -1)
        x = self.backbone(start, tokens, progress)
        side = self.shape.plane
        grid = x.view(len(x), self.shape.width, 3, side, side).transpose(1, 2).flatten(0, 1)
        planes: Tensor = self.get_submodule("post_processor.upsample")(grid)
        return planes.view(len(x), 3, *planes.shape[1:])


class Backbone(nn.Module):
    """Transformer over the planes' tokens that looks at the picture's."""

    def __init__(self, shape: TripoShape) -> None:
        super().__init__()
        width = shape.width
        self.norm = nn.GroupNorm(GROUPS, width, eps=1e-6)
        self.proj_in = nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList(Block(width, shape.vit.width, shape.heads) for _ in range(shape.layers))
        self.proj_out = nn.Linear(width, width)

    def forward(self, start: Tensor, tokens: Tensor, progress: Progress | None = None) -> Tensor:
        """`(b, width, n) float32` in and out; `tokens (b, m, c)` are the picture's."""
        x = linear(self.proj_in, self.norm(start).transpose(1, 2)).float()
        total = len(self.transformer_blocks)
        for number, block in enumerate(self.transformer_blocks):
            step = None if progress is None else progress.part(number / total, (number + 1) / total)
            x = block(x, tokens, step)
        return linear(self.proj_out, x).float().transpose(1, 2) + start


class Block(nn.Module):
    """Attention among themselves, attention to the picture, perceptron; the sum stays float32."""

    def __init__(self, width: int, seen: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attn1 = Attention(width, width)
        self.attn2 = Attention(width, seen)
        place(self, "ff.net", nn.ModuleList([nn.Module(), nn.Identity(), nn.Linear(4 * width, width)]))
        place(self, "ff.net.0.proj", nn.Linear(width, 8 * width))

    def forward(self, x: Tensor, tokens: Tensor, progress: Progress | None) -> Tensor:
        """`(b, n, width) float32` in and out."""
        _tell(progress, 0.0)
        near = self.norm1(x)
        x = x + self.attn1(near, near, self.heads)
        _tell(progress, 0.35)
        x = x + self.attn2(self.norm2(x), tokens, self.heads)
        _tell(progress, 0.5)
        wide = linear(self.get_submodule("ff.net.0.proj"), self.norm3(x))
        _tell(progress, 0.8)
        kept, gate = wide.chunk(2, -1)
        return x + linear(self.get_submodule("ff.net.2"), F.gelu(gate).mul_(kept))


class Attention(nn.Module):
    """Attention of `width` channels to others."""

    def __init__(self, width: int, seen: int) -> None:
        super().__init__()
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(seen, width, bias=False)
        self.to_v = nn.Linear(seen, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor, seen: Tensor, heads: int) -> Tensor:
        """`(b, n, width)` from `x (b, n, width)`, which asks, and `seen (b, m, c)`, which answers."""
        mixed = attend(linear(self.to_q, x), linear(self.to_k, seen), linear(self.to_v, seen), heads)
        return linear(self.to_out[0], mixed)


class Perceptron(nn.Module):
    """Features of a point to density, as read before its activation, and three colours."""

    def __init__(self, shape: TripoShape) -> None:
        super().__init__()
        widths = [3 * shape.channels, *[shape.neurons] * (shape.hidden + 1), 4]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.SiLU()]
        self.layers = nn.ModuleList(layers[:-1])

    def steps(self) -> list[nn.Linear]:
        """The linear layers; a SiLU follows each but the last."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]


class Field:
    """Density and colour at points of space, read from one picture's planes.

    The perceptron's first layer is linear, and so is reading between texels: it is applied to the texels once instead
    of to each point. What is left for a point is a weighted sum of twelve rows of a table.

    Args:
        planes: `(3, channels, side, side) float32`.
        perceptron: of the same network; computed in float32, since bfloat16 turns thousands of points over.
    """

    def __init__(self, planes: Tensor, perceptron: Perceptron) -> None:
        first, *self._rest = perceptron.steps()
        self._bias = first.bias
        channels, self._side = planes.shape[1], planes.shape[-1]
        parts = torch.split(first.weight, channels, 1)
        rows = [plane.flatten(1).t() @ part.t() for plane, part in zip(planes.float(), parts, strict=True)]
        self._table = torch.cat(rows)

    def read(self, points: Tensor) -> Tensor:
        """`(m, 4) float32`: density before its activation and bias, colours before theirs; from `(m, 3)`."""
        places, shares = self._looked_up(points / RADIUS)
        x = F.embedding_bag(places, self._table, mode="sum", per_sample_weights=shares) + self._bias
        for layer in self._rest:
            x = F.linear(F.silu(x, inplace=True), layer.weight, layer.bias)
        return x

    def density(self, points: Tensor) -> Tensor:
        """`(m,)`, as published: exp(read - 1), a solid's surface lying at 25."""
        return torch.exp(self.log_density(points))

    def log_density(self, points: Tensor) -> Tensor:
        """`(m,)`, its logarithm."""
        return self.read(points)[:, 0] + DENSITY_BIAS

    def colour(self, points: Tensor) -> Tensor:
        """`(m, 3)`, sRGB 0..1."""
        return torch.sigmoid(self.read(points)[:, 1:])

    def _looked_up(self, at: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of the table and their shares, `(m, 12)` each, for points in -1..1; beyond a plane's texels is zero."""
        side = self._side
        texel = (at + 1) * (side / 2) - 0.5
        low = texel.floor()
        share = texel - low
        index = low.int()
        after = share * ((index >= -1) & (index < side - 1))
        before = (1 - share) * ((index >= 0) & (index < side))
        shares = torch.stack([before, after], 2)  # (m, axis, texel)
        texels = torch.stack([index.clamp(0, side - 1), (index + 1).clamp(0, side - 1)], 2)
        across, down = ([axes[k] for axes in PLANES] for k in range(2))
        first = torch.arange(3, dtype=torch.int32, device=at.device).mul(side * side).view(3, 1, 1)
        rows, columns = (_picked(texels, axes) for axes in (down, across))
        places = (rows[..., None] * side + first) + columns[:, :, None]
        weights = _picked(shares, down)[..., None] * _picked(shares, across)[:, :, None]
        return places.flatten(1), weights.flatten(1)


def _picked(values: Tensor, axes: list[int]) -> Tensor:
    """`(m, 3, 2)`: the values of some axes; slices put together are faster than an index."""
    return torch.cat([values[:, axis : axis + 1] for axis in axes], 1)


def published() -> TripoNet:
    """The network at published size on the meta device."""
    with torch.device("meta"):
        return TripoNet(PUBLISHED)


def _tell(progress: Progress | None, fraction: float) -> None:
    if progress is not None:
        progress.update(fraction)
