"""The main window: puts the panels together and lets them know of each other."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, Qt, Signal, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QSplitter, QVBoxLayout, QWidget

from img2model_desktop.core.events import Chosen, Failed, Finished, JobEvent, Preview, Stage, Warned
from img2model_desktop.core.request import Request
from img2model_desktop.errors import Img2ModelError
from img2model_desktop.gui.about import about_window, keyboard_window, news_window
from img2model_desktop.gui.batch.desk import BatchDesk
from img2model_desktop.gui.diagnostics.desk import DiagnosticsDesk
from img2model_desktop.gui.drag_handle import DragHandle
from img2model_desktop.gui.failure import failure_message
from img2model_desktop.gui.file_dialogs import FileDialogs
from img2model_desktop.gui.file_manager import show_in_folder
from img2model_desktop.gui.finishing import Finishing
from img2model_desktop.gui.history.jobs import engine_title, input_of, work_words
from img2model_desktop.gui.history.panel import HistoryPanel
from img2model_desktop.gui.history.queue_actions import QueueActions
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.input_panel import InputPanel
from img2model_desktop.gui.intake import Brought, aimed_at, brought, can_bring, sorted_out
from img2model_desktop.gui.library.desk import LibraryDesk
from img2model_desktop.gui.menus import Menus
from img2model_desktop.gui.mesh_opening import MeshOpening
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.prompt.variants_sheet import VariantsSheet
from img2model_desktop.gui.runner import JobRunner, Trouble
from img2model_desktop.gui.side_windows import SideWindows
from img2model_desktop.gui.theme import Theme, ThemeChoice
from img2model_desktop.gui.thumbnails import Thumbnails
from img2model_desktop.gui.undoing import Undoing
from img2model_desktop.gui.view.panel import ViewPanel
from img2model_desktop.gui.weights.shelf import WeightsShelf
from img2model_desktop.gui.window_menus import window_menus
from img2model_desktop.gui.window_state import Places, WindowState
from img2model_desktop.gui.workshop_panel import WIDTH_PX, WorkshopPanel
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.plan import PICTURES, resolve

if TYPE_CHECKING:  # it brings numpy, which the window's start does without
    from img2model_desktop.core.verdict.findings import Finding

if TYPE_CHECKING:
    from img2model_desktop.gui.weights.window import WeightsWindow

MIN_SIZE = (960, 600)
DEFAULT_SIZE = (1440, 900)


class MainWindow(QMainWindow):
    """The whole program on one screen.

    Signals:
        closed: the window is gone, with its last `WindowState`.
    """

    closed = Signal(object)

    def __init__(self, runner: JobRunner, theme: Theme, icons: Icons, state: WindowState, places: Places) -> None:
        super().__init__()
        self._runner = runner
        self._theme = theme
        self._icons = icons
        self._state = state
        self._places = places
        self._shown_id = ""  # of the job whose result or shape is on screen
        self._told_failure: tuple[str, Message | None] = ("", None)  # the last one, and of which job
        self._thumbnails = Thumbnails(runner, self)
        self._opening = MeshOpening(runner, self)
        self.shelf = WeightsShelf(runner, places.weights, runner.jobs, self)
        self.library = LibraryDesk(runner, icons, self, self._show_job, self._make_again, self._load_settings)
        self.health = DiagnosticsDesk(runner, places, icons, self)
        makers = {"weights": self._make_weights, "batch": self._make_batch}
        self.beside = SideWindows(makers | self.library.makers() | self.health.makers())
        self.dialogs = FileDialogs(self)
        self.setWindowTitle("Image2Model Desktop")
        self.setAcceptDrops(True)
        self.setMinimumSize(*MIN_SIZE)
        self._build()
        self.batches = BatchDesk(runner, places.weights, icons, self.input.request, self.beside, self)
        view_actions = self.middle.bar.menu_actions
        self.menus = Menus(self, window_menus(self), view_actions, self._on_theme_chosen, self._theme.choice)
        self._connect()
        self._connect_intake()
        self.batches.told.connect(self.tell)
        self.health.logs_wished.connect(self.show_log)
        self.health.told.connect(self.tell)
        self.middle.work.times = self.history.model.times = self.health.feed.times
        self.batches.job_wished.connect(self._show_job)
        self._restore()
        self._retint()
        self._on_queue_changed()
        self._undoing.tell()

    def start_view(self) -> None:
        """Makes the 3D view, and loads what the right panel needs; called after the first paint."""
        self.middle.start_view()
        import img2model_desktop.jobs.presets  # noqa: F401 - later it would hold the window up

        self._on_job_selected(self.history.current.id if self.history.current else "")
        self.shelf.look()
        self.library.start(self.beside)
        self.health.start(self.beside)

    # Building

    def _build(self) -> None:
        places, limits = self._places, self._runner.limits
        self.input = InputPanel(
            self._runner, self._icons, places.samples, self._state.size_mm, limits, str(places.weights)
        )
        self.middle = ViewPanel(self._runner, self._icons)
        self.variants = VariantsSheet(self._runner, self._icons)
        self.middle.lay_over(self.variants)
        state = self._state
        self.right = WorkshopPanel(self._runner, self._icons, state.export_suffix, state.up_axis, state.purpose)
        self.export = self.right.export
        self.workshop = self.right.workshop
        self.history = HistoryPanel(self._runner, self._icons)
        self.finishing = Finishing(self._runner, self)
        self.queue = QueueActions(self._runner, self.history, self.finishing, self)
        self._upper = _splitter(Qt.Orientation.Horizontal, self.middle, self.right, main=0)
        beside = QWidget()
        column = QVBoxLayout(beside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addWidget(self._upper, 1)
        column.addWidget(self.history)
        self._outer = _splitter(Qt.Orientation.Horizontal, self.input, beside, main=1)
        self._ground = QWidget()
        self._ground.setObjectName("ground")
        row = QHBoxLayout(self._ground)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._outer)
        self.setCentralWidget(self._ground)
        self._undoing = Undoing(self._ground, self.input, self.input.pictures.canvas, self.workshop)
        self.undo, self.redo = self._undoing.undo, self._undoing.redo

    def _connect(self) -> None:
        runner, history, export = self._runner, self.history, self.export
        self._theme.changed.connect(self._retint)
        self.input.generate_wished.connect(self._on_generate_wished)
        self.input.browse_wished.connect(self.browse)
        runner.event_received.connect(self._on_event)
        history.model.dataChanged.connect(self._on_rows_changed)
        runner.queue_changed.connect(self._on_queue_changed)
        history.job_selected.connect(self._on_job_selected)
        history.again_wished.connect(lambda job_id: self._make_again(runner.job(job_id)))
        history.load_wished.connect(lambda job_id: self._load_settings(runner.job(job_id)))
        history.folder_wished.connect(lambda job_id: self._show_job_folder(runner.job(job_id)))
        self.queue.told.connect(self.tell)
        self.finishing.told.connect(self.tell)
        self.finishing.withdrawn.connect(self.middle.messages.clear)
        self.finishing.quit_wished.connect(self.close)
        export.save_wished.connect(self.save)
        export.report_wished.connect(self.report)
        export.folder_wished.connect(self._on_folder_wished)
        self.right.failed.connect(self._tell_trouble)
        self.right.open_wished.connect(self.open_meshes)
        self.right.check.read_wished.connect(lambda request: self._on_generate_wished((request,)))
        self.right.place_wished.connect(self._on_place_wished)
        compare = self.middle.bar.actions_by_name["before"]
        self.right.before_wished.connect(compare.setChecked)
        compare.toggled.connect(self.right.shape.edits.before.setChecked)
        self.workshop.mesh_changed.connect(self._on_mesh_changed)
        self.workshop.told.connect(lambda text: self.tell(Message(Tone.INFO, text)))
        self.middle.mesh_shown.connect(self.workshop.go_on)
        self.middle.work.stop_wished.connect(runner.cancel)
        self.middle.screenshot_taken.connect(self._on_screenshot_taken)
        self.middle.trouble_met.connect(self._tell_trouble)
        self.dialogs.save_path_chosen.connect(self._on_save_path_chosen)
        self._thumbnails.drawn.connect(history.model.refresh_picture)
        self._thumbnails.drawn.connect(self.batches.refresh_picture)
        self._thumbnails.drawn.connect(self.library.keeper.look_again)
        self._undoing.renamed.connect(self._name_undo)
        self.shelf.rows_changed.connect(
            lambda: self.input.set_weights(self.shelf.missing_engines(), self.shelf.pipelines())
        )
        self.input.form.weights_wished.connect(self.show_weights)
        self._connect_variants()

    def _connect_variants(self) -> None:
        sheet, folder = self.variants, self._state.export_dir
        sheet.picked.connect(lambda path: self.input.bring((path,)))
        sheet.more_wished.connect(lambda request: self._on_generate_wished((request,)))
        sheet.save_wished.connect(
            lambda name: self.dialogs.ask_where_to_put(name, folder, lambda out: sheet.save(Path(out)), "Save picture")
        )
        sheet.told.connect(self.tell)

    def _connect_intake(self) -> None:
        self.dialogs.pictures_chosen.connect(self._on_files_chosen)
        self.dialogs.meshes_chosen.connect(self._on_files_chosen)
        self.input.pictures.taken.connect(self.middle.messages.clear)  # they were about what came before
        self._opening.opening_wished.connect(self._submit)  # it comes late: what is said by then is about the same
        self._opening.told.connect(self.tell)
        self._opening.again_wished.connect(lambda request: self._on_generate_wished((request,)))
        self._opening.settings_wished.connect(self._on_settings_wished)

    # Bringing pictures and meshes

    def open_meshes(self) -> None:
        """Lets the user choose meshes."""
        self.dialogs.ask_for_meshes()

    def browse(self) -> None:
        """Lets the user choose pictures."""
        self.dialogs.ask_for_pictures()

    def paste(self) -> None:
        """Takes the picture from the clipboard."""
        self._take(brought(QGuiApplication.clipboard().mimeData(), self._places.pasted))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if not isinstance(event.source(), DragHandle) and can_bring(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self._show_drop_targets(*aimed_at(event.mimeData()))

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._show_drop_targets(picture=False, view=False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        self._show_drop_targets(picture=False, view=False)
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self._take(brought(event.mimeData(), self._places.pasted))

    def _show_drop_targets(self, picture: bool, view: bool) -> None:
        self.input.pictures.canvas.set_drop_target(picture)
        self.middle.set_drop_target(view)

    def _take(self, found: Brought) -> None:
        self.middle.messages.clear()
        if found.paths:
            self.input.bring(found.paths)
        if found.meshes:
            self._opening.open(found.meshes)
        if found.weights:
            self.show_weights().bring(found.weights)
        if found.batch:
            self.batches.offer(found)
        elif found.refusal:
            self.tell(Message(Tone.WARNING, found.refusal, found.advice))

    def show_weights(self, engine: str = "") -> "WeightsWindow":
        """The window of engines and weights, with the set that an engine needs in view, or as it was."""
        window: WeightsWindow = self.beside.show("weights")  # type: ignore[assignment] # by its name
        window.show_engine(engine)
        return window

    def _make_batch(self) -> QWidget:
        return self.batches.make_window()

    def _make_weights(self) -> QWidget:
        from img2model_desktop.gui.weights.window import WeightsWindow

        return WeightsWindow(self.shelf, self._icons, self)

    def take_files(self, paths: tuple[Path, ...]) -> None:
        """Takes files and folders as if they had been dropped."""
        there = tuple(path for path in paths if path.exists())
        if there:
            self._take(sorted_out(there))
        if len(there) < len(paths):
            lost = next(path for path in paths if path not in there)
            self.tell(Message(Tone.WARNING, f"There is no file “{lost.name}”.", f"It was looked for in {lost.parent}"))

    @Slot(object)
    def _on_files_chosen(self, paths: tuple[Path, ...]) -> None:
        self._take(sorted_out(paths))

    @Slot(object)
    def _on_settings_wished(self, request: Request) -> None:
        self.input.load(replace(request, picture=""), "")

    # Jobs

    @Slot(object)
    def _on_place_wished(self, finding: "Finding | None") -> None:
        if finding is None:
            self.middle.show_place(None)
        else:
            self.middle.show_place(finding.place, legend=finding.title)

    @Slot(object)
    def _on_generate_wished(self, requests: tuple[Request, ...]) -> None:
        self.middle.messages.clear()
        self._submit(requests)

    @Slot(object)
    def _submit(self, requests: tuple[Request, ...]) -> None:
        first = ""
        for request in requests:
            try:
                job_id = self._runner.submit(resolve(request, self._runner.limits))
            except Img2ModelError as problem:
                self.tell(Message(Tone.ERROR, problem.message, problem.advice, problem.details))
                break
            first = first or job_id
        if first:
            self.history.select(first)

    @Slot(object)
    def _on_event(self, event: JobEvent) -> None:
        is_shown = event.job_id == self._shown_id
        match event:
            case Preview() if is_shown and event.stage is Stage.SCULPT:
                self.middle.show_shape(Path(event.path), self._runner.job(event.job_id).request.size_mm)
            case Preview() if is_shown and self._runner.job(event.job_id).request.goal == PICTURES:
                self.variants.show_row(self._runner.job(event.job_id))
            case Chosen() if is_shown:
                self.middle.bar.set_title(self._title_of(self._runner.job(event.job_id)))
            case Warned() if is_shown:
                self.tell(Message(Tone.WARNING, event.message, event.advice))
            case Failed():
                if not self._runner.job(event.job_id).batch:  # its batch has a row for it
                    self._tell_failure(self._runner.job(event.job_id))
                if is_shown:
                    self.middle.clear("This one failed")
            case Finished():
                if is_shown:
                    self._show_result(self._runner.job(event.job_id), keep_camera=True)
                self._thumbnails.draw(event.path)

    @Slot()
    def _on_rows_changed(self) -> None:
        row = self._runner.running
        if row is not None and row.state is JobState.RUNNING:
            self.middle.work.show_job(row)

    @Slot()
    def _on_queue_changed(self) -> None:
        row = self._runner.running
        self.middle.work.show_job(row if row and row.state is JobState.RUNNING else None)
        self.menus.action("stop").setEnabled(row is not None)
        self.menus.action("stop_all").setEnabled(self._runner.is_busy)

    @Slot(str)
    def _on_job_selected(self, job_id: str) -> None:
        for name in ("again", "load", "folder"):
            self.menus.action(name).setEnabled(bool(job_id))
        is_other = job_id != self._shown_id
        if is_other and self._told_failure == (self._shown_id, self.middle.messages.message):
            self.middle.messages.clear()  # it was of the one that is left
        self._shown_id = job_id
        self.variants.leave()
        if not job_id:
            self.right.show_job(None)
            self.middle.clear()
            return
        row = self._runner.job(job_id)
        match row.state:
            case JobState.DONE:
                self._show_result(row, keep_camera=not is_other)
            case JobState.FAILED:
                self.right.show_job(None)
                self.middle.clear("This one failed")
                self._tell_failure(row)
            case JobState.STOPPED:
                self.right.show_job(None)
                self.middle.clear("This one was stopped")
            case _:
                self.right.show_job(None)
                self.middle.clear(work_words(row))

    def _show_result(self, row: JobRow, keep_camera: bool) -> None:
        if row.result_path is None or not row.result_path.is_file():
            self.right.show_job(None)
            self.middle.clear("The result of this job is gone")
            return
        if row.request.goal == PICTURES:
            self.right.show_job(None)
            self.middle.clear("")
            self.variants.show_row(row)
            return
        self.right.show_job(row)
        self.middle.set_seen_possible(not row.request.mesh)
        self._show_mesh(row, keep_camera)

    def _show_mesh(self, row: JobRow, keep_camera: bool) -> None:
        """The result as its edits have left it; it is judged once it is on screen."""
        assert self.workshop.mesh is not None
        self.middle.show_result(self.workshop.mesh, self._title_of(row), keep_camera)
        self.middle.set_before(self.workshop.original if self.workshop.done else None)
        if self.middle.view is None:
            self.workshop.go_on()

    @Slot()
    def _on_mesh_changed(self) -> None:
        if self.workshop.row is not None:
            self._show_mesh(self.workshop.row, keep_camera=True)
            self._thumbnails.draw(str(self.workshop.mesh))

    def _title_of(self, row: JobRow) -> str:
        """The job, its engine and, where the program chose it, why."""
        return f"{row.title}  ·  {engine_title(row.engine)}" + (f": {row.reason}" if row.reason else "")

    def make_again(self) -> None:
        """Another job with the request of the current one."""
        if self.history.current:
            self._make_again(self.history.current)

    def load_settings(self) -> None:
        """The request of the current job, shown in the input panel."""
        if self.history.current:
            self._load_settings(self.history.current)

    def show_job_folder(self) -> None:
        """The folder of the current job in the file manager."""
        if self.history.current:
            self._show_job_folder(self.history.current)

    def _show_job(self, job_id: str) -> None:
        self.history.select(job_id)
        if self._shown_id != job_id:  # older than what the strip shows
            self._on_job_selected(job_id)

    def _make_again(self, row: JobRow) -> None:
        request = replace(row.request, picture=self._picture_of(row)) if row.request.picture else row.request
        self._on_generate_wished((request,))

    def _load_settings(self, row: JobRow) -> None:
        self.input.load(row.request, self._picture_of(row))

    def _picture_of(self, row: JobRow) -> str:
        """Where the job's picture lies now: the original, or the copy that the job kept."""
        if row.request.picture and not Path(row.request.picture).is_file():
            kept = input_of(row)
            return str(kept) if kept else row.request.picture
        return row.request.picture

    def _show_job_folder(self, row: JobRow) -> None:
        self._on_folder_wished(row.result_path if row.result_path else row.folder)

    @Slot(str, str)
    def _name_undo(self, undo: str, redo: str) -> None:
        self.menus.action("undo").setText(undo)
        self.menus.action("redo").setText(redo)

    # Saving

    def report(self) -> None:
        """Lets the user choose where to put a page about the mesh."""
        if self.export.can_save:
            self.dialogs.ask_for_report(self.export, self._state.export_dir)
        else:
            self.tell(Message(Tone.INFO, "There is no mesh to report on yet.", "Generate one, or open one."))

    def save(self) -> None:
        """Lets the user choose where to save the mesh."""
        if self.export.can_save:
            self.dialogs.ask_where_to_save(self.export, self._state.export_dir)
        else:
            self.tell(Message(Tone.INFO, "There is no mesh to save yet.", "Generate one, or choose one below."))

    @Slot(object)
    def _on_save_path_chosen(self, out: Path) -> None:
        self._state = replace(self._state, export_dir=str(out.parent))
        self.export.save(out)

    @Slot(object)
    def _on_screenshot_taken(self, picture: Any) -> None:
        name = Path(self.export.file_name()).with_suffix(".png").name
        self.dialogs.ask_where_to_put(
            name, self._state.export_dir, lambda path: self.middle.save_screenshot(picture, path)
        )

    @Slot(object)
    def _on_folder_wished(self, path: Path) -> None:
        if not show_in_folder(path):
            self.tell(Message(Tone.INFO, f"It lies in {path if path.is_dir() else path.parent}"))

    # Messages, theme, help

    def tell(self, message: Message) -> None:
        """Shows a message over the mesh."""
        self.middle.messages.tell(message)

    @Slot(object)
    def _tell_trouble(self, trouble: Trouble) -> None:
        self.tell(Message(Tone.ERROR, trouble.message, trouble.advice, trouble.details))

    def _tell_failure(self, row: JobRow) -> None:
        message = failure_message(row, lambda: self._load_settings(row), lambda: self.history.retry_wished.emit(row.id))
        if row.request.engine in self.shelf.missing_engines():
            message = replace(message, action="Import weights…", act=lambda: self.show_weights(row.request.engine))
        self._told_failure = (row.id, message)
        self.tell(message)

    def _on_theme_chosen(self, choice: ThemeChoice) -> None:
        self._state = replace(self._state, theme=choice)
        self._theme.choose(choice)

    @Slot()
    def _retint(self) -> None:
        self._icons.colours = self._theme.colours
        for part in (self.input, self.middle, self.variants, self.right, self.history, self.beside):
            part.retint()

    def show_keys(self) -> None:
        """Every key and gesture."""
        keyboard_window(self, self.menus.keys()).show()

    def show_news(self) -> None:
        """What is new."""
        news_window(self, self._places.changelog).show()

    def show_about(self) -> None:
        """Who we are."""
        about_window(self).show()

    def show_log(self) -> None:
        """The folder of the log."""
        self._on_folder_wished(self._places.logs)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.middle.messages.message is not None:
            self.middle.messages.clear()
        else:
            super().keyPressEvent(event)

    # Beginning and end

    def _restore(self) -> None:
        try:
            parts = [QByteArray(base64.b64decode(part)) for part in self._state.layout.split(".")]
        except ValueError:  # a damaged settings file is no reason not to open
            parts = []
        if len(parts) == 3 and self.restoreGeometry(parts[0]):
            self._outer.restoreState(parts[1])
            self._upper.restoreState(parts[2])
            return
        room = QGuiApplication.primaryScreen().availableSize()
        self.resize(min(DEFAULT_SIZE[0], room.width()), min(DEFAULT_SIZE[1], room.height() - 32))
        self._outer.setSizes([352, 10_000])
        self._upper.setSizes([10_000, WIDTH_PX])

    def window_state(self) -> WindowState:
        """What to remember."""
        parts = (self.saveGeometry(), self._outer.saveState(), self._upper.saveState())
        layout = ".".join(base64.b64encode(bytes(part.data())).decode("ascii") for part in parts)
        suffix, size = self.export.suffix, self.input.form.size_mm.value
        up = self.export.up.value
        purpose = self.right.purpose
        return replace(self._state, layout=layout, export_suffix=suffix, size_mm=size, up_axis=up, purpose=purpose)

    def closeEvent(self, event: QCloseEvent) -> None:
        state = self.window_state()
        self.right.close_files()
        self.finishing.close()
        self.library.stop()
        self.batches.keeper.close()
        self.beside.close()
        self.health.close()
        super().closeEvent(event)
        self.closed.emit(state)


def _splitter(orientation: Qt.Orientation, first: QWidget, second: QWidget, main: int) -> QSplitter:
    """Two parts with a thin handle; the one numbered `main` takes new room."""
    made = QSplitter(orientation)
    made.addWidget(first)
    made.addWidget(second)
    made.setChildrenCollapsible(False)
    made.setHandleWidth(2)
    made.setStretchFactor(main, 1)
    made.setStretchFactor(1 - main, 0)
    return made
