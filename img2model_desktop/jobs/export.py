"""A mesh in the format, size and place that the user wants: opened again and compared before it takes its name."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import atomic
from img2model_desktop.core.formats.frame import Frame
from img2model_desktop.core.formats.reopen import verify_written
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import MM, check_format, encode, names_of, read_mesh, read_recipe
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.stack import do_steps
from img2model_desktop.core.workshop.step import Step, step
from img2model_desktop.errors import EngineProblem, Img2ModelError, InputProblem, SetupProblem

SAME_SIZE = 1e-6
"""Sizes that differ by a smaller share are the same: float32 holds no more."""

ORIGINS = ("keep", "floor", "centre")

RECIPE_ENTRY = "export"
"""In a recipe: the steps that were done to the mesh on its way out, in order."""

MAKER = "Image2Model"
"""How the entry `program` of a recipe of ours begins."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How a mesh is saved.

    Args:
        size_mm: longest side, millimetres; None keeps the size.
        up: axis of the file that points up, "y" or "z"; formats that say it themselves (GLB, glTF) have "y" alone.
        unit: "mm", "cm", "m" or "in": what one unit means in a format that does not say it (OBJ, STL, PLY).
        origin: "keep", "floor" (stands on the ground, in the middle of it) or "centre" (of its box).
        faces: triangles at most; None keeps all. The texture is baked anew onto fewer ones.
        texture_px: longest side of each texture at most; None keeps them.
    """

    size_mm: float | None = None
    up: str = "y"
    unit: str = "mm"
    origin: str = "keep"
    faces: int | None = None
    texture_px: int | None = None


class Sizes(NamedTuple):
    """Width (x), height (y) and depth (z) with y up, in each unit that a maker asks for."""

    mm: tuple[float, float, float]
    cm: tuple[float, float, float]
    inch: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was saved.

    Args:
        path: of the file.
        companions: files beside it that belong to it.
        size_mm: width (x), height (y), depth (z) with y up, millimetres.
        faces: triangles.
        seconds: it took, with opening it again.
        notes: sentences about what was done on the way, for the user.
    """

    path: Path
    companions: tuple[Path, ...]
    size_mm: tuple[float, float, float]
    faces: int
    seconds: float
    notes: tuple[str, ...] = ()


# -- asked before the work ---------------------------------------------------------------------------------------------


def can_write(path: Path, options: ExportOptions | None = None) -> Img2ModelError | None:
    """The problem that saving under this path would meet, or None: asked before the work, tried for real."""
    try:
        _check(path, options or ExportOptions())
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


def losses(
    suffix: str, options: ExportOptions, has_texture: bool, faces: int | None = None, texture_px: int | None = None
) -> tuple[str, ...]:
    """What this format and these options take from the mesh, one sentence each, to be said before saving.

    Args:
        suffix: of the format, ".stl".
        options: with which it will be saved.
        has_texture: whether the mesh has one.
        faces: triangles of the mesh, where known.
        texture_px: longest side of its texture, where known.
    """
    said = list(_format_losses(suffix.lower(), has_texture))
    if options.faces is not None and (faces is None or faces > options.faces):
        of = f" of {faces:,}" if faces is not None else ""
        baked = "; its texture is baked onto them anew" if has_texture and suffix.lower() != ".stl" else ""
        said.append(f"At most {options.faces:,}{of} triangles are kept{baked}.")
    fewer_px = options.texture_px is not None and (texture_px is None or texture_px > options.texture_px)
    if fewer_px and has_texture and suffix.lower() not in (".stl", ".ply"):
        of = f" instead of {texture_px}" if texture_px is not None else ""
        said.append(f"The texture gets {options.texture_px} pixels{of} along its longest side.")
    return tuple(said)


def _format_losses(suffix: str, has_texture: bool) -> tuple[str, ...]:
    if suffix == ".stl":
        return ("STL keeps no colour.",) if has_texture else ()
    if suffix == ".ply" and has_texture:
        return ("PLY keeps a colour for each vertex and no picture.",)
    if suffix == ".obj" and has_texture:
        return ("OBJ keeps the colours and no roughness, metal or normal map.",)
    return ()


def sizes(size_m: tuple[float, float, float] | NDArray[np.float64], options: ExportOptions | None = None) -> Sizes:
    """How large the saved mesh will be.

    Args:
        size_m: width, height and depth of the mesh now, metres.
        options: with which it will be saved.
    """
    now = np.asarray(size_m, dtype=np.float64) * MM
    wanted = options.size_mm if options else None
    if wanted is not None and float(now.max()) > 0:
        now = now * (wanted / float(now.max()))
    in_mm, in_cm, in_inch = ((float(w), float(h), float(d)) for w, h, d in (now, now / 10.0, now / 25.4))
    return Sizes(in_mm, in_cm, in_inch)


# -- the work ----------------------------------------------------------------------------------------------------------


def export_mesh(
    source: Path | Mesh,
    out: Path,
    options: ExportOptions | None = None,
    recipe: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Saves a mesh. The new file is opened again by another program's reader and compared before it takes its name.

    Args:
        source: a file with a mesh (a job's result, one of its edits, any other), or a mesh itself.
        out: where to; its suffix says the format. An existing file is replaced, at the very end.
        options: how; None keeps everything as it is.
        recipe: to store with it; None keeps that of the file `source`. What is done here is added to it.
        progress: token.

    Raises:
        InputProblem: unknown format, options that are none, the source is gone or damaged.
        SetupProblem: the place cannot be written, or what was written is not what comes back from the disk.
        EngineProblem: the file would not hold the mesh.
        OutOfMemory, Cancelled: see `core.workshop.stack.do_steps`.
    """
    began = time.perf_counter()
    options, progress = options or ExportOptions(), progress or Progress()
    _check(out, options)
    mesh = source if isinstance(source, Mesh) else read_mesh(source)
    progress.update(0.15)
    steps = _steps(mesh, options)
    notes: tuple[str, ...] = ()
    if steps:
        mesh, notes = do_steps(mesh, steps, progress.part(0.15, 0.6))
    placed = _placed(mesh, options)
    kept = recipe
    if kept is None and isinstance(source, Path):
        kept = read_recipe(source) if source.suffix.lower() == ".glb" else None
    done = (*steps, *_placing(options)) if placed is not mesh else steps
    if isinstance(source, Path) and _is_ours(source, kept) and not done and recipe is None and _is_glb(out):
        contents = {out.name: source.read_bytes()}
    else:
        whole = dict(kept or {}) | ({RECIPE_ENTRY: [one.to_dict() for one in done]} if done else {})
        contents = encode(placed, out, whole or None, Frame(options.up, options.unit))
    progress.update(0.75)
    _save(placed, out, options, contents)
    progress.update(1.0)
    width, height, depth = (float(value) * MM for value in placed.size_m)
    beside = tuple(out.parent / name for name in tuple(contents)[1:])
    return Exported(out, beside, (width, height, depth), len(placed.faces), time.perf_counter() - began, notes)


def _check(out: Path, options: ExportOptions) -> None:
    """Raises InputProblem where a mesh cannot be saved so."""
    check_format(out, Frame(options.up, options.unit))
    size = options.size_mm
    if size is not None and not 0 < size < float("inf"):
        raise InputProblem(f"{size:g} mm is not a size.", "Give the longest side in millimetres, more than 0.")
    if options.origin not in ORIGINS:
        raise InputProblem(f"“{options.origin}” is not a place for the origin.", f"Use one of {', '.join(ORIGINS)}.")


def _is_glb(path: Path) -> bool:
    return path.suffix.lower() == ".glb"


def _is_ours(source: Path, recipe: Mapping[str, Any] | None) -> bool:
    """Whether the file is a GLB that this program has written, and so can be saved as it is."""
    return _is_glb(source) and str((recipe or {}).get("program", "")).startswith(MAKER)


def _steps(mesh: Mesh, options: ExportOptions) -> tuple[Step, ...]:
    """What the limits of the options ask of this mesh."""
    steps: list[Step] = []
    if options.faces is not None and len(mesh.faces) > options.faces:
        steps.append(step("decimate", faces=options.faces))
    pictures = (mesh.base_colour, mesh.metallic_roughness, mesh.normal)
    largest = max((max(picture.width, picture.height) for picture in pictures if picture is not None), default=0)
    if options.texture_px is not None and largest > options.texture_px:
        steps.append(step("texture_size", texture_px=options.texture_px))
    return tuple(steps)


def _placing(options: ExportOptions) -> tuple[Step, ...]:
    """What `_placed` does, as steps for the recipe."""
    scale = (step("scale", size_mm=options.size_mm),) if options.size_mm is not None else ()
    place = {"keep": (), "floor": (step("floor"),), "centre": (step("recentre"),)}[options.origin]
    return (*scale, *place)


def _placed(mesh: Mesh, options: ExportOptions) -> Mesh:
    """The mesh in its size, scaled about the origin, and at its place; the same object where nothing changes."""
    low, high = mesh.bounds
    longest = float((high - low).max())
    factor = 1.0
    if options.size_mm is not None and longest > 0:
        factor = options.size_mm / (longest * MM)
    origin = np.zeros(3)
    if options.origin != "keep":
        origin = (low + high) / 2
        origin[1] = low[1] if options.origin == "floor" else origin[1]
    if abs(factor - 1.0) <= SAME_SIZE and float(np.abs(origin).max()) <= SAME_SIZE * longest:
        return mesh
    return mesh.moved(((mesh.vertices - origin) * factor).astype(np.float32))


def _save(mesh: Mesh, out: Path, options: ExportOptions, contents: Mapping[str, bytes]) -> None:
    """Writes under hidden names, opens again, compares, publishes; the first name is that of `out`."""
    with atomic.staging(out.parent) as hidden:
        for name, content in contents.items():
            atomic.write_staged(hidden / name, content)
            if (hidden / name).read_bytes() != content:
                raise SetupProblem(
                    f"“{atomic.shown(out)}” was not saved: the disk gave back something else.",
                    "Check the disk or use another.",
                )
        findings = verify_written(mesh, hidden / out.name, Frame(options.up, options.unit))
        if findings:
            raise EngineProblem(
                f"“{atomic.shown(out)}” was not saved: opened again, it is not the same mesh.",
                "Save it in another format, and report this.",
                "; ".join(findings),
            )
        atomic.publish(hidden, out.parent, tuple(contents))
