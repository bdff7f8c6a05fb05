"""Engines that fail in chosen ways in a helper process; light to import there, since each such process does."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.room import Room
from tests.shapes import box


class Hungry:
    """A sculptor that has memory for some triangles only."""

    def __init__(self, most: int, starve: Callable[[], Any]) -> None:
        self._most, self._starve = most, starve

    def sculpt(self, picture: Picture, options: Any, seed: int, progress: Progress) -> Mesh:
        """The box."""
        progress.update(0.5)
        if options.faces > self._most:
            self._starve()
        return box()

    def close(self) -> None:
        """Holds nothing."""


def _raise_torchs() -> None:
    import torch

    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def of_torch() -> Hungry:
    return Hungry(2_000, _raise_torchs)


def of_python() -> Hungry:
    return Hungry(2_000, lambda: np.empty(1 << 60, np.uint8))


def killed_for_it() -> Hungry:
    return Hungry(7_000, lambda: os.kill(os.getpid(), signal.SIGKILL))


def never() -> Hungry:
    return Hungry(0, lambda: np.empty(1 << 60, np.uint8))


def small_card(asks_card: bool) -> Room:
    """Measures in the helper process: a card that is nearly full."""
    return Room(8_000, 15 if asks_card else None)


def die_once(mark: Path, function: Callable[..., Any], args: tuple[Any, ...], report: Any, is_cancelled: Any) -> Any:
    """Runs in the helper process; kills it the first time."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*args, report, is_cancelled)


def sleep(report: Any, is_cancelled: Any) -> None:
    """Takes a moment."""
    time.sleep(0.2)
