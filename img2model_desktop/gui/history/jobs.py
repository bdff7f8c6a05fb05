"""The jobs as a list that views can show: what runs, what waits in its order, then what has ended, newest first.

A batch is one entry, which opens to its jobs. What has ended comes in pages, as views scroll.
"""

import time
from typing import Protocol

from PySide6.QtCore import (
    QAbstractListModel,
    QByteArray,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
    SignalInstance,
    Slot,
)

from img2model_desktop.core.events import Stage
from img2model_desktop.engines import catalog
from img2model_desktop.errors import HistoryProblem
from img2model_desktop.gui.history.card_pictures import CardPictures, input_of
from img2model_desktop.jobs.estimates import StageTimes, overall
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.plan import OPENED
from img2model_desktop.jobs.store import Store
from img2model_desktop.jobs.tally import Tally, tallies, tally_of

__all__ = [
    "BATCH_ROLE",
    "JOB_ROLE",
    "OVERALL_ROLE",
    "PLACE_ROLE",
    "HistoryModel",
    "engine_title",
    "input_of",
    "overall",
    "state_words",
]

Index = QModelIndex | QPersistentModelIndex

JOB_ROLE = Qt.ItemDataRole.UserRole
BATCH_ROLE = Qt.ItemDataRole.UserRole + 1
PLACE_ROLE = Qt.ItemDataRole.UserRole + 2
OVERALL_ROLE = Qt.ItemDataRole.UserRole + 3
PAGE = 100
PROGRESS_EVERY_MS = 100  # each repaint makes the whole window be put together again, which costs what the job could use
MIME = "application/x-image2model-queue"

_STAGE_WORDS = {
    Stage.OPEN: "Open",
    Stage.PICTURE: "Picture",
    Stage.CUT_OUT: "Cut out",
    Stage.SCULPT: "Sculpt",
    Stage.CLEAN: "Clean",
    Stage.PAINT: "Paint",
    Stage.SAVE: "Save",
}


class Jobs(Protocol):
    """Where the rows come from: `gui.runner.JobRunner`."""

    job_changed: SignalInstance
    job_removed: SignalInstance
    history_changed: SignalInstance

    @property
    def store(self) -> Store:
        """The history."""
        ...


class _Entry:
    """A job, or a batch with the row of its job that stands for it.

    Attributes:
        key: what it is called: whether it is a batch, and its id.
        rank: 0: runs; 1: waits, with its place; 2: has ended.
        newest: the id by which it is sorted among its like.
    """

    __slots__ = ("key", "newest", "rank", "row", "tally")

    def __init__(self, row: JobRow | None, tally: Tally | None = None) -> None:
        self.row = row
        self.tally = tally
        if tally is not None:
            self.key = (True, tally.id)
            self.rank = (0, 0.0) if tally.running else (1, tally.position) if tally.waiting else (2, 0.0)
            self.newest = tally.newest
            return
        assert row is not None
        self.key = (False, row.id)
        self.rank = {JobState.RUNNING: (0, 0.0), JobState.QUEUED: (1, row.position)}.get(row.state, (2, 0.0))
        self.newest = row.id

    def is_before(self, other: "_Entry") -> bool:
        """Whether it stands left of another."""
        if self.rank != other.rank:
            return self.rank < other.rank
        return self.newest > other.newest if self.rank[0] == 2 else self.newest < other.newest


class HistoryModel(QAbstractListModel):
    """Entries of the queue and the history; follows the runner's signals.

    The job's row is under `JOB_ROLE` (None for a batch), the `Tally` of a batch under `BATCH_ROLE`; the picture, a
    QPixmap, under the decoration role; under `PLACE_ROLE` how many jobs run before one that waits, plus one, and 0
    for all others.

    Signals:
        scope_changed: () another batch is open, or none.
        move_wished: (object, str) the user dropped jobs (a tuple of ids) before another one, "" for the end.
    """

    scope_changed = Signal()
    move_wished = Signal(object, str)

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.times: StageTimes | None = None  # what stages take here
        self._jobs = jobs
        self._scope = ""
        self._entries: list[_Entry] = []
        self._hidden: list[Tally] = []  # batches that ended before the last entry that is loaded
        self._is_all = False
        self._moved: set[str] = set()  # jobs whose progress has not been shown yet
        self._tallied: set[str] = set()  # batches whose numbers have not been counted yet
        self._line: dict[str, int] | None = None  # places of what waits, while they are known
        self._pictures = CardPictures()
        self._pace = QTimer(self)
        self._pace.setSingleShot(True)
        self._pace.setInterval(PROGRESS_EVERY_MS)
        self._pace.timeout.connect(self._on_pace)
        jobs.job_changed.connect(self._on_job_changed)
        jobs.job_removed.connect(self._on_job_removed)
        jobs.history_changed.connect(self.reload)
        self._load()

    @property
    def store(self) -> Store:
        """The history that is listed."""
        return self._jobs.store

    # What views ask

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._entries):
            return None
        entry = self._entries[index.row()]
        if role == JOB_ROLE:
            return None if entry.tally else entry.row
        if role == BATCH_ROLE:
            return entry.tally
        if role == PLACE_ROLE:
            return self._place(index.row())
        if role == OVERALL_ROLE:
            return self.overall(entry.row) if entry.row else None
        if role == Qt.ItemDataRole.DecorationRole:
            return self._pictures.of(entry.row) if entry.row else None
        return self._words(entry, index.row(), role)

    def overall(self, row: JobRow) -> float:
        """How far a job is, 0..1, by what stages take on this machine where that is known."""
        return overall(row) if self.times is None else self.times.overall(row)

    def _words(self, entry: _Entry, number: int, role: int) -> object:
        if entry.tally is not None:
            words = {
                Qt.ItemDataRole.DisplayRole: entry.tally.title or "Batch",
                Qt.ItemDataRole.ToolTipRole: batch_tip(entry.tally),
                Qt.ItemDataRole.AccessibleTextRole: f"{entry.tally.title or 'Batch'}, {batch_words(entry.tally)}",
            }
            return words.get(Qt.ItemDataRole(role))
        row = entry.row
        assert row is not None
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(row, self._place(number))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{row.title}, {state_words(row, self._place(number))}"
        return None

    def row_of(self, job_id: str) -> QModelIndex:
        """Where a job is in the list, or the batch that holds it; an invalid index where neither is."""
        number = self._find((False, job_id))
        if number is None and not self._scope:
            try:
                batch = self._jobs.store.row(job_id).batch
            except HistoryProblem:
                batch = ""
            number = self._find((True, batch))
        return QModelIndex() if number is None else self.index(number)

    def reach(self, job_id: str) -> QModelIndex:
        """As `row_of`; opens the batch that holds the job and loads the pages up to it."""
        try:
            row = self._jobs.store.row(job_id)
        except HistoryProblem:
            return QModelIndex()
        if row.batch != self._scope:
            self.open(row.batch)
        while self._find((False, job_id)) is None and self.canFetchMore():
            self.fetchMore()
        return self.row_of(job_id)

    def count(self, state: JobState) -> int:
        """How many of the jobs that are loaded are in a state, those in batches included."""
        name = {JobState.QUEUED: "waiting"}.get(state, state.value)
        found = 0
        for entry in self._entries:
            if entry.rank[0] == 2 and not state.has_ended:
                break  # what runs and waits comes first
            counted = getattr(entry.tally, name) if entry.tally else entry.row is not None and entry.row.state is state
            found += int(counted)
        return found

    @property
    def scope(self) -> Tally | None:
        """The batch whose jobs are listed; None: everything is."""
        return tally_of(self._jobs.store.database, self._scope) if self._scope else None

    def open(self, batch: str) -> None:
        """Lists the jobs of a batch, or ("") everything."""
        self._scope = batch
        self.reload()
        self.scope_changed.emit()

    @Slot()
    def reload(self) -> None:
        """Everything anew from the history."""
        self.beginResetModel()
        self._load()
        self.endResetModel()

    def refresh_picture(self, job_id: str) -> None:
        """The job's picture was written anew."""
        self._pictures.forget(job_id)
        index = self.row_of(job_id)
        if index.isValid():
            self.dataChanged.emit(index, index)

    # Pages

    def canFetchMore(self, parent: Index = QModelIndex()) -> bool:  # noqa: B008 - Qt's signature
        return not parent.isValid() and not self._is_all

    def fetchMore(self, parent: Index = QModelIndex()) -> None:  # noqa: B008, ARG002 - Qt's signature
        last = next((entry.row.id for entry in reversed(self._entries) if entry.row and not entry.tally), "")
        page = self._page(last)
        if page:
            first = len(self._entries)
            self.beginInsertRows(QModelIndex(), first, first + len(page) - 1)
            self._entries += page
            self.endInsertRows()

    def _load(self) -> None:
        store = self._jobs.store
        self._moved.clear()
        self._tallied.clear()
        self._line = None
        self._is_all = False
        batches = [] if self._scope else [self._entry_of(tally) for tally in tallies(store.database)]
        under_way = [_Entry(row) for row in store.under_way(self._scope)]
        under_way += [entry for entry in batches if entry.rank[0] < 2]
        self._hidden = [entry.tally for entry in batches if entry.rank[0] == 2 and entry.tally]
        self._entries = sorted(under_way, key=lambda entry: (entry.rank, entry.newest))
        self._entries += self._page("")

    def _page(self, before: str) -> list[_Entry]:
        """The next entries that have ended, the batches among them in their places."""
        rows = self._jobs.store.ended(PAGE, before, self._scope)
        self._is_all = len(rows) < PAGE
        since = "" if self._is_all else rows[-1].id
        batches = [tally for tally in self._hidden if tally.newest > since]
        self._hidden = [tally for tally in self._hidden if tally.newest <= since]
        page = [*map(_Entry, rows), *map(self._entry_of, batches)]
        return sorted(page, key=lambda entry: entry.newest, reverse=True)

    def _entry_of(self, tally: Tally) -> _Entry:
        """With the job whose picture stands for the batch: the one that runs, or the last that ended."""
        store = self._jobs.store
        rows = store.under_way(tally.id)[:1] if tally.running else store.ended(1, batch=tally.id)
        return _Entry(rows[0] if rows else None, tally)

    # Changes

    @Slot(str)
    def _on_job_changed(self, job_id: str) -> None:
        try:
            row = self._jobs.store.row(job_id)
        except HistoryProblem:
            return  # removed in between
        if row.batch != self._scope:
            if not self._scope:
                self._tallied.add(row.batch)
            self._start_pace()
            return
        number = self._find((False, job_id))
        if number is None:
            self._insert(_Entry(row))
            return
        before, entry = self._entries[number], _Entry(row)
        assert before.row is not None
        if (before.row.state, before.row.stage) != (row.state, row.stage) or before.rank != entry.rank:
            self._replace(number, entry)
        else:
            self._entries[number] = entry
            self._moved.add(job_id)
            self._start_pace()

    @Slot(str)
    def _on_job_removed(self, job_id: str) -> None:
        number = self._find((False, job_id))
        if number is not None:
            self._remove(number)
        elif not self._scope:
            self._tallied |= {key for is_batch, key in (entry.key for entry in self._entries) if is_batch}
            self._start_pace()
        self._pictures.forget(job_id)

    def _start_pace(self) -> None:
        if not self._pace.isActive():
            self._pace.start()

    @Slot()
    def _on_pace(self) -> None:
        is_line_new = bool(self._tallied) or bool(self._scope)
        for job_id in self._moved:
            number = self._find((False, job_id))
            if number is not None:
                self._tell(number, number)
                is_line_new |= self._entries[number].rank[0] == 1  # held, or let go on
        self._moved.clear()
        for batch in self._tallied:
            self._count(batch)
        self._tallied.clear()
        if is_line_new:
            self._tell_places()

    def _count(self, batch: str) -> None:
        """A batch with its numbers of now."""
        tally = tally_of(self._jobs.store.database, batch)
        number = self._find((True, batch))
        if number is None and tally.total and all(hidden.id != batch for hidden in self._hidden):
            self._insert(self._entry_of(tally))
        elif number is not None and tally.total:
            self._replace(number, self._entry_of(tally))
        elif number is not None:
            self._remove(number)

    def _insert(self, entry: _Entry) -> None:
        number = self._place_for(entry)
        if number == len(self._entries) and not self._is_all and entry.rank[0] == 2:
            return  # comes with its page
        self.beginInsertRows(QModelIndex(), number, number)
        self._entries.insert(number, entry)
        self.endInsertRows()
        self._tell_places()

    def _replace(self, number: int, entry: _Entry) -> None:
        others = [*self._entries[:number], *self._entries[number + 1 :]]
        to = self._place_for(entry, others)
        if to != number:
            self.beginMoveRows(QModelIndex(), number, number, QModelIndex(), to + (to > number))
            self._entries = [*others[:to], entry, *others[to:]]
            self.endMoveRows()
        else:
            self._entries[number] = entry
        self._tell(to, to)
        self._tell_places()

    def _remove(self, number: int) -> None:
        self.beginRemoveRows(QModelIndex(), number, number)
        del self._entries[number]
        self.endRemoveRows()
        self._tell_places()

    def _place_for(self, entry: _Entry, others: list[_Entry] | None = None) -> int:
        others = self._entries if others is None else others
        return next((number for number, other in enumerate(others) if entry.is_before(other)), len(others))

    def _find(self, key: tuple[bool, str]) -> int | None:
        return next((number for number, entry in enumerate(self._entries) if entry.key == key), None)

    def _tell(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first), self.index(last))

    def _tell_places(self) -> None:
        """The places in the line are others now."""
        self._line = None
        waiting = [number for number, entry in enumerate(self._entries) if entry.rank[0] == 1]
        if waiting:
            self._tell(waiting[0], waiting[-1])

    def _place(self, number: int) -> int:
        row = self._entries[number].row
        if self._entries[number].tally is not None or row is None or row.state is not JobState.QUEUED:
            return 0
        if self._line is None:
            self._line = {id_: place + 1 for place, id_ in enumerate(self._jobs.store.line())}
        return self._line.get(row.id, 0)

    # Moving by the pointer

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        if not index.isValid():
            return flags | Qt.ItemFlag.ItemIsDropEnabled
        entry = self._entries[index.row()]
        waits = entry.rank[0] == 1 or (entry.tally is not None and entry.tally.waiting > 0)
        return flags | Qt.ItemFlag.ItemIsDragEnabled if waits else flags

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, indexes: list[QModelIndex]) -> QMimeData:  # type: ignore[override] # a list is what comes
        mime = QMimeData()
        mime.setData(MIME, QByteArray("\n".join(self.waiting_ids(indexes[0])).encode()))
        return mime

    def dropMimeData(self, data: QMimeData, _action: Qt.DropAction, row: int, _column: int, parent: Index) -> bool:
        """Says where the user wants them; the runner's signals then move them. False: the view must not do it."""
        number = parent.row() if parent.isValid() else row
        ids = tuple(data.data(MIME).toStdString().split("\n"))
        if ids != ("",):
            self.move_wished.emit(ids, self.waiting_at(number, ids))
        return False

    def waiting_ids(self, index: Index) -> tuple[str, ...]:
        """The jobs of an entry that wait."""
        entry = self._entries[index.row()]
        if entry.tally is not None:
            rows = self._jobs.store.under_way(entry.tally.id)
            return tuple(row.id for row in rows if row.state is JobState.QUEUED)
        return (entry.row.id,) if entry.row and entry.row.state is JobState.QUEUED else ()

    def waiting_at(self, number: int, without: tuple[str, ...] = ()) -> str:
        """The first job that waits at this place or right of it, and is none of some; "" where there is none."""
        for entry in range(max(number, 0), len(self._entries)):
            if self._entries[entry].rank[0] == 2:
                break
            for id_ in self.waiting_ids(self.index(entry)):
                if id_ not in without:
                    return id_
        return ""


def work_words(row: JobRow) -> str:
    """What is being done while the job runs: a picture is made into a mesh, a mesh file is opened."""
    return f"{'Opening' if row.request.mesh else 'Making'} “{row.title}”"


def state_words(row: JobRow, place: int = 0, done: float | None = None) -> str:
    """What a card says about its job, in two or three words.

    Args:
        place: in the line, 1 for what runs next; 0 where that is not known.
        done: how far it is, 0..1, where more is known than the row tells.
    """
    match row.state:
        case JobState.QUEUED:
            return "On hold" if row.is_held else {0: "Waiting", 1: "Next"}.get(place, f"Waiting · no. {place}")
        case JobState.RUNNING:
            share = overall(row) if done is None else done
            return f"{_STAGE_WORDS[Stage(row.stage)] if row.stage else 'Starting'} {share * 100:.0f} %"
        case JobState.FAILED:
            return "Failed"
        case JobState.STOPPED:
            return "Stopped"
    if row.is_gone:
        return "Result gone"
    return " · ".join(part for part in (engine_title(row.engine), _seconds(row.seconds)) if part) or "Done"


def engine_title(key: str) -> str:
    """The title of an engine, or its key where the catalogue does not know it; "Opened" for a mesh file."""
    if key == OPENED:
        return "Opened"
    return next((spec.title for spec in catalog.ENGINES if spec.key == key), key)


def tool_tip(row: JobRow, place: int = 0) -> str:
    """Everything about a job in a few lines."""
    lines = [row.title, time.strftime("%d %B %Y, %H:%M", time.localtime(row.created))]
    if row.state is JobState.FAILED:
        lines += [row.error_message, row.error_advice]
    else:
        lines.append(state_words(row, place))
    if row.is_gone:
        lines.append("The folder with its result is not there any more.")
    elif row.facts:
        lines.append(f"{current_faces(row):,} triangles")
    return "\n".join(line for line in (*lines, *row.decisions, *row.warnings) if line)


def current_faces(row: JobRow) -> int:
    """Triangles of the result as its edits have left it."""
    counted = None
    if (row.folder / "edits.json").is_file():
        from img2model_desktop.jobs.edits import current_mesh, glb_faces  # brings numpy: not at start-up

        counted = glb_faces(current_mesh(row.folder))
    return counted if counted is not None else row.facts.faces if row.facts else 0


def batch_words(tally: Tally) -> str:
    """What a card says about a batch."""
    failed = f", {tally.failed} failed" if tally.failed else ""
    return f"{tally.ended} of {tally.total}{failed}" if tally.ended < tally.total else f"{tally.total} done{failed}"


def batch_tip(tally: Tally) -> str:
    """Everything about a batch in a few lines."""
    parts = (
        (tally.running, "running"),
        (tally.waiting - tally.held, "waiting"),
        (tally.held, "on hold"),
        (tally.done, "done"),
        (tally.failed, "failed"),
        (tally.stopped, "stopped"),
    )
    counts = ", ".join(f"{count:,} {word}" for count, word in parts if count)
    return f"{tally.title or 'Batch'}\n{counts}\nPress Enter to see its jobs."


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
