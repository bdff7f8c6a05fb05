"""Whatever lies in the program's folders: a correct run, or an error of ours. The long form is a benchmark."""

import json
from pathlib import Path

import pytest

from img2model_desktop import settings
from img2model_desktop.aside import Inline
from img2model_desktop.core.events import Finished
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.engines.bench import Bench
from img2model_desktop.health import past
from img2model_desktop.jobs.attempts import NOTES
from img2model_desktop.jobs.batch import Batch
from img2model_desktop.jobs.batch_ledger import LEDGER, Ledger, read_entries
from img2model_desktop.jobs.pipeline import run_job
from img2model_desktop.jobs.plan import resolve
from img2model_desktop.jobs.store import Store
from tests.bench.fuzzing import KINDS, SLOW, Originals, fuzz
from tests.mortal import PICTURE

SEEDS = 25
FEW_SEEDS = 4
ENDS = {"right", "input", "setup", "memory", "engine", "history"}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    return Originals(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_things_end_well(kind: str, originals: Originals) -> None:
    assert {fuzz(kind, originals, seed) for seed in range(FEW_SEEDS if kind in SLOW else SEEDS)} <= ENDS


# -- what it found, each once


def test_settings_nested_too_deeply_are_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("[" * 100_000)
    assert settings.load(tmp_path / "settings.json") == settings.Settings()
    (tmp_path / "settings.json").write_text(f'{{"size_mm": 1{"0" * 400}}}')
    assert settings.load(tmp_path / "settings.json") == settings.Settings()


@pytest.mark.parametrize(
    ("column", "junk"), [("title", b"\xff"), ("position", "first"), ("created", "long ago"), ("stars", -1)]
)
def test_a_row_with_a_value_of_another_kind_is_read_from_its_folder(column: str, junk: object, tmp_path: Path) -> None:
    store = Store(tmp_path / "history.sqlite3", tmp_path / "jobs")
    added = store.add(Request(prompt="Hi"))
    with store.database.writing(lasting=False) as db:
        db.execute(f"UPDATE job SET {column} = ?", (junk,))
    store.close()
    assert [one.created for one in past.look(tmp_path / "history.sqlite3").jobs] == [
        0.0 if column == "created" else added.created
    ]
    store = Store(tmp_path / "history.sqlite3", tmp_path / "jobs")
    assert store.rows() == (added,)
    assert store.add(Request(prompt="next")).id > added.id
    store.close()


@pytest.mark.parametrize("id_", ["../outside", "", b"\xff", "a\0b"])
def test_a_row_whose_id_is_no_name_is_left_out(id_: object, tmp_path: Path) -> None:
    store = Store(tmp_path / "history.sqlite3", tmp_path / "jobs")
    store.add(Request(prompt="Hi"))
    with store.database.writing(lasting=False) as db:
        db.execute("UPDATE job SET id = ?", (id_,))
    assert store.database.select("SELECT count(*) FROM job")[0][0] == 1
    store.close()
    store = Store(tmp_path / "history.sqlite3", tmp_path / "jobs")
    assert id_ not in [row.id for row in store.rows()]
    assert all(row.folder.parent == tmp_path / "jobs" for row in store.recover())
    store.close()


def test_a_ledger_does_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    entry = {"key": "a.png", "state": "done", "result": "../../a.glb"}
    lines = [{"file": entry}, {"file": entry | {"result": "/a.glb"}}, {"file": entry | {"key": "b", "result": "b.glb"}}]
    (tmp_path / LEDGER).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert [one.key for one in read_entries(tmp_path)] == ["b"]
    (tmp_path / LEDGER).write_text(json.dumps({"version": 1, "batch": {"sources": ["x" * 3000]}}) + "\n")
    Ledger(Batch((tmp_path / "in",), tmp_path, Request())).close()


def test_notes_that_cannot_be_removed_do_not_make_a_finished_job_fail(originals: Originals) -> None:
    folder = next(originals.copy("half").iterdir())
    (folder / NOTES).unlink()
    (folder / NOTES).mkdir()
    request = Request(picture=str(originals.home / PICTURE), engine="inflate", quality=Quality.DRAFT)
    last = run_job(resolve(request), Bench(Inline()), folder, lambda event: None, lambda: False)
    assert isinstance(last, Finished)
