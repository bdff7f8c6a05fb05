"""How often a triangle soup winds around the points of a grid: signed crossings of rays through all of them.

The winding number of a point is the mean, over all directions, of the signed crossings of a ray from it (Jacobson,
Kavan and Sorkine-Hornung, Robust inside-outside segmentation using generalized winding numbers, 2013). Rays along the
axes, the diagonals of faces and the diagonals of cells of a grid pass through a point of every layer, so that all rays
of one direction are counted in one sweep; the 26 directions have the weights of Lebedev's rule of degree 7.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

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

    def chosen(self, which: Ids | NDArray[np.bool_]) -> "Hits":
        """Some of the crossings."""
        return Hits(self.first[which], self.second[which], self.height[which], self.sign[which], self.triangle[which])


def hits_of(triangles: Floats, direction: Direction, progress: Progress) -> Hits:
    """All crossings of the rays of a direction through the points of a grid.

    Args:
        triangles: `(m, 3, 3)`, in units of the grid, whose points have whole coordinates; inside the grid.
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
    none = np.zeros(0, dtype=np.int64)
    found.append(Hits(none, none, none.astype(np.float64), none.astype(np.int8), none))
    whole = Hits(
        np.concatenate([hits.first for hits in found]),
        np.concatenate([hits.second for hits in found]),
        np.concatenate([hits.height for hits in found]),
        np.concatenate([hits.sign for hits in found]),
        np.concatenate([hits.triangle for hits in found]),
    )
    return whole.chosen(np.lexsort((whole.height, whole.second, whole.first)))


class Sweep:
    """One direction's rays through all points of a grid.

    Args:
        hits: crossings of these rays.
        direction: of the rays.
        shape: of the grid.
    """

    def __init__(self, hits: Hits, direction: Direction, shape: tuple[int, ...]) -> None:
        self._direction = direction
        self._wide, self._high, self._layers = (shape[axis] for axis in direction.order)
        above = np.ceil(hits.height).astype(np.int64)  # the first point at or over the crossing
        column = (hits.first + direction.first * above) * self._high + hits.second + direction.second * above
        order = np.argsort(above, kind="stable")
        self._ends = np.searchsorted(above[order], np.arange(self._layers + 1))
        self._column, self._sign = column[order], hits.sign[order]

    def add_closed(self, winding: Winding, progress: Progress) -> None:
        """Adds the winding number of a closed surface, of which any one ray from a point knows all.

        Args:
            winding: the grid, in parts of `WHOLE`.
            progress: token.
        """
        view = winding.transpose(self._direction.order)
        for layer, crossed, _ in self._layers_from(-1, progress):
            view[:, :, layer] -= np.int16(WHOLE) * crossed

    def add(self, winding: Winding, open_to: Winding, progress: Progress) -> None:
        """Adds what the two rays of each point say, along the direction and against it.

        Args:
            winding: the grid; gets the signed crossings times the weight.
            open_to: the grid; gets the weight of rays that cross nothing.
            progress: token.
        """
        weight = np.int16(self._direction.weight)
        winding, open_to = (grid.transpose(self._direction.order) for grid in (winding, open_to))
        for way, part in ((-1, progress.part(0.0, 0.5)), (1, progress.part(0.5, 1.0))):
            for layer, crossed, met in self._layers_from(way, part):
                winding[:, :, layer] += np.int16(way * weight) * crossed
                open_to[:, :, layer] += weight * ~met

    def _layers_from(self, way: int, progress: Progress) -> Iterator[tuple[int, NDArray[np.int16], NDArray[np.bool_]]]:
        """Layer after layer: its number, signed crossings below (-1) or above (+1) its points, and whether any."""
        first, second = self._direction.first, self._direction.second
        crossed = np.zeros((self._wide, self._high), dtype=np.int16)
        met = np.zeros((self._wide, self._high), dtype=bool)
        for number in range(self._layers):
            progress.update(number / self._layers)
            layer = number if way < 0 else self._layers - 1 - number
            if way < 0:
                crossed, met = shifted(crossed, first, second), shifted(met, first, second)
                self._count(layer, crossed, met)
            elif number:
                self._count(layer + 1, crossed, met)
                crossed, met = shifted(crossed, -first, -second), shifted(met, -first, -second)
            yield layer, crossed, met

    def _count(self, layer: int, crossed: NDArray[np.int16], met: NDArray[np.bool_]) -> None:
        """Adds the crossings between a layer and the one below."""
        mine = slice(self._ends[layer], self._ends[layer + 1])
        if mine.stop > mine.start:
            np.add.at(crossed.reshape(-1), self._column[mine], self._sign[mine])
            np.clip(crossed, -MOST, MOST, out=crossed)
            met.reshape(-1)[self._column[mine]] = True


Layer = TypeVar("Layer", bound=np.generic)


def shifted(layer: NDArray[Layer], first: int, second: int) -> NDArray[Layer]:
    """The layer moved by whole steps; zeros come in."""
    if not first and not second:
        return layer
    moved = np.zeros_like(layer)
    wide, high = layer.shape
    into = slice(max(first, 0), wide + min(first, 0)), slice(max(second, 0), high + min(second, 0))
    out = slice(max(-first, 0), wide + min(-first, 0)), slice(max(-second, 0), high + min(-second, 0))
    moved[into] = layer[out]
    return moved
