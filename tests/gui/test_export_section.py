"""What is saved is what was asked for, and what it will be is said before."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel
from pytestqt.qtbot import QtBot

from img2model_desktop.core.mesh_files import MESH_SUFFIXES, read_mesh
from img2model_desktop.core.workshop.step import step
from img2model_desktop.gui.export_section import FIXED_UP, FORMATS, ExportSection, dimensions
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import DARK
from img2model_desktop.gui.workshop import Workshop
from img2model_desktop.jobs.export import losses
from img2model_desktop.jobs.job_row import JobRow
from img2model_desktop.jobs.presets import PRESETS, Preset
from tests.gui.conftest import InlineCaller, result_of
from tests.shapes import box, textured

SIZE_M = (0.05, 0.1, 0.02)


@pytest.fixture
def row(tmp_path: Path) -> JobRow:
    """A finished job whose result is a textured box of 50 x 100 x 20 mm."""
    return result_of(textured(box(*SIZE_M)), tmp_path / "job", "A/box: é")


@pytest.fixture
def workshop(caller: InlineCaller) -> Workshop:
    return Workshop(caller)


@pytest.fixture
def panel(qtbot: QtBot, icons: Icons, caller: InlineCaller, workshop: Workshop) -> Iterator[ExportSection]:
    panel = ExportSection(caller, workshop, icons, ".glb", "y")
    qtbot.addWidget(panel)
    panel.resize(280, 640)
    panel.retint()
    panel.show()
    yield panel
    workshop.close()


def show(qtbot: QtBot, panel: ExportSection, row: JobRow) -> None:
    """The job, judged, so that nothing is under way."""
    workshop = panel._workshop
    workshop.show(row)
    with qtbot.waitSignal(workshop.verdict_changed):
        workshop.go_on()


def choose(box: QComboBox, data: object) -> None:
    """Chooses an entry by keys, as a user without a mouse does."""
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Home)
    for _ in range(box.findData(data)):
        QTest.keyClick(box, Qt.Key.Key_Down)
    assert box.currentData() == data


def texts(panel: ExportSection) -> set[str]:
    return {label.text() for label in panel.findChildren(QLabel) if label.isVisible()}


def test_nothing_can_be_saved_before_there_is_a_mesh(panel: ExportSection) -> None:
    assert not panel.can_save
    assert not panel.save_button.isEnabled()
    assert panel.save_button.toolTip() == "There is no mesh to save yet."
    assert not panel.handle.isEnabled()


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("mm", "127.0 × 254.0 × 50.8 mm"), ("cm", "12.70 × 25.40 × 5.08 cm"), ("in", "5.00 × 10.00 × 2.00 in")],
)
def test_read_out_is_exact_in_every_unit(
    qtbot: QtBot, panel: ExportSection, row: JobRow, unit: str, expected: str
) -> None:
    show(qtbot, panel, row)
    panel.size_mm.field.selectAll()
    qtbot.keyClicks(panel.size_mm.field, "254")
    qtbot.keyClick(panel.size_mm.field, Qt.Key.Key_Return)
    qtbot.mouseClick(panel.shown_unit.button(unit), Qt.MouseButton.LeftButton)
    assert expected in texts(panel)
    assert dimensions(SIZE_M, 254.0, unit) == expected


@pytest.mark.parametrize("suffix", [".glb", ".gltf", ".obj", ".stl", ".ply"])
@pytest.mark.parametrize("up", ["y", "z"])
def test_saved_file_has_the_size_and_the_up_axis(
    qtbot: QtBot, panel: ExportSection, row: JobRow, tmp_path: Path, suffix: str, up: str
) -> None:
    show(qtbot, panel, row)
    choose(panel.format, suffix)
    qtbot.mouseClick(panel.more.heading, Qt.MouseButton.LeftButton)
    assert panel.up.isEnabled() == (suffix not in FIXED_UP)
    qtbot.mouseClick(panel.up.button(up), Qt.MouseButton.LeftButton)
    panel._workshop.set_size(30.0)
    out = tmp_path / f"out{suffix}"
    with qtbot.waitSignal(panel.saved):
        panel.save(out)
    loaded = trimesh.load(out, force="mesh")
    assert panel.up_axis == FIXED_UP.get(suffix, up)
    wanted = np.array([15, 6, 30] if panel.up_axis == "z" else [15, 30, 6], dtype=float)
    unit = 1000.0 if suffix in (".glb", ".gltf") else 1.0  # glTF is in metres, the others are written in millimetres
    assert loaded.extents * unit == pytest.approx(wanted, rel=1e-5)
    assert any(str(out) == text.removeprefix("Saved and checked: ").replace("\u200b", "") for text in texts(panel))
    with qtbot.waitSignal(panel.folder_wished) as wish:
        qtbot.mouseClick(panel.folder_button, Qt.MouseButton.LeftButton)
    assert wish.args == [out]


def test_failed_save_is_one_sentence_in_red(qtbot: QtBot, panel: ExportSection, row: JobRow, tmp_path: Path) -> None:
    show(qtbot, panel, row)
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
    show(qtbot, panel, row)
    panel.choose_format(".obj")
    panel._workshop.set_size(10.0)
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
    assert caller.asked.count("save_mesh") == 1  # ready already
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
    show(qtbot, panel, row)
    folder = tmp_path / ("a_very_long_folder_name_" * 4) / ("and_another_one_" * 5)
    folder.mkdir(parents=True)
    with qtbot.waitSignal(panel.saved):
        panel.save(folder / "out.glb")
    QApplication.processEvents()
    assert panel.width() == 280
    assert panel.minimumSizeHint().width() <= 280


def test_every_format_that_can_be_written_is_offered() -> None:
    assert {suffix for suffix, *_ in FORMATS} == set(MESH_SUFFIXES)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_preset_sets_everything_and_own_settings_leave_it(
    qtbot: QtBot, panel: ExportSection, row: JobRow, preset: Preset
) -> None:
    show(qtbot, panel, row)
    panel._workshop.set_size(40.0)
    choose(panel.preset, preset.key)
    assert panel.preset.toolTip() == preset.summary
    assert panel.suffix == preset.suffix
    options = panel.options()
    is_fixed = panel.suffix in FIXED_UP
    assert options == replace(
        preset.options, size_mm=40.0, up="y" if is_fixed else preset.options.up, unit=options.unit
    )
    assert options.unit == ("mm" if is_fixed else preset.options.unit)
    qtbot.mouseClick(panel.more.heading, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(panel.origin.button("centre"), Qt.MouseButton.LeftButton)
    assert panel.preset.currentData() == ""


def test_preset_is_saved(qtbot: QtBot, panel: ExportSection, row: JobRow, tmp_path: Path) -> None:
    show(qtbot, panel, row)
    choose(panel.preset, "cad")
    with qtbot.waitSignal(panel.saved):
        panel.save(tmp_path / "part.stl")
    loaded = trimesh.load(tmp_path / "part.stl", force="mesh")
    assert loaded.extents == pytest.approx([50, 20, 100], rel=1e-5)  # z up
    assert loaded.bounds[0][2] == pytest.approx(0, abs=1e-4)  # on the floor


@pytest.mark.parametrize("suffix", [suffix for suffix, *_ in FORMATS])
def test_what_a_format_takes_away_is_said_before(qtbot: QtBot, panel: ExportSection, row: JobRow, suffix: str) -> None:
    show(qtbot, panel, row)
    choose(panel.format, suffix)
    wanted = losses(suffix, panel.options(), True, 12, 32)
    assert panel._losses.text() == "\n".join(wanted)
    assert panel._losses.isVisible() == bool(wanted)
    assert bool(wanted) or suffix != ".stl"


def test_edited_mesh_is_what_is_saved(qtbot: QtBot, panel: ExportSection, row: JobRow, tmp_path: Path) -> None:
    show(qtbot, panel, row)
    with qtbot.waitSignal(panel._workshop.mesh_changed):
        panel._workshop.do("Turn", (step("turn", axis="z"),))
    assert "100.0 × 50.0 × 20.0 mm" in texts(panel)
    with qtbot.waitSignal(panel.saved):
        panel.save(tmp_path / "turned.glb")
    assert read_mesh(tmp_path / "turned.glb").size_m == pytest.approx((0.1, 0.05, 0.02), rel=1e-5)


@pytest.mark.gl
def test_report_is_written(qtbot: QtBot, panel: ExportSection, row: JobRow, tmp_path: Path) -> None:
    show(qtbot, panel, row)
    with qtbot.waitSignal(panel.report_wished):
        qtbot.mouseClick(panel.report_button, Qt.MouseButton.LeftButton)
    panel.save_report(str(tmp_path / "box.html"))
    qtbot.waitUntil(lambda: panel.folder_button.isVisible(), timeout=20_000)
    assert "A/box: é" in (tmp_path / "box.html").read_text(encoding="utf-8")
    assert any(text.startswith("Report written: ") for text in texts(panel))
