"""Thresholds with their reasons, and the alerts that come of them.

An alert is raised when a measure has been past its limit for a while, and ends when it has stayed behind a second,
milder limit for a while, so that nothing flickers. Alerts and the user's acknowledgements are on disk.
"""

import contextlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from img2model_desktop.core import atomic
from img2model_desktop.errors import SetupProblem
from img2model_desktop.health.readings import Reading

KEPT_ALERTS = 200


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a measure begins to be a trouble.

    Args:
        key: stable; alerts are kept under it.
        measure: key of `readings.MEASURES`.
        raise_at, clear_at: in the measure's unit. `raise_at > clear_at`: too much is bad; else too little.
        for_s: how long it must be past `raise_at` before that counts, seconds.
        is_bad: work is in danger; otherwise it only becomes slower.
        title: what is the matter, a few words.
        reason: why this is the limit, a sentence.
        advice: what to do, a sentence.
        calm_s: how long it must be behind `clear_at` before the alert ends.
    """

    key: str
    measure: str
    raise_at: float
    clear_at: float
    for_s: float
    is_bad: bool
    title: str
    reason: str
    advice: str
    calm_s: float = 10.0

    @property
    def is_ceiling(self) -> bool:
        """Whether too much is bad."""
        return self.raise_at > self.clear_at

    def is_past(self, value: float) -> bool:
        """Whether a value raises the alert."""
        return value >= self.raise_at if self.is_ceiling else value <= self.raise_at

    def is_well(self, value: float) -> bool:
        """Whether a value ends it."""
        return value <= self.clear_at if self.is_ceiling else value >= self.clear_at

    def worse(self, value: float, other: float) -> float:
        """The worse of two values."""
        return max(value, other) if self.is_ceiling else min(value, other)


LIMITS: tuple[Limit, ...] = (
    Limit(
        "disk_full",
        "disk_free",
        1.0,
        1.5,
        0.0,
        True,
        "The disk is almost full",
        "A job needs up to 1 GB for what lies between its stages.",
        "Free some space, or empty the trash of the library.",
    ),
    Limit(
        "disk_low",
        "disk_free",
        5.0,
        6.0,
        10.0,
        False,
        "Little space is left on the disk",
        "Weights and a few dozen results take 5 GB.",
        "Free some space before long batches.",
    ),
    Limit(
        "memory_full",
        "memory",
        96.0,
        90.0,
        5.0,
        True,
        "Memory is almost full",
        "The system ends programs when nothing is left.",
        "Close other programs, or choose a lower quality.",
    ),
    Limit(
        "swapping",
        "swap",
        4.0,
        3.0,
        30.0,
        False,
        "Much memory was moved to the disk",
        "What lies on the disk comes back a thousand times slower than memory.",
        "Close other programs.",
    ),
    Limit(
        "card_full",
        "card_memory",
        97.0,
        90.0,
        10.0,
        False,
        "Graphics memory is almost full",
        "Engines that do not fit step down to cheaper plans.",
        "Close other programs that use the graphics card.",
    ),
    Limit(
        "card_hot",
        "card_temperature",
        88.0,
        82.0,
        30.0,
        False,
        "The graphics card is hot",
        "Cards slow themselves down at about 90 °C.",
        "Let air to it; dust in the fans is the usual cause.",
    ),
    Limit(
        "files",
        "files",
        4000.0,
        3500.0,
        60.0,
        False,
        "Very many files are open",
        "A few hundred are normal; systems stop programs at a few thousand.",
        "Save a report: this is a fault of the program.",
    ),
    Limit(
        "frozen",
        "gap",
        250.0,
        100.0,
        0.0,
        False,
        "The window did not answer for a moment",
        "Up to 50 ms go unnoticed; more is felt.",
        "If it happens often, save a report.",
        calm_s=120.0,
    ),
)
BY_KEY = {limit.key: limit for limit in LIMITS}


@dataclass(frozen=True, slots=True)
class Alert:
    """A limit that was passed.

    Args:
        key: of the limit.
        since: when it was noticed, seconds since the epoch.
        worst: value so far, in the measure's unit.
        last: when it was seen last.
        until: when it ended, or None while it lasts.
        acknowledged: when the user said "seen", or None.
    """

    key: str
    since: float
    worst: float
    last: float
    until: float | None = None
    acknowledged: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it lasts."""
        return self.until is None


class Alarms:
    """Watches readings against limits and keeps the alerts, newest last.

    Args:
        file: where they are kept; a damaged one is begun anew.
        limits: what to watch.
    """

    def __init__(self, file: Path, limits: tuple[Limit, ...] = LIMITS) -> None:
        self._file = file
        self._limits = limits
        self._past: dict[str, float] = {}  # since when a measure is past its limit, not yet an alert
        self._calm: dict[str, float] = {}  # since when it is behind the milder one, its alert not yet over
        known = {limit.key for limit in limits}
        self._alerts = [alert for alert in _read(file) if alert.key in known]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """All that are kept, oldest first."""
        return tuple(self._alerts)

    def feed(self, reading: Reading) -> tuple[Alert, ...]:
        """Takes in a reading; the alerts that it raised."""
        raised = [self._watch(limit, reading) for limit in self._limits]
        return tuple(alert for alert in raised if alert is not None)

    def acknowledge(self, since: float, key: str, now: float) -> None:
        """The user has seen an alert; unknown ones are ignored."""
        for place, alert in enumerate(self._alerts):
            if (alert.since, alert.key) == (since, key) and alert.acknowledged is None:
                self._put(place, replace(alert, acknowledged=now))

    def _watch(self, limit: Limit, reading: Reading) -> Alert | None:
        value = reading.values.get(limit.measure)
        if value is None or not math.isfinite(value):
            return None
        place = self._open_place(limit.key)
        if place is not None:
            self._go_on(place, limit, value, reading.at)
            return None
        if not limit.is_past(value):
            self._past.pop(limit.key, None)
            return None
        since = self._past.setdefault(limit.key, reading.at)
        if reading.at < since:  # the clock went back
            self._past[limit.key] = since = reading.at
        if reading.at - since < limit.for_s:
            return None
        del self._past[limit.key]
        alert = Alert(limit.key, reading.at, value, reading.at)
        self._alerts.append(alert)
        del self._alerts[:-KEPT_ALERTS]
        self._save()
        return alert

    def _go_on(self, place: int, limit: Limit, value: float, at: float) -> None:
        alert = self._alerts[place]
        if limit.is_well(value):
            since = min(self._calm.setdefault(limit.key, at), at)  # the clock may go back
            if at - since >= limit.calm_s:
                del self._calm[limit.key]
                self._put(place, replace(alert, until=max(since, alert.since), last=at))
            return
        self._calm.pop(limit.key, None)
        worst = limit.worse(alert.worst, value)
        # in memory only: `worst` moves all the time, and its loss costs nothing
        self._alerts[place] = replace(alert, worst=worst, last=at)

    def _open_place(self, key: str) -> int | None:
        for place in range(len(self._alerts) - 1, -1, -1):
            if self._alerts[place].key == key:
                return place if self._alerts[place].is_open else None
        return None

    def _put(self, place: int, alert: Alert) -> None:
        self._alerts[place] = alert
        self._save()

    def _save(self) -> None:
        content = json.dumps([asdict(alert) for alert in self._alerts], indent=1)
        with contextlib.suppress(SetupProblem):  # a full disk is what an alert may be about
            atomic.write_file(self._file, content.encode(), flush=False)


def _read(file: Path) -> list[Alert]:
    try:
        plain: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(plain, list):
        return []
    return list(_known(plain))[-KEPT_ALERTS:]


def _known(plain: list[Any]) -> Iterable[Alert]:
    for entry in plain:
        try:
            numbers = {name: entry[name] for name in ("since", "worst", "last", "until", "acknowledged")}
            key = entry["key"]
        except (TypeError, KeyError):
            continue
        may_lack = ("until", "acknowledged")
        fits = all(_is_number(value) or (value is None and name in may_lack) for name, value in numbers.items())
        if isinstance(key, str) and fits:
            yield Alert(key, **numbers)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
