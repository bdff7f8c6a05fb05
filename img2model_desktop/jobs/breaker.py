"""Engines that fail in job after job are set aside until the user, or a new version, says otherwise.

Failures count that speak against an engine: it broke, it ran out of memory, its results were of no use. A job in which
it did its work begins the count anew. What counts is one version of the program and of the engine's weights.
"""

import sqlite3
from collections.abc import Callable

from img2model_desktop import __version__
from img2model_desktop.core.events import LAST, Decided, Decision, Failed, Finished, JobEvent, StageBegan
from img2model_desktop.jobs.attempts import AGAINST_ENGINE, Policy
from img2model_desktop.jobs.database import Database


class Breaker:
    """Keeps the table `engine_health`. Used by the thread of the database.

    Args:
        database: of the history.
        version_of: what tells, by an engine's key, whether it is still the same; see `Bench.version_of`.
    """

    def __init__(self, database: Database, version_of: Callable[[str], str] = lambda _: __version__) -> None:
        self._database = database
        self._version_of = version_of
        self._at_work: dict[str, str] = {}  # engine by job

    def apply(self, event: JobEvent) -> None:
        """Takes note of an event. Raises HistoryProblem, SetupProblem."""
        job = event.job_id
        match event:
            case StageBegan():
                self._worked(self._at_work.get(job, ""))
                self._at_work[job] = event.engine
            case Decided(decision=Decision.SET_ASIDE):
                self._set_aside(event)
            case Decided(decision=Decision.FALL_BACK):
                self._at_work[job] = ""
                self._failed(event.engine, event.kind, event.message, event.at)
            case Failed():
                self._failed(event.engine, event.kind, event.message, event.at)
            case Finished():
                self._worked(self._at_work.get(job, ""))
        if isinstance(event, LAST):
            self._at_work.pop(job, None)

    def policy(self) -> Policy:
        """How hard the next job tries, after all that is known of engines. Raises HistoryProblem."""
        known = self._known()
        failures = {row["engine"]: int(row["failures"]) for row in known}
        return Policy(
            failures=failures, set_aside={row["engine"]: row["reason"] for row in known if row["is_set_aside"]}
        )

    def is_set_aside(self, key: str) -> bool:
        """Whether an engine is not to be used now. Raises HistoryProblem."""
        return key in self.policy().set_aside

    def clear(self, key: str) -> None:
        """Forgets the failures of an engine: it may be tried again. Raises HistoryProblem, SetupProblem."""
        with self._database.writing(lasting=False) as db:
            db.execute("DELETE FROM engine_health WHERE engine = ?", (key,))

    def _worked(self, key: str) -> None:
        if key and self._database.select("SELECT 1 FROM engine_health WHERE engine = ?", (key,)):
            self.clear(key)

    def _failed(self, key: str, kind: str, reason: str, at: float) -> None:
        if not key or kind not in AGAINST_ENGINE:
            return
        before = next((row for row in self._known() if row["engine"] == key), None)
        if before is None:
            self._write(key, 1, reason, at, is_set_aside=False)
        else:
            kept = before["reason"] if before["is_set_aside"] else reason
            self._write(key, before["failures"] + 1, kept, at, is_set_aside=bool(before["is_set_aside"]))

    def _set_aside(self, event: Decided) -> None:
        """The failure itself is told after it, and counted then."""
        failures = self.policy().failures.get(event.engine, 0)
        self._write(event.engine, failures, event.message, event.at, is_set_aside=True)

    def _write(self, key: str, failures: int, reason: str, at: float, *, is_set_aside: bool) -> None:
        values = (key, failures, reason, at, int(is_set_aside), self._version_of(key))
        with self._database.writing(lasting=False) as db:
            db.execute(
                "INSERT OR REPLACE INTO engine_health (engine, failures, reason, since, is_set_aside, version)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )

    def _known(self) -> list[sqlite3.Row]:
        """What is known of engines as they are now; of older versions nothing counts."""
        rows = self._database.select("SELECT * FROM engine_health ORDER BY engine")
        return [row for row in rows if row["version"] == self._version_of(row["engine"])]
