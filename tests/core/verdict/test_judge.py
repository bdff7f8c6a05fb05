"""The verdict on meshes whose faults are known, and on broken files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import read_mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.findings import Conditions, Finding, Level, Purpose, Severity, Verdict
from img2model_desktop.core.verdict.judge import judge
from img2model_desktop.core.verdict.measures import MEANINGS
from img2model_desktop.core.workshop import catalog
from img2model_desktop.errors import Cancelled, InputProblem
from tests.shapes import box, klein, mesh_of, moebius, pixels, textured, together, torus, turned

OPEN_BOX = replace(box(), faces=box().faces[[k for k in range(12) if k % 6 != 3]])  # without its top
MM80 = Conditions(size_mm=80.0)


def by_key(verdict: Verdict) -> dict[str, Finding]:
    return {finding.key: finding for finding in verdict.findings}


def fixes(finding: Finding) -> list[str]:
    return [step.operation for step in finding.fix]


# -- single faults -------------------------------------------------------------------------------------------------


def test_a_box_is_fit_for_everything() -> None:
    verdict = judge(box(), MM80)
    assert {verdict.level(purpose) for purpose in Purpose} == {Level.FIT}
    assert set(by_key(verdict)) == {"no_look"}


def test_the_figures_of_a_box() -> None:
    measures = judge(box(0.01, 0.02, 0.04)).measures
    assert measures["size_mm"] == pytest.approx([10, 20, 40])
    assert measures["volume_cm3"] == measures["material_cm3"] == pytest.approx(8.0)
    assert measures["weight_g"] == pytest.approx(8 * 1.24)
    assert measures["area_cm2"] == pytest.approx(28.0)
    assert measures["centre_of_mass_mm"] == pytest.approx([5, 10, 20])
    assert (measures["genus"], measures["euler"], measures["parts"], measures["positions"]) == (0, 2, 1, 8)
    assert measures["wall_min_mm"] == pytest.approx(10, rel=1e-5)
    assert measures["edge_p50_mm"] == pytest.approx(500**0.5, rel=1e-6)  # the diagonal of the smallest side
    assert (measures["stands"], measures["fits_bed"], measures["holes"]) == (True, True, 0)


def test_a_cube_of_20_mm_of_pla_weighs_what_it_weighs() -> None:
    assert judge(box(1, 1, 1), Conditions(size_mm=20.0)).measures["weight_g"] == pytest.approx(8 * 1.24)
    steel = Conditions(size_mm=20.0, density_g_cm3=7.85)
    assert judge(turned(box(1, 1, 1)), steel).measures["weight_g"] == pytest.approx(8 * 7.85)


def test_an_open_box_has_one_hole_of_known_length() -> None:
    verdict = judge(OPEN_BOX)
    assert verdict.level(Purpose.PRINT) is Level.FIXABLE
    assert (verdict.measures["holes"], verdict.measures["open_edges"]) == (1, 4)
    assert verdict.measures["longest_hole_mm"] == verdict.measures["open_mm"] == 10_000.0
    holes = by_key(verdict)["holes"]
    assert (holes.title, holes.severity[Purpose.PRINT], fixes(holes)) == ("1 hole", Severity.FIX, ["close_holes"])
    assert holes.place.edges.shape == (4, 2, 3)
    assert (holes.place.edges[:, :, 1] == 2.0).all()


def test_a_moebius_strip_cannot_be_closed_or_turned_right() -> None:
    found = by_key(judge(moebius(), MM80))
    assert {"holes", "one_sided"} <= set(found)
    assert fixes(found["one_sided"]) == ["solid"]
    assert len(found["one_sided"].place.faces) == len(moebius().faces)


def test_a_klein_bottle_has_one_side_and_crosses_itself() -> None:
    found = by_key(judge(klein(), MM80))
    assert {"one_sided", "crossings"} <= set(found)
    assert "holes" not in found
    assert fixes(found["crossings"]) == ["solid"]
    assert len(found["crossings"].place.faces) == 96


def test_an_inside_out_box() -> None:
    found = by_key(judge(turned(box()), MM80))
    assert found["inside_out"].place.faces.tolist() == list(range(12))
    assert fixes(found["inside_out"]) == ["turn_out"]
    assert set(found["inside_out"].severity) == set(Purpose)


def test_one_turned_face() -> None:
    faces = box().faces.copy()
    faces[5] = faces[5, ::-1]
    found = by_key(judge(replace(box(), faces=faces), MM80))
    assert found["turned"].place.faces.tolist() == [5]
    assert "holes" not in found


def test_a_doubled_face_is_found_and_dropping_it_is_enough() -> None:
    doubled = replace(box(), faces=np.concatenate([box().faces, box().faces[:1]]))
    found = by_key(judge(doubled, MM80))
    assert found["doubled"].place.faces.tolist() == [12]
    assert fixes(found["crowded_edges"]) == ["drop_bad"]
    assert "overlaps" not in found


def test_a_fin_needs_a_new_skin() -> None:
    fin = mesh_of(np.append(box().vertices, [[-1, 0, -1]], axis=0), np.append(box().faces, [[0, 3, 8]], axis=0))
    assert fixes(by_key(judge(fin, MM80))["crowded_edges"]) == ["solid"]


def test_a_bowtie_vertex_is_shown_at_its_point() -> None:
    found = by_key(judge(together(box(1, 1, 1), box(1, 1, 1, at=(1, 1, 1))), MM80))
    assert found["pinched"].place.points.tolist() == [[1, 1, 1]]


def test_boxes_through_each_other_are_united() -> None:
    pair = together(box(16, 16, 16), box(16, 16, 16, at=(3, 5, 9)))
    found = by_key(judge(pair, MM80))
    assert fixes(found["crossings"]) == ["unite"]
    assert found["crossings"].severity == {Purpose.PRINT: Severity.FIX}
    assert "inner_shells" not in found


def test_nested_shells() -> None:
    outer, inner = box(4, 4, 4), box(2, 2, 2, at=(1, 1, 1))
    filled, hollow = judge(together(outer, inner), MM80), judge(together(outer, turned(inner)), MM80)
    assert by_key(filled)["inner_shells"].place.faces.tolist() == list(range(12, 24))
    assert fixes(by_key(filled)["inner_shells"]) == ["unite"]
    assert by_key(hollow)["cavities"].severity == {Purpose.PRINT: Severity.NOTE}
    assert hollow.level(Purpose.PRINT) is Level.FIT
    assert hollow.measures["material_cm3"] == pytest.approx(filled.measures["material_cm3"] * 56 / 64)


def test_a_thin_plate_is_thick_enough_when_it_is_larger() -> None:
    plate = box(0.1, 0.001, 0.1)
    thin = judge(plate, Conditions(size_mm=50.0, wall_mm=0.8))
    assert thin.measures["wall_p01_mm"] == pytest.approx(0.5, rel=1e-4)
    assert by_key(thin)["thin_walls"].severity == {Purpose.PRINT: Severity.FIX}
    assert "80.0 mm" in by_key(thin)["thin_walls"].advice
    assert "thin_walls" not in by_key(judge(plate, Conditions(size_mm=81.0, wall_mm=0.8)))


def test_a_tower_that_falls_gets_a_plinth() -> None:
    tower = box(0.02, 0.06, 0.02)
    vertices = tower.vertices.copy()
    vertices[:, 0] += vertices[:, 1]
    verdict = judge(tower.moved(vertices))
    assert (verdict.measures["stands"], verdict.measures["tips_deg"]) == (False, None)
    assert fixes(by_key(verdict)["falls"]) == ["base"]
    assert by_key(verdict)["falls"].place.points[0] == pytest.approx([0.04, 0.03, 0.01], abs=1e-6)


def test_what_is_larger_than_the_bed_is_scaled_to_fit() -> None:
    (step,) = by_key(judge(box(0.5, 0.1, 0.1)))["bed"].fix
    size = dict(step.options)["size_mm"]
    assert isinstance(size, float)
    assert judge(box(0.5, 0.1, 0.1), Conditions(size_mm=size)).measures["fits_bed"]


def test_no_face_with_area_is_not_fit_for_anything() -> None:
    verdict = judge(mesh_of(np.zeros((3, 3)), [[0, 1, 2]]))
    assert {verdict.level(purpose) for purpose in Purpose} == {Level.UNFIT}
    assert verdict.findings[0].key == "empty"
    assert verdict.measures["wall_min_mm"] is None


def test_textures_and_triangles() -> None:
    found = by_key(judge(textured(torus(), pixels(4608, 48)), MM80))
    assert found["texture"].severity == {Purpose.GAME: Severity.FIX, Purpose.WEB: Severity.FIX}
    assert dict(found["texture"].fix[0].options) == {"texture_px": 2048}
    assert {"odd_texture", "uv_overlap"} <= set(found)
    assert "no_look" not in found
    many = by_key(judge(torus(rows=310, columns=100), MM80))["triangles"]
    assert (many.title, dict(many.fix[0].options)) == ("62,000 triangles", {"faces": 60_000})
    assert many.severity == {Purpose.GAME: Severity.FIX}


# -- the whole -----------------------------------------------------------------------------------------------------

BROKEN = [
    box(),
    OPEN_BOX,
    moebius(),
    klein(),
    turned(box()),
    textured(torus()),
    together(box(4, 4, 4), box(2, 2, 2, at=(1, 1, 1)), box(0.1, 0.1, 0.1, at=(9, 0, 0)), box(3, 3, 3, at=(2, 2, 2))),
    mesh_of([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]),
    mesh_of(np.zeros((3, 3)), [[0, 1, 2]]),
]


@pytest.mark.parametrize("mesh", BROKEN)
def test_it_can_be_said_shown_and_done(mesh: Mesh) -> None:
    verdict = judge(mesh, MM80)
    check(verdict, mesh)
    assert list(verdict.measures) == list(MEANINGS)
    assert json.loads(json.dumps(verdict.to_dict())) == verdict.to_dict()


def check(verdict: Verdict, mesh: Mesh) -> None:
    worst = [max(finding.severity.values(), key=list(Severity).index) for finding in verdict.findings]
    assert worst == sorted(worst, key=list(Severity).index, reverse=True)
    for finding in verdict.findings:
        assert finding.title
        assert finding.reason.endswith(".")
        assert finding.advice.endswith(".")
        assert len(finding.title.split()) <= 6
        assert finding.place.faces.dtype == np.int32
        assert ((finding.place.faces >= 0) & (finding.place.faces < len(mesh.faces))).all()
        assert finding.place.edges.shape[1:] == (2, 3)
        assert finding.place.points.shape[1:] == (3,)
        for step in finding.fix:
            catalog.find(step.operation)


def test_broken_files_are_judged(shared_eval: Path) -> None:
    judged = 0
    for path in sorted((shared_eval / "badinput" / "meshes").rglob("*")):
        if not path.is_file():
            continue
        try:
            mesh = read_mesh(path)
        except InputProblem:
            continue
        check(judge(mesh, MM80), mesh)
        judged += 1
    assert judged >= 15


def test_scans_are_clean_and_drawn_meshes_are_not(shared_eval: Path) -> None:
    clean = judge(read_mesh(shared_eval / "objects" / "gso_dog_statue" / "mesh.ply"), MM80)
    assert clean.level(Purpose.PRINT) is Level.FIT
    assert (clean.measures["watertight"], clean.measures["crossing_pairs"]) == (True, 0)
    drawn = judge(read_mesh(shared_eval / "objects" / "mkt_bike" / "mesh.ply"), MM80)
    assert drawn.level(Purpose.PRINT) is Level.FIXABLE
    assert {"holes", "crowded_edges", "crossings", "debris", "doubled", "turned"} <= set(by_key(drawn))


def test_cancelling_ends_it_at_any_time() -> None:
    mesh = textured(torus())
    asked = 0

    def count() -> bool:
        nonlocal asked
        asked += 1
        return False

    judge(mesh, MM80, Progress(is_cancelled=count))
    for stop in range(1, asked, max(1, asked // 12)):
        left = stop

        def spent() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        with pytest.raises(Cancelled):
            judge(mesh, MM80, Progress(is_cancelled=spent))


def test_progress_goes_up_to_the_end() -> None:
    seen: list[float] = []
    judge(torus(rows=200, columns=100), MM80, Progress(seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


# -- what must not matter ------------------------------------------------------------------------------------------

RING = torus().moved(torus().vertices + np.array([0.117, 0.093, 0.071], dtype=np.float32))
SCENE = together(box(4, 4, 4), box(2, 2, 2, at=(1, 1, 1)), box(3, 3, 3, at=(2.3, 2.4, 2.6)), RING)
SAME = ("parts", "holes", "nonmanifold_edges", "euler", "genus", "crossing_pairs", "wedged_pairs", "inner_shells",
        "cavities", "inside_out_parts", "debris_parts", "doubled_faces", "watertight", "manifold")  # fmt: skip
NEAR = ("area_cm2", "volume_cm3", "material_cm3", "edge_p50_mm", "aspect_p95", "weight_g")
TURNS = strategies.tuples(*[strategies.floats(-1, 1)] * 4)


def rotation(q: tuple[float, float, float, float]) -> NDArray[np.float64]:
    w, x, y, z = np.array(q) / (np.linalg.norm(q) or 1.0) if np.linalg.norm(q) > 0.1 else (1.0, 0.0, 0.0, 0.0)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def told(mesh: Mesh, names: tuple[str, ...], conditions: Conditions | None = None) -> dict[str, Any]:
    measures = judge(mesh, conditions).measures
    return {name: measures[name] for name in names}


@hypothesis.given(TURNS, strategies.floats(-8, 8), strategies.integers(0, 2**32 - 1))
@hypothesis.settings(max_examples=15)
def test_place_turn_and_order_do_not_matter(q: tuple[float, float, float, float], shift: float, seed: int) -> None:
    moved = SCENE.moved((SCENE.vertices @ rotation(q).T + shift).astype(np.float32))
    order = np.random.default_rng(seed).permutation(len(moved.faces))
    shuffled = replace(moved, faces=np.roll(moved.faces, seed % 3, axis=1)[order])
    assert told(shuffled, SAME) == told(SCENE, SAME)
    assert told(shuffled, NEAR) == pytest.approx(told(SCENE, NEAR), rel=1e-5)


@hypothesis.given(strategies.floats(0.001, 1000), strategies.floats(0, 360))
@hypothesis.settings(max_examples=15)
def test_the_judged_size_and_the_side_it_is_seen_from(scale: float, degrees: float) -> None:
    """The same object at the same judged size, drawn larger or smaller and turned around the vertical."""
    half = np.radians(degrees) / 2
    tall = torus()
    seen = tall.moved((tall.vertices @ rotation((np.cos(half), 0, np.sin(half), 0)).T * scale).astype(np.float32))
    size = 80.0 * float(seen.size_m.max() / scale / tall.size_m.max())
    names = ("overhang_mm2", "tilt_margin_deg", "footprint_mm2", "wall_p01_mm", "material_cm3", "edge_p95_mm")
    assert told(seen, names, Conditions(size_mm=size)) == pytest.approx(told(tall, names, MM80), rel=0.01)
