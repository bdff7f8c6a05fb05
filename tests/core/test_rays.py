"""Rays against surfaces that are known."""

import numpy as np
import pytest

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.rays import AT_ONCE, Rays
from img2model_desktop.errors import Cancelled
from tests.shapes import box, sphere


def box_rays(scale: float = 1.0, at: float = 0.0) -> Rays:
    mesh = box(1.0, 2.0, 4.0)
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    return Rays((corners - corners.reshape(-1, 3).min(axis=0)) * scale + at)


@pytest.mark.parametrize(("scale", "at"), [(1.0, 0.0), (1e-9, 0.0), (1e9, 0.0), (1.0, 1e6)])
def test_the_distance_is_exact_at_any_size_and_place(scale: float, at: float) -> None:
    rays = box_rays(scale, at)
    origin = np.array([[0.3, 0.9, 7.0], [0.3, 0.9, 7.0], [0.3, 0.9, 1.0]]) * scale + at
    way = np.array([[0.0, 0, -1], [0, 0, 1], [0, 0, -1]])
    face, distance = rays.first(origin, way, Progress())
    assert distance == pytest.approx([3.0 * scale, np.inf, 1.0 * scale], rel=1e-9)
    assert face[1] == -1
    assert rays.normals[face[0]] == pytest.approx([0, 0, 1])
    assert rays.normals[face[2]] == pytest.approx([0, 0, -1])
    assert rays.hidden(origin, way, Progress()).tolist() == [True, False, True]


def test_a_ray_that_leaves_its_own_face_passes_it_and_one_from_behind_meets_it() -> None:
    rays = box_rays()
    origin, way = np.array([[0.3, 0.9, 4.0]]), np.array([[0.0, 0.0, -1.0]])
    assert rays.first(origin, way, Progress(), rays.skin)[1] == pytest.approx([4.0])
    assert rays.first(origin, way, Progress(), -rays.skin)[1] == pytest.approx([0.0], abs=1e-12)
    assert not rays.hidden(origin, -way, Progress(), rays.skin).any()


def test_a_ray_ends_at_its_reach() -> None:
    origin, way = np.tile([[0.3, 0.9, 7.0]], (2, 1)), np.tile([[0.0, 0.0, -1.0]], (2, 1))
    face, distance = box_rays().first(origin, way, Progress(), 0.0, np.array([2.99, 3.01]))
    assert (face >= 0).tolist() == [False, True]
    assert distance.tolist() == [np.inf, 3.0]


def test_all_batches_of_many_rays_are_cast_and_reported() -> None:
    mesh = sphere(1.0, rows=40, columns=80)
    rays = Rays(mesh.vertices[mesh.faces])
    count = 2 * AT_ONCE + 5
    way = np.random.default_rng(1).normal(size=(count, 3))
    way /= np.linalg.norm(way, axis=1)[:, None]
    reports: list[float] = []
    face, distance = rays.first(np.zeros((count, 3)), way, Progress(reports.append))
    assert (face >= 0).all()
    assert distance.min() > 0.99
    assert distance.max() <= 1.0 + 1e-6
    assert reports == sorted(reports)
    assert reports[-1] == 1.0


def test_nothing_is_met_where_nothing_is() -> None:
    rays = Rays(np.zeros((0, 3, 3)))
    face, distance = rays.first(np.zeros((1, 3)), np.array([[1.0, 0, 0]]), Progress())
    assert (face.tolist(), distance.tolist()) == ([-1], [np.inf])


def test_they_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        box_rays().hidden(np.zeros((1, 3)), np.array([[1.0, 0, 0]]), Progress(is_cancelled=lambda: True))
