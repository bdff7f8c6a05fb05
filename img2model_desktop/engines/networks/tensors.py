"""Published weights into networks: mapped into memory, not copied; checked name by name and shape by shape."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.weights.converted import fitting
from img2model_desktop.engines.weights.headers import AGAIN, TensorFacts, holds_code, read_header, tensors_in
from img2model_desktop.engines.weights.layouts import as_published
from img2model_desktop.engines.weights.recognise import INDICES, SUFFIXES, difference, foreign_title
from img2model_desktop.engines.weights.sets import WeightSet
from img2model_desktop.errors import SetupProblem

PART_BYTES = 128 << 20
"""Of a file that are in memory together while its tensors are copied."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by their published names, in the precision they are stored in.

    They are mapped into memory: pages are read when they are touched, and the file must stay where it is as long as
    the tensors are used. Names lose what training programs put before all of them (`headers.WRAPPINGS`).

    Args:
        path: of a safetensors file, a PyTorch file (read without running anything in it), or a `.json` index of parts.

    Raises:
        SetupProblem: it is missing, cut off, damaged, no file of weights, or holds code.
    """
    header = read_header(path)
    if path.suffix.lower() == ".json":
        return {name: tensor for part in header.files[1:] for name, tensor in read_tensors(part).items()}
    return _from_pickle(path) if header.kind == "pickle" else _from_safetensors(path)


def load_into(net: nn.Module, folder: Path, weight_set: WeightSet) -> None:
    """Gives a network on the meta device its weights; it is then in evaluation mode and needs no gradients.

    Every parameter and every buffer of the state dict becomes the tensor of the file itself, in the file's precision
    (use `net.to(...)` afterwards). Buffers that are not in the state dict stay what they are.

    Args:
        net: with the published names.
        folder: with the set's files, as an engine's entry function gets it.
        weight_set: what it must be; names in `unused` may be in the file.

    Raises:
        SetupProblem: a file is missing, cut off, damaged or another network's; tensors are missing, too many or of
            another shape.
    """
    wanted = net.state_dict()
    tensors = _mapped(folder, weight_set)
    _check(weight_set, wanted, tensors)
    net.load_state_dict({name: tensors[name] for name in wanted}, strict=True, assign=True)
    net.requires_grad_(False).eval()


def load_lowered(
    net: nn.Module, folder: Path, weight_set: WeightSet, types: Mapping[str, torch.dtype], progress: Progress
) -> None:
    """As `load_into`, but into memory of its own, some of the tensors in another precision.

    The file is mapped anew for each `PART_BYTES` of it, and let go of: what is in memory at the same time is the
    network as it will be, and one part of the file.

    Args:
        net, folder, weight_set: see `load_into`.
        types: precision of some of the tensors, by name; the others keep that of the file.
        progress: asked before each part.

    Raises:
        SetupProblem: see `load_into`.
        Cancelled: from `progress`; the network is of no use then.
    """
    wanted = net.state_dict()
    tensors = _mapped(folder, weight_set)
    _check(weight_set, wanted, tensors)
    part_of = np.cumsum([tensors[name].nbytes for name in wanted]) // PART_BYTES
    for part in np.unique(part_of):  # too large a tensor is a part of its own
        progress.update(float(np.mean(part_of < part)))
        tensors = tensors or _mapped(folder, weight_set)
        names = [name for name, its in zip(wanted, part_of, strict=True) if its == part]
        own = {name: tensors[name].to(types.get(name), copy=True) for name in names}
        tensors = {}
        net.load_state_dict(own, strict=False, assign=True)
    net.requires_grad_(False).eval()
    progress.update(1.0)


def _mapped(folder: Path, weight_set: WeightSet) -> dict[str, Tensor]:
    """All tensors of a set's files, mapped into memory, by their published names."""
    tensors: dict[str, Tensor] = {}
    for path in tensor_files(folder, weight_set):
        tensors |= read_tensors(path)
    return as_published(tensors, lambda tensor, count: tensor.chunk(count))


def _check(weight_set: WeightSet, wanted: Mapping[str, Tensor], have: Mapping[str, Tensor]) -> None:
    """Compares names, shapes and kinds of numbers. Raises SetupProblem, which says how many differ and the first."""
    shapes = {name: tuple(tensor.shape) for name, tensor in have.items()}
    unused = weight_set.unused
    problem = difference(
        {name: tuple(tensor.shape) for name, tensor in wanted.items()},
        shapes,
        lambda name: bool(unused) and name.startswith(unused),
    )
    if problem:
        foreign = foreign_title({name: TensorFacts("", shape) for name, shape in shapes.items()})
        what = f"They are {foreign.title}" if foreign else problem[0].upper() + problem[1:]
        raise SetupProblem(f"These are not the weights of {weight_set.title}. {what}.", "Import others.")
    for name, tensor in wanted.items():
        if tensor.is_floating_point() != have[name].is_floating_point():
            raise SetupProblem(
                f"These are not the weights of {weight_set.title}: “{name}” is {have[name].dtype}.", "Import others."
            )


def tensor_files(folder: Path, weight_set: WeightSet) -> tuple[Path, ...]:
    """The files with tensors of a set: one that was converted from them and fits still, else `original_files`.

    Raises:
        SetupProblem: there is none.
    """
    made = fitting(folder)
    return (made,) if made is not None else original_files(folder, weight_set)


def original_files(folder: Path, weight_set: WeightSet) -> tuple[Path, ...]:
    """The files with tensors in a folder of a set: the published ones, or those that stand in for them.

    Raises:
        SetupProblem: there is none.
    """
    wanted = [folder / file.path for file in weight_set.files if file.is_needed and file.path.endswith(SUFFIXES)]
    if wanted and all(path.is_file() for path in wanted):
        return tuple(wanted)
    found = sorted(path for path in folder.rglob("*") if path.name.endswith(INDICES))
    found = found or sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
    if not found:
        name = wanted[0].name if wanted else weight_set.key
        raise SetupProblem(f"“{name}” of {weight_set.title} is missing.", f"Import {weight_set.title} again.")
    return tuple(found)


def _from_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return tensors_in({name: file.get_tensor(name) for name in file.keys()}, Tensor)  # noqa: SIM118 - no dict
    except (SafetensorError, OSError) as error:
        raise SetupProblem(f"“{path.name}” is damaged.", AGAIN, str(error)) from None


def _from_pickle(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise holds_code(path, str(error)) from None
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        raise SetupProblem(f"“{path.name}” is damaged.", AGAIN, str(error)) from None
    return tensors_in(content, Tensor)
