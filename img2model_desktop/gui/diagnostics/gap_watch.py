"""How long the window's thread does not answer: the lateness of a timer."""

import os
import time
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Slot

WORKING_MS = 20  # a job runs and the window is there: 50 looks a second cost less than a hundredth of a core
HIDDEN_MS = 200  # nobody sees the window: few looks, which still find every gap that is longer than this
LEAST = 500  # looks before anything is said of their spread: ten seconds
KEPT = 3000  # a minute of looks while somebody works


class GapWatch(QObject):
    """Measures how late a timer is heard. It runs only while it is told to, so that an idle machine sleeps on.

    A gap is how much later than due the timer was heard, milliseconds. Blocks that are shorter than the timer's
    interval are found by chance, in proportion to their length; longer ones always.

    Args:
        clock: seconds that the machine was awake; tests put in their own.
    """

    def __init__(self, parent: QObject | None = None, clock: Callable[[], float] | None = None) -> None:
        super().__init__(parent)
        self._clock = clock or awake_clock()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.look)
        self._due = 0.0
        self._gaps: deque[float] = deque(maxlen=KEPT)
        self._longest = 0.0

    @property
    def interval_ms(self) -> int:
        """Between two looks; 0 while none are taken."""
        return self._timer.interval() if self._timer.isActive() else 0

    def set_interval(self, milliseconds: int) -> None:
        """Looks this often from now on; 0: not at all."""
        if milliseconds == self.interval_ms:
            return
        self._timer.stop()
        if milliseconds:
            self._due = self._clock() + milliseconds / 1000
            self._timer.start(milliseconds)

    @Slot()
    def look(self) -> None:
        """The timer was heard."""
        now = self._clock()
        gap = max(now - self._due, 0.0) * 1000
        self._gaps.append(gap)
        self._longest = max(self._longest, gap)
        self._due = now + self._timer.interval() / 1000

    def take_longest(self) -> float:
        """The longest gap since this was asked last, milliseconds; also one that goes on."""
        longest, self._longest = self._longest, 0.0
        return longest

    def percentile(self, share: float) -> float:
        """This share of the gaps that are kept is no longer, milliseconds; 0 where there are too few to say.

        Args:
            share: 0..1.
        """
        if len(self._gaps) < LEAST:
            return 0.0
        ordered = sorted(self._gaps)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def awake_clock() -> Callable[[], float]:
    """A clock in seconds that stands still while the machine sleeps.

    `time.monotonic` does so on Linux and macOS; on Windows it goes on, and the system has another one.
    """
    if os.name != "nt":
        return time.monotonic
    import ctypes

    ticks = ctypes.c_ulonglong()
    query = ctypes.windll.kernel32.QueryUnbiasedInterruptTime  # type: ignore[attr-defined,unused-ignore]  # Windows

    def seconds() -> float:
        query(ctypes.byref(ticks))
        return ticks.value / 1e7  # in steps of 100 ns

    return seconds
