"""The right panel, by mouse and keys: what a mesh is fit for, what mends it, what was done to it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from img2model_desktop.core.request import Request
from img2model_desktop.core.verdict.findings import Place, Purpose
from img2model_desktop.core.workshop.catalog import OPERATIONS
from img2model_desktop.gui.controls import Fold, NumberField
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import DARK
from img2model_desktop.gui.workshop_panel import CHECK, EXPORT, SHAPE, WorkshopPanel
from img2model_desktop.jobs.job_row import JobRow
from tests.gui.conftest import InlineCaller, open_box, result_of
from tests.shapes import box, textured

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def row(tmp_path: Path) -> JobRow:
    """A cube with a hole."""
    return result_of(open_box(), tmp_path / "broken")


@pytest.fixture
def panel(qtbot: QtBot, icons: Icons, caller: InlineCaller) -> WorkshopPanel:
    panel = WorkshopPanel(caller, icons, ".glb", "y", "print")
    qtbot.addWidget(panel)
    panel.workshop.mesh_changed.connect(lambda _path: panel.workshop.go_on())  # as the window does
    panel.resize(304, 760)
    panel.retint()
    panel.show()
    return panel


def judged(qtbot: QtBot, panel: WorkshopPanel, row: JobRow) -> None:
    panel.show_job(row)
    panel.workshop.go_on()
    qtbot.waitUntil(lambda: panel.workshop.verdict is not None)


def worked(qtbot: QtBot, panel: WorkshopPanel) -> None:
    qtbot.waitUntil(lambda: not panel.workshop.is_working and panel.workshop.verdict is not None)


def titles(panel: WorkshopPanel) -> list[str]:
    """Of the edits that are done."""
    return [edit.title for edit in panel.workshop.done]


def words(panel: WorkshopPanel) -> dict[str, str]:
    return {key: chip.word for key, chip in panel.verdict.chips.items()}


def visible_texts(widget: QWidget) -> list[str]:
    QApplication.processEvents()
    return [label.text() for label in widget.findChildren(QLabel) if label.isVisible()]


def test_without_a_mesh_it_says_what_to_do(qtbot: QtBot, panel: WorkshopPanel) -> None:
    assert set(words(panel).values()) == {"–"}
    assert panel.verdict.status.text == "No mesh to check yet"
    assert any(text.startswith("Drop a picture or a mesh") for text in visible_texts(panel.check))
    assert not panel.check.fix_button.isVisible()
    assert not panel.check.measures_fold.isVisible()
    with qtbot.waitSignal(panel.open_wished):
        qtbot.mouseClick(panel.check.open_button, LEFT)
    qtbot.mouseClick(panel.pages.button(SHAPE), LEFT)
    assert "There is no mesh to work on yet." in visible_texts(panel.shape)
    assert not any(button.isEnabled() for button in panel.shape.operations.buttons.values())
    qtbot.mouseClick(panel.pages.button(EXPORT), LEFT)
    assert panel.export.isVisible()
    assert not panel.export.save_button.isEnabled()


def test_chips_say_what_a_broken_mesh_is_fit_for(qtbot: QtBot, panel: WorkshopPanel, row: JobRow) -> None:
    panel.show_job(row)
    assert panel.verdict.status.text == "Not checked yet"
    qtbot.mouseClick(panel.verdict.status.button, LEFT)  # Check now
    assert panel.verdict.status.text == "Checking the mesh…"
    assert panel.verdict.status.button.text() == "Cancel"
    qtbot.waitUntil(lambda: panel.workshop.verdict is not None)
    verdict = panel.workshop.verdict
    assert verdict is not None
    shown = {"fit": "Fit", "fit after fixes": "To fix", "not fit": "Not fit"}
    assert words(panel) == {purpose.value: shown[verdict.level(purpose)] for purpose in Purpose}
    assert words(panel)["print"] == "To fix"
    assert panel.verdict.status.text == "Fit for printing after 1 fix"
    assert panel.verdict.chips["print"].accessibleName() == "Print: Fit for printing after 1 fix"
    image = panel.verdict.chips["print"].grab().toImage()
    seen = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
    assert DARK.warn in seen  # and the word says the same


def test_findings_are_those_of_the_chosen_purpose_worst_first(qtbot: QtBot, panel: WorkshopPanel, row: JobRow) -> None:
    judged(qtbot, panel, row)
    verdict = panel.workshop.verdict
    assert verdict is not None
    for purpose in (Purpose.GAME, Purpose.PRINT):
        qtbot.mouseClick(panel.verdict.chips[purpose.value], LEFT)
        assert panel.purpose == purpose.value
        listed = [shown.finding for shown in panel.check.findings.rows]
        assert listed == list(verdict.concerning(purpose))
    first = panel.check.findings.rows[0]
    assert first.finding.key == "holes"
    assert first.finding.title in visible_texts(first)
    assert first.finding.reason in visible_texts(first)
    assert first.button.isVisible()


def test_click_on_a_finding_shows_its_place_and_another_hides_it(
    qtbot: QtBot, panel: WorkshopPanel, row: JobRow
) -> None:
    judged(qtbot, panel, row)
    places: list[Place | None] = []
    panel.place_wished.connect(places.append)
    first = panel.check.findings.rows[0]
    qtbot.mouseClick(first, LEFT)
    assert places == [first.finding]
    assert len(first.finding.place.edges) == 3
    assert first.is_marked
    assert first.finding.advice in visible_texts(first)
    first.setFocus()
    qtbot.keyClick(first, Qt.Key.Key_Return)
    assert places == [first.finding, None]
    assert not first.is_marked
    qtbot.keyClick(first, Qt.Key.Key_Space)
    qtbot.mouseClick(panel.verdict.chips["game"], LEFT)
    assert places[-1] is None  # the finding that pointed there is not listed any more


def test_fix_button_mends_one_finding(qtbot: QtBot, panel: WorkshopPanel, row: JobRow) -> None:
    judged(qtbot, panel, row)
    first = panel.check.findings.rows[0]
    assert first.button.accessibleName() == f"Fix {first.finding.title}"
    qtbot.mouseClick(first.button, LEFT)
    assert not first.button.isEnabled()
    assert panel.verdict.status.text == "Close holes…"
    worked(qtbot, panel)
    assert words(panel)["print"] == "Fit"
    assert "holes" not in [shown.finding.key for shown in panel.check.findings.rows]


def test_make_printable_says_what_it_will_do_then_does_it(qtbot: QtBot, panel: WorkshopPanel, row: JobRow) -> None:
    judged(qtbot, panel, row)
    check = panel.check
    assert check.fix_button.text() == "Make printable…"
    qtbot.mouseClick(check.fix_button, LEFT)
    assert check.plan.isVisible()
    assert not check.fix_button.isVisible()
    assert check.plan.sentences() == tuple(panel.workshop.plan("print"))
    qtbot.keyClick(check.plan.do_button, Qt.Key.Key_Escape)
    assert not check.plan.isVisible()
    assert check.fix_button.isVisible()
    assert titles(panel) == []
    qtbot.keyClick(check.fix_button, Qt.Key.Key_Space)
    QApplication.processEvents()
    qtbot.keyClick(check.plan.do_button, Qt.Key.Key_Space)
    assert panel.verdict.status.text == "Make printable…"
    assert not check.plan.isVisible()
    worked(qtbot, panel)
    assert words(panel)["print"] == "Fit"
    assert titles(panel) == ["Make printable"]
    assert check.fix_button.text() == "Nothing to fix"
    assert not check.fix_button.isEnabled()
    assert check.fix_button.toolTip() == "Nothing was found"


def test_measures_are_those_of_the_verdict(qtbot: QtBot, panel: WorkshopPanel, tmp_path: Path) -> None:
    judged(qtbot, panel, result_of(box(0.05, 0.1, 0.02), tmp_path / "box"))
    shown = panel.check.measures.rows()
    assert shown["Triangles"] == "12"
    assert shown["Watertight"] == "Yes"
    assert shown["Size (mm)"] == "50.0 × 100.0 × 20.0"
    assert shown["Volume"] == "100.0 cm³"
    assert shown["Weight"] == "124.0 g"
    assert (shown["Made by"], shown["Made in"]) == ("Extrude", "1.2 s")


def test_size_is_one_in_check_and_export(qtbot: QtBot, panel: WorkshopPanel, row: JobRow) -> None:
    judged(qtbot, panel, row)
    qtbot.mouseClick(panel.check.conditions_fold.heading, LEFT)
    field = panel.check.conditions.size_mm.field
    assert panel.check.conditions.size_mm.value == pytest.approx(50.0)
    field.selectAll()
    qtbot.keyClicks(field, "80")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert panel.export.size_mm.value == 80.0
    assert panel.export.options().size_mm == 80.0
    qtbot.waitUntil(lambda: panel.check.measures.rows()["Size (mm)"] == "80.0 × 80.0 × 80.0")
    panel.check.conditions.field("bed_x").field.setValue(60.0)  # the printer is too small now
    qtbot.waitUntil(lambda: panel.check.measures.rows()["Fits the bed"] == "No")
    conditions = panel.workshop.verdict.conditions if panel.workshop.verdict else None
    assert conditions is not None
    assert (conditions.bed_mm, conditions.size_mm) == ((60.0, 220.0, 250.0), 80.0)


def test_checking_is_cancelled(qtbot: QtBot, panel: WorkshopPanel, row: JobRow) -> None:
    panel.show_job(row)
    panel.workshop.go_on()
    qtbot.mouseClick(panel.verdict.status.button, LEFT)
    qtbot.wait(50)
    assert panel.workshop.verdict is None
    assert panel.verdict.status.text == "Not checked yet"
    assert panel.verdict.status.button.text() == "Check now"


def test_progress_is_shown_while_something_is_under_way(
    qtbot: QtBot, panel: WorkshopPanel, row: JobRow, caller: InlineCaller
) -> None:
    panel.show_job(row)
    panel.workshop.go_on()
    before = panel.verdict.status.grab().toImage()
    caller.call_moved.emit(len(caller.asked), 0.5)
    after = panel.verdict.status.grab().toImage()
    y = after.height() - 1
    assert before.pixelColor(20, y) != after.pixelColor(20, y)
    assert before.pixelColor(after.width() - 5, y) == after.pixelColor(after.width() - 5, y)
    qtbot.waitUntil(lambda: panel.workshop.verdict is not None)


@pytest.mark.gl  # the focus of the keyboard
def test_every_operation_is_listed_and_opens_its_form(qtbot: QtBot, panel: WorkshopPanel, row: JobRow) -> None:
    judged(qtbot, panel, row)
    with qtbot.waitActive(panel):
        panel.activateWindow()
    panel.show_page(SHAPE)
    shape = panel.shape
    assert list(shape.operations.buttons) == [operation.key for operation in OPERATIONS]
    for operation in OPERATIONS:
        button = shape.operations.buttons[operation.key]
        assert (button.text(), button.toolTip()) == (operation.title, operation.summary)
        qtbot.mouseClick(button, LEFT)
        assert shape.form.isVisible()
        assert not shape.operations.isVisible()
        assert operation.summary in visible_texts(shape.form)
        assert shape.form.apply.hasFocus()
        QApplication.processEvents()
        assert shape.width() <= panel.width()
        qtbot.keyClick(shape.form.apply, Qt.Key.Key_Escape)
        assert shape.operations.isVisible()
        assert button.hasFocus()


def test_operation_is_applied_with_its_options_undone_and_compared(
    qtbot: QtBot, panel: WorkshopPanel, row: JobRow
) -> None:
    judged(qtbot, panel, row)
    panel.show_page(SHAPE)
    shape, edits = panel.shape, panel.shape.edits
    qtbot.mouseClick(shape.operations.buttons["turn"], LEFT)
    assert shape.form.form is not None
    angle = shape.form.form.control("degrees")
    assert isinstance(angle, NumberField)
    angle.field.selectAll()
    qtbot.keyClicks(angle.field, "45")
    qtbot.keyClick(angle.field, Qt.Key.Key_Return)
    qtbot.mouseClick(shape.form.apply, LEFT)
    assert not shape.form.apply.isEnabled()
    worked(qtbot, panel)
    assert [dict(edit.steps[0].options) for edit in panel.workshop.done] == [{"degrees": 45.0}]
    assert [edits.list.item(number).text() for number in range(edits.list.count())] == ["Original", "Turn"]
    assert edits.list.currentRow() == 1
    wishes: list[bool] = []
    panel.before_wished.connect(wishes.append)
    qtbot.mouseClick(edits.before, LEFT)
    assert wishes == [True]
    qtbot.mouseClick(edits.undo, LEFT)
    worked(qtbot, panel)
    assert wishes == [True, False]  # there is no before without an edit
    assert edits.list.item(1).text() == "Turn (taken back)"
    assert edits.list.currentRow() == 0
    assert not edits.undo.isEnabled()
    spot = edits.list.visualItemRect(edits.list.item(1)).center()
    qtbot.mouseClick(edits.list.viewport(), LEFT, pos=spot)
    worked(qtbot, panel)
    assert edits.list.currentRow() == 1
    qtbot.mouseClick(shape.form.back, LEFT)
    qtbot.mouseClick(shape.operations.buttons["turn"], LEFT)
    assert shape.form.form.given() == {"degrees": 45.0}  # as it was left


def test_lengths_in_another_size_are_explained(qtbot: QtBot, panel: WorkshopPanel, row: JobRow) -> None:
    judged(qtbot, panel, row)
    panel.show_page(SHAPE)
    qtbot.mouseClick(panel.shape.operations.buttons["hollow"], LEFT)
    note = "Lengths count on the mesh as it is, 50.0 mm; it is saved with 80.0 mm."
    assert note not in visible_texts(panel.shape.form)
    panel.workshop.set_size(80.0)
    assert note in visible_texts(panel.shape.form)
    panel.workshop.close()


def test_tab_goes_from_the_chips_down(qtbot: QtBot, panel: WorkshopPanel, row: JobRow) -> None:
    judged(qtbot, panel, row)
    with qtbot.waitActive(panel):
        panel.activateWindow()
    reached: list[Any] = []
    panel.verdict.chips["print"].setFocus()
    for _ in range(12):
        reached.append(QApplication.focusWidget())
        qtbot.keyClick(reached[-1], Qt.Key.Key_Tab)
    wanted = [
        panel.verdict.chips["print"],
        panel.pages.button(CHECK),
        panel.check.fix_button,
        panel.check.findings.rows[0],
        panel.check.findings.rows[0].button,
    ]
    places = [reached.index(widget) for widget in wanted]
    assert places == sorted(places)


def test_nothing_is_wider_than_the_panel(qtbot: QtBot, panel: WorkshopPanel, tmp_path: Path) -> None:
    request = Request(mesh=str(tmp_path / "large.stl"))
    judged(qtbot, panel, result_of(textured(box(9.87654, 8.76543, 7.65432)), tmp_path / "large", request=request))
    for height in (400, 760):
        panel.resize(panel.minimumWidth(), height)
        for name in (CHECK, SHAPE, EXPORT):
            panel.show_page(name)
            for fold in panel.findChildren(Fold):
                fold.heading.setChecked(True)
            QApplication.processEvents()
            page = next(page for page in (panel.check, panel.shape, panel.export) if page.isVisible())
            viewport = page.parentWidget()
            assert viewport is not None
            assert page.width() == viewport.width(), name  # a wider page would be cut off at the right


def test_file_is_read_again_in_another_unit(qtbot: QtBot, panel: WorkshopPanel, tmp_path: Path) -> None:
    silent = Request(mesh=str(tmp_path / "crate.stl"))
    judged(qtbot, panel, result_of(open_box(), tmp_path / "stl", request=silent))
    assert panel.check.read_fold.isVisible()
    qtbot.mouseClick(panel.check.read_fold.heading, LEFT)
    qtbot.mouseClick(panel.check.read_as.unit.button("in"), LEFT)
    qtbot.mouseClick(panel.check.read_as.up.button("z"), LEFT)
    with qtbot.waitSignal(panel.check.read_wished) as wish:
        qtbot.mouseClick(panel.check.read_as.button, LEFT)
    assert wish.args == [replace(silent, mesh_unit="in", mesh_up="z")]
    for speaks in (Request(mesh=str(tmp_path / "crate.glb")), Request(prompt="crate")):
        judged(qtbot, panel, result_of(open_box(), tmp_path / f"other-{speaks.prompt}", request=speaks))
        assert not panel.check.read_fold.isVisible()


def test_small_panel_scrolls_to_what_matters(qtbot: QtBot, panel: WorkshopPanel, row: JobRow) -> None:
    judged(qtbot, panel, row)
    panel.resize(304, 390)
    panel.show_page(SHAPE)
    QApplication.processEvents()
    panel.shape.operations.buttons["hollow"].click()
    viewport = panel.shape.parentWidget()
    assert viewport is not None

    def is_seen(part: QWidget) -> bool:
        return viewport.rect().contains(part.mapTo(viewport, part.rect().bottomLeft()))

    qtbot.waitUntil(lambda: is_seen(panel.shape.form.apply))
    panel.show_page(CHECK)
    viewport = panel.check.parentWidget()
    assert viewport is not None
    last = panel.check.findings.rows[-1]
    last.chosen.emit()
    qtbot.waitUntil(lambda: is_seen(last))
