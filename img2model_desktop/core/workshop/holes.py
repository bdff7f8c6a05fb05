"""Closes holes in a surface."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids, collapsed, edges_of, parts_of, same_rows
from img2model_desktop.core.workshop.catalog import HolesOptions
from img2model_desktop.core.workshop.collapse import net_of, spread
from img2model_desktop.core.workshop.distinct import distinct
from img2model_desktop.core.workshop.facing import consistent
from img2model_desktop.core.workshop.fairing import Around, Filling, shaped
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.patch import Loop, fill
from img2model_desktop.core.workshop.rims import Rims, rim_lengths, rims_of

Points = NDArray[np.float64]

NO_INSIDE = 1e-3
"""Of a part's area to the power of 3/2: with less volume than that it is a sheet, if its rim is long too."""
LONG_RIM = 6.0
"""Square of the longest rim over the area, from which a part without volume is a sheet; a square has 16."""
INTO_FACE = 0.3
"""How far the place whose look a patch takes lies off the rim, towards the middle of the face there: on the rim itself
lies the edge of the picture's island, where other colours bleed in."""


class Patch(NamedTuple):
    """A filling.

    Args:
        points: `(p, 3) float64`, first those of the rim.
        faces: `(q, 3) int64`.
        loop: `(n,)` places of the rim.
        sides: `(n,)` side numbers of the faces along it.
    """

    points: Points
    faces: Ids
    loop: Ids
    sides: Ids


def close_holes(mesh: Mesh, options: HolesOptions, progress: Progress) -> Outcome:
    """The mesh with its open rims closed; the patches go on from the surface around them, with its look.

    A rim that touches itself is closed as several holes, and of two rims, one inside the other, each is closed alone.
    Rims in one plane that edge a surface at an angle, as those of a box or of a cut, get a plane filling. Left open,
    with a note: rims longer than asked for, the outer rim of a sheet, which has no inside, and rims that end at an
    edge with more than two faces. Faces of a part are wound the same way first where they are not.
    """
    progress.update(0.0)
    place = same_rows(mesh.vertices)
    whole = ~collapsed(place[mesh.faces])
    kept = np.nonzero(whole)[0]
    if not len(kept):
        return Outcome(mesh, ("The mesh has no hole.",))
    faces = consistent(mesh.faces[kept], place)
    turned = int((faces != mesh.faces[kept]).any(axis=1).sum())
    corners = place[faces]
    rims = rims_of(corners, progress.part(0.0, 0.2))
    low = mesh.bounds[0]
    points = mesh.vertices.astype(np.float64) - low
    lengths = rim_lengths(points, rims.loops) if rims.loops else np.zeros(0)
    sheets = _outer_rims_of_sheets(points, corners, rims, lengths)
    long = (lengths * 1000.0 > options.longest_mm) if options.longest_mm > 0 else np.zeros(len(lengths), dtype=bool)
    chosen = np.nonzero(~sheets & ~long)[0]
    notes = _notes(len(chosen), int((long & ~sheets).sum()), int(sheets.sum()), rims.left)
    if not len(chosen):
        return Outcome(mesh, notes)
    patches = _patches(points, corners, rims, chosen, progress.part(0.2, 0.95))
    all_faces = mesh.faces.copy()
    all_faces[kept] = faces
    if turned:
        notes += (f"{turned} faces were turned round, so that those of each part look the same way.",)
    result = _assembled(replace(mesh, faces=all_faces), faces, patches, low)
    progress.update(1.0)
    return Outcome(result, notes)


def _notes(closed: int, long: int, sheets: int, left: int) -> tuple[str, ...]:
    if not (closed or long or sheets or left):
        return ("The mesh has no hole.",)
    notes = [f"{_counted(closed, 'hole')} closed."] if closed else []
    if long:
        notes.append(f"{_counted(long, 'hole')} left open: the rim is longer than asked for.")
    if sheets:
        notes.append(f"{_counted(sheets, 'outer rim')} of sheets left open: a sheet has no inside; “Make solid” helps.")
    if left:
        notes.append(f"{_counted(left, 'open edge')} left: they form no clear rim; “Make solid” helps.")
    return tuple(notes)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _outer_rims_of_sheets(points: Points, corners: Ids, rims: Rims, lengths: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rims are the longest of a part that would hold nothing if all of its rims were closed."""
    sheets = np.zeros(len(rims.loops), dtype=bool)
    if not len(sheets):
        return sheets
    count, part = parts_of(edges_of(corners))
    at = points[corners]
    cross = np.cross(at[:, 1] - at[:, 0], at[:, 2] - at[:, 0])
    area = np.bincount(part, np.linalg.norm(cross, axis=1), count) / 2
    volume = np.bincount(part, np.einsum("ij,ij->i", at[:, 0], cross), count) / 6
    for loop, number in zip(rims.loops, rims.part, strict=True):
        rim = points[loop]
        middle = rim.mean(axis=0)
        volume[number] += np.einsum("ij,ij->", rim, np.cross(np.roll(rim, -1, axis=0), middle)) / 6
    longest = np.zeros(count)
    np.maximum.at(longest, rims.part, lengths)
    empty = (np.abs(volume) < NO_INSIDE * area**1.5) & (longest**2 > LONG_RIM * area)
    seen: set[int] = set()
    for number in np.argsort(-lengths, kind="stable").tolist():
        owner = int(rims.part[number])
        if owner not in seen:
            seen.add(owner)
            sheets[number] = empty[owner]
    return sheets


def _patches(points: Points, corners: Ids, rims: Rims, chosen: Ids, progress: Progress) -> list[Patch]:
    """A filling for each chosen rim. Edges across a rim that are there already are not made a second time."""
    net = net_of(corners, len(points))
    normals = _unit_normals(points, corners)
    chords: dict[int, list[int]] = {}
    local = np.full(len(points), -1)
    weight = np.cumsum([len(rims.loops[k]) for k in chosen])
    fillings = []
    for done, number in enumerate(chosen):
        begun = (weight[done - 1] if done else 0) / weight[-1]
        part = progress.part(0.4 * begun, 0.4 * weight[done] / weight[-1])
        part.update(0.0)
        loop, sides = rims.loops[number], rims.sides[number]
        local[loop] = np.arange(len(loop))
        ring = np.unique(net.around[spread(loop, net.starts)[0]])
        beside = normals[sides // 3]
        taken = _taken(corners[ring], loop, local, chords)
        filled, faces = fill(Loop(points[loop], beside, taken), part)
        fillings.append(Filling(filled, faces, _around(points, corners[ring], loop, local, beside)))
        for start, end in _chords(faces, len(loop)).tolist():  # what is shaped later gets no new ones
            chords.setdefault(int(loop[start]), []).append(int(loop[end]))
        local[loop] = -1
    made = shaped(fillings, progress.part(0.4, 1.0))
    return [Patch(*patch, rims.loops[k], rims.sides[k]) for k, patch in zip(chosen, made, strict=True)]


def _unit_normals(points: Points, corners: Ids) -> Points:
    at = points[corners]
    normal = np.cross(at[:, 1] - at[:, 0], at[:, 2] - at[:, 0])
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1), np.finfo(float).tiny)[:, None])


def _taken(ring: Ids, loop: Ids, local: Ids, chords: dict[int, list[int]]) -> Ids:
    """Pairs of points of a loop that are edges already, in both orders, without those of the rim itself."""
    sides = np.concatenate([ring[:, [0, 1]], ring[:, [1, 2]], ring[:, [2, 0]]])
    pairs = local[sides]
    pairs = pairs[(pairs >= 0).all(axis=1)]
    extra = [(local[a], local[b]) for a in loop.tolist() for b in chords.get(a, ()) if local[b] >= 0]
    pairs = np.concatenate([pairs, np.array(extra, dtype=np.int64).reshape(-1, 2)])
    apart = (pairs[:, 0] - pairs[:, 1]) % len(loop)
    pairs = pairs[(apart != 1) & (apart != len(loop) - 1)]
    return np.concatenate([pairs, pairs[:, ::-1]])


def _chords(faces: Ids, rim: int) -> Ids:
    """`(k, 2)` edges of a patch between two points of its rim that do not follow each other, in both orders."""
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    sides = sides[(sides < rim).all(axis=1)]
    apart = (sides[:, 0] - sides[:, 1]) % rim
    return np.asarray(sides[(apart != 1) & (apart != rim - 1)])


def _around(points: Points, ring: Ids, loop: Ids, local: Ids, beside: Points) -> Around:
    mine = local[ring]
    others, number = np.unique(ring[mine < 0], return_inverse=True)
    mine[mine < 0] = len(loop) + number.ravel()
    return Around(points[np.concatenate([loop, others])], mine, beside)


def _assembled(mesh: Mesh, faces: NDArray[np.int32], patches: list[Patch], low: Points) -> Mesh:
    """The mesh with the patches. Without uv they share the vertices of their rims; with uv each of their faces has the
    look of the nearest face along the rim."""
    if mesh.uv is not None:
        return _assembled_with_look(mesh, faces, patches, low)
    made, vertices, count = [mesh.faces], [mesh.vertices], len(mesh.vertices)
    for patch in patches:
        rim = len(patch.loop)
        # the loop runs against its sides: its places are the sides' ends
        ends = faces.ravel()[patch.sides // 3 * 3 + (patch.sides % 3 + 1) % 3]
        number = np.concatenate([ends, count + np.arange(len(patch.points) - rim)])
        made.append(number[patch.faces].astype(np.int32))
        vertices.append((patch.points[rim:] + low).astype(np.float32))
        count += len(patch.points) - rim
    apart = distinct(np.concatenate(vertices), len(mesh.vertices))
    return replace(mesh, vertices=apart, faces=np.concatenate(made))


def _assembled_with_look(mesh: Mesh, faces: NDArray[np.int32], patches: list[Patch], low: Points) -> Mesh:
    from scipy.spatial import cKDTree

    assert mesh.uv is not None
    made, vertices, uvs, count = [mesh.faces], [mesh.vertices], [mesh.uv], len(mesh.vertices)
    for patch in patches:
        rim = len(patch.loop)
        at = patch.points[:rim]
        face, side = faces[patch.sides // 3], patch.sides % 3
        row = np.arange(rim)
        ends = (mesh.uv[face[row, side]] + mesh.uv[face[row, (side + 1) % 3]]) / 2
        looks = (1 - INTO_FACE) * ends + INTO_FACE * mesh.uv[face].mean(axis=1)
        _, nearest = cKDTree((at + np.roll(at, -1, axis=0)) / 2).query(patch.points[patch.faces].mean(axis=1))
        pair = (patch.faces * rim + nearest[:, None]).ravel()
        wanted, number = np.unique(pair, return_inverse=True)
        points = (patch.points + low).astype(np.float32)
        points[:rim] = mesh.vertices[patch.loop]
        vertices.append(points[wanted // rim])
        uvs.append(looks[wanted % rim].astype(np.float32))
        made.append((count + number.reshape(-1, 3)).astype(np.int32))
        count += len(wanted)
    return replace(mesh, vertices=np.concatenate(vertices), faces=np.concatenate(made), uv=np.concatenate(uvs))
