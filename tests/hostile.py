"""Mesh files that mean harm, and valid ones to be damaged: made, not collected, so that each is known to the byte.

A case is `{file name: content}`; the first file is the one to open, the others lie beside it.
"""

import base64
import copy
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from img2model_desktop.core.mesh_files import MESH_SUFFIXES, encode
from tests.shapes import box, textured

Case = dict[str, bytes]

SECRET = "secret.png"
"""Name of a valid picture that lies in the folder above that of a case: no reader may open it."""

ODD_NUMBERS = (
    "0", "-1", "1", "-0.0", "255", "65535", "2147483647", "2147483648", "-2147483649", "4294967295", "4294967296",
    "9223372036854775807", "18446744073709551616", "1e308", "-1e308", "1e999", "1e-320", "0.5", "nan", "NaN", "inf",
    "-Infinity", "1" * 400, "0x10", "1_000", "１", "+", "1.2.3", "",
)  # fmt: skip

_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")

# -- valid files -------------------------------------------------------------------------------------------------------


def valid_files() -> dict[str, Case]:
    """A small valid file of every kind that is read, and of some that this program does not write."""
    mesh, plain = textured(box(0.1, 0.2, 0.4)), box(0.1, 0.2, 0.4)
    found = {f"textured{suffix}": encode(mesh, Path(f"a{suffix}"), {"a": 1}) for suffix in MESH_SUFFIXES}
    found |= {f"plain{suffix}": encode(plain, Path(f"a{suffix}")) for suffix in MESH_SUFFIXES}
    found["embedded.gltf"] = {"a.gltf": json.dumps(gltf()).encode()}
    found["sparse.gltf"] = {"a.gltf": json.dumps(sparse_gltf()).encode()}
    found["text.ply"] = {"a.ply": text_ply()}
    found["text.stl"] = {
        "a.stl": b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\n"
        b"endloop\nendfacet\nendsolid"
    }
    found["text.off"] = {"a.off": b"OFF\n4 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2\n3 0 2 3\n"}
    found["parts.3mf"] = {"a.3mf": package(model(parts()))}
    return found


def gltf(**changes: Any) -> dict[str, Any]:
    """A document with one square, its data inside, interleaved with a stride."""
    rows = np.zeros(4, dtype=[("place", "<f4", 3), ("uv", "<f4", 2), ("gap", "<u4")])
    rows["place"] = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    rows["uv"] = rows["place"][:, :2]
    data = rows.tobytes() + np.array([0, 1, 2, 0, 2, 3], "<u2").tobytes()
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "extras": {"a": 1}},
        "buffers": [{"byteLength": len(data), "uri": data_uri(data)}],
        "bufferViews": [
            {"buffer": 0, "byteLength": 96, "byteStride": 24},
            {"buffer": 0, "byteOffset": 96, "byteLength": 12},
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 0, "byteOffset": 12, "componentType": 5126, "count": 4, "type": "VEC2"},
            {"bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
        "images": [{"uri": data_uri(png(2, 2), "image/png")}],
        "textures": [{"source": 0}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "meshes": [
            {"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0, "mode": 4}]}
        ],
        "nodes": [{"mesh": 0, "translation": [0, 0, 1], "scale": [1, 1, 1]}],
        "scenes": [{"nodes": [0]}],
        "scene": 0,
    }
    return document | changes


def sparse_gltf() -> dict[str, Any]:
    """The square with one corner moved by a sparse accessor."""
    document = gltf()
    extra = np.array([2, 0], "<u2").tobytes() + np.array([[5, 6, 7]], "<f4").tobytes()
    document["buffers"].append({"byteLength": 16, "uri": data_uri(extra)})
    document["bufferViews"] += [{"buffer": 1, "byteLength": 2}, {"buffer": 1, "byteOffset": 4, "byteLength": 12}]
    document["accessors"][0]["sparse"] = {
        "count": 1,
        "indices": {"bufferView": 2, "componentType": 5123},
        "values": {"bufferView": 3},
    }
    return document


def data_uri(content: bytes, kind: str = "application/octet-stream") -> str:
    return f"data:{kind};base64," + base64.b64encode(content).decode()


def text_ply(faces: str = "3 0 1 2\n4 0 1 2 3\n", count: int = 2) -> bytes:
    return (
        "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {count}\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n{faces}"
    ).encode()


def glb(document: Mapping[str, Any] | bytes, binary: bytes | None = None) -> bytes:
    """A GLB container."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I", len(text)) + b"JSON" + text
    if binary is not None:
        binary += b"\0" * (-len(binary) % 4)
        body += struct.pack("<I", len(binary)) + b"BIN\0" + binary
    return b"glTF" + struct.pack("<II", 2, 12 + len(body)) + body


def png(width: int, height: int) -> bytes:
    """A black picture of 1 bit a pixel: 900 million of them fit into 110 kB."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(b"\0" * (1 + -(-width // 8))) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" '
    'Target="{}" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
)
TRIANGLE = (
    '<mesh><vertices><vertex x="0" y="0" z="0"/><vertex x="1" y="0" z="0"/><vertex x="0" y="1" z="0"/></vertices>'
    '<triangles><triangle v1="0" v2="1" v3="2"/></triangles></mesh>'
)


def parts() -> str:
    """A body of a 3MF model with an object that consists of two moved ones."""
    moved = "1 0 0 0 1 0 0 0 1 {} 0 0"
    return (
        f'<resources><object id="1">{TRIANGLE}</object><object id="2"><components>'
        f'<component objectid="1"/><component objectid="1" transform="{moved.format(5)}"/></components></object>'
        f'</resources><build><item objectid="2" transform="{moved.format(-3)}"/></build>'
    )


def model(body: str, before: str = "") -> bytes:
    """A 3MF model."""
    return (
        f'<?xml version="1.0"?>{before}<model unit="millimeter" '
        f'xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02">{body}</model>'
    ).encode()


def package(content: bytes, target: str = "/3D/a.model", name: str = "3D/a.model") -> bytes:
    """A 3MF package."""
    files = {"[Content_Types].xml": _TYPES.encode(), "_rels/.rels": _RELATIONS.format(target).encode(), name: content}
    return zipped(files)


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


# -- damage ------------------------------------------------------------------------------------------------------------


def damaged(content: bytes, suffix: str, rng: np.random.Generator) -> bytes:
    """The file with something wrong with it; behind check sums and containers too, where chance alone never gets."""
    inner = {".glb": _damaged_glb, ".gltf": _damaged_json, ".3mf": _damaged_zip, ".usdz": _damaged_zip}.get(suffix)
    if inner is not None and rng.random() < 0.75:
        return inner(content, rng)
    return _damaged_bytes(content, rng)


def _damaged_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        if changed:
            _DAMAGES[int(rng.integers(len(_DAMAGES)))](changed, _place(len(changed), rng), rng)
    return bytes(changed)


def _place(length: int, rng: np.random.Generator) -> int:
    """Often near the beginning: headers are there."""
    return int(rng.integers(min(length, 256) if rng.random() < 0.4 else length))


def _flip(data: bytearray, at: int, rng: np.random.Generator) -> None:
    data[at] ^= 1 << int(rng.integers(8))


def _cut(data: bytearray, at: int, rng: np.random.Generator) -> None:
    del data[at:]


def _drop(data: bytearray, at: int, rng: np.random.Generator) -> None:
    del data[at : at + int(rng.integers(1, 40))]


def _splice(data: bytearray, at: int, rng: np.random.Generator) -> None:
    begin = _place(len(data), rng)
    data[at:at] = data[begin : begin + int(rng.integers(1, 200))]


def _integer(data: bytearray, at: int, rng: np.random.Generator) -> None:
    value = int(rng.choice([0, 1, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1]))
    data[at : at + 4] = struct.pack("<I" if rng.random() < 0.8 else ">I", value)


def _real(data: bytearray, at: int, rng: np.random.Generator) -> None:
    value = float(rng.choice([np.nan, np.inf, -np.inf, 3.4e38, -1e-45, 1e30]))
    data[at : at + 4] = struct.pack("<f", value)


def _written_number(data: bytearray, at: int, rng: np.random.Generator) -> None:
    found = _NUMBER.search(data, at) or _NUMBER.search(data)
    if found:
        data[found.start() : found.end()] = ODD_NUMBERS[int(rng.integers(len(ODD_NUMBERS)))].encode()


def _swapped_words(data: bytearray, at: int, rng: np.random.Generator) -> None:
    words = bytes(data).split(b" ")
    if len(words) > 2:
        a, b = (int(k) for k in rng.integers(0, len(words), 2))
        words[a], words[b] = words[b], words[a]
        data[:] = b" ".join(words)


_DAMAGES: tuple[Callable[[bytearray, int, np.random.Generator], None], ...] = (
    _flip, _cut, _drop, _splice, _integer, _real, _written_number, _written_number, _swapped_words,
)  # fmt: skip


def _damaged_glb(content: bytes, rng: np.random.Generator) -> bytes:
    """Another document or other data in a sound container."""
    size = struct.unpack_from("<I", content, 12)[0]
    text, binary = content[20 : 20 + size], content[28 + size :]
    if rng.random() < 0.3:
        return glb(text, _damaged_bytes(binary, rng))
    if rng.random() < 0.3:
        return glb(_damaged_bytes(text, rng), binary)
    document = json.loads(text)
    for _ in range(int(rng.integers(1, 3))):
        exchange(document, rng)
    return glb(document, binary)


def _damaged_json(content: bytes, rng: np.random.Generator) -> bytes:
    """Another document that is JSON all the same."""
    document = json.loads(content)
    for _ in range(int(rng.integers(1, 3))):
        exchange(document, rng)
    return json.dumps(document).encode()


def _damaged_zip(content: bytes, rng: np.random.Generator) -> bytes:
    """Other files in a sound archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = list(files)[int(rng.integers(len(files)))]
    if rng.random() < 0.1:
        files[("../" if rng.random() < 0.5 else "/") + name] = files.pop(name)
    else:
        files[name] = _damaged_bytes(files[name], rng)
    return zipped(files, zipfile.ZIP_STORED if rng.random() < 0.5 else zipfile.ZIP_DEFLATED)


_ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2, 4, 255, 5120, 5126, 2**31, 2**53, 2**64, 1e308, 0.5, float("nan"), float("inf"), "", "a",
    "VEC3", "MAT4", [], {}, [0], [[0]], [-1], [1e38] * 3, "../" + SECRET,
)  # fmt: skip


def exchange(plain: Any, rng: np.random.Generator) -> None:
    """Exchanges or removes one value somewhere in a JSON document."""
    holders: list[tuple[Any, Any]] = []
    waiting = [plain]
    while waiting:
        holder = waiting.pop()
        keys = holder.keys() if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            holders.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    if not holders:
        return
    holder, key = holders[int(rng.integers(len(holders)))]
    if rng.random() < 0.2:
        del holder[key]
    else:
        holder[key] = copy.deepcopy(_ODD_VALUES[int(rng.integers(len(_ODD_VALUES)))])
