"""The place from which a result is dragged out of the window."""

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QDrag, QEnterEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel

from img2model_desktop.gui.controls import label
from img2model_desktop.gui.icons import Icons


class DragHandle(QFrame):
    """Takes the result to another program or to the file manager.

    The file is made when the pointer comes near, so that it is there when the drag begins.

    Signals:
        wished: the file is wanted now.
    """

    wished = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("handle")
        self._icons = icons
        self._files: tuple[Path, ...] = ()
        self._pressed: QPoint | None = None
        self._icon = QLabel()
        self._text = label("", "dim", wrap=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 8)
        row.setSpacing(8)
        row.addWidget(self._icon)
        row.addWidget(self._text, 1)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Drag the result out")
        self.setToolTip("Drag this into another program or a folder.\nWith the keyboard: Ctrl+C copies the file.")
        self.say("Drag out as a file")

    @property
    def files(self) -> tuple[Path, ...]:
        """What a drag would carry; empty while it is not ready."""
        return self._files

    def say(self, text: str) -> None:
        self._text.setText(text)

    def set_files(self, files: tuple[Path, ...]) -> None:
        """What a drag carries from now on."""
        self._files = files

    def mime(self) -> QMimeData:
        """The files as a drag or the clipboard carries them."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in self._files])
        return data

    def retint(self) -> None:
        """The icon again, in the theme's colours."""
        self._icon.setPixmap(self._icons.pixmap("drag", 20, self._icons.colours.dim, self.devicePixelRatioF()))

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        if self.isEnabled():
            self.wished.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = event.position().toPoint()
        self.wished.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        far = (event.position().toPoint() - self._pressed).manhattanLength() >= QApplication.startDragDistance()
        if far and self._files:
            self._pressed = None
            drag = QDrag(self)
            drag.setMimeData(self.mime())
            drag.setPixmap(self._icons.pixmap("mesh", 32, self._icons.colours.focus, self.devicePixelRatioF()))
            drag.exec(Qt.DropAction.CopyAction)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_C and event.modifiers() & Qt.KeyboardModifier.ControlModifier and self._files:
            QApplication.clipboard().setMimeData(self.mime())
            self.say("Copied: paste it in a folder")
        elif event.key() == Qt.Key.Key_C and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.wished.emit()
        else:
            super().keyPressEvent(event)
