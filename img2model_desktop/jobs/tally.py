"""A batch in numbers: what lists show of many jobs as one entry."""

import sqlite3
from dataclasses import dataclass

from img2model_desktop.jobs.database import Database

_COUNTS = """
SELECT job.batch AS id, batch.title AS title, batch.to_come AS to_come, job.state AS state, count(*) AS jobs,
    max(job.id) AS newest, sum(job.is_held) AS held, min(job.position) AS first
FROM job LEFT JOIN batch ON batch.id = job.batch
WHERE {which} AND job.trashed IS NULL GROUP BY job.batch, job.state ORDER BY job.batch
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """How a batch is.

    Args:
        id: of the batch.
        title: of the batch, or "" where only its jobs are known.
        newest: the highest id among its jobs.
        waiting, running, done, failed, stopped: how many of its jobs; those in the trash are left out.
        held: how many of those that wait are held.
        to_come: how many pictures of the batch have no job yet.
        position: of the first job that waits, see `JobRow.position`; 0 where none does.
    """

    id: str
    title: str = ""
    newest: str = ""
    waiting: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    stopped: int = 0
    held: int = 0
    to_come: int = 0
    position: float = 0.0

    @property
    def total(self) -> int:
        """How many jobs it has and will have."""
        return self.to_come + self.waiting + self.running + self.ended

    @property
    def ended(self) -> int:
        """How many of them have ended."""
        return self.done + self.failed + self.stopped


def tallies(database: Database) -> tuple[Tally, ...]:
    """All batches that have a job outside the trash, in the order of their ids."""
    found: dict[str, list[sqlite3.Row]] = {}
    for row in database.select(_COUNTS.format(which="job.batch != ''")):
        found.setdefault(row["id"], []).append(row)
    return tuple(_tally(id_, rows) for id_, rows in found.items())


def tally_of(database: Database, batch: str) -> Tally:
    """One batch; without any job where there is none of this id."""
    return _tally(batch, database.select(_COUNTS.format(which="job.batch != '' AND job.batch = ?"), (batch,)))


def _tally(id_: str, rows: list[sqlite3.Row]) -> Tally:
    jobs = {row["state"]: row for row in rows}
    waiting = jobs.get("queued")
    counts = {state: int(row["jobs"]) for state, row in jobs.items()}
    return Tally(
        id=id_,
        title=next((row["title"] for row in rows if row["title"]), ""),
        newest=max((row["newest"] for row in rows), default=""),
        waiting=counts.get("queued", 0),
        running=counts.get("running", 0),
        done=counts.get("done", 0),
        failed=counts.get("failed", 0),
        stopped=counts.get("stopped", 0),
        held=int(waiting["held"]) if waiting else 0,
        to_come=max((row["to_come"] or 0 for row in rows), default=0),
        position=float(waiting["first"]) if waiting else 0.0,
    )
