"""Relief: a plaque, a coin, a cut-out or a lithophane from brightness or a depth map."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import grounds, tones
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import read_picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.catalog import ReliefOptions
from img2model_desktop.errors import InputProblem

Field = NDArray[np.float32]

GROUNDS = {"plaque": grounds.plaque, "coin": grounds.coin, "cut-out": grounds.cut_out}
SMOOTH_SHARE = 0.01  # of the longest side: radius of smoothing 1
SAME_SHAPE = 0.02  # share by which the sides' ratio of a depth map may differ from the picture's


class Relief:
    """Raises a picture from a plate."""

    def sculpt(self, picture: Picture, options: ReliefOptions, seed: int, progress: Progress) -> Mesh:
        """See `engines.base.Sculptor`. `seed` changes nothing."""
        del seed
        progress.update(0.0)
        picture.require_subject()
        shape = options.shape
        if shape == "auto":
            shape = "cut-out" if picture.is_cut_out else "plaque"
        work = grounds.reduced(picture, grounds.WORK_PX)
        ground = GROUNDS[shape](work, options.frame)
        progress.update(0.15)
        height = _height(ground, work, options, progress.part(0.15, 0.35))
        wanted = grounds.Raise(options.height, options.base, options.faces, options.texture_px)
        return grounds.raised(ground, height, wanted, progress.part(0.35, 1.0))

    def close(self) -> None:
        """Nothing to free."""


def load() -> Relief:
    """The engine."""
    return Relief()


def _height(ground: grounds.Ground, whole: Picture, options: ReliefOptions, progress: Progress) -> Field:
    """`(h, w) float32`, 0..1, of the ground's box.

    Args:
        whole: the picture before it was cropped to the box, at the working size.
    """
    part = ground.picture
    if options.depth_file:
        values = _depth_values(options.depth_file, whole)
        box = int(ground.plate.left), int(ground.plate.top), part.width, part.height
        height = tones.from_depth(grounds.moved_field(values, *box), part.alpha)
    elif options.source == "depth":
        height = tones.from_depth(tones.luma(part), part.alpha)
    elif options.source == "lithophane":
        height = tones.lithophane(part)
    else:
        height = tones.from_brightness(part)
    progress.update(0.5)
    if options.invert:
        height = 1 - height
    height = tones.smoothed(height, options.smoothing * SMOOTH_SHARE * max(part.width, part.height))
    progress.update(1.0)
    return height


def _depth_values(path: str, whole: Picture) -> Field:
    """A depth map stretched over the whole picture, with all the bits that its file has."""
    shown = read_picture(path)  # says what is wrong with the file, if anything is
    data = np.frombuffer(Path(path).read_bytes(), np.uint8)
    deep = cv2.imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)
    values = tones.luma(shown) if deep is None or deep.dtype != np.uint16 else deep.astype(np.float32) / 65535
    if abs(values.shape[1] / values.shape[0] / (whole.width / whole.height) - 1) > SAME_SHAPE:
        raise InputProblem(
            f"The depth map is {values.shape[1]} x {values.shape[0]} pixels, another shape than the picture.",
            "Use a depth map of the same picture, not cropped.",
        )
    return np.asarray(cv2.resize(values, (whole.width, whole.height), interpolation=cv2.INTER_AREA), np.float32)
