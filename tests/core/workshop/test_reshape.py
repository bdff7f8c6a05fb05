"""Fewer triangles and smoother ones, of the same shape."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import MeshFacts, measure
from img2model_desktop.core.mesh_files import read_mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import edges_of, same_rows
from img2model_desktop.core.workshop.catalog import DecimateOptions
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.reshape import decimate
from img2model_desktop.core.workshop.stack import do_steps
from img2model_desktop.core.workshop.step import step
from img2model_desktop.errors import Cancelled
from tests.shapes import box, grid_faces, klein, mesh_of, moebius, sphere, textured, together, torus


def smoothed(mesh: Mesh, rounds: int = 10, strength: float = 0.5) -> Mesh:
    return do_steps(mesh, [step("smooth", rounds=rounds, strength=strength)]).mesh


def reduced(mesh: Mesh, faces: int) -> Outcome:
    return decimate(mesh, DecimateOptions(faces), Progress())


def bumpy(mesh: Mesh, height: float = 0.01) -> Mesh:
    noise = np.random.default_rng(0).normal(0, height, mesh.vertices.shape)
    return mesh.moved((mesh.vertices + noise).astype(np.float32))


def farthest(one: Mesh, other: Mesh) -> float:
    """The longest way from a vertex or a face's middle of one mesh to the other, over the size."""
    from img2model_desktop.core.workshop.nearest import Nearest, pieces_of

    places = np.concatenate([one.vertices[np.unique(one.faces)], one.vertices[one.faces].mean(axis=1)])
    size = float(one.size_m.max())
    pieces = pieces_of(other.vertices[other.faces].astype(np.float64), size / 40, Progress())
    return float(Nearest(pieces).find(places, Progress())[0].max()) / size


# -- smooth ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rounds", "strength"), [(1, 0.05), (10, 0.5), (50, 1.0), (200, 0.5)])
@pytest.mark.parametrize("rows", [12, 24])
def test_a_ball_keeps_its_volume(rows: int, rounds: int, strength: float) -> None:
    ball = sphere(rows=rows, columns=2 * rows)
    after = smoothed(ball, rounds, strength)
    assert measure(after).volume_m3 == pytest.approx(measure(ball).volume_m3, rel=1e-6)
    assert np.array_equal(after.faces, ball.faces)


def test_bumps_go_and_the_shape_stays() -> None:
    ball = sphere(rows=48, columns=96)
    rough = bumpy(ball)
    after = smoothed(rough, 20, 1.0)
    before_off = np.abs(np.linalg.norm(rough.vertices, axis=1) - 0.5).mean()
    after_off = np.abs(np.linalg.norm(after.vertices, axis=1) - 0.5).mean()
    assert after_off < before_off / 2
    assert measure(after).volume_m3 == pytest.approx(measure(rough).volume_m3, rel=1e-6)


def test_more_rounds_are_smoother() -> None:
    rough = bumpy(sphere())
    areas = [measure(smoothed(rough, rounds)).area_m2 for rounds in (1, 5, 20, 80)]
    assert measure(rough).area_m2 > areas[0] > areas[1] > areas[2] > areas[3]


def test_rims_stay_and_flat_stays_flat() -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 12), np.linspace(0, 1, 12), indexing="ij")
    sheet = mesh_of(np.stack([x, 0 * x + 0.1, y], axis=-1).reshape(-1, 3), grid_faces(12, 12))
    inner = ((sheet.vertices[:, [0, 2]] > 0) & (sheet.vertices[:, [0, 2]] < 1)).all(axis=1)
    noise = np.random.default_rng(1).normal(0, 0.02, sheet.vertices.shape) * inner[:, None]
    noise[:, 1] = 0
    after = smoothed(sheet.moved((sheet.vertices + noise).astype(np.float32)), 20)
    assert np.array_equal(after.vertices[~inner], sheet.vertices[~inner])
    assert np.array_equal(after.vertices[:, 1], sheet.vertices[:, 1])
    assert np.abs(after.vertices - sheet.vertices).max() < np.abs(noise).max() / 2


def test_seams_stay_closed_and_the_look_stays() -> None:
    mesh = bumpy(torus())
    seamed = textured(mesh)
    after = smoothed(seamed)
    assert after.uv is seamed.uv
    assert after.base_colour is seamed.base_colour
    assert after.faces is seamed.faces
    assert measure(after).watertight
    plain = smoothed(mesh)
    assert np.allclose(after.vertices, plain.vertices[mesh.faces].reshape(-1, 3), atol=1e-7)


# -- decimate ----------------------------------------------------------------------------------------------------------

SHAPES = {
    "ball": bumpy(sphere(), 0.003),
    "ring": torus(rows=40, columns=20),
    "three": together(box(), sphere(), torus()),
    "box": box(),
    "strip": moebius(),
    "bottle": klein(),
    "open": Mesh(sphere().vertices, sphere().faces[:1500]),
}


def same_order(before: MeshFacts, after: MeshFacts) -> bool:
    names = ("watertight", "manifold", "oriented", "parts", "genus")
    return all(getattr(after, name) == getattr(before, name) for name in names)


@pytest.mark.parametrize("name", sorted(SHAPES))
@pytest.mark.parametrize("share", [0.9, 0.5, 0.2])
def test_fewer_triangles_hang_together_as_before(name: str, share: float) -> None:
    mesh = SHAPES[name]
    wanted = max(12, int(share * len(mesh.faces)))
    after = reduced(mesh, wanted).mesh
    facts = measure(after)
    assert wanted - 1 <= len(after.faces) <= wanted
    assert same_order(measure(mesh), facts)
    assert facts.degenerate_faces == 0
    assert facts.euler == measure(mesh).euler


def test_flat_faces_cost_nothing() -> None:
    side = np.arange(11) / 10
    a, b = (x.ravel() for x in np.meshgrid(side, side, indexing="ij"))
    faces = grid_faces(11, 11)
    sides = []
    for axis in range(3):
        for at in (0.0, 1.0):
            points = np.insert(np.stack([a, b], axis=1), axis, at, axis=1)
            outward = (at == 1.0) == (np.cross(*(points[faces[0, 1:]] - points[faces[0, 0]]))[axis] > 0)
            sides.append(mesh_of(points, faces if outward else faces[:, ::-1]))
    fine = together(*sides)
    assert (measure(fine).watertight, measure(fine).faces) == (True, 1200)
    after = reduced(fine, 12).mesh
    assert len(after.faces) == 12
    assert measure(after).volume_m3 == pytest.approx(1.0, rel=1e-5)


def test_rims_stay_where_they_are() -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 21), indexing="ij")
    sheet = mesh_of(np.stack([x, 0.05 * np.sin(9 * x * y), y], axis=-1).reshape(-1, 3), grid_faces(21, 21))
    after = reduced(sheet, 120).mesh
    assert np.allclose(after.bounds[:, [0, 2]], [[0, 0], [1, 1]], atol=0.002)
    edges = edges_of(after.faces)
    sides = edges.order[edges.uses[edges.edge] == 1]
    start, end = (after.vertices[after.faces.ravel()[k]] for k in (sides, sides // 3 * 3 + (sides % 3 + 1) % 3))
    middle = (start + end)[:, [0, 2]] / 2
    assert np.abs(np.stack([middle, 1 - middle]).min(axis=(0, 2))).max() < 0.003


def test_the_shape_stays() -> None:
    ball = sphere(rows=60, columns=120)
    after = reduced(ball, 1000).mesh
    assert farthest(after, ball) < 0.004
    assert farthest(ball, after) < 0.004
    assert measure(after).volume_m3 == pytest.approx(measure(ball).volume_m3, rel=0.01)


def test_seams_are_no_rims() -> None:
    after = reduced(textured(torus()), 300).mesh
    assert after.uv is None
    assert measure(after).watertight
    assert len(after.faces) == 300


def test_enough_already_is_left_with_its_look() -> None:
    mesh = textured(torus())
    outcome = do_steps(mesh, [step("decimate", faces=len(mesh.faces))])
    assert outcome.mesh is mesh
    assert "no more than 768" in outcome.notes[0]


def test_what_so_few_triangles_do_not_hold_is_said() -> None:
    many = together(*(box(1, 1, 1, at=(2 * k, 0, 0)) for k in range(8)), box(9, 9, 9, at=(0, 5, 0)))
    outcome = reduced(many, 20)
    assert 4 <= len(outcome.mesh.faces) <= 20
    assert "small part" in outcome.notes[0]
    torn = reduced(torus(), 6)
    assert 0 < len(torn.mesh.faces) <= 6
    assert "holes or handles" in torn.notes[0]


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 60), st.integers(0, 2**32))
def test_any_soup_becomes_that_small(wanted: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    faces = np.stack([rng.permutation(20)[:3] for _ in range(80)])
    mesh = mesh_of(rng.random((20, 3)), faces)
    outcome = reduced(mesh, wanted)
    assert 0 < len(outcome.mesh.faces) <= wanted
    assert np.array_equal(reduced(mesh, wanted).mesh.vertices, outcome.mesh.vertices)


def test_points_apart_by_a_hair_are_not_sewn_together() -> None:
    far = 1000.0
    mesh = together(box(1, 1, 1, at=(far, 0, 0)), sphere(radius=1.0))
    after = reduced(mesh, 800).mesh
    places = same_rows(after.vertices)
    assert np.array_equal(places, np.arange(len(places)))
    assert measure(after).watertight


def test_it_can_be_stopped_midway() -> None:
    left = iter([False] * 5 + [True] * 1000)
    with pytest.raises(Cancelled):
        decimate(sphere(), DecimateOptions(100), Progress(is_cancelled=lambda: next(left)))


@pytest.mark.parametrize("name", ["gso_android_toy", "ycb_scissors", "aws_chaira", "qua_triceratops"])
def test_real_meshes_keep_their_order_and_shape(shared_eval: Path, name: str) -> None:
    mesh = read_mesh(shared_eval / "objects" / name / "mesh.ply")
    after = reduced(mesh, len(mesh.faces) // 5).mesh
    assert len(after.faces) <= len(mesh.faces) // 5
    assert same_order(measure(mesh), measure(after))
    assert farthest(after, mesh) < 0.05


def test_pictures_go_with_the_uv() -> None:
    mesh = replace(textured(sphere()), normal=textured().base_colour)
    after = reduced(mesh, 500).mesh
    assert (after.uv, after.base_colour, after.normal) == (None, None, None)
