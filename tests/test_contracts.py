"""The import contracts hold, and each breaks when a violation is planted in a copy of the package."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "img2model_desktop"

PLANTED = [
    ("core/planted.py", "import img2model_desktop.jobs.plan", "Imports point downwards"),
    ("engines/planted.py", "import img2model_desktop.cli", "Imports point downwards"),
    ("cli/__init__.py", "import img2model_desktop.gui.theme", "Imports point downwards"),
    ("planted.py", "", "Imports point downwards"),  # a module at the top that no layer names
    ("jobs/planted.py", "from PySide6 import QtCore", "Qt only in gui"),
    ("core/planted.py", "def f() -> None:\n    import OpenGL.GL", "Qt only in gui"),
    ("gui/planted.py", "import moderngl", "moderngl only in render"),
    ("jobs/planted.py", "import torch", "torch only in engine families and training"),
    ("engines/bench.py", "import torch", "torch only in engine families and training"),
    ("core/planted.py", "import sqlite3", "core is pure"),
    ("core/planted.py", "import img2model_desktop.paths", "core is pure"),
    ("gui/planted.py", "def f() -> None:\n    import urllib.request", "The network only in the wire of the downloader"),
    ("engines/weights/library.py", "import socket", "The network only in the wire of the downloader"),
    (
        "engines/shapes/inflate.py",
        "import img2model_desktop.engines.shapes.relief",
        "Engine families do not know each other",
    ),
    (
        "engines/depth/net.py",
        "import img2model_desktop.engines.birefnet.swin",
        "Engine families do not know each other",
    ),
    (
        "engines/networks/tensors.py",
        "import img2model_desktop.engines.depth.net",
        "The rooms of engines stand on floors",
    ),
    ("engines/weights/planted.py", "import torch", "torch only in engine families and training"),
    (
        "gui/theme.py",
        "import img2model_desktop.settings",
        "settings are read by the command line and the window, and handed on as values",
    ),
]


def broken_contracts(folder: Path) -> set[str]:
    """Names of the contracts that do not hold in a folder with the package and pyproject.toml."""
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    broken = {line.rpartition(" BROKEN")[0].strip() for line in lines if " BROKEN" in line}
    assert any(" KEPT" in line for line in lines), done.stdout + done.stderr  # it ran at all
    assert (done.returncode != 0) == bool(broken)
    return broken


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's modules and pyproject.toml in a folder of their own."""
    shutil.copytree(ROOT / PACKAGE, tmp_path / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.delenv("PYTHONPATH")  # it names the checkout, and the copy is what is looked at
    return tmp_path


def test_all_contracts_hold(copy: Path) -> None:
    assert broken_contracts(copy) == set()


@pytest.mark.parametrize(("file", "line", "contract"), PLANTED)
def test_a_planted_violation_is_found(copy: Path, file: str, line: str, contract: str) -> None:
    with (copy / PACKAGE / file).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    assert contract in broken_contracts(copy)
