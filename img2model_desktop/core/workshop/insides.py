"""What of a triangle soup bounds an inside, and which points of a grid lie in it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.rays import Rays
from img2model_desktop.core.topology import Ids, collapsed, connected, edges_of, parts_of, same_rows
from img2model_desktop.core.triangles import areas, units
from img2model_desktop.core.workshop.facing import facing_out
from img2model_desktop.core.workshop.winding import ALONG, AROUND, WHOLE, Hits, Sweep, Winding, hits_of
from img2model_desktop.errors import EngineProblem

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MARGIN = 4
"""Points of the grid outside of the mesh's box on every side."""

SHIFT = (1.13e-4, 1.79e-4, 2.51e-4)
"""Of the grid, cells: surfaces on round numbers lie on none of its points."""

LOOKS = 16
"""Rays from each side of a face that say which side is seen from outside."""

SEEN = 0.05
"""Share of its area by which a part must be seen more from behind than from in front to be turned."""

ROUNDS = 18
"""Of smoothing the winding number."""

LARGE = 40_000_000
"""Points of a grid from which on a third of the rounds must do."""

OFF = 1e-3
"""Cells from a triangle at which a ray begins that leaves it."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Cubic cells around a mesh.

    Args:
        low: `(3,) float64`, place of the first point, metres.
        cell: side of a cell, metres.
        shape: points along each axis.
    """

    low: Floats
    cell: float
    shape: tuple[int, int, int]

    @classmethod
    def around(cls, mesh: Mesh, cells: int, margin: int = MARGIN) -> "Grid":
        """The grid with so many cells along the longest side of a mesh, and a margin. Raises EngineProblem: a point."""
        low, high = mesh.bounds
        if not (high > low).any():
            raise EngineProblem("Every face of the mesh is without area.", "Use a mesh with a surface.")
        cell = float((high - low).max()) / cells
        count = np.ceil((high - low) / cell).astype(int) + 2 * margin + 1
        middle = (low + high) / 2 - (count - 1) / 2 * cell
        return cls(middle + np.array(SHIFT) * cell, cell, (int(count[0]), int(count[1]), int(count[2])))

    def inside(self, points: NDArray[np.floating[Any]]) -> Floats:
        """Metres, `(..., 3)`, in cells from the first point."""
        return np.asarray((points.astype(np.float64) - self.low) / self.cell)

    def outside(self, points: NDArray[np.floating[Any]]) -> Floats:
        """Cells from the first point, `(..., 3)`, in metres."""
        return np.asarray(points * self.cell + self.low)


@dataclass(frozen=True, slots=True, eq=False)
class Soup:
    """The faces of a mesh without those that say nothing, turned outwards as far as that can be known.

    Args:
        triangles: `(m, 3, 3) float64`, cells of the grid.
        closed: `(m,) bool`, faces of parts without rims.
        cavity: `(m,) bool`, faces of closed parts that look into themselves: what they bound is empty.
    """

    triangles: Floats
    closed: Flags
    cavity: Flags


def soup_of(mesh: Mesh, grid: Grid, progress: Progress) -> Soup:
    """The faces of a mesh in the cells of a grid.

    Raises:
        EngineProblem: no face has an area.
        Cancelled: from `progress`.
    """
    place = same_rows(mesh.vertices)
    faces = mesh.faces[~collapsed(place[mesh.faces])]
    triangles = grid.inside(mesh.vertices)[faces]
    flat = areas(triangles) == 0
    once = same_rows(np.sort(place[faces], axis=1).astype(np.float64)) == np.arange(len(faces))
    faces = faces[once]
    if not len(faces) or flat.all():
        raise EngineProblem("Every face of the mesh is without area.", "There is nothing that could be made solid.")
    faces = facing_out(mesh, faces, place, progress.part(0.0, 0.5))
    edges = edges_of(place[faces])
    count, part = parts_of(edges)
    triangles = grid.inside(mesh.vertices)[faces]
    whole = np.ones(count, dtype=bool)
    whole[part[edges.order[(edges.balance != 0)[edges.edge]] // 3]] = False
    middle = triangles - triangles.mean(axis=(0, 1))
    six = np.einsum("ij,ij->i", middle[:, 0], np.cross(middle[:, 1], middle[:, 2]))
    hollow = whole & (np.bincount(part, weights=six, minlength=count) < 0)
    closed = whole[part]
    if not closed.all():
        loose = np.nonzero(~closed)[0]
        count, part = _sheets(place[faces[loose]])
        wrong = seen_from_behind(triangles, loose, part, count, progress.part(0.5, 1.0))
        turned = loose[wrong[part]]
        triangles[turned] = triangles[turned][:, ::-1]
    return Soup(triangles, closed, hollow[parts_of(edges)[1]])


def _sheets(corners: NDArray[np.int64]) -> tuple[int, Ids]:
    """Groups of faces that hang together over edges with exactly two faces: what looks one way."""
    edges = edges_of(corners)
    one, other = edges.neighbours
    two = (edges.uses[edges.edge[one]] == 2) & (edges.balance[edges.edge[one]] == 0)
    return connected(len(corners), edges.order[one[two]] // 3, edges.order[other[two]] // 3)


def seen_from_behind(triangles: Floats, loose: Ids, part: Ids, count: int, progress: Progress) -> Flags:
    """`(count,) bool`: open parts that are seen from outside more from behind than from in front.

    Args:
        triangles: `(m, 3, 3)`, all.
        loose: `(k,)`, those of open parts.
        part: `(k,)`, the part of each.
        count: of parts.
        progress: token.
    """
    mine = triangles[loose]
    area, middle = areas(mine), mine.mean(axis=1)
    rays = Rays(triangles)
    normal = rays.normals[loose]
    around = _half_sphere(LOOKS)
    score = np.zeros(len(loose))
    for side in (1.0, -1.0):
        across, up = _frame(normal * side)
        for number, (x, y, z) in enumerate(around):
            done = (number + LOOKS * (side < 0)) / (2 * LOOKS)
            token = progress.part(done, done + 0.5 / LOOKS)
            ray = across * x + up * y + normal * (side * z)
            score += side * z * ~rays.hidden(middle + normal * (side * OFF), ray, token)
    value = np.bincount(part, weights=score * area, minlength=count)
    total = np.bincount(part, weights=area, minlength=count) * around[:, 2].sum()
    return np.asarray(value < -SEEN * total)


def _half_sphere(count: int) -> Floats:
    """`(count, 3)` directions with z > 0, evenly spread (a Fibonacci spiral)."""
    z = (np.arange(count) + 0.5) / count
    angle = np.arange(count) * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], axis=1)


def _frame(normal: Floats) -> tuple[Floats, Floats]:
    """Two directions square to each normal and to each other."""
    helper = np.where(np.abs(normal[:, :1]) > 0.8, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    across = np.cross(helper, normal)
    across = units(across)
    return across, np.cross(normal, across)


@dataclass(frozen=True, slots=True, eq=False)
class Inside:
    """Which points of a grid lie inside.

    Args:
        solid: `(i, j, k) bool`.
        level: `(i, j, k) float32`, how surely a point is inside, a half at openings that are closed. None where
            there are no openings.
        hits: crossings of the grid's own lines with the soup, for each axis.
        cavity: `(i, j, k) bool`, points in closed parts that look into themselves; None where there are none.
    """

    solid: NDArray[np.bool_]
    level: NDArray[np.float32] | None
    hits: tuple[Hits, Hits, Hits]
    cavity: NDArray[np.bool_] | None = None


def inside_of(soup: Soup, shape: tuple[int, int, int], progress: Progress) -> Inside:
    """Which points of a grid a soup winds around: closed parts for certain, open ones where they nearly close."""
    hits = tuple(hits_of(soup.triangles, way, progress.part(0.0, 0.1)) for way in ALONG)
    winding = np.zeros(shape, dtype=np.int16)
    if soup.closed.any():
        mine = hits[2].chosen(soup.closed[hits[2].triangle])
        Sweep(mine, ALONG[2], shape).add_closed(winding, progress.part(0.1, 0.2))
    solid = winding > WHOLE // 2
    cavity = None
    if soup.cavity.any():
        emptied = np.zeros(shape, dtype=np.int16)
        Sweep(hits[2].chosen(soup.cavity[hits[2].triangle]), ALONG[2], shape).add_closed(emptied, progress)
        cavity = emptied < -WHOLE // 2
    if soup.closed.all():
        return Inside(solid, None, (hits[0], hits[1], hits[2]), cavity)
    winding[:], open_to = 0, np.zeros(shape, dtype=np.int16)
    for number, way in enumerate(AROUND):
        part = progress.part(0.2 + 0.5 * number / len(AROUND), 0.2 + 0.5 * (number + 1) / len(AROUND))
        found = hits[number] if number < 3 else hits_of(soup.triangles, way, part)
        Sweep(found, way, shape).add(winding, open_to, part)
    level = np.abs(smoothed(winding, hits, progress.part(0.7, 1.0)))
    np.minimum(level, closedness(open_to), out=level)
    solid |= level > 0.5
    return Inside(solid, level, (hits[0], hits[1], hits[2]), cavity)


def closedness(open_to: Winding) -> NDArray[np.float32]:
    """Of each point of a grid the share of rays that meet something, 0..1, smoothed like the winding number."""
    from scipy.ndimage import uniform_filter

    share = 1 - open_to.astype(np.float32) / np.float32(WHOLE)
    return np.asarray(uniform_filter(uniform_filter(share, 3), 3))


def smoothed(winding: Winding, hits: tuple[Hits, ...], progress: Progress) -> NDArray[np.float32]:
    """The winding number, 1 for once, without the noise of its few rays.

    Away from the surface it is harmonic, and across it changes by one: every point becomes the mean of itself and its
    neighbours (Jacobi, damped), of which those behind crossings count with what the crossing changes.
    """
    level = winding.astype(np.float32) / np.float32(WHOLE)
    rounds = ROUNDS if level.size <= LARGE else ROUNDS // 3
    steps = [_changes(found, way.axis, winding.shape) for found, way in zip(hits, ALONG, strict=True)]
    for number in range(rounds):
        total = level * 2
        for axis, change in enumerate(steps):
            progress.update((number + axis / 3) / rounds)
            ahead, behind = _slices(axis, 1, None), _slices(axis, None, -1)
            total[behind] += level[ahead] + change
            total[ahead] += level[behind] - change
        total /= 8
        for axis in range(3):  # points on the border lack a neighbour; they stay what they are
            for end in (0, -1):
                total[_at(axis, end)] = level[_at(axis, end)]
        level = total
    return level


def _changes(hits: Hits, axis: int, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """By how much the winding number falls from each point to the next along an axis."""
    short = list(shape)
    short[axis] -= 1
    change = np.zeros(short, dtype=np.int8)
    at: list[Ids] = [hits.first] * 3
    at[(axis + 1) % 3], at[(axis + 2) % 3] = hits.first, hits.second
    at[axis] = np.clip(np.ceil(hits.height).astype(np.int64) - 1, 0, short[axis] - 1)
    np.add.at(change, tuple(at), hits.sign)
    return change


def _slices(axis: int, start: int | None, stop: int | None) -> tuple[slice, ...]:
    return tuple(slice(start, stop) if k == axis else slice(None) for k in range(3))


def _at(axis: int, index: int) -> tuple[slice | int, ...]:
    return tuple(index if k == axis else slice(None) for k in range(3))
