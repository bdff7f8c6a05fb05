"""The set-up script: what it says on machines that are not ready, and that a set-up is whole or made anew."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "installers" / "dev.py"

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone")


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with a checkout of its own to set up."""
    spec = importlib.util.spec_from_file_location("dev", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pins = tmp_path / "requirements"
    pins.mkdir()
    (pins / "run.in").write_text("torch==2.13.0\n")
    (pins / "test.in").write_text("pytest\n")
    (pins / "cpu.txt").write_text("torch==2.13.0\npytest==9.2.0 ; python_version > '3'\n")
    for name, value in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "PINS": pins,
        "STAMP": tmp_path / ".venv" / "set-up.json",
        "UNDER_WAY": tmp_path / ".venv" / "set-up-under-way",
    }.items():
        monkeypatch.setattr(module, name, value)
    return module


@pytest.fixture
def installed(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip is asked for, instead of asking it; the environments themselves are made for real, without pip."""
    asked: list[list[str]] = []
    monkeypatch.setattr(dev, "pip_install", asked.append)
    real = subprocess.run

    def without_pip(command: list[str], **how: Any) -> subprocess.CompletedProcess[Any]:
        is_venv = command[1:3] == ["-m", "venv"]
        return real([*command, "--without-pip"] if is_venv else command, **how)

    monkeypatch.setattr(dev.subprocess, "run", without_pip)
    return asked


# -- what it says ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (3, 14), (4, 0)])
def test_another_python_gets_one_sentence(dev: ModuleType, version: tuple[int, int]) -> None:
    with pytest.raises(dev.NotReady) as told:
        dev.check_python(version)
    text = str(told.value)
    assert f"This is Python {version[0]}.{version[1]};" in text
    assert "3.11 to 3.13" in text
    assert "\n" not in text


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_these_pythons_will_do(dev: ModuleType, version: tuple[int, int]) -> None:
    dev.check_python(version)


@on_linux
def test_without_a_screen_the_window_names_the_command_line(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "run"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("There is no screen here")
    assert "dev.py run convert picture.png -o mesh.glb" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["walk"], 2), (["--help"], 0)])
def test_an_unknown_command_shows_the_three(
    dev: ModuleType, arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.main(arguments) == code
    said = capsys.readouterr()
    text = said.out if code == 0 else said.err
    assert all(f"dev.py {command}" in text for command in ("run", "test", "bench"))


@on_linux
def test_an_ordinary_user_gets_the_line_to_run(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(dev.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    with pytest.raises(dev.NotReady) as told:
        dev.need_libraries({"libc.so.6": "libc6", "libnowhere.so.7": "libnowhere7"}, {"Xvfb": "xvfb"})
    sentence, line = str(told.value).splitlines()
    assert line == "sudo apt-get install --yes --no-install-recommends libnowhere7 xvfb"
    assert "libnowhere.so.7, Xvfb" in sentence


@on_linux
def test_another_distribution_gets_the_names(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev.shutil, "which", lambda name: None)
    with pytest.raises(dev.NotReady, match=r"libnowhere\.so\.7.*package manager.*libnowhere7"):
        dev.need_libraries({"libnowhere.so.7": "libnowhere7"})


@on_linux
def test_nothing_is_asked_for_where_nothing_is_missing(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "install_debian", lambda *_: pytest.fail("asked for packages"))
    dev.need_libraries({"libc.so.6": "libc6"}, {"sh": "dash"})


@pytest.mark.parametrize(
    ("variables", "has"),
    [({}, False), ({"DISPLAY": ""}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "wayland-0"}, True)],
)
def test_a_screen_is_what_the_variables_say(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], has: bool
) -> None:
    monkeypatch.setattr(dev, "LINUX", True)
    assert dev.has_screen(variables) is has


def test_no_room_is_said_before_anything_is_written(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "FREE_BYTES", 10**18)
    with pytest.raises(dev.NotReady, match="free disk"):
        dev.set_up(("run",))
    assert not dev.VENV.exists()


# -- the set-up -----------------------------------------------------------------------------------------------


def test_set_up_once_and_then_at_once(dev: ModuleType, installed: list[list[str]]) -> None:
    dev.set_up(("run",))
    assert installed == [["torch==2.13.0"], ["-r", str(dev.PINS / "run.in")]]
    found = subprocess.check_output(
        [dev.venv_python(), "-P", "-c", "import sys; print(*sys.path, sep='\\n')"],
        text=True,
        cwd=dev.PINS,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert str(dev.ROOT) in found.splitlines()  # the package is found from every folder

    began = time.monotonic()
    dev.set_up(("run",))
    assert time.monotonic() - began < 0.5
    assert len(installed) == 2


def test_more_sets_and_new_pins_are_added_to_the_environment(dev: ModuleType, installed: list[list[str]]) -> None:
    dev.set_up(("run",))
    (dev.VENV / "keep").touch()
    dev.set_up(("run", "test"))
    assert installed[2:] == [["torch==2.13.0"], ["-r", str(dev.PINS / "run.in"), "-r", str(dev.PINS / "test.in")]]
    (dev.PINS / "cpu.txt").write_text("torch==2.14.0\n")
    assert not dev.is_set_up(("run",))
    dev.set_up(("run",))  # the test tools that are there follow the new pins too
    assert installed[4:] == [["torch==2.14.0"], ["-r", str(dev.PINS / "run.in"), "-r", str(dev.PINS / "test.in")]]
    assert dev.is_set_up(("run", "test"))
    assert (dev.VENV / "keep").exists()


def test_an_interrupted_set_up_is_made_anew(
    dev: ModuleType, installed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(what: list[str]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(dev, "pip_install", interrupt)
        with pytest.raises(KeyboardInterrupt):
            dev.set_up(("run",))
    (dev.VENV / "half a package").touch()
    assert not dev.is_set_up(("run",))
    dev.set_up(("run",))
    assert not (dev.VENV / "half a package").exists()
    assert dev.is_set_up(("run",))
    assert len(installed) == 2


def test_an_environment_of_another_python_is_made_anew(dev: ModuleType, installed: list[list[str]]) -> None:
    dev.set_up(("run",))
    settings = dev.VENV / "pyvenv.cfg"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith("version")]
    settings.write_text("\n".join([*lines, "version = 3.10.4"]))
    dev.STAMP.write_text(json.dumps({"sets": {"run": "of another Python"}}))
    (dev.VENV / "old").touch()
    dev.set_up(("run",))
    assert not (dev.VENV / "old").exists()
    assert dev.venv_version() == sys.version_info[:2]
    assert len(installed) == 4


def test_a_stamp_that_cannot_be_read_is_no_stamp(dev: ModuleType) -> None:
    dev.VENV.mkdir()
    for text in ("", "{", "[]", "\0"):
        dev.STAMP.write_text(text)
        assert dev.stamped() == {}


def test_the_pinned_version_is_read_without_its_marker(dev: ModuleType) -> None:
    assert dev.pinned("pytest") == "9.2.0"
    with pytest.raises(KeyError):
        dev.pinned("nothing")


def test_pip_that_fails_is_one_sentence(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev.subprocess, "call", lambda *_, **__: 1)
    with pytest.raises(dev.NotReady, match="pip could not install"):
        dev.pip_install(["anything"])


# -- what it starts -------------------------------------------------------------------------------------------


@on_linux
def test_the_virtual_display_ends_with_its_block(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-7")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    if not dev.shutil.which("Xvfb"):
        pytest.skip("no Xvfb")
    with dev.virtual_display() as environment:
        server = next(child for child in psutil.Process().children() if child.name() == "Xvfb")
        assert environment["DISPLAY"].startswith(":")
        assert Path(f"/tmp/.X11-unix/X{environment['DISPLAY'][1:]}").exists()
        assert "WAYLAND_DISPLAY" not in environment
        assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert not server.is_running()


@pytest.mark.parametrize(
    ("arguments", "lint", "passed", "tests", "code"),
    [
        (["-k", "mesh"], True, True, 0, 0),
        (["-k", "mesh"], True, False, 0, 1),
        (["--no-lint", "-k", "mesh"], False, False, 0, 0),
        (["-k", "mesh"], True, True, 5, 5),
    ],
)
def test_the_exit_status_is_of_checks_and_tests(
    dev: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    lint: bool,
    passed: bool,
    tests: int,
    code: int,
) -> None:
    called: list[list[str]] = []
    checked: list[str] = []
    monkeypatch.setattr(dev, "prepare_for_tests", lambda: None)
    monkeypatch.setattr(dev, "LINUX", False)  # no virtual display

    def check(name: str, command: list[str]) -> bool:
        checked.append(name)
        assert Path(command[0]).parent == dev.venv_python().parent
        return passed

    def call(command: list[str], **_: Any) -> int:
        called.append(command)
        return tests

    monkeypatch.setattr(dev, "passes", check)
    monkeypatch.setattr(dev.subprocess, "call", call)
    assert dev.main(["test", *arguments]) == code
    assert called == [[str(dev.venv_python()), "-m", "pytest", "-k", "mesh"]]
    assert checked == (["style", "layout", "types", "imports"] if lint else [])


def test_a_second_call_starts_at_once(tmp_path: Path) -> None:
    stamp = ROOT / ".venv" / "set-up.json"
    if not stamp.exists():
        pytest.skip("this environment was not made by dev.py")
    before = os.times()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "run", "--version"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 3
    assert done.returncode == 0
    assert done.stdout.startswith("Image2Model Desktop ")
    assert done.stderr == ""


ONCE = """
import os, pathlib

def test_once():
    pathlib.Path(__file__).with_suffix(".ran").touch(exist_ok=False)
    assert 2 * int(os.environ["OMP_NUM_THREADS"]) <= max(2, os.cpu_count())
    assert {passes}
"""


def test_every_test_runs_once_in_one_of_two_processes(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands are run for real, on a checkout with a test in each folder; one fails."""
    places = (*dev.WITHOUT_WINDOWS, "gui", ".")
    for place in places:
        (dev.ROOT / "tests" / place).mkdir(parents=True, exist_ok=True)
        (dev.ROOT / "tests" / place / "test_one.py").write_text(ONCE.format(passes=place != "core"))
    (dev.ROOT / "pytest.ini").write_text("[pytest]\naddopts = -q --import-mode=importlib -p no:cacheprovider\n")
    monkeypatch.setattr(dev, "venv_python", lambda: Path(sys.executable))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert dev.pytest_status([], dict(os.environ)) == 1
    assert len(list(dev.ROOT.rglob("test_one.ran"))) == len(places)
