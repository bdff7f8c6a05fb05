"""Flips edges until triangles are as even as their vertices allow (Delaunay), many at once."""

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.topology import Ids, edges_of
from img2model_desktop.core.triangles import cross
from img2model_desktop.core.workshop.collapse import Flags, Points

ROUNDS = 12
"""Of flips; most meshes need three or four."""
GAIN = 1e-3
"""Radians by which two opposite angles must pass half a turn, so that equal choices do not flip for ever."""
AGREE = 0.5
"""Least cosine between the normals of the faces before and after a flip."""
BEND = 0.1
"""How much smaller the cosine between two faces may be after their flip: the surface keeps its shape."""


def delaunay(points: Points, faces: Ids, locked: Ids, rounds: int = ROUNDS, frozen: int = 0) -> Ids:
    """The faces after flips of edges whose opposite angles are more than half a turn together.

    Args:
        points: `(n, 3) float64`.
        faces: `(m, 3) int64`; each with three different corners.
        locked: `(k, 2) int64`, edges that stay.
        rounds: at most.
        frozen: no new edge may run between two of the first `frozen` vertices.

    Returns:
        `(m, 3) int64`, as closed and as manifold as before.
    """
    span = len(points)
    stay = np.unique(locked.min(axis=1) * span + locked.max(axis=1)) if len(locked) else np.zeros(0, np.int64)
    for _ in range(rounds):
        edges = edges_of(faces)
        begin = np.cumsum(edges.uses) - edges.uses
        corner, side = faces.ravel(), edges.order[begin]
        start, end = corner[side], corner[_next(side)]
        key = np.minimum(start, end) * span + np.maximum(start, end)
        open_to = begin[(edges.uses == 2) & ~_within(key, stay)]
        first, second = edges.order[open_to], edges.order[open_to + 1]
        flipped = _wanted(points, faces, first, second, frozen, key)
        if not len(flipped[0]):
            break
        faces = _flip(faces, *flipped)
    return faces


def _within(keys: Ids, ordered: Ids) -> Flags:
    if not len(ordered):
        return np.zeros(len(keys), dtype=bool)
    at = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
    return np.asarray(ordered[at] == keys)


def _wanted(points: Points, faces: Ids, first: Ids, second: Ids, frozen: int, key: Ids) -> tuple[Ids, Ids]:
    """The sides of edges to flip now: worth it, allowed, and no two with a face in common."""
    corner = faces.ravel()
    a, b, c = corner[first], corner[_next(first)], corner[_next(_next(first))]
    d = corner[_next(_next(second))]
    opposed = (corner[second] == b) & (c != d)
    angle = _angle(points, c, a, b) + _angle(points, d, a, b)
    gain = np.where(opposed, angle - np.pi, 0.0)
    worth = np.nonzero(gain > GAIN)[0]
    a, b, c, d = a[worth], b[worth], c[worth], d[worth]
    low, high = np.minimum(c, d), np.maximum(c, d)
    good = ~_within(low * len(points) + high, key) & ((high >= frozen) | (frozen == 0))
    old = _unit(points, np.stack([a, b, c], axis=1)), _unit(points, np.stack([b, a, d], axis=1))
    new = _unit(points, np.stack([a, d, c], axis=1)), _unit(points, np.stack([d, b, c], axis=1))
    mean = old[0] + old[1]
    mean /= np.maximum(np.linalg.norm(mean, axis=1), np.finfo(float).tiny)[:, None]
    for normal in new:
        good &= np.einsum("ij,ij->i", normal, mean) > AGREE
    bent = np.einsum("ij,ij->i", old[0], old[1]) - np.einsum("ij,ij->i", new[0], new[1])
    good &= bent < BEND
    worth, low, high = worth[good], low[good], high[good]
    order = np.argsort(-gain[worth], kind="stable")
    worth, low, high = worth[order], low[order], high[order]
    rank = np.arange(len(worth))
    best = np.full(len(faces), len(worth), dtype=np.int64)
    np.minimum.at(best, first[worth] // 3, rank)
    np.minimum.at(best, second[worth] // 3, rank)
    chosen = (best[first[worth] // 3] == rank) & (best[second[worth] // 3] == rank)
    if len(worth):
        pair = (low * len(points) + high)[chosen]
        _, unique = np.unique(pair, return_index=True)
        worth = worth[chosen][np.sort(unique)]
    return first[worth], second[worth]


def _flip(faces: Ids, first: Ids, second: Ids) -> Ids:
    corner = faces.ravel()
    a, b, c, d = corner[first], corner[_next(first)], corner[_next(_next(first))], corner[_next(_next(second))]
    faces = faces.copy()
    faces[first // 3] = np.stack([a, d, c], axis=1)
    faces[second // 3] = np.stack([d, b, c], axis=1)
    return faces


def _next(side: Ids) -> Ids:
    return np.asarray(side // 3 * 3 + (side % 3 + 1) % 3)


def _angle(points: Points, tip: Ids, one: Ids, other: Ids) -> NDArray[np.float64]:
    u, v = points[one] - points[tip], points[other] - points[tip]
    return np.asarray(np.arctan2(np.linalg.norm(cross(u, v), axis=1), np.einsum("ij,ij->i", u, v)))


def _unit(points: Points, corners: Ids) -> Points:
    at = points[corners]
    normal = cross(at[:, 1] - at[:, 0], at[:, 2] - at[:, 0])
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1), np.finfo(float).tiny)[:, None])
