"""Rays against many triangles: the first one that each meets, and whether it meets any.

The tree is Embree's (Wald et al., "Embree: A Kernel Framework for Efficient CPU Ray Tracing", 2014).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids
from img2model_desktop.core.triangles import unit_normals

Floats = NDArray[np.floating[Any]]
Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

AT_ONCE = 1 << 15
"""Rays between two looks at the token: some 20 ms."""

SKIN = 1e-5
"""Of the longest side of the box: what 32 bits tell apart with a hundredfold margin. A ray that starts on a triangle
must start so far off it, or it may meet that very triangle."""

GRAZING = 1e-6
"""Cosine below which a ray lies in the plane of a triangle: where it meets it means nothing."""


class Rays:
    """Triangles that rays can be cast at; building the tree takes 0.1 s for 200 000.

    Which triangle a ray meets is found in 32-bit floats, with the box around all brought to the origin and to a longest
    side of 1, so that neither a far place nor a tiny unit loses anything; how far away it is, is then computed in 64
    bits from the triangle's plane. So close to a border as `SKIN` a ray may pass on either side of it.

    Args:
        triangles: `(m, 3, 3)`, any unit; both sides of them are met, those without area never.
    """

    def __init__(self, triangles: Floats) -> None:
        from embreex.mesh_construction import TriangleMesh  # 0.1 s to import, not always needed
        from embreex.rtcore_scene import EmbreeScene

        flat = triangles.reshape(-1, 3).astype(np.float64)
        low, high = (flat.min(axis=0), flat.max(axis=0)) if len(flat) else (np.zeros(3), np.zeros(3))
        self._middle = (low + high) / 2
        self._size = float((high - low).max()) or 1.0
        self._first = flat[::3]
        self.normals = unit_normals(triangles)
        """`(m, 3) float64`, length 1; nothing for triangles without area."""
        self.skin = SKIN * self._size
        """`SKIN` in the unit of the triangles."""
        self._scene: Any = EmbreeScene()
        if len(flat):
            TriangleMesh(self._scene, ((flat - self._middle) / self._size).astype(np.float32).reshape(-1, 3, 3))

    def first(
        self, origins: Floats, directions: Floats, progress: Progress, after: float = 0.0, reach: Floats | None = None
    ) -> tuple[Ids, Values]:
        """The first triangle that each ray meets.

        Args:
            origins: `(n, 3)`.
            directions: `(n, 3)`, of length 1.
            progress: token.
            after: how far along its way a ray begins, mostly `skin`; below 0 for behind its origin.
            reach: `(n,)`: how far from the origin each ray ends; None for never.

        Returns:
            `(n,) int64`: triangle, -1 for none; and `(n,) float64`: distance from the origin, infinite for none.

        Raises:
            Cancelled: from `progress`.
        """
        met = np.full(len(origins), -1, dtype=np.int64)
        for some, begin, way in self._batches(origins, directions, progress, after):
            limit = None if reach is None else ((reach[some] - after) / self._size).astype(np.float32)
            met[some] = self._scene.run(begin, way, dists=limit, query="INTERSECT")
        distance = np.full(len(origins), np.inf)
        hit = np.nonzero(met >= 0)[0]
        normal, way = self.normals[met[hit]], directions[hit]
        slope = np.einsum("ij,ij->i", normal, way)
        off = np.einsum("ij,ij->i", normal, self._first[met[hit]] - origins[hit])
        clear = np.abs(slope) >= GRAZING
        distance[hit] = np.divide(off, slope, out=np.full(len(hit), np.inf), where=clear)
        met[hit[~clear]] = -1
        progress.update(1.0)
        return met, distance

    def hidden(self, origins: Floats, directions: Floats, progress: Progress, after: float = 0.0) -> Flags:
        """`(n,) bool`: which rays meet anything at all; see `first` for the arguments. Faster than asking what."""
        out = np.zeros(len(origins), dtype=bool)
        for some, begin, way in self._batches(origins, directions, progress, after):
            out[some] = self._scene.run(begin, way, query="OCCLUDED") == 0
        progress.update(1.0)
        return out

    def _batches(
        self, origins: Floats, directions: Floats, progress: Progress, after: float
    ) -> Iterator[tuple[slice, NDArray[np.float32], NDArray[np.float32]]]:
        """Rays as the tree takes them, `AT_ONCE` at a time."""
        for start in range(0, len(origins), AT_ONCE):
            progress.update(start / len(origins))
            some = slice(start, start + AT_ONCE)
            begin = (origins[some] - self._middle + directions[some] * after) / self._size
            yield some, begin.astype(np.float32), np.ascontiguousarray(directions[some], dtype=np.float32)
