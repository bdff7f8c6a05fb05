"""Inflate: a rounded body from a silhouette, textured from the picture, with relief from light and shade."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import bake
from img2model_desktop.core.fine_relief import relief_of
from img2model_desktop.core.flat import Flat, flat_of
from img2model_desktop.core.heightfield import closed, gathered
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import sample, silhouette_of
from img2model_desktop.core.stance import stance_of
from img2model_desktop.core.swell import Swell, swell_of
from img2model_desktop.engines.catalog import InflateOptions

Points = NDArray[np.floating[Any]]

GATHER = 4.0  # mean edges of the rim: so far inside, vertices are drawn towards it
RELIEF = 0.02  # of the subject's longer side: height of the strongest relief
CALM = 0.02  # of the subject's longer side: over this width along the rim the relief rises to its full height


class Inflate:
    """The sculptor."""

    def sculpt(self, picture: Picture, options: InflateOptions, seed: int, progress: Progress) -> Mesh:  # noqa: ARG002 - nothing is drawn by chance
        """A closed body in the camera's axes and units of the subject's longer side, centred, facing the viewer."""
        picture.require_subject()
        silhouette = silhouette_of(picture.alpha, progress=progress.part(0.0, 0.2))
        texture = bake.texture_of(picture, silhouette, options.texture_px, progress.part(0.2, 0.4))
        left, top, right, bottom = silhouette.box
        unit = max(right - left, bottom - top)
        flat = flat_of(silhouette, options.faces // 2, progress=progress.part(0.4, 0.7))
        swell = swell_of(silhouette, unit, progress.part(0.7, 0.8))
        flat = _gathered(flat, swell)
        progress.update(0.85)
        half = options.thickness * swell.height_at(flat.vertices, flat.distance) / unit
        relief = options.relief * _relief(texture, flat, half, unit)
        plain = options.back == "plain"
        stance = stance_of(silhouette)
        places = (flat.vertices - [(left + right) / 2, (top + bottom) / 2]) / unit
        middle = options.tilt * (stance.turn * places[:, 0] - stance.lean * places[:, 1])
        back = middle - half - (0.0 if plain else relief)
        level = replace(flat, vertices=places, distance=flat.distance / unit)
        body = closed(level, middle + half + relief, back, seam=plain)
        progress.update(0.9)
        if plain:
            texture = bake.with_plain_back(texture, silhouette)
        uv = texture.uv_of(flat.vertices[body.origin], body.is_back if plain else 0)
        vertices = body.vertices.astype(np.float32)
        mesh = Mesh(vertices, body.faces.astype(np.int32), uv, Picture.own(texture.pixels)).validate()
        progress.update(1.0)
        return mesh

    def close(self) -> None:
        """Nothing is held."""


def _gathered(flat: Flat, swell: Swell) -> Flat:
    """The flat silhouette with more of its vertices by the rim, where the body is steep."""
    edges = [np.hypot(*(flat.vertices[ring] - flat.vertices[np.roll(ring, 1)]).T) for ring in flat.rim]
    reach = GATHER * float(np.concatenate(edges).mean())
    return gathered(flat, swell.silhouette, np.minimum(reach, 0.7 * swell.width_at(flat.vertices)))


def _relief(texture: bake.Texture, flat: Flat, half: Points, unit: float) -> Points:
    """What light and shade add to the front, `(n,)`, in units of the subject's longer side."""
    field = relief_of(texture.pixels)
    shrunk = field.shape[1] / texture.pixels.shape[1]
    at = (flat.vertices - [texture.left, texture.top]) * (texture.scale * shrunk) - 0.5
    # Nothing at the rim, whose colours are bled, and never more than a part of the thickness there is.
    room = np.minimum(RELIEF, 0.3 * half) * np.clip(flat.distance / (CALM * unit), 0, 1)
    return np.asarray(sample(field, at) * room)


def load() -> Inflate:
    """The sculptor, ready."""
    return Inflate()
