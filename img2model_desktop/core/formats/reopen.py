"""Opens a file that was just written with a reader that is not ours, and compares."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.formats.frame import PLAIN, Frame, as_frame, settled
from img2model_desktop.core.formats.ply import sample
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.topology import collapsed, edges_of, same_rows

TOLERANCE = 1e-6
"""Of lengths, as a share of the longest side; of uv, in texture widths. Eight significant digits survive float32."""


def verify_written(mesh: Mesh, path: Path, frame: Frame | str = PLAIN) -> tuple[str, ...]:
    """What is different in the file, one sentence each; empty when it holds the mesh.

    Compared are the number of triangles, each corner's place (and so bounds, unit and axis), area, closedness, uv,
    and the texture pixel by pixel (for PLY the vertex colours).

    Args:
        mesh: that was written.
        path: of the file, with its companions beside it.
        frame: with which it was written.
    """
    try:
        found = _open(path)
        return tuple(_differences(mesh, path.suffix.lower(), as_frame(frame), found))
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        ImportError,
        NotImplementedError,
    ) as problem:
        # another program's reader fails in its own ways; each means that others may fail on the file, too
        return (f"the file cannot be opened again ({type(problem).__name__}: {str(problem)[:200]})",)


def _open(path: Path) -> Any:
    """The one geometry of a file, as trimesh reads it."""
    import trimesh  # 0.4 s to import; needed only here

    loaded = trimesh.load(str(path), process=False)
    if not isinstance(loaded, trimesh.Scene):
        return loaded
    if len(loaded.geometry) != 1:
        raise ValueError(f"{len(loaded.geometry)} objects instead of one")
    return loaded.to_mesh()


def _differences(mesh: Mesh, suffix: str, frame: Frame, found: Any) -> Iterator[str]:
    expected = settled(suffix, frame).to_file(mesh.vertices)
    faces = np.asarray(found.faces)
    if len(faces) != len(mesh.faces):
        yield f"it has {len(faces)} triangles instead of {len(mesh.faces)}"
        return
    wanted = expected.astype(np.float64)[mesh.faces]
    corners = np.asarray(found.vertices, dtype=np.float64)[faces]
    if not np.array_equal(corners.astype(np.float32), wanted):  # bit for bit the same: then so is all that follows
        yield from _shape(corners, wanted)
    if suffix != ".stl" and mesh.uv is not None:
        yield from _look(mesh, suffix, found, faces)


def _shape(corners: NDArray[np.float64], wanted: NDArray[np.float64]) -> Iterator[str]:
    span = float(np.ptp(wanted.reshape(-1, 3), axis=0).max())
    if not np.abs(corners - wanted).max() <= TOLERANCE * span:
        yield _misplaced(corners, wanted)
        return
    if not abs(_area(corners) - _area(wanted)) <= 1e-5 * _area(wanted):
        yield "its surface has another area"
    if _is_closed(corners) != _is_closed(wanted):
        yield "its surface is not closed in the same way"


def _misplaced(corners: NDArray[np.float64], wanted: NDArray[np.float64]) -> str:
    size, meant = (np.ptp(points.reshape(-1, 3), axis=0) for points in (corners, wanted))
    text = " x ".join(f"{value:.6g}" for value in size)
    return f"its corners are in other places: it measures {text} instead of {' x '.join(f'{v:.6g}' for v in meant)}"


def _area(triangles: NDArray[np.float64]) -> float:
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    return float(np.linalg.norm(normal, axis=1).sum() / 2)


def _is_closed(triangles: NDArray[np.float64]) -> bool:
    corners = same_rows(triangles.reshape(-1, 3).astype(np.float32)).reshape(-1, 3)
    edges = edges_of(corners[~collapsed(corners)])
    return bool(((edges.uses == 2) & (edges.balance == 0)).all())


def _look(mesh: Mesh, suffix: str, found: Any, faces: NDArray[Any]) -> Iterator[str]:
    if mesh.uv is None:
        return
    uv = np.asarray(found.visual.uv)[faces]
    if not np.abs(uv - mesh.uv[mesh.faces]).max() <= TOLERANCE * max(1.0, float(np.abs(mesh.uv).max())):
        yield "its texture lies elsewhere on the surface"
    if mesh.base_colour is None:
        return
    if suffix == ".ply":
        colours = np.asarray(found.vertex_attributes["color"])[faces]
        if not np.array_equal(colours[..., :3], sample(mesh.base_colour, mesh.uv)[mesh.faces]):
            yield "its vertices have other colours"
        return
    material = found.visual.material
    image = material.baseColorTexture if suffix == ".glb" else material.image
    if image is None:
        yield "its texture is missing"
    elif not np.array_equal(mesh.base_colour.pixels, np.asarray(image.convert("RGBA"))):
        yield "its texture has other pixels"
