"""Which of the built-in sculptors suits a picture, and why.

Twin has seen the front and the back of many things, so it suits almost everything; the others are chosen only on
clear evidence:

- relief: the picture fills its frame, there is no outline to work with;
- extrude: flat areas of few colours, as in a logo, a sign or lettering;
- lathe: upright, mirror-symmetrical, in one piece at every height, and shaded like something round. The symmetry
  alone would not do: the front of a van is symmetrical too;
- inflate: there is little more to see than an outline, or Twin cannot be used.
"""

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np

from img2model_desktop.core.axis import Profile, profile_of
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.silhouette import Silhouette, silhouette_of
from img2model_desktop.errors import InputProblem

LOOK_PX = 384  # longest side of what is looked at
FULL_SHARE = 0.97  # of the frame that is covered by a picture without an outline of its own
PLAIN_RANGE = 24  # levels that a plain background differs by from its middle colour
PLAIN_SHARE = 0.85  # of the border that has it
FLAT_RANGE = 8  # levels that a flat area's neighbouring pixels differ by at most
FLAT_SHARE = 0.6  # of the subject's inner pixels that lie in flat areas
SAME_COLOUR = 1  # levels that a flat colour may stray by
SHADE = 4  # levels: what strays farther, up to this, is shading, even on something black
FEW_COLOURS = 8  # that cover `COVERED` of a logo
COVERED = 0.9
EVEN = 0.965  # least share of the area that is the same on both sides of the axis
UPRIGHT = 0.12  # radians: most tilt of the axis
SLENDER = 1.25  # least height over width
ONE_PIECE = 0.97  # least share of rows that the subject crosses in one run
ROUND_SHADE = 0.1  # least falling-off of log lightness towards both sides, that of a dull pillar being about 0.4
COLOUR_SPREAD = 24.0  # levels: most spread of hue within rows
ROWS, COLUMNS = 64, 32


@dataclass(frozen=True, slots=True)
class Choice:
    """A sculptor for a picture.

    Args:
        engine: its key in the catalogue.
        reason: one sentence for the user.
    """

    engine: str
    reason: str


USUAL = ("twin", "inflate", "extrude", "relief", "lathe")
"""What suits almost everything, and what then takes its place, in this order."""


def choose_sculptor(picture: Picture, but: Collection[str] = ()) -> Choice:
    """The sculptor that suits a picture, cut out or not.

    Args:
        picture: what is to be sculpted.
        but: keys of sculptors that cannot be used; the usual one, or the next that can, takes their place.

    Raises:
        InputProblem: there is nothing in the picture.
    """
    best = _best(picture)
    if best.engine not in but:
        return best
    instead = next((key for key in USUAL if key not in but), USUAL[0])
    return Choice(instead, f"{best.engine.capitalize()} would suit it best and cannot be used now.")


def _best(picture: Picture) -> Choice:
    picture.require_subject()
    small = _small(picture)
    if not picture.is_cut_out:
        if _has_plain_border(small):
            return Choice(
                "twin", "It stands before a plain background, so it is cut out, and Twin works out front and back."
            )
        return Choice("relief", "The picture fills its whole frame, so it is raised from a plate as a relief.")
    try:
        silhouette = silhouette_of(small.alpha)
    except InputProblem:  # nothing is more than half opaque: the sculptor will say so
        return Choice("inflate", "The subject is faint, so it is inflated.")
    if _is_full(silhouette) and not _is_flat(small):
        return Choice("relief", "The subject fills the whole frame, so it is raised from a plate as a relief.")
    if _is_flat(small):
        return Choice("extrude", "It has flat areas of few colours, like a logo, so it is extruded to an even depth.")
    if _is_turned(small, silhouette):
        return Choice(
            "lathe", "The outline is symmetrical about an upright axis and shaded round, so it is turned on the lathe."
        )
    return Choice("twin", "It has a shape of its own, so Twin works out its front and its back.")


def _small(picture: Picture) -> Picture:
    scale = LOOK_PX / max(picture.width, picture.height)
    if scale >= 1:
        return picture
    size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    return Picture.own(np.asarray(cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA), np.uint8))


def _has_plain_border(picture: Picture) -> bool:
    """Whether almost all of the outermost pixels have one colour."""
    rgb = picture.rgb.astype(np.int16)
    border = np.concatenate([rgb[0], rgb[-1], rgb[1:-1, 0], rgb[1:-1, -1]])
    off = np.abs(border - np.median(border, axis=0)).max(axis=1)
    return bool(np.mean(off <= PLAIN_RANGE) >= PLAIN_SHARE)


def _is_full(silhouette: Silhouette) -> bool:
    """Whether the subject is the whole rectangle of the picture."""
    return silhouette.area >= FULL_SHARE * silhouette.width * silhouette.height


def _is_flat(picture: Picture) -> bool:
    """Whether the subject has few colours in flat areas."""
    inner = cv2.erode((picture.alpha >= 250).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if np.count_nonzero(inner) < 64:
        return False
    square = np.ones((3, 3), np.uint8)
    colours = np.ascontiguousarray(picture.rgb)
    spread = cv2.subtract(cv2.dilate(colours, square), cv2.erode(colours, square)).max(axis=2)
    if np.mean(spread[inner] <= FLAT_RANGE) < FLAT_SHARE:
        return False
    flat = inner & (spread <= FLAT_RANGE)
    codes, counts = np.unique(colours[flat] @ np.array([1 << 16, 1 << 8, 1]), return_counts=True)
    every, rest = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1), counts.copy()
    covered = 0
    for _ in range(FEW_COLOURS):
        off = np.abs(every - every[np.argmax(rest)]).max(axis=1)
        covered += int(rest[off <= SAME_COLOUR].sum())
        rest[off <= SHADE] = 0  # counts for nothing, so that a gradient is not eaten up slice by slice
    return bool(covered >= COVERED * counts.sum())


def _is_turned(picture: Picture, silhouette: Silhouette) -> bool:
    """Whether the subject is a body of revolution about an upright axis."""
    left, top, right, bottom = silhouette.box
    if bottom - top < SLENDER * (right - left):
        return False
    runs = np.count_nonzero(np.diff(silhouette.inside.astype(np.int8), axis=1) > 0, axis=1)
    if np.mean(runs[runs > 0] == 1) < ONE_PIECE:
        return False
    try:
        profile = profile_of(silhouette)
    except InputProblem:
        return False
    if profile.evenness < EVEN or abs(profile.axis.angle) > UPRIGHT:
        return False
    shade, spread = _shading(picture, profile)
    return shade >= ROUND_SHADE and spread <= COLOUR_SPREAD


def _shading(picture: Picture, profile: Profile) -> tuple[float, float]:
    """How much the log lightness falls off to both sides, and how much hues differ within rows, levels.

    A dull round body lit from anywhere in front shows lightness a + b sqrt(1 - u^2) + c u at the share u of its
    half width (Lambert's law); b is what a flat front does not have.
    """
    along = np.linspace(profile.start, profile.end, ROWS + 2)[1:-1]
    radius = np.interp(along, profile.along, profile.radius)
    across = ((np.arange(COLUMNS) + 0.5) / (COLUMNS / 2) - 1) * 0.94
    at = profile.axis.place(np.repeat(along, COLUMNS), np.outer(radius, across).ravel()) - 0.5
    x, y = at.astype(np.float32).reshape(ROWS, COLUMNS, 2).transpose(2, 0, 1)
    soft = cv2.GaussianBlur(picture.pixels, (0, 0), 1.5)
    seen = np.asarray(cv2.remap(soft, np.ascontiguousarray(x), np.ascontiguousarray(y), cv2.INTER_LINEAR), np.float64)[
        ..., :3
    ]
    light = np.log(seen @ np.array([0.2126, 0.7152, 0.0722]) / 255 + 0.08)
    weight = radius / radius.sum()
    course = weight @ (light - light.mean(axis=1, keepdims=True))
    basis = np.stack([np.ones(COLUMNS), np.sqrt(1 - across**2), across], axis=1)
    fitted = np.linalg.lstsq(basis, course, rcond=None)[0]
    hue = seen - seen.mean(axis=2, keepdims=True)
    hue -= hue.mean(axis=1, keepdims=True)
    spread = float(np.sqrt(weight @ (hue**2).sum(axis=2).mean(axis=1)))
    return float(fitted[1]), spread
