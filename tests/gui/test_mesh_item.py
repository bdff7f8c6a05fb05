"""The items in pyqtgraph's own view: they need nothing of ours around them."""

import numpy as np
import pytest
from pyqtgraph.opengl import GLViewWidget
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.preview import prepare, texture_levels
from img2model_desktop.gui.view.gl_objects import upload_pieces
from img2model_desktop.gui.view.mesh_item import UPRIGHT, BackdropItem, MeshItem
from img2model_desktop.gui.view.scene_view import default_surface_format
from img2model_desktop.render.look import DARK, Shading

pytestmark = pytest.mark.gl

COLOURS = [
    (231, 12, 40),
    (20, 200, 64),
    (3, 90, 250),
    (128, 127, 55),
]  # lower left, lower right, upper left, upper right


def _quad() -> Mesh:
    texels = np.full((2, 2, 4), 255, np.uint8)
    texels[1, 0, :3], texels[1, 1, :3], texels[0, 0, :3], texels[0, 1, :3] = COLOURS
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=np.float32)
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
    picture = Picture(texels.repeat(16, axis=0).repeat(16, axis=1))
    return Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32), uv, picture)


@pytest.fixture
def view(qtbot: QtBot) -> GLViewWidget:
    made = GLViewWidget()
    made.setFormat(default_surface_format())
    qtbot.addWidget(made)
    made.resize(200, 200)
    made.setCameraPosition(distance=4.0, azimuth=-90, elevation=0)  # in pyqtgraph's axes our front is -y
    with qtbot.waitExposed(made):
        made.show()
    return made


def _quarters(image: QImage) -> list[tuple[int, int, int]]:
    places = [(80, 120), (120, 120), (80, 80), (120, 80)]
    return [QColor(image.pixel(x, y)).getRgb()[:3] for x, y in places]  # type: ignore[misc]  # the stubs say: of any length


def _item(view: GLViewWidget) -> MeshItem:
    item = MeshItem(DARK)
    item.shading = Shading.TEXTURED
    item.set_buffers(prepare(_quad()))
    view.addItem(item)
    return item


def test_a_textured_quad_has_its_exact_colours_in_their_places(view: GLViewWidget) -> None:
    _item(view)
    assert _quarters(view.grabFramebuffer()) == COLOURS


def test_it_draws_again_after_it_gave_everything_back(view: GLViewWidget) -> None:
    item = _item(view)
    view.grabFramebuffer()
    view.makeCurrent()
    item.release()
    view.doneCurrent()
    assert _quarters(view.grabFramebuffer()) == COLOURS
    item.set_buffers(None)
    assert _quarters(view.grabFramebuffer()) == [(0, 0, 0)] * 4


def test_its_parts_make_the_same_picture(view: GLViewWidget) -> None:
    item = _item(view)
    whole = _quarters(view.grabFramebuffer())
    item.paint = lambda: [step() for step in item.steps(1)]  # type: ignore[method-assign]  # on purpose
    assert len(item.steps(1)) == 5  # corners and indices to upload, two triangles, the floor
    assert _quarters(view.grabFramebuffer()) == whole


def test_the_backdrop_is_a_gradient_behind_everything(view: GLViewWidget) -> None:
    view.addItem(BackdropItem(DARK))
    _item(view)
    image = view.grabFramebuffer()
    assert _quarters(image) == COLOURS
    for y, colour in ((0, DARK.top), (199, DARK.bottom)):
        np.testing.assert_allclose(QColor(image.pixel(3, y)).getRgb()[:3], np.array(colour) * 255, atol=1.6)


def test_our_front_is_pyqtgraph_s_minus_y() -> None:
    np.testing.assert_array_equal(UPRIGHT @ [1, 2, 3, 1], [1, -3, 2, 1])


def test_a_large_texture_follows_in_pieces_and_is_then_as_fine_as_it_is(view: GLViewWidget) -> None:
    """One texel in a thousand is white: the coarse levels show grey, the finest one shows which."""
    fine = np.zeros((1024, 1024, 4), np.uint8)
    fine[..., 3] = 255
    fine[512:, :, 0] = 200
    fine[511, :, 1] = 255  # one row above the middle
    pieces = upload_pieces(texture_levels(Picture(fine), is_colour=True))
    assert [level for level, _, _ in pieces] == [0] * 4
    assert sum(rows for _, _, rows in pieces) == 1024
    quad = _quad()
    item = MeshItem(DARK)
    item.shading = Shading.TEXTURED
    item.has_shadow = False
    item.set_buffers(prepare(Mesh(quad.vertices, quad.faces, quad.uv, Picture(fine))))
    view.addItem(item)
    view.setCameraPosition(distance=0.004)  # so near that a texel spans several pixels

    def column() -> set[tuple[int, int, int]]:
        image = view.grabFramebuffer()
        return {QColor(image.pixel(100, y)).getRgb()[:3] for y in range(200)}  # type: ignore[misc]  # the stubs say: of any length

    item.is_coarse = True
    assert (0, 255, 0) not in column()
    item.is_coarse = False
    assert (0, 255, 0) in column()
    item.is_coarse = True
    assert (0, 255, 0) in column()
