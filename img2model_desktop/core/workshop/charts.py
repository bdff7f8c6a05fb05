"""Cuts a surface into charts: pieces that hang together and bend little enough to be laid flat.

Faces are merged into charts from the bottom up, as in Garland, Willmott & Heckbert, "Hierarchical face clustering on
polygonal surfaces" (2001), but in rounds: in each, every pair of charts that are each other's best partner merges. So
each round is a few array operations, and the number of rounds grows with the logarithm of the number of faces.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids, collapsed, connected, edges_of

Floats = NDArray[np.float64]

BEND = 0.18
"""Most that a chart bends: 1 - |sum of its area vectors| / its area; 0 a plane, 0.29 two sides of a box."""

TILT = np.cos(np.radians(68.0))
"""Least cosine between a face's normal and its chart's: below, laying it flat would squeeze it too much."""

SMALL_BEND, SMALL_TILT = 0.3, np.cos(np.radians(78.0))
"""The same where one of the two is a scrap that is better squeezed than alone."""

ROUND = 0.02
"""What a chart's outline costs against its bend: perimeter^2 / (4 pi area), 1 for a disc."""

NOISE = 0.15
"""Share of the cost by which it is varied at random, so that long rows of equal choices do not wait for each other."""

ROUNDS = 400


STEPS, SMOOTHINGS = 8, 3
"""How far a face looks around itself for the chart that it should be in, in faces, and how often all do."""

CREASE = 8.0
"""How much less faces look across a side the more it bends: exp(-CREASE (1 - cosine))."""


class Pieces(NamedTuple):
    """A surface as charting sees it.

    Args:
        corners: `(m, 3) int64`, places of the faces' corners; equal places have one number.
        area: `(m,)`, m2.
        normal: `(m, 3)`, unit length, zero without area.
        first, second: `(e,)`, faces that share a side, run along it in opposite directions, and are the only two.
        length: `(e,)`, of these sides, metres.
    """

    corners: Ids
    area: Floats
    normal: Floats
    first: Ids
    second: Ids
    length: Floats


def pieces_of(vertices: Floats, corners: Ids) -> Pieces:
    """The faces and how they hang together; those without area hang on nothing.

    Args:
        vertices: `(n, 3)`.
        corners: `(m, 3)`, equal places having one number.
    """
    a, b, c = (vertices[corners[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    double = np.linalg.norm(cross, axis=1)
    double[collapsed(corners)] = 0
    normal = np.divide(cross, double[:, None], out=np.zeros_like(cross), where=double[:, None] > 0)
    sound = np.nonzero(double > 0)[0]
    edges = edges_of(corners[sound])
    one, other = edges.neighbours
    plain = (edges.uses[edges.edge[one]] == 2) & (edges.balance[edges.edge[one]] == 0)
    side = edges.order[one[plain]]
    first, second = sound[side // 3], sound[edges.order[other[plain]] // 3]
    start, end = corners[first, side % 3], corners[first, (side % 3 + 1) % 3]
    length = np.linalg.norm(vertices[end] - vertices[start], axis=1)
    return Pieces(corners, double / 2, normal, first, second, length)


def cut(pieces: Pieces, scrap: float, progress: Progress) -> Ids:
    """The chart of each face, `(m,)`, numbered from 0; -1 for faces without area.

    Args:
        pieces: the surface.
        scrap: area below which a chart is better squeezed into a neighbour than left alone, m2.
        progress: token.
    """
    sound = pieces.area > 0
    if not sound.any():
        return np.full(len(sound), -1)
    label = _gathered(pieces, np.where(sound, np.arange(len(sound)), -1), scrap, progress.part(0.0, 0.5))
    smoothed = _smoothed(pieces, label, progress.part(0.5, 0.8))
    return _gathered(pieces, groups(pieces, smoothed), scrap, progress.part(0.8, 1.0))


def groups(pieces: Pieces, kind: Ids) -> Ids:
    """`(m,)`: numbers of the groups of faces that hang together and are of one kind; -1 where the kind is."""
    same = (kind[pieces.first] == kind[pieces.second]) & (kind[pieces.first] >= 0)
    _, group = connected(len(kind), pieces.first[same], pieces.second[same])
    out = np.full(len(kind), -1)
    out[kind >= 0] = np.unique(group[kind >= 0], return_inverse=True)[1]
    return out


def _gathered(pieces: Pieces, given: Ids, scrap: float, progress: Progress) -> Ids:
    """Merges the given charts, `(m,)`, until none may merge with another."""
    sound = given >= 0
    label = given.copy()
    label[sound] = np.unique(given[sound], return_inverse=True)[1]
    tiny = pieces.area < scrap / 16  # a face of a texel or so may be turned any way
    random = np.random.default_rng(0)
    state = _state(pieces, label)
    for number in range(ROUNDS):
        progress.update(1 - 0.93**number)
        least = _least_cosine(pieces, label, state.axis, tiny)
        merging = _matched(state, least, scrap, random)
        if not len(merging[0]):
            break
        state, renamed = _merged(state, *merging)
        label[sound] = renamed[label[sound]]
    return label


def _smoothed(pieces: Pieces, label: Ids, progress: Progress) -> Ids:
    """Charts with shorter outlines: each face joins the chart that most of its surroundings are in.

    Memberships are spread over the faces and decided anew, which shortens outlines as in Merriman, Bence & Osher,
    "Motion of multiple junctions" (1994). They spread less across creases, and not to charts that a face is tilted
    against too much.
    """
    from scipy.sparse import coo_array, csr_array, diags_array  # heavy, and only needed here

    faces, count = len(label), int(label.max()) + 1
    bend = np.einsum("ij,ij->i", pieces.normal[pieces.first], pieces.normal[pieces.second])
    weight = np.exp(-CREASE * (1 - bend)) * pieces.length / np.sqrt(pieces.area.sum())
    ends = np.concatenate([pieces.first, pieces.second]), np.concatenate([pieces.second, pieces.first])
    links = coo_array((np.tile(weight, 2), ends), shape=(faces, faces)).tocsr()
    around = np.asarray(links.sum(axis=1)).ravel()
    links = diags_array(0.5 / np.maximum(around, 1e-300)) @ links + diags_array(np.where(around > 0, 0.5, 1.0))
    axis = _state(pieces, label).axis
    sound = np.nonzero(label >= 0)[0]
    for number in range(SMOOTHINGS):
        share = csr_array((np.ones(len(sound)), (sound, label[sound])), shape=(faces, count))
        for step in range(STEPS):
            progress.update((number + step / STEPS) / SMOOTHINGS)
            share = links @ share
        found = share.tocoo()
        face, chart = found.coords
        tilt = np.einsum("ij,ij->i", pieces.normal[face], axis[chart])
        good = (tilt > TILT) | (chart == label[face])
        face, chart, value = face[good], chart[good], found.data[good]
        order = np.lexsort((chart, -value, face))
        first = np.ones(len(order), dtype=bool)
        first[1:] = face[order][1:] != face[order][:-1]
        label = label.copy()
        label[face[order][first]] = chart[order][first]
    return label


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Charts between two rounds: area, sum of area vectors and perimeter of each; pairs that touch, and how long."""

    area: Floats
    vector: Floats
    perimeter: Floats
    first: Ids
    second: Ids
    length: Floats

    @property
    def axis(self) -> Floats:
        """`(c, 3)` mean normals, unit length."""
        size = np.linalg.norm(self.vector, axis=1, keepdims=True)
        return np.asarray(np.divide(self.vector, size, out=np.zeros_like(self.vector), where=size > 0))


def _state(pieces: Pieces, label: Ids) -> _State:
    count = int(label.max()) + 1
    sound = label >= 0
    at = label[sound]
    area = _totals(at, pieces.area[sound], count)
    weighted = pieces.normal[sound] * pieces.area[sound, None]
    vector = np.stack([_totals(at, weighted[:, k], count) for k in range(3)], axis=1)
    # open sides count as well: all sides, less those inside
    whole = _perimeters(pieces, sound)
    perimeter = _totals(at, whole, count)
    first, second = label[pieces.first], label[pieces.second]
    inside = first == second
    perimeter -= 2 * _totals(first[inside], pieces.length[inside], count)
    first, second, length = _joined(first[~inside], second[~inside], pieces.length[~inside], count)
    return _State(area, vector, perimeter, first, second, length)


def _totals(at: Ids, values: Floats, count: int) -> Floats:
    return np.bincount(at, weights=values, minlength=count).astype(np.float64)


def _perimeters(pieces: Pieces, sound: NDArray[np.bool_]) -> Floats:
    """Of each sound face; sides without a neighbour are taken as long as the mean of the others' would make them."""
    count = len(pieces.area)
    known = np.bincount(pieces.first, weights=pieces.length, minlength=count)
    known += np.bincount(pieces.second, weights=pieces.length, minlength=count)
    sides = np.bincount(pieces.first, minlength=count) + np.bincount(pieces.second, minlength=count)
    guess = np.sqrt(pieces.area * 4 / np.sqrt(3))  # of an even-sided triangle with this area
    return np.asarray((known + np.maximum(3 - sides, 0) * guess)[sound])


def _joined(first: Ids, second: Ids, length: Floats, count: int) -> tuple[Ids, Ids, Floats]:
    """Each pair once, with the sum of its lengths."""
    key = np.minimum(first, second) * count + np.maximum(first, second)
    pairs, which = np.unique(key, return_inverse=True)
    return pairs // count, pairs % count, _totals(which, length, len(pairs))


def _least_cosine(pieces: Pieces, label: Ids, axis: Floats, tiny: NDArray[np.bool_]) -> Floats:
    """`(c,)`: the smallest cosine between the normals of a chart's faces and its own; tiny faces do not count."""
    faces = np.nonzero((label >= 0) & ~tiny)[0]
    least = np.ones(len(axis))
    np.minimum.at(least, label[faces], np.einsum("ij,ij->i", pieces.normal[faces], axis[label[faces]]))
    return least


def _matched(state: _State, least: Floats, scrap: float, random: np.random.Generator) -> tuple[Ids, Ids, Floats]:
    """Pairs that may merge and are each other's best partner."""
    one, other = state.first, state.second
    area = state.area[one] + state.area[other]
    vector = state.vector[one] + state.vector[other]
    size = np.linalg.norm(vector, axis=1)
    bend = 1 - size / area
    axis = vector / np.maximum(size, 1e-300)[:, None]
    tilt = np.minimum(_tilted(state.axis[one], axis, least[one]), _tilted(state.axis[other], axis, least[other]))
    is_scrap = np.minimum(state.area[one], state.area[other]) < scrap
    allowed = (bend < np.where(is_scrap, SMALL_BEND, BEND)) & (tilt > np.where(is_scrap, SMALL_TILT, TILT))
    one, other, length = one[allowed], other[allowed], state.length[allowed]
    outline = state.perimeter[one] + state.perimeter[other] - 2 * length
    cost = bend[allowed] + ROUND * outline**2 / (4 * np.pi * area[allowed])
    cost *= 1 + NOISE * random.random(len(cost))
    rank = np.empty(len(cost), dtype=np.int64)
    rank[np.argsort(cost, kind="stable")] = np.arange(len(cost))
    best = np.full(len(state.area), len(cost), dtype=np.int64)
    np.minimum.at(best, one, rank)
    np.minimum.at(best, other, rank)
    mutual = (best[one] == rank) & (best[other] == rank)
    return one[mutual], other[mutual], length[mutual]


def _tilted(old: Floats, new: Floats, least: Floats) -> Floats:
    """Lower bound of the cosine that faces have with a new axis when they have `least` with the old one."""
    turn = np.arccos(np.clip(np.einsum("ij,ij->i", old, new), -1, 1))
    return np.asarray(np.cos(np.minimum(turn + np.arccos(np.clip(least, -1, 1)), np.pi)))


def _merged(state: _State, one: Ids, other: Ids, length: Floats) -> tuple[_State, Ids]:
    """The charts after some pairs became one, and `(c,)` the new number of each old one."""
    count = len(state.area)
    target = np.arange(count)
    target[other] = one
    kept = target == np.arange(count)
    renamed = (np.cumsum(kept) - 1)[target]
    area, vector, perimeter = state.area.copy(), state.vector.copy(), state.perimeter.copy()
    area[one] += area[other]
    vector[one] += vector[other]
    perimeter[one] += perimeter[other] - 2 * length
    first, second = renamed[state.first], renamed[state.second]
    apart = first != second
    joined = _joined(first[apart], second[apart], state.length[apart], int(kept.sum()))
    return _State(area[kept], vector[kept], perimeter[kept], *joined), renamed
