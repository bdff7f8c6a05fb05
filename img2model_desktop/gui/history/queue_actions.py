"""What the user does with the queue and the trash: done by the runner, told, and taken back where it can be."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot

from img2model_desktop.errors import Img2ModelError
from img2model_desktop.gui.finishing import Finishing
from img2model_desktop.gui.history.panel import HistoryPanel
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.power import After
from img2model_desktop.gui.runner import JobRunner, Trouble


class QueueActions(QObject):
    """Joins the strip of jobs and the runner.

    Signals:
        told: (object) a `Message` for the user.
    """

    told = Signal(object)

    def __init__(self, runner: JobRunner, panel: HistoryPanel, finishing: Finishing, parent: QObject) -> None:
        super().__init__(parent)
        self._runner = runner
        self._panel = panel
        self._finishing = finishing
        panel.stop_wished.connect(lambda job_id: self._try(lambda: runner.cancel(job_id)))
        panel.stop_many_wished.connect(lambda ids: self._try(lambda: runner.cancel_many(ids)))
        panel.stop_all_wished.connect(self.stop_all)
        panel.retry_wished.connect(lambda job_id: self._try(lambda: runner.retry(job_id)))
        panel.hold_wished.connect(lambda ids, is_held: self._try(lambda: runner.hold(ids, is_held)))
        panel.move_wished.connect(lambda ids, before: self._try(lambda: runner.move(ids, before)))
        panel.trash_wished.connect(self.trash)
        panel.pause_wished.connect(self.pause)
        panel.after_wished.connect(lambda value: finishing.choose(After(value)))
        finishing.chosen.connect(panel.set_after)
        runner.queue_changed.connect(self._on_queue_changed)
        runner.stalled.connect(self._on_stalled)

    def stop_running(self) -> None:
        """Stops the job that runs."""
        row = self._runner.running
        if row is not None:
            self._runner.cancel(row.id)

    @Slot()
    def stop_all(self) -> None:
        """Stops the job that runs and all that wait."""
        self._try(self._runner.cancel_all)

    @Slot(bool)
    def pause(self, is_paused: bool) -> None:
        """Pauses the queue or lets it go on."""
        self._try(lambda: self._runner.pause(is_paused))
        self._panel.set_paused(self._runner.is_paused)

    def toggle_pause(self) -> None:
        """Pauses the queue, or lets a paused one go on."""
        self.pause(not self._runner.is_paused)

    @Slot(object)
    def trash(self, ids: tuple[str, ...]) -> None:
        """Moves ended jobs to the trash, and offers to bring them back."""
        titles = [self._runner.job(job_id).title for job_id in ids]
        if self._try(lambda: self._each(self._runner.trash, ids)):
            what = f"“{titles[0]}” is" if len(ids) == 1 else f"{len(ids)} jobs are"
            self.told.emit(
                Message(Tone.INFO, f"{what} in the trash.", action="Undo", act=lambda: self._bring_back(ids))
            )

    def _bring_back(self, ids: tuple[str, ...]) -> None:
        if self._try(lambda: self._each(self._runner.restore, ids)):
            self._panel.select(ids[-1])

    def _each(self, act: Callable[[str], None], ids: tuple[str, ...]) -> None:
        for job_id in ids:
            act(job_id)

    def _try(self, act: Callable[[], object]) -> bool:
        """Whether it worked; what kept it from working is told."""
        try:
            act()
        except Img2ModelError as problem:
            self.told.emit(Message(Tone.WARNING, problem.message, problem.advice, problem.details))
            return False
        return True

    @Slot()
    def _on_queue_changed(self) -> None:
        self._finishing.on_queue_changed()

    @Slot(object)
    def _on_stalled(self, trouble: Trouble | None) -> None:
        if trouble is None:
            self.told.emit(Message(Tone.INFO, "The queue goes on."))
            return
        self.told.emit(
            Message(
                Tone.ERROR,
                trouble.message,
                trouble.advice,
                trouble.details,
                action="Try again",
                act=self._runner.try_again,
            )
        )
