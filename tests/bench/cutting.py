"""How well the cutter finds a subject: known masks over plain, gradient and busy backgrounds, and real photos.

`view.png` of each evaluation object carries its exact mask; put over a background and given to the cutter
without alpha, the cut-out can be compared with the truth. The backgrounds are drawn here with fixed seeds.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import read_picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.catalog import CutoutOptions
from img2model_desktop.engines.shapes import cutout
from img2model_desktop.errors import InputProblem
from tests.bench.table import Table

NAME = "cutting"

Rgb = NDArray[np.float32]
Backdrop = Callable[[int, np.random.Generator], Rgb]


def eval_folder() -> Path:
    """Where the evaluation data lies; it is not part of the repository."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "eval"
    return Path(os.environ.get("IMG2MODEL_EVAL", beside))


def tables() -> list[Table]:
    """The two tables; empty when the evaluation data is not there."""
    folder = eval_folder()
    return [over_backgrounds(folder), photos(folder)] if folder.is_dir() else []


# -- known masks over drawn backgrounds ---------------------------------------------------------------------


def over_backgrounds(folder: Path) -> Table:
    """Each object over one background of each kind, chosen in turn."""
    rows = []
    subjects = [read_picture(path) for path in sorted((folder / "objects").glob("*/view.png"))]
    for kind, backdrops in BACKDROPS.items():
        scores = np.array([_score(subject, backdrops[i % len(backdrops)], i) for i, subject in enumerate(subjects)])
        iou, alpha, colour, seconds = scores.T
        rows.append(
            [
                kind,
                f"{iou.mean():.3f}",
                f"{np.median(iou):.3f}",
                f"{iou.min():.3f}",
                f"{(iou > 0.9).mean():.0%}",
                f"{np.median(alpha):.3f}",
                f"{np.nanmedian(colour):.1f}",
                f"{seconds.mean():.2f}",
            ]
        )
    columns = ["background", "IoU mean", "median", "worst", "over 0.9", "edge alpha error", "edge colour error", "s"]
    return Table(f"Cut out: {len(subjects)} objects with known masks, 768 px", columns, rows)


def composite(subject: Picture, backdrop: Backdrop, seed: int) -> Picture:
    """The subject over a background, opaque, with the grain of a camera (1.5 levels)."""
    random = np.random.default_rng(seed)
    back = backdrop(subject.height, random)
    alpha = subject.alpha[..., None] / np.float32(255)
    mixed = subject.rgb * alpha + back * (1 - alpha) + random.normal(0, 1.5, back.shape)
    opaque = np.full((*mixed.shape[:2], 1), 255, np.uint8)
    return Picture(np.dstack([np.clip(np.rint(mixed), 0, 255).astype(np.uint8), opaque]))


def _score(subject: Picture, backdrop: Backdrop, seed: int) -> tuple[float, float, float, float]:
    """IoU; mean alpha error (0..1) in a 7 px band at the true outline; colour error there, levels; seconds."""
    picture = composite(subject, backdrop, seed)
    start = time.perf_counter()
    try:
        cut = cutout.load().cut(picture, (), CutoutOptions(), Progress())
    except InputProblem:
        return 0.0, 1.0, float("nan"), time.perf_counter() - start
    seconds = time.perf_counter() - start
    truth, got = subject.alpha >= 128, cut.alpha >= 128
    iou = (truth & got).sum() / (truth | got).sum()
    band = cv2.morphologyEx(truth.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((7, 7), np.uint8)) > 0
    alpha = np.abs(cut.alpha[band] - subject.alpha[band].astype(np.float32)).mean() / 255
    mixed = (subject.alpha > 25) & (subject.alpha < 230) & (cut.alpha > 25)
    error = np.abs(cut.rgb[mixed] - subject.rgb[mixed].astype(np.float32)).mean() if mixed.any() else float("nan")
    return float(iou), float(alpha), float(error), seconds


# -- photos -------------------------------------------------------------------------------------------------


def photos(folder: Path) -> Table:
    """Published example pictures without alpha; where another project publishes a cut-out, how far ours agrees."""
    rows = []
    for entry in json.loads((folder / "images" / "manifest.json").read_text())["files"]:
        if entry["alpha"] == "cut-out":
            continue
        picture = read_picture(folder / "images" / entry["file"])
        start = time.perf_counter()
        try:
            cut = cutout.load().cut(picture, (), CutoutOptions(), Progress())
            share = f"{(cut.alpha >= 128).mean():.0%}"
        except InputProblem as problem:
            rows.append([entry["file"], problem.message, "", f"{time.perf_counter() - start:.2f}"])
            continue
        seconds = time.perf_counter() - start
        agrees = _agreement(cut, folder / "images" / entry["peer_cutout"]) if entry["peer_cutout"] else ""
        rows.append([entry["file"], share, agrees, f"{seconds:.2f}"])
    return Table("Cut out: published example pictures", ["picture", "kept", "IoU with a peer's cut-out", "s"], rows)


def _agreement(cut: Picture, path: Path) -> str:
    peer = read_picture(path)
    theirs = cv2.resize(peer.alpha, (cut.width, cut.height), interpolation=cv2.INTER_AREA) >= 128
    ours = cut.alpha >= 128
    return f"{(ours & theirs).sum() / (ours | theirs).sum():.3f}"


# -- backgrounds --------------------------------------------------------------------------------------------


def plain(*colour: int) -> Backdrop:
    """One colour all over."""
    return lambda size, random: np.full((size, size, 3), colour, np.float32)


def sweep(size: int, random: np.random.Generator) -> Rgb:
    """Two colours with a soft change from top to bottom, tilted a little."""
    y, x = _grid(size)
    first, second = random.uniform(60, 240, (2, 3))
    return _mix(first, second, np.clip(y + random.uniform(-0.2, 0.2) * x, 0, 1))


def vignette(size: int, random: np.random.Generator) -> Rgb:
    """A light that falls off from the middle."""
    y, x = _grid(size)
    colour = random.uniform(140, 250, 3)
    return _mix(colour, colour * 0.45, np.clip(np.hypot(x - 0.5, y - 0.45) * 1.3, 0, 1))


def floor_and_wall(size: int, random: np.random.Generator) -> Rgb:
    """A wall and a floor of different colours with a soft edge between, each with its own fall-off."""
    y, x = _grid(size)
    wall, floor = random.uniform(120, 235, (2, 3))
    horizon = random.uniform(0.6, 0.8)
    step = 1 / (1 + np.exp(-(y - horizon) * 60))
    return np.asarray(_mix(wall, floor, step) * (1.05 - 0.2 * np.abs(x - 0.4))[..., None], np.float32)


def planks(size: int, random: np.random.Generator) -> Rgb:
    """Wooden boards with grain and dark joints."""
    _, x = _grid(size)
    board = np.floor(x * 7)
    tone = random.uniform(0.75, 1.1, 8)[np.clip(board, 0, 7).astype(int)]
    grain = cloud(size, random, 5, stretch=9.0)
    joint = np.abs(x * 7 - board - 0.5) > 0.48
    return np.asarray(
        np.array([170, 125, 80], np.float32) * (tone * (0.8 + 0.4 * grain) * np.where(joint, 0.5, 1.0))[..., None],
        np.float32,
    )


def foliage(size: int, random: np.random.Generator) -> Rgb:
    """Leaves out of focus: greens and browns in patches of all sizes."""
    light, hue = cloud(size, random, 6), cloud(size, random, 4)
    green, brown = np.array([80, 140, 60], np.float32), np.array([150, 130, 80], np.float32)
    return _mix(green, brown, np.clip(hue * 2 - 0.5, 0, 1)) * (0.5 + 0.9 * light)[..., None]


def bokeh(size: int, random: np.random.Generator) -> Rgb:
    """Blurred lights of many colours before a dark room."""
    image = np.full((size, size, 3), (60, 50, 70), np.float32)
    for _ in range(60):
        centre = random.integers(0, size, 2)
        disc = np.zeros((size, size), np.float32)
        cv2.circle(disc, (int(centre[0]), int(centre[1])), int(random.uniform(0.02, 0.08) * size), 1.0, -1, cv2.LINE_AA)
        disc = 0.55 * cv2.GaussianBlur(disc, (0, 0), 3)
        image = image * (1 - disc[..., None]) + random.uniform(60, 255, 3).astype(np.float32) * disc[..., None]
    return np.asarray(image, np.float32)


def street(size: int, random: np.random.Generator) -> Rgb:
    """Houses with windows above a rough road, out of focus."""
    image = np.full((size, size, 3), (190, 205, 220), np.float32)
    left = 0
    while left < size:
        width = int(random.uniform(0.1, 0.25) * size)
        top = int(random.uniform(0.05, 0.4) * size)
        image[top:, left : left + width] = random.uniform(90, 200, 3)
        for row in range(top + 20, int(0.7 * size), 60):
            for column in range(left + 15, left + width - 30, 50):
                image[row : row + 30, column : column + 22] *= 0.5
        left += width
    road = int(0.75 * size)
    image[road:] = 110 + 50 * cloud(size, random, 6)[road:, :, None]
    return np.asarray(cv2.GaussianBlur(image, (0, 0), size / 128), np.float32)


def cloud(size: int, random: np.random.Generator, octaves: int, stretch: float = 1.0) -> Rgb:
    """`(size, size) float32` in 0..1: noise of all sizes, `stretch` times longer downwards."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        cells = 3 * 2**octave
        knots = random.uniform(0, 1, (max(2, round(cells / stretch)), cells)).astype(np.float32)
        wave = np.asarray(cv2.resize(knots, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)
        total += wave / np.float32(1.7**octave)
    return np.asarray((total - total.min()) / (total.max() - total.min()), np.float32)


def _grid(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.mgrid[:size, :size] / size
    return y, x


def _mix(first: NDArray[np.floating], second: NDArray[np.floating], share: NDArray[np.floating]) -> Rgb:
    return np.asarray(first * (1 - share[..., None]) + second * share[..., None], np.float32)


BACKDROPS: dict[str, tuple[Backdrop, ...]] = {
    "plain": (plain(255, 255, 255), plain(128, 128, 128), plain(70, 110, 170)),
    "gradient": (sweep, vignette, floor_and_wall),
    "rough": (planks, foliage),
    "busy": (bokeh, street),
}
