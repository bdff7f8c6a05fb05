"""A picture to measure with, drawn here: a glazed jug with a handle, so with a hole, on a transparent ground."""

from pathlib import Path

import cv2
import numpy as np


def write_subject(path: Path, side_px: int) -> Path:
    """Writes the jug as RGBA PNG, `side_px` pixels square, and returns the path.

    The outline is the same at each size; the glaze has fine speckles, so that neither the picture nor the
    texture compresses to nothing.
    """
    scale = side_px / 512
    alpha = np.zeros((side_px, side_px), np.uint8)

    def oval(x: float, y: float, width: float, height: float, value: int) -> None:
        centre = (round(x * scale * 16), round(y * scale * 16))
        axes = (round(width * scale * 16), round(height * scale * 16))
        cv2.ellipse(alpha, centre, axes, 0, 0, 360, value, -1, cv2.LINE_AA, 4)

    oval(390, 260, 90, 110, 255)
    oval(390, 260, 55, 72, 0)
    oval(240, 320, 160, 150, 255)
    oval(240, 180, 90, 130, 255)
    oval(240, 70, 115, 40, 255)
    y, x = np.mgrid[:side_px, :side_px] / side_px
    light = 0.45 + 0.55 * np.clip(np.cos((x - 0.35) * 3) * np.cos((y - 0.45) * 2), 0, 1)
    speckles = np.random.default_rng(1).normal(1, 0.05, (side_px, side_px))
    glaze = np.stack([60 + 120 * y, 110 + 60 * x, 170 - 80 * y], axis=2) * (light * speckles)[..., None]
    pixels = np.dstack([np.clip(glaze, 0, 255).astype(np.uint8), alpha])
    path.write_bytes(cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA))[1].tobytes())
    return path
