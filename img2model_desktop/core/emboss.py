"""A plate with a relief: heights over a rectangle, a disc or a silhouette, a flat back, a raised frame."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import planar
from img2model_desktop.core.flat import flat_of
from img2model_desktop.core.plates import Slab, closed_between, divided, lattice
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import Silhouette, sample

Points = NDArray[np.float64]
Field = NDArray[np.float32]

BACK_SHARE = 0.06  # of the triangles that go to the flat back at most
STEEP = 0.35  # of a triangle's side: the width of the step from the frame down to the picture


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """Where a plate is, and how far each of its points is from its edge.

    Args:
        rims: closed loops `(k, 2) float64` picture pixels; as seen in the picture the inside is on the left.
        frame: closed loops of the same kind, the inner edge of the frame; none without a frame.
        depth: `(h, w) float32`, distance from the edge, pixels, above 0 inside; entry [i, j] is at (left + j + 0.5,
            top + i + 0.5).
        left, top: corner of `depth` in the picture, pixels.
        frame_width: pixels; 0 without a frame.
    """

    rims: list[Points]
    frame: list[Points]
    depth: Field
    left: float
    top: float
    frame_width: float


def rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    """`(4, 2) float64`, counter-clockwise as seen in the picture."""
    return np.array([[left, top], [left, bottom], [right, bottom], [right, top]], np.float64)


def circle(x: float, y: float, radius: float, edge: float) -> Points:
    """`(k, 2) float64`, counter-clockwise as seen in the picture, with sides of about `edge` pixels."""
    count = max(round(2 * math.pi * radius / edge), 48)
    turn = np.arange(count) * (2 * math.pi / count)
    return np.stack([x + radius * np.cos(turn), y - radius * np.sin(turn)], axis=1)


def embossed(plate: Plate, height: Field, base: float, frame_height: float, edge: float, progress: Progress) -> Slab:
    """A plate with a relief on its front.

    Args:
        plate: its place.
        height: the shape of `plate.depth`: height of the relief above the base, pixels, 0 or more.
        base: thickness below the relief, pixels, above 0.
        frame_height: of the frame above the base, pixels.
        edge: the side of triangles, pixels.
        progress: of this work.

    Raises:
        planar.Crossing: the plate's rims cross or touch.
    """
    box = (plate.left, plate.top, plate.left + plate.depth.shape[1], plate.top + plate.depth.shape[0])
    rims = [divided(np.concatenate([loop, loop[:1]]), edge)[:-1] for loop in plate.rims]
    closed = [np.concatenate([loop, loop[:1]]) for loop in plate.frame]
    lines = [divided(loop, edge) for loop in closed]
    inside = lattice(box, edge)
    depth = sample(plate.depth, _entries(plate, inside))
    away = depth > 0.6 * edge
    if plate.frame_width > 0:
        away &= np.abs(depth - plate.frame_width - STEEP * edge / 2) > (0.5 + STEEP / 2) * edge
    progress.update(0.1)
    front = planar.fill(rims, lines, inside[away], progress.part(0.1, 0.6))
    progress.update(0.6)
    back = _coarse(front, plate, edge)
    progress.update(0.9)
    return raised(plate, front, back, height, base, frame_height, edge)


def raised(
    plate: Plate,
    front: planar.Planar,
    back: planar.Planar,
    height: Field,
    base: float,
    frame_height: float,
    edge: float,
) -> Slab:
    """The body over a front and a back that have been triangulated; the other arguments are those of `embossed`."""
    z = _heights(plate, front, height, base, frame_height, edge)
    return closed_between(front, z, back, np.zeros(len(back.points)), edge)


def smooth_front(silhouette: Silhouette, plate: Plate, faces: int) -> planar.Planar:
    """A front with the outline as it is, for outlines whose loops cross when their corners are made sharp.

    Args:
        silhouette: in the pixels of `plate.depth`.
        plate: whose front it is.
        faces: about how many triangles the whole body is to have.
    """
    flat = flat_of(silhouette, int(faces * 0.4))
    return planar.Planar(
        flat.vertices.astype(np.float64) + np.array([plate.left, plate.top]),
        flat.faces,
        tuple(np.asarray(ring) for ring in flat.rim),
    )


def _entries(plate: Plate, points: Points) -> Points:
    return points - [plate.left + 0.5, plate.top + 0.5]


def _heights(
    plate: Plate, front: planar.Planar, height: Field, base: float, frame_height: float, edge: float
) -> Points:
    """Heights of the front's points, pixels above the flat back."""
    at = _entries(plate, front.points)
    z = base + sample(height, at)
    if plate.frame_width > 0:
        depth = sample(plate.depth, at)
        depth[np.concatenate(front.rims)] = 0.0
        z = np.where(depth < plate.frame_width + STEEP * edge / 2, base + frame_height, z)
    return np.asarray(z, np.float64)


def _coarse(front: planar.Planar, plate: Plate, edge: float) -> planar.Planar:
    """A flat back over the same rims, with triangles that grow towards the middle."""
    box = (plate.left, plate.top, plate.left + plate.depth.shape[1], plate.top + plate.depth.shape[0])
    chosen = []
    step = 2.0 * edge
    widest = float(plate.depth.max())
    near = 0.9 * edge
    while near < widest:
        points = lattice(box, step)
        depth = sample(plate.depth, _entries(plate, points))
        far = near + 2.0 * step
        chosen.append(points[(depth > near) & (depth <= far)])
        near, step = far + 0.4 * step, 2.0 * step
    made = planar.fill([front.points[ring] for ring in front.rims], [], np.concatenate([np.empty((0, 2)), *chosen]))
    same = sum(map(len, made.rims)) == sum(map(len, front.rims))
    return made if same else front
