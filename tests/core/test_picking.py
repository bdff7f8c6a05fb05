"""What a ray meets, against a box and against every triangle of a mesh tried one by one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from img2model_desktop.core.face_blocks import BLOCK, FaceBlocks
from img2model_desktop.core.picking import Ray, first_hit, nearest_corner
from img2model_desktop.core.preview import Triangles, prepare
from tests.shapes import box, sphere, torus


def ray(origin: tuple[float, float, float], toward: tuple[float, float, float]) -> Ray:
    direction = np.array(toward) - origin
    return Ray(np.array(origin), direction / np.linalg.norm(direction))


def tried(triangles: Triangles, one: Ray) -> float:
    """Distance of the first triangle on the ray, by Cramer's rule for each of them; infinite for none."""
    a, b, c = (triangles.corners[triangles.indices[:, k], :3].astype(np.float64) for k in range(3))
    nearest = np.inf
    for p, q, r in zip(a, b, c, strict=True):
        matrix = np.stack([q - p, r - p, -one.direction], axis=1)
        if abs(np.linalg.det(matrix)) < 1e-18:
            continue
        u, v, t = np.linalg.solve(matrix, one.origin - p)
        if u >= 0 and v >= 0 and u + v <= 1 and t > 0:
            nearest = min(nearest, t)
    return nearest


def test_a_ray_meets_the_front_of_a_box_where_it_must() -> None:
    blocks = FaceBlocks(prepare(box(1, 2, 4)).full)
    hit = first_hit(blocks, ray((0.25, 1.5, 9), (0.25, 1.5, 0)))
    assert hit is not None
    np.testing.assert_allclose(hit.point, [0.25, 1.5, 4.0], atol=1e-12)
    assert hit.distance_m == pytest.approx(5.0, abs=1e-12)
    assert hit.face in (1, 7)  # of the front


def test_a_ray_that_starts_inside_meets_the_far_side_and_nothing_lies_behind_it() -> None:
    blocks = FaceBlocks(prepare(box(1, 1, 1)).full)
    hit = first_hit(blocks, ray((0.5, 0.5, 0.5), (9, 0.5, 0.5)))
    assert hit is not None
    assert hit.point[0] == 1.0
    assert first_hit(blocks, ray((2, 0.5, 0.5), (9, 0.5, 0.5))) is None


def test_a_ray_through_an_edge_or_a_corner_meets_it() -> None:
    blocks = FaceBlocks(prepare(box(1, 1, 1)).full)
    for x, y in ((0.5, 0.5), (0.0, 0.5), (1.0, 1.0), (0.0, 0.0)):  # on the diagonal, a rim, corners
        hit = first_hit(blocks, ray((x, y, 5), (x, y, 0)))
        assert hit is not None
        np.testing.assert_allclose(hit.point, [x, y, 1.0], atol=1e-12)


def test_what_is_cut_off_is_not_met() -> None:
    blocks = FaceBlocks(prepare(box(1, 1, 1)).full)
    keep_back = np.array([0.0, 0.0, -1.0, 0.5])
    hit = first_hit(blocks, ray((0.3, 0.4, 5), (0.3, 0.4, 0)), keep_back)
    assert hit is not None
    assert hit.point[2] == 0.0


def test_blocks_leave_nothing_out() -> None:
    """Many blocks, rays from all around a ring: the same distances as all triangles tried one by one."""
    mesh = torus(rows=30, columns=18)
    triangles = prepare(mesh).full
    assert len(triangles.indices) > 4 * BLOCK
    blocks = FaceBlocks(triangles)
    random = np.random.default_rng(5)
    met = 0
    for _ in range(40):
        origin = random.normal(size=3)
        origin *= 2 / np.linalg.norm(origin)
        toward = random.uniform(-0.6, 0.6, 3)
        one = ray(tuple(origin), tuple(toward))
        hit, expected = first_hit(blocks, one), tried(triangles, one)
        assert (hit is None) == (expected == np.inf)
        if hit is not None:
            met += 1
            assert hit.distance_m == pytest.approx(expected, rel=1e-9)
    assert met > 8


def test_a_plane_finds_exactly_the_faces_it_crosses() -> None:
    triangles = prepare(sphere(rows=40, columns=60)).full
    blocks = FaceBlocks(triangles)
    values: NDArray[np.float32] = triangles.corners[:, 1][triangles.indices]
    crossing = np.flatnonzero((values.min(axis=1) <= 0.1) & (values.max(axis=1) >= 0.1))
    found = blocks.across(1, 0.1)
    assert set(crossing) <= set(found)
    assert len(found) == len(set(found)) < len(triangles.indices) / 2


def test_the_nearest_corner_is_the_one_that_is_seen() -> None:
    blocks = FaceBlocks(prepare(box(1, 1, 1)).full)
    beside = ray((0.5, 0.5, 6), (1.01, 1.01, 1))
    corner = nearest_corner(blocks, beside, 0.02)
    assert corner is not None
    assert corner.tolist() == [1.0, 1.0, 1.0]
    assert nearest_corner(blocks, ray((0.5, 0.5, 6), (0.5, 0.5, 1)), 0.02) is None
    # the corner at the back lies nearer to this ray, but the front hides it
    hidden = ray((0.5, 0.5, 6), (0.01, 0.01, 0))
    assert nearest_corner(blocks, hidden, 0.01) is None
