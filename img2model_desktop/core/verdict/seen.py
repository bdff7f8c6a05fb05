"""Which surface of a mesh the picture that it was made from can have seen."""

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.rays import Rays
from img2model_desktop.core.triangles import areas

STEEPEST_DEG = 87.0
"""A face that leans further away from the viewer is a rim: its picture is thinner than a pixel."""

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
    progress = progress or Progress()
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    rays = Rays(corners)
    progress.update(0.3)
    candidates = np.flatnonzero(rays.normals[:, 2] > np.cos(np.radians(STEEPEST_DEG)))
    places = np.einsum("sk,mkd->msd", _SAMPLES, corners[candidates]).reshape(-1, 3)
    ahead = np.broadcast_to([0.0, 0.0, 1.0], places.shape)
    hidden = rays.hidden(places, ahead, progress.part(0.3, 1.0), rays.skin).reshape(-1, len(_SAMPLES))
    seen = np.zeros(len(mesh.faces), dtype=bool)
    seen[candidates] = 2 * (~hidden).sum(axis=1) >= len(_SAMPLES)
    return seen


def seen_share(mesh: Mesh, seen: NDArray[np.bool_]) -> float:
    """Share of the surface's area, 0..1, that lies on the faces marked in `seen`, `(m,) bool`."""
    area = areas(mesh.vertices[mesh.faces])
    whole = float(area.sum())
    return float(area[seen].sum()) / whole if whole > 0 else 0.0
