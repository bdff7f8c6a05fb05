"""Cuts whose area is known, in both directions, through solids, shells, overlaps and open surfaces."""

import numpy as np
import pytest

from img2model_desktop.core.face_blocks import FaceBlocks
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.preview import prepare
from img2model_desktop.core.section import Plane, Section, cut
from tests.shapes import box, mesh_of, sphere, torus


def of(mesh: Mesh, plane: Plane) -> Section:
    return cut(FaceBlocks(prepare(mesh).full), plane)


def together(*meshes: Mesh) -> Mesh:
    counts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = [mesh.faces + count for mesh, count in zip(meshes, counts[:-1], strict=True)]
    return mesh_of(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces))


def turned_over(mesh: Mesh) -> Mesh:
    return mesh_of(mesh.vertices, mesh.faces[:, ::-1])


def normals(section: Section) -> np.ndarray:
    a, b, c = (section.points[section.faces[:, k]].astype(np.float64) for k in range(3))
    return np.cross(b - a, c - a)


@pytest.mark.parametrize(("axis", "area"), [(0, 8.0), (1, 4.0), (2, 2.0)])
@pytest.mark.parametrize("keeps_high", [False, True])
def test_a_box_is_cut_in_a_rectangle_that_faces_what_was_taken_away(axis: int, area: float, keeps_high: bool) -> None:
    section = of(box(1, 2, 4), Plane(axis, 0.3, keeps_high))
    assert section.is_closed
    assert section.area_m2 == pytest.approx(area, rel=1e-6)
    assert np.linalg.norm(normals(section), axis=1).sum() / 2 == pytest.approx(area, rel=1e-6)
    assert (np.sign(normals(section)[:, axis]) == (-1 if keeps_high else 1)).all()
    assert (section.points[:, axis] == np.float32(0.3)).all()
    lengths = np.linalg.norm(section.outline[:, 1] - section.outline[:, 0], axis=1)
    sides = [side for k, side in enumerate((1, 2, 4)) if k != axis]
    assert lengths.sum() == pytest.approx(2 * sum(sides), rel=1e-6)


def test_a_ring_is_cut_in_two_discs_or_an_annulus() -> None:
    mesh = torus(0.5, 0.125, rows=256, columns=128)
    assert of(mesh, Plane(0, 0.0)).area_m2 == pytest.approx(2 * np.pi * 0.125**2, rel=2e-3)
    assert of(mesh, Plane(1, 0.0)).area_m2 == pytest.approx(np.pi * (0.625**2 - 0.375**2), rel=2e-3)


def test_a_cavity_is_empty_and_an_overlap_counts_once() -> None:
    outer, inner = box(1, 1, 1), turned_over(box(0.5, 0.5, 0.5, at=(0.25, 0.25, 0.25)))
    assert of(together(outer, inner), Plane(2, 0.5)).area_m2 == pytest.approx(0.75, rel=1e-6)
    overlapping = together(box(1, 1, 1), box(1, 1, 1, at=(0.5, 0, 0)))
    assert of(overlapping, Plane(1, 0.4)).area_m2 == pytest.approx(1.5, rel=1e-6)


def test_a_mesh_inside_out_is_filled_all_the_same() -> None:
    assert of(turned_over(box(1, 2, 4)), Plane(1, 0.5)).area_m2 == pytest.approx(4.0, rel=1e-6)


def test_an_open_surface_has_a_line_and_no_area() -> None:
    closed = box(1, 1, 1)
    open_box = mesh_of(closed.vertices, np.delete(closed.faces, [4, 10], axis=0))  # without its right side
    section = of(open_box, Plane(1, 0.5))
    assert not section.is_closed
    assert section.area_m2 == 0.0
    assert not len(section.faces)
    lengths = np.linalg.norm(section.outline[:, 1] - section.outline[:, 0], axis=1)
    assert lengths.sum() == pytest.approx(3.0, rel=1e-6)
    assert of(open_box, Plane(0, 0.5)).area_m2 == pytest.approx(1.0, rel=1e-6)  # there it is closed


def test_a_plane_beside_the_mesh_cuts_nothing() -> None:
    section = of(box(), Plane(0, 3.0))
    assert section.is_closed
    assert section.area_m2 == 0.0
    assert section.outline.shape == (0, 2, 3)


def test_a_plane_through_corners_is_a_cut_like_any_other() -> None:
    ball = sphere(0.5, rows=24, columns=48)  # with a circle of latitude exactly on y = 0
    section = of(ball, Plane(1, 0.0))
    assert section.is_closed
    assert section.area_m2 == pytest.approx(24 * 0.25 * np.sin(2 * np.pi / 48), rel=1e-6)


def test_what_stays_lies_on_the_positive_side_of_the_clip() -> None:
    assert Plane(0, 0.25).clip.tolist() == [-1.0, 0.0, 0.0, 0.25]
    assert Plane(2, 0.25, keeps_high=True).clip.tolist() == [0.0, 0.0, 1.0, -0.25]
