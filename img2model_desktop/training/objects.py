"""Training objects: small meshes with a colour per vertex, read from shards and prepared for rendering."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CREASE_DEG = 50.0
HELD_OUT_PERCENT = 6


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """One object to render. Right-handed, y up, the front usually +z.

    Args:
        name: stable identifier.
        vertices: `(n, 3) float32`; longest side 1, bounding box centred at the origin.
        faces: `(m, 3) int64`; both sides are visible.
        colours: `(n, 3) uint8` sRGB base colour.
        normals: `(m, 3, 3) float32`, one per corner, smooth up to the crease angle.
        weight: how often it should be drawn, relative to the others.
    """

    name: str
    vertices: NDArray[np.float32]
    faces: NDArray[np.int64]
    colours: NDArray[np.uint8]
    normals: NDArray[np.float32]
    weight: float = 1.0


def prepared(
    name: str, vertices: NDArray[Any], faces: NDArray[Any], colours: NDArray[np.uint8], weight: float = 1.0
) -> Solid:
    """A solid from raw arrays: centred, scaled to longest side 1, degenerate faces dropped, normals made."""
    points = np.asarray(vertices, np.float64)
    low, high = points.min(0), points.max(0)
    points = (points - (low + high) / 2) / max(float((high - low).max()), 1e-9)
    corners = points[np.asarray(faces, np.int64)]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    kept = np.asarray(faces, np.int64)[area > 1e-10]
    normals = corner_normals(points, kept)
    return Solid(name, points.astype(np.float32), kept, np.asarray(colours, np.uint8), normals, weight)


def corner_normals(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], crease_deg: float = CREASE_DEG
) -> NDArray[np.float32]:
    """`(m, 3, 3) float32` unit normals per corner.

    Each corner takes the area-weighted mean over the faces at the same position whose normals lie within
    `crease_deg` of its own; faces wound the other way round are turned over first.
    """
    corners = vertices[faces]
    raw = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True).clip(1e-12)
    _, weld = np.unique(np.round(vertices * 1e5).astype(np.int64), axis=0, return_inverse=True)
    place = weld.reshape(-1)[faces].reshape(-1)
    order = np.argsort(place, kind="stable")
    _, begin, count = np.unique(place[order], return_index=True, return_counts=True)
    size = np.repeat(count, count)  # of the group of each corner, in sorted order
    first = np.repeat(begin, count)
    here = np.repeat(np.arange(len(order)), size)
    there = np.repeat(first, size) + np.arange(len(here)) - np.repeat(np.cumsum(size) - size, size)
    a, b = order[here] // 3, order[there] // 3
    cosine = (unit[a] * unit[b]).sum(1)
    close = np.abs(cosine) > np.cos(np.radians(crease_deg))
    pull = raw[b] * (np.sign(cosine) * close)[:, None]
    total = np.stack([np.bincount(order[here], pull[:, k], len(order)) for k in range(3)], axis=1)
    length = np.linalg.norm(total, axis=1, keepdims=True).clip(1e-12)
    return np.asarray((total / length).reshape(-1, 3, 3), np.float32)


def is_held_out(name: str) -> bool:
    """Whether an object belongs to the validation split; decided by its name alone, so it never changes."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 100 < HELD_OUT_PERCENT


def read_objects(folder: Path, held_out: bool) -> list[Solid]:
    """The objects of a folder of shards and a `manifest.json` that are kept for validation, or the others, in order.

    The rarer a category, the more often one of its objects is drawn: the weight is the category's size to the
    power of -1/2.

    Raises:
        FileNotFoundError: no manifest or shard there.
    """
    entries = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    entries = entries["objects"] if isinstance(entries, dict) else entries
    category = Counter(entry["category"] for entry in entries)
    shards: dict[str, dict[str, NDArray[Any]]] = {}
    solids = []
    for entry in entries:
        if is_held_out(str(entry["id"])) != held_out:
            continue
        name = str(entry["shard"])
        if name not in shards:
            with np.load(folder / name) as file:
                shards[name] = dict(file)
        weight = float(category[entry["category"]]) ** -0.5
        solids.append(_from_shard(shards[name], int(entry["index"]), str(entry["id"]), weight))
    return solids


def _from_shard(shard: dict[str, NDArray[Any]], k: int, name: str, weight: float) -> Solid:
    a, b = shard["vertex_offset"][k : k + 2]
    c, d = shard["face_offset"][k : k + 2]
    vertices = shard["low"][k] + shard["vertices"][a:b] / 65535.0 * shard["size"][k]
    return prepared(name, vertices, shard["faces"][c:d].astype(np.int64), shard["colours"][a:b], weight)


def data_hash(folder: Path) -> str:
    """SHA-256 over the shards, in order of name: which data a file of weights was trained on."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("objects_*.npz")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
