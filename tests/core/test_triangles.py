"""Normals and areas of triangles that are known."""

import numpy as np

from img2model_desktop.core.triangles import areas, cross, crosses, unit_normals

TRIANGLES = np.array(
    [[[1, 1, 1], [4, 1, 1], [1, 5, 1]], [[0, 0, 0], [0, 0, 2], [0, 2, 0]], [[3, 3, 3], [3, 3, 3], [4, 4, 4]]],
    dtype=np.float32,
)


def test_normals_and_areas() -> None:
    assert crosses(TRIANGLES).tolist() == [[0, 0, 12], [-4, 0, 0], [0, 0, 0]]
    assert areas(TRIANGLES).tolist() == [6, 2, 0]
    assert unit_normals(TRIANGLES).tolist() == [[0, 0, 1], [-1, 0, 0], [0, 0, 0]]


def test_small_triangles_far_away_keep_their_area() -> None:
    """32-bit differences would be wrong in the third digit: the corners are taken into 64 bits first."""
    far = np.array([[[1000, 0, 0], [1000 + 2**-13, 0, 0], [1000, 2**-13, 1000]]], dtype=np.float32)
    assert areas(far)[0] == np.linalg.norm(np.cross([2**-13, 0, 0], [0, 2**-13, 1000])) / 2


def test_a_triangle_of_nanometres_has_a_normal() -> None:
    assert unit_normals(TRIANGLES[:1].astype(np.float64) * 1e-9).tolist() == [[0, 0, 1]]


def test_cross_products_are_those_of_numpy_to_the_bit() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 50, 7, 3)) * 10.0 ** random.integers(-9, 9, (2, 50, 7, 1))
    assert np.array_equal(cross(a, b), np.cross(a, b))
    assert np.array_equal(cross(a[:1, :1], b), np.cross(a[:1, :1], b))
    assert cross(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0, 3)
