"""The history of readings: every second for a while in memory, aggregates in two small files.

A file is a line of JSON that names its columns, then records of one length: the moment, mean and highest of each
measure as half floats (11 bits: plenty for a plot), and a checksum. It is only ever appended to, and rewritten whole
when it has grown past its bound, so that a program killed at any moment leaves at worst one torn record at the end,
which the next start cuts off.
"""

import contextlib
import json
import math
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from img2model_desktop.core import atomic
from img2model_desktop.errors import SetupProblem
from img2model_desktop.health.readings import KEYS, Reading

RING = 900
"""Readings in memory: 15 min at one a second."""

LEVELS = (("fine", 10.0, 8640), ("coarse", 60.0, 43200))
"""Name, seconds of a span, spans kept: a day of 10 s and 30 days of 1 min, under 4 MB together."""

_FORMAT = "image2model health 1"
_SPARE = 1.05  # a file may grow this much over its bound before it is rewritten
_HALF_MAX = 65504.0

Columns = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Points:
    """Readings of spans put together, oldest first.

    Args:
        at: `(n,) float64`, the beginning of each span, seconds since the epoch.
        mean, high: `(n, len(KEYS)) float32`, not a number where a measure was not read.
    """

    at: npt.NDArray[np.float64]
    mean: Columns
    high: Columns

    def __len__(self) -> int:
        return len(self.at)

    def column(self, key: str, highest: bool = False) -> Columns:
        """One measure, `(n,) float32`."""
        return (self.high if highest else self.mean)[:, KEYS.index(key)]

    def between(self, since: float, until: float) -> "Points":
        """Those of a range of time, both ends included."""
        inside = (self.at >= since) & (self.at <= until)
        return Points(self.at[inside], self.mean[inside], self.high[inside])


def no_points() -> Points:
    """None at all."""
    return Points(np.empty(0), np.empty((0, len(KEYS)), np.float32), np.empty((0, len(KEYS)), np.float32))


def joined(parts: list[Points]) -> Points:
    """All of them by time."""
    at = np.concatenate([part.at for part in parts])
    order = np.argsort(at, kind="stable")
    mean, high = (np.concatenate([getattr(part, name) for part in parts]) for name in ("mean", "high"))
    return Points(at[order], mean[order], high[order])


def row_of(reading: Reading) -> Columns:
    """A reading as `(len(KEYS),) float32`."""
    return np.array([reading.values.get(key, math.nan) for key in KEYS], np.float32)


def put_together(rows: list[Columns], at: float) -> Points:
    """One point: mean and highest of at least one row."""
    values = np.stack(rows)
    return Points(np.array([at]), *(made[None] for made in _mean_and_high(values, values)))


def thinned(points: Points, count: int) -> Points:
    """At most `count` points: neighbours put together, so that no peak is lost."""
    if len(points) <= count:
        return points
    width = max(float(points.at[-1] - points.at[0]) / count, 1e-9)
    bins = np.minimum(((points.at - points.at[0]) / width).astype(np.int64), count - 1)
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    ends = [*starts[1:], len(points)]
    made = [_mean_and_high(points.mean[a:b], points.high[a:b]) for a, b in zip(starts, ends, strict=True)]
    return Points(points.at[starts], np.stack([mean for mean, _ in made]), np.stack([high for _, high in made]))


def _mean_and_high(mean: Columns, high: Columns) -> tuple[Columns, Columns]:
    known = np.isfinite(mean)
    count = known.sum(axis=0)
    total = np.where(known, mean, 0).sum(axis=0, dtype=np.float64)
    middle = np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
    return middle, np.fmax.reduce(high, axis=0)


class PointFile:
    """Points in a file of bounded size, in the order in which they were added.

    Args:
        path: of the file; one of another kind or version is brought to today's columns or begun anew.
        capacity: how many of the newest points are kept.
    """

    def __init__(self, path: Path, capacity: int) -> None:
        self._path = path
        self._capacity = capacity
        points, is_whole = read_points(path)
        self._count = len(points)
        if not is_whole or self._count > capacity * _SPARE:
            self._rewrite(points)

    def add(self, point: Points) -> None:
        """Appends one point. A disk that is full or gone costs that point, and nothing else."""
        with contextlib.suppress(OSError), self._path.open("ab") as file:
            file.write(_packed(point))
        self._count += 1
        if self._count > self._capacity * _SPARE:
            self._rewrite(self.read())

    def read(self) -> Points:
        """All that is in the file."""
        return read_points(self._path)[0]

    def _rewrite(self, points: Points) -> None:
        kept = Points(*(getattr(points, name)[-self._capacity :] for name in ("at", "mean", "high")))
        self._count = len(kept)
        with contextlib.suppress(SetupProblem):
            atomic.write_file(self._path, _head() + _packed(kept), flush=False)


def read_points(path: Path) -> tuple[Points, bool]:
    """The points of a file, and whether it is whole and of today's columns, so that it can be appended to.

    Records whose checksum is wrong are left out; columns that are not known today, too.
    """
    try:
        head, found, body = path.read_bytes().partition(b"\n")
    except OSError:
        return no_points(), False
    keys = _columns(head) if found else None
    if keys is None:
        return no_points(), False
    layout = _layout(len(keys))
    records = np.frombuffer(body[: len(body) // layout.itemsize * layout.itemsize], layout)
    size = layout.itemsize
    sums = [zlib.crc32(body[start : start + size - 4]) for start in range(0, len(records) * size, size)]
    good = records[(records["sum"] == np.array(sums, np.uint32)) & np.isfinite(records["at"])]
    is_whole = head + b"\n" == _head() and len(good) * size == len(body)
    return Points(good["at"].astype(np.float64), _today(good["mean"], keys), _today(good["high"], keys)), is_whole


def _today(values: npt.NDArray[np.float16], keys: list[str]) -> Columns:
    made = np.full((len(values), len(KEYS)), np.nan, np.float32)
    for place, key in enumerate(KEYS):
        if key in keys:
            made[:, place] = values[:, keys.index(key)]
    return made


def _columns(head: bytes) -> list[str] | None:
    try:
        plain: Any = json.loads(head)
    except (ValueError, RecursionError):
        return None
    if not isinstance(plain, dict) or plain.get("format") != _FORMAT:
        return None
    columns = plain.get("columns")
    if not isinstance(columns, list) or not 0 < len(columns) < 1000:
        return None
    return columns if all(isinstance(column, str) for column in columns) else None


def _head() -> bytes:
    return json.dumps({"format": _FORMAT, "columns": list(KEYS)}).encode() + b"\n"


def _layout(columns: int) -> np.dtype[np.void]:
    return np.dtype([("at", "<f8"), ("mean", "<f2", (columns,)), ("high", "<f2", (columns,)), ("sum", "<u4")])


def _packed(points: Points) -> bytes:
    records = np.zeros(len(points), _layout(len(KEYS)))
    records["at"] = points.at
    for name in ("mean", "high"):
        records[name] = np.clip(getattr(points, name), -_HALF_MAX, _HALF_MAX)
    size = records.itemsize
    content = records.tobytes()
    records["sum"] = [zlib.crc32(content[at : at + size - 4]) for at in range(0, len(content), size)]
    return records.tobytes()


@dataclass(slots=True)
class _Level:
    """One resolution of the history, and the span under way."""

    every_s: float
    file: PointFile
    begun: float | None = None
    pending: list[Columns] = field(default_factory=list)

    def take(self, at: float, row: Columns) -> None:
        begin = at - at % self.every_s
        if self.begun is not None and begin != self.begun:  # also where the clock went back
            self.flush()
        self.begun = begin
        self.pending.append(row)

    def flush(self) -> None:
        """Closes the span under way."""
        if self.pending and self.begun is not None:
            self.file.add(put_together(self.pending, self.begun))
        self.begun, self.pending = None, []

    def points(self) -> Points:
        """All, with the span under way."""
        kept = self.file.read()
        if not self.pending or self.begun is None:
            return kept
        return joined([kept, put_together(self.pending, self.begun)])


class Series:
    """Readings of the last quarter of an hour as they were, and up to 30 days of aggregates on disk.

    Args:
        folder: for the two files; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self._at: list[float] = []
        self._rows: list[Columns] = []
        self._levels = [_Level(every_s, PointFile(series_file(folder, name), count)) for name, every_s, count in LEVELS]

    def add(self, reading: Reading) -> None:
        """One more reading."""
        row = row_of(reading)
        self._at.append(reading.at)
        self._rows.append(row)
        if len(self._at) >= 2 * RING:  # in one go: the front of a list is dear to take away
            del self._at[:-RING], self._rows[:-RING]
        for level in self._levels:
            level.take(reading.at, row)

    def close(self) -> None:
        """Puts the spans under way on disk."""
        for level in self._levels:
            level.flush()

    def between(self, since: float, until: float) -> Points:
        """Points of a range of time in the finest resolution that is kept for that long.

        Args:
            since, until: seconds since the epoch, both included.
        """
        span = until - since
        if span > LEVELS[0][1] * LEVELS[0][2]:
            return self._levels[1].points().between(since, until)
        fine = self._levels[0]
        if span > RING:
            return fine.points().between(since, until)
        recent = self._recent().between(since, until)
        first = float(recent.at[0]) if len(recent) else until
        if first - since <= fine.every_s:
            return recent
        older = fine.file.read().between(since, first - fine.every_s)
        return joined([older, recent])

    def _recent(self) -> Points:
        if not self._at:
            return no_points()
        rows = np.stack(self._rows[-RING:])
        return Points(np.array(self._at[-RING:]), rows, rows)


def series_file(folder: Path, name: str) -> Path:
    """Where a level of `LEVELS` is kept."""
    return folder / f"health-{name}.bin"
