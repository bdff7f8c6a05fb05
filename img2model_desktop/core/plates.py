"""Closed bodies between a front and a back that stand over the same outline."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.picture import Pixels
from img2model_desktop.core.planar import Planar

Points = NDArray[np.float64]
Indices = NDArray[np.int64]
Heights = NDArray[np.floating[Any]]

PLAIN_ROWS = 8  # of the strip: enough that smaller texture levels keep its colour


@dataclass(frozen=True, slots=True, eq=False)
class Slab:
    """A closed flat body.

    Args:
        vertices: `(n, 3) float64` picture pixels: x to the right, y up (so minus the picture's y), z to the front.
        faces: `(m, 3) int64`, counter-clockwise seen from outside.
        is_back: `(n,) bool`, the vertices of the back, its rim included.
        is_wall: `(n,) bool`, the vertices of the wall, without the rims of front and back.
    """

    vertices: Points
    faces: Indices
    is_back: NDArray[np.bool_]
    is_wall: NDArray[np.bool_]


def closed_between(front: Planar, front_z: Heights, back: Planar, back_z: Heights, edge: float) -> Slab:
    """Joins a front and a back with a wall.

    Args:
        front: as seen in the picture, the inside on the left of its rims.
        front_z: `(n,)` heights of its points, pixels.
        back: over the same rims, with the very same points on them.
        back_z: `(k,)` heights of its points, below the front's.
        edge: about the height of a row of the wall, pixels; infinite for one row.

    Raises:
        ValueError: the rims of front and back differ.
    """
    count = len(front.points)
    place = np.stack([front.points[:, 0], -front.points[:, 1]], axis=1)
    under = np.stack([back.points[:, 0], -back.points[:, 1]], axis=1)
    below = _counterparts(front, back) + count
    layers = [np.column_stack([place, front_z]), np.column_stack([under, back_z])]
    parts = [front.faces, back.faces[:, ::-1] + count]
    total = count + len(back.points)
    for ring in front.rims:
        low, high = back_z[below[ring] - count], front_z[ring]
        rows = max(round(float((high - low).max()) / edge), 1)
        upper = ring
        for row in range(1, rows + 1):
            if row == rows:
                lower = below[ring]
            else:
                lower = total + np.arange(len(ring))
                layers.append(np.column_stack([place[ring], high + (low - high) * (row / rows)]))
                total += len(ring)
            following = np.roll(lower, -1)
            # Seen from the front the inside is on the ring's left, so the wall looks to its right.
            parts += [
                np.stack([upper, lower, following], axis=1),
                np.stack([upper, following, np.roll(upper, -1)], axis=1),
            ]
            upper = lower
    number = np.arange(total)
    is_back = (number >= count) & (number < count + len(back.points))
    return Slab(np.concatenate(layers), np.concatenate(parts), is_back, number >= count + len(back.points))


def with_plain(
    texture: Pixels, uv: NDArray[np.float32], plain: NDArray[np.bool_], colour: tuple[int, int, int]
) -> tuple[Pixels, NDArray[np.float32]]:
    """A texture with a strip of one colour below it, and texture coordinates that point there for some vertices.

    Args:
        texture: `(h, w, 4) uint8`, opaque.
        uv: `(n, 2) float32`, origin lower left, into that texture.
        plain: `(n,) bool`, the vertices that get the one colour.
        colour: of the strip, sRGB.
    """
    high, wide = texture.shape[:2]
    strip = np.full((PLAIN_ROWS, wide, 4), 255, np.uint8)
    strip[..., :3] = colour
    share = np.float32(high / (high + PLAIN_ROWS))
    moved = np.stack([uv[:, 0], 1 - (1 - uv[:, 1]) * share], axis=1)
    moved[plain] = [0.5, (1 - share) / 2]
    return np.concatenate([texture, strip]), moved.astype(np.float32)


def _counterparts(front: Planar, back: Planar) -> Indices:
    """`(n,) int64`: for each front point of a rim the back point in the same place; -1 for the others."""
    ours, theirs = np.concatenate(front.rims), np.concatenate(back.rims)
    one, two = ours[_order(front.points[ours])], theirs[_order(back.points[theirs])]
    if len(one) != len(two) or not np.array_equal(front.points[one], back.points[two]):
        raise ValueError("front and back have different rims")
    found = np.full(len(front.points), -1, np.int64)
    found[one] = two
    return found


def _order(points: Points) -> Indices:
    return np.lexsort(points.T).astype(np.int64)


def divided(line: Points, edge: float) -> Points:
    """An open line `(k, 2)` with points added so that no piece is much longer than `edge`."""
    long = np.hypot(*np.diff(line, axis=0).T)
    pieces = np.maximum(np.ceil(long / edge - 0.05), 1).astype(np.int64)
    owner = np.repeat(np.arange(len(pieces)), pieces)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    share = (step / pieces[owner])[:, None]
    points = line[owner] + share * (line[owner + 1] - line[owner])
    return np.concatenate([points, line[-1:]])


def lattice(box: tuple[float, float, float, float], edge: float) -> Points:
    """`(n, 2) float64`: points of a lattice of equilateral triangles in a box (left, top, right, bottom)."""
    left, top, right, bottom = box
    high = edge * math.sqrt(3) / 2
    rows = np.arange(top + high / 2, bottom, high)
    columns = np.arange(left + edge / 4, right, edge)
    x = columns[None, :] + (np.arange(len(rows)) % 2)[:, None] * (edge / 2)
    return np.stack([x, np.broadcast_to(rows[:, None], x.shape)], axis=2).reshape(-1, 2)
