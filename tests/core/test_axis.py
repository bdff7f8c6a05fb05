"""Axis and profile of bodies of revolution, against the shapes that were drawn."""

import math

import cv2
import numpy as np
import pytest

from img2model_desktop.core.axis import Profile, profile_of, seen_level
from img2model_desktop.core.silhouette import silhouette_of
from img2model_desktop.errors import InputProblem
from tests.drawn import Alpha, alpha_of, both, box, disc, polygon


def profile(alpha: Alpha, lying: bool = False) -> Profile:
    return profile_of(silhouette_of(alpha), lying)


def test_a_cylinder_has_its_radius_all_the_way() -> None:
    found = profile(alpha_of(box(150.25, 100, 350.25, 450)))
    along, radius = found.line()
    assert found.axis.x == pytest.approx(250.25, abs=0.1)
    assert abs(found.axis.angle) < 0.001
    assert found.end - found.start == pytest.approx(350, abs=0.3)
    middle = (along > found.start + 4) & (along < found.end - 4)
    assert np.abs(radius[middle] - 100).max() < 0.15
    assert found.evenness > 0.985


def test_a_sphere_has_the_radius_of_its_circle() -> None:
    found = profile(alpha_of(disc(256, 256, 150)))
    along, radius = found.line()
    inner = np.abs(along) < 140
    assert np.abs(radius - np.sqrt(np.maximum(150**2 - along**2, 0)))[inner].max() < 0.4


@pytest.mark.parametrize("degrees", [-14.0, -3.0, 6.5, 18.0])
def test_a_tilted_body_is_found_upright_about_its_own_axis(degrees: float) -> None:
    turn = math.radians(degrees)
    across, down = np.array([math.cos(turn), math.sin(turn)]), np.array([-math.sin(turn), math.cos(turn)])
    corners = [256 + s * 60 * across + t * 160 * down for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    found = profile(alpha_of(polygon(*[(float(x), float(y)) for x, y in corners])))
    assert math.degrees(found.axis.angle) == pytest.approx(-degrees, abs=0.15)
    assert found.end - found.start == pytest.approx(320, abs=1)
    assert np.median(found.radius) == pytest.approx(60, abs=0.3)


def test_a_lying_body_turns_about_a_lying_axis() -> None:
    found = profile(alpha_of(box(100, 200, 400, 300)), lying=True)
    assert found.axis.y == pytest.approx(250, abs=0.05)
    assert found.end - found.start == pytest.approx(300, abs=0.3)
    assert np.median(found.radius) == pytest.approx(50, abs=0.1)


def mug(sheet: Alpha, k: int) -> None:
    cv2.ellipse(sheet, (300 * k, 275 * k), (75 * k, 85 * k), 0, 0, 360, 255, 20 * k)
    sheet[150 * k : 400 * k, 150 * k : 300 * k] = 255


def test_a_handle_moves_neither_axis_nor_radius() -> None:
    found = profile(alpha_of(mug))
    assert found.axis.x == pytest.approx(225, abs=0.3)
    assert abs(math.degrees(found.axis.angle)) < 0.1
    assert np.abs(found.radius[5:-5] - 75).max() < 0.05 * 75
    assert found.evenness < 0.9  # it is still known that the picture is not symmetrical


def test_a_gap_in_a_body_is_bridged() -> None:
    found = profile(alpha_of(both(box(200, 100, 300, 200), box(200, 230, 300, 400))))
    assert found.end - found.start == pytest.approx(300, abs=0.5)
    assert found.radius[3:-3].min() > 45


def test_a_subject_of_a_few_pixels_is_refused_in_plain_words() -> None:
    with pytest.raises(InputProblem, match="too small"):
        profile(alpha_of(box(100, 100, 103, 103)))


def test_of_two_bodies_beside_each_other_one_is_turned() -> None:
    found = profile(alpha_of(both(box(100, 100, 140, 400), box(360, 100, 420, 400))))
    assert found.axis.x == pytest.approx(390, abs=0.1)
    assert np.median(found.radius) == pytest.approx(30, abs=0.2)


@pytest.mark.parametrize("degrees", [8.0, 17.5, 30.0])
@pytest.mark.parametrize(("upper", "lower"), [(90, 90), (90, 60), (60, 90)])
def test_a_frustum_seen_from_above_is_measured_as_if_seen_level(degrees: float, upper: float, lower: float) -> None:
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))

    def draw(sheet: Alpha, k: int) -> None:
        for share in np.linspace(0, 1, 900):
            radius, y = (upper + (lower - upper) * share) * k * 16, (120 + 230 * cosine * share) * k * 16
            cv2.ellipse(
                sheet, (256 * k * 16, round(y)), (round(radius), round(radius * sine)), 0, 0, 360, 255, -1, 8, 4
            )

    level = seen_level(profile(alpha_of(draw)), math.radians(degrees))
    assert level.end - level.start == pytest.approx(230, rel=0.025)
    along, radius = level.line()
    share = (along - along[0]) / (along[-1] - along[0])
    assert np.abs(radius - (upper + (lower - upper) * share))[10:-10].max() < 2.0
