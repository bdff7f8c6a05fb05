"""What other programs expect of a file: one row for each program, with the reason of each value."""

from dataclasses import dataclass

from img2model_desktop.core.mesh_files import MESH_SUFFIXES
from img2model_desktop.errors import InputProblem
from img2model_desktop.jobs.export import ExportOptions


@dataclass(frozen=True, slots=True)
class Preset:
    """A way to save that suits a program.

    Args:
        key: short, stable, for the command line and settings.
        title: for people.
        summary: one sentence: what it writes and why.
        suffix: of the format.
        options: how it is saved; `size_mm` is None: the size is the user's own.
    """

    key: str
    title: str
    summary: str
    suffix: str
    options: ExportOptions


PRESETS: tuple[Preset, ...] = (
    Preset(
        "blender",
        "Blender",
        "GLB with all textures; Blender turns it z up itself and keeps metres.",
        ".glb",
        ExportOptions(origin="floor"),
    ),
    Preset(
        "unity",
        "Unity",
        "OBJ in metres, y up, which Unity reads without a package.",
        ".obj",
        ExportOptions(unit="m", origin="floor", faces=50_000, texture_px=2048),
    ),
    Preset(
        "unreal",
        "Unreal Engine",
        "GLB; Unreal turns it z up and metres into centimetres itself.",
        ".glb",
        ExportOptions(origin="floor", faces=100_000, texture_px=4096),
    ),
    Preset(
        "web",
        "Web and Android AR",
        "A small GLB for web pages and Android's Scene Viewer.",
        ".glb",
        ExportOptions(origin="floor", faces=50_000, texture_px=2048),
    ),
    Preset(
        "slicer",
        "Slicer",
        "Millimetres, z up, standing on the bed.",
        ".3mf" if ".3mf" in MESH_SUFFIXES else ".stl",
        ExportOptions(up="z", origin="floor", faces=1_000_000),
    ),
    Preset(
        "cad",
        "CAD",
        "STL in millimetres, z up, with few enough triangles to become a solid body.",
        ".stl",
        ExportOptions(up="z", origin="floor", faces=10_000),
    ),
)


def find(key: str) -> Preset:
    """The preset with this key. Raises InputProblem."""
    for preset in PRESETS:
        if preset.key == key:
            return preset
    raise InputProblem(f"There is no preset “{key}”.", f"Use one of {', '.join(preset.key for preset in PRESETS)}.")
