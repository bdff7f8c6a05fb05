"""Bodies turned from a profile: closed, of the right volume, with the wanted number of triangles."""

import math

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from img2model_desktop.core.revolve import Turned, turned


def solid(body: Turned) -> trimesh.Trimesh:
    vertices = np.stack([body.radius * np.sin(body.turn), -body.along, body.radius * np.cos(body.turn)], axis=1)
    return trimesh.Trimesh(vertices, body.faces, process=False)


def sphere(radius: float = 100.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    along = np.linspace(-radius, radius, 401)[1:-1]
    return along, np.sqrt(radius**2 - along**2)


@pytest.mark.parametrize("faces", [1_500, 12_000, 50_000, 200_000])
def test_the_wanted_number_of_triangles_comes_out(faces: int) -> None:
    for along, radius in (sphere(), (np.array([0.0, 300.0]), np.array([80.0, 40.0]))):
        assert len(turned(along, radius, faces).faces) == pytest.approx(faces, rel=0.15)


def test_a_sphere_is_closed_and_has_its_volume_and_area() -> None:
    body = solid(turned(*sphere(), 50_000))
    assert body.is_watertight
    assert body.is_winding_consistent
    assert body.euler_number == 2
    assert body.volume == pytest.approx(4 / 3 * math.pi * 100**3, rel=1e-3)
    assert body.area == pytest.approx(4 * math.pi * 100**2, rel=2e-3)


def test_a_cone_frustum_has_its_volume() -> None:
    body = solid(turned(np.array([0.0, 300.0]), np.array([80.0, 40.0]), 50_000))
    assert body.volume == pytest.approx(math.pi * 300 / 3 * (80**2 + 80 * 40 + 40**2), rel=1e-3)


def test_no_triangle_is_degenerate_not_even_at_the_poles() -> None:
    for faces in (2_000, 50_000):
        body = solid(turned(*sphere(), faces))
        mean = body.area / len(body.faces)
        assert body.area_faces.min() > 0.01 * mean
        assert math.degrees(body.face_angles.min()) > 1.0


def test_each_pole_is_one_vertex_on_the_axis() -> None:
    body = turned(*sphere(), 12_000)
    assert np.count_nonzero(body.radius == 0) == 2
    assert body.radius[0] == body.radius[-1] == 0


def test_steps_of_the_profile_stay_steps() -> None:
    along = np.array([0.0, 100.0, 100.0, 200.0])
    body = solid(turned(along, np.array([30.0, 30.0, 90.0, 90.0]), 50_000))
    assert body.is_watertight
    assert body.volume == pytest.approx(math.pi * 100 * (30**2 + 90**2), rel=1e-3)


def test_a_slim_neck_stays_round() -> None:
    along = np.array([0.0, 100.0, 100.0, 300.0, 300.0, 400.0])
    body = turned(along, np.array([100.0, 100.0, 6.0, 6.0, 100.0, 100.0]), 50_000)
    neck = np.abs(body.along - 200) < 60
    each = np.unique(body.along[neck], return_counts=True)[1]
    assert each.min() >= 24
