"""Reads the text form of USD (Pixar, "usda" file format), as much of it as meshes, places and materials need.

Values stay bytes of the file until somebody asks for them: a layer is mostly arrays of numbers.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.formats.polygons import broken, too_many

BINARY_MARK = b"PXR-USDC"

_MOST_DEPTH = 100
"""Of prims in prims; scenes have a dozen."""

_MOST_PRIMS = 100_000
_BLANK = re.compile(rb"(?:[\s;,]|#[^\n]*)*")
_PRIM = re.compile(rb'(def|over|class)\b\s*([A-Za-z_][\w:]*)?\s*"([^"\n]*)"')
_PROPERTY = re.compile(
    rb"(?:(?:prepend|append|add|delete|reorder)\s+)?(?:(?:custom|uniform|varying|config)\s+)*"
    rb"([A-Za-z_][\w:]*(?:\[\])?)\s+([A-Za-z_][\w:.]*)\s*(=?)"
)
_ENTRY = re.compile(rb'(?:[A-Za-z_][\w:\[\]]*\s+)*("[^"\n]*"|[A-Za-z_][\w:]*)\s*=\s*')
_VARIANTS = re.compile(rb'variantSet\s+"[^"\n]*"\s*=\s*')
_BRACKETS = re.compile(rb"""[\[\](){}"'@#]""")
_WORD = re.compile(rb"[^\s,;()\[\]{}]+")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"' + rb"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ASSET = re.compile(rb"@([^@]*)@")
_PATH = re.compile(rb"<([^>]*)>")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_CLOSES = {b"[": b"]", b"(": b")", b"{": b"}"}


@dataclass(slots=True)
class Prim:
    """A node of the scene: its kind, its own entries, and the nodes below it.

    Args:
        specifier: "def", "over" or "class".
        kind: "Mesh", "Xform", ...; empty where the layer does not say.
        name: without the path before it.
        metadata: the text in parentheses behind the name.
        properties: value by name; a connection ends in ".connect".
        details: text in parentheses behind a property's value, by its name.
    """

    specifier: str
    kind: str
    name: str
    metadata: bytes = b""
    properties: dict[str, bytes] = field(default_factory=dict)
    details: dict[str, bytes] = field(default_factory=dict)
    children: list["Prim"] = field(default_factory=list)

    def walk(self) -> Iterator["Prim"]:
        """This node and all below it."""
        waiting = [self]
        while waiting:
            prim = waiting.pop()
            yield prim
            waiting.extend(reversed(prim.children))

    def find(self, path: str) -> "Prim | None":
        """The node at a path below this one, "a/b"."""
        prim: Prim | None = self
        for name in path.strip("/").split("/"):
            prim = next((child for child in (prim.children if prim else ()) if child.name == name), None)
        return prim


def parse_layer(content: bytes) -> Prim:
    """The layer as a node without name; its metadata is the layer's.

    Raises:
        InputProblem: it is no text layer, or broken, or nested without end.
    """
    root = Prim("def", "", "")
    root.metadata, at = _head(content)
    _Parser(content).body(root, at, 0)
    return root


def layer_metadata(content: bytes) -> bytes:
    """The layer's metadata alone. Raises as `parse_layer`."""
    return _head(content)[0]


def _head(content: bytes) -> tuple[bytes, int]:
    """The layer's metadata, and where its nodes begin."""
    if not content.startswith(b"#usda 1"):
        raise broken("USDZ", "no text layer")
    at = _skip(content, 0)
    if content[at : at + 1] != b"(":
        return b"", at
    end = _end_of_value(content, at)
    return content[at + 1 : end - 1], end


class _Parser:
    """Recursive descent over the nodes of one layer."""

    def __init__(self, content: bytes) -> None:
        self._content, self._count = content, 0

    def body(self, prim: Prim, at: int, depth: int) -> int:
        """Reads entries until the closing brace, or the end of the layer when it is the root; where it ended."""
        content = self._content
        if depth > _MOST_DEPTH:
            raise broken("USDZ", "nested too deeply")
        while True:
            at = _skip(content, at)
            if at >= len(content):
                if depth:
                    raise broken("USDZ", f"“{prim.name[:40]}” does not end")
                return at
            if content[at : at + 1] == b"}" and depth:
                return at + 1
            found = _PRIM.match(content, at)
            if found is not None:
                at = self._prim(prim, found, depth)
            elif (variants := _VARIANTS.match(content, at)) is not None:
                at = _end_of_value(content, variants.end())
            else:
                at = self._property(prim, at)

    def _prim(self, parent: Prim, found: re.Match[bytes], depth: int) -> int:
        content = self._content
        self._count += 1
        if self._count > _MOST_PRIMS:
            raise too_many("nodes", self._count, _MOST_PRIMS)
        specifier, kind, name = (part.decode("utf-8", "replace") if part else "" for part in found.groups())
        prim = Prim(specifier, kind, name)
        at = _skip(content, found.end())
        if content[at : at + 1] == b"(":
            end = _end_of_value(content, at)
            prim.metadata = content[at + 1 : end - 1]
            at = _skip(content, end)
        if content[at : at + 1] != b"{":
            raise broken("USDZ", f"“{name[:40]}” has no body")
        parent.children.append(prim)
        return self.body(prim, at + 1, depth + 1)

    def _property(self, prim: Prim, at: int) -> int:
        content = self._content
        found = _PROPERTY.match(content, at)
        if found is None:
            raise broken("USDZ", content[at : at + 60].decode("utf-8", "replace"))
        name, end = found[2].decode("utf-8", "replace"), found.end()
        if found[3]:
            begin = _skip(content, end)
            end = _end_of_value(content, begin)
            prim.properties[name] = content[begin:end]
        after = _skip(content, end)
        if content[after : after + 1] == b"(":
            end = _end_of_value(content, after)
            prim.details[name] = content[after + 1 : end - 1]
        return end


def _skip(content: bytes, at: int) -> int:
    """Past blanks, separators and comments."""
    found = _BLANK.match(content, at)
    return found.end() if found else at


def _end_of_value(content: bytes, at: int) -> int:
    """Where the value that begins here ends."""
    sign = content[at : at + 1]
    if sign in (b'"', b"'"):
        return _end_of_text(content, at)
    if sign == b"@":
        return _end_of_asset(content, at)
    if sign == b"<":
        end = content.find(b">", at)
        if end < 0:
            raise broken("USDZ", "a path does not end")
        return end + 1
    if sign in _CLOSES:
        return _end_of_brackets(content, at)
    found = _WORD.match(content, at)
    if found is None:
        raise broken("USDZ", "a value is missing")
    return found.end()


def _end_of_brackets(content: bytes, at: int) -> int:
    """Behind the bracket that closes the one here."""
    expected = [_CLOSES[content[at : at + 1]]]
    if content[at : at + 1] == b"[":  # the usual case, and the long one: numbers only
        end = content.find(b"]", at)
        if end > 0 and not any(content.find(sign, at + 1, end) >= 0 for sign in (b"[", b'"', b"'", b"@", b"#")):
            return end + 1
    at += 1
    while expected:
        found = _BRACKETS.search(content, at)
        if found is None:
            raise broken("USDZ", "a bracket is not closed")
        sign, at = found.group(), found.end()
        if sign in b"\"'@#":
            at = _end_of_plain(content, found.start())
        elif sign in _CLOSES:
            expected.append(_CLOSES[sign])
        elif sign != expected.pop():
            raise broken("USDZ", "brackets do not match")
        if len(expected) > _MOST_DEPTH:
            raise broken("USDZ", "nested too deeply")
    return at


def _end_of_plain(content: bytes, at: int) -> int:
    """Behind the text, file name or comment that begins here."""
    match content[at : at + 1]:
        case b"#":
            line = content.find(b"\n", at)
            return len(content) if line < 0 else line
        case b"@":
            return _end_of_asset(content, at)
    return _end_of_text(content, at)


def _end_of_text(content: bytes, at: int) -> int:
    quote = content[at : at + 3]
    if quote in (b'"""', b"'''"):
        end = content.find(quote, at + 3)
        if end < 0:
            raise broken("USDZ", "a text does not end")
        return end + 3
    found = _QUOTED.match(content, at)
    if found is None:
        raise broken("USDZ", "a text does not end")
    return found.end()


def _end_of_asset(content: bytes, at: int) -> int:
    mark = b"@@@" if content.startswith(b"@@@", at) else b"@"
    end = content.find(mark, at + len(mark))
    if end < 0:
        raise broken("USDZ", "a file name does not end")
    return end + len(mark)


# -- values ------------------------------------------------------------------------------------------------------------


def text_value(value: bytes) -> str:
    """A string or token without its quotes; empty where it is none."""
    found = _QUOTED.match(value)
    if found is None:
        return value.decode("utf-8", "replace").strip() if _WORD.fullmatch(value) else ""
    inner = (found[1] if found[1] is not None else found[2]).decode("utf-8", "replace")
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), inner, flags=re.DOTALL)


def texts(value: bytes) -> list[str]:
    """Strings or tokens of an array."""
    return [text_value(found.group()) for found in _QUOTED.finditer(value)]


def asset(value: bytes) -> str:
    """The file that an `@asset@` names; empty where it is none."""
    found = _ASSET.search(value.replace(b"@@@", b"@"))
    return found[1].decode("utf-8", "replace") if found else ""


def path_value(value: bytes) -> str:
    """The `<path>` of a relationship or connection; empty where it is none."""
    found = _PATH.search(value)
    return found[1].decode("utf-8", "replace") if found else ""


def entries(metadata: bytes) -> dict[str, bytes]:
    """The values by name of metadata or of a dictionary without its braces."""
    found: dict[str, bytes] = {}
    at = _skip(metadata, 0)
    while at < len(metadata):
        head = _ENTRY.match(metadata, at)
        if head is None:  # documentation stands without a name
            at = _skip(metadata, _end_of_value(metadata, at))
            continue
        end = _end_of_value(metadata, head.end())
        found[head[1].strip(b'"').decode("utf-8", "replace")] = metadata[head.end() : end]
        at = _skip(metadata, end)
    return found


def numbers(value: bytes, width: int, most: int) -> NDArray[np.float64]:
    """`(n, width) float64`: an array or tuple of numbers or tuples.

    Raises:
        InputProblem: something else stands there, or more than `most` rows.
    """
    count = value.count(b",") + 1
    if count > most * width + width:
        raise too_many("values", count, most * width)
    plain = value.translate(None, b"()[] \t\r\n").rstrip(b",")
    if not plain:
        return np.zeros((0, width))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it cannot read is missing, which is seen below
        found: NDArray[Any] = np.fromstring(plain, dtype=np.float64, sep=",")
    if len(found) != plain.count(b",") + 1 or len(found) % width:
        raise broken("USDZ", f"numbers: {value[:60].decode('utf-8', 'replace')}")
    return found.reshape(-1, width)
