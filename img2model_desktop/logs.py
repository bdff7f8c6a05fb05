"""The log file, and what is left of a run of the window that did not end by itself.

A run leaves a mark while it lasts. A mark that is found at the start is of a run that died: killed, crashed, or cut off
with the power. Where Python was when it crashed is then in its trace.
"""

import contextlib
import faulthandler
import json
import logging
import logging.handlers
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE_NAME = "image2model.log"
MAX_BYTES = 1_000_000
KEPT_FILES = 3
MARK_FILE = "running.json"
KEPT_TRACES = 20
TRACES = "crash-*.txt"
WINDOW_TRACES = "crash-window-*.txt"
HELPER_TRACES = "crash-helper-*.txt"


def start(folder: Path) -> Path:
    """Sends everything from level INFO on to a rotating file in `folder`; the file."""
    path = folder / FILE_NAME
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return path


def last_lines(path: Path, count: int = 200) -> str:
    """The end of the log, "" when there is none."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Died:
    """A run that did not end by itself.

    Args:
        began: seconds since the epoch, or 0 where the mark is damaged.
        trace: where Python was in each thread, or "" where it was ended from outside.
    """

    began: float
    trace: str


class Run:
    """This run of the window, from here to `end`. To be made when no other run uses the data folder.

    Args:
        folder: of the logs; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark = folder / MARK_FILE
        self.died = _died(self._mark, folder)
        _tidy(folder)
        self._trace = _trace_file(folder, os.getpid())
        self._file: Any = None
        with contextlib.suppress(OSError):  # a full disk is no reason not to start
            self._mark.write_text(json.dumps({"pid": os.getpid(), "began": time.time()}), encoding="utf-8")
            self._file = self._trace.open("wb")
            faulthandler.enable(self._file)

    def end(self) -> None:
        """It ended as it should; a second call does nothing."""
        if self._file is not None:
            faulthandler.disable()
            self._file.close()
            self._file = None
            with contextlib.suppress(OSError):
                if self._trace.stat().st_size == 0:
                    self._trace.unlink()
        with contextlib.suppress(OSError):
            self._mark.unlink(missing_ok=True)


def deaths(folder: Path, pattern: str, since: float) -> int:
    """How many traces of one kind there are that are newer than a moment, seconds since the epoch."""
    return sum(modified > since for modified, _ in _traces(folder, pattern))


def _died(mark: Path, folder: Path) -> Died | None:
    """The run that a mark is of; its trace is written where it could leave none itself, to be counted."""
    try:
        plain = json.loads(mark.read_text(encoding="utf-8"))
        pid, began = int(plain["pid"]), float(plain["began"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        pid, began = 0, 0.0
    path = _trace_file(folder, pid)
    with contextlib.suppress(OSError):
        trace = path.read_text(encoding="utf-8", errors="replace")
        if trace.strip():
            return Died(began, trace)
    with contextlib.suppress(OSError):
        path.write_text("The program was ended from outside, or the machine was: there is no trace.\n", "utf-8")
    return Died(began, "")


def _trace_file(folder: Path, pid: int) -> Path:
    return folder / f"crash-window-{pid}.txt"


def _tidy(folder: Path) -> None:
    """Removes the oldest traces, and empty ones of helper processes that went down with their program."""
    kept = sorted(_traces(folder, TRACES), reverse=True)
    with contextlib.suppress(OSError):
        for path in {*folder.glob(TRACES)} - {path for _, path in kept[:KEPT_TRACES]}:
            path.unlink(missing_ok=True)


def _traces(folder: Path, pattern: str) -> Iterator[tuple[float, Path]]:
    """When each trace that says something was written, and its path."""
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            found = path.stat()
            if found.st_size:
                yield found.st_mtime, path
