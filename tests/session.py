"""A whole session with the window, in a process of its own: `python -m tests.session FOLDER`.

It prints a line for each thing that was done. The network guard of the tests is to be on its path, see
`tests/test_offline.py`.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtWidgets import QApplication

from img2model_desktop import paths
from img2model_desktop.gui import app
from img2model_desktop.gui.main_window import MainWindow
from img2model_desktop.jobs.job_row import JobState
from img2model_desktop.jobs.store import Store
from tests.gui import driving
from tests.mortal import PICTURE, prepare

STEP_S = 100.0  # the longest that anything may take
LOOK_MS = 50

Step = tuple[str, Callable[[], object]]
"""What is done next, and whether it has come true."""


def steps(window: MainWindow, folder: Path) -> Iterator[Step]:
    """The session; each step is waited for before the next one begins."""
    assert driving.drop(window, driving.mime_of(folder / PICTURE))
    yield "dropped a picture", lambda: window.input.pictures.canvas.has_cut
    window.input.generate()
    yield "generated", lambda: window.history.current and window.history.current.state is JobState.DONE
    yield "shown", lambda: window.export.can_save and window.workshop.verdict is not None
    window.export.save(folder / "saved.stl")
    yield "exported", (folder / "saved.stl").is_file
    window.library.show_library()
    yield "library", lambda: shown("LibraryWindow")
    window.health.show()
    yield "diagnostics", lambda: shown("DiagnosticsWindow")
    window.health.show_report()
    yield "doctor", lambda: shown("ReportWindow") and shown("ReportWindow").save_button.isEnabled()
    report = shown("ReportWindow")
    report.save(folder / "report.zip")
    yield "bundle", (folder / "report.zip").is_file
    window.show_weights()
    yield "weights", lambda: shown("WeightsWindow")
    batch = window.batches.show()
    batch.bring([folder / "pictures"])
    yield "batch brought", batch.start.isEnabled
    batch.start.click()
    yield "batch", lambda: len(list(folder.rglob("batch*/**/*.glb")) + list(folder.rglob("pictures*/**/*.glb"))) == 2
    yield "rests", lambda: not window.is_busy if hasattr(window, "is_busy") else True


def shown(name: str) -> "object | None":
    """The visible window of a class."""
    return next((one for one in QApplication.topLevelWidgets() if type(one).__name__ == name and one.isVisible()), None)


def drive(window: MainWindow, folder: Path) -> Callable[[], None]:
    """What a timer calls: looks whether the step is done, and begins the next one."""
    under_way = steps(window, folder)
    now: list[tuple[str, Callable[[], object], float]] = []

    def look() -> None:
        if now:
            name, is_done, began = now[-1]
            if not is_done():
                if time.monotonic() - began > STEP_S:
                    sys.stdout.write(f"NOT DONE: {name}; {driving.message(window)}\n")
                    sys.stdout.flush()
                    window.close()
                    QCoreApplication.exit(1)
                return
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()
        following = next(under_way, None)
        if following is None:
            window.close()
            return
        now.append((*following, time.monotonic()))

    return look


def main(folder: Path) -> int:
    """The session; 0 when all of it was done."""
    prepare(folder)
    for name in ("one.png", "two.png"):
        (folder / "pictures").mkdir(exist_ok=True)
        (folder / "pictures" / name).write_bytes((folder / PICTURE).read_bytes())
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    application = QApplication(["image2model-desktop"])
    program = app.Program(application, Store(paths.history_file(), paths.jobs_dir()))
    try:
        program.start()
        assert program.window is not None
        timer = QTimer()
        timer.timeout.connect(drive(program.window, folder))
        timer.start(LOOK_MS)
        return application.exec()
    finally:
        timer.stop()
        program.end()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
