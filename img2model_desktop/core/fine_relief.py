"""Fine relief from light and shade: what is brighter than its surroundings stands out a little.

No picture says whether a dark spot is a pit or a stain. Taken as pits, in a narrow band of sizes and with strong
contrasts held back, stains do no harm, and folds, seams, fur and carving come out.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.picture import Pixels

Field = NDArray[np.float32]
Points = NDArray[np.floating[Any]]

WORK_PX = 512  # longest side that the relief is read at: finer than the mesh would show
GRAIN = 0.002  # of the longest side: what is smaller is noise
FINE, COARSE = 0.006, 0.02  # of the longest side: the two sizes of surroundings
CONTRAST = 0.12  # of full white: contrasts well below count in full, those well above are held to this
LUMINANCE = (0.2126, 0.7152, 0.0722)  # of ITU-R BT.709, on the encoded values, which are closer to what the eye sees


def relief_of(pixels: Pixels) -> Field:
    """How far each place stands out, -1 to 1, from an opaque picture whose background has been bled away.

    Args:
        pixels: `(h, w, 4) uint8`.

    Returns:
        `(n, m) float32`, the same picture on a grid whose longest side is at most WORK_PX.
    """
    height, width = pixels.shape[:2]
    ratio = min(1.0, WORK_PX / max(height, width))
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    small = cv2.resize(pixels[..., :3], size, interpolation=cv2.INTER_AREA)
    light = np.asarray(cv2.transform(small.astype(np.float32) / 255, np.array([LUMINANCE], np.float32)), np.float32)
    longest = max(size)
    light = _blurred(light, GRAIN * longest)
    detail = light - (_blurred(light, FINE * longest) + _blurred(light, COARSE * longest)) / 2
    return np.asarray(np.tanh(detail / CONTRAST), np.float32)


def _blurred(field: Field, sigma: float) -> Field:
    return np.asarray(cv2.GaussianBlur(field, (0, 0), max(sigma, 0.3), borderType=cv2.BORDER_REPLICATE), np.float32)
