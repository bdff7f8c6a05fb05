"""Files of other programs, odd files, broken files: a valid mesh or one clear sentence."""

import base64
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import (
    MESH_SUFFIXES,
    READ_SUFFIXES,
    ReadLimits,
    ReadMesh,
    encode,
    read,
    read_mesh,
)
from img2model_desktop.errors import Img2ModelError, InputProblem
from tests.shapes import box, pixels, textured

LIMITS = ReadLimits(file_bytes=1_000_000, vertices=100_000, picture_pixels=100_000)


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def places(result: ReadMesh) -> list[list[list[float]]]:
    """Corners of each face as lists."""
    return (result.mesh.vertices[result.mesh.faces] + 0.0).tolist()


# -- glTF ------------------------------------------------------------------------------------------


def gltf(**changes: Any) -> dict[str, Any]:
    """A document with one square of four vertices, 0..1 in x and y, and its indices as two triangles."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], "<f4").tobytes()
    data = corners + np.array([0, 1, 2, 0, 2, 3], "<u2").tobytes()
    document: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": len(data), "uri": "data:;base64," + base64.b64encode(data).decode()}],
        "bufferViews": [
            {"buffer": 0, "byteLength": 48},
            {"buffer": 0, "byteOffset": 48, "byteLength": 12},
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "nodes": [{"mesh": 0}],
        "scenes": [{"nodes": [0]}],
    }
    return document | changes


def read_gltf(folder: Path, document: dict[str, Any]) -> ReadMesh:
    return read(written(folder, "a.gltf", json.dumps(document)), LIMITS)


SQUARE = [[[0, 0, 0], [1, 0, 0], [1, 1, 0]], [[0, 0, 0], [1, 1, 0], [0, 1, 0]]]


def test_gltf_with_its_data_inside(tmp_path: Path) -> None:
    assert places(read_gltf(tmp_path, gltf())) == SQUARE


@pytest.mark.parametrize(
    ("mode", "faces"),
    [
        (6, [[[1, 0, 0], [1, 1, 0], [0, 0, 0]], [[1, 1, 0], [0, 1, 0], [0, 0, 0]]]),
        (5, [[[0, 0, 0], [1, 0, 0], [1, 1, 0]], [[1, 1, 0], [1, 0, 0], [0, 1, 0]]]),
    ],
    ids=["fan", "strip"],
)
def test_gltf_fans_and_strips(tmp_path: Path, mode: int, faces: list[Any]) -> None:
    document = gltf(meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "mode": mode}]}])
    assert places(read_gltf(tmp_path, document)) == faces


def test_gltf_places_each_object_and_keeps_mirrored_ones_facing_out(tmp_path: Path) -> None:
    half = np.sqrt(0.5)
    document = gltf(
        nodes=[
            {"children": [1, 2], "translation": [10, 0, 0]},
            {"mesh": 0, "rotation": [0, 0, half, half], "scale": [2, 1, 1]},  # a quarter turn around z
            {"mesh": 0, "matrix": [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 5, 1]},
        ]
    )
    found = np.array(places(read_gltf(tmp_path, document)))
    assert found[0] == pytest.approx(np.array([[10, 0, 0], [10, 2, 0], [9, 2, 0]]), abs=1e-6)
    assert found[2].tolist() == [[9, 1, 5], [9, 0, 5], [10, 0, 5]]
    normals = np.cross(found[:, 1] - found[:, 0], found[:, 2] - found[:, 0])
    assert (normals[:, 2] > 0).all()


def test_gltf_shows_the_scene_that_it_names_and_without_scenes_every_root(tmp_path: Path) -> None:
    nodes = [{"mesh": 0}, {"mesh": 0, "translation": [0, 0, 3]}]
    chosen = read_gltf(tmp_path, gltf(nodes=nodes, scenes=[{"nodes": [0]}, {"nodes": [1]}], scene=1))
    assert chosen.mesh.bounds[:, 2].tolist() == [3, 3]
    document = gltf(nodes=nodes)
    del document["scenes"]
    assert len(read_gltf(tmp_path, document).mesh.faces) == 4


def test_gltf_sparse_values_replace_others(tmp_path: Path) -> None:
    document = gltf()
    extra = np.array([2, 0], "<u2").tobytes() + np.array([[5, 6, 7]], "<f4").tobytes()
    document["buffers"].append({"byteLength": 16, "uri": "data:;base64," + base64.b64encode(extra).decode()})
    document["bufferViews"] += [
        {"buffer": 1, "byteLength": 2},
        {"buffer": 1, "byteOffset": 4, "byteLength": 12},
    ]
    document["accessors"][0]["sparse"] = {
        "count": 1,
        "indices": {"bufferView": 2, "componentType": 5123},
        "values": {"bufferView": 3},
    }
    assert places(read_gltf(tmp_path, document))[0] == [[0, 0, 0], [1, 0, 0], [5, 6, 7]]


def test_gltf_interleaved_and_scaled_whole_numbers(tmp_path: Path) -> None:
    rows = np.zeros(4, dtype=[("place", "<i2", 3), ("gap", "<i2"), ("uv", "u1", 2), ("rest", "<i2")])
    rows["place"] = [[0, 0, 0], [32767, 0, 0], [32767, 32767, 0], [0, -32768, 0]]
    rows["uv"] = [[0, 255], [255, 255], [255, 0], [0, 0]]
    data = rows.tobytes()
    document = gltf(
        buffers=[{"byteLength": len(data), "uri": "data:;base64," + base64.b64encode(data).decode()}],
        bufferViews=[{"buffer": 0, "byteLength": len(data), "byteStride": 12}],
        accessors=[
            {"bufferView": 0, "componentType": 5122, "count": 4, "type": "VEC3", "normalized": True},
            {"bufferView": 0, "byteOffset": 8, "componentType": 5121, "count": 4, "type": "VEC2", "normalized": True},
        ],
        meshes=[{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "mode": 6}]}],
        extensionsRequired=["KHR_mesh_quantization"],
    )
    mesh = read_gltf(tmp_path, document).mesh
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, -1, 0]]
    assert mesh.uv.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]


def test_gltf_files_beside_it_are_read_and_none_outside(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    data = base64.b64decode(gltf()["buffers"][0]["uri"].partition(",")[2])
    for name in ("in/größe 1.bin", "secret.bin"):
        (tmp_path / name).write_bytes(data)
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")

    def naming(uri: str) -> dict[str, Any]:
        return gltf(buffers=[{"byteLength": 60, "uri": uri}])

    assert places(read_gltf(folder, naming("gr%C3%B6%C3%9Fe%201.bin"))) == SQUARE
    for uri in ("../secret.bin", "%2E%2E/secret.bin", str(tmp_path / "secret.bin"), "link.bin", "http://a.b/c.bin"):
        with pytest.raises(InputProblem, match="outside its folder"):
            read_gltf(folder, naming(uri))
    for uri in ("none.bin", "x" * 5000, "a\0b"):
        with pytest.raises(InputProblem, match="not beside it"):
            read_gltf(folder, naming(uri))
    with pytest.raises(InputProblem, match="is not beside it"):
        read_gltf(folder, naming("."))


def test_files_beside_it_count_against_the_limit_together(tmp_path: Path) -> None:
    written(tmp_path, "b.bin", bytes(600_000))
    document = gltf()
    document["buffers"] += [{"byteLength": 600_000, "uri": "b.bin"}] * 2
    for k in (1, 2):
        document["bufferViews"].append({"buffer": k, "byteLength": 600_000})
        document["accessors"].append({"bufferView": 1 + k, "componentType": 5126, "count": 3, "type": "VEC3"})
        document["meshes"][0]["primitives"].append({"attributes": {"POSITION": 1 + k}})
    with pytest.raises(InputProblem, match=r"more than the 0 MB"):
        read_gltf(tmp_path, document)


def _texture_document(count: int, materials: int) -> dict[str, Any]:
    """The square as often as there are materials, each with a texture of its own."""
    glb = next(iter(encode(textured(box()), Path("a.glb")).values()))
    size = int.from_bytes(glb[12:16], "little")
    document: dict[str, Any] = json.loads(glb[20 : 20 + size])
    document["buffers"][0]["uri"] = "data:;base64," + base64.b64encode(glb[28 + size :]).decode()
    primitive = document["meshes"][0]["primitives"][0]
    document["textures"] = [{"source": 0}, {"source": 0, "sampler": 0}]
    document["materials"] = [
        {"pbrMetallicRoughness": {"baseColorTexture": {"index": k % count}}} for k in range(materials)
    ]
    document["meshes"][0]["primitives"] = [primitive | {"material": k} for k in range(materials)]
    return document


def test_gltf_keeps_the_texture_that_all_parts_share(tmp_path: Path) -> None:
    mesh, notes = read_gltf(tmp_path, _texture_document(1, 2))
    assert (len(mesh.faces), notes) == (24, ())
    assert np.array_equal(mesh.base_colour.pixels, pixels().pixels)


def test_gltf_a_broken_texture_costs_the_texture_only(tmp_path: Path) -> None:
    document = _texture_document(1, 1)
    document["images"] = [{"uri": "gone.png"}]
    mesh, notes = read_gltf(tmp_path, document)
    assert (len(mesh.faces), mesh.base_colour, len(notes)) == (12, None, 1)
    document["images"] = [{"uri": "data:;base64,AAAA"}]
    assert read_gltf(tmp_path, document).notes == ("The texture was left out: it cannot be read.",)


def test_gltf_moves_uv_as_the_material_says(tmp_path: Path) -> None:
    document = _texture_document(1, 1)
    before = read_gltf(tmp_path, document).mesh.uv
    reference = document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    reference["extensions"] = {"KHR_texture_transform": {"offset": [0.25, 0.5], "scale": [0.5, 2]}}
    after = read_gltf(tmp_path, document).mesh.uv
    assert after[:, 0] == pytest.approx(before[:, 0] * 0.5 + 0.25, abs=1e-6)
    assert 1 - after[:, 1] == pytest.approx((1 - before[:, 1]) * 2 + 0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"asset": {"version": "1.0"}}, "version 1.0"),
        ({"extensionsRequired": ["KHR_draco_mesh_compression"]}, "KHR_draco_mesh_compression"),
        ({"nodes": [{"mesh": 0, "children": [0]}]}, "contains itself"),
        ({"nodes": [{"mesh": 0, "matrix": [1e300] * 16}]}, "broken"),
        ({"nodes": [{"mesh": -1}]}, "broken"),
        ({"nodes": []}, "broken"),
        ({"scenes": [{}]}, "no triangle"),
        ({"meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "mode": 1}]}]}, "no triangle"),
        ({"accessors": [{"componentType": 5126, "count": 10**15, "type": "VEC3"}]}, "more than"),
        ({"accessors": [{"componentType": 5126, "count": 90_000, "type": "VEC3"}] * 2}, "broken|more than"),
        ({"bufferViews": [{"buffer": 0, "byteLength": 10**12}] * 2}, "broken"),
        ({"bufferViews": [{"buffer": 0, "byteLength": 48, "byteStride": 1}] * 2}, "broken"),
        ({"buffers": [{"byteLength": 60, "uri": "data:;base64,?"}]}, "broken"),
        ({"buffers": [{"byteLength": 60}]}, "broken"),
    ],
)
def test_gltf_is_refused_with_a_reason(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputProblem, match=sentence):
        read_gltf(tmp_path, gltf(**change))


def test_gltf_one_object_shown_very_often_is_refused(tmp_path: Path) -> None:
    document = gltf(nodes=[{"mesh": 0}] * 101, scenes=[{"nodes": list(range(101))}])
    path = written(tmp_path, "a.gltf", json.dumps(document))
    assert len(read_mesh(path, ReadLimits(vertices=404)).vertices) == 404
    with pytest.raises(InputProblem, match="404 vertices, more than the 403"):
        read_mesh(path, ReadLimits(vertices=403))


def test_gltf_deeply_nested_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputProblem, match="broken"):
        read(written(tmp_path, "a.gltf", "[" * 100_000), LIMITS)


_ODD: st.SearchStrategy[object] = st.sampled_from(
    [None, -1, 0, 1, 7, 2**31, 2**63, 1e300, float("inf"), "", "x", True, [], [[]], {}, [0], {"a": 1}]
)


@settings(max_examples=150)
@given(st.data())
def test_gltf_with_any_value_exchanged_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    document = copy.deepcopy(_texture_document(1, 1))
    for _ in range(data.draw(st.integers(1, 3))):
        where: Any = document
        while True:
            keys = list(where) if isinstance(where, dict) else list(range(len(where)))
            key = data.draw(st.sampled_from(keys))
            inner = where[key]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
                where[key] = copy.deepcopy(data.draw(_ODD))
                break
            where = inner
    folder = tmp_path_factory.getbasetemp()
    _valid_or_refused(written(folder, "mutated.gltf", json.dumps(document)))


# -- text formats ------------------------------------------------------------------------------------


def test_obj_of_other_programs(tmp_path: Path) -> None:
    text = (
        "# comment\r\nmtllib \\\r\n none.mtl\r\nv 0 0 0 1 0 0\r\n\tv  1000 0 0\r\nv 1000 1000 0\nv 0 1000 0\n"
        "vn 0 0 1\nvt 0 0\nvt 1 0\nvt 1 1 0\nvt 0 1\nusemtl a\ng some\ns off\nl 1 2\nf 1/1/1 2/2/1 \\\n3/3/1 -1/-1/1\n"
    )
    result = read(written(tmp_path, "a.obj", text))
    assert places(result) == SQUARE
    assert result.mesh.uv.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]


def test_obj_in_utf16(tmp_path: Path) -> None:
    text = "v 0 0 0\nv 1000 0 0\nv 1000 1000 0\nf 1 2 3\n"
    assert places(read(written(tmp_path, "a.obj", text.encode("utf-16")))) == SQUARE[:1]


def test_obj_texture_with_options_in_a_folder_below(tmp_path: Path) -> None:
    written(tmp_path, "a.mtl", "newmtl a\nmap_Kd a.png\nnewmtl b\nmap_Kd -s 1 1 1 sub\\b.png\n")
    (tmp_path / "sub").mkdir()
    written(tmp_path, "sub/b.png", encode(textured(box()), tmp_path / "x.obj")["x_texture.png"])
    corners = "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nvt 0 0\nvt 1 0\nvt 1 1\n"
    mesh = read_mesh(written(tmp_path, "a.obj", corners + "usemtl b\nf 1/1 2/2 3/3\n"))
    assert np.array_equal(mesh.base_colour.pixels, pixels().pixels)


def test_obj_texture_outside_its_folder_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    written(tmp_path, "in/a.mtl", "newmtl a\nmap_Kd ../a.png\n")
    text = "mtllib a.mtl\nusemtl a\nv 0 0 0\nv 1 0 0\nv 1 1 0\nvt 0 0\nf 1/1 2/1 3/1\n"
    mesh, notes = read(written(tmp_path, "in/a.obj", text))
    assert mesh.base_colour is None
    assert "outside its folder" in notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "v 0 0\nf 1 1 1",
        "v 0 0 x\nf 1 1 1",
        "v 0 0 0\nf 1 2 3",
        "v 0 0 0\nf 0 1 1",
        "v 0 0 0\nf -2 1 1",
        "v 0 0 0\nf a b c",
        "v 0 0 nan\nf 1 1 1",
        "v 0 0 1e99\nf 1 1 1",
        "v 0 0 0\nf 1 1",
    ],
)
def test_obj_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputProblem):
        read(written(tmp_path, "a.obj", text))


def test_stl_as_text(tmp_path: Path) -> None:
    facet = "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nVERTEX 1e3 0 0\nvertex 1000 1000 0\nendloop\nendfacet\n"
    assert places(read(written(tmp_path, "a.stl", f"solid größe\n{facet}endsolid\n"))) == SQUARE[:1]
    with pytest.raises(InputProblem, match="broken"):
        read(written(tmp_path, "a.stl", f"solid a\n{facet}{facet[:60]}"))


def test_stl_in_bytes_that_begins_like_text(tmp_path: Path) -> None:
    content = bytearray(encode(box(), Path("a.stl"))["a.stl"])
    content[:5] = b"solid"
    assert measure(read_mesh(written(tmp_path, "a.stl", bytes(content)))).volume_m3 == 8
    with pytest.raises(InputProblem):
        read(written(tmp_path, "a.stl", bytes(content[:-50])))


def test_off_of_other_programs(tmp_path: Path) -> None:
    text = "COFF # colours\n\n4 1 0\n0 0 0 255 0 0 255\n1000 0 0\n1000 1000 0\n0 1000 0 # last\n4 0 1 2 3 0.5 0.5 0.5\n"
    assert places(read(written(tmp_path, "a.off", text))) == SQUARE
    for bad in ("OFF 3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1", "OFF -1 0 0", "OFF BINARY 1", "OFF", "3 1 0"):
        with pytest.raises(InputProblem):
            read(written(tmp_path, "a.off", bad))


PLY_HEAD = "element vertex 4\nproperty float x\nproperty float y\nproperty double z\n"


def test_ply_as_text_with_polygons_of_several_sizes(tmp_path: Path) -> None:
    text = (
        f"ply\nformat ascii 1.0\ncomment x\nelement junk 2\nproperty list uchar int a\n{PLY_HEAD}"
        "element face 3\nproperty uchar red\nproperty list uchar int vertex_index\nend_header\n"
        "2 5 6\n0\n0 0 0\n1000 0 0\n1000 1000 0\n0 1000 0\n9 4 0 1 2 3\n9 3 0 1 2\n9 2 0 1\n"
    )
    assert places(read(written(tmp_path, "a.ply", text))) == [*SQUARE, SQUARE[0]]


@pytest.mark.parametrize("order", ["<", ">"])
def test_ply_in_bytes_of_either_order(tmp_path: Path, order: str) -> None:
    vertices = np.zeros(4, dtype=[("x", order + "f4"), ("y", order + "f4"), ("z", order + "f8")])
    vertices["x"], vertices["y"] = [0, 1000, 1000, 0], [0, 0, 1000, 1000]
    faces = b"".join(
        np.array(n, "u1").tobytes() + np.array(corners, order + "u2").tobytes()
        for n, corners in ((4, [0, 1, 2, 3]), (3, [0, 1, 2]))
    )
    name = "little" if order == "<" else "big"
    head = (
        f"ply\nformat binary_{name}_endian 1.0\n{PLY_HEAD}element face 2\nproperty list uchar ushort vertex_indices\n"
    )
    content = f"{head}end_header\n".encode() + vertices.tobytes() + faces
    assert places(read(written(tmp_path, "a.ply", content))) == [*SQUARE, SQUARE[0]]
    with pytest.raises(InputProblem, match="broken"):
        read(written(tmp_path, "a.ply", content[:-1]))


def test_a_header_that_announces_more_than_the_file_holds_costs_nothing(tmp_path: Path) -> None:
    huge = "ply\nformat ascii 1.0\nelement vertex 99999999\nproperty float x\nelement face 1\nend_header\n1\n"
    with pytest.raises(InputProblem):
        read(written(tmp_path, "a.ply", huge))
    with pytest.raises(InputProblem, match="broken"):
        read(written(tmp_path, "a.stl", b"\0" * 80 + b"\xff\xff\xff\x7f" + b"\0" * 500))


# -- anything ----------------------------------------------------------------------------------------


def _valid_or_refused(path: Path) -> None:
    """Reading ends in a valid mesh or in one of our errors, with a sentence and what to do."""
    try:
        measure(read_mesh(path, LIMITS).validate())
    except Img2ModelError as problem:
        if not (problem.message.endswith(".") and problem.advice.endswith(".")):
            pytest.fail(f"not a sentence: {problem}")


def _examples() -> dict[str, bytes]:
    mesh = textured(box())
    whole = {suffix: encode(mesh, Path(f"a{suffix}"))[f"a{suffix}"] for suffix in MESH_SUFFIXES}
    text_ply = (
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
    )
    text_stl = (
        "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\nendsolid"
    )
    whole["text.ply"], whole["text.stl"] = text_ply.encode(), text_stl.encode()
    whole[".off"] = b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
    return whole


@pytest.mark.parametrize("kind", _examples())
@settings(max_examples=60)
@given(data=st.data())
def test_any_change_of_bytes_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    content = bytearray(_examples()[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1) | st.integers(0, min(len(content) - 1, 200)))
        match data.draw(st.sampled_from(["change", "cut", "insert", "end"])):
            case "change":
                content[at] = data.draw(st.integers(0, 255))
            case "cut":
                del content[at : at + data.draw(st.integers(1, 8))]
            case "insert":
                content[at:at] = data.draw(st.binary(min_size=1, max_size=8))
            case "end":
                del content[at:]
        if not content:
            break
    name = kind if not kind.startswith(".") else f"a{kind}"
    _valid_or_refused(written(tmp_path_factory.getbasetemp(), name, bytes(content)))


@pytest.mark.parametrize("suffix", READ_SUFFIXES)
@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"\n \n", b"\x89PNG\r\n\x1a\n" + b"x" * 200, b"{}", b"[]", b"PK\3\4"]
)
def test_what_is_no_mesh_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    with pytest.raises(InputProblem):
        read(written(tmp_path, f"a{suffix}", content))


def test_places_that_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.glb").mkdir()
    cases: dict[Path, str] = {
        tmp_path / "folder.glb": "is not a file",
        tmp_path / "none.glb": "is not there",
        tmp_path / ("x" * 300 + ".glb"): "cannot be read",
        tmp_path / "a\0b.glb": "is not there|cannot be read",
        tmp_path / "a.fbx": "not a mesh file that this program knows",
    }
    for path, sentence in cases.items():
        with pytest.raises(InputProblem, match=sentence):
            read(path)


def test_every_file_made_to_break_readers(shared_eval: Path) -> None:
    files = json.loads((shared_eval / "badinput" / "manifest.json").read_text())["files"]
    verdicts: dict[str, Callable[[str], bool]] = {
        "ok": lambda got: got == "read",
        "refuse": lambda got: got == "refused",
        "any": lambda got: True,
    }
    wrong = []
    for entry in files:
        if entry["kind"] == "image":
            continue
        try:
            read_mesh(shared_eval / "badinput" / entry["file"]).validate()
            got = "read"
        except InputProblem:
            got = "refused"
        if not verdicts[entry["expect"]](got):
            wrong.append((entry["file"], entry["expect"], got))
    assert wrong == []


def test_every_real_mesh(shared_eval: Path) -> None:
    paths = sorted((shared_eval / "objects").glob("*/mesh.ply"))
    assert len(paths) == 40
    for path in paths:
        mesh, other = read_mesh(path), trimesh.load(path, process=False)
        assert np.array_equal(mesh.faces, other.faces)
        assert np.array_equal(mesh.vertices, (other.vertices / 1000).astype(np.float32))
