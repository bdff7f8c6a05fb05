"""What the workshop's panel lets run aside: module-level functions for `JobRunner.call`.

They import what they need when they run: none of it belongs to the window's start.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    # these bring numpy, which the window's start does without
    from img2model_desktop.core.mesh import Mesh
    from img2model_desktop.core.verdict.findings import Conditions, Verdict
    from img2model_desktop.core.workshop.step import Step
    from img2model_desktop.jobs.edits import Edits
    from img2model_desktop.jobs.export import ExportOptions


@dataclass(frozen=True, slots=True)
class Look:
    """What the export needs to know about a mesh before it is written.

    Args:
        size_m: width (x), height (y), depth (z), metres.
        faces: triangles.
        texture_px: longest side of its base colour picture; 0: it has none; None: not known.
        flat_faces: triangles without a surface, which some formats leave out; 0 where it is not known.
    """

    size_m: tuple[float, float, float]
    faces: int
    texture_px: int | None
    flat_faces: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on a mesh file, its look, and what would make it fit.

    Args:
        verdict: on it.
        look: of it.
        plans: for each purpose, by its value, one sentence for each thing that would be done; empty where nothing can.
    """

    verdict: "Verdict"
    look: Look
    plans: "Mapping[str, tuple[str, ...]]"


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of a result: its stack of edits, and the look of the mesh on top of it."""

    edits: "Edits"
    look: Look


def judge_result(path: str, conditions: "Conditions", report: Any, is_cancelled: Any) -> Judged:
    """Reads a mesh and judges it."""
    from img2model_desktop.core.mesh_files import read_mesh
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.core.verdict.findings import Purpose
    from img2model_desktop.core.verdict.judge import judge
    from img2model_desktop.core.workshop.plans import describe, plan_for

    progress = Progress(report, is_cancelled)
    mesh = read_mesh(Path(path))
    progress.update(0.1)
    verdict = judge(mesh, conditions, progress.part(0.1, 1.0))
    plans = {purpose.value: describe(plan_for(verdict, purpose), verdict) for purpose in Purpose}
    return Judged(verdict, look_of(mesh), plans)


def look_of(mesh: "Mesh") -> Look:
    """See `Look`."""
    from img2model_desktop.jobs.export import without_surface

    width, height, depth = (float(side) for side in mesh.size_m)
    texture = mesh.base_colour
    side = max(texture.width, texture.height) if texture else 0
    return Look((width, height, depth), len(mesh.faces), side, without_surface(mesh))


def edit_result(folder: str, title: str, steps: "tuple[Step, ...]", report: Any, is_cancelled: Any) -> Worked:
    """Does steps to the result in a job folder."""
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.jobs.edits import do_edit

    return _worked(folder, do_edit(Path(folder), title, steps, Progress(report, is_cancelled)))


def fix_result(
    folder: str, title: str, purpose: str, conditions: "Conditions", report: Any, is_cancelled: Any
) -> Worked:
    """Makes the result in a job folder fit for a purpose, as one edit; the stack is unchanged where nothing helped."""
    from img2model_desktop.core.mesh_files import read_mesh
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.core.verdict.findings import Purpose
    from img2model_desktop.core.workshop.plans import fix
    from img2model_desktop.jobs import edits

    progress = Progress(report, is_cancelled)
    mesh = read_mesh(edits.current_mesh(Path(folder)))
    fixed = fix(mesh, Purpose(purpose), conditions, progress.part(0.05, 0.95))
    if not fixed.steps:
        return Worked(edits.read_edits(Path(folder)), look_of(mesh))
    stack = edits.keep_edit(Path(folder), title, fixed.steps, fixed.mesh, fixed.notes)
    progress.update(1.0)
    return Worked(stack, look_of(fixed.mesh))


def go_to_edit(folder: str, count: int, report: Any, is_cancelled: Any) -> Worked:  # noqa: ARG001 - runs aside
    """The stack with its first `count` edits done and the others taken back."""
    from img2model_desktop.jobs import edits

    stack = edits.read_edits(Path(folder))
    count = min(max(count, 0), len(stack.done) + len(stack.undone))
    while len(stack.done) != count:
        move = edits.undo if len(stack.done) > count else edits.redo
        stack = move(Path(folder))
    return _worked(folder, stack)


def _worked(folder: str, stack: "Edits") -> Worked:
    from img2model_desktop.core.mesh_files import read_mesh
    from img2model_desktop.jobs.edits import current_mesh

    return Worked(stack, look_of(read_mesh(current_mesh(Path(folder)))))


def save_mesh(source: str, out: str, options: "ExportOptions", report: Any, is_cancelled: Any) -> Any:
    """Exports a mesh file; `jobs.export.Exported`."""
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.jobs.export import export_mesh

    return export_mesh(Path(source), Path(out), options, progress=Progress(report, is_cancelled))


def save_report(source: str, out: str, title: str, conditions: "Conditions", report: Any, is_cancelled: Any) -> str:
    """Writes a page about a mesh file; its path."""
    from img2model_desktop.core import atomic
    from img2model_desktop.core.mesh_files import read_mesh, read_recipe
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.core.verdict.judge import judge
    from img2model_desktop.render.report import report_html

    progress = Progress(report, is_cancelled)
    mesh = read_mesh(Path(source))
    verdict = judge(mesh, conditions, progress.part(0.05, 0.5))
    page = report_html(mesh, verdict, title, read_recipe(Path(source)), progress.part(0.5, 1.0))
    atomic.write_file(Path(out), page.encode("utf-8", "replace"))
    return out


@dataclass(frozen=True, slots=True)
class FoundRecipe:
    """The recipe in a mesh file.

    Args:
        name: of the file.
        request: that made the mesh, as plain values.
        picture: where the picture of the request lies now, or "".
    """

    name: str
    request: "Mapping[str, Any]"
    picture: str


def find_recipe(path: str, folders: tuple[str, ...], report: Any, is_cancelled: Any) -> FoundRecipe | None:
    """The request that made a mesh, and its picture, known by its content.

    Args:
        path: of a GLB file.
        folders: of jobs, in which pictures were kept.

    Returns:
        None where the file holds no request with a picture or a prompt.
    """
    from img2model_desktop.core.mesh_files import read_recipe
    from img2model_desktop.core.progress import Progress
    from img2model_desktop.jobs.plan import kept_input

    file, progress = Path(path), Progress(report, is_cancelled)
    recipe = read_recipe(file)
    request = recipe.get("request")
    if not isinstance(request, dict) or not (request.get("picture") or request.get("prompt")):
        return None
    wanted, name = recipe.get("picture_sha256"), Path(str(request.get("picture") or "")).name
    places = [file.parent / name] if name else []
    places += [kept for folder in folders if (kept := kept_input(Path(folder)))]
    picture = ""
    for number, place in enumerate(places):
        progress.update(number / len(places))
        if wanted and place.is_file() and _sha256(place) == wanted:
            picture = str(place)
            break
    return FoundRecipe(file.name, request, picture)


def _sha256(path: Path) -> str:
    """Of a file's content; "" where it cannot be read."""
    import hashlib

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
