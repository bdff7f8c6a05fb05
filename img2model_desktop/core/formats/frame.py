"""Which axis points up and what one unit is in a mesh file."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.errors import InputProblem

PER_METRE = {"mm": 1000.0, "cm": 100.0, "m": 1.0, "in": 1 / 0.0254}
"""Units in a metre; an inch is 25.4 mm since 1959."""

UNIT_NAMES = {"mm": "millimetres", "cm": "centimetres", "m": "metres", "in": "inches"}

UPS = ("y", "z")


@dataclass(frozen=True, slots=True)
class Frame:
    """How the numbers of a file are meant.

    Args:
        up: "y" or "z". With z up, the front of the object faces -y, as in Blender.
        unit: one of `PER_METRE`.

    Raises:
        InputProblem: neither.
    """

    up: str = "y"
    unit: str = "mm"

    def __post_init__(self) -> None:
        if self.up not in UPS:
            raise InputProblem(f"“{self.up}” is not an axis that can point up.", "Use y or z.")
        if self.unit not in PER_METRE:
            raise InputProblem(f"“{self.unit}” is not a unit of length.", f"Use one of {', '.join(PER_METRE)}.")

    def to_file(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vertices, `(n, 3) float32`, metres, y up, as the file gets them."""
        scaled = _scaled(vertices, PER_METRE[self.unit])
        return scaled if self.up == "y" else np.stack([scaled[:, 0], -scaled[:, 2], scaled[:, 1]], axis=1)

    def to_metres(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """The file's vertices, `(n, 3) float32`, in metres, y up."""
        scaled = _scaled(vertices, 1 / PER_METRE[self.unit])
        return scaled if self.up == "y" else np.stack([scaled[:, 0], scaled[:, 2], -scaled[:, 1]], axis=1)

    def __str__(self) -> str:
        return f"{UNIT_NAMES[self.unit]}, {self.up} up"


_UNITS = {name: unit for unit, name in UNIT_NAMES.items()}
_STATED = re.compile(rb"Image2Model Desktop[^\n,]{0,40}, (" + "|".join(_UNITS).encode() + rb"), ([yz]) up")
_HEAD_BYTES = 200

PLAIN = Frame()
"""Millimetres, y up: what is taken where neither the file nor the user says anything."""

METRES = Frame("y", "m")
"""What glTF demands, and what our USDZ files state."""

SLICER = Frame("z", "mm")
"""What the 3MF specification has (its unit is stated in the file and may be another)."""

FIXED = {".glb": METRES, ".gltf": METRES, ".usdz": METRES, ".3mf": SLICER}
"""Formats that leave no choice, or that state the frame themselves."""


def settled(suffix: str, frame: Frame) -> Frame:
    """The frame that a file with this suffix (lower case) really has when `frame` is asked for."""
    return FIXED.get(suffix, frame)


def stated(content: bytes) -> Frame | None:
    """The frame that an OBJ, STL or PLY file of ours states near its beginning; None for others."""
    found = _STATED.search(content[:_HEAD_BYTES])
    return Frame(found[2].decode(), _UNITS[found[1].decode()]) if found else None


def _scaled(vertices: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what is too large is infinite, and refused with the mesh
        return vertices if factor == 1 else (vertices.astype(np.float64) * factor).astype(np.float32)
