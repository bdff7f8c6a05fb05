"""Smooth normals that keep hard edges hard."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.topology import Ids, same_rows

CREASE_DEG = 50.0
"""Faces that meet at a larger angle are shaded as two surfaces. Blender's automatic smoothing starts at 30; bodies
made from pictures carry fine relief that should not break up into facets."""


MOST_FACES = 64
"""Around a place with more faces than this (the tip of a cone) the mean is taken; each pair would be compared."""


def split_at_creases(
    vertices: NDArray[np.float32], faces: NDArray[np.int32], crease_deg: float = CREASE_DEG
) -> tuple[Ids, NDArray[np.int32], NDArray[np.float32]]:
    """Normals for rendering; a vertex on a hard edge is repeated, once for each surface that meets there.

    A corner's normal is the mean, weighted by area, of the faces around its position whose normal is within
    `crease_deg` of its own face's; positions count, so that a texture seam does not show.

    Args:
        vertices: `(n, 3) float32`.
        faces: `(m, 3) int32`.

    Returns:
        `(k,) int64`, k >= n: which vertex each new vertex repeats; the first n are the old ones in their order.
        `(m, 3) int32`: the same faces on the new vertices.
        `(k, 3) float32`: unit normals.
    """
    place = same_rows(vertices)
    at = place[faces].ravel()
    weighted, unit = _face_normals(vertices, faces)
    mean = _unit(_sum_at(at, np.repeat(weighted, 3, axis=0), len(vertices)))
    corner_unit = np.repeat(unit, 3, axis=0)
    # two faces that differ by more than the crease angle cannot both lie within half of it from their mean
    apart = np.einsum("ij,ij->i", corner_unit, mean[at]) < np.cos(np.radians(crease_deg / 2))
    apart &= corner_unit.any(axis=1)
    creased = np.zeros(len(vertices), dtype=bool)
    creased[at[apart]] = True
    creased &= np.bincount(at, minlength=len(vertices)) <= MOST_FACES
    corners = np.nonzero(creased[at])[0]
    normals = mean[place]
    if not len(corners):
        return np.arange(len(vertices)), faces, normals.astype(np.float32)
    own = _corner_normals(at[corners], corner_unit[corners], np.repeat(weighted, 3, axis=0)[corners], crease_deg)
    return _split(faces, normals, corners, own)


def smooth_normals(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """One normal a vertex, the mean of its faces weighted by their area; vertices at one position share it.

    With weights by area a large flat face keeps its own normal next to a narrow bevel, so hard edges that have one
    look crisp without repeated vertices.

    Args:
        vertices: `(n, 3) float32`.
        faces: `(m, 3) int32`.

    Returns:
        `(n, 3) float32`, unit length.
    """
    place = same_rows(vertices)
    weighted, _ = _face_normals(vertices, faces)
    summed = _sum_at(place[faces].ravel(), np.repeat(weighted, 3, axis=0), len(vertices))
    return _unit(summed)[place].astype(np.float32)


def _face_normals(
    vertices: NDArray[np.float32], faces: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    weighted = np.cross(b - a, c - a)
    length = np.linalg.norm(weighted, axis=1, keepdims=True)
    return weighted, np.divide(weighted, length, out=np.zeros_like(weighted), where=length > 0)


def _sum_at(at: Ids, values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return np.stack([np.bincount(at, weights=values[:, k], minlength=count) for k in range(3)], axis=1)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit length; where there is no direction, straight up."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    up = np.broadcast_to(np.array([0.0, 1.0, 0.0]), vectors.shape).copy()
    return np.asarray(np.divide(vectors, length, out=up, where=length > 1e-300))


def _corner_normals(
    at: Ids, unit: NDArray[np.float64], weighted: NDArray[np.float64], crease_deg: float
) -> NDArray[np.float64]:
    """`(k, 3)`: for each corner the mean over the corners at the same place that face about the same way."""
    order = np.argsort(at, kind="stable")
    ordered = at[order]
    begin = np.searchsorted(ordered, at, side="left")
    many = np.searchsorted(ordered, at, side="right") - begin
    one = np.repeat(np.arange(len(at)), many)
    within = np.arange(len(one)) - np.repeat(np.cumsum(many) - many, many)
    other = order[np.repeat(begin, many) + within]
    near = np.einsum("ij,ij->i", unit[one], unit[other]) >= np.cos(np.radians(crease_deg))
    return _unit(_sum_at(one[near], weighted[other[near]], len(at)))


def _split(
    faces: NDArray[np.int32], normals: NDArray[Any], corners: Ids, own: NDArray[np.float64]
) -> tuple[Ids, NDArray[np.int32], NDArray[np.float32]]:
    """Gives each vertex one normal: corners of one vertex with the same normal share it; the first keeps the place."""
    flat = faces.ravel()
    vertex = flat[corners].astype(np.int64)
    own32 = own.astype(np.float32)
    # sums in another order differ in the last bits: corners of one surface are told by a rounded normal
    same = same_rows(np.column_stack([vertex.astype(np.float64), np.rint(own * 4096)]))
    heads, group = np.unique(same, return_inverse=True)
    is_first = np.zeros(len(heads), dtype=bool)
    is_first[np.unique(vertex[heads], return_index=True)[1]] = True
    number = np.where(is_first, vertex[heads], len(normals) - 1 + np.cumsum(~is_first))
    source = np.concatenate([np.arange(len(normals)), vertex[heads][~is_first]])
    out = np.concatenate([normals.astype(np.float32), own32[heads][~is_first]])
    out[number[is_first]] = own32[heads][is_first]
    renumbered = flat.copy()
    renumbered[corners] = number[group]
    return source, renumbered.reshape(-1, 3), out
