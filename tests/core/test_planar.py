"""Flat loops filled with triangles that keep the loops and lines as edges."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from img2model_desktop.core.planar import Crossing, Planar, fill

Points = NDArray[np.float64]
NONE = np.empty((0, 2))


def loop(*corners: tuple[float, float]) -> Points:
    return np.array(corners, np.float64)


SQUARE = loop((0, 0), (0, 10), (10, 10), (10, 0))  # counter-clockwise where y points down
HOLE = loop((3, 3), (7, 3), (7, 7), (3, 7))


def area(made: Planar) -> float:
    """Of all triangles; above 0 where they turn as an outer loop does."""
    a, b, c = made.points[made.faces].transpose(1, 0, 2)
    twice = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    assert (twice < 0).all()
    return float(-twice.sum() / 2)


def edges(made: Planar) -> set[tuple[int, int]]:
    sides = np.concatenate([made.faces[:, [0, 1]], made.faces[:, [1, 2]], made.faces[:, [2, 0]]])
    return {(min(a, b), max(a, b)) for a, b in sides.tolist()}


def test_a_square_and_its_hole() -> None:
    assert area(fill([SQUARE], [], NONE)) == pytest.approx(100)
    made = fill([SQUARE, HOLE], [], NONE)
    assert area(made) == pytest.approx(84)
    assert len(made.rims) == 2


def test_parts_beside_each_other_and_an_island_in_a_hole() -> None:
    island = loop((4, 4), (4, 6), (6, 6), (6, 4))
    assert area(fill([SQUARE, HOLE, island], [], NONE)) == pytest.approx(88)
    assert area(fill([SQUARE, SQUARE + np.array([20, 0])], [], NONE)) == pytest.approx(200)


def test_each_side_of_a_rim_belongs_to_one_triangle() -> None:
    comb: list[tuple[float, float]] = [(0, 0), (0, 10)]
    for tooth in range(5):
        comb += [(2 * tooth + 0.2, 10), (2 * tooth + 0.3, 1), (2 * tooth + 1.9, 1), (2 * tooth + 1.95, 10)]
    comb += [(10, 10), (10, 0)]
    made = fill([loop(*comb)], [], NONE)
    (rim,) = made.rims
    around = {(min(a, b), max(a, b)) for a, b in zip(rim.tolist(), np.roll(rim, -1).tolist(), strict=True)}
    sides = np.sort(np.concatenate([made.faces[:, [0, 1]], made.faces[:, [1, 2]], made.faces[:, [2, 0]]]), axis=1)
    every, counts = np.unique(sides, axis=0, return_counts=True)
    assert {(a, b) for a, b in every[counts == 1].tolist()} == around
    assert counts.max() == 2


def test_lines_become_edges() -> None:
    line = np.array([[0.0, 0.0], [10.0, 10.0]])
    scattered = np.random.default_rng(1).uniform(0.5, 9.5, (200, 2))
    made = fill([SQUARE], [line], scattered)
    on_line = np.nonzero(np.abs(made.points[:, 0] - made.points[:, 1]) < 1e-9)[0]
    on_line = on_line[np.argsort(made.points[on_line, 0])].tolist()
    assert all((min(a, b), max(a, b)) in edges(made) for a, b in pairwise(on_line))
    assert area(made) == pytest.approx(100)


@pytest.mark.parametrize("other", [SQUARE + 5, SQUARE + 10], ids=["crossing", "touching"])
def test_loops_that_cross_or_touch_are_refused(other: Points) -> None:
    with pytest.raises(Crossing):
        fill([SQUARE, other], [], NONE)
