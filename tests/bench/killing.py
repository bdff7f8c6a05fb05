"""The program is killed at random moments, again and again, and loses nothing.

A child process runs the real queue and is killed (SIGKILL) after a random time; the next child goes on. After each
kill the database, every file in the job folders and the record of all events are looked at. `KILLS` in the
environment changes how often.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from img2model_desktop import paths
from img2model_desktop.core.events import JobEvent, Preview, StageBegan
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.jobs.store import JobState, Store
from tests.bench.table import Table

NAME = "killing"
KILLS = int(os.environ.get("KILLS", "200"))
WAITING = 4  # jobs that are kept in the queue
WORKING_S = 3.0  # the longest from a child's first event to its death
STARTING_S = 2.0  # the longest from its start, where it is to die before its first event
STARTING_SHARE = 0.15  # of all kills


def tables() -> list[Table]:
    """How often it was killed, where, and what was lost."""
    chance = random.Random(1)
    places: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for _ in range(KILLS):
            add_jobs(home)
            places[kill_once(home, chance)] += 1
            check(home)
        finish(home)
        figures = check(home)
    where = Table("Where the program was killed", ["during", "kills"], [[key, str(n)] for key, n in places.items()])
    rows = [[key, str(number)] for key, number in {"kills": places.total(), **figures}.items()]
    return [where, Table("What was lost by it", ["", "number"], rows)]


def open_store(home: Path) -> Store:
    return Store(home / "history.sqlite3", home / "jobs")


def add_jobs(home: Path) -> None:
    """Fills the queue up; what failed because it ran when the program was killed three times is tried again."""
    picture = str(paths.resources_dir() / "samples" / "badge.png")
    with closing(open_store(home)) as store:
        store.recover()
        for row in store.ended(10_000):
            if row.state is JobState.FAILED:
                assert "The program ended" in row.error_message, row.error_message
                store.retry(row.id)
        for _ in range(WAITING - store.waiting_count()):
            store.add(Request(picture=picture, engine="extrude", quality=Quality.DRAFT))


def kill_once(home: Path, chance: random.Random) -> str:
    """Starts a child and kills it; the last event of its job, or that it was starting."""
    before = len(record(home))
    is_starting = chance.random() < STARTING_SHARE
    with child(home) as process:
        if not is_starting:
            until = time.monotonic() + 60
            while len(record(home)) == before and time.monotonic() < until:
                time.sleep(0.02)
        time.sleep(chance.uniform(0.0, STARTING_S if is_starting else WORKING_S))
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = record(home)[before:][-1:]
    return f"{last[0]['type']} {last[0].get('stage', '')}".strip() if last else "start"


def finish(home: Path) -> None:
    """Lets the last child end its work."""
    with child(home, "--to-the-end") as process:
        assert process.wait(600) == 0


def child(home: Path, *more: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.Popen([sys.executable, "-m", "tests.bench.killing", str(home), *more], env=environment)


def record(home: Path) -> list[dict[str, Any]]:
    """Every event that any child had applied, in order; a last line that was cut is left out."""
    path = home / "events.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def check(home: Path) -> dict[str, int]:
    """Looks at everything; raises AssertionError for what is lost, done twice or half-written."""
    from img2model_desktop.core.picture_files import read_picture
    from img2model_desktop.jobs.edits import glb_faces

    finished: set[str] = set()
    kept: set[tuple[str, str]] = set()
    resumed = 0
    for event in record(home):
        key = (event["job"], event.get("stage", ""))
        assert event["job"] not in finished, f"ran again after its end: {event}"
        if event["type"] == "Preview":
            kept.add(key)
        elif event["type"] == "StageBegan" and key in kept:
            assert event["resumed"], f"a finished stage was done again: {event}"
            resumed += 1
        elif event["type"] == "Finished":
            finished.add(event["job"])
    with closing(open_store(home)) as store:
        assert store.database.damage == "", store.database.damage
        assert store.database.select("PRAGMA integrity_check")[0][0] == "ok"
        rows = {row.id: row for row in store.rows(100_000)}
    assert {id_ for id_, row in rows.items() if row.state is JobState.DONE} >= finished
    assert set(rows) == {folder.name for folder in (home / "jobs").iterdir()}
    for id_, row in rows.items():
        folder = home / "jobs" / id_
        if (folder / "result.glb").exists():
            assert glb_faces(folder / "result.glb"), f"half-written: {folder}"
        elif row.state is JobState.DONE:
            raise AssertionError(f"a result is lost: {folder}")
        if (folder / "cutout.png").exists():
            read_picture(folder / "cutout.png")
    return {"jobs": len(rows), "done": len(finished), "stages used again": resumed, "lost, twice or half": 0}


def run_child(home: Path, to_the_end: bool) -> None:
    """The program without a window: takes up the queue, and records each event once it is applied."""
    from PySide6.QtCore import QCoreApplication

    from img2model_desktop.gui.runner import JobRunner

    application = QCoreApplication(sys.argv[:1])
    runner = JobRunner(open_store(home))
    with (home / "events.jsonl").open("a", buffering=1) as file:

        def note(event: JobEvent) -> None:
            line: dict[str, Any] = {"type": type(event).__name__, "job": event.job_id}
            if isinstance(event, StageBegan | Preview):
                line["stage"] = event.stage.value
            if isinstance(event, StageBegan):
                line["resumed"] = event.resumed
            if line["type"] != "Progressed":
                file.write(json.dumps(line) + "\n")

        runner.event_received.connect(note)
        runner.resume()
        while runner.is_busy or not to_the_end:
            application.processEvents()
            time.sleep(0.002)
    runner.close()


if __name__ == "__main__":
    run_child(Path(sys.argv[1]), to_the_end="--to-the-end" in sys.argv)
