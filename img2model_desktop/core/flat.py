"""A silhouette as a flat triangulation: a smooth rim, fine along it, coarser inside, sound for any mask."""

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import lattice
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import Silhouette

Field = NDArray[np.float32]
Points = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]

IRON = 0.12  # of the shorter rim edge beside it: so far a rim vertex may be moved to smooth the rim
CLOSE = 4.0  # field entries: distances are measured from the rim itself this far in, and fade over to the field's
TOP = 32  # lattice steps along the side of the coarsest squares
LATTICE_LIMIT = 3_000_000  # vertices: finer lattices cost more than they show


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """A silhouette as a flat, conforming triangulation with a smooth edge.

    Args:
        vertices: `(n, 2) float64`, pixels. No two are in the same place.
        faces: `(m, 3) int64`, counter-clockwise as seen in the picture. A 2-manifold; no edge but those of the
            rim joins two rim vertices, so a front and a back glued along the rim are a closed manifold.
        rim: closed rings of vertex indices; as seen in the picture the inside is on the left. Every rim
            vertex is on exactly one ring.
        distance: `(n,) float64`: to the outline, pixels; 0 on the rim, above 0 elsewhere.
    """

    vertices: NDArray[np.float64]
    faces: Indices
    rim: list[Indices]
    distance: NDArray[np.float64]

    @property
    def is_rim(self) -> NDArray[np.bool_]:
        """`(n,) bool`: which vertices are on the rim."""
        flags = np.zeros(len(self.vertices), bool)
        for ring in self.rim:
            flags[ring] = True
        return flags


def flat_of(silhouette: Silhouette, faces: int, rim_share: float = 0.45, progress: Progress | None = None) -> Flat:
    """The silhouette as a flat triangulation: fine along the outline, coarser inside.

    Args:
        silhouette: what to triangulate.
        faces: about how many triangles are wanted (met within about a quarter, more where thin parts need them).
        rim_share: how much finer the triangles along the rim are than those inside, 0.1 to 1 (all alike).
        progress: told how far the work is.
    """
    progress = progress or Progress()
    step, wanted = _steps(silhouette, faces, rim_share)
    field, step = _on_lattice(silhouette, step)
    progress.update(0.1)
    for attempt in range(1, 4):
        marks = _marks(field, step, wanted, rim_share)
        triangles = lattice.triangles_of(marks, TOP)
        value = field.ravel().astype(np.float64)
        corner = value[triangles] > 0
        triangles, corner = triangles[corner.any(axis=1)], corner[corner.any(axis=1)]
        count = int(len(triangles) + np.count_nonzero(corner.sum(axis=1) == 2))
        if abs(count / faces - 1) < 0.15:
            break
        wanted *= float(np.sqrt(count / faces))
        progress.update(0.1 + 0.15 * attempt)
    progress.update(0.6)
    return _cut_smoothly(silhouette, triangles, value, field.shape[1], step, progress)


def _steps(silhouette: Silhouette, faces: int, rim_share: float) -> tuple[float, float]:
    """The lattice's step and the first guess of the side of inner triangles, both pixels."""
    pixel = silhouette.pixel
    wanted = math.sqrt(2 * silhouette.area / max(faces, 1))
    finest = pixel * math.sqrt(silhouette.distance.size / LATTICE_LIMIT)
    step = max(wanted * rim_share / 2, finest)
    if step > pixel / 2:  # a lattice on the field's own entries needs no resampling and sees every one of them
        return max(pixel, finest), wanted
    return max(pixel / 2 ** min(math.ceil(math.log2(pixel / step)), 5), finest), wanted


def _on_lattice(silhouette: Silhouette, step: float) -> tuple[Field, float]:
    """The signed distance on lattice vertices, never 0; vertex (i, j) is at entry (j, i) * step / pixel."""
    field = silhouette.distance
    ratio = step / silhouette.pixel
    if ratio != 1.0:
        size = int((field.shape[1] - 1) / ratio) + 1, int((field.shape[0] - 1) / ratio) + 1
        field = _resampled(field, ratio, size)
    height, width = lattice.lattice_shape(field.shape[0], field.shape[1], TOP)
    framed = np.full((height, width), -float(TOP) * step, np.float32)
    framed[: field.shape[0], : field.shape[1]] = field
    field = framed
    np.copyto(field, np.copysign(np.float32(1e-3), field), where=np.abs(field) < 1e-3)
    for border in (field[0], field[-1], field[:, 0], field[:, -1]):
        np.minimum(border, -step, out=border)
    return field, step


def _resampled(field: Field, ratio: float, size: tuple[int, int]) -> Field:
    """A signed distance at every `ratio` entries; cubic for its smooth outline, but on the side that linear is on."""
    to_field = np.array([[ratio, 0, 0], [0, ratio, 0]], np.float64)

    def warp(kind: int) -> Field:
        flags = kind | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(field, to_field, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
        )

    linear = warp(cv2.INTER_LINEAR)
    if ratio > 1:
        return linear
    cubic = warp(cv2.INTER_CUBIC)
    return np.where(cubic * linear > 0, cubic, linear)


def _marks(field: Field, step: float, wanted: float, rim_share: float) -> NDArray[np.bool_]:
    """Which lattice vertices are there, closed.

    A vertex of a level whose squares have side s is there when the wanted side of triangles around it is below s.
    """
    marks = np.zeros(field.shape, bool)
    deepest = float(field.max())
    for side in lattice.levels(TOP):
        half = side // 2
        length = side * step  # between the vertices that a vertex of this level stands in the middle of
        for rows, columns, longest in ((half, half, length * 1.414), (half, 0, length), (0, half, length)):
            near = field[rows::side, columns::side]
            # Grows from the rim's size to the inner size over a band that is a few triangles wide. The inner size
            # itself grows a little with depth: a level then comes in bit by bit, not everywhere at once.
            inner = wanted * (0.84 + 0.35 * np.maximum(near, 0) / deepest)
            target = np.minimum(rim_share * wanted + 0.25 * np.maximum(near - wanted, 0), inner)
            marks[rows::side, columns::side] = (target * 1.414 < longest) & (near > -0.75 * longest)
    lattice.mark_thin(marks, field > 0, TOP)
    lattice.close_marks(marks, TOP)
    return marks


def _cut_smoothly(
    silhouette: Silhouette, triangles: Indices, value: Points, columns: int, step: float, progress: Progress
) -> Flat:
    """Cuts the lattice along the outline, without slivers."""
    used, flat = np.unique(triangles, return_inverse=True)
    triangles = flat.reshape(-1, 3)
    value = value[used]
    at = silhouette.point_of(np.stack([used % columns, used // columns], axis=1) * (step / silhouette.pixel))
    moved, snapped = _snap(silhouette, triangles, value, at)
    progress.update(0.7)
    settled, made = lattice.settle(triangles, np.where(snapped, 0.0, value), snapped, value)
    at = np.where((settled == 0)[:, None], moved, at)
    progress.update(0.8)
    points = _on_zero(silhouette, made, at).placed(at)
    before = np.full_like(made.after, -1)
    before[made.after[made.after >= 0]] = np.nonzero(made.after >= 0)[0]
    faces = made.faces[:, ::-1]  # lattice triangles turn from x to y: clockwise where y points down
    _iron(points, faces, made.after, before)
    distance = _measured(silhouette, points, made.after, before, value[made.ends[:, 0]])
    return Flat(points.astype(np.float64), faces, lattice.loops(before), distance.astype(np.float64))


def _on_zero(silhouette: Silhouette, made: lattice.Cut, at: Points) -> lattice.Cut:
    """The cut with its new vertices where the distance is 0, which on long edges it is not quite where a line says."""
    cuts = np.nonzero(made.ends[:, 0] != made.ends[:, 1])[0]
    first, second = at[made.ends[cuts, 0]], at[made.ends[cuts, 1]]
    low, high = np.zeros(len(cuts)), np.ones(len(cuts))
    above, below = silhouette.distance_at(first), silhouette.distance_at(second)
    usable = (above > 0) & (below < 0)
    share = made.share[cuts]
    for _ in range(3):  # regula falsi
        here = silhouette.distance_at(first + (second - first) * share[:, None])
        inside = here > 0
        low, above = np.where(inside, share, low), np.where(inside, here, above)
        high, below = np.where(inside, high, share), np.where(inside, below, here)
        share = low + (high - low) * (above / np.maximum(above - below, 1e-12)).clip(0, 1)
    shares = made.share.copy()
    shares[cuts[usable]] = share[usable].clip(lattice.NEAR_END, 1 - lattice.NEAR_END)
    return replace(made, share=shares)


def _iron(points: Points, faces: Indices, after: Indices, before: Indices) -> None:
    """Takes the last jitter out of the rim, in place: what eight bits of alpha cannot tell shows in a flank's gloss.

    Taubin's pair of steps (a curve is smoothed, then swells back), each vertex moving across the rim alone and no
    further than leaves every triangle its side.
    """
    rim = np.nonzero(after >= 0)[0]
    ahead, behind = after[rim], before[rim]
    start = points[rim].copy()
    for weight in (0.5, -0.53) * 4:
        along = points[ahead] - points[behind]
        length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
        across = np.stack([along[:, 1], -along[:, 0]], axis=1) / length[:, None]
        off = ((points[ahead] + points[behind]) / 2 - points[rim]) * across
        points[rim] += weight * off.sum(axis=1)[:, None] * across
    reach = IRON * np.minimum(np.hypot(*(start - points[ahead]).T), np.hypot(*(start - points[behind]).T))
    moved = points[rim] - start
    size = np.maximum(np.hypot(moved[:, 0], moved[:, 1]), 1e-12)
    points[rim] = start + moved * np.minimum(reach / size, 1.0)[:, None]
    origin = points.copy()
    origin[rim] = start
    touched = faces[(after[faces] >= 0).any(axis=1)]
    least = 0.3 * areas(origin, touched)
    while True:
        spoilt = touched[areas(points, touched) < least].ravel()
        if not (points[spoilt] != origin[spoilt]).any():
            return
        points[spoilt] = origin[spoilt]


def areas(points: Points, faces: Indices) -> Points:
    """Area of each flat triangle, pixels squared, above 0 when it runs counter-clockwise as seen in the picture."""
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    return np.asarray((b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]) - (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1])) / 2


def _measured(silhouette: Silhouette, points: Points, after: Indices, before: Indices, rough: Points) -> Points:
    """Distances to the rim as it is, for the vertices close to it; `rough` ones, from the field, further in.

    A height that rises like the square root of the distance shows every error of it beside the rim.
    """
    rim = np.nonzero(after >= 0)[0]
    shape = silhouette.distance.shape
    free = np.ones(shape, np.uint8)
    columns, rows = np.round(silhouette.entry_of(points)).astype(np.int64).T
    columns, rows = columns.clip(0, shape[1] - 1), rows.clip(0, shape[0] - 1)
    free[rows[rim], columns[rim]] = 0
    _, labels = cv2.distanceTransformWithLabels(free, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    nearest = np.zeros(int(labels.max()) + 1, np.int64)
    nearest[labels[rows[rim], columns[rim]]] = rim
    band = CLOSE * silhouette.pixel
    near = np.nonzero((after < 0) & (rough < 2 * band))[0]
    at = nearest[labels[rows[near], columns[near]]]
    exact = np.full(len(near), np.inf)
    # The nearest rim vertex is known to a field entry or so: as many edges to either side may be nearer.
    edge = np.hypot(*(points[rim] - points[after[rim]]).T).mean()
    beside = int(min(max(2 * silhouette.pixel / edge, 1.0), 8.0)) + 1
    first = at
    for _ in range(beside):
        first = before[first]
    for _ in range(2 * beside):
        exact = np.minimum(exact, _to_segment(points[near], points[first], points[after[first]]))
        first = after[first]
    share = ((rough[near] - band) / band).clip(0, 1)
    measured = np.where(after >= 0, 0.0, rough)
    measured[near] = share * rough[near] + (1 - share) * np.minimum(exact, 2 * rough[near] + silhouette.pixel)
    return measured


def _to_segment(points: Points, first: Points, second: Points) -> Points:
    """Distances of points from segments, one each."""
    along = second - first
    share = ((points - first) * along).sum(axis=1) / np.maximum((along * along).sum(axis=1), 1e-18)
    return np.asarray(np.hypot(*(points - first - along * share.clip(0, 1)[:, None]).T))


def _snap(silhouette: Silhouette, triangles: Indices, value: Points, at: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Vertices that are close to the outline, moved onto it: `(n, 2)` places and `(n,)` which."""
    corner = value[triangles]
    half_east, half_south = np.array([0.5, 0.0]), np.array([0.0, 0.5])
    mixed = triangles[(corner > 0).any(axis=1) & (corner < 0).any(axis=1)]
    shortest = np.full(len(value), np.inf)
    for first, second in ((0, 1), (1, 2), (2, 0)):
        a, b = mixed[:, first], mixed[:, second]
        length = np.hypot(*(at[a] - at[b]).T)
        np.minimum.at(shortest, a, length)
        np.minimum.at(shortest, b, length)
    reach = lattice.SNAP * shortest
    near = np.nonzero(np.isfinite(shortest) & (np.abs(value) < reach))[0]
    moved, snapped = at.copy(), np.zeros(len(value), bool)
    target = at[near]
    for _ in range(2):
        here = silhouette.distance_at(target)
        east = silhouette.distance_at(target + half_east) - silhouette.distance_at(target - half_east)
        south = silhouette.distance_at(target + half_south) - silhouette.distance_at(target - half_south)
        slope = np.maximum(east**2 + south**2, 0.25)
        target = target - np.stack([here * east / slope, here * south / slope], axis=1)
    good = np.hypot(*(target - at[near]).T) < reach[near]
    moved[near[good]] = target[good]
    snapped[near[good]] = True
    return moved, snapped
