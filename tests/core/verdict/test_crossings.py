"""Pairs of faces that run through each other, against known counts and against exact rational arithmetic."""

from fractions import Fraction
from itertools import combinations

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict import boxes, crossings
from img2model_desktop.core.verdict.crossings import CrossingFacts, crossings_of
from img2model_desktop.core.verdict.surface import surface_of
from img2model_desktop.errors import Cancelled
from tests.shapes import box, klein, least_seconds, mesh_of, moebius, sphere, together, torus

Point = tuple[Fraction, ...]


def found(mesh: Mesh) -> CrossingFacts:
    return crossings_of(surface_of(mesh, None, Progress()), Progress())


def counts(mesh: Mesh) -> tuple[int, int, int]:
    facts = found(mesh)
    assert facts.complete
    return facts.crossing, facts.wedged, facts.overlapping


# -- the same question, answered slowly ----------------------------------------------------------------------------


def minus(a: Point, b: Point) -> Point:
    return tuple(x - y for x, y in zip(a, b, strict=True))


def dot(a: Point, b: Point) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def cross(a: Point, b: Point) -> Point:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def span(triangle: list[Point], heights: list[Fraction], along: Point) -> list[Fraction]:
    """Where a triangle's border meets a plane, as places along the line that both planes share."""
    places = []
    for i in range(3):
        j = (i + 1) % 3
        if heights[i] == 0:
            places.append(dot(triangle[i], along))
        if heights[i] * heights[j] < 0:
            share = heights[i] / (heights[i] - heights[j])
            at = tuple(p + share * (q - p) for p, q in zip(triangle[i], triangle[j], strict=True))
            places.append(dot(at, along))
    return places


def common_area(one: list[Point], other: list[Point], normal: Point) -> bool:
    """Whether two triangles of one plane share area: one is cut along the sides of the other."""
    left = list(one)
    turn = 1 if dot(cross(minus(other[1], other[0]), minus(other[2], other[0])), normal) > 0 else -1
    for i in range(3):
        start, inwards = other[i], cross(normal, minus(other[(i + 1) % 3], other[i]))
        heights = [turn * dot(minus(p, start), inwards) for p in left]
        kept: list[Point] = []
        for k, p in enumerate(left):
            m = (k + 1) % len(left)
            if heights[k] >= 0:
                kept.append(p)
            if heights[k] * heights[m] < 0:
                share = heights[k] / (heights[k] - heights[m])
                kept.append(tuple(x + share * (y - x) for x, y in zip(p, left[m], strict=True)))
        left = kept
        if len(left) < 3:
            return False
    area = [Fraction(0)] * 3
    for k in range(1, len(left) - 1):
        part = cross(minus(left[k], left[0]), minus(left[k + 1], left[0]))
        area = [x + y for x, y in zip(area, part, strict=True)]
    return any(area)


def kind_of_meeting(one: list[Point], other: list[Point]) -> str:
    n_one = cross(minus(one[1], one[0]), minus(one[2], one[0]))
    n_other = cross(minus(other[1], other[0]), minus(other[2], other[0]))
    shared = len(set(one) & set(other))
    if not any(n_one) or not any(n_other) or shared == 3:
        return "none"
    h_one = [dot(minus(p, other[0]), n_other) for p in one]
    h_other = [dot(minus(p, one[0]), n_one) for p in other]
    if not any(h_one):
        return "overlapping" if common_area(one, other, n_one) else "none"
    if min(h_one) >= 0 or max(h_one) <= 0 or min(h_other) >= 0 or max(h_other) <= 0:
        return "none"
    along = cross(n_one, n_other)
    a, b = span(one, h_one, along), span(other, h_other, along)
    if max(min(a), min(b)) >= min(max(a), max(b)):
        return "none"
    return "wedged" if shared else "crossing"


def slowly(mesh: Mesh) -> tuple[int, int, int]:
    places = [tuple(Fraction(float(x)) for x in vertex) for vertex in mesh.vertices]
    faces = [[places[k] for k in face] for face in mesh.faces if len({places[k] for k in face}) == 3]
    kinds = [kind_of_meeting(one, other) for one, other in combinations(faces, 2)]
    return kinds.count("crossing"), kinds.count("wedged"), kinds.count("overlapping")


CORNER = strategies.tuples(*[strategies.integers(0, 4)] * 3)


@hypothesis.given(strategies.lists(strategies.tuples(CORNER, CORNER, CORNER), min_size=2, max_size=12))
@hypothesis.settings(max_examples=120)
def test_touching_and_crossing_soups_on_a_coarse_grid(triangles: list[tuple[tuple[int, int, int], ...]]) -> None:
    corners = [corner for triangle in triangles for corner in triangle]
    mesh = mesh_of([*corners, (0, 0, 0), (4, 4, 4)], np.arange(len(corners)).reshape(-1, 3))
    assert counts(mesh) == slowly(mesh)


def test_a_random_soup() -> None:
    corners = np.random.default_rng(3).integers(0, 1 << 10, (40 * 3, 3)) / 1024
    mesh = mesh_of([*corners, (0, 0, 0), (1, 1, 1)], np.arange(120).reshape(-1, 3))
    crossing, wedged, overlapping = counts(mesh)
    assert (crossing, wedged, overlapping) == slowly(mesh)
    assert crossing > 100


# -- known meshes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mesh", [box(), sphere(), torus(), moebius()], ids=["box", "sphere", "torus", "Moebius"])
def test_embedded_surfaces_cross_nothing(mesh: Mesh) -> None:
    assert counts(mesh) == (0, 0, 0)


def test_a_klein_bottle_must_cross_itself() -> None:
    jitter = np.random.default_rng(2).normal(scale=0.01, size=klein(12, 8).vertices.shape)
    small = mesh_of(klein(12, 8).vertices + jitter, klein(12, 8).faces)
    facts = found(small)
    assert facts.crossing == 48  # as exact arithmetic has it, which takes its time
    assert facts.within_parts == facts.crossing + facts.wedged
    assert len(facts.parts) == 0


def test_two_boxes_at_an_odd_offset() -> None:
    pair = together(box(16, 16, 16), box(16, 16, 16, at=(3, 5, 9)))
    facts = found(pair)
    assert (facts.crossing, facts.wedged, facts.overlapping) == slowly(pair)
    assert facts.crossing > 0
    assert facts.parts.tolist() == [[0, 1]]
    assert (facts.within_parts, facts.overlapping_faces.any()) == (0, False)


def test_boxes_that_only_touch_do_not_cross() -> None:
    beside = together(box(1, 1, 1), box(1, 1, 1, at=(2, 0, 0)))
    on_edge = together(box(1, 1, 1), box(1, 1, 1, at=(1, 1, 0.5)))
    assert counts(beside) == counts(on_edge) == (0, 0, 0)


def test_boxes_face_to_face_overlap_in_one_plane() -> None:
    stacked = together(box(1, 1, 1), box(0.5, 1, 0.5, at=(0.25, 1, 0.25)))
    facts = found(stacked)
    assert (facts.crossing, facts.wedged) == (0, 0)
    assert facts.overlapping == slowly(stacked)[2]
    assert facts.overlapping > 0


def test_a_face_folded_onto_its_neighbour_overlaps_it() -> None:
    folded = mesh_of([[0, 0, 0], [4, 0, 0], [0, 4, 0], [1, 1, 0]], [[0, 1, 2], [1, 0, 3]])
    flat = mesh_of([[0, 0, 0], [4, 0, 0], [0, 4, 0], [1, -1, 0]], [[0, 1, 2], [1, 0, 3]])
    assert counts(folded) == (0, 0, 1)
    assert counts(flat) == (0, 0, 0)


def test_faces_at_the_same_places_are_doubled_and_not_overlapping() -> None:
    whole = box()
    assert counts(mesh_of(whole.vertices, np.concatenate([whole.faces, whole.faces[:3, ::-1]]))) == (0, 0, 0)


def test_a_wedge_through_the_common_corner() -> None:
    mesh = mesh_of([[0, 0, 0], [4, 2, 0], [4, -2, 0], [4, 0, 1], [4, 0, -1]], [[0, 1, 2], [0, 3, 4]])
    assert counts(mesh) == (0, 1, 0)


def test_counting_is_broken_off_in_a_soup(monkeypatch: pytest.MonkeyPatch) -> None:
    corners = np.random.default_rng(0).random((900, 3))
    mesh = mesh_of(corners, np.arange(900).reshape(-1, 3))
    whole = found(mesh)
    monkeypatch.setattr(crossings, "MOST_FOUND", 1000)
    monkeypatch.setattr(crossings, "PIECE", 500)
    some = found(mesh)
    assert whole.complete
    assert not some.complete
    assert 1000 < some.crossing < whole.crossing


def test_cancelling() -> None:
    with pytest.raises(Cancelled):
        crossings_of(surface_of(sphere(), None, Progress()), Progress(is_cancelled=lambda: True))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 64, 1000])
def test_overlapping_boxes_against_all_pairs(count: int) -> None:
    random = np.random.default_rng(count)
    low = random.random((count, 3)).astype(np.float32)
    high = low + (random.random((count, 3)) ** 4).astype(np.float32)
    pairs = [tuple(sorted(pair)) for a, b in boxes.overlapping(low, high) for pair in zip(a, b, strict=True)]
    meet = (low[:, None] <= high[None]).all(axis=2) & (low[None] <= high[:, None]).all(axis=2)
    expected = {(int(i), int(j)) for i, j in np.argwhere(meet) if i < j}
    assert len(pairs) == len(set(pairs)) == len(expected)
    assert {(int(i), int(j)) for i, j in pairs} == expected


def test_two_hundred_thousand_faces_take_about_a_second() -> None:
    surface = surface_of(torus(rows=500, columns=200), None, Progress())
    assert least_seconds(lambda: crossings_of(surface, Progress()), times=2) < 1.5


def test_what_rounding_makes_cross_does_not_count() -> None:
    """A corner that pokes through a face, by less and by more than a millionth of the size; and two edges."""
    plate = [[0, 0, 0], [1, 0, 0], [0, 0, 1]]
    for depth, crossing in ((5e-7, 0), (5e-6, 1)):
        poking = mesh_of([*plate, [0.2, -depth, 0.2], [0.3, 0.5, 0.2], [0.2, 0.5, 0.3]], [[0, 1, 2], [3, 4, 5]])
        assert counts(poking) == (crossing, 0, 0)
        flat = mesh_of([*plate, [1, 0, -1], [1, 0, 0.0], [depth, 0, -1]], [[0, 1, 2], [3, 4, 5]])
        assert counts(flat) == (0, 0, 0)
        beside = [[0.5, 0, depth], [0, 0, -1], [1, 0, -1]]
        assert counts(mesh_of([*plate, *beside], [[0, 1, 2], [3, 4, 5]])) == (0, 0, crossing)
        edge_on = [[0.5, -0.5, depth], [0.5, 0.5, depth], [0.5, 0, -1]]
        assert counts(mesh_of([*plate, *edge_on], [[0, 1, 2], [3, 4, 5]])) == (crossing, 0, 0)
