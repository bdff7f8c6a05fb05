"""The file of the history: older ones are brought up to date whole or not at all, newer and damaged ones are kept."""

import multiprocessing
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from img2model_desktop.core.events import Facts
from img2model_desktop.core.request import Quality, Request, Stroke
from img2model_desktop.errors import HistoryProblem, SetupProblem
from img2model_desktop.jobs import schema
from img2model_desktop.jobs.database import Database
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.store import Store

FROZEN = Path(__file__).parent / "frozen"
"""`history-N.sqlite3` was written by the program when N was its version; never made anew."""

NEW_COLUMNS = {
    "position": 0.0,
    "is_held": 0,
    "batch": "",
    "stars": 0,
    "trashed": None,
    "decisions": "[]",
    "is_gone": 0,
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A history of version 1 in its place."""
    (tmp_path / "data" / "jobs").mkdir(parents=True)
    return Path(shutil.copy(FROZEN / "history-1.sqlite3", tmp_path / "data" / "history.sqlite3"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(tmp_path / "history.sqlite3")) as opened:
        yield opened


def rows_in(path: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT * FROM job ORDER BY id")]


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        return int(version)


# -- older versions


def test_every_row_of_version_1_is_there_exactly_with_what_is_new_at_its_default(old: Path) -> None:
    before = rows_in(old)
    assert len(before) == 6
    Database(old).close()
    assert rows_in(old) == [row | NEW_COLUMNS for row in before]
    assert version_of(old) == schema.VERSION == 2


def test_rows_of_version_1_mean_what_they_meant(old: Path) -> None:
    with closing(Store(old, old.parent / "jobs")) as store:
        rows = {row.title: row for row in store.rows()}
        cup = rows["Tasse “blau”"]
        assert cup == JobRow(
            id="20231114-221320-000000-0001",
            state=JobState.DONE,
            request=Request(
                picture="bilder/Tasse “blau”.png",
                quality=Quality.HIGH,
                seed=7,
                size_mm=42.5,
                options=(("faces", 5000), ("thickness", 0.5)),
                strokes=(Stroke(True, 0.1, ((0.0, 0.5), (1.0, 0.25))),),
            ),
            title="Tasse “blau”",
            created=1_700_000_000.0,
            folder=old.parent / "jobs" / "20231114-221320-000000-0001",
            started=10.0,
            ended=20.0,
            starts=1,
            stage="sculpt",
            fraction=1.0,
            engine="lathe",
            reason="It is round.",
            result_path=old.parent / "jobs" / "20231114-221320-000000-0001" / "result.glb",
            facts=Facts(100, 200, 1, True, (0.1, 0.05, 0.025)),
            warnings=("It is small. Use a larger picture.", "It is dark."),
            seconds=3.5,
        )
        assert rows["Hello “world” ☃"].error_message == "Nothing there."
        assert rows["My chair"].state is JobState.STOPPED
        assert [row.title for row in store.recover()] == ["x", "later", "last"]  # the one that ran goes on first
        assert rows["My chair"].request == Request(mesh="old chair.stl", mesh_up="z", mesh_unit="cm")
        added = store.add(Request(prompt="new"))
        assert [row.title for row in store.waiting()] == ["x", "later", "last", added.title]


def test_a_copy_as_it_was_is_kept(old: Path) -> None:
    before = rows_in(old)
    Database(old).close()
    kept = old.with_name("history.sqlite3.before-2")
    assert (version_of(kept), rows_in(kept)) == (1, before)
    assert sorted(path.name for path in old.parent.iterdir()) == ["history.sqlite3", kept.name, "jobs"]
    Database(old).close()  # of today: nothing is copied again
    assert (version_of(kept), rows_in(kept)) == (1, before)


def statements() -> list[str]:
    """Of the step from version 1 to 2."""
    return [part for part in schema._QUEUE_AND_LIBRARY.split(";\n") if part.strip()]


class Cutting(sqlite3.Connection):
    """A connection that fails, or ends the process, at the nth statement that changes the tables."""

    left = 0
    end: Callable[[], None] = staticmethod(lambda: None)

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if sql.lstrip().startswith(("ALTER", "CREATE", "PRAGMA user_version =")):
            type(self).left -= 1
            if type(self).left < 0:
                type(self).end()
        return super().execute(sql, *args)


def _fail() -> None:
    raise sqlite3.OperationalError("disk I/O error")


def _cut_migration(path: Path, at: int) -> None:
    """In a process of its own: killed before statement `at` of the migration."""
    Cutting.left, Cutting.end = at, staticmethod(lambda: os.kill(os.getpid(), signal.SIGKILL))
    db = sqlite3.connect(path, factory=Cutting, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    schema.bring_up_to_date(db, path)


@pytest.mark.parametrize("at", range(0, 30, 3))
def test_a_migration_that_fails_at_any_statement_leaves_the_file_as_it_was(old: Path, at: int) -> None:
    before = rows_in(old)
    assert len(statements()) + 1 < 30  # with the version's: the numbers above reach all of them
    is_cut = at <= len(statements())
    Cutting.left, Cutting.end = at, staticmethod(_fail)
    with closing(sqlite3.connect(old, factory=Cutting, isolation_level=None)) as db:
        if is_cut:
            with pytest.raises(sqlite3.OperationalError):
                schema.bring_up_to_date(db, old)
        else:
            schema.bring_up_to_date(db, old)
    assert version_of(old) == (1 if is_cut else 2)
    Database(old).close()
    assert rows_in(old) == [row | NEW_COLUMNS for row in before]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not there")
@pytest.mark.parametrize("at", [0, 7, 19])
def test_a_migration_that_is_killed_leaves_the_file_as_it_was(old: Path, at: int) -> None:
    before = rows_in(old)
    process = multiprocessing.get_context("spawn").Process(target=_cut_migration, args=(old, at))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    process.close()
    assert (version_of(old), rows_in(old)) == (1, before)
    with closing(Database(old)) as database:
        assert database.damage == ""
    assert rows_in(old) == [row | NEW_COLUMNS for row in before]


# -- newer ones, other ones, damaged ones


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_newer_version_is_refused_in_one_sentence_and_left_as_it_is(old: Path, journal: str) -> None:
    with closing(sqlite3.connect(old)) as db:
        db.execute(f"PRAGMA journal_mode = {journal}")
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        db.commit()
    before = old.read_bytes()
    for writes in (True, False):
        with pytest.raises(HistoryProblem) as problem:
            Database(old, writes=writes)
        assert problem.value.message == "The history was written by a newer version of this program."
    assert old.read_bytes() == before
    left = {path.name for path in old.parent.iterdir()}
    assert left - {"history.sqlite3-wal", "history.sqlite3-shm"} == {"history.sqlite3", "jobs"}  # SQLite's, of a reader


def _no_tables(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION}")
        db.commit()


def _other_tables(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE job (other TEXT)")
        db.execute("PRAGMA user_version = 1")
        db.commit()


def _no_database(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


@pytest.mark.parametrize("damage", [_no_tables, _other_tables, _no_database])
def test_what_is_not_our_database_is_kept_aside(old: Path, damage: Callable[[Path], None]) -> None:
    damage(old)
    before = old.read_bytes()
    with closing(Database(old)) as database:
        assert database.damage
        assert (old.parent / database.kept_as).read_bytes()[100:] == before[100:]  # its header may say WAL now
        assert database.select("SELECT count(*) FROM job")[0][0] == 0
    with closing(Database(old)) as database:
        assert (database.damage, database.kept_as) == ("", "")


def test_a_row_that_somebody_broke_does_not_hide_the_others(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    with closing(Store(path, tmp_path / "jobs")) as store:
        noted, broken, whole = (store.add(Request(prompt=text)) for text in "abc")
    (tmp_path / "jobs" / broken.id / "job.json").unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE job SET warnings = 'x' WHERE id != ?", (whole.id,))
        db.commit()
    with closing(Store(path, tmp_path / "jobs")) as store:
        assert store.rows()[0] == whole
        assert store.row(noted.id) == noted  # its folder tells it
        found = store.row(broken.id)
        assert (found.state, found.error_kind) == (JobState.FAILED, "history")


# -- transactions and readers


def test_a_transaction_is_written_as_a_whole(database: Database) -> None:
    def write(number: int, fails: bool) -> None:
        with database.writing(lasting=True) as db:
            db.execute("INSERT INTO tag VALUES ('a', ?)", (f"outer {number}",))
            with database.writing(lasting=False) as inner:
                inner.execute("INSERT INTO tag VALUES ('a', ?)", (f"inner {number}",))
            if fails:
                raise ValueError(number)

    write(1, fails=False)
    with pytest.raises(ValueError, match="2"):
        write(2, fails=True)
    assert [row["tag"] for row in database.select("SELECT tag FROM tag ORDER BY tag")] == ["inner 1", "outer 1"]


@pytest.mark.parametrize(("lasting", "level"), [(True, 2), (False, 1)])
def test_what_is_to_last_waits_for_the_disk(database: Database, lasting: bool, level: int) -> None:
    with database.writing(lasting=lasting) as db:
        assert db.execute("PRAGMA synchronous").fetchone()[0] == level
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_statement_that_is_wrong_is_our_error(database: Database) -> None:
    with pytest.raises(HistoryProblem):
        database.select("SELECT nothing FROM nowhere")
    with pytest.raises(HistoryProblem), database.writing(lasting=False) as db:
        db.execute("INSERT INTO nowhere VALUES (1)")
    assert database.select("SELECT 1")[0][0] == 1


def test_a_reader_sees_what_another_program_writes_and_changes_nothing(tmp_path: Path) -> None:
    path, jobs = tmp_path / "history.sqlite3", tmp_path / "jobs"
    with pytest.raises(HistoryProblem, match="no history yet"):
        Store(path, jobs, writes=False)
    with closing(Store(path, jobs)) as writer:
        first = writer.add(Request(prompt="first"))
        with closing(Store(path, jobs, writes=False)) as reader:
            assert reader.rows() == (first,)
            second = writer.add(Request(prompt="second"))
            assert reader.rows() == (second, first)
            with pytest.raises(SetupProblem):
                reader.rate(first.id, 3)
            assert writer.rate(first.id, 5).stars == 5
            assert reader.row(first.id) == replace(first, stars=5)
    with closing(Store(path, jobs, writes=False)) as reader:  # nobody writes it now
        assert [row.id for row in reader.rows()] == [second.id, first.id]


def test_a_reader_leaves_an_older_version_to_the_window(old: Path) -> None:
    before = old.read_bytes()
    with pytest.raises(HistoryProblem, match="older version"):
        Database(old, writes=False)
    assert old.read_bytes() == before
