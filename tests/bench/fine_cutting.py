"""What the fine cutters cost: seconds and memory at both ends of their working size, on the processor.

Weights follow the parity fixtures' rule: they cost what published ones cost, and say nothing of quality. Each run has
a process of its own, reads its file of weights in published layout, and cuts twice; the second time counts. "Tap by
tap" is the same network in 32 bits with its deformable convolutions as they are defined, one lookup per tap.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.birefnet.cutter import FineCutout
from img2model_desktop.engines.birefnet.deformable import ModulatedDeformable
from img2model_desktop.engines.birefnet.net import BiRefNet, published, published_lite
from img2model_desktop.engines.device import Device, processor
from img2model_desktop.engines.networks.tensors import load_into
from img2model_desktop.engines.weights import sets
from tests.bench.cutting import bokeh
from tests.bench.table import Table
from tests.engines.birefnet.birefnet_folder import write_folder
from tests.engines.birefnet.definitions import tap_by_tap

NAME = "fine_cutting"

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = {"birefnet-lite": (published_lite, torch.float32), "birefnet": (published, torch.float16)}
EXACT, FAST, PLAIN = "32 bits", "as chosen here", "tap by tap"
RUNS = [
    *(("birefnet-lite", size, way) for size in (512, 1024) for way in (PLAIN, EXACT, FAST)),
    *(("birefnet", size, way) for size in (512, 1024) for way in (EXACT, FAST)),
]


def tables() -> list[Table]:
    """One table: a line for each network, size and way."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for key, (build, kind) in NETWORKS.items():
            write_folder(Path(scratch) / key, kind, build())
        for key, size, way in RUNS:
            command = [sys.executable, "-m", "tests.bench.fine_cutting", scratch, key, str(size), way]
            done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
            rows.append([sets.find(key).title, str(size), way, *json.loads(done.stdout)])
    columns = ["network", "px", "how", "type", "s", "cpu-s", "peak MiB", "longest pause s", "mask differs"]
    return [Table("Fine cut-outs on the processor", columns, rows)]


def run(folder: Path, key: str, size: int, way: str) -> list[str]:
    """What one line of the table says after its name."""
    device = processor() if way == FAST else Device(torch.device("cpu"), torch.float32, "the processor")
    if way == PLAIN:
        ModulatedDeformable.pieces = tap_by_tap  # type: ignore[method-assign]  # on purpose
    cutter = FineCutout(loaded(folder, key), device)
    pixels = np.dstack([bokeh(1200, np.random.default_rng(1)), np.full((1200, 1200), 255, np.float32)])
    picture = Picture(np.clip(pixels, 0, 255).astype(np.uint8))
    cutter.shares(picture, size, 1.0, Progress())
    moments: list[float] = []
    began, worked = time.perf_counter(), time.process_time()
    shares = cutter.shares(picture, size, 1.0, Progress(is_cancelled=lambda: noted(moments)))
    took, worked = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    differs = "-"
    if way == FAST:
        exact = FineCutout(loaded(folder, key), Device(torch.device("cpu"), torch.float32, "the processor"))
        apart = np.abs(exact.shares(picture, size, 1.0, Progress()) - shares)
        differs = f"{apart.mean():.4f} mean, {apart.max():.3f} most"
    pause = float(np.diff([began, *moments, began + took]).max())
    kind = str(device.dtype).removeprefix("torch.")
    return [kind, f"{took:.2f}", f"{worked:.2f}", f"{peak:.0f}", f"{pause:.2f}", differs]


def noted(moments: list[float]) -> bool:
    """Notes when it was asked whether to go on; always goes on."""
    moments.append(time.perf_counter())
    return False


def loaded(folder: Path, key: str) -> BiRefNet:
    """The network with the weights of its folder."""
    net = NETWORKS[key][0]()
    load_into(net, folder / key, sets.find(key))
    return net


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])))
