"""Reads 3MF (Core Specification 1.3; Materials and Properties 1.2.1; Production 1.1.2), what slicers exchange."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.formats.archives import Package, opened
from img2model_desktop.core.formats.colours import Colours, flat, painted
from img2model_desktop.core.formats.polygons import as_float32, broken, indexed, too_many, without_triangles
from img2model_desktop.core.formats.threemf_parts import (
    Key,
    Matrix,
    Part,
    Shape,
    is_solid,
    parse_part,
    recipe_text,
    relations,
)
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import InputProblem

_RELATIONS = "_rels/.rels"
_MODEL_TYPE = "/3dmodel"
_USUAL_MODEL = "3D/3dmodel.model"
_MOST_PIECES = 20_000
"""Objects that a file shows; parts may hold parts, so that a small file could show billions."""

_UNPAINTED = (255, 255, 255, 255)


@dataclass(slots=True)
class _Look:
    """What the corners of one object's triangles look like.

    Args:
        colours: `(m, 3, 4) uint8`, or None where no triangle has any.
        uv: `(m, 3, 2)`, or None where some triangle is not textured.
        texture: path in the package.
    """

    colours: Colours | None = None
    uv: NDArray[np.float64] | None = None
    texture: str = ""


@dataclass(slots=True)
class _Piece:
    """An object on the build plate: millimetres, z up."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    look: _Look


@dataclass(slots=True)
class _Source:
    """The package and what has been read of it."""

    package: Package
    max_vertices: int
    progress: Progress
    parts: dict[str, Part] = field(default_factory=dict)
    looks: dict[Key, _Look] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    vertices: int = 0

    def note(self, sentence: str) -> None:
        """Says it once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def look(self) -> None:
        """Raises Cancelled when the user wants to stop; how far it is, nobody knows before all parts are known."""
        self.progress.update(0.0)

    def part(self, name: str) -> Part:
        """A model part, read when it is first asked for."""
        if name not in self.parts:
            with self.package.open(name) as stream:
                part = self.parts[name] = parse_part(stream, name, self.max_vertices, self.look)
            for needed in part.needs:
                self.note(f"The file needs the extension “{needed[:30]}”; what it adds was left out.")
        return self.parts[name]


def decode_3mf(
    content: bytes,
    decode: Callable[[bytes], Picture],
    max_bytes: int,
    max_vertices: int,
    progress: Progress | None = None,
) -> tuple[Mesh, tuple[str, ...]]:
    """All that the file puts on the build plate as one mesh in millimetres, z up, and what was left out.

    Args:
        content: of the file.
        decode: the picture in PNG or JPEG bytes, or InputProblem.
        max_bytes: of all that is unpacked.
        max_vertices: of all that is shown.
        progress: asked for each block of a part and before each object.

    Raises:
        InputProblem: it is broken, too large, or shows no triangle.
        Cancelled: from `progress`.
    """
    with opened(content, "3MF", max_bytes) as package:
        source = _Source(package, max_vertices, progress or Progress())
        try:
            pieces = list(_pieces(source, _root(package)))
            if not pieces:
                raise without_triangles("3MF")
            return _merged(source, pieces, decode), tuple(source.notes)
        except (expat.ExpatError, LookupError, ValueError, TypeError, OverflowError) as problem:
            raise broken("3MF", repr(problem)[:200]) from None


def recipe_in_3mf(content: bytes, max_bytes: int) -> dict[str, Any]:
    """The recipe in the metadata of a 3MF file, empty where there is none. Raises InputProblem."""
    with opened(content, "3MF", max_bytes) as package:
        try:
            with package.open(_root(package)) as stream:
                text = recipe_text(stream)
        except (expat.ExpatError, LookupError, ValueError, TypeError, OverflowError) as problem:
            raise broken("3MF", repr(problem)[:200]) from None
    try:
        recipe = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return {}
    return recipe if isinstance(recipe, dict) else {}


def _root(package: Package) -> str:
    """Name of the part that holds the build plate."""
    if _RELATIONS not in package:
        return _USUAL_MODEL
    with package.open(_RELATIONS) as stream:
        targets = [target for kind, target in relations(stream) if kind.endswith(_MODEL_TYPE)]
    return targets[0].lstrip("/") if targets else _USUAL_MODEL


# -- what it shows -----------------------------------------------------------------------------------------------------


def _pieces(source: _Source, root: str) -> Iterator[_Piece]:
    """Each mesh on the build plate."""
    waiting = [(key, matrix, 0) for key, matrix in reversed(source.part(root).items)]
    shown = 0
    while waiting:
        source.look()
        key, matrix, depth = waiting.pop()
        shown += 1
        if shown > _MOST_PIECES or depth > sum(len(part.shapes) for part in source.parts.values()):
            raise broken("3MF", "an object contains itself, or there are too many")
        shape = source.part(key[0]).shapes.get(key[1])
        if shape is None:
            raise broken("3MF", f"no object {key[1][:20]}")
        if not is_solid(shape):
            source.note("Supports and modifiers were left out.")
            continue
        waiting += [(inner, place @ matrix, depth + 1) for inner, place in reversed(shape.components)]
        if shape.corners:
            yield _placed(source, key, shape, matrix)


def _placed(source: _Source, key: Key, shape: Shape, matrix: Matrix) -> _Piece:
    vertices, faces = shape.vertices(), shape.faces()
    source.vertices += len(vertices)
    if source.vertices > source.max_vertices:
        raise too_many("vertices", source.vertices, source.max_vertices)
    if len(faces) > 4 * source.max_vertices:
        raise too_many("triangles", len(faces), 4 * source.max_vertices)
    part = source.parts[key[0]]
    if key not in source.looks:
        source.looks[key] = _look(source, part, shape, len(faces))
    look = source.looks[key]
    with np.errstate(over="ignore", invalid="ignore"):
        placed = (vertices @ matrix[:3, :3] + matrix[3, :3]) * part.unit_mm
        if np.linalg.det(matrix[:3, :3]) < 0:
            colours = None if look.colours is None else look.colours[:, ::-1]
            uv = None if look.uv is None else look.uv[:, ::-1]
            return _Piece(placed, faces[:, ::-1], _Look(colours, uv, look.texture))
    return _Piece(placed, faces, look)


def _look(source: _Source, part: Part, shape: Shape, count: int) -> _Look:
    """Colours or texture places of an object's triangles."""
    tables = _by_group(shape, count)
    textures = {part.textures.get(part.groups[name].texture, "") for name in tables if _is_texture(part, name)}
    textured = [name for name in tables if _is_texture(part, name)]
    if (
        textured
        and len(textures) == 1
        and sum(len(rows) for name, (rows, _) in tables.items() if name in textured) == count
    ):
        uv = np.zeros((count, 3, 2))
        for name in textured:
            rows, entries = tables[name]
            uv[rows] = _picked(part.groups[name].uv(), entries)
        return _Look(None, uv, textures.pop())
    if textured:
        source.note("The parts have textures of their own; they were left out.")
    colours = flat(count, _UNPAINTED)
    has_colours = False
    for name, (rows, entries) in tables.items():
        group = part.groups.get(name)
        if group is None:
            source.note("Mixed materials were left out.")
        elif not group.texture:
            colours[rows] = _picked(group.colours(), entries)
            has_colours = True
    return _Look(colours if has_colours else None)


def _is_texture(part: Part, name: str) -> bool:
    return name in part.groups and bool(part.groups[name].texture)


def _by_group(shape: Shape, count: int) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each property group, which triangles use it and the entry of each corner, `(k, 3)`."""
    own = np.ones(count, dtype=bool)
    tables: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    if shape.properties:
        numbers, names, *entries = zip(*shape.properties, strict=True)
        at = np.array(numbers, dtype=np.int64)
        own[at] = False
        corners = np.stack([np.array(list(map(int, column)), dtype=np.int64) for column in entries], axis=1)
        distinct, which = np.unique(np.array([name or shape.group for name in names]), return_inverse=True)
        for number, name in enumerate(distinct.tolist()):
            tables[name] = at[which == number], corners[which == number]
    if shape.group and own.any():
        rows = np.nonzero(own)[0]
        same = np.full((len(rows), 3), int(shape.entry), dtype=np.int64)
        if shape.group in tables:
            before, corners = tables[shape.group]
            rows, same = np.concatenate([before, rows]), np.concatenate([corners, same])
        tables[shape.group] = rows, same
    return tables


def _picked(values: NDArray[Any], entries: NDArray[np.int64]) -> NDArray[Any]:
    if len(entries) and not 0 <= int(entries.min()) <= int(entries.max()) < len(values):
        raise broken("3MF", "a triangle has a colour that is not there")
    return np.asarray(values[entries])


# -- one mesh ----------------------------------------------------------------------------------------------------------


def _merged(source: _Source, pieces: list[_Piece], decode: Callable[[bytes], Picture]) -> Mesh:
    offsets = np.cumsum([0, *(len(piece.vertices) for piece in pieces[:-1])])
    faces = np.concatenate([piece.faces + offset for piece, offset in zip(pieces, offsets, strict=True)])
    mesh = indexed(as_float32(np.concatenate([piece.vertices for piece in pieces]), 3), faces, "3MF")
    textures = {piece.look.texture for piece in pieces}
    if len(textures) == 1 and "" not in textures:
        return _textured(source, mesh, pieces, textures.pop(), decode)
    if textures != {""}:
        source.note("The parts have textures of their own; they were left out.")
    if all(piece.look.colours is None for piece in pieces):
        return mesh
    return painted(mesh, np.concatenate([_colours(piece) for piece in pieces]))


def _colours(piece: _Piece) -> Colours:
    if piece.look.colours is not None:
        return piece.look.colours
    return flat(len(piece.faces), _UNPAINTED)


def _textured(source: _Source, mesh: Mesh, pieces: list[_Piece], path: str, decode: Callable[[bytes], Picture]) -> Mesh:
    """The mesh with a vertex for each place and uv that occur together, and its texture."""
    uv = np.concatenate([piece.look.uv for piece in pieces if piece.look.uv is not None]).reshape(-1, 2)
    uv32 = as_float32(uv, 2)
    if not np.isfinite(uv32).all():
        source.note("The texture coordinates are broken and were left out.")
        return mesh
    try:
        picture = decode(source.package.read(path))
    except InputProblem as problem:
        source.note(f"The texture was left out: {problem.message}")
        return mesh
    _, number = np.unique(np.ascontiguousarray(uv32 + np.float32(0)).view(np.uint64).reshape(-1), return_inverse=True)
    key = mesh.faces.reshape(-1).astype(np.int64) * (int(number.max()) + 1) + number.reshape(-1)
    _, first, corners = np.unique(key, return_index=True, return_inverse=True)
    return replace(
        mesh,
        vertices=mesh.vertices[mesh.faces.reshape(-1)[first]],
        faces=corners.reshape(-1, 3).astype(np.int32),
        uv=uv32[first],
        base_colour=picture,
    )
