"""The command line from words to pictures and meshes; lettering stands in for a pipeline where that is enough."""

import json
from pathlib import Path

import pytest
import torch

from img2model_desktop import cli, paths
from img2model_desktop.core.picture_recipe import recipe_in
from img2model_desktop.engines.weights.pipelines import Pipelines


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_pictures_alone_one_file_for_each_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "made"
    words = ["convert", "--prompt", "Hi there", "--style", "badge", "--pictures-only", "--variants", "3", "--seed", "4"]
    assert cli.main([*words, "-o", str(out), "--json"]) == 0
    told = lines(capsys.readouterr().out)
    assert [entry["path"] for entry in told] == [str(out / f"Hi-there-{number}.png") for number in (1, 2, 3)]
    assert [entry["seed"] for entry in told] == [4, 5, 6]
    recipes = [recipe_in(path.read_bytes()) for path in sorted(out.iterdir())]
    assert [(recipe["maker"], recipe["prompt"], recipe["seed"]) for recipe in recipes] == [
        ("lettering", "Hi there", seed) for seed in (4, 5, 6)
    ]


def test_one_picture_takes_the_name_that_was_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "word.png"
    assert cli.main(["convert", "--prompt", "Hi", "--pictures-only", "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: lettering, seed 0\n"
    assert recipe_in(out.read_bytes())["prompt"] == "Hi"


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--pictures-only", "-o", "x.glb"], 2, "Pictures are written as PNG, not as .glb. Give a folder"),
        (["--variants", "2", "-o", "x.glb"], 2, "A mesh is made of one picture."),
        (["--negative", "blue", "-o", "x.glb"], 2, "No engine of this job has an option “lettering.negative”"),
        (["--maker", "prompt", "-o", "x.glb"], 3, "Prompt needs a diffusers pipeline of your own"),
        (["--maker", "prompt", "--style", "oil", "-o", "x.glb"], 2, "Prompt has no style “oil”"),
        (["--restyle", "-o", "x.glb"], 2, "There is no picture to redraw."),
    ],
)
def test_what_cannot_be_done_is_said(
    more: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["convert", "--prompt", "Hi", *more]) == code
    assert said in capsys.readouterr().err
    assert list(tmp_path.glob("x*")) == []


@pytest.mark.timeout(600)  # imports diffusers twice, which a busy machine takes minutes for
def test_words_become_a_mesh_through_a_pipeline(
    tiny_subject: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Pipelines(paths.weights_dir()).add(tiny_subject)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # networks of this size are slower with more
    quick = ["--maker", "prompt", "--style", "none", "--option", "prompt.steps=3", "--json"]
    try:
        made = tmp_path / "fox.png"
        words = ["convert", "--prompt", "a red fox", "--negative", "blue", "--pictures-only", "-o", str(made)]
        assert cli.main([*words, *quick]) == 0
        redrawn = ["convert", str(made), "--restyle", "--prompt", "in clay", "-o", str(tmp_path / "fox.glb")]
        assert cli.main([*redrawn, *quick, "--engine", "inflate", "--quality", "draft"]) == 0
    finally:
        torch.set_num_threads(before)
    picture, mesh = lines(capsys.readouterr().out)
    assert picture["engine"] == "prompt"
    assert mesh["watertight"] is True
    recipe = recipe_in(made.read_bytes())
    assert (recipe["whole_prompt"], recipe["options"]["negative"], recipe["licence"]) == (
        "a red fox",
        "blue",
        "unknown",
    )
