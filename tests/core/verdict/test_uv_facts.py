"""Measures of uv layouts whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.uv_facts import UvFacts, measure_uv
from img2model_desktop.errors import Cancelled
from tests.shapes import grid_faces, least_seconds, pixels, torus


def square(corners: object, size: float = 1.0, px: int = 64) -> Mesh:
    """A square in space, two faces, with the given uv of its corners (lower left, lower right, upper right, left)."""
    flat = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32) * size
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Mesh(flat, faces, np.array(corners, np.float32), pixels(px, px)).validate()


def rectangle(left: float, low: float, wide: float, tall: float) -> NDArray[np.float32]:
    return np.array([[left, low], [left + wide, low], [left + wide, low + tall], [left, low + tall]], np.float32)


def joined(*meshes: Mesh) -> Mesh:
    """Meshes side by side in space, each with its own uv on one picture."""
    offsets = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    vertices = np.concatenate([mesh.vertices + np.array([0, 0, 3 * i]) for i, mesh in enumerate(meshes)]).astype(
        np.float32
    )
    faces = np.concatenate([mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)])
    uv = np.concatenate([mesh.uv for mesh in meshes])
    return Mesh(vertices, faces.astype(np.int32), uv, meshes[0].base_colour).validate()


def facts(mesh: Mesh) -> UvFacts:
    found = measure_uv(mesh)
    assert found is not None
    return found


def test_a_square_that_fills_the_texture() -> None:
    found = facts(square(rectangle(0, 0, 1, 1)))
    assert found.coverage == 1.0
    assert found.overlap == 0.0
    assert (found.islands, found.padding_px) == (1, None)
    assert found.stretch == pytest.approx(1.0)
    assert found.area_stretch == pytest.approx((1.0, 1.0))
    assert found.angle_stretch == pytest.approx((1.0, 1.0))
    assert found.texels_per_mm == pytest.approx(64 / 1000)
    assert found.density_spread == pytest.approx(1.0)
    for faces in (found.overlapping, found.outside, found.flipped, found.degenerate):
        assert faces.dtype == np.int32
        assert len(faces) == 0


def test_without_uv_there_is_nothing_to_measure() -> None:
    assert measure_uv(torus()) is None


def test_without_a_picture_there_is_no_texel() -> None:
    found = facts(replace(square(rectangle(0, 0, 0.5, 0.5)), base_colour=None))
    assert found.texels_per_mm is None
    assert found.padding_px is None
    assert found.coverage == 0.25


def test_texel_density_is_at_the_size_of_the_mesh() -> None:
    found = facts(square(rectangle(0.25, 0.25, 0.5, 0.5), size=0.1, px=128))
    assert found.texels_per_mm == pytest.approx(64 / 100)


def test_six_islands_of_a_box_with_known_gaps() -> None:
    tiles = [square(rectangle(column / 4 + 1 / 32, row / 4 + 1 / 32, 3 / 16, 3 / 16)) for row in range(2)
             for column in range(3)]  # fmt: skip
    found = facts(joined(*tiles))
    assert found.islands == 6
    assert found.coverage == 6 * 12 * 12 / 64**2
    assert found.padding_px == pytest.approx(4.0, abs=0.01)
    assert found.overlap == 0.0
    assert found.stretch == pytest.approx(1.0)


def test_islands_that_touch_have_no_padding() -> None:
    found = facts(joined(square(rectangle(0, 0, 0.5, 0.5)), square(rectangle(0.5, 0, 0.5, 0.5))))
    assert found.islands == 2
    assert found.padding_px == 0.0
    assert found.overlap == 0.0


def test_what_is_stacked_overlaps_by_half_and_is_named() -> None:
    found = facts(joined(*[square(rectangle(0.25, 0.25, 0.5, 0.5))] * 2, square(rectangle(0, 0, 0.125, 0.125))))
    stacked, alone = 32 * 32, 8 * 8
    assert found.overlap == stacked / (2 * stacked + alone)
    assert found.overlapping.tolist() == [0, 1, 2, 3]
    only = facts(joined(*[square(rectangle(0.25, 0.25, 0.5, 0.5))] * 2))
    assert only.overlap == 0.5
    assert only.coverage == 0.25
    assert only.padding_px is None


def test_partial_overlap_is_counted_exactly() -> None:
    found = facts(joined(square(rectangle(0, 0, 0.5, 0.5)), square(rectangle(0.25, 0, 0.5, 0.5))))
    assert found.overlap == pytest.approx(0.25)
    assert found.coverage == pytest.approx(0.375)
    assert found.padding_px == 0.0


def test_mirrored_faces_are_named() -> None:
    mirrored = square(rectangle(0.5, 0, 0.25, 0.25)[[1, 0, 3, 2]])
    found = facts(joined(square(rectangle(0, 0, 0.25, 0.25)), mirrored))
    assert found.flipped.tolist() == [2, 3]
    assert found.stretch == pytest.approx(1.0)


def test_faces_outside_and_without_area_are_named() -> None:
    outside = square(rectangle(0.9, 0.4, 0.5, 0.5))
    lost = square([[0.1, 0.1]] * 4)
    found = facts(joined(square(rectangle(0, 0, 0.25, 0.25)), outside, lost))
    assert found.outside.tolist() == [2, 3]
    assert found.degenerate.tolist() == [4, 5]


def test_a_face_without_area_in_space_may_have_none_in_uv() -> None:
    point = Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]]), np.zeros((3, 2), np.float32), pixels(8, 8)).validate()
    assert len(facts(point).degenerate) == 0


def test_stretch_of_a_square_laid_on_a_strip() -> None:
    # a unit square on 1 x 1/4: singular values 1 and 4 of the map from uv, L2 = sqrt((1 + 16) / 2) at an area of 1/4
    found = facts(square(rectangle(0, 0, 1, 0.25)))
    assert found.stretch == pytest.approx(np.sqrt(17 / 2) * np.sqrt(1 / 4))
    assert found.angle_stretch == pytest.approx((4.0, 4.0))
    assert found.area_stretch == pytest.approx((1.0, 1.0))


def test_islands_of_different_scale() -> None:
    found = facts(joined(square(rectangle(0, 0, 0.5, 0.5)), square(rectangle(0.5, 0.5, 0.25, 0.25))))
    # each has half of the surface; 4/5 and 1/5 of the layout
    assert found.area_stretch[0] == pytest.approx(0.8 / 0.5)
    assert found.area_stretch[1] == pytest.approx(0.5 / 0.2)
    assert found.density_spread == pytest.approx(2.0)
    assert found.angle_stretch == pytest.approx((1.0, 1.0))


def test_stretch_weighs_area_by_surface() -> None:
    # 16 unit squares to scale and one squeezed to a sixteenth of its area: median 1, worst 5 % far off
    tiles = [square(rectangle(i % 8 / 8, i // 8 / 8, 1 / 8, 1 / 8)) for i in range(32)]
    found = facts(joined(*tiles, *[square(rectangle(0, 0.5, 1 / 32, 1 / 32))] * 2))
    assert found.area_stretch[0] < 1.1
    assert found.area_stretch[1] > 10


def plane(side: int) -> Mesh:
    grid = np.stack(np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side)), axis=-1).reshape(-1, 2)
    vertices = np.column_stack([grid, np.zeros(len(grid))])
    faces = grid_faces(side, side)[:, ::-1].copy()
    return Mesh(vertices, faces, grid.astype(np.float32), pixels(2048, 2048)).validate()


def test_the_faces_of_a_fine_grid_share_no_texel() -> None:
    found = facts(plane(200))
    assert found.overlap == 0.0
    assert found.coverage == 1.0
    assert found.islands == 1
    assert len(found.flipped) == 0


def test_two_hundred_thousand_faces_are_measured_quickly() -> None:
    mesh = plane(317)
    assert len(mesh.faces) == 199_712
    assert least_seconds(lambda: measure_uv(mesh)) < 1.5


def test_it_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        measure_uv(plane(10), Progress(is_cancelled=lambda: True))
