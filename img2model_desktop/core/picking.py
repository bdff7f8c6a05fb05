"""Where a line of sight meets a surface, and the corner of the surface that lies nearest to it.

Everything is worked out in double precision on the few triangles whose blocks the ray comes near.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.face_blocks import FaceBlocks

_TRIES = 4  # corners near the ray that are asked whether something hides them
_SAME = 1e-5  # share of a distance within which a hit and a corner are one place


@dataclass(frozen=True, slots=True, eq=False)
class Ray:
    """A half-line.

    Args:
        origin: `(3,) float64`, metres.
        direction: `(3,) float64`, unit length.
    """

    origin: NDArray[np.float64]
    direction: NDArray[np.float64]

    @property
    def axes(self) -> NDArray[np.float64]:
        """`(3, 3)`: rows are two directions across the ray and the ray's own."""
        helper = np.zeros(3)
        helper[int(np.abs(self.direction).argmin())] = 1.0
        across = np.cross(helper, self.direction)
        across /= np.linalg.norm(across)
        return np.stack([across, np.cross(self.direction, across), self.direction])


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """Where a ray meets a surface.

    Args:
        face: number of the triangle.
        point: `(3,) float64`, metres.
        distance_m: from the ray's origin, above 0.
    """

    face: int
    point: NDArray[np.float64]
    distance_m: float


def first_hit(blocks: FaceBlocks, ray: Ray, clip: NDArray[np.float64] | None = None) -> Hit | None:
    """The first place where a ray meets the triangles, from either side; borders belong to a triangle.

    Args:
        blocks: the triangles.
        ray: from where, and where to.
        clip: `(4,)`: only where `clip[:3] @ point + clip[3] >= 0`; None for everywhere.
    """
    triangles = blocks.triangles
    near = blocks.around(ray.origin, ray.direction)
    corners = triangles.corners[triangles.indices[near], :3].astype(np.float64) - ray.origin
    inside, weights = _weights(corners @ ray.axes[:2].T)
    near, weights, corners = near[inside], weights[inside], corners[inside]
    points = np.einsum("ij,ijk->ik", weights, corners)
    distance = points @ ray.direction
    keep = distance > 0
    if clip is not None:
        keep &= (points + ray.origin) @ clip[:3] + clip[3] >= 0
    if not keep.any():
        return None
    first = int(np.argmin(np.where(keep, distance, np.inf)))
    return Hit(int(near[first]), points[first] + ray.origin, float(distance[first]))


def nearest_corner(
    blocks: FaceBlocks, ray: Ray, cone: float, clip: NDArray[np.float64] | None = None
) -> NDArray[np.float64] | None:
    """The visible corner that lies nearest to the ray as the eye sees it, `(3,)`, or None.

    Args:
        blocks: the triangles.
        ray: from the eye.
        cone: how far beside the ray a corner may lie, as a share of its distance.
        clip: see `first_hit`.
    """
    triangles = blocks.triangles
    corners = np.unique(triangles.indices[blocks.around(ray.origin, ray.direction, cone)])
    places = np.unique(triangles.corners[corners, :3], axis=0).astype(np.float64)
    seen = (places - ray.origin) @ ray.axes.T
    beside = np.hypot(seen[:, 0], seen[:, 1])
    near = (seen[:, 2] > 0) & (beside <= cone * seen[:, 2])
    if clip is not None:
        near &= places @ clip[:3] + clip[3] >= 0
    found = np.flatnonzero(near)
    order = found[np.argsort(beside[found] / seen[found, 2], kind="stable")]
    for place in places[order[:_TRIES]]:
        away = place - ray.origin
        length = float(np.linalg.norm(away))
        hit = first_hit(blocks, Ray(ray.origin, away / length), clip)
        if hit is None or hit.distance_m >= length * (1 - _SAME):
            return np.asarray(place)
    return None


def _weights(flat: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """For triangles `(k, 3, 2)` seen along the ray: which hold the ray, and its barycentric coordinates `(k, 3)`."""
    a, b, c = flat[:, 0], flat[:, 1], flat[:, 2]
    parts = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=1)
    whole = parts.sum(axis=1)
    weights = np.divide(parts, whole[:, None], out=np.full_like(parts, -1.0), where=whole[:, None] != 0)
    return (weights >= -1e-9).all(axis=1), weights


def _cross(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0])
