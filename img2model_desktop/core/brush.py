"""What every cutter does beside finding the subject: the brush, the picture's own alpha, openings, loose parts."""

import math
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.matting import Matte
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.request import Stroke

CLEAR_SHARE = 0.01  # of the pixels: fewer transparent ones are stray, and the alpha channel separates nothing
SUBPIXEL_BITS = 4  # of the brush's position


def has_useful_alpha(picture: Picture) -> bool:
    """Whether the alpha channel separates a subject; a few stray transparent pixels do not."""
    return bool((picture.alpha < 128).mean() >= CLEAR_SHARE)


def paint(strokes: tuple[Stroke, ...], width: int, height: int) -> NDArray[np.int8]:
    """`(height, width) int8`: 1 where strokes add, -1 where they take away, 0 elsewhere; later ones win."""
    brush = np.zeros((height, width), np.int8)
    unit = 1 << SUBPIXEL_BITS
    for stroke in strokes:
        radius = max(0.5, stroke.radius * max(width, height))
        mark = np.zeros((height, width), np.uint8)
        points = [(round((x * width - 0.5) * unit), round((y * height - 0.5) * unit)) for x, y in stroke.points]
        for point in points:
            cv2.circle(mark, point, round(radius * unit), 1, cv2.FILLED, cv2.LINE_8, SUBPIXEL_BITS)
        for start, end in pairwise(points):
            cv2.fillConvexPoly(mark, _bar(start, end, radius * unit), 1, cv2.LINE_8, SUBPIXEL_BITS)
        brush[mark > 0] = 1 if stroke.adds else -1
    return brush


def _bar(start: tuple[int, int], end: tuple[int, int], radius: float) -> NDArray[np.int32]:
    """`(4, 2) int32`: the rectangle between two round ends."""
    along = np.subtract(end, start).astype(np.float64)
    length = math.hypot(*along)
    across = np.array([-along[1], along[0]]) * (radius / length) if length else np.zeros(2)
    return np.rint([start + across, end + across, end - across, start - across]).astype(np.int32)


def whole(picture: Picture) -> Picture:
    """The picture with everything in it opaque: subject and background are one."""
    return Picture.own(np.dstack([picture.rgb, np.full_like(picture.alpha, 255)]))


def brushed(matte: Matte, picture: Picture, brush: NDArray[np.int8]) -> Matte:
    """With the strokes' last word: exactly 255 or 0 under them."""
    if not brush.any():
        return matte
    alpha = np.where(brush > 0, np.uint8(255), np.where(brush < 0, np.uint8(0), matte.alpha))
    return Matte(alpha, np.where((brush > 0)[..., None], picture.rgb, matte.colours))


def filled(alpha: NDArray[np.uint8], colours: NDArray[np.uint8], picture: Picture) -> Matte:
    """With every opening filled that the outside does not reach."""
    free = np.pad((alpha < 128).astype(np.uint8), 1, constant_values=1)
    labels = cv2.connectedComponents(free, connectivity=4)[1]
    enclosed = (free > 0) & (labels != labels[0, 0])
    # The soft rim of an opening goes with it.
    enclosed = cv2.dilate(enclosed.astype(np.uint8), np.ones((5, 5), np.uint8))[1:-1, 1:-1] > 0
    return Matte(np.where(enclosed, np.uint8(255), alpha), np.where(enclosed[..., None], picture.rgb, colours))


def largest(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With the largest connected part alone, its soft edge included."""
    labels, stats = cv2.connectedComponentsWithStats((alpha > 0).astype(np.uint8), connectivity=8)[1:3]
    if len(stats) < 3:
        return alpha
    weight = np.bincount(labels.ravel(), weights=alpha.ravel(), minlength=len(stats))
    weight[0] = 0
    return np.where(labels == int(weight.argmax()), alpha, np.uint8(0))
