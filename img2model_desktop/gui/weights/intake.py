"""The place of the weights window that takes files in: an invitation, a question, terms, or how far the work is."""

from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from img2model_desktop.gui.controls import ElidedLabel, label
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.gui.weights.consent import ConsentPage
from img2model_desktop.gui.weights.row import FILE, FOLDER
from img2model_desktop.gui.weights.words import Offer, Question

_BAR_PX = 3
_WAYS = ("link", "copy", "move")


class WeightsIntake(QFrame):
    """Shows one thing of four.

    Signals:
        browse_wished: (str) the user wants to choose a `FOLDER` or a `FILE`.
        taken: (str) the user answered the question with "link", "copy" or "move".
        agreed: () the user agreed to the terms of a download.
        folder_wished: (str) the user brings a folder with this set instead.
        left: () the user wants nothing of what is asked.
        pause_wished: () the user wants the download to go on later.
        stop_wished: () the user wants the work stopped.
    """

    browse_wished = Signal(str)
    taken = Signal(str)
    agreed = Signal()
    folder_wished = Signal(str)
    left = Signal()
    pause_wished = Signal()
    stop_wished = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("intake")
        self._icons = icons
        self._is_target = False
        self.invitation = self._build_invitation()
        self.question = OfferPage(icons)
        self.terms = ConsentPage(icons)
        self.work = WorkPage(icons)
        self._key = ""  # of the set whose terms are shown
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._pages = (self.invitation, self.question, self.terms, self.work)
        for page in self._pages:
            self._column.addWidget(page)
        self._show_page(self.invitation)
        self.question.taken.connect(self.taken)
        self.question.left.connect(self.left)
        self.terms.agreed.connect(self.agreed)
        self.terms.left.connect(self.left)
        self.terms.folder_wished.connect(lambda: self.folder_wished.emit(self._key))
        self.work.pause_button.clicked.connect(self.pause_wished)
        self.work.stop_button.clicked.connect(self.stop_wished)
        self.retint()

    @property
    def is_asking(self) -> bool:
        return self._page in (self.question, self.terms)

    @Slot(object)
    def show_offer(self, offer: Offer | None) -> None:
        """Asks how to take in what was found; None invites again."""
        if offer is None:
            self._show_page(self.invitation)
            return
        self.question.show_offer(offer)
        self._show_page(self.question)
        self.question.preferred.setFocus()

    @Slot(object)
    def show_terms(self, question: Question | None) -> None:
        """Asks whether to download; None invites again."""
        if question is None:
            self._show_page(self.invitation)
            return
        self._key = question.key
        self.terms.show_question(question)
        self._show_page(self.terms)
        self.terms.leave_button.setFocus()

    @Slot(str, bool)
    def show_work(self, words: str, can_pause: bool = False) -> None:
        """What is being done, and whether it can be gone on with later; "" when nothing is done any more."""
        if words:
            self.work.show_words(words, can_pause)
            self._show_page(self.work)
        elif self._page is self.work:
            self._show_page(self.invitation)

    def _show_page(self, page: QWidget) -> None:
        """One of the four; what had the focus in another hands it on."""
        focus = self.window().focusWidget()
        had_focus = focus is not None and self.isAncestorOf(focus)
        self._page = page
        for each in self._pages:
            each.setVisible(each is page)
        if had_focus:
            (self.work.stop_button if page is self.work else self.folder_button).setFocus()

    @Slot(float)
    def show_progress(self, fraction: float) -> None:
        """How far it is, 0..1."""
        self.work.show_fraction(fraction)

    @Slot(str)
    def show_pace(self, words: str) -> None:
        """How fast a download is."""
        self.work.show_pace(words)

    def set_drop_target(self, is_target: bool) -> None:
        """Whether something that can be dropped is over the window."""
        self._is_target = is_target
        self.setProperty("target", is_target)
        self.style().unpolish(self)
        self.style().polish(self)

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self._folder_icon.setPixmap(self._icons.pixmap("folder", 24, self._icons.colours.dim, self.devicePixelRatioF()))
        self.question.retint()
        self.terms.retint()
        self.work.update()

    def _build_invitation(self) -> QWidget:
        page = QWidget()
        self._folder_icon = QLabel()
        self._folder_icon.setFixedSize(24, 24)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label("Drop a folder or a file with weights", "title", wrap=True))
        help_text = (
            "A clone or cache of the hub, a folder with the bare files, or one file: told by content, not by name."
        )
        words.addWidget(label(help_text, "dim", wrap=True))
        self.folder_button = QPushButton("Folder…")
        self.file_button = QPushButton("File…")
        self.folder_button.setAccessibleName("Choose a folder with weights")
        self.file_button.setAccessibleName("Choose a file with weights")
        self.folder_button.setToolTip("Choose a folder with weights")
        self.file_button.setToolTip("Choose a .safetensors, .ckpt, .pth, .pt or .bin file")
        row = QHBoxLayout(page)
        row.setContentsMargins(16, 12, 12, 12)
        row.setSpacing(SPACE)
        row.addWidget(self._folder_icon)
        row.addSpacing(4)
        row.addLayout(words, 1)
        row.addWidget(self.folder_button)
        row.addWidget(self.file_button)
        self.folder_button.clicked.connect(lambda: self.browse_wished.emit(FOLDER))
        self.file_button.clicked.connect(lambda: self.browse_wished.emit(FILE))
        return page


class OfferPage(QWidget):
    """Says what was found and asks how to take it in.

    Signals:
        taken: (str) "link", "copy" or "move".
        left: () the user does not want it.
    """

    taken = Signal(str)
    left = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._drawing, self._tone = "fit", "good"
        self._icon = QLabel()
        self._icon.setFixedSize(20, 20)
        self.title = label("", "title", wrap=True)
        self.facts = label("", "dim", wrap=True)
        self.note = label("", "warn", wrap=True)
        self.buttons: dict[str, QPushButton] = {}
        self.helps: dict[str, QLabel] = {}
        self.preferred = QPushButton()
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 12, 12, 12)
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(SPACE // 2)
        grid.setColumnStretch(2, 1)
        grid.addWidget(self._icon, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.title, 0, 1, 1, 2)
        grid.addWidget(self.facts, 1, 1, 1, 2)
        grid.addWidget(self.note, 2, 1, 1, 2)
        grid.setRowMinimumHeight(3, SPACE // 2)
        for number, way in enumerate(_WAYS, 4):
            button = QPushButton(way.capitalize())
            button.clicked.connect(lambda _=False, way=way: self.taken.emit(way))
            self.buttons[way] = button
            self.helps[way] = label("", "dim", wrap=True)
            grid.addWidget(button, number, 1)
            grid.addWidget(self.helps[way], number, 2)
        self.leave_button = QPushButton("Leave it")
        self.leave_button.setToolTip("Take nothing in (Esc)")
        self.leave_button.clicked.connect(self.left)
        grid.setRowMinimumHeight(4 + len(_WAYS), SPACE // 2)
        grid.addWidget(self.leave_button, 5 + len(_WAYS), 1)

    def show_offer(self, offer: Offer) -> None:
        """What was found, and the ways to take it in."""
        self._drawing, self._tone = offer.drawing, offer.tone
        self.title.setText(offer.title)
        self.facts.setText(offer.facts)
        self.note.setText(offer.note)
        self.note.setVisible(bool(offer.note))
        offered = {way.key for way in offer.ways}
        for key, button in self.buttons.items():
            button.setVisible(key in offered)
            self.helps[key].setVisible(key in offered)
        for way in offer.ways:
            button = self.buttons[way.key]
            button.setEnabled(way.is_possible)
            button.setToolTip(way.words)
            button.setAccessibleName(f"{way.key.capitalize()} {offer.name}")
            button.setAccessibleDescription(way.words)
            button.setObjectName("accent" if way.key == offer.preferred else "")
            button.style().unpolish(button)
            button.style().polish(button)
            self.helps[way.key].setText(way.words)
        self.preferred = self.buttons[offer.preferred]
        self.setAccessibleName(f"{offer.title} {offer.facts} {offer.note}".strip())
        self.retint()

    def retint(self) -> None:
        """The icon again, in the theme's colours."""
        colour = str(getattr(self._icons.colours, self._tone))
        self._icon.setPixmap(self._icons.pixmap(self._drawing, 20, colour, self.devicePixelRatioF()))


class WorkPage(QWidget):
    """What is being done, how far it is, and Cancel."""

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._fraction = 0.0
        self._has_pace = False
        self.words = ElidedLabel("value")
        self.percent = label("", "dim")
        self.pause_button = QPushButton("Pause")
        self.pause_button.setToolTip("Keep what is here and go on later, also after a restart")
        self.stop_button = QPushButton("Cancel")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 12, 12 + _BAR_PX)
        row.setSpacing(12)
        row.addWidget(self.words, 1)
        row.addWidget(self.percent)
        row.addWidget(self.pause_button)
        row.addWidget(self.stop_button)

    def show_words(self, words: str, can_pause: bool = False) -> None:
        """Another piece of work, at its beginning."""
        self._has_pace = can_pause
        self.words.show_text(words)
        self.pause_button.setVisible(can_pause)
        self.pause_button.setAccessibleName(f"Pause: {words}")
        self.stop_button.setAccessibleName(f"Cancel: {words}")
        what = "Stop and delete what came" if can_pause else "Stop; what was there before stays as it was"
        self.stop_button.setToolTip(what)
        self.show_fraction(0.0)

    def show_fraction(self, fraction: float) -> None:
        """How far it is, 0..1."""
        self._fraction = fraction
        if not self._has_pace:
            self.percent.setText(f"{fraction * 100:.0f} %" if fraction else "")
        self.setAccessibleName(f"{self.words.text()} {self.percent.text()}")
        self.update()

    def show_pace(self, words: str) -> None:
        """How much is here, how fast it comes, and how long it takes still, in the place of the percentage."""
        self.percent.setText(words)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        colours = self._icons.colours
        inset = 8.0
        bar = QRectF(inset, self.height() - 2 * _BAR_PX, self.width() - 2 * inset, _BAR_PX)
        painter.fillRect(bar, QColor(colours.line))
        bar.setWidth(bar.width() * self._fraction)
        painter.fillRect(bar, QColor(colours.accent_hover if colours.dark else colours.accent))
