"""How a scene gets onto the screen without holding up the window.

A fast graphics card draws the whole picture at once, with smooth edges. A slow one, or a processor in its place,
draws a quick picture first (coarse mesh, fewer pixels) and then, while nothing moves, the whole one in slices of a few
milliseconds between the window's other events.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from OpenGL import GL
from PySide6.QtCore import QSize
from PySide6.QtOpenGL import QOpenGLFramebufferObject, QOpenGLFramebufferObjectFormat

from img2model_desktop.errors import SetupProblem

Step = Callable[[], None]
Size = tuple[int, int]

SAMPLES = 4
SLICE_S = 0.012  # of drawing between two looks at the window's other events
SLICE_FACES = 30_000
BAND_PX = 100_000  # pixels of a picture drawn in one slice: a few milliseconds for a processor
QUICK_PX = 180_000  # pixels of the quick picture
SOFTWARE = ("llvmpipe", "softpipe", "swiftshader", "software", "gdi generic", "basic render")


@dataclass(frozen=True, slots=True)
class Scene:
    """What to draw.

    Args:
        steps: called one after the other for each band of the picture.
        size_px: of the picture.
    """

    steps: tuple[Step, ...]
    size_px: Size


class Canvas:
    """The framebuffers of one view in one context; call everything with that context current."""

    def __init__(self) -> None:
        self._buffers: dict[str, QOpenGLFramebufferObject] = {}
        self._left: deque[tuple[int, int, Step | None]] = deque()
        self._size: Size = (0, 0)
        renderer = GL.glGetString(GL.GL_RENDERER) or b""
        name = renderer.decode("utf-8", "replace") if isinstance(renderer, bytes) else str(renderer)
        self.is_slow = any(word in name.lower() for word in SOFTWARE)

    @property
    def is_complete(self) -> bool:
        """Whether the picture that `begin` began has been drawn to its end."""
        return not self._left

    def draw_whole(self, scene: Scene, onto: int) -> float:
        """Draws everything at once into the framebuffer `onto`; seconds until the card was done with it."""
        began = time.perf_counter()
        source = self._framebuffer("smooth", scene.size_px, SAMPLES)
        draw_all(source, scene)
        _copy(source.handle(), onto, scene.size_px, scene.size_px)
        GL.glFinish()
        return time.perf_counter() - began

    def draw_quick(self, scene: Scene, onto: int, onto_size_px: Size) -> None:
        """Draws everything at once without smooth edges, and stretches it over the framebuffer `onto`."""
        source = self._framebuffer("quick", scene.size_px, 0)
        draw_all(source, scene)
        _copy(source.handle(), onto, scene.size_px, onto_size_px)

    def show_last(self, onto: int, onto_size_px: Size) -> None:
        """Copies the last quick picture into the framebuffer `onto`; clears that where there is none."""
        last = self._buffers.get("quick")
        if last is not None:
            _copy(last.handle(), onto, (last.width(), last.height()), onto_size_px)
        else:
            GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, onto)
            _clear()

    def begin(self, scene: Scene) -> None:
        """Prepares to draw in slices; what was begun before is dropped."""
        self._size = scene.size_px
        width, height = scene.size_px
        rows = max(BAND_PX // width, 1)
        self._left.clear()
        for low in range(0, height, rows):
            count = min(rows, height - low)
            self._left.extend((low, count, step) for step in (_clear, *scene.steps))
            self._left.append((low, count, None))

    def drop(self) -> None:
        """Forgets what was begun."""
        self._left.clear()

    def draw_slice(self) -> None:
        """Draws on for about `SLICE_S`."""
        smooth = self._framebuffer("smooth", self._size, SAMPLES)
        flat = self._framebuffer("flat", self._size, 0)
        until = time.perf_counter() + SLICE_S
        while self._left and time.perf_counter() < until:
            low, rows, step = self._left.popleft()
            if step is None:
                _copy_rows(smooth.handle(), flat.handle(), self._size[0], low, rows)
            else:
                _enter(smooth, self._size, low, rows)
                step()
            GL.glFinish()
        GL.glDisable(GL.GL_SCISSOR_TEST)

    def show_complete(self, onto: int) -> None:
        """Copies the picture drawn in slices into the framebuffer `onto`."""
        _copy(self._framebuffer("flat", self._size, 0).handle(), onto, self._size, self._size)

    def release(self) -> None:
        """Frees the framebuffers."""
        self._left.clear()
        self._buffers.clear()

    def _framebuffer(self, name: str, size_px: Size, samples: int) -> QOpenGLFramebufferObject:
        made = self._buffers.get(name)
        if made is None or (made.width(), made.height()) != size_px:
            made = self._buffers[name] = framebuffer(size_px, samples)
        return made


def framebuffer(size_px: Size, samples: int) -> QOpenGLFramebufferObject:
    """A new framebuffer with depth.

    Raises:
        SetupProblem: the card has no room for it.
    """
    wanted = QOpenGLFramebufferObjectFormat()
    wanted.setSamples(samples)
    wanted.setInternalTextureFormat(GL.GL_RGBA8)
    wanted.setAttachment(QOpenGLFramebufferObject.Attachment.CombinedDepthStencil)
    made = QOpenGLFramebufferObject(QSize(*size_px), wanted)
    if not made.isValid():
        raise SetupProblem(
            f"The graphics card cannot draw a picture of {size_px[0]} × {size_px[1]} pixels.", "Choose a smaller size."
        )
    return made


def draw_all(target: QOpenGLFramebufferObject, scene: Scene) -> None:
    """Draws everything at once into a framebuffer of the scene's size."""
    _enter(target, scene.size_px, 0, scene.size_px[1])
    for step in (_clear, *scene.steps):
        step()
    GL.glDisable(GL.GL_SCISSOR_TEST)


def _enter(target: QOpenGLFramebufferObject, size_px: Size, low: int, rows: int) -> None:
    GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, target.handle())
    GL.glViewport(0, 0, *size_px)
    GL.glEnable(GL.GL_SCISSOR_TEST)
    GL.glScissor(0, low, size_px[0], rows)


def _clear() -> None:
    GL.glColorMask(GL.GL_TRUE, GL.GL_TRUE, GL.GL_TRUE, GL.GL_TRUE)
    GL.glDepthMask(GL.GL_TRUE)
    GL.glClearColor(0.0, 0.0, 0.0, 0.0)
    GL.glClearDepth(1.0)
    GL.glClear(GL.GL_COLOR_BUFFER_BIT | GL.GL_DEPTH_BUFFER_BIT)


def _copy(source: int, target: int, source_px: Size, target_px: Size) -> None:
    GL.glDisable(GL.GL_SCISSOR_TEST)
    GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, source)
    GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, target)
    smooth = GL.GL_NEAREST if source_px == target_px else GL.GL_LINEAR
    GL.glBlitFramebuffer(0, 0, *source_px, 0, 0, *target_px, GL.GL_COLOR_BUFFER_BIT, smooth)
    GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, target)


def _copy_rows(source: int, target: int, width: int, low: int, rows: int) -> None:
    GL.glDisable(GL.GL_SCISSOR_TEST)
    GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, source)
    GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, target)
    place = (0, low, width, low + rows)
    GL.glBlitFramebuffer(*place, *place, GL.GL_COLOR_BUFFER_BIT, GL.GL_NEAREST)
