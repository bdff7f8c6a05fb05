"""Unwraps a mesh and bakes the look of another one onto it."""

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress


def rebake(mesh: Mesh, source: Mesh, progress: Progress) -> Mesh:
    """A mesh with new uv and the look of `source`, which has nearly the same surface at the same place."""
    raise NotImplementedError  # replaced by its owner within the hour
