"""The batches that the window makes, in the history database: its table `batch` belongs to this module."""

import json
import secrets
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from img2model_desktop.errors import InputProblem
from img2model_desktop.jobs.batch import Batch
from img2model_desktop.jobs.database import Database


class Course(StrEnum):
    """What the user wants a batch to do."""

    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch of the window.

    Args:
        id: sorts by the time of creation.
        title: a few words for the list.
        batch: what it is.
        course: what it is to do.
        is_watched: pictures that come later are made as well.
    """

    id: str
    title: str
    batch: Batch
    course: Course
    is_watched: bool


class BatchTable:
    """The rows of the table. Each change is on disk when the method returns.

    Raises:
        HistoryProblem, SetupProblem: from each method, when the database cannot be read or written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, batch: Batch, title: str, *, is_watched: bool) -> BatchRow:
        """A new batch, running."""
        now = time.time()
        row = BatchRow(f"{now:017.6f}-{secrets.token_hex(2)}", title, batch, Course.RUNNING, is_watched)
        with self._database.writing(lasting=True) as db:
            db.execute(
                "INSERT INTO batch (id, title, source, created, request, is_watched, target, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    row.id,
                    _text(title),
                    _text(str(batch.sources[0])),
                    now,
                    json.dumps(batch.to_dict()),  # names that are no text are escaped
                    is_watched,
                    json.dumps(str(batch.target)),
                    row.course.value,
                ),
            )
        return row

    def change(self, id_: str, course: Course, *, is_watched: bool) -> None:
        """Keeps what the user wants of a batch."""
        with self._database.writing(lasting=True) as db:
            db.execute("UPDATE batch SET state = ?, is_watched = ? WHERE id = ?", (course.value, is_watched, id_))

    def count_to_come(self, id_: str, count: int) -> None:
        """Keeps how many pictures have no job yet, for lists; after a power cut it may be an older number."""
        with self._database.writing(lasting=False) as db:
            db.execute("UPDATE batch SET to_come = ? WHERE id = ? AND to_come != ?", (count, id_, count))

    def rows(self, most: int = 20) -> tuple[BatchRow, ...]:
        """The newest batches, newest first, and all that have not ended."""
        found = self._database.select("SELECT * FROM batch ORDER BY id DESC")
        rows = []
        for number, values in enumerate(found):
            if number >= most and values["state"] == Course.ENDED.value:
                continue
            try:
                batch = Batch.from_dict(json.loads(values["request"]), Path(json.loads(values["target"])))
                course = Course(values["state"])
            except (InputProblem, ValueError, TypeError):  # of another version
                continue
            rows.append(BatchRow(values["id"], values["title"], batch, course, bool(values["is_watched"])))
        return tuple(rows)

    def jobs_of(self, id_: str) -> tuple[str, ...]:
        """Ids of the jobs of a batch, oldest first."""
        found = self._database.select("SELECT id FROM job WHERE batch = ? AND trashed IS NULL ORDER BY id", (id_,))
        return tuple(values["id"] for values in found)


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
