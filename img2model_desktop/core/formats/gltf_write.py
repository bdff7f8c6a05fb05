"""A mesh as glTF 2.0 (Khronos; ISO/IEC 12113:2022), metres, y up: one GLB file, or a .gltf with files beside it."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop import __version__
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.normals import smooth_normals
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import encode_png

GENERATOR = f"Image2Model Desktop {__version__}"
ROUGHNESS = 0.8
"""Of surfaces for which no engine made a metallic-roughness picture: matt, as paper, cloth and clay are."""

_FLOAT, _UINT16, _UINT32 = 5126, 5123, 5125
_VERTEX_DATA, _INDEX_DATA = 34962, 34963
_LINEAR, _LINEAR_MIPMAP_LINEAR = 9729, 9987
_CLAMP, _REPEAT = 33071, 10497
_BASE, _SURFACE, _NORMAL = _PICTURES = ("base colour", "metallic roughness", "normal")


def encode_glb(mesh: Mesh, recipe: Mapping[str, Any] | None = None, name: str = "mesh") -> bytes:
    """The bytes of a GLB file.

    Vertices and faces are the mesh's own in their order: none is repeated for the sake of a hard edge, because a
    closed surface would then look torn to programs that go by indices. uv is stored with its origin upper left, as
    glTF has it.

    Args:
        mesh: valid.
        recipe: plain values for `asset.extras`; what JSON cannot hold is a bug of the caller (TypeError, ValueError).
        name: of the object, as modelling programs list it.
    """
    buffer = _Buffer()
    document = _document(mesh, buffer, recipe, name)
    return _container(document, bytes(buffer.content))


def encode_gltf(
    mesh: Mesh,
    file_name: str,
    companions: tuple[str, str, str, str],
    recipe: Mapping[str, Any] | None = None,
    name: str = "mesh",
) -> dict[str, bytes]:
    """The bytes of a .gltf file, its buffer and its pictures, by file name; the content is that of `encode_glb`.

    Args:
        mesh, recipe, name: see `encode_glb`.
        file_name: of the .gltf file.
        companions: names for the buffer, base colour, metallic roughness and normal map.
    """
    binary, *pictures = companions
    buffer = _Buffer(binary, dict(zip(_PICTURES, pictures, strict=True)))
    document = _document(mesh, buffer, recipe, name)
    return {file_name: _as_text(document, indent=1) + b"\n", binary: bytes(buffer.content), **buffer.beside}


def _document(mesh: Mesh, buffer: "_Buffer", recipe: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    """The document; what it refers to is added to the buffer."""
    attributes = {
        "POSITION": buffer.add_vertex_data(mesh.vertices, with_range=True),
        "NORMAL": buffer.add_vertex_data(smooth_normals(mesh.vertices, mesh.faces)),
    }
    if mesh.uv is not None:
        flipped = np.column_stack([mesh.uv[:, 0], np.float32(1) - mesh.uv[:, 1]])
        attributes["TEXCOORD_0"] = buffer.add_vertex_data(flipped)
    indices = buffer.add_indices(mesh.faces)
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
        "meshes": [
            {"name": name, "primitives": [{"attributes": attributes, "indices": indices, "material": 0, "mode": 4}]}
        ],
    }
    if recipe:
        document["asset"]["extras"] = dict(recipe)
    document.update(_look(mesh, buffer))
    document.update(buffer.tables())
    return document


class _Buffer:
    """The one buffer of the file, and the tables that say what lies where.

    Args:
        uri: name of the buffer's own file; None when it is a chunk of the same file.
        pictures: names of the pictures' own files by what they are; empty when they lie in the buffer.
    """

    def __init__(self, uri: str | None = None, pictures: Mapping[str, str] | None = None) -> None:
        self.content = bytearray()
        self.beside: dict[str, bytes] = {}
        self._uri, self._pictures = uri, pictures or {}
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []

    def add_vertex_data(self, values: NDArray[np.float32], *, with_range: bool = False) -> int:
        """Adds `(n, k) float32`; the accessor's number."""
        view = self._view(np.ascontiguousarray(values, dtype="<f4").tobytes(), _VERTEX_DATA)
        accessor = {
            "bufferView": view,
            "componentType": _FLOAT,
            "count": len(values),
            "type": f"VEC{values.shape[1]}",
        }
        if with_range:
            accessor["min"] = [float(value) for value in values.min(axis=0)]
            accessor["max"] = [float(value) for value in values.max(axis=0)]
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def add_indices(self, faces: NDArray[np.int32]) -> int:
        """Adds faces in the smaller type that fits; its highest number is reserved. The accessor's number."""
        small = int(faces.max()) < 65535
        view = self._view(faces.astype("<u2" if small else "<u4").tobytes(), _INDEX_DATA)
        kind = _UINT16 if small else _UINT32
        self.accessors.append({"bufferView": view, "componentType": kind, "count": faces.size, "type": "SCALAR"})
        return len(self.accessors) - 1

    def add_picture(self, picture: Picture, name: str) -> int:
        """Adds a PNG; the image's number."""
        content = encode_png(picture)
        if name in self._pictures:
            self.beside[self._pictures[name]] = content
            self.images.append({"uri": self._pictures[name], "name": name})
        else:
            self.images.append({"bufferView": self._view(content), "mimeType": "image/png", "name": name})
        return len(self.images) - 1

    def tables(self) -> dict[str, Any]:
        """The document's entries for all that was added."""
        whole = {"byteLength": len(self.content)}
        tables: dict[str, Any] = {
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [whole if self._uri is None else whole | {"uri": self._uri}],
        }
        return tables | ({"images": self.images} if self.images else {})

    def _view(self, content: bytes, target: int | None = None) -> int:
        self.content += bytes(-len(self.content) % 4)
        view = {"buffer": 0, "byteOffset": len(self.content), "byteLength": len(content)}
        self.views.append(view if target is None else view | {"target": target})
        self.content += content
        return len(self.views) - 1


def _look(mesh: Mesh, buffer: _Buffer) -> dict[str, Any]:
    """Material, textures and sampler."""
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": ROUGHNESS}
    material: dict[str, Any] = {"name": "surface", "pbrMetallicRoughness": surface, "doubleSided": False}
    if mesh.base_colour is not None:
        surface["baseColorTexture"] = {"index": buffer.add_picture(mesh.base_colour, _BASE)}
    if mesh.metallic_roughness is not None:
        surface["metallicRoughnessTexture"] = {"index": buffer.add_picture(mesh.metallic_roughness, _SURFACE)}
        surface["metallicFactor"] = surface["roughnessFactor"] = 1.0
    if mesh.normal is not None:
        material["normalTexture"] = {"index": buffer.add_picture(mesh.normal, _NORMAL)}
    look: dict[str, Any] = {"materials": [material]}
    if buffer.images and mesh.uv is not None:
        inside = bool((mesh.uv >= 0).all() and (mesh.uv <= 1).all())
        wrap = _CLAMP if inside else _REPEAT
        look["samplers"] = [{"magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAP_LINEAR, "wrapS": wrap, "wrapT": wrap}]
        look["textures"] = [{"sampler": 0, "source": number} for number in range(len(buffer.images))]
    return look


def _as_text(document: Mapping[str, Any], indent: int | None = None) -> bytes:
    """The document as JSON, its letters as they are unless a half of one is among them, which UTF-8 cannot hold."""
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(document, indent=indent, separators=separators, ensure_ascii=False, allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(document, indent=indent, separators=separators, allow_nan=False).encode()


def _container(document: Mapping[str, Any], binary: bytes) -> bytes:
    text = _as_text(document)
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    chunks = b"".join(
        [len(text).to_bytes(4, "little"), b"JSON", text, len(binary).to_bytes(4, "little"), b"BIN\0", binary]
    )
    return b"glTF" + (2).to_bytes(4, "little") + (12 + len(chunks)).to_bytes(4, "little") + chunks
