"""A mesh that turns once around, as a moving picture that can be shared: GIF, WebP, APNG or MP4."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.preview import PreviewBuffers, prepare
from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import InputProblem, SetupProblem
from img2model_desktop.render.look import Ground, Shading
from img2model_desktop.render.offscreen import Photograph, Renderer, turntable_frames

SUFFIXES = (".gif", ".webp", ".png", ".mp4")
"""What can be made; .png is an animated PNG."""

FRAME_MS = 40
"""Of each frame, in every format: a GIF counts in hundredths of a second, and several viewers slow down what is shorter
than two of them."""

SECONDS = (0.5, 60.0)
SIZES_PX = (32, 2048)
MOST_PIXELS = 150_000_000
"""Of all frames together; Pillow's writers of WebP and APNG hold them all, at 4 bytes each."""

GIF_COLOURS = 255  # and one that is transparent
SAMPLED_FRAMES, SAMPLED_PX = 12, 96  # for the palette of a GIF
WEBP_QUALITY = 85
_OPAQUE_FROM = 128  # alpha of what a GIF shows
_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16.0 - 15 / 32
"""Ordered dither (Bayer 1973), -0.47..0.47. Unlike error diffusion it is the same in each frame, so that what stands
still does not flicker."""


def turntable(
    mesh: Mesh | PreviewBuffers,
    suffix: str,
    seconds: float = 4.0,
    size_px: int = 512,
    shading: Shading = Shading.LIT,
    ground: Ground | None = None,
    progress: Progress | None = None,
) -> bytes:
    """The file of one whole turn at constant speed, which begins anew without a jump.

    Args:
        mesh: valid, or its prepared buffers.
        suffix: one of `SUFFIXES`.
        seconds: of a turn.
        size_px: of each side.
        shading: how the surface is shown.
        ground: what is behind it; None leaves it transparent, in MP4 white.
        progress: token.

    Raises:
        InputProblem: unknown suffix, a length or size that is none.
        SetupProblem: OpenGL is not available; MP4 without the package that writes it.
        Cancelled: from `progress`.
    """
    write = _writer(suffix.lower())
    count = _frame_count(seconds, size_px)
    progress = progress or Progress()
    buffers = mesh if isinstance(mesh, PreviewBuffers) else prepare(mesh, progress.part(0.0, 0.1))
    with Renderer() as renderer:

        def frames(px: int, number: int, part: Progress) -> Iterator[Picture]:
            return turntable_frames(buffers, Photograph(px, px, shading, ground), number, renderer, part)

        palette = None
        if suffix.lower() == ".gif":
            palette = _palette(frames(SAMPLED_PX, SAMPLED_FRAMES, progress.part(0.1, 0.15)))
        drawn = frames(size_px, count, progress.part(0.15, 0.9))
        content = write(drawn, palette)
    progress.update(1.0)
    return content


def _frame_count(seconds: float, size_px: int) -> int:
    """How many frames a turn has. Raises InputProblem."""
    if not SECONDS[0] <= seconds <= SECONDS[1]:
        raise InputProblem(f"A turn of {seconds:g} seconds cannot be made.", "Choose {:g} to {:g} s.".format(*SECONDS))
    if not SIZES_PX[0] <= size_px <= SIZES_PX[1]:
        raise InputProblem(f"A picture of {size_px} pixels cannot be made.", "Choose {} to {}.".format(*SIZES_PX))
    count = round(seconds * 1000 / FRAME_MS)
    if count * size_px * size_px > MOST_PIXELS:
        raise InputProblem(
            f"A turn of {seconds:g} s with {size_px} pixels has too many frames for this program.",
            "Choose a smaller picture or a shorter turn.",
        )
    return count


def _writer(suffix: str) -> Callable[[Iterator[Picture], Image.Image | None], bytes]:
    """What makes the file of a format. Raises InputProblem, SetupProblem."""
    if suffix == ".gif":
        return _gif
    if suffix == ".webp":
        return lambda frames, _: _animated(frames, "WEBP", quality=WEBP_QUALITY, method=4)
    if suffix == ".png":
        return lambda frames, _: _animated(frames, "PNG", disposal=0, blend=0)
    if suffix == ".mp4":
        encoder = _encoder()
        return lambda frames, _: _mp4(frames, encoder)
    raise InputProblem(
        f"“{suffix}” is not a format for a turntable." if suffix else "The file name has no suffix.",
        f"End it in one of {', '.join(SUFFIXES)}.",
    )


def _animated(frames: Iterator[Picture], name: str, **options: Any) -> bytes:
    """A file that Pillow writes from RGBA frames."""
    first, *others = (Image.fromarray(np.asarray(frame.pixels)) for frame in frames)
    out = io.BytesIO()
    first.save(out, name, save_all=True, append_images=others, duration=FRAME_MS, loop=0, **options)
    return out.getvalue()


# -- GIF ---------------------------------------------------------------------------------------------------------------


def _palette(frames: Iterator[Picture]) -> Image.Image:
    """An image with the colours that serve all frames best: one palette for all keeps colours from flickering."""
    shown = np.concatenate([frame.rgb[frame.alpha >= _OPAQUE_FROM] for frame in frames])
    if not len(shown):
        shown = np.zeros((1, 3), dtype=np.uint8)
    row = Image.fromarray(np.ascontiguousarray(shown[None]))
    return row.quantize(GIF_COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=3)


def _gif(frames: Iterator[Picture], palette: Image.Image | None) -> bytes:
    assert palette is not None
    colours = np.array(palette.getpalette(), dtype=np.float64).reshape(-1, 3)
    spread = _spacing(colours)
    first = next(frames)
    images = (_indexed(frame, palette, len(colours), spread) for frame in frames)
    out = io.BytesIO()
    _indexed(first, palette, len(colours), spread).save(
        out,
        "GIF",
        save_all=True,
        append_images=images,
        duration=FRAME_MS,
        loop=0,
        disposal=2 if first.is_cut_out else 1,  # a frame that hides all of the last one may store what changed
        transparency=len(colours),
        optimize=False,
    )
    return out.getvalue()


def _spacing(colours: NDArray[np.float64]) -> float:
    """How far a colour of the palette is from the next one in one channel, 0..32: what dither has to bridge."""
    if len(colours) < 2:
        return 0.0
    apart = np.abs(colours[:, None] - colours[None]).max(axis=2)
    np.fill_diagonal(apart, np.inf)
    return min(float(np.median(apart.min(axis=1))), 32.0)


def _indexed(frame: Picture, palette: Image.Image, transparent: int, spread: float) -> Image.Image:
    """The frame in the palette's colours, what is rather transparent as the index after them."""
    height, width = frame.alpha.shape
    pattern = np.tile(_BAYER, (-(-height // 4), -(-width // 4)))[:height, :width, None] * spread
    dithered = np.clip(frame.rgb + pattern + 0.5, 0, 255).astype(np.uint8)
    index = np.array(Image.fromarray(dithered).quantize(palette=palette, dither=Image.Dither.NONE))
    index[frame.alpha < _OPAQUE_FROM] = transparent
    made = Image.frombytes("P", (width, height), index.tobytes())
    made.putpalette([*(palette.getpalette() or []), 0, 0, 0])
    return made


# -- MP4 ---------------------------------------------------------------------------------------------------------------


def _encoder() -> Any:
    """The package imageio-ffmpeg, which is not a part of this program. Raises SetupProblem."""
    try:
        return import_module("imageio_ffmpeg")
    except ImportError:
        raise SetupProblem(
            "MP4 films need the package imageio-ffmpeg, which is not installed.",
            "Choose GIF or WebP, or install it: pip install imageio-ffmpeg.",
        ) from None


def _mp4(frames: Iterator[Picture], encoder: Any) -> bytes:
    """H.264 with 4:2:0 colours, which every player shows; transparent parts are white."""
    with tempfile.TemporaryDirectory(prefix="img2model-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "turntable.mp4"
        first = next(frames)
        try:
            film = encoder.write_frames(
                str(path), (first.width, first.height), fps=1000 / FRAME_MS, quality=8, macro_block_size=2
            )
            with contextlib.closing(film):
                film.send(None)
                film.send(_over_white(first))
                for frame in frames:
                    film.send(_over_white(frame))
            return path.read_bytes()
        except (OSError, RuntimeError) as problem:  # what the package raises where ffmpeg is missing or fails
            raise SetupProblem(
                "The film could not be written: ffmpeg failed.", "Choose GIF or WebP.", str(problem)[-300:]
            ) from None


def _over_white(frame: Picture) -> bytes:
    alpha = frame.alpha[..., None].astype(np.uint16)
    return ((frame.rgb * alpha + (255 - alpha) * np.uint16(255) + 127) // 255).astype(np.uint8).tobytes()
