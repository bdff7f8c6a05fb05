"""Judges a mesh: measures it, says what is wrong with it, and what it is fit for."""

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.findings import Conditions, Verdict


def judge(mesh: Mesh, conditions: Conditions | None = None, progress: Progress | None = None) -> Verdict:
    """The verdict on a valid mesh.

    Args:
        mesh: valid; may be broken in every other way.
        conditions: what it will be used under.
        progress: token.

    Raises:
        Cancelled: from `progress`.
    """
    raise NotImplementedError  # replaced by its owner within the hour
