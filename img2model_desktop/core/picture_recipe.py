"""How a made picture was made, inside its PNG file: an international text chunk named `img2model` with JSON in it.

PNG (third edition, 11.3.3): a chunk is its length, four letters, its data and their CRC-32. iTXt data are the keyword,
0, a compression flag and method, a language and a translated keyword, both ended by 0, and text in UTF-8.
"""

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

KEYWORD = b"img2model"
LONGEST = 64_000  # bytes of a recipe that is believed; ours have some hundreds

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = KEYWORD + b"\0\0\0\0\0"  # not compressed, no language, no translated keyword
_IHDR_END = len(_SIGNATURE) + 8 + 13 + 4


def with_recipe(png: bytes, recipe: Mapping[str, Any]) -> bytes:
    """A PNG file with the recipe in it; its pixels stay as they are.

    Args:
        png: a whole file without such a chunk.
        recipe: plain values for JSON.
    """
    data = _HEAD + json.dumps(recipe, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")
    chunk = struct.pack(">I", len(data)) + b"iTXt" + data + struct.pack(">I", zlib.crc32(b"iTXt" + data))
    return png[:_IHDR_END] + chunk + png[_IHDR_END:]


def recipe_in(content: bytes) -> dict[str, Any]:
    """The recipe in the bytes of a picture file; empty where there is none, or none that can be read."""
    for kind, data in _chunks(content):
        if kind == b"iTXt" and data.startswith(_HEAD) and len(data) <= LONGEST:
            try:
                found = json.loads(data[len(_HEAD) :])
            except (ValueError, RecursionError):  # not ours after all: a picture is no reason to fail
                return {}
            return found if isinstance(found, dict) else {}
    return {}


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks before the pixels, as far as they are whole."""
    if not content.startswith(_SIGNATURE):
        return
    at = len(_SIGNATURE)
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        if kind == b"IDAT" or at + 12 + length > len(content):
            return
        if zlib.crc32(kind + data) == struct.unpack_from(">I", content, at + 8 + length)[0]:
            yield kind, data
        at += 12 + length
