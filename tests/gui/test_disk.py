"""A disk that is full or may only be read, for real: nothing is lost, one clear sentence, and it goes on by itself."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from img2model_desktop.core.events import LAST, Facts, Failed, Finished, JobEvent, Stage, StageBegan, Started
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.errors import HistoryProblem, Img2ModelError, SetupProblem
from img2model_desktop.gui import runner as runner_module
from img2model_desktop.gui.runner import JobRunner, Trouble
from img2model_desktop.jobs import instance
from img2model_desktop.jobs.instance import hand_over
from img2model_desktop.jobs.plan import resolve
from img2model_desktop.jobs.store import JobState, Store
from tests.jobs.test_database import FROZEN

FACTS = Facts(100, 200, 1, True, (0.1, 0.05, 0.025))


class Disk:
    """A small disk of its own.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Takes all the space that is left."""
        with contextlib.suppress(OSError), (self.folder / "ballast").open("ab", buffering=0) as file:
            for size in (4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    def free(self) -> None:
        """Gives it back."""
        (self.folder / "ballast").unlink()

    def forbid(self, folder: Path) -> None:
        """Makes a folder one that may only be read; what is open already stays open."""
        for options in (["--bind", str(folder)], ["-o", "remount,bind,ro"]):
            subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)

    def allow(self, folder: Path) -> None:
        """Lets it be written again."""
        subprocess.run(["umount", str(folder)], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    as_root = os.name == "posix" and os.geteuid() == 0
    if not as_root or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield Disk(folder)
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def store(disk: Disk) -> Iterator[Store]:
    with closing(open_store(disk)) as opened:
        yield opened


def open_store(disk: Disk) -> Store:
    return Store(disk.folder / "data" / "history.sqlite3", disk.folder / "data" / "jobs")


def snapshot(store: Store) -> object:
    return store.rows(), store.waiting(), store.trashed(), store.is_paused, sorted(store.jobs_folder.iterdir())


def ended(store: Store, last: Callable[[str], JobEvent]) -> str:
    id_ = store.add(Request(prompt="p")).id
    store.apply(Started(id_, 1.0))
    return store.apply(last(id_)).id


def finished(id_: str) -> Finished:
    return Finished(id_, 2.0, "result.glb", "lathe", FACTS, 1.0)


def failed(id_: str) -> Failed:
    return Failed(id_, 2.0, "engine", "m", "a")


WRITES: dict[str, Callable[[Store, dict[str, str]], object]] = {
    "add": lambda store, ids: store.add(Request(prompt="x" * 1900)),
    "add many": lambda store, ids: store.add_all([(Request(prompt="x" * 1900), "")] * 30),
    "begin": lambda store, ids: store.apply(Started(ids["waits"], 1.0)),
    "end": lambda store, ids: store.apply(finished(ids["runs"])),
    "move": lambda store, ids: store.move((ids["last"],), ids["waits"]),
    "hold": lambda store, ids: store.hold((ids["waits"],)),
    "pause": lambda store, ids: store.pause(is_paused=True),
    "try again": lambda store, ids: store.retry(ids["failed"]),
    "stars": lambda store, ids: store.rate(ids["done"], 4),
    "title": lambda store, ids: store.rename(ids["done"], "other"),
    "throw away": lambda store, ids: store.trash(ids["done"]),
    "bring back": lambda store, ids: store.restore(ids["trashed"]),
    "hand over": lambda store, ids: hand_over(store.jobs_folder.parent, (Path("/a.png"),)),
}


def tried(write: Callable[[], object]) -> Img2ModelError | None:
    """What kept a write from being done, or None."""
    try:
        write()
    except (SetupProblem, HistoryProblem) as problem:
        return problem
    return None


@pytest.mark.parametrize("trouble", ["full", "read-only"])
@pytest.mark.parametrize("name", WRITES)
def test_each_write_is_done_or_changes_nothing(
    disk: Disk, name: str, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "ANSWER_S", 0.0)
    with closing(open_store(disk)) as store:
        ids = {"done": ended(store, finished), "failed": ended(store, failed), "trashed": ended(store, finished)}
        store.trash(ids["trashed"])
        ids |= {key: store.add(Request(prompt=key)).id for key in ("runs", "waits", "last")}
        store.apply(Started(ids["runs"], 1.0))
    with closing(open_store(disk)) as store:  # the journal is empty again: what it holds is no room for more
        store.recover()
        store.apply(Started(ids["runs"], 1.0))
        if trouble == "full":
            disk.fill()
        else:
            disk.forbid(store.jobs_folder)
        before = snapshot(store)
        problem = tried(lambda: WRITES[name](store, ids))
        assert problem is None or (problem.message.endswith(".") and "\n" not in problem.message and problem.advice)
        assert problem is None or snapshot(store) == before
        assert problem is not None or name not in (*NEVER[trouble],)
        if trouble == "full":
            disk.free()
        else:
            disk.allow(store.jobs_folder)
        if problem is not None:
            WRITES[name](store, ids)  # the same again works now
        after = snapshot(store)
    with closing(open_store(disk)) as store:
        assert store.mended == ""
        assert store.database.damage == ""
        assert snapshot(store) == after


NEVER = {"full": ("add", "add many", "hand over"), "read-only": ("add", "add many")}
"""What cannot succeed; others may, where the history's journal has room or their folder is there."""


def stage_until_refused(store: Store, id_: str) -> None:
    """Writes until the journal is full, too."""
    for number in range(800):
        store.apply(StageBegan(id_, 1.0, (Stage.SCULPT, Stage.CLEAN)[number % 2]))


def test_a_job_that_ends_on_a_full_disk_has_not_ended_until_that_is_written(disk: Disk, store: Store) -> None:
    running = store.add(Request(prompt="x" * 1900)).id
    store.apply(Started(running, 1.0))
    disk.fill()
    with pytest.raises(SetupProblem, match="not enough space"):
        stage_until_refused(store, running)
    with pytest.raises(SetupProblem, match="not enough space"):
        store.apply(finished(running))
    assert store.row(running).state is JobState.RUNNING
    disk.free()
    assert store.apply(finished(running)).state is JobState.DONE


def test_a_start_in_a_folder_that_may_only_be_read_is_one_sentence(disk: Disk) -> None:
    with closing(open_store(disk)) as store:
        id_ = ended(store, finished)
    data = disk.folder / "data"
    content = (data / "history.sqlite3").read_bytes()
    disk.forbid(data)
    with pytest.raises(SetupProblem, match="read-only or belongs to another user"):
        open_store(disk)
    disk.allow(data)
    assert (data / "history.sqlite3").read_bytes() == content
    with closing(open_store(disk)) as store:
        assert (store.mended, [row.id for row in store.rows()]) == ("", [id_])


def test_an_old_history_on_a_full_disk_is_left_as_it_is(disk: Disk) -> None:
    data = disk.folder / "data"
    data.mkdir()
    old = shutil.copy(FROZEN / "history-1.sqlite3", data / "history.sqlite3")
    content = old.read_bytes()
    disk.fill()
    with pytest.raises(SetupProblem, match="not enough space"):
        open_store(disk)
    disk.free()
    assert old.read_bytes() == content
    with closing(open_store(disk)) as store:
        assert (store.mended, len(store.rows())) == ("", 6)


def picture_on(folder: Path) -> Path:
    rows, columns = np.mgrid[0:64, 0:64]
    inside = np.hypot(rows - 32, columns - 32) < 24
    write_png(Picture(np.dstack([columns * 2, rows * 2, rows, inside * 255]).astype(np.uint8)), folder / "ball.png")
    return folder / "ball.png"


def test_the_queue_waits_for_room_and_goes_on_by_itself(
    qtbot: QtBot, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "AGAIN_MS", 100)
    monkeypatch.setattr(runner_module, "MIN_FREE_BYTES", 300_000)
    runner = JobRunner(open_store(disk))
    stalls: list[Trouble | None] = []
    lasts: list[JobEvent] = []
    runner.stalled.connect(stalls.append)
    runner.event_received.connect(lambda event: lasts.append(event) if isinstance(event, LAST) else None)
    try:
        plan = resolve(Request(picture=str(picture_on(tmp_path)), engine="extrude", quality=Quality.DRAFT))
        runner.pause(True)
        job_id = runner.submit(plan)
        disk.fill()
        with contextlib.suppress(SetupProblem):
            runner.pause(False)
        if runner.is_paused:  # even that could not be written
            os.truncate(disk.folder / "ballast", (disk.folder / "ballast").stat().st_size - 65536)
            runner.pause(False)
        qtbot.waitUntil(lambda: bool(stalls))
        assert stalls[0] is not None
        assert stalls[0].message == "The disk is full, so the queue waits."
        assert runner.job(job_id).state is JobState.QUEUED
        disk.free()
        qtbot.waitUntil(lambda: bool(lasts), timeout=60_000)
        assert (len(stalls), stalls[-1]) == (2, None)
        assert [(event.job_id, type(event)) for event in lasts] == [(job_id, Finished)]
    finally:
        runner.close()


def test_events_that_cannot_be_written_are_kept_in_their_order(
    qtbot: QtBot, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "AGAIN_MS", 50)
    runner = JobRunner(open_store(disk))
    stalls: list[Trouble | None] = []
    seen: list[JobEvent] = []
    runner.stalled.connect(stalls.append)
    runner.event_received.connect(seen.append)
    try:
        row = runner.store.add(Request(prompt="p"))
        stages = [StageBegan(row.id, 1.0, (Stage.SCULPT, Stage.CLEAN)[number % 2]) for number in range(100)]
        events = [Started(row.id, 1.0), *stages, finished(row.id)]
        disk.fill()
        for event in events:
            runner._on_event(event)
            disk.fill()  # also what the journal gave back
        written = len(seen)
        assert written < len(events)
        assert len(stalls) == 1  # told once
        assert stalls[0] is not None
        assert "not enough space" in stalls[0].message
        qtbot.wait(120)  # it tries again in vain
        assert (len(seen), len(stalls)) == (written, 1)
        disk.free()
        qtbot.waitUntil(lambda: len(seen) == len(events))
        assert seen == events
        assert stalls[1:] == [None]
    finally:
        runner.close()
    with closing(open_store(disk)) as store:
        assert store.row(row.id).state is JobState.DONE
