"""Reads textures at uv coordinates: between texels, in linear light, without what lies between charts."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture, Pixels
from img2model_desktop.core.workshop.raster import spans_of, summed

Mask = NDArray[np.bool_]
ROW = 8192  # places looked up in one row: cv2.remap takes at most 32 767 in a row


def _to_linear() -> NDArray[np.uint16]:
    """sRGB level -> linear light, 16 bits (IEC 61966-2-1)."""
    level = np.arange(256) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.rint(linear * 65535), np.uint16)


def _to_srgb() -> NDArray[np.uint8]:
    """Linear light, 16 bits -> sRGB level."""
    linear = np.arange(65536) / 65535
    level = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(level * 255), np.uint8)


WITHIN = np.array(
    [[1, 1, 1], [8, 1, 1], [1, 8, 1], [1, 1, 8], [4, 4, 1], [1, 4, 4], [4, 1, 4]], dtype=np.float64
) / np.array([[3], [10], [10], [10], [9], [9], [9]])
"""Barycentric weights of places just inside a face."""

TO_LINEAR = _to_linear()
TO_SRGB = _to_srgb()


class Sampler:
    """A picture to be read at uv coordinates.

    Args:
        picture: the texture.
        is_colour: its red, green and blue are sRGB and are mixed as light; else they are numbers.
        ratio: texels of it for each texel that is read; more than 1 makes it smaller first.
        used: `(h, w) bool`, its texels that the layout uses; others take the nearest of them. None: the layout repeats
            the picture, and its opposite sides are neighbours.
    """

    def __init__(self, picture: Picture, is_colour: bool, ratio: float = 1.0, used: Mask | None = None) -> None:
        pixels = picture.pixels if used is None else spread(picture.pixels, used)
        self._is_colour = is_colour
        self._border = cv2.BORDER_WRAP if used is None else cv2.BORDER_REPLICATE
        self._has_alpha = is_colour and picture.is_cut_out
        plain = _numbers(pixels, is_colour)
        size = max(1, round(picture.width / ratio)), max(1, round(picture.height / ratio))
        self._plain = _smaller(plain, size)
        self._weighted = _smaller(_weighted(plain), size) if self._has_alpha else self._plain

    def read(self, uv: NDArray[np.floating[Any]]) -> Pixels:
        """`(k, 4) uint8` at `(k, 2)` uv, origin lower left; outside of the unit square the texture repeats.

        Colours are mixed by their alpha, so that a transparent neighbour's counts for nothing.
        """
        values = self._look_up(self._weighted, uv)
        if self._has_alpha:
            values = _unweighted(values, self._look_up(self._plain, uv))
        return _levels(values, self._is_colour)

    def _look_up(self, values: NDArray[np.uint16], uv: NDArray[np.floating[Any]]) -> NDArray[np.uint16]:
        height, width = values.shape[:2]
        count = len(uv)
        rows = max(1, -(-count // ROW))
        places = np.zeros((rows * ROW, 2), dtype=np.float32)
        wrapped = uv - np.floor(uv) * ((uv < 0) | (uv > 1))
        places[:count, 0] = wrapped[:, 0] * width - 0.5
        places[:count, 1] = (1 - wrapped[:, 1]) * height - 0.5
        grid = places.reshape(rows, ROW, 2)
        read = cv2.remap(values, grid, None, cv2.INTER_LINEAR, borderMode=self._border)  # type: ignore[call-overload]  # the stubs want a second map
        return np.asarray(read, np.uint16).reshape(-1, 4)[:count]


def reduced(picture: Picture, longest_px: int, is_colour: bool) -> Picture:
    """The picture at this length of its longer side, colours mixed as light and by their alpha; never larger."""
    scale = longest_px / max(picture.width, picture.height)
    if scale >= 1.0:
        return picture
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    plain = _numbers(picture.pixels, is_colour)
    small = _smaller(plain, size)
    if is_colour and picture.is_cut_out:
        small = _unweighted(_smaller(_weighted(plain), size), small)
    return Picture.own(_levels(small, is_colour))


def _numbers(pixels: Pixels, is_colour: bool) -> NDArray[np.uint16]:
    """16 bits for each channel, colours as linear light."""
    values = pixels.astype(np.uint16) * np.uint16(257)
    if is_colour:
        values[..., :3] = TO_LINEAR[pixels[..., :3]]
    return values


def _levels(values: NDArray[np.uint16], is_colour: bool) -> Pixels:
    """The inverse of `_numbers`."""
    levels = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if is_colour:
        levels[..., :3] = TO_SRGB[values[..., :3]]
    return levels


def _weighted(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Colours times alpha."""
    weighted = values.copy()
    weighted[..., :3] = values[..., :3].astype(np.uint32) * values[..., 3:] // 65535
    return weighted


def _unweighted(weighted: NDArray[np.uint16], plain: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Colours divided by alpha; where there is next to none, those of `plain`."""
    alpha = weighted[..., 3:].astype(np.float64)
    straight = np.clip(np.rint(weighted[..., :3] * (65535 / np.maximum(alpha, 1))), 0, 65535)
    values = weighted.copy()
    values[..., :3] = np.where(alpha < 257, plain[..., :3], straight)
    return values


def _smaller(values: NDArray[np.uint16], size: tuple[int, int]) -> NDArray[np.uint16]:
    if size == (values.shape[1], values.shape[0]):
        return values
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.uint16)


def used_texels(mesh: Mesh, width: int, height: int) -> Mask | None:
    """Which texels of a picture of this size the layout of a mesh covers; None where it repeats the picture.

    A face that covers the middle of no texel uses those that its corners, sides and middle lie in.
    """
    if mesh.uv is None or mesh.uv.min() < 0 or mesh.uv.max() > 1:
        return None
    corners = mesh.uv.astype(np.float64)[mesh.faces] * (width, -height) + (0, height)
    spans = spans_of(corners, width, height)
    used = summed(spans, np.ones(len(mesh.faces), dtype=np.int64), width, height) > 0
    seen = np.zeros(len(mesh.faces), dtype=bool)
    seen[spans.face] = True
    small = corners[~seen]
    if len(small):
        points = np.einsum("pc,kcd->kpd", WITHIN, small)
        column = np.clip(points[..., 0], 0, width - 1).astype(np.int64)
        row = np.clip(points[..., 1], 0, height - 1).astype(np.int64)
        used[row, column] = True
    return used


def spread(pixels: NDArray[Any], used: Mask) -> NDArray[Any]:
    """The picture with each unused texel replaced by the nearest used one; at least one is used."""
    if used.all():
        return pixels
    _, labels = cv2.distanceTransformWithLabels(
        (~used).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    source = np.zeros(int(labels.max()) + 1, dtype=np.int64)
    source[labels[used]] = np.nonzero(used.ravel())[0]
    flat = pixels.reshape(-1, pixels.shape[-1])
    filled = flat.copy()
    empty = ~used.ravel()
    filled[empty] = flat[source[labels.ravel()[empty]]]
    return filled.reshape(pixels.shape)
