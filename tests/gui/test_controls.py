"""Segments, numbers and folds answer mouse and keyboard alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from img2model_desktop.gui.controls import ElidedLabel, Fold, NumberField, Segments
from img2model_desktop.gui.icons import Icons


def wheel(notches: int) -> QWheelEvent:
    return QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )


def test_segments_hold_one_choice(qtbot: QtBot) -> None:
    segments = Segments([("a", "A", "first"), ("b", "B", ""), ("c", "C", "")], "Letters")
    qtbot.addWidget(segments)
    with qtbot.waitActive(segments):
        segments.show()
        segments.activateWindow()
    chosen: list[str] = []
    segments.chosen.connect(chosen.append)
    qtbot.mouseClick(segments.button("b"), Qt.MouseButton.LeftButton)
    qtbot.keyClick(segments.button("b"), Qt.Key.Key_Right)
    segments.set_value("a")
    segments.set_value("nothing of the kind")
    assert chosen == ["b", "c"]
    assert segments.value == "a"
    assert segments.button("b").accessibleName() == "Letters: B"


def test_slider_and_field_of_a_number_agree(qtbot: QtBot) -> None:
    field = NumberField("Relief", 0.0, 2.0, 0.05, "x")
    qtbot.addWidget(field)
    values: list[float] = []
    field.changed.connect(values.append)
    field.slider.setValue(500)
    assert field.value == pytest.approx(1.0)
    field.field.selectAll()
    qtbot.keyClicks(field.field, "1.5")
    qtbot.keyClick(field.field, Qt.Key.Key_Return)
    assert field.slider.value() == 750
    field.set_value(9.0)
    assert field.value == 2.0
    assert values == pytest.approx([1.0, 1.5])


@given(st.integers(500, 1_000_000))
def test_a_wide_range_is_felt_in_factors(qapp: QApplication, count: int) -> None:
    field = NumberField("Triangles", 500, 1_000_000, 1000, whole=True)
    field.set_value(count)
    assert field.value == count
    expected = round(1000 * _log(count / 500) / _log(2000))
    assert field.slider.value() == expected
    field.slider.setValue(field.slider.value() + (1 if field.slider.value() < 1000 else -1))
    assert field.value == pytest.approx(count, rel=0.06)  # two digits are kept


def _log(value: float) -> float:
    import math

    return math.log(value)


def test_scrolling_a_form_changes_no_number(qtbot: QtBot) -> None:
    field = NumberField("Size", 1.0, 10_000.0, 1.0, "mm")
    qtbot.addWidget(field)
    field.set_value(100.0)
    for target in (field.slider, field.field):
        event = wheel(-3)
        QApplication.sendEvent(target, event)
        assert not event.isAccepted()
    assert field.value == 100.0


def test_fold_shows_and_hides(qtbot: QtBot, icons: Icons) -> None:
    content = QLabel("inside")
    fold = Fold("More options", content, icons)
    qtbot.addWidget(fold)
    fold.show()
    assert not content.isVisible()
    qtbot.mouseClick(fold.heading, Qt.MouseButton.LeftButton)
    assert content.isVisible()
    qtbot.keyClick(fold.heading, Qt.Key.Key_Space)
    assert not content.isVisible()


def test_elided_label_never_asks_for_room_and_tells_all_in_its_tool_tip(qtbot: QtBot) -> None:
    label = ElidedLabel("dim")
    qtbot.addWidget(label)
    label.show_text("a very long title " * 20)
    label.resize(80, 20)
    label.show()
    drawn = label.grab().toImage()
    label.show_text("a very long title " * 20 + "with another end")
    assert label.grab().toImage() == drawn
    assert label.toolTip().endswith("with another end")
    assert label.minimumSizeHint().width() <= 80 or label.sizePolicy().horizontalPolicy().name == "Ignored"
