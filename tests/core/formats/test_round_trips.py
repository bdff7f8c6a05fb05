"""From every format to every other and back: what stays the same to the bit, and what a format cannot hold."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from img2model_desktop.core.formats.frame import Frame, settled
from img2model_desktop.core.formats.ply import sample
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import MESH_SUFFIXES, read, write_mesh
from tests.shapes import box, pixels, textured, torus


@dataclass(frozen=True)
class Keeps:
    """What a format keeps of a textured mesh.

    Args:
        metres: numbers are metres, so that places stay to the bit; else they are scaled, and rounded once.
        uv: largest difference; None where uv is not kept as it was.
        texture: "picture" (every pixel), "corners" (the colours at the vertices) or "".
        vertices: order and number of vertices.
    """

    metres: bool
    uv: float | None
    texture: str
    vertices: bool


TABLE = {
    ".glb": Keeps(metres=True, uv=2**-24, texture="picture", vertices=True),  # 1 - v is rounded once
    ".gltf": Keeps(metres=True, uv=2**-24, texture="picture", vertices=True),
    ".usdz": Keeps(metres=True, uv=0, texture="picture", vertices=True),
    ".obj": Keeps(metres=False, uv=0, texture="picture", vertices=False),
    ".3mf": Keeps(metres=False, uv=0, texture="picture", vertices=False),
    ".ply": Keeps(metres=False, uv=None, texture="corners", vertices=False),
    ".stl": Keeps(metres=False, uv=None, texture="", vertices=False),
}
MESH = textured(torus(), pixels(32, 16))
EXACT = textured(box(0.5, 0.25, 1), pixels(7, 5))
"""Its places are whole numbers of quarters, which stay exact in every unit but the inch."""


def corner_colours(mesh: Mesh) -> np.ndarray:
    return sample(mesh.base_colour, mesh.uv)[mesh.faces]


def check(again: Mesh, mesh: Mesh, *steps: str) -> None:
    """Compares after these formats, in this order."""
    kept = [TABLE[suffix] for suffix in steps]
    corners, wanted = again.vertices[again.faces], mesh.vertices[mesh.faces]
    assert again.faces.shape == mesh.faces.shape
    roundings = sum(2 for one in kept if not one.metres)
    assert np.abs(corners - wanted).max() <= roundings * 2**-24 * np.abs(wanted).max()
    if all(one.vertices for one in kept):
        assert np.array_equal(again.vertices, mesh.vertices)
        assert np.array_equal(again.faces, mesh.faces)
    if any(not one.texture for one in kept):
        assert again.base_colour is None
    elif any(one.texture == "corners" for one in kept):
        assert np.abs(corner_colours(again).astype(int) - corner_colours(mesh)).max() <= 1
    else:
        assert np.array_equal(again.base_colour.pixels, mesh.base_colour.pixels)
        assert np.abs(again.uv[again.faces] - mesh.uv[mesh.faces]).max() <= sum(one.uv or 0.0 for one in kept)


def test_the_table_has_every_format() -> None:
    assert set(TABLE) == set(MESH_SUFFIXES)


@pytest.mark.parametrize("second", MESH_SUFFIXES)
@pytest.mark.parametrize("first", MESH_SUFFIXES)
def test_from_one_format_to_another(tmp_path: Path, first: str, second: str) -> None:
    write_mesh(MESH, tmp_path / f"a{first}")
    between, notes = read(tmp_path / f"a{first}")
    assert notes == ()
    check(between, MESH, first)
    write_mesh(between, tmp_path / f"b{second}")
    again, notes = read(tmp_path / f"b{second}")
    assert notes == ()
    check(again, MESH, first, second)


@pytest.mark.parametrize("unit", ["mm", "cm", "m", "in"])
@pytest.mark.parametrize("up", ["y", "z"])
@pytest.mark.parametrize("suffix", [".obj", ".stl", ".ply", ".3mf"])
def test_a_file_of_ours_says_its_axis_and_unit(tmp_path: Path, suffix: str, up: str, unit: str) -> None:
    write_mesh(EXACT, tmp_path / f"a{suffix}", frame=Frame(up, unit))
    again = read(tmp_path / f"a{suffix}").mesh
    wanted = EXACT.vertices[EXACT.faces]
    assert np.abs(again.vertices[again.faces] - wanted).max() <= (2**-24 if unit == "in" and suffix != ".3mf" else 0)


@pytest.mark.parametrize("suffix", [".obj", ".stl", ".ply"])
def test_the_user_may_know_better_than_the_file(tmp_path: Path, suffix: str) -> None:
    write_mesh(EXACT, tmp_path / f"a{suffix}", frame=Frame("y", "mm"))
    as_metres = read(tmp_path / f"a{suffix}", frame=Frame("y", "m")).mesh
    assert as_metres.size_m.tolist() == [500, 250, 1000]
    lying = read(tmp_path / f"a{suffix}", frame=Frame("z", "mm")).mesh
    assert lying.size_m.tolist() == [0.5, 1, 0.25]


def test_formats_that_fix_their_frame_keep_it(tmp_path: Path) -> None:
    asked = Frame("y", "in")
    for suffix in (".glb", ".gltf", ".usdz", ".3mf"):
        write_mesh(EXACT, tmp_path / f"a{suffix}", frame=asked)
        assert read(tmp_path / f"a{suffix}", frame=asked).mesh.size_m.tolist() == [0.5, 0.25, 1]
        assert settled(suffix, asked) == (Frame("z", "mm") if suffix == ".3mf" else Frame("y", "m"))
