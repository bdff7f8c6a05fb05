"""Gives a patch over a hole triangles like those around it, and the shape that the surface around it suggests."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids
from img2model_desktop.core.workshop.collapse import net_of
from img2model_desktop.core.workshop.even import area_of, refined
from img2model_desktop.core.workshop.patch import newell

Points = NDArray[np.float64]

CREASE = np.cos(np.radians(50.0))
"""Where the surface stands at a larger angle to the plane of the rim, along half of it, the rim is an edge of it,
such as that of a box or of a cut; elsewhere the surface goes on smoothly across."""
FLAT = 1e-4
"""Of the size of the rim: how far its points may lie off a plane, and still it is flat."""
STRAIGHT = np.cos(np.radians(2.0))
"""A flat rim in a surface that goes straight on into the filling needs no shape."""
SLIT = 0.002
"""Of the square of the rim's length: a filling with less area is a crack, and has no shape. A disc has 0.08."""
MOST_FACES = 20_000
"""Of a patch; larger triangles are taken where the rim's would give more."""
BULGE = 0.6
"""Of the diagonal of the rim's box: how far a smooth patch may reach beyond the box; farther, it is drawn tight."""
PASSES = 2
"""Of refinement and fairing in turn."""


class Around(NamedTuple):
    """The surface beside a rim.

    Args:
        points: `(r, 3)`: first those of the rim, in its order, then those that share a face with one of them.
        faces: `(s, 3) int64`, the faces that touch the rim.
        normals: `(n, 3)`, unit normal of the face beside each edge of the rim.
    """

    points: Points
    faces: Ids
    normals: Points


def shaped(points: Points, faces: Ids, around: Around, progress: Progress) -> tuple[Points, Ids]:
    """A patch that follows the surface around it, or that is drawn tight where the rim is an edge of the thing.

    Args:
        points: `(p, 3) float64`, first the `n` of the rim, in its order.
        faces: `(q, 3) int64`.
        around: the surface.
        progress: token.

    Returns:
        points, the first `n` as they were, and faces.
    """
    rim = len(around.normals)
    across = newell(points[:rim])
    meeting = around.normals @ (across / max(float(np.linalg.norm(across)), np.finfo(float).tiny))
    flat = _is_flat(points[:rim])
    smooth = float(np.median(meeting)) > CREASE
    if rim < 4 or (flat and (not smooth or float(meeting.min()) > STRAIGHT)):
        return points, faces
    steps = np.linalg.norm(points[:rim] - np.roll(points[:rim], -1, axis=0), axis=1)
    area = area_of(points, faces)
    if area < SLIT * float(steps.sum()) ** 2:
        return points, faces
    length = max(float(steps.mean()), float(np.sqrt(4 * area / (np.sqrt(3) * MOST_FACES))))
    for done in range(PASSES):
        part = progress.part(done / PASSES, (done + 1) / PASSES)
        points, faces = refined(points, faces, length, rim, part.part(0.0, 0.6))
        tight = _membrane(points, faces, rim)
        points = _thin_plate(tight, faces, around) if smooth else tight
        if smooth and _bulges(points, rim):
            points = tight
    return points, faces


def _is_flat(rim: Points) -> bool:
    at = rim - rim.mean(axis=0)
    spread = np.linalg.svd(at, full_matrices=False)
    off = at @ spread[2][2]
    return bool(np.abs(off).max() <= FLAT * np.linalg.norm(np.ptp(rim, axis=0)))


def _bulges(points: Points, rim: int) -> bool:
    low, high = points[:rim].min(axis=0), points[:rim].max(axis=0)
    reach = BULGE * np.linalg.norm(high - low)
    return bool((points < low - reach).any() or (points > high + reach).any())


def _umbrella(points: Points, faces: Ids) -> Any:
    """The scale-dependent umbrella operator, `(p, p)` sparse: towards the mean of the neighbours, near ones weighing
    more by the inverse of their distance (Desbrun, Meyer, Schroeder and Barr, Implicit fairing, 1999)."""
    from scipy.sparse import csr_array, diags_array

    ends = net_of(faces, len(points)).ends
    length = np.linalg.norm(points[ends[:, 0]] - points[ends[:, 1]], axis=1)
    weight = 1.0 / np.maximum(length, 1e-9 * length.max())
    both = np.concatenate([ends, ends[:, ::-1]])
    total = np.bincount(both[:, 0], np.tile(weight, 2), len(points))
    share = np.tile(weight, 2) / total[both[:, 0]]
    return csr_array((share, (both[:, 0], both[:, 1])), shape=(len(points),) * 2) - diags_array((total > 0) * 1.0)


def _solved(matrix: Any, right: Points) -> Points:
    from scipy.sparse.linalg import splu

    return np.asarray(splu(matrix.tocsc()).solve(right))


def _membrane(points: Points, faces: Ids, rim: int) -> Points:
    """The patch drawn tight: every inner point in the middle of its neighbours."""
    if len(points) == rim:
        return points
    umbrella = _umbrella(points, faces)[rim:]
    inner = _solved(umbrella[:, rim:], -(umbrella[:, :rim] @ points[:rim]))
    return np.concatenate([points[:rim], inner])


def _thin_plate(points: Points, faces: Ids, around: Around) -> Points:
    """The patch with the least sum of squared umbrella vectors over its inner points and its rim, so that it goes on
    from the surface without a fold."""
    rim, inner = len(around.normals), len(points) - len(around.normals)
    if not inner:
        return points
    # inner points come last, after those of the surface around
    outer = len(around.points)
    number = np.concatenate([np.arange(rim), outer + np.arange(inner)])
    every = np.concatenate([around.points, points[rim:]])
    umbrella = _umbrella(every, np.concatenate([around.faces, number[faces]]))
    rows = umbrella[np.concatenate([np.arange(rim), outer + np.arange(inner)])]
    known, unknown = rows[:, :outer], rows[:, outer:]
    solved = _solved(unknown.T @ unknown, -(unknown.T @ (known @ around.points)))
    return np.concatenate([points[:rim], solved])
