"""The Check page of the right panel: what was found, one button that mends it, and what it is measured against."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from img2model_desktop.core.verdict.words import words_of
from img2model_desktop.gui.controls import Fold, NumberField, label
from img2model_desktop.gui.findings_list import FindingsList
from img2model_desktop.gui.history.jobs import engine_title
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.read_as_form import ReadAsForm
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.gui.workshop import Workshop

if TYPE_CHECKING:  # it brings numpy, which the window's start does without
    from img2model_desktop.core.verdict.findings import Conditions, Finding

_EMPTY = "Drop a picture or a mesh, or choose one below. What it is fit for is said here, and what would mend it."
SIZES_MM = (1.0, 10_000.0)


class PlanCard(QFrame):
    """What making it fit will do, before it is done.

    Signals:
        asked: it is shown.
        agreed, declined: the user pressed one of its buttons.
    """

    asked = Signal()
    agreed = Signal()
    declined = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self._title = label("", "title", wrap=True)
        self._steps = QGridLayout()
        self._steps.setHorizontalSpacing(6)
        self._steps.setVerticalSpacing(SPACE // 2)
        self._steps.setColumnStretch(1, 1)
        self._cells: list[QLabel] = []
        self.do_button = QPushButton("Do it")
        self.do_button.setObjectName("accent")
        self.do_button.setToolTip("Do all of this as one edit, which can be undone")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Leave the mesh as it is (Esc)")
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        buttons.addWidget(self.do_button, 1)
        buttons.addWidget(self.cancel_button, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 12)
        column.setSpacing(SPACE)
        column.addWidget(self._title)
        column.addLayout(self._steps)
        column.addWidget(label("The original is kept; it can be undone.", "dim", wrap=True))
        column.addLayout(buttons)
        self.do_button.clicked.connect(self.agreed)
        self.cancel_button.clicked.connect(self.declined)
        self.hide()

    def ask(self, title: str, sentences: tuple[str, ...]) -> None:
        """Shows what will be done."""
        self._title.setText(title)
        for old in self._cells:
            self._steps.removeWidget(old)
            old.deleteLater()
        self._cells = []
        for number, sentence in enumerate(sentences):
            for column, text in enumerate((f"{number + 1}.", sentence)):
                cell = label(text, "value" if column else "dim", wrap=bool(column))
                self._steps.addWidget(cell, number, column, Qt.AlignmentFlag.AlignTop)
                self._cells.append(cell)
        self.setAccessibleName(f"{title}: {' '.join(sentences)}")
        self.show()
        self.do_button.setFocus()
        self.asked.emit()

    def sentences(self) -> tuple[str, ...]:
        """What it says."""
        return tuple(cell.text() for cell in self._cells[1::2])


class ConditionsForm(QWidget):
    """What the verdict is measured against.

    Signals:
        changed: (object) other `Conditions`, but for the size.
        size_changed: (float) another size, millimetres.
    """

    changed = Signal(object)
    size_changed = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.size_mm = NumberField("Size", *SIZES_MM, 1.0, "mm")
        self.size_mm.setToolTip("Longest side that the mesh will have when it is saved")
        self._fields: dict[str, NumberField] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(SPACE)
        grid.setColumnMinimumWidth(0, 72)
        grid.setColumnStretch(1, 1)
        self._add(grid, "Size", self.size_mm)
        for name, title, low, high, step, unit, tip in (
            ("wall_mm", "Wall", 0.1, 10.0, 0.1, "mm", "Thinnest wall that the printer makes"),
            ("overhang_deg", "Overhang", 0.0, 90.0, 5.0, "°", "Steepest overhang that prints without support"),
            ("bed_x", "Bed width", 10.0, 2000.0, 5.0, "mm", "Width that the printer reaches"),
            ("bed_y", "Bed depth", 10.0, 2000.0, 5.0, "mm", "Depth that the printer reaches"),
            ("bed_z", "Bed height", 10.0, 2000.0, 5.0, "mm", "Height that the printer reaches"),
            ("density_g_cm3", "Material", 0.1, 20.0, 0.05, "g/cm³", "Density of the material; 1.24 is PLA"),
        ):
            field = NumberField(title, low, high, step, unit)
            field.setToolTip(tip)
            field.changed.connect(self._on_changed)
            self._fields[name] = field
            self._add(grid, title, field)
        self._conditions: Conditions | None = None
        self.size_mm.changed.connect(self.size_changed)

    def field(self, name: str) -> NumberField:
        """The field of one condition; the bed has three."""
        return self._fields[name]

    def show_conditions(self, conditions: "Conditions", size_mm: float | None) -> None:
        """Shows these, without a signal."""
        self._conditions = conditions
        for name, value in {
            "wall_mm": conditions.wall_mm,
            "overhang_deg": conditions.overhang_deg,
            "density_g_cm3": conditions.density_g_cm3,
            **dict(zip(("bed_x", "bed_y", "bed_z"), conditions.bed_mm, strict=True)),
        }.items():
            self._fields[name].set_value(value)
        self.size_mm.setEnabled(size_mm is not None)
        if size_mm is not None:
            self.size_mm.set_value(size_mm)

    def _add(self, grid: QGridLayout, title: str, field: NumberField) -> None:
        row = grid.rowCount()
        caption = label(title, "dim")
        caption.setBuddy(field)
        caption.setToolTip(field.toolTip())
        grid.addWidget(caption, row, 0)
        grid.addWidget(field, row, 1)

    @Slot()
    def _on_changed(self) -> None:
        if self._conditions is None:
            return
        value = {name: field.value for name, field in self._fields.items()}
        self._conditions = replace(
            self._conditions,
            wall_mm=value["wall_mm"],
            overhang_deg=value["overhang_deg"],
            density_g_cm3=value["density_g_cm3"],
            bed_mm=(value["bed_x"], value["bed_y"], value["bed_z"]),
        )
        self.changed.emit(self._conditions)


class MeasuresTable(QWidget):
    """The figures of the verdict, those that are there."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._cells: list[QWidget] = []

    def show_rows(self, rows: list[tuple[str, str]]) -> None:
        """`(name, value)` of each line."""
        for cell in self._cells:
            self._grid.removeWidget(cell)
            cell.deleteLater()
        self._cells = []
        for number, (name, value) in enumerate(rows):
            shown = label(value, "value", wrap=True)
            shown.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            for column, cell in enumerate((label(name, "dim"), shown)):
                self._grid.addWidget(cell, number, column)
                self._cells.append(cell)

    def rows(self) -> dict[str, str]:
        """What is shown, by name."""
        texts = [cell.text() for cell in self._cells if isinstance(cell, QLabel)]
        return dict(zip(texts[::2], texts[1::2], strict=True))


class CheckPage(QWidget):
    """See the module.

    Signals:
        place_wished: (object) the Finding whose place is to be shown on the mesh, or None.
        open_wished: the user wants to open a mesh.
        read_wished: (object) the Request that opens this mesh in another unit or with another axis up.
    """

    place_wished = Signal(object)
    open_wished = Signal()
    read_wished = Signal(object)

    def __init__(self, workshop: Workshop, icons: Icons, purpose: str) -> None:
        super().__init__()
        self.setObjectName("panel_page")
        self._workshop = workshop
        self._purpose = purpose
        self.fix_button = QPushButton()
        self.fix_button.setObjectName("primary")
        self.plan = PlanCard()
        self.findings = FindingsList(icons)
        self._empty = label(_EMPTY, "dim", wrap=True)
        self.open_button = QPushButton("Open mesh…")
        self.open_button.setToolTip("Check, mend and save a mesh of any program (Ctrl+M)")
        self.conditions = ConditionsForm()
        self.measures = MeasuresTable()
        self.conditions_fold = Fold("Conditions", self.conditions, icons)
        self.measures_fold = Fold("Measures", self.measures, icons)
        self.read_as = ReadAsForm()
        self.read_fold = Fold("Unit and axis of the file", self.read_as, icons)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(SPACE)
        for part in (self.fix_button, self.plan, self._empty, self.open_button, self.findings):
            column.addWidget(part)
        column.addSpacing(4)
        column.addWidget(self.read_fold)
        column.addWidget(self.conditions_fold)
        column.addWidget(self.measures_fold)
        column.addStretch()
        self.measures_fold.heading.setChecked(True)
        self._connect()
        self.show_purpose(purpose)

    def show_purpose(self, purpose: str) -> None:
        """Lists what concerns this purpose."""
        self._purpose = purpose
        self.plan.hide()
        self._on_verdict_changed()

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self.findings.retint()
        self.read_fold.retint()
        self.conditions_fold.retint()
        self.measures_fold.retint()

    def _connect(self) -> None:
        workshop = self._workshop
        workshop.verdict_changed.connect(self._on_verdict_changed)
        workshop.busy_changed.connect(self._update_buttons)
        workshop.size_changed.connect(self._show_conditions)
        self.conditions_fold.opened.connect(self._show_conditions)
        self.fix_button.clicked.connect(self._on_fix_wished)
        self.open_button.clicked.connect(self.open_wished)
        self.read_as.read_wished.connect(self.read_wished)
        self.plan.agreed.connect(self._on_agreed)
        self.plan.declined.connect(self._on_declined)
        self.findings.mend_wished.connect(workshop.mend)
        self.findings.place_wished.connect(self.place_wished)
        self.conditions.changed.connect(workshop.set_conditions)
        self.conditions.size_changed.connect(workshop.set_size)

    # Slots

    @Slot()
    def _on_verdict_changed(self) -> None:
        verdict = self._workshop.verdict
        self.plan.hide()
        found: tuple[Finding, ...] = ()
        if verdict is not None:
            from img2model_desktop.core.verdict.findings import Purpose

            found = verdict.concerning(Purpose(self._purpose))
        self.findings.show_findings(found, self._purpose)
        self.measures.show_rows(self._measures())
        self._show_conditions()
        self._update_buttons()

    @Slot()
    def _update_buttons(self) -> None:
        workshop = self._workshop
        words, plan, has_mesh = words_of(self._purpose), workshop.plan(self._purpose), workshop.row is not None
        can = bool(plan) and not workshop.is_working
        is_clean = workshop.verdict is not None and not plan
        self.fix_button.setText("Nothing to fix" if is_clean else f"{words.wish}…")
        self.fix_button.setToolTip(self._why(can, is_clean))
        self.fix_button.setEnabled(can)
        self.fix_button.setVisible(has_mesh and not self.plan.isVisibleTo(self))
        self.findings.set_can_mend(not workshop.is_working)
        for part in (self._empty, self.open_button):
            part.setVisible(not has_mesh)
        row = workshop.row
        self.read_fold.setVisible(row is not None and self.read_as.show_request(row.request))
        for fold in (self.conditions_fold, self.measures_fold):
            fold.setVisible(has_mesh)
        if workshop.is_working:
            self.plan.hide()

    def _why(self, can: bool, is_clean: bool) -> str:
        if can:
            return "First says what it will do"
        if is_clean:
            stops = any(row.finding.severity for row in self.findings.rows)
            return "What was found cannot be mended here: see the advice" if stops else "Nothing was found"
        return "It is being worked on" if self._workshop.is_working else "The mesh is checked first"

    @Slot()
    def _on_fix_wished(self) -> None:
        words = words_of(self._purpose)
        self.fix_button.hide()
        self.plan.ask(f"{words.wish}: this will be done", self._workshop.plan(self._purpose))

    @Slot()
    def _on_agreed(self) -> None:
        self.plan.hide()
        self._workshop.make_fit(self._purpose, words_of(self._purpose).wish)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.plan.isVisible():
            self._on_declined()
        else:
            super().keyPressEvent(event)

    @Slot()
    def _on_declined(self) -> None:
        self.plan.hide()
        self._update_buttons()
        self.fix_button.setFocus()

    @Slot()
    def _show_conditions(self) -> None:
        if self._workshop.row is not None:
            self.conditions.show_conditions(self._workshop.conditions, self._workshop.size_mm)

    def _measures(self) -> list[tuple[str, str]]:
        """Lines of the table: of the verdict, and how the mesh came about."""
        row, verdict = self._workshop.row, self._workshop.verdict
        lines = measured(dict(verdict.measures)) if verdict else []
        if row is not None and row.engine:
            lines.append(("Made by", engine_title(row.engine)))
        if row is not None and row.seconds is not None:
            lines.append(("Made in", f"{row.seconds:.1f} s"))
        return lines


def measured(values: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures that a designer asks for, in words; what is not there or not known is left out."""
    lines = []
    for name, title, form in _MEASURES:
        value = values.get(name)
        if value is not None:
            lines.append((title, _said(value, form)))
    return lines


_MEASURES = (  # name in the verdict's measures, title, how it is written
    ("triangles", "Triangles", "{:,}"),
    ("vertices", "Vertices", "{:,}"),
    ("parts", "Parts", "{:,}"),
    ("watertight", "Watertight", ""),
    ("manifold", "Manifold", ""),
    ("genus", "Handles", "{:,}"),
    ("size_mm", "Size (mm)", "{:.1f}"),
    ("area_cm2", "Surface", "{:,.1f} cm²"),
    ("volume_cm3", "Volume", "{:,.1f} cm³"),
    ("weight_g", "Weight", "{:,.1f} g"),
    ("wall_min_mm", "Thinnest wall", "{:.2f} mm"),
    ("smallest_feature_mm", "Smallest feature", "{:.2f} mm"),
    ("overhang_share", "Overhang", "{:.0%}"),
    ("stands", "Stands", ""),
    ("fits_bed", "Fits the bed", ""),
    ("texture_px", "Texture", "{} px"),
    ("uv_coverage", "Texture used", "{:.0%}"),
    ("texels_per_mm", "Texels per mm", "{:.1f}"),
    ("geometry_mb", "Geometry", "{:.1f} MB"),
)


def _said(value: Any, form: str) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list | tuple):
        digits = ".1f" if isinstance(value[0], float) else ""
        return " × ".join(f"{side:{digits}}" for side in value) + ("" if digits else " px")
    return form.format(value)
