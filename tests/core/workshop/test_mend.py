"""Mending: what is dropped, joined and turned, exactly; what is closed stays closed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.mend import clean
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.stack import do_steps
from img2model_desktop.core.workshop.step import step
from img2model_desktop.errors import Cancelled, EngineProblem, InputProblem
from tests.shapes import box, klein, least_seconds, mesh_of, moebius, sphere, textured, together, torus, turned

CLOSED = {"box": box(), "ball": sphere(rows=7, columns=9), "ring": torus(rows=9, columns=7)}


def soup(mesh: Mesh) -> Mesh:
    """A vertex of its own for each corner."""
    return mesh_of(mesh.vertices[mesh.faces].reshape(-1, 3), np.arange(mesh.faces.size).reshape(-1, 3))


def with_faces(mesh: Mesh, *extra: list[int]) -> Mesh:
    return replace(mesh, faces=np.concatenate([mesh.faces, np.array(extra, np.int32).reshape(-1, 3)]))


def test_a_clean_mesh_stays_as_it_is() -> None:
    for mesh in (*CLOSED.values(), moebius(), klein(), together(box(4, 4, 4), turned(box(1, 1, 1, at=(1, 1, 1))))):
        again = clean(mesh)
        assert np.array_equal(again.vertices, mesh.vertices)
        assert np.array_equal(again.faces, mesh.faces)


def test_soup_is_welded() -> None:
    mesh = clean(soup(torus()))
    assert len(mesh.vertices) == len(torus().vertices)
    assert measure(mesh) == replace(measure(torus()), area_m2=measure(mesh).area_m2, volume_m3=measure(mesh).volume_m3)
    assert measure(mesh).volume_m3 == pytest.approx(measure(torus()).volume_m3, rel=1e-12)


def test_vertices_with_another_uv_are_not_welded_and_the_picture_stays() -> None:
    mesh = textured(box())
    doubled = Mesh(
        np.concatenate([mesh.vertices, mesh.vertices]),
        np.concatenate([mesh.faces[:6], mesh.faces[6:] + 36]),
        np.concatenate([mesh.uv, mesh.uv]),
        mesh.base_colour,
    )
    again = clean(doubled)
    assert len(again.vertices) == 36
    assert again.base_colour is mesh.base_colour
    assert np.array_equal(again.vertices[again.faces], mesh.vertices[mesh.faces])
    assert np.array_equal(again.uv[again.faces], mesh.uv[mesh.faces])
    assert measure(again).watertight


def test_what_has_no_use_goes() -> None:
    whole = box()
    extra = np.concatenate([whole.vertices, np.full((3, 3), 9, np.float32), whole.vertices[:1]])
    mesh = with_faces(replace(whole, vertices=extra), [0, 0, 1], [0, 11, 4], list(whole.faces[3]))
    again = clean(mesh)
    assert np.array_equal(again.vertices, whole.vertices)
    assert np.array_equal(again.faces, whole.faces)


def test_a_repeated_face_goes_whichever_corner_it_begins_with() -> None:
    face = box().faces[7]
    for k in range(3):
        mesh = with_faces(box(), list(np.roll(face, k)))
        assert not measure(mesh).watertight
        assert measure(clean(mesh)).volume_m3 == 8.0


def test_a_face_and_its_back_are_not_the_same() -> None:
    sheet = mesh_of([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2], [2, 1, 0]])
    assert np.array_equal(clean(sheet).faces, sheet.faces)


@pytest.mark.parametrize("flip", [[0], [3, 4, 5], list(range(0, 12, 2)), list(range(12))])
def test_turned_faces_are_turned_back(flip: list[int]) -> None:
    faces = box().faces.copy()
    faces[flip] = faces[flip][:, ::-1]
    facts = measure(clean(replace(box(), faces=faces)))
    assert (facts.watertight, facts.volume_m3) == (True, 8.0)


def test_an_open_surface_becomes_consistent_as_most_of_it_is() -> None:
    faces = box().faces[:11].copy()
    faces[[2, 5]] = faces[[2, 5]][:, ::-1]
    again = clean(replace(box(), faces=faces))
    assert np.array_equal(np.sort(again.faces, axis=1), np.sort(box().faces[:11], axis=1))
    assert measure(again).oriented
    assert (again.faces != faces).any(axis=1).nonzero()[0].tolist() == [2, 5]


def test_bodies_inside_out_are_turned_and_cavities_stay() -> None:
    big, hole = box(8, 8, 8), turned(box(1, 1, 1, at=(1, 1, 1)))
    core = box(0.25, 0.25, 0.25, at=(1.25, 1.25, 1.25))
    beside = turned(box(1, 1, 1, at=(20, 0, 0)))
    right = measure(together(big, hole, core)).volume_m3
    assert right == 512 - 1 + 1 / 64
    assert measure(clean(together(big, hole, core))).volume_m3 == right
    assert measure(clean(turned(together(big, hole, core)))).volume_m3 == right
    assert measure(clean(together(turned(big), turned(hole), turned(core), beside))).volume_m3 == right + 1


def test_bodies_that_share_an_edge_are_turned_out_together() -> None:
    pair = together(box(1, 1, 1), box(1, 1, 1, at=(1, 1, 0)))
    wanted = clean(pair)
    assert np.array_equal(wanted.vertices[wanted.faces], pair.vertices[pair.faces])
    again = clean(turned(pair))
    assert np.array_equal(again.vertices[again.faces], pair.vertices[pair.faces])


def test_a_body_in_the_box_of_another_but_outside_it_is_turned_for_itself() -> None:
    ring = torus(0.5, 0.125)
    inside_hole = turned(box(0.1, 0.1, 0.1, at=(-0.05, -0.05, -0.05)))
    volume = measure(clean(together(turned(ring), inside_hole))).volume_m3
    assert volume == pytest.approx(measure(ring).volume_m3 + 0.001, rel=1e-6)
    assert measure(clean(together(ring, inside_hole))).volume_m3 == pytest.approx(volume, rel=1e-12)


def test_floaters_go_when_asked_and_the_largest_part_never() -> None:
    mesh = together(box(4, 4, 4), box(0.1, 0.1, 0.1, at=(9, 9, 9)), box(2, 2, 2, at=(5, 0, 0)))
    assert measure(clean(mesh)).parts == 3
    assert measure(clean(mesh, floater_share=0.01)).volume_m3 == 64 + 8
    assert measure(clean(mesh, floater_share=0.5)).volume_m3 == 64
    assert measure(clean(mesh, floater_share=1.0)).volume_m3 == 64


def test_a_mesh_without_any_area_is_a_problem_with_advice() -> None:
    with pytest.raises(EngineProblem, match="without area"):
        clean(mesh_of(np.zeros((4, 3)), [[0, 1, 2], [1, 2, 3]]))


def test_it_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        clean(box(), Progress(is_cancelled=lambda: True))


def test_it_reports_up_to_the_end() -> None:
    reports: list[float] = []
    clean(turned(box()), Progress(reports.append))
    assert reports == sorted(reports)
    assert reports[-1] == 1.0


def _disorder(mesh: Mesh, seed: int) -> Mesh:
    """The same surface: faces shuffled, corners rolled, vertices repeated, empty faces and unused vertices added."""
    rng = np.random.default_rng(seed)
    faces = mesh.faces[rng.permutation(len(mesh.faces))]
    faces = np.take_along_axis(faces, (np.arange(3) + rng.integers(0, 3, (len(faces), 1))) % 3, axis=1)
    copies = np.where(rng.random(faces.shape) < 0.3, len(mesh.vertices), 0)
    empty = faces[rng.integers(0, len(faces), 3)][:, [0, 1, 1]]
    vertices = np.concatenate([mesh.vertices, mesh.vertices, rng.random((2, 3), np.float32)])
    return Mesh(vertices, np.concatenate([faces + copies, empty]).astype(np.int32)).validate()


@given(st.lists(st.sampled_from(sorted(CLOSED)), min_size=1, max_size=4), st.integers(0, 2**32), st.booleans())
def test_closed_bodies_stay_closed_and_keep_their_volume(names: list[str], seed: int, inside_out: bool) -> None:
    apart = [CLOSED[name].moved(CLOSED[name].vertices + np.float32(8 * k)) for k, name in enumerate(names)]
    mesh = together(*apart)
    before = measure(mesh)
    rough = _disorder(turned(mesh) if inside_out else mesh, seed)
    after = measure(clean(rough))
    assert (after.watertight, after.manifold, after.parts) == (True, True, len(names))
    assert (after.vertices, after.faces, after.degenerate_faces) == (before.vertices, before.faces, 0)
    assert after.volume_m3 == pytest.approx(before.volume_m3, rel=1e-9)
    assert clean(clean(rough)).faces.tolist() == clean(rough).faces.tolist()


def test_two_hundred_thousand_faces_are_cleaned_and_measured_in_less_than_one_and_a_half_seconds() -> None:
    mesh = turned(soup(torus(rows=500, columns=200)))
    assert least_seconds(lambda: measure(clean(mesh)), times=2) < 1.5
    assert (measure(clean(mesh)).genus, measure(clean(mesh)).watertight) == (1, True)


# -- operations --------------------------------------------------------------------------------------------------------


def done(mesh: Mesh, operation: str, **options: float) -> Outcome:
    return do_steps(mesh, [step(operation, **options)])


def test_weld_joins_equal_vertices_and_says_how_many() -> None:
    outcome = done(soup(torus()), "weld")
    assert len(outcome.mesh.vertices) == len(torus().vertices)
    assert outcome.notes == (f"{3 * 768 - 384} vertices became one with others.",)
    assert done(torus(), "weld").notes == ()
    assert np.array_equal(done(torus(), "weld").mesh.vertices, torus().vertices)


def test_weld_by_distance_joins_chains_and_nothing_else() -> None:
    x = [0.0, 0.9, 1.8, 4.0]  # the first three hang together by steps of 0.9 mm, the fourth lies apart
    mesh = mesh_of(
        [[at / 1000, 0, 0] for at in x] + [[0, 1, 0], [0, 0, 1]],
        [[0, 4, 5], [1, 4, 5], [2, 4, 5], [3, 4, 5], [0, 1, 4]],
    )
    outcome = done(mesh, "weld", distance_mm=1.0)
    assert outcome.mesh.vertices.tolist() == [
        [pytest.approx(0.0009), 0, 0], [pytest.approx(0.004), 0, 0], [0, 1, 0], [0, 0, 1]
    ]  # fmt: skip
    assert len(outcome.mesh.faces) == 4
    assert "1 faces were smaller" in outcome.notes[1]
    assert len(done(mesh, "weld", distance_mm=0.5).mesh.vertices) == 6


def test_weld_by_distance_closes_cracks_and_leaves_seams() -> None:
    cracked = soup(box(1, 1, 1))
    shift = np.random.default_rng(0).normal(0, 1e-5, cracked.vertices.shape).astype(np.float32)
    cracked = cracked.moved(cracked.vertices + shift)
    assert not measure(cracked).watertight
    after = done(cracked, "weld", distance_mm=0.5).mesh
    assert (measure(after).watertight, len(after.vertices)) == (True, 8)
    seamed = textured(box(1, 1, 1))
    seamed = seamed.moved(seamed.vertices + shift)
    after = done(seamed, "weld", distance_mm=0.5).mesh
    assert (measure(after).watertight, len(after.vertices), measure(after).positions) == (True, 36, 8)
    assert np.array_equal(after.uv[after.faces], seamed.uv[seamed.faces])


def test_a_distance_that_joins_everything_is_refused_or_leaves_nothing() -> None:
    with pytest.raises(EngineProblem, match="without area"):
        done(box(0.001, 0.001, 0.001), "weld", distance_mm=100.0)
    cloud = np.random.default_rng(0).random((20_000, 3)) / 100
    with pytest.raises(InputProblem, match="nearly everything"):
        done(mesh_of(cloud, np.arange(19_998).reshape(-1, 3)), "weld", distance_mm=50.0)


def test_bad_faces_go() -> None:
    mesh = with_faces(box(), [0, 0, 1], list(np.roll(box().faces[7], 1)), list(box().faces[3][::-1]))
    outcome = done(mesh, "drop_bad")
    assert np.array_equal(outcome.mesh.faces, box().faces)
    assert outcome.notes == ("1 faces without area were removed.", "2 faces that were there twice were removed.")
    assert done(box(), "drop_bad").mesh.faces.tolist() == box().faces.tolist()
    assert done(box(), "drop_bad").notes == ()


def _with_a_flat_face(mesh: Mesh) -> Mesh:
    """The first face's first side gets a vertex in its middle that the neighbour does not have, and a face without area
    between them."""
    a, b, c = mesh.faces[0]
    m = len(mesh.vertices)
    vertices = np.concatenate([mesh.vertices, mesh.vertices[[a, b]].mean(axis=0, keepdims=True)])
    faces = np.concatenate([mesh.faces[1:], [[a, m, c], [m, b, c], [a, b, m]]]).astype(np.int32)
    uv = None if mesh.uv is None else np.concatenate([mesh.uv, mesh.uv[[a, b]].mean(axis=0, keepdims=True)])
    return replace(mesh, vertices=vertices, faces=faces, uv=uv).validate()


@pytest.mark.parametrize("look", [False, True])
def test_a_face_on_one_line_goes_without_a_gap(look: bool) -> None:
    mesh = _with_a_flat_face(textured(box()) if look else box())
    assert (measure(mesh).degenerate_faces, measure(mesh).watertight) == (1, True)
    outcome = done(mesh, "drop_bad")
    facts = measure(outcome.mesh)
    assert (facts.degenerate_faces, facts.watertight, facts.manifold, facts.volume_m3) == (0, True, True, 8.0)
    assert facts.faces == 14
    assert facts.area_m2 == measure(box()).area_m2
    if look:  # the neighbour's half keeps its own place in the picture
        texel = np.linalg.norm(outcome.mesh.uv[outcome.mesh.faces], axis=2)
        assert len(np.unique(texel)) == 36 + 2


def test_flat_faces_on_a_rim_and_fans_of_them_go() -> None:
    points = [[0, 0, 0], [1, 0, 0], [0.25, 0, 0], [0.5, 0, 0], [0.75, 0, 0], [0.5, 1, 0]]
    rim = mesh_of(points, [[0, 1, 5], [0, 2, 1], [2, 3, 1], [3, 4, 1]])
    outcome = done(rim, "drop_bad")
    assert outcome.mesh.validate()
    assert measure(outcome.mesh).degenerate_faces == 0
    assert measure(outcome.mesh).area_m2 == 0.5


def test_a_wall_between_two_bodies_goes_and_the_back_of_a_sheet() -> None:
    pair = together(box(1, 1, 1), box(1, 1, 1, at=(1, 0, 0)))
    outcome = done(pair, "drop_bad")
    assert (measure(pair).watertight, measure(outcome.mesh).watertight) == (False, True)
    assert (measure(outcome.mesh).volume_m3, measure(outcome.mesh).faces) == (2.0, 20)
    sheet = mesh_of([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], [[0, 1, 2], [1, 3, 2], [2, 1, 0], [2, 3, 1]])
    assert done(sheet, "drop_bad").mesh.faces.tolist() == [[0, 1, 2], [1, 3, 2]]


def test_debris_goes_and_inner_shells_are_parts_too() -> None:
    mesh = together(
        box(4, 4, 4),
        turned(box(0.1, 0.1, 0.1, at=(1, 1, 1))),
        box(0.2, 0.2, 0.2, at=(9, 0, 0)),
        box(2, 2, 2, at=(5, 0, 0)),
    )
    outcome = done(mesh, "drop_debris")
    assert measure(outcome.mesh).volume_m3 == 64 + 8
    assert outcome.notes == ("2 small parts with 24 faces went.",)
    assert done(mesh, "drop_debris", share=0.0).mesh is mesh
    assert measure(done(mesh, "drop_debris", share=1.0).mesh).volume_m3 == 64


def test_everything_faces_out_and_cavities_stay() -> None:
    big, hole = box(8, 8, 8), turned(box(1, 1, 1, at=(1, 1, 1)))
    outcome = done(turned(together(big, hole)), "turn_out")
    assert measure(outcome.mesh).volume_m3 == 511
    assert outcome.notes == ("24 faces were turned round.",)
    assert done(together(big, hole), "turn_out").mesh.faces.tolist() == together(big, hole).faces.tolist()


def test_a_body_with_a_small_opening_faces_out_and_a_bowl_stays_as_it_is() -> None:
    ball = sphere()
    heights = ball.vertices[ball.faces][:, :, 1].mean(axis=1)
    nearly, bowl = replace(ball, faces=ball.faces[heights < 0.45]), replace(ball, faces=ball.faces[heights < 0])
    assert np.array_equal(done(turned(nearly), "turn_out").mesh.faces, nearly.faces)
    assert done(turned(bowl), "turn_out").notes == ()


def test_a_strip_with_one_side_is_said_to_have_no_outside() -> None:
    assert "1 parts have one side only" in done(moebius(), "turn_out").notes[-1]
    assert "1 parts have one side only" in done(klein(), "turn_out").notes[-1]
