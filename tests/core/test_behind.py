"""Guessed backs where the answer is known, and cuts made smooth."""

import numpy as np
import pytest

from img2model_desktop.core import columns
from img2model_desktop.core.behind import behind_of
from img2model_desktop.core.cut_lines import straightened, without_crumbs
from img2model_desktop.core.flat import areas, flat_of
from img2model_desktop.core.silhouette import Silhouette, silhouette_of
from img2model_desktop.core.topology import connected
from tests.drawn import alpha_of, box, disc


def field(silhouette: Silhouette, slope: float = 0.0, start: float = 0.0) -> np.ndarray:
    """A plane over a silhouette's field, rising to the right."""
    rows, columns_ = silhouette.distance.shape
    x = silhouette.left + np.arange(columns_) + 0.5
    return np.tile((start + slope * x).astype(np.float32), (rows, 1))


def test_a_strip_swells_like_a_cylinder_and_no_wider_part_than_the_limit() -> None:
    silhouette = silhouette_of(alpha_of(box(20, 226, 492, 286)))  # 472 x 60
    behind = behind_of(silhouette, field(silhouette), 20.0)
    points = np.array([[256.0, 256.0], [256.0, 271.0], [256.0, 285.0]])
    _, half = behind.read(points, silhouette.distance_at(points), np.zeros(3), 20.0)
    wanted = np.sqrt(2 * (30**2 - np.array([0.0, 15.0, 29.0]) ** 2))
    assert half == pytest.approx(wanted, rel=0.06)


def test_the_middle_of_a_plane_is_the_plane() -> None:
    silhouette = silhouette_of(alpha_of(disc(256, 256, 200)))
    behind = behind_of(silhouette, field(silhouette, 0.5, 10.0), 40.0)
    points = np.array([[256.0, 256.0], [150.0, 200.0], [400.0, 300.0]])
    depth = 10 + 0.5 * points[:, 0]
    middle, half = behind.read(points, silhouette.distance_at(points), depth, 40.0)
    assert middle == pytest.approx(depth, abs=1.5)
    assert (half > 40).all()


def test_a_near_part_is_as_round_as_if_it_stood_alone() -> None:
    silhouette = silhouette_of(alpha_of(disc(256, 256, 220)))
    front = field(silhouette)
    rows = silhouette.top + np.arange(len(front)) + 0.5
    front[np.abs(rows - 256) < 20] = 200.0
    behind = behind_of(silhouette, front, 30.0)
    at = np.array([[256.0, 256.0], [256.0, 140.0]])
    middle, half = behind.read(at, silhouette.distance_at(at), np.array([200.0, 0.0]), 30.0)
    assert middle == pytest.approx([200.0, 0.0], abs=2.0)
    assert half[0] == pytest.approx(np.sqrt(2) * 20, rel=0.1)
    assert half[1] > 60  # what it hides goes on below it


def test_a_part_whose_edges_are_all_behind_nearer_ones_has_an_end() -> None:
    silhouette = silhouette_of(alpha_of(disc(256, 256, 220)))
    front = field(silhouette, start=300.0)
    front[150:290, 150:290] = 0.0  # a pit: no edge of its own
    behind = behind_of(silhouette, front, 30.0)
    at = silhouette.point_of(np.array([[220.0, 220.0]]))
    middle, half = behind.read(at, silhouette.distance_at(at), np.array([0.0]), 30.0)
    assert middle[0] == pytest.approx(0.0, abs=1.0)
    assert 0 < half[0] <= 0.4 * 441


def test_cuts_become_smooth_and_everything_stays_closed() -> None:
    silhouette = silhouette_of(alpha_of(disc(256, 256, 200)))
    flat = flat_of(silhouette, 4000, 0.8)
    front = np.where(flat.vertices[:, 0] + 0.37 * flat.vertices[:, 1] > 350, 150.0, 0.0)
    body = columns.between(flat, front, front - 20, 30.0, 4.0)
    smooth = straightened(body, len(flat.vertices))
    assert np.array_equal(smooth.faces, body.faces)
    half = len(body.vertices) // 2
    assert np.array_equal(smooth.flat[: len(flat.vertices)], body.flat[: len(flat.vertices)])
    assert np.array_equal(smooth.flat[:half], smooth.flat[half:])
    assert np.array_equal(smooth.vertices[:, 2], body.vertices[:, 2])
    upper = body.faces[: (len(body.faces) - body.walls) // 2]
    assert areas(smooth.flat, upper).min() > 0

    def length(one: columns.Columns) -> float:
        rim = one.faces[-one.walls :][: one.walls // 2, :2]
        cut = rim[(rim >= len(flat.vertices)).all(1)]
        return float(np.hypot(*(one.flat[cut[:, 0]] - one.flat[cut[:, 1]]).T).sum())

    assert length(smooth) < 0.9 * length(body)


def test_what_is_not_cut_is_left_alone() -> None:
    flat = flat_of(silhouette_of(alpha_of(disc(256, 256, 100))), 500, 0.8)
    body = columns.between(flat, np.ones(len(flat.vertices)), np.zeros(len(flat.vertices)), 5.0, 1.0)
    assert straightened(body, len(flat.vertices)) is body


@pytest.mark.parametrize(("radius", "parts"), [(60.0, 2), (5.0, 1)])
def test_crumbs_of_cuts_are_left_out_and_real_parts_are_not(radius: float, parts: int) -> None:
    flat = flat_of(silhouette_of(alpha_of(disc(256, 256, 200))), 6000, 0.8)
    front = np.where(np.hypot(*(flat.vertices - 256).T) < radius, 150.0, 0.0)
    body = columns.between(flat, front, front - 20, 30.0, 4.0)
    clean = without_crumbs(body)
    ends = np.concatenate([clean.faces[:, [0, 1]], clean.faces[:, [1, 2]], clean.faces[:, [2, 0]]])
    assert connected(len(clean.vertices), ends[:, 0], ends[:, 1])[0] == parts
    assert {tuple(end) for end in ends} == {tuple(end[::-1]) for end in ends}  # still closed
    assert np.unique(clean.faces).size == len(clean.vertices)
    assert (clean is body) == (parts == 2)
