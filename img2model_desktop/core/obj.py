"""OBJ with MTL (Wavefront, Advanced Visualizer manual, appendix B): text, no unit; millimetres are meant."""

from itertools import chain

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.gltf_write import GENERATOR, ROUGHNESS
from img2model_desktop.core.topology import same_rows

MARK = f"# {GENERATOR.rsplit(' ', 1)[0]}"
"""How the first line of our OBJ and MTL files begins."""


def encode_obj(
    vertices: NDArray[np.float32], faces: NDArray[np.int32], uv: NDArray[np.float32] | None, material_file: str | None
) -> bytes:
    """The bytes of an OBJ file. Vertices at the same place are written once, so that texture seams do not open the
    surface.

    Args:
        vertices: `(n, 3) float32`, millimetres; written so that the same float32 comes back.
        faces: `(m, 3) int32`.
        uv: `(n, 2) float32`, origin lower left, or None.
        material_file: name of the MTL file beside it, or None.
    """
    first, place = np.unique(same_rows(vertices), return_inverse=True)
    corners = place[faces].reshape(-1, 3) + 1
    head = f"{MARK}, millimetres\n" + (f"mtllib {material_file}\n" if material_file else "") + "o mesh\n"
    parts = [head, _rows("v %.9g %.9g %.9g\n", vertices[first])]
    if uv is None:
        rows, line = corners, "f %d %d %d\n"
    else:
        first_uv, place_uv = np.unique(same_rows(uv), return_inverse=True)
        parts.append(_rows("vt %.9g %.9g\n", uv[first_uv]))
        rows = np.stack([corners, place_uv[faces].reshape(-1, 3) + 1], axis=2).reshape(-1, 6)
        line = "f %d/%d %d/%d %d/%d\n"
    parts.append("usemtl surface\n" if material_file else "")
    parts.append(_rows(line, rows))
    return "".join(parts).encode()


def encode_mtl(texture_file: str) -> bytes:
    """The bytes of the MTL file: matt, textured with the PNG beside it.

    Ns follows Blender's exchange of shininess and roughness, Ns = 1000 (1 - roughness)^2; Pr and Pm are the
    usual extension for physically based values.
    """
    shininess = 1000 * (1 - ROUGHNESS) ** 2
    return (
        f"{MARK}\nnewmtl surface\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nNs {shininess:g}\nd 1\nillum 1\n"
        f"Pr {ROUGHNESS:g}\nPm 0\nmap_Kd {texture_file}\n"
    ).encode()


def _rows(line: str, values: NDArray[np.generic]) -> str:
    flat = values.tolist()
    return (line * len(flat)) % tuple(chain.from_iterable(flat))
