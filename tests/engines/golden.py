"""Published networks at tiny size: weights by one rule, and what the reference code made of them.

The rule (all names are the published ones): a tensor of shape S under a name gets
x = RandomState(crc32(name) & 0x7fffffff).standard_normal(S) as float32, divided by the root of the product of S[1:]
where it has two or more dimensions; else 1 + 0.1 x for leaves weight, gamma, scale, lambda1, and 0.05 x for others;
1 + 0.1 |x| for running_var and 0.1 x for running_mean.
"""

import hashlib
import json
import math
import zlib
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Net = TypeVar("Net", bound=nn.Module)

FOLDER = Path(__file__).resolve().parent / "fixtures"
CLOSE = 2e-5
"""Largest error, as a share of the largest absolute value of the reference."""

COMPUTED = ("relative_position_index", "rope_phases", "pos_emb", "num_batches_tracked")
FACTORS = ("weight", "gamma", "scale", "lambda1")


def golden(name: str) -> dict[str, NDArray[Any]]:
    """The arrays of a fixture."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def config_of(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """A fixture's sizes and note."""
    config: dict[str, Any] = json.loads(str(arrays["config"]))
    return config


def weight_of(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The tensor of one name by the rule."""
    drawn = np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF).standard_normal(shape)
    x = np.asarray(drawn, np.float32)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "running_var":
        return np.asarray(1 + np.float32(0.1) * np.abs(x), np.float32)
    if leaf == "running_mean":
        return np.asarray(np.float32(0.1) * x, np.float32)
    if x.ndim >= 2:
        return np.asarray(x / np.float32(math.sqrt(math.prod(shape[1:]))), np.float32)
    return np.asarray(1 + np.float32(0.1) * x if leaf in FACTORS else np.float32(0.05) * x, np.float32)


def weights_for(net: nn.Module) -> dict[str, torch.Tensor]:
    """A state dict by the rule; what is computed stays as it is. The network may be on the meta device."""
    return {
        name: torch.from_numpy(weight_of(name, tuple(tensor.shape)))
        for name, tensor in net.state_dict().items()
        if tensor.is_floating_point() and not name.endswith(COMPUTED)
    }


def filled(net: Net) -> Net:
    """The network itself with weights by the rule, ready to predict."""
    net.load_state_dict(weights_for(net), strict=False)
    return net.eval().requires_grad_(False)


def error(found: torch.Tensor, wanted: NDArray[Any]) -> float:
    """Largest absolute difference as a share of the largest absolute value wanted."""
    assert tuple(found.shape) == wanted.shape
    return float(np.abs(found.float().numpy() - wanted).max() / np.abs(wanted).max())


def rms(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Root of the mean squared difference as a share of that of what is wanted."""
    return float((found.float() - wanted).pow(2).mean().sqrt() / wanted.pow(2).mean().sqrt())


def keys_of(net: nn.Module) -> str:
    """SHA-256 over the sorted lines "name<tab>F32<tab>AxBxC" of a network's state dict, each with a line end."""
    lines = [f"{name}\tF32\t{'x'.join(map(str, tensor.shape))}\n" for name, tensor in net.state_dict().items()]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
