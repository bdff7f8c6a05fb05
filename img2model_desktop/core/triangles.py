"""Normals and areas of triangles, the one formula for all who need them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Values = NDArray[np.float64]


def crosses(triangles: Floats) -> Values:
    """Normals of triangles, twice as long as each is large.

    Args:
        triangles: `(m, 3, 3)`, corners counter-clockwise seen from outside; 32-bit ones are taken into 64 bits first.

    Returns:
        `(m, 3) float64`.
    """
    first = triangles[:, 0].astype(np.float64)
    return cross(triangles[:, 1] - first, triangles[:, 2] - first)


def cross(a: Values, b: Values) -> Values:
    """`(..., 3) float64`: cross products, to the bit those of numpy, which takes longer over few vectors than this."""
    out = np.empty(np.broadcast_shapes(a.shape, b.shape))
    for axis, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        np.subtract(a[..., i] * b[..., j], a[..., j] * b[..., i], out=out[..., axis])
    return out


def areas(triangles: Floats) -> Values:
    """`(m,) float64`: areas of triangles `(m, 3, 3)`, in the square of their unit."""
    return np.asarray(lengths(crosses(triangles)) / 2)


def unit_normals(triangles: Floats) -> Values:
    """`(m, 3) float64`: normals of length one of triangles `(m, 3, 3)`, nothing for those without area."""
    return units(crosses(triangles))


def units(vectors: Values) -> Values:
    """`(n, 3) float64`: vectors brought to length one; those without a length stay nothing."""
    return np.asarray(vectors / np.maximum(lengths(vectors), np.finfo(np.float64).tiny)[:, None])


def lengths(vectors: Values) -> Values:
    """`(n,) float64`: lengths of vectors `(n, 3)`."""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)))
