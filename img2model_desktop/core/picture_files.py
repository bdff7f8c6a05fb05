"""Reads every picture file that people bring, and writes ours whole or not at all.

A file's content decides its format, never its name. Bytes are limited before reading and pixels before
decoding; a format is decoded only by the one reader that its first bytes ask for, so no other reader ever
sees the file. What comes out is always a `Picture` or one `InputProblem` with what to do about it.
"""

import importlib
import io
import logging
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from img2model_desktop.core.atomic import write_file
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_kinds import FOREIGN, READABLE_SUFFIXES, Kind, kind_of
from img2model_desktop.core.picture_modes import to_rgba
from img2model_desktop.errors import InputProblem

__all__ = ["READABLE_SUFFIXES", "Limits", "decode_picture", "encode_png", "read_picture", "write_png"]

PNG_LEVEL = 1  # of zlib: a 1024-pixel texture is packed in 30 ms instead of 300 ms and is about a tenth larger
LONGEST_NAME = 60  # characters of a file name that a sentence can carry

# Whatever a decoder may raise on a damaged file. Decoders are not consistent: a broken header can end in any
# of these, and none of them is worth a crash. A bug of our own in the same call would be seen in the details.
_DECODER_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

# Decoders also complain in the log; without a handler of its own that would end up on the command line's stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())

# One picture is decoded at a time: it bounds the memory, and the filter of warnings belongs to the whole process.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Limits:
    """What is accepted, and how large a picture becomes in the program.

    Args:
        max_bytes: of the file.
        max_pixels: width times height before decoding. The default covers a 61 megapixel camera; at four
            bytes a pixel a picture of that size costs about 250 MB for a moment.
        max_side: longest side of the picture that comes out, px; a larger one is scaled down.
    """

    max_bytes: int = 50_000_000
    max_pixels: int = 64_000_000
    max_side: int = 4096


def read_picture(path: str | Path, limits: Limits = Limits()) -> Picture:
    """The picture in a file.

    Raises:
        InputProblem: missing, a folder, not readable, too large, not a picture, damaged.
    """
    path = Path(path)
    name = shown_name(path)
    try:
        if path.is_dir():
            raise InputProblem(f"“{name}” is a folder.", "Choose the picture file inside it.")
        if not path.exists():
            raise InputProblem(f"“{name}” is not there.", "Check the path, or choose the picture again.")
        if not path.is_file():
            raise InputProblem(f"“{name}” is a device, not a file.", "Choose a picture file.")
        if path.stat().st_size > limits.max_bytes:
            raise _too_heavy(name, path.stat().st_size, limits)
        with path.open("rb") as file:
            data = file.read(limits.max_bytes + 1)
    except PermissionError as error:
        raise InputProblem(
            f"“{name}” may not be read.", "Change the file's permissions, or copy it into your own folder.", str(error)
        ) from None
    except OSError as error:
        raise InputProblem(
            f"“{name}” cannot be opened.", "Check the path, or copy the file to this machine first.", str(error)
        ) from None
    return decode_picture(data, name, limits)


def decode_picture(data: bytes, name: str, limits: Limits = Limits()) -> Picture:
    """The picture in the bytes of a file, upright, in sRGB, its first frame when it is animated.

    Args:
        data: the whole file.
        name: of the file, for the message.
        limits: what is accepted.

    Raises:
        InputProblem: too large, not a picture, damaged.
    """
    if not data:
        raise InputProblem(f"“{name}” is empty.", "Save or download the picture again.")
    if len(data) > limits.max_bytes:
        raise _too_heavy(name, len(data), limits)
    kind = kind_of(data, name)
    if kind is None or kind.reader is None:
        raise _not_readable(name, kind)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with _opened(data, kind) as image:
                _check_size(image.size, name, limits)
                return Picture(np.asarray(to_rgba(image, limits.max_side)))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise InputProblem(
                f"“{name}” claims to have more pixels than this program accepts.",
                f"Scale it down to at most {limits.max_pixels / 1e6:.0f} megapixels.",
                str(error),
            ) from None
        except _DECODER_FAULTS as error:
            raise InputProblem(
                f"“{name}” is damaged or incomplete and cannot be read as {kind.title}.",
                "Save or download it again, or convert it to PNG.",
                f"{type(error).__name__}: {error}",
            ) from None


def encode_png(picture: Picture) -> bytes:
    """The picture as a PNG file; an opaque one without alpha channel. Reading it back gives the same pixels."""
    import cv2  # 0.1 s to import; reading pictures does not need it

    order = cv2.COLOR_RGBA2BGRA if picture.is_cut_out else cv2.COLOR_RGBA2BGR
    packed, content = cv2.imencode(
        ".png", cv2.cvtColor(picture.pixels, order), [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL]
    )
    if not packed:
        raise ValueError(f"a picture of {picture.width} x {picture.height} pixels cannot be packed")
    return content.tobytes()


def write_png(picture: Picture, path: str | Path) -> None:
    """Writes a PNG file, whole or not at all.

    Raises:
        SetupProblem: the folder is missing or not writable, or the disk is full; what was there before still is.
    """
    write_file(Path(path), encode_png(picture))


def shown_name(path: str | Path) -> str:
    """The file's name as a sentence can carry it: printable, and shortened in the middle."""
    path = Path(path)
    name = (path.name or str(path)).encode("utf-8", "replace").decode("utf-8")
    name = "".join(letter if letter.isprintable() else "?" for letter in name)
    if len(name) <= LONGEST_NAME:
        return name
    half = (LONGEST_NAME - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


@contextmanager
def _opened(data: bytes, kind: Kind) -> Iterator[Image.Image]:
    """The file with only its header read, where the format allows that."""
    assert kind.reader is not None
    if kind.reader == "HEIF":
        heif = importlib.import_module("pillow_heif")
        with heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True).to_pillow() as image:
            yield image
        return
    # Loading the one plugin by its name keeps Pillow from loading all forty of them.
    importlib.import_module(f"PIL.{kind.plugin}")
    with Image.open(io.BytesIO(data), formats=[kind.reader]) as image:
        yield image


def _check_size(size: tuple[int, int], name: str, limits: Limits) -> None:
    """Raises InputProblem for more pixels than the limit."""
    width, height = size
    if width * height > limits.max_pixels:
        raise InputProblem(
            f"“{name}” has {width} × {height} pixels, more than this program accepts.",
            f"Scale it down to at most {limits.max_pixels / 1e6:.0f} megapixels.",
        )


def _too_heavy(name: str, size: int, limits: Limits) -> InputProblem:
    return InputProblem(
        f"“{name}” has {size / 1e6:.0f} MB, more than this program accepts.",
        f"Save it smaller: at most {limits.max_bytes / 1e6:.0f} MB, as JPEG or scaled down.",
    )


def _not_readable(name: str, kind: Kind | None) -> InputProblem:
    if kind is None:
        return InputProblem(f"“{name}” is not a picture that this program knows.", "Save it as PNG, JPEG or WebP.")
    return InputProblem(f"“{name}” is {kind.title}.", FOREIGN[kind.title])
