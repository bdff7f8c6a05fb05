"""Run one pure function in a helper process; cancelling ends it for certain.

Native mesh and image calls hold the interpreter lock for seconds and would freeze the window from a pool
thread. `Helper` runs them in a process of its own, kept warm. `Inline` has the same contract and runs
them where it is: for the command line, where nothing else needs the lock.

A function that runs aside is a module-level function; its last two arguments are `report`, called with a
fraction 0..1, and `is_cancelled`. What it takes and returns is picklable.
"""

import contextlib
import faulthandler
import importlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NoReturn, Protocol

from img2model_desktop.errors import Cancelled, EngineProblem, HelperDied, Img2ModelError, as_text, no_memory, rebuild

Tick = Callable[[float], None]

POLL_S = 0.02
NICENESS = 10  # the window's thread goes first where both want the processor
GRACE_S = 0.25  # a cancelled function gets this long to stop by itself; then its process is killed
WARM_MODULES = ("numpy", "cv2", "scipy.ndimage", "PIL.Image", "img2model_desktop.core.mesh")


_traces: list[Path] = []  # the folder for traces of helper processes that die, or nothing


def leave_traces_in(folder: Path | None) -> None:
    """Helper processes that are started from now on and die leave `crash-helper-PID.txt` there: where they were."""
    _traces[:] = [folder] if folder else []


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
            HelperDied: the helper process did.
        """
        ...

    def close(self) -> None:
        """Ends what `run` started."""
        ...


class Inline:
    """Runs the function in this thread; it is cancelled where it reports."""

    def run(self, function: Callable[..., Any], *args: Any, tick: Tick) -> Any:
        """See `Worker.run`; `tick` is called by the function's own reports and once after it."""
        result = function(*args, tick, lambda: False)
        tick(1.0)
        return result

    def close(self) -> None:
        """Nothing to end."""


class Helper:
    """A helper process, started at once and kept warm; used by one thread at a time (others wait).

    Args:
        warm_modules: imported in the process before its first call.
        niceness: how far the process steps back behind others, 0 for not at all; not on Windows.
    """

    def __init__(self, warm_modules: tuple[str, ...] = WARM_MODULES, niceness: int = NICENESS) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._warm_modules = warm_modules
        self._niceness = niceness
        self._lock = threading.Lock()
        self._changing = threading.Lock()  # held while one process ends and another one takes its place
        self._closed = False
        self._is_ready = False
        self._start()

    @property
    def pid(self) -> int:
        """Of the helper process that runs now, 0 after `close`."""
        return 0 if self._closed else self._process.pid or 0

    def run(self, function: Callable[..., Any], *args: Any, tick: Tick) -> Any:
        """See `Worker.run`."""
        self._wait_for_turn(tick)
        try:
            what, value = self._call(function, args, tick)
        finally:
            self._lock.release()
        if what == "result":
            return value
        _raise(what, value)

    def close(self) -> None:
        """Ends the process, also in the middle of a call; `run` raises EngineProblem from then on."""
        self._closed = True
        with self._changing:
            self._kill()

    def _wait_for_turn(self, tick: Tick) -> None:
        while not self._lock.acquire(timeout=POLL_S):
            tick(0.0)

    def _call(self, function: Callable[..., Any], args: tuple[Any, ...], tick: Tick) -> tuple[str, Any]:
        """One call from sending to answer: (what came, its value). The lock is held."""
        sent = False
        try:
            self._wait_until_ready(tick)
            sent = True
            self._calls.send((function, args))
            return self._answer(tick)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return "died", self._replace()
        except BaseException:  # whatever `tick` raised: the call must have ended before the next one is sent
            if sent:
                self._stop_call()
            raise

    def _wait_until_ready(self, tick: Tick) -> None:
        if self._closed or not self._process.is_alive():
            self._replace()
        while not self._is_ready:
            tick(0.0)
            if self._calls.poll(POLL_S):
                self._calls.recv()
                self._is_ready = True

    def _answer(self, tick: Tick) -> tuple[str, Any]:
        fraction = 0.0
        while True:
            if self._calls.poll(POLL_S):
                what, value = self._calls.recv()
                if what != "progress":
                    return what, value
                fraction = value
            tick(fraction)

    def _stop_call(self) -> None:
        """Ends the call under way: asks, waits a moment, kills."""
        try:
            self._stop.send(True)
            for _ in range(int(GRACE_S / POLL_S)):
                while self._calls.poll(POLL_S):
                    if self._calls.recv()[0] != "progress":
                        return
        except (EOFError, OSError):
            pass
        self._replace()

    def _start(self) -> None:
        self._calls, calls = self._context.Pipe()
        self._stop, stop = self._context.Pipe()
        self._process: BaseProcess = self._context.Process(
            target=_serve,
            args=(calls, stop, self._warm_modules, self._niceness, tuple(_traces)),
            name="img2model-helper",
            daemon=True,
        )
        self._process.start()
        calls.close()
        stop.close()

    def _replace(self) -> int | None:
        """Ends the process and starts another, unless closed; the ended one's exit code."""
        with self._changing:
            code = self._kill()
            self._is_ready = False
            if self._closed:
                raise EngineProblem("The program is closing.", "Start it again to go on.")
            self._start()
            return code

    def _kill(self) -> int | None:
        with contextlib.suppress(ValueError):  # closed already
            self._process.kill()
            self._process.join()
            code = self._process.exitcode
            _forget_trace(self._process.pid or 0)
            self._calls.close()
            self._stop.close()
            return code
        return None


def _raise(what: str, value: Any) -> NoReturn:
    if what == "problem":
        raise rebuild(*value)
    if what == "cancelled":
        raise Cancelled
    if what == "died":
        raise HelperDied(value)
    raise RuntimeError(f"in the helper process:\n{value}")


def _trace_file(folder: Path, pid: int) -> Path:
    return folder / f"crash-helper-{pid}.txt"


def _forget_trace(pid: int) -> None:
    """Removes what a helper process that did not die by itself has left: an empty file."""
    for folder in _traces:
        with contextlib.suppress(OSError):
            path = _trace_file(folder, pid)
            if path.stat().st_size == 0:
                path.unlink()


def _serve(
    calls: Connection, stop: Connection, warm_modules: tuple[str, ...], niceness: int, traces: tuple[Path, ...]
) -> None:
    """The helper process: answers calls until the other end is closed."""
    for folder in traces:
        with contextlib.suppress(OSError):
            faulthandler.enable(_trace_file(folder, os.getpid()).open("wb"))  # stays open as long as the process
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the program, which then closes this process
    if hasattr(os, "nice"):
        os.nice(niceness)
    for name in warm_modules:
        importlib.import_module(name)
    with contextlib.suppress(EOFError, OSError):
        calls.send(("ready", None))
        while True:
            function, args = calls.recv()
            while stop.poll():  # a wish to stop that came after the last call had ended
                stop.recv()
            calls.send(_answer_to(function, args, calls, stop))
            del function, args


def _answer_to(
    function: Callable[..., Any], args: tuple[Any, ...], calls: Connection, stop: Connection
) -> tuple[str, Any]:
    try:
        return "result", function(*args, lambda fraction: calls.send(("progress", fraction)), stop.poll)
    except Cancelled:
        return "cancelled", None
    except Img2ModelError as problem:
        return "problem", as_text(problem)
    except MemoryError:
        return "problem", as_text(no_memory(traceback.format_exc(limit=-3)))
    except Exception:  # noqa: BLE001 - the entry of another process: what is not caught here ends it without a word
        return "bug", traceback.format_exc()
