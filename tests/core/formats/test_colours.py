"""Colours of vertices and faces become a texture that shows exactly them."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh

from img2model_desktop.core.formats.colours import from_linear, painted
from img2model_desktop.core.formats.ply import sample
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import read, read_mesh
from tests.shapes import box, mesh_of, sphere, torus


def gradient(mesh: Mesh) -> np.ndarray:
    """`(n, 4) uint8`: red along x, green along y, blue along z."""
    share = (mesh.vertices - mesh.bounds[0]) / np.ptp(mesh.bounds, axis=0)
    return np.column_stack([np.rint(share * 255), np.full(len(share), 255)]).astype(np.uint8)


def shown(mesh: Mesh) -> np.ndarray:
    """`(m, 3, 3)`: what a viewer shows at the corners."""
    assert mesh.base_colour is not None
    return sample(mesh.base_colour, mesh.uv)[mesh.faces]


@pytest.mark.parametrize("mesh", [sphere(), torus(), box()], ids=["ball", "ring", "box"])
def test_the_blend_over_each_face_is_linear(mesh: Mesh) -> None:
    colours = gradient(mesh)[mesh.faces]
    found = painted(mesh, colours).validate()
    assert np.array_equal(found.vertices[found.faces], mesh.vertices[mesh.faces])
    assert np.array_equal(shown(found), colours[..., :3])
    weights = np.random.default_rng(0).dirichlet([1, 1, 1], len(mesh.faces))
    uv = np.einsum("mc,mcd->md", weights, found.uv[found.faces]).astype(np.float32)
    wanted = np.einsum("mc,mcd->md", weights, colours[..., :3].astype(np.float64))
    wrong = np.abs(sample(found.base_colour, uv) - wanted)
    assert wrong.max() <= 8.5  # where two faces share a block
    assert wrong.mean() <= 0.5  # of rounding


def test_random_colours_stay_exact_at_corners_and_close_within() -> None:
    mesh = sphere()
    colours = np.random.default_rng(1).integers(0, 256, (len(mesh.vertices), 4), dtype=np.uint8)[mesh.faces]
    found = painted(mesh, colours)
    assert np.array_equal(shown(found), colours[..., :3])
    middle = found.uv[found.faces].mean(axis=1)
    # the fourth corner of a block is cut off at 0 and 255, which reaches the middle with a ninth of it
    assert np.abs(sample(found.base_colour, middle) - colours[..., :3].mean(axis=1)).max() <= 255 / 9 + 1


def test_few_colours_take_one_texel_each_and_split_only_where_they_meet() -> None:
    mesh = sphere()
    north = mesh.vertices[mesh.faces][..., 1].mean(axis=1) > 0
    colours = np.where(north[:, None, None], np.uint8([200, 10, 0, 255]), np.uint8([0, 20, 100, 255]))
    found = painted(mesh, np.broadcast_to(colours, (len(mesh.faces), 3, 4)))
    assert found.base_colour.pixels.size <= 4 * 4
    assert len(found.vertices) == len(mesh.vertices) + 48  # the equator
    assert np.array_equal(shown(found)[:, 0], colours[:, 0, :3])
    assert measure(found).watertight


def test_neighbours_share_a_block() -> None:
    mesh = torus(rows=60, columns=40)
    found = painted(mesh, gradient(mesh)[mesh.faces])
    assert len(found.vertices) <= 2.2 * len(mesh.faces)  # 2 with every face in a pair, 3 with none
    assert found.base_colour.width * found.base_colour.height <= 2.5 * len(mesh.faces)


def test_a_single_face_and_a_single_colour() -> None:
    one = mesh_of([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    for colours in ([[1, 2, 3, 255]] * 3, [[255, 0, 0, 255], [0, 255, 0, 9], [0, 0, 255, 0]]):
        found = painted(one, np.uint8([colours]))
        assert shown(found).tolist() == [[colour[:3] for colour in colours]]


def test_linear_light_becomes_srgb() -> None:
    values = np.array([[0.0, 0.0031308, 0.2140411], [1.0, 0.5, 2.0]])
    assert from_linear(values).tolist() == [[0, 10, 127, 255], [255, 188, 255, 255]]


# -- in files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.ply", "a.obj", "a.glb"])
def test_vertex_colours_of_another_program_are_seen(tmp_path: Path, name: str) -> None:
    mesh = torus()
    colours = gradient(mesh)
    other = trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=colours, process=False)
    other.export(tmp_path / name)
    found, notes = read(tmp_path / name)
    assert notes == ()
    wanted = from_linear(colours / 255.0)[..., :3] if name == "a.glb" else colours[:, :3]  # glTF's are linear
    assert np.abs(shown(found).astype(int) - wanted[mesh.faces]).max() <= 1


PLY = (
    "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n{vertex}"
    "element face 1\nproperty list uchar int vertex_indices\n{face}end_header\n"
)


def test_ply_colours_of_faces_and_as_shares(tmp_path: Path) -> None:
    corners = ("0 0 0", "1 0 0", "1 1 0", "0 1 0")
    colour = "property uchar red\nproperty uchar green\nproperty uchar blue\n"
    text = PLY.format(vertex="", face=colour) + "\n".join(corners) + "\n4 0 1 2 3 10 20 30\n"
    (tmp_path / "a.ply").write_text(text)
    assert shown(read_mesh(tmp_path / "a.ply")).tolist() == [[[10, 20, 30]] * 3] * 2
    text = PLY.format(vertex=colour.replace("uchar", "float"), face="") + "".join(f"{c} 0.2 1 0\n" for c in corners)
    (tmp_path / "b.ply").write_text(text + "4 0 1 2 3\n")
    assert shown(read_mesh(tmp_path / "b.ply")).tolist() == [[[51, 255, 0]] * 3] * 2


def test_ply_with_the_texture_that_its_comment_names(tmp_path: Path) -> None:
    from img2model_desktop.core.picture_files import encode_png
    from tests.shapes import pixels

    text = PLY.format(vertex="property float s\nproperty float t\n", face="")
    text = text.replace("element vertex", "comment TextureFile a b.png\nelement vertex")
    text += "0 0 0 0 0\n1 0 0 1 0\n1 1 0 1 1\n0 1 0 0 1\n4 0 1 2 3\n"
    (tmp_path / "a.ply").write_text(text)
    mesh, notes = read(tmp_path / "a.ply")
    assert (mesh.base_colour, len(notes)) == (None, 1)
    (tmp_path / "a b.png").write_bytes(encode_png(pixels()))
    mesh, notes = read(tmp_path / "a.ply")
    assert notes == ()
    assert np.array_equal(mesh.base_colour.pixels, pixels().pixels)
    assert mesh.uv.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]


def test_obj_colours_of_materials(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl red\nKd 1 0 0\nnewmtl grey\nKd 0.2 0.2 0.2\nKs 1 1 1\n")
    text = "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nusemtl red\nf 1 2 3 4\nusemtl grey\nf 3 2 1\n"
    (tmp_path / "a.obj").write_text(text)
    assert shown(read_mesh(tmp_path / "a.obj"))[:, 0].tolist() == [[255, 0, 0], [255, 0, 0], [51, 51, 51]]


def test_gltf_colours_of_materials(tmp_path: Path) -> None:
    from img2model_desktop.core.mesh_files import encode

    document = json.loads(encode(box(), tmp_path / "a.gltf")["a.gltf"])
    primitive = document["meshes"][0]["primitives"][0]
    document["materials"] = [
        {"pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 1]}},
        {"pbrMetallicRoughness": {"baseColorFactor": [0, 0.5, 0, 0.5]}},
    ]
    document["meshes"][0]["primitives"] = [primitive | {"material": 0}, primitive | {"material": 1}]
    for name, content in encode(box(), tmp_path / "a.gltf").items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "a.gltf").write_text(json.dumps(document))
    found = shown(read_mesh(tmp_path / "a.gltf"))
    assert found[[0, 12], 0].tolist() == [[255, 0, 0], [0, 188, 0]]
