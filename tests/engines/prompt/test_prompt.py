"""Prompt, on a real Stable Diffusion of tiny size: what every engine promises, and what it adds."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines import device
from img2model_desktop.engines.catalog import PromptOptions
from img2model_desktop.engines.prompt.maker import Prompt, _even_noise, load, on_plain_ground
from img2model_desktop.engines.styles import Styles
from img2model_desktop.engines.weights.pipelines import Pipelines
from img2model_desktop.errors import Cancelled, EngineProblem, InputProblem, OutOfMemory, SetupProblem
from tests.engines.prompt.diffusers_folder import TINY_SD, TINY_SUBJECT_VAE, draw_a_subject, write_sd, write_xl

QUICK = PromptOptions(steps=3)
WORDS = "a red fox"


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks of this size are slower with more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def library(tiny_sd: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prompt")
    pipelines = Pipelines(folder)
    pipelines.add(write_xl(folder / "tiny-xl"))
    pipelines.add(tiny_sd)
    return folder


@pytest.fixture(scope="module")
def engine(library: Path) -> Iterator[Prompt]:
    engine = Prompt(Pipelines(library), Styles(library / "styles.json"), device.processor())
    yield engine
    engine.close()


def disc(width: int = 80, height: int = 64) -> Picture:
    rows, columns = np.mgrid[0:height, 0:width]
    inside = np.hypot(columns - width / 2, rows - height / 2) < 24
    return Picture(np.where(inside[..., None], [200, 40, 30, 255], [0, 0, 0, 0]).astype(np.uint8))


class Watch:
    """Counts a progress token's calls and cancels at one of them."""

    def __init__(self, stop_at: float = 2.0) -> None:
        self.fractions: list[float] = []
        self._stop_at = stop_at
        self._seen = 0.0

    def token(self) -> Progress:
        return _Every(self.fractions.append, lambda: bool(self.fractions) and self.fractions[-1] >= self._stop_at)


class _Every(Progress):
    """Reports at every call, so that a test sees each phase."""

    __slots__ = ()

    def update(self, fraction: float) -> None:
        self._last[0] = 0.0
        super().update(fraction)

    def part(self, low: float, high: float) -> Progress:
        inner = super().part(low, high)
        every = _Every(inner._report, inner._is_cancelled)
        every._low, every._high, every._last = inner._low, inner._high, inner._last
        return every


def make(engine: Prompt, options: PromptOptions = QUICK, seed: int = 7, progress: Progress | None = None) -> Picture:
    return engine.make(WORDS, "none", options, seed, progress or Progress())


def same(one: Picture, other: Picture) -> bool:
    return bool(np.array_equal(one.pixels, other.pixels))


@pytest.mark.parametrize("pipeline", ["tiny-sd", "tiny-xl"])
def test_one_seed_one_picture(engine: Prompt, pipeline: str) -> None:
    options = PromptOptions(pipeline=pipeline, steps=3)
    first = make(engine, options)
    assert (first.width, first.height) == (64, 64)
    assert int(first.alpha.min()) == 255
    assert same(first, make(engine, options))
    assert not same(first, make(engine, options, seed=8))


def test_words_styles_and_options_matter(engine: Prompt) -> None:
    plain = make(engine)
    others = [
        engine.make("a blue fox", "none", QUICK, 7, Progress()),
        engine.make("fox", "clay", PromptOptions(steps=3, cut_long=True), 7, Progress()),
        make(engine, PromptOptions(steps=3, negative="blue")),
        make(engine, PromptOptions(steps=3, guidance=2.0)),
        make(engine, PromptOptions(steps=4)),
    ]
    assert not any(same(plain, other) for other in others)
    large = make(engine, PromptOptions(steps=2, size_px=128))
    assert (large.width, large.height) == (128, 128)


def test_progress_rises_through_every_phase(engine: Prompt) -> None:
    watch = Watch()
    make(engine, progress=watch.token())
    fractions = watch.fractions
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    for low, high in ((0.2, 0.25), (0.25, 0.9), (0.9, 1.0)):
        assert any(low < fraction < high for fraction in fractions), (low, high)
    steps = [fraction for fraction in fractions if fraction == pytest.approx(0.25 + 0.65 / 3)]
    assert steps


@pytest.mark.parametrize("stop_at", [0.0, 0.05, 0.21, 0.45, 0.92])
def test_cancelled_in_each_phase_and_usable_again(engine: Prompt, stop_at: float) -> None:
    expected = make(engine)
    if stop_at < 0.2:
        engine.close()  # so that it is loaded again
    with pytest.raises(Cancelled):
        make(engine, progress=Watch(stop_at).token())
    if stop_at < 0.2:
        assert engine._pipe is None
        make(engine)
    hooks = [module for module in engine._pipe.unet.modules() if module._forward_pre_hooks]
    assert hooks == []
    assert same(make(engine), expected)


def test_redraws_a_picture(engine: Prompt) -> None:
    options = PromptOptions(steps=6, strength=0.5)
    redrawn = engine.restyle(disc(), WORDS, "none", options, 7, Progress())
    assert (redrawn.width, redrawn.height) == (64, 48)  # the longest side is the pipeline's own, 16 apart
    assert int(redrawn.alpha.min()) == 255
    assert same(redrawn, engine.restyle(disc(), WORDS, "none", options, 7, Progress()))
    assert not same(redrawn, engine.restyle(disc(), WORDS, "none", PromptOptions(steps=6, strength=1.0), 7, Progress()))
    before = make(engine)
    with pytest.raises(Cancelled):
        engine.restyle(disc(), WORDS, "none", options, 7, Watch(0.6).token())
    assert same(redrawn, engine.restyle(disc(), WORDS, "none", options, 7, Progress()))
    assert same(before, make(engine))


def test_the_tiny_folders_are_what_diffusers_writes(tmp_path: Path) -> None:
    folder = write_sd(tmp_path / "sd")
    check_same_files(folder, TINY_SD)
    check_same_files(draw_a_subject(folder) / "vae", TINY_SUBJECT_VAE)


def check_same_files(made: Path, kept: Path) -> None:
    names = {path.relative_to(made) for path in made.rglob("*") if path.is_file()}
    assert names == {path.relative_to(kept) for path in kept.rglob("*") if path.is_file()}
    for name in names:
        if name.suffix == ".json":
            assert plain(made / name) == plain(kept / name)
        elif name.suffix == ".safetensors":
            one, other = load_file(made / name), load_file(kept / name)
            assert one.keys() == other.keys()
            for key, tensor in one.items():
                torch.testing.assert_close(tensor, other[key])


def plain(path: Path) -> dict[str, Any]:
    """Without what differs from place to place."""
    found: dict[str, Any] = json.loads(path.read_text())
    return {key: value for key, value in found.items() if key not in ("_name_or_path", "_diffusers_version")}


def test_a_cut_out_subject_is_redrawn_before_a_plain_ground() -> None:
    image = np.asarray(on_plain_ground(disc(), 80))
    assert image.shape == (64, 80, 3)
    assert image[0, 0].tolist() == [236, 236, 236]
    assert image[32, 40].tolist() == [200, 40, 30]


def test_long_prompts_are_told_before_the_work(engine: Prompt) -> None:
    watch = Watch()
    with pytest.raises(InputProblem) as caught:
        engine.make("abcde " * 16, "none", QUICK, 7, watch.token())
    assert caught.value.message == (
        "The prompt, with its style, has 80 tokens and Stable Diffusion (tiny-sd) reads 75: "
        "“abcde” at the end would be left out."
    )
    assert "cut_long" in caught.value.advice
    assert max(watch.fractions) <= 0.2
    with pytest.raises(InputProblem, match="The negative words have 80 tokens"):
        make(engine, PromptOptions(steps=2, negative="abcde " * 16))
    cut = PromptOptions(steps=2, cut_long=True)
    assert same(
        engine.make("abcde " * 16, "none", cut, 7, Progress()),
        engine.make("abcde " * 15, "none", cut, 7, Progress()),
    )


def test_seventy_five_tokens_fit(engine: Prompt) -> None:
    assert engine.make("abcde " * 15, "none", PromptOptions(steps=2), 7, Progress()).width == 64


def test_noise_does_not_depend_on_the_precision(engine: Prompt) -> None:
    make(engine)
    with _even_noise(engine._pipe):
        module = sys.modules[type(engine._pipe).__module__]
        draw: Callable[..., Any] = vars(module)["randn_tensor"]
        whole = draw((1, 4, 8, 8), generator=torch.Generator().manual_seed(3), dtype=torch.float32)
        half = draw((1, 4, 8, 8), generator=torch.Generator().manual_seed(3), dtype=torch.bfloat16)
    assert half.dtype == torch.bfloat16
    assert torch.equal(whole.to(torch.bfloat16), half)
    assert vars(module)["randn_tensor"] is not draw


def test_missing_memory_is_told_and_the_next_call_works(engine: Prompt, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = make(engine)

    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(engine._pipe.unet, "forward", full)
        with pytest.raises(OutOfMemory, match="not enough free memory on the processor"):
            make(engine)
    assert same(make(engine), expected)


def test_numbers_that_overflow_are_no_picture(engine: Prompt, monkeypatch: pytest.MonkeyPatch) -> None:
    make(engine)
    bias = engine._pipe.vae.decoder.conv_out.bias
    kept = bias.data.clone()
    bias.data.fill_(float("nan"))
    try:
        with pytest.raises(EngineProblem, match="made no picture"):
            make(engine)
    finally:
        bias.data.copy_(kept)


def test_a_folder_whose_classes_and_files_do_not_fit_is_told(tiny_sd: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_sd, tmp_path / "odd"))
    index = (folder / "model_index.json").read_text().replace("UNet2DConditionModel", "NoSuchModel")
    (folder / "model_index.json").write_text(index)
    pipelines = Pipelines(tmp_path / "weights")
    pipelines.add(folder)
    engine = Prompt(pipelines, Styles(tmp_path / "styles.json"), device.processor())
    with pytest.raises(SetupProblem, match="could not be loaded: its files and its classes do not go together"):
        make(engine)
    engine.close()


def test_a_changed_folder_is_told_not_used(tiny_sd: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_sd, tmp_path / "mine"))
    pipelines = Pipelines(tmp_path / "weights")
    pipelines.add(folder)
    (folder / "unet" / "config.json").unlink()
    with pytest.raises(SetupProblem, match="no longer where it was"):
        load(tmp_path / "weights" / "diffusers")


def test_reads_the_users_folder_and_writes_nowhere(
    engine: Prompt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(engine)
    monkeypatch.chdir(tmp_path)
    written: list[str] = []
    watching = [True]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and watching[0] and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
            written.append(str(arguments[0]))

    sys.addaudithook(watch)
    try:
        engine.close()
        make(engine)
    finally:
        watching[0] = False
    assert written == []


def test_without_torchvision_and_without_network(library: Path) -> None:
    """In a process of its own, where torchvision cannot be imported; the guard stops sockets there, too."""
    code = f"""
import sys
sys.modules["torchvision"] = None
from pathlib import Path
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.catalog import PromptOptions
from img2model_desktop.engines.prompt.maker import load
engine = load(Path({str(library / "diffusers")!r}))
print(engine.make("a red fox", "none", PromptOptions(steps=2), 7, Progress()).width)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "64\n"
    assert done.stderr == ""
