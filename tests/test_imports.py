"""What is loaded, and when: start-up stays quick because nothing heavy comes along unasked."""

import json
import pkgutil
import subprocess
import sys
from collections.abc import Collection

import pytest

import img2model_desktop

QT = {"PySide6", "shiboken6", "pyqtgraph", "OpenGL", "moderngl"}
NEURAL = {"torch", "diffusers", "transformers", "accelerate"}


def loaded_by(code: str, without: Collection[str] = ()) -> set[str]:
    """The top-level packages in a fresh interpreter after `code`; those in `without` cannot be imported there."""
    block = f"import sys; sys.modules.update(dict.fromkeys({sorted(without)!r}))"
    report = "import json; print(json.dumps(sorted({n.split('.')[0] for n, m in sys.modules.items() if m})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{block}\n{code}\n{report}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def modules_below(*names: str) -> list[str]:
    every = [info.name for info in pkgutil.walk_packages(img2model_desktop.__path__, "img2model_desktop.")]
    return [name for name in every if any(name == below or name.startswith(f"{below}.") for below in names)]


def test_the_package_costs_nothing() -> None:
    assert loaded_by("import img2model_desktop") - loaded_by("") == {"img2model_desktop"}


@pytest.mark.parametrize(
    "module", ["img2model_desktop.engines.catalog", "img2model_desktop.cli", "img2model_desktop.jobs.plan"]
)
def test_the_command_line_starts_without_qt_and_torch(module: str) -> None:
    assert loaded_by(f"import {module}") & (QT | NEURAL | {"trimesh", "scipy"}) == set()


def test_the_window_starts_without_torch() -> None:
    loaded = loaded_by("import img2model_desktop.gui.app, img2model_desktop.gui.main_window")
    assert "PySide6" in loaded
    assert loaded & NEURAL == set()


def test_the_command_line_reports_its_version_without_heavy_libraries() -> None:
    code = (
        "import contextlib\nfrom img2model_desktop.__main__ import main\nsys.argv = ['img2model', '--version']\n"
        "with contextlib.suppress(SystemExit): main()"
    )
    assert loaded_by(code) & (QT | NEURAL | {"cv2", "PIL", "scipy", "trimesh"}) == set()


def test_everything_but_the_window_imports_without_qt() -> None:
    names = modules_below(
        *(f"img2model_desktop.{part}" for part in ("core", "engines", "jobs", "cli", "aside", "settings", "logs"))
    )
    assert len(names) > 30
    assert loaded_by(f"import {', '.join(names)}", without=QT) & QT == set()


def test_everything_but_engine_families_imports_without_torch() -> None:
    engines = ("engines.base", "engines.bench", "engines.catalog", "engines.weights")
    names = modules_below(
        *(f"img2model_desktop.{part}" for part in ("core", "jobs", "cli", "aside", "settings", "logs", *engines))
    )
    assert loaded_by(f"import {', '.join(names)}", without=NEURAL | QT) & NEURAL == set()
