"""What comes after the last job: quit, sleep or shut down, announced for a minute and taken back by a click."""

import time

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from img2model_desktop.errors import SetupProblem
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.power import After, Run, command, run_command
from img2model_desktop.gui.runner import JobRunner

WAIT_S = 60
_TICK_MS = 1000
_ANNOUNCED = {
    After.QUIT: "The program quits",
    After.SLEEP: "The computer goes to sleep",
    After.SHUT_DOWN: "The computer shuts down",
}
_TAKEN_BACK = {
    After.QUIT: "The program stays open.",
    After.SLEEP: "The computer stays awake.",
    After.SHUT_DOWN: "The computer stays on.",
}


class Finishing(QObject):
    """Waits for the queue to end, then counts down and acts. The choice is good for one time and for this start.

    Args:
        runner: whose queue.
        run: runs a command of the system, see `power.command`.
        wait_s: how long the user has to take it back, seconds.

    Signals:
        chosen: (object) another `After` is chosen, by the user or because the one there was is done.
        told: (object) a `Message`: the announcement, each second anew, or what became of it.
        withdrawn: () the announcement does not hold any more.
        quit_wished: () the program is to end now.
    """

    chosen = Signal(object)
    told = Signal(object)
    withdrawn = Signal()
    quit_wished = Signal()

    def __init__(
        self, runner: JobRunner, parent: QObject | None = None, *, run: Run = run_command, wait_s: float = WAIT_S
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._run = run
        self._wait_s = wait_s
        self._after = After.NOTHING
        self._until = 0.0
        self._clock = QTimer(self)
        self._clock.setInterval(_TICK_MS if wait_s >= 1 else int(wait_s * 250))
        self._clock.timeout.connect(self._on_tick)
        runner.queue_ended.connect(self._on_queue_ended)

    @property
    def after(self) -> After:
        """What is chosen."""
        return self._after

    @property
    def is_counting(self) -> bool:
        """Whether it is announced and about to happen."""
        return self._clock.isActive()

    def choose(self, after: After) -> None:
        """What to do when the queue has ended; NOTHING also takes an announcement back."""
        if self.is_counting:
            self._clock.stop()
            self.withdrawn.emit()
        if after is not self._after:
            self._after = after
            self.chosen.emit(after)

    def close(self) -> None:
        """Announces nothing any more."""
        self._clock.stop()

    @Slot()
    def on_queue_changed(self) -> None:
        """Work that came meanwhile is done first: the choice stays, the announcement does not."""
        if self.is_counting and self._runner.running is not None:
            self._clock.stop()
            self.withdrawn.emit()

    @Slot()
    def cancel(self) -> None:
        """The user takes it back."""
        after = self._after
        if after is not After.NOTHING:
            self.choose(After.NOTHING)
            self.told.emit(Message(Tone.INFO, _TAKEN_BACK[after]))

    @Slot()
    def _on_queue_ended(self) -> None:
        if self._after is not After.NOTHING and not self.is_counting:
            self._until = time.monotonic() + self._wait_s
            self._clock.start()
            self._announce()

    def _announce(self) -> None:
        left = max(round(self._until - time.monotonic()), 0)
        text = f"Everything is done. {_ANNOUNCED[self._after]} in {left} s."
        self.told.emit(Message(Tone.WARNING, text, action="Cancel", act=self.cancel))

    @Slot()
    def _on_tick(self) -> None:
        if time.monotonic() < self._until:
            self._announce()
            return
        self._clock.stop()
        after = self._after
        self.choose(After.NOTHING)
        self.withdrawn.emit()
        self._act(after)

    def _act(self, after: After) -> None:
        arguments = command(after)
        try:
            if arguments:
                self._run(arguments)
        except SetupProblem as problem:
            self.told.emit(Message(Tone.ERROR, problem.message, problem.advice, problem.details))
            return
        if after is not After.SLEEP:
            self.quit_wished.emit()
