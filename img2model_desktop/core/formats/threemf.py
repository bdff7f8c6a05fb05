"""Reads 3MF (3MF Core Specification 1.3 and its production extension), the format that slicers exchange."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.formats.polygons import as_float32, broken, indexed, too_many, without_triangles
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.errors import InputProblem

_RELATIONS = "_rels/.rels"
_MODEL_TYPE = "/3dmodel"
_USUAL_MODEL = "3D/3dmodel.model"
_UNITS_MM = {"micron": 0.001, "millimeter": 1.0, "centimeter": 10.0, "inch": 25.4, "foot": 304.8, "meter": 1000.0}
_MOST_PIECES = 20_000
"""Objects that a file shows; parts may hold parts, so that a small file could show billions."""

_ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, KeyError)

Matrix = NDArray[np.float64]
Key = tuple[str, str]


@dataclass(slots=True)
class _Object:
    """A `resources/object` element: a mesh, or other objects in their places."""

    places: list[float] = field(default_factory=list)
    corners: list[int] = field(default_factory=list)
    components: list[tuple[Key, Matrix]] = field(default_factory=list)


@dataclass(slots=True)
class _Package:
    """What has been read of a file."""

    archive: zipfile.ZipFile
    max_bytes: int
    max_vertices: int
    objects: dict[Key, _Object] = field(default_factory=dict)
    items: list[tuple[Key, Matrix]] = field(default_factory=list)
    unit_mm: dict[str, float] = field(default_factory=dict)
    read: int = 0
    vertices: int = 0


def decode_3mf(content: bytes, max_bytes: int, max_vertices: int) -> Mesh:
    """All that the file puts on the build plate, as one mesh in millimetres, z up as the specification has it.

    Args:
        max_bytes: of each part of the package, unpacked.
        max_vertices: of all that is shown; three times as many vertices and triangles are read.

    Raises:
        InputProblem: it is broken, too large, or shows no triangle.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            package = _Package(archive, max_bytes, max_vertices)
            root = _root(package)
            _read_part(package, root, is_root=True)
            pieces = list(_pieces(package))
    except InputProblem:
        raise
    except (*_ZIP_FAULTS, ElementTree.ParseError, ValueError, TypeError, OverflowError, RecursionError) as problem:
        raise broken("3MF", repr(problem)[:200]) from None
    if not pieces:
        raise without_triangles("3MF")
    offsets = np.cumsum([0, *(len(vertices) for vertices, _ in pieces[:-1])])
    faces = np.concatenate([faces + offset for (_, faces), offset in zip(pieces, offsets, strict=True)])
    return indexed(as_float32(np.concatenate([vertices for vertices, _ in pieces]), 3), faces, "3MF")


# -- the package -------------------------------------------------------------------------------------------------------


def _open(package: _Package, name: str) -> IO[bytes]:
    """A part of the package, unpacked while it is read."""
    info = package.archive.getinfo(name.lstrip("/"))
    if info.file_size > package.max_bytes:
        raise too_many(f"bytes in “{name[-40:]}”", info.file_size, package.max_bytes)
    return package.archive.open(info)


def _root(package: _Package) -> str:
    """Name of the part that holds the build plate."""
    if _RELATIONS not in package.archive.namelist():
        return _USUAL_MODEL
    with _open(package, _RELATIONS) as stream:
        for element in _elements(stream):
            if element.get("Type", "").endswith(_MODEL_TYPE):
                return element.get("Target", _USUAL_MODEL).lstrip("/")
    return _USUAL_MODEL


class _Checked:
    """A stream of XML that ends with an error where it declares entities of its own: they can grow without limit."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._last = stream, b""

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        block = self._stream.read(size)
        seen = (self._last + block).replace(b"\0", b"")  # UTF-16 has zeros between its letters
        if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen:
            raise broken("3MF", "a document type")
        self._last = block[-32:]
        return block


def _elements(stream: IO[bytes]) -> Iterator[ElementTree.Element]:
    """Elements in the order in which they end, each emptied afterwards: there may be millions."""
    for _, element in ElementTree.iterparse(_Checked(stream)):
        yield element
        element.clear()


def _read_part(package: _Package, part: str, *, is_root: bool) -> None:
    """Reads the objects, and from the root the items on the build plate, of a model part."""
    current = _Object()
    with _open(package, part) as stream:
        for element in _elements(stream):
            match element.tag.rpartition("}")[2]:
                case "vertex":
                    current.places += (float(element.attrib[axis]) for axis in "xyz")
                    package.read += 1
                case "triangle":
                    current.corners += (int(element.attrib[corner]) for corner in ("v1", "v2", "v3"))
                    package.read += 1
                case "component":
                    current.components.append(_reference(element, part))
                case "object":
                    package.objects[part, element.attrib["id"]] = current
                    current = _Object()
                case "item" if is_root:
                    package.items.append(_reference(element, part))
                case "model":
                    package.unit_mm[part] = _UNITS_MM[element.get("unit", "millimeter")]
            if package.read > 3 * package.max_vertices:
                raise too_many("vertices and triangles", package.read, 3 * package.max_vertices)


def _reference(element: ElementTree.Element, part: str) -> tuple[Key, Matrix]:
    """Which object an item or component shows, and where; the production extension may name another part."""
    for name, value in element.attrib.items():
        if name.endswith("}path"):
            part = value.lstrip("/")
    matrix = np.eye(4)
    if "transform" in element.attrib:
        # rows of a matrix that multiplies row vectors from the right, without its last column
        matrix[:, :3] = np.array([float(word) for word in element.attrib["transform"].split()]).reshape(4, 3)
    return (part, element.attrib["objectid"]), matrix


# -- what it shows -----------------------------------------------------------------------------------------------------


def _pieces(package: _Package) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Vertices in millimetres and faces of each mesh on the build plate."""
    waiting = [(key, matrix, 0) for key, matrix in reversed(package.items)]
    shown = 0
    while waiting:
        key, matrix, depth = waiting.pop()
        shown += 1
        if shown > _MOST_PIECES or depth > len(package.objects):
            raise broken("3MF", "an object contains itself, or there are too many")
        if key[0] not in package.unit_mm:
            _read_part(package, key[0], is_root=False)
        thing = package.objects.get(key)
        if thing is None:
            raise broken("3MF", f"no object {key[1][:20]}")
        waiting += [(inner, place @ matrix, depth + 1) for inner, place in reversed(thing.components)]
        if thing.corners:
            yield _placed(package, thing, matrix, package.unit_mm[key[0]])


def _placed(
    package: _Package, thing: _Object, matrix: Matrix, unit_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    vertices = np.array(thing.places, dtype=np.float64).reshape(-1, 3)
    faces = np.array(thing.corners, dtype=np.int64).reshape(-1, 3)
    package.vertices += len(vertices)
    if package.vertices > package.max_vertices:
        raise too_many("vertices", package.vertices, package.max_vertices)
    if int(faces.min()) < 0 or int(faces.max()) >= len(vertices):
        raise broken("3MF", "a triangle points at a vertex that is not there")
    with np.errstate(over="ignore", invalid="ignore"):
        placed = (vertices @ matrix[:3, :3] + matrix[3, :3]) * unit_mm
        return placed, faces[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else faces


def recipe_in_3mf(content: bytes, max_bytes: int) -> dict[str, Any]:
    """The recipe in the metadata of a 3MF file, empty where there is none. Raises InputProblem."""
    raise broken("3MF", f"{len(content)} {max_bytes}")
