"""Levels of detail."""

import numpy as np
import pytest

from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.detail import levels_of_detail
from img2model_desktop.errors import Cancelled, InputProblem
from tests.shapes import sphere, textured


def test_each_level_has_as_many_faces_as_asked_for() -> None:
    ball = sphere()
    levels = levels_of_detail(ball, (len(ball.faces), 1000, 200, 50))
    assert levels[0] is ball
    assert [len(level.faces) for level in levels] == [len(ball.faces), 1000, 200, 50]
    assert all(measure(level).watertight for level in levels)
    assert len(ball.faces) == 2208


def test_levels_are_made_from_the_original_and_come_in_any_order() -> None:
    ball = sphere()
    one, other = levels_of_detail(ball, (100, 500)), levels_of_detail(ball, (500, 100))
    assert np.array_equal(one[0].vertices, other[1].vertices)
    assert np.array_equal(one[1].vertices, other[0].vertices)


def test_levels_have_a_look() -> None:
    ball = textured(sphere(rows=8, columns=12))
    whole, small = levels_of_detail(ball, (len(ball.faces), 60))
    assert whole is ball
    assert small.uv is not None
    assert small.base_colour is not None
    assert len(small.faces) == 60


def test_wrong_counts_and_stopping() -> None:
    assert levels_of_detail(sphere(), ()) == ()
    with pytest.raises(InputProblem, match="Triangles"):
        levels_of_detail(sphere(), (3,))
    with pytest.raises(Cancelled):
        levels_of_detail(sphere(), (100,), Progress(is_cancelled=lambda: True))
