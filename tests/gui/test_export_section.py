"""What is saved is what was asked for, and what it will be is said before."""

import time
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from img2model_desktop.core.events import Facts
from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.request import Request
from img2model_desktop.gui.export_section import FIXED_UP, FORMATS, ExportSection, dimensions
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import DARK
from img2model_desktop.gui.workshop import Workshop
from img2model_desktop.jobs.job_row import JobRow, JobState
from tests.gui.conftest import InlineCaller
from tests.shapes import box

SIZE_M = (0.05, 0.1, 0.02)


@pytest.fixture
def row(tmp_path: Path) -> JobRow:
    """A finished job whose result is a box of 50 x 100 x 20 mm."""
    folder = tmp_path / "job"
    folder.mkdir()
    mesh = box(*SIZE_M)
    write_mesh(mesh, folder / "result.glb", {})
    facts = Facts(len(mesh.vertices), len(mesh.faces), 1, True, SIZE_M)
    return JobRow(
        id="1",
        state=JobState.DONE,
        request=Request(prompt="A/box: é"),
        title="A/box: é",
        created=time.time(),
        folder=folder,
        engine="extrude",
        result_path=folder / "result.glb",
        facts=facts,
        seconds=1.25,
    )


@pytest.fixture
def panel(qtbot: QtBot, icons: Icons, caller: InlineCaller) -> ExportSection:
    panel = ExportSection(caller, icons, ".glb", "y")
    qtbot.addWidget(panel)
    panel.resize(264, 640)
    panel.retint()
    panel.show()
    return panel


def texts(panel: ExportSection) -> set[str]:
    return {label.text() for label in panel.findChildren(QLabel) if label.isVisible()}


def test_nothing_can_be_saved_before_there_is_a_mesh(panel: ExportSection) -> None:
    assert not panel.can_save
    assert not panel.save_button.isEnabled()
    assert panel.save_button.toolTip() == "There is no mesh to save yet."
    assert not panel.handle.isEnabled()


def test_facts_are_those_of_the_job(panel: ExportSection, row: JobRow) -> None:
    panel.show_job(row)
    assert {"Extrude", "12", "8", "1", "Yes", "1.2 s", "50.0 × 100.0 × 20.0 mm"} <= texts(panel)
    assert panel.size_mm.value == 100.0
    panel.show_job(None)
    assert "Yes" not in texts(panel)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("mm", "127.0 × 254.0 × 50.8 mm"), ("cm", "12.70 × 25.40 × 5.08 cm"), ("in", "5.00 × 10.00 × 2.00 in")],
)
def test_read_out_is_exact_in_every_unit(
    qtbot: QtBot, panel: ExportSection, row: JobRow, unit: str, expected: str
) -> None:
    panel.show_job(row)
    panel.size_mm.field.selectAll()
    qtbot.keyClicks(panel.size_mm.field, "254")
    qtbot.keyClick(panel.size_mm.field, Qt.Key.Key_Return)
    qtbot.mouseClick(panel.unit.button(unit), Qt.MouseButton.LeftButton)
    assert expected in texts(panel)
    assert dimensions(SIZE_M, 254.0, unit) == expected


@pytest.mark.parametrize("suffix", [suffix for suffix, *_ in FORMATS])
@pytest.mark.parametrize("up", ["y", "z"])
def test_saved_file_has_the_size_and_the_up_axis(
    qtbot: QtBot, panel: ExportSection, row: JobRow, tmp_path: Path, suffix: str, up: str
) -> None:
    panel.show_job(row)
    qtbot.mouseClick(panel.format.button(suffix), Qt.MouseButton.LeftButton)
    assert panel.up.isEnabled() == (suffix != ".glb")
    qtbot.mouseClick(panel.up.button(up), Qt.MouseButton.LeftButton)
    panel.size_mm.set_value(30.0)
    out = tmp_path / f"out{suffix}"
    with qtbot.waitSignal(panel.saved):
        panel.save(out)
    loaded = trimesh.load(out, force="mesh")
    is_turned = up == "z" and suffix != ".glb"
    wanted = np.array([15, 6, 30] if is_turned else [15, 30, 6], dtype=float)
    unit = 1000.0 if suffix == ".glb" else 1.0  # glTF is in metres, the others are written in millimetres
    assert loaded.extents * unit == pytest.approx(wanted, rel=1e-5)
    assert any(str(out) == text.removeprefix("Saved and checked: ").replace("\u200b", "") for text in texts(panel))
    with qtbot.waitSignal(panel.folder_wished) as wish:
        qtbot.mouseClick(panel.folder_button, Qt.MouseButton.LeftButton)
    assert wish.args == [out]


def test_failed_save_is_one_sentence_in_red(qtbot: QtBot, panel: ExportSection, row: JobRow, tmp_path: Path) -> None:
    panel.show_job(row)
    with qtbot.waitSignal(panel.failed) as failure:
        panel.save(tmp_path / "not there" / "out.glb")
    trouble = failure.args[0]
    assert trouble.kind == "setup"
    assert trouble.message in panel._status.text()
    assert panel._status.palette().color(panel._status.foregroundRole()).name() == DARK.bad
    assert not panel.folder_button.isVisible()


def test_result_is_dragged_out_as_the_file_that_would_be_saved(
    qtbot: QtBot, panel: ExportSection, row: JobRow, caller: InlineCaller
) -> None:
    panel.show_job(row)
    panel.choose_format(".obj")
    panel.size_mm.set_value(10.0)
    assert panel.handle.files == ()
    here = QPointF(5, 5)
    QApplication.sendEvent(panel.handle, QEnterEvent(here, here, here))
    qtbot.waitUntil(lambda: bool(panel.handle.files))
    urls = panel.handle.mime().urls()
    files = [Path(url.toLocalFile()) for url in urls]
    assert files[0].name == "A_box_ é.obj"
    assert all(file.is_file() for file in files)
    assert trimesh.load(files[0], force="mesh").extents == pytest.approx([5, 10, 2], rel=1e-5)
    QApplication.sendEvent(panel.handle, QEnterEvent(here, here, here))
    assert caller.asked.count("save_result") == 1  # ready already
    panel.handle.setFocus()
    qtbot.keyClick(panel.handle, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().mimeData().urls() == urls
    QApplication.clipboard().clear()
    panel.size_mm.field.selectAll()
    qtbot.keyClicks(panel.size_mm.field, "20")
    qtbot.keyClick(panel.size_mm.field, Qt.Key.Key_Return)
    assert panel.handle.files == ()  # what lies there is not what was asked for any more
    folder = files[0].parent
    panel.close_files()
    assert not folder.exists()


def test_drag_handle_is_dead_without_a_mesh(panel: ExportSection, caller: InlineCaller) -> None:
    here = QPointF(5, 5)
    QApplication.sendEvent(panel.handle, QEnterEvent(here, here, here))
    QApplication.sendEvent(panel.handle, QEvent(QEvent.Type.Leave))
    assert caller.asked == []


def test_long_paths_do_not_widen_the_panel(qtbot: QtBot, panel: ExportSection, row: JobRow, tmp_path: Path) -> None:
    panel.show_job(row)
    folder = tmp_path / ("a_very_long_folder_name_" * 4) / ("and_another_one_" * 5)
    folder.mkdir(parents=True)
    with qtbot.waitSignal(panel.saved):
        panel.save(folder / "out.glb")
    QApplication.processEvents()
    page = panel.findChild(QLabel).parentWidget()
    assert page.width() <= panel.width()
    assert page.minimumSizeHint().width() <= 264
