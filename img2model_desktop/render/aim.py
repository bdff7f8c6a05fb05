"""Where a camera should be to show something: near enough to see it, far enough to know where it is."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.face_blocks import FaceBlocks
from img2model_desktop.core.picking import Ray, first_hit
from img2model_desktop.core.preview import PreviewBuffers
from img2model_desktop.core.section import Plane
from img2model_desktop.render.camera import Camera, box_corners
from img2model_desktop.render.look import radius_of
from img2model_desktop.render.marks import Highlight, Shape

CONTEXT = 1.25  # times the place's own size
LEAST_SHARE = 0.18  # of the mesh's radius that is seen around even the smallest place
WIDEST_DEG = 55.0  # a place that faces the camera within this angle is looked at from where the camera is
_STEEPEST_DEG = 65.0
_AGREE = 0.35  # length of the mean of unit normals from which on they say where a place faces
_SEEN = 0.5  # share of a place from which on it counts as seen
_ASKED = 6  # places of it that are asked
_FACES, _CORNERS, _PLACES = 4096, 100_000, 24  # looked at, at most


def looking_at(
    highlight: Highlight,
    buffers: PreviewBuffers,
    camera: Camera,
    size: tuple[float, float],
    blocks: FaceBlocks | None = None,
) -> Camera:
    """A camera that shows a place.

    Its direction is kept where the place faces it; otherwise it looks along the place's own normal, or against it: the
    normals of faces that are turned over point into the body.

    Args:
        highlight: the place.
        buffers: the mesh that it is on.
        camera: where one looks from now.
        size: width and height of the picture, in any unit.
        blocks: of the mesh's faces, to see what hides the place; None: nothing is asked.
    """
    low, high = highlight.low, highlight.high
    centre, radius = (low + high) / 2, radius_of(buffers.low, buffers.high)
    half = np.maximum((high - low) / 2 * CONTEXT, LEAST_SHARE * radius)
    directions = _directions(_outward(highlight, buffers, centre), camera, centre - (buffers.low + buffers.high) / 2)
    best = 0
    if blocks is not None:
        shares: list[float] = []
        while len(shares) < len(directions) and not (shares and shares[-1] > _SEEN):
            shares.append(_seen_share(highlight, directions[len(shares)], blocks, radius))
        best = int(np.argmax(shares))
    if not np.array_equal(directions[best], camera.axes[2]):
        camera = _from(camera, directions[best])
    return camera.framing(box_corners(centre - half, centre + half), *size)


def _directions(
    outward: NDArray[np.float64] | None, camera: Camera, away: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Unit directions to look from, the likeliest first."""
    now = camera.axes[2]
    is_kept = outward is None or outward @ now >= np.cos(np.radians(WIDEST_DEG))
    found = [now] if is_kept else []
    if outward is not None:
        found += [outward, -outward]
    if float(np.linalg.norm(away)) > 0:
        found.append(away / np.linalg.norm(away))
    straight = found[0]
    aside = np.cross([0.0, 1.0, 0.0], straight)
    slanted = [straight + sign * other for other in (np.array([0.0, 1.0, 0.0]), aside) for sign in (1.0, -1.0)]
    return [*found, *(each / max(float(np.linalg.norm(each)), 1e-12) for each in slanted)]


def _seen_share(highlight: Highlight, toward: NDArray[np.float64], blocks: FaceBlocks, radius: float) -> float:
    """Share of a few places of it that nothing hides from far away in a direction."""
    places = highlight.samples[:: 1 + len(highlight.samples) // _ASKED].astype(np.float64)
    rays = [Ray(place + 1e-3 * radius * toward, toward) for place in places]
    return float(np.mean([first_hit(blocks, ray) is None for ray in rays]))


def facing_section(plane: Plane, camera: Camera) -> Camera:
    """A camera that looks at the cut surface of a section, a little from the side and from above."""
    sign = -1.0 if plane.keeps_high else 1.0
    toward = np.array([0.42, 0.35, 0.42])
    toward[plane.axis] = 0.0
    toward[plane.axis] = sign
    return _from(camera, toward)


def _from(camera: Camera, toward: NDArray[np.float64]) -> Camera:
    """Looking from that direction, not from straight above or below."""
    x, y, z = toward / max(float(np.linalg.norm(toward)), 1e-12)
    elevation = float(np.degrees(np.arcsin(np.clip(y, -1.0, 1.0))))
    azimuth = float(np.degrees(np.arctan2(x, z))) % 360.0 if np.hypot(x, z) > 1e-3 else camera.azimuth_deg
    return replace(camera, azimuth_deg=azimuth, elevation_deg=float(np.clip(elevation, -_STEEPEST_DEG, _STEEPEST_DEG)))


def _outward(highlight: Highlight, buffers: PreviewBuffers, centre: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """`(3,)` unit: where most of a place faces; None where it faces every way."""
    normals = _face_normals(highlight.faces) if highlight.faces is not None else _nearest_normals(highlight, buffers)
    if len(normals):
        mean = normals.mean(axis=0)
        length = float(np.linalg.norm(mean))
        if length > _AGREE:
            return np.asarray(mean / length)
    away = centre - (buffers.low + buffers.high) / 2
    length = float(np.linalg.norm(away))
    if length > _AGREE * radius_of(buffers.low, buffers.high):
        return np.asarray(away / length)
    return None


def _face_normals(faces: Shape) -> NDArray[np.float64]:
    """`(k, 3)` unit normals of some faces."""
    some = faces.indices[np.linspace(0, len(faces.indices) - 1, min(len(faces.indices), _FACES)).astype(np.int64)]
    a, b, c = (faces.places[some[:, k], :3].astype(np.float64) for k in range(3))
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals[length[:, 0] > 0] / length[length[:, 0] > 0])


def _nearest_normals(highlight: Highlight, buffers: PreviewBuffers) -> NDArray[np.float64]:
    """`(k, 3)` unit normals of the mesh's corners nearest to some places."""
    corners = buffers.full.corners
    reach = np.float32(0.05 * radius_of(buffers.low, buffers.high))
    is_near = (corners[:, :3] >= highlight.low.astype(np.float32) - reach).all(axis=1)
    is_near &= (corners[:, :3] <= highlight.high.astype(np.float32) + reach).all(axis=1)
    near = np.flatnonzero(is_near)
    near = near[:: 1 + len(near) // _CORNERS]
    if not len(near):
        return np.zeros((0, 3))
    places = corners[near, :3]
    some = highlight.samples[:: 1 + len(highlight.samples) // _PLACES]
    found = [int(np.square(places - place).sum(axis=1).argmin()) for place in some]
    return corners[near[found], 3:6].astype(np.float64)
