"""Objects and cameras to training views: a picture, and the true first and last depth, normals and back colour.

The frame of every view is the one that the engine meets: the subject's outline box is centred and its longer
side fills `FILL` of the picture. Depths are in units of half the picture's side, measured at the distance of the
object's centre, along the viewing axis, towards the camera, from the object's centre (see `twin.sculptor.Framing`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from numpy.random import Generator
from torch import Tensor

from img2model_desktop.engines.twin.net import FILL
from img2model_desktop.training.objects import Solid
from img2model_desktop.training.raster import interpolate, rasterise
from img2model_desktop.training.shading import Look, colour_at, random_looks, shade

SUPERSAMPLE = 3
NEARBY = 0.06  # of half the frame: hits of one pixel no further apart are of one surface, up to 60 degrees steep
WIDEST = 1.25  # frames are up to so many times as wide as the object needs: the engine looks from several distances
DEPTH_LIMIT = 2.5  # views along something very long say nothing about its depth


@dataclass(frozen=True, slots=True)
class Views:
    """A batch of views, all on one device.

    Args:
        image: `(b, 4, s, s) uint8`, straight RGBA.
        depth: `(b, 2, s, s) float16`, first and last hit; 0 where there is none.
        normal: `(b, 3, s, s) int8`, unit normals of the first hit times 127, camera axes.
        back: `(b, 3, s, s) uint8`, sRGB colour of the last hit.
        camera: `(b, 2) float32`, perspective (tangent of half the picture's angle) and elevation in radians.
        usable: `(b,) bool`, False where the view is degenerate and should be drawn again.
    """

    image: Tensor
    depth: Tensor
    normal: Tensor
    back: Tensor
    camera: Tensor
    usable: Tensor

    def take(self, index: Tensor) -> "Views":
        """Some of these views."""
        return Views(*(getattr(self, item.name)[index] for item in fields(self)))


@dataclass(frozen=True, slots=True)
class Camera:
    """Where one view is taken from.

    Args:
        azimuth, elevation, roll: radians.
        fov: radians, the full angle that the object's frame spans.
        room: the frame is so many times as wide as the object needs, 1 or more.
    """

    azimuth: float
    elevation: float
    roll: float
    fov: float
    room: float = 1.0

    def rotation(self) -> np.ndarray:
        """`(3, 3) float64`: object axes to camera axes (x right, y up, z towards the camera)."""
        ca, sa = math.cos(self.azimuth), math.sin(self.azimuth)
        ce, se = math.cos(self.elevation), math.sin(self.elevation)
        cr, sr = math.cos(self.roll), math.sin(self.roll)
        turn = np.array([[ca, 0, -sa], [0, 1, 0], [sa, 0, ca]])
        tilt = np.array([[1, 0, 0], [0, ce, -se], [0, se, ce]])
        return np.asarray(np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]) @ tilt @ turn)


def random_camera(rng: Generator) -> Camera:
    """The range of product shots: mostly from the front or three quarters, at eye level or a little above."""
    kind = rng.random()
    if kind < 0.35:
        azimuth = rng.choice([-1, 1]) * rng.normal(math.radians(33), math.radians(12))
    elif kind < 0.6:
        azimuth = rng.normal(0, math.radians(8))
    else:
        azimuth = rng.uniform(-math.pi, math.pi)
    kind = rng.random()
    if kind < 0.25:
        elevation = abs(rng.normal(0, 3))
    elif kind < 0.88:
        elevation = rng.uniform(0, 32)
    else:
        elevation = rng.uniform(-12, 50)
    roll = rng.normal(0, 2.5) if rng.random() < 0.2 else 0.0
    fov = float(np.clip(np.exp(rng.normal(math.log(36), 0.3)), 14, 62))
    room = float(rng.uniform(1.0, WIDEST))
    return Camera(float(azimuth), math.radians(elevation), math.radians(roll), math.radians(fov), room)


def random_stretch(rng: Generator) -> np.ndarray:
    """`(3,) float64` factors along the object's axes: other proportions of the same kind of thing."""
    if rng.random() < 0.35:
        return np.ones(3)
    factor: np.ndarray = np.exp(rng.normal(0, 0.13, 3))
    return factor


@dataclass(frozen=True, slots=True)
class _Scene:
    """A batch of objects in camera axes, end to end, ready for the rasteriser."""

    points: Tensor
    faces: Tensor
    view: Tensor
    normals: Tensor
    colours: Tensor
    places: Tensor
    unit: Tensor
    distance: Tensor
    camera: Tensor
    usable: Tensor


def render(
    solids: Sequence[Solid],
    cameras: Sequence[Camera],
    size: int,
    rng: Generator,
    device: torch.device,
    stretched: bool = True,
) -> Views:
    """One view per object.

    Args:
        solids, cameras: `b` of each.
        size: of the picture, pixels.
        rng: for stretch, light and materials; drawn in a fixed order, so the same on every device.
        device: where the work is done and the result stays.
        stretched: other proportions for each object.
    """
    looks = random_looks(len(solids), rng)
    stretch = [random_stretch(rng) if stretched else np.ones(3) for _ in solids]
    scene = _stage(solids, cameras, stretch, size * SUPERSAMPLE, device)
    grid = size * SUPERSAMPLE
    hits = rasterise(scene.points, scene.faces, scene.view, len(solids), grid)
    front = _layer(scene, hits.front, looks, mirrored=False)
    back = _layer(scene, hits.back, looks, mirrored=True)
    covered = (hits.front >= 0)[:, None]
    alpha = _pool(covered.float())
    colour = _pool(front.colour) / alpha.clamp_min(1e-6)
    behind = _pool(back.colour) / alpha.clamp_min(1e-6)
    normal = F.normalize(_pool(front.normal), dim=1)
    shown = alpha > 0
    first, last = _nearest(front.depth, covered), -_nearest(-back.depth, covered)
    depth = torch.where(shown, torch.cat([first, last], 1), 0.0)
    usable = scene.usable & (depth.abs().flatten(1).amax(1) < DEPTH_LIMIT) & (alpha.flatten(1).mean(1) > 0.01)
    image = torch.cat([torch.where(shown, colour, 0.0), alpha], 1)
    return Views(
        image=(image * 255).round().clamp(0, 255).to(torch.uint8),
        depth=depth.to(torch.float16),
        normal=(torch.where(shown, normal, 0.0) * 127).round().to(torch.int8),
        back=(torch.where(shown, behind, 0.0) * 255).round().clamp(0, 255).to(torch.uint8),
        camera=scene.camera,
        usable=usable,
    )


def _stage(
    solids: Sequence[Solid], cameras: Sequence[Camera], stretch: Sequence[np.ndarray], grid: int, device: torch.device
) -> _Scene:
    points, faces, view, normals, rows, usable, offset = [], [], [], [], [], [], 0
    for k, (solid, camera) in enumerate(zip(solids, cameras, strict=True)):
        turn = camera.rotation()
        grown = solid.vertices * stretch[k]
        low, high = grown.min(0), grown.max(0)
        place = (grown - (low + high) / 2) @ turn.T
        distance, centre, half = _framing(place, camera.fov)
        half *= camera.room
        inverse = 1 / (distance - place[:, 2])
        flat = (place[:, :2] * inverse[:, None] - centre) / half
        pixel = np.stack([(1 + flat[:, 0]) / 2 * grid, (1 - flat[:, 1]) / 2 * grid], 1)
        points.append(np.column_stack([pixel, inverse]))
        faces.append(solid.faces + offset)
        view.append(np.full(len(solid.faces), k))
        normal = (solid.normals.reshape(-1, 3) / stretch[k]) @ turn.T
        normals.append(normal.reshape(-1, 3, 3))
        rows.append((half * distance, distance, half, camera.elevation))
        usable.append(bool(np.isfinite(pixel).all()) and distance - place[:, 2].max() > 0.1 * distance)
        offset += len(solid.vertices)
    numbers = torch.tensor(np.array(rows), dtype=torch.float32, device=device)

    def send(parts: list[np.ndarray], dtype: torch.dtype) -> Tensor:
        return torch.as_tensor(np.concatenate(parts), dtype=dtype).to(device)

    return _Scene(
        points=send(points, torch.float32),
        faces=send(faces, torch.int64),
        view=send(view, torch.int64),
        normals=send(normals, torch.float32),
        colours=send([s.colours for s in solids], torch.float32) / 255,
        places=send([s.vertices for s in solids], torch.float32),
        unit=numbers[:, 0],
        distance=numbers[:, 1],
        camera=numbers[:, 2:],
        usable=torch.tensor(usable, device=device),
    )


def _framing(place: np.ndarray, fov: float) -> tuple[float, np.ndarray, float]:
    """Distance of a camera that sees the object under about `fov`, and the frame's centre and half side as tangents."""
    reach = float(np.abs(place[:, :2]).max())
    deep = float(np.abs(place[:, 2]).max())
    distance = max(reach / math.tan(fov / 2) + 0.4 * deep, 1.35 * deep)
    flat = place[:, :2] / (distance - place[:, 2])[:, None]
    low, high = flat.min(0), flat.max(0)
    return distance, (low + high) / 2, max(float((high - low).max()) / 2 / FILL, 1e-6)


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer of hits at full resolution: lit colour, normal and depth; 0 where there is no hit."""

    colour: Tensor
    normal: Tensor
    depth: Tensor


def _layer(scene: _Scene, hit: Tensor, looks: Look, mirrored: bool) -> _Layer:
    """Colour, normals and depth of a layer; `mirrored` lights it from behind the object, as its own front."""
    views, size, _ = hit.shape
    where, weight, inverse = interpolate(scene.points, scene.faces, hit)
    face = hit.reshape(-1)[where]
    vertex = scene.faces[face]
    view = scene.view[face]

    def blend(values: Tensor) -> Tensor:
        return (values * weight[..., None]).sum(1)

    smooth = F.normalize(blend(scene.normals[face]), dim=1)
    side = -1.0 if mirrored else 1.0
    smooth = torch.where(smooth[:, 2:] * side < 0, -smooth, smooth)
    depth = (scene.distance[view] - 1 / inverse) / scene.unit[view]
    albedo = colour_at(blend(scene.colours[vertex]), blend(scene.places[vertex]), view, looks)

    def spread(values: Tensor) -> Tensor:
        grid = values.new_zeros((views * size * size, values.shape[1]))
        grid[where] = values
        return grid.view(views, size, size, -1).permute(0, 3, 1, 2)

    grid_depth = spread(depth[:, None])
    cover = spread(torch.ones_like(depth)[:, None])
    corner = _occlusion(grid_depth * side, cover).permute(0, 2, 3, 1).reshape(-1)[where]
    facing = smooth * smooth.new_tensor([1.0, 1.0, side])
    colour = shade(albedo, facing, corner, view, looks)
    return _Layer(spread(colour), spread(smooth), grid_depth)


def _occlusion(depth: Tensor, cover: Tensor) -> Tensor:
    """How far each pixel lies in a dent of its surroundings, 0..1: a cheap stand-in for ambient occlusion.

    The surroundings are blurred at a quarter of the resolution.
    """
    shape = depth.shape[-2:]
    sparse, weight = F.avg_pool2d(depth, 4), F.avg_pool2d(cover, 4)
    dark = torch.zeros_like(depth)
    for radius in (max(shape[1] // 160, 1), max(shape[1] // 64, 2)):
        width = 2 * radius + 1
        mean = F.avg_pool2d(sparse, width, 1, radius) / F.avg_pool2d(weight, width, 1, radius).clamp_min(1e-3)
        around = F.interpolate(mean, shape, mode="bilinear", align_corners=False)
        dark = dark + ((around - depth) / (0.08 + 0.08 * width)).clamp(0, 1)
    return (dark / 2) * cover


def _pool(values: Tensor) -> Tensor:
    return F.avg_pool2d(values, SUPERSAMPLE)


def _nearest(depth: Tensor, covered: Tensor) -> Tensor:
    """Mean depth of a pixel's nearest surface.

    The nearest hit alone would make every steep flank, an outline's most of all, too high by half its rise within
    the pixel; the mean of all hits would draw a ramp from one body to another behind it.
    """
    nearest = F.max_pool2d(depth.masked_fill(~covered, torch.finfo(torch.float32).min), SUPERSAMPLE)
    same = covered & (depth > F.interpolate(nearest, scale_factor=SUPERSAMPLE, mode="nearest") - NEARBY)
    return _pool(depth * same) / _pool(same.float()).clamp_min(1e-6)
