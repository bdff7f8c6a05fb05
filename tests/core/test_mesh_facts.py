"""Measures of bodies whose measures are known."""

import json
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from img2model_desktop.core.events import Facts
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from tests.shapes import box, klein, least_seconds, mesh_of, moebius, sphere, textured, together, torus, turned


def test_box_is_exact() -> None:
    facts = measure(box(1, 2, 4, at=(-8, 16, 0.5)))
    assert facts.volume_m3 == 8.0
    assert facts.area_m2 == 28.0
    assert (facts.vertices, facts.positions, facts.faces, facts.parts) == (8, 8, 12, 1)
    assert (facts.watertight, facts.manifold, facts.oriented) == (True, True, True)
    assert (facts.boundary_edges, facts.nonmanifold_edges, facts.degenerate_faces) == (0, 0, 0)
    assert (facts.euler, facts.genus) == (2, 0)
    assert (facts.low_m, facts.high_m, facts.size_m) == ((-8, 16, 0.5), (-7, 18, 4.5), (1, 2, 4))
    assert (facts.textured, facts.texture_px) == (False, None)


def test_inside_out_is_negative() -> None:
    assert measure(turned(box(1, 2, 4))).volume_m3 == -8.0


@pytest.mark.parametrize(("mesh", "euler", "genus"), [(sphere(), 2, 0), (torus(), 0, 1)], ids=["sphere", "torus"])
def test_round_bodies_against_another_program(mesh: Mesh, euler: int, genus: int) -> None:
    facts = measure(mesh)
    other = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert (facts.watertight, facts.manifold, facts.parts) == (True, True, 1)
    assert (facts.euler, facts.genus) == (euler, genus)
    assert facts.volume_m3 == pytest.approx(other.volume, rel=1e-9)
    assert facts.volume_m3 > 0
    assert facts.area_m2 == pytest.approx(other.area, rel=1e-9)


def test_fine_round_bodies_approach_their_formulas() -> None:
    ball, ring = measure(sphere(0.5, 200, 400)), measure(torus(0.5, 0.125, 400, 200))
    assert ball.volume_m3 == pytest.approx(4 / 3 * np.pi * 0.5**3, rel=2e-4)
    assert ball.area_m2 == pytest.approx(4 * np.pi * 0.5**2, rel=2e-4)
    assert ring.volume_m3 == pytest.approx(2 * np.pi**2 * 0.5 * 0.125**2, rel=3e-4)
    assert ring.area_m2 == pytest.approx(4 * np.pi**2 * 0.5 * 0.125, rel=3e-4)


def test_moebius_strip_is_manifold_and_encloses_nothing() -> None:
    facts = measure(moebius(32))
    assert (facts.watertight, facts.manifold, facts.oriented) == (False, True, False)
    assert (facts.volume_m3, facts.genus) == (None, None)
    assert facts.boundary_edges == 64
    assert facts.euler == 0


def test_klein_bottle_has_no_border_and_encloses_nothing() -> None:
    facts = measure(klein())
    assert (facts.boundary_edges, facts.nonmanifold_edges) == (0, 0)
    assert (facts.watertight, facts.manifold, facts.oriented) == (False, True, False)
    assert (facts.volume_m3, facts.genus, facts.euler) == (None, None, 0)


def test_open_box() -> None:
    whole = box()
    facts = measure(replace(whole, faces=whole.faces[[k for k in range(12) if k % 6 != 3]]))  # without its top
    assert (facts.watertight, facts.manifold, facts.oriented) == (False, True, True)
    assert (facts.boundary_edges, facts.euler, facts.volume_m3) == (4, 1, None)
    assert facts.area_m2 == 28 - 4


def test_doubled_face() -> None:
    whole = box()
    facts = measure(replace(whole, faces=np.concatenate([whole.faces, whole.faces[:1]])))
    assert (facts.watertight, facts.manifold, facts.oriented) == (False, False, False)
    assert (facts.boundary_edges, facts.nonmanifold_edges) == (0, 3)


def test_one_turned_face_is_not_watertight() -> None:
    faces = box().faces.copy()
    faces[5] = faces[5, ::-1]
    facts = measure(replace(box(), faces=faces))
    assert (facts.watertight, facts.manifold, facts.oriented, facts.boundary_edges) == (False, True, False, 0)


def test_hollow_body_counts_its_cavity_off() -> None:
    facts = measure(together(box(4, 4, 4), turned(box(1, 2, 2, at=(1, 1, 1)))))
    assert (facts.parts, facts.volume_m3, facts.area_m2) == (2, 60.0, 96 + 16)
    assert (facts.watertight, facts.genus, facts.euler) == (True, 0, 4)


def test_bodies_that_touch_in_one_corner_are_two_parts_and_not_manifold() -> None:
    facts = measure(together(box(1, 1, 1), box(1, 1, 1, at=(1, 1, 1))))
    assert (facts.parts, facts.watertight, facts.manifold, facts.positions) == (2, True, False, 15)


def test_bodies_that_touch_along_an_edge_have_one_crowded_edge() -> None:
    facts = measure(together(box(1, 1, 1), box(1, 1, 1, at=(1, 1, 0))))
    assert (facts.watertight, facts.manifold, facts.nonmanifold_edges) == (False, False, 1)


def test_texture_seams_are_no_holes() -> None:
    mesh = textured(box())
    facts = measure(mesh)
    assert (facts.vertices, facts.positions, facts.faces) == (36, 8, 12)
    assert (facts.watertight, facts.volume_m3, facts.textured, facts.texture_px) == (True, 8.0, True, (32, 16))


def test_minus_zero_is_zero() -> None:
    vertices = box().vertices[box().faces].reshape(-1, 3).copy()
    vertices[::2][vertices[::2] == 0] = -0.0
    assert measure(mesh_of(vertices, np.arange(36).reshape(-1, 3))).watertight


def test_faces_without_area_are_counted_and_open_nothing() -> None:
    whole = box()
    extra = np.array([[0, 0, 1], [5, 5, 5]])
    facts = measure(replace(whole, faces=np.concatenate([whole.faces, extra]).astype(np.int32)))
    assert (facts.degenerate_faces, facts.watertight, facts.volume_m3, facts.faces) == (2, True, 8.0, 14)


def test_nothing_but_points() -> None:
    facts = measure(mesh_of(np.zeros((3, 3)), [[0, 1, 2]]))
    assert (facts.parts, facts.watertight, facts.manifold, facts.area_m2, facts.degenerate_faces) == (
        0,
        False,
        False,
        0,
        1,
    )


def test_dict_is_for_json_and_brief_is_for_events() -> None:
    facts = measure(textured(box()))
    plain = json.loads(json.dumps(facts.to_dict()))
    assert plain == facts.to_dict()
    assert (plain["size_m"], plain["texture_px"], plain["volume_m3"]) == ([1, 2, 4], [32, 16], 8)
    assert facts.brief() == Facts(36, 12, 1, True, (1.0, 2.0, 4.0))


def test_two_hundred_thousand_faces_take_less_than_half_a_second() -> None:
    mesh = torus(rows=500, columns=200)
    assert least_seconds(lambda: measure(mesh)) < 0.5
    assert (measure(mesh).faces, measure(mesh).genus) == (200_000, 1)
