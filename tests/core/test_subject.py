"""What is said about a cut-out: each finding where it applies and nowhere else."""

import cv2
import numpy as np
import pytest

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.subject import check_subject, count_parts, sides_touched
from img2model_desktop.errors import InputProblem


def cut(alpha: np.ndarray) -> Picture:
    return Picture(np.dstack([np.full((*alpha.shape, 3), 90, np.uint8), alpha]))


def disc(size: int = 400, centre: tuple[int, int] = (200, 200), radius: int = 120) -> np.ndarray:
    return cv2.circle(np.zeros((size, size), np.uint8), centre, radius, 255, -1, cv2.LINE_AA)


def keys(alpha: np.ndarray) -> list[str]:
    found = check_subject(cut(alpha))
    assert all(finding.message.endswith(".") and finding.advice.endswith(".") for finding in found)
    return [finding.key for finding in found]


def test_nothing_to_say_about_a_good_subject() -> None:
    assert keys(disc()) == []


@pytest.mark.parametrize(
    ("centre", "sides"),
    [
        ((0, 200), ("left",)),
        ((399, 200), ("right",)),
        ((200, 0), ("top",)),
        ((200, 399), ("bottom",)),
        ((399, 399), ("bottom", "right")),
        ((200, 200), ()),
    ],
)
def test_names_the_sides_that_cut_it_off(centre: tuple[int, int], sides: tuple[str, ...]) -> None:
    alpha = disc(centre=centre, radius=150)
    assert sides_touched(alpha >= 128) == sides
    found = check_subject(cut(alpha))
    assert [finding.key for finding in found] == (["touches"] if sides else [])
    assert all(side in found[0].message for side in sides)


def test_a_tip_that_reaches_the_border_is_not_cut_off() -> None:
    alpha = cv2.line(disc(), (200, 0), (200, 200), 255, 3)
    assert keys(alpha) == []


def test_parts_are_counted_without_specks() -> None:
    alpha = disc(centre=(110, 200), radius=80) | disc(centre=(300, 200), radius=60)
    alpha[5, 5] = 255
    assert count_parts(alpha >= 128) == 2
    found = check_subject(cut(alpha))
    assert [finding.key for finding in found] == ["parts"]
    assert "2 separate parts" in found[0].message
    assert count_parts(np.zeros((9, 9), bool)) == 0


def test_tiny_and_coarse() -> None:
    assert keys(disc(radius=15)) == ["tiny", "coarse"]
    assert keys(disc(size=2000, radius=70)) == ["tiny"]
    assert keys(disc(size=100, centre=(50, 50), radius=30)) == ["coarse"]


def test_one_pixel_is_a_coarse_subject() -> None:
    assert keys(np.full((1, 1), 255, np.uint8)) == ["coarse"]


def test_picture_kept_whole_may_touch_its_borders() -> None:
    assert keys(np.full((600, 600), 255, np.uint8)) == []


@pytest.mark.parametrize("level", [0, 127])
def test_nothing_there(level: int) -> None:
    with pytest.raises(InputProblem) as caught:
        check_subject(cut(np.full((50, 50), level, np.uint8)))
    assert caught.value.advice
