"""Which texels triangles cover."""

import numpy as np
import pytest

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop import raster
from img2model_desktop.core.workshop.raster import expanded, rasterise, spans_of, summed, twice_area
from tests.shapes import grid_faces


def test_half_a_square_has_the_texels_whose_middle_lies_in_it() -> None:
    corners = np.array([[[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]]])
    (texels,) = rasterise(corners, 8, 8)
    # middles with x + y < 4; those on the slanted side belong to the other half
    wanted = {(row, column) for row in range(4) for column in range(4) if row + column + 1 < 4}
    assert set(zip(texels.row.tolist(), texels.column.tolist(), strict=True)) == wanted
    other = np.array([[[4.0, 0.0], [4.0, 4.0], [0.0, 4.0]]])
    (rest,) = rasterise(other, 8, 8)
    assert len(rest.face) == 16 - len(wanted)


def test_triangles_with_common_sides_share_no_texel_and_leave_none_out() -> None:
    side = 40
    random = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2).astype(float)
    inner = (grid > 0).all(axis=1) & (grid < side - 1).all(axis=1)
    grid[inner] += random.uniform(-0.2, 0.2, (int(inner.sum()), 2))
    corners = grid[grid_faces(side, side)] * (200 / (side - 1))
    spans = spans_of(corners, 200, 200)
    covered = summed(spans, np.ones(len(corners), dtype=np.int64), 200, 200)
    assert (covered == 1).all()
    mirrored = corners[:, ::-1]
    assert (summed(spans_of(mirrored, 200, 200), np.ones(len(corners), dtype=np.int64), 200, 200) == 1).all()


def test_triangles_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    corners = np.random.default_rng(0).uniform(-10, 74, (300, 3, 2))
    whole = spans_of(corners, 64, 64)
    monkeypatch.setattr(raster, "FACES", 70)
    asked: list[int] = []

    def stop() -> bool:
        asked.append(len(asked))
        return False

    parts = spans_of(corners, 64, 64, Progress(is_cancelled=stop))
    assert len(asked) == 5
    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))
    assert all(len(part) == 0 for part in spans_of(corners[:0], 64, 64))


def test_batches_add_up_to_the_whole() -> None:
    random = np.random.default_rng(0)
    corners = random.uniform(-10, 74, (300, 3, 2))
    whole = summed(spans_of(corners, 64, 64), np.ones(300, dtype=np.int64), 64, 64)
    count = np.zeros((64, 64), dtype=int)
    batches = list(rasterise(corners, 64, 64, batch=1000))
    assert len(batches) > 10
    for texels in batches:
        np.add.at(count, (texels.row, texels.column), 1)
    assert np.array_equal(count, whole)


def test_what_has_no_area_covers_nothing() -> None:
    corners = np.array([[[1, 1], [1, 1], [1, 1]], [[0, 0.5], [5, 0.5], [9, 0.5]], [[2, 0], [2, 4], [2, 9]]], float)
    assert len(spans_of(corners, 16, 16).face) == 0
    assert twice_area(corners).tolist() == [0, 0, 0]


def test_numbers_within_groups() -> None:
    which, number = expanded(np.array([2, 0, 3]))
    assert which.tolist() == [0, 0, 2, 2, 2]
    assert number.tolist() == [0, 1, 0, 1, 2]
