"""Brings what a decoder hands out into our one representation: upright sRGB RGBA, 8 bits a channel."""

import io
import math
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_ORIENTATION = 0x0112  # EXIF tag 274
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PROFILE_FAULTS = (OSError, ValueError, TypeError, AttributeError, SyntaxError)


def to_rgba(image: Image.Image, max_side: int) -> Image.Image:
    """The picture as upright sRGB RGBA, its longest side at most `max_side` px. Decodes it.

    Raises what the decoder raises.
    """
    target = _fitting(image.size, max_side)
    if target != image.size:
        image.draft(None, target)  # JPEG alone: decodes at a half, quarter or eighth, never below the target
    image.load()
    turn = _TURNS.get(_orientation(image))
    profile = image.info.get("icc_profile")
    rgba = _smaller(_rgba(image, profile if isinstance(profile, bytes) else b""), target)
    return rgba if turn is None else rgba.transpose(turn)


def _fitting(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Width and height scaled down, never up, so that the longer is at most `max_side`; neither below 1."""
    longest = max(size)
    if longest <= max_side:
        return size
    return max(1, round(size[0] * max_side / longest)), max(1, round(size[1] * max_side / longest))


def _smaller(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    """Scaled with a Lanczos filter after a box filter (`reducing_gap` keeps the speed); alpha premultiplied."""
    if image.size == target:
        return image
    return image.resize(target, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _orientation(image: Image.Image) -> int:
    """EXIF or XMP orientation 1..8; 1 when there is none or it cannot be read."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except (OSError, ValueError, TypeError, LookupError, SyntaxError, struct.error):
        return 1
    return value if isinstance(value, int) else 1


def _rgba(image: Image.Image, profile: bytes) -> Image.Image:
    """In sRGB with alpha, at the decoded size."""
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return _from_deep_grey(image)
    if mode == "LAB":
        return _from_lab(image)
    if mode in ("P", "PA", "RGBa", "La", "LA", "1") or (mode in ("L", "RGB") and "transparency" in image.info):
        image = _with_alpha(image)
    if profile:
        image = _to_srgb(image, profile)
    return image.convert("RGBA")


def _with_alpha(image: Image.Image) -> Image.Image:
    """RGBA out of a palette, grey or one transparent colour."""
    clear = image.info.get("transparency")
    if isinstance(clear, tuple) and max(clear) > 255:
        # A PNG with 16 bits a channel was decoded to 8: so must be its transparent colour.
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    if image.mode == "La":
        image = image.convert("LA")
    return image.convert("RGBA")


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """8-bit grey out of 16-bit, 32-bit or floating-point grey.

    16-bit values map 0..65535 to 0..255 and real numbers 0..1 to 0..255. Values outside those ranges have no
    agreed white: the smallest becomes black and the greatest white.
    """
    values = np.asarray(image)
    top = 1.0 if values.dtype.kind == "f" else 65535.0
    grey = _levels(values, top)
    alpha = np.full_like(grey, 255)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        alpha[values == clear] = 0
    return Image.fromarray(np.dstack([grey, grey, grey, alpha]))


def _levels(values: NDArray[Any], top: float) -> NDArray[np.uint8]:
    """`(h, w)` of any number -> `(h, w) uint8`; see `_from_deep_grey`."""
    real = values.astype(np.float32)
    finite = np.isfinite(real)
    if not finite.all():
        real = np.where(finite, real, real[finite].min() if finite.any() else 0.0)
    low, high = float(real.min()), float(real.max())
    if low >= 0.0 and high <= top:
        low, high = 0.0, top
    span = high - low
    if not math.isfinite(span) or span <= 0.0:
        return np.zeros(real.shape, np.uint8)
    real -= low
    real *= 255.0 / span
    return np.rint(real).astype(np.uint8)


def _from_lab(image: Image.Image) -> Image.Image:
    """sRGB out of CIELAB with a D50 white."""
    from PIL import ImageCms

    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB", 5000), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    rgb = ImageCms.applyTransform(image, transform)
    assert rgb is not None
    return rgb.convert("RGBA")


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Colours as the embedded ICC profile means them; one that is broken or fits another mode is ignored."""
    from PIL import ImageCms

    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    plain = image.convert("RGB") if alpha is not None else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space != {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}.get(plain.mode):
            return image
        if "sRGB" in (source.profile.profile_description or ""):
            return image
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), plain.mode, "RGB")
        converted = ImageCms.applyTransform(plain, transform)
    except (ImageCms.PyCMSError, *_PROFILE_FAULTS):
        return image
    if converted is None:
        return image
    converted = converted.convert("RGBA")
    if alpha is not None:
        converted.putalpha(alpha)
    return converted
