"""Lettering: what is drawn, in which letters and colours, and what is refused."""

import cv2
import numpy as np
import pytest

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role
from img2model_desktop.engines.catalog import LetteringOptions
from img2model_desktop.engines.shapes.lettering import PALETTES, load
from img2model_desktop.errors import InputProblem

STYLES = catalog.find("lettering", Role.MAKER).styles


def lettered(prompt: str, style: str = "plain", seed: int = 0, **options: object) -> Picture:
    return load().make(prompt, style, LetteringOptions(**options), seed, Progress())  # type: ignore[arg-type]  # values of many kinds


def parts(picture: Picture) -> int:
    return int(cv2.connectedComponents((picture.alpha >= 128).astype(np.uint8))[0]) - 1


def holes(picture: Picture) -> int:
    framed = cv2.copyMakeBorder((picture.alpha < 128).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    return int(cv2.connectedComponents(framed, connectivity=4)[0]) - 2


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("prompt", ["Hi", "Happy Birthday Anna", "Donaudampfschifffahrt", "Ж"])
def test_the_longest_side_is_as_wanted_and_nothing_touches_the_frame_of_the_picture(style: str, prompt: str) -> None:
    picture = lettered(prompt, style, size_px=512)
    assert max(picture.width, picture.height) <= 512
    assert max(picture.width, picture.height) > 300
    alpha = picture.alpha
    if style != "badge":  # its plate is the picture
        assert not np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]]).any()
    assert 0.1 < np.mean(alpha >= 128) < 1.0


@pytest.mark.parametrize(
    ("text", "pieces", "openings"),
    [("O", 1, 1), ("B", 1, 2), ("i", 2, 0), ("Ö", 3, 1), ("HI", 2, 0), ("8 o'clock", 8, 4)],
)
def test_each_letter_is_there_with_its_holes(text: str, pieces: int, openings: int) -> None:
    picture = lettered(text)
    assert (parts(picture), holes(picture)) == (pieces, openings)


@pytest.mark.parametrize("prompt", ["Hello", "Two Words", "Ünïcödé!", "i"])
@pytest.mark.parametrize("style", ["rounded", "badge"])
def test_these_styles_are_one_piece_without_holes(style: str, prompt: str) -> None:
    picture = lettered(prompt, style)
    assert (parts(picture), holes(picture)) == (1, 0)


def test_plain_letters_have_one_colour_and_soft_edges() -> None:
    picture = lettered("Sage", colour="leaf")
    seen = picture.alpha > 0
    wanted = [int(PALETTES["leaf"].main[k : k + 2], 16) for k in (1, 3, 5)]
    assert np.abs(picture.rgb[seen].astype(int) - wanted).max() <= 1
    edge = np.unique(picture.alpha)
    assert len(edge) > 50  # anti-aliased


def test_each_seed_has_its_colours_and_the_same_seed_the_same_picture() -> None:
    first = [lettered("A", seed=seed, size_px=256) for seed in range(len(PALETTES))]
    assert len({picture.rgb[picture.alpha == 255][0].tobytes() for picture in first}) == len(PALETTES)
    again = lettered("A", seed=len(PALETTES), size_px=256)
    assert again.pixels.tobytes() == first[0].pixels.tobytes()


def test_letters_that_a_styles_font_lacks_come_from_another_one() -> None:
    assert parts(lettered("Ωμέγα")) == 6  # five letters and an accent
    assert lettered("ひらがな", "balloon").alpha.any()


@pytest.mark.parametrize(("prompt", "named"), [("Hi 🦊", "🦊"), ("שלום", "ו ל ם ש"), ("漢字", "字 漢")])
def test_letters_that_no_font_has_are_named(prompt: str, named: str) -> None:
    with pytest.raises(InputProblem) as caught:
        lettered(prompt)
    assert named in caught.value.message


def test_a_space_is_wider_than_none() -> None:
    one, two = lettered("IIII"), lettered("II II", spacing=0.0)
    assert two.width / two.height > 1.1 * one.width / one.height or two.height > one.height


def test_more_space_between_letters_makes_the_word_longer() -> None:
    tight, wide = lettered("word"), lettered("word", spacing=0.3)
    assert wide.width / wide.height > 1.2 * tight.width / tight.height


def test_lines_are_kept() -> None:
    one, three = lettered("abc"), lettered("a\nb\nc")
    assert one.width > one.height
    assert three.height > 1.5 * three.width


def test_a_balloon_is_shaded_round() -> None:
    picture = lettered("I", "balloon", colour="sea")
    rows, columns = np.nonzero(picture.alpha == 255)
    middle = rows == np.median(rows).astype(int)
    left, right = columns[middle].min(), columns[middle].max()
    line = picture.rgb[int(np.median(rows)), left : right + 1].astype(float).mean(axis=1)
    third = len(line) // 3
    assert line[third : 2 * third].mean() > line[: third // 2].mean()
    assert line[third : 2 * third].mean() > line[-third // 2 :].mean() + 5


def test_what_cannot_be_lettered_is_refused() -> None:
    with pytest.raises(InputProblem, match="describes a picture"):
        lettered("a small red fox in the snow")
    with pytest.raises(InputProblem, match="empty"):
        lettered("   ")
    with pytest.raises(InputProblem, match="no style"):
        lettered("Hello", "gothic")
    with pytest.raises(InputProblem, match="too small"):
        lettered("x\n" * 60)
