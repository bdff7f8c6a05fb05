"""Folders for what nobody needs after a run, in the system's place for temporary files.

Each is claimed as the data folder is, see `instance`: as long as its program lives. What a killed program has left is
taken away when the next one asks for such a folder.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from img2model_desktop.errors import HistoryProblem, SetupProblem
from img2model_desktop.jobs.instance import LOCK_FILE, Claim

UNCLAIMED_S = 24 * 3600.0
"""A folder that nobody has claimed for so long was left by a program that was killed while it made it."""

_TRIES = 3


@contextlib.contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A folder of our own, which goes away with all that is in it.

    Args:
        prefix: of its name; left-overs with the same one are taken away first.

    Raises:
        SetupProblem: there is no room for it.
    """
    clear(Path(tempfile.gettempdir()), prefix)
    folder, claim = _claimed(prefix)
    try:
        yield folder
    finally:
        claim.release()
        shutil.rmtree(folder, ignore_errors=True)


def clear(place: Path, prefix: str) -> None:
    """Takes away the folders whose program does not live any more.

    Args:
        place: where they lie.
        prefix: of their names.
    """
    with contextlib.suppress(OSError), os.scandir(place) as found:
        for item in found:
            if item.name.startswith(prefix) and item.is_dir(follow_symlinks=False):
                _clear_one(Path(item.path))


def _clear_one(folder: Path) -> None:
    try:
        is_claimed = (folder / LOCK_FILE).is_file()
        if not is_claimed and folder.stat().st_mtime > time.time() - UNCLAIMED_S:
            return  # it is being made in this moment
        Claim(folder).release()
    except (HistoryProblem, SetupProblem, OSError):  # in use, another user's, or gone
        return
    shutil.rmtree(folder, ignore_errors=True)


def _claimed(prefix: str) -> tuple[Path, Claim]:
    try:
        for _ in range(_TRIES):
            folder = Path(tempfile.mkdtemp(prefix=prefix))
            with contextlib.suppress(HistoryProblem):  # another start took it for a left-over just now
                return folder, Claim(folder)
    except OSError as error:
        raise no_room(error.strerror or "") from None
    except SetupProblem as problem:
        raise no_room(problem.details) from None
    raise no_room("in use")


def no_room(details: str) -> SetupProblem:
    """What to say where nothing can be written there."""
    advice = "Make room in the folder for temporary files, or set TMPDIR to another one."
    return SetupProblem("There is no room for temporary files.", advice, details)
