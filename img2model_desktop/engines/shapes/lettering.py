"""Lettering: the picture maker that needs no weights. It draws the prompt's words in bundled fonts."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.shading import glossy
from img2model_desktop.core.wording import broken, words_to_letter
from img2model_desktop.engines.catalog import LetteringOptions
from img2model_desktop.errors import InputProblem, SetupProblem
from img2model_desktop.paths import resources_dir

Mask = NDArray[np.float32]
Cover = NDArray[np.uint8]

FINE = 3  # drawn so many times larger and averaged down
EM = 1000  # letter size that text is measured at
LINE_HEIGHT = 1.02  # from line to line, times the letter size
HIGHEST = 0.85  # of the picture's width that a block of lines is high at most
GAP = 0.16  # least space between the ink of two lines, times the letter size
LARGEST_LETTER = 0.8  # of the longest side
LEAST_LETTER = 0.035  # of the longest side; smaller letters are lost in a mesh
FONTS = ("sign", "round", "balloon")


@dataclass(frozen=True, slots=True)
class _Look:
    """What a style asks of the layout: its font, the space added between letters and that left around the words."""

    font: str
    spacing: float
    room: float


CLOSINGS = (0.12, 0.25, 0.5)  # of the letter size: half of the gaps that a ground closes; the first that joins all

LOOKS = {
    "plain": _Look("sign", 0.012, 0.06),
    "rounded": _Look("round", 0.04, 0.26),
    "badge": _Look("sign", 0.03, 0.55),
    "balloon": _Look("balloon", -0.01, 0.12),
}


@dataclass(frozen=True, slots=True)
class _Palette:
    """Colours that go together, `#rrggbb`: the letters, the ground under them, and the light on it."""

    main: str
    deep: str
    pale: str


PALETTES = {
    "coral": _Palette("#f2545b", "#7a1f3d", "#ffe3d3"),
    "amber": _Palette("#ffab1a", "#8a3b12", "#fff2cf"),
    "leaf": _Palette("#35a86b", "#124a3a", "#e6f7df"),
    "sea": _Palette("#1f86d8", "#0c2f5f", "#dff1ff"),
    "violet": _Palette("#8557e0", "#371a73", "#efe6ff"),
    "rose": _Palette("#f0609e", "#7d1b55", "#ffe4f0"),
    "ink": _Palette("#34495f", "#15202b", "#f3ead8"),
}


@dataclass(frozen=True, slots=True)
class _Letter:
    """One letter and where its pen stands, in units of the letter size."""

    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """A letter's coverage, 0..255, and where its upper left corner is on the sheet, fine pixels."""

    cover: Cover
    left: int
    top: int


class Lettering:
    """Draws words. The letters of a style's font are used; where it lacks some, a font that has them all."""

    def make(self, prompt: str, style: str, options: LetteringOptions, seed: int, progress: Progress) -> Picture:
        """See `engines.base.PictureMaker`. Styles: plain, rounded, badge, balloon; "" is plain."""
        progress.update(0.0)
        text = words_to_letter(prompt)
        style = style or "plain"
        if style not in LOOKS:
            raise InputProblem(f"Lettering has no style “{style}”.", f"Use one of: {', '.join(LOOKS)}.")
        look = LOOKS[style]
        look = replace(look, spacing=look.spacing + options.spacing)
        path = _font_for(text, look.font)
        names = list(PALETTES)
        first = seed % len(names) if options.colour == "by seed" else names.index(options.colour)
        colours = [PALETTES[name] for name in names[first:] + names[:first]]
        if options.colour != "by seed":
            colours = colours[:1]
        sheet = _Sheet(text, path, look, options.size_px, progress.part(0.05, 0.4))
        drawing = {"plain": _plain, "rounded": _rounded, "badge": _badge, "balloon": _balloon}[style]
        pixels = drawing(sheet, colours, progress.part(0.4, 1.0))
        progress.update(1.0)
        return Picture.own(pixels)

    def close(self) -> None:
        """Nothing to free."""


def load() -> Lettering:
    """The engine."""
    return Lettering()


def _font_for(text: str, preferred: str) -> str:
    """The path of the first font that has all letters. Raises InputProblem, which names those that none has."""
    wanted = {c for c in text if not c.isspace()}
    missing: list[str] = []
    for name in (preferred, *FONTS):
        path = resources_dir() / "fonts" / f"{name}.ttf"
        if not path.is_file():
            raise SetupProblem(f"The font “{path.name}” is missing.", "Install the program again.", str(path))
        lacking = sorted(wanted - _letters_of(str(path)))
        if not lacking:
            return str(path)
        missing = lacking if not missing or len(lacking) < len(missing) else missing
    shown = " ".join(missing[:12]) + (" …" if len(missing) > 12 else "")
    raise InputProblem(
        f"The bundled fonts have no letter for: {shown}",
        "Leave it out. There are Latin, Greek, Cyrillic and Japanese syllable letters, digits and signs.",
    )


def _letters_of(path: str) -> set[str]:
    """The characters that a font file has."""
    from fontTools.ttLib import TTFont

    with TTFont(path, lazy=True) as font:
        return {chr(code) for code in font.getBestCmap()}


class _Sheet:
    """Laid-out letters, drawn one by one.

    Attributes:
        width, height: of the picture, pixels.
        em: letter size, pixels.
        letters: drawn at `FINE` times the picture's size, in reading order.
    """

    def __init__(self, text: str, path: str, look: _Look, size_px: int, progress: Progress) -> None:
        measure = _font(path, EM)
        lines = broken(text, lambda line: _width(measure, line, look.spacing), LINE_HEIGHT, (1.0, HIGHEST))
        placed, box = _placed(measure, lines, look.spacing)
        left, top, right, bottom = box
        wide, high = right - left + 2 * look.room, bottom - top + 2 * look.room
        self.em = min(size_px / max(wide, high), LARGEST_LETTER * size_px)
        if self.em < LEAST_LETTER * size_px:
            raise InputProblem("So many words become too small to sculpt.", "Use fewer words, or several pictures.")
        self.width, self.height = max(round(wide * self.em), 1), max(round(high * self.em), 1)
        fine = _font(path, self.em * FINE)
        self.letters: list[_Drawn] = []
        for number, letter in enumerate(placed):
            progress.update(number / len(placed))
            x = (letter.x - left + look.room) * self.em * FINE
            y = (letter.y - top + look.room) * self.em * FINE
            self.letters.append(_drawn(fine, letter.text, x, y))

    def cover(self) -> Cover:
        """All letters together, `(FINE * height, FINE * width) uint8`."""
        sheet = np.zeros((self.height * FINE, self.width * FINE), np.uint8)
        for letter in self.letters:
            _stamp(sheet, letter)
        return sheet

    def reduced(self, fine: Cover) -> Mask:
        """`(height, width) float32`, 0..1, of a cover at the fine size."""
        small = cv2.resize(fine, (self.width, self.height), interpolation=cv2.INTER_AREA)
        return np.asarray(np.asarray(small, np.float32) / np.float32(255), np.float32)


def _font(path: str, size: float) -> ImageFont.FreeTypeFont:
    # The basic layout is the same on every machine; the other one depends on a library that may be missing.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _steps(font: ImageFont.FreeTypeFont, line: str, spacing: float) -> list[float]:
    """How far the pen moves after each letter, in units of the letter size; kerned."""
    steps = []
    for here, following in zip(line, line[1:] + " ", strict=True):
        kerned = font.getlength(here + following) - font.getlength(following) if following != " " else None
        steps.append((font.getlength(here) if kerned is None else kerned) / font.size + spacing)
    return steps


def _width(font: ImageFont.FreeTypeFont, line: str, spacing: float) -> float:
    return sum(_steps(font, line, spacing)) - spacing


def _placed(
    font: ImageFont.FreeTypeFont, lines: list[str], spacing: float
) -> tuple[list[_Letter], tuple[float, float, float, float]]:
    """Letters of centred lines, and the box (left, top, right, bottom) of their ink, in units of the letter size."""
    inks = [np.array(font.getbbox(line, anchor="ls")) / font.size for line in lines]
    pitch = max(
        [GAP + max(below[1] * -1, 0.5) + max(above[3], 0.0) for above, below in pairwise(inks)],
        default=1.0,
    )
    letters: list[_Letter] = []
    for row, line in enumerate(lines):
        steps = _steps(font, line, spacing)
        x = -(sum(steps) - spacing) / 2
        for text, step in zip(line, steps, strict=True):
            if not text.isspace():
                letters.append(_Letter(text, x, row * pitch))
            x += step
    boxes = np.array([font.getbbox(letter.text, anchor="ls") for letter in letters]) / font.size
    pens = np.array([[letter.x, letter.y] for letter in letters])
    low, high = (boxes[:, :2] + pens).min(axis=0), (boxes[:, 2:] + pens).max(axis=0)
    return letters, (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _drawn(font: ImageFont.FreeTypeFont, text: str, x: float, y: float) -> _Drawn:
    """One letter with its pen at a place."""
    left, top, right, bottom = font.getbbox(text, anchor="ls")
    x0, y0 = math.floor(x + left) - 1, math.floor(y + top) - 1
    size = math.ceil(x + right) + 1 - x0, math.ceil(y + bottom) + 1 - y0
    image = Image.new("L", size, 0)
    ImageDraw.Draw(image).text((x - x0, y - y0), text, fill=255, font=font, anchor="ls")
    return _Drawn(np.asarray(image), x0, y0)


def _stamp(sheet: Cover, letter: _Drawn) -> None:
    """Adds a letter to a sheet, in place; what lies outside is left out."""
    rows, columns = letter.cover.shape
    y0, x0 = max(letter.top, 0), max(letter.left, 0)
    y1, x1 = min(letter.top + rows, sheet.shape[0]), min(letter.left + columns, sheet.shape[1])
    part = letter.cover[y0 - letter.top : y1 - letter.top, x0 - letter.left : x1 - letter.left]
    np.maximum(sheet[y0:y1, x0:x1], part, out=sheet[y0:y1, x0:x1])


def _rgb(code: str) -> Mask:
    """`(3,) float32`, 0..255, of `#rrggbb`."""
    return np.array([int(code[k : k + 2], 16) for k in (1, 3, 5)], np.float32)


def _painted(layers: list[tuple[Mask, str]]) -> Cover:
    """`(h, w, 4) uint8`: flat colours laid over each other, each with its coverage 0..1."""
    alpha = np.zeros(layers[0][0].shape, np.float32)
    colour = np.zeros((*alpha.shape, 3), np.float32)
    for cover, code in layers:
        colour += cover[..., None] * (_rgb(code) - colour)
        alpha = np.maximum(alpha, cover)
    # Where nothing covers fully the colour has been mixed with black: take that out again.
    seen = np.maximum(alpha, 1 / 255)[..., None]
    first = _rgb(layers[0][1])
    colour = np.where(seen < 1, np.where(seen > 0.02, np.minimum(colour / seen, 255), first), colour)
    return _pixels(colour, alpha)


def _pixels(colour: Mask, alpha: Mask) -> Cover:
    made = np.concatenate([colour, alpha[..., None] * 255], axis=2)
    return np.asarray(np.clip(np.rint(made), 0, 255), np.uint8)


def _plain(sheet: _Sheet, colours: list[_Palette], progress: Progress) -> Cover:
    """Flat letters."""
    progress.update(0.5)
    return _painted([(sheet.reduced(sheet.cover()), colours[0].main)])


def _rounded(sheet: _Sheet, colours: list[_Palette], progress: Progress) -> Cover:
    """Letters on a ground that follows their outline and joins them to one piece."""
    letters = sheet.cover()
    progress.update(0.2)
    for closing in CLOSINGS:
        ground = _grown(letters, 0.135 * sheet.em * FINE, closing * sheet.em * FINE)
        progress.update(0.3 + closing)
        if cv2.connectedComponents(ground)[0] == 2:
            break
    return _painted([(sheet.reduced(ground), colours[0].main), (sheet.reduced(letters), colours[0].pale)])


def _grown(cover: Cover, by: float, closing: float) -> Cover:
    """A cover grown by so many pixels, gaps narrower than twice `closing` and all holes filled; 0 or 255."""
    away = cv2.distanceTransform((cover < 128).astype(np.uint8), cv2.DIST_L2, 5)
    wide = (away <= by + closing).astype(np.uint8)
    if closing > 0:
        framed = cv2.copyMakeBorder(wide, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        wide = (cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1] > closing).astype(np.uint8)
    outlines, _ = cv2.findContours(wide, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(wide)
    cv2.drawContours(filled, outlines, -1, 255, cv2.FILLED)
    return np.asarray(filled, np.uint8)


def _badge(sheet: _Sheet, colours: list[_Palette], progress: Progress) -> Cover:
    """Letters on a plate with a rim and a fine line inside it."""
    letters = sheet.reduced(sheet.cover())
    progress.update(0.4)
    em = min(sheet.em, 0.5 * min(sheet.width, sheet.height))
    depth = _plate_depth(sheet.width, sheet.height, 0.5 * em)
    layers = [(_inside(depth, 1.0), colours[0].deep), (_inside(depth, 0.09 * em), colours[0].main)]
    layers += [(_inside(depth, 0.17 * em), colours[0].pale), (_inside(depth, 0.21 * em), colours[0].main)]
    progress.update(0.7)
    return _painted([*layers, (letters, colours[0].pale)])


def _plate_depth(width: int, height: int, radius: float) -> Mask:
    """`(h, w) float32`: distance, pixels, to the edge of a rectangle with round corners that fills the picture."""
    x = np.abs(np.arange(width) + 0.5 - width / 2)[None, :] - (width / 2 - radius)
    y = np.abs(np.arange(height) + 0.5 - height / 2)[:, None] - (height / 2 - radius)
    outside = np.hypot(np.maximum(x, 0), np.maximum(y, 0)) + np.minimum(np.maximum(x, y), 0)
    return np.asarray(radius - outside, np.float32)


def _inside(depth: Mask, from_depth: float) -> Mask:
    """Coverage, 0..1, of what is deeper than so many pixels."""
    return np.asarray((depth - np.float32(from_depth) + 0.5).clip(0, 1), np.float32)


def _balloon(sheet: _Sheet, colours: list[_Palette], progress: Progress) -> Cover:
    """Puffed, glossy letters, each over the one before it."""
    alpha = np.zeros((sheet.height, sheet.width), np.float32)
    colour = np.zeros((sheet.height, sheet.width, 3), np.float32)
    swell = 0.035 * sheet.em * FINE
    if len(colours) > 1:
        colours = [palette for palette in colours if palette is not PALETTES["ink"]]  # too sad among the others
    for number, letter in enumerate(sheet.letters):
        progress.update(number / len(sheet.letters))
        left, top, w, h = _around(sheet, letter, swell)
        part = np.zeros((h * FINE, w * FINE), np.uint8)
        _stamp(part, replace(letter, left=letter.left - left * FINE, top=letter.top - top * FINE))
        away = cv2.distanceTransform((part < 128).astype(np.uint8), cv2.DIST_L2, 5)
        swollen = (away <= swell).astype(np.uint8) * np.uint8(255)
        cover = np.asarray(cv2.resize(swollen, (w, h), interpolation=cv2.INTER_AREA) / np.float32(255), np.float32)
        shade = glossy(cover, _rgb(colours[number % len(colours)].main))
        here = np.s_[top : top + h, left : left + w]
        shadow = cv2.GaussianBlur(cover, (0, 0), 0.05 * sheet.em)
        colour[here] *= (1 - 0.45 * shadow * (1 - cover))[..., None]
        old, new = alpha[here], cover[..., None]
        mixed = colour[here] * old[..., None] * (1 - new) + shade * new
        alpha[here] = old + cover - old * cover
        colour[here] = mixed / np.maximum(alpha[here], 1e-6)[..., None]
    return _pixels(colour, alpha)


def _around(sheet: _Sheet, letter: _Drawn, swell: float) -> tuple[int, int, int, int]:
    """Box (left, top, width, height), picture pixels, of a letter and its shadow, within the sheet."""
    room = math.ceil(swell / FINE + 0.12 * sheet.em) + 2
    rows, columns = letter.cover.shape
    left, top = max(letter.left // FINE - room, 0), max(letter.top // FINE - room, 0)
    right = min((letter.left + columns) // FINE + room, sheet.width)
    bottom = min((letter.top + rows) // FINE + room, sheet.height)
    return left, top, right - left, bottom - top
