"""Heights of reliefs from light, shade and depth."""

import math

import numpy as np
import pytest

from img2model_desktop.core import tones
from img2model_desktop.core.picture import Picture
from tests.drawn import alpha_of, coloured, disc


def grey(values: np.ndarray, alpha: int = 255) -> Picture:
    levels = np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)
    return Picture(np.concatenate([levels, np.full((*values.shape, 1), alpha, np.uint8)], axis=2))


RAMP = grey(np.tile(np.arange(256), (4, 1)))


def test_a_lithophane_is_thinner_the_brighter_it_is() -> None:
    height = tones.lithophane(RAMP)[0]
    shown = tones.luminance(RAMP)[0] >= tones.DARKEST
    assert (np.diff(height[shown]) < 0).all()
    assert (np.diff(height) <= 0).all()
    assert (height[0], height[-1]) == (1.0, 0.0)


def test_light_through_a_lithophane_is_as_bright_as_the_picture() -> None:
    through = np.exp(math.log(tones.DARKEST) * tones.lithophane(RAMP)[0])  # what Lambert's law lets pass
    wanted = tones.luminance(RAMP)[0]
    shown = wanted >= tones.DARKEST
    assert through[shown] == pytest.approx(wanted[shown], rel=1e-4)


def test_what_is_transparent_lets_all_light_through() -> None:
    assert (tones.lithophane(grey(np.zeros((4, 4)), alpha=0)) == 0).all()


def test_luminance_is_linear_light() -> None:
    assert tones.luminance(grey(np.full((2, 2), 188)))[0, 0] == pytest.approx(0.5029, abs=1e-3)
    assert tones.luma(grey(np.full((2, 2), 51)))[0, 0] == pytest.approx(0.2)


def test_brightness_uses_the_whole_range() -> None:
    height = tones.from_brightness(grey(np.tile(np.linspace(90, 110, 200), (50, 1))))
    assert height.min() == 0
    assert height.max() == 1
    assert (np.diff(height[0]) >= 0).all()


def test_one_brightness_makes_no_relief() -> None:
    assert (tones.from_brightness(grey(np.full((40, 40), 130))) == 0).all()


def test_a_cut_out_subject_is_lifted_and_round() -> None:
    picture = coloured(alpha_of(disc(64, 64, 50), 128))
    height = tones.from_brightness(picture)
    assert height[0, 0] == 0
    assert height[64, 64] == pytest.approx(tones.LIFT + tones.ROUND, abs=0.01)
    middle = height[64, 66:110]
    assert (np.diff(middle) < 1e-4).all()
    assert middle[-1] > tones.LIFT


def test_depth_is_stretched_within_the_subject_alone() -> None:
    values = np.tile(np.linspace(0, 1, 100, dtype=np.float32), (20, 1))
    alpha = np.zeros((20, 100), np.uint8)
    alpha[:, 25:75] = 255
    height = tones.from_depth(values, alpha)
    assert (height[:, :25] == 0).all()
    assert height[0, 25] == 0
    assert height[0, 74] == 1
    assert (tones.from_depth(np.ones((5, 5), np.float32), np.full((5, 5), 255, np.uint8)) == 0).all()


def test_smoothing_takes_grain_away_and_keeps_a_step() -> None:
    step = np.zeros((80, 80), np.float32)
    step[:, 40:] = 1
    noisy = step + np.random.default_rng(3).normal(0, 0.02, step.shape).astype(np.float32)
    smooth = tones.smoothed(noisy, 3)
    far = np.abs(np.arange(80) - 39.5) > 8
    assert np.std(smooth[:, far] - step[:, far]) < 0.4 * np.std(noisy[:, far] - step[:, far])
    assert np.abs(smooth - step).max() < 0.1
    assert (tones.smoothed(noisy, 0) == noisy).all()
