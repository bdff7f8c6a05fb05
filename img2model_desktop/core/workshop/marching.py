"""A closed manifold surface around the inner points of a grid, with its vertices where the true surface is."""

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

CLEAR = 0.01
"""Nearer to a point of the grid than so many cells comes no vertex: vertices stay apart."""

Position = Callable[[int, Ids, NDArray[np.bool_]], Floats]
"""Given an axis, the lower points `(n, 3)` of edges along it, and whether those are the inner ones: where between the
two points the surface is, `(n,)` in 0..1."""


def well_composed(inner: Flags, progress: Progress) -> int:
    """Fills points, in place, until the surface between inner and outer points is a manifold. Returns how many.

    Two inner points of a square (or cube) that lie across from each other must be joined by another one in it, and two
    outer ones as well (Latecki, 3D well-composed pictures, 1997); then every cell has one patch at most.
    """
    filled = 0
    for _ in range(64):
        before = int(inner.sum())
        for axis in range(3):
            progress.update(0.0)
            _join_squares(inner, axis)
        progress.update(0.0)
        _join_cubes(inner)
        added = int(inner.sum()) - before
        filled += added
        if not added:
            return filled
    return filled


def _join_squares(inner: Flags, axis: int) -> None:
    view = np.moveaxis(inner, axis, 0)
    a, b, c, d = view[:, :-1, :-1], view[:, 1:, :-1], view[:, :-1, 1:], view[:, 1:, 1:]
    crossed = (a == d) & (b == c) & (a != b)
    if crossed.any():
        where = np.nonzero(crossed)
        for first, second in product((0, 1), repeat=2):  # all four: whichever two are outside
            view[where[0], where[1] + first, where[2] + second] = True


def _join_cubes(inner: Flags) -> None:
    """Cells whose only two inner (or outer) corners lie across from each other."""
    corners = {at: inner[tuple(slice(k, n - 1 + k) for k, n in zip(at, inner.shape, strict=True))]
               for at in product((0, 1), repeat=3)}  # fmt: skip
    total = sum(corner.astype(np.int8) for corner in corners.values())
    for one in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
        other = (1 - one[0], 1 - one[1], 1 - one[2])
        both = corners[one] & corners[other] & (total == 2)
        none = ~corners[one] & ~corners[other] & (total == 6)
        where = np.nonzero(both | none)
        if len(where[0]):
            i, j, k = where
            inner[i + one[0], j + one[1], k + one[2]] = True
            # a path of two steps along the cube's sides joins two inner corners; filling one outer corner leaves one
            inner[i + other[0], j + one[1], k + one[2]] |= both[where]
            inner[i + other[0], j + other[1], k + one[2]] |= both[where]


def march(inner: Flags, position: Position, progress: Progress) -> tuple[Floats, NDArray[np.int32]]:
    """The surface between inner and outer points of a well-composed grid whose border is outside.

    Returns:
        vertices `(n, 3)` in cells, one on every edge of the grid with ends on both sides, and faces `(m, 3)` that look
        outwards.
    """
    from skimage.measure import marching_cubes

    volume = np.where(inner, np.float32(1), np.float32(-1))
    progress.update(0.1)
    middles, faces, _, _ = marching_cubes(  # type: ignore[no-untyped-call]  # skimage states none
        volume, 0.0, gradient_direction="ascent"
    )
    del volume
    progress.update(0.7)
    vertices = np.rint(middles.astype(np.float64) * 2) / 2
    axis = np.argmax(vertices != np.floor(vertices), axis=1)
    low = np.floor(vertices).astype(np.int64)
    for way in range(3):
        mine = np.nonzero(axis == way)[0]
        points = low[mine]
        at = position(way, points, inner[points[:, 0], points[:, 1], points[:, 2]])
        vertices[mine, way] = points[:, way] + np.clip(at, CLEAR, 1 - CLEAR)
    progress.update(1.0)
    return vertices, np.asarray(faces, dtype=np.int32)
