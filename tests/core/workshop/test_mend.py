"""Cleaning mends and never opens."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.mend import clean
from img2model_desktop.errors import Cancelled, EngineProblem
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
