"""The top of the library: a field to search in, which a picture can be dropped on, and the filters."""

import time
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from img2model_desktop.core.verdict.words import PURPOSES
from img2model_desktop.gui.controls import CalmComboBox, label
from img2model_desktop.gui.history.jobs import engine_title
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.intake import local_files
from img2model_desktop.gui.library.card import STAR
from img2model_desktop.gui.library.filters import FilterBox, FilterRow
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.jobs.shelf import MAX_STARS, MESH, PICTURES, Sort, Wanted

DAY_S = 86400.0
THUMB_PX = 24
_WHENS = (("Today", 1), ("Last 7 days", 7), ("Last 30 days", 30), ("Last year", 365))
_STATES = (
    ("Done", ("done",)),
    ("Failed", ("failed",)),
    ("Stopped", ("stopped",)),
    ("Waiting or running", ("queued", "running")),
)
_SORTS = (
    (Sort.NEWEST, "Newest first"),
    (Sort.OLDEST, "Oldest first"),
    (Sort.TITLE, "By title"),
    (Sort.STARS, "Most stars first"),
    (Sort.LARGEST, "Largest on disk first"),
    (Sort.FACES, "Most triangles first"),
    (Sort.SLOWEST, "Longest to make first"),
)


class SearchField(QLineEdit):
    """Words, or a picture that is dropped on it.

    Signals:
        picture_dropped: (object) its Path.
        left: () the down key was pressed: on to what was found.
    """

    picture_dropped = Signal(object)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setPlaceholderText("Search by words, or drop a picture to find what looks like it")
        self.setAccessibleName("Search the library")
        self.setToolTip(
            "Every word must be there, its beginning is enough; “words between quotes” must stand together (Ctrl+F).\n"
            "A picture that you drop here is compared with everything by its look."
        )
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_files(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            super().dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        files = local_files(event.mimeData())
        if files:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.picture_dropped.emit(files[0])
        else:
            super().dropEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.left.emit()
        else:
            super().keyPressEvent(event)


class LookChip(QFrame):
    """What everything is compared with.

    Signals:
        removed: () the user wants to compare no more.
    """

    removed = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("floating")
        self._icons = icons
        self._picture = QLabel()
        self._picture.setFixedSize(THUMB_PX, THUMB_PX)
        self.words = label("", "value")
        self.close_button = QToolButton()
        self.close_button.setIconSize(QSize(14, 14))
        self.close_button.setToolTip("Compare no more (Esc)")
        self.close_button.setAccessibleName("Compare no more")
        self.close_button.clicked.connect(self.removed)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 2, 0)
        row.setSpacing(6)
        for part in (self._picture, self.words, self.close_button):
            row.addWidget(part)
        self.hide()

    def show_look(self, name: str, picture: QPixmap) -> None:
        """Shows the picture and what it is called."""
        fitted = picture.scaled(
            THUMB_PX, THUMB_PX, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        self._picture.setPixmap(fitted)
        self.words.setText(f"Looks like “{name if len(name) <= 24 else name[:23] + '…'}”")
        self.show()

    def retint(self) -> None:
        """The icon again, in the theme's colours."""
        self.close_button.setIcon(self._icons.icon("close", self._icons.colours.dim))


class LibrarySearch(QWidget):
    """Search field and filters.

    Signals:
        wanted_changed: () something else is looked for.
        picture_dropped: (object) the Path of a picture whose like is looked for.
        left: () on to what was found.
    """

    wanted_changed = Signal()
    picture_dropped = Signal(object)
    left = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self.field = SearchField()
        self._find = self.field.addAction(icons.icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        self.chip = LookChip(icons)
        self.sort = CalmComboBox()
        self.sort.setAccessibleName("Order")
        self.sort.setToolTip("Which comes first")
        self.sort.setSizeAdjustPolicy(CalmComboBox.SizeAdjustPolicy.AdjustToContents)
        for sort, text in _SORTS:
            self.sort.addItem(text, sort)
        self.count = label("", "dim")
        self.kind = FilterBox("Kind", "Meshes, or pictures alone", "Any kind")
        self.engine = FilterBox("Engine", "What made it", "Any engine")
        self.fit = FilterBox("Fit for", "What the verdict calls it fit for", "Any purpose")
        self.stars = FilterBox("Stars", "At least so many stars", "Any stars")
        self.when = FilterBox("When", "When it was made", "Any time")
        self.state = FilterBox("State", "How its job ended", "Any state")
        self.closed = FilterBox("Shape", "Whether it bounds a volume", "Any shape")
        self._fill()
        self.filters = FilterRow((self.kind, self.engine, self.fit, self.stars, self.when, self.state, self.closed))
        self._build()
        self._connect()

    def wanted(self) -> Wanted:
        """What is looked for."""
        days = self.when.currentData()
        return Wanted(
            words=self.field.text(),
            kind=self.kind.currentData() or "",
            engine=self.engine.currentData() or "",
            fit_for=self.fit.currentData() or "",
            stars=self.stars.currentData() or 0,
            since=time.time() - days * DAY_S if days else None,
            states=self.state.currentData() or (),
            is_watertight=self.closed.currentData(),
            sort=self.sort.currentData(),
        )

    def show_engines(self, engines: tuple[tuple[str, int], ...]) -> None:
        """The engines that made something, most first."""
        chosen = self.engine.currentData()
        with QSignalBlocker(self.engine):
            while self.engine.count() > 1:
                self.engine.removeItem(1)
            for key, count in engines:
                self.engine.addItem(f"{engine_title(key)} ({count:,})", key)
            self.engine.setCurrentIndex(max(self.engine.findData(chosen), 0))
        self.filters.place()

    def show_count(self, found: int, is_whole: bool) -> None:
        """How much was found."""
        word = "result" if found == 1 else "results"
        self.count.setText(f"{found:,} {word}" if is_whole else f"{found:,} {word} found")

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter is on."""
        return any(box.is_on for box in self.filters.boxes)

    def clear(self) -> None:
        """No word, no filter."""
        with QSignalBlocker(self.field):
            self.field.clear()
        self.clear_filters()

    def clear_filters(self) -> None:
        """No filter; the words stay."""
        for box in self.filters.boxes:
            with QSignalBlocker(box):
                box.setCurrentIndex(0)
        self.filters.place()
        self.wanted_changed.emit()

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self._find.setIcon(self._icons.icon("search", self._icons.colours.dim))
        self.chip.retint()

    def _fill(self) -> None:
        self.kind.addItem("Meshes", MESH)
        self.kind.addItem("Pictures", PICTURES)
        for words in PURPOSES:
            self.fit.addItem(f"Fit for {words.title.lower()}", words.key)
        for stars in range(1, MAX_STARS + 1):
            self.stars.addItem(STAR * stars + (" and more" if stars < MAX_STARS else ""), stars)
        for text, days in _WHENS:
            self.when.addItem(text, days)
        for text, states in _STATES:
            self.state.addItem(text, states)
        self.closed.addItem("Watertight", True)
        self.closed.addItem("Open", False)

    def _build(self) -> None:
        first = QHBoxLayout()
        first.setSpacing(SPACE)
        self.field.setMinimumWidth(140)
        first.addWidget(self.field, 1)
        for part in (self.chip, self.count, self.sort):
            first.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 8)
        column.setSpacing(SPACE)
        column.addLayout(first)
        column.addWidget(self.filters)

    def _connect(self) -> None:
        self.field.textChanged.connect(self.wanted_changed)
        self.field.picture_dropped.connect(self.picture_dropped)
        self.field.left.connect(self.left)
        self.sort.currentIndexChanged.connect(self.wanted_changed)
        for box in self.filters.boxes:
            box.currentIndexChanged.connect(self.wanted_changed)
        self.filters.cleared.connect(self.clear_filters)


def merged(wanted: Wanted, place: tuple[str, str]) -> Wanted:
    """What is looked for in one of the places at the left; see `library_places`."""
    what, name = place
    changes = {
        "trash": {"is_trash": True},
        "collection": {"collection": name},
        "tag": {"tags": (name,)},
        "batch": {"batch": name},
        "stars": {"stars": max(wanted.stars, 4)},
    }
    return replace(wanted, **changes.get(what, {}))  # type: ignore[arg-type] # each is a field of it


def picture_name(path: Path) -> str:
    """What a dropped picture is called."""
    return path.stem or path.name
