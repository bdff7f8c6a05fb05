"""The 3D view in a real window, with real OpenGL."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shiboken6
import trimesh
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtOpenGL import QOpenGLFramebufferObject
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.preview import prepare
from img2model_desktop.errors import SetupProblem
from img2model_desktop.gui.view import scene_view
from img2model_desktop.gui.view.gl_canvas import Canvas, Scene
from img2model_desktop.gui.view.mesh_item import UPRIGHT, matrix_of
from img2model_desktop.gui.view.mesh_view import MeshView
from img2model_desktop.render import look
from img2model_desktop.render.camera import Camera
from img2model_desktop.render.look import Shading
from img2model_desktop.render.offscreen import Photograph, Renderer

pytestmark = pytest.mark.gl

WIDTH, HEIGHT = 320, 240


def pawn() -> Mesh:
    """A body of revolution, 60 mm high, standing, with a texture of stripes."""
    profile = np.array([[0, 0], [18, 0], [18, 6], [9, 14], [7, 34], [12, 38], [13, 48], [8, 57], [0, 60]]) / 1000
    body = trimesh.creation.revolve(profile, sections=48)
    vertices = body.vertices[:, [0, 2, 1]] * [1, 1, -1]
    stripes = np.full((8, 8, 4), 255, np.uint8)
    stripes[::2, :, :3] = (200, 60, 30)
    uv = np.column_stack([vertices[:, 0] / 0.036 + 0.5, vertices[:, 1] / 0.06])
    return Mesh(
        vertices.astype(np.float32), body.faces.astype(np.int32), uv.astype(np.float32), Picture(stripes)
    ).validate()


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[MeshView]:
    made = MeshView()
    made.resize(WIDTH, HEIGHT)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    yield made
    made.set_turntable(False)
    made.hide()


def _wait_drawn(qtbot: QtBot, view: MeshView) -> None:
    qtbot.waitUntil(lambda: view.is_drawn, timeout=20_000)


def _show(qtbot: QtBot, view: MeshView, mesh: Mesh | None = None) -> None:
    with qtbot.waitSignal(view.mesh_shown, timeout=20_000):
        view.set_mesh(mesh or pawn())
    _wait_drawn(qtbot, view)


def _pixels(view: MeshView) -> np.ndarray:
    return view.screenshot().pixels.astype(int)


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("shading", list(Shading))
def test_the_window_and_the_screenless_renderer_agree(
    qtbot: QtBot, view: MeshView, shading: Shading, dark: bool
) -> None:
    view.set_theme(dark)
    view.set_grid_visible(False)
    view.set_shading(shading)
    _show(qtbot, view)
    buffers = view.buffers
    assert buffers is not None
    wanted = Photograph(WIDTH, HEIGHT, shading, look.ground(dark), supersampling=1)
    with Renderer() as renderer:
        loaded = renderer.load(buffers)
        expected = renderer.render(loaded, view.camera, wanted).pixels.astype(int)
        loaded.release()
    difference = abs(_pixels(view) - expected)
    assert difference.mean() < 0.3
    assert (difference.max(axis=2) > 8).mean() < 0.005  # single samples on edges


def test_the_driver_has_seen_each_kind_of_texture_before_the_first_mesh(
    qtbot: QtBot, view: MeshView, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: set[tuple[int, tuple[bool, ...]]] = set()
    draw = scene_view.draw_all

    def watched(target: QOpenGLFramebufferObject, scene: Scene) -> None:
        assert view.buffers is not None
        sides = tuple((side & (side - 1)) == 0 for level in view.buffers.base_colour[:1] for side in level.shape[:2])
        drawn.add((target.format().samples(), sides))
        draw(target, scene)

    monkeypatch.setattr(scene_view, "draw_all", watched)
    assert view._canvas is not None
    is_slow = view._canvas.is_slow
    qtbot.waitUntil(lambda: view.is_warm)
    kinds = {(), (True, True), (True, False), (False, True), (False, False)} if is_slow else {(True, True)}
    assert {sides for _, sides in drawn} == kinds
    assert len(drawn) == 2 * len(kinds)  # with smooth edges and without
    assert view.buffers is None


def test_what_is_on_screen_is_what_a_screenshot_shows(qtbot: QtBot, view: MeshView) -> None:
    """Drawn in slices or at once: the same picture."""
    _show(qtbot, view)
    view.update()
    framebuffer = view.grabFramebuffer()
    grabbed = np.frombuffer(framebuffer.constBits(), np.uint8).reshape(HEIGHT, framebuffer.bytesPerLine() // 4, 4)
    shot = _pixels(view)
    difference = abs(grabbed[:, :WIDTH, 2::-1].astype(int) - shot[..., :3])  # memory order is blue, green, red
    assert difference.max() <= 2


def test_pyqtgraph_sees_the_same_camera(qtbot: QtBot, view: MeshView) -> None:
    _show(qtbot, view)
    camera = Camera((0.01, 0.02, 0.03), 0.25, 75.0, -20.0)
    view.camera = camera
    assert view.camera == replace(camera, target=pytest.approx(camera.target, abs=1e-7))
    np.testing.assert_allclose(matrix_of(view.viewMatrix()) @ UPRIGHT, camera.view_matrix(), atol=1e-6)


def test_a_transparent_screenshot_holds_the_mesh_alone(qtbot: QtBot, view: MeshView) -> None:
    _show(qtbot, view)
    shot = view.screenshot(transparent=True, size=(300, 400))
    assert (shot.width, shot.height) == (300, 400)
    assert {int(shot.alpha[y, x]) for y in (0, -1) for x in (0, -1)} == {0}
    assert shot.alpha[200, 150] == 255
    assert view.screenshot().alpha.min() == 255


def test_prepared_buffers_are_shown_at_once(qtbot: QtBot, view: MeshView) -> None:
    buffers = prepare(pawn())
    view.set_mesh(buffers)
    assert view.buffers is buffers
    assert view.mesh is None
    _wait_drawn(qtbot, view)
    view.set_mesh(None)
    assert view.buffers is None


def test_only_the_mesh_given_last_is_shown(qtbot: QtBot, view: MeshView) -> None:
    last = pawn()
    shown: list[object] = []
    view.mesh_shown.connect(lambda: shown.append(view.buffers))
    for _ in range(4):
        view.set_mesh(pawn())
    with qtbot.waitSignal(view.mesh_shown, timeout=20_000):
        view.set_mesh(last)
    assert view.mesh is last
    assert len(shown) == 1


def test_a_view_may_go_while_a_mesh_is_being_made_ready(qtbot: QtBot) -> None:
    ball = trimesh.creation.icosphere(subdivisions=6, radius=0.05)
    gone = MeshView()
    gone.set_mesh(Mesh(ball.vertices.astype(np.float32), ball.faces.astype(np.int32)))
    shiboken6.delete(gone)
    after = MeshView()
    qtbot.addWidget(after)
    with qtbot.waitSignal(after.mesh_shown, timeout=20_000):
        after.set_mesh(pawn())


def test_the_camera_stays_when_it_is_asked_to(qtbot: QtBot, view: MeshView) -> None:
    _show(qtbot, view)
    view.camera = replace(view.camera, azimuth_deg=100.0, distance_m=0.5)
    before = view.camera
    with qtbot.waitSignal(view.mesh_shown, timeout=20_000):
        view.set_mesh(pawn(), keep_camera=True)
    assert view.camera == before
    with qtbot.waitSignal(view.mesh_shown, timeout=20_000):
        view.set_mesh(pawn())
    assert view.camera.azimuth_deg == pytest.approx(30.0)


def test_number_keys_choose_the_shading(qtbot: QtBot, view: MeshView) -> None:
    _show(qtbot, view)
    heard: list[str] = []
    view.shading_changed.connect(heard.append)
    for key in (Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_4, Qt.Key.Key_5, Qt.Key.Key_6, Qt.Key.Key_1, Qt.Key.Key_1):
        qtbot.keyClick(view, key)
    assert heard == ["textured", "matcap", "wireframe", "normals", "uv checker", "lit"]
    assert view.shading is Shading.LIT


def test_letter_keys_switch_wires_grid_and_turntable(qtbot: QtBot, view: MeshView) -> None:
    _show(qtbot, view)
    plain = _pixels(view)
    with qtbot.waitSignal(view.wires_toggled) as wires:
        qtbot.keyClick(view, Qt.Key.Key_W)
    assert wires.args == [True]
    assert (abs(_pixels(view) - plain).max(axis=2) > 20).mean() > 0.02
    qtbot.keyClick(view, Qt.Key.Key_W)
    with qtbot.waitSignal(view.grid_toggled) as grid:
        qtbot.keyClick(view, Qt.Key.Key_G)
    assert grid.args == [False]
    assert 0.0 < (abs(_pixels(view) - plain).max(axis=2) > 4).mean() < 0.5
    with qtbot.waitSignal(view.turntable_toggled) as turntable:
        qtbot.keyClick(view, Qt.Key.Key_T)
    assert turntable.args == [True]
    qtbot.waitUntil(lambda: abs(view.camera.azimuth_deg - 30.0) > 1.0, timeout=5000)
    qtbot.keyClick(view, Qt.Key.Key_T)
    assert not view.is_turning


def test_keys_with_ctrl_are_left_to_the_window(qtbot: QtBot, view: MeshView) -> None:
    qtbot.keyClick(view, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    assert not view.has_wires


def test_arrows_orbit_and_plus_and_minus_zoom(qtbot: QtBot, view: MeshView) -> None:
    _show(qtbot, view)
    before = view.camera
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Up)
    assert view.camera.azimuth_deg == pytest.approx(before.azimuth_deg + 7.5)
    assert view.camera.elevation_deg == pytest.approx(before.elevation_deg + 7.5)
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.camera.distance_m == pytest.approx(before.distance_m * 0.85)
    qtbot.keyClick(view, Qt.Key.Key_Minus)
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.camera == replace(
        before, target=pytest.approx(before.target), distance_m=pytest.approx(before.distance_m)
    )


def test_dragging_orbits_and_pans(qtbot: QtBot, view: MeshView) -> None:
    _show(qtbot, view)
    before = view.camera

    def drag(button: Qt.MouseButton, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        qtbot.mousePress(view, button, modifier, QPoint(100, 100))
        qtbot.mouseMove(view, QPoint(140, 110))
        QApplication.processEvents()
        qtbot.mouseRelease(view, button, modifier, QPoint(140, 110))

    drag(Qt.MouseButton.LeftButton)
    assert view.camera.azimuth_deg == pytest.approx((before.azimuth_deg - 16.0) % 360)
    assert view.camera.elevation_deg == pytest.approx(before.elevation_deg + 4.0)
    for button in (Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton):
        view.camera = before
        drag(button)
        assert view.camera.azimuth_deg == pytest.approx(before.azimuth_deg)
        moved = np.array(view.camera.target) - before.target
        assert moved @ before.axes[0] < 0  # the mesh goes right, so the camera goes left
        assert moved @ before.axes[1] > 0


def test_the_wheel_zooms_to_the_pointer(qtbot: QtBot, view: MeshView) -> None:
    _show(qtbot, view)
    before = view.camera
    place = QPointF(240.0, 60.0)
    view.wheelEvent(
        QWheelEvent(
            place,
            view.mapToGlobal(place),
            QPoint(),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
    )
    expected = before.zoomed(0.85, 0.5, 0.5, WIDTH, HEIGHT)
    assert view.camera.distance_m == pytest.approx(expected.distance_m)
    np.testing.assert_allclose(view.camera.target, expected.target, atol=1e-7)


def test_zooming_ends_before_the_mesh_is_lost(qtbot: QtBot, view: MeshView) -> None:
    _show(qtbot, view)
    for _ in range(200):
        qtbot.keyClick(view, Qt.Key.Key_Minus)
    assert view.camera.distance_m < 2.0
    for _ in range(200):
        qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.camera.distance_m > 1e-4


def test_a_double_click_frames(qtbot: QtBot, view: MeshView) -> None:
    _show(qtbot, view)
    framed = view.camera.distance_m
    view.camera = replace(view.camera, distance_m=1.0)
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton)
    assert view.camera.distance_m == pytest.approx(framed)


def test_captions_name_the_size_the_grid_and_what_is_missing(qtbot: QtBot, view: MeshView) -> None:
    view.set_hint("Drop a picture to begin")
    assert view.overlaid.hint == "Drop a picture to begin"
    bare = Mesh(pawn().vertices, pawn().faces)
    _show(qtbot, view, bare)
    assert view.overlaid.hint == ""
    assert view.overlaid.captions == (("size", "36.0 × 60.0 × 36.0 mm"), ("grid", "10 mm"))
    assert view.overlaid.note == ""
    view.set_shading(Shading.CHECKER)
    assert "no texture coordinates" in view.overlaid.note
    view.set_shading(Shading.TEXTURED)
    assert "no texture" in view.overlaid.note
    view.set_grid_visible(False)
    assert view.overlaid.captions == (("size", "36.0 × 60.0 × 36.0 mm"),)


def test_the_gizmo_is_painted_over_the_picture(qtbot: QtBot, view: MeshView) -> None:
    _show(qtbot, view)
    image = view.grab().toImage()
    colours = {image.pixelColor(x, y).name() for x in range(12, 96) for y in range(HEIGHT - 96, HEIGHT - 12)}
    reds = [name for name in colours if int(name[1:3], 16) > 200 and int(name[3:5], 16) < 110]
    assert reds


def test_a_large_mesh_is_whole_again_when_the_view_rests(qtbot: QtBot, view: MeshView) -> None:
    ball = trimesh.creation.icosphere(subdivisions=6, radius=0.05)
    mesh = Mesh(ball.vertices.astype(np.float32), ball.faces.astype(np.int32))
    _show(qtbot, view, mesh)
    assert view.buffers is not None
    assert view.buffers.coarse is not None
    before = _pixels(view)
    qtbot.keyClick(view, Qt.Key.Key_Left)
    _wait_drawn(qtbot, view)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    _wait_drawn(qtbot, view)
    assert abs(_pixels(view) - before).max() <= 2


def test_a_fast_card_draws_at_once(qtbot: QtBot, view: MeshView, monkeypatch: pytest.MonkeyPatch) -> None:
    _show(qtbot, view)
    sliced = _pixels(view)
    canvas = view._canvas
    assert isinstance(canvas, Canvas)
    monkeypatch.setattr(canvas, "is_slow", False)
    view.redraw()
    framebuffer = view.grabFramebuffer()
    assert view.is_drawn
    grabbed = np.frombuffer(framebuffer.constBits(), np.uint8).reshape(HEIGHT, framebuffer.bytesPerLine() // 4, 4)
    assert abs(grabbed[:, :WIDTH, 2::-1].astype(int) - sliced[..., :3]).max() <= 2


def test_it_draws_again_in_another_window(qtbot: QtBot, view: MeshView) -> None:
    """A floated dock gives the view a new context, in which nothing of the old one is left."""
    _show(qtbot, view)
    before = _pixels(view)
    other = QWidget()
    qtbot.addWidget(other)
    layout = QVBoxLayout(other)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(view)
    other.resize(WIDTH, HEIGHT)
    with qtbot.waitExposed(other):
        other.show()
    _wait_drawn(qtbot, view)
    assert not view.problem
    assert abs(_pixels(view) - before).max() <= 2
    view.setParent(None)
    view.show()
    _wait_drawn(qtbot, view)
    assert not view.problem
    other.hide()


def test_a_driver_that_refuses_a_shader_is_told_in_the_view(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in look.SHADERS.iterdir():
        (tmp_path / file.name).write_text(file.read_text("utf-8"), "utf-8")
    (tmp_path / "backdrop.frag").write_text("#version 330 core\nvoid main() { nothing }\n", "utf-8")
    monkeypatch.setattr(look, "SHADERS", tmp_path)
    broken = MeshView()
    qtbot.addWidget(broken)
    broken.resize(WIDTH, HEIGHT)
    with qtbot.waitSignal(broken.failed, timeout=5000) as heard:
        broken.show()
    assert "driver" in heard.args[0]
    assert broken.overlaid.problem == heard.args[0]
    with pytest.raises(SetupProblem):
        broken.screenshot()
    broken.hide()


def test_without_opengl_it_says_so_instead_of_staying_black() -> None:
    """The platform "offscreen" of a process of its own has no OpenGL."""
    code = (
        "from PySide6.QtWidgets import QApplication\n"
        "from img2model_desktop.gui.view.mesh_view import MeshView\n"
        "application = QApplication([])\n"
        "view = MeshView()\n"
        "view.failed.connect(lambda text: (print(text, flush=True), application.exit(3)))\n"
        "view.show()\n"
        "raise SystemExit(application.exec())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "DISPLAY": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "OpenGL 3.3" in done.stdout
