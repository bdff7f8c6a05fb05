"""Makes one closed solid of any mesh.

A mesh that is a closed solid already stays as it is; closed parts that overlap are united; everything else is built
anew from a grid: what the soup winds around is filled, what bounds nothing becomes a sheet with a thickness, and a
surface is drawn around both that lies on the old one wherever there was one.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.catalog import SolidOptions
from img2model_desktop.core.workshop.insides import Grid, Inside, Scene, Soup, inside_of, soup_of
from img2model_desktop.core.workshop.marching import march, well_composed
from img2model_desktop.core.workshop.nearest import Nearest, Pieces, pieces_of
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.solids import Frame, body_of, is_closed, to_mesh

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ids = NDArray[np.int64]

SHEET = 1.6
"""Cells: thinnest sheet that the grid holds without gaps."""

THIN = 1.5
"""Cells: walls thinner than that are built as sheets, so that none falls between the points of the grid."""

PIECE = 1.4
"""Cells: longest side of the pieces whose thickness is asked."""

DEPTHS = (0.75, 1.25)
"""Cells behind and before a piece where an inside is looked for."""

FEW = 0.45
"""Share of inner points around such a place from which on there is an inside."""

FAIR = 0.03
"""Cells by which the surface may move when flat places get larger triangles."""


def solidify(mesh: Mesh, options: SolidOptions, progress: Progress) -> Outcome:
    """A closed, manifold solid whose faces look outwards, as near to the mesh as the detail allows.

    Raises:
        EngineProblem: no face has an area.
        Cancelled: from `progress`.
    """
    built, notes = remade(mesh, options.detail, options.sheet_mm / 1000.0, progress)
    return Outcome(built, notes)


def remade(mesh: Mesh, detail: int, sheet_m: float, progress: Progress) -> Outcome:
    """The solid built from a grid, without uv.

    Args:
        mesh: valid.
        detail: cells along the longest side.
        sheet_m: thickness of surfaces without an inside; 0 for the thinnest that the grid holds.
        progress: token.
    """
    grid = Grid.around(mesh, detail)
    soup = soup_of(mesh, grid, progress.part(0.0, 0.1))
    inside = inside_of(soup, grid.shape, progress.part(0.1, 0.4))
    sheets = sheets_of(soup, inside, max(SHEET, sheet_m / grid.cell), progress.part(0.4, 0.55))
    field = Field(inside, sheets, grid.shape, progress.part(0.55, 0.7))
    vertices, faces = march(field.inner, field.position, progress.part(0.7, 0.9))
    raw = Mesh(grid.outside(vertices).astype(np.float32), faces)
    result = _larger_triangles(raw, grid)
    progress.update(1.0)
    return Outcome(result, ())


def _larger_triangles(mesh: Mesh, grid: Grid) -> Mesh:
    """Fewer triangles where the surface is flat; the mesh itself should that not work."""
    frame = Frame.of(mesh)
    body = body_of(mesh, frame)
    if body is None:
        return mesh
    simple = to_mesh(body.simplify(FAIR * grid.cell * frame.scale), frame, mesh, set())
    return simple if is_closed(simple) else mesh


class Sheets(NamedTuple):
    """Surfaces that become sheets.

    Args:
        pieces: cells of the grid.
        radius: `(k,) float64`, half the thickness of each piece, cells.
    """

    pieces: Pieces
    radius: Floats


def sheets_of(soup: Soup, inside: Inside, thickness: float, progress: Progress) -> Sheets:
    """Which pieces of a soup bound no inside that the grid sees.

    Args:
        soup: cells of the grid.
        inside: what is inside.
        thickness: of sheets, cells.
        progress: token.
    """
    pieces = pieces_of(soup.triangles, PIECE, progress.part(0.0, 0.2))
    middles = pieces.middles
    a, b, c = (soup.triangles[:, k] for k in range(3))
    cross = np.cross(b - a, c - a)
    length = np.linalg.norm(cross, axis=1)
    normal = (cross / np.maximum(length, np.finfo(float).tiny)[:, None])[pieces.source]
    some = length[pieces.source] > 0
    loose = np.nonzero(some & ~soup.closed[pieces.source])[0]
    near = np.zeros(len(loose))
    for depth in DEPTHS:
        for side in (1.0, -1.0):
            progress.update(0.2)
            at = middles[loose] + normal[loose] * (side * depth)
            np.maximum(near, share_inside(inside.solid, at), out=near)
    sheet = np.zeros(len(middles), dtype=bool)
    sheet[loose] = near < FEW
    asked = np.nonzero(some & ~sheet)[0]
    scene = Scene(soup.triangles)
    back = -normal[asked]
    away, met = scene.cast(middles[asked] + back * 1e-3, back, progress.part(0.2, 0.9))
    facing = np.where(met >= 0, np.einsum("ij,ij->i", cross[met], back), 0.0)  # the ray leaves there
    thin = np.zeros(len(middles), dtype=bool)
    thin[asked] = (away < THIN) & (facing > 0)
    inward = np.zeros(len(middles))
    inward[asked] = np.where(thin[asked], away / 2, 0.0)
    moved = pieces.triangles - (normal * inward[:, None])[:, None, :]
    chosen = np.nonzero(sheet | thin)[0]
    radius = np.where(sheet, thickness / 2, SHEET / 2)
    progress.update(1.0)
    return Sheets(Pieces(moved[chosen], pieces.source[chosen]), radius[chosen])


def share_inside(solid: Flags, points: Floats) -> Floats:
    """Trilinear mean of the inner points of a grid around places, `(n, 3)` cells."""
    low = np.clip(np.floor(points).astype(np.int64), 0, np.array(solid.shape) - 2)
    x, y, z = np.clip(points - low, 0.0, 1.0).T
    number = np.ravel_multi_index(tuple(low.T), solid.shape)
    flat = solid.reshape(-1)
    total = np.zeros(len(points))
    for corner in np.ndindex(2, 2, 2):
        step = (corner[0] * solid.shape[1] + corner[1]) * solid.shape[2] + corner[2]
        weight = (x if corner[0] else 1 - x) * (y if corner[1] else 1 - y)
        total += weight * (z if corner[2] else 1 - z) * flat[number + step]
    return total


class Field:
    """The inner points of the result, and where its surface is between them and the outer ones.

    Args:
        inside: what the soup winds around.
        sheets: what is added to it.
        shape: of the grid.
        progress: token.
    """

    def __init__(self, inside: Inside, sheets: Sheets, shape: tuple[int, int, int], progress: Progress) -> None:
        self._inside = inside
        self._number, self._depth = _sheet_depths(sheets, shape, progress.part(0.0, 0.8))
        self.inner = inside.solid.copy()
        flat = self.inner.reshape(-1)
        flat[self._number[self._depth > 0]] = True
        for axis in range(3):  # sheets as thick as the margin must not reach the border
            view = np.moveaxis(self.inner, axis, 0)
            view[0] = view[-1] = False
        self.filled = well_composed(self.inner, progress.part(0.8, 1.0))

    def position(self, axis: int, points: Ids, rising: Flags) -> Floats:
        """Where the surface is on edges of the grid: see `marching.Position`."""
        step = np.eye(3, dtype=np.int64)[axis]
        first = np.where(rising[:, None], points, points + step)  # the inner end
        second = np.where(rising[:, None], points + step, points)
        solid = self._inside.solid
        crossing = solid[tuple(first.T)] & ~solid[tuple(second.T)]
        from_inner = np.full(len(points), 0.1)  # points that were filled in stand out little
        here, there = self._depths(first), self._depths(second)
        sheet = (here > 0) & (there <= 0)
        from_inner[sheet] = here[sheet] / (here[sheet] - there[sheet])
        mine = np.nonzero(crossing)[0]
        on_surface = self._crossed(axis, points[mine], rising[mine], first[mine], second[mine])
        from_inner[mine] = np.where(sheet[mine], np.maximum(from_inner[mine], on_surface), on_surface)
        return np.where(rising, from_inner, 1 - from_inner)

    def _depths(self, points: Ids) -> Floats:
        number = np.ravel_multi_index(tuple(points.T), self.inner.shape)
        at = np.minimum(np.searchsorted(self._number, number), max(len(self._number) - 1, 0))
        if not len(self._number):
            return np.full(len(points), -1.0)
        return np.where(self._number[at] == number, self._depth[at], -1.0)

    def _crossed(self, axis: int, points: Ids, rising: Flags, first: Ids, second: Ids) -> Floats:
        """Where edges cross the soup, farthest from the inner end; where its winding number is a half elsewhere."""
        hits = self._inside.hits[axis]
        one, two = (axis + 1) % 3, (axis + 2) % 3
        shape = self.inner.shape
        key = (hits.first * shape[two] + hits.second) * shape[axis] + np.ceil(hits.height).astype(np.int64) - 1
        asked = (points[:, one] * shape[two] + points[:, two]) * shape[axis] + points[:, axis]
        begin, end = np.searchsorted(key, asked), np.searchsorted(key, asked, side="right")
        some = end > begin
        take = np.clip(np.where(rising, end - 1, begin), 0, max(len(key) - 1, 0))
        share = hits.height[take] - points[:, axis] if len(key) else np.zeros(len(asked))
        out = np.where(rising, share, 1 - share)
        if self._inside.level is None or some.all():
            return np.where(some, out, 0.5)
        here = self._inside.level[tuple(first.T)].astype(np.float64) - 0.5
        there = self._inside.level[tuple(second.T)].astype(np.float64) - 0.5
        change = here - there
        at = np.where((here > 0) & (there <= 0), here / np.where(change > 0, change, 1.0), 0.5)
        return np.where(some, out, at)


def _sheet_depths(sheets: Sheets, shape: tuple[int, int, int], progress: Progress) -> tuple[Ids, Floats]:
    """Points of a grid near sheets, ascending numbers `(n,)`, and how deep in them they lie, cells, below 0 outside."""
    from scipy.ndimage import distance_transform_edt

    if not len(sheets.radius):
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    far = np.ones(shape, dtype=bool)
    middles = np.rint(sheets.pieces.middles).astype(np.int64)
    far[tuple(middles.T)] = False
    progress.update(0.1)
    reach = float(sheets.radius.max()) + 2.5
    near = distance_transform_edt(far) <= reach
    number = np.nonzero(near.reshape(-1))[0]
    points = np.stack(np.unravel_index(number, shape), axis=1).astype(np.float64)
    distance, _, piece = Nearest(sheets.pieces).find(points, progress.part(0.3, 1.0))
    return number, sheets.radius[piece] - distance
