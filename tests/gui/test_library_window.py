"""The library's window: what was made is found by typing, clicking, dropping; it gets stars and tags and comes back."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from img2model_desktop.core.events import Facts, Failed, Finished, Started
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import read_mesh, write_mesh
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.request import Request
from img2model_desktop.gui.calls import THUMBNAIL
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.library.desk import COMPARE, LIBRARY, LibraryDesk
from img2model_desktop.gui.library.keeper import LibraryKeeper
from img2model_desktop.gui.library.places import ALL, BEST, TRASH
from img2model_desktop.gui.library.window import LibraryWindow
from img2model_desktop.gui.library.words import date_words, exact_words, size_words
from img2model_desktop.gui.library.work import file_name, variants_of, why_no_variants
from img2model_desktop.gui.messages import Tone
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.side_windows import SideWindows
from img2model_desktop.gui.theme import LIGHT, Theme, ThemeChoice
from img2model_desktop.jobs.disk_use import Clearing
from img2model_desktop.jobs.job_row import JobRow
from img2model_desktop.jobs.looks import look_at
from img2model_desktop.jobs.shelf import Entry, Wanted
from img2model_desktop.jobs.store import Store
from tests.drawn import alpha_of, coloured, disc, polygon
from tests.gui.driving import mime_of
from tests.shapes import box, torus

WAIT_MS = 60_000
STAR = alpha_of(polygon((64, 10), (110, 115), (8, 48), (120, 48), (18, 115)), 128)
DISC = alpha_of(disc(64, 64, 45), 128)
RED, BLUE = (200, 40, 30), (40, 60, 200)


@pytest.fixture
def desk(qtbot: QtBot, runner: JobRunner, icons: Icons) -> Iterator[LibraryDesk]:
    host = QWidget()
    qtbot.addWidget(host)
    made = LibraryDesk(runner, icons, host, lambda _id: None, lambda _row: None, lambda _row: None)
    yield made
    made.stop()
    qtbot.waitUntil(lambda: not runner._calls, timeout=WAIT_MS)
    runner.cancel_all()
    runner.pause(False)
    for row in (*runner.store.rows(), *runner.store.trashed()):
        runner.remove(row.id)
    for name, _ in made.keeper.shelf.collections():
        made.keeper.shelf.dissolve(name)


@pytest.fixture
def keeper(desk: LibraryDesk) -> LibraryKeeper:
    return desk.keeper


def silent(_fraction: float) -> None:
    return None


def never() -> bool:
    return False


def made(
    runner: JobRunner,
    keeper: LibraryKeeper,
    title: str,
    mesh: Mesh | None = None,
    *,
    blue: bool = False,
    **changes: Any,
) -> JobRow:
    """A finished job with its files, noted and looked at."""
    store, now = runner.store, time.time()
    row = store.add(replace(Request(prompt=title), **changes))
    mesh = mesh or box(0.05, 0.04, 0.03)
    write_mesh(mesh, row.folder / "result.glb", {})
    write_png(coloured(DISC if blue else STAR, BLUE if blue else RED), row.folder / THUMBNAIL)
    store.apply(Started(row.id, now))
    width, height, depth = (float(side) for side in mesh.size_m)
    facts = Facts(len(mesh.vertices), len(mesh.faces), 1, True, (width, height, depth))
    row = store.apply(Finished(row.id, now, str(row.folder / "result.glb"), "extrude", facts, 1.25))
    keeper.shelf.note(row)
    keeper.shelf.keep(row.id, look_at(str(row.folder), silent, never))
    keeper.shelf.judged(row.id, {"print": "fit", "game": "not fit", "web": "fit", "render": "fit after fixes"})
    return row


@pytest.fixture
def rows(runner: JobRunner, keeper: LibraryKeeper) -> dict[str, JobRow]:
    """Three meshes and a failure."""
    found = {
        "Red star": made(runner, keeper, "Red star"),
        "Blue ring": made(runner, keeper, "Blue ring", torus(), blue=True),
        "Red chair": made(runner, keeper, "Red chair"),
    }
    failed = runner.store.add(Request(prompt="Nothing"))
    runner.store.apply(Started(failed.id, time.time()))
    row = runner.store.apply(Failed(failed.id, time.time(), "input", "No subject was found.", "Use the brush."))
    keeper.shelf.note(row)
    keeper.shelf.keep(row.id, look_at(str(row.folder), silent, never))
    return found | {"Nothing": row}


@pytest.fixture
def window(
    qtbot: QtBot, runner: JobRunner, desk: LibraryDesk, icons: Icons, rows: dict[str, JobRow]
) -> Iterator[LibraryWindow]:
    beside = SideWindows(desk.makers())
    desk._beside = beside  # without `start`, so that nothing is done aside but what a test does
    desk.show_library()
    shown = beside.get(LIBRARY)
    assert isinstance(shown, LibraryWindow)
    qtbot.waitUntil(lambda: len(shown.model.ids) == 4)
    with qtbot.waitActive(shown):
        shown.activateWindow()
    yield shown
    desk.stop()
    beside.close()
    shown.work.stop()


def titles(window: LibraryWindow) -> list[str]:
    """Of what is shown, in the order of the grid."""
    entries = [window.model.entry_at(window.model.index(place)) for place in range(len(window.model.ids))]
    return [entry.row.title for entry in entries if entry is not None]


def choose(window: LibraryWindow, *chosen: JobRow) -> None:
    """Clicks on cards, all but the first with Ctrl."""
    for number, row in enumerate(chosen):
        place = window.grid.visualRect(window.model.index_of(row.id)).center()
        keys = Qt.KeyboardModifier.ControlModifier if number else Qt.KeyboardModifier.NoModifier
        QTest.mouseClick(window.grid.viewport(), Qt.MouseButton.LeftButton, keys, place)
    assert window.grid.chosen_ids == tuple(sorted((row.id for row in chosen), reverse=True))


def typed(qtbot: QtBot, window: LibraryWindow, text: str) -> list[str]:
    """What is found for a text."""
    window.search.field.selectAll()
    QTest.keyClicks(window.search.field, text)
    qtbot.waitUntil(lambda: not window._searching.isActive())
    return titles(window)


def said(window: LibraryWindow) -> str:
    told = window.messages.message
    return "" if told is None else f"{told.text} {told.advice}".strip()


# -- finding


def test_typing_finds_as_one_types(qtbot: QtBot, window: LibraryWindow) -> None:
    assert titles(window) == ["Nothing", "Red chair", "Blue ring", "Red star"]
    assert window.search.count.text() == "4 results"
    assert typed(qtbot, window, "re") == ["Red chair", "Red star"]
    assert window.search.count.text() == "2 results found"
    assert typed(qtbot, window, '"red star') == ["Red star"]
    assert typed(qtbot, window, "xyzzy") == []
    assert window.grid.empty_words == "Nothing was found. Fewer words or filters find more."
    QTest.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: len(window.model.ids) == 4)
    assert window.search.field.text() == ""


def test_the_down_key_leads_from_the_words_to_what_was_found(window: LibraryWindow) -> None:
    QTest.keyClicks(window.search.field, "star")
    QTest.keyClick(window.search.field, Qt.Key.Key_Down)
    assert window.grid.hasFocus()
    assert [entry.row.title for entry in window.grid.chosen] == ["Red star"]
    QTest.keyClick(window.grid, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert window.search.field.hasFocus()


def test_filters_narrow_and_are_cleared(qtbot: QtBot, window: LibraryWindow, rows: dict[str, JobRow]) -> None:
    state = window.search.state
    state.setCurrentIndex(state.findText("Failed"))
    qtbot.waitUntil(lambda: titles(window) == ["Nothing"])
    assert window.search.filters.clear_button.isVisible()
    assert state.property("on")
    window.search.filters.clear_button.click()
    qtbot.waitUntil(lambda: len(window.model.ids) == 4)
    assert not window.search.filters.clear_button.isVisible()
    fit = window.search.fit
    fit.setCurrentIndex(fit.findData("print"))
    qtbot.waitUntil(lambda: len(window.model.ids) == 3)
    fit.setCurrentIndex(fit.findData("game"))
    qtbot.waitUntil(lambda: window.model.ids == ())
    window.search.clear_filters()
    engine = window.search.engine
    engine.setCurrentIndex(engine.findData("extrude"))
    qtbot.waitUntil(lambda: len(window.model.ids) == 3)
    sort = window.search.sort
    sort.setCurrentIndex(sort.findText("By title"))
    qtbot.waitUntil(lambda: titles(window) == ["Blue ring", "Red chair", "Red star"])


def test_what_failed_says_why_and_what_to_do_beside_its_picture(window: LibraryWindow, rows: dict[str, JobRow]) -> None:
    details = window.details
    choose(window, rows["Nothing"])
    assert details.failure.text() == "No subject was found."
    assert details.failure.property("tone") == "bad"
    assert details.advice.text() == "Use the brush."
    assert details.failure.y() < details.advice.y() < details.tag_field.y()
    choose(window, rows["Red star"])
    assert not details.failure.isVisible()
    assert not details.advice.isVisible()


def test_what_looks_like_one_is_found(qtbot: QtBot, window: LibraryWindow, rows: dict[str, JobRow]) -> None:
    choose(window, rows["Red star"])
    QTest.keyClick(window.grid, Qt.Key.Key_S)
    assert titles(window) == ["Red chair", "Red star", "Blue ring"] or titles(window)[0] == "Red star"
    assert titles(window)[-1] == "Blue ring"
    assert window.model.alike(rows["Red star"].id) == pytest.approx(1.0, abs=1e-4)
    assert window.search.chip.words.text() == "Looks like “Red star”"
    assert not window.search.sort.isEnabled()
    window.search.chip.close_button.click()
    assert len(window.model.ids) == 4
    assert window.search.chip.isHidden()


def test_a_dropped_picture_is_looked_for(qtbot: QtBot, window: LibraryWindow, tmp_path: Path) -> None:
    write_png(coloured(DISC, (50, 70, 190)), tmp_path / "a blue dot.png")
    mime = mime_of(tmp_path / "a blue dot.png")
    field, spot = window.search.field, QPointF(30, 10)
    enter = QDragEnterEvent(
        spot.toPoint(), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(field, enter)
    assert enter.isAccepted()
    drop = QDropEvent(spot, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(field, drop)
    qtbot.waitUntil(lambda: window.search.chip.isVisible(), timeout=WAIT_MS)
    assert titles(window)[0] == "Blue ring"
    assert window.search.chip.words.text() == "Looks like “a blue dot”"
    assert field.text() == ""


def test_a_dropped_file_that_is_no_picture_is_said(qtbot: QtBot, window: LibraryWindow, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    window.search.picture_dropped.emit(tmp_path / "text.png")
    qtbot.waitUntil(lambda: bool(said(window)), timeout=WAIT_MS)
    assert window.messages.message is not None
    assert window.messages.message.tone is Tone.WARNING
    assert len(window.model.ids) == 4


# -- stars, tags, collections


def test_number_keys_give_stars_and_last(
    qtbot: QtBot, window: LibraryWindow, runner: JobRunner, rows: dict[str, JobRow]
) -> None:
    choose(window, rows["Red star"], rows["Blue ring"])
    QTest.keyClick(window.grid, Qt.Key.Key_5)
    assert [runner.store.row(rows[name].id).stars for name in ("Red star", "Blue ring", "Red chair")] == [5, 5, 0]
    choose(window, rows["Red star"])
    window.details.stars.buttons[2].click()
    assert runner.store.row(rows["Red star"].id).stars == 3
    window.details.stars.buttons[2].click()
    assert runner.store.row(rows["Red star"].id).stars == 0
    window.places.choose(BEST)
    assert titles(window) == ["Blue ring"]
    QTest.keyClick(window.grid, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.places.place == ALL)


def type_into(field: QLineEdit, text: str) -> None:
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def test_tags_are_put_on_found_and_taken_off(
    qtbot: QtBot, window: LibraryWindow, keeper: LibraryKeeper, rows: dict[str, JobRow]
) -> None:
    choose(window, rows["Red star"], rows["Red chair"])
    QTest.keyClick(window.grid, Qt.Key.Key_T)
    assert window.details.tag_field.hasFocus()
    type_into(window.details.tag_field, "For Ana")
    assert keeper.shelf.tags() == (("For Ana", 2),)
    assert window.details.tags.names == ("For Ana",)
    assert typed(qtbot, window, "ana") == ["Red chair", "Red star"]
    window.search.clear()
    qtbot.waitUntil(lambda: len(window.model.ids) == 4)
    window.places.choose(("tag", "For Ana"))
    assert titles(window) == ["Red chair", "Red star"]
    choose(window, rows["Red star"])
    window.details.tags.chip("For Ana").click()
    assert titles(window) == ["Red chair"]
    assert keeper.shelf.tags() == (("For Ana", 1),)


def test_collections_are_made_filled_renamed_and_dissolved(
    window: LibraryWindow, keeper: LibraryKeeper, rows: dict[str, JobRow]
) -> None:
    type_into(window.places.name, "Later")
    assert keeper.shelf.collections() == (("Later", 0),)
    choose(window, rows["Blue ring"])
    type_into(window.details.collect_field, "later")
    assert keeper.shelf.collections() == (("Later", 1),)
    assert window.details.collections.names == ("Later",)
    window.places.choose(("collection", "Later"))
    assert titles(window) == ["Blue ring"]
    QTest.keyClick(window.places.list, Qt.Key.Key_F2)
    type_into(window.places.name, "Sooner")
    assert keeper.shelf.collections() == (("Sooner", 1),)
    assert window.places.place == ALL  # the place that was shown has another name now
    window.places.choose(("collection", "Sooner"))
    QTest.keyClick(window.places.list, Qt.Key.Key_Delete)
    assert keeper.shelf.collections() == ()
    assert len(window.model.ids) == 4


# -- what can be done with them


def test_details_say_what_is_known(qtbot: QtBot, window: LibraryWindow, rows: dict[str, JobRow]) -> None:
    choose(window, rows["Blue ring"])
    faces = f"{len(torus().faces):,}"
    expected = {"Blue ring", "Extrude", "Watertight", "Yes", "1.2 s", "Not fit", "To fix", faces}

    def shown() -> set[str]:
        return {label.text() for label in window.details.findChildren(QLabel) if label.isVisible()}

    qtbot.waitUntil(lambda: expected <= shown())
    choose(window, rows["Nothing"])
    assert {"No subject was found.", "Use the brush."} <= shown()
    assert not window.details.alike_button.isEnabled()
    assert not window.details.export_button.isEnabled()


def test_open_again_and_load_are_wished(qtbot: QtBot, window: LibraryWindow, rows: dict[str, JobRow]) -> None:
    choose(window, rows["Red star"])
    with qtbot.waitSignal(window.open_wished) as opened:
        QTest.keyClick(window.grid, Qt.Key.Key_Return)
    assert opened.args == [rows["Red star"].id]
    choose(window, rows["Red chair"])
    with qtbot.waitSignal(window.open_wished):
        place = window.grid.visualRect(window.model.index_of(rows["Red chair"].id)).center()
        QTest.mouseDClick(window.grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    with qtbot.waitSignal(window.again_wished):
        window.details.again_button.click()
    with qtbot.waitSignal(window.load_wished):
        window.details.load_button.click()


def test_two_are_compared_and_one_is_not(
    qtbot: QtBot, desk: LibraryDesk, window: LibraryWindow, rows: dict[str, JobRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    window.compare_wished.disconnect(desk.compare)
    window.compare_wished.connect(asked.append)
    choose(window, rows["Red star"])
    QTest.keyClick(window.grid, Qt.Key.Key_C)
    assert "Choose two meshes" in said(window)
    choose(window, rows["Red star"], rows["Blue ring"])
    assert window.details.compare_button.isEnabled()
    QTest.keyClick(window.grid, Qt.Key.Key_C)
    assert asked == [(rows["Blue ring"].id, rows["Red star"].id)]
    assert COMPARE in desk.makers()


def test_several_are_exported_and_no_file_is_replaced(
    qtbot: QtBot, window: LibraryWindow, rows: dict[str, JobRow], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "Red star.stl").write_text("mine")
    choose(window, rows["Red star"], rows["Blue ring"], rows["Nothing"])
    window.work.export(window.grid.chosen, tmp_path / "out", ".stl")
    qtbot.waitUntil(lambda: said(window).startswith("Saved"), timeout=WAIT_MS)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"Red star.stl", "Red star 2.stl", "Blue ring.stl"}
    assert (tmp_path / "out" / "Red star.stl").read_text() == "mine"
    assert len(read_mesh(tmp_path / "out" / "Red star 2.stl").faces) == 12


def test_an_export_that_fails_says_which(
    qtbot: QtBot, window: LibraryWindow, rows: dict[str, JobRow], tmp_path: Path
) -> None:
    (rows["Red star"].folder / "result.glb").write_bytes(b"broken")
    choose(window, rows["Red star"], rows["Blue ring"])
    window.work.export(window.grid.chosen, tmp_path, ".glb")
    qtbot.waitUntil(lambda: "could not be saved" in said(window), timeout=WAIT_MS)
    assert said(window).startswith("1 could not be saved, 1 were")
    assert (tmp_path / "Blue ring.glb").is_file()


# -- trash and disk


def test_what_is_thrown_away_comes_back(
    qtbot: QtBot, window: LibraryWindow, runner: JobRunner, rows: dict[str, JobRow]
) -> None:
    choose(window, rows["Red star"], rows["Blue ring"])
    QTest.keyClick(window.grid, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: titles(window) == ["Nothing", "Red chair"])
    assert rows["Red star"].folder.is_dir()
    bring_back = next(one for one in window.messages.findChildren(QAbstractButton) if one.text() == "Bring back")
    bring_back.click()
    qtbot.waitUntil(lambda: len(window.model.ids) == 4)
    choose(window, rows["Red star"])
    window.details.trash_button.click()
    qtbot.waitUntil(lambda: len(window.model.ids) == 3)
    window.places.choose(TRASH)
    assert titles(window) == ["Red star"]
    choose(window, rows["Red star"])
    assert not window.details.trash_button.isVisible()
    window.details.restore_button.click()
    qtbot.waitUntil(lambda: window.model.ids == ())
    assert window.grid.empty_words == "The trash is empty."
    assert runner.store.row(rows["Red star"].id).trashed is None


def test_the_trash_is_emptied_only_when_asked_twice_with_its_exact_size(
    qtbot: QtBot, window: LibraryWindow, runner: JobRunner, rows: dict[str, JobRow]
) -> None:
    for name in ("Red star", "Blue ring"):
        runner.trash(rows[name].id)
    folders = [rows[name].folder for name in ("Red star", "Blue ring")]
    size = sum(path.stat().st_size for folder in folders for path in folder.iterdir())
    window.places.choose(TRASH)
    window.details.empty_button.click()
    offer = window.disk.trash_offer
    qtbot.waitUntil(lambda: offer.sure_button.isVisible(), timeout=WAIT_MS)
    assert offer.question.text() == f"Remove 2 jobs with {exact_words(size)} for good?"
    offer.keep_button.click()
    assert all(folder.is_dir() for folder in folders)
    offer.act_button.click()
    assert all(folder.is_dir() for folder in folders)
    offer.sure_button.click()
    qtbot.waitUntil(lambda: said(window) == "2 jobs were removed.", timeout=WAIT_MS)
    assert not any(folder.exists() for folder in folders)
    assert set(window._shelf.search(Wanted())) == {rows["Red chair"].id, rows["Nothing"].id}
    qtbot.waitUntil(lambda: not offer.isVisible(), timeout=WAIT_MS)


def test_left_overs_are_cleared_and_links_stay(
    qtbot: QtBot, window: LibraryWindow, rows: dict[str, JobRow], tmp_path: Path
) -> None:
    left = rows["Red star"].folder / "shape.npz"
    left.write_bytes(b"x" * 1234)
    import os

    os.utime(left, (1, 1))
    (tmp_path / "outside.part").write_bytes(b"mine")
    os.utime(tmp_path / "outside.part", (1, 1))
    (rows["Red star"].folder / "link.part").symlink_to(tmp_path / "outside.part")
    window.places.disk.click()
    offer = window.disk.offers[Clearing.LEFT_OVERS]
    qtbot.waitUntil(lambda: offer.isVisible(), timeout=WAIT_MS)
    assert offer.question.text() == "Remove 1 file, 1.2 kB (1,234 bytes), for good?"
    assert not window.disk.offers[Clearing.UNDONE].isVisible()
    offer.act_button.click()
    offer.sure_button.click()
    qtbot.waitUntil(lambda: not left.exists(), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: said(window) == "1.2 kB were freed.", timeout=WAIT_MS)
    assert (tmp_path / "outside.part").read_bytes() == b"mine"
    qtbot.waitUntil(lambda: not offer.isVisible(), timeout=WAIT_MS)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert window.grid.isVisible()


# -- news, variants, theme, words


def test_a_new_result_appears(qtbot: QtBot, window: LibraryWindow, runner: JobRunner, keeper: LibraryKeeper) -> None:
    row = runner.store.add(Request(prompt="Brand new"))
    runner.job_changed.emit(row.id)
    qtbot.waitUntil(lambda: "Brand new" in titles(window))
    runner.store.apply(Started(row.id, 1.0))
    last = Failed(row.id, 2.0, "input", "No.", "Do.")
    runner.store.apply(last)
    runner.event_received.emit(last)
    qtbot.waitUntil(
        lambda: (entry := window.model.entry_at(window.model.index(0))) is not None and entry.row.state == "failed"
    )
    assert keeper.shelf.search(Wanted("brand")) == (row.id,)


@pytest.fixture
def own_runner(qapp: QApplication, tmp_path: Path) -> Iterator[JobRunner]:
    """A runner for one test: a verdict starts a helper process more."""
    made = JobRunner(Store(tmp_path / "history.sqlite3", tmp_path / "jobs"))
    yield made
    made.close()


def test_the_keeper_notes_looks_and_judges_when_idle(qtbot: QtBot, own_runner: JobRunner) -> None:
    runner, keeper = own_runner, LibraryKeeper(own_runner)
    row = runner.store.add(Request(prompt="Unknown"))
    write_mesh(box(0.1, 0.1, 0.1), row.folder / "result.glb", {})
    write_png(coloured(STAR, RED), row.folder / THUMBNAIL)
    runner.store.apply(Started(row.id, 1.0))
    facts = Facts(8, 12, 1, True, (0.1, 0.1, 0.1))
    runner.store.apply(Finished(row.id, 2.0, str(row.folder / "result.glb"), "extrude", facts, 1.0))
    keeper.judge_too(True)
    keeper.start()
    qtbot.waitUntil(lambda: bool(keeper.shelf.entries((row.id,))[0].verdict), timeout=WAIT_MS)
    entry = keeper.shelf.entry(row.id)
    assert entry.size_bytes == sum(path.stat().st_size for path in row.folder.iterdir())
    assert entry.verdict["print"] == "fit"
    assert keeper.shelf.looks.of(row.id) is not None
    assert keeper.shelf.search(Wanted("unknown")) == (row.id,)
    keeper.stop()


def test_variants_have_the_next_seeds(rows: dict[str, JobRow], tmp_path: Path) -> None:
    row = rows["Red star"]
    assert why_no_variants(row) == "" or "no random numbers" in why_no_variants(row)
    opened = replace(row, request=Request(mesh="/somewhere/a.glb"))
    assert why_no_variants(opened) == "This mesh was opened, not made."
    assert "no random numbers" in why_no_variants(replace(row, engine="lathe", request=Request(picture="a.png")))
    drawn = replace(row, request=replace(row.request, seed=7))
    assert [request.seed for request in variants_of(drawn, 3)] == [8, 9, 10]
    assert len(variants_of(drawn, 1)) == 2
    assert len(variants_of(drawn, 99)) == 8


def test_variants_are_one_batch_shown_as_a_sheet(
    qtbot: QtBot, window: LibraryWindow, runner: JobRunner, rows: dict[str, JobRow]
) -> None:
    runner.pause(True)
    window.work.make_variants(rows["Red star"], 3)
    assert window.places.place[0] == "batch"
    qtbot.waitUntil(lambda: len(window.model.ids) == 3)
    found = [runner.job(id_) for id_ in window.model.ids]
    assert {row.request.seed for row in found} == {1, 2, 3}
    assert len({row.batch for row in found}) == 1


def test_the_theme_changes_the_icons_and_nothing_else(
    window: LibraryWindow, theme: Theme, icons: Icons, rows: dict[str, JobRow]
) -> None:
    choose(window, rows["Blue ring"])
    before = window.grid.chosen_ids
    theme.choose(ThemeChoice.LIGHT)
    icons.colours = theme.colours
    window.retint()
    assert icons.colours is LIGHT
    assert window.grid.chosen_ids == before


def test_every_control_has_a_name_and_a_tip(window: LibraryWindow, rows: dict[str, JobRow]) -> None:
    choose(window, rows["Blue ring"])
    for button in window.findChildren(QAbstractButton):
        if button.isVisible() and not isinstance(button.parent(), QLineEdit):
            assert button.accessibleName() or button.text(), button
            assert button.toolTip(), button.text()


def test_sizes_and_dates_are_said_in_words() -> None:
    assert size_words(None) == ""
    assert size_words(999) == "999 bytes"
    assert size_words(1_234_567_890) == "1.2 GB"
    assert exact_words(1234) == "1.2 kB (1,234 bytes)"
    assert date_words(0.0).endswith(("1970, 00:00", "1969, 19:00")) or "19" in date_words(0.0)
    assert file_name('a/b:c*"?') == "a b c"
    assert file_name(" . ") == "mesh"


def test_ten_thousand_cards_are_shown_by_reading_a_few(
    qtbot: QtBot, window: LibraryWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    entries = window._shelf.entries

    def counted(ids: tuple[str, ...]) -> tuple[Entry, ...]:
        read.append(len(ids))
        return entries(ids)

    monkeypatch.setattr(window._shelf, "entries", counted)
    window.model.show(tuple(f"{number:05}" for number in range(10_000)))
    window.grid.scrollToBottom()
    window.grid.viewport().repaint()
    assert window.grid.verticalScrollBar().maximum() > 100_000
    assert sum(read) < 400
    assert window.grid.indexAt(QPoint(20, 20)).isValid()
