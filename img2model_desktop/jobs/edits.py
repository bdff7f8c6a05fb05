"""What was done to a job's result in the workshop: a stack with undo and redo, beside the untouched original.

A job folder holds `result.glb`, which no edit changes, one `edit-N.glb` for each edit, and `edits.json`, which lists
them. The list is written last, so that a crash leaves the stack as it was before.
"""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img2model_desktop.core import atomic
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import read_mesh, read_recipe, write_mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.stack import do_steps
from img2model_desktop.core.workshop.step import Step
from img2model_desktop.errors import InputProblem
from img2model_desktop.jobs.plan import RESULT

LIST = "edits.json"
VERSION = 1
RECIPE_ENTRY = "edits"
"""In a recipe: the steps that were done to the result, in order."""

MAX_HEADER_BYTES = 16_000_000
"""More than any description of a mesh of ours takes, its recipe included."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One entry of the stack.

    Args:
        title: for people: "Close holes", "Make printable".
        steps: that were done.
        notes: sentences about what they did.
        file: name of the mesh after it, in the job folder.
    """

    title: str
    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    file: str


@dataclass(frozen=True, slots=True)
class Edits:
    """The stack of a result.

    Args:
        done: in order; the last one is what is shown.
        undone: what redo brings back, the next one first.
    """

    done: tuple[Edit, ...] = ()
    undone: tuple[Edit, ...] = ()


def read_edits(folder: Path) -> Edits:
    """The stack in a job folder; empty where there is none, or none that can be read.

    Edits whose file is gone, and those that came after them, are left out.
    """
    try:
        plain = json.loads((folder / LIST).read_bytes())
        done = [_from_plain(item) for item in plain["done"]]
        undone = [_from_plain(item) for item in plain["undone"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputProblem):
        return Edits()
    there = [(folder / edit.file).is_file() for edit in (*done, *undone)]
    whole = there.index(False) if False in there else len(there)
    return Edits(tuple(done[:whole]), tuple(undone[: max(whole - len(done), 0)]))


def original_mesh(folder: Path) -> Path:
    """The result as the job made it."""
    return folder / RESULT


def current_mesh(folder: Path) -> Path:
    """The result after its edits: what is shown, judged and exported."""
    edits = read_edits(folder)
    return folder / edits.done[-1].file if edits.done else original_mesh(folder)


def glb_faces(path: Path) -> int | None:
    """How many triangles a binary glTF file of ours says that it has, without reading them; None where it does not."""
    try:
        with path.open("rb") as file:
            head = file.read(20)
            if head[:4] != b"glTF":
                return None
            plain = json.loads(file.read(min(int.from_bytes(head[12:16], "little"), MAX_HEADER_BYTES)))
        corners = [one["indices"] for mesh in plain["meshes"] for one in mesh["primitives"]]
        return sum(int(plain["accessors"][number]["count"]) for number in corners) // 3
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def do_edit(folder: Path, title: str, steps: Sequence[Step], progress: Progress | None = None) -> Edits:
    """Does steps to the current mesh and puts them on the stack; what was undone before is let go.

    Raises:
        InputProblem, EngineProblem, OutOfMemory, Cancelled: see `core.workshop.stack.do_steps`; the stack is as before.
        SetupProblem: the disk is full or not writable; the stack is as before.
    """
    progress = progress or Progress()
    outcome = do_steps(read_mesh(current_mesh(folder)), steps, progress.part(0.0, 0.9))
    edits = keep_edit(folder, title, steps, outcome.mesh, outcome.notes)
    progress.update(1.0)
    return edits


def keep_edit(folder: Path, title: str, steps: Sequence[Step], mesh: Mesh, notes: Sequence[str] = ()) -> Edits:
    """Puts a mesh that steps have made of the current one on the stack; see `do_edit`."""
    before = read_edits(folder)
    number = 1 + max((_number(path) for path in folder.glob("edit-*.glb")), default=0)
    edit = Edit(title, tuple(steps), tuple(notes), f"edit-{number}.glb")
    after = Edits((*before.done, edit))
    recipe = read_recipe(original_mesh(folder)) | {
        RECIPE_ENTRY: [step.to_dict() for one in after.done for step in one.steps]
    }
    write_mesh(mesh, folder / edit.file, recipe)
    _write(folder, after)
    return after


def undo(folder: Path) -> Edits:
    """Takes the last edit back; nothing changes where there is none. Raises SetupProblem."""
    edits = read_edits(folder)
    if edits.done:
        edits = Edits(edits.done[:-1], (edits.done[-1], *edits.undone))
        _write(folder, edits)
    return edits


def redo(folder: Path) -> Edits:
    """Does the edit again that was taken back last; nothing changes where there is none. Raises SetupProblem."""
    edits = read_edits(folder)
    if edits.undone:
        edits = Edits((*edits.done, edits.undone[0]), edits.undone[1:])
        _write(folder, edits)
    return edits


def revert(folder: Path) -> Edits:
    """Takes all edits back; redo brings them again one by one. Raises SetupProblem."""
    edits = read_edits(folder)
    if edits.done:
        edits = Edits((), (*edits.done, *edits.undone))
        _write(folder, edits)
    return edits


def _write(folder: Path, edits: Edits) -> None:
    """Writes the list, then removes the meshes that it does not name: no undo or redo leads to them any more."""
    plain = {"version": VERSION, "done": _plain(edits.done), "undone": _plain(edits.undone)}
    atomic.write_file(folder / LIST, json.dumps(plain, indent=1, ensure_ascii=False).encode("utf-8", "replace"))
    named = {edit.file for edit in (*edits.done, *edits.undone)}
    for path in folder.glob("edit-*.glb"):
        if path.name not in named:
            with contextlib.suppress(OSError):  # it is only in the way
                path.unlink()


def _plain(edits: tuple[Edit, ...]) -> list[dict[str, Any]]:
    return [
        {
            "title": edit.title,
            "steps": [step.to_dict() for step in edit.steps],
            "notes": list(edit.notes),
            "file": edit.file,
        }
        for edit in edits
    ]


def _from_plain(plain: dict[str, Any]) -> Edit:
    file = str(plain["file"])
    if Path(file).name != file or _number(Path(file)) == 0:
        raise ValueError(file)
    steps = tuple(Step.from_dict(step) for step in plain["steps"])
    return Edit(str(plain["title"]), steps, tuple(str(note) for note in plain["notes"]), file)


def _number(path: Path) -> int:
    """N of `edit-N.glb`, 0 for any other name."""
    digits = path.stem.removeprefix("edit-")
    return int(digits) if path.name == f"edit-{digits}.glb" and digits.isdecimal() and digits.isascii() else 0
