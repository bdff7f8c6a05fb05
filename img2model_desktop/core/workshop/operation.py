"""What an operation on a mesh is, and how one is done."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any, NamedTuple

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.options import NoOptions, build
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.step import Step
from img2model_desktop.errors import Img2ModelError, InputProblem, no_memory


class Outcome(NamedTuple):
    """A mesh, and sentences about what was done that the user would want to know."""

    mesh: Mesh
    notes: tuple[str, ...] = ()


class Look(StrEnum):
    """What an operation does to the texture."""

    KEPT = "kept"  # the faces keep their uv and pictures, or there is nothing to keep
    REMADE = "remade"  # the operation returns bare geometry; the stack unwraps it and bakes the old look onto it


class Group(StrEnum):
    """Where an operation stands in lists."""

    MEND = "Mend"
    SOLID = "Solid"
    SHAPE = "Shape"
    TEXTURE = "Texture"
    PLACE = "Place and size"


@dataclass(frozen=True, slots=True)
class Operation:
    """One entry of the workshop's catalogue. Reading it imports nothing heavy.

    Args:
        key: short, stable, stored in recipes.
        title: for people, two to four words, an order: "Close holes".
        summary: one sentence: what it does and when to use it.
        group: where it stands in lists.
        entry: "module:function" below `core.workshop`; `function(mesh, options, progress) -> Outcome`, pure: the mesh
            that is given is not changed, the result is valid, the same input gives the same output.
        options: frozen dataclass whose fields are made by `core.options.option`; lengths are millimetres.
        look: what happens to the texture.
    """

    key: str
    title: str
    summary: str
    group: Group
    entry: str
    options: type = NoOptions
    look: Look = Look.KEPT

    def build(self, step: Step) -> Any:
        """The whole option record of a step. Raises InputProblem."""
        return build(self.options, self.title, dict(step.options), {})

    def run(self, mesh: Mesh, step: Step, progress: Progress) -> Outcome:
        """Does it.

        Raises:
            InputProblem: the options are wrong, or this mesh cannot be worked on this way; the advice says what to do
                first.
            EngineProblem: nothing of the mesh would be left.
            OutOfMemory: the mesh is too large for this machine.
            Cancelled: from `progress`.
        """
        module, _, name = self.entry.partition(":")
        function: Callable[[Mesh, Any, Progress], Outcome]
        function = getattr(import_module(f"img2model_desktop.core.workshop.{module}"), name)
        try:
            outcome = function(mesh, self.build(step), progress)
            outcome.mesh.validate()
        except MemoryError:
            raise no_memory() from None
        return outcome


def needs_solid(title: str) -> Img2ModelError:
    """The error of an operation that works on closed solids alone."""
    return InputProblem(f"“{title}” needs a closed solid, and this mesh is none.", "Do “Make solid” first.")
