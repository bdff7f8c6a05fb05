"""The queue: its order, what is held, pausing and trying again, all of it as it was after a restart."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from img2model_desktop.core.events import (
    Chosen,
    Decided,
    Decision,
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
from img2model_desktop.core.request import Request
from img2model_desktop.errors import HistoryProblem, SetupProblem
from img2model_desktop.jobs import instance
from img2model_desktop.jobs.job_row import changed
from img2model_desktop.jobs.store import JobRow, JobState, Store, next_state
from img2model_desktop.jobs.tally import Tally, tallies, tally_of

FACTS = Facts(100, 200, 1, True, (0.1, 0.05, 0.025))


def open_store(folder: Path) -> Store:
    return Store(folder / "history.sqlite3", folder / "jobs")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path)) as opened:
        yield opened


def added(store: Store, words: str, batch: str = "") -> list[str]:
    """Ids of jobs, one for each letter."""
    return [store.add(Request(prompt=word), batch=batch).id for word in words]


def order(store: Store) -> str:
    return "".join(row.title for row in store.waiting())


def ran(store: Store, id_: str, *events: JobEvent) -> JobRow:
    row = store.apply(Started(id_, 10.0))
    for event in events:
        row = store.apply(event)
    return row


def finished(id_: str) -> Finished:
    return Finished(id_, 20.0, "result.glb", "lathe", FACTS, 3.5)


def failed(id_: str) -> Failed:
    return Failed(id_, 20.0, "engine", "m", "a", "d")


# -- order


def test_a_new_job_is_the_last(store: Store) -> None:
    a, _, _ = added(store, "abc")
    store.apply(Started(a, 1.0))
    added(store, "d")
    assert order(store) == "bcd"
    first = store.next_waiting()
    assert first is not None
    assert first.title == "b"


@pytest.mark.parametrize(
    ("moved", "before", "expected"),
    [
        ("e", "a", "eabcd"),
        ("a", "", "bcdea"),
        ("a", "d", "bcade"),
        ("d", "b", "adbce"),
        ("c", "d", "abcde"),
        ("ca", "e", "bdcae"),
        ("ace", "b", "acebd"),
        ("de", "a", "deabc"),
        ("ab", "", "cdeab"),
        ("abcde", "", "abcde"),
    ],
)
def test_jobs_are_moved_and_stay_there(tmp_path: Path, moved: str, before: str, expected: str) -> None:
    with closing(open_store(tmp_path)) as store:
        ids = dict(zip("abcde", added(store, "abcde"), strict=True))
        store.move(tuple(ids[letter] for letter in moved), ids.get(before, ""))
        assert order(store) == expected
    with closing(open_store(tmp_path)) as store:
        assert "".join(row.title for row in store.recover()) == expected


def test_there_is_always_room_between_two(store: Store) -> None:
    a, b, c = added(store, "abc")
    for _ in range(60):  # a float halves 53 times
        store.move((c,), b)
        store.move((b,), c)
    assert order(store) == "abc"
    store.move((c,), a)
    assert order(store) == "cab"
    assert len({row.position for row in store.waiting()}) == 3


def test_only_what_waits_is_moved_or_held(store: Store) -> None:
    a, b, c = added(store, "abc")
    store.apply(Started(a, 1.0))
    store.apply(Stopped(b, 1.0))
    before = store.rows()
    for id_ in (a, b, "nothing"):
        with pytest.raises(HistoryProblem):
            store.move((c, id_))
        with pytest.raises(HistoryProblem):
            store.hold((c, id_))
    assert store.rows() == before
    store.move((c,), a)  # what it was to stand before has begun meanwhile
    assert order(store) == "c"


def test_a_move_that_cannot_be_written_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    a, _, c = added(store, "abc")
    with closing(sqlite3.connect(store.jobs_folder.parent / "history.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryProblem, match="in use"):
            store.move((c,), a)
        assert order(store) == "abc"
        assert store.row(c).position == 3.0
    store.move((c,), a)
    assert order(store) == "cab"


# -- hold and pause


def test_what_is_held_is_passed_over_and_keeps_its_place(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        a, b, _ = added(store, "abc")
        store.hold((a, b))
    with closing(open_store(tmp_path)) as store:
        assert "".join(row.title for row in store.recover()) == "abc"
        assert store.next_waiting() == store.rows()[0]
        store.hold((b,), is_held=False)
        assert store.next_waiting() == store.row(b)
        store.hold((a,), is_held=False)
        assert store.next_waiting() == store.row(a)


def test_a_paused_queue_stays_paused(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        a, _ = added(store, "ab")
        store.apply(Started(a, 1.0))
        store.pause(is_paused=True)
        assert store.next_waiting() is None
        assert store.apply(finished(a)).state is JobState.DONE
    with closing(open_store(tmp_path)) as store:
        assert (store.is_paused, order(store), store.next_waiting()) == (True, "b", None)
        store.pause(is_paused=False)
        assert store.next_waiting() == store.waiting()[0]
    with closing(open_store(tmp_path)) as store:
        assert not store.is_paused


# -- again


@pytest.mark.parametrize("last", [failed, lambda id_: Stopped(id_, 20.0)])
def test_a_job_is_tried_again_in_place_with_its_finished_stages(
    tmp_path: Path, last: Callable[[str], JobEvent]
) -> None:
    with closing(open_store(tmp_path)) as store:
        id_, _ = added(store, "ab")
        decided = Decided(id_, 11.0, Decision.RETRY, Stage.SCULPT, "lathe", "Once more.")
        row = ran(store, id_, Chosen(id_, 10.5, "lathe", "x"), Warned(id_, 11.0, "w"), decided, last(id_))
        assert (row.warnings, row.decisions) == (("w",), ("Once more.",))
        (row.folder / "cutout.png").write_bytes(b"kept")
        again = store.retry(id_)
        assert again == JobRow(id_, JobState.QUEUED, row.request, row.title, row.created, row.folder, position=3.0)
        assert order(store) == "ba"
        assert sorted(path.name for path in row.folder.iterdir()) == ["cutout.png", "job.json"]
    (tmp_path / "history.sqlite3").unlink()  # the folder says the same
    with closing(open_store(tmp_path)) as store:
        store.recover()
        assert store.row(id_) == again
        assert ran(store, id_, finished(id_)).state is JobState.DONE


def test_only_what_failed_or_was_stopped_is_tried_again(store: Store) -> None:
    a, b, c, d = added(store, "abcd")
    ran(store, a, finished(a))
    store.apply(Started(b, 1.0))
    ran(store, d, failed(d))
    store.trash(d)
    for id_ in (a, b, c, d):
        before = store.row(id_)
        with pytest.raises(HistoryProblem):
            store.retry(id_)
        assert store.row(id_) == before


def test_many_jobs_are_added_all_or_none(store: Store) -> None:
    wanted = [(Request(prompt=f"{number}"), f"job {number}") for number in range(5)]
    rows = store.add_all(wanted, batch="b1")
    assert [row.title for row in rows] == [f"job {number}" for number in range(5)]
    assert store.waiting() == rows
    assert store.rows() == rows[::-1]
    before = sorted(store.jobs_folder.iterdir())

    def broken() -> Iterator[tuple[Request, str]]:
        yield Request(prompt="x"), ""
        raise SetupProblem("no")

    with pytest.raises(SetupProblem):
        store.add_all(broken())
    assert (store.waiting(), sorted(store.jobs_folder.iterdir())) == (rows, before)


# -- trash, stars, titles


def test_the_trash_keeps_everything_until_it_is_emptied(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        a, b, c = added(store, "abc")
        for id_ in (a, b):
            ran(store, id_, finished(id_))
            (store.row(id_).folder / "result.glb").write_bytes(b"glTF")
            assert store.trash(id_).trashed == pytest.approx(time.time(), abs=5)
        assert [row.id for row in store.rows()] == [c]
        assert [row.id for row in store.trashed()] == [b, a]
    (tmp_path / "history.sqlite3").unlink()  # the folders know of the trash
    with closing(open_store(tmp_path)) as store:
        assert [row.id for row in store.recover()] == [c]
        assert [row.id for row in store.rows()] == [c]
        assert [row.id for row in store.trashed()] == [b, a]
        assert store.restore(a).trashed is None
        assert [row.id for row in store.rows()] == [c, a]
        assert store.empty_trash() == 1
        assert store.trashed() == ()
        assert not (tmp_path / "jobs" / b).exists()
        assert (tmp_path / "jobs" / a / "result.glb").read_bytes() == b"glTF"


def test_what_waits_or_runs_is_not_thrown_away(store: Store) -> None:
    a, b = added(store, "ab")
    store.apply(Started(a, 1.0))
    for id_ in (a, b):
        with pytest.raises(HistoryProblem, match="not ended"):
            store.trash(id_)
    assert store.trashed() == ()


def test_a_folder_that_cannot_be_removed_stays_in_the_trash(store: Store) -> None:
    ids = added(store, "abc")
    for id_ in ids:
        store.trash(ran(store, id_, finished(id_)).id)

    def discard(folder: Path) -> None:
        if folder.name == ids[1]:
            raise PermissionError(13, "in use")
        shutil.rmtree(folder)

    with pytest.raises(SetupProblem):
        store.empty_trash(discard)
    assert [row.id for row in store.trashed()] == [ids[1]]


def test_stars_and_titles_last_also_without_the_database(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        a, b = added(store, "ab")
        ran(store, a, finished(a))
        assert [store.rate(a, stars).stars for stars in (-1, 3, 9)] == [0, 3, 5]
        store.rename(a, "  My\ncup ")
        store.rename(b, "wait")
        store.rename(b, " ")
        rows = store.rows()
        assert [row.title for row in rows] == ["b", "My cup"]
    (tmp_path / "history.sqlite3").unlink()
    with closing(open_store(tmp_path)) as store:
        store.recover()
        assert store.rows() == rows


def test_everything_new_about_a_job_is_in_its_folder(store: Store) -> None:
    (id_,) = added(store, "a", batch="b1")
    store.hold((id_,))
    plain = json.loads((store.row(id_).folder / "job.json").read_text())["job"]
    assert (plain["is_held"], plain["batch"], plain["position"]) == (1, "b1", 1.0)
    ran(store, id_, Decided(id_, 11.0, Decision.STEP_DOWN, Stage.SCULPT, "lathe", "Cheaper.", "x"), finished(id_))
    store.rate(id_, 4)
    store.trash(id_)
    plain = json.loads((store.row(id_).folder / "ended.json").read_text())["job"]
    assert (plain["stars"], plain["decisions"], plain["batch"]) == (4, '["Cheaper. x"]', "b1")
    assert plain["trashed"] == store.row(id_).trashed


# -- what was parted


def test_folders_without_rows_are_taken_in_and_told(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        a, b = added(store, "ab")
        row = ran(store, a, finished(a))
    with closing(sqlite3.connect(tmp_path / "history.sqlite3")) as db:
        db.execute("DELETE FROM job")
        db.commit()
    (tmp_path / "jobs" / "20260101-000000-000000-0001").mkdir()  # cut off before anything was in it
    (tmp_path / "jobs" / "20260101-000000-000000-0002" / ".image2model-1").mkdir(parents=True)
    (tmp_path / "jobs" / "20260101-000000-000000-0003").mkdir()
    (tmp_path / "jobs" / "20260101-000000-000000-0003" / "notes.txt").write_text("mine")
    with closing(open_store(tmp_path)) as store:
        assert [row.id for row in store.recover()] == [b]
        assert store.row(a) == row
        assert store.mended == "2 jobs were found in folders that the history did not know."
    left = {path.name for path in (tmp_path / "jobs").iterdir()}
    assert left == {a, b, "20260101-000000-000000-0003"}
    with closing(open_store(tmp_path)) as store:
        store.recover()
        assert store.mended == ""


def test_a_result_whose_folder_is_gone_is_marked_once_and_comes_back_with_it(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        a, b, c = added(store, "abc")
        row = ran(store, a, finished(a))
        ran(store, b, failed(b))
        for id_ in (b, c):
            shutil.rmtree(store.row(id_).folder)
        row.folder.rename(tmp_path / "elsewhere")
    for told in ("The folder of 1 result is not there any more.", ""):
        with closing(open_store(tmp_path)) as store:
            assert [waiting.id for waiting in store.recover()] == [c]
            assert store.mended == told
            assert store.row(a) == replace(row, is_gone=True)
            assert not store.row(b).is_gone  # it had no result
            assert (store.row(c).folder / "job.json").is_file()
    (tmp_path / "elsewhere").rename(row.folder)
    with closing(open_store(tmp_path)) as store:
        store.recover()
        assert (store.row(a), store.mended) == (row, "")


def test_a_note_that_a_power_cut_emptied_is_written_again(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        (a,) = added(store, "a")
        note = store.row(a).folder / "job.json"
        before = note.read_bytes()
    note.write_bytes(b"")
    with closing(open_store(tmp_path)) as store:
        store.recover()
    assert note.read_bytes() == before


# -- lists


def test_lists_of_what_is_under_way_and_what_has_ended(store: Store) -> None:
    a, b, c, d = added(store, "abcd")
    x, y = added(store, "xy", batch="b1")
    ran(store, a, finished(a))
    ran(store, b, failed(b))
    store.trash(b)
    store.apply(Started(d, 1.0))
    ran(store, x, finished(x))
    assert [row.id for row in store.under_way()] == [d, c]
    assert [row.id for row in store.under_way("b1")] == [y]
    assert [row.id for row in store.ended()] == [a]
    assert [row.id for row in store.ended(batch="b1")] == [x]
    ended = [*[ran(store, id_, finished(id_)).id for id_ in added(store, "1234567")][::-1], a]
    pages, before = [], ""
    while page := store.ended(3, before):
        pages.append([row.id for row in page])
        before = page[-1].id
    assert pages == [ended[:3], ended[3:6], ended[6:]]


def test_a_batch_in_numbers(store: Store) -> None:
    assert tallies(store.database) == ()
    ids = added(store, "abcdef", batch="b1")
    other = added(store, "x", batch="b0")
    with store.database.writing(lasting=False) as db:
        db.execute(
            "INSERT INTO batch (id, title, source, created, request) VALUES ('b1', 'Holiday', '/pictures', 1.0, '{}')"
        )
    ran(store, ids[0], finished(ids[0]))
    ran(store, ids[1], failed(ids[1]))
    ran(store, ids[2], finished(ids[2]))
    store.trash(ids[2])
    store.apply(Started(ids[3], 1.0))
    store.hold((ids[5],))
    expected = Tally("b1", "Holiday", ids[5], waiting=2, running=1, done=1, failed=1, held=1, position=5.0)
    assert (expected.total, expected.ended) == (5, 2)
    assert tallies(store.database) == (Tally("b0", "", other[0], waiting=1, position=7.0), expected)
    assert tally_of(store.database, "b1") == expected
    assert tally_of(store.database, "none").total == 0


# -- one last event

EVENTS = st.sampled_from(
    [
        Started("j", 1.0),
        StageBegan("j", 2.0, Stage.CLEAN),
        Progressed("j", 2.5, Stage.CLEAN, 0.5),
        Preview("j", 2.6, Stage.CUT_OUT, "cutout.png"),
        Chosen("j", 2.7, "lathe", "x"),
        Warned("j", 3.0, "w"),
        Decided("j", 3.0, Decision.RETRY, Stage.SCULPT, "lathe", "m"),
        Finished("j", 4.0, "result.glb", "lathe", FACTS, 1.0),
        Failed("j", 4.0, "engine", "m", "a"),
        Stopped("j", 4.0),
    ]
)


@given(st.lists(EVENTS, max_size=25))
@settings(max_examples=300)
def test_whatever_comes_a_job_ends_once_and_stays_as_it_ended(events: list[JobEvent]) -> None:
    row = JobRow("j", JobState.QUEUED, Request(prompt="p"), "t", 0.0, Path("j"))
    entered: list[JobState] = []
    for event in events:
        try:
            state = next_state(row.state, event)
        except ValueError:
            is_news = not isinstance(event, Failed | Stopped)
            assert row.state is (JobState.RUNNING if isinstance(event, Started) else JobState.QUEUED)
            assert is_news
            continue
        after = changed(row, event)
        assert after.state is state
        if row.state.has_ended:
            assert after == row
        elif state.has_ended:
            entered.append(state)
            assert after.ended == 4.0
        assert next_state(row.state, event) is state  # it keeps no memory
        row = after
    assert len(entered) <= 1
    assert row.state.has_ended == bool(entered)
    assert row.starts <= 1


class Queue(RuleBasedStateMachine):
    """Any order of what a user can do with the queue, against a list; the program is killed at any moment."""

    @initialize()
    def begin(self) -> None:
        self.home = Path(os.environ["IMG2MODEL_HOME"]).parent / f"queue-{time.monotonic_ns()}"
        self.home.mkdir(parents=True)
        self.store = open_store(self.home)
        self.line: list[str] = []
        self.held: set[str] = set()
        self.is_paused = False
        self.running = ""
        self.ended: dict[str, JobState] = {}

    @rule(count=st.integers(1, 3))
    def add(self, count: int) -> None:
        self.line += [row.id for row in self.store.add_all([(Request(prompt="p"), "")] * count)]

    @precondition(lambda self: self.line)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        moved = data.draw(st.lists(st.sampled_from(self.line), min_size=1, max_size=3, unique=True))
        others = [id_ for id_ in self.line if id_ not in moved]
        before = data.draw(st.sampled_from([*others, ""]))
        self.store.move(tuple(moved), before)
        at = others.index(before) if before else len(others)
        self.line = [*others[:at], *moved, *others[at:]]

    @precondition(lambda self: self.line)
    @rule(data=st.data(), is_held=st.booleans())
    def hold(self, data: st.DataObject, is_held: bool) -> None:
        id_ = data.draw(st.sampled_from(self.line))
        self.store.hold((id_,), is_held=is_held)
        (self.held.add if is_held else self.held.discard)(id_)

    @rule(is_paused=st.booleans())
    def pause(self, is_paused: bool) -> None:
        self.store.pause(is_paused=is_paused)
        self.is_paused = is_paused

    @precondition(lambda self: not self.running)
    @rule()
    def start(self) -> None:
        row = self.store.next_waiting()
        expected = [id_ for id_ in self.line if id_ not in self.held]
        if self.is_paused or not expected:
            assert row is None
            return
        assert row is not None
        assert row.id == expected[0]
        self.store.apply(Started(row.id, 1.0))
        self.line.remove(row.id)
        self.running = row.id

    @precondition(lambda self: self.running)
    @rule(end=st.sampled_from([finished, failed, lambda id_: Stopped(id_, 5.0)]))
    def end(self, end: Callable[[str], JobEvent]) -> None:
        row = self.store.apply(end(self.running))
        self.ended[row.id] = row.state
        self.running = ""

    @precondition(lambda self: self.ended)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.ended)))
        if self.ended[id_] is JobState.DONE:
            with pytest.raises(HistoryProblem):
                self.store.retry(id_)
            return
        self.store.retry(id_)
        del self.ended[id_]
        self.line.append(id_)
        self.held.discard(id_)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = open_store(self.home)
        waiting = [row.id for row in self.store.recover()]
        if self.running and self.store.row(self.running).state.has_ended:  # the third time
            self.ended[self.running] = JobState.FAILED
        elif self.running:
            self.line.insert(waiting.index(self.running), self.running)
        self.running = ""
        assert waiting == self.line

    @invariant()
    def the_store_agrees(self) -> None:
        assert [row.id for row in self.store.waiting()] == self.line
        assert {row.id for row in self.store.waiting() if row.is_held} >= self.held & set(self.line)
        assert self.store.is_paused is self.is_paused
        assert {row.id: row.state for row in self.store.rows(1000) if row.state.has_ended} == self.ended

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.home)


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=8, stateful_step_count=25)


def test_the_folder_is_claimed_while_a_store_is_open(store: Store, tmp_path: Path) -> None:
    with pytest.raises(instance.InUse):
        open_store(tmp_path)
