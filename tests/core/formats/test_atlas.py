"""Parts with textures of their own get one texture of all of them, pixel for pixel."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from img2model_desktop.core.formats.atlas import flat_picture, together
from img2model_desktop.core.formats.ply import sample
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import encode, read
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import encode_png
from tests.shapes import box, pixels, textured, torus

ONE, OTHER = pixels(32, 16, 1), pixels(7, 50, 2)


def shown(mesh: Mesh, picture: Picture | None = None) -> Any:
    """`(m, 3, 3)`: what a viewer shows at the corners."""
    return sample(picture or mesh.base_colour, mesh.uv)[mesh.faces]


def test_each_part_shows_its_own_picture() -> None:
    mesh = textured(torus(rows=40, columns=30))
    parts = np.arange(len(mesh.faces)) % 3
    pictures = [ONE, OTHER, flat_picture(np.uint8([9, 8, 7, 255]))]
    found = together(mesh, parts, pictures)
    assert found is not None
    found.validate()
    assert np.array_equal(found.vertices[found.faces], mesh.vertices[mesh.faces])
    for part, picture in enumerate(pictures):
        wrong = np.abs(shown(found)[parts == part].astype(int) - shown(mesh, picture)[parts == part])
        assert wrong.max() <= 1  # of rounding
    for picture in pictures:  # every pixel is there, next to its old neighbours
        windows = np.lib.stride_tricks.sliding_window_view(
            found.base_colour.pixels, (picture.height, picture.width), axis=(0, 1)
        )
        rows, columns = np.nonzero((windows[..., 0, 0] == picture.pixels[0, 0]).all(axis=-1))
        assert any(
            np.array_equal(np.moveaxis(windows[row, column], 0, -1), picture.pixels)
            for row, column in zip(rows, columns, strict=True)
        )


def test_whole_steps_of_uv_show_the_same_and_repeats_are_refused() -> None:
    mesh = textured(box())
    steps = np.repeat(np.random.default_rng(0).integers(-3, 4, (12, 1, 2)), 3, axis=1).reshape(-1, 2)
    moved = Mesh(mesh.vertices, mesh.faces, mesh.uv + steps.astype(np.float32), mesh.base_colour)
    parts = np.arange(12) % 2
    here, there = together(mesh, parts, [ONE, OTHER]), together(moved, parts, [ONE, OTHER])
    assert np.abs(here.uv[here.faces] - there.uv[there.faces]).max() <= 1e-6
    twice = Mesh(mesh.vertices, mesh.faces, mesh.uv * np.float32(2), mesh.base_colour)
    assert together(twice, parts, [ONE, OTHER]) is None


def two_materials(folder: Path, second: dict[str, Any]) -> Path:
    """A .gltf file of two boxes, the first with the picture ONE, the second with this surface."""
    for name, content in encode(textured(box(), ONE), folder / "a.gltf").items():
        (folder / name).write_bytes(content)
    (folder / "b.png").write_bytes(encode_png(OTHER))
    document = json.loads((folder / "a.gltf").read_text())
    document["images"].append({"uri": "b.png"})
    document["textures"].append({"source": 1})
    primitive = document["meshes"][0]["primitives"][0]
    document["meshes"][0]["primitives"] = [primitive, primitive | {"material": 1}]
    document["materials"].append({"pbrMetallicRoughness": second})
    (folder / "a.gltf").write_text(json.dumps(document))
    return folder / "a.gltf"


def test_gltf_of_two_textures_shows_both(tmp_path: Path) -> None:
    mesh, notes = read(two_materials(tmp_path, {"baseColorTexture": {"index": 1}}))
    assert notes == ()
    plain = textured(box(), ONE)
    for part, picture in enumerate((ONE, OTHER)):
        wrong = np.abs(shown(mesh)[part * 12 : part * 12 + 12].astype(int) - shown(plain, picture))
        assert wrong.max() <= 1


def test_gltf_of_a_texture_and_a_colour_shows_both(tmp_path: Path) -> None:
    mesh, notes = read(two_materials(tmp_path, {"baseColorFactor": [1, 0, 0, 1]}))
    assert notes == ()
    assert (shown(mesh)[12:] == [255, 0, 0]).all()
    assert np.abs(shown(mesh)[:12].astype(int) - shown(textured(box(), ONE))).max() <= 1


def test_gltf_says_what_several_materials_lose(tmp_path: Path) -> None:
    surface = {"baseColorTexture": {"index": 1}, "metallicRoughnessTexture": {"index": 0}}
    mesh, notes = read(two_materials(tmp_path, surface))
    assert (mesh.metallic_roughness, len(notes)) == (None, 1)
    (tmp_path / "b.png").unlink()
    assert "b.png" in " ".join(read(tmp_path / "a.gltf").notes)


MTL = "newmtl a\nmap_Kd a.png\nnewmtl b\nmap_Kd b.png\nnewmtl c\nKd 0 0 1\n"
OBJ = "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nvt {0} {0}\nusemtl {1}\nf 1/1 2/1 3/1\nusemtl {2}\nf {3}\n"


@pytest.mark.parametrize(("second", "face"), [("b", "3/1 2/1 1/1"), ("c", "3/1 2/1 1/1"), ("c", "3 2 1")])
def test_obj_of_several_materials_shows_all(tmp_path: Path, second: str, face: str) -> None:
    (tmp_path / "a.mtl").write_text(MTL)
    (tmp_path / "a.png").write_bytes(encode_png(flat_picture(np.uint8([255, 0, 0, 255]))))
    (tmp_path / "b.png").write_bytes(encode_png(flat_picture(np.uint8([0, 255, 0, 255]))))
    (tmp_path / "a.obj").write_text(OBJ.format(0.5, "a", second, face))
    mesh, notes = read(tmp_path / "a.obj")
    assert notes == ()
    other = [0, 255, 0] if second == "b" else [0, 0, 255]
    assert shown(mesh).tolist() == [[[255, 0, 0]] * 3, [other] * 3]


def test_obj_that_repeats_its_pictures_loses_them_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text(MTL)
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(encode_png(ONE))
    text = OBJ.format(0.5, "a", "b", "3/1 2/1 1/2").replace("usemtl a", "vt 7 0\nusemtl a")
    (tmp_path / "a.obj").write_text(text)
    mesh, notes = read(tmp_path / "a.obj")
    assert mesh.base_colour is None
    assert notes == ("The parts have textures of their own; they were left out.",)


def test_gltf_that_repeats_its_pictures_loses_them_and_says_so(tmp_path: Path) -> None:
    path = two_materials(tmp_path, {"baseColorTexture": {"index": 1}})
    document = json.loads(path.read_text())
    surface = document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    surface["extensions"] = {"KHR_texture_transform": {"scale": [3, 3]}}
    path.write_text(json.dumps(document))
    mesh, notes = read(path)
    assert (len(mesh.faces), mesh.base_colour) == (24, None)
    assert notes == ("The parts have textures of their own; they were left out.",)
