"""A small sheet over a card: what the program decided and noticed in a job, and why it failed."""

import time

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from img2model_desktop.errors import Severity, severity_of
from img2model_desktop.gui.controls import label
from img2model_desktop.gui.history.jobs import state_words
from img2model_desktop.gui.icons import Icons
from img2model_desktop.jobs.job_row import JobRow, JobState

WIDTH_PX = 380
_CATEGORIES = {
    "input": "the input",
    "setup": "this machine's set-up",
    "memory": "memory",
    "engine": "the engine",
    "history": "the history",
}


class Happened(QFrame):
    """Closes when the user clicks beside it or presses Escape."""

    def __init__(self, row: JobRow, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("floating")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName(f"What happened in “{row.title}”")
        self._icons = icons
        self._row = row
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 12, 14, 12)
        self._column.setSpacing(8)
        self._column.addWidget(label(row.title, "title", wrap=True))
        self._column.addWidget(label(_times(row), "dim", wrap=True))
        for sentence in row.decisions:
            self._add("info", icons.colours.focus, sentence)
        for sentence in row.warnings:
            self._add("warning", icons.colours.warn, sentence)
        if row.state is JobState.FAILED:
            self._add_failure()
        elif not row.decisions and not row.warnings:
            self._column.addWidget(label("Nothing out of the ordinary.", "dim"))
        self.setFixedWidth(WIDTH_PX)

    def show_over(self, card: QRect) -> None:
        """Shows it above a place on the screen, in screen pixels, with its left edge where that begins."""
        self.ensurePolished()
        height = self._column.totalHeightForWidth(WIDTH_PX)
        screen = QGuiApplication.screenAt(card.center()) or QGuiApplication.primaryScreen()
        room = screen.availableGeometry()
        left = min(max(card.left(), room.left() + 8), room.right() - WIDTH_PX - 8)
        top = max(card.top() - height - 8, room.top() + 8)
        self.setGeometry(left, top, WIDTH_PX, height)
        self.show()
        self.setFocus()

    def _add_failure(self) -> None:
        row = self._row
        self._add("error", self._icons.colours.bad, f"{row.error_message} {row.error_advice}".strip())
        self._column.addWidget(label(failure_words(row.error_kind), "dim", wrap=True))
        if row.error_details:
            copy = QPushButton("Copy details")
            copy.setObjectName("small")
            copy.setToolTip("Puts the details for a bug report on the clipboard")
            copy.clicked.connect(self._on_copy)
            self._column.addWidget(copy, 0, Qt.AlignmentFlag.AlignLeft)

    def _add(self, icon: str, tint: str, sentence: str) -> None:
        line = QHBoxLayout()
        line.setSpacing(8)
        drawing = QLabel()
        drawing.setPixmap(self._icons.pixmap(icon, 18, tint, self.devicePixelRatioF()))
        line.addWidget(drawing, 0, Qt.AlignmentFlag.AlignTop)
        text = label(sentence, "value", wrap=True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        line.addWidget(text, 1)
        self._column.addLayout(line)

    def _on_copy(self) -> None:
        row = self._row
        QGuiApplication.clipboard().setText(f"{row.error_message}\n{row.error_advice}\n\n{row.error_details}")
        self.close()


def failure_words(kind: str) -> str:
    """The category and the severity of a failure, in a sentence."""
    if kind not in _CATEGORIES:
        return "A fault of the program itself. Please report it."
    weight = {
        Severity.MILD: "Change it and try again.",
        Severity.SERIOUS: "Other such jobs may fail, too, until it is put right.",
        Severity.GRAVE: "Nothing is safe until it is put right.",
    }[severity_of(kind)]
    return f"It is about {_CATEGORIES[kind]}. {weight}"


def _times(row: JobRow) -> str:
    began = time.strftime("%d %B %Y, %H:%M", time.localtime(row.created))
    times = f", started {row.starts} times" if row.starts > 1 else ""
    return f"{began}{times} · {state_words(row)}"
