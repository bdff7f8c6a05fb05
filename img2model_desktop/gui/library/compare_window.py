"""Two results side by side, seen by cameras that move as one, with what tells them apart below. It is never modal."""

from typing import Any

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QKeySequence
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from img2model_desktop.core.verdict.words import LEVELS, PURPOSES, UNKNOWN
from img2model_desktop.gui.calls import result_to_show
from img2model_desktop.gui.controls import ElidedLabel, label
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.latest_call import Caller, LatestCall
from img2model_desktop.gui.library.compare_views import LinkedView, Pair
from img2model_desktop.gui.library.details import level_picture
from img2model_desktop.gui.library.words import facts_of
from img2model_desktop.gui.messages import Message, MessageBar, Tone
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.side_windows import BesideWindow
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.gui.view.bar import SHADINGS
from img2model_desktop.jobs.shelf import Entry
from img2model_desktop.render.look import Shading

SIZE = (1200, 780)
FACTS = ("Engine", "Quality", "Size", "Triangles", "Watertight", "Made in", "On disk")


class CompareWindow(BesideWindow):
    """Two meshes, linked.

    Keys, besides those of each view: L links the cameras or lets them go, Z same scale, X swaps the two.

    Args:
        caller: reads meshes aside.
        parent: the main window; this one closes with it.
    """

    def __init__(self, caller: Caller, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("Compare")
        self.resize(*SIZE)
        self.setMinimumSize(640, 480)
        self._icons = icons
        self._entries: list[Entry] = []
        self.views = (self._view("Left mesh"), self._view("Right mesh"))
        self.pair = Pair(*self.views, parent=self)
        self.titles = (ElidedLabel("title"), ElidedLabel("title"))
        self.messages = MessageBar(icons)
        self.actions_by_name: dict[str, QAction] = {}
        self._shadings = QActionGroup(self)
        self._drawings: dict[str, str] = {}
        self._calls = (LatestCall(caller, self), LatestCall(caller, self))
        self._facts = (QGridLayout(), QGridLayout())
        self._build()
        self._connect()
        self.retint()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What is shown, the left one first."""
        return tuple(self._entries)

    def compare(self, left: Entry, right: Entry) -> None:
        """Shows two results as their edits have left them."""
        from img2model_desktop.jobs.edits import current_mesh

        self.messages.clear()
        self._entries = [left, right]
        self._show_words()
        for call, view, entry in zip(self._calls, self.views, self._entries, strict=True):
            view.set_mesh(None)
            view.set_hint("Opening the mesh…")
            call.ask(result_to_show, str(current_mesh(entry.row.folder)))

    def refresh(self, entry: Entry) -> None:
        """Something else is known of one of them."""
        if any(shown.row.id == entry.row.id for shown in self._entries):
            self._entries = [entry if shown.row.id == entry.row.id else shown for shown in self._entries]
            self._show_words()

    @Slot()
    def swap(self) -> None:
        """The left one to the right, the right one to the left; the cameras stay."""
        if len(self._entries) != 2:
            return
        buffers = [view.buffers for view in self.views]
        cameras = [view.camera for view in self.views]
        self._entries.reverse()
        self._show_words()
        for view, shown, camera in zip(self.views, reversed(buffers), reversed(cameras), strict=True):
            view.set_mesh(shown, keep_camera=True)
            view.follow(camera)

    def retint(self) -> None:
        """In the theme's colours."""
        self.messages.retint()
        for name, action in self.actions_by_name.items():
            action.setIcon(self._icons.icon(self._drawings[name]))
        for view in self.views:
            view.set_theme(self._icons.colours.dark)
        self._show_words()

    # building

    def _view(self, name: str) -> LinkedView:
        made = LinkedView(self, dark=self._icons.colours.dark)
        made.setAccessibleName(name)
        made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        made.set_hint("Choose two meshes in the library, and Compare.")
        return made

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._build_bar())
        column.addWidget(self.messages)
        both = QGridLayout()
        both.setContentsMargins(0, 0, 0, 0)
        both.setHorizontalSpacing(1)
        both.setVerticalSpacing(0)
        for side, (title, view) in enumerate(zip(self.titles, self.views, strict=True)):
            title.setContentsMargins(12, 8, 12, 8)
            both.addWidget(title, 0, side)
            both.addWidget(view, 1, side)
            both.setColumnStretch(side, 1)
            grid = self._facts[side]
            grid.setContentsMargins(12, 10, 12, 12)
            grid.setHorizontalSpacing(12)
            grid.setVerticalSpacing(3)
            grid.setColumnStretch(1, 1)
            grid.setColumnMinimumWidth(2, SPACE * 2)
            grid.setColumnMinimumWidth(5, 64)
            both.addLayout(grid, 2, side)
        both.setRowStretch(1, 1)
        column.addLayout(both, 1)

    def _build_bar(self) -> QWidget:
        bar = QFrame()
        bar.setObjectName("view_bar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(2)
        for name, icon, text, key in SHADINGS:
            row.addWidget(self._tool(name, icon, f"{text} ({key})", is_on=name == "lit"))
            self._shadings.addAction(self.actions_by_name[name])
        row.addSpacing(12)
        for name, icon, text, is_on in (
            ("wires", "mesh", "Edges over the surface (W)", False),
            ("grid", "grid", "Grid (G)", True),
            ("turntable", "turntable", "Turntable (T)", False),
        ):
            row.addWidget(self._tool(name, icon, text, is_on=is_on))
        row.addStretch()
        for name, icon, text, is_on in (
            ("link", "link", "Cameras move as one", True),
            ("scale", "ruler", "Same scale", False),
        ):
            row.addWidget(self._tool(name, icon, f"{text} ({'L' if name == 'link' else 'Z'})", is_on=is_on, words=text))
        row.addWidget(self._tool("swap", "swap", "Swap the two (X)", words="Swap"))
        row.addWidget(self._tool("frame", "frame", "Both in view (F)"))
        return bar

    def _tool(self, name: str, icon: str, tip: str, is_on: bool | None = None, words: str = "") -> QToolButton:
        action = QAction(words or tip, self)
        action.setToolTip(tip)
        action.setCheckable(is_on is not None)
        action.setChecked(bool(is_on))
        self.actions_by_name[name] = action
        self._drawings[name] = icon
        button = QToolButton()
        button.setDefaultAction(action)
        button.setIconSize(QSize(20, 20))
        button.setAccessibleName(tip)
        if words:
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        return button

    def _connect(self) -> None:
        actions, left = self.actions_by_name, self.views[0]
        for name, *_ in SHADINGS:
            actions[name].triggered.connect(lambda _=False, name=name: left.set_shading(Shading(name)))
        left.shading_changed.connect(lambda name: actions[name].setChecked(True))
        for name, set_on, toggled in (
            ("wires", left.set_wires_visible, left.wires_toggled),
            ("grid", left.set_grid_visible, left.grid_toggled),
            ("turntable", left.set_turntable, left.turntable_toggled),
        ):
            actions[name].toggled.connect(set_on)
            toggled.connect(actions[name].setChecked)
        actions["link"].toggled.connect(self.pair.set_linked)
        actions["scale"].toggled.connect(self.pair.set_same_scale)
        actions["swap"].triggered.connect(self.swap)
        actions["frame"].triggered.connect(self.pair.frame)
        for key, name in (("L", "link"), ("Z", "scale"), ("X", "swap")):
            actions[name].setShortcut(QKeySequence(key))
            self.addAction(actions[name])
        for side, call in enumerate(self._calls):
            call.answered.connect(lambda buffers, trouble, side=side: self._on_read(side, buffers, trouble))

    # what is shown

    def _show_words(self) -> None:
        for title, entry in zip(self.titles, self._entries, strict=False):
            title.show_text(entry.row.title)
        for side, grid in enumerate(self._facts):
            _empty(grid)
            if len(self._entries) == 2:
                self._show_side(grid, self._entries[side], self._entries[1 - side])

    def _show_side(self, grid: QGridLayout, entry: Entry, other: Entry) -> None:
        """What one of them is; what differs from the other stands out."""
        facts, others = dict(facts_of(entry)), dict(facts_of(other))
        for row, name in enumerate(FACTS):
            value = facts.get(name, "–")
            grid.addWidget(label(name, "dim"), row, 0)
            grid.addWidget(label(value, "title" if value != others.get(name, "–") else "dim"), row, 1)
        for row, words in enumerate(PURPOSES):
            level = LEVELS.get(entry.verdict.get(words.key, ""), UNKNOWN)
            icon = QLabel()
            icon.setPixmap(level_picture(self._icons, level, self.devicePixelRatioF()))
            grid.addWidget(icon, row, 3)
            grid.addWidget(label(words.title, "value"), row, 4)
            shown = label(level.word, level.tone)
            shown.setToolTip(level.sentence.format(use=words.use))
            grid.addWidget(shown, row, 5)

    def _on_read(self, side: int, buffers: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.views[side].set_hint("This mesh cannot be shown.")
            self.messages.tell(Message(Tone.ERROR, trouble.message, trouble.advice, trouble.details))
            return
        self.views[side].set_mesh(buffers, keep_camera=True)
        self.pair.show_product_view()

    # keys and end

    def closeEvent(self, event: QCloseEvent) -> None:
        for call in self._calls:
            call.forget()
        for view in self.views:
            view.set_turntable(False)
        super().closeEvent(event)


def _empty(grid: QGridLayout) -> None:
    while (item := grid.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
