"""Gives a patch over a hole triangles like those around it, and the shape that the surface around it suggests."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids, connected
from img2model_desktop.core.workshop.collapse import net_of
from img2model_desktop.core.workshop.even import area_of, refined
from img2model_desktop.core.workshop.patch import newell

Points = NDArray[np.float64]

ALONE = 32
"""Faces from which on a patch is shaped by itself: together, the longest edge of all of them decides which are split
first, and a patch of some size then comes out a little less even."""
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


class Filling(NamedTuple):
    """A patch and the surface that it is to follow.

    Args:
        points: `(p, 3) float64`, first the `n` of the rim, in its order.
        faces: `(q, 3) int64`.
        around: the surface.
    """

    points: Points
    faces: Ids
    around: Around


class Aim(NamedTuple):
    """What becomes of a patch.

    Args:
        length: of its edges.
        smooth: whether it goes on from the surface; else it is drawn tight.
        faces: how many it will have, about.
    """

    length: float
    smooth: bool
    faces: float


def shaped(fillings: Sequence[Filling], progress: Progress) -> list[tuple[Points, Ids]]:
    """Patches that follow the surface around them, or are drawn tight where the rim is an edge of the thing.

    Those alike are worked on together: small patches, of which there may be thousands, cost next to nothing each.

    Returns:
        for each, points, those of the rim as they were and first, and faces.
    """
    aims = [_aim(filling) for filling in fillings]
    result = [(filling.points, filling.faces) for filling in fillings]
    groups = _alike(fillings, aims)
    for done, group in enumerate(groups):
        part = progress.part(done / len(groups), (done + 1) / len(groups))
        together = _Together([fillings[k] for k in group], [aim for k in group if (aim := aims[k])])
        for number, patch in zip(group, together.shaped(part), strict=True):
            result[number] = patch
    progress.update(1.0)
    return result


def _aim(filling: Filling) -> Aim | None:
    """None where a patch stays as it is: it is a plane one, or a crack."""
    points, faces, around = filling
    rim = len(around.normals)
    across = newell(points[:rim])
    meeting = around.normals @ (across / max(float(np.linalg.norm(across)), np.finfo(float).tiny))
    if rim < 4:
        return None
    smooth = float(np.median(meeting)) > CREASE
    if _is_flat(points[:rim]) and (not smooth or float(meeting.min()) > STRAIGHT):
        return None
    steps = np.linalg.norm(points[:rim] - np.roll(points[:rim], -1, axis=0), axis=1)
    area = area_of(points, faces)
    if area < SLIT * float(steps.sum()) ** 2:
        return None
    even = np.sqrt(3) / 4  # of the square of an even triangle's side: its area
    length = max(float(steps.mean()), float(np.sqrt(area / (even * MOST_FACES))))
    return Aim(length, smooth, area / (even * length**2))


def _alike(fillings: Sequence[Filling], aims: Sequence[Aim | None]) -> list[list[int]]:
    """Which patches are worked on together: of one kind, of about one length of rim, and not too many."""
    sizes = [len(filling.around.normals) for filling in fillings]
    order = sorted((aim.smooth, sizes[k], k) for k, aim in enumerate(aims) if aim)
    groups: list[list[int]] = []
    kind, least, faces = False, 0, np.inf
    for smooth, size, number in order:
        aim = aims[number]
        assert aim is not None
        if smooth != kind or size > 2 * least or faces + aim.faces > MOST_FACES or aim.faces > ALONE:
            groups.append([])
            kind, least, faces = smooth, size, 0.0
        groups[-1].append(number)
        faces += aim.faces
    return groups


class _Together:
    """Patches side by side as one, each moved to the origin and brought to a wanted length of 1.

    The points of all rims come first, then the others; what is done to one patch does not touch another.
    """

    def __init__(self, fillings: list[Filling], aims: list[Aim]) -> None:
        self._fillings = fillings
        self._smooth = aims[0].smooth
        self._length = np.array([aim.length for aim in aims])
        self._origin = np.array([filling.points.mean(axis=0) for filling in fillings])
        self._rims = np.array([len(filling.around.normals) for filling in fillings])
        self._owner = np.repeat(np.arange(len(fillings)), self._rims)  # of the rims' points

    def shaped(self, progress: Progress) -> list[tuple[Points, Ids]]:
        """As the function, of these."""
        rim = int(self._rims.sum())
        points, faces = self._joined([(one.points, one.faces) for one in self._fillings])
        around = self._surface()
        for done in range(PASSES):
            part = progress.part(done / PASSES, (done + 1) / PASSES)
            points, faces = refined(points, faces, 1.0, self._rims, part.part(0.0, 0.6))
            tight = _membrane(points, faces, rim)
            points = tight
            if self._smooth:
                points = _thin_plate(tight, faces, around)
                owner = self._owners(points, faces)
                bulging = self._bulging(points, owner)[owner]
                points[bulging] = tight[bulging]
        return self._apart(points, faces)

    def _joined(self, parts: list[tuple[Points, Ids]]) -> tuple[Points, Ids]:
        """Patches as one: points, first those of the rims, and faces."""
        moved = [(points - at) / size for (points, _), at, size in zip(parts, self._origin, self._length, strict=True)]
        first = np.cumsum(self._rims) - self._rims
        inner = np.array([len(points) for points in moved]) - self._rims
        other = int(self._rims.sum()) + np.cumsum(inner) - inner
        faces = [
            np.where(faces < rim, faces + start, faces + later - rim)
            for (_, faces), rim, start, later in zip(parts, self._rims, first, other, strict=True)
        ]
        ends = [points[:rim] for points, rim in zip(moved, self._rims, strict=True)]
        rest = [points[rim:] for points, rim in zip(moved, self._rims, strict=True)]
        return np.concatenate([*ends, *rest]), np.concatenate(faces)

    def _surface(self) -> Around:
        """The surfaces around as one."""
        points, faces = self._joined([(one.around.points, one.around.faces) for one in self._fillings])
        return Around(points, faces, np.concatenate([one.around.normals for one in self._fillings]))

    def _owners(self, points: Points, faces: Ids) -> Ids:
        """Which patch each point is of."""
        count, part = connected(len(points), faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel())
        owner = np.zeros(count, np.int64)
        owner[part[: len(self._owner)]] = self._owner
        return np.asarray(owner[part])

    def _bulging(self, points: Points, owner: Ids) -> NDArray[np.bool_]:
        """Which patches reach too far beyond the boxes of their rims."""
        starts = np.cumsum(self._rims) - self._rims
        rims = points[: len(self._owner)]
        low, high = np.minimum.reduceat(rims, starts), np.maximum.reduceat(rims, starts)
        reach = BULGE * np.linalg.norm(high - low, axis=1)[:, None]
        far = (points < (low - reach)[owner]) | (points > (high + reach)[owner])
        return np.asarray(np.bincount(owner, far.any(axis=1), len(starts)) > 0)

    def _apart(self, points: Points, faces: Ids) -> list[tuple[Points, Ids]]:
        """The patches, each where it was, with the very points of its rim."""
        owner = self._owners(points, faces)
        order = np.argsort(owner, kind="stable")  # a rim's points come first, as they do in the whole
        starts = np.searchsorted(owner[order], np.arange(len(self._rims) + 1))
        number = np.empty(len(points), np.int64)
        number[order] = np.arange(len(points)) - starts[owner[order]]
        of_face = np.argsort(owner[faces[:, 0]], kind="stable")
        ends = np.searchsorted(owner[faces[of_face, 0]], np.arange(len(self._rims) + 1))
        patches = []
        for k, filling in enumerate(self._fillings):
            mine = points[order[starts[k] : starts[k + 1]]] * self._length[k] + self._origin[k]
            mine[: self._rims[k]] = filling.points[: self._rims[k]]
            patches.append((mine, number[faces[of_face[ends[k] : ends[k + 1]]]]))
        return patches


def _is_flat(rim: Points) -> bool:
    at = rim - rim.mean(axis=0)
    spread = np.linalg.svd(at, full_matrices=False)
    off = at @ spread[2][2]
    return bool(np.abs(off).max() <= FLAT * np.linalg.norm(np.ptp(rim, axis=0)))


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
