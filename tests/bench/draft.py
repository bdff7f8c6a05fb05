"""TripoSR at published size with seeded weights against the code of its authors: seconds, processor time, memory.

The weights are drawn, not learned: they cost the same as the published ones and say nothing of quality. A field drawn
at random is rough all over, so its values are computed, and then those of a known body are taken: a shell, a core, a
rod. Reference and ours run one after the other, each in a process of its own; where other programs load the machine,
compare processor time.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.rebake import paint
from img2model_desktop.core.workshop.unwrap import unwrap
from img2model_desktop.engines.catalog import TripoOptions
from img2model_desktop.engines.device import chunk_for, processor
from img2model_desktop.engines.triposr import sculptor as triposr
from img2model_desktop.engines.triposr.field import Lattice, extract, sample
from img2model_desktop.engines.triposr.net import PUBLISHED, RADIUS, Field, Perceptron, published
from img2model_desktop.engines.triposr.sculptor import LEVEL, POINT_BYTES, TripoSR, lattice_of, prepared
from tests.bench.draft_reference import CHUNK, Reference, log_density, read
from tests.bench.table import Table

NAME = "draft"
Result = TypeVar("Result")
Rows = dict[str, tuple[float, float]]
SEED = 5
ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << (10 if sys.platform.startswith("linux") else 20)
"""Of ru_maxrss: KiB on Linux, bytes on macOS."""

DENSE = Lattice((-RADIUS,) * 3, (RADIUS,) * 3, 256, 256)
LOAD, ALL = "weights from disk, into precision", "all after loading"
LIKE = "all after loading that both make"
"""Without what only ours makes, a body of fewer faces with a texture, and what the reference makes in its place."""

OWN = ("reduced", "laid flat", "texture", "colours")


def tables() -> list[Table]:
    """All tables; the weights are written to a temporary folder (1.7 GB) and read from there."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        _write(Path(folder) / "model.ckpt")
        return [_whole(folder), *_decoding()]


def _whole(folder: str) -> Table:
    """Both whole runs."""
    reference, ours = (_run(way, folder) for way in ("reference", "ours"))
    rows = []
    for stage in dict.fromkeys([*reference["stages"], *ours["stages"]]):
        pair = reference["stages"].get(stage), ours["stages"].get(stage)
        cells = [cell for one in pair for cell in ([f"{value:.2f}" for value in one] if one else ["-", "-"])]
        factor = f"{pair[0][1] / pair[1][1]:.2f}x" if pair[0] and pair[1] else "-"
        rows.append([stage, *cells, factor])
    for what in ("peak MiB", "peak MiB above start"):
        share = f"{ours[what] / reference[what]:.0%}"
        rows.append([what, f"{reference[what]:.0f}", "-", f"{ours[what]:.0f}", "-", share])
    columns = ["stage", "reference s", "cpu-s", "ours s", "cpu-s", "factor in cpu-s"]
    title = f"TripoSR, {ours['title']}, {ours['faces']:,} faces; machine's load {psutil.getloadavg()[0]:.1f}"
    return Table(title, columns, rows)


def _run(way: str, folder: str) -> dict[str, Any]:
    """One way, in another process."""
    command = [sys.executable, "-m", "tests.bench.draft", way, folder]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _write(path: Path) -> None:
    generator = torch.Generator().manual_seed(SEED)
    weights: dict[str, Tensor] = {}
    for name, tensor in published().state_dict().items():
        drawn = torch.randn(tensor.shape, generator=generator)
        is_scale = tensor.ndim == 1 and name.endswith("weight")
        weights[name] = 1 + 0.1 * drawn if is_scale else drawn / max(tensor[0].numel(), 16) ** 0.5
    torch.save(weights, path)


def measured(way: str, folder: str) -> dict[str, Any]:
    """Stages and memory of one way, in this process."""
    before = _peak_mib()
    stages: Rows = {}
    with torch.inference_mode():
        title, faces = (by_reference if way == "reference" else by_ours)(Path(folder), stages)
    after = {stage: pair for stage, pair in stages.items() if stage != LOAD}
    alike = {stage: pair for stage, pair in after.items() if not stage.startswith(OWN)}
    for title_of_sum, some in ((LIKE, alike), (ALL, after)):
        stages[title_of_sum] = (
            float(np.sum([one for one, _ in some.values()])),
            float(np.sum([one for _, one in some.values()])),
        )
    peak = _peak_mib()
    return {"title": title, "faces": faces, "stages": stages, "peak MiB": peak, "peak MiB above start": peak - before}


def by_reference(folder: Path, stages: Rows) -> tuple[str, int]:
    """As its authors' code: dense, single precision, colours at the vertices; weights in memory as it loads them."""
    net = Reference()

    def load() -> None:
        state = torch.load(folder / "model.ckpt", map_location="cpu", weights_only=True)
        wanted = sorted(net.state_dict().items(), key=lambda item: item[1].numel())
        for (_, mine), theirs in zip(wanted, sorted(state.values(), key=Tensor.numel), strict=False):
            if mine.shape == theirs.shape:
                mine.copy_(theirs)

    _timed(stages, LOAD, load)
    image = _timed(stages, "picture", lambda: prepared(picture(), 512, 0.85))
    tokens = _timed(stages, "vision transformer", lambda: net.tokens_of(image))
    planes = _timed(stages, "backbone and planes", lambda: net.planes_of(tokens))

    def field(points: Tensor) -> Tensor:
        return body(points) + 1e-6 * log_density(planes, net.layers, points)

    level = float(np.log(LEVEL))
    found = _timed(stages, "field", lambda: sample(field, DENSE, level, CHUNK, torch.device("cpu"), Progress()))
    surface = _timed(stages, "marching cubes", lambda: extract(found, DENSE, level, Progress()))
    places = torch.from_numpy(surface.vertices).float().split(CHUNK)
    _timed(stages, "colours of vertices", lambda: [read(planes, net.layers, some) for some in places])
    return "float32", len(surface.faces)


def by_ours(folder: Path, stages: Rows) -> tuple[str, int]:
    """As the engine does it, stage by stage."""
    engine, options = TripoSR(folder), TripoOptions()
    device = engine._device
    net = _timed(stages, LOAD, lambda: engine._ready(Progress()))
    image = _timed(stages, "picture", lambda: prepared(picture(), net.shape.picture, options.foreground))
    tokens = _timed(stages, "vision transformer", lambda: net.tokens_of(image.to(device.device)))
    _timed(stages, "backbone and planes", lambda: net.planes_of(tokens))
    field, lattice, level = Solid(net.decoder), lattice_of(options.resolution, options.thin_parts), float(np.log(LEVEL))
    chunk = chunk_for(device, POINT_BYTES)
    found = _timed(stages, "field", lambda: sample(field.log_density, lattice, level, chunk, device.device, Progress()))
    surface = _timed(stages, "marching cubes", lambda: extract(found, lattice, level, Progress()))
    reduced = _timed(
        stages, f"reduced to {options.faces:,} faces", lambda: triposr._reduced(surface, options.faces, Progress())
    )
    laid = _timed(stages, "laid flat", lambda: unwrap(reduced, options.texture_px, Progress()))

    def colour(places: NDArray[np.float32]) -> NDArray[np.float32]:
        points = torch.from_numpy(places[:, triposr.BACK].copy()).to(device.device).split(chunk)
        return np.concatenate([np.asarray(field.colour(some).cpu().numpy(), np.float32) for some in points])

    _timed(stages, f"texture of {options.texture_px}", lambda: paint(laid, colour, options.texture_px, Progress()))
    return f"{device.name}, {device.dtype}", len(surface.faces)


def _decoding() -> list[Table]:
    """The field at 257 cubed, by definition and densely, folded and densely, and coarse to fine, on two bodies."""
    level = float(np.log(LEVEL))
    torch.manual_seed(SEED)
    perceptron = Perceptron(PUBLISHED)
    cup_field, body_field = Solid(perceptron, cup), Solid(perceptron)
    usual, careful = lattice_of(256, careful=False), lattice_of(256, careful=True)
    dense = "dense, as the reference"
    on_cup = [
        (dense, cup_field.by_definition, DENSE),
        ("dense, first layer folded", cup_field.log_density, DENSE),
        ("from 129, usual for high quality", cup_field.log_density, careful),
        ("from 65, usual", cup_field.log_density, usual),
    ]
    on_body = [(dense, body_field.by_definition, DENSE), ("from 65, usual", body_field.log_density, usual)]
    return [
        _ways("A field with as much surface as a usual draft, read in four ways", on_cup, level),
        _ways("A field with nearly three times as much", on_body, level),
    ]


def _ways(title: str, ways: list[tuple[str, Callable[[Tensor], Tensor], Lattice]], level: float) -> Table:
    """The first way is what the others are compared with."""
    device = processor()
    rows, first, inside = [], 0.0, None
    for name, one, lattice in ways:
        chunk = CHUNK if name.endswith("reference") else chunk_for(device, POINT_BYTES)
        began, busy = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            sampled = sample(one, lattice, level, chunk, device.device, Progress())
        seconds, worked = time.perf_counter() - began, time.process_time() - busy
        faces = len(extract(sampled, lattice, level, Progress()).faces)
        now = sampled.values > level
        inside = now if inside is None else inside
        first = first or worked
        flips = int((now != inside).sum())
        share = f"{sampled.computed / 257**3:.2%}"
        rows.append(
            [name, f"{seconds:.2f}", f"{worked:.2f}", f"{first / worked:.1f}x", share, f"{faces:,}", f"{flips:,}"]
        )
    columns = ["field at 257 cubed", "s", "cpu-s", "factor in cpu-s", "points", "faces", "sign flips"]
    return Table(f"{title}; machine's load {psutil.getloadavg()[0]:.1f}", columns, rows)


def _timed(stages: Rows, title: str, work: Callable[[], Result]) -> Result:
    began, busy = time.perf_counter(), time.process_time()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    stages[title] = time.perf_counter() - began, time.process_time() - busy
    return result


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


class Solid(Field):
    """A field of published size and cost whose density is moved to that of a known body after it was computed."""

    def __init__(self, perceptron: Perceptron, shape: Callable[[Tensor], Tensor] | None = None) -> None:
        self._body = shape or body
        self._maps = torch.randn(3, PUBLISHED.channels, 64, 64, generator=torch.Generator().manual_seed(SEED))
        self._maps = self._maps.to(next(perceptron.parameters()).device)
        self._layers = nn.Sequential(*perceptron.layers)
        super().__init__(self._maps, perceptron)

    def log_density(self, points: Tensor) -> Tensor:
        return self._body(points) + 1e-6 * super().log_density(points)

    def by_definition(self, points: Tensor) -> Tensor:
        """As the reference reads it: features of every point, then every layer."""
        return self._body(points) + 1e-6 * log_density(self._maps, self._layers, points)


def body(points: Tensor) -> Tensor:
    """Logarithm of density: a ball's shell 0.024 thick, a core, and a rod 0.04 thick through them."""
    radius = points.norm(dim=1)
    shell = 0.012 - (radius - 0.6).abs()
    rod = torch.minimum(0.02 - torch.hypot(points[:, 0] - 0.1, points[:, 1]), 0.8 - points[:, 2].abs())
    return 60 * torch.maximum(torch.maximum(shell, 0.3 - radius), rod) + float(np.log(LEVEL))


def cup(points: Tensor) -> Tensor:
    """The same of a bowl 0.024 thick with a rod 0.04 thick through it: about 250,000 faces at 257 cubed."""
    shell = torch.minimum(0.012 - (points.norm(dim=1) - 0.5).abs(), 0.1 - points[:, 2])
    rod = torch.minimum(0.02 - torch.hypot(points[:, 0] - 0.1, points[:, 1]), 0.8 - points[:, 2].abs())
    return 60 * torch.maximum(shell, rod) + float(np.log(LEVEL))


def picture() -> Picture:
    """A disc of 600 pixels on nothing."""
    rows, columns = np.mgrid[0:800, 0:800]
    alpha = np.where(np.hypot(rows - 400, columns - 400) < 300, 255, 0)
    return Picture(np.dstack([rows // 4, columns // 4, rows // 8, alpha]).astype(np.uint8))


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], sys.argv[2])))
