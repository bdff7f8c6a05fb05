"""Extruded bodies: exact volumes, sharp corners, holes, bevels, colours."""

import math

import numpy as np
import pytest
import trimesh

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.catalog import ExtrudeOptions
from img2model_desktop.engines.shapes.extrude import load
from tests.drawn import Alpha, alpha_of, both, box, coloured, disc, polygon


def extruded(picture: Picture, options: ExtrudeOptions | None = None) -> Mesh:
    return load().sculpt(picture, options or ExtrudeOptions(faces=6_000), 0, Progress())


def solid(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices.astype(np.float64), mesh.faces, process=False)


def plain(thickness: float = 0.1, faces: int = 6_000) -> ExtrudeOptions:
    return ExtrudeOptions(faces=faces, thickness=thickness, bevel=0.0)


SQUARE = alpha_of(box(100, 100, 400, 400))
RING = alpha_of(both(disc(256, 256, 200), disc(256, 256, 90, 0)))
TWO = alpha_of(both(box(50, 100, 200, 400), box(250, 100, 450, 400)))


def test_a_square_is_a_box_with_eight_corners_and_its_volume() -> None:
    mesh = extruded(coloured(SQUARE), plain())
    body = solid(mesh)
    assert body.is_watertight
    assert body.volume == pytest.approx(0.1, rel=0.003)
    for x in (-0.5, 0.5):
        for y in (-0.5, 0.5):
            for z in (-0.05, 0.05):
                assert np.abs(mesh.vertices - [x, y, z]).max(axis=1).min() < 0.001


@pytest.mark.parametrize(("alpha", "parts", "euler"), [(SQUARE, 1, 2), (RING, 1, 0), (TWO, 2, 4)])
@pytest.mark.parametrize("edge", ["round", "chamfer"])
def test_holes_stay_holes_and_parts_stay_parts(alpha: Alpha, parts: int, euler: int, edge: str) -> None:
    body = solid(extruded(coloured(alpha), ExtrudeOptions(faces=6_000, edge=edge)))
    assert body.is_watertight
    assert body.is_winding_consistent
    assert (body.body_count, body.euler_number) == (parts, euler)
    assert body.volume > 0


def test_a_ring_has_its_volume() -> None:
    volume = solid(extruded(coloured(RING), plain(faces=12_000))).volume
    assert volume == pytest.approx(math.pi * (0.5**2 - (90 / 400) ** 2) * 0.1, rel=0.004)


def test_a_chamfer_takes_exactly_its_wedge() -> None:
    # The bevelled slice is a frustum of a pyramid: sides 1 and 1 - 2 b, height b.
    b = 0.2 * 0.1
    upper, lower = (1 - 2 * b) ** 2, 1.0
    slice_ = b / 3 * (upper + lower + math.sqrt(upper * lower))
    one = solid(extruded(coloured(SQUARE), ExtrudeOptions(faces=6_000, thickness=0.1, bevel=0.2, edge="chamfer")))
    assert one.volume == pytest.approx(0.1 - b + slice_, rel=0.004)
    options = ExtrudeOptions(faces=6_000, thickness=0.1, bevel=0.2, edge="chamfer", bevel_back=True)
    assert solid(extruded(coloured(SQUARE), options)).volume == pytest.approx(0.1 - 2 * b + 2 * slice_, rel=0.004)


def test_a_round_bevel_is_a_quarter_circle() -> None:
    options = ExtrudeOptions(faces=30_000, thickness=0.2, bevel=0.5, edge="round")
    mesh = extruded(coloured(SQUARE), options)
    middle = np.abs(mesh.vertices[:, 1]) < 0.2  # away from the mitred corners
    right = mesh.vertices[middle & (mesh.vertices[:, 0] > 0.41) & (mesh.vertices[:, 2] > 0.001)]
    from_centre = np.hypot(right[:, 0] - 0.4, right[:, 2])
    assert len(right) > 50
    assert np.abs(from_centre - 0.1).max() < 0.002


@pytest.mark.parametrize("faces", [6_000, 25_000, 100_000])
def test_the_wanted_number_of_triangles_comes_out(faces: int) -> None:
    for alpha in (SQUARE, RING):
        mesh = extruded(coloured(alpha), ExtrudeOptions(faces=faces))
        assert len(mesh.faces) == pytest.approx(faces, rel=0.15)


def test_walls_have_the_colour_of_the_edge_and_nothing_shows_the_background() -> None:
    mesh = extruded(coloured(RING, (200, 120, 60)))
    assert mesh.base_colour is not None
    assert (mesh.base_colour.rgb == (200, 120, 60)).all()


def test_a_plain_back_has_one_colour() -> None:
    pixels = coloured(SQUARE, (10, 20, 200)).pixels.copy()
    pixels[200:300, 200:300, :3] = (250, 250, 0)
    mesh = extruded(Picture(pixels), ExtrudeOptions(faces=6_000, back="plain"))
    assert mesh.uv is not None
    assert mesh.base_colour is not None
    height, width = mesh.base_colour.pixels.shape[:2]
    back = mesh.vertices[:, 2] <= mesh.vertices[:, 2].min()
    at = mesh.uv[back] * [width, height]
    seen = mesh.base_colour.rgb[(height - at[:, 1]).astype(int), at[:, 0].astype(int)]
    assert (seen == (10, 20, 200)).all()


def test_the_front_shows_the_picture_where_it_is() -> None:
    pixels = coloured(SQUARE, (10, 20, 200)).pixels.copy()
    pixels[100:250, 100:250, :3] = (250, 250, 0)  # the upper left quarter
    mesh = extruded(Picture(pixels))
    assert mesh.uv is not None
    assert mesh.base_colour is not None
    height, width = mesh.base_colour.pixels.shape[:2]
    front = mesh.vertices[:, 2] >= mesh.vertices[:, 2].max() - 1e-6
    at = mesh.uv[front] * [width, height]
    seen = mesh.base_colour.rgb[(height - at[:, 1]).astype(int), at[:, 0].astype(int)]
    x, y = mesh.vertices[front, 0], mesh.vertices[front, 1]
    sure = (np.abs(x) > 0.02) & (np.abs(y) > 0.02)
    yellow = (x < 0) & (y > 0)
    assert (np.all(seen == (250, 250, 0), axis=1) == yellow)[sure].all()


def test_a_slit_of_a_pixel_between_two_parts_does_not_break_it() -> None:
    nearly = both(polygon((100, 100), (250, 250), (100, 400)), polygon((400, 100), (252, 250), (400, 400)))
    body = solid(extruded(coloured(alpha_of(nearly))))
    assert body.is_watertight
    assert body.volume > 0


def test_a_bevel_wider_than_a_thin_part_ends_in_a_ridge() -> None:
    thin = alpha_of(box(50, 250, 450, 262))
    body = solid(extruded(coloured(thin), ExtrudeOptions(faces=6_000, thickness=0.2, bevel=0.5, edge="chamfer")))
    assert body.is_watertight
    assert float(np.ptp(body.vertices[:, 2])) == pytest.approx(0.1 + 0.5 * 12 / 400, rel=0.05)
