"""Held-out objects through the whole engine, scored in three dimensions against their true meshes."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.catalog import TwinOptions
from img2model_desktop.engines.twin.sculptor import Twin
from img2model_desktop.training.objects import Solid
from img2model_desktop.training.views import Camera, render

PICTURE_PX = 384
POINTS = 8192
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """How close a mesh is to the truth, both in camera axes and scaled to fit [-1, 1]^3, nothing else aligned.

    Args:
        fscore: harmonic mean of the shares of points of either mesh nearer than 0.1 to the other.
        chamfer: mean distance, of both directions.
        normals: mean absolute cosine between normals of nearest points, of both directions.
        seconds: that the engine took.
    """

    fscore: float
    chamfer: float
    normals: float
    seconds: float


def score(
    guess: tuple[Floats, NDArray[np.int64]], truth: tuple[Floats, NDArray[np.int64]]
) -> tuple[float, float, float]:
    """F-score at 0.1, chamfer distance and normal consistency of two meshes (vertices, faces)."""
    from scipy.spatial import cKDTree

    p, pn = _sampled(_unit(guess[0]), guess[1], 1)
    q, qn = _sampled(_unit(truth[0]), truth[1], 2)
    there, near_q = cKDTree(q).query(p)
    back, near_p = cKDTree(p).query(q)
    precision, recall = float((there < 0.1).mean()), float((back < 0.1).mean())
    fscore = 2 * precision * recall / max(precision + recall, 1e-9)
    normals = (np.abs((pn * qn[near_q]).sum(1)).mean() + np.abs((qn * pn[near_p]).sum(1)).mean()) / 2
    return fscore, float((there.mean() + back.mean()) / 2), float(normals)


def _unit(points: Floats) -> Floats:
    low, high = points.min(0), points.max(0)
    return np.asarray((points - (low + high) / 2) * (2 / float((high - low).max())))


def _sampled(points: Floats, faces: NDArray[np.int64], seed: int) -> tuple[Floats, Floats]:
    """Points uniform in area and their normals."""
    rng = np.random.default_rng(seed)
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    total = np.cumsum(length)
    pick = np.searchsorted(total, (np.arange(POINTS) + rng.random(POINTS)) / POINTS * total[-1]).clip(0, len(faces) - 1)
    r, s = np.sqrt(rng.random(POINTS))[:, None], rng.random(POINTS)[:, None]
    at = a[pick] * (1 - r) + b[pick] * (r * (1 - s)) + c[pick] * (r * s)
    return at, normal[pick] / length[pick, None].clip(1e-30)


PRODUCT_SHOT = Camera(azimuth=math.radians(30), elevation=math.radians(17.5), roll=0.0, fov=math.radians(36))


def picture_of(solid: Solid, camera: Camera, seed: int = 0) -> Picture:
    """A rendered, cut-out picture of an object with a random but seeded light and material."""
    views = render([solid], [camera], PICTURE_PX, np.random.default_rng(seed), torch.device("cpu"), stretched=False)
    return Picture(views.image[0].permute(1, 2, 0).contiguous().numpy())


def evaluate(
    engine: Twin,
    solids: Sequence[Solid],
    camera: Camera = PRODUCT_SHOT,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, float]:
    """Mean scores of the engine over some objects seen by one camera."""
    rows: list[Scores] = []
    options = TwinOptions(pose="as seen")
    for k, solid in enumerate(solids):
        picture = picture_of(solid, camera, k)
        begun = time.perf_counter()
        mesh: Mesh = engine.sculpt(picture, options, 0, Progress())
        spent = time.perf_counter() - begun
        truth = solid.vertices @ camera.rotation().T, solid.faces
        guess = mesh.vertices.astype(np.float64), mesh.faces.astype(np.int64)
        rows.append(Scores(*score(guess, truth), spent))
        report(f"{solid.name}: F {rows[-1].fscore:.3f}, CD {rows[-1].chamfer:.3f}, NC {rows[-1].normals:.3f}")
    return {name: float(np.mean([asdict(row)[name] for row in rows])) for name in Scores.__slots__}
