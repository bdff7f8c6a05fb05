"""What conftest.py promises of every test: each kind of thing left behind, and each warning, fails it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

TESTS = """
import subprocess, threading, warnings
import pytest

def test_clean(qtbot, tmp_path):
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QWidget
    widget = QWidget()
    qtbot.addWidget(widget)
    QTimer(widget).start(1000)
    (tmp_path / "file").write_text("closed again")

def test_thread():
    threading.Thread(target=threading.Event().wait, daemon=True).start()

def test_process():
    globals()["kept"] = subprocess.Popen(["sleep", "60"])

def test_file(tmp_path):
    globals()["file"] = open(tmp_path / "file", "w")

def test_timer(qtbot):
    from PySide6.QtCore import QTimer
    globals()["timer"] = QTimer()
    timer.start(1000)

def test_window(qtbot):
    from PySide6.QtWidgets import QWidget
    globals()["window"] = QWidget()
    window.show()

def test_pool(qtbot):
    from PySide6.QtCore import QThreadPool
    globals()["pool"] = QThreadPool()
    globals()["stop"] = threading.Event()
    pool.start(lambda: stop.wait(30))

def test_after_pool():
    stop.set()
    window.close()

def test_qt_warning(qtbot):
    from PySide6.QtCore import qWarning
    qWarning("not nice")

def test_python_warning():
    warnings.warn("not nice either")

def test_exception_in_slot(qtbot):
    from PySide6.QtCore import QTimer
    QTimer.singleShot(0, lambda: 1 / 0)
    qtbot.wait(20)

@pytest.mark.gl
def test_gl():
    pass
"""

EXPECTED = {
    "clean": "passed",
    "thread": "error: left behind: thread",
    "process": "error: left behind: process",
    "file": "error: left behind: open file",
    "timer": "error: left behind: a running timer (1000 ms",
    "window": "error: left behind: window",
    "pool": "error: left behind: a task in a thread pool",
    "qt_warning": "failed: Failure: Qt messages with level WARNING or above emitted",
    "python_warning": "failed: UserWarning: not nice either",
    "exception_in_slot": "failed: CALL ERROR: Exceptions caught in Qt event loop",
    "gl": "skipped: no display",
}

REPORTER = """
import json, pathlib

outcomes = {}

def pytest_runtest_logreport(report):
    name = report.nodeid.partition("::test_")[2]
    text = str(getattr(report.longrepr, "reprcrash", None) and report.longrepr.reprcrash.message or report.longrepr)
    if report.when == "call" or report.failed or report.skipped:
        word = "error" if report.failed and report.when != "call" else report.outcome
        outcomes[name] = word if word == "passed" else f"{word}: {text}"

def pytest_sessionfinish():
    pathlib.Path("outcomes.json").write_text(json.dumps(outcomes))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Name of each test above -> how it ended, under a copy of conftest.py, without a display."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests")
    shutil.copytree(ROOT / "tests" / "guard", folder / "tests" / "guard")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "tests" / "test_things.py").write_text(TESTS)
    (folder / "reporter.py").write_text(REPORTER)
    command = [sys.executable, "-m", "pytest", "-p", "reporter", "-p", "no:cacheprovider", "--tb=short"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    ended: dict[str, str] = json.loads((folder / "outcomes.json").read_text())
    return ended


@pytest.mark.skipif(sys.platform != "linux", reason="uses programs of Linux")
@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_left_behind_fails_the_test(outcomes: dict[str, str], name: str) -> None:
    outcome, _, text = EXPECTED[name].partition(": ")
    assert outcomes[name].partition(":")[0] == outcome
    assert text in outcomes[name]
