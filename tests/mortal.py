"""A child that does to a data folder what the program does, and is killed (SIGKILL) where it is told to be.

`python -m tests.mortal HOME` imports everything once and then forks a child for each line that it reads, a `Fate` as
JSON; so that a kill costs no start of Python. Each child is a process of its own with the real store, pipeline,
breaker and workshop; engines run in it, so that every write is its own. What it has been through it writes line by
line into `journal.jsonl`, each line in one call of the system, so that no kill can cut one.

Kill points are counted by label: each event of a job before and after it is applied, each call of the file system
under the data folder, the middle of each file that is written, each statement of the database.
"""

import contextlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from img2model_desktop.aside import Inline
from img2model_desktop.core import atomic
from img2model_desktop.core.events import JobEvent, Preview, Progressed, StageBegan
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.core.workshop.step import step
from img2model_desktop.engines.bench import Bench
from img2model_desktop.jobs import edits
from img2model_desktop.jobs.breaker import Breaker
from img2model_desktop.jobs.job_row import JobState
from img2model_desktop.jobs.pipeline import run_job
from img2model_desktop.jobs.plan import resolve_again
from img2model_desktop.jobs.store import Store

JOURNAL = "journal.jsonl"
PICTURE = "ball.png"
WAITING = 3  # jobs that are kept in the queue
ROUNDS = 3  # jobs that one child runs at most
FILE_CALLS = {"os.rename": "rename", "os.mkdir": "mkdir", "os.remove": "remove", "os.rmdir": "rmdir"}
BLAMED = "The program ended"  # what is said of a job that was running whenever the program ended


@dataclass(frozen=True, slots=True)
class Fate:
    """What a child is to do, and where it ends.

    Args:
        scene: of `SCENES` or `OTHERS`.
        label: kill point; "": none, it ends by itself unless it is killed from outside.
        nth: time that it comes to this point, from 1.
        seed: of what the scene chooses.
    """

    scene: str = "queue"
    label: str = ""
    nth: int = 1
    seed: int = 0


class Journal:
    """Lines that outlive the child."""

    def __init__(self, home: Path) -> None:
        self._file = os.open(home / JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, what: str, **told: Any) -> None:
        os.write(self._file, (json.dumps({"what": what, "pid": os.getpid(), **told}) + "\n").encode())


class Points:
    """Counts what the child comes through, and kills it at the point of its fate."""

    def __init__(self, home: Path, fate: Fate, journal: Journal) -> None:
        self.passed: Counter[str] = Counter()
        self._home, self._fate, self._journal = str(home), fate, journal
        self._inside = False

    def come_to(self, label: str) -> None:
        self.passed[label] += 1
        if label == self._fate.label and self.passed[label] == self._fate.nth:
            self._inside = True
            self._journal.write("killed", at=label)
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Watches the files of this process from now on."""
        whole = atomic.write_staged

        def in_halves(path: Path, content: bytes, *, flush: bool = True) -> None:
            name = _plain(path.name)
            with contextlib.suppress(OSError):
                path.write_bytes(content[: len(content) // 2])
            self.come_to(f"half of {name}")
            whole(path, content, flush=flush)
            self.come_to(f"all of {name}, hidden")

        atomic.write_staged = in_halves
        sys.addaudithook(self._hear)

    def _hear(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name not in FILE_CALLS or self._inside:
            return
        path = str(arguments[1] if name == "os.rename" else arguments[0])
        if path.startswith(self._home):
            self._inside = True
            try:
                self.come_to(f"{FILE_CALLS[name]} {_plain(Path(path).name)}")
            finally:
                self._inside = False


def _plain(name: str) -> str:
    """A name without what differs from one time to the next."""
    if name.startswith(atomic.HIDDEN_PREFIX):
        return "staging"
    if len(name) > 20 and name[:8].isdigit():
        return "job folder"
    return "history" if name.startswith("history") else name


class Life:
    """One child with its store."""

    def __init__(self, home: Path, fate: Fate, journal: Journal, points: Points) -> None:
        self.home, self.journal, self.points = home, journal, points
        self.chance = random.Random(fate.seed)
        self.points.come_to("open the store")
        self.store = Store(home / "history.sqlite3", home / "jobs")
        self.journal.write("opened", damage=self.store.database.damage)
        connection: Any = self.store.database._db
        connection.set_trace_callback(lambda sql: self.points.come_to(f"sql {_statement(sql)}"))
        self.breaker = Breaker(self.store.database)
        self.store.recover()
        self.points.come_to("recovered")
        journal.write("recovered")

    def retry(self) -> None:
        """What is blamed for the kills is tried again."""
        for row in self.store.ended(10_000):
            if row.state is JobState.FAILED:
                assert row.error_message.startswith(BLAMED), (row.error_message, row.error_details)
                self.store.retry(row.id)

    def add(self) -> None:
        """Fills the queue up."""
        self.retry()
        while self.store.waiting_count() < WAITING:
            row = self.store.add(self.chance.choice(requests(self.home)))
            self.journal.write("added", job=row.id)

    def run(self, rounds: int) -> None:
        """Runs what waits."""
        bench = Bench(Inline())
        for _ in range(rounds):
            row = self.store.next_waiting()
            if row is None:
                break
            run_job(resolve_again(row.request, row.folder), bench, row.folder, self._take, lambda: False)
        bench.close()

    def _take(self, event: JobEvent) -> None:
        if isinstance(event, Progressed):
            return
        told = event_line(event)
        label = " ".join(str(told[name]) for name in ("type", "stage") if name in told)
        self.points.come_to(f"{label}, not yet kept")
        self.store.apply(event)
        self.breaker.apply(event)
        self.journal.write("event", **told)
        self.points.come_to(f"{label}, kept")


def event_line(event: JobEvent) -> dict[str, Any]:
    """What the journal says of an event."""
    line: dict[str, Any] = {"type": type(event).__name__, "job": event.job_id}
    if isinstance(event, StageBegan | Preview):
        line["stage"] = event.stage.value
    if isinstance(event, StageBegan):
        line["resumed"] = event.resumed
    return line


def _statement(sql: str) -> str:
    words = sql.split()
    return " ".join(words[: 2 if words[0].upper() in ("PRAGMA", "BEGIN") else 1]).lower().rstrip(";")


def requests(home: Path) -> list[Request]:
    """One of each kind of job, small."""
    picture = str(home / PICTURE)
    return [
        Request(picture=picture, engine="inflate", quality=Quality.DRAFT),
        Request(picture=picture, quality=Quality.DRAFT),
        Request(prompt="ab", engine="extrude", quality=Quality.DRAFT),
        Request(prompt="i", goal="pictures", variants=2, quality=Quality.DRAFT),
    ]


def queue_scene(life: Life) -> None:
    """Jobs wait, run and end."""
    life.add()
    life.run(ROUNDS)


def history_scene(life: Life) -> None:
    """The user tidies up."""
    life.add()
    waiting = [row.id for row in life.store.waiting()]
    life.store.hold(tuple(waiting[:1]))
    life.store.move(tuple(waiting[-1:]), waiting[0])
    life.store.hold(tuple(waiting[:1]), is_held=False)
    ended = life.store.ended(10_000)
    for number, row in enumerate(ended[-6:]):
        life.store.rate(row.id, 1 + number % 5)
        if number % 2:
            life.journal.write("let go", job=row.id)
            life.store.trash(row.id)
        else:
            life.store.trash(row.id)
            life.store.restore(row.id)
            life.store.rename(row.id, f"renamed {number}")
    life.store.empty_trash()


def edits_scene(life: Life) -> None:
    """A result is worked on."""
    life.add()
    done = [row for row in life.store.ended(10_000) if row.state is JobState.DONE and row.facts is not None]
    if not done:
        life.run(ROUNDS)
        return
    folder = life.chance.choice(done).folder
    edits.do_edit(folder, "Floor", [step("floor")])
    edits.do_edit(folder, "Decimate", [step("recentre")])
    edits.undo(folder)
    edits.redo(folder)
    edits.undo(folder)
    edits.do_edit(folder, "Floor again", [step("floor")])


def drain_scene(life: Life) -> None:
    """Everything that waits is done."""
    life.retry()
    life.store.hold(tuple(row.id for row in life.store.waiting()), is_held=False)
    life.run(10_000)


def one_scene(life: Life) -> None:
    """One job of the first kind, always the same: added where none waits, and done."""
    life.retry()
    if not life.store.waiting_count():
        life.journal.write("added", job=life.store.add(requests(life.home)[0]).id)
    life.run(1)


SCENES: dict[str, Callable[[Life], None]] = {"queue": queue_scene, "history": history_scene, "edits": edits_scene}
OTHERS = {"drain": drain_scene, "one": one_scene}


def prepare(home: Path) -> None:
    """A data folder with a picture to work on."""
    home.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[0:48, 0:48]
    inside = np.hypot(rows - 24, columns - 24) < 18
    write_png(Picture(np.dstack([rows * 5, columns * 5, rows, inside * 255]).astype(np.uint8)), home / PICTURE)


def live(home: Path, fate: Fate) -> None:
    """A whole life, unless the fate cuts it off."""
    journal = Journal(home)
    points = Points(home, fate, journal)
    points.install()
    journal.write("began", **asdict(fate))
    life = Life(home, fate, journal, points)
    (SCENES | OTHERS)[fate.scene](life)
    life.points.come_to("close the store")
    life.store.close()
    journal.write("ended", passed=dict(points.passed))


def serve(home: Path) -> None:
    """Forks a child for each line, says its number, and its exit status when it has ended."""
    import cv2

    cv2.setNumThreads(0)  # a fork takes over one thread
    prepare(home)
    warm = home.parent / f"{home.name}-warm"  # loads all that jobs and edits need
    prepare(warm)
    life = Life(warm, Fate(), journal := Journal(warm), Points(warm, Fate(), journal))
    queue_scene(life)
    edits_scene(life)
    life.store.close()
    _say("ready")
    for line in sys.stdin:
        child = os.fork()
        if not child:
            live(home, Fate(**json.loads(line)))  # what it raises ends the child with status 1
            os._exit(0)
        _say(str(child))
        _say(str(os.waitpid(child, 0)[1]))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Nursery:
    """The process that forks the children, from outside."""

    def __init__(self, home: Path) -> None:
        import subprocess

        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mortal", str(home)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[1],
        )
        assert self._line() == "ready"

    def raise_child(self, fate: Fate, killed_after_s: float | None = None) -> bool:
        """Lets a child live; whether it was killed. Raises AssertionError where it failed by itself."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(fate)) + "\n")
        self._process.stdin.flush()
        child = int(self._line())
        if killed_after_s is not None:
            time.sleep(killed_after_s)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        status = int(self._line())
        assert status in (0, signal.SIGKILL), f"a child failed: {fate}, status {status}"
        return status != 0

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
