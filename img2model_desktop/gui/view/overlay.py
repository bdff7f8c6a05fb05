"""What lies over the 3D picture: axis gizmo, captions, notes, hint; sized in logical pixels.

A widget of its own, so that its letters are as crisp as the rest of the window and it still speaks when the
picture behind it cannot be drawn.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen, QRadialGradient
from PySide6.QtWidgets import QWidget

from img2model_desktop.gui.view.ruler import draw_ruler
from img2model_desktop.render.camera import Camera, Point
from img2model_desktop.render.look import Colour, Ground

AXIS_COLOURS = (QColor("#f0525a"), QColor("#6fbf46"), QColor("#3f8cf3"))  # x, y, z, as modelling programs have them
AXIS_LETTERS = ("X", "Y", "Z")
GIZMO_PX = 84
MARGIN_PX = 12
_ARM_PX = 28.0
_BALL_PX = 8.5


@dataclass(frozen=True, slots=True)
class Overlaid:
    """What is written over the picture.

    Args:
        camera: that the gizmo shows, or None for no gizmo.
        captions: lines for the corner, each a dim word and a clear value.
        note: one line about something missing, or "".
        hint: for the middle of an empty view, or "".
        problem: why there is no picture, in the middle, or "".
        chip: which of two versions is shown, or "".
        legend: a colour and what it means, each.
        labels: words at places of the mesh's space.
        ruler: the ruler's ends, none to two.
        hovered: where a click would set an end, and whether that is a corner of the mesh.
    """

    camera: Camera | None = None
    captions: tuple[tuple[str, str], ...] = ()
    note: str = ""
    hint: str = ""
    problem: str = ""
    chip: str = ""
    legend: tuple[tuple[Colour, str], ...] = ()
    labels: tuple[tuple[Point, str], ...] = ()
    ruler: tuple[Point, ...] = ()
    hovered: tuple[Point, bool] | None = None

    @property
    def follows_camera(self) -> bool:
        """Whether more than the gizmo changes when the camera moves."""
        return bool(self.labels or self.ruler or self.hovered)


class Overlay(QWidget):
    """Lies over the 3D view and lets the mouse through."""

    def __init__(self, parent: QWidget, ground: Ground) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._shown = Overlaid()
        self._ground = ground

    @property
    def shown(self) -> Overlaid:
        """What is written now."""
        return self._shown

    def show_state(self, shown: Overlaid, ground: Ground) -> None:
        """Writes something else; only the gizmo's corner is painted again when only the camera moved."""
        before, self._shown = self._shown, shown
        is_same = replace(before, camera=None) == replace(shown, camera=None) and ground is self._ground
        if is_same and (before.camera is None) == (shown.camera is None):
            if shown.camera is not None and shown.camera != before.camera:
                area = QRectF(self.rect())
                self.update((area if shown.follows_camera else _gizmo_field(area)).toAlignedRect())
            return
        self._ground = ground
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Called by Qt."""
        shown, ground, area = self._shown, self._ground, QRectF(self.rect())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if shown.problem:
            painter.fillRect(area, _colour(ground.bottom))
            draw_hint(painter, area, shown.problem, ground)
        elif shown.hint:
            draw_hint(painter, area, shown.hint, ground)
        if shown.camera is not None and not shown.problem:
            draw_axes(painter, area, shown.camera, ground)
        is_gizmo_only = _gizmo_field(area).toAlignedRect().contains(event.rect())
        if shown.camera is not None and not shown.problem and not is_gizmo_only:
            draw_caption(painter, area, shown.captions, ground)
            draw_legend(painter, area, shown.legend, ground)
            for place, text in shown.labels:
                draw_label(painter, area, shown.camera, place, text, ground)
            if shown.ruler or shown.hovered:
                draw_ruler(painter, shown.ruler, shown.hovered, shown.camera, area, ground)
            if shown.note or shown.chip:
                draw_note(painter, area, "  ·  ".join(word for word in (shown.chip, shown.note) if word), ground)
        painter.end()


def _gizmo_field(area: QRectF) -> QRectF:
    return QRectF(area.left() + MARGIN_PX, area.bottom() - MARGIN_PX - GIZMO_PX, GIZMO_PX, GIZMO_PX)


def draw_axes(painter: QPainter, area: QRectF, camera: Camera, ground: Ground) -> None:
    """The three axes as the camera sees them, in the lower left corner of `area`."""
    field = _gizmo_field(area)
    centre = field.center()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_colour((0.0, 0.0, 0.0) if ground.is_dark else (1.0, 1.0, 1.0), 0.16 if ground.is_dark else 0.5))
    painter.drawEllipse(field)
    seen = camera.axes.T  # row k: where axis k points, as right, up, towards the viewer
    ends = [(float(seen[k, 2]), k, 1) for k in range(3)] + [(float(-seen[k, 2]), k, -1) for k in range(3)]
    for _, axis, sign in sorted(ends):
        _draw_axis_end(painter, centre, sign * seen[axis], axis, sign > 0, ground)


def _draw_axis_end(
    painter: QPainter, centre: QPointF, toward: NDArray[np.float64], axis: int, is_positive: bool, ground: Ground
) -> None:
    end = centre + QPointF(toward[0], -toward[1]) * _ARM_PX
    near = 0.5 + 0.5 * float(toward[2])  # 0 farthest, 1 nearest
    back = _colour(ground.bottom)
    colour = _mixed(AXIS_COLOURS[axis], back, 0.45 * (1 - near))
    if not is_positive:
        painter.setPen(QPen(colour, 1.4))
        painter.setBrush(_mixed(colour, back, 0.72))
        painter.drawEllipse(end, _BALL_PX * 0.55, _BALL_PX * 0.55)
        return
    painter.setPen(QPen(colour, 2.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawLine(centre, end)
    ball = QRadialGradient(end - QPointF(2.5, 3.0), _BALL_PX * 1.7)
    ball.setColorAt(0.0, colour.lighter(122))
    ball.setColorAt(1.0, colour)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ball)
    painter.drawEllipse(end, _BALL_PX, _BALL_PX)
    font = QFont(painter.font())
    font.setPixelSize(11)
    font.setWeight(QFont.Weight.Bold)
    painter.save()
    painter.setFont(font)
    painter.setPen(QColor(255, 255, 255) if not ground.is_dark else QColor(16, 17, 20))
    box = QRectF(end.x() - _BALL_PX, end.y() - _BALL_PX, 2 * _BALL_PX, 2 * _BALL_PX)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, AXIS_LETTERS[axis])
    painter.restore()


def draw_caption(painter: QPainter, area: QRectF, lines: tuple[tuple[str, str], ...], ground: Ground) -> None:
    """Small right-aligned lines in the lower right corner of `area`, each a dim word and a clear value."""
    font = QFont(painter.font())
    font.setPixelSize(12)
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    line_px = metrics.height() + 3
    y = area.bottom() - MARGIN_PX - line_px * len(lines)
    for word, value in lines:
        right = area.right() - MARGIN_PX
        value_px = metrics.horizontalAdvance(value)
        base = y + metrics.ascent() + 2
        word_at = QPointF(right - value_px - 8 - metrics.horizontalAdvance(word), base)
        _draw_words(painter, QPointF(right - value_px, base), value, 1.0, ground)
        _draw_words(painter, word_at, word, 0.62, ground)
        y += line_px


def _draw_words(painter: QPainter, at: QPointF, text: str, opacity: float, ground: Ground) -> None:
    """Words with a soft rim in the ground's colour: they stay legible over a mesh that fills the view."""
    painter.setPen(_colour(ground.bottom, 0.6))
    for x, y in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        painter.drawText(at + QPointF(x, y), text)
    painter.setPen(_colour(ground.text, opacity))
    painter.drawText(at, text)


def draw_note(painter: QPainter, area: QRectF, text: str, ground: Ground) -> None:
    """One line in a rounded field near the upper edge, for something missing that explains what is seen."""
    font = QFont(painter.font())
    font.setPixelSize(13)
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    width = metrics.horizontalAdvance(text) + 28
    field = QRectF(area.center().x() - width / 2, area.top() + MARGIN_PX, width, metrics.height() + 12)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_colour((0.05, 0.05, 0.06) if ground.is_dark else (1.0, 1.0, 1.0), 0.72))
    painter.drawRoundedRect(field, 6, 6)
    painter.setPen(_colour(ground.text))
    painter.drawText(field, Qt.AlignmentFlag.AlignCenter, text)


def draw_legend(painter: QPainter, area: QRectF, lines: tuple[tuple[Colour, str], ...], ground: Ground) -> None:
    """Colours and what they mean, in the upper left corner of `area`."""
    font = QFont(painter.font())
    font.setPixelSize(13)
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    line_px = metrics.height() + 12
    y = area.top() + MARGIN_PX
    for colour, text in lines:
        field = QRectF(area.left() + MARGIN_PX, y, metrics.horizontalAdvance(text) + 40, line_px)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_colour((0.05, 0.05, 0.06) if ground.is_dark else (1.0, 1.0, 1.0), 0.72))
        painter.drawRoundedRect(field, 6, 6)
        painter.setBrush(_colour(colour))
        painter.drawRoundedRect(QRectF(field.left() + 10, field.center().y() - 6, 12, 12), 3, 3)
        painter.setPen(_colour(ground.text))
        painter.drawText(field.adjusted(30, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        y += line_px + 4


def draw_label(painter: QPainter, area: QRectF, camera: Camera, place: Point, text: str, ground: Ground) -> None:
    """Words centred above a place of the mesh's space."""
    ((x, y, _),) = camera.on_screen(np.array([place]), area.width(), area.height())
    if x != x:
        return
    font = QFont(painter.font())
    font.setPixelSize(12)
    painter.setFont(font)
    field = QRectF(0, 0, QFontMetricsF(font).horizontalAdvance(text) + 14, 20)
    field.moveCenter(QPointF(x, y - 14))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_colour((0.05, 0.05, 0.06) if ground.is_dark else (1.0, 1.0, 1.0), 0.72))
    painter.drawRoundedRect(field, 5, 5)
    painter.setPen(_colour(ground.text))
    painter.drawText(field, Qt.AlignmentFlag.AlignCenter, text)


def draw_hint(painter: QPainter, area: QRectF, text: str, ground: Ground) -> None:
    """A quiet text in the middle of an empty view, under the outline of a cube."""
    centre = area.center()
    pen = QPen(_colour(ground.text, 0.38), 1.6)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    top = centre - QPointF(0, 44)
    side = 26.0
    rim = [top + QPointF(np.sin(k * np.pi / 3), -np.cos(k * np.pi / 3)) * side for k in range(6)]
    painter.drawPolygon(rim)
    for k in (1, 3, 5):
        painter.drawLine(top, rim[k])
    font = QFont(painter.font())
    font.setPixelSize(14)
    painter.setFont(font)
    painter.setPen(_colour(ground.text, 0.72))
    box = QRectF(area.left() + 24, centre.y() + 4, area.width() - 48, area.height() / 2 - 12)
    painter.drawText(box, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap, text)


def _colour(colour: Colour, alpha: float = 1.0) -> QColor:
    return QColor.fromRgbF(colour[0], colour[1], colour[2], alpha)


def _mixed(colour: QColor, other: QColor, share: float) -> QColor:
    keep = 1 - share
    return QColor.fromRgbF(
        keep * colour.redF() + share * other.redF(),
        keep * colour.greenF() + share * other.greenF(),
        keep * colour.blueF() + share * other.blueF(),
    )
