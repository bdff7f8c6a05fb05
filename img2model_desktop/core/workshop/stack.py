"""Does several operations one after the other, and keeps the look across those that lose it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.catalog import find
from img2model_desktop.core.workshop.operation import Group, Look, Outcome
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
    check(steps)
    work = Work(mesh)
    for number, step in enumerate(steps):
        part = progress.part(number / len(steps), (number + 1) / len(steps))
        if find(step.operation).look is Look.KEPT:
            work, part = work.dressed(part.part(0.0, BAKE_SHARE)), part.part(BAKE_SHARE, 1.0)
        work = work.then(step, part.part(0.0, 1.0 - BAKE_SHARE))
        if number == len(steps) - 1:
            work = work.dressed(part.part(1.0 - BAKE_SHARE, 1.0))
    progress.update(1.0)
    return Outcome(work.mesh, work.notes)


def check(steps: Sequence[Step]) -> None:
    """Builds the options of all steps, so that a wrong one is told before the work. Raises InputProblem."""
    for step in steps:
        find(step.operation).build(step)


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """A mesh that steps are done to, while its look may still wait to be baked.

    Whoever only tries steps needs no look, and baking takes longer than most of them: the bare surface, as it was when
    it was remade, is kept, and so are the quick steps since then; `dressed` bakes once and does these again.

    Args:
        mesh: after all steps; bare while the look waits.
        notes: what the operations said.
        source: the last mesh with a look, whose look waits; None when there is nothing to bake.
        remade: the bare surface that the look is to be baked onto, where `source` lies.
        since: steps that were done to the bare surface after that.
    """

    mesh: Mesh
    notes: tuple[str, ...] = ()
    source: Mesh | None = None
    remade: Mesh | None = None
    since: tuple[Step, ...] = ()

    def then(self, step: Step, progress: Progress) -> "Work":
        """What it is after one more step; the look is baked first only where the step needs it.

        Raises:
            InputProblem, EngineProblem, OutOfMemory, Cancelled: see `Operation.run`.
        """
        operation = find(step.operation)
        is_remade = operation.look is Look.REMADE
        if self.source is not None and (operation.group is Group.TEXTURE or (is_remade and self.since)):
            return self.dressed(progress.part(0.0, BAKE_SHARE)).then(step, progress.part(BAKE_SHARE, 1.0))
        mesh, said = operation.run(self.mesh, step, progress)
        notes = self.notes + tuple(said)
        if not is_remade:
            since = self.since if self.source is None else (*self.since, step)
            return replace(self, mesh=mesh, notes=notes, since=since)
        source = self.source or (self.mesh if self.mesh.base_colour is not None else None)
        if mesh.uv is not None or source is None:  # the operation found nothing to do, or there is no look
            return Work(mesh, notes)
        return Work(mesh, notes, source, mesh)

    def dressed(self, progress: Progress) -> "Work":
        """The same with its look; itself where none waits. Raises as `then`."""
        if self.source is None or self.remade is None:
            return self
        from img2model_desktop.core.workshop.texture import rebake  # heavy, and only needed here

        work = Work(rebake(self.remade, self.source, progress.part(0.0, 0.8)))
        for number, step in enumerate(self.since):
            part = progress.part(0.8 + 0.2 * number / len(self.since), 0.8 + 0.2 * (number + 1) / len(self.since))
            work = work.then(step, part)
        progress.update(1.0)
        return Work(work.mesh, self.notes)
