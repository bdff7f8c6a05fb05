"""Inflate: a rounded body from a silhouette, textured from the picture, with relief from light and shade."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import bake, poisson
from img2model_desktop.core.heightfield import closed
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import Flat, Silhouette, flat_of, sample, silhouette_of
from img2model_desktop.core.stance import stance_of
from img2model_desktop.engines.catalog import InflateOptions

Points = NDArray[np.floating[Any]]
Field = NDArray[np.float32]
Flags = NDArray[np.bool_]

SOLVE_PX = 256  # longest side of the grid that the height is solved on; the height is smooth, the outline is not
DEPTH = 1.15  # thickness over local width; fitted, as are the next two, with the constants of core/stance.py
GROWTH = 0.78  # power with which thickness follows local width; 1 would make every part as deep as it is wide
USUAL = 0.15  # half width, of the subject's longer side, at which a part is DEPTH times as deep as it is wide


class Inflate:
    """The sculptor."""

    def sculpt(self, picture: Picture, options: InflateOptions, seed: int, progress: Progress) -> Mesh:  # noqa: ARG002
        """A closed body in units of the subject's longer side, centred at the origin, facing the viewer."""
        picture.require_subject()
        silhouette = silhouette_of(picture.alpha)
        progress.update(0.1)
        flat = flat_of(silhouette, options.faces // 2)
        progress.update(0.4)
        left, top, right, bottom = silhouette.box
        unit = max(right - left, bottom - top)
        places = (flat.vertices - [(left + right) / 2, (top + bottom) / 2]) / unit
        half = options.thickness * half_thickness(silhouette, flat, unit)
        progress.update(0.6)
        stance = stance_of(silhouette)
        middle = options.tilt * (stance.turn * places[:, 0] - stance.lean * places[:, 1])
        body = closed(replace(flat, vertices=places, distance=flat.distance / unit), middle + half, middle - half)
        progress.update(0.7)
        texture = bake.texture_of(picture, silhouette, options.texture_px)
        progress.update(0.9)
        uv = texture.uv_of(flat.vertices[body.origin])
        vertices = body.vertices.astype(np.float32)
        mesh = Mesh(vertices, body.faces.astype(np.int32), uv, Picture.own(texture.pixels)).validate()
        progress.update(1.0)
        return mesh

    def close(self) -> None:
        """Nothing is held."""


def half_thickness(silhouette: Silhouette, flat: Flat, unit: float) -> Points:
    """Half the thickness at each flat vertex, `(n,)`, in units of `unit` pixels.

    The profile across a part is round. With laplace u = -4, u is R^2 - r^2 in a disc and 2 (w^2 - x^2) in a strip, and
    u / (u + |grad u|^2 / 6) falls from 1 in the middle to 0 at the rim like a circle's height squared, in both. How
    high it is follows the local half width: in both, and in between, about (0.75 u / d + d) / 2, d being the
    distance to the outline.
    """
    rows, columns = silhouette.distance.shape
    ratio = max(max(rows, columns) / SOLVE_PX, 1.0)
    size = max(round(columns / ratio), 1), max(round(rows / ratio), 1)
    distance = np.asarray(cv2.resize(silhouette.distance, size, interpolation=cv2.INTER_AREA), np.float32)
    cell = silhouette.pixel * columns / size[0]
    distance /= np.float32(cell)
    u = poisson.solve(distance, np.full_like(distance, 4.0))
    slope = _spread(u / np.maximum(distance, 0.5), distance > 1.0)
    smooth = slope * distance  # u, going on beyond the outline without a kink
    down, right = np.gradient(smooth)
    peak = np.maximum(smooth, 0) + (down**2 + right**2) / 6
    width = _spread((0.75 * slope + np.maximum(distance, 0)) / 2, distance > 0)
    usual = USUAL * unit / cell
    height = DEPTH * usual * (np.maximum(width, 0.25) / usual) ** GROWTH
    squared = np.maximum(slope, 0) / np.maximum(peak, 0.05) * height**2 * (cell / unit) ** 2
    scaled = (silhouette.entry_of(flat.vertices) + 0.5) * [size[0] / columns, size[1] / rows] - 0.5
    return np.asarray(np.sqrt(np.maximum(sample(squared.astype(np.float32), scaled), 0) * flat.distance / cell))


def _spread(values: Points, known: Flags) -> Field:
    """A field, smoothed, that goes on over where it is not known."""
    spread = np.where(known, values, 0).astype(np.float32)
    weight = known.astype(np.float32)
    fine = _blur(spread, 1.0) / np.maximum(_blur(weight, 1.0), 1e-6)
    wide = _blur(spread, 4.0) / np.maximum(_blur(weight, 4.0), 1e-6)
    near = np.clip(_blur(weight, 1.0) * 4, 0, 1)
    return np.asarray(fine * near + wide * (1 - near), np.float32)


def _blur(field: Field, sigma: float) -> Field:
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)


def load() -> Inflate:
    """The sculptor, ready."""
    return Inflate()
