"""Small buttons in as many lines as they need: the tags and collections of what is chosen."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QWidget

GAP = 4


class Chips(QWidget):
    """Names, each to be taken away with a click.

    Args:
        tip: tool tip of each, with `{}` for its name.

    Signals:
        removed: (str) the user takes this one away.
    """

    removed = Signal(str)

    def __init__(self, tip: str) -> None:
        super().__init__()
        self._tip = tip
        self._chips: list[QPushButton] = []

    @property
    def names(self) -> tuple[str, ...]:
        """What is shown."""
        return tuple(chip.property("name") for chip in self._chips)

    def chip(self, name: str) -> QPushButton:
        """The button of one name."""
        return next(chip for chip in self._chips if chip.property("name") == name)

    def show_names(self, names: tuple[str, ...]) -> None:
        """Shows these instead."""
        if names == self.names:
            return
        for chip in self._chips:
            chip.hide()
            chip.deleteLater()
        self._chips = [self._made(name) for name in names]
        self._place()
        self.setVisible(bool(names))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _made(self, name: str) -> QPushButton:
        made = QPushButton(f"{name}  ×", self)
        made.setObjectName("chip")
        made.setProperty("name", name)
        made.setToolTip(self._tip.format(name))
        made.setAccessibleName(self._tip.format(name))
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.clicked.connect(lambda: self.removed.emit(name))
        made.show()
        return made

    def _place(self) -> None:
        """Puts them side by side, and into a new line where there is no room."""
        x = y = height = 0
        for chip in self._chips:
            size: QSize = chip.sizeHint()
            width = min(size.width(), max(self.width(), 40))
            if x and x + width > self.width():
                x, y = 0, y + height + GAP
            chip.setGeometry(x, y, width, size.height())
            x, height = x + width + GAP, size.height()
        self.setFixedHeight(y + height if self._chips else 0)
