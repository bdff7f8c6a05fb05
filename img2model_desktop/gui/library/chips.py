"""Things in as many lines as they need: the tags and collections of what is chosen."""

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QWidget

GAP = 4


class Flow(QWidget):
    """Widgets side by side, the next ones in a new line where there is no room."""

    def __init__(self) -> None:
        super().__init__()
        self._widgets: list[QWidget] = []

    def set_widgets(self, widgets: list[QWidget]) -> None:
        """Shows these, which belong to this one from then on."""
        self._widgets = widgets
        for widget in widgets:
            widget.setParent(self)
        self.place()

    def place(self) -> None:
        """Puts them where they go; to be called when one is shown, hidden or of another size."""
        x = y = height = 0
        for widget in self._widgets:
            if widget.isHidden():
                continue
            size: QSize = widget.sizeHint().expandedTo(widget.minimumSize()).boundedTo(widget.maximumSize())
            width = min(size.width(), max(self.width(), 40))
            if x and x + width > self.width():
                x, y, height = 0, y + height + GAP, 0
            widget.setGeometry(x, y, width, size.height())
            x, height = x + width + GAP, max(height, size.height())
        self.setFixedHeight(y + height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.place()

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.LayoutRequest:  # one of them has another size now
            self.place()
        return super().event(event)


class Chips(Flow):
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
        self.set_widgets(list(self._chips))
        for chip in self._chips:
            chip.show()
        self.place()
        self.setVisible(bool(names))

    def _made(self, name: str) -> QPushButton:
        made = QPushButton(f"{name}  ×", self)
        made.setObjectName("chip")
        made.setProperty("name", name)
        made.setToolTip(self._tip.format(name))
        made.setAccessibleName(self._tip.format(name))
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.clicked.connect(lambda: self.removed.emit(name))
        return made
