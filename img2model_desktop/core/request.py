"""What the user asked for, whole, as one frozen value."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from img2model_desktop.errors import InputProblem

OptionValue = bool | int | float | str
AUTO = "auto"
GOALS = ("mesh", "pictures")
MAX_VARIANTS = 8


class Quality(StrEnum):
    """How fine the mesh is; each engine says what that means for it."""

    DRAFT = "draft"
    STANDARD = "standard"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Stroke:
    """One brush stroke that mends the cut-out.

    Args:
        adds: True paints the subject in, False takes it away.
        radius: of the round brush, in units of the picture's longer side, above 0 and at most 1.
        points: `((x, y), ...)`, in units of the picture's width and height, 0..1 in the picture and
            -1..2 with the space around it, origin upper left.
    """

    adds: bool
    radius: float
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A picture or a prompt, and how to turn it into a mesh; or a mesh to open.

    Args:
        picture: path of the picture file, or "" when the prompt makes the picture.
        prompt: the words; used when `picture` is "", and for `restyle`.
        style: of the picture maker (for lettering: plain, rounded, badge, balloon), or "" for its default.
        maker: key of the picture maker.
        cutter: key of the cutter.
        engine: key of the sculptor, or "auto".
        quality: draft, standard or high.
        seed: for engines that draw random numbers; 0 or more.
        size_mm: longest side of the result, millimetres.
        options: `((name, value), ...)` for the engines in use, sorted by name. A name is `option` or
            `engine.option`; one that does not apply is refused.
        strokes: brush strokes on the cut-out, in the order they were painted.
        mesh: path of a mesh file to open instead; nothing else but the next two is used then.
        mesh_up: axis that points up in a file that does not say so, "y" or "z"; "": as the file says, else y.
        mesh_unit: of a file that does not say so, "mm", "cm", "m" or "in"; "": as the file says, else mm.
        goal: "mesh", or "pictures": the picture maker's pictures alone, to pick from.
        variants: how many pictures, 1 to `MAX_VARIANTS`, with the seeds `seed`, `seed + 1`, ...; more than one only
            for pictures.
        restyle: the picture maker redraws `picture` by `prompt` first.
        falls_back: whether a built-in engine may take over from one that fails.
    """

    picture: str = ""
    prompt: str = ""
    style: str = ""
    maker: str = "lettering"
    cutter: str = "cutout"
    engine: str = AUTO
    quality: Quality = Quality.STANDARD
    seed: int = 0
    size_mm: float = 100.0
    options: tuple[tuple[str, OptionValue], ...] = ()
    strokes: tuple[Stroke, ...] = field(default=())
    mesh: str = ""
    mesh_up: str = ""
    mesh_unit: str = ""
    goal: str = "mesh"
    variants: int = 1
    restyle: bool = False
    falls_back: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what equals its default is left out, so that a default may change its meaning
        only with a new name. `from_dict` brings the same request back."""
        plain: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if value == item.default:
                continue
            if item.name == "options":
                value = dict(value)
            elif item.name == "strokes":
                value = [[s.adds, s.radius, [list(p) for p in s.points]] for s in value]
            elif isinstance(value, Quality):
                value = value.value
            plain[item.name] = value
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "Request":
        """The request that `to_dict` wrote.

        Raises:
            InputProblem: it names something that this version does not know, or a value of the wrong kind.
        """
        known = {item.name: item for item in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in plain.items():
            if name not in known:
                raise InputProblem(
                    f"The request has an entry “{name}” that this version does not know.",
                    "Open it with the version that wrote it, or take that entry out.",
                )
            values[name] = _value(name, value)
        return cls(**values)


_TYPES: dict[str, type | tuple[type, ...]] = {
    "picture": str,
    "prompt": str,
    "style": str,
    "maker": str,
    "cutter": str,
    "engine": str,
    "mesh": str,
    "mesh_up": str,
    "mesh_unit": str,
    "goal": str,
    "seed": int,
    "variants": int,
    "restyle": bool,
    "falls_back": bool,
    "size_mm": (int, float),
}


def _value(name: str, value: Any) -> Any:
    """One entry of a plain request in its frozen form; raises InputProblem."""
    try:
        if name == "quality":
            return Quality(value)
        if name == "options":
            return tuple(sorted((str(key), _option(item)) for key, item in value.items()))
        if name == "strokes":
            return tuple(_stroke(*item) for item in value)
        if not isinstance(value, _TYPES[name]) or isinstance(value, bool) != (_TYPES[name] is bool):
            raise TypeError
        return float(value) if isinstance(value, int) and name == "size_mm" else value
    except (TypeError, ValueError, AttributeError, IndexError, OverflowError):
        raise InputProblem(
            f"The request's “{name}” is not usable.", "Take that entry out to use the default.", repr(value)[:200]
        ) from None


def _option(value: Any) -> OptionValue:
    if not isinstance(value, (bool, int, float, str)):
        raise TypeError
    return value


def _stroke(adds: Any, radius: Any, points: Any) -> Stroke:
    stroke = Stroke(adds, float(radius), tuple((float(x), float(y)) for x, y in points))
    in_range = 0 < stroke.radius <= 1 and all(-1 <= value <= 2 for point in stroke.points for value in point)
    if not isinstance(adds, bool) or not in_range:
        raise TypeError
    return stroke
