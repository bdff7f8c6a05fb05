"""The part of the weights window with the user's own folders for making pictures from words."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from img2model_desktop.engines.weights.headers import megabytes
from img2model_desktop.engines.weights.pipelines import Pipeline
from img2model_desktop.gui.controls import ElidedLabel, label, set_tone
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.gui.weights.words import own_licence_words

_HELP = (
    "Prompts become pictures with a diffusers folder of your own, such as Stable Diffusion XL or Z-Image. "
    "Drop one on this window: it is linked to, never copied or changed."
)


class PipelinesSection(QWidget):
    """A card for each folder.

    Signals:
        add_wished: () the user wants to choose a folder.
        verify_wished, remove_wished: (str) the user wants that for the folder with this name.
    """

    add_wished = Signal()
    verify_wished = Signal(str)
    remove_wished = Signal(str)

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._can_act = True
        self.cards: dict[str, PipelineCard] = {}
        self.add_button = QPushButton("Add folder…")
        self.add_button.setObjectName("small")
        self.add_button.setToolTip("Choose a diffusers folder: the one with model_index.json")
        self.add_button.setAccessibleName("Add a diffusers folder")
        self.add_button.clicked.connect(self.add_wished)
        head = QHBoxLayout()
        head.addWidget(label("Pictures from words", "title"), 1)
        head.addWidget(self.add_button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, SPACE, 0, 0)
        self._column.setSpacing(SPACE)
        self._column.addLayout(head)
        self._column.addWidget(label(_HELP, "dim", wrap=True))

    def show_pipelines(self, pipelines: Sequence[Pipeline]) -> None:
        """Those there are now."""
        for card in self.cards.values():
            card.hide()
            card.deleteLater()
        self.cards = {}
        for pipeline in pipelines:
            card = PipelineCard(pipeline, self._icons)
            card.verify_button.clicked.connect(lambda _=False, name=pipeline.name: self.verify_wished.emit(name))
            card.remove_button.clicked.connect(lambda _=False, name=pipeline.name: self.remove_wished.emit(name))
            self._column.addWidget(card)
            self.cards[pipeline.name] = card
        self.set_can_act(self._can_act)

    def set_can_act(self, can: bool) -> None:
        """Whether the buttons may be pressed: one thing is done at a time."""
        self._can_act = can
        self.add_button.setEnabled(can)
        for card in self.cards.values():
            card.verify_button.setEnabled(can)
            card.remove_button.setEnabled(can)

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        for card in self.cards.values():
            card.retint()


class PipelineCard(QFrame):
    """One folder: what it is, where it is, and what can be done with it. Removing it deletes nothing: it asks not."""

    def __init__(self, pipeline: Pipeline, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("card")
        self.pipeline = pipeline
        self._icons = icons
        self._icon = QLabel()
        self._icon.setFixedSize(20, 20)
        licence = label(own_licence_words(pipeline.licence))
        licence.setObjectName("badge")
        set_tone(licence, "dim" if "free for" in licence.text() else "warn")
        licence.setToolTip("The licence of a folder of your own is yours to keep")
        state = label(pipeline.problem.rstrip(".") or f"Linked ({megabytes(pipeline.bytes)})", "", wrap=True)
        set_tone(state, "bad" if pipeline.problem else "good")
        where = ElidedLabel("dim")
        where.show_text(str(pipeline.path))
        where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.verify_button = _button("Verify", f"Verify {pipeline.title}", "Read every byte and compare it")
        self.remove_button = _button(
            "Remove", f"Remove {pipeline.title} from the list", "Take it off this list; its folder stays as it is"
        )
        line = QHBoxLayout()
        line.setSpacing(SPACE // 2)
        line.addWidget(self.verify_button)
        line.addWidget(self.remove_button)
        line.addStretch()
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 12, 12, 12)
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(SPACE // 2)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self._icon, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(label(pipeline.title, "title"), 0, 1)
        grid.addWidget(licence, 0, 2)
        grid.addWidget(state, 1, 1, 1, 2)
        grid.addWidget(where, 2, 1, 1, 2)
        grid.setRowMinimumHeight(3, SPACE // 2)
        grid.addLayout(line, 4, 1, 1, 2)
        self.setAccessibleName(f"{pipeline.title}: {state.text()}. {licence.text()}")
        self.retint()

    def retint(self) -> None:
        """The icon again, in the theme's colours."""
        colours, is_bad = self._icons.colours, bool(self.pipeline.problem)
        tint = colours.bad if is_bad else colours.good
        self._icon.setPixmap(self._icons.pixmap("unfit" if is_bad else "fit", 20, tint, self.devicePixelRatioF()))


def _button(text: str, name: str, tip: str) -> QPushButton:
    made = QPushButton(text)
    made.setObjectName("small")
    made.setAccessibleName(name)
    made.setToolTip(tip)
    return made
