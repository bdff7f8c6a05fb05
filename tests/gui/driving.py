"""How the tests drive the whole window: dropping files, waiting for a job, reading what is told."""

from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from img2model_desktop.gui.main_window import MainWindow
from img2model_desktop.jobs.job_row import JobRow

JOB_MS = 60_000


def mime_of(*paths: Path | str) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl(path) if isinstance(path, str) else QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def drop(window: MainWindow, mime: QMimeData) -> bool:
    """Drags something over the mesh view and lets it go; whether the window took the drag."""
    spot, buttons, keys = QPointF(600, 300), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    actions = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction
    enter = QDragEnterEvent(spot.toPoint(), actions, mime, buttons, keys)
    QApplication.sendEvent(window, enter)
    if enter.isAccepted():
        QApplication.sendEvent(window, QDropEvent(spot, actions, mime, buttons, keys))
    return enter.isAccepted()


def wait_for_cut(qtbot: QtBot, window: MainWindow) -> None:
    pictures = window.input.pictures
    qtbot.waitUntil(lambda: pictures.canvas.has_cut or pictures.trouble is not None, timeout=JOB_MS)
    assert pictures.trouble is None


def wait_for_end(qtbot: QtBot, window: MainWindow) -> JobRow:
    def row() -> JobRow | None:
        return window.history.current

    qtbot.waitUntil(lambda: row() is not None and row().state.has_ended, timeout=JOB_MS)  # type: ignore[union-attr]  # asked just before
    found = row()
    assert found is not None
    return found


def message(window: MainWindow) -> str:
    told = window.middle.messages.message
    return "" if told is None else f"{told.text} {told.advice}".strip()


def titles(window: MainWindow) -> list[str]:
    """Of the edits that are done."""
    return [edit.title for edit in window.workshop.done]


def wait_for_verdict(qtbot: QtBot, window: MainWindow) -> None:
    workshop = window.workshop
    qtbot.waitUntil(lambda: workshop.verdict is not None and not workshop.is_working, timeout=JOB_MS)
