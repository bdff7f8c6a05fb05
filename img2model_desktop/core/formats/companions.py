"""Names for the files beside a mesh file, such that they take nothing away from anybody."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from img2model_desktop.core.formats.gltf_write import GENERATOR
from img2model_desktop.core.formats.obj import MARK
from img2model_desktop.errors import SetupProblem

_UNSAFE = frozenset('#%?:"<>\\^`{|}[]')
RECIPE_ENDING = ".recipe.json"
_MAKER = GENERATOR.rsplit(" ", 1)[0]
_MOST_NAMES = 1000
_MOST_RECIPES = 10
"""Side files that are looked at for one mesh."""

_MOST_RECIPE_BYTES = 4_000_000
_MOST_DOCUMENT_BYTES = 16_000_000


def obj_companions(path: Path) -> tuple[str, str]:
    """Names of the MTL file and the texture of an OBJ file."""

    def names(stem: str) -> tuple[str, ...]:
        return f"{stem}.mtl", f"{stem}_texture.png"

    def are_ours(found: tuple[str, ...]) -> bool:
        material, texture = found
        folder = path.parent
        return _begins(path, f"mtllib {material}\n") and _begins(folder / material, f"map_Kd {texture}\n")

    material, texture = _free_or_ours(path, names, are_ours)
    return material, texture


def gltf_companions(path: Path) -> tuple[str, str, str, str]:
    """Names of the buffer, the base colour, the metallic roughness and the normal map of a .gltf file."""
    used = _uris(path)

    def names(stem: str) -> tuple[str, ...]:
        return f"{stem}.bin", f"{stem}_texture.png", f"{stem}_surface.png", f"{stem}_normal.png"

    def are_ours(found: tuple[str, ...]) -> bool:
        return all(name in used or not os.path.lexists(path.parent / name) for name in found)

    buffer, colour, surface, normal = _free_or_ours(path, names, are_ours)
    return buffer, colour, surface, normal


def recipe_companion(path: Path) -> str:
    """Name of the side file that holds the recipe of a mesh file: `cup.stl.recipe.json` for `cup.stl`."""
    for attempt in range(1, _MOST_RECIPES):
        name = _recipe_name(path, attempt)
        there = path.with_name(name)
        if not os.path.lexists(there) or _side_file(there).get("file") == _text(path.name):
            return name
    raise SetupProblem(
        f"There are too many files called “{_text(path.name)}{RECIPE_ENDING}” in this folder.", "Choose another folder."
    )


def encode_recipe(path: Path, content: bytes, recipe: Mapping[str, Any]) -> bytes:
    """The bytes of the side file for a mesh file with this content.

    Its hash keeps the recipe from being taken for that of another file which later gets the same name.
    """
    entry = {
        "generator": GENERATOR,
        "file": _text(path.name),
        "sha256": hashlib.sha256(content).hexdigest(),
        "recipe": dict(recipe),
    }
    return (json.dumps(entry, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode("utf-8", "surrogatepass")


def read_side_recipe(path: Path, content: bytes) -> dict[str, Any]:
    """The recipe beside a mesh file with this content; empty where there is none, or that of another file."""
    digest = ""
    for attempt in range(1, _MOST_RECIPES):
        there = path.with_name(_recipe_name(path, attempt))
        if not os.path.lexists(there):
            break
        entry = _side_file(there)
        digest = digest or hashlib.sha256(content).hexdigest()
        recipe = entry.get("recipe")
        if entry.get("sha256") == digest and isinstance(recipe, dict):
            return recipe
    return {}


def _recipe_name(path: Path, attempt: int) -> str:
    return path.name + (f"-{attempt}" if attempt > 1 else "") + RECIPE_ENDING


def _side_file(path: Path) -> dict[str, Any]:
    """What one of our side files says; empty for others."""
    entry = _json(path, _MOST_RECIPE_BYTES)
    return entry if str(entry.get("generator", "")).startswith(_MAKER) else {}


def _uris(path: Path) -> frozenset[str]:
    """Names of the files that a .gltf file of ours needs; empty for others."""
    document = _json(path, _MOST_DOCUMENT_BYTES)
    asset = document.get("asset")
    if not isinstance(asset, dict) or not str(asset.get("generator", "")).startswith(_MAKER):
        return frozenset()
    tables = [document.get(name, []) for name in ("buffers", "images")]
    entries = [entry for table in tables if isinstance(table, list) for entry in table if isinstance(entry, dict)]
    return frozenset(str(entry["uri"]) for entry in entries if "uri" in entry)


def _json(path: Path, most: int) -> dict[str, Any]:
    """The entries of a JSON file; empty where it is none, cannot be read, or has more bytes than `most`."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
        entry = json.loads(content) if len(content) <= most else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _free_or_ours(
    path: Path, names: Callable[[str], tuple[str, ...]], are_ours: Callable[[tuple[str, ...]], bool]
) -> tuple[str, ...]:
    """The first names that nobody has, or that an earlier save of the same name made.

    Blanks would end a name for several readers, a leading minus sign would make it an option, # a comment, and %
    begins an escaped letter; a name may hold bytes that are no text.
    """
    odd = (sign.isspace() or sign in _UNSAFE or not sign.isprintable() for sign in path.stem)
    stem = "".join("_" if is_odd else sign for is_odd, sign in zip(odd, path.stem, strict=True)).lstrip("-") or "mesh"
    for attempt in range(1, _MOST_NAMES):
        found = names(stem if attempt == 1 else f"{stem}-{attempt}")
        if not any(os.path.lexists(path.parent / name) for name in found) or are_ours(found):
            return found
    raise SetupProblem(f"There are too many files called “{stem}” in this folder.", "Choose another folder.")


def _begins(path: Path, line: str) -> bool:
    """Whether this is a file of ours that has this line near its beginning."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    return head.startswith(MARK.encode()) and line.encode() in head


def _text(name: str) -> str:
    """A file name as text: it may hold bytes that are none."""
    return name.encode("utf-8", "replace").decode()
