"""A closed surface from a flat silhouette and two heights: a front and a back that share the rim."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.silhouette import Flat

Heights = NDArray[np.floating]
Indices = NDArray[np.int64]

LEAST = 1e-3  # of the distance to the rim: so much, at least, lies between front and back


@dataclass(frozen=True, slots=True, eq=False)
class Closed:
    """A closed surface in picture pixels, y up, +z towards the viewer.

    Args:
        vertices: `(n, 3) float64`.
        faces: `(m, 3) int64`, counter-clockwise seen from outside.
        origin: `(n,) int64`: the vertex of the flat silhouette that each one lies over or under.
        is_back: `(n,) bool`: vertices of the back; those of the rim belong to the front.
    """

    vertices: NDArray[np.float64]
    faces: Indices
    origin: Indices
    is_back: NDArray[np.bool_]


def closed(flat: Flat, front: Heights, back: Heights, seam: bool = False) -> Closed:
    """The surface between two height fields over a silhouette.

    It is a closed 2-manifold whatever the heights: front and back are the same triangulation, glued along the rim,
    and no other edge joins two rim vertices. Each part of the silhouette is one component of positive volume,
    because the back stays below the front: where the heights say otherwise they are set apart.

    Args:
        flat: the silhouette, pixels, y down.
        front, back: `(k,)` heights of the flat vertices, pixels towards the viewer. On the rim their mean counts.
        seam: rim vertices twice, once for each side, in the same places: for a back with a picture of its own.
    """
    rim = flat.is_rim
    middle = (front + back) / 2
    half = np.where(rim, 0.0, np.maximum((front - back) / 2, LEAST * flat.distance))
    count = len(flat.vertices)
    again = np.arange(count) if seam else np.nonzero(~rim)[0]
    under = np.arange(count)  # a shared rim vertex is its own counterpart
    under[again] = count + np.arange(len(again))
    origin = np.concatenate([np.arange(count), again])
    is_back = np.arange(len(origin)) >= count
    z = np.concatenate([middle + half, (middle - half)[again]])
    x, y = flat.vertices[origin, 0], -flat.vertices[origin, 1]
    faces = np.concatenate([flat.faces, under[flat.faces[:, ::-1]]])
    return Closed(np.stack([x, y, z], axis=1), faces, origin, is_back)
