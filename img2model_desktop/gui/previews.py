"""What the input panel lets run aside: module-level functions for `JobRunner.call`."""

from typing import Any

from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role
from img2model_desktop.gui.runner import PREVIEW_SIDE_PX


def original_preview(path: str, report: Any, is_cancelled: Any) -> Any:  # noqa: ARG001
    """The picture file, its longer side at most `PREVIEW_SIDE_PX`."""
    from img2model_desktop.core.picture_files import Limits, read_picture

    return read_picture(path, Limits(max_side=PREVIEW_SIDE_PX))


def made_preview(
    maker: str, prompt: str, style: str, options: Any, seed: int, report: Any, is_cancelled: Any
) -> Any:
    """The picture that the maker draws for the words."""
    from img2model_desktop.engines.bench import call_engine

    spec = catalog.find(maker, Role.MAKER)
    return call_engine(spec.entry, "make", (prompt, style, options, seed), report, is_cancelled)


def shape_preview(path: str, report: Any, is_cancelled: Any) -> Any:
    """The mesh of a job that is still under way, from its `shape.npz`."""
    from pathlib import Path

    from img2model_desktop.jobs.pipeline import load_shape

    return load_shape(Path(path), report, is_cancelled)
