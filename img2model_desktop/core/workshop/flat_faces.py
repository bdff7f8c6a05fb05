"""Takes faces without area out of a surface without tearing it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Edges, Ids, collapsed, edges_of, same_rows

FINEST = 2.0**-24
"""Heights below this share of the mesh's longest side are none: float32 does not tell them from zero."""
ROUNDS = 32
"""Of flips; a fan of k flat faces on one edge needs k."""


def without_flat(mesh: Mesh, progress: Progress) -> tuple[Mesh, int, int]:
    """The mesh without faces that have two corners at one place or three on one line.

    Three corners on one line: the longest side is flipped, so that the middle corner halves the neighbour there, and
    what was closed stays closed. On a rim the face simply goes.

    Returns:
        the mesh, perhaps without any face, how many flat faces are there no longer, and how many had to stay.
    """
    place = same_rows(mesh.vertices)
    whole = ~collapsed(place[mesh.faces])
    least = int((~whole).sum())
    at_first = least + (int(_is_flat(mesh)[whole].sum()) if whole.any() else 0)
    if not whole.all():
        mesh = replace(mesh, faces=mesh.faces[whole])
    for attempt in range(ROUNDS):
        progress.update(attempt / ROUNDS)
        flat = np.nonzero(_is_flat(mesh))[0] if len(mesh.faces) else np.zeros(0, np.int64)
        if not len(flat):
            return mesh, at_first, 0
        changed = _without_some(mesh, flat)
        if changed is mesh:
            break
        mesh = changed
    return mesh, max(at_first - len(flat), least), len(flat)


def _is_flat(mesh: Mesh) -> NDArray[np.bool_]:
    sides = _sides(mesh, mesh.faces)
    longest = np.linalg.norm(sides, axis=2).max(axis=1)
    twice_area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    return np.asarray(twice_area <= longest * FINEST * float(mesh.size_m.max()))


def _sides(mesh: Mesh, faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """`(m, 3, 3)`: side k runs from corner k to corner k + 1."""
    corners = mesh.vertices[faces].astype(np.float64)
    return np.asarray(corners[:, [1, 2, 0]] - corners)


def _without_some(mesh: Mesh, flat: Ids) -> Mesh:
    """The mesh after one round: flips that do not disturb each other; the mesh itself where none is possible."""
    corners = same_rows(mesh.vertices)[mesh.faces]
    edges = edges_of(corners)
    longest = np.linalg.norm(_sides(mesh, mesh.faces[flat]), axis=2).argmax(axis=1)
    side = 3 * flat + longest
    at = np.empty(len(edges.order), dtype=np.int64)
    at[edges.order] = np.arange(len(edges.order))
    uses = edges.uses[edges.edge[at[side]]]
    gone = flat[uses == 1]
    if len(gone):
        return replace(mesh, faces=np.delete(mesh.faces, gone, axis=0))
    other = _other_side(edges, at, side, uses)
    is_flat = np.zeros(len(corners), dtype=bool)
    is_flat[flat] = True
    # beside another flat face a flip only makes more of them; that one's turn comes first
    fits = (other >= 0) & ~is_flat[other // 3] & (edges.balance[edges.edge[at[side]]] == 0)
    flat, side, other = flat[fits], side[fits], other[fits]
    tips = np.stack([corners[side // 3, (side + 2) % 3], corners[other // 3, (other + 2) % 3]], axis=1)
    free = (tips[:, 0] != tips[:, 1]) & ~_known(corners, tips)
    chosen = _apart(flat[free], other[free] // 3, tips[free], len(corners))
    side, other = side[free][chosen], other[free][chosen]
    return _flipped(mesh, side, other) if len(side) else mesh


def _other_side(edges: Edges, at: Ids, side: Ids, uses: Ids) -> Ids:
    """The side of the neighbour across each side, -1 where there is not exactly one."""
    position = at[side]
    last = len(edges.order) - 1
    following = np.minimum(position + 1, last)
    ahead = edges.edge[following] == edges.edge[position]
    neighbour = edges.order[np.where(ahead & (following != position), following, position - 1)]
    return np.where(uses == 2, neighbour, -1)


def _known(corners: Ids, pairs: Ids) -> NDArray[np.bool_]:
    """Which pairs of places are an edge already."""
    span = int(corners.max()) + 1
    start, end = corners.ravel(), corners[:, [1, 2, 0]].ravel()
    keys = np.minimum(start, end) * span + np.maximum(start, end)
    return np.isin(pairs.min(axis=1) * span + pairs.max(axis=1), keys)


def _apart(flat: Ids, neighbour: Ids, tips: Ids, count: int) -> NDArray[np.bool_]:
    """Which flips go together: each has its two faces for itself, and no two make the same edge."""
    lowest = np.full(count, count, dtype=np.int64)
    np.minimum.at(lowest, flat, flat)
    np.minimum.at(lowest, neighbour, flat)
    chosen = (lowest[flat] == flat) & (lowest[neighbour] == flat)
    twin = same_rows(np.sort(tips, axis=1).astype(np.float64))
    return np.asarray(chosen & (twin == np.arange(len(flat)))) if len(flat) else chosen


def _flipped(mesh: Mesh, side: Ids, other: Ids) -> Mesh:
    """The faces of both sides with the other diagonal; a middle corner across a texture seam gets a uv of its own."""
    faces = mesh.faces.copy()
    face, neighbour = side // 3, other // 3
    middle = mesh.faces[face, (side + 2) % 3]
    # the neighbour runs along the side the other way: from its corner at the side's end to that at its start
    end, start, tip = (mesh.faces[neighbour, (other + k) % 3] for k in range(3))
    vertices, uv = mesh.vertices, mesh.uv
    seam = (mesh.faces[face, side % 3] != start) | (mesh.faces[face, (side + 1) % 3] != end)
    if uv is not None and seam.any():
        a, b, p = (vertices[index[seam]].astype(np.float64) for index in (start, end, middle))
        along = np.linalg.norm(p - a, axis=1) / np.maximum(np.linalg.norm(b - a, axis=1), np.finfo(float).tiny)
        share = np.clip(along, 0.0, 1.0)[:, None]
        made = uv[start[seam]] * (1 - share) + uv[end[seam]] * share
        middle = middle.copy()
        middle[seam] = len(vertices) + np.arange(int(seam.sum()))
        vertices = np.concatenate([vertices, p.astype(np.float32)])
        uv = np.concatenate([uv, made.astype(np.float32)])
    faces[face] = np.stack([start, tip, middle], axis=1)
    faces[neighbour] = np.stack([end, middle, tip], axis=1)
    return replace(mesh, vertices=vertices, faces=faces, uv=uv)
