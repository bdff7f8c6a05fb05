"""Engines that stay loaded are freed when no job comes for a while, in a real helper process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QThreadPool
from pytestqt.qtbot import QtBot

from img2model_desktop.aside import Helper
from img2model_desktop.core.events import Decided, Decision, Stage
from img2model_desktop.core.options import NoOptions
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.engines.base import EngineSpec, Role
from img2model_desktop.engines.bench import Bench
from img2model_desktop.engines.weights.library import Library
from img2model_desktop.errors import SetupProblem
from img2model_desktop.gui.resting import Resting
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.jobs.plan import resolve
from img2model_desktop.jobs.store import JobState, Store
from tests.jobs.faulty import sleep
from tests.jobs.test_attempts import picture_in
from tests.published import TINY, add_tiny

SPEC = EngineSpec("tiny", Role.MAKER, "Tiny", "For tests.", "tests.published:load_tiny", weights=TINY)


@pytest.fixture(scope="module")
def helper() -> Iterator[Helper]:
    """One for all that let it live: it imports torch."""
    helper = Helper(())
    yield helper
    helper.close()


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds the tiny set."""
    add_tiny(tmp_path / "brought", monkeypatch)
    shelf = Library(tmp_path / "weights")
    shelf.take(shelf.find(tmp_path / "brought"))
    return tmp_path / "weights"


@pytest.fixture
def bench(helper: Helper, weights: Path) -> Bench:
    return Bench(helper, weights)


@pytest.fixture
def pool(qtbot: QtBot) -> Iterator[QThreadPool]:
    pool = QThreadPool()
    pool.setMaxThreadCount(1)
    yield pool
    pool.waitForDone()


def loads(bench: Bench) -> int:
    """How often the engine was loaded so far in the helper process."""
    return int(bench.make(SPEC, "", "", NoOptions(), 0, Progress()).pixels[0, 0, 0])


def test_freed_after_a_while_and_not_while_jobs_come(bench: Bench, pool: QThreadPool, qtbot: QtBot) -> None:
    parent = QObject()
    resting = Resting(bench, pool, parent, rest_ms=30)
    before = loads(bench)
    assert loads(bench) == before
    resting.begin()
    assert resting.is_waiting
    resting.end()  # a job begins
    assert not resting.is_waiting
    qtbot.wait(80)
    pool.waitForDone()
    assert loads(bench) == before
    resting.begin()
    qtbot.waitUntil(lambda: not resting.is_waiting)
    pool.waitForDone()
    assert loads(bench) == before + 1
    resting.end()


def test_a_job_does_not_wait_for_freeing(bench: Bench, pool: QThreadPool, qtbot: QtBot) -> None:
    """It is called off when a job begins before its turn came."""
    parent = QObject()
    resting = Resting(bench, pool, parent, rest_ms=1)
    before = loads(bench)
    began = pool.tryStart(lambda: bench.worker.run(sleep, tick=lambda _: None))
    assert began
    resting.begin()
    qtbot.waitUntil(lambda: not resting.is_waiting)
    resting.end()
    pool.waitForDone()
    assert loads(bench) == before


def test_a_dead_process_is_no_trouble(weights: Path, pool: QThreadPool, qtbot: QtBot) -> None:
    parent = QObject()
    bench = Bench(mortal := Helper(()), weights)
    resting = Resting(bench, pool, parent, rest_ms=1)
    assert loads(bench) == 1
    mortal._process.kill()
    resting.begin()
    qtbot.waitUntil(lambda: not resting.is_waiting)
    pool.waitForDone()
    assert loads(bench) == 1  # a new process, where it is the first time
    bench.close()


@pytest.fixture
def runner(qtbot: QtBot, tmp_path: Path) -> Iterator[JobRunner]:
    runner = JobRunner(Store(tmp_path / "history.sqlite3", tmp_path / "jobs"), weights=tmp_path / "none")
    yield runner
    runner.close()


def test_the_runner_rests_after_its_jobs_and_hears_of_engines(runner: JobRunner, tmp_path: Path, qtbot: QtBot) -> None:
    aside = Decided("j", 1.0, Decision.SET_ASIDE, Stage.SCULPT, "inflate", "Inflate is set aside.", kind="engine")
    runner._breaker.apply(aside)
    assert runner.why_set_aside("inflate") == "Inflate is set aside."
    plan = resolve(Request(picture=str(picture_in(tmp_path)), engine="inflate", quality=Quality.DRAFT))
    with qtbot.waitSignal(runner.queue_ended, timeout=60_000):
        job = runner.submit(plan)
    row = runner.job(job)
    assert (row.state, row.error_kind, row.error_message) == (JobState.FAILED, "setup", "Inflate is set aside.")
    assert "Try Inflate again" in row.error_advice
    assert runner._resting.is_waiting
    with qtbot.waitSignal(runner.queue_ended, timeout=60_000):
        runner.retry(job)  # that is to try it again
        assert not runner._resting.is_waiting
    assert runner.job(job).state is JobState.DONE
    assert runner.why_set_aside("inflate") == ""
    assert runner._resting.is_waiting


def test_missing_weights_are_told_before_a_job_is_made(runner: JobRunner, tmp_path: Path) -> None:
    wish = Request(picture=str(picture_in(tmp_path)), engine="triposr", quality=Quality.DRAFT)
    with pytest.raises(SetupProblem, match="TripoSR needs its weights"):
        runner.submit(resolve(wish))
    assert runner.jobs() == ()
