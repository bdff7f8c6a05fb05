"""glTF: GLB and .gltf with files beside it, against our reader, trimesh and the Khronos validator."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from img2model_desktop import __version__
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import read, read_mesh, read_recipe, write_mesh
from img2model_desktop.core.picture import Picture
from tests.shapes import box, mesh_of, pixels, sphere, textured, together, torus, turned


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
        "const v = require(process.argv[1] + '/gltf-validator'), fs = require('fs'), p = require('path');"
        "const beside = name => Promise.resolve(new Uint8Array("
        "fs.readFileSync(p.join(p.dirname(process.argv[2]), decodeURIComponent(name)))));"
        "v.validateBytes(new Uint8Array(fs.readFileSync(process.argv[2])),"
        " {maxIssues: 0, externalResourceFunction: beside})"
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
    write_mesh(mesh, tmp_path / "Vase “ö” 日本.gltf", {"seed": 1})
    for name in ("a.glb", "Vase “ö” 日本.gltf"):
        issues = validate(tmp_path / name)
        assert issues["messages"] == [], name
        assert [issues[f"num{kind}"] for kind in ("Errors", "Warnings", "Infos", "Hints")] == [0, 0, 0, 0]


def test_the_validator_reads_the_files_beside_a_document(
    validate: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    write_mesh(textured(box()), tmp_path / "a.gltf")
    (tmp_path / "a.bin").write_bytes((tmp_path / "a.bin").read_bytes()[:-8])
    assert validate(tmp_path / "a.gltf")["numErrors"] > 0


def test_the_validator_only_notes_that_a_texture_is_no_power_of_two(
    validate: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    write_mesh(textured(box(), pixels(300, 77)), tmp_path / "a.glb")
    issues = validate(tmp_path / "a.glb")
    assert [message["code"] for message in issues["messages"]] == ["IMAGE_NPOT_DIMENSIONS"]
    assert issues["numInfos"] == 1
