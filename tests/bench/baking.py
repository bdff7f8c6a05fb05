"""How long a mesh takes to be laid flat and baked anew, and how true its colours stay; plain xatlas beside it.

The meshes are bumpy balls whose colour is a formula of the direction, so that the error of every place is known.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.uv_facts import measure_uv
from img2model_desktop.core.workshop.rebake import bake
from img2model_desktop.core.workshop.sampling import Sampler
from img2model_desktop.core.workshop.surface_search import samples_of
from img2model_desktop.core.workshop.unwrap import unwrap
from tests.bench.table import Table
from tests.shapes import grid_faces

NAME = "baking"

SIDE = 2048
SIZES = (5_000, 20_000, 50_000, 200_000)
XATLAS_UP_TO = 50_000  # more would take it minutes

Points = NDArray[np.float64]


def tables() -> list[Table]:
    """Both tables; they need no data."""
    meshes = [ball(count) for count in SIZES]
    unwrap(meshes[0], SIDE, Progress())  # libraries are loaded
    laid = [_timed(lambda mesh=mesh: unwrap(mesh, SIDE, Progress())) for mesh in meshes]  # type: ignore[misc]  # mypy infers no type for a default
    rows = [_layout("own", mesh, out, seconds) for mesh, (out, seconds) in zip(meshes, laid, strict=True)]
    for mesh in meshes:
        if len(mesh.faces) <= XATLAS_UP_TO:
            rows.append(_layout("xatlas", mesh, *_timed(lambda mesh=mesh: by_xatlas(mesh))))  # type: ignore[misc]  # mypy infers no type for a default
    columns = ["layout", "triangles", "s", "charts", "vertices", "covered", "overlap", "mirrored", "L2 stretch",
               "area 95 %", "angle 95 %", "gap px"]  # fmt: skip
    layouts = Table(f"Laid flat for {SIDE} px", columns, rows)
    source = globe()
    before = _error(source)
    baked = [_bake(out, source, before) for out, _ in laid]
    columns = ["triangles", "s", "error before", "error after", "99 % before", "99 % after"]
    return [
        layouts,
        Table(f"Baked at {SIDE} px from {len(source.faces):,} triangles; errors in levels", columns, baked),
    ]


def by_xatlas(mesh: Mesh) -> Mesh:
    """The layout that xatlas makes with the same gap."""
    import xatlas

    atlas = xatlas.Atlas()
    atlas.add_mesh(mesh.vertices, mesh.faces.astype(np.uint32))
    options = xatlas.PackOptions()
    options.padding, options.resolution = 4, SIDE
    atlas.generate(pack_options=options)
    mapping, faces, uv = atlas[0]
    return Mesh(mesh.vertices[mapping], faces.astype(np.int32), uv.astype(np.float32)).validate()


def ball(faces: int) -> Mesh:
    """A bumpy ball with about so many faces: evenly spread points, joined by their hull."""
    from scipy.spatial import ConvexHull

    number = np.arange(faces // 2 + 2) + 0.5
    up = 1 - 2 * number / len(number)
    turn = np.pi * (1 + 5**0.5) * number  # a Fibonacci spiral
    flat = np.sqrt(1 - up**2)
    at = np.stack([flat * np.cos(turn), up, flat * np.sin(turn)], axis=1)
    hull = ConvexHull(at).simplices
    a, b, c = (at[hull[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    hull[inward] = hull[inward][:, ::-1]
    return Mesh(_bumpy(at), hull.astype(np.int32)).validate()


def globe(rows: int = 150, columns: int = 300) -> Mesh:
    """The same ball with a layout of longitude and latitude, painted."""
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    y, x = np.meshgrid((SIDE - 0.5 - np.arange(SIDE)) / SIDE, (np.arange(SIDE) + 0.5) / SIDE, indexing="ij")
    pixels = np.full((SIDE, SIDE, 4), 255, np.uint8)
    pixels[..., :3] = np.rint(colour_of(_on_globe(x.ravel(), y.ravel()))).reshape(SIDE, SIDE, 3)
    uv = np.column_stack([u.ravel(), v.ravel()]).astype(np.float32)
    faces = grid_faces(rows, columns)[:, ::-1].astype(np.int32)
    return Mesh(_bumpy(_on_globe(u.ravel(), v.ravel())), faces, uv, Picture(pixels)).validate()


def _on_globe(u: Points, v: Points) -> Points:
    lat, lon = (v - 0.5) * np.pi, u * 2 * np.pi
    return np.stack([np.cos(lat) * np.sin(lon), np.sin(lat), np.cos(lat) * np.cos(lon)], axis=1)


def _bumpy(at: Points) -> NDArray[np.float32]:
    radius = 0.5 + 0.04 * np.sin(7 * at[:, 0]) * np.cos(6 * at[:, 1] + 2 * at[:, 2])
    return np.asarray(at * radius[:, None], np.float32)


def colour_of(at: Points) -> Points:
    """Levels, `(k, 3)`, by direction: waves about a twentieth of the way around long."""
    return np.stack([128 + 100 * np.sin(20 * at[:, 0]), 128 + 100 * np.cos(20 * at[:, 1]), 128 + 90 * at[:, 2]], axis=1)


def _layout(name: str, mesh: Mesh, out: Mesh, seconds: float) -> list[str]:
    found = measure_uv(replace(out, base_colour=Picture(np.zeros((SIDE, SIDE, 4), np.uint8))))
    assert found is not None
    return [
        name,
        f"{len(mesh.faces):,}",
        f"{seconds:.1f}",
        f"{found.islands}",
        f"{len(out.vertices) / len(mesh.vertices):.2f}x",
        f"{found.coverage:.0%}",
        f"{found.overlap:.3%}",
        f"{len(found.flipped):,}",
        f"{found.stretch:.3f}",
        f"{found.area_stretch[1]:.2f}",
        f"{found.angle_stretch[1]:.2f}",
        "-" if found.padding_px is None else f"{found.padding_px:.1f}",
    ]


def _bake(laid: Mesh, source: Mesh, before: Points) -> list[str]:
    out, seconds = _timed(lambda: bake(laid, source, SIDE, Progress()))
    after = _error(out)
    return [
        f"{len(out.faces):,}",
        f"{seconds:.1f}",
        f"{before.mean():.2f}",
        f"{after.mean():.2f}",
        f"{np.quantile(before, 0.99):.1f}",
        f"{np.quantile(after, 0.99):.1f}",
    ]


def _error(mesh: Mesh) -> Points:
    """Levels between the formula and what a textured mesh shows, at places spread over it."""
    assert mesh.uv is not None
    assert mesh.base_colour is not None
    triangles = mesh.vertices[mesh.faces].astype(np.float64)
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    places = samples_of(np.linalg.norm(cross, axis=1), 200_000)
    points = np.einsum("kc,kcd->kd", places.weights, triangles[places.face])
    uv = np.einsum("kc,kcd->kd", places.weights, mesh.uv[mesh.faces][places.face])
    shown = Sampler(mesh.base_colour, is_colour=True).read(uv)[:, :3].astype(np.float64)
    return np.asarray(np.abs(shown - colour_of(points / np.linalg.norm(points, axis=1, keepdims=True))))


def _timed(work: Callable[[], Mesh]) -> tuple[Mesh, float]:
    began = time.perf_counter()
    out = work()
    return out, time.perf_counter() - began
