"""STL, the format of slicers: triangles without unit, uv or colour; our header says the unit."""

import re

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.formats.gltf_write import GENERATOR
from img2model_desktop.core.formats.polygons import as_float32, broken, indexed, number, too_many, without_triangles
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.topology import same_rows
from img2model_desktop.core.triangles import unit_normals

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER_BYTES = 80
_SOLID = re.compile(rb"\s*solid", re.IGNORECASE)
_FACET = re.compile(rb"(?<!end)facet\b", re.IGNORECASE)
_VERTEX = re.compile(rb"vertex\s+(\S+)\s+(\S+)\s+(\S+)", re.IGNORECASE)


def encode_stl(vertices: NDArray[np.float32], faces: NDArray[np.int32], frame: str) -> bytes:
    """The bytes of a binary STL file.

    Args:
        vertices: `(n, 3) float32`.
        faces: `(m, 3) int32`.
        frame: unit and axis in words, for the header.
    """
    triangles = np.zeros(len(faces), dtype=_TRIANGLE)
    triangles["corners"] = vertices[faces]
    triangles["normal"] = unit_normals(triangles["corners"])
    # the header must not begin with “solid”: readers would take the file for text
    header = f"{GENERATOR}, {frame}".encode("ascii").ljust(_HEADER_BYTES, b"\0")
    return header + len(faces).to_bytes(4, "little") + triangles.tobytes()


def decode_stl(content: bytes, max_faces: int) -> Mesh:
    """A mesh whose unit is the file's; corners at exactly the same place are one vertex, in order of first use.

    Raises:
        InputProblem: not an STL file, cut off, no triangle, or more than `max_faces`.
    """
    count = int.from_bytes(content[_HEADER_BYTES : _HEADER_BYTES + 4], "little")
    room = (len(content) - _HEADER_BYTES - 4) // _TRIANGLE.itemsize
    # text files begin with “solid”, and so do some binary ones; only binary ones have the length that they announce
    is_text = _SOLID.match(content) is not None and not (count and room == count)
    corners = _from_text(content, max_faces) if is_text else _from_binary(content, count, room, max_faces)
    if not len(corners):
        raise without_triangles("STL")
    if not np.isfinite(corners).all():
        raise broken("STL", "a number is not finite")
    first, numbers = np.unique(same_rows(corners), return_inverse=True)
    return indexed(corners[first], numbers.reshape(-1, 3), "STL")


def _from_binary(content: bytes, count: int, room: int, max_faces: int) -> NDArray[np.float32]:
    """`(3 m, 3) float32`: corners."""
    if count > max(room, 0):
        raise broken("STL", f"it announces {count} triangles and has room for {room}")
    if count > max_faces:
        raise too_many("triangles", count, max_faces)
    triangles = np.frombuffer(content, dtype=_TRIANGLE, count=count, offset=_HEADER_BYTES + 4) if count else None
    return as_float32(triangles["corners"] if triangles is not None else (), 3)


def _from_text(content: bytes, max_faces: int) -> NDArray[np.float32]:
    """`(3 m, 3) float32`: corners."""
    found = _VERTEX.findall(content)
    if len(found) % 3 or len(found) // 3 != len(_FACET.findall(content)):
        raise broken("STL", f"{len(found)} corners")
    if len(found) // 3 > max_faces:
        raise too_many("triangles", len(found) // 3, max_faces)
    try:
        return as_float32((number(word.decode("ascii")) for corner in found for word in corner), 3)
    except ValueError as problem:
        raise broken("STL", str(problem)[:200]) from None
