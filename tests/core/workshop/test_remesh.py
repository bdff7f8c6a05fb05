"""Even triangles on the same surface."""

from pathlib import Path

import numpy as np
import pytest

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import read_mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.catalog import RemeshOptions
from img2model_desktop.core.workshop.collapse import net_of
from img2model_desktop.core.workshop.flips import delaunay
from img2model_desktop.core.workshop.remesh import remesh
from img2model_desktop.errors import Cancelled, EngineProblem
from tests.shapes import box, klein, least_seconds, mesh_of, moebius, sphere, textured, together, torus


def remeshed(mesh: Mesh, faces: int) -> Mesh:
    return remesh(mesh, RemeshOptions(faces), Progress()).mesh


def unevenness(mesh: Mesh) -> float:
    """Spread of the lengths of edges over their mean."""
    net = net_of(mesh.faces.astype(np.int64), len(mesh.vertices))
    length = np.linalg.norm(mesh.vertices[net.ends[:, 0]] - mesh.vertices[net.ends[:, 1]], axis=1)
    return float(length.std() / length.mean())


def test_a_box_keeps_its_edges_and_corners_exactly() -> None:
    after = remeshed(box(1, 2, 4), 1500)
    facts = measure(after)
    assert (facts.watertight, facts.manifold, facts.genus, facts.degenerate_faces) == (True, True, 0, 0)
    assert facts.volume_m3 == pytest.approx(8.0, rel=1e-6)
    assert facts.area_m2 == pytest.approx(28.0, rel=1e-6)
    assert abs(facts.faces / 1500 - 1) < 0.1
    assert {tuple(corner) for corner in box(1, 2, 4).vertices} <= {tuple(place) for place in after.vertices}
    assert unevenness(after) < 0.2


@pytest.mark.parametrize("name", ["ball", "ring", "bottle"])
def test_round_things_stay_round_and_closed(name: str) -> None:
    mesh = {"ball": sphere(rows=48, columns=96), "ring": torus(rows=60, columns=40), "bottle": klein(60, 40)}[name]
    after = remeshed(mesh, 3000)
    before, facts = measure(mesh), measure(after)
    assert (facts.watertight, facts.manifold, facts.genus) == (before.watertight, before.manifold, before.genus)
    assert facts.euler == before.euler
    assert facts.area_m2 == pytest.approx(before.area_m2, rel=0.02)
    if before.volume_m3 is not None:
        assert facts.volume_m3 == pytest.approx(before.volume_m3, rel=0.01)
    assert abs(facts.faces / 3000 - 1) < 0.1
    assert unevenness(after) < 0.2
    assert unevenness(after) < unevenness(mesh) * 0.7


def test_rims_stay() -> None:
    open_box = Mesh(box(1, 1, 1).vertices, np.delete(box(1, 1, 1).faces, [0, 6], axis=0))
    after = remeshed(open_box, 800)
    facts = measure(after)
    assert (facts.manifold, facts.parts) == (True, 1)
    assert facts.area_m2 == pytest.approx(5.0, rel=1e-6)
    assert np.array_equal(after.bounds, open_box.bounds)
    strip = measure(remeshed(moebius(), 500))
    assert (strip.manifold, strip.euler, strip.watertight) == (True, 0, False)


def test_slivers_become_even() -> None:
    needle = mesh_of([[0, 0, 0], [1, 0, 0], [1, 0.01, 0], [0, 0.01, 0]], [[0, 1, 2], [0, 2, 3]])
    fan = mesh_of(
        [[0, 0, 0], *([np.cos(t), np.sin(t), 0] for t in np.linspace(0, 2 * np.pi, 200, endpoint=False))],
        [[0, k + 1, (k + 1) % 200 + 1] for k in range(200)],
    )
    for mesh, wanted in ((needle, 400), (fan, 2000)):
        after = remeshed(mesh, wanted)
        assert measure(after).area_m2 == pytest.approx(measure(mesh).area_m2, rel=0.002)
        assert unevenness(after) < 0.35
        assert len(after.faces) < 2 * wanted


def test_parts_and_seams() -> None:
    after = remeshed(together(box(), sphere(), torus()), 3000)
    assert (measure(after).parts, measure(after).watertight) == (3, True)
    seamed = remeshed(textured(sphere()), 1000)
    assert seamed.uv is None
    assert measure(seamed).watertight


def test_flips_make_a_grid_delaunay_and_end() -> None:
    points = np.random.default_rng(0).random((60, 2))
    points = np.concatenate([points, [[0, 0], [1, 0], [1, 1], [0, 1]]])
    from scipy.spatial import Delaunay

    best = Delaunay(points).simplices
    at = points[best]
    turn = np.cross(np.c_[at[:, 1] - at[:, 0], 0 * best[:, 0]], np.c_[at[:, 2] - at[:, 0], 0 * best[:, 0]])[:, 2] < 0
    best = np.where(turn[:, None], best[:, ::-1], best).astype(np.int64)
    space = np.c_[points, np.zeros(len(points))]
    rough = best
    rng = np.random.default_rng(1)
    shaken = space.copy()
    shaken[:60, :2] += rng.normal(0, 0.002, (60, 2))
    rough = delaunay(shaken, rough, np.zeros((0, 2), np.int64))
    again = delaunay(space, rough, np.zeros((0, 2), np.int64), rounds=50)
    assert {tuple(sorted(face)) for face in again.tolist()} == {tuple(sorted(face)) for face in best.tolist()}


def test_nothing_to_cover_is_told() -> None:
    with pytest.raises(EngineProblem, match="area"):
        remeshed(mesh_of([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]]), 100)


def test_it_can_be_stopped_midway() -> None:
    left = iter([False] * 20 + [True] * 1000)
    with pytest.raises(Cancelled):
        remesh(sphere(), RemeshOptions(1000), Progress(is_cancelled=lambda: next(left)))


def test_real_mesh(shared_eval: Path) -> None:
    mesh = read_mesh(shared_eval / "objects" / "gso_dog_statue" / "mesh.ply")
    after = remeshed(mesh, 8000)
    before, facts = measure(mesh), measure(after)
    assert (facts.watertight, facts.manifold, facts.genus) == (True, True, before.genus)
    assert facts.volume_m3 == pytest.approx(before.volume_m3, rel=0.01)
    assert unevenness(after) < 0.6 * unevenness(mesh)


def test_ten_thousand_triangles_take_a_few_seconds() -> None:
    assert least_seconds(lambda: remeshed(sphere(rows=48, columns=96), 10_000), times=1) < 8
