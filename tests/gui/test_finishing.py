"""What comes after the last job: announced, taken back, done once; never while there is work."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from img2model_desktop.core.events import Started, Stopped
from img2model_desktop.core.request import Request
from img2model_desktop.errors import SetupProblem
from img2model_desktop.gui.finishing import Finishing
from img2model_desktop.gui.messages import Message
from img2model_desktop.gui.power import After, command, run_command
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.jobs.store import Store


@pytest.fixture
def runner(qapp: QApplication, tmp_path: Path) -> Iterator[JobRunner]:
    runner = JobRunner(Store(tmp_path / "history.sqlite3", tmp_path / "jobs"))
    yield runner
    runner.close()


class Desk:
    """A `Finishing` whose commands are only noted."""

    def __init__(self, runner: JobRunner, wait_s: float, refuses: bool = False) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.told: list[Message] = []
        self.quits = 0
        self._refuses = refuses
        self.finishing = Finishing(runner, runner, run=self._run, wait_s=wait_s)
        self.finishing.told.connect(self.told.append)
        self.finishing.quit_wished.connect(self._quit)

    def _run(self, arguments: Sequence[str]) -> None:
        self.ran.append(tuple(arguments))
        if self._refuses:
            raise SetupProblem("No.", "Yes.")

    def _quit(self) -> None:
        self.quits += 1


def end_queue(runner: JobRunner) -> None:
    """A job begins and ends, and no other waits."""
    row = runner.store.add(Request(prompt="p"))
    runner._on_event(Started(row.id, 1.0))
    runner._on_event(Stopped(row.id, 2.0))


@pytest.mark.parametrize(("after", "quits"), [(After.QUIT, 1), (After.SLEEP, 0), (After.SHUT_DOWN, 1)])
def test_it_is_done_when_the_queue_has_ended_once(qtbot: QtBot, runner: JobRunner, after: After, quits: int) -> None:
    desk = Desk(runner, wait_s=0.1)
    desk.finishing.choose(after)
    assert not desk.finishing.is_counting
    end_queue(runner)
    assert desk.finishing.is_counting
    assert desk.told[0].text.startswith("Everything is done. ")
    assert desk.told[0].action == "Cancel"
    qtbot.waitUntil(lambda: desk.finishing.after is After.NOTHING)
    assert (desk.ran, desk.quits) == ([command(after)] if command(after) else [], quits)
    end_queue(runner)  # it was good for one time
    assert not desk.finishing.is_counting


def test_nothing_is_done_where_nothing_is_chosen(runner: JobRunner) -> None:
    desk = Desk(runner, wait_s=0.1)
    end_queue(runner)
    assert (desk.finishing.is_counting, desk.told) == (False, [])


def test_the_user_has_a_minute_to_take_it_back(runner: JobRunner) -> None:
    desk = Desk(runner, wait_s=60)
    desk.finishing.choose(After.SHUT_DOWN)
    end_queue(runner)
    assert desk.told[-1].text == "Everything is done. The computer shuts down in 60 s."
    cancel = desk.told[-1].act
    assert cancel is not None
    cancel()
    assert (desk.finishing.is_counting, desk.finishing.after) == (False, After.NOTHING)
    assert desk.told[-1].text == "The computer stays on."
    assert (desk.ran, desk.quits) == ([], 0)


def test_work_that_comes_meanwhile_is_done_first(qtbot: QtBot, runner: JobRunner) -> None:
    desk = Desk(runner, wait_s=60)
    desk.finishing.choose(After.QUIT)
    end_queue(runner)
    row = runner.store.add(Request(prompt="p"))
    runner._running = (row.id, runner._running[1] if runner._running else None)
    with qtbot.waitSignal(desk.finishing.withdrawn):
        desk.finishing.on_queue_changed()
    assert (desk.finishing.is_counting, desk.finishing.after) == (False, After.QUIT)
    runner._on_event(Started(row.id, 1.0))
    runner._on_event(Stopped(row.id, 2.0))
    assert desk.finishing.is_counting
    desk.finishing.close()


def test_a_paused_queue_has_not_ended(runner: JobRunner) -> None:
    desk = Desk(runner, wait_s=60)
    desk.finishing.choose(After.QUIT)
    runner.pause(True)
    end_queue(runner)
    assert not desk.finishing.is_counting


def test_a_computer_that_refuses_is_told_and_the_program_stays(qtbot: QtBot, runner: JobRunner) -> None:
    desk = Desk(runner, wait_s=0.1, refuses=True)
    desk.finishing.choose(After.SHUT_DOWN)
    end_queue(runner)
    qtbot.waitUntil(lambda: not desk.finishing.is_counting)
    QCoreApplication.processEvents()
    assert (desk.told[-1].text, desk.quits) == ("No.", 0)


def test_each_system_has_its_commands() -> None:
    for platform in ("linux", "darwin", "win32"):
        assert command(After.SLEEP, platform)
        assert command(After.SHUT_DOWN, platform)
        assert command(After.QUIT, platform) == command(After.NOTHING, platform) == ()
    assert len({command(After.SHUT_DOWN, platform) for platform in ("linux", "darwin", "win32")}) == 3
    assert command(After.SLEEP, "plan9") == ()


def test_a_command_that_is_not_there_or_fails_is_our_error() -> None:
    run_command(["true"])
    for arguments in (["no-such-command-anywhere"], ["false"]):
        with pytest.raises(SetupProblem, match="cannot be told to sleep"):
            run_command(arguments)
