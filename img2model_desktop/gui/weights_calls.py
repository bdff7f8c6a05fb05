"""What the weights window lets run aside: module-level functions for `JobRunner.call`."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.found import Found
from img2model_desktop.engines.library import Library, SetState


@dataclass(frozen=True, slots=True)
class Brought:
    """What a folder or a file holds, and what taking it in would mean.

    Args:
        path: of the folder or file.
        sets: found in it, at least one.
        free: bytes that are free where the library is.
        is_one_disk: whether the files lie on the library's disk, so that moving them needs no room.
    """

    path: Path
    sets: tuple[Found, ...]
    free: int
    is_one_disk: bool


def look(folder: str, report: Any, is_cancelled: Any) -> tuple[SetState, ...]:  # noqa: ARG001
    """How every set of weights stands in the library."""
    return Library(Path(folder)).states()


def find(folder: str, path: str, wanted: str, report: Any, is_cancelled: Any) -> Brought:
    """What a folder or a file holds.

    Args:
        folder: of the library.
        path: of what was brought.
        wanted: key of the one set that it shall hold, or "" for all there are.

    Raises:
        SetupProblem: nothing that can be used, or not what is wanted.
    """
    library, brought, progress = Library(Path(folder)), Path(path), Progress(report, is_cancelled)
    sets = (library.find(brought, wanted, progress),) if wanted else library.find_all(brought, progress)
    place = _existing(Path(folder))
    is_one_disk = all(one.files[0].source.stat().st_dev == place.stat().st_dev for one in sets)
    return Brought(brought, sets, shutil.disk_usage(place).free, is_one_disk)


def take(folder: str, found: Found, how: str, report: Any, is_cancelled: Any) -> SetState:
    """Takes in what `find` found; how its set stands then."""
    return Library(Path(folder)).take(found, how, Progress(report, is_cancelled))


def verify(folder: str, key: str, report: Any, is_cancelled: Any) -> SetState:
    """Reads a set byte by byte; how it stands then."""
    return Library(Path(folder)).verify(key, Progress(report, is_cancelled))


def remove(folder: str, key: str, report: Any, is_cancelled: Any) -> None:  # noqa: ARG001
    """Takes a set out of the library."""
    Library(Path(folder)).remove(key)


def export(folder: str, key: str, out: str, report: Any, is_cancelled: Any) -> Path:
    """Writes a set for another machine; where to."""
    return Library(Path(folder)).export(key, Path(out), Progress(report, is_cancelled))


def _existing(folder: Path) -> Path:
    """The folder, or the next one above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
