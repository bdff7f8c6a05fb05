"""The solid between two depths is closed, and cut where the depth jumps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from img2model_desktop.core.columns import Columns, between
from img2model_desktop.core.flat import Flat, flat_of
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.silhouette import silhouette_of

RADIUS = 70


def disc(faces: int = 1500) -> Flat:
    rows, columns = np.mgrid[:180, :180]
    alpha = np.where((columns - 90) ** 2 + (rows - 88) ** 2 < RADIUS**2, 255, 0).astype(np.uint8)
    return flat_of(silhouette_of(alpha), faces, 0.9)


FLAT = disc()


def mesh_of(body: Columns) -> Mesh:
    return Mesh(body.vertices.astype(np.float32), body.faces.astype(np.int32)).validate()


def levels(left: float, right: float) -> NDArray[np.float64]:
    return np.where(FLAT.vertices[:, 0] < 90, left, right)


def test_an_even_thickness_makes_a_cylinder() -> None:
    body = between(FLAT, levels(5, 5), levels(-5, -5), gap=1, least=0.1)
    facts = measure(mesh_of(body))
    assert facts.watertight
    assert facts.volume_m3 == pytest.approx(np.pi * RADIUS**2 * 10, rel=0.01)
    assert body.cuts == 0
    assert len(body.faces) == 2 * len(FLAT.faces) + body.walls


def test_layers_that_do_not_meet_become_two_bodies() -> None:
    body = between(FLAT, levels(30, -30), levels(20, -40), gap=1, least=0.1)
    facts = measure(mesh_of(body))
    assert facts.watertight
    assert facts.parts == 2
    assert body.cuts > 20
    # each side ends just before the middle of the cut edges, so almost nothing is lost and nothing is bridged
    assert facts.volume_m3 == pytest.approx(np.pi * RADIUS**2 * 10, rel=0.02)
    inside = np.abs(body.vertices[:, 2]) < 19
    assert not inside.any()


def test_layers_that_meet_stay_one_body() -> None:
    body = between(FLAT, levels(10, 0), levels(0, -10), gap=1, least=0.1)
    assert body.cuts == 0
    assert measure(mesh_of(body)).parts == 1


def test_a_cut_that_ends_inside_leaves_one_closed_body() -> None:
    x, y = FLAT.vertices.T
    rise = np.where(x < 90, 1.0, -1.0) * np.clip((y - 60) * 0.5, 0, 40)
    body = between(FLAT, rise + 4, rise - 4, gap=1, least=0.1)
    facts = measure(mesh_of(body))
    assert body.cuts > 5
    assert facts.watertight
    assert facts.parts == 1


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.1, 40), st.floats(-5, 30))
def test_any_depths_make_a_closed_manifold(seed: int, rough: float, thick: float) -> None:
    rng = np.random.default_rng(seed)
    flat = disc(300)
    front = rng.normal(0, rough, len(flat.vertices))
    body = between(flat, front, front - thick, gap=2, least=0.5)
    a, b = np.concatenate([body.faces[:, [k, (k + 1) % 3]] for k in range(3)]).T
    count = len(body.vertices)
    there, back = np.sort(a * count + b), np.sort(b * count + a)
    assert np.array_equal(there, back)  # each edge once in each direction: closed and oriented
    assert len(np.unique(there)) == len(there)
    assert (measure(mesh_of(body)).volume_m3 or 0) > 0


def test_every_vertex_knows_where_it_lies_in_the_picture() -> None:
    body = between(FLAT, levels(30, -30), levels(20, -40), gap=1, least=0.1)
    assert np.array_equal(body.flat, body.vertices[:, :2] * [1, -1])
    assert body.is_back.sum() * 2 == len(body.vertices)


def test_no_thickness_is_refused() -> None:
    with pytest.raises(ValueError, match="thickness"):
        between(FLAT, levels(0, 0), levels(0, 0), gap=1, least=0)
