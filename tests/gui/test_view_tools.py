"""The tools' buttons, the calls behind them, and the view, together in the panel."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.view.bar import SHADINGS, TOOLS, ViewBar
from img2model_desktop.gui.view.panel import ViewPanel
from img2model_desktop.gui.view.section_bar import SectionBar
from tests.gui.conftest import InlineCaller
from tests.shapes import box, sphere

pytestmark = pytest.mark.gl

FACE = Place(faces=np.array([1], dtype=np.int32))


def saved(mesh: Mesh, path: Path) -> Path:
    write_mesh(mesh, path)
    return path


@pytest.fixture
def panel(qtbot: QtBot, caller: InlineCaller, icons: Icons) -> Iterator[ViewPanel]:
    made = ViewPanel(caller, icons)
    made.resize(720, 480)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.start_view()
    yield made
    made.hide()


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return saved(box(0.04, 0.06, 0.08), tmp_path / "box.glb")


def shown(qtbot: QtBot, panel: ViewPanel, path: Path) -> None:
    with qtbot.waitSignal(panel.mesh_shown, timeout=20_000):
        panel.show_result(path, "Box")
    settled(qtbot, panel)


def settled(qtbot: QtBot, panel: ViewPanel) -> None:
    view = panel.view
    assert view is not None
    qtbot.waitUntil(lambda: view.is_drawn and not view.is_flying, timeout=20_000)


def test_without_a_mesh_no_tool_can_be_used_and_each_says_why(panel: ViewPanel) -> None:
    for name, _, _, key in TOOLS:
        action = panel.bar.actions_by_name[name]
        assert not action.isEnabled()
        assert f"({key})" in action.toolTip()
        assert "no mesh" in action.toolTip()


def test_tools_can_be_used_when_they_make_sense(qtbot: QtBot, panel: ViewPanel, result: Path) -> None:
    actions = panel.bar.actions_by_name
    shown(qtbot, panel, result)
    assert all(actions[name].isEnabled() for name in ("ruler", "section", "reference"))
    assert "picture" in actions["seen"].toolTip()
    assert "changed" in actions["before"].toolTip()
    panel.set_seen_possible(True)
    panel.set_before(result)
    assert actions["seen"].isEnabled()
    assert actions["before"].isEnabled()
    panel.clear()
    assert not any(actions[name].isEnabled() for name, *_ in TOOLS)


def test_a_place_asked_for_while_the_mesh_is_read_is_shown_with_it(
    qtbot: QtBot, panel: ViewPanel, result: Path
) -> None:
    assert panel.view is not None
    with qtbot.waitSignal(panel.mesh_shown, timeout=20_000):
        panel.show_result(result, "Box")
        panel.show_place(FACE, legend="1 hole")
        assert panel.view.highlight is None
    settled(qtbot, panel)
    assert panel.view.highlight is not None
    assert panel.view.overlaid.legend[0][1] == "1 hole"
    panel.show_result(result, "Box")
    assert panel.view.highlight is None
    with qtbot.waitSignal(panel.mesh_shown, timeout=20_000):
        pass
    assert panel.view.highlight is None


def test_the_keys_switch_the_tools(qtbot: QtBot, panel: ViewPanel, result: Path) -> None:
    assert panel.view is not None
    shown(qtbot, panel, result)
    panel.addActions(list(panel.bar.actions_by_name.values()))  # as the window's menu does
    panel.view.setFocus()
    qtbot.keyClick(panel.view, Qt.Key.Key_M)
    assert panel.view.has_ruler
    assert panel.bar.actions_by_name["ruler"].isChecked()
    qtbot.keyClick(panel.view, Qt.Key.Key_X)
    assert panel.view.section is not None
    assert panel.bar.actions_by_name["section"].isChecked()
    qtbot.keyClick(panel.view, Qt.Key.Key_X)
    assert panel.view.section is None


def test_the_section_bar_moves_turns_and_ends_the_section(qtbot: QtBot, panel: ViewPanel, result: Path) -> None:
    assert panel.view is not None
    shown(qtbot, panel, result)
    bar = panel.findChild(SectionBar)
    assert bar is not None
    assert not bar.isVisible()
    panel.bar.actions_by_name["section"].trigger()
    assert bar.isVisible()
    assert panel.rect().contains(bar.geometry())
    bar.slider.setValue(250)
    plane = panel.view.section
    assert plane is not None
    assert plane.at_m == pytest.approx(-0.01 if panel.view.buffers.low[0] < -0.01 else 0.01, abs=1e-6)  # a quarter
    qtbot.mouseClick(bar.flip, Qt.MouseButton.LeftButton)
    assert panel.view.section.keeps_high is not plane.keeps_high
    assert panel.view.section.at_m == plane.at_m
    bar.axis_wished.emit(2)
    assert panel.view.section.axis == 2
    assert bar.axis.value == "z"
    qtbot.mouseClick(bar.close_button, Qt.MouseButton.LeftButton)
    assert panel.view.section is None
    assert not bar.isVisible()
    assert not panel.bar.actions_by_name["section"].isChecked()


def test_before_is_read_once_and_toggled(
    qtbot: QtBot, panel: ViewPanel, result: Path, tmp_path: Path, caller: InlineCaller
) -> None:
    assert panel.view is not None
    shown(qtbot, panel, result)
    panel.set_before(saved(sphere(0.03), tmp_path / "before.glb"))
    before = panel.bar.actions_by_name["before"]
    with qtbot.waitSignal(panel.view.before_toggled):
        before.trigger()
    assert panel.view.overlaid.chip == "Before"
    before.trigger()
    assert panel.view.overlaid.chip == "After"
    before.trigger()
    assert panel.view.is_before
    assert caller.asked.count("result_to_show") == 2
    panel.set_before(None)
    assert not panel.view.is_before
    assert not before.isChecked()
    assert not before.isEnabled()


def test_a_mesh_before_that_cannot_be_read_is_told(qtbot: QtBot, panel: ViewPanel, result: Path) -> None:
    shown(qtbot, panel, result)
    panel.set_before(result.with_name("gone.glb"))
    with qtbot.waitSignal(panel.trouble_met):
        panel.bar.actions_by_name["before"].trigger()
    assert not panel.bar.actions_by_name["before"].isChecked()


def test_what_the_picture_saw_is_worked_out_aside_and_shown(
    qtbot: QtBot, panel: ViewPanel, result: Path, caller: InlineCaller
) -> None:
    assert panel.view is not None
    shown(qtbot, panel, result)
    panel.set_seen_possible(True)
    panel.bar.actions_by_name["seen"].trigger()
    qtbot.waitUntil(lambda: bool(panel.view.overlaid.legend), timeout=10_000)
    share = round(100 * 0.04 * 0.06 / (2 * (0.04 * 0.06 + 0.06 * 0.08 + 0.08 * 0.04)))
    assert panel.view.overlaid.legend[0][1].endswith(f"Seen by the picture: {share} %")
    panel.bar.actions_by_name["seen"].trigger()
    assert panel.view.overlaid.legend == ()
    panel.bar.actions_by_name["seen"].trigger()
    assert panel.view.overlaid.legend
    assert caller.asked.count("seen_to_show") == 1
    panel.set_seen_possible(False)
    assert panel.view.overlaid.legend == ()


def test_things_of_known_size_are_made_once(qtbot: QtBot, panel: ViewPanel, result: Path, caller: InlineCaller) -> None:
    assert panel.view is not None
    shown(qtbot, panel, result)
    for _ in range(2):
        panel.bar.actions_by_name["reference"].trigger()
        qtbot.waitUntil(lambda: len(panel.view.things) == 2, timeout=10_000)
        panel.bar.actions_by_name["reference"].trigger()
        assert panel.view.things == ()
    assert caller.asked.count("things_to_show") == 1
    settled(qtbot, panel)


def test_a_narrow_bar_keeps_every_button_in_sight(qtbot: QtBot, icons: Icons) -> None:
    bar = ViewBar(icons)
    qtbot.addWidget(bar)
    bar.show()
    for width, is_wide in ((900, True), (420, False), (332, False), (602, True)):
        bar.resize(width, 39)
        qtbot.wait(10)
        names = [text for _, _, text, _ in SHADINGS]
        buttons = {button.accessibleName(): button for button in bar.findChildren(type(bar._menu_button))}
        assert all(buttons[name].isVisible() is is_wide for name in names)
        assert buttons["How the surface is shown"].isVisible() is not is_wide
        for button in buttons.values():
            if button.isVisible():
                right = button.mapTo(bar, QPoint(button.width(), 0)).x()
                assert right <= width
    assert [action for action in bar.menu_actions if action is not None] == list(bar.actions_by_name.values())
    chosen = bar.actions_by_name["sides"]
    chosen.setChecked(True)
    assert bar._menu_button.icon().cacheKey() == chosen.icon().cacheKey()
