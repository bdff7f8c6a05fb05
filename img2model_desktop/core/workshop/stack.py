"""Does several operations one after the other, and keeps the look across those that lose it."""

from collections.abc import Sequence

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.catalog import find
from img2model_desktop.core.workshop.operation import Look, Outcome
from img2model_desktop.core.workshop.step import Step

BAKE_SHARE = 0.4
"""Of the time of a stack that ends in a bake, for the progress alone."""


def do_steps(mesh: Mesh, steps: Sequence[Step], progress: Progress | None = None) -> Outcome:
    """The mesh after all steps.

    Operations that remake the surface return bare geometry. The look is baked from the last mesh that had one onto the
    new surface, once after several of them in a row, so that it is sampled as rarely as can be.

    Args:
        mesh: valid; it is not changed.
        steps: in order.
        progress: token.

    Raises:
        InputProblem, EngineProblem, OutOfMemory, Cancelled: see `Operation.run`.
    """
    progress = progress or Progress()
    operations = [find(step.operation) for step in steps]
    for operation, step in zip(operations, steps, strict=True):
        operation.build(step)  # a wrong option is told before the work
    dressed: Mesh | None = None  # whose look is still to be baked
    notes: list[str] = []
    for number, (operation, step) in enumerate(zip(operations, steps, strict=True)):
        part = progress.part(number / len(steps), (number + 1) / len(steps))
        if operation.look is Look.REMADE:
            dressed = dressed or (mesh if mesh.base_colour is not None else None)
        elif dressed is not None:
            mesh, dressed = _dressed(mesh, dressed, part.part(0.0, BAKE_SHARE)), None
            part = part.part(BAKE_SHARE, 1.0)
        mesh, said = operation.run(mesh, step, part.part(0.0, 1.0 - BAKE_SHARE))
        notes += said
        if mesh.uv is not None:
            dressed = None  # the operation found nothing to do and left the look
        if dressed is not None and number == len(steps) - 1:
            mesh = _dressed(mesh, dressed, part.part(1.0 - BAKE_SHARE, 1.0))
    progress.update(1.0)
    return Outcome(mesh, tuple(notes))


def _dressed(bare: Mesh, source: Mesh, progress: Progress) -> Mesh:
    """The bare mesh with the look of the source."""
    from img2model_desktop.core.workshop.texture import rebake  # heavy, and only needed here

    return rebake(bare, source, progress)
