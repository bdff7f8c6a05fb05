"""The fine cutters: a published network says how much of each pixel is subject; the picture's own edges refine that."""

import math
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from img2model_desktop.core.brush import brushed, filled, has_useful_alpha, largest, paint, whole
from img2model_desktop.core.matting import Matte, refine_soft
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Stroke
from img2model_desktop.core.subject import nothing_found
from img2model_desktop.engines.birefnet.net import MULTIPLE_PX, BiRefNet, published, published_lite
from img2model_desktop.engines.catalog import FineCutOptions
from img2model_desktop.engines.device import Device, choose, memory_watched, release
from img2model_desktop.engines.networks.tensors import load_into
from img2model_desktop.engines.weights import sets
from img2model_desktop.errors import EngineProblem

# Of the pictures that the transformer was first trained on (ImageNet): red, green, blue, of 0..1.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)

Shares = NDArray[np.float32]


def load_lite(folder: Path) -> "FineCutout":
    """BiRefNet_lite with the weights of a folder. Raises SetupProblem where they are not there or not these."""
    return _loaded(published_lite(), folder, "birefnet-lite")


def load(folder: Path) -> "FineCutout":
    """BiRefNet with the weights of a folder. Raises SetupProblem where they are not there or not these."""
    return _loaded(published(), folder, "birefnet")


def _loaded(net: BiRefNet, folder: Path, key: str) -> "FineCutout":
    load_into(net, folder, sets.find(key))
    return FineCutout(net, choose())


class FineCutout:
    """See `engines.base.Cutter`.

    Args:
        net: with its weights as they are in the file.
        device: where it runs; its weights go there when a picture needs them first.
    """

    def __init__(self, net: BiRefNet, device: Device) -> None:
        self._net: BiRefNet | None = net
        self._device = device
        self._is_ready = False

    def cut(
        self, picture: Picture, strokes: tuple[Stroke, ...], options: FineCutOptions, progress: Progress
    ) -> Picture:
        """The picture with the subject as its alpha and without background in the colours of its edge.

        A picture that is cut out already keeps its alpha; the network is not asked then.

        Raises:
            InputProblem: nothing stands out from the background, or every pixel is transparent.
            OutOfMemory: the network needs more than there is.
        """
        picture.require_subject()
        brush = paint(strokes, picture.width, picture.height)
        if options.background == "keep" and not strokes and not has_useful_alpha(picture):
            progress.update(1.0)
            return whole(picture)
        if has_useful_alpha(picture):
            matte = Matte(picture.alpha.copy(), picture.rgb.copy())
        else:
            matte = self._found(picture, brush, options, progress)
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
        """Lets the weights go."""
        self._net = None
        release(self._device)

    def shares(self, picture: Picture, size_px: int, sensitivity: float, progress: Progress) -> Shares:
        """`(s, s) float32`, 0..1: how much of each pixel the network takes for subject.

        Args:
            picture: of any size; what is transparent counts with its colour.
            size_px: side of the square that the network sees; rounded to whole multiples of 32.
            sensitivity: times the odds of being subject.
            progress: of this piece of work.

        Raises:
            Cancelled: the user wants to stop.
            OutOfMemory: the network needs more than there is.
            EngineProblem: what the network says is no number.
        """
        side = max(1, round(size_px / MULTIPLE_PX)) * MULTIPLE_PX
        with memory_watched(self._device), torch.inference_mode():
            net = self._ready()
            logits = net(network_input(picture, side).to(self._device.device), progress)
            if not bool(torch.isfinite(logits).all()):
                raise EngineProblem("BiRefNet lost its numbers on this picture.", "Import its weights again.")
            odds = logits[0, 0] + math.log(sensitivity)
            return np.asarray(odds.sigmoid().cpu().numpy(), np.float32)

    def _ready(self) -> BiRefNet:
        """The network on its device, in the precision that is fast there: exact to a hundredth, see the benchmark."""
        assert self._net is not None
        if not self._is_ready:
            for module in self._net.modules():
                fast = isinstance(module, (nn.Linear, nn.Conv2d))
                for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
                    if tensor.is_floating_point():
                        tensor.data = tensor.data.to(self._device.device, self._device.dtype if fast else torch.float32)
            self._is_ready = True
        return self._net

    def _found(self, picture: Picture, brush: NDArray[np.int8], options: FineCutOptions, progress: Progress) -> Matte:
        """The subject of an opaque picture. Raises InputProblem when nothing stands out."""
        seen = self.shares(picture, options.size_px, options.sensitivity, progress.part(0.0, 0.9))
        size = (min(picture.width, seen.shape[1]), min(picture.height, seen.shape[0]))
        rough = np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), np.float32)
        known = cv2.resize(brush, size, interpolation=cv2.INTER_NEAREST)
        rough[known > 0] = 1.0
        # A stray transparent pixel is background whatever its colour.
        rough[(known < 0) | (cv2.resize(picture.alpha, size, interpolation=cv2.INTER_NEAREST) < 128)] = 0.0
        if not (rough >= 0.5).any() and not (brush > 0).any():
            raise nothing_found()
        return refine_soft(picture.rgb, rough, options.softness, progress.part(0.9, 1.0))


def network_input(picture: Picture, side: int) -> torch.Tensor:
    """`(1, 3, side, side) float32`: resampled as the training pictures were (bilinear over each pixel's area)."""
    square = Image.fromarray(np.ascontiguousarray(picture.rgb)).resize((side, side), Image.Resampling.BILINEAR)
    levels = (np.asarray(square, np.float32) / 255 - MEAN) / DEVIATION
    return torch.from_numpy(np.ascontiguousarray(levels.transpose(2, 0, 1)))[None]
