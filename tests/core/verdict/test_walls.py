"""Thickness of walls and width of gaps, where they are known."""

import numpy as np
import pytest

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.findings import Conditions
from img2model_desktop.core.verdict.judge import survey_of
from img2model_desktop.core.verdict.walls import WallFacts
from tests.shapes import box, mesh_of, sphere, together, turned


def walls(mesh: Mesh, wall_mm: float = 0.8) -> WallFacts:
    facts = survey_of(mesh, Conditions(wall_mm=wall_mm), Progress()).walls
    assert facts is not None
    return facts


def tilted(mesh: Mesh) -> Mesh:
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    return mesh.moved((mesh.vertices @ turn).astype(np.float32))


@pytest.mark.parametrize("thick_mm", [0.1, 0.79, 2.5])
def test_a_plate_is_as_thick_as_it_is(thick_mm: float) -> None:
    facts = walls(box(0.08, thick_mm / 1000, 0.06))
    assert facts.thinnest_mm == pytest.approx(thick_mm, rel=1e-5)
    assert facts.thin_mm == pytest.approx(thick_mm, rel=1e-5)
    assert (facts.thin_share > 0.9) == (thick_mm < 0.8)


def test_a_tilted_plate_too() -> None:
    facts = walls(tilted(box(0.08, 0.0005, 0.06)))
    assert facts.thinnest_mm == pytest.approx(0.5, rel=1e-4)
    assert sorted(facts.thin_faces) == sorted(k for k in range(12) if k % 6 in (2, 3))  # its two large sides


def test_a_plate_of_just_the_asked_thickness_is_not_thin() -> None:
    assert walls(box(0.08, 0.0008, 0.06), 0.8).thin_share == 0.0


def test_edges_of_a_cube_are_no_thin_walls() -> None:
    facts = walls(box(0.02, 0.02, 0.02), 5.0)
    assert facts.thinnest_mm == pytest.approx(20.0, rel=1e-5)
    assert (facts.thin_share, facts.gap_mm) == (0.0, None)


def test_a_hollow_ball_has_the_wall_between_its_skins() -> None:
    facts = walls(together(sphere(0.04, 60, 120), turned(sphere(0.038, 60, 120))), 2.5)
    assert facts.thin_mm == pytest.approx(2.0, rel=0.01)
    assert facts.thin_share > 0.99


def test_an_inside_out_plate_is_measured_all_the_same() -> None:
    assert walls(turned(box(0.08, 0.0005, 0.06))).thinnest_mm == pytest.approx(0.5, rel=1e-5)


def test_parts_that_overlap_are_measured_through() -> None:
    """A plate of 0.5 mm sunk half into a block is no thin wall; the same plate above it is."""
    block = box(0.04, 0.04, 0.04)
    sunk = box(0.03, 0.0005, 0.03, at=(0.005, 0.03975, 0.005))
    apart = box(0.03, 0.0005, 0.03, at=(0.005, 0.045, 0.005))
    assert walls(together(block, sunk)).thin_share < 0.01
    assert walls(together(block, apart)).thin_share > 0.15


def test_the_gap_between_two_blocks() -> None:
    facts = walls(together(box(0.02, 0.02, 0.02), box(0.02, 0.02, 0.02, at=(0.0203, 0, 0))))
    assert facts.gap_mm == pytest.approx(0.3, rel=1e-3)
    assert facts.thinnest_mm == pytest.approx(20.0, rel=1e-5)


def test_a_sheet_has_no_wall() -> None:
    facts = walls(mesh_of([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]))
    assert (facts.thinnest_mm, facts.thin_mm, facts.gap_mm, facts.thin_share) == (None, None, None, 0.0)


def test_the_share_of_thin_area() -> None:
    """A block of 40 mm and a flag of 0.5 mm on it, whose two large sides are thin."""
    flag = box(0.0005, 0.03, 0.03, at=(0.02, 0.04, 0.005))
    mesh = together(box(0.04, 0.04, 0.04), flag)
    area = 6 * 40.0**2 + 2 * 30 * 30 + 4 * 30 * 0.5
    assert walls(mesh).thin_share == pytest.approx(2 * 30 * 30 / area, rel=0.02)
