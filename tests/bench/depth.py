"""The depth engine at published size with random weights, which cost the same as real ones: seconds and memory.

The network alone runs beside the one of transformers too, with the same weights on the same numbers.

Each figure is of a process of its own, so that its peak of memory is its own. Weights are read from a file in the
published layout that is written first.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.catalog import DepthOptions
from img2model_desktop.engines.depth.net import published
from img2model_desktop.engines.depth.sculptor import Depth, load, ready
from img2model_desktop.engines.device import Device, processor
from img2model_desktop.engines.networks.tensors import load_into
from img2model_desktop.engines.weights.sets import find
from tests.bench.table import Table
from tests.drawn import alpha_of, disc
from tests.engines.golden import weights_for
from tests.published import write

NAME = "depth"

KINDS = ("plaque", "coin", "lithophane", "body")
TIMES = 3
MIB = 1 << (10 if sys.platform.startswith("linux") else 20)  # of ru_maxrss: KiB on Linux, bytes on macOS


def tables() -> list[Table]:
    """The network in its precisions, and whole results."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = weights_for(published())
        weights["head.conv3.bias"] += 1.0
        write(folder / "model.safetensors", weights)
        alone = [_run(folder, what) for what in ("transformers", "network", "network in bfloat16")]
        said = [np.load(folder / f"{what}.npy") for what in ("transformers", "network", "network in bfloat16")]
        for row, depth in zip(alone, said, strict=True):
            row.append(f"{np.abs(depth - said[0]).max() / np.abs(said[0]).max():.1e}")
        rows = [_run(folder, what) for what in ("load", "float32", "chosen", *KINDS)]
    columns = ["what", "s, first", "s, best of 3", "cpu-s, least of 3", "peak MiB above start"]
    load = f"machine's load {psutil.getloadavg()[0]:.1f}"
    return [
        Table(f"Depth Anything V2 Small at 518 px, the network alone; {load}", [*columns, "largest difference"], alone),
        Table(f"Depth relief, 518 px; the whole 1024 x 1024 picture to the mesh; {load}", columns, rows),
    ]


def _run(folder: Path, what: str) -> list[str]:
    """One row, measured in another process."""
    code = f"from tests.bench.depth import measured; measured({str(folder)!r}, {what!r})"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return [found["what"], *(f"{found[key]:.2f}" for key in ("first", "best", "worked")), f"{found['peak']:.0f}"]


def measured(folder: str, what: str) -> None:
    """Prints one row as JSON; runs in a process of its own."""
    work, title = _work(Path(folder), what)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, worked = [], []
    for _ in range(TIMES):
        start, busy = time.perf_counter(), time.process_time()
        result = work()
        seconds.append(time.perf_counter() - start)
        worked.append(time.process_time() - busy)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / MIB
    print(json.dumps({"what": title, "first": seconds[0], "best": min(seconds), "worked": min(worked), "peak": peak}))
    if isinstance(result, torch.Tensor):
        np.save(Path(folder) / f"{what}.npy", result.numpy())


def _work(folder: Path, what: str) -> tuple[Callable[[], object], str]:
    """What is measured, and its title; the peak counts from here, so loading is part of what loads first."""
    held: list[Depth] = []

    def engine() -> Depth:
        if not held:
            held.append(load(folder))
        return held[0]

    if what == "load":
        return (lambda: load(folder)), "loading"
    if what == "transformers" or what.startswith("network"):
        return _alone(folder, what), what
    if what in ("float32", "chosen"):
        dtype = torch.float32 if what == "float32" else processor().dtype
        net = published()
        load_into(net, folder, find("depth-small"))
        one = ready(net, Device(torch.device("cpu"), dtype, "the processor"))
        picture = _picture(whole=True)
        return (lambda: one.look(picture, 518, Progress())), f"look, {str(dtype).split('.')[1]}"
    options = DepthOptions(kind=what)
    picture = _picture(whole=what != "body")
    return (lambda: engine().sculpt(picture, options, 0, Progress())), f"{what}, whole, with loading first"


def _alone(folder: Path, what: str) -> Callable[[], torch.Tensor]:
    """The network on 518 x 518 numbers; its depths."""
    shown = torch.randn(1, 3, 518, 518, generator=torch.Generator().manual_seed(1))
    if what == "transformers":
        reference = _reference(folder)

        def theirs() -> torch.Tensor:
            with torch.inference_mode():
                depth: torch.Tensor = reference(shown).predicted_depth
                return depth

        return theirs
    net = published()
    load_into(net, folder, find("depth-small"))
    ready(net, Device(torch.device("cpu"), torch.bfloat16 if what.endswith("16") else torch.float32, "the processor"))

    def ours() -> torch.Tensor:
        with torch.inference_mode():
            return net.depth_of(net.features_of(shown, Progress()), net.grid_of(shown)).float()

    return ours


def _reference(folder: Path) -> Any:
    """The network of transformers from a configuration as published, with the weights of the folder's file."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    backbone: dict[str, Any] = {
        "hidden_size": 384, "num_attention_heads": 6, "image_size": 518, "patch_size": 14,
        "out_features": [f"stage{number}" for number in (3, 6, 9, 12)], "reshape_hidden_states": False,
    }  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=Dinov2Config(**backbone),
        reassemble_hidden_size=384,
        neck_hidden_sizes=[48, 96, 192, 384],
        fusion_hidden_size=64,
    )
    config.save_pretrained(folder)
    net = DepthAnythingForDepthEstimation.from_pretrained(folder, local_files_only=True)
    return net.eval()


def _picture(whole: bool) -> Picture:
    """Soft colours all over; where it is not whole, a disc of them."""
    rows, columns = np.mgrid[:1024, :1024] / 1024
    waves = [128 + 90 * np.sin(a * rows + b * columns) for a, b in ((20, 3), (5, 31), (11, 9))]
    alpha = np.full((1024, 1024), 255, np.uint8) if whole else alpha_of(disc(512, 512, 420), 1024)
    return Picture(np.dstack([*waves, alpha]).astype(np.uint8))
