"""What can be cleared is ours, is asked for by name, and nothing behind a link is ever touched."""

import os
import time
from pathlib import Path

import pytest

from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.errors import SetupProblem
from img2model_desktop.jobs.disk_use import Clearing, JobFacts, Sort, clear, sort_of, survey
from img2model_desktop.jobs.edits import keep_edit, read_edits, undo
from tests.shapes import box, torus

ENDED, RUNNING, TRASHED = JobFacts(True, False), JobFacts(False, False), JobFacts(True, True)


def silent(_fraction: float) -> None:
    return None


def never() -> bool:
    return False


def write(path: Path, size: int, hours_old: float = 2.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    then = time.time() - hours_old * 3600
    os.utime(path, (then, then))
    return path


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """Four jobs: one that has ended, one that runs, one in the trash, and one that the history does not know."""
    folder = tmp_path / "jobs"
    for id_ in ("ended", "running", "trashed", "foreign"):
        write(folder / id_ / "result.glb", 1000)
        write(folder / id_ / "input.png", 100)
        write(folder / id_ / "shape.npz", 10)
        write(folder / id_ / "job.json", 1)
    return folder


KNOWN = {"ended": ENDED, "running": RUNNING, "trashed": TRASHED, "gone": ENDED}


def left(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize(
    ("name", "sort"),
    [
        ("result.glb", Sort.RESULT),
        ("edit-12.glb", Sort.EDIT),
        ("edits.json", Sort.EDIT),
        ("input.webp", Sort.INPUT),
        ("made-3.png", Sort.PICTURE),
        ("thumbnail.png", Sort.PICTURE),
        ("job.json", Sort.NOTE),
        ("result.glb.part", Sort.LEFT_OVER),
        ("shape.npz", Sort.LEFT_OVER),
        ("edit-.glb", Sort.OTHER),
        ("notes.txt", Sort.OTHER),
        ("my result.glb", Sort.OTHER),
    ],
)
def test_a_file_is_told_by_its_name(name: str, sort: Sort) -> None:
    assert sort_of(name) is sort


def test_a_survey_counts_what_the_history_knows(jobs: Path) -> None:
    write(jobs / "ended" / "notes.txt", 7)
    write(jobs / "ended" / "result.glb.part", 30, hours_old=0.0)  # perhaps still being written
    found = survey(str(jobs), KNOWN, silent, never)
    assert (found.jobs, found.trashed) == (3, 1)
    assert {sort: size for sort, size in found.by_sort.items() if size} == {
        Sort.RESULT: 2000,
        Sort.INPUT: 200,
        Sort.LEFT_OVER: 50,
        Sort.NOTE: 2,
        Sort.OTHER: 7,
    }
    assert found.trash == 1111
    assert found.total == 2000 + 200 + 50 + 2 + 7 + 1111
    assert found.clearable[Clearing.LEFT_OVERS] == ((str(jobs / "ended" / "shape.npz"), 10),)
    assert found.size_of(Clearing.LEFT_OVERS) == 10
    assert found.size_of(Clearing.UNDONE) == 0
    assert found.free > 0


def test_what_was_found_is_cleared_and_nothing_else(jobs: Path) -> None:
    before = left(jobs)
    found = survey(str(jobs), KNOWN, silent, never)
    assert clear(str(jobs), tuple(path for path, _ in found.clearable[Clearing.LEFT_OVERS]), silent, never) == 10
    assert before - left(jobs) == {"ended/shape.npz"}
    assert clear(str(jobs), (str(jobs / "ended" / "shape.npz"),), silent, never) == 0  # gone already


def test_edits_that_were_taken_back_can_go_and_those_done_stay(jobs: Path) -> None:
    folder = jobs / "ended"
    write_mesh(box(0.1, 0.1, 0.1), folder / "result.glb", {})
    keep_edit(folder, "One", (), torus())
    keep_edit(folder, "Two", (), torus())
    undo(folder)
    found = survey(str(jobs), {"ended": ENDED}, silent, never)
    assert [path for path, _ in found.clearable[Clearing.UNDONE]] == [str(folder / "edit-2.glb")]
    asked = tuple(str(folder / name) for name in ("edit-1.glb", "edit-2.glb", "result.glb"))
    clear(str(jobs), asked, silent, never)
    assert (folder / "edit-1.glb").is_file()
    assert (folder / "result.glb").is_file()
    assert not (folder / "edit-2.glb").exists()
    assert [edit.title for edit in read_edits(folder).done] == ["One"]
    assert read_edits(folder).undone == ()


@pytest.mark.parametrize(
    "name",
    [
        "ended/result.glb",
        "ended/input.png",
        "ended/job.json",
        "ended/notes.part.txt",
        "ended/deep/shape.npz",
        "ended/../../outside/shape.npz",
        "ended/../shape.npz",
        "../outside/shape.npz",
        "shape.npz",
    ],
)
def test_what_is_not_ours_to_clear_stays_whoever_asks(jobs: Path, tmp_path: Path, name: str) -> None:
    for place in (jobs / "ended" / "deep", tmp_path / "outside", jobs):
        write(place / "shape.npz", 5)
    write(jobs / "ended" / "notes.part.txt", 5)
    before = left(tmp_path)
    assert clear(str(jobs), (str(jobs / name), name), silent, never) == 0
    assert left(tmp_path) == before


def test_links_lead_nowhere(jobs: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside / "shape.npz", 500)
    write(outside / "result.glb", 500)
    (jobs / "linked").symlink_to(outside)
    (jobs / "ended" / "more.part").symlink_to(outside / "shape.npz")
    (jobs / "ended" / "folder.part").symlink_to(outside)
    known = KNOWN | {"linked": ENDED}
    found = survey(str(jobs), known, silent, never)
    assert found.total == survey(str(jobs), KNOWN, silent, never).total
    asked = ("linked/shape.npz", "ended/more.part", "ended/folder.part", "ended/folder.part/shape.npz")
    assert clear(str(jobs), tuple(str(jobs / name) for name in asked), silent, never) == 0
    assert (outside / "shape.npz").stat().st_size == 500
    assert (jobs / "ended" / "more.part").is_symlink()


def test_a_jobs_folder_that_is_itself_reached_by_a_link_is_ours(jobs: Path, tmp_path: Path) -> None:
    (tmp_path / "moved").symlink_to(jobs)
    found = survey(str(tmp_path / "moved"), KNOWN, silent, never)
    assert found.jobs == 3
    paths = tuple(path for path, _ in found.clearable[Clearing.LEFT_OVERS])
    assert clear(str(tmp_path / "moved"), paths, silent, never) == 10


def test_what_cannot_be_removed_is_said(jobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(SetupProblem):
        clear(str(jobs), (str(jobs / "ended" / "shape.npz"),), silent, never)


def test_both_can_be_cancelled(jobs: Path) -> None:
    assert survey(str(jobs), KNOWN, silent, lambda: True).jobs == 0
    assert clear(str(jobs), (str(jobs / "ended" / "shape.npz"),), silent, lambda: True) == 0
    assert (jobs / "ended" / "shape.npz").exists()
