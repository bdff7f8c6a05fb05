"""Files from a host, piece by piece. Only `delivery` loads this module, when the user has agreed.

A download survives everything that is not a lie: a cut, a stall, a restart, a host that is busy. What is there is kept
as `<path>.part`; `state.json` beside it keeps what the host calls that version of the file, and only the same version
is gone on with. A file gets its name when all of its bytes are there, with the published length and sha256.
"""

import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO

from img2model_desktop.core import atomic
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.weights.headers import megabytes
from img2model_desktop.engines.weights.wire import BRING, MOMENT_S, Answer, Broken, Limits, asked
from img2model_desktop.errors import SetupProblem

STATE = "state.json"
PART = ".part"
LOCK = "lock"
CHUNK = 1 << 18  # bytes between two looks at the clock
FLUSH = 64_000_000  # bytes after which the disk is waited for
SPARE = 32_000_000  # bytes that stay free on the disk
GAIN = 1 << 16  # bytes that a try must bring so that the next one counts as the first again
LATER = frozenset({408, 425, 429, 500, 502, 503, 504})  # what a host answers that may be able to in a while
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file.

    Args:
        path: relative, its place in the folder.
        url: where it is.
        page: to open in a browser where the host gives it to some people only.
        bytes: of the published file.
        sha256: of the published file, or "": then the one that the host tells, if it does.
        is_needed: False for one whose lack does no harm.
    """

    path: str
    url: str
    page: str
    bytes: int
    sha256: str = ""
    is_needed: bool = True

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Patience:
    """When to try again, and when no more.

    Args:
        tries: in a row that may bring nothing.
        first_s, longest_s: the wait before the second try, which doubles with each, and its limit, seconds.
        told_s: the longest wait that a host may ask for, seconds.
        slow_s, slow_bytes: less than so many bytes in so many seconds count as a stall.
        limits: of each wait for the host.
        sleep, chance: what `time.sleep` and `random.random` do.
    """

    tries: int = 6
    first_s: float = 1.0
    longest_s: float = 60.0
    told_s: float = 300.0
    slow_s: float = 60.0
    slow_bytes: int = 60_000
    limits: Limits = field(default_factory=Limits)
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


def download(
    files: Sequence[Wanted], folder: Path, progress: Progress, patience: Patience | None = None
) -> dict[str, str]:
    """Brings files into a folder, and goes on where an earlier call ended; their sha256 by path.

    What lies there under its name, with the published length, is not fetched again. A file that is not needed and
    cannot be had is left out.

    Args:
        folder: made when missing; what is half there stays in it when this ends early, for the next call.
        progress: by bytes that are there; 1 when all have their names.

    Raises:
        SetupProblem: no space, no connection, the host refuses or lies; one sentence says which. Nothing lies under
            the name of a file that is not whole.
        Cancelled: the user wants to pause; the next call goes on.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise atomic.setup_problem(problem, folder) from None
    with _alone(folder):
        _need_space(files, folder)
        return _Errand(files, folder, progress, patience or Patience()).run()


def bytes_there(files: Sequence[Wanted], folder: Path) -> int:
    """How much of the files an earlier call has left in a folder."""
    return sum(min(max(_size(folder / file.path), _size(_part(folder, file))), file.bytes) for file in files)


class _Stale(Broken):
    """What is there cannot be gone on with; the next try begins at once, from the beginning."""


class _Busy(Broken):
    """The host cannot just now. Args: a clause; after how many seconds, where it says so."""

    def __init__(self, reason: str, after: float | None) -> None:
        super().__init__(reason)
        self.after = after


@dataclass(slots=True)
class _Errand:
    """One call of `download`."""

    files: Sequence[Wanted]
    folder: Path
    progress: Progress
    patience: Patience
    marks: dict[str, dict[str, str]] = field(default_factory=dict)  # what state.json says, by path
    done: int = 0  # bytes there, of all files

    def run(self) -> dict[str, str]:
        """See `download`."""
        self.marks = _read_state(self.folder)
        self.count()
        hashes = {}
        for file in self.files:
            try:
                hashes[file.path] = self.bring(file)
            except SetupProblem:
                if file.is_needed:
                    raise
                _part(self.folder, file).unlink(missing_ok=True)
            except OSError as problem:
                raise atomic.setup_problem(problem, self.folder / file.path) from None
        self.progress.update(1.0)
        return hashes

    def bring(self, file: Wanted) -> str:
        """One file, whole and under its name; its sha256."""
        target, part = self.folder / file.path, _part(self.folder, file)
        if _size(target) == file.bytes:
            return self.hash(target)
        target.unlink(missing_ok=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        had_some = _size(part) > 0
        sha256 = self.fetch(file, part)
        if had_some and sha256 not in ("", self.wanted_hash(file) or sha256):
            part.unlink()  # pieces of two times that do not fit together: that is worth a second time
            sha256 = self.fetch(file, part)
        wanted = self.wanted_hash(file)
        if wanted not in ("", sha256):
            part.unlink()
            raise SetupProblem(
                f"What came for “{file.name}” is not the published file: its content is another one.",
                f"Try again later. {BRING}",
                f"sha256 is {sha256}, must be {wanted}",
            )
        part.replace(target)
        return sha256

    def wanted_hash(self, file: Wanted) -> str:
        """The sha256 that is published, or that the host told; "" for neither."""
        return file.sha256 or self.marks.get(file.path, {}).get("sha256", "")

    def fetch(self, file: Wanted, part: Path) -> str:
        """All bytes of one file, in as many tries as it takes; their sha256."""
        tries, high = 0, _size(part)
        while _size(part) != file.bytes or not part.exists():
            try:
                self.try_once(file, part)
            except Broken as trouble:
                if isinstance(trouble, _Stale):
                    part.unlink(missing_ok=True)
                has_gained = _size(part) >= high + GAIN
                high = max(high, _size(part))
                tries = 1 if has_gained else tries + 1
                after = trouble.after if isinstance(trouble, _Busy) else 0.0 if isinstance(trouble, _Stale) else None
                if tries >= self.patience.tries or (after or 0.0) > self.patience.told_s:
                    raise _gave_up(file, trouble, after, _size(part)) from None
                self.wait(self.seconds(tries) if after is None else after)
        return self.hash(part)

    def try_once(self, file: Wanted, part: Path) -> None:
        """One request, and what it brings. Raises Broken."""
        have = _size(part)
        validator = self.marks.get(file.path, {}).get("validator", "")
        if have > file.bytes or (have and not validator):
            part.unlink()
            have = 0
        headers = {"Range": f"bytes={have}-", "If-Range": validator} if have else {}
        with asked(file.url, headers, self.tell, self.patience.limits) as answer:
            at = _where(answer, file, have, validator)
            if at == 0:
                self.remember(file, answer)
            with _writing(part, at) as out:
                self.count()
                self.pour(answer, file, out, at)

    def pour(self, answer: Answer, file: Wanted, out: BinaryIO, at: int) -> None:
        """Writes the body of an answer from a place of the file on."""
        pace, unwritten = _Pace(self.patience), 0
        while at < file.bytes:
            chunk = answer.read(min(CHUNK, file.bytes - at))
            if not chunk:
                raise Broken(f"the connection to {answer.host} broke off")
            if at == 0 and chunk.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
                raise _web_page(answer)
            out.write(chunk)
            at += len(chunk)
            unwritten += len(chunk)
            self.done += len(chunk)
            if unwritten >= FLUSH:
                out.flush()
                os.fsync(out.fileno())
                unwritten = 0
            pace.add(len(chunk))
            self.tell()
        if answer.length is None and answer.read(1):
            raise SetupProblem(f"{answer.host} sends more than “{file.name}” is long.", BRING)

    def remember(self, file: Wanted, answer: Answer) -> None:
        """Keeps what names this version of the file, before the first byte of it is kept."""
        mark = {"validator": answer.validator, "sha256": answer.sha256}
        if self.marks.get(file.path) != mark:
            self.marks[file.path] = mark
            content = json.dumps({"version": 1, "files": self.marks}, indent=2).encode()
            atomic.write_file(self.folder / STATE, content)

    def hash(self, path: Path) -> str:
        """The sha256 of a file."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(4 * CHUNK):
                digest.update(chunk)
                self.tell()
        return digest.hexdigest()

    def seconds(self, tries: int) -> float:
        """To wait after so many tries: twice as long each time, and up to half less by chance."""
        longest: float = min(self.patience.first_s * 2.0 ** (tries - 1), self.patience.longest_s)
        return longest * (1.0 - 0.5 * self.patience.chance())

    def wait(self, seconds: float) -> None:
        """So long; the wish to stop is heard meanwhile."""
        while seconds > 0:
            self.tell()
            self.patience.sleep(min(seconds, MOMENT_S))
            seconds -= MOMENT_S

    def count(self) -> None:
        """Looks again how much is there: a part may have been thrown away."""
        self.done = bytes_there(self.files, self.folder)
        self.tell()

    def tell(self) -> None:
        """Says how far it is. Raises Cancelled."""
        total = max(sum(file.bytes for file in self.files), 1)
        self.progress.update(min(self.done / total, 1 - 1e-9))  # 1 is said when all have their names


class _Pace:
    """Watches that a host does not send drop by drop."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._since, self._count = time.monotonic(), 0

    def add(self, count: int) -> None:
        """That many bytes came. Raises Broken."""
        self._count += count
        now = time.monotonic()
        if now - self._since >= self._patience.slow_s:
            if self._count < self._patience.slow_bytes:
                raise Broken("the host sends next to nothing")
            self._since, self._count = now, 0


def _where(answer: Answer, file: Wanted, have: int, validator: str) -> int:
    """From which place of the file on an answer goes. Raises SetupProblem, Broken."""
    _refuse(answer, file)
    if answer.status == 206:
        match = _RANGE.fullmatch(answer.header("Content-Range").strip())
        begin, end, total = (int(text) for text in match.groups()) if match else (-1, -1, -1)
        is_ours = have > 0 and begin == have and begin <= end < total == file.bytes
        is_same = answer.validator in ("", validator)  # with If-Range a host may leave it out: the file has not changed
        if not (is_ours and is_same) or answer.length not in (None, end - begin + 1):
            raise _Stale(f"{answer.host} sends another piece than the one asked for")
        return have
    if answer.length not in (None, file.bytes):
        raise SetupProblem(
            f"“{file.name}” at {answer.host} is not the published file: it has {answer.length:,} bytes, "
            f"not {file.bytes:,}.",
            BRING,
        )
    return 0


def _refuse(answer: Answer, file: Wanted) -> None:
    """Raises what an answer that brings no file means. Raises SetupProblem, Broken."""
    status = answer.status
    if status in (200, 206):
        if answer.header("Content-Type").partition(";")[0].strip().lower() == "text/html":
            raise _web_page(answer)
        if answer.header("Content-Encoding") not in ("", "identity"):
            raise SetupProblem(f"{answer.host} sends “{file.name}” packed, which was not asked for.", BRING)
        return
    if status in (401, 403):
        raise SetupProblem(
            f"{answer.host} gives “{file.name}” only to people who have signed in there and agreed to its terms.",
            f"Open {file.page} in a browser, fetch the file there, and import it.",
            f"status {status}",
        )
    if status in (404, 410):
        raise SetupProblem(
            f"“{file.name}” is not at {answer.host} any more.", f"Look at {file.page} in a browser. {BRING}", file.url
        )
    if status == 416:
        raise _Stale(f"{answer.host} does not know the piece asked for")
    if status in LATER:
        raise _Busy(f"{answer.host} is busy (status {status})", _told(answer.header("Retry-After")))
    raise SetupProblem(f"{answer.host} refuses “{file.name}” (status {status}).", f"Try again later. {BRING}")


def _web_page(answer: Answer) -> SetupProblem:
    return SetupProblem(
        f"{answer.host} answers with a web page instead of the file.",
        "Open a browser: the network may want you to sign in first. Then try again.",
    )


def _told(text: str) -> float | None:
    """The seconds of a Retry-After, a number or a date (RFC 9110, 10.2.3); None where it says nothing."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return None


def _gave_up(file: Wanted, trouble: Broken, after: float | None, have: int) -> SetupProblem:
    wait = f" It asks to wait for {after / 60:.0f} minutes." if (after or 0.0) > 60 and after else ""
    kept = f" {megabytes(have)} of {megabytes(file.bytes)} are kept." if have else ""
    return SetupProblem(
        f"“{file.name}” could not be fetched: {trouble}.{wait}{kept}",
        f"Try again later; it goes on where it ended. {BRING}",
    )


@contextlib.contextmanager
def _writing(part: Path, at: int) -> Iterator[BinaryIO]:
    """The file of a part, open at a place and without what comes after; what was written is on the disk at the end."""
    with part.open("r+b" if at else "wb") as out:
        out.truncate(at)
        out.seek(at)
        try:
            yield out
        finally:
            out.flush()
            os.fsync(out.fileno())


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps other processes from downloading into a folder; the system takes the lock off one that dies."""
    with (folder / LOCK).open("a+b") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise SetupProblem("These files are being downloaded already.", "Wait until that has ended.") from None
        yield


def _need_space(files: Sequence[Wanted], folder: Path) -> None:
    left = sum(file.bytes for file in files) - bytes_there(files, folder)
    free = shutil.disk_usage(folder).free
    if free < left + SPARE:
        raise SetupProblem(
            f"There is not enough space: {megabytes(left)} are needed and {megabytes(free)} are free.",
            "Free some space, or copy the files to another disk and link to them.",
        )


def _read_state(folder: Path) -> dict[str, dict[str, str]]:
    """What `remember` has written; empty where it was never, or is damaged: then nothing is gone on with."""
    try:
        files = json.loads((folder / STATE).read_text(encoding="utf-8"))["files"]
        return {
            str(path): {"validator": str(mark["validator"]), "sha256": str(mark["sha256"])}
            for path, mark in files.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _part(folder: Path, file: Wanted) -> Path:
    return folder / f"{file.path}{PART}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
