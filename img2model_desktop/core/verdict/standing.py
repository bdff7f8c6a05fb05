"""How a mesh stands on a printer's bed or a table: contact, tilt, overhangs, room."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from img2model_desktop.core.topology import Ids
from img2model_desktop.core.verdict.findings import Conditions
from img2model_desktop.core.verdict.surface import Surface, Values

CONTACT_MM = 0.05  # half of a fine first layer: what is closer to the ground touches it
CONTACT_SHARE = 2e-4  # of the height; the larger of the two holds


@dataclass(frozen=True, slots=True, eq=False)
class StandingFacts:
    """How it stands, y up.

    Args:
        overhang_mm2: area that prints only with support: steeper than the conditions allow, and not on the ground.
        overhang_faces: `(k,) int64`, faces of the surface that make it.
        contact_mm2: area that lies flat on the ground.
        footprint_mm2: area of the convex outline of what touches the ground.
        tilt_deg: how far it can be tilted before it falls over; negative where it falls by itself.
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
    height = surface.triangles[:, :, 1] - surface.low_mm[1]
    near = max(CONTACT_MM, CONTACT_SHARE * float(surface.size_mm[1]))
    lying = height.max(axis=1, initial=0.0) <= near
    down = -surface.cross[:, 1] * sign  # twice the area times the cosine to straight down
    steep = math.sin(math.radians(conditions.overhang_deg)) + 1e-6
    hanging = (down > 2 * surface.area * steep) & ~lying
    outline = _outline(surface, height, near)
    return StandingFacts(
        overhang_mm2=float(surface.area[hanging].sum()),
        overhang_faces=np.nonzero(hanging)[0],
        contact_mm2=float(down[lying & (down > 0)].sum() / 2),
        footprint_mm2=abs(_area(outline)),
        tilt_deg=_tilt(outline, middle_mm[[0, 2]], float(middle_mm[1] - surface.low_mm[1])),
        bed_use=_bed_use(surface.size_mm, conditions.bed_mm),
    )


def _outline(surface: Surface, height: Values, near: float) -> Values:
    """`(k, 2) float64`: convex outline, x and z in mm, of what lies no higher than `near`."""
    points = [surface.triangles[height <= near]]
    for k in range(3):
        one, other = height[:, k], height[:, (k + 1) % 3]
        cut = (one - near) * (other - near) < 0
        share = (near - one[cut]) / (other[cut] - one[cut])
        start, end = surface.triangles[cut, k], surface.triangles[cut, (k + 1) % 3]
        points.append(start + (end - start) * share[:, None])
    ground = np.concatenate(points)[:, [0, 2]]
    origin = ground.mean(axis=0)
    hull = cv2.convexHull((ground - origin).astype(np.float32))
    return np.asarray(hull.reshape(-1, 2).astype(np.float64) + origin)


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
    if real.sum() < 3:
        reach = -float(np.linalg.norm(outline - middle, axis=1).min())
        return math.degrees(math.atan2(reach, max(height, 1e-9)))
    off = middle - outline[real]
    inwards = turn * (along[real, 0] * off[:, 1] - along[real, 1] * off[:, 0]) / length[real]
    return math.degrees(math.atan2(float(inwards.min()), max(height, 1e-9)))


def _bed_use(size: Values, bed: tuple[float, float, float]) -> float:
    """Width and depth may change places; height may not."""
    ground, room = sorted((float(size[0]), float(size[2]))), sorted(bed[:2])
    return max(ground[0] / room[0], ground[1] / room[1], float(size[1]) / bed[2])
