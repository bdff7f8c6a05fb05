"""What a depth network is shown, and what is made of its word."""

import cv2
import numpy as np
import pytest
from PIL import Image

from img2model_desktop.core.guided import refined
from img2model_desktop.core.nearness import GRAIN, SHOULDER, Nearness, Window, before_backdrop, nearness_of
from img2model_desktop.core.picture import Picture
from tests.drawn import alpha_of, box, coloured, disc

LINEAR = 0.96 * (1 + 2 * SHOULDER)  # the range 0..1 of a ramp, over the range of what is made of it


def whole(width: int, height: int) -> Picture:
    rows, columns = np.mgrid[:height, :width]
    grey = ((rows * 7 + columns * 3) % 251).astype(np.uint8)
    return Picture(np.dstack([grey, grey // 2, 255 - grey, np.full_like(grey, 255)]))


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (800, 800, (518, 518)),
        (800, 600, (686, 518)),
        (600, 800, (518, 686)),
        (90, 60, (784, 518)),
        (5000, 100, (1554, 518)),  # three times as wide as high, and no wider
    ],
)
def test_a_network_is_shown_multiples_of_its_patch_and_518_at_least(
    width: int, height: int, size: tuple[int, int]
) -> None:
    assert Window.of(whole(width, height)).size(518, 14) == size
    assert size[0] % 14 == size[1] % 14 == 0


def test_a_whole_picture_is_shown_whole_and_resampled_as_networks_are_trained() -> None:
    picture = whole(300, 200)
    shown = Window.of(picture).shown(picture, (154, 98))
    wanted = np.array(Image.fromarray(np.ascontiguousarray(picture.rgb)).resize((154, 98), Image.Resampling.BICUBIC))
    assert np.abs(shown.rgb.astype(int) - wanted).max() <= 1
    assert (shown.alpha == 255).all()


def test_a_subject_is_shown_with_room_even_beyond_the_picture() -> None:
    picture = coloured(alpha_of(box(0, 100, 400, 500)))
    window = Window.of(picture)
    assert (window.left, window.right) == pytest.approx((-32, 432))
    assert (window.top, window.bottom) == pytest.approx((68, 532))
    shown = window.shown(picture, (464, 464))
    assert np.array_equal(shown.alpha[32:432, 32:432], picture.alpha[100:500, :400])
    assert not shown.alpha[:31].any()


def test_a_narrow_subject_is_shown_at_most_twice_as_high_as_wide() -> None:
    window = Window.of(coloured(alpha_of(box(250, 10, 260, 500))))
    assert (window.bottom - window.top) / (window.right - window.left) <= 2.4


def test_the_backdrop_differs_from_the_subject() -> None:
    alpha = alpha_of(disc(256, 256, 100))
    for colour, behind in (((250, 250, 250), 0.28), ((60, 60, 60), 0.93)):
        seen = before_backdrop(coloured(alpha, colour))
        assert seen[0, 0] == pytest.approx(behind)
        assert seen[256, 256] == pytest.approx(colour[0] / 255)


def ramp(width: int, height: int) -> np.ndarray:
    return np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))


def test_the_range_within_the_subject_counts() -> None:
    alpha = np.zeros((200, 300), np.uint8)
    alpha[50:150, 50:250] = 255
    picture = coloured(alpha)
    raw = 5 + 3 * ramp(300, 200)
    raw[alpha == 0] = 0  # far behind
    near = nearness_of(raw, picture, Window(0, 0, 300, 200)).near
    row = near[100, 60:240]
    assert np.allclose(np.diff(row), (1 / 200) / LINEAR, rtol=0.06)
    assert near[100, 50] < 0.1
    assert near[100, 249] > 0.9
    assert (near.min(), near.max()) >= (0, 0)
    assert near.max() <= 1


def test_scale_and_offset_of_the_network_do_not_matter() -> None:
    picture, window = whole(140, 98), Window(0, 0, 140, 98)
    one, two = (nearness_of(raw, picture, window).near for raw in (ramp(140, 98), 100 + 40 * ramp(140, 98)))
    assert np.abs(one - two).max() < 2e-3


def test_a_soft_edge_to_the_background_is_left_out() -> None:
    alpha = alpha_of(disc(256, 256, 150))
    raw = cv2.GaussianBlur(np.where(alpha >= 128, 1.0, 0.0).astype(np.float32), (0, 0), 1.0)
    near = nearness_of(raw, coloured(alpha), Window(0, 0, 512, 512)).near
    assert np.ptp(near[alpha >= 128]) < 0.02


def test_a_flat_subject_stays_flat() -> None:
    """Noise of a thousandth of the whole range is not stretched to a landscape."""
    alpha = alpha_of(disc(256, 256, 150))
    noise = np.random.default_rng(1).normal(0, 0.001, alpha.shape)
    raw = np.where(alpha >= 128, 1 + noise, 0).astype(np.float32)
    near = nearness_of(raw, coloured(alpha), Window(0, 0, 512, 512)).near
    assert near[alpha >= 128].std() < 0.03


def test_nothing_at_all_is_the_middle() -> None:
    near = nearness_of(np.zeros((70, 70), np.float32), whole(70, 70), Window(0, 0, 70, 70)).near
    assert np.ptp(near) == 0
    assert near[0, 0] == 0.5


def test_a_jump_that_colours_do_not_tell_is_not_smeared() -> None:
    raw = np.where(np.arange(280) < 140, 0.2, 0.9).astype(np.float32)[None].repeat(140, 0)
    near = nearness_of(raw, coloured(np.full((140, 280), 255, np.uint8)), Window(0, 0, 280, 140)).near
    assert near[70, 140] - near[70, 139] > (1 - 2 * GRAIN / 0.7) * np.ptp(near) - 0.01


def test_places_are_found_again() -> None:
    nearness = Nearness(ramp(100, 50), Window(10, 20, 210, 120))
    points = np.array([[11.0, 30.0], [110.0, 70.0], [209.0, 110.0]])
    assert nearness.at(points, 1.0) == pytest.approx([0.0, 0.5, 1.0], abs=1e-6)
    over = nearness.over(10, 20, 200, 100)
    assert over.shape == (100, 200)
    assert nearness.at(np.array([[110.5, 70.5]]), 1.0)[0] == pytest.approx(over[50, 100], abs=1e-3)


def test_a_ramp_between_two_bodies_becomes_a_step() -> None:
    raw = cv2.GaussianBlur(np.where(np.arange(120) < 60, 0.0, 1.0).astype(np.float32)[None].repeat(80, 0), (0, 0), 1.0)
    picture = np.where(np.arange(120) < 62, 0.2, 0.8).astype(np.float32)[None, :, None].repeat(80, 0).repeat(3, 2)
    crisp = Nearness(raw, Window(0, 0, 120, 80)).crisp(picture, np.ones((80, 120), bool), 0.11).near
    between = (crisp > 0.05) & (crisp < 0.95)
    assert not between.any()
    assert np.array_equal(crisp[40] > 0.5, np.arange(120) >= 62)  # where the picture has its edge


def test_grain_goes_and_edges_of_the_picture_are_followed() -> None:
    random = np.random.default_rng(3)
    truth = np.where(np.arange(200) < 100, 0.3, 0.7).astype(np.float32)[None].repeat(120, 0)
    guide = np.where(truth > 0.5, 0.9, 0.1)[..., None].repeat(3, 2).astype(np.float32)
    noisy = (truth + random.normal(0, 0.05, truth.shape)).astype(np.float32)
    found = refined(noisy, guide, np.ones_like(truth))
    assert np.abs(found - truth).std() < 0.015
    assert np.abs(found[:, [99, 100]] - truth[:, [99, 100]]).mean() < 0.02


def test_pixels_without_weight_have_no_say() -> None:
    values = np.full((60, 60), 2.0, np.float32)
    values[:, 30:] = 1000
    weight = np.zeros_like(values)
    weight[:, :30] = 1
    found = refined(values, np.random.default_rng(0).uniform(0, 1, (60, 60, 3)).astype(np.float32), weight)
    assert found[:, :30] == pytest.approx(2.0, abs=1e-3)
