"""A broken mesh in the real window: dropped, judged, mended, undone; made again from its recipe."""

from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.gui.cutout_canvas import Tool
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.main_window import MainWindow
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.theme import Theme
from img2model_desktop.gui.window_state import Places, WindowState
from img2model_desktop.gui.workshop_panel import SHAPE
from img2model_desktop.jobs.job_row import JobState
from img2model_desktop.jobs.store import Store
from tests.gui.conftest import open_box
from tests.gui.driving import JOB_MS, drop, message, mime_of, titles, wait_for_cut, wait_for_end, wait_for_verdict
from tests.shapes import sphere


@pytest.mark.gl
def test_broken_mesh_is_dropped_judged_mended_and_undone_by_keys(
    qtbot: QtBot, window: MainWindow, runner: JobRunner, tmp_path: Path
) -> None:
    window.start_view()
    view = window.middle.view
    assert view is not None
    write_mesh(open_box(), tmp_path / "crate.stl", None)
    assert drop(window, mime_of(tmp_path / "crate.stl"))
    row = wait_for_end(qtbot, window)
    assert (row.state, row.title, row.request.mesh) == (JobState.DONE, "crate", str(tmp_path / "crate.stl"))
    wait_for_verdict(qtbot, window)
    assert window.right.verdict.chips["print"].word == "To fix"
    assert view.buffers is not None
    finding = window.right.check.findings.rows[0]
    qtbot.mouseClick(finding.button, Qt.MouseButton.LeftButton)
    wait_for_verdict(qtbot, window)
    assert window.right.verdict.chips["print"].word == "Fit"
    assert window.menus.action("undo").text() == "&Undo “Close holes”"
    assert "Close holes" in message(window)
    window.history.strip.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    wait_for_verdict(qtbot, window)
    assert titles(window) == []
    assert window.right.verdict.chips["print"].word == "To fix"
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    wait_for_verdict(qtbot, window)
    assert titles(window) == ["Close holes"]
    window.right.show_page(SHAPE)
    before = window.right.shape.edits.before
    qtbot.mouseClick(before, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: view.is_before, timeout=JOB_MS)
    qtbot.keyClick(window, Qt.Key.Key_C)  # the view's own way to compare is the same one
    assert not before.isChecked()
    assert not view.is_before
    window.menus.action("revert").trigger()
    wait_for_verdict(qtbot, window)
    assert window.workshop.mesh == row.result_path
    assert (row.folder / "result.glb").is_file()


def test_undo_is_about_strokes_while_the_focus_is_on_the_picture(qtbot: QtBot, window: MainWindow, photo: Path) -> None:
    window.input.bring((photo,))
    wait_for_cut(qtbot, window)
    canvas = window.input.pictures.canvas
    canvas.setFocus()
    assert window.menus.action("undo").text() == "&Undo stroke"
    canvas.set_tool(Tool.REMOVE)
    middle = canvas.rect().center()
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle)
    assert len(canvas.strokes) == 1
    window.history.strip.setFocus()
    assert window.menus.action("undo").text() == "&Undo edit"
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(canvas.strokes) == 1  # no stroke is lost by a key that was meant for the mesh
    canvas.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert canvas.strokes == ()
    qtbot.keyClick(window, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert len(canvas.strokes) == 1


def test_pictures_and_meshes_are_dropped_together(
    qtbot: QtBot, window: MainWindow, runner: JobRunner, photo: Path, tmp_path: Path
) -> None:
    for name in ("a.stl", "b.ply"):
        write_mesh(open_box(), tmp_path / name, None)
    (tmp_path / "notes.txt").write_text("words")
    assert drop(window, mime_of(tmp_path / "a.stl", photo, tmp_path / "notes.txt", tmp_path / "b.ply"))
    assert window.input.request().picture == str(photo)
    assert message(window).startswith("“notes.txt” is neither a picture nor a mesh.")
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=JOB_MS)
    assert [row.request.mesh for row in runner.jobs()] == [str(tmp_path / "b.ply"), str(tmp_path / "a.stl")]
    wait_for_cut(qtbot, window)
    wait_for_verdict(qtbot, window)


def test_meshes_are_browsed_for(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    write_mesh(open_box(), tmp_path / "crate.3mf", None)
    qtbot.keyClick(window, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier)
    dialog = window.dialogs.current
    assert isinstance(dialog, QFileDialog)
    assert "*.3mf" in dialog.nameFilters()[0]
    dialog.filesSelected.emit([str(tmp_path / "crate.3mf")])
    dialog.close()
    assert wait_for_end(qtbot, window).request.mesh == str(tmp_path / "crate.3mf")
    wait_for_verdict(qtbot, window)


def test_damaged_mesh_is_told_on_its_card(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "crate.glb").write_bytes(b"glTF nothing more")
    assert drop(window, mime_of(tmp_path / "crate.glb"))
    row = wait_for_end(qtbot, window)
    assert row.state is JobState.FAILED
    assert message(window).startswith(f"“crate”: {row.error_message}")
    assert not window.export.can_save
    assert window.right.verdict.status.text == "No mesh to check yet"


def test_mesh_with_a_recipe_is_made_again(
    qtbot: QtBot, window: MainWindow, runner: JobRunner, photo: Path, tmp_path: Path
) -> None:
    request = Request(picture=str(photo), engine="inflate", quality=Quality.DRAFT, size_mm=33.0)
    window.input.generate_wished.emit((request,))
    first = wait_for_end(qtbot, window)
    wait_for_verdict(qtbot, window)
    shared = tmp_path / "elsewhere"
    shared.mkdir()
    (shared / "disc of mine.glb").write_bytes((first.folder / "result.glb").read_bytes())
    photo.rename(tmp_path / "renamed.png")  # the job's own copy is found by its content
    assert drop(window, mime_of(shared / "disc of mine.glb"))
    text = "“disc of mine.glb” holds the recipe that made it."
    qtbot.waitUntil(lambda: message(window) == text, timeout=JOB_MS)
    opened = wait_for_end(qtbot, window)
    assert opened.request.mesh == str(shared / "disc of mine.glb")
    wait_for_verdict(qtbot, window)
    qtbot.mouseClick(window.middle.messages._action, Qt.MouseButton.LeftButton)
    assert len(runner.jobs()) == 3
    again = wait_for_end(qtbot, window)
    assert again.state is JobState.DONE
    assert Path(again.request.picture).parent == first.folder
    assert (again.request.engine, again.request.size_mm) == ("inflate", 33.0)
    wait_for_verdict(qtbot, window)

    for job in (first, again):
        window.history.select(opened.id)
        runner.remove(job.id)
    assert drop(window, mime_of(shared / "disc of mine.glb"))
    qtbot.waitUntil(lambda: message(window) == text, timeout=JOB_MS)
    qtbot.mouseClick(window.middle.messages._action, Qt.MouseButton.LeftButton)
    assert "needs the picture “disc.png”, which was not found." in message(window)
    assert (window.input.form.engine_key, window.input.form.size_mm.value) == ("inflate", 33.0)
    wait_for_end(qtbot, window)
    wait_for_verdict(qtbot, window)


def test_purpose_is_as_it_was_left(
    qtbot: QtBot, runner: JobRunner, theme: Theme, icons: Icons, places: Places, window: MainWindow
) -> None:
    qtbot.mouseClick(window.right.verdict.chips["game"], Qt.MouseButton.LeftButton)
    again = MainWindow(runner, theme, icons, window.window_state(), places)
    qtbot.addWidget(again)
    assert again.right.purpose == again.window_state().purpose == "game"
    again.close()


def test_checking_a_large_mesh_is_cancelled_at_once(
    qtbot: QtBot, theme: Theme, icons: Icons, places: Places, tmp_path: Path
) -> None:
    # cancelling may cost the helper process
    with closing(JobRunner(Store(tmp_path / "history.sqlite3", tmp_path / "jobs"))) as runner:
        window = MainWindow(runner, theme, icons, WindowState(), places)
        qtbot.addWidget(window)
        window.show()
        write_mesh(sphere(0.05, 120, 240), tmp_path / "ball.glb", None)
        assert drop(window, mime_of(tmp_path / "ball.glb"))
        status = window.right.verdict.status
        qtbot.waitUntil(lambda: status.text == "Checking the mesh…", timeout=JOB_MS)
        qtbot.mouseClick(status.button, Qt.MouseButton.LeftButton)
        assert status.text == "Not checked yet"
        assert window.workshop.verdict is None
        qtbot.mouseClick(status.button, Qt.MouseButton.LeftButton)  # Check now
        wait_for_verdict(qtbot, window)
        assert window.workshop.verdict is not None
        assert window.workshop.verdict.measures["triangles"] == 57_120
        qtbot.waitUntil(lambda: not runner._calls, timeout=JOB_MS)
        window.close()
