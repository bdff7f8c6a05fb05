"""A closed surface between a first and a last depth, cut where the depth jumps.

Along the ray of each vertex of a flat silhouette the subject is taken to be solid from its first to its last hit.
Two neighbouring rays belong together where their solid stretches meet. Where they lie apart, a chair's front leg
before its hind leg, say, the triangles between are cut in the middle and both sides are closed on their own:
nothing hangs between the legs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.flat import Flat

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

REACH = 0.48  # of a cut edge: so far each side grows towards the other; below one half, so that they stay apart


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """A closed, oriented 2-manifold in picture pixels, y up, +z towards the viewer.

    Args:
        vertices: `(n, 3) float64`. No two are in the same place, unless depths are.
        faces: `(m, 3) int64`, counter-clockwise seen from outside.
        flat: `(n, 2) float64`, where each vertex lies in the picture, pixels, y down.
        is_back: `(n,) bool`, vertices of the last layer; the other half are those of the first.
        walls: how many faces, the last ones, join the two layers.
        cuts: how many edges of the flat triangulation were cut.
    """

    vertices: Floats
    faces: Indices
    flat: Floats
    is_back: NDArray[np.bool_]
    walls: int
    cuts: int


def between(flat: Flat, front: Floats, back: Floats, gap: float, least: float) -> Columns:
    """The solid between two depths over a silhouette.

    Args:
        flat: the silhouette.
        front, back: `(k,) float64`, depths of the flat vertices, pixels towards the viewer.
        gap: an edge is cut where the stretches of its ends lie more than this apart, pixels.
        least: the solid is at least this thick everywhere, pixels, above 0.

    Raises:
        ValueError: `least` is not above 0.
    """
    if not least > 0:
        raise ValueError("a solid needs some thickness")
    middle, half = (front + back) / 2, np.maximum((front - back) / 2, least / 2)
    points = np.column_stack([flat.vertices, middle + half, middle - half])
    points, faces, cuts = _cut(points, flat.faces, gap)
    count = len(points)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    lone = ~np.isin(edges[:, 0] * count + edges[:, 1], edges[:, 1] * count + edges[:, 0])
    a, b = edges[lone].T
    walls = np.concatenate([np.stack([b, a, a + count], 1), np.stack([b, a + count, b + count], 1)])
    whole = np.concatenate([faces, faces[:, ::-1] + count, walls])
    place = np.concatenate([points[:, :2], points[:, :2]])
    vertices = np.column_stack([place[:, 0], -place[:, 1], np.concatenate([points[:, 2], points[:, 3]])])
    return Columns(vertices, whole, place, np.arange(2 * count) >= count, len(walls), cuts)


def _cut(points: Floats, faces: Indices, gap: float) -> tuple[Floats, Indices, int]:
    """Points `(k, 4)` (x, y, first, last) and faces, cut open between rays whose solid stretches do not meet."""
    count = len(points)
    ends = np.stack([faces, np.roll(faces, -1, axis=1)], -1)  # (m, 3, 2), edge j joins corners j and j + 1
    low, high = ends.min(-1), ends.max(-1)
    name, edge = np.unique((low * count + high).reshape(-1), return_inverse=True)
    u, v = name // count, name % count
    apart = np.maximum(points[u, 3], points[v, 3]) - np.minimum(points[u, 2], points[v, 2]) > gap
    cuts = int(apart.sum())
    if not cuts:
        return points, faces, 0
    u, v = u[apart], v[apart]
    rank = np.cumsum(apart) - 1
    near_u, near_v = points[u].copy(), points[v].copy()
    near_u[:, :2] += REACH * (points[v, :2] - points[u, :2])
    near_v[:, :2] += REACH * (points[u, :2] - points[v, :2])
    edge = edge.reshape(-1, 3)
    is_cut = apart[edge]
    here = count + rank[edge] + np.where(faces == low, 0, cuts)  # on edge j, beside corner j
    there = count + rank[edge] + np.where(faces == low, cuts, 0)  # on edge j, beside corner j + 1
    number = is_cut.sum(1)
    new = [faces[number == 0]]
    new += _one(*_turned(faces, here, there, number == 1, np.argmax(is_cut, 1)))
    new += _two(*_turned(faces, here, there, number == 2, (np.argmin(is_cut, 1) + 2) % 3))
    extra, tiles = _three(points, faces[number == 3], here[number == 3], there[number == 3], count + 2 * cuts)
    whole = np.concatenate([points, near_u, near_v, extra])
    return whole, np.concatenate(new + tiles), cuts


def _turned(
    faces: Indices, here: Indices, there: Indices, which: NDArray[np.bool_], first: Indices
) -> tuple[Indices, Indices, Indices]:
    """Some faces with their corners turned so that corner `first` leads."""
    order = (first[which, None] + np.arange(3)) % 3
    faces, here, there = (np.take_along_axis(part[which], order, 1) for part in (faces, here, there))
    return faces, here, there


def _one(corner: Indices, here: Indices, there: Indices) -> list[Indices]:
    """Edge 0 is cut: the cut ends in this face, at corner 2."""
    a, b, c = corner.T
    by_a, by_b = here[:, 0], there[:, 0]
    return [np.stack(face, 1) for face in ((a, by_a, c), (by_a, by_b, c), (by_b, b, c))]


def _two(corner: Indices, here: Indices, there: Indices) -> list[Indices]:
    """Edges 0 and 2 are cut: corner 0 is on its own."""
    a, b, c = corner.T
    alone = (a, here[:, 0], there[:, 2])
    pair = ((there[:, 0], b, c), (there[:, 0], c, here[:, 2]))
    return [np.stack(face, 1) for face in (alone, *pair)]


def _three(points: Floats, corner: Indices, here: Indices, there: Indices, begin: int) -> tuple[Floats, list[Indices]]:
    """All edges are cut: each corner keeps its third of the face, up to near the face's middle."""
    middle = points[corner][..., :2].mean(1)
    extra, tiles = [], []
    for j in range(3):
        own = points[corner[:, j]].copy()
        own[:, :2] += 2 * REACH * (middle - own[:, :2])
        tip = begin + j * len(corner) + np.arange(len(corner))
        extra.append(own)
        a, after, before = corner[:, j], here[:, j], there[:, (j + 2) % 3]
        tiles += [np.stack([a, after, tip], 1), np.stack([a, tip, before], 1)]
    return np.concatenate(extra), tiles
