"""The outline: where it is to a fraction of a pixel, and that no mask whatever breaks the triangulation."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from img2model_desktop.core import silhouette as s
from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import Cancelled, InputProblem

Alpha = NDArray[np.uint8]


def disc(radius: float, *, hard: bool = False, centre: float = 0.21) -> tuple[Alpha, float]:
    """A disc drawn with 16 x 16 samples for each pixel, or one; and both coordinates of its centre."""
    size, fine = int(2 * radius + 8), 16
    middle = size / 2 + centre
    y, x = (np.mgrid[: size * fine, : size * fine] + 0.5) / fine
    mask = ((x - middle) ** 2 + (y - middle) ** 2 < radius**2).astype(np.float32)
    small = mask[8::fine, 8::fine] if hard else cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(np.round(small * 255), np.uint8), middle


def check_flat(flat: s.Flat) -> None:
    """Everything that `Flat` promises."""
    count = len(flat.vertices)
    tail, head = flat.faces.ravel(), np.roll(flat.faces, -1, axis=1).ravel()
    there, back = tail * count + head, head * count + tail
    assert len(np.unique(there)) == len(there), "two faces turn the same way at an edge"
    border = ~np.isin(there, back)
    rim = flat.is_rim
    assert np.array_equal(np.sort(tail[border]), np.nonzero(rim)[0]), "the border is not the rim, once round"
    assert not (rim[tail] & rim[head] & ~border).any(), "an inner edge joins two rim vertices"
    steps = {(int(a), int(b)) for a, b in zip(tail[border], head[border], strict=True)}
    rings = {(int(a), int(b)) for ring in flat.rim for a, b in zip(ring, np.roll(ring, -1), strict=True)}
    assert rings == steps, "the rings are not the border, inside on the left"
    assert len(np.unique(np.round(flat.vertices, 9), axis=0)) == count, "two vertices in one place"
    assert s.areas(flat.vertices, flat.faces).min() > 0
    assert np.array_equal(flat.distance == 0, rim)
    assert (flat.distance[~rim] > 0).all()


def parts_of(flat: s.Flat) -> int:
    parent = np.arange(len(flat.vertices))
    while True:
        lowest = parent[flat.faces].min(axis=1)
        before = parent.copy()
        np.minimum.at(parent, flat.faces.ravel(), np.repeat(lowest, 3))
        parent = parent[parent]
        if np.array_equal(before, parent):
            return len(np.unique(parent))


@pytest.mark.parametrize("radius", [5.0, 10.0, 25.3, 80.0])
def test_an_anti_aliased_disc_is_found_to_a_tenth_of_a_pixel(radius: float) -> None:
    alpha, middle = disc(radius)
    (contour,) = s.outline_polygons(s.silhouette_of(alpha))
    away = np.hypot(*(contour.points - middle).T) - radius
    assert abs(away.mean()) < 0.03
    assert away.std() < 0.07
    assert s.signed_area(contour.points) == pytest.approx(np.pi * radius**2, rel=0.01)


def test_a_hard_mask_gets_no_staircase() -> None:
    """A straight edge that climbs one pixel in eleven, drawn without anti-aliasing: each step was a whole pixel."""
    y, x = np.mgrid[:120, :160] + 0.5
    alpha = ((y > 20 + x / 11) & (y < 100) & (x > 10) & (x < 150)).astype(np.uint8) * 255
    (contour,) = s.outline_polygons(s.silhouette_of(alpha))
    edge = contour.points[(contour.points[:, 0] > 25) & (contour.points[:, 0] < 135) & (contour.points[:, 1] < 50)]
    off = edge[:, 1] - (20 + edge[:, 0] / 11)
    assert off.std() < 0.2
    assert np.abs(off - off.mean()).max() < 0.65


@pytest.mark.parametrize("hard", [True, False])
def test_the_sign_of_each_pixel_is_that_of_its_alpha(hard: bool) -> None:
    rng = np.random.default_rng(3)
    alpha = (rng.random((40, 50)) * 255).astype(np.uint8)
    alpha[1::2] = alpha[::2]  # rows in pairs and columns in pairs: no two pixels touch at a corner alone but where
    alpha[:, 1::2] = alpha[:, ::2]  # whole pairs do, and those are not compared
    if hard:
        alpha = (alpha > 127).astype(np.uint8) * 255
    silhouette = s.silhouette_of(alpha, dust=0.0)
    rows, columns = np.mgrid[:40, :50]
    places = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1)
    same = (silhouette.distance_at(places) > 0) == (alpha.ravel() >= s.HALF)
    inside = (alpha >= s.HALF).astype(int)
    a, b, c, d = inside[:-1, :-1], inside[:-1, 1:], inside[1:, :-1], inside[1:, 1:]
    corners = np.pad(((a == d) & (b == c) & (a != b)).astype(np.uint8), 1)
    near = cv2.dilate(corners, np.ones((7, 7), np.uint8))[:40, :50].ravel() > 0
    assert np.count_nonzero(~near) > 200
    assert same[~near].all()


def test_contours_say_what_is_a_hole_and_of_what() -> None:
    alpha = np.zeros((90, 160), np.uint8)
    cv2.rectangle(alpha, (5, 5), (84, 84), 255, -1)
    cv2.rectangle(alpha, (25, 25), (64, 64), 0, -1)
    cv2.rectangle(alpha, (35, 35), (54, 54), 255, -1)
    cv2.circle(alpha, (120, 45), 25, 255, -1)
    cv2.circle(alpha, (120, 45), 8, 0, -1)
    contours = s.outline_polygons(s.silhouette_of(alpha))
    assert [(c.is_hole, c.parent) for c in contours] == [
        (False, -1),
        (False, -1),
        (True, 0),
        (False, -1),
        (True, 1),
    ]
    assert [s.signed_area(c.points) > 0 for c in contours] == [True, True, False, True, False]
    assert s.signed_area(contours[0].points) == pytest.approx(80 * 80, rel=0.01)
    assert s.parts(s.silhouette_of(alpha))[1] == 3


def test_dust_goes_and_the_only_thing_stays() -> None:
    alpha = np.zeros((200, 200), np.uint8)
    alpha[50:150, 50:150] = 255
    alpha[10, 10] = 255  # a speck
    alpha[100, 100] = 0  # a pinhole
    assert [c.is_hole for c in s.outline_polygons(s.silhouette_of(alpha))] == [False]
    assert len(s.outline_polygons(s.silhouette_of(alpha, dust=0.0))) == 3
    single = np.zeros((9, 9), np.uint8)
    single[4, 4] = 255
    assert s.silhouette_of(single).area == 1.0


def test_nothing_solid_is_refused() -> None:
    with pytest.raises(InputProblem, match="solid"):
        s.silhouette_of(np.full((20, 20), 100, np.uint8))


def test_a_subject_that_fills_the_frame_ends_at_the_frame() -> None:
    flat = s.flat_of(s.silhouette_of(np.full((40, 60), 255, np.uint8)), 2000)
    check_flat(flat)
    assert np.abs(flat.vertices.min(axis=0)).max() < 0.25
    assert np.abs(flat.vertices.max(axis=0) - [60, 40]).max() < 0.25
    assert s.areas(flat.vertices, flat.faces).sum() == pytest.approx(2400, rel=0.01)


def test_a_very_large_subject_is_averaged_and_keeps_its_place() -> None:
    y, x = np.ogrid[:3000, :4000]
    away = np.hypot((x - 1999.5).astype(np.float32), (y - 1499.5).astype(np.float32))
    alpha = (np.clip(1400.5 - away, 0, 1) * 255).astype(np.uint8)
    silhouette = s.silhouette_of(alpha)
    assert silhouette.pixel == 2
    assert silhouette.distance.size <= s.FIELD_LIMIT * 1.1
    (contour,) = s.outline_polygons(silhouette)
    assert np.abs(np.hypot(*(contour.points - [2000, 1500]).T) - 1400).max() < 0.5


@pytest.mark.parametrize("faces", [300, 3000, 25_000])
def test_the_wanted_number_of_triangles_is_met(faces: int) -> None:
    alpha, middle = disc(80.0)
    flat = s.flat_of(s.silhouette_of(alpha), faces)
    check_flat(flat)
    assert len(flat.faces) == pytest.approx(faces, rel=0.25)
    assert s.areas(flat.vertices, flat.faces).sum() == pytest.approx(np.pi * 80**2, rel=0.015)
    inner = ~flat.is_rim & (np.hypot(*(flat.vertices - middle).T) > 10)  # the peak in the middle is rounded off
    true = 80 - np.hypot(*(flat.vertices[inner] - middle).T)
    assert np.abs(flat.distance[inner] - true).max() < 0.6


def masks() -> st.SearchStrategy[Alpha]:
    """Masks of all sorts: noise, blobs, lines, single pixels, pixels that touch at corners, full frames."""

    def made(height: int, width: int, seed: int, kind: str) -> Alpha:
        rng = np.random.default_rng(seed)
        alpha = np.zeros((height, width), np.uint8)
        if kind == "noise":
            alpha[rng.random((height, width)) < rng.random()] = 255
        elif kind == "blobs":
            alpha[cv2.GaussianBlur(rng.random((height, width)), (0, 0), 1 + 2 * rng.random()) > 0.5] = 255
        elif kind == "soft":
            noise = cv2.GaussianBlur(rng.random((height, width)), (0, 0), 1.5)
            alpha[:] = np.clip((noise - noise.mean()) / (np.ptp(noise) + 1e-9) * 900 + 128, 0, 255)
        elif kind == "lines":
            for _ in range(4):
                a, b = rng.integers(0, (width, height), (2, 2))
                cv2.line(alpha, a.tolist(), b.tolist(), 255, 1)
        elif kind == "chess":
            alpha[(np.indices((height, width)).sum(axis=0) % 2) == 0] = 255
        elif kind == "holes":
            alpha[:] = 255
            alpha[rng.integers(0, height, 5), rng.integers(0, width, 5)] = 0
        if not (alpha >= s.HALF).any():
            alpha[rng.integers(height), rng.integers(width)] = 255
        return alpha

    kinds = st.sampled_from(["noise", "blobs", "soft", "lines", "chess", "holes", "pixel"])
    return st.builds(made, st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6), kinds)


@given(alpha=masks(), faces=st.sampled_from([50, 400, 2500]), rim_share=st.sampled_from([0.45, 1.0]))
def test_any_mask_gives_a_sound_triangulation(alpha: Alpha, faces: int, rim_share: float) -> None:
    silhouette = s.silhouette_of(alpha, dust=0.0)
    flat = s.flat_of(silhouette, faces, rim_share)
    check_flat(flat)
    # The pixel that joins two at a corner may touch a third: parts can become fewer, never more.
    drawn = cv2.connectedComponents((alpha >= s.HALF).astype(np.uint8))[0] - 1
    assert parts_of(flat) == s.parts(silhouette)[1] <= drawn


def test_two_parts_and_a_hole_stay_so() -> None:
    alpha = np.zeros((200, 300), np.uint8)
    cv2.circle(alpha, (90, 100), 80, 255, -1, cv2.LINE_AA)
    cv2.circle(alpha, (90, 100), 20, 0, -1, cv2.LINE_AA)
    cv2.rectangle(alpha, (172, 40), (280, 160), 255, -1)
    flat = s.flat_of(s.silhouette_of(alpha), 800)
    check_flat(flat)
    assert parts_of(flat) == 2
    assert len(flat.rim) == 3


def test_a_line_of_one_pixel_is_kept_whole() -> None:
    alpha = np.zeros((300, 300), np.uint8)
    alpha[20:280, 20:130] = 255
    cv2.line(alpha, (130, 150), (290, 60), 255, 1)
    flat = s.flat_of(s.silhouette_of(alpha), 1500)
    check_flat(flat)
    assert parts_of(flat) == 1
    assert flat.vertices[:, 0].max() > 289


@pytest.mark.parametrize("work", [s.silhouette_of, lambda alpha, **k: s.flat_of(s.silhouette_of(alpha), 2000, **k)])
def test_it_stops_when_asked(work: Any) -> None:
    calls = iter([False, False, True])
    with pytest.raises(Cancelled):
        work(disc(40.0)[0], progress=Progress(is_cancelled=lambda: next(calls)))
