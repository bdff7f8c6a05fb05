"""Reads and writes mesh files: GLB, glTF, OBJ, STL, PLY, 3MF and USDZ both ways; OFF for reading.

glTF, 3MF and USDZ state or fix their axis and unit. OBJ, STL, PLY and OFF have none: a `Frame` says how they are
written and taken; ours say it in a comment and are taken at their word.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from img2model_desktop.core import atomic
from img2model_desktop.core.formats.companions import (
    encode_recipe,
    gltf_companions,
    obj_companions,
    read_side_recipe,
    recipe_companion,
)
from img2model_desktop.core.formats.frame import METRES, PLAIN, Frame, settled, stated
from img2model_desktop.core.formats.gltf_read import decode_gltf, read_extras
from img2model_desktop.core.formats.gltf_write import encode_glb, encode_gltf
from img2model_desktop.core.formats.obj import decode_obj, encode_mtl, encode_obj
from img2model_desktop.core.formats.off import decode_off
from img2model_desktop.core.formats.ply import decode_ply, encode_ply
from img2model_desktop.core.formats.stl import decode_stl, encode_stl
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import encode_png
from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import InputProblem

MESH_SUFFIXES = (".glb", ".gltf", ".obj", ".stl", ".ply", ".3mf", ".usdz")
"""What can be written."""

READ_SUFFIXES = (*MESH_SUFFIXES, ".off")
"""What can be read."""

MM = 1000.0


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What a file may ask for before it is refused.

    Args:
        file_bytes: of the file, and of all files that it names together.
        vertices: of the mesh; twice as many faces are allowed.
        picture_pixels: of its texture.
    """

    file_bytes: int = 500_000_000
    vertices: int = 10_000_000
    picture_pixels: int = 100_000_000


class ReadMesh(NamedTuple):
    """A mesh, and sentences about what the file had and the mesh has not."""

    mesh: Mesh
    notes: tuple[str, ...]


def write_mesh(mesh: Mesh, path: Path, recipe: Mapping[str, Any] | None = None, frame: Frame = PLAIN) -> None:
    """Writes a file, and those that belong to it, by the suffix of its name; whole or not at all.

    Args:
        mesh: valid, metres, y up.
        path: ends in one of `MESH_SUFFIXES`, any case. Some formats are several files (see `names_of`); files of these
            names that are not from an earlier save of the same name are left alone and others are used.
        recipe: plain values; stored in the file, or beside it where the format has no place (OBJ, STL, PLY).
        frame: axis and unit; formats that fix their own (`frame.FIXED`) take it only where it does not contradict.

    Raises:
        InputProblem: unknown suffix; z up for GLB, glTF or USDZ.
        SetupProblem: disk full, folder missing or not writable, name too long, name of a folder.
    """
    atomic.write_files(path.parent, encode(mesh, path, recipe, frame))


def encode(mesh: Mesh, path: Path, recipe: Mapping[str, Any] | None = None, frame: Frame = PLAIN) -> dict[str, bytes]:
    """The bytes of each file that `write_mesh` writes, by file name, the one that was asked for first."""
    suffix = check_format(path, frame)
    name = path.stem.encode("utf-8", "replace").decode()
    if suffix == ".glb":
        return {path.name: encode_glb(mesh, recipe, name)}
    if suffix == ".gltf":
        return encode_gltf(mesh, path.name, gltf_companions(path), recipe, name)
    if suffix == ".3mf":
        from img2model_desktop.core.formats.threemf_write import encode_3mf  # rarely needed

        return {path.name: encode_3mf(mesh, recipe, name)}
    if suffix == ".usdz":
        from img2model_desktop.core.formats.usdz_write import encode_usdz  # rarely needed

        return {path.name: encode_usdz(mesh, recipe, name)}
    files = _without_recipe(mesh, path, suffix, frame)
    if recipe:
        files[recipe_companion(path)] = encode_recipe(path, files[path.name], recipe)
    return files


def _without_recipe(mesh: Mesh, path: Path, suffix: str, frame: Frame) -> dict[str, bytes]:
    """The files of a format that has no place for a recipe."""
    vertices = frame.to_file(mesh.vertices)
    if suffix == ".stl":
        return {path.name: encode_stl(vertices, mesh.faces, str(frame))}
    if suffix == ".ply":
        return {path.name: encode_ply(vertices, mesh.faces, mesh.uv, mesh.base_colour, str(frame))}
    if mesh.base_colour is None:
        return {path.name: encode_obj(vertices, mesh.faces, mesh.uv, None, str(frame))}
    material, texture = obj_companions(path)
    return {
        path.name: encode_obj(vertices, mesh.faces, mesh.uv, material, str(frame)),
        material: encode_mtl(texture),
        texture: encode_png(mesh.base_colour),
    }


def names_of(path: Path) -> tuple[str, ...]:
    """Names of all files that saving a mesh with every texture and a recipe under this path writes, the one that was
    asked for first."""
    match path.suffix.lower():
        case ".obj":
            return (path.name, *obj_companions(path), recipe_companion(path))
        case ".stl" | ".ply":
            return (path.name, recipe_companion(path))
        case ".gltf":
            return (path.name, *gltf_companions(path))
    return (path.name,)


def check_format(path: Path, frame: Frame = PLAIN) -> str:
    """The path's suffix in lower case. Raises InputProblem where it or the frame cannot be served."""
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        named = f"“{path.suffix}” is not a mesh format that can be saved" if suffix else "The file name has no suffix"
        raise InputProblem(f"{named}.", f"End it in one of {', '.join(MESH_SUFFIXES)}.")
    if frame.up == "z" and suffix in (".glb", ".gltf", ".usdz"):
        name = {".glb": "GLB", ".gltf": "glTF", ".usdz": "USDZ"}[suffix]
        raise InputProblem(
            f"A {name} file is always y up; programs turn it as they need.", "Use y, or save as OBJ, STL, PLY or 3MF."
        )
    return suffix


# -- reading -----------------------------------------------------------------------------------------------------------


def read_mesh(path: Path, limits: ReadLimits | None = None, frame: Frame | None = None) -> Mesh:
    """The mesh in a file; see `read`."""
    return read(path, limits, frame).mesh


def read(
    path: Path, limits: ReadLimits | None = None, frame: Frame | None = None, progress: Progress | None = None
) -> ReadMesh:
    """The valid mesh in a file: metres, y up, all objects of a scene in their places as one.

    Args:
        path: ends in one of `READ_SUFFIXES`, any case.
        limits: what the file may ask for.
        frame: axis and unit of an OBJ, STL, PLY or OFF file; None: what the file says (ours do), else millimetres and
            y up. The others say so themselves.
        progress: token; asked often while OBJ and 3MF are read, which take long, and before and after for the others.

    Raises:
        InputProblem: the file is missing, unreadable, too large, broken, refers outside its folder or has no triangle.
        Cancelled: from `progress`.
    """
    limits, progress = limits or ReadLimits(), progress or Progress()
    suffix = path.suffix.lower()
    if suffix not in READ_SUFFIXES:
        raise InputProblem(
            f"“{atomic.shown(path)}” is not a mesh file that this program knows.",
            f"Use one of {', '.join(READ_SUFFIXES)}.",
        )

    progress.update(0.0)
    content = _content(path, limits.file_bytes)
    if not content.strip(b"\0 \t\r\n"):
        raise InputProblem(f"“{atomic.shown(path)}” is empty.", "Get a whole copy of the file.")
    with np.errstate(all="ignore"):  # what overflows, or never was a number, is refused with the mesh
        mesh, notes = _decode(content, suffix, path, limits, progress)
    progress.update(1.0)
    return ReadMesh(_checked(mesh, settled(suffix, frame or stated(content) or PLAIN)), notes)


def _decode(
    content: bytes, suffix: str, path: Path, limits: ReadLimits, progress: Progress
) -> tuple[Mesh, tuple[str, ...]]:
    beside = _Beside(path, limits)

    def decode(data: bytes) -> Picture:
        return _picture(data, limits)

    if suffix in (".glb", ".gltf"):
        return decode_gltf(content, beside, decode, limits.vertices)
    if suffix == ".obj":
        return decode_obj(content, beside, decode, limits.vertices, progress)
    if suffix == ".ply":
        return decode_ply(content, beside, decode, limits.vertices)
    if suffix == ".3mf":
        from img2model_desktop.core.formats.threemf_read import decode_3mf  # rarely needed

        return decode_3mf(content, decode, limits.file_bytes, limits.vertices, progress)
    if suffix == ".usdz":
        from img2model_desktop.core.formats.usdz_read import decode_usdz  # rarely needed

        return decode_usdz(content, decode, limits.file_bytes, limits.vertices)
    mesh = decode_off(content, limits.vertices) if suffix == ".off" else decode_stl(content, limits.vertices * 2)
    return mesh, ()


def read_recipe(path: Path, limits: ReadLimits | None = None) -> dict[str, Any]:
    """The recipe in a file of any format, or in the side file beside it; empty where there is none.

    Raises:
        InputProblem: the file is missing, unreadable, too large, or so broken that nothing can be looked up in it.
    """
    limits = limits or ReadLimits()
    content = _content(path, limits.file_bytes)
    suffix = path.suffix.lower()
    if suffix in (".glb", ".gltf"):
        return read_extras(content)
    if suffix == ".3mf":
        from img2model_desktop.core.formats.threemf_read import recipe_in_3mf  # rarely needed

        return recipe_in_3mf(content, limits.file_bytes)
    if suffix == ".usdz":
        from img2model_desktop.core.formats.usdz_read import recipe_in_usdz  # rarely needed

        return recipe_in_usdz(content, limits.file_bytes)
    return read_side_recipe(path, content)


def _content(path: Path, most: int) -> bytes:
    """The bytes of a file. Raises InputProblem."""
    name = atomic.shown(path)
    try:
        if not path.is_file():
            there = "is not a file" if path.exists() else "is not there"
            raise InputProblem(f"“{name}” {there}.", "Choose a mesh file.")
        size = path.stat().st_size
        if size > most:
            raise InputProblem(
                f"“{name}” has {size / 1e6:.0f} MB, more than the {most / 1e6:.0f} MB that are opened.",
                "Simplify it first.",
            )
        with path.open("rb") as file:
            return file.read(most)
    except (OSError, ValueError) as problem:  # ValueError: a path with a zero character
        raise InputProblem(f"“{name}” cannot be read.", "Check that you may open it.", str(problem)) from None


class _Beside:
    """Reads the files that a mesh file names: those in its folder or below, together no more than one file may have."""

    def __init__(self, path: Path, limits: ReadLimits) -> None:
        self._path, self._left = path, limits.file_bytes

    def __call__(self, name: str) -> bytes:
        try:
            folder = self._path.resolve().parent
            wanted = (folder / name).resolve()
            outside, there = "://" in name or not wanted.is_relative_to(folder), wanted.is_file()
        except (OSError, ValueError, RuntimeError):  # too long, a zero character, a loop of links
            outside, there, wanted = False, False, Path("?")
        if outside:
            raise InputProblem(
                f"“{atomic.shown(self._path)}” refers to a file outside its folder, which is not opened.",
                "Put all files that belong together into one folder.",
                name[:200],
            )
        if not there:
            raise InputProblem(
                f"“{atomic.shown(self._path)}” needs “{atomic.shown(wanted)}”, which is not beside it.",
                "Put all files that belong together into one folder.",
                name[:200],
            )
        content = _content(wanted, self._left)
        self._left -= len(content)
        return content


def _picture(content: bytes, limits: ReadLimits) -> Picture:
    """A texture. Raises InputProblem."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP"))
            if image.width * image.height > limits.picture_pixels:
                raise InputProblem("it has too many pixels.")
            return Picture.own(np.array(image.convert("RGBA")))
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        struct.error,
        zlib.error,
        Image.DecompressionBombError,
    ) as problem:
        raise InputProblem("it cannot be read.", "", repr(problem)[:200]) from None


def _checked(mesh: Mesh, frame: Frame) -> Mesh:
    """The mesh in metres and y up, valid."""
    if frame != METRES:
        mesh = mesh.moved(frame.to_metres(mesh.vertices))
    try:
        mesh.validate()
    except ValueError as problem:
        raise InputProblem("There is no usable mesh in this file.", "Export it again.", str(problem)) from None
    return mesh
