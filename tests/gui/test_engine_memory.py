"""The list of engines says what memory each needs; a built-in one takes over only where the user allows it."""

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from img2model_desktop.core.request import Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role
from img2model_desktop.gui.engine_choice import EngineChoice
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.settings_form import SettingsForm


def test_each_engine_says_what_memory_it_needs(qtbot: QtBot) -> None:
    choice = EngineChoice("Engine", catalog.of_role(Role.SCULPTOR))
    qtbot.addWidget(choice)
    choice.set_missing({"depth": "It needs its weights."})

    def tip(key: str) -> str:
        return str(choice.itemData(choice.findData(key), Qt.ItemDataRole.ToolTipRole))

    assert tip("triposr").endswith(" Needs 2.8 GB, or 1.7 GB on a graphics card, of free memory.")
    assert tip("relief").endswith(" Needs 330 MB of free memory.")
    assert tip("depth") == "It needs its weights."


def test_a_built_in_engine_may_take_over_if_the_user_says_so(icons: Icons, qtbot: QtBot) -> None:
    form = SettingsForm(icons, 100.0)
    qtbot.addWidget(form)
    assert form.apply_to(Request()).falls_back is False
    with qtbot.waitSignal(form.changed):
        form.falls_back.click()
    assert form.apply_to(Request()).falls_back is True
    form.load(Request())
    assert not form.falls_back.isChecked()
    form.load(Request(falls_back=True))
    assert form.apply_to(Request()).falls_back is True
    assert form.falls_back.toolTip()
