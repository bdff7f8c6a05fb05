"""Outlines with their corners: what a smooth outline rounded off by a pixel is made sharp again.

A picture shows a corner of a logo a little blunt: the pixel at its tip is only partly covered. Where an outline runs
straight up to a sharp turn and straight away from it, the two straight lines are continued until they meet.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.silhouette import Silhouette, outline_polygons

Line = NDArray[np.float64]

STEP = 0.5  # px between the points that corners are looked for at
NEAR, FAR = 2.0, 7.0  # px from a corner between which its sides are fitted
LEAST_TURN = np.radians(25)
STRAIGHT = 0.22  # px: how far the sides of a corner may bend away from a straight line
BLUNT = 4.0  # px: how far outside the picture's outline a corner's tip may lie
LONG = 60.0  # px: a line that bends less than STRAIGHT over this length is meant to be straight
EXACT = 0.08  # px: how far the simplified outline may be from the one in the picture


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A closed outline.

    Args:
        points: `(k, 2) float64` picture pixels, not repeated at the end; as seen in the picture, the inside is on
            the left.
        is_corner: `(k,) bool`, the points that were made sharp.
    """

    points: Line
    is_corner: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Corner:
    """A corner at a point of an outline, where it should be, and the lines that it lies between."""

    index: int
    tip: Line
    before: tuple[Line, Line]
    after: tuple[Line, Line]


def loops_of(silhouette: Silhouette, sharp: bool = True) -> list[Loop]:
    """The outlines of a silhouette, outer ones and holes, simplified to what can be seen.

    Args:
        silhouette: of the subject.
        sharp: whether corners are made sharp.
    """
    loops = [_loop(contour.points.astype(np.float64), sharp) for contour in outline_polygons(silhouette)]
    return [loop for loop in loops if len(loop.points) >= 3]


def moved_inwards(silhouette: Silhouette, by: float) -> list[Loop]:
    """The outlines of what lies farther than `by` pixels inside; none where nothing does."""
    field = silhouette.distance - np.float32(by)
    field[field == 0] = np.float32(1e-6)
    if not (field > 0).any():
        return []
    left, top, pixel = silhouette.left, silhouette.top, silhouette.pixel
    moved = Silhouette(field, left, top, pixel, silhouette.width, silhouette.height)
    return [loop for loop in loops_of(moved) if len(loop.points) >= 4]


def _loop(line: Line, sharp: bool) -> Loop:
    points, length = _even(line)
    corners = _corners(points, length) if sharp else []
    if not corners:
        start = int(np.argmin(points[:, 0]))  # any point that is certainly on the simplified outline
        points = np.roll(points, -start, axis=0)
        kept = _simplified(np.concatenate([points, points[:1]]))[:-1]
        return Loop(kept, np.zeros(len(kept), bool))
    cut = int(np.ceil(NEAR * len(points) / length))
    before, after = [corner.before for corner in corners], [corner.after for corner in corners]
    runs = []
    for number, corner in enumerate(corners):
        following = (number + 1) % len(corners)
        count = (corners[following].index - corner.index) % len(points) or len(points)
        run = points[(corner.index + np.arange(cut, count - cut + 1)) % len(points)]
        if len(run) > 2 and _is_straight(run):  # the whole side says better than its end where the line is
            after[number] = before[following] = _fit(run)
            run = run[:0]
        runs.append(run)
    tips = [
        corner.tip if (meeting := _meeting(one, two)) is None or _far(meeting, corner.tip) else meeting
        for corner, one, two in zip(corners, before, after, strict=True)
    ]
    ways = [np.concatenate([[tip], run, [to]]) for tip, run, to in zip(tips, runs, tips[1:] + tips[:1], strict=True)]
    pieces = [_simplified(way)[:-1] for way in ways]
    return Loop(np.concatenate(pieces), np.concatenate([np.arange(len(piece)) == 0 for piece in pieces]))


def _even(line: Line) -> tuple[Line, float]:
    """The closed line with evenly spaced points, and its length."""
    closed = np.concatenate([line, line[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = max(round(along[-1] / STEP), 12)
    at = np.arange(count) * (along[-1] / count)
    return np.stack([np.interp(at, along, closed[:, 0]), np.interp(at, along, closed[:, 1])], axis=1), float(along[-1])


def _corners(points: Line, length: float) -> list[_Corner]:
    """The corners, in order."""
    step = length / len(points)
    near, far = round(NEAR / step), round(min(FAR, length / 10) / step)
    if far - near < 3:
        return []
    forward = _shift(points, far) - _shift(points, near)
    backward = _shift(points, -near) - _shift(points, -far)
    turn = np.arctan2(_cross(backward, forward), (backward * forward).sum(axis=1))
    size = np.abs(turn)
    highest = size > LEAST_TURN
    for offset in range(1, (far + near) // 2):
        highest &= (size >= np.roll(size, offset)) & (size > np.roll(size, -offset))
    found = []
    for index in np.nonzero(highest)[0]:
        before = points[(index - np.arange(near, far + 1)) % len(points)]
        after = points[(index + np.arange(near, far + 1)) % len(points)]
        if max(_bend(before), _bend(after)) > STRAIGHT:
            continue
        one, two = _fit(before), _fit(after)
        tip = _meeting(one, two)
        if tip is not None and not _far(tip, points[index]):
            found.append(_Corner(int(index), tip, one, two))
    return found


def _fit(run: Line) -> tuple[Line, Line]:
    """The straight line nearest to some points: its middle and direction."""
    middle = run.mean(axis=0)
    _, axes = np.linalg.eigh((run - middle).T @ (run - middle))
    return middle, np.asarray(axes[:, 1])


def _bend(run: Line) -> float:
    """How far points are from a straight line at most, px."""
    middle, way = _fit(run)
    off = (run - middle) @ np.array([-way[1], way[0]])
    return float(np.abs(off).max())


def _is_straight(run: Line) -> bool:
    return _bend(run) <= STRAIGHT


def _far(a: Line, b: Line) -> bool:
    return bool(np.hypot(*(a - b)) > BLUNT)


def _meeting(one: tuple[Line, Line], two: tuple[Line, Line]) -> Line | None:
    """Where two lines meet; None when they are nearly parallel."""
    (p, d), (q, e) = one, two
    cross = d[0] * e[1] - d[1] * e[0]
    if abs(cross) < 0.2:
        return None
    gap = q - p
    return np.asarray(p + d * ((gap[0] * e[1] - gap[1] * e[0]) / cross))


def _simplified(line: Line) -> Line:
    """An open line without the points that it does not need (Douglas and Peucker 1973); its ends stay."""
    keep = np.zeros(len(line), bool)
    keep[[0, -1]] = True
    todo = [(0, len(line) - 1)]
    while todo:
        first, last = todo.pop()
        if last - first < 2:
            continue
        way = line[last] - line[first]
        inner = line[first + 1 : last] - line[first]
        span = float(way @ way)
        share = np.clip(inner @ way / span, 0, 1) if span > 0 else np.zeros(len(inner))
        off = np.hypot(*(inner - share[:, None] * way).T)
        worst = int(np.argmax(off))
        if off[worst] > (STRAIGHT if span > LONG**2 else EXACT):
            middle = first + 1 + worst
            keep[middle] = True
            todo += [(first, middle), (middle, last)]
    return line[keep]


def _shift(points: Line, by: int) -> Line:
    return np.roll(points, -by, axis=0)


def _cross(a: Line, b: Line) -> Line:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
