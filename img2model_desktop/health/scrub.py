"""Takes the user's names out of texts: people, machines, folders, files, titles, prompts.

Two nets behind each other: what is known to be a name (from the history, the system and the environment) goes
wherever it stands, also written in another way; and what has the form of a path, a file name, a quotation or an
address goes whether it is known or not.
"""

import contextlib
import getpass
import json
import os
import platform
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

LEAST = 3  # shorter names would take half of every text with them
WHOLE_WORD_BELOW = 6

_NAME = "\1"  # stands for a name while the text is worked on: a letter like others to the forms

_PLAIN_FOLDERS = frozenset(
    (
        *("home", "users", "usr", "tmp", "var", "data", "logs", "jobs", "mnt", "media", "opt", "srv", "local", "share"),
        *("documents", "pictures", "desktop", "downloads", "appdata", "roaming", "library", "private", "volumes"),
        *("img2model", "image2model", "image2model desktop", "application support", "root", "weights"),
    )
)
_VARIABLES = (
    *("USER", "LOGNAME", "USERNAME", "SUDO_USER", "NAME", "HOSTNAME", "COMPUTERNAME", "USERDOMAIN", "USERDNSDOMAIN"),
    *("LOGONSERVER", "HOME", "USERPROFILE", "HOMEPATH", "IMG2MODEL_HOME"),
)
_PLAIN_BYTES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~"
_SUFFIXES = (
    "png|jpe?g|jfif|webp|bmp|tiff?|gif|heic|heif|avif|psd|svg|exr|hdr|glb|gltf|stl|obj|mtl|ply|3mf|usd[acz]?|fbx|dae|zip|"
    "safetensors|ckpt|csv|html?|txt|blend"
)
_IN_TRACE = re.compile(r'File "([^"\n]+)"')
_FORMS = (
    (re.compile(r"“[^”\n]*”"), "“…”"),
    (re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"), "<address>"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), "<address>"),
    (re.compile(r"\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b", re.IGNORECASE), "<address>"),
    (re.compile(r"\bfile:/+[^\s\"'<>]+", re.IGNORECASE), "<path>"),
    (re.compile(r"\"(?:[A-Za-z]:)?[\\/][^\"\n]*\"|'(?:[A-Za-z]:)?[\\/][^'\n]*'"), "<path>"),
    (re.compile(r"(?<![\w<])(?:[A-Za-z]:[\\/]|\\\\|~?/(?=[\w.]))[^\s\"'<>|,;)]*"), "<path>"),
    (re.compile(r"[^\s\"'<>|]*\\[^\s\"'<>|]*"), "<path>"),
    (re.compile(rf"[^\s\"'“”<>|/\\:=(]+\.(?:{_SUFFIXES})\b", re.IGNORECASE), "<file>"),
)


class Scrubber:
    """Takes names out of texts.

    Args:
        names: what is known to be the user's: names, titles, prompts, paths. Of paths each part counts.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(part for name in names for part in _parts(name))
        ways = {way for name in self.names for way in _ways(name)}
        # the longest first, each with a word of it that is quick to look for: there may be ten thousand names
        ordered = sorted(ways, key=lambda way: (-len(way), way))
        self._ways = [(max(way.lower().split(), key=len, default=""), way) for way in ordered]

    def clean(self, text: str) -> str:
        """The text without names; where files of the program or of libraries are named, they stay."""
        text = unicodedata.normalize("NFC", text).replace(_NAME, "")
        kept: list[str] = []

        def keep(found: re.Match[str]) -> str:
            kept.append(_in_program(found[1]))
            return f"\0{len(kept) - 1}\0"

        text = _IN_TRACE.sub(keep, text)
        lowered = text.lower()
        known = [_pattern(way) for word, way in self._ways if word in lowered]
        if known:  # first: a form may end in the middle of a name with spaces
            text = re.sub("|".join(known), _NAME, text, flags=re.IGNORECASE)
        for form, stand_in in _FORMS:
            text = form.sub(stand_in, text)
        text = text.replace(_NAME, "<name>")
        return re.sub(r"\0(\d+)\0", lambda found: f'File "{kept[int(found[1])]}"', text)


def system_names() -> Iterator[str]:
    """What the system and the environment know of the user and the machine."""
    yield platform.node()
    yield platform.node().partition(".")[0]
    with contextlib.suppress(OSError, KeyError, ImportError):
        yield getpass.getuser()
    with contextlib.suppress(RuntimeError):
        yield str(Path.home())
    with contextlib.suppress(ImportError, KeyError, AttributeError):
        import pwd

        yield pwd.getpwuid(os.getuid()).pw_gecos.split(",")[0]
    for variable in _VARIABLES:
        yield os.environ.get(variable, "")


def _parts(name: str) -> Iterator[str]:
    """A name itself; of a path its parts and its stem, too."""
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    found = {name}
    if "/" in name or "\\" in name:
        flavour = PureWindowsPath if "\\" in name else PurePosixPath
        found |= {part.strip("\\/") for part in flavour(name).parts}
        found.add(flavour(name).stem)
    elif re.search(rf"\.(?:{_SUFFIXES})$", name, re.IGNORECASE):
        found.add(PurePosixPath(name).stem)
    found |= {part.rstrip("…").rstrip() for part in found if part.endswith("…")}  # a title that was cut
    yield from (part for part in found if len(part) >= LEAST and part.lower() not in _PLAIN_FOLDERS)


def _ways(name: str) -> Iterator[str]:
    """The ways in which a name may be written."""
    yield name
    yield unicodedata.normalize("NFD", name)
    yield _percent(name, _PLAIN_BYTES + b"/")
    yield _percent(name, _PLAIN_BYTES)
    yield json.dumps(name)[1:-1]
    yield repr(name)[1:-1]
    yield name.encode("unicode_escape").decode("ascii")
    yield name.replace(" ", "_")
    yield name.replace(" ", "-")
    yield name.encode("utf-8").decode("latin-1")  # as a system shows it that takes one for the other


def _percent(name: str, plain: bytes) -> str:
    """As in addresses of the web, all bytes but the plain ones with a percent sign (RFC 3986)."""
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in name.encode("utf-8", "replace"))


def _pattern(way: str) -> str:
    escaped = r"\s+".join(re.escape(word) for word in way.split(" "))
    if len(way) < WHOLE_WORD_BELOW:
        return rf"(?<![^\W_]){escaped}(?![^\W_])"
    return escaped


def _in_program(path: str) -> str:
    """Where a file of the program or of a library lies in it; anything else is no one's business."""
    plain = path.replace("\\", "/")
    for root in ("/site-packages/", "/dist-packages/"):
        if root in plain:
            return plain.rpartition(root)[2]
    if "/img2model_desktop/" in plain:
        return "img2model_desktop/" + plain.rpartition("/img2model_desktop/")[2]
    standard = re.search(r"/python3\.\d+/(.+\.py)$", plain, re.IGNORECASE)
    if standard:
        return standard[1]
    return path if path.startswith("<") else "<path>"
