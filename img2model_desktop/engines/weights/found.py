"""The sets of weights in what the user brought: a clone of a hub repository, the hub's cache, a folder, a single file,
or a folder that another machine exported."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.weights.headers import Header, read_header
from img2model_desktop.engines.weights.recognise import SUFFIXES, Match, candidates, match
from img2model_desktop.engines.weights.sets import WeightSet, find
from img2model_desktop.errors import SetupProblem

RECORD = "engine.json"  # of a set in a library, and in an export
LICENCE = "LICENSE.txt"  # beside it
FREE_LICENCES = frozenset({"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "CC0-1.0", "CC-BY-4.0"})
UNKNOWN_LICENCE = "unknown"
NOT_FREE_OWNERS = ("briaai",)  # on the hub; their files cannot be told from BiRefNet's by their tensors
MAX_COMPANION = 10_000_000  # bytes of a file that is taken along, such as a configuration
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file of a set.

    Args:
        path: relative, where it goes in the set's folder.
        source: where it is.
        bytes: its size when it was looked at.
        sha256: what its content must have, where its place tells (the hub's cache, an export), else "".
    """

    path: str
    source: Path
    bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A set that was found whole.

    Args:
        weight_set: which.
        files: first those with tensors, then what goes with them.
        kind: "safetensors" or "pickle".
        source: owner/name of the repository it comes from, where its place tells, else "".
        revision: of that repository, or "".
        licence: SPDX name, or what its card says, or "" where nothing is said.
        licence_file: its text, or None.
    """

    weight_set: WeightSet
    files: tuple[FoundFile, ...]
    kind: str
    source: str = ""
    revision: str = ""
    licence: str = ""
    licence_file: Path | None = None

    @property
    def key(self) -> str:
        """Of the set."""
        return self.weight_set.key

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)

    @property
    def is_published_size(self) -> bool:
        """Whether every published file that is needed has its published size."""
        sizes = {file.path: file.bytes for file in self.files}
        return all(sizes.get(file.path) == file.bytes for file in self.weight_set.files if file.is_needed)


def find_all(path: Path, progress: Progress) -> tuple[Found, ...]:
    """The sets in a file or folder, in the order of the table; of two that fit one set, the one as published.

    Raises:
        SetupProblem: there is none; it says what was found instead.
        Cancelled: the user wants to stop.
    """
    if not path.exists():
        raise SetupProblem(f"“{path.name or path}” is not there.", "Choose a file or folder that is.")
    problems: list[SetupProblem] = []
    found: dict[str, Found] = {}
    for candidate in candidates(path):
        progress.update(0.0)
        try:
            header = read_header(candidate)
            one = _found(candidate, header, match(header, candidate.name))
        except SetupProblem as problem:
            problems.append(problem)
            continue
        key = one.weight_set.key
        found[key] = max(found.get(key, one), one, key=_rank)
    if not found:
        raise _nothing(path, problems)
    order = list(found.values())
    progress.update(1.0)
    return tuple(sorted(order, key=lambda one: one.weight_set.key))


def find_one(path: Path, key: str, progress: Progress) -> Found:
    """The set with a key in a file or folder, or the only one there where the key is "".

    Raises:
        SetupProblem: there is none, another one, or more than one; it says which.
        Cancelled: the user wants to stop.
    """
    everything = find_all(path, progress)
    titles = " and ".join(one.weight_set.title for one in everything)
    if key:
        for one in everything:
            if one.weight_set.key == key:
                return one
        raise SetupProblem(f"“{path.name}” holds {titles}, not {find(key).title}.", "Choose another file.")
    if len(everything) > 1:
        raise SetupProblem(f"“{path.name}” holds {titles}.", "Choose one of them.")
    return everything[0]


def read_record(folder: Path) -> dict[str, Any]:
    """What `engine.json` in a folder says; empty where there is none, or none of ours."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        listed = [(str(file["path"]), int(file["bytes"]), str(file["sha256"])) for file in record["files"]]
        is_safe = all(not Path(path).is_absolute() and ".." not in Path(path).parts for path, _, _ in listed)
        is_safe &= all(isinstance(file["path"], str) and "\0" not in file["path"] for file in record["files"])
        return dict(record) if is_safe and str(record["key"]) else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _rank(found: Found) -> tuple[bool, bool, int]:
    return found.is_published_size, found.kind == "safetensors", found.bytes  # in doubt the more precise one


def _nothing(path: Path, problems: list[SetupProblem]) -> SetupProblem:
    index = path / "model_index.json"
    if index.is_file():
        return SetupProblem(
            f"“{path.name}” is a folder for making pictures from words.",
            "Import it for itself, without naming another set.",
        )
    if not problems:
        return SetupProblem(
            f"There are no weights in “{path.name}”.", "See “img2model weights list” for the files that are needed."
        )
    if len(problems) == 1:
        return problems[0]
    return SetupProblem(
        problems[0].message,
        f"None of the other {len(problems) - 1} files fits either.",
        "\n".join(str(problem) for problem in problems),
    )


def _found(path: Path, header: Header, matched: Match) -> Found:
    weight_set = matched.weight_set
    if weight_set is None:
        raise SetupProblem(matched.problem, "See “img2model weights list” for the files that are needed.")
    published = next(file for file in weight_set.files if file.is_needed)
    root = path.parent
    for _ in Path(published.path).parent.parts:
        root = root.parent
    source, revision = where_from(path)
    record = read_record(root.parent)
    if record:
        source, revision = str(record.get("source", "")), str(record.get("revision", ""))
    licence = str(record.get("licence", "")) or card_licence(root)
    if source.split("/")[0].lower() in NOT_FREE_OWNERS or "-nc" in licence.lower() or "bria" in licence.lower():
        raise SetupProblem(
            f"“{path.name}” comes from {source or 'a repository'} whose card says “{licence or 'non-commercial'}”: "
            "it may not be used commercially.",
            f"Use {weight_set.source}, which is {weight_set.licence}.",
        )
    hashes = {str(file["path"]): str(file["sha256"]) for file in record.get("files", ())}
    places = _places(path, header, published.path)
    places |= {
        file.path: root / file.path for file in weight_set.files if _is_companion(root / file.path, file.is_needed)
    }
    files = tuple(
        FoundFile(place, file, file.stat().st_size, hashes.get(place, "") or hash_of_blob(file))
        for place, file in places.items()
    )
    texts = (
        *(root / name for name in ("LICENSE", "LICENSE.txt", "LICENSE.md")),
        *((root.parent / LICENCE,) if record else ()),
    )
    text = next((file for file in texts if file.is_file()), None)
    return Found(weight_set, files, header.kind, source, revision, licence, text)


def _places(path: Path, header: Header, published: str) -> dict[str, Path]:
    """Where the files with tensors go: a single one takes the published name, parts keep theirs."""
    if len(header.files) > 1:
        names = {file: file.name for file in header.files}
        if not path.name.endswith(".index.json") or any(
            not name.endswith((*SUFFIXES, ".json")) for name in names.values()
        ):
            raise SetupProblem(f"The parts of “{path.name}” have names of no known kind.", "Give them their own names.")
        return {str(Path(published).parent / name).replace("\\", "/"): file for file, name in names.items()}
    is_safetensors = header.kind == "safetensors"
    if is_safetensors == published.endswith(".safetensors"):
        return {published: path}
    return {str(Path(published).with_suffix(".safetensors" if is_safetensors else ".ckpt").as_posix()): path}


def _is_companion(path: Path, is_needed: bool) -> bool:
    return not is_needed and path.is_file() and path.stat().st_size <= MAX_COMPANION


def where_from(path: Path) -> tuple[str, str]:
    """Repository and revision, as the hub's cache (`models--owner--name/snapshots/revision`) or a clone tells."""
    parts = path.absolute().parts
    for at, part in enumerate(parts):
        if part.startswith("models--") and part.count("--") >= 2:
            owner, name = part.split("--", 2)[1:]
            after = parts[at + 1 : at + 3]
            return f"{owner}/{name}", after[1] if after[:1] == ("snapshots",) and len(after) == 2 else ""
    try:
        config = (path.parent / ".git" / "config").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    url = re.search(r"^\s*url\s*=\s*\S*?([\w.-]+/[\w.-]+?)(?:\.git)?/?\s*$", config, re.MULTILINE)
    return (url.group(1) if url else ""), ""


def card_licence(root: Path) -> str:
    """What the card of a repository says in its first lines, as SPDX spells it where that is free."""
    try:
        with (root / "README.md").open(encoding="utf-8", errors="replace") as file:
            start = file.read(4096)
    except OSError:
        return ""
    said: dict[str, str] = dict(re.findall(r"^(license|license_name):\s*[\"']?([\w.+-]+)", start, re.MULTILINE))
    name = said.get("license_name") or said.get("license", "")  # "license: other" has its name in the second
    return {free.lower(): free for free in FREE_LICENCES}.get(name.lower(), name)


def hash_of_blob(path: Path) -> str:
    """The hub's cache names large files after their sha256 and links to them."""
    name = path.resolve().name if path.is_symlink() else ""
    return name if _SHA256.fullmatch(name) else ""
