"""The prompt side of the input panel: words, maker, style, and the picture that the maker draws for them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from img2model_desktop.core.request import MAX_VARIANTS
from img2model_desktop.engines.base import EngineSpec
from img2model_desktop.engines.styles import Styles
from img2model_desktop.engines.weights.pipelines import Pipeline
from img2model_desktop.gui.calls import made_preview
from img2model_desktop.gui.controls import CalmComboBox, CalmSpinBox, Segments, label
from img2model_desktop.gui.cutout_canvas import CutoutCanvas
from img2model_desktop.gui.engine_choice import EngineChoice
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.intake import image_from
from img2model_desktop.gui.latest_call import Caller, LatestCall
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.theme import SPACE

PREVIEW_AFTER_MS = 250  # of rest after the last key
FIRST_VARIANTS = 4
_EXAMPLES = {"lettering": "Words to make, such as “Hello”", "prompt": "What to make, such as “a red fox, sitting”"}


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
    """The words, who makes a picture of them, in which style, and what that looks like.

    A maker that is built in draws while one types. One with weights takes its time: it makes pictures when the button
    is pressed, as a job of its own.

    Signals:
        changed: other words, another style, or another answer about them.
        maker_changed: another maker.
        pictures_wished: the user wants pictures to pick from.
    """

    changed = Signal()
    maker_changed = Signal()
    pictures_wished = Signal()

    def __init__(self, caller: Caller, icons: Icons, makers: Sequence[EngineSpec]) -> None:
        super().__init__()
        self._icons = icons
        self._makers = tuple(makers)
        self._options: Callable[[], tuple[Any, int]] = lambda: (self.maker.options(), 0)
        self._trouble: Trouble | None = None
        self._making = LatestCall(caller, self)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(PREVIEW_AFTER_MS)
        self._build()
        self._connect()
        self.show_styles()
        self._show_maker()

    # What the panel asks

    @property
    def maker(self) -> EngineSpec:
        """Who makes the picture."""
        return self.maker_choice.spec or self._makers[0]

    @property
    def draws_live(self) -> bool:
        """Whether the maker draws while one types."""
        return not self.maker.weights

    @property
    def missing(self) -> str:
        """Why the maker cannot run, one sentence, or ""."""
        return self.maker_choice.missing

    @property
    def prompt(self) -> str:
        return self.edit.toPlainText().strip()

    @property
    def style_name(self) -> str:
        """The style, or "" for the maker's default."""
        if self.maker.has_own_styles:
            return str(self.own_style.currentData() or "")
        value = self.style_choice.value
        return "" if not self.maker.styles or value == self.maker.styles[0] else value

    @property
    def pipeline(self) -> str:
        """Name of the pipeline that the user chose, or "" for the newest."""
        return str(self.pipeline_choice.currentData() or "") if self.maker.has_own_styles else ""

    @property
    def variants(self) -> int:
        """How many pictures to make."""
        return self.count.value()

    @property
    def trouble(self) -> Trouble | None:
        """Why the maker cannot draw these words, as far as that is known."""
        return self._trouble if self.draws_live else None

    # What the panel does

    def set_options(self, options: Callable[[], tuple[Any, int]]) -> None:
        """Where the maker's options and the seed come from."""
        self._options = options

    def set_weights(self, missing: Mapping[str, str], pipelines: Sequence[Pipeline]) -> None:
        """Which makers lack their weights, a sentence by key, and the pipelines that there are."""
        self.maker_choice.set_missing(missing)
        chosen = self.pipeline_choice.currentData()
        with QSignalBlocker(self.pipeline_choice):
            self.pipeline_choice.clear()
            self.pipeline_choice.addItem("Newest", "")
            for entry in pipelines:
                self.pipeline_choice.addItem(entry.title, entry.name)
            self.pipeline_choice.setCurrentIndex(max(0, self.pipeline_choice.findData(chosen)))
        self._show_maker()

    def set_reason(self, reason: str) -> None:
        """Why no pictures can be made now, or ""."""
        self.make_button.setEnabled(not reason)
        self.make_button.setToolTip(reason or "Make pictures to pick from, before any mesh")

    def show_styles(self) -> None:
        """The styles of the user's own, read again."""
        chosen = self.own_style.currentData()
        with QSignalBlocker(self.own_style):
            self.own_style.clear()
            for style in Styles().all():
                self.own_style.addItem(style.title, style.key)
                self.own_style.setItemData(self.own_style.count() - 1, style.template, Qt.ItemDataRole.ToolTipRole)
            self.own_style.setCurrentIndex(max(0, self.own_style.findData(chosen)))

    @Slot()
    def open_styles(self) -> None:
        """The window in which the styles are changed."""
        from img2model_desktop.gui.prompt.styles import StylesWindow

        window = StylesWindow(self.window(), str(self.own_style.currentData() or ""))
        window.styles_changed.connect(self._on_styles_changed)
        window.show()

    @Slot()
    def _on_styles_changed(self) -> None:
        self.show_styles()
        self.changed.emit()

    def draw_again(self) -> None:
        """Draws the words with what the options say now."""
        if self.prompt and self.draws_live:
            self._rest.start()

    def show_words(self, prompt: str, style: str, maker: str = "", pipeline: str = "") -> None:
        """These words, this style and this maker instead of the ones there are."""
        with QSignalBlocker(self.maker_choice), QSignalBlocker(self.own_style):
            if maker:
                self.maker_choice.choose(maker)
            self.own_style.setCurrentIndex(max(0, self.own_style.findData(style)))
            self.pipeline_choice.setCurrentIndex(max(0, self.pipeline_choice.findData(pipeline)))
        self.style_choice.set_value(style or self._makers[0].styles[0])
        self._show_maker()
        self.edit.setPlainText(prompt)

    def retint(self) -> None:
        """In the theme's colours."""
        self.canvas.update()
        self.make_button.setIcon(self._icons.icon("picture"))

    # Building

    def _build(self) -> None:
        self.canvas = CutoutCanvas(self._icons)
        self.edit = PromptEdit()
        self.edit.setAccessibleName("Prompt")
        self.edit.setToolTip("What the mesh shall show")
        self.edit.setFixedHeight(72)
        self.maker_choice = EngineChoice("Picture maker", self._makers)
        fixed = next((maker for maker in self._makers if maker.styles and not maker.has_own_styles), None)
        styles = fixed.styles if fixed else ("plain",)
        self.style_choice = Segments([(style, style.capitalize(), "") for style in styles], "Style")
        self.own_style = CalmComboBox()
        self.own_style.setAccessibleName("Style")
        self.own_style.setToolTip("Words that are added to yours, so that the picture makes a good mesh")
        self.styles_button = QToolButton()
        self.styles_button.setObjectName("section")
        self.styles_button.setText("Edit…")
        self.styles_button.setToolTip("Change the styles…")
        self.styles_button.setAccessibleName("Change the styles")
        self.pipeline_choice = CalmComboBox()
        self.pipeline_choice.setAccessibleName("Pipeline")
        self.pipeline_choice.setToolTip("Which of your diffusers folders makes the picture")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.canvas, 1)
        column.addWidget(self.edit)
        column.addWidget(self._build_choices())
        column.addWidget(self._build_button())
        self.retint()

    def _build_choices(self) -> QWidget:
        own = QWidget()
        row = QHBoxLayout(own)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.own_style, 1)
        row.addWidget(self.styles_button)
        self._own_row = own
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(SPACE)
        grid.setColumnMinimumWidth(0, 72)  # as wide as the captions of the form below
        grid.setColumnStretch(1, 1)
        self._pipeline_label = label("Pipeline", "dim")
        rows: tuple[tuple[QLabel, QWidget], ...] = (
            (label("Maker", "dim"), self.maker_choice),
            (self._pipeline_label, self.pipeline_choice),
            (label("Style", "dim"), own),
        )
        for number, (caption, control) in enumerate(rows):
            caption.setBuddy(control)
            grid.addWidget(caption, number, 0)
            grid.addWidget(control, number, 1)
        grid.addWidget(self.style_choice, len(rows), 0, 1, 2)
        return box

    def _build_button(self) -> QWidget:
        self.make_button = QPushButton("Make pictures")
        self.make_button.setAccessibleName("Make pictures")
        self.make_button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.count = CalmSpinBox()
        self.count.setRange(1, MAX_VARIANTS)
        self.count.setValue(FIRST_VARIANTS)
        self.count.setAccessibleName("How many pictures")
        self.count.setToolTip("How many pictures, each with another seed")
        self._make_row = QWidget()
        row = QHBoxLayout(self._make_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        row.addWidget(self.make_button, 1)
        row.addWidget(self.count)
        return self._make_row

    def _connect(self) -> None:
        self.edit.textChanged.connect(self._on_edited)
        self.style_choice.chosen.connect(self._on_edited)
        self.own_style.activated.connect(self._on_edited)
        self.pipeline_choice.activated.connect(self._on_edited)
        self.maker_choice.currentIndexChanged.connect(self._on_maker_chosen)
        self.make_button.clicked.connect(self.pictures_wished)
        self.styles_button.clicked.connect(self.open_styles)
        self.canvas.browse_wished.connect(self.edit.setFocus)
        self._rest.timeout.connect(self._on_rested)
        self._making.answered.connect(self._on_made)
        self._making.busy_changed.connect(lambda busy: self.canvas.set_note("Drawing…" if busy else ""))

    def _show_maker(self) -> None:
        maker, live = self.maker, self.draws_live
        title = "Type a few words" if live else "Say what to make"
        text = f"{maker.title}: {_lower_first(maker.summary)}"
        if not live:
            text = "Make pictures, pick one,\nmend its cut-out, then Generate."
        self.canvas.set_invitation("prompt", title, text)
        self.maker_choice.setToolTip(self.missing or maker.summary)
        self.edit.setPlaceholderText(_EXAMPLES.get(maker.key, ""))
        self.style_choice.setVisible(not maker.has_own_styles)
        own_row = self._own_row
        own_row.setVisible(maker.has_own_styles)
        has_many = maker.has_own_styles and self.pipeline_choice.count() > 2
        self.pipeline_choice.setVisible(has_many)
        self._pipeline_label.setVisible(has_many)
        self._make_row.setVisible(not live)

    @Slot()
    def _on_maker_chosen(self) -> None:
        self._show_maker()
        self.canvas.show_picture(None)
        self.maker_changed.emit()
        self._on_edited()

    @Slot()
    def _on_edited(self) -> None:
        self._trouble = None
        self._making.forget()
        self.canvas.set_waiting(bool(self.prompt) and self.draws_live)
        if self.draws_live:
            self._rest.start()
        self.changed.emit()

    @Slot()
    def _on_rested(self) -> None:
        if not self.prompt or not self.draws_live:
            self.canvas.show_picture(None)
            return
        style = self.style_choice.value if self.maker.styles else ""
        options, seed = self._options()
        self._making.ask(made_preview, self.maker.key, self.prompt, style, options, seed)

    @Slot(object, object)
    def _on_made(self, picture: Any, trouble: Trouble | None) -> None:
        if not self.draws_live:
            return
        self._trouble = trouble
        self.canvas.show_picture(None if picture is None else image_from(picture))
        self.changed.emit()


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
