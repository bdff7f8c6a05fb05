"""Moving pictures: every frame of one whole turn, in each format, as another reader sees them."""

import importlib.util
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.preview import prepare
from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import Cancelled, InputProblem, SetupProblem
from img2model_desktop.render import look
from img2model_desktop.render import turntable as module
from img2model_desktop.render.look import Shading
from img2model_desktop.render.offscreen import Photograph, turntable_frames
from img2model_desktop.render.turntable import FRAME_MS, turntable
from tests.shapes import box, textured

SIZE_PX = 64
SECONDS, FRAMES = 0.64, 16
STILL = (".gif", ".webp", ".png")


def painted() -> Mesh:
    """A box in soft colours, unlike itself from each side."""
    y, x = np.mgrid[0:64, 0:64]
    pixels = np.stack([x * 4, y * 4, 255 - x * 4, np.full_like(x, 255)], axis=-1).astype(np.uint8)
    return textured(box(0.1, 0.12, 0.2), Picture.own(pixels))


def frames_of(content: bytes) -> list[NDArray[np.uint8]]:
    image = Image.open(io.BytesIO(content))
    frames = []
    for number in range(image.n_frames):
        image.seek(number)
        frames.append(np.array(image.convert("RGBA")))
    return frames


def drawn(mesh: Mesh, ground: look.Ground | None) -> list[Picture]:
    wanted = Photograph(SIZE_PX, SIZE_PX, Shading.LIT, ground)
    return list(turntable_frames(prepare(mesh), wanted, FRAMES))


def apart(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean difference of the colours, where both are opaque."""
    shown = (a[..., 3] == 255) & (b[..., 3] == 255)
    return float(np.abs(a[shown, :3].astype(int) - b[shown, :3]).mean())


@pytest.mark.parametrize("ground", [None, look.DARK], ids=["transparent", "dark"])
@pytest.mark.parametrize(("suffix", "loss"), [(".gif", 8.0), (".webp", 6.0), (".png", 0.0)])
def test_all_frames_of_a_turn_as_they_were_drawn(suffix: str, loss: float, ground: look.Ground | None) -> None:
    mesh = painted()
    content = turntable(mesh, suffix, SECONDS, SIZE_PX, ground=ground)
    image = Image.open(io.BytesIO(content))
    assert (image.n_frames, image.size, image.info["loop"]) == (FRAMES, (SIZE_PX, SIZE_PX), 0)
    frames, wanted = frames_of(content), [picture.pixels for picture in drawn(mesh, ground)]
    for frame, picture in zip(frames, wanted, strict=True):
        assert apart(frame, picture) <= loss
    if suffix == ".png":
        assert all(np.array_equal(f, w) for f, w in zip(frames, wanted, strict=True))
    # a constant speed: the step from the last frame to the first one is like any other, and no frame is there twice
    steps = [apart(wanted[k - 1], wanted[k]) for k in range(FRAMES)]
    assert min(apart(frames[k - 1], frames[k]) for k in range(FRAMES)) > 1.0
    assert steps[0] == pytest.approx(np.mean(steps), rel=0.5)


@pytest.mark.parametrize("suffix", STILL)
def test_each_frame_is_shown_equally_long(suffix: str) -> None:
    image = Image.open(io.BytesIO(turntable(painted(), suffix, SECONDS, SIZE_PX)))
    times = []
    for number in range(image.n_frames):
        image.seek(number)
        image.load()
        times.append(image.info["duration"])
    assert times == [FRAME_MS] * FRAMES


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_a_transparent_ground_stays_so_with_soft_edges(suffix: str) -> None:
    frames = frames_of(turntable(painted(), suffix, SECONDS, SIZE_PX))
    for frame, picture in zip(frames, drawn(painted(), None), strict=True):
        assert np.array_equal(frame[..., 3] == 0, picture.alpha == 0)
        assert ((frame[..., 3] > 0) & (frame[..., 3] < 255)).any()


def test_a_gif_is_opaque_or_transparent_like_the_drawing() -> None:
    for frame, picture in zip(
        frames_of(turntable(painted(), ".gif", SECONDS, SIZE_PX)), drawn(painted(), None), strict=True
    ):
        assert np.array_equal(frame[..., 3], np.where(picture.alpha >= 128, 255, 0))
    for frame in frames_of(turntable(painted(), ".gif", SECONDS, SIZE_PX, ground=look.LIGHT)):
        assert (frame[..., 3] == 255).all()


def test_what_stands_still_does_not_flicker_in_a_gif() -> None:
    frames = frames_of(turntable(painted(), ".gif", SECONDS, SIZE_PX, ground=look.LIGHT))
    top = np.stack([frame[:6] for frame in frames])
    assert (top == top[0]).all()


def test_a_mesh_without_texture_in_another_shading() -> None:
    frames = frames_of(turntable(box(), ".png", SECONDS, SIZE_PX, Shading.NORMALS))
    assert len(frames) == FRAMES
    assert np.ptp(frames[0][frames[0][..., 3] == 255][:, :3].astype(int), axis=0).max() > 50


@pytest.mark.parametrize(
    ("suffix", "seconds", "size_px", "sentence"),
    [
        (".avi", 1.0, 64, "not a format"),
        ("", 1.0, 64, "no suffix"),
        (".gif", 0.0, 64, "0 seconds"),
        (".gif", float("nan"), 64, "nan seconds"),
        (".gif", 1.0, 8, "8 pixels"),
        (".gif", 1.0, 5000, "5000 pixels"),
        (".webp", 60.0, 1024, "too many frames"),
    ],
)
def test_what_cannot_be_made(suffix: str, seconds: float, size_px: int, sentence: str) -> None:
    with pytest.raises(InputProblem, match=sentence) as caught:
        turntable(box(), suffix, seconds, size_px)
    assert caught.value.advice


@pytest.mark.parametrize("suffix", STILL)
def test_it_can_be_stopped_at_any_time(suffix: str) -> None:
    seen: list[float] = []

    def stop_after(fraction: float) -> Callable[[], bool]:
        return lambda: bool(seen) and seen[-1] >= fraction

    for fraction in (0.0, 0.12, 0.5):
        seen.clear()
        with pytest.raises(Cancelled):
            turntable(painted(), suffix, 4.0, SIZE_PX, progress=Progress(seen.append, stop_after(fraction)))
        assert seen[-1] < fraction + 0.3
    seen.clear()
    turntable(painted(), suffix, SECONDS, SIZE_PX, progress=Progress(seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_mp4_needs_a_package_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(module, "import_module", missing)
    with pytest.raises(SetupProblem, match="imageio-ffmpeg") as caught:
        turntable(box(), ".mp4", SECONDS, SIZE_PX)
    assert "GIF or WebP" in caught.value.advice


@pytest.mark.skipif(importlib.util.find_spec("imageio_ffmpeg") is None, reason="imageio-ffmpeg is not installed")
def test_mp4_holds_every_frame(tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "turn.mp4"
    path.write_bytes(turntable(painted(), ".mp4", SECONDS, SIZE_PX, ground=look.LIGHT))
    film = cv2.VideoCapture(str(path))
    assert round(film.get(cv2.CAP_PROP_FPS)) == 1000 // FRAME_MS
    frames = []
    while (read := film.read())[0]:
        frames.append(read[1][..., ::-1])
    film.release()
    wanted = drawn(painted(), look.LIGHT)
    assert len(frames) == FRAMES
    for frame, picture in zip(frames, wanted, strict=True):
        assert np.abs(frame.astype(int) - picture.rgb).mean() < 8
