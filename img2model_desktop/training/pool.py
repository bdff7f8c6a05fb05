"""Many rendered views, kept in memory, on a GPU or in files: what the training loop draws its batches from."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from img2model_desktop.training.objects import Solid
from img2model_desktop.training.shapes import random_solid
from img2model_desktop.training.views import Views, random_camera, render

_LAYOUT: dict[str, tuple[torch.dtype, int]] = {
    "image": (torch.uint8, 4),
    "depth": (torch.float16, 2),
    "normal": (torch.int8, 3),
    "back": (torch.uint8, 3),
}
_NOTE = "pool.json"


@dataclass(frozen=True, slots=True)
class Pool:
    """Room for `count` views; see `Views` for what each array holds."""

    image: Tensor
    depth: Tensor
    normal: Tensor
    back: Tensor
    camera: Tensor

    @classmethod
    def blank(cls, count: int, size: int, device: torch.device) -> "Pool":
        """An empty pool in the memory of a device."""
        maps = {
            name: torch.zeros((count, channels, size, size), dtype=dtype, device=device)
            for name, (dtype, channels) in _LAYOUT.items()
        }
        return cls(**maps, camera=torch.zeros((count, 2), device=device))

    @classmethod
    def mapped(cls, folder: Path, count: int, size: int) -> "Pool":
        """A pool whose arrays are files of a folder; made where missing, shared between processes."""
        folder.mkdir(parents=True, exist_ok=True)

        def file(name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
            numbers = int(np.prod(shape))
            return torch.from_file(str(folder / f"{name}.bin"), shared=True, size=numbers, dtype=dtype).view(shape)

        maps = {name: file(name, dtype, (count, channels, size, size)) for name, (dtype, channels) in _LAYOUT.items()}
        return cls(**maps, camera=file("camera", torch.float32, (count, 2)))

    @classmethod
    def opened(cls, folder: Path) -> "Pool":
        """The views that have been rendered into a folder so far.

        Raises:
            FileNotFoundError: no pool there.
        """
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        whole = cls.mapped(folder, int(note["count"]), int(note["size"]))
        return cls(*(getattr(whole, item.name)[: int(note["filled"])] for item in fields(cls)))

    def __len__(self) -> int:
        return len(self.camera)

    def put(self, begin: int, views: Views) -> None:
        """Stores a batch from row `begin` on; what does not fit is dropped."""
        for item in fields(self):
            rows = getattr(self, item.name)[begin : begin + len(views.camera)]
            rows.copy_(getattr(views, item.name)[: len(rows)])

    def renew(self, begin: int, views: Views) -> int:
        """Stores a batch from row `begin` on, going on at row 0 after the last; returns the row after it."""
        kept = min(len(views.camera), len(self) - begin)
        self.put(begin, views)
        if kept < len(views.camera):
            self.put(0, views.take(torch.arange(kept, len(views.camera))))
        return (begin + len(views.camera)) % len(self)

    def batch(self, index: Tensor, device: torch.device) -> Views:
        """The views of some rows, on a device."""
        parts = {item.name: getattr(self, item.name)[index].to(device, non_blocking=True) for item in fields(self)}
        return Views(**parts, usable=torch.ones(len(index), dtype=torch.bool, device=device))


@dataclass(frozen=True, slots=True)
class Source:
    """Where training objects come from.

    Args:
        solids: read from shards; drawn by their weights.
        shapes_share: share of procedural shapes, 0..1.
    """

    solids: Sequence[Solid]
    shapes_share: float

    def draw(self, rng: Generator) -> Solid:
        """The next object."""
        if not self.solids or rng.random() < self.shapes_share:
            return random_solid(rng)
        weight = np.array([solid.weight for solid in self.solids])
        return self.solids[int(rng.choice(len(weight), p=weight / weight.sum()))]


def stream(source: Source, size: int, seed: int, device: torch.device, batch: int) -> Iterator[Views]:
    """Batches of usable views without end; the same for the same seed."""
    rng = np.random.default_rng(seed)
    while True:
        solids = [source.draw(rng) for _ in range(batch)]
        cameras = [random_camera(rng) for _ in solids]
        views = render(solids, cameras, size, rng, device)
        if bool(views.usable.any()):
            yield views.take(torch.nonzero(views.usable)[:, 0])


def fill(
    pool: Pool, batches: Iterator[Views], seconds: float = float("inf"), report: Callable[[int], None] = lambda _: None
) -> int:
    """Fills a pool from its first row on, until it is full or the time is over; returns how many rows are filled."""
    filled, until = 0, time.monotonic() + seconds
    while filled < len(pool) and time.monotonic() < until:
        views = next(batches)
        pool.put(filled, views)
        filled = min(filled + len(views.camera), len(pool))
        report(filled)
    return filled


def note_progress(folder: Path, count: int, size: int, filled: int) -> None:
    """Says in the folder how much of it can be read."""
    temporary = folder / (_NOTE + ".part")
    temporary.write_text(json.dumps({"count": count, "size": size, "filled": filled}), encoding="utf-8")
    temporary.replace(folder / _NOTE)
