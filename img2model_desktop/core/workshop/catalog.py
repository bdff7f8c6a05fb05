"""Every operation of the workshop, with its options."""

from dataclasses import dataclass

from img2model_desktop.core.options import Option, option
from img2model_desktop.core.workshop.operation import Group, Look, Operation
from img2model_desktop.errors import InputProblem

AXES = ("x", "y", "z")

# -- mend --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WeldOptions:
    """Of “Weld”."""

    distance_mm: float = option(
        0.0, Option("Distance", "Vertices that lie closer become one; 0 takes only equal ones.", "mm", 0.0, 100.0, 0.01)
    )


@dataclass(frozen=True, slots=True)
class DebrisOptions:
    """Of “Drop debris”."""

    share: float = option(
        0.01,
        Option("Smallest share", "Parts with a smaller share of the whole surface are dropped.", "", 0.0, 1.0, 0.005),
    )


@dataclass(frozen=True, slots=True)
class HolesOptions:
    """Of “Close holes”."""

    longest_mm: float = option(
        0.0, Option("Longest rim", "Holes with a longer rim stay open; 0 closes all.", "mm", 0.0, 100_000.0, 1.0)
    )


# -- solid -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SolidOptions:
    """Of “Make solid”."""

    detail: int = option(
        160, Option("Detail", "Cells along the longest side; details smaller than a cell are lost.", "", 32, 512, 16)
    )
    sheet_mm: float = option(
        0.0, Option("Sheet thickness", "Surfaces without an inside get it; 0 chooses.", "mm", 0.0, 100.0, 0.1)
    )


@dataclass(frozen=True, slots=True)
class HollowOptions:
    """Of “Hollow out”."""

    wall_mm: float = option(2.0, Option("Wall", "Thickness that stays.", "mm", 0.2, 100.0, 0.1))
    drain_mm: float = option(
        0.0,
        Option("Drain hole", "Diameter of a hole through the floor, for resin or powder; 0: none.", "mm", 0.0, 100.0),
    )


@dataclass(frozen=True, slots=True)
class BaseOptions:
    """Of “Flat base”."""

    kind: str = option(
        "cut",
        Option(
            "Kind", "Cut the bottom flat, or stand it on a plinth.", choices=("cut", "round plinth", "square plinth")
        ),
    )
    height_mm: float = option(
        1.0, Option("Height", "Cut away from the bottom, or height of the plinth.", "mm", 0.05, 1000.0, 0.1)
    )
    margin_mm: float = option(2.0, Option("Margin", "How far the plinth stands out.", "mm", 0.0, 1000.0, 0.5))


@dataclass(frozen=True, slots=True)
class CutOptions:
    """Of “Cut”."""

    axis: str = option("y", Option("Axis", "The cut is square to it.", choices=AXES))
    at: float = option(0.5, Option("Place", "Share of the mesh below the cut.", "", 0.0, 1.0, 0.01))
    keep: str = option("above", Option("Keep", "Which side stays.", choices=("above", "below", "both")))


@dataclass(frozen=True, slots=True)
class MirrorOptions:
    """Of “Make symmetric”."""

    axis: str = option("x", Option("Axis", "The mirror is square to it, through the middle.", choices=AXES))
    keep: str = option("above", Option("Keep", "Which side is copied to the other.", choices=("above", "below")))


# -- shape -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SmoothOptions:
    """Of “Smooth”."""

    rounds: int = option(10, Option("Rounds", "More rounds, smoother.", "", 1, 200, 1))
    strength: float = option(0.5, Option("Strength", "How far a vertex moves in a round.", "", 0.05, 1.0, 0.05))


@dataclass(frozen=True, slots=True)
class DecimateOptions:
    """Of “Reduce triangles”."""

    faces: int = option(20_000, Option("Triangles", "How many are left at most.", "", 4, 5_000_000, 1000))


@dataclass(frozen=True, slots=True)
class RemeshOptions:
    """Of “Even triangles”."""

    faces: int = option(20_000, Option("Triangles", "About how many there will be.", "", 100, 500_000, 1000))


# -- texture -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnwrapOptions:
    """Of “Unwrap anew”."""

    texture_px: int = option(2048, Option("Texture", "Side of the texture.", "px", 64, 8192, 256))


@dataclass(frozen=True, slots=True)
class TextureSizeOptions:
    """Of “Texture size”."""

    texture_px: int = option(
        1024, Option("Texture", "Longest side of the texture; never made larger.", "px", 16, 8192, 256)
    )


# -- place and size ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScaleOptions:
    """Of “Set size”."""

    size_mm: float = option(100.0, Option("Size", "Length along the axis afterwards.", "mm", 0.1, 100_000.0, 1.0))
    axis: str = option("longest", Option("Along", "Which length is set.", choices=("longest", *AXES)))


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """Of “Turn”."""

    axis: str = option("x", Option("Axis", "It turns around it, counter-clockwise seen from its tip.", choices=AXES))
    degrees: float = option(90.0, Option("Angle", "How far it turns.", "deg", -360.0, 360.0, 15.0))


OPERATIONS: tuple[Operation, ...] = (
    Operation("weld", "Weld", "Joins vertices at the same place, so that faces hang together.", Group.MEND,
              "mend:weld", WeldOptions),
    Operation("drop_bad", "Drop bad faces", "Removes faces without area and faces that are there twice.", Group.MEND,
              "mend:drop_bad"),
    Operation("drop_debris", "Drop debris", "Removes small loose parts.", Group.MEND,
              "mend:drop_debris", DebrisOptions),
    Operation("turn_out", "Face outwards", "Turns faces so that all look outwards.", Group.MEND,
              "mend:turn_out"),
    Operation("close_holes", "Close holes", "Fills open rims with new faces.", Group.MEND,
              "holes:close_holes", HolesOptions),
    Operation("solid", "Make solid", "Builds one closed solid around any mesh, whatever is wrong with it.", Group.SOLID,
              "solidify:solidify", SolidOptions, Look.REMADE),
    Operation("unite", "Unite parts", "Merges parts that overlap into one surface without inner walls.", Group.SOLID,
              "solid:unite"),
    Operation("hollow", "Hollow out", "Saves material: leaves a wall, and a drain hole where asked.", Group.SOLID,
              "solid:hollow", HollowOptions),
    Operation("base", "Flat base", "Makes it stand: cuts the bottom flat, or adds a plinth.", Group.SOLID,
              "solid:base", BaseOptions),
    Operation("cut", "Cut", "Cuts it at a plane and closes the cut.", Group.SOLID,
              "solid:cut", CutOptions),
    Operation("mirror", "Make symmetric", "Copies one half over the other.", Group.SOLID,
              "solid:mirror", MirrorOptions),
    Operation("smooth", "Smooth", "Takes bumps away without shrinking (Taubin).", Group.SHAPE,
              "reshape:smooth", SmoothOptions),
    Operation("decimate", "Reduce triangles", "Fewer triangles, the same silhouette.", Group.SHAPE,
              "reshape:decimate", DecimateOptions, Look.REMADE),
    Operation("remesh", "Even triangles", "Triangles of one size, for sculpting and simulation.", Group.SHAPE,
              "remesh:remesh", RemeshOptions, Look.REMADE),
    Operation("unwrap", "Unwrap anew", "Lays the surface out flat anew and bakes its look onto it.", Group.TEXTURE,
              "texture:unwrap_anew", UnwrapOptions),
    Operation("texture_size", "Texture size", "Makes the textures smaller.", Group.TEXTURE,
              "texture:resize", TextureSizeOptions),
    Operation("recentre", "Centre", "Moves the middle of its box to the origin.", Group.PLACE, "place:recentre"),
    Operation("floor", "Stand on floor", "Moves it down or up to stand on the ground, in the middle.", Group.PLACE,
              "place:stand"),
    Operation("scale", "Set size", "Scales it to a length.", Group.PLACE, "place:scale", ScaleOptions),
    Operation("turn", "Turn", "Turns it, as when it lies on its side.", Group.PLACE, "place:turn", TurnOptions),
)  # fmt: skip


def find(key: str) -> Operation:
    """The operation with this key. Raises InputProblem."""
    for operation in OPERATIONS:
        if operation.key == key:
            return operation
    known = ", ".join(operation.key for operation in OPERATIONS)
    raise InputProblem(f"There is no operation “{key}”.", f"Use one of {known}.")
