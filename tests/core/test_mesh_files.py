"""Names and places of mesh files, and how long they take."""

import os
from pathlib import Path

import numpy as np
import pytest

from img2model_desktop.core import mesh_files
from img2model_desktop.core.formats.frame import Frame
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import MESH_SUFFIXES, read, read_mesh, write_mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import Cancelled, Img2ModelError, InputProblem, SetupProblem
from tests.shapes import box, least_seconds, sphere, textured, torus

# -- names and places ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.fbx", "a", "a.glb.bak", ".glb"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputProblem, match=r"\.glb, \.gltf, \.obj, \.stl, \.ply, \.3mf, \.usdz"):
        write_mesh(box(), tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_glb_with_z_up_and_an_unknown_axis_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputProblem, match="always y up"):
        write_mesh(box(), tmp_path / "a.glb", frame=Frame("z"))
    with pytest.raises(InputProblem, match="“x” is not an axis"):
        write_mesh(box(), tmp_path / "a.obj", frame=Frame("x"))


@pytest.mark.parametrize("suffix", [*MESH_SUFFIXES, ".GLB", ".Stl"])
def test_any_case_and_any_letters(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"Vase “ö” 日本{suffix}"
    write_mesh(textured(box()), path)
    assert measure(read_mesh(path)).volume_m3 == 8.0


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_a_name_that_is_no_text(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / os.fsdecode(b"\xff\n" + suffix.encode())
    mesh = textured(box())
    try:
        write_mesh(mesh, path)
    except SetupProblem:
        pytest.skip("this disk takes only names that are text")
    again = read_mesh(path)
    assert measure(again).volume_m3 == 8.0
    if suffix == ".obj":
        assert np.array_equal(again.base_colour.pixels, mesh.base_colour.pixels)


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_a_failure_leaves_the_old_file_as_it_was(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"a{suffix}"
    write_mesh(textured(box()), path)
    before = {item.name: item.read_bytes() for item in tmp_path.iterdir()}

    def refuse(*_: object) -> None:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(SetupProblem, match="cannot be written"):
        write_mesh(textured(sphere()), path)
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == before


def test_a_folder_of_that_name_and_a_missing_folder(tmp_path: Path) -> None:
    (tmp_path / "a.stl").mkdir()
    with pytest.raises(SetupProblem, match="is a folder"):
        write_mesh(box(), tmp_path / "a.stl")
    with pytest.raises(SetupProblem, match="is not there"):
        write_mesh(box(), tmp_path / "gone" / "a.stl")


# -- time ------------------------------------------------------------------------------------------


def test_a_usual_result_is_written_in_less_than_150_ms(tmp_path: Path) -> None:
    mesh = torus(rows=250, columns=100)
    uv = np.random.default_rng(0).random((len(mesh.vertices), 2)).astype(np.float32)
    soft = np.linspace(0, 255, 1024 * 1024 * 4).astype(np.uint8).reshape(1024, 1024, 4) | np.uint8([0, 0, 0, 255])
    mesh = Mesh(mesh.vertices, mesh.faces, uv, Picture.own(soft))
    assert least_seconds(lambda: write_mesh(mesh, tmp_path / "a.glb")) < 0.150
    assert len(mesh.faces) == 50_000


def test_limits_are_values_not_constants(tmp_path: Path) -> None:
    write_mesh(textured(box()), tmp_path / "a.glb")
    size = (tmp_path / "a.glb").stat().st_size
    assert read_mesh(tmp_path / "a.glb", mesh_files.ReadLimits(file_bytes=size)).faces.shape == (12, 3)
    for limits in (mesh_files.ReadLimits(file_bytes=size - 1), mesh_files.ReadLimits(vertices=20)):
        with pytest.raises(Img2ModelError, match="more than"):
            read_mesh(tmp_path / "a.glb", limits)
    mesh, notes = read(tmp_path / "a.glb", mesh_files.ReadLimits(picture_pixels=100))
    assert (mesh.base_colour, notes) == (None, ("The texture was left out: it has too many pixels.",))


@pytest.mark.parametrize("suffix", [".obj", ".3mf"])
def test_reading_a_large_file_can_be_stopped_in_its_middle(tmp_path: Path, suffix: str) -> None:
    write_mesh(sphere(rows=160, columns=160), path := tmp_path / f"large{suffix}")
    asked = 0

    def stops_at(count: int) -> Progress:
        def is_cancelled() -> bool:
            nonlocal asked
            asked += 1
            return asked >= count

        return Progress(is_cancelled=is_cancelled)

    read(path, progress=stops_at(10**9))
    looks, asked = asked, 0
    assert looks >= 8
    with pytest.raises(Cancelled):
        read(path, progress=stops_at(looks // 2))
    assert asked == looks // 2  # nothing went on after the wish
