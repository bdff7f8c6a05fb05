"""Meshes whose measures are known, made from formulas."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture

_BOX_CORNERS = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]]
_BOX_QUADS = [[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [2, 3, 7, 6], [1, 2, 6, 5], [0, 4, 7, 3]]
"""Back, front, bottom, top, right, left; counter-clockwise seen from outside."""


def least_seconds(work: Callable[[], object], times: int = 3) -> float:
    """Processor time of the quickest of several runs; other programs on the machine only add to it."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def mesh_of(vertices: object, faces: object) -> Mesh:
    """A valid mesh from anything that numpy reads."""
    return Mesh(np.array(vertices, dtype=np.float32), np.array(faces, dtype=np.int32)).validate()


def box(
    width: float = 1.0, height: float = 2.0, depth: float = 4.0, at: tuple[float, float, float] = (0, 0, 0)
) -> Mesh:
    """8 vertices, 12 faces; the lowest corner lies `at`."""
    quads = np.array(_BOX_QUADS)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return mesh_of(np.array(_BOX_CORNERS) * (width, height, depth) + at, faces)


def grid_faces(
    rows: int, columns: int, *, wrap_rows: bool = False, wrap_columns: bool = False, twist: bool = False
) -> NDArray[np.int64]:
    """Two faces for each cell of a grid of `rows x columns` vertices; a twist joins the last row turned round."""
    i, j = np.meshgrid(
        np.arange(rows if wrap_rows else rows - 1), np.arange(columns if wrap_columns else columns - 1), indexing="ij"
    )
    k = (j + 1) % columns
    last = i + 1 == rows
    below, below_next = (np.where(last & twist, columns - 1 - column, column) for column in (j, k))
    a, b = i * columns + j, i * columns + k
    c, d = (np.where(last, 0, (i + 1) * columns) + column for column in (below, below_next))
    return np.stack([np.stack([a, c, b], axis=-1), np.stack([b, c, d], axis=-1)], axis=2).reshape(-1, 3)


def torus(outer: float = 0.5, tube: float = 0.125, rows: int = 24, columns: int = 16) -> Mesh:
    """A ring around the y axis."""
    u, v = np.meshgrid(np.arange(rows) / rows * 2 * np.pi, np.arange(columns) / columns * 2 * np.pi, indexing="ij")
    radius = outer + tube * np.cos(v)
    vertices = np.stack([radius * np.sin(u), tube * np.sin(v), radius * np.cos(u)], axis=-1)
    return mesh_of(vertices.reshape(-1, 3), grid_faces(rows, columns, wrap_rows=True, wrap_columns=True))


def sphere(radius: float = 0.5, rows: int = 24, columns: int = 48) -> Mesh:
    """A closed ball of circles of latitude, with two poles."""
    lat = (np.arange(1, rows) / rows - 0.5) * np.pi
    lon = np.arange(columns) / columns * 2 * np.pi
    rings = np.stack(
        np.broadcast_arrays(
            np.cos(lat)[:, None] * np.sin(lon), np.sin(lat)[:, None], np.cos(lat)[:, None] * np.cos(lon)
        ),
        axis=-1,
    )
    faces = grid_faces(rows - 1, columns, wrap_columns=True)[:, ::-1]
    count, ring = (rows - 1) * columns, np.arange(columns)
    following = (ring + 1) % columns
    poles = np.array([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
    last = count - columns  # begin of the northernmost circle
    south = np.stack([np.full(columns, count), following, ring], axis=1)
    north = np.stack([np.full(columns, count + 1), last + ring, last + following], axis=1)
    vertices = np.append(rings.reshape(-1, 3), poles, axis=0) * radius
    return mesh_of(vertices, np.concatenate([faces, south, north]))


def moebius(rows: int = 32) -> Mesh:
    """A strip with one side and one border."""
    u = np.arange(rows) / rows * 2 * np.pi
    half = np.array([-0.2, 0.2])
    radius = 1 + half * np.cos(u / 2)[:, None]
    vertices = np.stack(
        [radius * np.cos(u)[:, None], radius * np.sin(u)[:, None], half * np.sin(u / 2)[:, None]], axis=-1
    )
    return mesh_of(vertices.reshape(-1, 3), grid_faces(rows, 2, wrap_rows=True, twist=True))


def klein(rows: int = 24, columns: int = 16) -> Mesh:
    """A closed surface with one side (a figure of eight carried round with half a turn)."""
    u = (np.arange(rows) / rows * 2 * np.pi)[:, None]
    v = ((np.arange(columns) + 0.5) / columns * 2 * np.pi)[None]
    radius = 2 + np.cos(u / 2) * np.sin(v) - np.sin(u / 2) * np.sin(2 * v)
    height = np.sin(u / 2) * np.sin(v) + np.cos(u / 2) * np.sin(2 * v)
    vertices = np.stack([radius * np.cos(u), radius * np.sin(u), height], axis=-1)
    return mesh_of(vertices.reshape(-1, 3), grid_faces(rows, columns, wrap_rows=True, wrap_columns=True, twist=True))


def turned(mesh: Mesh) -> Mesh:
    """The mesh inside out."""
    return Mesh(mesh.vertices, mesh.faces[:, ::-1].copy(), mesh.uv, mesh.base_colour)


def together(*meshes: Mesh) -> Mesh:
    """Several meshes as one, without uv."""
    offsets = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    faces = [mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)]
    return mesh_of(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces))


def pixels(width: int = 32, height: int = 16, seed: int = 0) -> Picture:
    """An opaque picture in which no two neighbours are alike."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    values[..., 3] = 255
    return Picture.own(values)


def textured(mesh: Mesh | None = None, picture: Picture | None = None) -> Mesh:
    """The mesh with a vertex of its own for each corner of each face, uv for each, and a texture: seams everywhere."""
    mesh = mesh or torus()
    uv = np.random.default_rng(1).random((mesh.faces.size, 2)).astype(np.float32)
    faces = np.arange(mesh.faces.size, dtype=np.int32).reshape(-1, 3)
    return Mesh(mesh.vertices[mesh.faces].reshape(-1, 3), faces, uv, picture or pixels()).validate()
