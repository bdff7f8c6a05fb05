"""Makes one closed solid of any mesh.

A mesh that is a closed solid already stays as it is; closed parts that overlap are united; everything else is built
anew from a grid: what the soup winds around is filled, what bounds nothing becomes a sheet with a thickness, and a
surface is drawn around both that lies on the old one wherever there was one.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.rays import Rays
from img2model_desktop.core.topology import collapsed, edges_of, same_rows
from img2model_desktop.core.triangles import unit_normals
from img2model_desktop.core.verdict.crossings import crossings_of
from img2model_desktop.core.verdict.surface import surface_of
from img2model_desktop.core.workshop.catalog import SolidOptions
from img2model_desktop.core.workshop.facing import facing_out
from img2model_desktop.core.workshop.insides import OFF, Grid, Inside, Soup, inside_of, soup_of
from img2model_desktop.core.workshop.marching import march, well_composed
from img2model_desktop.core.workshop.nearest import Nearest, Pieces, pieces_of
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.quadrics import simplify
from img2model_desktop.core.workshop.solids import Frame, Solid, body_of, is_closed, to_mesh, united
from img2model_desktop.errors import EngineProblem

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ids = NDArray[np.int64]

SHEET = 1.6
"""Cells: thinnest sheet that the grid holds without gaps."""

THIN = 1.5
"""Cells: walls thinner than that are built as sheets, so that none falls between the points of the grid."""

SCALE = 160.0
"""Length to which a mesh is brought where the thickness of its walls is asked for."""

THIN_SHARE = 0.01
"""Share of the surface with walls that are too thin from which on a closed solid is built anew all the same."""

PIECE = 1.4
"""Cells: longest side of the pieces whose thickness is asked."""

DEPTHS = (0.75, 1.25)
"""Cells behind and before a piece where an inside is looked for."""

FEW = 0.45
"""Share of inner points around such a place from which on there is an inside."""

FAIR = (0.03, 0.06, 0.1, 0.2, 0.35)
"""Cells by which the surface may move when flat places get larger triangles; the later ones only while there are
`MANY`."""

MANY = 60_000
"""Triangles that are too many to be laid out flat in a few seconds."""

LEAST = 0.25
"""Share of the grid's triangles to which quadrics may go down."""

CROSSING = 5e-4
"""Share of its faces that may cross others after that: half of what is worth mending."""

PATIENCE = 300_000
"""Triangles that quadrics take some ten seconds for: more are left as they are."""

SAME = 1e-7
"""Share of a volume below which two are the same."""

WORTH = 0.002
"""Share of the surface from which on it is worth a sentence."""


def solidify(mesh: Mesh, options: SolidOptions, progress: Progress) -> Outcome:
    """A closed, manifold solid whose faces look outwards, as near to the mesh as the detail allows.

    Raises:
        EngineProblem: no face has an area.
        Cancelled: from `progress`.
    """
    if not unit_normals(mesh.vertices.astype(np.float64)[mesh.faces]).any():
        raise EngineProblem("Every face of the mesh is without area.", "There is nothing that could be made solid.")
    sheet = options.sheet_mm / 1000.0
    done = kept(mesh, progress.part(0.0, 0.15))
    if done is not None and (sheet <= 0 or thin_share(done.mesh, sheet, progress.part(0.15, 0.2)) <= THIN_SHARE):
        return done
    return remade(mesh, options.detail, sheet, progress.part(0.2, 1.0))


def thin_share(mesh: Mesh, wall_m: float, progress: Progress) -> float:
    """Share of the surface of a solid behind which the other side is nearer than a wall should be thick."""
    longest = float(mesh.size_m.max())
    corners = (mesh.vertices.astype(np.float64) - mesh.bounds[0])[mesh.faces] * (SCALE / longest)
    pieces = pieces_of(corners, PIECE * 2, progress.part(0.0, 0.5))
    back, area = -unit_normals(pieces.triangles), pieces.areas
    _, away = Rays(corners).first(pieces.middles, back, progress.part(0.5, 1.0), OFF)
    return float(area[away < wall_m * SCALE / longest].sum() / area.sum())


def kept(mesh: Mesh, progress: Progress) -> Outcome | None:
    """The mesh itself, turned outwards or with its parts united where that is all it takes; None where it is not."""
    place = same_rows(mesh.vertices)
    faces = mesh.faces[~collapsed(place[mesh.faces])]
    if not len(faces):
        return None
    turned = replace(mesh, faces=facing_out(mesh, faces, place, progress.part(0.0, 0.2)))
    if edges_of(place[turned.faces]).balance.any():
        return None
    body = body_of(turned, Frame.of(turned))
    if body is None or body.volume() <= 0:
        return None
    crossings = crossings_of(surface_of(turned, None, progress.part(0.2, 0.3)), progress.part(0.3, 0.7))
    if crossings.within_parts or crossings.overlapping or not crossings.complete:
        return None
    whole = united(body)
    progress.update(0.9)
    if not crossings.crossing and abs(whole.volume() - body.volume()) <= SAME * body.volume():
        if not is_closed(turned):
            return None
        was_so = np.array_equal(turned.faces, mesh.faces)
        progress.update(1.0)
        return Outcome(
            mesh if was_so else turned,
            ("It is a closed solid already.",) if was_so else ("It was closed: its faces look outwards now.",),
        )
    result = Solid.of(body, Frame.of(turned), turned).mesh(whole)
    progress.update(1.0)
    return Outcome(result, ("Its parts were closed: they were united.",)) if is_closed(result) else None


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
    vertices, faces = march(field.inner, field.position, progress.part(0.7, 0.85))
    raw = Mesh(grid.outside(vertices).astype(np.float32), faces)
    result = _larger_triangles(raw, grid, progress.part(0.85, 1.0))
    return Outcome(result, _said(sheets, grid))


def _larger_triangles(mesh: Mesh, grid: Grid, progress: Progress) -> Mesh:
    """Fewer triangles where the surface is flat, and elsewhere where there are `MANY`; always closed.

    What the last tolerance leaves may touch itself once it is in 32 bits; then the one before counts. Where there are
    too many triangles even so, the surface is bent everywhere, and quadrics choose which go. Of a hundred random
    triangles a quarter of the grid's faces is left: half of the surface within 0.03 cells of where it was, the new one
    nowhere farther than 0.4; slivers up to two cells long may go.
    """
    frame = Frame.of(mesh)
    body = body_of(mesh, frame)
    if body is None:
        return mesh
    bodies = []
    for number, tolerance in enumerate(FAIR):
        progress.update(0.3 * number / len(FAIR))
        body = body.simplify(tolerance * grid.cell * frame.scale)
        bodies.append(body)
        if body.num_tri() <= MANY:
            break
    simple = mesh
    for body in reversed(bodies):
        progress.update(0.3)
        found = to_mesh(body, frame, mesh, set())
        if is_closed(found):
            simple = found
            break
    target = max(MANY, int(LEAST * len(mesh.faces)))
    if target < len(simple.faces) <= PATIENCE:
        fewer = _fewer(simple, target, progress.part(0.4, 1.0))
        simple = simple if fewer is None else fewer
    progress.update(1.0)
    return simple


def _fewer(mesh: Mesh, target: int, progress: Progress) -> Mesh | None:
    """The closed mesh with so many triangles; None where it would cross itself or be open."""
    found = simplify(mesh.vertices.astype(np.float64), mesh.faces.astype(np.int64), target, progress.part(0.0, 0.8))
    fewer = Mesh(found.points.astype(np.float32), found.faces.astype(np.int32))
    if found.torn or found.dropped_parts or not is_closed(fewer):
        return None
    crossings = crossings_of(surface_of(fewer, None, progress.part(0.8, 0.85)), progress.part(0.85, 1.0))
    share = float((crossings.crossing_faces | crossings.overlapping_faces).mean())
    return fewer if crossings.complete and share <= CROSSING else None


def _said(sheets: "Sheets", grid: Grid) -> tuple[str, ...]:
    """What the user would want to know."""
    cell_mm = grid.cell * 1000
    notes = [f"It was built anew from cells of {cell_mm:.2g} mm; finer details are rounded."]
    if sheets.loose_share > WORTH:
        thick = sheets.radius * 2 * cell_mm
        notes.append(f"Surfaces without an inside became sheets of {thick:.2g} mm ({sheets.loose_share:.0%}).")
    if sheets.thin_share > WORTH:
        least = max(THIN, 2 * sheets.radius) * cell_mm
        notes.append(f"Walls thinner than {least:.2g} mm became thicker ({sheets.thin_share:.0%}).")
    return tuple(notes)


class Sheets(NamedTuple):
    """Surfaces that become sheets.

    Args:
        pieces: cells of the grid.
        radius: half the thickness, cells.
        loose: `(k,) bool`, pieces that bound no inside at all; the others are of thin walls.
        loose_share, thin_share: of the area of the whole soup.
    """

    pieces: Pieces
    radius: float
    loose: Flags
    loose_share: float
    thin_share: float


def sheets_of(soup: Soup, inside: Inside, thickness: float, progress: Progress) -> Sheets:
    """Which pieces of a soup bound no inside that the grid sees.

    Args:
        soup: cells of the grid.
        inside: what is inside.
        thickness: of sheets, cells.
        progress: token.
    """
    pieces = pieces_of(soup.triangles, PIECE, progress.part(0.0, 0.2))
    rays = Rays(soup.triangles)
    middles, normals = pieces.middles, rays.normals
    normal = normals[pieces.source]
    some = normal.any(axis=1)
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
    back = -normal[asked]
    met, away = rays.first(middles[asked], back, progress.part(0.2, 0.9), OFF)
    facing = np.where(met >= 0, np.einsum("ij,ij->i", normals[met], back), 0.0)  # the ray leaves there
    thin = np.zeros(len(middles), dtype=bool)
    thin[asked] = (away < max(THIN, thickness)) & (facing > 0)
    inward = np.zeros(len(middles))
    inward[asked] = np.where(thin[asked], away / 2, 0.0)
    moved = pieces.triangles - (normal * inward[:, None])[:, None, :]
    chosen = np.nonzero(sheet | thin)[0]
    area = pieces.areas
    shares = (float(area[wanted].sum() / area.sum()) for wanted in (sheet, thin))
    progress.update(1.0)
    return Sheets(Pieces(moved[chosen], pieces.source[chosen]), thickness / 2, sheet[chosen], *shares)


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
        _fill_bubbles(self.inner, inside.cavity)
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


def _fill_bubbles(inner: Flags, cavity: Flags | None) -> None:
    """Fills, in place, what is shut off from the outside, but for the cavities of closed parts."""
    from scipy.ndimage import label

    bubble, count = label(~inner)
    if count < 2:
        return
    keep = np.zeros(count + 1, dtype=bool)
    keep[[0, bubble[0, 0, 0]]] = True
    if cavity is not None:
        keep[np.unique(bubble[cavity])] = True
    inner |= ~keep[bubble]


def _sheet_depths(sheets: Sheets, shape: tuple[int, int, int], progress: Progress) -> tuple[Ids, Floats]:
    """Points of a grid near sheets, ascending numbers `(n,)`, and how deep in them they lie, cells, below 0 outside."""
    from scipy.ndimage import distance_transform_edt

    if not len(sheets.loose):
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    far = np.ones(shape, dtype=bool)
    middles = np.rint(sheets.pieces.middles).astype(np.int64)
    far[tuple(middles.T)] = False
    progress.update(0.1)
    reach = sheets.radius + 2.5
    near = distance_transform_edt(far) <= reach
    number = np.nonzero(near.reshape(-1))[0]
    points = np.stack(np.unravel_index(number, shape), axis=1).astype(np.float64)
    distance, _, _ = Nearest(sheets.pieces).find(points, progress.part(0.3, 1.0))
    return number, sheets.radius - distance
