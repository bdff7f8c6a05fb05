"""The history: nothing that was said to be there is ever lost."""

import json
import multiprocessing
import multiprocessing.connection
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from img2model_desktop.core.events import (
    Chosen,
    Facts,
    Failed,
    Finished,
    JobEvent,
    Preview,
    Progressed,
    Stage,
    StageBegan,
    Started,
    Stopped,
    Warned,
)
from img2model_desktop.core.request import Quality, Request, Stroke
from img2model_desktop.errors import HistoryProblem, SetupProblem
from img2model_desktop.jobs.job_row import from_values, to_values
from img2model_desktop.jobs.store import JobRow, JobState, Store, next_state, title_of

FACTS = Facts(100, 200, 1, True, (0.1, 0.05, 0.025))
REQUEST = Request(
    picture="bilder/Tasse “blau”.png",
    quality=Quality.HIGH,
    seed=7,
    size_mm=42.5,
    options=(("faces", 5000), ("thickness", 0.5)),
    strokes=(Stroke(True, 0.1, ((0.0, 0.5), (1.0, 0.25))),),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path)) as opened:
        yield opened


def open_store(folder: Path) -> Store:
    return Store(folder / "data" / "history.sqlite", folder / "data" / "jobs")


def finished(row: JobRow, at: float = 20.0) -> Finished:
    return Finished(row.id, at, str(row.folder / "result.glb"), "inflate", FACTS, 3.5)


def started(store: Store, request: Request = REQUEST) -> JobRow:
    return store.apply(Started(store.add(request).id, 10.0))


# -- a job's life ----------------------------------------------------------------------------------


def test_a_new_job_is_on_disk_before_add_returns(store: Store, tmp_path: Path) -> None:
    row = store.add(REQUEST)
    assert (row.state, row.title, row.request, row.stage, row.engine) == (
        JobState.QUEUED,
        "Tasse “blau”",
        REQUEST,
        None,
        "",
    )
    assert row.folder == tmp_path / "data" / "jobs" / row.id
    plain = json.loads((row.folder / "job.json").read_text(encoding="utf-8"))
    assert Request.from_dict(json.loads(plain["job"]["request"])) == REQUEST
    assert sorted(path.name for path in row.folder.iterdir()) == ["job.json"]
    store.close()
    with closing(open_store(tmp_path)) as again:
        assert again.row(row.id) == row


def test_a_whole_life(store: Store, tmp_path: Path) -> None:
    row = store.add(REQUEST)
    events: list[JobEvent] = [
        Started(row.id, 10.0),
        StageBegan(row.id, 11.0, Stage.SCULPT),
        Chosen(row.id, 11.5, "lathe", "It is round."),
        Progressed(row.id, 12.0, Stage.SCULPT, 0.25),
        Preview(row.id, 12.5, Stage.SCULPT, "shape.npz"),
        Warned(row.id, 13.0, "It is small.", "Use a larger picture."),
        Warned(row.id, 13.0, "It is dark."),
    ]
    for event in events:
        row = store.apply(event)
    assert (row.state, row.started, row.starts, row.stage, row.fraction) == (JobState.RUNNING, 10.0, 1, "sculpt", 0.25)
    assert (row.engine, row.reason) == ("lathe", "It is round.")
    row = store.apply(finished(row))
    assert (row.state, row.ended, row.seconds, row.fraction) == (JobState.DONE, 20.0, 3.5, 1.0)
    assert (row.engine, row.facts, row.result_path) == ("inflate", FACTS, row.folder / "result.glb")
    assert row.warnings == ("It is small. Use a larger picture.", "It is dark.")
    store.close()
    with closing(open_store(tmp_path)) as again:
        assert again.row(row.id) == row
        assert again.rows() == (row,)


def test_a_failure_keeps_its_words(store: Store) -> None:
    row = started(store)
    row = store.apply(Failed(row.id, 14.0, "input", "Nothing there.", "Use another.", "details"))
    assert (row.state, row.ended, row.seconds, row.result_path) == (JobState.FAILED, 14.0, 4.0, None)
    assert (row.error_kind, row.error_message, row.error_advice, row.error_details) == (
        "input",
        "Nothing there.",
        "Use another.",
        "details",
    )


def test_a_waiting_job_can_be_stopped(store: Store) -> None:
    row = store.apply(Stopped(store.add(REQUEST).id, 5.0))
    assert (row.state, row.started, row.seconds) == (JobState.STOPPED, None, None)


def test_what_comes_after_the_last_event_changes_nothing(store: Store) -> None:
    row = started(store)
    ended = store.apply(Stopped(row.id, 12.0))
    for late in (Progressed(row.id, 13.0, Stage.SAVE, 1.0), finished(row), Failed(row.id, 14.0, "bug", "x", "y")):
        assert store.apply(late) == ended
    assert store.row(row.id) == ended


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (JobState.QUEUED, Progressed("a", 1.0, Stage.SAVE, 0.5)),
        (JobState.QUEUED, StageBegan("a", 1.0, Stage.SAVE)),
        (JobState.QUEUED, Finished("a", 1.0, "result.glb", "inflate", FACTS, 1.0)),
        (JobState.RUNNING, Started("a", 1.0)),
    ],
)
def test_news_that_cannot_be_is_a_bug(state: JobState, event: JobEvent) -> None:
    with pytest.raises(ValueError, match="cannot come while a job is"):
        next_state(state, event)


def test_progress_is_never_written(store: Store, tmp_path: Path) -> None:
    row = started(store)
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
    for k in range(100):
        row = store.apply(Progressed(row.id, 11.0, Stage.PAINT, k / 99))
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files} == before
    assert (store.row(row.id).fraction, store.rows()[0].fraction, store.rows()[0].stage) == (1.0, 1.0, "paint")


def test_events_cost_little(store: Store) -> None:
    row = started(store)
    events: list[JobEvent] = [Warned(row.id, 1.0, "a")] * 20 + [Progressed(row.id, 1.0, Stage.SAVE, 0.1)] * 20
    began = time.process_time()
    for event in events:
        store.apply(event)
    assert (time.process_time() - began) / len(events) < 0.005


# -- lists -----------------------------------------------------------------------------------------


def test_rows_come_newest_first_page_by_page(store: Store) -> None:
    made = [store.add(Request(prompt=f"job {k}")) for k in range(7)]
    assert [row.id for row in made] == sorted({row.id for row in made})
    newest = tuple(reversed(made))
    assert store.rows() == newest
    assert store.rows(limit=3) == newest[:3]
    assert store.rows(limit=3, before=newest[2].id) == newest[3:6]
    assert store.rows(before=newest[6].id) == ()


def test_ids_sort_by_time_even_when_the_clock_goes_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([2_000_000_000.0, 1_000_000_000.0, 1_000_000_000.0, 3_000_000_000.0])
    monkeypatch.setattr(time, "time", lambda: next(times))
    ids = [store.add(REQUEST).id for _ in range(4)]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    ("request_", "title"),
    [
        (Request(picture="a/b/cup.tar.png"), "cup.tar"),
        (Request(prompt="  Happy \n birthday "), "Happy birthday"),
        (Request(prompt="x" * 61), "x" * 59 + "…"),
        (Request(prompt="x" * 60), "x" * 60),
        (Request(), "untitled"),
    ],
)
def test_titles(request_: Request, title: str, store: Store) -> None:
    assert title_of(request_) == title
    assert store.add(request_).title == title


def test_names_that_are_no_text(store: Store, tmp_path: Path) -> None:
    odd = Request(picture="a/\udcff\udcfe.png")
    row = store.apply(Started(store.add(odd).id, 1.0))
    store.apply(Failed(row.id, 2.0, "input", "“\udcff” cannot be read.", "Choose another.", "\ud800"))
    store.close()
    with closing(open_store(tmp_path)) as again:
        found = again.row(row.id)
        assert (found.request, found.title, found.error_message) == (odd, "??", "“?” cannot be read.")


def test_a_title_of_ones_own(store: Store) -> None:
    assert store.add(REQUEST, " my\ncup ").title == "my cup"


# -- crashes ---------------------------------------------------------------------------------------


def test_jobs_that_ran_wait_again_and_the_third_crash_is_the_last(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        first, second, done = store.add(REQUEST), store.add(REQUEST), started(store)
        store.apply(finished(done))
    for crash in (1, 2, 3):
        with closing(open_store(tmp_path)) as store:
            assert [row.id for row in store.recover()] == [first.id, second.id]
            assert store.row(first.id).state is JobState.QUEUED
            assert store.apply(Started(first.id, 10.0)).starts == crash
    with closing(open_store(tmp_path)) as store:
        assert [row.id for row in store.recover()] == [second.id]
        failed = store.row(first.id)
        assert (failed.state, failed.error_kind, failed.starts) == (JobState.FAILED, "bug", 3)
        assert "ended 3 times" in failed.error_message
        assert store.row(done.id).state is JobState.DONE


def _run_until_killed(folder: Path, said: multiprocessing.connection.Connection) -> None:
    store = open_store(folder)
    row = store.add(REQUEST)
    for k in range(1000):
        store.apply([Started(row.id, 1.0), StageBegan(row.id, 2.0, Stage.SCULPT), finished(row)][k % 3])
        said.send((row.id, k % 3))
        if k % 3 == 2:
            row = store.add(REQUEST)


def test_a_killed_program_loses_nothing_it_said_it_had(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run_until_killed, args=(tmp_path, theirs))
    process.start()
    theirs.close()
    said = [mine.recv() for _ in range(40)]
    process.kill()
    process.join()
    process.close()
    with closing(mine), closing(open_store(tmp_path)) as store:
        while mine.poll():
            try:
                said.append(mine.recv())
            except EOFError:
                break
        store.recover()
        assert store.mended == ""
        for id_, step in said:
            if step == 2:
                assert store.row(id_).state is JobState.DONE
                assert store.row(id_).facts == FACTS
            else:
                assert store.row(id_).starts == 1


def test_a_job_folder_that_went_missing_is_made_again(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        row = store.add(REQUEST)
        shutil.rmtree(row.folder)
    with closing(open_store(tmp_path)) as store:
        assert store.recover() == (row,)
        assert row.folder.is_dir()


# -- damage ----------------------------------------------------------------------------------------


def history_of_three(folder: Path) -> dict[str, JobRow]:
    """A finished, a failed and a waiting job, and some folders that are no jobs."""
    with closing(open_store(folder)) as store:
        done, failed, waiting = started(store), started(store), store.add(REQUEST, "waiting")
        store.apply(finished(done))
        store.apply(Failed(failed.id, 14.0, "engine", "m", "a", "d"))
        rows = {row.id: store.row(row.id) for row in (done, failed, waiting)}
    for name, content in (
        ("empty", None),
        ("broken", "{"),
        ("other", '{"job": 3}'),
        ("newer", '{"job": {"state": "x"}}'),
    ):
        (folder / "data" / "jobs" / name).mkdir()
        if content is not None:
            (folder / "data" / "jobs" / name / "job.json").write_text(content)
    (folder / "data" / "jobs" / "file").write_text("")
    return rows


def _overwrite_header(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)


def _overwrite_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[200:] = os.urandom(len(content) - 200)
    path.write_bytes(bytes(content))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


@pytest.mark.parametrize("damage", [_overwrite_header, _overwrite_pages, _cut])
def test_a_damaged_database_is_kept_and_built_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    rows = history_of_three(tmp_path)
    path = tmp_path / "data" / "history.sqlite"
    damage(path)
    damaged = path.read_bytes()
    with closing(open_store(tmp_path)) as store:
        assert {row.id: row for row in store.rows()} == rows
        assert "3 jobs were found again" in store.mended
    kept = [item for item in path.parent.iterdir() if "damaged" in item.name and item.suffix == ".sqlite"]
    assert [item.read_bytes() for item in kept] == [damaged]
    with closing(open_store(tmp_path)) as store:
        assert store.mended == ""
        assert len(store.rows()) == 3


def test_a_lost_database_is_built_again(tmp_path: Path) -> None:
    rows = history_of_three(tmp_path)
    (tmp_path / "data" / "history.sqlite").unlink()
    with closing(open_store(tmp_path)) as store:
        waiting = store.recover()
        assert {row.id: row for row in store.rows()} == rows
        assert [row.title for row in waiting] == ["waiting"]


def test_jobs_can_be_moved_to_another_place(tmp_path: Path) -> None:
    rows = history_of_three(tmp_path)
    (tmp_path / "data").rename(tmp_path / "moved")
    with closing(Store(tmp_path / "moved" / "history.sqlite", tmp_path / "moved" / "jobs")) as store:
        for row in store.rows():
            folder = tmp_path / "moved" / "jobs" / row.id
            result = folder / "result.glb" if rows[row.id].result_path else None
            assert row == replace(rows[row.id], folder=folder, result_path=result)


def test_a_newer_history_is_refused_and_left_alone(tmp_path: Path) -> None:
    history_of_three(tmp_path)
    path = tmp_path / "data" / "history.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(HistoryProblem, match="newer version"):
        open_store(tmp_path)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*damaged*"))


def test_two_programs_cannot_use_it_at_once(store: Store, tmp_path: Path) -> None:
    row = store.add(REQUEST)
    with pytest.raises(HistoryProblem, match="in use by another program"):
        open_store(tmp_path)
    assert store.row(row.id) == row


def test_a_request_that_this_version_cannot_read_keeps_its_result(store: Store) -> None:
    row = started(store)
    row = store.apply(finished(row))
    values = to_values(row) | {"request": '{"from_the_future": 1}'}
    assert from_values(values, row.folder) == replace(row, request=Request())


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(SetupProblem):
        open_store(tmp_path)


# -- taking away -----------------------------------------------------------------------------------


def test_delete_takes_row_and_folder(store: Store, tmp_path: Path) -> None:
    kept, gone = started(store), started(store)
    for row in (kept, gone):
        store.apply(finished(row))
    bin_ = tmp_path / "bin"
    store.delete(gone.id, lambda folder: folder.rename(bin_) and None)
    assert (bin_ / "job.json").is_file()
    assert [row.id for row in store.rows()] == [kept.id]
    with pytest.raises(HistoryProblem, match="not in the history"):
        store.row(gone.id)
    store.delete(kept.id)
    assert not kept.folder.exists()
    assert store.recover() == ()


def test_a_running_job_cannot_be_deleted_nor_one_that_is_not_there(store: Store) -> None:
    row = started(store)
    with pytest.raises(HistoryProblem, match="running"):
        store.delete(row.id)
    assert row.folder.is_dir()
    with pytest.raises(HistoryProblem):
        store.delete("nothing")


def test_a_folder_that_cannot_go_keeps_its_row(store: Store) -> None:
    row = store.apply(Stopped(store.add(REQUEST).id, 1.0))

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "in use")

    with pytest.raises(SetupProblem):
        store.delete(row.id, refuse)
    assert store.row(row.id) == row


# -- a full disk -----------------------------------------------------------------------------------


def test_a_full_disk_is_said_and_what_was_there_stays(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    as_root = os.name == "posix" and os.geteuid() == 0
    if not as_root or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        with closing(open_store(folder)) as store:
            made: list[JobRow] = []

            def fill() -> None:
                made.extend(store.add(Request(prompt=f"{k} " + "x" * 5000)) for k in range(500))

            with pytest.raises(SetupProblem, match="not enough space"):
                fill()
            assert made
            assert store.rows(limit=1000) == tuple(reversed(made))
            assert {path.name for path in (folder / "data" / "jobs").iterdir()} == {row.id for row in made}
        with closing(open_store(folder)) as store:
            assert (store.mended, len(store.recover())) == ("", len(made))
    finally:
        subprocess.run(["umount", str(folder)], check=True)


# -- any order of events ---------------------------------------------------------------------------


class Life(RuleBasedStateMachine):
    """Several jobs get any events that a program may send, the program is closed and opened at any moment."""

    @initialize()
    def begin(self) -> None:
        self.home = Path(os.environ["IMG2MODEL_HOME"]).parent / f"life-{time.monotonic_ns()}"
        self.store = open_store(self.home)
        self.ids: list[str] = []
        self.ended: dict[str, JobRow] = {}
        self.known: dict[str, JobState] = {}

    @rule(prompt=st.text(max_size=80))
    def add(self, prompt: str) -> None:
        row = self.store.add(Request(prompt=prompt))
        self.ids.append(row.id)
        self.known[row.id] = JobState.QUEUED

    @precondition(lambda self: self.ids)
    @rule(
        data=st.data(),
        make=st.sampled_from(
            [
                lambda i: Started(i, 1.0),
                lambda i: StageBegan(i, 2.0, Stage.CLEAN, True),
                lambda i: Progressed(i, 3.0, Stage.CLEAN, 0.5),
                lambda i: Chosen(i, 3.0, "relief", "x"),
                lambda i: Warned(i, 4.0, "careful"),
                lambda i: Finished(i, 5.0, "result.glb", "relief", FACTS, 4.0),
                lambda i: Failed(i, 5.0, "engine", "m", "a"),
                lambda i: Stopped(i, 5.0),
            ]
        ),
    )
    def send(self, data: st.DataObject, make: Callable[[str], JobEvent]) -> None:
        event = make(data.draw(st.sampled_from(self.ids)))
        before = self.store.row(event.job_id)
        try:
            row = self.store.apply(event)
        except ValueError:
            assert not before.state.has_ended
            assert self.store.row(event.job_id) == before
            return
        if before.state.has_ended:
            assert row == before
        self.known[row.id] = row.state
        if row.state.has_ended:
            self.ended.setdefault(row.id, row)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = open_store(self.home)
        waiting = [row.id for row in self.store.recover()]
        for id_, state in self.known.items():
            if state is JobState.RUNNING:
                row = self.store.row(id_)
                assert row.state is (JobState.FAILED if row.starts >= 3 else JobState.QUEUED)
                self.known[id_] = row.state
                if row.state.has_ended:
                    self.ended[id_] = row
        assert waiting == [id_ for id_ in self.ids if self.known[id_] is JobState.QUEUED]

    @invariant()
    def the_store_agrees(self) -> None:
        rows = self.store.rows(limit=1000)
        assert [row.id for row in rows] == self.ids[::-1]
        for row in rows:
            assert row.state is self.known[row.id]
            assert row == self.store.row(row.id)
            if row.id in self.ended:
                assert row == self.ended[row.id]

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.home)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=8, stateful_step_count=20)
