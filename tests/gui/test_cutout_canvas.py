"""The canvas shows what the engine will see, and strokes land where they were painted."""

import itertools

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.request import Stroke
from img2model_desktop.gui.cutout_canvas import BRUSH_RADII, CutoutCanvas, Tool
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.intake import image_from
from img2model_desktop.gui.theme import DARK
from tests.gui.conftest import GREY, RED, disc
from tests.gui.test_controls import wheel


@pytest.fixture
def canvas(qtbot: QtBot, icons: Icons) -> CutoutCanvas:
    canvas = CutoutCanvas(icons)
    qtbot.addWidget(canvas)
    canvas.resize(360, 300)
    canvas.show()
    return canvas


def place(canvas: CutoutCanvas, x: float, y: float) -> QPoint:
    """Where a point of the picture, in units of its width and height, is on the canvas."""
    rect = canvas.picture_rect()
    return QPointF(rect.x() + x * rect.width(), rect.y() + y * rect.height()).toPoint()


def paint(qtbot: QtBot, canvas: CutoutCanvas, *points: tuple[float, float]) -> None:
    places = [place(canvas, x, y) for x, y in points]
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=places[0])
    for spot in places[1:]:
        qtbot.mouseMove(canvas, spot)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=places[-1])


def colour_at(canvas: CutoutCanvas, x: float, y: float) -> tuple[int, ...]:
    image = canvas.grab().toImage()
    ratio = image.devicePixelRatio()
    return image.pixelColor((QPointF(place(canvas, x, y)) * ratio).toPoint()).getRgb()[:3]


def picture_of(image: QImage) -> Picture:
    straight = image.convertToFormat(QImage.Format.Format_RGBA8888)
    pixels = np.frombuffer(straight.constBits(), np.uint8).reshape(straight.height(), straight.width(), 4)
    return Picture(pixels.copy())


def test_picture_becomes_the_same_image(canvas: CutoutCanvas) -> None:
    for cut in (True, False):
        picture = disc(161, 97, cut=cut)  # an odd width: no row is padded wrongly
        seen = picture_of(image_from(picture)).pixels
        assert np.array_equal(seen[picture.alpha > 0], picture.pixels[picture.alpha > 0])
        assert np.array_equal(seen[..., 3], picture.alpha)


def test_cut_out_stands_on_a_checkerboard_and_the_original_can_be_seen(canvas: CutoutCanvas) -> None:
    canvas.show_picture(image_from(disc(cut=False)))
    assert colour_at(canvas, 0.5, 0.5) == RED
    assert colour_at(canvas, 0.05, 0.05) == GREY
    canvas.show_cut(image_from(disc(cut=True)), ())
    assert colour_at(canvas, 0.5, 0.5) == RED
    checks = {QColor(colour).getRgb()[:3] for colour in (DARK.check_a, DARK.check_b)}
    seen = {colour_at(canvas, x / 40, y / 40) for x, y in itertools.product(range(1, 5), range(1, 5))}
    assert seen <= checks
    canvas.set_shows_original(True)
    assert colour_at(canvas, 0.05, 0.05) == GREY


def test_stroke_is_kept_in_units_of_the_picture(qtbot: QtBot, canvas: CutoutCanvas) -> None:
    canvas.show_picture(image_from(disc(cut=False)))
    paint(qtbot, canvas, (0.2, 0.2), (0.6, 0.4))
    assert not canvas.strokes  # no brush in hand: that was a pan
    canvas.set_tool(Tool.ADD)
    canvas.set_radius(0.05)
    with qtbot.waitSignal(canvas.strokes_changed):
        paint(qtbot, canvas, (0.25, 0.5), (0.5, 0.5), (0.75, 0.25))
    canvas.set_tool(Tool.REMOVE)
    paint(qtbot, canvas, (0.1, 0.9))
    strokes = canvas.strokes
    assert len(strokes) == 2
    added, removed = strokes
    assert (added.adds, removed.adds) == (True, False)
    assert added.radius == 0.05
    assert added.points[0] == pytest.approx((0.25, 0.5), abs=0.005)
    assert added.points[-1] == pytest.approx((0.75, 0.25), abs=0.005)
    assert removed.points == (pytest.approx((0.1, 0.9), abs=0.005),)


def test_stroke_that_leaves_the_picture_stays_at_its_edge(qtbot: QtBot, canvas: CutoutCanvas) -> None:
    canvas.show_picture(image_from(disc(cut=False)))
    canvas.set_tool(Tool.ADD)
    paint(qtbot, canvas, (0.9, 0.5), (1.3, -0.4))
    assert canvas.strokes[0].points[-1] == (1.0, 0.0)


def test_strokes_are_undone_redone_and_cleared(qtbot: QtBot, canvas: CutoutCanvas) -> None:
    canvas.show_picture(image_from(disc(cut=False)))
    canvas.set_tool(Tool.ADD)
    paint(qtbot, canvas, (0.2, 0.2))
    paint(qtbot, canvas, (0.8, 0.8))
    first, second = canvas.strokes
    canvas.undo()
    assert canvas.strokes == (first,)
    canvas.redo()
    assert canvas.strokes == (first, second)
    canvas.clear_strokes()
    assert canvas.strokes == ()
    canvas.undo()
    assert canvas.strokes == (first, second)
    canvas.undo()
    paint(qtbot, canvas, (0.5, 0.1))
    assert not canvas.can_redo  # a new stroke takes the place of what was undone
    assert canvas.strokes[0] == first


def test_stroke_shows_until_the_cut_out_has_it(qtbot: QtBot, canvas: CutoutCanvas) -> None:
    cut = image_from(disc(cut=True))
    canvas.show_picture(image_from(disc(cut=False)))
    canvas.show_cut(cut, ())
    before = colour_at(canvas, 0.1, 0.1)
    canvas.set_tool(Tool.ADD)
    paint(qtbot, canvas, (0.1, 0.1))
    canvas.set_tool(Tool.LOOK)
    red, green, blue = colour_at(canvas, 0.1, 0.1)
    assert blue > before[2] + 60  # the accent lies over it
    assert blue > max(red, green)
    canvas.show_cut(cut, canvas.strokes)
    assert colour_at(canvas, 0.1, 0.1) == before


def test_wheel_zooms_to_the_pointer_and_double_click_shows_all(qtbot: QtBot, canvas: CutoutCanvas) -> None:
    canvas.show_picture(image_from(disc(cut=False)))
    whole = canvas.picture_rect()
    spot = QPointF(place(canvas, 0.7, 0.4))
    for _ in range(3):
        canvas.zoom_by(1.5, spot)
    rect = canvas.picture_rect()
    assert rect.width() == pytest.approx(whole.width() * 1.5**3)
    assert (spot.x() - rect.x()) / rect.width() == pytest.approx(0.7, abs=0.01)
    assert (spot.y() - rect.y()) / rect.height() == pytest.approx(0.4, abs=0.01)
    paint(qtbot, canvas, (0.7, 0.4), (0.75, 0.4))  # no brush: pans
    assert canvas.picture_rect().x() > rect.x()
    qtbot.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=spot.toPoint())
    assert canvas.picture_rect() == whole


def test_zoomed_stroke_lands_where_it_was_painted(qtbot: QtBot, canvas: CutoutCanvas) -> None:
    canvas.show_picture(image_from(disc(cut=False)))
    canvas.zoom_by(4.0, QPointF(place(canvas, 0.3, 0.3)))
    canvas.set_tool(Tool.ADD)
    paint(qtbot, canvas, (0.3, 0.35))
    assert canvas.strokes[0].points[0] == pytest.approx((0.3, 0.35), abs=0.003)


def test_empty_canvas_asks_for_a_picture(qtbot: QtBot, canvas: CutoutCanvas) -> None:
    with qtbot.waitSignal(canvas.browse_wished):
        qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(canvas.browse_wished):
        qtbot.keyClick(canvas, Qt.Key.Key_Return)
    event = wheel(1)
    canvas.wheelEvent(event)
    assert not event.isAccepted()


def test_brush_is_put_away_with_escape_and_its_size_has_limits(qtbot: QtBot, canvas: CutoutCanvas) -> None:
    canvas.show_picture(image_from(disc(cut=False)), (Stroke(True, 0.1, ((0.5, 0.5),)),))
    assert len(canvas.strokes) == 1
    assert not canvas.can_undo
    canvas.set_tool(Tool.ADD)
    qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    assert canvas.tool is Tool.LOOK
    canvas.set_radius(7.0)
    assert canvas.radius == BRUSH_RADII[1]
    canvas.set_radius(0.0)
    assert canvas.radius == BRUSH_RADII[0]
