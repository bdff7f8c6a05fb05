"""The faces of a mesh in blocks of neighbours, each with its box: what a ray or a plane misses is left out at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.preview import Triangles
from img2model_desktop.core.topology import Ids

BLOCK = 256  # faces: few enough to be looked at one by one, and a million faces make four thousand boxes


class FaceBlocks:
    """Faces along a Z-order curve (Morton, 1966), cut into blocks of `BLOCK`.

    Args:
        triangles: at least one; kept, not copied.
    """

    def __init__(self, triangles: Triangles) -> None:
        self.triangles = triangles
        x, y, z = (np.ascontiguousarray(triangles.corners[:, k]) for k in range(3))
        indices = triangles.indices
        low = np.empty((3, len(indices)), dtype=np.float32)
        high = np.empty_like(low)
        for axis, values in enumerate((x, y, z)):
            a, b, c = (values[indices[:, k]] for k in range(3))
            low[axis] = np.minimum(np.minimum(a, b), c)
            high[axis] = np.maximum(np.maximum(a, b), c)
        self._order = np.argsort(_z_order((low + high) * np.float32(0.5)), kind="stable")
        starts = np.arange(0, len(indices), BLOCK)
        self._low = np.minimum.reduceat(low[:, self._order], starts, axis=1).T.astype(np.float64)
        self._high = np.maximum.reduceat(high[:, self._order], starts, axis=1).T.astype(np.float64)

    def across(self, axis: int, at_m: float) -> Ids:
        """Numbers of faces, among them all that reach both sides of a plane across an axis, or touch it."""
        return self._faces((self._low[:, axis] <= at_m) & (self._high[:, axis] >= at_m))

    def around(self, origin: NDArray[np.float64], direction: NDArray[np.float64], cone: float = 0.0) -> Ids:
        """Numbers of faces, among them all that come near a ray.

        Args:
            origin: `(3,)`, metres.
            direction: `(3,)`, unit length.
            cone: how far beside the ray still counts, as a share of the distance.
        """
        centre = (self._low + self._high) / 2 - origin
        radius = np.linalg.norm(self._high - self._low, axis=1) / 2
        along = centre @ direction
        beside = np.sqrt(np.maximum(np.einsum("ij,ij->i", centre, centre) - along**2, 0.0))
        reach = radius * (1 + 1e-6) + cone * np.maximum(along + radius, 0.0)
        return self._faces((along >= -radius) & (beside <= reach + 1e-7 * np.abs(along)))

    def _faces(self, blocks: NDArray[np.bool_]) -> Ids:
        starts = np.flatnonzero(blocks) * BLOCK
        every = (starts[:, None] + np.arange(BLOCK)).ravel()
        return np.asarray(self._order[every[every < len(self._order)]])


def _z_order(points: NDArray[Any]) -> NDArray[np.uint32]:
    """Place of each point `(3, n)` on the curve through its box, 10 bits an axis."""
    low = points.min(axis=1, keepdims=True)
    size = np.maximum((points - low).max(axis=1, keepdims=True), np.float32(1e-30))
    cells = np.minimum((points - low) / size * np.float32(1024), np.float32(1023)).astype(np.uint32)
    code = np.zeros(points.shape[1], dtype=np.uint32)
    for axis in range(3):
        spread = cells[axis]
        for shift, mask in ((16, 0x030000FF), (8, 0x0300F00F), (4, 0x030C30C3), (2, 0x09249249)):
            spread = (spread | (spread << np.uint32(shift))) & np.uint32(mask)
        code |= spread << np.uint32(axis)
    return code
