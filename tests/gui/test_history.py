"""The strip of jobs follows the store, and a card says at a glance how its job is."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QObject, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from img2model_desktop.core.events import (
    Facts,
    Failed,
    Finished,
    JobEvent,
    Progressed,
    Stage,
    StageBegan,
    Started,
    Stopped,
)
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.request import Request
from img2model_desktop.gui.calls import THUMBNAIL
from img2model_desktop.gui.history.card import CARD, stop_button
from img2model_desktop.gui.history.jobs import (
    JOB_ROLE,
    HistoryModel,
    input_of,
    overall,
    state_words,
    tool_tip,
    work_words,
)
from img2model_desktop.gui.history.panel import HistoryPanel
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import DARK
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.pipeline import INPUT_STEM
from img2model_desktop.jobs.store import Store
from tests.gui.test_controls import wheel

FACTS = Facts(100, 12_345, 1, True, (0.1, 0.05, 0.02))


class StoredJobs(QObject):
    """A real store with the signals of the runner."""

    job_changed = Signal(str)
    job_removed = Signal(str)
    history_changed = Signal()

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    @property
    def store(self) -> Store:
        return self._store

    def job(self, job_id: str) -> JobRow:
        return self._store.row(job_id)

    def add(self, request: Request) -> JobRow:
        row = self._store.add(request)
        self.job_changed.emit(row.id)
        return row

    def tell(self, event: JobEvent) -> None:
        self._store.apply(event)
        self.job_changed.emit(event.job_id)

    def remove(self, job_id: str) -> None:
        self._store.delete(job_id)
        self.job_removed.emit(job_id)


@pytest.fixture
def jobs(qapp: QApplication, tmp_path: Path) -> Iterator[StoredJobs]:
    store = Store(tmp_path / "history.sqlite3", tmp_path / "jobs")
    yield StoredJobs(store)
    store.close()


@pytest.fixture
def model(qtbot: QtBot, jobs: StoredJobs) -> Iterator[HistoryModel]:
    model = HistoryModel(jobs)
    yield model
    qtbot.waitUntil(lambda: not model._pace.isActive())


@pytest.fixture
def panel(qtbot: QtBot, jobs: StoredJobs, icons: Icons) -> Iterator[HistoryPanel]:
    panel = HistoryPanel(jobs, icons)
    qtbot.addWidget(panel)
    panel.resize(700, 180)
    panel.show()
    yield panel
    qtbot.waitUntil(lambda: not panel.model._pace.isActive())


def started(jobs: StoredJobs, prompt: str = "Hello") -> JobRow:
    row = jobs.add(Request(prompt=prompt))
    jobs.tell(Started(row.id, time.time()))
    return jobs.job(row.id)


def in_state(jobs: StoredJobs, state: JobState) -> JobRow:
    row = jobs.add(Request(prompt=f"a {state} one"))
    now = time.time()
    last: dict[JobState, Callable[[], JobEvent]] = {
        JobState.DONE: lambda: Finished(row.id, now, str(row.folder / "result.glb"), "lathe", FACTS, 2.34),
        JobState.FAILED: lambda: Failed(row.id, now, "input", "No subject was found.", "Use the brush."),
        JobState.STOPPED: lambda: Stopped(row.id, now),
    }
    if state is not JobState.QUEUED:
        jobs.tell(Started(row.id, now))
    if state in last:
        jobs.tell(last[state]())
    return jobs.job(row.id)


def card_of(panel: HistoryPanel, row: JobRow) -> QRectF:
    """Where a job's card is on the strip."""
    return QRectF(panel.strip.visualRect(panel.model.row_of(row.id)).topLeft(), CARD)


def colours_in(panel: HistoryPanel, area: QRectF) -> set[str]:
    image: QImage = panel.strip.viewport().grab(area.toRect()).toImage()
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


def test_a_mesh_file_is_opened_and_a_picture_is_made_into_a_mesh(jobs: StoredJobs) -> None:
    assert work_words(jobs.add(Request(mesh="old chair.stl"))) == "Opening “old chair”"
    assert work_words(jobs.add(Request(picture="fox.png"))) == "Making “fox”"


def titles(model: HistoryModel) -> list[str]:
    return [model.index(row).data() for row in range(model.rowCount())]


def test_what_runs_is_first_then_what_waits_in_its_order_then_the_newest_result(jobs: StoredJobs) -> None:
    before = jobs.add(Request(prompt="old"))
    model = HistoryModel(jobs)
    first, second = jobs.add(Request(prompt="first")), jobs.add(Request(prompt="second"))
    assert titles(model) == ["old", "first", "second"]
    jobs.tell(Started(first.id, time.time()))
    assert titles(model) == ["first", "old", "second"]
    assert model.count(JobState.RUNNING) == 1
    jobs.tell(Stopped(first.id, time.time()))
    assert titles(model) == ["old", "second", "first"]
    jobs.tell(Stopped(before.id, time.time()))
    assert titles(model) == ["second", "first", "old"]
    jobs.remove(first.id)
    assert titles(model) == ["second", "old"]
    assert model.row_of(second.id).row() == 0
    assert model.row_of(before.id).row() == 1
    assert not model.row_of(first.id).isValid()
    assert titles(HistoryModel(jobs)) == ["second", "old"]  # as one that is made now


def test_progress_is_shown_at_a_calm_pace(qtbot: QtBot, jobs: StoredJobs, model: HistoryModel) -> None:
    row = started(jobs)
    jobs.tell(StageBegan(row.id, time.time(), Stage.SCULPT))
    shown: list[float] = []
    model.dataChanged.connect(lambda first, _last: shown.append(first.data(JOB_ROLE).fraction))
    for step in range(1, 51):
        jobs.tell(Progressed(row.id, time.time(), Stage.SCULPT, step / 50))
    qtbot.waitUntil(lambda: bool(shown) and shown[-1] == 1.0)
    assert len(shown) < 10
    jobs.tell(StageBegan(row.id, time.time(), Stage.CLEAN))
    assert len(shown) > 1
    assert shown[-1] == 0.0  # a new stage shows at once


def test_progress_only_grows_from_the_first_stage_to_the_last(jobs: StoredJobs) -> None:
    row = started(jobs)
    seen = [overall(row)]
    for stage in (Stage.PICTURE, Stage.CUT_OUT, Stage.SCULPT, Stage.CLEAN, Stage.SAVE):
        jobs.tell(StageBegan(row.id, time.time(), stage))
        seen.append(overall(jobs.job(row.id)))
        for fraction in (0.3, 1.0):
            jobs.tell(Progressed(row.id, time.time(), stage, fraction))
            seen.append(overall(jobs.job(row.id)))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    jobs.tell(Progressed(row.id, time.time(), Stage.SCULPT, 0.5))
    assert state_words(jobs.job(row.id)) == "Sculpt 55 %"


def test_each_state_has_its_words_and_its_colour(jobs: StoredJobs, panel: HistoryPanel) -> None:
    expected = {
        JobState.QUEUED: ("Waiting", DARK.faint),
        JobState.RUNNING: ("Starting 0 %", DARK.accent_hover),
        JobState.DONE: ("Lathe · 2.3 s", DARK.good),
        JobState.FAILED: ("Failed", DARK.bad),
        JobState.STOPPED: ("Stopped", DARK.warn),
    }
    for state, (words, colour) in expected.items():
        row = in_state(jobs, state)
        assert state_words(row) == words
        card = card_of(panel, row)
        dot = QRectF(card.x() + 8, card.bottom() - 26, 12, 16)
        assert colour in colours_in(panel, dot), state


def test_failed_card_tells_its_sentence(jobs: StoredJobs) -> None:
    text = tool_tip(in_state(jobs, JobState.FAILED))
    assert "No subject was found." in text
    assert "Use the brush." in text
    assert "12,345 triangles" in tool_tip(in_state(jobs, JobState.DONE))


def test_bar_of_the_running_card_is_as_long_as_the_progress(jobs: StoredJobs, panel: HistoryPanel) -> None:
    row = started(jobs)
    jobs.tell(Progressed(row.id, time.time(), Stage.SCULPT, 0.5))
    card = card_of(panel, row)
    image = panel.strip.viewport().grab(QRectF(card.x(), card.y() + 74, card.width(), 1).toRect()).toImage()
    filled = [image.pixelColor(x, 0).name() == DARK.accent_hover for x in range(image.width())]
    assert sum(filled) / len(filled) == pytest.approx(overall(jobs.job(row.id)), abs=0.03)


def test_picture_of_a_card_gets_better_as_the_job_goes_on(jobs: StoredJobs, model: HistoryModel) -> None:
    row = started(jobs)
    index = model.row_of(row.id)
    assert index.data(Qt.ItemDataRole.DecorationRole).isNull()
    pixels = np.zeros((60, 100, 4), np.uint8)
    pixels[20:40, 30:80] = (10, 200, 10, 255)
    write_png(Picture(pixels), row.folder / "cutout.png")
    jobs.tell(Progressed(row.id, time.time(), Stage.SCULPT, 0.5))
    cut = model.row_of(row.id).data(Qt.ItemDataRole.DecorationRole)
    assert (cut.width(), cut.height()) == (50, 20)  # without its empty border
    write_png(Picture(np.full((8, 8, 4), 255, np.uint8)), row.folder / THUMBNAIL)
    model.refresh_picture(row.id)
    assert model.row_of(row.id).data(Qt.ItemDataRole.DecorationRole).size().toTuple() == (8, 8)


def test_input_of_a_job_is_its_own_copy(jobs: StoredJobs) -> None:
    row = started(jobs)
    assert input_of(row) is None
    (row.folder / f"{INPUT_STEM}.part").write_bytes(b"half")
    assert input_of(row) is None
    (row.folder / f"{INPUT_STEM}.jpg").write_bytes(b"whole")
    assert input_of(row) == row.folder / f"{INPUT_STEM}.jpg"


def test_stop_button_appears_under_the_pointer_and_stops(qtbot: QtBot, jobs: StoredJobs, panel: HistoryPanel) -> None:
    row = started(jobs)
    button = stop_button(card_of(panel, row)).center().toPoint()
    viewport = panel.strip.viewport()
    qtbot.mouseMove(viewport, button)
    with qtbot.waitSignal(panel.stop_wished) as wish:
        qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=button)
    assert wish.args == [row.id]
    done = in_state(jobs, JobState.DONE)
    with qtbot.assertNotEmitted(panel.stop_wished):
        spot = stop_button(card_of(panel, done)).center().toPoint()
        qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=spot)
    assert panel.current is not None
    assert panel.current.id == done.id


def test_keyboard_moves_opens_and_stops(qtbot: QtBot, jobs: StoredJobs, panel: HistoryPanel) -> None:
    in_state(jobs, JobState.DONE)
    row = started(jobs)
    panel.select(row.id)
    selected: list[str] = []
    panel.job_selected.connect(selected.append)
    with qtbot.waitSignal(panel.stop_wished) as wish:
        qtbot.keyClick(panel.strip, Qt.Key.Key_Delete)
    assert wish.args == [row.id]
    qtbot.keyClick(panel.strip, Qt.Key.Key_Right)
    qtbot.keyClick(panel.strip, Qt.Key.Key_Return)
    assert len(selected) == 2
    assert panel.current is not None
    assert selected == [panel.current.id] * 2
    with qtbot.assertNotEmitted(panel.stop_wished):
        qtbot.keyClick(panel.strip, Qt.Key.Key_Delete)


def test_menu_offers_what_is_possible(qtbot: QtBot, jobs: StoredJobs, panel: HistoryPanel) -> None:
    def possible(row: JobRow) -> dict[str, bool]:
        menu = panel.menu_for(row)
        qtbot.addWidget(menu)
        return {action.text(): action.isEnabled() for action in menu.actions() if action.text()}

    assert possible(started(jobs)) == {
        "Make again": False,
        "Try again": False,
        "Load its settings": True,
        "What happened": True,
        "Show its folder": True,
        "Stop": True,
        "Move to the trash": False,
    }
    assert possible(jobs.add(Request(prompt="later"))) == {
        "Make again": False,
        "Try again": False,
        "Load its settings": True,
        "What happened": True,
        "Show its folder": True,
        "Hold": True,
        "To the front": True,
        "Earlier": True,
        "Later": True,
        "Stop": True,
        "Move to the trash": False,
    }
    assert possible(in_state(jobs, JobState.FAILED))["Try again"] is True
    done = in_state(jobs, JobState.DONE)
    assert (possible(done)["Stop"], possible(done)["Try again"]) == (False, False)
    assert possible(done)["Move to the trash"] is True
    menu = panel.menu_for(done)
    qtbot.addWidget(menu)
    with qtbot.waitSignal(panel.again_wished) as wish:
        menu.actions()[0].trigger()
    assert wish.args == [done.id]


def test_head_counts_and_stops_all(qtbot: QtBot, jobs: StoredJobs, panel: HistoryPanel) -> None:
    assert not panel._stop_all.isVisible()
    row = started(jobs)
    jobs.add(Request(prompt="later"))
    assert panel._summary.text() == "1 running, 1 waiting"
    with qtbot.waitSignal(panel.stop_all_wished):
        qtbot.mouseClick(panel._stop_all, Qt.MouseButton.LeftButton)
    jobs.tell(Stopped(row.id, time.time()))
    assert panel._summary.text() == "1 waiting"


def test_wheel_scrolls_sideways(jobs: StoredJobs, panel: HistoryPanel) -> None:
    for number in range(12):
        jobs.add(Request(prompt=f"job {number}"))
    bar = panel.strip.horizontalScrollBar()
    QApplication.processEvents()
    assert bar.maximum() > 0
    QApplication.sendEvent(panel.strip.viewport(), wheel(-1))
    assert bar.value() == 120
    assert panel.strip.indexAt(QPoint(4, 8)).row() == 0
    assert panel.strip.visualRect(panel.model.index(0)).x() == pytest.approx(-120, abs=QPointF(1, 0).x())
