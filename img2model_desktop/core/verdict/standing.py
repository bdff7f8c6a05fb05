"""How a mesh stands on a printer's bed or a table: contact, tilt, overhangs, room."""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from img2model_desktop.core.topology import Ids
from img2model_desktop.core.verdict.findings import Conditions
from img2model_desktop.core.verdict.surface import Surface, Values

LAYER_MM = 0.2  # a usual first layer: what is lower sticks to the bed
TOUCH = 5e-4  # of the longest side: what is closer to the ground on which it rests bears weight
SETTLE_DEG = 5.0  # how far a thing may turn until it rests on three points and still counts as standing as it is
CELLS = 128  # of a grid over the ground, of each of which only the lowest corner is asked for the resting place


@dataclass(frozen=True, slots=True, eq=False)
class StandingFacts:
    """How it stands, y up.

    Args:
        overhang_mm2: area that prints only with support: steeper than the conditions allow, and not on the ground.
        overhang_faces: `(k,) int64`, faces of the surface that make it.
        contact_mm2: area that lies flat in the first layer.
        footprint_mm2: area of the convex outline of what bears its weight at rest.
        tilt_deg: how far it can be tilted then before it falls over; negative where it falls by itself.
        bed_use: largest share of the bed that a side takes; above 1 it does not fit, even turned by a quarter.
    """

    overhang_mm2: float
    overhang_faces: Ids
    contact_mm2: float
    footprint_mm2: float
    tilt_deg: float
    bed_use: float


def standing_of(surface: Surface, sign: Values, middle_mm: Values, conditions: Conditions) -> StandingFacts:
    """The facts.

    Args:
        surface: with area.
        sign: `(k,)`, 1 or -1 for each face: whether its normal is to be turned to look out of the material.
        middle_mm: `(3,)`, centre of mass.
        conditions: overhang and bed.
    """
    lying = (surface.triangles[:, :, 1] <= surface.low_mm[1] + LAYER_MM).all(axis=1)
    down = -surface.cross[:, 1] * sign  # twice the area times the cosine to straight down
    steep = math.sin(math.radians(conditions.overhang_deg)) + 1e-6
    hanging = (down > 2 * surface.area * steep) & ~lying
    outline, tilt = _stand(surface, middle_mm)
    return StandingFacts(
        overhang_mm2=float(surface.area[hanging].sum()),
        overhang_faces=np.nonzero(hanging)[0],
        contact_mm2=float(down[lying & (down > 0)].sum() / 2),
        footprint_mm2=abs(_area(outline)),
        tilt_deg=tilt,
        bed_use=_bed_use(surface.size_mm, conditions.bed_mm),
    )


def _stand(surface: Surface, middle: Values) -> tuple[Values, float]:
    """Outline of what bears the weight, and the tilt that makes it fall.

    Put down as it is, a thing turns until it rests on a face of its convex hull that has the centre of mass above it.
    """
    low = _lowest(surface)
    touch = TOUCH * float(surface.size_mm.max())
    down = np.array([0.0, -1.0, 0.0])
    rest = _resting(low, middle)
    reach = low @ (down if rest is None else rest)
    bearing = low[reach >= reach.max() - touch]
    height = float(reach.max() - middle @ (down if rest is None else rest))
    outline, under = _on_ground(bearing, middle, down if rest is None else rest)
    tilt = _tilt(outline, under, height)
    return outline, tilt if rest is not None else min(tilt, -1e-3)


def _lowest(surface: Surface) -> Values:
    """`(k, 3)`: the lowest corner over each cell of the ground, of those that can touch it after settling."""
    points = surface.triangles.reshape(-1, 3)
    width = float(np.linalg.norm(surface.size_mm[[0, 2]]))
    points = points[points[:, 1] <= surface.low_mm[1] + max(math.tan(math.radians(SETTLE_DEG)) * width, LAYER_MM)]
    span = np.maximum(surface.size_mm[[0, 2]], 1e-12)
    cell = np.minimum(((points[:, [0, 2]] - surface.low_mm[[0, 2]]) / span * CELLS).astype(np.int64), CELLS - 1)
    order = np.lexsort((points[:, 1], cell[:, 0] * CELLS + cell[:, 1]))
    key = (cell[:, 0] * CELLS + cell[:, 1])[order]
    first = np.ones(len(key), dtype=bool)
    first[1:] = key[1:] != key[:-1]
    return np.asarray(points[order[first]])


def _resting(low: Values, middle: Values) -> Values | None:
    """`(3,)`: outward normal of the hull's face on which it comes to rest; None where it turns too far on the way."""
    from scipy.spatial import ConvexHull, QhullError  # 0.1 s to import, not always needed

    down = np.array([0.0, -1.0, 0.0])
    try:
        hull = ConvexHull(np.concatenate([low, middle[None]]) - middle)
    except QhullError:  # all in one plane: it lies flat, or balances on an edge
        return down if float(np.ptp(np.append(low[:, 1], middle[1]))) <= 1e-9 * np.abs(low).max() else None
    faces = hull.equations[(hull.simplices != len(low)).all(axis=1)]
    normals, away = faces[:, :3], -faces[:, 3]
    way = down
    for _ in range(8):
        slope = normals @ way
        below = slope > 1e-9
        if not below.any():
            return None
        pierced = np.nonzero(below)[0][np.argmin(away[below] / slope[below])]
        settled = normals[pierced]
        if settled @ down < math.cos(math.radians(SETTLE_DEG)) or not _is_pierced(hull, faces[pierced], way):
            return None
        if settled @ way > 1 - 1e-12:
            return np.asarray(settled)
        way = settled
    return np.asarray(way)


def _is_pierced(hull: Any, face: Values, way: Values) -> bool:
    """Whether the ray from the centre leaves the whole hull, centre included, through this face's plane."""
    slope = hull.equations[:, :3] @ way
    ahead = slope > 1e-9
    nearest = float((-hull.equations[ahead, 3] / slope[ahead]).min())
    return bool(nearest >= -face[3] / float(face[:3] @ way) * (1 - 1e-6) - 1e-12)


def _on_ground(points: Values, middle: Values, down: Values) -> tuple[Values, Values]:
    """`(k, 2)`: convex outline of points on the plane square to `down`, and the middle's place on it, mm."""
    side = np.cross(down, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    flat = np.stack([(points - middle) @ side, (points - middle) @ np.cross(side, down)], axis=1)
    hull = cv2.convexHull(flat.astype(np.float32))
    return np.asarray(hull.reshape(-1, 2).astype(np.float64)), np.zeros(2)


def _area(outline: Values) -> float:
    """Signed area of a polygon."""
    following = np.roll(outline, -1, axis=0)
    return float((outline[:, 0] * following[:, 1] - outline[:, 1] * following[:, 0]).sum() / 2)


def _tilt(outline: Values, middle: Values, height: float) -> float:
    """Degrees of tilt around the outline's weakest side that bring the centre of mass over it."""
    turn = 1.0 if _area(outline) >= 0 else -1.0
    along = np.roll(outline, -1, axis=0) - outline
    length = np.linalg.norm(along, axis=1)
    real = length > 0
    if real.sum() < 3:  # a point, or an edge
        share = ((middle - outline) * along).sum(axis=1) / np.where(real, length, 1.0) ** 2
        nearest = outline + along * np.clip(share, 0.0, 1.0)[:, None]
        reach = -float(np.linalg.norm(nearest - middle, axis=1).min())
        return math.degrees(math.atan2(reach, max(height, 1e-9)))
    off = middle - outline[real]
    inwards = turn * (along[real, 0] * off[:, 1] - along[real, 1] * off[:, 0]) / length[real]
    return math.degrees(math.atan2(float(inwards.min()), max(height, 1e-9)))


def _bed_use(size: Values, bed: tuple[float, float, float]) -> float:
    """Width and depth may change places; height may not."""
    ground, room = sorted((float(size[0]), float(size[2]))), sorted(bed[:2])
    return max(ground[0] / room[0], ground[1] / room[1], float(size[1]) / bed[2])
