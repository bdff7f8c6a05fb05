"""Which way faces look: parts wound one way, bodies outwards, cavities inwards."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Edges, Ids, connected, edges_of, parts_of, same_rows

Places = NDArray[np.int64]


OPENING = 0.3
"""An open part is a body still while flat lids over its openings would have at most this share of its area; a ball that
is cut in half needs 0.5."""
BULK = 0.01
"""And while it holds at least so much of its area to the power of 3/2; a ball holds 0.094 of it, a sheet nothing."""


def facing_out(mesh: Mesh, faces: NDArray[np.int32], place: Places, progress: Progress) -> NDArray[np.int32]:
    """The faces, turned so that parts are consistent and outer bodies have a positive volume.

    Args:
        mesh: whose vertices they use.
        faces: `(m, 3) int32`, with corners at three places each.
        place: of each vertex.
        progress: token.
    """
    faces = consistent(faces, place)
    progress.update(0.3)
    edges = edges_of(place[faces])
    count, part = parts_of(edges)
    triangles = (mesh.vertices.astype(np.float64) - mesh.bounds[0])[faces]
    body, volume = _bodies(triangles, edges, part, count)
    if not (body & (volume < 0)).any():
        return faces
    outermost = _outermost(triangles, part, count, body, progress.part(0.3, 1.0))
    turn = (body & (volume < 0))[outermost]
    return np.where(turn[part][:, None], faces[:, ::-1], faces)


def _bodies(
    triangles: NDArray[np.float64], edges: Edges, part: Ids, count: int
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which parts hold a volume, and their signed volumes, `(count,)`; openings are closed by cones to one point."""
    rough = edges.balance != 0
    sides = edges.order[rough[edges.edge]]
    owner = part[sides // 3]
    closed = np.ones(count, dtype=bool)
    closed[owner] = False
    start, end = triangles[sides // 3, sides % 3], triangles[sides // 3, (sides + 1) % 3]
    middle = [np.bincount(owner, weights=(start + end)[:, k] / 2, minlength=count) for k in range(3)]
    apex = np.stack(middle, axis=1) / np.maximum(np.bincount(owner, minlength=count), 1)[:, None]
    a, b, c = (triangles[:, k] - apex[part] for k in range(3))
    volume = np.bincount(part, weights=np.einsum("ij,ij->i", a, np.cross(b, c)), minlength=count) / 6
    area = np.bincount(part, weights=np.linalg.norm(np.cross(b - a, c - a), axis=1), minlength=count) / 2
    lids = _lids(start - apex[owner], end - apex[owner], owner, count)
    nearly = (lids <= OPENING * area) & (np.abs(volume) >= BULK * area**1.5)
    odd = np.zeros(count, dtype=bool)
    odd[part[edges.order[((edges.uses > 1) & rough)[edges.edge]] // 3]] = True
    return closed | (nearly & ~odd), volume


def _lids(start: NDArray[np.float64], end: NDArray[np.float64], owner: Ids, count: int) -> NDArray[np.float64]:
    """`(count,)` area of flat lids over the openings of each part: half the sums of cross products along their rims."""
    if not len(start):
        return np.zeros(count)
    same = same_rows(np.concatenate([start, end]))
    rims, rim = connected(len(same), same[: len(start)], same[len(start) :])
    rim = rim[same[: len(start)]]
    cross = np.cross(start, end) / 2
    vector = np.stack([np.bincount(rim, weights=cross[:, k], minlength=rims) for k in range(3)], axis=1)
    owner_of = np.zeros(rims, dtype=np.int64)
    owner_of[rim] = owner
    return np.asarray(np.bincount(owner_of, weights=np.linalg.norm(vector, axis=1), minlength=count), np.float64)


def one_sided(faces: NDArray[np.int32], place: Places) -> int:
    """How many parts of faces that `consistent` has seen still have neighbours that disagree."""
    edges = edges_of(place[faces])
    odd = (edges.uses == 2) & (edges.balance != 0)
    if not odd.any():
        return 0
    return len(np.unique(parts_of(edges)[1][edges.order[odd[edges.edge]] // 3]))


def consistent(faces: NDArray[np.int32], place: Places) -> NDArray[np.int32]:
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
