"""Run one pure function in a helper process; cancelling ends it for certain.

Native mesh and image calls hold the interpreter lock for seconds and would freeze the window from a pool
thread. `Helper` runs them in a process of its own, kept warm. `Inline` has the same contract and runs
them where it is: for the command line, where nothing else needs the lock.

A function that runs aside is a module-level function; its last two arguments are `report`, called with a
fraction 0..1, and `is_cancelled`. What it takes and returns is picklable.
"""

import contextlib
import importlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Protocol

from img2model_desktop.errors import Cancelled, EngineProblem, Img2ModelError, OutOfMemory, rebuild

Tick = Callable[[float], None]

POLL_S = 0.02
GRACE_S = 0.25  # a cancelled function gets this long to stop by itself; then its process is killed
WARM_MODULES = ("numpy", "cv2", "scipy.ndimage", "scipy.sparse.linalg", "PIL.Image", "img2model_desktop.core.mesh")


class Worker(Protocol):
    """Where heavy pure functions run."""

    def run(self, function: Callable[..., Any], *args: Any, tick: Tick) -> Any:
        """The function's result.

        Args:
            function: module-level, called as `function(*args, report, is_cancelled)`.
            args: picklable.
            tick: called with the newest fraction at least every 50 ms; raises Cancelled to stop the function.

        Raises:
            Cancelled: `tick` raised it; the function has ended, at the latest 0.3 s later.
            Img2ModelError: what the function raised.
            EngineProblem: the helper process died.
        """
        ...

    def close(self) -> None:
        """Ends what `run` started."""
        ...


class Inline:
    """Runs the function in this thread."""

    def run(self, function: Callable[..., Any], *args: Any, tick: Tick) -> Any:
        """See `Worker.run`; `tick` is called from the function's own reports."""
        return function(*args, tick, lambda: False)

    def close(self) -> None:
        """Nothing to end."""


class Helper:
    """A helper process, started at once and kept warm; used by one thread at a time (others wait)."""

    def __init__(self, warm_modules: tuple[str, ...] = WARM_MODULES) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._warm_modules = warm_modules
        self._lock = threading.Lock()
        self._start()

    @property
    def pid(self) -> int:
        """Of the helper process that runs now."""
        return self._process.pid or 0

    def run(self, function: Callable[..., Any], *args: Any, tick: Tick) -> Any:
        """See `Worker.run`."""
        with self._lock:
            if not self._process.is_alive():
                self._restart()
            self._cancel.clear()
            try:
                self._pipe.send((function, args))
                return self._answer(tick)
            except (EOFError, BrokenPipeError, ConnectionResetError):
                code = self._process.exitcode
                self._restart()
                raise _died(code) from None
            except BaseException:
                self._stop_call()
                raise

    def close(self) -> None:
        """Ends the process; `run` must not be called again."""
        self._kill()

    def _answer(self, tick: Tick) -> Any:
        fraction = 0.0
        while True:
            if self._pipe.poll(POLL_S):
                what, value = self._pipe.recv()
                if what == "result":
                    return value
                if what == "error":
                    raise _Answered(rebuild(*value))
                if what == "bug":
                    raise _Answered(RuntimeError(f"in the helper process:\n{value}"))
                if what == "cancelled":
                    raise _Answered(Cancelled())
                fraction = value
            tick(fraction)

    def _stop_call(self) -> None:
        """Ends the call under way: asks, waits a moment, kills."""

    def _start(self) -> None:
        self._cancel = self._context.Event()
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=_serve, args=(theirs, self._cancel, self._warm_modules), name="img2model-helper", daemon=True
        )
        self._process.start()
        theirs.close()

    def _restart(self) -> None:
        self._kill()
        self._start()

    def _kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()
