"""What other starts of the program hand over to this one, see `jobs.instance`."""

import os
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal, Slot

from img2model_desktop.jobs.instance import handed, handed_folder

LOOK_EVERY_MS = 1000


class Arrivals(QObject):
    """Watches the folder of notes. Where the system cannot watch it, it is looked into every second.

    Args:
        folder: the data folder that this program has claimed.

    Signals:
        came: (object) files, a tuple of absolute Paths, maybe empty: the user started the program once more.
    """

    came = Signal(object)

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(self.look)
        self._clock = QTimer(self)
        self._clock.setInterval(LOOK_EVERY_MS)
        self._clock.timeout.connect(self.look)

    def start(self) -> None:
        """Begins to look; what came a moment ago is taken, too. Raises SetupProblem: the folder cannot be made."""
        if not self._watcher.addPath(str(handed_folder(self._folder))):
            self._clock.start()
        self.look()

    def stop(self) -> None:
        """Looks no more."""
        self._clock.stop()
        if self._watcher.directories():
            self._watcher.removePaths(self._watcher.directories())

    @Slot()
    def look(self) -> None:
        """Takes what is there."""
        for files in handed(self._folder):
            self.came.emit(files)


def let_come_forward(pid: int) -> None:
    """Lets another program bring its window to the front, which Windows allows only the one that the user touched."""
    if os.name == "nt" and pid:  # pragma: no cover - Windows alone
        import ctypes

        ctypes.windll.user32.AllowSetForegroundWindow(pid)  # type: ignore[attr-defined,unused-ignore] # there
