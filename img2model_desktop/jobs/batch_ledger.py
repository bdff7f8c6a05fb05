"""What became of each picture of a batch, on disk in the folder of the results, so that a batch can be gone on with.

`batch.jsonl` is only ever added to, one JSON object a line: what the batch is, which picture is begun under which name,
how it ended. Each line is on the disk before the next work starts; a line that a crash has cut is passed over. The last
line about a picture counts.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from img2model_desktop.core import atomic
from img2model_desktop.errors import InputProblem, SetupProblem
from img2model_desktop.jobs.batch import Batch, Source, content_hash

LEDGER = "batch.jsonl"
LOOKS = ".image2model-looks"
"""Folder in the target with a small picture of each cut-out, for reports on machines without OpenGL."""

VERSION = 1
LONGEST_STEM = 180  # bytes: with the names of textures and of what is not yet whole, a file system takes 255
STALE_S = 600.0  # what a crash has left half-written is cleared after this time: nothing takes so long to be saved


class Outcome(StrEnum):
    """Where a picture of a batch stands."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows about one picture.

    Args:
        key: see `batch.Source`.
        state: where it stands.
        result: path of the mesh file below the target, with "/" between the parts.
        bytes, mtime_ns: of the picture when it was begun.
        sha256: of the picture that was worked on; "" where it could not be read.
        stamp: see `batch.Batch`.
        at: seconds since the epoch.
        seconds: it took.
        engine: that made it.
        triangles, watertight, size_mm: of the result; size is width, height and depth.
        warnings: sentences that the job sent.
        error_kind, error_message, error_advice: why there is no result, kinds as in errors.py, or "bug".
    """

    key: str
    state: Outcome
    result: str
    bytes: int = 0
    mtime_ns: int = 0
    sha256: str = ""
    stamp: str = ""
    at: float = 0.0
    seconds: float = 0.0
    engine: str = ""
    triangles: int = 0
    watertight: bool = False
    size_mm: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()
    error_kind: str = ""
    error_message: str = ""
    error_advice: str = ""

    @property
    def look(self) -> tuple[int, int]:
        """See `batch.Source.look`."""
        return self.bytes, self.mtime_ns


class Ledger:
    """The ledger of one target folder, open; one program at a time.

    Args:
        batch: that is made now; its target is made when missing.

    Raises:
        SetupProblem: the folder cannot be made or written, or another program makes a batch in it.
        InputProblem: the folder holds the batch of other sources.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.path = batch.target / LEDGER
        try:
            batch.target.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = self.path.open("a+b")
        except OSError as problem:
            raise atomic.setup_problem(problem, batch.target) from None
        try:
            _lock(self._file)
            told, self._entries = _read(self.path)
            self._check_sources(told)
            self._names: dict[str, str] = {}
            self._written: set[str] = set()  # every name that the results may have, as `_folded` writes them
            for entry in self._entries.values():
                self._claim(entry.key, entry.result)
            self._end_half_line()
            if told != batch.to_dict():
                self._write({"version": VERSION, "batch": batch.to_dict()})
            _clear_stale(batch.target)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Lets go of the folder."""
        self._file.close()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def entry(self, key: str) -> Entry | None:
        """What is known about a picture."""
        return self._entries.get(key)

    def entries(self) -> tuple[Entry, ...]:
        """All that is known, in no order."""
        return tuple(self._entries.values())

    def is_ours(self, path: Path) -> bool:
        """Whether a path is a file of this batch's results."""
        if not path.is_relative_to(self.batch.target):
            return False
        below = path.relative_to(self.batch.target).as_posix()
        return _folded(below) in self._written

    def begin(self, sources: Sequence[Source]) -> dict[str, Path]:
        """Names for the results of pictures that are about to be made, on disk before this returns.

        A result is named after its picture, in a folder of the same name as the picture's; where two pictures differ
        in their suffix alone, both keep it in the result's name. A name that was given once stays, and no file is
        replaced that this batch has not made.

        What is begun already, in an earlier run of the program, keeps its time: jobs of that run are still known by it.

        Returns:
            The path of each result by the picture's key.

        Raises:
            SetupProblem: the ledger cannot be written, or a folder not made.
        """
        stems = Counter(_folded(_stem_of(source.key)) for source in sources)
        results: dict[str, Path] = {}
        for source in sources:
            known = self._entries.get(source.key)
            if known is not None and known.result.endswith(self.batch.suffix):
                result = known.result
            else:
                result = self._free_name(source.key, is_alone=stems[_folded(_stem_of(source.key))] == 1)
                self._claim(source.key, result)
            begun = Entry(source.key, Outcome.BEGUN, result, *source.look, stamp=self.batch.stamp, at=time.time())
            if known is None or replace(begun, at=known.at) != known:  # else it is begun since then
                self._put(begun)
            results[source.key] = self.batch.target / result
            try:
                results[source.key].parent.mkdir(parents=True, exist_ok=True)
            except OSError as problem:
                raise atomic.setup_problem(problem, results[source.key].parent) from None
        self._flush()
        return results

    def end(self, entry: Entry) -> None:
        """Keeps how a picture ended; on disk when this returns. Raises SetupProblem."""
        self._put(entry)
        self._flush()

    def is_due(self, source: Source, retry_failed: bool = False) -> bool:
        """Whether a picture has to be made: it is new or changed, the request is another one, its result is gone, or
        the machine was at fault when it failed. What failed by itself is tried again only with `retry_failed`.

        A file whose size and time are those of the ledger is taken to be the same; others are compared by their hash.
        """
        known = self._entries.get(source.key)
        if known is None or known.state is Outcome.BEGUN or known.stamp != self.batch.stamp:
            return True
        if known.state is Outcome.FAILED and (retry_failed or known.error_kind == "setup"):
            return True
        if known.state is Outcome.DONE and not (self.batch.target / known.result).is_file():
            return True
        if known.look == source.look:
            return False
        try:
            if not known.sha256 or content_hash(source.path) != known.sha256:
                return True
        except OSError:
            return True
        self._put(replace(known, bytes=source.bytes, mtime_ns=source.mtime_ns))  # only touched: not compared again
        return False

    def look_of(self, key: str) -> Path:
        """See `look_of`."""
        return look_of(self.batch.target, key)

    # -- names

    def _free_name(self, key: str, is_alone: bool) -> str:
        suffix = self.batch.suffix
        mark = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        folder, name = PurePosixPath(key).parent, PurePosixPath(key).name
        short, whole = (_fitting(text, mark) for text in (PurePosixPath(name).stem, name))
        for stem in (*([short] if is_alone else []), whole, f"{_fitting(name, mark)}-{mark}"):
            result = (folder / f"{stem}{suffix}").as_posix()
            if self._names.get(_folded(result), key) == key and not self._is_taken(result):
                return result
        return (folder / f"{short}-{mark}-{time.time_ns():x}{suffix}").as_posix()

    def _is_taken(self, result: str) -> bool:
        """Whether a file that the batch has not made would be replaced."""
        from img2model_desktop.core.mesh_files import names_of

        path = self.batch.target / result
        beside = [path.with_name(name) for name in names_of(path)]
        return any(one.exists() or one.is_symlink() for one in beside)

    def _claim(self, key: str, result: str) -> None:
        from img2model_desktop.core.mesh_files import names_of

        self._names[_folded(result)] = key
        self._written |= {_folded(PurePosixPath(result).with_name(name).as_posix()) for name in names_of(Path(result))}

    # -- lines

    def _check_sources(self, told: dict[str, Any] | None) -> None:
        """Two batches in one folder would replace each other's results."""
        if told is None or told.get("sources") == self.batch.to_dict()["sources"]:
            return
        others = _sources_of(told)
        if any(_is_there(source) for source in others):  # else the folder was moved, or is mounted somewhere else
            raise InputProblem(
                f"“{self.batch.target.name}” holds the results of another batch, of “{others[0]}”.",
                "Choose another folder for the results.",
            )

    def _end_half_line(self) -> None:
        size = self._file.seek(0, os.SEEK_END)
        if size:
            self._file.seek(size - 1)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")

    def _put(self, entry: Entry) -> None:
        self._entries[entry.key] = entry
        self._write({"file": asdict(entry)}, flush=False)

    def _write(self, plain: dict[str, Any], *, flush: bool = True) -> None:
        try:
            self._file.write(json.dumps(plain).encode("ascii") + b"\n")
        except OSError as problem:
            raise atomic.setup_problem(problem, self.path) from None
        if flush:
            self._flush()

    def _flush(self) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as problem:
            raise atomic.setup_problem(problem, self.path) from None


def look_of(target: Path, key: str) -> Path:
    """Where the small picture of a cut-out lies, if there is one."""
    return target / LOOKS / f"{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}.jpg"


def read_batch(target: Path) -> Batch:
    """The batch whose results a folder holds, as it was made last.

    Raises:
        InputProblem: there is none.
    """
    told, _ = _read(target / LEDGER)
    if told is None:
        raise InputProblem(f"There is no batch in “{target}” to go on with.", "Name the folder with the pictures.")
    return Batch.from_dict(told, target)


def read_entries(target: Path) -> tuple[Entry, ...]:
    """What a folder's ledger says about each picture, in no order; nothing where there is none."""
    return tuple(_read(target / LEDGER)[1].values())


def _read(path: Path) -> tuple[dict[str, Any] | None, dict[str, Entry]]:
    """What the batch is, and the last line about each picture. Lines that are not whole are passed over.

    Raises:
        SetupProblem: the file cannot be read, or a newer version wrote it.
    """
    told: dict[str, Any] | None = None
    entries: dict[str, Entry] = {}
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return None, {}
    except OSError as problem:
        raise atomic.setup_problem(problem, path) from None
    for line in lines:
        try:
            plain = json.loads(line)
            if "batch" in plain:
                if plain["version"] > VERSION:
                    raise SetupProblem(
                        f"“{path}” was written by a newer version of this program.", "Install the newest version."
                    )
                _sources_of(plain["batch"])
                told = plain["batch"]
            elif "file" in plain:
                entry = _entry(plain["file"])
                entries[entry.key] = entry
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    return told, entries


def _entry(plain: dict[str, Any]) -> Entry:
    """Raises what is no Entry: ValueError, TypeError, KeyError."""
    known = {item.name for item in fields(Entry)}
    values = {name: value for name, value in plain.items() if name in known}
    for name in ("size_mm", "warnings"):
        values[name] = tuple(values.get(name, ()))
    result = PurePosixPath(values["result"])
    if result.is_absolute() or ".." in result.parts or not isinstance(values["key"], str):
        raise ValueError(result)  # it would lead out of the target
    return Entry(**values | {"state": Outcome(values["state"])})


def _sources_of(batch: dict[str, Any]) -> list[Path]:
    """Raises TypeError, KeyError where it is no batch."""
    return [Path(source) for source in batch["sources"]]


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # no path at all: somebody has changed the ledger
        return False


def _stem_of(key: str) -> str:
    return PurePosixPath(key).with_suffix("").as_posix()


def _folded(name: str) -> str:
    """Names that some file system takes for the same are the same here."""
    return unicodedata.normalize("NFC", name).casefold()


def _fitting(stem: str, mark: str) -> str:
    """The stem as a name that every file system takes: bytes that are no text replaced, too long ones cut."""
    stem = stem.encode("utf-8", "replace").decode()
    if len(stem.encode()) <= LONGEST_STEM:
        return stem
    return f"{stem.encode()[: LONGEST_STEM - 9].decode('utf-8', 'ignore')}-{mark}"


def _lock(file: BinaryIO) -> None:
    """Keeps other programs from making a batch here at the same time, as far as the file system can.

    Raises:
        SetupProblem: one does.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(1 << 30)  # far behind what is ever written: a locked place could not be read by others
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise SetupProblem(
            f"A batch is being made in “{Path(file.name).parent}” already.", "Wait for it, or choose another folder."
        ) from None
    except OSError:  # a network drive without locks
        return


def _clear_stale(target: Path) -> None:
    """Removes what a killed program has left half-written, in the target and in the folders of its results."""
    for folder in _folders_of(target):
        for hidden in folder.glob(f"{atomic.HIDDEN_PREFIX}*"):
            with contextlib.suppress(OSError):
                if hidden.name != LOOKS and hidden.is_dir() and time.time() - hidden.stat().st_mtime > STALE_S:
                    shutil.rmtree(hidden, ignore_errors=True)


def _folders_of(target: Path) -> Iterable[Path]:
    _, entries = _read(target / LEDGER)
    return {target, *((target / entry.result).parent for entry in entries.values())}
