"""The filters of the library: one line at any width; what finds no room in it is in the menu behind its last button."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, Signal, Slot
from PySide6.QtGui import QActionGroup, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QMenu,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from img2model_desktop.gui.controls import CalmComboBox

GAP = 4
ASIDE_PX = 36
"""What a box needs beside its words: the arrow, and room at both ends."""

WIDEST_PX = 140


class FilterBox(CalmComboBox):
    """A filter that is off where its first choice is chosen; it then shows its name.

    Args:
        name: of what is filtered by.
        tip: one sentence about it.
        nothing: its first choice.
    """

    def __init__(self, name: str, tip: str, nothing: str) -> None:
        super().__init__()
        self._name = name
        self.setObjectName("filter")
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setSizeAdjustPolicy(CalmComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.addItem(nothing, None)

    @property
    def name(self) -> str:
        """Of what is filtered by."""
        return self._name

    @property
    def is_on(self) -> bool:
        """Whether it filters."""
        return self.currentIndex() > 0

    @property
    def words(self) -> str:
        """What it shows."""
        return self.currentText() if self.is_on else self._name

    @property
    def fitting_px(self) -> int:
        """How wide it has to be."""
        return min(self.fontMetrics().horizontalAdvance(self.words) + ASIDE_PX, WIDEST_PX)

    def mark(self) -> None:
        """Shows by its colours whether it is on."""
        _mark(self, self.is_on)

    def showPopup(self) -> None:
        list_ = self.view()  # which may need more room than the name
        list_.setMinimumWidth(list_.sizeHintForColumn(0) + ASIDE_PX)
        super().showPopup()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - Qt's signature
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self.words  # type: ignore[attr-defined,unused-ignore] # the stubs lack it
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()


class FilterRow(QWidget):
    """The filters side by side, those at the end in a menu where they find no room; those that are on go there last.

    Args:
        boxes: in their order.

    Signals:
        cleared: () the user wants none of them.
    """

    cleared = Signal()

    def __init__(self, boxes: Sequence[FilterBox]) -> None:
        super().__init__()
        self.boxes = tuple(boxes)
        self.more = QPushButton("More")
        self.more.setObjectName("filter")
        self.more.setToolTip("More filters")
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill)
        self.more.setMenu(self._menu)
        self.clear_button = QPushButton("Clear")
        self.clear_button.setObjectName("small")
        self.clear_button.setToolTip("Show everything again")
        self.clear_button.setAccessibleName("Clear filters")
        for widget in (*self.boxes, self.more, self.clear_button):
            widget.setParent(self)
        for box in self.boxes:
            box.currentIndexChanged.connect(self.place)
        self.clear_button.clicked.connect(self.cleared)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.place()

    @property
    def hidden(self) -> tuple[FilterBox, ...]:
        """Those that are in the menu."""
        return tuple(box for box in self.boxes if box.isHidden())

    @Slot()
    def place(self) -> None:
        """Puts everything where it goes."""
        is_narrowed = any(box.is_on for box in self.boxes)
        shown = self._fitting(self.width() - is_narrowed * (self.clear_button.sizeHint().width() + GAP))
        away = [box for box in self.boxes if box not in shown]
        on = sum(box.is_on for box in away)
        self.more.setText(_more(on))
        self.more.setAccessibleName("More filters" + (f", {on} of them on" if on else ""))
        _mark(self.more, on > 0)
        for box in self.boxes:
            box.setVisible(box in shown)
            box.mark()
        self.more.setVisible(bool(away))
        self.clear_button.setVisible(is_narrowed)
        x, height = 0, max(box.sizeHint().height() for box in self.boxes)
        widths: list[tuple[QWidget, int]] = [(box, box.fitting_px) for box in shown]
        if away:
            widths.append((self.more, self._more_px(on)))
        if is_narrowed:
            widths.append((self.clear_button, self.clear_button.sizeHint().width()))
        for one, width in widths:
            one.setGeometry(x, 0, width, height)
            x += width + GAP
        self.setFixedHeight(height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.place()

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.Polish, QEvent.Type.LayoutRequest):
            self.place()
        return super().event(event)

    def _fitting(self, room: int) -> list[FilterBox]:
        """Those that stay in the line."""
        shown = list(self.boxes)
        if _length(shown) <= room:
            return shown
        is_full, on = True, 0
        while shown and is_full:
            off = [box for box in shown if not box.is_on]
            on += not off
            shown.remove((off or shown)[-1])
            is_full = _length(shown) + GAP + self._more_px(on) > room
        return shown

    def _more_px(self, on: int) -> int:
        return self.more.fontMetrics().horizontalAdvance(_more(on)) + ASIDE_PX

    @Slot()
    def _fill(self) -> None:
        """Writes the menu: a list for each filter that is in it."""
        self._menu.clear()
        for box in self.hidden:
            own = self._menu.addMenu(f"{box.name}: {box.currentText()}" if box.is_on else box.name)
            choices = QActionGroup(own)
            for number in range(box.count()):
                choice = own.addAction(box.itemText(number))
                choice.setCheckable(True)
                choice.setChecked(number == box.currentIndex())
                choice.triggered.connect(partial(self._choose, box, number))
                choices.addAction(choice)

    def _choose(self, box: FilterBox, number: int, checked: bool = True) -> None:  # noqa: ARG002 - of the signal
        box.setCurrentIndex(number)


def _more(on: int) -> str:
    return f"More ({on})" if on else "More"


def _length(boxes: Sequence[FilterBox]) -> int:
    return sum(box.fitting_px + GAP for box in boxes) - GAP


def _mark(widget: QWidget, is_on: bool) -> None:
    if widget.property("on") != is_on:
        widget.setProperty("on", is_on)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
