"""What other programs expect of a file: one row for each program, with the reason of each value."""

from dataclasses import dataclass

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
        reasons: why, by "format" and by the name of each option that is not the usual one.
    """

    key: str
    title: str
    summary: str
    suffix: str
    options: ExportOptions
    reasons: tuple[tuple[str, str], ...]


_STANDS = ("origin", "its pivot is where it stands, so that it is placed on a floor as it is")
_BED = ("origin", "it lies on the bed, in the middle")
_Z_UP = ("up", "the bed is the plane of x and y; 3MF core specification, 2.4")

PRESETS: tuple[Preset, ...] = (
    Preset(
        "blender",
        "Blender",
        "GLB with all textures; Blender turns it z up itself and takes metres as metres.",
        ".glb",
        ExportOptions(origin="floor"),
        (
            ("format", "Blender comes with a glTF importer, which sets up the material and turns y up to z up"),
            _STANDS,
        ),
    ),
    Preset(
        "unity",
        "Unity",
        "OBJ in metres, y up, which Unity reads without a package.",
        ".obj",
        ExportOptions(unit="m", origin="floor", faces=50_000, texture_px=2048),
        (
            (
                "format",
                "Unity's built-in importers read OBJ; GLB needs the package glTFast (manual, Built-in importers)",
            ),
            ("unit", "a unit of Unity is a metre, and OBJ states none (manual, ModelImporter)"),
            _STANDS,
            ("faces", "the limit of the verdict for games: a prop seen from near"),
            ("texture_px", "the size that Unity's texture importer takes at most by default"),
        ),
    ),
    Preset(
        "unreal",
        "Unreal Engine",
        "GLB; Unreal turns it z up and metres into centimetres itself.",
        ".glb",
        ExportOptions(origin="floor", faces=50_000, texture_px=4096),
        (
            (
                "format",
                "Unreal's glTF importer scales by 100, metres to centimetres, and turns the axes (GLTFImportOptions)",
            ),
            _STANDS,
            ("faces", "the limit of the verdict for games: a prop seen from near"),
            ("texture_px", "the limit of the verdict for games: 64 MB of graphics memory"),
        ),
    ),
    Preset(
        "web",
        "Web and Android AR",
        "A light GLB for web pages and Android's Scene Viewer.",
        ".glb",
        ExportOptions(origin="floor", faces=50_000, texture_px=2048),
        (
            ("format", "web viewers and Scene Viewer load glTF 2.0, GLB in one piece"),
            _STANDS,
            (
                "faces",
                "Scene Viewer recommends 30 000 vertices (Google I/O 2019); closed meshes have twice as many faces",
            ),
            ("texture_px", "Scene Viewer recommends 2048 pixels (Google I/O 2019); larger ones crash phones' browsers"),
        ),
    ),
    Preset(
        "quicklook",
        "iPhone and iPad AR",
        "USDZ for AR Quick Look, which opens it from a web page or a message.",
        ".usdz",
        ExportOptions(origin="floor", faces=100_000, texture_px=2048),
        (
            ("format", "Quick Look opens USDZ alone"),
            ("origin", "the base on y = 0 and the pivot at the origin (Apple, WWDC 2018, session 603)"),
            ("faces", "100 000 polygons (Apple, WWDC 2018, session 603; confirmed on the developer forums in 2021)"),
            ("texture_px", "2048 pixels (the same sources)"),
        ),
    ),
    Preset(
        "slicer",
        "Slicer",
        "3MF, which states its millimetres and keeps the colours; z up, standing on the bed.",
        ".3mf",
        ExportOptions(up="z", origin="floor", faces=1_000_000),
        (
            ("format", "every slicer of today reads 3MF, and its unit cannot be mistaken as that of STL can"),
            _Z_UP,
            _BED,
            ("faces", "OrcaSlicer's command line refuses more than a million for a plate by default (--mtcpp)"),
        ),
    ),
    Preset(
        "cad",
        "CAD",
        "STL in millimetres, z up, with few enough triangles to become a solid body.",
        ".stl",
        ExportOptions(up="z", origin="floor", faces=10_000),
        (
            ("format", "every CAD program reads STL; most ask for its unit and offer millimetres first"),
            ("up", "sketches begin on the plane of x and y"),
            ("origin", "it stands on the plane that sketches begin on"),
            ("faces", "each triangle becomes a face of the solid body; with more, programs stop answering"),
        ),
    ),
)


def find(key: str) -> Preset:
    """The preset with this key. Raises InputProblem."""
    for preset in PRESETS:
        if preset.key == key:
            return preset
    raise InputProblem(f"There is no preset “{key}”.", f"Use one of {', '.join(preset.key for preset in PRESETS)}.")
