"""The four roles of engines, what a catalogue entry says about one, and how its options are declared."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import OptionValue, Quality, Stroke
from img2model_desktop.errors import InputProblem

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
class Option:
    """What a form, the command line and the validation need to know about one option.

    Args:
        label: two or three words for the form.
        help: one sentence: what it changes and when to use it.
        unit: "mm", "deg", "px", "x" or "".
        low, high: inclusive range of a number; None: open.
        step: of the form's spin box.
        choices: allowed values of a text, first the default's family; empty: free.
    """

    label: str
    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()


def option(default: OptionValue, about: Option) -> Any:
    """A field of an option record, with everything that its form needs."""
    return field(default=default, metadata={"option": about})


def about(item: "Field[Any]") -> Option:
    """What an option record says about one of its fields."""
    described: Option = item.metadata["option"]
    return described


@dataclass(frozen=True, slots=True)
class NoOptions:
    """For engines that have nothing to set."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One entry of the catalogue. Reading it imports no engine.

    Args:
        key: short, stable, stored in histories and recipes.
        role: which of the four.
        title: for people.
        summary: one sentence: what it is good for.
        entry: "module:function"; the function takes nothing (built in) and returns the engine.
        options: frozen dataclass whose fields are made by `option`.
        quality: what a quality level changes in the options' defaults.
        keeps_background: a sculptor that works on a whole picture when that is not cut out.
        styles: names of styles, first the default; only picture makers have some.
        uses_seed: whether it draws random numbers, so that the seed matters.
        licence: SPDX name of code and weights.
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
    styles: tuple[str, ...] = ()
    uses_seed: bool = False
    licence: str = "MIT"
    peak_mib: int = 256


def build_options(spec: EngineSpec, quality: Quality, given: Mapping[str, OptionValue]) -> Any:
    """The whole option record: defaults, then what the quality says, then what the user said.

    Raises:
        InputProblem: a name that this engine does not have, a value of the wrong kind or out of range.
    """
    items = {item.name: item for item in fields(spec.options)}
    for name in given:
        if name not in items:
            have = ", ".join(sorted(items)) or "none"
            raise InputProblem(f"{spec.title} has no option “{name}”.", f"Its options are: {have}.")
    values = {item.name: item.default for item in items.values() if item.default is not MISSING}
    values.update(spec.quality.get(quality, {}))
    values.update({name: check_option(spec.title, items[name], value) for name, value in given.items()})
    return spec.options(**values)


def check_option(title: str, item: "Field[Any]", value: OptionValue) -> OptionValue:
    """The value in the option's own type; text is read as the command line gives it. Raises InputProblem."""
    described, kind = about(item), type(item.default)
    wrong = InputProblem(f"{described.label} ({item.name}) of {title} cannot be “{value}”.", f"Use {expected(item)}.")
    try:
        read = _read(kind, value)
    except ValueError:
        raise wrong from None
    if described.choices and read not in described.choices:
        raise wrong
    if isinstance(read, (int, float)) and not isinstance(read, bool):
        low, high = described.low, described.high
        if read != read or (low is not None and read < low) or (high is not None and read > high):
            raise wrong
    return read


def expected(item: "Field[Any]") -> str:
    """What an option takes, in words: "a number from 0 to 2 mm"."""
    described = about(item)
    if isinstance(item.default, bool):
        return "true or false"
    if described.choices:
        return "one of " + ", ".join(described.choices)
    if isinstance(item.default, str):
        return "some text"
    kind = "a whole number" if isinstance(item.default, int) else "a number"
    if described.low is not None and described.high is not None:
        return f"{kind} from {described.low:g} to {described.high:g} {described.unit}".strip()
    return kind


def _read(kind: type, value: OptionValue) -> OptionValue:
    if kind is bool:
        known = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if str(value).lower() not in known:
            raise ValueError(value)
        return known[str(value).lower()]
    if isinstance(value, bool):
        raise ValueError(value)
    if kind is int:
        if isinstance(value, float) and not value.is_integer():
            raise ValueError(value)
        return int(value)
    return float(value) if kind is float else str(value)
