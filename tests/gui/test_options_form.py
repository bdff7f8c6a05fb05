"""The form of every engine and operation shows what would be built, and hands on only what the user changed."""

from dataclasses import fields

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox
from pytestqt.qtbot import QtBot

from img2model_desktop.core.options import about
from img2model_desktop.core.request import OptionValue, Quality
from img2model_desktop.core.workshop.catalog import OPERATIONS
from img2model_desktop.core.workshop.operation import Operation
from img2model_desktop.core.workshop.step import Step
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, build_options
from img2model_desktop.gui.controls import NumberField, Segments
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.options_form import Control, OptionsForm


def shown(control: Control) -> OptionValue:
    if isinstance(control, NumberField):
        return control.value
    if isinstance(control, Segments):
        return control.value
    if isinstance(control, QCheckBox):
        return control.isChecked()
    return str(control.currentData()) if isinstance(control, QComboBox) else control.text()


@pytest.mark.parametrize("spec", catalog.ENGINES, ids=lambda spec: spec.key)
@pytest.mark.parametrize("quality", Quality)
def test_form_shows_what_the_quality_gives(qtbot: QtBot, icons: Icons, spec: EngineSpec, quality: Quality) -> None:
    form = OptionsForm(spec.options, icons)
    qtbot.addWidget(form)
    form.set_preset(spec.quality.get(quality, {}))
    built = build_options(spec, quality, {})
    for item in fields(spec.options):
        control = form.control(item.name)
        assert shown(control) == pytest.approx(getattr(built, item.name)), item.name
        assert control.toolTip() == about(item).help
    assert form.given() == {}


def test_only_what_was_changed_is_handed_on_and_can_be_taken_back(qtbot: QtBot, icons: Icons) -> None:
    spec = catalog.find("inflate", catalog.Role.SCULPTOR)
    form = OptionsForm(spec.options, icons, spec.quality.get(Quality.STANDARD))
    qtbot.addWidget(form)
    form.show()
    faces, back = form.control("faces"), form.control("back")
    assert isinstance(faces, NumberField)
    assert isinstance(back, Segments)
    faces.field.selectAll()
    qtbot.keyClicks(faces.field, "20000")
    qtbot.keyClick(faces.field, Qt.Key.Key_Return)
    qtbot.mouseClick(back.button("plain"), Qt.MouseButton.LeftButton)
    assert form.given() == {"faces": 20_000, "back": "plain"}
    assert type(form.given()["faces"]) is int
    form.set_preset(spec.quality[Quality.HIGH])
    assert shown(faces) == 20_000  # the user's word counts more than the quality
    assert form.reset_button("faces").isVisible()
    qtbot.mouseClick(form.reset_button("faces"), Qt.MouseButton.LeftButton)
    assert form.given() == {"back": "plain"}
    assert shown(faces) == build_options(spec, Quality.HIGH, {}).faces


def test_form_can_show_some_options_only(qtbot: QtBot, icons: Icons) -> None:
    spec = catalog.find("inflate", catalog.Role.SCULPTOR)
    form = OptionsForm(spec.options, icons, names={"faces"})
    qtbot.addWidget(form)
    form.set_given({"faces": 700, "relief": 0.5})
    assert form.given() == {"faces": 700}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.key)
def test_form_of_every_operation_shows_its_defaults(qtbot: QtBot, icons: Icons, operation: Operation) -> None:
    form = OptionsForm(operation.options, icons)
    qtbot.addWidget(form)
    built = operation.build(Step(operation.key))
    for item in fields(operation.options):
        assert shown(form.control(item.name)) == pytest.approx(getattr(built, item.name)), item.name
    assert form.is_empty == (not fields(operation.options))
    assert form.given() == {}
