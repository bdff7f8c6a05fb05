"""Depth relief: a published network sees how near each place is: a plaque, a coin, a lithophane, a body."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from img2model_desktop.core import bake, columns, grounds, layers, tones
from img2model_desktop.core.behind import behind_of
from img2model_desktop.core.cut_lines import straightened, without_crumbs
from img2model_desktop.core.fine_relief import relief_of
from img2model_desktop.core.flat import Flat, flat_of
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.nearness import Nearness, Window, before_backdrop, nearness_of
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import Silhouette, sample, silhouette_of
from img2model_desktop.engines.catalog import DepthOptions
from img2model_desktop.engines.depth.net import FORBIDDEN_WIDTHS, DepthNet, published
from img2model_desktop.engines.device import Device, choose, lower, memory_watched, release
from img2model_desktop.engines.networks.tensors import load_into, read_tensors, tensor_files
from img2model_desktop.engines.weights.sets import find
from img2model_desktop.errors import EngineProblem, InputProblem, SetupProblem

Field = NDArray[np.float32]
Floats = NDArray[np.float64]

WEIGHTS = "depth-small"
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures: what the weights expect
PLAQUE, COIN, LITHOPHANE, BODY = 0.06, 0.05, 0.025, 0.45  # depth of each kind, a share of the longest side
LITHOPHANE_BASE = 0.5  # of a plate's thickness: light has to get through
LIFT = 0.2  # of the height: so far a cut-out subject stands off its plate
FINE = 0.12  # of the height of a plate's relief: strongest detail from light and shade
BODY_FINE = 0.012  # of a body's longest side: the same
AWAY = 0.25  # the far end of a body's front is taken to be so much further from the camera than the near end
GAP = 0.06  # of the longest side: a jump of the depth; what lies on its sides is cut apart
LEAST = 0.008  # of the longest side: nothing is thinner
FLATTENED = 0.6  # of the front's bulge: what a mirrored back bulges
ROUNDS = 2  # of smoothing over the triangles
RIM_SHARE = 0.8  # triangles inside are nearly as fine as along the rim, for the cuts to be smooth


class Depth:
    """The sculptor.

    Args:
        net: with weights, on the device.
        device: where it runs.
    """

    def __init__(self, net: DepthNet, device: Device) -> None:
        self._net: DepthNet | None = net
        self._device = device

    def sculpt(self, picture: Picture, options: DepthOptions, seed: int, progress: Progress) -> Mesh:  # noqa: ARG002 - nothing is drawn by chance
        """See `engines.base.Sculptor`; longest side about 1."""
        progress.update(0.0)
        picture.require_subject()
        if options.kind == "body" and not picture.is_cut_out:
            raise InputProblem(
                "A body needs a subject that is cut out; this is a whole picture.",
                "Let the background be removed, or choose a plaque, a coin or a lithophane.",
            )
        work = grounds.reduced(picture, grounds.WORK_PX)
        progress.update(0.05)
        near = self.look(work, options.seen_px, progress.part(0.05, 0.6))
        make = _body if options.kind == "body" else _plate
        return make(work, near, options, progress.part(0.6, 1.0))

    def look(self, picture: Picture, seen_px: int, progress: Progress) -> Nearness:
        """How near each place of a picture is.

        Args:
            picture: cut out or whole.
            seen_px: the shorter side that the network is shown it at.
            progress: of this work.
        """
        net = self._network()
        window = Window.of(picture)
        shown = window.shown(picture, window.size(seen_px, net.shape.backbone.patch))
        progress.update(0.05)
        raw = self._raw(before_backdrop(shown), progress.part(0.05, 0.9))
        near = nearness_of(raw, shown, window)
        progress.update(1.0)
        return near

    def _raw(self, image: Field, progress: Progress) -> Field:
        """`(h, w) float32`, the network's word on an image `(h, w, 3) float32`, 0..1."""
        net = self._network()
        mean, spread = torch.tensor(MEAN)[:, None, None], torch.tensor(SPREAD)[:, None, None]
        seen = ((torch.from_numpy(image).permute(2, 0, 1) - mean) / spread)[None].to(self._device.device)
        with memory_watched(self._device), torch.inference_mode():
            features = net.features_of(seen, progress.part(0.0, 0.75))
            progress.update(0.75)
            depth = net.depth_of(features, net.grid_of(seen))[0].float().cpu().numpy()
        if not np.isfinite(depth).all():
            raise EngineProblem("Depth Anything lost its numbers on this picture.", "Import its weights again.")
        progress.update(1.0)
        return np.asarray(depth, np.float32)

    def close(self) -> None:
        """Frees the network."""
        self._net = None
        release(self._device)

    def _network(self) -> DepthNet:
        if self._net is None:
            raise RuntimeError("this engine is closed")
        return self._net


def load(folder: Path) -> Depth:
    """The sculptor with the weights of a folder.

    Raises:
        SetupProblem: the weights are missing, damaged, another network's, or not free to use.
    """
    weight_set = find(WEIGHTS)
    for path in tensor_files(folder, weight_set):
        refuse_unfree({name: tuple(tensor.shape) for name, tensor in read_tensors(path).items()})
    net = published()
    load_into(net, folder, weight_set)
    return ready(net, choose())


def refuse_unfree(shapes: dict[str, tuple[int, ...]]) -> None:
    """Raises SetupProblem where the shapes are those of the sizes that may not be used commercially."""
    token = shapes.get("backbone.embeddings.cls_token", (0,))
    size = FORBIDDEN_WIDTHS.get(token[-1])
    if size:
        raise SetupProblem(
            f"These are the weights of Depth Anything V2 {size}, which may not be used commercially (CC-BY-NC-4.0).",
            "Use Depth Anything V2 Small, which is free for every use (Apache-2.0).",
        )


def ready(net: DepthNet, device: Device) -> Depth:
    """The sculptor from a network with weights: in the precision and the layout that are fast on the device."""
    net = net.float().to(device.device)
    # What a height is read from stays precise: of bfloat16's eight bits a smooth surface would show the steps.
    lower(net.backbone, device.dtype)
    for part in (*net.neck.parameters(), *net.head.parameters()):
        if part.ndim == 4:  # convolutions are quicker with a pixel's channels side by side
            part.data = part.data.contiguous(memory_format=torch.channels_last)
    return Depth(net, device)


# -- plates -------------------------------------------------------------------------------------------------


def _plate(picture: Picture, near: Nearness, options: DepthOptions, progress: Progress) -> Mesh:
    """A relief with a flat back."""
    ground = (grounds.coin if options.kind == "coin" else grounds.plaque)(picture, options.frame)
    progress.update(0.1)
    part = ground.picture
    height = near.over(int(ground.plate.left), int(ground.plate.top), part.width, part.height)
    share = part.alpha.astype(np.float32) / 255
    if options.kind == "lithophane":
        shade = tones.lithophane(part)
        height = np.asarray(options.light * shade + (1 - options.light) * (1 - height) * share, np.float32)
    else:
        height = _with_detail(height, ground.texture, FINE * options.relief)
        if picture.is_cut_out:
            height = np.asarray(share * (LIFT + (1 - LIFT) * height), np.float32)
    progress.update(0.3)
    deep = {"plaque": PLAQUE, "coin": COIN, "lithophane": LITHOPHANE}[options.kind] * options.depth
    base = options.base * (LITHOPHANE_BASE if options.kind == "lithophane" else 1.0)
    wanted = grounds.Raise(deep, base, options.faces, options.texture_px)
    return grounds.raised(ground, np.ascontiguousarray(height, np.float32), wanted, progress.part(0.3, 1.0))


def _with_detail(height: Field, texture: NDArray[np.uint8], strength: float) -> Field:
    """Heights 0..1 with fine relief from light and shade, pressed back into 0..1."""
    if strength <= 0:
        return height
    rows, columns_ = height.shape
    field = relief_of(texture)
    x = (np.arange(columns_) + 0.5) * (field.shape[1] / columns_) - 0.5
    y = (np.arange(rows) + 0.5) * (field.shape[0] / rows) - 0.5
    grid = np.stack(np.meshgrid(x, y), 2).reshape(-1, 2)
    fine = sample(field, grid).reshape(rows, columns_)
    return np.asarray((height + strength * (1 + fine)) / (1 + 2 * strength), np.float32)


# -- bodies -------------------------------------------------------------------------------------------------


def _body(picture: Picture, near: Nearness, options: DepthOptions, progress: Progress) -> Mesh:
    """A closed body with a guessed back."""
    silhouette = silhouette_of(picture.alpha, progress=progress.part(0.0, 0.15))
    texture = bake.texture_of(picture, silhouette, options.texture_px, progress.part(0.15, 0.25))
    left, top, right, bottom = silhouette.box
    unit = max(right - left, bottom - top)
    deep = BODY * options.depth * unit
    near = _crisp(picture, near, GAP / max(BODY * options.depth, GAP))
    flat = flat_of(silhouette, options.faces // 2, RIM_SHARE, progress.part(0.3, 0.6))
    front = deep * _straight(near.at(flat.vertices, GAP * unit / deep))
    front += _detail(texture, flat, options.relief * BODY_FINE * unit)
    progress.update(0.65)
    back = _back(silhouette, near, flat, front, deep, unit, options)
    progress.update(0.8)
    both = layers.relaxed(np.column_stack([front, back]), flat.faces, flat.is_rim, GAP * unit, ROUNDS)
    cut_above = GAP * unit if options.cut else np.inf
    body = columns.between(flat, both[:, 0], both[:, 1], cut_above, LEAST * unit)
    body = without_crumbs(straightened(body, len(flat.vertices)))
    progress.update(0.95)
    middle = [(left + right) / 2, -(top + bottom) / 2, float(np.mean(body.vertices[:, 2]))]
    vertices = ((body.vertices - middle) / unit).astype(np.float32)
    uv = texture.uv_of(body.flat)
    mesh = Mesh(vertices, body.faces.astype(np.int32), uv, Picture.own(texture.pixels)).validate()
    progress.update(1.0)
    return mesh


def _crisp(picture: Picture, near: Nearness, gap: float) -> Nearness:
    """The map with its ramps cut to steps."""
    rows, columns_ = near.near.shape
    shown = near.window.shown(picture, (columns_, rows))
    return near.crisp(np.asarray(shown.rgb / np.float32(255), np.float32), shown.alpha >= 128, gap)


def _straight(near: NDArray[Any]) -> Floats:
    """Depths 0..1 from nearness 0..1: inverse depth turned round, so that flat things are not bent."""
    away = 1 / (1 - AWAY / (1 + AWAY) * (1 - np.asarray(near, np.float64)))
    return np.asarray(1 - (away - 1) / AWAY)


def _detail(texture: bake.Texture, flat: Flat, strength: float) -> Floats:
    """What light and shade add to the front, `(k,)`, picture pixels; nothing at the rim, whose colours are bled."""
    if strength <= 0:
        return np.zeros(len(flat.vertices))
    field = relief_of(texture.pixels)
    shrunk = field.shape[1] / texture.pixels.shape[1]
    at = (flat.vertices - [texture.left, texture.top]) * (texture.scale * shrunk) - 0.5
    return np.asarray(sample(field, at) * strength * np.clip(flat.distance / (2 * strength), 0, 1))


def _back(
    silhouette: Silhouette, near: Nearness, flat: Flat, front: Floats, deep: float, unit: float, options: DepthOptions
) -> Floats:
    """Depths of the unseen side, `(k,)`, picture pixels."""
    if options.back == "flat":
        return np.full(len(front), float(front.min()) - options.base * unit)
    rows, columns_ = silhouette.distance.shape
    x = silhouette.left + (np.arange(columns_) + 0.5) * silhouette.pixel
    y = silhouette.top + (np.arange(rows) + 0.5) * silhouette.pixel
    places = np.stack(np.meshgrid(x, y), 2).reshape(-1, 2)
    field = deep * _straight(near.at(places, GAP * unit / deep)).reshape(rows, columns_)
    behind = behind_of(silhouette, field.astype(np.float32), GAP * unit)
    middle, half = behind.read(flat.vertices, flat.distance, front, GAP * unit)
    half = half * options.thickness
    if options.back == "mirrored":
        half = np.maximum(FLATTENED * (front - middle), 0.25 * half)
    return np.asarray(np.minimum(middle - half, front - LEAST * unit))
