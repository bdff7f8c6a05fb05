"""Textures of meshes: a new layout with the old look, and other sizes."""

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.rebake import bake
from img2model_desktop.core.workshop.unwrap import unwrap

if TYPE_CHECKING:
    from img2model_desktop.core.workshop.catalog import TextureSizeOptions, UnwrapOptions

SMALLEST_PX, LARGEST_PX = 512, 4096


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
    return _dressed(mesh, source, _side_for(source), progress)


def unwrap_anew(mesh: Mesh, options: "UnwrapOptions", progress: Progress) -> Outcome:
    """Lays the surface out flat anew and bakes its look onto the new layout."""
    return Outcome(_dressed(mesh, mesh, options.texture_px, progress))


def resize(mesh: Mesh, options: "TextureSizeOptions", progress: Progress) -> Outcome:
    """Makes the textures smaller; never larger."""
    progress.update(0.0)
    smaller = {name: _reduced(picture, options.texture_px) for name, picture in _pictures(mesh).items()}
    progress.update(1.0)
    return Outcome(replace(mesh, base_colour=smaller.get("base_colour")))


def _dressed(mesh: Mesh, source: Mesh, side: int, progress: Progress) -> Mesh:
    laid = unwrap(mesh, side, progress.part(0.0, 0.5))
    if source.base_colour is None:
        return laid
    return bake(laid, source, side, progress.part(0.5, 1.0))


def _side_for(source: Mesh) -> int:
    sides = [max(picture.width, picture.height) for picture in _pictures(source).values()]
    side = 1 << int(np.ceil(np.log2(max(sides, default=1))))
    return min(max(side, SMALLEST_PX), LARGEST_PX)


def _pictures(mesh: Mesh) -> dict[str, Picture]:
    return {} if mesh.base_colour is None else {"base_colour": mesh.base_colour}


def _reduced(picture: Picture, longest: int) -> Picture:
    scale = longest / max(picture.width, picture.height)
    if scale >= 1:
        return picture
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return Picture.own(np.asarray(cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA), np.uint8))
