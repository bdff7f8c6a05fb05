"""Asks for one thing again and again and wants only the newest answer."""

from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtCore import QObject, Signal, SignalInstance, Slot

from img2model_desktop.gui.runner import CallEnded, Lane


class Caller(Protocol):
    """What runs a call aside: `gui.runner.JobRunner`."""

    call_ended: SignalInstance
    call_moved: SignalInstance

    def call(self, function: Callable[..., Any], *args: Any, lane: Lane = Lane.SHORT) -> int:
        """Starts a call; its ticket."""
        ...

    def drop(self, ticket: int) -> None:
        """Ends a call whose result nobody wants."""
        ...


class LatestCall(QObject):
    """At most one call under way and one that waits; a newer wish replaces the one that waits.

    The one under way is let finish: ending it early would cost its helper process, and with a brush in
    hand nothing would ever be shown. `stop` ends it all the same.

    Args:
        caller: runs the calls.
        lane: what they wait for.

    Signals:
        answered: (result, trouble) of a call that nothing has replaced; one of the two is None.
        busy_changed: whether anything is under way.
        moved: how far what is wanted is, 0..1.
    """

    answered = Signal(object, object)
    busy_changed = Signal(bool)
    moved = Signal(float)

    def __init__(self, caller: Caller, parent: QObject | None = None, lane: Lane = Lane.SHORT) -> None:
        super().__init__(parent)
        self._caller = caller
        self._lane = lane
        self._ticket: int | None = None
        self._waiting: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self._is_wanted = False
        caller.call_ended.connect(self._on_call_ended)
        caller.call_moved.connect(self._on_call_moved)

    @property
    def is_busy(self) -> bool:
        return self._ticket is not None

    def ask(self, function: Callable[..., Any], *args: Any) -> None:
        """Wants this, and nothing that was asked before."""
        if self._ticket is None:
            self._start(function, args)
        else:
            self._waiting = (function, args)
            self._is_wanted = False

    def forget(self) -> None:
        """Wants nothing any more: a call that waits never starts, the answer of one under way is not told."""
        self._waiting = None
        self._is_wanted = False

    def stop(self) -> None:
        """Wants nothing any more and ends what is under way, for work that is long and can be stopped."""
        self.forget()
        if self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            self._caller.drop(ticket)
            self.busy_changed.emit(False)

    def _start(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        was_busy = self.is_busy
        self._is_wanted = True
        self._ticket = self._caller.call(function, *args, lane=self._lane)
        if not was_busy:
            self.busy_changed.emit(True)

    @Slot(object)
    def _on_call_ended(self, ended: CallEnded) -> None:
        if ended.ticket != self._ticket:
            return
        self._ticket = None
        if self._waiting is not None:
            (function, args), self._waiting = self._waiting, None
            self._start(function, args)
            return
        self.busy_changed.emit(False)
        if self._is_wanted:
            self.answered.emit(ended.result, ended.trouble)

    @Slot(int, float)
    def _on_call_moved(self, ticket: int, fraction: float) -> None:
        if ticket == self._ticket and self._is_wanted:
            self.moved.emit(fraction)
