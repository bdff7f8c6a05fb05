"""What the jobs take on the disk, and what of it can be cleared: asked first, and never anything that is not ours.

Ours is a plain file right in the folder of a job that is right in the jobs folder, under a name that this program
gives. Links are not followed, neither for the folder of a job nor in it.
"""

import os
import re
import shutil
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from img2model_desktop.core import atomic
from img2model_desktop.jobs.job_row import JobState

LEFT_OVER_S = 3600.0
"""A file that is still being written is younger than this."""


class Sort(StrEnum):
    """What a file of a job is."""

    RESULT = "result"
    EDIT = "edit"
    INPUT = "input"
    PICTURE = "picture"  # made, cut out, thumbnail
    NOTE = "note"  # what the history is found again from
    LEFT_OVER = "left over"  # of a stage, or of a write that was cut off
    OTHER = "other"  # not ours


class Clearing(StrEnum):
    """What can be cleared, each by a name of its own."""

    LEFT_OVERS = "left overs"  # of jobs that have ended
    UNDONE = "undone"  # edits that were taken back and that redo would bring again


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What the history knows of the job in a folder.

    Args:
        has_ended: whether nothing works in the folder any more.
        is_trashed: whether it was thrown away.
    """

    has_ended: bool
    is_trashed: bool


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Bytes on the disk.

    Args:
        jobs: folders of jobs that the history knows, with those in the trash.
        by_sort: bytes of what is not in the trash.
        trash: bytes of what is.
        trashed: jobs in the trash.
        clearable: paths of what can be cleared, by `Clearing`; never in the trash, never of a job that has not ended.
        free: bytes that are free on that disk.
    """

    jobs: int = 0
    by_sort: Mapping[Sort, int] = field(default_factory=dict)
    trash: int = 0
    trashed: int = 0
    clearable: Mapping[Clearing, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    free: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.by_sort.values()) + self.trash

    def size_of(self, what: Clearing) -> int:
        """Bytes that clearing it would free."""
        return sum(size for _, size in self.clearable.get(what, ()))


def facts_of(state: JobState, trashed: float | None) -> JobFacts:
    """See `JobFacts`."""
    return JobFacts(state.has_ended, trashed is not None)


_SORTS = (
    (re.compile(r"result\.glb"), Sort.RESULT),
    (re.compile(r"edit-\d+\.glb|edits\.json"), Sort.EDIT),
    (re.compile(r"input\.\w+"), Sort.INPUT),
    (re.compile(r"(cutout|made|made-\d+|thumbnail)\.png"), Sort.PICTURE),
    (re.compile(r"(job|ended)\.json"), Sort.NOTE),
    (re.compile(r"shape(-\w+)?\.npz|.+\.part"), Sort.LEFT_OVER),
)


def sort_of(name: str) -> Sort:
    """What a file of a job is, by its name."""
    return next((sort for pattern, sort in _SORTS if pattern.fullmatch(name)), Sort.OTHER)


def survey(jobs: str, known: dict[str, JobFacts], report: Any, is_cancelled: Any) -> DiskUse:
    """What the folders of jobs take.

    Args:
        jobs: the jobs folder.
        known: jobs of the history by their ids; other folders are not ours and not counted.
        report, is_cancelled: see `aside`.
    """
    root = Path(jobs)
    by_sort = dict.fromkeys(Sort, 0)
    clearable: dict[Clearing, list[tuple[str, int]]] = {what: [] for what in Clearing}
    count = trash = trashed = 0
    for number, (id_, facts) in enumerate(sorted(known.items())):
        report(number / len(known))
        if is_cancelled():
            break
        folder = root / id_
        if not _is_own_folder(folder, root):
            continue
        count += 1
        trashed += facts.is_trashed
        undone = _undone(folder) if facts.has_ended else frozenset()
        for path, size, changed in _files(folder):
            sort = sort_of(path.name)
            if facts.is_trashed:
                trash += size
                continue
            by_sort[sort] += size
            if path.name in undone:
                clearable[Clearing.UNDONE].append((str(path), size))
            elif sort is Sort.LEFT_OVER and facts.has_ended and time.time() - changed > LEFT_OVER_S:
                clearable[Clearing.LEFT_OVERS].append((str(path), size))
    found = {what: tuple(each) for what, each in clearable.items()}
    return DiskUse(count, by_sort, trash, trashed, found, _free(root))


def clear(jobs: str, paths: tuple[str, ...], report: Any, is_cancelled: Any) -> int:
    """Removes files that `survey` found; the bytes that were freed.

    A path that does not lie right in the folder of a job, is a link, is anything but a plain file, or has a name that
    this program does not give to what can be made anew, is left alone, whoever asks.

    Raises:
        SetupProblem: a file could not be removed; those before it are gone.
    """
    root = Path(jobs)
    freed = 0
    for number, name in enumerate(paths):
        report(number / len(paths))
        if is_cancelled():
            break
        path = Path(name)
        if not _may_go(path, root):
            continue
        size = path.lstat().st_size
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as problem:
            raise atomic.setup_problem(problem, path) from None
        freed += size
    return freed


def _may_go(path: Path, root: Path) -> bool:
    """Whether a path is a plain file of ours that can be made anew or is of no use."""
    if path.parent.parent != root or not _is_own_folder(path.parent, root):
        return False
    is_clearable = sort_of(path.name) is Sort.LEFT_OVER or path.name in _undone(path.parent)
    try:
        return is_clearable and stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _is_own_folder(folder: Path, root: Path) -> bool:
    """Whether it is a real folder right in the jobs folder, and no link leads anywhere else."""
    try:
        is_plain = stat.S_ISDIR(folder.lstat().st_mode)
        return is_plain and folder.resolve().parent == root.resolve()
    except OSError:
        return False


def _undone(folder: Path) -> frozenset[str]:
    """Names of the meshes of edits that were taken back."""
    if not (folder / "edits.json").is_file():
        return frozenset()
    from img2model_desktop.jobs.edits import read_edits  # brings numpy

    return frozenset(edit.file for edit in read_edits(folder).undone)


def _files(folder: Path) -> list[tuple[Path, int, float]]:
    """Plain files of a folder with their size and when they were changed; files of folders in it count as other."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    about = entry.stat(follow_symlinks=False)
                    found.append((Path(entry.path), about.st_size, about.st_mtime))
    except OSError:
        return found
    return found


def _free(root: Path) -> int:
    try:
        return shutil.disk_usage(root).free
    except OSError:
        return 0
