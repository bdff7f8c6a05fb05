"""Frees the engines that stay loaded when no job has come for a while: a program that rests needs no gigabytes."""

import logging
import threading

from PySide6.QtCore import QObject, QRunnable, QThreadPool, QTimer, Slot

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.bench import Bench
from img2model_desktop.errors import Cancelled, Img2ModelError

REST_MS = 10 * 60_000

log = logging.getLogger(__name__)


class Resting(QObject):
    """Lives with the runner, on the UI thread.

    Args:
        bench: whose engines are freed.
        pool: of the jobs, with one thread: freeing never runs beside a job.
        parent: owns it.
        rest_ms: how long after the last job.
    """

    def __init__(self, bench: Bench, pool: QThreadPool, parent: QObject, rest_ms: int = REST_MS) -> None:
        super().__init__(parent)
        self._bench = bench
        self._pool = pool
        self._stop = threading.Event()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(rest_ms)
        self._timer.timeout.connect(self._free)

    @property
    def is_waiting(self) -> bool:
        """Whether engines will be freed after the rest of the while."""
        return self._timer.isActive()

    def begin(self) -> None:
        """A job has ended and none follows: the while begins anew."""
        self._timer.start()

    def end(self) -> None:
        """A job begins, or the program ends: nothing is freed any more, nor anything that it waits for."""
        self._timer.stop()
        self._stop.set()

    @Slot()
    def _free(self) -> None:
        self._stop = threading.Event()
        self._pool.start(_Freeing(self._bench, self._stop))


class _Freeing(QRunnable):
    """In the thread of the jobs."""

    def __init__(self, bench: Bench, stop: threading.Event) -> None:
        super().__init__()
        self._bench, self._stop = bench, stop

    def run(self) -> None:
        try:
            self._bench.free(Progress(is_cancelled=self._stop.is_set))
        except Cancelled:
            return
        except Img2ModelError as problem:  # its process died, and the engines with it
            log.info("engines could not be freed: %s", problem)
