"""What is written comes back, in our reader and in others."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from img2model_desktop import __version__
from img2model_desktop.core import mesh_files
from img2model_desktop.core.formats.frame import Frame
from img2model_desktop.core.formats.ply import sample
from img2model_desktop.core.formats.reopen import verify_written
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import MESH_SUFFIXES, read, read_mesh, read_recipe, write_mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.errors import Img2ModelError, InputProblem, SetupProblem
from tests.shapes import box, least_seconds, mesh_of, pixels, sphere, textured, together, torus, turned

SLICER_SUFFIXES = (".obj", ".stl", ".ply")


def triangles(mesh: Mesh) -> np.ndarray[Any, np.dtype[np.float32]]:
    return mesh.vertices[mesh.faces]


def glb_json(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    size = int.from_bytes(content[12:16], "little")
    document: dict[str, Any] = json.loads(content[20 : 20 + size])
    return document


# -- GLB -----------------------------------------------------------------------------------------


def test_glb_comes_back_array_for_array_and_pixel_for_pixel(tmp_path: Path) -> None:
    mesh = textured(torus())
    write_mesh(mesh, tmp_path / "ring.glb")
    again, notes = read(tmp_path / "ring.glb")
    assert notes == ()
    assert np.array_equal(again.vertices[: len(mesh.vertices)], mesh.vertices)
    assert np.array_equal(triangles(again), triangles(mesh))
    assert np.abs(again.uv[again.faces] - mesh.uv[mesh.faces]).max() <= 2**-24  # 1 - v is rounded once
    assert np.array_equal(again.base_colour.pixels, mesh.base_colour.pixels)


def test_glb_without_hard_edges_keeps_its_vertices(tmp_path: Path) -> None:
    mesh = sphere()
    write_mesh(mesh, tmp_path / "ball.glb")
    again = read_mesh(tmp_path / "ball.glb")
    assert np.array_equal(again.vertices, mesh.vertices)
    assert np.array_equal(again.faces, mesh.faces)
    assert (again.uv, again.base_colour) == (None, None)


def test_glb_keeps_every_picture_and_alpha(tmp_path: Path) -> None:
    see_through = Picture.own(np.random.default_rng(3).integers(0, 256, (9, 5, 4), dtype=np.uint8))
    plain = textured(box())
    mesh = Mesh(plain.vertices, plain.faces, plain.uv, see_through, pixels(8, 8, 1), pixels(4, 4, 2))
    write_mesh(mesh, tmp_path / "box.glb")
    again = read_mesh(tmp_path / "box.glb")
    for name in ("base_colour", "metallic_roughness", "normal"):
        assert np.array_equal(getattr(again, name).pixels, getattr(mesh, name).pixels), name


def test_glb_says_who_wrote_it_how_and_what_it_looks_like(tmp_path: Path) -> None:
    recipe = {"request": {"prompt": "Grüße “日本”"}, "seed": 7, "nested": [1, 2.5, None, True]}
    write_mesh(textured(box()), tmp_path / "Tasse.glb", recipe)
    document = glb_json(tmp_path / "Tasse.glb")
    assert document["asset"] == {
        "version": "2.0",
        "generator": f"Image2Model Desktop {__version__}",
        "extras": recipe,
    }
    assert document["nodes"][0]["name"] == "Tasse"
    material = document["materials"][0]
    assert material["doubleSided"] is False
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0
    assert material["pbrMetallicRoughness"]["roughnessFactor"] == 0.8
    assert "extensionsUsed" not in document
    assert read_recipe(tmp_path / "Tasse.glb") == recipe


def test_a_recipe_that_json_cannot_hold_is_a_bug_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_mesh(box(), tmp_path / "a.glb", {"x": float("nan")})
    with pytest.raises(TypeError):
        write_mesh(box(), tmp_path / "a.glb", {"x": tmp_path})
    assert not any(tmp_path.iterdir())


def test_a_glb_without_recipe_has_an_empty_one(tmp_path: Path) -> None:
    write_mesh(box(), tmp_path / "a.glb")
    assert read_recipe(tmp_path / "a.glb") == {}


@pytest.mark.parametrize("count", [65_534, 65_535, 65_536], ids=["two bytes", "the reserved number", "four bytes"])
def test_glb_indices_take_the_type_that_fits(tmp_path: Path, count: int) -> None:
    corners = np.random.default_rng(0).random((count, 3))
    faces = np.array([[0, 1, count - 1], [count - 2, 2, 3]])
    write_mesh(mesh_of(corners, faces), tmp_path / "a.glb")
    document = glb_json(tmp_path / "a.glb")
    primitive = document["meshes"][0]["primitives"][0]
    kind = document["accessors"][primitive["indices"]]["componentType"]
    highest = document["accessors"][primitive["attributes"]["POSITION"]]["count"] - 1
    assert kind == (5123 if highest < 65_535 else 5125)
    assert np.array_equal(triangles(read_mesh(tmp_path / "a.glb")), corners.astype(np.float32)[faces])


@pytest.fixture
def validate() -> Callable[[Path], dict[str, Any]]:
    """The Khronos glTF validator; skipped without it."""
    folder, node = os.environ.get("IMG2MODEL_GLTF_VALIDATOR"), shutil.which("node")
    if not folder or not node:
        pytest.skip("no glTF validator: IMG2MODEL_GLTF_VALIDATOR names no node_modules folder, or there is no node")
    script = (
        "const v = require(process.argv[1] + '/gltf-validator'), fs = require('fs');"
        "v.validateBytes(new Uint8Array(fs.readFileSync(process.argv[2])), {maxIssues: 0})"
        ".then(r => console.log(JSON.stringify(r.issues)))"
    )

    def run(path: Path) -> dict[str, Any]:
        done = subprocess.run([node, "-e", script, folder, str(path)], capture_output=True, check=True, text=True)
        issues: dict[str, Any] = json.loads(done.stdout)
        return issues

    return run


def _all_pictures() -> Mesh:
    plain = textured(box())
    return Mesh(plain.vertices, plain.faces, plain.uv, pixels(64, 32), pixels(16, 16))


@pytest.mark.parametrize(
    "mesh",
    [box(), sphere(), textured(torus(), pixels(64, 64)), _all_pictures(), together(sphere(), turned(sphere(0.2)))],
    ids=["hard edges", "no texture", "seams", "pictures", "parts"],
)
def test_the_validator_finds_nothing(validate: Callable[[Path], dict[str, Any]], tmp_path: Path, mesh: Mesh) -> None:
    write_mesh(mesh, tmp_path / "a.glb", {"seed": 1})
    issues = validate(tmp_path / "a.glb")
    assert issues["messages"] == []
    assert [issues[f"num{kind}"] for kind in ("Errors", "Warnings", "Infos", "Hints")] == [0, 0, 0, 0]


def test_the_validator_only_notes_that_a_texture_is_no_power_of_two(
    validate: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    write_mesh(textured(box(), pixels(300, 77)), tmp_path / "a.glb")
    issues = validate(tmp_path / "a.glb")
    assert [message["code"] for message in issues["messages"]] == ["IMAGE_NPOT_DIMENSIONS"]
    assert issues["numInfos"] == 1


# -- formats for slicers ---------------------------------------------------------------------------


@pytest.mark.parametrize("up", ["y", "z"])
@pytest.mark.parametrize("suffix", SLICER_SUFFIXES)
def test_slicer_formats_hold_millimetres_and_come_back(tmp_path: Path, suffix: str, up: str) -> None:
    mesh = textured(torus(0.5, 0.125))
    path = tmp_path / f"ring{suffix}"
    write_mesh(mesh, path, frame=Frame(up))
    raw = trimesh.load(path, process=False).bounds
    # the ring lies around the y axis: thin along the axis that points up
    x, y, z = 1250.0, 250.0, 1250.0
    assert np.ptp(raw, axis=0) == pytest.approx([x, y, z] if up == "y" else [x, z, y], rel=1e-6)
    again = read_mesh(path, frame=Frame(up))
    assert np.abs(triangles(again) - triangles(mesh)).max() <= 2**-24
    assert measure(again).watertight
    assert measure(again).volume_m3 == pytest.approx(measure(mesh).volume_m3, rel=1e-6)


@pytest.mark.parametrize("suffix", SLICER_SUFFIXES)
def test_z_up_puts_the_top_up_and_the_front_to_minus_y(tmp_path: Path, suffix: str) -> None:
    marked = mesh_of([[0, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2]])  # origin, top, front
    write_mesh(marked, tmp_path / f"a{suffix}", frame=Frame("z"))
    found = trimesh.load(tmp_path / f"a{suffix}", process=False)
    assert np.array_equal(found.vertices[found.faces[0]], [[0, 0, 0], [0, 0, 1000], [0, -1000, 0]])


def test_stl_is_binary_and_its_normals_are_those_of_its_faces(tmp_path: Path) -> None:
    mesh = box(0.001, 0.002, 0.004)
    write_mesh(mesh, tmp_path / "a.stl")
    content = (tmp_path / "a.stl").read_bytes()
    assert len(content) == 84 + 50 * 12
    assert not content.lower().startswith(b"solid")
    rows = np.frombuffer(content, dtype="<f4", count=12, offset=84)
    corner = rows[3:].reshape(3, 3)
    assert np.array_equal(corner, (mesh.vertices[mesh.faces[0]] * np.float32(1000)))
    flat = np.cross(corner[1] - corner[0], corner[2] - corner[0])
    assert rows[:3].tolist() == (flat / np.linalg.norm(flat)).tolist()


def test_stl_comes_back_with_shared_vertices(tmp_path: Path) -> None:
    write_mesh(box(), tmp_path / "a.stl")
    again = read_mesh(tmp_path / "a.stl")
    assert (len(again.vertices), measure(again).volume_m3) == (8, 8.0)


def test_obj_is_closed_over_texture_seams_and_textured(tmp_path: Path) -> None:
    mesh = textured(box(0.5, 0.25, 1))
    write_mesh(mesh, tmp_path / "a.obj")
    text = (tmp_path / "a.obj").read_text()
    assert text.count("\nv ") == 8
    assert text.count("\nf ") == 12
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mtl", "a.obj", "a_texture.png"]
    again, notes = read(tmp_path / "a.obj")
    assert notes == ()
    assert np.array_equal(triangles(again), triangles(mesh))  # halves and quarters are exact in millimetres
    assert np.array_equal(again.uv[again.faces], mesh.uv[mesh.faces])
    assert np.array_equal(again.base_colour.pixels, mesh.base_colour.pixels)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a_texture.png")), mesh.base_colour.rgb)


def test_obj_without_texture_is_one_file(tmp_path: Path) -> None:
    write_mesh(box(), tmp_path / "a.obj")
    assert [path.name for path in tmp_path.iterdir()] == ["a.obj"]
    assert "mtllib" not in (tmp_path / "a.obj").read_text()


def test_two_obj_files_in_one_folder_do_not_share_a_texture(tmp_path: Path) -> None:
    one, other = textured(box(), pixels(seed=1)), textured(box(), pixels(seed=2))
    for stem, mesh in (("a", one), ("b", other), ("a b", other), ("a_b", one), ("日本 語", one), ("- x#1", other)):
        write_mesh(mesh, tmp_path / f"{stem}.obj")
    for stem, mesh in (("a", one), ("b", other), ("a b", other), ("a_b", one), ("日本 語", one), ("- x#1", other)):
        path = tmp_path / f"{stem}.obj"
        assert np.array_equal(read_mesh(path).base_colour.pixels, mesh.base_colour.pixels), stem
        assert verify_written(mesh, path) == (), stem


def test_saving_again_replaces_its_own_files_only(tmp_path: Path) -> None:
    (tmp_path / "cup_texture.png").write_bytes(b"somebody's photo")
    (tmp_path / "cup.mtl").write_bytes(b"somebody's material")
    for seed in (1, 2):
        write_mesh(textured(box(), pixels(seed=seed)), tmp_path / "cup.obj")
    assert (tmp_path / "cup_texture.png").read_bytes() == b"somebody's photo"
    assert (tmp_path / "cup.mtl").read_bytes() == b"somebody's material"
    assert np.array_equal(read_mesh(tmp_path / "cup.obj").base_colour.pixels, pixels(seed=2).pixels)
    assert len(list(tmp_path.iterdir())) == 5


def test_ply_has_coloured_vertices_and_uv(tmp_path: Path) -> None:
    mesh = textured(torus())
    write_mesh(mesh, tmp_path / "a.ply")
    found = trimesh.load(tmp_path / "a.ply", process=False)
    assert np.array_equal(found.vertex_attributes["color"][:, :3], sample(mesh.base_colour, mesh.uv))
    again, notes = read(tmp_path / "a.ply")
    assert np.array_equal(again.uv, mesh.uv)
    assert np.array_equal(again.faces, mesh.faces)
    assert notes == ("The colours of the vertices were left out.",)


def test_sample_is_the_texel_at_its_centre_and_the_mean_between_two() -> None:
    picture = Picture.own(np.array([[[10, 0, 0, 255], [20, 0, 0, 255]], [[30, 8, 0, 255], [50, 0, 4, 255]]], np.uint8))
    at = [(0.25, 0.75), (0.75, 0.75), (0.25, 0.25), (0.5, 0.75), (0.25, 0.5), (0, 1), (1, 0), (0.5, 0.5)]
    want = [(10, 0, 0), (20, 0, 0), (30, 8, 0), (15, 0, 0), (20, 4, 0), (10, 0, 0), (50, 0, 4), (28, 2, 1)]
    assert sample(picture, np.array(at, np.float32)).tolist() == [list(colour) for colour in want]


def test_sample_repeats_the_picture_where_uv_leaves_it() -> None:
    picture = pixels(4, 4)
    uv = np.random.default_rng(0).integers(0, 8, (50, 2)).astype(np.float32) / 8
    shift = np.array([3, -2], np.float32)
    assert np.array_equal(sample(picture, uv + shift), sample(picture, uv + shift + shift))


# -- names and places ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.fbx", "a", "a.glb.bak", ".glb"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputProblem, match=r"\.glb, \.obj, \.stl, \.ply"):
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


# -- a reader that is not ours ---------------------------------------------------------------------


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
@pytest.mark.parametrize("mesh", [box(), textured(sphere()), together(box(), turned(box(9, 9, 9)))])
def test_another_reader_finds_the_same_mesh(tmp_path: Path, suffix: str, mesh: Mesh) -> None:
    for up in ("y", "z"):
        if up == "y" or suffix in (".obj", ".stl", ".ply", ".3mf"):
            write_mesh(mesh, tmp_path / f"a{suffix}", frame=Frame(up))
            assert verify_written(mesh, tmp_path / f"a{suffix}", Frame(up)) == ()


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_another_reader_finds_each_difference(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    mesh = textured(torus())
    write_mesh(mesh, path)
    shifted = mesh.vertices.copy()
    shifted[7] += np.float32(1e-4)
    unit = mesh.moved(mesh.vertices * np.float32(1000))
    fewer = Mesh(mesh.vertices, mesh.faces[1:], mesh.uv, mesh.base_colour)
    assert "instead of 767" in verify_written(fewer, path)[0]
    assert "other places" in verify_written(mesh.moved(shifted), path)[0]
    assert "it measures" in verify_written(unit, path)[0]
    if suffix != ".glb":
        assert "other places" in verify_written(mesh, path, Frame("z"))[0]
    if suffix != ".stl":
        moved_uv = Mesh(mesh.vertices, mesh.faces, mesh.uv * np.float32(0.5), mesh.base_colour)
        assert "texture lies elsewhere" in verify_written(moved_uv, path)[0]
        other = mesh.base_colour.pixels.copy()
        other[3, 5, 1] ^= 128
        recoloured = Mesh(mesh.vertices, mesh.faces, mesh.uv, Picture(other))
        findings = verify_written(recoloured, path)
        assert findings == ("its vertices have other colours" if suffix == ".ply" else "its texture has other pixels",)


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_a_damaged_file_is_a_finding_not_a_crash(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_mesh(textured(box()), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert verify_written(textured(box()), path)


def test_a_lost_texture_is_a_finding(tmp_path: Path) -> None:
    write_mesh(textured(box()), tmp_path / "a.obj")
    (tmp_path / "a_texture.png").unlink()
    assert verify_written(textured(box()), tmp_path / "a.obj") == ("its texture is missing",)


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
