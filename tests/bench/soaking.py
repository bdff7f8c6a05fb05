"""Thousands of mixed jobs in one process, and what that leaves behind; how soon a job stops when it is told to.

`python -m tests.bench.soaking 2000` does so many, in about fifteen minutes on two cores. Jobs go through the window's
own runner and its event loop, blocks of them at a time: pictures of all built-in engines, prompts, opened meshes; a
quarter is stopped while it waits or at a random moment, a quarter fails, in each stage and in each way. By turns with
each block the same event loop has nothing to do: what it is late then is the machine's doing.
"""

import gc
import logging
import math
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np
import psutil
from PySide6.QtCore import QCoreApplication, QEventLoop, QTimer

from img2model_desktop.aside import Helper
from img2model_desktop.core.events import LAST, Failed, Finished, JobEvent, StageBegan, Started, Stopped
from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.bench import Bench
from img2model_desktop.gui.diagnostics.gap_watch import GapWatch
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.jobs.pipeline import run_job
from img2model_desktop.jobs.plan import resolve
from img2model_desktop.jobs.store import Store
from tests.bench.subject import write_subject
from tests.bench.table import Table
from tests.jobs import soaked
from tests.shapes import box

NAME = "soaking"

JOBS = 2000
BLOCK = 20  # jobs
WARM_UP = 0.15  # of the jobs: imports, caches and the allocator's first growth
HELPER_WARM_UP = 4  # blocks in a helper process's life
SIDE_PX = 32
LOOK_MS = 5
IDLE_MS = 1000  # after each block
STOPPED = 0.25  # share of the jobs that are told to stop
STOP_WITHIN_MS = 700  # of their beginning
STOPS = 30
STOP_SIDE_PX = 1024
PROMISED_P99_MS, PROMISED_LONGEST_MS, PROMISED_QUEUE_MS = 16.0, 50.0, 30.0


@dataclass(frozen=True, slots=True)
class State:
    """What this process holds at one moment. Memory in MB; of the helpers together, and their numbers."""

    memory: float
    helpers_memory: float
    threads: int
    files: int
    helpers: int
    pids: tuple[int, ...] = ()


class AllGaps(GapWatch):
    """Keeps every look of a soak."""

    def __init__(self) -> None:
        super().__init__()
        self._gaps = deque()

    def row(self, label: str) -> list[str]:
        """For the table."""
        gaps = sorted(self._gaps)
        over = sum(gap > PROMISED_LONGEST_MS for gap in gaps) / len(gaps)
        figures = (f"{gap:.1f}" for gap in (statistics.median(gaps), gaps[int(0.99 * len(gaps))], gaps[-1]))
        return [label, str(len(gaps)), *figures, f"{over:.3%}"]


def tables(count: int = JOBS) -> list[Table]:
    """The soak, its event loop, its queue, and stopping."""
    logging.disable(logging.CRITICAL)  # every fault is planted
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            mock.patch.object(catalog, "ENGINES", soaked.engines()),
            mock.patch("img2model_desktop.jobs.pipeline.kept.clean_up", soaked.clean_up),
            mock.patch("img2model_desktop.jobs.pipeline.kept.save", soaked.save),
        ):
            made = Soak(folder).run(count)
        return [*made, stopping(folder)]


class Soak:
    """One soak in a folder."""

    def __init__(self, folder: Path) -> None:
        self._application = QCoreApplication.instance() or QCoreApplication([])
        self._chance = random.Random(11)
        self._idle_state = _state()
        self._picture = str(write_subject(folder / "jug.png", SIDE_PX))
        self._broken = folder / "broken.png"
        self._broken.write_bytes(Path(self._picture).read_bytes()[:300])
        self._mesh = folder / "box.glb"
        write_mesh(box(), self._mesh, {})
        self._runner = JobRunner(Store(folder / "history.sqlite3", folder / "jobs"))
        self._runner.event_received.connect(self._hear)
        self._to_stop: set[str] = set()
        self._open: set[str] = set()
        self._lasts: Counter[str] = Counter()
        self._ends: Counter[str] = Counter()
        self._queue_ms: list[float] = []
        self._add_ms: list[float] = []
        self._turns_ms: list[float] = []
        self._ended_at = math.nan
        self._loop = QEventLoop()

    def run(self, count: int) -> list[Table]:
        """All of it."""
        busy, idle = AllGaps(), AllGaps()
        states: list[State] = []
        began = time.monotonic()
        for start in range(0, count, BLOCK):
            self._run_block(start, min(BLOCK, count - start), count, busy)
            states.append(_state())
            idle.set_interval(LOOK_MS)
            QTimer.singleShot(IDLE_MS, self._loop.quit)
            self._loop.exec()
            idle.set_interval(0)
        seconds = time.monotonic() - began
        rows = {row.id: row.state for row in self._runner.store.rows(10 * count)}
        self._runner.close()
        del self._runner
        gc.collect()
        if set(self._lasts) != set(rows) or set(self._lasts.values()) != {1} or len(rows) != count:
            raise RuntimeError(f"last events and jobs do not fit: {len(rows)} rows, {Counter(self._lasts.values())}")
        if any(not state.has_ended for state in rows.values()):
            raise RuntimeError("a job never ended")
        return [*self._ends_told(count, seconds), held(states, self._idle_state), self._loop_told(busy, idle)]

    def _run_block(self, start: int, number: int, count: int, watch: GapWatch) -> None:
        watch.set_interval(LOOK_MS)
        self._ended_at = math.nan
        for one in range(start, start + number):
            request = self._request(one, kills=one < count // 4)
            for key in ("relief", "birefnet-lite", "lettering"):
                if self._runner.why_set_aside(key):
                    self._runner.use_again(key)
            before = time.perf_counter()
            job = self._runner.submit(resolve(request))
            self._add_ms.append(1e3 * (time.perf_counter() - before))
            self._open.add(job)
            if self._chance.random() < STOPPED:
                self._to_stop.add(job)
                if self._chance.random() < 0.3:  # while it waits, if it still does
                    QTimer.singleShot(self._chance.randrange(STOP_WITHIN_MS), lambda job=job: self._stop(job))
            self._application.processEvents()
        while self._open:
            before = time.thread_time()
            self._application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            self._turns_ms.append(1e3 * (time.thread_time() - before))
        watch.set_interval(0)

    def _request(self, number: int, *, kills: bool) -> Request:
        """One of the kinds by turns; those that kill the helper process only in the first quarter of the soak."""
        request = Request(picture=self._picture, quality=Quality.DRAFT, engine="relief")
        letters = replace(request, picture="", prompt="a", engine="extrude")
        prompts = [letters, replace(letters, goal="pictures", variants=2)]
        good = [*(replace(request, engine=key) for key in ("inflate", "extrude", "lathe", "auto")), *prompts]
        good.append(Request(mesh=str(self._mesh)))
        bad = [
            replace(request, picture=str(self._broken)),
            replace(letters, seed=soaked.BUG),
            replace(request, cutter="birefnet-lite"),
            *(replace(request, seed=seed) for seed in (soaked.BUG, soaked.USELESS, soaked.MEMORY)),
            replace(request, seed=soaked.USELESS, falls_back=True),
            replace(request, size_mm=soaked.UNCLEAN_MM),
            replace(request, size_mm=soaked.UNSAVED_MM),
        ]
        if number % 40 == 7 and kills:
            return replace(request, seed=soaked.KILLED)
        return bad[number // 4 % len(bad)] if number % 4 == 3 else good[number % len(good)]

    def _stop(self, job: str) -> None:
        if job in self._open:
            self._runner.cancel(job)

    def _hear(self, event: JobEvent) -> None:
        if isinstance(event, Started):
            if not math.isnan(self._ended_at):
                self._queue_ms.append(1e3 * (event.at - self._ended_at))
            if event.job_id in self._to_stop:
                job = event.job_id
                QTimer.singleShot(self._chance.randrange(STOP_WITHIN_MS), lambda: self._stop(job))
        if isinstance(event, LAST):
            self._ended_at = event.at
            self._lasts[event.job_id] += 1
            self._ends[_end(event)] += 1
            self._open.discard(event.job_id)

    def _ends_told(self, count: int, seconds: float) -> list[Table]:
        rows = [[label, str(number)] for label, number in sorted(self._ends.items())]
        title = f"{count} jobs in {seconds:.0f} s: how they ended; each had exactly one last event"
        figures = {
            "to add a job": self._add_ms,
            "from the end of a job to the beginning of the next one": self._queue_ms,
        }
        cells = []
        for label, values in figures.items():
            ms = sorted(values)
            told = (statistics.median(ms), ms[int(0.99 * len(ms))], PROMISED_QUEUE_MS)
            cells.append([label, *(f"{value:.1f}" for value in told)])
        return [
            Table(title, ["end", "jobs"], rows),
            Table("The queue, ms a job", ["", "median", "p99", "promised"], cells),
        ]

    def _loop_told(self, busy: AllGaps, idle: AllGaps) -> Table:
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
        title = (
            f"How late the event loop was, ms, looked at every {LOOK_MS} ms, "
            f"the machine's load being {load:.0f} on {os.cpu_count()} cores; "
            f"promised: p99 under {PROMISED_P99_MS:.0f}, longest under {PROMISED_LONGEST_MS:.0f}"
        )
        turns = sorted(self._turns_ms)
        figures = (f"{ms:.1f}" for ms in (statistics.median(turns), turns[int(0.99 * len(turns))], turns[-1]))
        own = ["of it: the processor's time of one turn", str(len(turns)), *figures, ""]
        columns = ["", "looks", "median", "p99", "longest", f"over {PROMISED_LONGEST_MS:.0f} ms"]
        return Table(title, columns, [busy.row("during the jobs"), own, idle.row("the same loop with nothing to do")])


def _end(event: JobEvent) -> str:
    if isinstance(event, Failed):
        return f"failed in {event.stage or 'the queue'}: {event.kind}"
    return "finished" if isinstance(event, Finished) else "stopped"


def held(states: list[State], idle: State) -> Table:
    """What was held after each block; growth is the slope of a line, without the warm-up.

    A helper process that was killed is followed by a fresh one, so that of the helpers is the slope within each, its
    first blocks left out.
    """
    warm = states[int(len(states) * WARM_UP) :]
    first, last, rows = warm[0], warm[-1], []
    for label, name in (("memory, this process", "memory"), ("memory, helper processes", "helpers_memory")):
        values = (f"{getattr(first, name):.0f} MB", f"{getattr(last, name):.0f} MB")
        rows.append([label, *values, f"{slope(warm, name, by_helper=name != 'memory') / BLOCK:+.4f} MB", ""])
    for label, name in (("threads", "threads"), ("open files", "files"), ("helper processes", "helpers")):
        values = (str(getattr(first, name)), str(getattr(last, name)))
        most = f"{max(getattr(state, name) for state in warm)} at most; {getattr(idle, name)} before the first job"
        rows.append([label, *values, f"{slope(warm, name, by_helper=False) / BLOCK:+.4f}", most])
    return Table("What the soak held", ["", "after the warm-up", "at the end", "growth a job", ""], rows)


def slope(states: list[State], name: str, *, by_helper: bool) -> float:
    """Growth from one state to the next by least squares; within the life of each set of helpers where asked."""
    groups: dict[tuple[int, ...], list[tuple[int, float]]] = defaultdict(list)
    for number, state in enumerate(states):
        groups[state.pids if by_helper else ()].append((number, float(getattr(state, name))))
    across, along = 0.0, 0.0
    for points in groups.values():
        settled = points[HELPER_WARM_UP if by_helper else 0 :]
        if len(settled) < 2:
            continue
        x, y = np.array(settled).T
        across += float(((x - x.mean()) * (y - y.mean())).sum())
        along += float(((x - x.mean()) ** 2).sum())
    return across / along if along else 0.0


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
        pids=tuple(sorted(child.pid for child in helpers)),
    )


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    print("\n\n".join(str(table) for table in tables(int(sys.argv[1]) if len(sys.argv) > 1 else JOBS)))
