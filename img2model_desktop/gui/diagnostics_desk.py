"""Everything of the diagnostics that the main window holds: the feed, and the two windows beside it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from img2model_desktop.gui.diagnostics_feed import DiagnosticsFeed
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.side_windows import SideWindows
from img2model_desktop.gui.window_state import Places
from img2model_desktop.logs import Died

if TYPE_CHECKING:
    from img2model_desktop.gui.diagnostics_report import ReportWindow

DIAGNOSTICS, REPORT = "diagnostics", "report"


class DiagnosticsDesk(QObject):
    """Follows the runner from the first paint to the end.

    Args:
        window: the main one.

    Signals:
        logs_wished: the user wants to see the folder of the log.
    """

    logs_wished = Signal()

    def __init__(self, runner: JobRunner, places: Places, icons: Icons, window: QWidget) -> None:
        super().__init__(window)
        self._runner = runner
        self._places = places
        self._icons = icons
        self._window = window
        self._beside: SideWindows | None = None
        self.feed = DiagnosticsFeed(runner, places, window)

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
        self.feed.close()

    def show(self) -> None:
        """The window with the plots."""
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

    def _make_diagnostics(self) -> QWidget:
        from img2model_desktop.gui.diagnostics_window import DiagnosticsWindow

        window = DiagnosticsWindow(self.feed, self._runner, self._icons, self._window)
        window.report_wished.connect(self.show_report)
        window.logs_wished.connect(self.logs_wished)
        return window

    def _make_report(self) -> QWidget:
        from img2model_desktop.gui.diagnostics_report import ReportWindow
        from img2model_desktop.health.checks import Places as Installation

        here = self._places
        data = here.data or here.logs
        database = here.database or data / "history.sqlite3"
        installation = Installation(data, here.logs, here.weights, here.changelog.parent, database)
        return ReportWindow(self._runner, installation, self._icons, self._window)
