"""The check-up, and the archive for a bug report: what would be in it is shown before it is saved."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QProcess, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QFontDatabase
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from img2model_desktop.gui.controls import label, rule
from img2model_desktop.gui.diagnostics.calls import collect, save_bundle
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.latest_call import LatestCall
from img2model_desktop.gui.messages import Message, MessageBar, Tone
from img2model_desktop.gui.runner import JobRunner, Trouble
from img2model_desktop.gui.side_windows import BesideWindow
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.health.bundle import Member, file_name
from img2model_desktop.health.checks import Check, Grade, Places

SIZE = (960, 720)
_MARKS = {Grade.OK: "fit", Grade.WARN: "warning", Grade.BAD: "error"}
_COMMAND = (sys.executable, ["-m", "img2model_desktop", "doctor", "--json"])


class CheckUp(QObject):
    """The doctor in a process of its own: it loads torch and tries the graphics driver.

    Args:
        command: program and arguments; tests put in their own.

    Signals:
        checked: (object) a `Check`.
        ended: it has looked at everything, or died.
    """

    checked = Signal(object)
    ended = Signal()

    def __init__(self, parent: QObject, command: tuple[str, list[str]] = _COMMAND) -> None:
        super().__init__(parent)
        self._command = command
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._on_output)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)

    @property
    def is_running(self) -> bool:
        """Whether it is looking."""
        return self._process.state() is not QProcess.ProcessState.NotRunning

    def start(self) -> None:
        """Looks at everything; does nothing where it does so already."""
        if not self.is_running:
            self._process.start(*self._command)

    def stop(self) -> None:
        """Ends it, without a signal."""
        self._process.blockSignals(True)
        self._process.kill()
        self._process.waitForFinished(2000)
        self._process.blockSignals(False)

    @Slot()
    def _on_output(self) -> None:
        while self._process.canReadLine():
            line = bytes(self._process.readLine().data())
            try:
                plain: dict[str, Any] = json.loads(line)
                self.checked.emit(Check(**plain | {"grade": Grade(plain["grade"])}))
            except (ValueError, TypeError, KeyError):
                continue  # a library that writes to where only we should

    @Slot()
    def _on_finished(self) -> None:
        self._on_output()
        self.ended.emit()

    @Slot(QProcess.ProcessError)
    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self.ended.emit()


class ReportWindow(BesideWindow):
    """Beside the main window: the checks as they come, then what a report would hold, and Save.

    Args:
        runner: collects and writes aside.
        places: what is looked at.
        check_up: the doctor; None for the real one.
    """

    def __init__(
        self, runner: JobRunner, places: Places, icons: Icons, parent: QWidget, check_up: CheckUp | None = None
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("Check-up and report")
        self.resize(*SIZE)
        self.setMinimumSize(640, 480)
        self._places = places
        self._icons = icons
        self.check_up = check_up or CheckUp(self)
        self.checks: list[Check] = []
        self.members: tuple[Member, ...] = ()
        self.dialog: QFileDialog | None = None
        self._marks: list[tuple[QLabel, Grade]] = []
        self._collecting = LatestCall(runner, self)
        self._saving = LatestCall(runner, self)
        self.messages = MessageBar(icons)
        self._build()
        self.check_up.checked.connect(self._on_checked)
        self.check_up.ended.connect(self._on_ended)
        self._collecting.answered.connect(self._on_collected)
        self._saving.answered.connect(self._on_saved)
        self.files.currentRowChanged.connect(self._on_chosen)
        self.save_button.clicked.connect(self.ask_where_to_save)
        self.again_button.clicked.connect(self.start)

    @Slot()
    def start(self) -> None:
        """Looks at everything again; does nothing while it is looking."""
        if self.check_up.is_running:
            return
        self.checks, self.members = [], ()
        self._marks = []
        while (item := self._rows.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        self.files.clear()
        self.page.clear()
        self.save_button.setEnabled(False)
        self.again_button.setEnabled(False)
        self._state.setText("Looking at everything; loading the engines' library takes a few seconds…")
        self.check_up.start()

    def retint(self) -> None:
        """The marks again, in the theme's colours."""
        self.messages.retint()
        colours = self._icons.colours
        tints = {Grade.OK: colours.good, Grade.WARN: colours.warn, Grade.BAD: colours.bad}
        for mark, grade in self._marks:
            mark.setPixmap(self._icons.pixmap(_MARKS[grade], 16, tints[grade], self.devicePixelRatioF()))

    # Building

    def _build(self) -> None:
        self._state = label("", "dim")
        self.again_button = QPushButton("Look again")
        self.again_button.setToolTip("Looks at everything anew")
        self.save_button = QPushButton("Save report…")
        self.save_button.setObjectName("accent")
        self.save_button.setToolTip("Saves these files as one archive; nothing is sent anywhere")
        self.save_button.setEnabled(False)
        head = QHBoxLayout()
        head.setContentsMargins(16, 16, 16, 12)
        head.setSpacing(SPACE)
        head.addWidget(self._state, 1)
        head.addWidget(self.again_button)
        head.addWidget(self.save_button)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(head)
        whole.addWidget(self.messages)
        whole.addWidget(rule())
        whole.addWidget(self._check_list(), 3)
        whole.addWidget(rule())
        whole.addLayout(self._preview(), 2)

    def _check_list(self) -> QScrollArea:
        page = QWidget()
        page.setObjectName("panel_page")
        column = QVBoxLayout(page)
        column.setContentsMargins(16, 12, 16, 12)
        self._rows = QGridLayout()
        self._rows.setHorizontalSpacing(12)
        self._rows.setVerticalSpacing(6)
        self._rows.setColumnStretch(2, 1)
        column.addLayout(self._rows)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(page)
        scroll.setAccessibleName("Checks")
        return scroll

    def _preview(self) -> QVBoxLayout:
        self.files = QListWidget()
        self.files.setObjectName("stack")
        self.files.setFixedWidth(200)
        self.files.setAccessibleName("Files of the report")
        self.files.setToolTip("What the report would hold")
        self.page = QPlainTextEdit()
        self.page.setReadOnly(True)
        self.page.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.page.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.page.setAccessibleName("Content of the chosen file")
        self._about = label("What a report would hold, without names, pictures and prompts:", "dim")
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self.files)
        row.addWidget(self.page, 1)
        column = QVBoxLayout()
        column.setContentsMargins(16, 12, 16, 16)
        column.setSpacing(SPACE)
        column.addWidget(self._about)
        column.addLayout(row, 1)
        return column

    # Slots

    @Slot(object)
    def _on_checked(self, check: Check) -> None:
        self.checks.append(check)
        mark = QLabel()
        mark.setFixedSize(16, 18)
        mark.setAccessibleName(str(check.grade))
        self._marks.append((mark, check.grade))
        row = self._rows.rowCount()
        top = Qt.AlignmentFlag.AlignTop
        title = label(check.title, "value")
        title.setMinimumWidth(112)
        text = label(f"{check.what}\n{check.advice}".strip(), "dim", wrap=True)
        text.setAlignment(top | Qt.AlignmentFlag.AlignLeft)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._rows.addWidget(mark, row, 0, top)
        self._rows.addWidget(title, row, 1, top)
        self._rows.addWidget(text, row, 2)
        self.retint()

    @Slot()
    def _on_ended(self) -> None:
        self.again_button.setEnabled(True)
        bad = sum(check.grade is Grade.BAD for check in self.checks)
        warned = sum(check.grade is Grade.WARN for check in self.checks)
        if not self.checks:
            self._state.setText("The check-up could not be made; the report has the rest.")
        elif bad:
            self._state.setText(f"{bad} of {len(self.checks)} checks found something that does not work.")
        elif warned:
            has = "has" if warned == 1 else "have"
            self._state.setText(f"Everything works; {warned} of {len(self.checks)} checks {has} something to say.")
        else:
            self._state.setText(f"All {len(self.checks)} checks are well.")
        self._collecting.ask(collect, self._places, tuple(self.checks))

    @Slot(object, object)
    def _on_collected(self, members: tuple[Member, ...] | None, trouble: Trouble | None) -> None:
        if trouble is not None or members is None:
            if trouble is not None:
                self.messages.tell(Message(Tone.ERROR, trouble.message, trouble.advice, trouble.details))
            return
        self.members = members
        for member in members:
            self.files.addItem(member.name)
            self.files.item(self.files.count() - 1).setToolTip(member.what)
        self.files.setCurrentRow(0)
        self.save_button.setEnabled(True)

    @Slot(int)
    def _on_chosen(self, row: int) -> None:
        if 0 <= row < len(self.members):
            self.page.setPlainText(self.members[row].content)

    @Slot()
    def ask_where_to_save(self) -> None:
        """Lets the user choose where to put the archive."""
        dialog = QFileDialog(self, "Save report", str(Path.home()), "Archive (*.zip)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("zip")
        dialog.selectFile(file_name(time.time()))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.save(Path(name)))
        self.dialog = dialog
        dialog.show()

    def save(self, path: Path) -> None:
        """Writes what is shown."""
        self._saving.ask(save_bundle, path, self.members)

    @Slot(object, object)
    def _on_saved(self, path: Path | None, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.messages.tell(Message(Tone.ERROR, trouble.message, trouble.advice, trouble.details))
        elif path is not None:
            text = f"Saved as {path.name}."
            self.messages.tell(Message(Tone.INFO, text, "Nothing was sent: attach it where you report the fault."))

    # Beginning and end

    def closeEvent(self, event: QCloseEvent) -> None:
        self.check_up.stop()
        self.again_button.setEnabled(True)
        self._collecting.forget()
        super().closeEvent(event)
