"""Inflate: a closed, round, textured body from any silhouette."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import read_picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.catalog import InflateOptions
from img2model_desktop.engines.shapes import inflate
from img2model_desktop.errors import Cancelled, InputProblem
from tests.core.test_flat import masks

LEVEL = InflateOptions(faces=6000, texture_px=128, relief=0.0, tilt=0.0)


def sculpt(picture: Picture, options: InflateOptions = LEVEL) -> Mesh:
    return inflate.load().sculpt(picture, options, 0, Progress())


def drawn(alpha: np.ndarray, rgb: tuple[int, int, int] = (180, 120, 60)) -> Picture:
    return Picture(np.dstack([np.full((*alpha.shape, 3), rgb, np.uint8), alpha]))


def disc(radius: int = 150, size: int = 400) -> np.ndarray:
    return cv2.circle(np.zeros((size, size), np.uint8), (size // 2, size // 2), radius, 255, -1, cv2.LINE_AA)


def directed_edges(mesh: Mesh, labels: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    faces = mesh.faces.astype(np.int64) if labels is None else labels[mesh.faces].astype(np.int64)
    tail, head = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    return tail * 10**7 + head, head * 10**7 + tail


def check_closed(mesh: Mesh, labels: np.ndarray | None = None) -> None:
    there, back = directed_edges(mesh, labels)
    assert len(np.unique(there)) == len(there)
    assert np.array_equal(np.sort(there), np.sort(back))


def volume(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def depth_at(mesh: Mesh, x: float, y: float, within: float = 0.015) -> float:
    near = np.hypot(mesh.vertices[:, 0] - x, mesh.vertices[:, 1] - y) < within
    return float(np.ptp(mesh.vertices[near, 2]))


@given(alpha=masks())
@examples(max_examples=25)
def test_any_mask_gives_a_closed_body(alpha: np.ndarray) -> None:
    mesh = sculpt(drawn(alpha), InflateOptions(faces=600, texture_px=64)).validate()
    check_closed(mesh)
    assert volume(mesh) > 0
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).min() > 0


def test_a_disc_becomes_round_and_full() -> None:
    mesh = sculpt(drawn(disc()))
    check_closed(mesh)
    half = depth_at(mesh, 0, 0) / 2
    assert 0.3 < half < 0.7
    # Fuller than an ellipsoid, by far not a drum, whose volume would be half as much again.
    assert 1.0 < volume(mesh) / (4 / 3 * np.pi * 0.5 * 0.5 * half) < 1.25
    rings = [np.abs(mesh.vertices[np.abs(np.hypot(*mesh.vertices[:, :2].T) - r) < 0.01, 2]) for r in (0.1, 0.25, 0.4)]
    assert all(np.ptp(ring) < 0.04 for ring in rings)
    assert mesh.bounds[:, :2].tolist() == pytest.approx(np.array([[-0.5, -0.5], [0.5, 0.5]]), abs=0.005)


def test_thickness_follows_the_local_width() -> None:
    """A fat belly with a thin leg: each about as deep as it is wide."""
    alpha = cv2.circle(np.zeros((600, 400), np.uint8), (200, 180), 150, 255, -1, cv2.LINE_AA)
    alpha[300:560, 185:215] = 255
    mesh = sculpt(drawn(alpha))
    unit = 530.0
    belly, leg = depth_at(mesh, 0, (295 - 180) / unit), depth_at(mesh, 0, (295 - 480) / unit)
    assert 0.8 < belly / (300 / unit) < 1.5
    assert 0.8 < leg / (30 / unit) < 2.2
    assert belly > 4 * leg


def test_holes_stay_holes_and_parts_stay_parts() -> None:
    alpha = np.zeros((300, 500), np.uint8)
    cv2.circle(alpha, (150, 150), 120, 255, -1, cv2.LINE_AA)
    cv2.circle(alpha, (150, 150), 50, 0, -1, cv2.LINE_AA)
    cv2.rectangle(alpha, (330, 60), (460, 240), 255, -1)
    mesh = sculpt(drawn(alpha))
    check_closed(mesh)
    # A ring is a torus (0) and a slab a sphere (2).
    edges = len(mesh.faces) * 3 // 2
    assert len(mesh.vertices) - edges + len(mesh.faces) == 2


def test_the_front_shows_the_picture_and_the_mirrored_back_too() -> None:
    rgb = np.zeros((400, 400, 3), np.uint8)
    rgb[:, :200], rgb[:, 200:] = (250, 0, 0), (0, 0, 250)
    mesh = sculpt(Picture(np.dstack([rgb, disc()])))
    assert mesh.uv is not None
    assert mesh.base_colour is not None
    assert mesh.uv.min() >= 0
    assert mesh.uv.max() <= 1
    corners = mesh.uv[mesh.faces]
    assert np.ptp(corners, axis=1).max() < 0.05, "a face spans the texture"
    height, width = mesh.base_colour.height, mesh.base_colour.width
    texels = mesh.base_colour.rgb[
        ((1 - mesh.uv[:, 1]) * height).astype(int).clip(0, height - 1),
        (mesh.uv[:, 0] * width).astype(int).clip(0, width - 1),
    ]
    left, right = mesh.vertices[:, 0] < -0.02, mesh.vertices[:, 0] > 0.02
    assert (texels[left] == (250, 0, 0)).all()
    assert (texels[right] == (0, 0, 250)).all()


def test_a_plain_back_is_closed_once_welded() -> None:
    mesh = sculpt(drawn(disc()), replace(LEVEL, back="plain")).validate()
    _, labels = np.unique(mesh.vertices, axis=0, return_inverse=True)
    check_closed(mesh, labels.reshape(-1))
    assert np.array_equal(np.unique(mesh.base_colour.rgb.reshape(-1, 3), axis=0), [[180, 120, 60]])  # type: ignore[union-attr]  # it has one


def test_options_do_what_they_say() -> None:
    plain = sculpt(drawn(disc()))
    assert np.ptp(sculpt(drawn(disc()), replace(LEVEL, thickness=2.0)).vertices[:, 2]) == pytest.approx(
        2 * np.ptp(plain.vertices[:, 2]), rel=1e-4
    )
    many = sculpt(drawn(disc()), replace(LEVEL, faces=40_000))
    assert len(many.faces) == pytest.approx(40_000, rel=0.25)
    spotted = Picture(np.dstack([np.full((400, 400, 3), 128, np.uint8), disc()]))
    pixels = spotted.pixels.copy()
    cv2.circle(pixels, (200, 200), 6, (230, 230, 230, 255), -1)
    smooth, rough = (sculpt(Picture(pixels), replace(LEVEL, faces=40_000, relief=r)) for r in (0.0, 1.0))
    assert depth_at(rough, 0, 0) > depth_at(smooth, 0, 0) + 0.005
    assert depth_at(rough, 0.3, 0) == pytest.approx(depth_at(smooth, 0.3, 0), abs=0.002)


def test_a_slanted_line_of_contacts_turns_the_body() -> None:
    """The right leg stands higher in the picture, so it is further away."""
    alpha = np.zeros((400, 400), np.uint8)
    cv2.fillPoly(alpha, [np.array([[60, 60], [340, 60], [340, 200], [60, 200]])], 255)
    alpha[190:380, 70:110] = 255
    alpha[190:330, 290:330] = 255
    turned = sculpt(drawn(alpha), replace(LEVEL, tilt=1.0))
    middle = [turned.vertices[np.abs(turned.vertices[:, 0] - x) < 0.03, 2].mean() for x in (-0.35, 0.35)]
    assert middle[0] > middle[1] + 0.1
    level = sculpt(drawn(alpha))
    assert level.vertices[:, 2].mean() == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("size", [24, 64, 257])
def test_small_pictures_have_smooth_edges(size: int) -> None:
    """No rim vertex strays from the true circle by half a pixel, though the mask has no soft edge at all."""
    y, x = np.mgrid[:size, :size] + 0.5
    alpha = (np.hypot(x - size / 2, y - size / 2) < 0.4 * size).astype(np.uint8) * 255
    mesh = sculpt(drawn(alpha))
    rim = np.abs(mesh.vertices[:, 2]) < 1e-6
    away = np.hypot(mesh.vertices[rim, 0], mesh.vertices[rim, 1])
    pixel = 0.5 / (0.4 * size)
    assert np.count_nonzero(rim) > 100
    assert away.std() < 0.25 * pixel


def test_the_same_again_and_the_input_unchanged() -> None:
    picture = drawn(disc())
    before = picture.pixels.tobytes()
    one, two = sculpt(picture), sculpt(picture)
    assert one.vertices.tobytes() == two.vertices.tobytes()
    assert one.faces.tobytes() == two.faces.tobytes()
    assert picture.pixels.tobytes() == before


def test_nothing_to_sculpt_is_said() -> None:
    with pytest.raises(InputProblem, match="nothing"):
        sculpt(drawn(np.zeros((20, 20), np.uint8)))


def test_it_stops_at_every_report() -> None:
    reports: list[bool] = []

    def count() -> bool:
        reports.append(True)
        return False

    inflate.load().sculpt(drawn(disc()), LEVEL, 0, Progress(is_cancelled=count))
    assert len(reports) > 20
    engine = inflate.load()
    for stop in range(1, len(reports) + 1, 5):
        left = iter([False] * (stop - 1) + [True])
        with pytest.raises(Cancelled):
            engine.sculpt(drawn(disc()), LEVEL, 0, Progress(is_cancelled=lambda left=left: next(left)))  # type: ignore[misc]  # mypy infers no type for a default


def test_real_cut_outs(shared_eval: Path) -> None:
    for name in ("triposr_flamingo.png", "instantmesh_chair_armed.png"):
        mesh = sculpt(read_picture(shared_eval / "images" / name), InflateOptions()).validate()
        check_closed(mesh)
        assert volume(mesh) > 0
