"""Which corners hang together around vertices."""

import numpy as np

from img2model_desktop.core.topology import count_fans, edges_of, fans_of
from tests.shapes import box


def test_each_corner_of_a_box_has_one_fan() -> None:
    faces = box().faces
    count, fan = fans_of(edges_of(faces))
    assert count == 8
    for vertex in range(8):
        assert len(np.unique(fan[faces.ravel() == vertex])) == 1


def test_two_faces_that_touch_in_a_corner_are_two_fans_there() -> None:
    faces = np.array([[0, 1, 2], [0, 3, 4]])
    count, fan = fans_of(edges_of(faces))
    assert count == count_fans(edges_of(faces)) == 6
    assert fan[0] != fan[3]
