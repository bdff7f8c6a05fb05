"""Reads the machine in a thread of its own while somebody works or looks, rarely otherwise."""

import logging
import threading
import time
from dataclasses import replace
from pathlib import Path

from img2model_desktop.health.limits import Alarms, Alert
from img2model_desktop.health.readings import Card, CardReader, Reading, Sampler
from img2model_desktop.health.series import Points, Series

BUSY_S = 1.0
ALERTS_FILE = "alerts.json"
IDLE_S = 10.0  # as often as a span of the finest file

log = logging.getLogger(__name__)


class Watch:
    """The readings of this run, their history and their alerts.

    Args:
        folder: of the data: its disk is watched, and the history is kept in it. It exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()  # of series, alarms and what comes from outside
        self._wake = threading.Event()
        self._is_closing = False
        self._is_busy = False
        self._outside: dict[str, float] = {}
        self._latest: Reading | None = None
        self._series: Series | None = None
        self._alarms = Alarms(folder / ALERTS_FILE)
        self._card = Card()
        self._thread = threading.Thread(target=self._go, name="health", daemon=True)

    def start(self) -> None:
        """Begins to read. Not before the window's first paint: it takes the processor from it."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread and puts on disk what is pending."""
        self._is_closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def set_busy(self, is_busy: bool) -> None:
        """Reads every second while a job runs or somebody looks, else every ten."""
        if is_busy != self._is_busy:
            self._is_busy = is_busy
            self._wake.set()

    def note(self, **values: float) -> None:
        """What only others know, such as `queue`, for the readings from now on; the highest until the next one."""
        with self._lock:
            for key, value in values.items():
                self._outside[key] = max(value, self._outside.get(key, value))

    @property
    def card(self) -> Card:
        """The graphics card, or why nothing is read from one; empty before the first reading."""
        return self._card

    @property
    def latest(self) -> Reading | None:
        """The newest reading of this run."""
        return self._latest

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """All that are kept, oldest first."""
        with self._lock:
            return self._alarms.alerts

    def acknowledge(self, alert: Alert) -> None:
        """The user has seen it."""
        with self._lock:
            self._alarms.acknowledge(alert.since, alert.key, time.time())

    def between(self, since: float, until: float) -> Points | None:
        """The history of a range of time, seconds since the epoch; None before the first reading."""
        with self._lock:
            return None if self._series is None else self._series.between(since, until)

    def _go(self) -> None:
        reader = CardReader()
        self._card = reader.card
        series = Series(self._folder)  # reads two files: not in the window's thread
        with self._lock:
            self._series = series
        sampler = Sampler(self._folder, reader)
        while not self._is_closing:
            self._wake.wait(BUSY_S if self._is_busy else IDLE_S)
            self._wake.clear()
            if not self._is_closing:
                self._take(sampler.read(), series)
        reader.close()
        series.close()

    def _take(self, reading: Reading, series: Series) -> None:
        with self._lock:
            reading = replace(reading, values={**reading.values, **self._outside})
            self._outside.clear()
            series.add(reading)
            raised = self._alarms.feed(reading)
        self._latest = reading
        for alert in raised:
            log.warning("alert %s: %.1f", alert.key, alert.worst)
