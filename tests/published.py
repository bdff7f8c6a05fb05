"""Files and folders in the layouts that published weights have: random at small size, sparse at published size.

A hub repository is a folder with the files under their paths. The hub's cache is `models--owner--name/` with `blobs/`
named after their sha256, and `snapshots/<revision>/` that links to them.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.networks.tensors import load_into
from img2model_desktop.engines.weights import recognise, sets
from img2model_desktop.engines.weights.headers import TensorFacts
from img2model_desktop.engines.weights.sets import WeightFile, WeightSet
from img2model_desktop.errors import OutOfMemory
from tests.engines.golden import weight_of

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}
SAFETENSORS_ORDER = ("I64", "F64", "F32", "BF16", "F16")  # of the data: widest first; then by name
REVISION = "0123456789abcdef0123456789abcdef01234567"
TINY = "tiny"


class TinyNet(nn.Module):
    """What the set "tiny" is published as."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(48, 64), nn.BatchNorm1d(64))
        self.head = nn.Linear(64, 32, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        result: Tensor = self.head(self.body(values))
        return result


def published_tiny() -> nn.Module:
    """The tiny network on the meta device."""
    with torch.device("meta"):
        return TinyNet()


def random_tensor(name: str, facts: TensorFacts) -> Tensor:
    """Of a name, always the same: by the rule of the parity fixtures; integers are 0."""
    if facts.dtype == "I64":
        return torch.zeros(facts.shape, dtype=torch.int64)
    return torch.from_numpy(weight_of(name, facts.shape)).to(TYPES[facts.dtype])


def random_tensors(facts: Mapping[str, TensorFacts]) -> dict[str, Tensor]:
    """All tensors of a manifest."""
    return {name: random_tensor(name, one) for name, one in facts.items()}


def facts_of(net: nn.Module) -> dict[str, TensorFacts]:
    """The tensors of a network, as a file of it lists them."""
    names = {dtype: name for name, dtype in TYPES.items()}
    return {name: TensorFacts(names[value.dtype], tuple(value.shape)) for name, value in net.state_dict().items()}


def write_net(net: nn.Module, folder: Path, weight_set: WeightSet) -> Path:
    """A folder with the files that an engine of a set gets, random in the shapes of a network on the meta device."""
    path = folder / next(file.path for file in weight_set.files if file.is_needed)
    write(path, random_tensors(facts_of(net)))
    return folder


def write(path: Path, tensors: Mapping[str, Tensor]) -> Path:
    """A safetensors file, or a PyTorch file where the suffix is another one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        save_file(dict(tensors), path, metadata={"format": "pt"})
    else:
        torch.save(dict(tensors), path)
    return path


def write_shards(folder: Path, tensors: Mapping[str, Tensor], count: int = 2) -> Path:
    """A model in parts; the path of the index."""
    names = sorted(tensors)
    where = {name: f"model-{at % count + 1:05d}-of-{count:05d}.safetensors" for at, name in enumerate(names)}
    for part in sorted(set(where.values())):
        write(folder / part, {name: tensors[name] for name in names if where[name] == part})
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": where}), encoding="utf-8")
    return index


def safetensors_header(facts: Mapping[str, TensorFacts]) -> bytes:
    """What a safetensors file of these tensors begins with, as the library writes it."""
    order = sorted(facts, key=lambda name: (SAFETENSORS_ORDER.index(facts[name].dtype), name))
    listed: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name in order:
        end = at + facts[name].bytes
        listed[name] = {"dtype": facts[name].dtype, "shape": list(facts[name].shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(listed, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def published_bytes(facts: Mapping[str, TensorFacts]) -> int:
    """How long a safetensors file of these tensors is."""
    return len(safetensors_header(facts)) + sum(one.bytes for one in facts.values())


def write_sparse(path: Path, facts: Mapping[str, TensorFacts]) -> Path:
    """A safetensors file with a true header whose data are all 0 and take no room on most disks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(safetensors_header(facts))
        file.truncate(published_bytes(facts))
    return path


def write_flat_pickle(path: Path, facts: Mapping[str, TensorFacts]) -> Path:
    """A PyTorch file with true names and shapes whose tensors all share one number: small at any size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({name: torch.zeros((), dtype=TYPES[one.dtype]).expand(one.shape) for name, one in facts.items()}, path)
    return path


def as_half(facts: Mapping[str, TensorFacts]) -> dict[str, TensorFacts]:
    """The same in half precision."""
    return {name: TensorFacts("F16" if one.dtype == "F32" else one.dtype, one.shape) for name, one in facts.items()}


def hub_cache(root: Path, source: str, files: Mapping[str, Path]) -> Path:
    """Files moved into a cache as the hub's library keeps it; the path of the snapshot."""
    home = root / f"models--{source.replace('/', '--')}"
    snapshot = home / "snapshots" / REVISION
    (home / "blobs").mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(REVISION, encoding="ascii")
    for path, file in files.items():
        blob = home / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
        file.replace(blob)
        (snapshot / path).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / path).symlink_to(os.path.relpath(blob, (snapshot / path).parent))
    return snapshot


def add_tiny(folder: Path, monkeypatch: pytest.MonkeyPatch) -> WeightSet:
    """Puts a set into the table that is as large as a test can afford; its published file lies in `folder`."""
    facts = facts_of(published_tiny())
    file = write(folder / "model.safetensors", random_tensors(facts))
    entry = WeightSet(
        TINY,
        "Tiny",
        "someone/Tiny",
        REVISION,
        "MIT",
        (
            WeightFile("model.safetensors", file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest()),
            WeightFile("config.json", 2, is_needed=False),
        ),
        "tests.published:published_tiny",
    )
    known = recognise.manifest
    monkeypatch.setattr(sets, "SETS", (*sets.SETS, entry))
    monkeypatch.setattr(recognise, "manifest", lambda key: facts if key == TINY else known(key))
    return entry


class TinyMaker:
    """A picture maker over the tiny network; what the prompt says decides how it goes."""

    loads: ClassVar[list[str]] = []  # in this process
    closes: ClassVar[list[str]] = []

    def __init__(self, net: nn.Module, name: str) -> None:
        self.net: nn.Module | None = net
        self.name = name
        self.loads.append(name)

    def make(self, prompt: str, style: str, options: Any, seed: int, progress: Progress) -> Picture:
        """A picture whose red is the number of loads in this process so far."""
        assert self.net is not None
        progress.update(0.5)
        if prompt == "too large":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        if prompt == "too large for Python":
            raise MemoryError
        if prompt == "too large, it knows":
            raise OutOfMemory("Too large.", "Make it smaller.")
        if prompt == "wrong":
            raise RuntimeError("out of memory, says this text")
        self.net(torch.ones(1, 48))
        return Picture(np.full((2, 2, 4), len(self.loads), np.uint8))

    def close(self) -> None:
        """Lets the network go."""
        self.net = None
        self.closes.append(self.name)


def load_tiny(folder: Path) -> TinyMaker:
    """The engine "tiny", as a catalogue entry names it."""
    net = published_tiny()
    load_into(net, folder, WeightSet(TINY, "Tiny", "", "", "MIT", (WeightFile("model.safetensors", 0),), ""))
    return TinyMaker(net, "tiny")


def load_other(folder: Path) -> TinyMaker:
    """Another engine with the same weights."""
    maker = load_tiny(folder)
    maker.name = "other"
    return maker
