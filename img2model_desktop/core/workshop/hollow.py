"""Hollows a solid out: a wall of one thickness, and a hole through the floor."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.catalog import HollowOptions
from img2model_desktop.core.workshop.insides import Grid, inside_of, soup_of
from img2model_desktop.core.workshop.marching import march, well_composed
from img2model_desktop.core.workshop.nearest import CHUNK, on_triangles, pieces_of
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.solids import Frame, Solid, body_of, solid_of
from img2model_desktop.errors import InputProblem

if TYPE_CHECKING:
    from manifold3d import Manifold

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ids = NDArray[np.int64]

CELLS = 128
"""Along the longest side, for the surface of the cavity."""

FINE = 4
"""Cells in a wall at least, up to `MOST_CELLS` along the longest side."""

MOST_CELLS = 256

NEAR = 2.2
"""Cells from the wall's inner side within which depths are exact."""

NEIGHBOURS = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])

SAFE = 0.5
"""Cells by which the wall is made thicker than asked: flat triangles between exact corners cut into it."""

FAIR = 0.05
"""Cells by which the cavity's surface may move to have fewer triangles."""

OPEN = 0.3
"""Share of a drain hole's upper end that must lie in the cavity."""

SIDES = 48
"""Of a drain hole."""


def hollow(mesh: Mesh, options: HollowOptions, progress: Progress) -> Outcome:
    """A wall instead of a full inside.

    The cavity is what lies farther from the surface than the wall is thick.

    Raises:
        InputProblem: the mesh is not closed, or nothing lies so deep.
        Cancelled: from `progress`.
    """
    solid = solid_of(mesh, "Hollow out")
    wall = options.wall_mm / 1000.0
    cavity = cavity_of(mesh, solid.frame, wall, progress.part(0.05, 0.8))
    if cavity is None:
        raise InputProblem(
            f"No place of the mesh lies deeper than {options.wall_mm:g} mm: there is nothing to hollow out.",
            "Choose a thinner wall, or make the mesh larger with “Set size”.",
        )
    full = solid.body.volume()
    body = solid.body - cavity
    saved = 1 - body.volume() / full
    notes = [f"It takes {saved:.0%} less material."]
    if options.drain_mm > 0:
        body = body - _drain(solid, cavity, options.drain_mm / 1000.0)
        notes.append(f"A hole of {options.drain_mm:g} mm leads through the floor into it.")
    else:
        notes.append("The cavity is closed: resin or powder would stay in it.")
    progress.update(0.9)
    result = solid.mesh(body)
    progress.update(1.0)
    return Outcome(result, tuple(notes))


def cavity_of(mesh: Mesh, frame: Frame, wall_m: float, progress: Progress) -> "Manifold | None":
    """What lies farther inside a closed mesh than the wall is thick, in the unit of `frame`; None if nothing does."""
    longest = float(mesh.size_m.max())
    cells = int(np.clip(np.ceil(FINE * longest / wall_m), CELLS, MOST_CELLS))
    grid = Grid.around(mesh, cells)
    soup = soup_of(mesh, grid, progress.part(0.0, 0.1))
    inside = inside_of(soup, grid.shape, progress.part(0.1, 0.2)).solid
    wall = wall_m / grid.cell + SAFE
    depth = _depths(inside, soup.triangles, wall, progress.part(0.2, 0.7))
    inner = depth > 0
    if not inner.any():
        return None
    well_composed(inner, progress.part(0.7, 0.75))

    def position(axis: int, points: Ids, rising: Flags) -> Floats:
        step = np.eye(3, dtype=np.int64)[axis]
        first, second = depth[tuple(points.T)], depth[tuple((points + step).T)]
        change = first - second
        crossed = (first > 0) != (second > 0)
        at = np.divide(first, change, out=np.full(len(points), 0.5), where=change != 0)
        return np.where(crossed, at, np.where(rising, 0.1, 0.9))

    vertices, faces = march(inner, position, progress.part(0.75, 0.95))
    body = body_of(Mesh(grid.outside(vertices).astype(np.float32), faces), frame)
    progress.update(1.0)
    return None if body is None else body.simplify(FAIR * grid.cell * frame.scale)


def _depths(inside: Flags, triangles: Floats, wall: float, progress: Progress) -> NDArray[np.float32]:
    """Of each point of a grid how much deeper than the wall it lies, cells: exact where that is about nothing.

    The nearest piece of the surface is looked for among those that the distance transform names for a point and for
    its six neighbours; a farther one costs second order of a cell, which `SAFE` covers.
    """
    from scipy.ndimage import distance_transform_edt

    pieces = pieces_of(triangles, 1.0, progress.part(0.0, 0.1))
    cells = np.rint(pieces.middles).astype(np.int64)
    away = np.ones(inside.shape, dtype=bool)
    away[tuple(cells.T)] = False
    piece_at = np.zeros(inside.shape, dtype=np.int32)
    piece_at[tuple(cells.T)] = np.arange(len(cells))
    progress.update(0.15)
    far, seed = distance_transform_edt(away, return_indices=True)
    progress.update(0.5)
    depth = np.where(inside, far, 0.0).astype(np.float32) - np.float32(wall)
    points = np.stack(np.nonzero((np.abs(depth) < NEAR) & inside), axis=1)
    for start in range(0, len(points), CHUNK):
        progress.update(0.5 + 0.5 * start / len(points))
        mine = points[start : start + CHUNK]
        best = np.full(len(mine), np.inf)
        for step in NEIGHBOURS:
            at = tuple((mine + step).T)
            piece = pieces.triangles[piece_at[tuple(seed[(axis, *at)] for axis in range(3))]]
            place = mine.astype(np.float64)
            np.minimum(best, np.linalg.norm(on_triangles(place, piece) - place, axis=1), out=best)
        depth[tuple(mine.T)] = best - wall
    return depth


def _drain(solid: Solid, cavity: "Manifold", diameter_m: float) -> "Manifold":
    """A cylinder from below the floor up into the cavity, where the cavity reaches lowest."""
    from manifold3d import Manifold

    held = cavity.to_mesh64()
    corners = np.asarray(held.vert_properties)[:, :3][np.asarray(held.tri_verts).astype(np.int64)]
    lowest = float(corners[..., 1].min())
    radius = diameter_m / 2 * solid.frame.scale
    middles = corners.mean(axis=1)
    floor = middles[corners[..., 1].min(axis=1) <= lowest + radius]
    bottom, top = solid.body.bounding_box()[1] - radius, lowest + radius

    def hole(place: Floats) -> Manifold:
        upright = Manifold.cylinder(top - bottom, radius, radius, SIDES).rotate((-90.0, 0.0, 0.0))
        return upright.translate((float(place[0]), float(bottom), float(place[2])))

    ends = corners[corners[..., 1] <= lowest + radius]
    centred = hole((ends.min(axis=0) + ends.max(axis=0)) / 2)
    if (centred ^ cavity).volume() > OPEN * np.pi * radius**3:
        return centred
    away = np.linalg.norm((floor - ends.mean(axis=0))[:, [0, 2]], axis=1)
    return hole(floor[away.argmin()])
