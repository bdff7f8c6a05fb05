"""The form for the options of an engine or an operation, made from its option record."""

from collections.abc import Container, Mapping
from dataclasses import Field, fields
from typing import Any

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLineEdit, QToolButton, QWidget

from img2model_desktop.core.options import Option, about, build
from img2model_desktop.core.request import OptionValue
from img2model_desktop.gui.controls import NumberField, Segments, label
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import SPACE

Control = NumberField | QCheckBox | QComboBox | Segments | QLineEdit

_SEGMENTS_UP_TO = 3  # more choices than this become a list
_NARROW_LETTERS = 13  # and where there is little room so do choices with more letters together
_CAPTION_PX, _NARROW_CAPTION_PX = 112, 72
_OPEN_LOW, _OPEN_HIGH = 0.0, 1_000_000.0  # for numbers whose range is open


class OptionsForm(QWidget):
    """Shows an option record; remembers which options the user changed.

    Only changed options are handed on: the others follow the preset, or stay at their defaults.

    Args:
        record: frozen dataclass whose fields are made by `core.options.option`.
        icons: for the buttons that take a change back.
        preset: what unchanged options are, instead of their defaults.
        names: of the options to show; None for all.
        back_to: what a change is taken back to, in words.
        is_narrow: there is little room: long labels take two lines, long choices become lists.

    Signals:
        changed: the user changed or reset an option.
    """

    changed = Signal()

    def __init__(
        self,
        record: type,
        icons: Icons,
        preset: Mapping[str, OptionValue] | None = None,
        names: Container[str] | None = None,
        back_to: str = "what it was",
        is_narrow: bool = False,
    ) -> None:
        super().__init__()
        self._record = record
        self._preset = dict(preset or {})
        self._back_to = back_to
        self._is_narrow = is_narrow
        self._icons = icons
        self._given: dict[str, OptionValue] = {}
        self._controls: dict[str, Control] = {}
        self._resets: dict[str, QToolButton] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACE)
        self._grid.setVerticalSpacing(SPACE)
        self._grid.setColumnMinimumWidth(0, _NARROW_CAPTION_PX if is_narrow else _CAPTION_PX)
        self._grid.setColumnMinimumWidth(2, 20)
        self._grid.setColumnStretch(1, 1)
        for item in fields(record):
            if names is None or item.name in names:
                self._add(item)
        self._show()

    @property
    def is_empty(self) -> bool:
        return not self._controls

    def given(self) -> dict[str, OptionValue]:
        """The options that the user changed, by name."""
        return dict(self._given)

    def set_given(self, given: dict[str, OptionValue]) -> None:
        """Shows these changes instead of the ones there are; names that the record does not have are dropped."""
        self._given = {name: value for name, value in given.items() if name in self._controls}
        self._show()

    def set_preset(self, preset: Mapping[str, OptionValue]) -> None:
        """Another preset: options that the user did not change follow it."""
        self._preset = dict(preset)
        self._show()

    def control(self, name: str) -> Control:
        """The control of one option."""
        return self._controls[name]

    def reset_button(self, name: str) -> QToolButton:
        """The button that takes back the change of one option."""
        return self._resets[name]

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        for button in self._resets.values():
            button.setIcon(self._icons.icon("undo", self._icons.colours.dim))

    def _add(self, item: "Field[Any]") -> None:
        described = about(item)
        row = self._grid.rowCount()
        control = _control(item, described, self._is_narrow)
        control.setToolTip(described.help)
        if not isinstance(control, (NumberField, Segments)):
            control.setAccessibleName(described.label)
        control.setAccessibleDescription(described.help)
        name = item.name
        if isinstance(control, NumberField):
            control.changed.connect(lambda value: self._on_changed(name, _number(item, value)))
        elif isinstance(control, QCheckBox):
            control.toggled.connect(lambda value: self._on_changed(name, value))
        elif isinstance(control, QComboBox):
            control.activated.connect(lambda: self._on_changed(name, str(control.currentData())))
        elif isinstance(control, Segments):
            control.chosen.connect(lambda value: self._on_changed(name, value))
        else:
            control.textEdited.connect(lambda value: self._on_changed(name, value))
        caption = label(described.label, "dim")
        caption.setToolTip(described.help)
        caption.setBuddy(control)
        if self._is_narrow:
            caption.setWordWrap(True)
            caption.setFixedWidth(_NARROW_CAPTION_PX)
        reset = QToolButton()
        reset.setProperty("reset", True)
        reset.setIconSize(QSize(16, 16))
        reset.setFixedSize(20, 20)
        reset.setToolTip(f"{described.label}: back to {self._back_to}")
        reset.setAccessibleName(f"Reset {described.label}")
        keeps_place = reset.sizePolicy()
        keeps_place.setRetainSizeWhenHidden(True)
        reset.setSizePolicy(keeps_place)
        reset.clicked.connect(lambda: self._on_reset(name))
        self._grid.addWidget(caption, row, 0, Qt.AlignmentFlag.AlignVCenter)
        self._grid.addWidget(control, row, 1)
        self._grid.addWidget(reset, row, 2)
        self._controls[name] = control
        self._resets[name] = reset

    def _show(self) -> None:
        values = build(self._record, "This form", self._given, self._preset)
        for name, control in self._controls.items():
            _set(control, getattr(values, name))
            self._resets[name].setVisible(name in self._given)
        self.retint()

    def _on_changed(self, name: str, value: OptionValue) -> None:
        self._given[name] = value
        self._resets[name].setVisible(True)
        self.changed.emit()

    def _on_reset(self, name: str) -> None:
        self._given.pop(name, None)
        self._show()
        self.changed.emit()


def _control(item: "Field[Any]", described: Option, is_narrow: bool) -> Control:
    if isinstance(item.default, bool):
        return QCheckBox()
    if isinstance(item.default, (int, float)):
        whole = isinstance(item.default, int)
        low = _OPEN_LOW if described.low is None else described.low
        high = _OPEN_HIGH if described.high is None else described.high
        step = described.step or (1.0 if whole else (high - low) / 100)
        return NumberField(described.label, low, high, step, described.unit, whole)
    has_room = not is_narrow or sum(len(value) for value in described.choices) <= _NARROW_LETTERS
    if 0 < len(described.choices) <= _SEGMENTS_UP_TO and has_room:
        return Segments([(value, value.capitalize(), "") for value in described.choices], described.label)
    if described.choices:
        box = QComboBox()
        for value in described.choices:
            box.addItem(value.capitalize(), value)
        return box
    return QLineEdit()


def _set(control: Control, value: OptionValue) -> None:
    if isinstance(control, NumberField):
        control.set_value(float(value))
    elif isinstance(control, Segments):
        control.set_value(str(value))
    else:
        with QSignalBlocker(control):
            if isinstance(control, QCheckBox):
                control.setChecked(bool(value))
            elif isinstance(control, QComboBox):
                control.setCurrentIndex(control.findData(str(value)))
            else:
                control.setText(str(value))


def _number(item: "Field[Any]", value: float) -> OptionValue:
    return round(value) if isinstance(item.default, int) else round(value, 6)
