"""Which texels the triangles of a uv layout cover, and where in the triangles they lie."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

BATCH = 1 << 19
"""Texels worked on at once: bounds the memory, and the time between two looks at the progress."""
FACES = 1 << 16
"""Triangles likewise."""


class Spans(NamedTuple):
    """Runs of texels of one row whose middles lie in a triangle.

    Args:
        face: `(k,) int64`, the triangle.
        row: `(k,) int64`, from the top of the picture.
        begin: `(k,) int64`, first column.
        length: `(k,) int64`, at least 1.
    """

    face: Ids
    row: Ids
    begin: Ids
    length: Ids


def spans_of(corners: Floats, width: int, height: int, progress: Progress | None = None) -> Spans:
    """The texels that triangles cover, row by row; triangles without area cover none.

    A texel belongs to a triangle when its middle lies in it. Each side is cut with a row in one way, whichever
    triangle it belongs to, and spans are closed to the left and open to the right: triangles that share a side share
    no texel, and leave none out between them.

    Args:
        corners: `(m, 3, 2)`, texel coordinates: x to the right, y downwards, `(0, 0)` the outer corner of the picture.
        width, height: of the picture; what lies outside is left out.
        progress: asked before each `FACES` of them.
    """
    found = []
    for start in range(0, len(corners), FACES):
        if progress is not None:
            progress.update(start / len(corners))
        some = _spans_of(corners[start : start + FACES], width, height)
        found.append(some._replace(face=some.face + start))
    if not found:
        return _spans_of(corners, width, height)
    return Spans(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _spans_of(corners: Floats, width: int, height: int) -> Spans:
    """As `spans_of`, at once."""
    x, y = corners[..., 0].astype(np.float64), corners[..., 1].astype(np.float64)
    first = np.clip(np.ceil(y.min(axis=1) - 0.5), 0, height).astype(np.int64)
    end = np.clip(np.ceil(y.max(axis=1) - 0.5), 0, height).astype(np.int64)
    face, step = expanded(np.maximum(end - first, 0))
    row = first[face] + step
    left, right = np.full(len(face), np.inf), np.full(len(face), -np.inf)
    middle = row + 0.5
    for one, other in ((0, 1), (1, 2), (2, 0)):
        up = (y[:, one] < y[:, other]) | ((y[:, one] == y[:, other]) & (x[:, one] < x[:, other]))
        x0, y0 = np.where(up, x[:, one], x[:, other]), np.where(up, y[:, one], y[:, other])
        x1, y1 = np.where(up, x[:, other], x[:, one]), np.where(up, y[:, other], y[:, one])
        slope = np.divide(x1 - x0, y1 - y0, out=np.zeros_like(x0), where=y1 > y0)
        hit = (y0[face] <= middle) & (middle < y1[face])
        at = x0[face] + (middle - y0[face]) * slope[face]
        np.minimum(left, at, out=left, where=hit)
        np.maximum(right, at, out=right, where=hit)
    hit = right > left
    face, row, left, right = face[hit], row[hit], left[hit], right[hit]
    begin = np.clip(np.ceil(left - 0.5), 0, width).astype(np.int64)
    count = np.clip(np.ceil(right - 0.5), 0, width).astype(np.int64) - begin
    some = count > 0
    return Spans(face[some], row[some], begin[some], count[some])


class Texels(NamedTuple):
    """Texels whose middle lies in a triangle.

    Args:
        face: `(k,) int64`, the triangle.
        row, column: `(k,) int64`, from the upper left corner of the picture.
    """

    face: Ids
    row: Ids
    column: Ids


def rasterise(corners: Floats, width: int, height: int, batch: int = BATCH) -> Iterator[Texels]:
    """The texels of `spans_of`, batch after batch.

    Args:
        corners, width, height: as there.
        batch: about how many texels a batch has; a row of the picture is never cut.
    """
    spans = spans_of(corners, width, height)
    ends = np.cumsum(spans.length)
    start = 0
    while start < len(ends):
        goal = (ends[start - 1] if start else 0) + batch
        stop = max(start + 1, int(np.searchsorted(ends, goal)))
        which, across = expanded(spans.length[start:stop])
        which += start
        yield Texels(spans.face[which], spans.row[which], spans.begin[which] + across)
        start = stop


def summed(spans: Spans, values: Ids, width: int, height: int) -> NDArray[np.int32]:
    """`(height, width) int32`: the sum of the values, `(m,)`, of the triangles that lie on each texel."""
    stride = width + 1  # one more column, for spans that end with the row
    begin, value = spans.row * stride + spans.begin, values[spans.face]
    change = np.bincount(begin, weights=value, minlength=height * stride)
    change -= np.bincount(begin + spans.length, weights=value, minlength=height * stride)
    return np.cumsum(change.reshape(height, stride), axis=1)[:, :width].astype(np.int32)


def expanded(counts: Ids) -> tuple[Ids, Ids]:
    """For counts `(2, 0, 3)`: which `(0, 0, 2, 2, 2)` and the number within it `(0, 1, 0, 1, 2)`."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)


def twice_area(corners: Floats) -> NDArray[np.float64]:
    """`(m,)` twice the signed area of triangles `(m, 3, 2)`: positive where they run counter-clockwise, y upwards."""
    x, y = corners[..., 0].astype(np.float64), corners[..., 1].astype(np.float64)
    return np.asarray((x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0]))
