"""Mends a mesh without opening it: welds, drops what has no use, makes faces look outwards."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Edges, Ids, collapsed, connected, edges_of, parts_of, same_rows
from img2model_desktop.errors import EngineProblem

Places = NDArray[np.int64]


def clean(mesh: Mesh, progress: Progress | None = None, floater_share: float = 0.0) -> Mesh:
    """The same surface in good order. A closed mesh stays closed and keeps its volume.

    Vertices with the same place and uv are welded, faces that have two corners at one place and faces that are there
    twice are dropped, faces of a part look the same way, closed outer parts look outwards (what lies in them turns
    with them, so that a cavity stays one), unused vertices go.

    Args:
        mesh: valid.
        progress: token.
        floater_share: parts with a smaller share of the whole area are dropped; 0 keeps all.

    Raises:
        EngineProblem: no face is left.
        Cancelled: from `progress`.
    """
    progress = progress or Progress()
    mesh = _welded(mesh)
    progress.update(0.2)
    place = same_rows(mesh.vertices)
    faces = mesh.faces[~collapsed(place[mesh.faces])]
    if not len(faces):
        raise EngineProblem("Every face of the mesh is without area.", "Try another engine or another picture.")
    faces = _without_repeats(faces, place)
    progress.update(0.4)
    faces = _without_floaters(mesh, faces, place, floater_share)
    progress.update(0.6)
    faces = _facing_out(mesh, faces, place, progress.part(0.6, 0.95))
    mesh = _compact(mesh, faces)
    progress.update(1.0)
    return mesh


def _welded(mesh: Mesh) -> Mesh:
    """Vertices with the same place and uv become one; unused ones stay for now."""
    rows = mesh.vertices if mesh.uv is None else np.concatenate([mesh.vertices, mesh.uv], axis=1)
    return replace(mesh, faces=same_rows(rows)[mesh.faces].astype(np.int32))


def _compact(mesh: Mesh, faces: NDArray[np.int32]) -> Mesh:
    used = np.zeros(len(mesh.vertices), dtype=bool)
    used[faces] = True
    number = np.cumsum(used) - 1
    uv = None if mesh.uv is None else mesh.uv[used]
    return replace(mesh, vertices=mesh.vertices[used], faces=number[faces].astype(np.int32), uv=uv)


def _without_repeats(faces: NDArray[np.int32], place: Places) -> NDArray[np.int32]:
    """Drops faces that repeat an earlier one, corner for corner, where an edge has more than two faces."""
    corners = place[faces]
    turned = np.take_along_axis(corners, (corners.argmin(axis=1)[:, None] + np.arange(3)) % 3, axis=1)
    repeats = same_rows(turned.astype(np.float64)) != np.arange(len(faces))
    if not repeats.any():
        return faces
    edges = edges_of(corners)
    crowded = np.zeros(len(faces), dtype=bool)
    crowded[edges.order[edges.uses[edges.edge] > 2] // 3] = True
    return np.asarray(faces[~(repeats & crowded)])


def _without_floaters(mesh: Mesh, faces: NDArray[np.int32], place: Places, share: float) -> NDArray[np.int32]:
    if share <= 0:
        return faces
    count, part = parts_of(edges_of(place[faces]))
    triangles = mesh.vertices[faces].astype(np.float64)
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    area = np.bincount(part, weights=np.linalg.norm(normal, axis=1), minlength=count)
    keep = (area >= share * area.sum()) | (area == area.max())
    return np.asarray(faces[keep[part]])


def _facing_out(mesh: Mesh, faces: NDArray[np.int32], place: Places, progress: Progress) -> NDArray[np.int32]:
    """Turns faces so that parts are consistent, and closed outer parts have a positive volume."""
    faces = _consistent(faces, place)
    progress.update(0.3)
    edges = edges_of(place[faces])
    count, part = parts_of(edges)
    closed = np.ones(count, dtype=bool)
    closed[part[edges.order[(edges.balance != 0)[edges.edge]] // 3]] = False
    triangles = (mesh.vertices.astype(np.float64) - mesh.bounds[0])[faces]
    cross = np.cross(triangles[:, 1], triangles[:, 2])
    volume = np.bincount(part, weights=np.einsum("ij,ij->i", triangles[:, 0], cross), minlength=count)
    if not (closed & (volume < 0)).any():
        return faces
    outermost = _outermost(triangles, part, count, closed, progress.part(0.3, 1.0))
    turn = (closed & (volume < 0))[outermost]
    return np.where(turn[part][:, None], faces[:, ::-1], faces)


def _consistent(faces: NDArray[np.int32], place: Places) -> NDArray[np.int32]:
    """Turns the fewer faces of each part so that all run along shared edges in opposite directions.

    Each face is taken twice, as it is and turned; neighbours are linked so that they agree. A part that can be
    made consistent falls into two mirrored groups, of which one is chosen; a one-sided part (Moebius) into one.
    """
    edges = edges_of(place[faces])
    if not edges.balance[edges.uses == 2].any():
        return faces
    count = len(faces)
    one, other = _pairs(edges)
    same = edges.forward[one] == edges.forward[other]
    first, second = edges.order[one] // 3, edges.order[other] // 3
    crossed = np.where(same, second + count, second)
    straight = np.where(same, second, second + count)
    groups, label = connected(2 * count, np.concatenate([first, first + count]), np.concatenate([crossed, straight]))
    kept = np.bincount(label[:count], minlength=groups)
    turned = kept[label[count:]] > kept[label[:count]]
    tied = (kept[label[count:]] == kept[label[:count]]) & (label[count:] < label[:count])
    return np.where((turned | tied)[:, None], faces[:, ::-1], faces)


def _pairs(edges: Edges) -> tuple[Ids, Ids]:
    """Positions in `order` of the two sides of each edge that has exactly two."""
    one, other = edges.neighbours
    two = edges.uses[edges.edge[one]] == 2
    return one[two], other[two]


def _outermost(
    triangles: NDArray[np.float64], part: Ids, count: int, closed: NDArray[np.bool_], progress: Progress
) -> Ids:
    """`(count,) int64`: for each part the closed part that holds it and that no other holds, or itself."""
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    np.minimum.at(low, part, triangles.min(axis=1))
    np.maximum.at(high, part, triangles.max(axis=1))
    point = np.zeros((count, 3))
    point[part[::-1]] = triangles[::-1, 0]
    outer = np.arange(count)
    biggest_first = np.argsort(-np.prod(high - low, axis=1), kind="stable")
    for done, holder in enumerate(biggest_first):
        progress.update(done / count)
        if not closed[holder] or outer[holder] != holder:
            continue
        boxed = (low >= low[holder]).all(axis=1) & (high <= high[holder]).all(axis=1) & (outer == np.arange(count))
        boxed[holder] = False
        shell = triangles[part == holder] if boxed.any() else None
        for inner in np.nonzero(boxed)[0]:
            if shell is not None and abs(_winding_number(shell, point[inner])) > 0.5:
                outer[inner] = holder
    return outer


def _winding_number(triangles: NDArray[Any], point: NDArray[np.float64]) -> float:
    """How often a closed surface, `(m, 3, 3)`, winds around a point: its triangles' solid angles over 4 pi.

    Van Oosterom and Strackee, The solid angle of a plane triangle, 1983, equation 8.
    """
    a, b, c = (triangles[:, k] - point for k in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c))
    dots = [np.einsum("ij,ij->i", u, v) for u, v in ((a, b), (b, c), (c, a))]
    return float(np.arctan2(volume, la * lb * lc + dots[0] * lc + dots[1] * la + dots[2] * lb).sum() / (2 * np.pi))
