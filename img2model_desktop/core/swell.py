"""How far a silhouette swells out of its plane: a smooth, round height that follows the local width."""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import poisson
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import Silhouette, sample

Points = NDArray[np.floating[Any]]
Field = NDArray[np.float32]
Flags = NDArray[np.bool_]

SOLVE_PX = 320  # longest side of the grid that the height is solved on; the height is smooth, the outline is not
DEPTH = 1.25  # thickness over local width; fitted, as are the next two, with the constants of stance.py
GROWTH = 0.75  # power with which thickness follows local width; 1 would make every part as deep as it is wide
USUAL = 0.15  # half width, of the subject's longer side, at which a part is DEPTH times as deep as it is wide
ROUND = 12.0  # 4 would be exact in a disc, 8 in a strip; larger makes flanks rounder and flat parts a little deeper
EVEN = 0.03  # of the subject's longer side: over such lengths the scale of the thickness is evened out


@dataclass(frozen=True, slots=True, eq=False)
class Swell:
    """Fields on a grid over the silhouette's field; lengths in cells.

    Args:
        silhouette: that swells.
        cell: side of a cell, picture pixels.
        body: `(n, m) float32`: u, with laplace u = -4 inside and u = 0 on the outline.
        slope: `(n, m) float32`: u over the distance to the outline; smooth at the outline, where u itself has the
            grid's steps.
        scale: `(n, m) float32`: what the square root of u is multiplied by.
        width: `(n, m) float32`: local half width.
    """

    silhouette: Silhouette
    cell: float
    body: Field
    slope: Field
    scale: Field
    width: Field

    def width_at(self, points: Points) -> Points:
        """Local half width, `(k,)`, picture pixels, at `(k, 2)` picture points."""
        return np.asarray(sample(self.width, self._entries(points)) * self.cell)

    def height_at(self, points: Points, distance: Points) -> Points:
        """Height above the middle plane, `(k,)`, picture pixels.

        Args:
            points: `(k, 2)`, picture pixels.
            distance: `(k,)`: of the points to the outline, pixels.
        """
        at, deep = self._entries(points), distance / self.cell
        # By the rim, u from the distance, which knows the outline more finely than the grid does; deep inside u
        # itself, because the distance has creases there.
        share = np.clip((deep - 2.0) / 4.0, 0, 1)
        squared = share * sample(self.body, at) + (1 - share) * sample(self.slope, at) * deep
        return np.asarray(np.sqrt(np.maximum(squared, 0)) * sample(self.scale, at) * self.cell)

    def _entries(self, points: Points) -> Points:
        rows, columns = self.body.shape
        whole = self.silhouette.distance.shape
        return np.asarray((self.silhouette.entry_of(points) + 0.5) * [columns / whole[1], rows / whole[0]] - 0.5)


def swell_of(silhouette: Silhouette, unit: float, progress: Progress) -> Swell:
    """The swelling of a silhouette.

    The square root of u, with laplace u = -4, is a sphere over a disc, an elliptic cylinder over a strip, and smooth
    over everything else. It is scaled, slowly over the subject, so that its height follows the local width:
    u + |grad u|^2 / ROUND is, throughout a part, about the square of the height that u alone would give it.

    Args:
        silhouette: what swells.
        unit: length of the subject's longer side, picture pixels.
        progress: told how far the work is.
    """
    rows, columns = silhouette.distance.shape
    ratio = max(max(rows, columns) / SOLVE_PX, 1.0)
    size = max(round(columns / ratio), 1), max(round(rows / ratio), 1)
    cell = silhouette.pixel * columns / size[0]
    distance = np.asarray(cv2.resize(silhouette.distance, size, interpolation=cv2.INTER_AREA), np.float32)
    distance /= np.float32(cell)
    body = poisson.solve(distance, np.full_like(distance, 4.0))
    progress.update(0.5)
    slope = np.maximum(_spread(body / np.maximum(distance, 0.5), distance > 1.0, 1.0), 0)
    smooth = slope * distance  # u, going on beyond the outline without a kink
    down, right = np.gradient(smooth) if min(size) > 1 else (np.zeros_like(smooth), np.zeros_like(smooth))
    peak = np.sqrt(np.maximum(smooth, 0) + (down**2 + right**2) / ROUND + 0.1)
    width = local_width(distance)
    progress.update(0.8)
    wanted = DEPTH * USUAL * (width * (cell / unit) / USUAL) ** GROWTH * (unit / cell)
    scale = np.exp(_spread(np.log(wanted / peak), distance > 0, EVEN * unit / cell))
    progress.update(1.0)
    return Swell(silhouette, cell, body, slope, scale, _spread(width, distance > 0, 2.0))


def local_width(distance: Field) -> Field:
    """The radius of the largest disc inside the outline that covers each cell, in steps of a quarter of an octave.

    The local thickness of Hildebrand and Ruegsegger, A new method for the model-independent assessment of
    thickness in three-dimensional images, 1997.

    Args:
        distance: `(n, m) float32`: to the outline, cells, above 0 inside.

    Returns:
        `(n, m) float32`, cells, at least 0.5.
    """
    width = np.asarray(cv2.dilate(np.maximum(distance, 0.5), np.ones((3, 3), np.uint8)), np.float32)
    for power in range(int(4 * math.log2(max(float(distance.max()), 1.0))) + 1):
        radius = 2 ** (power / 4)
        away = np.asarray(cv2.distanceTransform((distance < radius).astype(np.uint8), cv2.DIST_L2, 5))
        np.copyto(width, radius * 2**0.125, where=(away < radius) & (width < radius))
    return width


def _spread(values: Points, known: Flags, sigma: float) -> Field:
    """A field, blurred, that goes on over where it is not known."""
    spread = np.where(known, values, 0).astype(np.float32)
    weight = known.astype(np.float32)
    near = _blur(weight, sigma)
    fine = _blur(spread, sigma) / np.maximum(near, 1e-6)
    wide = _blur(spread, 4 * sigma) / np.maximum(_blur(weight, 4 * sigma), 1e-6)
    share = np.clip(near * 4, 0, 1)
    return np.asarray(fine * share + wide * (1 - share), np.float32)


def _blur(field: Field, sigma: float) -> Field:
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
