"""How the faces of a mesh hang together: holes, crowded edges, pinched vertices, winding, debris, bad faces."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids, connected, fans_of, same_rows
from img2model_desktop.core.verdict.surface import Flags, Surface, Values

DEBRIS_SHARE = 0.01  # of the whole area: all debris together has no more, so that dropping it loses nothing that counts
CRUMB = 0.05  # of the largest part: what has more is no crumb
NEEDLE = 100.0  # longest edge over the height above it from which a face counts as a needle


@dataclass(frozen=True, slots=True, eq=False)
class TopologyFacts:
    """Facts of a surface; face numbers are those of the surface, not of the mesh.

    Args:
        watertight: every edge has exactly two faces, which run along it in opposite directions.
        manifold: no crowded edge and no pinched vertex; open rims are allowed.
        rim_edges: `(k,) int64`, numbers of edges with one face.
        rim: `(k,) int64`, hole that each of them belongs to.
        rim_mm: `(holes,) float64`, length of each hole's rim.
        crowded_edges: `(k,) int64`, numbers of edges with more than two faces.
        pinched: `(k,) int64`, places where sheets only touch: the faces around them form more than one fan.
        turned: faces to turn round so that each part is consistent: the fewer of each part.
        one_sided: `(k,) int64`, parts that no turning makes consistent, as a Moebius strip.
        closed: `(parts,) bool`, parts without any edge that is open, crowded or run along twice the same way.
        flat: numbers in the mesh of faces without area.
        needles: faces much longer than wide.
        doubled: faces at the same three places as an earlier one.
        euler: positions - edges + faces.
        genus: handles of all parts together; None unless watertight and manifold.
    """

    watertight: bool
    manifold: bool
    rim_edges: Ids
    rim: Ids
    rim_mm: Values
    crowded_edges: Ids
    pinched: Ids
    turned: Ids
    one_sided: Ids
    closed: Flags
    flat: NDArray[np.int32]
    needles: Ids
    doubled: Ids
    euler: int
    genus: int | None


def topology_of(surface: Surface, progress: Progress) -> TopologyFacts:
    """The facts; 200 000 faces take about a third of a second."""
    edges, faces = surface.edges, surface.faces
    places = np.unique(faces)
    progress.update(0.1)
    fans, fan = fans_of(edges)
    progress.update(0.3)
    crowded = np.nonzero(edges.uses > 2)[0]
    pinched = _pinched(faces, fans, fan)
    bad = (edges.uses != 2) | (edges.balance != 0)
    watertight = bool(len(faces)) and not bad.any()
    manifold = bool(len(faces)) and not len(crowded) and not len(pinched)
    rim_edges, rim, rim_mm = _rims(surface, fan)
    progress.update(0.5)
    turned, one_sided = _winding(surface)
    progress.update(0.7)
    closed = np.ones(surface.parts, dtype=bool)
    closed[surface.part[edges.order[bad[edges.edge]] // 3]] = False
    euler = len(places) - len(edges.uses) + len(faces)
    flat, needles = _shapeless(surface)
    progress.update(0.8)
    doubled = _doubled(faces)
    progress.update(1.0)
    return TopologyFacts(
        watertight=watertight,
        manifold=manifold,
        rim_edges=rim_edges,
        rim=rim,
        rim_mm=rim_mm,
        crowded_edges=crowded,
        pinched=pinched,
        turned=turned,
        one_sided=one_sided,
        closed=closed,
        flat=flat,
        needles=needles,
        doubled=doubled,
        euler=euler,
        genus=surface.parts - euler // 2 if watertight and manifold else None,
    )


def debris_of(surface: Surface, attached: Ids) -> Flags:
    """`(parts,) bool`: the smallest parts that hang on nothing, together no more than DEBRIS_SHARE of the area.

    Args:
        surface: with area.
        attached: parts that run into others: eyes in a head, leaves on a stem.
    """
    area = surface.part_area()
    loose = np.ones(surface.parts, dtype=bool)
    loose[attached] = False
    loose[area >= CRUMB * area.max()] = False
    order = np.argsort(np.where(loose, area, np.inf), kind="stable")
    few = np.cumsum(area[order]) <= DEBRIS_SHARE * area.sum()
    debris = np.zeros(surface.parts, dtype=bool)
    debris[order[few]] = True
    return debris & loose


def _pinched(faces: Ids, fans: int, fan: Ids) -> Ids:
    """Places with more than one fan."""
    at = np.zeros(fans, dtype=np.int64)
    at[fan] = faces.ravel()
    place, count = np.unique(at, return_counts=True)
    return np.asarray(place[count > 1])


def _rims(surface: Surface, fan: Ids) -> tuple[Ids, Ids, Values]:
    """Open edges, the hole of each, and the length of each hole's rim in mm.

    Two open edges follow each other on a rim where they end the same fan, so that rims which touch in a vertex are
    told apart.
    """
    edges = surface.edges
    open_side = np.nonzero(edges.uses[edges.edge] == 1)[0]
    side = edges.order[open_side]
    if not len(side):
        return side, side, np.zeros(0)
    face, corner = side // 3, side % 3
    ends = fan[np.stack([side, face * 3 + (corner + 1) % 3], axis=1)]
    _, local = np.unique(ends, return_inverse=True)
    local = local.reshape(-1, 2)
    count = int(local.max()) + 1
    rims, label = connected(count, local[:, 0], local[:, 1])
    along = surface.triangles[face, (corner + 1) % 3] - surface.triangles[face, corner]
    rim = label[local[:, 0]]
    length = np.bincount(rim, weights=np.linalg.norm(along, axis=1), minlength=rims).astype(np.float64)
    return edges.edge[open_side], rim, length


def _winding(surface: Surface) -> tuple[Ids, Ids]:
    """The fewer faces of each part that run against the others, and the parts that have one side only.

    Each face is taken twice, as it is and turned, and linked with its neighbours so that they agree: a two-sided part
    falls into two mirrored groups, a one-sided part into one.
    """
    edges = surface.edges
    if not edges.balance[edges.uses == 2].any():
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    one, other = edges.neighbours
    two = edges.uses[edges.edge[one]] == 2
    one, other = one[two], other[two]
    count = len(surface.faces)
    same = edges.forward[one] == edges.forward[other]
    first, second = edges.order[one] // 3, edges.order[other] // 3
    crossed, straight = np.where(same, second + count, second), np.where(same, second, second + count)
    groups, label = connected(2 * count, np.concatenate([first, first + count]), np.concatenate([crossed, straight]))
    as_it_is, as_turned = label[:count], label[count:]
    kept = np.bincount(as_it_is, minlength=groups)
    against = kept[as_turned] > kept[as_it_is]
    tied = (kept[as_turned] == kept[as_it_is]) & (as_turned < as_it_is)
    one_sided = np.unique(surface.part[as_it_is == as_turned])
    return np.nonzero(against | tied)[0], one_sided


def _shapeless(surface: Surface) -> tuple[NDArray[np.int32], Ids]:
    """Numbers in the mesh of faces without area, and needles among the others."""
    sides = surface.triangles[:, [1, 2, 0]] - surface.triangles
    longest = np.einsum("ijk,ijk->ij", sides, sides).max(axis=1, initial=0.0)
    empty = surface.area == 0
    flat = np.ones(len(surface.mesh.faces), dtype=bool)
    flat[surface.number[~empty]] = False
    needles = np.nonzero(~empty & (longest > NEEDLE * 2 * surface.area))[0]
    return np.nonzero(flat)[0].astype(np.int32), needles


def _doubled(faces: Ids) -> Ids:
    corners = np.sort(faces, axis=1).astype(np.float64)
    return np.nonzero(same_rows(corners) != np.arange(len(faces)))[0] if len(faces) else faces[:, 0]
