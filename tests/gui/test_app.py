"""The program starts, remembers and ends."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from img2model_desktop import paths, settings
from img2model_desktop.gui import app
from img2model_desktop.gui.mesh_view import default_surface_format
from img2model_desktop.gui.theme import ThemeChoice

ROOT = Path(__file__).resolve().parents[2]


def start(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "img2model_desktop"],
        env={**os.environ, "IMG2MODEL_HOME": str(home), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
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
