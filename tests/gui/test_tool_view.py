"""The tools of the 3D view, with real events and real OpenGL."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from img2model_desktop.core.face_blocks import FaceBlocks
from img2model_desktop.core.preview import PreviewBuffers, prepare
from img2model_desktop.core.section import Plane, cut
from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.gui.view.flight import between
from img2model_desktop.gui.view.tool_view import ToolView, place_text
from img2model_desktop.render import look
from img2model_desktop.render.camera import Camera
from img2model_desktop.render.marks import Marks, cut_surface, highlight_of, surface_of
from img2model_desktop.render.offscreen import Photograph, Renderer
from img2model_desktop.render.reference import reference_cube
from tests.shapes import box, sphere

pytestmark = pytest.mark.gl

WIDTH, HEIGHT = 320, 240
SIZE = (WIDTH, HEIGHT)


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[ToolView]:
    made = ToolView()
    made.resize(WIDTH, HEIGHT)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    yield made
    made.hide()


@pytest.fixture
def cube(qtbot: QtBot, view: ToolView) -> PreviewBuffers:
    """40 x 60 x 80 mm on the floor, shown."""
    buffers = prepare(box(0.04, 0.06, 0.08))
    view.set_mesh(buffers)
    _wait_drawn(qtbot, view)
    return buffers


def _wait_drawn(qtbot: QtBot, view: ToolView) -> None:
    qtbot.waitUntil(lambda: view.is_drawn and not view.is_flying, timeout=20_000)


def _pixels(view: ToolView) -> np.ndarray:
    return view.screenshot().pixels.astype(int)


def _at(view: ToolView, point: tuple[float, float, float]) -> QPoint:
    ((x, y, _),) = view.camera.on_screen(np.array([point]), *SIZE)
    return QPoint(round(x), round(y))


def _click(qtbot: QtBot, view: ToolView, at: QPoint) -> None:
    qtbot.mouseMove(view, at)
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at)


def _pink(pixels: np.ndarray) -> np.ndarray:
    return np.minimum(pixels[..., 0], pixels[..., 2]) - pixels[..., 1]


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("what", ["faces", "edges", "points", "section", "guessed"])
def test_the_window_and_the_screenless_renderer_mark_alike(qtbot: QtBot, view: ToolView, what: str, dark: bool) -> None:
    buffers = prepare(sphere(0.03))
    view.set_theme(dark)
    view.set_grid_visible(False)
    view.set_mesh(buffers)
    corners = buffers.full.corners[:, :3]
    places = {
        "faces": Place(faces=np.arange(200, 900, dtype=np.int32)),
        "edges": Place(edges=corners[buffers.full.indices[200:260, :2]]),
        "points": Place(points=corners[300:900:50]),
    }
    marks = Marks()
    if what in places:
        view.show_place(places[what], zoom=False)
        marks = Marks(highlight_of(places[what], buffers))
    elif what == "section":
        view.set_section(Plane(0, 0.004))
        marks = Marks(section=cut_surface(cut(FaceBlocks(buffers.full), Plane(0, 0.004))))
    else:
        seen = np.arange(len(buffers.full.indices)) % 3 > 0
        view.set_seen((seen, None, 0.6))
        marks = Marks(guessed=surface_of(buffers.full, np.flatnonzero(~seen)))
    _wait_drawn(qtbot, view)
    wanted = Photograph(WIDTH, HEIGHT, ground=look.ground(dark), supersampling=1, marks=marks)
    with Renderer() as renderer:
        loaded = renderer.load(buffers)
        expected = renderer.render(loaded, view.camera, wanted).pixels.astype(int)
        plain = renderer.render(loaded, view.camera, replace(wanted, marks=Marks())).pixels.astype(int)
        loaded.release()
    assert (abs(expected - plain).max(axis=2) > 30).mean() > 0.004
    difference = abs(_pixels(view) - expected)
    assert difference.mean() < 0.35
    assert (difference.max(axis=2) > 10).mean() < 0.008  # single samples on edges


def test_a_place_is_marked_named_and_flown_to(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    before = view.camera
    assert (_pink(_pixels(view)) > 60).sum() == 0
    view.show_place(Place(faces=np.array([0, 6], dtype=np.int32)), legend="2 holes")  # the back
    assert view.is_flying
    _wait_drawn(qtbot, view)
    assert view.overlaid.legend[0][1] == "2 holes"
    assert view.camera.axes[2][2] < -0.5
    assert view.camera != before
    assert (_pink(_pixels(view)) > 60).mean() > 0.1
    view.show_place(None)
    assert view.overlaid.legend == ()
    assert (_pink(_pixels(view)) > 60).sum() == 0


def test_without_zoom_the_camera_stays(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    before = view.camera
    view.show_place(Place(faces=np.array([0], dtype=np.int32)), zoom=False)
    _wait_drawn(qtbot, view)
    assert view.camera == before
    assert view.overlaid.legend[0][1] == "1 face"
    with_place = view.highlight
    view.set_mesh(prepare(box(0.01, 0.01, 0.01)))
    assert with_place is not None
    assert view.highlight is None


def test_a_place_stays_seen_on_the_coarse_stand_in(qtbot: QtBot, view: ToolView) -> None:
    """While a large mesh turns, the highlight lies on it as well: not behind the stand-in, and not elsewhere."""
    ball = sphere(0.05, rows=140, columns=140)
    buffers = prepare(ball)
    assert buffers.coarse is not None
    view.set_mesh(buffers)
    front = np.flatnonzero(ball.vertices[ball.faces][..., 2].min(axis=1) > 0.035).astype(np.int32)
    assert 500 < len(front) < 10_000
    view.show_place(Place(faces=front), zoom=False)
    _wait_drawn(qtbot, view)
    whole = _pink(_pixels(view)) > 60
    view.makeCurrent()
    scene_item = view._marks
    view._scene(SIZE, is_coarse=True, faces=None)
    assert scene_item.is_coarse
    view.doneCurrent()
    original = view._scene
    view._scene = lambda size, is_coarse, faces, is_bare=False: original(size, True, faces, is_bare)
    coarse = _pink(_pixels(view)) > 60
    assert whole.sum() > 2000
    assert (whole & coarse).sum() > 0.97 * whole.sum()


def test_the_ruler_is_exact_between_corners(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    with qtbot.waitSignal(view.ruler_toggled) as heard:
        qtbot.keyClick(view, Qt.Key.Key_M)
    assert heard.args == [True]
    for first, second, length in (
        ((0, 0.06, 0.08), (0.04, 0.06, 0.08), 0.04),
        ((0.04, 0.0, 0.08), (0.04, 0.06, 0.0), 0.1),
    ):
        _click(qtbot, view, _at(view, first))
        _click(qtbot, view, _at(view, second))
        np.testing.assert_allclose(view.ruler.ends, [first, second], atol=1e-4 * 0.08)
        measured = np.linalg.norm(view.ruler.ends[1] - view.ruler.ends[0])
        assert measured == pytest.approx(length, abs=1e-4 * 0.08)
        assert view.overlaid.ruler == tuple(tuple(end) for end in np.array(view.ruler.ends).tolist())


def test_the_ruler_finds_the_surface_between_corners(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    view.set_ruler(True)
    wanted = (0.021, 0.03, 0.08)
    _click(qtbot, view, _at(view, wanted))
    (end,) = view.ruler.ends
    assert end[2] == pytest.approx(float(np.float32(0.08)), abs=1e-12)  # exactly in the plane of the front
    pixel = 2 * view.camera.distance_m * view.camera.half_extent(*SIZE)[1] / HEIGHT
    assert np.linalg.norm(end - wanted) < pixel
    _click(qtbot, view, QPoint(3, 3))  # beside the mesh
    assert len(view.ruler.ends) == 1
    assert view.overlaid.hovered is None


def test_an_end_of_the_ruler_is_dragged_and_the_camera_stays(
    qtbot: QtBot, view: ToolView, cube: PreviewBuffers
) -> None:
    view.set_ruler(True)
    _click(qtbot, view, _at(view, (0.0, 0.06, 0.08)))
    _click(qtbot, view, _at(view, (0.04, 0.06, 0.08)))
    before = view.camera
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=_at(view, (0.04, 0.06, 0.08)))
    qtbot.mouseMove(view, _at(view, (0.03, 0.03, 0.08)))
    qtbot.mouseMove(view, _at(view, (0.04, 0.0, 0.08)))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=_at(view, (0.04, 0.0, 0.08)))
    np.testing.assert_allclose(view.ruler.ends, [(0.0, 0.06, 0.08), (0.04, 0.0, 0.08)], atol=8e-6)
    assert view.camera == before


def test_dragging_elsewhere_orbits_and_sets_no_point(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    view.set_ruler(True)
    before = view.camera
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(160, 120))
    qtbot.mouseMove(view, QPoint(190, 120))
    qtbot.mouseMove(view, QPoint(200, 120))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(200, 120))
    assert view.ruler.is_empty
    assert view.camera.azimuth_deg != before.azimuth_deg


def test_escape_takes_the_points_away_and_then_the_ruler(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    view.set_ruler(True)
    _click(qtbot, view, _at(view, (0.02, 0.03, 0.08)))
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert view.has_ruler
    assert view.overlaid.ruler == ()
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert not view.has_ruler


def test_the_ruler_does_not_touch_what_is_cut_off(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    view.set_ruler(True)
    view.set_section(Plane(2, 0.02))
    _click(qtbot, view, _at(view, (0.03, 0.06, 0.01)))
    (end,) = view.ruler.ends
    assert end[2] <= 0.02


def test_the_section_key_cuts_towards_the_viewer_and_back(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    plain = _pixels(view)
    with qtbot.waitSignal(view.section_changed) as heard:
        qtbot.keyClick(view, Qt.Key.Key_X)
    assert heard.args == [Plane(0, pytest.approx(0.02), keeps_high=False)]
    assert view.section_area_m2 == pytest.approx(0.06 * 0.08, rel=1e-5)
    assert dict(view.overlaid.captions)["section"] == "x = 20.00 mm"
    assert dict(view.overlaid.captions)["cut area"] == "48.00 cm²"
    opened = _pixels(view)
    orange = (opened[..., 0] > opened[..., 2] + 60) & (opened[..., 0] > opened[..., 1] + 20)
    assert orange.mean() > 0.03
    view.set_section(None)
    assert abs(_pixels(view) - plain).max() <= 2


def test_an_open_mesh_says_why_its_cut_is_not_filled(qtbot: QtBot, view: ToolView) -> None:
    closed = box(0.04, 0.06, 0.08)
    view.set_mesh(prepare(replace(closed, faces=np.delete(closed.faces, [4, 10], axis=0))))
    view.set_section(Plane(1, 0.03))
    assert "open here" in view.overlaid.note
    view.set_section(Plane(0, 0.02))
    assert view.overlaid.note == ""


def test_a_section_of_a_large_mesh_is_filled_when_it_is_indexed(qtbot: QtBot, view: ToolView) -> None:
    view.set_mesh(prepare(sphere(0.05, rows=120, columns=120)))
    view.set_section(Plane(1, 0.0))
    qtbot.waitUntil(lambda: view.section_area_m2 > 0, timeout=10_000)
    assert view.section_area_m2 == pytest.approx(np.pi * 0.05**2, rel=2e-3)


def test_before_and_after_keep_the_camera_and_say_which(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    after = _pixels(view)
    assert view.overlaid.chip == ""
    before = prepare(sphere(0.03))
    view.set_before(before)
    camera = view.camera
    with qtbot.waitSignal(view.before_toggled) as heard:
        view.show_before(True)
    assert heard.args == [True]
    assert view.buffers is before
    assert view.overlaid.chip == "Before"
    assert (abs(_pixels(view) - after).max(axis=2) > 30).mean() > 0.05
    view.show_before(False)
    assert view.overlaid.chip == "After"
    assert view.camera == camera
    assert abs(_pixels(view) - after).max() <= 2
    assert len(view._item._cards) == 2  # both stay on the card
    view.show_before(True)
    view.set_mesh(cube)
    assert not view.is_before
    assert not view.has_before


def test_a_place_is_one_of_the_mesh_after(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    view.set_before(prepare(sphere(0.03)))
    view.show_place(Place(faces=np.array([1], dtype=np.int32)), zoom=False)
    view.show_before(True)
    assert (_pink(_pixels(view)) > 60).sum() == 0
    assert view.overlaid.legend == ()
    view.show_place(Place(faces=np.array([1], dtype=np.int32)), zoom=False)
    assert not view.is_before
    assert (_pink(_pixels(view)) > 60).sum() > 500


def test_guessed_surface_is_tinted_and_its_share_is_said(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    seen = np.zeros(12, dtype=bool)
    seen[[1, 7]] = True
    plain = _pixels(view)
    view.set_seen((seen, None, 0.38))
    assert view.overlaid.legend[0][1] == "Guessed: 62 %   ·   Seen by the picture: 38 %"
    changed = abs(_pixels(view) - plain).max(axis=2) > 20
    front, top = _at(view, (0.02, 0.03, 0.08)), _at(view, (0.02, 0.06, 0.04))
    assert not changed[front.y(), front.x()]
    assert changed[top.y(), top.x()]
    view.set_seen((seen[:3], None, 0.38))  # of another mesh
    assert view.overlaid.legend == ()
    view.set_seen(None)
    assert abs(_pixels(view) - plain).max() <= 2


def test_things_of_known_size_stand_beside_the_mesh(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    before = view.camera
    view.set_things(((prepare(reference_cube()), "10 cm"),))
    _wait_drawn(qtbot, view)
    (thing,) = view.things
    np.testing.assert_allclose(thing.high - thing.low, 0.1, atol=1e-6)
    assert thing.low[1] == pytest.approx(0.0, abs=1e-7)
    right = view.camera.axes[0]
    assert (thing.outline @ right).min() > (cube.outline @ right).max() + 0.01  # no overlap from here
    assert view.overlaid.labels[0][1] == "10 cm"
    assert view.camera.distance_m > 1.4 * before.distance_m
    for points in (thing.outline, cube.outline):
        seen = view.camera.on_screen(points, *SIZE)
        assert (seen[:, :2] > 0).all()
        assert (seen[:, :2] < SIZE).all()
    view.set_things(())
    _wait_drawn(qtbot, view)
    assert view.things == ()
    assert view.overlaid.labels == ()
    assert view.camera.distance_m == pytest.approx(before.distance_m, rel=1e-6)


def test_taking_the_camera_in_hand_ends_its_flight(qtbot: QtBot, view: ToolView, cube: PreviewBuffers) -> None:
    view.fly_to(replace(view.camera, azimuth_deg=200.0))
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(10, 10))
    assert not view.is_flying
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(10, 10))


def test_a_camera_flies_the_shorter_way_round() -> None:
    start, goal = Camera(azimuth_deg=350.0, distance_m=1.0), Camera(azimuth_deg=20.0, distance_m=4.0)
    half = between(start, goal, 0.5)
    assert half.azimuth_deg == pytest.approx(5.0)
    assert half.distance_m == pytest.approx(2.0)
    assert between(start, goal, 1.0).azimuth_deg == pytest.approx(20.0)


def test_places_are_counted_in_words() -> None:
    edges = np.zeros((1, 2, 3), np.float32)
    place = Place(np.zeros(1200, np.int32), edges, np.zeros((2, 3), np.float32))
    assert place_text(place) == "1,200 faces, 1 edge, 2 points"
