"""Faults of a soak, by the request itself; light to import in helper processes, where most of them happen."""

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from img2model_desktop.core.events import Facts
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role
from img2model_desktop.errors import EngineProblem, OutOfMemory, SetupProblem
from img2model_desktop.jobs import kept
from tests.shapes import box

BUG, USELESS, MEMORY, KILLED = 101, 102, 103, 104
"""Seeds with which the replaced engines fail."""

UNCLEAN_MM, UNSAVED_MM = 13.0, 14.0
"""Sizes that cannot be cleaned, and saved."""


class Faulty:
    """An engine of any role that fails by its seed; otherwise it is quick."""

    def make(self, prompt: str, style: str, options: Any, seed: int, progress: Progress) -> Picture:
        """Fails, or the real lettering."""
        from img2model_desktop.engines.shapes import lettering

        _fail(seed)
        return lettering.load().make(prompt, style, options, seed, progress)

    def cut(self, picture: Picture, strokes: Any, options: Any, progress: Progress) -> Picture:
        """Fails: cutters get no seed, so this one always does."""
        progress.update(0.5)
        raise EngineProblem("Nothing was found.", "Try another picture.")

    def sculpt(self, picture: Picture, options: Any, seed: int, progress: Progress) -> Mesh:
        """Fails, or a box."""
        progress.update(0.5)
        _fail(seed)
        return box(0.1, 0.1, 0.1)

    def close(self) -> None:
        """Holds nothing."""


def _fail(seed: int) -> None:
    if seed == BUG:
        raise ZeroDivisionError("planted")
    if seed == USELESS:
        raise EngineProblem("No mesh came of it.", "Try another engine.")
    if seed == MEMORY:
        raise OutOfMemory("No room.", "Close something.")
    if seed == KILLED:
        os.kill(os.getpid(), signal.SIGKILL)


def engines() -> tuple[Any, ...]:
    """The catalogue with a maker, a cutter and a sculptor replaced; those that nobody asks for stay real."""
    faulty = {("lettering", Role.MAKER), ("birefnet-lite", Role.CUTTER), ("relief", Role.SCULPTOR)}
    changes: dict[str, Any] = {"entry": "tests.jobs.soaked:Faulty", "weights": "", "rungs": ()}
    return tuple(replace(spec, **changes) if (spec.key, spec.role) in faulty else spec for spec in catalog.ENGINES)


def clean_up(mesh: Mesh, size_mm: float, report: Any, is_cancelled: Any) -> Mesh:
    """Stands in for `kept.clean_up`."""
    if size_mm == UNCLEAN_MM:
        raise EngineProblem("The mesh cannot be cleaned.", "Try another engine.")
    return kept.clean_up(mesh, size_mm, report, is_cancelled)


def save(mesh: Mesh, path: Path, recipe: Mapping[str, Any], report: Any, is_cancelled: Any) -> Facts:
    """Stands in for `kept.save`."""
    if recipe["request"].get("size_mm") == UNSAVED_MM:
        raise SetupProblem("There is not enough space left to save it.", "Free some space.")
    return kept.save(mesh, path, recipe, report, is_cancelled)
