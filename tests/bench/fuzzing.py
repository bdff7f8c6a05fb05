"""Whatever lies in the program's folders, it answers with a correct run or with an error of ours, never with another.

`python -m tests.bench.fuzzing 500` does so many of each kind, in about ten minutes on two cores. A kind makes something
that is right, damages it by a seed (bits, ends, entries, values, files that are gone, foreign or folders), and lets
the program use it as it does in its work. `fuzz` raises what is none of our errors; a job must end as no bug.
"""

import copy
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

from img2model_desktop import settings
from img2model_desktop.aside import Inline
from img2model_desktop.core.events import Failed, JobEvent, Stage
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.core.workshop.step import step
from img2model_desktop.engines.bench import Bench
from img2model_desktop.engines.styles import Style, Styles
from img2model_desktop.engines.weights import sets
from img2model_desktop.engines.weights.library import Library
from img2model_desktop.engines.weights.pipelines import Pipelines
from img2model_desktop.errors import Img2ModelError
from img2model_desktop.health import past
from img2model_desktop.health.series import read_points
from img2model_desktop.jobs import edits
from img2model_desktop.jobs.batch import Batch, Source
from img2model_desktop.jobs.batch_ledger import LEDGER, Ledger, read_entries
from img2model_desktop.jobs.batch_table import BatchTable, Course
from img2model_desktop.jobs.breaker import Breaker
from img2model_desktop.jobs.disk_use import facts_of, survey
from img2model_desktop.jobs.pipeline import run_job
from img2model_desktop.jobs.plan import resolve, resolve_again
from img2model_desktop.jobs.shelf import Shelf, Wanted
from img2model_desktop.jobs.store import Store
from tests.bench.table import Table
from tests.mortal import PICTURE, prepare, requests

NAME = "fuzzing"
TIMES = 300
SLOW = ("job folder", "notes of a job", "edits")  # these run whole jobs: a fifth as often

JUNK: tuple[Any, ...] = (
    *(None, True, -1, 0, 3.5, 1e308, float("nan"), float("inf"), 2**70, "", "x" * 3000, "\ud800", "\0", "../../x"),
    *("/", "🙂", "nan", [], {}, [[1]], [None], {"a": {}}, {"": None}, [1e400], "2026-01-01T00:00:00Z"),
)
BYTES = (b"", b"\0" * 64, b"PK\x03\x04", b"glTF\x02\0\0\0", b"\xff\xfe", b"{", b"[" * 5000, b'{"version": 99}\n')


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Bytes with some bits flipped, cut off, put in or given twice, or others instead."""
    way = chance.randrange(6)
    at = chance.randrange(len(content) + 1)
    if way == 0 or not content:
        return chance.choice(BYTES)
    if way == 1:
        return content[:at]
    if way == 2:
        return content[:at] + content[at + chance.randrange(1, 200) :]
    if way == 3:
        return content[:at] + chance.randbytes(chance.randrange(1, 40)) + content[at:]
    flipped = bytearray(content)
    for _ in range(1 if way == 4 else 30):
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def changed(plain: Any, chance: random.Random) -> Any:
    """A JSON value in which one entry, somewhere, is junk, gone, twice or under another name."""
    plain = copy.deepcopy(plain)
    places = list(_places(plain))
    if not places or chance.random() < 0.05:
        return chance.choice(JUNK)
    holder, key = chance.choice(places)
    way = chance.randrange(4)
    if way == 1:
        del holder[key]
    elif way == 2 and isinstance(holder, dict):
        holder[chance.choice(("", "version", "new", str(key) + "s"))] = holder.pop(key)
    elif way == 3 and isinstance(holder, list):
        holder.insert(0, holder[key])
    else:
        holder[key] = chance.choice(JUNK)
    return plain


def _places(plain: Any) -> Any:
    items = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for key, value in items:
        yield plain, key
        yield from _places(value)


def damage_file(path: Path, chance: random.Random) -> None:
    """The file gets damaged bytes or, where it is JSON, a damaged entry; or it is gone, or a folder, or foreign."""
    way = chance.randrange(8)
    if way == 0:
        path.unlink()
    elif way == 1:
        path.unlink()
        path.mkdir()
    elif path.suffix in (".json", ".jsonl") and way > 3:
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        at = chance.randrange(len(lines))
        lines[at] = json.dumps(changed(json.loads(lines[at]), chance))
        path.write_text("\n".join(lines) + "\n")
    else:
        path.write_bytes(damaged(path.read_bytes(), chance))


class Originals:
    """What is right, made once; every try gets a copy.

    Args:
        folder: for all of it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self.home = folder / "home"
        prepare(self.home)
        self._make_history()
        self._make_weights()
        self._make_others()

    def copy(self, name: str) -> Path:
        """A fresh copy of one of the folders."""
        self._number += 1
        target = self._folder / f"{name}-{self._number}"
        shutil.copytree(self._folder / name, target)
        return target

    def _make_history(self) -> None:
        store = Store(self.home / "history.sqlite3", self.home / "jobs")
        bench, shelf = Bench(Inline()), Shelf(store)
        rows = [store.add(request) for request in requests(self.home)]
        rows.append(store.add(Request(picture=str(self.home / "gone.png"))))
        for row in rows[:-2]:
            run_job(resolve(row.request), bench, row.folder, store.apply, lambda: False)
            shelf.note(store.row(row.id))
        edits.do_edit(rows[0].folder, "Floor", [step("floor")])
        store.trash(rows[2].id)
        shelf.tag([rows[0].id], "a tag")
        shelf.collect([rows[0].id], "a collection")
        batches = BatchTable(store.database)
        batches.add(Batch((self.home,), self.home / "out", Request()), "A batch", is_watched=False)
        store.close()
        half = self.home.parent / "half" / "20260101-000000-000000-abcd"  # a job that was killed after its sculpture
        half.mkdir(parents=True)
        seen: list[JobEvent] = []
        plan = resolve(Request(picture=str(self.home / PICTURE), engine="inflate", quality=Quality.DRAFT))
        run_job(plan, bench, half, seen.append, lambda: bool(seen) and getattr(seen[-1], "stage", None) is Stage.CLEAN)
        (half / "tried.json").write_text(json.dumps({"sculpt": {"engine": "inflate", "rung": "", "instead_of": ""}}))

    def _make_weights(self) -> None:
        for weight_set in sets.SETS[:2]:
            files = self._folder / "weights" / weight_set.key / "files"
            files.mkdir(parents=True)
            (files / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
            told = [{"path": "model.safetensors", "bytes": 16, "sha256": "0" * 64, "verified": "2026-01-01"}]
            record = {"version": 1, "key": weight_set.key, "title": "", "source": "", "revision": "", "licence": "MIT"}
            record |= {"origin": "published", "how": "copy", "files": told}
            (files.parent / "engine.json").write_text(json.dumps(record))
        own = self._folder / "weights" / "diffusers" / "mine"
        own.mkdir(parents=True)
        (own / "model_index.json").write_text("{}")
        plain: dict[str, Any] = {"path": str(own), "class": "StableDiffusionPipeline"}
        plain["files"] = [{"path": "model_index.json", "bytes": 2, "sha256": "0" * 64}]
        plain |= {"parts": [["unet", "diffusers", "UNet2DConditionModel"]], "variant": "", "licence": "", "source": ""}
        (own / "pipeline.json").write_text(json.dumps(plain | {"added": "2026-01-01", "verified": "2026-01-01"}))

    def _make_others(self) -> None:
        others = self._folder / "others"
        others.mkdir()
        settings.save(settings.Settings(), others / "settings.json")
        Styles(others / "styles.json").put(Style("mine", "Mine", "{prompt}, in clay", "glossy"))
        batch = self._folder / "batch"
        (batch / "in").mkdir(parents=True)
        shutil.copy(self.home / PICTURE, batch / "in" / PICTURE)


Use = Callable[[Originals, random.Random], None]


def use_request(originals: Originals, chance: random.Random) -> None:
    """A request as a recipe or a row has it."""
    plain: Any = {item.name: getattr(Request(), item.name) for item in fields(Request)}
    plain |= {"quality": "draft", "options": {"inflate.depth": 1.0}, "strokes": [[True, 0.1, [[0.5, 0.5]]]]}
    plain["picture"] = str(originals.home / PICTURE)
    for _ in range(chance.randrange(1, 4)):
        plain = changed(plain, chance) if isinstance(plain, dict) else plain
    if isinstance(plain, dict):
        request = Request.from_dict(plain)
        assert Request.from_dict(json.loads(json.dumps(request.to_dict()))) == request or "NaN" in json.dumps(plain)
        resolve(request)


def use_settings(originals: Originals, chance: random.Random) -> None:
    """The settings of the user."""
    path = originals.copy("others") / "settings.json"
    damage_file(path, chance)
    loaded = settings.load(path)
    kinds = {item.name: type(item.default) for item in fields(settings.Settings)}
    assert all(type(getattr(loaded, name)) is kind for name, kind in kinds.items())


def use_styles(originals: Originals, chance: random.Random) -> None:
    """The user's styles."""
    path = originals.copy("others") / "styles.json"
    damage_file(path, chance)
    styles = Styles(path)
    for style in styles.all():
        style.prompt("a cup")
    styles.put(Style("other", "Other", "{prompt}", ""))
    styles.remove("clay")
    styles.reset()


def use_database(originals: Originals, chance: random.Random) -> None:
    """The history's file, damaged in its bytes."""
    home = originals.copy("home")
    path = home / "history.sqlite3"
    if chance.random() < 0.2:  # a journal that does not belong to it
        (home / "history.sqlite3-wal").write_bytes(chance.randbytes(5000))
    damage_file(path, chance)
    _use_history(home)


def use_values(originals: Originals, chance: random.Random) -> None:
    """The history's file, whole, with values in it that are none of ours; or of another version."""
    home = originals.copy("home")
    with closing(sqlite3.connect(home / "history.sqlite3")) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [name for name in tables if not name.startswith(("sqlite", "words"))]
        for _ in range(chance.randrange(1, 7)):
            table = chance.choice([*tables, *["job"] * 20])
            column = chance.choice([row[1] for row in db.execute(f"PRAGMA table_info({table})")])
            junk = chance.choice((b"\xff\0", "", "x" * 3000, "[]", "{}", "null", "[1]", -1, 2**62, 1e308, "\0", None))
            where = " WHERE random() % 2" if table == "job" else ""
            try:
                db.execute(f"UPDATE {table} SET {column} = ?{where}", (junk,))
            except (sqlite3.Error, OverflowError):
                continue
        if chance.random() < 0.2:
            db.execute(f"PRAGMA user_version = {chance.choice((0, 1, 3, 99, -5))}")
        if chance.random() < 0.1:
            db.execute(f"DROP TABLE {chance.choice(tables)}")
        db.commit()
    _use_history(home)


def _use_history(home: Path) -> None:
    past.look(home / "history.sqlite3")
    past.names(home / "history.sqlite3")
    store = Store(home / "history.sqlite3", home / "jobs")
    try:
        store.recover()
        shelf = Shelf(store)
        rows = store.rows()
        for row in (*rows, *store.trashed(), *store.waiting(), *store.ended()):
            store.row(row.id)
        shelf.entries(shelf.search(Wanted(words="ball tag:a")))
        shelf.tags(), shelf.collections(), shelf.engines(), shelf.unnoted(), shelf.unseen()
        batches = BatchTable(store.database)
        for batch in batches.rows():
            batches.change(batch.id, Course.ENDED, is_watched=False)
        Breaker(store.database).policy()
        for row in rows:
            store.rate(row.id, 3)
            shelf.note(row)
        store.add(Request(prompt="new"))
        waiting = [row.id for row in store.waiting()]
        store.move(tuple(waiting[-1:]), waiting[0] if len(waiting) > 1 else "")
        known = {row.id: facts_of(row.state, row.trashed) for row in rows}
        survey(str(home / "jobs"), known, lambda fraction: None, lambda: False)
    finally:
        store.close()


def use_notes(originals: Originals, chance: random.Random) -> None:
    """The history has to be built again from notes in the job folders that are damaged, too."""
    home = originals.copy("home")
    (home / "history.sqlite3").write_bytes(b"no database")
    for path in sorted((home / "jobs").glob("*/*.json")):
        if chance.random() < 0.5:
            damage_file(path, chance)
    _use_history(home)


def use_job_folder(originals: Originals, chance: random.Random) -> None:
    """A job that was killed is gone on with."""
    folder = next(originals.copy("half").iterdir())
    for path in chance.sample(sorted(folder.iterdir()), chance.randrange(1, 3)):
        damage_file(path, chance)
    if chance.random() < 0.3:
        (folder / chance.choice(("result.glb", "made.png", "input.exe", "ended.json"))).write_bytes(
            chance.choice(BYTES)
        )
    request = Request(picture=str(originals.home / PICTURE), engine="inflate", quality=Quality.DRAFT)
    last = run_job(resolve_again(request, folder), Bench(Inline()), folder, lambda event: None, lambda: False)
    if isinstance(last, Failed):
        assert last.kind != "bug", last.details
        raise _Told(last.kind)


def use_edits(originals: Originals, chance: random.Random) -> None:
    """The stack of edits of a result."""
    jobs = originals.copy("home") / "jobs"
    folder = next(path.parent for path in jobs.glob("*/edits.json"))
    for path in chance.sample(sorted(folder.iterdir()), chance.randrange(1, 3)):
        damage_file(path, chance)
    if (folder / "edits.json").is_file() and chance.random() < 0.7:
        damage_file(folder / "edits.json", chance)
    edits.read_edits(folder)
    edits.glb_faces(edits.current_mesh(folder))
    for do in (edits.undo, edits.redo, edits.revert):
        do(folder)
    edits.do_edit(folder, "Floor", [step("floor")])


def use_ledger(originals: Originals, chance: random.Random) -> None:
    """The ledger of a batch."""
    folder = originals.copy("batch")
    picture = folder / "in" / PICTURE
    batch = Batch((folder / "in",), folder / "out", Request())
    with Ledger(batch) as ledger:
        ledger.begin([Source(PICTURE, picture, picture.stat().st_size, picture.stat().st_mtime_ns)])
    damage_file(folder / "out" / LEDGER, chance)
    read_entries(folder / "out")
    with Ledger(batch) as ledger:
        for entry in ledger.entries():
            ledger.is_ours(folder / "out" / entry.result)


def use_weights(originals: Originals, chance: random.Random) -> None:
    """The library of weights."""
    folder = originals.copy("weights")
    for path in chance.sample(sorted(path for path in folder.rglob("*") if path.is_file()), chance.randrange(1, 3)):
        damage_file(path, chance)
    library, pipelines = Library(folder), Pipelines(folder)
    library.states()
    for entry in pipelines.entries():
        str(entry.title)
    library.folder(chance.choice(sets.SETS[:2]).key)
    pipelines.find("mine")


def use_series(originals: Originals, chance: random.Random) -> None:
    """The readings of the machine."""
    folder = originals.copy("others")
    path = folder / "series.bin"
    head = {"format": "image2model health 1", "keys": ["cpu", "memory"]}
    content = json.dumps(changed(head, chance) if chance.random() < 0.5 else head).encode() + b"\n"
    path.write_bytes(damaged(content + chance.randbytes(700), chance))
    read_points(path)


class _Told(Exception):
    """A job ended with an error of ours of this kind."""


KINDS: dict[str, Use] = {
    "request": use_request,
    "settings": use_settings,
    "styles": use_styles,
    "database, bytes": use_database,
    "database, values": use_values,
    "notes of a job": use_notes,
    "job folder": use_job_folder,
    "edits": use_edits,
    "batch ledger": use_ledger,
    "weights library": use_weights,
    "readings": use_series,
}


def fuzz(kind: str, originals: Originals, seed: int) -> str:
    """Once; "right", or the kind of our error. Raises whatever else came."""
    try:
        KINDS[kind](originals, random.Random(f"{kind} {seed}"))
    except Img2ModelError as problem:
        if not (problem.message and problem.advice):
            raise AssertionError(f"an error without words: {problem!r}") from problem
        return problem.kind
    except _Told as told:
        return str(told)
    return "right"


def tables(times: int = TIMES) -> list[Table]:
    """How often each kind came to which end."""
    rows, ends = [], ["right", "input", "setup", "memory", "engine", "history"]
    for kind in KINDS:
        counts: Counter[str] = Counter()
        count = times // 5 if kind in SLOW else times
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            originals = Originals(Path(folder))
            for seed in range(count):
                try:
                    counts[fuzz(kind, originals, seed)] += 1
                except Exception:  # noqa: BLE001 - counting these is what it is for
                    counts["none of ours"] += 1
                    print(f"{kind} {seed}:\n{traceback.format_exc(limit=-6)}", file=sys.stderr)
        told = [str(counts.pop(end, 0)) for end in ends]
        rows.append([kind, str(count), *told, str(counts.total()), f"{time.monotonic() - began:.0f} s"])
    return [Table("What came of damaged things", ["kind", "times", *ends, "none of ours", "took"], rows)]


if __name__ == "__main__":
    os.environ.setdefault("IMG2MODEL_HOME", tempfile.mkdtemp())
    print("\n\n".join(str(table) for table in tables(int(sys.argv[1]) if len(sys.argv) > 1 else TIMES)))
