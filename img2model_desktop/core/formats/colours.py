"""Colours of vertices and faces as a texture: the one form in which a mesh has colour here.

A face of one colour points at one texel. A face whose corners differ gets a block of 2 x 2 texels: with the corners'
colours in three of them and B + C - A in the fourth, the linear filter of every viewer gives exactly the blend over
the triangle. Two neighbours share one block where their four colours lie nearly in a plane. Blocks need no gap:
sampling stays between the centres of their own texels.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.topology import Ids, edges_of

Colours = NDArray[np.uint8]

_BENT = 32
"""Most by which A + D may differ from B + C in a shared block; in its middle that is a quarter, 8 of 255 levels."""

_ROUNDS = 6
"""Of pairing; each pairs most of what the one before left over."""


def painted(mesh: Mesh, colours: Colours) -> Mesh:
    """The mesh with these colours as its texture; the faces keep their order and corners, vertices are repeated.

    Args:
        mesh: valid; its uv and pictures are replaced.
        colours: `(m, 3, 4) uint8`, sRGB and alpha, for each corner of each face.
    """
    faces = mesh.faces
    plain = (colours == colours[:, :1]).all(axis=(1, 2))
    palette, texel = np.unique(_packed(colours[plain, 0]), return_inverse=True)
    rest = np.nonzero(~plain)[0]
    one, other, turn_one, turn_other = _pairs(faces[rest], colours[rest])
    single = np.setdiff1d(np.arange(len(rest)), np.concatenate([one, other]))
    turn_single = _least_clipped(colours[rest[single]])
    blocks = len(one) + len(single)
    side = max(int(np.ceil(np.sqrt(4 * blocks + len(palette)))), 2)
    side += side % 2
    block_rows = -(-blocks // (side // 2))
    height = max(2 * block_rows + -(-len(palette) // side), 1)
    pixels = np.zeros((height, side, 4), dtype=np.uint8)
    pixels[..., 3] = 255

    at = np.zeros((len(faces), 3, 2), dtype=np.int64)  # texel of each corner: column, row
    number = np.arange(len(palette))
    palette_at = np.stack([number % side, 2 * block_rows + number // side], axis=1)
    pixels[palette_at[:, 1], palette_at[:, 0]] = palette.view(np.uint8).reshape(-1, 4)
    at[plain] = palette_at[texel.reshape(-1)][:, None]

    first = np.concatenate([one, single])
    number = np.argsort(np.argsort(first))  # faces in the file's order lie near each other: coarser levels mix those
    corner = np.stack([number % (side // 2), number // (side // 2)], axis=1) * 2
    turn = np.concatenate([turn_one, turn_single])
    for k, step in enumerate(((0, 0), (1, 0), (0, 1))):  # A, B, C of each block's first face
        place, which = corner + step, (turn + k) % 3
        pixels[place[:, 1], place[:, 0]] = colours[rest[first], which]
        at[rest[first], which] = place
    a, b, c = (colours[rest[first], (turn + k) % 3].astype(np.int16) for k in range(3))
    fourth = np.clip(b + c - a, 0, 255).astype(np.uint8)
    fourth[: len(one)] = colours[rest[other], turn_other]
    pixels[corner[:, 1] + 1, corner[:, 0] + 1] = fourth
    for k, step in enumerate(((1, 1), (0, 1), (1, 0))):  # D, C, B: the second face sees the shared side turned round
        at[rest[other], (turn_other + k) % 3] = corner[: len(one)] + step
    return _split(mesh, at, Picture.own(pixels))


def flat(count: int, colour: tuple[int, int, int, int]) -> Colours:
    """`(count, 3, 4)`: faces of one colour."""
    return np.tile(np.array(colour, dtype=np.uint8), (count, 3, 1))


def from_linear(values: NDArray[np.floating]) -> Colours:
    """sRGB and alpha, 8 bit, of `(..., 3 or 4)` linear values 0..1 (IEC 61966-2-1)."""
    values = np.nan_to_num(np.clip(values.astype(np.float64), 0, 1))
    rgb = values[..., :3]
    curved = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * np.power(rgb, 1 / 2.4) - 0.055)
    alpha = values[..., 3:] if values.shape[-1] == 4 else np.ones_like(values[..., :1])
    return np.asarray(np.rint(np.concatenate([curved, alpha], axis=-1) * 255), dtype=np.uint8)


def _packed(colours: Colours) -> NDArray[np.uint32]:
    """`(n,)`: four bytes as one number."""
    return np.ascontiguousarray(colours).view(np.uint32).reshape(-1)


def _split(mesh: Mesh, at: Ids, picture: Picture) -> Mesh:
    """The mesh with a vertex for each place and texel that occur together."""
    texel = at[..., 1] * picture.width + at[..., 0]
    key = mesh.faces.astype(np.int64) * (picture.width * picture.height) + texel
    _, first, numbers = np.unique(key, return_index=True, return_inverse=True)
    columns, rows = (at.reshape(-1, 2)[first, k].astype(np.float64) + 0.5 for k in (0, 1))
    uv = np.stack([columns / picture.width, 1 - rows / picture.height], axis=1).astype(np.float32)
    return replace(
        mesh,
        vertices=mesh.vertices[mesh.faces.reshape(-1)[first]],
        faces=numbers.reshape(-1, 3).astype(np.int32),
        uv=uv,
        base_colour=picture,
        metallic_roughness=None,
        normal=None,
    )


def _least_clipped(colours: Colours) -> Ids:
    """Which corner is A, so that B + C - A leaves 0..255 the least."""
    wide = colours.astype(np.int16)
    fourth = wide[:, [1, 2, 0]] + wide[:, [2, 0, 1]] - wide
    lost = np.maximum(-fourth, 0) + np.maximum(fourth - 255, 0)
    return np.asarray(lost.sum(axis=2).argmin(axis=1))


def _pairs(faces: NDArray[np.int32], colours: Colours) -> tuple[Ids, Ids, Ids, Ids]:
    """Neighbours that share a block.

    Returns:
        the first and the second face of each pair, and which corner of each is the one that the other has not.
    """
    if not len(faces):
        none = np.zeros(0, dtype=np.int64)
        return none, none, none, none
    edges = edges_of(faces)
    here, there = edges.neighbours
    simple = (edges.uses[edges.edge[here]] == 2) & (edges.forward[here] != edges.forward[there])
    here, there = edges.order[here[simple]], edges.order[there[simple]]
    one, other = here // 3, there // 3
    tip_one, tip_other = (here + 2) % 3, (there + 2) % 3
    a, b, c = (colours[one, (tip_one + k) % 3].astype(np.int16) for k in range(3))
    d, c_other, b_other = (colours[other, (tip_other + k) % 3].astype(np.int16) for k in range(3))
    bent = np.abs(a + d - b - c).max(axis=1)
    fits = (bent <= _BENT) & (b == b_other).all(axis=1) & (c == c_other).all(axis=1) & (one != other)
    order = np.nonzero(fits)[0][np.argsort(bent[fits], kind="stable")]
    chosen = _matched(one[order], other[order], len(faces))
    kept = order[chosen]
    return one[kept], other[kept], tip_one[kept], tip_other[kept]


def _matched(one: Ids, other: Ids, count: int) -> Ids:
    """Positions of links, best first, such that no face is in two: a link is taken where it is the best of both."""
    alive = np.arange(len(one))
    taken: list[Ids] = []
    for _ in range(_ROUNDS):
        best_one, best_other = np.full((2, count), len(one), dtype=np.int64)
        best_one[one[alive[::-1]]] = best_other[other[alive[::-1]]] = alive[::-1]  # the last one written is the best
        best = np.minimum(best_one, best_other)
        mutual = alive[(best[one[alive]] == alive) & (best[other[alive]] == alive)]
        taken.append(mutual)
        used = np.zeros(count, dtype=bool)
        used[one[mutual]] = used[other[mutual]] = True
        alive = alive[~(used[one[alive]] | used[other[alive]])]
        if not len(alive):
            break
    return np.concatenate(taken) if taken else np.zeros(0, dtype=np.int64)
