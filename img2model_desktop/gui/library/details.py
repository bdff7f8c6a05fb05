"""The right of the library: what is known of what is chosen, and what can be done with it."""

from collections.abc import Callable

from PySide6.QtCore import QSize, QStringListModel, Qt, Signal, Slot
from PySide6.QtGui import QAction, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QCompleter,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from img2model_desktop.core.verdict.words import LEVELS, PURPOSES, UNKNOWN, LevelWords
from img2model_desktop.gui.controls import ElidedLabel, label, rule
from img2model_desktop.gui.export_section import FORMATS
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.library.chips import Chips
from img2model_desktop.gui.library.words import facts_of, failure_of, size_words, story_of
from img2model_desktop.gui.library.work import why_no_variants
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.jobs.job_row import JobState
from img2model_desktop.jobs.shelf import MAX_STARS, MESH, Entry

WIDTH_PX = 292
PICTURE_PX = 232


class Portrait(QFrame):
    """The picture of one entry, fitted into its frame."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("portrait")
        self.setFixedHeight(PICTURE_PX)
        self._picture = QPixmap()

    def show_picture(self, picture: QPixmap) -> None:
        """Another one."""
        self._picture = picture
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._picture.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        room = self.contentsRect().adjusted(10, 10, -10, -10)
        size = self._picture.size().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        left, top = room.center().x() - size.width() // 2, room.center().y() - size.height() // 2
        painter.drawPixmap(left, top, size.width(), size.height(), self._picture)


class Stars(QWidget):
    """Five stars to be clicked.

    Signals:
        chosen: (int) so many; the same again takes them away.
    """

    chosen = Signal(int)

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._stars = 0
        self.buttons: list[QToolButton] = []
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for number in range(1, MAX_STARS + 1):
            button = QToolButton()
            button.setIconSize(QSize(18, 18))
            name = f"{number} star{'s' if number > 1 else ''}"
            button.setToolTip(f"{name} (key {number}; 0 for none)")
            button.setAccessibleName(name)
            button.clicked.connect(lambda _=False, number=number: self._on_clicked(number))
            self.buttons.append(button)
            row.addWidget(button)
        row.addStretch()

    def show_stars(self, stars: int) -> None:
        """So many are lit."""
        self._stars = stars
        self.setAccessibleName(f"{stars} stars")
        self.retint()

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        colours = self._icons.colours
        for number, button in enumerate(self.buttons, 1):
            is_lit = number <= self._stars
            button.setIcon(
                self._icons.icon("star-full" if is_lit else "star", colours.warn if is_lit else colours.faint)
            )

    def _on_clicked(self, number: int) -> None:
        self.chosen.emit(0 if number == self._stars else number)


class LibraryDetails(QWidget):
    """Shows one entry whole, or of several what can be done with all of them.

    Signals:
        stars_wished: (int) for what is chosen; likewise the others.
        tag_wished, untag_wished, collect_wished, uncollect_wished: (str).
        export_wished: (str) in the format of this suffix.
        open_wished, again_wished, load_wished, compare_wished, alike_wished, variants_wished, folder_wished,
            trash_wished, restore_wished, empty_wished: ().
    """

    stars_wished = Signal(int)
    tag_wished = Signal(str)
    untag_wished = Signal(str)
    collect_wished = Signal(str)
    uncollect_wished = Signal(str)
    export_wished = Signal(str)
    open_wished = Signal()
    again_wished = Signal()
    load_wished = Signal()
    compare_wished = Signal()
    alike_wished = Signal()
    variants_wished = Signal()
    folder_wished = Signal()
    trash_wished = Signal()
    restore_wished = Signal()
    empty_wished = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._chosen: tuple[Entry, ...] = ()
        self.portrait = Portrait()
        self.title = ElidedLabel("title")
        self.stars = Stars(icons)
        self.prompt = label("", "value", wrap=True)
        self.failure, self.advice = label("", "bad", wrap=True), label("", "value", wrap=True)
        self.story = label("", "dim", wrap=True)
        self.tags = Chips("Take the tag “{}” off")
        self.collections = Chips("Take it out of “{}”")
        self.tag_field = _field("Add a tag", "A tag for what is chosen: type it and press Enter (T)")
        self.collect_field = _field("Add to a collection", "A collection, a new one too: type its name and press Enter")
        self._facts = QGridLayout()
        self._verdict = QGridLayout()
        self._build()
        self._connect()
        self.show_entries((), QPixmap(), is_trash=False)

    def show_entries(self, chosen: tuple[Entry, ...], picture: QPixmap, *, is_trash: bool) -> None:
        """Shows what is chosen.

        Args:
            chosen: in the order of the grid.
            picture: of the first one.
            is_trash: whether all of it lies in the trash.
        """
        self._chosen = chosen
        one = chosen[0] if len(chosen) == 1 else None
        self._scroll.setVisible(bool(chosen))
        self._buttons.setVisible(bool(chosen) or is_trash)
        self._nothing.setVisible(not chosen)
        self._nothing.setText(
            "What you throw away is kept here until you empty the trash."
            if is_trash
            else "Choose something to see it here."
        )
        self.empty_button.setVisible(is_trash)
        if chosen:
            self.portrait.setVisible(one is not None)
            self.portrait.show_picture(picture)
            self.title.show_text(one.row.title if one else f"{len(chosen):,} chosen")
            same = {entry.row.stars for entry in chosen}
            self.stars.show_stars(same.pop() if len(same) == 1 else 0)
            self.tags.show_names(_shared([entry.tags for entry in chosen]))
            self.collections.show_names(_shared([entry.collections for entry in chosen]))
            self.prompt.setText(one.row.request.prompt if one else "")
            self.prompt.setVisible(bool(self.prompt.text()))
            texts = (*failure_of(one.row), story_of(one.row)) if one else ("", "", "")
            for part, text in zip((self.failure, self.advice, self.story), texts, strict=True):
                part.setText(text)
                part.setVisible(bool(text))
            self._show_facts(facts_of(one) if one else _sum_of(chosen))
            self._show_verdict(one)
        self._show_buttons(is_trash)

    def suggest(self, tags: tuple[str, ...], collections: tuple[str, ...]) -> None:
        """Names to choose from while one is typed."""
        for field, names in ((self.tag_field, tags), (self.collect_field, collections)):
            words = field.completer().model()
            assert isinstance(words, QStringListModel)
            words.setStringList(list(names))

    def retint(self) -> None:
        """In the theme's colours."""
        self.stars.retint()
        self._show_verdict(self._chosen[0] if len(self._chosen) == 1 else None)

    # Building

    def _build(self) -> None:
        self._content = QWidget()
        self._content.setObjectName("panel_page")
        column = QVBoxLayout(self._content)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(SPACE)
        above: tuple[QWidget, ...] = (self.portrait, self.title, self.stars, self.failure, self.advice, self.prompt)
        for part in above:
            column.addWidget(part)
        self._facts.setHorizontalSpacing(12)
        self._facts.setVerticalSpacing(3)
        self._facts.setColumnStretch(1, 1)
        column.addLayout(self._facts)
        column.addWidget(rule())
        self._verdict.setVerticalSpacing(3)
        self._verdict.setColumnStretch(1, 1)
        column.addLayout(self._verdict)
        self._verdict_rule = rule()
        column.addWidget(self._verdict_rule)
        below: tuple[QWidget, ...] = (self.tags, self.tag_field, self.collections, self.collect_field, self.story)
        for part in below:
            column.addWidget(part)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self._content)
        self._nothing = label("", "dim", wrap=True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.setContentsMargins(24, 24, 24, 24)
        self._scroll = scroll
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(scroll, 1)
        whole.addWidget(self._nothing, 1)
        self._buttons = self._build_buttons()
        whole.addWidget(self._buttons)
        self.setFixedWidth(WIDTH_PX)

    def _build_buttons(self) -> QWidget:
        page = QWidget()
        grid = QGridLayout(page)
        grid.setContentsMargins(12, 12, 12, 12)
        grid.setSpacing(SPACE // 2)
        self.open_button = _button("Open", "Show it in the main window (Enter)", self.open_wished.emit)
        self.open_button.setObjectName("accent")
        self.compare_button = _button("Compare", "Two meshes side by side (C)", self.compare_wished.emit)
        self.alike_button = _button("Find similar", "What looks like it (S)", self.alike_wished.emit)
        self.again_button = _button("Make again", "Another job with the same request", self.again_wished.emit)
        self.load_button = _button("Load settings", "Its request in the main window", self.load_wished.emit)
        self.variants_button = _button(
            "Variants…", "Several with other seeds, side by side here", self.variants_wished.emit
        )
        self.folder_button = _button("Show folder", "Its files in the file manager", self.folder_wished.emit)
        self.export_button = _button("Export…", "Save all that is chosen into a folder", lambda: None)
        menu = QMenu(self.export_button)
        for suffix, title, tip in FORMATS:
            action = QAction(f"{title}  ({suffix})", menu)
            action.setToolTip(tip)
            action.triggered.connect(lambda _=False, suffix=suffix: self.export_wished.emit(suffix))
            menu.addAction(action)
        self.export_button.setMenu(menu)
        self.trash_button = _button(
            "Throw away", "Into the trash; it can be brought back (Delete)", self.trash_wished.emit
        )
        self.restore_button = _button("Bring back", "Out of the trash", self.restore_wished.emit)
        self.empty_button = _button("Empty the trash…", "Remove for good what is in it", self.empty_wished.emit)
        self._button_grid = grid
        self._small_buttons = (
            *(self.open_button, self.compare_button, self.alike_button, self.export_button),
            *(self.again_button, self.load_button, self.variants_button, self.folder_button),
        )
        grid.addWidget(self.trash_button, 4, 0, 1, 2)
        grid.addWidget(self.restore_button, 5, 0, 1, 2)
        grid.addWidget(self.empty_button, 6, 0, 1, 2)
        return page

    def _connect(self) -> None:
        self.stars.chosen.connect(self.stars_wished)
        self.tags.removed.connect(self.untag_wished)
        self.collections.removed.connect(self.uncollect_wished)
        self.tag_field.returnPressed.connect(lambda: self._on_typed(self.tag_field, self.tag_wished.emit))
        self.collect_field.returnPressed.connect(lambda: self._on_typed(self.collect_field, self.collect_wished.emit))

    def _show_facts(self, facts: tuple[tuple[str, str], ...]) -> None:
        _empty(self._facts)
        for row, (name, value) in enumerate(facts):
            self._facts.addWidget(label(name, "dim"), row, 0, Qt.AlignmentFlag.AlignTop)
            shown = label(value, "value", wrap=True)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._facts.addWidget(shown, row, 1)

    def _show_verdict(self, entry: Entry | None) -> None:
        _empty(self._verdict)
        is_mesh = entry is not None and entry.kind == MESH
        self._verdict_rule.setVisible(is_mesh)
        if entry is None or not is_mesh:
            return
        if not entry.verdict:
            self._verdict.addWidget(label("Not judged yet", "dim"), 0, 0)
            return
        for row, words in enumerate(PURPOSES):
            level = LEVELS.get(entry.verdict.get(words.key, ""), UNKNOWN)
            icon = QLabel()
            icon.setPixmap(level_picture(self._icons, level, self.devicePixelRatioF()))
            self._verdict.addWidget(icon, row, 0)
            self._verdict.addWidget(label(words.title, "value"), row, 1)
            shown = label(level.word, level.tone)
            shown.setToolTip(level.sentence.format(use=words.use))
            self._verdict.addWidget(shown, row, 2)

    def _show_buttons(self, is_trash: bool) -> None:
        count = len(self._chosen)
        has_meshes = any(entry.kind == MESH for entry in self._chosen)
        ended = [entry for entry in self._chosen if entry.row.state.has_ended]
        is_one = count == 1
        one = self._chosen[0] if is_one else None
        for button, is_shown, reason in (
            (self.open_button, is_one, ""),
            (
                self.compare_button,
                count < 3,
                "" if _can_compare(self._chosen) else "Choose two meshes to compare them (C)",
            ),
            (
                self.alike_button,
                is_one,
                "" if one and one.row.state is JobState.DONE else "There is nothing to compare",
            ),
            (self.export_button, True, "" if has_meshes else "There is no mesh to save"),
            (self.again_button, True, "" if ended else "It has not ended yet"),
            (self.load_button, is_one, ""),
            (self.variants_button, is_one, why_no_variants(one.row) if one else "Choose one result"),
            (self.folder_button, is_one, ""),
            (self.trash_button, True, "" if ended else "It has not ended yet"),
        ):
            button.setVisible(is_shown and not is_trash)
            self._explain(button, reason)
        shown = [button for button in self._small_buttons if not button.isHidden()]
        for place, button in enumerate(shown):
            is_last_alone = place == len(shown) - 1 and place % 2 == 0
            self._button_grid.addWidget(button, place // 2, place % 2, 1, 2 if is_last_alone else 1)
        self.restore_button.setVisible(is_trash)
        self._explain(self.restore_button, "" if count else "Choose what to bring back")

    def _explain(self, button: QPushButton, reason: str) -> None:
        """Whether it can be pressed, and why not."""
        button.setEnabled(not reason)
        button.setToolTip(reason or str(button.property("tip")))

    @Slot()
    def _on_typed(self, field: QLineEdit, wish: Callable[[str], None]) -> None:
        text = field.text().strip()
        field.clear()
        if text and self._chosen:
            wish(text)


def level_picture(icons: Icons, level: LevelWords, ratio: float) -> QPixmap:
    """The drawing of a level in its colour."""
    colours = icons.colours
    tint = {"good": colours.good, "warn": colours.warn, "bad": colours.bad}.get(level.tone, colours.faint)
    return icons.pixmap(level.icon, 16, tint, ratio)


def _can_compare(chosen: tuple[Entry, ...]) -> bool:
    return len(chosen) == 2 and all(entry.kind == MESH for entry in chosen)


def _shared(each: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Names that all of them have."""
    return tuple(name for name in each[0] if all(name in names for names in each))


def _sum_of(chosen: tuple[Entry, ...]) -> tuple[tuple[str, str], ...]:
    size = sum(entry.size_bytes or 0 for entry in chosen)
    meshes = sum(entry.kind == MESH for entry in chosen)
    return (("Meshes", f"{meshes:,}"), ("On disk", size_words(size)))


def _empty(grid: QGridLayout) -> None:
    while (item := grid.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()


def _field(placeholder: str, tip: str) -> QLineEdit:
    made = QLineEdit()
    made.setPlaceholderText(placeholder)
    made.setAccessibleName(placeholder)
    made.setToolTip(tip)
    made.setMaxLength(40)
    completer = QCompleter(QStringListModel(made), made)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    made.setCompleter(completer)
    return made


def _button(text: str, tip: str, act: Callable[[], object]) -> QPushButton:
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setProperty("tip", tip)
    made.setAccessibleName(text.rstrip("…"))
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    made.clicked.connect(lambda: act())
    return made
