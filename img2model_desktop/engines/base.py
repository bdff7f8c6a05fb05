"""The four roles of engines, and what a catalogue entry says about one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from img2model_desktop.core.options import NoOptions, build
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import OptionValue, Quality, Stroke

if TYPE_CHECKING:  # they bring numpy, which the window's start and the command line's help do without
    from img2model_desktop.core.mesh import Mesh
    from img2model_desktop.core.picture import Picture


class Role(StrEnum):
    """What an engine does."""

    MAKER = "picture maker"
    CUTTER = "cutter"
    SCULPTOR = "sculptor"
    PAINTER = "painter"


class PictureMaker(Protocol):
    """Turns words into a picture."""

    def make(self, prompt: str, style: str, options: Any, seed: int, progress: Progress) -> "Picture":
        """A picture for the words; raises InputProblem where it cannot draw what they ask for."""
        ...

    def close(self) -> None:
        """Frees what `load` took."""
        ...


class Restyler(PictureMaker, Protocol):
    """Redraws a picture by words, too; see `EngineSpec.restyles`."""

    def restyle(
        self, picture: "Picture", prompt: str, style: str, options: Any, seed: int, progress: Progress
    ) -> "Picture":
        """The picture as the words want it; raises InputProblem where it cannot do what they ask for."""
        ...


class Cutter(Protocol):
    """Separates the subject from its background."""

    def cut(self, picture: "Picture", strokes: tuple[Stroke, ...], options: Any, progress: Progress) -> "Picture":
        """A picture of the same size whose alpha is the subject; raises InputProblem where there is none."""
        ...

    def close(self) -> None:
        """Frees what `load` took."""
        ...


class Sculptor(Protocol):
    """Turns a cut-out picture into a mesh."""

    def sculpt(self, picture: "Picture", options: Any, seed: int, progress: Progress) -> "Mesh":
        """A valid mesh in any unit; the pipeline scales it and stands it on the ground."""
        ...

    def close(self) -> None:
        """Frees what `load` took."""
        ...


class Painter(Protocol):
    """Gives a mesh a new texture."""

    def paint(self, mesh: "Mesh", picture: "Picture", options: Any, seed: int, progress: Progress) -> "Mesh":
        """The same faces with another texture."""
        ...

    def close(self) -> None:
        """Frees what `load` took."""
        ...


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One entry of the catalogue. Reading it imports no engine.

    Args:
        key: short, stable, stored in histories and recipes.
        role: which of the four.
        title: for people.
        summary: one sentence: what it is good for.
        entry: "module:function"; the function returns the engine. It takes nothing, or, where `weights` is set, the
            folder with the set's files.
        options: frozen dataclass whose fields are made by `core.options.option`.
        quality: what a quality level changes in the options' defaults.
        keeps_background: a sculptor that works on a whole picture when that is not cut out.
        cut_out_for: values of options for which it works on a subject that is cut out all the same.
        styles: names of styles, first the default; only picture makers have some.
        uses_seed: whether it draws random numbers, so that the seed matters.
        licence: SPDX name of code and weights.
        weights: key of the set in `weight_sets.SETS` that it needs, or "" for an engine that is built in.
        restyles: a picture maker that has `Restyler.restyle`, too.
        peak_mib: measured peak of memory that a job with this engine adds, MiB.
    """

    key: str
    role: Role
    title: str
    summary: str
    entry: str
    options: type = NoOptions
    quality: Mapping[Quality, Mapping[str, OptionValue]] = field(default_factory=dict)
    keeps_background: bool = False
    cut_out_for: Mapping[str, tuple[OptionValue, ...]] = field(default_factory=dict)
    styles: tuple[str, ...] = ()
    uses_seed: bool = False
    licence: str = "MIT"
    peak_mib: int = 256
    weights: str = ""
    restyles: bool = False


def build_options(spec: EngineSpec, quality: Quality, given: Mapping[str, OptionValue]) -> Any:
    """The whole option record: defaults, then what the quality says, then what the user said.

    Raises:
        InputProblem: a name that this engine does not have, a value of the wrong kind or out of range.
    """
    return build(spec.options, spec.title, given, spec.quality.get(quality, {}))
