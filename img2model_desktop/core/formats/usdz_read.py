"""Reads USDZ packages (Usdz File Format Specification 1.3) whose layers are text, as ours are.

Layers in the binary form, which most other programs write, are refused with a sentence.
"""

import json
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.formats import usda
from img2model_desktop.core.formats.archives import Package, opened
from img2model_desktop.core.formats.polygons import broken, indexed, too_many, triangulated, without_triangles
from img2model_desktop.core.formats.usda import Prim
from img2model_desktop.core.formats.usdz_write import RECIPE_KEY
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.errors import InputProblem

Matrix = NDArray[np.float64]

_LAYER_ENDINGS = (".usd", ".usda", ".usdc")
_REFERENCE = re.compile(rb"@([^@]+)@\s*(?:<([^>]*)>)?")
_MOST_REFERENCES = 1000
_MOST_COPIES = 100_000
"""Nodes that references repeat; a small file could ask for billions."""

_MOST_PIECES = 20_000
_USUAL_METRES = 0.01
"""Metres per unit of a layer that does not say it."""

_AXES = {"X": 0, "Y": 1, "Z": 2}


@dataclass(slots=True)
class _Piece:
    """One mesh: vertices in world space, units of the layer."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    uv: NDArray[np.float64] | None
    material: Prim | None


@dataclass(slots=True)
class _Scene:
    """The root layer with what it refers to, and what reading it has found."""

    package: Package
    layer_name: str
    root: Prim
    max_vertices: int
    notes: list[str] = field(default_factory=list)
    vertices: int = 0

    def note(self, sentence: str) -> None:
        """Says it once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def decode_usdz(
    content: bytes, decode: Callable[[bytes], Picture], max_bytes: int, max_vertices: int
) -> tuple[Mesh, tuple[str, ...]]:
    """A mesh in metres, y up, and sentences about what was left out.

    Args:
        content: of the file.
        decode: the picture in PNG, JPEG or WebP bytes, or InputProblem.
        max_bytes: of all that is unpacked.
        max_vertices: of all that the scene shows.

    Raises:
        InputProblem: it is broken, too large, holds binary layers, or shows no triangle.
    """
    with opened(content, "USDZ", max_bytes) as package:
        try:
            scene = _scene(package, max_vertices)
            pieces = _pieces(scene)
            if not pieces:
                raise without_triangles("USDZ")
            return _merged(scene, pieces, decode), tuple(scene.notes)
        except (IndexError, TypeError, ValueError, OverflowError, RecursionError) as problem:
            raise broken("USDZ", repr(problem)[:200]) from None


def recipe_in_usdz(content: bytes, max_bytes: int) -> dict[str, Any]:
    """The recipe in the layer's `customLayerData`, empty where there is none. Raises InputProblem."""
    with opened(content, "USDZ", max_bytes) as package:
        layer = package.read(_root_name(package))
        if layer.startswith(usda.BINARY_MARK):
            return {}
        data = usda.entries(usda.layer_metadata(layer)).get("customLayerData", b"")
        text = usda.entries(data[1:-1]).get(RECIPE_KEY)
        try:
            recipe = json.loads(usda.text_value(text)) if text else None
        except (ValueError, RecursionError):
            recipe = None
    return recipe if isinstance(recipe, dict) else {}


def stated_frame(content: bytes, max_bytes: int) -> tuple[str, float]:
    """The axis that points up, "Y" or "Z", and the metres per unit that the root layer states. Raises InputProblem."""
    with opened(content, "USDZ", max_bytes) as package:
        return _axis_and_unit(usda.layer_metadata(package.read(_root_name(package))))


# -- layers ------------------------------------------------------------------------------------------------------------


def _root_name(package: Package) -> str:
    """The first file, which the specification wants to be the root layer."""
    name = next(iter(package.names), "")
    if not name.lower().endswith(_LAYER_ENDINGS):
        raise broken("USDZ", f"its first file is “{name[-60:]}”")
    return name


def _layer(package: Package, name: str) -> Prim:
    content = package.read(name)
    if content.startswith(usda.BINARY_MARK):
        raise InputProblem(
            "This USDZ file holds its scene in binary form (USDC), which this program cannot read.",
            "Export it as GLB instead.",
            name[-60:],
        )
    return usda.parse_layer(content)


def _scene(package: Package, max_vertices: int) -> _Scene:
    name = _root_name(package)
    scene = _Scene(package, name, _layer(package, name), max_vertices)
    waiting = [(prim, name) for prim in scene.root.walk()]
    layers = {name: scene.root}
    seen = copied = 0
    while waiting:
        prim, layer_name = waiting.pop()
        for target, path in _references(prim, layer_name):
            seen += 1
            if seen > _MOST_REFERENCES:
                raise too_many("references", seen, _MOST_REFERENCES)
            if target not in package:
                scene.note(f"“{target[-40:]}” is not in the file; what it holds was left out.")
                continue
            if target not in layers:
                layers[target] = _layer(package, target)
            source = _named(layers[target], path)
            if source is not None:
                copied += sum(1 for _ in source.walk())
                if copied > _MOST_COPIES:
                    raise too_many("nodes", copied, _MOST_COPIES)
                prim.kind = prim.kind or source.kind
                prim.properties = source.properties | prim.properties
                prim.details = source.details | prim.details
                prim.children = [*prim.children, *(_copy(child) for child in source.children)]
                waiting.extend((child, target) for child in prim.children)
    return scene


def _references(prim: Prim, layer_name: str) -> list[tuple[str, str]]:
    """Files in the package, and paths in them, that a node takes its content from."""
    if b"@" not in prim.metadata:
        return []
    values = usda.entries(prim.metadata)
    folder = posixpath.dirname(layer_name)
    return [
        (posixpath.normpath(posixpath.join(folder, found[1].decode("utf-8", "replace"))), (found[2] or b"").decode())
        for name in ("references", "payload")
        for found in _REFERENCE.finditer(values.get(name, b""))
    ]


def _named(layer: Prim, path: str) -> Prim | None:
    """The node at a path, or the one that the layer shows by default."""
    if not path:
        path = usda.text_value(usda.entries(layer.metadata).get("defaultPrim", b'""'))
    return layer.find(path) if path else next(iter(layer.children), None)


def _copy(prim: Prim, depth: int = 0) -> Prim:
    """The node with nodes of its own below it: another one may refer to the same."""
    return replace(prim, children=[_copy(child, depth + 1) for child in prim.children])


def _axis_and_unit(metadata: bytes) -> tuple[str, float]:
    values = usda.entries(metadata)
    axis = usda.text_value(values.get("upAxis", b'"Y"'))
    unit = float(values.get("metersPerUnit", str(_USUAL_METRES).encode()))
    if axis not in ("Y", "Z") or not 0 < unit < float("inf"):
        raise broken("USDZ", f"axis {axis[:10]}, {unit} m")
    return axis, unit


# -- places ------------------------------------------------------------------------------------------------------------


def _pieces(scene: _Scene) -> list[_Piece]:
    """All meshes that the scene shows."""
    pieces: list[_Piece] = []
    stack: list[tuple[Prim, Matrix, Prim | None]] = [(one, np.eye(4), None) for one in reversed(scene.root.children)]
    while stack:
        prim, above, bound = stack.pop()
        if prim.specifier != "def" or usda.text_value(prim.properties.get("visibility", b"")) == "invisible":
            continue
        if usda.text_value(prim.properties.get("purpose", b"")) in ("guide", "proxy"):
            continue
        matrix = _placed(scene, prim, above)
        own = _material(scene, prim)
        bound = own if own is not None else bound
        if prim.kind == "Mesh":
            if len(pieces) >= _MOST_PIECES:
                raise too_many("objects", len(pieces) + 1, _MOST_PIECES)
            piece = _piece(scene, prim, matrix, bound)
            pieces += [piece] if len(piece.faces) else []
        elif prim.kind in ("PointInstancer", "Sphere", "Cube", "Cylinder", "Cone", "Capsule"):
            scene.note("Instances and basic solids were left out.")
        stack.extend((child, matrix, bound) for child in reversed(prim.children))
    return pieces


def _material(scene: _Scene, prim: Prim) -> Prim | None:
    """The material that is bound to a node; after a reference its path may begin elsewhere, so its name counts."""
    path = usda.path_value(prim.properties.get("material:binding", b""))
    if not path:
        return None
    found = scene.root.find(path)
    name = path.rpartition("/")[2]
    return found or next((one for one in scene.root.walk() if one.name == name and one.kind == "Material"), None)


def _placed(scene: _Scene, prim: Prim, above: Matrix) -> Matrix:
    """The node's place in the world, for column vectors."""
    matrix = above
    for operation in usda.texts(prim.properties.get("xformOpOrder", b"")):
        if operation == "!resetXformStack!":
            matrix = np.eye(4)
            continue
        inverse = operation.startswith("!invert!")
        name = operation.removeprefix("!invert!")
        value = prim.properties.get(name)
        if value is None:
            scene.note("Movement over time was left out.")
            continue
        step = _operation(name.split(":")[1] if ":" in name else name, value)
        matrix = matrix @ (np.linalg.inv(step) if inverse else step)
    return matrix


def _operation(kind: str, value: bytes) -> Matrix:
    """`(4, 4)`, for column vectors, of a transform operation (UsdGeomXformOp)."""
    values = usda.numbers(value, 1, 16).ravel()
    matrix = np.eye(4)
    if kind == "transform" and len(values) == 16:
        return np.asarray(values.reshape(4, 4).T)
    if kind == "translate" and len(values) == 3:
        matrix[:3, 3] = values
    elif kind == "scale" and len(values) == 3:
        matrix[:3, :3] = np.diag(values)
    elif kind == "orient" and len(values) == 4:
        matrix[:3, :3] = _turn_of(values)
    elif kind.startswith("rotate") and len(kind) - len("rotate") == len(values):
        by_axis = dict(zip("XYZ", values, strict=True)) if len(values) == 3 else {kind[-1]: values[0]}
        for axis in kind.removeprefix("rotate"):  # the first is done first
            matrix[:3, :3] = _turn_around(_AXES[axis], float(by_axis[axis])) @ matrix[:3, :3]
    else:
        raise broken("USDZ", f"the operation {kind[:40]}")
    return matrix


def _turn_around(axis: int, degrees: float) -> Matrix:
    one, other = (axis + 1) % 3, (axis + 2) % 3
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    matrix[one, one] = matrix[other, other] = cosine
    matrix[one, other], matrix[other, one] = -sine, sine
    return matrix


def _turn_of(quaternion: NDArray[np.float64]) -> Matrix:
    """`(3, 3)` of a quaternion whose real part comes first."""
    w, x, y, z = quaternion / max(float(np.linalg.norm(quaternion)), 1e-30)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


# -- one mesh ----------------------------------------------------------------------------------------------------------


def _whole(value: bytes, most: int) -> NDArray[np.int64]:
    """`(n,) int64`."""
    found = usda.numbers(value, 1, most).ravel()
    if len(found) and not (np.abs(found) < 2**31).all():
        raise broken("USDZ", "an index is out of range")
    return found.astype(np.int64)


def _piece(scene: _Scene, prim: Prim, matrix: Matrix, material: Prim | None) -> _Piece:
    most = scene.max_vertices
    vertices = usda.numbers(prim.properties.get("points", b"[]"), 3, most)
    counts = _whole(prim.properties.get("faceVertexCounts", b"[]"), 2 * most)
    corners = _whole(prim.properties.get("faceVertexIndices", b"[]"), 6 * most)
    scene.vertices += len(vertices)
    if scene.vertices > most:
        raise too_many("vertices", scene.vertices, most)
    if (counts < 0).any() or int(counts.sum()) != len(corners):
        raise broken("USDZ", "faces and corners differ in number")
    if len(corners) and not 0 <= int(corners.min()) <= int(corners.max()) < len(vertices):
        raise broken("USDZ", "a face points at a vertex that is not there")
    at = triangulated(counts, np.arange(len(corners)))
    if usda.text_value(prim.properties.get("orientation", b"")) == "leftHanded":
        at = at[:, ::-1]
    with np.errstate(over="ignore", invalid="ignore"):
        placed = vertices @ matrix[:3, :3].T + matrix[:3, 3]
        if np.linalg.det(matrix[:3, :3]) < 0:
            at = at[:, ::-1]
    faces = corners[at]
    uv, where = _uv(prim, len(vertices), len(corners), 6 * most)
    if uv is None:
        return _Piece(placed, faces, None, material)
    if where is None:
        return _Piece(placed, faces, uv, material)
    pairs, numbers = np.unique(np.stack([corners, where], axis=1), axis=0, return_inverse=True)
    return _Piece(placed[pairs[:, 0]], numbers.reshape(-1)[at], uv[pairs[:, 1]], material)


def _uv(
    prim: Prim, vertices: int, corners: int, most: int
) -> tuple[NDArray[np.float64] | None, NDArray[np.int64] | None]:
    """uv values, and which of them each corner has; None there when each vertex has the one of its number."""
    name = next((one for one in ("primvars:st", "primvars:UVMap", "primvars:st0") if one in prim.properties), None)
    if name is None:
        return None, None
    uv = usda.numbers(prim.properties[name], 2, most)
    kind = usda.text_value(usda.entries(prim.details.get(name, b"")).get("interpolation", b'"constant"'))
    index = prim.properties.get(f"{name}:indices")
    where = np.arange(len(uv)) if index is None else _whole(index, most)
    if not len(uv) or (len(where) and not 0 <= int(where.min()) <= int(where.max()) < len(uv)):
        return None, None
    if kind in ("vertex", "varying") and len(where) == vertices:
        return uv[where], None
    if kind == "faceVarying" and len(where) == corners:
        return uv, where
    return None, None


def _merged(scene: _Scene, pieces: list[_Piece], decode: Callable[[bytes], Picture]) -> Mesh:
    axis, unit = _axis_and_unit(scene.root.metadata)
    offsets = np.cumsum([0, *(len(piece.vertices) for piece in pieces[:-1])])
    faces = np.concatenate([piece.faces + offset for piece, offset in zip(pieces, offsets, strict=True)])
    with np.errstate(over="ignore", invalid="ignore"):
        vertices = (np.concatenate([piece.vertices for piece in pieces]) * unit).astype(np.float32)
        if axis == "Z":
            vertices = np.stack([vertices[:, 0], vertices[:, 2], -vertices[:, 1]], axis=1)
    uv = None
    if all(piece.uv is not None for piece in pieces):
        uv = np.concatenate([piece.uv for piece in pieces if piece.uv is not None]).astype(np.float32)
        uv = uv if np.isfinite(uv).all() else None
    mesh = indexed(vertices, faces, "USDZ", uv)
    if uv is None:
        return mesh
    pictures = _pictures(scene, pieces, decode)
    return Mesh(mesh.vertices, mesh.faces, mesh.uv, **pictures)


# -- materials ---------------------------------------------------------------------------------------------------------


def _pictures(scene: _Scene, pieces: list[_Piece], decode: Callable[[bytes], Picture]) -> dict[str, Picture]:
    """The textures that all pieces share."""
    found: dict[str, Picture] = {}
    for entry, inputs in (
        ("base_colour", "inputs:diffuseColor"),
        ("metallic_roughness", "inputs:roughness"),
        ("normal", "inputs:normal"),
    ):
        files = {_file(piece.material, inputs) for piece in pieces}
        if len(files) > 1:
            scene.note("The parts have textures of their own; they were left out.")
            continue
        file = files.pop()
        if not file:
            continue
        try:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(scene.layer_name), file))
            found[entry] = decode(scene.package.read(path if path in scene.package else file))
        except InputProblem as problem:
            scene.note(f"The texture was left out: {problem.message}")
    return found


def _file(material: Prim | None, inputs: str) -> str:
    """The picture file behind an input of a material's UsdPreviewSurface; empty where there is none."""
    if material is None:
        return ""
    nodes = list(material.walk())
    kinds = {id(node): usda.text_value(node.properties.get("info:id", b"")) for node in nodes}
    surface = next((node for node in nodes if kinds[id(node)] == "UsdPreviewSurface"), None)
    if surface is None:
        return ""
    target = usda.path_value(surface.properties.get(f"{inputs}.connect", b"")).partition(".")[0].rpartition("/")[2]
    texture = next((node for node in nodes if node.name == target and kinds[id(node)] == "UsdUVTexture"), None)
    return usda.asset(texture.properties.get("inputs:file", b"")) if texture is not None else ""
