"""The tables of the history database, and how an older database becomes one of today.

One table, one owner: `job` and `queue` are written by `store`, `batch` by `batch`, `engine_health` by `breaker`,
`stage_time` by `estimates`, the others by `shelf`. A new version of the schema is a new entry at the end of `_STEPS`;
entries that were published never change.
"""

import contextlib
import sqlite3
from pathlib import Path

from img2model_desktop.errors import HistoryProblem

_JOBS = """
CREATE TABLE job (
    id TEXT PRIMARY KEY NOT NULL,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    title TEXT NOT NULL,
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    starts INTEGER NOT NULL DEFAULT 0,
    stage TEXT,
    engine TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    result TEXT,
    facts TEXT,
    warnings TEXT NOT NULL DEFAULT '[]',
    error_kind TEXT NOT NULL DEFAULT '',
    error_message TEXT NOT NULL DEFAULT '',
    error_advice TEXT NOT NULL DEFAULT '',
    error_details TEXT NOT NULL DEFAULT '',
    seconds REAL
) WITHOUT ROWID;
"""

_QUEUE_AND_LIBRARY = """
ALTER TABLE job ADD COLUMN position REAL NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN is_held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN batch TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN stars INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN trashed REAL;
ALTER TABLE job ADD COLUMN decisions TEXT NOT NULL DEFAULT '[]';
ALTER TABLE job ADD COLUMN is_gone INTEGER NOT NULL DEFAULT 0;
CREATE INDEX job_by_state ON job (state, position);
CREATE INDEX job_by_batch ON job (batch, state, trashed) WHERE batch != '';
CREATE INDEX job_in_trash ON job (trashed) WHERE trashed IS NOT NULL;
CREATE TABLE queue (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    is_paused INTEGER NOT NULL
);
CREATE TABLE batch (
    id TEXT PRIMARY KEY NOT NULL,
    title TEXT NOT NULL,
    source TEXT NOT NULL,
    created REAL NOT NULL,
    request TEXT NOT NULL,
    is_watched INTEGER NOT NULL DEFAULT 0,
    target TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'running',
    to_come INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE engine_health (
    engine TEXT PRIMARY KEY NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    since REAL,
    is_set_aside INTEGER NOT NULL DEFAULT 0,
    version TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE stage_time (
    number INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    stage TEXT NOT NULL,
    engine TEXT NOT NULL,
    quality TEXT NOT NULL,
    seconds REAL NOT NULL
);
CREATE INDEX stage_time_by_what ON stage_time (stage, engine, quality, number);
CREATE TABLE entry (
    number INTEGER PRIMARY KEY,
    job TEXT UNIQUE NOT NULL,
    kind TEXT NOT NULL DEFAULT '',
    bytes INTEGER,
    faces INTEGER,
    is_watertight INTEGER,
    verdict TEXT NOT NULL DEFAULT ''
);
CREATE INDEX job_on_shelf ON job (trashed, id, state, engine, stars, created);
CREATE TABLE look (job TEXT NOT NULL, kind TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (job, kind)) WITHOUT ROWID;
CREATE TABLE tag (job TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (job, tag)) WITHOUT ROWID;
CREATE TABLE collection (name TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID;
CREATE TABLE collected (collection TEXT NOT NULL, job TEXT NOT NULL, PRIMARY KEY (collection, job)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (title, prompt, tags, about, tokenize = "unicode61 tokenchars '_'");
"""

_STEPS: tuple[str, ...] = (_JOBS, _QUEUE_AND_LIBRARY)  # the first makes version 1 of an empty file, and so on

VERSION = len(_STEPS)


def check_version(db: sqlite3.Connection) -> int:
    """The version that a database has, 0 when it is empty.

    Raises:
        HistoryProblem: a newer version of the program wrote it.
        sqlite3.Error: it is no database.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise HistoryProblem(
            "The history was written by a newer version of this program.", "Install the newest version to open it."
        )
    return int(version)


def bring_up_to_date(db: sqlite3.Connection, path: Path) -> None:
    """Makes the tables of today out of an empty database, or out of one that an older version wrote.

    A database that holds something is copied first, to `NAME.before-N` beside it, N being the version it becomes. It
    is of today as a whole or as old as it was, whenever this is cut off.

    Raises:
        HistoryProblem: a newer version of the program wrote it; it is left as it is.
        sqlite3.Error: it is damaged or cannot be written.
        OSError: the copy cannot be put in its place.
    """
    version = check_version(db)
    if version == VERSION:
        return
    if version:
        _copy(db, path.with_name(f"{path.name}.before-{VERSION}"))
    db.execute("BEGIN IMMEDIATE")
    with db:
        for step in _STEPS[version:]:
            for statement in step.split(";\n"):
                if statement.strip():
                    db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")


def check_tables(db: sqlite3.Connection) -> None:
    """Raises sqlite3.Error where a table of today is missing: another program's file, or one that was cut short."""
    for table in ("job", "queue", "batch", "engine_health", "stage_time", "entry", "tag", "collected", "words"):
        db.execute(f"SELECT * FROM {table} LIMIT 0")


def _copy(db: sqlite3.Connection, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(part)) as copy:
        db.backup(copy)
    part.replace(target)
