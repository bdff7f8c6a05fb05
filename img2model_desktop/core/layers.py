"""Maps of first and last depths: continued beyond the outline, made crisp at jumps, read between pixels."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float32]
Points = NDArray[np.float64]

REACH = 5  # pixels: so far from a jump its crisp sides are looked for; two more than half of a usual ramp
TINT = 0.08  # difference of colour, 0..1, that makes two pixels half as likely to belong together

CLOSED, FLAT = 0.15, 0.45  # shares of the squared thickness inside that are left at the rim: round up to, flat from

_OFFSETS = sorted(
    (np.float32(np.hypot(dy, dx) / REACH), (dy + REACH) * (2 * REACH + 1) + dx + REACH, dy, dx)
    for dy in range(-REACH, REACH + 1)
    for dx in range(-REACH, REACH + 1)
)
"""Distance over `REACH`, number in reading order, down and right, of each neighbour; the nearest first."""


def continued(maps: Maps, known: NDArray[np.bool_]) -> Maps:
    """The maps `(h, w, c)`, each pixel that is not `known` `(h, w)` taken from the nearest that is, if any is."""
    if not known.any():
        return maps
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(known)
    source = np.zeros(int(labels.max()) + 1, np.int64)
    source[labels[rows, columns]] = rows * known.shape[1] + columns
    return np.asarray(maps.reshape(-1, maps.shape[2])[source[labels]], np.float32)


def crisp(layers: Maps, colour: Maps, known: NDArray[np.bool_], gap: float) -> Maps:
    """Depth maps without the ramps that a network draws from one body to another behind it.

    A ramp is where, between neighbours, one solid stretch ends before the other begins. A pixel on it takes both
    depths of the neighbour, up to `REACH` away, that lies on no ramp and is nearest in place and colour; so the jump
    moves to where the picture has its edge.

    Args:
        layers: `(h, w, 2) float32`, first and last depth.
        colour: `(h, w, 3) float32`, 0..1, the picture.
        known: `(h, w) bool`, pixels of the subject.
        gap: stretches that lie more than this apart are of two bodies.
    """
    steep = _apart(layers, known) > gap
    if not steep.any():
        return layers
    rows, columns = np.nonzero(steep & known)
    result = layers.copy()
    source = _nearest_alike(colour, known & ~steep, rows * known.shape[1] + columns)
    result[rows, columns] = layers.reshape(-1, 2)[source]
    return result


def _nearest_alike(colour: Maps, sound: NDArray[np.bool_], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each place (row * w + column) the sound one nearest to it in place and colour, or itself where there is none.

    Near offsets are looked at first: a place whose best is nearer than the next offset is done. Of equals, the first
    one in reading order is taken.
    """
    width = sound.shape[1] + 2 * REACH
    sound_at = np.pad(sound, REACH).ravel()
    shades = [np.pad(colour[..., k], REACH).ravel() for k in range(3)]
    start = (places // sound.shape[1] + REACH) * width + places % sound.shape[1] + REACH
    own = [shade[start] for shade in shades]
    best = np.full(len(start), np.inf, np.float32)
    step, rank = np.zeros(len(start), np.int64), np.full(len(start), len(_OFFSETS))
    for away, number, dy, dx in _OFFSETS:
        live = np.nonzero(best >= away)[0]
        live = live[sound_at[start[live] + dy * width + dx]]
        where = start[live] + dy * width + dx
        apart = [np.abs(shade[where] - mine[live]) for shade, mine in zip(shades, own, strict=True)]
        cost = away + (apart[0] + apart[1] + apart[2]) / np.float32(3) / np.float32(TINT)
        better = (cost < best[live]) | ((cost == best[live]) & (number < rank[live]))
        live = live[better]
        best[live], rank[live], step[live] = cost[better], number, dy * sound.shape[1] + dx
    return places + step


def _apart(layers: Maps, known: NDArray[np.bool_]) -> Maps:
    """How far apart the solid stretches in a 5 x 5 window lie at most; below 0 where they share some depth."""
    kernel, far = np.ones((5, 5), np.uint8), np.float32(1e9)
    last = cv2.dilate(np.where(known, layers[..., 1], -far), kernel)
    first = cv2.erode(np.where(known, layers[..., 0], far), kernel)
    return np.asarray(np.where(known, last - first, -far), np.float32)


def read_between(layers: Maps, at: Points, gap: float) -> Points:
    """Depths `(n, 2) float64` at positions `(n, 2)` (column, row; integers are pixels).

    Bilinear, but without those of the four pixels whose solid stretch lies more than `gap` from that of the nearest.
    """
    height, width, _ = layers.shape
    x, y = at[:, 0].clip(0, width - 1), at[:, 1].clip(0, height - 1)
    j, i = (
        np.floor(x).astype(np.int64).clip(0, max(width - 2, 0)),
        np.floor(y).astype(np.int64).clip(0, max(height - 2, 0)),
    )
    fx, fy = (x - j)[:, None], (y - i)[:, None]
    right, below = min(1, width - 1), min(1, height - 1)
    corner = np.stack([layers[i, j], layers[i, j + right], layers[i + below, j], layers[i + below, j + right]], 1)
    weight = np.concatenate([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], 1)
    nearest = np.take_along_axis(corner, weight.argmax(1)[:, None, None], 1)
    apart = np.maximum(corner[..., 1], nearest[..., 1]) - np.minimum(corner[..., 0], nearest[..., 0])
    weight = weight * (apart <= gap)
    return np.asarray((corner * weight[..., None]).sum(1) / weight.sum(1, keepdims=True), np.float64)


def rounded(halves: Sequence[Points], probes: Sequence[float], distance: Points) -> Points:
    """Half thicknesses near the rim, where a map's pixels are too coarse to tell a round side from a flat one.

    On a round body the square of the thickness grows in proportion to the distance from the rim; on a slab it stays.
    So a straight line is laid through the squares some steps inside. Where it says that less than `CLOSED` of the
    innermost square is left at the rim, the side is round and closes; from `FLAT` on, it is a wall and stays.

    Args:
        halves: read straight inwards from each point, `(n,)` for each of the probes, in any unit.
        probes: how far from the rim these were read, ascending, two or more.
        distance: `(n,)` of the points themselves from the rim, in the unit of the probes.
    """
    at = np.array(probes)
    squares = np.stack(list(halves)) ** 2
    lever = (at - at.mean())[:, None]
    slope = ((lever * squares).sum(0) / (lever**2).sum()).clip(0)
    inner = squares.mean(0) + slope * (at[-1] - at.mean())
    rim = (inner - slope * at[-1]).clip(0)
    wall = ((rim / inner.clip(1e-12) - CLOSED) / (FLAT - CLOSED)).clip(0, 1)
    rim = rim * wall**2 * (3 - 2 * wall)
    return np.asarray(np.sqrt(rim + (inner - rim) * distance / at[-1]))


def relaxed(depths: Points, faces: NDArray[np.int64], held: NDArray[np.bool_], gap: float, rounds: int) -> Points:
    """Depths of a triangulation without the creases and the grain of the map that they were read from.

    Each round moves every depth half way to the mean of its neighbours'; neighbours of another body, and vertices that
    are held, have no say in that.

    Args:
        depths: `(k, 2) float64`, first and last depth of each vertex.
        faces: `(m, 3)`.
        held: `(k,) bool`, stay as they are.
        gap: solid stretches that lie more than this apart are of two bodies.
        rounds: 0 or more.
    """
    ends = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    count = len(depths)
    a, b = np.divmod(np.unique(ends[:, 0] * count + ends[:, 1]), count)
    apart = np.maximum(depths[a, 1], depths[b, 1]) - np.minimum(depths[a, 0], depths[b, 0]) > gap
    kept = ~(apart | held[a] | held[b])
    a, b = a[kept], b[kept]
    number = np.bincount(a, minlength=count) + np.bincount(b, minlength=count)
    weight = np.where(number > 0, 0.5 / np.maximum(number, 1), 0.0)
    result = depths.copy()
    for _ in range(rounds):
        for k in range(2):
            value = result[:, k]
            step = value[b] - value[a]
            pull = np.bincount(a, step, count) - np.bincount(b, step, count)
            result[:, k] = value + weight * pull
    return result
