"""What the diagnostics have done aside: module-level functions whose last two arguments are `report` and
`is_cancelled`."""

from pathlib import Path
from typing import Any

from img2model_desktop.engines.weights.library import Library, Standing
from img2model_desktop.health import bundle
from img2model_desktop.health.checks import Check, Places
from img2model_desktop.health.page import Report, save
from img2model_desktop.health.past import Past, look


def look_back(database: Path, weights: Path, report: Any, is_cancelled: Any) -> tuple[Past, int]:  # noqa: ARG001 - aside
    """The history at a look, and how many sets of weights are damaged."""
    damaged = sum(state.standing is Standing.DAMAGED for state in Library(weights).states())
    return look(database), damaged


def collect(places: Places, checks: tuple[Check, ...], report: Any, is_cancelled: Any) -> tuple[bundle.Member, ...]:  # noqa: ARG001 - aside
    """What would be in a bundle."""
    return bundle.contents(places, checks)


def save_bundle(path: Path, members: tuple[bundle.Member, ...], report: Any, is_cancelled: Any) -> Path:  # noqa: ARG001 - aside
    """Writes the bundle; its path. Raises SetupProblem."""
    bundle.write(path, members)
    return path


def save_page(found: Report, path: Path, report: Any, is_cancelled: Any) -> Path:  # noqa: ARG001 - aside
    """Writes the page, or JSON; its path. Raises SetupProblem."""
    save(found, path)
    return path
