"""The windows beside the main one: made when they are first wished for, closed with it."""

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from img2model_desktop.gui.messages import MessageBar


class SideWindow(Protocol):
    """What a window beside the main one must be: a QWidget that can take the theme's colours anew."""

    def retint(self) -> None:
        """In the theme's colours."""
        ...


class BesideWindow(QWidget):
    """What windows beside the main one share: Escape takes their message away, and then the window."""

    messages: MessageBar

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self.messages.message is not None:
            self.messages.clear()
        else:
            self.close()


class SideWindows:
    """One of each kind at most, by name.

    Args:
        makers: by name, what makes the window; called at the first `show`, so that its modules load only then.
    """

    def __init__(self, makers: dict[str, Callable[[], QWidget]]) -> None:
        self._makers = makers
        self._made: dict[str, QWidget] = {}

    def show(self, name: str) -> QWidget:
        """The window, made if need be, in front of the others."""
        if name not in self._made:
            self._made[name] = self._makers[name]()
        window = self._made[name]
        window.show()
        window.raise_()
        window.activateWindow()
        return window

    def get(self, name: str) -> QWidget | None:
        """The window if it was ever shown."""
        return self._made.get(name)

    def retint(self) -> None:
        """All of them in the theme's colours."""
        for window in self._made.values():
            window.retint()  # type: ignore[attr-defined] # each is a SideWindow, which Qt's classes cannot state

    def close(self) -> None:
        """Closes all of them."""
        for window in self._made.values():
            window.close()
