"""The prompt side of the input panel: words, style, and the picture that the maker draws for them."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from img2model_desktop.engines.base import EngineSpec
from img2model_desktop.gui.calls import made_preview
from img2model_desktop.gui.controls import Segments, label
from img2model_desktop.gui.cutout_canvas import CutoutCanvas
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.intake import image_from
from img2model_desktop.gui.latest_call import Caller, LatestCall
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.theme import SPACE

PREVIEW_AFTER_MS = 250  # of rest after the last key


class PromptEdit(QPlainTextEdit):
    """A few lines of text; Tab leaves it, and files are dropped past it, onto the window."""

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setAcceptDrops(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:  # the window's Generate
            event.ignore()
        else:
            super().keyPressEvent(event)


class PromptSource(QWidget):
    """The words, their style, and what the maker makes of them.

    Signals:
        changed: other words, another style, or another answer about them.
    """

    changed = Signal()

    def __init__(self, caller: Caller, icons: Icons, maker: EngineSpec) -> None:
        super().__init__()
        self._maker = maker
        self._options: Callable[[], tuple[Any, int]] = lambda: (maker.options(), 0)
        self._trouble: Trouble | None = None
        self._making = LatestCall(caller, self)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(PREVIEW_AFTER_MS)
        self.canvas = CutoutCanvas(icons)
        self.canvas.set_invitation("prompt", "Type a few words", f"{maker.title}: {_lower_first(maker.summary)}")
        self.edit = PromptEdit()
        self.edit.setAccessibleName("Prompt")
        self.edit.setPlaceholderText("Words to make, such as “Hello”")
        self.edit.setToolTip("What the mesh shall show")
        self.edit.setFixedHeight(72)
        self.style_choice = Segments([(style, style.capitalize(), "") for style in maker.styles or ("plain",)], "Style")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.canvas, 1)
        column.addWidget(self.edit)
        column.addWidget(label("Style", "dim"))
        column.addWidget(self.style_choice)
        self.edit.textChanged.connect(self._on_edited)
        self.style_choice.chosen.connect(self._on_edited)
        self.canvas.browse_wished.connect(self.edit.setFocus)
        self._rest.timeout.connect(self._on_rested)
        self._making.answered.connect(self._on_made)
        self._making.busy_changed.connect(lambda busy: self.canvas.set_note("Drawing…" if busy else ""))

    @property
    def maker(self) -> EngineSpec:
        return self._maker

    @property
    def prompt(self) -> str:
        return self.edit.toPlainText().strip()

    @property
    def style_name(self) -> str:
        """The style, or "" for the maker's default."""
        value = self.style_choice.value
        return "" if not self._maker.styles or value == self._maker.styles[0] else value

    @property
    def trouble(self) -> Trouble | None:
        """Why the maker cannot draw these words, as far as that is known."""
        return self._trouble

    def set_options(self, options: Callable[[], tuple[Any, int]]) -> None:
        """Where the maker's options and the seed come from."""
        self._options = options

    def draw_again(self) -> None:
        """Draws the words with what the options say now."""
        if self.prompt:
            self._rest.start()

    def show_words(self, prompt: str, style: str) -> None:
        """These words and this style instead of the ones there are."""
        self.style_choice.set_value(style or (self._maker.styles[0] if self._maker.styles else "plain"))
        self.edit.setPlainText(prompt)

    def retint(self) -> None:
        """In the theme's colours."""
        self.canvas.update()

    @Slot()
    def _on_edited(self) -> None:
        self._trouble = None
        self.canvas.set_waiting(bool(self.prompt))
        self._making.forget()
        self._rest.start()
        self.changed.emit()

    @Slot()
    def _on_rested(self) -> None:
        if not self.prompt:
            self.canvas.show_picture(None)
            return
        style = self.style_choice.value if self._maker.styles else ""
        options, seed = self._options()
        self._making.ask(made_preview, self._maker.key, self.prompt, style, options, seed)

    @Slot(object, object)
    def _on_made(self, picture: Any, trouble: Trouble | None) -> None:
        self._trouble = trouble
        self.canvas.show_picture(None if picture is None else image_from(picture))
        self.changed.emit()


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
