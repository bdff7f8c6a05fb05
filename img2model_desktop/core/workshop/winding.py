"""How often a triangle soup winds around the points of a grid: signed crossings of rays through all of them.

The winding number of a point is the mean, over all directions, of the signed crossings of a ray from it (Jacobson,
Kavan and Sorkine-Hornung, Robust inside-outside segmentation using generalized winding numbers, 2013). Rays along the
axes, the diagonals of faces and the diagonals of cells of a grid pass through a point of every layer, so that all rays
of one direction are counted in one sweep; the 26 directions have the weights of Lebedev's rule of degree 7.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids
from img2model_desktop.core.workshop.raster import rasterise

Floats = NDArray[np.float64]
Winding = NDArray[np.int16]

WHOLE = 840
"""What stands for a winding number of one: the weights of all rays together."""

WEIGHTS = (40, 32, 27)  # of WHOLE for each ray: along 6 axes, 12 diagonals of faces, 8 diagonals of cells
MOST = 36  # crossings of a ray that are counted; WHOLE times as many fit into 16 bits


@dataclass(frozen=True, slots=True)
class Direction:
    """Rays that advance by one along an axis and by whole steps along the two that follow it.

    Args:
        axis: 0, 1 or 2.
        first, second: steps along the next axis and the one after it, -1, 0 or 1.
    """

    axis: int
    first: int = 0
    second: int = 0

    @property
    def order(self) -> tuple[int, int, int]:
        """The two other axes, then this one; turning to it keeps the handedness."""
        return (self.axis + 1) % 3, (self.axis + 2) % 3, self.axis

    @property
    def weight(self) -> int:
        """Of a ray of this direction, of `WHOLE`."""
        return WEIGHTS[abs(self.first) + abs(self.second)]


ALONG = tuple(Direction(axis) for axis in range(3))
AROUND = (
    *ALONG,
    *(Direction(axis, 1, 0) for axis in range(3)),
    *(Direction(axis, -1, 0) for axis in range(3)),
    *(Direction(2, first, second) for first in (-1, 1) for second in (-1, 1)),
)
"""One of each pair of opposite directions: 3 axes, 6 diagonals of faces, 4 diagonals of cells."""


class Hits(NamedTuple):
    """Where rays of one direction cross triangles, sorted by ray and height.

    Args:
        first, second: `(k,) int64`, the ray: where it is at height 0.
        height: `(k,) float64`, along the direction's axis.
        sign: `(k,) int8`, +1 where the triangle faces along the direction (the ray leaves), -1 where against it.
        triangle: `(k,) int64`.
    """

    first: Ids
    second: Ids
    height: Floats
    sign: NDArray[np.int8]
    triangle: Ids


def hits_of(triangles: Floats, shape: tuple[int, int, int], direction: Direction, progress: Progress) -> Hits:
    """All crossings of the rays of a direction through the points of a grid.

    Args:
        triangles: `(m, 3, 3)`, in units of the grid, whose points have whole coordinates; inside the grid.
        shape: points along each axis.
        direction: of the rays.
        progress: token.
    """
    one, two, axis = direction.order
    turned = triangles[:, :, [one, two, axis]].copy()
    turned[..., 0] -= direction.first * turned[..., 2]
    turned[..., 1] -= direction.second * turned[..., 2]
    origin = np.minimum(np.floor(turned[..., :2].min(axis=(0, 1))), 0)
    width, height = (int(np.ceil(turned[..., k].max() - origin[k])) + 2 for k in range(2))
    a, b, c = turned[:, 0], turned[:, 1], turned[:, 2]
    normal = np.cross(b - a, c - a)
    lowest, highest = turned[..., 2].min(axis=1), turned[..., 2].max(axis=1)
    found: list[Hits] = []
    for texels in rasterise(turned[..., :2] - origin + 0.5, width, height):
        progress.update(0.0)
        face = texels.face
        u, v = texels.column + origin[0], texels.row + origin[1]
        away = normal[face, 0] * (u - a[face, 0]) + normal[face, 1] * (v - a[face, 1])
        steep = normal[face, 2]
        rise = np.divide(away, steep, out=np.zeros_like(away), where=steep != 0)
        at = np.clip(a[face, 2] - rise, lowest[face], highest[face])
        sign = np.where(steep > 0, 1, -1).astype(np.int8)
        found.append(Hits(u.astype(np.int64), v.astype(np.int64), at, sign, face))
    if not found:
        none = np.zeros(0, dtype=np.int64)
        return Hits(none, none, none.astype(np.float64), none.astype(np.int8), none)
    whole = Hits(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
    order = np.lexsort((whole.height, whole.second, whole.first))
    return Hits(*(column[order] for column in whole))


def add_winding(into: Winding, hits: Hits, direction: Direction, weight: int, both: bool, progress: Progress) -> None:
    """Adds the signed crossings of each point's ray against a direction, and of the one along it, times a weight.

    Args:
        into: the grid.
        hits: of this direction.
        direction: of the rays.
        weight: for each crossing.
        both: False where the surface is closed: the two rays of a point agree, and the one against the direction
            is counted alone.
        progress: token.
    """
    view = into.transpose(direction.order)
    wide, high, layers = view.shape
    above = np.ceil(hits.height).astype(np.int64)  # the first point at or over the crossing
    column = (hits.first + direction.first * above) * high + hits.second + direction.second * above
    order = np.argsort(above, kind="stable")
    ends = np.searchsorted(above[order], np.arange(layers + 1))
    column, sign = column[order], hits.sign[order].astype(np.float64)

    def crossings(layer: int) -> NDArray[np.int16]:
        mine = slice(ends[layer], ends[layer + 1])
        return np.bincount(column[mine], weights=sign[mine], minlength=wide * high).astype(np.int16).reshape(wide, high)

    times = np.int16(weight)
    below = np.zeros((wide, high), dtype=np.int16)
    for layer in range(layers):
        progress.update(layer / layers * 0.5)
        if layer:
            below = shifted(below, direction.first, direction.second)
        if ends[layer + 1] > ends[layer]:
            below = below + crossings(layer)
        view[:, :, layer] -= times * np.clip(below, -MOST, MOST)
    if not both:
        return
    over = np.zeros((wide, high), dtype=np.int16)
    for layer in range(layers - 2, -1, -1):
        progress.update(1.0 - layer / layers * 0.5)
        if ends[layer + 2] > ends[layer + 1]:
            over = over + crossings(layer + 1)
        over = shifted(over, -direction.first, -direction.second)
        view[:, :, layer] += times * np.clip(over, -MOST, MOST)


def shifted(layer: NDArray[np.int16], first: int, second: int) -> NDArray[np.int16]:
    """The layer moved by whole steps; zeros come in."""
    if not first and not second:
        return layer
    moved = np.zeros_like(layer)
    wide, high = layer.shape
    into = slice(max(first, 0), wide + min(first, 0)), slice(max(second, 0), high + min(second, 0))
    out = slice(max(-first, 0), wide + min(-first, 0)), slice(max(-second, 0), high + min(-second, 0))
    moved[into] = layer[out]
    return moved
