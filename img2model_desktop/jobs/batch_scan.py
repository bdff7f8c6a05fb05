"""Which pictures a batch has: found in folders, told by their content, and, while they come in, only when they rest."""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from img2model_desktop.core.picture_kinds import READABLE_SUFFIXES, kind_of
from img2model_desktop.errors import InputProblem
from img2model_desktop.jobs.batch import Batch, Source

THUMBS_SUFFIX = ".thumbs"
"""Ends the name of a folder with the pictures of a report: they are no sources."""

_HEAD_BYTES = 4096
_UNREAD_SUFFIXES = (".heic", ".heif", ".jp2", ".jxl", ".exr", ".hdr")  # pictures, too: each gets its reason
_TEMPORARY_STARTS = (".", "~")
_TEMPORARY_ENDS = ("~", ".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".filepart", ".swp")
_NUMBER = re.compile(r"(\d+)")


class Scanner:
    """Finds the pictures of a batch, again and again.

    Args:
        batch: whose.
        is_ours: whether a path is a result of the batch and no source.
        before: what `looks` was after an earlier call of `rested`, for a scanner that goes on where another ended.

    Attributes:
        looks: size and time of each picture when `rested` was called last, by key.
        unread: sentences about what could not be looked into.
    """

    def __init__(
        self,
        batch: Batch,
        is_ours: Callable[[Path], bool],
        before: Mapping[str, tuple[int, int]] = MappingProxyType({}),
    ) -> None:
        self._batch = batch
        self._is_ours = is_ours
        self._labels = _labels(batch.sources)
        self._told: dict[Path, tuple[tuple[int, int], bool]] = {}
        self.looks = dict(before)
        self.unread: tuple[str, ...] = ()

    def scan(self) -> tuple[Source, ...]:
        """All pictures that are there now, sorted as people count: 2 before 10.

        Folders that cannot be looked into are left out and named in `unread`.

        Raises:
            InputProblem: a source is not there.
        """
        self._unread: list[str] = []
        found: dict[str, Source] = {}
        for source, label in zip(self._batch.sources, self._labels, strict=True):
            if not source.exists():
                raise InputProblem(f"“{source}” is not there.", "Check the path, and that its disk is connected.")
            for path in self._files(source):
                one = self._source(path, label if source.is_file() else _joined(label, path.relative_to(source)))
                if one is not None:
                    found[one.key] = one
        self.unread = tuple(self._unread)
        return tuple(sorted(found.values(), key=lambda one: natural(one.key)))

    def rested(self) -> tuple[Source, ...]:
        """Those pictures that have not changed since this was called before: nobody writes to them any more.

        To be called in intervals. Files without content are not taken: a copy of them has only begun.

        Raises:
            InputProblem: as `scan`.
        """
        found = self.scan()
        before, self.looks = self.looks, {one.key: one.look for one in found}
        return tuple(one for one in found if one.bytes and before.get(one.key) == one.look)

    def _files(self, source: Path) -> Iterator[Path]:
        if source.is_file():
            yield source
            return
        for folder, folders, names in os.walk(source, onerror=self._note_unread):
            at = Path(folder)
            if not self._batch.recursive:
                folders.clear()
            folders[:] = sorted(name for name in folders if self._is_entered(at / name))
            for name in names:
                if not is_passing(name):
                    yield at / name

    def _is_entered(self, folder: Path) -> bool:
        return not (
            is_passing(folder.name) or folder.name.endswith(THUMBS_SUFFIX) or _is_same(folder, self._batch.target)
        )

    def _note_unread(self, error: OSError) -> None:
        self._unread.append(f"“{error.filename}” cannot be looked into: {error.strerror}.")

    def _source(self, path: Path, key: str) -> Source | None:
        try:
            found = path.stat()
        except OSError:  # gone in between
            return None
        if not stat.S_ISREG(found.st_mode) or _is_hidden(found) or self._is_ours(path):
            return None
        one = Source(key, path, found.st_size, found.st_mtime_ns)
        return one if self._is_picture(one) else None

    def _is_picture(self, one: Source) -> bool:
        """By its name, or by its first bytes; these are read again only when the file has changed."""
        if one.path.suffix.lower() in (*READABLE_SUFFIXES, *_UNREAD_SUFFIXES):
            return True  # where it is none after all, the user is to hear of it
        told = self._told.get(one.path)
        if told is None or told[0] != one.look:
            told = (one.look, _holds_picture(one.path))
            self._told[one.path] = told
        return told[1]


def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """A key that sorts names as people count, capitals or not."""
    return tuple((0, int(part)) if part.isdecimal() else (1, part.casefold()) for part in _NUMBER.split(text))


def is_passing(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or stays only until another program is done with it."""
    return name.startswith(_TEMPORARY_STARTS) or name.lower().endswith(_TEMPORARY_ENDS)


def _holds_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            kind = kind_of(file.read(_HEAD_BYTES), path.name)
    except OSError:
        return False
    return kind is not None and kind.reader is not None


def _is_hidden(found: os.stat_result) -> bool:
    """By the mark that Windows has for it; elsewhere the name says it."""
    return bool(getattr(found, "st_file_attributes", 0) & stat.FILE_ATTRIBUTE_HIDDEN)


def _is_same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return False


def _labels(sources: Iterable[Path]) -> tuple[str, ...]:
    """What the keys of each source begin with: nothing where there is one folder, else its name, which is made unlike
    the others by a hash of its place."""
    sources = tuple(sources)
    if len(sources) == 1 and not sources[0].is_file():
        return ("",)
    names = [source.name.casefold() for source in sources]
    return tuple(_apart(source) if names.count(source.name.casefold()) > 1 else source.name for source in sources)


def _apart(source: Path) -> str:
    mark = hashlib.sha256(os.fsencode(source)).hexdigest()[:6]
    return f"{source.stem}-{mark}{source.suffix}"


def _joined(label: str, path: Path) -> str:
    return f"{label}/{path.as_posix()}" if label else path.as_posix()
