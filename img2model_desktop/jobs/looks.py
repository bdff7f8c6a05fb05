"""The looks of all results, kept in memory to be compared at once; and the function that looks at a result's files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from img2model_desktop.core.descriptor import KIND, LENGTH, Vector, describe_views, similarities
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import read_mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import read_picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.findings import Purpose, Verdict
from img2model_desktop.core.verdict.judge import judge
from img2model_desktop.errors import InputProblem
from img2model_desktop.jobs.database import Database
from img2model_desktop.jobs.edits import current_mesh
from img2model_desktop.jobs.plan import RESULT

THUMBNAIL = "thumbnail.png"
VIEWS = ("cutout.png", THUMBNAIL, "made-1.png", "made.png")
"""Pictures of a job folder that show what was made; those that are there count, the first two at most."""

MOST = 300  # of what looks alike is worth showing

LENGTHS = {KIND: LENGTH}
"""How long the vectors of each kind are. What an engine with weights sees in a picture would be another kind."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in a job folder.

    Args:
        size_bytes: of all its files.
        faces: of the mesh as its edits have left it, or None.
        is_watertight: likewise.
        kind: of the vector.
        vector: `float32` values of its look in the order of this machine's bytes; empty where nothing is to be seen.
    """

    size_bytes: int
    faces: int | None = None
    is_watertight: bool | None = None
    kind: str = KIND
    vector: bytes = b""


def look_at(folder: str, report: Any, is_cancelled: Any) -> Looked:  # noqa: ARG001 - a call that runs aside
    """Looks at the files of a job that has ended; files that cannot be read are passed over."""
    place = Path(folder)
    size = size_of(place)
    views = [view for view in (_read(place / name) for name in VIEWS) if view is not None][:2]
    report(0.3)
    try:
        mesh = read_mesh(current_mesh(place)) if (place / RESULT).is_file() else None
    except InputProblem:
        mesh = None
    report(0.6)
    vector = describe_views(views, mesh).tobytes() if views else b""
    if mesh is None:
        return Looked(size, vector=vector)
    facts = measure(mesh)
    return Looked(size, facts.faces, facts.watertight, KIND, vector)


def judge_at(folder: str, report: Any, is_cancelled: Any) -> dict[str, str]:
    """What the mesh in a job folder is fit for, level by purpose; empty where it cannot be read."""
    try:
        mesh = read_mesh(current_mesh(Path(folder)))
    except InputProblem:
        return {}
    return levels(judge(mesh, progress=Progress(report, is_cancelled)))


def levels(verdict: Verdict) -> dict[str, str]:
    """The level by purpose, both by their values."""
    return {purpose.value: verdict.level(purpose).value for purpose in Purpose}


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder, those of folders in it with them; what links lead to does not count."""
    total = 0
    try:
        for path in folder.iterdir():
            if path.is_symlink():
                continue
            total += size_of(path) if path.is_dir() else path.stat().st_size
    except OSError:
        return total  # it went away meanwhile
    return total


class Looks:
    """Vectors of one kind by job, one row each in one matrix.

    Args:
        database: to read them from.
        kind: of vectors; a key of `LENGTHS`.
    """

    def __init__(self, database: Database, kind: str = KIND) -> None:
        self._database = database
        self._kind = kind
        self._length = LENGTHS[kind]
        self._rows: dict[str, int] = {}
        self._ids: list[str] = []  # by row, also of those that were dropped
        self._matrix = np.zeros((0, self._length), np.float32)
        self._count = 0
        self._after: str | None = ""

    @property
    def is_read(self) -> bool:
        """Whether all of them were read."""
        return self._after is None

    def read(self, limit: int = 500) -> None:
        """Reads the next ones from the database: a slice at a time holds nobody up."""
        if self._after is None:
            return
        sql = "SELECT job, vector FROM look WHERE kind = ? AND job > ? ORDER BY job LIMIT ?"
        found = self._database.select(sql, (self._kind, self._after, limit))
        for id_, vector in found:
            self.put(id_, self._kind, vector)
        self._after = found[-1]["job"] if len(found) == limit else None

    def __len__(self) -> int:
        return len(self._rows)

    def of(self, id_: str) -> Vector | None:
        """One of them, or None."""
        if id_ not in self._rows and not self.is_read:
            sql = "SELECT vector FROM look WHERE kind = ? AND job = ?"
            for (vector,) in self._database.select(sql, (self._kind, id_)):
                self.put(id_, self._kind, vector)
        return self._matrix[self._rows[id_]].copy() if id_ in self._rows else None

    def put(self, id_: str, kind: str, vector: bytes) -> None:
        """A new one, or another one instead; of another kind: nothing."""
        if kind != self._kind or len(vector) != 4 * self._length:
            return
        if id_ not in self._rows:
            if self._count == len(self._matrix):
                room = np.zeros((max(64, 2 * self._count), self._length), np.float32)
                room[: self._count] = self._matrix
                self._matrix = room
            self._rows[id_] = self._count
            self._ids.append(id_)
            self._count += 1
        self._matrix[self._rows[id_]] = np.frombuffer(vector, np.float32)

    def drop(self, ids: Sequence[str]) -> None:
        """Those of jobs that are gone; their rows stay behind until the next start."""
        for id_ in ids:
            self._rows.pop(id_, None)

    def ranked(self, look: Vector, ids: Sequence[str]) -> tuple[tuple[str, float], ...]:
        """Those of the ids that look most alike, each with its cosine; what was not read yet is read now."""
        while not self.is_read:
            self.read(5000)
        scores = similarities(self._matrix[: self._count], look)
        wanted = set(ids) & self._rows.keys()
        found: list[tuple[str, float]] = []
        for number in np.argsort(-scores, kind="stable").tolist():
            if len(found) == min(len(wanted), MOST):
                break
            id_ = self._ids[number]
            if id_ in wanted and self._rows[id_] == number:
                found.append((id_, float(scores[number])))
        return tuple(found)


def _read(path: Path) -> Picture | None:
    try:
        return read_picture(path) if path.is_file() else None
    except InputProblem:
        return None
