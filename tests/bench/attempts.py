"""What it costs to try engines the careful way: asking for room, minding failures, keeping the health of engines.

Each figure is of work that does nothing, so that it is all overhead; the middle of many runs.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from img2model_desktop.aside import Helper, Inline, Worker
from img2model_desktop.core.events import Finished, JobEvent, Stage, StageBegan, Started
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role, build_options
from img2model_desktop.engines.bench import Bench
from img2model_desktop.jobs.attempts import DEFAULT_POLICY, Attempts, Task
from img2model_desktop.jobs.breaker import Breaker
from img2model_desktop.jobs.database import Database
from tests.bench.table import Table

NAME = "attempts"

TIMES = 200


def tables() -> list[Table]:
    """One table: milliseconds a stage, an event, a job."""
    with tempfile.TemporaryDirectory() as folder:
        helper = Helper(())
        try:
            rows = [
                ["a stage, its engine in this process", _stage(Inline(), Path(folder))],
                ["a stage, its engine in a helper process", _stage(helper, Path(folder))],
                ["of it one call of the helper process", _median(lambda: helper.run(nothing, tick=lambda _: None))],
            ]
        finally:
            helper.close()
        database = Database(Path(folder) / "history.sqlite3")
        try:
            breaker = Breaker(database)
            rows += [
                ["the breaker, a whole job's events", _median(lambda: _job(breaker))],
                ["the breaker, the policy of a job", _median(breaker.policy)],
            ]
        finally:
            database.close()
    return [Table("Trying engines: overhead", ["what", "ms"], rows)]


def nothing(report: Any, is_cancelled: Any) -> None:
    """Runs aside."""


def _stage(worker: Worker, folder: Path) -> str:
    spec = catalog.find("inflate", Role.SCULPTOR)
    attempts = Attempts(Bench(worker), DEFAULT_POLICY, Quality.DRAFT, False, folder, lambda *_: None)
    task: Task[None] = Task(
        Stage.SCULPT,
        spec,
        build_options(spec, Quality.DRAFT, {}),
        lambda spec, options, progress: None,
        lambda spec: Progress(),
        lambda but: None,
    )
    return _median(lambda: attempts.run(task))


def _job(breaker: Breaker) -> None:
    events: list[JobEvent] = [Started("j", 1.0), StageBegan("j", 1.0, Stage.CUT_OUT, engine="cutout")]
    events += [StageBegan("j", 1.0, Stage.SCULPT, engine="inflate"), StageBegan("j", 1.0, Stage.SAVE)]
    for event in [*events, Finished("j", 2.0, "result.glb", "inflate", None, 1.0)]:
        breaker.apply(event)


def _median(work: Callable[[], object]) -> str:
    work()
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return f"{statistics.median(taken) * 1000:.2f}"
