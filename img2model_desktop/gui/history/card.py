"""Draws one job of the history, or one batch, as a card."""

from PySide6.QtCore import QAbstractItemModel, QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from img2model_desktop.gui.history.jobs import (
    BATCH_ROLE,
    JOB_ROLE,
    OVERALL_ROLE,
    PLACE_ROLE,
    Index,
    batch_words,
    state_words,
)
from img2model_desktop.gui.icons import Icons
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.tally import Tally

CARD = QSize(152, 124)
_GAP = 8
_PICTURE_HEIGHT = 76
_BUTTON_SIDE = 22
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


class CardDelegate(QStyledItemDelegate):
    """The picture, the title, and the state with its colour; a stop button on what waits or runs.

    Signals:
        stop_wished: (str) the button of this job was clicked.
    """

    stop_wished = Signal(str)

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002 - Qt's signature
        return QSize(CARD.width() + _GAP, CARD.height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        colours = self._icons.colours
        state: QStyle.StateFlag = option.state
        card = QRectF(option.rect.topLeft(), CARD)
        is_hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        shape = QPainterPath()
        shape.addRoundedRect(card.adjusted(1, 1, -1, -1), 7, 7)
        painter.fillPath(shape, QColor(colours.hover if is_hovered else colours.raised))
        painter.setClipPath(shape)
        tally: Tally | None = index.data(BATCH_ROLE)
        if tally is None:
            self._paint_job(painter, card, option, index)
        else:
            self._paint_batch(painter, card, option, index)
        painter.setClipping(False)
        self._paint_edge(painter, shape, state)
        painter.restore()

    def editorEvent(self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: Index) -> bool:
        row: JobRow | None = index.data(JOB_ROLE)
        if event.type() is QEvent.Type.MouseButtonRelease and isinstance(event, QMouseEvent):
            card = QRectF(option.rect.topLeft(), CARD)
            if row is not None and not row.state.has_ended and stop_button(card).contains(event.position()):
                self.stop_wished.emit(row.id)
                return True
        return super().editorEvent(event, model, option, index)

    def _paint_job(self, painter: QPainter, card: QRectF, option: QStyleOptionViewItem, index: Index) -> None:
        row: JobRow = index.data(JOB_ROLE)
        icon = "prompt" if row.request.prompt and not row.request.picture else "picture"
        is_dim = row.state not in (JobState.DONE, JobState.RUNNING) or row.is_gone
        self._paint_picture(painter, card, index.data(Qt.ItemDataRole.DecorationRole), icon, is_dim)
        is_bad = row.state is JobState.FAILED or row.is_gone
        colour = self._icons.colours.bad if row.is_gone else _state_colour(self._icons, row.state)
        line = self._paint_words(painter, card, row.title, option.font)
        self._paint_dot(painter, line, colour, is_hollow=row.is_held and row.state is JobState.QUEUED)
        self._paint_state(painter, line, state_words(row, index.data(PLACE_ROLE), index.data(OVERALL_ROLE)), is_bad)
        if row.state is JobState.RUNNING:
            self._paint_bar(painter, card, index.data(OVERALL_ROLE))
        if option.state & QStyle.StateFlag.State_MouseOver and not row.state.has_ended:
            self._paint_stop(painter, card)

    def _paint_batch(self, painter: QPainter, card: QRectF, option: QStyleOptionViewItem, index: Index) -> None:
        tally: Tally = index.data(BATCH_ROLE)
        colours = self._icons.colours
        picture = index.data(Qt.ItemDataRole.DecorationRole) or QPixmap()
        self._paint_picture(painter, card, picture, "picture", is_dim=False)
        self._paint_count(painter, card, tally.total, option.font)
        state = JobState.RUNNING if tally.running else JobState.QUEUED if tally.waiting else JobState.DONE
        line = self._paint_words(painter, card, tally.title or "Batch", option.font)
        colour = colours.warn if state is JobState.DONE and tally.failed else _state_colour(self._icons, state)
        self._paint_dot(painter, line, colour, is_hollow=bool(tally.held) and tally.held == tally.waiting)
        self._paint_state(painter, line, batch_words(tally), is_bad=False)
        if tally.ended < tally.total:
            self._paint_bar(painter, card, tally.ended / tally.total, tally.failed / tally.total)

    def _paint_picture(self, painter: QPainter, card: QRectF, picture: QPixmap, icon: str, is_dim: bool) -> None:
        area = QRectF(card.x(), card.y(), card.width(), _PICTURE_HEIGHT)
        painter.fillRect(area, QColor(self._icons.colours.base))
        if picture.isNull():
            side = 28
            drawing = self._icons.pixmap(icon, side, self._icons.colours.faint, painter.device().devicePixelRatioF())
            painter.drawPixmap(area.center() - QPointF(side / 2, side / 2), drawing)
            return
        room = area.adjusted(4, 4, -4, -4)
        size = picture.size().scaled(room.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF(room.center() - QPointF(size.width() / 2, size.height() / 2), size)
        painter.setOpacity(0.55 if is_dim else 1.0)
        painter.drawPixmap(place, picture, QRectF(picture.rect()))
        painter.setOpacity(1.0)

    def _paint_count(self, painter: QPainter, card: QRectF, count: int, font: QFont) -> None:
        """A small sheet over others, with how many there are."""
        colours = self._icons.colours
        small = QFont(font)
        small.setPointSizeF(font.pointSizeF() * 0.85)
        painter.setFont(small)
        text = f"{count:,}"
        width = painter.fontMetrics().horizontalAdvance(text) + 14
        sheet = QRectF(card.x() + 8, card.y() + 10, width, 18)
        painter.setPen(QPen(QColor(colours.line_strong), 1))
        painter.setBrush(QColor(colours.panel))
        painter.drawRoundedRect(sheet.translated(3, -3), 4, 4)
        painter.drawRoundedRect(sheet, 4, 4)
        painter.setPen(QColor(colours.text))
        painter.drawText(sheet, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_words(self, painter: QPainter, card: QRectF, title: str, font: QFont) -> QRectF:
        """The title; where the state's line is. Its font is set."""
        left, width = card.x() + 10, card.width() - 20
        painter.setFont(font)
        painter.setPen(QColor(self._icons.colours.text))
        title = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, int(width))
        painter.drawText(QRectF(left, card.y() + _PICTURE_HEIGHT + 5, width, 18), _LEFT, title)
        small = QFont(font)
        small.setPointSizeF(font.pointSizeF() * 0.9)
        painter.setFont(small)
        return QRectF(left, card.y() + _PICTURE_HEIGHT + 24, width, 18)

    def _paint_dot(self, painter: QPainter, line: QRectF, colour: str, is_hollow: bool) -> None:
        painter.setPen(QPen(QColor(colour), 1.4) if is_hollow else Qt.PenStyle.NoPen)
        painter.setBrush(Qt.BrushStyle.NoBrush if is_hollow else QColor(colour))
        radius = 2.8 if is_hollow else 3.5
        painter.drawEllipse(QPointF(line.x() + 3.5, line.center().y()), radius, radius)

    def _paint_state(self, painter: QPainter, line: QRectF, words: str, is_bad: bool) -> None:
        painter.setPen(QColor(self._icons.colours.bad if is_bad else self._icons.colours.dim))
        words = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(line.width() - 13))
        painter.drawText(line.adjusted(13, 0, 0, 0), _LEFT, words)

    def _paint_bar(self, painter: QPainter, card: QRectF, fraction: float, failed: float = 0.0) -> None:
        """How much is done, and at its end how much of that failed."""
        colours = self._icons.colours
        bar = QRectF(card.x(), card.y() + _PICTURE_HEIGHT - 3, card.width(), 3)
        painter.fillRect(bar, QColor(colours.line_strong))
        bar.setWidth(bar.width() * fraction)
        painter.fillRect(bar, QColor(colours.accent_hover if colours.dark else colours.accent))
        if failed:
            bar.setLeft(bar.right() - card.width() * failed)
            painter.fillRect(bar, QColor(colours.bad))

    def _paint_stop(self, painter: QPainter, card: QRectF) -> None:
        button = stop_button(card)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._icons.colours.panel))
        painter.drawRoundedRect(button, 5, 5)
        side = 14
        drawing = self._icons.pixmap("close", side, self._icons.colours.text, painter.device().devicePixelRatioF())
        painter.drawPixmap(button.center() - QPointF(side / 2, side / 2), drawing)

    def _paint_edge(self, painter: QPainter, shape: QPainterPath, state: QStyle.StateFlag) -> None:
        colours = self._icons.colours
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(
                QPen(QColor(colours.focus if state & QStyle.StateFlag.State_HasFocus else colours.accent), 2)
            )
        else:
            painter.setPen(QPen(QColor(colours.line), 1))
        painter.drawPath(shape)


def stop_button(card: QRectF) -> QRectF:
    """Where a card's stop button is."""
    return QRectF(card.right() - _BUTTON_SIDE - 7, card.y() + 7, _BUTTON_SIDE, _BUTTON_SIDE)


def _state_colour(icons: Icons, state: JobState) -> str:
    colours = icons.colours
    return {
        JobState.QUEUED: colours.faint,
        JobState.RUNNING: colours.accent_hover if colours.dark else colours.accent,
        JobState.DONE: colours.good,
        JobState.FAILED: colours.bad,
        JobState.STOPPED: colours.warn,
    }[state]
