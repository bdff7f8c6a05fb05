"""Outlines with sharp corners, against the polygons that were drawn."""

import math

import numpy as np
import pytest

from img2model_desktop.core.outline import Loop, loops_of, moved_inwards
from img2model_desktop.core.silhouette import signed_area, silhouette_of
from tests.drawn import alpha_of, both, box, disc, polygon


def star(points: int, outer: float, inner: float) -> list[tuple[float, float]]:
    turns = [k * math.pi / points for k in range(2 * points)]
    return [
        (256 + (inner if k % 2 else outer) * math.sin(turn), 256 - (inner if k % 2 else outer) * math.cos(turn))
        for k, turn in enumerate(turns)
    ]


def nearest(loop: Loop, corners: list[tuple[float, float]]) -> float:
    """How far the corner that was missed most is from a sharp point of the loop."""
    sharp = loop.points[loop.is_corner]
    return max(float(np.hypot(*(sharp - corner).T).min()) for corner in corners)


@pytest.mark.parametrize(("shift", "soft"), [(0.0, True), (0.25, True), (0.5, True), (0.0, False), (0.25, False)])
def test_a_square_is_four_points_where_its_corners_are(shift: float, soft: bool) -> None:
    alpha = alpha_of(box(100 + shift, 120 + shift, 380 + shift, 400 + shift))
    if not soft:
        alpha = ((alpha >= 128) * 255).astype(np.uint8)
        shift = 0.0
    (loop,) = loops_of(silhouette_of(alpha))
    corners = [(x + shift, y + shift) for x in (100, 380) for y in (120, 400)]
    assert len(loop.points) == 4
    assert nearest(loop, corners) < 0.3
    assert signed_area(loop.points) == pytest.approx(280 * 280, rel=0.002)


def test_all_ten_corners_of_a_star_are_sharp() -> None:
    corners = star(5, 220, 90)
    (loop,) = loops_of(silhouette_of(alpha_of(polygon(*corners))))
    assert int(loop.is_corner.sum()) == 10
    assert nearest(loop, corners) < 1.0


def test_a_circle_has_no_corner() -> None:
    (loop,) = loops_of(silhouette_of(alpha_of(disc(256, 256, 180))))
    assert not loop.is_corner.any()
    assert signed_area(loop.points) == pytest.approx(math.pi * 180**2, rel=0.001)
    assert np.abs(np.hypot(*(loop.points - 256).T) - 180).max() < 0.25


def test_a_hole_runs_the_other_way_round() -> None:
    loops = loops_of(silhouette_of(alpha_of(both(disc(256, 256, 200), disc(256, 256, 90, 0)))))
    assert [signed_area(loop.points) > 0 for loop in loops] == [True, False]


def test_moved_inwards_a_square_keeps_its_corners() -> None:
    (loop,) = moved_inwards(silhouette_of(alpha_of(box(100, 100, 400, 400))), 20.0)
    assert nearest(loop, [(x, y) for x in (120, 380) for y in (120, 380)]) < 0.3


def test_moved_inwards_farther_than_it_is_wide_nothing_is_left() -> None:
    assert moved_inwards(silhouette_of(alpha_of(box(100, 100, 400, 130))), 16.0) == []
