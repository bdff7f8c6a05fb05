"""The weights window: downloads, pipelines, conversions, and what is stopped in the middle."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from img2model_desktop.engines import catalog
from img2model_desktop.engines.weights import delivery, sets
from img2model_desktop.engines.weights.library import Library, Standing
from img2model_desktop.engines.weights.pipelines import PLACE
from img2model_desktop.engines.weights.recognise import manifest
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.weights import calls as weights_calls
from img2model_desktop.gui.weights.consent import ConsentPage
from img2model_desktop.gui.weights.shelf import WeightsShelf
from img2model_desktop.gui.weights.window import WeightsWindow
from img2model_desktop.jobs.store import Store
from tests.gui.driving import mime_of
from tests.gui.weights_driving import (
    WAIT_MS,
    asked,
    clone,
    drop,
    jobs,
    library,
    opened,
    shown,
    take,
    tiny,
    told,
    window,
)
from tests.loopback import Host, host, slow, status
from tests.published import REVISION, TINY, facts_of, published_tiny, random_tensors, write, write_sparse

__all__ = ["clone", "host", "jobs", "library", "tiny", "window"]  # fixtures


@pytest.fixture
def runner(qapp: QApplication, tmp_path: Path) -> Iterator[JobRunner]:
    """One for a single test: its helper for long work starts with the first of it."""
    made = JobRunner(Store(tmp_path / "history.sqlite3", tmp_path / "jobs"))
    yield made
    made.close()


def test_copying_is_cancelled_and_leaves_nothing(qtbot: QtBot, runner: JobRunner, icons: Icons, tmp_path: Path) -> None:
    write_sparse(tmp_path / "clone" / "model.safetensors", manifest("birefnet"))
    host = QWidget()
    qtbot.addWidget(host)
    shelf = WeightsShelf(runner, tmp_path / "library", tuple, host)
    window = opened(qtbot, WeightsWindow(shelf, icons, host))
    window.bring((tmp_path / "clone",))
    assert asked(qtbot, window).startswith("This is BiRefNet.")
    with qtbot.waitSignal(shelf.moved, timeout=WAIT_MS):
        qtbot.mouseClick(window.intake.question.buttons["copy"], Qt.MouseButton.LeftButton)
    work = window.intake.work
    assert work.words.text() == "Copying BiRefNet…"
    assert work.percent.text().endswith(" %")
    assert not window.rows["birefnet"].import_button.isEnabled()
    assert not drop(window, mime_of(tmp_path / "clone"))
    window.bring((tmp_path / "clone",))
    assert window.messages.message is not None
    assert window.messages.message.text == "One thing at a time."
    assert work.stop_button.hasFocus()
    qtbot.keyClick(work.stop_button, Qt.Key.Key_Space)
    assert told(qtbot, window) == "Cancelled. Everything is as it was."
    qtbot.waitUntil(lambda: not runner._calls, timeout=WAIT_MS)
    assert window.rows["birefnet"].import_button.isEnabled()
    assert Library(tmp_path / "library").state("birefnet").standing is Standing.MISSING
    window.close()


def serve(host: Host, clone: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Has the host serve the tiny set in the place of the usual one; the path of its weights there."""
    start = f"/someone/Tiny/resolve/{REVISION}"
    host.files = {
        f"{start}/model.safetensors": (clone / "model.safetensors").read_bytes(),
        f"{start}/config.json": b"{}",
    }
    monkeypatch.setattr(delivery, "HOST", host.url)
    return f"{start}/model.safetensors"


def asked_terms(qtbot: QtBot, window: WeightsWindow, button: QPushButton) -> ConsentPage:
    """The terms of a download, once they are shown."""
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    page = window.intake.terms
    qtbot.waitUntil(page.isVisible, timeout=WAIT_MS)
    return page


def test_a_download_asks_first_and_says_everything(
    qtbot: QtBot, window: WeightsWindow, clone: Path, host: Host, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(host, clone, monkeypatch)
    row = window.rows[TINY]
    page = asked_terms(qtbot, window, row.download_button)
    name = host.url.removeprefix("http://")
    assert page.title.text() == f"Download Tiny (22 kB) from {name}?"
    assert "Licence of the weights: MIT. The licence excludes no country." in page.summary.text()
    assert page.licence.toPlainText() == f"MIT: see {host.url}/someone/Tiny."
    assert page.room.text().endswith("are free on this disk.")
    assert page.leave_button.hasFocus()  # Enter agrees to nothing by accident
    assert not page.list.isVisible()
    qtbot.mouseClick(page.fold.heading, Qt.MouseButton.LeftButton)
    assert page.list.isVisible()
    qtbot.mouseClick(page.copy_button, Qt.MouseButton.LeftButton)
    size = (clone / "model.safetensors").stat().st_size
    listed = f"someone/Tiny/model.safetensors  ({size:,} bytes)\nsomeone/Tiny/config.json  (2 bytes)"
    assert QApplication.clipboard().text() == listed
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not page.isVisible()
    assert host.asked == []
    page = asked_terms(qtbot, window, row.download_button)
    qtbot.mouseClick(page.agree_button, Qt.MouseButton.LeftButton)
    assert told(qtbot, window).startswith("Tiny: here and verified: the published file (")
    qtbot.waitUntil(lambda: row.row.is_whole, timeout=WAIT_MS)
    assert len(host.asked) == 2
    assert library.state(TINY).how == "download"
    assert shown(row) == ["Verify", "Export for another machine…", "Remove…"]


def test_a_folder_instead_of_a_download(
    qtbot: QtBot, window: WeightsWindow, clone: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(host, clone, monkeypatch)
    page = asked_terms(qtbot, window, window.rows[TINY].download_button)
    qtbot.mouseClick(page.folder_button, Qt.MouseButton.LeftButton)
    dialog = window.dialogs.current
    assert isinstance(dialog, QFileDialog)
    dialog.fileSelected.emit(str(clone))
    dialog.close()
    assert asked(qtbot, window).startswith("This is Tiny.")
    assert host.asked == []


def test_what_the_host_refuses_is_one_sentence(
    qtbot: QtBot, window: WeightsWindow, clone: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.acts[serve(host, clone, monkeypatch)] = [status(403)]
    page = asked_terms(qtbot, window, window.rows[TINY].download_button)
    qtbot.mouseClick(page.agree_button, Qt.MouseButton.LeftButton)
    assert f"Open {host.url}/someone/Tiny in a browser" in told(qtbot, window)
    assert window.intake.folder_button.isVisible()


def test_without_room_nobody_can_agree(
    qtbot: QtBot, window: WeightsWindow, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(clone)
    monkeypatch.setattr(weights_calls.shutil, "disk_usage", lambda path: usage._replace(free=10))
    page = asked_terms(qtbot, window, window.rows[TINY].download_button)
    assert page.room.text() == "There is not enough space: 32 MB are needed, and 10 bytes are free."
    assert not page.agree_button.isEnabled()
    qtbot.mouseClick(page.leave_button, Qt.MouseButton.LeftButton)
    assert not page.isVisible()


def test_only_what_is_damaged_is_downloaded_again(
    qtbot: QtBot, window: WeightsWindow, clone: Path, host: Host, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = serve(host, clone, monkeypatch)
    (clone / "config.json").write_text("{}")
    row = take(qtbot, window, clone, "copy")
    (library.folder(TINY) / "model.safetensors").write_bytes(b"cut off")
    window._shelf.look()
    qtbot.waitUntil(lambda: row.row.tone == "bad", timeout=WAIT_MS)
    assert shown(row)[0] == "Repair…"
    window.messages.clear()
    page = asked_terms(qtbot, window, row.download_button)
    qtbot.mouseClick(page.agree_button, Qt.MouseButton.LeftButton)
    assert told(qtbot, window).startswith("Tiny: here and verified")
    assert [path for path, _ in host.asked] == [weights]


def test_a_download_is_paused_and_goes_on_after_a_restart(
    qtbot: QtBot, runner: JobRunner, icons: Icons, host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a published set, since the helper process knows no other; its content is as long as it must be."""
    entry = sets.find("depth-small")
    size = entry.bytes
    path = f"/{entry.source}/resolve/{entry.revision}/model.safetensors"
    host.files[path] = bytes(size)
    host.acts[path] = [slow(500_000, 0.05)]
    monkeypatch.setattr(delivery, "HOST", host.url)
    parent = QWidget()
    qtbot.addWidget(parent)
    library = tmp_path / "library"
    window = opened(qtbot, WeightsWindow(WeightsShelf(runner, library, tuple, parent), icons, parent))
    page = asked_terms(qtbot, window, window.rows["depth-small"].download_button)
    qtbot.mouseClick(page.agree_button, Qt.MouseButton.LeftButton)
    work = window.intake.work
    assert work.words.text() == "Downloading Depth Anything V2 Small…"
    assert work.pause_button.isVisible()
    qtbot.waitUntil(lambda: "MB/s, " in work.percent.text(), timeout=WAIT_MS)
    assert " of 99 MB, " in work.percent.text()
    qtbot.mouseClick(work.pause_button, Qt.MouseButton.LeftButton)
    assert told(qtbot, window).startswith("The download is paused.")
    qtbot.waitUntil(lambda: not runner._calls, timeout=WAIT_MS)
    window.close()
    other = WeightsShelf(runner, library, tuple, parent)
    window = opened(qtbot, WeightsWindow(other, icons, parent))
    row = window.rows["depth-small"]
    qtbot.waitUntil(lambda: row.row.is_waiting and row.go_on_button.isVisible(), timeout=WAIT_MS)
    assert row.state.text().startswith("Its download is paused: ")
    assert shown(row) == ["Go on", "Import…", "Discard"]
    have = next(library.rglob("*.part")).stat().st_size
    assert 0 < have < size
    qtbot.mouseClick(row.go_on_button, Qt.MouseButton.LeftButton)  # agreed to already
    qtbot.waitUntil(lambda: host.ranges()[-1] == f"bytes={have}-", timeout=WAIT_MS)
    qtbot.mouseClick(window.intake.work.stop_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not row.row.is_waiting, timeout=WAIT_MS)
    assert "what had come was deleted" in told(qtbot, window)
    assert list(library.iterdir()) == []
    window.close()
    other._timer.stop()


def test_a_folder_for_pictures_from_words_is_linked_verified_and_taken_off(
    qtbot: QtBot, window: WeightsWindow, tiny_sd: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_sd, tmp_path / "mine")
    before = sorted(folder.rglob("*"))
    assert drop(window, mime_of(folder))
    assert asked(qtbot, window).startswith("This is Stable Diffusion (mine): it makes pictures from words.")
    page = window.intake.question
    assert [way for way, button in page.buttons.items() if button.isVisible()] == ["link"]
    assert page.preferred.hasFocus()
    qtbot.keyClick(page.preferred, Qt.Key.Key_Space)
    assert told(qtbot, window).startswith("Stable Diffusion (mine) is linked")
    qtbot.waitUntil(lambda: list(window.pipelines.cards) == ["mine"], timeout=WAIT_MS)
    window.messages.clear()
    qtbot.mouseClick(window.pipelines.cards["mine"].verify_button, Qt.MouseButton.LeftButton)
    assert told(qtbot, window) == "Stable Diffusion (mine): every file is as it was."
    qtbot.waitUntil(lambda: not window._shelf._looking.is_busy, timeout=WAIT_MS)
    (folder / "model_index.json").unlink()
    window._shelf.look()
    qtbot.waitUntil(lambda: bool(window.pipelines.cards["mine"].pipeline.problem), timeout=WAIT_MS)
    window.messages.clear()
    qtbot.mouseClick(window.pipelines.cards["mine"].remove_button, Qt.MouseButton.LeftButton)
    assert told(qtbot, window) == "The pipeline was removed from the list. Its folder stays as it is."
    qtbot.waitUntil(lambda: not window.pipelines.cards, timeout=WAIT_MS)
    assert sorted(folder.rglob("*")) == [path for path in before if path.name != "model_index.json"]


def test_an_engine_that_needs_a_pipeline_leads_to_their_section(window: WeightsWindow) -> None:
    engine = next(spec.key for spec in catalog.ENGINES if spec.weights == PLACE)
    window.show_engine(engine)
    assert window.focusWidget() is window.pipelines.add_button


def test_a_pipeline_can_be_left(qtbot: QtBot, window: WeightsWindow, tiny_sd: Path, library: Library) -> None:
    window.bring((tiny_sd,))
    asked(qtbot, window)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window.intake.is_asking
    assert not library.place.exists()


def test_a_pytorch_file_is_converted_on_wish_and_what_was_made_dropped(
    qtbot: QtBot, window: WeightsWindow, clone: Path, library: Library, tmp_path: Path
) -> None:
    row = take(qtbot, window, write(tmp_path / "model.ckpt", random_tensors(facts_of(published_tiny()))), "copy")
    assert shown(row) == ["Verify", "Export for another machine…", "Convert", "Remove…"]
    (make,) = row.convert_button.menu().actions()
    assert make.text().startswith("Make &safetensors of it (2")
    window.messages.clear()
    make.trigger()
    assert told(qtbot, window) == "Tiny is read from “model.safetensors” from now on. It may be deleted."
    made = library.place / TINY / "converted" / "model.safetensors"
    assert made.is_file()
    qtbot.waitUntil(lambda: [what for what, _ in row.row.conversions] == ["drop"], timeout=WAIT_MS)
    window.messages.clear()
    row.convert_button.menu().actions()[0].trigger()
    assert told(qtbot, window).startswith("What was made of Tiny was deleted")
    assert not made.exists()
    qtbot.waitUntil(lambda: [what for what, _ in row.row.conversions] == ["whole"], timeout=WAIT_MS)
