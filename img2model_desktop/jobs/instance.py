"""One program at a time has the data folder; a second start hands its files to the first.

The folder is claimed by the system's lock on a small file. The system lets go of it when the program ends, however it
ends, so that there are no stale claims. Files are handed over as notes in a folder that the first program watches: no
socket, no port, nothing to be left behind open.
"""

import contextlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import IO

from img2model_desktop.core import atomic
from img2model_desktop.errors import HistoryProblem, SetupProblem

LOCK_FILE = "in-use.lock"
HANDED_FOLDER = "handed-over"
NOTE_SUFFIX = ".json"
ANSWER_S = 15.0
"""How long a second start waits for the first to take its note; the first may be starting itself."""

GRACE_S = 5.0
"""How long the claim of a program that was killed may last: a process that it was just starting still has its files."""

STALE_S = 60.0
"""A note this old was left by a start that was killed while it waited."""

_LOOK_EVERY_S = 0.02


class InUse(HistoryProblem):
    """Another program has claimed the data folder.

    Args:
        folder: that it has.
        pid: of that program, or 0 where it is not known.
    """

    def __init__(self, folder: Path, pid: int) -> None:
        super().__init__("The history is in use by another program.", "Close the other window first.", str(folder))
        self.folder = folder
        self.pid = pid


class Claim:
    """A data folder for this program alone, until `release`.

    Args:
        folder: that is there.

    Raises:
        InUse: another program has it.
        SetupProblem: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_FILE
        try:
            # without a buffer: nothing is left to be written when it closes
            self._file: IO[bytes] = path.open("a+b", buffering=0)
        except OSError as problem:
            raise atomic.setup_problem(problem, path) from None
        until = time.monotonic() + GRACE_S
        while not _locks(self._file):
            pid = _pid_in(self._file)
            if _is_alive(pid) or time.monotonic() > until:
                self._file.close()
                raise InUse(folder, pid)
            time.sleep(_LOOK_EVERY_S)
        self._write_pid()

    def release(self) -> None:
        """Lets others have the folder. A second call does nothing."""
        self._file.close()  # the lock goes with it; the file stays, for whoever waits for it has it open

    def _write_pid(self) -> None:
        with contextlib.suppress(OSError):  # a full disk: the lock is what counts
            self._file.seek(0)
            self._file.truncate()
            self._file.write(b" %d\n" % os.getpid())  # Windows locks the first byte, which then cannot be read


def hand_over(folder: Path, files: tuple[Path, ...]) -> bool:
    """Gives files to the program that has the folder, which then comes to the front.

    Args:
        folder: that the other program has claimed.
        files: absolute paths; none only brings it to the front.

    Returns:
        Whether it took them; where it does not answer, nothing is left for it to find later.

    Raises:
        SetupProblem: the note cannot be written.
    """
    note = handed_folder(folder) / f"{time.time_ns()}-{secrets.token_hex(4)}{NOTE_SUFFIX}"
    atomic.write_file(note, json.dumps([str(file) for file in files]).encode(), flush=False)
    until = time.monotonic() + ANSWER_S
    while time.monotonic() < until:
        if not note.exists():
            return True
        time.sleep(_LOOK_EVERY_S)
    try:
        note.unlink()
    except FileNotFoundError:  # taken in the last moment
        return True
    except OSError as problem:
        raise SetupProblem(f"“{note.name}” cannot be taken back.", "Remove it by hand.", str(problem)) from None
    return False


def handed_folder(folder: Path) -> Path:
    """Where the notes lie; made. Raises SetupProblem."""
    place = folder / HANDED_FOLDER
    try:
        place.mkdir(exist_ok=True)
    except OSError as problem:
        raise atomic.setup_problem(problem, place) from None
    return place


def handed(folder: Path) -> tuple[tuple[Path, ...], ...]:
    """What other starts have handed over since the last call, in its order; each is taken away by this."""
    try:
        notes = sorted(path for path in (folder / HANDED_FOLDER).iterdir() if path.suffix == NOTE_SUFFIX)
    except OSError:  # nobody ever handed anything over
        return ()
    return tuple(files for files in map(_taken, notes) if files is not None)


def _taken(note: Path) -> tuple[Path, ...] | None:
    """The files of a note, which is taken away; None where it is stale, broken, or taken back in this moment."""
    try:
        is_stale = time.time() - note.stat().st_mtime > STALE_S
        content = note.read_bytes()
        note.unlink()
        names = json.loads(content)
        return None if is_stale else tuple(Path(str(name)) for name in names)
    except (OSError, ValueError, TypeError):
        with contextlib.suppress(OSError):
            note.unlink()
        return None


def _locks(file: IO[bytes]) -> bool:
    """Whether the lock is this program's now."""
    try:
        _lock(file)
    except OSError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    """Whether a program still runs; what cannot be known is taken for alive."""
    if os.name == "nt" or not pid:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _pid_in(file: IO[bytes]) -> int:
    try:
        file.seek(1)
        return int(file.read(20) or b"0")
    except (OSError, ValueError):
        return 0


if os.name == "nt":  # pragma: no cover - the other branch is the one that can be tried here
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore] # Windows alone has it

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
