"""Twin: a small network of our own sees the first and the last surface behind a picture; they become one body."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from img2model_desktop.core import bake, columns, layers
from img2model_desktop.core.flat import Flat, flat_of
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import Silhouette, silhouette_of
from img2model_desktop.engines.catalog import TwinOptions
from img2model_desktop.engines.twin.net import FILL, Prediction, TwinNet, network_input, read_weights
from img2model_desktop.errors import SetupProblem
from img2model_desktop.paths import resources_dir

ZOOMS = (
    1.04,
    1.08,
    1.12,
    1.16,
)  # the subject is seen from these distances, as shares of the nearest: room around it helps
KNOWN = 100  # alpha of a pixel of the maps from which on the network's word counts
MIRRORED = (0.96, 0.1)  # least overlap with the mirror image, and most difference of colour, of what is symmetric
GAP = 0.02  # of half the frame: solid stretches further apart than this are cut from one another
LEAST = 0.008  # of half the frame: nothing is thinner
ROUNDS = 3  # of smoothing over the triangles: takes the grain of the maps and leaves the edges
WALL_STEPS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0)  # of a wall's half depth: how far its texture may reach inward
PROBES = (
    (1.0, 2.0),
    (1.5, 2.5, 3.5),
)  # pixels of the maps from the rim: where to read how a side closes; the deeper ones where the part is wide enough
SEAM = 0.16  # of half the frame: over so much of the back its colour goes over from the front's to its own
LEVEL = (np.radians(4), np.radians(9))  # a camera tilted less than the first is level; the network's usual error
RIM_SHARE = 0.8  # triangles inside are nearly as fine as along the rim, for the cuts to be smooth

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Framing:
    """The square of the picture that the network sees: the subject's box centred, its longer side `FILL` of the square.

    Args:
        x, y: centre, picture pixels.
        half: half the square's side, picture pixels.
    """

    x: float
    y: float
    half: float

    @classmethod
    def of(cls, silhouette: Silhouette) -> "Framing":
        """Around a silhouette."""
        left, top, right, bottom = silhouette.box
        return cls((left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top) / 2 / FILL)

    def from_afar(self, zoom: float) -> "Framing":
        """The square `zoom` times as wide around the same centre."""
        return Framing(self.x, self.y, self.half * zoom)

    def crop(self, picture: Picture, size: int) -> NDArray[np.uint8]:
        """`(size, size, 4) uint8`, straight RGBA, averaged over each pixel's area; transparent beyond the picture."""
        x0, y0 = int(np.floor(self.x - self.half)), int(np.floor(self.y - self.half))
        x1, y1 = int(np.ceil(self.x + self.half)), int(np.ceil(self.y + self.half))
        inner = picture.pixels[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)].astype(np.float32)
        inner[..., :3] *= inner[..., 3:] / 255
        scale = size / (2 * self.half)
        ratio = min(1.0, 2 * scale)  # first by area to twice the size, then exactly, between pixels
        if ratio < 1.0:
            small = max(round(inner.shape[1] * ratio), 1), max(round(inner.shape[0] * ratio), 1)
            shrunk = np.asarray(cv2.resize(inner, small, interpolation=cv2.INTER_AREA), np.float32)
        else:
            shrunk = inner
        kx, ky = shrunk.shape[1] / inner.shape[1], shrunk.shape[0] / inner.shape[0]
        # output pixel centre (c + 0.5) / scale + corner -> shrunk pixel
        steps = [
            [2 * kx / (2 * scale), 0.0, ((0.5 / scale + self.x - self.half) - max(x0, 0)) * kx - 0.5],
            [0.0, 2 * ky / (2 * scale), ((0.5 / scale + self.y - self.half) - max(y0, 0)) * ky - 0.5],
        ]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(shrunk, np.array(steps), (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT)
        out = np.asarray(warped, np.float32)
        out[..., :3] *= 255 / np.maximum(out[..., 3:], 1)
        return np.asarray(np.clip(out + 0.5, 0, 255), np.uint8)

    def pixel_of(self, points: Floats, size: int) -> NDArray[np.float64]:
        """Where picture points `(n, 2)` lie in a map of `size`: (column, row), integers being the pixels."""
        corner = np.array([self.x - self.half, self.y - self.half])
        return np.asarray((points - corner) / (2 * self.half) * size - 0.5, np.float64)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the network saw, as plain arrays.

    Args:
        depth: `(s, s, 2) float32`, first and last, in units of the frame's half side.
        fresh: `(s, s, 3) float32`, sRGB 0..1, the back's own colour.
        repeat: `(s, s) float32`, 0..1, how much the back repeats the front.
        perspective: tangent of half the frame's angle.
        elevation: of the camera, radians.
    """

    depth: NDArray[np.float32]
    fresh: NDArray[np.float32]
    repeat: NDArray[np.float32]
    perspective: float
    elevation: float


class Twin:
    """The sculptor.

    Args:
        net: the trained network.
    """

    def __init__(self, net: TwinNet) -> None:
        self._net: TwinNet | None = net

    def sculpt(self, picture: Picture, options: TwinOptions, seed: int, progress: Progress) -> Mesh:  # noqa: ARG002 - nothing is drawn by chance
        """A closed body in units of the subject's longer side, facing the viewer, standing upright if so wished."""
        picture.require_subject()
        progress.update(0.0)
        silhouette = silhouette_of(picture.alpha)
        framing = Framing.of(silhouette)
        progress.update(0.1)
        seen = self.look(picture, framing)
        progress.update(0.4)
        flat = flat_of(silhouette, options.faces // 2, RIM_SHARE)
        progress.update(0.7)
        middle, half = _depths(silhouette, flat, framing, seen)
        half *= options.thickness
        unit = framing.half
        body = columns.between(flat, (middle + half) * unit, (middle - half) * unit, GAP * unit, LEAST * unit)
        progress.update(0.8)
        front, texture = _texture(picture, silhouette, framing, seen, options)
        progress.update(0.9)
        placed = _placed(body.vertices, framing, seen, options.pose == "upright")
        mesh = _unwrapped(body, placed, silhouette, front, texture)
        progress.update(1.0)
        return mesh

    def look(self, picture: Picture, framing: Framing) -> Seen:
        """The network's maps for a framed picture: the mean over several distances and over mirror images."""
        size = self._network().shape.size
        images = [framing.from_afar(zoom).crop(picture, size) for zoom in ZOOMS]
        guess = self._guess(images)
        known = framing.crop(picture, size)
        solid = known[..., 3] >= KNOWN
        maps = np.mean(
            [_drawn_near(maps, image, zoom) for maps, image, zoom in zip(guess.maps, images, ZOOMS, strict=True)],
            axis=0,
        )
        depth = maps[..., :2]
        if is_mirrored(known):  # light from one side is no turn of the body
            depth = np.where((solid & solid[:, ::-1])[..., None], (depth + depth[:, ::-1]) / 2, depth)
        shade = np.asarray(known[..., :3] / 255, np.float32)
        depth = layers.crisp(depth, shade, solid, GAP)
        return Seen(
            depth=layers.continued(depth, solid),
            fresh=maps[..., 2:5],
            repeat=maps[..., 5],
            perspective=guess.perspective,
            elevation=guess.elevation,
        )

    def _guess(self, images: Sequence[NDArray[np.uint8]]) -> "_Guess":
        straight = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy())
        both = network_input(torch.cat([straight, straight.flip(-1)]))
        with torch.inference_mode():
            said: Prediction = self._network()(both.contiguous(memory_format=torch.channels_last))
            maps = torch.cat([said.front, said.back, said.fresh, said.repeat], 1)
            mean = (maps[: len(images)] + maps[len(images) :].flip(-1)) / 2
        zooms = torch.tensor(ZOOMS).repeat(2)
        return _Guess(
            np.ascontiguousarray(mean.permute(0, 2, 3, 1).float().numpy()),
            float((said.perspective / zooms).mean()),
            float(said.elevation.mean()),
        )

    def close(self) -> None:
        """Frees the network."""
        self._net = None

    def _network(self) -> TwinNet:
        if self._net is None:
            raise RuntimeError("this engine is closed")
        return self._net


@dataclass(frozen=True, slots=True)
class _Guess:
    """What the network says about pictures: `(n, s, s, 6)` depths, own colour of the back, repetition; the camera."""

    maps: NDArray[np.float32]
    perspective: float
    elevation: float


def is_mirrored(image: NDArray[np.uint8]) -> bool:
    """Whether a framed subject `(s, s, 4) uint8` is its own mirror image, left to right, but for the light on it."""
    cover = image[..., 3] / 255
    common, whole = np.minimum(cover, cover[:, ::-1]), np.maximum(cover, cover[:, ::-1])
    if common.sum() < MIRRORED[0] * whole.sum():
        return False
    colour = image[..., :3] / 255
    apart = np.abs(colour - colour[:, ::-1]).mean(2)
    return bool((apart * common).sum() < MIRRORED[1] * common.sum())


def _drawn_near(maps: NDArray[np.float32], image: NDArray[np.uint8], zoom: float) -> NDArray[np.float32]:
    """Maps `(s, s, 6)` of a picture taken from further away, in the frame and the unit of the nearest."""
    size = len(maps)
    whole = layers.continued(maps, image[..., 3] >= KNOWN)
    line = ((((np.arange(size) + 0.5) / size * 2 - 1) / zoom + 1) / 2 * size - 0.5).astype(np.float32)
    across, down = np.meshgrid(line, line)
    near = cv2.remap(whole, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(near * np.array([zoom, zoom, 1, 1, 1, 1], np.float32), np.float32)


def _depths(
    silhouette: Silhouette, flat: Flat, framing: Framing, seen: Seen
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle and half thickness at the flat vertices, `(k,)` each, in units of the frame's half side."""
    size = len(seen.depth)
    step = 2 * framing.half / size  # picture pixels per pixel of the maps

    def read(points: Floats) -> NDArray[np.float64]:
        return layers.read_between(seen.depth, framing.pixel_of(points, size), GAP)

    depth = layers.relaxed(read(flat.vertices), flat.faces, np.zeros(len(flat.vertices), bool), GAP, ROUNDS)
    middle, half = depth.mean(1), (depth[:, 0] - depth[:, 1]) / 2
    near = np.flatnonzero(flat.distance < (PROBES[-1][0] + 0.5) * step)
    distance = np.asarray(flat.distance[near], np.float64) / step
    points = flat.vertices[near]
    reach = np.array([[step / 2, 0.0], [0.0, step / 2]])
    slope = [silhouette.distance_at(points + d) - silhouette.distance_at(points - d) for d in reach]
    inward = np.stack(slope, 1) / np.hypot(*slope).clip(1e-6)[:, None]
    for probes in PROBES:
        places = [points + inward * ((k - distance) * step)[:, None] for k in probes]
        wide = silhouette.distance_at(places[-1]) > (probes[-1] - 0.5) * step
        inner = [read(place) for place in places]
        closing = layers.rounded([(value[:, 0] - value[:, 1]) / 2 for value in inner], probes, distance)
        share = (distance - probes[0] + 0.5).clip(0, 1)  # of what the maps themselves say
        half[near] = np.where(wide, closing + (half[near] - closing) * share, half[near])
        edge = inner[0].mean(1)
        middle[near] = np.where(wide, edge + (middle[near] - edge) * share, middle[near])
    return middle, half


def _placed(vertices: Floats, framing: Framing, seen: Seen, upright: bool) -> NDArray[np.float64]:
    """From picture pixels to the subject's own proportions: perspective undone, camera tilt undone, longer side 1."""
    at = (vertices - np.array([framing.x, -framing.y, 0.0])) / framing.half
    at[:, :2] *= (1 - seen.perspective * at[:, 2:]).clip(0.2)
    if upright:
        low, high = LEVEL
        tilt = seen.elevation * np.clip((abs(seen.elevation) - low) / (high - low), 0.0, 1.0)
        c, s = np.cos(tilt), np.sin(tilt)
        at = at @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return np.asarray(at / (2 * FILL))


def _texture(
    picture: Picture, silhouette: Silhouette, framing: Framing, seen: Seen, options: TwinOptions
) -> tuple[bake.Texture, Picture]:
    """The picture, and a texture of it above what the back shows: the network's colours, or the picture again."""
    front = bake.texture_of(picture, silhouette, options.texture_px)
    height, width = front.pixels.shape[:2]
    back = front.pixels.copy()
    if options.back == "guessed":
        x = (np.arange(width) + 0.5) / front.scale + front.left
        y = (np.arange(height) + 0.5) / front.scale + front.top
        across = framing.pixel_of(np.column_stack([x, np.full(width, framing.y)]), len(seen.depth))[:, 0]
        down = framing.pixel_of(np.column_stack([np.full(height, framing.x), y]), len(seen.depth))[:, 1]
        grid = np.meshgrid(across.astype(np.float32), down.astype(np.float32))
        maps = np.dstack([seen.fresh * 255, np.maximum(seen.repeat, _continued(silhouette, framing, seen))])
        large = np.asarray(cv2.remap(maps, *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
        share = large[..., 3:]
        mixed = large[..., :3] + (front.pixels[..., :3] - large[..., :3]) * share
        back[..., :3] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
    return front, Picture.own(np.concatenate([front.pixels, back]))


def _continued(silhouette: Silhouette, framing: Framing, seen: Seen) -> NDArray[np.float32]:
    """`(s, s)`, 0..1: how much the back goes on with the front's colour, for no seam to show along the outline."""
    size = len(seen.depth)
    line = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(framing.x + line * framing.half, framing.y + line * framing.half)
    distance = silhouette.distance_at(np.column_stack([x.ravel(), y.ravel()])).reshape(size, size)
    share = (1 - distance / framing.half / SEAM).clip(0, 1)
    return np.asarray(share**2 * (3 - 2 * share), np.float32)


def _unwrapped(
    body: columns.Columns, vertices: Floats, silhouette: Silhouette, front: bake.Texture, texture: Picture
) -> Mesh:
    """The textured mesh: first layer and its half of the walls from the upper half of the texture, the rest from below.

    A wall has no picture of its own: straight down its depth it would show one row of pixels, drawn out to a streak. So
    each of its halves goes on with what lies inward of its edge, as in a mirror, and they meet in the middle.
    """
    count = len(vertices) // 2
    faces = body.faces[: len(body.faces) - body.walls]
    b, a, _ = body.faces[len(faces) : len(faces) + body.walls // 2].T  # each wall is two triangles, see `columns`
    edge = np.column_stack([a, b])
    rim, place = np.unique(edge, return_inverse=True)
    a_mid, b_mid = (2 * count + place.reshape(edge.shape)).T
    a_low, b_low = a_mid + len(rim), b_mid + len(rim)
    quads = ((b, a, a_mid, b_mid), (b_low, a_low, a + count, b + count))
    walls = [np.stack(corners, 1) for p, q, r, s in quads for corners in ((p, q, r), (p, r, s))]
    middle = (vertices[rim] + vertices[rim + count]) / 2
    depth = (body.vertices[rim, 2] - body.vertices[rim + count, 2]) / 2
    mirrored = _mirrored(body.flat, edge, rim, depth, silhouette)
    uv = front.uv_of(np.concatenate([body.flat, mirrored, mirrored]))
    is_lower = np.concatenate([body.is_back, np.arange(2 * len(rim)) >= len(rim)])
    uv[:, 1] = (uv[:, 1] + ~is_lower) / 2
    points = np.concatenate([vertices, middle, middle]).astype(np.float32)
    return Mesh(points, np.concatenate([faces, *walls]).astype(np.int32), uv, texture).validate()


def _mirrored(
    flat: Floats, edge: NDArray[np.int64], rim: NDArray[np.int64], depth: Floats, silhouette: Silhouette
) -> Floats:
    """Where walls look in the picture at half their depth, `(r, 2)` pixels: so far inward of the rim, if the subject is
    wide enough there.

    Args:
        flat: `(n, 2)`, of all vertices.
        edge: `(e, 2)`, vertices of the walls' upper edges, the solid on their left as seen from the front.
        rim: `(r,)`, the vertices among them.
        depth: `(r,)`, half the walls' depth, pixels.
    """
    along = flat[edge[:, 1]] - flat[edge[:, 0]]
    inward = np.column_stack([along[:, 1], -along[:, 0]])  # y is down
    normal = np.zeros((len(flat), 2))
    for end in (0, 1):
        np.add.at(normal, edge[:, end], inward)
    normal = normal[rim] / np.hypot(*normal[rim].T).clip(1e-9)[:, None]
    reach = np.zeros(len(rim))
    edge_distance = silhouette.distance_at(flat[rim])
    for share in WALL_STEPS:
        wished = depth * share
        inside = silhouette.distance_at(flat[rim] + normal * wished[:, None])
        reach = np.where((inside - edge_distance >= wished / 2) & (wished > reach), wished, reach)
    return np.asarray(flat[rim] + normal * reach[:, None])


def load() -> Twin:
    """The sculptor with the weights that ship with the program.

    Raises:
        SetupProblem: the weights are missing or damaged.
    """
    try:
        return Twin(read_weights(resources_dir() / "weights" / "twin.safetensors"))
    except (FileNotFoundError, ValueError) as error:
        raise SetupProblem(
            "The Twin engine's weights are missing or damaged.", "Install the program again.", str(error)
        ) from error
