"""What a file of weights holds, by its header alone: names, kinds and shapes of the tensors. Nothing in it is run.

safetensors: 8 bytes of length, little endian, a JSON header, the data (format of huggingface/safetensors). PyTorch's
zip format: `data.pkl` describes the tensors, `data/N` are their bytes; the pickle is read with stand-ins for the few
names that a list of tensors needs, and any other name in it is refused.
"""

import contextlib
import io
import json
import math
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img2model_desktop.errors import SetupProblem

MAX_HEADER = 100_000_000  # bytes, the limit of the safetensors format
MAX_INDEX = 64_000_000  # bytes of a list of parts
MAX_DESCRIPTION = 16_000_000  # bytes of a pickle that describes tensors; 550 tensors take 90 kB

DTYPE_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
    "U16": 2, "U32": 4, "U64": 8, "F8_E4M3": 1, "F8_E5M2": 1, "C64": 8,
}  # fmt: skip
_STORAGES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}  # fmt: skip
WRAPPINGS = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put before every name
NESTINGS = ("state_dict", "model", "model_state_dict")  # where training programs keep the tensors
AGAIN = "Fetch the file again, or copy it again from where it is whole."


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """One tensor of a file.

    Args:
        dtype: as safetensors calls it: F32, F16, BF16, I64, ...
        shape: sizes, `()` for a single number.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Of its data."""
        return math.prod(self.shape) * DTYPE_BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class Header:
    """What a file, or an index with its parts, holds.

    Args:
        kind: "safetensors" or "pickle".
        tensors: by name, wrappings of training programs taken off.
        files: that make it up: the file itself, or the index and its parts.
        bytes: of all files.
    """

    kind: str
    tensors: dict[str, TensorFacts]
    files: tuple[Path, ...]
    bytes: int


def read_header(path: Path) -> Header:
    """What the file holds; a file that ends in `.json` is an index of parts beside it.

    Raises:
        SetupProblem: it is missing, cut off, damaged, no file of weights, or holds code.
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise SetupProblem(f"“{path.name}” could not be read.", "Check that it is there.", str(error)) from None
    _refuse_what_stands_for_it(path, start)
    if path.suffix.lower() == ".json":
        return _index_header(path)
    if start[:4] == b"PK\x03\x04":
        return _pickle_header(path)
    return _safetensors_header(path, start)


def unwrapped(names: Any) -> dict[str, str]:
    """The names without what training programs put before every one of them, by the name in the file."""
    plain = {name: name for name in names}
    for _ in WRAPPINGS:
        for wrapping in WRAPPINGS:
            if plain and all(short.startswith(wrapping) for short in plain.values()):
                plain = {name: short.removeprefix(wrapping) for name, short in plain.items()}
    return plain


def megabytes(count: int) -> str:
    """A size for people: "12 MB", "1.7 GB", "987 bytes"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.{1 if count < 10 * size else 0}f} {unit}"
    return f"{count} bytes"


def cut_off(path: Path, have: int, need: int) -> SetupProblem:
    """What to say of a file that ends early."""
    return SetupProblem(f"“{path.name}” is cut off: {megabytes(have)} of {megabytes(need)} are there.", AGAIN)


def _refuse_what_stands_for_it(path: Path, start: bytes) -> None:
    if start.startswith(b"version https://git-lfs"):
        raise SetupProblem(
            f"“{path.name}” is only the note that Git LFS leaves in place of the file.",
            "Run “git lfs pull” in that folder, or fetch the file itself.",
        )
    if start.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        raise SetupProblem(f"“{path.name}” is a saved web page, not the file of weights.", "Fetch the file itself.")


def _no_weights(path: Path, details: str = "") -> SetupProblem:
    return SetupProblem(
        f"“{path.name}” is no file of weights that this program reads.",
        "It reads safetensors files, and PyTorch files that hold tensors alone.",
        details,
    )


def _safetensors_header(path: Path, start: bytes) -> Header:
    size = path.stat().st_size
    if size < 10:
        raise _no_weights(path, f"{size} bytes")
    length = int.from_bytes(start[:8], "little")
    if not 2 <= length <= MAX_HEADER or start[8:9] != b"{":
        raise _no_weights(path)
    if size < 8 + length:
        raise SetupProblem(f"“{path.name}” is cut off within its header: {megabytes(size)} are there.", AGAIN)
    with path.open("rb") as file:
        file.seek(8)
        text = file.read(length)
    try:
        tensors = _facts_of(path, json.loads(text), size - 8 - length)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SetupProblem(f"The header of “{path.name}” is damaged.", AGAIN, str(error)) from None
    if not tensors:
        raise _no_weights(path, "no tensors in it")
    return Header("safetensors", tensors, (path,), size)


def _facts_of(path: Path, described: dict[str, Any], have: int) -> dict[str, TensorFacts]:
    tensors = {}
    spans = []
    for name, entry in described.items():
        if name == "__metadata__":
            continue
        facts = TensorFacts(str(entry["dtype"]), tuple(int(size) for size in entry["shape"]))
        begin, end = (int(offset) for offset in entry["data_offsets"])
        if min(facts.shape, default=0) < 0 or end - begin != facts.bytes:
            raise ValueError(f"{name}: {begin}-{end} for {facts}")
        spans.append((begin, end))
        tensors[name] = facts
    spans.sort()
    if [begin for begin, _ in spans] != [0, *(end for _, end in spans)][: len(spans)]:
        raise ValueError("the tensors overlap or leave gaps")
    need = spans[-1][1] if spans else 0
    if have < need:
        length = path.stat().st_size
        raise cut_off(path, length, length - have + need)
    if have > need:
        raise ValueError(f"{have - need} bytes too many")
    plain = unwrapped(tensors)
    return {plain[name]: facts for name, facts in tensors.items()}


def parts_of(path: Path) -> tuple[Path, ...]:
    """The files beside an index that it lists, sorted, there or not; none where it is no index."""
    return tuple(path.parent / name for name in sorted(set(_weight_map(path).values())))


def _weight_map(path: Path) -> dict[str, str]:
    """Part by tensor of an index; empty where it is none. No part lies outside the index's folder."""
    try:
        if path.stat().st_size > MAX_INDEX:
            return {}
        listed = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        wanted = {str(name): str(part) for name, part in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    is_safe = all(Path(part).name == part and not part.endswith(".json") for part in wanted.values())
    return wanted if is_safe else {}


def _index_header(path: Path) -> Header:
    wanted = _weight_map(path)
    parts = parts_of(path)
    if not parts:
        raise _no_weights(path)
    gone = [part.name for part in parts if not part.is_file()]
    if gone:
        raise SetupProblem(
            f"{len(gone)} of {len(parts)} parts are missing beside “{path.name}”, the first is “{gone[0]}”.",
            "Put all parts into one folder.",
        )
    headers = [read_header(part) for part in parts]
    tensors = {name: facts for header in headers for name, facts in header.tensors.items()}
    lost = sorted(set(unwrapped(wanted).values()) - set(tensors))
    if lost:
        raise SetupProblem(f"The parts of “{path.name}” hold {len(lost)} tensors too few.", AGAIN, lost[0])
    whole = sum(header.bytes for header in headers) + path.stat().st_size
    return Header(headers[0].kind, tensors, (path, *parts), whole)


@dataclass(frozen=True, slots=True)
class _Storage:
    dtype: str
    key: str


class _Reader(pickle.Unpickler):
    """Reads the description of tensors; makes nothing but dictionaries, lists, numbers and `TensorFacts`."""

    def __init__(self, text: bytes) -> None:
        super().__init__(io.BytesIO(text))
        self.storages: dict[str, int] = {}  # bytes of data by name: tensors may share them

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in for one of the names that a list of tensors needs. Raises UnpicklingError for any other."""
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor_facts,
            ("torch._utils", "_rebuild_parameter"): _of_parameter,
            ("torch", "Size"): tuple,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return known[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        """The storage that a tensor is a view of."""
        if not (isinstance(pid, tuple) and len(pid) == 5 and pid[0] == "storage" and pid[1] in DTYPE_BYTES):
            raise pickle.UnpicklingError("a storage of another kind")
        self.storages[str(pid[2])] = int(pid[4]) * DTYPE_BYTES[pid[1]]
        return _Storage(pid[1], str(pid[2]))


def _tensor_facts(storage: _Storage, offset: int, shape: tuple[int, ...], *rest: Any) -> TensorFacts:  # noqa: ARG001 - as pickled
    return TensorFacts(storage.dtype, tuple(int(size) for size in shape))


def _of_parameter(facts: TensorFacts, *rest: Any) -> TensorFacts:  # noqa: ARG001 - as pickled
    return facts


def _pickle_header(path: Path) -> Header:
    try:
        with zipfile.ZipFile(path) as archive:
            (entry,) = (info for info in archive.infolist() if info.filename.endswith("/data.pkl"))
            if entry.file_size > MAX_DESCRIPTION:
                raise _no_weights(path, f"{entry.file_size} bytes of description")
            text = archive.read(entry)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, NotImplementedError) as error:
        raise _damaged_zip(path, str(error)) from None
    except ValueError:
        raise _no_weights(path, "a zip file without data.pkl") from None
    tensors, need = _described(path, text)
    if not tensors:
        raise _no_weights(path, "no tensors in it")
    size = path.stat().st_size
    if size < need:
        raise cut_off(path, size, need)
    return Header("pickle", tensors, (path,), size)


def _described(path: Path, text: bytes) -> tuple[dict[str, TensorFacts], int]:
    """The tensors that a pickle describes, and the bytes of their data."""
    try:
        reader = _Reader(text)
        return tensors_in(reader.load(), TensorFacts), sum(reader.storages.values())
    except pickle.UnpicklingError as error:
        raise holds_code(path, str(error)) from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, EOFError, RecursionError) as error:
        raise SetupProblem(f"“{path.name}” is damaged.", AGAIN, str(error)) from None


def _damaged_zip(path: Path, details: str) -> SetupProblem:
    """What to say of a zip file without its end; how long it should be is told by its first entry, the description."""
    have = path.stat().st_size
    with path.open("rb") as file:
        local = file.read(30)  # local file header, APPNOTE.TXT 4.3.7; the sizes in it may be left out
        method, name_length, extra_length = (int.from_bytes(local[at : at + 2], "little") for at in (8, 26, 28))
        name = file.read(name_length)
        file.seek(extra_length, io.SEEK_CUR)
        text = file.read(MAX_DESCRIPTION)  # a pickle says itself where it ends
    if method == 0 and name.endswith(b"/data.pkl"):
        with contextlib.suppress(SetupProblem):
            _, need = _described(path, text)
            if have < need:
                return cut_off(path, have, need)
    return SetupProblem(f"“{path.name}” is cut off or damaged: {megabytes(have)} are there.", AGAIN, details)


def holds_code(path: Path, details: str) -> SetupProblem:
    """What to say of a pickle that names more than tensors."""
    return SetupProblem(
        f"“{path.name}” holds code besides tensors, and this program runs no code from files.",
        "Use the safetensors file of the same weights.",
        details,
    )


def tensors_in(content: Any, kind: type) -> dict[str, Any]:
    """The tensors of a pickle's content, under their plain names; those that a training program nested are found."""
    if not isinstance(content, dict):
        return {}
    for nesting in NESTINGS:
        inner = content.get(nesting)
        if isinstance(inner, dict) and any(isinstance(value, kind) for value in inner.values()):
            content = inner
            break
    tensors = {str(name): value for name, value in content.items() if isinstance(value, kind)}
    plain = unwrapped(tensors)
    return {plain[name]: value for name, value in tensors.items()}
