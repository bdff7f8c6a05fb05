"""Two results side by side: what one camera does the other does, and what tells them apart is said."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.library.compare_window import CompareWindow
from img2model_desktop.gui.messages import Tone
from img2model_desktop.jobs.shelf import MESH, Entry
from img2model_desktop.render.look import Shading
from tests.gui.conftest import InlineCaller, result_of
from tests.shapes import box, torus

pytestmark = pytest.mark.gl
VERDICT = {"print": "fit", "game": "not fit", "web": "fit", "render": "fit after fixes"}


def entry_of(mesh: Mesh, folder: Path, title: str) -> Entry:
    row = replace(result_of(mesh, folder, title), created=time.time())
    return Entry(row, MESH, 1234, len(mesh.faces), True, dict(VERDICT))


@pytest.fixture
def window(qtbot: QtBot, caller: InlineCaller, icons: Icons, tmp_path: Path) -> Iterator[CompareWindow]:
    """A small box at the left, a ring of twice its size at the right."""
    host = QWidget()
    qtbot.addWidget(host)
    shown = CompareWindow(caller, icons, host)
    shown.resize(900, 640)
    with qtbot.waitActive(shown):
        shown.show()
        shown.activateWindow()
    small = entry_of(box(0.05, 0.05, 0.05), tmp_path / "small", "Small box")
    large = entry_of(torus(0.05, 0.01), tmp_path / "large", "Large ring")
    shown.compare(small, replace(large, verdict=dict(VERDICT) | {"print": "not fit"}))
    qtbot.waitUntil(lambda: all(view.buffers is not None for view in shown.views))
    qtbot.waitUntil(lambda: all(view.is_drawn for view in shown.views), timeout=20_000)
    yield shown
    shown.close()
    qtbot.waitUntil(lambda: not any(view._rest.isActive() for view in shown.views))


def drag(view: QWidget, by: QPoint, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
    start = view.rect().center()
    QTest.mousePress(view, button, pos=start)
    QTest.mouseMove(view, start + by)
    QTest.mouseRelease(view, button, pos=start + by)


def turn_wheel(view: QWidget, notches: int) -> None:
    place = QPointF(view.rect().center())
    event = QWheelEvent(
        place,
        QPointF(view.mapToGlobal(place.toPoint())),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)


def angles(window: CompareWindow) -> list[tuple[float, float]]:
    return [(round(view.camera.azimuth_deg, 6), round(view.camera.elevation_deg, 6)) for view in window.views]


def test_an_orbit_in_one_is_an_orbit_in_the_other(window: CompareWindow) -> None:
    left, right = window.views
    before = angles(window)
    assert before[0] == before[1]
    drag(left, QPoint(60, 20))
    assert angles(window)[0] == angles(window)[1] != before[0]
    drag(right, QPoint(-30, 10))
    assert angles(window)[0] == angles(window)[1]
    QTest.keyClick(right, Qt.Key.Key_Left)
    assert angles(window)[0] == angles(window)[1]


def test_zoom_and_pan_are_carried_in_the_size_of_each(window: CompareWindow) -> None:
    left, right = window.views
    share = right.camera.distance_m / left.camera.distance_m
    assert share > 1.2  # each fills its view, and the ring is larger
    turn_wheel(left, 3)
    assert right.camera.distance_m / left.camera.distance_m == pytest.approx(share, rel=1e-3)
    before = [view.camera.target for view in window.views]
    drag(left, QPoint(40, 0), Qt.MouseButton.MiddleButton)
    moved = [
        sum((a - b) ** 2 for a, b in zip(view.camera.target, old, strict=True)) ** 0.5
        for view, old in zip(window.views, before, strict=True)
    ]
    assert moved[0] > 0
    assert moved[1] / moved[0] == pytest.approx(share, rel=1e-3)


def test_in_the_same_scale_a_millimetre_is_as_long_in_both(window: CompareWindow) -> None:
    QTest.keyClick(window, Qt.Key.Key_Z)
    assert window.pair.has_same_scale
    left, right = window.views
    assert left.camera.distance_m == pytest.approx(right.camera.distance_m)
    turn_wheel(right, 2)
    assert left.camera.distance_m == pytest.approx(right.camera.distance_m)
    window.actions_by_name["scale"].trigger()
    assert right.camera.distance_m / left.camera.distance_m > 1.2


def test_cameras_that_are_let_go_move_alone_and_come_together_again(window: CompareWindow) -> None:
    left, right = window.views
    QTest.keyClick(window, Qt.Key.Key_L)
    assert not window.pair.is_linked
    before = angles(window)
    drag(left, QPoint(50, 0))
    assert angles(window)[1] == before[1] != angles(window)[0]
    QTest.keyClick(window, Qt.Key.Key_L)
    assert angles(window)[0] == angles(window)[1]
    assert right.camera.elevation_deg == left.camera.elevation_deg


def test_shading_edges_and_grid_are_one(window: CompareWindow) -> None:
    left, right = window.views
    window.actions_by_name["matcap"].trigger()
    assert left.shading is right.shading is Shading.MATCAP
    QTest.keyClick(right, Qt.Key.Key_5)
    assert left.shading is right.shading is Shading.NORMALS
    assert window.actions_by_name["normals"].isChecked()
    QTest.keyClick(right, Qt.Key.Key_W)
    QTest.keyClick(left, Qt.Key.Key_G)
    assert left.has_wires
    assert right.has_wires
    assert not left.has_grid
    assert not right.has_grid
    assert window.actions_by_name["wires"].isChecked()
    assert not window.actions_by_name["grid"].isChecked()


def test_the_turntable_turns_both(qtbot: QtBot, window: CompareWindow) -> None:
    before = angles(window)
    window.actions_by_name["turntable"].trigger()
    qtbot.waitUntil(lambda: angles(window)[0] != before[0])
    assert angles(window)[0] == angles(window)[1]
    window.actions_by_name["turntable"].trigger()
    assert not any(view.is_turning for view in window.views)


def test_swapping_brings_mesh_words_and_camera_to_the_other_side(window: CompareWindow) -> None:
    buffers = [view.buffers for view in window.views]
    cameras = [view.camera for view in window.views]
    QTest.keyClick(window, Qt.Key.Key_X)
    assert [view.buffers for view in window.views] == buffers[::-1]
    assert [title.text() for title in window.titles] == ["Large ring", "Small box"]
    assert [entry.row.title for entry in window.entries] == ["Large ring", "Small box"]
    for view, camera in zip(window.views, cameras[::-1], strict=True):
        assert view.camera.distance_m == pytest.approx(camera.distance_m)


def test_what_differs_stands_out(qtbot: QtBot, window: CompareWindow) -> None:
    def tones(side: int) -> dict[str, str]:
        grid = window._facts[side]
        labels = [grid.itemAt(place).widget() for place in range(grid.count())]
        return {one.text(): str(one.property("tone")) for one in labels if isinstance(one, QLabel)}

    small, large = tones(0), tones(1)
    assert small["12"] == "title"
    assert large[f"{len(torus().faces):,}"] == "title"
    assert small["1.2 kB"] == large["1.2 kB"] == "dim"
    assert "Fit" in small
    assert "Not fit" in large
    first, _ = window.entries
    window.refresh(replace(first, faces=99))
    assert tones(0)["99"] == "title"
    window.refresh(replace(first, row=replace(first.row, id="another"), faces=77))
    assert "77" not in tones(0)


def test_a_mesh_that_is_gone_is_said(qtbot: QtBot, window: CompareWindow) -> None:
    left, right = window.entries
    (left.row.folder / "result.glb").unlink()
    window.compare(left, right)
    qtbot.waitUntil(lambda: window.messages.message is not None)
    assert window.messages.message is not None
    assert window.messages.message.tone is Tone.ERROR
    qtbot.waitUntil(lambda: window.views[1].buffers is not None)
    assert window.views[0].buffers is None
    assert window.views[0].overlaid.hint == "This mesh cannot be shown."


def test_every_button_says_what_it_does(window: CompareWindow) -> None:
    buttons = [one for one in window.findChildren(QAbstractButton) if one.isVisible()]
    assert len(buttons) >= 14
    for button in buttons:
        assert button.accessibleName()
        assert button.toolTip()
