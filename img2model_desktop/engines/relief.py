"""Relief: a plaque, a coin, a cut-out or a lithophane from brightness or a depth map."""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import bake, emboss, planar, tones
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.outline import loops_of, moved_inwards
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import read_picture
from img2model_desktop.core.plates import Slab, with_plain
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import silhouette_of
from img2model_desktop.engines.catalog import ReliefOptions
from img2model_desktop.errors import InputProblem

Field = NDArray[np.float32]

WORK_PX = 2048  # longest side that heights and texture are computed at
PLATE_COLOUR = (214, 207, 196)  # of what no pixel of the picture covers: pale stone
COIN_ROOM = 1.08  # radius inside a coin's frame, times that of the circle around a cut-out subject
SMOOTH_SHARE = 0.01  # of the longest side: radius of smoothing 1
SAME_SHAPE = 0.02  # share by which the sides' ratio of a depth map may differ from the picture's
CLOSE_ENOUGH = 0.12  # share of the wanted number of triangles that the result may be off


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
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


class Relief:
    """Raises a picture from a plate."""

    def sculpt(self, picture: Picture, options: ReliefOptions, seed: int, progress: Progress) -> Mesh:
        """See `engines.base.Sculptor`. `seed` changes nothing."""
        del seed
        progress.update(0.0)
        picture.require_subject()
        shape = options.shape
        if shape == "auto":
            shape = "cut-out" if picture.is_cut_out else "plaque"
        work = _reduced(picture, WORK_PX)
        ground = {"plaque": _plaque, "coin": _coin, "cut-out": _cut_out}[shape](work, options.frame)
        progress.update(0.15)
        height = _height(ground, work, options, progress.part(0.15, 0.35))
        outline = np.concatenate(ground.plate.rims)
        low, high = outline.min(axis=0), outline.max(axis=0)
        longest = float((high - low).max())
        slab = self._emboss(ground, height, options, longest, progress.part(0.35, 0.9))
        uv, texture = _painted(ground, slab, options.texture_px)
        progress.update(0.95)
        centre = [(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, 0.0]
        vertices = ((slab.vertices - centre) / longest).astype(np.float32)
        mesh = Mesh(vertices, slab.faces.astype(np.int32), uv, texture)
        progress.update(1.0)
        return mesh.validate()

    def _emboss(
        self, ground: _Ground, height: Field, options: ReliefOptions, longest: float, progress: Progress
    ) -> Slab:
        """The body with about as many triangles as wanted."""
        base, raised = options.base * longest, options.height * longest
        walls = 2 * ground.around * (base + raised)
        edge = math.sqrt((ground.area / 0.433 * (1 + emboss.BACK_SHARE) + walls) / options.faces)
        for attempt in range(3):
            part = progress.part(attempt / 3, (attempt + 1) / 3)
            heights = tones.fit(height, edge) * raised
            try:
                slab = emboss.embossed(ground.plate, heights, base, raised, edge, part)
            except planar.Crossing:  # parts that nearly touch: sharpened corners reach into each other
                front = emboss.smooth_front(silhouette_of(ground.picture.alpha), ground.plate, options.faces)
                return emboss.raised(ground.plate, front, front, heights, base, raised, edge)
            off = len(slab.faces) / options.faces
            if abs(off - 1) <= CLOSE_ENOUGH:
                break
            edge *= min(max(math.sqrt(off), 0.5), 2.0)
        return slab

    def close(self) -> None:
        """Nothing to free."""


def load() -> Relief:
    """The engine."""
    return Relief()


def _reduced(picture: Picture, longest: int) -> Picture:
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


def _plaque(picture: Picture, frame: float) -> _Ground:
    """The whole rectangle."""
    width, height = picture.width, picture.height
    x = np.minimum(np.arange(width) + 0.5, width - 0.5 - np.arange(width))
    y = np.minimum(np.arange(height) + 0.5, height - 0.5 - np.arange(height))
    depth = np.minimum(x[None, :], y[:, None]).astype(np.float32)
    wide = min(frame * max(width, height), 0.45 * min(width, height))
    inner = [emboss.rectangle(wide, wide, width - wide, height - wide)] if wide > 0 else []
    plate = emboss.Plate([emboss.rectangle(0, 0, width, height)], inner, depth, 0, 0, wide)
    return _Ground(plate, picture, _on_plate(picture), width * height, 2.0 * (width + height))


def _coin(picture: Picture, frame: float) -> _Ground:
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
    return _Ground(plate, framed, _on_plate(framed), math.pi * radius**2, 2 * math.pi * radius)


def _moved(picture: Picture, left: int, top: int, columns: int, rows: int) -> Picture:
    """A part of the picture, transparent where it has none."""
    made = np.zeros((rows, columns, 4), np.uint8)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + columns, picture.width), min(top + rows, picture.height)
    made[y0 - top : y1 - top, x0 - left : x1 - left] = picture.pixels[y0:y1, x0:x1]
    return Picture.own(made)


def _cut_out(picture: Picture, frame: float) -> _Ground:
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
    return _Ground(plate, framed, bake.bled(framed.pixels), silhouette.area, around)


def _on_plate(picture: Picture) -> NDArray[np.uint8]:
    """The picture over the plate's colour, opaque."""
    alpha = picture.alpha[..., None].astype(np.float32) / 255
    made = np.full(picture.pixels.shape, 255, np.uint8)
    made[..., :3] = np.rint(picture.rgb * alpha + np.array(PLATE_COLOUR, np.float32) * (1 - alpha))
    return made


def _height(ground: _Ground, whole: Picture, options: ReliefOptions, progress: Progress) -> Field:
    """`(h, w) float32`, 0..1, of the ground's box.

    Args:
        whole: the picture before it was cropped to the box, at the working size.
    """
    part = ground.picture
    if options.depth_file:
        values = _depth_values(options.depth_file, whole)
        box = int(ground.plate.left), int(ground.plate.top), part.width, part.height
        height = tones.from_depth(_moved_field(values, *box), part.alpha)
    elif options.source == "depth":
        height = tones.from_depth(tones.luma(part), part.alpha)
    elif options.source == "lithophane":
        height = tones.lithophane(part)
    else:
        height = tones.from_brightness(part)
    progress.update(0.5)
    if options.invert:
        height = 1 - height
    height = tones.smoothed(height, options.smoothing * SMOOTH_SHARE * max(part.width, part.height))
    progress.update(1.0)
    return height


def _depth_values(path: str, whole: Picture) -> Field:
    """A depth map stretched over the whole picture, with all the bits that its file has."""
    shown = read_picture(path)  # says what is wrong with the file, if anything is
    data = np.frombuffer(Path(path).read_bytes(), np.uint8)
    deep = cv2.imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)
    values = tones.luma(shown) if deep is None or deep.dtype != np.uint16 else deep.astype(np.float32) / 65535
    if abs(values.shape[1] / values.shape[0] / (whole.width / whole.height) - 1) > SAME_SHAPE:
        raise InputProblem(
            f"The depth map is {values.shape[1]} x {values.shape[0]} pixels, another shape than the picture.",
            "Use a depth map of the same picture, not cropped.",
        )
    return np.asarray(cv2.resize(values, (whole.width, whole.height), interpolation=cv2.INTER_AREA), np.float32)


def _moved_field(values: Field, left: int, top: int, columns: int, rows: int) -> Field:
    """A part of a field, its edges repeated where it has none."""
    x = np.arange(left, left + columns).clip(0, values.shape[1] - 1)
    y = np.arange(top, top + rows).clip(0, values.shape[0] - 1)
    return np.ascontiguousarray(values[y[:, None], x[None, :]])


def _painted(ground: _Ground, slab: Slab, texture_px: int) -> tuple[NDArray[np.float32], Picture]:
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
