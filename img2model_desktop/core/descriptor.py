"""How a picture or a mesh looks, as one vector: things that look alike have vectors that point the same way.

Nothing here is learned. A vector is made of blocks, each brought to length one and weighted: colours, where they lie,
the directions of edges, the outline, and, where there is a mesh, how far points of its surface lie apart. Sources: soft
colour histograms under the square root (Hellinger), histograms of oriented gradients (Dalal and Triggs 2005), Fourier
descriptors of the outline's distance from its middle (Zahn and Roskies 1972), D2 (Osada and others 2002).
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.triangles import areas

Vector = NDArray[np.float32]
Field = NDArray[np.float32]

KIND = "look-1"
"""Of these vectors. Vectors of different kinds are never compared; whatever changes a number here needs a new one."""

SIDE_PX = 64  # of the square that the subject is fitted into
SOLID = 0.1  # alpha from which on a pixel counts for the subject's frame
STANDS_OUT = 20.0  # difference to the border, in units of Lab, with which a pixel of an opaque picture counts in full
LIGHT_BINS, TINT_BINS = 4, 7
TINT_REACH = 80.0  # of a and b in Lab; few surfaces are more colourful
LAYOUT = 4  # cells a side in which the mean colour is kept
CELLS, ANGLES = 4, 9  # of the gradients: cells a side, directions over half a turn
RAYS, WAVES = 128, 16  # of the outline: directions looked into, Fourier amplitudes kept
PAIRS, DISTANCES = 20_000, 32  # of the surface: pairs of points, bins of their distance
REACH = 3.0  # of those bins, in units of the mean distance

WEIGHTS = {"colours": 1.0, "layout": 0.7, "edges": 0.7, "outline": 0.5, "surface": 0.5}
SIZES = {
    "colours": LIGHT_BINS * TINT_BINS**2,
    "layout": LAYOUT**2 * 3,
    "edges": CELLS**2 * ANGLES,
    "outline": WAVES + 2,
    "surface": DISTANCES,
}
LENGTH = sum(SIZES.values())


def describe_picture(picture: Picture) -> Vector:
    """How a picture looks.

    Args:
        picture: best a cut-out, whose alpha says what counts. Without one, what differs from the border counts.

    Returns:
        `(LENGTH,) float32` of length one; nothing but zeros for a picture in which nothing is to be seen.
    """
    return _joined(_blocks_of(picture))


def describe_views(views: Sequence[Picture], mesh: Mesh | None = None) -> Vector:
    """How a thing looks from several sides.

    Args:
        views: the picture that it was made from, pictures drawn of it; at least one.
        mesh: its surface, or None.

    Returns:
        As `describe_picture`: the mean of the views block by block.
    """
    each = [_blocks_of(view) for view in views]
    blocks = {name: np.sum([one[name] for one in each], axis=0) for name in each[0]}
    if mesh is not None:
        blocks["surface"] = _surface(mesh)
    return _joined(blocks)


def similarities(vectors: NDArray[np.float32], wanted: Vector) -> NDArray[np.float32]:
    """`(n,) float32`, cosine of each row of `(n, LENGTH)` with what is wanted: 1 for the same look."""
    return np.asarray(vectors @ wanted, np.float32)


def _joined(blocks: dict[str, Field]) -> Vector:
    parts = [_unit(blocks.get(name, np.zeros(size, np.float32))) * WEIGHTS[name] for name, size in SIZES.items()]
    return _unit(np.concatenate(parts))


def _unit(values: Field) -> Field:
    length = float(np.sqrt(np.dot(values, values)))
    return np.asarray(values / length if length > 0 else values, np.float32)


def _blocks_of(picture: Picture) -> dict[str, Field]:
    seen = _framed(picture)
    if seen is None:
        return {name: np.zeros(size, np.float32) for name, size in SIZES.items()}
    lab, weight = seen
    return {
        "colours": _colours(lab, weight),
        "layout": _layout(lab, weight),
        "edges": _edges(lab[..., 0], weight),
        "outline": _outline(weight),
        "surface": np.zeros(DISTANCES, np.float32),
    }


# -- what counts, and in which frame ----------------------------------------------------------------------------------


def _framed(picture: Picture) -> tuple[Field, Field] | None:
    """Lab `(s, s, 3)` and weight `(s, s)`, 0..1, of the subject fitted into a square; None without one."""
    rgba = _small(picture)
    weight = rgba[..., 3] if picture.is_cut_out else _standing_out(rgba[..., :3])
    rows, columns = np.nonzero(weight >= SOLID)
    if not len(rows):
        return None
    box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    weight, rgb = weight[box], rgba[box][..., :3]
    height, width = weight.shape
    scale = SIDE_PX / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    fine = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(weight, size, interpolation=fine)
    coloured = cv2.resize(rgb * weight[..., None], size, interpolation=fine)
    left, top = (SIDE_PX - size[0]) // 2, (SIDE_PX - size[1]) // 2
    place = np.s_[top : top + size[1], left : left + size[0]]
    square, colours = np.zeros((SIDE_PX, SIDE_PX), np.float32), np.zeros((SIDE_PX, SIDE_PX, 3), np.float32)
    square[place] = np.clip(small, 0, 1)
    colours[place] = coloured / np.maximum(small, 1e-3)[..., None]
    lab = cv2.cvtColor(np.clip(colours, 0, 1), cv2.COLOR_RGB2LAB)
    return np.asarray(lab, np.float32), square


def _small(picture: Picture) -> Field:
    """`(h, w, 4) float32`, 0..1, straight alpha, at most four times as large as the square."""
    scale = min(4 * SIDE_PX / max(picture.width, picture.height), 1.0)
    rgba = picture.pixels.astype(np.float32) / 255
    if scale == 1.0:
        return np.asarray(rgba, np.float32)
    rgba[..., :3] *= rgba[..., 3:]  # what lies under nothing has no colour
    size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    rgba = np.asarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA), np.float32)
    rgba[..., :3] /= np.maximum(rgba[..., 3:], 1e-3)
    return np.asarray(np.clip(rgba, 0, 1), np.float32)


def _standing_out(rgb: Field) -> Field:
    """`(h, w)`, 0..1: how much each pixel differs from the border; 1 everywhere where nothing does."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    border = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    ground = np.median(border, axis=0)
    weight = np.clip(np.sqrt(((lab - ground) ** 2).sum(axis=2)) / STANDS_OUT, 0, 1).astype(np.float32)
    weight = np.asarray(cv2.medianBlur((weight * 255).astype(np.uint8), 5), np.float32) / 255
    return np.asarray(weight if weight.max() >= SOLID else np.ones_like(weight), np.float32)


# -- blocks -----------------------------------------------------------------------------------------------------------


def _colours(lab: Field, weight: Field) -> Field:
    """How much there is of each colour; every pixel is shared among the eight bins around it. The square root keeps one
    large surface from drowning the rest."""
    seen = weight > 0
    light = lab[seen, 0] / 100 * (LIGHT_BINS - 1)
    tints = (np.clip(lab[seen, 1:] / TINT_REACH, -1, 1) + 1) / 2 * (TINT_BINS - 1)
    places = np.column_stack([light, tints])
    low = np.floor(np.clip(places, 0, np.array([LIGHT_BINS, TINT_BINS, TINT_BINS]) - 1.001)).astype(np.intp)
    share = places - low
    found = np.zeros(SIZES["colours"])
    for corner in np.ndindex(2, 2, 2):
        near = np.where(corner, share, 1 - share).prod(axis=1) * weight[seen]
        bins = np.ravel_multi_index(tuple((low + corner).T), (LIGHT_BINS, TINT_BINS, TINT_BINS))
        found += np.bincount(bins, near, SIZES["colours"])
    return np.asarray(np.sqrt(found), np.float32)


def _layout(lab: Field, weight: Field) -> Field:
    """Each cell's mean colour, times how much of it is the subject; lightness is counted from the subject's own."""
    side = SIDE_PX // LAYOUT
    middle = np.array([(lab[..., 0] * weight).sum() / max(float(weight.sum()), 1e-6), 0.0, 0.0])
    weighted = (lab - middle) * weight[..., None]
    cells = weighted.reshape(LAYOUT, side, LAYOUT, side, 3).mean(axis=(1, 3))
    return np.asarray(cells.ravel(), np.float32)


def _edges(light: Field, weight: Field) -> Field:
    """How strong the edges of each direction are in each cell; the outline's count, too."""
    shade = cv2.GaussianBlur((light / 100 * 0.7 + 0.3) * weight, (0, 0), 1.0)
    across, down = cv2.Sobel(shade, cv2.CV_32F, 1, 0), cv2.Sobel(shade, cv2.CV_32F, 0, 1)
    strength = np.sqrt(np.hypot(across, down))
    turn = (np.arctan2(down, across) % np.pi) / np.pi * ANGLES
    low = np.floor(turn).astype(np.intp)
    share = turn - low
    side = SIDE_PX // CELLS
    rows, columns = np.indices(light.shape) // side
    cell = (rows * CELLS + columns) * ANGLES
    found = np.bincount((cell + low % ANGLES).ravel(), (strength * (1 - share)).ravel(), SIZES["edges"])
    found += np.bincount((cell + (low + 1) % ANGLES).ravel(), (strength * share).ravel(), SIZES["edges"])
    return np.asarray(found, np.float32)


def _outline(weight: Field) -> Field:
    """Fourier amplitudes of the distance from the middle to the outermost point in each direction, which a turned
    outline shares; then how much of its frame the subject fills, and how slender it is."""
    rows, columns = np.nonzero(weight >= 0.5)
    if len(rows) < 2:
        rows, columns = np.nonzero(weight > 0)
    down, across = rows - rows.mean(), columns - columns.mean()
    turn = np.floor((np.arctan2(down, across) / (2 * np.pi) % 1.0) * RAYS).astype(np.intp) % RAYS
    profile = np.zeros(RAYS)
    np.maximum.at(profile, turn, np.hypot(down, across) + 0.5)
    seen = np.flatnonzero(profile)
    profile = np.interp(np.arange(RAYS), seen, profile[seen], period=RAYS)
    waves = np.abs(np.fft.rfft(profile / profile.mean())) / RAYS
    spread = np.linalg.eigvalsh(np.cov(np.stack([down, across])) if len(rows) > 1 else np.eye(2))
    slender = np.sqrt(max(float(spread[0]), 0.0) / max(float(spread[1]), 1e-6))
    filled = len(rows) / max(np.ptp(rows) + 1, np.ptp(columns) + 1) ** 2
    return np.asarray([*(2 * waves[1 : WAVES + 1]), 0.5 * filled, 0.5 * slender], np.float32)


def _surface(mesh: Mesh) -> Field:
    """How far pairs of points of the surface lie apart, in units of the mean; the same points in every run."""
    triangles = mesh.vertices[mesh.faces].astype(np.float64)
    area = areas(triangles)
    if not area.sum() > 0:
        return np.zeros(DISTANCES, np.float32)
    random = np.random.default_rng(0)
    chosen = np.searchsorted(np.cumsum(area), random.random(2 * PAIRS) * area.sum()).clip(max=len(area) - 1)
    first, second = np.sqrt(random.random(2 * PAIRS)), random.random(2 * PAIRS)
    shares = np.stack([1 - first, first * (1 - second), first * second], axis=1)
    points = np.einsum("nc,ncd->nd", shares, triangles[chosen])
    apart = np.linalg.norm(points[:PAIRS] - points[PAIRS:], axis=1)
    found, _ = np.histogram(apart / max(float(apart.mean()), 1e-12), DISTANCES, (0.0, REACH))
    return np.asarray(np.sqrt(found), np.float32)
