"""Reliefs on plates: the rectangle, the disc or the outline that a picture stands on, raised, closed and textured."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import bake, emboss, planar, tones
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.outline import loops_of, moved_inwards
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.plates import Slab, with_plain
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import silhouette_of

Field = NDArray[np.float32]

WORK_PX = 2048  # longest side that heights and texture are computed at
PLATE_COLOUR = (214, 207, 196)  # of what no pixel of the picture covers: pale stone
COIN_ROOM = 1.08  # radius inside a coin's frame, times that of the circle around a cut-out subject
CLOSE_ENOUGH = 0.12  # share of the wanted number of triangles that the result may be off


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The plate, the picture on it, and what it is painted with.

    Args:
        plate: in the pixels of `picture`, whose first pixel is at `left`, `top` of the plate's own.
        picture: as large as the plate's box.
        texture: `(h, w, 4) uint8`, opaque, of the same box.
        area, around: of the outline, pixels squared and pixels.
    """

    plate: emboss.Plate
    picture: Picture
    texture: NDArray[np.uint8]
    area: float
    around: float


def reduced(picture: Picture, longest: int) -> Picture:
    """The picture, at most so large; colours count by their alpha."""
    scale = longest / max(picture.width, picture.height)
    if scale >= 1:
        return picture
    size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    share = picture.alpha[..., None].astype(np.float32) / 255
    weighted = np.concatenate([picture.rgb * share, share * 255], axis=2)
    small = np.asarray(cv2.resize(weighted, size, interpolation=cv2.INTER_AREA), np.float32)
    small[..., :3] *= 255 / np.maximum(small[..., 3:], np.float32(1))
    return Picture.own(np.clip(np.rint(small), 0, 255).astype(np.uint8))


def plaque(picture: Picture, frame: float) -> Ground:
    """The whole rectangle."""
    width, height = picture.width, picture.height
    x = np.minimum(np.arange(width) + 0.5, width - 0.5 - np.arange(width))
    y = np.minimum(np.arange(height) + 0.5, height - 0.5 - np.arange(height))
    depth = np.minimum(x[None, :], y[:, None]).astype(np.float32)
    wide = min(frame * max(width, height), 0.45 * min(width, height))
    inner = [emboss.rectangle(wide, wide, width - wide, height - wide)] if wide > 0 else []
    plate = emboss.Plate([emboss.rectangle(0, 0, width, height)], inner, depth, 0, 0, wide)
    return Ground(plate, picture, _on_plate(picture), width * height, 2.0 * (width + height))


def coin(picture: Picture, frame: float) -> Ground:
    """A disc: around a cut-out subject, else the largest that the picture holds."""
    if picture.is_cut_out:
        rows, columns = np.nonzero(picture.alpha >= min(128, int(picture.alpha.max())))
        around = np.stack([columns, rows], axis=1).astype(np.float32)
        (x, y), radius = cv2.minEnclosingCircle(cv2.convexHull(around))
        x, y, radius = x + 0.5, y + 0.5, (radius + 1) * COIN_ROOM / max(1 - 2 * frame, 0.2)
    else:
        x, y, radius = picture.width / 2, picture.height / 2, min(picture.width, picture.height) / 2
    left, top = math.floor(x - radius), math.floor(y - radius)
    size = math.ceil(2 * radius) + 1
    framed = _moved(picture, left, top, size, size)
    grid = np.arange(size) + 0.5
    off = np.hypot(grid[None, :] + left - x, grid[:, None] + top - y)
    wide = 2 * frame * radius
    step = max(radius / 64, 1.0)
    inner = [emboss.circle(x, y, radius - wide, step)] if wide > 0 else []
    plate = emboss.Plate([emboss.circle(x, y, radius, step)], inner, (radius - off).astype(np.float32), left, top, wide)
    return Ground(plate, framed, _on_plate(framed), math.pi * radius**2, 2 * math.pi * radius)


def _moved(picture: Picture, left: int, top: int, columns: int, rows: int) -> Picture:
    """A part of the picture, transparent where it has none."""
    made = np.zeros((rows, columns, 4), np.uint8)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + columns, picture.width), min(top + rows, picture.height)
    made[y0 - top : y1 - top, x0 - left : x1 - left] = picture.pixels[y0:y1, x0:x1]
    return Picture.own(made)


def moved_field(values: Field, left: int, top: int, columns: int, rows: int) -> Field:
    """A part of a field, its edges repeated where it has none."""
    x = np.arange(left, left + columns).clip(0, values.shape[1] - 1)
    y = np.arange(top, top + rows).clip(0, values.shape[0] - 1)
    return np.ascontiguousarray(values[y[:, None], x[None, :]])


def cut_out(picture: Picture, frame: float) -> Ground:
    """The subject's own outline."""
    silhouette = silhouette_of(picture.alpha)
    left, top, right, bottom = silhouette.box
    x0, y0 = math.floor(left) - 2, math.floor(top) - 2
    columns, rows = math.ceil(right) + 2 - x0, math.ceil(bottom) + 2 - y0
    framed = _moved(picture, x0, y0, columns, rows)
    loops = loops_of(silhouette)
    wide = frame * max(right - left, bottom - top)
    inner = [loop.points for loop in moved_inwards(silhouette, wide)] if wide > 0 else []
    around = sum(float(np.hypot(*(np.roll(loop.points, -1, axis=0) - loop.points).T).sum()) for loop in loops)
    grid = np.meshgrid(np.arange(columns) + (x0 + 0.5), np.arange(rows) + (y0 + 0.5))
    depth = silhouette.distance_at(np.stack(grid, axis=2).reshape(-1, 2)).reshape(rows, columns)
    plate = emboss.Plate([loop.points for loop in loops], inner, depth.astype(np.float32), x0, y0, wide)
    return Ground(plate, framed, bake.bled(framed.pixels), silhouette.area, around)


def _on_plate(picture: Picture) -> NDArray[np.uint8]:
    """The picture over the plate's colour, opaque."""
    alpha = picture.alpha[..., None].astype(np.float32) / 255
    made = np.full(picture.pixels.shape, 255, np.uint8)
    made[..., :3] = np.rint(picture.rgb * alpha + np.array(PLATE_COLOUR, np.float32) * (1 - alpha))
    return made


@dataclass(frozen=True, slots=True)
class Raise:
    """How a plate is raised.

    Args:
        height: of the relief, as a share of the plate's longest side, above 0.
        base: thickness of the plate below it, likewise.
        faces: about how many triangles.
        texture_px: the texture's longest side at most.
    """

    height: float
    base: float
    faces: int
    texture_px: int


def raised(ground: Ground, height: Field, wanted: Raise, progress: Progress) -> Mesh:
    """The closed, textured mesh: longest side 1, the middle of the plate at x = y = 0, the flat back at z = 0.

    Args:
        ground: plate and picture.
        height: `(h, w) float32`, 0..1, of the ground's box.
        wanted: how.
        progress: of this work.
    """
    outline = np.concatenate(ground.plate.rims)
    low, high = outline.min(axis=0), outline.max(axis=0)
    longest = float((high - low).max())
    slab = _emboss(ground, height, wanted, longest, progress.part(0.0, 0.9))
    uv, texture = _painted(ground, slab, wanted.texture_px)
    progress.update(0.95)
    centre = [(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, 0.0]
    vertices = ((slab.vertices - centre) / longest).astype(np.float32)
    mesh = Mesh(vertices, slab.faces.astype(np.int32), uv, texture)
    progress.update(1.0)
    return mesh.validate()


def _emboss(ground: Ground, height: Field, wanted: Raise, longest: float, progress: Progress) -> Slab:
    """The body with about as many triangles as wanted."""
    base, top = wanted.base * longest, wanted.height * longest
    walls = 2 * ground.around * (base + top)
    edge = math.sqrt((ground.area / 0.433 * (1 + emboss.BACK_SHARE) + walls) / wanted.faces)
    for attempt in range(3):
        part = progress.part(attempt / 3, (attempt + 1) / 3)
        heights = tones.fit(height, edge) * top
        try:
            slab = emboss.embossed(ground.plate, heights, base, top, edge, part)
        except planar.Crossing:  # parts that nearly touch: sharpened corners reach into each other
            front = emboss.smooth_front(silhouette_of(ground.picture.alpha), ground.plate, wanted.faces)
            return emboss.raised(ground.plate, front, front, heights, base, top, edge)
        off = len(slab.faces) / wanted.faces
        if abs(off - 1) <= CLOSE_ENOUGH:
            break
        edge *= min(max(math.sqrt(off), 0.5), 2.0)
    return slab


def _painted(ground: Ground, slab: Slab, texture_px: int) -> tuple[NDArray[np.float32], Picture]:
    """Texture coordinates and texture: the picture on the front, the plate's colour on wall and back."""
    plate = ground.plate
    rows, columns = ground.texture.shape[:2]
    scale = min(1.0, texture_px / max(rows, columns))
    size = max(round(columns * scale), 1), max(round(rows * scale), 1)
    small = np.asarray(cv2.resize(ground.texture, size, interpolation=cv2.INTER_AREA), np.uint8)
    x = (slab.vertices[:, 0] - plate.left) / columns
    y = (-slab.vertices[:, 1] - plate.top) / rows
    uv = np.stack([x.clip(0, 1), 1 - y.clip(0, 1)], axis=1).astype(np.float32)
    pixels, uv = with_plain(small, uv, slab.is_back | slab.is_wall, PLATE_COLOUR)
    return uv, Picture.own(pixels)
