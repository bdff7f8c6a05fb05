"""Zip archives whose bytes depend on nothing but what is put in."""

import io
import zipfile
from collections.abc import Mapping

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
