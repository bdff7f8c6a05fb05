"""Edits of a result: stacked, taken back and done again; the original is never touched."""

import json
from pathlib import Path

import numpy as np
import pytest

from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import read_mesh, read_recipe, write_mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.step import step
from img2model_desktop.errors import Cancelled, InputProblem, SetupProblem
from img2model_desktop.jobs import edits
from img2model_desktop.jobs.edits import current_mesh, do_edit, original_mesh, read_edits, redo, revert, undo
from tests.shapes import box

UP = [step("scale", size_mm=4000.0)]  # of a box 1 x 2 x 4 m: as it is
HALF = [step("scale", size_mm=2000.0)]
QUARTER = [step("scale", size_mm=1000.0)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_mesh(box(), original_mesh(tmp_path), {"program": "x", "request": {"prompt": "a"}})
    return tmp_path


def longest_m(folder: Path) -> float:
    return float(read_mesh(current_mesh(folder)).size_m.max())


def meshes(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.glb"))


def test_without_edits_the_original_is_current(folder: Path) -> None:
    assert read_edits(folder) == edits.Edits()
    assert current_mesh(folder) == original_mesh(folder) == folder / "result.glb"


def test_an_edit_makes_a_new_mesh_and_leaves_the_original(folder: Path) -> None:
    before = original_mesh(folder).read_bytes()
    stack = do_edit(folder, "Half the size", HALF)
    assert [(edit.title, edit.steps) for edit in stack.done] == [("Half the size", tuple(HALF))]
    assert read_edits(folder) == stack
    assert longest_m(folder) == pytest.approx(2.0)
    assert measure(read_mesh(current_mesh(folder))).volume_m3 == pytest.approx(1.0)
    assert original_mesh(folder).read_bytes() == before


def test_the_recipe_records_all_steps_in_order(folder: Path) -> None:
    do_edit(folder, "a", HALF)
    do_edit(folder, "b", [step("turn", axis="x", degrees=90.0), step("floor")])
    recipe = read_recipe(current_mesh(folder))
    assert recipe["request"] == {"prompt": "a"}
    assert [item["operation"] for item in recipe["edits"]] == ["scale", "turn", "floor"]
    assert recipe["edits"][1]["options"] == {"axis": "x", "degrees": 90.0}
    undo(folder)
    assert [item["operation"] for item in read_recipe(current_mesh(folder))["edits"]] == ["scale"]


def test_undo_and_redo_walk_along_the_stack(folder: Path) -> None:
    do_edit(folder, "half", HALF)
    do_edit(folder, "quarter", QUARTER)
    assert longest_m(folder) == pytest.approx(1.0)
    assert [edit.title for edit in undo(folder).undone] == ["quarter"]
    assert longest_m(folder) == pytest.approx(2.0)
    assert [edit.title for edit in undo(folder).undone] == ["half", "quarter"]
    assert current_mesh(folder) == original_mesh(folder)
    assert undo(folder).done == ()
    assert [edit.title for edit in redo(folder).done] == ["half"]
    assert [edit.title for edit in redo(folder).done] == ["half", "quarter"]
    assert longest_m(folder) == pytest.approx(1.0)
    assert redo(folder) == read_edits(folder)


def test_revert_takes_all_back_and_redo_brings_them_again(folder: Path) -> None:
    do_edit(folder, "half", HALF)
    do_edit(folder, "quarter", QUARTER)
    assert [edit.title for edit in revert(folder).undone] == ["half", "quarter"]
    assert current_mesh(folder) == original_mesh(folder)
    redo(folder)
    assert longest_m(folder) == pytest.approx(2.0)


def test_a_new_edit_lets_the_undone_ones_go_with_their_files(folder: Path) -> None:
    do_edit(folder, "half", HALF)
    do_edit(folder, "quarter", QUARTER)
    undo(folder)
    stack = do_edit(folder, "as it is", UP)
    assert [edit.title for edit in stack.done] == ["half", "as it is"]
    assert stack.undone == ()
    assert meshes(folder) == sorted(["result.glb", *(edit.file for edit in stack.done)])


def test_a_step_that_fails_or_is_cancelled_leaves_the_stack_as_it_was(folder: Path) -> None:
    before = do_edit(folder, "half", HALF)
    with pytest.raises(InputProblem):
        do_edit(folder, "bad", [step("scale", size_mm=-1.0)])
    with pytest.raises(InputProblem):
        do_edit(folder, "bad", [step("no such thing")])
    with pytest.raises(Cancelled):
        do_edit(folder, "bad", QUARTER, Progress(is_cancelled=lambda: True))
    assert read_edits(folder) == before
    assert meshes(folder) == sorted(["result.glb", before.done[0].file])


def test_a_list_that_cannot_be_written_leaves_the_stack_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = do_edit(folder, "half", HALF)
    write = edits.atomic.write_file

    def full(path: Path, content: bytes) -> None:
        if path.name == "edits.json":
            raise SetupProblem("There is not enough space left.", "Free some.")
        write(path, content)

    monkeypatch.setattr("img2model_desktop.core.atomic.write_file", full)
    with pytest.raises(SetupProblem):
        do_edit(folder, "quarter", QUARTER)
    monkeypatch.undo()
    assert read_edits(folder) == before
    assert longest_m(folder) == pytest.approx(2.0)
    stack = do_edit(folder, "quarter", QUARTER)  # the mesh that was left over is in nobody's way
    assert meshes(folder) == sorted(["result.glb", *(edit.file for edit in stack.done)])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"done": 3, "undone": []}',
        b'{"done": [{"title": "x", "steps": [], "notes": [], "file": "../result.glb"}], "undone": []}',
        b'{"done": [{"title": "x", "steps": [], "notes": [], "file": "result.glb"}], "undone": []}',
        b'{"done": [{"title": "x", "steps": [{}], "notes": [], "file": "edit-1.glb"}], "undone": []}',
        b'{"done": [{"title": "x", "steps": [], "notes": [], "file": "edit-1.glb"}], "undone": []}',
    ],
)
def test_a_damaged_list_shows_the_original(folder: Path, content: bytes) -> None:
    (folder / "edits.json").write_bytes(content)
    assert current_mesh(folder) == original_mesh(folder)
    assert longest_m(folder) == pytest.approx(4.0)
    assert do_edit(folder, "half", HALF).done[0].title == "half"


def test_edits_after_one_whose_file_is_gone_are_not_offered(folder: Path) -> None:
    first = do_edit(folder, "half", HALF).done[0]
    second = do_edit(folder, "quarter", QUARTER).done[1]
    undo(folder)
    (folder / second.file).unlink()
    assert read_edits(folder) == edits.Edits((first,), ())
    (folder / first.file).unlink()
    assert read_edits(folder) == edits.Edits()


def test_the_list_is_plain_json(folder: Path) -> None:
    do_edit(folder, "Hälfte", HALF)
    plain = json.loads((folder / "edits.json").read_text(encoding="utf-8"))
    assert plain["version"] == 1
    assert plain["done"][0]["steps"] == [{"operation": "scale", "options": {"size_mm": 2000.0}}]


def test_the_mesh_on_disk_is_the_mesh_that_was_made(folder: Path) -> None:
    do_edit(folder, "half", HALF)
    assert np.array_equal(read_mesh(current_mesh(folder)).faces, box().faces)
