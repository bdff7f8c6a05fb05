"""PLY (Turk 1994), binary: coloured vertices; no unit, millimetres are meant."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.formats.colours import Colours, painted
from img2model_desktop.core.formats.gltf_write import GENERATOR
from img2model_desktop.core.formats.polygons import as_float32, broken, indexed, number, too_many, triangulated
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.errors import InputProblem

_POSITION = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]
_TEXTURE = [("s", "<f4"), ("t", "<f4")]
_COLOUR = [("red", "u1"), ("green", "u1"), ("blue", "u1")]
_NAMES = {"<f4": "float", "u1": "uchar"}


def encode_ply(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    uv: NDArray[np.float32] | None,
    base_colour: Picture | None,
    frame: str,
) -> bytes:
    """The bytes of a binary PLY file; colours are the texture's at the vertices, uv is kept as s and t.

    Args:
        vertices: `(n, 3) float32`.
        faces: `(m, 3) int32`.
        uv: `(n, 2) float32`, origin lower left, or None.
        base_colour: that uv points into, or None.
        frame: unit and axis in words, for the comment.
    """
    has_colour = uv is not None and base_colour is not None
    layout = _POSITION + (_TEXTURE if uv is not None else []) + (_COLOUR if has_colour else [])
    table = np.zeros(len(vertices), dtype=layout)
    for k, (name, _) in enumerate(_POSITION):
        table[name] = vertices[:, k]
    if uv is not None:
        table["s"], table["t"] = uv[:, 0], uv[:, 1]
        if base_colour is not None:
            colours = sample(base_colour, uv)
            for k, (name, _) in enumerate(_COLOUR):
                table[name] = colours[:, k]
    triangles = np.zeros(len(faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    triangles["count"], triangles["corners"] = 3, faces
    head = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {GENERATOR}, {frame}",
        f"element vertex {len(vertices)}",
        *(f"property {_NAMES[kind]} {name}" for name, kind in layout),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    return ("\n".join(head) + "\n").encode("ascii") + table.tobytes() + triangles.tobytes()


def sample(picture: Picture, uv: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture's colours, linear between texels, at the border the border's, repeated when uv leaves 0..1.

    Args:
        uv: `(n, 2) float32`, origin lower left.

    Returns:
        `(n, 3) uint8`, sRGB.
    """
    height, width = picture.height, picture.width
    x = uv[:, 0].astype(np.float64) * width - 0.5
    y = (1.0 - uv[:, 1].astype(np.float64)) * height - 0.5
    left, top = np.floor(x), np.floor(y)
    right_share, low_share = (x - left)[:, None], (y - top)[:, None]
    inside = bool((uv >= 0).all() and (uv <= 1).all())

    def texel(column: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.float64]:
        if inside:
            column, row = np.clip(column, 0, width - 1), np.clip(row, 0, height - 1)
        return picture.rgb[(row % height).astype(np.intp), (column % width).astype(np.intp)].astype(np.float64)

    upper = texel(left, top) * (1 - right_share) + texel(left + 1, top) * right_share
    lower = texel(left, top + 1) * (1 - right_share) + texel(left + 1, top + 1) * right_share
    return np.asarray(np.rint(upper * (1 - low_share) + lower * low_share), dtype=np.uint8)


# -- reading -----------------------------------------------------------------------------------------------------------

_KINDS = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
_HEADER_END = re.compile(rb"(?:^|\n)end_header[ \t]*\r?\n")
_MOST_HEADER_BYTES = 65_536
_UV_NAMES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"))
_COLOUR_NAMES = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
_TEXTURE_COMMENT = re.compile(rb"(?:^|\n)comment TextureFile ([^\r\n]+)")
_FACE_LISTS = ("vertex_indices", "vertex_index")


@dataclass(frozen=True, slots=True)
class _Property:
    """A column: its type, and for a list the type of the count before it."""

    name: str
    kind: str
    count_kind: str = ""


@dataclass(slots=True)
class _Element:
    """A table of the file."""

    name: str
    count: int
    properties: list[_Property]


Columns = dict[str, Any]


def decode_ply(
    content: bytes, beside: Callable[[str], bytes], decode: Callable[[bytes], Picture], max_vertices: int
) -> tuple[Mesh, tuple[str, ...]]:
    """A mesh whose unit is the file's, and sentences about what was left out.

    It has the texture that a comment names, as MeshLab writes it; else the colours of vertices or faces as a texture;
    else uv where each vertex has it.

    Args:
        content: of the PLY file.
        beside: the bytes of a file that it names, or InputProblem.
        decode: the picture in PNG, JPEG or WebP bytes, or InputProblem.
        max_vertices: most that are read.

    Raises:
        InputProblem: it is broken, cut off, too large, or has no face.
    """
    end = _HEADER_END.search(content[:_MOST_HEADER_BYTES])
    if end is None or not content.startswith(b"ply"):
        raise broken("PLY", "no header")
    try:
        order, elements = _header(content[: end.start()].decode("ascii", errors="replace"))
        _check(elements, len(content) - end.end(), max_vertices, is_text=not order)
        reader = _Binary(content, end.end(), order) if order else _Text(content[end.end() :])
        tables = {element.name: _table(reader, element) for element in elements}
        vertex, (counts, corners) = tables["vertex"], _polygons(tables["face"])
        vertices = as_float32(np.stack([vertex[axis] for axis in "xyz"], axis=1), 3)
        mesh = indexed(vertices, triangulated(counts, corners), "PLY", _uv(vertex))
        colours = _corner_colours(vertex, tables["face"], mesh.faces, counts)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError) as problem:
        raise broken("PLY", repr(problem)[:200]) from None
    named = _TEXTURE_COMMENT.search(content[: end.start()])
    notes: tuple[str, ...] = ()
    if named is not None and mesh.uv is not None:
        try:
            name = named[1].decode("utf-8", "replace").strip()
            return replace(mesh, base_colour=decode(beside(name))), ()
        except InputProblem as problem:
            notes = (f"The texture was left out: {problem.message}",)
    return mesh if colours is None else painted(mesh, colours), notes


def _corner_colours(
    vertex: Columns, face: Columns, faces: NDArray[np.int32], counts: NDArray[np.int64]
) -> Colours | None:
    """`(m, 3, 4)` of the vertices, else of the polygons, or None where neither has any."""
    of_vertices = _colours(vertex)
    if of_vertices is not None:
        return np.asarray(of_vertices[faces])
    of_polygons = _colours(face)
    if of_polygons is None:
        return None
    return np.repeat(np.repeat(of_polygons, np.maximum(counts - 2, 0), axis=0)[:, None], 3, axis=1)


def _colours(table: Columns) -> Colours | None:
    """`(n, 4) uint8`; whole numbers stand for 0..255 or 0..65535, others for 0..1."""
    for names in _COLOUR_NAMES:
        if not all(name in table for name in names):
            continue
        columns = [table[name] for name in (*names, "alpha") if name in table]
        if not all(isinstance(column, np.ndarray) for column in columns):
            return None
        found = np.full((len(columns[0]), 4), 255.0)
        for k, column in enumerate(columns):
            # text files have no types here: numbers with a fraction, or none above 1, are shares
            is_share = column.dtype.kind == "f" and float(column.max(initial=0)) <= 1
            factor = 255.0 if is_share else 255 / 65535 if column.dtype == np.uint16 else 1.0
            found[:, k] = np.nan_to_num(column.astype(np.float64)) * factor
        return np.asarray(np.clip(np.rint(found), 0, 255), dtype=np.uint8)
    return None


def _header(text: str) -> tuple[str, list[_Element]]:
    """Byte order ("<", ">" or "" for text) and tables."""
    order: str | None = None
    elements: list[_Element] = []
    for line in text.splitlines():
        words = line.split()
        match words[:1]:
            case ["format"]:
                order = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}[words[1]]
            case ["element"]:
                elements.append(_Element(words[1], int(words[2]), []))
            case ["property"] if words[1] == "list":
                elements[-1].properties.append(_Property(words[4], _KINDS[words[3]], _KINDS[words[2]]))
            case ["property"]:
                elements[-1].properties.append(_Property(words[2], _KINDS[words[1]]))
    if order is None or len({element.name for element in elements}) != len(elements):
        raise ValueError("format or elements")
    return order, elements


def _check(elements: list[_Element], room: int, max_vertices: int, *, is_text: bool) -> None:
    """Raises InputProblem where the header announces more than the file can hold or than is allowed."""
    least = 0
    for element in elements:
        if element.count < 0:
            raise broken("PLY", f"{element.count} {element.name}")
        kinds = (item.count_kind or item.kind for item in element.properties)
        least += element.count * sum(2 if is_text else np.dtype(kind).itemsize for kind in kinds)
        if element.count > max_vertices * 2:
            raise too_many(f"entries “{element.name[:20]}”", element.count, max_vertices * 2)
    if least > room + 1:
        raise broken("PLY", f"it announces at least {least} bytes and has {room}")


class _Binary:
    """Reads values from bytes."""

    def __init__(self, content: bytes, at: int, order: str) -> None:
        self._content, self._at, self._order = content, at, order

    def rows(self, layout: list[tuple[str, str, int]], count: int) -> Columns:
        """Columns by name, `(count,)` or `(count, n)`, of rows that all have this layout."""
        kind = np.dtype([(name, self._order + code, (n,)) for name, code, n in layout])
        if self._at + kind.itemsize * count > len(self._content):
            raise ValueError("cut off")
        table = np.frombuffer(self._content, dtype=kind, count=count, offset=self._at)
        self._at += kind.itemsize * count
        return {name: table[name] for name, _, _ in layout}

    def walk(self, element: _Element) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many values each property of each row has, and where they begin, bytes: both `(rows, properties)`."""
        content, at, order = self._content, self._at, self._order
        plan = [
            (
                struct.Struct(order + np.dtype(item.count_kind).char) if item.count_kind else None,
                np.dtype(item.kind).itemsize,
            )
            for item in element.properties
        ]
        counts, begins = [], []
        for _ in range(element.count):
            for head, size in plan:
                n = 1
                if head is not None:
                    if at + head.size > len(content):
                        raise ValueError("cut off")
                    n = int(head.unpack_from(content, at)[0])
                    at += head.size
                if n < 0 or at + n * size > len(content):
                    raise ValueError("a list of negative length, or cut off")
                counts.append(n)
                begins.append(at)
                at += n * size
        self._at = at
        shape = (element.count, len(plan))
        return np.array(counts, dtype=np.int64).reshape(shape), np.array(begins, dtype=np.int64).reshape(shape)

    def gather(self, kind: str, begins: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[Any]:
        """All values of a column of lists, one list after the other."""
        layout = np.dtype(self._order + kind)
        begins, counts = begins[counts > 0], counts[counts > 0]
        if not len(begins):
            return np.zeros(0, dtype=layout)
        ends = begins + counts * layout.itemsize
        low, high = int(begins[0]), int(ends[-1])
        steps = np.zeros(high - low + 1, dtype=np.int8)  # +1 where a list begins, -1 where it ends
        steps[begins - low] += 1
        steps[ends - low] -= 1
        is_value = np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)
        return np.frombuffer(self._content, dtype=np.uint8, count=high - low, offset=low)[is_value].view(layout)

    def mark(self) -> int:
        """Where it is, for `back`."""
        return self._at

    def back(self, mark: int) -> None:
        """Goes back to a mark."""
        self._at = mark


class _Text:
    """Reads values from words."""

    def __init__(self, content: bytes) -> None:
        self._words, self._at = content.split(), 0

    def rows(self, layout: list[tuple[str, str, int]], count: int) -> Columns:
        """As `_Binary.rows`."""
        width = sum(n for _, _, n in layout)
        if self._at + width * count > len(self._words):
            raise ValueError("cut off")
        words = self._words[self._at : self._at + width * count]
        self._at += width * count
        table = np.array([number(word.decode("ascii")) for word in words], dtype=np.float64).reshape(count, width)
        ends = np.cumsum([n for _, _, n in layout])
        return {name: table[:, end - n : end] for (name, _, n), end in zip(layout, ends, strict=True)}

    def walk(self, element: _Element) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """As `_Binary.walk`, in words."""
        words, at = self._words, self._at
        are_lists = [bool(item.count_kind) for item in element.properties]
        counts, begins = [], []
        for _ in range(element.count):
            for is_list in are_lists:
                n = 1
                if is_list:
                    if at >= len(words):
                        raise ValueError("cut off")
                    n = int(number(words[at].decode("ascii")))
                    at += 1
                if n < 0 or at + n > len(words):
                    raise ValueError("a list of negative length, or cut off")
                counts.append(n)
                begins.append(at)
                at += n
        self._at = at
        shape = (element.count, len(are_lists))
        return np.array(counts, dtype=np.int64).reshape(shape), np.array(begins, dtype=np.int64).reshape(shape)

    def gather(self, kind: str, begins: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[Any]:  # noqa: ARG002 - of the same form as `_Binary.gather`
        """As `_Binary.gather`; words are numbers of any kind."""
        lists = zip(begins.tolist(), counts.tolist(), strict=True)
        return np.array(
            [number(word.decode("ascii")) for begin, n in lists for word in self._words[begin : begin + n]],
            dtype=np.float64,
        )

    def mark(self) -> int:
        """As `_Binary.mark`."""
        return self._at

    def back(self, mark: int) -> None:
        """As `_Binary.back`."""
        self._at = mark


def _table(reader: _Binary | _Text, element: _Element) -> Columns:
    """Columns of an element: `(n,)` for values, `(counts, all values)` for lists."""
    if not element.count:
        return {item.name: (_none(), _none()) if item.count_kind else np.zeros(0) for item in element.properties}
    if not any(item.count_kind for item in element.properties):
        layout = [(item.name, item.kind, 1) for item in element.properties]
        return {name: values[:, 0] for name, values in reader.rows(layout, element.count).items()}
    mark = reader.mark()
    lengths = _lengths(reader, element)
    reader.back(mark)
    even = _even_table(reader, element, lengths)
    if even is not None:
        return even
    reader.back(mark)
    return _uneven_table(reader, element)


def _none() -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


def _lengths(reader: _Binary | _Text, element: _Element) -> list[int]:
    """How many values each property has in the next row."""
    lengths = []
    for item in element.properties:
        n = 1
        if item.count_kind:
            n = int(reader.rows([("n", item.count_kind, 1)], 1)["n"][0, 0])
            if n < 0:
                raise ValueError("a list of negative length")
        reader.rows([("values", item.kind, n)], 1)
        lengths.append(n)
    return lengths


def _even_table(reader: _Binary | _Text, element: _Element, lengths: list[int]) -> Columns | None:
    """The table when each row has lists of the same lengths, as nearly every file has; else None."""
    layout = []
    for k, (item, n) in enumerate(zip(element.properties, lengths, strict=True)):
        layout += [(f"count {k}", item.count_kind, 1)] if item.count_kind else []
        layout.append((f"values {k}", item.kind, n))
    try:
        rows = reader.rows(layout, element.count)
    except ValueError:  # too short for that, or words that are no numbers
        return None
    table: Columns = {}
    for k, (item, n) in enumerate(zip(element.properties, lengths, strict=True)):
        values = rows[f"values {k}"]
        if not item.count_kind:
            table[item.name] = values[:, 0]
        elif (rows[f"count {k}"] == n).all():
            table[item.name] = (np.full(element.count, n, dtype=np.int64), values.reshape(-1))
        else:
            return None
    return table


def _uneven_table(reader: _Binary | _Text, element: _Element) -> Columns:
    """The table when rows differ in length: one pass finds where the values are, then each column is taken at once."""
    counts, begins = reader.walk(element)
    table: Columns = {}
    for k, item in enumerate(element.properties):
        values = reader.gather(item.kind, begins[:, k], counts[:, k])
        table[item.name] = (counts[:, k], values) if item.count_kind else values
    return table


def _polygons(face: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    for name in _FACE_LISTS:
        if name in face:
            counts, corners = face[name]
            with np.errstate(invalid="ignore"):  # what is no number becomes an index that is out of range
                return counts, corners.astype(np.int64)
    raise KeyError("vertex_indices")


def _uv(vertex: Columns) -> NDArray[np.float32] | None:
    for pair in _UV_NAMES:
        if all(name in vertex for name in pair):
            uv = as_float32(np.stack([vertex[name] for name in pair], axis=1), 2)
            return uv if np.isfinite(uv).all() else None
    return None
