"""Mends a mesh without opening it: welds, drops what has no use, makes faces look outwards."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.options import NoOptions
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import collapsed, connected, edges_of, parts_of, same_rows
from img2model_desktop.core.workshop.catalog import DebrisOptions, WeldOptions
from img2model_desktop.core.workshop.facing import Places, facing_out, one_sided
from img2model_desktop.core.workshop.flat_faces import without_flat
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.errors import EngineProblem, InputProblem

MOST_PAIRS = 30_000_000
"""Pairs of vertices within the weld distance; more would need gigabytes and would leave no shape anyway."""
PAIR_SAMPLE = 2000
"""Vertices whose neighbours are counted to foresee the number of pairs."""


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
    faces = _with_area(mesh.faces[~collapsed(place[mesh.faces])])
    faces = faces[~_crowded_repeats(place[faces])]
    progress.update(0.4)
    faces = faces[_large_parts(mesh, faces, place, floater_share)]
    progress.update(0.6)
    faces = facing_out(mesh, faces, place, progress.part(0.6, 0.95))
    mesh = _compact(mesh, faces)
    progress.update(1.0)
    return mesh


def weld(mesh: Mesh, options: WeldOptions, progress: Progress) -> Outcome:
    """The mesh with vertices at the same place and uv made one.

    With a distance, vertices that hang together by steps of at most that distance move to the middle of their places
    first; those with another uv stay apart there, so that textures stay. Faces that lose their area so are dropped.

    Raises:
        InputProblem: the distance joins nearly everything.
        EngineProblem: no face is left.
    """
    progress.update(0.0)
    if options.distance_mm > 0:
        mesh = mesh.moved(_drawn_together(mesh.vertices, options.distance_mm / 1000.0))
        progress.update(0.6)
    welded = _welded(mesh)
    if options.distance_mm > 0:
        place = same_rows(welded.vertices)
        welded = replace(welded, faces=_with_area(welded.faces[~collapsed(place[welded.faces])]))
    compact = _compact(welded, welded.faces)
    progress.update(1.0)
    joined, lost = len(mesh.vertices) - len(compact.vertices), len(mesh.faces) - len(compact.faces)
    notes = [f"{joined} vertices became one with others."] if joined else []
    notes += [f"{lost} faces were smaller than the distance and went."] if lost else []
    return Outcome(compact, tuple(notes))


def drop_bad(mesh: Mesh, _options: NoOptions, progress: Progress) -> Outcome:
    """The mesh without faces that have no area and without faces that are there twice.

    A face whose corners lie on one line goes by an edge flip with its neighbour, so that no gap opens. Of faces at the
    same three places one stays, whichever way they look; both go where they are a wall between two bodies.

    Raises:
        EngineProblem: no face is left.
    """
    progress.update(0.0)
    slim, flat, stuck = without_flat(mesh, progress.part(0.0, 0.6))
    place = same_rows(slim.vertices)
    twice = _doubled(place[_with_area(slim.faces)], progress.part(0.6, 0.95))
    result = _compact(slim, _with_area(slim.faces[~twice])) if slim is not mesh or twice.any() else mesh
    progress.update(1.0)
    notes = [f"{flat} faces without area were removed."] if flat else []
    notes += [f"{int(twice.sum())} faces that were there twice were removed."] if twice.any() else []
    notes += [f"{stuck} faces without area stay: taking them out would open the surface."] if stuck else []
    return Outcome(result, tuple(notes))


def drop_debris(mesh: Mesh, options: DebrisOptions, progress: Progress) -> Outcome:
    """The mesh without parts that have a smaller share of the whole area; the largest part stays always.

    Parts hang together over edges; shells inside another part are parts of their own.
    """
    progress.update(0.0)
    place = same_rows(mesh.vertices)
    whole = ~collapsed(place[mesh.faces])
    faces = _with_area(mesh.faces[whole])
    progress.update(0.3)
    keep = _large_parts(mesh, faces, place, options.share)
    progress.update(0.9)
    if keep.all():
        return Outcome(mesh)
    count, _ = parts_of(edges_of(place[faces[~keep]]))
    result = _compact(mesh, faces[keep])
    progress.update(1.0)
    parts = "1 small part" if count == 1 else f"{count} small parts"
    return Outcome(result, (f"{parts} with {int((~keep).sum())} faces went.",))


def turn_out(mesh: Mesh, _options: NoOptions, progress: Progress) -> Outcome:
    """The mesh with the faces of each part wound the same way, and bodies outwards; cavities stay cavities.

    Parts with a small opening count as bodies too; of open sheets the fewer faces turn.
    """
    progress.update(0.0)
    place = same_rows(mesh.vertices)
    whole = ~collapsed(place[mesh.faces])
    _with_area(mesh.faces[whole])
    faces = mesh.faces.copy()
    faces[whole] = facing_out(mesh, mesh.faces[whole], place, progress.part(0.1, 0.9))
    turned = int((faces != mesh.faces).any(axis=1).sum())
    strips = one_sided(faces[whole], place)
    progress.update(1.0)
    notes = [f"{turned} faces were turned round."] if turned else []
    notes += [f"{strips} parts have one side only, like a Moebius strip: they have no outside."] if strips else []
    return Outcome(replace(mesh, faces=faces) if turned else mesh, tuple(notes))


def _with_area(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    if not len(faces):
        raise EngineProblem("Every face of the mesh is without area.", "Try another engine or another picture.")
    return faces


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


def _drawn_together(vertices: NDArray[np.float32], distance_m: float) -> NDArray[np.float32]:
    """Vertices moved to the middle of the cluster of places that steps of at most the distance link.

    Raises:
        InputProblem: there are too many pairs that near.
    """
    from scipy.spatial import cKDTree

    first = same_rows(vertices)
    places, which = np.unique(first, return_inverse=True)
    points = vertices[places].astype(np.float64)
    tree = cKDTree(points)
    sample = points[:: max(1, len(points) // PAIR_SAMPLE)]
    near = tree.query_ball_point(sample, distance_m, return_length=True)
    if float(np.mean(near)) / 2 * len(points) > MOST_PAIRS:
        raise InputProblem(
            f"A distance of {distance_m * 1000:g} mm would join nearly everything.",
            "Use a smaller distance, or “Reduce triangles”.",
        )
    pairs = tree.query_pairs(distance_m, output_type="ndarray")
    count, cluster = connected(len(points), pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64))
    members = np.bincount(cluster, minlength=count)
    # relative to the first of each, so that a cluster of one stays where it is, bit for bit
    start = np.zeros((count, 3))
    start[cluster[::-1]] = points[::-1]
    offset = points - start[cluster]
    middle = start + np.stack([np.bincount(cluster, offset[:, k], count) for k in range(3)], axis=1) / members[:, None]
    return np.asarray(middle[cluster[which]].astype(np.float32))


def _repeats(corners: Places) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Faces that repeat an earlier one in the same direction, and those that repeat one in any direction."""
    turned = np.take_along_axis(corners, (corners.argmin(axis=1)[:, None] + np.arange(3)) % 3, axis=1)
    same = same_rows(turned.astype(np.float64)) != np.arange(len(corners))
    return same, same_rows(np.sort(corners, axis=1).astype(np.float64)) != np.arange(len(corners))


def _crowded_repeats(corners: Places) -> NDArray[np.bool_]:
    """Faces that repeat an earlier one, corner for corner, where an edge has more than two faces."""
    repeats, _ = _repeats(corners)
    if not repeats.any():
        return repeats
    edges = edges_of(corners)
    crowded = np.zeros(len(corners), dtype=bool)
    crowded[edges.order[edges.uses[edges.edge] > 2] // 3] = True
    return np.asarray(repeats & crowded)


def _doubled(corners: Places, progress: Progress) -> NDArray[np.bool_]:
    """Which faces to drop so that no two lie at the same three places.

    Faces and their backs that form a wall whose rim closes without it, as between two bodies put face to face, go
    both. Of all others the first stays.
    """
    repeated, again = _repeats(corners)
    if not again.any():
        return again
    progress.update(0.2)
    first = same_rows(np.sort(corners, axis=1).astype(np.float64))
    once = np.nonzero(~repeated & again)[0]  # backs of earlier faces
    pairs = np.zeros(len(corners), dtype=bool)
    pairs[once] = pairs[first[once]] = True
    drop = again.copy()
    if not len(once):
        return drop
    kept = ~repeated
    edges = edges_of(corners[kept])
    in_pair = pairs[kept][edges.order // 3]
    others = np.bincount(edges.edge, weights=~in_pair, minlength=len(edges.uses)).astype(np.int64)
    balance = np.bincount(edges.edge, np.where(edges.forward, 1, -1) * ~in_pair, len(edges.uses)).astype(np.int64)
    progress.update(0.6)
    in_walls = edges.uses - others
    # a rim of a wall: an edge with one face and its back of it; it may go where two other faces close the edge
    open_rim = (in_walls == 2) & ~((others == 2) & (balance == 0))
    numbers = np.nonzero(kept)[0]
    walls = numbers[pairs[kept]]
    lone = edges_of(corners[walls])
    groups, group = parts_of(lone)
    rim_open = np.zeros(len(corners), dtype=bool)
    rim_open[numbers[edges.order[open_rim[edges.edge]] // 3]] = True
    sheet = np.zeros(groups, dtype=bool)
    sheet[group[rim_open[walls]]] = True
    drop[walls[~sheet[group]]] = True
    return drop


def _large_parts(mesh: Mesh, faces: NDArray[np.int32], place: Places, share: float) -> NDArray[np.bool_]:
    """Which faces belong to a part with at least that share of the whole area, or to the largest."""
    if share <= 0:
        return np.ones(len(faces), dtype=bool)
    count, part = parts_of(edges_of(place[faces]))
    triangles = mesh.vertices[faces].astype(np.float64)
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    area = np.bincount(part, weights=np.linalg.norm(normal, axis=1), minlength=count)
    keep = (area >= share * area.sum()) | (area == area.max())
    return np.asarray(keep[part])
