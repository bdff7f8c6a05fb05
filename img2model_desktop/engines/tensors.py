"""Published weights into networks: mapped into memory, not copied; checked name by name and shape by shape."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from img2model_desktop.engines.headers import AGAIN, holds_code, read_header, tensors_in
from img2model_desktop.engines.weight_sets import WeightSet
from img2model_desktop.errors import SetupProblem

SUFFIXES = (".safetensors", ".ckpt", ".bin", ".pth", ".pt")
SAFETENSORS_INDEX = ".safetensors.index.json"
INDICES = (SAFETENSORS_INDEX, ".bin.index.json")

Adapt = Callable[[dict[str, Tensor]], dict[str, Tensor]]


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


def load_into(net: nn.Module, folder: Path, weight_set: WeightSet, adapt: Adapt | None = None) -> None:
    """Gives a network on the meta device its weights; it is then in evaluation mode and needs no gradients.

    Every parameter and every buffer of the state dict becomes the tensor of the file itself, in the file's precision
    (use `net.to(...)` afterwards). Buffers that are not in the state dict stay what they are.

    Args:
        net: with the published names.
        folder: with the set's files, as an engine's entry function gets it.
        weight_set: what it must be; names in `unused` may be in the file.
        adapt: turns another layout of the same weights into the published one.

    Raises:
        SetupProblem: a file is missing, cut off, damaged or another network's; tensors are missing, too many or of
            another shape.
    """
    tensors: dict[str, Tensor] = {}
    for path in tensor_files(folder, weight_set):
        tensors |= read_tensors(path)
    if adapt is not None:
        tensors = adapt(tensors)
    wanted = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    fit(weight_set, wanted, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    net.load_state_dict({name: tensors[name] for name in wanted}, strict=True, assign=True)
    net.requires_grad_(False).eval()


def tensor_files(folder: Path, weight_set: WeightSet) -> tuple[Path, ...]:
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


def fit(weight_set: WeightSet, wanted: Mapping[str, tuple[int, ...]], have: Mapping[str, tuple[int, ...]]) -> None:
    """Compares names and shapes. Raises SetupProblem, which says how many differ and which is the first."""
    missing = [name for name in wanted if name not in have]
    if missing:
        raise _misfit(weight_set, f"{_tensors(len(missing))} missing, the first is “{missing[0]}”")
    other = [name for name in wanted if have[name] != wanted[name]]
    if other:
        first = other[0]
        shapes = f"{_by(have[first])} where {_by(wanted[first])} is needed"
        raise _misfit(weight_set, f"{_tensors(len(other))} of another shape, the first is “{first}”, {shapes}")
    surplus = [name for name in have if name not in wanted and not name.startswith(weight_set.unused or ("\0",))]
    if surplus:
        raise _misfit(weight_set, f"{_tensors(len(surplus))} too many, the first is “{surplus[0]}”")


def _misfit(weight_set: WeightSet, what: str) -> SetupProblem:
    return SetupProblem(f"These are not the weights of {weight_set.title}: {what}.", "Choose another file.")


def _tensors(count: int) -> str:
    return "1 tensor is" if count == 1 else f"{count} tensors are"


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape) or "one number"


def _from_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return tensors_in({name: file.get_tensor(name) for name in file.keys()}, Tensor)  # noqa: SIM118
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
