"""Makes the window's batches: looks for pictures, keeps a few jobs of each batch in the queue, saves what they make.

Nothing here waits for a disk that the user chose: that runs aside, see `batch_calls`. What a batch is, and how far, is
in the database and in the ledger of its target folder, so that it goes on after a restart.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from img2model_desktop.core.events import Failed, Finished, JobEvent, Progressed, Started, Stopped
from img2model_desktop.errors import Img2ModelError
from img2model_desktop.gui.batch.calls import Survey, Wish, count_pictures, judge_results, settle, survey, write_reports
from img2model_desktop.gui.history.jobs import overall
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.runner import CallEnded, JobRunner, Lane, Trouble
from img2model_desktop.jobs.batch import Batch, Source
from img2model_desktop.jobs.batch_ledger import Entry, Outcome, look_of
from img2model_desktop.jobs.batch_run import SETUP_FAILURES, WATCH_S
from img2model_desktop.jobs.batch_scan import natural
from img2model_desktop.jobs.batch_table import BatchRow, BatchTable, Course
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.plan import resolve

FEED = 3
"""So many jobs of a batch wait in the queue at a time: a thousand would hold the window up, and what the user asks for
besides would be lost among them."""

FEW = 3
PACE_MS = 100
_NOWHERE = Path(".no-job-folder")


class ItemState(StrEnum):
    """Where a picture of a batch stands in the window."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(slots=True)
class Item:
    """One picture of a batch.

    Args:
        source: the picture.
        state: where it stands.
        fraction: of its job, 0..1.
        job: id, or "".
        result: name of its result below the target.
        entry: what the ledger says, once it has ended.
    """

    source: Source
    state: ItemState = ItemState.WAITING
    fraction: float = 0.0
    job: str = ""
    result: str = ""
    entry: Entry | None = None


@dataclass(slots=True)
class Live:
    """A batch that this window knows.

    Args:
        row: what the database says about it.
        items: its pictures by key, sorted.
        todo: keys of those that are due and have no job yet.
        known: jobs of an earlier run of the program by the path of their picture, until the first look.
        tried: see `batch_calls.survey`; likewise looks.
        is_looking: a look is under way.
        wants_look: another one is to follow it; with the failed ones or not.
        saving: how many results are being saved.
        began: when this run of it began, by the monotonic clock; None while nothing runs.
        ended: how many pictures ended since.
    """

    row: BatchRow
    items: dict[str, Item] = field(default_factory=dict)
    todo: deque[str] = field(default_factory=deque)
    known: dict[str, JobRow] = field(default_factory=dict)
    tried: dict[str, tuple[int, int]] = field(default_factory=dict)
    looks: dict[str, tuple[int, int]] = field(default_factory=dict)
    is_looking: bool = False
    wants_look: bool | None = None
    saving: int = 0
    began: float | None = None
    ended: int = 0
    setup_failures: int = 0
    told: str = ""

    @property
    def batch(self) -> Batch:
        return self.row.batch

    def count(self, *states: ItemState) -> int:
        """How many pictures are in one of these states."""
        return sum(item.state in states for item in self.items.values())

    @property
    def left(self) -> int:
        """How many are still to be made."""
        return self.count(ItemState.WAITING, ItemState.RUNNING)

    @property
    def left_s(self) -> float | None:
        """How long that takes if it goes on as in this run; None as long as too few have ended to tell."""
        if self.began is None or self.ended < FEW or self.row.course is not Course.RUNNING:
            return None
        return self.left * (time.monotonic() - self.began) / self.ended

    def look_of(self, item: Item) -> Path:
        """The small picture of its cut-out."""
        return look_of(self.batch.target, item.source.key)


class BatchKeeper(QObject):
    """The batches of the window.

    Args:
        runner: runs their jobs and calls.
        weights: folder of the library of published weights.

    Signals:
        changed: (str) how a batch stands, by its id; also when it is new.
        items_changed: (str, object) keys of the pictures whose rows changed; None when others are there.
        told: (object) a Message.
        counted: (object, int, str) how many pictures a batch would have, or why that is not known.
        written: (object) the Path of a report.
    """

    changed = Signal(str)
    items_changed = Signal(str, object)
    told = Signal(object)
    counted = Signal(object, int, str)
    written = Signal(object)

    def __init__(self, runner: JobRunner, weights: Path | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._weights = weights
        self._table = BatchTable(runner.store.database)
        self._live: dict[str, Live] = {}
        self._by_job: dict[str, tuple[Live, str]] = {}
        self._asked: dict[int, Callable[[Any, Trouble | None], None]] = {}
        self._moved: dict[str, set[str]] = {}
        self._pace = QTimer(self)
        self._pace.setSingleShot(True)
        self._pace.setInterval(PACE_MS)
        self._pace.timeout.connect(self._tell_moved)
        self._watch = QTimer(self)
        self._watch.setInterval(int(WATCH_S * 1000))
        self._watch.timeout.connect(self._on_watch)
        runner.call_ended.connect(self._on_call_ended)
        runner.event_received.connect(self._on_event)

    # what the window asks

    def batches(self) -> tuple[Live, ...]:
        """All that this window knows, newest first."""
        return tuple(sorted(self._live.values(), key=lambda live: live.row.id, reverse=True))

    def live(self, id_: str) -> Live | None:
        """One of them."""
        return self._live.get(id_)

    # what the user wants

    def resume(self) -> None:
        """Takes up the batches of an earlier run of the program. To be called once, when the queue was taken up."""
        try:
            for row in self._table.rows():
                live = self._live.setdefault(row.id, Live(row))
                if row.course is not Course.ENDED:
                    jobs = self._runner.store.rows_of(self._table.jobs_of(row.id))
                    live.known = {job.request.picture: job for job in sorted(jobs, key=lambda job: job.id)}
                self._look(live)  # of an ended one only to show it
        except Img2ModelError as problem:
            self._tell_problem(problem.message, problem.advice)
        self._set_watch()

    def count(self, batch: Batch) -> None:
        """`counted` brings how many pictures it would have."""

        def then(count: int | None, trouble: Trouble | None) -> None:
            said = f"{trouble.message} {trouble.advice}".strip() if trouble else ""
            self.counted.emit(batch, count or 0, said)

        self._ask(then, count_pictures, batch)

    def start(self, batch: Batch, title: str, is_watched: bool) -> str:
        """A new batch, which runs; its id. One into the same folder as an older one takes its place.

        Raises:
            HistoryProblem, SetupProblem: the history cannot be written.
        """
        for live in self.batches():
            if live.batch.target == batch.target:
                if live.row.course is not Course.ENDED:
                    self.stop(live.row.id)
                del self._live[live.row.id]
        live = Live(self._table.add(batch, title, is_watched=is_watched))
        self._live[live.row.id] = live
        self._look(live)
        self._set_watch()
        self.changed.emit(live.row.id)
        return live.row.id

    def pause(self, id_: str, is_paused: bool) -> None:
        """Lets nothing of it begin until it goes on; what runs is finished."""
        live = self._live[id_]
        self._set(live, Course.PAUSED if is_paused else Course.RUNNING)
        waiting = tuple(item.job for item in live.items.values() if item.job and item.state is ItemState.WAITING)
        self._runner.hold(waiting, is_paused)
        live.began, live.ended = None, 0
        if not is_paused:
            live.setup_failures = 0
            self._look(live)

    def stop(self, id_: str) -> None:
        """Ends it: what runs and waits is stopped, what was made stays."""
        live = self._live[id_]
        self._set(live, Course.ENDED)
        live.todo.clear()
        self._count_to_come(live)
        for item in live.items.values():
            if item.job and item.state in (ItemState.WAITING, ItemState.RUNNING) and item.job in self._by_job:
                self._runner.cancel(item.job)
            if item.state is ItemState.WAITING:
                item.state = ItemState.STOPPED
        self._all_changed(live)

    def go_on(self, id_: str, retry_failed: bool = False) -> None:
        """Makes what was stopped or is new, and, where wished, what failed."""
        live = self._live[id_]
        live.tried.clear()
        live.setup_failures = 0
        live.told = ""
        self._set(live, Course.RUNNING)
        self._look(live, retry_failed)

    def watch(self, id_: str, is_watched: bool) -> None:
        """Whether pictures that come later are made as well."""
        live = self._live[id_]
        live.row = replace(live.row, is_watched=is_watched)
        self._set(live, Course.RUNNING if is_watched and live.row.course is Course.ENDED else live.row.course)
        self._set_watch()
        self._check_end(live)

    def write_report(self, id_: str, out: Path) -> None:
        """Writes the page or the table, by the suffix; `written` or `told` says how it went."""
        live = self._live[id_]
        pictures = {key: item.source.path for key, item in live.items.items()}

        def then(path: Path | None, trouble: Trouble | None) -> None:
            if path is not None:
                self.written.emit(path)
            elif trouble is not None:
                self._tell_problem(trouble.message, trouble.advice)

        def judged(missing: int | None, trouble: Trouble | None, before: int | None = None) -> None:
            """Goes on as long as there are fewer each time, then writes."""
            if trouble is None and missing and (before is None or missing < before):
                said = f"Checking the meshes for the report: {missing:,} to go."
                self.told.emit(Message(Tone.INFO, said))
                self._ask(partial(judged, before=missing), judge_results, live.batch.target)
            else:
                self._ask(then, write_reports, live.batch, pictures, live.row.title, out)

        self._ask(judged, judge_results, live.batch.target)

    def close(self) -> None:
        """Looks at nothing any more."""
        self._watch.stop()
        self._pace.stop()
        self._asked.clear()
        self._by_job.clear()

    # looking

    def _look(self, live: Live, retry_failed: bool = False) -> None:
        if live.is_looking:
            live.wants_look = retry_failed or bool(live.wants_look)
            return
        live.is_looking = True
        rests = live.row.is_watched and live.row.course is Course.RUNNING
        only_shows = live.row.course is Course.ENDED
        wish = Wish(dict(live.looks) if rests else None, dict(live.tried), retry_failed, only_shows)

        def then(found: Survey | None, trouble: Trouble | None) -> None:
            live.is_looking = False
            if found is not None:
                live.told = ""
                self._take_survey(live, found)
            elif trouble is not None:
                self._on_look_failed(live, trouble)
            if live.wants_look is not None:
                again, live.wants_look = live.wants_look, None
                self._look(live, again)

        self._ask(then, survey, live.batch, wish, self._weights)

    def _take_survey(self, live: Live, found: Survey) -> None:
        is_new = not live.items or bool(found.results)
        live.looks = found.looks
        count = len(live.items)
        for source in found.sources:
            item = live.items.get(source.key)
            if item is None:
                item = live.items[source.key] = Item(source)
            elif item.job in self._by_job or item.state is ItemState.RUNNING:
                continue  # its file has changed while it is made: looked at again when it has ended
            self._place(live, item, source, found)
        live.known = {}
        if count and len(live.items) != count:  # the first ones came sorted
            live.items = dict(sorted(live.items.items(), key=lambda pair: natural(pair[0])))
        for sentence in found.unread:
            self.told.emit(Message(Tone.WARNING, sentence))
        if is_new or len(live.items) != count:  # a watched folder is looked at every two seconds
            self._all_changed(live)
        self._feed(live)
        self._check_end(live)

    def _place(self, live: Live, item: Item, source: Source, found: Survey) -> None:
        """Where a picture stands after a look: due, under way since an earlier run, or ended."""
        entry = found.entries.get(source.key)
        if source.key not in found.results:
            if entry is not None and entry.state is not Outcome.BEGUN:
                item.source, item.entry, item.result = source, entry, entry.result
                item.state = ItemState.DONE if entry.state is Outcome.DONE else ItemState.FAILED
            elif live.row.course is Course.ENDED:
                item.state = ItemState.STOPPED
            return
        item.source, item.entry, item.fraction = source, None, 0.0
        item.state, item.result, item.job = ItemState.WAITING, found.results[source.key], ""
        live.tried[source.key] = source.look
        job = live.known.get(str(source.path))
        if job is None or entry is None or entry.state is not Outcome.BEGUN or job.created < entry.at:
            live.todo.append(source.key)
            return
        item.job = job.id
        self._by_job[job.id] = (live, source.key)
        if job.state in (JobState.DONE, JobState.FAILED):  # it ended when the program did
            self._settle(live, item, job)
        elif job.state is JobState.STOPPED:
            del self._by_job[job.id]
            item.state = ItemState.STOPPED

    def _on_look_failed(self, live: Live, trouble: Trouble) -> None:
        if live.row.course is Course.ENDED:  # only to be shown: its folder may be gone for good
            return
        if trouble.message != live.told:
            live.told = trouble.message
            self._tell_problem(trouble.message, trouble.advice)
        if not (live.row.is_watched and trouble.kind == "input"):  # a drive that is gone for a while comes back
            self._set(live, Course.PAUSED)

    # jobs

    def _feed(self, live: Live) -> None:
        """Puts the next ones into the queue, as far as few of this batch wait there."""
        if live.row.course is not Course.RUNNING:
            return
        waiting = sum(1 for of, key in self._by_job.values() if of is live and live.items[key].fraction == 0.0)
        fed = []
        while live.todo and waiting < FEED:
            item = live.items[live.todo.popleft()]
            try:
                plan = resolve(live.batch.request_for(item.source.path), self._runner.limits)
                (item.job,) = self._runner.submit_all((plan,), live.row.id)
            except Img2ModelError as problem:
                if problem.kind != "input":
                    live.todo.appendleft(item.source.key)
                    self._tell_problem(problem.message, problem.advice)
                    self._set(live, Course.PAUSED)
                    return
                self._save(live, item, _failure(item, problem.kind, problem.message, problem.advice), _NOWHERE, None)
                continue
            self._by_job[item.job] = (live, item.source.key)
            fed.append(item.source.key)
            waiting += 1
        if live.began is None and (fed or waiting):
            live.began, live.ended = time.monotonic(), 0
        self._count_to_come(live)

    @Slot(object)
    def _on_event(self, event: JobEvent) -> None:
        known = self._by_job.get(event.job_id)
        if known is None:
            return
        live, key = known
        item = live.items[key]
        match event:
            case Started():
                item.state = ItemState.RUNNING
                self._move(live, key)
            case Progressed():
                item.fraction = max(overall(self._runner.job(event.job_id)), 0.001)
                self._move(live, key)
            case Finished() | Failed():
                self._settle(live, item, self._runner.job(event.job_id))
                self._feed(live)
            case Stopped():
                del self._by_job[event.job_id]
                item.state = ItemState.STOPPED
                self._one_changed(live, key)
                self._feed(live)
                self._check_end(live)

    def _count_to_come(self, live: Live) -> None:
        """Before a job begins or after one has ended, so that the strip of jobs shows the right number soon."""
        with contextlib.suppress(Img2ModelError):  # it is only for a list
            self._table.count_to_come(live.row.id, len(live.todo))

    def _settle(self, live: Live, item: Item, job: JobRow) -> None:
        """The job has ended: saves its result, or why there is none."""
        self._by_job.pop(job.id, None)
        item.fraction = 1.0
        if job.state is JobState.FAILED:
            entry = _failure(item, job.error_kind, job.error_message, job.error_advice)
        else:
            entry = Entry(item.source.key, Outcome.DONE, item.result, *item.source.look, engine=job.engine)
            entry = replace(entry, watertight=job.facts is not None and job.facts.watertight)
        entry = replace(entry, at=time.time(), seconds=job.seconds or 0.0, warnings=job.warnings)
        self._save(live, item, entry, job.folder, job.result_path if job.state is JobState.DONE else None)

    def _save(self, live: Live, item: Item, entry: Entry, folder: Path, result: Path | None) -> None:
        item.state = ItemState.RUNNING
        live.saving += 1

        def then(kept: Entry | None, trouble: Trouble | None) -> None:
            live.saving -= 1
            if kept is None:
                words = trouble or Trouble("bug", "Something went wrong inside the program.", "")
                kept = _failure(item, words.kind, words.message, words.advice)
            item.entry = kept
            item.state = ItemState.DONE if kept.state is Outcome.DONE else ItemState.FAILED
            live.ended += 1
            self._one_changed(live, item.source.key)
            self._note_setup(live, kept)
            self._check_end(live)

        self._ask(then, settle, live.batch, entry, folder, result)

    def _note_setup(self, live: Live, entry: Entry) -> None:
        """Pauses the batch when this machine is at fault again and again: the others would fare no better."""
        live.setup_failures = live.setup_failures + 1 if entry.error_kind == "setup" else 0
        if live.setup_failures >= SETUP_FAILURES and live.row.course is Course.RUNNING:
            self._tell_problem(entry.error_message, entry.error_advice)
            self.pause(live.row.id, is_paused=True)

    def _check_end(self, live: Live) -> None:
        if live.left or live.saving or live.is_looking:
            return
        live.began = None
        if live.row.course is Course.RUNNING and not live.row.is_watched:
            self._set(live, Course.ENDED)
            if live.ended:
                done, failed = live.count(ItemState.DONE), live.count(ItemState.FAILED)
                tone = Tone.WARNING if failed else Tone.INFO
                said = f"“{live.row.title}” is made: {done:,} meshes" + (f", {failed:,} failed." if failed else ".")
                self.told.emit(Message(tone, said))
        self.changed.emit(live.row.id)

    # telling and asking

    def _set(self, live: Live, course: Course) -> None:
        live.row = replace(live.row, course=course)
        try:
            self._table.change(live.row.id, course, is_watched=live.row.is_watched)
        except Img2ModelError as problem:
            self._tell_problem(problem.message, problem.advice)
        self._set_watch()
        self.changed.emit(live.row.id)

    def _set_watch(self) -> None:
        if any(live.row.is_watched and live.row.course is Course.RUNNING for live in self._live.values()):
            if not self._watch.isActive():
                self._watch.start()
        else:
            self._watch.stop()

    @Slot()
    def _on_watch(self) -> None:
        for live in self._live.values():
            if live.row.is_watched and live.row.course is Course.RUNNING and not live.is_looking:
                self._look(live)

    def _move(self, live: Live, key: str) -> None:
        self._moved.setdefault(live.row.id, set()).add(key)
        if not self._pace.isActive():
            self._pace.start()

    @Slot()
    def _tell_moved(self) -> None:
        moved, self._moved = self._moved, {}
        for id_, keys in moved.items():
            self.items_changed.emit(id_, frozenset(keys))

    def _one_changed(self, live: Live, key: str) -> None:
        self.items_changed.emit(live.row.id, frozenset({key}))
        self.changed.emit(live.row.id)

    def _all_changed(self, live: Live) -> None:
        self.items_changed.emit(live.row.id, None)
        self.changed.emit(live.row.id)

    def _tell_problem(self, message: str, advice: str) -> None:
        self.told.emit(Message(Tone.ERROR, message, advice))

    def _ask(self, then: Callable[[Any, Trouble | None], None], function: Callable[..., Any], *args: Any) -> None:
        self._asked[self._runner.call(function, *args, lane=Lane.LONG)] = then

    @Slot(object)
    def _on_call_ended(self, ended: CallEnded) -> None:
        then = self._asked.pop(ended.ticket, None)
        if then is not None:
            then(ended.result, ended.trouble)


def _failure(item: Item, kind: str, message: str, advice: str) -> Entry:
    return Entry(
        item.source.key,
        Outcome.FAILED,
        item.result,
        *item.source.look,
        at=time.time(),
        error_kind=kind,
        error_message=message,
        error_advice=advice,
    )
