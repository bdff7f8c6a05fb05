"""Batches in the window: offered, made through the queue, saved where they belong, and gone on with after a restart."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import trimesh
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from img2model_desktop.core.events import Finished
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.gui import intake
from img2model_desktop.gui.batch.keeper import BatchKeeper, Item, ItemState, Live
from img2model_desktop.gui.batch.rows import ITEM_ROLE, BatchModel, words_of
from img2model_desktop.gui.batch.window import BatchWindow
from img2model_desktop.gui.intake import BATCH_FROM, sorted_out
from img2model_desktop.gui.main_window import MainWindow
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.jobs.batch import Batch, Source
from img2model_desktop.jobs.batch_ledger import Outcome, read_entries
from img2model_desktop.jobs.batch_table import BatchRow, BatchTable, Course
from img2model_desktop.jobs.job_row import JobState
from img2model_desktop.jobs.store import Store
from tests.gui.driving import JOB_MS, drop, message, mime_of
from tests.test_cli_batch import done_lines, draw

REQUEST = Request(engine="inflate", quality=Quality.DRAFT)
LONG_MS = 3 * JOB_MS
FEW = 4  # pictures, where as many as a batch usually has would say no more


def pictures(folder: Path, count: int) -> Path:
    for number in range(count):
        draw(folder / f"{number}.png", number)
    return folder


def batch_of(folder: Path) -> Batch:
    return Batch((folder,), folder.with_name("out"), REQUEST)


def states(live: Live) -> Counter[str]:
    return Counter(str(item.state) for item in live.items.values())


def wait_for_course(qtbot: QtBot, keeper: BatchKeeper, id_: str, course: Course) -> Live:
    qtbot.waitUntil(lambda: keeper.live(id_).row.course is course and not keeper._asked, timeout=LONG_MS)
    live = keeper.live(id_)
    assert live is not None
    return live


@pytest.fixture(autouse=True)
def _no_rest(runner: JobRunner) -> Iterator[None]:
    """The runner, which outlives a test, would wait for ten minutes before it frees engines."""
    yield
    runner._resting.end()


@pytest.fixture
def keeper(qtbot: QtBot, runner: JobRunner) -> Iterator[BatchKeeper]:
    made = BatchKeeper(runner, None)
    yield made
    qtbot.waitUntil(lambda: not runner.is_busy and not runner._calls, timeout=JOB_MS)
    made.close()
    runner.call_ended.disconnect(made._on_call_ended)
    runner.event_received.disconnect(made._on_event)
    for row in runner.jobs():
        runner.remove(row.id)


# -- offered


def test_many_pictures_are_offered_as_a_batch(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", BATCH_FROM - 1)
    assert sorted_out([folder]).batch == ()
    draw(folder / "more.png")
    found = sorted_out([folder])
    assert (found.batch, found.count) == ((folder,), BATCH_FROM)
    files = sorted(folder.iterdir())
    assert sorted_out(files).batch == tuple(files)


def test_a_dropped_folder_becomes_a_batch(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "BATCH_FROM", FEW)
    folder = pictures(tmp_path / "holiday", FEW)
    (folder / "broken.jpg").write_bytes(b"no picture")
    assert drop(window, mime_of(folder))
    assert f"{FEW + 1} pictures came in" in message(window)
    told = window.middle.messages.message
    assert told is not None
    assert told.action == f"Make a batch of {FEW + 1} pictures"
    assert told.act is not None
    told.act()
    shown = window.batches.show()
    qtbot.waitUntil(lambda: shown._standing.text() == f"{FEW + 1} pictures", timeout=JOB_MS)
    assert shown._draft().target == tmp_path / "holiday meshes"
    assert not shown._draft().target.exists()  # nothing starts by itself
    window.input.form.quality.button("draft").click()
    qtbot.mouseClick(shown.start, Qt.MouseButton.LeftButton)
    keeper, id_ = window.batches.keeper, shown._id
    live = wait_for_course(qtbot, keeper, id_, Course.ENDED)
    assert states(live) == {"done": FEW, "failed": 1}
    assert "failed" not in message(window)  # the batch's row says it, not the main window
    saved = {path.name for path in (tmp_path / "holiday meshes").glob("*.glb")}
    assert saved == {f"{number}.glb" for number in range(FEW)}
    check_window(qtbot, shown, live)


def check_window(qtbot: QtBot, shown: BatchWindow, live: Live) -> None:
    """What the window of an ended batch says and offers."""
    assert shown._standing.text() == f"{FEW + 1} of {FEW + 1} · 1 failed"
    assert shown.filter.button("failed").text() == "Failed 1"
    shown.filter.button("failed").click()
    assert shown.model.rowCount() == 1
    item = shown.model.index(0).data(ITEM_ROLE)
    assert item.source.key == "broken.jpg"
    assert "not a picture" in words_of(item)
    assert not shown.pause.isVisible()
    assert shown.retry.isVisible()
    draw(live.batch.sources[0] / "broken.jpg")
    qtbot.mouseClick(shown.retry, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: states(live) == {"done": FEW + 1}, timeout=LONG_MS)
    assert shown.model.rowCount() == 0
    for button in (shown.page, shown.table):
        with qtbot.waitSignal(shown._keeper.written, timeout=JOB_MS):
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert (live.batch.target / "batch.csv").read_text("utf-8-sig").count("\n") == FEW + 2
    assert (live.batch.target / "batch.html").read_text("utf-8").count("<tr class=") == FEW + 1
    assert (live.batch.target / "batch.html").read_text("utf-8").count('class="fits"') == FEW + 1
    for button in (shown.start, *shown._icon_names, shown.watched, shown.recursive):
        assert button.toolTip(), button.text()


# -- made


def test_results_are_those_of_the_ledger(qtbot: QtBot, keeper: BatchKeeper, runner: JobRunner, tmp_path: Path) -> None:
    batch = batch_of(pictures(tmp_path / "in", 4))
    id_ = keeper.start(batch, "in", False)
    live = wait_for_course(qtbot, keeper, id_, Course.ENDED)
    assert states(live) == {"done": 4}
    assert done_lines(batch.target) == {f"{number}.png": 1 for number in range(4)}
    for entry in read_entries(batch.target):
        mesh = trimesh.load(batch.target / entry.result, force="mesh")
        assert len(mesh.faces) == entry.triangles
        assert mesh.is_watertight is entry.watertight
    jobs = [row for row in runner.jobs() if row.batch == id_]
    assert {row.state for row in jobs} == {JobState.DONE}
    assert len(jobs) == 4
    keeper.go_on(id_)
    wait_for_course(qtbot, keeper, id_, Course.ENDED)
    assert len([row for row in runner.jobs() if row.batch == id_]) == 4  # there was nothing to do


def test_stop_and_go_on(qtbot: QtBot, keeper: BatchKeeper, tmp_path: Path) -> None:
    batch = batch_of(pictures(tmp_path / "in", 6))
    id_ = keeper.start(batch, "in", False)
    live = keeper.live(id_)
    qtbot.waitUntil(lambda: live.count(ItemState.DONE) >= 1, timeout=LONG_MS)
    keeper.stop(id_)
    qtbot.waitUntil(lambda: not live.count(ItemState.RUNNING, ItemState.WAITING) and not keeper._asked, timeout=JOB_MS)
    assert live.row.course is Course.ENDED
    assert live.count(ItemState.STOPPED) >= 3
    keeper.go_on(id_)
    wait_for_course(qtbot, keeper, id_, Course.ENDED)
    assert states(live) == {"done": 6}
    assert set(done_lines(batch.target).values()) == {1}


def test_pause_lets_nothing_begin(qtbot: QtBot, keeper: BatchKeeper, runner: JobRunner, tmp_path: Path) -> None:
    batch = batch_of(pictures(tmp_path / "in", 5))
    id_ = keeper.start(batch, "in", False)
    live = keeper.live(id_)
    qtbot.waitUntil(lambda: live.count(ItemState.DONE) >= 1, timeout=LONG_MS)
    keeper.pause(id_, True)
    qtbot.waitUntil(lambda: runner.running is None and not keeper._asked, timeout=JOB_MS)
    before = states(live)
    qtbot.wait(100)
    assert states(live) == before
    assert before["waiting"] >= 2
    keeper.pause(id_, False)
    wait_for_course(qtbot, keeper, id_, Course.ENDED)
    assert set(done_lines(batch.target).values()) == {1}
    assert states(live) == {"done": 5}


def test_a_watched_folder(qtbot: QtBot, keeper: BatchKeeper, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", 1)
    keeper._watch.setInterval(150)
    id_ = keeper.start(batch_of(folder), "in", True)
    live = keeper.live(id_)
    qtbot.waitUntil(lambda: states(live) == {"done": 1}, timeout=LONG_MS)
    draw(folder / "later.png", 5)
    qtbot.waitUntil(lambda: states(live) == {"done": 2}, timeout=LONG_MS)
    assert live.row.course is Course.RUNNING
    keeper.watch(id_, False)
    wait_for_course(qtbot, keeper, id_, Course.ENDED)
    assert not keeper._watch.isActive()


def test_a_folder_that_cannot_be_written_pauses_the_batch(
    qtbot: QtBot, keeper: BatchKeeper, runner: JobRunner, tmp_path: Path
) -> None:
    folder = pictures(tmp_path / "in", 2)
    (tmp_path / "out").write_text("a file is in the way")
    told: list[str] = []
    keeper.told.connect(lambda said: told.append(said.text))
    id_ = keeper.start(batch_of(folder), "in", False)
    wait_for_course(qtbot, keeper, id_, Course.PAUSED)
    assert len(told) == 1
    assert "out" in told[0]
    (tmp_path / "out").unlink()
    keeper.pause(id_, False)
    live = wait_for_course(qtbot, keeper, id_, Course.ENDED)
    assert states(live) == {"done": 2}


def test_a_restart_goes_on_with_it(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    """Ended in the middle, twice, also between the end of a job and its result being saved: none lost, none twice."""
    batch = batch_of(pictures(tmp_path / "in", 6))
    id_ = ""
    for stop_at in (1, 3, 6):
        with closing(JobRunner(Store(tmp_path / "history.sqlite3", tmp_path / "jobs"))) as runner:
            keeper = BatchKeeper(runner, None)
            runner.resume()
            if id_:
                keeper.resume()
            else:
                id_ = keeper.start(batch, "in", False)
            live = keeper.live(id_)
            ended = _finished(runner)
            if stop_at < 6:
                qtbot.waitUntil(partial(_has_any, ended), timeout=LONG_MS)  # its result is being saved now
            else:
                wait_for_course(qtbot, keeper, id_, Course.ENDED)
                assert states(live) == {"done": 6}
            keeper.close()
        keeper.deleteLater()
        runner.deleteLater()
    assert set(done_lines(batch.target).values()) == {1}
    assert {entry.state for entry in read_entries(batch.target)} == {Outcome.DONE}
    store = Store(tmp_path / "history.sqlite3", tmp_path / "jobs")
    made = Counter(row.request.picture for row in store.rows() if row.state is JobState.DONE)
    course = BatchTable(store.database).rows()[0].course
    store.close()
    assert set(made.values()) == {1}
    assert len(made) == 6
    assert course is Course.ENDED


def _finished(runner: JobRunner) -> list[Finished]:
    """The jobs that finish from now on."""
    ended: list[Finished] = []
    runner.event_received.connect(lambda event: ended.append(event) if isinstance(event, Finished) else None)
    return ended


def _has_any(ended: list[Finished]) -> bool:
    return bool(ended)


# -- rows


def test_rows_follow_their_pictures(tmp_path: Path) -> None:
    """A thousand rows: whatever changes, the filtered list is what a fresh one would be."""
    row = BatchRow("1", "many", Batch((tmp_path,), tmp_path, REQUEST), Course.RUNNING, False)
    live = Live(row)
    model, fresh = BatchModel(tmp_path), BatchModel(tmp_path)
    for number in range(1000):
        key = f"{number}.png"
        live.items[key] = _item(tmp_path, key)
    for name in ("waiting", "done", "failed", "all"):
        model.show_batch(live)
        model.filter(name)
        resets: list[int] = []
        model.modelReset.connect(partial(resets.append, 1))
        for number in range(0, 1000, 7):
            item = live.items[f"{number}.png"]
            item.state = list(ItemState)[(number + len(name)) % 5]
            model.refresh(frozenset({item.source.key}))
        fresh.show_batch(live)
        fresh.filter(name)
        assert not resets  # what the user looks at stays where it is
        assert [_key(model, at) for at in range(model.rowCount())] == [
            _key(fresh, at) for at in range(fresh.rowCount())
        ]


def _item(folder: Path, key: str) -> Item:
    return Item(Source(key, folder / key, 1, 1))


def _key(model: BatchModel, at: int) -> str:
    return str(model.index(at).data(ITEM_ROLE).source.key)
