"""The model parts of a 3MF package as they stand there: objects, colours, the build plate."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.formats.colours import Colours
from img2model_desktop.core.formats.polygons import broken, too_many

CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
MATERIAL = "http://schemas.microsoft.com/3dmanufacturing/material/2015/02"
RECIPE_SPACE = "https://image2model.invalid/recipe"
"""Names our metadata; a name, no address: nothing is ever asked there."""

RECIPE_NAME = "Recipe"

_UNITS_MM = {"micron": 0.001, "millimeter": 1.0, "centimeter": 10.0, "inch": 25.4, "foot": 304.8, "meter": 1000.0}
_SHAPE_SPACES = ("core/2015/02", "material/2015/02", "production/2015/06", "trianglesets/2021/07")
"""Ends of the names of extensions that a part may require and still be read whole."""

_MOST_ENTRIES = 10
"""Vertices, triangles, colours and texture coordinates together, for each vertex that is allowed."""

_MOST_RECIPE_LETTERS = 4_000_000
_MOST_METADATA = 10_000
_MOST_NAMES = 1000
_BLOCK_BYTES = 1 << 18  # between two looks at whether to stop: about 10 ms
_HEAD_BLOCK_BYTES = 4096  # small: the first block must not hold more objects than `_MOST_METADATA`
_SOLID_TYPES = ("model", "surface")
_NO_GROUP = ""

Matrix = NDArray[np.float64]
Key = tuple[str, str]
"""Name of a part and number of an object in it."""


@dataclass(slots=True)
class Group:
    """A property group: colours, or places in a texture.

    Args:
        texture: number of the texture2d; empty for colours.
        values: as they stand there, "#RRGGBB" or u and v in turn.
    """

    texture: str = ""
    values: list[str] = field(default_factory=list)

    def colours(self) -> Colours:
        """`(k, 4) uint8`, sRGB and alpha."""
        return np.array([_colour(text) for text in self.values], dtype=np.uint8).reshape(-1, 4)

    def uv(self) -> NDArray[np.float64]:
        """`(k, 2)`, origin lower left."""
        return np.array(list(map(float, self.values)), dtype=np.float64).reshape(-1, 2)


@dataclass(slots=True)
class Shape:
    """A `resources/object` element: a mesh, or other objects in their places.

    Args:
        kind: its type.
        group, entry: property of triangles that name none; the group is empty where there is none.
        places: x, y and z in turn.
        corners: three vertex numbers for each triangle, in turn.
        properties: triangle number, group or empty for the object's, and one to three entries.
    """

    kind: str = "model"
    group: str = _NO_GROUP
    entry: str = "0"
    places: list[str] = field(default_factory=list)
    corners: list[str] = field(default_factory=list)
    properties: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    components: list[tuple[Key, Matrix]] = field(default_factory=list)

    def vertices(self) -> NDArray[np.float64]:
        """`(n, 3)`, in the part's unit."""
        return np.array(list(map(float, self.places)), dtype=np.float64).reshape(-1, 3)

    def faces(self) -> NDArray[np.int64]:
        """`(m, 3)`. Raises InputProblem where a vertex is not there."""
        faces = np.array(list(map(int, self.corners)), dtype=np.int64).reshape(-1, 3)
        if len(faces) and not 0 <= int(faces.min()) <= int(faces.max()) < len(self.places) // 3:
            raise broken("3MF", "a triangle points at a vertex that is not there")
        return faces


@dataclass(slots=True)
class Part:
    """A model part.

    Args:
        unit_mm: length of its unit.
        textures: path in the package by number of the texture2d.
        needs: names of extensions that it requires and that are not known here.
    """

    unit_mm: float = 1.0
    shapes: dict[str, Shape] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    textures: dict[str, str] = field(default_factory=dict)
    items: list[tuple[Key, Matrix]] = field(default_factory=list)
    recipe: str = ""
    needs: list[str] = field(default_factory=list)


def parse_part(stream: IO[bytes], name: str, max_vertices: int, look: Callable[[], None]) -> Part:
    """Reads a model part.

    Args:
        stream: its bytes.
        name: of the part, for references that name none.
        max_vertices: see `core.mesh_files.ReadLimits`.
        look: called before each block; what it raises ends the reading.

    Raises:
        InputProblem: it declares entities (which can grow without limit), or has too many entries.
        expat.ExpatError, KeyError, ValueError: it is broken.
    """
    reader = _Reader(name, max_vertices * _MOST_ENTRIES)
    parser = _parser(reader)
    while block := stream.read(_BLOCK_BYTES):
        look()
        parser.Parse(block, False)
    parser.Parse(b"", True)
    return reader.part


def recipe_text(stream: IO[bytes]) -> str:
    """The recipe among the metadata of a model part, which stands before its objects. Raises as `parse_part`."""
    reader = _Reader("", _MOST_METADATA)
    parser = _parser(reader)
    while not reader.is_past_head and (block := stream.read(_HEAD_BLOCK_BYTES)):
        parser.Parse(block, False)
    return reader.part.recipe


def _parser(reader: "_Reader") -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartNamespaceDeclHandler = reader.namespace
    parser.StartElementHandler = reader.start
    reader.parser = parser
    return parser


def relations(stream: IO[bytes]) -> list[tuple[str, str]]:
    """Kind and target of each relationship in a `.rels` part. Raises as `parse_part`."""
    found: list[tuple[str, str]] = []

    def start(_: str, values: dict[str, str]) -> None:
        if "Target" in values:
            found.append((values.get("Type", ""), values["Target"]))

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = start
    parser.ParseFile(stream)
    return found


def _refuse(*_: object) -> None:
    raise broken("3MF", "a document type")


class _Reader:
    """Takes the elements of a part as they come."""

    def __init__(self, name: str, most: int) -> None:
        self.part = Part()
        self.is_past_head = False
        self.parser: expat.XMLParserType | None = None
        self._name, self._most, self._count = name, most, 0
        self._shape, self._group = Shape(), Group()
        self._spaces: dict[str, str] = {}
        self._text: list[str] = []
        self._letters = 0
        self._known: dict[str, Callable[[dict[str, str]], None] | None] = {}
        self._starts = {
            "vertex": self._vertex,
            "tex2coord": self._place,
            "resources": self._resources,
            "triangle": self._triangle,
            "model": self._model,
            "object": self._object,
            "component": self._component,
            "item": self._item,
            "base": self._value,
            "color": self._value,
            "basematerials": self._begin_group,
            "colorgroup": self._begin_group,
            "texture2dgroup": self._begin_group,
            "texture2d": self._texture,
            "metadata": self._metadata,
        }

    def namespace(self, prefix: str | None, uri: str) -> None:
        """A prefix and what it stands for."""
        self._spaces.setdefault(prefix or "", uri)

    def start(self, name: str, values: dict[str, str]) -> None:
        """An element begins."""
        if name not in self._known:
            self._known[name] = self._starts.get(name.rpartition("}")[2])
            if len(self._known) > _MOST_NAMES:
                raise too_many("kinds of elements", len(self._known), _MOST_NAMES)
        take = self._known[name]
        if take is None:
            return
        take(values)
        self._count += 1
        if self._count > self._most:
            raise too_many("vertices and triangles", self._count, self._most)

    def end(self, name: str) -> None:
        """An element ends."""
        if name.rpartition("}")[2] == "metadata" and self.parser is not None:
            self.part.recipe = "".join(self._text)
            self.parser.EndElementHandler = self.parser.CharacterDataHandler = None

    def text(self, letters: str) -> None:
        """Text between two elements."""
        self._letters += len(letters)
        if self._letters > _MOST_RECIPE_LETTERS:
            raise too_many("letters in its recipe", self._letters, _MOST_RECIPE_LETTERS)
        self._text.append(letters)

    def _vertex(self, values: dict[str, str]) -> None:
        self._shape.places += (values["x"], values["y"], values["z"])

    def _place(self, values: dict[str, str]) -> None:
        self._group.values += (values["u"], values["v"])

    def _resources(self, _: dict[str, str]) -> None:
        self.is_past_head = True

    def _triangle(self, values: dict[str, str]) -> None:
        shape = self._shape
        if "p1" in values or "pid" in values:
            first = values.get("p1", shape.entry)
            number = len(shape.corners) // 3
            group = values.get("pid", _NO_GROUP)
            shape.properties.append((number, group, first, values.get("p2", first), values.get("p3", first)))
        shape.corners += (values["v1"], values["v2"], values["v3"])

    def _model(self, values: dict[str, str]) -> None:
        self.part.unit_mm = _UNITS_MM[values.get("unit", "millimeter")]
        for prefix in values.get("requiredextensions", "").split():
            space = self._spaces.get(prefix, prefix)
            if not space.endswith(_SHAPE_SPACES):
                self.part.needs.append(prefix)

    def _object(self, values: dict[str, str]) -> None:
        self._shape = self.part.shapes[values["id"]] = Shape(
            values.get("type", "model"), values.get("pid", _NO_GROUP), values.get("pindex", "0")
        )

    def _component(self, values: dict[str, str]) -> None:
        self._shape.components.append(self._reference(values))

    def _item(self, values: dict[str, str]) -> None:
        self.part.items.append(self._reference(values))

    def _begin_group(self, values: dict[str, str]) -> None:
        self._group = self.part.groups[values["id"]] = Group(values.get("texid", ""))

    def _value(self, values: dict[str, str]) -> None:
        self._group.values.append(values["displaycolor"] if "displaycolor" in values else values["color"])

    def _texture(self, values: dict[str, str]) -> None:
        self.part.textures[values["id"]] = values["path"]

    def _metadata(self, values: dict[str, str]) -> None:
        prefix, _, name = values.get("name", "").rpartition(":")
        if name == RECIPE_NAME and self._spaces.get(prefix) == RECIPE_SPACE:
            self._text = []
            if self.parser is not None:  # calls for every end and blank of the file would take half of the time
                self.parser.EndElementHandler, self.parser.CharacterDataHandler = self.end, self.text

    def _reference(self, values: dict[str, str]) -> tuple[Key, Matrix]:
        """Which object an item or component shows, and where; the production extension may name another part."""
        part = next((value.lstrip("/") for name, value in values.items() if name.endswith("}path")), self._name)
        matrix = np.eye(4)
        if "transform" in values:
            # rows of a matrix that multiplies row vectors from the right, without its last column
            matrix[:, :3] = np.array([float(word) for word in values["transform"].split()]).reshape(4, 3)
        return (part, values["objectid"]), matrix


def is_solid(shape: Shape) -> bool:
    """Whether an object is part of the thing, not a support or a slicer's modifier."""
    return shape.kind in _SOLID_TYPES


def _colour(text: str) -> tuple[int, int, int, int]:
    """`#RRGGBB` or `#RRGGBBAA`."""
    value = bytes.fromhex(text.strip().removeprefix("#"))
    if len(value) not in (3, 4):
        raise ValueError(f"colour {text[:20]}")
    return value[0], value[1], value[2], value[3] if len(value) == 4 else 255
