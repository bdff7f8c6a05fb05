"""The camera's geometry, without OpenGL."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.render.camera import Camera, box_corners
from img2model_desktop.render.look import grid_steps, size_caption

LOW, HIGH = np.array([-0.03, 0.0, -0.01]), np.array([0.03, 0.1, 0.01])
ANGLES = st.tuples(st.floats(0, 360), st.floats(-89, 89))
SHAPES = st.tuples(st.integers(50, 2000), st.integers(50, 2000))


def _seen(camera: Camera, points: np.ndarray, width: float, height: float) -> np.ndarray:
    """`(n, 3)` clip coordinates after the division."""
    matrix = camera.projection_matrix(width, height, *camera.depth_range(LOW, HIGH)) @ camera.view_matrix()
    clip = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return clip[:, :3] / clip[:, 3:]


def test_azimuth_zero_looks_at_the_front_and_ninety_at_the_side_of_x() -> None:
    np.testing.assert_allclose(Camera(distance_m=2, azimuth_deg=0, elevation_deg=0).position, [0, 0, 2], atol=1e-12)
    np.testing.assert_allclose(Camera(distance_m=2, azimuth_deg=90, elevation_deg=0).position, [2, 0, 0], atol=1e-12)
    np.testing.assert_allclose(Camera(distance_m=2, elevation_deg=90).position, [0, 2, 0], atol=1e-12)


def test_from_the_front_x_is_right_and_y_is_up() -> None:
    seen = _seen(Camera(distance_m=1, azimuth_deg=0, elevation_deg=0), np.array([[0.1, 0, 0], [0, 0.1, 0]]), 100, 100)
    half = np.tan(np.radians(20))
    np.testing.assert_allclose(seen[:, :2], [[0.1 / half, 0], [0, 0.1 / half]], atol=1e-12)


@given(ANGLES, SHAPES, st.booleans())
def test_a_framed_box_fits_and_fills_the_picture(
    angles: tuple[float, float], shape: tuple[int, int], all_round: bool
) -> None:
    corners = box_corners(LOW, HIGH)
    camera = Camera(azimuth_deg=angles[0], elevation_deg=angles[1]).framing(corners, *shape, all_round=all_round)
    seen = _seen(camera, corners, *shape)
    assert abs(seen[:, :2]).max() <= 1.0
    assert (abs(seen[:, 2]) <= 1.0).all()
    if not all_round:
        assert abs(seen[:, :2]).max() > 0.6


@given(SHAPES, st.floats(0, 360))
def test_a_box_framed_all_round_fits_from_every_side(shape: tuple[int, int], azimuth_deg: float) -> None:
    corners = box_corners(LOW, HIGH)
    camera = Camera().framing(corners, *shape, all_round=True)
    assert abs(_seen(replace(camera, azimuth_deg=azimuth_deg), corners, *shape)[:, :2]).max() <= 1.0


@given(ANGLES, st.floats(-1, 1), st.floats(-1, 1), st.floats(0.2, 3))
def test_zooming_keeps_what_is_under_the_pointer(
    angles: tuple[float, float], x: float, y: float, factor: float
) -> None:
    camera = Camera((0.01, 0.05, 0.0), 0.3, *angles)
    right, top = camera.half_extent(640, 480)
    point = np.array(camera.target) + camera.distance_m * (x * right * camera.axes[0] + y * top * camera.axes[1])
    after = camera.zoomed(factor, x, y, 640, 480)
    assert after.distance_m == pytest.approx(0.3 * factor)
    np.testing.assert_allclose(_seen(after, point[None], 640, 480)[0, :2], [x, y], atol=1e-6)


@given(ANGLES, st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_panning_moves_the_target_with_the_pointer(angles: tuple[float, float], right: float, up: float) -> None:
    camera = Camera((0.0, 0.05, 0.0), 0.3, *angles)
    seen = _seen(camera.panned(right, up, 640, 480), np.array([camera.target]), 640, 480)
    np.testing.assert_allclose(seen[0, :2], [2 * right, 2 * up], atol=1e-6)


def test_orbiting_never_goes_over_the_poles() -> None:
    camera = Camera().orbited(-50, 500)
    assert camera.azimuth_deg == pytest.approx(340)
    assert 89 < camera.elevation_deg < 90


def test_a_tenth_of_a_millimetre_can_be_told_apart_in_depth() -> None:
    camera = Camera().framing(box_corners(LOW, HIGH), 640, 480)
    near, far = camera.depth_range(LOW, HIGH)
    toward = np.array(camera.target) + camera.axes[2] * np.array([[0.0], [1e-4]])
    seen = _seen(camera, toward, 640, 480)[:, 2]
    assert (seen[0] - seen[1]) / 2 * 2**24 > 100
    assert near < camera.distance_m < far


@pytest.mark.parametrize(
    ("seen_m", "caption"),
    [(0.004, "1 mm"), (0.015, "1 mm"), (0.03, "10 mm"), (0.15, "10 mm"), (0.5, "100 mm"), (3.0, "1 m"), (90.0, "10 m")],
)
def test_grid_steps_are_round_and_said_in_a_makers_units(seen_m: float, caption: str) -> None:
    assert grid_steps(seen_m).caption == caption


def test_finer_lines_fade_in_without_a_jump() -> None:
    before, after = grid_steps(0.02 - 1e-9), grid_steps(0.02 + 1e-9)
    assert before.step_m == pytest.approx(after.step_m / 10)
    assert before.fine == pytest.approx(0.0, abs=1e-6)
    assert after.fine == pytest.approx(1.0, abs=1e-6)


def test_sizes_are_said_in_millimetres_or_metres() -> None:
    assert size_caption(LOW, HIGH) == "60.0 × 100 × 20.0 mm"
    assert size_caption(np.zeros(3), np.array([12.0, 1.0, 3.25])) == "12.0 × 1.0 × 3.2 m"


def test_a_point_is_seen_where_its_sight_line_goes_through() -> None:
    camera = Camera((0.1, 0.2, -0.1), 0.7, 65.0, -20.0)
    points = np.array([[0.1, 0.2, -0.1], [0.15, 0.1, 0.05], [0.0, 0.3, 0.0]])
    seen = camera.on_screen(points, 320, 200)
    assert seen[0] == pytest.approx((160.0, 100.0, 0.7))
    for point, (x, y, away) in zip(points, seen, strict=True):
        line = camera.sight_line(x, y, 320, 200)
        np.testing.assert_allclose(camera.position + line * away / (line @ -camera.axes[2]), point, atol=1e-12)
    behind = camera.position + camera.axes[2]
    assert np.isnan(camera.on_screen(behind[None], 320, 200)[0, :2]).all()
