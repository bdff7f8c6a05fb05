"""What each purpose asks of a mesh: one table of bounds, how bad it is to miss them, and why.

A row says: the finding `key` concerns `purpose` with `severity` when `measure` is above `most` (or below `least`).
Where several rows of one finding and purpose are missed, the worst counts. The measures are explained in measures.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from img2model_desktop.core.verdict.findings import Purpose, Severity

PRINT, GAME, WEB, RENDER = Purpose.PRINT, Purpose.GAME, Purpose.WEB, Purpose.RENDER
NOTE, FIX, STOP = Severity.NOTE, Severity.FIX, Severity.STOP
SEEN = (GAME, WEB, RENDER)
ALL = tuple(Purpose)


@dataclass(frozen=True, slots=True)
class Limit:
    """One row.

    Args:
        key: of the finding.
        measure: name in the measures.
        bound: the value that still fits.
        purposes: that ask for it.
        severity: of missing it.
        why: source or reason of the bound.
        is_least: the bound is a lower one; else an upper one.
    """

    key: str
    measure: str
    bound: float
    purposes: tuple[Purpose, ...]
    severity: Severity
    why: str
    is_least: bool = False

    def is_missed(self, measures: Mapping[str, Any]) -> bool:
        """Whether the measures break it; a measure that could not be taken breaks nothing."""
        value = measures.get(self.measure)
        if value is None:
            return False
        return bool(value < self.bound if self.is_least else value > self.bound)

    def cells(self) -> list[str]:
        """The row as text: finding, condition, purposes, severity, reason."""
        relation = "at least" if self.is_least else "at most"
        purposes = ", ".join(purpose.value for purpose in self.purposes)
        return [self.key, f"{self.measure} {relation} {self.bound:,g}", purposes, self.severity.value, self.why]


# fmt: off
LIMITS: tuple[Limit, ...] = (
    # -- what slicers and engines cannot read --------------------------------------------------------------------------
    Limit("empty", "area_cm2", 1e-12, ALL, STOP, "there is no surface to show or to print", is_least=True),
    Limit("holes", "holes", 0, (PRINT,), FIX, "3MF core 4.1.1: a solid needs every edge to have two faces"),
    Limit("holes", "holes", 0, SEEN, NOTE, "engines draw front faces alone: one sees through a hole"),
    Limit("crowded_edges", "nonmanifold_edges", 0, (PRINT,), FIX, "3MF core 4.1.1: two faces at each edge"),
    Limit("crowded_edges", "nonmanifold_edges", 0, (GAME, WEB), NOTE, "smooth shading and collision shapes go wrong"),
    Limit("pinched", "nonmanifold_vertices", 0, (PRINT,), NOTE, "parts that touch in a point break apart there"),
    Limit("one_sided", "one_sided_parts", 0, (PRINT,), FIX, "a surface without an inside cannot be filled"),
    Limit("one_sided", "one_sided_parts", 0, SEEN, NOTE, "half of it is seen from behind, where engines draw nothing"),
    Limit("turned", "turned_faces", 0, (PRINT, *SEEN), FIX, "3MF core 4.1.3; faces seen from behind are not drawn"),
    Limit("inside_out", "inside_out_parts", 0, (PRINT, *SEEN), FIX, "3MF core 4.1.3: the volume must be positive"),
    Limit("doubled", "doubled_faces", 0, ALL, FIX, "two faces at one place flicker and are no solid"),
    Limit("flat_faces", "degenerate_faces", 0, (PRINT, GAME), FIX, "without area there is no normal and no tangent"),
    Limit("flat_faces", "degenerate_faces", 0, (WEB, RENDER), NOTE, "without area there is no normal"),
    Limit("debris", "debris_parts", 0, (PRINT,), FIX, "loose crumbs are printed too, or clog the nozzle"),
    Limit("debris", "debris_parts", 0, SEEN, NOTE, "specks float beside the object"),
)
# fmt: on


def severities(key: str, measures: Mapping[str, Any]) -> dict[Purpose, Severity]:
    """How bad a finding is for each purpose that minds it; empty where every limit is kept."""
    order = list(Severity)
    worst: dict[Purpose, Severity] = {}
    for limit in LIMITS:
        if limit.key == key and limit.is_missed(measures):
            for purpose in limit.purposes:
                worst[purpose] = max(worst.get(purpose, NOTE), limit.severity, key=order.index)
    return worst
