"""Lays a surface out flat: charts without overlap in a square."""

from dataclasses import replace

import numpy as np

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress


def unwrap(mesh: Mesh, texture_px: int, progress: Progress) -> Mesh:
    """The same faces in the same order with new uv; vertices are repeated at the borders of charts.

    Args:
        mesh: valid; its own uv and pictures are dropped.
        texture_px: side of the texture that will be laid on it; the gaps between charts are made for it.
        progress: token.
    """
    progress.update(0.0)
    mapping, faces, uv = _laid(mesh, texture_px)
    progress.update(1.0)
    return replace(
        Mesh(mesh.vertices[mapping], faces.astype(np.int32)), uv=np.clip(uv, 0, 1).astype(np.float32)
    ).validate()


def _laid(mesh, texture_px):
    import xatlas  # heavy, and only needed here

    atlas = xatlas.Atlas()
    atlas.add_mesh(mesh.vertices, mesh.faces.astype(np.uint32))
    options = xatlas.PackOptions()
    options.padding, options.resolution = 4, texture_px
    atlas.generate(pack_options=options)
    return atlas[0]
