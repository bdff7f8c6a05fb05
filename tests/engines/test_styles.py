"""Styles of pictures: presets for 3D, and what the user makes of them."""

import json
from pathlib import Path

import pytest

from img2model_desktop.engines.styles import PRESETS, Style, Styles, check, whole_words
from img2model_desktop.errors import InputProblem


@pytest.fixture
def styles(tmp_path: Path) -> Styles:
    return Styles(tmp_path / "deep" / "styles.json")


def test_presets_ask_for_one_whole_object_before_a_plain_ground() -> None:
    assert [style.key for style in PRESETS] == [
        "product-photo", "clay", "cartoon", "low-poly", "toy", "realistic", "none",
    ]  # fmt: skip
    for style in PRESETS[:-1]:
        check(style)
        whole = style.prompt("  a red fox ")
        assert whole.startswith("a red fox, ")
        for wanted in ("single object", "centred", "plain background", "three-quarter view", "no shadow"):
            assert wanted in whole
        assert "busy background" in style.negative_with("blue").removeprefix("blue, ")
    assert PRESETS[-1].prompt(" a red fox") == "a red fox"
    assert PRESETS[-1].negative_with("") == ""


def test_users_changes_last_and_can_be_taken_back(styles: Styles, tmp_path: Path) -> None:
    bronze = Style("bronze", "Bronze", "{prompt}, cast in bronze", "wood", 1.5)
    clay = Style("clay", "My clay", "{prompt} of red clay")
    styles.put(bronze)
    styles.put(clay)
    styles.remove("toy")
    again = Styles(tmp_path / "deep" / "styles.json")
    assert again.all() == (PRESETS[0], clay, *PRESETS[2:4], *PRESETS[5:], bronze)
    assert (again.is_changed("clay"), again.is_changed("toy"), again.is_changed("bronze")) == (True, False, False)
    again.reset("clay")
    assert again.find("clay") == PRESETS[1]
    again.reset()
    assert again.all() == (*PRESETS, bronze)
    again.remove("bronze")
    assert again.all() == PRESETS


def test_a_preset_written_back_as_it_was_is_no_change(styles: Styles) -> None:
    styles.put(Style("clay", "My clay"))
    styles.put(PRESETS[1])
    assert not styles.is_changed("clay")


def test_default_is_the_first_there_is(styles: Styles) -> None:
    styles.remove("product-photo")
    assert styles.find("").key == "clay"
    with pytest.raises(InputProblem, match="no style “product-photo”"):
        styles.find("product-photo")


def test_the_style_without_words_stays(styles: Styles) -> None:
    for style in PRESETS[:-1]:
        styles.remove(style.key)
    with pytest.raises(InputProblem, match="adds no words, and stays"):
        styles.remove("none")
    assert styles.all() == PRESETS[-1:]


@pytest.mark.parametrize(
    ("style", "said"),
    [
        (Style("Big", "Big"), "cannot be a style's key"),
        (Style("a/b", "x"), "cannot be a style's key"),
        (Style("a", " "), "needs a title"),
        (Style("a", "A", "no words"), "must hold {prompt} once"),
        (Style("a", "A", "{prompt} {prompt}"), "must hold {prompt} once"),
        (Style("a", "A", "{prompt}" + "x" * 600), "too long"),
        (Style("a", "A", guidance=3.0), "guidance of “A” is not usable. Choose 0.25 to 2 times."),
        (Style("a", "A", guidance=True), "guidance of “A” is not usable"),
        (Style("a", "A", negative=4), "must be text"),
    ],
)
def test_styles_that_cannot_be_used_are_refused(styles: Styles, style: Style, said: str) -> None:
    with pytest.raises(InputProblem, match=said.replace("{", r"\{").replace("}", r"\}").replace(".", r"\.")):
        styles.put(style)
    assert styles.all() == PRESETS


def test_a_file_edited_by_hand_keeps_what_is_right_in_it(tmp_path: Path) -> None:
    file = tmp_path / "styles.json"
    good = {"key": "ice", "title": "Ice", "template": "{prompt} of ice", "negative": "", "guidance": 1.0}
    file.write_text(json.dumps({"styles": [good, {"key": "bad"}, {"colour": 1}, 7], "removed": "toy"}))
    assert [style.key for style in Styles(file).all()] == [*(style.key for style in PRESETS), "ice"]
    for damaged in ("{", "[]", '{"styles": 3}', ""):
        file.write_text(damaged)
        assert Styles(file).all() == PRESETS


def test_keys_are_made_from_titles(styles: Styles) -> None:
    assert styles.new_key("Gold & Glass!") == "gold-glass"
    assert styles.new_key("Clay") == "clay-2"
    assert styles.new_key("…") == "style"


def test_recipes_say_the_whole_prompt(img2model_home: Path) -> None:
    Styles().put(Style("ice", "Ice", "{prompt}, of ice", "fire"))
    assert whole_words("a fox", "ice") == {"whole_prompt": "a fox, of ice", "style_negative": "fire"}
