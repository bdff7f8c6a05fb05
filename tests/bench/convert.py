"""How long a picture takes to become a mesh, and how much memory: warm, from a cold start, and by size."""

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

TIMER = """
import subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
seconds = time.perf_counter() - began
try:
    import resource
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
except ImportError:
    peak = 0
print(seconds, peak, 1 if sys.platform == "darwin" else 1024)
"""


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
    command = ["-m", "img2model_desktop", "convert", str(picture), "-o", str(folder / "jug.glb")]
    times, peaks = zip(*(_timed([sys.executable, *command]) for _ in range(COLD_RUNS)), strict=True)
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


def _timed(command: list[str]) -> tuple[float, float]:
    """Runs a command to its end: seconds, and its highest resident memory in MB (0 where the system does not tell).

    A small process of its own starts it: Linux counts the memory of the starting process as the started one's.

    Raises:
        CalledProcessError: the command failed.
    """
    told = subprocess.check_output([sys.executable, "-S", "-c", TIMER, *command], stderr=subprocess.DEVNULL, text=True)
    seconds, peak, unit = (float(word) for word in told.split())
    return seconds, peak * unit / 1e6


def _middle(values: Iterable[float]) -> tuple[float, float, float]:
    ordered = sorted(values)
    return statistics.median(ordered), ordered[0], ordered[-1]


def _spread(seconds: Iterable[float]) -> list[str]:
    return [f"{value:.2f} s" for value in _middle(seconds)]
