"""Views without end, rendered by other processes while the network trains."""

import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import numpy as np
import torch

from img2model_desktop.training.objects import read_objects
from img2model_desktop.training.pool import Source, stream
from img2model_desktop.training.views import Views

WAITING = 4  # batches that a renderer is ahead
BATCH = 16  # views: more cost memory, fewer cost calls
PATIENCE_S = 120.0  # the first batch needs the objects to be read
Parts = tuple[np.ndarray, ...]


@contextmanager
def rendered_aside(data: Path | None, shapes: float, size: int, seed: int, processes: int) -> Iterator[Iterator[Views]]:
    """Batches of views from `processes` renderers, taken from each in turn: the same order for the same arguments.

    Args:
        data: folder of training objects (those kept for validation are left out); None for procedural shapes alone.
        shapes: share of procedural shapes, 0..1.
        size: side of the views, pixels.
        seed: of the first renderer; the others count on.
        processes: how many, 1 or more.
    """
    context = get_context("spawn")
    queues: list[Queue[Parts]] = [context.Queue(WAITING) for _ in range(processes)]
    workers = [
        context.Process(target=_render, args=(line, data, shapes, size, seed * processes + k), daemon=True)
        for k, line in enumerate(queues)
    ]
    for worker in workers:
        worker.start()
    try:
        yield _in_turn(queues, workers)
    finally:
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.join()


def _in_turn(queues: list["Queue[Parts]"], workers: list[Any]) -> Iterator[Views]:
    while True:
        for line, worker in zip(queues, workers, strict=True):
            yield _received(line, worker)


def _received(line: "Queue[Parts]", worker: Any) -> Views:
    waited = 0.0
    while True:
        try:
            return Views(*(torch.from_numpy(part) for part in line.get(timeout=1.0)))
        except queue.Empty:
            waited += 1.0
            if not worker.is_alive() or waited > PATIENCE_S:
                raise RuntimeError("A process that renders training views has stopped.") from None


def _render(line: "Queue[Parts]", data: Path | None, shapes: float, size: int, seed: int) -> None:
    torch.set_num_threads(1)
    if hasattr(os, "nice"):
        os.nice(5)  # training waits for views only when it is faster than they are
    solids = read_objects(data, held_out=False) if data else []
    source = Source(solids, shapes if solids else 1.0)
    for views in stream(source, size, seed, torch.device("cpu"), BATCH):
        line.put(tuple(getattr(views, item.name).numpy() for item in fields(Views)))
