"""Two hundred jobs in a row through the window's own runner, and how soon a job stops when it is told to."""

import gc
import os
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PySide6.QtCore import QCoreApplication, QEventLoop

from img2model_desktop.aside import Helper
from img2model_desktop.core.events import LAST, Failed, Finished, JobEvent, StageBegan, Stopped
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.engines.bench import Bench
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.jobs.pipeline import run_job
from img2model_desktop.jobs.plan import resolve
from img2model_desktop.jobs.store import Store
from tests.bench.subject import write_subject
from tests.bench.table import Table

NAME = "endurance"

JOBS = 200
WARM_UP = 20
SIDE_PX = 256
STOPS = 30
STOP_SIDE_PX = 1024


@dataclass(frozen=True, slots=True)
class State:
    """What this process holds at one moment. Memory in MB, of this process and of its helpers together."""

    memory: float
    helpers_memory: float
    threads: int
    files: int
    helpers: int


def tables() -> list[Table]:
    """Endurance and stopping."""
    with tempfile.TemporaryDirectory() as name:
        return [endurance(Path(name)), stopping(Path(name))]


def endurance(folder: Path) -> Table:
    """Jobs in a row; growth is the slope of a line through the memory after each job, without the warm-up."""
    application = QCoreApplication.instance() or QCoreApplication([])
    picture = str(write_subject(folder / "jug.png", SIDE_PX))
    idle = _state()
    runner = JobRunner(Store(folder / "history.sqlite3", folder / "jobs"))
    ended: list[JobEvent] = []
    runner.event_received.connect(lambda event: ended.append(event) if isinstance(event, LAST) else None)
    states = []
    began = time.monotonic()
    for number in range(JOBS):
        runner.submit(resolve(Request(picture=picture, quality=Quality.DRAFT)))
        while len(ended) <= number:
            application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        states.append(_state())
    seconds = time.monotonic() - began
    runner.close()
    del runner
    gc.collect()
    closed = _state()
    finished = sum(isinstance(event, Finished) for event in ended)
    if finished < JOBS:
        raise RuntimeError(f"{JOBS - finished} of {JOBS} jobs did not finish")
    first, last = states[WARM_UP], states[-1]
    rows = [
        ["memory, this process", f"{first.memory:.0f} MB", f"{last.memory:.0f} MB", _growth(states, "memory"), ""],
        [
            "memory, helper processes",
            f"{first.helpers_memory:.0f} MB",
            f"{last.helpers_memory:.0f} MB",
            _growth(states, "helpers_memory"),
            "",
        ],
    ]
    for label, name in (("threads", "threads"), ("open files", "files"), ("helper processes", "helpers")):
        before, after, end = (getattr(state, name) for state in (first, last, closed))
        rows.append([label, str(before), str(after), "", f"{end} ({getattr(idle, name)} at the start)"])
    title = (
        f"{JOBS} jobs in a row through the window's runner, all finished, {seconds / JOBS:.2f} s each "
        f"({SIDE_PX} x {SIDE_PX} picture, draft); promised: at most 1 MB a job after warm-up, nothing left behind"
    )
    return Table(title, ["", f"after {WARM_UP + 1}", f"after {JOBS}", "growth a job", "after closing"], rows)


def stopping(folder: Path) -> Table:
    """Jobs told to stop at moments spread over their whole length; counted by the stage that was under way."""
    picture = str(write_subject(folder / "jug-large.png", STOP_SIDE_PX))
    helper = Helper()
    bench = Bench(helper)
    whole = 0.0
    for _ in range(2):  # the first one warms the helper up
        whole, _, _ = _stopped_after(folder, bench, picture, None)
    waits: dict[str, list[float]] = defaultdict(list)
    for number in range(STOPS):
        _, stage, wait = _stopped_after(folder, bench, picture, whole * (number + 0.5) / STOPS)
        waits[stage].append(wait)
    bench.close()
    rows = [
        [stage, str(len(times)), f"{statistics.median(times) * 1000:.0f} ms", f"{max(times) * 1000:.0f} ms", "500 ms"]
        for stage, times in waits.items()
    ]
    title = f"Stop during a job of {whole:.2f} s ({STOP_SIDE_PX} x {STOP_SIDE_PX} picture, high quality)"
    return Table(title, ["stage", "stops", "median", "longest", "promised at most"], rows)


def _stopped_after(folder: Path, bench: Bench, picture: str, after_s: float | None) -> tuple[float, str, float]:
    """Runs a job that is told to stop after a while (None: never).

    Returns:
        Seconds the job took, the stage under way when it was told ("ended before" when it was too late), and
        how long it went on from then.
    """
    stages: list[StageBegan] = []

    def keep(event: JobEvent) -> None:
        if isinstance(event, StageBegan):
            stages.append(event)

    told = threading.Event()
    plan = resolve(Request(picture=picture, quality=Quality.HIGH))
    with tempfile.TemporaryDirectory(dir=folder) as job:
        began = time.monotonic()
        at = began + after_s if after_s is not None else float("inf")
        timer = threading.Timer(after_s or 0.0, told.set)
        if after_s is not None:
            timer.start()
        last = run_job(plan, bench, Path(job), keep, told.is_set)
        now = time.monotonic()
        timer.cancel()
    if isinstance(last, Failed):
        raise RuntimeError(f"a job failed: {last.message} {last.details}")
    if not isinstance(last, Stopped):
        return now - began, "ended before", 0.0
    return now - began, str(stages[-1].stage), now - at


def _state() -> State:
    this = psutil.Process()
    helpers = [child for child in this.children() if "resource_tracker" not in " ".join(child.cmdline())]
    return State(
        memory=this.memory_info().rss / 1e6,
        helpers_memory=sum(child.memory_info().rss for child in helpers) / 1e6,
        threads=this.num_threads(),
        files=this.num_fds() if os.name == "posix" else this.num_handles(),
        helpers=len(helpers),
    )


def _growth(states: list[State], name: str) -> str:
    """MB a job: the slope of the line through the values after the warm-up, by least squares."""
    values = np.array([getattr(state, name) for state in states[WARM_UP:]])
    slope = np.polyfit(np.arange(len(values)), values, 1)[0]
    return f"{slope:+.3f} MB"
