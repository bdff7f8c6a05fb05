"""The brush, and what every cutter does beside finding the subject."""

import numpy as np

from img2model_desktop.core.brush import brushed, filled, has_useful_alpha, largest, paint, whole
from img2model_desktop.core.matting import Matte
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.request import Stroke

TAKE = Stroke(False, 0.04, ((0.4, 0.5),))


def test_later_strokes_win_over_earlier_ones() -> None:
    again = Stroke(True, TAKE.radius, TAKE.points)
    assert paint((TAKE, again), 100, 100).min() == 0
    assert paint((again, TAKE), 100, 100).max() == 0


def test_brush_covers_what_it_says() -> None:
    brush = paint((Stroke(True, 0.1, ((0.25, 0.5), (0.75, 0.5))),), 400, 200)
    y, x = np.mgrid[:200, :400]
    distance = np.hypot(np.clip(x + 0.5, 100, 300) - (x + 0.5), y + 0.5 - 100)
    assert (brush[distance < 39] == 1).all()
    assert (brush[distance > 41] == 0).all()


def test_strokes_reach_outside_the_picture() -> None:
    assert (paint((Stroke(True, 0.3, ((-0.1, 0.5), (1.4, 0.5))),), 50, 50)[25] == 1).all()
    assert not paint((Stroke(True, 0.3, ()),), 50, 50).any()


def test_stray_transparent_pixels_separate_nothing() -> None:
    pixels = np.full((100, 100, 4), 255, np.uint8)
    pixels[0, :99, 3] = 0
    assert not has_useful_alpha(Picture(pixels))
    pixels[1, 0, 3] = 0
    assert has_useful_alpha(Picture(pixels))


def test_whole_keeps_the_colours() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 4), np.uint8)
    np.testing.assert_array_equal(whole(Picture(pixels)).rgb, pixels[..., :3])
    assert (whole(Picture(pixels)).alpha == 255).all()


def test_no_stroke_changes_nothing_and_a_stroke_wins() -> None:
    picture = Picture(np.full((4, 4, 4), 200, np.uint8))
    matte = Matte(np.full((4, 4), 90, np.uint8), np.full((4, 4, 3), 10, np.uint8))
    brush = np.zeros((4, 4), np.int8)
    assert brushed(matte, picture, brush) is matte
    brush[0, 0], brush[3, 3] = 1, -1
    alpha, colours = brushed(matte, picture, brush)
    assert (alpha[0, 0], alpha[3, 3], alpha[1, 1]) == (255, 0, 90)
    assert (colours[0, 0, 0], colours[3, 3, 0]) == (200, 10)


def test_openings_are_filled_and_bays_are_not() -> None:
    alpha = np.zeros((40, 40), np.uint8)
    alpha[5:35, 5:35] = 255
    alpha[12:20, 12:20] = 0
    alpha[25:35, 18:22] = 0  # reaches the outside
    picture = Picture(np.full((40, 40, 4), 77, np.uint8))
    full, colours = filled(alpha, np.zeros((40, 40, 3), np.uint8), picture)
    assert (full[12:20, 12:20] == 255).all()
    assert (colours[12:20, 12:20] == 77).all()
    np.testing.assert_array_equal(full[24:], alpha[24:])


def test_largest_counts_what_is_covered() -> None:
    alpha = np.zeros((20, 40), np.uint8)
    alpha[2:18, 2:18] = 40  # larger, and fainter
    alpha[5:15, 25:35] = 255
    kept = largest(alpha)
    assert not kept[:, :20].any()
    np.testing.assert_array_equal(kept[:, 20:], alpha[:, 20:])
    np.testing.assert_array_equal(largest(kept), kept)
