"""What can be measured on a uv layout: coverage, overlap, stretch, texel density, padding."""

from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids, edges_of, parts_of, same_rows
from img2model_desktop.core.triangles import areas
from img2model_desktop.core.workshop.raster import Spans, spans_of, summed, twice_area

FaceIds = NDArray[np.int32]
Floats = NDArray[np.float64]

MEASURED_PX = 2048
"""Longest side of the grid on which coverage, overlap and padding are measured, where the texture is larger."""

PLAIN_PX = 1024
"""Its side where there is no texture."""

SPECK_PX = 1e-3
"""Texels below which a face is none: it cannot be seen, and rounding decides which way it runs."""


def _none() -> FaceIds:
    return np.zeros(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class UvFacts:
    """Measures of a uv layout. Shares are 0..1; faces are numbers of faces of the measured mesh, ascending.

    Coverage, overlap and padding are counted in the texture's own texels (a finer texture than `MEASURED_PX` is
    counted in groups of texels): what is smaller than one of them is not seen.

    Args:
        coverage: share of the unit square that at least one face lies on.
        overlap: share of the area of all faces that lies where another face already is: 0 where each place is used
            once, 0.5 where each is used twice.
        overlapping: `(k,) int32`, faces that share area with another one.
        outside: `(k,) int32`, faces that reach out of the unit square.
        flipped: `(k,) int32`, faces that run clockwise in uv: the picture is mirrored on them. Those smaller than
            `SPECK_PX` are left out.
        degenerate: `(k,) int32`, faces without area in uv although they have some in space, `SPECK_PX` at least.
        islands: pieces of the layout that hang together over edges.
        stretch: L2 stretch of the whole layout (Sander et al., "Texture mapping progressive meshes", 2001): 1 where
            all is to one scale, more where not.
        area_stretch: `(median, 95 % quantile)` over the surface of the area distortion: 1 where a face has its fair
            share of the layout, 2 where it has twice or half of it.
        angle_stretch: `(median, 95 % quantile)` over the surface of the larger singular value divided by the smaller
            one: 1 where angles are kept.
        texels_per_mm: median texel density over the surface, at the mesh's own size; None without a picture.
        density_spread: 95 % quantile of the texel density divided by the 5 % quantile, over the surface.
        padding_px: texels between the two islands that come closest, 0 where they touch or partly overlap; islands that
            lie on each other exactly count as one. None without a picture or with one island.
    """

    coverage: float
    overlap: float
    islands: int
    stretch: float = 1.0
    area_stretch: tuple[float, float] = (1.0, 1.0)
    angle_stretch: tuple[float, float] = (1.0, 1.0)
    texels_per_mm: float | None = None
    density_spread: float = 1.0
    padding_px: float | None = None
    overlapping: FaceIds = field(default_factory=_none)
    outside: FaceIds = field(default_factory=_none)
    flipped: FaceIds = field(default_factory=_none)
    degenerate: FaceIds = field(default_factory=_none)


def measure_uv(mesh: Mesh, progress: Progress | None = None) -> UvFacts | None:
    """Measures the uv layout of a valid mesh; None where it has no uv.

    200 000 faces take about half a second.

    Raises:
        Cancelled: from `progress`.
    """
    progress = progress or Progress()
    if mesh.uv is None:
        return None
    progress.update(0.0)
    corners = mesh.uv.astype(np.float64)[mesh.faces]
    layout = twice_area(corners) / 2
    progress.update(0.1)
    surface = _surface(mesh)
    width, height = _grid_of(mesh)
    progress.update(0.15)
    spans = spans_of(corners * (width, -height) + (0, height), width, height, progress.part(0.15, 0.3))
    progress.update(0.3)
    covered = summed(spans, np.ones(len(mesh.faces), dtype=np.int64), width, height)
    progress.update(0.5)
    edges = edges_of(_welded(mesh))
    progress.update(0.6)
    islands, island = parts_of(edges)
    progress.update(0.7)
    padding = _padding(mesh, spans, covered, island, width) if islands > 1 and mesh.base_colour else None
    progress.update(0.9)
    speck = SPECK_PX / (width * height)
    used, total = int((covered > 0).sum()), int(covered.sum())
    scale = _stretch(corners, mesh.vertices[mesh.faces].astype(np.float64), layout, surface)
    progress.update(0.95)
    density = _density(mesh, layout, surface)
    progress.update(1.0)
    return UvFacts(
        coverage=used / (width * height),
        overlap=(total - used) / total if total else 0.0,
        islands=islands,
        stretch=scale.whole,
        area_stretch=scale.area,
        angle_stretch=scale.angle,
        texels_per_mm=density[1] if mesh.base_colour is not None else None,
        density_spread=density[2] / density[0] if density[0] > 0 else 1.0,
        padding_px=padding,
        overlapping=_crossing(spans, covered, len(mesh.faces)) if total > used else _none(),
        outside=_numbers(np.any((corners < 0) | (corners > 1), axis=(1, 2))),
        flipped=_numbers(layout < -speck),
        degenerate=_numbers((layout == 0) & (surface > speck * surface.sum())),
    )


def _numbers(chosen: NDArray[np.bool_]) -> FaceIds:
    return np.nonzero(chosen)[0].astype(np.int32)


def _surface(mesh: Mesh) -> Floats:
    """`(m,)` areas of the faces in space, m2."""
    return areas(mesh.vertices[mesh.faces])


def _grid_of(mesh: Mesh) -> tuple[int, int]:
    """Width and height of the grid to count on."""
    if mesh.base_colour is None:
        return PLAIN_PX, PLAIN_PX
    width, height = mesh.base_colour.width, mesh.base_colour.height
    coarser = min(1.0, MEASURED_PX / max(width, height))
    return max(1, round(width * coarser)), max(1, round(height * coarser))


def _welded(mesh: Mesh) -> Ids:
    """`(m, 3)` faces whose corners are one vertex where place and uv are the same."""
    return np.asarray(same_rows(np.hstack([mesh.vertices, mesh.uv if mesh.uv is not None else 0]))[mesh.faces])


def _crossing(spans: Spans, covered: NDArray[np.int32], faces: int) -> FaceIds:
    """Faces with a texel that another face covers too."""
    width = covered.shape[1]
    crowded = np.zeros(covered.size + 1, dtype=np.int64)
    np.cumsum(covered.ravel() > 1, out=crowded[1:])
    begin = spans.row * width + spans.begin
    found = crowded[begin + spans.length] > crowded[begin]
    return _numbers(np.bincount(spans.face[found], minlength=faces) > 0)


def _padding(mesh: Mesh, spans: Spans, covered: NDArray[np.int32], island: Ids, width: int) -> float | None:
    """Texels between the closest two islands: where the regions nearest to each meet, the sum of both distances."""
    height = covered.shape[0]
    if not covered.any():
        return None
    labels = summed(spans, island + 1, width, height) // np.maximum(covered, 1)
    distance, seed = cv2.distanceTransformWithLabels(
        (covered == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(seed.max()) + 1, dtype=np.int32)
    owner[seed[covered > 0]] = labels[covered > 0]
    nearest = owner[seed]
    closest = np.inf
    for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        meet = nearest[one] != nearest[other]
        if meet.any():
            closest = min(closest, float((distance[one][meet] + distance[other][meet]).min()))
    texture = mesh.base_colour.width if mesh.base_colour else width
    return closest * texture / width if np.isfinite(closest) else None


class _Scale(NamedTuple):
    whole: float
    area: tuple[float, float]
    angle: tuple[float, float]


def _stretch(corners: Floats, triangles: Floats, layout: Floats, surface: Floats) -> _Scale:
    """Singular values of the maps from uv to the surface, as in Sander et al. 2001, section 3."""
    sound = (layout != 0) & (surface > 0)
    if not sound.any():
        return _Scale(1.0, (1.0, 1.0), (1.0, 1.0))
    uv, xyz, layout, surface = corners[sound], triangles[sound], layout[sound], surface[sound]
    one, other = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    p, q = xyz[:, 1] - xyz[:, 0], xyz[:, 2] - xyz[:, 0]
    double = (2 * layout)[:, None]
    along = (p * other[:, 1:] - q * one[:, 1:]) / double  # the derivative by u
    across = (q * one[:, :1] - p * other[:, :1]) / double  # by v
    a, b, c = (np.einsum("ij,ij->i", x, y) for x, y in ((along, along), (along, across), (across, across)))
    root = np.sqrt((a - c) ** 2 + 4 * b**2)
    large, small = np.sqrt((a + c + root) / 2), np.sqrt(np.maximum(a + c - root, 0) / 2)
    whole = np.sqrt((surface * (a + c) / 2).sum() / surface.sum() * np.abs(layout).sum() / surface.sum())
    share = np.abs(layout) / np.abs(layout).sum() / (surface / surface.sum())
    ratio = np.divide(large, small, out=np.full_like(large, np.inf), where=small > 0)
    half, most = _quantiles(np.maximum(share, 1 / share), surface, (0.5, 0.95))
    angle_half, angle_most = _quantiles(ratio, surface, (0.5, 0.95))
    return _Scale(float(whole), (half, most), (angle_half, angle_most))


def _density(mesh: Mesh, layout: Floats, surface: Floats) -> tuple[float, float, float]:
    """Texels per millimetre: 5 % quantile, median and 95 % quantile over the surface."""
    picture = mesh.base_colour
    texels = picture.width * picture.height if picture else 1
    sound = surface > 0
    if not sound.any():
        return 0.0, 0.0, 0.0
    density = np.sqrt(np.abs(layout[sound]) * texels / (surface[sound] * 1e6))
    low, half, high = _quantiles(density, surface[sound], (0.05, 0.5, 0.95))
    return low, half, high


def _quantiles(values: Floats, weights: Floats, shares: tuple[float, ...]) -> list[float]:
    """Smallest values such that at least these shares of the weight lie at or below them."""
    order = np.argsort(values)
    summed = np.cumsum(weights[order])
    at = np.searchsorted(summed, np.array(shares) * summed[-1] * (1 - 1e-12))
    return [float(value) for value in values[order][np.minimum(at, len(values) - 1)]]
