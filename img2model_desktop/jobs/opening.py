"""Takes a mesh file of any program in as a result, unchanged."""

from pathlib import Path
from typing import Any

from img2model_desktop import __version__
from img2model_desktop.core.events import Facts
from img2model_desktop.core.formats.frame import PLAIN, Frame
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import MM, read, read_recipe, write_mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import Img2ModelError

TINY_MM, HUGE_MM = 1.0, 20_000.0
"""Longest sides beyond which a file was most likely made in another unit."""

Note = tuple[str, str]


def open_mesh(
    file: str,
    up: str,
    unit: str,
    out: Path,
    report: Any,
    is_cancelled: Any,
) -> tuple[Facts, tuple[Note, ...]]:
    """Reads a mesh file and writes it as a result, with the recipe that it has or one that names it.

    Args:
        file: path of the mesh.
        up, unit: of a file that does not say so itself; "": not said.
        out: the result to write, GLB.
        report: told how far it is, 0..1.
        is_cancelled: asked while the file is read.

    Returns:
        what the mesh is, and `(message, advice)` of what the user should know.

    Raises:
        InputProblem: the file holds no usable mesh.
        SetupProblem: the disk is full or not writable.
        Cancelled: the user wants to stop; nothing was written.
    """
    path = Path(file)
    frame = Frame(up or PLAIN.up, unit or PLAIN.unit) if up or unit else None
    mesh, said = read(path, frame=frame, progress=Progress(report, is_cancelled).part(0.0, 0.5))
    facts = measure(mesh)
    report(0.7)
    write_mesh(mesh, out, _recipe(path, up, unit))
    longest_mm = max(facts.size_m) * MM
    notes = [(note, "") for note in said]
    if not TINY_MM <= longest_mm <= HUGE_MM:
        notes.append(
            (
                f"It is {longest_mm:.3g} mm long: the file was most likely made in another unit.",
                "Give it its real size with “Set size”.",
            )
        )
    return facts.brief(), tuple(notes)


def _recipe(path: Path, up: str, unit: str) -> dict[str, Any]:
    """The file's own recipe, so that it can be made again, or where this mesh came from."""
    try:
        recipe = read_recipe(path)
    except Img2ModelError:  # the mesh could be read; that is what counts
        recipe = {}
    if recipe:
        return recipe
    return {
        "program": f"Image2Model Desktop {__version__}",
        "opened": {"file": path.name} | ({"up": up} if up else {}) | ({"unit": unit} if unit else {}),
    }
