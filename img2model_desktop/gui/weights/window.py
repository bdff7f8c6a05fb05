"""The window of engines and weights: what is here, what is missing, and how to bring it. It is never modal."""

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from img2model_desktop.engines.weights.pipelines import PLACE
from img2model_desktop.gui.controls import label, rule
from img2model_desktop.gui.file_dialogs import FileDialogs
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.intake import local_files
from img2model_desktop.gui.messages import Message, MessageBar
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.gui.weights.intake import WeightsIntake
from img2model_desktop.gui.weights.pipelines import PipelinesSection
from img2model_desktop.gui.weights.row import FOLDER, WeightsRow
from img2model_desktop.gui.weights.shelf import WeightsShelf
from img2model_desktop.gui.weights.words import Row, engines_of

SIZE = (760, 720)
_INTRODUCTION = (
    "These engines need published weights. Bring the files from where you have them, or let this program download "
    "them: it goes to no network before you have agreed."
)


class WeightsWindow(QWidget):
    """A row for each set of weights, and above them the place that takes in what is brought.

    Args:
        shelf: what is here, and what is done with it.
        parent: the main window; this one stays above it and closes with it.
    """

    def __init__(self, shelf: WeightsShelf, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("Engines and weights")
        self.setAcceptDrops(True)
        self.resize(*SIZE)
        self.setMinimumSize(520, 400)
        self._shelf = shelf
        self._icons = icons
        self.rows: dict[str, WeightsRow] = {}
        self._awaited = ""  # engine whose row shall be shown once it is there
        self.dialogs = FileDialogs(self)
        self.messages = MessageBar(icons)
        self.intake = WeightsIntake(icons)
        self.pipelines = PipelinesSection(icons)
        self._build()
        self._connect()
        self._show_rows()

    def bring(self, paths: tuple[Path, ...], wanted: str = "") -> None:
        """Looks what files and folders hold, and asks how to take them in.

        Args:
            paths: each of them one set.
            wanted: key of the set that the user wants to have in them, or "".
        """
        self.messages.clear()
        self._shelf.find(paths, wanted)

    def browse(self, what: str, wanted: str = "") -> None:
        """Lets the user choose a folder or a file with weights."""
        self.dialogs.ask_for_weights(what == FOLDER, lambda path: self.bring((Path(path),), wanted))

    def show_engine(self, engine: str) -> None:
        """Brings the row of the set that an engine needs into view, with the focus on its first button; for one that
        needs a pipeline their section.

        Args:
            engine: key, or "" to leave everything as it is.
        """
        if engine in {spec.key for spec in engines_of(PLACE)}:
            self._scroll.ensureWidgetVisible(self.pipelines.add_button)
            self.pipelines.add_button.setFocus()
            return
        found = [row for key, row in self.rows.items() if engine in {spec.key for spec in engines_of(key)}]
        self._awaited = "" if found else engine
        if found:
            self._scroll.ensureWidgetVisible(found[0])
            next(button for button in found[0].buttons() if not button.isHidden()).setFocus()

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self.messages.retint()
        self.intake.retint()
        self.pipelines.retint()
        for row in self.rows.values():
            row.retint()

    # Building

    def _build(self) -> None:
        page = QWidget()
        page.setObjectName("panel_page")
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(16, 12, 16, 16)
        self._column.setSpacing(SPACE)
        self._column.addWidget(self.pipelines)
        self._column.addStretch()
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(page)
        head = QVBoxLayout()
        head.setContentsMargins(16, 16, 16, 12)
        head.setSpacing(12)
        head.addWidget(label(_INTRODUCTION, "dim", wrap=True))
        head.addWidget(self.intake)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(head)
        whole.addWidget(self.messages)
        whole.addWidget(rule())
        whole.addWidget(self._scroll, 1)

    def _connect(self) -> None:
        shelf, intake = self._shelf, self.intake
        shelf.rows_changed.connect(self._show_rows)
        shelf.work_changed.connect(self._on_work_changed)
        shelf.moved.connect(intake.show_progress)
        shelf.offered.connect(intake.show_offer)
        shelf.asked.connect(intake.show_terms)
        shelf.paced.connect(intake.show_pace)
        shelf.told.connect(self.tell)
        intake.browse_wished.connect(self.browse)
        intake.taken.connect(shelf.take)
        intake.agreed.connect(shelf.agree)
        intake.folder_wished.connect(self._browse_instead)
        intake.left.connect(shelf.leave)
        intake.pause_wished.connect(shelf.pause)
        intake.stop_wished.connect(shelf.stop)
        self.pipelines.add_wished.connect(lambda: self.browse(FOLDER))
        self.pipelines.verify_wished.connect(shelf.verify_pipeline)
        self.pipelines.remove_wished.connect(shelf.unlink)

    @Slot()
    def _show_rows(self) -> None:
        shown = self._shelf.rows()
        for row in shown:
            if row.key in self.rows:
                self.rows[row.key].show_row(row)
            else:
                self._add(row)
        self.pipelines.show_pipelines(self._shelf.pipelines())
        if self._awaited and shown:
            QTimer.singleShot(0, self, lambda: self.show_engine(self._awaited))  # when the rows have their places

    def _add(self, row: Row) -> None:
        made = WeightsRow(row, self._icons)
        made.import_wished.connect(lambda what: self.browse(what, row.key))
        made.download_wished.connect(lambda: self._ask_for_download(row.key))
        made.go_on_wished.connect(lambda: self._shelf.go_on(row.key))
        made.discard_wished.connect(lambda: self._shelf.discard(row.key))
        made.convert_wished.connect(lambda what: self._shelf.convert(row.key, what))
        made.verify_wished.connect(lambda: self._shelf.verify(row.key))
        made.remove_wished.connect(lambda: self._shelf.remove(row.key))
        made.export_wished.connect(lambda: self._export(row))
        self._column.insertWidget(self._column.count() - 2, made)
        made.set_can_act(not self._shelf.is_busy)
        self.rows[row.key] = made

    def _export(self, row: Row) -> None:
        self.dialogs.ask_for_folder(f"Export {row.title} to", lambda folder: self._shelf.export(row.key, Path(folder)))

    def _ask_for_download(self, key: str) -> None:
        self.messages.clear()
        self._shelf.ask(key)

    # Slots

    @Slot(str)
    def _browse_instead(self, key: str) -> None:
        """A folder in the place of a download."""
        self._shelf.leave()
        self.browse(FOLDER, key)

    @Slot(object)
    def tell(self, message: Message) -> None:
        """Shows a message under the place that takes weights in."""
        self.messages.tell(message)

    @Slot(str, bool)
    def _on_work_changed(self, words: str, can_pause: bool) -> None:
        self.intake.show_work(words, can_pause)
        self.pipelines.set_can_act(not words)
        for row in self.rows.values():
            row.set_can_act(not words)

    # Dropping

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_files(event.mimeData()) and not self._shelf.is_busy:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.intake.set_drop_target(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.intake.set_drop_target(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        self.intake.set_drop_target(False)
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.bring(tuple(local_files(event.mimeData())))

    # Beginning and end

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._shelf.look()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self.intake.is_asking:
            self._shelf.leave()
        elif self.messages.message is not None:
            self.messages.clear()
        elif not self._shelf.is_busy:
            self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.messages.clear()
        super().closeEvent(event)
