"""The list of engines says what memory each needs."""

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role
from img2model_desktop.gui.engine_choice import EngineChoice


def test_each_engine_says_what_memory_it_needs(qtbot: QtBot) -> None:
    choice = EngineChoice("Engine", catalog.of_role(Role.SCULPTOR))
    qtbot.addWidget(choice)
    choice.set_missing({"depth": "It needs its weights."})

    def tip(key: str) -> str:
        return str(choice.itemData(choice.findData(key), Qt.ItemDataRole.ToolTipRole))

    assert tip("triposr").endswith(" Needs 2.8 GB, or 1.7 GB on a graphics card, of free memory.")
    assert tip("relief").endswith(" Needs 330 MB of free memory.")
    assert tip("depth") == "It needs its weights."
