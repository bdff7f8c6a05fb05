"""The contract of a picture: fixed shape, read-only, never shared with somebody who writes."""

import pickle

import numpy as np
import pytest

from img2model_desktop.core.picture import Picture
from img2model_desktop.errors import InputProblem


def noise(height: int = 4, width: int = 6) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 4), np.uint8)


def test_writable_pixels_are_copied() -> None:
    pixels = noise()
    picture = Picture(pixels)
    before = pixels.copy()
    pixels[:] = 0
    np.testing.assert_array_equal(picture.pixels, before)
    assert pixels.flags.writeable


def test_owned_and_read_only_pixels_are_not_copied() -> None:
    pixels = noise()
    picture = Picture.own(pixels)
    assert picture.pixels is pixels
    assert Picture(picture.pixels).pixels is pixels


def test_pixels_and_views_are_read_only() -> None:
    picture = Picture(noise())
    for view in (picture.pixels, picture.rgb, picture.alpha):
        with pytest.raises(ValueError, match="read-only"):
            view[0, 0] = 1


def test_a_crop_becomes_contiguous() -> None:
    whole = Picture(noise(8, 8))
    crop = Picture(whole.pixels[2:5, 1:7])
    assert crop.pixels.flags.c_contiguous
    np.testing.assert_array_equal(crop.pixels, whole.pixels[2:5, 1:7])
    assert (crop.width, crop.height) == (6, 3)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((0, 4, 4), np.uint8),
        np.zeros((4, 0, 4), np.uint8),
        np.zeros((4, 4, 4), np.float32),
        np.zeros((1, 4, 4, 4), np.uint8),
    ],
)
def test_anything_else_is_a_bug_of_the_caller(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a picture is"):
        Picture(pixels)


def test_channels() -> None:
    pixels = noise()
    picture = Picture(pixels)
    np.testing.assert_array_equal(picture.rgb, pixels[..., :3])
    np.testing.assert_array_equal(picture.alpha, pixels[..., 3])


def test_cut_out_needs_one_pixel_that_is_not_opaque() -> None:
    pixels = np.full((3, 3, 4), 255, np.uint8)
    assert not Picture(pixels).is_cut_out
    pixels[1, 1, 3] = 254
    assert Picture(pixels).is_cut_out


def test_subject_needs_one_pixel_that_is_not_transparent() -> None:
    pixels = np.zeros((3, 3, 4), np.uint8)
    with pytest.raises(InputProblem, match="fully transparent"):
        Picture(pixels).require_subject()
    pixels[2, 0, 3] = 1
    Picture(pixels).require_subject()


def test_crosses_a_process_boundary_read_only() -> None:
    picture = Picture(noise())
    back = pickle.loads(pickle.dumps(picture))
    np.testing.assert_array_equal(back.pixels, picture.pixels)
    assert not back.pixels.flags.writeable
