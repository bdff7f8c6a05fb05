"""Triangles that fill flat loops and keep given lines as edges: a conforming Delaunay triangulation.

Lines that the Delaunay triangulation of the points does not have as edges are halved until it has them (Ruppert 1995,
without his bound on angles). That ends quickly because the lines come densely sampled.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress

Points = NDArray[np.float64]
Indices = NDArray[np.int64]

ROUNDS = 12
FRAME = 0.5  # of the size, how far outside the loops the frame lies that keeps them off the hull


@dataclass(frozen=True, slots=True, eq=False)
class Planar:
    """A filled set of loops.

    Args:
        points: `(n, 2) float64`.
        faces: `(m, 3) int64`; they turn as the outer loops do.
        rims: closed rings of indices into `points`: the loops, with the points that were added on them.
    """

    points: Points
    faces: Indices
    rims: tuple[Indices, ...]


class Crossing(ValueError):
    """The lines cross or touch, so there is nothing to fill."""


def fill(rims: list[Points], lines: list[Points], inside: Points, progress: Progress | None = None) -> Planar:
    """Fills loops.

    Args:
        rims: closed loops `(k, 2) float64`, the last point joined to the first; the inside is on the left where y
            points down, for outer loops as for holes.
        lines: more polylines `(k, 2) float64`, open, that become edges; where they meet rims or each other they
            share a point exactly.
        inside: `(n, 2) float64`, more points, all inside and off the lines.
        progress: of this work.

    Raises:
        Crossing: rims cross or touch.
    """
    from scipy.spatial import Delaunay

    progress = progress or Progress()
    points, segments, is_rim = _collected(rims, lines, inside)
    for attempt in range(ROUNDS):
        progress.update(attempt / ROUNDS)
        triangulation = Delaunay(points)
        progress.update((attempt + 0.8) / ROUNDS)
        faces = triangulation.simplices.astype(np.int64)
        missing = ~_has_edges(faces, segments, len(points))
        if not missing.any():
            progress.update(1.0)
            return _kept(points, faces, segments, is_rim)
        points, segments, is_rim = _halved(points, segments, is_rim, missing)
    raise Crossing("lines cross")


def _collected(rims: list[Points], lines: list[Points], inside: Points) -> tuple[Points, Indices, NDArray[np.bool_]]:
    """All points once, the frame first, then the segments between them `(s, 2)`, and which are of a rim."""
    every = np.concatenate([*rims, *lines])
    low, high = every.min(axis=0), every.max(axis=0)
    reach = FRAME * float((high - low).max())
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [0, -1], [1, 0], [0, 1], [-1, 0]], np.float64)
    frame = (low + high) / 2 + corners * ((high - low) / 2 + reach)
    stacked = np.concatenate([frame, every, inside])
    segments, first = [], len(frame)
    for loop in rims:
        index = first + np.arange(len(loop))
        segments.append(np.stack([index, np.roll(index, -1)], axis=1))
        first += len(loop)
    rim_segments = sum(len(part) for part in segments)
    for line in lines:
        index = first + np.arange(len(line))
        segments.append(np.stack([index[:-1], index[1:]], axis=1))
        first += len(line)
    points, inverse = np.unique(stacked, axis=0, return_inverse=True)
    joined = inverse.reshape(-1)[np.concatenate(segments)]
    is_rim = np.arange(len(joined)) < rim_segments
    real = joined[:, 0] != joined[:, 1]
    return points, joined[real].astype(np.int64), is_rim[real]


def _keys(ends: Indices, count: int) -> Indices:
    return np.asarray(ends.min(axis=1) * count + ends.max(axis=1))


def _has_edges(faces: Indices, segments: Indices, count: int) -> NDArray[np.bool_]:
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.asarray(np.isin(_keys(segments, count), _keys(edges, count)))


def _halved(
    points: Points, segments: Indices, is_rim: NDArray[np.bool_], missing: NDArray[np.bool_]
) -> tuple[Points, Indices, NDArray[np.bool_]]:
    a, b = segments[missing, 0], segments[missing, 1]
    middle = len(points) + np.arange(len(a))
    points = np.concatenate([points, (points[a] + points[b]) / 2])
    segments = np.concatenate([segments[~missing], np.stack([a, middle], axis=1), np.stack([middle, b], axis=1)])
    is_rim = np.concatenate([is_rim[~missing], is_rim[missing], is_rim[missing]])
    return points, segments, is_rim


def _kept(points: Points, faces: Indices, segments: Indices, is_rim: NDArray[np.bool_]) -> Planar:
    """The triangles inside the rims, and what is still used."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    corner = points[faces]
    way, other = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    turns = way[:, 0] * other[:, 1] - way[:, 1] * other[:, 0]
    # The inside is on the left as seen where y points down: the signed area is below zero there.
    faces = np.where((turns > 0)[:, None], faces[:, ::-1], faces)
    count, many = len(points), len(faces)
    rim = segments[is_rim]
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    owner = np.tile(np.arange(many), 3)
    key = _keys(sides, count)
    order = np.argsort(key, kind="stable")
    same = np.nonzero(key[order][1:] == key[order][:-1])[0]
    open_side = ~np.isin(key[order][same], _keys(rim, count))
    one, two = owner[order[same[open_side]]], owner[order[same[open_side] + 1]]
    graph = coo_matrix((np.ones(len(one)), (one, two)), shape=(many, many))
    _, label = connected_components(graph, directed=False)
    directed = sides[:, 0] * count + sides[:, 1]
    left = owner[np.isin(directed, rim[:, 0] * count + rim[:, 1])]
    right = owner[np.isin(directed, rim[:, 1] * count + rim[:, 0])]
    good, bad = np.unique(label[left]), np.unique(label[right])
    if np.intersect1d(good, bad).size:
        raise Crossing("loops cross")
    faces = faces[np.isin(label, good)]
    used, flat = np.unique(faces, return_inverse=True)
    new = np.full(count, -1, np.int64)
    new[used] = np.arange(len(used))
    return Planar(points[used], flat.reshape(-1, 3).astype(np.int64), _rings(new[rim]))


def _rings(segments: Indices) -> tuple[Indices, ...]:
    """Directed segments joined to closed rings. Raises Crossing where a point has more than one way on."""
    if len(np.unique(segments[:, 0])) != len(segments) or (segments < 0).any():
        raise Crossing("loops touch")
    following = dict(segments.tolist())
    rings = []
    while following:
        start, at = following.popitem()
        ring = [start]
        while at != start:
            ring.append(at)
            at = following.pop(at)
        rings.append(np.array(ring, np.int64))
    return tuple(rings)
