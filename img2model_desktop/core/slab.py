"""A flat body with sharp outlines, holes, and a bevel: what Extrude makes.

Seen from the front the body is the outline's polygon. Towards the edge its height falls with the distance to the
outline, so a bevel needs no offset polygons that could cross: where a part is thinner than two bevels its sides
simply meet in a ridge. Lines of equal distance become edges of the mesh, so the bevel is crisp.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import planar
from img2model_desktop.core.flat import flat_of
from img2model_desktop.core.outline import Loop, loops_of, moved_inwards
from img2model_desktop.core.plates import Slab, closed_between, divided, lattice
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import Silhouette

Points = NDArray[np.float64]
Indices = NDArray[np.int64]

MOST_LEVELS = 6  # lines of equal distance in a round bevel
ENOUGH = 0.1  # share of the wanted number of triangles that the result may be off


@dataclass(frozen=True, slots=True)
class Bevel:
    """How the front edge falls off.

    Args:
        width: picture pixels, across and in depth; 0 is a sharp edge.
        is_round: a quarter of a circle instead of a flat chamfer.
    """

    width: float
    is_round: bool

    def drop(self, distance: NDArray[np.floating[Any]]) -> Points:
        """How far the surface lies below the front, pixels, at a distance from the outline."""
        if self.width <= 0:
            return np.zeros(len(distance))
        rest = np.clip(self.width - distance, 0.0, self.width)
        if not self.is_round:
            return np.asarray(rest, np.float64)
        return np.asarray(self.width - np.sqrt(np.maximum(self.width**2 - rest**2, 0)))


def slab_of(
    silhouette: Silhouette, thickness: float, bevel: Bevel, both_sides: bool, faces: int, progress: Progress
) -> Slab:
    """Extrudes a silhouette.

    Args:
        silhouette: of the subject.
        thickness: picture pixels.
        bevel: of the front, at most half as wide as the thickness if `both_sides`.
        both_sides: whether the back has the bevel too.
        faces: about how many triangles are wanted; a rich outline may need more.
        progress: of this work.
    """
    loops = loops_of(silhouette)
    progress.update(0.15)
    edge = _edge_for(silhouette, loops, thickness, faces)
    for attempt in range(4):
        part = progress.part(0.15 + 0.2 * attempt, 0.35 + 0.2 * attempt)
        try:
            flat = _filled(silhouette, loops, bevel, edge, part)
        except planar.Crossing:
            return _smooth(silhouette, thickness, bevel, both_sides, faces)
        part.update(1.0)
        made = _raised(flat, loops, thickness, bevel, both_sides, edge)
        off = len(made.faces) / faces
        if abs(off - 1) < ENOUGH:
            break
        edge *= min(max(math.sqrt(off), 0.4), 2.5)
    return made


def _edge_for(silhouette: Silhouette, loops: list[Loop], thickness: float, faces: int) -> float:
    """The side of triangles, pixels, that gives about the wanted number of them."""
    around = sum(float(np.hypot(*(np.roll(loop.points, -1, axis=0) - loop.points).T).sum()) for loop in loops)
    return math.sqrt((2 * silhouette.area / 0.433 + 2 * around * thickness) / faces)


def _filled(silhouette: Silhouette, loops: list[Loop], bevel: Bevel, edge: float, progress: Progress) -> planar.Planar:
    """The front, flat: triangles of about the side `edge`, with the bevel's lines as edges."""
    rims = [divided(np.concatenate([loop.points, loop.points[:1]]), edge)[:-1] for loop in loops]
    lines: list[Points] = []
    levels = _levels(bevel, edge)
    inner = loops
    for before, level in zip([0.0, *levels], levels, strict=False):
        outer, inner = inner, moved_inwards(silhouette, level)
        progress.update(0.5)
        lines += [divided(np.concatenate([loop.points, loop.points[:1]]), edge) for loop in inner]
        lines += _mitres(outer, inner, level - before, edge)
    inside = _lattice(silhouette, edge, levels)
    progress.update(0.6)
    return planar.fill(rims, lines, inside, progress.part(0.6, 1.0))


def _levels(bevel: Bevel, edge: float) -> list[float]:
    """Distances from the outline, pixels, at which the bevel has a line."""
    if bevel.width <= 0:
        return []
    count = min(max(round(bevel.width * math.pi / 2 / edge), 2), MOST_LEVELS) if bevel.is_round else 1
    turn = np.arange(1, count + 1) * (math.pi / 2 / count)
    return [float(level) for level in bevel.width * (1 - np.cos(turn))] if bevel.is_round else [bevel.width]


def _mitres(outer: list[Loop], inner: list[Loop], gap: float, edge: float) -> list[Points]:
    """Lines from the corners of an outline to those of the one inside it."""
    starts = [loop.points[loop.is_corner] for loop in outer]
    ends = [loop.points[loop.is_corner] for loop in inner]
    if not starts or not ends or not sum(map(len, starts)) or not sum(map(len, ends)):
        return []
    a, b = np.concatenate(starts), np.concatenate(ends)
    apart = np.hypot(*(a[:, None] - b[None]).transpose(2, 0, 1))
    nearest = apart.argmin(axis=1)
    mutual = (apart.argmin(axis=0)[nearest] == np.arange(len(a))) & (apart.min(axis=1) < 4 * gap)
    return [divided(np.stack([a[i], b[nearest[i]]]), edge) for i in np.nonzero(mutual)[0]]


def _lattice(silhouette: Silhouette, edge: float, levels: list[float]) -> Points:
    """Points inside, away from the lines."""
    points = lattice(silhouette.box, edge)
    distance = silhouette.distance_at(points)
    keep = distance > 0.6 * edge
    for level in levels:
        keep &= np.abs(distance - level) > 0.5 * edge
    return np.asarray(points[keep])


def _raised(
    flat: planar.Planar, loops: list[Loop], thickness: float, bevel: Bevel, both_sides: bool, edge: float
) -> Slab:
    """Front, wall and back."""
    distance = _distance(flat.points, loops, bevel.width)
    distance[np.concatenate(flat.rims)] = 0.0
    front = thickness / 2 - bevel.drop(distance)
    back = -front if both_sides else np.full_like(front, -thickness / 2)
    return closed_between(flat, front, flat, back, edge)


def _distance(points: Points, loops: list[Loop], reach: float) -> Points:
    """Distance of points to the polygons, pixels; exact up to `reach`, at least `reach` beyond."""
    from scipy.spatial import cKDTree

    if reach <= 0:
        return np.full(len(points), np.inf)
    starts = np.concatenate([loop.points for loop in loops])
    ends = np.concatenate([np.roll(loop.points, -1, axis=0) for loop in loops])
    step = max(reach / 4, 1.0)
    long = np.hypot(*(ends - starts).T)
    pieces = np.maximum(np.ceil(long / step), 1).astype(np.int64)
    owner = np.repeat(np.arange(len(pieces)), pieces)
    order = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    samples = starts[owner] + ((order + 0.5) / pieces[owner])[:, None] * (ends - starts)[owner]
    near, found = cKDTree(samples).query(points, k=min(4, len(samples)), distance_upper_bound=reach + step)
    result = np.full(len(points), np.inf)
    for column in range(found.shape[1] if found.ndim > 1 else 1):
        index = found[:, column] if found.ndim > 1 else found
        hit = index < len(samples)
        segment = owner[index[hit]]
        a, way = starts[segment], (ends - starts)[segment]
        share = np.clip(((points[hit] - a) * way).sum(axis=1) / np.maximum((way**2).sum(axis=1), 1e-12), 0, 1)
        result[hit] = np.minimum(result[hit], np.hypot(*(points[hit] - a - share[:, None] * way).T))
    del near
    return result


def _smooth(silhouette: Silhouette, thickness: float, bevel: Bevel, both_sides: bool, faces: int) -> Slab:
    """The same with the outline as it is: where parts nearly touch, sharp corners could reach into each other."""
    flat = flat_of(silhouette, int(faces * 0.4))
    front = thickness / 2 - bevel.drop(flat.distance)
    back = -front if both_sides else np.full_like(front, -thickness / 2)
    rims = tuple(np.asarray(ring) for ring in flat.rim)
    whole = planar.Planar(flat.vertices.astype(np.float64), flat.faces, rims)
    return closed_between(whole, front, whole, back, math.inf)
