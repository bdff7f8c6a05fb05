"""The outline: where it is to a fraction of a pixel, and that no mask whatever breaks the triangulation."""

import cv2
import numpy as np
import pytest
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


def test_a_very_large_subject_is_averaged_and_keeps_its_place() -> None:
    y, x = np.ogrid[:3000, :4000]
    away = np.hypot((x - 1999.5).astype(np.float32), (y - 1499.5).astype(np.float32))
    alpha = (np.clip(1400.5 - away, 0, 1) * 255).astype(np.uint8)
    silhouette = s.silhouette_of(alpha)
    assert silhouette.pixel == 2
    assert silhouette.distance.size <= s.FIELD_LIMIT * 1.1
    (contour,) = s.outline_polygons(silhouette)
    assert np.abs(np.hypot(*(contour.points - [2000, 1500]).T) - 1400).max() < 0.5


def test_it_stops_when_asked() -> None:
    calls = iter([False, False, True])
    with pytest.raises(Cancelled):
        s.silhouette_of(disc(40.0)[0], progress=Progress(is_cancelled=lambda: next(calls)))
