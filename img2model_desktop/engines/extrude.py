"""Extrude: a flat body with a bevel from a picture's outline, for signs, logos and badges."""

import numpy as np

from img2model_desktop.core import bake
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import silhouette_of
from img2model_desktop.core.slab import Bevel, slab_of
from img2model_desktop.engines.catalog import ExtrudeOptions


class Extrude:
    """Gives an outline a thickness. Holes stay holes, corners stay sharp, the walls have the colours of the edge."""

    def sculpt(self, picture: Picture, options: ExtrudeOptions, seed: int, progress: Progress) -> Mesh:
        """See `engines.base.Sculptor`. `seed` changes nothing."""
        del seed
        progress.update(0.0)
        picture.require_subject()
        silhouette = silhouette_of(picture.alpha)
        progress.update(0.1)
        left, top, right, bottom = silhouette.box
        longest = max(right - left, bottom - top)
        thickness = options.thickness * longest
        bevel = Bevel(options.bevel * thickness, options.edge == "round")
        slab = slab_of(silhouette, thickness, bevel, options.bevel_back, options.faces, progress.part(0.1, 0.8))
        texture = bake.texture_of(picture, silhouette, options.texture_px)
        progress.update(0.95)
        places = slab.vertices[:, :2] * [1.0, -1.0]
        uv = texture.uv_of(places)
        centre = np.array([(left + right) / 2, -(top + bottom) / 2, 0.0])
        vertices = ((slab.vertices - centre) / longest).astype(np.float32)
        mesh = Mesh(vertices, slab.faces.astype(np.int32), uv, Picture.own(texture.pixels))
        progress.update(1.0)
        return mesh.validate()

    def close(self) -> None:
        """Nothing to free."""


def load() -> Extrude:
    """The engine."""
    return Extrude()
