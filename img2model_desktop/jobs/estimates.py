"""How long a job will take: learned from the stages that ran on this machine, and shown with its uncertainty.

Durations of one stage, engine and quality scatter like a log-normal distribution: twice as long is about as likely as
half as long. What is told is the middle 80 % of it, given how long the stage has run already.
"""

import functools
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from img2model_desktop.core.events import (
    Decided,
    Failed,
    Finished,
    JobEvent,
    Stage,
    StageBegan,
    Started,
    Stopped,
)
from img2model_desktop.core.request import AUTO, Quality, Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.weights import sets
from img2model_desktop.jobs.database import Database
from img2model_desktop.jobs.job_row import JobRow

if TYPE_CHECKING:
    from statistics import NormalDist

COVERED = 0.8
"""Share of the real durations that shall lie inside the shown range."""

KEPT = 50
"""Durations kept for each stage, engine and quality."""

MOST_ROWS = 5000
RECENCY = 0.94  # weight of a duration against the one after it: what the machine does now counts more
TOGETHER = 0.5  # correlation of the stages of one job: a busy machine slows all of them
PRIOR_SPREAD, PRIOR_COUNT = 0.4, 3.0  # of the logarithm: what is assumed until there are durations enough
LEAST_SPREAD = 0.05
OTHER_QUALITY_SPREAD = 0.7
FIRST_SPREAD = 0.8  # a first estimate may be wrong by a factor of 2.8 either way
NETWORK_SHARE = 0.5  # of the speed of a plain matrix product that networks reach

# Seconds on a small processor, until there is a history: built-in engines differ by less than machines do.
_FIRST = {
    Stage.OPEN: 1.0,
    Stage.PICTURE: 0.25,
    Stage.CUT_OUT: 1.4,
    Stage.SCULPT: 2.0,
    Stage.CLEAN: 0.7,
    Stage.PAINT: 0.5,
    Stage.SAVE: 0.5,
}
_QUALITY = {Quality.DRAFT: 0.4, Quality.STANDARD: 1.0, Quality.HIGH: 3.0}
_CARDS = (("3060", 14.0), ("4070", 30.0), ("4090", 80.0), ("H100", 250.0), ("H200", 250.0))  # TFLOP/s in networks

Key = tuple[str, str, str]  # stage, engine, quality


@dataclass(frozen=True, slots=True)
class Remaining:
    """How long it will take from now on.

    Args:
        low_s, high_s: the range that holds it in about 80 of 100 cases, seconds.
        known: there is something to go by; otherwise the range means nothing.
    """

    low_s: float
    high_s: float
    known: bool

    @property
    def words(self) -> str:
        """For people: as exact as it is, and no more."""
        if not self.known:
            return "first time: not known yet"
        low, high = _round_seconds(self.low_s), _round_seconds(self.high_s)
        if high < 3:
            return "a moment left"
        if high < 60:
            return f"about {low:.0f} s left" if low == high else f"about {low:.0f} to {high:.0f} s left"
        low, high = max(round(low / 60), 0), math.ceil(high / 60)
        if low == high:
            return f"about {high:.0f} min left"
        return f"about {low:.0f} to {high:.0f} min left" if low else f"up to {high:.0f} min left"


NOT_KNOWN = Remaining(0.0, 0.0, known=False)


@dataclass(frozen=True, slots=True)
class Spread:
    """What is known of a duration: its logarithm is about normally distributed.

    Args:
        middle: of the natural logarithm of seconds.
        width: its standard deviation, above 0.
    """

    middle: float
    width: float

    @property
    def median_s(self) -> float:
        """As likely longer as shorter."""
        return math.exp(self.middle)

    def left(self, passed_s: float, chance: float) -> float:
        """Seconds that are left with this chance or fewer, once `passed_s` have passed without an end."""
        place_now = (math.log(max(passed_s, 1e-9)) - self.middle) / self.width
        gone = min(_normal().cdf(place_now), 1 - 1e-6)
        place = min(max(gone + (1 - gone) * chance, 1e-9), 1 - 1e-9)
        return max(math.exp(self.middle + self.width * _normal().inv_cdf(place)) - max(passed_s, 0.0), 0.0)

    def scaled(self, factor: float) -> "Spread":
        """Of durations that are longer by a factor above 0."""
        return Spread(self.middle + math.log(factor), self.width)


def spread_of(seconds: Iterable[float]) -> Spread:
    """Robust middle and width of durations.

    Args:
        seconds: at least one, above 0, oldest first.
    """
    logs = [math.log(max(value, 1e-3)) for value in seconds]
    weights = [RECENCY ** (len(logs) - 1 - place) for place in range(len(logs))]
    middle = _weighted_median(logs, weights)
    away = [abs(value - middle) for value in logs]
    most = 3 * 1.4826 * _weighted_median(away, weights)  # outliers count as much, and no more
    mean = sum(min(value, most) * weight for value, weight in zip(away, weights, strict=True)) / sum(weights)
    deviation = math.sqrt(math.pi / 2) * mean  # of a normal distribution
    count = sum(weights) ** 2 / sum(weight * weight for weight in weights)  # as many equal weights tell as much
    own = max(count - 1, 0.0)
    variance = (own * deviation**2 + PRIOR_COUNT * PRIOR_SPREAD**2) / (own + PRIOR_COUNT)
    # the middle is itself an estimate, and so is the deviation
    return Spread(middle, max(math.sqrt(variance * (1 + 3 / count)), LEAST_SPREAD))


def _weighted_median(values: list[float], weights: list[float]) -> float:
    """Where half of the weight lies below; between two values where it falls between them."""
    half, passed = sum(weights) / 2, 0.0
    before: tuple[float, float] | None = None  # weight up to the middle of the value before, and the value
    for value, weight in sorted(zip(values, weights, strict=True)):
        centre = passed + weight / 2
        if centre >= half:
            if before is None:
                return value
            share = (half - before[0]) / (centre - before[0])
            return before[1] + (value - before[1]) * share
        passed += weight
        before = (centre, value)
    return values[0] if before is None else before[1]


def remaining(parts: Iterable[Spread | None], running: "Running | None" = None) -> Remaining:
    """Adds up what is left of a job.

    Args:
        parts: of each stage that has not begun; None where nothing is known of it.
        running: the stage under way.
    """
    waiting = list(parts)
    known = [part for part in waiting if part is not None]
    if len(known) < len(waiting) or (running is not None and running.spread is None):
        return NOT_KNOWN
    edge = (1 - COVERED) / 2
    ranges = [tuple(part.left(0.0, chance) for chance in (edge, 0.5, 1 - edge)) for part in known]
    if running is not None:
        ranges.append(running.left(edge))
    downs, ups = [mid - low for low, mid, _ in ranges], [high - mid for _, mid, high in ranges]
    middle = sum(mid for _, mid, _ in ranges)
    # The median of a sum lies above the sum of the medians, up to the mean where many stages scatter alone. For a
    # log-normal distribution the mean lies about 0.3 of the range's skew above the median.
    many = 1 - math.fsum(mid * mid for _, mid, _ in ranges) / max(middle * middle, 1e-12)
    middle += 0.3 * (1 - TOGETHER) * max(many, 0.0) * max(sum(ups) - sum(downs), 0.0)
    return Remaining(max(middle - _added(downs), 0.0), middle + _added(ups), known=True)


@functools.cache
def _normal() -> "NormalDist":
    from statistics import NormalDist  # brings fractions and decimals, which the window's start does without

    return NormalDist()


def _added(widths: list[float]) -> float:
    alone = math.fsum(width * width for width in widths)
    return math.sqrt((1 - TOGETHER) * alone + TOGETHER * math.fsum(widths) ** 2)


@dataclass(frozen=True, slots=True)
class Running:
    """The stage under way.

    Args:
        spread: what is known of its whole duration, or None.
        passed_s: since it began.
        fraction: of it that is done, as its engine says, 0..1.
    """

    spread: Spread | None
    passed_s: float
    fraction: float

    def left(self, edge: float) -> tuple[float, float, float]:
        """Low, middle and high of the seconds that are left; the fraction counts the more, the larger it is."""
        assert self.spread is not None
        learned = [self.spread.left(self.passed_s, chance) for chance in (edge, 0.5, 1 - edge)]
        trust = self.fraction**2  # an engine's own fraction is not even in time: little by little
        if trust == 0:
            return learned[0], learned[1], learned[2]
        told = self.passed_s * (1 - self.fraction) / self.fraction
        mixed = [(1 - trust) * old + trust * told * factor for old, factor in zip(learned, (0.7, 1, 1.4), strict=True)]
        return mixed[0], mixed[1], mixed[2]


@dataclass(slots=True)
class _Clock:
    """The stage of one job that is being timed."""

    stage: Stage
    engine: str
    began: float
    counts: bool = True


class StageTimes:
    """Seconds that stages took on this machine, in the table `stage_time`.

    Args:
        database: of the history; used by its thread alone.
        now: the clock, seconds since the epoch; tests put in their own.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now
        self._clocks: dict[str, _Clock] = {}
        self._kept: dict[Key, deque[float]] = {}
        self.network_tflops = 0.0
        for row in database.select("SELECT stage, engine, quality, seconds FROM stage_time ORDER BY number"):
            self._keep((row["stage"], row["engine"], row["quality"]), row["seconds"])

    def set_machine(self, product_tflops: float, card: str) -> None:
        """What networks may reach here, for first estimates.

        Args:
            product_tflops: of a matrix product on the processor, 10^12 operations a second, or 0.
            card: name of the graphics card in use, or "".
        """
        known = [speed for name, speed in _CARDS if name in card.replace(" ", "")]
        self.network_tflops = known[0] if known else 0.0 if card else NETWORK_SHARE * product_tflops

    def take(self, event: JobEvent, request: Request) -> None:
        """Learns from an event of a job that runs; of stages that were resumed, stopped or disturbed nothing.

        Raises:
            HistoryProblem, SetupProblem: it could not be written; it counts until the program ends.
        """
        match event:
            case StageBegan():
                self._end_clock(event.job_id, event.at, request)
                self._clocks[event.job_id] = _Clock(event.stage, event.engine, event.at, not event.resumed)
            case Decided() if event.job_id in self._clocks:
                self._clocks[event.job_id].counts = False
            case Finished():
                self._end_clock(event.job_id, event.at, request)
            case Started() | Failed() | Stopped():
                self._clocks.pop(event.job_id, None)

    def remaining(self, row: JobRow) -> Remaining:
        """What is left of a job that waits or runs."""
        now = row.stage
        stages = stages_of(row.request)
        if now is None or Stage(now) not in stages:
            return remaining(self._spread(stage, row) for stage in stages)
        clock = self._clocks.get(row.id)
        passed = self._now() - clock.began if clock else 0.0
        running = Running(self._spread(Stage(now), row), max(passed, 0.0), row.fraction)
        return remaining((self._spread(stage, row) for stage in stages[stages.index(Stage(now)) + 1 :]), running)

    def overall(self, row: JobRow) -> float:
        """How far the whole job is, 0..1: its stages by the time that they are expected to take."""
        return _overall(row, lambda stage: self._spread(stage, row) or _first(stage, row.request))

    def durations(self) -> dict[Key, tuple[float, ...]]:
        """All that is kept, by stage, engine and quality, oldest first, seconds."""
        return {key: tuple(kept) for key, kept in self._kept.items()}

    def _end_clock(self, job_id: str, at: float, request: Request) -> None:
        clock = self._clocks.pop(job_id, None)
        if clock is None or not clock.counts or at <= clock.began:
            return
        seconds = (at - clock.began) / _pictures(clock.stage, request)
        key = (clock.stage.value, clock.engine, request.quality.value)
        self._keep(key, seconds)
        with self._database.writing(lasting=False) as db:
            db.execute(
                "INSERT INTO stage_time (at, stage, engine, quality, seconds) VALUES (?, ?, ?, ?, ?)",
                (at, *key, seconds),
            )
            self._forget(db, key)

    def _forget(self, db: Any, key: Key) -> None:
        """Keeps the table bounded."""
        mine = "SELECT number FROM stage_time WHERE stage = ? AND engine = ? AND quality = ?"
        db.execute(f"DELETE FROM stage_time WHERE number IN ({mine} ORDER BY number DESC LIMIT -1 OFFSET {KEPT})", key)
        db.execute(f"DELETE FROM stage_time WHERE number <= (SELECT max(number) FROM stage_time) - {MOST_ROWS}")

    def _keep(self, key: Key, seconds: float) -> None:
        self._kept.setdefault(key, deque(maxlen=KEPT)).append(seconds)

    def _spread(self, stage: Stage, row: JobRow) -> Spread | None:
        engine = self._engine(stage, row)
        found = self._learned(stage, engine, row.request.quality)
        if found is None:
            found = self._from_network(engine) if _weights(engine) else _first(stage, row.request)
        return found and found.scaled(_pictures(stage, row.request))

    def _learned(self, stage: Stage, engine: str, quality: Quality) -> Spread | None:
        """From this engine at this quality, at another one, or, where the engine is not known, from all."""
        own = self._kept.get((stage.value, engine, quality.value))
        if own:
            return spread_of(own)
        for (of_stage, of_engine, of_quality), kept in self._kept.items():
            if (of_stage, of_engine) == (stage.value, engine):
                factor = _QUALITY[quality] / _QUALITY[Quality(of_quality)]
                return Spread(spread_of(kept).scaled(factor).middle, OTHER_QUALITY_SPREAD)
        if engine:
            return None
        others = [spread_of(kept) for key, kept in self._kept.items() if (key[0], key[2]) == (stage.value, quality)]
        return (
            Spread(sorted(other.middle for other in others)[len(others) // 2], OTHER_QUALITY_SPREAD) if others else None
        )

    def _from_network(self, engine: str) -> Spread | None:
        """From the work of one run of its network, which its table of weights tells."""
        work = next((found.tflop for found in sets.SETS if found.key == _weights(engine)), 0.0)
        if not work or not self.network_tflops:
            return None
        loading_s = 3.0
        return Spread(math.log(loading_s + work / self.network_tflops), FIRST_SPREAD)

    def _engine(self, stage: Stage, row: JobRow) -> str:
        """The key of the engine that works in a stage, "" where none does or it is not known yet."""
        clock = self._clocks.get(row.id)
        if clock is not None and clock.stage is stage:
            return clock.engine
        request = row.request
        match stage:
            case Stage.PICTURE:
                return "" if request.picture and not request.restyle else request.maker
            case Stage.CUT_OUT:
                return request.cutter
            case Stage.SCULPT:
                return row.engine or ("" if request.engine == AUTO else request.engine)
        return ""


def stages_of(request: Request) -> tuple[Stage, ...]:
    """The stages that a job goes through, in their order."""
    if request.mesh:
        return (Stage.OPEN,)
    if request.goal == "pictures":
        return (Stage.PICTURE,)
    return (Stage.PICTURE, Stage.CUT_OUT, Stage.SCULPT, Stage.CLEAN, Stage.SAVE)


def overall(row: JobRow) -> float:
    """How far the whole job is, 0..1, where nothing is known of this machine."""
    return _overall(row, lambda stage: _first(stage, row.request))


def _overall(row: JobRow, spread: Callable[[Stage], Spread]) -> float:
    stages = stages_of(row.request)
    if row.stage is None or Stage(row.stage) not in stages:
        return 0.0
    at = stages.index(Stage(row.stage))
    seconds = [spread(stage).median_s for stage in stages]
    return (sum(seconds[:at]) + seconds[at] * row.fraction) / sum(seconds)


def measure_processor(report: Any, is_cancelled: Any) -> float:  # noqa: ARG001 - runs aside
    """Operations of a matrix product on this processor, 10^12 a second: the best of some 50, half a second at most.

    Short ones: on a busy machine a few of them are not interrupted.
    """
    import numpy as np

    side = 384
    left = np.ones((side, side), np.float32)
    best = math.inf
    end = time.perf_counter() + 0.5
    for _ in range(50):
        began = time.perf_counter()
        left @ left
        best = min(best, time.perf_counter() - began)
        if began > end:
            break
    return 2 * side**3 / best / 1e12


def _first(stage: Stage, request: Request) -> Spread:
    """Of the built-in engines, before anything was learned."""
    return Spread(math.log(_FIRST[stage] * _QUALITY[request.quality]), FIRST_SPREAD)


def _pictures(stage: Stage, request: Request) -> int:
    return max(request.variants, 1) if stage is Stage.PICTURE else 1


def _weights(engine: str) -> str:
    """The key of the weights that an engine needs, or ""."""
    return next((spec.weights for spec in catalog.ENGINES if spec.key == engine), "")


def _round_seconds(seconds: float) -> float:
    """To what can be meant: 1 s below 10, 5 s below 60, 10 s above."""
    step = 1.0 if seconds < 10 else 5.0 if seconds < 60 else 10.0
    return round(seconds / step) * step
