"""OBJ, STL and PLY: units, axes, companions, colours."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from img2model_desktop.core.formats.frame import Frame
from img2model_desktop.core.formats.ply import sample
from img2model_desktop.core.formats.reopen import verify_written
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import read, read_mesh, write_mesh
from img2model_desktop.core.picture import Picture
from tests.shapes import box, mesh_of, pixels, textured, torus

SLICER_SUFFIXES = (".obj", ".stl", ".ply")


def triangles(mesh: Mesh) -> np.ndarray[Any, np.dtype[np.float32]]:
    return mesh.vertices[mesh.faces]


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
    assert np.array_equal(found.visual.uv, mesh.uv)
    again, notes = read(tmp_path / "a.ply")
    assert notes == ()
    assert np.abs(triangles(again) - triangles(mesh)).max() <= 2**-24
    colours = sample(again.base_colour, again.uv)[again.faces]
    assert np.array_equal(colours, sample(mesh.base_colour, mesh.uv)[mesh.faces])


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
