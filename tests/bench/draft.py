"""TripoSR at published size with seeded weights: seconds of each stage, memory, and its field read densely.

The weights are drawn, not learned: they cost the same as the published ones and say nothing of quality. A field drawn
at random is rough all over, so its values are computed, and then those of a known body are taken: a shell, a core, a
rod.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.rebake import paint
from img2model_desktop.core.workshop.unwrap import unwrap
from img2model_desktop.engines import triposr
from img2model_desktop.engines.catalog import TripoOptions
from img2model_desktop.engines.device import chunk_for
from img2model_desktop.engines.field import Lattice, extract, sample
from img2model_desktop.engines.triposr import LEVEL, POINT_BYTES, TripoSR, lattice_of, prepared
from img2model_desktop.engines.triposr_net import RADIUS, Field, TripoNet, published
from tests.bench.table import Table

NAME = "draft"
Result = TypeVar("Result")
SEED = 5
REFERENCE_S, REFERENCE_GB = 37.0, 4.95
"""Of the reference code on two quiet cores, measured apart, for this table alone: 36-38 s, 4.7-5.2 GB."""


def tables() -> list[Table]:
    """Both tables; the weights are written to a temporary folder (1.7 GB) and read from there."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        _write(Path(folder) / "model.ckpt")
        engine = TripoSR(Path(folder))
        with torch.inference_mode():
            found = [_stages(engine), _decoding(engine)]
        engine.close()
    return found


def _write(path: Path) -> None:
    generator = torch.Generator().manual_seed(SEED)
    weights: dict[str, Tensor] = {}
    for name, tensor in published().state_dict().items():
        drawn = torch.randn(tensor.shape, generator=generator)
        is_scale = tensor.ndim == 1 and name.endswith("weight")
        weights[name] = 1 + 0.1 * drawn if is_scale else drawn / max(tensor[0].numel(), 16) ** 0.5
    torch.save(weights, path)


def _stages(engine: TripoSR) -> Table:
    device, options = engine._device, TripoOptions()
    rows: list[list[str]] = []
    with _peak() as memory:
        began, busy = time.perf_counter(), time.process_time()
        net = _timed(rows, "weights from disk, into precision", lambda: engine._ready(Progress()))
        image = _timed(rows, "picture", lambda: prepared(picture(), net.shape.picture, options.foreground))
        tokens = _timed(rows, "vision transformer", lambda: net.tokens_of(image.to(device.device)))
        _timed(rows, "backbone and planes", lambda: net.planes_of(tokens))
        field, lattice, level = Solid(net), lattice_of(options.resolution, options.thin_parts), float(np.log(LEVEL))
        chunk = chunk_for(device, POINT_BYTES)
        sampled = _timed(
            rows, "field", lambda: sample(field.log_density, lattice, level, chunk, device.device, Progress())
        )
        surface = _timed(rows, "marching cubes", lambda: extract(sampled, lattice, level, Progress()))
        title = f"{len(surface.faces):,} faces reduced to {options.faces:,}"
        reduced = _timed(rows, title, lambda: triposr._reduced(surface, options.faces, Progress()))
        laid = _timed(rows, "laid flat", lambda: unwrap(reduced, options.texture_px, Progress()))

        def colour(places: NDArray[np.float32]) -> NDArray[np.float32]:
            points = torch.from_numpy(places[:, triposr.BACK].copy()).to(device.device)
            return np.asarray(field.colour(points).cpu().numpy(), np.float32)

        _timed(rows, f"texture of {options.texture_px}", lambda: paint(laid, colour, options.texture_px, Progress()))
        total, worked = time.perf_counter() - began, time.process_time() - busy
    rows += [
        ["all, network loaded before", f"{total - float(rows[0][1]):.1f}", f"{worked - float(rows[0][2]):.1f}"],
        ["reference, two quiet cores, measured apart", f"{REFERENCE_S:.1f}", "-"],
        ["peak memory of this process, GB", f"{memory['all'] / 1e9:.2f}", "-"],
        ["of it not backed by the weights' file, GB", f"{memory['own'] / 1e9:.2f}", "-"],
        ["reference, GB", f"{REFERENCE_GB:.2f}", "-"],
    ]
    load_now = psutil.getloadavg()[0]
    return Table(
        f"TripoSR on {device.name}, {device.dtype}, machine's load {load_now:.1f}", ["stage", "s", "cpu-s"], rows
    )


def _decoding(engine: TripoSR) -> Table:
    """The field at 257 cubed: by definition and densely, folded and densely, and coarse to fine."""
    device, net = engine._device, engine._ready(Progress())
    field, level = Solid(net), float(np.log(LEVEL))
    chunk = chunk_for(device, POINT_BYTES)
    rows, first, inside = [], 0.0, None
    ways = [
        ("dense, by definition", field.by_definition, Lattice((-RADIUS,) * 3, (RADIUS,) * 3, 256, 256)),
        ("dense, first layer folded", field.log_density, Lattice((-RADIUS,) * 3, (RADIUS,) * 3, 256, 256)),
        ("from 129, usual for high quality", field.log_density, lattice_of(256, careful=True)),
        ("from 65, usual", field.log_density, lattice_of(256, careful=False)),
    ]
    for title, read, lattice in ways:
        began, busy = time.perf_counter(), time.process_time()
        sampled = sample(read, lattice, level, chunk, device.device, Progress())
        seconds, worked = time.perf_counter() - began, time.process_time() - busy
        faces = len(extract(sampled, lattice, level, Progress()).faces)
        now = sampled.values > level
        inside = now if inside is None else inside
        first = first or worked
        flips = int((now != inside).sum())
        share = f"{sampled.computed / 257**3:.2%}"
        rows.append(
            [title, f"{seconds:.2f}", f"{worked:.2f}", f"{first / worked:.1f}x", share, f"{faces:,}", f"{flips:,}"]
        )
    columns = ["field at 257 cubed", "s", "cpu-s", "factor in cpu-s", "points", "faces", "sign flips"]
    return Table("The same field, read in four ways", columns, rows)


def _timed(rows: list[list[str]], title: str, work: Callable[[], Result]) -> Result:
    began, busy = time.perf_counter(), time.process_time()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    rows.append([title, f"{time.perf_counter() - began:.2f}", f"{time.process_time() - busy:.2f}"])
    return result


@contextmanager
def _peak() -> Iterator[dict[str, int]]:
    """Bytes of this process at most: `all`, and `own`, without the pages that are the weights' file itself."""
    found = {"all": 0, "own": 0}
    is_over = threading.Event()
    process = psutil.Process()

    def watch() -> None:
        while not is_over.wait(0.02):
            memory = process.memory_info()
            found["all"] = max(found["all"], memory.rss)
            found["own"] = max(found["own"], memory.rss - getattr(memory, "shared", 0))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()


class Solid(Field):
    """A field of published size and cost whose density is moved to that of a known body after it was computed."""

    def __init__(self, net: TripoNet) -> None:
        self._maps = torch.randn(3, net.shape.channels, 64, 64, generator=torch.Generator().manual_seed(SEED))
        self._maps = self._maps.to(next(net.decoder.parameters()).device)
        self._layers = net.decoder.layers
        super().__init__(self._maps, net.decoder)

    def log_density(self, points: Tensor) -> Tensor:
        return body(points) + 1e-6 * super().log_density(points)

    def by_definition(self, points: Tensor) -> Tensor:
        """As the reference reads it: features of every point, then every layer."""
        grids = torch.stack([points[:, list(axes)] for axes in ((0, 1), (0, 2), (1, 2))])[:, None] / RADIUS
        read = torch.nn.functional.grid_sample(self._maps, grids, align_corners=False)
        x = read[:, :, 0].flatten(0, 1).t()
        for layer in self._layers:
            x = layer(x)
        return body(points) + 1e-6 * x[:, 0]


def body(points: Tensor) -> Tensor:
    """Logarithm of density: a ball's shell 0.024 thick, a core, and a rod 0.04 thick through them."""
    radius = points.norm(dim=1)
    shell = 0.012 - (radius - 0.6).abs()
    rod = torch.minimum(0.02 - torch.hypot(points[:, 0] - 0.1, points[:, 1]), 0.8 - points[:, 2].abs())
    return 60 * torch.maximum(torch.maximum(shell, 0.3 - radius), rod) + float(np.log(LEVEL))


def picture() -> Picture:
    """A disc of 600 pixels on nothing."""
    rows, columns = np.mgrid[0:800, 0:800]
    alpha = np.where(np.hypot(rows - 400, columns - 400) < 300, 255, 0)
    return Picture(np.dstack([rows // 4, columns // 4, rows // 8, alpha]).astype(np.uint8))
