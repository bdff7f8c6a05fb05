"""What the readers of several mesh formats share: text, numbers, polygons, complaints."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.errors import InputProblem

_LEADING_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def broken(name: str, details: str = "") -> InputProblem:
    """The complaint about a file of the format `name` that cannot be understood."""
    return InputProblem(
        f"This {name} file is broken or not complete.", "Export it again, or get a whole copy of it.", details
    )


def without_triangles(name: str) -> InputProblem:
    """The complaint about a file that holds no surface."""
    return InputProblem(f"There is no triangle in this {name} file.", "Export it with its faces.")


def too_many(what: str, count: int, most: int) -> InputProblem:
    """The complaint about a file that is larger than allowed."""
    shown = str(count) if count < 10**15 else "far too many"  # a header may announce a number of 400 digits
    return InputProblem(f"This file has {shown} {what}, more than the {most} that are opened.", "Simplify it first.")


def text_of(content: bytes) -> str:
    """The text in a file: UTF-16 where it begins with such a mark, else UTF-8; what is neither is replaced."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="replace")


def number(text: str) -> float:
    """A number as C programs read it, up to the first sign that does not belong to it. Raises ValueError."""
    try:
        return float(text)
    except ValueError:
        found = _LEADING_NUMBER.match(text)
        if found is None:
            raise
        return float(found.group())


def as_float32(values: Iterable[float] | NDArray[Any], width: int) -> NDArray[np.float32]:
    """`(n, width) float32`; what is too large becomes infinite and is refused with the mesh."""
    with np.errstate(over="ignore", invalid="ignore"):
        wide = values if isinstance(values, np.ndarray) else np.array(list(values), dtype=np.float64)
        return wide.astype(np.float32).reshape(-1, width)


def triangulated(counts: NDArray[np.int64], corners: NDArray[np.int64]) -> NDArray[np.int64]:
    """Polygons as fans around their first corner; those with fewer than three corners vanish.

    Args:
        counts: `(p,)`, corners of each polygon.
        corners: `(sum of counts,)`, vertex numbers, polygon after polygon.

    Returns:
        `(m, 3) int64`.
    """
    begin = np.cumsum(counts) - counts
    triangles = np.maximum(counts - 2, 0)
    head = np.repeat(begin, triangles)
    step = np.arange(len(head)) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    return np.stack([corners[head], corners[head + step + 1], corners[head + step + 2]], axis=1)


def indexed(
    vertices: NDArray[np.float32], faces: NDArray[np.int64], name: str, uv: NDArray[np.float32] | None = None
) -> Mesh:
    """The mesh of read arrays. Raises InputProblem where there is no face, or one of a vertex that is not there."""
    if not len(faces):
        raise without_triangles(name)
    if int(faces.min()) < 0 or int(faces.max()) >= len(vertices):
        raise broken(name, "a face points at a vertex that is not there")
    return Mesh(vertices, faces.astype(np.int32), uv)
