"""The 3D view with its tools: places, ruler, section, things of known size, guessed surface, before and after."""

import contextlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRunnable, Qt, Signal, Slot
from PySide6.QtGui import QHideEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from img2model_desktop.core.face_blocks import FaceBlocks
from img2model_desktop.core.preview import PreviewBuffers, shifted
from img2model_desktop.core.section import AXES, Plane, Section, cut
from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.gui.view.flight import Flight
from img2model_desktop.gui.view.mesh_item import MeshItem
from img2model_desktop.gui.view.mesh_view import MeshView
from img2model_desktop.gui.view.overlay import Overlaid
from img2model_desktop.gui.view.ruler import Picked, Ruler, picked, place_on_axis
from img2model_desktop.render.aim import looking_at
from img2model_desktop.render.camera import Camera, Point
from img2model_desktop.render.look import Colour, Shading, radius_of
from img2model_desktop.render.marks import (
    CUT,
    GUESSED,
    SIGNAL,
    CutSurface,
    Highlight,
    Marks,
    Shape,
    cut_surface,
    highlight_of,
    surface_of,
)

CLICK_PX = 4.0  # a press that moves no further is a click
AT_ONCE_FACES = 10_000  # what is made of so few takes a few milliseconds; of more it is made in the background
BESIDE = (0.30, 0.35, 0.44)  # linear light that things of known size reflect
GAP_SHARE = 0.12  # of the mesh's radius, between things that stand beside each other
LEAST_GAP_M = 0.012


class ToolView(MeshView):
    """A `MeshView` with tools. Its own keys: M ruler, X section, Esc takes the ruler's points away, then the ruler.

    Signals:
        ruler_toggled: on or off.
        section_changed: (object) the `Plane`, or None.
        before_toggled: whether the mesh before is shown.
    """

    ruler_toggled = Signal(bool)
    section_changed = Signal(object)
    before_toggled = Signal(bool)
    _indexed = Signal(object)
    _highlighted = Signal(int, object, str, bool)

    def __init__(self, parent: QWidget | None = None, dark: bool = True) -> None:
        self.ruler = Ruler()
        self._has_ruler = False
        self._grabbed: int | None = None
        self._pressed_at: QPointF | None = None
        self._after: PreviewBuffers | None = None
        self._before: PreviewBuffers | None = None
        self._has_compared = False
        self._highlight: Highlight | None = None
        self._legend = ""
        self._pointing = 0  # of the latest show_place: older ones that are ready later are dropped
        self._plane: Plane | None = None
        self._section: Section | None = None
        self._cut: CutSurface | None = None
        self._guessed: tuple[Shape, Shape | None, float] | None = None
        self._things: tuple[tuple[PreviewBuffers, str], ...] = ()
        self._labels: tuple[tuple[Point, str], ...] = ()
        self._blocks: list[FaceBlocks] = []
        self._indexing: list[PreviewBuffers] = []
        super().__init__(parent, dark)
        self._flight = Flight(self)
        self._flight.moved.connect(self._move)
        self._indexed.connect(self._on_indexed)
        self._highlighted.connect(self._on_highlighted)

    # ---- places -------------------------------------------------------------------------------------------

    def show_place(self, place: Place | None, zoom: bool = True, legend: str = "") -> None:
        """Points at a place of the mesh, or at nothing.

        Args:
            place: its face numbers are those of the mesh that was prepared.
            zoom: whether the camera flies there.
            legend: what is written; "" for what the place holds.
        """
        after = self._after
        self._pointing += 1
        if place is None or after is None:
            self._on_highlighted(self._pointing, None, "", False)
            return
        work = _Highlighting(self, self._pointing, place, after, (legend or place_text(place), zoom))
        is_indexed = self._index() is not None  # if not, that begins now and is done before the work in the pool
        if is_indexed and len(place.faces) <= AT_ONCE_FACES:
            work.run()
        else:
            self._pool.start(work)

    @Slot(int, object, str, bool)
    def _on_highlighted(self, number: int, highlight: Highlight | None, legend: str, zoom: bool) -> None:
        if number != self._pointing:
            return
        self._highlight, self._legend = highlight, legend if highlight is not None else ""
        if highlight is not None:
            self.show_before(False)
        self._update_marks()
        if zoom and highlight is not None and self._after is not None:
            size = (self.width(), self.height())
            self.fly_to(looking_at(highlight, self._after, self.camera, size, self._index()))

    @property
    def highlight(self) -> Highlight | None:
        """What is pointed at."""
        return self._highlight

    def fly_to(self, camera: Camera) -> None:
        """Moves the camera there smoothly; at once where nobody sees it."""
        self.set_turntable(False)
        if self.isVisible():
            self._flight.begin(self.camera, camera)
        else:
            self.camera = camera

    @property
    def is_flying(self) -> bool:
        """Whether the camera is on its way."""
        return self._flight.is_under_way

    # ---- ruler --------------------------------------------------------------------------------------------

    def set_ruler(self, on: bool) -> None:
        """Clicks set points from now on, or no longer."""
        if on == self._has_ruler:
            return
        self._has_ruler = on
        self.ruler.clear()
        self._grabbed = None
        self.setMouseTracking(on)
        self.setCursor(Qt.CursorShape.CrossCursor) if on else self.unsetCursor()
        if on:
            self._index()
        self._write_overlay()
        self.ruler_toggled.emit(on)

    @property
    def has_ruler(self) -> bool:
        """Whether clicks set points."""
        return self._has_ruler

    def _pick(self, at: QPointF) -> Picked | None:
        blocks = self._index()
        if blocks is None:
            return None
        clip = self._plane.clip if self._plane is not None else None
        return picked(blocks, self.camera, at, (self.width(), self.height()), clip)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Takes the camera in hand, or an end of the ruler."""
        self._flight.stop()
        if self._has_ruler and event.button() == Qt.MouseButton.LeftButton:
            self._grabbed = self.ruler.end_at(event.position(), self.camera, (self.width(), self.height()))
            self._pressed_at = event.position()
            if self._grabbed is not None:
                event.accept()
                return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Moves what was taken; without a button, shows where a click would set a point."""
        if self._grabbed is not None:
            found = self._pick(event.position())
            if found is not None:
                self.ruler.move(self._grabbed, found.point)
                self._write_overlay()
            event.accept()
        elif self._has_ruler and event.buttons() == Qt.MouseButton.NoButton:
            self.ruler.hovered = self._pick(event.position())
            self._write_overlay()
            event.accept()
        elif not self._is_click(event.position()):
            self._pressed_at = None
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Ends a drag; sets a point of the ruler where nothing was dragged."""
        is_click = self._has_ruler and self._grabbed is None and self._is_click(event.position())
        if is_click and event.button() == Qt.MouseButton.LeftButton:
            found = self._pick(event.position())
            if found is not None:
                self.ruler.set_next(found.point)
                self.ruler.hovered = None
        self._grabbed = self._pressed_at = None
        self._write_overlay()
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Frames the mesh; with the ruler, a second click like any other."""
        if self._has_ruler:
            self.mousePressEvent(event)
        else:
            super().mouseDoubleClickEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zooms to the pointer."""
        self._flight.stop()
        super().wheelEvent(event)

    def _is_click(self, at: QPointF) -> bool:
        return self._pressed_at is not None and (at - self._pressed_at).manhattanLength() < CLICK_PX

    def _command_key_pressed(self, key: Qt.Key) -> bool:
        if key == Qt.Key.Key_M:
            self.set_ruler(not self._has_ruler)
        elif key == Qt.Key.Key_X:
            self.set_section(None if self._plane is not None else self.default_plane())
        elif key == Qt.Key.Key_Escape and self._has_ruler:
            if self.ruler.is_empty:
                self.set_ruler(False)
            else:
                self.ruler.clear()
                self._write_overlay()
        else:
            return super()._command_key_pressed(key)
        return True

    # ---- section ------------------------------------------------------------------------------------------

    @property
    def section(self) -> Plane | None:
        """The plane that cuts the mesh."""
        return self._plane

    @property
    def section_area_m2(self) -> float:
        """Of the cut surface."""
        return self._section.area_m2 if self._section is not None else 0.0

    def set_section(self, plane: Plane | None) -> None:
        """Cuts the mesh open, or not."""
        if plane == self._plane:
            return
        self._plane = plane
        self._update_section()
        self.section_changed.emit(plane)

    def default_plane(self, axis: int = 0) -> Plane | None:
        """Through the middle, so that the camera looks at the cut; None without a mesh."""
        buffers = self.buffers
        if buffers is None:
            return None
        middle = float(buffers.low[axis] + buffers.high[axis]) / 2
        return Plane(axis, middle, keeps_high=bool(self.camera.axes[2][axis] < 0))

    def _update_section(self) -> None:
        plane = self._plane
        self._item.clip = plane.clip if plane is not None else None
        self._section = self._cut = None
        if plane is not None:
            blocks = self._index()
            self._section = cut(blocks, plane) if blocks is not None else None
            self._cut = cut_surface(self._section) if self._section is not None else CutSurface(plane, None, None)
        self._update_marks()

    # ---- guessed surface ----------------------------------------------------------------------------------

    def set_seen(self, seen: tuple[NDArray[np.bool_], NDArray[np.bool_] | None, float] | None) -> None:
        """Tints the surface that the picture did not see.

        Args:
            seen: for each face of the mesh, and of its coarse stand-in, whether it was seen; the share of the area.
                None tints nothing.
        """
        after, self._guessed = self._after, None
        if seen is not None and after is not None and len(seen[0]) == len(after.full.indices):
            faces, coarse, share = seen
            stand_in = None
            if coarse is not None and after.coarse is not None:
                stand_in = surface_of(after.coarse, np.flatnonzero(~coarse))
            self._guessed = (surface_of(after.full, np.flatnonzero(~faces)), stand_in, share)
        self._update_marks()

    # ---- before and after ---------------------------------------------------------------------------------

    def set_before(self, buffers: PreviewBuffers | None) -> None:
        """What the mesh was made from; both stay on the card."""
        self.show_before(False)
        self._before = buffers
        self._has_compared = False

    @property
    def has_before(self) -> bool:
        """Whether there is something to compare with."""
        return self._before is not None

    @property
    def is_before(self) -> bool:
        """Whether the mesh before is shown."""
        return self._before is not None and self.buffers is self._before

    def show_before(self, on: bool) -> None:
        """Shows the mesh before, or the one after, from where the camera is."""
        if on == self.is_before or self._before is None or self._after is None:
            return
        self._has_compared = True
        shown, kept = (self._before, self._after) if on else (self._after, self._before)
        self._item.set_buffers(shown, kept)
        self._update_section()
        self.before_toggled.emit(on)

    # ---- things of known size -----------------------------------------------------------------------------

    def set_things(self, things: tuple[tuple[PreviewBuffers, str], ...]) -> None:
        """Stands things of known size beside the mesh, each with its name; none takes them away.

        Args:
            things: standing on y = 0, centred in x and z.
        """
        self._things = things
        self._place_things()
        self.fly_to(self._framed())

    @property
    def things(self) -> tuple[PreviewBuffers, ...]:
        """The things as they stand there."""
        return tuple(item.buffers for item in self._beside if item.buffers is not None)

    def _place_things(self) -> None:
        for item in self._beside:
            item.set_buffers(None)
        after, labels = self._after, []
        while len(self._beside) < len(self._things):
            item = MeshItem(self._ground)
            item.plain, item.shading = BESIDE, Shading.LIT
            self._beside.append(item)
            self.addItem(item)
        if after is not None:
            gap = max(GAP_SHARE * radius_of(after.low, after.high), LEAST_GAP_M)
            right = self.camera.axes[0]  # level, so that nothing hides anything from where one looks now
            middle = (after.low + after.high) / 2
            start = middle - right * (middle @ right)
            start[1] = after.low[1]
            reach = float((after.outline @ right).max())
            for item, (thing, text) in zip(self._beside, self._things, strict=False):
                along = thing.outline @ right
                at = start + right * (reach + gap - float(along.min()))
                item.set_buffers(shifted(thing, at))
                labels.append(((float(at[0]), float(at[1] + thing.high[1]), float(at[2])), text))
                reach += gap + float(along.max() - along.min())
        self._labels = tuple(labels)
        self.redraw()

    def frame(self) -> None:
        """Moves the camera along its direction until everything fits."""
        self.camera = self._framed()

    def _framed(self) -> Camera:
        shown = [each for each in (self.buffers, *self.things) if each is not None]
        if not shown:
            return self.camera
        return self.camera.framing(np.concatenate([each.outline for each in shown]), self.width(), self.height())

    # ---- together -----------------------------------------------------------------------------------------

    def _take(self, buffers: PreviewBuffers | None) -> None:
        """Draws another mesh: what belonged to the one before goes."""
        self._flight.stop()
        was_before = self.is_before
        self._after, self._before = buffers, None
        self._has_compared = False
        self._highlight, self._legend, self._guessed = None, "", None
        self._pointing += 1
        self.ruler.clear()
        self._blocks.clear()
        super()._take(buffers)
        if buffers is None and self._plane is not None:
            self.set_section(None)
        self._update_section()
        self._place_things()
        if was_before:
            self.before_toggled.emit(False)

    def _update_marks(self) -> None:
        highlight, guessed = (None, None) if self.is_before else (self._highlight, self._guessed)
        self._marks.marks = Marks(
            highlight,
            self._cut,
            guessed[0] if guessed is not None else None,
            guessed[1] if guessed is not None else None,
        )
        self.redraw()

    def _overlaid(self, buffers: PreviewBuffers) -> Overlaid:
        shown = super()._overlaid(buffers)
        captions = list(shown.captions)
        if self._plane is not None:
            captions.append(("section", f"{AXES[self._plane.axis]} = {place_on_axis(self._plane.at_m)}"))
            if self._section is not None and self._section.is_closed and len(self._section.faces):
                captions.append(("cut area", _area_text(self._section.area_m2)))
        hovered = self.ruler.hovered
        return replace(
            shown,
            captions=tuple(captions),
            note=shown.note or self._section_note(),
            chip=("Before" if self.is_before else "After") if self._has_compared else "",
            legend=self._legend_lines(),
            labels=self._labels,
            ruler=tuple(_as_point(end) for end in self.ruler.line),
            hovered=(_as_point(hovered.point), hovered.is_corner) if hovered is not None else None,
        )

    def _section_note(self) -> str:
        if self._section is None or self._section.is_closed:
            return ""
        return "The surface is open here: there is no inside to fill"

    def _legend_lines(self) -> tuple[tuple[Colour, str], ...]:
        if self.is_before:
            return ()
        lines: list[tuple[Colour, str]] = []
        if self._legend:
            lines.append((SIGNAL, self._legend))
        if self._guessed is not None:
            share = round(100 * self._guessed[2])
            lines.append((GUESSED, f"Guessed: {100 - share} %   ·   Seen by the picture: {share} %"))
        if self._cut is not None and self._cut.cap is not None:
            lines.append((CUT, "Cut surface"))
        return tuple(lines)

    # ---- what rays and planes look things up in -----------------------------------------------------------

    def _index(self) -> FaceBlocks | None:
        """The blocks of what is shown; None while they are being made in the background."""
        buffers = self.buffers
        if buffers is None:
            return None
        for blocks in self._blocks:
            if blocks.triangles is buffers.full:
                return blocks
        if len(buffers.full.indices) <= AT_ONCE_FACES:
            self._blocks.append(FaceBlocks(buffers.full))
            return self._blocks[-1]
        if not any(each is buffers for each in self._indexing):
            self._indexing.append(buffers)
            self._pool.start(_Indexing(self, buffers))
        return None

    @Slot(object)
    def _on_indexed(self, blocks: FaceBlocks) -> None:
        self._indexing = [each for each in self._indexing if each.full is not blocks.triangles]
        wanted = [each for each in (self._after, self._before) if each is not None]
        if any(each.full is blocks.triangles for each in wanted):
            self._blocks.append(blocks)
            if self._plane is not None:
                self._update_section()

    def hideEvent(self, event: QHideEvent) -> None:
        """Ends a flight at once while nobody looks."""
        if self._flight.is_under_way:
            self._flight.stop()
            self._put_camera(self._flight.goal)
        super().hideEvent(event)


class _Indexing(QRunnable):
    """Makes the blocks of a mesh in a thread of the view's pool."""

    def __init__(self, view: ToolView, buffers: PreviewBuffers) -> None:
        super().__init__()
        self._view = view
        self._buffers = buffers

    def run(self) -> None:
        """Called by the pool."""
        blocks = FaceBlocks(self._buffers.full)
        with contextlib.suppress(RuntimeError):  # the view was deleted meanwhile
            self._view._indexed.emit(blocks)


class _Highlighting(QRunnable):
    """Makes a place ready to be drawn, in a thread of the view's pool where it is large."""

    def __init__(
        self, view: ToolView, number: int, place: Place, buffers: PreviewBuffers, told: tuple[str, bool]
    ) -> None:
        super().__init__()
        self._view = view
        self._number = number
        self._place = place
        self._buffers = buffers
        self._told = told

    def run(self) -> None:
        """Called by the pool."""
        highlight = highlight_of(self._place, self._buffers)
        with contextlib.suppress(RuntimeError):  # the view was deleted meanwhile
            self._view._highlighted.emit(self._number, highlight, *self._told)


def place_text(place: Place) -> str:
    """What a place holds, in words."""
    parts = []
    for count, one in ((len(place.faces), "face"), (len(place.edges), "edge"), (len(place.points), "point")):
        if count:
            parts.append(f"{count:,} {one}{'' if count == 1 else 's'}")
    return ", ".join(parts)


def _area_text(area_m2: float) -> str:
    cm2 = area_m2 * 1e4
    return f"{cm2:.2f} cm²" if cm2 < 1e4 else f"{area_m2:.2f} m²"


def _as_point(values: NDArray[np.float64]) -> Point:
    return float(values[0]), float(values[1]), float(values[2])
