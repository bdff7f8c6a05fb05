"""The slim bar over the mesh: how it is shown."""

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QAction, QActionGroup, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QToolButton, QWidget

from img2model_desktop.gui.controls import ElidedLabel
from img2model_desktop.gui.icons import Icons

# name of the shading (render.look.Shading), icon, words, key
SHADINGS = (
    ("lit", "lit", "Lit", "1"),
    ("textured", "textured", "Texture only", "2"),
    ("matcap", "matcap", "Matcap", "3"),
    ("wireframe", "wireframe", "Wireframe", "4"),
    ("normals", "normals", "Normals", "5"),
    ("uv checker", "checker", "UV checker", "6"),
    ("sides", "sides", "Front and back of the surface", "7"),
)
TOGGLES = (
    ("wires", "mesh", "Edges over the surface", "W"),
    ("grid", "grid", "Grid", "G"),
    ("turntable", "turntable", "Turntable", "T"),
)
TOOLS = (
    ("ruler", "ruler", "Ruler", "M"),
    ("section", "section", "Section", "X"),
    ("reference", "reference", "Things of known size", "R"),
    ("seen", "seen", "Seen by the picture or guessed", "S"),
    ("before", "before", "Compare with before", "C"),
)
COMMANDS = (
    ("frame", "frame", "Frame the mesh", "F"),
    ("screenshot", "screenshot", "Screenshot…", "Ctrl+Shift+S"),
)


_ROOMY_PX = 640  # from this width on there are gaps between the groups
_WIDE_PX = 600  # ... and a button for each shading
_TIGHT_PX = 404  # below this width they stand without room between them
_NARROW_PX = 330


class ViewBar(QFrame):
    """Tool buttons for the actions of the view; the same actions are in the View menu.

    `actions_by_name` holds: one checkable action a shading, "wires", "grid", "turntable", "ruler", "section",
    "reference", "seen", "before", "frame", "screenshot". Where there is no room for all shadings they are in a menu.
    """

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("view_bar")
        self._icons = icons
        self._drawings: dict[str, str] = {}
        self._hints: dict[str, str] = {}
        self._gaps: list[QWidget] = []
        self._shading_buttons: list[QToolButton] = []
        self.actions_by_name: dict[str, QAction] = {}
        self.shadings = QActionGroup(self)
        self._title = ElidedLabel("dim")
        self._buttons: list[QToolButton] = []
        self._row = row = QHBoxLayout(self)
        row.setSizeConstraint(QHBoxLayout.SizeConstraint.SetNoConstraint)  # it gets narrower than it is when made
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(2)
        for name, icon, text, key in SHADINGS:
            self._shading_buttons.append(self._add(row, name, icon, text, key, checkable=True))
            self.shadings.addAction(self.actions_by_name[name])
        self.actions_by_name["lit"].setChecked(True)
        row.addWidget(self._shading_menu_button())
        row.addWidget(self._gap())
        for name, icon, text, key in TOGGLES:
            self._add(row, name, icon, text, key, checkable=True)
        self.actions_by_name["grid"].setChecked(True)
        row.addWidget(self._gap())
        for name, icon, text, key in TOOLS:
            self._add(row, name, icon, text, key, checkable=True)
        row.addWidget(self._gap())
        row.addWidget(self._title, 1)
        for name, icon, text, key in COMMANDS:
            self._add(row, name, icon, text, key, checkable=False)
        self.setFixedHeight(39)
        self.retint()

    @property
    def menu_actions(self) -> list[QAction | None]:
        """All actions for a menu, in groups: None draws a line."""
        made: list[QAction | None] = []
        for group in (SHADINGS, TOGGLES, TOOLS, COMMANDS):
            made += [*(self.actions_by_name[name] for name, *_ in group), None]
        return made

    def set_title(self, title: str) -> None:
        """What is shown, in a few words."""
        self._title.show_text(title)

    def set_possible(self, name: str, reason: str) -> None:
        """Enables an action, or says in its tool tip why it cannot be used: `reason`, "" when it can."""
        action = self.actions_by_name[name]
        action.setEnabled(not reason)
        action.setToolTip(f"{self._hints[name]}\n{reason}" if reason else self._hints[name])

    def minimumSizeHint(self) -> QSize:
        """With the shadings in their menu."""
        return QSize(_NARROW_PX, 39)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Puts the shadings into their menu and closes the gaps where there is little room."""
        super().resizeEvent(event)
        is_wide = event.size().width() >= _WIDE_PX
        for button in self._shading_buttons:
            button.setVisible(is_wide)
        self._menu_button.setVisible(not is_wide)
        for gap in self._gaps:
            gap.setFixedWidth(12 if event.size().width() >= _ROOMY_PX else 2)
        is_tight = event.size().width() < _TIGHT_PX
        self._row.setSpacing(0 if is_tight else 2)
        self._row.setContentsMargins(*((4, 4, 4, 4) if is_tight else (8, 4, 8, 4)))
        for button in self._buttons:
            button.setFixedWidth(27 if is_tight else 30)

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        for name, action in self.actions_by_name.items():
            action.setIcon(self._icons.icon(self._drawings[name]))

    def _add(self, row: QHBoxLayout, name: str, icon: str, text: str, key: str, checkable: bool) -> QToolButton:
        action = QAction(text, self)
        action.setCheckable(checkable)
        action.setShortcut(QKeySequence(key))
        hint = f"{text.rstrip('…')} ({QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)})"
        action.setToolTip(hint)
        self._hints[name] = hint
        self._drawings[name] = icon
        self.actions_by_name[name] = action
        button = QToolButton()
        button.setDefaultAction(action)
        button.setIconSize(QSize(20, 20))
        button.setFixedSize(30, 30)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setAccessibleName(text)
        row.addWidget(button)
        self._buttons.append(button)
        return button

    def _shading_menu_button(self) -> QToolButton:
        """One button for all shadings, which shows the one in use."""
        self._menu_button = button = QToolButton()
        menu = QMenu(button)
        menu.addActions(self.shadings.actions())
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setIconSize(QSize(20, 20))
        button.setFixedSize(42, 30)
        button.setToolTip("How the surface is shown")
        button.setAccessibleName("How the surface is shown")
        button.setVisible(False)
        for action in self.shadings.actions():
            action.changed.connect(self._show_shading)
        return button

    @Slot()
    def _show_shading(self) -> None:
        chosen = self.shadings.checkedAction()
        if chosen is not None:
            self._menu_button.setIcon(chosen.icon())

    def _gap(self) -> QWidget:
        gap = QWidget()
        gap.setFixedWidth(12)
        self._gaps.append(gap)
        return gap
