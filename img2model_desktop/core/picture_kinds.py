"""Tells from a file's first bytes what it is, and what to do about a kind that is not read."""

import importlib.util
import re
from dataclasses import dataclass

_HEAD = 4096  # bytes looked at


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Args:
        title: with its article, so that "it is {title}" and "read as {title}" are English.
        reader: Pillow's name of the format, or None when it is not read.
        plugin: Pillow's module that reads it.
    """

    title: str
    reader: str | None = None
    plugin: str = ""


_PNG = Kind("a PNG picture", "PNG", "PngImagePlugin")
_JPEG = Kind("a JPEG picture", "JPEG", "JpegImagePlugin")
_WEBP = Kind("a WebP picture", "WEBP", "WebPImagePlugin")
_GIF = Kind("a GIF picture", "GIF", "GifImagePlugin")
_BMP = Kind("a BMP picture", "BMP", "BmpImagePlugin")
_TIFF = Kind("a TIFF picture", "TIFF", "TiffImagePlugin")
_AVIF = Kind("an AVIF picture", "AVIF", "AvifImagePlugin")
_ICO = Kind("an icon", "ICO", "IcoImagePlugin")
_TGA = Kind("a TGA picture", "TGA", "TgaImagePlugin")
_PPM = Kind("a PPM picture", "PPM", "PpmImagePlugin")
_PSD = Kind("a Photoshop document", "PSD", "PsdImagePlugin")
_HEIF_READ = Kind("a HEIC photo", "HEIF")

_HEIC = Kind("a HEIC photo, which this program cannot read here")
_SVG = Kind("an SVG drawing, which has no pixels")
_PDF = Kind("a PDF document")
_EPS = Kind("a PostScript drawing")
_JP2 = Kind("a JPEG 2000 picture, which this program does not read")
_JXL = Kind("a JPEG XL picture, which this program does not read")
_WEB = Kind("a web page, not the picture on it")
_OFFICE = Kind("a document or an archive, not a picture")
_FILM = Kind("a film, not a picture")
_MESH = Kind("a 3D mesh already")
_HDR = Kind("a high dynamic range picture, which this program does not read")

_AS_PNG = "Open it in the program that made it and export a PNG."

FOREIGN: dict[str, str] = {
    _HEIC.title: "Save it as JPEG on the phone or in a photo program, or install the Python package pillow-heif.",
    _SVG.title: "Open it in a browser or drawing program and export a PNG, about 1000 pixels wide.",
    _PDF.title: "Export the page with the picture as PNG.",
    _EPS.title: _AS_PNG,
    _JP2.title: _AS_PNG,
    _JXL.title: _AS_PNG,
    _WEB.title: "Open it in the browser, then save the picture itself.",
    _OFFICE.title: "Take the picture out of it and save it as PNG or JPEG.",
    _FILM.title: "Save one frame of it as PNG.",
    _MESH.title: "Choose the picture that the mesh is to be made from.",
    _HDR.title: "Save it as PNG, with 16 bits a channel if you need them.",
}
"""What to do about each kind that is not read, by its title."""

_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", _PNG),
    (b"\xff\xd8\xff", _JPEG),
    (b"GIF87a", _GIF),
    (b"GIF89a", _GIF),
    (b"BM", _BMP),
    (b"II*\0", _TIFF),
    (b"MM\0*", _TIFF),
    (b"II+\0", _TIFF),
    (b"MM\0+", _TIFF),
    (b"8BPS", _PSD),
    (b"\0\0\1\0", _ICO),
    (b"%PDF", _PDF),
    (b"%!PS", _EPS),
    (b"\xc5\xd0\xd3\xc6", _EPS),
    (b"\0\0\0\x0cjP  ", _JP2),
    (b"\xff\x4f\xff\x51", _JP2),
    (b"\0\0\0\x0cJXL ", _JXL),
    (b"\xff\x0a", _JXL),
    (b"PK\x03\x04", _OFFICE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OFFICE),
    (b"\x1f\x8b", _OFFICE),
    (b"7z\xbc\xaf", _OFFICE),
    (b"glTF", _MESH),
    (b"ply\n", _MESH),
    (b"\x1aE\xdf\xa3", _FILM),
    (b"\x76\x2f\x31\x01", _HDR),
    (b"#?RADIANCE", _HDR),
    (b"#?RGBE", _HDR),
)

_PPM_START = re.compile(rb"P(?:[1-6]|[fF]|y)[\s#]")
_WEB_START = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)", re.IGNORECASE | re.DOTALL)
_SVG_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*<.*<svg[\s>]|(?:\xef\xbb\xbf)?\s*<svg[\s>]", re.IGNORECASE | re.DOTALL)

READABLE_SUFFIXES: tuple[str, ...] = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif",
    ".avifs", ".ico", ".tga", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".psd",
)  # fmt: skip
"""Of files that are read, for file dialogs; reading itself goes by the content."""


def kind_of(data: bytes, name: str) -> Kind | None:
    """What the file is by its first bytes, or None.

    Args:
        data: the file, or its first few kilobytes.
        name: of the file; asked only for TGA, the one format without a mark of its own.
    """
    head = data[:_HEAD]
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _WEBP if head[8:12] == b"WEBP" else _FILM
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if _PPM_START.match(head):
        return _PPM
    if _WEB_START.match(head):
        return _WEB
    if _SVG_START.match(head):
        return _SVG
    return _TGA if _may_be_tga(head, name) else None


def _by_brand(head: bytes) -> Kind:
    """ISO base media files (ISO/IEC 14496-12) name what they hold in their first box."""
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[i : i + 4] for i in range(16, length - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return _AVIF
    if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
        return _HEIF_READ if importlib.util.find_spec("pillow_heif") else _HEIC
    return _FILM


def _may_be_tga(head: bytes, name: str) -> bool:
    """Whether the header makes sense as Truevision TGA: its bytes 1, 2 and 16 have few values."""
    return (
        name.lower().endswith((".tga", ".icb", ".vda", ".vst"))
        and len(head) >= 18
        and head[1] in (0, 1)
        and head[2] in (1, 2, 3, 9, 10, 11)
        and head[16] in (1, 8, 15, 16, 24, 32)
    )
