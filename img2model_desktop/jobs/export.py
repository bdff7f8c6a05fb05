"""A finished job's result in the format, the size and the place that the user wants."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img2model_desktop.core import atomic
from img2model_desktop.core.formats.reopen import verify_written
from img2model_desktop.core.mesh import Mesh, scaled_to
from img2model_desktop.core.mesh_files import MM, check_format, encode, names_of, read_mesh, read_recipe
from img2model_desktop.errors import EngineProblem, Img2ModelError, InputProblem, SetupProblem

SAME_SIZE = 1e-6
"""Sizes that differ by a smaller share are the same: float32 holds no more."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was saved.

    Args:
        path: of the file.
        companions: files beside it that belong to it.
        size_mm: width (x), height (y), depth (z) with y up, millimetres.
        faces: triangles.
        seconds: it took, with opening it again.
    """

    path: Path
    companions: tuple[Path, ...]
    size_mm: tuple[float, float, float]
    faces: int
    seconds: float


def can_write(path: Path, up: str = "y") -> Img2ModelError | None:
    """The problem that saving under this path would meet, or None: asked before the work, tried for real."""
    try:
        check_format(path, up)
        if path.is_dir():
            return SetupProblem(f"“{atomic.shown(path)}” is a folder.", "Choose another file name.")
        for name in names_of(path):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(name).lstat()  # finds names that are too long
        with atomic.staging(path.parent):
            return None
    except OSError as problem:
        return atomic.setup_problem(problem, path)
    except Img2ModelError as problem:
        return problem
    except ValueError:  # a zero character
        return InputProblem("This file name cannot be used.", "Choose another name.")


def export_result(
    result: Path, out: Path, size_mm: float | None = None, up: str = "y", recipe: Mapping[str, Any] | None = None
) -> Exported:
    """Saves a job's result. The new file is opened again and compared before it takes its name.

    Args:
        result: `result.glb` of a job.
        out: where to; its suffix says the format. An existing file is replaced, at the very end.
        size_mm: longest side, millimetres; None keeps the size.
        up: "y" or "z", which only OBJ, STL and PLY can have.
        recipe: to store in a GLB file; None keeps the result's own.

    Raises:
        InputProblem: unknown format, a size that is none, the result is gone or damaged.
        SetupProblem: the place cannot be written, or what was written is not what comes back from the disk.
        EngineProblem: the file would not hold the mesh.
    """
    began = time.perf_counter()
    check_format(out, up)
    if size_mm is not None and not 0 < size_mm < float("inf"):
        raise InputProblem(f"{size_mm:g} mm is not a size.", "Give the longest side in millimetres, more than 0.")
    mesh = read_mesh(result)
    longest = float(mesh.size_m.max()) * MM
    if size_mm is not None and abs(size_mm - longest) > SAME_SIZE * longest:
        mesh = scaled_to(mesh, size_mm)
    elif out.suffix.lower() == ".glb" and recipe is None:
        return _saved(mesh, out, up, {out.name: result.read_bytes()}, began)
    kept = read_recipe(result) if recipe is None else recipe
    return save_checked(mesh, out, up, kept, began)


def save_checked(
    mesh: Mesh, out: Path, up: str = "y", recipe: Mapping[str, Any] | None = None, began: float | None = None
) -> Exported:
    """Writes a mesh under hidden names, opens it with another program's reader, compares, and only then gives it its
    name.

    Args:
        mesh, out, up, recipe: see `core.mesh_files.write_mesh`.
        began: when the work began, by `time.perf_counter`; None: now.

    Raises:
        InputProblem, SetupProblem: as `write_mesh`.
        EngineProblem: the file would not hold the mesh.
    """
    began = time.perf_counter() if began is None else began
    return _saved(mesh, out, up, encode(mesh, out, recipe, up), began)


def _saved(mesh: Mesh, out: Path, up: str, contents: Mapping[str, bytes], began: float) -> Exported:
    """Writes, opens again, compares, publishes; the first name is that of `out`."""
    with atomic.staging(out.parent) as hidden:
        for name, content in contents.items():
            atomic.write_staged(hidden / name, content)
            if (hidden / name).read_bytes() != content:
                raise SetupProblem(
                    f"“{atomic.shown(out)}” was not saved: the disk gave back something else.",
                    "Check the disk or use another.",
                )
        findings = verify_written(mesh, hidden / out.name, up)
        if findings:
            raise EngineProblem(
                f"“{atomic.shown(out)}” was not saved: opened again, it is not the same mesh.",
                "Save it in another format, and report this.",
                "; ".join(findings),
            )
        atomic.publish(hidden, out.parent, tuple(contents))
    return _exported(mesh, out, tuple(contents)[1:], began)


def _exported(mesh: Mesh, out: Path, companions: tuple[str, ...], began: float) -> Exported:
    width, height, depth = (float(value) * MM for value in mesh.size_m)
    beside = tuple(out.parent / name for name in companions)
    return Exported(out, beside, (width, height, depth), len(mesh.faces), time.perf_counter() - began)
