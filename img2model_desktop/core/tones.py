"""From the light and shade, or the depth, in a picture to the heights of a relief: 0 at the plate, 1 at the top."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import poisson
from img2model_desktop.core.picture import Picture

Field = NDArray[np.float32]

OUTER_SHARE = 0.01  # of the darkest and the brightest pixels that may be cut off when the range is stretched
LIFT, ROUND, LIGHT = 0.15, 0.45, 0.40  # what a cut-out subject's height is made of
DARKEST = 0.02  # linear luminance, and less, that a lithophane shows as black
DETAIL = 0.004  # variance, of values 0..1, from which on something is a feature and not noise
SOLVE_PX = 256  # longest side of the grid on which the roundness of a subject is solved


def luma(picture: Picture) -> Field:
    """`(h, w) float32`, 0..1: perceived lightness, ITU-R BT.709 weights on sRGB values."""
    return np.asarray(_weighted(picture.rgb.astype(np.float32) / 255), np.float32)


def luminance(picture: Picture) -> Field:
    """`(h, w) float32`, 0..1: linear luminance (IEC 61966-2-1, ITU-R BT.709)."""
    values = np.arange(256) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.asarray(_weighted(linear[picture.rgb]), np.float32)


def _weighted(rgb: NDArray[np.floating[Any]]) -> Field:
    return np.asarray(rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32), np.float32)


def from_brightness(picture: Picture) -> Field:
    """Heights from brightness: bright is high. A cut-out subject is lifted off the plate and a little round."""
    light = stretched(luma(picture), picture.alpha >= 128)
    if not picture.is_cut_out:
        return light
    alpha = picture.alpha.astype(np.float32) / 255
    return np.asarray(alpha * (LIFT + ROUND * _roundness(picture) + LIGHT * light), np.float32)


def lithophane(picture: Picture) -> Field:
    """Heights that let light through as bright as the picture is; what is transparent lets most through.

    Light falls off exponentially with the thickness that it passes (Lambert's law), so the thickness is the
    logarithm of the linear luminance: 1 at `DARKEST` and below, 0 at white, falling all the way between.
    """
    alpha = picture.alpha.astype(np.float32) / 255
    seen = luminance(picture) * alpha + (1 - alpha)
    return np.asarray(np.log(np.clip(seen, DARKEST, 1.0)) / math.log(DARKEST), np.float32)


def from_depth(values: NDArray[Any], alpha: NDArray[np.uint8]) -> Field:
    """Heights from a depth map: bright is near. The range it uses becomes 0..1; a flat one stays 0."""
    depth = values.astype(np.float32)
    inside = depth[alpha >= 128]
    low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 0.0)
    if high <= low:
        return np.zeros(depth.shape, np.float32)
    return np.asarray(((depth - low) / (high - low)).clip(0, 1) * (alpha.astype(np.float32) / 255), np.float32)


def stretched(values: Field, counted: NDArray[np.bool_]) -> Field:
    """The values with their range, seen where `counted`, stretched to 0..1."""
    sample = values[counted][:: max(1, int(np.count_nonzero(counted)) // 100_000)]
    if not sample.size:
        return np.zeros_like(values)
    low, high = np.quantile(sample, [OUTER_SHARE, 1 - OUTER_SHARE])
    if high - low < 1 / 255:
        return np.zeros_like(values)
    return np.asarray(((values - low) / (high - low)).clip(0, 1), np.float32)


def smoothed(height: Field, radius_px: float) -> Field:
    """Takes grain away and keeps edges: the guided filter of He, Sun and Tang (2010), guided by the heights."""
    radius = round(radius_px)
    if radius < 1:
        return height
    size = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(height, size)
    variance = np.maximum(cv2.blur(height * height, size) - mean * mean, 0)
    share = variance / (variance + np.float32(DETAIL))
    rest = mean * (1 - share)
    return np.asarray(cv2.blur(share, size) * height + cv2.blur(rest, size), np.float32)


def fit(height: Field, edge_px: float) -> Field:
    """The heights without what triangles of this size cannot show."""
    sigma = 0.35 * edge_px
    if sigma < 0.5:
        return height
    return np.asarray(cv2.GaussianBlur(height, (0, 0), sigma), np.float32)


def _roundness(picture: Picture) -> Field:
    """`(h, w) float32`, 0..1: how high a cushion with the subject's outline would be."""
    scale = min(1.0, SOLVE_PX / max(picture.width, picture.height))
    size = max(round(picture.width * scale), 3), max(round(picture.height * scale), 3)
    small = cv2.resize(np.ascontiguousarray(picture.alpha), size, interpolation=cv2.INTER_AREA)
    if not (small >= 128).any():
        return np.zeros((picture.height, picture.width), np.float32)
    framed = cv2.copyMakeBorder((small >= 128).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inside = cv2.distanceTransform(framed, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - framed, cv2.DIST_L2, 5)
    u = np.asarray(poisson.solve(inside.astype(np.float32), np.full_like(inside, 4.0)), np.float32)[1:-1, 1:-1]
    dome = np.sqrt(np.maximum(u, 0))
    full = cv2.resize(dome, (picture.width, picture.height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full / max(float(full.max()), 1e-6), np.float32)
