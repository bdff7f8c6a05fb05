"""What holds for every test: no network, no real home folder, no warning, nothing left running.

The command that runs the tests is `python3 installers/dev.py test`. Without a display the tests marked `gl`
are skipped and Qt draws offscreen.
"""

import gc
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis
import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
GUARD = Path(__file__).resolve().parent / "guard"
FIXTURES = ROOT / "tests" / "engines" / "fixtures"
HOME = "IMG2MODEL_HOME"
LINUX = sys.platform.startswith("linux")
SCREEN = {"name": "none", "x": 0, "y": 0, "width": 1440, "height": 900, "logicalDpi": 96, "dpr": 1}
"""Where there is no display; the one that Qt takes by itself is smaller than the window."""

WORDS_OFFSCREEN = (
    "This plugin does not support (raise|grabbing the keyboard)",
    "QOpenGLWidget(: Failed to create context| is not supported on this platform)",
)
"""What Qt says of every window where there is no display; with one they fail a test."""

LEAVE_S = 2.0  # a thread or process that has been told to end gets this long

hypothesis.settings.register_profile(
    "suite",
    deadline=None,  # the machine may be busy
    derandomize=True,  # the same examples everywhere: a red run is red again
    database=None,
    print_blob=True,
    max_examples=40,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def pytest_configure(config: pytest.Config) -> None:
    """Closes the network and moves the home folder before any test module is imported."""
    config.addinivalue_line("markers", "gl: needs OpenGL, so a display (a virtual one will do)")
    home = tempfile.TemporaryDirectory(prefix="img2model-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        os.environ[name] = home.name
    os.environ[HOME] = str(Path(home.name) / "img2model")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(GUARD), str(ROOT)])
    if not _has_display():
        screen = Path(home.name) / "screen.json"
        screen.write_text(json.dumps({"screens": [SCREEN]}), encoding="ascii")
        os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={screen}"
        for words in WORDS_OFFSCREEN:
            config.addinivalue_line("qt_log_ignore", words)
    _load_guard()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the OpenGL tests where there is no display."""
    if _has_display():
        return
    for item in items:
        if item.get_closest_marker("gl"):
            item.add_marker(pytest.mark.skip(reason="no display: OpenGL needs one"))


def pytest_collection_finish() -> None:
    """Takes what the imports made out of the collector's sight: collecting after a window test is 10 times quicker."""
    gc.collect()
    gc.freeze()


def _has_display() -> bool:
    return not LINUX or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _load_guard() -> ModuleType:
    """The guard, by path: the machine may have a sitecustomize of its own, which Python has imported already."""
    spec = importlib.util.spec_from_file_location("network_guard", GUARD / "sitecustomize.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["network_guard"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def shared_eval() -> Path:
    """The folder with the evaluation data, which is not part of the repository; the test is skipped without it."""
    folder = Path(os.environ.get("IMG2MODEL_EVAL") or ROOT.parent / "shared" / "eval")
    if not folder.is_dir():
        pytest.skip("no evaluation data: set IMG2MODEL_EVAL to its folder")
    return folder


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder with what is known of published networks, beside the evaluation data; the test is skipped without."""
    folder = Path(os.environ.get("IMG2MODEL_MODELS") or ROOT.parent / "shared" / "models")
    if not folder.is_dir():
        pytest.skip("no facts of published networks: set IMG2MODEL_MODELS to their folder")
    return folder


@pytest.fixture(scope="session")
def tiny_sd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers folder of real classes with random weights, 64 x 64 pixels; see tests/engines/prompt/."""
    return Path(shutil.copytree(FIXTURES / "tiny_sd", tmp_path_factory.mktemp("diffusers") / "tiny-sd"))


@pytest.fixture(scope="session")
def tiny_subject(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Likewise; its pictures have a subject before a dark ground."""
    folder = Path(shutil.copytree(FIXTURES / "tiny_sd", tmp_path_factory.mktemp("diffusers") / "tiny"))
    shutil.copytree(FIXTURES / "tiny_subject_vae", folder / "vae", dirs_exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def img2model_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this test's own for the program's settings, history, logs and cache."""
    home = tmp_path / "img2model-home"
    monkeypatch.setenv(HOME, str(home))
    return home


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Fails a test that leaves a thread, a child process, an open file, a busy thread pool or a running timer.

    What fixtures of a wider scope started is there before the test and may stay.
    """
    threads = set(threading.enumerate())
    children = {child.pid for child in _children()}
    files = _open_files()
    yield
    left = _left_in_qt() if "qapp" in request.fixturenames else []
    left += _left_threads(threads) + _left_children(children)
    left += [f"open file {path}" for path in sorted(_open_files() - files) if path.startswith(str(tmp_path))]
    if left:
        pytest.fail("left behind: " + "; ".join(left), pytrace=False)


def _left_threads(before: set[threading.Thread]) -> list[str]:
    new = [thread for thread in threading.enumerate() if thread not in before]
    for thread in new:
        if thread is not threading.current_thread():
            thread.join(LEAVE_S)
    # a thread that Qt's pool owns is a _DummyThread here: it stays as long as the pool keeps it for the next task
    return [f"thread {thread.name}" for thread in new if thread.is_alive() and not _is_dummy(thread)]


def _is_dummy(thread: threading.Thread) -> bool:
    return thread.name.startswith("Dummy-")


def _left_children(before: set[int]) -> list[str]:
    new = [child for child in _children() if child.pid not in before]
    _, alive = psutil.wait_procs(new, timeout=LEAVE_S)
    left = []
    for child in alive:
        left.append(f"process {child.pid} {child.name()}")
        child.kill()
    return left


def _children() -> list[psutil.Process]:
    """The child processes, without the one that multiprocessing keeps for its own bookkeeping."""
    tracker: Any = resource_tracker._resource_tracker
    return [child for child in psutil.Process().children() if child.pid != tracker._pid]


def _open_files() -> set[str]:
    return {entry.path for entry in psutil.Process().open_files()}


def _left_in_qt() -> list[str]:
    """Timers that still run, windows that are still there and tasks that a pool still works on."""
    from PySide6.QtCore import QCoreApplication, QEvent, QThreadPool, QTimer
    from PySide6.QtWidgets import QApplication

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    left = []
    if not QThreadPool.globalInstance().waitForDone(int(LEAVE_S * 1000)):
        left.append("a task in the global thread pool")
    for thing in gc.get_objects():
        if type(thing) is QThreadPool and _is_alive(thing) and thing.activeThreadCount():
            left.append("a task in a thread pool")
        elif isinstance(thing, QTimer) and _is_alive(thing) and thing.isActive():
            left.append(f"a running timer ({thing.interval()} ms, of {thing.parent()})")
            thing.stop()
    left += [f"window {widget}" for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    return left


def _is_alive(thing: object) -> bool:
    from shiboken6 import isValid

    return bool(isValid(thing))
