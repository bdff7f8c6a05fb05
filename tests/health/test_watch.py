"""The thread that reads: it fills the history, raises alerts, and ends."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from img2model_desktop.health import watch as watching
from img2model_desktop.health.limits import Alarms, Limit
from img2model_desktop.health.series import read_points, series_file
from img2model_desktop.health.watch import ALERTS_FILE, Watch

WAIT_S = 20.0


def until(done: Callable[[], object], limit_s: float = WAIT_S) -> None:
    end = time.monotonic() + limit_s
    while not done() and time.monotonic() < end:
        time.sleep(0.01)
    assert done()


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    monkeypatch.setattr(watching, "BUSY_S", 0.02)
    made = Watch(tmp_path)
    made.start()
    yield made
    made.close()


def test_readings_arrive_with_what_others_note(watch: Watch) -> None:
    assert watch.latest is None
    watch.note(queue=3)
    watch.note(queue=1)
    watch.set_busy(True)
    until(lambda: watch.latest is not None)
    now = time.time()
    points = watch.between(now - 60, now + 60)
    assert points is not None
    assert points.column("queue")[0] == 3.0  # the highest since the reading before
    until(lambda: len(watch.between(now - 60, now + 60) or ()) >= 2)
    points = watch.between(now - 60, now + 60)
    assert points is not None
    assert points.column("queue")[1] != points.column("queue")[1]  # it was told once
    assert 0 < points.column("memory")[0] <= 100


def test_idle_it_waits(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch.start()
    until(lambda: watch.between(0, time.time()) is not None)
    assert watch.latest is None  # the first reading comes after ten seconds
    watch.close()
    assert not watch._thread.is_alive()


def test_closing_puts_what_is_pending_on_disk(tmp_path: Path, watch: Watch) -> None:
    watch.set_busy(True)
    until(lambda: watch.latest is not None)
    watch.close()
    assert len(read_points(series_file(tmp_path, "fine"))[0]) >= 1
    assert "health" not in {thread.name for thread in threading.enumerate()}


def test_an_alert_is_logged_kept_and_acknowledged(
    tmp_path: Path, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    always = Limit("always", "memory", 0.001, 0.0, 0.0, False, "t", "r.", "a.")
    watch._alarms = Alarms(tmp_path / ALERTS_FILE, (always,))
    watch.set_busy(True)
    until(lambda: watch.alerts)
    watch.acknowledge(watch.alerts[0])
    assert watch.alerts[0].acknowledged is not None
    assert "alert always" in caplog.text
    assert Alarms(tmp_path / ALERTS_FILE, (always,)).alerts[0].acknowledged == watch.alerts[0].acknowledged


def test_one_that_was_never_started_can_be_closed(tmp_path: Path) -> None:
    Watch(tmp_path).close()
