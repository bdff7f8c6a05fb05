"""The result on the bench: judged, edited, undone; what comes late for another one changes nothing."""

from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from img2model_desktop.core.mesh_files import read_mesh
from img2model_desktop.core.verdict.findings import Level, Purpose
from img2model_desktop.core.workshop.step import step
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.workshop import Workshop
from img2model_desktop.jobs.edits import read_edits
from img2model_desktop.jobs.job_row import JobRow
from tests.gui.conftest import InlineCaller, open_box, result_of
from tests.shapes import box


@pytest.fixture
def row(tmp_path: Path) -> JobRow:
    return result_of(open_box(), tmp_path / "broken")


@pytest.fixture
def workshop(caller: InlineCaller) -> Workshop:
    return Workshop(caller)


def judged(qtbot: QtBot, workshop: Workshop, row: JobRow) -> None:
    workshop.show(row)
    with qtbot.waitSignal(workshop.verdict_changed):
        workshop.go_on()
    assert workshop.verdict is not None


def level(workshop: Workshop) -> Level:
    assert workshop.verdict is not None
    return workshop.verdict.level(Purpose.PRINT)


def holes(workshop: Workshop) -> int:
    assert workshop.verdict is not None
    return int(workshop.verdict.measures["holes"])


def test_hole_is_found_mended_undone_and_done_again(qtbot: QtBot, workshop: Workshop, row: JobRow) -> None:
    judged(qtbot, workshop, row)
    assert (level(workshop), holes(workshop)) == (Level.FIXABLE, 1)
    assert workshop.plan("print") != ()
    assert workshop.verdict is not None
    finding = next(one for one in workshop.verdict.concerning(Purpose.PRINT) if one.key == "holes")
    with qtbot.waitSignal(workshop.mesh_changed) as shown, qtbot.waitSignal(workshop.told) as told:
        workshop.mend(finding)
        assert workshop.doing == "Close holes…"
    assert shown.args == [row.folder / "edit-1.glb"] == [workshop.mesh]
    assert told.args[0].startswith("Close holes: ")
    assert workshop.verdict is None  # the old one is not about this mesh
    with qtbot.waitSignal(workshop.verdict_changed):
        workshop.go_on()
    assert (level(workshop), holes(workshop)) == (Level.FIT, 0)
    assert [edit.title for edit in workshop.done] == ["Close holes"]
    assert len(read_mesh(row.folder / "result.glb").faces) == 11  # the original is as it was
    for move, done, undone in ((workshop.undo, 0, 1), (workshop.redo, 1, 0), (lambda: workshop.go_to(0), 0, 1)):
        with qtbot.waitSignal(workshop.mesh_changed):
            move()
        assert (len(workshop.done), len(workshop.undone)) == (done, undone)
        assert read_edits(row.folder).done == workshop.done
    assert workshop.mesh == workshop.original == row.result_path
    workshop.undo()  # there is nothing left to undo
    assert not workshop.is_working


def test_one_edit_makes_it_printable(qtbot: QtBot, workshop: Workshop, row: JobRow) -> None:
    judged(qtbot, workshop, row)
    with qtbot.waitSignal(workshop.mesh_changed):
        workshop.make_fit("print", "Make printable")
    with qtbot.waitSignal(workshop.verdict_changed):
        workshop.go_on()
    assert level(workshop) is Level.FIT
    assert [edit.title for edit in workshop.done] == ["Make printable"]


def test_nothing_to_do_leaves_no_edit(qtbot: QtBot, workshop: Workshop, tmp_path: Path) -> None:
    judged(qtbot, workshop, result_of(box(0.05, 0.05, 0.05), tmp_path / "whole"))
    assert workshop.plan("print") == ()
    with qtbot.waitSignal(workshop.told) as told:
        workshop.make_fit("print", "Make printable")
    assert told.args == ["Make printable: there was nothing to do."]
    assert workshop.done == ()
    assert workshop.verdict is not None


def test_size_is_judged_once_it_rests(
    qtbot: QtBot, workshop: Workshop, row: JobRow, caller: InlineCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(qtbot, workshop, row)
    assert workshop.size_mm == pytest.approx(50.0)
    assert workshop.wanted_size_mm is None
    for size in (60.0, 70.0, 80.0):
        workshop.set_size(size)
    assert caller.asked.count("judge_result") == 1
    with qtbot.waitSignal(workshop.verdict_changed):
        pass
    assert caller.asked.count("judge_result") == 2
    assert workshop.verdict is not None
    assert workshop.verdict.conditions.size_mm == 80.0
    assert workshop.verdict.measures["longest_mm"] == pytest.approx(80.0, rel=1e-4)
    with qtbot.waitSignal(workshop.mesh_changed):
        workshop.do("Set size", (step("scale", size_mm=30.0),))
    assert workshop.size_mm == pytest.approx(30.0, rel=1e-4)  # it was given a size: that one counts
    assert workshop.wanted_size_mm is None
    workshop.close()


def test_verdict_of_another_result_is_not_shown(
    qtbot: QtBot, workshop: Workshop, row: JobRow, tmp_path: Path, caller: InlineCaller
) -> None:
    other = result_of(box(0.02, 0.04, 0.02), tmp_path / "other")
    workshop.show(row)
    workshop.judge()
    workshop.show(other)  # before the answer
    assert workshop.doing == ""
    qtbot.wait(50)
    assert caller.asked == ["judge_result"]
    assert workshop.verdict is None
    with qtbot.waitSignal(workshop.verdict_changed):
        workshop.go_on()
    assert holes(workshop) == 0


def test_edit_goes_on_when_another_result_is_chosen(
    qtbot: QtBot, workshop: Workshop, row: JobRow, tmp_path: Path
) -> None:
    other = result_of(box(0.02, 0.04, 0.02), tmp_path / "other")
    judged(qtbot, workshop, row)
    workshop.do("Close holes", (step("close_holes"),))
    workshop.show(other)
    assert workshop.doing == "Close holes of “thing”…"
    changes: list[Any] = []
    workshop.mesh_changed.connect(changes.append)
    with qtbot.waitSignal(workshop.told) as told:
        pass
    assert told.args[0].startswith("Close holes of “thing”: ")
    assert changes == []
    assert workshop.done == ()
    assert [edit.title for edit in read_edits(row.folder).done] == ["Close holes"]


def test_stopped_edit_leaves_the_mesh_as_it_is(qtbot: QtBot, workshop: Workshop, row: JobRow) -> None:
    judged(qtbot, workshop, row)
    verdict = workshop.verdict
    workshop.undo()
    assert not workshop.is_working
    workshop.do("Smooth", (step("smooth"),))
    workshop.stop()
    assert not workshop.is_working
    qtbot.wait(50)
    assert workshop.mesh == row.result_path
    assert workshop.verdict is verdict


def test_stopped_judging_says_nothing(qtbot: QtBot, workshop: Workshop, row: JobRow) -> None:
    workshop.show(row)
    workshop.judge()
    assert workshop.doing == "Checking the mesh…"
    workshop.stop()
    assert workshop.doing == ""
    qtbot.wait(50)
    assert workshop.verdict is None
    judged(qtbot, workshop, row)


def test_edit_that_cannot_be_done_is_told(qtbot: QtBot, workshop: Workshop, row: JobRow, caller: InlineCaller) -> None:
    judged(qtbot, workshop, row)
    with qtbot.waitSignal(workshop.failed) as failed:
        workshop.do("Cut", (step("hollow"),))
    assert failed.args[0].kind == "input"
    assert "solid" in failed.args[0].message
    assert workshop.done == ()
    assert not workshop.is_working
    caller.next_trouble = Trouble("memory", "There is not enough memory.", "Close something.")
    with qtbot.waitSignal(workshop.failed):
        workshop.judge()
    assert workshop.doing == ""


def test_stack_is_there_when_the_job_is_chosen_again(
    qtbot: QtBot, workshop: Workshop, row: JobRow, caller: InlineCaller
) -> None:
    judged(qtbot, workshop, row)
    with qtbot.waitSignal(workshop.mesh_changed):
        workshop.do("Close holes", (step("close_holes"),))
    again = Workshop(caller)
    again.show(row)
    assert again.mesh == row.folder / "edit-1.glb"
    assert again.done == workshop.done
