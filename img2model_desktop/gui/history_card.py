"""Draws one job of the history as a card."""

from PySide6.QtCore import QAbstractItemModel, QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from img2model_desktop.gui.history_model import JOB_ROLE, Index, overall, state_words
from img2model_desktop.gui.icons import Icons
from img2model_desktop.jobs.job_row import JobRow, JobState

CARD = QSize(152, 124)
_GAP = 8
_PICTURE_HEIGHT = 76
_BUTTON_SIDE = 22


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
        row: JobRow = index.data(JOB_ROLE)
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
        self._paint_picture(painter, card, index.data(Qt.ItemDataRole.DecorationRole), row)
        self._paint_words(painter, card, row, option.font)
        if row.state is JobState.RUNNING:
            self._paint_bar(painter, card, overall(row))
        if is_hovered and not row.state.has_ended:
            self._paint_stop(painter, card)
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

    def _paint_picture(self, painter: QPainter, card: QRectF, picture: QPixmap, row: JobRow) -> None:
        area = QRectF(card.x(), card.y(), card.width(), _PICTURE_HEIGHT)
        painter.fillRect(area, QColor(self._icons.colours.base))
        if picture.isNull():
            side = 28
            name = "prompt" if row.request.prompt and not row.request.picture else "picture"
            drawing = self._icons.pixmap(name, side, self._icons.colours.faint, painter.device().devicePixelRatioF())
            painter.drawPixmap(area.center() - QPointF(side / 2, side / 2), drawing)
            return
        room = area.adjusted(4, 4, -4, -4)
        size = picture.size().scaled(room.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF(room.center() - QPointF(size.width() / 2, size.height() / 2), size)
        painter.setOpacity(1.0 if row.state in (JobState.DONE, JobState.RUNNING) else 0.55)
        painter.drawPixmap(place, picture, QRectF(picture.rect()))
        painter.setOpacity(1.0)

    def _paint_words(self, painter: QPainter, card: QRectF, row: JobRow, font: QFont) -> None:
        colours = self._icons.colours
        left, width = card.x() + 10, card.width() - 20
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        title = painter.fontMetrics().elidedText(row.title, Qt.TextElideMode.ElideRight, int(width))
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(left, card.y() + _PICTURE_HEIGHT + 5, width, 18), flags, title)
        small = QFont(font)
        small.setPointSizeF(font.pointSizeF() * 0.9)
        painter.setFont(small)
        line = QRectF(left, card.y() + _PICTURE_HEIGHT + 24, width, 18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(_state_colour(self._icons, row.state)))
        painter.drawEllipse(QPointF(left + 3.5, line.center().y()), 3.5, 3.5)
        painter.setPen(QColor(colours.bad if row.state is JobState.FAILED else colours.dim))
        words = painter.fontMetrics().elidedText(state_words(row), Qt.TextElideMode.ElideRight, int(width - 13))
        painter.drawText(line.adjusted(13, 0, 0, 0), flags, words)

    def _paint_bar(self, painter: QPainter, card: QRectF, fraction: float) -> None:
        colours = self._icons.colours
        bar = QRectF(card.x(), card.y() + _PICTURE_HEIGHT - 3, card.width(), 3)
        painter.fillRect(bar, QColor(colours.line_strong))
        bar.setWidth(bar.width() * fraction)
        painter.fillRect(bar, QColor(colours.accent_hover if colours.dark else colours.accent))

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
