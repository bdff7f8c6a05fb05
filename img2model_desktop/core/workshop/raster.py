"""Which texels the triangles of a uv layout cover, and where in the triangles they lie."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

BATCH = 1 << 20
"""Texels worked on at once: bounds the memory, and the time between two looks at the progress."""


class Texels(NamedTuple):
    """Texels whose middle lies in a triangle.

    Args:
        face: `(k,) int64`, the triangle.
        row, column: `(k,) int64`, from the upper left corner of the picture.
        weights: `(k, 3) float64`, barycentric coordinates of the middle of the texel.
    """

    face: Ids
    row: Ids
    column: Ids
    weights: Floats


def rasterise(corners: Floats, width: int, height: int, batch: int = BATCH) -> Iterator[Texels]:
    """The texels that triangles cover, batch after batch; triangles without area cover none.

    A texel belongs to a triangle when its middle lies in it; one on a common side belongs to both or to one of them.

    Args:
        corners: `(m, 3, 2)`, texel coordinates: x to the right, y downwards, `(0, 0)` the outer corner of the picture.
        width, height: of the picture; what lies outside is left out.
        batch: about how many texels a batch has.
    """
    flat = corners.astype(np.float64)
    low, high = flat.min(axis=1), flat.max(axis=1)
    first = np.clip(np.ceil(low[:, 1] - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.floor(high[:, 1] - 0.5), -1, height - 1).astype(np.int64)
    rows = np.maximum(last - first + 1, 0)
    rows[_twice_area(flat) == 0] = 0
    span = np.clip(np.ceil(high[:, 0] - low[:, 0]), 1, width).astype(np.int64)
    ends = np.cumsum(rows * span)
    start = 0
    while start < len(flat):
        goal = (ends[start - 1] if start else 0) + batch
        stop = max(start + 1, int(np.searchsorted(ends, goal)))
        yield from _scan(flat[start:stop], first[start:stop], rows[start:stop], start, width, batch)
        start = stop


def _twice_area(corners: Floats) -> Floats:
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0])


def _scan(corners: Floats, first: Ids, rows: Ids, offset: int, width: int, batch: int) -> Iterator[Texels]:
    """Rows of triangles become spans, spans become texels."""
    face, step = _expanded(rows)
    row = first[face] + step
    left, right = _span(corners[face], row + 0.5)
    begin = np.clip(np.ceil(left - 0.5), 0, width).astype(np.int64)
    count = np.maximum(np.clip(np.floor(right - 0.5), -1, width - 1).astype(np.int64) - begin + 1, 0)
    ends = np.cumsum(count)
    start = 0
    while start < len(face):  # one huge triangle can be more than a batch
        goal = (ends[start - 1] if start else 0) + batch
        stop = max(start + 1, int(np.searchsorted(ends, goal)))
        which, across = _expanded(count[start:stop])
        which += start
        column = begin[which] + across
        if len(column):
            weights = barycentric(corners[face[which]], column + 0.5, row[which] + 0.5)
            yield Texels(face[which] + offset, row[which], column, weights)
        start = stop


def _expanded(counts: Ids) -> tuple[Ids, Ids]:
    """For counts `(2, 0, 3)`: which `(0, 0, 2, 2, 2)` and the number within it `(0, 1, 0, 1, 2)`."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)


def _span(corners: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Where a horizontal line cuts triangles, `(k,)` each: leftmost and rightmost x; left > right where it misses."""
    left, right = np.full(len(y), np.inf), np.full(len(y), -np.inf)
    for one, other in ((0, 1), (1, 2), (2, 0)):
        x0, y0 = corners[:, one, 0], corners[:, one, 1]
        x1, y1 = corners[:, other, 0], corners[:, other, 1]
        rise = y1 - y0
        hit = (np.minimum(y0, y1) <= y) & (y <= np.maximum(y0, y1)) & (rise != 0)
        x = x0 + (y - y0) * (x1 - x0) / np.where(rise == 0, 1.0, rise)
        left = np.where(hit, np.minimum(left, x), left)
        right = np.where(hit, np.maximum(right, x), right)
    return np.where(np.isfinite(left), left, 0.0), np.where(np.isfinite(right), right, -1.0)


def barycentric(corners: Floats, x: Floats, y: Floats) -> Floats:
    """`(k, 3)` weights of points `(k,)`, `(k,)` in triangles `(k, 3, 2)`, none below 0 and with the sum 1."""
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    px, py = x - corners[:, 0, 0], y - corners[:, 0, 1]
    area = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    area = np.where(area == 0, 1.0, area)
    second = (px * other[:, 1] - py * other[:, 0]) / area
    third = (one[:, 0] * py - one[:, 1] * px) / area
    weights = np.maximum(np.stack([1 - second - third, second, third], axis=1), 0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
