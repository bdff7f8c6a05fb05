"""How things stand, hang over and fit, where it is known."""

import math

import numpy as np
import pytest

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.findings import Conditions
from img2model_desktop.core.verdict.judge import survey_of
from img2model_desktop.core.verdict.standing import StandingFacts
from tests.shapes import box, sphere, together, torus


def standing(mesh: Mesh, conditions: Conditions | None = None) -> StandingFacts:
    facts = survey_of(mesh, conditions or Conditions(), Progress()).standing
    assert facts is not None
    return facts


def leaning(shift: float) -> Mesh:
    """A tower, 20 mm wide and 60 mm high, whose top stands `shift` times its height to the side."""
    tower = box(0.02, 0.06, 0.02)
    vertices = tower.vertices.copy()
    vertices[:, 0] += vertices[:, 1] * np.float32(shift)
    return tower.moved(vertices)


def table(leg_mm: tuple[float, float, float, float] = (30, 30, 30, 30)) -> Mesh:
    """A top of 60 x 5 x 40 mm, 30 mm above the ground, on four legs of 5 x 5 mm that may be too short."""
    top = box(0.06, 0.005, 0.04, at=(0, 0.03, 0))
    corners = [(0, 0), (0.055, 0), (0, 0.035), (0.055, 0.035)]
    legs = [
        box(0.005, length / 1000, 0.005, at=(x, 0.03 - length / 1000, z))
        for (x, z), length in zip(corners, leg_mm, strict=True)
    ]
    return together(top, *legs)


def test_a_box_stands() -> None:
    facts = standing(box(0.02, 0.06, 0.03))
    assert facts.tilt_deg == pytest.approx(math.degrees(math.atan2(10, 30)), abs=1e-3)
    assert facts.footprint_mm2 == pytest.approx(600, rel=1e-5)
    assert facts.contact_mm2 == pytest.approx(600, rel=1e-5)
    assert facts.overhang_mm2 == 0


@pytest.mark.parametrize(("shift", "stands"), [(0.0, True), (0.3, True), (0.36, False), (0.8, False)])
def test_a_tower_falls_when_its_middle_leaves_its_foot(shift: float, stands: bool) -> None:
    facts = standing(leaning(shift))
    assert (facts.tilt_deg > 0) is stands
    assert facts.tilt_deg == pytest.approx(math.degrees(math.atan2(10 - 30 * shift, 30)), abs=0.02)


def test_a_table_and_what_hangs_under_its_top() -> None:
    facts = standing(table())
    assert facts.contact_mm2 == pytest.approx(4 * 25, rel=1e-4)
    assert facts.footprint_mm2 == pytest.approx(60 * 40, rel=1e-4)
    assert facts.overhang_mm2 == pytest.approx(60 * 40, rel=1e-4)  # the legs only touch the top, they are no part of it
    assert facts.tilt_deg > 30


def test_a_table_with_one_short_leg_settles_on_three() -> None:
    assert standing(table((30, 30, 30, 29))).tilt_deg > 0
    assert standing(table((30, 30, 1, 1))).tilt_deg < 0


def test_a_steep_roof_is_an_overhang_only_beyond_the_angle() -> None:
    """A box on one of its edges: its lower sides hang 45 degrees."""
    turn = np.array([[1, -1, 0], [1, 1, 0], [0, 0, 1]]) / [[math.sqrt(2)], [math.sqrt(2)], [1]]
    tipped = box(0.02, 0.02, 0.02).moved((box(0.02, 0.02, 0.02).vertices @ turn.T).astype(np.float32))
    assert standing(tipped, Conditions(overhang_deg=44)).overhang_mm2 == pytest.approx(2 * 400, rel=1e-4)
    assert standing(tipped, Conditions(overhang_deg=46)).overhang_mm2 == 0
    assert abs(standing(tipped).tilt_deg) < 0.01  # it balances on the edge


def test_a_ball_rolls_and_a_ring_lies() -> None:
    assert abs(standing(sphere(0.04, 100, 200)).tilt_deg) < 2
    assert standing(torus(0.04, 0.01)).tilt_deg > 60


def test_a_fine_plate_stands_as_a_coarse_one() -> None:
    rings = np.arange(600) / 600 * 2 * np.pi
    circle = np.column_stack([np.cos(rings), np.zeros(600), np.sin(rings)]) * 0.03
    vertices = np.concatenate([circle, circle + np.array([0, 0.03, 0]), [[0, 0, 0], [0, 0.03, 0]]])
    k = np.arange(600)
    n = (k + 1) % 600
    c, d = np.full(600, 1200), np.full(600, 1201)
    faces = np.concatenate(
        [np.stack(t, axis=1) for t in ((k, k + 600, n), (n, k + 600, n + 600), (k, n, c), (n + 600, k + 600, d))]
    )
    facts = standing(Mesh(vertices.astype(np.float32), faces.astype(np.int32)).validate())
    assert facts.tilt_deg == pytest.approx(math.degrees(math.atan2(30, 15)), abs=0.5)
    assert facts.contact_mm2 == pytest.approx(math.pi * 900, rel=1e-3)


def test_the_bed_may_be_used_along_or_across() -> None:
    bed = Conditions(bed_mm=(200, 100, 150))
    assert standing(box(0.1, 0.15, 0.2), bed).bed_use == pytest.approx(1.0, rel=1e-5)
    assert standing(box(0.1, 0.3, 0.2), bed).bed_use == pytest.approx(2.0, rel=1e-5)
    assert standing(box(0.15, 0.1, 0.15), bed).bed_use == pytest.approx(1.5, rel=1e-5)
