"""Nearest points on triangles, through small pieces of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids
from img2model_desktop.core.triangles import areas

Floats = NDArray[np.float64]

CHUNK = 1 << 15
"""Points looked up between two looks at the progress."""

CANDIDATES = 8
"""Pieces whose middles lie nearest to a point; one of them has the nearest surface, or one that is hardly farther."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Triangles cut until no side is longer than a limit.

    Args:
        triangles: `(k, 3, 3) float64`.
        source: `(k,) int64`, the triangle that each comes from.
    """

    triangles: Floats
    source: Ids

    @property
    def middles(self) -> Floats:
        """`(k, 3)`."""
        return np.asarray(self.triangles.mean(axis=1))

    @property
    def areas(self) -> Floats:
        """`(k,)`."""
        return areas(self.triangles)


def pieces_of(triangles: Floats, longest: float, progress: Progress, limit: int = 4_000_000) -> Pieces:
    """The triangles halved across their longest side until none is longer than a limit.

    Args:
        triangles: `(m, 3, 3)`.
        longest: of a side; larger where there would be more pieces than `limit`.
        progress: token.
        limit: of the number of pieces.
    """
    done: list[Floats] = []
    sources: list[Ids] = []
    left, source = triangles, np.arange(len(triangles))
    count = len(triangles)
    while len(left):
        progress.update(0.0)
        sides = ((left - left[:, [1, 2, 0]]) ** 2).sum(axis=2)
        side = sides.argmax(axis=1)
        long = sides[np.arange(len(left)), side] > longest**2
        if count + int(long.sum()) > limit:
            long[:] = False
        done.append(left[~long])
        sources.append(source[~long])
        count += int(long.sum())
        turn = (side[long, None] + np.arange(3)) % 3
        a, b, c = np.moveaxis(np.take_along_axis(left[long], turn[:, :, None], axis=1), 1, 0)
        middle = (a + b) / 2
        left = np.concatenate([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)])
        source = np.concatenate([source[long], source[long]])
    return Pieces(np.concatenate(done), np.concatenate(sources))


class Nearest:
    """Finds the nearest of some pieces, and the point on it.

    Args:
        pieces: small triangles of about one size.
    """

    def __init__(self, pieces: Pieces) -> None:
        from scipy.spatial import cKDTree

        self.pieces = pieces
        self._tree = cKDTree(pieces.middles)

    def find(self, points: NDArray[np.floating[Any]], progress: Progress) -> tuple[Floats, Floats, Ids]:
        """Of each point, `(n, 3)`: the distance `(n,)`, the nearest point on a piece `(n, 3)`, and the piece `(n,)`."""
        count = len(points)
        distance, place, piece = np.empty(count), np.empty((count, 3)), np.empty(count, dtype=np.int64)
        most = min(CANDIDATES, len(self.pieces.triangles))
        for start in range(0, count, CHUNK):
            progress.update(start / count)
            asked = points[start : start + CHUNK].astype(np.float64)
            _, near = self._tree.query(asked, k=most, workers=-1)
            near = near.reshape(len(asked), most)
            flat = np.repeat(asked, most, axis=0)
            found = on_triangles(flat, self.pieces.triangles[near.ravel()])
            away = np.linalg.norm(found - flat, axis=1).reshape(len(asked), most)
            best = away.argmin(axis=1)
            row = np.arange(len(asked))
            distance[start : start + CHUNK] = away[row, best]
            place[start : start + CHUNK] = found.reshape(len(asked), most, 3)[row, best]
            piece[start : start + CHUNK] = near[row, best]
        return distance, place, piece


def on_triangles(points: Floats, triangles: Floats) -> Floats:
    """The nearest point of each triangle, `(n, 3, 3)`, to the point, `(n, 3)`, of the same number.

    Ericson, Real-Time Collision Detection, 2005, section 5.1.5, says which of the seven regions a point is nearest to;
    here the inner one is tried, and elsewhere the nearest of the three sides is taken.
    """
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = _dot(ab, ab), _dot(ab, ac), _dot(ac, ac)
    d20, d21 = _dot(ap, ab), _dot(ap, ac)
    area = d00 * d11 - d01 * d01
    v, w = d11 * d20 - d01 * d21, d00 * d21 - d01 * d20
    inner = (area > 0) & (v >= 0) & (w >= 0) & (v + w <= area)
    safe = np.where(area > 0, area, 1.0)
    out = np.asarray(a + ab * (v / safe)[:, None] + ac * (w / safe)[:, None])
    rest = np.nonzero(~inner)[0]
    if len(rest):
        corners, asked = triangles[rest], points[rest]
        best, nearest = np.full(len(rest), np.inf), np.zeros((len(rest), 3))
        for one, other in ((0, 1), (1, 2), (2, 0)):
            start, along = corners[:, one], corners[:, other] - corners[:, one]
            length = _dot(along, along)
            share = np.clip(_dot(asked - start, along) / np.where(length > 0, length, 1.0), 0.0, 1.0)
            at = start + along * share[:, None]
            away = ((asked - at) ** 2).sum(axis=1)
            better = away < best
            best = np.where(better, away, best)
            nearest[better] = at[better]
        out[rest] = nearest
    return out


def _dot(one: Floats, other: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", one, other))
