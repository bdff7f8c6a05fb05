"""Files in the published layouts through each engine: saved again to the byte, in any precision, never run."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.birefnet import cutter as birefnet
from img2model_desktop.engines.birefnet.cutter import FineCutout
from img2model_desktop.engines.birefnet.net import published_lite
from img2model_desktop.engines.catalog import TripoOptions
from img2model_desktop.engines.depth import sculptor as depth
from img2model_desktop.engines.depth.sculptor import ready
from img2model_desktop.engines.device import Device
from img2model_desktop.engines.networks.conversion import convert
from img2model_desktop.engines.networks.tensors import load_into
from img2model_desktop.engines.triposr import sculptor as triposr
from img2model_desktop.engines.triposr.sculptor import TripoSR
from img2model_desktop.engines.weights.library import Library
from img2model_desktop.engines.weights.sets import SETS, WeightFile, WeightSet, find
from img2model_desktop.errors import EngineProblem, SetupProblem
from tests.engines.birefnet.birefnet_folder import state_for
from tests.engines.depth import depth_folder
from tests.engines.golden import rms, weights_for
from tests.engines.triposr import triposr_folder
from tests.published import TINY, TinyNet, add_tiny, facts_of, published_tiny, random_tensors, write

WHOLE = Device(torch.device("cpu"), torch.float32, "the processor")
SHORT = Device(torch.device("cpu"), torch.bfloat16, "the processor")
TRIPO = TripoOptions(faces=500, texture_px=64, resolution=32)
ROUNDED = {torch.float16: 0.01, torch.bfloat16: 0.01, torch.float64: 0.0}
"""Root mean square of what rounding a file's numbers changes at most, as a share of what the network says."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny sums are slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def subject() -> Picture:
    """A coloured disc on nothing."""
    rows, columns = np.mgrid[0:96, 0:96]
    alpha = np.where(np.hypot(rows - 48, columns - 48) < 40, 255, 0)
    return Picture(np.dstack([rows * 2, columns * 2, rows + columns, alpha]).astype(np.uint8))


# -- there and back ----------------------------------------------------------------------------------------------------


def seen_by_triposr(net: nn.Module) -> Tensor:
    assert isinstance(net, triposr_folder.TripoNet)
    return net.planes_of(net.tokens_of(torch.full((1, 3, 128, 128), 0.3)))


def seen_by_depth(net: nn.Module) -> Tensor:
    assert isinstance(net, depth_folder.DepthNet)
    picture = torch.full((1, 3, 56, 56), 0.3)
    return net.depth_of(net.features_of(picture), net.grid_of(picture))


def seen_by_birefnet(net: nn.Module) -> Tensor:
    found: Tensor = net(torch.full((1, 3, 64, 64), 0.3), Progress())
    return found


@pytest.mark.parametrize(
    ("build", "weights", "look", "name"),
    [
        (triposr_folder.tiny, weights_for, seen_by_triposr, "model.ckpt"),
        (triposr_folder.tiny, weights_for, seen_by_triposr, "model.safetensors"),
        (depth_folder.published_tiny, weights_for, seen_by_depth, "model.safetensors"),
        (depth_folder.published_tiny, weights_for, seen_by_depth, "model.bin"),
        (published_lite, state_for, seen_by_birefnet, "model.safetensors"),
    ],
)
def test_a_file_read_used_and_saved_again_is_the_same_to_the_byte(
    build: Callable[[], nn.Module],
    weights: Callable[[nn.Module], dict[str, Tensor]],
    look: Callable[[nn.Module], Tensor],
    name: str,
    tmp_path: Path,
) -> None:
    net = build()
    file = write(tmp_path / "brought" / name, weights(net))
    load_into(net, file.parent, WeightSet("one", "One", "", "", "MIT", (WeightFile(name, 0),), ""))
    with torch.inference_mode():
        assert torch.isfinite(look(net)).all()
    again = write(tmp_path / "again" / name, dict(net.state_dict()))
    assert again.read_bytes() == file.read_bytes()


# -- any precision -----------------------------------------------------------------------------------------------------


def in_precision(folder: Path, kind: torch.dtype, weights: dict[str, Tensor], name: str) -> Path:
    write(folder / name, {key: tensor.to(kind) for key, tensor in weights.items()})
    return folder


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("device", [WHOLE, SHORT], ids=["float32", "bfloat16"])
def test_triposr_computes_in_the_devices_precision_whatever_the_files_is(
    kind: torch.dtype, device: Device, tmp_path: Path
) -> None:
    """What rounding the file costs is bounded; the surface is always read in single precision."""
    triposr_folder.write_folder(tmp_path / "whole")
    weights = torch.load(tmp_path / "whole" / "model.ckpt", weights_only=True)
    engines = [
        TripoSR(folder, triposr_folder.tiny, device)
        for folder in (tmp_path / "whole", in_precision(tmp_path / "other", kind, weights, "model.ckpt"))
    ]
    nets = [engine._ready(Progress()) for engine in engines]
    types = [{name: tensor.dtype for name, tensor in net.state_dict().items()} for net in nets]
    assert types[0] == types[1]
    assert {types[1][name] for name in nets[1].lowered()} == {device.dtype}
    assert {types[1][name] for name in types[1].keys() - nets[1].lowered()} == {torch.float32}
    with torch.inference_mode():
        planes, others = (net.planes_of(net.tokens_of(torch.full((1, 3, 128, 128), 0.3))) for net in nets)
    assert rms(others, planes) <= (0.001 if (kind, device) == (torch.float16, WHOLE) else ROUNDED[kind])
    assert len(engines[1].sculpt(subject(), TRIPO, 1, Progress()).faces) > 100


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("device", [WHOLE, SHORT], ids=["float32", "bfloat16"])
def test_depth_computes_in_the_devices_precision_whatever_the_files_is(
    kind: torch.dtype, device: Device, tmp_path: Path
) -> None:
    weights = weights_for(depth_folder.published_tiny())
    weights["head.conv3.bias"] += 2.0
    found = []
    for folder, own in (("whole", torch.float32), ("other", kind)):
        net = depth_folder.published_tiny()
        load_into(net, in_precision(tmp_path / folder, own, weights, depth_folder.FILE), depth_folder.SET)
        ready(net, device)
        assert net.head.conv1.weight.dtype == torch.float32
        assert {p.dtype for p in net.backbone.parameters()} == {torch.float32, device.dtype}
        with torch.inference_mode():
            found.append(seen_by_depth(net))
    assert rms(found[1], found[0]) <= ROUNDED[kind]


def test_sets_that_take_half_precision_are_those_whose_error_is_bounded() -> None:
    """Here, and for the cutters in `test_birefnet`."""
    assert {one.key for one in SETS if one.takes_half} == {"triposr", "depth-small", "birefnet", "birefnet-lite"}


def test_numbers_that_are_lost_are_a_problem_with_advice() -> None:
    """Half precision ends at 65,504: what goes beyond spreads."""
    lost = torch.full((1, 1, 64, 64), torch.nan)
    net = depth_folder.published_tiny()
    net.load_state_dict(weights_for(net), assign=True)
    net.head.conv3.bias = nn.Parameter(torch.full((1,), torch.nan), requires_grad=False)
    cutter = FineCutout(published_lite(), WHOLE)
    cutter._net, cutter._is_ready = (lambda *_: lost), True  # type: ignore[assignment]  # only what it says counts
    for use in (
        lambda: ready(net, WHOLE).look(subject(), 56, Progress()),
        lambda: cutter.shares(subject(), 64, 1.0, Progress()),
    ):
        with pytest.raises(EngineProblem, match="lost its numbers") as caught:
            use()
        assert caught.value.advice


# -- code in a file ----------------------------------------------------------------------------------------------------


class _Bomb:
    """Makes a folder when it is unpacked by Python's own rules."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


@pytest.fixture
def trace(tmp_path: Path) -> Iterator[Path]:
    """The folder that a bomb makes. At the end each bomb is shown to be a real one."""
    path = tmp_path / "it ran"
    yield path
    assert not path.exists()
    bombs = [file for file in tmp_path.rglob("*.ckpt") if file.is_file()]
    assert bombs
    for file in bombs:
        torch.load(file, weights_only=False)
        path.rmdir()


def bomb(file: Path, tensors: dict[str, Tensor], trace: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save({**tensors, "boom": _Bomb(trace)}, file)
    return file


def test_code_in_a_file_does_not_run_when_it_is_brought(
    tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tiny(tmp_path / "unused", monkeypatch)
    file = bomb(tmp_path / "brought" / "model.ckpt", random_tensors(facts_of(TinyNet())), trace)
    library = Library(tmp_path / "library")
    for path in (file, file.parent):
        with pytest.raises(SetupProblem, match="holds code"):
            library.take(library.find(path))
        with pytest.raises(SetupProblem, match="holds code"):
            library.find_all(path)


def test_code_put_into_the_library_later_does_not_run(
    tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verifying, converting and loading each meet the file without the import's look at it."""
    add_tiny(tmp_path / "unused", monkeypatch)
    tensors = random_tensors(facts_of(published_tiny()))
    library = Library(tmp_path / "library")
    library.take(library.find(write(tmp_path / "brought" / "model.ckpt", tensors)))
    (tmp_path / "brought" / "model.ckpt").unlink()
    files = library.folder(TINY)
    held = bomb(files / "model.ckpt", tensors, trace)
    record = json.loads((files.parent / "engine.json").read_text(encoding="utf-8"))
    for entry in record["files"]:  # as one who wants it to go unseen would
        entry |= {"bytes": held.stat().st_size, "sha256": ""}
    (files.parent / "engine.json").write_text(json.dumps(record), encoding="utf-8")
    library.verify(TINY)
    with pytest.raises(SetupProblem):
        convert(files, find(TINY), False, Progress())
    with pytest.raises(SetupProblem, match="holds code"):
        load_into(published_tiny(), files, find(TINY))


@pytest.mark.parametrize(
    "use",
    [
        lambda folder: triposr.load_triposr(folder).sculpt(subject(), TRIPO, 1, Progress()),
        depth.load,
        birefnet.load_lite,
        birefnet.load,
    ],
    ids=["triposr", "depth", "birefnet-lite", "birefnet"],
)
def test_code_in_an_engines_file_does_not_run(use: Callable[[Path], object], tmp_path: Path, trace: Path) -> None:
    bomb(tmp_path / "files" / "model.ckpt", {"a": torch.zeros(2)}, trace)
    with pytest.raises(SetupProblem, match="holds code"):
        use(tmp_path / "files")
