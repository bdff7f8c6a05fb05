"""A thousand small pictures as a batch: memory, and how much slower than single jobs in a row it is.

`python -m tests.bench.batching 200` does it with 200 pictures, in about two minutes on two cores.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from img2model_desktop.aside import Helper, Inline
from img2model_desktop.core.events import Finished
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.engines.bench import Bench
from img2model_desktop.jobs.batch import Batch
from img2model_desktop.jobs.batch_ledger import Entry, Ledger, Outcome, read_entries
from img2model_desktop.jobs.batch_run import BatchRun, How, Standing
from img2model_desktop.jobs.export import export_mesh
from img2model_desktop.jobs.pipeline import run_job
from img2model_desktop.jobs.plan import resolve
from tests.bench.table import Table
from tests.drawn import alpha_of, disc

NAME = "batching"

PICTURES = 1000
WARM_UP = 0.2  # of the pictures: imports, caches and the allocator's first growth
ROUNDS = 4
REQUESTS = (Request(engine="inflate", quality=Quality.DRAFT), Request(engine="extrude", quality=Quality.DRAFT))
PROMISED = 1.10  # times as long as single jobs, at most


def tables(count: int = PICTURES) -> list[Table]:
    """Memory and throughput."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [memory(folder, count), throughput(folder, count)]


def memory(folder: Path, count: int) -> Table:
    """Growth is the slope of a line through the memory after each picture, without the warm-up."""
    pictures = draw(folder / "memory", count)
    states: list[tuple[float, float, int]] = []
    standing = _batch(pictures, folder / "memory-out", REQUESTS[0], lambda: states.append(_held()))
    entries = read_entries(folder / "memory-out")
    made = sum(entry.state is Outcome.DONE for entry in entries)
    if made < count:
        raise RuntimeError(f"{count - made} of {count} pictures were not made")
    warm = int(count * WARM_UP)
    rows = []
    for label, place in (("this process", 0), ("the helper process", 1)):
        values = np.array([state[place] for state in states])
        slope = float(np.polyfit(np.arange(count - warm), values[warm:], 1)[0]) * 100
        rows.append([label, f"{values[warm]:.1f} MB", f"{values[-1]:.1f} MB", f"{slope:+.2f} MB"])
    files = [state[2] for state in states]
    rows.append(["open files, this process", str(files[warm]), str(files[-1]), ""])
    title = (
        f"{count} pictures (64 to 128 px, inflate, draft) as one batch, {standing.seconds / count:.3f} s each; "
        "promised: flat"
    )
    return Table(title, ["memory of", f"after {warm + 1}", f"after {count}", "growth per 100"], rows)


def throughput(folder: Path, count: int) -> Table:
    """Rounds of single jobs and of a batch by turns, so that what else the machine does meets both."""
    rows = []
    for request in REQUESTS:
        alone: list[float] = []
        batched: list[float] = []
        starts: list[float] = []
        helper = Helper(niceness=0)
        for turn in range(ROUNDS + 1):
            place = folder / f"{request.engine}-{turn}"
            number = max(count // 2 // len(REQUESTS) // ROUNDS, 4)
            pictures = draw(place, number)
            seconds = helper.run(single_jobs, place, folder / f"{place.name}-alone", request, tick=_go_on)
            ended: list[float] = []
            began = time.monotonic()
            _batch(pictures, folder / f"{place.name}-out", request, partial(_note, ended))
            if turn:  # the first round warms the other process up
                alone.append(statistics.mean(seconds[1:]))
                batched.append((ended[-1] - ended[0]) / (number - 1))
                starts.append(ended[0] - began)
        helper.close()
        ratio = statistics.median(b / a for a, b in zip(alone, batched, strict=True))
        rows.append(
            [
                request.engine,
                f"{statistics.median(alone) * 1000:.0f} ms",
                f"{statistics.median(batched) * 1000:.0f} ms",
                f"{ratio:.2f}",
                f"{PROMISED:.2f}",
                f"{statistics.median(starts):.1f} s",
            ]
        )
    title = f"{ROUNDS} rounds by turns, one process each; a picture from reading to the saved GLB, medians"
    columns = ["engine", "single jobs", "in a batch", "ratio", "promised at most", "until the first is done"]
    return Table(title, columns, rows)


def draw(folder: Path, count: int) -> Path:
    """Cut-out discs and crescents, 64 to 128 pixels wide, no two alike."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(7)
    for number in range(count):
        side = int(random.integers(64, 129))
        alpha = alpha_of(disc(side / 2, side / 2, side * (0.25 + 0.2 * random.random())), side)
        if number % 3 == 0:
            alpha = np.minimum(alpha, 255 - alpha_of(disc(side * 0.75, side * 0.3, side * 0.2), side))
        pixels = np.dstack([np.broadcast_to(random.integers(0, 256, 3, np.uint8), (side, side, 3)), alpha])
        write_png(Picture(np.ascontiguousarray(pixels)), folder / f"{number:04d}.png")
    return folder


def single_jobs(folder: Path, out: Path, request: Request, report: object, is_cancelled: object) -> list[float]:
    """Seconds of each picture as `convert` makes it, in a row in one process; runs aside."""
    out.mkdir()
    bench = Bench(Inline())
    seconds = []
    for picture in sorted(folder.iterdir()):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as job:
            plan = resolve(replace(request, picture=str(picture)))
            last = run_job(plan, bench, Path(job), lambda event: None, lambda: False)
            if not isinstance(last, Finished):
                raise RuntimeError(f"a job failed: {last}")
            export_mesh(Path(last.path), out / f"{picture.stem}.glb")
        seconds.append(time.monotonic() - began)
    return seconds


def _batch(pictures: Path, out: Path, request: Request, ended: Callable[[], object]) -> Standing:
    def tell(standing: Standing, entry: Entry | None) -> None:
        if entry is not None:
            ended()

    with Ledger(Batch((pictures,), out, request)) as ledger:
        return BatchRun(ledger, How(), tell, print, lambda: False).run()


def _held() -> tuple[float, float, int]:
    """Memory of this process and of its helpers, MB, and its open files."""
    this = psutil.Process()
    helpers = [child for child in this.children() if "resource_tracker" not in " ".join(child.cmdline())]
    return (
        this.memory_info().rss / 1e6,
        sum(child.memory_info().rss for child in helpers) / 1e6,
        this.num_fds() if psutil.POSIX else this.num_handles(),
    )


def _note(moments: list[float]) -> None:
    moments.append(time.monotonic())


def _go_on(fraction: float) -> None:
    """A tick that stops nothing."""


if __name__ == "__main__":
    print("\n\n".join(str(table) for table in tables(int(sys.argv[1]) if len(sys.argv) > 1 else PICTURES)))
