"""PLY (Turk 1994), binary: coloured vertices; no unit, millimetres are meant."""

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.gltf_write import GENERATOR
from img2model_desktop.core.picture import Picture

_POSITION = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]
_TEXTURE = [("s", "<f4"), ("t", "<f4")]
_COLOUR = [("red", "u1"), ("green", "u1"), ("blue", "u1")]
_NAMES = {"<f4": "float", "u1": "uchar"}


def encode_ply(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    uv: NDArray[np.float32] | None,
    base_colour: Picture | None,
) -> bytes:
    """The bytes of a binary PLY file; colours are the texture's at the vertices, uv is kept as s and t.

    Args:
        vertices: `(n, 3) float32`, millimetres.
        faces: `(m, 3) int32`.
        uv: `(n, 2) float32`, origin lower left, or None.
        base_colour: that uv points into, or None.
    """
    has_colour = uv is not None and base_colour is not None
    layout = _POSITION + (_TEXTURE if uv is not None else []) + (_COLOUR if has_colour else [])
    table = np.zeros(len(vertices), dtype=layout)
    for k, (name, _) in enumerate(_POSITION):
        table[name] = vertices[:, k]
    if uv is not None:
        table["s"], table["t"] = uv[:, 0], uv[:, 1]
        if base_colour is not None:
            colours = sample(base_colour, uv)
            for k, (name, _) in enumerate(_COLOUR):
                table[name] = colours[:, k]
    triangles = np.zeros(len(faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    triangles["count"], triangles["corners"] = 3, faces
    head = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {GENERATOR}, millimetres",
        f"element vertex {len(vertices)}",
        *(f"property {_NAMES[kind]} {name}" for name, kind in layout),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    return ("\n".join(head) + "\n").encode("ascii") + table.tobytes() + triangles.tobytes()


def sample(picture: Picture, uv: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture's colours, linear between texels, at the border the border's, repeated when uv leaves 0..1.

    Args:
        uv: `(n, 2) float32`, origin lower left.

    Returns:
        `(n, 3) uint8`, sRGB.
    """
    height, width = picture.height, picture.width
    x = uv[:, 0].astype(np.float64) * width - 0.5
    y = (1.0 - uv[:, 1].astype(np.float64)) * height - 0.5
    left, top = np.floor(x), np.floor(y)
    right_share, low_share = (x - left)[:, None], (y - top)[:, None]
    inside = bool((uv >= 0).all() and (uv <= 1).all())

    def texel(column: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.float64]:
        if inside:
            column, row = np.clip(column, 0, width - 1), np.clip(row, 0, height - 1)
        return picture.rgb[(row % height).astype(np.intp), (column % width).astype(np.intp)].astype(np.float64)

    upper = texel(left, top) * (1 - right_share) + texel(left + 1, top) * right_share
    lower = texel(left, top + 1) * (1 - right_share) + texel(left + 1, top + 1) * right_share
    return np.asarray(np.rint(upper * (1 - low_share) + lower * low_share), dtype=np.uint8)
