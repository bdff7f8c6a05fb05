"""The drawing half of the 3D view: context, camera, items, and when which picture is drawn."""

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from OpenGL import GL
from OpenGL.error import Error as GLProblem
from pyqtgraph.opengl import GLViewWidget
from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QMatrix4x4, QOpenGLContext, QShowEvent, QSurfaceFormat, QVector3D
from PySide6.QtOpenGL import QOpenGLFramebufferObject
from PySide6.QtWidgets import QWidget

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.preview import PreviewBuffers, prepare
from img2model_desktop.core.section import Plane
from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.errors import SetupProblem
from img2model_desktop.gui.view.gl_canvas import (
    QUICK_PX,
    SAMPLES,
    SLICE_FACES,
    Canvas,
    Scene,
    Size,
    Step,
    draw_all,
    framebuffer,
)
from img2model_desktop.gui.view.marks_item import MarksItem
from img2model_desktop.gui.view.mesh_item import BackdropItem, MeshItem
from img2model_desktop.render import look
from img2model_desktop.render.camera import Camera, Matrix
from img2model_desktop.render.marks import CutSurface, Marks, highlight_of, surface_of

log = logging.getLogger(__name__)

SLOW_FRAME_S = 0.025
SLOW_FRAMES = 4  # this many in a row, and the card counts as slow; the first ones upload and compile
CHECK_MS = 300  # a context that is not there by then does not come
WARM_UP_MS = 50  # between the steps and before the first: the first picture of the window goes first
WARM_UP_PX = (16, 16)
WARM_UP_TEXTURES: tuple[Size | None, ...] = ((2, 2), (3, 2), (2, 3), (3, 3), None)
"""Mesa's software OpenGL compiles a shader anew, for 0.13 s, for each of these: whether each side of the texture is a
power of two, and whether there is a texture. The textures of engines have one such side, mostly."""

WARM_UP_PLANE = Plane(0, 0.5)
NO_OPENGL = (
    "The 3D view cannot be shown: this display has no OpenGL 3.3.\n"
    "Update the graphics driver. Generating and saving work without it."
)
DRIVER = "The 3D view cannot be drawn.\nUpdate the graphics driver. Generating and saving work without it."


def default_surface_format() -> QSurfaceFormat:
    """OpenGL 3.3 core with 24 bits of depth; set it as the default before the application is made.

    It asks for no samples: the view smooths edges in framebuffers of its own, and only when it stands still if the
    graphics card is slow.
    """
    wanted = QSurfaceFormat()
    wanted.setVersion(3, 3)
    wanted.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    wanted.setDepthBufferSize(24)
    wanted.setStencilBufferSize(8)
    return wanted


class Cold(NamedTuple):
    """What a driver may have to compile a shader for, and has not drawn yet.

    Args:
        samples: of the framebuffer.
        texture_px: width and height of the mesh's texture, or None where it has none.
        is_marked: whether it is drawn with marks and a cut.
    """

    samples: int
    texture_px: Size | None
    is_marked: bool = False


class SceneView(GLViewWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """Backdrop, mesh and floor, seen by a camera.

    Signals:
        drawn: the whole picture is on screen: nothing coarse is left of it.
        failed: the view cannot draw; why, and what to do.
    """

    drawn = Signal()
    failed = Signal(str)

    def __init__(self, ground: look.Ground, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFormat(default_surface_format())
        self._ground = ground
        self._problem = ""
        self._has_grid = True
        self._is_moving = False
        self._is_whole = False  # the picture of what is to be seen now is complete
        self._has_begun = False  # ... or at least begun, in slices
        self._slow_frames = 0
        self._canvas: Canvas | None = None
        self._whole_px: Size = (0, 0)
        self._backdrop = BackdropItem(ground)
        self._item = MeshItem(ground)
        self._marks = MarksItem(ground)
        self._beside: list[MeshItem] = []  # things that stand beside the mesh, at their own place
        self._refine = QTimer(self, interval=0)
        self._refine.timeout.connect(self._on_refine)
        self._loading = QTimer(self, interval=0)
        self._loading.timeout.connect(self._on_loading)
        self._check = QTimer(self, singleShot=True, interval=CHECK_MS)
        self._check.timeout.connect(self._check_context)
        self._cold: list[Cold] = []
        self._warm_up = QTimer(self, interval=WARM_UP_MS)
        self._warm_up.timeout.connect(self._on_warm_up)
        self.addItem(self._backdrop)
        self.addItem(self._item)
        self.addItem(self._marks)
        self._put_camera(Camera(distance_m=0.3))

    @property
    def is_drawn(self) -> bool:
        """Whether the whole picture is on screen."""
        return self._is_whole

    @property
    def is_warm(self) -> bool:
        """Whether the driver has seen all that it may have to compile a shader for."""
        return self._canvas is not None and not self._cold

    @property
    def problem(self) -> str:
        """Why the view cannot draw, or ""."""
        return self._problem

    @property
    def camera(self) -> Camera:
        """The camera, in the mesh's axes; pyqtgraph's `opts` hold the same in its own."""
        centre = self.opts["center"]
        return Camera(
            target=(centre.x(), centre.z(), -centre.y()),
            distance_m=self.opts["distance"],
            azimuth_deg=(self.opts["azimuth"] + 90.0) % 360.0,
            elevation_deg=self.opts["elevation"],
            fov_deg=self.opts["fov"],
        )

    @camera.setter
    def camera(self, camera: Camera) -> None:
        self._put_camera(camera)
        self.redraw()

    def _put_camera(self, camera: Camera) -> None:
        x, y, z = camera.target
        self.opts["center"] = QVector3D(x, -z, y)
        self.opts["distance"] = camera.distance_m
        self.opts["azimuth"] = camera.azimuth_deg - 90.0
        self.opts["elevation"] = camera.elevation_deg
        self.opts["fov"] = camera.fov_deg

    def redraw(self) -> None:
        """Draws again: something that is seen has changed."""
        self._is_whole = self._has_begun = False
        if self._canvas is not None:
            self._canvas.drop()
        self.update()

    def projectionMatrix(self, region: object, viewport: object) -> QMatrix4x4:  # noqa: ARG002 - pyqtgraph's signature
        """Perspective with near and far planes that fit the mesh; pyqtgraph's waste most of the depth's bits."""
        camera = self.camera
        return _qt_matrix(camera.projection_matrix(*self._item.size_px, *camera.depth_range(*self._bounds())))

    def _bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Low and high corner, `(3,)` each, of the box around all that is shown, metres."""
        shown = [item.buffers for item in (self._item, *self._beside) if item.visible() and item.buffers is not None]
        if not shown:
            return np.zeros(3), np.ones(3)
        return np.min([each.low for each in shown], axis=0), np.max([each.high for each in shown], axis=0)

    def grid_steps(self) -> look.GridSteps:
        """How far the floor's lines lie apart at this distance."""
        camera = self.camera
        return look.grid_steps(2 * camera.distance_m * camera.half_extent(1, 1)[1])

    def screenshot(self, transparent: bool = False, size: Size | None = None) -> Picture:
        """The mesh as it is seen now, without captions.

        Args:
            transparent: without ground, floor and shadow; alpha is 255 on the mesh and 0 beside it.
            size: width and height in pixels; None for those of the view.

        Raises:
            SetupProblem: the view has no OpenGL, or the card no room for that size.
        """
        if not self.isValid() or self._problem:
            raise SetupProblem("There is no 3D view to photograph.", "Update the graphics driver.", self._problem)
        size_px = size or self._size_px()
        self.makeCurrent()
        try:
            return self._photograph(size_px, transparent)
        finally:
            self.doneCurrent()

    def _photograph(self, size_px: Size, transparent: bool) -> Picture:
        flat = framebuffer(size_px, 0)
        canvas = Canvas()
        scene = self._scene(size_px, is_coarse=False, faces=None, is_bare=transparent)
        canvas.draw_whole(scene, flat.handle())
        canvas.release()
        flat.bind()
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
        raw = GL.glReadPixels(0, 0, *size_px, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE)
        QOpenGLFramebufferObject.bindDefault()
        pixels = np.frombuffer(raw, dtype=np.uint8).reshape(size_px[1], size_px[0], 4)[::-1]
        return look.straight_picture(pixels)

    # ---- drawing ------------------------------------------------------------------------------------------

    def initializeGL(self) -> None:
        """Called by Qt for each new context: at first, and after a move to another window."""
        context = self.context()
        context.aboutToBeDestroyed.connect(self._on_context_ends, Qt.ConnectionType.DirectConnection)
        if context.format().version() < (3, 3) or context.isOpenGLES():
            self._fail(NO_OPENGL, f"the context is {context.format()}")
            return
        super().initializeGL()
        self._canvas = Canvas()
        textures = WARM_UP_TEXTURES if self._canvas.is_slow else WARM_UP_TEXTURES[:1]
        self._cold = [Cold(samples, WARM_UP_TEXTURES[0], is_marked=True) for samples in (SAMPLES, 0)]
        self._cold += [Cold(samples, texture) for texture in reversed(textures) for samples in (SAMPLES, 0)]
        self._warm_up.start()

    def paintGL(self) -> None:
        """Called by Qt to draw."""
        if not self._problem and self._canvas is not None:
            self._guarded(partial(self._draw, self._canvas, self.defaultFramebufferObject()))

    def _draw(self, canvas: Canvas, onto: int) -> None:
        size_px = self._size_px()
        if not canvas.is_slow:
            seconds = canvas.draw_whole(self._scene(size_px, is_coarse=False, faces=None), onto)
            self._slow_frames = self._slow_frames + 1 if seconds > SLOW_FRAME_S else 0
            canvas.is_slow = self._slow_frames >= SLOW_FRAMES
            self._finish(size_px)
        elif self._is_whole and self._whole_px == size_px:
            canvas.show_complete(onto)
        elif not self._item.is_ready:
            canvas.show_last(onto, size_px)
            self._loading.start()
        else:
            scale = min(1.0, math.sqrt(QUICK_PX / (size_px[0] * size_px[1])))
            quick_px = (max(round(size_px[0] * scale), 1), max(round(size_px[1] * scale), 1))
            canvas.draw_quick(self._scene(quick_px, is_coarse=True, faces=None), onto, size_px)
            self._is_whole = self._has_begun = False
            if not self._is_moving:
                self._refine.start()

    @Slot()
    def _on_loading(self) -> None:
        """Brings a new mesh onto the card piece by piece; what was seen last stays until it can be drawn."""
        if self._canvas is not None and not self._problem and not self._item.is_ready:
            self.makeCurrent()
            self._guarded(self._item.load_piece)
            self.doneCurrent()
        if self._canvas is None or self._problem or self._item.is_ready:
            self._loading.stop()
            self.update()

    @Slot()
    def _on_refine(self) -> None:
        canvas = self._canvas
        if canvas is None or self._is_moving or self._is_whole or self._problem or not self.isVisible():
            self._refine.stop()
            return
        self.makeCurrent()
        self._guarded(partial(self._draw_on, canvas))
        self.doneCurrent()
        if self.is_drawn:
            self._refine.stop()
            self.update()

    def _draw_on(self, canvas: Canvas) -> None:
        size_px = self._size_px() if not self._has_begun else self._whole_px
        scene = self._scene(size_px, is_coarse=False, faces=SLICE_FACES)
        if not self._has_begun:
            canvas.begin(scene)
            self._has_begun, self._whole_px = True, size_px
        canvas.draw_slice()
        if canvas.is_complete:
            self._finish(size_px)

    def _finish(self, size_px: Size) -> None:
        self._whole_px = size_px
        if not self._is_whole:
            self._is_whole = True
            self.drawn.emit()

    def _scene(self, size_px: Size, is_coarse: bool, faces: int | None, is_bare: bool = False) -> Scene:
        """What to draw from here; sets the items and the matrices up for it."""
        item = self._item
        item.grid = self.grid_steps() if self._has_grid and not is_bare else None
        px = max(size_px[0] / max(self.width(), 1), 0.6)
        for each in (item, *self._beside):
            each.size_px, each.is_coarse, each.has_shadow = size_px, is_coarse, not is_bare
            each.wire_px = look.WIRE_PX * px
        self._aim_marks(size_px, px, is_coarse)
        region = (0, 0, *size_px)
        self.setProjection(region, region)
        self.setModelview()
        steps: list[Step] = []
        for each in sorted(self.items, key=lambda one: float(one.depthValue())):
            if each.visible() and not (is_bare and (each is self._backdrop or each in self._beside)):
                parts = each.steps(faces) if isinstance(each, MeshItem | MarksItem) else [each.paint]
                steps += [partial(self._paint_part, each.transform(), part) for part in parts]
        return Scene(tuple(steps), size_px)

    def _aim_marks(self, size_px: Size, px: float, is_coarse: bool) -> None:
        marks, buffers = self._marks, self._item.buffers
        marks.size_px, marks.px = size_px, px
        marks.is_coarse = is_coarse and buffers is not None and buffers.coarse is not None
        marks.distance_m = self.camera.distance_m
        marks.has_mesh = buffers is not None
        if buffers is not None:
            marks.radius_m = look.radius_of(buffers.low, buffers.high)

    def _paint_part(self, transform: QMatrix4x4, part: Step) -> None:
        """What pyqtgraph's `drawItemTree` does for one item; that one prints what goes wrong in it and goes on."""
        if self.default_vao.isCreated():
            self.default_vao.bind()
        self._modelViewStack.append(self.currentModelView() * transform)
        try:
            part()
        finally:
            self._modelViewStack.pop()

    def _guarded(self, drawing: Callable[[], None]) -> None:
        try:
            drawing()
        except SetupProblem as problem:
            self._fail(f"{problem.message}\n{problem.advice}", problem.details)
        except GLProblem as problem:
            self._fail(DRIVER, str(problem))

    def _fail(self, message: str, details: str) -> None:
        """Says once that nothing can be drawn."""
        if not self._problem:
            self._problem = message
            log.error("3D view: %s (%s)", message.replace("\n", " "), details)
            self.failed.emit(message)

    def _size_px(self) -> Size:
        ratio = self.devicePixelRatioF()
        return max(round(self.width() * ratio), 1), max(round(self.height() * ratio), 1)

    # ---- life ---------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Draws; says so when there is no OpenGL."""
        super().showEvent(event)
        self.redraw()
        self._check.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Draws no further while nobody looks."""
        super().hideEvent(event)
        self._refine.stop()
        self._loading.stop()
        self._warm_up.stop()
        self._check.stop()
        self._is_moving = False

    def minimumSizeHint(self) -> QSize:
        """Small enough for a small screen."""
        return QSize(240, 180)

    @Slot()
    def _check_context(self) -> None:
        if self.isVisible() and not self.isValid():
            self._fail(NO_OPENGL, "no context could be made")

    @Slot()
    def _on_warm_up(self) -> None:
        """Draws a triangle where nobody sees it: drivers compile a shader when it is first used, which would
        hold up the window when the first mesh arrives."""
        if not self._cold or self._canvas is None or self._problem or self._item.buffers is not None:
            self._warm_up.stop()
            return
        self.makeCurrent()
        cold = self._cold.pop()
        target = framebuffer(WARM_UP_PX, cold.samples)
        buffers = prepare(_warm_up_mesh(cold.texture_px))
        self._item.set_buffers(buffers)
        if cold.is_marked:
            self._marks.marks = _warm_up_marks(buffers)
            self._item.clip = WARM_UP_PLANE.clip
        self._guarded(partial(draw_all, target, self._scene(WARM_UP_PX, is_coarse=False, faces=None)))
        self._item.set_buffers(None)
        self._marks.marks, self._item.clip = Marks(), None
        self.doneCurrent()

    @Slot()
    def _on_context_ends(self) -> None:
        is_foreign = QOpenGLContext.currentContext() is None
        if is_foreign:
            self.makeCurrent()
        items: list[BackdropItem | MeshItem | MarksItem] = [self._item, self._backdrop, self._marks, *self._beside]
        for item in items:
            item.release()
        if self._canvas is not None:
            self._canvas.release()
            self._canvas = None
        self._is_whole = self._has_begun = False
        if is_foreign:
            self.doneCurrent()


def _warm_up_marks(buffers: PreviewBuffers) -> Marks:
    """One of each."""
    corners = buffers.full.corners[:, :3]
    place = Place(np.zeros(1, dtype=np.int32), corners[None, :2].copy(), corners[:1].copy())
    return Marks(
        highlight_of(place, buffers), CutSurface(WARM_UP_PLANE, None, None), surface_of(buffers.full, np.arange(1))
    )


def _warm_up_mesh(texture_px: Size | None) -> Mesh:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=np.float32)
    mesh = Mesh(corners, np.array([[0, 1, 2]], dtype=np.int32))
    if texture_px is None:
        return mesh
    width, height = texture_px
    return replace(mesh, uv=corners[:, :2], base_colour=Picture(np.full((height, width, 4), 255, dtype=np.uint8)))


def _qt_matrix(matrix: Matrix) -> QMatrix4x4:
    return QMatrix4x4(*(float(value) for value in matrix.ravel()))
