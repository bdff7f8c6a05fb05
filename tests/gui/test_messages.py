"""The message bar tells one thing at a time and is never in the way; a crash is told whole."""

import logging
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QApplication, QDialog, QPlainTextEdit, QPushButton
from pytestqt.exceptions import capture_exceptions
from pytestqt.qtbot import QtBot

from img2model_desktop import __version__
from img2model_desktop.core.request import Request
from img2model_desktop.gui.crash import CrashDialog, CrashHook
from img2model_desktop.gui.failure import failure_message
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.messages import Message, MessageBar, Tone
from img2model_desktop.gui.theme import DARK
from img2model_desktop.jobs.job_row import JobRow, JobState


@pytest.fixture
def bar(qtbot: QtBot, icons: Icons) -> MessageBar:
    bar = MessageBar(icons)
    qtbot.addWidget(bar)
    bar.resize(600, 48)
    return bar


def test_newest_message_is_shown_until_it_is_closed(qtbot: QtBot, bar: MessageBar) -> None:
    assert not bar.isVisible()
    bar.tell(Message(Tone.WARNING, "First.", "Do this."))
    bar.tell(Message(Tone.ERROR, "Second.", "Do that."))
    assert bar.isVisible()
    assert bar.accessibleName() == "error: Second. Do that."
    assert not bar._timer.isActive()
    qtbot.mouseClick(bar._close, Qt.MouseButton.LeftButton)
    assert not bar.isVisible()
    assert bar.message is None


def test_information_goes_away_by_itself(qtbot: QtBot, bar: MessageBar) -> None:
    bar._timer.setInterval(10)
    bar.tell(Message(Tone.INFO, "Saved."))
    qtbot.waitUntil(lambda: not bar.isVisible())
    bar.tell(Message(Tone.INFO, "Once more?", action="Yes"))
    assert not bar._timer.isActive()  # a question waits for its answer


def test_details_can_be_copied(qtbot: QtBot, bar: MessageBar) -> None:
    bar.tell(Message(Tone.ERROR, "It failed.", "Try again.", details="line 1\nline 2"))
    qtbot.mouseClick(bar._copy, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == "It failed.\nTry again.\n\nline 1\nline 2"
    bar.tell(Message(Tone.ERROR, "It failed."))
    assert not bar._copy.isVisible()


def test_action_is_done_once_and_the_question_is_gone(qtbot: QtBot, bar: MessageBar) -> None:
    done: list[int] = []
    bar.tell(Message(Tone.WARNING, "Remove it?", action="Remove", act=lambda: done.append(1)))
    qtbot.mouseClick(bar._action, Qt.MouseButton.LeftButton)
    assert done == [1]
    assert not bar.isVisible()


@pytest.mark.parametrize(("tone", "colour"), [(Tone.ERROR, DARK.bad), (Tone.WARNING, DARK.warn)])
def test_each_tone_has_its_colour(bar: MessageBar, tone: Tone, colour: str) -> None:
    bar.tell(Message(tone, "Something."))
    image = bar._icon.grab().toImage()
    assert colour in {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


def test_bug_in_a_slot_is_logged_and_shown_once(qtbot: QtBot, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = tmp_path / "program.log"
    log.write_text("the line before\n")
    shown: list[QDialog] = []

    def show(report: str) -> QDialog:
        dialog = CrashDialog(report)
        shown.append(dialog)
        return dialog

    before = sys.excepthook
    hook = CrashHook(log, show)
    hook.install()
    button = QPushButton("press")
    qtbot.addWidget(button)
    button.clicked.connect(lambda: {}["missing"])
    with caplog.at_level(logging.CRITICAL):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    hook.remove()
    assert sys.excepthook is before
    assert len(shown) == 1
    assert "KeyError: 'missing'" in caplog.text
    (page,) = shown[0].findChildren(QPlainTextEdit)
    report = page.toPlainText()
    assert f"Image2Model Desktop {__version__}" in report
    assert "KeyError: 'missing'" in report
    assert "the line before" in report
    assert not shown[0].isModal()
    qtbot.mouseClick(shown[0]._copy, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == report
    QApplication.clipboard().clear()
    shown[0].close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    with capture_exceptions():
        hook(ValueError, ValueError("after"), None)  # the next bug is shown again
    assert len(shown) == 2
    shown[1].close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def test_ctrl_c_is_left_to_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: seen.append(kind))
    hook = CrashHook(tmp_path / "none.log", lambda report: pytest.fail(report))
    hook.install()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    hook.remove()
    assert seen == [KeyboardInterrupt]


@pytest.mark.parametrize(
    ("kind", "error", "said", "action"),
    [
        ("input", "“fox.png” is damaged.", "“fox.png” is damaged.", "Load its settings"),
        ("input", "There is nothing in it.", "“fox”: There is nothing in it.", "Load its settings"),
        ("engine", "No outline.", "“fox”: No outline.", "Load its settings"),
        ("setup", "The disk is full.", "“fox”: The disk is full.", "Try again"),
        ("memory", "Too little.", "“fox”: Too little.", "Try again"),
        ("bug", "Something went wrong.", "“fox”: Something went wrong.", "Try again"),
    ],
)
def test_the_message_of_a_failure_names_the_job_once_and_leads_on(
    kind: str, error: str, said: str, action: str, tmp_path: Path
) -> None:
    row = JobRow("1", JobState.FAILED, Request(), "fox", 0.0, tmp_path, error_kind=kind, error_message=error)
    done: list[str] = []
    told = failure_message(row, lambda: done.append("Load its settings"), lambda: done.append("Try again"))
    assert (told.tone, told.text, told.action) == (Tone.ERROR, said, action)
    assert told.act is not None
    told.act()
    assert done == [action]
