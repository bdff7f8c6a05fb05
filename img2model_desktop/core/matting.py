"""From a rough outline to a soft one at full resolution, and to colours without background in them.

Along the outline a pixel's colour is a mixture `alpha * front + (1 - alpha) * back`. Front and back are estimated
from the pixels on either side, alpha is the projection of the pixel's colour onto the line between them. The
front's colour then follows by averaging under the found alpha and taking up what the mixture leaves unexplained
(Forte, "Approximate fast foreground colour estimation", ICIP 2021).

All of it is local, so it works on tiles along the outline: memory is bounded and the work can be stopped between two.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress

Rgb = NDArray[np.uint8]
Plane = NDArray[np.float32]

TILE_PX = 320  # side of the squares worked on one by one: a few hundredths of a second each
GRAIN = 6.0  # difference of front and back, levels, below which colour says little about alpha
LOW, HIGH = 0.06, 0.94  # alphas that grain cannot tell from 0 and 1


class Matte(NamedTuple):
    """What `refine` returns: `alpha (h, w) uint8` and `colours (h, w, 3) uint8`, straight."""

    alpha: NDArray[np.uint8]
    colours: Rgb


def refine(rgb: Rgb, rough: NDArray[np.bool_], softness: float, progress: Progress) -> Matte:
    """A soft outline and clean colours.

    Args:
        rgb: `(h, w, 3) uint8`.
        rough: `(h', w') bool`: the subject, at any smaller size.
        softness: width of the soft edge; 1 as the picture has it, 0 hard.
        progress: of this piece of work.
    """
    smooth = np.asarray(cv2.GaussianBlur(rough.astype(np.float32) * 255, (0, 0), 0.7), np.float32)
    outline = cv2.resize(smooth, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    return _refined(rgb, outline, np.zeros(outline.shape, bool), _reach(rgb, smooth), softness, progress)


def refine_soft(rgb: Rgb, rough: Plane, softness: float, progress: Progress) -> Matte:
    """The same from an outline that is soft already, such as of hair: what is half covered there stays so.

    Args:
        rgb: `(h, w, 3) uint8`.
        rough: `(h', w') float32`, 0..1: how much of each pixel is subject, at any smaller size.
        softness: see `refine`.
        progress: of this piece of work.
    """
    resized = cv2.resize(rough * 255, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)
    outline = np.rint(resized).astype(np.uint8)
    unsure = (outline > LOW * 255) & (outline < HIGH * 255)
    return _refined(rgb, outline, unsure, _reach(rgb, rough), softness, progress)


def _reach(rgb: Rgb, rough: Plane) -> int:
    """How far from the rough outline the true one may be, pixels of the picture."""
    scale: float = max(rgb.shape[0] / rough.shape[0], rgb.shape[1] / rough.shape[1])
    return max(2, math.ceil(1.25 * scale) + 1)


def _refined(
    rgb: Rgb, outline: NDArray[np.uint8], unsure: NDArray[np.bool_], radius: int, softness: float, progress: Progress
) -> Matte:
    """Works on tiles along the outline and where `unsure (h, w)` says that the outline's own softness counts."""
    height, width = outline.shape
    alpha = (outline >= 128).astype(np.uint8) * np.uint8(255)
    colours = rgb.copy()
    edges = cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) | unsure.astype(np.uint8)
    # What lies farther from the outline than the windows reach stays as it is.
    reach, halo = 2 * radius, 6 * radius
    side = max(TILE_PX, 5 * halo // 2)
    tiles = [(top, left) for top in range(0, height, side) for left in range(0, width, side)]
    for done, (top, left) in enumerate(tiles):
        progress.update(done / len(tiles))
        if not edges[_window(top, left, side, reach)].any():
            continue
        inner, wide = _window(top, left, side, 0), _window(top, left, side, halo)
        matte = _refine_tile(rgb[wide], outline[wide], unsure[wide], radius, softness)
        up, aside = top - wide[0].start, left - wide[1].start
        part = _window(up, aside, side, 0)
        alpha[inner], colours[inner] = matte.alpha[part], matte.colours[part]
    progress.update(1.0)
    return Matte(alpha, colours)


def _window(top: int, left: int, side: int, margin: int) -> tuple[slice, slice]:
    """Rows and columns of a square and a margin around it, from 0 on."""
    return (
        slice(max(0, top - margin), top + side + margin),
        slice(max(0, left - margin), left + side + margin),
    )


def _refine_tile(
    rgb: Rgb, outline: NDArray[np.uint8], unsure: NDArray[np.bool_], radius: int, softness: float
) -> Matte:
    inside = (outline >= 128).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    core, near = cv2.erode(inside, disc), cv2.dilate(inside, disc)
    band = core != near
    if not band.any() and not unsure.any():
        return Matte(inside * np.uint8(255), rgb)
    image = rgb.astype(np.float32)
    core, near = np.where(unsure, 0, core), np.where(unsure, 1, near)  # neither surely subject nor surely background
    back = _mean_of(image, (1 - near) + np.float32(1e-4) * (1 - inside), radius)
    unlike = _dot(image - back, image - back)
    # Thin parts have no core: there the pixels least like the background stand for the front.
    front = _mean_of(image, inside * (core + np.float32(0.05)) * (unlike + 1.0), radius)
    beyond = np.where(unsure, outline / np.float32(255), inside.astype(np.float32))
    # In the midst of a wide soft edge neither colour is near by.
    midst = cv2.blur(unsure.astype(np.float32), (2 * radius + 1, 2 * radius + 1))
    midst = np.clip(2 * midst - 1, 0, 1)
    mixture = (1 - midst) * _mixture(image, front, back, outline) + midst * beyond
    alpha = _as_soft(np.where(band, mixture, beyond), softness)
    colours = _clean(image, alpha, radius)
    wide = (unsure & ~band & (alpha < 1.0) | (midst > 0)) & front.any(axis=2)  # some front within reach
    colours[wide] = _unmixed(image[wide], alpha[wide], front[wide], back[wide])
    return Matte(np.rint(alpha * 255).astype(np.uint8), colours)


def _dot(first: Plane, second: Plane) -> Plane:
    """`(h, w)`: the pixels' scalar products."""
    return np.asarray(np.einsum("ijk,ijk->ij", first, second), np.float32)


def _mean_of(image: Plane, weight: NDArray[np.floating], radius: int) -> Plane:
    """Local mean under a weight; where there is none nearby, from farther away."""
    stacked = np.dstack([image * weight[..., None], weight]).astype(np.float32)
    near = cv2.blur(stacked, (4 * radius + 1, 4 * radius + 1))
    total = near + np.float32(1e-3) * cv2.blur(near, (8 * radius + 1, 8 * radius + 1))
    return np.asarray(total[..., :3] / np.maximum(total[..., 3:], 1e-9), np.float32)


def _mixture(image: Plane, front: Plane, back: Plane, outline: NDArray[np.uint8]) -> Plane:
    """Alpha of each pixel from its colour; where front and back hardly differ, from the outline."""
    line = front - back
    length = _dot(line, line)
    alpha = _dot(image - back, line) / np.maximum(length, 1e-6)
    alpha = np.clip((alpha - LOW) / (HIGH - LOW), 0, 1)
    trust = length / (length + GRAIN**2)
    return np.asarray(trust * alpha + (1 - trust) * (outline / np.float32(255)), np.float32)


def _as_soft(alpha: Plane, softness: float) -> Plane:
    """The edge made wider (softness above 1) or narrower (below 1)."""
    if softness > 1.0:
        return np.asarray(cv2.GaussianBlur(alpha, (0, 0), 0.8 * (softness - 1.0)), np.float32)
    if softness < 1.0:
        return np.asarray(np.clip((alpha - 0.5) / max(softness, 1e-3) + 0.5, 0, 1), np.float32)
    return alpha


def _clean(image: Plane, alpha: Plane, radius: int) -> Rgb:
    """The front's colours: as they are where it is opaque, estimated where the background shines through."""
    size = (4 * radius + 1, 4 * radius + 1)
    covered = cv2.blur(np.dstack([image * alpha[..., None], alpha]), size)
    bare = cv2.blur(np.dstack([image * (1 - alpha)[..., None], 1 - alpha]), size)
    mixed = (alpha < 1.0) & (covered[..., 3] > 1e-3)
    front = np.asarray(covered[mixed][:, :3] / covered[mixed][:, 3:], np.float32)
    back = np.asarray(bare[mixed][:, :3] / np.maximum(bare[mixed][:, 3:], 1e-4), np.float32)
    colours = image.astype(np.uint8)
    colours[mixed] = _unmixed(image[mixed], alpha[mixed], front, back)
    return colours


def _unmixed(image: Plane, alpha: Plane, front: Plane, back: Plane) -> Rgb:
    """`(n, 3) uint8`: the front's colours, from guesses at front and back and from what these leave unexplained."""
    share = alpha[:, None]
    unexplained = image - share * front - (1 - share) * back
    return np.asarray(np.rint(np.clip(front + share * unexplained, 0, 255)), np.uint8)
