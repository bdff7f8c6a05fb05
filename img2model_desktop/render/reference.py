"""Things of known size to stand beside a mesh: a cube of 10 cm and an adult's hand of 19 cm."""

import itertools

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh

CUBE_M = 0.1
HAND_M = 0.19
"""From the wrist to the tip of the middle finger, an adult's: between the means of women (0.18 m) and men (0.194 m) in
Gordon et al., "2012 Anthropometric survey of U.S. Army personnel", 2014."""

_CELL_M = 0.0022
_ROUND_M = 0.006  # over which two parts flow into each other
_BEVEL_M = 0.003

# Rods: places (x right, y up, z towards the viewer, millimetres) each with its radius.
_PALM = (
    ((-17, -12, 0, 17), (-23, 82, 0, 13)),
    ((-6, -12, 0, 17), (-8, 86, 0, 13)),
    ((6, -12, 0, 17), (9, 85, 0, 13)),
    ((16, -12, 0, 16), (23, 78, 0, 12)),
)
_FINGERS = (
    ((-20, 26, 4, 14), (-42, 62, 9, 11), (-56, 94, 12, 8)),
    ((-24, 84, 0, 10), (-33, 126, 2, 8.6), (-40, 160, 5, 6.8)),
    ((-8, 90, 0, 10), (-9, 138, 2, 8.8), (-10, 174, 5, 6.9)),
    ((10, 88, 0, 9.8), (16, 131, 2, 8.4), (21, 163, 5, 6.7)),
    ((25, 78, 0, 9), (36, 113, 2, 7.4), (45, 139, 4, 5.9)),
)
_FLATNESS = 1.55  # a palm is that much thinner than wide rods would make it; fingers are round


def reference_cube() -> Mesh:
    """A cube with a side of 10 cm and narrow bevels, standing on y = 0, centred in x and z."""
    half = CUBE_M / 2
    low = half - _BEVEL_M
    corners = []
    for signs in np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T:
        for axis in range(3):
            corner = signs * low
            corner[axis] = signs[axis] * half
            corners.append(corner)
    from scipy.spatial import ConvexHull  # 0.1 s to import

    points = np.array(corners) + np.array([0.0, half, 0.0])
    faces = ConvexHull(points).simplices
    return Mesh(points.astype(np.float32), _outward(points, faces)).validate()


def reference_hand() -> Mesh:
    """A right hand, palm towards the viewer, fingers up, `HAND_M` high from y = 0, centred in x and z.

    The union of tapered capsules with soft joints (Quilez, "Smooth minimum", 2013), cut flat at the wrist.
    """
    from skimage.measure import marching_cubes  # 0.2 s to import, and few ask for the hand

    low, high = np.array([-0.078, -0.012, -0.030]), np.array([0.062, 0.200, 0.036])
    axes = [np.arange(low[k], high[k], _CELL_M) for k in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    field = np.full(len(points), 1.0)
    flat = points * [1.0, 1.0, _FLATNESS]
    for rod in _PALM:
        field = _smooth_min(field, _rod(flat, rod))
    for finger in _FINGERS:
        field = _smooth_min(field, _rod(points, finger))
    field = np.maximum(field, -points[:, 1])  # the wrist
    shape = tuple(len(axis) for axis in axes)
    vertices, faces, _, _ = marching_cubes(field.reshape(shape), 0.0, spacing=(_CELL_M,) * 3)  # type: ignore[no-untyped-call]  # skimage states none
    vertices = vertices + low
    vertices -= [(vertices[:, 0].min() + vertices[:, 0].max()) / 2, vertices[:, 1].min(), 0.0]
    vertices *= HAND_M / vertices[:, 1].max()
    return Mesh(vertices.astype(np.float32), faces.astype(np.int32)).validate()


def _rod(points: NDArray[np.float64], places: tuple[tuple[float, ...], ...]) -> NDArray[np.float64]:
    """About how far points lie outside a bent rod, metres; its places as above."""
    nearest = np.full(len(points), np.inf)
    for one, other in itertools.pairwise(np.array(places) / 1000):
        way = other[:3] - one[:3]
        share = np.clip((points - one[:3]) @ way / (way @ way), 0.0, 1.0)
        away = np.linalg.norm(points - one[:3] - share[:, None] * way, axis=1)
        nearest = np.minimum(nearest, away - (one[3] + share * (other[3] - one[3])))
    return nearest


def _smooth_min(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    mix = np.maximum(_ROUND_M - np.abs(a - b), 0.0) / _ROUND_M
    return np.asarray(np.minimum(a, b) - mix * mix * _ROUND_M / 4)


def _outward(points: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.int32]:
    a, b, c = (points[faces[:, k]] for k in range(3))
    own = np.cross(b - a, c - a)
    is_inward = np.einsum("ij,ij->i", own, a - points.mean(axis=0)) < 0
    return np.where(is_inward[:, None], faces[:, ::-1], faces).astype(np.int32)
