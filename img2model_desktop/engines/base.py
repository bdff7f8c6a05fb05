"""The four roles of engines, and what a catalogue entry says about one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from img2model_desktop.core.options import NoOptions, build
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import OptionValue, Quality, Stroke
from img2model_desktop.engines.room import in_words

if TYPE_CHECKING:  # they bring numpy, which the window's start and the command line's help do without
    from img2model_desktop.core.mesh import Mesh
    from img2model_desktop.core.picture import Picture


SPARE_PERCENT = 10
"""So much more memory than was measured must be free before an engine is started."""


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
class Rung:
    """A cheaper way to run an engine, for when memory does not hold the wished one.

    Args:
        title: what is cheaper, so that "goes on with ..." reads well: "a working size of 512 px".
        options: values that take the place of the wished ones. A number is only ever lowered to its value; whatever
            is not named stays as it is.
        peak_mib: measured peak of memory that a job adds this way, MiB.
        card_mib: likewise on a graphics card.
        on_processor: it stays off the graphics card.
    """

    title: str
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    peak_mib: int = 0
    card_mib: int = 0
    on_processor: bool = False


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
        has_own_styles: its styles are those of `engines.styles`, which the user may change; `styles` has the presets.
        uses_seed: whether it draws random numbers, so that the seed matters.
        licence: SPDX name of code and weights.
        weights: key of the set in `weights.sets.SETS` that it needs, `pipelines.PLACE` for a pipeline of the user's
            own, or "" for an engine that is built in.
        restyles: a picture maker that has `Restyler.restyle`, too.
        card_mib: measured or estimated peak on a graphics card, MiB; 0: it does not use one.
        rungs: cheaper ways to run it, the dearest first.
        stands_in: it can do the work of any other engine of its role, though perhaps not as well.
        on_processor: it is to stay off the graphics card, see `ways`.
        peak_mib: measured peak of memory that a job with this engine adds, MiB, at its highest quality.
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
    has_own_styles: bool = False
    card_mib: int = 0
    rungs: tuple[Rung, ...] = ()
    stands_in: bool = False
    on_processor: bool = False


def build_options(spec: EngineSpec, quality: Quality, given: Mapping[str, OptionValue]) -> Any:
    """The whole option record: defaults, then what the quality says, then what the user said.

    Raises:
        InputProblem: a name that this engine does not have, a value of the wrong kind or out of range.
    """
    return build(spec.options, spec.title, given, spec.quality.get(quality, {}))


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run an engine.

    Args:
        spec: of the engine.
        options: its whole option record.
        title: of the rung, or "" for the way that was wished.
        mib: memory that it needs on the machine where it runs on the processor, MiB.
        card_mib: memory that it needs on a graphics card, or 0 where it runs on the processor anyway.
    """

    spec: EngineSpec
    options: Any
    title: str
    mib: int
    card_mib: int


def ways(spec: EngineSpec, options: Any) -> tuple[Way, ...]:
    """The ways to run an engine: the wished one first, then cheaper and cheaper ones.

    Where the wished options are as cheap as a rung already, its need is that rung's.
    """
    found = [Way(spec, options, "", _need(spec.peak_mib), _need(spec.card_mib))]
    for number, rung in enumerate(spec.rungs):
        lowered = _lowered(options, rung, spec.rungs[number + 1 :])
        mib = min(_need(rung.peak_mib or spec.peak_mib), found[0].mib)
        card_mib = 0 if rung.on_processor else _need(rung.card_mib or spec.card_mib)
        last = found[-1]
        if lowered == last.options and rung.on_processor == last.spec.on_processor:
            found[-1] = replace(last, mib=min(mib, last.mib), card_mib=min(card_mib, last.card_mib))
        else:
            found.append(Way(replace(spec, on_processor=rung.on_processor), lowered, rung.title, mib, card_mib))
    return tuple(found)


def memory_in_words(spec: EngineSpec, options: Any) -> str:
    """What an engine needs with these options, and the cheaper ways that there are: for people."""
    wished, *others = ways(spec, options)
    cheaper = "; ".join(f"{way.title} ({_amount(way).rstrip(',')})" for way in others)
    return f"Needs {_amount(wished)} of free memory.{f' With less: {cheaper}.' if cheaper else ''}"


def _amount(way: Way) -> str:
    return in_words(way.mib) + (f", or {in_words(way.card_mib)} on a graphics card," if way.card_mib else "")


def _lowered(options: Any, rung: Rung, cheaper: tuple[Rung, ...]) -> Any:
    """The options with what a rung names; nothing becomes dearer than it was wished.

    Args:
        options: the wished ones.
        rung: to which they are lowered.
        cheaper: the rungs after it: a text that is one of theirs is cheaper than this one's.
    """
    changes: dict[str, OptionValue] = {}
    for name, value in rung.options.items():
        wished = getattr(options, name)
        is_number = isinstance(wished, (int, float)) and not isinstance(wished, bool)
        is_cheaper = isinstance(wished, str) and any(other.options.get(name) == wished for other in cheaper)
        changes[name] = min(wished, value) if is_number else wished if is_cheaper else value
    return replace(options, **changes) if changes else options


def _need(mib: int) -> int:
    return -(-mib * (100 + SPARE_PERCENT) // 100)
