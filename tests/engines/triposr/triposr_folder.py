"""TripoSR at tiny size: a folder in the published layout, and the engine on it."""

from pathlib import Path

import torch

from img2model_desktop.engines.device import processor
from img2model_desktop.engines.networks.vit import Family, VitShape
from img2model_desktop.engines.triposr.net import TripoNet, TripoShape
from img2model_desktop.engines.triposr.sculptor import TripoSR
from tests.engines.golden import weights_for

TINY = TripoShape(
    vit=VitShape(Family.DINO, 48, 2, 4, 96, 16, 1e-12, table=14),
    picture=128,
    plane=4,
    width=64,
    layers=2,
    heads=4,
    channels=8,
    neurons=16,
    hidden=2,
)

SOLID = 6.0
"""Added to the density that the tiny network reads: without it there is no surface anywhere."""


def tiny() -> TripoNet:
    """The network on the meta device."""
    with torch.device("meta"):
        return TripoNet(TINY)


def write_folder(folder: Path) -> Path:
    """The folder with `model.ckpt`, a flat pickle of tensors as published."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = weights_for(tiny())
    weights["decoder.layers.6.bias"][0] += SOLID
    torch.save(weights, folder / "model.ckpt")
    return folder


def load_tiny(folder: Path) -> TripoSR:
    """What `load_triposr` is at published size."""
    return TripoSR(folder, tiny, processor())
