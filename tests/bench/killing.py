"""The program is killed (SIGKILL) at every point it comes through and at random moments, and loses nothing.

`python -m tests.bench.killing 200` does it so many times, in about seven minutes on two busy cores.

1. Children that do their work in one process, see `tests/mortal.py`: killed at each of their points in turn (each
   event, each call of the file system, the middle of each file, each statement of the database), then at random
   moments.
2. The program's own queue with its event loop and its helper processes: killed at random moments, by turns with all
   of its processes at once, or alone, so that its helper processes see it go.
3. `img2model batch`, likewise, gone on with by `--resume`.

After each kill everything is looked at by `tests/witness.py`, and the next child goes on with what was left.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.bench.table import Table
from tests.mortal import JOURNAL, SCENES, Fate, Nursery, event_line, prepare
from tests.witness import Witness

NAME = "killing"
KILLS = 200
SHARES = {"points": 0.6, "moments": 0.2, "queue": 0.14}  # of all kills; the rest in batches
LIFE_S = 1.5  # of a child that does its work itself, about
QUEUE_S = 6.0  # the longest life of a whole program, after its first event
PICTURES = 12  # of the batch
CALM = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}


def tables(kills: int = KILLS) -> list[Table]:
    """Where it was killed, and what was lost."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places: Counter[str] = Counter()
        figures = kill_children(folder, kills, places)
        whole = round(kills * SHARES["queue"])
        figures += kill_queue(folder / "queue", whole, places)
        figures += kill_batch(folder, kills - places.total(), places)
    where = Table("Where the program was killed", ["during", "kills"], [[k, str(n)] for k, n in sorted(places.items())])
    lost = ("jobs lost", "stages done again after their end", "results half-written", "damaged databases", "left files")
    rows = [["kills", str(places.total())], *([key, str(number)] for key, number in figures.items())]
    rows += [[what, "0"] for what in lost]  # each of them raises
    return [where, Table("What came of it", ["", "number"], rows)]


def kill_children(folder: Path, kills: int, places: Counter[str]) -> Counter[str]:
    """Part 1."""
    home, chance = folder / "children", random.Random(1)
    nursery, witness = Nursery(home), Witness(home, JOURNAL)
    try:
        labels = points_of(nursery, witness, home)
        wanted = round(kills * SHARES["points"])
        number = 0
        while places.total() < wanted:
            scene, label, times = labels[number % len(labels)]
            nth = 1 if number < len(labels) else chance.randint(1, times)
            if nursery.raise_child(Fate(scene, label, nth, seed=number)):
                places[kind_of(label)] += 1
            witness.look()
            number += 1
        wanted += round(kills * SHARES["moments"])
        while places.total() < wanted:
            fate = Fate(chance.choice([*SCENES, "queue", "queue"]), seed=number)
            if nursery.raise_child(fate, chance.uniform(0.0, LIFE_S)):
                places[f"random moment, {fate.scene}"] += 1
            witness.look()
            number += 1
        for seed in range(20):  # the last ones live until nothing waits
            assert not nursery.raise_child(Fate("drain", seed=seed))
            if nothing_waits(home):
                break
        witness.look_at_the_end()
    finally:
        nursery.close()
    return witness.figures


def points_of(nursery: Nursery, witness: Witness, home: Path) -> list[tuple[str, str, int]]:
    """Scene, label and how often it is passed, of all kill points: what lives that nobody cuts off come through."""
    found: dict[tuple[str, str], int] = {}
    for number, scene in enumerate(["queue", "queue", "queue", "queue", "history", "edits"]):
        assert not nursery.raise_child(Fate(scene, seed=number))
        passed = [line for line in witness.look() if line["what"] == "ended"][-1]["passed"]
        for label, times in passed.items():
            found[scene, label] = max(times, found.get((scene, label), 0))
    return [(scene, label, times) for (scene, label), times in found.items()]


def kind_of(label: str) -> str:
    """What a kill point is, in one or two words."""
    first = label.split()[0]
    if first in ("half", "all", "sql"):
        return {"half": "half of a file written", "all": "a file written, not yet named", "sql": "a statement"}[first]
    if first in ("rename", "mkdir", "remove", "rmdir"):
        return f"file system: {first}"
    return "an event" if "kept" in label else "start or end"


def nothing_waits(home: Path) -> bool:
    """Whether all jobs are done."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(home / "history.sqlite3")) as database:
        ((count,),) = database.execute("SELECT count(*) FROM job WHERE state NOT IN ('done')")
    return not count


def kill_queue(home: Path, kills: int, places: Counter[str]) -> Counter[str]:
    """Part 2."""
    chance = random.Random(2)
    prepare(home)
    (home / JOURNAL).touch()
    witness = Witness(home, JOURNAL)
    for number in range(kills):
        began = (home / JOURNAL).stat().st_size
        program = start(["-m", "tests.bench.killing", "--queue", str(home)])
        if number % 6:  # else: at its start
            until = time.monotonic() + 60
            while (home / JOURNAL).stat().st_size == began and time.monotonic() < until:
                time.sleep(0.02)
            time.sleep(chance.uniform(0.0, QUEUE_S))
        else:
            time.sleep(chance.uniform(0.0, 2.0))
        kill(program, alone=bool(number % 2))
        told = [line for line in witness.look() if line["what"] == "event"]
        last = f"{told[-1].get('stage') or 'between stages'}" if told else "start"
        places[f"whole program, {last}"] += 1
    program = start(["-m", "tests.bench.killing", "--queue", str(home), "--to-the-end"])
    assert program.wait(600) == 0
    witness.look_at_the_end()
    return witness.figures


def kill_batch(folder: Path, kills: int, places: Counter[str]) -> Counter[str]:
    """Part 3."""
    from img2model_desktop.core.mesh_files import read_mesh
    from tests.bench.batching import draw

    chance, figures = random.Random(3), Counter[str]()
    out = folder / "meshes"
    command = ["-m", "img2model_desktop", "batch", str(draw(folder / "pictures", PICTURES)), "-o", str(out)]
    command += ["--quality", "draft"]
    done: dict[Path, int] = {}
    for number in range(kills + 1):
        program = start(command)
        if number < kills:
            time.sleep(chance.uniform(1.0, QUEUE_S))
            kill(program, alone=bool(number % 2))
            places["batch on the command line"] += 1
        else:
            assert program.wait(600) == 0
        for path in out.rglob("*.glb"):
            made = path.stat().st_mtime_ns
            assert done.setdefault(path, made) == made or number == 0, f"made twice: {path}"
            assert len(read_mesh(path).faces)
        lines = (out / "batch.jsonl").read_bytes().split(b"\n")[:-1] if (out / "batch.jsonl").exists() else []
        whole = sum(is_json(line) for line in lines)
        assert whole >= len(lines) - number, "more than the line that a kill has cut is damaged"
    assert len(done) == PICTURES, done
    figures["pictures of the batch made"] = len(done)
    return figures


def is_json(line: bytes) -> bool:
    """Whether a line of the ledger is whole."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def start(arguments: list[str]) -> "subprocess.Popen[bytes]":
    """A process with a group of its own."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, *arguments], env=CALM, start_new_session=True, stdout=quiet, stderr=subprocess.PIPE
    )


def kill(program: "subprocess.Popen[bytes]", *, alone: bool) -> None:
    """Kills a program, and its helper processes with it unless it is to die alone."""
    assert program.poll() is None or program.returncode == 0, program.communicate()[1].decode()
    with contextlib.suppress(ProcessLookupError):
        (os.kill if alone else os.killpg)(program.pid, signal.SIGKILL)
    program.wait()
    if program.stderr:
        program.stderr.close()


def run_queue(home: Path, *, to_the_end: bool) -> None:
    """The program without a window: takes up the queue, keeps it filled, and says what it has kept."""
    from PySide6.QtCore import QCoreApplication

    from img2model_desktop.core.events import JobEvent, Progressed
    from img2model_desktop.gui.runner import JobRunner
    from img2model_desktop.jobs.plan import resolve
    from img2model_desktop.jobs.store import JobState, Store
    from tests.mortal import BLAMED, Journal, requests

    application, journal = QCoreApplication(sys.argv[:1]), Journal(home)
    runner = JobRunner(Store(home / "history.sqlite3", home / "jobs"))

    def note(event: JobEvent) -> None:
        if not isinstance(event, Progressed):
            journal.write("event", **event_line(event))

    runner.event_received.connect(note)
    journal.write("opened", damage=runner.store.database.damage)
    runner.resume()
    for row in runner.store.ended(10_000):
        if row.state is JobState.FAILED:
            assert row.error_message.startswith(BLAMED), row.error_message
            runner.retry(row.id)
    kinds, chance = requests(home), random.Random(time.time_ns())
    while runner.is_busy or not to_the_end:
        if not to_the_end and len(runner.waiting()) < 2:
            journal.write("added", job=runner.submit(resolve(chance.choice(kinds))))
        application.processEvents()
        time.sleep(0.002)
    runner.close()


if __name__ == "__main__":
    if "--queue" in sys.argv:
        run_queue(Path(sys.argv[2]), to_the_end="--to-the-end" in sys.argv)
    else:
        began = time.monotonic()
        print("\n\n".join(str(table) for table in tables(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS)))
        print(f"\n{time.monotonic() - began:.0f} s")
