"""Collapses edges of a triangle mesh, many at once, without changing how it hangs together.

A collapse is allowed where the link condition holds (Dey, Edelsbrunner, Guha and Nekhayev, Topology preserving edge
contraction, 1999) and no face turns over. Collapses whose ends are no neighbours do not disturb each other, so that a
whole set of them is done in one go; which ones depends on their costs alone.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.topology import Ids, collapsed, edges_of
from img2model_desktop.core.triangles import cross

Points = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Care(NamedTuple):
    """What a collapse must not do to the faces around it.

    Args:
        turn: cosine of the largest angle by which a face may turn; below -1: it may turn over.
        sliver: twice the area over the square of the longest side, 0.87 for an even triangle; no face may become
            thinner than this, unless it was as thin. Below 0: it may lose its area.
        longest: no side of a changed face may become longer than this.
        off: how far, on average, the planes of the faces that once were there may lie off a collapse's target.
        topology: whether holes, handles, rims and crowded edges stay as they are.
    """

    turn: float = 0.2
    sliver: float = 0.02
    longest: float = np.inf
    off: float = np.inf
    topology: bool = True


class Net(NamedTuple):
    """The edges of faces and the vertices that are special.

    Args:
        size: number of vertices.
        faces: `(m, 3) int64`.
        ends: `(e, 2) int64`, lower vertex first.
        uses: `(e,) int64`, faces of each edge.
        special: `(size,) bool`, vertices on an edge that has not exactly two faces.
        starts: `(size + 1,) int64`, where each vertex's faces begin in `around`.
        around: `(3 m,) int64`, faces around each vertex.
        sides: `(m, 3) int64`, edge number of the side that begins at each corner.
    """

    size: int
    faces: Ids
    ends: Ids
    uses: Ids
    special: Flags
    starts: Ids
    around: Ids
    sides: Ids


LUBY_ROUNDS = 3
"""More would find few edges more."""
PRIME = 2**31 - 1
SHUFFLE = 48271
"""Park and Miller, Random number generators: good ones are hard to find, 1988; times a number below the prime, modulo
the prime, all numbers differ."""


def net_of(faces: Ids, count: int) -> Net:
    """The net of faces whose corners are distinct numbers below `count`."""
    from scipy.sparse import coo_array  # 0.1 s to import, not always needed

    edges = edges_of(faces)
    first = np.zeros(len(edges.uses), dtype=np.int64)
    first[edges.edge[::-1]] = edges.order[::-1]
    ends = np.stack([faces[first // 3, first % 3], faces[first // 3, (first + 1) % 3]], axis=1)
    ends.sort(axis=1)
    sides = np.empty(len(edges.order), dtype=np.int64)
    sides[edges.order] = edges.edge
    special = np.zeros(count, dtype=bool)
    special[ends[edges.uses != 2]] = True
    corners = faces.ravel()
    # by counting, in linear time: a row for each vertex
    row = np.arange(len(corners), dtype=np.int32)
    around = coo_array((row // 3, (corners, row)), shape=(count, len(corners))).tocsr().data.astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(np.bincount(corners, minlength=count))])
    return Net(count, faces, ends, edges.uses, special, starts, around, sides.reshape(-1, 3))


def spread(values: Ids, starts: Ids) -> tuple[Ids, Ids]:
    """For each value v the numbers `starts[v] .. starts[v + 1]`, in one row, and the position of v for each."""
    lengths = starts[values + 1] - starts[values]
    owner = np.repeat(np.arange(len(values)), lengths)
    begin = np.cumsum(lengths) - lengths
    return starts[values][owner] + np.arange(len(owner)) - begin[owner], owner


def apart(net: Net, edges: Ids, in_order: bool = False) -> Ids:
    """Some of the edges, as many as go together, so that no two touch the same vertex or two neighbours.

    Luby, A simple parallel algorithm for the maximal independent set problem, 1986, with a fixed sequence instead of
    chance. In the order of costs few would be lower than all around: costs change slowly along a surface.

    Args:
        net: the whole.
        edges: `(k,) int64`, numbers of edges.
        in_order: whether earlier edges go before later ones all the same, as they should where there are few.

    Returns:
        `(j,) int64`, positions in `edges`, in order.
    """
    far = np.iinfo(np.int64).max
    left = np.arange(len(edges))
    chosen = []
    first, second = net.ends.T
    for attempt in range(LUBY_ROUNDS):
        ends = net.ends[edges[left]]
        rank = left if in_order else (left * SHUFFLE + attempt) % PRIME
        lowest = np.full(net.size, far)
        np.minimum.at(lowest, ends[:, 0], rank)
        np.minimum.at(lowest, ends[:, 1], rank)
        reach = lowest.copy()
        np.minimum.at(reach, first, lowest[second])
        np.minimum.at(reach, second, lowest[first])
        wins = (reach[ends[:, 0]] == rank) & (reach[ends[:, 1]] == rank)
        chosen.append(left[wins])
        taken = np.zeros(net.size, dtype=bool)
        taken[ends[wins]] = True
        near = taken.copy()
        near[first[taken[second]]] = True
        near[second[taken[first]]] = True
        left = left[~near[ends].any(axis=1)]
    return np.sort(np.concatenate(chosen))


def allowed(net: Net, points: Points, edges: Ids, targets: Points, care: Care) -> Flags:
    """Which collapses are done with enough care.

    Args:
        net: the whole.
        points: `(size, 3) float64`.
        edges: `(k,) int64`, numbers of edges to collapse, apart from each other.
        targets: `(k, 3) float64`, where the two ends go.
        care: what to ask for.
    """
    ends, uses = net.ends[edges], net.uses[edges]
    at_first, of_first = spread(ends[:, 0], net.starts)
    at_second, of_second = spread(ends[:, 1], net.starts)
    face = np.concatenate([net.around[at_first], net.around[at_second]])
    owner = np.concatenate([of_first, of_second])
    corners = net.faces[face]
    moved = (corners == ends[owner, :1]) | (corners == ends[owner, 1:])
    stays = moved.sum(axis=1) == 1
    good = _keeps_facing(points, corners[stays], moved[stays], owner[stays], targets, care)
    if not care.topology:
        return good
    good &= np.bincount(owner[stays], minlength=len(edges)) > 0
    good &= ~(net.special[ends].all(axis=1) & (uses == 2))
    # vertices next to both ends: exactly those of the faces that vanish
    half = np.arange(len(owner)) >= len(of_first)
    near = np.unique(((owner * 2 + half)[:, None] * net.size + corners).ravel())
    pair, vertex = near // net.size, near % net.size
    real = (vertex != ends[pair // 2, 0]) & (vertex != ends[pair // 2, 1])
    both, times = np.unique((pair // 2 * net.size + vertex)[real], return_counts=True)
    shared = np.bincount((both // net.size)[times == 2], minlength=len(edges))
    good &= shared == uses
    # no two faces that stay may become the same
    low = np.where(moved, net.size, corners).min(axis=1)
    high = np.where(moved, -1, corners).max(axis=1)
    key = ((owner * net.size + low) * net.size + high)[stays] if len(edges) * net.size**2 < 2**62 else None
    rows = np.stack([owner, low, high], axis=1)[stays] if key is None else key[:, None]
    _, first, times = np.unique(rows, axis=0, return_index=True, return_counts=True)
    good[owner[stays][first[times > 1]]] = False
    return good


def _keeps_facing(points: Points, corners: Ids, moved: Flags, owner: Ids, targets: Points, care: Care) -> Flags:
    """Which collapses turn none of their faces over and make no sliver."""
    before = points[corners]
    after = np.where(moved[:, :, None], targets[owner][:, None], before)
    old, old_shape, _ = _normals(before)
    new, new_shape, length2 = _normals(after)
    length = np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1)
    bad = (np.einsum("ij,ij->i", old, new) < care.turn * length) | (new_shape < np.minimum(care.sliver, old_shape))
    bad &= old_shape > 0  # a face without area has no side to keep
    if care.sliver >= 0:
        bad |= new_shape <= 0
    bad |= length2 > care.longest**2
    return np.asarray(np.bincount(owner[bad], minlength=len(targets)) == 0)


def _normals(corners: Points) -> tuple[Points, Points, Points]:
    """Normals with twice the area as length, and shapes (0 without area, at best 0.87), squares of longest sides."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal, c = cross(a, b), b - a
    longest = np.maximum.reduce([np.einsum("ij,ij->i", side, side) for side in (a, b, c)])
    return normal, np.linalg.norm(normal, axis=1) / np.maximum(longest, np.finfo(float).tiny), longest


def not_starving(net: Net, edges: Ids) -> Flags:
    """Which of several allowed collapses, best first, can be done together: a vertex keeps at least three faces."""
    ends = net.ends[edges]
    at, owner = spread(ends[:, 0], net.starts)
    corners = net.faces[net.around[at]]
    vanish = (corners == ends[owner, 1:]).any(axis=1)
    corners, owner = corners[vanish], owner[vanish]
    tip = corners[(corners != ends[owner, :1]) & (corners != ends[owner, 1:])]
    loses = np.bincount(tip, minlength=net.size)
    degree = net.starts[1:] - net.starts[:-1]
    poor = (loses > 1) & (degree - loses < np.where(net.special, 1, 3))
    lowest = np.full(net.size, np.iinfo(np.int64).max)
    np.minimum.at(lowest, tip, owner)
    late = poor[tip] & (owner > lowest[tip])
    return np.asarray(np.bincount(owner[late], minlength=len(edges)) == 0)


def collapse(net: Net, points: Points, edges: Ids, targets: Points) -> tuple[Points, Ids]:
    """The points and faces after collapses that may be done together; vertices keep their numbers, some get unused."""
    ends = net.ends[edges]
    into = np.arange(net.size)
    into[ends[:, 1]] = ends[:, 0]
    points = points.copy()
    points[ends[:, 0]] = targets
    touched = np.zeros(net.size, dtype=bool)
    touched[ends[:, 1]] = True
    faces = net.faces.copy()
    hit = np.nonzero(touched[faces].any(axis=1))[0]
    faces[hit] = into[faces[hit]]
    return points, np.delete(faces, hit[collapsed(faces[hit])], axis=0)
