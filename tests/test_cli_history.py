"""`img2model history`, from arguments to lines, files and exit codes, beside an open window."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from img2model_desktop import cli, paths
from img2model_desktop.core.events import Facts, Failed, Finished, Started
from img2model_desktop.core.mesh_files import read_mesh, write_mesh
from img2model_desktop.core.request import Request
from img2model_desktop.jobs.edits import keep_edit
from img2model_desktop.jobs.job_row import JobRow
from img2model_desktop.jobs.shelf import Shelf
from img2model_desktop.jobs.store import Store
from tests.shapes import box, torus


@pytest.fixture
def store() -> Iterator[Store]:
    """The window's store, open: it has claimed the data folder."""
    made = Store(paths.history_file(), paths.jobs_dir())
    yield made
    made.close()


def made(store: Store, prompt: str) -> JobRow:
    row = store.add(Request(prompt=prompt))
    write_mesh(box(0.1, 0.1, 0.1), row.folder / "result.glb", {})
    store.apply(Started(row.id, time.time()))
    facts = Facts(8, 12, 1, True, (0.1, 0.1, 0.1))
    row = store.apply(Finished(row.id, time.time(), str(row.folder / "result.glb"), "extrude", facts, 1.5))
    Shelf(store).note(row)
    return row


@pytest.fixture
def rows(store: Store) -> tuple[JobRow, JobRow, JobRow]:
    """Two meshes and a failure."""
    one, two = made(store, "A red chair"), made(store, "A café table")
    failed = store.add(Request(prompt="Nothing"))
    store.apply(Started(failed.id, time.time()))
    last = store.apply(Failed(failed.id, time.time(), "input", "No subject was found.", "Use the brush."))
    Shelf(store).note(last)
    shelf = Shelf(store)
    shelf.tag([one.id], "furniture")
    store.rate(two.id, 4)
    return one, two, last


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def plain(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in said(capsys)]


def test_nothing_was_made_yet(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["history"]) == 0
    assert said(capsys) == ["Nothing was made yet."]
    assert not paths.history_file().exists()
    assert cli.main(["history", "clean"]) == 0
    assert cli.main(["history", "show", "last"]) == 2


def test_the_list_has_the_newest_first_while_the_window_is_open(
    rows: tuple[JobRow, JobRow, JobRow], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, last = rows
    assert cli.main(["history"]) == 0
    lines = said(capsys)
    assert [line.split("  ")[0] for line in lines] == [last.id, two.id, one.id]
    assert lines[0].endswith("failed)")
    assert lines[1].endswith("extrude, 12 faces, ★★★★)")
    assert lines[2].endswith("extrude, 12 faces, #furniture)")
    assert cli.main(["history", "--limit", "1"]) == 0
    assert said(capsys)[1] == "2 more; --limit 3 shows them all."


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["cafe", "tab"], ["A café table"]),
        (["--state", "failed"], ["Nothing"]),
        (["--tag", "furniture"], ["A red chair"]),
        (["--stars", "4"], ["A café table"]),
        (["--engine", "extrude"], ["A café table", "A red chair"]),
        (["xyzzy"], []),
        (['"', "OR", "NEAR("], []),
        (["--trash"], []),
    ],
)
def test_words_and_filters(
    rows: tuple[JobRow, JobRow, JobRow], arguments: list[str], found: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["history", "--json", *arguments]) == 0
    assert [entry["title"] for entry in plain(capsys)] == found


def test_one_job_is_shown_by_the_beginning_of_its_id(
    rows: tuple[JobRow, JobRow, JobRow], capsys: pytest.CaptureFixture[str]
) -> None:
    one, _, last = rows
    assert cli.main(["history", "show", one.id]) == 0
    lines = said(capsys)
    assert lines[0] == "A red chair"
    assert f"    folder: {one.folder}" in lines
    assert "    tags: furniture" in lines
    assert cli.main(["history", "show", "last", "--json"]) == 0
    (shown,) = plain(capsys)
    assert shown["id"] == last.id
    assert shown["error"] == "No subject was found. Use the brush."
    assert shown["request"] == {"prompt": "Nothing"}
    assert cli.main(["history", "show", "2"]) == 2
    assert "3 jobs begin with “2”." in capsys.readouterr().err
    assert cli.main(["history", "show", "x"]) == 2
    assert cli.main(["history", "show"]) == 2


def test_the_mesh_is_exported_as_its_edits_have_left_it(
    rows: tuple[JobRow, JobRow, JobRow], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, _, last = rows
    keep_edit(one.folder, "Another", (), torus())
    assert cli.main(["history", "export", one.id, "-o", str(tmp_path / "out.stl"), "--json"]) == 0
    (told,) = plain(capsys)
    assert told["path"] == str(tmp_path / "out.stl")
    assert len(read_mesh(tmp_path / "out.stl").faces) == len(torus().faces)
    assert cli.main(["history", "export", one.id]) == 2
    assert cli.main(["history", "export", last.id, "-o", str(tmp_path / "none.stl")]) == 2
    assert "“Nothing” has no mesh." in capsys.readouterr().err
    assert not (tmp_path / "none.stl").exists()


def test_clean_only_says_until_it_is_told_to_and_the_window_is_closed(
    store: Store, rows: tuple[JobRow, JobRow, JobRow], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, _ = rows
    left = one.folder / "shape.npz"
    left.write_bytes(b"x" * 5_000_000)
    os.utime(left, (1, 1))
    store.trash(two.id)
    for arguments in ([], ["--dry-run"], ["--dry-run", "--yes"]):
        assert cli.main(["history", "clean", *arguments]) == 0
        assert said(capsys)[0] == "left overs: 5.0 MB"
        assert left.exists()
    assert cli.main(["history", "clean", "--yes"]) != 0
    assert "in use by another program" in capsys.readouterr().err
    assert left.exists()
    store.close()
    assert cli.main(["history", "clean", "--yes", "--json"]) == 0
    (told,) = plain(capsys)
    assert told["freed"] == {"left overs": 5_000_000, "undone": 0}
    assert not left.exists()
    assert two.folder.is_dir()
    assert cli.main(["history", "clean", "--yes", "--trash"]) == 0
    assert not two.folder.exists()
    assert cli.main(["history", "--trash"]) == 0
    assert "Nothing was found." in capsys.readouterr().out
