"""What happens when the program itself is wrong: a window with everything a report needs, and work goes on."""

import logging
import platform
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import Qt, Slot, qVersion
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout

from img2model_desktop import __version__, logs
from img2model_desktop.gui.controls import label

LOG_LINES = 40

log = logging.getLogger(__name__)


class CrashDialog(QDialog):
    """The report of one bug; not modal, so that the window behind it can still be used and saved from."""

    def __init__(self, report: str) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Something went wrong in Image2Model Desktop")
        self.resize(720, 480)
        self._report = QPlainTextEdit(report)
        self._report.setReadOnly(True)
        self._report.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._report.setAccessibleName("Report")
        self._copy = QPushButton("Copy the report")
        close = QPushButton("Go on")
        close.setDefault(True)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self._copy)
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(label("This is a fault of the program, not yours.", "title"))
        text = "Your jobs and results are on disk. You can go on. If it happens again, start anew and please report it."
        column.addWidget(label(text, "dim", wrap=True))
        column.addWidget(self._report, 1)
        column.addLayout(row)
        self._copy.clicked.connect(self._on_copy)
        close.clicked.connect(self.close)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._report.toPlainText())
        self._copy.setText("Copied")


class CrashHook:
    """Takes the place of `sys.excepthook` while the window is there. One report is shown at a time.

    Args:
        log_file: whose last lines go into the report.
        show: shows the report; tests put in their own.
    """

    def __init__(self, log_file: Path | None, show: Callable[[str], QDialog] = CrashDialog) -> None:
        self._log_file = log_file
        self._show = show
        self._shown: QDialog | None = None
        self._before = sys.excepthook
        self._before_thread = threading.excepthook

    def install(self) -> None:
        """From now on, nothing that goes wrong in a slot is lost."""
        self._before = sys.excepthook
        sys.excepthook = self
        self._before_thread = threading.excepthook
        threading.excepthook = self._log_thread

    def remove(self) -> None:
        """Everything as it was."""
        sys.excepthook = self._before
        threading.excepthook = self._before_thread

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Logs and shows the error; Ctrl+C in a terminal is left to Python."""
        if issubclass(kind, KeyboardInterrupt):
            self._before(kind, error, trace)
            return
        text = "".join(traceback.format_exception(kind, error, trace))
        log.critical("a bug: %s", text)
        if self._shown is None:
            self._shown = self._show(report(text, self._log_file))
            self._shown.destroyed.connect(self._on_closed)
            self._shown.show()

    def _log_thread(self, told: threading.ExceptHookArgs) -> None:
        """A thread that ends by an error is logged; the window is not this thread's to touch."""
        log.critical("a bug in a thread: %s", "".join(traceback.format_exception(told.exc_value)))

    def _on_closed(self) -> None:
        self._shown = None


def report(trace: str, log_file: Path | None) -> str:
    """Everything that somebody needs to find the fault, as text."""
    lines = [
        f"Image2Model Desktop {__version__}",
        f"Python {platform.python_version()}, Qt {qVersion()}, {platform.platform()}",
        "",
        trace.rstrip(),
    ]
    if log_file is not None:
        lines += ["", "Last lines of the log", logs.last_lines(log_file, LOG_LINES)]
    return "\n".join(lines)
