"""Lets the buttons of the view's bar, the tools of the 3D view and what they need from aside know of each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from img2model_desktop.gui.calls import result_to_show
from img2model_desktop.gui.latest_call import Caller, LatestCall
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.view.bar import ViewBar
from img2model_desktop.gui.view.calls import Seen, seen_to_show, things_to_show

if TYPE_CHECKING:
    from img2model_desktop.core.section import Plane
    from img2model_desktop.core.verdict.findings import Place
    from img2model_desktop.gui.view.section_bar import SectionBar
    from img2model_desktop.gui.view.tool_view import ToolView

_NO_MESH = "There is no mesh yet"
_NOT_SEEN = "Only for a mesh that was made from a picture"
_NOTHING_BEFORE = "Nothing was changed on this mesh"


class ViewTools(QObject):
    """The tools of one view.

    Args:
        caller: runs calls aside.
        bar: has the actions.

    Signals:
        trouble_met: (object) a `Trouble`.
    """

    trouble_met = Signal(object)

    def __init__(self, caller: Caller, bar: ViewBar, parent: QObject) -> None:
        super().__init__(parent)
        self._bar = bar
        self._view: ToolView | None = None
        self._section_bar: SectionBar | None = None
        self._path: Path | None = None  # of the mesh that is on screen or being read
        self._is_shown = False  # ... and whether it is on screen
        self._before: Path | None = None
        self._is_seen_possible = False
        self._pointed: tuple[Place, bool, str] | None = None
        self._seen: Seen | None = None
        self._things: Any = None
        self._calls = {name: LatestCall(caller, self) for name in ("before", "seen", "reference")}
        self._calls["before"].answered.connect(self._on_before_read)
        self._calls["seen"].answered.connect(self._on_seen_known)
        self._calls["reference"].answered.connect(self._on_things_made)
        actions = bar.actions_by_name
        actions["ruler"].toggled.connect(self._on_ruler)
        actions["section"].toggled.connect(self._on_section)
        actions["reference"].toggled.connect(self._on_reference)
        actions["seen"].toggled.connect(self._on_seen)
        actions["before"].toggled.connect(self._on_before)
        self._update_actions()

    def start(self, view: "ToolView", section_bar: "SectionBar") -> None:
        """Takes the 3D view, once it is there, and the bar of its section."""
        self._view, self._section_bar = view, section_bar
        actions = self._bar.actions_by_name
        view.ruler_toggled.connect(actions["ruler"].setChecked)
        view.before_toggled.connect(actions["before"].setChecked)
        view.section_changed.connect(self._on_plane)
        section_bar.plane_wished.connect(view.set_section)
        section_bar.axis_wished.connect(lambda axis: view.set_section(view.default_plane(axis)))
        section_bar.closed.connect(lambda: view.set_section(None))
        section_bar.hide()
        self._update_actions()

    # ---- what is shown ------------------------------------------------------------------------------------

    def expect(self, path: Path | None) -> None:
        """Another mesh is being read, from that file or from nowhere: what was pointed at is forgotten."""
        self._path, self._is_shown, self._pointed, self._seen = path, False, None, None
        for name in ("before", "seen"):
            self._calls[name].forget()
        self._bar.actions_by_name["before"].setChecked(False)
        if self._view is not None:
            self._view.show_place(None)

    def arrived(self) -> None:
        """The mesh that was expected is on screen, or nothing is."""
        self._is_shown = True
        if self._view is not None and self._pointed is not None:
            self._view.show_place(*self._pointed)
        if self._bar.actions_by_name["seen"].isChecked() and self._can_be_seen():
            self._on_seen(True)
        self._update_actions()

    def show_place(self, place: "Place | None", zoom: bool, legend: str) -> None:
        """See `ViewPanel.show_place`; waits for a mesh that is still being read."""
        self._pointed = None if place is None or place.is_empty else (place, zoom, legend)
        if self._view is not None and self._is_shown:
            self._view.show_place(*(self._pointed or (None, zoom, "")))

    def set_before(self, path: Path | None) -> None:
        """See `ViewPanel.set_before`."""
        self._before = path
        self._calls["before"].forget()
        if self._view is not None:
            self._view.set_before(None)
        self._bar.actions_by_name["before"].setChecked(False)
        self._update_actions()

    def set_seen_possible(self, on: bool) -> None:
        """See `ViewPanel.set_seen_possible`."""
        self._is_seen_possible = on
        if not on and self._view is not None:
            self._view.set_seen(None)
        self._update_actions()
        if self._is_shown and self._bar.actions_by_name["seen"].isChecked() and self._can_be_seen():
            self._on_seen(True)

    # ---- what the user wants ------------------------------------------------------------------------------

    @Slot(bool)
    def _on_ruler(self, on: bool) -> None:
        if self._view is not None:
            self._view.set_ruler(on)

    @Slot(bool)
    def _on_section(self, on: bool) -> None:
        view = self._view
        if view is not None and on != (view.section is not None):
            view.set_section(view.default_plane() if on else None)

    @Slot(object)
    def _on_plane(self, plane: "Plane | None") -> None:
        view, bar = self._view, self._section_bar
        self._bar.actions_by_name["section"].setChecked(plane is not None)
        if bar is None or view is None:
            return
        if plane is not None and view.buffers is not None:
            bar.show_plane(plane, view.buffers.low, view.buffers.high)
        bar.setVisible(plane is not None)

    @Slot(bool)
    def _on_reference(self, on: bool) -> None:
        if self._view is None:
            return
        if not on:
            self._calls["reference"].forget()
            self._view.set_things(())
        elif self._things is not None:
            self._view.set_things(self._things)
        else:
            self._calls["reference"].ask(things_to_show)

    @Slot(object, object)
    def _on_things_made(self, things: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self._refuse("reference", trouble)
        elif self._view is not None:
            self._things = things
            self._view.set_things(things)

    @Slot(bool)
    def _on_seen(self, on: bool) -> None:
        view = self._view
        if view is None or view.buffers is None:
            return
        if not on or not self._can_be_seen():
            self._calls["seen"].forget()
            view.set_seen(None)
        elif self._seen is not None:
            view.set_seen((self._seen.faces, self._seen.coarse, self._seen.share))
        else:
            self._calls["seen"].ask(seen_to_show, str(self._path), view.buffers.coarse)

    @Slot(object, object)
    def _on_seen_known(self, seen: Seen | None, trouble: Trouble | None) -> None:
        if trouble is not None:
            self._refuse("seen", trouble)
        elif seen is not None and seen.path == str(self._path):
            self._seen = seen
            self._on_seen(True)

    @Slot(bool)
    def _on_before(self, on: bool) -> None:
        view = self._view
        if view is None:
            return
        if not on:
            self._calls["before"].forget()
            view.show_before(False)
        elif view.has_before:
            view.show_before(True)
        elif self._before is not None:
            self._calls["before"].ask(result_to_show, str(self._before))

    @Slot(object, object)
    def _on_before_read(self, buffers: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self._refuse("before", trouble)
        elif self._view is not None and self._is_shown:
            self._view.set_before(buffers)
            self._view.show_before(True)

    def _refuse(self, name: str, trouble: Trouble) -> None:
        self._bar.actions_by_name[name].setChecked(False)
        self.trouble_met.emit(trouble)

    # ---- what can be wanted -------------------------------------------------------------------------------

    def _can_be_seen(self) -> bool:
        return self._is_seen_possible and self._path is not None

    def _update_actions(self) -> None:
        has_mesh = self._view is not None and self._view.buffers is not None
        reasons = dict.fromkeys(("ruler", "section", "reference", "seen", "before"), "" if has_mesh else _NO_MESH)
        if has_mesh and not self._can_be_seen():
            reasons["seen"] = _NOT_SEEN
        if has_mesh and self._before is None:
            reasons["before"] = _NOTHING_BEFORE
        for name, reason in reasons.items():
            self._bar.set_possible(name, reason)
