"""The one representation of a picture inside the program."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.errors import InputProblem

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """`(h, w, 4) uint8`, RGBA, sRGB, straight alpha, upright (the orientation tag is applied), read-only.

    Args:
        pixels: `(h, w, 4) uint8`. An array that is already read-only is kept as it is; a writable one is
            copied, so that nobody can change a picture behind its back.

    Raises:
        ValueError: wrong shape or type, or no pixel at all (a bug of the caller, not of the user).
    """

    pixels: Pixels

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 4 or 0 in pixels.shape:
            raise ValueError(f"a picture is (h, w, 4) uint8, not {pixels.shape} {pixels.dtype}")
        if pixels.flags.writeable or not pixels.flags.c_contiguous:
            pixels = np.array(pixels, order="C", copy=True)
            pixels.setflags(write=False)
            object.__setattr__(self, "pixels", pixels)

    @classmethod
    def own(cls, pixels: Pixels) -> "Picture":
        """A picture that takes over a fresh array without copying it; the caller must not keep writing to it."""
        pixels.setflags(write=False)
        return cls(pixels)

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def rgb(self) -> Pixels:
        """`(h, w, 3) uint8` view."""
        return self.pixels[..., :3]

    @property
    def alpha(self) -> Pixels:
        """`(h, w) uint8` view; 255 is opaque."""
        return self.pixels[..., 3]

    @property
    def is_cut_out(self) -> bool:
        """Whether the alpha channel separates anything: at least one pixel is not opaque."""
        return bool((self.alpha < 255).any())

    def require_subject(self) -> None:
        """Raises InputProblem when every pixel is fully transparent."""
        if not (self.alpha > 0).any():
            raise InputProblem(
                "There is nothing in this picture: every pixel is fully transparent.",
                "Choose a picture with a visible subject, or one without an alpha channel.",
            )

    def __reduce__(self) -> tuple[object, ...]:
        return (Picture.own, (self.pixels,))
