"""The doctor: each check on what is well and on what is broken; the whole on this machine."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from img2model_desktop import cli, paths
from img2model_desktop.core.request import Request
from img2model_desktop.engines.weights import sets
from img2model_desktop.health import checks, packages, past
from img2model_desktop.health.checks import Check, Grade, Places
from img2model_desktop.health.readings import GIB
from img2model_desktop.jobs import schema
from img2model_desktop.jobs.store import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("data", "logs", "weights"):
        (tmp_path / name).mkdir()
    resources = paths.resources_dir()
    database = tmp_path / "data" / "history.sqlite3"
    return Places(tmp_path / "data", tmp_path / "logs", tmp_path / "weights", resources, database)


@pytest.fixture
def history(places: Places) -> Iterator[Store]:
    store = Store(places.database, places.data / "jobs")
    store.add(Request(prompt="a"))
    yield store
    store.close()


@pytest.mark.parametrize(
    ("version", "bits", "grade"),
    [((3, 11), 64, "ok"), ((3, 13), 64, "ok"), ((3, 10), 64, "warn"), ((3, 14), 64, "warn"), ((3, 12), 32, "bad")],
)
def test_python(version: tuple[int, int], bits: int, grade: str) -> None:
    found = checks.python(version, bits)
    assert found.grade == grade
    assert bool(found.advice) == (grade != "ok")


@pytest.mark.parametrize(
    ("total", "available", "grade"), [(16, 8, "ok"), (16, 2, "warn"), (4, 3.5, "warn"), (16, 0.5, "bad")]
)
def test_memory(total: float, available: float, grade: str) -> None:
    assert checks.memory(total * GIB, available * GIB).grade == grade


def test_this_machine_s_libraries_are_those_that_were_tested() -> None:
    found = packages.compare()
    assert len(found) > 15
    assert {"torch", "numpy", "psutil"} <= {item.name for item in found}
    assert all(item.version and item.wanted for item in found)
    assert checks.libraries().grade is Grade.OK


def test_missing_and_other_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "wanted_versions", lambda: {"no-such-thing": "1.0", "numpy": "0.1"})
    found = checks.libraries()
    assert (found.grade, found.what) == (Grade.BAD, "Missing: no-such-thing.")
    monkeypatch.setattr(packages, "wanted_versions", lambda: {"numpy": "0.1"})
    found = checks.libraries()
    assert found.grade is Grade.WARN
    assert found.what.endswith("for 0.1.")


def test_pins_are_read_from_the_pinned_set(tmp_path: Path) -> None:
    (tmp_path / "run.in").write_text("# note\nNumPy>=2\ntorch==2.1\nfast-simplification\n")
    (tmp_path / "cpu.txt").write_text("numpy==2.4.6\nfast_simplification==0.2 ; python_version > '3'\ntorch==2.1+cpu\n")
    assert packages.wanted_versions(tmp_path) == {"NumPy": "2.4.6", "torch": "2.1+cpu", "fast-simplification": "0.2"}


def test_clock(places: Places, history: Store) -> None:
    assert checks.clock(places).grade is Grade.OK
    assert checks.clock(places, 1_000_000_000.0).grade is Grade.WARN
    assert checks.clock(places, time.time() - 3 * past.DAY_S).grade is Grade.WARN  # jobs from the future


def test_data_folder_and_disk(places: Places) -> None:
    assert checks.data_folder(places.data).grade in (Grade.OK, Grade.WARN)
    assert checks.disk(places.data).facts["mb_per_s"] > 0
    assert list(places.data.iterdir()) == []  # nothing is left
    gone = places.data / "gone"
    assert checks.data_folder(gone).grade is Grade.BAD
    assert checks.disk(gone).grade is Grade.BAD


def test_history_that_is_well(places: Places, history: Store) -> None:
    found = checks.history(places.database)  # while the program has it open
    assert (found.grade, found.facts["jobs"]) == (Grade.OK, 1)
    with history.database.writing(lasting=True) as db:
        db.execute("INSERT INTO engine_health (engine, reason, is_set_aside) VALUES ('inflate', 'x', 1)")
    found = checks.history(places.database)
    assert found.grade is Grade.WARN
    assert "inflate" in found.what


def test_history_that_is_not(places: Places, history: Store) -> None:
    with history.database.writing(lasting=True) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    assert checks.history(places.database).what.endswith("newer version of this program.")
    history.close()
    places.database.write_bytes(os.urandom(8192))
    assert checks.history(places.database).grade is Grade.BAD
    places.database.unlink()
    assert checks.history(places.database).what == "There is none yet."


def test_looking_changes_nothing(places: Places, history: Store) -> None:
    history.close()
    before = places.database.read_bytes()
    past.look(places.database)
    past.names(places.database)
    assert places.database.read_bytes() == before


def test_deaths_are_counted(places: Places) -> None:
    assert checks.deaths(places.logs).grade is Grade.OK
    (places.logs / "crash-window-1.txt").write_text("trace")
    (places.logs / "crash-helper-2.txt").write_text("")
    found = checks.deaths(places.logs)
    assert (found.grade, found.facts) == (Grade.WARN, {"program": 1, "helpers": 0})
    old = time.time() - 8 * past.DAY_S
    os.utime(places.logs / "crash-window-1.txt", (old, old))
    assert checks.deaths(places.logs).grade is Grade.OK


def test_files_of_the_program(places: Places, tmp_path: Path) -> None:
    assert checks.bundled(places.resources).grade is Grade.OK
    found = checks.bundled(tmp_path)
    assert found.grade is Grade.BAD
    assert "sign.ttf" in found.what


def test_weights_and_licences(places: Places) -> None:
    assert checks.weights(places.weights).grade is Grade.OK
    assert checks.licences(places.weights).facts["licences"] == ["MIT"]
    key = sets.SETS[0].key
    folder = places.weights / key
    folder.mkdir()
    (folder / "img2model.json").write_text("{")
    states = checks.weights(places.weights).facts
    assert set(states) == {each.key for each in sets.SETS}


def test_drawing_without_a_card_is_said() -> None:
    found = {"opengl": "4.5", "renderer": "llvmpipe"}
    assert checks._opengl(found).grade is Grade.WARN
    assert checks._opengl({"opengl": "4.6", "renderer": "NVIDIA"}).grade is Grade.OK
    assert checks._opengl({"opengl": "", "renderer": ""}).grade is Grade.BAD
    assert checks._opengl({"opengl": "", "renderer": "", "platform": "offscreen"}).grade is Grade.WARN


def test_a_probe_that_dies_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_PROBE", "no_such_module")
    display, drawing = checks.window()
    assert display.grade is drawing.grade is Grade.WARN


def test_a_library_that_does_not_load_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_device", breaks)
    found = checks.networks()
    assert found.grade is Grade.BAD
    assert "no torch here" in found.what


def breaks(report: object, is_cancelled: object) -> None:
    """Fails as an import does."""
    raise ImportError("no torch here")


def test_the_gravest_counts() -> None:
    made = [Check("a", "A", grade, "w.") for grade in (Grade.OK, Grade.WARN, Grade.BAD)]
    assert [checks.worst(tuple(made[:count])) for count in range(4)] == ["ok", "ok", "warn", "bad"]


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what takes seconds."""
    monkeypatch.setattr(checks, "_all", lambda places: iter((checks.program(), checks.history(places.database))))


@pytest.mark.usefixtures("quick")
def test_the_command_says_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    program, history = capsys.readouterr().out.splitlines()
    assert program.startswith("ok   Program  ")
    assert history.endswith("There is none yet.")


@pytest.mark.usefixtures("quick")
def test_the_command_in_json_with_page_and_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, archive = tmp_path / "p.html", tmp_path / "b.zip"
    assert cli.main(["doctor", "--json", "--html", str(page), "--bundle", str(archive)]) == 0
    said = capsys.readouterr()
    plain = [json.loads(line) for line in said.out.splitlines()]
    assert [set(entry) for entry in plain] == [{item.name for item in fields(Check)}] * 2
    assert "There is none yet." in page.read_text(encoding="utf-8")
    assert archive.read_bytes()[:2] == b"PK"
    assert "jobs.json" in said.err


@pytest.mark.usefixtures("quick")
def test_what_is_not_ready_has_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    paths.history_file().write_bytes(os.urandom(4096))
    assert cli.main(["doctor"]) == 3
    assert "bad  History" in capsys.readouterr().out


@pytest.mark.usefixtures("quick")
def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--html", str(tmp_path / "gone" / "p.html")]) == 3
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_the_whole_on_this_machine(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "img2model_desktop", "doctor", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    plain = {entry["key"]: entry for entry in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0, done.stderr
    assert {"program", "libraries", "disk", "history", "display", "opengl", "card", "networks"} <= set(plain)
    assert plain["networks"]["facts"]["torch"]
    assert all(entry["advice"] for entry in plain.values() if entry["grade"] != "ok")
