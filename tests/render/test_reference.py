"""Things of known size have it."""

import numpy as np
import pytest

from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.render.reference import reference_cube, reference_hand


def test_the_cube_is_a_solid_of_ten_centimetres_on_the_floor() -> None:
    cube = reference_cube()
    np.testing.assert_allclose(cube.bounds, [[-0.05, 0.0, -0.05], [0.05, 0.1, 0.05]], atol=1e-7)
    facts = measure(cube)
    assert facts.watertight
    assert facts.oriented
    assert facts.volume_m3 == pytest.approx(1e-3, rel=0.01)


def test_the_hand_is_a_solid_of_nineteen_centimetres_on_the_floor() -> None:
    hand = reference_hand()
    low, high = hand.bounds
    assert (low[1], high[1]) == pytest.approx((0.0, 0.19), abs=1e-6)
    assert low[0] == pytest.approx(-high[0], abs=1e-6)
    facts = measure(hand)
    assert facts.watertight
    assert facts.manifold
    assert facts.parts == 1
    assert facts.genus == 0
    assert 1.5e-4 < facts.volume_m3 < 4e-4  # an adult's is about a quarter of a litre
    assert len(hand.faces) < 30_000
