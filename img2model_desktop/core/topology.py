"""Which corners, edges and faces of a mesh belong together; vectorised."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


def same_rows(rows: NDArray[np.floating[Any]]) -> Ids:
    """For each row the index of the first row with exactly the same values (minus zero equals zero).

    Args:
        rows: `(n, k)` float, finite.

    Returns:
        `(n,) int64`; `out[i] <= i`, and `out[out] == out`.
    """
    keys = np.ascontiguousarray(rows) + rows.dtype.type(0)
    order = np.lexsort(keys.T[::-1])
    ordered = keys[order]
    starts = np.ones(len(rows), dtype=bool)
    starts[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first = np.zeros(len(rows), dtype=np.int64)
    first[order] = order[starts][np.cumsum(starts) - 1]
    return first


def collapsed(faces: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """`(m,) bool`: which faces have the same corner twice."""
    a, b, c = faces[:, 0], faces[:, 1], faces[:, 2]
    return np.asarray((a == b) | (b == c) | (c == a))


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """The sides of all faces, sorted so that the sides of one edge follow each other.

    Side `3 f + k` of face `f` runs from its corner `k` to its corner `k + 1`.

    Args:
        order: `(3 m,) int64`, side numbers in this sorted order.
        edge: `(3 m,) int64`, edge number of each entry of `order`.
        forward: `(3 m,) bool`, for each entry whether the side runs from the lower to the higher vertex.
        uses: `(e,) int64`, how many sides an edge has.
        balance: `(e,) int64`, sides that run forward minus sides that run backward.
    """

    order: Ids
    edge: Ids
    forward: NDArray[np.bool_]
    uses: Ids
    balance: Ids

    @property
    def neighbours(self) -> tuple[Ids, Ids]:
        """Positions in `order`, `(k,)` each, of two sides that share an edge; n sides of an edge give n - 1 pairs."""
        first = np.nonzero(self.edge[1:] == self.edge[:-1])[0]
        return first, first + 1


def edges_of(faces: NDArray[np.integer[Any]]) -> Edges:
    """The edges of faces, `(m, 3)`, whose corners are distinct vertex numbers."""
    start = faces.astype(np.int64).ravel()
    end = faces[:, [1, 2, 0]].astype(np.int64).ravel()
    forward = start < end
    span = int(start.max()) + 1 if len(start) else 1
    key = np.where(forward, start * span + end, end * span + start)
    order = np.argsort(key, kind="stable")
    key, forward = key[order], forward[order]
    starts = np.ones(len(key), dtype=bool)
    starts[1:] = key[1:] != key[:-1]
    edge = np.cumsum(starts) - 1
    count = int(edge[-1]) + 1 if len(edge) else 0
    uses = np.bincount(edge, minlength=count)
    ahead = np.bincount(edge, weights=forward, minlength=count).astype(np.int64)
    return Edges(order, edge, forward, uses, 2 * ahead - uses)


def connected(count: int, first: Ids, second: Ids) -> tuple[int, Ids]:
    """The groups that `count` things form when `first[i]` and `second[i]` belong together.

    Returns:
        how many groups, and `(count,) int64` group numbers.
    """
    from scipy.sparse import coo_array  # 0.1 s to import, not always needed
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(count, count))
    groups, labels = connected_components(links, directed=False)
    return int(groups), labels.astype(np.int64)


def parts_of(edges: Edges) -> tuple[int, Ids]:
    """How many parts the faces form that hang together over edges, and `(m,) int64` part of each face."""
    one, other = edges.neighbours
    return connected(len(edges.order) // 3, edges.order[one] // 3, edges.order[other] // 3)


def count_fans(edges: Edges) -> int:
    """How many fans of faces there are around vertices; a vertex where two sheets only touch counts twice."""
    return fans_of(edges)[0]


def fans_of(edges: Edges) -> tuple[int, Ids]:
    """How many fans of faces there are around vertices, and the fan of each corner: `(3 m,) int64`, entry `3 f + k`.

    A fan is what hangs together over edges around one vertex.
    """
    one, other = edges.neighbours
    face_one, face_other = edges.order[one] // 3 * 3, edges.order[other] // 3 * 3
    low_one, high_one = _ends(edges, one)
    low_other, high_other = _ends(edges, other)
    first = np.concatenate([face_one + low_one, face_one + high_one])
    second = np.concatenate([face_other + low_other, face_other + high_other])
    return connected(len(edges.order), first, second)


def _ends(edges: Edges, at: Ids) -> tuple[Ids, Ids]:
    """Corner numbers 0..2 of the lower and the higher vertex of sides."""
    corner = edges.order[at] % 3
    following = (corner + 1) % 3
    ahead = edges.forward[at]
    return np.where(ahead, corner, following), np.where(ahead, following, corner)
