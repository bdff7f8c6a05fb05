"""Reading and preparing training objects."""

import json
from pathlib import Path

import numpy as np
import pytest

from img2model_desktop.training.objects import corner_normals, data_hash, is_held_out, prepared, read_objects
from img2model_desktop.training.parts import superquadric
from tests.shapes import box, sphere

GREY = np.full(3, 0.5)
HELD_OUT = next(name for name in (f"ball {k}" for k in range(999)) if is_held_out(name))


def shards(folder: Path) -> Path:
    """Two objects, a box and a ball, in the format of the training data."""
    parts = [(box(1, 2, 4), (255, 0, 0)), (sphere(1.0, 8, 12), (0, 0, 255))]
    vertices, faces, colours, offsets, low, size = [], [], [], [(0, 0)], [], []
    for mesh, colour in parts:
        lowest, highest = mesh.vertices.min(0), mesh.vertices.max(0)
        low.append(lowest)
        size.append(highest - lowest)
        vertices.append(np.round((mesh.vertices - lowest) / (highest - lowest) * 65535).astype(np.uint16))
        faces.append(mesh.faces.astype(np.uint16))
        colours.append(np.broadcast_to(np.array(colour, np.uint8), mesh.vertices.shape))
        offsets.append((offsets[-1][0] + len(mesh.vertices), offsets[-1][1] + len(mesh.faces)))
    np.savez(
        folder / "objects_000.npz",
        vertices=np.concatenate(vertices),
        faces=np.concatenate(faces),
        colours=np.concatenate(colours),
        vertex_offset=np.array(offsets)[:, 0],
        face_offset=np.array(offsets)[:, 1],
        low=np.array(low, np.float32),
        size=np.array(size, np.float32),
    )
    entries = [
        {"id": name, "shard": "objects_000.npz", "index": k, "category": "test", "author": "A", "licence": "CC0-1.0"}
        for k, name in enumerate(("box", HELD_OUT))
    ]
    entries[1] |= {"credit": "Ball by B, CC BY 4.0", "licence": "CC-BY-4.0"}
    (folder / "manifest.json").write_text(json.dumps({"objects": entries}))
    return folder


def test_shards_are_read_back(tmp_path: Path) -> None:
    (first,), (second,) = (read_objects(shards(tmp_path), held_out) for held_out in (False, True))
    assert (first.name, second.name) == ("box", HELD_OUT)
    assert np.allclose(np.ptp(first.vertices, axis=0), [0.25, 0.5, 1.0], atol=1e-4)
    assert np.unique(first.colours, axis=0).tolist() == [[255, 0, 0]]
    assert len(second.faces) == len(sphere(1.0, 8, 12).faces)
    assert first.weight == pytest.approx(2**-0.5)
    assert len(data_hash(tmp_path)) == 64


def test_a_box_keeps_its_edges_and_a_ball_is_smooth() -> None:
    mesh = box(1, 1, 1)
    normals = corner_normals(mesh.vertices.astype(np.float64), mesh.faces.astype(np.int64))
    assert set(np.abs(normals).max(-1).round(6).ravel()) == {1.0}
    ball = superquadric(np.full(3, 2.0), 1, 1, GREY, steps=48)
    solid = prepared("ball", ball.vertices, ball.faces, np.zeros(ball.vertices.shape, np.uint8))
    radial = solid.vertices[solid.faces] / np.linalg.norm(solid.vertices[solid.faces], axis=-1, keepdims=True)
    assert np.quantile(np.abs((radial * solid.normals).sum(-1)), 0.01) > 0.98


def test_a_face_wound_the_wrong_way_round_does_not_spoil_its_neighbours() -> None:
    ball = sphere(1.0, 16, 24)
    faces = ball.faces.astype(np.int64).copy()
    faces[::5] = faces[::5, ::-1]
    normals = corner_normals(ball.vertices.astype(np.float64), faces)
    radial = ball.vertices[faces]
    assert np.abs((radial * normals).sum(-1)).min() > 0.95


def test_faces_without_area_go() -> None:
    mesh = box(1, 1, 1)
    faces = np.concatenate([mesh.faces, [[0, 0, 1], [0, 1, 1]]])
    assert len(prepared("box", mesh.vertices, faces, np.zeros((8, 3), np.uint8)).faces) == 12


def test_the_split_depends_on_the_name_alone() -> None:
    names = [f"object {k}" for k in range(2000)]
    share = np.mean([is_held_out(name) for name in names])
    assert 0.04 < share < 0.08
    assert [is_held_out(name) for name in names] == [is_held_out(name) for name in names]
