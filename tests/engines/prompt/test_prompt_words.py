"""What a pipeline is asked for; nothing that the user said is left out silently."""

from dataclasses import replace
from pathlib import Path

import pytest

from img2model_desktop.engines.catalog import PromptOptions
from img2model_desktop.engines.prompt.words import Wish, wish_for
from img2model_desktop.engines.styles import Style
from img2model_desktop.engines.weights.pipelines import Pipeline
from img2model_desktop.errors import InputProblem

NONE = Style("none", "None")
CLAY = Style("clay", "Clay", "{prompt}, clay", "glossy", 1.2)


def entry(class_name: str = "StableDiffusionPipeline", name: str = "mine") -> Pipeline:
    return Pipeline(name, Path(name), class_name, (), ())


def wish(options: PromptOptions, style: Style = NONE, of: Pipeline | None = None, *, is_restyle: bool = False) -> Wish:
    return wish_for(of or entry(), style, " a fox ", options, is_restyle=is_restyle)


def test_what_is_not_said_the_pipeline_and_the_style_suggest() -> None:
    assert wish(PromptOptions()) == Wish("a fox", "", 30, 7.5, 0, 0.6)
    assert wish(PromptOptions(negative="blue"), CLAY) == Wish("a fox, clay", "blue, glossy", 30, 9.0, 0, 0.6)
    assert wish(PromptOptions(guidance=4.0, steps=8, size_px=512), CLAY) == Wish(
        "a fox, clay", "glossy", 8, 4.0, 512, 0.6
    )


def test_distilled_variants_take_few_steps_and_no_negative_words() -> None:
    turbo = entry("StableDiffusionXLPipeline", "sdxl-turbo")
    assert wish(PromptOptions(), CLAY, turbo) == Wish("a fox, clay", "", 4, 0.0, 0, 0.6)
    with pytest.raises(
        InputProblem, match=r"do nothing with .* at the guidance 0. Leave them out, or choose a guidance"
    ):
        wish(PromptOptions(negative="blue"), CLAY, turbo)
    assert wish(PromptOptions(negative="blue", guidance=3.0), NONE, turbo).negative == "blue"


def test_a_class_without_negative_words_leaves_the_styles_out_and_refuses_the_users() -> None:
    flux = entry("FluxPipeline")
    assert wish(PromptOptions(), CLAY, flux).negative == ""
    with pytest.raises(InputProblem, match=r"FLUX.1 \(mine\) takes no negative words. Leave them out."):
        wish(PromptOptions(negative="blue"), NONE, flux)


def test_redrawing_runs_as_many_steps_as_are_suggested() -> None:
    assert wish(PromptOptions(strength=0.5), is_restyle=True).steps == 60
    assert wish(PromptOptions(strength=0.5, steps=10), is_restyle=True).steps == 10
    with pytest.raises(InputProblem, match=r"At the strength 0.05, 10 steps are too few"):
        wish(PromptOptions(strength=0.05, steps=10), is_restyle=True)
    with pytest.raises(InputProblem, match=r"Sana \(mine\) makes pictures from words and does not redraw one"):
        wish(PromptOptions(), of=entry("SanaPipeline"), is_restyle=True)


def test_sizes_that_no_pipeline_takes_are_refused() -> None:
    with pytest.raises(InputProblem, match=r"cannot be 500 px. Choose a multiple of 16 px"):
        wish(replace(PromptOptions(), size_px=500))
