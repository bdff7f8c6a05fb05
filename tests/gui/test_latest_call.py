"""Only the newest wish is answered, and no more than one call waits."""

from typing import Any

from PySide6.QtCore import QObject, Signal
from pytestqt.qtbot import QtBot

from img2model_desktop.gui.latest_call import LatestCall
from img2model_desktop.gui.runner import CallEnded, Trouble


def look(number: int, report: Any, is_cancelled: Any) -> int:
    return number


class Scripted(QObject):
    """A caller whose calls end when the test says so."""

    call_ended = Signal(object)
    call_moved = Signal(int, float)

    def __init__(self) -> None:
        super().__init__()
        self.started: list[int] = []

    def call(self, function: Any, *args: Any, lane: object = None) -> int:
        self.started.append(args[0])
        return len(self.started)

    def drop(self, ticket: int) -> None:
        raise AssertionError(ticket)

    def end(self, ticket: int, trouble: Trouble | None = None) -> None:
        result = None if trouble else self.started[ticket - 1]
        self.call_ended.emit(CallEnded(ticket, result, trouble))


def heard(latest: LatestCall) -> list[tuple[Any, Any]]:
    answers: list[tuple[Any, Any]] = []
    latest.answered.connect(lambda result, trouble: answers.append((result, trouble)))
    return answers


def test_wishes_in_between_are_never_started(qtbot: QtBot) -> None:
    caller = Scripted()
    latest = LatestCall(caller)
    answers = heard(latest)
    for number in range(5):
        latest.ask(look, number)
    assert caller.started == [0]
    caller.end(1)
    assert (caller.started, answers) == ([0, 4], [])
    caller.end(2)
    assert answers == [(4, None)]
    assert not latest.is_busy


def test_what_was_forgotten_is_not_told(qtbot: QtBot) -> None:
    caller = Scripted()
    latest = LatestCall(caller)
    answers = heard(latest)
    latest.ask(look, 1)
    latest.ask(look, 2)
    latest.forget()
    caller.end(1)
    assert (caller.started, answers, latest.is_busy) == ([1], [], False)
    latest.ask(look, 3)
    latest.forget()
    latest.ask(look, 4)
    caller.end(2)
    caller.end(3)
    assert answers == [(4, None)]


def test_trouble_is_told_and_others_calls_are_not_ours(qtbot: QtBot) -> None:
    caller = Scripted()
    latest, other = LatestCall(caller), LatestCall(caller)
    answers, others = heard(latest), heard(other)
    latest.ask(look, 1)
    other.ask(look, 2)
    trouble = Trouble("input", "No.", "Yes.")
    caller.end(1, trouble)
    assert (answers, others) == ([(None, trouble)], [])
