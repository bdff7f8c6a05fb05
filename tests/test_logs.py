"""What is left of a run: nothing where it ended, a trace where it died. Real processes die here."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from img2model_desktop import aside, logs
from img2model_desktop.errors import EngineProblem

RUN = """
import sys, time, faulthandler
from pathlib import Path
from img2model_desktop import logs
run = logs.Run(Path(sys.argv[1]))
def deep_in_the_work():
    {work}
deep_in_the_work()
"""
WAITS = "print('ready', flush=True); time.sleep(60)"


def die(folder: Path, work: str, how: signal.Signals | None) -> None:
    """Runs a process that begins a run and dies of its work, or is killed."""
    command = [sys.executable, "-c", RUN.format(work=work), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        if how is not None:
            assert process.stdout is not None
            assert process.stdout.readline()
            process.send_signal(how)
        process.wait(30)
    assert process.returncode != 0


def test_a_run_that_ends_leaves_nothing(tmp_path: Path) -> None:
    run = logs.Run(tmp_path)
    assert run.died is None
    assert json.loads((tmp_path / logs.MARK_FILE).read_text())["pid"] == os.getpid()
    run.end()
    run.end()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGABRT], ids=str)
def test_a_crash_is_told_with_its_trace(tmp_path: Path, how: signal.Signals) -> None:
    began = time.time()
    die(tmp_path, WAITS, how)
    run = logs.Run(tmp_path)
    run.end()
    assert run.died is not None
    assert "deep_in_the_work" in run.died.trace
    assert began - 1 <= run.died.began <= time.time()
    assert logs.deaths(tmp_path, logs.WINDOW_TRACES, began - 1) == 1
    again = logs.Run(tmp_path)
    again.end()
    assert again.died is None  # it is told once


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_kill_is_told_without_a_trace(tmp_path: Path) -> None:
    die(tmp_path, WAITS, signal.SIGKILL)
    run = logs.Run(tmp_path)
    run.end()
    assert run.died is not None
    assert run.died.trace == ""
    assert logs.deaths(tmp_path, logs.WINDOW_TRACES, time.time() - 60) == 1
    again = logs.Run(tmp_path)
    again.end()
    assert again.died is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}'])
def test_a_damaged_mark_is_of_a_run_that_died(tmp_path: Path, text: str) -> None:
    (tmp_path / logs.MARK_FILE).write_text(text)
    run = logs.Run(tmp_path)
    run.end()
    assert run.died == logs.Died(0.0, "")


def test_traces_are_kept_up_to_a_number(tmp_path: Path) -> None:
    for number in range(logs.KEPT_TRACES + 10):
        path = tmp_path / f"crash-window-{number}.txt"
        path.write_text("trace")
        os.utime(path, (number + 1, number + 1))
    (tmp_path / "crash-helper-7.txt").write_bytes(b"")
    logs.Run(tmp_path).end()
    kept = {path.name for path in tmp_path.glob(logs.TRACES)}
    assert kept == {f"crash-window-{number}.txt" for number in range(10, logs.KEPT_TRACES + 10)}


def test_a_folder_that_cannot_be_written_is_no_reason_not_to_start(tmp_path: Path) -> None:
    run = logs.Run(tmp_path / "gone")
    assert run.died is None
    run.end()


@pytest.fixture
def traces(tmp_path: Path) -> Iterator[Path]:
    aside.leave_traces_in(tmp_path)
    yield tmp_path
    aside.leave_traces_in(None)


def crash(report: Any, is_cancelled: Any) -> None:
    """Dies as a native library does."""
    os.kill(os.getpid(), signal.SIGSEGV)


def work(report: Any, is_cancelled: Any) -> int:
    """Works."""
    return 7


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_helper_process_that_dies_leaves_a_trace(traces: Path) -> None:
    helper = aside.Helper(())
    try:
        with pytest.raises(EngineProblem):
            helper.run(crash, tick=lambda fraction: None)
        assert helper.run(work, tick=lambda fraction: None) == 7
    finally:
        helper.close()
    (trace,) = traces.glob(logs.HELPER_TRACES)  # the one that was closed left none
    assert "in crash" in trace.read_text()
    assert logs.deaths(traces, logs.HELPER_TRACES, time.time() - 60) == 1
