"""Reads and writes mesh files: GLB, OBJ, STL and PLY both ways; glTF, OFF and 3MF for reading.

A GLB file is in metres and y up, as glTF demands. OBJ, STL and PLY have no unit; slicers take millimetres, so
millimetres are written and taken, y up or z up as asked.
"""

import io
import os
import struct
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from img2model_desktop.core import atomic
from img2model_desktop.core.formats.gltf_read import decode_gltf, read_extras
from img2model_desktop.core.formats.gltf_write import encode_glb
from img2model_desktop.core.formats.obj import MARK, decode_obj, encode_mtl, encode_obj
from img2model_desktop.core.formats.off import decode_off
from img2model_desktop.core.formats.ply import decode_ply, encode_ply
from img2model_desktop.core.formats.stl import decode_stl, encode_stl
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import encode_png
from img2model_desktop.errors import InputProblem, SetupProblem

MESH_SUFFIXES = (".glb", ".obj", ".stl", ".ply")
"""What can be written."""

READ_SUFFIXES = (".glb", ".gltf", ".obj", ".stl", ".ply", ".off", ".3mf")
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


def write_mesh(mesh: Mesh, path: Path, recipe: Mapping[str, Any] | None = None, up: str = "y") -> None:
    """Writes a file, and those that belong to it, by the suffix of its name; whole or not at all.

    Args:
        mesh: valid, metres, y up.
        path: ends in one of `MESH_SUFFIXES`, any case. An OBJ file gets `NAME.mtl` and `NAME_texture.png` beside it;
            files of these names that are not from an earlier save of the same name are left alone and others are used.
        recipe: plain values, stored in a GLB file.
        up: "y" or "z".

    Raises:
        InputProblem: unknown suffix; z up for GLB.
        SetupProblem: disk full, folder missing or not writable, name too long, name of a folder.
    """
    atomic.write_files(path.parent, encode(mesh, path, recipe, up))


def encode(mesh: Mesh, path: Path, recipe: Mapping[str, Any] | None = None, up: str = "y") -> dict[str, bytes]:
    """The bytes of each file that `write_mesh` writes, by file name, the one that was asked for first."""
    suffix = check_format(path, up)
    if suffix == ".glb":
        return {path.name: encode_glb(mesh, recipe, path.stem.encode("utf-8", "replace").decode())}
    vertices = in_millimetres(mesh.vertices, up)
    if suffix == ".stl":
        return {path.name: encode_stl(vertices, mesh.faces)}
    if suffix == ".ply":
        return {path.name: encode_ply(vertices, mesh.faces, mesh.uv, mesh.base_colour)}
    if mesh.base_colour is None:
        return {path.name: encode_obj(vertices, mesh.faces, mesh.uv, None)}
    material, texture = _companions(path)
    return {
        path.name: encode_obj(vertices, mesh.faces, mesh.uv, material),
        material: encode_mtl(texture),
        texture: encode_png(mesh.base_colour),
    }


def names_of(path: Path) -> tuple[str, ...]:
    """Names of all files that saving a textured mesh under this path writes, the one that was asked for first."""
    return (path.name, *_companions(path)) if path.suffix.lower() == ".obj" else (path.name,)


def check_format(path: Path, up: str) -> str:
    """The path's suffix in lower case. Raises InputProblem where it or `up` cannot be served."""
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        named = f"“{path.suffix}” is not a mesh format that can be saved" if suffix else "The file name has no suffix"
        raise InputProblem(f"{named}.", f"End it in one of {', '.join(MESH_SUFFIXES)}.")
    if up not in ("y", "z"):
        raise InputProblem(f"“{up}” is not an axis that can point up.", "Use y or z.")
    if suffix == ".glb" and up == "z":
        raise InputProblem(
            "A GLB file is always y up; programs turn it as they need.", "Use y, or save as OBJ, STL or PLY."
        )
    return suffix


def in_millimetres(vertices: NDArray[np.float32], up: str) -> NDArray[np.float32]:
    """Vertices, `(n, 3) float32`, metres, y up, as OBJ, STL, PLY get them; z up, the front faces -y, as in Blender."""
    scaled = (vertices.astype(np.float64) * MM).astype(np.float32)
    return scaled if up == "y" else np.stack([scaled[:, 0], -scaled[:, 2], scaled[:, 1]], axis=1)


def _in_metres(vertices: NDArray[np.float32], up: str) -> NDArray[np.float32]:
    scaled = (vertices.astype(np.float64) / MM).astype(np.float32)
    return scaled if up == "y" else np.stack([scaled[:, 0], scaled[:, 2], -scaled[:, 1]], axis=1)


def _companions(path: Path) -> tuple[str, str]:
    """Names for the MTL and the texture of an OBJ file that take nothing away from anybody.

    Blanks would end a name for several readers, a leading minus sign would make it an option, # a comment; a name may
    hold bytes that are no text.
    """
    odd = (sign.isspace() or sign == "#" or not sign.isprintable() for sign in path.stem)
    stem = "".join("_" if is_odd else sign for is_odd, sign in zip(odd, path.stem, strict=True)).lstrip("-") or "mesh"
    for attempt in range(1, 1000):
        name = stem if attempt == 1 else f"{stem}-{attempt}"
        material, texture = f"{name}.mtl", f"{name}_texture.png"
        folder = path.parent
        free = not os.path.lexists(folder / material) and not os.path.lexists(folder / texture)
        if free or (_begins(path, f"mtllib {material}\n") and _begins(folder / material, f"map_Kd {texture}\n")):
            return material, texture
    raise SetupProblem(f"There are too many files called “{stem}” in this folder.", "Choose another folder.")


def _begins(path: Path, line: str) -> bool:
    """Whether this is a file of ours that has this line near its beginning."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    return head.startswith(MARK.encode()) and line.encode() in head


# -- reading -----------------------------------------------------------------------------------------------------------


def read_mesh(path: Path, limits: ReadLimits | None = None, up: str = "y") -> Mesh:
    """The mesh in a file; see `read`."""
    return read(path, limits, up).mesh


def read(path: Path, limits: ReadLimits | None = None, up: str = "y") -> ReadMesh:
    """The valid mesh in a file: metres, y up, all objects of a scene in their places as one.

    Args:
        path: ends in one of `READ_SUFFIXES`, any case.
        limits: what the file may ask for.
        up: which axis of an OBJ, STL, PLY or OFF file points up, "y" or "z"; they are taken to be in millimetres. The
            others say so themselves.

    Raises:
        InputProblem: the file is missing, unreadable, too large, broken, refers outside its folder or has no triangle.
    """
    limits = limits or ReadLimits()
    suffix = path.suffix.lower()
    if suffix not in READ_SUFFIXES:
        raise InputProblem(
            f"“{atomic.shown(path)}” is not a mesh file that this program knows.",
            f"Use one of {', '.join(READ_SUFFIXES)}.",
        )
    if up not in ("y", "z"):
        raise InputProblem(f"“{up}” is not an axis that can point up.", "Use y or z.")
    content = _content(path, limits.file_bytes)
    if not content.strip(b"\0 \t\r\n"):
        raise InputProblem(f"“{atomic.shown(path)}” is empty.", "Get a whole copy of the file.")
    mesh, notes = _decode(content, suffix, path, limits)
    return ReadMesh(_checked(mesh, suffix, up), notes)


def _decode(content: bytes, suffix: str, path: Path, limits: ReadLimits) -> tuple[Mesh, tuple[str, ...]]:
    beside = _Beside(path, limits)

    def decode(data: bytes) -> Picture:
        return _picture(data, limits)

    if suffix in (".glb", ".gltf"):
        return decode_gltf(content, beside, decode, limits.vertices)
    if suffix == ".obj":
        return decode_obj(content, beside, decode, limits.vertices)
    if suffix == ".ply":
        return decode_ply(content, limits.vertices)
    if suffix == ".3mf":
        from img2model_desktop.core.formats.threemf import decode_3mf  # rarely needed

        return decode_3mf(content, limits.file_bytes, limits.vertices), ()
    mesh = decode_off(content, limits.vertices) if suffix == ".off" else decode_stl(content, limits.vertices * 2)
    return mesh, ()


def read_recipe(path: Path, limits: ReadLimits | None = None) -> dict[str, Any]:
    """The recipe in a GLB file, empty where it has none. Raises InputProblem as `read` does."""
    return read_extras(_content(path, (limits or ReadLimits()).file_bytes))


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


def _checked(mesh: Mesh, suffix: str, up: str) -> Mesh:
    """The mesh in metres and y up, valid."""
    if suffix not in (".glb", ".gltf"):
        mesh = mesh.moved(_in_metres(mesh.vertices, "z" if suffix == ".3mf" else up))
    try:
        mesh.validate()
    except ValueError as problem:
        raise InputProblem("There is no usable mesh in this file.", "Export it again.", str(problem)) from None
    return mesh
