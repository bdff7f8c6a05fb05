"""Reads glTF 2.0, .glb and .gltf, without trusting a byte of it."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.formats.atlas import MOST_PICTURES, MOST_PIXELS, flat_picture, together
from img2model_desktop.core.formats.colours import from_linear, painted
from img2model_desktop.core.formats.polygons import broken, too_many, without_triangles
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.errors import InputProblem

Json = dict[str, Any]
Beside = Callable[[str], bytes]

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_MOST_VALUES = 8
"""Accessor entries for each vertex: place, uv, and six corners; closed meshes have twice as many faces as vertices."""

_MOST_ZEROS = 1_000_000
"""Of an accessor without data, which costs a file nothing and a reader memory."""

_MOST_PIECES = 20_000
"""Objects in a scene; each takes time however small it is."""

_ESCAPED = re.compile(r"(%[0-9a-fA-F]{2})+")
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_HARMLESS = (
    "KHR_materials_",
    "KHR_mesh_quantization",
    "KHR_lights_punctual",
    "EXT_texture_webp",
    "KHR_texture_transform",
)
"""Extensions that may be required and still leave the shape as it is read here."""


@dataclass(slots=True)
class _Piece:
    """One primitive of one node: numpy arrays in world space."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    material: Json
    uv: NDArray[np.float64] | None
    colours: NDArray[np.float64] | None


@dataclass(slots=True)
class _Source:
    """The document and what is needed to look things up in it."""

    document: Json
    binary: bytes | None
    beside: Beside
    max_vertices: int
    decode: Callable[[bytes], Picture]
    notes: list[str] = field(default_factory=list)
    buffers: dict[int, bytes] = field(default_factory=dict)
    seen: int = 0
    vertices: int = 0


def decode_gltf(
    content: bytes, beside: Beside, decode: Callable[[bytes], Picture], max_vertices: int
) -> tuple[Mesh, tuple[str, ...]]:
    """A mesh, and sentences about what was left out.

    Args:
        content: of a .glb or .gltf file.
        beside: the bytes of a file that the document names, or InputProblem.
        decode: the picture in PNG, JPEG or WebP bytes, or InputProblem.
        max_vertices: of all that the scene shows.

    Raises:
        InputProblem: it is broken, holds no triangle, or needs an extension that is not known here.
    """
    document, binary = _parse(content)
    source = _Source(document, binary, beside, max_vertices, decode)
    try:
        _check_version(document)
        pieces = list(_scene(source))
        if not pieces:
            raise without_triangles("glTF")
        mesh = _merge(source, pieces)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError) as problem:
        # a document of the wrong shape fails in as many ways as there are look-ups; each is the same news to the user
        raise broken("glTF", repr(problem)[:300]) from None
    return mesh, tuple(source.notes)


def read_extras(content: bytes) -> Json:
    """What `asset.extras` of a .glb or .gltf file holds, empty where it holds no entries. Raises InputProblem."""
    asset = _parse(content)[0].get("asset")
    extras = asset.get("extras") if isinstance(asset, dict) else None
    return extras if isinstance(extras, dict) else {}


def _parse(content: bytes) -> tuple[Json, bytes | None]:
    text, binary = content, None
    if content[:4] == b"glTF":
        text, binary = _chunks(content)
    try:
        document = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as problem:
        raise InputProblem(
            "This is not a glTF file, or it is broken.", "Export it again.", repr(problem)[:300]
        ) from None
    if not isinstance(document, dict):
        raise InputProblem("This is not a glTF file.", "Use a GLB, glTF, OBJ, STL, PLY or OFF file.")
    return document, binary


def _chunks(content: bytes) -> tuple[bytes, bytes | None]:
    """JSON text and binary chunk of a GLB container."""
    announced = int.from_bytes(content[8:12], "little")
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= announced <= len(content):
        size, kind = int.from_bytes(content[at : at + 4], "little"), content[at + 4 : at + 8]
        if at + 8 + size > announced:
            break
        found.setdefault(kind, content[at + 8 : at + 8 + size])
        at += 8 + size + -size % 4
    if b"JSON" not in found:
        raise broken("GLB", "no JSON chunk")
    return found[b"JSON"], found.get(b"BIN\0")


def _check_version(document: Json) -> None:
    version = str(document["asset"]["version"])
    if not version.startswith("2"):
        raise InputProblem(f"This glTF file is of version {version[:10]}.", "Export it as glTF 2.0.")
    for name in document.get("extensionsRequired", []):
        if not str(name).startswith(_HARMLESS):
            raise InputProblem(
                f"This glTF file needs “{str(name)[:60]}”, which this program cannot read.",
                "Export it without compression.",
            )


# -- scene -------------------------------------------------------------------------------------------------------------


def _scene(source: _Source) -> list[_Piece]:
    """All triangles that the scene shows, in world space."""
    document = source.document
    nodes = document.get("nodes", [])
    scenes = document.get("scenes", [])
    if scenes:
        roots = scenes[document.get("scene", 0)].get("nodes", [])
    else:
        children = {child for node in nodes for child in node.get("children", [])}
        roots = [number for number in range(len(nodes)) if number not in children]
    waiting = [(number, np.eye(4)) for number in reversed(roots)]
    visited: set[int] = set()
    pieces: list[_Piece] = []
    while waiting:
        number, above = waiting.pop()
        if number in visited:
            raise InputProblem("The scene of this glTF file contains itself.", "Export it again.")
        visited.add(number)
        node = nodes[_index(number)]
        matrix = above @ _matrix(node)
        if "mesh" in node:
            if len(pieces) > _MOST_PIECES:
                raise too_many("objects", len(nodes), _MOST_PIECES)
            pieces.extend(_mesh(source, document["meshes"][_index(node["mesh"])], matrix))
        waiting.extend((child, matrix) for child in reversed(node.get("children", [])))
    return pieces


def _matrix(node: Json) -> NDArray[np.float64]:
    """`(4, 4) float64`: the node's own transformation."""
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    x, y, z, w = (float(value) for value in node.get("rotation", (0, 0, 0, 1)))
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)), dtype=np.float64).reshape(3)
    matrix[:3, 3] = np.array(node.get("translation", (0, 0, 0)), dtype=np.float64).reshape(3)
    return matrix


def _mesh(source: _Source, mesh: Json, matrix: NDArray[np.float64]) -> list[_Piece]:
    pieces = []
    for primitive in mesh["primitives"]:
        mode = primitive.get("mode", _TRIANGLES)
        if mode not in (_TRIANGLES, _STRIP, _FAN):
            _note(source, "Points and lines were left out.")
            continue
        vertices = _accessor(source, primitive["attributes"]["POSITION"], 3)
        source.vertices += len(vertices)
        if source.vertices > source.max_vertices:
            raise too_many("vertices", source.vertices, source.max_vertices)
        faces = _faces(source, primitive, mode, len(vertices))
        if not len(faces):
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            vertices = vertices @ matrix[:3, :3].T + matrix[:3, 3]
            if np.linalg.det(matrix[:3, :3]) < 0:
                faces = faces[:, ::-1]
        material = source.document["materials"][_index(primitive["material"])] if "material" in primitive else {}
        count = len(vertices)
        uv, colours = _uv(source, primitive, material, count), _colours(source, primitive, material, count)
        pieces.append(_Piece(vertices, faces, material, uv, colours))
    return pieces


def _faces(source: _Source, primitive: Json, mode: int, count: int) -> NDArray[np.int64]:
    if "indices" in primitive:
        with np.errstate(invalid="ignore"):  # what is no number becomes an index that is out of range
            corners = _accessor(source, primitive["indices"], 1).ravel().astype(np.int64)
    else:
        corners = np.arange(count, dtype=np.int64)
    if mode == _TRIANGLES:
        faces = corners[: len(corners) // 3 * 3].reshape(-1, 3)
    elif mode == _FAN:
        faces = np.stack([corners[1:-1], corners[2:], np.broadcast_to(corners[:1], corners[2:].shape)], axis=1)
    else:
        faces = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
        faces[1::2] = faces[1::2, [1, 0, 2]]
    if len(faces) and not 0 <= int(faces.min()) <= int(faces.max()) < count:
        raise broken("glTF", "a triangle points at a vertex that is not there")
    return faces


def _colours(source: _Source, primitive: Json, material: Json, count: int) -> NDArray[np.float64] | None:
    """`(n, 4)`, linear: the vertices' colours times the material's; None where both are white."""
    factor = _factor(material)
    if "COLOR_0" not in primitive["attributes"]:
        return None if (factor == 1).all() else np.tile(factor.reshape(1, 4), (count, 1))
    number = primitive["attributes"]["COLOR_0"]
    width = _WIDTHS[source.document["accessors"][_index(number)]["type"]]
    values = _accessor(source, number, width)
    if len(values) != count or width not in (3, 4):
        raise broken("glTF", "colours and vertices differ in number")
    return np.asarray(np.column_stack([values, *([np.ones(count)] if width == 3 else [])]) * factor.reshape(1, 4))


def _uv(source: _Source, primitive: Json, material: Json, count: int) -> NDArray[np.float64] | None:
    """`(n, 2)`, origin upper left as in the file, of the set that the base colour uses."""
    texture = material.get("pbrMetallicRoughness", {}).get("baseColorTexture", {})
    name = f"TEXCOORD_{int(texture.get('texCoord', 0))}"
    if name not in primitive["attributes"]:
        return None
    uv = _accessor(source, primitive["attributes"][name], 2)
    if len(uv) != count:
        raise broken("glTF", "uv and vertices differ in number")
    moved: Json = texture.get("extensions", {}).get("KHR_texture_transform", {})
    if moved:
        angle = float(moved.get("rotation", 0.0))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        uv = (uv * np.array(moved.get("scale", (1, 1)))) @ turn.T + np.array(moved.get("offset", (0, 0)))
    return uv


# -- data --------------------------------------------------------------------------------------------------------------


def _index(number: Any) -> int:
    """A position in one of the document's lists; Python would take a negative one from the end."""
    if not isinstance(number, int) or number < 0:
        raise IndexError(number)
    return number


def _accessor(source: _Source, number: Any, width: int) -> NDArray[np.float64]:
    """`(n, width) float64`; whole numbers that stand for 0..1 or -1..1 are scaled."""
    accessor = source.document["accessors"][_index(number)]
    count = _index(accessor["count"])
    source.seen += count
    if source.seen > source.max_vertices * _MOST_VALUES:
        raise too_many("values", source.seen, source.max_vertices * _MOST_VALUES)
    if _WIDTHS[accessor["type"]] != width:
        raise broken("glTF", f"accessor {number}: {accessor['type']}")
    kind = np.dtype(_COMPONENTS[accessor["componentType"]])
    if "bufferView" in accessor:
        values = _view(source, accessor["bufferView"], accessor.get("byteOffset", 0), kind, count, width)
    elif count <= _MOST_ZEROS:
        values = np.zeros((count, width), dtype=kind)
    else:
        raise too_many("empty values", count, _MOST_ZEROS)
    if "sparse" in accessor:
        values = _sparse(source, accessor["sparse"], values)
    out = values.astype(np.float64)
    if accessor.get("normalized"):
        out = np.maximum(out / np.iinfo(kind).max, -1.0)
    return out


def _view(source: _Source, number: Any, offset: int, kind: np.dtype[Any], count: int, width: int) -> NDArray[Any]:
    """`(count, width)` values of a buffer view."""
    view = source.document["bufferViews"][_index(number)]
    content = _buffer(source, _index(view["buffer"]))
    begin, size = _index(view.get("byteOffset", 0)), _index(view["byteLength"])
    row = kind.itemsize * width
    stride = _index(view.get("byteStride", row))
    needed = _index(offset) + (count - 1) * stride + row if count else 0
    if needed > size or begin + size > len(content) or stride < row:
        raise broken("glTF", f"buffer view {number}")
    bytes_ = np.frombuffer(content, dtype=np.uint8, count=max(needed - offset, 0), offset=begin + offset)
    rows = np.lib.stride_tricks.as_strided(bytes_, (count, row), (stride, 1), writeable=False)
    return np.ascontiguousarray(rows).view(kind).reshape(count, width)


def _sparse(source: _Source, sparse: Json, values: NDArray[Any]) -> NDArray[Any]:
    """The values with some of them replaced."""
    count = _index(sparse["count"])
    if count > len(values):
        raise broken("glTF", "sparse count")
    at, new = sparse["indices"], sparse["values"]
    kind = np.dtype(_COMPONENTS[at["componentType"]])
    where = _view(source, at["bufferView"], at.get("byteOffset", 0), kind, count, 1).ravel().astype(np.int64)
    changed = values.copy()
    changed[where] = _view(source, new["bufferView"], new.get("byteOffset", 0), values.dtype, count, values.shape[1])
    return changed


def _buffer(source: _Source, number: int) -> bytes:
    if number not in source.buffers:
        buffer = source.document["buffers"][number]
        if "uri" in buffer:
            content = _uri(source, buffer["uri"])
        elif number == 0 and source.binary is not None:
            content = source.binary
        else:
            raise broken("glTF", f"buffer {number} has no data")
        source.buffers[number] = content
    return source.buffers[number]


def _uri(source: _Source, uri: str) -> bytes:
    """The bytes that a `data:` text holds or a file beside the document."""
    if not uri.startswith("data:"):
        return source.beside(_ESCAPED.sub(lambda found: bytes.fromhex(found.group().replace("%", "")).decode(), uri))
    head, _, text = uri.partition(",")
    if not head.endswith(";base64"):
        raise broken("glTF", "data that is not base64")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise broken("glTF", "bad base64") from None


def _picture(source: _Source, reference: Json) -> Picture:
    """The picture that a material's texture reference means."""
    texture = source.document["textures"][_index(reference["index"])]
    webp = texture.get("extensions", {}).get("EXT_texture_webp", {})
    image = source.document["images"][_index(webp.get("source", texture.get("source")))]
    if "uri" in image:
        return source.decode(_uri(source, image["uri"]))
    view = source.document["bufferViews"][_index(image["bufferView"])]
    content, begin = _buffer(source, _index(view["buffer"])), _index(view.get("byteOffset", 0))
    return source.decode(content[begin : begin + _index(view["byteLength"])])


# -- one mesh ----------------------------------------------------------------------------------------------------------


def _merge(source: _Source, pieces: list[_Piece]) -> Mesh:
    offsets = np.cumsum([0, *(len(piece.vertices) for piece in pieces[:-1])])
    with np.errstate(over="ignore", invalid="ignore"):
        vertices = np.concatenate([piece.vertices for piece in pieces]).astype(np.float32)
    faces = np.concatenate([piece.faces + offset for piece, offset in zip(pieces, offsets, strict=True)])
    if not np.isfinite(vertices).all():
        raise broken("glTF", "a vertex is not finite")
    bound = _bound_together(source, pieces, vertices, faces)
    if bound is not None:
        return bound
    uv = None
    if all(piece.uv is not None for piece in pieces):
        uv = np.concatenate([piece.uv for piece in pieces if piece.uv is not None]).astype(np.float32)
        uv[:, 1] = np.float32(1) - uv[:, 1]
        if not np.isfinite(uv).all():
            _note(source, "The texture coordinates are broken and were left out.")
            uv = None
    pictures = _pictures(source, pieces) if uv is not None else {}
    mesh = Mesh(vertices, faces.astype(np.int32), uv, **pictures)
    coloured = [piece.colours for piece in pieces]
    if mesh.base_colour is not None or all(colours is None for colours in coloured):
        return mesh
    whole = [np.ones((len(p.vertices), 4)) if p.colours is None else p.colours for p in pieces]
    return painted(mesh, from_linear(np.concatenate(whole))[faces])


def _bound_together(
    source: _Source, pieces: list[_Piece], vertices: NDArray[np.float32], faces: NDArray[np.int64]
) -> Mesh | None:
    """The mesh with one texture made of those of its parts; None where all have the same, or it cannot be."""
    references = [piece.material.get("pbrMetallicRoughness", {}).get("baseColorTexture", {}) for piece in pieces]
    looks = [
        json.dumps([reference, None if reference else _factor(piece.material).tolist()], sort_keys=True)
        for reference, piece in zip(references, pieces, strict=True)
    ]
    distinct = {look: number for number, look in enumerate(dict.fromkeys(looks))}
    textured = [reference for reference in references if reference]
    if not textured or len({json.dumps(one, sort_keys=True) for one in references}) < 2:
        return None
    if len(distinct) > MOST_PICTURES or any(p.uv is None for p, one in zip(pieces, references, strict=True) if one):
        return None
    pictures: list[Picture] = []
    for look in distinct:
        number = looks.index(look)
        try:
            pictures.append(
                _picture(source, references[number])
                if references[number]
                else flat_picture(from_linear(_factor(pieces[number].material)))
            )
        except InputProblem as problem:
            _note(source, f"The texture was left out: {problem.message}")
            pictures.append(flat_picture(np.full(4, 255, dtype=np.uint8)))
        if sum(one.width * one.height for one in pictures) > MOST_PIXELS:
            return None
    uv = np.concatenate([np.zeros((len(p.vertices), 2)) if p.uv is None else p.uv for p in pieces]).astype(np.float32)
    uv[:, 1] = np.float32(1) - uv[:, 1]
    if not np.isfinite(uv).all():
        return None
    parts = np.repeat([distinct[look] for look in looks], [len(piece.faces) for piece in pieces])
    mesh = together(Mesh(vertices, faces.astype(np.int32), uv), parts, pictures)
    if mesh is not None and any(_has_surface_pictures(piece.material) for piece in pieces):
        _note(source, "The parts have roughness, metal and normal maps of their own; they were left out.")
    return mesh


def _factor(material: Json) -> NDArray[np.float64]:
    """`(4,)`, linear: the material's colour."""
    factor = material.get("pbrMetallicRoughness", {}).get("baseColorFactor", (1, 1, 1, 1))
    return np.array(factor, dtype=np.float64).reshape(4)


def _has_surface_pictures(material: Json) -> bool:
    return bool(
        material.get("normalTexture") or material.get("pbrMetallicRoughness", {}).get("metallicRoughnessTexture")
    )


def _pictures(source: _Source, pieces: list[_Piece]) -> dict[str, Picture]:
    """The textures that all pieces share."""
    found = {}
    for name, where in (
        ("base_colour", ("pbrMetallicRoughness", "baseColorTexture")),
        ("metallic_roughness", ("pbrMetallicRoughness", "metallicRoughnessTexture")),
        ("normal", ("normalTexture",)),
    ):
        references = []
        for piece in pieces:
            entry: Any = piece.material
            for key in where:
                entry = entry.get(key, {})
            references.append(entry)
        distinct = {json.dumps(entry, sort_keys=True) for entry in references}
        if len(distinct) > 1:
            _note(source, "The parts have textures of their own; they were left out.")
        elif references[0]:
            try:
                found[name] = _picture(source, references[0])
            except InputProblem as problem:
                _note(source, f"The texture was left out: {problem.message}")
    return found


def _note(source: _Source, sentence: str) -> None:
    if sentence not in source.notes:
        source.notes.append(sentence)
