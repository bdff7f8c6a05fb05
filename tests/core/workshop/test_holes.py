"""Holes are closed where they can be, exactly where that has an answer, and never at a price."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import read_mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.patch import Loop, fill, newell
from img2model_desktop.core.workshop.stack import do_steps
from img2model_desktop.core.workshop.step import step
from img2model_desktop.errors import Cancelled
from tests.shapes import box, grid_faces, mesh_of, moebius, sphere, textured, together, torus


def closed(mesh: Mesh, longest_mm: float = 0.0) -> Outcome:
    return do_steps(mesh, [step("close_holes", longest_mm=longest_mm)])


def without(mesh: Mesh, gone: NDArray[np.bool_] | list[int]) -> Mesh:
    """The mesh without some faces."""
    return replace(mesh, faces=np.delete(mesh.faces, gone, axis=0))


def below(mesh: Mesh, height: float) -> Mesh:
    return without(mesh, mesh.vertices[mesh.faces][:, :, 1].mean(axis=1) >= height)


def sheet(side: int = 9) -> Mesh:
    """A flat square of cells of a metre."""
    x, y = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    return mesh_of(np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3), grid_faces(side, side))


@pytest.mark.parametrize("gone", [[0], [0, 6], [0, 1], [0, 6, 1, 7]])
def test_a_cube_without_faces_becomes_the_cube_again(gone: list[int]) -> None:
    whole = box(1, 1, 1)
    after = closed(without(whole, gone)).mesh
    facts = measure(after)
    assert (facts.watertight, facts.manifold, facts.faces, facts.volume_m3) == (True, True, 12, 1.0)
    assert np.array_equal(after.vertices, whole.vertices)
    assert np.array_equal(after.faces[: 12 - len(gone)], without(whole, gone).faces)


def test_a_whole_mesh_is_given_back_untouched() -> None:
    mesh = textured(torus())
    outcome = closed(mesh)
    assert outcome.mesh is mesh
    assert outcome.notes == ("The mesh has no hole.",)


@pytest.mark.parametrize("caps", [1, 2])
@pytest.mark.parametrize(("rows", "height"), [(24, 0.45), (24, 0.4), (48, 0.4)])
def test_caps_of_a_ball_grow_back_round(rows: int, height: float, caps: int) -> None:
    ball = sphere(rows=rows, columns=2 * rows)
    heights = ball.vertices[ball.faces][:, :, 1].mean(axis=1)
    open_ball = without(ball, (heights >= height) | ((heights <= -height) & (caps == 2)))
    facts = measure(closed(open_ball).mesh)
    assert (facts.watertight, facts.manifold, facts.genus) == (True, True, 0)
    assert facts.volume_m3 == pytest.approx(measure(ball).volume_m3, rel=0.02)


def test_a_cut_stays_flat() -> None:
    half = below(sphere(), 0.0)
    rim = half.vertices[:, 1][np.unique(half.faces)].max()
    after = closed(half).mesh
    made = after.vertices[after.faces[len(half.faces) :]]
    assert np.all(made[:, :, 1] == rim)
    assert measure(after).volume_m3 == pytest.approx(measure(sphere()).volume_m3 / 2, rel=1e-6)


def test_the_normals_of_a_patch_agree_with_the_surface() -> None:
    after = closed(below(sphere(rows=48, columns=96), 0.4)).mesh
    made = after.vertices[after.faces].astype(float)
    normals = np.cross(made[:, 1] - made[:, 0], made[:, 2] - made[:, 0])
    assert (np.einsum("ij,ij->i", normals, made.mean(axis=1)) > 0).all()


def test_seven_holes() -> None:
    ring = torus(rows=60, columns=30)
    middles = ring.vertices[ring.faces].mean(axis=1)
    angle = np.arange(7) / 7 * 2 * np.pi
    centres = 0.625 * np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    gone = (np.linalg.norm(middles[:, None] - centres, axis=2) < 0.07).any(axis=1)
    outcome = closed(without(ring, gone))
    facts = measure(outcome.mesh)
    assert outcome.notes == ("7 holes closed.",)
    assert (facts.watertight, facts.manifold, facts.genus) == (True, True, 1)
    assert facts.volume_m3 == pytest.approx(measure(ring).volume_m3, rel=0.002)


def test_patches_of_many_sizes_follow_the_surface() -> None:
    """They are shaped together, and still each as its own rim asks."""
    ring = torus(rows=72, columns=32)
    middles = ring.vertices[ring.faces].mean(axis=1)
    angle = np.arange(9) / 9 * 2 * np.pi
    tilt = angle * 3
    radius = 0.5 + 0.125 * np.cos(tilt)
    centres = np.stack([radius * np.sin(angle), 0.125 * np.sin(tilt), radius * np.cos(angle)], axis=1)
    reach = np.linspace(0.02, 0.09, 9)  # from a few faces to hundreds
    gone = np.linalg.norm(middles[:, None] - centres, axis=2) < reach
    assert gone.any(axis=0).all()
    assert gone.sum(axis=1).max() == 1
    mended = closed(without(ring, gone.any(axis=1))).mesh
    facts = measure(mended)
    assert (facts.watertight, facts.manifold, facts.genus) == (True, True, 1)
    assert facts.volume_m3 == pytest.approx(measure(ring).volume_m3, rel=1e-3)
    added = mended.vertices[len(ring.vertices) :].astype(np.float64)
    assert len(added) > 50
    off = np.hypot(np.hypot(added[:, 0], added[:, 2]) - 0.5, added[:, 1]) - 0.125
    assert np.abs(off).max() < 0.006  # a flat patch would lie 0.03 below in the middle of the largest


def test_a_hole_that_touches_itself_is_two() -> None:
    cell = [(3 * 8 + 3) * 2, (3 * 8 + 3) * 2 + 1, (4 * 8 + 4) * 2, (4 * 8 + 4) * 2 + 1]
    outcome = closed(without(sheet(), cell))
    facts = measure(outcome.mesh)
    assert outcome.notes[0] == "2 holes closed."
    assert "1 outer rim of sheets left open" in outcome.notes[1]
    assert (facts.boundary_edges, facts.manifold, facts.area_m2) == (32, True, 64.0)
    assert set(outcome.mesh.vertices[:, 2].tolist()) == {0.0}


def test_of_two_rims_one_in_the_other_each_is_closed_alone() -> None:
    pipe = without(together(box(4, 4, 4), replace(b := box(2, 4, 2, at=(1, 0, 1)), faces=b.faces[:, ::-1])),
                   [2, 3, 8, 9, 14, 15, 20, 21])  # fmt: skip
    assert measure(pipe).boundary_edges == 16
    outcome = closed(pipe)
    assert outcome.notes == ("4 holes closed.",)
    assert measure(outcome.mesh).watertight
    assert measure(outcome.mesh).volume_m3 == 64 - 16


def test_long_rims_stay_open_when_asked() -> None:
    mesh = together(without(box(1, 1, 1), [0, 6]), without(box(3, 3, 3, at=(5, 0, 0)), [0, 6]))
    outcome = closed(mesh, 5000.0)
    assert outcome.notes == ("1 hole closed.", "1 hole left open: the rim is longer than asked for.")
    assert measure(outcome.mesh).boundary_edges == 4


def test_what_has_no_clear_rim_is_left_with_a_note() -> None:
    outcome = closed(moebius())
    assert outcome.mesh.faces.shape == moebius().faces.shape
    assert "no clear rim" in outcome.notes[0]
    wall = replace(b := box(1, 1, 1), vertices=np.append(b.vertices, [[0.5, 0.5, 3]], axis=0),
                   faces=np.append(b.faces, [[4, 5, 8]], axis=0))  # fmt: skip
    assert measure(closed(wall).mesh).nonmanifold_edges == 1


def test_faces_that_disagree_are_turned_first() -> None:
    faces = without(box(1, 1, 1), [0, 6]).faces.copy()
    faces[[2, 5]] = faces[[2, 5]][:, ::-1]
    outcome = closed(replace(box(1, 1, 1), faces=faces))
    assert measure(outcome.mesh).volume_m3 == 1.0
    assert "2 faces were turned round" in outcome.notes[1]


def test_a_patch_makes_no_edge_a_second_time() -> None:
    # a tetrahedron's four corners, two faces missing: the other diagonal of the rim is an edge already
    after = closed(without(mesh_of([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
                                   [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]), [0, 1])).mesh  # fmt: skip
    assert (measure(after).watertight, measure(after).manifold) == (True, True)
    assert measure(after).volume_m3 == pytest.approx(1 / 6, rel=1e-6)


def test_the_look_of_a_patch_is_that_of_its_rim() -> None:
    mesh = below(textured(sphere()), 0.4)
    after = closed(mesh).mesh
    assert measure(after).watertight
    assert after.base_colour is mesh.base_colour
    assert np.array_equal(after.uv[: len(mesh.uv)], mesh.uv)
    made = after.uv[after.faces[len(mesh.faces) :]]
    assert (made == made[:, :1]).all()  # one look for each face, nothing smeared across the picture
    corner_of_rim = mesh.vertices[mesh.faces][:, :, 1].max(axis=1) > 0.35
    boxes = mesh.uv[mesh.faces[corner_of_rim]]
    low, high = boxes.min(axis=1), boxes.max(axis=1)
    point = np.unique(made[:, 0], axis=0)
    assert ((point[:, None] >= low) & (point[:, None] <= high)).all(axis=2).any(axis=1).all()


@pytest.mark.parametrize("count", [3, 4, 5, 17, 100, 400])
@pytest.mark.parametrize("shape", ["disc", "star", "square"])
def test_a_flat_loop_is_filled_exactly(count: int, shape: str) -> None:
    angle = np.arange(count) / count * 2 * np.pi
    radius = 1 + 0.4 * np.cos(angle * (count // 8)) * (shape == "star")
    if shape == "square":
        radius = 1 / np.maximum(np.abs(np.cos(angle)), np.abs(np.sin(angle)))
    rim = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], axis=1)
    points, faces = fill(Loop(rim, np.zeros((count, 3))), Progress())
    at = points[faces]
    normal = np.cross(at[:, 1] - at[:, 0], at[:, 2] - at[:, 0])
    assert np.array_equal(points[:count], rim)
    assert (normal[:, 2] >= -1e-12).all()
    assert np.abs(normal[:, 2]).sum() == pytest.approx(np.linalg.norm(newell(rim)), rel=1e-12)
    if len(points) == count:
        assert len(faces) == count - 2


def test_a_loop_that_crosses_itself_from_above_is_filled_all_the_same() -> None:
    t = np.arange(500) / 500 * 2 * np.pi
    radius = 2 + np.cos(3 * t)
    trefoil = np.stack([radius * np.cos(2 * t), radius * np.sin(2 * t), np.sin(3 * t)], axis=1)
    points, faces = fill(Loop(trefoil, np.zeros((500, 3))), Progress())
    sides = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    uses = np.unique(sides, axis=0, return_counts=True)[1]
    assert (len(points), len(faces)) == (500, 498)
    assert np.bincount(uses).tolist() == [0, 500, 497]


def test_it_can_be_stopped() -> None:
    left = iter([False] * 6 + [True] * 1000)
    with pytest.raises(Cancelled):
        do_steps(below(sphere(), 0.4), [step("close_holes")], Progress(is_cancelled=lambda: next(left)))


@pytest.mark.parametrize("name", ["aws_readingdesk", "khr_avocado", "qua_triceratops"])
def test_real_meshes_close(shared_eval: Path, name: str) -> None:
    mesh = read_mesh(shared_eval / "objects" / name / "mesh.ply")
    assert measure(mesh).boundary_edges > 0
    facts = measure(closed(mesh).mesh)
    assert (facts.watertight, facts.manifold) == (True, True)
