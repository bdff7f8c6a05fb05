"""The picture, as the engine will see it, and the brush that mends its cut-out."""

from dataclasses import replace
from enum import StrEnum

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from img2model_desktop.core.request import Stroke
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import SPACE

BRUSH_RADII = (0.005, 0.25)  # of the picture's longer side
BRUSH_STEP = 1.25  # a press of [ or ] changes the radius by this factor
_DEFAULT_RADIUS = 0.03
_ZOOMS = (1.0, 16.0)
_CELL_PX = 8  # of the checkerboard
_GHOST = 0.28  # how much of the original shows through while a brush is in hand
_POINT_EVERY = 0.2  # of the radius: closer points would make strokes heavy and change nothing
_MARGIN_PX = 12


class Tool(StrEnum):
    """What the left mouse button does."""

    LOOK = "look"
    ADD = "add"
    REMOVE = "remove"


class CutoutCanvas(QWidget):
    """Shows the original or the cut-out; takes brush strokes; zooms with the wheel.

    Signals:
        strokes_changed: a stroke was painted, undone, redone, or all were cleared.
        brush_changed: the tool or the radius is another one.
        browse_wished: the empty canvas was clicked.
    """

    strokes_changed = Signal()
    brush_changed = Signal()
    browse_wished = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._original: QPixmap | None = None
        self._cut: QPixmap | None = None
        self._shows_original = False
        self._is_drop_target = False
        self._note = ""
        self._is_waiting = False
        self._invitation = (
            "picture",
            "Drop a picture here",
            "Click to browse, paste with Ctrl+V,\nor try a sample below.",
        )
        self._tool = Tool.LOOK
        self._radius = _DEFAULT_RADIUS
        self._states: list[tuple[Stroke, ...]] = [()]
        self._state = 0
        self._settled: tuple[Stroke, ...] = ()  # the strokes that the shown cut-out already has
        self._painting: Stroke | None = None
        self._zoom = 1.0
        self._centre = QPointF(0.5, 0.5)  # of the view, in units of the picture's width and height
        self._pan_from: QPointF | None = None
        self._cursor_at: QPointF | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Picture")
        self.setAccessibleDescription("The picture as the engine will see it. Wheel: zoom. B and E: brushes.")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 224)

    # What is shown

    @property
    def is_empty(self) -> bool:
        return self._original is None

    @property
    def has_cut(self) -> bool:
        return self._cut is not None

    def show_picture(self, image: QImage | None, strokes: tuple[Stroke, ...] = ()) -> None:
        """Another picture, whole in view, with its strokes; None empties the canvas."""
        self._original = None if image is None else QPixmap.fromImage(image)
        self._cut = None
        self._states, self._state, self._settled = [strokes], 0, ()
        self._painting = None
        self.fit()
        self.set_tool(Tool.LOOK)
        self._update_cursor()
        self.update()

    def show_cut(self, image: QImage, strokes: tuple[Stroke, ...]) -> None:
        """The cut-out of the picture shown, made with these strokes."""
        self._cut = QPixmap.fromImage(image)
        self._settled = strokes
        self.update()

    def drop_cut(self) -> None:
        """There is no cut-out: the original is shown."""
        self._cut = None
        self._settled = self.strokes
        self.update()

    def set_shows_original(self, shows: bool) -> None:
        self._shows_original = shows
        self.update()

    def set_note(self, note: str) -> None:
        """A short word in the corner, such as "Cutting out…"; "" for none."""
        if note != self._note:
            self._note = note
            self.update()

    def set_waiting(self, waiting: bool) -> None:
        """Whether a picture is on its way: the empty canvas invites nobody then."""
        self._is_waiting = waiting
        self.update()

    def set_invitation(self, icon: str, title: str, text: str) -> None:
        """What the empty canvas says."""
        self._invitation = (icon, title, text)
        self.update()

    def set_drop_target(self, is_target: bool) -> None:
        """Whether something that can be dropped is over the window."""
        self._is_drop_target = is_target
        self.update()

    def fit(self) -> None:
        """The whole picture in view."""
        self._zoom, self._centre = 1.0, QPointF(0.5, 0.5)
        self.update()

    # Brush

    @property
    def tool(self) -> Tool:
        return self._tool

    def set_tool(self, tool: Tool) -> None:
        if tool is not self._tool:
            self._tool = tool
            self._update_cursor()
            self.brush_changed.emit()
            self.update()

    @property
    def radius(self) -> float:
        """Of the brush, in units of the picture's longer side."""
        return self._radius

    def set_radius(self, radius: float) -> None:
        radius = min(max(radius, BRUSH_RADII[0]), BRUSH_RADII[1])
        if radius != self._radius:
            self._radius = radius
            self.brush_changed.emit()
            self.update()

    @property
    def strokes(self) -> tuple[Stroke, ...]:
        return self._states[self._state]

    @property
    def can_undo(self) -> bool:
        return self._state > 0

    @property
    def can_redo(self) -> bool:
        return self._state + 1 < len(self._states)

    def undo(self) -> None:
        if self.can_undo:
            self._state -= 1
            self._strokes_are_others()

    def redo(self) -> None:
        if self.can_redo:
            self._state += 1
            self._strokes_are_others()

    def clear_strokes(self) -> None:
        """Takes all strokes away; can be undone."""
        if self.strokes:
            self._remember(())

    def _remember(self, strokes: tuple[Stroke, ...]) -> None:
        self._states = [*self._states[: self._state + 1], strokes]
        self._state += 1
        self._strokes_are_others()

    def _strokes_are_others(self) -> None:
        self.update()
        self.strokes_changed.emit()

    # Geometry

    def picture_rect(self) -> QRectF:
        """Where the picture lies, logical pixels; empty when there is none."""
        if self._original is None:
            return QRectF()
        size = QRectF(self._original.rect()).size()
        room = QRectF(self.rect()).adjusted(_MARGIN_PX, _MARGIN_PX, -_MARGIN_PX, -_MARGIN_PX)
        scale = min(room.width() / size.width(), room.height() / size.height()) * self._zoom
        width, height = size.width() * scale, size.height() * scale
        middle = QRectF(self.rect()).center()
        return QRectF(middle.x() - self._centre.x() * width, middle.y() - self._centre.y() * height, width, height)

    def _relative(self, at: QPointF) -> tuple[float, float]:
        """A place in units of the picture's width and height, kept inside it."""
        rect = self.picture_rect()
        x, y = (at.x() - rect.x()) / rect.width(), (at.y() - rect.y()) / rect.height()
        return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)

    def _radius_px(self) -> float:
        rect = self.picture_rect()
        return self._radius * max(rect.width(), rect.height())

    # Events

    def sizeHint(self) -> QSize:
        return self.minimumSize()  # the layout gives it all the room there is

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._original is None:
            event.ignore()
            return
        event.accept()
        self.zoom_by(2.0 ** (event.angleDelta().y() / 360.0), event.position())

    def zoom_by(self, factor: float, at: QPointF) -> None:
        """Zooms so that what is under `at` stays there."""
        before = self.picture_rect()
        zoom = min(max(self._zoom * factor, _ZOOMS[0]), _ZOOMS[1])
        x, y = (at.x() - before.x()) / before.width(), (at.y() - before.y()) / before.height()
        width, height = before.width() * zoom / self._zoom, before.height() * zoom / self._zoom
        middle = QRectF(self.rect()).center()
        self._zoom = zoom
        self._set_centre(QPointF(x + (middle.x() - at.x()) / width, y + (middle.y() - at.y()) / height))

    def _set_centre(self, centre: QPointF) -> None:
        if self._zoom == _ZOOMS[0]:
            centre = QPointF(0.5, 0.5)
        self._centre = QPointF(min(max(centre.x(), 0.0), 1.0), min(max(centre.y(), 0.0), 1.0))
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        left = event.button() == Qt.MouseButton.LeftButton
        if self._original is None:
            if left:
                self.browse_wished.emit()
        elif left and self._tool is not Tool.LOOK:
            self._shows_original = False
            self._painting = Stroke(self._tool is Tool.ADD, self._radius, (self._relative(event.position()),))
            self.update()
        elif left or event.button() == Qt.MouseButton.MiddleButton:
            self._pan_from = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._cursor_at = event.position()
        if self._painting is not None:
            self._extend(self._painting, event.position())
        elif self._pan_from is not None:
            rect, moved = self.picture_rect(), event.position() - self._pan_from
            self._pan_from = event.position()
            self._set_centre(self._centre - QPointF(moved.x() / rect.width(), moved.y() / rect.height()))
        if self._tool is not Tool.LOOK:
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._painting is not None and event.button() == Qt.MouseButton.LeftButton:
            done, self._painting = self._painting, None
            self._remember((*self.strokes, done))
        self._pan_from = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._tool is Tool.LOOK:
            self.fit()
        else:
            self.mousePressEvent(event)

    def leaveEvent(self, event: object) -> None:  # noqa: ARG002 - Qt's signature
        self._cursor_at = None
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._original is None:
            self.browse_wished.emit()
        elif event.key() == Qt.Key.Key_Escape and self._tool is not Tool.LOOK:
            self._painting = None
            self.set_tool(Tool.LOOK)
        elif event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Minus) and self._original is not None:
            self.zoom_by(1.25 if event.key() == Qt.Key.Key_Plus else 0.8, QRectF(self.rect()).center())
        else:
            super().keyPressEvent(event)

    def _extend(self, stroke: Stroke, to: QPointF) -> None:
        rect = self.picture_rect()
        point = self._relative(to)
        last = stroke.points[-1]
        apart = QPointF((point[0] - last[0]) * rect.width(), (point[1] - last[1]) * rect.height())
        if QPointF.dotProduct(apart, apart) ** 0.5 >= _POINT_EVERY * self._radius_px():
            self._painting = replace(stroke, points=(*stroke.points, point))

    def _update_cursor(self) -> None:
        if self._original is None:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        elif self._tool is Tool.LOOK:
            self.unsetCursor()
        else:
            self.setCursor(Qt.CursorShape.BlankCursor)  # the ring is the cursor

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - Qt's signature
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        self._paint_ground(painter)
        if self._original is None:
            if not self._is_waiting:
                self._paint_invitation(painter)
        else:
            self._paint_picture(painter)
            for stroke in self._unsettled():
                self._paint_stroke(painter, stroke)
            self._paint_ring(painter)
        if self._note:
            self._paint_note(painter)
        if self._is_drop_target or self.hasFocus():
            self._paint_edge(painter)

    def _unsettled(self) -> list[Stroke]:
        """Strokes that the shown cut-out does not have yet."""
        strokes = self.strokes
        done = len(self._settled) if strokes[: len(self._settled)] == self._settled else len(strokes)
        return [*strokes[done:], *([self._painting] if self._painting else [])]

    def _paint_ground(self, painter: QPainter) -> None:
        colours = self._icons.colours
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(self.rect()), 8, 8)
        painter.setClipPath(shape)
        painter.fillRect(self.rect(), QColor(colours.base))

    def _paint_picture(self, painter: QPainter) -> None:
        rect = self.picture_rect()
        source = self._original
        if source is None:
            return
        if self._cut is None or self._shows_original:
            self._paint_checks(painter, rect)
            painter.drawPixmap(rect, source, QRectF(source.rect()))
            return
        self._paint_checks(painter, rect)
        if self._tool is not Tool.LOOK:
            painter.setOpacity(_GHOST)
            painter.drawPixmap(rect, source, QRectF(source.rect()))
            painter.setOpacity(1.0)
        painter.drawPixmap(rect, self._cut, QRectF(self._cut.rect()))

    def _paint_checks(self, painter: QPainter, rect: QRectF) -> None:
        colours = self._icons.colours
        tile = QPixmap(2 * _CELL_PX, 2 * _CELL_PX)
        tile.fill(QColor(colours.check_a))
        inner = QPainter(tile)
        for x, y in ((0, 0), (_CELL_PX, _CELL_PX)):
            inner.fillRect(x, y, _CELL_PX, _CELL_PX, QColor(colours.check_b))
        inner.end()
        painter.drawTiledPixmap(rect, tile)

    def _paint_stroke(self, painter: QPainter, stroke: Stroke) -> None:
        rect = self.picture_rect()
        colour = QColor(self._icons.colours.accent if stroke.adds else self._icons.colours.bad)
        colour.setAlphaF(0.55)
        width = 2 * stroke.radius * max(rect.width(), rect.height())
        painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        places = [QPointF(rect.x() + x * rect.width(), rect.y() + y * rect.height()) for x, y in stroke.points]
        path = QPainterPath(places[0])
        for place in places[1:] or places:
            path.lineTo(place)
        if len(places) == 1:
            painter.drawPoint(places[0])
        else:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(path)

    def _paint_ring(self, painter: QPainter) -> None:
        if self._tool is Tool.LOOK or self._cursor_at is None:
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        radius = self._radius_px()
        for colour, width in (("#000000", 3.0), ("#ffffff", 1.4)):  # a ring that shows on any picture
            painter.setPen(QPen(QColor(colour), width))
            painter.drawEllipse(self._cursor_at, radius, radius)
            for dx, dy in ((3, 0), (0, 3)) if self._tool is Tool.ADD else ((3, 0),):
                painter.drawLine(self._cursor_at - QPointF(dx, dy), self._cursor_at + QPointF(dx, dy))

    def _paint_invitation(self, painter: QPainter) -> None:
        colours = self._icons.colours
        icon_name, headline, text = self._invitation
        inner = QRectF(self.rect()).adjusted(_MARGIN_PX, _MARGIN_PX, -_MARGIN_PX, -_MARGIN_PX)
        painter.setPen(QPen(QColor(colours.line_strong), 1.2, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(inner, 8, 8)
        side = 40
        middle = inner.center()
        drawing = self._icons.pixmap(icon_name, side, colours.dim, self.devicePixelRatioF())
        painter.drawPixmap(QPointF(middle.x() - side / 2, middle.y() - 64), drawing)
        title = self.font()
        title.setPointSizeF(title.pointSizeF() * 1.25)
        title.setWeight(title.Weight.DemiBold)
        painter.setFont(title)
        painter.setPen(QColor(colours.text))
        line = QRectF(inner.x(), middle.y() - 12, inner.width(), 28)
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, headline)
        painter.setFont(self.font())
        painter.setPen(QColor(colours.dim))
        rest = QRectF(inner.x() + SPACE, line.bottom() + 4, inner.width() - 2 * SPACE, 56)
        painter.drawText(
            rest,
            Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap,
            text,
        )

    def _paint_note(self, painter: QPainter) -> None:
        colours = self._icons.colours
        room = self.fontMetrics().boundingRect(self._note)
        box = QRectF(_MARGIN_PX, self.height() - _MARGIN_PX - 24, room.width() + 2 * SPACE, 24)
        painter.setPen(Qt.PenStyle.NoPen)
        ground = QColor(colours.panel)
        ground.setAlphaF(0.92)
        painter.setBrush(ground)
        painter.drawRoundedRect(box, 6, 6)
        painter.setPen(QColor(colours.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._note)

    def _paint_edge(self, painter: QPainter) -> None:
        colours = self._icons.colours
        colour = QColor(colours.accent if self._is_drop_target else colours.focus)
        if self._is_drop_target:
            wash = QColor(colour)
            wash.setAlphaF(0.14)
            painter.fillRect(self.rect(), wash)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, 2.0 if self._is_drop_target else 1.0))
        inset = 1.0
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), 8, 8)
