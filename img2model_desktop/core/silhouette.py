"""From an alpha channel to a smooth outline: signed distance, contours, parts.

Coordinates are picture pixels, origin in the upper left corner of the picture, x to the right, y down; the
centre of the first pixel is (0.5, 0.5).
"""

import math
from dataclasses import dataclass
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
    points = made.placed(silhouette.point_of(np.stack([used % columns, used // columns], axis=1)))
    lines = [points[ring[::-1]] for ring in lattice.loops(made.after)]  # y points down
    return _nested(lines)


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
