"""From words to a mesh in the window."""

import shutil
import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from img2model_desktop.core.mesh_files import read_recipe
from img2model_desktop.core.picture_files import encode_png
from img2model_desktop.core.picture_recipe import recipe_in, with_recipe
from img2model_desktop.core.request import Request
from img2model_desktop.engines.styles import Style, Styles
from img2model_desktop.engines.weights.pipelines import Pipelines
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.input_panel import PICTURE, PROMPT, InputPanel
from img2model_desktop.gui.main_window import MainWindow
from img2model_desktop.gui.prompt.styles import StylesWindow
from img2model_desktop.gui.prompt.variants_sheet import SEED_ROLE, VariantsSheet
from img2model_desktop.jobs.job_row import JobRow, JobState
from tests.gui.conftest import InlineCaller, disc
from tests.gui.driving import JOB_MS


@pytest.fixture
def library(tiny_subject: Path, tmp_path: Path) -> Path:
    weights = tmp_path / "weights"
    Pipelines(weights).add(tiny_subject)
    return weights


@pytest.fixture
def panel(qtbot: QtBot, caller: InlineCaller, icons: Icons, library: Path) -> InputPanel:
    panel = InputPanel(caller, icons, (), 100.0)
    qtbot.addWidget(panel)
    panel.show()
    panel.set_weights({}, Pipelines(library).entries())
    return panel


def choose_prompt(panel: InputPanel, words: str = "a red fox") -> None:
    QTest.mouseClick(panel.source.button(PROMPT), Qt.MouseButton.LeftButton)
    panel.words.maker_choice.choose("prompt")
    panel.words.edit.setFocus()
    QTest.keyClicks(panel.words.edit, words)


def test_lettering_draws_live_and_prompt_waits_for_the_button(
    qtbot: QtBot, panel: InputPanel, caller: InlineCaller
) -> None:
    QTest.mouseClick(panel.source.button(PROMPT), Qt.MouseButton.LeftButton)
    assert not panel.words.make_button.isVisible()
    QTest.keyClicks(panel.words.edit, "Hi")
    qtbot.waitUntil(lambda: "made_preview" in caller.asked)
    qtbot.waitUntil(lambda: not panel.words.canvas.is_empty)
    asked = len(caller.asked)
    panel.words.maker_choice.choose("prompt")
    assert panel.words.make_button.isVisible()
    assert panel.words.own_style.isVisible()
    assert not panel.words.style_choice.isVisible()
    assert panel.words.canvas.is_empty
    QTest.keyClicks(panel.words.edit, " there")
    qtbot.wait(300)
    assert len(caller.asked) == asked


def test_make_pictures_asks_for_pictures_with_the_makers_options_alone(qtbot: QtBot, panel: InputPanel) -> None:
    choose_prompt(panel)
    panel.words.own_style.setCurrentIndex(panel.words.own_style.findData("toy"))
    panel.words.count.setValue(3)
    panel.form.seed.setValue(5)
    panel.form._forms["prompt"].set_given({"steps": 8, "negative": "blue"})
    panel.form.engine.choose("inflate")
    with qtbot.waitSignal(panel.generate_wished) as wished:
        QTest.mouseClick(panel.words.make_button, Qt.MouseButton.LeftButton)
    assert wished.args == [
        (
            Request(
                prompt="a red fox",
                style="toy",
                maker="prompt",
                seed=5,
                goal="pictures",
                variants=3,
                options=(("prompt.negative", "blue"), ("prompt.steps", 8)),
            ),
        )
    ]
    assert panel.request().engine == "inflate"
    assert panel.request().goal == "mesh"


def test_options_have_places_of_their_own(panel: InputPanel) -> None:
    choose_prompt(panel)
    shown = set(panel.form._forms["prompt"]._controls)
    assert {"negative", "steps", "guidance", "size_px", "memory", "cut_long"} == shown
    panel.words.maker_choice.choose("lettering")
    assert "prompt" not in panel.form._forms
    assert "lettering" in panel.form._forms


def test_without_a_pipeline_the_maker_is_there_with_its_reason(panel: InputPanel) -> None:
    panel.set_weights({}, ())
    choose_prompt(panel)
    reason = "Prompt needs a diffusers pipeline of your own, and there is none on this computer."
    assert panel.words.missing == reason
    assert not panel.words.make_button.isEnabled()
    assert panel.words.make_button.toolTip().startswith(reason)
    assert panel.reason().startswith(reason)
    assert not panel.restyle.edit.isEnabled()
    assert panel.restyle.edit.toolTip() == reason


def test_several_pipelines_can_be_chosen(panel: InputPanel, library: Path, tiny_subject: Path, tmp_path: Path) -> None:
    assert panel.words.pipeline_choice.count() == 2
    Pipelines(library).add(Path(shutil.copytree(tiny_subject, tmp_path / "other")))
    panel.set_weights({}, Pipelines(library).entries())
    choose_prompt(panel)
    assert panel.words.pipeline_choice.isVisible()
    panel.words.pipeline_choice.setCurrentIndex(panel.words.pipeline_choice.findData("tiny"))
    assert dict(panel.request().options)["prompt.pipeline"] == "tiny"
    assert dict(panel.pictures_request().options)["prompt.pipeline"] == "tiny"


def test_styles_of_the_users_own_are_listed(panel: InputPanel) -> None:
    Styles().put(Style("ice", "Ice", "{prompt} of ice"))
    panel.words.show_styles()
    choose_prompt(panel)
    panel.words.own_style.setCurrentIndex(panel.words.own_style.findText("Ice"))
    assert panel.request().style == "ice"
    assert panel.pictures_reason() == ""


def test_a_picture_is_redrawn_when_words_say_so(qtbot: QtBot, panel: InputPanel, photo: Path) -> None:
    panel.bring((photo,))
    qtbot.waitUntil(lambda: panel.pictures.canvas.has_cut)
    assert not panel.restyle.button.isEnabled()
    assert panel.restyle.button.toolTip() == "Say what it shall become."
    assert not panel.request().restyle
    QTest.keyClicks(panel.restyle.edit, "as clay")
    assert "strength" in panel.form._forms["prompt"]._controls
    request = panel.request()
    assert (request.restyle, request.prompt, request.maker, request.picture) == (True, "as clay", "prompt", str(photo))
    with qtbot.waitSignal(panel.generate_wished) as wished:
        QTest.mouseClick(panel.restyle.button, Qt.MouseButton.LeftButton)
    (made,) = wished.args[0]
    assert (made.goal, made.restyle, made.variants) == ("pictures", True, 4)
    panel.load(request, str(photo))
    assert panel.restyle.words == "as clay"
    assert panel.request() == request


def test_a_request_is_shown_again(panel: InputPanel) -> None:
    wanted = Request(
        prompt="a cup", style="toy", maker="prompt", engine="inflate", seed=9, options=(("prompt.steps", 12),)
    )
    panel.load(wanted, "")
    assert panel.mode == PROMPT
    assert panel.request() == wanted


def styles_window() -> StylesWindow:
    return next(widget for widget in QApplication.topLevelWidgets() if isinstance(widget, StylesWindow))


def test_styles_are_changed_added_reset_and_removed_in_a_window(qtbot: QtBot, panel: InputPanel) -> None:
    choose_prompt(panel)
    panel.words.own_style.setCurrentIndex(panel.words.own_style.findData("clay"))
    QTest.mouseClick(panel.words.styles_button, Qt.MouseButton.LeftButton)
    window = styles_window()
    assert window.title.text() == "Clay"
    assert not window.save_button.isEnabled()
    window.words.setPlainText("red clay")
    assert not window.save_button.isEnabled()
    assert "must hold {prompt} once" in window.problem.text()
    window.words.setPlainText("{prompt}, red clay")
    QTest.mouseClick(window.save_button, Qt.MouseButton.LeftButton)
    assert Styles().find("clay").template == "{prompt}, red clay"
    assert window.remove_button.text() == "Reset"
    QTest.mouseClick(window.remove_button, Qt.MouseButton.LeftButton)
    assert not Styles().is_changed("clay")
    QTest.mouseClick(window.new_button, Qt.MouseButton.LeftButton)
    assert panel.words.own_style.findText("Clay 2") > 0
    QTest.mouseClick(window.remove_button, Qt.MouseButton.LeftButton)
    assert panel.words.own_style.findText("Clay 2") == -1
    window.list.setCurrentRow(window.list.count() - 1)
    assert not window.remove_button.isEnabled()
    assert not window.words.isEnabled()
    window.close()


# The sheet


def made_row(folder: Path, count: int, state: JobState = JobState.DONE) -> JobRow:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        recipe = {"seed": 6 + number, "style": "toy", "whole_prompt": "a fox, toy", "licence": "MIT"}
        (folder / f"made-{number}.png").write_bytes(with_recipe(encode_png(disc(cut=False)), recipe))
    request = Request(prompt="a fox", style="toy", maker="prompt", seed=7, goal="pictures", variants=4)
    return JobRow(
        id=folder.name,
        state=state,
        request=request,
        title="a fox",
        created=time.time(),
        folder=folder,
        engine="prompt",
        result_path=folder / "made-1.png",
        seconds=1.0,
    )


@pytest.fixture
def sheet(qtbot: QtBot, caller: InlineCaller, icons: Icons) -> VariantsSheet:
    sheet = VariantsSheet(caller, icons)
    qtbot.addWidget(sheet)
    sheet.resize(700, 500)
    sheet.show()
    return sheet


def test_the_sheet_shows_each_picture_with_its_seed(qtbot: QtBot, sheet: VariantsSheet, tmp_path: Path) -> None:
    sheet.show_row(made_row(tmp_path / "job", 4))
    qtbot.waitUntil(lambda: sheet.grid.count() == 4)
    items = [sheet.grid.item(number) for number in range(4)]
    assert [item.text() for item in items] == ["Seed 7", "Seed 8", "Seed 9", "Seed 10"]
    assert items[0].toolTip() == "a fox, toy\nStyle: toy\nLicence of the pipeline: MIT"
    assert sheet.count.text() == "4 pictures"
    boxes = [sheet.grid.visualItemRect(item) for item in items]
    assert all(sheet.grid.viewport().rect().contains(box) for box in boxes)  # all of them without scrolling


def test_the_keyboard_moves_and_picks(qtbot: QtBot, sheet: VariantsSheet, tmp_path: Path) -> None:
    sheet.show_row(made_row(tmp_path / "job", 4))
    qtbot.waitUntil(lambda: sheet.grid.count() == 4)
    sheet.grid.setFocus()
    QTest.keyClick(sheet.grid, Qt.Key.Key_Right)
    with qtbot.waitSignal(sheet.picked) as picked:
        QTest.keyClick(sheet.grid, Qt.Key.Key_Return)
    assert picked.args == [tmp_path / "job" / "made-2.png"]


def test_more_like_this_takes_seeds_that_were_not_used(qtbot: QtBot, sheet: VariantsSheet, tmp_path: Path) -> None:
    row = made_row(tmp_path / "job", 4)
    sheet.show_row(row)
    with qtbot.waitSignal(sheet.more_wished) as wished:
        QTest.mouseClick(sheet.more_button, Qt.MouseButton.LeftButton)
    assert wished.args[0].seed == 11
    assert wished.args[0].to_dict() == {**row.request.to_dict(), "seed": 11}


def test_pictures_come_one_by_one_and_the_choice_stays(qtbot: QtBot, sheet: VariantsSheet, tmp_path: Path) -> None:
    running = made_row(tmp_path / "job", 2, JobState.RUNNING)
    sheet.show_row(running)
    qtbot.waitUntil(lambda: sheet.grid.count() == 2)
    assert sheet.count.text() == "2 of 4"
    assert not sheet.more_button.isEnabled()
    sheet.grid.setCurrentRow(1)
    sheet.show_row(made_row(tmp_path / "job", 3, JobState.RUNNING))
    qtbot.waitUntil(lambda: sheet.grid.count() == 3)
    assert sheet.current == tmp_path / "job" / "made-2.png"


def test_a_saved_picture_knows_how_it_was_made(qtbot: QtBot, sheet: VariantsSheet, tmp_path: Path) -> None:
    sheet.show_row(made_row(tmp_path / "job", 1))
    qtbot.waitUntil(lambda: sheet.current is not None)
    with qtbot.waitSignal(sheet.told):
        sheet.save(tmp_path / "out.png")
    assert recipe_in((tmp_path / "out.png").read_bytes())["seed"] == 7


def test_pictures_that_are_gone_are_left_out(qtbot: QtBot, sheet: VariantsSheet, tmp_path: Path) -> None:
    row = made_row(tmp_path / "job", 2)
    (tmp_path / "job" / "made-1.png").write_bytes(b"damaged")
    sheet.show_row(row)
    qtbot.waitUntil(lambda: sheet.grid.count() == 1)
    assert sheet.grid.item(0).data(SEED_ROLE) == 8


# The whole, in the window; with a real pipeline it is in test_whole_run.py


def ended_after(qtbot: QtBot, window: MainWindow, before: str) -> JobRow:
    """The job that came after another one, once it has ended."""
    history = window.history
    qtbot.waitUntil(
        lambda: history.current is not None and history.current.id != before and history.current.state.has_ended,
        timeout=JOB_MS,
    )
    row = history.current
    assert row is not None
    assert row.state is JobState.DONE, row
    return row


def test_from_words_to_pictures_to_a_mesh(qtbot: QtBot, window: MainWindow) -> None:
    panel, sheet = window.input, window.variants
    QTest.mouseClick(panel.source.button(PROMPT), Qt.MouseButton.LeftButton)
    panel.generate_wished.emit((Request(prompt="Hi", maker="lettering", goal="pictures", variants=2),))
    row = ended_after(qtbot, window, "")
    assert (row.facts, row.result_path) == (None, row.folder / "made-1.png")
    qtbot.waitUntil(lambda: sheet.grid.count() == 2, timeout=JOB_MS)
    assert sheet.isVisible()
    first, second = ((row.folder / f"made-{number}.png").read_bytes() for number in (1, 2))
    assert (recipe_in(first)["seed"], recipe_in(second)["seed"]) == (0, 1)
    # what is picked becomes the picture, cut out
    sheet.grid.setFocus()
    QTest.keyClick(sheet.grid, Qt.Key.Key_Right)
    QTest.keyClick(sheet.grid, Qt.Key.Key_Return)
    assert panel.mode == PICTURE
    qtbot.waitUntil(lambda: panel.pictures.canvas.has_cut or panel.pictures.trouble is not None, timeout=JOB_MS)
    assert panel.pictures.trouble is None
    # and a mesh, which knows where its picture came from
    panel.form.engine.choose("inflate")
    panel.form.quality.set_value("draft")
    QTest.mouseClick(panel.generate_button, Qt.MouseButton.LeftButton)
    done = ended_after(qtbot, window, row.id)
    assert done.facts is not None
    assert done.facts.watertight
    assert done.result_path is not None
    assert not sheet.isVisible()
    made = read_recipe(done.result_path)["picture_recipe"]
    assert (made["maker"], made["prompt"], made["seed"]) == ("lettering", "Hi", 1)
    window.history.select(row.id)
    qtbot.waitUntil(lambda: sheet.isVisible() and sheet.grid.count() == 2, timeout=JOB_MS)
