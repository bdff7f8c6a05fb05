"""A page about a mesh that can be printed: pictures, verdict, findings, measures, recipe."""

from collections.abc import Mapping
from typing import Any

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.findings import Verdict


def report_html(
    mesh: Mesh,
    verdict: Verdict,
    title: str,
    recipe: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> str:
    """One HTML page that needs nothing else: pictures are part of it, and it fits a sheet of A4.

    Args:
        mesh: valid, that was judged.
        verdict: on it.
        title: what the user calls it.
        recipe: how it was made, as the file holds it.
        progress: token.

    Raises:
        SetupProblem: OpenGL is not available for the pictures.
        Cancelled: from `progress`.
    """
    from html import escape

    rows = "".join(f"<tr><td>{escape(name)}<td>{escape(str(value))}" for name, value in verdict.measures.items())
    return f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><table>{rows}</table>"
