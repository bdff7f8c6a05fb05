"""Whether the window goes on answering while a job runs: the longest gap of its event loop."""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PySide6.QtCore import QCoreApplication, QEventLoop, Qt, QTimer
from PySide6.QtGui import QSurfaceFormat
from PySide6.QtWidgets import QApplication

from img2model_desktop import paths
from img2model_desktop.gui.app import surface_format
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.main_window import MainWindow
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.theme import Theme, ThemeChoice
from img2model_desktop.gui.window_state import Places, WindowState
from img2model_desktop.jobs.store import Store
from tests.bench.table import Table

NAME = "responding"

WARM_UP = 1
JOBS = 3
BEAT_MS = 1
PROMISED_MS = 50.0
JOB_LIMIT_S = 120.0


def tables() -> list[Table]:
    """One table: jobs with standard settings on a sample picture, in the real window with its 3D view."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        print("The gaps of the window's event loop need a display.", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory(prefix="img2model-bench-", ignore_cleanup_errors=True) as home:
        rows = _watched(Path(home))
    columns = ["", "longest gap", "99 % below", "longest by this thread's own time", "promised"]
    return [Table("Responding: gaps of the window's event loop while a job runs, ms", columns, rows)]


@dataclass(slots=True)
class Beats:
    """Moments at which a timer of the window was heard.

    Args:
        clock: seconds by the clock.
        own: seconds that this thread has worked; what other programs take from it is not in them.
    """

    clock: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)

    def beat(self) -> None:
        """One more."""
        self.clock.append(time.perf_counter())
        self.own.append(time.thread_time())

    def row(self, title: str) -> list[str]:
        """The cells of the table."""
        gaps, busy = np.diff(self.clock) * 1000, np.diff(self.own) * 1000
        figures = (gaps.max(), np.percentile(gaps, 99), busy.max(), PROMISED_MS)
        return [title, *(f"{figure:.0f}" for figure in figures)]


def _watched(home: Path) -> list[list[str]]:
    """A row for each job."""
    application = _application()
    resources = paths.resources_dir()
    theme = Theme(application, ThemeChoice.DARK, resources / "icons")
    icons = Icons(resources / "icons", theme.colours)
    runner = JobRunner(Store(home / "history.sqlite3", home / "jobs"))
    window = MainWindow(runner, theme, icons, WindowState(), Places((), home, home / "none.md", home, home / "weights"))
    window.show()
    window.start_view()
    window.input.bring((sorted((resources / "samples").glob("*.png"))[0],))
    _wait(lambda: window.input.pictures.canvas.has_cut)
    rows = []
    for number in range(WARM_UP + JOBS):
        beats = _job(window, runner)
        row = runner.jobs()[0]
        if row.seconds is None or row.result_path is None:
            raise RuntimeError(f"the job did not end well: {row.error_message}")
        if number >= WARM_UP:
            rows.append(beats.row(f"job {number}, {row.seconds:.1f} s"))
    window.close()
    runner.close()
    return rows


def _job(window: MainWindow, runner: JobRunner) -> Beats:
    """Runs one job to its end."""
    beats = Beats()
    timer = QTimer(window)
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(beats.beat)
    timer.start(BEAT_MS)
    window.input.generate()
    _wait(lambda: not runner.is_busy)
    timer.stop()
    _wait(lambda: window.export.can_save)
    return beats


def _wait(is_done: Callable[[], bool]) -> None:
    limit = time.monotonic() + JOB_LIMIT_S
    while not is_done() and time.monotonic() < limit:
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20)


def _application() -> QApplication:
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    QSurfaceFormat.setDefaultFormat(surface_format())
    running = QApplication.instance()
    return running if isinstance(running, QApplication) else QApplication([])
