"""Where the camera goes to show a place: to a side where nothing hides it."""

import numpy as np
import pytest

from img2model_desktop.core.face_blocks import FaceBlocks
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.preview import prepare
from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.render.aim import looking_at
from img2model_desktop.render.camera import Camera
from img2model_desktop.render.marks import highlight_of
from tests.shapes import box, torus

SIZE = (400.0, 300.0)
LEFT = np.array([-1.0, 0.0, 0.0])


def left_faces(mesh: Mesh) -> np.ndarray:
    """Numbers of the faces at the lowest x."""
    x = mesh.vertices[mesh.faces][:, :, 0]
    return np.nonzero(x.max(axis=1) == x.min())[0].astype(np.int32)


def seen_from(mesh: Mesh, faces: np.ndarray, camera: Camera) -> np.ndarray:
    buffers = prepare(mesh)
    highlight = highlight_of(Place(faces=faces), buffers)
    assert highlight is not None
    axes: np.ndarray = looking_at(highlight, buffers, camera, SIZE, FaceBlocks(buffers.full)).axes
    return axes[2]


@pytest.mark.parametrize("is_turned", [False, True], ids=["outwards", "turned over"])
def test_a_side_is_looked_at_from_outside_even_when_its_faces_are_turned(is_turned: bool) -> None:
    mesh = box()
    faces = left_faces(mesh)
    turned = mesh.faces.copy()
    if is_turned:
        turned[faces] = turned[faces][:, ::-1]
    camera = Camera(azimuth_deg=90.0, elevation_deg=0.0)  # looks at the other side
    assert seen_from(Mesh(mesh.vertices, turned), faces, camera) @ LEFT > 0.99


def test_a_camera_that_sees_the_place_keeps_its_direction() -> None:
    camera = Camera(azimuth_deg=-70.0, elevation_deg=20.0)
    assert np.allclose(seen_from(box(), left_faces(box()), camera), camera.axes[2])


def test_a_place_that_faces_the_camera_and_is_hidden_is_gone_round_to() -> None:
    mesh = torus()
    centre = mesh.vertices[mesh.faces].mean(axis=1)
    inner = np.nonzero((centre[:, 2] < -0.35) & (np.hypot(centre[:, 0], centre[:, 2]) < 0.42))[0].astype(np.int32)
    camera = Camera(azimuth_deg=0.0, elevation_deg=0.0)  # the front of the ring stands before its inner back
    assert seen_from(mesh, inner, camera)[1] != pytest.approx(camera.axes[2][1], abs=0.05)
