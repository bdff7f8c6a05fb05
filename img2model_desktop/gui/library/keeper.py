"""Keeps the library up with the jobs: notes what is new at once, looks at files and judges meshes aside when nothing
else is to do."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from img2model_desktop.core.events import LAST, JobEvent
from img2model_desktop.errors import HistoryProblem, Img2ModelError
from img2model_desktop.gui.runner import CallEnded, JobRunner, Lane
from img2model_desktop.jobs.job_row import JobState
from img2model_desktop.jobs.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable

IDLE_MS = 400  # after the jobs' last news
NEXT_MS = 40  # between two steps
BUSY_MS = 2000  # until it looks again whether the jobs have ended
NOTED_AT_ONCE = 40
READ_AT_ONCE = 400  # vectors of looks


class LibraryKeeper(QObject):
    """Fills the shelf from the runner's jobs.

    Signals:
        entry_changed: (str) the id of a job of which something else is kept now, or which is new.
        entry_gone: (str) the id of a job that left the history or went to the trash.
    """

    entry_changed = Signal(str)
    entry_gone = Signal(str)

    def __init__(self, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self.shelf = Shelf(runner.store)
        self._known: set[str] = set()
        self._under_way: tuple[int, str, str] | None = None  # ticket, job, what
        self._judges = False
        self._passed: set[str] = set()  # what could not be looked at or judged, until the next start
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.timeout.connect(self._step)
        runner.job_changed.connect(self._on_job_changed)
        runner.job_removed.connect(self._on_job_removed)
        runner.event_received.connect(self._on_event)
        runner.call_ended.connect(self._on_call_ended)

    def start(self) -> None:
        """Begins to note what was never noted; not before the window's first paint."""
        self._idle.start(IDLE_MS)

    def stop(self) -> None:
        """Begins nothing more."""
        self._idle.stop()
        if self._under_way is not None:
            self._runner.drop(self._under_way[0])
            self._under_way = None

    def judge_too(self, on: bool) -> None:
        """Whether meshes without a verdict are judged, which takes the time of a processor: while somebody looks."""
        self._judges = on
        if on and not self._idle.isActive() and self._under_way is None:
            self._idle.start(IDLE_MS)

    def look_again(self, job_id: str) -> None:
        """The files of a job are others now: an edit, a new thumbnail."""
        if self._is_there(job_id):
            self._passed.discard(job_id)
            self._guarded(lambda: self.shelf.changed(job_id))
            self.start()

    # what the jobs do

    @Slot(str)
    def _on_job_changed(self, job_id: str) -> None:
        if job_id in self._known:
            return
        self._known.add(job_id)
        row = self._runner.job(job_id)
        if row.state is JobState.QUEUED:  # new; what has ended comes with its last event or was noted long ago
            self._guarded(lambda: self.shelf.note(row))
        self.entry_changed.emit(job_id)

    @Slot(object)
    def _on_event(self, event: JobEvent) -> None:
        if isinstance(event, LAST):
            self._guarded(lambda: self.shelf.note(self._runner.job(event.job_id)))
            self.entry_changed.emit(event.job_id)
            self._idle.start(IDLE_MS)

    @Slot(str)
    def _on_job_removed(self, job_id: str) -> None:
        self._known.discard(job_id)
        if not self._is_there(job_id):
            self._guarded(lambda: self.shelf.forget([job_id]))
        self.entry_gone.emit(job_id)

    # what is done when nothing else is to do

    @Slot()
    def _step(self) -> None:
        if self._under_way is not None:
            return
        if self._runner.is_busy and not self._runner.is_paused:
            self._idle.start(BUSY_MS)
        elif self._note_some() or self._read_some() or self._look_at_one():
            pass

    def _note_some(self) -> bool:
        ids = self.shelf.unnoted(NOTED_AT_ONCE)
        for id_ in ids:
            if not self._guarded(lambda id_=id_: self.shelf.note(self._runner.job(id_))):  # type: ignore[misc] # one job
                return True  # nothing can be written; what is there is found all the same
            self.entry_changed.emit(id_)
        if ids:
            self._idle.start(NEXT_MS)
        return bool(ids)

    def _read_some(self) -> bool:
        if not self._judges or self.shelf.looks.is_read:
            return False
        self.shelf.looks.read(READ_AT_ONCE)
        self._idle.start(NEXT_MS)
        return True

    def _look_at_one(self) -> bool:
        from img2model_desktop.jobs.looks import judge_at, look_at  # brings numpy

        count = len(self._passed) + 1
        for what, function, ids in (
            ("look", look_at, self.shelf.unseen(count)),
            ("judge", judge_at, self.shelf.unjudged(count) if self._judges else ()),
        ):
            left = [id_ for id_ in ids if id_ not in self._passed]
            if left:
                return self._begin(left[0], what, function)
        return False

    def _begin(self, job_id: str, what: str, function: "Callable[..., Any]") -> bool:
        lane = Lane.SHORT if what == "look" else Lane.LONG  # a verdict can take seconds, which nobody shall wait for
        ticket = self._runner.call(function, str(self._runner.job(job_id).folder), lane=lane)
        self._under_way = (ticket, job_id, what)
        return True

    @Slot(object)
    def _on_call_ended(self, ended: CallEnded) -> None:
        if self._under_way is None or ended.ticket != self._under_way[0]:
            return
        _, job_id, what = self._under_way
        self._under_way = None
        if ended.trouble is not None:
            self._passed.add(job_id)
        elif self._is_there(job_id):
            is_kept = self._guarded(lambda: self._keep(job_id, what, ended.result))
            self.entry_changed.emit(job_id)
            if not is_kept:
                return
        self._idle.start(NEXT_MS)

    def _keep(self, job_id: str, what: str, result: Any) -> None:
        if what == "look":
            self.shelf.keep(job_id, result)
        else:
            self.shelf.judged(job_id, result)

    def _is_there(self, job_id: str) -> bool:
        try:
            self._runner.job(job_id)
        except HistoryProblem:
            return False
        return True

    def _guarded(self, write: "Callable[[], object]") -> bool:
        """Whether it could be written; a full disk is told by whoever runs the job."""
        try:
            write()
        except Img2ModelError:
            return False
        return True
