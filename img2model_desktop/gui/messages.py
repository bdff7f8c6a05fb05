"""One bar for everything the program has to tell; never in the way, never modal."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton

from img2model_desktop.gui.controls import label
from img2model_desktop.gui.icons import Icons

INFO_MS = 8000


class Tone(StrEnum):
    """How grave a message is; also the name of its icon."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell.

    Args:
        tone: information goes away by itself after 8 s; the others stay until closed or replaced.
        text: one sentence that says what happened.
        advice: what to do, or "".
        details: for a bug report; "" for none. Can be copied.
        action: text of a button, or "".
        act: what the button does.
    """

    tone: Tone
    text: str
    advice: str = ""
    details: str = ""
    action: str = ""
    act: Callable[[], object] | None = None


class MessageBar(QFrame):
    """Shows the newest message until it is closed, replaced, or (information) read."""

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("message")
        self._icons = icons
        self._message: Message | None = None
        self._icon = QLabel()
        self._icon.setFixedSize(20, 20)
        self._text = label("", "value", wrap=True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._action = QPushButton()
        self._copy = QPushButton("Copy details")
        self._close = QToolButton()
        self._close.setIconSize(QSize(16, 16))
        self._close.setToolTip("Close this message (Esc)")
        self._close.setAccessibleName("Close this message")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(8)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._text, 1)
        row.addWidget(self._action)
        row.addWidget(self._copy)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignVCenter)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(INFO_MS)
        self._timer.timeout.connect(self.clear)
        self._close.clicked.connect(self.clear)
        self._copy.clicked.connect(self._on_copy)
        self._action.clicked.connect(self._on_action)
        self.hide()

    @property
    def message(self) -> Message | None:
        """What is shown, or None."""
        return self._message

    def tell(self, message: Message) -> None:
        """Shows a message instead of the one there is."""
        self._message = message
        self._text.setText(f"{message.text} {message.advice}".strip())
        self.setAccessibleName(f"{message.tone}: {self._text.text()}")
        self._action.setText(message.action)
        self._action.setVisible(bool(message.action))
        self._copy.setVisible(bool(message.details))
        self.retint()
        self.show()
        if message.tone is Tone.INFO and not message.action:
            self._timer.start()
        else:
            self._timer.stop()

    @Slot()
    def clear(self) -> None:
        """Shows nothing."""
        self._message = None
        self._timer.stop()
        self.hide()

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self._close.setIcon(self._icons.icon("close", self._icons.colours.dim))
        if self._message:
            colours = self._icons.colours
            tint = {Tone.INFO: colours.focus, Tone.WARNING: colours.warn, Tone.ERROR: colours.bad}
            ratio = self.devicePixelRatioF()
            self._icon.setPixmap(self._icons.pixmap(self._message.tone, 20, tint[self._message.tone], ratio))

    @Slot()
    def _on_copy(self) -> None:
        if self._message:
            text = f"{self._message.text}\n{self._message.advice}\n\n{self._message.details}"
            QGuiApplication.clipboard().setText(text)

    @Slot()
    def _on_action(self) -> None:
        message = self._message
        self.clear()
        if message and message.act:
            message.act()
