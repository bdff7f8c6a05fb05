"""A result in the format, size and place that the user wants, or nothing at all."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import trimesh

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import MESH_SUFFIXES, read_mesh, read_recipe, write_mesh
from img2model_desktop.core.workshop.place import scaled_to
from img2model_desktop.errors import EngineProblem, InputProblem, SetupProblem
from img2model_desktop.jobs import export
from img2model_desktop.jobs.export import ExportOptions, can_write, export_mesh
from tests.shapes import box, textured, torus

RECIPE = {"program": "Image2Model Desktop 0.1.0", "request": {"prompt": "ring"}, "seed": 3}


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A finished job's result: a textured ring, 100 mm."""
    path = tmp_path / "job" / "result.glb"
    path.parent.mkdir()
    write_mesh(scaled_to(textured(torus()), 100), path, RECIPE)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("size_mm", [None, 100.0, 100.000001])
def test_glb_of_the_same_size_is_the_same_file(result: Path, out: Path, size_mm: float | None) -> None:
    exported = export_mesh(result, out / "ring.glb", ExportOptions(size_mm=size_mm))
    assert content(out) == {"ring.glb": result.read_bytes()}
    assert (exported.path, exported.companions, exported.faces) == (out / "ring.glb", (), 768)
    assert exported.size_mm == pytest.approx((100, 20, 100), rel=1e-6)
    assert exported.seconds > 0


def test_glb_of_another_size_keeps_the_recipe_and_the_pixels(result: Path, out: Path) -> None:
    exported = export_mesh(result, out / "ring.glb", ExportOptions(size_mm=250))
    assert exported.size_mm == pytest.approx((250, 50, 250), rel=1e-6)
    again = read_mesh(out / "ring.glb")
    assert again.size_m * 1000 == pytest.approx([250, 50, 250], rel=1e-6)
    assert again.bounds[0][1] == 0
    assert read_recipe(out / "ring.glb") == RECIPE | {"export": [{"operation": "scale", "options": {"size_mm": 250}}]}
    assert np.array_equal(again.base_colour.pixels, read_mesh(result).base_colour.pixels)


def test_glb_gets_the_recipe_it_is_given(result: Path, out: Path) -> None:
    export_mesh(result, out / "ring.glb", recipe={"a": 1})
    assert read_recipe(out / "ring.glb") == {"a": 1}


@pytest.mark.parametrize("up", ["y", "z"])
@pytest.mark.parametrize("suffix", [".obj", ".stl", ".ply", ".STL"])
def test_slicer_formats_are_in_millimetres_and_stand_on_the_ground(
    result: Path, out: Path, suffix: str, up: str
) -> None:
    exported = export_mesh(result, out / f"ring{suffix}", ExportOptions(size_mm=40, up=up))
    assert exported.size_mm == pytest.approx((40, 8, 40), rel=1e-6)
    low, high = trimesh.load(exported.path, process=False).bounds
    assert high - low == pytest.approx([40, 8, 40] if up == "y" else [40, 40, 8], rel=1e-6)
    assert low["xyz".index(up)] == 0
    assert sorted(content(out)) == sorted(path.name for path in (exported.path, *exported.companions))
    facts = measure(read_mesh(exported.path, up=up))
    assert (facts.watertight, facts.genus, facts.faces) == (True, 1, 768)


def test_obj_names_its_companions(result: Path, out: Path) -> None:
    exported = export_mesh(result, out / "ring.obj")
    assert exported.companions == (out / "ring.mtl", out / "ring_texture.png")


def test_an_old_file_is_replaced(result: Path, out: Path) -> None:
    (out / "ring.stl").write_text("old")
    export_mesh(result, out / "ring.stl")
    assert len(content(out)["ring.stl"]) == 84 + 50 * 768


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_what_comes_back_otherwise_is_not_saved(
    result: Path, out: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = export.encode

    def wrong(mesh: Mesh, *rest: object) -> dict[str, bytes]:
        return real(Mesh(mesh.vertices, mesh.faces[1:], mesh.uv, mesh.base_colour), *rest)

    monkeypatch.setattr(export, "encode", wrong)
    (out / f"ring{suffix}").write_text("old")
    with pytest.raises(EngineProblem, match="not the same mesh") as caught:
        export_mesh(result, out / f"ring{suffix}", ExportOptions(size_mm=30))
    assert caught.value.details == "it has 767 triangles instead of 768"
    assert content(out) == {f"ring{suffix}": b"old"}


def test_a_disk_that_gives_back_something_else_is_noticed(
    result: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = export.atomic.write_staged
    monkeypatch.setattr(export.atomic, "write_staged", lambda path, data: real(path, data[:-1] + b"?"))
    with pytest.raises(SetupProblem, match="gave back something else"):
        export_mesh(result, out / "ring.glb")
    assert content(out) == {}


@pytest.mark.parametrize("size_mm", [0.0, -1.0, float("nan"), float("inf")])
def test_a_size_that_is_none(result: Path, out: Path, size_mm: float) -> None:
    with pytest.raises(InputProblem, match="is not a size"):
        export_mesh(result, out / "ring.glb", ExportOptions(size_mm=size_mm))
    assert content(out) == {}


def test_a_result_that_is_gone_or_damaged(result: Path, out: Path) -> None:
    result.write_bytes(result.read_bytes()[:-100])
    with pytest.raises(InputProblem, match="broken"):
        export_mesh(result, out / "ring.stl")
    result.unlink()
    with pytest.raises(InputProblem, match="not there"):
        export_mesh(result, out / "ring.stl")
    assert content(out) == {}


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_a_full_disk_leaves_what_was_there(result: Path, out: Path, suffix: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", str(out)]
    as_root = os.name == "posix" and os.geteuid() == 0
    if not as_root or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        (out / f"ring{suffix}").write_text("old")
        assert can_write(out / f"ring{suffix}") is None
        with pytest.raises(SetupProblem, match="not enough space"):
            export_mesh(result, out / f"ring{suffix}")
        assert content(out) == {f"ring{suffix}": b"old"}
    finally:
        subprocess.run(["umount", str(out)], check=True)


# -- asked before the work -------------------------------------------------------------------------


def test_can_write_where_one_can(out: Path) -> None:
    (out / "old.stl").write_text("old")
    for name in ("new.glb", "old.stl", "日本.OBJ"):
        assert can_write(out / name) is None
    assert can_write(out / "a.ply", ExportOptions(up="z")) is None
    assert content(out) == {"old.stl": b"old"}


@pytest.mark.parametrize(
    ("name", "up", "kind", "sentence"),
    [
        ("a.fbx", "y", InputProblem, "“.fbx” is not a mesh format"),
        ("a", "y", InputProblem, "no suffix"),
        ("a.glb", "z", InputProblem, "always y up"),
        ("a.obj", "w", InputProblem, "not an axis"),
        ("a\0.glb", "y", InputProblem, "cannot be used"),
        ("folder.glb", "y", SetupProblem, "is a folder"),
        ("x" * 300 + ".glb", "y", SetupProblem, "too long"),
        ("x" * 250 + ".obj", "y", SetupProblem, "too long"),  # its texture's name is longer
        ("none/a.glb", "y", SetupProblem, "is not there"),
        ("file/a.glb", "y", SetupProblem, "is not there"),
    ],
)
def test_can_write_says_what_is_wrong(out: Path, name: str, up: str, kind: type[Exception], sentence: str) -> None:
    (out / "folder.glb").mkdir()
    (out / "file").write_text("")
    problem = can_write(out / name, ExportOptions(up=up))
    assert type(problem) is kind
    assert sentence in problem.message
    assert problem.advice
    assert sorted(path.name for path in out.iterdir()) == ["file", "folder.glb"]


def test_can_write_sees_a_read_only_place(out: Path) -> None:
    as_root = os.name == "posix" and os.geteuid() == 0
    if as_root:  # permissions do not stop root; a read-only mount does
        command = ["mount", "-t", "tmpfs", "-o", "ro,size=100k", "tmpfs", str(out)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting needs more rights than this root has")
    else:
        out.chmod(0o500)
    try:
        problem = can_write(out / "a.glb")
        assert isinstance(problem, SetupProblem)
        assert "read-only" in problem.message
    finally:
        if as_root:
            subprocess.run(["umount", str(out)], check=True)
        else:
            out.chmod(0o700)


def test_a_file_without_texture_is_exported_too(tmp_path: Path, out: Path) -> None:
    write_mesh(box(0.1, 0.2, 0.4), tmp_path / "plain.glb")
    for suffix in MESH_SUFFIXES:
        exported = export_mesh(tmp_path / "plain.glb", out / f"a{suffix}", ExportOptions(size_mm=40))
        assert (exported.companions, exported.size_mm) == ((), pytest.approx((10, 20, 40), rel=1e-6))
