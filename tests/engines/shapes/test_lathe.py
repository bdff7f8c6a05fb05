"""Turned bodies: volume, shape and texture against the picture."""

import math

import numpy as np
import pytest
import trimesh

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.catalog import LatheOptions
from img2model_desktop.engines.shapes.lathe import load
from tests.core.test_axis import mug
from tests.drawn import Alpha, alpha_of, box, coloured, disc, polygon


def turned(picture: Picture, options: LatheOptions | None = None) -> Mesh:
    return load().sculpt(picture, options or LatheOptions(faces=12_000), 0, Progress())


def solid(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices.astype(np.float64), mesh.faces, process=False)


CYLINDER = alpha_of(box(150, 100, 350, 450))  # 200 wide, 350 high
CONE = alpha_of(polygon((256, 80), (396, 430), (116, 430)))
BALL = alpha_of(disc(256, 256, 180))


@pytest.mark.parametrize(
    ("alpha", "longest", "volume"),
    [
        (CYLINDER, 350, math.pi * 100**2 * 350),
        (CONE, 350, math.pi * 140**2 * 350 / 3),
        (BALL, 360, 4 / 3 * math.pi * 180**3),
        (alpha_of(mug), 250, math.pi * 75**2 * 250),
    ],
    ids=["cylinder", "cone", "ball", "mug without its handle"],
)
def test_the_volume_is_that_of_the_body(alpha: Alpha, longest: float, volume: float) -> None:
    body = solid(turned(coloured(alpha)))
    assert body.is_watertight
    assert body.euler_number == 2
    assert body.volume == pytest.approx(volume / longest**3, rel=0.012)


@pytest.mark.parametrize("faces", [2_000, 12_000, 50_000, 200_000])
def test_the_wanted_number_of_triangles_comes_out(faces: int) -> None:
    mesh = turned(coloured(CYLINDER), LatheOptions(faces=faces))
    assert len(mesh.faces) == pytest.approx(faces, rel=0.15)


def test_a_body_that_lies_in_the_picture_lies_in_the_mesh() -> None:
    mesh = turned(coloured(np.ascontiguousarray(CONE.T)))
    wide, high, deep = mesh.size_m
    assert wide == pytest.approx(1.0, rel=0.01)
    assert high == pytest.approx(deep, rel=0.01)
    assert solid(mesh).volume == pytest.approx(math.pi * 140**2 * 350 / 3 / 350**3, rel=0.012)


def test_a_wide_bowl_is_not_taken_for_a_lying_body() -> None:
    bowl = alpha_of(polygon((60, 200), (452, 200), (330, 330), (182, 330)))
    wide, high, deep = turned(coloured(bowl)).size_m
    assert wide == pytest.approx(deep, rel=0.01)
    assert high == pytest.approx(130 / 392, rel=0.02)


@pytest.mark.parametrize("wrap", ["as seen", "even"])
@pytest.mark.parametrize("lying", [False, True])
def test_the_texture_lies_where_it_was_and_nothing_of_the_background_is_in_it(wrap: str, lying: bool) -> None:
    """Four quarters of different colours, seen from the front, and mirrored on the back."""
    pixels = coloured(CYLINDER).pixels.copy()
    colours = np.array([[(250, 0, 0), (0, 250, 0)], [(0, 0, 250), (250, 250, 0)]], np.uint8)  # rows, then columns
    pixels[100:450, 150:350, :3] = colours.repeat(175, axis=0).repeat(100, axis=1)
    if lying:
        pixels = np.ascontiguousarray(pixels.transpose(1, 0, 2))
        colours = colours.transpose(1, 0, 2)
    axis = "lying" if lying else "upright"
    mesh = turned(Picture(pixels), LatheOptions(faces=12_000, wrap=wrap, axis=axis))
    assert mesh.uv is not None
    assert mesh.base_colour is not None
    height, width = mesh.base_colour.pixels.shape[:2]
    at = mesh.uv * [width, height]
    seen = mesh.base_colour.rgb[(height - at[:, 1]).astype(int), at[:, 0].astype(int)]
    x, y = mesh.vertices[:, 0], mesh.vertices[:, 1]
    centre = mesh.bounds.mean(axis=0)
    sure = (np.abs(x - centre[0]) > 0.02) & (np.abs(y - centre[1]) > 0.02)
    wanted = colours[(y < centre[1]).astype(int), (x > centre[0]).astype(int)]
    assert (seen == wanted).all(axis=1)[sure].all()


def test_the_front_view_shows_the_picture_in_proportion() -> None:
    mesh = turned(coloured(CYLINDER))
    assert mesh.uv is not None
    assert mesh.base_colour is not None
    body = np.abs(mesh.vertices[:, 0]) > 0
    across = (mesh.uv[body, 0] - 0.5) * mesh.base_colour.width
    assert np.abs(across - mesh.vertices[body, 0] * 350).max() < 0.6  # picture pixels
