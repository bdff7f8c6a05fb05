"""The right panel: what the mesh is, and the way out of the program."""

import tempfile
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from img2model_desktop.core.events import Facts
from img2model_desktop.gui.calls import save_result
from img2model_desktop.gui.controls import NumberField, Segments, label, rule, set_tone
from img2model_desktop.gui.drag_handle import DragHandle
from img2model_desktop.gui.history_model import engine_title
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.latest_call import Caller, LatestCall
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.jobs.job_row import JobRow

FORMATS = (
    (".glb", "GLB", "One file with texture: games, web, Blender"),
    (".obj", "OBJ", "Mesh, material and texture as three files: any 3D program"),
    (".stl", "STL", "Shape only: 3D printing"),
    (".ply", "PLY", "Shape with colours at the vertices: scanning and research"),
)
ALWAYS_Y_UP = (".glb",)
_PER_UNIT = {"mm": 1000.0, "cm": 100.0, "in": 1000.0 / 25.4}
_DECIMALS = {"mm": 1, "cm": 2, "in": 2}
_SIZES_MM = (1.0, 10_000.0)


class ExportPanel(QWidget):
    """Facts of the mesh and how to save it.

    Signals:
        save_wished: the user wants to choose where to save.
        saved: (object) what was saved, an `Exported`.
        failed: (object) why not, a `Trouble`.
        folder_wished: (object) the Path of a saved file to show in its folder.
    """

    save_wished = Signal()
    saved = Signal(object)
    failed = Signal(object)
    folder_wished = Signal(object)

    def __init__(self, caller: Caller, icons: Icons, suffix: str, up: str) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._icons = icons
        self._row: JobRow | None = None
        self._saved: Path | None = None
        self._drag_folder: tempfile.TemporaryDirectory[str] | None = None
        self._dragged_as: tuple[Any, ...] = ()
        self._saving = LatestCall(caller, self)
        self._dragging = LatestCall(caller, self)
        self._build()
        self.format.set_value(suffix)
        self.up.set_value(up)
        self._connect()
        self._show_saved(None)
        self.show_job(None)

    # What the window asks

    @property
    def suffix(self) -> str:
        return self.format.value

    @property
    def up_axis(self) -> str:
        """ "y" or "z"; formats that are always y up give "y"."""
        return "y" if self.suffix in ALWAYS_Y_UP else self.up.value

    @property
    def can_save(self) -> bool:
        return self._row is not None

    def file_name(self) -> str:
        """What the file is called when nothing else is said."""
        return f"{_file_stem(self._row.title if self._row else '')}{self.suffix}"

    # What the window does

    def show_job(self, row: JobRow | None) -> None:
        """The job whose result is on screen, or None."""
        is_other = (row.id if row else "") != (self._row.id if self._row else "")
        self._row = row if row and row.facts and row.result_path else None
        facts = self._row.facts if self._row else None
        if is_other and self._row and facts:
            self.size_mm.set_value(max(facts.size_m) * 1000)
        if is_other:
            self._show_saved(None)
            self.handle.set_files(())
            self._dragged_as = ()
        self._show_facts(facts)
        self._update()

    def choose_format(self, suffix: str) -> None:
        """Another format."""
        self.format.set_value(suffix)
        self._update()

    def save(self, out: Path) -> None:
        """Saves the result; `saved` or `failed` tells how it went."""
        if self._row is None:
            return
        self._say(f"Saving “{out.name}”…", "dim")
        self.folder_button.setVisible(False)
        self._saving.ask(save_result, str(self._row.result_path), str(out), self.size_mm.value, self.up_axis)

    def close_files(self) -> None:
        """Removes the files made for dragging."""
        if self._drag_folder is not None:
            self._drag_folder.cleanup()
            self._drag_folder = None

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self.save_button.setIcon(self._icons.icon("save"))
        self.folder_button.setIcon(self._icons.icon("folder"))
        self.handle.retint()

    # Building

    def _build(self) -> None:
        page = QWidget()
        page.setObjectName("panel_page")
        column = QVBoxLayout(page)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(SPACE)
        column.addWidget(label("Mesh", "title"))
        column.addLayout(self._build_facts())
        column.addSpacing(4)
        column.addWidget(rule())
        column.addSpacing(4)
        column.addWidget(label("Export", "title"))
        for part in self._build_export():
            column.addWidget(part)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        self.setMinimumWidth(248)

    def _build_facts(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        self._facts: dict[str, QLabel] = {}
        for row, name in enumerate(("Engine", "Triangles", "Vertices", "Parts", "Watertight", "Time")):
            value = label("–", "value")
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(label(name, "dim"), row, 0)
            grid.addWidget(value, row, 1)
            self._facts[name] = value
        return grid

    def _build_export(self) -> tuple[QWidget, ...]:
        self.format = Segments(FORMATS, "Format")
        self.size_mm = NumberField("Longest side", *_SIZES_MM, 1.0, "mm")
        self.size_mm.setToolTip("Longest side of the saved mesh")
        self.size_mm.set_value(100.0)
        self._dimensions = label("", "value", wrap=True)
        self._dimensions.setToolTip("Width × height × depth of the saved mesh, with Y up")
        self.unit = Segments([(unit, unit, "") for unit in _PER_UNIT], "Unit of the read-out")
        self.up = Segments((("y", "Y up", "Games, glTF, Maya"), ("z", "Z up", "Blender, CAD, slicers")), "Up axis")
        self.save_button = QPushButton("Save…")
        self.save_button.setIconSize(QSize(20, 20))
        self.save_button.setObjectName("large")
        self._status = label("", "dim", wrap=True)
        self._status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.folder_button = QPushButton("Show in folder")
        self.folder_button.setVisible(False)
        self.handle = DragHandle(self._icons)
        return (
            self.format,
            _caption("Longest side"),
            self.size_mm,
            _in_a_row(label("W × H × D", "dim"), self.unit),
            self._dimensions,
            _caption("Up axis"),
            self.up,
            self.save_button,
            self._status,
            self.folder_button,
            self.handle,
        )

    def _connect(self) -> None:
        self.format.chosen.connect(self._update)
        self.size_mm.changed.connect(self._update)
        self.unit.chosen.connect(self._update)
        self.up.chosen.connect(self._update)
        self.save_button.clicked.connect(self.save_wished)
        self.folder_button.clicked.connect(lambda: self.folder_wished.emit(self._saved))
        self.handle.wished.connect(self._on_drag_wished)
        self._saving.answered.connect(self._on_saved)
        self._dragging.answered.connect(self._on_drag_ready)

    # Slots

    @Slot()
    def _update(self) -> None:
        facts = self._row.facts if self._row else None
        for control in (self.save_button, self.size_mm, self.handle):
            control.setEnabled(facts is not None)
        always_y = self.suffix in ALWAYS_Y_UP
        self.up.setEnabled(facts is not None and not always_y)
        self.up.setToolTip("GLB is always Y up; programs turn it themselves." if always_y else "")
        self.save_button.setToolTip("Save the mesh (Ctrl+S)" if facts else "There is no mesh to save yet.")
        self._dimensions.setText(dimensions(facts.size_m, self.size_mm.value, self.unit.value) if facts else "–")
        set_tone(self._dimensions, "value" if facts else "dim")
        if self._dragged_as and self._dragged_as != self._drag_wish():
            self.handle.set_files(())
            self.handle.say("Drag out as a file")

    @Slot(object, object)
    def _on_saved(self, exported: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self._say(f"{trouble.message} {trouble.advice}".strip(), "bad")
            self.failed.emit(trouble)
            return
        self._show_saved(exported.path)
        self.saved.emit(exported)

    def _drag_wish(self) -> tuple[Any, ...]:
        return (self._row.id if self._row else "", self.file_name(), self.size_mm.value, self.up_axis)

    @Slot()
    def _on_drag_wished(self) -> None:
        if self._row is None or self._dragged_as == self._drag_wish():
            return
        if self._drag_folder is None:
            self._drag_folder = tempfile.TemporaryDirectory(prefix="img2model-", ignore_cleanup_errors=True)
        self._dragged_as = self._drag_wish()
        self.handle.set_files(())
        self.handle.say("Making the file…")
        out = Path(self._drag_folder.name) / self.file_name()
        self._dragging.ask(save_result, str(self._row.result_path), str(out), self.size_mm.value, self.up_axis)

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

    def _show_facts(self, facts: Facts | None) -> None:
        row = self._row
        shown = dict.fromkeys(self._facts, "–")
        if facts and row:
            shown = {
                "Engine": engine_title(row.engine),
                "Triangles": _grouped(facts.faces),
                "Vertices": _grouped(facts.vertices),
                "Parts": _grouped(facts.parts),
                "Watertight": "Yes" if facts.watertight else "No",
                "Time": f"{row.seconds:.1f} s" if row.seconds is not None else "–",
            }
        for name, text in shown.items():
            self._facts[name].setText(text)
        for value in self._facts.values():
            set_tone(value, "value" if facts else "dim")
        tone = "dim" if facts is None else "good" if facts.watertight else "warn"
        set_tone(self._facts["Watertight"], tone)

    def _show_saved(self, path: Path | None) -> None:
        self._saved = path
        self.folder_button.setVisible(path is not None)
        self._say(f"Saved and checked: {path}" if path else "", "good")

    def _say(self, text: str, tone: str) -> None:
        # A path has no spaces to break at: a break may come after each separator.
        self._status.setText(text.replace("/", "/\u200b").replace("\\", "\\\u200b"))
        self._status.setVisible(bool(text))
        set_tone(self._status, tone)


def _in_a_row(first: QWidget, second: QWidget) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(SPACE)
    row.addWidget(first, 1)
    row.addWidget(second)
    return made


def _caption(text: str) -> QLabel:
    """A label that stands nearer to what is below it than to what is above."""
    made = label(text, "dim")
    made.setContentsMargins(0, SPACE, 0, 0)
    return made


def dimensions(size_m: tuple[float, float, float], longest_mm: float, unit: str) -> str:
    """Width, height and depth when the longest side is `longest_mm`, in mm, cm or in."""
    factor = longest_mm / 1000.0 / max(size_m) * _PER_UNIT[unit]
    return " × ".join(f"{side * factor:.{_DECIMALS[unit]}f}" for side in size_m) + f" {unit}"


def _grouped(count: int) -> str:
    return f"{count:,}"


def _file_stem(title: str) -> str:
    """A title as a file name that every system takes."""
    kept = "".join(letter if letter.isalnum() or letter in "-_ ." else "_" for letter in title).strip(" ._")
    return kept[:80] or "mesh"
