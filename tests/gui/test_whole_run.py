"""The whole goes through the window once, with real networks at tiny size; and it can be stopped at each stage."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QDialogButtonBox, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from img2model_desktop.aside import Helper
from img2model_desktop.core.events import Decided, JobEvent, Preview, Progressed, Stage, StageBegan, Stopped, Warned
from img2model_desktop.core.mesh_files import read_mesh, read_recipe
from img2model_desktop.core.picture_files import read_picture
from img2model_desktop.core.picture_recipe import recipe_in
from img2model_desktop.engines.weights import sets
from img2model_desktop.engines.weights.library import Library
from img2model_desktop.engines.weights.pipelines import Pipelines
from img2model_desktop.gui import runner as runner_module
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.input_panel import PICTURE, PROMPT
from img2model_desktop.gui.main_window import MainWindow
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.theme import Theme
from img2model_desktop.gui.window_state import Places, WindowState
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.pipeline import CUT_OUT, MADE, SHAPE
from img2model_desktop.jobs.plan import RESULT
from img2model_desktop.jobs.store import Store
from tests.gui import driving, weights_driving
from tests.gui.tiny_sets import FILE, MODULE, take_up, write

SLOW_MS = 150_000  # importing diffusers in a fresh process takes 5 s at rest, and a minute on a busy machine
TURN_MS = 20
MOST_TURNS = 150  # of the event loop, from the wish to stop to the end
STAGES = (Stage.PICTURE, Stage.CUT_OUT, Stage.SCULPT, Stage.CLEAN, Stage.SAVE)
RECORDS = {"job.json", "ended.json"}  # of the store, about the job itself
LEFT = {MADE, CUT_OUT, SHAPE, RESULT}
"""All that a job writes before it has ended."""


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Clones of the published repositories at tiny size, which this process and its helpers take for the real ones."""
    folder = tmp_path_factory.mktemp("published")
    made = write(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FILE, str(folder / "table"))
        patch.setenv("OMP_NUM_THREADS", "1")  # networks of this size are slower with more
        patch.setattr(runner_module, "Helper", lambda modules: Helper((*modules, MODULE)))
        take_up(patch.setattr)
        yield made


@pytest.fixture
def whole_window(
    qtbot: QtBot, clones: dict[str, Path], theme: Theme, icons: Icons, places: Places, tmp_path: Path
) -> Iterator[MainWindow]:
    """With a runner of its own: stopping can cost a helper process."""
    runner = JobRunner(Store(tmp_path / "history.sqlite3", tmp_path / "jobs"), weights=places.weights)
    runner.warm_up()
    window = MainWindow(runner, theme, icons, WindowState(export_dir=str(tmp_path)), places)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    yield window
    runner.cancel_all()
    wait_for(qtbot, lambda: not runner.is_busy and not runner._calls)
    window.close()
    window.deleteLater()
    runner.close()


def wait_for(qtbot: QtBot, asked: object) -> None:
    qtbot.waitUntil(asked, timeout=SLOW_MS)


def choose(box: QComboBox, data: str) -> None:
    """Chooses an entry by keys, as a user without a mouse does; what cannot be chosen is passed over."""
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Home)
    for _ in range(box.count()):
        if box.currentData() != data:
            QTest.keyClick(box, Qt.Key.Key_Down)
    assert box.currentData() == data


def say(window: MainWindow, words: str) -> None:
    """Words for the engine "prompt", in no style."""
    panel = window.input
    QTest.mouseClick(panel.source.button(PROMPT), Qt.MouseButton.LeftButton)
    choose(panel.words.maker_choice, "prompt")
    panel.words.own_style.setCurrentIndex(panel.words.own_style.findData("none"))
    panel.words.edit.setFocus()
    QTest.keyClicks(panel.words.edit, words)


def draft(window: MainWindow, engine: str) -> None:
    """An engine and the fine cutter, as quick as they go."""
    form = window.input.form
    choose(form.engine, engine)
    choose(form.cutter, "birefnet-lite")
    QTest.mouseClick(form.quality.button("draft"), Qt.MouseButton.LeftButton)


def ended(qtbot: QtBot, window: MainWindow, but: str = "") -> JobRow:
    """The job that came after another one, once it is done."""
    history = window.history
    wait_for(qtbot, lambda: history.current and history.current.id != but and history.current.state.has_ended)
    row: JobRow = history.current
    assert row.state is JobState.DONE, row
    return row


# -- from folders and words to a file ----------------------------------------------------------------------------------


def bring_weights(qtbot: QtBot, window: MainWindow, pipeline: Path, clones: dict[str, Path]) -> None:
    """Drops the pipeline on the main window, and the clones on the window of weights that opens for it."""
    assert driving.drop(window, driving.mime_of(pipeline))
    weights = window.show_weights()
    wait_for(qtbot, lambda: weights.intake.is_asking)
    QTest.mouseClick(weights.intake.question.buttons["link"], Qt.MouseButton.LeftButton)
    wait_for(qtbot, lambda: bool(window.shelf.pipelines()) and not window.shelf.is_busy)
    for key, clone in clones.items():
        assert key in {row.key for row in window.shelf.rows() if not row.is_here}
        assert weights_driving.drop(weights, driving.mime_of(clone))
        wait_for(qtbot, lambda: weights.intake.is_asking)
        assert weights_driving.asked(qtbot, weights).startswith(f"This is {sets.find(key).title}. ")
        QTest.keyClick(weights.intake.question.buttons["copy"], Qt.Key.Key_Space)
        wait_for(qtbot, lambda key=key: weights.rows[key].row.is_whole and not window.shelf.is_busy)
    weights.close()


def make_and_pick(qtbot: QtBot, window: MainWindow) -> JobRow:
    """Two pictures of the words; the second one is picked and cut out."""
    panel, sheet = window.input, window.variants
    say(window, "a red fox")
    panel.words.count.setFocus()
    panel.words.count.selectAll()
    QTest.keyClicks(panel.words.count, "2")
    QTest.mouseClick(panel.words.make_button, Qt.MouseButton.LeftButton)
    row = ended(qtbot, window)
    wait_for(qtbot, lambda: sheet.isVisible() and sheet.grid.count() == 2)
    seeds = [recipe_in((row.folder / f"made-{number}.png").read_bytes())["seed"] for number in (1, 2)]
    assert seeds == [0, 1]
    sheet.grid.setFocus()
    QTest.keyClick(sheet.grid, Qt.Key.Key_Right)
    QTest.keyClick(sheet.grid, Qt.Key.Key_Return)
    assert panel.mode == PICTURE
    draft(window, "triposr")
    pictures = panel.pictures
    wait_for(qtbot, lambda: (pictures.canvas.has_cut and not pictures._cutting.is_busy) or pictures.trouble is not None)
    assert pictures.trouble is None
    return row


def sculpt(qtbot: QtBot, window: MainWindow, but: str) -> JobRow:
    """What is chosen, from the button to a judged mesh on screen."""
    with qtbot.waitSignal(window.middle.mesh_shown, timeout=SLOW_MS):
        QTest.mouseClick(window.input.generate_button, Qt.MouseButton.LeftButton)
    row = ended(qtbot, window, but)
    wait_for(qtbot, lambda: window.export.can_save and not window.middle._loading.is_busy)
    wait_for(qtbot, lambda: window.workshop.verdict is not None and not window.workshop.is_working)
    facts = row.facts
    assert facts is not None
    assert max(facts.size_m) == pytest.approx(0.1, rel=1e-3)
    view = window.middle.view
    assert view is not None
    assert view.buffers is not None
    assert view.buffers.high - view.buffers.low == pytest.approx(facts.size_m, rel=1e-4)
    return row


def save(qtbot: QtBot, window: MainWindow, out: Path) -> None:
    """The dialog by keys, the name, and its button."""
    QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    dialog = window.dialogs.current
    assert dialog is not None
    name = dialog.findChild(QLineEdit, "fileNameEdit")
    assert name is not None
    name.setFocus()
    name.selectAll()
    QTest.keyClicks(name, str(out))
    buttons = dialog.findChild(QDialogButtonBox)
    assert buttons is not None
    with qtbot.waitSignal(window.export.saved, timeout=SLOW_MS):
        while window.dialogs.current is not None:  # a list of names that opens meanwhile takes the first click
            QTest.mouseClick(buttons.button(QDialogButtonBox.StandardButton.Save), Qt.MouseButton.LeftButton)
            qtbot.wait(TURN_MS)


@pytest.mark.gl
@pytest.mark.timeout(600)
def test_from_dropped_weights_and_words_to_a_saved_mesh(
    qtbot: QtBot, whole_window: MainWindow, tiny_subject: Path, clones: dict[str, Path], tmp_path: Path
) -> None:
    window = whole_window
    window.start_view()
    view = window.middle.view
    assert view is not None
    bring_weights(qtbot, window, tiny_subject, clones)
    pictures = make_and_pick(qtbot, window)
    window.activateWindow()
    empty = view.screenshot(transparent=True).pixels
    assert not empty[..., 3].any()
    body = sculpt(qtbot, window, pictures.id)
    shown = view.screenshot(transparent=True).pixels
    assert 0.02 < float(np.mean(shown[..., 3] == 255)) < 0.95
    out = tmp_path / "fox.glb"
    save(qtbot, window, out)
    saved = trimesh.load(out, force="mesh")
    assert body.facts is not None
    assert len(saved.faces) == body.facts.faces
    assert max(saved.extents) == pytest.approx(0.1, rel=1e-4)
    recipe = read_recipe(out)
    assert (recipe["engine"], recipe["request"]["cutter"]) == ("triposr", "birefnet-lite")
    assert recipe["weights_licences"] == {"birefnet-lite": "MIT", "triposr": "MIT"}
    published = {key: sets.find(key).files[0].sha256 for key in ("birefnet-lite", "triposr")}
    assert recipe["weights_sha256"] == published
    made = recipe["picture_recipe"]
    assert (made["maker"], made["prompt"], made["seed"]) == ("prompt", "a red fox", 1)
    # the same picture by the other network
    draft(window, "depth")
    relief = sculpt(qtbot, window, body.id)
    recipe = read_recipe(Path(str(relief.result_path)))
    assert (recipe["engine"], recipe["weights_licences"]["depth"]) == ("depth", "Apache-2.0")
    other = view.screenshot(transparent=True).pixels
    assert float(np.mean(np.any(other != shown, axis=-1))) > 0.02


# -- stopped at each stage ---------------------------------------------------------------------------------------------


class Gate:
    """Holds the job's thread at a stage until the user has wished to stop, so that the wish comes in its middle.

    A stage that an engine works on is held once the engine has begun to report; the others as they begin.
    """

    def __init__(self, runner: JobRunner) -> None:
        self._stage: Stage | None = None
        self._go_on = threading.Event()
        self.is_held = threading.Event()
        runner._event_sent.connect(self._on_sent, Qt.ConnectionType.DirectConnection)

    def hold_at(self, stage: Stage) -> None:
        self._go_on.clear()
        self.is_held.clear()
        self._stage = stage

    def open(self) -> None:
        self._stage = None
        self._go_on.set()

    def _on_sent(self, event: JobEvent) -> None:
        """In the job's thread."""
        if self._stage is not None and getattr(event, "stage", None) is self._stage and self._is_middle(event):
            self.is_held.set()
            self._go_on.wait(SLOW_MS / 1000)

    @staticmethod
    def _is_middle(event: JobEvent) -> bool:
        if event.stage in (Stage.CLEAN, Stage.SAVE):  # type: ignore[union-attr]  # asked before
            return isinstance(event, StageBegan)
        return isinstance(event, Progressed) and event.fraction > 0.02


def stop(qtbot: QtBot, window: MainWindow, gate: Gate, stage: Stage) -> list[JobEvent]:
    """Wishes a job stopped in the middle of a stage; what it sent from then on."""
    later: list[JobEvent] = []
    wait_for(qtbot, gate.is_held.is_set)
    QApplication.processEvents()
    window._runner.event_received.connect(later.append)
    button = next(one for one in window.middle.work.findChildren(QPushButton) if one.text() == "Stop")
    wait_for(qtbot, button.isVisible)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    gate.open()
    turns = 0
    while not (later and isinstance(later[-1], Stopped)) and turns < MOST_TURNS:
        qtbot.wait(TURN_MS)
        turns += 1
    window._runner.event_received.disconnect(later.append)
    assert turns < MOST_TURNS, f"{stage}: {later}"
    return later


def check_folder(folder: Path, stage: Stage) -> None:
    """What finished stages have left is there and whole, and nothing else."""
    done = {MADE, CUT_OUT, SHAPE} if stage in (Stage.CLEAN, Stage.SAVE) else set()
    done = {Stage.CUT_OUT: {MADE}, Stage.SCULPT: {MADE, CUT_OUT}}.get(stage, done)
    assert {path.name for path in folder.iterdir()} == done | RECORDS
    for name in RECORDS:
        assert json.loads((folder / name).read_text(encoding="utf-8"))
    for name in done:
        if name == SHAPE:
            with np.load(folder / name, allow_pickle=False) as file:
                assert all(file[key] is not None for key in file.files)
        else:
            assert read_picture(folder / name).width > 0


@pytest.mark.timeout(600)
def test_a_job_can_be_stopped_at_each_stage_and_goes_on(
    qtbot: QtBot, whole_window: MainWindow, tiny_subject: Path, clones: dict[str, Path], places: Places
) -> None:
    library = Library(places.weights)
    for clone in clones.values():
        library.take(library.find(clone), "link")
    Pipelines(places.weights).add(tiny_subject)
    window, runner = whole_window, whole_window._runner
    window.shelf.look()
    wait_for(qtbot, lambda: bool(window.shelf.rows()) and not window.shelf.missing_engines().get("triposr"))
    say(window, "a red fox")
    draft(window, "triposr")
    gate = Gate(runner)
    gate.hold_at(STAGES[0])
    window.input.words.edit.setFocus()
    QTest.mouseClick(window.input.generate_button, Qt.MouseButton.LeftButton)
    for stage, following in zip(STAGES, (*STAGES[1:], None), strict=True):
        later = stop(qtbot, window, gate, stage)
        row = window.history.current
        assert row is not None
        assert row.state is JobState.STOPPED
        assert not any(isinstance(event, StageBegan | Preview | Decided | Warned) for event in later), later
        check_folder(row.folder, stage)
        assert not runner.is_busy
        if following is not None:
            gate.hold_at(following)
        window.history.strip.setFocus()
        QTest.keyClick(window.history.strip, Qt.Key.Key_T)  # tries again, from the last finished stage
    wait_for(qtbot, lambda: window.history.current.state.has_ended)
    row = window.history.current
    assert row is not None
    assert row.state is JobState.DONE, row
    mesh = read_mesh(row.folder / RESULT)
    assert row.facts is not None
    assert len(mesh.faces) == row.facts.faces
    assert LEFT & {path.name for path in row.folder.iterdir()} == {MADE, CUT_OUT, RESULT}
    assert read_recipe(row.folder / RESULT)["engine"] == "triposr"
