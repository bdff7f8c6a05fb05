"""Placing moves vertices and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.place import rotation, scaled_to
from img2model_desktop.core.workshop.stack import do_steps
from img2model_desktop.core.workshop.step import step
from img2model_desktop.errors import InputProblem
from tests.shapes import box, mesh_of, textured, torus

SHEET = mesh_of([[0, 0, 0], [1, 0, 0], [1, 2, 0], [0, 2, 0]], [[0, 1, 2], [0, 2, 3]])


def done(mesh: Mesh, operation: str, **options: float | str) -> Mesh:
    outcome = do_steps(mesh, [step(operation, **options)])
    assert isinstance(outcome, Outcome)
    assert outcome.notes == ()
    return outcome.mesh


def test_centre() -> None:
    mesh = done(box(1, 2, 4, at=(5, 6, 7)), "recentre")
    assert mesh.bounds.tolist() == [[-0.5, -1, -2], [0.5, 1, 2]]


def test_stand() -> None:
    mesh = done(box(1, 2, 4, at=(5, -6, 7)), "floor")
    assert mesh.bounds.tolist() == [[-0.5, 0, -2], [0.5, 2, 2]]


@pytest.mark.parametrize(("axis", "sizes"), [("x", (1, 2, 4)), ("y", (0.5, 1, 2)), ("z", (0.25, 0.5, 1)),
                                             ("longest", (0.25, 0.5, 1))])  # fmt: skip
def test_scale_along_an_axis_keeps_where_it_stands(axis: str, sizes: tuple[float, ...]) -> None:
    mesh = done(box(1, 2, 4, at=(4, 8, 16)), "scale", axis=axis, size_mm=1000)
    assert mesh.size_m == pytest.approx(sizes, rel=1e-6)
    low, high = mesh.bounds
    assert [(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2] == pytest.approx([4.5, 8, 18], rel=1e-6)


def test_a_flat_axis_cannot_be_scaled_and_the_others_can() -> None:
    with pytest.raises(InputProblem, match="no length along z") as problem:
        done(SHEET, "scale", axis="z")
    assert "another axis" in problem.value.advice
    assert done(SHEET, "scale", size_mm=100).size_m == pytest.approx([0.05, 0.1, 0], rel=1e-6)
    with pytest.raises(InputProblem, match="any direction"):
        done(mesh_of(np.ones((3, 3)), [[0, 1, 2]]), "scale")


def test_what_would_leave_the_numbers_is_refused() -> None:
    with pytest.raises(InputProblem, match="too far"):
        done(mesh_of([[0, 0, 0], [1e-20, 0, 0], [0, 1e20, 0]], [[0, 1, 2]]), "scale", axis="x", size_mm=1e5)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_quarter_turns_are_exact_and_four_of_them_nothing(axis: str) -> None:
    mesh = torus()
    turned = mesh
    for _ in range(4):
        turned = done(turned, "turn", axis=axis, degrees=90)
        assert set(np.abs(turned.vertices).ravel().tolist()) == set(np.abs(mesh.vertices).ravel().tolist())
    assert np.array_equal(turned.vertices, mesh.vertices)
    assert np.array_equal(done(mesh, "turn", axis=axis, degrees=-270).vertices,
                          done(mesh, "turn", axis=axis, degrees=90).vertices)  # fmt: skip
    assert np.array_equal(done(mesh, "turn", axis=axis, degrees=360).vertices, mesh.vertices)


def test_it_turns_counter_clockwise_seen_from_the_tip() -> None:
    assert (rotation("x", 90) @ [0, 1, 0]).tolist() == [0, 0, 1]
    assert (rotation("y", 90) @ [0, 0, 1]).tolist() == [1, 0, 0]
    assert (rotation("z", 90) @ [1, 0, 0]).tolist() == [0, 1, 0]
    assert rotation("z", 30) @ [1, 0, 0] == pytest.approx([3**0.5 / 2, 0.5, 0])


@given(st.sampled_from("xyz"), st.floats(-360, 360))
def test_turning_is_rigid(axis: str, degrees: float) -> None:
    matrix = rotation(axis, degrees)
    assert matrix @ matrix.T == pytest.approx(np.eye(3), abs=1e-15)
    assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-15)
    assert measure(done(box(), "turn", axis=axis, degrees=degrees)).volume_m3 == pytest.approx(8, rel=1e-5)


@pytest.mark.parametrize(("operation", "options"), [("recentre", {}), ("floor", {}), ("scale", {"axis": "y"}),
                                                    ("turn", {"degrees": 33.0})])  # fmt: skip
def test_faces_uv_and_pictures_stay(operation: str, options: dict[str, float | str]) -> None:
    mesh = textured(torus())
    mesh = replace(mesh, normal=mesh.base_colour, metallic_roughness=mesh.base_colour)
    after = done(mesh, operation, **options)
    assert after.faces is mesh.faces
    assert after.uv is mesh.uv
    assert after.base_colour is mesh.base_colour
    assert after.normal is mesh.normal
    assert after.metallic_roughness is mesh.metallic_roughness


def test_scaled_to_sets_the_longest_side_and_stands_on_the_ground() -> None:
    mesh = scaled_to(box(1, 2, 4, at=(5, 6, 7)), 100)
    assert mesh.size_m == pytest.approx([0.025, 0.05, 0.1], rel=1e-6)
    low, high = mesh.bounds
    assert low[1] == 0
    assert (low + high)[[0, 2]] == pytest.approx([0, 0], abs=1e-9)


def test_scaled_to_leaves_a_point_finite() -> None:
    point = Mesh(np.ones((3, 3), np.float32), np.array([[0, 1, 2]], np.int32))
    assert np.array_equal(scaled_to(point, 100).vertices, np.zeros((3, 3)))
