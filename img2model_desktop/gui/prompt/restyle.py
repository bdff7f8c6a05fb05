"""The line under a picture in which words redraw it before it becomes a mesh."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget

from img2model_desktop.gui.theme import SPACE

PLACEHOLDER = "Redraw it first, such as “as a clay figure”"


class RestyleLine(QWidget):
    """Words that redraw the picture in use; empty leaves it as it is.

    Signals:
        changed: other words.
        pictures_wished: the user wants redrawn pictures to pick from.
    """

    changed = Signal()
    pictures_wished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.edit = QLineEdit()
        self.edit.setAccessibleName("Redraw by words")
        self.edit.setClearButtonEnabled(True)
        self.button = QPushButton("Redraw")
        self.button.setAccessibleName("Redraw the picture")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        row.addWidget(self.edit, 1)
        row.addWidget(self.button)
        self.edit.textChanged.connect(lambda: self.changed.emit())
        self.edit.returnPressed.connect(self._on_wished)
        self.button.clicked.connect(self._on_wished)
        self.set_missing("No picture maker that redraws is ready yet.")

    @property
    def words(self) -> str:
        """What the picture shall become, or "" to take it as it is."""
        return self.edit.text().strip() if self.edit.isEnabled() else ""

    def set_missing(self, reason: str) -> None:
        """Why nothing can redraw pictures, one sentence, or ""."""
        self.edit.setEnabled(not reason)
        self.edit.setPlaceholderText("Redrawing needs a pipeline" if reason else PLACEHOLDER)
        self.edit.setToolTip(reason or "Empty: the picture is taken as it is")
        self.changed.emit()

    def set_reason(self, reason: str) -> None:
        """Why the button is switched off, or ""."""
        self.button.setEnabled(not reason)
        self.button.setToolTip(reason or "Make redrawn pictures to pick from")

    @Slot()
    def _on_wished(self) -> None:
        if self.button.isEnabled():
            self.pictures_wished.emit()
