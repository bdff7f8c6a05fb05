"""The right panel: what the mesh is fit for, and three pages: Check, Shape, Export."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QScrollArea, QStackedWidget, QVBoxLayout, QWidget
from shiboken6 import isValid

from img2model_desktop.gui.check_page import CheckPage
from img2model_desktop.gui.controls import Segments
from img2model_desktop.gui.export_section import ExportSection
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.latest_call import Caller
from img2model_desktop.gui.operations_section import ShapePage
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.gui.verdict_section import VerdictSection
from img2model_desktop.gui.workshop import Workshop
from img2model_desktop.jobs.job_row import JobRow

if TYPE_CHECKING:  # it brings numpy, which the window's start does without
    from img2model_desktop.core.verdict.findings import Finding

CHECK, SHAPE, EXPORT = "check", "shape", "export"
_PAGES = (
    (CHECK, "Check", "What was found, and what mends it (Ctrl+1)"),
    (SHAPE, "Shape", "What can be done to the mesh (Ctrl+2)"),
    (EXPORT, "Export", "Format, size, and Save (Ctrl+3)"),
)
WIDTH_PX = 304


class WorkshopPanel(QWidget):
    """Puts the pages together around one `Workshop`.

    Signals:
        place_wished: (object) the Finding whose place is to be shown on the mesh, or None.
        before_wished: (bool) whether the original shall be shown instead of the edited mesh.
        open_wished: the user wants to open a mesh.
        failed: (object) why something could not be done, a `Trouble`.
    """

    place_wished = Signal(object)
    before_wished = Signal(bool)
    open_wished = Signal()
    failed = Signal(object)

    def __init__(self, caller: Caller, icons: Icons, suffix: str, up: str, purpose: str) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.workshop = Workshop(caller, self)
        self.verdict = VerdictSection(icons, purpose)
        self._focused: QWidget | None = None
        self.workshop.busy_changed.connect(self._keep_focus)  # before the pages switch their buttons off
        self.check = CheckPage(self.workshop, icons, self.verdict.purpose)
        self.shape = ShapePage(self.workshop, icons)
        self.export = ExportSection(caller, self.workshop, icons, suffix, up)
        self.pages = Segments(_PAGES, "Page")
        self._stack = QStackedWidget()
        pages: tuple[QWidget, ...] = (self.check, self.shape, self.export)
        self._scrolls = {page: _scrolled(page) for page in pages}
        for scroll in self._scrolls.values():
            self._stack.addWidget(scroll)
        head = QWidget()
        column = QVBoxLayout(head)
        column.setContentsMargins(12, 12, 12, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.verdict)
        column.addWidget(self.pages)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(head)
        whole.addWidget(self._stack, 1)
        self.setMinimumWidth(WIDTH_PX)
        self._connect()

    @property
    def purpose(self) -> str:
        """What the mesh is judged for first, a value of `Purpose`."""
        return self.verdict.purpose

    def show_job(self, row: JobRow | None) -> None:
        """The job whose result is on screen, or None."""
        self.workshop.show(row)

    def show_page(self, page: str) -> None:
        """One of CHECK, SHAPE, EXPORT."""
        self.pages.set_value(page)
        self._on_page_chosen(page)

    def reveal(self, page: QWidget, part: QWidget) -> None:
        """Scrolls a page to a part of it, once the page has been laid out."""

        def scroll() -> None:
            area = self._scrolls[page]
            if isValid(part):
                area.ensureWidgetVisible(part, 0, SPACE)

        QTimer.singleShot(0, self, scroll)

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        for part in (self.verdict, self.check, self.shape, self.export):
            part.retint()

    def close_files(self) -> None:
        """Ends what waits and removes the files made for dragging."""
        self.workshop.close()
        self.export.close_files()

    def _connect(self) -> None:
        workshop = self.workshop
        workshop.verdict_changed.connect(self._show_verdict)
        workshop.result_changed.connect(self._show_verdict)
        workshop.busy_changed.connect(self._show_busy)
        workshop.moved.connect(self.verdict.status.move_to)
        workshop.failed.connect(self._tell)
        self.verdict.purpose_chosen.connect(self.check.show_purpose)
        self.verdict.stop_wished.connect(workshop.stop)
        self.verdict.check_wished.connect(workshop.judge)
        self.pages.chosen.connect(self._on_page_chosen)
        self.check.place_wished.connect(self._show_place)
        self.check.open_wished.connect(self.open_wished)
        self.shape.before_wished.connect(self.before_wished)
        self.export.failed.connect(self._tell)
        self.check.findings.row_chosen.connect(lambda row: self.reveal(self.check, row))
        self.check.plan.asked.connect(lambda: self.reveal(self.check, self.check.plan))
        self.shape.operations.chosen.connect(lambda _operation: self.reveal(self.shape, self.shape.form))
        self.export.saved.connect(lambda _exported: self.reveal(self.export, self.export.folder_button))

    @Slot()
    def _keep_focus(self) -> None:
        """A button that is switched off would hand the focus to whatever comes next: the chosen chip keeps it as long
        as an edit is under way, then gives it back."""
        chip, focused = self.verdict.chips[self.purpose], QApplication.focusWidget()
        if self.workshop.is_working and focused is not None and self._stack.isAncestorOf(focused):
            self._focused = focused
            chip.setFocus()
        elif not self.workshop.is_working and self._focused is not None:
            back, self._focused = self._focused, None
            if focused is chip and isValid(back):
                QTimer.singleShot(0, back, back.setFocus)

    @Slot()
    def _show_verdict(self) -> None:
        self.verdict.show_verdict(self.workshop.verdict, self.workshop.row is not None)

    @Slot()
    def _show_busy(self) -> None:
        self.verdict.show_busy(self.workshop.doing)

    @Slot(str)
    def _on_page_chosen(self, page: str) -> None:
        self._stack.setCurrentIndex([CHECK, SHAPE, EXPORT].index(page))

    @Slot(object)
    def _show_place(self, finding: "Finding | None") -> None:
        if finding is not None:
            self.shape.edits.before.setChecked(False)  # it is a place on the mesh as it is now
        self.place_wished.emit(finding)

    @Slot(object)
    def _tell(self, trouble: Trouble) -> None:
        self.failed.emit(trouble)


def _scrolled(page: QWidget) -> QScrollArea:
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    scroll.setWidget(page)
    return scroll
