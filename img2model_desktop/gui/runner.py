"""Between the window and the work: jobs and other heavy calls go to pool threads, events come back as signals.

`JobRunner` is made on the UI thread and outlives its pools; runnables own no signals. One job runs at a
time, the others wait in the order that the store keeps. Short calls (previews, thumbnails, reading and saving
meshes) have a thread and a helper process of their own, so that they never wait for a job.
"""

import logging
import shutil
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, QTimer, Signal, Slot

from img2model_desktop.aside import WARM_MODULES, Helper, Tick, Worker
from img2model_desktop.core.events import LAST, Failed, Finished, JobEvent, Progressed, Started, Stopped
from img2model_desktop.engines.bench import Bench
from img2model_desktop.errors import Cancelled, HistoryProblem, Img2ModelError, InputProblem, SetupProblem
from img2model_desktop.gui.resting import Resting
from img2model_desktop.jobs.attempts import Policy
from img2model_desktop.jobs.breaker import Breaker
from img2model_desktop.jobs.plan import DEFAULT_LIMITS, PictureLimits, Plan, resolve_again, wished_engines
from img2model_desktop.jobs.store import JobRow, JobState, Store

CLOSE_MS = 3000
MOST_USED = ("img2model_desktop.engines.twin.sculptor",)  # what it needs takes seconds to import
MOVED_EVERY_S = 0.1  # each repaint costs what the work could use
AGAIN_MS = 5000
"""After this the runner tries again what a full disk or a read-only folder did not let it do."""

MIN_FREE_BYTES = 32_000_000
"""With less space on the disk of the jobs none begins: it would fail for that."""

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

    Where the disk is full or cannot be written, nothing is lost: what could not be written is kept, the queue waits,
    and both are tried again until there is room.

    Signals:
        job_changed: (str) the id of a job whose row is new or has changed.
        job_removed: (str) the id of a job that left the history.
        history_changed: () the queue was taken up: any job may be another than before.
        event_received: (object) each JobEvent, after it was applied to the row.
        queue_changed: () a job was added, began, ended, or changed its place; the queue was paused or goes on.
        queue_ended: () the last job that could run has ended.
        stalled: (object) the queue waits for the disk, and why, a `Trouble`; None: it goes on.
        call_ended: (object) a `CallEnded`; calls that were cancelled end without one.
        call_moved: (int, float) how far the call with this ticket is, 0..1, at most every `MOVED_EVERY_S`.
    """

    job_changed = Signal(str)
    job_removed = Signal(str)
    history_changed = Signal()
    event_received = Signal(object)
    queue_changed = Signal()
    queue_ended = Signal()
    stalled = Signal(object)
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
        self._bench = Bench(self._workers[0], weights, keep_mib=None)
        self._breaker = Breaker(store.database, self._bench.version_of)
        self._lanes: dict[Lane, tuple[Worker, QThreadPool]] = {
            Lane.SHORT: (self._workers[1], _pool(self)),
            Lane.LONG: (self._workers[2], _pool(self)),
        }
        self._job_pool = _pool(self)
        self._resting = Resting(self._bench, self._job_pool, self)
        self._running: tuple[str, threading.Event] | None = None
        self._unsaved: deque[JobEvent] = deque()
        self._is_stalled = False
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(AGAIN_MS)
        self._again.timeout.connect(self.try_again)
        self._calls: dict[int, threading.Event] = {}
        self._next_ticket = 1
        self._is_closing = False
        self._event_sent.connect(self._on_event, Qt.ConnectionType.QueuedConnection)
        self._call_sent.connect(self._on_call_ended)
        self._move_sent.connect(self._on_call_moved)

    def warm_up(self) -> None:
        """Starts the helper processes now; otherwise the first job or call does. Not before the window's first
        paint: they would take the processor from it."""
        jobs, calls = self._workers[:2]  # long calls are rare: their worker starts when the first one comes
        jobs.start(MOST_USED)
        calls.start()

    # jobs

    def submit(self, plan: Plan) -> str:
        """Puts a job on disk and into the queue; its id."""
        return self.submit_all((plan,))[0]

    def submit_all(self, plans: tuple[Plan, ...], batch: str = "") -> tuple[str, ...]:
        """Puts jobs on disk, all or none, and into the queue; their ids.

        Args:
            batch: id of the batch that they belong to, or "".

        Raises:
            SetupProblem: weights are missing and no built-in engine may take over; disk full.
        """
        for plan in plans:
            problem = None if plan.request.falls_back else self._bench.missing(wished_engines(plan))
            if problem:
                raise problem
        rows = self._store.add_all([(plan.request, "") for plan in plans], batch=batch)
        ids = tuple(row.id for row in rows)
        self._tell_changed(ids)
        return ids

    def resume(self) -> None:
        """Takes up what an earlier run of the program left in the queue, in its order."""
        self._store.recover()
        self.history_changed.emit()
        self._tell_changed(())

    def cancel(self, job_id: str) -> None:
        """Stops a job: one that waits at once, one that runs within half a second. Others are left alone."""
        self.cancel_many((job_id,))

    def cancel_many(self, ids: Sequence[str]) -> None:
        """Stops jobs, those that wait before those that run, so that none of them begins meanwhile."""
        running = self._running[0] if self._running else ""
        rows = [self._store.row(job_id) for job_id in ids if job_id != running]
        waiting = [row for row in rows if row.state is JobState.QUEUED]
        if waiting:
            self._apply(*(Stopped(row.id, time.time()) for row in waiting))
            self.queue_changed.emit()
        if self._running and running in ids:
            self._running[1].set()

    def cancel_all(self) -> None:
        """Stops every job that waits or runs."""
        running = (self._running[0],) if self._running else ()
        self.cancel_many((*(row.id for row in self._store.waiting()), *running))

    def jobs(self) -> tuple[JobRow, ...]:
        """The newest rows, newest first."""
        return self._store.rows()

    def job(self, job_id: str) -> JobRow:
        """One row."""
        return self._store.row(job_id)

    @property
    def running(self) -> JobRow | None:
        """The job that runs."""
        return self._store.row(self._running[0]) if self._running else None

    def remove(self, job_id: str) -> None:
        """Removes a job that has ended, with its folder, for good: only on the user's explicit wish."""
        if self._store.row(job_id).state in (JobState.QUEUED, JobState.RUNNING):
            self.cancel(job_id)
            return
        self._store.delete(job_id)
        self.job_removed.emit(job_id)

    # the queue and the trash; all of it is on disk when these return, and raises what the store raises

    @property
    def store(self) -> Store:
        """The history, for this thread alone."""
        return self._store

    @property
    def is_paused(self) -> bool:
        """Whether no job begins until the user lets the queue go on."""
        return self._store.is_paused

    def pause(self, is_paused: bool) -> None:
        """Pauses the queue, the running job being finished, or lets it go on."""
        self._store.pause(is_paused=is_paused)
        self._tell_changed(())

    def waiting(self) -> tuple[JobRow, ...]:
        """What waits, in the order in which it will run."""
        running = self._running[0] if self._running else ""
        return tuple(row for row in self._store.waiting() if row.id != running)

    def move(self, ids: tuple[str, ...], before: str = "") -> None:
        """Puts jobs that wait before another one; "" puts them last."""
        self._store.move(ids, before)
        self._tell_changed(ids)

    def hold(self, ids: tuple[str, ...], is_held: bool) -> None:
        """Lets jobs that wait be passed over, or lets them go on."""
        self._store.hold(ids, is_held=is_held)
        self._tell_changed(ids)

    def retry(self, job_id: str) -> None:
        """Runs a job again that failed or was stopped, from its last finished stage; engines that were set aside are
        tried again with it."""
        request = self._store.row(job_id).request
        for key in (request.maker, request.cutter, request.engine):
            if self.why_set_aside(key):
                self.use_again(key)
        self._store.retry(job_id)
        self._tell_changed((job_id,))

    def trash(self, job_id: str) -> None:
        """Takes an ended job out of the history; `restore` brings it back."""
        self._store.trash(job_id)
        self.job_removed.emit(job_id)

    def restore(self, job_id: str) -> None:
        """Brings a job back from the trash."""
        self._store.restore(job_id)
        self.job_changed.emit(job_id)

    @property
    def limits(self) -> PictureLimits:
        """How large a picture may be."""
        return self._limits

    @property
    def is_busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._running is not None or self._store.waiting_count() > 0

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
        self._again.stop()
        if self._running:
            self._running[1].set()
        for cancel in self._calls.values():
            cancel.set()
        self._resting.end()
        pools = (self._job_pool, *(pool for _, pool in self._lanes.values()))
        for pool in pools:
            pool.waitForDone(CLOSE_MS)
        self._bench.close()
        for worker, _ in self._lanes.values():
            worker.close()
        for pool in pools:  # what did not stop by itself has lost its process now
            pool.waitForDone(CLOSE_MS)
        self._store.close()

    def why_set_aside(self, key: str) -> str:
        """Why an engine is not to be used now, a sentence, or ""; `use_again` changes that."""
        return self._breaker.policy().set_aside.get(key, "")

    def use_again(self, key: str) -> None:
        """An engine that was set aside may be tried again."""
        self._breaker.clear(key)

    @Slot()
    def try_again(self) -> None:
        """Does now what a full disk or a read-only folder did not let it do."""
        self._again.stop()
        self._save_events()
        self._start_next()

    def _tell_changed(self, ids: tuple[str, ...]) -> None:
        for job_id in ids:
            self.job_changed.emit(job_id)
        self.queue_changed.emit()
        self._start_next()

    def _start_next(self) -> None:
        if self._running or self._unsaved or self._is_closing:
            return
        try:
            row = self._store.next_waiting()
        except (SetupProblem, HistoryProblem) as problem:
            self._stall(problem)
            return
        if row is None or not self._has_room():
            return
        self._stall(None)
        cancel = threading.Event()
        self._running = (row.id, cancel)
        try:
            plan, policy = resolve_again(row.request, row.folder, self._limits), self._breaker.policy()
        except (InputProblem, HistoryProblem) as problem:
            self._event_sent.emit(Failed(row.id, time.time(), problem.kind, problem.message, problem.advice))
            return
        self._resting.end()
        self._job_pool.start(_Job(plan, self._bench, row.folder, cancel, self._event_sent.emit, policy))

    def _has_room(self) -> bool:
        """Whether a job can write its files; otherwise the queue waits, rather than have one after the other fail."""
        try:
            free = shutil.disk_usage(self._store.jobs_folder).free
        except OSError:
            return True  # the job will say it better
        if free < MIN_FREE_BYTES:
            size, place = f"{MIN_FREE_BYTES / 1e6:.0f} MB", self._store.jobs_folder
            advice = f"Free {size} on the disk of {place}; then it goes on by itself."
            self._stall(SetupProblem("The disk is full, so the queue waits.", advice))
        return free >= MIN_FREE_BYTES

    def _stall(self, problem: Img2ModelError | None) -> None:
        """Waits and tries again, or (None) says that it goes on."""
        if problem is not None:
            self._again.start()
        if self._is_stalled == (problem is not None):
            return
        self._is_stalled = problem is not None
        if problem is not None:
            log.warning("the queue waits: %s %s", problem, problem.details)
            self.stalled.emit(Trouble(problem.kind, problem.message, problem.advice, problem.details))
        else:
            self.stalled.emit(None)

    @Slot(object)
    def _on_event(self, event: JobEvent) -> None:
        if self._is_closing:
            return  # the row stays "running" and is recovered at the next start
        if self._unsaved and isinstance(event, Progressed):
            return
        self._unsaved.append(event)
        self._save_events()

    def _save_events(self) -> None:
        """Applies what has come, in its order, until the disk refuses."""
        while self._unsaved:
            event = self._unsaved[0]
            try:
                self._apply(event)
            except (SetupProblem, HistoryProblem) as problem:
                self._stall(problem)
                return
            except ValueError:  # a bug, but none that may stop the queue
                log.exception("job %s sent what cannot come now: %r", event.job_id, event)
            self._unsaved.popleft()
            if isinstance(event, LAST):
                self._on_last()
        self._stall(None)

    def _on_last(self) -> None:
        self._running = None
        self.queue_changed.emit()
        self._start_next()
        if self._running is None:
            self._resting.begin()
        if self._running is None and not self._is_stalled and not self.is_paused:
            self.queue_ended.emit()

    def _apply(self, *events: JobEvent) -> None:
        self._store.apply_all(events)
        for event in events:
            self._let_others_learn(event)
            if isinstance(event, Failed):
                log.warning("job %s failed (%s): %s %s", event.job_id, event.kind, event.message, event.details)
            elif isinstance(event, Finished):
                log.info("job %s finished in %.2f s by %s", event.job_id, event.seconds, event.engine)
            self.job_changed.emit(event.job_id)
            self.event_received.emit(event)
        if any(isinstance(event, Started) for event in events):
            self.queue_changed.emit()

    def _let_others_learn(self, event: JobEvent) -> None:
        """Who else learns from the events of jobs, a line each; what keeps them from it costs no job."""
        try:
            self._breaker.apply(event)
        except (SetupProblem, HistoryProblem) as problem:
            log.warning("not learnt from %s: %s %s", event, problem, problem.details)

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

    def start(self, also: tuple[str, ...] = ()) -> Worker:
        """The helper, started; modules that it imports beyond the usual ones before its first call."""
        with self._lock:
            if self._helper is None:
                self._helper = Helper((*WARM_MODULES, *also))
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
        self,
        plan: Plan,
        bench: Bench,
        folder: Path,
        cancel: threading.Event,
        send: Callable[[JobEvent], None],
        policy: Policy,
    ) -> None:
        super().__init__()
        self._work = (plan, bench, folder, send, cancel.is_set, policy)

    def run(self) -> None:
        folder, send = self._work[2:4]
        try:
            from img2model_desktop.jobs.pipeline import run_job  # brings numpy and the file readers: not at start-up
        except Exception:  # noqa: BLE001 - an installation that is damaged: without a last event the queue would hang
            message, advice = "A part of the program could not be loaded.", "Install the program again."
            send(Failed(folder.name, time.time(), "bug", message, advice, traceback.format_exc()))
        else:
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
