"""The history of jobs: one SQLite database and one folder per job.

The database is the truth. Each folder also holds `job.json`, written once with the request, and `ended.json`, how the
job ended; from these a damaged database is rebuilt. A job's row and folder are on disk before `add` returns; so is
the row of an ended job before `apply` returns. Progress is kept in memory only.
"""

import contextlib
import json
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from img2model_desktop.core import atomic
from img2model_desktop.core.events import JobEvent, Progressed
from img2model_desktop.core.request import AUTO, Request
from img2model_desktop.errors import HistoryProblem, SetupProblem
from img2model_desktop.jobs import schema
from img2model_desktop.jobs.database import Database
from img2model_desktop.jobs.job_row import (
    JobRow,
    JobState,
    changed,
    from_values,
    next_state,
    shortened,
    title_of,
    to_values,
)

__all__ = ["JobRow", "JobState", "Store", "next_state", "title_of"]

MAX_STARTS = 3
"""A job that was running this many times when the program ended is taken to be the reason, and not started again."""

JOB_FILE = "job.json"
END_FILE = "ended.json"


class Store:
    """The history on disk. Used by one thread; one program at a time.

    Args:
        database: path of the database file; its folder is made.
        jobs: folder of the job folders; made.

    Raises:
        HistoryProblem: another program uses it, or a newer version wrote it.
        SetupProblem: the folders cannot be made or written.
    """

    def __init__(self, database: Path, jobs: Path) -> None:
        self._jobs = jobs
        self._live: dict[str, JobRow] = {}
        self.mended = ""
        for folder in (database.parent, jobs):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as problem:
                raise atomic.setup_problem(problem, folder) from None
        self._database = Database(database)
        if self._database.damage:
            count = self._adopt_unknown()
            self.mended = (
                f"The history was damaged ({self._database.damage}). {count} jobs were found again; "
                f"the old file is kept as {self._database.kept_as}."
            )

    @property
    def database(self) -> Database:
        """For the owners of the other tables, see `schema`; this thread's alone."""
        return self._database

    def close(self) -> None:
        """Closes the database; nothing is lost that `add` and `apply` said was there."""
        self._database.close()

    # -- writing

    def add(self, request: Request, title: str = "") -> JobRow:
        """A new job, waiting. Its folder and its row are on disk when this returns.

        Raises:
            SetupProblem: disk full, folder not writable.
            HistoryProblem: the database cannot be written.
        """
        created = time.time()
        id_ = self._new_id(created)
        row = JobRow(
            id=id_,
            state=JobState.QUEUED,
            request=request,
            title=shortened(title) if title.strip() else title_of(request),
            created=created,
            folder=self._jobs / id_,
            engine="" if request.engine == AUTO else request.engine,
        )
        try:
            row.folder.mkdir()
        except OSError as problem:
            raise atomic.setup_problem(problem, row.folder) from None
        try:
            _write_row(row, JOB_FILE, flush=True)
            self._save(row, lasting=True)
        except (SetupProblem, HistoryProblem):
            shutil.rmtree(row.folder, ignore_errors=True)
            raise
        self._live[id_] = row
        return row

    def apply(self, event: JobEvent) -> JobRow:
        """The row after an event.

        Last events last through a power cut, others through a crash of the program; Progressed is not written.

        Raises:
            ValueError: the event cannot come now, see `next_state`.
            HistoryProblem: no such job, or the database cannot be written.
            SetupProblem: disk full.
        """
        before = self.row(event.job_id)
        row = changed(before, event)
        if row == before:
            return row
        if not isinstance(event, Progressed):
            self._save(row, lasting=row.state.has_ended)
        if row.state.has_ended:
            self._live.pop(row.id, None)
            with contextlib.suppress(SetupProblem):  # the folder may be gone; the database has it
                _write_row(row, END_FILE, flush=False)
        else:
            self._live[row.id] = row
        return row

    def recover(self) -> tuple[JobRow, ...]:
        """What waits to be run, oldest first. To be called once, at the start of the program.

        Jobs that were running when the program ended wait again, so that they go on from their last finished stage;
        those that were running for the third time have failed. Job folders that the database does not know are taken
        in.
        """
        self._adopt_unknown()
        for row in self._select("WHERE state = ? ORDER BY id", (JobState.RUNNING.value,)):
            self._save(_after_crash(row), lasting=True)
        waiting = tuple(self._select("WHERE state = ? ORDER BY id", (JobState.QUEUED.value,)))
        for row in waiting:
            try:
                row.folder.mkdir(exist_ok=True)
            except OSError as problem:
                raise atomic.setup_problem(problem, row.folder) from None
        self._live.update({row.id: row for row in waiting})
        return waiting

    def delete(self, id_: str, discard: Callable[[Path], None] = shutil.rmtree) -> None:
        """Takes a job that is not running out of the history. Only ever on the user's explicit wish.

        Args:
            discard: gets the job's folder: removes it, or moves it to the trash.

        Raises:
            HistoryProblem: no such job, or it is running.
            SetupProblem: the folder could not be removed; the job is still there.
        """
        row = self.row(id_)
        if row.state is JobState.RUNNING:
            raise HistoryProblem("This job is running.", "Stop it first.")
        try:
            if row.folder.exists():
                discard(row.folder)
        except OSError as problem:
            raise atomic.setup_problem(problem, row.folder) from None
        with self._database.writing(lasting=True) as db:
            db.execute("DELETE FROM job WHERE id = ?", (id_,))
        self._live.pop(id_, None)

    # -- reading

    def row(self, id_: str) -> JobRow:
        """One job, with its newest progress. Raises HistoryProblem where there is none of this id."""
        if id_ in self._live:
            return self._live[id_]
        for row in self._select("WHERE id = ?", (id_,)):
            return row
        raise HistoryProblem("This job is not in the history any more.", "Choose another one.", id_)

    def rows(self, limit: int = 100, before: str = "") -> tuple[JobRow, ...]:
        """Jobs, newest first.

        Args:
            limit: how many at most.
            before: id; only older ones, for the next page.
        """
        where, values = ("WHERE id < ?", (before,)) if before else ("", ())
        found = self._select(f"{where} ORDER BY id DESC LIMIT ?", (*values, limit))
        return tuple(self._live.get(row.id, row) for row in found)

    # -- database

    def _adopt_unknown(self) -> int:
        """Takes in job folders that the database does not know; how many."""
        known = {id_ for (id_,) in self._database.select("SELECT id FROM job")}
        try:
            folders = sorted(folder for folder in self._jobs.iterdir() if folder.name not in known)
        except OSError as problem:
            raise atomic.setup_problem(problem, self._jobs) from None
        found = [row for row in map(_read_row, folders) if row is not None]
        for row in found:
            self._save(row, lasting=False)
        return len(found)

    def _new_id(self, now: float) -> str:
        """Sorts after all others, even where the clock went back."""
        id_ = f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(2)}"
        ((last,),) = self._database.select("SELECT max(id) FROM job")
        if last is None or id_ > last:
            return id_
        head, _, number = last.rpartition("-")
        return f"{head}-{int(number, 16) + 1:04x}"

    def _save(self, row: JobRow, *, lasting: bool) -> None:
        values = to_values(row)
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        with self._database.writing(lasting=lasting) as db:
            db.execute(f"INSERT OR REPLACE INTO job ({names}) VALUES ({marks})", values)

    def _select(self, rest: str, values: tuple[Any, ...] = ()) -> list[JobRow]:
        found = self._database.select(f"SELECT * FROM job {rest}", values)
        return [from_values(dict(one), self._jobs / one["id"]) for one in found]


def _write_row(row: JobRow, name: str, *, flush: bool) -> None:
    content = json.dumps({"version": schema.VERSION, "job": to_values(row)}, indent=1, ensure_ascii=False)
    atomic.write_file(row.folder / name, content.encode(), flush=flush)


def _read_row(folder: Path) -> JobRow | None:
    """The row that a job folder tells of; None where it holds none that is whole."""
    for name in (END_FILE, JOB_FILE):
        try:
            values = json.loads((folder / name).read_bytes())["job"]
            row = from_values({**values, "id": folder.name}, folder)
            to_values(row)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        return row
    return None


def _after_crash(row: JobRow) -> JobRow:
    """What becomes of a job that was running when the program ended."""
    if row.starts < MAX_STARTS:
        return replace(row, state=JobState.QUEUED)
    return replace(
        row,
        state=JobState.FAILED,
        ended=time.time(),
        error_kind="bug",
        error_message=f"The program ended {row.starts} times while it worked on this.",
        error_advice="Try a lower quality or another engine.",
    )
