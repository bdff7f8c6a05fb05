"""Keeps vertices apart that rounding would bring to one place."""

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.topology import same_rows

ROUNDS = 64
"""Of nudges; more than a handful is never needed unless thousands of points lie in one."""


def distinct(vertices: NDArray[np.float32], first: int = 0) -> NDArray[np.float32]:
    """The vertices, `(n, 3)`, where those from number `first` on share their place with no other one.

    Vertices at one place count as one (a texture seam repeats them), so that two sheets which only come near would be
    sewn together there. Of equal ones the later go to the next numbers that float32 has.
    """
    vertices = vertices.copy()
    for attempt in range(ROUNDS):
        again = np.nonzero(same_rows(vertices)[first:] != np.arange(first, len(vertices)))[0] + first
        if not len(again):
            break
        axis = (again + attempt) % 3
        vertices[again, axis] = np.nextafter(vertices[again, axis], np.float32(np.inf))
    return vertices
