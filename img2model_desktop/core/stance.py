"""How the subject of a picture stands before the camera, as far as its outline tells.

A camera that looks down sees the near side of whatever stands on the ground lower in the picture. Two things
follow. The points where the subject touches the ground do not lie on one level line: they sag towards the
viewer, and where they rise to one side, that side is further away. And a subject that is wide and low is seen
from its top, so that its middle surface leans away with the ground, while one that is tall and narrow stands
upright and leans, seen along the camera's axis, towards the viewer.

The three estimates are continuous, need nothing but the outline, and their constants are the same for every
picture. They were fitted by hand, together with those of swell.py, to forty scanned and modelled objects seen from
two sides each.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.silhouette import Silhouette

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]

LOOK_PX = 192  # longest side of the grid that the outline is looked at on
BAND = 0.4  # of the outline's mean extent: so far above its lowest point it may touch the ground
SAG = (0.05, 0.05)  # of the contacts' width: level below the first; seen from above from the first plus the second
SYMMETRY = (0.88, 0.06)  # overlap with the mirror image from where on the picture counts as taken from the front
UPRIGHT = 0.28  # slope of a tall subject's middle surface; a usual camera looks down by 16 to 18 degrees
FALL = 0.95  # how fast the slope falls with the logarithm of the aspect ratio
TALL = 0.7  # width over height up to which a subject counts as tall
FLATTEST = -1.4  # the slope is not taken to be below this
TURN = 2.0  # depth for each unit that the line of contacts rises; 1 / tan(17.5 degrees) would be 3.2
STEEPEST = 0.45  # the line of contacts is not believed to rise more than this


@dataclass(frozen=True, slots=True)
class Stance:
    """Slopes of the subject's middle surface.

    Args:
        from_above: 0: the camera looks level; 1: it looks down, as at a product on a table.
        lean: depth towards the viewer for each unit upwards in the picture.
        turn: depth towards the viewer for each unit to the right.
    """

    from_above: float
    lean: float
    turn: float


def stance_of(silhouette: Silhouette) -> Stance:
    """The stance that an outline suggests."""
    inside = _looked_at(silhouette)
    width, height = inside.shape[1], inside.shape[0]
    rise, sag, share = _contacts(inside)
    overlap = float(np.count_nonzero(inside & inside[:, ::-1]) / np.count_nonzero(inside | inside[:, ::-1]))
    sagging = min(max((sag - SAG[0]) / SAG[1], 0.0), 1.0)
    even = min(max((overlap - SYMMETRY[0]) / SYMMETRY[1], 0.0), 1.0)
    from_above = sagging * (1.0 - even)
    wide = max(math.log(width / height / TALL), 0.0)
    lean = from_above * max(UPRIGHT - FALL * wide, FLATTEST)
    turn = -TURN * min(max(rise, -STEEPEST), STEEPEST) * min(share / 0.6, 1.0) ** 2
    return Stance(from_above, lean, turn)


def _looked_at(silhouette: Silhouette) -> Flags:
    """The inside, cropped to itself, on a grid of fixed fineness."""
    distance = silhouette.distance
    ratio = min(LOOK_PX / max(distance.shape), 1.0)
    size = max(round(distance.shape[1] * ratio), 1), max(round(distance.shape[0] * ratio), 1)
    inside = np.asarray(cv2.resize(distance, size, interpolation=cv2.INTER_AREA)) > 0
    if not inside.any():
        inside = silhouette.inside
    rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    return inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _contacts(inside: Flags) -> tuple[float, float, float]:
    """Where the subject may touch the ground: the lower convex envelope of the outline's lowest band.

    Returns:
        How much it rises to the right (rise over run); how far it sags below its mean, over its width;
        and its width over the subject's.
    """
    height, width = inside.shape
    lowest = height - 1 - np.argmax(inside[::-1], axis=0).astype(np.float64)
    lowest[~inside.any(axis=0)] = -1.0
    x = np.nonzero(lowest >= lowest.max() - BAND * math.sqrt(width * height))[0].astype(np.float64)
    y = lowest[x.astype(np.int64)]
    hull = _envelope(x, y)
    level = np.interp(x, x[hull], y[hull])
    spread = float(np.var(x))
    if spread == 0.0:
        return 0.0, 0.0, 1.0 / width
    rise = -float(np.mean((x - x.mean()) * (level - level.mean()))) / spread
    extent = math.sqrt(12.0 * spread)  # of the evenly filled interval with this variance
    return rise, float(level.max() - level.mean()) / max(extent, 1.0), min(extent / width, 1.0)


def _envelope(x: Values, y: Values) -> list[int]:
    """Indices of the convex envelope of points on the side of large y, x ascending (Andrew's monotone chain)."""
    hull: list[int] = []
    for index in range(len(x)):
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            if (x[b] - x[a]) * (y[index] - y[a]) - (y[b] - y[a]) * (x[index] - x[a]) < 0:
                break
            hull.pop()
        hull.append(index)
    return hull
