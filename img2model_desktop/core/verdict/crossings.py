"""Where a surface runs through itself: pairs of faces whose insides meet, decided exactly.

Corners are first moved to a grid of 2^24 steps along the longest side of the box, about the step of a 32-bit float
(5 nm on an 80 mm object). On it every sign of a determinant is exact: in 64-bit floats where that is certain, in split
64-bit integers where not. Two faces cross where their open insides share a point; faces that only touch do not, nor do
faces that a move of a millionth of the longest side would part: rounding to 32 bits does that to any mesh.

The interval test of two triangles through orientations alone is that of Guigue and Devillers, Fast and robust
triangle-triangle overlap test using orientation predicates, Journal of Graphics Tools 8(1), 2003.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids
from img2model_desktop.core.verdict.boxes import overlapping
from img2model_desktop.core.verdict.surface import Flags, Surface, Values

GRID = 1 << 24
SHALLOW = 16.0  # steps of the grid, a millionth of the longest side: a crossing no deeper is rounding
MOST_CANDIDATES = (4_000_000, 30)  # pairs of boxes looked at: so many and so many for each face, then "at least"
PIECE = 1 << 15  # pairs of faces decided together: some 20 ms
MOST_FOUND = 200_000  # pairs after which counting stops: the mesh is beyond counting

Signs = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class CrossingFacts:
    """Pairs of faces whose open insides meet.

    Args:
        crossing: pairs without a common corner that run through each other.
        overlapping: pairs that lie in one plane and share area, also neighbours that are folded onto each other;
            faces at the same three places do not count, they are doubled.
        wedged: pairs with one common corner that run through each other.
        within_parts: those of the crossing and wedged pairs whose faces are of the same part.
        crossing_faces: `(k,) bool` for each face of the surface, whether it is in a crossing or wedged pair.
        overlapping_faces: `(k,) bool`, likewise in an overlapping pair.
        parts: `(j, 2) int64`, parts whose faces meet so, the lower number first.
        complete: false where counting was broken off: then the counts say "at least".
    """

    crossing: int
    overlapping: int
    wedged: int
    within_parts: int
    crossing_faces: Flags
    overlapping_faces: Flags
    parts: Ids
    complete: bool


def crossings_of(surface: Surface, progress: Progress) -> CrossingFacts:
    """The pairs of a surface; 200 000 faces of a plain body take about two thirds of a second."""
    found = _Found(len(surface.faces))
    grid, solid = _grid_of(surface)
    progress.update(0.0)
    places = surface.faces[solid].T.copy()
    looked_at, most = 0, MOST_CANDIDATES[0] + MOST_CANDIDATES[1] * len(solid)
    boxes = (grid.low.astype(np.float32), grid.high.astype(np.float32))  # exact: 24 bits
    for one, other in _pieces(overlapping(*boxes)) if len(solid) > 1 else ():
        looked_at += len(one)
        progress.update(min(looked_at / (7.0 * len(solid)), 0.99))
        one, other, shared = _undecided(grid, places, one, other)
        crosses, overlaps = _meet(grid, one, other)
        for kind, met in enumerate((crosses & (shared == 0), overlaps, crosses & (shared > 0))):
            found.add(kind, solid[one[met]], solid[other[met]], surface.part)
        if looked_at > most or sum(found.counts) > MOST_FOUND:
            return found.facts(complete=False)
    progress.update(1.0)
    return found.facts(complete=True)


def _pieces(pairs: Iterator[tuple[Ids, Ids]]) -> Iterator[tuple[Ids, Ids]]:
    """The same pairs, no more than PIECE at a time."""
    for one, other in pairs:
        for k in range(0, len(one), PIECE):
            yield one[k : k + PIECE], other[k : k + PIECE]


class _Found:
    """What was found so far."""

    def __init__(self, faces: int) -> None:
        self.counts = [0, 0, 0]
        self.within = 0
        self.faces = np.zeros((3, faces), dtype=bool)
        self.parts: list[Ids] = [np.zeros((0, 2), dtype=np.int64)]

    def add(self, kind: int, one: Ids, other: Ids, part: Ids) -> None:
        """Adds pairs of faces of a kind: 0 crossing, 1 overlapping, 2 wedged."""
        if not len(one):
            return
        self.counts[kind] += len(one)
        self.faces[kind, one] = True
        self.faces[kind, other] = True
        ends = np.sort(np.stack([part[one], part[other]], axis=1), axis=1)
        apart = ends[:, 0] != ends[:, 1]
        if kind != 1:
            self.within += len(one) - int(apart.sum())
        self.parts.append(np.unique(ends[apart], axis=0))

    def facts(self, *, complete: bool) -> CrossingFacts:
        """The whole."""
        return CrossingFacts(
            crossing=self.counts[0],
            overlapping=self.counts[1],
            wedged=self.counts[2],
            within_parts=self.within,
            crossing_faces=self.faces[0] | self.faces[2],
            overlapping_faces=self.faces[1],
            parts=np.unique(np.concatenate(self.parts), axis=0),
            complete=complete,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Faces with area, on the grid.

    Args:
        corners: `(k, 3, 3) float64`, whole numbers 0..GRID.
        normals: `(k, 3) float64`, whole numbers below 2^51.
        steep: `(k,) float64`, largest entry of each normal.
        low, high: `(k, 3) float64`, corners of the box around each face.
        reach: `(k,) float64`, longest side of it.
    """

    corners: Values
    normals: Values
    steep: Values
    low: Values
    high: Values
    reach: Values


def _grid_of(surface: Surface) -> tuple[_Grid, Ids]:
    """The faces that have area on the grid, and their numbers in the surface."""
    vertices = surface.mesh.vertices.astype(np.float64)
    low = vertices.min(axis=0)
    longest = float((vertices.max(axis=0) - low).max())
    steps = np.rint((vertices - low) * (GRID / longest)) if longest > 0 else vertices * 0
    corners = steps[surface.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    solid = np.nonzero(normals.any(axis=1))[0]
    corners, normals = corners[solid], normals[solid]
    low = np.minimum(np.minimum(corners[:, 0], corners[:, 1]), corners[:, 2])
    high = np.maximum(np.maximum(corners[:, 0], corners[:, 1]), corners[:, 2])
    return _Grid(corners, normals, np.abs(normals).max(axis=1), low, high, (high - low).max(axis=1)), solid


def _undecided(grid: _Grid, places: Ids, one: Ids, other: Ids) -> tuple[Ids, Ids, NDArray[np.int8]]:
    """The pairs of faces that may meet, and how many corners each has in common; `places` is `(3, k)`.

    Left out are faces at the same three places, and faces with one common corner that a plane through it parts: the
    fans of a mesh, which are most of all pairs.
    """
    shared = np.zeros(len(one), dtype=np.int8)
    pivot = np.zeros((2, len(one)), dtype=np.int8)  # the common corner of either, where there is one
    mine, theirs = places[:, one], places[:, other]
    for i in range(3):
        for j in range(3):
            same = (mine[i] == theirs[j]).view(np.int8)
            shared += same
            pivot[0] += same * np.int8(i)
            pivot[1] += same * np.int8(j)
    kept = shared < 3
    fan = np.nonzero(shared == 1)[0]
    kept[fan] = ~_are_parted(grid, one[fan], other[fan], pivot[:, fan])
    return one[kept], other[kept], shared[kept]


def _are_parted(grid: _Grid, one: Ids, other: Ids, pivot: NDArray[np.int8]) -> Flags:
    """Which pairs lie on two sides of the plane through their common corner that is square to the way from one to the
    other; with some room, so that rounding decides nothing."""
    corners = grid.corners.reshape(-1, 3)
    centre = corners[one * 3 + pivot[0]]
    arms = [corners[one * 3 + (pivot[0] + k) % 3] - centre for k in (1, 2)]
    arms += [centre - corners[other * 3 + (pivot[1] + k) % 3] for k in (1, 2)]
    middles = [arms[0] + arms[1], arms[2] + arms[3]]
    lengths = [np.sqrt(np.einsum("ij,ij->i", middle, middle)) for middle in middles]
    way = sum(middle / np.maximum(length, 1.0)[:, None] for middle, length in zip(middles, lengths, strict=True))
    room = 1e-9 * (grid.reach[one] + grid.reach[other])
    parted = np.ones(len(one), dtype=bool)
    for arm in arms:
        parted &= np.einsum("ij,ij->i", way, arm) > room
    return parted


def _meet(grid: _Grid, one: Ids, other: Ids) -> tuple[Flags, Flags]:
    """`(k,) bool` each: which pairs run through each other, and which lie on each other in one plane."""
    crosses, overlaps = np.zeros(len(one), dtype=bool), np.zeros(len(one), dtype=bool)
    first = _sides(grid, other, one)
    flat = np.nonzero((first == 0).all(axis=0))[0]
    overlaps[flat] = _overlap_in_plane(grid, one[flat], other[flat])
    cut = np.nonzero((first.min(axis=0) < 0) & (first.max(axis=0) > 0))[0]
    second = _sides(grid, one[cut], other[cut])
    both = (second.min(axis=0) < 0) & (second.max(axis=0) > 0)
    cut, second = cut[both], second[:, both]
    a, swap_b = _apex_first(grid.corners[one[cut]], first[:, cut])
    b, swap_a = _apex_first(grid.corners[other[cut]], second)
    a[swap_a] = a[swap_a][:, [0, 2, 1]]
    b[swap_b] = b[swap_b][:, [0, 2, 1]]
    reach = _orientation(a[:, 0], a[:, 1], b[:, 0], b[:, 1]) > 0
    reach &= _orientation(a[:, 0], a[:, 2], b[:, 2], b[:, 0]) > 0
    crosses[cut[reach]] = _are_deep(a[reach], b[reach])
    return crosses, overlaps


def _are_deep(a: Values, b: Values) -> Flags:
    """Which crossing faces, apex first, cannot be parted by moving them by SHALLOW or less."""
    way = [np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]) for t in (a, b)]
    line = np.cross(way[0], way[1])
    line /= np.maximum(np.linalg.norm(line, axis=1), 1e-300)[:, None]
    deep = np.ones(len(a), dtype=bool)
    spans = []
    for face, plane, normal in ((a, b, way[1]), (b, a, way[0])):
        height = np.einsum("ijk,ik->ij", face - plane[:, :1], normal) / np.linalg.norm(normal, axis=1)[:, None]
        deep &= np.minimum(np.abs(height[:, 0]), np.abs(height[:, 1:]).max(axis=1)) > SHALLOW
        share = height[:, :1] / (height[:, :1] - height[:, 1:])
        meets = face[:, :1] + (face[:, 1:] - face[:, :1]) * share[:, :, None]
        spans.append(np.sort(np.einsum("ijk,ik->ij", meets - a[:, :1], line), axis=1))
    length = np.minimum(spans[0][:, 1], spans[1][:, 1]) - np.maximum(spans[0][:, 0], spans[1][:, 0])
    return np.asarray(deep & (length > SHALLOW))


def _sides(grid: _Grid, plane: Ids, face: Ids) -> Signs:
    """`(3, k) int8`: on which side of one face's plane the corners of another, whose boxes overlap, lie."""
    origin, normal = grid.corners[plane, 0], grid.normals[plane]
    # the products are whole numbers: exact together while their sum stays below 2^53, else good to 2^-50 of their size
    size = grid.steep[plane] * (grid.reach[plane] + grid.reach[face]) * 3
    vague = np.where(size < 2.0**53, -1.0, size * 2.0**-50)
    signs = np.empty((3, len(plane)), dtype=np.int8)
    for corner in range(3):
        off = grid.corners[face, corner] - origin
        value = np.einsum("ij,ij->i", off, normal)
        signs[corner] = np.sign(value)
        doubtful = np.nonzero(np.abs(value) <= vague)[0]
        signs[corner, doubtful] = _exact_sign(normal[doubtful], off[doubtful])
    return signs


def _exact_sign(normal: Values, off: Values) -> Signs:
    """Signs of dot products of whole numbers below 2^51 with such below 2^25, in integers split at 2^26."""
    n, d = normal.astype(np.int64), off.astype(np.int64)
    high = ((n >> 26) * d).sum(axis=1)
    low = ((n & (2**26 - 1)) * d).sum(axis=1)
    high += low >> 26
    rest = (low & (2**26 - 1)) > 0
    signs: Signs = np.where(high != 0, np.sign(high), rest).astype(np.int8)
    return signs


def _orientation(a: Values, b: Values, c: Values, d: Values) -> Signs:
    """Sign of the determinant of `a - d`, `b - d`, `c - d`, `(k, 3)` each."""
    rows = np.cross(a - d, b - d)
    off = c - d
    value = np.einsum("ij,ij->i", rows, off)
    size = np.abs(rows).max(axis=1, initial=0.0) * np.abs(off).max(axis=1, initial=0.0) * 3
    signs: Signs = np.sign(value).astype(np.int8)
    doubtful = np.nonzero((size >= 2.0**53) & (np.abs(value) <= size * 2.0**-50))[0]
    signs[doubtful] = _exact_sign(rows[doubtful], off[doubtful])
    return signs


def _apex_first(corners: Values, sides: Signs) -> tuple[Values, Flags]:
    """Corners turned so that the one that is alone on its side comes first, and whether that side is the negative one.

    With signs +, 0, - the positive one is taken: the zero goes with the other side.
    """
    below = (sides > 0).sum(axis=0) == 2  # then the negative one is alone
    alone = np.where(below, sides < 0, sides > 0).argmax(axis=0)
    turn = (alone[:, None] + np.arange(3)) % 3
    return np.take_along_axis(corners, turn[:, :, None], axis=1), np.asarray(below)


def _overlap_in_plane(grid: _Grid, one: Ids, other: Ids) -> Flags:
    """Which pairs of faces of one plane share area: no side of either has the whole other face outside."""
    axis = np.abs(grid.normals[one]).argmax(axis=1)
    kept = np.array([[1, 2], [2, 0], [0, 1]])[axis]
    flats = []
    for face in (one, other):
        flat = np.take_along_axis(grid.corners[face], kept[:, None, :], axis=2)
        back = np.take_along_axis(grid.normals[face], axis[:, None], axis=1)[:, 0] < 0
        flat[back] = flat[back][:, ::-1]
        flats.append(flat)
    apart = np.zeros(len(one), dtype=bool)
    for a, b in (flats, flats[::-1]):
        for k in range(3):
            start, along = a[:, k], a[:, (k + 1) % 3] - a[:, k]
            off = b - start[:, None]
            left = along[:, None, 0] * off[:, :, 1] - along[:, None, 1] * off[:, :, 0]  # exact: below 2^51
            room = SHALLOW * np.sqrt(np.einsum("ij,ij->i", along, along))
            apart |= (left <= room[:, None]).all(axis=1)
    return ~apart
