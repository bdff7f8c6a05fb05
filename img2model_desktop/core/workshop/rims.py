"""The rims of holes: closed runs of edges that have one face."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids, edges_of, fans_of, parts_of


class Rims(NamedTuple):
    """What is open on a surface.

    Args:
        loops: places of each hole's rim, in the direction in which faces that close it run along it; no place twice.
        sides: for each loop the side numbers `3 f + k` of the faces along it, entry i from place i to place i + 1.
        part: of each loop.
        left: open edges that belong to no closed rim: they end at an edge with more than two faces, or the faces
            along them disagree on which side is outside.
    """

    loops: tuple[Ids, ...]
    sides: tuple[Ids, ...]
    part: Ids
    left: int


def rims_of(corners: Ids, progress: Progress) -> Rims:
    """The rims of faces, `(m, 3)`, whose corners are distinct places.

    Two open edges follow each other where they end the same fan of faces; a rim that touches itself in a place falls
    into two there.
    """
    edges = edges_of(corners)
    sides = np.sort(edges.order[edges.uses[edges.edge] == 1])
    if not len(sides):
        return Rims((), (), np.zeros(0, np.int64), 0)
    fan = fans_of(edges)[1]
    # a hole runs along its rim against the faces: from the end of a side to its start
    begin, end = sides // 3 * 3 + (sides % 3 + 1) % 3, sides
    following = _followers(fan[begin], fan[end], corners.ravel()[begin], corners.ravel()[end])
    progress.update(0.5)
    part = parts_of(edges)[1]
    start = corners.ravel()[begin].tolist()
    loops: list[list[int]] = []
    closed = 0
    unseen = np.ones(len(sides), dtype=bool)
    follow = following.tolist()
    for first in range(len(sides)):
        if first % 4096 == 0:
            progress.update(0.5 + 0.5 * first / len(sides))
        if not unseen[first]:
            continue
        run, at = [], first
        while at >= 0 and unseen[at]:
            unseen[at] = False
            run.append(at)
            at = follow[at]
        if at == first and len(run) > 2:
            closed += len(run)
            loops += _simple(run, start)
    at_place = corners.ravel()[begin]
    return Rims(
        tuple(at_place[loop] for loop in loops),
        tuple(sides[loop] for loop in loops),
        part[sides[[loop[0] for loop in loops]] // 3] if loops else np.zeros(0, np.int64),
        len(sides) - closed,
    )


def _followers(from_fan: Ids, to_fan: Ids, from_place: Ids, to_place: Ids) -> Ids:
    """For each open side the one that goes on where it ends, or -1.

    The one of the same fan, where each of the two has no other choice; of what is left, the one at the same place,
    likewise.
    """
    count = len(from_fan)
    following = np.full(count, -1)
    for leave, arrive in ((from_fan, to_fan), (from_place, to_place)):
        open_end = np.nonzero(following < 0)[0]
        taken = np.zeros(count, dtype=bool)
        taken[following[following >= 0]] = True
        open_start = np.nonzero(~taken)[0]
        size = int(max(leave.max(), arrive.max())) + 1
        starts = np.bincount(leave[open_start], minlength=size)
        ends = np.bincount(arrive[open_end], minlength=size)
        start_at = np.full(size, -1)
        start_at[leave[open_start]] = open_start
        sure = (starts == 1) & (ends == 1)
        fits = open_end[sure[arrive[open_end]]]
        following[fits] = start_at[arrive[fits]]
    return following


def _simple(run: list[int], start: list[int]) -> list[list[int]]:
    """The closed run cut into runs that visit no place twice."""
    loops: list[list[int]] = []
    path: list[int] = []
    at: dict[int, int] = {}
    for side in run:
        place = start[side]
        if place in at:
            begin = at[place]
            loops.append(path[begin:])
            for gone in path[begin:]:
                del at[start[gone]]
            del path[begin:]
        at[place] = len(path)
        path.append(side)
    loops.append(path)
    return [loop for loop in loops if len(loop) > 2]


def rim_lengths(points: NDArray[np.float64], loops: tuple[Ids, ...]) -> NDArray[np.float64]:
    """Length of each loop, in the unit of the points."""
    return np.array([np.linalg.norm(points[loop] - points[np.roll(loop, -1)], axis=1).sum() for loop in loops])
