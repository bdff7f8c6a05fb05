"""One program has the data folder; a second one hands over its files; nothing that was killed is in the way."""

import json
import multiprocessing
import multiprocessing.connection
import os
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from img2model_desktop.core.request import Request
from img2model_desktop.errors import SetupProblem
from img2model_desktop.jobs import instance
from img2model_desktop.jobs.instance import HANDED_FOLDER, Claim, InUse, hand_over, handed
from img2model_desktop.jobs.store import Store


def test_only_one_has_a_folder(tmp_path: Path) -> None:
    first = Claim(tmp_path)
    with pytest.raises(InUse) as problem:
        Claim(tmp_path)
    assert (problem.value.folder, problem.value.pid) == (tmp_path, os.getpid())
    first.release()
    first.release()
    Claim(tmp_path).release()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupProblem):
        Claim(tmp_path / "gone")


def _hold(folder: Path, said: multiprocessing.connection.Connection) -> None:
    store = Store(folder / "history.sqlite3", folder / "jobs")
    said.send(store.add(Request(prompt="kept")).id)
    time.sleep(60)


def test_what_a_killed_program_had_claimed_is_free_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_hold, args=(tmp_path, theirs))
    process.start()
    theirs.close()
    with closing(mine):
        id_ = mine.recv()
        with pytest.raises(InUse) as problem:
            Store(tmp_path / "history.sqlite3", tmp_path / "jobs")
        assert problem.value.pid == process.pid
        process.kill()
        process.join()
        process.close()
    with closing(Store(tmp_path / "history.sqlite3", tmp_path / "jobs")) as store:
        assert [row.id for row in store.recover()] == [id_]
        assert store.mended == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fork, so nothing is inherited")
def test_what_a_dying_program_was_just_starting_is_waited_for(tmp_path: Path) -> None:
    """A process that is begun has its parent's files until it is its own program: also the lock of one that is gone."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    claim = Claim(tmp_path)
    (tmp_path / instance.LOCK_FILE).write_bytes(b" %d\n" % ended.pid)
    letting_go = threading.Timer(0.2, claim.release)
    letting_go.start()
    Claim(tmp_path).release()
    letting_go.join()


def test_a_store_that_cannot_be_opened_lets_go_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite3").mkdir()
    with pytest.raises(SetupProblem):
        Store(tmp_path / "history.sqlite3", tmp_path / "jobs")
    Claim(tmp_path).release()


def test_files_go_over_in_their_order_each_once(tmp_path: Path) -> None:
    files = (tmp_path / "ä ö.png", tmp_path / "b\udcff.glb")  # a name may hold bytes that are no text
    found: list[tuple[Path, ...]] = []

    def take() -> None:
        while len(found) < 2:
            found.extend(handed(tmp_path))

    taking = threading.Thread(target=take)
    taking.start()
    assert hand_over(tmp_path, files)
    assert hand_over(tmp_path, ())
    taking.join()
    assert found == [files, ()]
    assert handed(tmp_path) == ()
    assert list((tmp_path / HANDED_FOLDER).iterdir()) == []


def test_a_window_that_does_not_answer_gets_nothing_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "ANSWER_S", 0.05)
    assert not hand_over(tmp_path, (tmp_path / "a.png",))
    assert handed(tmp_path) == ()


def _old(note: Path) -> None:
    note.write_text('["a.png"]')
    os.utime(note, (1.0, 1.0))


@pytest.mark.parametrize(
    "write", [_old, lambda note: note.write_text('["a.p'), lambda note: note.write_text("3"), lambda note: note.mkdir()]
)
def test_notes_that_are_stale_or_broken_are_passed_over(tmp_path: Path, write: Callable[[Path], object]) -> None:
    place = tmp_path / HANDED_FOLDER
    place.mkdir()
    write(place / "1.json")
    (place / "2.json").write_text(json.dumps(["b.png"]))
    assert handed(tmp_path) == ((Path("b.png"),),)
    assert [path.name for path in place.iterdir() if path.is_file()] == []
