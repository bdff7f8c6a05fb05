"""The small bar that moves the plane of a section."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from img2model_desktop.core.section import AXES, Plane
from img2model_desktop.gui.controls import Segments
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.view.ruler import place_on_axis

STEPS = 1000


class SectionBar(QFrame):
    """Axis, place and side of a section.

    Signals:
        plane_wished: (object) the `Plane` that the user wants.
        axis_wished: (int) the user wants a plane across this axis.
        closed: the user wants no section.
    """

    plane_wished = Signal(object)
    axis_wished = Signal(int)
    closed = Signal()

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("floating")
        self._icons = icons
        self._plane = Plane(0, 0.0)
        self._low = np.zeros(3)
        self._high = np.ones(3)
        self.axis = Segments([(axis, axis.upper(), f"Cut across the {axis} axis") for axis in AXES], "Axis of the cut")
        self.axis.setFixedWidth(96)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setPageStep(STEPS // 20)
        self.slider.setMinimumWidth(72)
        self.slider.setAccessibleName("Place of the cut")
        self._value = QLabel()
        self._value.setProperty("tone", "value")
        self._value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._value.setFixedWidth(self._value.fontMetrics().horizontalAdvance("−0000.0 mm"))
        self.flip = self._button("flip", "Keep the other side")
        self.close_button = self._button("close", "End the section (X)")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 6, 6, 6)
        row.setSpacing(8)
        row.addWidget(self.axis)
        row.addWidget(self.slider, 1)
        row.addWidget(self._value)
        row.addWidget(self.flip)
        row.addWidget(self.close_button)
        self.setFixedHeight(46)
        self.axis.chosen.connect(lambda name: self.axis_wished.emit(AXES.index(name)))
        self.slider.valueChanged.connect(self._on_moved)
        self.flip.clicked.connect(self._on_flipped)
        self.close_button.clicked.connect(self.closed)
        self.retint()

    def show_plane(self, plane: Plane, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        """What is cut: the plane, and the corners of the mesh's box, metres."""
        self._plane, self._low, self._high = plane, low, high
        self.axis.set_value(AXES[plane.axis])
        begin, end = self._range()
        self.slider.blockSignals(True)
        self.slider.setValue(round(STEPS * (plane.at_m - begin) / (end - begin)))
        self.slider.blockSignals(False)
        self._value.setText(place_on_axis(plane.at_m))

    def retint(self) -> None:
        """The icons in the theme's colours."""
        self.flip.setIcon(self._icons.icon("flip"))
        self.close_button.setIcon(self._icons.icon("close"))

    def sizeHint(self) -> QSize:
        """Long enough to aim with the slider."""
        return QSize(460, 46)

    def _range(self) -> tuple[float, float]:
        low, high = float(self._low[self._plane.axis]), float(self._high[self._plane.axis])
        return (low, high) if high > low else (low - 1e-6, high + 1e-6)

    @Slot(int)
    def _on_moved(self, value: int) -> None:
        begin, end = self._range()
        plane = Plane(self._plane.axis, begin + (end - begin) * value / STEPS, self._plane.keeps_high)
        self.plane_wished.emit(plane)

    @Slot()
    def _on_flipped(self) -> None:
        self.plane_wished.emit(Plane(self._plane.axis, self._plane.at_m, not self._plane.keeps_high))

    def _button(self, name: str, text: str) -> QToolButton:
        made = QToolButton()
        made.setObjectName(name)
        made.setToolTip(text)
        made.setAccessibleName(text)
        made.setIconSize(QSize(16, 16))
        made.setFixedSize(28, 28)
        return made
