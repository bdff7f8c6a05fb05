"""One operation on a mesh as a value: its name and its options, for stacks, recipes and plans."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from img2model_desktop.core.request import OptionValue
from img2model_desktop.errors import InputProblem


@dataclass(frozen=True, slots=True)
class Step:
    """One operation to do.

    Args:
        operation: key of the catalogue.
        options: `((name, value), ...)`, sorted by name; what is not named has its default.
    """

    operation: str
    options: tuple[tuple[str, OptionValue], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"operation": self.operation} | ({"options": dict(self.options)} if self.options else {})

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Step":
        """The step that `to_dict` described. Raises InputProblem where the values are none of a step."""
        key, options = plain.get("operation"), plain.get("options", {})
        kinds_fit = isinstance(key, str) and isinstance(options, dict)
        if not kinds_fit or not all(isinstance(value, bool | int | float | str) for value in options.values()):
            raise InputProblem("This is no step of the workshop.", "Use an unchanged recipe.", repr(plain)[:200])
        return cls(str(key), tuple(sorted(options.items())))


def step(operation: str, **options: OptionValue) -> Step:
    """A step, written shortly."""
    return Step(operation, tuple(sorted(options.items())))
