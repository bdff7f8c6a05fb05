"""The libraries that are here, against those that the program was tested with."""

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_PINS = Path(__file__).resolve().parents[2] / "installers" / "requirements"
_PIN_FILES = ("run.in", "cpu.txt")  # which ones, and in which versions
_DISTRIBUTION = "image2model-desktop"


@dataclass(frozen=True, slots=True)
class Package:
    """One library.

    Args:
        name: as the package index has it.
        version: that is here, or "" where it is missing.
        wanted: version that was tested, or a range, or "" where any will do.
        fits: whether what is here is what is wanted.
    """

    name: str
    version: str
    wanted: str
    fits: bool


def compare() -> tuple[Package, ...]:
    """Every library that the program itself asks for, by name."""
    return tuple(_package(name, wanted) for name, wanted in sorted(wanted_versions().items()))


def wanted_versions(pins: Path = _PINS) -> dict[str, str]:
    """Name -> version or range: of the pinned set in a checkout, else of what the installed program asks for."""
    try:
        asked, pinned = ((pins / name).read_text(encoding="utf-8") for name in _PIN_FILES)
    except OSError:
        return _asked_by_metadata()
    versions = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", pinned, re.MULTILINE))
    exact = {_plain(name): version for name, version in versions.items()}
    return {name: exact.get(_plain(name), "") for name in _names(asked)}


def _names(asked: str) -> list[str]:
    lines = [line.split("#")[0].strip() for line in asked.splitlines()]
    return [found.group() for line in lines if (found := re.match(r"[A-Za-z0-9][A-Za-z0-9_.-]*", line))]


def _asked_by_metadata() -> dict[str, str]:
    try:
        asked = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return {}
    return {name: "" for line in asked if ";" not in line for name in _names(line)}


def _package(name: str, wanted: str) -> Package:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Package(name, "", wanted, fits=False)
    return Package(name, version, wanted, fits=not wanted or _release(version) == _release(wanted))


def _release(version: str) -> str:
    """Without the local part: a build for the processor alone is the same release."""
    return version.partition("+")[0]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
