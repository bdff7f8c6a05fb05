"""Which surface of a mesh the picture that it was made from can have seen."""

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress

STEEPEST_DEG = 87.0
"""A face that leans further away from the viewer is a rim: its picture is thinner than a pixel."""

_RAYS = 400_000  # asked at once
_SAMPLES = np.array([[1, 1, 1], [8, 1, 1], [1, 8, 1], [1, 1, 8]]) / np.array([[3], [10], [10], [10]])
"""Barycentric: the middle of a face, and a place near each of its corners."""


def seen_faces(mesh: Mesh, progress: Progress | None = None) -> NDArray[np.bool_]:
    """Which faces a viewer before the front sees, who looks along -z in parallel lines.

    That is how the engines here read a picture. A face counts as seen when it looks towards the viewer and at least
    half of four places on it have nothing before them.

    Args:
        mesh: valid.
        progress: told after each part.

    Returns:
        `(m,) bool`.

    Raises:
        Cancelled: by `progress`.
    """
    from embreex.mesh_construction import TriangleMesh  # native
    from embreex.rtcore_scene import EmbreeScene

    progress = progress or Progress()
    low, high = mesh.bounds
    size = float(np.linalg.norm(high - low)) or 1.0
    corners = (((mesh.vertices - (low + high) / 2) / size)[mesh.faces]).astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1)
    candidates = np.flatnonzero(normal[:, 2] > np.cos(np.radians(STEEPEST_DEG)) * length)
    seen = np.zeros(len(mesh.faces), dtype=bool)
    scene = EmbreeScene()
    TriangleMesh(scene, corners.astype(np.float32))
    progress.update(0.3)
    step = _RAYS // len(_SAMPLES)
    for first in range(0, len(candidates), step):
        some = candidates[first : first + step]
        origins = np.einsum("sk,mkd->msd", _SAMPLES, corners[some]).reshape(-1, 3)
        origins[:, 2] += 1e-5  # of the size: off the face itself
        ahead = np.tile(np.array([[0.0, 0.0, 1.0]], dtype=np.float32), (len(origins), 1))
        hidden = scene.run(origins.astype(np.float32), ahead, query="OCCLUDED") == 0
        seen[some] = 2 * (~hidden).reshape(-1, len(_SAMPLES)).sum(axis=1) >= len(_SAMPLES)
        progress.update(0.3 + 0.7 * min((first + step) / len(candidates), 1.0))
    progress.update(1.0)
    return seen


def seen_share(mesh: Mesh, seen: NDArray[np.bool_]) -> float:
    """Share of the surface's area, 0..1, that lies on the faces marked in `seen`, `(m,) bool`."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    whole = float(area.sum())
    return float(area[seen].sum()) / whole if whole > 0 else 0.0
