"""A puffed body seen from the front, lit: how a balloon with a given outline looks."""

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import poisson

Field = NDArray[np.float32]

KEY = np.array([-0.42, 0.62, 0.66], np.float32)  # towards the main light: from the upper left
FILL = np.array([0.70, -0.10, 0.45], np.float32)
PUFF = 0.9  # height of the body, times that of a half circle over the outline's width


def glossy(cover: Field, colour: Field) -> Field:
    """A glossy body of one colour.

    Args:
        cover: `(h, w) float32`, 0..1, the outline's coverage.
        colour: `(3,) float32`, 0..255 sRGB.

    Returns:
        `(h, w, 3) float32`, 0..255 sRGB; also where nothing is covered, so that edges mix with the body's colour.
    """
    normal = _normals(cover)
    diffuse = np.clip(normal @ (KEY / np.linalg.norm(KEY)), 0, 1)
    soft = np.clip(normal @ (FILL / np.linalg.norm(FILL)), 0, 1)
    sky = 0.5 + 0.5 * normal[..., 1]
    facing = normal[..., 2].clip(0, 1)
    light = 0.42 + 0.20 * sky + 0.48 * diffuse + 0.10 * soft
    edge = (1 - facing) ** 3
    body = (colour / 255) ** np.float32(2.2)
    deep = body * body * np.float32(0.8) + body * np.float32(0.12)
    linear = body * light[..., None] * (1 - 0.55 * edge[..., None]) + deep * (0.5 * edge[..., None])
    half = KEY / np.linalg.norm(KEY) + np.array([0, 0, 1], np.float32)
    shine = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1)
    gloss = 0.85 * np.clip((shine - 0.965) / 0.02, 0, 1) ** 1.5 + 0.16 * shine**18
    rim = 0.10 * edge * sky
    linear = linear + (gloss + rim)[..., None]
    return np.asarray(255 * np.clip(linear, 0, 1) ** np.float32(1 / 2.2), np.float32)


def _normals(cover: Field) -> Field:
    """`(h, w, 3) float32` unit normals (x right, y up, z towards the viewer) of a cushion with this outline."""
    inside = (cover >= 0.5).astype(np.uint8)
    framed = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    signed = cv2.distanceTransform(framed, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - framed, cv2.DIST_L2, 5)
    distance = np.asarray(signed, np.float32)
    u = np.asarray(poisson.solve(distance, np.full_like(distance, 4.0)), np.float32)
    u = np.asarray(cv2.GaussianBlur(np.maximum(u, 0), (0, 0), 1.0), np.float32)
    # z = sqrt(u): grad z = grad u / (2 sqrt(u)); multiplied out, so that the rim needs no division.
    slope_x = cv2.Sobel(u, cv2.CV_32F, 1, 0, ksize=3) / 8
    slope_y = cv2.Sobel(u, cv2.CV_32F, 0, 1, ksize=3) / 8
    normal = np.stack([-PUFF * slope_x, PUFF * slope_y, 2 * np.sqrt(u + 0.3)], axis=2)[1:-1, 1:-1]
    return np.asarray(normal / np.linalg.norm(normal, axis=2, keepdims=True), np.float32)
