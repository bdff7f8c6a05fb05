"""Starts the window."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Qt, Slot
from PySide6.QtGui import QSurfaceFormat
from PySide6.QtWidgets import QApplication, QMessageBox

from img2model_desktop import __version__, logs, paths, settings
from img2model_desktop.aside import leave_traces_in
from img2model_desktop.errors import HistoryProblem, Img2ModelError, SetupProblem
from img2model_desktop.gui.arrivals import Arrivals, let_come_forward
from img2model_desktop.gui.crash import CrashHook
from img2model_desktop.gui.ending import Ending
from img2model_desktop.gui.first_paint import FirstPaint
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.main_window import MainWindow
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.theme import Theme, ThemeChoice
from img2model_desktop.gui.window_state import Places, WindowState
from img2model_desktop.jobs.instance import InUse, hand_over
from img2model_desktop.jobs.plan import PictureLimits
from img2model_desktop.jobs.store import Store

FIRST_PAINT_VARIABLE = "IMG2MODEL_FIRST_PAINT"
_SAMPLE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def run(files: tuple[Path, ...] = ()) -> int:
    """The window, until it is closed; an exit code of errors.py.

    Where the program runs already with the same data folder, that window gets the files and comes to the front.

    Args:
        files: pictures, meshes and weights to begin with, as if they had been dropped.

    With the environment variable IMG2MODEL_FIRST_PAINT set, prints the moment of the first paint (seconds since the
    epoch) and whether torch was loaded by then, and ends.
    """
    files = tuple(file.absolute() for file in files)
    store, problem = _open_store(files)
    if store is None and problem is None:
        return 0
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    QSurfaceFormat.setDefaultFormat(surface_format())
    application = QApplication(["image2model-desktop"])
    application.setApplicationName("Image2Model Desktop")
    application.setApplicationVersion(__version__)
    if store is None:
        assert problem is not None
        QMessageBox.critical(None, "Image2Model Desktop", f"{problem.message}\n\n{problem.advice}")
        return problem.exit_code
    program = Program(application, store, files)
    try:
        program.start()
        return application.exec()
    finally:
        program.end()


def _open_store(files: tuple[Path, ...]) -> tuple[Store | None, Img2ModelError | None]:
    """The history, or why there is none; neither when another window has taken the files."""
    try:
        return Store(paths.history_file(), paths.jobs_dir()), None
    except InUse as problem:
        let_come_forward(problem.pid)
        try:
            if hand_over(problem.folder, files):
                return None, None
        except SetupProblem as trouble:
            return None, trouble
        return None, HistoryProblem(
            "The program runs already, but its window does not answer.", "Close that window, then start again."
        )
    except (HistoryProblem, SetupProblem) as problem:
        return None, problem


def surface_format() -> QSurfaceFormat:
    """OpenGL 3.3 core with 24 bits of depth, as the 3D view needs it.

    The view's own module says the same, but importing it costs more than half of the time until the first paint.
    """
    wanted = QSurfaceFormat()
    wanted.setVersion(3, 3)
    wanted.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    wanted.setDepthBufferSize(24)
    wanted.setStencilBufferSize(8)
    return wanted


class Program(QObject):
    """What lives as long as the window: settings, history, runner, crash hook."""

    def __init__(self, application: QApplication, store: Store, files: tuple[Path, ...] = ()) -> None:
        super().__init__()
        self._application = application
        self._store = store
        self._files = files
        self._settings = settings.load(paths.settings_file())
        self._crashes = CrashHook(logs.start(paths.logs_dir()))
        self._run = logs.Run(paths.logs_dir())  # the history is ours, so no other run lasts
        leave_traces_in(paths.logs_dir())
        self._runner: JobRunner | None = None
        self._arrivals = Arrivals(paths.data_dir(), self)
        self._ending = Ending(self._close, self)
        self._has_ended = False
        self.window: MainWindow | None = None

    def start(self) -> None:
        """Shows the window."""
        self._crashes.install()
        self._ending.install()
        icons_folder = paths.resources_dir() / "icons"
        state = state_of(self._settings)
        theme = Theme(self._application, state.theme, icons_folder)
        icons = Icons(icons_folder, theme.colours)
        self._application.setWindowIcon(icons.app_icon())
        limits = PictureLimits(self._settings.max_picture_bytes, self._settings.max_picture_pixels)
        self._runner = JobRunner(self._store, limits, weights=paths.weights_dir())
        self.window = MainWindow(self._runner, theme, icons, state, places())
        self.window.closed.connect(self._save_state)
        self._application.commitDataRequest.connect(self._on_session_ends, Qt.ConnectionType.DirectConnection)
        self._application.aboutToQuit.connect(self.end)
        self._arrivals.came.connect(self._on_arrival)
        FirstPaint(self.window).happened.connect(self._on_first_paint)
        self.window.show()

    @Slot()
    def end(self) -> None:
        """Ends all work and puts Python's own hooks back. A second call does nothing."""
        if self._has_ended:
            return
        self._has_ended = True
        self._arrivals.stop()
        if self._runner is not None:
            self._runner.close()
        else:
            self._store.close()
        self._ending.remove()
        self._crashes.remove()
        leave_traces_in(None)
        self._run.end()

    @Slot()
    def _on_first_paint(self) -> None:
        if FIRST_PAINT_VARIABLE in os.environ:
            sys.stdout.write(f"{time.time():.6f} {'torch' in sys.modules}\n")
            sys.stdout.flush()
            self._application.quit()
            return
        if self.window is None or self._runner is None:
            return
        self._runner.warm_up()
        self.window.start_view()
        self._resume()
        if self._files:
            self.window.take_files(self._files)
        try:
            self._arrivals.start()
        except SetupProblem as problem:
            self.window.tell(Message(Tone.WARNING, problem.message, problem.advice, problem.details))

    def _resume(self) -> None:
        assert self.window is not None
        assert self._runner is not None
        try:
            self._runner.resume()
        except (HistoryProblem, SetupProblem) as problem:
            self.window.tell(Message(Tone.ERROR, problem.message, problem.advice, problem.details))
        if self._store.mended:
            self.window.tell(Message(Tone.WARNING, self._store.mended))
        elif self._run.died is not None:
            self.window.tell(self.window.health.message_of(self._run.died))

    @Slot(object)
    def _on_arrival(self, files: tuple[Path, ...]) -> None:
        """Another start has handed over files, and the user looks for the window."""
        if self.window is None:
            return
        self.window.setWindowState(self.window.windowState() & ~Qt.WindowState.WindowMinimized)
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()
        if files:
            self.window.take_files(files)

    def _close(self) -> None:
        """The system wants the program to end: as when the user closes the window."""
        if self.window is not None:
            self.window.close()
        self._application.quit()

    @Slot(object)
    def _on_session_ends(self, _session: object) -> None:
        """The user logs off, or begins to: what the window looks like is saved; jobs are on disk at any moment."""
        if self.window is not None:
            self._save_state(self.window.window_state())

    @Slot(object)
    def _save_state(self, state: WindowState) -> None:
        self._settings = replace(
            self._settings,
            theme=str(state.theme),
            window=state.layout,
            export_dir=state.export_dir,
            export_suffix=state.export_suffix,
            size_mm=state.size_mm,
            up_axis=state.up_axis,
            purpose=state.purpose,
        )
        try:
            settings.save(self._settings, paths.settings_file())
        except Img2ModelError as problem:
            sys.stderr.write(f"{problem}\n")


def state_of(loaded: settings.Settings) -> WindowState:
    """What the settings hold of the window; a value that is none of the known ones becomes the default."""
    theme = loaded.theme if loaded.theme in set(ThemeChoice) else ThemeChoice.SYSTEM
    return WindowState(
        layout=loaded.window,
        theme=ThemeChoice(theme),
        export_dir=loaded.export_dir if Path(loaded.export_dir).is_dir() else "",
        export_suffix=loaded.export_suffix,
        size_mm=loaded.size_mm,
        up_axis=loaded.up_axis,
        purpose=loaded.purpose,
    )


def places() -> Places:
    """Where this installation keeps its files."""
    resources = paths.resources_dir()
    samples = resources / "samples"
    found = sorted(samples.iterdir()) if samples.is_dir() else []
    return Places(
        samples=tuple(path for path in found if path.suffix.lower() in _SAMPLE_SUFFIXES),
        pasted=paths.data_dir() / "pasted",
        changelog=resources / "CHANGELOG.md",
        logs=paths.logs_dir(),
        weights=paths.weights_dir(),
        data=paths.data_dir(),
        database=paths.history_file(),
    )
