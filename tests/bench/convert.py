"""How long a picture takes to become a mesh, and how much memory: warm, from a cold start, and by size."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from img2model_desktop.aside import Inline
from img2model_desktop.core.events import Finished, JobEvent, StageBegan
from img2model_desktop.core.request import Request
from img2model_desktop.engines.bench import Bench
from img2model_desktop.jobs.pipeline import run_job
from img2model_desktop.jobs.plan import resolve
from tests.bench.subject import write_subject
from tests.bench.table import Table

NAME = "convert"

SIDE_PX = 1024
WARM_RUNS = 7
COLD_RUNS = 5
SIDES_PX = (256, 512, 1024, 2048, 4096)


@dataclass(slots=True)
class Run:
    """One job in this process."""

    seconds: float
    last: Finished
    stages: dict[str, float] = field(default_factory=dict)


def tables() -> list[Table]:
    """Warm, cold and by size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture = write_subject(folder / "jug.png", SIDE_PX)
        return [warm(folder, picture), cold(folder, picture), by_size(folder)]


def warm(folder: Path, picture: Path) -> Table:
    """One job after another through the real pipeline, in this process and this thread."""
    run(folder, picture)
    runs = [run(folder, picture) for _ in range(WARM_RUNS)]
    facts = runs[0].last.facts
    rows = [
        ["whole job", *_spread(each.seconds for each in runs), "1.0 s"],
        *([f"  {stage}", *_spread(each.stages[stage] for each in runs), ""] for stage in runs[0].stages),
    ]
    title = (
        f"Warm: a {SIDE_PX} x {SIDE_PX} RGBA picture to a textured GLB by {runs[0].last.engine}, "
        f"{facts.faces} faces, {'watertight' if facts.watertight else 'NOT watertight'}, {WARM_RUNS} runs"
    )
    return Table(title, ["", "median", "fastest", "slowest", "promised at most"], rows)


def cold(folder: Path, picture: Path) -> Table:
    """The whole command line, a new process each time."""
    out = folder / "jug.glb"
    times, peaks = [], []
    for _ in range(COLD_RUNS):
        began = time.perf_counter()
        command = [sys.executable, "-m", "img2model_desktop", "convert", str(picture), "-o", str(out)]
        peaks.append(_peak_mb(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)))
        times.append(time.perf_counter() - began)
    rows = [["seconds, start to end", *_spread(times), "3.0 s"]]
    if all(peaks):
        rows.append(["peak memory", *(f"{value:.0f} MB" for value in _middle(peaks)), "700 MB"])
    title = f"Cold: img2model convert of the same picture, {COLD_RUNS} new processes"
    return Table(title, ["", "median", "lowest", "highest", "promised at most"], rows)


def by_size(folder: Path) -> Table:
    """Seconds against pixels, warm; the number of faces and the texture's size stay the same."""
    rows = []
    for side in SIDES_PX:
        picture = write_subject(folder / f"jug-{side}.png", side)
        seconds = statistics.median(run(folder, picture).seconds for _ in range(3))
        megapixels = side * side / 1e6
        rows.append([f"{side} x {side}", f"{megapixels:.2f}", f"{seconds:.2f} s", f"{seconds / megapixels:.2f} s"])
    return Table("Cost against pixels, warm, median of 3", ["picture", "megapixels", "whole job", "a megapixel"], rows)


def run(folder: Path, picture: Path) -> Run:
    """One job at standard quality, the engine chosen by the program.

    Raises:
        RuntimeError: the job did not finish.
    """
    events: list[JobEvent] = []
    with tempfile.TemporaryDirectory(dir=folder) as job:
        began = time.perf_counter()
        last = run_job(resolve(Request(picture=str(picture))), Bench(Inline()), Path(job), events.append, lambda: False)
        seconds = time.perf_counter() - began
    if not isinstance(last, Finished):
        raise RuntimeError(f"the job did not finish: {last}")
    begins = [event for event in events if isinstance(event, StageBegan)]
    ends = [event.at for event in begins[1:]] + [last.at]
    return Run(seconds, last, {str(one.stage): end - one.at for one, end in zip(begins, ends, strict=True)})


def _peak_mb(process: "subprocess.Popen[bytes]") -> float:
    """Waits for the process; its highest resident memory in MB, 0 where the system does not tell.

    Raises:
        RuntimeError: it failed.
    """
    if sys.platform == "win32":
        status, peak = process.wait(), 0.0
    else:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3) * (1 if sys.platform == "darwin" else 1.024)
    if status:
        raise RuntimeError(f"the command line failed with {process.returncode}")
    return peak


def _middle(values: Iterable[float]) -> tuple[float, float, float]:
    ordered = sorted(values)
    return statistics.median(ordered), ordered[0], ordered[-1]


def _spread(seconds: Iterable[float]) -> list[str]:
    return [f"{value:.2f} s" for value in _middle(seconds)]
