"""Draws one entry of the library as a card."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from img2model_desktop.core.verdict.words import LEVELS, UNKNOWN
from img2model_desktop.gui.history.jobs import Index, engine_title
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.library.entries import ENTRY_ROLE
from img2model_desktop.gui.theme import Colours
from img2model_desktop.jobs.job_row import JobState
from img2model_desktop.jobs.shelf import MAX_STARS, Entry

NARROWEST = 168  # of a cell
GAP = 10  # between two cards
WORDS_HEIGHT = 50
PICTURE_MARGIN = 8
STAR = "★"
STATE_WORDS = {
    JobState.QUEUED: "Waiting",
    JobState.RUNNING: "Running",
    JobState.FAILED: "Failed",
    JobState.STOPPED: "Stopped",
}


class LibraryCard(QStyledItemDelegate):
    """The picture, the title, the stars; how fit it is for the purpose in use; how alike it is where that is asked.

    Args:
        alike: how much a job looks like what is looked for, or None.
    """

    def __init__(self, icons: Icons, alike: Callable[[str], float | None]) -> None:
        super().__init__()
        self._icons = icons
        self._alike = alike
        self.cell = QSize(NARROWEST, NARROWEST)
        self.purpose = "print"

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002 - Qt's signature
        return self.cell

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry: Entry | None = index.data(ENTRY_ROLE)
        if entry is None:
            return
        colours = self._icons.colours
        state: QStyle.StateFlag = option.state
        half = GAP / 2
        card = QRectF(option.rect).adjusted(half, half, -half, -half)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shape = QPainterPath()
        shape.addRoundedRect(card.adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        is_hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        painter.fillPath(shape, QColor(colours.hover if is_hovered else colours.raised))
        painter.setClipPath(shape)
        area = card.adjusted(0, 0, 0, -WORDS_HEIGHT)
        painter.fillRect(area, QColor(colours.base))
        painter.setClipping(False)  # what follows stays inside, and is drawn much faster so
        self._paint_picture(painter, area, index.data(Qt.ItemDataRole.DecorationRole), entry)
        self._paint_words(painter, card, entry, option.font)
        _paint_edge(painter, shape, state, colours)
        painter.restore()

    def _paint_picture(self, painter: QPainter, area: QRectF, picture: QPixmap | None, entry: Entry) -> None:
        has_ended_well = entry.row.state is JobState.DONE
        if picture is None or picture.isNull():
            name = "prompt" if entry.row.request.prompt and not entry.row.request.picture else "picture"
            icon = self._icons.icon(name, self._icons.colours.faint)
            icon.paint(painter, QRect(area.center().toPoint() - QPoint(16, 16), QSize(32, 32)))
            return
        size = picture.deviceIndependentSize()
        corner = area.center() - QPointF(size.width() / 2, size.height() / 2)
        painter.setOpacity(1.0 if has_ended_well else 0.4)
        painter.drawPixmap(corner.toPoint(), picture)
        painter.setOpacity(1.0)

    def _paint_words(self, painter: QPainter, card: QRectF, entry: Entry, font: QFont) -> None:
        colours = self._icons.colours
        left, width = card.x() + 10, card.width() - 20
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        title = painter.fontMetrics().elidedText(entry.row.title, Qt.TextElideMode.ElideRight, int(width))
        middle = Qt.AlignmentFlag.AlignVCenter
        top = card.bottom() - WORDS_HEIGHT
        painter.drawText(QRectF(left, top + 6, width, 18), middle | Qt.AlignmentFlag.AlignLeft, title)
        line = QRectF(left, top + 25, width, 18)
        small = QFont(font)
        small.setPointSizeF(font.pointSizeF() * 0.9)
        painter.setFont(small)
        right = self._paint_right(painter, line, entry)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._tint(entry)))
        painter.drawEllipse(QPointF(left + 3.5, line.center().y()), 3.5, 3.5)
        painter.setPen(QColor(colours.bad if entry.row.state is JobState.FAILED else colours.dim))
        room = line.adjusted(13, 0, -right - 4, 0)
        words = painter.fontMetrics().elidedText(_words(entry), Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignLeft, words)

    def _paint_right(self, painter: QPainter, line: QRectF, entry: Entry) -> float:
        """Stars, or how alike it is; the width that it takes."""
        alike = self._alike(entry.row.id)
        text = STAR * min(entry.row.stars, MAX_STARS) if alike is None else f"{max(alike, 0) * 100:.0f} %"
        painter.setPen(QColor(self._icons.colours.warn if alike is None else self._icons.colours.dim))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, text)
        return float(painter.fontMetrics().horizontalAdvance(text))

    def _tint(self, entry: Entry) -> str:
        colours = self._icons.colours
        if entry.row.state is JobState.FAILED:
            return colours.bad
        if entry.row.state is JobState.STOPPED:
            return colours.warn
        tone = LEVELS.get(entry.verdict.get(self.purpose, ""), UNKNOWN).tone
        return {"good": colours.good, "warn": colours.warn, "bad": colours.bad}.get(tone, colours.faint)


def _words(entry: Entry) -> str:
    """How it stands, or what made it."""
    if entry.row.state is not JobState.DONE:
        return STATE_WORDS[entry.row.state]
    return engine_title(entry.row.engine) or "Done"


def _paint_edge(painter: QPainter, shape: QPainterPath, state: QStyle.StateFlag, colours: Colours) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if state & QStyle.StateFlag.State_Selected:
        has_focus = state & QStyle.StateFlag.State_HasFocus
        painter.setPen(QPen(QColor(colours.focus if has_focus else colours.accent), 2))
    else:
        painter.setPen(QPen(QColor(colours.line), 1))
    painter.drawPath(shape)
