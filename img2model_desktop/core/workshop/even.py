"""Makes triangles even: splits long edges, collapses short ones, flips, and evens out vertices.

Botsch and Kobbelt, A remeshing approach to multiresolution modeling, 2004, done to many edges at once; flips make the
mesh Delaunay instead of counting neighbours, which asks for the same triangles here.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids
from img2model_desktop.core.triangles import cross
from img2model_desktop.core.workshop.collapse import (
    Care,
    Flags,
    Net,
    Points,
    allowed,
    apart,
    collapse,
    net_of,
    not_starving,
)
from img2model_desktop.core.workshop.flips import delaunay
from img2model_desktop.core.workshop.nearest import Nearest, pieces_of

LONG, SHORT = 4 / 3, 4 / 5
"""Of the wanted length: longer edges are split, shorter ones collapsed (Botsch and Kobbelt)."""
CREASE = np.cos(np.radians(40.0))
"""Edges whose faces differ by more are kept as creases."""
KINK = np.cos(np.radians(50.0))
"""A crease that turns by more at a vertex keeps that vertex where it is."""
STEP = 0.7
"""Share of the way to the middle of its neighbours that a vertex goes in a round."""
PIECE = 0.7
"""Of the wanted length: longest side of the pieces in which the old surface is searched."""
ROUNDS = 9
"""Of all steps; five bring most of it, the others the number of faces."""
PATCH_ROUNDS = 3
"""For a patch, which is fairly even from the start."""
SPLITS = 24
"""Passes of halving in one round, at most; each halves the longest edge."""
COLLAPSES = 4
"""Sets of collapses in one round, at most."""


class Even(NamedTuple):
    """A surface on its way.

    Args:
        points: `(n, 3) float64`.
        faces: `(m, 3) int64`.
        lines: `(k, 2) int64`, edges that stay edges: creases, rims, crowded edges.
        corner: `(n,) bool`, vertices that stay where they are.
    """

    points: Points
    faces: Ids
    lines: Ids
    corner: Flags


def even(points: Points, faces: Ids, wanted: int, progress: Progress) -> tuple[Points, Ids]:
    """The surface with about so many faces of one size; its topology, creases, rims and shape stay.

    Args:
        points: `(n, 3) float64`, one for each place.
        faces: `(m, 3) int64`, with three different corners each.
        wanted: how many faces.
        progress: token.

    Returns:
        `(p, 3)` points, all used, and `(q, 3)` faces.
    """
    state = _begun(points, faces)
    length = _length_for(area_of(points, faces), wanted)
    surface = Nearest(pieces_of(points[faces], PIECE * length, progress.part(0.0, 0.1)))
    ends = points[state.lines]
    # a segment is a triangle with a corner twice
    creases = Nearest(pieces_of(ends[:, [0, 1, 1]], PIECE * length, progress)) if len(ends) else None
    for done in range(ROUNDS):
        part = progress.part(0.1 + 0.9 * done / ROUNDS, 0.1 + 0.9 * (done + 1) / ROUNDS)
        part.update(0.0)
        if done > 1:
            length *= min(max(len(state.faces) / wanted, 0.7), 1.4) ** 0.5
        state = _split(state, length, part.part(0.0, 0.2))
        state = _collapsed(state, length, 4 * COLLAPSES if done == 0 else COLLAPSES, part.part(0.2, 0.5))
        state = state._replace(faces=delaunay(state.points, state.faces, state.lines, rounds=4))
        part.update(0.6)
        state = _settled(state, surface, creases, part.part(0.6, 1.0))
    state = state._replace(faces=delaunay(state.points, state.faces, state.lines))
    state = _balanced(state, surface, progress)
    used, numbers = np.unique(state.faces, return_inverse=True)
    return state.points[used], numbers.reshape(-1, 3).astype(np.int64)


def area_of(points: Points, faces: Ids) -> float:
    """Of all faces together."""
    return float(np.linalg.norm(_normals(points, faces), axis=1).sum() / 2)


def _length_for(area: float, count: int) -> float:
    """The side of so many even triangles: each has an area of its square times sqrt(3) / 4."""
    return float(np.sqrt(4 * area / (np.sqrt(3) * count)))


def _begun(points: Points, faces: Ids) -> Even:
    """Creases, rims and crowded edges found, and the vertices where they meet, end or turn."""
    net = net_of(faces, len(points))
    corners = points[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1), np.finfo(float).tiny)[:, None]
    total = np.zeros((len(net.uses), 3))
    for k in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(net.sides[:, k], normal[:, axis], len(net.uses))
    # two unit normals at an angle t have a sum of length 2 cos(t / 2)
    cosine = np.einsum("ij,ij->i", total, total) / 2 - 1
    lines = net.ends[(net.uses != 2) | (cosine < CREASE)]
    return Even(points, faces, lines, _corners_of(points, lines))


def _corners_of(points: Points, lines: Ids) -> Flags:
    """Vertices with another number of lines than none or two, and those where two lines make a kink."""
    degree = np.bincount(lines.ravel(), minlength=len(points))
    total = np.zeros((len(points), 3))
    along = points[lines[:, 1]] - points[lines[:, 0]]
    along /= np.maximum(np.linalg.norm(along, axis=1), np.finfo(float).tiny)[:, None]
    for axis in range(3):
        total[:, axis] += np.bincount(lines[:, 0], along[:, axis], len(points))
        total[:, axis] -= np.bincount(lines[:, 1], along[:, axis], len(points))
    # two unit vectors that leave a vertex straight on cancel out; at a turn of t their sum squared is 2 - 2 cos t
    straight = 1 - np.einsum("ij,ij->i", total, total) / 2
    return np.asarray((degree == 1) | (degree > 2) | ((degree == 2) & (straight < KINK)))


def _split(state: Even, length: float, progress: Progress, frozen: int = 0) -> Even:
    """The surface with every edge halved that is too long.

    The longest go first, and flips and collapses follow each time: halving slivers down to the wanted length at once
    would make millions of them. Edges on the rim of a patch stay.
    """
    most, stalled = np.inf, 0
    for done in range(SPLITS):
        progress.update(done / SPLITS)
        net = net_of(state.faces, len(state.points))
        along = state.points[net.ends[:, 0]] - state.points[net.ends[:, 1]]
        square = np.einsum("ij,ij->i", along, along)
        if frozen:
            square[net.uses != 2] = 0.0
        longest = max((LONG * length) ** 2, float(square.max()) / 4)
        stalled += float(square.max()) > 0.8 * most
        most = float(square.max())
        if not (square > (LONG * length) ** 2).any() or stalled > 1:
            break
        state = _halved(state, net, square > longest if longest < square.max() else square >= longest)
        state = state._replace(faces=delaunay(state.points, state.faces, state.lines, rounds=3, frozen=frozen))
        if longest > (LONG * length) ** 2:
            state = _collapsed(state, length, 1, progress, frozen)
    return state


def _halved(state: Even, net: Net, long: Flags) -> Even:
    """Splits the marked edges at their middles; a face with one, two or three of them becomes two, three or four."""
    middle = np.full(len(long), -1)
    middle[long] = len(state.points) + np.arange(int(long.sum()))
    points = np.concatenate([state.points, state.points[net.ends[long]].mean(axis=1)])
    marks = middle[net.sides]
    count = (marks >= 0).sum(axis=1)
    # one mark is turned to the first side, two are turned so that the third side has none
    turn = np.where(count == 2, (marks < 0).argmax(axis=1) + 1, (marks >= 0).argmax(axis=1))
    order = (turn[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(state.faces, order, axis=1).T
    m, n, p = np.take_along_axis(marks, order, axis=1).T
    one, two, three = (count == k for k in (1, 2, 3))
    made = [
        state.faces[count == 0],
        *(np.stack(rows, axis=1)[one] for rows in ((a, m, c), (m, b, c))),
        *(np.stack(rows, axis=1)[two] for rows in ((m, b, n), (a, m, n), (a, n, c))),
        *(np.stack(rows, axis=1)[three] for rows in ((a, m, p), (m, b, n), (p, n, c), (m, n, p))),
    ]
    lines = state.lines
    if len(lines):
        lines = np.sort(lines, axis=1)
        key, mine = net.ends[:, 0] * net.size + net.ends[:, 1], lines[:, 0] * net.size + lines[:, 1]
        order = np.argsort(key)
        cut = middle[order[np.searchsorted(key[order], mine)]]
        halves = cut >= 0
        first = np.stack([lines[halves, 0], cut[halves]], axis=1)
        second = np.stack([cut[halves], lines[halves, 1]], axis=1)
        lines = np.concatenate([lines[~halves], first, second])
    corner = np.concatenate([state.corner, np.zeros(int(long.sum()), dtype=bool)])
    return Even(points, np.concatenate(made), lines, corner)


def _collapsed(state: Even, length: float, sets: int, progress: Progress, frozen: int = 0) -> Even:
    """The surface without edges that are too short, as far as creases and shape allow."""
    care = Care(turn=0.6, sliver=0.05, longest=LONG * length)
    for done in range(sets):
        progress.update(done / sets)
        net = net_of(state.faces, len(state.points))
        on_line = np.zeros(net.size, dtype=bool)
        on_line[state.lines] = True
        weight = on_line.astype(np.int64) + 2 * state.corner
        along = state.points[net.ends[:, 0]] - state.points[net.ends[:, 1]]
        square = np.einsum("ij,ij->i", along, along)
        ends = net.ends
        kind = weight[ends]
        is_line = _are_lines(net, state.lines)
        fits = (square < (SHORT * length) ** 2) & ((kind == 0).any(axis=1) | (is_line & (kind <= 1).any(axis=1)))
        fits &= ends[:, 0] >= frozen
        short = np.nonzero(fits)[0]
        short = short[np.argsort(square[short], kind="stable")]
        chosen = short[apart(net, short)]
        first, second = (state.points[ends[chosen, k]] for k in (0, 1))
        lighter = kind[chosen, 0] < kind[chosen, 1]
        same = (kind[chosen, 0] == kind[chosen, 1]) & (kind[chosen, 0] == 0)
        targets = np.where(lighter[:, None], second, first)
        targets[same] = (first[same] + second[same]) / 2
        good = allowed(net, state.points, chosen, targets, care)
        chosen, targets = chosen[good], targets[good]
        fed = not_starving(net, chosen)
        chosen, targets = chosen[fed], targets[fed]
        if not len(chosen):
            break
        state = _merged(state, net, chosen, targets)
        if len(chosen) * 200 < net.size and done:
            break
    return state


def _merged(state: Even, net: Net, chosen: Ids, targets: Points) -> Even:
    points, faces = collapse(net, state.points, chosen, targets)
    into = np.arange(net.size)
    into[net.ends[chosen, 1]] = net.ends[chosen, 0]
    lines = np.sort(into[state.lines], axis=1)
    lines = lines[lines[:, 0] != lines[:, 1]]
    corner = state.corner.copy()
    corner[net.ends[chosen, 0]] |= corner[net.ends[chosen, 1]]
    return Even(points, faces, lines, corner)


def _are_lines(net: Net, lines: Ids) -> Flags:
    lines = np.sort(lines, axis=1)
    return np.isin(net.ends[:, 0] * net.size + net.ends[:, 1], lines[:, 0] * net.size + lines[:, 1])


def _settled(state: Even, surface: Nearest, creases: Nearest | None, progress: Progress) -> Even:
    """Vertices moved towards the middle of their neighbours and back onto the old surface; those of creases along
    them. Moves that turn faces over are taken back."""
    points, faces, lines = state.points, state.faces, state.lines
    net = net_of(faces, len(points))
    on_line = np.zeros(len(points), dtype=bool)
    on_line[lines] = True
    free = ~on_line & (net.starts[1:] > net.starts[:-1])
    slide = on_line & ~state.corner
    target = points.copy()
    target[free] = _tangential(points, faces, net.ends)[free]
    if creases is not None and slide.any():
        target[slide] += STEP * (_mean(lines, points)[slide] - points[slide])
        _, target[slide], _ = creases.find(target[slide], progress)
    _, target[free], _ = surface.find(target[free], progress)
    before = _normals(points, faces)
    for _ in range(4):
        after = _normals(target, faces)
        size = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
        bad = np.einsum("ij,ij->i", before, after) < 0.3 * size
        if not bad.any():
            break
        target[faces[bad]] = points[faces[bad]]
    return state._replace(points=target)


def _balanced(state: Even, surface: Nearest, progress: Progress) -> Even:
    """Vertices that are free moved off the surface as far as faces cut below it, so that the volume stays.

    Over a curved surface with its corners on it, a flat triangle is off by the most in its middle and by three
    quarters of that on average.
    """
    middles = state.points[state.faces].mean(axis=1)
    _, onto, _ = surface.find(middles, progress.part(0.99, 1.0))
    off, count = np.zeros_like(state.points), np.zeros(len(state.points))
    for k in range(3):
        count += np.bincount(state.faces[:, k], minlength=len(count))
        for axis in range(3):
            off[:, axis] += np.bincount(state.faces[:, k], (onto - middles)[:, axis], len(count))
    free = count > 0
    free[state.lines] = False
    return state._replace(points=state.points + np.where(free, 0.75 / np.maximum(count, 1), 0.0)[:, None] * off)


def _tangential(points: Points, faces: Ids, ends: Ids) -> Points:
    """Each vertex part of the way to the middle of its neighbours, within its tangent plane."""
    normal = np.zeros_like(points)
    across = _normals(points, faces)
    for k in range(3):
        for axis in range(3):
            normal[:, axis] += np.bincount(faces[:, k], across[:, axis], len(points))
    normal /= np.maximum(np.linalg.norm(normal, axis=1), np.finfo(float).tiny)[:, None]
    way = STEP * (_mean(ends, points) - points)
    return np.asarray(points + way - normal * np.einsum("ij,ij->i", normal, way)[:, None])


def _mean(ends: Ids, points: Points) -> Points:
    """The middle of the neighbours along edges; a vertex without any stays."""
    start, end = np.concatenate([ends, ends[:, ::-1]]).T
    degree = np.bincount(start, minlength=len(points))
    total = np.stack([np.bincount(start, points[end, k], len(points)) for k in range(3)], axis=1)
    return np.where(degree[:, None] > 0, total / np.maximum(degree, 1)[:, None], points)


def _normals(points: Points, faces: Ids) -> NDArray[np.float64]:
    at = points[faces]
    return cross(at[:, 1] - at[:, 0], at[:, 2] - at[:, 0])


def refined(points: Points, faces: Ids, length: float, rims: Ids, progress: Progress) -> tuple[Points, Ids]:
    """Patches with edges of about one length inside rims that stay as they are.

    Args:
        points: `(n, 3) float64`, first those of the rims, one after the other, each in its order.
        faces: `(m, 3) int64`.
        length: wanted.
        rims: `(k,) int64`, how many points each has.
        progress: token.

    Returns:
        points, those of the rims unchanged, all others used, and faces.
    """
    rim = int(rims.sum())
    after = np.arange(1, rim + 1)
    after[np.cumsum(rims) - 1] = np.cumsum(rims) - rims
    state = Even(points, faces, np.stack([np.arange(rim), after], axis=1), np.arange(len(points)) < rim)
    for done in range(PATCH_ROUNDS):
        part = progress.part(done / PATCH_ROUNDS, (done + 1) / PATCH_ROUNDS)
        state = _split(state, length, part.part(0.0, 0.5), rim)
        state = _collapsed(state, length, 2, part.part(0.5, 0.8), rim)
        state = state._replace(faces=delaunay(state.points, state.faces, state.lines, rounds=4, frozen=rim))
        moved = _tangential(state.points, state.faces, net_of(state.faces, len(state.points)).ends)
        moved[:rim] = points[:rim]
        state = state._replace(points=moved)
    used = np.zeros(len(state.points), dtype=bool)
    used[state.faces] = True
    used[:rim] = True
    return state.points[used], (np.cumsum(used) - 1)[state.faces]
