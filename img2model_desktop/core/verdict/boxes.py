"""Which boxes of many overlap: a hierarchy over a space-filling curve, walked against itself in bounded memory."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.topology import Ids

LEAF = 4  # boxes in a leaf, a power of two
CHUNK = 1 << 15  # pairs of nodes looked at together: stays in the cache, and in well under 100 MB
_BITS = 16  # of each axis in the curve's key

Corners = NDArray[np.float32]


def overlapping(low: Corners, high: Corners) -> Iterator[tuple[Ids, Ids]]:
    """Pairs of boxes that overlap or touch, a few ten thousand at a time, each pair once.

    Args:
        low, high: `(n, 3) float32`, corners.

    Yields:
        two arrays of box numbers.
    """
    count = len(low)
    order = _along_curve(low, high)
    leaves = 1 << max(0, (-(-count // LEAF) - 1).bit_length())
    boxes = np.full((6, leaves * LEAF), np.inf, dtype=np.float32)  # empty boxes overlap nothing
    boxes[:3, :count] = low[order].T
    boxes[3:, :count] = -high[order].T
    halved = [boxes]
    while halved[-1].shape[1] > 1:
        halved.append(np.minimum(halved[-1][:, ::2], halved[-1][:, 1::2]))
    levels = halved[LEAF.bit_length() - 1 :]
    root = np.zeros(1, dtype=np.int64)
    waiting = [(len(levels) - 1, root, root)]
    while waiting:
        level, one, other = waiting.pop()
        if len(one) > CHUNK:
            waiting.extend((level, one[k : k + CHUNK], other[k : k + CHUNK]) for k in range(0, len(one), CHUNK))
            continue
        if level == 0:
            one, other = _apart(*_children(one, other, LEAF), boxes)
            distinct = one != other
            yield order[one[distinct]], order[other[distinct]]
            continue
        one, other = _apart(*_children(one, other, 2), levels[level - 1])
        if len(one):
            waiting.append((level - 1, one, other))


def _children(one: Ids, other: Ids, fold: int) -> tuple[Ids, Ids]:
    """Every pair of children of pairs of nodes, the lower number first, none twice."""
    step = np.arange(fold)
    first = (one[:, None] * fold + np.repeat(step, fold)).ravel()
    second = (other[:, None] * fold + np.tile(step, fold)).ravel()
    kept = first <= second
    return first[kept], second[kept]


def _apart(one: Ids, other: Ids, boxes: Corners) -> tuple[Ids, Ids]:
    """The pairs that are not apart along any axis; `boxes` has lows and negated highs."""
    for axis in range(3):
        low, high = boxes[axis], boxes[axis + 3]
        kept = np.nonzero((low[one] <= -high[other]) & (low[other] <= -high[one]))[0]
        one, other = one[kept], other[kept]
    return one, other


def _along_curve(low: Corners, high: Corners) -> Ids:
    """Box numbers in the order of their middles on the Z curve (Morton 1966)."""
    middle = (low.astype(np.float64) + high) / 2
    start = middle.min(axis=0)
    span = float((middle.max(axis=0) - start).max()) or 1.0
    cell = ((middle - start) / span * (2**_BITS - 1)).astype(np.int64)
    key = _spread(cell[:, 0]) | _spread(cell[:, 1]) << 1 | _spread(cell[:, 2]) << 2
    return np.argsort(key, kind="stable")


def _spread(value: Ids) -> Ids:
    """The 16 bits of each number with two empty ones between them."""
    for shift, mask in ((16, 0x0000FF0000FF), (8, 0x00F00F00F00F), (4, 0x0C30C30C30C3), (2, 0x249249249249)):
        value = (value | value << shift) & mask
    return value
