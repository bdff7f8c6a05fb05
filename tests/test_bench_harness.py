"""The command that prints the figures."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bench import __main__ as harness
from tests.bench.table import Table


def test_a_table_is_aligned() -> None:
    table = Table("Fruit", ["name", "kg", "colour"], [["apple", "1.5", "red"], ["fig", "10.25", "2 kinds, blue"]])
    assert str(table).splitlines() == [
        "Fruit",
        "",
        "name      kg  colour",
        "-----  -----  -------------",
        "apple    1.5  red",
        "fig    10.25  2 kinds, blue",
    ]


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 2 cells"):
        Table("Fruit", ["name", "kg"], [["apple"]])


def test_a_benchmark_has_a_name_and_tables(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text('NAME = "first"\n\ndef tables():\n    return []\n')
    (tmp_path / "two.py").write_text('NAME: str = "second"\n\ndef tables():\n    return []\n')
    (tmp_path / "scene.py").write_text('NAME = "no tables"\n')
    (tmp_path / "tables.py").write_text("raise SystemExit('imported')\n\ndef tables():\n    return []\n")
    assert harness.found(tmp_path) == {"first": "one", "second": "two"}


def test_every_promise_has_its_benchmark() -> None:
    assert {"convert", "soaking", "evaluation", "cutting", "viewing"} <= set(harness.found())


def test_an_unknown_name_lists_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert harness.main(["convertt"]) == 2
    assert "there are: " in capsys.readouterr().err


def test_a_benchmark_that_fails_does_not_keep_the_others_from_running(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run: list[str] = []

    def call(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        run.append(command[-1])
        return subprocess.CompletedProcess(command, 1 if command[-1] == "cutting" else 0)

    monkeypatch.setattr(subprocess, "run", call)
    monkeypatch.setattr(harness, "machine", lambda: "the machine")
    assert harness.main(["cutting", "convert"]) == 1
    assert run == ["cutting", "convert"]
    said = capsys.readouterr()
    assert said.out.startswith("the machine\n")
    assert "1 of 2 benchmarks ran to their end." in said.out
    assert said.err == "Failed: cutting (exit status 1).\n"
