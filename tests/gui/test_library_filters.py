"""The filters of the library find room in windows of any width."""

from itertools import pairwise

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.library.search import LibrarySearch


@pytest.fixture
def search(qtbot: QtBot, icons: Icons) -> LibrarySearch:
    made = LibrarySearch(icons)
    qtbot.addWidget(made)
    made.show_engines((("twin", 3),))
    made.resize(398, 90)
    with qtbot.waitExposed(made):
        made.show()
    return made


@pytest.mark.parametrize("width", [398, 498, 738, 938])  # of windows of 900 to 1440 pixels
def test_the_filters_are_one_line_at_any_width(qtbot: QtBot, search: LibrarySearch, width: int) -> None:
    """None is cut; what finds no room is in the menu, and comes out of it when it is switched on."""
    search.resize(width, 90)
    row = search.filters
    qtbot.waitUntil(lambda: row.width() == width - 24)
    menu = row.more.menu()
    assert menu is not None

    def check() -> None:
        line = [*row.boxes, row.more, row.clear_button]
        shown = [one for one in line if one.isVisible()]
        assert len({one.y() for one in shown}) == 1
        assert row.height() == shown[0].height()
        assert [one.x() for one in shown] == sorted(one.x() for one in shown)
        assert shown[-1].geometry().right() < row.width()
        assert all(one.geometry().right() < other.x() for one, other in pairwise(shown))
        for each in row.boxes:
            assert each.isHidden() or each.width() >= each.fontMetrics().horizontalAdvance(each.words) + 28
        menu.aboutToShow.emit()
        assert [action.text() for action in menu.actions()] == [each.name for each in row.hidden]
        assert row.more.isVisible() == bool(row.hidden)

    check()
    for each in row.boxes:  # as a change of the theme does it
        QApplication.sendEvent(each, QEvent(QEvent.Type.StyleChange))
        each.adjustSize()
    QApplication.processEvents()
    check()
    assert (width < 700) == bool(row.hidden)
    assert len(row.boxes) - len(row.hidden) >= 3
    if row.hidden:
        last = row.hidden[-1]
        own = menu.actions()[-1].menu()
        assert own.actions()[0].isChecked()
        own.actions()[1].trigger()
        assert last.is_on
        assert last.isVisible()
        assert search.is_narrowed
        check()
    row.clear_button.click()
    assert not any(each.is_on for each in row.boxes)
    check()


def test_filters_that_are_on_and_find_no_room_are_counted(search: LibrarySearch) -> None:
    row = search.filters
    for each in row.boxes:
        each.setCurrentIndex(each.count() - 1)
    assert row.hidden
    assert row.more.text() == f"More ({len(row.hidden)})"
    assert row.more.property("on")
    row.more.menu().aboutToShow.emit()
    each = row.hidden[0]
    assert row.more.menu().actions()[0].text() == f"{each.name}: {each.currentText()}"
    assert row.clear_button.geometry().right() < row.width()
