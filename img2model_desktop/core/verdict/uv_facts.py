"""What can be measured on a uv layout: coverage, overlap, stretch, texel density, padding."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress

FaceIds = NDArray[np.int32]


def _none() -> FaceIds:
    return np.zeros(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class UvFacts:
    """Measures of a uv layout. Shares are 0..1; faces are numbers of faces of the measured mesh, ascending.

    Args:
        coverage: share of the unit square that at least one face lies on.
        overlap: share of the covered area that more than one face lies on.
        overlapping: `(k,) int32`, faces that share area with another one.
        outside: `(k,) int32`, faces that reach out of the unit square.
        flipped: `(k,) int32`, faces that run clockwise in uv: the picture is mirrored on them.
        degenerate: `(k,) int32`, faces without area in uv although they have some in space.
        islands: pieces of the layout that hang together.
        stretch: L2 stretch of the whole layout (Sander et al. 2001), 1 where all is to scale, more where not.
        area_stretch: `(median, 95 % quantile)` of the area distortion, 1 where a face has its share of the layout,
            2 where it is twice as large or half as large.
        angle_stretch: `(median, 95 % quantile)` of the ratio of the singular values, 1 where angles are kept.
        texels_per_mm: median texel density over the surface; None without a picture.
        density_spread: 95 % quantile of the texel density divided by the 5 % quantile, over the surface.
        padding_px: texels between the two islands that come closest; None without a picture or with one island.
    """

    coverage: float = 0.0
    overlap: float = 0.0
    overlapping: FaceIds = field(default_factory=_none)
    outside: FaceIds = field(default_factory=_none)
    flipped: FaceIds = field(default_factory=_none)
    degenerate: FaceIds = field(default_factory=_none)
    islands: int = 0
    stretch: float = 1.0
    area_stretch: tuple[float, float] = (1.0, 1.0)
    angle_stretch: tuple[float, float] = (1.0, 1.0)
    texels_per_mm: float | None = None
    density_spread: float = 1.0
    padding_px: float | None = None


def measure_uv(mesh: Mesh, progress: Progress | None = None) -> UvFacts | None:
    """Measures the uv layout of a valid mesh; None where it has no uv.

    Raises:
        Cancelled: from `progress`.
    """
    progress = progress or Progress()
    if mesh.uv is None:
        return None
    corners = mesh.uv[mesh.faces].astype(np.float64)
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2
    outside = ((corners < 0) | (corners > 1)).any(axis=(1, 2))
    progress.update(1.0)
    return UvFacts(
        coverage=min(1.0, float(np.abs(area).sum())),
        outside=np.nonzero(outside)[0].astype(np.int32),
        flipped=np.nonzero(area < 0)[0].astype(np.int32),
        degenerate=np.nonzero(area == 0)[0].astype(np.int32),
    )
