"""Between the window and the work: jobs and other heavy calls go to pool threads, events come back as signals.

`JobRunner` is made on the UI thread and outlives its pools; runnables own no signals. One job runs at a
time, the others wait in their order. Short calls (previews, thumbnails, reading and saving meshes) have a
thread and a helper process of their own, so that they never wait for a job.
"""

import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot

from img2model_desktop.aside import Helper, Tick, Worker
from img2model_desktop.core.events import LAST, Failed, Finished, JobEvent, Stopped
from img2model_desktop.engines.bench import Bench
from img2model_desktop.errors import Cancelled, Img2ModelError, InputProblem
from img2model_desktop.jobs.plan import DEFAULT_LIMITS, PictureLimits, Plan, resolve_again
from img2model_desktop.jobs.store import JobRow, JobState, Store

CLOSE_MS = 3000
MOVED_EVERY_S = 0.1  # each repaint costs what the work could use

log = logging.getLogger(__name__)


class Lane(StrEnum):
    """Who a call waits for: only for calls of its own lane."""

    SHORT = "short"  # previews, thumbnails, reading and saving meshes: what somebody looks at and waits for
    LONG = "long"  # minutes: downloads, copies of gigabytes


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a call gave no result, as text; kinds as in errors.py, or "bug"."""

    kind: str
    message: str
    advice: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call started by `JobRunner.call` has ended.

    Args:
        ticket: what `call` returned.
        result: of the function, or None.
        trouble: None when there is a result.
    """

    ticket: int
    result: Any
    trouble: Trouble | None


class JobRunner(QObject):
    """Runs jobs one after the other and keeps their history.

    Signals:
        job_changed: (str) the id of a job whose row is new or has changed.
        job_removed: (str) the id of a job that left the history.
        event_received: (object) each JobEvent, after it was applied to the row.
        queue_changed: () a job was added, began or ended.
        call_ended: (object) a `CallEnded`; calls that were cancelled end without one.
        call_moved: (int, float) how far the call with this ticket is, 0..1, at most every `MOVED_EVERY_S`.
    """

    job_changed = Signal(str)
    job_removed = Signal(str)
    event_received = Signal(object)
    queue_changed = Signal()
    call_ended = Signal(object)
    call_moved = Signal(int, float)
    _event_sent = Signal(object)
    _call_sent = Signal(object)
    _move_sent = Signal(int, float)

    def __init__(
        self,
        store: Store,
        limits: PictureLimits = DEFAULT_LIMITS,
        parent: QObject | None = None,
        weights: Path | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._limits = limits
        self._workers = (_WhenNeeded(), _WhenNeeded(), _WhenNeeded())
        self._bench = Bench(self._workers[0], weights)
        self._lanes: dict[Lane, tuple[Worker, QThreadPool]] = {
            Lane.SHORT: (self._workers[1], _pool(self)),
            Lane.LONG: (self._workers[2], _pool(self)),
        }
        self._job_pool = _pool(self)
        self._waiting: deque[tuple[str, Plan]] = deque()
        self._running: tuple[str, threading.Event] | None = None
        self._calls: dict[int, threading.Event] = {}
        self._next_ticket = 1
        self._is_closing = False
        self._event_sent.connect(self._on_event)
        self._call_sent.connect(self._on_call_ended)
        self._move_sent.connect(self._on_call_moved)

    def warm_up(self) -> None:
        """Starts the helper processes now; otherwise the first job or call does. Not before the window's first
        paint: they would take the processor from it."""
        for worker in self._workers[:2]:  # long calls are rare: theirs starts when the first one comes
            worker.start()

    # jobs

    def submit(self, plan: Plan) -> str:
        """Puts a job on disk and into the queue; its id."""
        row = self._store.add(plan.request)
        self._waiting.append((row.id, plan))
        self.job_changed.emit(row.id)
        self.queue_changed.emit()
        self._start_next()
        return row.id

    def resume(self) -> None:
        """Takes up what an earlier run of the program left in the queue, oldest first."""
        for row in self._store.recover():
            try:
                self._waiting.append((row.id, resolve_again(row.request, row.folder, self._limits)))
            except InputProblem as problem:
                self._apply(Failed(row.id, row.created, problem.kind, problem.message, problem.advice))
        self.queue_changed.emit()
        self._start_next()

    def cancel(self, job_id: str) -> None:
        """Stops a job: one that waits at once, one that runs within half a second. Others are left alone."""
        if self._running and self._running[0] == job_id:
            self._running[1].set()
            return
        if any(waiting == job_id for waiting, _ in self._waiting):
            self._waiting = deque(item for item in self._waiting if item[0] != job_id)
            self._apply(Stopped(job_id, time.time()))
            self.queue_changed.emit()

    def cancel_all(self) -> None:
        """Stops every job that waits or runs."""
        for job_id, _ in tuple(self._waiting):
            self.cancel(job_id)
        if self._running:
            self.cancel(self._running[0])

    def jobs(self) -> tuple[JobRow, ...]:
        """All rows, newest first."""
        return self._store.rows()

    def job(self, job_id: str) -> JobRow:
        """One row."""
        return self._store.row(job_id)

    def remove(self, job_id: str) -> None:
        """Takes a job that has ended out of the history, with its folder: only on the user's explicit wish."""
        if self._store.row(job_id).state in (JobState.QUEUED, JobState.RUNNING):
            self.cancel(job_id)
            return
        self._store.delete(job_id)
        self.job_removed.emit(job_id)

    @property
    def limits(self) -> PictureLimits:
        """How large a picture may be."""
        return self._limits

    @property
    def is_busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._running is not None or bool(self._waiting)

    # calls

    def call(self, function: Callable[..., Any], *args: Any, lane: Lane = Lane.SHORT) -> int:
        """Runs a module-level `function(*args, report, is_cancelled)` in the helper process of a lane.

        Returns:
            A ticket; `call_ended` brings the result under it, unless `drop` was called before.
        """
        ticket, cancel = self._next_ticket, threading.Event()
        self._next_ticket += 1
        self._calls[ticket] = cancel
        send, move = self._call_sent.emit, self._move_sent.emit
        worker, pool = self._lanes[lane]
        pool.start(_Call(worker, ticket, cancel, (function, args), send, move))
        return ticket

    def drop(self, ticket: int) -> None:
        """Ends a call whose result nobody wants any more; unknown tickets are ignored."""
        cancel = self._calls.pop(ticket, None)
        if cancel:
            cancel.set()

    def close(self) -> None:
        """Ends everything. A job that runs stays in the queue and is taken up at the next start."""
        self._is_closing = True
        self._waiting.clear()
        if self._running:
            self._running[1].set()
        for cancel in self._calls.values():
            cancel.set()
        self._job_pool.waitForDone(CLOSE_MS)
        for _, pool in self._lanes.values():
            pool.waitForDone(CLOSE_MS)
        self._bench.close()
        for worker, _ in self._lanes.values():
            worker.close()
        self._store.close()

    def _start_next(self) -> None:
        if self._running or not self._waiting or self._is_closing:
            return
        job_id, plan = self._waiting.popleft()
        cancel = threading.Event()
        self._running = (job_id, cancel)
        folder = self._store.row(job_id).folder
        self._job_pool.start(_Job(plan, self._bench, folder, cancel, self._event_sent.emit))

    @Slot(object)
    def _on_event(self, event: JobEvent) -> None:
        if self._is_closing:
            return  # the row stays "running" and is recovered at the next start
        self._apply(event)
        if isinstance(event, LAST):
            self._running = None
            self.queue_changed.emit()
            self._start_next()

    def _apply(self, event: JobEvent) -> None:
        self._store.apply(event)
        if isinstance(event, Failed):
            log.warning("job %s failed (%s): %s %s", event.job_id, event.kind, event.message, event.details)
        elif isinstance(event, Finished):
            log.info("job %s finished in %.2f s by %s", event.job_id, event.seconds, event.engine)
        self.job_changed.emit(event.job_id)
        self.event_received.emit(event)

    @Slot(object)
    def _on_call_ended(self, ended: CallEnded) -> None:
        if self._calls.pop(ended.ticket, None) is not None and not self._is_closing:
            if ended.trouble and ended.trouble.kind == "bug":
                log.error("a call failed: %s", ended.trouble.details)
            self.call_ended.emit(ended)

    @Slot(int, float)
    def _on_call_moved(self, ticket: int, fraction: float) -> None:
        if ticket in self._calls and not self._is_closing:
            self.call_moved.emit(ticket, fraction)


class _WhenNeeded:
    """A `Helper` that is started by its first call or by `start`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._helper: Worker | None = None
        self._is_closed = False

    def start(self) -> Worker:
        """The helper, started."""
        with self._lock:
            if self._helper is None:
                self._helper = Helper()
                if self._is_closed:
                    self._helper.close()
            return self._helper

    def run(self, function: Callable[..., Any], *args: Any, tick: Tick) -> Any:
        """See `aside.Worker.run`."""
        return self.start().run(function, *args, tick=tick)

    def close(self) -> None:
        """Ends the helper; none is started from then on."""
        with self._lock:
            self._is_closed = True
            if self._helper is not None:
                self._helper.close()


def _pool(parent: QObject) -> QThreadPool:
    pool = QThreadPool(parent)
    pool.setMaxThreadCount(1)
    pool.setExpiryTimeout(-1)
    return pool


class _Job(QRunnable):
    """One job in the pool thread."""

    def __init__(
        self, plan: Plan, bench: Bench, folder: Path, cancel: threading.Event, send: Callable[[JobEvent], None]
    ) -> None:
        super().__init__()
        self._work = (plan, bench, folder, send, cancel.is_set)

    def run(self) -> None:
        from img2model_desktop.jobs.pipeline import run_job  # brings numpy and the file readers: not at start-up

        run_job(*self._work)


class _Call(QRunnable):
    """One short call in the pool thread."""

    def __init__(
        self,
        worker: Worker,
        ticket: int,
        cancel: threading.Event,
        what: tuple[Callable[..., Any], tuple[Any, ...]],
        send: Callable[[CallEnded], None],
        move: Callable[[int, float], None],
    ) -> None:
        super().__init__()
        self._worker, self._ticket, self._cancel = worker, ticket, cancel
        self._what, self._send, self._move = what, send, move
        self._moved = (0.0, time.monotonic())

    def run(self) -> None:
        function, args = self._what
        try:
            result = self._worker.run(function, *args, tick=self._tick)
        except Cancelled:
            return
        except Img2ModelError as problem:
            trouble = Trouble(problem.kind, problem.message, problem.advice, problem.details)
        except Exception:  # noqa: BLE001 - a worker entry: an exception lost here would leave the window waiting
            advice = "Try again; if it happens again, please report it with the details."
            trouble = Trouble("bug", "Something went wrong inside the program.", advice, traceback.format_exc())
        else:
            self._send(CallEnded(self._ticket, result, None))
            return
        self._send(CallEnded(self._ticket, None, trouble))

    def _tick(self, fraction: float) -> None:
        if self._cancel.is_set():
            raise Cancelled
        told, at = self._moved
        if fraction != told and time.monotonic() - at >= MOVED_EVERY_S:
            self._moved = (fraction, time.monotonic())
            self._move(self._ticket, fraction)
