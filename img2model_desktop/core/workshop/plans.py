"""Plans: what to do to make a mesh fit for a purpose, said in plain sentences, and done until it is."""

from typing import NamedTuple

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.findings import Conditions, Purpose, Verdict
from img2model_desktop.core.verdict.judge import judge
from img2model_desktop.core.workshop.catalog import find
from img2model_desktop.core.workshop.stack import do_steps
from img2model_desktop.core.workshop.step import Step


class Fixed(NamedTuple):
    """What became of a mesh that was to be made fit.

    Args:
        mesh: the result; the given mesh itself when nothing helped.
        steps: what was done, in order.
        notes: what the operations said.
        before, after: the verdicts.
    """

    mesh: Mesh
    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    before: Verdict
    after: Verdict


def plan_for(verdict: Verdict, purpose: Purpose) -> tuple[Step, ...]:
    """The operations that make a mesh fit for a purpose, in the order in which they are to be done, none twice."""
    steps: dict[str, Step] = {}
    for finding in verdict.concerning(purpose):
        for step in finding.fix:
            steps.setdefault(step.operation, step)
    return tuple(steps.values())


def describe(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """One plain sentence for each step: what it will do."""
    return tuple(find(step.operation).summary for step in steps)


def fix(mesh: Mesh, purpose: Purpose, conditions: Conditions | None = None, progress: Progress | None = None) -> Fixed:
    """Makes a mesh fit for a purpose as far as that goes; the result is never worse than what was given.

    Raises:
        InputProblem, EngineProblem, OutOfMemory, Cancelled: see `Operation.run`.
    """
    progress = progress or Progress()
    before = judge(mesh, conditions, progress.part(0.0, 0.2))
    steps = plan_for(before, purpose)
    outcome = do_steps(mesh, steps, progress.part(0.2, 0.8))
    after = judge(outcome.mesh, conditions, progress.part(0.8, 1.0))
    return Fixed(outcome.mesh, steps, outcome.notes, before, after)
