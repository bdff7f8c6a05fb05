"""Files that this program made from those that the user brought: a PyTorch file as safetensors, or half as large.

    <library>/<key>/converted/model.safetensors         the same numbers, mapped into memory as they are
                              model.fp16.safetensors    in half precision, for engines that take it

Each names the sha256 of what it was made from. One that does not fit the set's record any more is not used; any of
them may be deleted, and is made again when it is asked for.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from img2model_desktop.engines.weights.found import read_record
from img2model_desktop.engines.weights.headers import MAX_HEADER
from img2model_desktop.engines.weights.recognise import SUFFIXES

FOLDER = "converted"
WHOLE, HALF = "model.safetensors", "model.fp16.safetensors"
SOURCE = "source_sha256"  # in the metadata of a converted file


def fitting(files: Path) -> Path | None:
    """The converted file that stands for a set's files, the smaller one where there are two; None where there is none.

    Args:
        files: the set's folder, as an engine's entry function gets it.
    """
    folder = files.parent / FOLDER
    made = [folder / name for name in (HALF, WHOLE) if (folder / name).is_file()]
    if not made:
        return None
    source = source_of(files)
    return next((path for path in made if source and metadata(path).get(SOURCE) == source), None)


def is_pickle(files: Path) -> bool:
    """Whether a set lies there as a PyTorch file, which is worth a conversion."""
    return any(path.suffix in SUFFIXES and path.suffix != ".safetensors" for path in files.rglob("*"))


def drop(files: Path) -> None:
    """Deletes what was made of a set's files."""
    shutil.rmtree(files.parent / FOLDER, ignore_errors=True)


def source_of(files: Path) -> str:
    """What stands for the content of a set's files with tensors: the sha256 of a single one, of several that of theirs.
    "" where they were never read through, or have another length now.

    Args:
        files: the set's folder.
    """
    listed = [file for file in read_record(files.parent).get("files", ()) if str(file["path"]).endswith(SUFFIXES)]
    hashes = [str(file["sha256"]) for file in listed]
    if not hashes or not all(hashes) or not all(_is_as_long(files, file) for file in listed):
        return ""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest()


def metadata(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself; empty where it is none."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, MAX_HEADER)))
        return {str(name): str(value) for name, value in header.get("__metadata__", {}).items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def _is_as_long(files: Path, file: dict[str, Any]) -> bool:
    try:
        return (files / str(file["path"])).stat().st_size == int(file["bytes"])
    except OSError:
        return False
