"""TripoSR: one picture of a subject becomes a whole textured body, from published weights, in one pass."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from numpy.typing import NDArray
from torch import Tensor

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.catalog import DecimateOptions
from img2model_desktop.core.workshop.rebake import paint
from img2model_desktop.core.workshop.reshape import decimate
from img2model_desktop.core.workshop.unwrap import unwrap
from img2model_desktop.engines.catalog import TripoOptions
from img2model_desktop.engines.device import (
    Device,
    choose,
    chunk_for,
    memory_watched,
    release,
)
from img2model_desktop.engines.networks.tensors import load_into, load_lowered
from img2model_desktop.engines.triposr.field import Lattice, Surface, extract, sample
from img2model_desktop.engines.triposr.net import RADIUS, Field, TripoNet, published
from img2model_desktop.engines.weights import sets
from img2model_desktop.errors import EngineProblem, OutOfMemory

LEVEL = 25.0
"""Density at the surface, as published. Its logarithm is what is sampled: the surface crosses grid cells at the same
places, and its vertices lie where a smooth function says, not hard by the outer grid points as with the exponential."""

GREY = 0.5
"""Of the background that the network was trained with."""

COARSE, CAREFUL = 64, 128
"""Cells along the coarse grid at most; the careful one finds parts half as thin that touch nothing else."""

POINT_BYTES = 4 * (64 * 2 + 12 * 4)
"""What a point takes while the field is computed: two layers, and where to look."""

AXES = (1, 2, 0)
"""Which of the network's axes is ours: it has x towards the camera that took the picture, y to that camera's right and
z up (its preview camera at azimuth 0 stands on +x); we have x right, y up and z front. A rotation, no mirror."""

BACK = (2, 0, 1)
"""The other way round."""

GENTLE = 5
"""Of the quick reduction: its default, 7, more often leaves an edge with four faces."""

QUICK = (1.0, 0.97, 0.94, 1.5, 3.0)
"""Shares of the faces wanted to which the quick reduction is tried, in turn; from more than 1 the slow one goes on."""

STAGES = {
    "load": 1.5,
    "tokens": 1.3,
    "planes": 11.0,
    "field": 1.5,
    "surface": 0.3,
    "faces": 1.0,
    "uv": 1.5,
    "paint": 1.5,
}
"""Seconds on two processor cores, about: what each stage's share of the progress is made from."""

Points = NDArray[np.float32]


class Solid(Protocol):
    """A field of density and colour in the network's axes, within the cube of `RADIUS`."""

    def log_density(self, points: Tensor) -> Tensor:
        """`(m,)` from `(m, 3)`."""
        ...

    def colour(self, points: Tensor) -> Tensor:
        """`(m, 3)`, sRGB 0..1, from `(m, 3)`."""
        ...


class TripoSR:
    """The sculptor. The network is loaded at the first call and stays until `close`, or until memory runs out.

    Args:
        folder: with the files of the set `triposr`.
        build: the network on the meta device with the published names; another size for tests.
        device: where it runs.
    """

    def __init__(self, folder: Path, build: Callable[[], TripoNet] = published, device: Device | None = None) -> None:
        self._folder = folder
        self._build = build
        self._device = choose() if device is None else device
        self._net: TripoNet | None = None

    def sculpt(self, picture: Picture, options: TripoOptions, seed: int, progress: Progress) -> Mesh:  # noqa: ARG002 - nothing is drawn by chance
        """A closed body, longest side up to 1.74, standing upright, facing the viewer.

        Raises:
            SetupProblem: the weights are missing, damaged or another network's.
            EngineProblem: the network sees no body in the picture.
            OutOfMemory: there is not enough where it runs; the network is let go.
            Cancelled: from `progress`.
        """
        picture.require_subject()
        progress.update(0.0)
        try:
            return self._sculpt(picture, options, progress)
        except OutOfMemory:
            self.close()
            raise

    def field_of(self, picture: Picture, foreground: float, progress: Progress) -> Field:
        """What the network makes of a picture, before any mesh.

        Args:
            picture: cut out.
            foreground: share of the network's picture that the subject's longer side takes.
            progress: token of the stages up to the planes.
        """
        parts = _parts(progress, ("load", "tokens", "planes"))
        with torch.inference_mode(), memory_watched(self._device):
            net = self._ready(parts["load"])
            image = prepared(picture, net.shape.picture, foreground).to(self._device.device)
            tokens = net.tokens_of(image, parts["tokens"])
            planes = net.planes_of(tokens, parts["planes"])[0]
            if not bool(torch.isfinite(planes).all()):
                raise EngineProblem("TripoSR lost its numbers on this picture.", "Import its weights again.")
            progress.update(1.0)
            return Field(planes, net.decoder)

    def close(self) -> None:
        """Frees the network; the next call loads it again."""
        self._net = None
        release(self._device)

    def _sculpt(self, picture: Picture, options: TripoOptions, progress: Progress) -> Mesh:
        end = (STAGES["load"] + STAGES["tokens"] + STAGES["planes"]) / sum(STAGES.values())
        field = self.field_of(picture, options.foreground, progress.part(0.0, end))
        return mesh_of(field, options, self._device, progress.part(end, 1.0))

    def _ready(self, progress: Progress) -> TripoNet:
        if self._net is None:
            progress.update(0.0)
            net, weights = self._build(), sets.find("triposr")
            if self._device.dtype == torch.float32:  # the file's own pages, all in use, are the cheapest copy there is
                load_into(net, self._folder, weights)
                net.float()  # a file in half precision is read in full: a half network would need half pictures
            else:
                lowered = net.lowered()
                types = {name: self._device.dtype if name in lowered else torch.float32 for name in net.state_dict()}
                load_lowered(net, self._folder, weights, types, progress.part(0.0, 0.9))
            self._net = net.to(self._device.device)
        progress.update(1.0)
        return self._net


def prepared(picture: Picture, size: int, foreground: float) -> Tensor:
    """`(1, 3, size, size) float32`, 0..1: the subject centred on grey.

    The crop ends one pixel before the last row and column of the subject, as the published preparation does.
    """
    rows, columns = (np.flatnonzero(picture.alpha.any(axis=axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    crop = picture.pixels[top : max(int(rows[-1]), top + 1), left : max(int(columns[-1]), left + 1)]
    height, width = crop.shape[:2]
    inner = max(height, width)
    side = max(int(inner / foreground), inner)
    margin = (side - inner) // 2
    y, x = margin + (inner - height) // 2, margin + (inner - width) // 2
    share = crop[..., 3:].astype(np.float32) / 255
    canvas = np.full((side, side, 3), GREY, np.float32)
    canvas[y : y + height, x : x + width] = crop[..., :3].astype(np.float32) / 255 * share + (1 - share) * GREY
    image = torch.from_numpy(canvas).permute(2, 0, 1)[None]
    return F.interpolate(image, (size, size), mode="bilinear", align_corners=False, antialias=True)


def lattice_of(resolution: int, careful: bool) -> Lattice:
    """The grids for so many fine cells: as many coarse ones as divide them, up to `COARSE` or `CAREFUL`.

    Only the careful search looks around what it finds: that costs twice the points, and finds parts that touch nothing.
    """
    most = CAREFUL if careful else COARSE
    coarse = max(count for count in range(1, most + 1) if resolution % count == 0)
    return Lattice((-RADIUS,) * 3, (RADIUS,) * 3, coarse, resolution, dilate=int(careful))


def mesh_of(field: Solid, options: TripoOptions, device: Device, progress: Progress) -> Mesh:
    """The textured surface of a field in our axes.

    Raises:
        EngineProblem: there is none.
        OutOfMemory: of `device`.
        Cancelled: from `progress`.
    """
    parts = _parts(progress, ("field", "surface", "faces", "uv", "paint"))
    lattice, level = lattice_of(options.resolution, options.thin_parts), float(np.log(LEVEL))
    chunk = chunk_for(device, POINT_BYTES)
    with torch.inference_mode(), memory_watched(device):
        sampled = sample(field.log_density, lattice, level, chunk, device.device, parts["field"])
        surface = extract(sampled, lattice, level, parts["surface"])
        del sampled
    if not len(surface.faces):
        raise EngineProblem(
            "TripoSR sees no body in this picture.", "Use a picture with one subject, or mend the cut-out."
        )
    body = _reduced(surface, options.faces, parts["faces"])
    laid = unwrap(body, options.texture_px, parts["uv"])

    def colour(places: Points) -> Points:
        """sRGB of places in our axes."""
        found = np.empty((len(places), 3), np.float32)
        for start in range(0, len(places), chunk):
            parts["paint"].update(0.2)
            some = torch.from_numpy(np.ascontiguousarray(places[start : start + chunk, BACK])).to(device.device)
            found[start : start + len(some)] = field.colour(some).float().cpu().numpy()
        return found

    with torch.inference_mode(), memory_watched(device):
        painted = paint(laid, colour, options.texture_px, parts["paint"])
    progress.update(1.0)
    return painted


def _reduced(surface: Surface, faces: int, progress: Progress) -> Mesh:
    """About so many faces, in our axes; closed and a manifold as marching cubes left it.

    The quick reduction now and then leaves an edge with four faces. Then a little fewer faces are tried, and then the
    slow one, which keeps a manifold a manifold, goes on from where the quick one still did.
    """
    progress.update(0.0)
    whole = Mesh(surface.vertices[:, AXES].astype(np.float32), surface.faces).validate()
    if len(whole.faces) <= faces:
        progress.update(1.0)
        return whole
    for number, share in enumerate(QUICK):
        progress.update(0.1 * number)
        body = _quickly(whole, int(faces * share)) if faces * share < len(whole.faces) else whole
        if body is not None:
            break
    else:
        body = whole
    if len(body.faces) > faces:
        body = decimate(body, DecimateOptions(faces=faces), progress.part(0.1 * len(QUICK), 1.0)).mesh
    progress.update(1.0)
    return body


def _quickly(whole: Mesh, faces: int) -> Mesh | None:
    """About so many faces, or None where what is left is not closed or no manifold."""
    import fast_simplification

    vertices, triangles = whole.vertices.astype(np.float64), whole.faces.copy()  # it takes no read-only arrays
    points, left = fast_simplification.simplify(vertices, triangles, target_count=max(faces, 4), agg=GENTLE)
    # two faces with the same corners are a flat pocket that was folded shut: the surface is closed without both
    _, which, times = np.unique(np.sort(left, axis=1), axis=0, return_inverse=True, return_counts=True)
    left = left[times[which.ravel()] == 1]
    if not len(left):
        return None
    body = Mesh(np.asarray(points, np.float32), np.asarray(left, np.int32)).validate()
    facts = measure(body)
    return body if facts.watertight and facts.manifold else None


def _parts(progress: Progress, stages: tuple[str, ...]) -> dict[str, Progress]:
    """A token for each stage, as wide as its share of their time."""
    ends = np.cumsum([0.0, *(STAGES[stage] for stage in stages)])
    ends /= ends[-1]
    return {
        stage: progress.part(float(low), float(high)) for stage, low, high in zip(stages, ends, ends[1:], strict=False)
    }


def load_triposr(folder: Path) -> TripoSR:
    """The sculptor with the weights in a folder, which are read at the first call."""
    return TripoSR(folder)
