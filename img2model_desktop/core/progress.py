"""The token that every long algorithm receives: it reports, and it stops."""

import time
from collections.abc import Callable

from img2model_desktop.errors import Cancelled

REPORT_EVERY_S = 0.030


class Progress:
    """Reports a fraction and raises when the user wants to stop.

    Algorithms receive only this. They call `update` often (at least every 50 ms); the flag is checked at
    every call, a report is sent at most every 30 ms and always at the end.

    Args:
        report: called with a fraction 0..1 of the whole.
        is_cancelled: asked at every call.
    """

    __slots__ = ("_high", "_is_cancelled", "_last", "_low", "_report")

    def __init__(
        self,
        report: Callable[[float], None] = lambda _: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._report = report
        self._is_cancelled = is_cancelled
        self._low = 0.0
        self._high = 1.0
        self._last = [0.0]  # time of the last report, shared by all parts

    def update(self, fraction: float) -> None:
        """Says how far this part is, 0..1.

        Raises:
            Cancelled: the user wants to stop.
        """
        if self._is_cancelled():
            raise Cancelled
        now = time.monotonic()
        whole = self._low + (self._high - self._low) * max(fraction, 0.0) if fraction < 1.0 else self._high
        if now - self._last[0] >= REPORT_EVERY_S or whole >= 1.0:
            self._last[0] = now
            self._report(whole)

    def part(self, low: float, high: float) -> "Progress":
        """A token for the piece of this one between two fractions of it, e.g. `part(0.2, 0.5)`."""
        inner = Progress(self._report, self._is_cancelled)
        span = self._high - self._low
        inner._low = self._low + span * low
        inner._high = self._high if high == 1.0 else self._low + span * high  # no rounding: the end is told apart
        inner._last = self._last
        return inner
