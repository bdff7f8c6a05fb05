"""Buffers for the viewer, without OpenGL."""

import pickle

import numpy as np
import pytest
import trimesh

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.preview import FOOTPRINT_PX, clustered, prepare, texture_levels
from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import Cancelled


def _mesh(shape: trimesh.Trimesh, uv: np.ndarray | None = None, picture: Picture | None = None) -> Mesh:
    return Mesh(shape.vertices.astype(np.float32), shape.faces.astype(np.int32), uv, picture).validate()


def _sphere(subdivisions: int, radius_m: float = 0.05) -> Mesh:
    return _mesh(trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius_m))


def _face_normals(corners: np.ndarray, indices: np.ndarray) -> np.ndarray:
    a, b, c = (corners[indices[:, k], :3] for k in range(3))
    normals = np.cross(b - a, c - a)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def test_a_box_has_flat_faces_and_sharp_edges() -> None:
    full = prepare(_mesh(trimesh.creation.box())).full
    assert full.corners.shape == (24, 8)
    assert full.indices.shape == (12, 3)
    own = np.repeat(_face_normals(full.corners, full.indices), 3, axis=0)
    np.testing.assert_allclose(full.corners[full.indices.ravel(), 3:6], own, atol=1e-6)


def test_a_sphere_is_smooth() -> None:
    full = prepare(_sphere(4)).full
    radial = full.corners[:, :3] / np.linalg.norm(full.corners[:, :3], axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", radial, full.corners[:, 3:6]).min() > np.cos(np.radians(1.0))


def test_positions_uv_and_faces_stay_as_they_are() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=2)
    uv = np.linspace(0, 1, 2 * len(sphere.vertices)).reshape(-1, 2).astype(np.float32)
    mesh = _mesh(sphere, uv)
    buffers = prepare(mesh)
    corners = buffers.full.corners[buffers.full.indices]
    np.testing.assert_array_equal(corners[..., :3], mesh.vertices[mesh.faces])
    np.testing.assert_array_equal(corners[..., 6:], uv[mesh.faces])
    assert buffers.has_uv
    np.testing.assert_allclose(np.stack([buffers.low, buffers.high]), mesh.bounds)


def test_only_a_large_mesh_gets_a_stand_in() -> None:
    assert prepare(_sphere(2)).coarse is None
    assert prepare(_sphere(2), coarse_above=100).coarse is not None


def test_the_stand_in_has_the_shape_of_the_mesh() -> None:
    full = prepare(_sphere(6, radius_m=1.0)).full
    coarse = clustered(full, 5000)
    assert 2500 < len(coarse.indices) < 10_000
    radii = np.linalg.norm(coarse.corners[:, :3], axis=1)
    assert radii.min() > 0.985
    assert radii.max() <= 1.0
    np.testing.assert_allclose(np.linalg.norm(coarse.corners[:, 3:6], axis=1), 1.0, atol=1e-5)
    outward = np.einsum(
        "ij,ij->i", _face_normals(coarse.corners, coarse.indices), coarse.corners[coarse.indices[:, 0], :3]
    )
    assert outward.min() > 0.0
    assert np.sort(outward)[len(outward) // 100] > 0.98
    a, b, c = (coarse.corners[coarse.indices[:, k], :3].astype(float) for k in range(3))
    volume = np.einsum("ij,ij->", a, np.cross(b, c)) / 6  # what a hole or a fold would change
    assert volume == pytest.approx(4 / 3 * np.pi, rel=0.01)


def test_the_stand_in_keeps_texture_charts_apart() -> None:
    """Two leaves at the same place whose uv lie in opposite corners: no corner gets a uv in between."""
    grid = trimesh.creation.box((1, 1, 1e-3)).subdivide().subdivide().subdivide().subdivide()
    far = grid.vertices[:, 2] > 0
    uv = np.where(far[:, None], 0.95, 0.05).astype(np.float32).repeat(2, axis=1)
    coarse = clustered(prepare(_mesh(grid, uv)).full, 200)
    middle = (coarse.corners[:, 6:] > 0.06) & (coarse.corners[:, 6:] < 0.94)
    assert not middle.any()


def test_texture_levels_halve_down_to_one_texel() -> None:
    levels = texture_levels(Picture(np.zeros((6, 20, 4), np.uint8)), is_colour=True)
    assert [level.shape[:2] for level in levels] == [(6, 20), (3, 10), (1, 5), (1, 2), (1, 1)]


def test_textures_begin_with_their_bottom_row() -> None:
    pixels = np.zeros((2, 1, 4), np.uint8)
    pixels[0] = 10
    pixels[1] = 200
    np.testing.assert_array_equal(texture_levels(Picture(pixels), is_colour=True)[0][:, 0, 0], [200, 10])


def test_colours_are_averaged_as_light_and_data_as_numbers() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[::2, ::2] = 255
    pixels[1::2, 1::2] = 255
    picture = Picture(pixels)
    # half the light of white is sRGB 187.5 (IEC 61966-2-1)
    assert {*texture_levels(picture, is_colour=True)[3][..., :3].ravel().tolist()} <= {187, 188}
    assert {*texture_levels(picture, is_colour=True)[3][..., 3].ravel().tolist()} <= {127, 128}
    assert {*texture_levels(picture, is_colour=False)[3].ravel().tolist()} <= {127, 128}


def test_a_texture_over_the_limit_is_made_smaller() -> None:
    levels = texture_levels(Picture(np.full((300, 100, 4), 77, np.uint8)), is_colour=True, limit_px=64)
    assert levels[0].shape == (64, 21, 4)
    assert {*levels[0].ravel().tolist()} == {77}


def test_the_shadow_lies_below_the_mesh() -> None:
    footprint = prepare(_mesh(trimesh.creation.box())).footprint
    middle = FOOTPRINT_PX // 2
    assert footprint.shape == (FOOTPRINT_PX, FOOTPRINT_PX)
    assert footprint[middle, middle] > 200
    for edge in (footprint[0], footprint[-1], footprint[:, 0], footprint[:, -1]):
        assert not edge.any()
    assert abs(footprint.astype(int) - footprint[::-1, ::-1]).mean() < 1.0


def test_a_ball_touches_the_floor_only_in_the_middle() -> None:
    ball, box = prepare(_sphere(4, 0.5)).footprint, prepare(_mesh(trimesh.creation.box())).footprint
    middle = FOOTPRINT_PX // 2
    inside = middle + 34  # of the 40 pixels from the middle to the ball's rim and the box's side
    assert ball[middle, inside] < 0.5 * ball[middle, middle]
    assert box[middle, inside] > 0.8 * box[middle, middle]


def test_the_outline_reaches_as_far_as_the_mesh() -> None:
    buffers = prepare(_mesh(trimesh.creation.annulus(0.2, 1.0, 0.4, sections=300)))
    assert len(buffers.outline) <= 128
    toward = np.random.default_rng(3).normal(size=(500, 3))
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    whole = (buffers.full.corners[:, :3] @ toward.T).max(axis=0)
    assert ((buffers.outline @ toward.T).max(axis=0) > whole - 0.03).all()


def test_it_stops_when_asked() -> None:
    with pytest.raises(Cancelled):
        prepare(_sphere(2), Progress(is_cancelled=lambda: True))


def test_buffers_are_read_only_and_travel_between_processes() -> None:
    mesh = _mesh(trimesh.creation.box(), np.zeros((8, 2), np.float32), Picture(np.full((4, 4, 4), 9, np.uint8)))
    buffers = pickle.loads(pickle.dumps(prepare(mesh, coarse_above=1)))
    fresh = prepare(mesh, coarse_above=1)
    np.testing.assert_array_equal(buffers.full.corners, fresh.full.corners)
    np.testing.assert_array_equal(buffers.base_colour[1], fresh.base_colour[1])
    assert fresh.coarse is not None
    for array in (
        fresh.full.corners,
        fresh.coarse.indices,
        fresh.low,
        fresh.outline,
        fresh.footprint,
        *fresh.base_colour,
    ):
        assert not array.flags.writeable
