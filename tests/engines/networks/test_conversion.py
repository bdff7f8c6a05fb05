"""Converted files: the same numbers, used only while they fit, made with little memory, and never in the way."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.networks import conversion
from img2model_desktop.engines.networks.conversion import convert
from img2model_desktop.engines.networks.tensors import load_into, read_tensors, tensor_files
from img2model_desktop.engines.weights import sets
from img2model_desktop.engines.weights.converted import fitting, metadata, source_of
from img2model_desktop.engines.weights.headers import read_header
from img2model_desktop.engines.weights.library import Library, Standing
from img2model_desktop.engines.weights.sets import WeightSet
from img2model_desktop.errors import Cancelled, SetupProblem
from tests.published import TINY, TinyNet, add_tiny, facts_of, published_tiny, random_tensors, write

LARGE = 1e5  # more than half precision holds


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    made = random_tensors(facts_of(published_tiny()))
    made["head.weight"][0, 0] = LARGE
    return made


@pytest.fixture
def library(tmp_path: Path, tensors: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> Library:
    """With the tiny set, taken in as a PyTorch file."""
    entry = add_tiny(tmp_path / "unused", monkeypatch)
    monkeypatch.setattr(sets, "SETS", (dataclasses.replace(entry, takes_half=True),))
    made = Library(tmp_path / "library")
    made.take(made.find(write(tmp_path / "brought" / "model.ckpt", tensors)))
    return made


@pytest.fixture
def tiny(library: Library) -> WeightSet:
    return sets.find(TINY)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_pickle_becomes_safetensors_with_the_same_bytes_and_is_used_from_then_on(
    library: Library, tiny: WeightSet, tensors: dict[str, Tensor]
) -> None:
    files = library.folder(TINY)
    before = content(files)
    assert [path.suffix for path in tensor_files(files, tiny)] == [".ckpt"]
    told: list[float] = []
    made = convert(files, tiny, False, Progress(told.append))
    assert made == files.parent / "converted" / "model.safetensors"
    assert told[-1] == 1.0
    assert content(files) == before
    again = load_file(made)  # by the format's own library
    assert {name: tensor.dtype for name, tensor in again.items()} == {n: t.dtype for n, t in tensors.items()}
    for name, tensor in tensors.items():
        assert again[name].numpy().tobytes() == tensor.numpy().tobytes()
    header = read_header(made)  # by our own strict reader
    assert header.tensors == facts_of(published_tiny())
    assert metadata(made) == {"format": "pt", "source_sha256": source_of(files)}
    assert tensor_files(files, tiny) == (made,)
    net = published_tiny()
    load_into(net, files, tiny)
    values = torch.ones(2, 48)
    expected = TinyNet()
    expected.load_state_dict(tensors)
    assert torch.equal(net(values), expected.eval()(values))
    assert library.state(TINY).standing is Standing.READY


def test_half_precision_is_half_as_large_and_keeps_what_it_cannot_hold(
    library: Library, tiny: WeightSet, tensors: dict[str, Tensor]
) -> None:
    files = library.folder(TINY)
    whole = convert(files, tiny, False, Progress())
    half = convert(files, tiny, True, Progress())
    assert tensor_files(files, tiny) == (half,)
    again = read_tensors(half)
    assert again["head.weight"].dtype == torch.float32
    assert torch.equal(again["head.weight"], tensors["head.weight"])
    assert again["body.0.weight"].dtype == torch.float16
    assert torch.equal(again["body.0.weight"], tensors["body.0.weight"].half())
    assert again["body.1.num_batches_tracked"].dtype == torch.int64
    assert half.stat().st_size < 0.8 * whole.stat().st_size
    half.unlink()
    assert tensor_files(files, tiny) == (whole,)


def test_what_was_made_of_other_files_is_not_used(library: Library, tiny: WeightSet, tmp_path: Path) -> None:
    files = library.folder(TINY)
    made = convert(files, tiny, False, Progress())
    kept = shutil.copy(made, tmp_path / "kept")
    tuned = {name: t * 2 if t.is_floating_point() else t for name, t in random_tensors(facts_of(TinyNet())).items()}
    library.take(library.find(write(tmp_path / "tuned" / "model.ckpt", tuned)))
    assert not made.exists()  # it goes with the files that it was made from
    made.parent.mkdir()
    shutil.copy(kept, made)
    assert fitting(library.folder(TINY)) is None
    assert [path.suffix for path in tensor_files(library.folder(TINY), tiny)] == [".ckpt"]
    made.write_bytes(b"no safetensors")
    assert fitting(library.folder(TINY)) is None


def test_a_source_that_changed_its_length_stands_for_nothing(library: Library, tiny: WeightSet) -> None:
    files = library.folder(TINY)
    convert(files, tiny, False, Progress())
    assert fitting(files) is not None
    with (files / "model.ckpt").open("ab") as file:
        file.write(b"x")
    assert fitting(files) is None


def test_cancelling_leaves_nothing(library: Library, tiny: WeightSet) -> None:
    files = library.folder(TINY)
    before = content(files.parent)
    with pytest.raises(Cancelled):
        convert(files, tiny, False, Progress(is_cancelled=lambda: True))
    calls = iter([False] * 8)
    with pytest.raises(Cancelled):
        convert(files, tiny, False, Progress(is_cancelled=lambda: next(calls, True)))
    assert content(files.parent) == before


def test_refusals(library: Library, tiny: WeightSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = library.folder(TINY)
    with pytest.raises(SetupProblem, match="computes in full precision"):
        convert(files, sets.WeightSet(*(tiny.key, tiny.title, "", "", "MIT", tiny.files, "")), True, Progress())
    usage = shutil.disk_usage(files)
    monkeypatch.setattr(conversion.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(SetupProblem, match=r"There is not enough space: 22 kB are needed and 1\.0 kB are free"):
        convert(files, tiny, False, Progress())
    assert not (files.parent / "converted").exists()
    (tmp_path / "loose" / "files").mkdir(parents=True)
    with pytest.raises(SetupProblem, match="was never read through"):
        convert(tmp_path / "loose" / "files", tiny, False, Progress())


PEAK = """
import sys, json, resource
from pathlib import Path
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.networks import conversion
from img2model_desktop.engines.weights.sets import WeightFile, WeightSet
files = Path(sys.argv[1])
tiny = WeightSet("big", "Big", "", "", "MIT", (WeightFile("model.ckpt", 0),), "", takes_half=True)
conversion.PART = 1 << 23
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
made = conversion.convert(files, tiny, sys.argv[2] == "half", Progress())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, made.stat().st_size // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts pages as Linux does")
@pytest.mark.parametrize("how", ["whole", "half"])
def test_a_file_many_times_as_large_as_a_part_needs_no_more_memory_than_a_part(tmp_path: Path, how: str) -> None:
    files = tmp_path / "big" / "files"
    path = write(files / "model.ckpt", {f"t{number}": torch.zeros(1 << 20) for number in range(32)})  # 4 MB each
    listed = [{"path": "model.ckpt", "bytes": path.stat().st_size, "sha256": "0" * 64}]
    (files.parent / "engine.json").write_text(json.dumps({"key": "big", "files": listed}))
    done = subprocess.run([sys.executable, "-c", PEAK, str(files), how], capture_output=True, text=True, check=True)
    grown, made = map(int, done.stdout.split())
    assert made == pytest.approx((32 << 12) // (2 if how == "half" else 1), rel=0.01)
    assert grown < 48 << 10  # kB: one part, one tensor more, and the buffers; all of it would be 128 MB
