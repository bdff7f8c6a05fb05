"""Folders for a run: gone at its end, and after a kill at the next start; those of others stay."""

import multiprocessing
import multiprocessing.connection
import os
import tempfile
import time
from pathlib import Path

import pytest

from img2model_desktop.errors import SetupProblem
from img2model_desktop.jobs.instance import LOCK_FILE, Claim
from img2model_desktop.jobs.scratch import UNCLAIMED_S, clear, scratch

PREFIX = "img2model-tried-"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place for temporary files, empty."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def _work(place: Path, said: multiprocessing.connection.Connection) -> None:
    tempfile.tempdir = str(place)
    with scratch(PREFIX) as folder:
        (folder / "job").mkdir()
        (folder / "job" / "shape.npz").write_bytes(b"x" * 1000)
        said.send(folder)
        time.sleep(60)


def test_it_goes_away_with_all_that_is_in_it(place: Path) -> None:
    def work() -> None:
        with scratch(PREFIX) as folder:
            assert folder.parent == place
            (folder / "job").mkdir()
            (folder / "job" / "cutout.png").write_bytes(b"x")
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert list(place.iterdir()) == []


def test_what_a_killed_program_left_is_taken_away_and_what_a_living_one_has_is_not(place: Path) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(place, there))
    process.start()
    left = here.recv()
    try:
        with scratch(PREFIX) as mine:
            assert (left / "job" / "shape.npz").is_file()  # it lives
    finally:
        process.kill()
        process.join()
    assert left.is_dir()
    with scratch("another-") as other:
        assert left.is_dir()
        with scratch(PREFIX) as mine:
            assert set(place.iterdir()) == {mine, other}


def test_what_is_not_ours_stays(place: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / LOCK_FILE).touch()
    (place / f"{PREFIX}link").symlink_to(precious)
    (place / f"{PREFIX}file").write_bytes(b"x")
    fresh, old = place / f"{PREFIX}fresh", place / f"{PREFIX}old"
    for folder in (fresh, old):
        folder.mkdir()
    long_ago = time.time() - UNCLAIMED_S - 1
    os.utime(old, (long_ago, long_ago))
    clear(place, PREFIX)
    assert {path.name for path in place.iterdir()} == {f"{PREFIX}link", f"{PREFIX}file", fresh.name}
    assert precious.is_dir()
    clear(place / "gone", PREFIX)


def test_a_start_that_took_it_for_a_left_over_is_no_harm(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims: list[Claim] = []

    def beaten(**how: str) -> str:
        folder = place / f"{how['prefix']}{len(claims)}"
        folder.mkdir()
        if not claims:
            claims.append(Claim(folder))
        return str(folder)

    monkeypatch.setattr(tempfile, "mkdtemp", beaten)
    with scratch(PREFIX) as folder:
        assert folder.name == f"{PREFIX}1"
    claims[0].release()


def test_no_place_is_said(place: Path) -> None:
    place.rmdir()
    with pytest.raises(SetupProblem, match="temporary files"), scratch(PREFIX):
        pass
