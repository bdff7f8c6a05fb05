"""The wheel, the pinned set, and what everything in it is licensed under."""

import ast
import configparser
import re
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import cast

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from img2model_desktop import __version__

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / "installers" / "requirements"

# What may be imported though its distribution has another name.
IMPORT_NAMES = {
    "pynvml": "nvidia-ml-py",
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "fontTools": "fonttools",
    "skimage": "scikit-image",
    "PySide6": "pyside6-essentials",
    "shiboken6": "pyside6-essentials",
    "OpenGL": "pyopengl",
}

PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "FreeType", "HPND", "ISC", "MIT",
    "MIT-0", "MIT-CMU", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib", "zlib-acknowledgement", "CC0-1.0", "BSL-1.0",
    "LLVM-exception",
}  # fmt: skip
LESSER = {"LGPL-2.1", "LGPL-2.1-or-later", "LGPL-3.0", "LGPL-3.0-only", "LGPL-3.0-or-later"}
EXCEPTIONS: dict[str, str] = {
    "hypothesis": "MPL-2.0: runs the tests, is no part of the program",
    "pathspec": "MPL-2.0: used by mypy alone, is no part of the program",
    "certifi": "MPL-2.0: root certificates, a file of data; huggingface-hub brings it, ours never uses it",
    "tqdm": "MPL-2.0 and MIT: file by file, unchanged; diffusers and transformers bring it",
    "usd-core": "TOST-1.0: Apache-2.0 but for trademarks; checks files in tests, is no part of the program",
}
TEXTS = {  # of licences, for distributions that name theirs nowhere else
    "Redistribution and use in source and binary forms": "BSD",
    "Permission is hereby granted, free of charge": "MIT",
}
SPELLINGS = {
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd license": "BSD",
    "bsd-3": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "mit license": "MIT",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "python software foundation license": "PSF-2.0",
    "historical permission notice and disclaimer (hpnd)": "HPND",
}


def names_in(path: Path) -> dict[str, Requirement]:
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    wanted = [Requirement(line) for line in lines if line]
    return {canonicalize_name(item.name): item for item in wanted}


PINNED = names_in(PINS / "cpu.txt")


# -- the wheel ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from this checkout without a network."""
    out = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "-w", str(out), str(ROOT)], check=True)
    return zipfile.ZipFile(next(out.glob("*.whl")))


def test_the_wheel_holds_the_program_and_its_resources(wheel: zipfile.ZipFile) -> None:
    with wheel:
        names = set(wheel.namelist())
        for folder, inside in (
            ("img2model_desktop", "img2model_desktop"),
            ("resources", "img2model_desktop/resources"),
        ):
            for path in (ROOT / folder).rglob("*"):
                if path.is_file() and "__pycache__" not in path.parts:
                    assert f"{inside}/{path.relative_to(ROOT / folder).as_posix()}" in names
        assert any(name.startswith("img2model_desktop/render/shaders/") for name in names)
        assert not [name for name in names if "test" in name.split("/")[0] or "__pycache__" in name]
        info = next(name for name in names if name.endswith(".dist-info/METADATA")).rpartition("/")[0]
        assert info == f"image2model_desktop-{__version__}.dist-info"
        assert f"{info}/licenses/LICENSE" in names

        entries = configparser.ConfigParser()
        entries.read_string(wheel.read(f"{info}/entry_points.txt").decode())
        assert dict(entries["console_scripts"]) == {"img2model": "img2model_desktop.__main__:main"}
        assert dict(entries["gui_scripts"]) == {"image2model-desktop": "img2model_desktop.__main__:main"}

        about = wheel.read(f"{info}/METADATA").decode()
        assert "License-Expression: MIT\n" in about
        assert re.search(r"^Requires-Python: <3\.14,>=3\.11$", about, re.MULTILINE)


# -- the pinned set -------------------------------------------------------------------------------------------


def test_the_three_lists_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {canonicalize_name(Requirement(item).name): Requirement(item) for item in project["dependencies"]}
    assert set(declared) == set(names_in(PINS / "run.in"))
    for wanted in (declared, names_in(PINS / "run.in"), names_in(PINS / "test.in")):
        for name, requirement in wanted.items():
            (pin,) = PINNED[name].specifier
            assert pin.operator == "=="
            assert requirement.specifier.contains(pin.version), name


def test_the_installed_versions_are_the_pinned_ones_and_need_nothing_else() -> None:
    waiting, seen = [*names_in(PINS / "run.in"), *names_in(PINS / "test.in")], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        installed = metadata.distribution(name)
        assert PINNED[name].specifier.contains(installed.version), name
        for line in installed.requires or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(needed.name))
    assert len(seen) > 40


def test_what_the_program_imports_is_declared() -> None:
    imported = set()
    for path in (ROOT / "img2model_desktop").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    foreign = imported - sys.stdlib_module_names - {"img2model_desktop"}
    distributions = {canonicalize_name(IMPORT_NAMES.get(name, name)) for name in foreign}
    assert distributions <= set(names_in(PINS / "run.in"))


# -- licences -------------------------------------------------------------------------------------------------


def licences(name: str) -> list[set[str]]:
    """What one may choose among, each a set of identifiers that hold together; from a distribution's metadata."""
    about = cast(Message, metadata.metadata(name))
    expression = about.get("License-Expression", "")
    given = about.get("License", "").strip()
    if not expression and 0 < len(given) < 60:
        expression = SPELLINGS.get(given.lower(), given)
    if expression:
        choices = re.sub(r"[()]", " ", expression).split(" OR ")
        return [set(re.split(r"\s+(?:AND|WITH)\s+", choice.strip())) for choice in choices]
    named = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or [] if line.startswith("License")]
    if not named:
        text = "\n".join([given, *_licence_files(name)])
        named = [identifier for words, identifier in TEXTS.items() if words in text]
    return [{SPELLINGS.get(line.lower(), line)} for line in named if line != "OSI Approved"]


def _licence_files(name: str) -> list[str]:
    """Texts of the licence files that came with a distribution."""
    files = metadata.files(name) or []
    return [file.read_text(encoding="utf-8") for file in files if "LICENSE" in file.name.upper()]


@pytest.mark.parametrize("name", sorted(set(PINNED) - set(EXCEPTIONS)))
def test_the_licence_lets_a_free_program_use_it(name: str) -> None:
    try:
        choices = licences(name)
    except metadata.PackageNotFoundError:
        pytest.skip("not needed on this machine")
    assert any(choice <= PERMISSIVE | LESSER for choice in choices), choices


@pytest.mark.parametrize("name", sorted(EXCEPTIONS))
def test_an_exception_is_still_one_and_no_part_of_the_program(name: str) -> None:
    known = {"MPL": ("MPL", "Mozilla"), "TOST": ("TOST",)}[EXCEPTIONS[name].partition("-")[0]]
    assert any(mark in word for choice in licences(name) for word in choice for mark in known)
    assert name not in names_in(PINS / "run.in")
