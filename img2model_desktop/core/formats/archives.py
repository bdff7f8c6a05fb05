"""Zip archives: written so that their bytes depend on nothing but what is put in, read without trust."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from img2model_desktop.core.formats.polygons import broken, too_many

FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    KeyError,
    ValueError,  # a directory that begins before the file does
)
"""What `zipfile` raises for archives that are broken, locked or of an unknown kind."""

_MOST_ENTRIES = 20_000
_DIRECTORY_MARK = b"PK\x01\x02"

_LOCAL_HEADER_BYTES = 30
_EXTRA_HEAD_BYTES = 4
_PADDING_ID = 0x1986
"""Of an extra field that is only there to fill; readers pass over fields that they do not know."""

_MODE = 0o644 << 16
_UNIX = 3


def packed(files: Mapping[str, bytes], level: int) -> bytes:
    """A zip archive of files in their order, deflated; all are dated 1980-01-01, the oldest date that zip has."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            is_packed = name.endswith(".png")
            info = _entry(name, zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED)
            archive.writestr(info, content, compresslevel=None if is_packed else level)
    return out.getvalue()


def stored(files: Mapping[str, bytes], align: int) -> bytes:
    """A zip archive of files in their order, as they are, the bytes of each beginning at a multiple of `align`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            info = _entry(name, zipfile.ZIP_STORED)
            begin = out.tell() + _LOCAL_HEADER_BYTES + len(name.encode())
            gap = -(begin + _EXTRA_HEAD_BYTES) % align
            info.extra = _PADDING_ID.to_bytes(2, "little") + gap.to_bytes(2, "little") + bytes(gap)
            archive.writestr(info, content)
    return out.getvalue()


def _entry(name: str, method: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = method
    info.create_system = _UNIX  # the same on every system
    info.external_attr = _MODE
    return info


# -- reading -----------------------------------------------------------------------------------------------------------


class Package:
    """The files of an archive; nothing is ever unpacked to the disk, so their names can lead nowhere.

    Args:
        archive: opened.
        kind: how the user calls such a file, for complaints.
        max_bytes: that may be unpacked in all.
    """

    def __init__(self, archive: zipfile.ZipFile, kind: str, max_bytes: int) -> None:
        self._archive, self._kind, self._left, self._most = archive, kind, max_bytes, max_bytes
        self._entries = {info.filename.lstrip("/"): info for info in reversed(archive.infolist())}
        self._folded = {name.lower(): name for name in self._entries}

    @property
    def names(self) -> tuple[str, ...]:
        """Of all files, the first one first."""
        return tuple(reversed(self._entries))

    def __contains__(self, name: str) -> bool:
        return self._key(name) is not None

    def open(self, name: str) -> IO[bytes]:
        """A file, unpacked while it is read; names are compared as OPC does it, without regard to case.

        Raises:
            InputProblem: it is not there, or all that was opened is more than allowed.
        """
        key = self._key(name)
        if key is None:
            raise broken(self._kind, f"no part “{name[-60:]}”")
        info = self._entries[key]
        self._left -= info.file_size  # no more than this is ever unpacked
        if self._left < 0:
            raise too_many("bytes when unpacked", self._most - self._left, self._most)
        return self._archive.open(info)

    def read(self, name: str) -> bytes:
        """The bytes of a file. Raises as `open`."""
        with self.open(name) as stream:
            return stream.read()

    def _key(self, name: str) -> str | None:
        name = name.lstrip("/")
        return name if name in self._entries else self._folded.get(name.lower())


@contextmanager
def opened(content: bytes, kind: str, max_bytes: int) -> Iterator[Package]:
    """The archive with this content. Raises InputProblem, also for what goes wrong inside the block with it."""
    count = content.count(_DIRECTORY_MARK)
    if count > _MOST_ENTRIES:
        raise too_many("files inside", count, _MOST_ENTRIES)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield Package(archive, kind, max_bytes)
    except FAULTS as problem:
        raise broken(kind, repr(problem)[:200]) from None
