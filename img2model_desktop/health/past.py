"""What the history database tells of the program's health, read without touching it: also a damaged one, also while
the program runs."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img2model_desktop.jobs.schema import VERSION

DAY_S = 86_400.0
NOT_OURS = ("input",)  # kinds of failures that say nothing about the machine or the program


@dataclass(frozen=True, slots=True)
class PastJob:
    """One job, without a word of the user's.

    Args:
        state, engine, stage, error_kind: as the history keeps them.
        quality, goal, cutter, maker: of its request.
        created: seconds since the epoch.
        seconds: it took, or None.
        message: why it failed: may hold names of files.
        decisions: sentences: may hold names of files.
    """

    state: str
    engine: str
    stage: str
    error_kind: str
    quality: str
    goal: str
    cutter: str
    maker: str
    created: float
    seconds: float | None
    message: str
    decisions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """The history at one look.

    Args:
        standing: "ok", "missing", "damaged", "newer".
        problem: what is wrong, or "".
        version: of its tables, or 0.
        count: of all jobs.
        jobs: the newest, newest first.
        set_aside: `(engine, reason)` of engines that are not used any more.
    """

    standing: str
    problem: str = ""
    version: int = 0
    count: int = 0
    jobs: tuple[PastJob, ...] = ()
    set_aside: tuple[tuple[str, str], ...] = ()

    def failures(self, now: float) -> tuple[int, int]:
        """Of the last day: jobs that failed for no fault of their input, and jobs that ended."""
        ended = [job for job in self.jobs if job.created > now - DAY_S and job.state in ("done", "failed")]
        return sum(job.state == "failed" and job.error_kind not in NOT_OURS for job in ended), len(ended)


def look(database: Path, limit: int = 200) -> Past:
    """The history as it is; never raises.

    Args:
        database: the file; it need not be there.
        limit: how many of the newest jobs.
    """
    if not database.is_file():
        return Past("missing")
    try:
        with _opened(database) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                return Past("newer", "A newer version of this program wrote it.", version)
            (state,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                return Past("damaged", state, version)
            (count,) = db.execute("SELECT count(*) FROM job").fetchone()
            rows = db.execute("SELECT * FROM job ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
            return Past("ok", "", version, count, tuple(_job(dict(row)) for row in rows), _set_aside(db))
    except sqlite3.Error as problem:
        return Past("damaged", str(problem))


def names(database: Path) -> frozenset[str]:
    """Every text of the user's in the history: titles, prompts, paths, tags, collections. Never raises."""
    found: set[str] = set()
    if not database.is_file():
        return frozenset()
    with contextlib.suppress(sqlite3.Error), _opened(database) as db:
        for sql in _NAMES:
            with contextlib.suppress(sqlite3.Error):  # a table of another version
                for row in db.execute(sql):
                    found.update(text for cell in row for text in _texts(cell))
    return frozenset(found)


_NAMES = (
    "SELECT title, request FROM job",
    "SELECT title, source, request, target FROM batch",
    "SELECT tag FROM tag",
    "SELECT name FROM collection",
    "SELECT collection FROM collected",
)
_WORDS = ("picture", "mesh", "prompt")  # of a request


def _texts(cell: Any) -> Iterator[str]:
    if not isinstance(cell, str):
        return
    if not cell.startswith(("{", '"')):
        yield cell
        return
    with contextlib.suppress(ValueError):
        plain = json.loads(cell)
        if isinstance(plain, str):
            yield plain
            return
        yield from (plain[name] for name in _WORDS if isinstance(plain.get(name), str))
        yield from (path for path in plain.get("sources", ()) if isinstance(path, str))  # of a batch


@contextlib.contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    """For reading alone. Raises sqlite3.Error."""
    db = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)
    try:
        db.row_factory = sqlite3.Row
        db.text_factory = lambda content: content.decode("utf-8", "replace")
        yield db
    finally:
        db.close()


def _set_aside(db: sqlite3.Connection) -> tuple[tuple[str, str], ...]:
    try:
        rows = db.execute("SELECT engine, reason FROM engine_health WHERE is_set_aside").fetchall()
    except sqlite3.Error:  # the table is not in an older version
        return ()
    return tuple((row["engine"], row["reason"]) for row in rows)


def _job(row: dict[str, Any]) -> PastJob:
    request = _plain(row.get("request"), {})
    decisions = _plain(row.get("decisions"), [])
    seconds = row["seconds"]
    return PastJob(
        state=str(row["state"]),
        engine=str(row["engine"]),
        stage=str(row["stage"] or ""),
        error_kind=str(row["error_kind"]),
        quality=_word(request, "quality", "standard"),
        goal=_word(request, "goal", "mesh"),
        cutter=_word(request, "cutter", ""),
        maker=_word(request, "maker", ""),
        created=row["created"] if isinstance(row["created"], float) else 0.0,
        seconds=seconds if isinstance(seconds, float) else None,
        message=str(row["error_message"]),
        decisions=tuple(str(text) for text in decisions),
    )


def _plain(text: Any, empty: Any) -> Any:
    try:
        plain = json.loads(text)
    except (ValueError, TypeError):
        return empty
    return plain if isinstance(plain, type(empty)) else empty


def _word(request: dict[str, Any], name: str, default: str) -> str:
    return str(request.get(name, default))
