"""The Export page of the right panel: the way out of the program."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from img2model_desktop.gui.check_page import SIZES_MM
from img2model_desktop.gui.controls import CalmComboBox, Fold, NumberField, Segments, label, rule, set_tone
from img2model_desktop.gui.drag_handle import DragHandle
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.latest_call import Caller, LatestCall
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.gui.workshop import Workshop
from img2model_desktop.gui.workshop_calls import save_mesh, save_report

if TYPE_CHECKING:  # they bring numpy, which the window's start does without
    from img2model_desktop.jobs.export import ExportOptions

FORMATS = (
    (".glb", "GLB", "One file with textures: games, web, Blender"),
    (".gltf", "glTF", "The same as a file of text with its data and pictures beside it"),
    (".obj", "OBJ", "Mesh, material and texture as three files: any 3D program"),
    (".stl", "STL", "Shape only: 3D printing"),
    (".ply", "PLY", "Shape with colours at the vertices: scanning and research"),
    (".3mf", "3MF", "3D printing, with its unit and texture"),
    (".usdz", "USDZ", "AR on iPhone and iPad, with textures"),
)
FIXED_UP = {".glb": "y", ".gltf": "y", ".usdz": "y", ".3mf": "z"}
"""Formats that leave no choice of axis and unit."""

_OWN = "Own settings"
_PER_UNIT = {"mm": 1000.0, "cm": 100.0, "in": 1000.0 / 25.4}
_DECIMALS = {"mm": 1, "cm": 2, "in": 2}
_UNITS = (("mm", "Slicers"), ("cm", "Maya, 3ds Max"), ("m", "Unity, Blender"), ("in", "Inches"))
_ORIGINS = (
    ("keep", "Keep", "Where it is in the program"),
    ("floor", "Floor", "In the middle of where it stands"),
    ("centre", "Centre", "In the middle of its box"),
)
_FACES = (1_000_000, 500_000, 200_000, 100_000, 50_000, 20_000, 10_000, 5_000)
_TEXTURES_PX = (8192, 4096, 2048, 1024, 512)


class ExportSection(QWidget):
    """How the mesh is saved, and what was saved.

    Signals:
        save_wished: the user wants to choose where to save.
        report_wished: the user wants to choose where to put the report.
        saved: (object) what was saved, an `Exported`.
        failed: (object) why not, a `Trouble`.
        folder_wished: (object) the Path of a saved file to show in its folder.
    """

    save_wished = Signal()
    report_wished = Signal()
    saved = Signal(object)
    failed = Signal(object)
    folder_wished = Signal(object)

    def __init__(self, caller: Caller, workshop: Workshop, icons: Icons, suffix: str, up: str) -> None:
        super().__init__()
        self.setObjectName("panel_page")
        self._icons = icons
        self._workshop = workshop
        self._saved: Path | None = None
        self._drag_folder: tempfile.TemporaryDirectory[str] | None = None
        self._dragged_as: tuple[Any, ...] = ()
        self._saving = LatestCall(caller, self)
        self._dragging = LatestCall(caller, self)
        self._reporting = LatestCall(caller, self)
        self._build()
        self.format.setCurrentIndex(max(0, self.format.findData(suffix)))
        self.up.set_value(up)
        self._connect()
        self._show_saved(None)
        self._update()

    # What the window asks

    @property
    def suffix(self) -> str:
        return str(self.format.currentData())

    @property
    def up_axis(self) -> str:
        """ "y" or "z"; formats that leave no choice give theirs."""
        return FIXED_UP.get(self.suffix, self.up.value)

    @property
    def can_save(self) -> bool:
        return self._workshop.mesh is not None

    def file_name(self) -> str:
        """What the file is called when nothing else is said."""
        row = self._workshop.row
        return f"{_file_stem(row.title if row else '')}{self.suffix}"

    def options(self) -> "ExportOptions":
        """How the mesh will be saved."""
        from img2model_desktop.jobs.export import ExportOptions

        is_fixed = self.suffix in FIXED_UP
        return ExportOptions(
            size_mm=self._workshop.wanted_size_mm,
            up="y" if is_fixed else self.up.value,
            unit="mm" if is_fixed else self.unit.value,
            origin=self.origin.value,
            faces=self.faces.currentData(),
            texture_px=self.texture.currentData(),
        )

    # What the window does

    def choose_format(self, suffix: str) -> None:
        """Another format."""
        if suffix != self.suffix:
            self.format.setCurrentIndex(max(0, self.format.findData(suffix)))

    def choose_preset(self, key: str) -> None:
        """The settings of a preset; the size stays the user's."""
        self._fill()
        self.preset.setCurrentIndex(max(0, self.preset.findData(key)))

    def save(self, out: Path) -> None:
        """Saves the mesh; `saved` or `failed` tells how it went."""
        mesh = self._workshop.mesh
        if mesh is None:
            return
        self._say(f"Saving “{out.name}”…", "dim")
        self.folder_button.setVisible(False)
        self._workshop.give_way()
        self._saving.ask(save_mesh, str(mesh), str(out), self.options())
        self._workshop.go_on()

    def save_report(self, out: str) -> None:
        """Writes a page about the mesh; `failed` tells if it could not be written."""
        row, mesh = self._workshop.row, self._workshop.mesh
        if row is not None and mesh is not None:
            self._say(f"Writing “{Path(out).name}”…", "dim")
            self._workshop.give_way()
            self._reporting.ask(save_report, str(mesh), out, row.title, self._workshop.conditions)
            self._workshop.go_on()

    def close_files(self) -> None:
        """Removes the files made for dragging."""
        if self._drag_folder is not None:
            self._drag_folder.cleanup()
            self._drag_folder = None

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self.save_button.setIcon(self._icons.icon("save", self._icons.colours.on_accent))
        self.folder_button.setIcon(self._icons.icon("folder"))
        self.report_button.setIcon(self._icons.icon("report"))
        self.handle.retint()
        self.more.retint()

    def showEvent(self, event: QShowEvent) -> None:
        self._fill()
        super().showEvent(event)

    # Building

    def _build(self) -> None:
        self._build_choices()
        self._build_ways_out()
        grid = _grid()
        for row, (title, control) in enumerate(
            (("For", self.preset), ("Format", self.format), ("Size", self.size_mm), ("", self._read_out()))
        ):
            _add(grid, row, title, control)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(SPACE)
        column.addLayout(grid)
        column.addWidget(self.more)
        for part in (self._losses, self.save_button, self._status, self.folder_button, self.handle):
            column.addWidget(part)
        column.addSpacing(4)
        column.addWidget(rule())
        column.addSpacing(4)
        column.addWidget(self.report_button)
        column.addStretch()

    def _build_choices(self) -> None:
        self.preset = _combo("What it is saved for", "Sets format, axis, unit, origin and limits as a program wants")
        self.preset.addItem(_OWN, "")
        self.format = _combo("Format", "")
        for suffix, title, tip in FORMATS:
            self.format.addItem(f"{title}  ({suffix})", suffix)
            self.format.setItemData(self.format.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.size_mm = NumberField("Longest side", *SIZES_MM, 1.0, "mm")
        self.size_mm.setToolTip("Longest side of the saved mesh")
        self.size_mm.set_value(100.0)
        self.up = Segments((("y", "Y up", "Games, glTF, Maya"), ("z", "Z up", "Blender, CAD, slicers")), "Up axis")
        self.unit = Segments([(unit, unit, tip) for unit, tip in _UNITS], "Unit of the file")
        self.origin = Segments(_ORIGINS, "Origin")
        self.faces = _combo("Triangles at most", "A mesh with more is reduced when it is saved")
        self.faces.addItem("All", None)
        for count in _FACES:
            self.faces.addItem(f"At most {count:,}", count)
        self.texture = _combo("Texture at most", "Larger textures are made smaller when it is saved")
        self.texture.addItem("As it is", None)
        for side in _TEXTURES_PX:
            self.texture.addItem(f"At most {side} px", side)
        content = QWidget()
        grid = _grid()
        content.setLayout(grid)
        for row, (title, control) in enumerate(
            (
                ("Up", self.up),
                ("Unit", self.unit),
                ("Origin", self.origin),
                ("Triangles", self.faces),
                ("Texture", self.texture),
            )
        ):
            _add(grid, row, title, control)
        self.more = Fold("Axis, unit, origin, limits", content, self._icons)

    def _build_ways_out(self) -> None:
        self._losses = label("", "warn", wrap=True)
        self._losses.setAccessibleName("What saving takes away")
        self.save_button = QPushButton("Save…")
        self.save_button.setIconSize(QSize(20, 20))
        self.save_button.setObjectName("primary")
        self._status = label("", "dim", wrap=True)
        self._status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.folder_button = QPushButton("Show in folder")
        self.folder_button.setToolTip("Show the saved file in the file manager")
        self.folder_button.setVisible(False)
        self.handle = DragHandle(self._icons)
        self.report_button = QPushButton("Report…")
        self.report_button.setIconSize(QSize(18, 18))

    def _read_out(self) -> QWidget:
        self._dimensions = label("–", "value", wrap=True)
        self._dimensions.setToolTip("Width × height × depth of the saved mesh, with Y up")
        self.shown_unit = Segments([(unit, unit, "") for unit in _PER_UNIT], "Unit of the read-out")
        for unit in _PER_UNIT:
            self.shown_unit.button(unit).setMinimumWidth(32)
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addWidget(self._dimensions)
        row = QHBoxLayout()
        row.addWidget(self.shown_unit)
        row.addStretch()
        column.addLayout(row)
        return made

    def _connect(self) -> None:
        workshop = self._workshop
        self.preset.currentIndexChanged.connect(self._on_preset_chosen)
        for box in (self.format, self.faces, self.texture):
            box.currentIndexChanged.connect(self._on_own_setting)
        for choice in (self.up, self.unit, self.origin):
            choice.chosen.connect(self._on_own_setting)
        self.shown_unit.chosen.connect(self._update)
        self.size_mm.changed.connect(workshop.set_size)
        self.save_button.clicked.connect(self.save_wished)
        self.report_button.clicked.connect(self.report_wished)
        self.folder_button.clicked.connect(lambda: self.folder_wished.emit(self._saved))
        self.handle.wished.connect(self._on_drag_wished)
        self._saving.answered.connect(self._on_saved)
        self._dragging.answered.connect(self._on_drag_ready)
        self._reporting.answered.connect(self._on_reported)
        workshop.result_changed.connect(lambda: self._show_saved(None))
        for signal in (workshop.edits_changed, workshop.size_changed, workshop.busy_changed):
            signal.connect(self._update)

    def _fill(self) -> None:
        """Lists the presets, once; not before they are seen, because they bring numpy."""
        if self.preset.count() > 1:
            return
        from img2model_desktop.jobs.presets import PRESETS

        with QSignalBlocker(self.preset):
            for preset in PRESETS:
                self.preset.addItem(preset.title, preset.key)
                self.preset.setItemData(self.preset.count() - 1, preset.summary, Qt.ItemDataRole.ToolTipRole)

    # Slots

    @Slot()
    def _on_preset_chosen(self) -> None:
        from img2model_desktop.jobs.presets import find

        key = str(self.preset.currentData())
        if not key:
            self.preset.setToolTip("")
            return
        preset = find(key)
        self.preset.setToolTip(preset.summary)
        with QSignalBlocker(self.format), QSignalBlocker(self.faces), QSignalBlocker(self.texture):
            self.format.setCurrentIndex(self.format.findData(preset.suffix))
            _choose(self.faces, preset.options.faces, "At most {:,}")
            _choose(self.texture, preset.options.texture_px, "At most {} px")
        self.up.set_value(preset.options.up)
        self.unit.set_value(preset.options.unit)
        self.origin.set_value(preset.options.origin)
        self._update()

    @Slot()
    def _on_own_setting(self) -> None:
        with QSignalBlocker(self.preset):
            self.preset.setCurrentIndex(0)
        self.preset.setToolTip("")
        self._update()

    @Slot()
    def _update(self) -> None:
        workshop = self._workshop
        has_mesh, free = self.can_save, not workshop.is_working
        for control in (self.size_mm, self.handle, self.report_button):
            control.setEnabled(has_mesh and free)
        self.save_button.setEnabled(has_mesh and free)
        why = "It is being worked on" if has_mesh else "There is no mesh to save yet."
        self.save_button.setToolTip("Save the mesh (Ctrl+S)" if has_mesh and free else why)
        self.report_button.setToolTip("A page with pictures, verdict and measures, to print" if has_mesh else why)
        tip = next(tip for suffix, _, tip in FORMATS if suffix == self.suffix)
        self.format.setToolTip(tip)
        self._show_fixed()
        self._show_size()
        self._show_losses()
        if self._dragged_as and self._dragged_as != self._drag_wish():
            self._dragged_as = ()
            self.handle.set_files(())
            self.handle.say("Drag out as a file")

    def _show_fixed(self) -> None:
        """Formats that leave no choice of axis and unit say so."""
        fixed, title = FIXED_UP.get(self.suffix), self.suffix[1:].upper()
        for control in (self.up, self.unit):
            control.setEnabled(fixed is None)
        if fixed is None:
            self.up.setToolTip("")
            self.unit.setToolTip("")
            return
        self.up.setToolTip(f"{title} is always {fixed.upper()} up; programs turn it themselves.")
        self.unit.setToolTip(f"{title} says its unit itself.")

    def _show_size(self) -> None:
        look, size = self._workshop.look, self._workshop.size_mm
        if size is not None:
            self.size_mm.set_value(size)
        known = look is not None and size is not None
        self._dimensions.setText(
            dimensions(look.size_m, size, self.shown_unit.value) if look is not None and size is not None else "–"
        )
        set_tone(self._dimensions, "value" if known else "dim")

    def _show_losses(self) -> None:
        look = self._workshop.look
        said: tuple[str, ...] = ()
        if look is not None:
            from img2model_desktop.jobs.export import losses

            known = (look.texture_px != 0, look.faces, look.texture_px or None)
            said = losses(self.suffix, self.options(), *known, flat_faces=look.flat_faces)
        self._losses.setText("\n".join(said))
        self._losses.setVisible(bool(said))

    @Slot(object, object)
    def _on_saved(self, exported: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self._say(f"{trouble.message} {trouble.advice}".strip(), "bad")
            self.failed.emit(trouble)
            return
        self._show_saved(exported.path)
        self.saved.emit(exported)

    @Slot(object, object)
    def _on_reported(self, path: str | None, trouble: Trouble | None) -> None:
        if trouble is not None or path is None:
            self._say("", "dim")
            self.failed.emit(trouble)
        else:
            self._show_saved(Path(path), "Report written")

    def _drag_wish(self) -> tuple[Any, ...]:
        return (str(self._workshop.mesh or ""), self.file_name(), self.options())

    @Slot()
    def _on_drag_wished(self) -> None:
        mesh = self._workshop.mesh
        if mesh is None or self._dragged_as == self._drag_wish():
            return
        if self._drag_folder is None:
            self._drag_folder = tempfile.TemporaryDirectory(prefix="img2model-", ignore_cleanup_errors=True)
        self._dragged_as = self._drag_wish()
        self.handle.set_files(())
        self.handle.say("Making the file…")
        self._workshop.give_way()
        self._dragging.ask(save_mesh, str(mesh), str(Path(self._drag_folder.name) / self.file_name()), self.options())
        self._workshop.go_on()

    @Slot(object, object)
    def _on_drag_ready(self, exported: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self._dragged_as = ()
            self.handle.say("Drag out as a file")
            self.failed.emit(trouble)
            return
        if self._dragged_as == self._drag_wish():
            self.handle.set_files((exported.path, *exported.companions))
            self.handle.say(f"Drag “{exported.path.name}” from here")

    # Showing

    def _show_saved(self, path: Path | None, done: str = "Saved and checked") -> None:
        self._saved = path
        self.folder_button.setVisible(path is not None)
        self._say(f"{done}: {path}" if path else "", "good")

    def _say(self, text: str, tone: str) -> None:
        # A path has no spaces to break at: a break may come after each separator.
        self._status.setText(text.replace("/", "/\u200b").replace("\\", "\\\u200b"))
        self._status.setVisible(bool(text))
        set_tone(self._status, tone)


def dimensions(size_m: tuple[float, float, float], longest_mm: float, unit: str) -> str:
    """Width, height and depth when the longest side is `longest_mm`, in mm, cm or in."""
    factor = longest_mm / 1000.0 / max(size_m) * _PER_UNIT[unit]
    return " × ".join(f"{side * factor:,.{_DECIMALS[unit]}f}" for side in size_m) + f" {unit}"


def _grid() -> QGridLayout:
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(SPACE)
    grid.setVerticalSpacing(SPACE)
    grid.setColumnMinimumWidth(0, 60)
    grid.setColumnStretch(1, 1)
    return grid


def _add(grid: QGridLayout, row: int, title: str, control: QWidget) -> None:
    if title:
        caption: QLabel = label(title, "dim")
        caption.setBuddy(control)
        grid.addWidget(caption, row, 0)
    grid.addWidget(control, row, 1)


def _combo(name: str, tip: str) -> QComboBox:
    box = CalmComboBox()
    box.setAccessibleName(name)
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    return box


def _choose(box: QComboBox, value: int | None, form: str) -> None:
    """Chooses a value of a list, which gets it where it has it not."""
    at = box.findData(value) if value is not None else 0
    if at < 0:
        box.addItem(form.format(value), value)
        at = box.count() - 1
    box.setCurrentIndex(at)


def _file_stem(title: str) -> str:
    """A title as a file name that every system takes."""
    kept = "".join(letter if letter.isalnum() or letter in "-_ ." else "_" for letter in title).strip(" ._")
    return kept[:80] or "mesh"
