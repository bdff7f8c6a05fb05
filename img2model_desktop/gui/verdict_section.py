"""The top of the right panel: what the mesh is fit for, at a glance, and what is being done to it."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from img2model_desktop.core.verdict.words import LEVELS, PURPOSES, UNKNOWN, PurposeWords, words_of
from img2model_desktop.gui.controls import ElidedLabel, set_tone
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import RADIUS, SPACE

if TYPE_CHECKING:  # they bring numpy, which the window's start does without
    from img2model_desktop.core.verdict.findings import Verdict

_CHIP = QSize(60, 52)
_ROW_PX = 32
_BAR_PX = 2


def sentence_of(level: str, purpose: str, verdict: "Verdict | None") -> str:
    """The verdict for one purpose in a few words, with the number of fixes or notes."""
    if verdict is None:
        return UNKNOWN.sentence
    words = LEVELS[level]
    said = words.sentence.format(use=words_of(purpose).use)
    kinds = [finding.severity[key] for finding in verdict.findings for key in finding.severity if key == purpose]
    fixes, notes = kinds.count("fix"), kinds.count("note")  # type: ignore[arg-type]  # their values, without numpy
    if words.tone == "warn":
        return said.replace("after fixes", f"after {fixes} fix{'es' if fixes > 1 else ''}")
    return f"{said}, {notes} note{'s' if notes > 1 else ''}" if notes and words.tone == "good" else said


class PurposeChip(QAbstractButton):
    """One purpose: its name, a drawing and a word for how fit the mesh is; all of them say the same."""

    def __init__(self, words: PurposeWords, icons: Icons) -> None:
        super().__init__()
        self._words = words
        self._icons = icons
        self._level = UNKNOWN
        self.setText(words.title)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.show_level(None)

    @property
    def word(self) -> str:
        """How fit the mesh is, in one or two words."""
        return self._level.word

    def show_level(self, level: str | None, told: str = "") -> None:
        """How fit the mesh is for this purpose, a value of `Level`; None: not known."""
        self._level = LEVELS[level] if level is not None else UNKNOWN
        said = told or UNKNOWN.sentence
        self.setAccessibleName(f"{self._words.title}: {said}")
        self.setToolTip(f"{said}\n{self._words.help}")
        self.update()

    def sizeHint(self) -> QSize:
        return _CHIP

    def minimumSizeHint(self) -> QSize:
        return _CHIP

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - Qt's signature
        colours = self._icons.colours
        tint = QColor(getattr(colours, self._level.tone))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        ground = QColor(colours.hover if self.underMouse() and self.isEnabled() else colours.raised)
        edge = QPen(QColor(colours.line_strong), 1)
        if self.isChecked():
            edge = QPen(tint if self._level is not UNKNOWN else QColor(colours.dim), 2)
        if self.hasFocus():
            edge = QPen(QColor(colours.focus), 2)
        painter.setPen(edge)
        painter.setBrush(ground)
        painter.drawRoundedRect(area, RADIUS, RADIUS)
        self._paint_words(painter, tint)
        painter.end()

    def _paint_words(self, painter: QPainter, tint: QColor) -> None:
        colours = self._icons.colours
        title = QFont(self.font())
        title.setBold(self.isChecked())
        painter.setFont(title)
        painter.setPen(QColor(colours.text if self.isEnabled() else colours.faint))
        width = self.width()
        painter.drawText(QRectF(0, 6, width, 20), Qt.AlignmentFlag.AlignCenter, self._words.title)
        small = QFont(self.font())
        small.setPointSizeF(self.font().pointSizeF() * 0.88)
        painter.setFont(small)
        metrics = painter.fontMetrics()
        side, gap = 14, 3
        left = (width - side - gap - metrics.horizontalAdvance(self._level.word)) / 2
        if self._level is UNKNOWN:
            left = (width - side) / 2
        drawing = self._icons.pixmap(self._level.icon, side, tint.name(), self.devicePixelRatioF())
        painter.drawPixmap(int(left), 29, drawing)
        if self._level is not UNKNOWN:
            painter.setPen(tint)
            room = QRectF(int(left) + side + gap, 27, width, 18)
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self._level.word)


class StatusRow(QWidget):
    """One line of fixed height: the verdict in words, or what is under way with how far it is and its Cancel.

    Signals:
        pressed: its button, Cancel or Check now.
    """

    pressed = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._drawing = ""
        self._tone = "dim"
        self._fraction: float | None = None
        self._icon = QLabel()
        self._icon.setFixedSize(16, 16)
        self._text = ElidedLabel("value")
        self.button = QPushButton()
        self.button.setObjectName("small")
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 0, _BAR_PX)
        row.setSpacing(6)
        row.addWidget(self._icon)
        row.addWidget(self._text, 1)
        row.addWidget(self.button)
        self.setFixedHeight(_ROW_PX)
        self.button.clicked.connect(self.pressed)

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def say(self, text: str, drawing: str, tone: str, button: str = "", help_text: str = "") -> None:
        """Something that holds until it is said otherwise."""
        self._fraction = None
        self._show(text, drawing, tone, button, help_text)

    def say_busy(self, text: str, help_text: str) -> None:
        """Something that is under way."""
        if self._fraction is None:
            self._fraction = 0.0
        self._show(text, "", "dim", "Cancel", help_text)

    @Slot(float)
    def move_to(self, fraction: float) -> None:
        """How far what is under way is, 0..1."""
        if self._fraction is not None:
            self._fraction = fraction
            self.update()

    def retint(self) -> None:
        """The icon again, in the theme's colours."""
        self._icon.setVisible(bool(self._drawing))
        if self._drawing:
            tint = getattr(self._icons.colours, self._tone)
            self._icon.setPixmap(self._icons.pixmap(self._drawing, 16, tint, self.devicePixelRatioF()))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._fraction is None:
            return
        colours = self._icons.colours
        painter = QPainter(self)
        bar = QRectF(0, self.height() - _BAR_PX, self.width(), _BAR_PX)
        painter.fillRect(bar, QColor(colours.line_strong))
        bar.setWidth(bar.width() * self._fraction)
        painter.fillRect(bar, QColor(colours.accent_hover if colours.dark else colours.accent))
        painter.end()

    def _show(self, text: str, drawing: str, tone: str, button: str, help_text: str) -> None:
        self._drawing, self._tone = drawing, tone
        self._text.show_text(text)
        set_tone(self._text, tone if tone in ("dim", "good", "warn", "bad") else "value")
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self.button.setToolTip(help_text)
        self.setAccessibleName(text)
        self.retint()
        self.update()


class VerdictSection(QWidget):
    """Four chips, one of them chosen, and the status row.

    Signals:
        purpose_chosen: (str) the user chose another purpose.
        stop_wished: what is under way shall end.
        check_wished: the mesh shall be judged.
    """

    purpose_chosen = Signal(str)
    stop_wished = Signal()
    check_wished = Signal()

    def __init__(self, icons: Icons, purpose: str) -> None:
        super().__init__()
        self._verdict: Verdict | None = None
        self._has_mesh = False
        self._is_busy = False
        self.chips = {words.key: PurposeChip(words, icons) for words in PURPOSES}
        self.status = StatusRow(icons)
        self._group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(SPACE // 2)
        for chip in self.chips.values():
            self._group.addButton(chip)
            row.addWidget(chip)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addLayout(row)
        column.addWidget(self.status)
        self.chips[words_of(purpose).key].setChecked(True)
        self._group.buttonClicked.connect(self._on_clicked)
        self.status.pressed.connect(lambda: (self.stop_wished if self._is_busy else self.check_wished).emit())
        self.show_verdict(None, has_mesh=False)

    @property
    def purpose(self) -> str:
        """Value of the chosen `Purpose`."""
        return next(key for key, chip in self.chips.items() if chip.isChecked())

    def show_verdict(self, verdict: "Verdict | None", has_mesh: bool) -> None:
        """The verdict on the mesh, or none."""
        self._verdict, self._has_mesh = verdict, has_mesh
        for key, chip in self.chips.items():
            level = self._level(key)
            chip.show_level(level, sentence_of(level, key, verdict) if level else "")
        self._show_status()

    def show_busy(self, doing: str) -> None:
        """What is under way, or ""."""
        self._is_busy = bool(doing)
        if doing:
            self.status.say_busy(doing, "Stop this; the mesh stays as it is")
        else:
            self._show_status()

    def retint(self) -> None:
        """In the theme's colours."""
        self.status.retint()
        for chip in self.chips.values():
            chip.update()

    def _level(self, purpose: str) -> str | None:
        if self._verdict is None:
            return None
        from img2model_desktop.core.verdict.findings import Purpose

        return self._verdict.level(Purpose(purpose)).value

    @Slot()
    def _on_clicked(self) -> None:
        self._show_status()
        self.purpose_chosen.emit(self.purpose)

    def _show_status(self) -> None:
        if self._is_busy:
            return
        level = self._level(self.purpose)
        if level is not None:
            words = LEVELS[level]
            self.status.say(sentence_of(level, self.purpose, self._verdict), words.icon, words.tone)
        elif self._has_mesh:
            self.status.say("Not checked yet", UNKNOWN.icon, "dim", "Check now", "Check what this mesh is fit for")
        else:
            self.status.say("No mesh to check yet", "", "dim")
