"""What the diagnostics show: readings, gaps, times of stages and the score, gathered while the program runs."""

import logging
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from img2model_desktop import logs
from img2model_desktop.core.events import Chosen, Decided, JobEvent, Started, Stopped, Warned
from img2model_desktop.errors import HistoryProblem, Img2ModelError
from img2model_desktop.gui.diagnostics.gap_watch import HIDDEN_MS, WORKING_MS, GapWatch
from img2model_desktop.gui.latest_call import LatestCall
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.window_state import Places
from img2model_desktop.health.past import DAY_S, Past
from img2model_desktop.health.score import Score, Signs, score
from img2model_desktop.jobs.estimates import StageTimes, measure_processor

if TYPE_CHECKING:  # it brings numpy, which the window's start does without
    from img2model_desktop.health.limits import Alert
    from img2model_desktop.health.watch import Watch

BEAT_MS = 1000

log = logging.getLogger(__name__)


class DiagnosticsFeed(QObject):
    """Follows the runner. Nothing runs before `start`, and no timer while the program idles unseen.

    Args:
        runner: whose jobs are followed.
        places: of the window; without a folder of the data nothing is read and kept.

    Signals:
        beaten: there may be something new to show; once a second while a job runs or somebody looks.
        scored: (object) a new `Score`.
        endangered: (object) a new Alert that puts work in danger.
    """

    beaten = Signal()
    scored = Signal(object)
    endangered = Signal(object)

    def __init__(self, runner: JobRunner, places: Places, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._places = places
        self.times = StageTimes(runner.store.database)
        self.gaps = GapWatch(self)
        self.watch: Watch | None = None
        self.score: Score | None = None
        self._past = Past("missing")
        self._damaged = 0
        self._is_seen = False
        self._is_started = False
        self._told = time.time()  # alerts that are older were told by an earlier run
        self._beat = QTimer(self)
        self._beat.setInterval(BEAT_MS)
        self._beat.timeout.connect(self._on_beat)
        self._looking = LatestCall(runner, self)
        self._looking.answered.connect(self._on_looked)
        self._measuring = LatestCall(runner, self)
        self._measuring.answered.connect(self._on_measured)
        runner.event_received.connect(self._on_event)
        runner.queue_changed.connect(self._on_queue_changed)

    def start(self) -> None:
        """Begins to read; not before the window's first paint."""
        if self._is_started or self._places.data is None:
            return
        from img2model_desktop.health.watch import Watch

        self._is_started = True
        self.watch = Watch(self._places.data)
        self.watch.start()
        self._measuring.ask(measure_processor)
        self._set_pace()

    def close(self) -> None:
        """Ends it, and puts on disk what is pending."""
        self._is_started = False
        self._looking.forget()
        self._measuring.forget()
        self._set_pace()
        if self.watch is not None:
            self.watch.close()
            self.watch = None

    def set_seen(self, is_seen: bool) -> None:
        """Whether somebody looks at the diagnostics."""
        if is_seen != self._is_seen:
            self._is_seen = is_seen
            self._set_pace()
            if is_seen:
                self.look()

    def look(self) -> None:
        """Goes through the history and the weights for what the score is made of; `scored` brings it."""
        if self._is_started and self._places.database is not None:
            from img2model_desktop.gui.diagnostics.calls import look_back

            self._looking.ask(look_back, self._places.database, self._places.weights)

    def signs(self) -> Signs:
        """What the score is made of, as it is now."""
        latest = self.watch.latest if self.watch else None
        values = latest.values if latest else {}
        now = time.time()
        failures, runs = self._past.failures(now)
        return Signs(
            disk_free_gib=values.get("disk_free", 1000.0),
            memory_free_percent=100.0 - values.get("memory", 0.0),
            failures=failures,
            runs=runs,
            set_aside=len(self._past.set_aside),
            helper_deaths=logs.deaths(self._places.logs, logs.HELPER_TRACES, now - DAY_S),
            unclean_ends=logs.deaths(self._places.logs, logs.WINDOW_TRACES, now - 7 * DAY_S),
            gap_p99_ms=self.gaps.percentile(0.99),
            damaged_weights=self._damaged,
            is_mended=bool(self._runner.store.mended),
            open_alerts=sum(alert.is_open for alert in self.watch.alerts) if self.watch else 0,
        )

    def _set_pace(self) -> None:
        is_busy = self._is_started and (self._is_seen or self._runner.running is not None)
        window = self.parent()
        is_visible = not isinstance(window, QWidget) or (window.isVisible() and not window.isMinimized())
        self.gaps.set_interval((WORKING_MS if is_visible else HIDDEN_MS) if is_busy else 0)
        if self.watch is not None:
            self.watch.set_busy(is_busy)
        if is_busy and not self._beat.isActive():
            self._beat.start()
        elif not is_busy:
            self._beat.stop()

    @Slot()
    def _on_beat(self) -> None:
        if self.watch is not None:
            count = self._runner.store.waiting_count() + (self._runner.running is not None)
            self.watch.note(gap=self.gaps.take_longest(), queue=float(count))
            self._tell_dangers(self.watch.alerts)
        self._set_pace()  # the window may have been hidden
        self.beaten.emit()

    def _tell_dangers(self, alerts: "tuple[Alert, ...]") -> None:
        from img2model_desktop.health.limits import BY_KEY

        for alert in alerts:
            if alert.since > self._told:
                self._told = alert.since
                if BY_KEY[alert.key].is_bad:
                    self.endangered.emit(alert)

    @Slot()
    def _on_queue_changed(self) -> None:
        self._set_pace()
        if self._is_seen:
            self.look()

    @Slot(object, object)
    def _on_looked(self, found: tuple[Past, int] | None, _trouble: object) -> None:
        if found is not None and self._is_started:
            self._past, self._damaged = found
            self.score = score(self.signs())
            self.scored.emit(self.score)

    @Slot(object, object)
    def _on_measured(self, product_tflops: float | None, _trouble: object) -> None:
        if product_tflops is not None and self.watch is not None:
            self.times.set_machine(product_tflops, self.watch.card.name)

    @Slot(object)
    def _on_event(self, event: JobEvent) -> None:
        if isinstance(event, Started):
            self._set_pace()
        match event:  # failures and ends are logged where they are applied
            case Started() | Stopped():
                log.info("job %s %s", event.job_id, type(event).__name__.lower())
            case Chosen():
                log.info("job %s: %s chosen", event.job_id, event.engine)
            case Decided():
                log.warning("job %s, %s, %s: %s", event.job_id, event.decision, event.engine, event.message)
            case Warned():
                log.info("job %s: %s", event.job_id, event.message)
        try:
            self.times.take(event, self._runner.job(event.job_id).request)
        except HistoryProblem:
            log.info("job %s is gone", event.job_id)
        except Img2ModelError as problem:
            log.warning("a time was not kept: %s", problem)
