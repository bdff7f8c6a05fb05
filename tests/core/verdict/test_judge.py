"""The verdict on meshes whose faults are known."""

import json
from dataclasses import replace

import numpy as np

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.verdict.findings import Conditions, Level, Purpose, Severity, Verdict
from img2model_desktop.core.verdict.judge import judge
from img2model_desktop.core.workshop import catalog
from tests.shapes import box, moebius, textured, torus, turned

OPEN_BOX = replace(box(), faces=box().faces[[k for k in range(12) if k % 6 != 3]])  # without its top


def keys(verdict: Verdict) -> list[str]:
    return [finding.key for finding in verdict.findings]


def test_a_box_is_fit_for_print() -> None:
    verdict = judge(box(), Conditions(size_mm=80.0))
    assert verdict.level(Purpose.PRINT) is Level.FIT
    assert (verdict.measures["watertight"], verdict.measures["holes"], verdict.measures["genus"]) == (True, 0, 0)


def test_an_open_box_has_one_hole_of_known_length() -> None:
    verdict = judge(OPEN_BOX)
    assert verdict.level(Purpose.PRINT) is Level.FIXABLE
    assert (verdict.measures["holes"], verdict.measures["open_edges"]) == (1, 4)
    assert verdict.measures["longest_hole_mm"] == 10_000.0
    (holes,) = [finding for finding in verdict.findings if finding.key == "holes"]
    assert holes.severity[Purpose.PRINT] is Severity.FIX
    assert [step.operation for step in holes.fix] == ["close_holes"]
    assert (holes.place.edges[:, :, 1] == 2.0).all()


def test_moebius_strip_has_one_side_and_one_rim() -> None:
    verdict = judge(moebius())
    assert {"holes", "one_sided"} <= set(keys(verdict))
    assert (verdict.measures["holes"], verdict.measures["one_sided_parts"]) == (1, 1)


def test_inside_out_box() -> None:
    (finding,) = [finding for finding in judge(turned(box())).findings if finding.key == "inside_out"]
    assert sorted(finding.place.faces) == list(range(12))


def test_doubled_face_is_found_and_dropping_it_is_enough() -> None:
    doubled = replace(box(), faces=np.concatenate([box().faces, box().faces[:1]]))
    findings = {finding.key: finding for finding in judge(doubled).findings}
    assert findings["doubled"].place.faces.tolist() == [12]
    assert [step.operation for step in findings["crowded_edges"].fix] == ["drop_bad"]


def test_every_fix_is_an_operation_and_everything_is_plain() -> None:
    for mesh in (box(), OPEN_BOX, moebius(), turned(box()), textured(torus())):
        verdict = judge(mesh)
        assert json.loads(json.dumps(verdict.to_dict())) == verdict.to_dict()
        for finding in verdict.findings:
            for step in finding.fix:
                catalog.find(step.operation)


def test_texture_seams_are_no_fault() -> None:
    mesh: Mesh = textured(torus())
    assert {finding.key for finding in judge(mesh).findings}.isdisjoint({"holes", "crowded_edges", "debris"})
