"""What the workshop's panel lets run aside: module-level functions for `JobRunner.call`.

They import what they need when they run: none of it belongs to the window's start.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # they bring numpy, which the window's start and the command line's help do without
    from img2model_desktop.core.mesh import Mesh
    from img2model_desktop.core.verdict.findings import Conditions, Purpose, Verdict
    from img2model_desktop.core.workshop.step import Step
    from img2model_desktop.jobs.edits import Edits
    from img2model_desktop.jobs.export import ExportOptions


@dataclass(frozen=True, slots=True)
class Look:
    """What the export needs to know about a mesh before it is written.

    Args:
        size_m: width (x), height (y), depth (z), metres.
        faces: triangles.
        texture_px: longest side of its base colour picture, or None.
    """

    size_m: tuple[float, float, float]
    faces: int
    texture_px: int | None


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on a mesh file, and its look."""

    verdict: "Verdict"
    look: Look


def judge_result(path: str, conditions: "Conditions", report: Any, is_cancelled: Any) -> Judged:
    """Reads a mesh and judges it."""
    from img2model_desktop.core.mesh_files import read_mesh
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.core.verdict.judge import judge

    progress = Progress(report, is_cancelled)
    mesh = read_mesh(Path(path))
    progress.update(0.1)
    return Judged(judge(mesh, conditions, progress.part(0.1, 1.0)), look_of(mesh))


def look_of(mesh: "Mesh") -> Look:
    """See `Look`."""
    width, height, depth = (float(side) for side in mesh.size_m)
    texture = mesh.base_colour
    return Look((width, height, depth), len(mesh.faces), max(texture.width, texture.height) if texture else None)


def edit_result(folder: str, title: str, steps: "tuple[Step, ...]", report: Any, is_cancelled: Any) -> "Edits":
    """Does steps to the result in a job folder; the stack after them."""
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.jobs.edits import do_edit

    return do_edit(Path(folder), title, steps, Progress(report, is_cancelled))


def go_to_edit(folder: str, count: int, report: Any, is_cancelled: Any) -> "Edits":  # noqa: ARG001
    """The stack with its first `count` edits done and the others taken back."""
    from img2model_desktop.jobs import edits

    stack = edits.read_edits(Path(folder))
    count = min(max(count, 0), len(stack.done) + len(stack.undone))
    while len(stack.done) != count:
        move = edits.undo if len(stack.done) > count else edits.redo
        stack = move(Path(folder))
    return stack


def save_mesh(source: str, out: str, options: "ExportOptions", report: Any, is_cancelled: Any) -> Any:
    """Exports a mesh file; `jobs.export.Exported`."""
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.jobs.export import export_mesh

    return export_mesh(Path(source), Path(out), options, progress=Progress(report, is_cancelled))
