"""What takes how much on the disk, and what can be cleared. Everything is asked for once more, with its exact size."""

from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from img2model_desktop.gui.controls import label, rule
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.library.words import exact_words, size_words
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.jobs.disk_use import Clearing, DiskUse, Sort

PARTS = (
    ((Sort.RESULT,), "Results", "The meshes as they were made"),
    ((Sort.EDIT,), "Edits", "Meshes as the workshop has left them, with what undo and redo bring back"),
    ((Sort.INPUT,), "Kept inputs", "Copies of the pictures, so that “Make again” works when the originals are gone"),
    ((Sort.PICTURE,), "Pictures", "Cut-outs, made pictures and thumbnails"),
    ((Sort.LEFT_OVER, Sort.NOTE, Sort.OTHER), "The rest", "Notes that the history is found again from, and left-overs"),
)
OFFERS = (
    (
        Clearing.LEFT_OVERS,
        "Left-overs",
        "Files of stages and of writes that were cut off, of jobs that have ended. Nothing needs them any more.",
    ),
    (
        Clearing.UNDONE,
        "Edits that were taken back",
        "Meshes that redo would bring again. What is done stays as it is.",
    ),
)


class Shares(QWidget):
    """One bar with a piece for each part."""

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._sizes: tuple[int, ...] = ()
        self.setFixedHeight(14)

    def show_sizes(self, sizes: tuple[int, ...]) -> None:
        """In the order of the tints."""
        self._sizes = sizes
        self.update()

    def tints(self) -> tuple[str, ...]:
        """A colour for each part and one for the trash."""
        colours = self._icons.colours
        paler = QColor(colours.accent).lighter(150).name()
        return (colours.accent, colours.good, colours.warn, paler, colours.faint, colours.bad)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - Qt's signature
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(self.rect())
        shape = QPainterPath()
        shape.addRoundedRect(room, 7, 7)
        painter.fillPath(shape, QColor(self._icons.colours.base))
        painter.setClipPath(shape)
        total, left = sum(self._sizes), room.left()
        for size, tint in zip(self._sizes, self.tints(), strict=False):
            width = room.width() * size / total if total else 0.0
            painter.fillRect(QRectF(left, room.top(), width, room.height()), QColor(tint))
            left += width


class Offer(QFrame):
    """One thing that can be cleared, which asks in place before it is.

    Signals:
        agreed: () the user has said so twice.
    """

    agreed = Signal()

    def __init__(self, title: str, words: str, verb: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self._verb = verb
        self.title = label(title, "title")
        self.amount = label("", "value")
        self._words = label(words, "dim", wrap=True)
        self.act_button = QPushButton(f"{verb}…")
        self.question = label("", "value", wrap=True)
        self.sure_button = QPushButton(verb)
        self.keep_button = QPushButton("Keep")
        for button, tip in (
            (self.act_button, f"{title}: asks once more"),
            (self.sure_button, f"{title}: for good"),
            (self.keep_button, "Leave everything as it is"),
        ):
            button.setObjectName("small")
            button.setToolTip(tip)
            button.setAccessibleName(tip)
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 10, 12, 10)
        grid.setColumnStretch(0, 1)
        grid.addWidget(self.title, 0, 0)
        grid.addWidget(self.amount, 0, 1, Qt.AlignmentFlag.AlignRight)
        grid.addWidget(self._words, 1, 0)
        grid.addWidget(self.act_button, 1, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom)
        self._asking = QWidget()
        row = QHBoxLayout(self._asking)
        row.setContentsMargins(0, 4, 0, 0)
        row.addWidget(self.question, 1)
        row.addWidget(self.sure_button)
        row.addWidget(self.keep_button)
        grid.addWidget(self._asking, 2, 0, 1, 2)
        self._asking.hide()
        self.act_button.clicked.connect(lambda: self.ask(True))
        self.keep_button.clicked.connect(lambda: self.ask(False))
        self.sure_button.clicked.connect(self._on_sure)

    def show_offer(self, size: int, question: str) -> None:
        """How much it would free, and what is asked before."""
        self.amount.setText(size_words(size))
        self.question.setText(question)
        self.ask(False)

    def ask(self, is_asking: bool) -> None:
        """Asks, or asks no more."""
        had_focus = any(button.hasFocus() for button in (self.act_button, self.sure_button, self.keep_button))
        self._asking.setVisible(is_asking)
        self.act_button.setVisible(not is_asking)
        if had_focus:
            (self.keep_button if is_asking else self.act_button).setFocus()

    @Slot()
    def _on_sure(self) -> None:
        self.ask(False)
        self.agreed.emit()


class LibraryDisk(QWidget):
    """The page about the disk.

    Signals:
        clear_wished: (object) the paths, as a tuple of str, that the user wants to be cleared.
        empty_wished: () the trash is to be emptied.
        closed: () back to the results.
    """

    clear_wished = Signal(object)
    empty_wished = Signal()
    closed = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._use = DiskUse()
        self.shares = Shares(icons)
        self.total = label("", "title")
        self.free = label("", "dim")
        self.rows = {title: label("", "value") for _, title, _ in PARTS} | {"Trash": label("", "value")}
        self._dots: list[QWidget] = []
        self.offers = {what: Offer(title, words, "Clear") for what, title, words in OFFERS}
        self.trash_offer = Offer(
            "The trash", "What was thrown away. It cannot be brought back then.", "Empty the trash"
        )
        self.nothing = label("There is nothing to clear.", "dim")
        self.back_button = QPushButton("Back to the results")
        self.back_button.setToolTip("Show the results again (Esc)")
        self.back_button.clicked.connect(self.closed)
        self._build()
        for what, offer in self.offers.items():
            offer.agreed.connect(lambda what=what: self._on_agreed(what))
        self.trash_offer.agreed.connect(self.empty_wished)

    def show_work(self) -> None:
        """The folders are being looked through."""
        self.total.setText("Looking through the folders…")
        self.nothing.hide()
        self.free.setText("")

    @Slot(object)
    def show_use(self, use: Any) -> None:
        """What was found."""
        self._use = use
        jobs = "1 job" if use.jobs == 1 else f"{use.jobs:,} jobs"
        self.total.setText(f"{size_words(use.total)} in {jobs}")
        self.free.setText(f"{size_words(use.free)} are free on this disk")
        sizes = [sum(use.by_sort.get(sort, 0) for sort in sorts) for sorts, _, _ in PARTS]
        for (_, title, _), size in zip(PARTS, sizes, strict=True):
            self.rows[title].setText(size_words(size))
        self.rows["Trash"].setText(size_words(use.trash))
        self.shares.show_sizes((*sizes, use.trash))
        for what, offer in self.offers.items():
            size, count = use.size_of(what), len(use.clearable.get(what, ()))
            files = "1 file" if count == 1 else f"{count:,} files"
            offer.show_offer(size, f"Remove {files}, {exact_words(size)}, for good?")
            offer.setVisible(bool(count))
        jobs = "1 job" if use.trashed == 1 else f"{use.trashed:,} jobs"
        self.trash_offer.show_offer(use.trash, f"Remove {jobs} with {exact_words(use.trash)} for good?")
        self.trash_offer.setVisible(use.trashed > 0)
        self.nothing.setVisible(not use.trashed and not any(use.clearable.values()))

    def ask_for_trash(self) -> None:
        """Asks whether to empty the trash."""
        self.trash_offer.ask(True)
        self.trash_offer.keep_button.setFocus()

    def retint(self) -> None:
        """In the theme's colours."""
        self.shares.update()
        for dot, tint in zip(self._dots, self.shares.tints(), strict=True):
            dot.setStyleSheet(f"background: {tint}; border-radius: 4px;")

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 24)
        column.setSpacing(SPACE)
        head = QHBoxLayout()
        head.addWidget(self.total)
        head.addStretch()
        head.addWidget(self.free)
        column.addLayout(head)
        column.addWidget(self.shares)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setColumnStretch(2, 1)
        parts = [(title, tip) for _, title, tip in PARTS] + [("Trash", "What was thrown away")]
        for row, (title, tip) in enumerate(parts):
            dot = QWidget()
            dot.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
            dot.setFixedSize(QSize(8, 8))
            self._dots.append(dot)
            grid.addWidget(dot, row, 0)
            grid.addWidget(label(title, "value"), row, 1)
            grid.addWidget(label(tip, "dim"), row, 2)
            grid.addWidget(self.rows[title], row, 3, Qt.AlignmentFlag.AlignRight)
        column.addLayout(grid)
        column.addSpacing(SPACE)
        column.addWidget(rule())
        column.addWidget(label("What can be cleared", "title"))
        column.addWidget(self.nothing)
        for offer in (*self.offers.values(), self.trash_offer):
            offer.hide()
            column.addWidget(offer)
        column.addStretch()
        foot = QHBoxLayout()
        foot.addStretch()
        foot.addWidget(self.back_button)
        column.addLayout(foot)
        self.retint()

    def _on_agreed(self, what: Clearing) -> None:
        self.clear_wished.emit(tuple(path for path, _ in self._use.clearable.get(what, ())))
