"""The cards of the library in a grid that fills the width."""

from PySide6.QtCore import QModelIndex, QPoint, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QContextMenuEvent, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView

from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.library.card import GAP, NARROWEST, PICTURE_MARGIN, WORDS_HEIGHT, LibraryCard
from img2model_desktop.gui.library.entries import LibraryModel
from img2model_desktop.jobs.shelf import MAX_STARS, Entry

MARGIN_PX = 7  # at the left


class LibraryGrid(QListView):
    """Cards; several can be chosen.

    Keys: Enter opens, 0 to 5 give stars, Delete throws away, C compares two, S looks for what is alike, T tags.

    Signals:
        open_wished: () of the current one.
        stars_wished: (int) for what is chosen.
        trash_wished, compare_wished, alike_wished, tag_wished: () with what is chosen.
        menu_wished: (QPoint) in global coordinates.
        chosen_changed: () other ones are chosen.
    """

    open_wished = Signal()
    stars_wished = Signal(int)
    trash_wished = Signal()
    compare_wished = Signal()
    alike_wished = Signal()
    tag_wished = Signal()
    menu_wished = Signal(QPoint)
    chosen_changed = Signal()

    def __init__(self, model: LibraryModel, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._entries = model
        self.empty_words = ""
        self.card = LibraryCard(icons, model.alike)
        self.setObjectName("library")
        self.setAccessibleName("Results")
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setViewportMargins(MARGIN_PX, 0, 0, 0)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setItemDelegate(self.card)
        self.setModel(model)
        model.picture_ready.connect(self.update)
        self.selectionModel().selectionChanged.connect(self.chosen_changed)
        self.doubleClicked.connect(self._on_double_clicked)
        self._fit()

    @property
    def chosen(self) -> tuple[Entry, ...]:
        """What is chosen, in the order of the grid."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        found = (self._entries.entry_at(self._entries.index(row)) for row in rows)
        return tuple(entry for entry in found if entry is not None)

    @property
    def chosen_ids(self) -> tuple[str, ...]:
        """Their ids; none of them is read for that."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return tuple(self._entries.ids[row] for row in rows)

    def choose(self, job_id: str) -> None:
        """Makes one entry the only one that is chosen, and brings it into view."""
        index = self._entries.index_of(job_id)
        if index.isValid():
            self.setCurrentIndex(index)
            self.scrollTo(index)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As many columns as fit; the cells share what is left over."""
        beside = self.verticalScrollBar().sizeHint().width() + MARGIN_PX + 1  # kept free, whether it is there or not
        room = max(self.width() - beside, NARROWEST)
        width = room // max(room // NARROWEST, 1)
        cell = QSize(width, round((width - GAP) * 0.82) + WORDS_HEIGHT + GAP)
        if cell != self.card.cell:
            self.card.cell = cell
            around = GAP + 2 * PICTURE_MARGIN
            picture = QSize(cell.width() - around, cell.height() - around - WORDS_HEIGHT)
            self._entries.set_room(picture, self.devicePixelRatioF())
            self.setGridSize(cell)
            self.verticalScrollBar().setSingleStep(cell.height() // 3)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if not plain or not self._key_pressed(Qt.Key(event.key())):
            super().keyPressEvent(event)

    def _key_pressed(self, key: Qt.Key) -> bool:
        stars = key - Qt.Key.Key_0
        signals = {
            Qt.Key.Key_Return: self.open_wished,
            Qt.Key.Key_Enter: self.open_wished,
            Qt.Key.Key_Delete: self.trash_wished,
            Qt.Key.Key_Backspace: self.trash_wished,
            Qt.Key.Key_C: self.compare_wished,
            Qt.Key.Key_S: self.alike_wished,
            Qt.Key.Key_T: self.tag_wished,
        }
        if 0 <= stars <= MAX_STARS:
            self.stars_wished.emit(stars)
        elif key in signals:
            signals[key].emit()
        else:
            return False
        return True

    def keyboardSearch(self, search: str) -> None:
        """Nothing: letters are keys here, and there is a field to search in."""

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.selectionModel().hasSelection():
            self.menu_wished.emit(event.globalPos())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._entries.ids and self.empty_words:
            painter = QPainter(self.viewport())
            painter.setPen(QColor(self._icons.colours.dim))
            painter.drawText(QRectF(self.viewport().rect()), Qt.AlignmentFlag.AlignCenter, self.empty_words)

    @Slot(QModelIndex)
    def _on_double_clicked(self, _index: QModelIndex) -> None:
        self.open_wished.emit()
