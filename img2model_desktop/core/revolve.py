"""A closed mesh from a profile that turns about an axis."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]

LEAST_SEGMENTS = 24  # of the widest ring
SEGMENT_STEP = 16  # ring sizes are multiples of it, so that they can be halved four times
LEAST_AT_POLE = 6  # vertices of the smallest ring
POLE_HALVINGS = 4
NECK_HALVINGS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Turned:
    """A body of revolution about the y axis of its own frame.

    Args:
        along: `(n,) float64`, each vertex's place along the axis, in the unit of the profile.
        radius: `(n,) float64`, its distance from the axis; 0 at the two poles.
        turn: `(n,) float64`, its angle about the axis, radians, 0 at the front, growing to the right.
        faces: `(m, 3) int64`, a closed manifold, counter-clockwise seen from outside where the axis points down,
            the front is towards the viewer and `turn` grows to the viewer's right.
    """

    along: NDArray[np.float64]
    radius: NDArray[np.float64]
    turn: NDArray[np.float64]
    faces: NDArray[np.int64]


def turned(along: Values, radius: Values, faces: int) -> Turned:
    """Turns a profile.

    Args:
        along: `(k,) float64`, not falling, k >= 2.
        radius: `(k,) float64`, above 0. Flat ends are put on; two points at one place along the axis are a step.
        faces: about how many triangles are wanted, at least 200.
    """
    line = np.stack([along, radius], axis=1).astype(np.float64)
    line = np.concatenate([[[line[0, 0], 0.0]], line, [[line[-1, 0], 0.0]]])
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    length += np.arange(len(length)) * 1e-12 * length[-1]  # strictly rising, also where points coincide
    corners = _corners(line, 0.0015 * length[-1])
    widest = float(line[:, 1].max())
    low, high = 0.0005 * length[-1], length[-1]
    for _ in range(40):  # the edge length that gives the wanted number of triangles
        edge = math.sqrt(low * high)
        rings, counts = _rings(line, length, corners, widest, edge)
        if _triangles(counts) > faces:
            low = edge
        else:
            high = edge
    return _assemble(rings, counts)


def _corners(line: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Indices of the points that a simplified line keeps (Douglas and Peucker 1973), ends included."""
    keep = np.zeros(len(line), bool)
    keep[[0, -1]] = True
    todo = [(0, len(line) - 1)]
    while todo:
        first, last = todo.pop()
        if last - first < 2:
            continue
        a, b = line[first], line[last]
        way = b - a
        inner = line[first + 1 : last] - a
        span = max(float(np.hypot(*way)), 1e-12)
        share = np.clip(inner @ way / span**2, 0, 1)
        off = np.hypot(*(inner - share[:, None] * way).T)
        worst = int(np.argmax(off))
        if off[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            todo += [(first, middle), (middle, last)]
    return np.nonzero(keep)[0]


def _rings(
    line: NDArray[np.float64], length: Values, corners: NDArray[np.int64], widest: float, edge: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rings (along, radius), poles first and last, and how many vertices each has (1 at a pole)."""
    marks = length[corners]
    close = np.diff(marks) < 0.2 * min(edge, length[-1] / 8)
    marks = marks[~np.append(close, False)]
    marks[0] = 0.0
    pieces = np.maximum(np.round(np.diff(marks) / edge), 1).astype(np.int64)
    stops = np.concatenate(
        [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(marks[:-1], marks[1:], pieces, strict=True)]
    )
    stops = np.append(stops, marks[-1])
    rings = np.stack([np.interp(stops, length, line[:, 0]), np.interp(stops, length, line[:, 1])], axis=1)
    step = SEGMENT_STEP
    most = max(math.ceil(LEAST_SEGMENTS / step), round(2 * math.pi * widest / edge / step)) * step
    deepest = min(POLE_HALVINGS, int(math.log2(most / LEAST_AT_POLE)))
    halvings = np.floor(np.log2(widest / np.maximum(rings[:, 1], 1e-9)) + 0.3).clip(0, deepest).astype(np.int64)
    # Only on the way to a pole may rings be coarse: a slim neck stays round.
    widening = np.minimum.accumulate(halvings)[::-1], np.minimum.accumulate(halvings[::-1])
    pole = np.maximum(widening[0][::-1], widening[1][::-1])
    halvings = np.where(halvings > pole, np.minimum(halvings, np.maximum(pole, NECK_HALVINGS)), halvings)
    counts = most >> halvings
    counts[[0, -1]] = 1
    return rings, counts


def _triangles(counts: NDArray[np.int64]) -> int:
    return int((counts[1:-2] + counts[2:-1]).sum() + counts[1] + counts[-2])


def _assemble(rings: NDArray[np.float64], counts: NDArray[np.int64]) -> Turned:
    starts = np.concatenate([[0], np.cumsum(counts)])
    along = np.repeat(rings[:, 0], counts)
    radius = np.repeat(rings[:, 1], counts)
    radius[[0, -1]] = 0.0
    turn = np.concatenate([np.arange(n) * (2 * math.pi / n) for n in counts])
    around = np.arange(counts[1])
    last = np.arange(counts[-2])
    parts = [_fan(0, starts[1] + around, False)]
    for upper in range(1, len(counts) - 2):
        parts.append(_strip(starts[upper], counts[upper], starts[upper + 1], counts[upper + 1]))
    parts.append(_fan(starts[-2], starts[-3] + last, True))
    return Turned(along, radius, turn, np.concatenate(parts))


def _fan(pole: int, ring: NDArray[np.int64], below: bool) -> NDArray[np.int64]:
    following = np.roll(ring, -1)
    middle = np.full_like(ring, pole)
    return np.stack([middle, following, ring] if below else [middle, ring, following], axis=1)


def _strip(upper: int, many: int, lower: int, few: int) -> NDArray[np.int64]:
    """Triangles between two rings; one has 2**k times as many vertices as the other."""
    if many < few:
        made = _strip(lower, few, upper, many)
        return made[:, ::-1]
    ratio = many // few
    fine = np.arange(many)
    coarse = fine // ratio + (fine % ratio >= ratio // 2)
    a, b = upper + fine, upper + (fine + 1) % many
    down = lower + coarse % few
    each = np.arange(few)
    tip = upper + (each * ratio + ratio // 2) % many
    c, d = lower + each, lower + (each + 1) % few
    return np.concatenate([np.stack([a, down, b], axis=1), np.stack([tip, c, d], axis=1)])
