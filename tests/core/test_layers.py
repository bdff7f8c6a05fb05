"""Depth maps continued, made crisp, read between pixels and rounded at the rim."""

import numpy as np
import pytest
from numpy.typing import NDArray

from img2model_desktop.core import layers


def step_map() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Depth 0 left, 1 right, with a ramp over columns 7 to 9; the picture has its edge between columns 9 and 10."""
    line = np.zeros(16, np.float32)
    line[7:10] = [0.25, 0.5, 0.75]
    line[10:] = 1
    depth = np.asarray(np.broadcast_to(line[None, :, None], (12, 16, 2)) - np.array([0, 0.2]), np.float32)
    colour = np.zeros((12, 16, 3), np.float32)
    colour[:, 10:] = 1
    return depth, colour, np.ones((12, 16), bool)


def test_unknown_pixels_take_the_nearest_known_value() -> None:
    maps = np.arange(20, dtype=np.float32).reshape(4, 5, 1)
    known = np.zeros((4, 5), bool)
    known[1, 1] = known[2, 4] = True
    result = layers.continued(maps, known)[..., 0]
    assert set(np.unique(result)) == {6.0, 14.0}
    assert result[0, 0] == 6
    assert result[3, 4] == 14
    assert np.array_equal(layers.continued(maps, ~known & False), maps)


def test_a_ramp_becomes_a_step_where_the_colour_changes() -> None:
    depth, colour, known = step_map()
    sharp = layers.crisp(depth, colour, known, gap=0.02)
    assert np.array_equal(sharp[:, :10, 0], np.zeros((12, 10)))
    assert np.array_equal(sharp[:, 10:, 0], np.ones((12, 6)))
    assert np.allclose(sharp[..., 0] - sharp[..., 1], 0.2)


def by_definition(maps: layers.Maps, colour: layers.Maps, known: NDArray[np.bool_], gap: float) -> layers.Maps:
    """Each pixel of a ramp looks at every neighbour in reading order."""
    steep = layers._apart(maps, known) > gap
    result = maps.copy()
    height, width = known.shape
    reach = range(-layers.REACH, layers.REACH + 1)
    for row, column in zip(*np.nonzero(steep & known), strict=True):
        best = np.float32(np.inf)
        for i, j in ((row + dy, column + dx) for dy in reach for dx in reach):
            if not (0 <= i < height and 0 <= j < width and known[i, j]) or steep[i, j]:
                continue
            away = np.float32(np.hypot(i - row, j - column) / layers.REACH)
            cost = away + np.abs(colour[i, j] - colour[row, column]).mean() / np.float32(layers.TINT)
            if cost < best:
                best, result[row, column] = cost, maps[i, j]
    return result


@pytest.mark.parametrize(("noise", "changes"), [(0.02, False), (0.12, True), (0.2, True), (2.0, False)])
def test_noisy_maps_become_crisp_as_defined(noise: float, changes: bool) -> None:
    random = np.random.default_rng(3)
    slope = np.linspace(0, 0.6, 24, dtype=np.float32)[None] + noise * random.random((19, 24)).astype(np.float32)
    maps = np.stack([slope, slope + np.float32(0.01)], axis=2)
    colour = (random.integers(0, 4, (19, 24, 3)) / 4).astype(np.float32)  # few colours: many neighbours cost the same
    known = random.random((19, 24)) > 0.1
    found = layers.crisp(maps, colour, known, 0.2)
    assert np.array_equal(found, by_definition(maps, colour, known, 0.2))
    assert np.array_equal(found, maps) != changes  # where all is noise, no pixel is left to take a depth from


def test_a_gentle_slope_is_left_alone() -> None:
    depth = np.broadcast_to(np.linspace(0, 1, 16, dtype=np.float32)[None, :, None], (12, 16, 2)).copy()
    depth[..., 1] -= 0.5  # the stretches of neighbours share some depth
    assert layers.crisp(depth, np.zeros((12, 16, 3), np.float32), np.ones((12, 16), bool), gap=0.02) is depth


def test_reading_is_linear_on_slopes_and_sharp_across_jumps() -> None:
    slope = np.broadcast_to(np.arange(6, dtype=np.float32)[None, :, None] / np.float32(10), (4, 6, 2)).copy()
    slope[..., 1] -= 0.5
    at = np.array([[1.25, 2.0], [3.5, 0.5], [-2.0, 9.0]])
    assert np.allclose(layers.read_between(slope, at, gap=0.02)[:, 0], [0.125, 0.35, 0.0])
    depth, colour, known = step_map()
    sharp = layers.crisp(depth, colour, known, gap=0.02)
    read = layers.read_between(sharp, np.array([[9.4, 3.0], [9.6, 3.0]]), gap=0.02)
    assert read[:, 0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("probes", [(1.0, 2.0), (1.5, 2.5, 3.5)])
def test_the_rim_of_a_ball_closes_round_and_that_of_a_slab_stays(probes: tuple[float, ...]) -> None:
    radius = 14.0

    def ball(distance: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.sqrt(radius**2 - (radius - distance) ** 2))

    distance = np.linspace(0, probes[-1], 9)
    inner = [np.full(9, ball(np.array(probe))) for probe in probes]
    closing = layers.rounded(inner, probes, distance)
    assert closing[0] == 0
    assert np.abs(closing - ball(distance)).max() < 0.03 * radius
    thicker = [value * 1.04 for value in inner[:1]] + inner[1:]  # maps say too much next to the rim
    assert layers.rounded(thicker, probes, distance)[0] == 0
    flat = [np.full(9, 6.0) for _ in probes]
    assert np.allclose(layers.rounded(flat, probes, distance), 6.0)
    growing = [np.full(9, 6.0 + 0.4 * probe) for probe in probes]  # a wall seen a little from the side
    assert np.allclose(layers.rounded(growing, probes, distance), 6.0 + 0.4 * distance, atol=0.1)


def test_relaxing_smooths_within_a_body_and_keeps_bodies_apart() -> None:
    columns, rows = 12, 8
    faces = []
    for i in range(rows - 1):
        for j in range(columns - 1):
            k = i * columns + j
            faces += [[k, k + 1, k + columns], [k + 1, k + columns + 1, k + columns]]
    rng = np.random.default_rng(0)
    far = np.tile(np.arange(columns) >= 6, rows)
    front = np.where(far, -1.0, 1.0) + rng.normal(0, 0.05, rows * columns)
    depths = np.column_stack([front, front - 0.5])
    held = np.zeros(rows * columns, bool)
    held[:columns] = True
    smooth = layers.relaxed(depths, np.array(faces), held, gap=0.02, rounds=10)
    assert np.array_equal(smooth[held], depths[held])
    for side in (far, ~far):
        body = side & ~held
        assert smooth[body, 0].std() < 0.5 * depths[body, 0].std()
        assert abs(smooth[body, 0].mean() - depths[body, 0].mean()) < 0.01
    assert np.array_equal(layers.relaxed(depths, np.array(faces), held, gap=0.02, rounds=0), depths)
