"""Levels of detail: the same thing with fewer and fewer triangles."""

from collections.abc import Sequence

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.stack import do_steps
from img2model_desktop.core.workshop.step import step


def levels_of_detail(mesh: Mesh, faces: Sequence[int], progress: Progress | None = None) -> tuple[Mesh, ...]:
    """One mesh for each count of faces, each made from the original and textured like it.

    Args:
        mesh: valid; it is not changed.
        faces: how many each level has at most, at least 4 each; a level that would not have fewer is the mesh itself.
        progress: token.

    Raises:
        InputProblem: a count that is none.
        EngineProblem, OutOfMemory, Cancelled: see `Operation.run`.
    """
    progress = progress or Progress()
    levels = []
    for number, count in enumerate(faces):
        part = progress.part(number / len(faces), (number + 1) / len(faces))
        levels.append(do_steps(mesh, [step("decimate", faces=count)], part).mesh)
    return tuple(levels)
