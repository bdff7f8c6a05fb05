"""Layouts: every face once, to scale, with gaps, whatever the mesh."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.uv_facts import UvFacts, measure_uv
from img2model_desktop.core.workshop.unwrap import unwrap
from img2model_desktop.errors import Cancelled
from tests.shapes import box, klein, mesh_of, moebius, pixels, sphere, together, torus

SIDE = 1024


def laid(mesh: Mesh) -> tuple[Mesh, UvFacts]:
    out = unwrap(mesh, SIDE, Progress()).validate()
    assert np.array_equal(out.vertices[out.faces], mesh.vertices[mesh.faces])
    found = measure_uv(replace(out, base_colour=pixels(SIDE, SIDE)))
    assert found is not None
    return out, found


def rough(seed: int = 0) -> Mesh:
    ball = sphere(0.5, 40, 80)
    radius = 1 + np.random.default_rng(seed).normal(0, 0.01, (len(ball.vertices), 1))
    return mesh_of(ball.vertices * radius, ball.faces)


def helix(turns: int = 3, steps: int = 240) -> Mesh:
    """A winding stair: seen from above it lies on itself, and every face looks up."""
    at = np.linspace(0, 2 * np.pi * turns, steps)
    inner = np.column_stack([np.cos(at), 0.03 * at, np.sin(at)])
    outer = np.column_stack([1.8 * np.cos(at), 0.03 * at, 1.8 * np.sin(at)])
    i = np.arange(steps - 1)
    faces = np.concatenate([np.column_stack([i, i + 1, i + steps]), np.column_stack([i + 1, i + 1 + steps, i + steps])])
    return mesh_of(np.concatenate([inner, outer]), faces)


@pytest.mark.parametrize(
    "make",
    [box, torus, sphere, moebius, klein, rough, helix, lambda: together(box(), sphere(), torus())],
    ids=["box", "torus", "sphere", "moebius", "klein", "rough", "helix", "parts"],
)
def test_no_face_overlaps_is_mirrored_or_lies_outside(make: Callable[[], Mesh]) -> None:
    _, found = laid(make())
    assert found.overlap < 1e-4
    assert len(found.flipped) == len(found.outside) == len(found.degenerate) == 0
    assert found.coverage > 0.4
    assert found.density_spread < 1.25
    assert found.area_stretch[1] < 1.25
    assert found.angle_stretch[1] < 1.35
    assert found.stretch < 1.02
    if found.padding_px is not None:
        assert found.padding_px >= 3


def test_a_box_is_laid_in_its_six_sides_without_distortion() -> None:
    out, found = laid(box())
    assert found.islands == 6
    assert len(out.vertices) == 24
    assert found.stretch == pytest.approx(1.0, abs=1e-6)
    assert found.coverage > 0.6
    assert found.padding_px is not None
    assert found.padding_px >= 3


def test_a_sphere_takes_few_charts() -> None:
    _, found = laid(sphere(0.5, 60, 90))
    assert found.islands <= 14
    assert found.area_stretch[1] < 1.06


def test_vertices_are_repeated_only_at_borders_of_charts() -> None:
    mesh = torus(rows=48, columns=32)
    out, found = laid(mesh)
    assert out.uv is not None
    assert len(out.vertices) < 1.5 * len(mesh.vertices)
    assert len(np.unique(np.hstack([out.vertices, out.uv]), axis=0)) == len(out.vertices)
    before, after = measure(mesh), measure(out)
    assert after.watertight
    assert (after.positions, after.genus, after.volume_m3) == (before.positions, before.genus, before.volume_m3)
    assert found.islands > 1


def test_the_smallest_mesh_fills_its_half() -> None:
    out, found = laid(mesh_of([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]))
    assert found.islands == 1
    assert found.coverage > 0.45
    assert len(out.vertices) == 3


def test_size_and_place_do_not_matter() -> None:
    mesh = torus()
    far = mesh.moved((mesh.vertices * 1024 + np.float32(4096)).astype(np.float32))
    _, near_found = laid(mesh)
    _, far_found = laid(far)
    assert far_found.islands == pytest.approx(near_found.islands, abs=2)
    assert far_found.stretch == pytest.approx(1.0, abs=0.01)
    tiny, _ = laid(mesh.moved(mesh.vertices * np.float32(1e-6)))
    assert np.isfinite(tiny.uv).all()


def test_faces_without_area_do_no_harm() -> None:
    ball = sphere()
    broken = np.concatenate([ball.faces, [[0, 0, 1], [2, 2, 2]], ball.faces[:1][:, [0, 1, 0]]])
    out, found = laid(mesh_of(ball.vertices, broken))
    assert found.overlap == 0.0
    assert len(out.faces) == len(ball.faces) + 3
    points, _ = laid(mesh_of(np.zeros((3, 3)), [[0, 1, 2]]))
    assert np.isfinite(points.uv).all()


def test_doubled_and_three_fold_faces_get_places_of_their_own() -> None:
    ball = sphere(0.5, 8, 16)
    doubled = mesh_of(ball.vertices, np.concatenate([ball.faces, ball.faces]))
    _, found = laid(doubled)
    assert found.overlap < 1e-4
    fan = mesh_of([[0, 0, 0], [0, 0, 1], [1, 0, 0], [-1, 0.2, 0], [0, 1, 0]], [[0, 1, 2], [0, 1, 3], [0, 1, 4]])
    _, found = laid(fan)
    assert found.overlap == 0.0
    assert found.islands == 3


def test_a_soup_of_loose_triangles_is_laid() -> None:
    random = np.random.default_rng(0)
    corners = random.random((150, 1, 3)) + random.normal(0, 0.05, (150, 3, 3))
    _, found = laid(mesh_of(corners.reshape(-1, 3), np.arange(450).reshape(-1, 3)))
    assert found.islands == 150
    assert found.overlap < 1e-4
    assert found.density_spread < 1.01


def test_the_same_mesh_is_laid_the_same_way() -> None:
    one, other = unwrap(rough(), SIDE, Progress()), unwrap(rough(), SIDE, Progress())
    assert one.uv.tobytes() == other.uv.tobytes()
    assert one.faces.tobytes() == other.faces.tobytes()


def test_it_stops_when_asked() -> None:
    reports: list[float] = []
    unwrap(torus(), SIDE, Progress(reports.append))
    assert reports == sorted(reports)
    calls = iter(range(1000))
    with pytest.raises(Cancelled):
        unwrap(rough(), SIDE, Progress(is_cancelled=lambda: next(calls) > 20))
