"""Outlines drawn finely and averaged down, as a renderer or a scanner shows them."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.picture import Picture

Alpha = NDArray[np.uint8]
FINE = 4


def alpha_of(draw: Callable[[Alpha, int], object], size: int = 512) -> Alpha:
    """`(size, size) uint8`: what `draw(sheet, k)` paints, k times as large, averaged down."""
    sheet = np.zeros((size * FINE, size * FINE), np.uint8)
    draw(sheet, FINE)
    return np.asarray(cv2.resize(sheet, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def polygon(*corners: tuple[float, float]) -> Callable[[Alpha, int], object]:
    """Draws a filled polygon whose corners are in pixels of the small picture."""

    def draw(sheet: Alpha, k: int) -> None:
        # cv2 counts pixel centres and paints the boundary too: half a fine pixel less on each side
        points = np.round((np.array(corners) * k - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(sheet, [points], 255, cv2.LINE_AA, 4)

    return draw


def box(left: float, top: float, right: float, bottom: float) -> Callable[[Alpha, int], object]:
    """Draws a filled rectangle, exact where its sides are whole quarters of pixels."""

    def draw(sheet: Alpha, k: int) -> None:
        sheet[round(top * k) : round(bottom * k), round(left * k) : round(right * k)] = 255

    return draw


def disc(x: float, y: float, radius: float, value: int = 255) -> Callable[[Alpha, int], object]:
    """Draws a filled disc."""

    def draw(sheet: Alpha, k: int) -> None:
        rows, columns = np.ogrid[: sheet.shape[0], : sheet.shape[1]]
        sheet[(columns + 0.5 - x * k) ** 2 + (rows + 0.5 - y * k) ** 2 <= (radius * k) ** 2] = value

    return draw


def both(*drawings: Callable[[Alpha, int], object]) -> Callable[[Alpha, int], object]:
    """Draws one after the other."""

    def draw(sheet: Alpha, k: int) -> None:
        for drawing in drawings:
            drawing(sheet, k)

    return draw


def coloured(alpha: Alpha, rgb: tuple[int, int, int] = (200, 120, 60)) -> Picture:
    """A picture of one colour, black where nothing is."""
    pixels = np.zeros((*alpha.shape, 4), np.uint8)
    pixels[..., :3] = np.where(alpha[..., None] > 0, np.array(rgb, np.uint8), 0)
    pixels[..., 3] = alpha
    return Picture(pixels)
