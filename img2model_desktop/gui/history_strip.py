"""The row of cards: keys, wheel, and dragging what waits to another place."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QDragEnterEvent, QDragMoveEvent, QKeyEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QListView

from img2model_desktop.gui.history_card import CARD
from img2model_desktop.gui.history_model import MIME
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
        self.setDragDropMode(QListView.DragDropMode.InternalMove)
        self.setMovement(QListView.Movement.Static)
        self.setDragEnabled(True)
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

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(MIME):
            super().dragEnterEvent(event)
        else:
            event.ignore()  # files are the window's

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasFormat(MIME):
            super().dragMoveEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
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
