"""The SQLite file of the history: opened and checked, or set aside when damaged; its errors in our words.

One table, one owner, see `schema`. The owners share this one connection, so that what belongs together is written
together. Only one program writes, see `instance`; others may read meanwhile.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from img2model_desktop.core import atomic
from img2model_desktop.errors import HistoryProblem, Img2ModelError, SetupProblem
from img2model_desktop.jobs import schema

# What the file itself cannot help: it is not damaged.
_CIRCUMSTANCES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_NOLFS,
    }
)


_NO_ROOM_FOR_INDEX = (sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP)  # of the journal


class Database:
    """An open history database with the tables of today. Used by one thread.

    A damaged file is moved aside and an empty one takes its place; `damage` and `kept_as` then say so.

    Args:
        path: of the file; its folder is there.
        writes: False only reads, also while another program writes: nothing is made, moved or brought up to date.

    Attributes:
        damage: what was wrong with the file that was set aside, or "".
        kept_as: its name now, or "".

    Raises:
        HistoryProblem: it is in use, a newer version wrote it, or (for a reader) it is not there or not of today.
        SetupProblem: the disk is full, or the folder cannot be written.
    """

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self._path = path
        self.damage = ""
        self.kept_as = ""
        self._db = self._open() if writes else _connect_reader(path)

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
            raise _told(problem) from None

    @contextlib.contextmanager
    def writing(self, *, lasting: bool) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is written, or nothing. Inside another one it is a part of that one.

        Args:
            lasting: wait until the disk has it, so that it lasts through a power cut; otherwise it lasts through a
                crash of the program.

        Raises:
            HistoryProblem: the file cannot be written.
            SetupProblem: the disk is full, or the file may only be read.
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
            if _code(problem) == sqlite3.SQLITE_FULL:
                self._shrink()
            raise _told(problem) from None

    def _shrink(self) -> None:
        """Gives back the space that the journal takes: the next try may do with that."""
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self._path)
        except sqlite3.DatabaseError as problem:
            if _code(problem) in _CIRCUMSTANCES:
                raise _told(problem) from None
            self.damage = str(problem)
        except OSError as problem:
            raise atomic.setup_problem(problem, self._path) from None
        self.kept_as = self._set_aside()
        try:
            return _connect(self._path)
        except sqlite3.Error as problem:
            raise _told(problem) from None

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
    """An open, checked database. Raises sqlite3.DatabaseError, OSError, HistoryProblem."""
    db = sqlite3.connect(path, timeout=1.0, isolation_level=None)  # transactions begin where `writing` says so
    try:
        db.row_factory = sqlite3.Row
        schema.check_version(db)  # before anything is written
        db.execute("PRAGMA journal_mode = WAL")
        (state,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise sqlite3.DatabaseError(state)
        schema.bring_up_to_date(db, path)
        schema.check_tables(db)
    except BaseException:
        db.close()
        raise
    return db


def _connect_reader(path: Path) -> sqlite3.Connection:
    """A database that is only read. Raises HistoryProblem, SetupProblem."""
    if not path.is_file():
        raise HistoryProblem("There is no history yet.", "Make something first.")
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", timeout=1.0, isolation_level=None, uri=True)
    try:
        db.row_factory = sqlite3.Row
        if schema.check_version(db) < schema.VERSION:
            raise HistoryProblem(
                "The history is of an older version.", "Start the window once: it brings it up to date."
            )
        schema.check_tables(db)
    except sqlite3.Error as problem:
        db.close()
        raise _told(problem) from None
    except HistoryProblem:
        db.close()
        raise
    return db


def _code(problem: sqlite3.Error) -> int:
    return int(getattr(problem, "sqlite_errorcode", 0)) & 0xFF


def _told(problem: sqlite3.Error) -> Img2ModelError:
    """What an error of SQLite means, in words."""
    code = _code(problem)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return HistoryProblem(
            "The history is in use by another program.", "Close the other window first.", str(problem)
        )
    if code == sqlite3.SQLITE_FULL or getattr(problem, "sqlite_errorcode", 0) in _NO_ROOM_FOR_INDEX:
        return SetupProblem(
            "There is not enough space left for the history.", "Free some space on this disk.", str(problem)
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return SetupProblem(
            "The history cannot be written: its folder is read-only or belongs to another user.",
            "Make the folder writable, then start again.",
            str(problem),
        )
    return HistoryProblem("The history cannot be read or written.", "Check the disk, then start again.", str(problem))
