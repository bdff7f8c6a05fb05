"""Finds the places of a textured surface that belong to the places of a new one."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.rays import Rays
from img2model_desktop.core.triangles import areas
from img2model_desktop.core.workshop.raster import expanded

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

REACH = 0.03
"""How far a ray looks along the normal, as a share of the source's diagonal; farther off the closest place counts."""

AGREES = 0.2
"""Least cosine between the normals of a place and of where its ray arrives; below, it is the other side of a wall."""

SAMPLES, FEW_SAMPLES = 300_000, 30_000
"""Places on the source among which the closest is searched before the exact one on its triangle: for points near the
source, and for those farther off."""

TURN_COSTS = 0.02
"""What opposed normals add to a distance, as a share of the source's diagonal."""

NEAR = 0.01
"""Distance, as a share of the source's diagonal, up to which each point is searched for itself. Farther off lie
surfaces that the source does not have: there all points in a cell take the same face."""

CELL = 0.006
"""Side of these cells, as a share of the source's diagonal."""

FAR_ERROR = 0.4
"""By how much the face taken for a cell may be farther than the closest one."""

MISSED = 32_768
"""Places without a ray's hit that are searched at once."""


class Places(NamedTuple):
    """Places on faces.

    Args:
        face: `(k,) int64`.
        weights: `(k, 3) float32`, barycentric, none below 0, with the sum 1.
    """

    face: Ids
    weights: Floats


class Surface:
    """The faces of a mesh, ready to be searched.

    Args:
        mesh: valid; faces without area are never found, unless there are no others.
    """

    def __init__(self, mesh: Mesh) -> None:
        self._middle = mesh.bounds.mean(axis=0)
        corners = (mesh.vertices - self._middle)[mesh.faces]
        self._corners = corners.astype(np.float32)
        self._area = areas(corners)
        self._rays = Rays(corners)
        self._normal = self._rays.normals.astype(np.float32)
        self._diagonal = max(float(np.linalg.norm(mesh.size_m)), 1e-12)
        self._trees: dict[int, tuple[Any, Ids]] = {}

    def find(self, points: Floats, normals: Floats, progress: Progress) -> Places:
        """The place that belongs to each point.

        Rays along the normal, both ways, find the place that lies behind or in front of the point on the same side of
        a wall; where there is none, it is the closest place, those with another normal counting as farther off.

        Args:
            points: `(k, 3)`, metres.
            normals: `(k, 3)`, unit length.
            progress: token.
        """
        at = (points - self._middle).astype(np.float32)
        face, reached = self._shoot(at, normals, progress.part(0.0, 0.2))
        missed = np.nonzero(face < 0)[0]
        if len(missed):
            face[missed], is_near = self._by_cell(at[missed], normals[missed], progress.part(0.2, 0.6))
            near = missed[is_near]
            for start in range(0, len(near), MISSED):
                progress.update(0.6 + 0.4 * start / len(near))
                some = near[start : start + MISSED]
                face[some] = self._closest(at[some], normals[some])
        reached[missed] = at[missed]
        weights = closest_weights(reached, self._corners[face])
        progress.update(1.0)
        return Places(face, weights)

    def _shoot(self, at: Floats, normals: Floats, progress: Progress) -> tuple[Ids, Floats]:
        """Face, -1 where there is none, and point that the nearer of two rays along the normal arrives at."""
        behind = np.float32(1e-5 * self._diagonal)  # a ray that starts on a face may miss it
        face = np.full(len(at), -1, dtype=np.int64)
        best = np.full(len(at), REACH * self._diagonal, dtype=np.float32)
        reached = at.copy()
        asked = np.arange(len(at))
        for turn in (0, 1):
            direction = normals[asked] * np.float32(2 * turn - 1)
            token = progress.part(turn / 2, (turn + 1) / 2)
            found, along = self._rays.first(at[asked], direction, token, -float(behind), best[asked])
            distance = np.abs(along)
            some = np.nonzero((found >= 0) & (distance < best[asked]))[0]
            agree = np.einsum("ij,ij->i", self._normal[found[some]], normals[asked[some]]) > AGREES
            some = some[agree]
            target = asked[some]
            face[target], best[target] = found[some], distance[some]
            reached[target] = at[target] + direction[some] * along[some, None]
            asked = np.nonzero(best > 10 * behind)[0]  # nothing can be much nearer for the others
        return face, reached

    def _closest(self, at: Floats, normals: Floats) -> Ids:
        """The face with the closest sample."""
        tree, sampled = self._sampled(SAMPLES)
        return np.asarray(sampled[tree.query(self._posed(at, normals), workers=-1)[1]])

    def _by_cell(self, at: Floats, normals: Floats, progress: Progress) -> tuple[Ids, NDArray[np.bool_]]:
        """A face near the cell that a point lies in, for points that look the same way, and whether it is `NEAR`."""
        tree, sampled = self._sampled(FEW_SAMPLES)
        cell = np.floor(at / (CELL * self._diagonal)).astype(np.int64)
        cell -= cell.min(axis=0)
        looks = np.rint(normals).astype(np.int64) + 1
        key = np.zeros(len(at), dtype=np.int64)
        for values in (*cell.T, *looks.T):
            key = key * (int(values.max()) + 1) + values
        _, first, which = np.unique(key, return_index=True, return_inverse=True)
        posed = self._posed(at[first], normals[first])
        distance, found = np.zeros(len(first)), np.zeros(len(first), dtype=np.int64)
        for start in range(0, len(first), MISSED // 8):
            progress.update(start / len(first))
            some = np.s_[start : start + MISSED // 8]
            distance[some], nearest = tree.query(posed[some], eps=FAR_ERROR, workers=-1)
            found[some] = sampled[nearest]
        return found[which], (distance < (1 + FAR_ERROR) * (NEAR + 2 * CELL) * self._diagonal)[which]

    def _posed(self, at: NDArray[Any], normals: NDArray[Any]) -> NDArray[Any]:
        """`(k, 6)`: points and their normals, so that opposed normals add `TURN_COSTS` to the distance."""
        return np.hstack([at, normals * (TURN_COSTS / 2 * self._diagonal)])

    def _sampled(self, count: int) -> tuple[Any, Ids]:
        """A tree of about so many samples, and the face of each; made when first wanted."""
        from scipy.spatial import cKDTree

        if count not in self._trees:
            places = samples_of(self._area, count)
            points = np.einsum("kc,kcd->kd", places.weights, self._corners[places.face])
            self._trees[count] = cKDTree(self._posed(points, self._normal[places.face])), places.face
        return self._trees[count]


def samples_of(area: NDArray[np.floating[Any]], count: int) -> Places:
    """About so many places spread evenly over faces, at least one on each that has area.

    Within a face they follow the R2 sequence (Roberts, "The unreasonable effectiveness of quasirandom sequences",
    2018), folded into the triangle.

    Args:
        area: `(m,)`.
        count: more than that many faces give more.
    """
    total = float(area.sum())
    share = np.ceil(area / total * count) if total > 0 else np.ones(len(area))
    face, number = expanded(share.astype(np.int64))
    plastic = 1.324717957244746
    u, v = ((0.5 + number / plastic**power) % 1.0 for power in (1, 2))
    folded = u + v > 1
    u, v = np.where(folded, 1 - u, u), np.where(folded, 1 - v, v)
    return Places(face, np.stack([1 - u - v, u, v], axis=1).astype(np.float32))


def closest_weights(points: NDArray[np.floating[Any]], corners: NDArray[np.floating[Any]]) -> Floats:
    """`(k, 3)` barycentric weights of the place on each triangle that is closest to each point.

    Args:
        points: `(k, d)`, d 2 or 3.
        corners: `(k, 3, d)`; triangles without area are taken as their longest side.
    """
    a = corners[:, 0]
    ab, ac, ap = corners[:, 1] - a, corners[:, 2] - a, points - a
    aa, bb, ca = (np.einsum("ij,ij->i", x, y) for x, y in ((ab, ab), (ac, ac), (ab, ac)))
    pb, pc = np.einsum("ij,ij->i", ap, ab), np.einsum("ij,ij->i", ap, ac)
    area = aa * bb - ca * ca
    safe = np.where(area > 0, area, 1)
    second, third = (bb * pb - ca * pc) / safe, (aa * pc - ca * pb) / safe
    weights = np.stack([1 - second - third, second, third], axis=1).astype(np.float32)
    outside = np.nonzero((weights < 0).any(axis=1) | ~(area > 1e-12 * aa * bb))[0]
    if len(outside):
        weights[outside] = _on_sides(points[outside], corners[outside])
    return weights


def _on_sides(points: NDArray[np.floating[Any]], corners: NDArray[np.floating[Any]]) -> Floats:
    """As `closest_weights`, for points that no inner place is closest to."""
    best = np.full(len(points), np.inf)
    weights = np.zeros((len(points), 3), dtype=np.float32)
    for one, other in ((0, 1), (1, 2), (2, 0)):
        start, side = corners[:, one], corners[:, other] - corners[:, one]
        square = np.einsum("ij,ij->i", side, side)
        along = np.einsum("ij,ij->i", points - start, side) / np.where(square > 0, square, 1)
        along = np.clip(along, 0, 1)
        off = points - start - side * along[:, None]
        distance = np.einsum("ij,ij->i", off, off)
        closer = distance < best
        best[closer] = distance[closer]
        weights[closer] = 0
        weights[closer, one] = 1 - along[closer]
        weights[closer, other] = along[closer]
    return weights
