"""The question before a download: what comes from where under which licence, and what to copy instead."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from img2model_desktop.gui.controls import Fold, label, set_tone
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.gui.weights.words import Question

_LINES = 8  # of the licence that are seen at once


class ConsentPage(QWidget):
    """Says what a download means, and asks.

    Signals:
        agreed: () the user read it and wants it.
        folder_wished: () the user brings a folder instead.
        left: () the user wants neither.
    """

    agreed = Signal()
    folder_wished = Signal()
    left = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._icon = QLabel()
        self._icon.setFixedSize(20, 20)
        self.title = label("", "title", wrap=True)
        self.summary = label("", "value", wrap=True)
        self.room = label("", "dim", wrap=True)
        self.licence = _text("Licence of the weights", _LINES)
        self.list = _text("Files to copy from another machine", 3)
        self.copy_button = QPushButton("Copy list")
        self.copy_button.setObjectName("small")
        self.copy_button.setToolTip("Put the list of files on the clipboard")
        self.fold = Fold("Or copy these files from another machine", self._build_list(), icons)
        self.fold.heading.setToolTip("Show which files to copy")
        self.agree_button = QPushButton("Agree and download")
        self.agree_button.setObjectName("accent")
        self.folder_button = QPushButton("Open folder instead…")
        self.folder_button.setToolTip("Choose a folder that holds these files; nothing is downloaded")
        self.leave_button = QPushButton("Leave it")
        self.leave_button.setToolTip("Download nothing (Esc)")
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 12, 12, 12)
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(SPACE)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self._icon, 0, 0)
        for row, widget in enumerate((self.title, self.summary, self.licence, self.fold, self.room)):
            grid.addWidget(widget, row, 1)
        grid.addLayout(self._build_buttons(), 5, 1)
        self.agree_button.clicked.connect(self.agreed)
        self.folder_button.clicked.connect(self.folder_wished)
        self.leave_button.clicked.connect(self.left)
        self.copy_button.clicked.connect(self._copy)

    def show_question(self, question: Question) -> None:
        """What is asked now."""
        self.title.setText(question.title)
        self.summary.setText(question.summary)
        self.room.setText(question.room)
        set_tone(self.room, "dim" if question.is_possible else "bad")
        self.licence.setPlainText(question.licence)
        self.list.setPlainText(question.files)
        self.copy_button.setText("Copy list")
        self.agree_button.setEnabled(question.is_possible)
        self.agree_button.setToolTip(question.room)
        for button, words in ((self.agree_button, "Agree and download"), (self.folder_button, "Open a folder with")):
            button.setAccessibleName(f"{words} {question.name}")
        self.setAccessibleName(f"{question.title} {question.summary} {question.room}")
        self.retint()

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        colour = self._icons.colours.accent
        self._icon.setPixmap(self._icons.pixmap("info", 20, colour, self.devicePixelRatioF()))
        self.fold.retint()

    def _build_list(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addWidget(self.list)
        row = QHBoxLayout()
        row.addWidget(label("Then drop their folder on this window.", "dim"), 1)
        row.addWidget(self.copy_button)
        column.addLayout(row)
        return page

    def _build_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        for button in (self.agree_button, self.folder_button, self.leave_button):
            row.addWidget(button)
        row.addStretch()
        return row

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.list.toPlainText())
        self.copy_button.setText("Copied")


def _text(name: str, lines: int) -> QPlainTextEdit:
    """Text to read and to copy from; so many lines of it are seen at once."""
    made = QPlainTextEdit()
    made.setReadOnly(True)
    made.setAccessibleName(name)
    made.setToolTip(name)
    made.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    made.setTabChangesFocus(True)
    made.setFixedHeight(made.fontMetrics().lineSpacing() * lines + 16)
    return made
