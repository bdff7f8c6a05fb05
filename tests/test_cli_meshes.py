"""The commands for mesh files, from arguments to files, exit codes and lines."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from img2model_desktop import cli
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import read_mesh, read_recipe, write_mesh
from img2model_desktop.core.workshop.catalog import OPERATIONS
from img2model_desktop.jobs.presets import PRESETS
from tests.shapes import box, mesh_of, textured


@pytest.fixture
def solid(tmp_path: Path) -> Path:
    """A box of 30 x 20 x 10 mm."""
    path = tmp_path / "box.stl"
    trimesh.creation.box((30, 20, 10)).export(path)
    return path


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    """A cube of 40 mm without its last two faces, which is one side."""
    cube = box(0.04, 0.04, 0.04)
    side = np.abs(np.cross(*np.diff(cube.vertices[cube.faces], axis=1).transpose(1, 0, 2))[:, 1]) > 0
    top = side & (cube.vertices[cube.faces][:, :, 1].min(axis=1) > 0.03)
    path = tmp_path / "open.glb"
    write_mesh(mesh_of(cube.vertices, cube.faces[~top]), path, {"program": "x", "request": {"prompt": "cube"}})
    return path


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_inspect_says_measures_and_verdict(solid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", str(solid), "--json"]) == 0
    (one,) = said(capsys)
    measures = one["measures"]
    assert (measures["triangles"], measures["parts"], measures["watertight"], measures["manifold"]) == (
        12,
        1,
        True,
        True,
    )
    assert measures["volume_cm3"] == pytest.approx(6.0, rel=1e-6)
    assert measures["area_cm2"] == pytest.approx(22.0, rel=1e-6)
    assert one["verdict"]["print"] == "fit"
    assert cli.main(["inspect", str(solid.with_name("none.glb"))]) == 2


def test_inspect_scales_to_the_size_that_it_will_have(solid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["inspect", str(solid), "--json", "--size-mm", "300"])
    (one,) = said(capsys)
    assert one["measures"]["volume_cm3"] == pytest.approx(6000.0, rel=1e-5)
    assert "print" in one["findings"][0]["severity"]  # larger than the bed
    assert one["verdict"]["print"] != "fit"


def test_inspect_for_a_purpose_can_fail_a_script(solid: Path, opened: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", str(solid), "--for", "print", "--check"]) == 0
    assert "print   fit\n" in capsys.readouterr().out
    assert cli.main(["inspect", str(opened), "--for", "print", "--check"]) == 5
    out = capsys.readouterr().out
    assert "print   fit after fixes\n" in out
    assert "1 hole" in out


@pytest.mark.parametrize("bad", [["--bed-mm", "10x10"], ["--size-mm", "-3"], ["--wall-mm", "nan"]])
def test_conditions_that_are_none(solid: Path, bad: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", str(solid), *bad]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_fix_for_print_closes_the_cube(opened: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "fixed.glb"
    assert cli.main(["fix", str(opened), "-o", str(out), "--for", "print", "--json"]) == 0
    (one,) = said(capsys)
    assert (one["before"], one["after"]) == ("fit after fixes", "fit")
    facts = measure(read_mesh(out))
    assert (facts.watertight, facts.manifold) == (True, True)
    assert facts.volume_m3 == pytest.approx(0.04**3, rel=1e-5)
    recipe = read_recipe(out)
    assert recipe["request"] == {"prompt": "cube"}
    assert [step["operation"] for step in recipe["edits"]] == [step["operation"] for step in one["steps"]]


def test_fix_says_what_it_would_do(opened: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "fixed.glb"
    assert cli.main(["fix", str(opened), "-o", str(out), "--dry-run"]) == 0
    assert "hole" in capsys.readouterr().out.lower()
    assert not out.exists()


def test_edit_does_the_steps_in_order(opened: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "edited.glb"
    steps = ["--do", "close_holes", "--do", "scale:size_mm=80,axis=x"]
    assert cli.main(["edit", str(opened), "-o", str(out), *steps, "--json"]) == 0
    (one,) = said(capsys)
    assert one["size_mm"] == pytest.approx([80.0, 80.0, 80.0])
    assert measure(read_mesh(out)).watertight
    assert read_recipe(out)["edits"] == [
        {"operation": "close_holes"},
        {"operation": "scale", "options": {"axis": "x", "size_mm": 80.0}},
    ]


@pytest.mark.parametrize("bad", ["nothing", "scale:size_mm", "scale:size_mm=-1", "scale:weight=2", "decimate:faces=x"])
def test_a_step_that_is_none_is_refused_before_the_work(
    opened: Path, tmp_path: Path, bad: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "edited.glb"
    assert cli.main(["edit", str(opened), "-o", str(out), "--do", bad]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not out.exists()


def test_export_takes_a_preset_and_what_is_said_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "a.glb", tmp_path / "b.stl"
    write_mesh(textured(), source)
    assert cli.main(["export", str(source), "-o", str(out), "--preset", "cad", "--size-mm", "50", "--json"]) == 0
    captured = capsys.readouterr()
    (one,) = [json.loads(line) for line in captured.out.splitlines()]
    assert max(one["size_mm"]) == pytest.approx(50.0)
    assert "STL keeps no colour." in captured.err
    assert trimesh.load(out).bounds[0][2] == pytest.approx(0.0, abs=1e-5)  # z up, on the bed


def test_export_writes_levels_of_detail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "ball.stl"
    trimesh.creation.icosphere(4, 20.0).export(source)
    assert cli.main(["export", str(source), "-o", str(tmp_path / "b.glb"), "--levels", "800,200", "--json"]) == 0
    assert [
        (Path(one["path"]).name, one["faces"] <= most) for one, most in zip(said(capsys), (5120, 800, 200), strict=True)
    ] == [("b_lod0.glb", True), ("b_lod1.glb", True), ("b_lod2.glb", True)]
    assert cli.main(["export", str(source), "-o", str(tmp_path / "c.glb"), "--levels", "many"]) == 2


def test_export_refuses_what_cannot_be_before_the_work(tmp_path: Path, solid: Path) -> None:
    assert cli.main(["export", str(solid), "-o", str(tmp_path / "a.xyz")]) == 2
    assert cli.main(["export", str(solid), "-o", str(tmp_path / "no" / "a.glb")]) == 3
    assert cli.main(["export", str(solid), "-o", str(tmp_path / "a.glb"), "--preset", "none"]) == 2


def test_operations_and_presets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["operations", "--json"]) == 0
    assert [one["key"] for one in said(capsys)] == [operation.key for operation in OPERATIONS]
    assert cli.main(["presets", "--json"]) == 0
    assert [one["key"] for one in said(capsys)] == [preset.key for preset in PRESETS]
    assert cli.main(["operations"]) == 0
    assert "faces = 20000" in capsys.readouterr().out


@pytest.mark.gl
def test_turntable_and_report_are_files(opened: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turning, page = tmp_path / "a.webp", tmp_path / "a.html"
    assert cli.main(["turntable", str(opened), "-o", str(turning), "--seconds", "1", "--size-px", "64"]) == 0
    with Image.open(turning) as image:
        assert image.size == (64, 64)
        assert getattr(image, "n_frames", 1) > 10
    assert cli.main(["report", str(opened), "-o", str(page), "--title", "<b>Cube</b>"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;Cube&lt;/b&gt;" in text
    assert "<b>Cube</b>" not in text
    capsys.readouterr()
    assert cli.main(["report", str(opened), "-o", str(tmp_path / "a.txt")]) == 2
    assert cli.main(["turntable", str(opened), "-o", str(tmp_path / "a.avi")]) == 2
