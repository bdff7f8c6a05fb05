"""The middle of the window: the mesh, the bar over it, the messages."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction, QColor, QPalette, QResizeEvent
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import QFrame, QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from img2model_desktop.errors import SetupProblem
from img2model_desktop.gui.calls import result_to_show, save_picture, shape_to_show
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.latest_call import Caller, LatestCall
from img2model_desktop.gui.messages import Message, MessageBar, Tone
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.gui.view.bar import SHADINGS, ViewBar
from img2model_desktop.gui.view.tools import ViewTools
from img2model_desktop.gui.work_bar import WorkBar

if TYPE_CHECKING:
    from img2model_desktop.core.verdict.findings import Place
    from img2model_desktop.gui.view.section_bar import SectionBar
    from img2model_desktop.gui.view.tool_view import ToolView

BESIDE_PX = 190  # that the captions, and the gizmo, need beside the section's bar
ABOVE_PX = 108  # ... and below it
WELCOME = "Your mesh appears here"
_GROUNDS = {
    True: "#262830",
    False: "#e6e8ed",
}  # the middle of the mesh view's gradient, for the moment before it is there


class ViewPanel(QWidget):
    """Shows meshes. The 3D view itself is made by `start_view`, after the window's first paint.

    Signals:
        screenshot_taken: (object) a Picture of the view with a transparent background.
        mesh_shown: what was asked for last is on screen.
        trouble_met: (object) a `Trouble`: a mesh could not be read.
    """

    screenshot_taken = Signal(object)
    mesh_shown = Signal()
    trouble_met = Signal(object)

    def __init__(self, caller: Caller, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._view: ToolView | None = None
        self._hint = WELCOME
        self._keeps_camera = False
        self._loading, self._saving = LatestCall(caller, self), LatestCall(caller, self)
        self.messages = MessageBar(icons)
        self.bar = ViewBar(icons)
        self._tools = ViewTools(caller, self.bar, self)
        self._section_bar: SectionBar | None = None
        self._over: list[QWidget] = []
        self.work = WorkBar(icons)
        self._place = QWidget()
        self._place.setAutoFillBackground(True)
        self._place.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._place.setMinimumSize(240, 160)
        # A window that gets its first OpenGL child later is made anew by Qt: it would flicker and lose the focus.
        self._seed = QOpenGLWidget(self._place)
        self._seed.resize(1, 1)
        # What is told lies over the mesh, so that the mesh does not jump when something is told.
        self._told = QWidget()
        column = QVBoxLayout(self._told)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.work)
        column.addWidget(self.messages)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(0)
        self._grid.addWidget(self.bar, 0, 0)
        self._grid.addWidget(self._place, 1, 0)
        self._grid.addWidget(self._told, 1, 0, Qt.AlignmentFlag.AlignTop)
        self.drop_frame = _drop_frame()
        self._grid.addWidget(self.drop_frame, 1, 0)
        self._grid.setRowStretch(1, 1)
        self._loading.answered.connect(self._on_loaded)
        self._saving.answered.connect(self._on_screenshot_saved)
        self._tools.trouble_met.connect(self.trouble_met)
        self.bar.shadings.triggered.connect(self._on_shading_chosen)
        self.bar.actions_by_name["screenshot"].triggered.connect(self.take_screenshot)
        self._update_actions()
        self.retint()

    @property
    def view(self) -> "ToolView | None":
        """The 3D view, once it is there."""
        return self._view

    def start_view(self) -> None:
        """Makes the 3D view. Imports OpenGL and numpy's neighbours, so it is called after the first paint."""
        from img2model_desktop.gui.view.section_bar import SectionBar
        from img2model_desktop.gui.view.tool_view import ToolView

        view = ToolView(self, dark=self._icons.colours.dark)
        view.setAccessibleName("Mesh")
        view.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        view.set_hint(self._hint)
        self._grid.replaceWidget(self._place, view)
        self._section_bar = SectionBar(self._icons, self)
        for sheet in self._over:
            sheet.raise_()
        self._told.raise_()
        self.drop_frame.raise_()
        self._place.deleteLater()
        self._view = view
        actions = self.bar.actions_by_name
        actions["wires"].toggled.connect(view.set_wires_visible)
        actions["grid"].toggled.connect(view.set_grid_visible)
        actions["turntable"].toggled.connect(view.set_turntable)
        actions["frame"].triggered.connect(view.frame)
        view.wires_toggled.connect(actions["wires"].setChecked)
        view.grid_toggled.connect(actions["grid"].setChecked)
        view.turntable_toggled.connect(actions["turntable"].setChecked)
        view.shading_changed.connect(lambda name: actions[name].setChecked(True))
        view.mesh_shown.connect(self._on_mesh_shown)
        self._tools.start(view, self._section_bar)
        self._place_section_bar()
        self._update_actions()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keeps the section's bar in its place."""
        super().resizeEvent(event)
        self._place_section_bar()

    def _place_section_bar(self) -> None:
        """Between the gizmo and the captions, or above them where there is no room between them."""
        bar = self._section_bar
        if bar is None:
            return
        wanted, height = bar.sizeHint().width(), bar.height()
        between = self.width() - 2 * BESIDE_PX
        lift = SPACE if between >= bar.minimumSizeHint().width() else ABOVE_PX
        width = min(wanted, between if lift == SPACE else self.width() - 2 * SPACE)
        bar.setGeometry((self.width() - width) // 2, self.height() - height - lift, width, height)

    # What is shown

    def show_result(self, path: Path, title: str, keep_camera: bool = False) -> None:
        """Reads a result aside, makes ready what is drawn, and shows it."""
        self.bar.set_title(title)
        if self._view is not None:
            self._view.set_hint("Opening the mesh…")
        self._keeps_camera = keep_camera
        self._tools.expect(path)
        self._loading.ask(result_to_show, str(path))

    def show_shape(self, path: Path, size_mm: float) -> None:
        """Reads the shape of a job under way and shows it in the size that its result will have."""
        self._keeps_camera = False
        self._tools.expect(None)
        self._loading.ask(shape_to_show, str(path), size_mm)

    def show_place(self, place: "Place | None", zoom: bool = True, legend: str = "") -> None:
        """Points at a place of the mesh on screen; another mesh forgets it.

        Args:
            place: its face numbers are those of the mesh file last given to `show_result`; None for nothing.
            zoom: whether the camera flies there.
            legend: what is written beside it, such as "3 holes"; "" for its count.
        """
        self._tools.show_place(place, zoom, legend)

    def set_before(self, path: Path | None) -> None:
        """What the mesh on screen was made from, to compare the two; None where there is nothing to compare."""
        self._tools.set_before(path)

    def set_seen_possible(self, on: bool) -> None:
        """Whether the mesh on screen came from a picture, so that one can ask what the picture saw of it."""
        self._tools.set_seen_possible(on)

    def clear(self, hint: str = WELCOME) -> None:
        """Shows no mesh, and says why."""
        self._loading.forget()
        self._tools.expect(None)
        self.bar.set_title("")
        self._hint = hint
        if self._view is not None:
            self._view.set_mesh(None)
            self._view.set_hint(hint)
        self._update_actions()

    def lay_over(self, sheet: QWidget) -> None:
        """Puts a sheet over the mesh, under what is told; hidden at first."""
        self._over.append(sheet)
        self._grid.addWidget(sheet, 1, 0)
        sheet.hide()
        self._told.raise_()

    def set_drop_target(self, is_target: bool) -> None:
        """Whether something that is opened here when it is dropped is over the window."""
        self.drop_frame.setVisible(is_target)

    def has_mesh(self) -> bool:
        """Whether a mesh is on screen."""
        return self._view is not None and self._view.buffers is not None

    @Slot()
    def take_screenshot(self) -> None:
        """Photographs the view; `screenshot_taken` brings the picture."""
        if self._view is None or not self.has_mesh():
            return
        try:
            picture = self._view.screenshot(transparent=True)
        except SetupProblem as problem:
            self.trouble_met.emit(Trouble(problem.kind, problem.message, problem.advice, problem.details))
            return
        self.screenshot_taken.emit(picture)

    def save_screenshot(self, picture: Any, path: str) -> None:
        """Writes a screenshot aside and says so."""
        self._saving.ask(save_picture, picture, path)

    def show_product_view(self) -> None:
        """Three-quarter from a little above."""
        if self._view is not None:
            self._view.show_product_view()

    def retint(self) -> None:
        """In the theme's colours."""
        self.bar.retint()
        self.messages.retint()
        if self._section_bar is not None:
            self._section_bar.retint()
        if self._view is None:
            ground = QPalette()
            ground.setColor(QPalette.ColorRole.Window, QColor(_GROUNDS[self._icons.colours.dark]))
            self._place.setPalette(ground)
        else:
            self._view.set_theme(self._icons.colours.dark)

    # Slots

    @Slot(object, object)
    def _on_loaded(self, buffers: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.clear("")
            self.trouble_met.emit(trouble)
        elif self._view is not None:
            self._view.set_mesh(buffers, keep_camera=self._keeps_camera and self.has_mesh())

    @Slot()
    def _on_mesh_shown(self) -> None:
        self._tools.arrived()
        self._update_actions()
        self.mesh_shown.emit()

    @Slot(object, object)
    def _on_screenshot_saved(self, path: str | None, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.trouble_met.emit(trouble)
        else:
            self.messages.tell(Message(Tone.INFO, f"Saved: {path}"))

    @Slot(QAction)
    def _on_shading_chosen(self, action: QAction) -> None:
        if self._view is None:
            return
        from img2model_desktop.render.look import Shading

        names: dict[QAction, str] = {self.bar.actions_by_name[name]: name for name, *_ in SHADINGS}
        self._view.set_shading(Shading(names[action]))

    def _update_actions(self) -> None:
        for name in ("frame", "screenshot", "turntable"):
            self.bar.actions_by_name[name].setEnabled(self.has_mesh())


def _drop_frame() -> QFrame:
    """Lies over the mesh while something that is opened here is dragged over the window."""
    made = QFrame()
    made.setObjectName("drop_frame")
    made.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    made.hide()
    return made
