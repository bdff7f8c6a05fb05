"""How closed parts lie in each other, and what they weigh."""

import numpy as np
import pytest

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.findings import Conditions
from img2model_desktop.core.verdict.judge import survey_of
from img2model_desktop.core.verdict.shells import ShellFacts
from tests.shapes import box, mesh_of, sphere, together, turned

OUTER = box(4, 4, 4)
INNER = box(2, 2, 2, at=(1, 1, 1))
CORE = box(1, 1, 1, at=(1.5, 1.5, 1.5))
CM3 = 1e9  # mm3 in a metre cubed


def shells(mesh: Mesh) -> ShellFacts:
    facts = survey_of(mesh, Conditions(), Progress()).shells
    assert facts is not None
    return facts


def test_a_box_is_a_solid() -> None:
    facts = shells(box(1, 2, 4, at=(3, 5, 7)))
    assert facts.material_mm3 == pytest.approx(8e9, rel=1e-12)
    assert facts.middle_mm == pytest.approx([3500, 6000, 9000])
    assert (len(facts.inside_out), len(facts.inner), len(facts.cavities)) == (0, 0, 0)


def test_a_box_inside_out_has_the_same_material() -> None:
    facts = shells(turned(OUTER))
    assert facts.volume.tolist() == pytest.approx([-64e9])
    assert facts.inside_out.tolist() == [0]
    assert facts.material_mm3 == pytest.approx(64e9)


def test_a_shell_inside_adds_nothing() -> None:
    facts = shells(together(OUTER, INNER))
    assert (facts.inner.tolist(), facts.cavities.tolist(), facts.inside_out.tolist()) == ([1], [], [])
    assert facts.material_mm3 == pytest.approx(64e9)


def test_a_reversed_shell_inside_is_a_cavity() -> None:
    facts = shells(together(OUTER, turned(INNER)))
    assert (facts.inner.tolist(), facts.cavities.tolist(), facts.inside_out.tolist()) == ([], [1], [])
    assert facts.material_mm3 == pytest.approx((64 - 8) * 1e9)


def test_a_body_in_a_cavity_counts_again() -> None:
    facts = shells(together(CORE, turned(INNER), OUTER))
    assert (facts.inner.tolist(), facts.cavities.tolist()) == ([], [1])
    assert facts.material_mm3 == pytest.approx((64 - 8 + 1) * 1e9)


def test_a_hollow_body_inside_out_is_turned_as_a_whole() -> None:
    facts = shells(together(turned(OUTER), INNER))
    assert (facts.inner.tolist(), facts.cavities.tolist(), facts.inside_out.tolist()) == ([], [1], [0])
    assert facts.sign.tolist() == [-1, -1]
    assert facts.material_mm3 == pytest.approx((64 - 8) * 1e9)


def test_boxes_beside_each_other_and_through_each_other_are_not_inside() -> None:
    facts = shells(together(OUTER, box(1, 1, 1, at=(9, 0, 0)), box(2, 2, 2, at=(3, 1, 1))))
    assert (len(facts.inner), len(facts.cavities), len(facts.inside_out)) == (0, 0, 0)


def test_a_box_in_the_hole_of_a_frame_is_not_inside() -> None:
    """Its box lies in the frame's box, and it does not touch the frame."""
    angle = np.arange(8) / 8 * 2 * np.pi
    rings = [
        np.column_stack([r * np.cos(angle), np.full(8, y), r * np.sin(angle)])
        for r, y in ((3, 1), (3, -1), (2, -1), (2, 1))
    ]
    faces = []
    for ring in range(4):
        for k in range(8):
            a, b = ring * 8 + k, ring * 8 + (k + 1) % 8
            c, d = (ring + 1) % 4 * 8 + k, (ring + 1) % 4 * 8 + (k + 1) % 8
            faces += [[a, b, c], [b, d, c]]
    frame = mesh_of(np.concatenate(rings), faces)
    facts = shells(together(frame, box(1, 1, 1, at=(-0.5, -0.5, -0.5))))
    assert (len(facts.inner), len(facts.cavities), len(facts.inside_out)) == (0, 0, 0)


def test_many_crumbs_in_a_ball() -> None:
    crumbs = [box(0.02, 0.02, 0.02, at=(x / 20, y / 20, 0.013)) for x in range(-4, 5) for y in range(-4, 5)]
    facts = shells(together(sphere(0.5), *crumbs))
    assert len(facts.inner) == 81
    assert facts.material_mm3 == pytest.approx(facts.volume[0])


def test_an_open_body_has_no_material_and_the_middle_of_its_skin() -> None:
    open_box = mesh_of(box(2, 2, 2).vertices, box(2, 2, 2).faces[[k for k in range(12) if k % 6 != 3]])
    facts = shells(open_box)
    assert facts.material_mm3 is None
    assert facts.middle_mm == pytest.approx([1000, 800, 1000])  # five sides: (0 + 4 x 1) / 5 high
