"""Pictures as textures: cropped to the subject, resized, and with the subject's colours bled under the background."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.picture import Picture, Pixels
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import Silhouette

Uv = NDArray[np.float32]
Points = NDArray[np.floating]

OPAQUE = 250  # alpha from here on: the colour is the subject's alone
DEEP = 1.5  # pixels inside the outline from where on a colour is trusted, where the subject is wide enough
BACK_SHRINK = 8  # the second picture's texels are so much larger
BORDER = 4  # texels of bled colour around the subject


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """A picture, or two, and how to find a place of the original in it.

    Args:
        pixels: `(h, w, 4) uint8`, opaque.
        left, top: picture coordinates of the texture's upper left corner, pixels.
        scale: texels for each picture pixel.
        tiles: how many equally large pictures of the same places lie one below the other.
        back: where the second picture is of another size: its upper left corner in the texture (column, row) and
            its texels for each picture pixel.
    """

    pixels: Pixels
    left: float
    top: float
    scale: float
    tiles: int = 1
    back: tuple[float, float, float] | None = None

    def uv_of(self, points: Points, tile: Points | NDArray[np.bool_] | int = 0) -> Uv:
        """Texture coordinates, origin lower left, of `(n, 2)` picture points.

        Args:
            points: `(n, 2)`.
            tile: `(n,)`, or one for all: which of the pictures, 0 being the uppermost.
        """
        height, width = self.pixels.shape[:2]
        x, y = points[:, 0] - self.left, points[:, 1] - self.top
        columns, rows = x * self.scale, y * self.scale
        if self.back is None:
            rows = rows + np.asarray(tile) * (height / self.tiles)
        else:
            first_column, first_row, scale = self.back
            second = np.asarray(tile) > 0
            columns = np.where(second, first_column + x * scale, columns)
            rows = np.where(second, first_row + y * scale, rows)
        return np.stack([columns / width, 1.0 - rows / height], axis=1).astype(np.float32)


def texture_of(picture: Picture, silhouette: Silhouette, longest_px: int, progress: Progress | None = None) -> Texture:
    """The subject as an opaque texture without a trace of its background.

    Args:
        picture: the cut-out picture.
        silhouette: of its alpha.
        longest_px: the texture's longest side at most; a smaller subject is not enlarged.
        progress: told how far the work is.
    """
    progress = progress or Progress()
    left, top, right, bottom = silhouette.box
    scale = min(1.0, (longest_px - 2 * BORDER) / max(right - left, bottom - top))
    border = int(np.ceil(BORDER / scale))
    x0, y0 = int(left) - border, int(top) - border
    x1, y1 = int(right) + border, int(bottom) + border
    inner = picture.pixels[max(y0, 0) : y1, max(x0, 0) : x1]
    frame = max(-y0, 0), max(y1 - picture.height, 0), max(-x0, 0), max(x1 - picture.width, 0)
    padded = cv2.copyMakeBorder(inner, *frame, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0)) if any(frame) else inner
    crop = np.asarray(padded, np.uint8)
    progress.update(0.1)
    if scale < 1.0:
        crop, scale = _reduced(crop, scale, progress.part(0.1, 0.6))
    progress.update(0.6)
    return Texture(bled(crop, progress.part(0.6, 1.0)), float(x0), float(y0), scale)


def with_plain_back(texture: Texture, silhouette: Silhouette) -> Texture:
    """The texture with a second picture below it: the subject's colours without its features, for an unseen side.

    Along the outline it has the colours of the first, so that no seam shows; further in they run into each other.
    It is small, because it has nothing fine in it.
    """
    height, width = texture.pixels.shape[:2]
    size = max(1, round(width / BACK_SHRINK)), max(1, round(height / BACK_SHRINK))
    small = np.asarray(cv2.resize(texture.pixels, size, interpolation=cv2.INTER_AREA), np.float32)
    scale = texture.scale * size[0] / width
    columns, rows = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    places = np.stack([columns.ravel() / scale + texture.left, rows.ravel() / scale + texture.top], axis=1)
    deep = silhouette.distance_at(places).reshape(size[1], size[0]).astype(np.float32) * np.float32(scale)
    longest = max(size)
    inside = np.clip(deep + 0.5, 0, 1)[..., None]
    weight = np.maximum(_blurred(inside, 0.07 * longest), 1e-4)
    plain = _blurred(small * inside, 0.07 * longest) / weight[..., None]
    share = np.clip(deep / (0.06 * longest), 0, 1)[..., None]
    mixed = small + (plain - small) * share * share * (3 - 2 * share)
    tile = np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)
    tile = np.asarray(cv2.copyMakeBorder(tile, BORDER, BORDER, BORDER, BORDER, cv2.BORDER_REPLICATE), np.uint8)
    room = max(width, tile.shape[1])
    pixels = np.full((height + tile.shape[0], room, 4), 255, np.uint8)
    pixels[:height, :width] = texture.pixels
    pixels[height:, : tile.shape[1]] = tile
    pixels[height:, tile.shape[1] :] = tile[:, -1:]
    return replace(texture, pixels=pixels, back=(float(BORDER), float(height + BORDER), scale))


def _blurred(field: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    blurred = cv2.GaussianBlur(field, (0, 0), max(sigma, 0.3), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def _reduced(crop: Pixels, scale: float, progress: Progress) -> tuple[Pixels, float]:
    """The crop made smaller, colours weighted by alpha so that a transparent pixel's colour counts for nothing."""
    height, width = crop.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    alpha = np.ascontiguousarray(crop[..., 3])
    opacity = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))
    small = np.zeros((size[1], size[0], 4), np.uint8)
    small[..., 3] = opacity
    for channel in range(3):
        progress.update(0.25 * channel + 0.25)
        weighted = cv2.multiply(np.ascontiguousarray(crop[..., channel]), alpha, scale=1 / 255)
        colour = cv2.resize(weighted, size, interpolation=cv2.INTER_AREA)
        small[..., channel] = cv2.divide(colour, opacity, scale=255)
    return small, size[0] / width


def bled(pixels: Pixels, progress: Progress | None = None) -> Pixels:
    """The picture, opaque, with each colour that the background may have tinged taken from the nearest sound one.

    Args:
        pixels: `(h, w, 4) uint8`, straight alpha.
        progress: told how far the work is.
    """
    progress = progress or Progress()
    alpha = np.ascontiguousarray(pixels[..., 3])
    solid = (alpha >= min(OPAQUE, int(alpha.max()))).astype(np.uint8)
    depth = cv2.distanceTransform(cv2.copyMakeBorder(solid, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0), cv2.DIST_L2, 3)
    depth = np.asarray(depth[1:-1, 1:-1], np.float32)
    # Where the subject is thinner than the trusted depth, its middle is the best there is.
    ridge = depth >= cv2.dilate(depth, np.ones((5, 5), np.uint8)) - 1e-3
    sound = (depth > DEEP) | ((solid > 0) & ridge)
    progress.update(0.3)
    _, labels = cv2.distanceTransformWithLabels(
        (~sound).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    progress.update(0.6)
    rows, columns = np.nonzero(sound)
    source = np.zeros(len(rows) + 1, np.int64)
    source[labels[rows, columns]] = rows * pixels.shape[1] + columns
    flat = np.ascontiguousarray(pixels[..., :3]).reshape(-1, 3)
    result = np.full(pixels.shape, 255, np.uint8)
    result[..., :3] = pixels[..., :3]
    missing = ~sound
    result[missing, :3] = flat[source[labels[missing]]]
    return result
