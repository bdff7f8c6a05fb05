"""The real program, killed: the next start says so, and offers the report. Processes die here as they do outside."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from img2model_desktop import logs, paths

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 120.0

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")

PROGRAM = """
import sys
from PySide6.QtCore import QTimer
from img2model_desktop.gui import app
from img2model_desktop.gui.diagnostics.feed import DiagnosticsFeed
from img2model_desktop.gui.runner import JobRunner

def nothing(_self):
    pass  # in place of what is not looked at here, and takes seconds

DiagnosticsFeed.start = JobRunner.warm_up = nothing

def after_start(program, told):
    window = program.window
    message = window.middle.messages.message
    print("message:", message.text if message else "none", "|", message.action if message else "", flush=True)
    if message and message.action and told == "act":
        message.act()
        report = window.beside.get("report")
        print("report:", report is not None and report.isVisible(), report.check_up.is_running, flush=True)
    if told != "stay":
        window.close()
        QTimer.singleShot(0, program._application.quit)

if __name__ == "__main__":
    real = app.Program._resume
    def resume(program):
        real(program)
        QTimer.singleShot(0, lambda: after_start(program, sys.argv[1]))
    app.Program._resume = resume
    sys.exit(app.run([]))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def start(script: Path, how: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, str(script), how], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def said(script: Path, how: str) -> list[str]:
    """What the program says until it has ended by itself."""
    with start(script, how) as process:
        text, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0
    return text.splitlines()


def killed(script: Path, how: signal.Signals) -> str:
    """What the program says at its start, when it is then killed."""
    with start(script, "stay") as process:
        assert process.stdout is not None
        message = process.stdout.readline()
        process.send_signal(how)
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == -how
    return message


def traces() -> list[str]:
    return sorted((path.read_text() for path in paths.logs_dir().glob(logs.WINDOW_TRACES)), key=len)


def test_a_killed_program_is_told_of_once(script: Path) -> None:
    ended = "message: The program ended unexpectedly last time. | Save a report…"
    assert killed(script, signal.SIGKILL) == "message: none | \n"
    assert traces() == [""]  # it had no time to say where it was
    assert killed(script, signal.SIGSEGV) == f"{ended}\n"
    assert "in run" in traces()[-1]
    message, report = said(script, "act")
    assert message == ended
    assert report == "report: True True"
    assert not (paths.logs_dir() / logs.MARK_FILE).exists()  # it ended well: nothing is told the next time
    assert len(list(paths.logs_dir().glob(logs.TRACES))) == 2  # nor did its helper processes leave any
