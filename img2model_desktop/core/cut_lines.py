"""Cuts through a triangulation made clean.

They run zigzag from edge to edge, and a high wall shows every step; and where they cross, they leave crumbs.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.columns import Columns
from img2model_desktop.core.flat import areas
from img2model_desktop.core.topology import connected

Points = NDArray[np.float64]

ROUNDS = 6
CRUMB = 0.004  # of all faces: a part with fewer is a crumb of a cut
LEAST = 0.05  # of its area, that a triangle keeps at least


def straightened(body: Columns, held: int) -> Columns:
    """The same faces, with the vertices along cuts moved, in the picture's plane, towards a smooth line.

    Args:
        body: as `columns.between` made it.
        held: how many vertices of the first layer, the first ones, are of the uncut triangulation and stay in place.
    """
    half = len(body.vertices) // 2
    rim = body.faces[len(body.faces) - body.walls :][: body.walls // 2, :2]
    ahead, here = rim.T
    free = np.zeros(half, bool)
    free[rim] = True
    free[:held] = False
    if not free.any():
        return body
    start = body.flat[:half]
    points = start.copy()
    count = np.maximum(np.bincount(here, minlength=half) + np.bincount(ahead, minlength=half), 1)
    for _ in range(ROUNDS):
        total = [np.bincount(here, points[ahead, k], half) + np.bincount(ahead, points[here, k], half) for k in (0, 1)]
        middle = np.stack(total, 1) / count[:, None]
        points[free] += 0.5 * (middle - points)[free]
    faces = body.faces[: (len(body.faces) - body.walls) // 2]
    touched = faces[free[faces].any(1)]
    least = LEAST * areas(start, touched)
    while True:
        spoilt = np.unique(touched[areas(points, touched) < least])
        spoilt = spoilt[free[spoilt]]
        if not len(spoilt):
            break
        points[spoilt], free[spoilt] = start[spoilt], False
    flat = np.concatenate([points, points])
    return replace(body, flat=flat, vertices=np.column_stack([flat[:, 0], -flat[:, 1], body.vertices[:, 2]]))


def without_crumbs(body: Columns) -> Columns:
    """The body without the tiny parts that cuts have left; what was not cut stays whole.

    The largest part always stays.
    """
    if not body.cuts:
        return body
    count = len(body.vertices)
    ends = np.concatenate([body.faces[:, [0, 1]], body.faces[:, [1, 2]]])
    parts, label = connected(count, ends[:, 0], ends[:, 1])
    part = label[body.faces[:, 0]]
    faces = np.bincount(part, minlength=parts)
    keeps = faces >= min(CRUMB * len(body.faces), faces.max())
    if keeps.all():
        return body
    chosen, stays = keeps[part], keeps[label]
    number = np.cumsum(stays) - 1
    walls = int(chosen[len(chosen) - body.walls :].sum())
    return Columns(
        body.vertices[stays], number[body.faces[chosen]], body.flat[stays], body.is_back[stays], walls, body.cuts
    )
