"""The small controls that the panels are made of: a choice in segments, a number with a slider, a fold."""

import math
from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import SPACE

_SLIDER_STEPS = 1000
_LOGARITHMIC_FROM = 100.0  # a range whose ends are this far apart is felt in factors, not in differences


def label(text: str, tone: str = "", wrap: bool = False) -> QLabel:
    """A label in one of the style sheet's tones: dim, title, value, good, warn, bad."""
    made = QLabel(text)
    made.setProperty("tone", tone)
    made.setWordWrap(wrap)
    made.setTextFormat(Qt.TextFormat.PlainText)
    return made


def set_tone(widget: QWidget, tone: str) -> None:
    """Another tone for a label that is already shown."""
    if widget.property("tone") != tone:
        widget.setProperty("tone", tone)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class ElidedLabel(QLabel):
    """One line that ends in an ellipsis where there is no room; the whole text is its tool tip."""

    def __init__(self, tone: str) -> None:
        super().__init__()
        self.setProperty("tone", tone)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_text(self, text: str) -> None:
        """Another text."""
        self.setText(text)
        self.setToolTip(text)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - Qt's signature
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        room = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


def rule() -> QFrame:
    """A hairline."""
    line = QFrame()
    line.setObjectName("rule")
    return line


class Segments(QFrame):
    """One choice among a few, all of them visible.

    Args:
        choices: `(value, label, help)` of each.
        name: for screen readers.

    Signals:
        chosen: the user chose this value.
    """

    chosen = Signal(str)

    def __init__(self, choices: Sequence[tuple[str, str, str]], name: str) -> None:
        super().__init__()
        self.setObjectName("segments")
        self.setAccessibleName(name)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(2)
        for value, text, help_text in choices:
            button = QToolButton()
            button.setText(text)
            button.setToolTip(help_text)
            button.setCheckable(True)
            button.setAccessibleName(f"{name}: {text}")
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            button.setMinimumHeight(24)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self._group.addButton(button)
            self._buttons[value] = button
            row.addWidget(button)
        next(iter(self._buttons.values())).setChecked(True)
        self._group.buttonToggled.connect(self._on_toggled)

    @property
    def value(self) -> str:
        return next(value for value, button in self._buttons.items() if button.isChecked())

    def set_value(self, value: str) -> None:
        """Shows a choice without a signal; an unknown one leaves the choice as it is."""
        if value in self._buttons:
            with QSignalBlocker(self._group):
                self._buttons[value].setChecked(True)

    def button(self, value: str) -> QToolButton:
        """The button of one choice."""
        return self._buttons[value]

    @Slot(object, bool)
    def _on_toggled(self, button: QToolButton, checked: bool) -> None:
        if checked:
            self.chosen.emit(next(value for value, other in self._buttons.items() if other is button))


class CalmSlider(QSlider):
    """A slider that leaves the wheel to the panel around it, so that scrolling a form changes nothing in it."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class CalmComboBox(QComboBox):
    """A list that leaves the wheel to the panel around it."""

    def wheelEvent(self, event: object) -> None:
        event.ignore()  # type: ignore[attr-defined]  # every event that comes here has it


class CalmSpinBox(QSpinBox):
    """A field for a whole number that takes the wheel only while it has the focus."""

    def __init__(self) -> None:
        super().__init__()
        _align(self)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if _wants_wheel(self, event):
            super().wheelEvent(event)


class CalmDoubleSpinBox(QDoubleSpinBox):
    """A field for a number that takes the wheel only while it has the focus."""

    def __init__(self) -> None:
        super().__init__()
        _align(self)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if _wants_wheel(self, event):
            super().wheelEvent(event)


def _align(field: QAbstractSpinBox) -> None:
    field.setAlignment(Qt.AlignmentFlag.AlignRight)
    field.lineEdit().setTextMargins(4, 0, 4, 0)


def _wants_wheel(field: QAbstractSpinBox, event: QWheelEvent) -> bool:
    """Whether the wheel is for this field; it goes on to the panel around it otherwise."""
    if not field.hasFocus():
        event.ignore()
    return field.hasFocus()


class NumberField(QWidget):
    """A number: a slider to feel it, a field to say it.

    Args:
        name: for screen readers.
        low, high: inclusive range.
        step: of the arrow keys; a whole number makes the whole field one of whole numbers when `whole`.
        unit: shown after the number.
        whole: whether only whole numbers are allowed.

    Signals:
        changed: the user set this value.
    """

    changed = Signal(float)

    def __init__(self, name: str, low: float, high: float, step: float, unit: str = "", whole: bool = False) -> None:
        super().__init__()
        self._low, self._high = low, high
        self._logarithmic = low > 0 and high / low >= _LOGARITHMIC_FROM
        self._slider = CalmSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, _SLIDER_STEPS)
        self._slider.setMinimumWidth(48)
        self._slider.setAccessibleName(f"{name}, slider")
        self._field = _number_box(low, high, step, whole)
        self._field.setSuffix(f" {unit}" if unit else "")
        self._field.setFixedWidth(88)
        self._field.setAccessibleName(name)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        row.addWidget(self._slider, 1)
        row.addWidget(self._field)
        self.setFocusProxy(self._field)
        self._slider.valueChanged.connect(self._on_slid)
        self._field.valueChanged.connect(self._on_typed)

    @property
    def value(self) -> float:
        return float(self._field.value())

    @property
    def field(self) -> QSpinBox | QDoubleSpinBox:
        """The box that is typed into."""
        return self._field

    @property
    def slider(self) -> QSlider:
        return self._slider

    def set_value(self, value: float) -> None:
        """Shows a value without a signal; it is kept inside the range."""
        with QSignalBlocker(self._field), QSignalBlocker(self._slider):
            if isinstance(self._field, QSpinBox):
                self._field.setValue(round(value))
            else:
                self._field.setValue(value)
            self._slider.setValue(self._position(self.value))

    def _position(self, value: float) -> int:
        if self._logarithmic:
            share = math.log(max(value, self._low) / self._low) / math.log(self._high / self._low)
        else:
            share = (value - self._low) / (self._high - self._low)
        return round(share * _SLIDER_STEPS)

    @Slot(int)
    def _on_slid(self, position: int) -> None:
        share = position / _SLIDER_STEPS
        if self._logarithmic:
            value = self._low * (self._high / self._low) ** share
        else:
            value = self._low + (self._high - self._low) * share
        with QSignalBlocker(self._field):
            if isinstance(self._field, QSpinBox):
                self._field.setValue(round(_rounded(value)) if self._logarithmic else round(value))
            else:
                step = self._field.singleStep()
                self._field.setValue(_rounded(value) if self._logarithmic else round(value / step) * step)
        self.changed.emit(self.value)

    @Slot()
    def _on_typed(self) -> None:
        with QSignalBlocker(self._slider):
            self._slider.setValue(self._position(self.value))
        self.changed.emit(self.value)


def _number_box(low: float, high: float, step: float, whole: bool) -> QSpinBox | QDoubleSpinBox:
    """A field without arrow buttons: the slider is beside it, and the arrow keys work."""
    if whole:
        count = CalmSpinBox()
        count.setRange(round(low), round(high))
        count.setSingleStep(round(step))
        count.setGroupSeparatorShown(True)
        box: QSpinBox | QDoubleSpinBox = count
    else:
        number = CalmDoubleSpinBox()
        number.setDecimals(max(0, min(3, math.ceil(-math.log10(step)))) if step < 1 else 1)
        number.setRange(low, high)
        number.setSingleStep(step)
        box = number
    box.setKeyboardTracking(False)
    return box


def _rounded(value: float) -> float:
    """To two digits: a slider over factors gives 12 000, not 11 987."""
    if value <= 0:
        return value
    unit: float = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(value / unit) * unit


class Fold(QWidget):
    """A heading that shows and hides what is under it.

    Signals:
        opened: it was opened or closed by the user.
    """

    opened = Signal(bool)

    def __init__(self, title: str, content: QWidget, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._heading = QToolButton()
        self._heading.setObjectName("section")
        self._heading.setText(title)
        self._heading.setCheckable(True)
        self._heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._heading.setIconSize(QSize(16, 16))
        self._content = content
        self._content.setVisible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(self._heading)
        column.addWidget(self._content)
        self._heading.toggled.connect(self._on_toggled)

    @property
    def heading(self) -> QToolButton:
        return self._heading

    def retint(self) -> None:
        """The arrow again, in the theme's colours."""
        self._heading.setIcon(self._icons.icon("more" if self._heading.isChecked() else "less"))

    @Slot(bool)
    def _on_toggled(self, open_now: bool) -> None:
        self.retint()
        self._content.setVisible(open_now)
        self.opened.emit(open_now)
