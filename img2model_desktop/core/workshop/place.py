"""Moves, scales and turns a mesh. Faces, uv and textures stay as they are, bit for bit."""

import math

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.options import NoOptions
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.catalog import AXES, ScaleOptions, TurnOptions
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.errors import InputProblem

MM = 1000.0
"""Millimetres in a metre."""
FARTHEST_M = 1e30
"""Places farther out are refused: squares of them no longer fit a float32."""


def recentre(mesh: Mesh, _options: NoOptions, progress: Progress) -> Outcome:
    """The mesh with the middle of its bounding box at the origin."""
    progress.update(0.0)
    return Outcome(_placed(mesh, mesh.vertices - mesh.bounds.mean(axis=0)))


def stand(mesh: Mesh, _options: NoOptions, progress: Progress) -> Outcome:
    """The mesh with its lowest point at y = 0 and the middle of its box, in x and z, at the origin."""
    progress.update(0.0)
    return Outcome(_placed(mesh, mesh.vertices - _foot(mesh)))


def scale(mesh: Mesh, options: ScaleOptions, progress: Progress) -> Outcome:
    """The mesh with one of its lengths at `size_mm`; it grows from the middle of the floor of its box, so that what
    stands goes on standing where it stood.

    Raises:
        InputProblem: the mesh has no length along that axis, or it would leave the numbers that a file can hold.
    """
    progress.update(0.0)
    size = mesh.size_m
    length = float(size.max() if options.axis == "longest" else size[AXES.index(options.axis)])
    if length <= 0:
        along = "in any direction" if options.axis == "longest" else f"along {options.axis}"
        raise InputProblem(f"The mesh is flat: it has no length {along} to set.", "Set its size along another axis.")
    foot = _foot(mesh)
    return Outcome(_placed(mesh, (mesh.vertices - foot) * (options.size_mm / MM / length) + foot))


def turn(mesh: Mesh, options: TurnOptions, progress: Progress) -> Outcome:
    """The mesh turned around an axis through the origin, counter-clockwise seen from the tip of the axis.

    Quarter turns move no bit but signs, so that four of them give the very same mesh.
    """
    progress.update(0.0)
    return Outcome(_placed(mesh, mesh.vertices.astype(np.float64) @ rotation(options.axis, options.degrees).T + 0.0))


def rotation(axis: str, degrees: float) -> NDArray[np.float64]:
    """`(3, 3) float64`: turns columns by an angle, by the right-hand rule; whole quarters are exact."""
    quarters, rest = divmod(degrees, 90.0)
    if rest == 0:
        cos, sin = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarters) % 4]
    else:
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cos
    matrix[second, first], matrix[first, second] = sin, -sin
    return matrix


def scaled_to(mesh: Mesh, size_mm: float) -> Mesh:
    """The mesh with its longest side at `size_mm` millimetres, standing on the floor; a point stays one."""
    mesh = stand(mesh, NoOptions(), Progress()).mesh
    return scale(mesh, ScaleOptions(size_mm), Progress()).mesh if mesh.size_m.max() > 0 else mesh


def _foot(mesh: Mesh) -> NDArray[np.float64]:
    """The middle of the floor of the bounding box, `(3,)`."""
    low, high = mesh.bounds
    return np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])


def _placed(mesh: Mesh, vertices: NDArray[np.float64]) -> Mesh:
    if not np.abs(vertices).max() < FARTHEST_M:
        raise InputProblem("The mesh would lie too far from the origin.", "Centre it first, or use a smaller size.")
    return mesh.moved(vertices.astype(np.float32))
