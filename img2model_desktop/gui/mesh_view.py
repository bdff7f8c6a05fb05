"""The 3D view: a mesh on a floor with real units, to be turned, measured by eye and photographed."""

import logging
import time
from dataclasses import replace

import numpy as np
from OpenGL import GL
from OpenGL.error import Error as GLProblem
from pyqtgraph.opengl import GLViewWidget
from PySide6.QtCore import QPointF, QRunnable, QSize, Qt, QThreadPool, QTimer, Signal, Slot
from PySide6.QtGui import (
    QHideEvent,
    QKeyEvent,
    QMatrix4x4,
    QMouseEvent,
    QOpenGLContext,
    QResizeEvent,
    QShowEvent,
    QSurfaceFormat,
    QVector3D,
    QWheelEvent,
)
from PySide6.QtOpenGL import QOpenGLFramebufferObject, QOpenGLFramebufferObjectFormat
from PySide6.QtWidgets import QWidget

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.preview import PreviewBuffers, prepare
from img2model_desktop.errors import SetupProblem
from img2model_desktop.gui import look
from img2model_desktop.gui.camera import PRODUCT_AZIMUTH_DEG, PRODUCT_ELEVATION_DEG, Camera, Matrix
from img2model_desktop.gui.look import Shading
from img2model_desktop.gui.mesh_item import BackdropItem, MeshItem
from img2model_desktop.gui.overlay import Overlaid, Overlay

log = logging.getLogger(__name__)

ORBIT_DEG_PER_PX = 0.4
KEY_ORBIT_DEG = 7.5
WHEEL_STEP = 0.85  # of the distance, for one notch of 120
TURNTABLE_DEG_PER_S = 24.0
FRAME_MS = 16
REST_MS = 220  # after the last movement the whole mesh is drawn again
SLOW_FRAME_MS = 25.0  # a card that takes longer for the whole mesh gets the coarse one while the view moves
SAMPLES = 4
NO_OPENGL = (
    "The 3D view cannot be shown: this display has no OpenGL 3.3.\n"
    "Update the graphics driver. Generating and saving work without it."
)
SHADING_KEYS = {getattr(Qt.Key, f"Key_{number + 1}"): shading for number, shading in enumerate(Shading)}


def default_surface_format() -> QSurfaceFormat:
    """OpenGL 3.3 core, 24 bits of depth, 4 samples; set it as the default before the application is made."""
    wanted = QSurfaceFormat()
    wanted.setVersion(3, 3)
    wanted.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    wanted.setDepthBufferSize(24)
    wanted.setStencilBufferSize(8)
    wanted.setSamples(SAMPLES)
    return wanted


class MeshView(GLViewWidget):  # type: ignore[misc]
    """A mesh, seen by a camera that the mouse and the keyboard move.

    The application sets `default_surface_format()` and `Qt.ApplicationAttribute.AA_ShareOpenGLContexts` first.
    Left drag orbits; middle, right or shift and left drag pans; the wheel zooms to the pointer; a double click frames.
    Keys: F frame, Home product view, 1..6 shading, W wires, G grid, T turntable, arrows orbit, + and - zoom.

    Signals:
        shading_changed: the new shading's value.
        wires_toggled, grid_toggled, turntable_toggled: on or off.
        mesh_shown: the mesh given last is on screen from the next frame on (its buffers were made in the background).
        failed: the view cannot draw; the message that it shows instead.
    """

    shading_changed = Signal(str)
    wires_toggled = Signal(bool)
    grid_toggled = Signal(bool)
    turntable_toggled = Signal(bool)
    mesh_shown = Signal()
    failed = Signal(str)
    _prepared = Signal(int, object)

    def __init__(self, parent: QWidget | None = None, dark: bool = True) -> None:
        super().__init__(parent)
        self._ground = look.ground(dark)
        self._mesh: Mesh | None = None
        self._hint = ""
        self._order = 0  # of the latest set_mesh: older ones that finish later are dropped
        self._keeps_camera = False
        self._has_grid = True
        self._drag_from: QPointF | None = None
        self._is_moving = False
        self._full_frame_ms: float | None = None
        self._turned_at = 0.0
        self._is_turning = False
        self._problem = ""
        self._build()

    def _build(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(160, 120)
        self._backdrop = BackdropItem(self._ground)
        self._item = MeshItem(self._ground)
        self.addItem(self._backdrop)
        self.addItem(self._item)
        self._overlay = Overlay(self, self._ground)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._prepared.connect(self._on_prepared)
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._on_rest)
        self._turntable = QTimer(self, interval=FRAME_MS)
        self._turntable.timeout.connect(self._on_turntable)
        self.camera = Camera(distance_m=0.3)

    # ---- what is shown ------------------------------------------------------------------------------------

    @property
    def mesh(self) -> Mesh | None:
        """The mesh given last; None after prepared buffers were given."""
        return self._mesh

    @property
    def buffers(self) -> PreviewBuffers | None:
        """What is drawn now."""
        return self._item.buffers

    def set_mesh(self, mesh: Mesh | PreviewBuffers | None, keep_camera: bool = False) -> None:
        """Shows a mesh; its buffers are made in a background thread unless they are what is given.

        Args:
            mesh: a valid mesh, its prepared buffers, or None for the empty view.
            keep_camera: stay where the camera is, as for a new version of the same thing.
        """
        self._order += 1
        self._keeps_camera = keep_camera
        self._mesh = mesh if isinstance(mesh, Mesh) else None
        if isinstance(mesh, Mesh):
            self._pool.start(_Preparation(self, self._order, mesh))
        else:
            self._on_prepared(self._order, mesh)

    def set_shading(self, shading: Shading) -> None:
        """Shows the surface in another way."""
        if shading is not self._item.shading:
            self._item.shading = shading
            self._redraw()
            self.shading_changed.emit(shading.value)

    @property
    def shading(self) -> Shading:
        """How the surface is shown."""
        return self._item.shading

    def set_wires_visible(self, on: bool) -> None:
        """Draws the triangles' edges over whatever shading is on."""
        if on != self._item.has_wires:
            self._item.has_wires = on
            self._redraw()
            self.wires_toggled.emit(on)

    @property
    def has_wires(self) -> bool:
        """Whether edges are drawn over the shading."""
        return self._item.has_wires

    def set_grid_visible(self, on: bool) -> None:
        """Shows or hides the floor's grid and its caption."""
        if on != self._has_grid:
            self._has_grid = on
            self._redraw()
            self.grid_toggled.emit(on)

    @property
    def has_grid(self) -> bool:
        """Whether the floor's grid is drawn."""
        return self._has_grid

    def set_theme(self, dark: bool) -> None:
        """Dark or light ground, grid and captions."""
        self._ground = look.ground(dark)
        self._backdrop.ground = self._item.ground = self._ground
        self._redraw()

    def set_hint(self, text: str) -> None:
        """What the empty view says."""
        self._hint = text
        self._redraw()

    # ---- camera -------------------------------------------------------------------------------------------

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
        x, y, z = camera.target
        self.opts["center"] = QVector3D(x, -z, y)
        self.opts["distance"] = camera.distance_m
        self.opts["azimuth"] = camera.azimuth_deg - 90.0
        self.opts["elevation"] = camera.elevation_deg
        self.opts["fov"] = camera.fov_deg
        self._redraw()

    def frame(self) -> None:
        """Moves the camera along its direction until the whole mesh fits."""
        if self.buffers is not None:
            self.camera = self.camera.framing(self.buffers.outline, self.width(), self.height())

    def show_product_view(self) -> None:
        """Three-quarter from a little above, framed."""
        self.camera = replace(self.camera, azimuth_deg=PRODUCT_AZIMUTH_DEG, elevation_deg=PRODUCT_ELEVATION_DEG)
        self.frame()

    def set_turntable(self, on: bool) -> None:
        """Turns the mesh round and round, or stops."""
        if on == self._is_turning:
            return
        self._is_turning = on
        self._run_turntable()
        self.turntable_toggled.emit(on)

    @property
    def is_turning(self) -> bool:
        """Whether the turntable is on."""
        return self._is_turning

    def projectionMatrix(self, region: object, viewport: object) -> QMatrix4x4:  # noqa: ARG002 - pyqtgraph's signature
        """Perspective with near and far planes that fit the mesh; pyqtgraph's waste most of the depth's bits."""
        width, height = self._item.size_px
        return _qt_matrix(self._projection(width, height))

    def _projection(self, width: float, height: float) -> Matrix:
        camera, buffers = self.camera, self.buffers
        low, high = (buffers.low, buffers.high) if buffers is not None else (np.zeros(3), np.ones(3))
        return camera.projection_matrix(width, height, *camera.depth_range(low, high))

    # ---- painting -----------------------------------------------------------------------------------------

    def initializeGL(self) -> None:
        """Called by Qt for each new context: at first, and after a move to another window."""
        context = self.context()
        context.aboutToBeDestroyed.connect(self._on_context_ends)
        if context.format().version() < (3, 3) or context.isOpenGLES():
            self._fail(NO_OPENGL, f"the context is {context.format()}")
            return
        super().initializeGL()

    def paintGL(self) -> None:
        """Called by Qt to draw; a failure is shown in place of the mesh, once."""
        if self._problem:
            return
        ratio = self.devicePixelRatioF()
        size_px = (max(round(self.width() * ratio), 1), max(round(self.height() * ratio), 1))
        try:
            self._draw_scene(size_px, ratio)
        except SetupProblem as problem:
            self._fail(f"{problem.message}\n{problem.advice}", problem.details)
            return
        except GLProblem as problem:
            self._fail("The 3D view cannot be drawn.\nUpdate the graphics driver.", str(problem))
            return

    def drawItemTree(self, item: object = None, useItemNames: bool = False) -> None:  # noqa: ARG002
        """pyqtgraph's own prints what goes wrong in an item and hides it; this one lets it through."""
        base = self.currentModelView()
        for drawn in sorted(self.items, key=lambda each: float(each.depthValue())):
            if drawn.visible():
                if self.default_vao.isCreated():
                    self.default_vao.bind()
                self._modelViewStack.append(base * drawn.transform())
                try:
                    drawn.paint()
                finally:
                    self._modelViewStack.pop()

    def screenshot(self, transparent: bool = False, size: tuple[int, int] | None = None) -> Picture:
        """The mesh as it is seen now, without captions.

        Args:
            transparent: without ground, floor and shadow; alpha is 255 on the mesh and 0 beside it.
            size: width and height in pixels; None for those of the view.

        Raises:
            SetupProblem: the view has no OpenGL, or not enough memory for that size.
        """
        if not self.isValid() or self._problem:
            raise SetupProblem("There is no 3D view to photograph.", "Update the graphics driver.", self._problem)
        ratio = self.devicePixelRatioF()
        width, height = size or (round(self.width() * ratio), round(self.height() * ratio))
        self.makeCurrent()
        try:
            return self._photograph(width, height, transparent)
        finally:
            self.doneCurrent()

    def _photograph(self, width: int, height: int, transparent: bool) -> Picture:
        target = _framebuffer(width, height, SAMPLES)
        flat = _framebuffer(width, height, 0)
        target.bind()
        GL.glViewport(0, 0, width, height)
        was_coarse, self._is_moving = self._is_moving, False
        self._backdrop.setVisible(not transparent)
        try:
            self._draw_scene((width, height), max(width / max(self.width(), 1), 1.0), not transparent)
        finally:
            self._backdrop.setVisible(True)
            self._is_moving = was_coarse
        QOpenGLFramebufferObject.blitFramebuffer(flat, target)
        flat.bind()
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
        raw = GL.glReadPixels(0, 0, width, height, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE)
        flat.release()
        pixels = np.frombuffer(raw, dtype=np.uint8).reshape(height, width, 4)[::-1]
        return look.straight_picture(pixels)

    def _draw_scene(self, size_px: tuple[int, int], ratio: float, has_floor: bool = True) -> None:
        item = self._item
        item.size_px = size_px
        item.wire_px = look.WIRE_PX * ratio
        item.has_shadow = has_floor
        item.grid = self._grid_steps() if has_floor and self._has_grid else None
        item.is_coarse = self._is_moving and (self._full_frame_ms or 0.0) > SLOW_FRAME_MS
        GL.glDepthMask(GL.GL_TRUE)
        GL.glDisable(GL.GL_SCISSOR_TEST)
        self.opts["bgcolor"] = (0.0, 0.0, 0.0, 0.0)
        is_timed = self._full_frame_ms is None and item.is_uploaded and self.buffers is not None
        if is_timed:
            GL.glFinish()
        began = time.perf_counter()
        self.paint(region=(0, 0, *size_px), viewport=(0, 0, *size_px))
        if is_timed:
            GL.glFinish()
            self._full_frame_ms = (time.perf_counter() - began) * 1000

    def _grid_steps(self) -> look.GridSteps:
        camera = self.camera
        return look.grid_steps(2 * camera.distance_m * camera.half_extent(1, 1)[1])

    def _redraw(self) -> None:
        """Draws picture and overlay again."""
        self._write_overlay()
        self.update()

    def _write_overlay(self) -> None:
        buffers = self.buffers
        if self._problem or buffers is None:
            shown = Overlaid(hint="" if self._problem else self._hint, problem=self._problem)
        else:
            captions = [("size", look.size_caption(buffers.low, buffers.high))]
            if self._has_grid:
                captions.append(("grid", self._grid_steps().caption))
            shown = Overlaid(self.camera, tuple(captions), self._note(buffers))
        self._overlay.show_state(shown, self._ground)

    def _note(self, buffers: PreviewBuffers) -> str:
        if self.shading is Shading.TEXTURED and not buffers.base_colour:
            return "This mesh has no texture"
        if self.shading is Shading.CHECKER and not buffers.has_uv:
            return "This mesh has no texture coordinates"
        return ""

    def _fail(self, message: str, details: str) -> None:
        if self._problem:
            return
        self._problem = message
        log.error("The 3D view failed: %s (%s)", message.replace("\n", " "), details)
        self._write_overlay()
        self.failed.emit(message)

    # ---- mouse and keyboard -------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begins an orbit or a pan."""
        self._drag_from = event.position()
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Goes on with it."""
        if self._drag_from is None or event.buttons() == Qt.MouseButton.NoButton:
            return
        moved = event.position() - self._drag_from
        self._drag_from = event.position()
        is_shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.buttons() & Qt.MouseButton.LeftButton and not is_shifted:
            self._move(self.camera.orbited(-moved.x() * ORBIT_DEG_PER_PX, moved.y() * ORBIT_DEG_PER_PX))
        else:
            width, height = self.width(), self.height()
            self._move(self.camera.panned(moved.x() / width, -moved.y() / height, width, height))
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Ends it."""
        self._drag_from = None
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Frames the mesh."""
        self.frame()
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zooms to the pointer."""
        notches = event.angleDelta().y() / 120.0
        place = event.position()
        self._zoom(WHEEL_STEP**notches, 2 * place.x() / self.width() - 1, 1 - 2 * place.y() / self.height())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See the class for the keys; anything else, and any key with Ctrl or Alt, is left to the window."""
        allowed = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
        if event.modifiers() & ~allowed or not self._key_pressed(Qt.Key(event.key())):
            event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Nothing to do: pyqtgraph's timer for held keys is not used."""
        event.ignore()

    def _key_pressed(self, key: Qt.Key) -> bool:
        turns = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1)}
        if key in SHADING_KEYS:
            self.set_shading(SHADING_KEYS[key])
        elif key in turns:
            azimuth, elevation = turns[key]
            self._move(self.camera.orbited(azimuth * KEY_ORBIT_DEG, elevation * KEY_ORBIT_DEG))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._zoom(WHEEL_STEP, 0.0, 0.0)
        elif key == Qt.Key.Key_Minus:
            self._zoom(1 / WHEEL_STEP, 0.0, 0.0)
        else:
            return self._command_key_pressed(key)
        return True

    def _command_key_pressed(self, key: Qt.Key) -> bool:
        if key == Qt.Key.Key_F:
            self.frame()
        elif key == Qt.Key.Key_Home:
            self.show_product_view()
        elif key == Qt.Key.Key_G:
            self.set_grid_visible(not self._has_grid)
        elif key == Qt.Key.Key_T:
            self.set_turntable(not self._is_turning)
        elif key == Qt.Key.Key_W:
            self.set_wires_visible(not self.has_wires)
        else:
            return False
        return True

    def _zoom(self, factor: float, x: float, y: float) -> None:
        buffers = self.buffers
        radius = look.radius_of(buffers.low, buffers.high) if buffers is not None else 1.0
        nearest, farthest = radius * 0.02, radius * 40.0
        factor = float(np.clip(self.camera.distance_m * factor, nearest, farthest)) / self.camera.distance_m
        self._move(self.camera.zoomed(factor, x, y, self.width(), self.height()))

    def _move(self, camera: Camera) -> None:
        """Looks from somewhere else, with the coarse mesh until the camera rests if the whole one is slow."""
        self._is_moving = True
        self._rest.start()
        self.camera = camera

    # ---- what happens on its own --------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Goes on turning; says so when there is no OpenGL."""
        super().showEvent(event)
        self._run_turntable()
        QTimer.singleShot(0, self, self._check_context)

    def hideEvent(self, event: QHideEvent) -> None:
        """Stops turning while nobody looks."""
        super().hideEvent(event)
        self._run_turntable()
        self._rest.stop()
        self._is_moving = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keeps the overlay as large as the view."""
        super().resizeEvent(event)
        self._overlay.setGeometry(self.rect())

    def minimumSizeHint(self) -> QSize:
        """Small enough for a small screen."""
        return QSize(240, 180)

    @Slot()
    def _check_context(self) -> None:
        if self.isVisible() and not self.isValid():
            self._fail(NO_OPENGL, "no context could be made")

    @Slot(int, object)
    def _on_prepared(self, order: int, buffers: PreviewBuffers | None) -> None:
        if order != self._order:
            return
        is_first = self.buffers is None
        self._full_frame_ms = None
        self._item.set_buffers(buffers)
        if buffers is not None and not self._keeps_camera:
            self.show_product_view()
        elif buffers is not None and is_first:
            self.frame()
        self._redraw()
        self.mesh_shown.emit()

    @Slot()
    def _on_rest(self) -> None:
        self._is_moving = False
        self._redraw()

    @Slot()
    def _on_turntable(self) -> None:
        now = time.monotonic()
        turned = TURNTABLE_DEG_PER_S * min(now - self._turned_at, 0.2)
        self._turned_at = now
        self._move(self.camera.orbited(turned, 0.0))

    def _run_turntable(self) -> None:
        self._turned_at = time.monotonic()
        if self._is_turning and self.isVisible():
            self._turntable.start()
        else:
            self._turntable.stop()

    @Slot()
    def _on_context_ends(self) -> None:
        if QOpenGLContext.currentContext() is None:
            self.makeCurrent()
        self._item.release()
        self._backdrop.release()
        self.doneCurrent()


class _Preparation(QRunnable):
    """Makes the buffers of a mesh in a thread of the view's pool, which ends before the view does."""

    def __init__(self, view: MeshView, order: int, mesh: Mesh) -> None:
        super().__init__()
        self._view = view
        self._order = order
        self._mesh = mesh

    def run(self) -> None:
        """Called by the pool."""
        buffers = prepare(self._mesh)
        self._view._prepared.emit(self._order, buffers)


def _framebuffer(width: int, height: int, samples: int) -> QOpenGLFramebufferObject:
    wanted = QOpenGLFramebufferObjectFormat()
    wanted.setSamples(samples)
    wanted.setAttachment(QOpenGLFramebufferObject.Attachment.CombinedDepthStencil)
    made = QOpenGLFramebufferObject(QSize(width, height), wanted)
    if not made.isValid():
        raise SetupProblem(
            f"The graphics card cannot draw a picture of {width} × {height} pixels.", "Choose a smaller size."
        )
    return made


def _qt_matrix(matrix: Matrix) -> QMatrix4x4:
    return QMatrix4x4(*(float(value) for value in matrix.ravel()))
