"""What the diagnostics cost, and how well times are foretold."""

import math
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from PySide6.QtCore import QCoreApplication, QEventLoop

from img2model_desktop.core.events import JobEvent, StageBegan
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.engines.bench import Bench
from img2model_desktop.gui.diagnostics.gap_watch import WORKING_MS, GapWatch
from img2model_desktop.health.readings import CardReader, Reading, Sampler
from img2model_desktop.health.series import LEVELS, Series, series_file
from img2model_desktop.jobs.database import Database
from img2model_desktop.jobs.estimates import Remaining, StageTimes, remaining, spread_of
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.pipeline import run_job
from img2model_desktop.jobs.plan import resolve
from tests.bench.table import Table

NAME = "health"

READINGS = 400
WATCHED_S = 5.0
DAY_S = 86_400
TRIALS = 1000
REAL_ROUNDS = 4
ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "resources" / "samples"


def tables() -> list[Table]:
    """The cost of looking; what is kept; whether 80 of 100 durations lie inside the shown range."""
    with tempfile.TemporaryDirectory(prefix="img2model-bench-") as folder:
        cost = Table(
            "Health: what looking costs",
            ["", "is", "promised"],
            [*sampling(Path(folder)), watching(), *kept(), opening()],
        )
    return [cost, calibration(), real_jobs()]


def sampling(folder: Path) -> list[list[str]]:
    """Processor time of a reading with its place in the history, at one a second."""
    sampler, series = Sampler(folder, CardReader()), Series(folder)
    spent = []
    for _ in range(READINGS):
        began = time.thread_time()
        series.add(sampler.read())
        spent.append(time.thread_time() - began)
    sampler._looked = -math.inf
    began = time.thread_time()
    sampler.read()
    search = time.thread_time() - began
    share = 100 * (sum(spent) / len(spent) + search / 5)
    series.close()
    return [
        ["one reading, ms", f"{1000 * sum(spent) / len(spent):.2f}", "-"],
        [f"search for helper processes among {len(psutil.pids())}, ms", f"{1000 * search:.1f}", "-"],
        ["all of it, % of a core at one a second", f"{share:.2f}", "1.00"],
    ]


def watching() -> list[str]:
    """Processor time of looking for gaps, as often as while a job runs."""
    application = QCoreApplication.instance() or QCoreApplication([])
    gaps = GapWatch()
    gaps.set_interval(WORKING_MS)
    end, began = time.monotonic() + WATCHED_S, time.thread_time()
    while time.monotonic() < end:
        application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    gaps.set_interval(0)
    share = 100 * (time.thread_time() - began) / WATCHED_S
    return [f"looking for gaps every {WORKING_MS} ms, % of a core", f"{share:.2f}", "1.00"]


def kept() -> list[list[str]]:
    """Size of the files after a day, and at most."""
    with tempfile.TemporaryDirectory(prefix="img2model-bench-") as name:
        folder = Path(name)
        series = Series(folder)
        head = {level: series_file(folder, level).stat().st_size for level, _, _ in LEVELS}
        for second in range(0, 3600):
            series.add(Reading(1_790_000_000.0 + second, {"memory": 50.0, "processor": 3.0}))
        series.close()
        grown = {level: series_file(folder, level).stat().st_size - head[level] for level, _, _ in LEVELS}
    day = sum(grown.values()) * 24
    records = {level: grown[level] / (3600 / every_s) for level, every_s, _ in LEVELS}
    most = sum(records[level] * count * 1.05 for level, _, count in LEVELS)
    return [
        ["history of a day, kB", f"{day / 1e3:.0f}", "-"],
        ["history at most, MB", f"{most / 1e6:.1f}", "5.0"],
    ]


def opening() -> list[str]:
    """Processor seconds that the modules of the window add to a program that shows the main window already."""
    code = (
        "import time; import img2model_desktop.gui.main_window, numpy; "
        "busy = time.process_time(); import img2model_desktop.gui.diagnostics.window; "
        "print(time.process_time() - busy)"
    )
    taken = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        taken.append(float(done.stdout))
    return ["modules of the diagnostics window, loaded beside: processor s, best of 3", f"{min(taken):.2f}", "-"]


def calibration() -> Table:
    """Share of made-up jobs that end inside of the range that was shown before."""
    chance = random.Random(5)
    rows = []
    for scatter in (0.1, 0.3, 0.5):
        cells = []
        for history in (1, 3, 10, 40):
            inside = 0
            for _ in range(TRIALS):
                jobs = [_job(chance, scatter) for _ in range(history + 1)]
                told = remaining([spread_of([job[stage] for job in jobs[:-1]]) for stage in range(3)])
                inside += told.low_s <= sum(jobs[-1]) <= told.high_s
            cells.append(f"{100 * inside / TRIALS:.0f} %")
        rows.append([f"durations scatter by {100 * scatter:.0f} %", *cells, "80 %"])
    columns = ["", "after 1 job", "3 jobs", "10 jobs", "40 jobs", "meant"]
    return Table("Health: made-up jobs that ended inside of the shown range", columns, rows)


def _job(chance: random.Random, scatter: float) -> list[float]:
    shared = chance.gauss(0, scatter * math.sqrt(0.5))
    return [math.exp(chance.gauss(shared, scatter * math.sqrt(0.5))) * seconds for seconds in (2.0, 5.0, 1.0)]


def real_jobs() -> Table:
    """The range told at each beginning of a stage of real jobs on sample pictures, against what came."""
    pictures = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg"))
    inside = told = unknown = 0
    widths: list[float] = []
    with tempfile.TemporaryDirectory(prefix="img2model-bench-", ignore_cleanup_errors=True) as name:
        database = Database(Path(name) / "history.sqlite3")
        times = StageTimes(database)
        for number in range(REAL_ROUNDS):
            for picture in pictures:
                ranges, ended = _run(times, Request(picture=str(picture), quality=Quality.DRAFT), Path(name), number)
                for at, found in ranges:
                    unknown += not found.known
                    if found.known and number:  # the first round is what is learned from
                        told += 1
                        inside += found.low_s <= ended - at <= found.high_s
                        widths.append(found.high_s / max(found.low_s, 0.1))
        database.close()
    middle = sorted(widths)[len(widths) // 2] if widths else math.nan
    rows = [
        ["ranges told", str(told), "-"],
        ["what came lay inside", f"{100 * inside / max(told, 1):.0f} %", "80 %"],
        ["high end over low end, median", f"{middle:.1f}", "-"],
        ["not known", str(unknown), "-"],
        ["load of the machine meanwhile", f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "-", "-"],
    ]
    return Table(
        f"Health: real draft jobs, {REAL_ROUNDS} rounds of {len(pictures)} pictures", ["", "is", "meant"], rows
    )


def _run(times: StageTimes, request: Request, home: Path, number: int) -> tuple[list[tuple[float, Remaining]], float]:
    """What was told at the beginning of each stage, with the moment; when the job ended."""
    from img2model_desktop.aside import Inline

    folder = home / f"{Path(request.picture).stem}-{number}"
    folder.mkdir()
    row = JobRow(folder.name, JobState.RUNNING, request, "", time.time(), folder)
    ranges: list[tuple[float, Remaining]] = []

    def heard(event: JobEvent) -> None:
        times.take(event, request)
        if isinstance(event, StageBegan):
            begun = JobRow(row.id, JobState.RUNNING, request, "", row.created, folder, stage=event.stage)
            ranges.append((event.at, times.remaining(begun)))

    bench = Bench(Inline())
    last = run_job(resolve(request), bench, folder, heard, lambda: False)
    bench.close()
    return ranges, last.at
