"""STL, the format of slicers: triangles without unit, uv or colour; millimetres are meant."""

import re

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.gltf_write import GENERATOR
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.topology import same_rows
from img2model_desktop.errors import InputProblem

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER_BYTES = 80
_VERTEX = re.compile(rb"vertex\s+(\S+)\s+(\S+)\s+(\S+)", re.IGNORECASE)


def encode_stl(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> bytes:
    """The bytes of a binary STL file.

    Args:
        vertices: `(n, 3) float32`, millimetres.
        faces: `(m, 3) int32`.
    """
    triangles = np.zeros(len(faces), dtype=_TRIANGLE)
    triangles["corners"] = vertices[faces]
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    triangles["normal"] = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
    # the header must not begin with “solid”: readers would take the file for text
    header = f"{GENERATOR}, millimetres".encode("ascii").ljust(_HEADER_BYTES, b"\0")
    return header + len(faces).to_bytes(4, "little") + triangles.tobytes()


def decode_stl(content: bytes, max_faces: int) -> Mesh:
    """A mesh whose unit is the file's; corners at exactly the same place are one vertex.

    Raises:
        InputProblem: not an STL file, cut off, no triangle, or more than `max_faces`.
    """
    count = int.from_bytes(content[_HEADER_BYTES : _HEADER_BYTES + 4], "little")
    body = len(content) - _HEADER_BYTES - 4
    is_text = content[:512].lstrip()[:5].lower() == b"solid" and b"facet" in content[:100_000].lower()
    if body >= 0 and count and (body == count * _TRIANGLE.itemsize or not is_text):
        if body < count * _TRIANGLE.itemsize:
            raise InputProblem(
                f"The STL file is cut off: it announces {count} triangles and holds {body // _TRIANGLE.itemsize}.",
                "Get a whole copy of the file.",
            )
        _check_count(count, max_faces)
        triangles = np.frombuffer(content, dtype=_TRIANGLE, count=count, offset=_HEADER_BYTES + 4)
        return _soup(triangles["corners"].reshape(-1, 3).astype(np.float32))
    if not is_text:
        raise InputProblem("There is no triangle in this STL file.", "Export it again from the program that made it.")
    found = _VERTEX.findall(content)
    if not found or len(found) % 3:
        raise InputProblem("This STL file is not complete.", "Export it again from the program that made it.")
    _check_count(len(found) // 3, max_faces)
    try:
        with np.errstate(over="ignore"):
            corners = np.array(found, dtype=np.float64).astype(np.float32)
    except ValueError:
        raise InputProblem("A number in this STL file cannot be read.", "Export it again.") from None
    return _soup(corners)


def _check_count(count: int, max_faces: int) -> None:
    if count > max_faces:
        raise InputProblem(
            f"This file has {count} triangles, more than the {max_faces} that can be opened.", "Simplify it first."
        )


def _soup(corners: NDArray[np.float32]) -> Mesh:
    """Triangles given by their corners, `(3 m, 3)`, as a mesh with shared vertices in order of first use."""
    if not np.isfinite(corners).all():
        raise InputProblem("A number in this file is not finite.", "Export it again from the program that made it.")
    first, numbers = np.unique(same_rows(corners), return_inverse=True)
    return Mesh(corners[first], numbers.reshape(-1, 3).astype(np.int32))
