"""The input panel says what the user did, no more and no less, and why it cannot go on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt
from pytestqt.qtbot import QtBot

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.request import Quality, Request, Stroke
from img2model_desktop.engines import catalog
from img2model_desktop.gui.controls import NumberField
from img2model_desktop.gui.cutout_canvas import Tool
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.input_panel import PICTURE, PROMPT, InputPanel
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.jobs.plan import resolve
from tests.gui.conftest import InlineCaller
from tests.gui.test_cutout_canvas import paint

SCULPTORS = [spec.key for spec in catalog.of_role(catalog.Role.SCULPTOR)]


@pytest.fixture
def panel(qtbot: QtBot, icons: Icons, caller: InlineCaller, photo: Path) -> Iterator[InputPanel]:
    panel = InputPanel(caller, icons, (photo,), 100.0)
    qtbot.addWidget(panel)
    panel.resize(352, 900)
    panel.show()
    yield panel
    panel.hide()


def bring(qtbot: QtBot, panel: InputPanel, *paths: Path) -> None:
    panel.bring(paths)
    qtbot.waitUntil(lambda: panel.pictures.canvas.has_cut or panel.pictures.trouble is not None)


def told(panel: InputPanel) -> str:
    """The line below the button."""
    return panel._reason.text() if panel._reason.isVisible() else ""


def test_nothing_is_there_at_first_and_the_reason_stands_beside_the_button(panel: InputPanel) -> None:
    assert not panel.generate_button.isEnabled()
    assert told(panel) == "There is no picture and no prompt. Drop a picture, or type a few words."
    assert panel.request() == Request()


def test_picture_is_shown_cut_out_and_can_be_generated(qtbot: QtBot, panel: InputPanel, photo: Path) -> None:
    bring(qtbot, panel, photo)
    assert panel.generate_button.isEnabled()
    assert told(panel) == ""
    with qtbot.waitSignal(panel.generate_wished) as wish:
        qtbot.mouseClick(panel.generate_button, Qt.MouseButton.LeftButton)
    assert wish.args == [(Request(picture=str(photo)),)]


def test_sample_is_taken_with_one_click(qtbot: QtBot, panel: InputPanel, photo: Path) -> None:
    strip = panel.pictures._strip
    assert strip.paths() == (str(photo),)
    centre = strip.visualItemRect(strip.item(0)).center()
    qtbot.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=centre)
    assert panel.request().picture == str(photo)
    qtbot.waitUntil(lambda: panel.pictures.canvas.has_cut)


def test_picture_that_cannot_be_read_switches_generate_off(qtbot: QtBot, panel: InputPanel, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nand then nothing")
    bring(qtbot, panel, path)
    assert not panel.generate_button.isEnabled()
    assert "broken.png" in told(panel)
    path.unlink()
    panel._update()
    assert told(panel).startswith("There is no file “broken.png”.")


def test_trouble_of_the_machine_is_told_but_does_not_stop_the_user(
    qtbot: QtBot, panel: InputPanel, caller: InlineCaller, photo: Path
) -> None:
    caller.next_trouble = Trouble("engine", "The helper process ended.", "Try again.")
    bring(qtbot, panel, photo)
    assert told(panel) == "The helper process ended. Try again."
    assert panel.generate_button.isEnabled()


def test_what_is_odd_about_the_subject_is_told(qtbot: QtBot, panel: InputPanel, tmp_path: Path) -> None:
    pixels = disc_at_the_edge()
    write_png(pixels, tmp_path / "edge.png")
    bring(qtbot, panel, tmp_path / "edge.png")
    assert panel.pictures._findings.isVisible()
    assert "touches" in panel.pictures._findings.text() or "cut off" in panel.pictures._findings.text()
    assert panel.generate_button.isEnabled()


def test_relief_shows_the_whole_picture_and_inflate_the_cut_out(
    qtbot: QtBot, panel: InputPanel, caller: InlineCaller, photo: Path
) -> None:
    bring(qtbot, panel, photo)
    engines = panel.form.engine
    for key, background in (("relief", "keep"), ("inflate", "remove")):
        caller.asked.clear()
        engines.setCurrentIndex(engines.findData(key))
        qtbot.waitUntil(lambda: caller.asked == ["cut_preview"])
        assert panel.pictures._cutter()[1].background == background
    engines.setCurrentIndex(engines.findData("lathe"))  # cuts out as Inflate does: nothing to do again
    qtbot.wait(50)
    assert caller.asked == ["cut_preview"]


def disc_at_the_edge() -> Picture:
    import numpy as np

    rows, columns = np.mgrid[0:200, 0:200]
    inside = np.hypot(rows - 100, columns - 0) < 80
    pixels = np.zeros((200, 200, 4), np.uint8)
    pixels[inside] = (200, 40, 30, 255)
    return Picture(pixels)


def test_brush_changes_the_cut_out_and_the_request(qtbot: QtBot, panel: InputPanel, photo: Path) -> None:
    bring(qtbot, panel, photo)
    canvas = panel.pictures.canvas
    before = canvas.grab().toImage()
    panel.pictures.toggle_tool(Tool.REMOVE)
    canvas.set_radius(0.2)
    paint(qtbot, canvas, (0.5, 0.3), (0.5, 0.5))
    qtbot.waitUntil(lambda: not panel.pictures._cutting.is_busy)
    panel.pictures.toggle_tool(Tool.REMOVE)
    assert canvas.tool is Tool.LOOK
    after = canvas.grab().toImage()
    spot = canvas.picture_rect().center().toPoint() * after.devicePixelRatio()
    assert before.pixelColor(spot).red() > 150
    assert after.pixelColor(spot).red() < 80  # the checkerboard shows
    (stroke,) = panel.request().strokes
    assert not stroke.adds


def test_strokes_stay_with_their_picture(qtbot: QtBot, panel: InputPanel, photo: Path, cut_out: Path) -> None:
    bring(qtbot, panel, photo, cut_out)
    assert panel.queue_all_button.text() == "All 2"
    panel.pictures.toggle_tool(Tool.ADD)
    paint(qtbot, panel.pictures.canvas, (0.5, 0.5))
    strokes = panel.request().strokes
    panel.pictures.use(str(cut_out))
    assert panel.request() == Request(picture=str(cut_out))
    assert panel.requests() == (Request(picture=str(photo), strokes=strokes), Request(picture=str(cut_out)))
    with qtbot.waitSignal(panel.generate_wished) as wish:
        qtbot.mouseClick(panel.queue_all_button, Qt.MouseButton.LeftButton)
    assert wish.args == [panel.requests()]
    panel.pictures.use(str(photo))
    qtbot.waitUntil(lambda: not panel.pictures.canvas.is_empty)
    assert panel.request().strokes == strokes
    qtbot.waitUntil(lambda: panel.pictures.canvas.has_cut)


def test_prompt_is_drawn_and_generated(qtbot: QtBot, panel: InputPanel) -> None:
    qtbot.mouseClick(panel.source.button(PROMPT), Qt.MouseButton.LeftButton)
    qtbot.keyClicks(panel.words.edit, "Hello")
    qtbot.mouseClick(panel.words.style_choice.button("badge"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not panel.words.canvas.is_empty)
    assert panel.request() == Request(prompt="Hello", style="badge")
    assert panel.generate_button.isEnabled()
    panel.words.edit.clear()
    qtbot.waitUntil(lambda: panel.words.canvas.is_empty)
    assert not panel.generate_button.isEnabled()


def test_seed_and_options_of_the_maker_show_in_the_preview(qtbot: QtBot, panel: InputPanel) -> None:
    panel.load(Request(prompt="Hi", options=(("lettering.colour", "leaf"),)), "")
    qtbot.waitUntil(lambda: not panel.words.canvas.is_empty)
    leaf = panel.words.canvas.grab().toImage()
    assert panel.form.seed.isVisible()
    panel.load(Request(prompt="Hi", seed=3, options=(("lettering.colour", "rose"),)), "")
    qtbot.waitUntil(lambda: panel.words.canvas.grab().toImage() != leaf)
    assert panel.request().seed == 3
    qtbot.mouseClick(panel.source.button(PICTURE), Qt.MouseButton.LeftButton)
    assert not panel.form.seed.isVisible()
    assert panel.request().seed == 0


def test_prompt_that_cannot_be_drawn_says_what_to_do(qtbot: QtBot, panel: InputPanel) -> None:
    panel.load(Request(prompt="a photo of a red teapot"), "")
    qtbot.waitUntil(lambda: panel.words.trouble is not None)
    assert not panel.generate_button.isEnabled()
    assert "Without weights, drop a picture of it" in told(panel)
    assert panel.words.canvas.is_empty


@pytest.mark.parametrize("engine", ["auto", *SCULPTORS])
def test_every_option_reaches_the_request_and_the_plan(
    qtbot: QtBot, panel: InputPanel, photo: Path, engine: str
) -> None:
    bring(qtbot, panel, photo)
    panel.form.engine.setCurrentIndex(panel.form.engine.findData(engine))
    qtbot.mouseClick(panel.form.quality.button("high"), Qt.MouseButton.LeftButton)
    panel.form.size_mm.field.selectAll()
    qtbot.keyClicks(panel.form.size_mm.field, "42.5")
    qtbot.keyClick(panel.form.size_mm.field, Qt.Key.Key_Return)
    faces = panel.form._forms[engine].control("faces")
    assert isinstance(faces, NumberField)
    faces.field.selectAll()
    qtbot.keyClicks(faces.field, "3000")
    qtbot.keyClick(faces.field, Qt.Key.Key_Return)
    request = panel.request()
    assert (request.engine, request.quality, request.size_mm) == (engine, Quality.HIGH, 42.5)
    plan = resolve(request)
    assert {step.options.faces for step in plan.sculptors} == {3000}
    assert {step.options.texture_px for step in plan.sculptors} == {2048}


def test_options_that_fit_the_new_engine_are_kept(qtbot: QtBot, panel: InputPanel, photo: Path) -> None:
    bring(qtbot, panel, photo)
    panel.load(replace(Request(), engine="inflate", options=(("inflate.faces", 900), ("inflate.relief", 0.5))), "")
    panel.form.engine.setCurrentIndex(panel.form.engine.findData("lathe"))
    assert panel.form.apply_to(Request()).options == (("lathe.faces", 900),)


@pytest.mark.parametrize("mode", [PICTURE, PROMPT])
def test_request_is_loaded_back_whole(qtbot: QtBot, panel: InputPanel, photo: Path, mode: str) -> None:
    source = (
        Request(picture=str(photo), strokes=(Stroke(True, 0.1, ((0.5, 0.5), (0.6, 0.5))),))
        if mode == PICTURE
        else Request(prompt="Two words", style="rounded")
    )
    request = replace(
        source,
        engine="inflate",
        quality=Quality.DRAFT,
        size_mm=12.0,
        options=(("cutout.softness", 0.5), ("inflate.back", "plain"), ("inflate.thickness", 1.5)),
    )
    panel.load(request, str(photo) if mode == PICTURE else "")
    canvas = panel.pictures.canvas if mode == PICTURE else panel.words.canvas
    qtbot.waitUntil(lambda: not canvas.is_empty)
    if mode == PICTURE:
        qtbot.waitUntil(lambda: canvas.has_cut)
    assert panel.request() == request


@pytest.fixture
def with_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sculptor and a cutter with published weights are in the catalogue."""
    sculptor = replace(catalog.find("inflate", catalog.Role.SCULPTOR), key="grand", title="Grand", weights="triposr")
    cutter = replace(catalog.find("cutout", catalog.Role.CUTTER), key="fine", title="Fine", weights="birefnet")
    monkeypatch.setattr(catalog, "ENGINES", (*catalog.ENGINES, sculptor, cutter))


GRAND = "Grand needs the weights of TripoSR, which are not on this machine (1.7 GB)."
FINE = "Fine needs the weights of BiRefNet, which are not on this machine (444 MB)."


@pytest.mark.usefixtures("with_published")
def test_engines_without_their_weights_cannot_be_chosen(qtbot: QtBot, icons: Icons, caller: InlineCaller) -> None:
    panel = InputPanel(caller, icons, (), 100.0)
    qtbot.addWidget(panel)
    panel.show()
    form = panel.form
    assert form.cutter.isVisible()
    assert form.weights_button.text() == "Engines and weights…"
    form.set_missing({"grand": GRAND, "fine": FINE})
    assert form.weights_button.text() == "Import weights…"
    for choice, key in ((form.engine, "grand"), (form.cutter, "fine")):
        at = choice.findData(key)
        assert not choice.model().flags(choice.model().index(at, 0)) & Qt.ItemFlag.ItemIsEnabled
        assert choice.itemText(at).endswith(" (needs weights)")
        assert choice.itemData(at, Qt.ItemDataRole.ToolTipRole) in (GRAND, FINE)
    last = form.engine.count() - 1
    assert form.engine.itemData(last) == "grand"
    form.engine.setCurrentIndex(last - 1)
    chosen = form.engine.key
    qtbot.keyClick(form.engine, Qt.Key.Key_Down)
    assert form.engine.key == chosen
    assert set(form.weights_button.toolTip().splitlines()) == {GRAND, FINE}
    with qtbot.waitSignal(form.weights_wished) as wish:
        qtbot.mouseClick(form.weights_button, Qt.MouseButton.LeftButton)
    assert wish.args == [""]
    form.set_missing({})
    assert form.weights_button.text() == "Engines and weights…"
    qtbot.keyClick(form.engine, Qt.Key.Key_Down)
    assert (form.engine.key, form.engine.currentText()) == ("grand", "Grand")


@pytest.mark.usefixtures("with_published")
def test_a_job_whose_weights_are_gone_says_so(
    qtbot: QtBot, icons: Icons, caller: InlineCaller, photo: Path, tmp_path: Path
) -> None:
    panel = InputPanel(caller, icons, (), 100.0, weights=str(tmp_path / "weights"))
    qtbot.addWidget(panel)
    panel.show()
    panel.form.set_missing({"grand": GRAND, "fine": FINE})
    panel.load(Request(picture=str(photo), engine="grand", cutter="fine"), str(photo))
    assert panel.request().cutter == "fine"
    assert told(panel) == f"{GRAND} Import them, or choose another engine."
    assert not panel.generate_button.isEnabled()
    with qtbot.waitSignal(panel.form.weights_wished) as wish:
        qtbot.mouseClick(panel.form.weights_button, Qt.MouseButton.LeftButton)
    assert wish.args == ["grand"]
    panel.form.engine.choose("inflate")
    assert told(panel).startswith(FINE)
    qtbot.waitUntil(lambda: panel.pictures.trouble is not None)
    trouble = panel.pictures.trouble
    assert trouble is not None
    assert trouble.message.startswith("BiRefNet needs its weights")
    panel.form.cutter.choose("cutout")
    qtbot.waitUntil(lambda: panel.pictures.canvas.has_cut)
    assert panel.generate_button.isEnabled()
    assert panel.request() == Request(picture=str(photo), engine="inflate")


def test_everything_can_be_reached_with_the_keyboard_and_has_a_name(panel: InputPanel) -> None:
    from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QSlider, QWidget

    def is_named(widget: QWidget) -> bool:
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        return bool(text or widget.accessibleName())

    def is_reached(widget: QWidget) -> bool:
        # in a group that has had the focus, Tab leads to the chosen button alone, and arrows from there
        group = widget.group() if isinstance(widget, QAbstractButton) else None
        chosen = group.checkedButton() if group is not None and group.exclusive() else widget
        return bool(chosen.focusPolicy() & Qt.FocusPolicy.TabFocus)

    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QSlider)
    found = [widget for kind in kinds for widget in panel.findChildren(kind) if widget.isVisible()]
    assert len(found) > 15
    for widget in found:
        assert is_named(widget), (type(widget), _path(widget))
        assert is_reached(widget), _path(widget)


def _path(thing: QObject | None) -> str:
    return f"{_path(thing.parent())}/{type(thing).__name__}" if thing else ""
