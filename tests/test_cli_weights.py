"""`img2model weights`, from arguments to files, exit codes and lines."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from img2model_desktop import cli, paths
from img2model_desktop.core.options import NoOptions
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, Role
from img2model_desktop.engines.weights import recognise, sets
from img2model_desktop.jobs.database import Database
from tests.loopback import Host, host, status
from tests.published import REVISION, TINY, add_tiny, write_flat_pickle, write_sparse

__all__ = ["host"]  # a fixture

KEYS = [entry.key for entry in sets.SETS]


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "brought"
    add_tiny(folder, monkeypatch)
    return folder


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_list_says_what_is_missing_and_where_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weights", "list"]) == 0
    said = capsys.readouterr().out
    assert "triposr  (MIT)  TripoSR: missing, 1.7 GB" in said
    assert "    published as stabilityai/TripoSR: model.ckpt (1.7 GB), config.yaml (987 bytes)" in said
    assert "Depth-Anything-V2-Small-hf at 5426e4f0f365: model.safetensors (99 MB)" in said
    assert cli.main(["weights", "list", "--json"]) == 0
    listed = lines(capsys.readouterr().out)
    assert [entry["key"] for entry in listed] == KEYS
    assert {entry["state"] for entry in listed} == {"missing"}
    assert listed[KEYS.index("triposr")]["published"]["bytes"] == 1_677_247_729


def test_from_import_to_removal(brought: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weights", "import", str(brought)]) == 0
    assert capsys.readouterr().out == "tiny  (MIT)  Tiny: ready, 22 kB, published\n"
    assert (paths.weights_dir() / TINY / "files" / "model.safetensors").is_file()
    assert cli.main(["weights", "verify", TINY, "--json"]) == 0
    (said,) = lines(capsys.readouterr().out)
    assert (said["state"], said["origin"], said["how"]) == ("ready", "published", "copy")
    (tmp_path / "stick").mkdir()
    assert cli.main(["weights", "export", TINY, str(tmp_path / "stick"), "--json"]) == 0
    assert lines(capsys.readouterr().out) == [{"key": TINY, "path": str(tmp_path / "stick" / TINY)}]
    assert cli.main(["weights", "remove", TINY]) == 0
    assert capsys.readouterr().out.startswith("tiny  (MIT)  Tiny: missing, 22 kB\n")
    assert cli.main(["weights", "import", str(tmp_path / "stick"), "--how", "link"]) == 0
    assert capsys.readouterr().out == "tiny  (MIT)  Tiny: ready, 22 kB, linked, published\n"
    assert cli.main(["weights", "verify"]) == 0
    (paths.weights_dir() / TINY / "files" / "model.safetensors").resolve().unlink()
    capsys.readouterr()
    assert cli.main(["weights", "verify"]) == 3
    assert "no longer where it was linked to. Repair it: " in capsys.readouterr().err


def test_files_at_published_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "clones"
    write_sparse(folder / "lite" / "model.safetensors", recognise.manifest("birefnet-lite"))
    write_flat_pickle(folder / "whatever.bin", recognise.manifest("triposr"))
    assert cli.main(["weights", "import", str(folder), "--how", "link", "--json"]) == 0
    said = {str(entry["key"]): entry for entry in lines(capsys.readouterr().out)}
    assert set(said) == {"birefnet-lite", "triposr"}
    assert (said["birefnet-lite"]["bytes"], said["birefnet-lite"]["origin"]) == (177_634_392, "size as published")
    assert (said["triposr"]["licence"], said["triposr"]["origin"]) == ("unknown", "not the published file")


def test_download_asks_first_and_fetches_then(
    brought: Path, host: Host, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start = f"/someone/Tiny/resolve/{REVISION}"
    host.files = {f"{start}/model.safetensors": (brought / "model.safetensors").read_bytes()}
    host.acts[f"{start}/config.json"] = [status(404)]  # it is not needed
    command = ["weights", "download", TINY, "--host", host.url]
    assert cli.main(command) == 2
    said = capsys.readouterr()
    assert (
        f"someone/Tiny/model.safetensors  ({brought.joinpath('model.safetensors').stat().st_size:,} bytes)" in said.out
    )
    assert "img2model weights import FOLDER" in said.out
    assert said.err == "Nothing was downloaded. Agree with --yes.\n"
    assert cli.main([*command, "--json"]) == 2
    (asked,) = lines(capsys.readouterr().out)
    assert set(asked) == {"terms", "consent", "bytes", "free"}
    assert host.asked == []
    assert cli.main([*command, "--yes", "--json"]) == 0
    (state,) = lines(capsys.readouterr().out)
    assert (state["state"], state["origin"], state["how"]) == ("ready", "published", "download")
    assert [path for path, _ in host.asked] == [f"{start}/model.safetensors", f"{start}/config.json"]


def test_a_host_without_encryption_is_refused(brought: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weights", "download", TINY, "--yes", "--host", "http://hub.example"]) == 3
    assert "is no address to fetch files from. It must begin with https." in capsys.readouterr().err
    assert cli.main(["weights", "list", "--json"]) == 0
    assert {entry["state"] for entry in lines(capsys.readouterr().out)} == {"missing"}


def test_a_pipeline_is_linked_verified_listed_and_taken_off(
    tiny_sd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(tiny_sd, tmp_path / "mine")
    before = sorted(folder.rglob("*"))
    assert cli.main(["weights", "import", str(folder)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("mine  (no licence named)  Stable Diffusion: ready, ")
    assert said.endswith(f", linked\n    pictures from words: {folder}\n")
    assert cli.main(["weights", "verify", "mine", "--json"]) == 0
    (entry,) = lines(capsys.readouterr().out)
    assert (entry["key"], entry["state"], entry["path"]) == ("mine", "ready", str(folder))
    assert cli.main(["weights", "list", "--json"]) == 0
    assert [one["key"] for one in lines(capsys.readouterr().out)] == [*KEYS, "mine"]
    assert cli.main(["weights", "import", str(folder), "--only", "triposr"]) == 3
    assert "is a folder for making pictures from words." in capsys.readouterr().err
    assert cli.main(["weights", "remove", "mine"]) == 0
    assert sorted(folder.rglob("*")) == before
    capsys.readouterr()
    assert cli.main(["weights", "list", "--json"]) == 0
    assert [one["key"] for one in lines(capsys.readouterr().out)] == KEYS


def test_speed_is_a_guess_until_this_machine_has_taken_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weights", "list", "--json"]) == 0
    guessed = {entry["key"]: entry for entry in lines(capsys.readouterr().out)}
    assert not any(entry["is_measured"] for entry in guessed.values())
    ratio = float(guessed["triposr"]["seconds"]) / float(guessed["birefnet-lite"]["seconds"])
    assert ratio == pytest.approx(3.0 / 0.63, rel=0.05)
    database = Database(paths.history_file())
    with database.writing(lasting=True) as db:
        for seconds in (11.0, 12.0, 40.0):
            columns, rest = "at, stage, engine, quality, seconds", "0, 'sculpt', 'triposr', 'draft'"
            db.execute(f"INSERT INTO stage_time ({columns}) VALUES ({rest}, ?)", (seconds,))
    database.close()
    assert cli.main(["weights", "list"]) == 0
    said = capsys.readouterr().out
    assert "for sculptor “triposr”; about 12 s a picture here\n" in said
    assert "by a first guess, on the processor\n" in said


def test_converting_and_dropping_what_was_made(brought: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weights", "import", str(brought)]) == 0
    assert cli.main(["weights", "convert", TINY, "--half"]) == 3
    assert "The engine of Tiny computes in full precision." in capsys.readouterr().err
    assert cli.main(["weights", "convert", TINY, "--json"]) == 0
    (said,) = lines(capsys.readouterr().out)
    made = paths.weights_dir() / TINY / "converted" / "model.safetensors"
    assert said == {"key": TINY, "path": str(made), "bytes": made.stat().st_size}
    assert cli.main(["weights", "convert", TINY, "--drop"]) == 0
    assert not made.parent.exists()
    assert cli.main(["weights", "convert", "triposr"]) == 3


def test_verify_without_any(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weights", "verify"]) == 0
    assert "no weights were imported yet" in capsys.readouterr().out
    assert cli.main(["weights", "verify", "--json"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["import", "nowhere"], 3, "“nowhere” is not there."),
        (["import", ".", "--only", "nothing"], 2, "There are no weights “nothing”."),
        (["import", ".", "--only", "triposr"], 3, "holds Tiny, not TripoSR."),
        (["verify", "nothing"], 2, "There are no weights “nothing”."),
        (["verify", "triposr"], 3, "TripoSR needs its weights (1.7 GB)"),
        (["export", "triposr", "."], 3, "“img2model weights” in a terminal."),
        (["remove", "triposr"], 3, "TripoSR is not in the library."),
    ],
)
def test_refusals(
    brought: Path,
    arguments: list[str],
    code: int,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(brought)
    assert cli.main(["weights", *arguments]) == code
    said = capsys.readouterr()
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_engines_say_what_they_wait_for(
    brought: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = EngineSpec("small", Role.MAKER, "Small", "For tests.", "tests.published:load_tiny", NoOptions, weights=TINY)
    monkeypatch.setattr(catalog, "ENGINES", (spec,))
    assert cli.main(["engines"]) == 0
    waits = "    Tiny needs its weights (22 kB), which are not on this computer. Import or download them"
    assert waits in capsys.readouterr().out
    assert cli.main(["weights", "import", str(brought)]) == 0
    capsys.readouterr()
    assert cli.main(["engines"]) == 0
    assert "needs its weights" not in capsys.readouterr().out
    assert cli.main(["engines", "--json"]) == 0
    (said,) = lines(capsys.readouterr().out)
    assert (said["weights"], said["is_ready"]) == (TINY, True)


def test_importing_needs_neither_torch_nor_qt(tmp_path: Path) -> None:
    path = write_flat_pickle(tmp_path / "m", recognise.manifest("triposr"))
    code = (
        "import sys; from img2model_desktop import cli; code = cli.main(sys.argv[1:]);"
        "print(code, [m for m in ('PySide6', 'torch', 'numpy', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "weights", "import", str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_interrupt_ends_with_130_and_nothing_taken(tmp_path: Path) -> None:
    path = write_sparse(tmp_path / "m.safetensors", recognise.manifest("birefnet"))
    command = [sys.executable, "-m", "img2model_desktop", "weights", "import", str(path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    shelf = paths.weights_dir()
    while not any(shelf.iterdir()):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert list(shelf.iterdir()) == []
    assert path.stat().st_size == 444_473_596
