"""Every engine the program knows, in one table. Importing it imports no engine."""

from dataclasses import dataclass

from img2model_desktop.core.options import Option, option
from img2model_desktop.core.request import Quality
from img2model_desktop.engines.base import EngineSpec, Role, Rung
from img2model_desktop.engines.styles import PRESETS
from img2model_desktop.engines.weights.pipelines import PLACE
from img2model_desktop.errors import InputProblem

_FACES = {
    Quality.DRAFT: {"faces": 12_000, "texture_px": 512},
    Quality.STANDARD: {"faces": 50_000, "texture_px": 1024},
    Quality.HIGH: {"faces": 200_000, "texture_px": 2048},
}

_FINE_SIZES = {Quality.DRAFT: {"size_px": 512}}

# Memory is the growth of a process's peak, measured with a subject of 2048 px by built-in engines and of 1200 px by
# those with weights. Not measured but estimated: TripoSR's rungs; BiRefNet's, by the share that the lite one's take;
# and whatever is on graphics cards, from the weights' size and the published peak. TripoSR's are for processors that
# keep its weights in full: in bfloat16, which takes 800 MiB less, 1,322 MiB were measured at standard quality
# (tests.bench.draft).
_PROCESSOR = "the processor instead of the graphics card"
_FEWER = "50,000 triangles and a texture of 1024 px"
_FEWEST = "12,000 triangles and a texture of 512 px"


def _cheaper_surfaces(fewer_mib: int, fewest_mib: int) -> tuple[Rung, ...]:
    """The rungs of a built-in sculptor."""
    return (
        Rung(_FEWER, _FACES[Quality.STANDARD], fewer_mib),
        Rung(_FEWEST, _FACES[Quality.DRAFT], fewest_mib),
    )


@dataclass(frozen=True, slots=True)
class CutoutOptions:
    """Options of the cutter."""

    sensitivity: float = option(
        1.0,
        Option(
            "Sensitivity",
            "How little a pixel must differ from the background to belong to the subject; more keeps more.",
            "x",
            0.25,
            4.0,
            0.05,
        ),
    )
    softness: float = option(
        1.0, Option("Edge softness", "Width of the soft edge; 0 is cut with a knife.", "x", 0.0, 4.0, 0.1)
    )
    fill_holes: bool = option(
        False, Option("Fill holes", "Fills openings inside the subject, for solid things with pale or shiny spots.")
    )
    largest_only: bool = option(
        False, Option("Largest part only", "Keeps one connected part, where bits of the background were kept too.")
    )
    background: str = option(
        "auto",
        Option(
            "Background",
            "Takes it away, or keeps the whole picture; auto keeps it for reliefs of pictures without alpha.",
            choices=("auto", "remove", "keep"),
        ),
    )


@dataclass(frozen=True, slots=True)
class FineCutOptions:
    """Options of the cutters with published weights."""

    size_px: int = option(
        1024,
        Option("Working size", "The picture is looked at in this size; smaller is faster.", "px", 512, 1024, 256),
    )
    sensitivity: float = option(
        1.0, Option("Sensitivity", "More keeps what the network is less sure of.", "x", 0.25, 4.0, 0.05)
    )
    softness: float = option(
        1.0, Option("Edge softness", "Width of the soft edge; 0 is cut with a knife.", "x", 0.0, 4.0, 0.1)
    )
    fill_holes: bool = option(
        False, Option("Fill holes", "Fills openings inside the subject, for solid things with pale or shiny spots.")
    )
    largest_only: bool = option(
        False, Option("Largest part only", "Keeps one connected part, where bits of the background were kept too.")
    )
    background: str = option(
        "auto",
        Option(
            "Background",
            "Takes it away, or keeps the whole picture; auto keeps it for reliefs of pictures without alpha.",
            choices=("auto", "remove", "keep"),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Surface:
    """What every built-in sculptor lets the user set."""

    faces: int = option(
        50_000, Option("Triangles", "About how many triangles the mesh has.", low=500, high=1_000_000, step=1000)
    )
    texture_px: int = option(
        1024, Option("Texture", "Longest side of the texture picture.", "px", low=64, high=4096, step=64)
    )


@dataclass(frozen=True, slots=True)
class InflateOptions(_Surface):
    """Options of the Inflate sculptor."""

    thickness: float = option(
        1.0, Option("Thickness", "How fat the body is; 1 is as the outline suggests.", "x", 0.05, 3.0, 0.05)
    )
    relief: float = option(
        0.25, Option("Relief", "How much fine relief is read from light and shade; 0 is smooth.", "x", 0.0, 2.0, 0.05)
    )
    tilt: float = option(
        1.0,
        Option(
            "Tilt",
            "How much the body turns in depth, as far as its outline tells; 0 keeps it parallel to the picture.",
            "x",
            0.0,
            2.0,
            0.05,
        ),
    )
    back: str = option("mirrored", Option("Back", "What the unseen side shows.", choices=("mirrored", "plain")))


@dataclass(frozen=True, slots=True)
class TwinOptions(_Surface):
    """Options of the Twin sculptor."""

    thickness: float = option(
        1.0, Option("Thickness", "How fat the body is; 1 is as the network sees it.", "x", 0.1, 3.0, 0.05)
    )
    pose: str = option(
        "upright",
        Option("Pose", "Stands on the ground, or leans as the camera saw it.", choices=("upright", "as seen")),
    )
    back: str = option("guessed", Option("Back", "What the unseen side shows.", choices=("guessed", "mirrored")))


@dataclass(frozen=True, slots=True)
class LatheOptions(_Surface):
    """Options of the Lathe sculptor."""

    axis: str = option(
        "auto",
        Option("Axis", "Which way the body stands; auto looks for the symmetry.", choices=("auto", "upright", "lying")),
    )
    from_above: float = option(
        0.0,
        Option(
            "Seen from above",
            "Angle that the picture was taken from above: rims that look like ellipses become flat ends.",
            "deg",
            0.0,
            60.0,
            1.0,
        ),
    )
    wrap: str = option(
        "as seen",
        Option(
            "Wrap",
            "As seen matches the picture from the front; even spreads it over the sides as well.",
            choices=("as seen", "even"),
        ),
    )


@dataclass(frozen=True, slots=True)
class ExtrudeOptions(_Surface):
    """Options of the Extrude sculptor."""

    thickness: float = option(
        0.12, Option("Thickness", "Depth of the body, as a share of its longest side.", "x", 0.01, 1.0, 0.01)
    )
    bevel: float = option(
        0.2, Option("Bevel", "Width of the bevel, as a share of the thickness; 0 is a sharp edge.", "x", 0.0, 0.5, 0.05)
    )
    edge: str = option(
        "round", Option("Edge", "Whether the bevel is rounded or a flat chamfer.", choices=("round", "chamfer"))
    )
    bevel_back: bool = option(
        False, Option("Bevel the back", "Bevels both sides; leave it off for a body that lies flat on its back.")
    )
    back: str = option(
        "mirrored",
        Option(
            "Back", "What the unseen side shows; plain takes the colour of the edge.", choices=("mirrored", "plain")
        ),
    )


@dataclass(frozen=True, slots=True)
class ReliefOptions(_Surface):
    """Options of the Relief sculptor."""

    shape: str = option(
        "auto",
        Option(
            "Shape",
            "The whole rectangle, a disc, or the subject's own outline; auto looks whether the picture is cut out.",
            choices=("auto", "plaque", "coin", "cut-out"),
        ),
    )
    source: str = option(
        "brightness",
        Option(
            "Heights from",
            "Brightness; the picture as a depth map, near being bright; or as a lithophane, thin where it is bright.",
            choices=("brightness", "depth", "lithophane"),
        ),
    )
    depth_file: str = option(
        "", Option("Depth file", "A depth map of the same picture, near being bright; it replaces the other source.")
    )
    height: float = option(
        0.04, Option("Height", "Of the relief, as a share of the longest side.", "x", 0.001, 0.5, 0.005)
    )
    base: float = option(
        0.015, Option("Base", "Thickness of the plate, as a share of the longest side.", "x", 0.002, 0.5, 0.005)
    )
    frame: float = option(
        0.025,
        Option("Frame", "Width of a raised frame, a share of the longest side; 0 is none.", "x", 0.0, 0.2, 0.005),
    )
    invert: bool = option(False, Option("Invert", "Turns high into low, for prints, stamps and moulds."))
    smoothing: float = option(0.3, Option("Smoothing", "How much grain is taken away; edges stay.", "x", 0.0, 2.0, 0.1))


@dataclass(frozen=True, slots=True)
class DepthOptions(_Surface):
    """Options of the Depth relief sculptor."""

    kind: str = option(
        "plaque",
        Option(
            "Kind",
            "A plate with the picture raised, a coin, a lithophane for a light, or a body with a guessed back.",
            choices=("plaque", "coin", "lithophane", "body"),
        ),
    )
    depth: float = option(1.0, Option("Depth", "How deep it is; 1 is usual for the kind.", "x", 0.1, 4.0, 0.05))
    relief: float = option(
        0.25, Option("Relief", "How much fine relief is read from light and shade; 0 is smooth.", "x", 0.0, 2.0, 0.05)
    )
    back: str = option(
        "rounded",
        Option(
            "Back",
            "Of a body, whose unseen side is a guess: round as its outline, the front mirrored and flattened, or flat.",
            choices=("rounded", "mirrored", "flat"),
        ),
    )
    thickness: float = option(
        1.0,
        Option("Thickness", "How far a body's back bulges; 1 is as its outline suggests.", "x", 0.1, 3.0, 0.05),
    )
    cut: bool = option(
        True,
        Option("Cut at jumps", "Cuts a body where its depth jumps, such as behind an arm; off keeps it in one piece."),
    )
    base: float = option(
        0.015,
        Option(
            "Base",
            "Thickness of the plate, as a share of the longest side; a lithophane's is half of it.",
            "x",
            0.002,
            0.5,
            0.005,
        ),
    )
    frame: float = option(
        0.025, Option("Frame", "Width of a raised frame, a share of the longest side; 0 is none.", "x", 0.0, 0.2, 0.005)
    )
    light: float = option(
        0.75,
        Option("Light", "How much of a lithophane follows brightness; the rest follows depth.", "x", 0.0, 1.0, 0.05),
    )
    seen_px: int = option(
        518,
        Option("Network picture", "Shorter side that the network sees; more is finer and slower.", "px", 518, 1036, 14),
    )


@dataclass(frozen=True, slots=True)
class TripoOptions(_Surface):
    """Options of the TripoSR sculptor."""

    resolution: int = option(
        256, Option("Resolution", "Grid that the body is read on; more is finer and slower.", "", 128, 512, 64)
    )
    thin_parts: bool = option(
        False, Option("Thin parts", "Searches twice as finely for thin parts that touch nothing else; slower.")
    )
    foreground: float = option(
        0.85,
        Option("Subject's size", "Share of the network's picture that the subject takes.", "x", 0.5, 1.0, 0.01),
    )


@dataclass(frozen=True, slots=True)
class LetteringOptions:
    """Options of the Lettering picture maker."""

    colour: str = option(
        "by seed",
        Option(
            "Colour",
            "Of the letters; by seed, each seed has another one.",
            choices=("by seed", "coral", "amber", "leaf", "sea", "violet", "rose", "ink"),
        ),
    )
    spacing: float = option(
        0.0, Option("Letter spacing", "Added between letters, as a share of their size.", "x", -0.1, 0.5, 0.01)
    )
    size_px: int = option(1024, Option("Picture size", "Longest side of the picture.", "px", 256, 2048, 64))


@dataclass(frozen=True, slots=True)
class PromptOptions:
    """Options of the picture maker that works with the user's own pipelines."""

    pipeline: str = option(
        "", Option("Pipeline", "Name of one of your diffusers folders; empty takes the one that was imported last.")
    )
    negative: str = option("", Option("Not wanted", "Words for what the picture shall not show, beside the style's."))
    steps: int = option(
        0, Option("Steps", "More are finer and slower; 0 takes what the pipeline suggests.", "", 0, 150, 1)
    )
    guidance: float = option(
        0.0,
        Option(
            "Guidance",
            "How closely the picture follows the words; 0 takes what pipeline and style suggest.",
            "",
            0.0,
            30.0,
            0.5,
        ),
    )
    size_px: int = option(
        0, Option("Picture size", "Of both sides; 0 takes the size that the pipeline was made for.", "px", 0, 2048, 64)
    )
    strength: float = option(
        0.6,
        Option("Strength", "Of redrawing a picture: how much of it may change.", "x", 0.05, 1.0, 0.05),
    )
    memory: str = option(
        "auto",
        Option(
            "Memory",
            "Whole is fastest; parts keeps one part of the pipeline on the graphics card at a time; layers is slowest "
            "and takes least. On a processor both take weights of 16 bits and decode in tiles.",
            choices=("auto", "whole", "parts", "layers"),
        ),
    )
    cut_long: bool = option(
        False, Option("Cut the end", "Of a long prompt: leaves out what the pipeline would not read, without asking.")
    )


ENGINES: tuple[EngineSpec, ...] = (
    EngineSpec(
        key="lettering",
        role=Role.MAKER,
        title="Lettering",
        summary="Draws the prompt's words in a bundled font.",
        entry="img2model_desktop.engines.shapes.lettering:load",
        options=LetteringOptions,
        styles=("plain", "rounded", "badge", "balloon"),
        uses_seed=True,
    ),
    EngineSpec(
        key="prompt",
        role=Role.MAKER,
        title="Prompt",
        summary="Makes a picture of whatever the prompt says, with a diffusers pipeline of your own.",
        entry="img2model_desktop.engines.prompt.maker:load",
        options=PromptOptions,
        styles=tuple(style.key for style in PRESETS),
        has_own_styles=True,
        uses_seed=True,
        licence="the pipeline's own",
        weights=PLACE,
        restyles=True,
        # The engine itself knows what the chosen pipeline takes; these are for the smallest that people use.
        peak_mib=2200,
        card_mib=3200,
        rungs=(
            Rung("one part of the pipeline at a time", {"memory": "parts"}, 1800, 2200),
            Rung("one layer of the pipeline at a time", {"memory": "layers"}, 1800, 1200),
            Rung("the processor instead of the graphics card", {"memory": "parts"}, 1800, on_processor=True),
        ),
    ),
    EngineSpec(
        key="cutout",
        role=Role.CUTTER,
        title="Cut out",
        summary="Uses the picture's alpha, or finds the subject before its background.",
        entry="img2model_desktop.engines.shapes.cutout:load",
        options=CutoutOptions,
        stands_in=True,
    ),
    EngineSpec(
        key="twin",
        role=Role.SCULPTOR,
        title="Twin",
        summary="A whole body, front and back, as a small trained network sees it.",
        entry="img2model_desktop.engines.twin.sculptor:load",
        options=TwinOptions,
        quality=_FACES,
        peak_mib=450,
        rungs=(Rung(_FEWER, _FACES[Quality.STANDARD], 330),),
        stands_in=True,
    ),
    EngineSpec(
        key="inflate",
        role=Role.SCULPTOR,
        title="Inflate",
        summary="A rounded body from the outline, with relief from light and shade.",
        entry="img2model_desktop.engines.shapes.inflate:load",
        options=InflateOptions,
        quality=_FACES,
        peak_mib=130,
        rungs=_cheaper_surfaces(80, 64),
        stands_in=True,
    ),
    EngineSpec(
        key="lathe",
        role=Role.SCULPTOR,
        title="Lathe",
        summary="A body of revolution, for bottles, vases and lamps.",
        entry="img2model_desktop.engines.shapes.lathe:load",
        options=LatheOptions,
        quality=_FACES,
        peak_mib=130,
        rungs=_cheaper_surfaces(80, 64),
    ),
    EngineSpec(
        key="extrude",
        role=Role.SCULPTOR,
        title="Extrude",
        summary="A flat body with a bevel, for signs, logos and badges.",
        entry="img2model_desktop.engines.shapes.extrude:load",
        options=ExtrudeOptions,
        quality=_FACES,
        peak_mib=130,
        rungs=_cheaper_surfaces(80, 64),
    ),
    EngineSpec(
        key="relief",
        role=Role.SCULPTOR,
        title="Relief",
        summary="A plaque, coin or lithophane from brightness or a depth map.",
        entry="img2model_desktop.engines.shapes.relief:load",
        options=ReliefOptions,
        quality=_FACES,
        keeps_background=True,
        peak_mib=300,
    ),
    EngineSpec(
        key="triposr",
        role=Role.SCULPTOR,
        title="TripoSR",
        summary="A whole textured body from one picture, in seconds; a draft by a large published network.",
        entry="img2model_desktop.engines.triposr.sculptor:load_triposr",
        options=TripoOptions,
        quality={
            Quality.DRAFT: {"faces": 12_000, "texture_px": 512, "resolution": 192},
            Quality.STANDARD: {"faces": 50_000, "texture_px": 1024, "resolution": 256},
            Quality.HIGH: {"faces": 200_000, "texture_px": 2048, "resolution": 384, "thin_parts": True},
        },
        peak_mib=2600,
        weights="triposr",
        card_mib=1540,
        rungs=(
            Rung(
                "a resolution of 192 and a texture of 1024 px",
                {"resolution": 192, "thin_parts": False, "faces": 50_000, "texture_px": 1024},
                2100,
                1450,
            ),
            Rung(
                "a resolution of 128 and a texture of 512 px",
                {"resolution": 128, "thin_parts": False, "faces": 12_000, "texture_px": 512},
                1600,
                1400,
            ),
            Rung(_PROCESSOR, {}, 2600, on_processor=True),
        ),
    ),
    EngineSpec(
        key="birefnet-lite",
        role=Role.CUTTER,
        title="BiRefNet lite",
        summary="A fine cut-out before any background, by a published network; seconds on a processor.",
        entry="img2model_desktop.engines.birefnet.cutter:load_lite",
        options=FineCutOptions,
        quality=_FINE_SIZES,
        peak_mib=900,
        weights="birefnet-lite",
        card_mib=1200,
        rungs=(
            Rung("a working size of 768 px", {"size_px": 768}, 738, 715),
            Rung("a working size of 512 px", {"size_px": 512}, 585, 370),
            Rung(_PROCESSOR, {}, 900, on_processor=True),
        ),
    ),
    EngineSpec(
        key="birefnet",
        role=Role.CUTTER,
        title="BiRefNet",
        summary="The finest cut-out, of hair and wires too, by a large published network; best on a graphics card.",
        entry="img2model_desktop.engines.birefnet.cutter:load",
        options=FineCutOptions,
        quality=_FINE_SIZES,
        peak_mib=1700,
        weights="birefnet",
        card_mib=1540,
        rungs=(
            Rung("a working size of 768 px", {"size_px": 768}, 1530, 1060),
            Rung("a working size of 512 px", {"size_px": 512}, 1350, 720),
            Rung(_PROCESSOR, {}, 1700, on_processor=True),
        ),
    ),
    EngineSpec(
        key="depth",
        role=Role.SCULPTOR,
        title="Depth relief",
        summary="A plaque, coin, lithophane or body by a published depth network, which sees the front alone.",
        entry="img2model_desktop.engines.depth.sculptor:load",
        options=DepthOptions,
        quality={
            Quality.DRAFT: _FACES[Quality.DRAFT],
            Quality.STANDARD: _FACES[Quality.STANDARD],
            Quality.HIGH: {**_FACES[Quality.HIGH], "seen_px": 756},
        },
        keeps_background=True,
        cut_out_for={"kind": ("body",)},
        licence="Apache-2.0",
        peak_mib=700,
        weights="depth-small",
        card_mib=310,
        rungs=(
            Rung("a network picture of 518 px", {"seen_px": 518, "faces": 50_000, "texture_px": 1024}, 400, 300),
            Rung(_PROCESSOR, {}, 700, on_processor=True),
        ),
    ),
)


def find(key: str, role: Role) -> EngineSpec:
    """The entry with this key and role. Raises InputProblem, which lists those there are."""
    for spec in ENGINES:
        if spec.key == key and spec.role is role:
            return spec
    have = ", ".join(spec.key for spec in of_role(role)) or "none"
    raise InputProblem(f"There is no {role} called “{key}”.", f"Use one of: {have}.")


def of_role(role: Role) -> tuple[EngineSpec, ...]:
    """The entries of one role, in the table's order."""
    return tuple(spec for spec in ENGINES if spec.role is role)
