"""A mesh made ready for a graphics card: buffers, a coarse stand-in, texture levels, a shadow for the floor.

Everything here is plain arrays, made once per mesh, off the window's thread; the window and the screenless
renderer upload the same ones.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.normals import split_at_creases
from img2model_desktop.core.picture import Picture, Pixels
from img2model_desktop.core.progress import Progress

COARSE_ABOVE = 30_000  # faces; smaller meshes turn smoothly even without a graphics card
COARSE_FACES = 20_000
TEXTURE_LIMIT_PX = 4096
FOOTPRINT_PX = 128
FOOTPRINT_MARGIN = 0.6  # of the footprint's larger half side, on each side, for the soft rim
FOOTPRINT_SAMPLES = 60_000


@dataclass(frozen=True, slots=True, eq=False)
class Triangles:
    """Indexed triangles.

    Args:
        corners: `(k, 8) float32`: position (metres, y up), unit normal, uv (origin lower left; 0 without uv).
        indices: `(m, 3) uint32` into `corners`, counter-clockwise seen from outside.
    """

    corners: NDArray[np.float32]
    indices: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class PreviewBuffers:
    """What is drawn of a mesh; arrays read-only.

    Args:
        full: all faces.
        coarse: about `COARSE_FACES` faces to draw while the view moves, or None for a mesh that needs none.
        low, high: `(3,) float64`, corners of the bounding box, metres.
        outline: `(k, 3) float64`, k <= 128, points of the surface that lie farthest out in some direction: enough to
            fit the mesh into a picture.
        has_uv: whether the uv in `corners` mean anything.
        base_colour: texture levels `(h, w, 4) uint8`, sRGB, finest first, bottom row first; empty without one.
        metallic_roughness: the same, linear values; empty without one.
        normal: the same, linear values; empty without one.
        footprint: `(FOOTPRINT_PX, FOOTPRINT_PX) uint8`, how dark the floor is below the mesh; rows along +z,
            columns along +x.
        footprint_area: `(4,) float64`, x and z of the footprint's low corner, its width and depth, metres.
    """

    full: Triangles
    coarse: Triangles | None
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    outline: NDArray[np.float64]
    has_uv: bool
    base_colour: tuple[Pixels, ...]
    metallic_roughness: tuple[Pixels, ...]
    normal: tuple[Pixels, ...]
    footprint: NDArray[np.uint8]
    footprint_area: NDArray[np.float64]


def prepare(
    mesh: Mesh,
    progress: Progress | None = None,
    coarse_above: int = COARSE_ABOVE,
    texture_px: int = TEXTURE_LIMIT_PX,
) -> PreviewBuffers:
    """Buffers for a valid mesh.

    Args:
        mesh: any valid mesh.
        progress: told after each step.
        coarse_above: meshes with more faces get a coarse stand-in.
        texture_px: textures with a longer side are made smaller.

    Raises:
        Cancelled: by `progress`.
    """
    progress = progress or Progress()
    source, faces, normals = split_at_creases(mesh.vertices, mesh.faces)
    progress.update(0.5)
    corners = np.zeros((len(source), 8), dtype=np.float32)
    corners[:, :3] = mesh.vertices[source]
    corners[:, 3:6] = normals
    if mesh.uv is not None:
        corners[:, 6:] = mesh.uv[source]
    full = _frozen(Triangles(corners, faces.astype(np.uint32)))
    progress.update(0.6)
    coarse = _frozen(clustered(full, COARSE_FACES)) if len(faces) > coarse_above else None
    progress.update(0.75)
    low, high = mesh.bounds
    footprint, area = floor_shadow(full, low, high)
    progress.update(0.8)
    levels = [
        texture_levels(picture, is_colour, texture_px) if picture is not None else ()
        for picture, is_colour in ((mesh.base_colour, True), (mesh.metallic_roughness, False), (mesh.normal, False))
    ]
    progress.update(1.0)
    outline = farthest_points(full)
    for array in (low, high, outline, footprint, area):
        array.setflags(write=False)
    return PreviewBuffers(
        full,
        coarse,
        low,
        high,
        outline,
        has_uv=mesh.uv is not None,
        base_colour=levels[0],
        metallic_roughness=levels[1],
        normal=levels[2],
        footprint=footprint,
        footprint_area=area,
    )


def shifted(buffers: PreviewBuffers, by: NDArray[np.float64]) -> PreviewBuffers:
    """The same mesh elsewhere; `by`: `(3,)`, metres."""

    def moved(triangles: Triangles) -> Triangles:
        corners = triangles.corners.copy()
        corners[:, :3] += by.astype(np.float32)
        return _frozen(Triangles(corners, triangles.indices))

    area = buffers.footprint_area.copy()
    area[:2] += by[[0, 2]]
    return replace(
        buffers,
        full=moved(buffers.full),
        coarse=moved(buffers.coarse) if buffers.coarse is not None else None,
        low=buffers.low + by,
        high=buffers.high + by,
        outline=buffers.outline + by,
        footprint_area=area,
    )


def clustered(triangles: Triangles, target_faces: int) -> Triangles:
    """Roughly `target_faces` triangles: vertices in one cell of a grid become one (Rossignac and Borrel, 1993).

    Corners in one cell share their mean position, so that no gap opens; those that look to different sides or
    lie far apart in the texture keep normals and uv of their own.
    """
    position = triangles.corners[:, :3]
    cell_m = np.sqrt(2.0 * float(face_areas(triangles).sum()) / target_faces)
    low = position.min(axis=0)
    steps = ((position - low) / max(cell_m, 1e-12)).astype(np.int64)
    _, cell = np.unique((steps[:, 0] << 42) | (steps[:, 1] << 21) | steps[:, 2], return_inverse=True)
    octant = (triangles.corners[:, 3:6] > 0) @ np.array([1, 2, 4])
    chart = np.floor(triangles.corners[:, 6:] * 64).astype(np.int64) & 63
    _, kind = np.unique((((cell << 3) | octant) << 12) | (chart[:, 0] << 6) | chart[:, 1], return_inverse=True)
    count = int(kind.max()) + 1
    merged = np.stack([_mean(kind, triangles.corners[:, column], count) for column in range(8)], axis=1)
    cell_of_kind = np.zeros(count, dtype=np.int64)
    cell_of_kind[kind] = cell
    cells = int(cell.max()) + 1
    for axis in range(3):
        merged[:, axis] = _mean(cell, position[:, axis], cells)[cell_of_kind]
    length = np.linalg.norm(merged[:, 3:6], axis=1, keepdims=True)
    merged[:, 3:6] /= np.where(length > 0, length, 1.0)
    corner_cells = cell[triangles.indices]
    keep = (corner_cells != np.roll(corner_cells, 1, axis=1)).all(axis=1)
    return _outward(Triangles(merged.astype(np.float32), kind[triangles.indices[keep]].astype(np.uint32)))


def _outward(triangles: Triangles) -> Triangles:
    """The same with every triangle turned to the side that its corners' normals say: merging turns some over."""
    a, b, c = (triangles.corners[triangles.indices[:, k]] for k in range(3))
    own = np.cross(b[:, :3] - a[:, :3], c[:, :3] - a[:, :3])
    is_over = np.einsum("ij,ij->i", own, a[:, 3:6] + b[:, 3:6] + c[:, 3:6]) < 0
    indices = triangles.indices.copy()
    indices[is_over] = indices[is_over][:, [0, 2, 1]]
    return Triangles(triangles.corners, indices)


def farthest_points(triangles: Triangles, directions: int = 128) -> NDArray[np.float64]:
    """`(k, 3) float64`, k <= `directions`: the corners that lie farthest out, each in some direction.

    The directions are a Fibonacci spiral on the sphere (Gonzalez, "Measurement of areas on a sphere using Fibonacci
    and latitude-longitude lattices", 2010).
    """
    step = np.arange(directions) + 0.5
    height = 1 - 2 * step / directions
    turn = step * (np.pi * (3 - np.sqrt(5)))
    ring = np.sqrt(1 - height**2)
    toward = np.stack([ring * np.cos(turn), height, ring * np.sin(turn)]).astype(np.float32)
    position = triangles.corners[:, :3]
    best = np.full(directions, -np.inf, dtype=np.float32)
    which = np.zeros(directions, dtype=np.int64)
    for start in range(0, len(position), 8192):  # in parts: the table of all corners and directions would be huge
        reach = position[start : start + 8192] @ toward
        found = reach.argmax(axis=0)
        farther = reach[found, np.arange(directions)] > best
        best[farther] = reach[found, np.arange(directions)][farther]
        which[farther] = found[farther] + start
    return position[np.unique(which)].astype(np.float64)


def face_areas(triangles: Triangles) -> NDArray[np.float64]:
    """`(m,) float64`, square metres."""
    a, b, c = (triangles.corners[triangles.indices[:, k], :3].astype(np.float64) for k in range(3))
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)


def floor_shadow(
    triangles: Triangles, low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A soft contact shadow on the floor below the mesh, and the area that it covers.

    The surface is sampled evenly; what is close to the floor darkens it sharply, what is higher up darkens it
    softly and less. See `PreviewBuffers.footprint` and `footprint_area`.
    """
    half = float(max(high[0] - low[0], high[2] - low[2], 0.25 * (high[1] - low[1]), 1e-6)) / 2
    reach = half * (1 + FOOTPRINT_MARGIN)
    corner = np.array([(low[0] + high[0]) / 2 - reach, (low[2] + high[2]) / 2 - reach])
    points = _surface_samples(triangles, FOOTPRINT_SAMPLES)
    share = (points[:, [0, 2]] - corner - reach) / (2 * reach)  # -0.5..0.5
    # a hair inwards: a wall that stands exactly between two pixels darkens the one below the mesh, on either side
    pixel = ((share * (1 - 1e-6) + 0.5) * FOOTPRINT_PX).astype(np.int64)
    height = (points[:, 1] - low[1]) / half
    lit: NDArray[np.float32] = np.ones((FOOTPRINT_PX, FOOTPRINT_PX), dtype=np.float32)
    for ceiling, sigma_px, darkness in ((0.06, 1.5, 0.55), (0.35, 5.0, 0.45), (1.6, 11.0, 0.35)):
        below = height < ceiling
        layer = np.zeros_like(lit)
        layer[pixel[below, 1], pixel[below, 0]] = 1.0
        closed = cv2.morphologyEx(layer, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        soft = cv2.GaussianBlur(closed, (0, 0), sigma_px, borderType=cv2.BORDER_CONSTANT)
        lit *= 1.0 - darkness * soft.astype(np.float32)
    rim = np.minimum(np.arange(FOOTPRINT_PX), np.arange(FOOTPRINT_PX)[::-1]) / 10.0
    window = np.minimum(rim, 1.0)  # nothing is left at the border, where the texture ends
    dark = np.round((1.0 - lit) * np.outer(window, window) * 255).astype(np.uint8)
    return dark, np.array([corner[0], corner[1], 2 * reach, 2 * reach])


def texture_levels(picture: Picture, is_colour: bool, limit_px: int = TEXTURE_LIMIT_PX) -> tuple[Pixels, ...]:
    """Each level half the size of the one before, down to 1x1, bottom row first.

    Colours are averaged as light, not as sRGB numbers, so that a distant checkerboard keeps its brightness.
    A picture with a side above `limit_px` is first made smaller.
    """
    light = _decoded(picture.pixels[::-1], is_colour)
    size = (picture.width, picture.height)
    scale = limit_px / max(size)
    if scale < 1.0:
        size = (max(round(size[0] * scale), 1), max(round(size[1] * scale), 1))
        light = _resized(light, size)
        levels = [_encoded(light, is_colour)]
    else:
        levels = [np.ascontiguousarray(picture.pixels[::-1])]
    while size != (1, 1):
        size = (max(size[0] // 2, 1), max(size[1] // 2, 1))
        light = _resized(light, size)
        levels.append(_encoded(light, is_colour))
    for level in levels:
        level.setflags(write=False)
    return tuple(levels)


def _resized(light: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return cv2.resize(light, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)


def srgb_to_linear(value: NDArray[np.floating]) -> NDArray[np.float32]:
    """Light of sRGB values, both 0..1 (IEC 61966-2-1)."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear_to_srgb(light: NDArray[np.floating]) -> NDArray[np.float32]:
    """sRGB values of light, both 0..1 (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055).astype(
        np.float32
    )


def _decoded(pixels: Pixels, is_colour: bool) -> NDArray[np.float32]:
    table = np.repeat(np.arange(256, dtype=np.float32)[None, :, None] / 255, 4, axis=2)
    if is_colour:
        table[..., :3] = srgb_to_linear(table[..., :3])
    return cv2.LUT(pixels, table).astype(np.float32, copy=False)


def _encoded(light: NDArray[np.float32], is_colour: bool) -> Pixels:
    """Through a table of 4096 steps: within half an 8-bit step of the formula for all but the darkest values."""
    if not is_colour:
        return np.round(light * 255).astype(np.uint8)
    table = np.round(linear_to_srgb((np.arange(4096, dtype=np.float32)) / 4095) * 255).astype(np.uint8)
    encoded = np.round(light * 255).astype(np.uint8)
    encoded[..., :3] = table[np.round(light[..., :3] * 4095).astype(np.int32)]
    return encoded


def _surface_samples(triangles: Triangles, count: int) -> NDArray[np.float64]:
    """`(count, 3)` points spread evenly over the surface, the same at every call.

    Places come from an additive recurrence of the plastic number (Roberts, "The unreasonable effectiveness of
    quasirandom sequences", 2018), which leaves no clumps.
    """
    areas = np.cumsum(face_areas(triangles))
    step = np.arange(count)
    face = np.searchsorted(areas, (step + 0.5) / count * areas[-1]).clip(0, len(areas) - 1)
    u, v = (step * 0.7548776662466927) % 1.0, (step * 0.5698402909980532) % 1.0
    fold = u + v > 1
    u, v = np.where(fold, 1 - u, u), np.where(fold, 1 - v, v)
    a, b, c = (triangles.corners[triangles.indices[face, k], :3].astype(np.float64) for k in range(3))
    return np.asarray(a + u[:, None] * (b - a) + v[:, None] * (c - a))


def _mean(group: NDArray[np.int64], values: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    return np.asarray(np.bincount(group, weights=values, minlength=count) / np.bincount(group, minlength=count))


def _frozen(triangles: Triangles) -> Triangles:
    triangles.corners.setflags(write=False)
    triangles.indices.setflags(write=False)
    return triangles
