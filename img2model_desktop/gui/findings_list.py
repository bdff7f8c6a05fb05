"""What was found on a mesh: one row each, worst first; a click shows where."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from img2model_desktop.gui.controls import label
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import SPACE

if TYPE_CHECKING:  # they bring numpy, which the window's start does without
    from img2model_desktop.core.verdict.findings import Finding

_SEVERITIES = {  # by value of `core.verdict.findings.Severity`: drawing, tone, word
    "stop": ("unfit", "bad", "Keeps it from being fit"),
    "fix": ("fixable", "warn", "To be fixed"),
    "note": ("info", "dim", "Worth knowing"),
}


class FindingRow(QFrame):
    """One finding. Chosen, it also says what helps.

    Signals:
        chosen: () by mouse or by Enter or Space.
        mend_wished: () its Fix button.
    """

    chosen = Signal()
    mend_wished = Signal()

    def __init__(self, finding: "Finding", severity: str, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("finding")
        self.finding = finding
        self._icons = icons
        self._drawing, self._tone, word = _SEVERITIES[severity]
        self._icon = QLabel()
        self._icon.setFixedSize(16, 16)
        self._icon.setToolTip(word)
        self._advice = label(finding.advice, "value", wrap=True)
        self._advice.setVisible(False)
        self.button = QPushButton("Fix")
        self.button.setObjectName("small")
        self.button.setVisible(bool(finding.fix))
        self.button.setAccessibleName(f"Fix {finding.title}")
        self.button.setToolTip(_what_it_does(finding))
        reason = label(finding.reason, "dim", wrap=True)
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 6, 6, 8)
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        grid.setRowMinimumHeight(0, 24)
        grid.addWidget(self._icon, 0, 0, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(label(finding.title, "title", wrap=True), 0, 1)
        grid.addWidget(self.button, 0, 2)
        grid.addWidget(reason, 1, 1, 1, 2)
        grid.addWidget(self._advice, 2, 1, 1, 2)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(f"{finding.title}: {word}. {finding.reason} {finding.advice}")
        where = "" if finding.place.is_empty else "Click to see where\n"
        self.setToolTip(f"{where}{finding.advice}")
        if not finding.place.is_empty:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.button.setCursor(Qt.CursorShape.ArrowCursor)
        self.button.clicked.connect(self.mend_wished)
        self.retint()

    @property
    def is_marked(self) -> bool:
        """Whether it is the one whose place is shown."""
        return bool(self.property("marked"))

    def mark(self, marked: bool) -> None:
        """Shows that it is the one whose place is shown."""
        self.setProperty("marked", marked)
        self._advice.setVisible(marked)
        self.style().unpolish(self)
        self.style().polish(self)

    def retint(self) -> None:
        """The icon again, in the theme's colours."""
        tint = getattr(self._icons.colours, self._tone)
        self._icon.setPixmap(self._icons.pixmap(self._drawing, 16, tint, self.devicePixelRatioF()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.chosen.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()  # else the release never comes here

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and not event.modifiers():
            self.chosen.emit()
        else:
            super().keyPressEvent(event)


class FindingsList(QWidget):
    """The findings of one purpose.

    Signals:
        place_wished: (object) the Finding that was chosen and has a place, or None to show none.
        mend_wished: (object) the Finding whose fix is wanted.
        row_chosen: (object) the FindingRow that was chosen, which may have grown.
    """

    place_wished = Signal(object)
    row_chosen = Signal(object)
    mend_wished = Signal(object)

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self.rows: list[FindingRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(SPACE // 2)
        self._can_mend = True

    def show_findings(self, findings: "tuple[Finding, ...]", purpose: str) -> None:
        """Those that concern a purpose, in their order."""
        was_marked = any(row.is_marked for row in self.rows)
        for row in self.rows:
            row.hide()
            self._column.removeWidget(row)
            row.deleteLater()
        self.rows = []
        for finding in findings:
            severity = next(value.value for key, value in finding.severity.items() if key == purpose)
            row = FindingRow(finding, severity, self._icons)
            row.button.setEnabled(self._can_mend)
            row.chosen.connect(lambda row=row: self._on_chosen(row))
            row.mend_wished.connect(lambda row=row: self.mend_wished.emit(row.finding))
            self._column.addWidget(row)
            self.rows.append(row)
        if was_marked:
            self.place_wished.emit(None)

    def set_can_mend(self, can: bool) -> None:
        """Whether the Fix buttons may be pressed."""
        self._can_mend = can
        for row in self.rows:
            row.button.setEnabled(can)

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        for row in self.rows:
            row.retint()

    def _on_chosen(self, chosen: FindingRow) -> None:
        is_marked = not chosen.is_marked
        for row in self.rows:
            row.mark(row is chosen and is_marked)
        has_place = not chosen.finding.place.is_empty
        self.place_wished.emit(chosen.finding if is_marked and has_place else None)
        self.row_chosen.emit(chosen)


def _what_it_does(finding: "Finding") -> str:
    """What the Fix button does, one line a step."""
    if not finding.fix:
        return ""
    from img2model_desktop.core.workshop.catalog import find

    operations = [find(step.operation) for step in finding.fix]
    return "\n".join(f"{operation.title}: {operation.summary}" for operation in operations)
