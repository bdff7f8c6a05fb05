"""Inflate: a rounded body from a silhouette, textured from the picture, with relief from light and shade."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import bake, poisson
from img2model_desktop.core.heightfield import closed
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import Silhouette, flat_of, sample, silhouette_of
from img2model_desktop.engines.catalog import InflateOptions

Points = NDArray[np.floating[Any]]

SOLVE_PX = 256  # longest side of the grid that the height is solved on; the height is smooth, the outline is not


class Inflate:
    """The sculptor."""

    def sculpt(self, picture: Picture, options: InflateOptions, seed: int, progress: Progress) -> Mesh:  # noqa: ARG002
        """A closed body in units of the subject's longer side, centred at the origin, facing the viewer."""
        picture.require_subject()
        silhouette = silhouette_of(picture.alpha)
        progress.update(0.1)
        flat = flat_of(silhouette, options.faces // 2)
        progress.update(0.4)
        at = silhouette.entry_of(flat.vertices)
        half = options.thickness * _half_thickness(silhouette, at, flat.distance)
        progress.update(0.6)
        body = closed(flat, half, -half)
        texture = bake.texture_of(picture, silhouette, options.texture_px)
        progress.update(0.9)
        uv = texture.uv_of(flat.vertices[body.origin])
        left, top, right, bottom = silhouette.box
        unit = max(right - left, bottom - top)
        centre = np.array([(left + right) / 2, -(top + bottom) / 2, 0.0])
        vertices = ((body.vertices - centre) / unit).astype(np.float32)
        mesh = Mesh(vertices, body.faces.astype(np.int32), uv, Picture.own(texture.pixels)).validate()
        progress.update(1.0)
        return mesh

    def close(self) -> None:
        """Nothing is held."""


def _half_thickness(silhouette: Silhouette, at: Points, distance: Points) -> Points:
    """Half the thickness, pixels, at field positions `(n, 2)`."""
    rows, columns = silhouette.distance.shape
    ratio = max(max(rows, columns) / SOLVE_PX, 1.0)
    size = max(round(columns / ratio), 1), max(round(rows / ratio), 1)
    small = np.asarray(cv2.resize(silhouette.distance, size, interpolation=cv2.INTER_AREA), np.float32)
    cell = silhouette.pixel * columns / size[0]
    inside = small / np.float32(cell)
    u = poisson.solve(inside, np.full_like(small, 4.0)) * cell**2
    # u over the distance is smooth up to the rim, where u itself has the grid's steps.
    slope = np.where(small > 0, u / np.maximum(small, 0.3 * cell), 0)
    weight = (small > 0.3 * cell).astype(np.float32)
    filled = cv2.GaussianBlur(slope * weight, (0, 0), 1.0) / np.maximum(cv2.GaussianBlur(weight, (0, 0), 1.0), 1e-3)
    slope = np.where(small > 1.5 * cell, slope, filled)
    scaled = (at + 0.5) * np.array([size[0] / columns, size[1] / rows]) - 0.5
    return np.sqrt(np.maximum(sample(slope, scaled), 0) * distance)


def load() -> Inflate:
    """The sculptor, ready."""
    return Inflate()
