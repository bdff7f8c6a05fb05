"""From an alpha channel to a smooth outline: signed distance, contours, parts, a flat triangulation, figures.

Coordinates are picture pixels, origin in the upper left corner of the picture, x to the right, y down; the
centre of the first pixel is (0.5, 0.5).
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import lattice
from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import InputProblem

Alpha = NDArray[np.uint8]
Field = NDArray[np.float32]
Points = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]

FRINGE = 2  # pixels around those that are inside whose alpha says where the outline is
MARGIN = 10  # entries of outside around the subject: it is closed at the frame, and smoothing does not feel the edge
FIELD_LIMIT = 5_000_000  # entries: larger subjects are averaged down; alpha keeps the outline sub-pixel
HALF = 128  # alpha from here on is inside
SURE = 0.05  # px: a pixel's centre stays at least so far on its own side of the outline
SOFT_PLAY = 0.06  # px: how far smoothing may move an outline that an anti-aliased alpha gives
TIGHT_ROUNDS = 5  # passes of the smoothing
THIN_PLAY = 0.2  # px: the same where a hard mask is a pixel or two wide


@dataclass(frozen=True, slots=True, eq=False)
class Silhouette:
    """The inside of a picture, with its outline known more finely than a pixel.

    The field covers the subject and a margin around it, not the whole picture.

    Args:
        distance: `(n, m) float32`: signed distance to the outline, picture pixels, above 0 inside, never 0. Entry
            [i, j] belongs to the point (left + (j + 0.5) * pixel, top + (i + 0.5) * pixel).
        left, top: corner of the field in the picture, pixels; may be negative.
        pixel: side of a field entry, picture pixels: 1, or more for very large pictures.
        width, height: of the picture, pixels.
    """

    distance: Field
    left: float
    top: float
    pixel: float
    width: int
    height: int

    @property
    def inside(self) -> NDArray[np.bool_]:
        """`(n, m) bool`: the field's entries that are inside."""
        return np.asarray(self.distance > 0)

    @property
    def area(self) -> float:
        """Picture pixels squared, counted."""
        return float(np.count_nonzero(self.distance > 0)) * self.pixel**2

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the entries inside, picture pixels."""
        rows = np.nonzero(self.inside.any(axis=1))[0]
        columns = np.nonzero(self.inside.any(axis=0))[0]
        return (
            self.left + float(columns[0]) * self.pixel,
            self.top + float(rows[0]) * self.pixel,
            self.left + float(columns[-1] + 1) * self.pixel,
            self.top + float(rows[-1] + 1) * self.pixel,
        )

    def entry_of(self, points: Points) -> Points:
        """Where `(n, 2)` points lie in the field: (column, row), integers being the entries. `(n, 2) float64`."""
        return np.asarray((points - [self.left, self.top]) / self.pixel - 0.5)

    def point_of(self, entries: Points | Indices) -> Points:
        """The other way round."""
        return np.asarray((entries + 0.5) * self.pixel + [self.left, self.top], np.float64)

    def distance_at(self, points: Points) -> Points:
        """Signed distance, pixels, at `(n, 2) float64` points; bilinear, so that it is continuous. `(n,) float64`."""
        return sample(self.distance, self.entry_of(points))


def sample(field: Field, at: Points) -> Points:
    """Bilinear values of a field at `(n, 2)` positions (column, row), integers being its entries; edges repeat."""
    rows, columns = field.shape
    x = at[:, 0].clip(0, columns - 1)
    y = at[:, 1].clip(0, rows - 1)
    j = np.minimum(x.astype(np.int64), max(columns - 2, 0))
    i = np.minimum(y.astype(np.int64), max(rows - 2, 0))
    fx, fy = x - j, y - i
    right, below = int(columns > 1), columns * int(rows > 1)
    flat, first = field.ravel(), i * columns + j
    top = flat[first] * (1 - fx) + flat[first + right] * fx
    bottom = flat[first + below] * (1 - fx) + flat[first + below + right] * fx
    return np.asarray(top * (1 - fy) + bottom * fy, np.float64)


def silhouette_of(alpha: Alpha, dust: float = 1 / 5000, progress: Progress | None = None) -> Silhouette:
    """The silhouette of an alpha channel.

    The outline is where alpha is one half. Where alpha is anti-aliased, that is known to a fraction of a pixel;
    where it is a hard mask, the outline is pulled tight between the pixel centres inside and outside, which takes
    the staircase away and keeps every pixel on its own side: nothing thin is lost, nothing apart grows together.
    Pixels that touch at a corner are one part.

    Args:
        alpha: `(h, w) uint8`.
        dust: specks and pinholes whose area is below this share of the inside are taken away.
        progress: told how far the work is.

    Raises:
        InputProblem: nothing is at least half opaque.
    """
    progress = progress or Progress()
    rows, columns = np.nonzero((alpha >= HALF).any(axis=1))[0], np.nonzero((alpha >= HALF).any(axis=0))[0]
    if not len(rows):
        raise InputProblem(
            "Nothing in this picture is solid: its alpha is below one half everywhere.",
            "Mend the cut-out with the brush, or use another picture.",
        )
    left, top = max(int(columns[0]) - FRINGE, 0), max(int(rows[0]) - FRINGE, 0)
    subject = alpha[top : int(rows[-1]) + 1 + FRINGE, left : int(columns[-1]) + 1 + FRINGE]
    pixel = max(1, math.ceil(math.sqrt(subject.size / FIELD_LIMIT)))
    subject = _framed(subject, pixel)
    mask = (subject >= HALF).astype(np.uint8)
    if not mask.any():  # only lines thinner than the field can show
        mask = (subject >= subject.max()).astype(np.uint8)
    progress.update(0.1)
    _remove_dust(mask, dust)
    _join_corners(mask, subject)
    progress.update(0.3)
    distance = np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
    distance -= np.asarray(cv2.distanceTransform(1 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
    distance -= np.copysign(np.float32(0.5), distance)
    progress.update(0.5)
    low, high = _bounds(subject, mask, distance)
    progress.update(0.7)
    _pull_tight(distance, low, high, progress.part(0.7, 1.0))
    distance *= pixel
    margin = MARGIN * pixel
    return Silhouette(distance, left - margin, top - margin, pixel, alpha.shape[1], alpha.shape[0])


def _framed(subject: Alpha, pixel: int) -> Alpha:
    """The subject with a margin of nothing around it; `pixel` x `pixel` pixels averaged into one."""
    rows, columns = subject.shape
    if pixel > 1:
        rows, columns = -(-rows // pixel), -(-columns // pixel)
        below, right = rows * pixel - subject.shape[0], columns * pixel - subject.shape[1]
        padded = cv2.copyMakeBorder(subject, 0, below, 0, right, cv2.BORDER_CONSTANT, value=0)
        subject = np.asarray(cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    framed = np.zeros((rows + 2 * MARGIN, columns + 2 * MARGIN), np.uint8)
    framed[MARGIN:-MARGIN, MARGIN:-MARGIN] = subject
    return framed


def _remove_dust(mask: NDArray[np.uint8], dust: float) -> None:
    """Takes specks away and fills pinholes, in place; never the largest part."""
    least = dust * cv2.countNonZero(mask)
    for wanted, connectivity in ((1, 8), (0, 4)):
        found = (mask == wanted).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=connectivity)
        small = stats[:, cv2.CC_STAT_AREA] < least
        small[0] = False
        if count > 1:
            small[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))] = False
        if small.any():
            mask[small[labels]] = 1 - wanted


def _join_corners(mask: NDArray[np.uint8], alpha: Alpha) -> None:
    """Where two pixels touch at a corner alone, takes the more opaque of the two beside them in, in place.

    A slanted line of one pixel is such a row of corners; it shall stay one piece.
    """
    upper, lower = (slice(None, -1), slice(1, None))
    while True:
        a, b, c, d = (mask[rows, columns] for rows in (upper, lower) for columns in (upper, lower))
        falling, rising = (a & d) > (b | c), (b & c) > (a | d)
        if not (falling.any() or rising.any()):
            return
        rows, columns = np.nonzero(falling)
        right = alpha[rows, columns + 1] >= alpha[rows + 1, columns]
        mask[rows + ~right, columns + right] = 1
        rows, columns = np.nonzero(rising)
        below = alpha[rows + 1, columns + 1] > alpha[rows, columns]
        mask[rows + below, columns + below] = 1


def _bounds(alpha: Alpha, mask: NDArray[np.uint8], distance: Field) -> tuple[Field, Field]:
    """How far, at least and at most, each pixel's centre may lie from the outline, `float32` pixels each."""
    near = np.abs(distance) < 1.0
    grey = near & (alpha > 25) & (alpha < 230)
    # A straight edge that is not along the pixels turns about every second pixel beside it grey.
    softness = min(1.0, 4.0 * np.count_nonzero(grey) / max(int(np.count_nonzero(near)), 1))
    # A hard mask says only on which side a centre is; a soft one says how far, up to half a pixel. What is a pixel
    # or two wide would be pulled to nothing, so it moves less.
    wide = cv2.dilate(np.abs(distance), np.ones((3, 3), np.uint8)) >= 1.1
    wide = cv2.erode(wide.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    play = np.where(wide, np.where(near, np.float32(0.5), np.float32(1.5)), np.float32(THIN_PLAY))
    low, high = distance - play, distance + play
    if softness > 0.5:
        known = (alpha.astype(np.float32) - 127.5) / 255
        np.copyto(low, known - SOFT_PLAY, where=grey)
        np.copyto(high, known + SOFT_PLAY, where=grey)
        solid, clear = near & ~grey & (alpha >= HALF), near & ~grey & (alpha < HALF)
        np.copyto(low, 0.5 - 2 * SOFT_PLAY, where=solid)
        np.copyto(high, 1.5, where=solid)
        np.copyto(high, -0.5 + 2 * SOFT_PLAY, where=clear)
        np.copyto(low, -1.5, where=clear)
    np.maximum(low, SURE, out=low, where=mask > 0)
    np.minimum(high, -0.8 * SURE, out=high, where=mask == 0)  # not alike, so that no middle is exactly 0
    return low, np.maximum(high, low)


def _pull_tight(distance: Field, low: Field, high: Field, progress: Progress) -> None:
    """Smooths a signed distance in place, within bounds.

    A blur alone would shrink whatever bulges; giving back the blurred remainder keeps curves where they are up to
    fourth order (the low-pass of Taubin, Curve and surface smoothing without shrinkage, 1995, as one filter).
    """
    for done in range(1, TIGHT_ROUNDS + 1):
        smooth = _blurred(distance)
        smooth += _blurred(distance - smooth)
        np.maximum(smooth, low, out=smooth)
        np.minimum(smooth, high, out=distance)
        progress.update(done / TIGHT_ROUNDS)


def _blurred(field: Field) -> Field:
    return np.asarray(cv2.GaussianBlur(field, (7, 7), 1.4, borderType=cv2.BORDER_REPLICATE), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """One closed line of an outline.

    Args:
        points: `(k, 2) float64` pixels, not repeated at the end. As seen in the picture an outer line runs
            counter-clockwise and a hole's clockwise: the inside is always on the left.
        is_hole: whether it bounds a hole.
        parent: index, in the list of contours, of the outer line that this hole lies in; -1 for an outer line.
    """

    points: NDArray[np.float64]
    is_hole: bool
    parent: int


def signed_area(points: Points) -> float:
    """Area within a closed line, pixels squared; above 0 when it runs counter-clockwise as seen in the picture."""
    x, y = points[:, 0] - points[0, 0], points[:, 1] - points[0, 1]
    return float(-0.5 * (x @ np.roll(y, -1) - np.roll(x, -1) @ y))


def outline_polygons(silhouette: Silhouette) -> list[Contour]:
    """The closed lines of the outline, about three points for each pixel they pass; largest first."""
    field = silhouette.distance
    columns = field.shape[1]
    inside = field > 0
    square = inside[:-1, :-1].astype(np.uint8) + inside[1:, :-1] + inside[:-1, 1:] + inside[1:, 1:]
    rows, cols = np.nonzero((square > 0) & (square < 4))
    a = rows * columns + cols
    b, c, d = a + 1, a + columns, a + columns + 1
    triangles = np.concatenate([np.stack([a, b, d], axis=1), np.stack([a, d, c], axis=1)])
    used, flat = np.unique(triangles, return_inverse=True)
    made = lattice.cut(flat.reshape(-1, 3), field.ravel()[used].astype(np.float64))
    points = _places(made, silhouette.point_of(np.stack([used % columns, used // columns], axis=1)))
    lines = [points[ring[::-1]] for ring in lattice.loops(made.after)]  # y points down
    return _nested(lines)


def _places(made: lattice.Cut, at: Points) -> Points:
    """Where the vertices of a cut are, `(n, 2) float64`, from where the vertices before it were."""
    first, second = at[made.ends[:, 0]], at[made.ends[:, 1]]
    return np.asarray(first + (second - first) * made.share[:, None])


def _nested(lines: list[Points]) -> list[Contour]:
    """Outer lines and holes, each hole with the smallest outer line around it; largest first."""
    areas = [signed_area(line) for line in lines]
    order = sorted(range(len(lines)), key=lambda index: -abs(areas[index]))
    outer = [place for place, index in enumerate(order) if areas[index] > 0]
    found: list[Contour] = []
    for index in order:
        line, parent = lines[index], -1
        if areas[index] <= 0:
            larger = [place for place in outer if areas[order[place]] > -areas[index]]
            around = [place for place in larger if _holds(lines[order[place]], line[0])]
            parent = around[-1] if around else -1
        found.append(Contour(line.astype(np.float64), areas[index] <= 0, parent))
    return found


def _holds(line: Points, point: Points) -> bool:
    """Whether a closed line goes round a point (even-odd rule)."""
    x, y = point
    x0, y0 = line[:, 0], line[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    spans = (y0 > y) != (y1 > y)
    across = x0[spans] + (y - y0[spans]) / (y1[spans] - y0[spans]) * (x1[spans] - x0[spans])
    return bool(np.count_nonzero(across > x) % 2)


def parts(silhouette: Silhouette) -> tuple[NDArray[np.int32], int]:
    """Connected parts of the inside (pixels that share a side or a corner).

    Returns:
        `(n, m) int32`, the shape of the field: 0 outside, 1.. the parts; and how many parts there are.
    """
    mask = silhouette.inside.astype(np.uint8)
    count, labels = cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)
    return np.asarray(labels, np.int32), count - 1


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


IRON = 0.12  # of the shorter rim edge beside it: so far a rim vertex may be moved to smooth the rim
CLOSE = 4.0  # field entries: distances are measured from the rim itself this far in, and fade over to the field's
TOP = 32  # lattice steps along the side of the coarsest squares
LATTICE_LIMIT = 3_000_000  # vertices: finer lattices cost more than they show


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
    points = _places(_on_zero(silhouette, made, at), at)
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
