"""A ruler between two points on the surface: what it holds, and how it is drawn over the picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from img2model_desktop.core.face_blocks import FaceBlocks
from img2model_desktop.core.picking import Ray, first_hit, nearest_corner
from img2model_desktop.render.camera import Camera, Point
from img2model_desktop.render.look import Ground

SNAP_PX = 7.0
GRAB_PX = 11.0
AXIS_TINTS = ("#f0525a", "#6fbf46", "#3f8cf3")  # as the gizmo has them

Spot = NDArray[np.float64]  # `(3,)`, metres


@dataclass(frozen=True, slots=True)
class Picked:
    """A point on the surface.

    Args:
        point: `(3,) float64`, metres.
        is_corner: whether it snapped to a corner of the mesh.
    """

    point: Spot
    is_corner: bool


def picked(
    blocks: FaceBlocks, camera: Camera, at: QPointF, size: tuple[int, int], clip: NDArray[np.float64] | None = None
) -> Picked | None:
    """What is under a place of the view: a corner within `SNAP_PX`, else the surface, else None.

    Args:
        blocks: the mesh.
        camera: that sees it.
        at: in the view, from its upper left corner.
        size: of the view, in the same unit.
        clip: of a section, see `core.picking.first_hit`.
    """
    ray = Ray(camera.position, camera.sight_line(at.x(), at.y(), *size))
    pixel = 2 * camera.half_extent(*size)[1] / size[1]
    corner = nearest_corner(blocks, ray, SNAP_PX * pixel, clip)
    if corner is not None:
        return Picked(corner, is_corner=True)
    hit = first_hit(blocks, ray, clip)
    return Picked(hit.point, is_corner=False) if hit is not None else None


class Ruler:
    """Two points, set one after the other; a third click begins anew."""

    def __init__(self) -> None:
        self.ends: list[Spot] = []
        self.hovered: Picked | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no point is set."""
        return not self.ends

    def clear(self) -> None:
        """Takes both points away."""
        self.ends.clear()
        self.hovered = None

    def set_next(self, point: Spot) -> None:
        """Sets the next point."""
        if len(self.ends) >= 2:
            self.ends.clear()
        self.ends.append(point)

    def move(self, end: int, point: Spot) -> None:
        """Puts an end elsewhere."""
        self.ends[end] = point

    def end_at(self, at: QPointF, camera: Camera, size: tuple[int, int]) -> int | None:
        """Which end lies within `GRAB_PX` of a place of the view."""
        for number, (x, y, _) in enumerate(camera.on_screen(np.array(self.ends).reshape(-1, 3), *size)):
            if np.hypot(x - at.x(), y - at.y()) <= GRAB_PX:
                return number
        return None

    @property
    def line(self) -> tuple[Spot, ...]:
        """The points to draw: those set and, while the second is sought, the one under the pointer."""
        if len(self.ends) == 1 and self.hovered is not None:
            return (self.ends[0], self.hovered.point)
        return tuple(self.ends)


def length_text(metres: float) -> str:
    """A distance as a maker writes it: hundredths of a millimetre as long as they mean something."""
    mm = abs(metres) * 1000
    if mm >= 10_000:
        return f"{mm / 1000:.3f} m"
    digits = 2 if mm < 100 else 1
    return f"{mm:.{digits}f} mm"


def place_on_axis(metres: float) -> str:
    """A coordinate, with its sign."""
    text = length_text(metres)
    return f"−{text}" if metres < 0 and any(digit in text for digit in "123456789") else text


def parts_text(step: Spot) -> tuple[str, str, str]:
    """How far along x, y and z, without the unit when it is the millimetre."""
    x, y, z = (length_text(float(value)).removesuffix(" mm") for value in step)
    return x, y, z


def draw_ruler(
    painter: QPainter,
    line: tuple[Point, ...],
    hovered: tuple[Point, bool] | None,
    camera: Camera,
    area: QRectF,
    ground: Ground,
) -> None:
    """The line with its ends and its length; a ring where a click would set a point."""
    size = (area.width(), area.height())
    ink = QColor(255, 255, 255) if ground.is_dark else QColor(24, 26, 32)
    halo = QColor(0, 0, 0, 150) if ground.is_dark else QColor(255, 255, 255, 200)
    spots = [QPointF(x, y) for x, y, _ in camera.on_screen(np.array(line).reshape(-1, 3), *size) if x == x]
    if len(spots) == len(line) == 2:
        for pen in (QPen(halo, 5.0), QPen(ink, 1.8)):
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawLine(spots[0], spots[1])
    for spot in spots:
        _draw_end(painter, spot, ink, halo)
    if hovered is not None:
        _draw_hover(painter, hovered, camera, area, ink, halo)
    if len(spots) == len(line) == 2:
        _draw_length(painter, line, spots, area, ground)


def _draw_end(painter: QPainter, spot: QPointF, ink: QColor, halo: QColor) -> None:
    painter.setPen(QPen(halo, 5.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(spot, 5.0, 5.0)
    painter.setPen(QPen(ink, 1.8))
    painter.setBrush(QColor(74, 105, 240))
    painter.drawEllipse(spot, 5.0, 5.0)


def _draw_hover(
    painter: QPainter, hovered: tuple[Point, bool], camera: Camera, area: QRectF, ink: QColor, halo: QColor
) -> None:
    point, is_corner = hovered
    ((x, y, _),) = camera.on_screen(np.array([point]), area.width(), area.height())
    if x != x:
        return
    spot = QPointF(x, y)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (QPen(halo, 4.0), QPen(ink, 1.5)):
        painter.setPen(pen)
        if is_corner:
            painter.drawRect(QRectF(x - 6, y - 6, 12, 12))
        else:
            painter.drawEllipse(spot, 6.0, 6.0)


def _draw_length(
    painter: QPainter, line: tuple[Point, ...], spots: list[QPointF], area: QRectF, ground: Ground
) -> None:
    """The length in a field beside the middle of the line, with its parts along the axes below it."""
    step = np.array(line[1]) - line[0]
    large, small = QFont(painter.font()), QFont(painter.font())
    large.setPixelSize(14)
    large.setWeight(QFont.Weight.DemiBold)
    small.setPixelSize(12)
    whole = length_text(float(np.linalg.norm(step)))
    words = [f"Δ{axis} {text}" for axis, text in zip("xyz", parts_text(step), strict=True)]
    widths = [QFontMetricsF(small).horizontalAdvance(word) for word in words]
    inner = max(QFontMetricsF(large).horizontalAdvance(whole), sum(widths) + 20)
    field = QRectF(0, 0, inner + 24, 48)
    field.moveCenter(_beside(spots, field))
    field.moveLeft(min(max(field.left(), area.left() + 8), area.right() - 8 - field.width()))
    field.moveTop(min(max(field.top(), area.top() + 8), area.bottom() - 8 - field.height()))
    painter.setPen(QPen(QColor(255, 255, 255, 40) if ground.is_dark else QColor(0, 0, 0, 40), 1.0))
    painter.setBrush(QColor(20, 21, 24, 225) if ground.is_dark else QColor(255, 255, 255, 235))
    painter.drawRoundedRect(field, 7, 7)
    painter.setFont(large)
    painter.setPen(QColor(240, 240, 244) if ground.is_dark else QColor(24, 26, 32))
    upper = QRectF(field.left(), field.top() + 5, field.width(), 20)
    painter.drawText(upper, Qt.AlignmentFlag.AlignCenter, whole)
    painter.setFont(small)
    x = field.center().x() - (sum(widths) + 20) / 2
    for word, width, tint in zip(words, widths, AXIS_TINTS, strict=True):
        colour = QColor(tint)
        painter.setPen(colour.lighter(118) if ground.is_dark else colour.darker(140))
        painter.drawText(QPointF(x, field.bottom() - 9), word)
        x += width + 10


def _beside(spots: list[QPointF], field: QRectF) -> QPointF:
    """The middle of a field that lies beside the line between two places, above it where there is a choice."""
    middle = (spots[0] + spots[1]) / 2
    way = spots[1] - spots[0]
    length = float(np.hypot(way.x(), way.y())) or 1.0
    normal = QPointF(way.y() / length, -way.x() / length)
    if normal.y() > 0:
        normal = -normal
    room = abs(normal.x()) * field.width() / 2 + abs(normal.y()) * field.height() / 2 + 12
    return middle + normal * room
