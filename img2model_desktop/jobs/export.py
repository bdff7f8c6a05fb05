"""A mesh in the format, size and place that the user wants: opened again and compared before it takes its name."""

import contextlib
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import atomic
from img2model_desktop.core.formats.frame import PER_METRE, Frame
from img2model_desktop.core.formats.reopen import verify_written
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import check_format, encode, names_of, read, read_recipe
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import collapsed, same_rows
from img2model_desktop.core.workshop import catalog
from img2model_desktop.core.workshop.stack import do_steps
from img2model_desktop.core.workshop.step import Step, step
from img2model_desktop.errors import EngineProblem, Img2ModelError, InputProblem, SetupProblem

SAME_SIZE = 1e-6
"""Sizes that differ by a smaller share are the same: float32 holds no more."""

ORIGINS = {"keep": "", "floor": "floor", "centre": "recentre"}
"""Places for the origin, and the operation that puts it there."""

RECIPE_ENTRY = "export"
"""In a recipe: the steps that were done to the mesh on its way out, in order."""

MOST_LEVELS = 8

MAKER = "Image2Model"
"""How the entry `program` of a recipe of ours begins."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How a mesh is saved.

    Args:
        size_mm: longest side, millimetres; None keeps the size.
        up: axis of the file that points up, "y" or "z"; GLB, glTF and USDZ have "y" alone, 3MF "z" whatever is asked.
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
    suffix: str,
    options: ExportOptions,
    has_texture: bool,
    faces: int | None = None,
    texture_px: int | None = None,
    has_surface: bool = False,
    flat_faces: int = 0,
) -> tuple[str, ...]:
    """What this format and these options take from the mesh, one sentence each, to be said before saving.

    Args:
        suffix: of the format, ".stl".
        options: with which it will be saved.
        has_texture: whether the mesh has a base colour.
        faces: triangles of the mesh, where known.
        texture_px: longest side of its texture, where known.
        has_surface: whether the mesh has a roughness and metal map or a normal map.
        flat_faces: triangles with two corners at the same place; see `without_surface`.
    """
    suffix = suffix.lower()
    said = [sentence for kept, sentence in _FORMAT_LOSSES.get(suffix, ()) if has_surface or (has_texture and not kept)]
    if suffix == ".3mf" and flat_faces:
        said.append(f"3MF leaves out {flat_faces:,} triangle{'s' * (flat_faces > 1)} without a surface.")
    if options.faces is not None and (faces is None or faces > options.faces):
        of = f" of {faces:,}" if faces is not None else ""
        baked = "; its texture is baked onto them anew" if has_texture and suffix != ".stl" else ""
        said.append(f"At most {options.faces:,}{of} triangles are kept{baked}.")
    if options.texture_px is not None and has_texture and suffix not in (".stl", ".ply"):
        if texture_px is None:
            said.append(f"A texture with more than {options.texture_px} pixels along a side is made smaller.")
        elif texture_px > options.texture_px:
            said.append(f"The texture gets {options.texture_px} pixels instead of {texture_px} along its longest side.")
    return tuple(said)


def without_surface(mesh: Mesh) -> int:
    """How many triangles have two corners at the same place, and so no surface."""
    return int(collapsed(same_rows(mesh.vertices)[mesh.faces]).sum())


_FORMAT_LOSSES: dict[str, tuple[tuple[bool, str], ...]] = {
    ".stl": ((False, "STL keeps no colour."),),
    ".ply": ((False, "PLY keeps a colour for each vertex and no picture."),),
    ".obj": ((True, "OBJ keeps the colours, but no roughness, metal or normal map."),),
    ".3mf": ((True, "3MF keeps the colours, but no roughness, metal or normal map."),),
}
"""By format: whether the base colour's picture is kept all the same, and the sentence."""


def sizes(size_m: tuple[float, float, float] | NDArray[np.float64], options: ExportOptions | None = None) -> Sizes:
    """How large the saved mesh will be.

    Args:
        size_m: width, height and depth of the mesh now, metres.
        options: with which it will be saved.
    """
    now = np.asarray(size_m, dtype=np.float64)
    wanted = options.size_mm if options else None
    if wanted is not None and float(now.max()) > 0:
        now = now * (wanted / PER_METRE["mm"] / float(now.max()))
    in_mm, in_cm, in_inch = (
        (float(w), float(h), float(d)) for w, h, d in (now * PER_METRE[unit] for unit in ("mm", "cm", "in"))
    )
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
        progress: token; nothing is saved when it stops the work.

    Raises:
        InputProblem: unknown format, options that are none, the source is gone or damaged.
        SetupProblem: the place cannot be written, or what was written is not what comes back from the disk.
        EngineProblem: the file would not hold the mesh.
        OutOfMemory, Cancelled: see `core.workshop.stack.do_steps`.
    """
    began = time.perf_counter()
    options, progress = options or ExportOptions(), progress or Progress()
    _check(out, options)
    given = _given(source, recipe, progress)
    with atomic.staging(out.parent) as hidden:
        staged = _staged(given, hidden, out, options, progress.part(0.15, 1.0))
        atomic.publish(hidden, out.parent, staged.names)
    return _exported(staged, out, began)


def export_levels(
    source: Path | Mesh,
    out: Path,
    faces: Sequence[int],
    options: ExportOptions | None = None,
    recipe: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> tuple[Exported, ...]:
    """Saves levels of detail, all or none: `NAME_lod0.glb` as `export_mesh` does it, then one with fewer triangles for
    each count, each made from the whole mesh after it was scaled and placed, so that nothing jumps between them.

    Args:
        source, out, options, recipe, progress: see `export_mesh`.
        faces: triangles at most of `_lod1`, `_lod2` and so on, falling.

    Raises:
        InputProblem: counts that do not fall, too many of them, or as `export_mesh`.
        SetupProblem, EngineProblem, OutOfMemory, Cancelled: as `export_mesh`.
    """
    began = time.perf_counter()
    options, progress = options or ExportOptions(), progress or Progress()
    counts = (*([options.faces] if options.faces is not None else []), *faces)
    if not faces or len(faces) > MOST_LEVELS or any(b >= a for a, b in itertools.pairwise(counts)):
        raise InputProblem(
            "These are no levels of detail.", f"Give 1 to {MOST_LEVELS} counts of triangles, each less than the last."
        )
    levels = [replace(options, faces=count) for count in (options.faces, *faces)]
    paths = [out.with_name(f"{out.stem}_lod{k}{out.suffix}") for k in range(len(levels))]
    for path, level in zip(paths, levels, strict=True):
        _check(path, level)
    given = _placed(_given(source, recipe, progress), options)
    work = progress.part(0.15, 1.0)
    with atomic.staging(out.parent) as hidden:
        staged = [
            _staged(
                given,
                hidden,
                path,
                replace(level, size_mm=None, origin="keep"),
                work.part(k / len(levels), (k + 1) / len(levels)),
            )
            for k, (path, level) in enumerate(zip(paths, levels, strict=True))
        ]
        atomic.publish(hidden, out.parent, tuple(name for one in staged for name in one.names))
    return tuple(_exported(one, path, began) for one, path in zip(staged, paths, strict=True))


class _Given(NamedTuple):
    """What is to be saved; `content` where it is a GLB file of ours that can be saved as it is; steps done already."""

    mesh: Mesh
    recipe: dict[str, Any]
    content: bytes | None
    done: tuple[Step, ...] = ()


class _Staged(NamedTuple):
    """Files in the hidden folder that are written and compared, the one that was asked for first."""

    names: tuple[str, ...]
    mesh: Mesh
    notes: tuple[str, ...]


def _check(out: Path, options: ExportOptions) -> None:
    """Raises InputProblem where a mesh cannot be saved so."""
    check_format(out, Frame(options.up, options.unit))
    size = options.size_mm
    if size is not None and not 0 < size < float("inf"):
        raise InputProblem(f"{size:g} mm is not a size.", "Give the longest side in millimetres, more than 0.")
    if options.origin not in ORIGINS:
        raise InputProblem(f"“{options.origin}” is not a place for the origin.", f"Use one of {', '.join(ORIGINS)}.")
    for one in _wanted(options):
        catalog.find(one.operation).build(one)


def _given(source: Path | Mesh, recipe: Mapping[str, Any] | None, progress: Progress) -> _Given:
    progress.update(0.0)
    if isinstance(source, Mesh):
        given = _Given(source, dict(recipe or {}), None)
    else:
        mesh, own = read(source, progress=progress.part(0.0, 0.15)).mesh, read_recipe(source)
        is_ours = source.suffix.lower() == ".glb" and str(own.get("program", "")).startswith(MAKER)
        same = recipe is None or dict(recipe) == own
        given = _Given(mesh, own if recipe is None else dict(recipe), source.read_bytes() if is_ours and same else None)
    progress.update(0.15)
    return given


def _placed(given: _Given, options: ExportOptions) -> _Given:
    """In its size and at its place."""
    steps = _needed(given.mesh, replace(options, faces=None, texture_px=None))
    if not steps:
        return given
    return given._replace(mesh=do_steps(given.mesh, steps).mesh, content=None, done=steps)


def _wanted(options: ExportOptions) -> tuple[Step, ...]:
    """All steps that the options may ask for."""
    steps = []
    if options.faces is not None:
        steps.append(step("decimate", faces=options.faces))
    if options.texture_px is not None:
        steps.append(step("texture_size", texture_px=options.texture_px))
    if options.size_mm is not None:
        steps.append(step("scale", size_mm=options.size_mm))
    if ORIGINS[options.origin]:
        steps.append(step(ORIGINS[options.origin]))
    return tuple(steps)


def _needed(mesh: Mesh, options: ExportOptions) -> tuple[Step, ...]:
    """Those steps that change this mesh."""
    fewer = options.faces is not None and len(mesh.faces) > options.faces  # which may move its outermost points, too
    pictures = (mesh.base_colour, mesh.metallic_roughness, mesh.normal)
    texture_px = max((max(picture.width, picture.height) for picture in pictures if picture is not None), default=0)
    low, high = mesh.bounds
    longest = float((high - low).max())
    middle = (low + high) / 2
    foot = np.array([middle[0], low[1], middle[2]])
    size_m = (options.size_mm or 0.0) / PER_METRE["mm"]
    changes = {
        "decimate": fewer,
        # a texture that is baked anew may be larger than the old one
        "texture_size": options.texture_px is not None
        and (texture_px > options.texture_px or (fewer and texture_px > 0)),
        "scale": fewer or abs(size_m - longest) > SAME_SIZE * longest,
        "floor": fewer or float(np.abs(foot).max()) > SAME_SIZE * longest,
        "recentre": fewer or float(np.abs(middle).max()) > SAME_SIZE * longest,
    }
    return tuple(one for one in _wanted(options) if changes[one.operation])


def _staged(given: _Given, hidden: Path, out: Path, options: ExportOptions, progress: Progress) -> _Staged:
    """Does the steps, writes under the hidden folder, opens it again and compares."""
    mesh, frame = given.mesh, Frame(options.up, options.unit)
    notes: tuple[str, ...] = ()
    steps = _needed(mesh, options)
    if steps:
        mesh, notes = do_steps(mesh, steps, progress.part(0.0, 0.6))
    if given.content is not None and not steps and out.suffix.lower() == ".glb":
        contents = {out.name: given.content}
    else:
        done = {RECIPE_ENTRY: [one.to_dict() for one in (*given.done, *steps)]} if given.done or steps else {}
        contents = encode(mesh, out, (given.recipe | done) or None, frame)
    progress.update(0.75)
    for name, content in contents.items():
        atomic.write_staged(hidden / name, content)
        if (hidden / name).read_bytes() != content:
            raise SetupProblem(
                f"“{atomic.shown(out)}” was not saved: the disk gave back something else.",
                "Check the disk or use another.",
            )
    progress.update(0.85)
    findings = verify_written(mesh, hidden / out.name, frame)
    if findings:
        raise EngineProblem(
            f"“{atomic.shown(out)}” was not saved: opened again, it is not the same mesh.",
            "Save it in another format, and report this.",
            "; ".join(findings),
        )
    progress.update(1.0)  # the last chance to stop: what follows takes its name
    return _Staged(tuple(contents), mesh, notes)


def _exported(staged: _Staged, out: Path, began: float) -> Exported:
    width, height, depth = (float(value) * PER_METRE["mm"] for value in staged.mesh.size_m)
    beside = tuple(out.parent / name for name in staged.names[1:])
    faces = len(staged.mesh.faces)
    return Exported(out, beside, (width, height, depth), faces, time.perf_counter() - began, staged.notes)
