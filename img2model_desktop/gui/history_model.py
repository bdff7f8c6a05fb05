"""The jobs as a list that views can show, newest first."""

import time
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    SignalInstance,
    Slot,
)
from PySide6.QtGui import QBitmap, QImage, QImageReader, QPixmap, QRegion

from img2model_desktop.core.events import Stage
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role
from img2model_desktop.errors import HistoryProblem
from img2model_desktop.gui.calls import THUMBNAIL
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.plan import OPENED

Index = QModelIndex | QPersistentModelIndex

JOB_ROLE = Qt.ItemDataRole.UserRole
THUMBNAIL_SIDE_PX = 256
THUMBNAILS_KEPT = 200
PROGRESS_EVERY_MS = 100  # each repaint makes the whole window be put together again, which costs what the job could use
PICTURE_FILES = (THUMBNAIL, "cutout.png", "made.png")  # in a job folder, the best first

# How a job's time is shared among its stages, as measured on a standard job: a bar that runs evenly.
_STAGE_ENDS = {
    Stage.PICTURE: 0.05,
    Stage.CUT_OUT: 0.35,
    Stage.SCULPT: 0.75,
    Stage.CLEAN: 0.88,
    Stage.PAINT: 0.90,
    Stage.SAVE: 1.0,
}
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

    def jobs(self) -> tuple[JobRow, ...]:
        """All rows, newest first."""
        ...

    def job(self, job_id: str) -> JobRow:
        """One row."""
        ...


class HistoryModel(QAbstractListModel):
    """Rows of the history; follows the runner's signals.

    The job's row is under `JOB_ROLE`; its picture, a QPixmap, under the decoration role.
    """

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._rows: list[JobRow] = list(jobs.jobs())
        self._moved: set[str] = set()  # jobs whose progress has not been shown yet
        self._pace = QTimer(self)
        self._pace.setSingleShot(True)
        self._pace.setInterval(PROGRESS_EVERY_MS)
        self._pace.timeout.connect(self._on_pace)
        self._thumbnails: OrderedDict[str, tuple[Path | None, QPixmap]] = OrderedDict()
        jobs.job_changed.connect(self._on_job_changed)
        jobs.job_removed.connect(self._on_job_removed)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == JOB_ROLE:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title
        if role == Qt.ItemDataRole.DecorationRole:
            return self._thumbnail(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{row.title}, {state_words(row)}"
        return None

    def row_of(self, job_id: str) -> QModelIndex:
        """Where a job is in the list; an invalid index where it is not."""
        for number, row in enumerate(self._rows):
            if row.id == job_id:
                return self.index(number)
        return QModelIndex()

    def count(self, state: JobState) -> int:
        """How many jobs are in a state."""
        return sum(row.state is state for row in self._rows)

    def refresh_picture(self, job_id: str) -> None:
        """The job's picture was written anew."""
        self._thumbnails.pop(job_id, None)
        index = self.row_of(job_id)
        if index.isValid():
            self.dataChanged.emit(index, index)

    @Slot(str)
    def _on_job_changed(self, job_id: str) -> None:
        try:
            row = self._jobs.job(job_id)
        except HistoryProblem:
            return  # removed in between
        index = self.row_of(job_id)
        if index.isValid():
            before, self._rows[index.row()] = self._rows[index.row()], row
            if (before.state, before.stage) == (row.state, row.stage):
                self._moved.add(job_id)
                if not self._pace.isActive():
                    self._pace.start()
            else:
                self.dataChanged.emit(index, index)
        else:
            self.beginInsertRows(QModelIndex(), 0, 0)
            self._rows.insert(0, row)
            self.endInsertRows()

    @Slot(str)
    def _on_job_removed(self, job_id: str) -> None:
        index = self.row_of(job_id)
        if index.isValid():
            self.beginRemoveRows(QModelIndex(), index.row(), index.row())
            del self._rows[index.row()]
            self._thumbnails.pop(job_id, None)
            self.endRemoveRows()

    @Slot()
    def _on_pace(self) -> None:
        for job_id in self._moved:
            index = self.row_of(job_id)
            if index.isValid():
                self.dataChanged.emit(index, index)
        self._moved.clear()

    def _thumbnail(self, row: JobRow) -> QPixmap:
        found = self._thumbnails.get(row.id)
        if found is None or (found[0] is None or row.state is JobState.RUNNING):
            path = _picture_of(row)
            if found is None or path != found[0]:
                found = (path, QPixmap() if path is None else QPixmap.fromImage(_read(path)))
                self._thumbnails[row.id] = found
        self._thumbnails.move_to_end(row.id)
        while len(self._thumbnails) > THUMBNAILS_KEPT:
            self._thumbnails.popitem(last=False)
        return found[1]


def _picture_of(row: JobRow) -> Path | None:
    for name in PICTURE_FILES:
        if (row.folder / name).is_file():
            return row.folder / name
    kept = input_of(row) or (Path(row.request.picture) if row.request.picture else None)
    return kept if kept and kept.is_file() else None


def input_of(row: JobRow) -> Path | None:
    """The copy of the user's picture in a job's folder, or None."""
    return next((path for path in sorted(row.folder.glob("input.*")) if path.suffix != ".part"), None)


def _read(path: Path) -> QImage:
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    reader.setDecideFormatFromContent(True)
    size = reader.size()
    longest = max(size.width(), size.height())
    if longest > THUMBNAIL_SIDE_PX:
        reader.setScaledSize(size * (THUMBNAIL_SIDE_PX / longest))
    return _trimmed(reader.read())


def _trimmed(image: QImage) -> QImage:
    """The image without its fully transparent border, to fill the card; none where all is transparent."""
    if image.isNull() or not image.hasAlphaChannel():
        return image
    image = image.convertToFormat(QImage.Format.Format_ARGB32)
    mask = QBitmap.fromImage(image.createAlphaMask())
    box = QRegion(mask).boundingRect()
    return image.copy(box) if box.isValid() else QImage()


def overall(row: JobRow) -> float:
    """How far the whole job is, 0..1."""
    if row.stage is None:
        return 0.0
    if row.stage == Stage.OPEN:  # is all that such a job does
        return row.fraction
    stages = list(_STAGE_ENDS)
    at = stages.index(Stage(row.stage))
    begin = _STAGE_ENDS[stages[at - 1]] if at else 0.0
    return begin + (_STAGE_ENDS[stages[at]] - begin) * row.fraction


def work_words(row: JobRow) -> str:
    """What is being done while the job runs: a picture is made into a mesh, a mesh file is opened."""
    return f"{'Opening' if row.request.mesh else 'Making'} “{row.title}”"


def state_words(row: JobRow) -> str:
    """What a card says about its job, in two or three words."""
    match row.state:
        case JobState.QUEUED:
            return "Waiting"
        case JobState.RUNNING:
            return f"{_STAGE_WORDS[Stage(row.stage)] if row.stage else 'Starting'} {overall(row) * 100:.0f} %"
        case JobState.FAILED:
            return "Failed"
        case JobState.STOPPED:
            return "Stopped"
    return " · ".join(part for part in (engine_title(row.engine), _seconds(row.seconds)) if part) or "Done"


def engine_title(key: str) -> str:
    """The title of a sculptor, or its key where the catalogue does not know it; "Opened" for a mesh file."""
    if key == OPENED:
        return "Opened"
    return next((spec.title for spec in catalog.of_role(Role.SCULPTOR) if spec.key == key), key)


def tool_tip(row: JobRow) -> str:
    """Everything about a job in a few lines."""
    lines = [row.title, time.strftime("%d %B %Y, %H:%M", time.localtime(row.created))]
    if row.state is JobState.FAILED:
        lines += [row.error_message, row.error_advice]
    else:
        lines.append(state_words(row))
    if row.facts:
        lines.append(f"{row.facts.faces:,} triangles")
    return "\n".join(line for line in (*lines, *row.warnings) if line)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
