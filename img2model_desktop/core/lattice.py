"""A right-triangle lattice that is fine where it must be, and the cut of such a lattice along an outline.

The lattice is the 4-8 mesh (also known as a right-triangulated irregular network): squares split at their
centres, then at the middles of their sides, then the quarter squares again. A vertex may only be there
when the two vertices that its split rests on are there; marking those, fine to coarse, makes every
selection of vertices a conforming triangulation (Evans, Kirkpatrick, Townsend: Right-triangulated irregular
networks, Algorithmica 30, 2001). Everything runs over whole levels at once; nothing loops over cells.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]

SNAP = 0.28  # of the shortest edge at a vertex: three such moves cannot turn a right triangle over (limit 0.707 / 2)
NEAR_END = 0.04  # a crossing keeps this share of its edge away from both ends


def lattice_shape(rows: int, columns: int, top: int) -> tuple[int, int]:
    """The smallest lattice that covers `rows` x `columns` points and is whole squares of side `top`."""
    return (-(-(rows - 1) // top) * top + 1, -(-(columns - 1) // top) * top + 1)


def levels(top: int) -> list[int]:
    """Square sides, fine to coarse: 2, 4, ... `top` (a power of two, at least 2)."""
    return [2**power for power in range(1, top.bit_length())]


def mark_thin(marks: Flags, inside: Flags, top: int) -> None:
    """Marks, in place, every vertex that lies on another side than both ends of the edge that it splits.

    A vertex that shares its side with an end of its edge can be left out without a piece or a hole being lost or
    joined: so the lattice, however coarse elsewhere, has the connectivity of the finest one.

    Args:
        marks: `(r, c) bool`.
        inside: `(r, c) bool`: which side each vertex is on.
        top: side of the coarsest squares, a power of two.
    """
    for side in levels(top):
        half = side // 2
        corner = inside[::side, ::side]
        for first, second, rows, columns in (
            (corner[:-1], corner[1:], half, 0),
            (corner[:, :-1], corner[:, 1:], 0, half),
        ):
            middle = inside[rows::side, columns::side]
            marks[rows::side, columns::side] |= (first == second) & (middle != first)
        # The diagonal that a centre splits leans one way in two of each four squares, the other way in the rest.
        centre = inside[half::side, half::side]
        falling = (corner[:-1, :-1] == corner[1:, 1:]) & (centre != corner[1:, 1:])
        rising = (corner[:-1, 1:] == corner[1:, :-1]) & (centre != corner[1:, :-1])
        marked = marks[half::side, half::side]
        if side == top:
            marked |= falling
            continue
        for row in (0, 1):
            for column in (0, 1):
                leans = falling if row == column else rising
                marked[row::2, column::2] |= leans[row::2, column::2]


def close_marks(marks: Flags, top: int) -> None:
    """Adds, in place, every vertex that the marked ones rest on.

    Args:
        marks: `(r, c) bool`, r - 1 and c - 1 multiples of `top`.
        top: side of the coarsest squares, a power of two.
    """
    for side in levels(top):
        half = side // 2
        centres = marks[half::side, half::side]
        level = marks[half::side, ::side]  # middles of vertical sides rest on the squares left and right
        centres |= level[:, :-1] | level[:, 1:]
        upright = marks[::side, half::side]
        centres |= upright[:-1] | upright[1:]
        if side == top:
            continue
        # A centre rests on those two corners of its square that are middles of sides one level up.
        even = centres[0::2, 0::2], centres[0::2, 1::2], centres[1::2, 0::2], centres[1::2, 1::2]
        double = 2 * side
        across = marks[side::double, ::double]
        across[:, :-1] |= even[0] | even[2]
        across[:, 1:] |= even[1] | even[3]
        along = marks[::double, side::double]
        along[:-1] |= even[0] | even[1]
        along[1:] |= even[2] | even[3]


def triangles_of(marks: Flags, top: int) -> Indices:
    """The triangulation of closed marks.

    Args:
        marks: `(r, c) bool`, closed by `close_marks`; multiples of `top` count as marked.
        top: as there.

    Returns:
        `(m, 3) int64`, indices into `marks.ravel()`, all turning the same way: from the column axis
        towards the row axis.
    """
    columns = marks.shape[1]
    found: list[Indices] = []

    def add(rows: Indices, cols: Indices, *corners: tuple[int, int]) -> None:
        flat = rows * columns + cols
        found.append(np.stack([flat + (row * columns + col) for row, col in corners], axis=1))

    rows, cols = np.nonzero(~marks[top // 2 :: top, top // 2 :: top])
    rows, cols = rows * top, cols * top
    add(rows, cols, (0, 0), (0, top), (top, top))
    add(rows, cols, (0, 0), (top, top), (top, 0))
    for side in levels(top):
        half = side // 2
        centres = marks[half::side, half::side]
        middles = marks[half::side, ::side], marks[::side, half::side]
        # The four sides of a square whose centre is there, where the side's middle is not there.
        turns = (
            (~middles[1][:-1], (-half, -half), (-half, half)),
            (~middles[0][:, 1:], (-half, half), (half, half)),
            (~middles[1][1:], (half, half), (half, -half)),
            (~middles[0][:, :-1], (half, -half), (-half, -half)),
        )
        for free, first, second in turns:
            rows, cols = np.nonzero(centres & free)
            add(rows * side + half, cols * side + half, (0, 0), first, second)
        _add_quarters(marks, side, add)
    return np.concatenate(found)


def _add_quarters(marks: Flags, side: int, add: Callable[..., None]) -> None:
    """Triangles with the right angle at the middle of a side of length `side`."""
    half, quarter = side // 2, side // 4
    for upright in (True, False):
        middles = marks[half::side, ::side] if upright else marks[::side, half::side]
        rows, cols = np.nonzero(middles)
        rows = rows * side + (half if upright else 0)
        cols = cols * side + (0 if upright else half)
        for down in (-1, 1):
            for right in (-1, 1):
                row, col = rows + down * half, cols + right * half
                kept = (row >= 0) & (col >= 0) & (row < marks.shape[0]) & (col < marks.shape[1])
                if quarter:
                    kept[kept] &= ~marks[rows[kept] + down * quarter, cols[kept] + right * quarter]
                ahead, aside = (down * half, 0), (0, right * half)
                if down * right > 0:
                    ahead, aside = aside, ahead
                add(rows[kept], cols[kept], (0, 0), ahead, aside)


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """The inside of a triangulation, cut along the zero line of a function.

    Args:
        ends: `(n, 2) int64`: a vertex of the triangulation twice for a vertex that was kept, the inside and
            the outside end of the edge for one that the cut made.
        share: `(n,) float64`: where on that edge, 0 at the first end.
        faces: `(m, 3) int64`, indices into these vertices, turning as the triangulation's.
        after: `(n,) int64`: for a vertex on the outline the next one along it, inside on the same side all
            the way round; -1 for the others.
    """

    ends: Indices
    share: Floats
    faces: Indices
    after: Indices

    def placed(self, at: Floats) -> Floats:
        """Where the vertices are, `(n, 2)`, from where those of the triangulation are."""
        first, second = at[self.ends[:, 0]], at[self.ends[:, 1]]
        return np.asarray(first + (second - first) * self.share[:, None])


def cut(triangles: Indices, value: Floats) -> Cut:
    """Cuts a conforming triangulation along the zero line of a function that is linear on its edges.

    The result is a 2-manifold whatever the function: a cut edge carries one new vertex, each of its one or
    two triangles puts one piece of outline through it, and no edge inside joins two outline vertices, unless
    a vertex itself lies on the outline (`value` exactly 0). `settle` keeps such vertices from doing harm.

    Args:
        triangles: `(m, 3) int`, all turning the same way.
        value: `(n,) float64` per vertex: above 0 inside, below 0 outside, 0 on the outline.
    """
    sign = np.sign(value).astype(np.int8)
    corner = sign[triangles]
    inside, outside = (corner > 0).sum(axis=1), (corner < 0).sum(axis=1)
    keys: list[Indices] = []  # each face as three (inside end, outside end) pairs, packed into one number
    base = np.int64(len(value))
    for ins, outs in ((2, 0), (1, 0), (2, 1), (1, 1), (1, 2)):
        chosen = (inside == ins) & (outside == outs)
        keys.extend(_faces_of(triangles[chosen], corner[chosen], ins, outs, base))
    cut_faces = np.concatenate(keys) if keys else np.zeros((0, 3), np.int64)
    whole = triangles[inside == 3]
    kept = np.zeros(len(value), bool)
    kept[whole] = True
    packed = np.union1d(cut_faces, np.nonzero(kept)[0] * (base + 1))
    faces = np.concatenate([np.searchsorted(packed, cut_faces), np.searchsorted(packed, whole * (base + 1))])
    ends = np.stack([packed // base, packed % base], axis=1)
    first, second = value[ends[:, 0]], value[ends[:, 1]]
    made = ends[:, 0] != ends[:, 1]
    share = np.where(made, first / np.where(made, first - second, 1.0), 0.0)
    on_outline = made | (first == 0)
    return Cut(ends, share.clip(NEAR_END * made, 1.0 - NEAR_END), faces, _after(faces[: len(cut_faces)], on_outline))


def _faces_of(triangles: Indices, corner: NDArray[np.int8], ins: int, outs: int, base: np.int64) -> list[Indices]:
    """The kept pieces of triangles with `ins` corners inside and `outs` outside, as packed vertex keys."""
    if not len(triangles):
        return []
    # Turn each triangle so that its odd corner comes first; then every triangle of the group looks alike.
    odd = {(3, 0): 1, (2, 0): 0, (1, 0): 1, (2, 1): -1, (1, 1): 1, (1, 2): 1}[ins, outs]
    start = np.argmax(corner == odd, axis=1)
    a, b, c = (np.take_along_axis(triangles, ((start + k) % 3)[:, None], axis=1)[:, 0] for k in range(3))
    own = tuple(p * base + p for p in (a, b, c))
    if outs == 0:
        return [np.stack(own, axis=1)]
    if (ins, outs) == (1, 2):
        return [np.stack([own[0], a * base + b, a * base + c], axis=1)]
    if (ins, outs) == (2, 1):  # a is outside: the quad (ab, b, c, ca)
        first, last = b * base + a, c * base + a
        return [np.stack([first, own[1], own[2]], axis=1), np.stack([first, own[2], last], axis=1)]
    b_outside = (np.take_along_axis(corner, ((start + 1) % 3)[:, None], axis=1)[:, 0]) < 0
    third = np.where(b_outside, a * base + b, own[1])
    fourth = np.where(b_outside, own[2], a * base + c)
    return [np.stack([own[0], third, fourth], axis=1)]


def _after(faces: Indices, on_outline: Flags) -> Indices:
    """For each vertex on the outline the next one along it, else -1; `faces` are those that touch the outline."""
    tail, head, inner = _edges(faces, on_outline)
    after = np.full(len(on_outline), -1, np.int64)
    after[tail[~inner]] = head[~inner]
    return after


def _edges(faces: Indices, on_outline: Flags) -> tuple[Indices, Indices, Flags]:
    """Directed edges that join two outline vertices, and whether their opposites are there too."""
    tail, head = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    both = on_outline[tail] & on_outline[head]
    tail, head = tail[both], head[both]
    count = len(on_outline)
    return tail, head, np.isin(tail * count + head, head * count + tail)


def settle(triangles: Indices, value: Floats, snapped: Flags, before: Floats) -> tuple[Floats, Cut]:
    """Cuts with some vertices snapped onto the outline, and un-snaps those that would do harm.

    Harm is: two pieces of the inside touch in one vertex; an edge that is not on the outline joins two vertices
    that are (a front and a back glued along the outline would share that edge twice); a piece or a hole
    vanishes, or one appears. All end where fewer vertices are snapped; with none snapped there is no harm.

    Args:
        triangles: `(m, 3) int`.
        value: `(n,) float64`, 0 at snapped vertices.
        snapped: `(n,) bool`: these.
        before: `(n,) float64`: the values without any snapping, never 0.

    Returns:
        The values in the end, and the cut.
    """
    value, snapped = value.copy(), snapped.copy()
    touched = triangles[(value[triangles] <= 0).any(axis=1) & (value[triangles] >= 0).any(axis=1)]
    while True:
        made = cut(touched, value)
        harmful = _harmful(touched, made, snapped, before)
        if not harmful.any():
            return value, cut(triangles, value)
        value[harmful] = before[harmful]
        snapped &= ~harmful


def _harmful(triangles: Indices, made: Cut, snapped: Flags, before: Floats) -> Flags:
    """Which snapped vertices do harm, as `settle` says."""
    count = len(made.ends)
    own = made.ends[:, 0] == made.ends[:, 1]
    on_outline = ~own | snapped[made.ends[:, 0]]
    tail, head, inner = _edges(made.faces, on_outline)
    leaving, entering = np.bincount(tail[~inner], minlength=count), np.bincount(head[~inner], minlength=count)
    bad = on_outline & ((leaving != 1) | (entering != 1))  # a branch, or inside after all
    bad[tail[inner]] = True
    bad[head[inner]] = True
    harmful = np.zeros(len(snapped), bool)
    harmful[made.ends[bad & own, 0]] = True
    gone = snapped & (before > 0)
    gone[made.ends[own, 0]] = False
    harmful |= gone  # a piece would vanish
    # A strip of inside between two snapped vertices, or a triangle of three, would vanish.
    a, b = triangles.ravel(), np.roll(triangles, -1, axis=1).ravel()
    strip = snapped[a] & snapped[b] & (before[a] > 0) & (before[b] > 0)
    a, b = a[strip], b[strip]
    place = np.full(len(snapped), -1, np.int64)
    place[made.ends[own, 0]] = np.nonzero(own)[0]
    have = np.concatenate([tail * count + head, head * count + tail])
    lost = ~np.isin(place[a] * count + place[b], have)
    harmful[a[lost]] = True
    harmful[b[lost]] = True
    flat = snapped[triangles].all(axis=1)
    corners = triangles[flat].ravel()
    harmful[corners[before[corners] > 0]] = True
    return harmful & snapped


def loops(after: Indices) -> list[Indices]:
    """The closed rings of a successor table.

    Args:
        after: `(n,) int64`, the next vertex of each, -1 for vertices on no ring.

    Returns:
        One array of vertex indices for each ring, in order, starting at its lowest index.
    """
    on_ring = np.nonzero(after >= 0)[0]
    place = np.full(len(after), -1, np.int64)
    place[on_ring] = np.arange(len(on_ring))
    step = place[after[on_ring]]
    # Pointer doubling: the lowest member of each ring, then the number of steps from it.
    lowest, jump = np.arange(len(on_ring)), step
    for _ in range(max(len(on_ring), 1).bit_length()):
        lowest = np.minimum(lowest, lowest[jump])
        jump = jump[jump]
    is_start = lowest == np.arange(len(on_ring))
    jump = np.where(is_start, np.arange(len(on_ring)), step)
    left = np.where(is_start, 0, 1)
    for _ in range(max(len(on_ring), 1).bit_length()):
        left = left + left[jump]
        jump = jump[jump]
    size = np.bincount(lowest, minlength=len(on_ring))
    rank = np.where(is_start, 0, size[lowest] - left)
    order = np.lexsort((rank, lowest))
    bounds = np.cumsum(size[np.nonzero(is_start)[0]])[:-1]
    return [ring for ring in np.split(on_ring[order], bounds) if len(ring)]
