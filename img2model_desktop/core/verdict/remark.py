"""The words of one finding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.core.verdict.measures import Survey
from img2model_desktop.core.workshop.step import Step

Measures = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Remark:
    """The words of one finding, its place and its fix; see Finding."""

    title: str
    reason: str
    advice: str
    place: Place = field(default_factory=Place)
    fix: tuple[Step, ...] = ()


Remarks = Mapping[str, Callable[[Survey, Measures], Remark]]


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 hole", "12,000 faces"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def millimetres(value: float) -> str:
    """A length as a designer writes it: "0.42 mm", "12.5 mm", "1,200 mm"."""
    if 0 < abs(value) < 0.01:
        return f"{value:.1g} mm"
    digits = 2 if abs(value) < 1 else 1 if abs(value) < 100 else 0
    return f"{value:,.{digits}f} mm"
