"""Reads USDZ packages whose layers are text (USDA), as ours are."""

from collections.abc import Callable
from typing import Any

from img2model_desktop.core.formats.polygons import broken
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture


def decode_usdz(
    content: bytes, decode: Callable[[bytes], Picture], max_bytes: int, max_vertices: int
) -> tuple[Mesh, tuple[str, ...]]:
    """A mesh, and sentences about what was left out. Raises InputProblem."""
    raise broken("USDZ", f"{len(content)} {max_bytes} {max_vertices} {decode}")


def recipe_in_usdz(content: bytes, max_bytes: int) -> dict[str, Any]:
    """The recipe in the layer's `customLayerData`, empty where there is none. Raises InputProblem."""
    raise broken("USDZ", f"{len(content)} {max_bytes}")
