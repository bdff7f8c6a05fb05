"""Looks at a data folder after each kill of the program, as an outsider: nothing lost, done twice or half-written."""

import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from img2model_desktop.core import atomic
from img2model_desktop.core.mesh_files import read_mesh
from img2model_desktop.core.picture_files import read_picture
from img2model_desktop.jobs.kept import load_shape

RESULTS = ("result.glb", "cutout.png", "made.png", "made-1.png", "made-2.png", "shape.npz")
"""What a stage leaves; each is written once."""

KEEPING = ("cut out", "sculpt", "save")
"""Stages that leave something; the others are over in a blink, and cleaning is one step with saving."""


class Witness:
    """What is known of a data folder, from one kill to the next.

    Args:
        home: the data folder.
        journal: name of the file in which the children say what they have been through.

    Attributes:
        figures: what was counted.
    """

    def __init__(self, home: Path, journal: str) -> None:
        self.figures: Counter[str] = Counter()
        self._home, self._journal = home, home / journal
        self._read = 0
        self._added: set[str] = set()
        self._let_go: set[str] = set()
        self._over: set[str] = set()  # jobs whose last event is in the history
        self._kept: set[tuple[str, str]] = set()  # job and stage
        self._at_work: dict[str, str] = {}
        self._seen: dict[Path, tuple[int, int]] = {}

    def look(self) -> list[dict[str, Any]]:
        """Checks everything; the new lines of the journal. Raises AssertionError for what is wrong."""
        lines = self._journal.read_text().splitlines()[self._read :]
        self._read += len(lines)
        told = [json.loads(line) for line in lines]
        for line in told:
            self._hear(line)
        rows = self._rows()
        self._look_at_jobs(rows)
        for folder in sorted((self._home / "jobs").iterdir()) if (self._home / "jobs").exists() else ():
            self._look_at_files(folder)
        return told

    def look_at_the_end(self) -> None:
        """Likewise when the program has ended by itself: all jobs have ended well, and nothing is left behind."""
        self.look()
        rows = self._rows()
        waiting = [id_ for id_, state in rows.items() if state in ("queued", "running")]
        assert not waiting, waiting
        left = [path for path in self._home.rglob("*") if path.name.startswith(atomic.HIDDEN_PREFIX)]
        left += list(self._home.rglob("*.part"))
        assert not left, f"left behind: {left}"
        folders = {folder.name for folder in (self._home / "jobs").iterdir()}
        assert folders == set(rows), folders ^ set(rows)
        for id_, state in rows.items():
            folder = self._home / "jobs" / id_
            if state == "done" and id_ not in self._let_go:  # emptying the trash may have been cut off
                assert (folder / "result.glb").exists() or (folder / "made-1.png").exists(), f"no result: {id_}"
        self.figures["jobs in the history"] = len(rows)
        self.figures["of them done"] = sum(state == "done" for state in rows.values())

    def _hear(self, line: dict[str, Any]) -> None:
        if line["what"] == "added":
            self._added.add(line["job"])
        elif line["what"] == "let go":
            self._let_go.add(line["job"])
        elif line["what"] == "opened":
            assert line["damage"] == "", line["damage"]
        elif line["what"] == "event":
            self._hear_event(line)

    def _hear_event(self, line: dict[str, Any]) -> None:
        job, kind, stage = line["job"], line["type"], line.get("stage", "")
        assert job not in self._over, f"ran again after its end: {line}"
        if kind == "StageBegan":
            self.figures["stages begun"] += 1
            before = self._at_work.get(job, "")
            if before in KEEPING and stage != before:
                self._kept.add((job, before))
            if line["resumed"]:
                self.figures["of them taken up again"] += 1
                self._kept.add((job, stage))
            else:
                assert (job, stage) not in self._kept, f"a finished stage was done again: {line}"
            self._at_work[job] = stage
        elif kind == "Started":
            self._at_work[job] = ""
        elif kind == "Finished":
            self._over.add(job)
        else:
            assert kind in ("Preview", "Chosen", "Warned"), line

    def _rows(self) -> dict[str, str]:
        """State by id, from a copy of the database: the next start is to meet it as it was left."""
        database = self._home / "history.sqlite3"
        if not database.exists():
            return {}
        scratch = self._home.parent / f"{self._home.name}-copy"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        for path in self._home.glob("history.sqlite3*"):
            if not path.name.endswith("-shm"):  # of the processes that have it open
                shutil.copy(path, scratch / path.name)
        with closing(sqlite3.connect(scratch / database.name)) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            self.figures["times the database was whole"] += 1
            if not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'job'").fetchall():
                return {}  # killed before its tables were made
            return dict(copy.execute("SELECT id, state FROM job"))

    def _look_at_jobs(self, rows: dict[str, str]) -> None:
        lost = self._added - set(rows) - self._let_go
        assert not lost, f"lost: {lost}"
        back = {id_: rows[id_] for id_ in self._over & set(rows) if rows[id_] != "done"}
        assert not back, f"their end was forgotten: {back}"

    def _look_at_files(self, folder: Path) -> None:
        for name in RESULTS:
            path = folder / name
            if not path.exists():
                continue
            stat = path.stat()
            now = (stat.st_ino, stat.st_mtime_ns)
            before = self._seen.setdefault(path, now)
            assert before == now, f"made twice: {path}"
            if before is now:  # seen for the first time
                _open(path)
                self.figures["results opened"] += 1
        for path in folder.glob("*.json"):
            json.loads(path.read_bytes())
        for path in folder.glob("edit-*.glb"):
            read_mesh(path)
        if (folder / "edits.json").exists():
            plain = json.loads((folder / "edits.json").read_bytes())
            for edit in plain["done"]:
                assert (folder / edit["file"]).exists(), f"an edit without its mesh: {edit}"


def _open(path: Path) -> None:
    """Raises where a result is half-written."""
    if path.suffix == ".glb":
        assert len(read_mesh(path).faces)
    elif path.suffix == ".png":
        assert read_picture(path).width
    else:
        load_shape(path, None, None)
