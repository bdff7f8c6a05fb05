"""Extrude: a flat body with a bevel from a picture's outline, for signs, logos and badges."""

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import bake
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture, Pixels
from img2model_desktop.core.plates import Slab, with_plain
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import silhouette_of
from img2model_desktop.core.slab import Bevel, slab_of
from img2model_desktop.engines.catalog import ExtrudeOptions

MOST_OF_BOTH = 0.48  # of the thickness that a bevel on both sides may take: something of the wall stays


class Extrude:
    """Gives an outline a thickness. Holes stay holes, corners stay sharp, the walls have the colours of the edge."""

    def sculpt(self, picture: Picture, options: ExtrudeOptions, seed: int, progress: Progress) -> Mesh:
        """See `engines.base.Sculptor`. `seed` changes nothing."""
        del seed
        progress.update(0.0)
        picture.require_subject()
        silhouette = silhouette_of(picture.alpha, progress=progress.part(0.0, 0.1))
        progress.update(0.1)
        left, top, right, bottom = silhouette.box
        longest = max(right - left, bottom - top)
        thickness = options.thickness * longest
        width = min(options.bevel, MOST_OF_BOTH if options.bevel_back else 1.0) * thickness
        bevel = Bevel(width, options.edge == "round")
        slab = slab_of(silhouette, thickness, bevel, options.bevel_back, options.faces, progress.part(0.1, 0.8))
        texture = bake.texture_of(picture, silhouette, options.texture_px, progress.part(0.8, 0.95))
        progress.update(0.95)
        places = slab.vertices[:, :2] * [1.0, -1.0]
        pixels, uv = texture.pixels, texture.uv_of(places)
        if options.back == "plain":
            pixels, uv = with_plain(pixels, uv, slab.is_back, _edge_colour(slab, pixels, uv))
        centre = np.array([(left + right) / 2, -(top + bottom) / 2, 0.0])
        vertices = ((slab.vertices - centre) / longest).astype(np.float32)
        mesh = Mesh(vertices, slab.faces.astype(np.int32), uv, Picture.own(pixels))
        progress.update(1.0)
        return mesh.validate()

    def close(self) -> None:
        """Nothing to free."""


def _edge_colour(slab: Slab, pixels: Pixels, uv: NDArray[np.float32]) -> tuple[int, int, int]:
    """The colour in the middle of those along the edge."""
    edge = uv[slab.is_wall] if slab.is_wall.any() else uv[slab.is_back]
    rows, columns = pixels.shape[:2]
    x = (edge[:, 0] * columns).astype(np.int64).clip(0, columns - 1)
    y = ((1 - edge[:, 1]) * rows).astype(np.int64).clip(0, rows - 1)
    red, green, blue = np.median(pixels[y, x, :3], axis=0).astype(int).tolist()
    return red, green, blue


def load() -> Extrude:
    """The engine."""
    return Extrude()
