"""The left of the library: everything, the best, the trash, collections and tags; below, what all of it takes."""

from PySide6.QtCore import QPoint, QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QMenu, QPushButton, QVBoxLayout, QWidget

from img2model_desktop.gui.controls import label
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import SPACE

WIDTH_PX = 208
TAGS_SHOWN = 40
PLACE_ROLE = Qt.ItemDataRole.UserRole
Place = tuple[str, str]
ALL: Place = ("all", "")
TRASH: Place = ("trash", "")
BEST: Place = ("stars", "")


class PlacesList(QListWidget):
    """Places; F2 renames a collection, Delete dissolves it.

    Signals:
        rename_wished, remove_wished: () of the current one.
    """

    rename_wished = Signal()
    remove_wished = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F2:
            self.rename_wished.emit()
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_wished.emit()
        else:
            super().keyPressEvent(event)


class LibraryPlaces(QWidget):
    """Where to look.

    Signals:
        place_chosen: (object) `(what, name)`, what being all, stars, trash, collection, tag or batch.
        collection_wished: (str) a new collection of this name.
        rename_wished: (str, str) a collection and its new name.
        dissolve_wished: (str) this collection.
        disk_wished: () what takes how much.
    """

    place_chosen = Signal(object)
    collection_wished = Signal(str)
    rename_wished = Signal(str, str)
    dissolve_wished = Signal(str)
    disk_wished = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._batches: dict[str, str] = {}
        self.list = PlacesList()
        self.list.setObjectName("places")
        self.list.setAccessibleName("Places in the library")
        self.list.setIconSize(QSize(16, 16))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.name = QLineEdit()
        self.name.setPlaceholderText("New collection")
        self.name.setAccessibleName("Name of a new collection")
        self.name.setToolTip("Type a name and press Enter")
        self.name.setMaxLength(40)
        self.disk = QPushButton("Disk use…")
        self.disk.setObjectName("small")
        self.disk.setToolTip("What takes how much, and what can be cleared")
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE, 12, SPACE, 12)
        column.setSpacing(SPACE)
        column.addWidget(label("Library", "title"))
        column.addWidget(self.list, 1)
        column.addWidget(self.name)
        column.addWidget(self.disk)
        self.setFixedWidth(WIDTH_PX)
        self._renaming = ""
        self._connect()

    @property
    def place(self) -> Place:
        """Where the user looks."""
        item = self.list.currentItem()
        found: Place | None = item.data(PLACE_ROLE) if item is not None else None
        return found or ALL

    def choose(self, place: Place) -> None:
        """Goes there; where it is not there any more, to everything."""
        item = self._item(place) or self._item(ALL)
        if item is not None:
            self.list.setCurrentItem(item)

    def show_batch(self, batch: str, title: str) -> None:
        """Adds a batch to the places, and goes there."""
        self._batches[batch] = title
        self._wanted = ("batch", batch)

    def show_places(
        self,
        counts: tuple[int, int, int],
        collections: tuple[tuple[str, int], ...],
        tags: tuple[tuple[str, int], ...],
    ) -> None:
        """Shows what there is.

        Args:
            counts: of everything, of the best, in the trash.
            collections, tags: names and counts.
        """
        before = self.place
        with QSignalBlocker(self.list):
            self.list.clear()
            self._add("Everything", ALL, "library", counts[0])
            self._add("Four stars and more", BEST, "star", counts[1])
            self._add("Trash", TRASH, "trash", counts[2])
            for batch, title in self._batches.items():
                self._add(title, ("batch", batch), "compare", None)
            self._add_heading("Collections" if collections else "")
            for name, count in collections:
                self._add(name, ("collection", name), "collection", count)
            self._add_heading("Tags" if tags else "")
            for name, count in tags[:TAGS_SHOWN]:
                self._add(name, ("tag", name), "tag", count)
            self.choose(before)
        if self.place != before:
            self.place_chosen.emit(self.place)

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        for row in range(self.list.count()):
            item = self.list.item(row)
            if item.data(PLACE_ROLE):
                item.setIcon(self._icons.icon(str(item.data(PLACE_ROLE + 1)), self._icons.colours.dim))

    def menu_for(self, place: Place) -> QMenu | None:
        """The context menu of a collection; None for other places."""
        if place[0] != "collection":
            return None
        menu = QMenu(self)
        for text, act in (("Rename", self._begin_rename), ("Dissolve, what is in it stays", self._dissolve)):
            action = QAction(text, menu)
            action.triggered.connect(act)
            menu.addAction(action)
        return menu

    def _connect(self) -> None:
        self.list.currentItemChanged.connect(self._on_current_changed)
        self.list.customContextMenuRequested.connect(self._on_menu_wished)
        self.list.rename_wished.connect(self._begin_rename)
        self.list.remove_wished.connect(self._dissolve)
        self.name.returnPressed.connect(self._on_named)
        self.disk.clicked.connect(self.disk_wished)

    def _add(self, text: str, place: Place, icon: str, count: int | None) -> None:
        item = QListWidgetItem(self._icons.icon(icon, self._icons.colours.dim), text)
        item.setData(PLACE_ROLE, place)
        item.setData(PLACE_ROLE + 1, icon)
        if count:
            item.setText(f"{text}  {count:,}")
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{text}, {count or 0}")
        item.setToolTip(f"{text}: {count:,}" if count is not None else text)
        self.list.addItem(item)

    def _add_heading(self, text: str) -> None:
        if text:
            item = QListWidgetItem(text)
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            item.setSizeHint(QSize(0, 34))
            item.setTextAlignment(Qt.AlignmentFlag.AlignBottom)
            self.list.addItem(item)

    def _item(self, place: Place) -> QListWidgetItem | None:
        items = (self.list.item(row) for row in range(self.list.count()))
        return next((item for item in items if item.data(PLACE_ROLE) == place), None)

    @Slot()
    def _begin_rename(self) -> None:
        what, name = self.place
        if what == "collection":
            self._renaming = name
            self.name.setText(name)
            self.name.selectAll()
            self.name.setFocus()

    @Slot()
    def _dissolve(self) -> None:
        what, name = self.place
        if what == "collection":
            self.dissolve_wished.emit(name)

    @Slot()
    def _on_named(self) -> None:
        name, before = self.name.text().strip(), self._renaming
        self.name.clear()
        self._renaming = ""
        if name and before:
            self.rename_wished.emit(before, name)
        elif name:
            self.collection_wished.emit(name)

    @Slot()
    def _on_current_changed(self) -> None:
        self.place_chosen.emit(self.place)

    @Slot(QPoint)
    def _on_menu_wished(self, at: QPoint) -> None:
        item = self.list.itemAt(at)
        menu = self.menu_for(item.data(PLACE_ROLE)) if item is not None and item.data(PLACE_ROLE) else None
        if menu is not None:
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.list.viewport().mapToGlobal(at))
