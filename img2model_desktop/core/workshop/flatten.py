"""Lays charts flat: looked at from their mean normal first, then as rigid as possible."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids
from img2model_desktop.core.workshop.charts import Pieces
from img2model_desktop.core.workshop.raster import twice_area

Floats = NDArray[np.float64]

PASSES = 8
"""Of local and global steps; later ones change little."""

LEAST_COT = 0.05
"""Weights of sides below it (obtuse corners, slivers) are raised to it, which keeps the system positive definite."""

MIXES = (1.0, 0.7, 0.4, 0.0)
"""Shares of the relaxed layout that are tried, until no face of a chart is turned over by it."""

SQUEEZED = 0.02
"""Share of its own area below which a face counts as turned over."""


class Flat(NamedTuple):
    """Charts laid flat, each around its own origin, in metres.

    Args:
        label: `(m,)`, chart of each face; -1 for faces without area.
        corners: `(m, 3)`, rows of `uv`; where the label is -1 they mean nothing.
        uv: `(k, 2)`.
        place: `(k,)`, number of the place in space of each row.
    """

    label: Ids
    corners: Ids
    uv: Floats
    place: Ids


def flatten(pieces: Pieces, vertices: Floats, label: Ids, progress: Progress) -> Flat:
    """Lays every chart flat, at the area that it has in space.

    Each chart is projected along its mean normal, then relaxed by the local and global steps of Liu et al., "A
    local/global approach to mesh parameterization" (2008), all charts in one linear system. Where that turns faces
    over, the chart stays nearer to its projection.

    Args:
        pieces, label: as from `charts`.
        vertices: `(n, 3)`, the places.
        progress: token.
    """
    flat = _projected(pieces, vertices, label)
    sound = label >= 0
    chart, area = label[sound], pieces.area[sound]
    corners = flat.corners[sound]
    progress.update(0.1)
    relaxed = _relaxed(flat.uv, corners, vertices[pieces.corners[sound]], chart, progress.part(0.1, 0.9))
    count = int(chart.max()) + 1 if len(chart) else 0
    of_row = np.zeros(len(flat.uv), dtype=np.int64)
    of_row[corners] = chart[:, None]
    turned_before = turned_over(flat.uv[corners], area)
    open_still = np.ones(count, dtype=bool)
    uv = flat.uv.copy()
    for share in MIXES:
        mixed = flat.uv + (relaxed - flat.uv) * share
        rows = open_still[of_row]
        uv[rows] = mixed[rows]
        worse = turned_over(uv[corners], area) & ~turned_before
        open_still &= np.bincount(chart[worse], minlength=count) > 0
    scale = np.bincount(chart, weights=area, minlength=count)
    laid = np.bincount(chart, weights=np.abs(twice_area(uv[corners])) / 2, minlength=count)
    factor = np.sqrt(np.divide(scale, laid, out=np.ones(count), where=laid > 0))
    progress.update(1.0)
    return flat._replace(uv=uv * factor[of_row, None])


def turned_over(corners: Floats, area: Floats) -> NDArray[np.bool_]:
    """`(m,)`: which faces, `(m, 3, 2)`, run clockwise, or have hardly any of the area that they have in space."""
    return np.asarray(twice_area(corners) / 2 < SQUEEZED * area)


def _projected(pieces: Pieces, vertices: Floats, label: Ids) -> Flat:
    sound = np.nonzero(label >= 0)[0]
    count = int(label.max()) + 1
    weighted = pieces.normal[sound] * pieces.area[sound, None]
    axis = np.stack([np.bincount(label[sound], weights=weighted[:, k], minlength=count) for k in range(3)], axis=1)
    axis = axis / np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-300)
    key = label[sound, None] * len(vertices) + pieces.corners[sound]
    rows, which = np.unique(key, return_inverse=True)
    chart, place = rows // len(vertices), rows % len(vertices)
    helper = np.where(np.abs(axis[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]])
    right = np.cross(helper, axis)
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-300)
    up = np.cross(axis, right)
    middle = np.zeros((count, 3))
    number = np.maximum(np.bincount(chart, minlength=count), 1)
    for k in range(3):
        middle[:, k] = np.bincount(chart, weights=vertices[place, k], minlength=count) / number
    off = vertices[place] - middle[chart]
    uv = np.stack([np.einsum("ij,ij->i", off, right[chart]), np.einsum("ij,ij->i", off, up[chart])], axis=1)
    corners = np.zeros_like(pieces.corners)
    corners[sound] = which.reshape(-1, 3)
    return Flat(label, corners, uv, place)


def _relaxed(uv: Floats, corners: Ids, triangles: Floats, chart: Ids, progress: Progress) -> Floats:
    """The rows after `PASSES`; the first row of each chart is held where it is."""
    from scipy.sparse import coo_array  # heavy, and only needed here
    from scipy.sparse.linalg import splu

    shape, weight = _flat_triangles(triangles)
    count = len(uv)
    sides = ((0, 1), (1, 2), (2, 0))
    start = np.concatenate([corners[:, one] for one, _ in sides])
    end = np.concatenate([corners[:, other] for _, other in sides])
    side = np.concatenate([shape[:, one] - shape[:, other] for one, other in sides])
    strength = np.concatenate([weight[:, k] for k in range(3)])
    held = np.unique(corners[np.unique(chart, return_index=True)[1], 0])
    diagonal = np.bincount(start, weights=strength, minlength=count)
    diagonal += np.bincount(end, weights=strength, minlength=count)
    diagonal[held] += 1.0
    loose = np.nonzero(diagonal == 0)[0]
    diagonal[loose] = 1.0
    every = np.arange(count)
    matrix = coo_array(
        (
            np.concatenate([-strength, -strength, diagonal]),
            (np.concatenate([start, end, every]), np.concatenate([end, start, every])),
        ),
        shape=(count, count),
    )
    progress.update(0.05)
    solver: Any = splu(
        matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    now = uv.copy()
    for number in range(PASSES):
        progress.update(0.3 + 0.7 * number / PASSES)
        turn = np.tile(_rotations(now[corners], shape, weight), (3, 1))
        pull = np.empty_like(side)
        pull[:, 0] = strength * (turn[:, 0] * side[:, 0] - turn[:, 1] * side[:, 1])
        pull[:, 1] = strength * (turn[:, 1] * side[:, 0] + turn[:, 0] * side[:, 1])
        goal = np.empty_like(now)
        for k in range(2):
            goal[:, k] = np.bincount(start, weights=pull[:, k], minlength=count)
            goal[:, k] -= np.bincount(end, weights=pull[:, k], minlength=count)
        goal[held] += uv[held]
        now = solver.solve(goal)
    return now


def _flat_triangles(triangles: Floats) -> tuple[Floats, Floats]:
    """Each triangle in its own plane, `(m, 3, 2)`, and half the cotangents opposite its sides 01, 12, 20, `(m, 3)`."""
    p, q = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    width = np.linalg.norm(p, axis=1)
    safe = np.maximum(width, 1e-300)
    shape = np.zeros((len(triangles), 3, 2))
    shape[:, 1, 0] = width
    shape[:, 2, 0] = np.einsum("ij,ij->i", p, q) / safe
    shape[:, 2, 1] = np.linalg.norm(np.cross(p, q), axis=1) / safe
    double = np.maximum(twice_area(shape), 1e-300)
    weight = np.empty((len(triangles), 3))
    for k, opposite in enumerate((2, 0, 1)):
        one, other = (opposite + 1) % 3, (opposite + 2) % 3
        dot = np.einsum("ij,ij->i", shape[:, one] - shape[:, opposite], shape[:, other] - shape[:, opposite])
        weight[:, k] = np.clip(0.5 * dot / double, LEAST_COT, 1 / LEAST_COT)
    return shape, weight


def _rotations(now: Floats, shape: Floats, weight: Floats) -> Floats:
    """`(m, 2)` cosine and sine of the turn that brings each flat triangle closest to where it lies now."""
    cosine, sine = np.zeros(len(now)), np.zeros(len(now))
    for k, (one, other) in enumerate(((0, 1), (1, 2), (2, 0))):
        a, b = shape[:, one] - shape[:, other], now[:, one] - now[:, other]
        cosine += weight[:, k] * (a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1])
        sine += weight[:, k] * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    size = np.hypot(cosine, sine)
    whole = size > 0
    return np.stack(
        [
            np.divide(cosine, size, out=np.ones_like(size), where=whole),
            np.divide(sine, size, out=np.zeros_like(size), where=whole),
        ],
        axis=1,
    )
