"""The history of jobs: one SQLite database and one folder per job.

The database is the truth. Each folder also holds `job.json`, what the job is while it waits, and `ended.json`, how it
ended; from these a damaged database is rebuilt. A job's row and folder are on disk before `add` returns; so is the row
of an ended job before `apply` returns, and whatever the user did to it. Progress is kept in memory only.
"""

import contextlib
import itertools
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from img2model_desktop.core import atomic
from img2model_desktop.core.events import JobEvent, Progressed
from img2model_desktop.core.request import AUTO, Request
from img2model_desktop.errors import HistoryProblem, SetupProblem
from img2model_desktop.jobs import mending
from img2model_desktop.jobs.database import Database
from img2model_desktop.jobs.instance import Claim
from img2model_desktop.jobs.job_row import (
    JobRow,
    JobState,
    changed,
    from_values,
    is_name,
    next_state,
    shortened,
    title_of,
    to_values,
)

__all__ = ["JobRow", "JobState", "Store", "next_state", "title_of"]

MAX_STARS = 5

_RUNNABLE = "state = 'queued' AND is_held = 0"
_IN_ORDER = "ORDER BY position, id"
_ENDED = "state IN ('done', 'failed', 'stopped')"


class Store:
    """The history on disk. Used by one thread; one program at a time writes it.

    Args:
        database: path of the database file; its folder is made, and claimed for this program.
        jobs: folder of the job folders; made.
        writes: False only reads, also while another program writes; each method that writes raises then.

    Attributes:
        mended: one sentence about what was found damaged or out of place and put right, or "".

    Raises:
        HistoryProblem: another program uses it (`instance.InUse`), or a newer version wrote it.
        SetupProblem: the folders cannot be made or written.
    """

    def __init__(self, database: Path, jobs: Path, *, writes: bool = True) -> None:
        self._jobs = jobs
        self._live: dict[str, JobRow] = {}
        self.mended = ""
        self._claim: Claim | None = None
        if writes:
            for folder in (database.parent, jobs):
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                except OSError as problem:
                    raise atomic.setup_problem(problem, folder) from None
            self._claim = Claim(database.parent)
        try:
            self._database = Database(database, writes=writes)
            self._take_in_after_damage()
        except BaseException:
            self._release()
            raise

    @property
    def database(self) -> Database:
        """For the owners of the other tables, see `schema`; this thread's alone."""
        return self._database

    @property
    def jobs_folder(self) -> Path:
        """In which the folders of the jobs are."""
        return self._jobs

    def close(self) -> None:
        """Closes the database; nothing is lost that was said to be there."""
        self._database.close()
        self._release()

    # -- writing

    def add(self, request: Request, title: str = "", *, batch: str = "") -> JobRow:
        """A new job, the last to wait. Its folder and its row are on disk when this returns.

        Args:
            batch: id of the batch that it belongs to, or "".

        Raises:
            SetupProblem: disk full, folder not writable.
            HistoryProblem: the database cannot be written.
        """
        return self.add_all([(request, title)], batch=batch)[0]

    def add_all(self, wanted: Iterable[tuple[Request, str]], *, batch: str = "") -> tuple[JobRow, ...]:
        """New jobs, all or none, in one step: the disk is waited for once. Otherwise as `add`.

        Args:
            wanted: `(request, title)`; a title of "" is made from the request.
        """
        made: list[JobRow] = []
        try:
            with self._database.writing(lasting=True):
                for request, title in wanted:
                    row = self._new_row(request, title, batch)
                    _make_folder(row, is_new=True)
                    made.append(row)
                    mending.write_note(row)
                    self._save(row)
        except BaseException:
            for row in made:
                shutil.rmtree(row.folder, ignore_errors=True)
            raise
        self._live.update({row.id: row for row in made})
        return tuple(made)

    def apply(self, event: JobEvent) -> JobRow:
        """The row after an event.

        Last events last through a power cut, others through a crash of the program; Progressed is not written.

        Raises:
            ValueError: the event cannot come now, see `next_state`.
            HistoryProblem: no such job, or the database cannot be written.
            SetupProblem: disk full.
        """
        return self.apply_all((event,))[0]

    def apply_all(self, events: Sequence[JobEvent]) -> tuple[JobRow, ...]:
        """The rows after events of different jobs, all or none written, in one step; otherwise as `apply`."""
        pairs = [(before, changed(before, event)) for event in events for before in (self.row(event.job_id),)]
        told = [(after, event) for (before, after), event in zip(pairs, events, strict=True) if after != before]
        written = [row for row, event in told if not isinstance(event, Progressed)]
        if written:
            with self._database.writing(lasting=any(row.state.has_ended for row in written)):
                for row in written:
                    self._save(row)
        for row, _ in told:
            if row.state.has_ended:
                self._live.pop(row.id, None)
                with contextlib.suppress(SetupProblem):  # the folder may be gone; the database has it
                    mending.write_note(row)
            else:
                self._live[row.id] = row
        return tuple(after for _, after in pairs)

    def recover(self) -> tuple[JobRow, ...]:
        """What waits to be run, in its order. To be called once, at the start of the program.

        Jobs that were running when the program ended wait again, so that they go on from their last finished stage;
        those that were running for the third time have failed. Job folders that the database does not know are taken
        in, jobs that wait get a lost folder back, and results whose folder is not there are marked; `mended` says so.
        """
        mending.clear(self._jobs)
        there, adopted = self._adopt_unknown()
        gone = self._mark_gone(there)
        self.mended = " ".join(part for part in (self.mended, mending.told(adopted, gone)) if part)
        self._keep([mending.after_crash(row) for row in self._select("WHERE state = ?", (JobState.RUNNING.value,))])
        waiting = self.waiting()
        for row in waiting:
            if not mending.has_note(row.folder):
                _make_folder(row)
                mending.write_note(row)
        self._live = {row.id: row for row in waiting}
        return waiting

    # -- the queue

    @property
    def is_paused(self) -> bool:
        """Whether no job begins, until the user lets the queue go on. Lasts across restarts."""
        return bool(self._database.select("SELECT 1 FROM queue WHERE is_paused"))

    def pause(self, *, is_paused: bool) -> None:
        """Pauses the queue, or lets it go on; a job that runs is left alone."""
        with self._database.writing(lasting=True) as db:
            db.execute("INSERT OR REPLACE INTO queue VALUES (1, ?)", (int(is_paused),))

    def next_waiting(self) -> JobRow | None:
        """What is to run next; None where nothing waits, all that waits is held, or the queue is paused."""
        if self.is_paused:
            return None
        found = self._select(f"WHERE {_RUNNABLE} {_IN_ORDER} LIMIT 1")
        return found[0] if found else None

    def waiting(self) -> tuple[JobRow, ...]:
        """All that wait, also those that are held, in the order in which they will run."""
        return tuple(self._select(f"WHERE state = 'queued' {_IN_ORDER}"))

    def line(self) -> tuple[str, ...]:
        """Ids of what waits and is not held, in its order."""
        return tuple(id_ for (id_,) in self._database.select(f"SELECT id FROM job WHERE {_RUNNABLE} {_IN_ORDER}"))

    def waiting_count(self) -> int:
        """How many wait, also those that are held."""
        ((count,),) = self._database.select("SELECT count(*) FROM job WHERE state = 'queued'")
        return int(count)

    def move(self, ids: tuple[str, ...], before: str = "") -> None:
        """Puts jobs that wait, in this order, before another one that waits.

        Args:
            before: id, none of `ids`; "" puts them last. Where it does not wait any more, they come first.

        Raises:
            HistoryProblem: one of them does not wait.
        """
        moved = [self._waiting_row(id_) for id_ in ids]
        others = [row for row in self.waiting() if row.id not in ids]
        places = [number for number, row in enumerate(others) if row.id == before]
        at = len(others) if not before else places[0] if places else 0
        positions = _between(
            others[at - 1].position if at else None, others[at].position if at < len(others) else None, len(moved)
        )
        if positions is None:  # no room between the two: all are numbered anew
            moved = [*others[:at], *moved, *others[at:]]
            positions = [float(number + 1) for number in range(len(moved))]
        self._keep([replace(row, position=to) for row, to in zip(moved, positions, strict=True)])

    def hold(self, ids: tuple[str, ...], *, is_held: bool = True) -> None:
        """Lets jobs that wait be passed over, or lets them go on again. Raises HistoryProblem: one does not wait."""
        self._keep([replace(self._waiting_row(id_), is_held=is_held) for id_ in ids])

    def retry(self, id_: str) -> JobRow:
        """Lets a job that failed or was stopped wait again, as the last; its finished stages are used again.

        Raises:
            HistoryProblem: it did not fail and was not stopped, or it is in the trash.
            SetupProblem: its folder cannot be made.
        """
        before = self.row(id_)
        if before.state not in (JobState.FAILED, JobState.STOPPED) or before.trashed is not None:
            raise HistoryProblem("Only a job that failed or was stopped can be tried again.", "Make it again instead.")
        row = JobRow(
            id=before.id,
            state=JobState.QUEUED,
            request=before.request,
            title=before.title,
            created=before.created,
            folder=before.folder,
            engine="" if before.request.engine == AUTO else before.request.engine,
            position=self._last_position(),
            batch=before.batch,
            stars=before.stars,
        )
        _make_folder(row)
        return self._keep_one(row)

    # -- what the user does to a job

    def rate(self, id_: str, stars: int) -> JobRow:
        """Gives a job 0 to `MAX_STARS` stars; other numbers are cut off."""
        return self._keep_one(replace(self.row(id_), stars=min(max(stars, 0), MAX_STARS)))

    def rename(self, id_: str, title: str) -> JobRow:
        """Gives a job another title; an empty one is made from its request."""
        row = self.row(id_)
        return self._keep_one(replace(row, title=shortened(title) if title.strip() else title_of(row.request)))

    def trash(self, id_: str) -> JobRow:
        """Takes an ended job out of the history; its folder stays as it is until `empty_trash`.

        Raises:
            HistoryProblem: no such job, or it waits or runs.
        """
        row = self.row(id_)
        if not row.state.has_ended:
            raise HistoryProblem("This job has not ended.", "Stop it first.")
        return self._keep_one(replace(row, trashed=time.time()))

    def restore(self, id_: str) -> JobRow:
        """Brings a job back from the trash."""
        return self._keep_one(replace(self.row(id_), trashed=None))

    def trashed(self) -> tuple[JobRow, ...]:
        """What is in the trash, the newest first."""
        return tuple(self._select("WHERE trashed IS NOT NULL ORDER BY trashed DESC, id DESC"))

    def empty_trash(self, discard: Callable[[Path], None] = shutil.rmtree) -> int:
        """Removes what is in the trash for good; how many. Only ever on the user's explicit wish.

        Args:
            discard: see `delete`.

        Raises:
            SetupProblem: a folder could not be removed; that job is still in the trash, the others are gone.
        """
        count, trouble = 0, None
        for row in self.trashed():
            try:
                self.delete(row.id, discard)
                count += 1
            except SetupProblem as problem:
                trouble = trouble or problem
        if trouble:
            raise trouble
        return count

    def delete(self, id_: str, discard: Callable[[Path], None] = shutil.rmtree) -> None:
        """Removes a job that is not running for good. Only ever on the user's explicit wish.

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
        """One job, with its newest progress, also from the trash. Raises HistoryProblem where there is none."""
        if id_ in self._live:
            return self._live[id_]
        for row in self._select("WHERE id = ?", (id_,)):
            return row
        raise HistoryProblem("This job is not in the history any more.", "Choose another one.", id_)

    def rows(self, limit: int = 100, before: str = "") -> tuple[JobRow, ...]:
        """Jobs that are not in the trash, newest first.

        Args:
            limit: how many at most.
            before: id; only older ones, for the next page.
        """
        where, values = ("AND id < ?", (before,)) if before else ("", ())
        return tuple(self._select(f"WHERE trashed IS NULL {where} ORDER BY id DESC LIMIT ?", (*values, limit)))

    def under_way(self, batch: str = "") -> tuple[JobRow, ...]:
        """What runs, then what waits in its order; of one batch, or ("") of what belongs to none."""
        order = "ORDER BY state = 'queued', position, id"
        return tuple(self._select(f"WHERE state IN ('running', 'queued') AND batch = ? {order}", (batch,)))

    def ended(self, limit: int = 100, before: str = "", batch: str = "") -> tuple[JobRow, ...]:
        """What has ended and is not in the trash, newest first; of one batch, or ("") of what belongs to none.

        Args:
            limit, before: see `rows`.
        """
        where, values = ("AND id < ?", (before,)) if before else ("", ())
        where = f"WHERE {_ENDED} AND batch = ? AND trashed IS NULL {where} ORDER BY id DESC LIMIT ?"
        return tuple(self._select(where, (batch, *values, limit)))

    def rows_of(self, ids: Sequence[str]) -> tuple[JobRow, ...]:
        """Those of the jobs that are there, also from the trash, in no order."""
        return tuple(self._select(f"WHERE id IN ({', '.join('?' * len(ids))})", tuple(ids)))

    # -- database

    def _take_in_after_damage(self) -> None:
        if not self._database.damage:
            return
        _, count = self._adopt_unknown()
        self.mended = (
            f"The history was damaged ({self._database.damage}). {count} jobs were found again; "
            f"the old file is kept as {self._database.kept_as}."
        )

    def _release(self) -> None:
        if self._claim is not None:
            self._claim.release()

    def _adopt_unknown(self) -> tuple[set[str], int]:
        """Takes in job folders that the database does not know; the names of all folders, and how many were new."""
        known = {id_ for (id_,) in self._database.select("SELECT id FROM job")}
        try:
            there = {folder.name for folder in self._jobs.iterdir()}
        except OSError as problem:
            raise atomic.setup_problem(problem, self._jobs) from None
        count = 0
        with self._database.writing(lasting=False):
            for name in sorted(there - known):
                row = mending.read_note(self._jobs / name)
                if row is None:
                    mending.sweep(self._jobs / name)
                else:
                    self._save(row)
                    count += 1
        return there, count

    def _mark_gone(self, there: set[str]) -> int:
        """Marks results whose folder is not there, and takes the mark off those that came back; how many are new."""
        done = self._database.select("SELECT id, is_gone FROM job WHERE state = 'done'")
        wrong = [(int(id_ not in there), id_) for id_, is_gone in done if (id_ not in there) != bool(is_gone)]
        with self._database.writing(lasting=False) as db:
            db.executemany("UPDATE job SET is_gone = ? WHERE id = ?", wrong)
        return sum(is_gone for is_gone, _ in wrong)

    def _new_row(self, request: Request, title: str, batch: str) -> JobRow:
        created = time.time()
        id_ = self._new_id(created)
        return JobRow(
            id=id_,
            state=JobState.QUEUED,
            request=request,
            title=shortened(title) if title.strip() else title_of(request),
            created=created,
            folder=self._jobs / id_,
            engine="" if request.engine == AUTO else request.engine,
            position=self._last_position(),
            batch=batch,
        )

    def _new_id(self, now: float) -> str:
        """Sorts after all others, even where the clock went back."""
        id_ = f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(2)}"
        ((last,),) = self._database.select("SELECT max(id) FROM job WHERE typeof(id) = 'text'")
        if last is None or id_ > last:
            return id_
        head, _, number = last.rpartition("-")
        try:
            return f"{head}-{int(number, 16) + 1:04x}"
        except ValueError:  # somebody else's
            return id_

    def _last_position(self) -> float:
        """Behind all that run or wait."""
        where = "state IN ('queued', 'running') AND typeof(position) = 'real'"
        ((last,),) = self._database.select(f"SELECT max(position) FROM job WHERE {where}")
        return 1.0 if last is None else float(last) + 1.0

    def _waiting_row(self, id_: str) -> JobRow:
        row = self.row(id_)
        if row.state is not JobState.QUEUED:
            raise HistoryProblem(f"“{row.title}” does not wait any more.", "Choose one that waits.")
        return row

    def _keep_one(self, row: JobRow) -> JobRow:
        self._keep([row])
        return row

    def _keep(self, rows: list[JobRow]) -> None:
        """Writes rows that the user or a start has changed, all or none, for good; each folder notes it."""
        with self._database.writing(lasting=True):
            for row in rows:
                self._save(row)
        for row in rows:
            if row.state.has_ended:
                self._live.pop(row.id, None)
            else:
                self._live[row.id] = row
            with contextlib.suppress(SetupProblem):  # the folder may be gone; the database has it
                mending.write_note(row)

    def _save(self, row: JobRow) -> None:
        values = to_values(row)
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        changes = ", ".join(f"{name} = :{name}" for name in values if name != "id")  # leaves indexes alone that stay
        with self._database.writing(lasting=False) as db:
            db.execute(f"INSERT INTO job ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changes}", values)

    def _select(self, rest: str, values: tuple[Any, ...] = ()) -> list[JobRow]:
        found = self._database.select(f"SELECT * FROM job {rest}", values)
        return [self._live.get(one["id"]) or self._read(dict(one)) for one in found if is_name(one["id"])]

    def _read(self, values: dict[str, Any]) -> JobRow:
        folder = self._jobs / values["id"]
        try:
            return from_values(dict(values), folder)
        except (ValueError, KeyError, TypeError, AttributeError):  # somebody else wrote into the database
            return mending.read_note(folder) or mending.unreadable(values["id"], folder)


def _make_folder(row: JobRow, *, is_new: bool = False) -> None:
    try:
        row.folder.mkdir(exist_ok=not is_new)
    except OSError as problem:
        raise atomic.setup_problem(problem, row.folder) from None


def _between(low: float | None, high: float | None, count: int) -> list[float] | None:
    """So many numbers in rising order between two others; None where there is no room. None is no limit."""
    if low is None:
        low = 0.0 if high is None else high - count - 1
    if high is None:
        high = low + count + 1
    found = [low + (high - low) * (number + 1) / (count + 1) for number in range(count)]
    edges = [low, *found, high]
    return found if all(a < b for a, b in itertools.pairwise(edges)) else None
