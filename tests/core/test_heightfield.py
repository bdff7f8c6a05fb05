"""Front and back over a silhouette make a closed body, whatever the mask and the heights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.core.flat import areas, flat_of
from img2model_desktop.core.heightfield import Closed, closed, gathered
from img2model_desktop.core.poisson import solve
from img2model_desktop.core.silhouette import silhouette_of
from img2model_desktop.core.swell import local_width
from tests.core.test_flat import check_flat, masks, parts_of
from tests.core.test_silhouette import disc


def volume(body: Closed) -> float:
    a, b, c = (body.vertices[body.faces[:, k]] for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def check_closed(body: Closed) -> None:
    """Each directed edge once, its opposite once; each vertex one fan; nothing flat, nothing twice."""
    count = len(body.vertices)
    tail, head = body.faces.ravel(), np.roll(body.faces, -1, axis=1).ravel()
    there, back = tail * count + head, head * count + tail
    assert len(np.unique(there)) == len(there)
    assert np.array_equal(np.sort(there), np.sort(back))
    # Around a vertex the faces form one fan: as many faces as there are edges, and one ring of them.
    opposite = np.roll(body.faces, -2, axis=1).ravel()
    after: dict[int, dict[int, int]] = {}
    for vertex, first, second in zip(tail.tolist(), head.tolist(), opposite.tolist(), strict=True):
        after.setdefault(vertex, {})[first] = second
    for ring in after.values():
        start = at = next(iter(ring))
        steps = 0
        while steps == 0 or at != start:
            at = ring[at]
            steps += 1
        assert steps == len(ring)
    assert len(np.unique(body.vertices, axis=0)) == count
    a, b, c = (body.vertices[body.faces[:, k]] for k in range(3))
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).min() > 0


@given(alpha=masks(), faces=st.sampled_from([50, 400]), seed=st.integers(0, 1000))
def test_any_mask_and_any_heights_close(alpha: np.ndarray, faces: int, seed: int) -> None:
    flat = flat_of(silhouette_of(alpha, dust=0.0), faces)
    rng = np.random.default_rng(seed)
    front, back = rng.normal(0, 5, len(flat.vertices)), rng.normal(0, 5, len(flat.vertices))
    body = closed(flat, front, back)
    check_closed(body)
    assert volume(body) > 0


@given(alpha=masks(), reach=st.sampled_from([0.5, 2.0, 10.0]))
def test_gathering_never_turns_a_triangle_over(alpha: np.ndarray, reach: float) -> None:
    silhouette = silhouette_of(alpha, dust=0.0)
    flat = flat_of(silhouette, 400)
    nearer = gathered(flat, silhouette, np.full(len(flat.vertices), reach))
    check_flat(nearer)
    assert np.array_equal(nearer.faces, flat.faces)
    assert (nearer.distance <= flat.distance).all()


def test_gathering_brings_vertices_to_where_it_says() -> None:
    alpha, middle = disc(80.0)
    silhouette = silhouette_of(alpha)
    flat = flat_of(silhouette, 4000)
    nearer = gathered(flat, silhouette, np.full(len(flat.vertices), 20.0))
    moved = nearer.distance < flat.distance
    assert np.count_nonzero(moved) > 500
    assert np.abs(80 - np.hypot(*(nearer.vertices[moved] - middle).T) - nearer.distance[moved]).max() < 0.5
    t = flat.distance[moved] / 20
    assert np.allclose(nearer.distance[moved], 20 * (2 * t**2 - t**3))


def test_a_sphere_has_its_volume() -> None:
    alpha, _ = disc(60.0)
    silhouette = silhouette_of(alpha)
    flat = flat_of(silhouette, 20_000)
    flat = gathered(flat, silhouette, np.full(len(flat.vertices), 8.0))
    height = np.sqrt(np.maximum(2 * 60 * flat.distance - flat.distance**2, 0))
    body = closed(flat, height, -height)
    assert volume(body) == pytest.approx(4 / 3 * np.pi * 60**3, rel=0.01)
    assert body.vertices[:, 2].max() == pytest.approx(60, rel=0.01)


def test_heights_that_cross_are_set_apart_and_a_slab_keeps_its_thickness() -> None:
    alpha = np.full((30, 30), 255, np.uint8)
    flat = flat_of(silhouette_of(alpha), 500)
    crossed = closed(flat, np.full(len(flat.vertices), -3.0), np.full(len(flat.vertices), 3.0))
    check_closed(crossed)
    assert 0 < volume(crossed) < 30
    slab = closed(flat, np.full(len(flat.vertices), 2.0), np.full(len(flat.vertices), -2.0))
    assert slab.vertices[:, 2].max() == 2.0
    assert slab.vertices[:, 2].min() == -2.0


def test_a_seam_has_the_rim_twice_in_the_same_places() -> None:
    alpha, _ = disc(20.0)
    flat = flat_of(silhouette_of(alpha), 600)
    height = flat.distance
    shared, seamed = closed(flat, height, -height), closed(flat, height, -height, seam=True)
    rim = int(flat.is_rim.sum())
    assert len(seamed.vertices) == len(shared.vertices) + rim
    front, back = seamed.faces[: len(flat.faces)], seamed.faces[len(flat.faces) :]
    assert not np.intersect1d(front, back).size
    _, welded = np.unique(seamed.vertices, axis=0, return_inverse=True)
    again = Closed(np.unique(seamed.vertices, axis=0), welded.reshape(-1)[seamed.faces], seamed.origin, seamed.is_back)
    check_closed(again)
    assert volume(again) == pytest.approx(volume(shared))


@pytest.mark.parametrize(("size", "radius"), [(64, 25.3), (256, 101.2)])
def test_poisson_over_a_disc_is_a_paraboloid(size: int, radius: float) -> None:
    y, x = np.mgrid[:size, :size] + 0.5
    away = np.hypot(x - size / 2 - 0.21, y - size / 2 - 0.21)
    u = solve((radius - away).astype(np.float32), np.full((size, size), 4.0, np.float32), cycles=8)
    true = np.maximum(radius**2 - away**2, 0)
    assert np.abs(u - true).max() < 0.01 * radius**2


def test_poisson_stays_calm_where_slits_are_thinner_than_coarse_cells() -> None:
    """Coarse grids that bridge slits make multigrid diverge."""
    mask = np.zeros((192, 192), np.uint8)
    mask[20:170, 20:170] = 1
    mask[30:160, 25:165:5] = 0
    distance = np.where(mask > 0, 0.5, -0.5).astype(np.float32)
    for cycles in (3, 12):
        u = solve(distance, np.full(mask.shape, 4.0, np.float32), cycles=cycles)
        assert u.min() >= 0
        assert u.max() < 150.0


def test_poisson_screened_is_flat_in_the_middle() -> None:
    """Deep inside, u = source / screen."""
    y, x = np.mgrid[:128, :128] + 0.5
    distance = (60 - np.maximum(abs(x - 64), abs(y - 64))).astype(np.float32)
    u = solve(distance, np.full((128, 128), 4.0, np.float32), 0.05, cycles=8)
    assert u[64, 64] == pytest.approx(80.0, rel=0.01)


def test_local_width_of_a_disc_and_a_bar() -> None:
    y, x = np.mgrid[:120, :300] + 0.5
    ball = 40 - np.hypot(x - 60, y - 60)
    bar = 8 - np.maximum(abs(y - 60), abs(x - 220) - 52)
    width = local_width(np.maximum(ball, bar).astype(np.float32))
    assert np.allclose(width[ball > 3], 40, rtol=0.2)
    assert np.allclose(width[56:64, 190:240], 8, rtol=0.2)


def test_areas_are_signed() -> None:
    corners = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]])
    assert areas(corners, np.array([[0, 2, 1], [0, 1, 2]])).tolist() == [6.0, -6.0]


def test_a_flat_silhouette_is_one_part() -> None:
    assert parts_of(flat_of(silhouette_of(disc(20.0)[0]), 200)) == 1
