"""How near each place of a picture is, without a unit: what a depth network says, made fit for surfaces."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import layers
from img2model_desktop.core.guided import refined
from img2model_desktop.core.picture import Picture

Field = NDArray[np.float32]
Points = NDArray[np.floating[Any]]

OUTER = 2.0  # percent of the nearest and of the farthest places that do not fix the range
SHOULDER = 0.06  # of the range: into so much beyond either end those places are pressed
LEAST_RANGE = 0.04  # of the range of the whole map: a subject flatter than that stays flat
GRAIN = 0.03  # of the range: so far the picture may correct the network
SURE = 4.0  # pixels inside the outline from where on a depth counts: networks draw a soft edge there
SEEN = 2.0  # pixels from the middle of a part to its outline, below which it is too thin for a network
FEW = 0.02  # of the subject: with less than that thick enough, thin parts have to count as well
BACKDROP = (0.93, 0.28)  # of white: what stands behind a cut-out subject, and behind one that is itself bright
BRIGHT = 0.78  # of white: mean lightness of a subject from which on the backdrop is the dark one
ROOM = 0.08  # of its longer side: left around a subject
WIDEST = 2.0, 3.0  # ratio of sides at most that a network is shown: of a cut-out, of a whole picture


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a picture that a network is shown, pixels; may reach beyond the picture where that is cut out."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of(cls, picture: Picture) -> "Window":
        """The subject with some room around it, or the whole picture where nothing is cut out."""
        if not picture.is_cut_out:
            return cls(0, 0, picture.width, picture.height)
        solid = picture.alpha >= min(128, int(picture.alpha.max()))
        rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
        left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
        longest = float(max(right - left, bottom - top))
        half = [max(side / 2 + ROOM * longest, longest / WIDEST[0] / 2) for side in (right - left, bottom - top)]
        x, y = (left + right) / 2, (top + bottom) / 2
        return cls(x - half[0], y - half[1], x + half[0], y + half[1])

    def size(self, shortest: int, step: int) -> tuple[int, int]:
        """Width and height in pixels that a network is shown it at: multiples of `step`, at least `shortest`."""
        width, height = self.right - self.left, self.bottom - self.top
        longest = min(max(width, height) / min(width, height), WIDEST[1]) * shortest
        near = round(longest / step) * step, -(-shortest // step) * step
        return near if width >= height else (near[1], near[0])

    def shown(self, picture: Picture, size: tuple[int, int]) -> Picture:
        """The part at another size, bicubic over each pixel's whole area as networks are trained; straight alpha."""
        from PIL import Image

        box = self.left, self.top, self.right, self.bottom
        x0, y0 = int(np.floor(box[0])), int(np.floor(box[1]))
        x1, y1 = int(np.ceil(box[2])), int(np.ceil(box[3]))
        crop = np.zeros((y1 - y0, x1 - x0, 4), np.uint8)
        inner = picture.pixels[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
        crop[max(-y0, 0) :, max(-x0, 0) :][: inner.shape[0], : inner.shape[1]] = inner
        part = Image.fromarray(crop, "RGBA").resize(
            size, Image.Resampling.BICUBIC, (box[0] - x0, box[1] - y0, box[2] - x0, box[3] - y0)
        )
        return Picture.own(np.array(part))


def before_backdrop(picture: Picture) -> Field:
    """`(h, w, 3) float32`, 0..1: the picture, in front of a plain backdrop where it is cut out."""
    colour = _unit(picture)
    if not picture.is_cut_out:
        return colour
    share = picture.alpha[..., None].astype(np.float32) / 255
    light = float((colour.mean(2, keepdims=True) * share).sum() / max(float(share.sum()), 1e-6))
    return np.asarray(colour * share + (BACKDROP[1] if light > BRIGHT else BACKDROP[0]) * (1 - share), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Nearness:
    """A map over a window of a picture.

    Args:
        near: `(h, w) float32`, 0..1, large being near; continued beyond the subject.
        window: that it covers.
    """

    near: Field
    window: Window

    def over(self, left: int, top: int, columns: int, rows: int) -> Field:
        """`(rows, columns) float32`: at the picture's pixels from `left`, `top` on."""
        x = self._entries(left + 0.5 + np.arange(columns), 0)
        y = self._entries(top + 0.5 + np.arange(rows), 1)
        grid = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
        kind = cv2.INTER_LINEAR
        return np.asarray(cv2.remap(self.near, *grid, kind, borderMode=cv2.BORDER_REPLICATE), np.float32)

    def at(self, points: Points, gap: float) -> NDArray[np.float64]:
        """`(k,)` at picture points `(k, 2)`; never a mean of two places whose nearness differs by more than `gap`."""
        entries = np.stack([self._entries(points[:, 0], 0), self._entries(points[:, 1], 1)], 1)
        return layers.read_between(np.stack([self.near, self.near], 2), entries, gap)[:, 0]

    def crisp(self, picture: Field, known: NDArray[np.bool_], gap: float) -> "Nearness":
        """With steps in place of the ramps that a network draws from one body to another behind it.

        Args:
            picture: `(h, w, 3) float32`, 0..1, on the map's pixels.
            known: `(h, w) bool`, the subject.
            gap: a ramp climbs by more than this.
        """
        both = layers.crisp(np.stack([self.near, self.near], 2), picture, known, gap)
        return Nearness(layers.continued(both[..., :1], known)[..., 0], self.window)

    def _entries(self, values: NDArray[np.floating[Any]], axis: int) -> NDArray[np.float64]:
        window = self.window
        low, high = ((window.left, window.right), (window.top, window.bottom))[axis]
        count = self.near.shape[1 - axis]
        return np.asarray((values - low) / (high - low) * count - 0.5, np.float64)


def _unit(picture: Picture) -> Field:
    """`(h, w, 3) float32`, 0..1: the colours."""
    return np.asarray(picture.rgb / np.float32(255), np.float32)


def nearness_of(raw: Field, shown: Picture, window: Window) -> Nearness:
    """A network's word on a window, refined by the picture, its range within the subject stretched to 0..1.

    Args:
        raw: `(h, w) float32`: relative inverse depth, large being near.
        shown: the picture on the same pixels.
        window: that both cover.
    """
    solid = shown.alpha >= min(128, int(shown.alpha.max()))
    near = _stretched(_without_rim(raw, solid) if shown.is_cut_out else raw, solid, raw)
    smooth = refined(near, _unit(shown), solid.astype(np.float32))
    near = near + np.clip(
        smooth - near, -GRAIN, GRAIN
    )  # grain goes; a jump is not smeared where colours do not tell it
    near = layers.continued(near[..., None], solid)[..., 0]
    return Nearness(_pressed(near), window)


def _without_rim(near: Field, solid: NDArray[np.bool_]) -> Field:
    """The map with what is close to the outline taken from further inside.

    A network draws a soft edge between a subject and what is behind it. Where a part is too thin to have an inside,
    the nearest of the pixels around is the least mistaken; what is thinner still, such as spokes, it does not see, and
    goes with the parts around.
    """
    framed = cv2.copyMakeBorder(solid.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    deep = np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, 5), np.float32)[1:-1, 1:-1]
    ridge = solid & (deep >= cv2.dilate(deep, np.ones((5, 5), np.uint8)) - 0.5)
    thin = np.asarray(cv2.dilate(near, np.ones((7, 7), np.uint8)), np.float32)
    inner = np.where(deep > SURE, near, thin)
    sound = (deep > SURE) | (ridge & (deep > SEEN))
    if sound.sum() < FEW * solid.sum():
        sound |= ridge
    whole = layers.continued(inner[..., None], sound)[..., 0]
    return np.asarray(cv2.medianBlur(np.ascontiguousarray(whole), 5), np.float32)  # lone pixels would become spikes


def _stretched(near: Field, counted: NDArray[np.bool_], raw: Field) -> Field:
    """The range of what is counted as 0..1, percentiles at the ends; `raw` is the whole map as it was."""
    low, high = np.percentile(near[counted], [OUTER, 100 - OUTER])
    bottom, top = np.percentile(raw[::4, ::4], [OUTER, 100 - OUTER])
    span = max(float(high - low), LEAST_RANGE * float(top - bottom), 1e-6 * max(abs(float(high)), 1e-6))
    return np.asarray((near - (low + high) / 2) / span + 0.5, np.float32)


def _pressed(near: Field) -> Field:
    """Within 0..1: linear, but what lies beyond the range's ends is pressed into a shoulder on either side."""
    beyond = near - near.clip(0, 1)
    bent = near.clip(0, 1) + SHOULDER * np.tanh(beyond / SHOULDER)
    return np.asarray((bent + SHOULDER) / (1 + 2 * SHOULDER), np.float32)
