"""The archive for a bug report: everything that helps, and not one name."""

import contextlib
import io
import json
import logging
import logging.handlers
import os
import platform
import time
import unicodedata
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop import logs
from img2model_desktop.core.events import Failed, Stage, StageBegan, Started
from img2model_desktop.core.request import Request
from img2model_desktop.health import bundle, scrub
from img2model_desktop.health.checks import Check, Grade, Places
from img2model_desktop.health.readings import Reading
from img2model_desktop.health.scrub import Scrubber
from img2model_desktop.health.series import Series
from img2model_desktop.jobs.store import Store

USER = "leonhardine"
FULL_NAME = "Leonhardine Quastenflosser"
HOST = "quastenflosser-tower"
PROMPT = "the heirloom teapot of aunt Wilgefortis"
PICTURE = "Wilgefortis & Kunigunde, summer 1987.png"
FOLDER = "Erbstücke der Familie"
TAG = "kunigunde-only"
COLLECTION = "Divorce papers"
PLANTED = (USER, FULL_NAME, HOST, PROMPT, PICTURE, PICTURE.removesuffix(".png"), FOLDER, TAG, COLLECTION)
WORDS = ("quastenflosser", "wilgefortis", "kunigunde", "erbst", "divorce", "heirloom", "leonhardine", "1987")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """An installation in which names lie everywhere."""
    home = tmp_path / "home" / USER / FOLDER
    data, log_folder, weights = home / "data", home / "logs", home / "weights"
    for folder in (data, log_folder, weights):
        folder.mkdir(parents=True)
    for variable in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(variable, USER)
    monkeypatch.setenv("HOSTNAME", HOST)
    monkeypatch.setenv("NAME", FULL_NAME)
    monkeypatch.setenv("IMG2MODEL_HOME", str(home))
    monkeypatch.setattr(platform, "node", lambda: f"{HOST}.fritz.box")
    (data / "settings.json").write_text(json.dumps({"export_dir": f"/home/{USER}/{FOLDER}"}))
    _plant_history(data)
    _plant_log(log_folder, home)
    series = Series(data)
    series.add(Reading(time.time(), {"memory": 42.0}))
    series.close()
    return Places(data, log_folder, weights, tmp_path, data / "history.sqlite3")


def _plant_history(data: Path) -> None:
    with contextlib.closing(Store(data / "history.sqlite3", data / "jobs")) as store:
        _fill(store)


def _fill(store: Store) -> None:
    picture = f"/home/{USER}/{FOLDER}/{PICTURE}"
    row = store.add(Request(picture=picture, prompt=PROMPT))
    store.add(Request(prompt=PROMPT))
    at = time.time()
    store.apply(Started(row.id, at))
    store.apply(StageBegan(row.id, at, Stage.CUT_OUT))
    message = f"“{PICTURE}” could not be read."
    store.apply(Failed(row.id, at, "input", message, "Check it.", f"[Errno 2] No such file: '{picture}'"))
    with store.database.writing(lasting=True) as db:
        db.execute("INSERT INTO tag (job, tag) VALUES (?, ?)", (row.id, TAG))
        db.execute("INSERT INTO collected (collection, job) VALUES (?, ?)", (COLLECTION, row.id))
        db.execute(
            "INSERT INTO engine_health (engine, failures, reason, is_set_aside) VALUES ('inflate', 3, ?, 1)",
            (f"failed on {PICTURE}",),
        )
        db.execute("UPDATE job SET engine = ?", (f"own:{TAG}",))


def _plant_log(folder: Path, home: Path) -> None:
    win = rf"C:\Users\{FULL_NAME}\{FOLDER}\{PICTURE}"
    lines = [
        f"2026-01-01 INFO gui: opened {home}/{PICTURE}",
        f"2026-01-01 INFO gui: opened {win}",
        f"2026-01-01 INFO gui: opened {win!r}",
        f"2026-01-01 INFO gui: opened file:///home/{USER}/{quote(PICTURE)}",
        f"2026-01-01 INFO gui: {json.dumps({'prompt': PROMPT, 'folder': FOLDER})}",
        f"2026-01-01 INFO gui: {PROMPT.upper()} by {USER}@{HOST} from 192.168.178.23",
        f"2026-01-01 INFO gui: {unicodedata.normalize('NFD', FOLDER)} {FOLDER.encode('unicode_escape').decode()}",
        f"2026-01-01 INFO gui: tag {TAG}, collection {COLLECTION}, {PICTURE.replace(' ', '_')}",
        "Traceback (most recent call last):",
        f'  File "{home}/venv/lib/python3.11/site-packages/torch/nn/linear.py", line 12, in forward',
        f'  File "{home}/img2model_desktop/jobs/pipeline.py", line 99, in run_job',
        f'  File "{home}/{PICTURE}.py", line 1, in secret',
        f"FileNotFoundError: [Errno 2] No such file or directory: '{home}/{PICTURE}'",
        f"torch.OutOfMemoryError: tried to allocate 2 GiB for {PICTURE}",
    ]
    (folder / logs.FILE_NAME).write_text("\n".join(lines), encoding="utf-8")
    crash = f'Fatal Python error: Segmentation fault\n\nThread 0x01:\n  File "{home}/a.py", line 3 in {USER}\n'
    (folder / "crash-1.txt").write_text(crash, encoding="utf-8")


def checks(places: Places) -> tuple[Check, ...]:
    what = f"68 GiB are free in {places.data}."
    return (Check("data", "Data folder", Grade.OK, what, "", {"folder": str(places.data), "by": [USER, FULL_NAME]}),)


def test_no_name_is_in_any_byte(tmp_path: Path, places: Places) -> None:
    out = tmp_path / "report.zip"
    bundle.write(out, bundle.contents(places, checks(places)))
    with zipfile.ZipFile(io.BytesIO(out.read_bytes())) as archive:
        assert archive.testzip() is None
        everything = [out.read_bytes(), *(archive.read(name) for name in archive.namelist())]
    found = [
        (word, content[max(place - 60, 0) : place + 60])
        for content in everything
        for word in (*WORDS, *(name.lower() for name in PLANTED), str(tmp_path).lower())
        for coded in (word.encode(), word.encode("utf-16-le"), quote(word).lower().encode())
        if (place := content.lower().find(coded)) >= 0
    ]
    assert found == []


def test_what_helps_is_still_there(places: Places) -> None:
    members = {member.name: member for member in bundle.contents(places, checks(places))}
    assert all(member.what.endswith(".") for member in members.values())
    log = members["log.txt"].content
    assert 'File "torch/nn/linear.py", line 12, in forward' in log
    assert 'File "img2model_desktop/jobs/pipeline.py", line 99, in run_job' in log
    assert "torch.OutOfMemoryError: tried to allocate 2 GiB for" in log
    assert "No such file or directory: '<name>/<name>'" in log
    assert "Segmentation fault" in members["crashes.txt"].content
    jobs = json.loads(members["jobs.json"].content)
    assert (jobs["count"], jobs["standing"], len(jobs["jobs"])) == (2, "ok", 2)
    failed = next(job for job in jobs["jobs"] if job["state"] == "failed")
    assert (failed["error_kind"], failed["stage"], failed["engine"]) == ("input", "cut out", "other")
    assert failed["message"] == "“…” could not be read."
    assert jobs["set_aside"][0][0] == "inflate"
    assert json.loads(members["readings.json"].content)["highest"]["memory"] == [42.0]
    (check,) = json.loads(members["checks.json"].content)
    assert check["what"] == "68 GiB are free in <name>."


def test_an_empty_installation_has_a_report_too(tmp_path: Path) -> None:
    empty = Places(*(tmp_path / name for name in ("data", "logs", "weights", "resources", "history.sqlite3")))
    members = bundle.contents(empty, ())
    bundle.write(tmp_path / "report.zip", members)
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        assert archive.namelist() == [member.name for member in members]
        assert json.loads(archive.read("jobs.json"))["standing"] == "missing"


def test_a_damaged_history_is_no_obstacle(places: Places) -> None:
    for ending in ("-wal", "-shm"):
        places.database.with_name(places.database.name + ending).unlink(missing_ok=True)
    places.database.write_bytes(b"SQLite format 3\0" + os.urandom(4000))
    jobs = next(member for member in bundle.contents(places, ()) if member.name == "jobs.json")
    assert json.loads(jobs.content)["standing"] == "damaged"


names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=6, max_size=20)
words = st.sampled_from(["opened", "by", "in", "failed:", "(", ")", ",", "at 12:30", "= 3.5"])


@given(names, st.lists(words, max_size=4), st.lists(words, max_size=4), st.sampled_from(list(range(6))))
def test_a_known_name_goes_however_it_is_written(name: str, before: list[str], after: list[str], way: int) -> None:
    name = unicodedata.normalize("NFC", name)
    shown = [name, name.upper(), json.dumps(name), repr(name), quote(name), unicodedata.normalize("NFD", name)][way]
    made = Scrubber([name]).clean(" ".join([*before, shown, *after]))
    stand_ins = ("<name>", "<path>", "<file>", "<address>", "“…”")
    left = made
    for stand_in in stand_ins:
        left = left.replace(stand_in, " ")
    if len(name.upper()) == len(name) and name.upper().lower() == name.lower():  # else it is not the same name
        assert name.lower() not in left.lower()
    assert all(word in made for word in [*before, *after] if word in ("opened", "by", "in"))


@given(st.text(max_size=200))
def test_any_text_is_cleaned_and_stays_clean(text: str) -> None:
    scrubber = Scrubber(["Wilgefortis", f"/home/{USER}"])
    once = scrubber.clean(text)
    assert "wilgefortis" not in once.lower()


def test_short_names_take_whole_words_alone() -> None:
    scrubber = Scrubber(["Tom", "io"])
    assert scrubber.clean("Tom atoms, tom_1 and io") == "<name> atoms, <name>_1 and io"


def test_thousands_of_names_are_no_obstacle() -> None:
    scrubber = Scrubber([f"picture of aunt number {number}.png" for number in range(3_000)])
    text = "\n".join(f"line {number} about nothing" for number in range(2000)) + " Picture of aunt number 2876"
    assert scrubber.clean(text).endswith("nothing <name>")


def test_the_system_knows_who_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERNAME", "leonhardine")
    assert {"leonhardine", platform.node(), str(Path.home())} <= set(scrub.system_names())


def test_the_log_rotates_and_is_read_to_its_end(tmp_path: Path) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    path = logs.start(tmp_path)
    try:
        for number in range(3):
            logging.getLogger("img2model_desktop.test").info("line %d", number)
        assert logs.last_lines(path, 2).endswith("img2model_desktop.test: line 2")
        assert len(logs.last_lines(path, 2).splitlines()) == 2
    finally:
        for handler in [handler for handler in root.handlers if handler not in before]:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(level)
