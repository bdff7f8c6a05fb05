"""The stance: what an outline tells about how its subject stands, and that it says nothing where there is nothing."""

import cv2
import numpy as np
import pytest

from img2model_desktop.core.silhouette import silhouette_of
from img2model_desktop.core.stance import FLATTEST, STEEPEST, TURN, UPRIGHT, Stance, stance_of


def stance(alpha: np.ndarray) -> Stance:
    return stance_of(silhouette_of(alpha))


def box_from_above(width: int, height: int, near: float = 0.35, drop: int = 40) -> np.ndarray:
    """A box's outline seen from a little above: its nearest lower corner is the lowest point."""
    alpha = np.zeros((height + 120, width + 40), np.uint8)
    left, top, corner = 20, 40, 20 + int(near * width)
    low = top + height
    outline = [
        [left, top],
        [corner + width // 4, top - 25],
        [left + width, top],
        [left + width, low - drop],
        [corner, low],
        [left, low - drop // 2],
    ]
    cv2.fillPoly(alpha, [np.array(outline)], 255)
    return alpha


def test_a_level_base_seen_from_the_front_says_nothing() -> None:
    alpha = np.zeros((300, 300), np.uint8)
    alpha[40:260, 60:220] = 255
    alpha[40:80, 220:250] = 255  # something to one side, so that it is not symmetrical
    found = stance(alpha)
    assert found.from_above == 0
    assert found.lean == 0
    assert abs(found.turn) < 0.01


def test_a_symmetrical_outline_counts_as_a_front_view() -> None:
    assert stance(cv2.ellipse(np.zeros((300, 300), np.uint8), (150, 150), (120, 60), 0, 0, 360, 255, -1)).lean == 0


def test_tall_leans_towards_the_viewer_and_wide_away() -> None:
    upright = box_from_above(120, 400)
    upright[60:200, 140:] = 255  # something to one side, so that it is not symmetrical
    tall, wide = stance(upright), stance(box_from_above(500, 160, drop=130))
    assert tall.from_above == 1.0
    assert tall.lean == pytest.approx(UPRIGHT, abs=0.02)
    assert wide.from_above > 0.3
    assert FLATTEST <= wide.lean < -0.2


def test_the_side_whose_foot_stands_higher_is_further_away() -> None:
    alpha = box_from_above(240, 240, near=0.1)
    turned, mirrored = stance(alpha), stance(np.ascontiguousarray(alpha[:, ::-1]))
    assert turned.turn < -0.2
    assert mirrored.turn == pytest.approx(-turned.turn, rel=0.05)
    assert mirrored.lean == pytest.approx(turned.lean, abs=0.02)


@pytest.mark.parametrize("seed", range(12))
def test_it_stays_within_its_limits_for_any_mask(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 60, 2)
    alpha = (rng.random((height, width)) < rng.random()).astype(np.uint8) * 255
    alpha[rng.integers(height), rng.integers(width)] = 255
    found = stance_of(silhouette_of(alpha, dust=0.0))
    assert 0 <= found.from_above <= 1
    assert FLATTEST <= found.lean <= UPRIGHT
    assert abs(found.turn) <= TURN * STEEPEST


def test_its_size_in_pixels_makes_no_difference() -> None:
    alpha = box_from_above(240, 300)
    small, large = stance(alpha), stance(cv2.resize(alpha, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST))
    assert large.lean == pytest.approx(small.lean, abs=0.05)
    assert large.turn == pytest.approx(small.turn, abs=0.05)
