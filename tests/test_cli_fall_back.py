"""From the command line a built-in engine takes over only where that is wished, and it is told."""

import json
from pathlib import Path

import pytest

from img2model_desktop import cli
from img2model_desktop.core.mesh_files import read_recipe
from tests.jobs.test_attempts import picture_in


def test_a_built_in_engine_takes_over_where_that_is_wished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "ball.glb"
    wish = ["convert", str(picture_in(tmp_path)), "-o", str(out), "--engine", "triposr", "--quality", "draft", "--json"]
    assert cli.main(wish) == 3
    assert "Twin, which is built in, could do it instead." in capsys.readouterr().err
    assert not out.exists()
    assert cli.main([*wish, "--fall-back"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert told["engine"] == "twin"
    (decision,) = told["decisions"]
    assert "Twin, which is built in, takes over from TripoSR." in decision
    assert decision in said.err
    assert read_recipe(out)["instead_of"] == {"triposr": "twin"}
