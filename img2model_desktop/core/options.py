"""How options are declared: a frozen record whose fields carry what a form, the command line and the checks need."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from img2model_desktop.core.request import OptionValue
from img2model_desktop.errors import InputProblem


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
    """For what has nothing to set."""


def build(record: type, title: str, given: Mapping[str, OptionValue], preset: Mapping[str, OptionValue]) -> Any:
    """The whole record: defaults, then what `preset` says, then what the user said.

    Args:
        record: frozen dataclass whose fields are made by `option`.
        title: of what the options are for, for messages.
        given: the user's, checked.
        preset: the program's own, such as a quality level's.

    Raises:
        InputProblem: a name that the record does not have, a value of the wrong kind or out of range.
    """
    items = {item.name: item for item in fields(record)}
    for name in given:
        if name not in items:
            have = ", ".join(sorted(items)) or "none"
            raise InputProblem(f"{title} has no option “{name}”.", f"Its options are: {have}.")
    values = {item.name: item.default for item in items.values() if item.default is not MISSING}
    values.update(preset)
    values.update({name: check_option(title, items[name], value) for name, value in given.items()})
    return record(**values)


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
