"""The Shape page of the right panel: what can be done to the mesh, and what was done to it."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from img2model_desktop.gui.controls import label, rule
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.options_form import OptionsForm
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.gui.workshop import Workshop

if TYPE_CHECKING:  # they bring numpy, which the window's start does without
    from img2model_desktop.core.workshop.operation import Operation

_ROW_PX = 26
_ROWS_SHOWN = 6
_SAME_SIZE = 1e-3  # of the size: what a field that shows a tenth of a millimetre can leave over


class OperationsList(QWidget):
    """Every operation as a button, by group.

    Signals:
        chosen: (object) an Operation.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.buttons: dict[str, QPushButton] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(SPACE // 2)

    def fill(self) -> None:
        """Makes the buttons, once; not before they are seen, because the catalogue brings numpy."""
        if self.buttons:
            return
        from img2model_desktop.core.workshop.catalog import OPERATIONS
        from img2model_desktop.core.workshop.operation import Group

        for group in Group:
            heading = label(group.value, "dim")
            heading.setContentsMargins(0, SPACE // 2 if self.buttons else 0, 0, 0)
            self._column.addWidget(heading)
            grid = QGridLayout()
            grid.setSpacing(SPACE // 2)
            grid.setColumnStretch(0, 1)
            grid.setColumnStretch(1, 1)
            self._column.addLayout(grid)
            for number, operation in enumerate(one for one in OPERATIONS if one.group is group):
                button = QPushButton(operation.title)
                button.setObjectName("operation")
                button.setToolTip(operation.summary)
                button.setAccessibleDescription(operation.summary)
                button.clicked.connect(lambda _=False, operation=operation: self.chosen.emit(operation))
                grid.addWidget(button, number // 2, number % 2)
                self.buttons[operation.key] = button


class OperationForm(QWidget):
    """One operation: what it does, its options, and the button that does it.

    Signals:
        apply_wished: (object) the Step to do, with the title of the operation.
        left: the user wants to see all operations again.
    """

    apply_wished = Signal(str, object)
    left = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._operation: Operation | None = None
        self._given: dict[str, dict[str, bool | int | float | str]] = {}
        self.form: OptionsForm | None = None
        self.back = QToolButton()
        self.back.setObjectName("section")
        self.back.setText("All operations")
        self.back.setToolTip("Back to all operations (Esc)")
        self.back.setIconSize(QSize(16, 16))
        self.back.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._title = label("", "title")
        self._summary = label("", "dim", wrap=True)
        self._note = label("", "warn", wrap=True)
        self.apply = QPushButton("Apply")
        self.apply.setObjectName("accent")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(SPACE)
        for part in (self.back, self._title, self._summary, self._note, self.apply):
            self._column.addWidget(part)
        self.back.clicked.connect(self.left)
        self.apply.clicked.connect(self._on_apply)

    @property
    def operation(self) -> "Operation | None":
        """The one that is shown."""
        return self._operation

    def show_operation(self, operation: "Operation") -> None:
        """Shows one, with the options it had when it was shown last."""
        self._keep()
        if self.form is not None:
            self.form.hide()
            self._column.removeWidget(self.form)
            self.form.deleteLater()
        self._operation = operation
        self.form = OptionsForm(operation.options, self._icons, back_to="its default", is_narrow=True)
        self.form.set_given(self._given.get(operation.key, {}))
        self.form.setVisible(not self.form.is_empty)
        self._column.insertWidget(3, self.form)
        self._title.setText(operation.title)
        self._summary.setText(operation.summary)
        self.apply.setAccessibleName(f"Apply {operation.title}")

    def show_state(self, can: bool, why: str, note: str) -> None:
        """Whether it can be done now, why not, and what else is to be said."""
        self.apply.setEnabled(can)
        self.apply.setToolTip(why)
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def has_lengths(self) -> bool:
        """Whether an option of the one that is shown is a length."""
        from dataclasses import fields

        from img2model_desktop.core.options import about

        return self._operation is not None and any(about(item).unit == "mm" for item in fields(self._operation.options))

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self.back.setIcon(self._icons.icon("back", self._icons.colours.dim))
        if self.form is not None:
            self.form.retint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def _keep(self) -> None:
        if self._operation is not None and self.form is not None:
            self._given[self._operation.key] = self.form.given()

    @Slot()
    def _on_apply(self) -> None:
        if self._operation is None or self.form is None:
            return
        from img2model_desktop.core.workshop.step import Step

        given = tuple(sorted(self.form.given().items()))
        self.apply_wished.emit(self._operation.title, Step(self._operation.key, given))


class EditsList(QWidget):
    """What was done: the original, each edit, and what was taken back. A click on a line goes there."""

    def __init__(self, workshop: Workshop, icons: Icons) -> None:
        super().__init__()
        self._workshop = workshop
        self._icons = icons
        self.undo = self._button("Undo the last edit")
        self.redo = self._button("Do the edit again")
        self.before = QPushButton("Before")
        self.before.setObjectName("small")
        self.before.setCheckable(True)
        self.before.setToolTip("Show the original instead, as long as this is on (C in the view)")
        self.revert = QPushButton("Original")
        self.revert.setObjectName("small")
        self.revert.setToolTip("Take all edits back; they can be done again")
        self.revert.setAccessibleName("Revert to the original")
        self.list = QListWidget()
        self.list.setObjectName("stack")
        self.list.setAccessibleName("Edits, oldest first")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setUniformItemSizes(True)
        head = QHBoxLayout()
        head.setSpacing(2)
        head.addWidget(label("Edits", "title"))
        head.addStretch()
        head.addWidget(self.before)
        head.addSpacing(SPACE // 2)
        head.addWidget(self.undo)
        head.addWidget(self.redo)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addLayout(head)
        column.addWidget(self.list)
        self.undo.clicked.connect(workshop.undo)
        self.redo.clicked.connect(workshop.redo)
        self.list.itemClicked.connect(self._on_item)
        self.list.itemActivated.connect(self._on_item)
        workshop.edits_changed.connect(self.show_edits)
        workshop.busy_changed.connect(self._update_buttons)
        self.show_edits()

    @Slot()
    def show_edits(self) -> None:
        """The stack as it is."""
        workshop, colours = self._workshop, self._icons.colours
        with QSignalBlocker(self.list):
            self.list.clear()
            if workshop.row is not None:
                self.list.addItem("Original")
                for number, edit in enumerate((*workshop.done, *workshop.undone)):
                    item = QListWidgetItem(edit.title)
                    item.setToolTip("\n".join(edit.notes) or edit.title)
                    if number >= len(workshop.done):
                        item.setForeground(QColor(colours.faint))
                        item.setText(f"{edit.title} (taken back)")
                    self.list.addItem(item)
                self.list.setCurrentRow(len(workshop.done))
        rows = min(max(self.list.count(), 1), _ROWS_SHOWN)
        self.list.setFixedHeight(rows * _ROW_PX + 10)
        self.setVisible(workshop.row is not None)
        self._update_buttons()

    def retint(self) -> None:
        """The icons and colours again."""
        self.undo.setIcon(self._icons.icon("undo"))
        self.redo.setIcon(self._icons.icon("redo"))
        self.show_edits()

    @Slot()
    def _update_buttons(self) -> None:
        workshop = self._workshop
        free = not workshop.is_working
        last = f" “{workshop.done[-1].title}”" if workshop.done else ""
        following = f" “{workshop.undone[0].title}”" if workshop.undone else ""
        self.undo.setEnabled(free and bool(workshop.done))
        self.undo.setToolTip(f"Undo{last} (Ctrl+Z in the view)" if last else "There is no edit to undo")
        self.redo.setEnabled(free and bool(workshop.undone))
        self.redo.setToolTip(f"Redo{following} (Ctrl+Shift+Z in the view)" if following else "There is none to redo")
        self.list.setEnabled(free)
        self.before.setEnabled(bool(workshop.done))
        if not workshop.done:
            self.before.setChecked(False)

    @Slot(QListWidgetItem)
    def _on_item(self, item: QListWidgetItem) -> None:
        self._workshop.go_to(self.list.row(item))
        with QSignalBlocker(self.list):
            self.list.setCurrentRow(len(self._workshop.done))

    def _button(self, name: str) -> QToolButton:
        button = QToolButton()
        button.setAccessibleName(name)
        button.setIconSize(QSize(18, 18))
        button.setFixedSize(28, 28)
        return button


class ShapePage(QWidget):
    """See the module.

    Signals:
        before_wished: (bool) whether the original shall be shown instead.
    """

    before_wished = Signal(bool)

    def __init__(self, workshop: Workshop, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("panel_page")
        self._workshop = workshop
        self.operations = OperationsList()
        self.form = OperationForm(icons)
        self.form.hide()
        self.edits = EditsList(workshop, icons)
        self._empty = label("There is no mesh to work on yet.", "dim", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(12)
        column.addWidget(self._empty)
        column.addWidget(self.edits)
        self._rule = rule()
        column.addWidget(self._rule)
        column.addWidget(self.operations)
        column.addWidget(self.form)
        column.addStretch()
        self.operations.chosen.connect(self._on_chosen)
        self.form.left.connect(self.show_all)
        self.form.apply_wished.connect(lambda title, step: workshop.do(title, (step,)))
        self.edits.before.toggled.connect(self.before_wished)
        for signal in (workshop.busy_changed, workshop.edits_changed, workshop.size_changed):
            signal.connect(self._update)
        self._update()

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self.form.retint()
        self.edits.retint()

    def showEvent(self, event: QShowEvent) -> None:
        self.operations.fill()
        self._update()
        super().showEvent(event)

    @Slot()
    def show_all(self) -> None:
        """All operations instead of one."""
        shown = self.form.operation
        self.form.hide()
        self.operations.show()
        if shown is not None:
            self.operations.buttons[shown.key].setFocus()

    @Slot(object)
    def _on_chosen(self, operation: "Operation") -> None:
        self.operations.hide()
        self.form.show_operation(operation)
        self.form.retint()
        self.form.show()
        self._update()
        self.form.apply.setFocus()

    @Slot()
    def _update(self) -> None:
        workshop = self._workshop
        has_mesh = workshop.row is not None
        can = has_mesh and not workshop.is_working
        self._empty.setVisible(not has_mesh)
        self._rule.setVisible(has_mesh)
        for button in self.operations.buttons.values():
            button.setEnabled(has_mesh)
        why = "Do this to the mesh; it can be undone"
        if not can:
            why = "It is being worked on" if has_mesh else "There is no mesh to work on yet."
        self.form.show_state(can, why, self._size_note())

    def _size_note(self) -> str:
        """That lengths count in the mesh's own size, where another one was set for saving."""
        look, wanted = self._workshop.look, self._workshop.size_mm
        if look is None or wanted is None or self.form.operation is None or not self.form.has_lengths():
            return ""
        own = 1000.0 * max(look.size_m)
        if abs(own - wanted) <= _SAME_SIZE * own or self.form.operation.key == "scale":
            return ""
        return f"Lengths count on the mesh as it is, {own:,.1f} mm; it is saved with {wanted:,.1f} mm."
