"""OFF (Geomview's object file format), text: vertices and polygons; no unit, millimetres are meant."""

import re

import numpy as np

from img2model_desktop.core.formats.polygons import as_float32, broken, indexed, number, text_of, too_many, triangulated
from img2model_desktop.core.mesh import Mesh

_HEAD = re.compile(r"\s*(ST|C|N|4)*OFF", re.IGNORECASE)
_COMMENT = re.compile(r"#[^\n]*")


def decode_off(content: bytes, max_vertices: int) -> Mesh:
    """The mesh in an OFF file; colours are left out. Raises InputProblem."""
    text = _COMMENT.sub("", text_of(content))
    head = _HEAD.match(text)
    if head is None or text[head.end() :].lstrip()[:6].upper() == "BINARY":
        raise broken("OFF", "no OFF at its beginning, or binary")
    lines = [line for line in text[head.end() :].split("\n") if line.strip()]
    try:
        vertex_count, face_count = (int(word) for word in lines[0].split()[:2])
        if vertex_count < 0 or face_count < 0 or vertex_count + face_count > len(lines) - 1:
            raise broken("OFF", f"it announces {vertex_count} vertices and {face_count} faces")
        if max(vertex_count, face_count // 2) > max_vertices:
            raise too_many("vertices", vertex_count, max_vertices)
        places = [number(word) for line in lines[1 : 1 + vertex_count] for word in _three(line)]
        polygons = [line.split() for line in lines[1 + vertex_count : 1 + vertex_count + face_count]]
        counts = np.array([int(words[0]) for words in polygons], dtype=np.int64)
        corners = np.array(
            [int(word) for words, n in zip(polygons, counts, strict=True) for word in words[1 : 1 + max(n, 0)]],
            dtype=np.int64,
        )
    except (ValueError, IndexError, OverflowError) as problem:
        raise broken("OFF", str(problem)[:200]) from None
    if (counts < 0).any() or int(counts.sum()) != len(corners):
        raise broken("OFF", "a face has fewer corners than it announces")
    return indexed(as_float32(places, 3), triangulated(counts, corners), "OFF")


def _three(line: str) -> list[str]:
    words = line.split()[:3]
    if len(words) < 3:
        raise ValueError(f"a vertex with {len(words)} coordinates")
    return words
