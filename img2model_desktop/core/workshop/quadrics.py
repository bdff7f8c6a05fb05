"""Fewer triangles: collapses the edges that matter least, by quadric error.

Garland and Heckbert, Surface simplification using quadric error metrics, 1997, with weights by area; collapses go in
rounds of many that do not disturb each other, instead of one by one from a heap.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids, edges_of, parts_of
from img2model_desktop.core.workshop.collapse import (
    Care,
    Flags,
    Net,
    Points,
    allowed,
    apart,
    collapse,
    net_of,
    not_starving,
)

CHEAPEST = 0.35
"""Share of the edges, cheapest first, that a round looks at: fewer keep to the order of costs, more are faster."""
RIM_WEIGHT = 3.0
"""Of the planes that stand on rims, beside those of faces."""
SOFT = 1e-6
"""Share of its trace that is added to the diagonal of a quadric: where it does not care, the new vertex goes to the
middle."""
SHORT_FIRST = 1e-7
"""Weight of the fourth power of an edge's length in its cost: among edges that cost nothing the short ones go first."""
STALL = 12
"""Rounds that together must take away one face in a hundred, or the rest is taken for stuck."""
FEW = 3000
"""With fewer edges than that every one matters: rounds keep strictly to the order of costs."""
CHEAPEST_OF_FEW = 0.1
"""Share that a round looks at then."""
CARES = (Care(), Care(-0.5, 0.0), Care(-2.0, -1.0))
"""With less and less care for faces, as long as there are too many of them."""
STAGES = (0.0, 0.8, 0.87, 0.92, 0.97)
"""Where the work with each of them begins, for the progress alone; most meshes need the first one only."""
NEAR = 0.005
"""Of the size: while topology is kept at no greater price than that."""
CARES_OF_CROWDED = (Care(off=NEAR), Care(-0.5, 0.0, off=NEAR), Care(-0.5, 0.0, topology=False), CARES[2])
"""For what is no manifold that could be kept: rather sheets that grow together than a shape that is lost."""
RECKLESS = Care(-2.0, -1.0, topology=False)


class Simplified(NamedTuple):
    """What is left.

    Args:
        points: `(n, 3) float64`, all used.
        faces: `(m, 3) int64`.
        dropped_parts: loose parts that had to go.
        torn: whether holes or handles had to close to get so low.
    """

    points: Points
    faces: Ids
    dropped_parts: int = 0
    torn: bool = False


def simplify(points: Points, faces: Ids, target: int, progress: Progress) -> Simplified:
    """At most `target` faces of nearly the same shape.

    A closed surface stays closed, a manifold stays one, rims stay where they are, parts stay as long as the number
    allows it.

    Args:
        points: `(n, 3) float64`, one for each place.
        faces: `(m, 3) int64`, with three different corners each.
        target: at least 1.
        progress: token.
    """
    low = points.min(axis=0)
    scale = float((points.max(axis=0) - low).max()) or 1.0
    points = (points - low) / scale
    quadrics = _quadrics(points, faces)
    crowded = bool((net_of(faces, len(points)).uses > 2).any())
    dropped, torn = 0, False
    for number, care in enumerate(CARES_OF_CROWDED if crowded else CARES):
        part = progress.part(*STAGES[number : number + 2])
        torn |= len(faces) > target and not care.topology
        points, faces, quadrics = _reduced(points, faces, quadrics, target, part, care)
    if len(faces) > target:
        kept, dropped = _largest_parts(points, faces, target)
        faces = faces[kept]
    if len(faces) > target:
        points, faces, quadrics = _reduced(points, faces, quadrics, target, progress.part(0.97, 1.0), RECKLESS)
        torn = True
    progress.update(1.0)
    used, faces = np.unique(faces, return_inverse=True)
    return Simplified(points[used] * scale + low, faces.reshape(-1, 3).astype(np.int64), dropped, torn)


def _quadrics(points: Points, faces: Ids) -> Points:
    """`(10, n)`: xx xy xz xd yy yz yd zz zd dd of each vertex's planes."""
    corners = points[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    double = np.linalg.norm(normal, axis=1)
    unit = normal / np.maximum(double, np.finfo(float).tiny)[:, None]
    total = np.zeros((10, len(points)))
    _add(total, faces, _plane(unit, corners[:, 0], double / 6))
    net = net_of(faces, len(points))
    rim = net.uses[net.sides] != 2
    face, side = np.nonzero(rim)
    start, end = corners[face, side], corners[face, (side + 1) % 3]
    along = end - start
    wall = np.cross(along, unit[face])
    length = np.linalg.norm(wall, axis=1)
    wall = wall / np.maximum(length, np.finfo(float).tiny)[:, None]
    rows = _plane(wall, start, RIM_WEIGHT * length**2 / 2)
    _add(total, np.stack([faces[face, side], faces[face, (side + 1) % 3]], axis=1), rows)
    return total


def _plane(unit: Points, at: Points, weight: NDArray[np.float64]) -> Points:
    d = -np.einsum("ij,ij->i", unit, at)
    p = np.concatenate([unit, d[:, None]], axis=1)
    i, j = np.triu_indices(4)
    return np.asarray(p[:, i] * p[:, j] * weight[:, None])


def _add(total: Points, corners: Ids, rows: Points) -> None:
    for k in range(10):
        for column in range(corners.shape[1]):
            total[k] += np.bincount(corners[:, column], rows[:, k], total.shape[1])


def _reduced(
    points: Points, faces: Ids, quadrics: Points, target: int, progress: Progress, care: Care
) -> tuple[Points, Ids, Points]:
    """Collapses in rounds, until there are few enough faces or no collapse is left."""
    whole = len(faces)
    blocked = np.zeros(0, dtype=np.int64)  # keys of edges that were not allowed, while nothing near them changed
    rounds, mark, idle = 0, whole, False
    while len(faces) > target:
        rounds += 1
        if rounds % STALL == 0:
            if len(faces) > 0.99 * mark and 3 * len(faces) > 2 * FEW:
                break
            mark = len(faces)
        progress.update((whole - len(faces)) / max(1, whole - target))
        net = net_of(faces, len(points))
        key = net.ends[:, 0] * net.size + net.ends[:, 1]
        free = np.nonzero(~np.isin(key, blocked))[0]
        free, targets, cost = _best(net, points, quadrics, free, care.off)
        if not len(free):
            break
        if idle:  # instead of the cheapest, which were not allowed, all are looked at
            good = allowed(net, points, free, targets, care)
            blocked = np.concatenate([blocked, key[free[~good]]])
            free, targets, cost = free[good], targets[good], cost[good]
        chosen = _cheapest(net, free, cost)
        edges, targets = free[chosen], targets[chosen]
        room = max(1, (len(faces) - target + 1) // 2)
        good = allowed(net, points, edges, targets, care)
        bad_keys = key[edges[~good]]
        edges, targets = edges[good][:room], targets[good][:room]
        if care.topology:
            fed = not_starving(net, edges)
            edges, targets = edges[fed], targets[fed]
        blocked = np.concatenate([_still(net, edges, blocked), bad_keys])
        idle = not len(edges)
        quadrics[:, net.ends[edges, 0]] += quadrics[:, net.ends[edges, 1]]
        points, faces = collapse(net, points, edges, targets)
        if not care.topology:
            faces = _without_pairs(faces)
        if len(points) > 2 * len(faces):
            points, faces, quadrics, blocked = _packed(points, faces, quadrics, blocked)
    return points, faces, quadrics


def _cheapest(net: Net, free: Ids, cost: Points) -> Ids:
    """Positions in `free` of edges that go together, the cheapest first."""
    few = len(net.ends) < FEW
    share = CHEAPEST_OF_FEW if few else CHEAPEST
    order = np.argsort(cost, kind="stable")[: max(4, int(share * len(free)))]
    return np.asarray(order[apart(net, free[order], in_order=few)])


def _still(net: Net, edges: Ids, blocked: Ids) -> Ids:
    """The keys of blocked edges that none of the collapsed edges is near."""
    changed = np.zeros(net.size, dtype=bool)
    changed[net.ends[edges]] = True
    near = changed.copy()
    near[net.ends[changed[net.ends].any(axis=1)]] = True
    return np.asarray(blocked[~near[blocked // net.size] & ~near[blocked % net.size]])


def _packed(points: Points, faces: Ids, quadrics: Points, blocked: Ids) -> tuple[Points, Ids, Points, Ids]:
    """The same without unused points."""
    used = np.zeros(len(points), dtype=bool)
    used[faces] = True
    number = np.cumsum(used) - 1
    a, b = blocked // len(points), blocked % len(points)
    alive = used[a] & used[b]
    count = int(used.sum())
    return points[used], number[faces], quadrics[:, used], number[a[alive]] * count + number[b[alive]]


def _best(net: Net, points: Points, quadrics: Points, edges: Ids, off: float) -> tuple[Ids, Points, Points]:
    """Those edges that would collapse to a place not too far off, that place, `(k, 3)`, and what it costs, `(k,)`."""
    u, v = net.ends[edges].T
    q = quadrics[:, u] + quadrics[:, v]
    middle = (points[u] + points[v]) / 2
    gap = points[u] - points[v]
    xx, xy, xz, xd, yy, yz, yd, zz, zd, _ = q
    soft = SOFT * (xx + yy + zz) + 1e-30
    x, y, z = middle.T
    # (A + soft) step = -(A middle + b), by Cramer's rule
    a, b, c = xx + soft, yy + soft, zz + soft
    gx, gy, gz = -(xx * x + xy * y + xz * z + xd), -(xy * x + yy * y + yz * z + yd), -(xz * x + yz * y + zz * z + zd)
    m00, m01, m02 = b * c - yz * yz, xz * yz - xy * c, xy * yz - xz * b
    m11, m12, m22 = a * c - xz * xz, xy * xz - a * yz, a * b - xy * xy
    det = a * m00 + xy * m01 + xz * m02
    step = np.stack([m00 * gx + m01 * gy + m02 * gz, m01 * gx + m11 * gy + m12 * gz, m02 * gx + m12 * gy + m22 * gz])
    length2 = np.einsum("ij,ij->i", gap, gap)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = (step / det).T
    far = ~(np.einsum("ij,ij->i", step, step) < 4 * length2)
    step[far] = 0.0
    targets = middle + step
    ends = np.stack([points[u[far]], points[v[far]], middle[far]])
    cheapest = np.stack([_error(q[:, far], at) for at in ends]).argmin(axis=0)
    targets[far] = ends[cheapest, np.arange(len(cheapest))]
    one_special = net.special[u] != net.special[v]
    targets[one_special] = np.where(net.special[u][:, None], points[u], points[v])[one_special]
    error = _error(q, targets)
    near = error <= off**2 * (xx + yy + zz) if np.isfinite(off) else np.ones(len(edges), dtype=bool)
    return edges[near], targets[near], (error + SHORT_FIRST * length2**2)[near]


def _error(q: Points, at: Points) -> Points:
    x, y, z = at.T
    xx, xy, xz, xd, yy, yz, yd, zz, zd, dd = q
    error = x * (xx * x + 2 * (xy * y + xz * z + xd)) + y * (yy * y + 2 * (yz * z + yd)) + z * (zz * z + 2 * zd) + dd
    return np.asarray(np.maximum(error, 0.0))


def _largest_parts(points: Points, faces: Ids, target: int) -> tuple[Flags, int]:
    """Which faces belong to the parts that are kept when the smallest go until there are few enough, and how many go;
    the largest stays."""
    count, part = parts_of(edges_of(faces))
    corners = points[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    order = np.argsort(-np.bincount(part, weights=area, minlength=count), kind="stable")
    total = np.cumsum(np.bincount(part, minlength=count)[order])
    keep = np.zeros(count, dtype=bool)
    keep[order[: max(1, int((total <= target).sum()))]] = True
    return keep[part], count - int(keep.sum())


def _without_pairs(faces: Ids) -> Ids:
    """Faces of which no two have the same corners; a face and its back cancel each other out."""
    corners = np.sort(faces, axis=1)
    _, inverse = np.unique(corners, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    even = (corners[:, 0] == faces[:, 0]) & (corners[:, 1] == faces[:, 1])
    even |= (corners[:, 0] == faces[:, 1]) & (corners[:, 1] == faces[:, 2])
    even |= (corners[:, 0] == faces[:, 2]) & (corners[:, 1] == faces[:, 0])
    balance = np.bincount(inverse, np.where(even, 1, -1))
    first = np.zeros(len(balance), dtype=np.int64)
    wanted = np.where(even, 1, -1) == np.sign(balance)[inverse]
    numbers = np.nonzero(wanted)[0]
    first[inverse[numbers[::-1]]] = numbers[::-1]
    return np.asarray(faces[np.sort(first[balance != 0])])
