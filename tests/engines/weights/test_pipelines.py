"""The user's diffusers folders: recognised by content, linked, and refused with a reason."""

import inspect
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.weights.pipelines import KINDS, PLACE, Pipelines, is_pipeline, recognise
from img2model_desktop.errors import Cancelled, InputProblem, SetupProblem


@pytest.fixture
def folder(tiny_sd: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(tiny_sd, tmp_path / "tiny-sd"))


@pytest.fixture
def pipelines(tmp_path: Path) -> Pipelines:
    return Pipelines(tmp_path / "weights")


@pytest.fixture(scope="module")
def diffusers_classes() -> dict[str, Any]:
    """What the calls of the installed classes take."""
    import diffusers
    from diffusers.pipelines.auto_pipeline import AUTO_IMAGE2IMAGE_PIPELINES_MAPPING, AUTO_TEXT2IMAGE_PIPELINES_MAPPING

    keys = {made_by.__name__: key for key, made_by in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.items()}
    facts = {}
    for name in KINDS:
        call = inspect.signature(getattr(diffusers, name).__call__).parameters
        redrawing = AUTO_IMAGE2IMAGE_PIPELINES_MAPPING.get(keys[name])
        redraws = inspect.signature(redrawing.__call__).parameters if redrawing else {}
        length = call["max_sequence_length"].default if "max_sequence_length" in call else 77
        facts[name] = {"call": set(call), "redraws": set(redraws), "most_tokens": length}
    return facts


def change(path: Path, **values: Any) -> None:
    plain = json.loads(path.read_text())
    path.write_text(json.dumps({**plain, **values}))


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_folder_says_what_it_is(folder: Path) -> None:
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    entry = recognise(folder)
    assert (entry.name, entry.class_name, entry.variant) == ("tiny-sd", "StableDiffusionPipeline", "")
    assert entry.title == "Stable Diffusion (tiny-sd)"
    assert entry.licence == "Apache-2.0"
    assert [name for name, _, _ in sorted(entry.parts)] == ["scheduler", "text_encoder", "tokenizer", "unet", "vae"]
    listed = {path: size for path, size, _ in entry.files}
    there = {name: len(data) for name, (data, _) in content(folder).items() if name != "README.md"}
    assert listed == there
    assert entry.bytes == sum(there.values())


def test_adding_links_and_changes_nothing(folder: Path, pipelines: Pipelines, tmp_path: Path) -> None:
    before = content(folder)
    entry = pipelines.add(folder)
    assert content(folder) == before
    assert [path.name for path in (tmp_path / "weights").rglob("*") if path.is_file()] == ["pipeline.json"]
    assert pipelines.entries() == (entry,)
    assert pipelines.folder() == pipelines.folder("tiny-sd") == folder
    pipelines.remove("tiny-sd")
    assert pipelines.entries() == ()
    assert content(folder) == before


def test_the_newest_is_used_unless_one_is_named(folder: Path, pipelines: Pipelines, tmp_path: Path) -> None:
    pipelines.add(folder)
    other = Path(shutil.copytree(folder, tmp_path / "elsewhere" / "tiny-sd"))
    assert pipelines.add(other).name == "tiny-sd-2"
    assert [entry.name for entry in pipelines.entries()] == ["tiny-sd-2", "tiny-sd"]
    assert pipelines.find().path == other
    assert pipelines.find("tiny-sd").path == folder
    assert pipelines.add(folder).name == "tiny-sd"  # again: no second entry
    assert [entry.name for entry in pipelines.entries()] == ["tiny-sd", "tiny-sd-2"]
    with pytest.raises(SetupProblem, match=r"no pipeline “none”.*tiny-sd, tiny-sd-2"):
        pipelines.find("none")


def test_without_any_it_says_what_to_bring(pipelines: Pipelines) -> None:
    with pytest.raises(SetupProblem, match=r"needs a diffusers pipeline of your own.*img2model weights import"):
        pipelines.find()
    with pytest.raises(SetupProblem):
        Pipelines(None).find()
    for name in ("none", "", "..", "../weights"):
        with pytest.raises(InputProblem, match="There is no pipeline"):
            pipelines.remove(name)


def test_one_that_is_gone_or_has_changed_says_so_and_another_is_used(folder: Path, pipelines: Pipelines) -> None:
    pipelines.add(folder)
    kept = Path(shutil.copytree(folder, folder.with_name("kept")))
    pipelines.add(kept)
    with (kept / "unet" / "config.json").open("a") as file:
        file.write("\n")
    assert "“config.json” of Stable Diffusion (kept) has changed" in pipelines.entries()[0].problem
    assert pipelines.find().path == folder
    with pytest.raises(SetupProblem, match=r"has changed.*Import the folder again"):
        pipelines.find("kept")
    shutil.rmtree(folder)
    with pytest.raises(SetupProblem, match=r"“tiny-sd” of Stable Diffusion .tiny-sd. is no longer where it was"):
        pipelines.find("tiny-sd")


def test_the_hubs_cache_is_taken_as_it_is(folder: Path, pipelines: Pipelines, tmp_path: Path) -> None:
    cache = tmp_path / "hub" / "models--someone--tiny-turbo"
    snapshot = cache / "snapshots" / "abc123"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("abc123")
    shutil.copytree(folder, snapshot)
    shutil.copytree(folder, cache / "snapshots" / "older")
    for brought in (cache, cache / "snapshots", snapshot, snapshot / "model_index.json"):
        entry = recognise(brought)
        assert (entry.path, entry.source, entry.name) == (snapshot, "someone/tiny-turbo", "tiny-turbo")
    assert entry.is_fast
    assert (entry.steps, entry.guidance) == (4, 1.0)
    shutil.rmtree(cache / "snapshots" / "older")
    assert recognise(tmp_path / "hub").path == snapshot


def test_hashes_of_the_hubs_cache_are_held_against_the_files(
    folder: Path, pipelines: Pipelines, tmp_path: Path
) -> None:
    if not hasattr(os, "symlink"):
        pytest.skip("no links here")
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    blob = tmp_path / ("0" * 64)
    shutil.move(weights, blob)
    weights.symlink_to(blob)
    pipelines.add(folder)
    with pytest.raises(SetupProblem, match="has changed"):
        pipelines.verify("tiny-sd")


def test_verify_reads_everything_and_remembers(folder: Path, pipelines: Pipelines) -> None:
    pipelines.add(folder)
    fractions: list[float] = []
    entry = pipelines.verify("tiny-sd", Progress(fractions.append))
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert entry.verified
    assert all(len(sha256) == 64 for _, _, sha256 in entry.files)
    assert pipelines.find() == entry
    with (folder / "unet" / "diffusion_pytorch_model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    assert pipelines.find().problem == ""  # sizes alone do not tell
    with pytest.raises(SetupProblem, match=r"“diffusion_pytorch_model.safetensors” .* has changed"):
        pipelines.verify("tiny-sd")
    with pytest.raises(Cancelled):
        pipelines.verify("tiny-sd", Progress(is_cancelled=lambda: True))


def _truncate(folder: Path) -> None:
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _pickle(folder: Path) -> None:
    (folder / "vae" / "diffusion_pytorch_model.safetensors").rename(folder / "vae" / "diffusion_pytorch_model.bin")


def _empty_tokenizer(folder: Path) -> None:
    shutil.rmtree(folder / "tokenizer")
    (folder / "tokenizer").mkdir()


def _foreign_library(folder: Path) -> None:
    change(folder / "model_index.json", unet=["my_unet", "MyUNet"])


SPOILT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated": (_truncate, "“diffusion_pytorch_model.safetensors” is cut off"),
    "pickle": (_pickle, "“vae/diffusion_pytorch_model.bin” is a pickle, which can hold code"),
    "library": (_foreign_library, "part “unet” of “tiny-sd” needs the library “my_unet”, whose code is not run here"),
    "class": (
        lambda f: change(f / "model_index.json", _class_name="StableVideoDiffusionPipeline"),
        "“tiny-sd” is a StableVideoDiffusionPipeline, which this program does not make pictures with.*Z-Image",
    ),
    "no class": (lambda f: change(f / "model_index.json", _class_name=""), "does not say what it is"),
    "code": (lambda f: (f / "unet" / "my_unet.py").write_text("1/0"), "code of its own .“unet/my_unet.py”."),
    "code above": (lambda f: (f / "pipeline.py").write_text("1/0"), "code of its own .“pipeline.py”."),
    "auto map": (
        lambda f: change(f / "text_encoder" / "config.json", auto_map={"AutoModel": "m.M"}),
        "part “text_encoder” needs code of its own",
    ),
    "quantised": (
        lambda f: change(f / "unet" / "config.json", quantization_config={"quant_method": "bitsandbytes"}),
        "part “unet” is quantised by bitsandbytes",
    ),
    "missing part": (lambda f: shutil.rmtree(f / "vae"), "incomplete: its part “vae” is missing"),
    "missing configuration": (lambda f: (f / "vae" / "config.json").unlink(), "config.json is missing"),
    "missing weights": (
        lambda f: (f / "vae" / "diffusion_pytorch_model.safetensors").unlink(),
        "part “vae” has no weights",
    ),
    "empty tokenizer": (
        _empty_tokenizer,
        "part “tokenizer” of “tiny-sd” is empty",
    ),
    "damaged index": (lambda f: (f / "model_index.json").write_text("{"), "model_index.json of “tiny-sd” is damaged"),
    "index is a list": (
        lambda f: (f / "model_index.json").write_text("[]"),
        "model_index.json of “tiny-sd” is damaged",
    ),
    "no index": (lambda f: (f / "model_index.json").unlink(), "has no model_index.json"),
    "part outside": (
        lambda f: change(f / "model_index.json", **{"../vae": ["diffusers", "AutoencoderKL"]}),
        "its part “../vae” is missing",
    ),
    "git lfs": (
        lambda f: (f / "unet" / "diffusion_pytorch_model.safetensors").write_text(
            "version https://git-lfs.github.com/spec/v1\n"
        ),
        "only the note that Git LFS leaves",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_cannot_be_used_is_refused_with_the_reason(folder: Path, pipelines: Pipelines, how: str) -> None:
    spoil, said = SPOILT[how]
    spoil(folder)
    with pytest.raises(SetupProblem, match=said):
        pipelines.add(folder)
    assert pipelines.entries() == ()


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SetupProblem, match="“nowhere” is not there"):
        recognise(tmp_path / "nowhere")


def test_parts_that_are_left_out_need_not_be_there(folder: Path) -> None:
    change(
        folder / "model_index.json",
        safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"],
        feature_extractor=["transformers", "CLIPImageProcessor"],
    )
    assert len(recognise(folder).parts) == 5


def test_pickles_beside_safetensors_are_not_read(folder: Path) -> None:
    (folder / "vae" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle")
    assert not any(path.endswith(".bin") for path, _, _ in recognise(folder).files)


def test_variants_are_told_by_their_files(folder: Path) -> None:
    weights = [folder / name for name in ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model")]
    for stem in weights:
        stem.with_name(f"{stem.name}.safetensors").rename(stem.with_name(f"{stem.name}.fp16.safetensors"))
    entry = recognise(folder)  # the text encoder has the plain file alone
    assert entry.variant == "fp16"
    assert "text_encoder/model.safetensors" in {path for path, _, _ in entry.files}
    (folder / "unet" / "diffusion_pytorch_model.fp16.safetensors").rename(
        folder / "unet" / "diffusion_pytorch_model.bf16.safetensors"
    )
    with pytest.raises(SetupProblem, match="do not go together: “unet” is there only as bf16"):
        recognise(folder)


def test_records_that_are_not_ours_are_passed_over(folder: Path, pipelines: Pipelines, tmp_path: Path) -> None:
    pipelines.add(folder)
    record = tmp_path / "weights" / PLACE / "tiny-sd" / "pipeline.json"
    whole = json.loads(record.read_text())
    for text in ("{", "[]", json.dumps({**whole, "class": "Evil"}), json.dumps({**whole, "files": 3})):
        record.write_text(text)
        assert pipelines.entries() == ()


def test_every_class_is_one_of_diffusers_and_its_call_takes_what_is_said(diffusers_classes: dict[str, Any]) -> None:
    """The table of kinds against the installed library."""
    for name, kind in KINDS.items():
        facts = diffusers_classes[name]
        assert kind.guided_by in facts["call"], name
        assert "callback_on_step_end" in facts["call"], name
        assert kind.has_negative is ("negative_prompt" in facts["call"]) or name == "FluxPipeline"
        assert kind.restyles is ("strength" in facts["redraws"]), name
        if "callback_on_step_end" in facts["redraws"] and kind.restyles:
            assert kind.guided_by in facts["redraws"], name
        if kind.most_tokens > 77:
            assert facts["most_tokens"] == kind.most_tokens, name


def test_folders_for_pictures_are_told_from_others(folder: Path, tmp_path: Path) -> None:
    assert is_pipeline(folder)
    assert not is_pipeline(folder / "unet")
    assert not is_pipeline(tmp_path / "nowhere")
