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
        Cancelled: from `progress`.
    """
    progress = progress or Progress()
    return tuple(
        do_steps(mesh, [step("decimate", faces=count)], progress.part(k / len(faces), (k + 1) / len(faces))).mesh
        for k, count in enumerate(faces)
    )
