"""Engines that stay loaded are freed when no job comes for a while, in a real helper process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QThreadPool
from pytestqt.qtbot import QtBot

from img2model_desktop.aside import Helper
from img2model_desktop.core.options import NoOptions
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.base import EngineSpec, Role
from img2model_desktop.engines.bench import Bench
from img2model_desktop.engines.library import Library
from img2model_desktop.gui.resting import Resting
from tests.jobs.faulty import sleep
from tests.published import TINY, add_tiny

SPEC = EngineSpec("tiny", Role.MAKER, "Tiny", "For tests.", "tests.published:load_tiny", weights=TINY)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    add_tiny(tmp_path / "brought", monkeypatch)
    shelf = Library(tmp_path / "weights")
    shelf.take(shelf.find(tmp_path / "brought"))
    bench = Bench(Helper(()), tmp_path / "weights")
    yield bench
    bench.close()


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
    assert [loads(bench), loads(bench)] == [1, 1]
    resting.begin()
    assert resting.is_waiting
    resting.end()  # a job begins
    assert not resting.is_waiting
    qtbot.wait(80)
    pool.waitForDone()
    assert loads(bench) == 1
    resting.begin()
    qtbot.waitUntil(lambda: not resting.is_waiting)
    pool.waitForDone()
    assert loads(bench) == 2
    resting.end()


def test_a_job_does_not_wait_for_freeing(bench: Bench, pool: QThreadPool, qtbot: QtBot) -> None:
    """It is called off when a job begins before its turn came."""
    parent = QObject()
    resting = Resting(bench, pool, parent, rest_ms=1)
    assert loads(bench) == 1
    began = pool.tryStart(lambda: bench.worker.run(sleep, tick=lambda _: None))
    assert began
    resting.begin()
    qtbot.waitUntil(lambda: not resting.is_waiting)
    resting.end()
    pool.waitForDone()
    assert loads(bench) == 1


def test_a_dead_process_is_no_trouble(bench: Bench, pool: QThreadPool, qtbot: QtBot) -> None:
    parent = QObject()
    resting = Resting(bench, pool, parent, rest_ms=1)
    assert loads(bench) == 1
    assert isinstance(bench.worker, Helper)
    bench.worker._process.kill()
    resting.begin()
    qtbot.waitUntil(lambda: not resting.is_waiting)
    pool.waitForDone()
    assert loads(bench) == 1  # a new process, where it is the first time
