"""How the closed parts of a mesh lie in each other, and the solid that they bound."""

from dataclasses import dataclass

import numpy as np

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.rays import Rays
from img2model_desktop.core.topology import Ids
from img2model_desktop.core.verdict.surface import Flags, Surface, Values

MOST_SHELLS = 2000  # the largest closed parts; how the crumbs beyond lie in each other is not asked
MOST_HITS = 400  # faces that a ray goes through
WAYS = np.array([[0.8018, 0.2673, 0.5345], [-0.3015, 0.9045, -0.3015], [0.1826, -0.3651, -0.9129]])
"""Three directions that no mesh is likely to be aligned with; two of them must agree."""
CLOSED_SHARE = 0.99  # of the area in closed parts, from which on the mesh counts as a solid


@dataclass(frozen=True, slots=True, eq=False)
class ShellFacts:
    """What the closed parts bound.

    Args:
        volume: `(parts,) float64`, mm3, negative for a part that faces inwards; 0 for parts that are not closed.
        inside_out: closed parts that lie in no other and face inwards.
        inner: closed parts that lie in the material of others and add nothing to it.
        cavities: closed parts that face into the hollow that they bound.
        sign: `(parts,) float64`, 1, or -1 where the part is to be turned round, with all that lies in it.
        material_mm3: what the closed parts bound; parts that overlap count twice; None where too much is open.
        middle_mm: `(3,)`, centre of mass: of the solid, or of the skin where there is no solid.
    """

    volume: Values
    inside_out: Ids
    inner: Ids
    cavities: Ids
    sign: Values
    material_mm3: float | None
    middle_mm: Values


def shells_of(
    surface: Surface, closed: Flags, crossing_parts: Ids, rays: Rays | None, progress: Progress
) -> ShellFacts:
    """The facts.

    Args:
        surface: with at least one face.
        closed: `(parts,) bool`.
        crossing_parts: `(j, 2)`, parts that run through each other: neither lies in the other.
        rays: against the surface; needed where there are two closed parts.
        progress: token.
    """
    volume, moment = _integrals(surface)
    volume = np.where(closed, volume, 0.0)
    shells = np.nonzero(closed & (volume != 0))[0]
    shells = np.sort(shells[np.argsort(-np.abs(volume[shells]), kind="stable")][:MOST_SHELLS])
    facing = np.sign(volume)
    holds = _holds(surface, shells, rays, progress) if len(shells) > 1 and rays is not None else _nothing(len(shells))
    holds &= ~_are_in(shells, crossing_parts)
    outermost = ~holds.any(axis=0)
    turned = np.zeros(surface.parts, dtype=bool)
    turned[shells[outermost & (facing[shells] < 0)]] = True
    in_turned = (holds[outermost & (facing[shells] < 0)]).any(axis=0)
    turned[shells[in_turned]] = True
    sign = np.where(turned, -1.0, 1.0)
    inner_facing = (facing * sign)[shells]
    around = inner_facing @ holds  # winding number of the others around each shell
    outer = (inner_facing > 0) & (around == 0)
    cavity = (inner_facing < 0) & (around == 1)
    real = shells[outer | cavity]
    material = float((volume * sign)[real].sum())
    part_area = surface.part_area()
    is_solid = part_area[closed].sum() >= CLOSED_SHARE * part_area.sum() and material > 0
    if is_solid:
        middle = (moment * sign[:, None])[real].sum(axis=0) / material + surface.low_mm
    else:
        middle = _skin_middle(surface)
    progress.update(1.0)
    return ShellFacts(
        volume=volume,
        inside_out=shells[outermost & (facing[shells] < 0)],
        inner=shells[(inner_facing > 0) & (around > 0)],
        cavities=shells[cavity],
        sign=sign,
        material_mm3=material if is_solid else None,
        middle_mm=middle,
    )


def _nothing(count: int) -> Flags:
    return np.zeros((count, count), dtype=bool)


def _integrals(surface: Surface) -> tuple[Values, Values]:
    """For each part its volume, and its volume times its centre of mass, from the lowest corner on.

    Each face closes a tetrahedron with that corner, of a sixth of `a . (b x c)` and its middle at `(a + b + c) / 4`.
    """
    corners = surface.triangles - surface.low_mm
    cones = np.einsum("ij,ij->i", corners[:, 0], surface.cross) / 6.0
    middles = corners.sum(axis=1) / 4.0
    volume = np.bincount(surface.part, weights=cones, minlength=surface.parts)
    moment = [np.bincount(surface.part, weights=cones * middles[:, axis], minlength=surface.parts) for axis in range(3)]
    return volume.astype(np.float64), np.stack(moment, axis=1).astype(np.float64)


def _skin_middle(surface: Surface) -> Values:
    whole = float(surface.area.sum())
    middles = surface.triangles.mean(axis=1)
    return np.asarray(surface.area @ middles / whole if whole > 0 else middles.mean(axis=0))


def _are_in(shells: Ids, pairs: Ids) -> Flags:
    """`(s, s) bool`: which shells are named together in pairs of parts."""
    place = {int(part): index for index, part in enumerate(shells)}
    found = _nothing(len(shells))
    for one, other in pairs:
        i, j = place.get(int(one)), place.get(int(other))
        if i is not None and j is not None:
            found[i, j] = found[j, i] = True
    return found


def _holds(surface: Surface, shells: Ids, rays: Rays, progress: Progress) -> Flags:
    """`(s, s) bool`: whether the first shell has a corner of the second one inside."""
    count = len(shells)
    number = np.full(surface.parts, -1, dtype=np.int64)
    number[shells] = np.arange(count)
    first_face = np.zeros(surface.parts, dtype=np.int64)
    first_face[surface.part[::-1]] = np.arange(len(surface.part))[::-1]
    start = surface.triangles[first_face[shells]].mean(axis=1)
    votes = np.zeros((count, count), dtype=np.int64)
    for k, way in enumerate(WAYS / np.linalg.norm(WAYS, axis=1)[:, None]):
        part = progress.part(k / len(WAYS), (k + 1) / len(WAYS))
        votes += _windings(surface, number, start, way, rays, part) != 0
    boxed = _boxed(surface, shells)
    return np.asarray((votes >= 2) & boxed & ~np.eye(count, dtype=bool))


def _windings(surface: Surface, number: Ids, start: Values, way: Values, rays: Rays, progress: Progress) -> Ids:
    """`(s, s)`: how often the first shell winds around the point of the second, counted along rays."""
    count = len(start)
    winding = np.zeros((count, count), dtype=np.int64)
    going, at = np.arange(count), start.copy()
    direction = np.broadcast_to(way, start.shape)
    for hits in range(MOST_HITS):
        progress.update(hits / MOST_HITS)
        face, distance = rays.first(at[going], direction[going], progress.part(1.0, 1.0), rays.skin)
        going, face, distance = going[face >= 0], face[face >= 0], distance[face >= 0]
        if not len(going):
            break
        shell = number[surface.part[face]]
        out = np.sign(rays.normals[face] @ way).astype(np.int64)
        known = shell >= 0
        np.add.at(winding, (shell[known], going[known]), out[known])
        at[going] += way * np.maximum(distance, rays.skin)[:, None]
    return winding


def _boxed(surface: Surface, shells: Ids) -> Flags:
    """`(s, s) bool`: whether the box around the first shell holds that around the second."""
    low, high = surface.part_boxes()
    low, high = low[shells], high[shells]
    return np.asarray((low[:, None] <= low[None]).all(axis=2) & (high[:, None] >= high[None]).all(axis=2))
