"""`img2model batch` with real files, real processes, and a real kill."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import trimesh

from img2model_desktop import cli
from img2model_desktop.aside import Helper
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.jobs import batch_run
from img2model_desktop.jobs.batch import Batch, content_hash
from img2model_desktop.jobs.batch_ledger import LEDGER, Ledger, Outcome, read_entries
from img2model_desktop.jobs.batch_run import BatchRun, How, Standing
from tests.drawn import alpha_of, disc

OPTIONS = ["--engine", "inflate", "--quality", "draft"]


def draw(path: Path, number: int = 0) -> Path:
    """A cut-out disc, 96 x 96, its colour and size by number."""
    alpha = alpha_of(disc(48, 48, 20 + number % 24), 96)
    pixels = alpha[..., None].repeat(4, axis=2).copy()
    pixels[..., :3] = (200, 30 + 7 * (number % 30), 40)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(Picture(pixels), path)
    return path


def batch(*arguments: object) -> int:
    return cli.main(["batch", *(str(one) for one in arguments), *OPTIONS])


def started(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "img2model_desktop", "batch", *(str(one) for one in arguments), *OPTIONS]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def states(target: Path) -> dict[str, Outcome]:
    return {entry.key: entry.state for entry in read_entries(target)}


def done_lines(target: Path) -> Counter[str]:
    """How often each picture was made, by the ledger."""
    plain = [json.loads(line) for line in (target / LEDGER).read_text().splitlines() if line.endswith("}")]
    return Counter(one["file"]["key"] for one in plain if one.get("file", {}).get("state") == "done")


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def wait_for_done(target: Path, count: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while sum(state is Outcome.DONE for state in states(target).values()) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


def test_good_and_bad_files_with_odd_names(shared_eval: Path, tmp_path: Path, capsys: Any) -> None:
    """Each gets a result or a reason; the second run makes nothing; what is on disk is what the table says."""
    folder, out = tmp_path / "in", tmp_path / "out"
    good = ["cup.png", "cup.webp.png", "zwei Worte – ünï.png", "ein/tiefer/Ordner/日本.png", "x" * 240 + ".png"]
    for number, name in enumerate(good):
        draw(folder / name, number)
    (folder / "cup.jpg").write_bytes((folder / "cup.png").read_bytes())  # the same stem; its content is what counts
    good.append("cup.jpg")
    manifest = json.loads((shared_eval / "badinput" / "manifest.json").read_text(encoding="utf-8"))
    refused = [one["file"] for one in manifest["files"] if one["kind"] == "image" and one["expect"] == "refuse"]
    bad = []
    for file in sorted(refused)[:8]:
        name = f"bad/{Path(file).stem}.png"
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((shared_eval / "badinput" / file).read_bytes())
        bad.append(name)
    assert len(bad) == 8
    table, page = tmp_path / "t.csv", tmp_path / "p.html"
    code = batch(folder, "-o", out, "--recursive", "--jobs", 2, "--csv", table, "--html", page, "--json")
    assert code == 2
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["file"]: one["state"] for one in told} == dict.fromkeys(good, "done") | dict.fromkeys(bad, "failed")
    assert {row["file"]: row["state"] for row in rows(table)} == {one["file"]: one["state"] for one in told}
    for row in rows(table):
        if row["state"] == "done":
            mesh = trimesh.load(out / row["result"], force="mesh")
            assert len(mesh.faces) == int(row["triangles"])
            assert {row[purpose] for purpose in ("print", "game", "web", "render")} <= {"Fit", "To fix", "Not fit"}
        else:
            assert row["error"].endswith(".")
            assert row["result"] == ""
    assert len({row["result"] for row in rows(table) if row["result"]}) == len(good)
    on_disk = {path.relative_to(out).as_posix() for path in out.rglob("*.glb")}
    assert on_disk == {row["result"] for row in rows(table) if row["result"]}
    assert page.read_text(encoding="utf-8").count("<tr class=") == len(good) + len(bad)
    assert page.read_text(encoding="utf-8").count('class="fits"') == len(good)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.glb")}
    assert batch(folder, "-o", out, "--recursive", "--json") == 2  # what failed is still no mesh
    assert capsys.readouterr().out == ""
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.glb")} == before


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL, SIGINT")
def test_killed_again_and_again_and_stopped_nothing_is_lost_or_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out, table, temporary = (tmp_path / name for name in ("in", "out", "t.csv", "temporary"))
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    count = 10
    for number in range(count):
        draw(folder / f"{number}.png", number)
    for kept in (1, 3):
        process = started(folder, "-o", out, "--jobs", 2)
        wait_for_done(out, kept, process)
        helpers = psutil.Process(process.pid).children()
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(helpers, timeout=30)
        assert not alive  # helpers notice that nobody waits for them any more
        assert len(list(temporary.glob("img2model-batch-*"))) == 1  # what the first one left is gone
        for path in out.glob("*.glb"):
            assert trimesh.load(path, force="mesh").is_watertight  # whole, or not there
    kept = sum(done_lines(out).values())
    process = started(folder, "-o", out, "--csv", table)
    wait_for_done(out, kept + 1, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert not list(temporary.glob("img2model-*"))
    assert not list(out.glob(".image2model-????????"))
    waiting = [row["file"] for row in rows(table) if row["state"] == "waiting"]
    assert waiting
    assert sum(done_lines(out).values()) + len(waiting) == count
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.glb") if done_lines(out)[f"{path.stem}.png"]}
    assert len(before) >= 4
    assert batch("-o", out, "--resume", "--csv", table) == 0
    assert states(out) == {f"{number}.png": Outcome.DONE for number in range(count)}
    assert set(done_lines(out).values()) == {1}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert {row["result"] for row in rows(table)} == {path.name for path in out.glob("*.glb")}
    assert [row["state"] for row in rows(table)] == ["done"] * count
    assert len(list(out.glob("*.glb"))) == count


@pytest.fixture(scope="module")
def helper() -> Iterator[Helper]:
    helper = Helper(niceness=0)
    yield helper
    helper.close()


@pytest.fixture
def _one_helper(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of this process find a helper process that runs already, and leave it running: to start takes longest."""
    monkeypatch.setattr(batch_run, "Helper", lambda niceness: SimpleNamespace(run=helper.run, close=lambda: None))


@pytest.mark.usefixtures("_one_helper")
def test_only_what_changed_is_made_again(tmp_path: Path, capsys: Any) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    draw(folder / "a.png", 1)
    draw(folder / "b.png", 2)
    (folder / "c.png").write_bytes(b"no picture")
    assert batch(folder, "-o", out) == 2
    draw(folder / "b.png", 20)
    draw(folder / "d.png", 4)
    capsys.readouterr()
    assert batch(folder, "-o", out, "--json") == 2
    assert [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()] == ["b.png", "d.png"]
    assert batch(folder, "-o", out, "--retry-failed", "--json") == 2
    assert [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()] == ["c.png"]
    draw(folder / "c.png", 3)
    assert batch(folder, "-o", out) == 0


@pytest.mark.usefixtures("_one_helper")
def test_a_file_that_grows_is_taken_when_it_is_whole(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    content = draw(tmp_path / "whole.png", 3).read_bytes()
    draw(folder / "first.png")
    ended = threading.Event()
    steps: list[str] = []

    def hear(standing: Standing, entry: Any) -> None:
        if entry is not None:
            steps.append(entry.key)
            if entry.key == "growing.png":
                ended.set()

    def grow() -> None:
        with (folder / "growing.png").open("wb") as file:
            for at in range(0, len(content), len(content) // 6):
                file.write(content[at : at + len(content) // 6])
                file.flush()
                time.sleep(0.2)  # longer than nothing, shorter than a rest

    made = Batch((folder,), out, Request(engine="inflate", quality=Quality.DRAFT))
    with Ledger(made) as ledger:
        run = BatchRun(ledger, How(watches=True, watch_s=0.5), hear, steps.append, ended.is_set)
        thread = threading.Thread(target=grow)
        thread.start()
        standing = run.run()
        thread.join()
    assert steps == ["first.png", "growing.png"]
    assert standing.left == 0
    entries = {entry.key: entry for entry in read_entries(out)}
    assert entries["growing.png"].state is Outcome.DONE
    assert entries["growing.png"].sha256 == content_hash(folder / "growing.png")


@pytest.mark.skipif(sys.platform != "linux", reason="a place where nobody may write")
@pytest.mark.parametrize("arguments", [[], ["--csv", "r.csv"]])
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, arguments: list[str], capsys: Any) -> None:
    draw(tmp_path / "in" / "a.png")
    target = tmp_path / "shut"
    target.mkdir()
    target.chmod(0o500)
    if os.geteuid() == 0:  # who writes everywhere, but not there
        target = Path("/sys/kernel/out")
    assert batch(tmp_path / "in", "-o", target, *arguments) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "out" in said.err or "shut" in said.err


@pytest.mark.usefixtures("_one_helper")
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_a_disk_that_takes_no_mesh_ends_the_batch(tmp_path: Path) -> None:
    """Every file is limited to 30 KB, for real: after three meshes that cannot be saved the others are not tried."""
    import resource

    folder, out = tmp_path / "in", tmp_path / "out"
    for number in range(6):
        draw(folder / f"{number}.png", number)
    process = subprocess.run(
        [sys.executable, "-m", "img2model_desktop", "batch", str(folder), "-o", str(out), *OPTIONS],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 3
    assert "Traceback" not in process.stderr
    assert Counter(states(out).values()) == {Outcome.FAILED: 3, Outcome.BEGUN: 3}
    assert sorted(path.name for path in out.iterdir()) == [LEDGER]
    assert batch(folder, "-o", out) == 0  # with room again nothing has to be asked for
    assert set(states(out).values()) == {Outcome.DONE}


def test_a_machine_that_is_not_ready_ends_the_batch_before_the_work(tmp_path: Path, capsys: Any) -> None:
    draw(tmp_path / "in" / "a.png")
    assert cli.main(["batch", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--engine", "triposr"]) == 3
    assert "weights" in capsys.readouterr().err
    assert states(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "doc"], "not a mesh format"),
        (["--device", "gpu"], "no device"),
        (["--jobs", "-1"], "at a time"),
        (["--set", "nothing=1"], "nothing"),
    ],
)
def test_wrong_options_are_told_at_once(tmp_path: Path, arguments: list[str], words: str, capsys: Any) -> None:
    draw(tmp_path / "in" / "a.png")
    assert batch(tmp_path / "in", "-o", tmp_path / "out", *arguments) == 2
    assert words in capsys.readouterr().err


def test_a_folder_without_pictures_is_told(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    assert batch(tmp_path / "in", "-o", tmp_path / "out") == 2
    assert "no picture" in capsys.readouterr().err
    assert batch("-o", tmp_path / "out") == 2
    assert batch("-o", tmp_path / "new", "--resume") == 2


def test_one_call_a_picture_for_a_farm(tmp_path: Path, capsys: Any) -> None:
    """What the help says a scheduler may call instead."""
    picture, out = draw(tmp_path / "a.png"), tmp_path / "a.glb"
    call = ["convert", str(picture), "-o", str(out), "--skip-existing", "--json", *OPTIONS]
    assert cli.main(call) == 0
    assert json.loads(capsys.readouterr().out)["faces"] > 100
    before = out.stat().st_mtime_ns
    assert cli.main(call) == 0
    assert json.loads(capsys.readouterr().out) == {"picture": str(picture), "path": str(out), "skipped": True}
    assert out.stat().st_mtime_ns == before
