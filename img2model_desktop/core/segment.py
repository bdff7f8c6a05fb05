"""Finds the subject of a picture without alpha: what the border's colours do not reach.

The background grows inwards from the border over every pixel that continues the colours next to it, so that a
gradient, a vignette, a horizon or a soft shadow counts as background as far as it changes slowly. Where that
leaves one clear shape, it is the subject. Where it does not (a busy background), its result seeds a graph cut
with colour mixtures (GrabCut: Rother, Kolmogorov and Blake, SIGGRAPH 2004).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.progress import Progress

Rgb = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Lab = NDArray[np.float32]

RING_SHARE = 0.018  # width of the border that counts as background, of the longer side
REACH_PX = 5  # how far the background's colours are carried on in one step
GROWTH_STEPS = 90
FINEST = 1.6  # least tolerance of the growth, in units of Lab: below it, 8-bit steps and JPEG blocks count as edges
COARSEST = 6.0  # largest tolerance, for a rough background
GRAIN_TIMES = 4.0  # tolerance in standard deviations of the picture's grain
HUE_WEIGHT = 1.3  # of a and b against lightness: shadows change lightness most
SIMILAR = 10.0  # distance in Lab within which two border pixels show the same thing
CUT_PX = 256  # longer side for the graph cut
CUT_ROUNDS = 6
OPENING_OFFSET = 0.85  # mean distance from the background in an opening, in tolerances; by chance it would be 1.1
FRINGE_PX = 7  # how far from the outline spoilt background may stay
FRINGE_TIMES = 4.0  # its distance from the background, in tolerances
FRINGE_SHARE = 0.3  # of the subject's colour in it
PEN_SPREAD = 6.0  # in Lab: a drawn line varies less than a lit thing
EDGE_TIMES = 3.0  # contrast around an opening, in tolerances
LIKELY_SHARE = 0.3  # of the greatest score
CHANCE_SHARE = 0.03  # the same after a graph cut
SPECK_SHARE = 0.004  # of the subject's area; smaller parts are dirt


def split(rgb: Rgb, known: NDArray[np.int8], sensitivity: float, progress: Progress) -> Mask:
    """Which pixels belong to the subject.

    Args:
        rgb: `(h, w, 3) uint8`, at working size (a few hundred pixels).
        known: `(h, w) int8`: 1 surely subject, -1 surely background, 0 to be found.
        sensitivity: above 1 keeps more of what looks like the background, below 1 less.
        progress: of this piece of work.

    Returns:
        `(h, w) bool`; all False when nothing stands out.
    """
    lab = _lab(rgb)
    ring = _ring(lab.shape[:2])
    seeds = _shared_by_sides(lab, ring) & (known <= 0)
    tolerance = min(max(FINEST, GRAIN_TIMES * _grain(lab, ring)), COARSEST) / sensitivity
    back = _grow(lab, seeds, known, tolerance, progress.part(0.0, 0.4))
    inside = ~back
    if _is_clear(inside & (known == 0), ring):
        openings = _openings(lab, back, inside, tolerance)
        if not _is_drawing(lab, inside, openings):
            inside &= ~openings
        inside &= ~_fringe(lab, inside, tolerance)
    else:
        inside = _graph_cut(rgb, inside, seeds | (known < 0), known, progress.part(0.4, 1.0))
        # Colours alone decided there: what is small is chance, on both sides.
        inside = ~_without_specks(~_without_specks(inside, CHANCE_SHARE), CHANCE_SHARE * inside.mean())
    progress.update(1.0)
    return _without_specks((_without_threads(inside, ring) | (known > 0)) & (known >= 0))


def _lab(rgb: Rgb) -> Lab:
    """CIELAB, with a and b stretched by `HUE_WEIGHT`."""
    lab: Lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 1:] *= HUE_WEIGHT
    return lab


def _ring(shape: tuple[int, ...]) -> Mask:
    """The border of the picture."""
    width = max(2, round(RING_SHARE * max(shape)))
    ring = np.ones(shape, bool)
    ring[width:-width, width:-width] = False
    return ring


def _grain(lab: Lab, ring: Mask) -> float:
    """Standard deviation of the border's finest detail, from the median, so that edges do not count."""
    detail = (lab - cv2.GaussianBlur(lab, (0, 0), 1.5))[ring]
    return float(np.linalg.norm(1.4826 * np.median(np.abs(detail), axis=0)))


def _shared_by_sides(lab: Lab, ring: Mask) -> Mask:
    """Border pixels whose colour is found on another side too: a subject cut off at one side is not among them."""
    height, width = ring.shape
    y, x = np.nonzero(ring)
    side = np.argmin([y, height - 1 - y, x, width - 1 - x], axis=0)
    colours = lab[y, x]
    shared = np.zeros(len(y), bool)
    for other in range(4):
        samples = colours[side == other]
        samples = samples[:: max(1, len(samples) // 96)]
        if len(samples):
            squares = (colours**2).sum(axis=1)[:, None] + (samples**2).sum(axis=1)[None] - 2 * (colours @ samples.T)
            near = (squares < SIMILAR**2).sum(axis=1)
            shared |= (side != other) & (near >= max(1, len(samples) // 48))
    if shared.mean() < 0.2:  # nothing in common: then all of it has to do
        return ring
    mask = np.zeros_like(ring)
    mask[y, x] = shared
    return mask


def _grow(lab: Lab, seeds: Mask, known: NDArray[np.int8], tolerance: float, progress: Progress) -> Mask:
    """The background, grown from `seeds` over pixels that continue the mean colour of the background near them."""
    back = seeds
    size = (2 * REACH_PX + 1, 2 * REACH_PX + 1)
    stacked = np.concatenate([lab, np.ones((*lab.shape[:2], 1), np.float32)], axis=2)
    free = known <= 0
    area = int(back.sum())
    for step in range(GROWTH_STEPS):
        progress.update(step / GROWTH_STEPS)
        mean = cv2.blur(stacked * back[..., None], size)
        weight = mean[..., 3]
        difference = lab - mean[..., :3] / np.maximum(weight, 1e-6)[..., None]
        distance = np.einsum("ijk,ijk->ij", difference, difference)
        # A pixel taken in by mistake falls out again when its surroundings turn out different.
        limit = np.where(back, (2 * tolerance) ** 2, tolerance**2)
        like = (weight > 0.02) & (distance < limit) & free | seeds
        back = _connected(like, back)
        before, area = area, int(back.sum())
        if abs(area - before) <= 2:
            break
    return back


def _connected(like: Mask, back: Mask) -> Mask:
    """The parts of `like` that hang together with `back`: nothing crosses a closed line, however thin."""
    count, labels = cv2.connectedComponents(like.astype(np.uint8), connectivity=4)
    reached = np.zeros(count, bool)
    reached[labels[back & like]] = True
    reached[0] = False
    return np.asarray(reached[labels], bool)


def _is_clear(inside: Mask, ring: Mask) -> bool:
    """Whether the growth has left one clear shape: little of it at the border, and nearly all in a few parts."""
    if not inside.any():
        return True
    opened = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    areas = cv2.connectedComponentsWithStats(opened, connectivity=8)[2][1:, cv2.CC_STAT_AREA]
    if not len(areas):
        return False
    return bool(inside[ring].mean() < 0.03 and areas.max() > 0.8 * areas.sum())


def _openings(lab: Lab, back: Mask, inside: Mask, tolerance: float) -> Mask:
    """Places inside the subject through which the background shows.

    They have the background's colour, and the subject ends there at an edge; a pale spot of the subject itself has
    that colour too but fades into it.
    """
    # Three guesses at what is behind: smooth, and carried on along rows (a horizon) and along columns (a curtain).
    across, down = _carried(lab, back), _carried(lab.swapaxes(0, 1), back.T).swapaxes(0, 1)
    distance = np.min([_length(lab - guess) for guess in (backdrop(lab, back), across, down)], axis=0)
    match = (inside & (distance < 1.5 * tolerance)).astype(np.uint8)
    count, labels = cv2.connectedComponents(match, connectivity=4)
    around = cv2.dilate(labels.astype(np.float32), np.ones((5, 5), np.uint8)).astype(np.int32)
    around[(match > 0) | back] = 0
    total = np.bincount(around.ravel(), weights=distance.ravel(), minlength=count)
    contrast = total / np.maximum(np.bincount(around.ravel(), minlength=count), 1)
    area = np.maximum(np.bincount(labels.ravel(), minlength=count), 1)
    offset = np.bincount(labels.ravel(), weights=distance.ravel(), minlength=count) / area
    open_ = (area >= 4) & (offset < OPENING_OFFSET * tolerance) & (contrast > EDGE_TIMES * tolerance)
    open_[0] = False
    return np.asarray(open_[labels], bool)


def _length(vectors: Lab) -> NDArray[np.float32]:
    """`(h, w)`: lengths of the pixels' vectors."""
    return np.asarray(np.sqrt(np.einsum("ijk,ijk->ij", vectors, vectors)), np.float32)


def _fringe(lab: Lab, inside: Mask, tolerance: float) -> Mask:
    """Background that stayed along the outline because a lossy codec has spoiled it there.

    It hangs together with the background, is near its colour, and much nearer to it than to the subject beside it.
    """
    back = ~inside
    if not back.any() or not inside.any():
        return np.zeros_like(inside)
    width = 2 * FRINGE_PX + 1
    behind = backdrop(lab, back)
    distance = _length(lab - behind)
    weight = np.asarray(inside * (distance**2 + 1e-3), np.float32)
    stacked = cv2.blur(np.dstack([lab * weight[..., None], weight]), (2 * width + 1, 2 * width + 1))
    line = np.asarray(stacked[..., :3] / np.maximum(stacked[..., 3:], 1e-9) - behind, np.float32)
    share = np.einsum("ijk,ijk->ij", lab - behind, line) / np.maximum(_length(line) ** 2, 1e-6)
    near = cv2.dilate(back.astype(np.uint8), np.ones((width, width), np.uint8)) > 0
    like = near & (distance < FRINGE_TIMES * tolerance) & (share < FRINGE_SHARE)
    return inside & _connected(like | back, back)


def _is_drawing(lab: Lab, inside: Mask, openings: Mask) -> bool:
    """Whether the shape is an outline drawn with one pen: then what it encloses is meant to be solid."""
    strokes = inside & ~openings
    if not strokes.any() or openings.sum() < strokes.sum():
        return False
    core = cv2.erode(strokes.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if core.sum() < 0.1 * strokes.sum():
        core = strokes
    colours = lab[core]
    spread = np.linalg.norm(colours - np.median(colours, axis=0), axis=1)
    return bool(np.percentile(spread, 80) < PEN_SPREAD)


def _carried(values: Lab, known: Mask) -> Lab:
    """Each row's unknown pixels, on a straight line between the known ones to the left and right."""
    columns = np.arange(known.shape[1])
    filled = values.copy()
    for row, have in enumerate(known):
        if have.any() and not have.all():
            at = columns[have]
            for channel in range(values.shape[2]):
                filled[row, :, channel] = np.interp(columns, at, values[row, have, channel])
    return np.where(known[..., None], values, cv2.blur(filled, (5, 5))).astype(np.float32)


def backdrop(values: Lab, known: Mask) -> Lab:
    """What the background looks like behind the subject: a cubic surface through the known pixels, and a membrane
    over what that leaves.

    Args:
        values: `(h, w, c) float32`.
        known: `(h, w) bool`: background.
    """
    if int(known.sum()) < 64:
        return membrane(values, known)
    height, width = known.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=-1).astype(np.float32)
    rows = np.flatnonzero(known.ravel())
    rows = rows[:: max(1, len(rows) // 4000)]
    samples = values.reshape(-1, values.shape[2])[rows]
    factors = np.linalg.lstsq(terms.reshape(-1, terms.shape[2])[rows], samples, rcond=None)[0]
    surface: Lab = (terms @ factors).astype(np.float32)
    return np.asarray(surface + membrane(values - surface, known), np.float32)


def membrane(values: Lab, known: Mask) -> Lab:
    """Fills the unknown pixels as a membrane stretched over the known ones would: exact for linear gradients.

    Solved from coarse to fine, each level relaxed a few times (Jacobi).

    Args:
        values: `(h, w, c) float32`; what unknown pixels hold does not matter.
        known: `(h, w) bool`, not all False.
    """
    height, width = known.shape
    weight = known.astype(np.float32)
    if known.all() or min(height, width) < 4:
        mean = (values * weight[..., None]).sum(axis=(0, 1)) / max(float(weight.sum()), 1.0)
        return np.where(known[..., None], values, mean).astype(np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    total = np.asarray(cv2.resize(values * weight[..., None], half, interpolation=cv2.INTER_AREA), np.float32)
    coarse = np.asarray(total / np.maximum(coarse_weight, 1e-6)[..., None], np.float32)
    filled = cv2.resize(membrane(coarse, coarse_weight > 0), (width, height), interpolation=cv2.INTER_LINEAR)
    fixed = known[..., None]
    filled = np.where(fixed, values, filled)
    for _ in range(8):
        filled = np.where(fixed, values, cv2.blur(filled, (3, 3)))
    return np.asarray(filled, np.float32)


def _graph_cut(rgb: Rgb, inside: Mask, seeds: Mask, known: NDArray[np.int8], progress: Progress) -> Mask:
    """The subject before a busy background: a graph cut that starts from what the growth left over.

    Args:
        rgb: `(h, w, 3) uint8`.
        inside: `(h, w) bool`: where the growth did not come.
        seeds: `(h, w) bool`: background for certain.
        known: see `split`.
        progress: of this piece of work.
    """
    height, width = inside.shape
    scale = min(1.0, CUT_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    likely = _likely(_lab(small), _shrunk(inside, size), _ring((size[1], size[0])))
    labels = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[_shrunk(seeds, size)] = cv2.GC_BGD
    fixed = cv2.resize(known, size, interpolation=cv2.INTER_NEAREST)
    labels[fixed > 0] = cv2.GC_FGD
    labels[fixed < 0] = cv2.GC_BGD
    front = (labels & 1) > 0
    if front.any() and not front.all():
        backs, fronts = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.setRNGSeed(1)
        for turn in range(CUT_ROUNDS):
            progress.update(turn / CUT_ROUNDS)
            how = cv2.GC_INIT_WITH_MASK if turn == 0 else cv2.GC_EVAL
            cv2.grabCut(small, labels, (0, 0, 0, 0), backs, fronts, 1, how)
        front = (labels & 1) > 0
    soft = cv2.resize(front.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(soft > 0.5, bool)


def _without_threads(mask: Mask, ring: Mask) -> Mask:
    """Without thin lines that lead to the border of the picture: joints and edges of the background."""
    body = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    threads = mask & (cv2.dilate(body, np.ones((5, 5), np.uint8)) == 0)
    count, labels = cv2.connectedComponents(threads.astype(np.uint8), connectivity=8)
    loose = np.zeros(count, bool)
    loose[labels[cv2.dilate(ring.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0]] = True
    loose[0] = False
    return mask & ~loose[labels]


def _shrunk(mask: Mask, size: tuple[int, int]) -> Mask:
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5, bool)


def _likely(lab: Lab, inside: Mask, ring: Mask) -> Mask:
    """What of `inside` looks like a subject: compact, in the middle, of other colours than the border."""
    height, width = inside.shape
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    body = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_OPEN, disc)
    y, x = np.mgrid[:height, :width]
    central = np.exp(-(((x / width - 0.5) / 0.28) ** 2 + ((y / height - 0.5) / 0.28) ** 2) / 2)
    score = (body * central * _unlike(lab, ring)).astype(np.float32)
    score = cv2.GaussianBlur(score, (0, 0), 0.015 * max(height, width))
    return np.asarray((score > LIKELY_SHARE * score.max()) & inside, bool)


def _unlike(lab: Lab, ring: Mask) -> NDArray[np.float32]:
    """0..1: how much each pixel's colour differs from all the border's colours."""
    low, step, last = np.array([[0, -128, -128], [8, 10, 10], [13, 27, 27]], np.float32)
    bins = np.clip((lab - low) / step, 0, last).astype(np.int32)
    counts = np.zeros((14, 28, 28), np.float32)
    np.add.at(counts, tuple(bins[ring].T), 1.0)
    seen = counts[tuple(np.moveaxis(bins, 2, 0))] / max(1, int(ring.sum()))
    return np.asarray(np.exp(-seen * 100.0), np.float32)


def _without_specks(mask: Mask, share: float = SPECK_SHARE) -> Mask:
    """Without parts that are smaller than a share of the whole."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return np.asarray((areas >= max(2.0, share * areas.sum()))[labels], bool)
