"""Operations on closed solids: unite, hollow out, flat base, cut, make symmetric."""

from typing import TYPE_CHECKING

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.options import NoOptions
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.catalog import BaseOptions, CutOptions, HollowOptions, MirrorOptions
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.solids import solid_of
from img2model_desktop.errors import InputProblem

if TYPE_CHECKING:
    pass

GAP = 0.02
"""Between the two halves of a cut, share of the mesh's length along the axis."""


def unite(mesh: Mesh, _: NoOptions, progress: Progress) -> Outcome:
    """Overlapping parts as one surface without inner walls.

    Raises:
        InputProblem: a part is not closed.
        Cancelled: from `progress`.
    """
    from manifold3d import Manifold, OpType

    solid = solid_of(mesh, "Unite parts")
    progress.update(0.3)
    pieces = solid.body.decompose()
    filled = [piece for piece in pieces if piece.volume() > 0]
    cavities = [piece for piece in pieces if piece.volume() < 0]
    body = Manifold.batch_boolean(filled, OpType.Add)
    if cavities:
        raise InputProblem("todo", "todo")
    after = len(body.decompose())
    progress.update(0.9)
    result = solid.mesh(body)
    progress.update(1.0)
    return Outcome(result, (f"{len(pieces)} parts became {after}.",))


def hollow(mesh: Mesh, options: HollowOptions, progress: Progress) -> Outcome:
    """A wall instead of a full inside."""
    raise NotImplementedError


def base(mesh: Mesh, options: BaseOptions, progress: Progress) -> Outcome:
    """A flat bottom."""
    raise NotImplementedError


def cut(mesh: Mesh, options: CutOptions, progress: Progress) -> Outcome:
    """One side of a plane, or both."""
    raise NotImplementedError


def mirror(mesh: Mesh, options: MirrorOptions, progress: Progress) -> Outcome:
    """One half copied over the other."""
    raise NotImplementedError
