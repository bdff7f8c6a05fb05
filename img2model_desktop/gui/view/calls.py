"""What the 3D view's tools let run aside: module-level functions for `JobRunner.call`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # they bring numpy, which the window's start does without
    import numpy as np
    from numpy.typing import NDArray

    from img2model_desktop.core.preview import PreviewBuffers, Triangles


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a picture saw of a mesh.

    Args:
        path: of the mesh.
        faces: `(m,) bool`, for each face of the mesh.
        coarse: the same for its coarse stand-in, or None without one.
        share: of the area, 0..1.
    """

    path: str
    faces: "NDArray[np.bool_]"
    coarse: "NDArray[np.bool_] | None"
    share: float


def seen_to_show(path: str, coarse: "Triangles | None", report: Any, is_cancelled: Any) -> Seen:
    """Which surface of a result the picture saw.

    Args:
        path: of the mesh file.
        coarse: its stand-in, where the view has one.
    """
    from img2model_desktop.core.mesh import Mesh
    from img2model_desktop.core.mesh_files import read_mesh
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.core.verdict.seen import seen_faces, seen_share

    mesh = read_mesh(Path(path))
    faces = seen_faces(mesh, Progress(report, is_cancelled))
    stand_in = None
    if coarse is not None:
        stand_in = seen_faces(Mesh(coarse.corners[:, :3], coarse.indices.astype("int32")))
    return Seen(path, faces, stand_in, seen_share(mesh, faces))


def things_to_show(report: Any, is_cancelled: Any) -> "tuple[tuple[PreviewBuffers, str], ...]":
    """A cube and a hand of known size, each with its name."""
    from img2model_desktop.core.preview import prepare
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.render.reference import reference_cube, reference_hand

    progress = Progress(report, is_cancelled)
    cube = prepare(reference_cube(), progress.part(0.0, 0.2))
    return (cube, "10 cm"), (prepare(reference_hand(), progress.part(0.2, 1.0)), "Hand, 19 cm")
