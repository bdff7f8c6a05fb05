"""The picture side of the input panel: canvas, brush, samples, and what the engine will see."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from img2model_desktop.core.request import Stroke
from img2model_desktop.gui.calls import cut_preview, original_preview
from img2model_desktop.gui.controls import CalmSlider, label
from img2model_desktop.gui.cutout_canvas import BRUSH_RADII, CutoutCanvas, Tool
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.intake import image_from
from img2model_desktop.gui.latest_call import Caller, LatestCall
from img2model_desktop.gui.picture_strip import PictureStrip
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.jobs.plan import PictureLimits

Asked = tuple[str, tuple[Stroke, ...]]


class PictureSource(QWidget):
    """The pictures that were brought, the one in use, and its cut-out as the engine will see it.

    Signals:
        changed: another picture, other strokes, or another answer about them.
        taken: another picture is in use, or none.
        browse_wished: the user wants to choose a file.
    """

    changed = Signal()
    taken = Signal()
    browse_wished = Signal()

    def __init__(
        self, caller: Caller, icons: Icons, samples: tuple[Path, ...], limits: PictureLimits, weights: str = ""
    ) -> None:
        super().__init__()
        self._weights = weights
        self._icons = icons
        self._limits = limits
        self._samples = samples
        self._path = ""
        self._brought: tuple[Path, ...] = ()
        self._strokes: dict[str, tuple[Stroke, ...]] = {}
        self._cutter: Callable[[], tuple[str, Any]] = lambda: ("", None)
        self._trouble: Trouble | None = None
        self._asked: Asked = ("", ())
        self._reading = LatestCall(caller, self)
        self._cutting = LatestCall(caller, self)
        self._build()
        self._connect()
        if not samples:
            self.canvas.set_invitation("picture", "Drop a picture here", "Click to browse,\nor paste with Ctrl+V.")
        self._show_strip()
        self._update_tools()

    # What the panel asks

    @property
    def path(self) -> str:
        """Of the picture in use, or ""."""
        return self._path

    @property
    def brought(self) -> tuple[Path, ...]:
        """All pictures that were brought together with the one in use; empty when it came alone."""
        return self._brought

    @property
    def strokes(self) -> tuple[Stroke, ...]:
        return self.canvas.strokes if self._path else ()

    @property
    def trouble(self) -> Trouble | None:
        """Why the picture in use cannot be read or cut out, as far as that is known."""
        return self._trouble

    def strokes_of(self, path: str) -> tuple[Stroke, ...]:
        """The strokes painted on one of the pictures brought."""
        return self.strokes if path == self._path else self._strokes.get(path, ())

    def set_cutter(self, cutter: Callable[[], tuple[str, Any]]) -> None:
        """Where the key and the options of the cutter in use come from."""
        self._cutter = cutter

    # What the panel does

    def bring(self, paths: tuple[Path, ...]) -> None:
        """Takes pictures in; the first one is used."""
        self._brought = paths if len(paths) > 1 else ()
        self._show_strip()
        self.use(str(paths[0]))

    def use(self, path: str, strokes: tuple[Stroke, ...] | None = None) -> None:
        """Uses one picture, with the strokes it had, or these; "" for none."""
        if self._path:
            self._strokes[self._path] = self.canvas.strokes
        if strokes is not None:
            self._strokes[path] = strokes
        self._path = path
        self._trouble = None
        self.canvas.show_picture(None)
        self._original_button.setChecked(False)
        self._findings.setVisible(False)
        self._strip.mark(path)
        self._reading.forget()
        self._cutting.forget()
        if path:
            self._reading.ask(original_preview, path, self._limits)
        self._update_tools()
        self.taken.emit()
        self.changed.emit()

    def cut_again(self) -> None:
        """Shows the cut-out with what the cutter and the strokes say now."""
        if self._path and not self.canvas.is_empty:
            cutter, options = self._cutter()
            strokes = self.canvas.strokes
            self._asked = (self._path, strokes)
            self._cutting.ask(cut_preview, self._path, self._limits, (cutter, options, self._weights), strokes)

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        for button, name in self._icon_names.items():
            button.setIcon(self._icons.icon(name))
        self.canvas.update()

    # Building

    def _build(self) -> None:
        self.canvas = CutoutCanvas(self._icons)
        self._findings = label("", "warn", wrap=True)
        self._findings.setVisible(False)
        self._strip_title = label("Samples", "dim")
        self._samples_button = QPushButton("Show samples")
        self._samples_button.setFlat(True)
        self._strip = PictureStrip("Pictures to choose from")
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(self._strip_title)
        head.addStretch()
        head.addWidget(self._samples_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.canvas, 1)
        column.addWidget(self._build_tools())
        column.addWidget(self._findings)
        column.addLayout(head)
        column.addWidget(self._strip)

    def _build_tools(self) -> QWidget:
        self._icon_names: dict[QToolButton, str] = {}
        bar = QFrame()
        row = QHBoxLayout(bar)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        self._original_button = self._tool_button("original", "Original", "Show the original picture (O)", True)
        self._add_button = self._tool_button("add", "Add brush", "Brush that adds to the subject (B)", True)
        self._remove_button = self._tool_button("remove", "Remove brush", "Brush that takes away (E)", True)
        self._size = CalmSlider(Qt.Orientation.Horizontal)
        self._size.setRange(0, 100)
        self._size.setToolTip("Size of the brush ([ and ])")
        self._size.setAccessibleName("Brush size")
        self._size.setMinimumWidth(40)
        self._undo_button = self._tool_button("undo", "Undo stroke", "Undo the last stroke (Ctrl+Z)")
        self._redo_button = self._tool_button("redo", "Redo stroke", "Redo the stroke (Ctrl+Shift+Z)")
        self._clear_button = self._tool_button("clear", "Clear strokes", "Take all strokes away")
        for button in (self._original_button, self._add_button, self._remove_button):
            row.addWidget(button)
        row.addSpacing(6)
        row.addWidget(self._size, 1)
        row.addSpacing(6)
        for button in (self._undo_button, self._redo_button, self._clear_button):
            row.addWidget(button)
        self.retint()
        return bar

    def _tool_button(self, icon: str, name: str, tip: str, checkable: bool = False) -> QToolButton:
        button = QToolButton()
        button.setToolTip(tip)
        button.setAccessibleName(name)
        button.setCheckable(checkable)
        button.setIconSize(QSize(20, 20))
        button.setFixedSize(30, 30)
        self._icon_names[button] = icon
        return button

    def _connect(self) -> None:
        self._reading.answered.connect(self._on_read)
        self._cutting.answered.connect(self._on_cut)
        self._cutting.busy_changed.connect(self._on_busy)
        self._reading.busy_changed.connect(self._on_busy)
        self.canvas.browse_wished.connect(self.browse_wished)
        self.canvas.strokes_changed.connect(self._on_strokes_changed)
        self.canvas.brush_changed.connect(self._update_tools)
        self._strip.path_chosen.connect(self._on_strip_chosen)
        self._samples_button.clicked.connect(self._on_samples_wished)
        self._original_button.toggled.connect(self.canvas.set_shows_original)
        self._add_button.clicked.connect(lambda checked: self.canvas.set_tool(Tool.ADD if checked else Tool.LOOK))
        self._remove_button.clicked.connect(lambda checked: self.canvas.set_tool(Tool.REMOVE if checked else Tool.LOOK))
        self._size.valueChanged.connect(lambda at: self.canvas.set_radius(_radius(at)))
        self._undo_button.clicked.connect(self.canvas.undo)
        self._redo_button.clicked.connect(self.canvas.redo)
        self._clear_button.clicked.connect(self.canvas.clear_strokes)

    # Slots

    @Slot(object, object)
    def _on_read(self, picture: Any, trouble: Trouble | None) -> None:
        self._trouble = trouble
        if picture is not None:
            self.canvas.show_picture(image_from(picture), self._strokes.get(self._path, ()))
            self.cut_again()
        self._update_tools()
        self.changed.emit()

    @Slot(object, object)
    def _on_cut(self, found: Any, trouble: Trouble | None) -> None:
        path, strokes = self._asked
        if path != self._path:
            return
        self._trouble = trouble
        if found is None:
            self.canvas.drop_cut()
            self._findings.setVisible(False)
        else:
            _, cut, findings = found
            self.canvas.show_cut(image_from(cut), strokes)
            self._findings.setText("\n".join(f"{finding.message} {finding.advice}" for finding in findings))
            self._findings.setVisible(bool(findings))
        self._update_tools()
        self.changed.emit()

    @Slot()
    def _on_busy(self) -> None:
        self.canvas.set_waiting(self._reading.is_busy)
        if self._reading.is_busy:
            self.canvas.set_note("Reading…")
        else:
            self.canvas.set_note("Cutting out…" if self._cutting.is_busy else "")

    @Slot()
    def _on_strokes_changed(self) -> None:
        self._original_button.setChecked(False)
        self._update_tools()
        self.cut_again()
        self.changed.emit()

    @Slot(str)
    def _on_strip_chosen(self, path: str) -> None:
        if path != self._path:
            self.use(path)

    @Slot()
    def _on_samples_wished(self) -> None:
        self._brought = ()
        self._show_strip()
        self.changed.emit()

    @Slot()
    def _update_tools(self) -> None:
        has_picture = not self.canvas.is_empty
        for button in (self._add_button, self._remove_button):
            button.setEnabled(has_picture)
        self._size.setEnabled(has_picture)
        self._original_button.setEnabled(self.canvas.has_cut)
        self._add_button.setChecked(self.canvas.tool is Tool.ADD)
        self._remove_button.setChecked(self.canvas.tool is Tool.REMOVE)
        self._undo_button.setEnabled(self.canvas.can_undo)
        self._redo_button.setEnabled(self.canvas.can_redo)
        self._clear_button.setEnabled(bool(self.canvas.strokes))
        with QSignalBlocker(self._size):
            self._size.setValue(_position(self.canvas.radius))

    def toggle_original(self) -> None:
        """Original or cut-out."""
        if self._original_button.isEnabled():
            self._original_button.toggle()

    def toggle_tool(self, tool: Tool) -> None:
        """Takes a brush in hand, or puts it away."""
        if not self.canvas.is_empty:
            self.canvas.set_tool(Tool.LOOK if self.canvas.tool is tool else tool)

    def _show_strip(self) -> None:
        shown = self._brought or self._samples
        self._strip_title.setText(f"{len(shown)} pictures" if self._brought else "Samples")
        self._samples_button.setVisible(bool(self._brought and self._samples))
        self._strip.show_paths(shown)
        self._strip.mark(self._path)
        self._strip.setVisible(bool(shown))
        self._strip_title.setVisible(bool(shown))


def _radius(position: int) -> float:
    low, high = BRUSH_RADII
    radius: float = low * (high / low) ** (position / 100)
    return radius


def _position(radius: float) -> int:
    low, high = BRUSH_RADII
    return round(100 * math.log(radius / low) / math.log(high / low))
