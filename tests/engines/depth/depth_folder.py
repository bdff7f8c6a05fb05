"""The depth network at tiny size: a folder in the published layout, the engine on it, and one that is told depths."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.depth.net import DepthNet, DepthShape
from img2model_desktop.engines.depth.sculptor import Depth, ready
from img2model_desktop.engines.device import processor
from img2model_desktop.engines.networks.tensors import load_into
from img2model_desktop.engines.networks.vit import Family, VitShape
from img2model_desktop.engines.weights.sets import WeightFile, WeightSet
from tests.engines.golden import weights_for
from tests.published import write

TINY = DepthShape(
    VitShape(Family.DINOV2, 48, 4, 4, 192, 14, 1e-6, table=37),
    taps=(1, 2, 3, 4),
    neck=(8, 16, 24, 32),
    fusion=16,
)
Say = Callable[[NDArray[np.float32]], NDArray[np.float32]]

FILE = "model.safetensors"
SET = WeightSet(
    "depth-tiny",
    "Tiny depth",
    "someone/Depth",
    "",
    "Apache-2.0",
    (WeightFile(FILE, 0),),
    "tests.engines.depth.depth_folder:published_tiny",
)


def published_tiny() -> DepthNet:
    """The network on the meta device."""
    with torch.device("meta"):
        return DepthNet(TINY)


def write_folder(folder: Path) -> Path:
    """The folder with its file."""
    weights = weights_for(published_tiny())
    weights["head.conv3.bias"] += 2.0  # else much of what it says is below 0, which it cuts off
    write(folder / FILE, weights)
    return folder


def load_tiny(folder: Path) -> Depth:
    """What `depth.sculptor.load` is at published size."""
    net = published_tiny()
    load_into(net, folder, SET)
    return ready(net, processor())


class Told(Depth):
    """The engine with a network that says what the test wants.

    Args:
        say: from an image `(h, w, 3) float32` to its nearness `(h, w) float32`.
    """

    def __init__(self, say: Say) -> None:
        super().__init__(published_tiny(), processor())
        self._say = say

    def _raw(self, image: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
        progress.update(1.0)
        return self._say(image)
