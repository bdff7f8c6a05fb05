"""What may lie behind a depth map: a guess from the outline and from where the depth jumps.

A body turns away from the viewer along its outline, and along each jump of the depth on the near side of it: an arm
before a chest is as round as an arm beside it. On the far side of a jump the body simply goes on. So two fields are
solved for on the silhouette with its jumps: a middle sheet, harmonic, that is spanned by the depths along those
edges, and a swelling u with laplace u = -4 that is 0 there, whose square root is half a sphere over a disc.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.silhouette import Silhouette

Field = NDArray[np.float32]
Flags = NDArray[np.bool_]
Points = NDArray[np.float64]
Indices = NDArray[np.int64]

GRID = 176  # cells along the silhouette's longer side
WIDEST = 0.4  # of the longer side: no part counts as of a larger half width, were its edges all jumps to nearer parts
NEAREST = 0.1  # of a cell: the outline counts as at least so far from a cell's centre


@dataclass(frozen=True, slots=True, eq=False)
class Behind:
    """Fields on a coarse grid over a silhouette.

    Args:
        front: `(n, m) float32`: depth of the first surface, towards the viewer, picture pixels.
        middle: `(n, m) float32`: the middle sheet, picture pixels.
        swell: `(n, m) float32`: the swelling, pixels squared; 0 outside.
        slope: `(n, m) float32`: the swelling over the distance to the outline, pixels: smooth where the swelling itself
            has the grid's steps.
        inside: `(n, m) bool`.
        left, top: of the grid's corner, picture pixels.
        cell: side of a cell, picture pixels.
    """

    front: Field
    middle: Field
    swell: Field
    slope: Field
    inside: Flags
    left: float
    top: float
    cell: float

    def read(self, points: Points, distance: Points, depth: Points, gap: float) -> tuple[Points, Points]:
        """Middle sheet and half thickness of a sphere, `(k,)` each, picture pixels.

        Args:
            points: `(k, 2)` picture points.
            distance: `(k,)`: from the outline, pixels.
            depth: `(k,)`: of the first surface there; only cells at about that depth, within `gap`, have a say.
            gap: picture pixels.
        """
        rows, columns = self.front.shape
        x = ((points[:, 0] - self.left) / self.cell - 0.5).clip(0, columns - 1)
        y = ((points[:, 1] - self.top) / self.cell - 0.5).clip(0, rows - 1)
        j, i = np.minimum(x.astype(np.int64), columns - 2), np.minimum(y.astype(np.int64), rows - 2)
        fx, fy = x - j, y - i
        weights = np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], 1) + 1e-6
        first = i * columns + j
        at = first[:, None] + np.array([0, 1, columns, columns + 1])
        off = np.abs(self.front.ravel()[at] - depth[:, None])
        known = self.inside.ravel()[at]
        near = known & (off <= gap)
        weights *= np.where(near.any(1)[:, None], near, np.where(known, 1 / (1 + off), 1e-9))
        weights /= weights.sum(1, keepdims=True)
        middle = (self.middle.ravel()[at] * weights).sum(1)
        share = (distance / self.cell / 2 - 0.5).clip(0, 1)
        squared = share * (self.swell.ravel()[at] * weights).sum(1)
        squared += (1 - share) * (self.slope.ravel()[at] * weights).sum(1) * distance
        return middle, np.sqrt(np.maximum(squared, 0))


def behind_of(silhouette: Silhouette, front: Field, gap: float) -> Behind:
    """The guess.

    Args:
        silhouette: of the subject.
        front: the shape of its field: depth of the first surface, picture pixels towards the viewer.
        gap: neighbours of the silhouette's field whose depths differ by more are not of one surface, picture pixels.
    """
    left, top, right, bottom = silhouette.box
    cell = max(right - left, bottom - top) / GRID
    columns, rows = int(np.ceil((right - left) / cell)) + 2, int(np.ceil((bottom - top) / cell)) + 2
    corner = left - cell, top - cell
    across = corner[0] + (np.arange(columns) + 0.5) * cell
    down = corner[1] + (np.arange(rows) + 0.5) * cell
    entries = silhouette.entry_of(np.stack(np.meshgrid(across, down), 2).reshape(-1, 2)).astype(np.float32)
    x, y = entries.reshape(rows, columns, 2).transpose(2, 0, 1)
    distance = _read(silhouette.distance, x, y, cv2.INTER_LINEAR) / np.float32(cell)
    depth = _read(front, x, y, cv2.INTER_NEAREST)
    inside = distance > 0
    middle, swell = _solved(inside, distance, depth, gap)
    slope = swell / np.maximum(distance, NEAREST) * np.float32(cell)
    return Behind(depth, middle, swell * np.float32(cell**2), slope, inside, corner[0], corner[1], cell)


def _read(field: Field, x: Field, y: Field, kind: int) -> Field:
    return np.asarray(cv2.remap(field, x, y, kind, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _solved(inside: Flags, distance: Field, depth: Field, gap: float) -> tuple[Field, Field]:
    """Middle sheet and swelling, cells squared, on a grid; both 0 outside."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import splu

    columns = inside.shape[1]
    cells = np.flatnonzero(inside)
    rank = np.full(inside.size, -1, np.int64)
    rank[cells] = np.arange(len(cells))
    flat, far = depth.ravel().astype(np.float64), distance.ravel().astype(np.float64)
    own = np.zeros(len(cells))
    held = 1e-9 * flat[cells]
    ends = []
    for step in (-1, 1, -columns, columns):
        beside = cells + step
        within = rank[beside] >= 0
        jump = np.where(within, flat[cells] - flat[beside], 0.0)
        joined = within & (np.abs(jump) <= gap)
        reach = (far[cells] / np.maximum(far[cells] - far[beside], 1e-6)).clip(NEAREST, 1.0)
        edge = np.where(within, np.where(jump > gap, 2.0, 0.0), 1 / reach)
        own += joined + edge
        held += edge * flat[cells]
        ends.append(np.stack([rank[cells[joined]], rank[beside[joined]]]))
    a, b = np.concatenate(ends, 1)
    count = len(cells)
    diagonal = np.arange(count)
    places = np.concatenate([diagonal, a]), np.concatenate([diagonal, b])
    middle, swell = np.zeros(inside.size, np.float32), np.zeros(inside.size, np.float32)
    for field, more, right in ((middle, 1e-9, held), (swell, 4 / (WIDEST * GRID) ** 2, np.full(count, 4.0))):
        values = np.concatenate([own + more, np.full(len(a), -1.0)])
        system = coo_matrix((values, places), (count, count)).tocsc()
        field[cells] = splu(system, permc_spec="MMD_AT_PLUS_A").solve(right)
    return middle.reshape(inside.shape), swell.reshape(inside.shape)
