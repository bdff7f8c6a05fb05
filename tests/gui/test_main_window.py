"""The main job in the real window: drop a picture, look at the mesh, save it; and everything around it."""

import gc
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import QAction, QDragEnterEvent, QDragLeaveEvent
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from img2model_desktop.core.events import Chosen
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import read_picture, write_png
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role
from img2model_desktop.engines.weights.recognise import manifest
from img2model_desktop.gui.calls import THUMBNAIL
from img2model_desktop.gui.history.jobs import engine_title
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.intake import image_from
from img2model_desktop.gui.main_window import MainWindow
from img2model_desktop.gui.messages import Tone
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.theme import DARK, LIGHT, Theme, ThemeChoice
from img2model_desktop.gui.weights.window import WeightsWindow
from img2model_desktop.gui.window_state import Places, WindowState
from img2model_desktop.gui.workshop_panel import CHECK, EXPORT, SHAPE
from img2model_desktop.jobs.job_row import JobState
from img2model_desktop.jobs.store import Store
from tests.gui.conftest import disc
from tests.gui.driving import JOB_MS, drop, message, mime_of, wait_for_cut, wait_for_end
from tests.published import write_sparse


@pytest.fixture
def stoppable(qapp: QApplication, tmp_path: Path) -> Iterator[JobRunner]:
    runner = JobRunner(Store(tmp_path / "history.sqlite3", tmp_path / "jobs"))
    yield runner
    runner.close()


@pytest.mark.gl
def test_drop_a_picture_look_at_the_mesh_and_save_it(
    qtbot: QtBot, window: MainWindow, photo: Path, tmp_path: Path
) -> None:
    window.start_view()
    view = window.middle.view
    assert view is not None
    assert drop(window, mime_of(photo))
    wait_for_cut(qtbot, window)
    qtbot.mouseClick(window.input.form.quality.button("draft"), Qt.MouseButton.LeftButton)
    window.input.form.engine.setCurrentIndex(window.input.form.engine.findData("inflate"))
    with qtbot.waitSignal(window.middle.mesh_shown, timeout=JOB_MS):
        qtbot.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    row = wait_for_end(qtbot, window)
    assert row.state is JobState.DONE
    assert row.request == Request(picture=str(photo), engine="inflate", quality=Quality.DRAFT)
    qtbot.waitUntil(lambda: window.export.can_save and view.buffers is not None, timeout=JOB_MS)
    facts = row.facts
    assert facts is not None
    assert facts.watertight
    qtbot.waitUntil(lambda: not window.middle._loading.is_busy, timeout=JOB_MS)
    assert view.buffers is not None
    assert view.buffers.high - view.buffers.low == pytest.approx(facts.size_m, rel=1e-4)
    pixels = view.screenshot(transparent=True).pixels
    solid = pixels[pixels[..., 3] == 255]
    assert 0.05 < len(solid) / pixels[..., 0].size < 0.9
    assert np.median(solid[:, 0].astype(int) - solid[:, 2]) > 60  # the red of the picture is on the mesh

    qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    dialog = window.dialogs.current
    assert dialog is not None
    assert not dialog.isModal()
    dialog.selectNameFilter("STL (*.stl)")
    dialog.filterSelected.emit("STL (*.stl)")
    assert window.export.suffix == ".stl"
    out = tmp_path / "saved.stl"
    with qtbot.waitSignal(window.export.saved, timeout=JOB_MS):
        dialog.fileSelected.emit(str(out))
        dialog.close()
    saved = trimesh.load(out, force="mesh")
    assert saved.is_watertight
    assert max(saved.extents) == pytest.approx(100.0, rel=1e-4)
    assert len(saved.faces) == facts.faces
    qtbot.waitUntil(lambda: (row.folder / THUMBNAIL).is_file(), timeout=JOB_MS)
    assert window.dialogs.current is None


def test_several_pictures_become_several_jobs_and_all_are_stopped(
    qtbot: QtBot, stoppable: JobRunner, theme: Theme, icons: Icons, places: Places, photo: Path, cut_out: Path
) -> None:
    runner = stoppable
    window = MainWindow(runner, theme, icons, WindowState(), places)
    qtbot.addWidget(window)
    window.show()
    assert drop(window, mime_of(photo, cut_out))
    wait_for_cut(qtbot, window)
    qtbot.mouseClick(window.input.form.quality.button("draft"), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(window.input.queue_all_button, Qt.MouseButton.LeftButton)
    assert [row.request.picture for row in runner.jobs()] == [str(cut_out), str(photo)]
    qtbot.waitUntil(window.middle.work.isVisible, timeout=JOB_MS)
    window.menus.action("stop_all").trigger()
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=JOB_MS)
    assert {row.state for row in runner.jobs()} == {JobState.STOPPED}
    assert not window.middle.work.isVisible()
    window.close()


def test_drag_over_the_window_shows_where_it_goes(window: MainWindow, photo: Path) -> None:
    canvas = window.input.pictures.canvas
    before = canvas.grab().toImage()
    mime = mime_of(photo)  # the event does not keep it alive
    enter = QDragEnterEvent(
        QPointF(9, 9).toPoint(),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window, enter)
    assert canvas.grab().toImage() != before
    QApplication.sendEvent(window, QDragLeaveEvent())
    assert canvas.grab().toImage() == before


def test_drag_of_a_mesh_is_not_for_the_picture(window: MainWindow, tmp_path: Path) -> None:
    canvas = window.input.pictures.canvas
    before = canvas.grab().toImage()
    mesh = tmp_path / "chair.stl"
    mesh.write_bytes(b"solid chair")
    mime = mime_of(mesh)
    spot, buttons = QPointF(9, 9).toPoint(), Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(spot, Qt.DropAction.CopyAction, mime, buttons, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    assert canvas.grab().toImage() == before
    assert window.middle.drop_frame.isVisible()
    QApplication.sendEvent(window, QDragLeaveEvent())
    assert not window.middle.drop_frame.isVisible()


def test_weights_dropped_on_the_window_go_to_their_own(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, places: Places
) -> None:
    write_sparse(tmp_path / "clone" / "model.safetensors", manifest("depth-small"))
    assert drop(window, mime_of(tmp_path / "clone"))
    weights = window.beside.get("weights")
    assert weights is not None
    qtbot.waitUntil(lambda: weights.intake.is_asking and bool(weights.rows), timeout=JOB_MS)
    assert weights.intake.question.title.text() == "This is Depth Anything V2 Small."
    assert not weights.isModal()
    qtbot.mouseClick(weights.intake.question.buttons["link"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: weights.rows["depth-small"].row.is_whole, timeout=JOB_MS)
    assert (places.weights / "depth-small" / "files" / "model.safetensors").is_symlink()
    assert message(window) == ""
    weights.close()
    qtbot.waitUntil(lambda: not window.shelf.is_busy, timeout=JOB_MS)


def test_engines_that_lack_weights_lead_to_the_weights_window(qtbot: QtBot, window: MainWindow) -> None:
    waiting = [spec for spec in catalog.ENGINES if spec.weights and spec.role is Role.SCULPTOR]
    assert len(waiting) >= 2
    window.start_view()
    form = window.input.form
    qtbot.waitUntil(lambda: form.weights_button.text() == "Import weights…", timeout=JOB_MS)
    for spec in waiting:  # at first before the rows are there
        form.weights_wished.emit(spec.key)
        weights = window.beside.get("weights")
        assert weights is not None
        qtbot.waitUntil(partial(_has_focus, weights, spec.weights), timeout=JOB_MS)
    weights.close()
    qtbot.keyClick(window, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert weights.isVisible()
    weights.close()


def _has_focus(weights: WeightsWindow, key: str) -> bool:
    return key in weights.rows and weights.focusWidget() is weights.rows[key].download_button


def test_link_is_refused_politely(window: MainWindow) -> None:
    assert drop(window, mime_of("https://example.org/fox.png"))
    assert message(window).startswith("That is a link, and this program does not go online.")
    assert window.input.request().picture == ""
    plain = QMimeData()
    plain.setText("only words")
    assert not drop(window, plain)


def test_what_was_refused_is_forgotten_with_the_next_picture_or_job(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, photo: Path
) -> None:
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    drop(window, mime_of(photo))
    wait_for_cut(qtbot, window)
    drop(window, mime_of(nothing))
    refused = "There is no picture and no mesh in the folder “nothing”."
    assert message(window).startswith(refused)
    window.input.form.quality.button("draft").click()
    wait_for_cut(qtbot, window)
    assert message(window).startswith(refused)  # nothing else was brought or begun
    qtbot.mouseClick(window.input.generate_button, Qt.MouseButton.LeftButton)
    assert message(window) == ""
    drop(window, mime_of(nothing))
    assert message(window).startswith(refused)
    other = tmp_path / "other.png"
    write_png(disc(cut=True), other)
    window.input.pictures._strip.path_chosen.emit(str(other))
    assert message(window) == ""
    assert wait_for_end(qtbot, window).state is JobState.DONE


def test_picture_is_pasted(qtbot: QtBot, window: MainWindow, places: Places) -> None:
    picture = disc(cut=True)
    QApplication.clipboard().setImage(image_from(picture))
    qtbot.keyClick(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    wait_for_cut(qtbot, window)
    QApplication.clipboard().clear()
    path = Path(window.input.request().picture)
    assert path.parent == places.pasted
    assert np.array_equal(read_picture(path).alpha, picture.alpha)


def test_pictures_are_browsed_for(qtbot: QtBot, window: MainWindow, photo: Path) -> None:
    qtbot.keyClick(window, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    dialog = window.dialogs.current
    assert isinstance(dialog, QFileDialog)
    assert "*.webp" in dialog.nameFilters()[0]
    dialog.filesSelected.emit([str(photo)])
    dialog.close()
    wait_for_cut(qtbot, window)
    assert window.input.request().picture == str(photo)


def test_failure_is_told_and_stays_on_its_card(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    empty = tmp_path / "nothing.png"
    write_png(Picture(np.zeros((40, 40, 4), np.uint8)), empty)
    window.input.generate_wished.emit((Request(picture=str(empty)),))
    row = wait_for_end(qtbot, window)
    assert row.state is JobState.FAILED
    told = window.middle.messages.message
    assert told is not None
    assert told.tone is Tone.ERROR
    assert told.text == f"“nothing”: {row.error_message}"
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert message(window) == ""
    window.history.strip.wished.emit("open")
    assert row.error_message in message(window)
    assert window.middle.messages.message.action == "Load its settings"
    qtbot.mouseClick(window.middle.messages._action, Qt.MouseButton.LeftButton)
    assert window.input.request().picture == str(empty)  # to be brushed, or changed for another


def test_the_message_of_a_failure_goes_when_another_job_is_looked_at(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, photo: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    window.input.generate_wished.emit((Request(picture=str(photo), quality=Quality.DRAFT),))
    good = wait_for_end(qtbot, window)
    window.input.generate_wished.emit((Request(picture=str(broken)),))
    failed = wait_for_end(qtbot, window)
    assert failed.state is JobState.FAILED
    told = window.middle.messages.message
    assert told is not None
    assert told.text == failed.error_message  # which names the file itself
    window.history.select(good.id)
    assert message(window) == ""
    window.history.select(failed.id)
    assert message(window).startswith(failed.error_message)
    drop(window, mime_of("https://example.org/fox.png"))
    window.history.select(good.id)
    assert message(window).startswith("That is a link")  # of no job


def test_chosen_engine_and_why_stand_over_the_mesh(qtbot: QtBot, window: MainWindow, photo: Path) -> None:
    reasons: list[str] = []
    window._runner.event_received.connect(lambda event: reasons.append(event.reason) if type(event) is Chosen else None)
    window.input.generate_wished.emit((Request(picture=str(photo), quality=Quality.DRAFT),))
    row = wait_for_end(qtbot, window)
    assert len(reasons) == 1
    assert window.middle.bar._title.text() == f"disc  ·  {engine_title(row.engine)}: {reasons[0]}"


def test_request_that_cannot_run_is_told_not_queued(window: MainWindow, runner: JobRunner, tmp_path: Path) -> None:
    window.input.generate_wished.emit((Request(picture=str(tmp_path / "gone.png")),))
    assert runner.jobs() == ()
    assert "gone.png" in message(window)


def test_job_is_made_again_loaded_back_and_thrown_away(
    qtbot: QtBot, window: MainWindow, runner: JobRunner, photo: Path
) -> None:
    request = Request(picture=str(photo), engine="inflate", quality=Quality.DRAFT, size_mm=33.0)
    window.input.generate_wished.emit((request,))
    first = wait_for_end(qtbot, window)
    photo.unlink()  # the job has its own copy
    qtbot.keyClick(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(runner.jobs()) == 2)
    second = wait_for_end(qtbot, window)
    assert second.id != first.id
    assert second.state is JobState.DONE
    assert (second.folder / "result.glb").stat().st_size == pytest.approx(
        (first.folder / "result.glb").stat().st_size, abs=200
    )
    window.history.select(first.id)
    qtbot.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    wait_for_cut(qtbot, window)
    loaded = window.input.request()
    assert Path(loaded.picture).parent == first.folder
    assert (loaded.engine, loaded.quality, loaded.size_mm) == ("inflate", Quality.DRAFT, 33.0)
    window.history.strip.setFocus()
    qtbot.keyClick(window.history.strip, Qt.Key.Key_Delete)
    assert [row.id for row in runner.jobs()] == [second.id]
    assert not window.history.model.row_of(first.id).isValid()
    assert message(window) == f"“{first.title}” is in the trash."
    assert (first.folder / "result.glb").is_file()  # nothing is removed
    qtbot.mouseClick(window.middle.messages._action, Qt.MouseButton.LeftButton)
    assert [row.id for row in runner.jobs()] == [second.id, first.id]
    assert window.history.current == first


def test_result_that_is_gone_is_said_plainly(qtbot: QtBot, window: MainWindow, photo: Path) -> None:
    window.input.generate_wished.emit((Request(picture=str(photo), quality=Quality.DRAFT),))
    row = wait_for_end(qtbot, window)
    (row.folder / "result.glb").unlink()
    window.history.strip.wished.emit("open")
    assert not window.export.can_save
    assert window.middle._hint == "The result of this job is gone"


def test_saving_without_a_mesh_says_so(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert message(window).startswith("There is no mesh to save yet.")
    assert window.dialogs.current is None


@pytest.mark.gl
def test_bar_menu_and_view_agree(qtbot: QtBot, window: MainWindow) -> None:
    window.start_view()
    view = window.middle.view
    assert view is not None
    actions = window.middle.bar.actions_by_name
    qtbot.keyClick(window, Qt.Key.Key_4)
    assert view.shading.value == "wireframe"
    assert actions["wireframe"].isChecked()
    actions["normals"].trigger()
    assert view.shading.value == "normals"
    qtbot.keyClick(window, Qt.Key.Key_G)
    assert not view.has_grid
    assert not actions["grid"].isChecked()
    actions["wires"].trigger()
    assert view.has_wires
    assert not actions["frame"].isEnabled()  # there is nothing to frame


@pytest.mark.gl
def test_theme_changes_everywhere_at_once(window: MainWindow, theme: Theme) -> None:
    window.start_view()
    for choice, colours in ((ThemeChoice.LIGHT, LIGHT), (ThemeChoice.DARK, DARK)):
        window.menus.action(f"theme_{choice}").trigger()
        assert theme.colours is colours
        image = window.grab().toImage()
        ratio = image.devicePixelRatio()
        spot = window.history.mapTo(window, window.history.rect().bottomRight()) * ratio
        assert image.pixelColor(spot.x() - 3, spot.y() - 3).name() == colours.panel
    assert window.window_state().theme is ThemeChoice.DARK


def test_window_is_as_it_was_left(
    qtbot: QtBot, runner: JobRunner, theme: Theme, icons: Icons, places: Places, window: MainWindow
) -> None:
    window.resize(1111, 707)
    window._outer.setSizes([420, 691])
    window.export.choose_format(".ply")
    window.input.form.size_mm.set_value(55.0)
    QApplication.processEvents()
    state = window.window_state()
    assert (state.export_suffix, state.size_mm) == (".ply", 55.0)
    again = MainWindow(runner, theme, icons, state, places)
    qtbot.addWidget(again)
    again.show()
    assert again.size().toTuple() == (1111, 707)
    assert again._outer.sizes() == window._outer.sizes()
    assert again.export.suffix == ".ply"
    assert again.input.form.size_mm.value == 55.0
    again.close()
    broken = MainWindow(runner, theme, icons, WindowState(layout="not.base64.at all"), places)
    qtbot.addWidget(broken)
    broken.close()


def test_every_action_is_in_a_menu_and_no_two_share_a_key(window: MainWindow) -> None:
    keys: dict[str, str] = {}
    for menu in window.menuBar().actions():
        for action in menu.menu().actions():  # type: ignore[attr-defined]  # known by its place, not by its class
            assert isinstance(action, QAction)
            for key in action.shortcuts():
                assert key.toString() not in keys, (action.text(), keys[key.toString()])
                keys[key.toString()] = action.text()
    assert {"Ctrl+O", "Ctrl+V", "Ctrl+S", "Ctrl+Return", "Ctrl+Z", "F", "F1", "[", "]", "B", "E"} <= set(keys)


def test_help_windows_tell_and_block_nothing(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.keyClick(window, Qt.Key.Key_F1)
    window.menus.action("news").trigger()
    window.menus.action("about").trigger()
    shown = [child for child in window.findChildren(QDialog) if child.isVisible()]
    pages = {child.windowTitle(): child.page.toPlainText() for child in shown}  # type: ignore[attr-defined]  # known by its place, not by its class
    assert "Ctrl+Return" in pages["Keyboard and mouse"]
    assert "Frame the mesh" in pages["Keyboard and mouse"]
    assert "The first one." in pages["What is new"]
    assert "MIT" in pages["About Image2Model Desktop"]
    assert not any(child.isModal() for child in shown)
    for child in shown:
        child.close()


def test_letters_typed_into_the_prompt_stay_letters(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.mouseClick(window.input.source.button("prompt"), Qt.MouseButton.LeftButton)
    window.input.words.edit.setFocus()
    qtbot.keyClicks(window.input.words.edit, "BEFORE 12 [go]")
    assert window.input.words.prompt == "BEFORE 12 [go]"
    assert window.input.request().prompt == "BEFORE 12 [go]"
    window.input.words.edit.clear()
    qtbot.waitUntil(lambda: not window.input.words._rest.isActive())


@pytest.mark.parametrize("size", [(960, 600), (1100, 680), (2400, 1400)])
def test_nothing_is_cut_off_at_any_size(window: MainWindow, size: tuple[int, int]) -> None:
    window.resize(*size)
    QApplication.processEvents()
    assert window.size().toTuple() == size
    for name in (CHECK, SHAPE, EXPORT):
        window.right.show_page(name)
        QApplication.processEvents()
        for panel in (window.input, window.right):
            pages = [page for page in panel.findChildren(QWidget, "panel_page") if page.isVisible()]
            assert [page.width() <= panel.width() for page in pages] == [True]
    assert window.middle.width() >= 240
    assert window.middle.width() * window.middle.height() > 0.2 * size[0] * size[1]
    button = window.input.generate_button
    assert window.rect().contains(button.mapTo(window, button.rect().bottomRight()))


@pytest.mark.gl
def test_event_loop_goes_on_while_a_job_runs(qtbot: QtBot, window: MainWindow, photo: Path) -> None:
    from PySide6.QtCore import QTimer

    window.start_view()
    window.input.bring((photo,))
    wait_for_cut(qtbot, window)
    view = window.middle.view
    assert view is not None
    qtbot.waitUntil(lambda: view.is_warm, timeout=JOB_MS)  # a driver in software compiles for a while after the start
    gc.collect()
    gc.freeze()  # what earlier tests left in this process is not the window's
    beats: list[float] = []
    timer = QTimer(window)
    timer.setInterval(2)
    timer.timeout.connect(lambda: beats.append(time.thread_time()))
    timer.start()
    window.input.generate()
    wait_for_end(qtbot, window)
    timer.stop()
    assert len(beats) > 5
    # Of this thread's own time, so that a busy machine changes little; the benchmark measures the clock's, at rest.
    assert max(np.diff(beats)) < 0.15
