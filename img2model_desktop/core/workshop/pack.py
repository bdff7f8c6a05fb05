"""Packs charts into a square: each where it fits deepest, by their true outlines on a grid of cells."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids

Mask = NDArray[np.uint8]

KERNEL = 40
"""Longest side, in cells, of the outlines that are compared; larger charts are compared on coarser grids."""

FILLED = 0.84
"""Share of the cells that is hoped for at first."""

BAND = 96
"""Rows that are searched at once."""

TRIES, TRIED_CHARTS = 8, 2400
"""How often they are packed at most, and how many charts all tries together may place beyond the second try."""

NARROWER = (1.0, 0.97, 0.94, 0.985, 0.955, 0.92, 0.9)
"""Shares of the best side so far that are tried as widths after the first two tries."""

GOOD = 0.82
"""Share of the cells that is good enough to stop."""

SEARCHED = 4000
"""So many of the largest charts are searched a place for; the rest is put on shelves."""

QUARTERS_FOR = 48
"""The largest charts are tried in four directions; others as they are and upright."""


class Spot(NamedTuple):
    """Where a mask went: first row and column, in cells, and how often it was turned by a quarter (`np.rot90`)."""

    row: int
    column: int
    quarters: int


class Packed(NamedTuple):
    """Args:
    spots: one for each mask.
    side: of the square that holds them, cells.
    """

    spots: list[Spot]
    side: int


def pack(masks: list[Mask], progress: Progress) -> Packed:
    """Finds a place for every mask, without overlap, in a square as small as can be had quickly.

    Args:
        masks: `(h, w) uint8` each, 1 where the chart is, its share of the gap to its neighbours included.
        progress: token.
    """
    total = sum(int(mask.sum()) for mask in masks)
    widest = max((max(mask.shape) for mask in masks), default=1)
    width = max(int(np.ceil(np.sqrt(total / FILLED))), widest, 1)
    tries = int(np.clip(TRIED_CHARTS // max(len(masks), 1), 2, TRIES))
    best: Packed | None = None
    seen: set[int] = set()
    for number in range(tries):
        if width in seen:
            continue
        seen.add(width)
        spots, top = _packed_into(masks, width, progress.part(number / tries, (number + 1) / tries))
        found = Packed(spots, max(width, top))
        best = found if best is None or found.side < best.side else best
        if total > GOOD * best.side**2:
            break
        width = (
            int(np.ceil(np.sqrt(width * top)))
            if number == 0
            else int(best.side * NARROWER[(number - 1) % len(NARROWER)])
        )
        width = max(width, widest)
    progress.update(1.0)
    return best if best is not None else Packed([], 1)


def _packed_into(masks: list[Mask], width: int, progress: Progress) -> tuple[list[Spot], int]:
    """Places and height when packed into a strip of this width, each as low as it can be."""
    order = sorted(range(len(masks)), key=lambda i: (-max(masks[i].shape), -int(masks[i].sum()), i))
    strip = _Strip(width)
    spots = [Spot(0, 0, 0)] * len(masks)
    for number, index in enumerate(order[:SEARCHED]):
        if number % 8 == 0:
            progress.update(number / len(order))
        tried = (0, 1, 2, 3) if number < QUARTERS_FOR else (0, 1)
        spots[index] = strip.place(masks[index], tried)
    row, column, end = strip.top, 0, strip.top
    for number, index in enumerate(order[SEARCHED:]):  # thousands of scraps: side by side in shelves above the others
        if number % 1024 == 0:
            progress.update((SEARCHED + number) / len(order))
        height, wide = masks[index].shape
        if column + wide > width:
            row, column = end, 0
        spots[index] = Spot(row, column, 0)
        column += wide
        end = max(end, row + height)
    return spots, end


@dataclass(slots=True)
class _Strip:
    """Cells that are free, on grids of 1, 2, 4 ... cells; grows upwards.

    `lowest` keeps, for masks of about one size, the row where the last of them went: below, there was no room for it.
    """

    width: int
    top: int
    levels: list[Mask]
    rows: int
    lowest: dict[int, int]

    def __init__(self, width: int) -> None:
        self.width, self.top, self.rows = width, 0, 0
        self.levels, self.lowest = [], {}
        self._grow(max(width, 64))

    def place(self, mask: Mask, quarters: tuple[int, ...]) -> Spot:
        """Takes the place, of those in all directions that are tried, that reaches least high."""
        level = 0
        while max(mask.shape) >> level > KERNEL:
            level += 1
        if self.rows < self.top + 2 * max(mask.shape) + (2 << level):
            self._grow(self.rows * 2 + 4 * max(mask.shape))
        best, best_score = None, (0, 0, 0)
        for turn in quarters:
            turned = np.ascontiguousarray(np.rot90(mask, turn))
            if turned.shape[1] > self.width or (turn and best is not None and turned.shape == (1, 1)):
                continue
            row, column = self._slid(turned, *self._first(turned, level))
            score = (row + turned.shape[0], column, turn)
            if best is None or score < best_score:
                best, best_score = (Spot(row, column, turn), turned), score
        if best is None:
            raise ValueError("a mask is wider than the strip")
        spot, turned = best
        self._take(spot, turned)
        return spot

    def _first(self, mask: Mask, level: int) -> tuple[int, int]:
        """Lowest, then leftmost place on a grid where the mask meets nothing, at least where its like went last."""
        size = 1 << level
        kernel = _pooled(mask, size)
        tall, wide = kernel.shape
        rows = min(-(-(self.top + 2 * mask.shape[0]) // size) + 2, len(self.levels[level]))
        columns = self.width // size  # a last cell that is not whole is not used
        if wide > columns:
            return self.top, 0
        inner = cv2.erode(kernel, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
        outline = kernel - np.asarray(inner, np.uint8)  # what is placed already is longer: it cannot hide inside
        like = round(4 * np.log2(mask.shape[0])) * 64 + round(4 * np.log2(mask.shape[1]))
        begin = max(self.lowest.get(like, 0) // size - tall, 0)
        for low in range(begin, rows, BAND):
            free = self.levels[level][low : min(low + BAND + tall - 1, rows), :columns]
            fits = cv2.erode(free, outline, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT, borderValue=0)[:BAND]
            while True:
                row, column = divmod(int(np.argmax(fits)), columns)
                if not fits[row, column]:
                    break
                window = free[row : row + tall, column : column + wide]
                if not np.greater(kernel, window).any():
                    self.lowest[like] = (low + row) * size
                    return (low + row) * size, column * size
                fits[row, column] = 0
        return self.top, 0

    def _slid(self, mask: Mask, row: int, column: int) -> tuple[int, int]:
        """The place moved down and left as far as nothing is in the way, cell by cell."""
        free = self.levels[0]
        height, width = mask.shape
        moved = True
        while moved:
            moved = False
            for down, left in ((1, 0), (0, 1)):
                while row >= down and column >= left:
                    window = free[row - down : row - down + height, column - left : column - left + width]
                    if np.greater(mask, window).any():
                        break
                    row, column, moved = row - down, column - left, True
        return row, column

    def _take(self, spot: Spot, mask: Mask) -> None:
        height, width = mask.shape
        self.levels[0][spot.row : spot.row + height, spot.column : spot.column + width][mask > 0] = 0
        for level in range(1, len(self.levels)):
            size = 1 << level
            row, column = spot.row >> level, spot.column >> level
            end_row, end_column = -(-(spot.row + height) // size), -(-(spot.column + width) // size)
            below = self.levels[level - 1][2 * row : 2 * end_row, 2 * column : 2 * end_column]
            self.levels[level][row:end_row, column:end_column] = 1 - _pooled((below == 0).astype(np.uint8), 2)
        self.top = max(self.top, spot.row + height)

    def _grow(self, rows: int) -> None:
        """Makes room for at least this many rows."""
        count, size = 10, 1 << 9
        rows = -(-rows // size) * size
        columns = -(-self.width // size) * size
        for level in range(count):
            free = np.ones((rows >> level, columns >> level), np.uint8)
            if len(self.levels) > level:
                old = self.levels[level]
                free[: len(old)] = old
                self.levels[level] = free
            else:
                self.levels.append(free)
        self.rows = rows


def _pooled(mask: Mask, size: int) -> Mask:
    """1 for each group of `size * size` cells in which any is 1."""
    if size == 1:
        return mask
    height, width = -(-mask.shape[0] // size), -(-mask.shape[1] // size)
    padded = np.zeros((height * size, width * size), np.uint8)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(padded.reshape(height, size, width, size).max(axis=(1, 3)), np.uint8)


def upright(points: NDArray[np.float64], chart: Ids, count: int, angles: int = 24) -> NDArray[np.float64]:
    """`(count,)` radians: the turn that gives each chart the smallest bounding rectangle, wider than high.

    Args:
        points: `(k, 2)`, grouped by chart.
        chart: `(k,)`, ascending, every number below `count` at least once.
        count: of charts.
        angles: how many are tried between 0 and a quarter turn.
    """
    begin = np.searchsorted(chart, np.arange(count))
    best, turn = np.full(count, np.inf), np.zeros(count)
    for angle in np.arange(angles) * (np.pi / 2 / angles):
        x = points[:, 0] * np.cos(angle) - points[:, 1] * np.sin(angle)
        y = points[:, 0] * np.sin(angle) + points[:, 1] * np.cos(angle)
        width = np.maximum.reduceat(x, begin) - np.minimum.reduceat(x, begin)
        height = np.maximum.reduceat(y, begin) - np.minimum.reduceat(y, begin)
        better = width * height < best * (1 - 1e-9)
        best[better] = (width * height)[better]
        turn[better] = np.where(height > width, angle + np.pi / 2, angle)[better]
    return turn
