"""Batches in the main window: what was dropped is offered as one, and their window is shown."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from img2model_desktop.core.request import Request
from img2model_desktop.gui.batch.keeper import BatchKeeper
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.intake import Brought
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.side_windows import SideWindows

if TYPE_CHECKING:
    from img2model_desktop.gui.batch.window import BatchWindow


class BatchDesk(QObject):
    """Knows the batches and their window.

    Args:
        runner: runs them.
        weights: folder of the library of published weights.
        icons: of the window.
        request: what the input panel says now.
        beside: the windows beside the main one; this one is "batch" among them.

    Signals:
        told: (object) a Message for the main window.
        job_wished: (str) the user wants to see this job.
    """

    told = Signal(object)
    job_wished = Signal(str)

    def __init__(
        self,
        runner: JobRunner,
        weights: Path,
        icons: Icons,
        request: Callable[[], Request],
        beside: SideWindows,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.keeper = BatchKeeper(runner, weights, self)
        self._jobs = runner.store.jobs_folder
        self._icons = icons
        self._request = request
        self._beside = beside
        self._window = parent
        self.keeper.told.connect(self._on_told)
        runner.history_changed.connect(self._resume)  # the queue was taken up
        self._is_resumed = False

    def make_window(self) -> QWidget:
        """The window of batches, made when it is first wished for."""
        from img2model_desktop.gui.batch.window import BatchWindow

        made = BatchWindow(self.keeper, self._request, self._jobs, self._icons, self._window)
        made.job_wished.connect(self.job_wished)
        return made

    def show(self) -> "BatchWindow":
        """Brings the window to the front."""
        window: BatchWindow = self._beside.show("batch")  # type: ignore[assignment] # by its name
        return window

    @Slot(str)
    def refresh_picture(self, job_id: str) -> None:
        """The picture of a result was drawn anew."""
        window = self._beside.get("batch")
        if window is not None:
            window.model.forget_pictures(job_id)  # type: ignore[attr-defined] # a BatchWindow, by its name

    def offer(self, found: Brought) -> None:
        """Asks whether many pictures are to be made at once."""
        if found.batch:
            text = f"{found.count:,} pictures came in."
            action = f"Make a batch of {found.count:,} pictures"
            act = lambda: self.show().bring(found.batch)  # noqa: E731 - what the button does
            self.told.emit(Message(Tone.WARNING if found.refusal else Tone.INFO, text, found.refusal, "", action, act))

    @Slot()
    def _resume(self) -> None:
        if not self._is_resumed:
            self._is_resumed = True
            self.keeper.resume()

    @Slot(object)
    def _on_told(self, message: Message) -> None:
        window = self._beside.get("batch")
        if window is None or not window.isVisible():  # else the window says it
            self.told.emit(message)
