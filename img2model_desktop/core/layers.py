"""Maps of first and last depths: continued beyond the outline, made crisp at jumps, read between pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float32]
Points = NDArray[np.float64]

REACH = 3  # pixels: so far from a jump its crisp sides are looked for
TINT = 0.08  # difference of colour, 0..1, that makes two pixels half as likely to belong together


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


def crisp(layers: Maps, colour: Maps, known: NDArray[np.bool_], jump: float) -> Maps:
    """Depth maps without the ramps that a network draws across jumps.

    A pixel on a ramp takes both depths of the neighbour, up to `REACH` away, that lies on no ramp and is nearest in
    place and colour; so the jump moves to where the picture has its edge.

    Args:
        layers: `(h, w, 2) float32`, first and last depth.
        colour: `(h, w, 3) float32`, 0..1, the picture.
        known: `(h, w) bool`, pixels of the subject.
        jump: a ramp climbs more than this within two pixels.
    """
    steep = _climb(layers, known) > jump
    if not steep.any():
        return layers
    height, width = known.shape
    sound = np.pad(known & ~steep, REACH)
    padded = np.pad(layers, ((REACH, REACH), (REACH, REACH), (0, 0)))
    shade = np.pad(colour, ((REACH, REACH), (REACH, REACH), (0, 0)))
    rows, columns = np.nonzero(steep & known)
    best = np.full(len(rows), np.inf, np.float32)
    result = layers.copy()
    taken = layers[rows, columns]
    own = colour[rows, columns]
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            r, c = rows + REACH + dy, columns + REACH + dx
            cost = np.float32(np.hypot(dy, dx) / REACH) + np.abs(shade[r, c] - own).mean(1) / TINT
            better = sound[r, c] & (cost < best)
            best = np.where(better, cost, best)
            taken = np.where(better[:, None], padded[r, c], taken)
    result[rows, columns] = taken
    return np.asarray(result[:height, :width], np.float32)


def _climb(layers: Maps, known: NDArray[np.bool_]) -> Maps:
    """Largest difference of either depth between a known pixel and its known neighbours in a 3 x 3 window."""
    kernel = np.ones((3, 3), np.uint8)
    high = cv2.dilate(np.where(known[..., None], layers, -np.float32(1e9)), kernel)
    low = cv2.erode(np.where(known[..., None], layers, np.float32(1e9)), kernel)
    return np.asarray(np.where(known[..., None], high - low, 0).max(-1), np.float32)


def read_between(layers: Maps, at: Points, jump: float) -> Points:
    """Depths `(n, 2) float64` at positions `(n, 2)` (column, row; integers are pixels).

    Bilinear, but without those of the four pixels that lie across a jump from the nearest one.
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
    weight = weight * (np.abs(corner - nearest) < jump).all(-1)
    return np.asarray((corner * weight[..., None]).sum(1) / weight.sum(1, keepdims=True), np.float64)
