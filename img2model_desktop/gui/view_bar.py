"""The slim bar over the mesh: how it is shown."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

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
COMMANDS = (
    ("frame", "frame", "Frame the mesh", "F"),
    ("screenshot", "screenshot", "Screenshot…", "Ctrl+Shift+S"),
)


class ViewBar(QFrame):
    """Tool buttons for the actions of the view; the same actions are in the View menu.

    `actions_by_name` holds: one checkable action a shading, "wires", "grid", "turntable", "frame", "screenshot".
    """

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("view_bar")
        self._icons = icons
        self._drawings: dict[str, str] = {}
        self.actions_by_name: dict[str, QAction] = {}
        self.shadings = QActionGroup(self)
        self._title = ElidedLabel("dim")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(2)
        for name, icon, text, key in SHADINGS:
            action = self._add(row, name, icon, text, key, checkable=True)
            self.shadings.addAction(action)
        self.actions_by_name["lit"].setChecked(True)
        row.addWidget(_gap())
        for name, icon, text, key in TOGGLES:
            self._add(row, name, icon, text, key, checkable=True)
        self.actions_by_name["grid"].setChecked(True)
        row.addWidget(_gap())
        row.addWidget(self._title, 1)
        for name, icon, text, key in COMMANDS:
            self._add(row, name, icon, text, key, checkable=False)
        self.setFixedHeight(39)
        self.retint()

    def set_title(self, title: str) -> None:
        """What is shown, in a few words."""
        self._title.show_text(title)

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        for name, action in self.actions_by_name.items():
            action.setIcon(self._icons.icon(self._drawings[name]))

    def _add(self, row: QHBoxLayout, name: str, icon: str, text: str, key: str, checkable: bool) -> QAction:
        action = QAction(text, self)
        action.setCheckable(checkable)
        action.setShortcut(QKeySequence(key))
        action.setToolTip(f"{text.rstrip('…')} ({QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)})")
        self._drawings[name] = icon
        self.actions_by_name[name] = action
        button = QToolButton()
        button.setDefaultAction(action)
        button.setIconSize(QSize(20, 20))
        button.setFixedSize(30, 30)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setAccessibleName(text)
        row.addWidget(button)
        return action


def _gap() -> QWidget:
    gap = QLabel()
    gap.setFixedWidth(12)
    return gap
