"""The row of cards: keys, wheel, and dragging what waits to another place."""

from PySide6.QtCore import QModelIndex, QPoint, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QListView

from img2model_desktop.gui.history.card import CARD
from img2model_desktop.gui.history.jobs import MIME
from img2model_desktop.gui.icons import Icons

_KEYS = {
    Qt.Key.Key_Return: "open",
    Qt.Key.Key_Enter: "open",
    Qt.Key.Key_Delete: "stop",
    Qt.Key.Key_Backspace: "stop",
    Qt.Key.Key_Escape: "leave",
    Qt.Key.Key_H: "hold",
    Qt.Key.Key_T: "retry",
    Qt.Key.Key_I: "happened",
}
_ALT_KEYS = {Qt.Key.Key_Left: "earlier", Qt.Key.Key_Right: "later", Qt.Key.Key_Home: "front"}
_NEAR_END = 4  # cards before the end, at which the next page comes


class Strip(QListView):
    """Cards in a row; the wheel scrolls sideways.

    Signals:
        wished: (str) a key was pressed: "open", "stop", "leave", "hold", "retry", "happened", "earlier", "later" or
            "front".
    """

    wished = Signal(str)

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self.setObjectName("strip")
        self.setAccessibleName("Jobs: what runs, what waits in its order, what has ended")
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setSelectionMode(QListView.SelectionMode.SingleSelection)
        self.setDragDropMode(QListView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self._gap: int | None = None  # where the cards that are dragged would go
        self.setFixedHeight(CARD.height() + 16)
        self.horizontalScrollBar().valueChanged.connect(self._on_scrolled)
        self.horizontalScrollBar().rangeChanged.connect(self._on_scrolled)

    def sizeHint(self) -> QSize:
        return QSize(400, CARD.height() + 16)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta()
        by = turned.x() if abs(turned.x()) > abs(turned.y()) else turned.y()
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - by)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, modifiers = Qt.Key(event.key()), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        keys = {Qt.KeyboardModifier.NoModifier: _KEYS, Qt.KeyboardModifier.AltModifier: _ALT_KEYS}.get(modifiers, {})
        if key in keys:
            self.wished.emit(keys[key])
        else:
            super().keyPressEvent(event)

    # What waits is dragged to another place; files that are dragged over the strip are the window's.

    def startDrag(self, _actions: Qt.DropAction) -> None:
        index = self.currentIndex()
        if not index.flags() & Qt.ItemFlag.ItemIsDragEnabled:
            return
        card = self.viewport().grab(self.visualRect(index).adjusted(0, 0, -8, 0))
        small = card.scaledToHeight(card.height() // 2, Qt.TransformationMode.SmoothTransformation)
        drag = QDrag(self)
        drag.setMimeData(self.model().mimeData([index]))
        drag.setPixmap(small)
        drag.setHotSpot(QPoint(-12, -6))  # beside the pointer: the mark where it would go stays in sight
        drag.exec(Qt.DropAction.MoveAction)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        super().dragEnterEvent(event)
        self._show_gap(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        super().dragMoveEvent(event)  # scrolls at the edges
        self._show_gap(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        super().dragLeaveEvent(event)
        self._gap = None
        self.viewport().update()

    def dropEvent(self, event: QDropEvent) -> None:
        self._gap = None
        self.viewport().update()
        if not event.mimeData().hasFormat(MIME):
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.MoveAction)
        event.accept()
        number = self._number_at(event.position().toPoint())
        self.model().dropMimeData(event.mimeData(), Qt.DropAction.MoveAction, number, 0, QModelIndex())

    def _show_gap(self, event: QDragMoveEvent) -> None:
        """Marks where the cards would go, and says whether they can."""
        if event.mimeData().hasFormat(MIME):
            event.setDropAction(Qt.DropAction.MoveAction)
            event.accept()
            self._gap = self._number_at(event.position().toPoint())
            self.viewport().update()
        else:
            event.ignore()

    def _number_at(self, at: QPoint) -> int:
        """Before which card something that is let go here would stand."""
        index = self.indexAt(at)
        if not index.isValid():
            return self.model().rowCount()
        return index.row() + (at.x() > self.visualRect(index).left() + CARD.width() / 2)

    def _paint_gap(self, number: int) -> None:
        last = self.model().rowCount() - 1
        rect = self.visualRect(self.model().index(min(number, last), 0))
        x = rect.left() - 5 if number <= last else rect.left() + CARD.width() + 3
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._icons.colours.focus))
        painter.drawRoundedRect(QRectF(max(x, 0), rect.top() + 2, 3, CARD.height() - 4), 1.5, 1.5)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._gap is not None and self.model().rowCount():
            self._paint_gap(self._gap)
        if self.model() is not None and not self.model().rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(QColor(self._icons.colours.dim))
            room = QRectF(self.viewport().rect())
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, "What you make is kept here, with its settings.")

    @Slot()
    def _on_scrolled(self) -> None:
        bar, model = self.horizontalScrollBar(), self.model()
        if model is not None and bar.value() >= bar.maximum() - _NEAR_END * CARD.width():
            root = self.rootIndex()
            if model.canFetchMore(root):
                model.fetchMore(root)
