"""The program starts, remembers and ends."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from img2model_desktop import paths, settings
from img2model_desktop.__main__ import is_file
from img2model_desktop.gui import app
from img2model_desktop.gui.arrivals import Arrivals
from img2model_desktop.gui.ending import Ending
from img2model_desktop.gui.theme import ThemeChoice
from img2model_desktop.gui.view.mesh_view import default_surface_format
from img2model_desktop.jobs.instance import HANDED_FOLDER
from img2model_desktop.jobs.store import Store

ROOT = Path(__file__).resolve().parents[2]


def start(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "img2model_desktop"],
        env={**os.environ, "IMG2MODEL_HOME": str(home), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.gl
def test_window_is_painted_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    began = time.time()
    ended = start(tmp_path / "home", IMG2MODEL_FIRST_PAINT="1")
    assert (ended.returncode, ended.stderr) == (0, "")
    painted, torch = ended.stdout.split()
    assert began < float(painted) < time.time()
    assert torch == "False"
    assert (tmp_path / "home" / "data" / "history.sqlite3").is_file()


def test_importing_the_window_loads_nothing_heavy() -> None:
    heavy = ("torch", "scipy", "trimesh", "cv2", "numpy", "pyqtgraph", "OpenGL", "PIL")
    code = f"import sys, img2model_desktop.gui.app; print([name for name in {heavy!r} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_window_and_view_ask_for_the_same_surface() -> None:
    assert app.surface_format() == default_surface_format()


def test_settings_become_what_the_window_remembers(tmp_path: Path) -> None:
    loaded = settings.Settings(theme="light", export_dir=str(tmp_path), export_suffix=".obj", size_mm=12.0, up_axis="z")
    state = app.state_of(loaded)
    assert (state.theme, state.export_dir, state.export_suffix) == (ThemeChoice.LIGHT, str(tmp_path), ".obj")
    assert (state.size_mm, state.up_axis) == (12.0, "z")
    assert app.state_of(replace(loaded, theme="pink")).theme is ThemeChoice.SYSTEM
    assert app.state_of(replace(loaded, export_dir=str(tmp_path / "gone"))).export_dir == ""


def test_samples_are_pictures_that_ship_with_the_program() -> None:
    found = app.places()
    assert len(found.samples) >= 4
    assert all(path.is_relative_to(paths.resources_dir()) for path in found.samples)
    assert found.changelog.is_file()


# -- one window per data folder


def begun(home: Path, *arguments: str) -> subprocess.Popen[str]:
    """A window under way; it has the data folder when this returns."""
    process = subprocess.Popen(
        [sys.executable, "-m", "img2model_desktop", *arguments],
        env={**os.environ, "IMG2MODEL_HOME": str(home)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watched = home / "data" / HANDED_FOLDER  # made when the window has been painted
    until = time.monotonic() + 120
    while not watched.is_dir() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    return process


@pytest.mark.gl  # the program makes its 3D view, and Qt would complain of it
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a program could hear")
def test_a_second_start_hands_over_its_files_and_the_system_can_end_the_first(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = begun(home)
    second = subprocess.run(
        [sys.executable, "-m", "img2model_desktop", "resources/samples/whale.png"],
        env={**os.environ, "IMG2MODEL_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert list((home / "data" / HANDED_FOLDER).iterdir()) == []
    first.send_signal(signal.SIGTERM)
    _, errors = first.communicate(timeout=120)
    assert (first.returncode, errors) == (0, "")
    assert settings.load(home / "data" / "settings.json").window != ""  # saved as when the user closes the window
    Store(home / "data" / "history.sqlite3", home / "data" / "jobs").close()  # nobody has it any more


def test_files_are_for_the_window_and_anything_else_for_the_command_line() -> None:
    assert all(map(is_file, ["a.png", "b.glb", "./folder", "/x/y", "missing.png", "folder/"]))
    assert not any(map(is_file, ["convert", "batch", "--version", "-h", "--json=a.png", "engines"]))


def test_the_command_line_keeps_its_meaning() -> None:
    for arguments, code in ((["--version"], 0), (["engines", "--json"], 0), (["nothing"], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "img2model_desktop", *arguments], cwd=ROOT, capture_output=True, check=False
        )
        assert done.returncode == code


def test_notes_are_taken_as_they_come(qtbot: QtBot, tmp_path: Path) -> None:
    arrivals = Arrivals(tmp_path)
    came: list[tuple[Path, ...]] = []
    arrivals.came.connect(came.append)
    (tmp_path / HANDED_FOLDER).mkdir()
    (tmp_path / HANDED_FOLDER / "1.json").write_text('["/a.png"]')  # it came while this window was starting
    arrivals.start()
    assert came == [(Path("/a.png"),)]
    (tmp_path / HANDED_FOLDER / "2.json").write_text("[]")
    qtbot.waitUntil(lambda: len(came) == 2)
    assert came[1] == ()
    arrivals.stop()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a program could hear")
def test_the_systems_wish_reaches_the_window_thread_and_handlers_are_put_back(qtbot: QtBot) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    wishes: list[int] = []
    ending = Ending(lambda: wishes.append(1))
    ending.install()
    os.kill(os.getpid(), signal.SIGTERM)
    qtbot.waitUntil(lambda: bool(wishes))
    os.kill(os.getpid(), signal.SIGINT)  # once is enough
    ending.remove()
    ending.remove()
    assert wishes == [1]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)] == before


LOG_OFF = """
from PySide6.QtWidgets import QApplication
from img2model_desktop import paths, settings
from img2model_desktop.gui import app
application = QApplication([])
store, _ = app._open_store(())
program = app.Program(application, store)
program.start()
assert not paths.settings_file().exists()
program._on_session_ends(None)  # as when the user logs off: the system may end the program right after
print(settings.load(paths.settings_file()).window != "")
program.window.close()  # the user may also change their mind, and go on working until now
program.end()
program.end()
"""


@pytest.mark.gl  # the program makes its 3D view, and Qt would complain of it
def test_a_log_off_saves_what_the_window_looks_like(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOG_OFF],
        env={**os.environ, "IMG2MODEL_HOME": str(tmp_path / "home")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
