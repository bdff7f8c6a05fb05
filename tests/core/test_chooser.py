"""The automatic choice: on drawn pictures, on the sample pictures, on real ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from img2model_desktop.core.chooser import choose_sculptor
from img2model_desktop.core.picture import Picture
from img2model_desktop.errors import InputProblem
from img2model_desktop.paths import resources_dir
from tests.drawn import Alpha, alpha_of, both, box, coloured, disc, polygon

BOTTLE = alpha_of(both(box(190, 200, 320, 480), box(230, 60, 280, 220)))


def shaded(alpha: Alpha, left: float = 190, right: float = 320) -> Picture:
    """As a dull round body about an upright axis reflects light."""
    rows, columns = np.mgrid[0 : alpha.shape[0], 0 : alpha.shape[1]]
    u = ((columns + 0.5 - (left + right) / 2) / ((right - left) / 2)).clip(-1, 1)
    light = 60 + 140 * np.sqrt(1 - u**2) + 20 * np.sin(rows / 25)
    pixels = np.dstack([light, light * 0.9, light * 0.6, alpha]).clip(0, 255).astype(np.uint8)
    return Picture(pixels)


def noisy(size: tuple[int, int], seed: int = 5) -> np.ndarray:
    """`(h, w, 3) uint8`, coloured clouds."""
    coarse = np.random.default_rng(seed).integers(0, 255, (size[0] // 16, size[1] // 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def opened(path: Path) -> Picture:
    with Image.open(path) as image:
        return Picture(np.array(image.convert("RGBA")))


def test_a_shaded_bottle_is_turned() -> None:
    choice = choose_sculptor(shaded(BOTTLE))
    assert choice.engine == "lathe"
    assert "symmetrical" in choice.reason


def test_symmetry_alone_is_not_enough() -> None:
    pixels = shaded(BOTTLE).pixels.copy()
    pixels[..., :3] = noisy((512, 512))
    assert choose_sculptor(Picture(pixels)).engine == "twin"


def test_a_bottle_with_a_handle_is_not_turned() -> None:
    handled = alpha_of(both(box(190, 200, 320, 480), box(230, 60, 280, 220), box(320, 260, 400, 300)))
    assert choose_sculptor(shaded(handled)).engine == "twin"


@pytest.mark.parametrize("size", [200, 1024])
def test_flat_colours_are_extruded(size: int) -> None:
    third = size / 3
    alpha = alpha_of(both(disc(size / 2, size / 2, third), box(10, 10, third, third)), size)
    pixels = coloured(alpha, (210, 40, 40)).pixels.copy()
    pixels[size // 2 :, :, :3] = (30, 60, 160)
    assert choose_sculptor(Picture(pixels)).engine == "extrude"


def test_something_black_and_shaded_is_not_taken_for_a_logo() -> None:
    alpha = alpha_of(polygon((60, 80), (450, 120), (300, 440), (120, 400)))
    rows, columns = np.mgrid[0:512, 0:512]
    dark = (8 + 30 * (rows + columns) / 1024).astype(np.uint8)
    assert choose_sculptor(Picture(np.dstack([dark, dark, dark, alpha]))).engine == "twin"


def test_a_picture_that_fills_its_frame_is_a_relief() -> None:
    full = np.dstack([noisy((400, 600)), np.full((400, 600), 255, np.uint8)])
    assert choose_sculptor(Picture(full)).engine == "relief"
    full[0, 0, 3] = 0  # the cutter kept all but a corner
    assert choose_sculptor(Picture(full)).engine == "relief"


def test_a_subject_before_a_plain_background_is_not_a_relief() -> None:
    pixels = np.full((400, 400, 4), 255, np.uint8)
    pixels[100:300, 120:280, :3] = noisy((200, 160))
    assert choose_sculptor(Picture(pixels)).engine == "twin"


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("vase.png", "lathe"),
        ("rocket.png", "twin"),
        ("whale.png", "twin"),
        ("badge.png", "extrude"),
        ("dunes.jpg", "relief"),
        ("toadstool.jpg", "twin"),
    ],
)
def test_each_sample_picture_shows_another_sculptor(name: str, engine: str) -> None:
    assert choose_sculptor(opened(resources_dir() / "samples" / name)).engine == engine


def test_what_cannot_be_used_gives_way_to_the_next() -> None:
    whale = opened(resources_dir() / "samples" / "whale.png")
    assert choose_sculptor(whale, {"twin"}).engine == "inflate"
    assert "cannot be used" in choose_sculptor(whale, {"twin"}).reason
    assert choose_sculptor(whale, {"twin", "inflate"}).engine == "extrude"
    assert choose_sculptor(opened(resources_dir() / "samples" / "badge.png"), {"extrude"}).engine == "twin"


def test_an_empty_picture_is_refused() -> None:
    with pytest.raises(InputProblem, match="nothing in this picture"):
        choose_sculptor(Picture(np.zeros((20, 20, 4), np.uint8)))


@pytest.mark.parametrize("alpha", [1, 90])
def test_a_faint_subject_is_left_to_the_sculptor(alpha: int) -> None:
    pixels = np.full((64, 64, 4), 120, np.uint8)
    pixels[..., 3] = alpha
    assert choose_sculptor(Picture(pixels)).engine == "inflate"


def test_pictures_of_a_pixel_or_a_line_are_no_trouble() -> None:
    for shape in ((1, 1), (1, 300), (300, 1)):
        assert choose_sculptor(Picture(np.full((*shape, 4), 255, np.uint8))).engine in {"twin", "relief"}


@pytest.mark.parametrize("view", ["view.png", "front.png"])
def test_of_real_objects_only_the_bottle_is_turned(shared_eval: Path, view: str) -> None:
    chosen = {
        folder.name: choose_sculptor(opened(folder / view)).engine
        for folder in sorted((shared_eval / "objects").iterdir())
        if (folder / view).is_file()
    }
    assert {name for name, engine in chosen.items() if engine == "lathe"} == {"khr_waterbottle"}
    assert set(chosen.values()) == {"lathe", "twin"}
