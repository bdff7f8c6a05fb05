"""One row of the weights window: a set of published weights, how it stands here, and what can be done with it."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QMenu, QPushButton, QWidget

from img2model_desktop.gui.controls import label, set_tone
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.gui.weights.words import Row

FOLDER, FILE = "folder", "file"


class WeightsRow(QFrame):
    """A set: title, state, what it is for, where it is published, its licence, and its buttons.

    Signals:
        import_wished: (str) the user wants to choose a `FOLDER` or a `FILE` that holds it.
        download_wished: () the user wants to be asked about a download.
        go_on_wished, discard_wished: () the user wants a download that ended early to go on, or what came deleted.
        convert_wished: (str) the user wants a conversion, or what was made deleted; see `Row.conversions`.
        verify_wished, remove_wished, export_wished: () the user wants that; removing was asked for twice.
    """

    import_wished = Signal(str)
    download_wished = Signal()
    go_on_wished = Signal()
    discard_wished = Signal()
    convert_wished = Signal(str)
    verify_wished = Signal()
    remove_wished = Signal()
    export_wished = Signal()

    def __init__(self, row: Row, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("card")
        self.row = row
        self._icons = icons
        self._icon = QLabel()
        self._icon.setFixedSize(20, 20)
        self._title = label("", "title")
        self.state = label("", "dim", wrap=True)
        self.licence = label("")
        self.licence.setObjectName("badge")
        self._use = label("", "value", wrap=True)
        self._source = label("", "dim", wrap=True)
        self._source.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 12, 12, 12)
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(SPACE // 2)
        grid.setColumnStretch(1, 1)
        top = Qt.AlignmentFlag.AlignTop
        grid.addWidget(self._icon, 0, 0, top)
        grid.addWidget(self._title, 0, 1)
        grid.addWidget(self.licence, 0, 2)
        grid.addWidget(self.state, 1, 1, 1, 2)
        grid.addWidget(self._use, 2, 1, 1, 2)
        grid.addWidget(self._source, 3, 1, 1, 2)
        grid.setRowMinimumHeight(4, SPACE // 2)
        grid.addWidget(self._build_buttons(), 5, 1, 1, 2)
        grid.addWidget(self._build_question(), 5, 1, 1, 2)
        self.show_row(row)

    def show_row(self, row: Row) -> None:
        """How it stands now."""
        self.row = row
        self._title.setText(row.title)
        self.state.setText(row.state_words)
        set_tone(self.state, row.tone)
        self.state.setToolTip(row.state_help)
        self.licence.setText(row.licence_words)
        self.licence.setToolTip(row.licence_help)
        set_tone(self.licence, row.licence_tone)
        self._use.setText(row.use)
        self._source.setText(row.source_words)
        self._source.setToolTip(row.where)
        self.setAccessibleName(f"{row.title}: {row.state_words}. {row.licence_words}")
        self.setAccessibleDescription(f"{row.use} {row.source_words}")
        self.download_button.setText("Repair…" if row.is_here else "Download…")
        self.download_button.setVisible(not row.is_whole and not row.is_waiting)
        self.go_on_button.setVisible(row.is_waiting)
        self.discard_button.setVisible(row.is_waiting)
        self.import_button.setText("Import again…" if row.is_here else "Import…")
        self.import_button.setVisible(not row.is_whole)
        for button in (self.verify_button, self.export_button, self.remove_button):
            button.setVisible(row.is_here)
        self.export_button.setVisible(row.is_whole)
        self._show_conversions()
        self._ask(False)
        self._name_buttons()
        self.retint()

    def set_can_act(self, can: bool) -> None:
        """Whether its buttons may be pressed: one thing is done at a time."""
        for button in self.buttons():
            button.setEnabled(can)

    def buttons(self) -> tuple[QPushButton, ...]:
        """All of them, also those that are not shown now."""
        return (*self._own(), self.remove_for_good, self.keep)

    def _own(self) -> tuple[QPushButton, ...]:
        download = (self.go_on_button, self.download_button, self.import_button, self.discard_button)
        return (*download, self.verify_button, self.export_button, self.convert_button, self.remove_button)

    def _show_conversions(self) -> None:
        menu = self.convert_button.menu()
        menu.clear()
        for what, words in self.row.conversions:
            menu.addAction(words).triggered.connect(self._conversion(what))
        self.convert_button.setVisible(bool(self.row.conversions))

    def retint(self) -> None:
        """The icon again, in the theme's colours."""
        colours = self._icons.colours
        tint = {"good": colours.good, "warn": colours.warn, "bad": colours.bad}.get(self.row.tone, colours.faint)
        self._icon.setPixmap(self._icons.pixmap(self.row.drawing, 20, tint, self.devicePixelRatioF()))

    # Building

    def _build_buttons(self) -> QWidget:
        self.import_button = QPushButton("Import…")
        menu = QMenu(self.import_button)
        for text, what in (("From a &folder…", FOLDER), ("From a &file…", FILE)):
            action = QAction(text, menu)
            action.triggered.connect(self._wish_for(what))
            menu.addAction(action)
        self.import_button.setMenu(menu)
        self.download_button = self._button("Download…", self.download_wished.emit)
        self.go_on_button = self._button("Go on", self.go_on_wished.emit)
        self.discard_button = self._button("Discard", self.discard_wished.emit)
        self.verify_button = self._button("Verify", self.verify_wished.emit)
        self.export_button = self._button("Export for another machine…", self.export_wished.emit)
        self.convert_button = QPushButton("Convert")
        self.convert_button.setMenu(QMenu(self.convert_button))
        self.remove_button = self._button("Remove…", lambda: self._ask(True))
        self._buttons = QWidget()
        line = QHBoxLayout(self._buttons)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(SPACE // 2)
        for button in self._own():
            button.setObjectName("small")
            line.addWidget(button)
        line.addStretch()
        return self._buttons

    def _build_question(self) -> QWidget:
        self._question = QWidget()
        self.question = label("", "value", wrap=True)
        self.remove_for_good = self._button("Remove", self.remove_wished.emit)
        self.keep = self._button("Keep", lambda: self._ask(False))
        line = QHBoxLayout(self._question)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(SPACE // 2)
        line.addWidget(self.question, 1)
        for button in (self.remove_for_good, self.keep):
            button.setObjectName("small")
            line.addWidget(button)
        self._question.hide()
        return self._question

    def _button(self, text: str, act: Callable[[], object]) -> QPushButton:
        made = QPushButton(text)
        made.clicked.connect(lambda: act())
        return made

    def _wish_for(self, what: str) -> Callable[[], None]:
        return lambda: self.import_wished.emit(what)

    def _conversion(self, what: str) -> Callable[[], None]:
        return lambda: self.convert_wished.emit(what)

    def _ask(self, is_asking: bool) -> None:
        """Asks in place whether to remove it, or shows the buttons again."""
        had_focus = any(button.hasFocus() for button in self.buttons())
        self.question.setText(self.row.remove_question)
        self._question.setVisible(is_asking)
        self._buttons.setVisible(not is_asking)
        if had_focus:
            (self.keep if is_asking else self.remove_button).setFocus()

    def _name_buttons(self) -> None:
        title, row = self.row.title, self.row
        for button, name, tip in (
            (self.import_button, f"Import {title}", f"Choose a folder or a file that holds {title}"),
            (self.download_button, *self._about_download()),
            (self.go_on_button, f"Go on downloading {title}", "Go on where the download ended"),
            (self.discard_button, f"Discard the download of {title}", "Delete what came of it"),
            (self.verify_button, f"Verify {title}", "Read every byte and compare it with what was published"),
            (self.export_button, f"Export {title}", "Write a folder that Import on another machine understands"),
            (self.convert_button, f"Convert {title}", "Make a file of it that loads faster; its own files stay"),
            (self.remove_button, f"Remove {title}", row.remove_question),
            (self.remove_for_good, f"Remove {title} now", row.remove_question),
            (self.keep, f"Keep {title}", "Leave everything as it is"),
        ):
            button.setAccessibleName(name)
            button.setToolTip(tip)

    def _about_download(self) -> tuple[str, str]:
        title = self.row.title
        if self.row.is_here:
            return f"Repair {title}", "Download what is gone or damaged; first you are asked"
        return f"Download {title}", "First you are asked: licence, size, host"
