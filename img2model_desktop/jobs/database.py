"""The SQLite file of the history: opened and checked, or set aside when damaged; its errors in our words.

One table, one owner, see `schema`. The owners share this one connection, so that what belongs together is written
together.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from img2model_desktop.core import atomic
from img2model_desktop.errors import HistoryProblem, SetupProblem
from img2model_desktop.jobs import schema


class Database:
    """An open history database with the tables of today. Used by one thread.

    A damaged file is moved aside and an empty one takes its place; `damage` and `kept_as` then say so.

    Args:
        path: of the file; its folder is there.

    Attributes:
        damage: what was wrong with the file that was set aside, or "".
        kept_as: its name now, or "".

    Raises:
        HistoryProblem: another program uses it, or a newer version wrote it.
        SetupProblem: a damaged file cannot be moved aside.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damage = ""
        self.kept_as = ""
        self._db = self._open()

    def close(self) -> None:
        """Closes the file; nothing is lost that was written. A second call does nothing."""
        self._db.close()

    def select(self, sql: str, values: Any = ()) -> list[sqlite3.Row]:
        """The rows that a statement finds.

        Args:
            values: of its marks, in their order or by name.

        Raises:
            HistoryProblem: the file cannot be read.
        """
        try:
            with contextlib.closing(self._db.execute(sql, values)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as problem:
            raise history_problem(problem) from None

    @contextlib.contextmanager
    def writing(self, *, lasting: bool) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is written, or nothing. Inside another one it is a part of that one.

        Args:
            lasting: wait until the disk has it, so that it lasts through a power cut; otherwise it lasts through a
                crash of the program.

        Raises:
            HistoryProblem: the file cannot be written.
            SetupProblem: the disk is full.
        """
        if self._db.in_transaction:
            yield self._db
            return
        try:
            self._db.execute(f"PRAGMA synchronous = {'FULL' if lasting else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:  # commits, or takes everything back
                yield self._db
        except sqlite3.Error as problem:
            if getattr(problem, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
                raise SetupProblem(
                    "There is not enough space left for the history.", "Free some space on this disk.", str(problem)
                ) from None
            raise history_problem(problem) from None

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self._path)
        except sqlite3.DatabaseError as problem:
            if _is_busy(problem) or isinstance(problem, sqlite3.OperationalError):
                raise history_problem(problem) from None
            self.damage = str(problem)
        self.kept_as = self._set_aside()
        return _connect(self._path)

    def _set_aside(self) -> str:
        """Moves a damaged database out of the way; its new name."""
        name = f"{self._path.stem}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}{self._path.suffix}"
        try:
            for ending in ("", "-wal", "-shm"):
                part = self._path.with_name(self._path.name + ending)
                if part.exists():
                    part.replace(self._path.with_name(name + ending))
        except OSError as problem:
            raise atomic.setup_problem(problem, self._path) from None
        return name


def _connect(path: Path) -> sqlite3.Connection:
    """An open, checked database that nobody else uses. Raises sqlite3.DatabaseError, HistoryProblem."""
    db = sqlite3.connect(path, timeout=1.0, isolation_level=None)  # transactions begin where `writing` says so
    try:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        (state,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise sqlite3.DatabaseError(state)
        schema.bring_up_to_date(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _is_busy(problem: sqlite3.Error) -> bool:
    code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def history_problem(problem: sqlite3.Error) -> HistoryProblem:
    """What an error of SQLite means, in words."""
    if _is_busy(problem):
        return HistoryProblem(
            "The history is in use by another program.", "Close the other window first.", str(problem)
        )
    return HistoryProblem("The history cannot be read or written.", "Check the disk, then start again.", str(problem))
