"""Bakes the look of one mesh onto the uv layout of another."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.normals import split_at_creases
from img2model_desktop.core.picture import Picture, Pixels
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.raster import BATCH, Texels, rasterise, twice_area
from img2model_desktop.core.workshop.sampling import Sampler, spread, used_texels
from img2model_desktop.core.workshop.surface_search import Places, Surface, closest_weights

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

RIM = 1.5
"""Texels around a chart that are looked up at its border, so that mixing neighbours there is true to the colour."""

COARSER = 1.25
"""From how many old texels for one new one the old texture is made smaller before it is read."""


def bake(mesh: Mesh, source: Mesh, texture_px: int, progress: Progress) -> Mesh:
    """The mesh with every picture of the source laid on its own layout.

    Each texel's place on the new surface is looked up on the source (`Surface.find`) and the source's texture read
    there. Between charts the nearest chart's colour goes on, so that smaller levels of the texture show no gaps.
    Surfaces that the source does not have take the closest colour. Normal pictures are turned into the new layout's
    tangent frame, with the source's own shading normal in them, so that detail which the new surface lost is kept.

    Args:
        mesh: with uv inside the unit square that do not overlap.
        source: with uv and at least one picture.
        texture_px: side of the new textures.
        progress: token.

    Raises:
        Cancelled: from `progress`.
    """
    progress.update(0.0)
    surface = Surface(source)
    frame, old = Frame(mesh), Frame(source)
    side = texture_px
    covered, owner = _owners(frame, side, progress.part(0.02, 0.25))
    samplers = _samplers(source, density_of(mesh, side, side), progress.part(0.25, 0.35))
    baked = {name: np.full((side, side, 4), 255, np.uint8) for name in samplers}
    steps = progress.part(0.35, 0.9)
    total = max(1, int(covered.sum()))
    done = 0
    for texels in _all_texels(covered, owner):
        step = steps.part(done / total, (done + len(texels.face)) / total)
        done += len(texels.face)
        here = _places(frame, texels, side)
        normals = frame.normals(here)
        found = surface.find(frame.points(here), normals, step)
        uv = old.uv(found)
        for name, sampler in samplers.items():
            read = sampler.read(uv)
            if name == "normal":
                read = _turned(read, old, found, frame, here)
            baked[name][texels.row, texels.column] = read
    filled: dict[str, Picture] = {}
    for number, (name, pixels) in enumerate(baked.items()):
        progress.update(0.9 + 0.1 * number / len(baked))
        filled[name] = Picture.own(spread(pixels, covered) if covered.any() else pixels)
    progress.update(1.0)
    return with_pictures(mesh, filled)


def paint(mesh: Mesh, colour: Callable[[Floats], Floats], texture_px: int, progress: Progress) -> Mesh:
    """The mesh with a base colour that is a function of the place, opaque.

    Args:
        mesh: with uv inside the unit square that do not overlap.
        colour: places `(k, 3)`, metres, to sRGB `(k, 3)`, 0..1; at most `BATCH` places at a time.
        texture_px: side of the texture.
        progress: token.

    Raises:
        Cancelled: from `progress`.
    """
    progress.update(0.0)
    frame = Frame(mesh)
    covered, owner = _owners(frame, texture_px, progress.part(0.0, 0.2))
    pixels = np.full((texture_px, texture_px, 4), 255, np.uint8)
    total, done = max(1, int(covered.sum())), 0
    for texels in _all_texels(covered, owner):
        progress.update(0.2 + 0.7 * done / total)
        done += len(texels.face)
        read = colour(frame.points(_places(frame, texels, texture_px)))
        pixels[texels.row, texels.column, :3] = np.clip(np.rint(read * 255), 0, 255).astype(np.uint8)
    progress.update(0.9)
    painted = replace(mesh, base_colour=Picture.own(spread(pixels, covered) if covered.any() else pixels))
    progress.update(1.0)
    return painted


class Frame:
    """A mesh with uv, to be asked for points, normals and tangents at places on it."""

    def __init__(self, mesh: Mesh) -> None:
        if mesh.uv is None:
            raise ValueError("baking needs uv")
        _, faces, normals = split_at_creases(mesh.vertices, mesh.faces)
        self.corners = mesh.uv[mesh.faces].astype(np.float64)
        self._points = mesh.vertices[mesh.faces]
        self._normals = normals[faces]

    def points(self, places: Places) -> Floats:
        """`(k, 3)`, metres."""
        return _mixed(self._points, places)

    def normals(self, places: Places) -> Floats:
        """`(k, 3)` shading normals, unit length."""
        return _unit(_mixed(self._normals, places))

    def uv(self, places: Places) -> Floats:
        """`(k, 2)`."""
        return _mixed(self.corners.astype(np.float32), places)

    def tangents(self, places: Places) -> tuple[Floats, Floats, Floats]:
        """Tangent (along u), bitangent (along v) and normal, `(k, 3)` each, unit length and square to each other."""
        uv, xyz = self.corners[places.face], self._points[places.face].astype(np.float64)
        one, other = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
        p, q = xyz[:, 1] - xyz[:, 0], xyz[:, 2] - xyz[:, 0]
        sign = np.where(twice_area(uv) < 0, -1.0, 1.0)[:, None]
        along = (p * other[:, 1:] - q * one[:, 1:]) * sign
        normal = self.normals(places)
        level = along - normal * np.einsum("ij,ij->i", along, normal)[:, None]
        lost = np.einsum("ij,ij->i", level, level) < 1e-12 * np.maximum(np.einsum("ij,ij->i", along, along), 1e-300)
        axis = np.eye(3)[np.abs(normal[lost]).argmin(axis=1)]
        level[lost] = np.cross(axis, normal[lost])
        tangent = _unit(level.astype(np.float32))
        return tangent, (np.cross(normal, tangent) * sign).astype(np.float32), normal


def density_of(mesh: Mesh, width: int, height: int) -> float:
    """Median, over the surface, of the texels along a metre for a texture of this size; 0 without a surface."""
    if mesh.uv is None:
        return 0.0
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    surface = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    sound = surface > 0
    if not sound.any():
        return 0.0
    corners = mesh.uv.astype(np.float64)[mesh.faces[sound]] * (width, height)
    density = np.sqrt(np.abs(twice_area(corners)) / surface[sound])
    order = np.argsort(density)
    shares = np.cumsum(surface[sound][order])
    return float(density[order][np.searchsorted(shares, shares[-1] / 2)])


def _owners(frame: Frame, side: int, progress: Progress) -> tuple[Mask, NDArray[np.int32]]:
    """Which texels are looked up, `(side, side)`, and the face that each belongs to; `RIM` texels around charts too."""
    owner = np.full((side, side), -1, dtype=np.int32)
    for texels in rasterise(frame.corners * (side, -side) + (0, side), side, side):
        progress.update(0.5)
        owner[texels.row, texels.column] = texels.face
    # a face that covers the middle of no texel owns the one it lies in, if nothing else does
    seen = np.zeros(len(frame.corners), dtype=bool)
    seen[owner[owner >= 0]] = True
    small = np.nonzero(~seen)[0]
    middle = frame.corners[small].mean(axis=1)
    column = np.clip(middle[:, 0] * side, 0, side - 1).astype(np.int64)
    row = np.clip((1 - middle[:, 1]) * side, 0, side - 1).astype(np.int64)
    free = owner[row, column] < 0
    owner[row[free], column[free]] = small[free]
    empty = (owner < 0).astype(np.uint8)
    distance = cv2.distanceTransform(empty, cv2.DIST_L2, 5)
    near = distance <= RIM
    spread_owner = spread(owner[..., None], owner >= 0)[..., 0] if near.any() and not empty.all() else owner
    progress.update(1.0)
    return np.asarray(near), np.where(near, spread_owner, -1)


def _all_texels(covered: Mask, owner: NDArray[np.int32]) -> Iterator[Texels]:
    """The covered texels, in batches."""
    places = np.nonzero(covered.ravel())[0]
    for start in range(0, len(places), BATCH):
        some = places[start : start + BATCH]
        row, column = np.divmod(some, covered.shape[1])
        yield Texels(owner.ravel()[some].astype(np.int64), row, column)


def _places(frame: Frame, texels: Texels, side: int) -> Places:
    """Where the middle of each texel lies in its face; for one outside, the closest place in it."""
    middle = np.stack([texels.column + 0.5, side - texels.row - 0.5], axis=1) / side
    return Places(texels.face, closest_weights(middle, frame.corners[texels.face]))


def _samplers(source: Mesh, wanted: float, progress: Progress) -> dict[str, Sampler]:
    """One for each picture of the source, made smaller where the new texture is coarser."""
    samplers: dict[str, Sampler] = {}
    used: dict[tuple[int, int], Mask | None] = {}
    for name, picture in pictures_of(source).items():
        progress.update(len(samplers) / 3)
        size = picture.width, picture.height
        if size not in used:
            used[size] = used_texels(source, *size)
        ratio = density_of(source, *size) / wanted if wanted > 0 else 1.0
        ratio = min(ratio, max(size))
        samplers[name] = Sampler(picture, name == "base_colour", ratio if ratio > COARSER else 1.0, used[size])
    return samplers


def pictures_of(mesh: Mesh) -> dict[str, Picture]:
    """The pictures that a mesh has, by the name of the field."""
    named = {"base_colour": mesh.base_colour, "metallic_roughness": mesh.metallic_roughness, "normal": mesh.normal}
    return {name: picture for name, picture in named.items() if picture is not None}


def with_pictures(mesh: Mesh, pictures: dict[str, Picture]) -> Mesh:
    """The mesh with these pictures, named as by `pictures_of`, in place of its own of the same names."""
    named = pictures_of(mesh) | pictures
    return replace(
        mesh,
        base_colour=named.get("base_colour"),
        metallic_roughness=named.get("metallic_roughness"),
        normal=named.get("normal"),
    )


def _turned(read: Pixels, old: Frame, found: Places, new: Frame, here: Places) -> Pixels:
    """Tangent-space normals of the source, `(k, 4) uint8`, in the tangent frame of the new layout (glTF: green up)."""
    local = read[:, :3].astype(np.float32) / np.float32(127.5) - 1
    vector = sum(local[:, k : k + 1] * axis for k, axis in enumerate(old.tangents(found)))
    vector = _unit(np.asarray(vector, np.float32))
    axes = new.tangents(here)
    turned = np.stack([np.einsum("ij,ij->i", vector, axis) for axis in axes], axis=1)
    turned[:, 2] = np.maximum(turned[:, 2], 0.05)  # a normal picture cannot point into the surface
    level = np.clip(np.rint((_unit(turned) + 1) * 127.5), 0, 255).astype(np.uint8)
    return np.column_stack([level, read[:, 3]])


def _mixed(values: NDArray[Any], places: Places) -> Floats:
    """Values of the corners of faces, `(m, 3, d)`, at places."""
    mixed = values[places.face, 0] * places.weights[:, :1]
    for corner in (1, 2):
        mixed += values[places.face, corner] * places.weights[:, corner : corner + 1]
    return np.asarray(mixed, np.float32)


def _unit(vectors: Floats) -> Floats:
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.asarray(vectors / np.maximum(length, np.float32(1e-30)), np.float32)
