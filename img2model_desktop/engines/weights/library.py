"""The library of published weights that the user brought: one folder a set, the same layout everywhere.

    <library>/<key>/engine.json    source, revision, licence, files with bytes, sha256 and when they were verified
                    LICENSE.txt    what the weights may be used for
                    files/...      the files, under the paths of the hub repository

A folder made by hand, without `engine.json`, is as good; `verify` writes it. The files that the user brought are read,
and never written to; only "move" takes them away, when the library has them.
"""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from img2model_desktop.core import atomic
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.weights import sets
from img2model_desktop.engines.weights.found import (
    LICENCE,
    RECORD,
    UNKNOWN_LICENCE,
    Found,
    FoundFile,
    find_all,
    find_one,
    read_record,
)
from img2model_desktop.engines.weights.headers import megabytes
from img2model_desktop.engines.weights.pipelines import PLACE, Pipelines
from img2model_desktop.engines.weights.sets import WeightSet
from img2model_desktop.errors import SetupProblem

__all__ = ["Found", "Library", "Origin", "SetState", "Standing", "missing_weights"]

FILES = "files"
HOWS = ("copy", "link", "move")
CHUNK = 4_000_000  # bytes between two looks at the progress
FLUSH = 64_000_000  # bytes after which a copy waits for the disk: waiting once for all of it would hold up cancelling
LEFT_S = 3600.0  # seconds without a change after which a staged folder is no longer anybody's
SPARE = 32_000_000  # bytes that stay free on a disk
REPAIR = "Repair it: download what is damaged, or import it again from where it is whole."


class Origin(StrEnum):
    """How sure it is that files are the published ones."""

    PUBLISHED = "published"  # their sha256 is the published one
    LIKELY = "size as published"  # their size is; no published sha256 is known
    OTHER = "not the published file"  # a fine-tune or another precision: the tensors fit


class Standing(StrEnum):
    """Whether a set can be used."""

    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class SetState:
    """A set, and what the library has of it.

    Args:
        weight_set: which.
        standing: whether it can be used.
        origin: None where it is missing or was never verified.
        licence: SPDX name, or "unknown" for files that are not the published ones and say nothing.
        source: owner/name they came from; the published one where nothing else is known.
        bytes: of its files in the library, or 0.
        how: copy, link or move, or "" where it is missing or was made by hand.
        verified: when its files were read and hashed last, ISO 8601 UTC, or "".
        problem: what is wrong, a sentence, or "".
    """

    weight_set: WeightSet
    standing: Standing
    origin: Origin | None = None
    licence: str = ""
    source: str = ""
    bytes: int = 0
    how: str = ""
    verified: str = ""
    problem: str = ""

    @property
    def key(self) -> str:
        """Of the set."""
        return self.weight_set.key


class Library:
    """The sets in one folder.

    Args:
        folder: that holds them; it need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def place(self) -> Path:
        """The folder that holds the sets."""
        return self._folder

    def states(self) -> tuple[SetState, ...]:
        """Every set of the table, by sizes alone: nothing is read through."""
        return tuple(self.state(weight_set.key) for weight_set in sets.SETS)

    def state(self, key: str) -> SetState:
        """One set, by sizes alone. Raises InputProblem for a key that is none."""
        weight_set = sets.find(key)
        record = self._record(weight_set)
        if record is None:
            return SetState(weight_set, Standing.MISSING, licence=weight_set.licence, source=weight_set.source)
        problem = self._what_is_wrong(weight_set, record)
        return SetState(
            weight_set,
            Standing.DAMAGED if problem else Standing.READY,
            _origin(record),
            str(record.get("licence", weight_set.licence)),
            str(record.get("source", "") or weight_set.source),
            sum(int(file["bytes"]) for file in record["files"]),
            str(record.get("how", "")),
            min((str(file.get("verified", "")) for file in record["files"]), default=""),
            problem,
        )

    def folder(self, key: str) -> Path:
        """The files of a set, for its engine; for `pipelines.PLACE` what is known of the user's own pipelines.

        Raises:
            SetupProblem: the set is not here, or not whole; it says what to do.
        """
        if key == PLACE:
            return Pipelines(self._folder).place
        state = self.state(key)
        if state.standing is Standing.MISSING:
            raise missing_weights(state.weight_set)
        if state.standing is Standing.DAMAGED:
            raise SetupProblem(state.problem, REPAIR)
        return self._folder / key / FILES

    def find(self, path: Path, key: str = "", progress: Progress | None = None) -> Found:
        """What a file or folder holds, told by its tensors; see `found.find_one`."""
        return find_one(path, key, progress or Progress())

    def find_all(self, path: Path, progress: Progress | None = None) -> tuple[Found, ...]:
        """Every set that a file or folder holds; see `found.find_all`."""
        return find_all(path, progress or Progress())

    def take(
        self,
        found: Found,
        how: str = "copy",
        progress: Progress | None = None,
        consent: Mapping[str, str] | None = None,
    ) -> SetState:
        """Takes a set in, in the place of one that may be there; all of it or nothing.

        Args:
            found: by `find`.
            how: "copy"; "link" leaves the files where they are, and they must stay there; "move" takes them away
                from where they are once they are here.
            progress: by bytes read.
            consent: what the user agreed to, where the files were downloaded: the hash of the text, and the host.

        Raises:
            SetupProblem: there is not enough space, a file has changed since or is damaged, a link cannot be made.
            Cancelled: the user wants to stop; nothing has changed.
        """
        weight_set = found.weight_set
        self._check_sources(found, how)
        meter = _Meter(progress or Progress(), found.bytes)
        with self._staging() as hidden:
            staged = hidden / weight_set.key
            taken = [_Taken(file, _bring(file, staged / FILES / file.path, how, meter)) for file in found.files]
            origin = _judge(weight_set, {one.file.path: (one.file.bytes, one.sha256) for one in taken})
            agreed = {"how": "download", "consent": {"when": _now(), **consent}} if consent else {}
            _write_record(staged, _new_record(found, how, origin, taken) | agreed)
            _write_licence(staged, weight_set, found)
            _swap(hidden, self._folder, weight_set.key)
        if how == "move":
            for file in found.files:
                with contextlib.suppress(OSError):  # it stays behind, twice there: no reason to say it failed
                    file.source.unlink()
        return self.state(weight_set.key)

    def verify(self, key: str, progress: Progress | None = None) -> SetState:
        """Reads all files of a set, compares them with what they were, and notes when.

        Raises:
            SetupProblem: the set is not here, or files are gone or damaged: all of them are named.
            Cancelled: the user wants to stop.
        """
        weight_set = sets.find(key)
        record = self._record(weight_set)
        if record is None:
            raise missing_weights(weight_set)
        hashes = self._hashes(key, record, progress or Progress())
        bad = [file for file in record["files"] if not _is_same(file, hashes[file["path"]])]
        if bad:
            raise _damaged(weight_set, bad, hashes, self._what_is_wrong(weight_set, record))
        for file in record["files"]:
            file["sha256"], file["verified"] = hashes[file["path"]], _now()
        hashed = {str(file["path"]): (int(file["bytes"]), str(file["sha256"])) for file in record["files"]}
        record["origin"] = str(_judge(weight_set, hashed))
        atomic.write_file(self._folder / key / RECORD, _as_json(record))
        return self.state(key)

    def published_files(self, key: str, progress: Progress | None = None) -> dict[str, Path]:
        """The files of a set that are here and are the published ones, read through, by path. Raises Cancelled."""
        weight_set = sets.find(key)
        record = self._record(weight_set)
        if record is None:
            return {}
        hashes = self._hashes(key, record, progress or Progress())
        known = {file["path"]: file for file in record["files"]}
        return {
            file.path: self._folder / key / FILES / file.path
            for file in weight_set.files
            if _is_same(known.get(file.path, {"bytes": -1, "sha256": ""}), hashes.get(file.path, ""))
            and known[file.path]["bytes"] == file.bytes
            and file.sha256 in ("", hashes[file.path])
        }

    def remove(self, key: str) -> None:
        """Takes a set out of the library. Files that it links to stay where they are.

        Raises:
            SetupProblem: it is not here, or in use (Windows).
        """
        weight_set = sets.find(key)
        if self._record(weight_set) is None:
            raise SetupProblem(f"{weight_set.title} is not in the library.", "See “img2model weights list”.")
        with self._staging() as hidden:
            try:
                (self._folder / key).rename(hidden / key)
            except OSError as problem:
                raise atomic.setup_problem(problem, self._folder / key) from None

    def export(self, key: str, folder: Path, progress: Progress | None = None) -> Path:
        """Copies a set for another machine, whose `find` then knows what each file must be; the new folder.

        Args:
            key: of the set.
            folder: that is there, such as a USB stick; the set becomes a folder in it.
            progress: by bytes copied.

        Raises:
            SetupProblem: the set is not here or damaged; the folder is not there, has not enough space, or has such a
                folder of another's; the disk allows no file of that size.
            Cancelled: the user wants to stop; nothing is left.
        """
        files = self.folder(key)
        weight_set = sets.find(key)
        target = folder / key
        if target.exists() and not read_record(target):
            raise SetupProblem(f"“{key}” is there already and is no export of this program.", "Choose another folder.")
        record = self._record(weight_set) or {}
        found = tuple(
            FoundFile(file["path"], files / file["path"], int(file["bytes"]), file["sha256"])
            for file in record["files"]
        )
        _need_space(folder, sum(file.bytes for file in found))
        meter = _Meter(progress or Progress(), sum(file.bytes for file in found))
        with atomic.staging(folder) as hidden:
            staged = hidden / key
            for file, entry in zip(found, record["files"], strict=True):
                entry["sha256"] = _bring(file, staged / FILES / file.path, "copy", meter)
            _write_record(staged, record | {"how": "copy"})
            _write_licence(staged, weight_set, None, files.parent / LICENCE)
            _swap(hidden, folder, key)
        return target

    def _record(self, weight_set: WeightSet) -> dict[str, Any] | None:
        """What is known of a set's files; made up from their sizes where it was put there by hand; None without any."""
        folder = self._folder / weight_set.key
        record = read_record(folder)
        if record.get("key") == weight_set.key and record["files"]:
            return record
        files = folder / FILES
        there = [path for path in sorted(files.rglob("*")) if path.is_file()] if files.is_dir() else []
        if not there:
            return None
        return {
            "version": 1,
            "key": weight_set.key,
            "source": weight_set.source,
            "licence": weight_set.licence,
            "files": [
                {"path": path.relative_to(files).as_posix(), "bytes": path.stat().st_size, "sha256": "", "verified": ""}
                for path in there
            ],
        }

    def _hashes(self, key: str, record: dict[str, Any], progress: Progress) -> dict[str, str]:
        """The sha256 of each file of a record, by path; "" for one that is gone or has another length."""
        meter = _Meter(progress, sum(int(file["bytes"]) for file in record["files"]))
        hashes = {}
        for file in record["files"]:
            path = self._folder / key / FILES / file["path"]
            is_whole = path.is_file() and path.stat().st_size == int(file["bytes"])
            hashes[file["path"]] = _hash(path, meter) if is_whole else ""
        return hashes

    def _what_is_wrong(self, weight_set: WeightSet, record: dict[str, Any]) -> str:
        for file in record["files"]:
            path = self._folder / weight_set.key / FILES / file["path"]
            try:
                size = path.stat().st_size
            except OSError:
                if path.is_symlink():
                    return f"“{path.name}” of {weight_set.title} is no longer where it was linked to."
                return f"“{path.name}” of {weight_set.title} is gone."
            if size != int(file["bytes"]):
                there = f"{megabytes(size)} of {megabytes(int(file['bytes']))} are there"
                return f"“{path.name}” of {weight_set.title} has changed: {there}."
        return ""

    def _check_sources(self, found: Found, how: str) -> None:
        if how not in HOWS:
            raise SetupProblem(f"“{how}” is no way to take weights.", f"Choose one of: {', '.join(HOWS)}.")
        here = self._folder.resolve()
        for file in found.files:
            if file.source.resolve().is_relative_to(here / found.weight_set.key):
                raise SetupProblem(f"{found.weight_set.title} is in the library already.", "There is nothing to do.")
            if not file.source.is_file() or file.source.stat().st_size != file.bytes:
                raise SetupProblem(f"“{file.source.name}” has changed in the meantime.", "Choose it again.")
            if how == "move" and file.source.is_symlink():
                raise SetupProblem(
                    f"“{file.source.name}” is only a link to where the hub's cache keeps it.",
                    "Copy it, or link to it.",
                )
        if how == "copy" or (how == "move" and not _is_one_disk(found.files[0].source, self._folder)):
            _need_space(self._folder, found.bytes)

    def _staging(self) -> contextlib.AbstractContextManager[Path]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._clear()
        except OSError as problem:
            raise atomic.setup_problem(problem, self._folder) from None
        return atomic.staging(self._folder)

    def _clear(self) -> None:
        """Takes away what an import left that was ended by force: it may be large, and nobody sees it."""
        for hidden in self._folder.glob(f"{atomic.HIDDEN_PREFIX}*"):
            with contextlib.suppress(OSError):  # its import has just ended
                changed = max(path.lstat().st_mtime for path in (hidden, *hidden.rglob("*")))
                if changed < time.time() - LEFT_S:
                    shutil.rmtree(hidden, ignore_errors=True)


def missing_weights(weight_set: WeightSet) -> SetupProblem:
    """What to say when an engine has no weights."""
    return SetupProblem(
        f"{weight_set.title} needs its weights ({megabytes(weight_set.bytes)}), which are not on this computer.",
        "Import or download them: “Engines and weights” in the window, “img2model weights” in a terminal.",
        f"They are published as {weight_set.source}.",
    )


def _is_same(file: dict[str, Any], sha256: str) -> bool:
    """Whether a file has the content that its record tells, where it tells one."""
    return bool(sha256) and file["sha256"] in ("", sha256)


def _damaged(weight_set: WeightSet, files: list[dict[str, Any]], hashes: dict[str, str], problem: str) -> SetupProblem:
    """What to say of files that are gone or damaged: which to bring.

    Args:
        files: of the record, those that are.
        hashes: by path, "" where there is none.
        problem: what their sizes tell of the first, or "".
    """
    names = ", ".join(f"“{file['path']}” ({megabytes(int(file['bytes']))})" for file in files)
    if len(files) == 1 and problem:
        message = problem
    elif len(files) == 1:
        name = files[0]["path"]
        message = f"“{name}” of {weight_set.title} is damaged: its content has changed since it was taken in."
    else:
        message = f"{len(files)} files of {weight_set.title} are gone or damaged: {names}."
    details = (
        f"{file['path']}: sha256 is {hashes[file['path']] or '-'}, was {file['sha256'] or '-'}" for file in files
    )
    return SetupProblem(message, REPAIR, "\n".join(details))


@dataclass(frozen=True, slots=True)
class _Taken:
    file: FoundFile
    sha256: str


class _Meter:
    """Progress by bytes."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = max(total, 1)
        self._done = 0
        progress.update(0.0)

    def add(self, count: int) -> None:
        """That many more are done. Raises Cancelled."""
        self._done += count
        self._progress.update(self._done / self._total)


def _bring(file: FoundFile, target: Path, how: str, meter: _Meter) -> str:
    """Puts one file into a staged folder, reading it once; its sha256. Raises SetupProblem, Cancelled."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        is_near = how == "link" or (how == "move" and _is_one_disk(file.source, target.parent))
        if is_near:
            sha256 = _hash(file.source, meter)
            _link(file.source.resolve(), target, is_lasting=how == "move")
        else:
            sha256 = _hash(file.source, meter, target)
        have = target.stat().st_size
    except OSError as problem:
        raise atomic.setup_problem(problem, target) from None
    if have != file.bytes or file.sha256 not in ("", sha256):
        raise SetupProblem(
            f"“{file.source.name}” is damaged: its content is not what its place says it must be.",
            "Copy it again from the other machine, or fetch it again.",
            f"sha256 is {sha256}, must be {file.sha256}" if file.sha256 else f"{have} bytes",
        )
    return sha256


def _link(source: Path, target: Path, *, is_lasting: bool) -> None:
    """A link; a lasting one is a second name of the file itself, which outlives the first. Raises OSError."""
    if is_lasting:
        os.link(source, target)
        return
    try:
        target.symlink_to(source)
    except OSError:  # Windows lets few users make them
        os.link(source, target)


def _hash(path: Path, meter: _Meter, copy: Path | None = None) -> str:
    """The sha256 of a file, and a copy on the way. Raises SetupProblem, OSError for the copy, Cancelled."""
    digest = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        try:
            source = stack.enter_context(path.open("rb"))
        except OSError as problem:
            raise SetupProblem(
                f"“{path.name}” could not be read.", "Check that you may open it.", str(problem)
            ) from None
        out = stack.enter_context(copy.open("wb")) if copy else None
        unwritten = 0
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            if out:
                out.write(chunk)
                unwritten += len(chunk)
            if out and unwritten >= FLUSH:
                _flush(out)
                unwritten = 0
            meter.add(len(chunk))
        if out:
            _flush(out)
    return digest.hexdigest()


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _is_one_disk(source: Path, folder: Path) -> bool:
    """Whether a file can get a second name in a folder, which need not be there yet."""
    while not folder.exists():
        folder = folder.parent
    return source.stat().st_dev == folder.stat().st_dev


def _need_space(folder: Path, count: int) -> None:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < count + SPARE:
        raise SetupProblem(
            f"There is not enough space: {megabytes(count)} are needed and {megabytes(free)} are free.",
            "Free some space, choose another disk, or link instead of copying.",
        )


def _swap(hidden: Path, folder: Path, key: str) -> None:
    """A staged folder takes its place; the one that was there goes with the staging. Raises SetupProblem."""
    target, old = folder / key, hidden / f"{key}.old"
    try:
        if target.exists():
            target.rename(old)
        (hidden / key).rename(target)
    except OSError as problem:
        with contextlib.suppress(OSError):
            if old.exists():
                old.rename(target)
        raise atomic.setup_problem(problem, target) from None


def _judge(weight_set: WeightSet, files: dict[str, tuple[int, str]]) -> Origin:
    """Whether files, bytes and sha256 by path, are the published ones."""
    origin = Origin.PUBLISHED
    for file in weight_set.files:
        if not file.is_needed:
            continue
        size, sha256 = files.get(file.path, (0, ""))
        if size != file.bytes or file.sha256 not in ("", sha256):
            return Origin.OTHER
        if not file.sha256:
            origin = Origin.LIKELY
    return origin


def _origin(record: dict[str, Any]) -> Origin | None:
    try:
        return Origin(str(record.get("origin", "")))
    except ValueError:
        return None


def _new_record(found: Found, how: str, origin: Origin, taken: list[_Taken]) -> dict[str, Any]:
    weight_set = found.weight_set
    is_other = origin is Origin.OTHER
    licence = (found.licence or UNKNOWN_LICENCE) if is_other else weight_set.licence
    return {
        "version": 1,
        "key": weight_set.key,
        "title": weight_set.title,
        "source": found.source or ("" if is_other else weight_set.source),
        "revision": found.revision or (weight_set.revision if origin is Origin.PUBLISHED else ""),
        "licence": licence,
        "origin": str(origin),
        "how": how,
        "files": [
            {"path": one.file.path, "bytes": one.file.bytes, "sha256": one.sha256, "verified": _now()} for one in taken
        ],
    }


def _write_record(folder: Path, record: dict[str, Any]) -> None:
    atomic.write_staged(folder / RECORD, _as_json(record))


def _write_licence(folder: Path, weight_set: WeightSet, found: Found | None, text: Path | None = None) -> None:
    source = found.licence_file if found else text
    said = b""
    if source is not None:
        with contextlib.suppress(OSError):
            said = source.read_bytes()[:1_000_000]
    about = (
        f"{weight_set.title} is published as {weight_set.source} under the licence {weight_set.licence} (SPDX name).\n"
    )
    atomic.write_staged(folder / LICENCE, said or about.encode())


def _as_json(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
