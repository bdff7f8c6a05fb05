"""Unit and upward axis of an opened mesh, for files that do not say them: the commonest reason for a wrong size."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from img2model_desktop.core.request import Request
from img2model_desktop.gui.controls import Segments, label
from img2model_desktop.gui.theme import SPACE

SILENT_SUFFIXES = (".obj", ".stl", ".ply", ".off")
_UNITS = (("mm", "Slicers, CAD"), ("cm", "Maya, 3ds Max"), ("m", "Blender, Unity, scanners"), ("in", "Inches"))
_UPS = (("y", "Y up", "Games, Maya, scanners"), ("z", "Z up", "Blender, CAD, slicers"))


class ReadAsForm(QWidget):
    """Has the file read again in another unit or with another axis up.

    Signals:
        read_wished: (object) the Request that opens it so.
    """

    read_wished = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._request = Request()
        self.unit = Segments([(unit, unit, tip) for unit, tip in _UNITS], "Unit of the file")
        self.up = Segments(_UPS, "Axis of the file that points up")
        self.button = QPushButton("Read again")
        self.button.setToolTip("Opens the file again like this, as another card; edits of this one stay with it")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(SPACE)
        grid.setColumnMinimumWidth(0, 72)
        grid.setColumnStretch(1, 1)
        for row, (title, control) in enumerate((("Unit", self.unit), ("Up", self.up), ("", self.button))):
            if title:
                caption = label(title, "dim")
                caption.setBuddy(control)
                grid.addWidget(caption, row, 0)
            grid.addWidget(control, row, 1)
        self.button.clicked.connect(self._on_clicked)

    def show_request(self, request: Request) -> bool:
        """Shows how a file was read; whether that was open at all."""
        is_other, self._request = request != self._request, request
        if is_other:
            self.unit.set_value(request.mesh_unit or "mm")
            self.up.set_value(request.mesh_up or "y")
        return Path(request.mesh).suffix.lower() in SILENT_SUFFIXES

    @Slot()
    def _on_clicked(self) -> None:
        self.read_wished.emit(replace(self._request, mesh_unit=self.unit.value, mesh_up=self.up.value))
