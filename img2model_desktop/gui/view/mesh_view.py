"""The 3D view: a mesh on a floor with real units, to be turned, measured by eye and photographed."""

import contextlib
import time
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, QRunnable, Qt, QThreadPool, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QKeyEvent, QMouseEvent, QResizeEvent, QShowEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.preview import PreviewBuffers, prepare
from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import Cancelled
from img2model_desktop.gui.view.overlay import Overlaid, Overlay
from img2model_desktop.gui.view.scene_view import SceneView, default_surface_format
from img2model_desktop.render import look
from img2model_desktop.render.camera import PRODUCT_AZIMUTH_DEG, PRODUCT_ELEVATION_DEG, Camera
from img2model_desktop.render.look import Shading

__all__ = ["MeshView", "default_surface_format"]

ORBIT_DEG_PER_PX = 0.4
KEY_ORBIT_DEG = 7.5
WHEEL_STEP = 0.85  # of the distance, for one notch of 120
TURNTABLE_DEG_PER_S = 24.0
FRAME_MS = 16
REST_MS = 220  # after the last movement the whole mesh is drawn again
SHADING_KEYS = {getattr(Qt.Key, f"Key_{number + 1}"): shading for number, shading in enumerate(Shading)}


class MeshView(SceneView):
    """A mesh, seen by a camera that the mouse and the keyboard move.

    The application sets `Qt.ApplicationAttribute.AA_ShareOpenGLContexts` before it is made.
    Left drag orbits; middle, right or shift and left drag pans; the wheel zooms to the pointer; a double click frames.
    Keys: F frame, Home product view, 1..7 shading, W wires, G grid, T turntable, arrows orbit, + and - zoom.

    Signals:
        shading_changed: the new shading's value.
        wires_toggled, grid_toggled, turntable_toggled: on or off.
        mesh_shown: the mesh given last is on screen from the next frame on (its buffers were made in the background).
        drawn, failed: see `SceneView`; the message of `failed` is also shown in place of the mesh.
    """

    shading_changed = Signal(str)
    wires_toggled = Signal(bool)
    grid_toggled = Signal(bool)
    turntable_toggled = Signal(bool)
    mesh_shown = Signal()
    _prepared = Signal(int, object)

    def __init__(self, parent: QWidget | None = None, dark: bool = True) -> None:
        super().__init__(look.ground(dark), parent)
        self._mesh: Mesh | None = None
        self._hint = ""
        self._order = 0  # of the latest set_mesh: older ones that finish later are dropped
        self._keeps_camera = False
        self._drag_from: QPointF | None = None
        self._turned_at = 0.0
        self._is_turning = False
        self._build()

    def _build(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(160, 120)
        self._overlay = Overlay(self, self._ground)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._prepared.connect(self._on_prepared)
        self.failed.connect(self._write_overlay)
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._on_rest)
        self._turntable = QTimer(self, interval=FRAME_MS)
        self._turntable.timeout.connect(self._on_turntable)

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
            self.redraw()
            self.shading_changed.emit(shading.value)

    @property
    def shading(self) -> Shading:
        """How the surface is shown."""
        return self._item.shading

    def set_wires_visible(self, on: bool) -> None:
        """Draws the triangles' edges over whatever shading is on."""
        if on != self._item.has_wires:
            self._item.has_wires = on
            self.redraw()
            self.wires_toggled.emit(on)

    @property
    def has_wires(self) -> bool:
        """Whether edges are drawn over the shading."""
        return self._item.has_wires

    def set_grid_visible(self, on: bool) -> None:
        """Shows or hides the floor's grid and its caption."""
        if on != self._has_grid:
            self._has_grid = on
            self.redraw()
            self.grid_toggled.emit(on)

    @property
    def has_grid(self) -> bool:
        """Whether the floor's grid is drawn."""
        return self._has_grid

    def set_theme(self, dark: bool) -> None:
        """Dark or light ground, grid and captions."""
        self._ground = look.ground(dark)
        self._backdrop.ground = self._marks.ground = self._ground
        for item in (self._item, *self._beside):
            item.ground = self._ground
        self.redraw()

    @property
    def overlaid(self) -> Overlaid:
        """What is written over the picture."""
        return self._overlay.shown

    def set_hint(self, text: str) -> None:
        """What the empty view says."""
        self._hint = text
        self.redraw()

    # ---- camera -------------------------------------------------------------------------------------------

    def frame(self) -> None:
        """Moves the camera along its direction until the whole mesh fits."""
        if self.buffers is not None:
            self.camera = self.camera.framing(self.buffers.outline, self.width(), self.height())

    def show_product_view(self) -> None:
        """Three-quarter from a little above, framed."""
        self._put_camera(replace(self.camera, azimuth_deg=PRODUCT_AZIMUTH_DEG, elevation_deg=PRODUCT_ELEVATION_DEG))
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

    def redraw(self) -> None:
        """Draws picture and overlay again."""
        self._write_overlay()
        super().redraw()

    @Slot()
    def _write_overlay(self) -> None:
        buffers = self.buffers
        if self._problem or buffers is None:
            shown = Overlaid(hint="" if self._problem else self._hint, problem=self._problem)
        else:
            shown = self._overlaid(buffers)
        self._overlay.show_state(shown, self._ground)

    def _overlaid(self, buffers: PreviewBuffers) -> Overlaid:
        captions = [("size", look.size_caption(buffers.low, buffers.high))]
        if self._has_grid:
            captions.append(("grid", self.grid_steps().caption))
        return Overlaid(self.camera, tuple(captions), self._note(buffers))

    def _note(self, buffers: PreviewBuffers) -> str:
        if self.shading is Shading.TEXTURED and not buffers.base_colour:
            return "This mesh has no texture"
        if self.shading is Shading.CHECKER and not buffers.has_uv:
            return "This mesh has no texture coordinates"
        return ""

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
        """Goes on turning."""
        super().showEvent(event)
        self._run_turntable()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stops turning while nobody looks."""
        super().hideEvent(event)
        self._run_turntable()
        self._rest.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keeps the overlay as large as the view."""
        super().resizeEvent(event)
        self._overlay.setGeometry(self.rect())

    @Slot(int, object)
    def _on_prepared(self, order: int, buffers: PreviewBuffers | None) -> None:
        if order != self._order:
            return
        had_mesh = self.buffers is not None
        self._take(buffers)
        if buffers is None or (self._keeps_camera and had_mesh):
            self.redraw()
        elif self._keeps_camera:
            self.frame()
        else:
            self.show_product_view()
        self.mesh_shown.emit()

    def _take(self, buffers: PreviewBuffers | None) -> None:
        """Draws this mesh from now on."""
        self._item.set_buffers(buffers)

    @Slot()
    def _on_rest(self) -> None:
        self._is_moving = False
        self.update()

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


class _Preparation(QRunnable):
    """Makes the buffers of a mesh in a thread of the view's pool."""

    def __init__(self, view: MeshView, order: int, mesh: Mesh) -> None:
        super().__init__()
        self._view = view
        self._order = order
        self._mesh = mesh

    def run(self) -> None:
        """Called by the pool."""
        try:
            buffers = prepare(self._mesh, Progress(is_cancelled=self._is_superseded))
        except Cancelled:
            return
        with contextlib.suppress(RuntimeError):  # the view was deleted meanwhile
            self._view._prepared.emit(self._order, buffers)

    def _is_superseded(self) -> bool:
        return self._order != self._view._order
