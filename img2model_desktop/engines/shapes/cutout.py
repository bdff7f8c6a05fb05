"""The cutter: uses the picture's alpha, or finds the subject before its background; brush strokes win.

Everything it needs is numpy and OpenCV; it has no weights and gives the same cut-out for the same input.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.brush import brushed, filled, has_useful_alpha, largest, paint, whole
from img2model_desktop.core.matting import Matte, refine
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Stroke
from img2model_desktop.core.segment import split
from img2model_desktop.core.subject import nothing_found
from img2model_desktop.engines.catalog import CutoutOptions

WORK_PX = 320  # longer side at which the subject is searched


def load() -> "Cutout":
    """The cutter. It needs no weights."""
    return Cutout()


class Cutout:
    """See `engines.base.Cutter`."""

    def cut(self, picture: Picture, strokes: tuple[Stroke, ...], options: CutoutOptions, progress: Progress) -> Picture:
        """The picture with the subject as its alpha and without background in the colours of its edge.

        Raises:
            InputProblem: nothing stands out from the background, or every pixel is transparent.
        """
        picture.require_subject()
        brush = paint(strokes, picture.width, picture.height)
        if options.background == "keep" and not strokes and not has_useful_alpha(picture):
            progress.update(1.0)
            return whole(picture)
        if has_useful_alpha(picture):
            matte = Matte(picture.alpha.copy(), picture.rgb.copy())
        else:
            matte = _found(picture, brush, options, progress.part(0.0, 0.9))
        alpha, colours = brushed(matte, picture, brush)
        if options.fill_holes:
            alpha, colours = filled(alpha, colours, picture)
        if options.largest_only:
            alpha = largest(alpha)
        progress.update(1.0)
        if not (alpha > 0).any():
            raise nothing_found()
        return Picture.own(np.dstack([colours, alpha]))

    def close(self) -> None:
        """Nothing to free."""


def _found(picture: Picture, brush: NDArray[np.int8], options: CutoutOptions, progress: Progress) -> Matte:
    """The subject of an opaque picture. Raises InputProblem when nothing stands out."""
    scale = min(1.0, WORK_PX / max(picture.width, picture.height))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = np.asarray(cv2.resize(picture.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    known = np.asarray(cv2.resize(brush, size, interpolation=cv2.INTER_NEAREST), np.int8)
    # A stray transparent pixel is background whatever its colour.
    known[cv2.resize(picture.alpha, size, interpolation=cv2.INTER_NEAREST) < 128] = -1
    rough = split(small, known, options.sensitivity, progress.part(0.0, 0.6))
    if not rough.any() and not (brush > 0).any():
        raise nothing_found()
    return refine(picture.rgb, rough, options.softness, progress.part(0.6, 1.0))
