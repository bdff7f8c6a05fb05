"""From the main window to the library and back."""

import time

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from img2model_desktop.core.events import Facts, Finished, Started
from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.request import Request
from img2model_desktop.gui.library.window import LibraryWindow
from img2model_desktop.gui.main_window import MainWindow
from img2model_desktop.gui.runner import JobRunner
from tests.shapes import box

WAIT_MS = 60_000


def test_a_key_opens_the_library_and_enter_leads_back(qtbot: QtBot, window: MainWindow, runner: JobRunner) -> None:
    row = runner.store.add(Request(prompt="Golden lamp"))
    write_mesh(box(0.05, 0.05, 0.05), row.folder / "result.glb", {})
    runner.store.apply(Started(row.id, time.time()))
    facts = Facts(8, 12, 1, True, (0.05, 0.05, 0.05))
    last = Finished(row.id, time.time(), str(row.folder / "result.glb"), "extrude", facts, 1.0)
    runner.store.apply(last)
    runner.job_changed.emit(row.id)
    window.library.keeper.shelf.note(runner.job(row.id))
    window.library.start(window.beside)
    QTest.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    library = window.beside.get("library")
    assert isinstance(library, LibraryWindow)
    assert library.isVisible()
    library._keeper.judge_too(False)  # a verdict would start a helper process that outlives this test
    QTest.keyClicks(library.search.field, "gold")
    QTest.keyClick(library.search.field, Qt.Key.Key_Return)
    assert [entry.row.title for entry in library.grid.chosen] == ["Golden lamp"]
    QTest.keyClick(library.grid, Qt.Key.Key_Return)
    assert window._shown_id == row.id
    assert window.history.current is not None
    assert window.history.current.id == row.id
    library.close()
    qtbot.waitUntil(lambda: not runner._calls, timeout=WAIT_MS)
