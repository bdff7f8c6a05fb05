"""Bakes the look of one mesh onto the uv layout of another."""

from dataclasses import replace

import cv2
import numpy as np

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.raster import rasterise


def bake(mesh: Mesh, source: Mesh, texture_px: int, progress: Progress) -> Mesh:
    """The mesh with the base colour of the source on it.

    Args:
        mesh: with uv.
        source: with uv and at least one picture.
        texture_px: side of the new textures.
        progress: token.
    """
    from scipy.spatial import cKDTree

    assert mesh.uv is not None and source.uv is not None and source.base_colour is not None
    tree = cKDTree(source.vertices)
    picture = source.base_colour.pixels
    columns = np.clip(source.uv[:, 0] * picture.shape[1], 0, picture.shape[1] - 1).astype(int)
    rows = np.clip((1 - source.uv[:, 1]) * picture.shape[0], 0, picture.shape[0] - 1).astype(int)
    colours = picture[rows, columns]
    side = texture_px
    pixels = np.zeros((side, side, 4), np.uint8)
    filled = np.zeros((side, side), np.uint8)
    corners = mesh.uv[mesh.faces] * (side, -side) + (0, side)
    for texels in rasterise(corners, side, side):
        progress.update(0.5)
        points = np.einsum("kc,kcd->kd", texels.weights, mesh.vertices[mesh.faces[texels.face]])
        pixels[texels.row, texels.column] = colours[tree.query(points)[1]]
        filled[texels.row, texels.column] = 1
    _, labels = cv2.distanceTransformWithLabels(1 - filled, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros((int(labels.max()) + 1, 4), np.uint8)
    table[labels[filled > 0]] = pixels[filled > 0]
    return replace(mesh, base_colour=Picture.own(table[labels]))
