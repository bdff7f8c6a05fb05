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
from img2model_desktop.errors import HistoryProblem, Img2ModelError, SetupProblem
from img2model_desktop.gui.crash import CrashHook
from img2model_desktop.gui.first_paint import FirstPaint
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.main_window import MainWindow
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.theme import Theme, ThemeChoice
from img2model_desktop.gui.window_state import Places, WindowState
from img2model_desktop.jobs.plan import PictureLimits
from img2model_desktop.jobs.store import Store

FIRST_PAINT_VARIABLE = "IMG2MODEL_FIRST_PAINT"
_SAMPLE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def run(argv: list[str]) -> int:
    """The window, until it is closed; an exit code of errors.py.

    With the environment variable IMG2MODEL_FIRST_PAINT set, prints the moment of the first paint (seconds since the
    epoch) and whether torch was loaded by then, and ends.
    """
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    QSurfaceFormat.setDefaultFormat(surface_format())
    application = QApplication(argv)
    application.setApplicationName("Image2Model Desktop")
    application.setApplicationVersion(__version__)
    program = Program(application)
    try:
        program.start()
    except (HistoryProblem, SetupProblem) as problem:
        QMessageBox.critical(None, "Image2Model Desktop", f"{problem.message}\n\n{problem.advice}")
        return problem.exit_code
    try:
        return application.exec()
    finally:
        program.end()


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

    def __init__(self, application: QApplication) -> None:
        super().__init__()
        self._application = application
        self._settings = settings.load(paths.settings_file())
        self._crashes = CrashHook(logs.start(paths.logs_dir()))
        self._runner: JobRunner | None = None
        self.window: MainWindow | None = None

    def start(self) -> None:
        """Shows the window. Raises HistoryProblem, SetupProblem."""
        self._crashes.install()
        icons_folder = paths.resources_dir() / "icons"
        state = state_of(self._settings)
        theme = Theme(self._application, state.theme, icons_folder)
        icons = Icons(icons_folder, theme.colours)
        self._application.setWindowIcon(icons.app_icon())
        store = Store(paths.history_file(), paths.jobs_dir())
        limits = PictureLimits(self._settings.max_picture_bytes, self._settings.max_picture_pixels)
        self._runner = JobRunner(store, limits, weights=paths.weights_dir())
        self.window = MainWindow(self._runner, theme, icons, state, places())
        self.window.closed.connect(self._on_closed)
        FirstPaint(self.window).happened.connect(self._on_first_paint)
        if store.mended:
            self.window.tell(Message(Tone.WARNING, store.mended))
        self.window.show()

    def end(self) -> None:
        """Ends all work and puts Python's own hook back."""
        if self._runner is not None:
            self._runner.close()
        self._crashes.remove()

    @Slot()
    def _on_first_paint(self) -> None:
        if FIRST_PAINT_VARIABLE in os.environ:
            sys.stdout.write(f"{time.time():.6f} {'torch' in sys.modules}\n")
            sys.stdout.flush()
            self._application.quit()
            return
        if self.window is not None and self._runner is not None:
            self._runner.warm_up()
            self.window.start_view()
            self._runner.resume()

    @Slot(object)
    def _on_closed(self, state: WindowState) -> None:
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
    )
