"""Maps cleaned with the picture that they belong to: edges move to where the picture has them, grain goes.

The guided filter of He, Sun and Tang (Guided Image Filtering, 2010) with a colour picture as the guide, where each
pixel has a weight: what lies outside a subject, or on its soft rim, has little say or none.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

RADIUS = 0.008  # of the longer side: half the window
DETAIL = 4e-4  # variance of a colour channel, 0..1, from which on the picture's edges are followed
LEAST = 1e-4  # mean weight in a window, below which nothing is known there


def refined(values: Field, guide: Field, weight: Field) -> Field:
    """The values, `(h, w) float32`, smooth where the picture is and with its edges.

    Args:
        values: `(h, w) float32`.
        guide: `(h, w, 3) float32`, 0..1.
        weight: `(h, w) float32`, 0..1; at least one pixel is above 0.

    Returns:
        `(h, w) float32`; in windows without weight, 0 (`layers.continued` fills such places).
    """
    radius = max(round(RADIUS * max(values.shape)), 1)
    total = _mean(weight, radius)
    inverse = np.where(total > LEAST, 1 / np.maximum(total, LEAST), 0).astype(np.float32)
    colour = _mean(guide * weight[..., None], radius) * inverse[..., None]
    level = _mean(values * weight, radius) * inverse
    together = _mean(guide * (values * weight)[..., None], radius) * inverse[..., None] - colour * level[..., None]
    slope = _solved(_covariances(guide, weight, colour, inverse, radius), together)
    offset = level - (slope * colour).sum(2)
    slope = _mean(slope * weight[..., None], radius) * inverse[..., None]
    offset = _mean(offset * weight, radius) * inverse
    return np.asarray((slope * guide).sum(2) + offset, np.float32)


def _mean(field: Field, radius: int) -> Field:
    size = (2 * radius + 1, 2 * radius + 1)
    return np.asarray(cv2.boxFilter(field, -1, size, borderType=cv2.BORDER_REFLECT_101), np.float32)


def _covariances(guide: Field, weight: Field, colour: Field, inverse: Field, radius: int) -> Field:
    """`(h, w, 6)`: red-red, red-green, red-blue, green-green, green-blue, blue-blue."""
    first, second = [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]
    products = guide[..., first] * guide[..., second] * weight[..., None]
    spread = _mean(products, radius) * inverse[..., None] - colour[..., first] * colour[..., second]
    spread[..., [0, 3, 5]] = np.maximum(spread[..., [0, 3, 5]], 0) + np.float32(DETAIL)
    return np.asarray(spread, np.float32)


def _solved(spread: Field, right: Field) -> Field:
    """`(h, w, 3)`: the symmetric 3 x 3 systems of `_covariances`, solved by their cofactors."""
    rr, rg, rb, gg, gb, bb = np.moveaxis(spread.astype(np.float64), 2, 0)
    c00, c01, c02 = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c11, c12, c22 = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = np.maximum(rr * c00 + rg * c01 + rb * c02, DETAIL**3)
    r, g, b = np.moveaxis(right.astype(np.float64), 2, 0)
    solved = [c00 * r + c01 * g + c02 * b, c01 * r + c11 * g + c12 * b, c02 * r + c12 * g + c22 * b]
    return np.stack([part / determinant for part in solved], 2).astype(np.float32)
