"""Several textures as one: parts of a scene that have pictures of their own share a picture of all of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture

MOST_PICTURES = 256
MOST_PIXELS = 8192 * 8192
"""Of all pictures together."""

_BORDER_PX = 2
"""Around each picture, its outermost pixels once more: the linear filter reaches half a pixel beyond."""

_FLAT_PX = 4
_SLACK = 1e-4
"""By which uv may leave a picture and still mean it, as rounding does."""


def together(mesh: Mesh, parts: NDArray[np.int64], pictures: Sequence[Picture]) -> Mesh | None:
    """The mesh with one texture in which all pictures lie side by side, pixel for pixel; None where that cannot be.

    It cannot where a face repeats its picture (then it would show another part's), or the pictures are too many.

    Args:
        mesh: with uv; its pictures are replaced, its faces keep order and corners.
        parts: `(m,)`, which picture each face has.
        pictures: at least one.
    """
    if mesh.uv is None or sum(one.width * one.height for one in pictures) > MOST_PIXELS:
        return None
    uv = mesh.uv[mesh.faces].astype(np.float64)
    uv -= np.floor(uv.min(axis=1, keepdims=True) + _SLACK)  # whole steps show the same
    if uv.max() > 1 + _SLACK:
        return None
    uv = np.clip(uv, 0, 1)
    places, width, height = _places(pictures)
    pixels = np.zeros((height, width, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    for picture, (x, y) in zip(pictures, places.tolist(), strict=True):
        bordered = np.pad(picture.pixels, ((_BORDER_PX, _BORDER_PX), (_BORDER_PX, _BORDER_PX), (0, 0)), mode="edge")
        pixels[y : y + len(bordered), x : x + bordered.shape[1]] = bordered
    sizes = np.array([(one.width, one.height) for one in pictures])
    corner, size = places[parts][:, None] + _BORDER_PX, sizes[parts][:, None]
    across = (corner[..., 0] + uv[..., 0] * size[..., 0]) / width
    down = (corner[..., 1] + (1 - uv[..., 1]) * size[..., 1]) / height
    placed = np.stack([across, 1 - down], axis=-1).astype(np.float32)
    return _split(mesh, placed, Picture.own(pixels))


def flat_picture(colour: NDArray[np.uint8]) -> Picture:
    """A small picture of one colour, `(4,) uint8`."""
    return Picture.own(np.tile(colour, (_FLAT_PX, _FLAT_PX, 1)))


def _places(pictures: Sequence[Picture]) -> tuple[NDArray[np.int64], int, int]:
    """Upper left corners of the bordered pictures, in rows from the tallest to the lowest; width and height of all."""
    sizes = np.array([(one.width, one.height) for one in pictures]) + 2 * _BORDER_PX
    limit = max(int(np.ceil(np.sqrt(float(sizes.prod(axis=1).sum())))), int(sizes[:, 0].max()))
    places = np.zeros_like(sizes)
    x = y = row = width = 0
    for number in np.lexsort((-sizes[:, 0], -sizes[:, 1])).tolist():
        wide, high = sizes[number].tolist()
        if x + wide > limit and x:
            x, y, row = 0, y + row, 0
        places[number] = x, y
        x, row = x + wide, max(row, high)
        width = max(width, x)
    return places, width, y + row


def _split(mesh: Mesh, uv: NDArray[np.float32], picture: Picture) -> Mesh:
    """The mesh with a vertex for each place and uv, `(m, 3, 2)`, that occur together."""
    values = np.ascontiguousarray(uv.reshape(-1, 2) + np.float32(0)).view(np.uint64).reshape(-1)
    _, number = np.unique(values, return_inverse=True)
    key = mesh.faces.reshape(-1).astype(np.int64) * (int(number.max()) + 1) + number.reshape(-1)
    _, first, corners = np.unique(key, return_index=True, return_inverse=True)
    return replace(
        mesh,
        vertices=mesh.vertices[mesh.faces.reshape(-1)[first]],
        faces=corners.reshape(-1, 3).astype(np.int32),
        uv=uv.reshape(-1, 2)[first],
        base_colour=picture,
        metallic_roughness=None,
        normal=None,
    )
