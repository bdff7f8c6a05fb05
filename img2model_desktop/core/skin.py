"""A picture as the skin of a body that is seen from the front: cropped, bled under its edge, of the wanted size."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.picture import Picture

MARGIN_PX = 8  # around the subject, so that smaller texture levels do not bleed from the other side


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """A texture and where it lies in the picture.

    Args:
        texture: opaque.
        left, top, width, height: the part of the picture that it shows, picture pixels.
    """

    texture: Picture
    left: float
    top: float
    width: float
    height: float

    def uv_of(self, places: NDArray[np.float64]) -> NDArray[np.float32]:
        """`(n, 2) float32` texture coordinates, origin lower left, of `(n, 2)` picture pixels."""
        across = (places[:, 0] - self.left) / self.width
        up = 1.0 - (places[:, 1] - self.top) / self.height
        return np.stack([across, up], axis=1).clip(0.0, 1.0).astype(np.float32)


def skin_of(picture: Picture, size_px: int, trusted: int = 250) -> Skin:
    """The subject's colours, each pixel that is not the subject's filled with the nearest of its colours.

    Args:
        picture: cut out.
        size_px: longest side of the texture; it is never larger than the picture's own part.
        trusted: from this alpha on a pixel has the subject's own colour; the edge's pixels still show what lay
            behind it. Less is trusted where a thin subject has nothing better.
    """
    alpha = picture.alpha
    seen = cv2.boundingRect((alpha >= 128).astype(np.uint8)) if (alpha >= 128).any() else (0, 0, *alpha.shape[::-1])
    left, top = max(seen[0] - MARGIN_PX, 0), max(seen[1] - MARGIN_PX, 0)
    right = min(seen[0] + seen[2] + MARGIN_PX, picture.width)
    bottom = min(seen[1] + seen[3] + MARGIN_PX, picture.height)
    part = np.ascontiguousarray(picture.pixels[top:bottom, left:right])
    filled = _bled(part, trusted)
    scale = min(1.0, size_px / max(filled.shape[:2]))
    if scale < 1.0:
        size = max(round(filled.shape[1] * scale), 1), max(round(filled.shape[0] * scale), 1)
        filled = np.asarray(cv2.resize(filled, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Skin(Picture.own(filled), left, top, right - left, bottom - top)


def _bled(part: NDArray[np.uint8], trusted: int) -> NDArray[np.uint8]:
    """`(h, w, 4) uint8`, opaque."""
    made = part.copy()
    made[..., 3] = 255
    sure = part[..., 3] >= trusted
    if sure.all():
        return made
    if np.count_nonzero(sure) < 0.2 * np.count_nonzero(part[..., 3] >= 128):
        sure = part[..., 3] >= 128
    if not sure.any():
        return made
    source = np.where(sure, 0, 255).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(source, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(sure)
    place = np.zeros(int(labels.max()) + 1, np.int64)
    place[labels[rows, columns]] = rows * part.shape[1] + columns
    unknown = ~sure
    made[unknown] = made.reshape(-1, 4)[place[labels[unknown]]]
    return made
