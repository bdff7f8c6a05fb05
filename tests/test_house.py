"""The house rules that a program can check."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from img2model_desktop import __version__

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("img2model_desktop", "installers", "tests", "resources", ".ci")
TEXT = {".py", ".md", ".toml", ".txt", ".in", ".cfg", ".svg", ".vert", ".frag", ".glsl", ".json", ".yaml", ".yml", ""}
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "model", "models", "base"}
CATCH_ALL = {  # where an exception that nobody foresaw is turned into text instead of being lost
    "img2model_desktop/aside.py",
    "img2model_desktop/cli/__init__.py",
    "img2model_desktop/gui/app.py",
    "img2model_desktop/gui/runner.py",
    "img2model_desktop/jobs/batch_run.py",
    "img2model_desktop/jobs/pipeline.py",
    "tests/bench/fuzzing.py",
}


def python_files() -> Iterator[Path]:
    for folder in ("img2model_desktop", "installers", "tests"):
        yield from (path for path in sorted((ROOT / folder).rglob("*.py")))


def text_files() -> Iterator[Path]:
    yield from (ROOT / name for name in ("README.md", "LICENSE", "pyproject.toml", ".gitignore"))
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in TEXT and "__pycache__" not in path.parts:
                yield path


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_file_is_too_long() -> None:
    lengths = {short(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES} == {}
    assert len(lengths) > 40  # the rule looked at something


def test_no_function_is_too_long() -> None:
    too_long = {}
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    too_long[f"{short(path)}:{node.name}"] = lines
    assert too_long == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {short(path) for path in python_files() if path.stem in FORBIDDEN_NAMES}
    assert names == {"img2model_desktop/engines/base.py"}


def test_every_module_of_the_program_says_what_it_is() -> None:
    silent = [
        short(path)
        for path in python_files()
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        and "tests" not in path.parts
    ]
    assert silent == []


def test_catch_all_handlers_are_only_where_work_begins() -> None:
    mark = "noqa: BLE" + "001"
    found = {short(path) for path in python_files() if mark in path.read_text(encoding="utf-8")}
    assert found <= CATCH_ALL


@pytest.mark.parametrize(
    "words",
    [
        # put together here, so that this file does not hold what it looks for
        "/wo" + "rk/|/ro" + "ot/|/ho" + "me/[a-z]",
        "py" + r"pi\.org|python" + r"hosted\.org|npm" + r"js\.(org|com)|download\.py" + r"torch\.org",
        r"\bTO" + r"DO\b|\bFIX" + r"ME\b|\bXX" + r"X\b",
    ],
    ids=["paths of one machine", "hosts of package registries", "unfinished work"],
)
def test_the_repository_holds_no(words: str) -> None:
    pattern = re.compile(words)
    found = [
        f"{short(path)}:{number}: {line.strip()[:100]}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    text = (ROOT / "resources" / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (?:\d{4}-\d{2}-\d{2}|Unreleased)$", text, re.MULTILINE)
    assert versions[0] == __version__
    assert len(versions) == len(re.findall("^## ", text, re.MULTILINE))  # no heading in another shape
