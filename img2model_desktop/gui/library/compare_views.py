"""Two 3D views that move as one."""

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from img2model_desktop.core.preview import PreviewBuffers
from img2model_desktop.gui.view.mesh_view import MeshView
from img2model_desktop.render.camera import PRODUCT_AZIMUTH_DEG, PRODUCT_ELEVATION_DEG, Camera
from img2model_desktop.render.look import Shading, radius_of


class LinkedView(MeshView):
    """A `MeshView` that tells when the user looks from somewhere else.

    Signals:
        moved: (object) the new `Camera`.
    """

    moved = Signal(object)

    def frame(self) -> None:
        """Frames the mesh, and tells."""
        super().frame()
        self.moved.emit(self.camera)

    def _move(self, camera: Camera) -> None:
        super()._move(camera)
        self.moved.emit(camera)

    def follow(self, camera: Camera) -> None:
        """Looks from there without telling."""
        super()._move(camera)


class Pair(QObject):
    """Keeps two views looking the same way at their meshes, in the same light and shading.

    Each mesh is seen from its own middle. Where both have the same scale, the larger one fills its view and the other
    is as much smaller as it is; otherwise each fills its own.
    """

    def __init__(self, left: LinkedView, right: LinkedView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.views = (left, right)
        self._is_linked = True
        self._has_same_scale = False
        left.moved.connect(lambda camera: self._on_moved(0, camera))
        right.moved.connect(lambda camera: self._on_moved(1, camera))
        for number, view in enumerate(self.views):
            other = self.views[1 - number]
            view.shading_changed.connect(lambda name, other=other: other.set_shading(Shading(name)))
            view.wires_toggled.connect(other.set_wires_visible)
            view.grid_toggled.connect(other.set_grid_visible)
            view.turntable_toggled.connect(self._on_turntable)

    @property
    def is_linked(self) -> bool:
        """Whether one view moves the other."""
        return self._is_linked

    def set_linked(self, on: bool) -> None:
        """Links the cameras, the right one to the left one at once, or lets each go its own way."""
        self._is_linked = on
        if on:
            self._on_moved(0, self.views[0].camera)

    @property
    def has_same_scale(self) -> bool:
        """Whether a millimetre is as long in both."""
        return self._has_same_scale

    def set_same_scale(self, on: bool) -> None:
        """Shows both in the same scale, or each as large as it fits."""
        self._has_same_scale = on
        self.frame()

    def frame(self) -> None:
        """Both meshes in view from where the left camera looks."""
        shown = [view for view in self.views if view.buffers is not None]
        if not shown:
            return
        largest = max(shown, key=_radius) if self._has_same_scale else shown[0]
        angles = self.views[0].camera
        start = replace(largest.camera, azimuth_deg=angles.azimuth_deg, elevation_deg=angles.elevation_deg)
        fitted = self._framed(largest, start)
        largest.follow(fitted)
        for view in shown:
            if view is not largest:
                view.follow(self._carried(fitted, largest, view))

    def show_product_view(self) -> None:
        """Three-quarter from a little above."""
        left = self.views[0]
        left.follow(replace(left.camera, azimuth_deg=PRODUCT_AZIMUTH_DEG, elevation_deg=PRODUCT_ELEVATION_DEG))
        self.frame()

    def _framed(self, view: LinkedView, camera: Camera) -> Camera:
        buffers = view.buffers
        assert buffers is not None
        return camera.framing(buffers.outline, view.width(), view.height())

    def _on_moved(self, number: int, camera: Camera) -> None:
        here, there = self.views[number], self.views[1 - number]
        if self._is_linked and here.buffers is not None and there.buffers is not None:
            there.follow(self._carried(camera, here, there))

    def _carried(self, camera: Camera, here: LinkedView, there: LinkedView) -> Camera:
        """The camera that sees the other mesh as this one sees its own."""
        scale = 1.0 if self._has_same_scale else _radius(there) / _radius(here)
        target = _middle(there) + (np.array(camera.target) - _middle(here)) * scale
        x, y, z = (float(value) for value in target)
        return replace(camera, target=(x, y, z), distance_m=camera.distance_m * scale)

    @Slot(bool)
    def _on_turntable(self, on: bool) -> None:
        """One turns and carries the other with it; where they are not linked, both turn."""
        for view in self.views:
            if view is not self.sender() and not on:
                view.set_turntable(False)


def _bounds(view: LinkedView) -> PreviewBuffers:
    assert view.buffers is not None
    return view.buffers


def _radius(view: LinkedView) -> float:
    buffers = _bounds(view)
    return radius_of(buffers.low, buffers.high)


def _middle(view: LinkedView) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    buffers = _bounds(view)
    return np.asarray((buffers.low + buffers.high) / 2, np.float64)
