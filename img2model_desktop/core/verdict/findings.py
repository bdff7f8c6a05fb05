"""The words of a verdict: purposes, conditions, findings with their places, and the verdict itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.workshop.step import Step


class Purpose(StrEnum):
    """What a mesh is wanted for."""

    PRINT = "print"
    GAME = "game"
    WEB = "web"  # augmented reality and web pages
    RENDER = "render"


class Level(StrEnum):
    """How fit it is."""

    FIT = "fit"
    FIXABLE = "fit after fixes"
    UNFIT = "not fit"


class Severity(StrEnum):
    """What one finding means for one purpose."""

    NOTE = "note"  # worth knowing, fit all the same
    FIX = "fix"  # fit once its fixes are done
    STOP = "stop"  # nothing here makes it fit


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the verdict is measured against.

    Args:
        size_mm: longest side that the mesh will have, millimetres; None: as it is.
        wall_mm: thinnest wall that the printer makes.
        overhang_deg: steepest overhang that prints without support, degrees from the vertical: 0 a wall, 90 a ceiling.
        bed_mm: width, depth and height that the printer reaches.
        density_g_cm3: of the material; 1.24 is PLA.
    """

    size_mm: float | None = None
    wall_mm: float = 0.8
    overhang_deg: float = 45.0
    bed_mm: tuple[float, float, float] = (220.0, 220.0, 250.0)
    density_g_cm3: float = 1.24


def _no_faces() -> NDArray[np.int32]:
    return np.zeros(0, dtype=np.int32)


def _no_edges() -> NDArray[np.float32]:
    return np.zeros((0, 2, 3), dtype=np.float32)


def _no_points() -> NDArray[np.float32]:
    return np.zeros((0, 3), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where on the mesh something is; any of the three may be empty.

    Args:
        faces: `(k,) int32`, numbers of faces of the judged mesh.
        edges: `(k, 2, 3) float32`, ends of edges, metres, in the judged mesh's own place and size.
        points: `(k, 3) float32`, metres, likewise.
    """

    faces: NDArray[np.int32] = field(default_factory=_no_faces)
    edges: NDArray[np.float32] = field(default_factory=_no_edges)
    points: NDArray[np.float32] = field(default_factory=_no_points)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to point at."""
        return not (len(self.faces) or len(self.edges) or len(self.points))


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One thing that is worth saying about a mesh.

    Args:
        key: short and stable, such as "holes".
        title: two to four words: "3 holes".
        reason: one sentence: what is wrong and why it matters.
        advice: one sentence: what helps, also where no fix here does.
        severity: for each purpose that it concerns; purposes not in it do not mind.
        place: where.
        fix: operations that mend it, in order; empty where there is none.
    """

    key: str
    title: str
    reason: str
    advice: str
    severity: Mapping[Purpose, Severity]
    place: Place = field(default_factory=Place)
    fix: tuple[Step, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the places: they can be as large as the mesh."""
        return {
            "key": self.key,
            "title": self.title,
            "reason": self.reason,
            "advice": self.advice,
            "severity": {purpose.value: severity.value for purpose, severity in self.severity.items()},
            "faces": len(self.place.faces),
            "edges": len(self.place.edges),
            "points": len(self.place.points),
            "fix": [step.to_dict() for step in self.fix],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What a mesh is fit for, and why.

    Args:
        measures: every figure as a plain value by a name with its unit, such as `volume_cm3`; see `measures.MEANINGS`.
        findings: worst first.
        conditions: against which it was judged.
    """

    measures: Mapping[str, Any]
    findings: tuple[Finding, ...]
    conditions: Conditions

    def level(self, purpose: Purpose) -> Level:
        """How fit the mesh is for a purpose."""
        found = {finding.severity[purpose] for finding in self.findings if purpose in finding.severity}
        if Severity.STOP in found:
            return Level.UNFIT
        return Level.FIXABLE if Severity.FIX in found else Level.FIT

    def concerning(self, purpose: Purpose) -> tuple[Finding, ...]:
        """The findings that concern a purpose, worst first."""
        order = list(Severity)[::-1]
        mine = [finding for finding in self.findings if purpose in finding.severity]
        return tuple(sorted(mine, key=lambda finding: order.index(finding.severity[purpose])))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "verdict": {purpose.value: self.level(purpose).value for purpose in Purpose},
            "findings": [finding.to_dict() for finding in self.findings],
            "measures": dict(self.measures),
        }
