"""Normals: smooth over seams, hard on hard edges."""

import numpy as np
import pytest

from img2model_desktop.core.normals import smooth_normals, split_at_creases
from tests.shapes import box, mesh_of, sphere, textured


def test_a_box_has_flat_sides() -> None:
    mesh = box()
    source, faces, normals = split_at_creases(mesh.vertices, mesh.faces)
    assert len(source) == 24
    assert source[:8].tolist() == list(range(8))
    assert np.array_equal(source[faces], mesh.faces)
    triangles = mesh.vertices[mesh.faces].astype(np.float64)
    flat = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    assert np.array_equal(normals[faces], np.repeat(flat[:, None], 3, axis=1))


@pytest.mark.parametrize("seams", [False, True], ids=["shared", "seams"])
def test_a_ball_is_smooth_over_seams(seams: bool) -> None:
    mesh = textured(sphere()) if seams else sphere()
    source, faces, normals = split_at_creases(mesh.vertices, mesh.faces)
    assert len(source) == len(mesh.vertices)
    assert faces is mesh.faces
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1, abs=1e-6)
    radial = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", normals, radial).min() > np.cos(np.radians(2))


@pytest.mark.parametrize(("angle_deg", "split"), [(40, False), (60, True)])
def test_the_angle_decides(angle_deg: float, split: bool) -> None:
    slope = np.radians(angle_deg)
    mesh = mesh_of([[0, 0, 0], [0, 0, 1], [-1, 0, 0], [np.cos(slope), np.sin(slope), 0]], [[0, 2, 1], [0, 1, 3]])
    source, _, normals = split_at_creases(mesh.vertices, mesh.faces)
    assert len(source) == (6 if split else 4)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1, abs=1e-6)


def test_faces_without_area_and_unused_vertices_get_some_unit_normal() -> None:
    mesh = mesh_of([[0, 0, 0], [1, 0, 0], [2, 0, 0], [9, 9, 9]], [[0, 1, 2], [0, 0, 1]])
    _, _, normals = split_at_creases(mesh.vertices, mesh.faces)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1)


def test_smooth_normals_of_a_sphere_point_outwards() -> None:
    ball = sphere()
    normals = smooth_normals(ball.vertices, ball.faces)
    outwards = ball.vertices / np.linalg.norm(ball.vertices, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", normals, outwards).min() > 0.999


def test_smooth_normals_ignore_a_texture_seam() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)  # x = 0 twice
    faces = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    normals = smooth_normals(vertices, faces)
    assert normals[0].tolist() == normals[3].tolist()
    assert normals[0] == pytest.approx(np.array([1, 0, 1]) / np.sqrt(2), abs=1e-6)
    assert normals[1].tolist() == [0, 0, 1]
