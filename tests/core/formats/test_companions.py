"""Files beside a mesh file: their names, whose they are, and the recipe in them."""

import json
from pathlib import Path

import numpy as np
import pytest

from img2model_desktop.core.formats.companions import RECIPE_ENDING
from img2model_desktop.core.mesh_files import (
    MESH_SUFFIXES,
    encode,
    names_of,
    read,
    read_mesh,
    read_recipe,
    write_mesh,
)
from img2model_desktop.errors import InputProblem
from tests.shapes import box, pixels, sphere, textured

RECIPE = {
    "request": {"prompt": "Grüße “日本”"},
    "seed": 7,
    "nested": [1, 2.5, None, True],
    "odd": '\x00 " \\ </m> \ud800',
}
SIDE = (".obj", ".stl", ".ply")


@pytest.mark.parametrize("suffix", [*MESH_SUFFIXES, ".GLB", ".Obj", ".3MF"])
def test_every_format_keeps_the_recipe(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"Tasse ö{suffix}"
    write_mesh(textured(box()), path, RECIPE)
    assert read_recipe(path) == RECIPE
    assert read(path).notes == ()


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_without_a_recipe_there_is_none(tmp_path: Path, suffix: str) -> None:
    write_mesh(box(), tmp_path / f"a{suffix}")
    assert read_recipe(tmp_path / f"a{suffix}") == {}
    assert not list(tmp_path.glob(f"*{RECIPE_ENDING}"))


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_a_recipe_that_json_cannot_hold_is_a_bug_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_mesh(box(), tmp_path / f"a{suffix}", {"x": float("nan")})
    with pytest.raises(TypeError):
        write_mesh(box(), tmp_path / f"a{suffix}", {"x": tmp_path})
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SIDE)
def test_a_recipe_belongs_to_one_file_and_to_its_content(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cup{suffix}"
    for other in SIDE:
        write_mesh(box(), tmp_path / f"cup{other}", {"of": other})
    assert [read_recipe(tmp_path / f"cup{other}") for other in SIDE] == [{"of": other} for other in SIDE]
    write_mesh(sphere(), path)  # another mesh takes the name; the recipe beside it is of the old one
    assert read_recipe(path) == {}
    write_mesh(sphere(), path, {"new": 1})
    assert read_recipe(path) == {"new": 1}
    assert len(list(tmp_path.glob(f"*{RECIPE_ENDING}"))) == 3


def test_a_side_file_of_somebody_else_stays(tmp_path: Path) -> None:
    (tmp_path / "cup.stl.recipe.json").write_text('{"flour": "500 g"}')
    for number in (1, 2):
        write_mesh(box(), tmp_path / "cup.stl", {"number": number})
        assert read_recipe(tmp_path / "cup.stl") == {"number": number}
    assert (tmp_path / "cup.stl.recipe.json").read_text() == '{"flour": "500 g"}'
    assert sorted(item.name for item in tmp_path.iterdir()) == [
        "cup.stl",
        "cup.stl-2.recipe.json",
        "cup.stl.recipe.json",
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"generator": "Image2Model Desktop 9"}',
        b'{"generator": "Image2Model Desktop 9", "sha256": 5, "recipe": []}', b" " * 5_000_000,
    ],
)  # fmt: skip
def test_a_side_file_that_is_none_is_no_recipe(tmp_path: Path, content: bytes) -> None:
    write_mesh(box(), tmp_path / "cup.stl", {"a": 1})
    (tmp_path / "cup.stl.recipe.json").write_bytes(content)
    assert read_recipe(tmp_path / "cup.stl") == {}


def test_a_side_file_that_is_a_folder_or_a_loop_is_no_recipe(tmp_path: Path) -> None:
    write_mesh(box(), tmp_path / "cup.stl")
    (tmp_path / "cup.stl.recipe.json").mkdir()
    assert read_recipe(tmp_path / "cup.stl") == {}
    write_mesh(box(), tmp_path / "mug.stl")
    (tmp_path / "mug.stl.recipe.json").symlink_to(tmp_path / "mug.stl.recipe.json")
    assert read_recipe(tmp_path / "mug.stl") == {}


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_recipe_of_what_is_no_such_file(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputProblem, match="not there"):
        read_recipe(tmp_path / f"none{suffix}")
    (tmp_path / f"a{suffix}").write_bytes(b"\x89PNG" * 100)
    if suffix in SIDE:
        assert read_recipe(tmp_path / f"a{suffix}") == {}
    else:
        with pytest.raises(InputProblem):
            read_recipe(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_names_of_says_all_that_is_written(tmp_path: Path, suffix: str) -> None:
    plain = textured(box())
    mesh = type(plain)(plain.vertices, plain.faces, plain.uv, pixels(), pixels(seed=1), pixels(seed=2))
    path = tmp_path / f"a b{suffix}"
    named = names_of(path)
    assert list(encode(mesh, path, {"a": 1})) == list(named)
    write_mesh(mesh, path, {"a": 1})
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted(named)
    assert names_of(path) == named  # also when they are there


# -- .gltf -----------------------------------------------------------------------------------------------------------


def test_gltf_is_a_document_a_buffer_and_pictures(tmp_path: Path) -> None:
    mesh = textured(box())
    write_mesh(mesh, tmp_path / "cup.gltf")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["cup.bin", "cup.gltf", "cup_texture.png"]
    document = json.loads((tmp_path / "cup.gltf").read_text(encoding="utf-8"))
    assert document["buffers"] == [{"byteLength": (tmp_path / "cup.bin").stat().st_size, "uri": "cup.bin"}]
    assert document["images"] == [{"uri": "cup_texture.png", "name": "base colour"}]
    again = read_mesh(tmp_path / "cup.gltf")
    assert np.array_equal(again.vertices, mesh.vertices)
    assert np.array_equal(again.base_colour.pixels, mesh.base_colour.pixels)


def test_gltf_and_obj_of_one_name_do_not_take_each_others_texture(tmp_path: Path) -> None:
    one, other = textured(box(), pixels(seed=1)), textured(box(), pixels(seed=2))
    for _ in range(2):
        write_mesh(one, tmp_path / "cup.obj")
        write_mesh(other, tmp_path / "cup.gltf")
    assert np.array_equal(read_mesh(tmp_path / "cup.obj").base_colour.pixels, pixels(seed=1).pixels)
    assert np.array_equal(read_mesh(tmp_path / "cup.gltf").base_colour.pixels, pixels(seed=2).pixels)
    assert sorted(item.name for item in tmp_path.iterdir()) == [
        "cup-2.bin", "cup-2_texture.png", "cup.gltf", "cup.mtl", "cup.obj", "cup_texture.png",
    ]  # fmt: skip


def test_gltf_leaves_files_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "cup.bin").write_bytes(b"somebody's")
    (tmp_path / "cup.gltf").write_text('{"asset": {"version": "2.0"}, "buffers": [{"uri": "cup.bin"}]}')
    write_mesh(box(), tmp_path / "cup.gltf")
    assert (tmp_path / "cup.bin").read_bytes() == b"somebody's"
    assert read_mesh(tmp_path / "cup.gltf").faces.shape == (12, 3)


@pytest.mark.parametrize("stem", ["Vase “ö” 日本 語", "a%20b", "a#b?c", "-x", "a:b", "[1]", "{x}", "..", "a'b&c"])
def test_gltf_under_odd_names_is_found_by_every_reader(tmp_path: Path, stem: str) -> None:
    from img2model_desktop.core.formats.reopen import verify_written

    mesh = textured(box())
    write_mesh(mesh, tmp_path / f"{stem}.gltf")
    assert np.array_equal(read_mesh(tmp_path / f"{stem}.gltf").base_colour.pixels, mesh.base_colour.pixels)
    assert verify_written(mesh, tmp_path / f"{stem}.gltf") == ()
