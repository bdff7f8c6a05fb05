"""The contract of Mesh: read-only, checked, the same after a trip between processes."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from img2model_desktop.core.mesh import Mesh
from tests.shapes import box, pixels, textured


def test_a_writable_array_is_copied_and_a_read_only_one_is_kept() -> None:
    vertices, faces = np.array(box().vertices), np.array(box().faces)
    mesh = Mesh(vertices, faces)
    vertices[0] = 7
    assert mesh.vertices[0].tolist() == [0, 0, 0]
    again = Mesh(mesh.vertices, mesh.faces)
    assert again.vertices is mesh.vertices
    assert again.faces is mesh.faces


def test_arrays_are_read_only_contiguous_and_of_one_type() -> None:
    mesh = Mesh(np.asfortranarray(box().vertices, dtype=np.float64), box().faces.astype(np.int64), np.zeros((8, 2)))
    assert (mesh.vertices.dtype, mesh.faces.dtype, mesh.uv.dtype) == (np.float32, np.int32, np.float32)
    for array in (mesh.vertices, mesh.faces, mesh.uv):
        assert array.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"vertices": np.zeros((8, 2), np.float32)}, "must be"),
        ({"faces": np.zeros((12, 4), np.int32)}, "must be"),
        ({"faces": np.zeros((0, 3), np.int32)}, "at least one face"),
        ({"vertices": np.full((8, 3), np.nan, np.float32)}, "not finite"),
        ({"vertices": np.full((8, 3), np.inf, np.float32)}, "not finite"),
        ({"faces": np.array([[0, 1, 8]], np.int32)}, "not there"),
        ({"faces": np.array([[0, 1, -1]], np.int32)}, "not there"),
        ({"uv": np.zeros((7, 2), np.float32)}, "one per vertex"),
        ({"uv": np.full((8, 2), np.nan, np.float32)}, "finite"),
        ({"base_colour": pixels()}, "needs uv"),
        ({"normal": pixels()}, "needs uv"),
    ],
)
def test_validate_refuses(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(box(), **change).validate()


def test_pickled_it_is_the_same_and_still_read_only() -> None:
    mesh = textured()
    again = pickle.loads(pickle.dumps(mesh))
    for name in ("vertices", "faces", "uv"):
        assert np.array_equal(getattr(again, name), getattr(mesh, name))
        assert not getattr(again, name).flags.writeable
    assert np.array_equal(again.base_colour.pixels, mesh.base_colour.pixels)
