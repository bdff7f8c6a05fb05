"""Vectors of looks: what looks alike lies close, whatever its size, its place, and what lies under nothing."""

import cv2
import numpy as np
import pytest

from img2model_desktop.core.descriptor import LENGTH, SIZES, describe_picture, describe_views, similarities
from img2model_desktop.core.picture import Picture
from tests.drawn import alpha_of, box, coloured, disc, polygon
from tests.shapes import box as box_mesh
from tests.shapes import torus

RED, BLUE = (200, 40, 30), (40, 60, 200)
STAR = alpha_of(polygon((128, 20), (220, 230), (15, 95), (241, 95), (36, 230)), 256)
DISC = alpha_of(disc(128, 128, 90), 256)
BAR = alpha_of(box(20, 100, 236, 150), 256)


def closeness(one: Picture, other: Picture) -> float:
    return float(describe_picture(one) @ describe_picture(other))


def on_ground(cut: Picture, grey: int) -> Picture:
    """The cut-out before an even ground, opaque."""
    share = cut.alpha[..., None] / 255
    pixels = np.full_like(cut.pixels, 255)
    pixels[..., :3] = np.round(cut.rgb * share + grey * (1 - share))
    return Picture(pixels)


def placed(cut: Picture, scale: float, left: int, top: int, side: int = 512) -> Picture:
    """The cut-out in another size at another place of a larger frame."""
    size = round(cut.width * scale)
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[top : top + size, left : left + size] = cv2.resize(cut.pixels, (size, size), interpolation=cv2.INTER_AREA)
    return Picture(pixels)


def test_a_vector_has_its_length_its_type_and_the_length_one() -> None:
    for picture in (
        coloured(STAR, RED),
        on_ground(coloured(DISC, BLUE), 220),
        Picture(np.full((1, 1, 4), 255, np.uint8)),
    ):
        found = describe_picture(picture)
        assert found.shape == (LENGTH,)
        assert found.dtype == np.float32
        assert np.linalg.norm(found) == pytest.approx(1.0, abs=1e-5)
        assert np.array_equal(found, describe_picture(picture))
    assert sum(SIZES.values()) == LENGTH


def test_nothing_to_be_seen_is_like_nothing() -> None:
    nothing = describe_picture(Picture(np.zeros((40, 30, 4), np.uint8)))
    assert not nothing.any()
    assert describe_picture(coloured(STAR, RED)) @ nothing == 0


def test_size_and_place_in_the_frame_do_not_count() -> None:
    star = coloured(STAR, RED)
    assert closeness(star, placed(star, 0.7, 30, 250)) > 0.99
    assert closeness(star, placed(star, 1.6, 90, 40)) > 0.99


def test_what_lies_under_nothing_does_not_count() -> None:
    star = coloured(STAR, RED)
    pixels = star.pixels.copy()
    pixels[star.alpha == 0, :3] = (0, 255, 0)
    assert closeness(star, Picture(pixels)) > 0.999


def test_an_even_ground_is_left_out() -> None:
    star, bar = coloured(STAR, RED), coloured(BAR, RED)
    for grey in (255, 40):
        assert closeness(star, on_ground(star, grey)) > 0.93
        assert closeness(star, on_ground(star, grey)) > closeness(bar, on_ground(star, grey)) + 0.05


def test_colour_outline_and_edges_tell_things_apart() -> None:
    star = coloured(STAR, RED)
    same = closeness(star, placed(star, 0.8, 10, 10))
    assert same > closeness(star, coloured(STAR, BLUE)) + 0.2
    assert same > closeness(star, coloured(DISC, RED)) + 0.02
    assert closeness(star, coloured(DISC, RED)) > closeness(star, coloured(DISC, BLUE))


def test_a_little_less_light_changes_little() -> None:
    star = coloured(STAR, RED)
    dimmed = coloured(STAR, (170, 34, 26))
    assert closeness(star, dimmed) > closeness(star, coloured(STAR, (200, 160, 30)))


def test_views_and_the_surface_come_together() -> None:
    star, dot = coloured(STAR, RED), coloured(DISC, RED)
    both = describe_views([star, dot])
    assert describe_views([star]) == pytest.approx(describe_picture(star), abs=1e-6)
    assert min(float(both @ describe_picture(star)), float(both @ describe_picture(dot))) > closeness(star, dot)
    ring, cube = describe_views([star], torus()), describe_views([star], box_mesh(0.1, 0.1, 0.1))
    assert float(ring @ cube) < 0.999
    large = box_mesh(0.3, 0.3, 0.3)
    assert float(cube @ describe_views([star], large)) == pytest.approx(1.0, abs=1e-4)


def test_similarities_are_cosines() -> None:
    vectors = np.stack(
        [describe_picture(coloured(shape, colour)) for shape in (STAR, DISC, BAR) for colour in (RED, BLUE)]
    )
    found = similarities(vectors, vectors[3])
    assert found.argmax() == 3
    assert found[3] == pytest.approx(1.0, abs=1e-5)
    assert found == pytest.approx(vectors.astype(np.float64) @ vectors[3], abs=1e-6)
