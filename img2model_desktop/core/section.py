"""What a plane cuts out of a mesh: the line on its surface, and the area inside that line."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.face_blocks import FaceBlocks
from img2model_desktop.core.topology import Ids, same_rows

AXES = ("x", "y", "z")
_MEETS = 1e-4  # of the cut's size: a seam whose two sides were rounded differently is no hole
_CLIPPER_SIZE = 1000.0  # the polygon library rounds to eight decimals: outlines are brought to about this size for it


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane across one of the axes; one side of it is taken away.

    Args:
        axis: 0, 1 or 2: x, y or z.
        at_m: where it crosses the axis, metres.
        keeps_high: whether the side of higher coordinates stays, else the lower one.
    """

    axis: int
    at_m: float
    keeps_high: bool = False

    @property
    def clip(self) -> NDArray[np.float64]:
        """`(4,)`: what stays has `clip[:3] @ point + clip[3] >= 0`."""
        made = np.zeros(4)
        made[self.axis] = 1.0 if self.keeps_high else -1.0
        made[3] = -self.at_m * made[self.axis]
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A cut.

    Args:
        plane: that made it.
        outline: `(k, 2, 3) float32`, metres: where the surface is cut.
        points: `(n, 3) float32`, metres.
        faces: `(m, 3) int32` into `points`: the cut surface, facing what was taken away. Only lines that close are
            filled; around overlapping parts once.
        area_m2: of the cut surface.
        is_closed: whether every line closes, as it does on a mesh without holes.
    """

    plane: Plane
    outline: NDArray[np.float32]
    points: NDArray[np.float32]
    faces: NDArray[np.int32]
    area_m2: float
    is_closed: bool


def cut(blocks: FaceBlocks, plane: Plane) -> Section:
    """Cuts a mesh. A corner exactly on the plane counts as above it, so that every cut face has two cut sides."""
    triangles = blocks.triangles
    indices = triangles.indices[blocks.across(plane.axis, float(np.float32(plane.at_m)))]
    above = (triangles.corners[:, plane.axis])[indices] >= np.float32(plane.at_m)
    crossed = above.any(axis=1) & ~above.all(axis=1)
    if not crossed.any():
        nothing = np.zeros((0, 3), dtype=np.float32)
        return Section(plane, nothing.reshape(0, 2, 3), nothing, np.zeros((0, 3), dtype=np.int32), 0.0, is_closed=True)
    used, local = np.unique(indices[crossed], return_inverse=True)
    position = triangles.corners[used, :3].astype(np.float64)
    corner = same_rows(triangles.corners[used, :3])[local.reshape(-1, 3)]
    points, start, end = _segments(position, corner, above[crossed], plane)
    loops, is_closed = _loops(start, end, points)
    u, v = (plane.axis + 1) % 3, (plane.axis + 2) % 3
    cap, faces, area = _filled([points[loop][:, [u, v]] for loop in loops])
    filled = np.full((len(cap), 3), plane.at_m)
    filled[:, [u, v]] = cap
    outline = np.stack([points[start], points[end]], axis=1).astype(np.float32)
    if plane.keeps_high:
        faces = faces[:, ::-1]
    return Section(plane, outline, filled.astype(np.float32), np.ascontiguousarray(faces), area, is_closed)


def _segments(
    position: NDArray[np.float64], corner: Ids, above: NDArray[np.bool_], plane: Plane
) -> tuple[NDArray[np.float64], Ids, Ids]:
    """Points on cut edges `(p, 3)`, and for each cut face the numbers of the points where its line begins and ends.

    Seen from the high side, the inside of the mesh is to the left of a line.
    """
    following = above[:, [1, 2, 0]]
    goes_up = ~above & following
    goes_down = above & ~following
    ends = np.stack([corner, corner[:, [1, 2, 0]]], axis=-1)  # (m, 3 sides, 2)
    up, down = ends[goes_up], ends[goes_down]
    low, high = np.sort(np.concatenate([down, up]), axis=1).T
    keys, number = np.unique(low * len(position) + high, return_inverse=True)
    a, b = position[keys // len(position)], position[keys % len(position)]
    step = b[:, plane.axis] - a[:, plane.axis]
    share = np.clip((np.float64(np.float32(plane.at_m)) - a[:, plane.axis]) / step, 0.0, 1.0)
    points = a + share[:, None] * (b - a)
    points[:, plane.axis] = plane.at_m
    # counter-clockwise around a face, the line through it runs from the side that goes up to the one that goes down,
    # with the part above it on its right hand: seen from the high side, the inside of the mesh lies to the left
    return points, number[len(down) :], number[: len(down)]


def _loops(start: Ids, end: Ids, points: NDArray[np.float64]) -> tuple[list[list[int]], bool]:
    """Closed rings of point numbers, and whether nothing was left open; ends that almost meet do meet."""
    following: dict[int, list[int]] = defaultdict(list)
    for one, other in zip(start.tolist(), end.tolist(), strict=True):
        following[one].append(other)
    surplus = np.bincount(start, minlength=len(points)) - np.bincount(end, minlength=len(points))
    slack = _MEETS * float(np.ptp(points, axis=0).max())
    is_closed = True
    loops = []
    for opening in np.repeat(np.arange(len(points)), np.maximum(surplus, 0)).tolist():
        chain = _followed(following, opening)
        if np.linalg.norm(points[chain[-1]] - points[opening]) <= slack:
            loops.append(chain)
        else:
            is_closed = False
    for first in list(following):
        while following[first]:
            loops.append(_followed(following, first)[:-1])
    return [loop for loop in loops if len(loop) > 2], is_closed


def _followed(following: dict[int, list[int]], first: int) -> list[int]:
    """From a point on, until no line leads on; what was followed is taken out."""
    chain, at = [first], first
    while following[at]:
        at = following[at].pop()
        chain.append(at)
    return chain


def _filled(loops: list[NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.int32], float]:
    """Triangles that fill rings `(n, 2)` wherever they wind around a point at all, and their area."""
    if not loops:
        return np.zeros((0, 2)), np.zeros((0, 3), dtype=np.int32), 0.0
    from manifold3d import CrossSection, FillRule, triangulate  # native, and only cuts need it here

    every = np.concatenate(loops)
    middle, size = (every.min(axis=0) + every.max(axis=0)) / 2, float(np.ptp(every, axis=0).max()) or 1.0
    scale = _CLIPPER_SIZE / size
    area = CrossSection([(loop - middle) * scale for loop in loops], FillRule.NonZero)
    rings = area.to_polygons()
    if not rings:
        return np.zeros((0, 2)), np.zeros((0, 3), dtype=np.int32), 0.0
    faces = np.asarray(triangulate(rings), dtype=np.int32)
    return np.concatenate(rings) / scale + middle, faces, float(area.area()) / scale**2
