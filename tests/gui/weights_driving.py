"""How the weights window is driven: what its tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from img2model_desktop.engines.weights.library import Library
from img2model_desktop.engines.weights.sets import WeightSet
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.weights.row import WeightsRow
from img2model_desktop.gui.weights.shelf import WeightsShelf
from img2model_desktop.gui.weights.window import WeightsWindow
from img2model_desktop.jobs.job_row import JobRow
from tests.gui.conftest import InlineCaller
from tests.published import TINY, add_tiny

WAIT_MS = 60_000


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Where the published file of the tiny set lies, as in a clone of its repository."""
    return tmp_path / "clone"


@pytest.fixture
def tiny(clone: Path, monkeypatch: pytest.MonkeyPatch) -> WeightSet:
    return add_tiny(clone, monkeypatch)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library")


@pytest.fixture
def jobs() -> list[JobRow]:
    return []


def opened(qtbot: QtBot, window: WeightsWindow) -> WeightsWindow:
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    qtbot.waitUntil(lambda: bool(window.rows), timeout=WAIT_MS)
    return window


@pytest.fixture
def window(
    qtbot: QtBot, caller: InlineCaller, icons: Icons, tiny: WeightSet, tmp_path: Path, jobs: list[JobRow]
) -> Iterator[WeightsWindow]:
    host = QWidget()
    qtbot.addWidget(host)
    shelf = WeightsShelf(caller, tmp_path / "library", lambda: jobs, host)
    made = opened(qtbot, WeightsWindow(shelf, icons, host))
    yield made
    made.close()
    QApplication.processEvents()


def drop(window: WeightsWindow, mime: QMimeData) -> bool:
    spot, buttons, keys = QPointF(200, 300), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(spot.toPoint(), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(window, enter)
    if enter.isAccepted():
        assert window.intake.property("target")
        QApplication.sendEvent(window, QDropEvent(spot, Qt.DropAction.CopyAction, mime, buttons, keys))
        assert not window.intake.property("target")
    return enter.isAccepted()


def asked(qtbot: QtBot, window: WeightsWindow) -> str:
    """The question, once it is there."""
    qtbot.waitUntil(lambda: window.intake.is_asking, timeout=WAIT_MS)
    page = window.intake.question
    return f"{page.title.text()} {page.facts.text()} {page.note.text()}".strip()


def told(qtbot: QtBot, window: WeightsWindow) -> str:
    """The message, once nothing is done any more."""
    qtbot.waitUntil(lambda: not window._shelf.is_busy and window.messages.message is not None, timeout=WAIT_MS)
    message = window.messages.message
    assert message is not None
    return f"{message.text} {message.advice}".strip()


def take(qtbot: QtBot, window: WeightsWindow, path: Path, how: str) -> WeightsRow:
    """Brings the tiny set and answers the question."""
    window.bring((path,))
    asked(qtbot, window)
    qtbot.mouseClick(window.intake.question.buttons[how], Qt.MouseButton.LeftButton)
    told(qtbot, window)
    row = window.rows[TINY]
    qtbot.waitUntil(lambda: row.row.is_here, timeout=WAIT_MS)
    return row


def shown(row: WeightsRow) -> list[str]:
    """The texts of its buttons."""
    return [button.text() for button in row.findChildren(QPushButton) if button.isVisible()]
