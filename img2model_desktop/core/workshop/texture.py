"""Textures of meshes: a new layout with the old look, and other sizes."""

from typing import TYPE_CHECKING

import numpy as np

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.triangles import areas
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.rebake import bake, density_of, pictures_of, with_pictures
from img2model_desktop.core.workshop.sampling import reduced
from img2model_desktop.core.workshop.unwrap import unwrap

if TYPE_CHECKING:
    from img2model_desktop.core.workshop.catalog import TextureSizeOptions, UnwrapOptions

SMALLEST_PX, LARGEST_PX = 512, 4096

USUAL_COVERAGE = 0.65
"""Share of the square that the charts of `unwrap` take, about."""

PALETTE = 1 / 16
"""Share of a texture's side that the whole surface has across, below which the texture is a palette and no picture."""

PALETTE_PX = 2048


def rebake(mesh: Mesh, source: Mesh, progress: Progress) -> Mesh:
    """A mesh with new uv and the look of `source`, which has nearly the same surface at the same place.

    Args:
        mesh: bare geometry; its own uv and pictures, if any, are dropped.
        source: textured.
        progress: token.

    Returns:
        the same faces in the same order; vertices are repeated at the borders of charts.

    Raises:
        Cancelled: from `progress`.
    """
    return _dressed(mesh, source, _side_for(mesh, source), progress)


def unwrap_anew(mesh: Mesh, options: "UnwrapOptions", progress: Progress) -> Outcome:
    """Lays the surface out flat anew and bakes its look onto the new layout."""
    notes = () if pictures_of(mesh) else ("The mesh has no texture; it has room for one now.",)
    return Outcome(_dressed(mesh, mesh, options.texture_px, progress), notes)


def resize(mesh: Mesh, options: "TextureSizeOptions", progress: Progress) -> Outcome:
    """Makes the textures smaller; never larger."""
    pictures = pictures_of(mesh)
    smaller: dict[str, Picture] = {}
    for number, (name, picture) in enumerate(pictures.items()):
        progress.update(number / len(pictures))
        small = reduced(picture, options.texture_px, is_colour=name == "base_colour")
        smaller[name] = _unit_normals(small) if name == "normal" and small is not picture else small
    progress.update(1.0)
    if not pictures:
        return Outcome(mesh, ("The mesh has no texture.",))
    if all(smaller[name] is picture for name, picture in pictures.items()):
        return Outcome(mesh, (f"Its textures are not larger than {options.texture_px} pixels already.",))
    return Outcome(with_pictures(mesh, smaller))


def _unit_normals(picture: Picture) -> Picture:
    """A normal picture whose mixed normals have unit length again."""
    vector = picture.rgb.astype(np.float32) / np.float32(127.5) - 1
    vector /= np.maximum(np.linalg.norm(vector, axis=2, keepdims=True), 1e-6)
    level = np.clip(np.rint((vector + 1) * 127.5), 0, 255).astype(np.uint8)
    return Picture.own(np.dstack([level, picture.alpha]))


def _dressed(mesh: Mesh, source: Mesh, side: int, progress: Progress) -> Mesh:
    laid = unwrap(mesh, side, progress.part(0.0, 0.5))
    if not pictures_of(source):
        return laid
    return bake(laid, source, side, progress.part(0.5, 1.0))


def _side_for(mesh: Mesh, source: Mesh) -> int:
    """A power of two that keeps the texel density of the source, with a tenth of tolerance.

    A layout whose faces are points in a palette has no density: then borders between colours are to be sharp, and the
    texture is a large one.
    """
    pictures = pictures_of(source).values()
    if not pictures:
        return SMALLEST_PX
    longest = max(max(picture.width, picture.height) for picture in pictures)
    area = _area(mesh)
    across = max(density_of(source, picture.width, picture.height) for picture in pictures) * np.sqrt(area)
    if across < PALETTE * longest:
        return PALETTE_PX
    wanted = min(0.9 * across / np.sqrt(USUAL_COVERAGE), 2 * longest)
    side = 1 << int(np.ceil(np.log2(max(wanted, 1))))
    return min(max(side, SMALLEST_PX), LARGEST_PX)


def _area(mesh: Mesh) -> float:
    return float(areas(mesh.vertices[mesh.faces]).sum())
