"""Which words of a prompt are lettered, and how they break into lines."""

import pytest

from img2model_desktop.core.wording import MOST_LETTERS, broken, words_to_letter
from img2model_desktop.errors import InputProblem


@pytest.mark.parametrize(
    ("prompt", "letters"),
    [
        ("Hello", "Hello"),
        ("  Hello \t there ", "Hello there"),
        ("happy birthday Anna", "happy birthday Anna"),
        ("don't stop", "don't stop"),
        ("Rock 'n' Roll", "Rock 'n' Roll"),
        ("The Lord of the Rings", "The Lord of the Rings"),
        ("A STAR IS BORN", "A STAR IS BORN"),
        ("2027 Summer Games", "2027 Summer Games"),
        ("a", "a"),
        ("one line\nand another one here", "one line\nand another one here"),
        ('a sign that says "Open"', "Open"),
        ("„Grüß Gott“ über einer Tür", "Grüß Gott"),
        ("“Open” and “Shut”", "Open\nShut"),
        ("une enseigne « Café »", "Café"),
        ("a badge with 'Don't panic' on it", "Don't panic"),
        ("「ようこそ」", "ようこそ"),
        ("Cafe\u0301", "Café"),
        ("zero\u200bwidth", "zero width"),
    ],
)
def test_what_is_lettered(prompt: str, letters: str) -> None:
    assert words_to_letter(prompt) == letters


@pytest.mark.parametrize(
    "prompt",
    ["a red dragon with wings", "an apple", "draw a cat", "to be or not to be", "wooden chair with cushion"],
)
def test_a_description_is_told_what_would_draw_it_and_how_to_letter_it(prompt: str) -> None:
    with pytest.raises(InputProblem) as caught:
        words_to_letter(prompt)
    assert prompt in caught.value.message
    for needed in ("text-to-image weights", "Stable Diffusion", "quotation marks"):
        assert needed in caught.value.advice
    assert words_to_letter(f'"{prompt}"') == prompt


@pytest.mark.parametrize("prompt", ["", "  \n ", '""', "\u200b"])
def test_nothing_to_letter(prompt: str) -> None:
    with pytest.raises(InputProblem, match="empty"):
        words_to_letter(prompt)


def test_too_much_to_letter() -> None:
    with pytest.raises(InputProblem, match=f"more than {MOST_LETTERS}"):
        words_to_letter('"' + "word " * 40 + '"')


def lines(text: str, box: tuple[float, float] = (1.0, 0.85)) -> list[str]:
    return broken(text, lambda line: 0.6 * len(line), 1.0, box)


def test_lines_make_the_letters_large() -> None:
    assert lines("Hello") == ["Hello"]
    assert lines("Happy Birthday Anna") == ["Happy", "Birthday", "Anna"]
    assert lines("Happy Birthday Anna", (1.0, 0.1)) == ["Happy Birthday Anna"]


def test_lines_are_even() -> None:
    assert lines("aa bb cc dd", (1.0, 0.7)) == ["aa bb", "cc dd"]


def test_given_line_breaks_stay() -> None:
    assert lines("aa\nbb cc", (1.0, 0.1)) == ["aa", "bb cc"]


def test_every_word_is_kept_in_order() -> None:
    text = " ".join(f"w{k}" for k in range(60))
    assert " ".join(lines(text)) == text
