"""Fills one closed loop in space with triangles.

Small loops: the triangulation whose sharpest fold is least, and of those the one with the least area (Barequet and
Sharir, Filling gaps in the boundary of a polyhedron, 1995; Liepa, Filling holes in meshes, 2003). Large ones: ears are
cut in the plane that fits best; where the loop crosses itself there, it is cut into small loops first.
"""

import heapq
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids
from img2model_desktop.core.triangles import cross
from img2model_desktop.core.workshop.flips import delaunay

Points = NDArray[np.float64]
Flags = NDArray[np.bool_]

SMALL = 160
"""Loops with more vertices are not searched for the best triangulation: that grows with the cube of the number."""
PIECES = 48
"""Into how many pieces a large loop is cut."""
FOLD = 0.02
"""Folds whose cosines differ by less count as equal."""
DEGENERATE = 1e-6
"""Twice the area of a triangle over the square of its longest side, below which it has no normal."""


class Loop(NamedTuple):
    """A loop to fill.

    Args:
        points: `(n, 3) float64`, in the direction in which the filling runs.
        normals: `(n, 3) float64`, unit normal of the face beside the edge from point i to point i + 1, or zero.
        taken: `(k, 2) int64`, pairs of points that must not become an edge, each in both orders.
    """

    points: Points
    normals: Points
    taken: Ids = np.zeros((0, 2), np.int64)

    def piece(self, index: Ids) -> "Loop":
        """The loop of some of its points; edges that are none of this loop have no normal."""
        normals = self.normals[index].copy()
        skips = (np.roll(index, -1) - index) % len(self.points) != 1
        normals[skips] = 0.0
        number = np.full(len(self.points), -1)
        number[index] = np.arange(len(index))
        taken = number[self.taken]
        return Loop(self.points[index], normals, taken[(taken >= 0).all(axis=1)])


def fill(loop: Loop, progress: Progress) -> tuple[Points, Ids]:
    """Triangles that close a loop, with edges flipped to be as even as its vertices allow.

    Returns:
        the points of the loop, perhaps with one more in its middle, `(p, 3)`, and `(q, 3)` faces.
    """
    points, count = loop.points, len(loop.points)
    if count == 3:
        return points, np.array([[0, 1, 2]])
    faces = best(loop) if count <= SMALL else ears(loop, progress)
    if faces is None and count > SMALL:
        faces = _in_pieces(loop, progress)
    if faces is None:
        index = np.arange(count)
        middle = np.full(count, count)
        return np.append(points, points.mean(axis=0)[None], axis=0), np.stack([index, (index + 1) % count, middle], 1)
    return points, _evened(loop, faces)


def _evened(loop: Loop, faces: Ids) -> Ids:
    """The faces after flips, unless those made an edge that must not be."""
    index = np.arange(len(loop.points))
    rim = np.stack([index, np.roll(index, -1)], axis=1)
    flipped = delaunay(loop.points, faces, rim)
    made = flipped * len(loop.points) + np.roll(flipped, -1, axis=1)
    return faces if np.isin(made, loop.taken @ (len(loop.points), 1)).any() else flipped


def best(loop: Loop) -> Ids | None:
    """The triangulation with the least sharpest fold and then the least area, `(n - 2, 3)`; None: there is none."""
    points, count = loop.points, len(loop.points)
    index = np.arange(count)
    fold = np.ones((count, count))  # least cosine between neighbours within the best filling from i to j
    area = np.zeros((count, count))
    normal = np.zeros((count, count, 3))
    normal[index[:-1], index[1:]] = loop.normals[:-1]
    choice = np.full((count, count), -1)
    possible = np.ones((count, count), dtype=bool)
    possible[loop.taken[:, 0], loop.taken[:, 1]] = False
    possible[0, count - 1] = True
    for gap in range(2, count):
        i = np.arange(count - gap)
        j = i + gap
        row, last = i[:, None], j[:, None]
        m = row + 1 + np.arange(gap - 1)
        across, double, unit = _triangles(points, row, m, last)
        worst = np.minimum(_cosines(unit, normal[row, m]), _cosines(unit, normal[m, last]))
        if gap == count - 1:
            worst = np.minimum(worst, _cosines(unit, loop.normals[-1]))
        worst[across] = -1.5
        worst = np.minimum(np.minimum(worst, fold[row, m]), fold[m, last])
        worst[~(possible[row, m] & possible[m, last])] = -9.0
        total = area[row, m] + area[m, last] + double
        top = worst.max(axis=1)
        pick = np.where(worst >= top[:, None] - FOLD, total, np.inf).argmin(axis=1)
        choice[i, j] = m[i, pick]
        fold[i, j], area[i, j], normal[i, j] = worst[i, pick], total[i, pick], unit[i, pick]
        possible[i, j] &= top > -5.0
    if not possible[0, count - 1]:
        return None
    return _traced(choice.tolist(), count)


def _triangles(points: Points, i: Ids, m: Ids, j: Ids) -> tuple[Flags, Points, Points]:
    """Whether each has no normal, twice its area, and its unit normal."""
    a, b = points[m] - points[i], points[j] - points[i]
    across = cross(a, b)
    double = np.linalg.norm(across, axis=2)
    c = b - a
    longest = np.maximum((a**2).sum(axis=2), np.maximum((b**2).sum(axis=2), (c**2).sum(axis=2)))
    unit = across / np.maximum(double, np.finfo(float).tiny)[..., None]
    flat = double <= DEGENERATE * longest
    unit[flat] = 0.0
    return np.asarray(flat), double, unit


def _cosines(unit: Points, other: Points) -> Points:
    """Cosines between normals; where one is missing there is no fold."""
    cosine = np.einsum("...k,...k->...", unit, np.broadcast_to(other, unit.shape))
    none = ~np.broadcast_to(other, unit.shape).any(axis=-1)
    return np.where(none, 1.0, cosine)


def _traced(choice: list[list[int]], count: int) -> Ids:
    faces, open_spans = [], [(0, count - 1)]
    while open_spans:
        i, j = open_spans.pop()
        if j - i < 2:
            continue
        m = choice[i][j]
        faces.append((i, m, j))
        open_spans += [(i, m), (m, j)]
    return np.array(faces)


def newell(points: Points) -> Points:
    """Twice the area vector of a closed loop, `(3,)` (Newell's formula)."""
    at = points - points.mean(axis=0)
    return np.asarray(cross(at, np.roll(at, -1, axis=0)).sum(axis=0))


def ears(loop: Loop, progress: Progress) -> Ids | None:
    """Ears cut in the plane that fits the loop best, the roundest first; None where that does not come to an end."""
    normal = newell(loop.points)
    length = float(np.linalg.norm(normal))
    if not length > 0:
        return None
    axis = np.eye(3)[np.abs(normal).argmin()]
    u = np.cross(axis, normal)
    u /= np.linalg.norm(u)
    v = np.cross(normal / length, u)
    flat = np.stack([loop.points @ u, loop.points @ v], axis=1)
    return _Clipper(flat, loop.taken).run(progress)


class _Clipper:
    """Cuts ears off a polygon in the plane, counter-clockwise."""

    def __init__(self, flat: Points, taken: Ids) -> None:
        self._flat = flat
        self._taken = {(int(i), int(j)) for i, j in taken}
        count = len(flat)
        self._before = (np.arange(count) - 1) % count
        self._after = (np.arange(count) + 1) % count
        self._there = np.ones(count, dtype=bool)
        self._version = [0] * count

    def run(self, progress: Progress) -> Ids | None:
        """`(n - 2, 3)` faces, or None."""
        count = len(self._flat)
        heap = [(-self._shape(k), k, 0) for k in range(count)]
        heapq.heapify(heap)
        waiting: list[tuple[float, int, int]] = []
        faces: list[tuple[int, int, int]] = []
        while len(faces) < count - 2:
            if not heap:
                return None
            shape, k, version = heapq.heappop(heap)
            if not self._there[k] or version != self._version[k]:
                continue
            if not self._is_ear(k):
                waiting.append((shape, k, version))
                continue
            before, after = int(self._before[k]), int(self._after[k])
            faces.append((before, k, after))
            self._there[k] = False
            self._after[before], self._before[after] = after, before
            for end in (before, after):
                self._version[end] += 1
                heapq.heappush(heap, (-self._shape(end), end, self._version[end]))
            for item in waiting:
                heapq.heappush(heap, item)
            waiting.clear()
            if len(faces) % 64 == 0:
                progress.update(len(faces) / count)
        return np.array(faces)

    def _corners(self, k: int) -> tuple[Points, Points, Points]:
        return self._flat[self._before[k]], self._flat[k], self._flat[self._after[k]]

    def _shape(self, k: int) -> float:
        """Twice the area over the sum of squared sides; negative where the corner is turned in."""
        a, b, c = self._corners(k)
        sides = float(((b - a) ** 2).sum() + ((c - b) ** 2).sum() + ((a - c) ** 2).sum())
        return _turn(a, b, c) / max(sides, 1e-300)

    def _is_ear(self, k: int) -> bool:
        a, b, c = self._corners(k)
        if self._shape(k) <= 1e-12:
            return False
        before, after = int(self._before[k]), int(self._after[k])
        if (before, after) in self._taken and int(self._there.sum()) > 3:
            return False
        inside = self._there.copy()
        inside[[before, k, after]] = False
        low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
        near = np.nonzero(inside)[0]
        near = near[((self._flat[near] >= low) & (self._flat[near] <= high)).all(axis=1)]
        if not len(near):
            return True
        p = self._flat[near]
        within = (_turns(a, b, p) >= 0) & (_turns(b, c, p) >= 0) & (_turns(c, a, p) >= 0)
        return not within.any()


def _turn(a: Points, b: Points, c: Points) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _turns(a: Points, b: Points, p: Points) -> Points:
    return np.asarray((b[0] - a[0]) * (p[:, 1] - a[1]) - (b[1] - a[1]) * (p[:, 0] - a[0]))


def _in_pieces(loop: Loop, progress: Progress) -> Ids | None:
    """The filling of a coarse loop through some of the points, and of the small loops along its edges."""
    count = len(loop.points)
    stops = np.linspace(0, count, PIECES + 1).astype(np.int64)
    coarse = stops[:-1]
    faces = best(loop.piece(coarse))
    if faces is None:
        return None
    made = [coarse[faces]]
    for number, (start, stop) in enumerate(pairwise(stops.tolist())):
        progress.update(number / PIECES)
        index = np.arange(start, stop + 1) % count
        if len(index) < 3:
            continue
        part = loop.piece(index)
        inner = best(part) if len(index) <= SMALL else _in_pieces(part, progress)
        if inner is None:
            return None
        made.append(index[inner])
    return np.concatenate(made)
