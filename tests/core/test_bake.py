"""Textures: the subject's own colours everywhere, and each place where it was."""

import cv2
import numpy as np
import pytest

from img2model_desktop.core.bake import bled, texture_of, with_plain_back
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.silhouette import silhouette_of

RED, GREEN = (200, 40, 30), (0, 255, 0)


def fringed(size: int = 120, radius: int = 40) -> Picture:
    """A red disc whose soft edge was mixed with the green that was behind it, as a bad cut-out leaves it."""
    alpha = cv2.circle(np.zeros((size, size), np.uint8), (size // 2, size // 2), radius, 255, -1, cv2.LINE_AA)
    share = alpha[..., None] / 255
    rgb = np.array(RED) * share + np.array(GREEN) * (1 - share)
    return Picture(np.dstack([rgb.round().astype(np.uint8), alpha]))


def test_no_trace_of_the_background_is_left() -> None:
    result = bled(fringed().pixels)
    assert (result == [*RED, 255]).all()


def test_colours_inside_are_not_touched() -> None:
    rng = np.random.default_rng(1)
    pixels = np.dstack([rng.integers(0, 256, (60, 60, 3), np.uint8), np.zeros((60, 60), np.uint8)])
    pixels[10:50, 10:50, 3] = 255
    result = bled(pixels)
    assert np.array_equal(result[12:48, 12:48, :3], pixels[12:48, 12:48, :3])
    assert np.array_equal(result[0, 30, :3], result[11, 30, :3])


@pytest.mark.parametrize("value", [255, 140, 1])
def test_a_line_of_one_pixel_keeps_its_colour(value: int) -> None:
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[20, 5:35] = [*RED, value]
    assert (bled(pixels) == [*RED, 255]).all()


def test_a_smaller_texture_is_not_tinged_by_transparent_pixels() -> None:
    picture = fringed(1200, 500)
    texture = texture_of(picture, silhouette_of(picture.alpha), 128)
    assert max(texture.pixels.shape[:2]) <= 130
    assert np.abs(texture.pixels[..., :3].astype(int) - RED).max() <= 1


def test_each_place_is_found_in_the_texture() -> None:
    """A picture whose colour is its place."""
    y, x = np.mgrid[:240, :320]
    alpha = ((x > 100) & (x < 280) & (y > 40) & (y < 200)).astype(np.uint8) * 255
    picture = Picture(np.dstack([x * 255 // 320, y, np.zeros_like(x), alpha]).astype(np.uint8))
    for longest in (64, 1024):
        texture = texture_of(picture, silhouette_of(alpha), longest)
        uv = texture.uv_of(np.array([[150.5, 60.5], [250.5, 180.5]]))
        height, width = texture.pixels.shape[:2]
        for (u, v), place in zip(uv, ((150, 60), (250, 180)), strict=True):
            texel = texture.pixels[int((1 - v) * height), int(u * width)]
            assert abs(int(texel[0]) - place[0] * 255 // 320) <= 3
            assert abs(int(texel[1]) - place[1]) <= 3


def test_a_subject_at_the_frame_gets_its_border() -> None:
    picture = Picture(np.full((30, 50, 4), 255, np.uint8))
    texture = texture_of(picture, silhouette_of(picture.alpha), 1024)
    assert texture.pixels.shape == (38, 58, 4)
    assert texture.uv_of(np.array([[0.0, 0.0]]))[0] == pytest.approx([4 / 58, 1 - 4 / 38])
    assert (texture.pixels == 255).all()


def test_a_plain_back_has_the_rim_of_the_front_and_no_features() -> None:
    alpha = cv2.circle(np.zeros((400, 400), np.uint8), (200, 200), 150, 255, -1, cv2.LINE_AA)
    rgb = np.full((400, 400, 3), RED, np.uint8)
    cv2.circle(rgb, (200, 200), 15, (0, 0, 0), -1)
    picture = Picture(np.dstack([rgb, alpha]))
    silhouette = silhouette_of(alpha)
    texture = with_plain_back(texture_of(picture, silhouette, 1024), silhouette)
    height, width = texture.pixels.shape[:2]

    def colour(place: tuple[float, float], tile: int) -> np.ndarray:
        ((u, v),) = texture.uv_of(np.array([place]), tile)
        return texture.pixels[int((1 - v) * height), int(u * width), :3].astype(int)

    assert colour((200.5, 200.5), 0).tolist() == [0, 0, 0]
    assert np.abs(colour((200.5, 200.5), 1) - RED).max() < 110
    assert np.abs(colour((60.5, 200.5), 1) - RED).max() < 3
    assert (texture.pixels[..., 3] == 255).all()
