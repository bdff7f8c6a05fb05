"""Plans: ordered, said in words, and what they do makes a mesh fit."""

from functools import partial

import numpy as np
import pytest

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.findings import Conditions, Finding, Level, Purpose, Severity, Verdict
from img2model_desktop.core.verdict.judge import judge
from img2model_desktop.core.workshop.catalog import OPERATIONS
from img2model_desktop.core.workshop.plans import ORDER, SENTENCES, describe, fix, is_solid, plan_for, rank
from img2model_desktop.core.workshop.stack import do_steps
from img2model_desktop.core.workshop.step import Step, step
from img2model_desktop.errors import Cancelled
from tests.shapes import box, mesh_of, moebius, sphere, textured, together, torus, turned

PRINT = Purpose.PRINT


def finding(key: str, *fixes: Step, severity: Severity = Severity.FIX, purpose: Purpose = PRINT) -> Finding:
    return Finding(key, key, "", "", {purpose: severity}, fix=fixes)


def verdict_of(*findings: Finding, **measures: object) -> Verdict:
    return Verdict(measures, findings, Conditions())


# -- plans -------------------------------------------------------------------------------------------------------------


def test_every_operation_has_a_place_in_the_order_and_a_sentence() -> None:
    keys = sorted(operation.key for operation in OPERATIONS)
    assert sorted(ORDER) == keys
    assert sorted(SENTENCES) == keys
    for sentence in describe(tuple(Step(key) for key in keys)):
        assert sentence.endswith(".")
        assert "  " not in sentence


def test_a_plan_is_ordered_and_nothing_is_in_it_twice() -> None:
    found = verdict_of(
        finding("a", step("unwrap"), step("decimate", faces=50_000)),
        finding("b", step("decimate", faces=20_000)),
        finding("c", step("turn_out")),
        finding("d", step("turn_out"), step("drop_bad")),
        finding("e", step("mirror"), severity=Severity.NOTE),
        finding("f", step("cut"), purpose=Purpose.RENDER),
    )
    assert plan_for(found, PRINT) == (
        step("drop_bad"),
        step("turn_out"),
        step("decimate", faces=20_000),
        step("unwrap"),
    )


def test_make_solid_replaces_what_it_does_itself_and_knows_the_wall() -> None:
    found = verdict_of(
        finding("holes", step("close_holes")), finding("x", step("solid")), finding("b", step("base")), longest_mm=100.0
    )
    assert plan_for(found, PRINT) == (step("solid", detail=192, sheet_mm=0.84), step("base"))
    tiny = verdict_of(finding("x", step("solid")), longest_mm=2.0)
    assert plan_for(tiny, PRINT) == (step("solid"),)
    assert plan_for(verdict_of(finding("thin_walls"), longest_mm=50.0), PRINT)[0].operation == "solid"


def test_much_debris_is_no_debris() -> None:
    crumbs = finding("debris", step("drop_debris"))
    assert plan_for(verdict_of(crumbs, debris_area_share=0.01), PRINT) == (step("drop_debris"),)
    assert plan_for(verdict_of(crumbs, debris_area_share=0.3), PRINT) == ()


def test_sentences_have_the_numbers() -> None:
    steps = (step("close_holes"), step("decimate", faces=20_000), step("scale", size_mm=80.0), step("base"))
    assert describe(steps, verdict_of(holes=3)) == (
        "Closes 3 holes.",
        "Reduces it to 20,000 triangles.",
        "Scales it: its longest side will be 80 mm.",
        "Cuts 1 mm off the bottom, so that it stands flat.",
    )
    assert describe(steps[:1], verdict_of(holes=1)) == ("Closes 1 hole.",)
    assert describe(steps[:1]) == ("Closes holes.",)


# -- fix ---------------------------------------------------------------------------------------------------------------


def broken_box() -> Mesh:
    """40 mm long, one side open, one face turned, on the ground."""
    mesh = box(0.03, 0.02, 0.04)
    faces = np.delete(mesh.faces, 4, axis=0)
    faces[0] = faces[0, ::-1]
    return mesh_of(mesh.vertices, faces)


def test_a_fit_mesh_is_left_alone() -> None:
    mesh = textured(box(0.03, 0.02, 0.04))
    fixed = fix(mesh, PRINT)
    assert fixed.mesh is mesh
    assert fixed.steps == ()
    assert fixed.before is fixed.after


def test_a_broken_box_is_mended_gently() -> None:
    fixed = fix(broken_box(), PRINT)
    facts = measure(fixed.mesh)
    assert facts.volume_m3 == pytest.approx(0.03 * 0.02 * 0.04, rel=1e-5)
    assert "solid" not in [one.operation for one in fixed.steps]
    assert fixed.before.level(PRINT) is not Level.FIT
    assert fixed.after.level(PRINT) is Level.FIT


@pytest.mark.parametrize(
    "mesh",
    [
        moebius(),
        mesh_of([[0, 0, 0], [1, 0, 0], [0.2, 0.3, 1]], [[0, 1, 2]]),
        together(box(1, 1, 1), box(1, 1, 1, at=(0.5, 0.5, 0.5)), turned(box(1, 1, 1, at=(-0.4, 0.2, 0.3)))),
        together(box(1, 1, 1), box(1, 1, 1, at=(1, 1, 0))),
    ],
    ids=["moebius", "triangle", "overlapping", "edge in common"],
)
def test_whatever_is_to_be_printed_is_a_closed_solid_of_the_size_asked_for(mesh: Mesh) -> None:
    fixed = fix(mesh, PRINT, Conditions(size_mm=60.0, wall_mm=1.5))
    facts = measure(fixed.mesh)
    assert facts.watertight
    assert facts.manifold
    assert facts.volume_m3 > 0
    assert fixed.steps[0] == step("scale", size_mm=60.0, axis="longest")
    if "base" not in [one.operation for one in fixed.steps]:  # a plinth may be larger than what stands on it
        assert max(facts.size_m) == pytest.approx(0.06, rel=0.05)
    assert is_solid(fixed.after)
    assert rank(fixed.after, PRINT) < rank(fixed.before, PRINT)


def test_the_steps_do_the_same_again() -> None:
    fixed = fix(broken_box(), PRINT, Conditions(size_mm=60.0))
    again = do_steps(broken_box(), fixed.steps).mesh
    assert again.vertices.tobytes() == fixed.mesh.vertices.tobytes()
    assert again.faces.tobytes() == fixed.mesh.faces.tobytes()


def test_what_is_made_printable_is_still_textured() -> None:
    source = textured(torus(0.03, 0.008))
    open_ring = Mesh(source.vertices, source.faces[:-3], source.uv, source.base_colour)
    fixed = fix(open_ring, PRINT)
    assert is_solid(fixed.after)
    assert fixed.mesh.base_colour is not None
    assert fixed.mesh.uv is not None


def test_a_game_mesh_has_few_triangles_and_stands_on_the_ground() -> None:
    fine = sphere(0.1, rows=190, columns=180)
    assert len(fine.faces) > 60_000
    fixed = fix(fine.moved(fine.vertices + np.float32(3)), Purpose.GAME)
    assert [one.operation for one in fixed.steps] == ["decimate", "floor"]
    assert len(fixed.mesh.faces) <= 60_000
    assert fixed.mesh.bounds[0][1] == pytest.approx(0.0, abs=1e-6)
    assert measure(fixed.mesh).watertight
    assert fixed.after.level(Purpose.GAME) is Level.FIT
    assert judge(fixed.mesh).level(Purpose.GAME) is Level.FIT


def test_it_stops_when_asked() -> None:
    for after in (1, 30, 60):
        asked = iter([False] * after)
        with pytest.raises(Cancelled):
            fix(moebius(), PRINT, progress=Progress(is_cancelled=partial(next, asked, True)))
