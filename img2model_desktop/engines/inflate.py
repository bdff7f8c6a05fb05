"""Inflate: a rounded body from a silhouette, textured from the picture, with relief from light and shade."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import bake
from img2model_desktop.core.heightfield import closed, gathered
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import Flat, flat_of, silhouette_of
from img2model_desktop.core.stance import stance_of
from img2model_desktop.core.swell import Swell, swell_of
from img2model_desktop.engines.catalog import InflateOptions

Points = NDArray[np.floating[Any]]

GATHER = 4.0  # mean edges of the rim: so far inside, vertices are drawn towards it


class Inflate:
    """The sculptor."""

    def sculpt(self, picture: Picture, options: InflateOptions, seed: int, progress: Progress) -> Mesh:  # noqa: ARG002
        """A closed body in units of the subject's longer side, centred at the origin, facing the viewer."""
        picture.require_subject()
        silhouette = silhouette_of(picture.alpha)
        progress.update(0.1)
        left, top, right, bottom = silhouette.box
        unit = max(right - left, bottom - top)
        flat = flat_of(silhouette, options.faces // 2)
        progress.update(0.4)
        swell = swell_of(silhouette, unit, progress.part(0.4, 0.55))
        flat = _gathered(flat, swell)
        half = options.thickness * swell.height_at(flat.vertices, flat.distance) / unit
        progress.update(0.6)
        stance = stance_of(silhouette)
        places = (flat.vertices - [(left + right) / 2, (top + bottom) / 2]) / unit
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


def _gathered(flat: Flat, swell: Swell) -> Flat:
    """The flat silhouette with more of its vertices by the rim, where the body is steep."""
    edges = [np.hypot(*(flat.vertices[ring] - flat.vertices[np.roll(ring, 1)]).T) for ring in flat.rim]
    reach = GATHER * float(np.concatenate(edges).mean())
    return gathered(flat, swell.silhouette, np.minimum(reach, 0.7 * swell.width_at(flat.vertices)))


def load() -> Inflate:
    """The sculptor, ready."""
    return Inflate()
