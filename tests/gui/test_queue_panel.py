"""The strip as a queue: what waits is moved, held and paused by pointer and keys; a batch is one card; pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from img2model_desktop.core.events import Decided, Decision, Failed, Finished, Stage, Started, Warned
from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.request import Request
from img2model_desktop.gui.finishing import Finishing
from img2model_desktop.gui.history.card import CARD
from img2model_desktop.gui.history.happened import failure_words
from img2model_desktop.gui.history.jobs import BATCH_ROLE, PAGE, PLACE_ROLE, HistoryModel, state_words, tool_tip
from img2model_desktop.gui.history.menu import batch_menu
from img2model_desktop.gui.history.panel import HistoryPanel
from img2model_desktop.gui.history.queue_actions import QueueActions
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.messages import Message
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.jobs.edits import keep_edit
from img2model_desktop.jobs.job_row import JobRow
from img2model_desktop.jobs.store import JobState, Store
from tests.gui.driving import mime_of
from tests.gui.test_history import FACTS, titles
from tests.shapes import box


@pytest.fixture
def runner(qapp: QApplication, tmp_path: Path) -> Iterator[JobRunner]:
    runner = JobRunner(Store(tmp_path / "history.sqlite3", tmp_path / "jobs"))
    runner.pause(True)  # what waits is to stay
    yield runner
    runner.close()


@pytest.fixture
def panel(qtbot: QtBot, runner: JobRunner, icons: Icons) -> Iterator[HistoryPanel]:
    panel = HistoryPanel(runner, icons)
    qtbot.addWidget(panel)
    panel.resize(900, 180)
    panel.show()
    pace = panel.model._pace
    yield panel
    qtbot.waitUntil(lambda: not isValid(pace) or not pace.isActive())


@pytest.fixture
def told(panel: HistoryPanel, runner: JobRunner) -> list[Message]:
    """What the actions tell."""
    actions = QueueActions(runner, panel, Finishing(runner, panel), panel)
    messages: list[Message] = []
    actions.told.connect(messages.append)
    return messages


def add(runner: JobRunner, words: str, batch: str = "") -> list[str]:
    rows = runner.store.add_all([(Request(prompt=word), "") for word in words], batch=batch)
    for row in rows:
        runner.job_changed.emit(row.id)
    return [row.id for row in rows]


def end(runner: JobRunner, job_id: str, failed: bool = False) -> JobRow:
    runner._apply(Started(job_id, 1.0))
    result = runner.job(job_id).folder / "result.glb"
    last = Failed(job_id, 2.0, "input", "No.", "Yes.") if failed else None
    runner._apply(last or Finished(job_id, 2.0, str(result), "lathe", FACTS, 1.0))
    return runner.job(job_id)


def words(panel: HistoryPanel) -> list[str]:
    """What the cards of jobs say, in their order."""
    return [
        f"{index.data()}: {state_words(panel.model._entries[index.row()].row, index.data(PLACE_ROLE))}"
        for index in map(panel.model.index, range(panel.model.rowCount()))
    ]


def fill_batch(runner: JobRunner) -> list[str]:
    with runner.store.database.writing(lasting=False) as db:
        db.execute("INSERT INTO batch (id, title, source, created, request) VALUES ('b1', 'Holiday', 'x', 1.0, '{}')")
    ids = add(runner, "pqrs", batch="b1")
    end(runner, ids[0])
    end(runner, ids[1], failed=True)
    return ids


# -- the line


def test_cards_say_their_place_in_the_line(
    qtbot: QtBot, runner: JobRunner, panel: HistoryPanel, told: list[Message]
) -> None:
    a, b, _ = add(runner, "abc")
    assert words(panel) == ["a: Next", "b: Waiting · no. 2", "c: Waiting · no. 3"]
    panel.hold_wished.emit((a,), True)
    qtbot.waitUntil(lambda: words(panel) == ["a: On hold", "b: Next", "c: Waiting · no. 2"])
    panel.hold_wished.emit((a,), False)
    qtbot.waitUntil(lambda: words(panel)[0] == "a: Next")
    runner.cancel(b)
    assert words(panel) == ["a: Next", "c: Waiting · no. 2", "b: Stopped"]
    assert told == []


def test_keys_move_hold_and_throw_away(
    qtbot: QtBot, runner: JobRunner, panel: HistoryPanel, told: list[Message]
) -> None:
    a, b, c = add(runner, "abc")
    alt = Qt.KeyboardModifier.AltModifier
    panel.select(c)
    qtbot.keyClick(panel.strip, Qt.Key.Key_Left, alt)
    assert titles(panel.model) == ["a", "c", "b"]
    assert panel.current is not None
    assert panel.current.id == c  # the card stays selected where it went
    qtbot.keyClick(panel.strip, Qt.Key.Key_Home, alt)
    qtbot.keyClick(panel.strip, Qt.Key.Key_Left, alt)  # further is not possible
    assert titles(panel.model) == ["c", "a", "b"]
    qtbot.keyClick(panel.strip, Qt.Key.Key_Right, alt)
    qtbot.keyClick(panel.strip, Qt.Key.Key_Right, alt)
    qtbot.keyClick(panel.strip, Qt.Key.Key_Right, alt)
    assert titles(panel.model) == ["a", "b", "c"]
    assert [row.id for row in runner.waiting()] == [a, b, c]
    qtbot.keyClick(panel.strip, Qt.Key.Key_H)
    assert runner.job(c).is_held
    qtbot.keyClick(panel.strip, Qt.Key.Key_H)
    assert not runner.job(c).is_held
    qtbot.keyClick(panel.strip, Qt.Key.Key_Delete)
    assert runner.job(c).state is JobState.STOPPED
    qtbot.keyClick(panel.strip, Qt.Key.Key_T)
    assert runner.job(c).state is JobState.QUEUED
    qtbot.keyClick(panel.strip, Qt.Key.Key_Delete)
    qtbot.keyClick(panel.strip, Qt.Key.Key_Delete)
    assert runner.job(c).trashed is not None
    assert titles(panel.model) == ["a", "b"]
    assert [message.text for message in told] == ["“c” is in the trash."]
    undo = told[0].act
    assert undo is not None
    undo()
    assert titles(panel.model) == ["a", "b", "c"]
    assert panel.current is not None
    assert panel.current.id == c


@pytest.mark.parametrize(
    ("dragged", "x", "expected"),
    [("a", 2.2, "bac"), ("c", 0.2, "cab"), ("b", 0.7, "abc"), ("a", 5.0, "bca"), ("a", 1.7, "bac")],
)
def test_a_card_is_dragged_to_another_place(
    runner: JobRunner, panel: HistoryPanel, told: list[Message], dragged: str, x: float, expected: str
) -> None:
    ids = dict(zip("abc", add(runner, "abc"), strict=True))
    mime = panel.model.mimeData([panel.model.row_of(ids[dragged])])
    spot = QPointF(x * (CARD.width() + 8), 40)
    buttons, keys, move = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.DropAction.MoveAction
    viewport = panel.strip.viewport()
    enter = QDragEnterEvent(spot.toPoint(), move, mime, buttons, keys)
    QApplication.sendEvent(viewport, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(viewport, QDropEvent(spot, move, mime, buttons, keys))
    assert "".join(titles(panel.model)) == expected
    assert [row.title for row in runner.waiting()] == titles(panel.model)


def test_files_over_the_strip_are_the_windows(panel: HistoryPanel, tmp_path: Path) -> None:
    buttons, keys, mime = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, mime_of(tmp_path / "a.png")
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(panel.strip.viewport(), enter)
    assert not enter.isAccepted()


def test_only_what_waits_can_be_dragged(runner: JobRunner, panel: HistoryPanel) -> None:
    a, b = add(runner, "ab")
    end(runner, a)
    flags = {id_: panel.model.flags(panel.model.row_of(id_)) for id_ in (a, b)}
    assert not flags[a] & Qt.ItemFlag.ItemIsDragEnabled
    assert flags[b] & Qt.ItemFlag.ItemIsDragEnabled


def test_pause_button_pauses_and_says_so(
    qtbot: QtBot, runner: JobRunner, panel: HistoryPanel, told: list[Message]
) -> None:
    assert panel._pause.isVisible()  # the queue was left paused
    assert (panel._pause.text(), panel._pause.isChecked()) == ("Queue is paused", True)
    qtbot.mouseClick(panel._pause, Qt.MouseButton.LeftButton)
    assert not runner.is_paused
    assert not panel._pause.isVisible()  # nothing waits
    runner.pause(True)
    add(runner, "a")
    panel.set_paused(False)
    assert (panel._pause.text(), panel._pause.isVisible()) == ("Pause queue", True)
    qtbot.mouseClick(panel._pause, Qt.MouseButton.LeftButton)
    assert runner.is_paused
    assert panel._pause.text() == "Queue is paused"


def test_what_cannot_be_done_is_told(runner: JobRunner, panel: HistoryPanel, told: list[Message]) -> None:
    (a,) = add(runner, "a")
    end(runner, a)
    panel.move_wished.emit((a,), "")
    panel.retry_wished.emit(a)
    assert [message.text for message in told] == [
        "“a” does not wait any more.",
        "Only a job that failed or was stopped can be tried again.",
    ]


# -- batches


def test_a_batch_is_one_card_that_opens_to_its_jobs(
    qtbot: QtBot, runner: JobRunner, panel: HistoryPanel, told: list[Message]
) -> None:
    (a,) = add(runner, "a")
    ids = fill_batch(runner)
    end(runner, add(runner, "z")[0])
    qtbot.waitUntil(lambda: titles(panel.model) == ["a", "Holiday", "z"])
    tally = panel.model.index(1).data(BATCH_ROLE)
    assert (tally.ended, tally.total, tally.failed) == (2, 4, 1)
    assert panel.model.index(1).data(Qt.ItemDataRole.AccessibleTextRole) == "Holiday, 2 of 4, 1 failed"
    assert panel._summary.text() == "3 waiting"
    panel.select(ids[2])
    assert panel.current is None
    assert panel.current_batch == tally
    qtbot.keyClick(panel.strip, Qt.Key.Key_Return)
    assert words(panel) == ["r: Waiting · no. 2", "s: Waiting · no. 3", "q: Failed", "p: Lathe · 1.0 s"]
    assert (panel._title.text(), panel._back.isVisible()) == ("Holiday", True)
    end(runner, ids[2])
    assert titles(panel.model) == ["s", "r", "q", "p"]
    qtbot.mouseClick(panel._back, Qt.MouseButton.LeftButton)
    assert (panel._title.text(), panel._back.isVisible()) == ("Jobs", False)
    assert titles(panel.model) == ["a", "Holiday", "z"]
    assert panel.current_batch is not None
    end(runner, ids[3])
    qtbot.waitUntil(lambda: titles(panel.model) == ["a", "z", "Holiday"])  # z is newer than all of the batch
    assert panel.model.index(2).data(Qt.ItemDataRole.AccessibleTextRole) == "Holiday, 4 done, 1 failed"
    panel.retry_batch("b1")
    qtbot.waitUntil(lambda: titles(panel.model) == ["a", "Holiday", "z"])
    assert [row.title for row in runner.waiting()] == ["a", "q"]
    assert runner.job(a).position < runner.job(ids[1]).position


def test_a_batch_is_moved_held_and_stopped_as_one(
    qtbot: QtBot, runner: JobRunner, panel: HistoryPanel, told: list[Message]
) -> None:
    add(runner, "a")
    ids = fill_batch(runner)
    qtbot.waitUntil(lambda: titles(panel.model) == ["a", "Holiday"])
    panel.select(ids[3])
    qtbot.keyClick(panel.strip, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: titles(panel.model) == ["Holiday", "a"])
    assert [row.title for row in runner.waiting()] == ["r", "s", "a"]
    qtbot.keyClick(panel.strip, Qt.Key.Key_H)
    assert [row.title for row in runner.waiting() if row.is_held] == ["r", "s"]
    tally = panel.model.store.ended(1, batch="b1")
    assert tally[0].title == "q"
    qtbot.waitUntil(lambda: panel.current_batch is not None and panel.current_batch.held == 2)
    assert panel.current_batch is not None
    entries = [entry[0] for entry in batch_menu(panel, panel.current_batch) if entry]
    assert entries[1] == "Let it go on"
    qtbot.keyClick(panel.strip, Qt.Key.Key_Delete)
    assert [row.title for row in runner.waiting()] == ["a"]
    qtbot.waitUntil(lambda: titles(panel.model) == ["a", "Holiday"])


# -- pages


def test_ten_thousand_jobs_come_in_pages(qtbot: QtBot, runner: JobRunner, icons: Icons) -> None:
    store = runner.store
    with store.database.writing(lasting=False) as db:
        db.executemany(
            "INSERT INTO job (id, state, request, title, created, batch) VALUES (?, 'done', '{}', ?, 1.0, ?)",
            [
                (f"20260101-000000-{number:06}-0000", f"job {number}", "b1" if number == 9_800 else "")
                for number in range(10_000)
            ],
        )
    panel = HistoryPanel(runner, icons)
    qtbot.addWidget(panel)
    panel.resize(900, 180)
    panel.show()
    assert PAGE <= panel.model.rowCount() <= 2 * PAGE
    assert panel.model.index(0).data() == "job 9999"
    bar = panel.strip.horizontalScrollBar()
    for _ in range(3):
        bar.setValue(bar.maximum())
        QApplication.processEvents()
    assert 3 * PAGE <= panel.model.rowCount() <= 8 * PAGE
    expected = [f"job {9_999 - number}" if number != 199 else "Batch" for number in range(300)]
    assert titles(panel.model)[:300] == expected  # the batch in its place
    panel.select("20260101-000000-000012-0000")  # far away
    assert panel.current is not None
    assert panel.current.title == "job 12"
    add(runner, "n")
    assert panel.model.index(0).data() == "n"


# -- what a card tells


def test_tool_tip_counts_the_mesh_as_its_edits_have_left_it(runner: JobRunner, panel: HistoryPanel) -> None:
    (a,) = add(runner, "a")
    row = end(runner, a)
    write_mesh(box(0.1, 0.1, 0.1), row.folder / "result.glb", {})
    assert "12,345 triangles" in tool_tip(row)
    keep_edit(row.folder, "Cut", (), box(0.1, 0.1, 0.1), ())
    assert "12 triangles" in tool_tip(row)


def test_what_happened_is_told_over_the_card(qtbot: QtBot, runner: JobRunner, panel: HistoryPanel) -> None:
    (a,) = add(runner, "a")
    runner._apply(Started(a, 1.0))
    runner._apply(Decided(a, 1.0, Decision.STEP_DOWN, Stage.SCULPT, "lathe", "A draft was made.", "Close programs."))
    runner._apply(Warned(a, 1.0, "It is small."))
    runner._apply(Failed(a, 2.0, "memory", "No room.", "Make room.", "9 GB"))
    panel.select(a)
    qtbot.keyClick(panel.strip, Qt.Key.Key_I)
    sheet = panel._happened
    assert sheet is not None
    assert sheet.isVisible()
    texts = [found.text() for found in sheet.findChildren(type(panel._title)) if found.text()]
    assert texts[2:] == [
        "A draft was made. Close programs.",
        "It is small.",
        "No room. Make room.",
        "It is about memory. Other such jobs may fail, too, until it is put right.",
    ]
    assert "A draft was made." in tool_tip(runner.job(a))
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not panel.findChildren(type(sheet)))


@pytest.mark.parametrize(
    ("kind", "words_"),
    [
        ("input", "It is about the input. Change it and try again."),
        ("engine", "It is about the engine. Other such jobs may fail, too, until it is put right."),
        ("bug", "A fault of the program itself. Please report it."),
        ("", "A fault of the program itself. Please report it."),
    ],
)
def test_failures_have_a_category_and_a_weight(kind: str, words_: str) -> None:
    assert failure_words(kind) == words_


def test_a_model_that_is_made_later_shows_the_same(qtbot: QtBot, runner: JobRunner, panel: HistoryPanel) -> None:
    add(runner, "ab")
    fill_batch(runner)
    end(runner, add(runner, "c")[0])
    qtbot.waitUntil(lambda: not panel.model._pace.isActive())
    assert titles(HistoryModel(runner, panel)) == titles(panel.model) == ["a", "b", "Holiday", "c"]


def test_stopping_many_is_one_step_with_one_last_event_each(
    runner: JobRunner, panel: HistoryPanel, told: list[Message]
) -> None:
    rows = runner.store.add_all([(Request(prompt="p"), "")] * 150, batch="b1")
    ends: list[str] = []
    runner.event_received.connect(lambda event: ends.append(event.job_id))
    changes: list[None] = []
    runner.queue_changed.connect(lambda: changes.append(None))
    panel.stop_batch("b1")
    assert ends == [row.id for row in rows]
    assert len(changes) == 1
    assert {row.state for row in runner.store.ended(2000, batch="b1")} == {JobState.STOPPED}
    panel.stop_batch("b1")
    assert (len(ends), len(changes), told) == (150, 1, [])
