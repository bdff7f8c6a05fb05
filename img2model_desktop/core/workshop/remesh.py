"""Covers a surface with triangles of one size."""

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.catalog import RemeshOptions
from img2model_desktop.core.workshop.even import area_of, even
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.reshape import bare, places_of
from img2model_desktop.errors import EngineProblem


def remesh(mesh: Mesh, options: RemeshOptions, progress: Progress) -> Outcome:
    """The same surface with about so many even triangles, bare.

    What is closed stays closed, a manifold stays one; rims and creases stay where they are, and so do their
    triangles smaller than the others where they lie closer together.

    Raises:
        EngineProblem: there is no area to cover.
    """
    progress.update(0.0)
    points, faces = places_of(mesh)
    middle = points.mean(axis=0)
    points = points - middle
    if not area_of(points, faces) > 0:
        raise EngineProblem("The mesh has no area to cover.", "Use a mesh with a surface.")
    points, faces = even(points, faces, options.faces, progress)
    progress.update(1.0)
    return Outcome(bare(points + middle, faces))
