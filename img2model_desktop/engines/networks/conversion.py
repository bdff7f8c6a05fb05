"""Makes the converted files of a set: one tensor after the other, so that no more than one is in memory.

safetensors: 8 bytes of length, little endian, a JSON header, the data (format of huggingface/safetensors).
"""

import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from img2model_desktop.core import atomic
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.networks.tensors import original_files, read_tensors
from img2model_desktop.engines.weights.converted import FOLDER, HALF, SOURCE, WHOLE, source_of
from img2model_desktop.engines.weights.headers import DTYPE_BYTES, megabytes
from img2model_desktop.engines.weights.library import SPARE
from img2model_desktop.engines.weights.sets import WeightSet
from img2model_desktop.errors import SetupProblem

CHUNK = 1 << 24  # bytes that are worked on at once
PART = 1 << 27  # bytes of the file after which it is mapped anew
FLUSH = 1 << 26  # bytes after which the disk is waited for
_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


def convert(files: Path, weight_set: WeightSet, is_half: bool, progress: Progress) -> Path:
    """Makes the converted file of a set, in the place of one that is there; its path.

    Args:
        files: the set's folder in the library; its files are only read.
        weight_set: which.
        is_half: in half precision; a tensor with a number that half precision cannot hold stays as it is.
        progress: by bytes.

    Raises:
        SetupProblem: the set was never verified, its engine takes no half precision, a file is damaged or holds code,
            there is not enough space.
        Cancelled: the user wants to stop; nothing is left.
    """
    source = source_of(files)
    if not source:
        raise SetupProblem(f"{weight_set.title} was never read through.", "Verify it first.")
    if is_half and not weight_set.takes_half:
        raise SetupProblem(f"The engine of {weight_set.title} computes in full precision.", "Leave it as it is.")
    shapes = {name: tuple(tensor.shape) for name, tensor in _mapped(files, weight_set).items()}
    looked = 0.3 if is_half else 0.0  # of the time: numbers that half precision cannot hold are looked for
    kinds = {}
    for name, tensor in _each(files, weight_set, list(shapes), progress.part(0.0, looked)):
        kinds[name] = _kind(tensor, is_half)
    header = _header(shapes, kinds, source)
    size = len(header) + sum(math.prod(shape) * kinds[name].itemsize for name, shape in shapes.items())
    _need_space(files, size)
    name = HALF if is_half else WHOLE
    with atomic.staging(files.parent) as hidden:
        try:
            with (hidden / name).open("wb") as out:
                out.write(header)
                writer = _Writer(out)
                for tensor_name, tensor in _each(files, weight_set, _order(kinds), progress.part(looked, 0.999)):
                    writer.write(tensor, kinds[tensor_name])
                writer.flush()
            target = files.parent / FOLDER
            target.mkdir(exist_ok=True)
            (hidden / name).replace(target / name)
        except OSError as problem:
            raise atomic.setup_problem(problem, files.parent / FOLDER / name) from None
    progress.update(1.0)
    return target / name


def _mapped(files: Path, weight_set: WeightSet) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for path in original_files(files, weight_set):
        tensors |= read_tensors(path)
    return tensors


def _each(files: Path, weight_set: WeightSet, names: Sequence[str], progress: Progress) -> Iterator[tuple[str, Tensor]]:
    """The tensors in an order. The file is mapped anew for each `PART` of it: what was read may leave the memory."""
    tensors: dict[str, Tensor] = {}
    seen = 0
    for number, name in enumerate(names):
        progress.update(number / len(names))
        if not tensors or seen >= PART:
            tensors, seen = {}, 0  # the old mapping goes before the new one comes
            tensors = _mapped(files, weight_set)
        seen += tensors[name].nbytes
        yield name, tensors[name]


class _Writer:
    """Writes tensors one after the other."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._unwritten = 0

    def write(self, tensor: Tensor, kind: torch.dtype) -> None:
        """One of them, in a precision. Raises OSError."""
        flat = tensor.reshape(-1)
        step = max(CHUNK // max(flat.element_size(), kind.itemsize), 1)
        for begin in range(0, len(flat), step):
            piece = flat[begin : begin + step].to(kind).contiguous()
            self._unwritten += self._out.write(piece.view(torch.uint8).numpy().data)
            if self._unwritten >= FLUSH:
                self.flush()

    def flush(self) -> None:
        """Waits until the disk has it."""
        self._out.flush()
        os.fsync(self._out.fileno())
        self._unwritten = 0


def _kind(tensor: Tensor, is_half: bool) -> torch.dtype:
    """The precision that a tensor is written in."""
    if not is_half or not tensor.is_floating_point() or tensor.element_size() <= 2:
        return tensor.dtype
    largest = torch.finfo(torch.float16).max
    flat = tensor.reshape(-1)
    pieces = (flat[begin : begin + CHUNK // 8] for begin in range(0, len(flat), CHUNK // 8))
    is_too_large = any(bool((piece.abs() > largest).any()) for piece in pieces)  # it would become infinite
    return tensor.dtype if is_too_large else torch.float16


def _order(kinds: Mapping[str, torch.dtype]) -> list[str]:
    """The widest numbers first, so that each tensor begins at a multiple of its numbers' width."""
    return sorted(kinds, key=lambda name: (-kinds[name].itemsize, name))


def _header(shapes: Mapping[str, tuple[int, ...]], kinds: Mapping[str, torch.dtype], source: str) -> bytes:
    described: dict[str, object] = {"__metadata__": {"format": "pt", SOURCE: source}}
    at = 0
    for name in _order(kinds):
        kind = _NAMES[kinds[name]]
        end = at + math.prod(shapes[name]) * DTYPE_BYTES[kind]
        described[name] = {"dtype": kind, "shape": list(shapes[name]), "data_offsets": [at, end]}
        at = end
    text = json.dumps(described, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _need_space(folder: Path, count: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < count + SPARE:
        raise SetupProblem(
            f"There is not enough space: {megabytes(count)} are needed and {megabytes(free)} are free.",
            "Free some space; the weights can be used as they are.",
        )
