"""How thick the material is and how narrow the gaps are, seen along rays from the surface."""

from dataclasses import dataclass

import numpy as np

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.rays import Rays
from img2model_desktop.core.topology import Ids
from img2model_desktop.core.verdict.surface import Flags, Surface, Values

SAMPLES = 16_384  # at least so many points, spread over the area; and one on each face up to MOST_FACES
MOST_FACES = 250_000
OPPOSED = float(np.cos(np.radians(45.0)))  # two faces make a wall where their normals are so opposite; else an edge
MOST_HITS = 8  # faces of overlapping parts that a ray goes through
TIP_SHARE = 0.001  # of the area: what is less is a mere tip or edge, however thin it is
SMALL_SHARE = 0.01  # of the area: the quantile that stands for "the thinnest" without the last sharp tip


@dataclass(frozen=True, slots=True, eq=False)
class WallFacts:
    """Thickness of walls and width of gaps.

    Args:
        thinnest_mm: a thousandth of the area has walls at most so thick; None where less than that has walls.
        thin_mm: a hundredth of the area has walls at most so thick; None where less than that has walls.
        thin_share: share of the area whose walls are thinner than asked, 0..1.
        thin_faces: `(k,) int64`, faces of the surface with such a point.
        gap_mm: a hundredth of the area looks into gaps at most so wide; None where less than that does.
    """

    thinnest_mm: float | None
    thin_mm: float | None
    thin_share: float
    thin_faces: Ids
    gap_mm: float | None


def walls_of(surface: Surface, sign: Values, wall_mm: float, rays: Rays, progress: Progress) -> WallFacts:
    """The facts.

    Args:
        surface: with area.
        sign: `(k,)`, 1 or -1 for each face: whether its normal is to be turned to look out of the material.
        wall_mm: thinnest wall asked for.
        rays: against the surface.
        progress: token.
    """
    face, point, weight = _samples(surface)
    outwards = rays.normals[face] * sign[face][:, None]
    wall = _walls(point, -outwards, sign, rays, progress.part(0.0, 0.6))
    whole = float(weight.sum())
    thin = wall < wall_mm * (1 - 1e-6)
    some = thin.copy()
    some[:: max(1, len(face) // SAMPLES)] = True  # enough for the quantile of gaps
    seen = np.nonzero(some)[0]
    gap, hidden = _gaps(point[seen], outwards[seen], sign, rays, progress.part(0.6, 1.0))
    wall[seen[hidden]] = np.inf
    thin[seen[hidden]] = False
    even = seen % max(1, len(face) // SAMPLES) == 0
    return WallFacts(
        thinnest_mm=_quantile(wall, weight, TIP_SHARE * whole),
        thin_mm=_quantile(wall, weight, SMALL_SHARE * whole),
        thin_share=float(weight[thin].sum() / whole),
        thin_faces=np.unique(face[thin]),
        gap_mm=_quantile(gap[even], weight[seen[even]], SMALL_SHARE * float(weight[seen[even]].sum())),
    )


def _samples(surface: Surface) -> tuple[Ids, Values, Values]:
    """Faces, points on them (mm) and the area that each stands for: large faces get many, small ones one or none."""
    area = surface.area
    if len(area) <= MOST_FACES:
        many = np.maximum(np.ceil(area * (SAMPLES / area.sum())), area > 0).astype(np.int64)
    else:
        steps = np.floor(np.cumsum(area) * (MOST_FACES / area.sum()))
        many = np.diff(steps, prepend=0.0).astype(np.int64)
    face = np.repeat(np.arange(len(area)), many)
    rank = np.arange(len(face)) - np.repeat(np.cumsum(many) - many, many)
    weight = area[face] / many[face] if len(area) <= MOST_FACES else np.full(len(face), area.sum() / len(face))
    # the middle first, then points of the R2 sequence (Roberts 2018), folded into the triangle
    u, v = (1 / 3 + rank * 0.7548776662466927) % 1.0, (1 / 3 + rank * 0.5698402909980532) % 1.0
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    a, b, c = (surface.triangles[face, k] for k in range(3))
    return face, a + u[:, None] * (b - a) + v[:, None] * (c - a), weight


def _gaps(start: Values, way: Values, sign: Values, rays: Rays, progress: Progress) -> tuple[Values, Flags]:
    """How far each point sees another surface that faces it, infinite for none; and which points lie in material."""
    face, distance = rays.first(start, way, progress, rays.skin)
    hit = face >= 0
    slope = np.zeros(len(start))
    slope[hit] = np.einsum("ij,ij->i", rays.normals[face[hit]], way[hit]) * sign[face[hit]]
    return np.where(slope < -OPPOSED, distance, np.inf), slope > 0


def _walls(start: Values, way: Values, sign: Values, rays: Rays, progress: Progress) -> Values:
    """How far each ray goes until it has left the material, infinite where it does not or leaves it aslant."""
    wall = np.full(len(start), np.inf)
    going, walked, depth = np.arange(len(start)), np.zeros(len(start)), np.ones(len(start), dtype=np.int64)
    for hits in range(MOST_HITS):
        token = progress.part(hits / MOST_HITS, (hits + 1) / MOST_HITS)
        face, distance = rays.first(start[going] + way[going] * walked[going, None], way[going], token, rays.skin)
        met = face >= 0
        going, face, distance = going[met], face[met], distance[met]
        if not len(going):
            break
        walked[going] += np.maximum(distance, rays.skin)
        slope = np.einsum("ij,ij->i", rays.normals[face], way[going]) * sign[face]
        depth[going] -= np.sign(slope).astype(np.int64)
        out = depth[going] <= 0
        straight = out & (slope > OPPOSED)
        wall[going[straight]] = walked[going[straight]]
        going = going[~out]
    return wall


def _quantile(values: Values, weight: Values, amount: float) -> float | None:
    """The value up to which so much of the weight lies; None where it is infinite."""
    order = np.argsort(values, kind="stable")
    at = int(np.searchsorted(np.cumsum(weight[order]), amount))
    value = float(values[order[min(at, len(order) - 1)]])
    return value if np.isfinite(value) else None
