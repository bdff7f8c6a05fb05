"""The evaluation benchmark: its table, and what it says without data."""

import json
from pathlib import Path

import pytest

from tests.bench import evaluation


def test_without_data_there_is_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMG2MODEL_EVAL", str(tmp_path / "nowhere"))
    assert evaluation.tables() == []
    assert evaluation.main(["--view", "front"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_one_object_is_built_and_measured(shared_eval: Path, tmp_path: Path) -> None:
    """The whole way for a single object, in a copy of the set that holds nothing else."""
    manifest = json.loads((shared_eval / "objects" / "manifest.json").read_text(encoding="utf-8"))
    manifest["objects"] = [entry for entry in manifest["objects"] if entry["id"] == "khr_waterbottle"]
    objects = tmp_path / "objects"
    objects.mkdir()
    (objects / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (objects / "khr_waterbottle").symlink_to(shared_eval / "objects" / "khr_waterbottle")
    (objects / "baselines.json").symlink_to(shared_eval / "objects" / "baselines.json")
    (tmp_path / "evaluate.py").symlink_to(shared_eval / "evaluate.py")
    table = evaluation.table(tmp_path, "view", ("inflate",))
    names = [row[0] for row in table.rows]
    assert names[-1] == "inflate"
    assert "poisson" in names
    assert "1 objects" in table.title
    figures = dict(zip(table.columns, table.rows[-1], strict=True))
    assert float(figures["raw F@0.1"].split()[0]) > 0.5
    assert float(figures["raw CD"].split()[0]) < 0.15
