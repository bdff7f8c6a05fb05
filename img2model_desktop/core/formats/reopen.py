"""Opens a file that was just written with a reader that is not our writer, and compares."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.formats.frame import PLAIN, Frame, settled
from img2model_desktop.core.formats.ply import sample
from img2model_desktop.core.formats.second_readers import Found, found_in
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.topology import collapsed, edges_of, same_rows
from img2model_desktop.core.triangles import areas

TOLERANCE = 1e-6
"""Of lengths, as a share of the longest side; of uv, in texture widths. Eight significant digits survive float32."""

_PICTURES = {
    ".glb": ("base_colour", "metallic_roughness", "normal"),
    ".gltf": ("base_colour", "metallic_roughness", "normal"),
    ".usdz": ("base_colour", "metallic_roughness", "normal"),
    ".obj": ("base_colour",),
    ".3mf": ("base_colour",),
}
"""What each format keeps of a mesh's pictures."""

_NAMES = {"base_colour": "texture", "metallic_roughness": "metal and roughness picture", "normal": "normal map"}


def verify_written(mesh: Mesh, path: Path, frame: Frame = PLAIN) -> tuple[str, ...]:
    """What is different in the file, one sentence each; empty when it holds the mesh.

    Compared are the number of triangles, each corner's place (and so bounds, unit and axis), area, closedness, uv,
    and each picture pixel by pixel (for PLY the vertex colours). For who reads the file see `second_readers.found_in`:
    for USDZ alone it is our own reader.

    Args:
        mesh: that was written.
        path: of the file, with its companions beside it.
        frame: with which it was written.
    """
    try:
        found = found_in(path)
        return tuple(_differences(mesh, path.suffix.lower(), frame, found))
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AssertionError,
        AttributeError,
        ImportError,
        NotImplementedError,
    ) as problem:
        # another program's reader fails in its own ways; each means that others may fail on the file, too
        return (f"the file cannot be opened again ({type(problem).__name__}: {str(problem)[:200]})",)


def _differences(mesh: Mesh, suffix: str, frame: Frame, found: Found) -> Iterator[str]:
    yield from found.complaints
    faces = _expected_faces(mesh, suffix)
    if len(found.corners) != len(faces):
        yield f"it has {len(found.corners)} triangles instead of {len(faces)}"
        return
    wanted = settled(suffix, frame).to_file(mesh.vertices).astype(np.float64)[faces]
    if not np.array_equal(
        found.corners.astype(np.float32), wanted
    ):  # bit for bit the same: then so is all that follows
        yield from _shape(found.corners, wanted)
    if suffix == ".stl" or mesh.uv is None:
        return
    if suffix != ".3mf" or mesh.base_colour is not None:
        yield from _uv(mesh.uv[faces], found.uv)
    if suffix == ".ply":
        yield from _colours(mesh, faces, found)
    for name in _PICTURES.get(suffix, ()):
        picture = getattr(mesh, name)
        if picture is not None:
            yield from _picture(_NAMES[name], picture.pixels, found.pictures.get(name))


def _expected_faces(mesh: Mesh, suffix: str) -> NDArray[np.int32]:
    """The mesh's faces; 3MF must not have those that have the same place twice."""
    return mesh.faces[~collapsed(same_rows(mesh.vertices)[mesh.faces])] if suffix == ".3mf" else mesh.faces


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
    return float(areas(triangles).sum())


def _is_closed(triangles: NDArray[np.float64]) -> bool:
    corners = same_rows(triangles.reshape(-1, 3).astype(np.float32)).reshape(-1, 3)
    edges = edges_of(corners[~collapsed(corners)])
    return bool(((edges.uses == 2) & (edges.balance == 0)).all())


def _uv(wanted: NDArray[np.float32], found: NDArray[np.float64] | None) -> Iterator[str]:
    if found is None:
        yield "it has no texture coordinates"
    elif not np.abs(found - wanted).max() <= TOLERANCE * max(1.0, float(np.abs(wanted).max())):
        yield "its texture lies elsewhere on the surface"


def _colours(mesh: Mesh, faces: NDArray[np.int32], found: Found) -> Iterator[str]:
    if mesh.base_colour is None or mesh.uv is None:
        return
    if found.colours is None or not np.array_equal(found.colours, sample(mesh.base_colour, mesh.uv)[faces]):
        yield "its vertices have other colours"


def _picture(name: str, wanted: NDArray[np.uint8], found: NDArray[np.uint8] | None) -> Iterator[str]:
    if found is None:
        yield f"its {name} is missing"
    elif not np.array_equal(wanted, found):
        yield f"its {name} has other pixels"
