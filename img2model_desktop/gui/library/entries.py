"""What the library shows, as a list for views: ten thousand entries, of which only those on screen are read."""

import time
from collections import OrderedDict

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPixmap

from img2model_desktop.gui.history.card_pictures import CardPictures
from img2model_desktop.gui.history.jobs import Index
from img2model_desktop.gui.library.words import tip_of
from img2model_desktop.jobs.job_row import JobState
from img2model_desktop.jobs.shelf import Entry, Shelf

ENTRY_ROLE = Qt.ItemDataRole.UserRole
PAGE = 48
ENTRIES_KEPT = 3000
PICTURES_KEPT = 600
READ_MS = 6  # of reading pictures, before the window goes on


class LibraryModel(QAbstractListModel):
    """Entries by their ids; the entry is under `ENTRY_ROLE`, its picture, a QPixmap, under the decoration role.

    Entries are read a page at a time, pictures one after the other between the window's other work, those asked for
    last first, and made as large as they are drawn.

    Signals:
        picture_ready: (QModelIndex) its picture can be drawn now. A changed datum would make a list view lay all of its
            items out anew.
    """

    picture_ready = Signal(QModelIndex)

    def __init__(self, shelf: Shelf, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shelf = shelf
        self._ids: tuple[str, ...] = ()
        self._places: dict[str, int] = {}
        self._alike: dict[str, float] = {}
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._reader = CardPictures()
        self._room = QSize(160, 130)
        self._ratio = 1.0
        self._pictures: OrderedDict[str, QPixmap] = OrderedDict()
        self._asked: OrderedDict[str, None] = OrderedDict()
        self._reading = QTimer(self)
        self._reading.setInterval(0)
        self._reading.timeout.connect(self._read_some)

    @property
    def ids(self) -> tuple[str, ...]:
        """All that is shown, in its order."""
        return self._ids

    def show(self, ids: tuple[str, ...], alike: dict[str, float] | None = None) -> None:
        """Shows these instead.

        Args:
            ids: in their order.
            alike: how much each looks like what is looked for, 0..1; None where nothing is compared.
        """
        before, self._alike = self._alike, alike or {}
        if ids == self._ids:
            if before != self._alike:
                self._tell_all()
            return
        self.beginResetModel()
        self._ids = ids
        self._places = {id_: place for place, id_ in enumerate(ids)}
        self._asked.clear()
        self.endResetModel()

    def set_room(self, room: QSize, ratio: float) -> None:
        """How large a picture may be, in logical pixels, and how many of the screen's pixels make one of them."""
        if (room, ratio) != (self._room, self._ratio):
            self._room, self._ratio = room, ratio
            self._pictures.clear()

    def refresh(self, job_id: str) -> None:
        """Something else is known of a job, or its picture is another one."""
        self._entries.pop(job_id, None)
        self._pictures.pop(job_id, None)
        self._reader.forget(job_id)
        index = self.index_of(job_id)
        if index.isValid():
            self.dataChanged.emit(index, index)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._ids)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._ids):
            return None
        entry = self._entry(index.row())
        if entry is None:
            return None
        if role == ENTRY_ROLE:
            return entry
        if role == Qt.ItemDataRole.DecorationRole:
            return self._picture(entry)
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.row.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip_of(entry)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            stars = f", {entry.row.stars} stars" if entry.row.stars else ""
            return f"{entry.row.title}, {entry.row.state}{stars}"
        return None

    def entry_at(self, index: Index) -> Entry | None:
        """The entry of one place, or None."""
        return self._entry(index.row()) if index.isValid() and index.row() < len(self._ids) else None

    def index_of(self, job_id: str) -> QModelIndex:
        """Where a job is shown; an invalid index where it is not."""
        place = self._places.get(job_id)
        return QModelIndex() if place is None else self.index(place)

    def alike(self, job_id: str) -> float | None:
        """How much a job looks like what is looked for, 0..1, or None."""
        return self._alike.get(job_id)

    def picture(self, entry: Entry) -> QPixmap:
        """The picture of an entry as it was read, now."""
        return self._reader.of(entry.row)

    def stop(self) -> None:
        """Reads no more pictures until they are asked for again."""
        self._reading.stop()
        self._asked.clear()

    def _entry(self, place: int) -> Entry | None:
        id_ = self._ids[place]
        if id_ not in self._entries:
            first = place // PAGE * PAGE
            for entry in self._shelf.entries(self._ids[first : first + PAGE]):
                self._entries[entry.row.id] = entry
            while len(self._entries) > ENTRIES_KEPT:
                self._entries.popitem(last=False)
        return self._entries.get(id_)

    def _picture(self, entry: Entry) -> QPixmap:
        id_ = entry.row.id
        if id_ in self._pictures:
            self._pictures.move_to_end(id_)
            return self._pictures[id_]
        self._asked[id_] = None
        self._asked.move_to_end(id_)
        while len(self._asked) > PAGE * 2:  # the others were scrolled past
            self._asked.popitem(last=False)
        if not self._reading.isActive():
            self._reading.start()
        return QPixmap()

    @Slot()
    def _read_some(self) -> None:
        until = time.perf_counter() + READ_MS / 1000
        while self._asked and time.perf_counter() < until:
            id_, _ = self._asked.popitem()
            self._read(id_)
            index = self.index_of(id_)
            if index.isValid():
                self.picture_ready.emit(index)
        if not self._asked:
            self._reading.stop()

    def _read(self, id_: str) -> None:
        entry = self._entries.get(id_)
        if entry is None:
            return
        picture = self._fitted(self._reader.of(entry.row))
        if entry.row.state is not JobState.RUNNING or not picture.isNull():
            self._pictures[id_] = picture
        while len(self._pictures) > PICTURES_KEPT:
            self._pictures.popitem(last=False)

    def _fitted(self, picture: QPixmap) -> QPixmap:
        """A picture in the size in which it is drawn: to be scaled once, not at each turn of the wheel."""
        if picture.isNull():
            return picture
        keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        made = picture.scaled(self._room * self._ratio, keep, smooth)
        made.setDevicePixelRatio(self._ratio)
        return made

    def _tell_all(self) -> None:
        if self._ids:
            self.dataChanged.emit(self.index(0), self.index(len(self._ids) - 1))
