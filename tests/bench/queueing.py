"""What the queue itself costs a job: jobs that do nothing, through the real runner, history and event loop.

The work of each job is taken out; what is left is what the program adds: the row and the folder on disk before the
job begins, the plan, the pool thread, its events, the row after its end.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from img2model_desktop.core.events import LAST, Facts, Finished, JobEvent, Stage, StageBegan, Started
from img2model_desktop.core.request import Request
from tests.bench.table import Table

NAME = "queueing"
JOBS = 200
PROMISED_MS = 30.0
FACTS = Facts(8, 12, 1, True, (0.1, 0.1, 0.1))


def run_nothing(_plan: Any, _bench: Any, folder: Path, emit: Callable[[JobEvent], None], *_: Any) -> None:
    """In the place of `run_job`: the events of a job with all its stages, and no work."""
    job = folder.name
    emit(Started(job, time.time()))
    for stage in (Stage.PICTURE, Stage.CUT_OUT, Stage.SCULPT, Stage.CLEAN, Stage.SAVE):
        emit(StageBegan(job, time.time(), stage))
    emit(Finished(job, time.time(), str(folder / "result.glb"), "lettering", FACTS, 0.0))


def tables() -> list[Table]:
    """Jobs one at a time, and all at once."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QCoreApplication

    application = QCoreApplication.instance() or QCoreApplication(sys.argv[:1])
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(application, Path(folder) / str(at_once), at_once) for at_once in (1, JOBS)]
    columns = ["jobs at once", "ms to add one", "ms a job", "of it in the UI thread", "longest gap, ms", "promised, ms"]
    return [Table(f"What the queue adds to a job, {JOBS} jobs that do nothing", columns, rows)]


def measure(application: Any, folder: Path, at_once: int) -> list[str]:
    """One row of the table: so many jobs are added at a time, the next ones when they have ended."""
    from img2model_desktop.gui.runner import JobRunner
    from img2model_desktop.jobs.plan import resolve
    from img2model_desktop.jobs.store import Store

    store = Store(folder / "history.sqlite3", folder / "jobs")
    runner = JobRunner(store)
    plan = resolve(Request(prompt="nothing"))
    ended: list[str] = []

    def note(event: JobEvent) -> None:
        if isinstance(event, LAST):
            ended.append(event.job_id)

    runner.event_received.connect(note)
    adding: list[float] = []
    gaps: list[float] = []
    with mock.patch("img2model_desktop.jobs.pipeline.run_job", run_nothing):
        run_round(application, runner, [plan], ended)  # the first one imports what jobs need
        ended.clear()
        began, cpu = time.perf_counter(), time.thread_time()
        for _ in range(JOBS // at_once):
            gaps += run_round(application, runner, [plan] * at_once, ended, adding)
        whole, busy = time.perf_counter() - began, time.thread_time() - cpu
    assert len(ended) == len(set(ended)) == JOBS
    runner.close()
    figures = (1e3 * statistics.fmean(adding) / at_once, 1e3 * whole / JOBS, 1e3 * busy / JOBS, 1e3 * max(gaps))
    return [str(at_once), *(f"{figure:.1f}" for figure in figures), f"{PROMISED_MS:.0f}"]


def run_round(
    application: Any, runner: Any, plans: list[Any], ended: list[str], adding: list[float] | None = None
) -> list[float]:
    """Adds jobs and waits for their ends; the gaps in the event loop meanwhile, seconds."""
    wanted = len(ended) + len(plans)
    before = time.perf_counter()
    runner.submit_all(tuple(plans))
    if adding is not None:
        adding.append(time.perf_counter() - before)
    gaps = []
    while len(ended) < wanted:
        turn = time.perf_counter()
        application.processEvents()
        gaps.append(time.perf_counter() - turn)
        time.sleep(0)
    return gaps
