"""Operations on closed solids: unite, flat base, cut, make symmetric. Hollow out is in `hollow`."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.options import NoOptions
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import collapsed, same_rows
from img2model_desktop.core.workshop.catalog import AXES, BaseOptions, CutOptions, MirrorOptions
from img2model_desktop.core.workshop.hollow import hollow
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.solids import Frame, Solid, body_of, ids_of, is_closed, solid_of, to_mesh, united
from img2model_desktop.errors import EngineProblem, InputProblem

if TYPE_CHECKING:
    from manifold3d import Manifold

__all__ = ["base", "cut", "hollow", "mirror", "unite"]

Floats = NDArray[np.float64]

GAP = 0.02
"""Between the two halves of a cut, share of the mesh's length along the axis."""

SUNK = 0.5
"""Of the height of a plinth: how deep the mesh stands in it, at most."""

SUNK_SHARE = 0.02
"""Of the height of the mesh: likewise."""

FOOT = 0.1
"""Of the height of the mesh: what lies so low stands on the plinth."""

ROUND = 96
"""Sides of a round plinth."""


def unite(mesh: Mesh, _: NoOptions, progress: Progress) -> Outcome:
    """Overlapping parts as one surface without inner walls; cavities stay.

    Raises:
        InputProblem: the mesh is not closed.
        Cancelled: from `progress`.
    """
    solid = solid_of(mesh, "Unite parts")
    progress.update(0.3)
    before = len(solid.body.decompose())
    body = united(solid.body)
    after = len(body.decompose())
    progress.update(0.8)
    result = solid.mesh(body)
    progress.update(1.0)
    return Outcome(result, (f"{_parts(before)} became {after}.",))


def _parts(count: int) -> str:
    return "1 part" if count == 1 else f"{count} parts"


# -- cut ---------------------------------------------------------------------------------------------------------------


def cut(mesh: Mesh, options: CutOptions, progress: Progress) -> Outcome:
    """One side of a plane, closed along the cut; or both, moved apart so that they are two parts.

    Raises:
        InputProblem: the mesh is not closed.
        EngineProblem: nothing lies on the side that was to stay.
        Cancelled: from `progress`.
    """
    solid = solid_of(mesh, "Cut")
    progress.update(0.4)
    axis = AXES.index(options.axis)
    low, high = mesh.bounds[:, axis]
    at = float(low + options.at * (high - low))
    above, below = _split(solid, axis, at)
    progress.update(0.7)
    if options.keep != "both":
        kept = solid.mesh(above if options.keep == "above" else below)
        progress.update(1.0)
        return Outcome(kept)
    if above.is_empty() or below.is_empty():
        raise EngineProblem("The cut leaves one side empty.", "Choose a place between 0 and 1.")
    upper, lower = solid.mesh(above), solid.mesh(below)
    gap = GAP * float(high - low)
    moved = upper.moved((upper.vertices + np.eye(3)[axis] * gap).astype(np.float32))
    progress.update(1.0)
    return Outcome(
        _joined(lower, moved),
        (f"Both halves are there, {1000 * gap:.3g} mm apart along {options.axis}.",),
    )


def _split(solid: Solid, axis: int, at_m: float) -> tuple["Manifold", "Manifold"]:
    """What lies above and below a plane square to an axis."""
    offset = (at_m - float(solid.frame.origin[axis])) * solid.frame.scale
    above, below = solid.body.split_by_plane(tuple(np.eye(3)[axis]), offset)
    return above, below


def _joined(one: Mesh, other: Mesh) -> Mesh:
    """Two meshes with the same pictures as one."""
    uv = None if one.uv is None or other.uv is None else np.concatenate([one.uv, other.uv])
    faces = np.concatenate([one.faces, other.faces + np.int32(len(one.vertices))])
    return replace(one, vertices=np.concatenate([one.vertices, other.vertices]), faces=faces, uv=uv)


# -- make symmetric ----------------------------------------------------------------------------------------------------


def mirror(mesh: Mesh, options: MirrorOptions, progress: Progress) -> Outcome:
    """One half copied over the other: every vertex has its mirror image, bit by bit.

    The plane goes through the middle of the mesh's box. So that mirrored numbers are exact, the result lies with that
    plane at 0 along the axis when the middle is not there already.

    Raises:
        InputProblem: the mesh is not closed.
        EngineProblem: nothing lies on the side that was to stay.
        Cancelled: from `progress`.
    """
    axis = AXES.index(options.axis)
    middle = np.float32(mesh.bounds[:, axis].mean())
    placed = mesh.vertices.copy()
    placed[:, axis] -= middle
    centred = mesh.moved(placed)
    solid = solid_of(centred, "Make symmetric")
    progress.update(0.4)
    above, below = _split(solid, axis, 0.0)
    half = solid.mesh(above if options.keep == "above" else below)
    progress.update(0.7)
    result = _doubled(half, axis, centred)
    progress.update(0.9)
    if not is_closed(result):
        result = _reunited(half, result, axis)
    progress.update(1.0)
    notes = () if middle == 0 else (f"It was moved by {-1000 * middle:.3g} mm along {options.axis}, to its middle.",)
    return Outcome(result, notes)


def _doubled(half: Mesh, axis: int, source: Mesh) -> Mesh:
    """A half without its cut face, and its mirror image."""
    scale = float(source.size_m.max())
    vertices = half.vertices.copy()
    on_plane = np.abs(vertices[:, axis]) <= 1e-6 * scale
    vertices[on_plane, axis] = 0.0
    faces = half.faces[~on_plane[half.faces].all(axis=1)]
    place = same_rows(vertices)
    faces = faces[~collapsed(place[faces])]
    if not len(faces):
        raise EngineProblem("Nothing lies on the side that was to stay.", "Keep the other side.")
    image = vertices.copy()
    image[:, axis] *= -1
    image += np.float32(0)  # no minus zero
    used = np.zeros(len(vertices), dtype=bool)
    used[faces] = True
    number = np.cumsum(used) - 1
    kept = replace(
        half,
        vertices=vertices[used],
        faces=number[faces].astype(np.int32),
        uv=None if half.uv is None else half.uv[used],
    )
    return _joined(kept, replace(kept, vertices=image[used], faces=kept.faces[:, ::-1].copy()))


def _reunited(half: Mesh, doubled: Mesh, axis: int) -> Mesh:
    """The union of a half and its image, where they could not be joined face to face."""
    frame = Frame.of(doubled)
    image = half.vertices.copy()
    image[:, axis] *= -1
    mirrored = replace(half, vertices=image, faces=half.faces[:, ::-1].copy())
    one, other = body_of(half, frame), body_of(mirrored, frame)
    if one is None or other is None:
        return doubled
    return to_mesh(one + other, frame, half, ids_of(one) | ids_of(other))


# -- flat base ---------------------------------------------------------------------------------------------------------


def base(mesh: Mesh, options: BaseOptions, progress: Progress) -> Outcome:
    """A flat bottom: the lowest piece cut off, or a plinth below.

    The plinth is as large as what stands on it, and as is needed for the centre of mass to lie over it, and its margin.

    Raises:
        InputProblem: the mesh is not closed, or is lower than what would be cut off.
        Cancelled: from `progress`.
    """
    solid = solid_of(mesh, "Flat base")
    progress.update(0.4)
    low, high = (float(end) for end in mesh.bounds[:, 1])
    height = options.height_mm / 1000.0
    if options.kind == "cut":
        if height >= high - low:
            raise InputProblem(
                f"The mesh is only {1000 * (high - low):.3g} mm high.", "Choose a smaller height for “Flat base”."
            )
        above, _ = _split(solid, 1, low + height)
        result = solid.mesh(above)
        progress.update(1.0)
        return Outcome(result)
    plinth = _plinth(solid, options, low, high)
    progress.update(0.7)
    result = solid.mesh(solid.body + plinth)
    progress.update(1.0)
    return Outcome(result, (f"It stands {options.height_mm:.3g} mm higher now, on a plinth.",))


def _plinth(solid: Solid, options: BaseOptions, low: float, high: float) -> "Manifold":
    """The plinth, in the unit of the solid, with its top a little above the lowest place of the mesh."""
    from manifold3d import CrossSection, Manifold

    height = options.height_mm / 1000.0
    sunk = min(SUNK * height, SUNK_SHARE * (high - low))
    vertices = solid.source.vertices.astype(np.float64)
    feet = vertices[vertices[:, 1] <= low + max(FOOT * (high - low), sunk)][:, [0, 2]]
    feet = np.concatenate([feet, _centre_of_mass(solid.source)[None, [0, 2]]])
    first, last = feet.min(axis=0), feet.max(axis=0)
    middle, margin = (first + last) / 2, options.margin_mm / 1000.0
    if options.kind == "square plinth":
        size = last - first + 2 * margin
        section = CrossSection.square(tuple(size), center=True)
    else:
        radius = float(np.linalg.norm(feet - middle, axis=1).max()) + margin
        section = CrossSection.circle(radius / np.cos(np.pi / ROUND), ROUND)  # its sides touch the circle
    body: Manifold = Manifold.extrude(section, height).rotate((-90.0, 0.0, 0.0))  # z becomes y
    place = np.array([middle[0], low - height + sunk, middle[1]])
    return body.translate(tuple(place - solid.frame.origin)).scale((solid.frame.scale,) * 3)


def _centre_of_mass(mesh: Mesh) -> Floats:
    """`(3,)`, metres, of a closed mesh full of one material."""
    corners = (mesh.vertices.astype(np.float64) - mesh.bounds[0])[mesh.faces]
    six = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return np.asarray((corners.sum(axis=1) * six[:, None]).sum(axis=0) / (4 * six.sum()) + mesh.bounds[0])
