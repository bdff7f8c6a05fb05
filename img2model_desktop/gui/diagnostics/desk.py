"""Everything of the diagnostics that the main window holds: the feed, and the two windows beside it."""

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot
from PySide6.QtWidgets import QWidget

from img2model_desktop.gui.diagnostics.feed import DiagnosticsFeed
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.side_windows import SideWindows
from img2model_desktop.gui.window_state import Places
from img2model_desktop.logs import Died

if TYPE_CHECKING:
    from img2model_desktop.gui.diagnostics.report import ReportWindow
    from img2model_desktop.health.limits import Alert

DIAGNOSTICS, REPORT = "diagnostics", "report"
_WINDOW = "img2model_desktop.gui.diagnostics.window"


class DiagnosticsDesk(QObject):
    """Follows the runner from the first paint to the end.

    Args:
        window: the main one.

    Signals:
        logs_wished: the user wants to see the folder of the log.
        told: (object) a Message: work is in danger.
    """

    logs_wished = Signal()
    told = Signal(object)
    _loaded = Signal()

    def __init__(self, runner: JobRunner, places: Places, icons: Icons, window: QWidget) -> None:
        super().__init__(window)
        self._runner = runner
        self._places = places
        self._icons = icons
        self._window = window
        self._beside: SideWindows | None = None
        self.feed = DiagnosticsFeed(runner, places, window)
        self._loaded.connect(self._show_window)
        self.feed.endangered.connect(self._on_endangered)

    def makers(self) -> dict[str, Callable[[], QWidget]]:
        """Of the windows beside the main one, by name."""
        return {DIAGNOSTICS: self._make_diagnostics, REPORT: self._make_report}

    def start(self, beside: SideWindows) -> None:
        """Begins to read; after the first paint.

        Args:
            beside: shows the windows of `makers`.
        """
        self._beside = beside
        self.feed.start()

    def close(self) -> None:
        """Ends it."""
        self._beside = None
        self.feed.close()

    def show(self) -> None:
        """The window with the plots; the first time it takes half a second, in which this one goes on answering."""
        if _WINDOW in sys.modules:
            self._show_window()
        else:
            QThreadPool.globalInstance().start(_Loading(self._loaded.emit))

    @Slot()
    def _show_window(self) -> None:
        if self._beside is not None:
            self._beside.show(DIAGNOSTICS)

    def show_report(self) -> None:
        """The check-up, which begins at once, and what a report would hold."""
        if self._beside is not None:
            window: ReportWindow = self._beside.show(REPORT)  # type: ignore[assignment] # by its name
            window.start()

    def message_of(self, died: Died) -> Message:
        """What to tell after a run that did not end by itself."""
        text = "The program ended unexpectedly last time."
        advice = "Your jobs and results are there; what was running goes on."
        return Message(Tone.WARNING, text, advice, died.trace, "Save a report…", self.show_report)

    @Slot(object)
    def _on_endangered(self, alert: "Alert") -> None:
        from img2model_desktop.health.limits import BY_KEY

        limit = BY_KEY[alert.key]
        self.told.emit(Message(Tone.WARNING, f"{limit.title}.", limit.advice, "", "Diagnostics…", self.show))

    def _make_diagnostics(self) -> QWidget:
        from img2model_desktop.gui.diagnostics.window import DiagnosticsWindow

        window = DiagnosticsWindow(self.feed, self._runner, self._icons, self._window)
        window.report_wished.connect(self.show_report)
        window.logs_wished.connect(self.logs_wished)
        return window

    def _make_report(self) -> QWidget:
        from img2model_desktop.gui.diagnostics.report import ReportWindow
        from img2model_desktop.health.checks import Places as Installation

        here = self._places
        data = here.data or here.logs
        database = here.database or data / "history.sqlite3"
        installation = Installation(data, here.logs, here.weights, here.changelog.parent, database)
        return ReportWindow(self._runner, installation, self._icons, self._window)


class _Loading(QRunnable):
    """Loads the library of plots in a pool thread: half a second that the window's thread does not have."""

    def __init__(self, done: Callable[[], None]) -> None:
        super().__init__()
        self._done = done

    def run(self) -> None:
        importlib.import_module(_WINDOW)
        self._done()
