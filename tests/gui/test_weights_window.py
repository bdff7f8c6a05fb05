"""The window of engines and weights: what is brought is recognised, asked about, taken in, and looked after."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from img2model_desktop.core.request import Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.weights import sets
from img2model_desktop.engines.weights.library import Library, Origin, Standing
from img2model_desktop.engines.weights.recognise import manifest
from img2model_desktop.engines.weights.sets import WeightSet
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.messages import Tone
from img2model_desktop.gui.theme import LIGHT, Theme, ThemeChoice
from img2model_desktop.gui.weights.calls import Brought, Seen
from img2model_desktop.gui.weights.row import FOLDER
from img2model_desktop.gui.weights.shelf import WeightsShelf
from img2model_desktop.gui.weights.window import WeightsWindow
from img2model_desktop.gui.weights.words import licence_words, offer_of, seconds_here, use_words
from img2model_desktop.jobs.job_row import JobRow, JobState
from tests.gui.conftest import InlineCaller
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
from tests.published import TINY, facts_of, published_tiny, random_tensors, write, write_sparse

__all__ = ["clone", "jobs", "library", "tiny", "window"]  # fixtures


def test_every_set_has_a_row_that_says_what_it_is_and_that_it_is_missing(window: WeightsWindow) -> None:
    assert list(window.rows) == [entry.key for entry in sets.SETS]
    row = window.rows["depth-small"]
    assert row.state.text() == "Not on this machine; needs 99 MB"
    assert row.licence.text() == "Apache-2.0: free for commercial use"
    assert shown(row) == ["Download…", "Import…"]
    assert "depth-anything/Depth-Anything-V2-Small-hf: model.safetensors" in row._source.text()
    assert "bring these files of depth-anything/Depth-Anything-V2-Small-hf" in row._source.toolTip()
    assert row.accessibleName() == "Depth Anything V2 Small: Not on this machine; needs 99 MB. " + row.licence.text()


def test_a_dropped_folder_is_recognised_and_copied_by_the_keyboard(
    qtbot: QtBot, window: WeightsWindow, clone: Path, library: Library
) -> None:
    before = (clone / "model.safetensors").read_bytes()
    (clone / "config.json").write_text("{}")
    assert drop(window, mime_of(clone))
    assert asked(qtbot, window).startswith("This is Tiny. 2")
    assert "2 files of “clone”. MIT: free for commercial use." in asked(qtbot, window)
    copy = window.intake.question.buttons["copy"]
    assert copy.hasFocus()
    assert "that are free" in copy.toolTip()
    assert copy.accessibleName() == "Copy Tiny"
    qtbot.keyClick(copy, Qt.Key.Key_Space)
    assert told(qtbot, window).startswith("Tiny: here and verified: the published file (")
    row = window.rows[TINY]
    qtbot.waitUntil(lambda: row.row.is_whole, timeout=WAIT_MS)
    assert row.row.tone == "good"
    assert shown(row) == ["Verify", "Export for another machine…", "Remove…"]
    assert library.state(TINY).origin is Origin.PUBLISHED
    assert (library.folder(TINY) / "model.safetensors").read_bytes() == before
    assert (clone / "model.safetensors").read_bytes() == before
    assert not window.intake.is_asking
    assert window.intake.folder_button.isVisible()


def test_files_are_linked_or_moved_as_the_user_says(
    qtbot: QtBot, window: WeightsWindow, clone: Path, library: Library
) -> None:
    row = take(qtbot, window, clone, "link")
    assert row.state.text().endswith("linked)")
    assert (library.folder(TINY) / "model.safetensors").is_symlink()
    window.bring((clone,))
    assert "It takes the place of the one that is here." in asked(qtbot, window)
    qtbot.mouseClick(window.intake.question.buttons["move"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: library.state(TINY).how == "move", timeout=WAIT_MS)
    told(qtbot, window)
    assert not (clone / "model.safetensors").exists()
    assert library.state(TINY).standing is Standing.READY


def test_what_is_no_weights_is_refused_in_one_sentence(qtbot: QtBot, window: WeightsWindow, clone: Path) -> None:
    whole = (clone / "model.safetensors").read_bytes()
    cut = clone.parent / "cut.safetensors"
    cut.write_bytes(whole[: len(whole) // 2])
    window.bring((cut,))
    assert told(qtbot, window).startswith("“cut.safetensors” is cut off: ")
    message = window.messages.message
    assert message is not None
    assert message.tone is Tone.WARNING
    assert not window.intake.is_asking
    empty = clone.parent / "empty"
    empty.mkdir()
    window.bring((empty,))
    assert told(qtbot, window) == ("There are no weights in “empty”. The list below says what this program can use.")


def test_the_set_that_was_asked_for_must_be_in_it(qtbot: QtBot, window: WeightsWindow, clone: Path) -> None:
    row = window.rows["triposr"]
    row.import_wished.emit(FOLDER)
    dialog = window.dialogs.current
    assert isinstance(dialog, QFileDialog)
    assert not dialog.isModal()
    assert dialog.fileMode() is QFileDialog.FileMode.Directory
    dialog.fileSelected.emit(str(clone))
    dialog.close()
    assert told(qtbot, window).startswith("“clone” holds Tiny, not TripoSR.")
    assert not window.intake.is_asking


def test_a_file_is_browsed_for_from_the_menu_of_a_row(qtbot: QtBot, window: WeightsWindow, clone: Path) -> None:
    menu = window.rows[TINY].import_button.menu()
    assert [action.text().replace("&", "") for action in menu.actions()] == ["From a folder…", "From a file…"]
    menu.actions()[1].trigger()
    dialog = window.dialogs.current
    assert isinstance(dialog, QFileDialog)
    assert "*.safetensors" in dialog.nameFilters()[0]
    dialog.fileSelected.emit(str(clone / "model.safetensors"))
    dialog.close()
    assert asked(qtbot, window).startswith("This is Tiny.")


def test_a_fine_tune_is_taken_and_labelled(qtbot: QtBot, window: WeightsWindow, tmp_path: Path) -> None:
    halves = {name: value.to(torch.float16) for name, value in random_tensors(facts_of(published_tiny())).items()}
    write(tmp_path / "tuned" / "mine.safetensors", halves)
    window.bring((tmp_path / "tuned",))
    question = asked(qtbot, window)
    assert "Licence unknown." in question
    assert "free for commercial use" not in question
    assert "Not the published file, but it fits" in question
    qtbot.mouseClick(window.intake.question.buttons["copy"], Qt.MouseButton.LeftButton)
    told(qtbot, window)
    row = window.rows[TINY]
    qtbot.waitUntil(lambda: row.row.is_here, timeout=WAIT_MS)
    assert (row.row.tone, row.licence.text()) == ("warn", "Licence unknown")
    assert row.licence.property("tone") == "warn"
    assert row.row.is_whole


def test_damage_is_found_shown_and_mended(qtbot: QtBot, window: WeightsWindow, clone: Path, library: Library) -> None:
    row = take(qtbot, window, clone, "copy")
    path = library.folder(TINY) / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    window.messages.clear()
    qtbot.mouseClick(row.verify_button, Qt.MouseButton.LeftButton)
    assert "its content has changed since it was taken in" in told(qtbot, window)
    qtbot.waitUntil(lambda: row.row.tone == "bad", timeout=WAIT_MS)
    assert row.state.text() == ("“model.safetensors” of Tiny is damaged: its content has changed since it was taken in")
    assert shown(row) == ["Repair…", "Import again…", "Verify", "Remove…"]
    window.messages.clear()
    row = take(qtbot, window, clone, "copy")
    qtbot.waitUntil(lambda: row.row.tone == "good", timeout=WAIT_MS)
    qtbot.mouseClick(row.verify_button, Qt.MouseButton.LeftButton)
    assert told(qtbot, window).startswith("Tiny: here and verified")


def test_removing_asks_in_its_place(qtbot: QtBot, window: WeightsWindow, clone: Path, library: Library) -> None:
    row = take(qtbot, window, clone, "link")
    row.remove_button.setFocus()
    qtbot.keyClick(row.remove_button, Qt.Key.Key_Space)
    assert row.question.text() == "Remove Tiny? The files it links to stay where they are."
    assert row.keep.hasFocus()
    qtbot.keyClick(row.keep, Qt.Key.Key_Space)
    assert library.state(TINY).standing is Standing.READY
    assert row.remove_button.hasFocus()
    qtbot.mouseClick(row.remove_button, Qt.MouseButton.LeftButton)
    window.messages.clear()
    qtbot.mouseClick(row.remove_for_good, Qt.MouseButton.LeftButton)
    assert told(qtbot, window) == "Tiny was removed."
    qtbot.waitUntil(lambda: not row.row.is_here, timeout=WAIT_MS)
    assert library.state(TINY).standing is Standing.MISSING
    assert (clone / "model.safetensors").is_file()
    assert shown(row) == ["Download…", "Import…"]


def test_an_export_is_taken_in_by_another_machine(
    qtbot: QtBot, window: WeightsWindow, icons: Icons, caller: InlineCaller, clone: Path, tmp_path: Path
) -> None:
    row = take(qtbot, window, clone, "copy")
    stick = tmp_path / "stick"
    stick.mkdir()
    window.messages.clear()
    qtbot.mouseClick(row.export_button, Qt.MouseButton.LeftButton)
    dialog = window.dialogs.current
    assert isinstance(dialog, QFileDialog)
    assert dialog.windowTitle() == "Export Tiny to"
    dialog.fileSelected.emit(str(stick))
    dialog.close()
    assert f"“{stick / TINY}”" in told(qtbot, window)
    host = QWidget()
    qtbot.addWidget(host)
    other = WeightsShelf(caller, tmp_path / "other", tuple, host)
    there = opened(qtbot, WeightsWindow(other, icons, host))
    drop(there, mime_of(stick))
    assert asked(qtbot, there).startswith("This is Tiny.")
    qtbot.keyClick(there.intake.question.preferred, Qt.Key.Key_Space)
    assert told(qtbot, there).startswith("Tiny: here and verified: the published file")
    there.close()


def test_several_sets_are_asked_about_one_after_the_other(
    qtbot: QtBot, window: WeightsWindow, clone: Path, library: Library
) -> None:
    write_sparse(clone / "depth" / "model.safetensors", manifest("depth-small"))
    assert drop(window, mime_of(clone))
    assert asked(qtbot, window).startswith("This is Depth Anything V2 Small.")
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert asked(qtbot, window).startswith("This is Tiny.")
    qtbot.mouseClick(window.intake.question.buttons["copy"], Qt.MouseButton.LeftButton)
    told(qtbot, window)
    assert not window.intake.is_asking
    standing = {state.key: state.standing for state in library.states()}
    assert (standing[TINY], standing["depth-small"]) == (Standing.READY, Standing.MISSING)
    window.messages.clear()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isVisible()


def test_rows_that_come_while_something_is_done_wait_for_it(
    qtbot: QtBot, caller: InlineCaller, icons: Icons, tiny: WeightSet, clone: Path, tmp_path: Path
) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    shelf = WeightsShelf(caller, tmp_path / "library", tuple, host)
    window = WeightsWindow(shelf, icons, host)
    window.show()
    window.bring((clone,))  # the inline caller answers when events are processed: the rows first
    shelf._on_looked(Seen(Library(tmp_path / "library").states(), {}), None)
    assert shelf.is_busy
    assert not window.rows[TINY].import_button.isEnabled()
    asked(qtbot, window)
    assert window.rows[TINY].import_button.isEnabled()
    window.close()


def test_every_button_has_a_name_a_help_and_can_be_reached(qtbot: QtBot, window: WeightsWindow, clone: Path) -> None:
    take(qtbot, window, clone, "copy")
    buttons = [button for button in window.findChildren(QAbstractButton) if button.isVisible()]
    assert len(buttons) >= 3 + len(window.rows)
    for button in buttons:
        assert button.accessibleName() or button.text()
        assert button.toolTip()
    reached: set[QWidget] = set()
    for _ in range(3 * len(buttons)):
        focus = window.focusWidget()
        if focus is not None:
            reached.add(focus)
        qtbot.keyClick(window.focusWidget() or window, Qt.Key.Key_Tab)
    wanted = {button for button in buttons if isinstance(button, QPushButton)}
    assert wanted <= reached


def test_icons_follow_the_theme(window: WeightsWindow, theme: Theme, icons: Icons) -> None:
    row = window.rows[TINY]
    before = row._icon.pixmap().toImage()
    theme.choose(ThemeChoice.LIGHT)
    icons.colours = LIGHT
    window.retint()
    assert row._icon.pixmap().toImage() != before


def test_time_is_told_only_where_this_machine_has_taken_it(
    monkeypatch: pytest.MonkeyPatch, window: WeightsWindow, jobs: list[JobRow], tmp_path: Path, tiny: WeightSet
) -> None:
    spec = replace(catalog.find("inflate", catalog.Role.SCULPTOR), key="fast", title="Fast", weights=TINY)
    monkeypatch.setattr(catalog, "ENGINES", (*catalog.ENGINES, spec))
    assert use_words(TINY, jobs) == f"Sculptor “Fast”: {spec.summary[:1].lower()}{spec.summary[1:]}"
    row = JobRow("1", JobState.DONE, Request(), "x", 0.0, tmp_path, engine="fast")
    seconds = (15.0, 12.0, 14.0, 13.0, 99.0, 500.0, 600.0, 700.0)
    jobs += [replace(row, id=str(at), seconds=one) for at, one in enumerate(seconds)]
    jobs.insert(0, replace(row, state=JobState.FAILED, seconds=1.0))
    assert seconds_here({"fast"}, jobs) == 14.0
    assert seconds_here({"slow"}, jobs) == 0.0
    assert use_words(TINY, jobs).endswith(" A job with it takes about 14 s on this machine.")
    window._shelf.rows_changed.emit()
    assert "about 14 s" in window.rows[TINY]._use.text()
    assert use_words("triposr", (), 0.1).endswith(
        " A first guess for this processor: 30 s a picture; a graphics card is faster."
    )
    assert use_words("nothing", jobs) == "No engine of this program uses it yet."


def test_ways_without_room_are_closed_and_say_why(clone: Path, tiny: WeightSet, library: Library) -> None:
    found = library.find(clone)
    offer = offer_of(found, Brought(clone, (found,), free=10, is_one_disk=True), is_here=False)
    possible = {way.key: way.is_possible for way in offer.ways}
    assert possible == {"link": True, "copy": False, "move": True}
    assert offer.preferred == "link"
    assert "10 bytes are free" in offer.ways[1].words
    far = offer_of(found, Brought(clone, (found,), free=10, is_one_disk=False), is_here=False)
    assert not {way.key: way.is_possible for way in far.ways}["move"]


def test_licences_are_told_in_words() -> None:
    assert licence_words("MIT") == "MIT: free for commercial use"
    assert licence_words("CC-BY-NC-4.0") == "CC-BY-NC-4.0: has terms of its own"
    assert licence_words("unknown") == "Licence unknown"
