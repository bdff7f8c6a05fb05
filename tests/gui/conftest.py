"""What the window's tests share: the theme, icons, pictures, and a caller that runs calls at once."""

import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QTimer, Signal, Slot
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from img2model_desktop import paths
from img2model_desktop.aside import Helper, Tick
from img2model_desktop.core.events import Facts
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.request import Request
from img2model_desktop.errors import Img2ModelError
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.main_window import MainWindow
from img2model_desktop.gui.runner import CallEnded, JobRunner, Lane, Trouble
from img2model_desktop.gui.theme import Theme, ThemeChoice
from img2model_desktop.gui.window_state import Places, WindowState
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.store import Store
from tests.gui.driving import JOB_MS
from tests.shapes import box

RED = (200, 40, 30)
GREY = (190, 192, 195)
PATIENCE_MS = 30_000

for _wait in (QtBot.waitUntil, QtBot.waitSignal, QtBot.waitSignals, QtBot.waitActive, QtBot.waitExposed):
    _wait.__kwdefaults__["timeout"] = PATIENCE_MS  # for where a test gives none: the machine may be busy


class InlineCaller(QObject):
    """Runs a call in this thread and answers from the event loop; `next_trouble` makes one fail instead.

    `asked` holds the names of the functions that were called.
    """

    call_ended = Signal(object)
    call_moved = Signal(int, float)

    def __init__(self) -> None:
        super().__init__()
        self.next_trouble: Trouble | None = None
        self.asked: list[str] = []
        self._answers: list[CallEnded] = []

    def call(self, function: Callable[..., Any], *args: Any, lane: Lane = Lane.SHORT) -> int:
        self.asked.append(function.__name__)
        ticket = len(self.asked)
        if self.next_trouble is not None:
            ended, self.next_trouble = CallEnded(ticket, None, self.next_trouble), None
        else:
            try:
                ended = CallEnded(ticket, function(*args, lambda fraction: None, lambda: False), None)
            except Img2ModelError as problem:
                trouble = Trouble(problem.kind, problem.message, problem.advice, traceback.format_exc())
                ended = CallEnded(ticket, None, trouble)
        self._answers.append(ended)
        QTimer.singleShot(0, self._answer)
        return ticket

    def drop(self, ticket: int) -> None:
        self._answers = [ended for ended in self._answers if ended.ticket != ticket]

    @Slot()
    def _answer(self) -> None:
        if self._answers:
            self.call_ended.emit(self._answers.pop(0))


@pytest.fixture
def caller(qapp: QApplication) -> InlineCaller:
    return InlineCaller()


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """The dark theme; the application is as it was afterwards."""
    style = qapp.style().name()
    made = Theme(qapp, ThemeChoice.DARK, paths.resources_dir() / "icons")
    yield made
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)  # else each is styled anew, then deleted
    made.choose(ThemeChoice.SYSTEM)
    qapp.styleHints().colorSchemeChanged.disconnect(made._on_system_changed)
    made.deleteLater()
    qapp.setStyleSheet("")
    qapp.setPalette(QPalette())
    qapp.setStyle(style)


@pytest.fixture
def icons(theme: Theme) -> Icons:
    return Icons(paths.resources_dir() / "icons", theme.colours)


def result_of(mesh: Mesh, folder: Path, title: str = "thing", request: Request | None = None) -> JobRow:
    """A finished job with this mesh as its result."""
    folder.mkdir(parents=True)
    write_mesh(mesh, folder / "result.glb", {})
    width, height, depth = (float(side) for side in mesh.size_m)
    return JobRow(
        id=folder.name,
        state=JobState.DONE,
        request=request or Request(prompt=title),
        title=title,
        created=time.time(),
        folder=folder,
        engine="extrude",
        result_path=folder / "result.glb",
        facts=Facts(len(mesh.vertices), len(mesh.faces), 1, True, (width, height, depth)),
        seconds=1.25,
    )


def open_box(side: float = 0.05) -> Mesh:
    """A cube without one of its twelve faces: a hole with a rim of three edges."""
    closed = box(side, side, side)
    return Mesh(closed.vertices, closed.faces[np.arange(12) != 5])


def disc(width: int = 160, height: int = 120, *, cut: bool) -> Picture:
    """A red disc in the middle, before grey or (cut) before nothing."""
    rows, columns = np.mgrid[0:height, 0:width]
    inside = np.hypot(columns - width / 2 + 0.5, rows - height / 2 + 0.5) < 0.35 * min(width, height)
    pixels = np.full((height, width, 4), (*GREY, 0 if cut else 255), np.uint8)
    pixels[inside] = (*RED, 255)
    return Picture(pixels)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A red disc before a grey ground, as a file."""
    write_png(disc(cut=False), tmp_path / "disc.png")
    return tmp_path / "disc.png"


@pytest.fixture
def cut_out(tmp_path: Path) -> Path:
    """A red disc before nothing, as a file."""
    write_png(disc(cut=True), tmp_path / "cut disc.png")
    return tmp_path / "cut disc.png"


class KeptHelper:
    """A helper process that one runner after the other uses and none ends: to start it takes a second or two."""

    def __init__(self) -> None:
        self._helper = Helper()

    def run(self, function: Callable[..., Any], *args: Any, tick: Tick) -> Any:
        return self._helper.run(function, *args, tick=tick)

    def close(self) -> None:
        """Does nothing."""

    def end(self) -> None:
        self._helper.close()


@pytest.fixture(scope="session")
def helpers() -> Iterator[tuple[KeptHelper, ...]]:
    """For jobs, short calls and long calls."""
    helpers = (KeptHelper(), KeptHelper(), KeptHelper())
    yield helpers
    for helper in helpers:
        helper.end()


@pytest.fixture(scope="module")
def runner(
    qapp: QApplication, helpers: tuple[KeptHelper, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JobRunner]:
    """One runner for a file.

    A test that stops a job that runs needs a runner of its own, because that can cost the helper process.
    """
    folder = tmp_path_factory.mktemp("runner")
    runner = JobRunner(Store(folder / "history.sqlite3", folder / "jobs"))
    for worker, helper in zip(runner._workers, helpers, strict=True):
        worker._helper = helper
    yield runner
    runner.close()


@pytest.fixture
def places(tmp_path: Path, photo: Path) -> Places:
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text("# What is new\n\nThe first one.\n")
    return Places((photo,), tmp_path / "pasted", changelog, tmp_path, tmp_path / "weights")


@pytest.fixture
def window(
    qtbot: QtBot, runner: JobRunner, theme: Theme, icons: Icons, places: Places, tmp_path: Path
) -> Iterator[MainWindow]:
    window = MainWindow(runner, theme, icons, WindowState(export_dir=str(tmp_path)), places)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    yield window
    for row in runner.jobs():
        if not row.state.has_ended:
            runner.cancel(row.id)
    qtbot.waitUntil(lambda: not runner.is_busy and not runner._calls, timeout=JOB_MS)
    runner._resting.end()  # it would free engines after ten minutes
    for row in runner.jobs():
        runner.remove(row.id)
    window.close()
    for _, pool in runner._lanes.values():
        assert pool.waitForDone(JOB_MS)  # a call that the window dropped may still be on its way out
    window.deleteLater()
