"""The axis of a body of revolution, and its profile, from a silhouette.

A body of revolution seen from the side is symmetrical about its axis. Handles, spouts and hanging labels are not:
they widen some rows to one side only. So the axis is where *most* rows have their middle (a mode, not a mean), and
the radius of a row is that of its narrower side.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.silhouette import Silhouette
from img2model_desktop.errors import InputProblem

Values = NDArray[np.floating[Any]]

MOST_TILT = math.tan(math.radians(20))
UNEVEN = 0.04  # of a row's width: sides that differ by more are not those of a turned body
LEAST_ROWS = 8  # of a body
WITHIN = 0.9  # of the steepest slope
SMOOTH_PLAY = 0.3  # px: how far smoothing may move the profile


@dataclass(frozen=True, slots=True)
class Axis:
    """A directed line in the picture. The point `t` along and `s` across it lies at
    (x + t * sin(angle) + s * cos(angle), y + t * cos(angle) - s * sin(angle)).

    Args:
        x, y: where `t` is 0, picture pixels.
        angle: radians; 0 runs straight down the picture, pi / 2 to the right.
    """

    x: float
    y: float
    angle: float

    def place(self, along: Values, across: Values) -> NDArray[np.float64]:
        """`(n, 2) float64` picture pixels of points given along and across the axis."""
        sine, cosine = math.sin(self.angle), math.cos(self.angle)
        return np.stack([self.x + along * sine + across * cosine, self.y + along * cosine - across * sine], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What a silhouette says about a body of revolution.

    Args:
        axis: where it turns.
        along: `(n,) float64`, evenly spaced, pixels along the axis from its `t` = 0, rising.
        radius: `(n,) float64`, pixels, above 0.
        start, end: where the body begins and ends on the axis, pixels.
        evenness: share of the area that is the same on both sides, 0..1; 1 is mirror-symmetrical.
    """

    axis: Axis
    along: NDArray[np.float64]
    radius: NDArray[np.float64]
    start: float
    end: float
    evenness: float

    def line(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The profile from `start` to `end`: places along the axis and radii, both `(k,) float64` pixels."""
        between = (self.along > self.start) & (self.along < self.end)
        along = np.concatenate([[self.start], self.along[between], [self.end]])
        return along, np.interp(along, self.along, self.radius)


def profile_of(silhouette: Silhouette, lying: bool = False) -> Profile:
    """Axis and profile of a silhouette, taken as a body of revolution.

    Args:
        silhouette: of the subject.
        lying: whether the axis lies (runs to the right) instead of standing. It may be tilted by up to 20 degrees.

    Raises:
        InputProblem: the subject is too small to have a profile.
    """
    left, top, right, bottom = silhouette.box
    axis = Axis((left + right) / 2, (top + bottom) / 2, math.pi / 2 if lying else 0.0)
    for span in (MOST_TILT, 0.05, 0.01):
        rows = _rows(silhouette, axis)
        first, last = _widest(rows.field)
        valid = np.nonzero(last >= first)[0]
        if len(valid) < LEAST_ROWS:
            raise InputProblem(
                "The subject is too small to be turned on the lathe.", "Use a larger picture, or crop it closer."
            )
        middle = (first[valid] + last[valid]) / 2 - rows.centre
        offset, slope = _line(rows.along[valid] / silhouette.pixel, middle, last[valid] - first[valid], span)
        offset *= silhouette.pixel
        at = axis.place(np.zeros(1), np.array([offset]))[0]
        axis = Axis(float(at[0]), float(at[1]), axis.angle + math.atan(slope))
    return _measured(silhouette, axis)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The distance field turned so that the axis is the middle column: `(n, m) float32`."""

    field: NDArray[np.float32]
    along: NDArray[np.float64]
    centre: int


def _rows(silhouette: Silhouette, axis: Axis) -> _Rows:
    height, width = silhouette.distance.shape
    reach = int(math.hypot(height, width) / 2) + 2
    origin = silhouette.entry_of(np.array([[axis.x, axis.y]]))[0]
    sine, cosine = math.sin(axis.angle), math.cos(axis.angle)
    # Output column j, row i is the point s = j - reach, t = i - reach.
    matrix = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0]])
    matrix[:, 2] = origin - matrix[:, :2] @ np.array([reach, reach])
    size = 2 * reach + 1
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    turned = cv2.warpAffine(
        silhouette.distance, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=-1e3
    )
    along = (np.arange(size, dtype=np.float64) - reach) * silhouette.pixel
    return _Rows(np.asarray(turned, np.float32), along, reach)


def _widest(field: NDArray[np.float32]) -> tuple[Values, Values]:
    """Begin and end of the widest run inside of each row, fractions of an entry; end < begin in rows without any.

    The widest run, not everything: a handle with a hole behind it does not count.
    """
    inside = np.zeros((field.shape[0], field.shape[1] + 2), np.int8)
    inside[:, 1:-1] = field > 0
    change = np.diff(inside, axis=1)
    row, first = np.nonzero(change > 0)
    last = np.nonzero(change < 0)[1] - 1
    order = np.lexsort((last - first, row))  # the widest of each row comes last and stays
    begin, end = np.zeros(len(field)), np.full(len(field), -1.0)
    row, first, last = row[order], first[order], last[order]
    a, b = field[row, first], field[row, np.maximum(first - 1, 0)]
    c, d = field[row, last], field[row, np.minimum(last + 1, field.shape[1] - 1)]
    begin[row] = first - np.clip(a / np.maximum(a - b, 1e-6), 0, 1)
    end[row] = last + np.clip(c / np.maximum(c - d, 1e-6), 0, 1)
    return begin, end


def _line(along: Values, middle: Values, width: Values, span: float) -> tuple[float, float]:
    """The straight line `offset + slope * along` that passes most rows' middles.

    A vote over slopes and offsets finds it, least squares over the rows that agree make it exact.
    """
    tolerance = max(1.0, 0.006 * float(np.median(width)))
    best, offset, slope = -1.0, 0.0, 0.0
    steps = 81 if span > 0.1 else 21
    for candidate in np.linspace(-span, span, steps):
        rest = middle - candidate * along
        low = float(rest.min())
        bins = np.bincount(((rest - low) / tolerance).astype(np.int64)).astype(np.float64)
        votes = np.convolve(bins, [0.5, 1.0, 0.5], "same")
        peak = int(np.argmax(votes))
        # Of equally good lines the straighter one is meant.
        score = float(votes[peak]) * (1 - 0.05 * abs(candidate) / MOST_TILT)
        if score > best:
            best, offset, slope = score, low + (peak + 0.5) * tolerance, float(candidate)
    for reach in (2.0, 1.0, 1.0):
        rest = middle - offset - slope * along
        agree = np.abs(rest) < reach * tolerance
        weight = width[agree]
        if np.count_nonzero(agree) < LEAST_ROWS or np.ptp(along[agree]) < 1:
            break
        t = along[agree]
        mean_t = np.average(t, weights=weight)
        mean_m = np.average(middle[agree], weights=weight)
        spread = float(np.sum(weight * (t - mean_t) ** 2))
        slope = float(np.sum(weight * (t - mean_t) * (middle[agree] - mean_m)) / max(spread, 1e-9))
        offset = float(mean_m - slope * mean_t)
    return offset, float(np.clip(slope, -MOST_TILT, MOST_TILT))


def _measured(silhouette: Silhouette, axis: Axis) -> Profile:
    """The profile about a known axis."""
    rows = _rows(silhouette, axis)
    right = _reach(rows.field[:, rows.centre :])
    left = _reach(rows.field[:, rows.centre :: -1])
    on_axis = rows.field[:, rows.centre]
    inside = np.nonzero(on_axis > 0)[0]
    if not len(inside):
        raise InputProblem(
            "Nothing of the subject lies on the axis that its outline suggests, so it cannot be turned on the lathe.",
            "Use Inflate or Extrude for it.",
        )
    mask = rows.field > 0
    both = np.count_nonzero(mask[:, rows.centre :] & mask[:, rows.centre :: -1])
    either = np.count_nonzero(mask[:, rows.centre :] | mask[:, rows.centre :: -1])
    low, high = int(inside[0]), int(inside[-1])
    near, far = np.minimum(left, right), np.maximum(left, right)
    radius = near + np.minimum(far - near, UNEVEN * near + 1) / 2
    radius = radius[low : high + 1]
    kept = np.nonzero(on_axis[low : high + 1] > 0)[0]
    radius = np.interp(np.arange(len(radius)), kept, radius[kept])
    radius = np.maximum(_smooth(radius), 0.5)
    start = _crossing(on_axis, low, -1)
    end = _crossing(on_axis, high, 1)
    pixel = silhouette.pixel
    return Profile(
        axis,
        rows.along[low : high + 1],
        radius * pixel,
        (start - rows.centre) * pixel,
        (end - rows.centre) * pixel,
        both / either,
    )


def _reach(field: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far it is from the first column to the first place outside, entries; 0 where the first is outside."""
    outside = field <= 0
    first = np.argmax(outside, axis=1)
    row = np.arange(len(field))
    before = np.maximum(first - 1, 0)
    a, b = field[row, before], field[row, first]
    return np.where(first > 0, before + a / np.maximum(a - b, 1e-6), 0.0).astype(np.float64)


def _crossing(line: NDArray[np.float32], index: int, step: int) -> float:
    beyond = line[min(max(index + step, 0), len(line) - 1)]
    return index + step * float(np.clip(line[index] / max(line[index] - beyond, 1e-6), 0, 1))


def _smooth(radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Takes the last unevenness of the pixels away and keeps steps."""
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / 1.5) ** 2)
    padded = np.pad(radius, 4, mode="reflect", reflect_type="odd") if len(radius) > 4 else np.pad(radius, 4, "edge")
    smooth = np.convolve(padded, kernel / kernel.sum(), "valid")
    return np.clip(smooth, radius - SMOOTH_PLAY, radius + SMOOTH_PLAY)


def seen_level(profile: Profile, angle: float) -> Profile:
    """The profile as it would be seen from the side, from one seen from above.

    Each height of the body is a circle, seen as an ellipse that is `sine` times as high as wide; the outline goes
    round all of them. With heights stretched by 1 / `sine` the ellipses are circles with their centres on the axis,
    and the widest of them that fit into the outline make the profile. Circles that lie within another one add
    nothing: there the body has ended.

    Args:
        profile: as seen.
        angle: from above, radians, more than 0 and less than pi / 2.

    Returns:
        The profile with heights as they are; a circle at the height t is seen around t * cos(angle).
    """
    sine, cosine = math.sin(angle), math.cos(angle)
    along, seen = profile.line()
    step = max(1.0, (along[-1] - along[0]) / 700)
    at = np.arange(along[0], along[-1], step)
    across = np.interp(at, along, seen)
    apart = ((at[:, None] - at[None, :]) / sine) ** 2 + across[None, :] ** 2
    tips = np.minimum(np.abs(at - along[0]), np.abs(along[-1] - at)) / sine
    radius = np.minimum(np.sqrt(apart.min(axis=1)), tips)
    slope = np.abs(np.gradient(radius, at / sine))
    # At both ends the circles shrink as fast as their centres move: there they lie within the last real one.
    body = np.nonzero(slope < WITHIN)[0]
    if len(body) < LEAST_ROWS:
        return profile
    kept = slice(int(body[0]), int(body[-1]) + 1)
    return Profile(
        profile.axis,
        at[kept] / cosine,
        radius[kept],
        float(at[kept][0]) / cosine,
        float(at[kept][-1]) / cosine,
        profile.evenness,
    )
