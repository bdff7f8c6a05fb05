"""A closed surface from a flat silhouette and two heights: a front and a back that share the rim."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.flat import Flat, areas
from img2model_desktop.core.silhouette import Silhouette

Heights = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]

LEAST = 1e-3  # of the distance to the rim: so much, at least, lies between front and back


def gathered(flat: Flat, silhouette: Silhouette, reach: Heights) -> Flat:
    """The same triangulation with the vertices close to the rim drawn closer to it.

    A height that rises like the square root of the distance d is sampled evenly along its curve only where d grows like
    a square. So, within the reach r, d becomes r (2 t^2 - t^3) with t = d / r: it grows like a square beside the rim
    and joins d smoothly at t = 1. Vertices that would turn a triangle over stay where they are.

    Args:
        flat: the silhouette, picture pixels.
        silhouette: that it was made of, for the direction of the rim.
        reach: `(n,)`: r at each vertex, pixels; should not reach the middle of a part.
    """
    near = np.nonzero((flat.distance > 0) & (flat.distance < reach))[0]
    points, distance = flat.vertices[near], flat.distance[near]
    step = np.eye(2) * silhouette.pixel
    slope = np.stack([silhouette.distance_at(points + d) - silhouette.distance_at(points - d) for d in step], axis=1)
    slope /= np.maximum(np.hypot(slope[:, 0], slope[:, 1]), 1e-6)[:, None]
    t = distance / reach[near]
    closer = reach[near] * (2 * t**2 - t**3)
    vertices, distances = flat.vertices.copy(), flat.distance.copy()
    vertices[near] -= (distance - closer)[:, None] * slope
    distances[near] = closer
    touched = np.zeros(len(vertices), bool)
    touched[near] = True
    faces = flat.faces[touched[flat.faces].any(axis=1)]
    least = 0.02 * areas(flat.vertices, faces)
    while True:
        spoilt = faces[areas(vertices, faces) < least].ravel()
        spoilt = spoilt[touched[spoilt]]
        if not len(spoilt):
            return replace(flat, vertices=vertices, distance=distances)
        vertices[spoilt], distances[spoilt], touched[spoilt] = flat.vertices[spoilt], flat.distance[spoilt], False


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
