"""The menu bar: everything the window can do, with its key."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from img2model_desktop.gui.about import native
from img2model_desktop.gui.theme import ThemeChoice


@dataclass(frozen=True, slots=True)
class Entry:
    """One action of a menu.

    Args:
        name: by which `Menus.action` finds it.
        text: in the menu.
        key: its shortcuts, separated by " | "; "" for none.
        act: what it does.
    """

    name: str
    text: str
    key: str
    act: Callable[[], object]


class Menus:
    """Fills a window's menu bar.

    Args:
        window: whose menu bar.
        groups: `(title, entries)` of each menu; None draws a line.
        view_actions: actions of the view bar, which come first in the View menu.
        choose_theme: called with the user's choice.
        theme: the choice shown at first.
    """

    def __init__(
        self,
        window: QMainWindow,
        groups: list[tuple[str, list[Entry | None]]],
        view_actions: list[QAction | None],
        choose_theme: Callable[[ThemeChoice], None],
        theme: ThemeChoice,
    ) -> None:
        self._actions: dict[str, QAction] = {}
        self._menus: list[QMenu] = []
        for title, entries in groups:
            menu = window.menuBar().addMenu(title)
            menu.setToolTipsVisible(True)
            self._menus.append(menu)
            if title == "&View":
                for action in view_actions:
                    if action is None:
                        menu.addSeparator()
                    else:
                        menu.addAction(action)
            for entry in entries:
                if entry is None:
                    menu.addSeparator()
                else:
                    self._add(menu, entry)
            if title == "&View":
                self._add_themes(menu, choose_theme, theme)

    def action(self, name: str) -> QAction:
        """One action."""
        return self._actions[name]

    def keys(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """`(menu, ((action, keys), ...))` for every action that has a key."""
        return [
            (
                menu.title().replace("&", ""),
                [
                    (action.text().replace("&", "").rstrip("…"), ", ".join(native(key) for key in action.shortcuts()))
                    for action in menu.actions()
                    if action.shortcuts()
                ],
            )
            for menu in self._menus
        ]

    def _add(self, menu: QMenu, entry: Entry) -> None:
        action = menu.addAction(entry.text)
        action.setShortcuts([QKeySequence(key) for key in entry.key.split(" | ") if key])
        action.triggered.connect(lambda: entry.act())
        self._actions[entry.name] = action

    def _add_themes(self, menu: QMenu, choose: Callable[[ThemeChoice], None], theme: ThemeChoice) -> None:
        themes = menu.addMenu("Theme")
        group = QActionGroup(themes)
        texts = {ThemeChoice.SYSTEM: "As the system", ThemeChoice.DARK: "Dark", ThemeChoice.LIGHT: "Light"}
        for choice, text in texts.items():
            action = themes.addAction(text)
            action.setCheckable(True)
            action.setChecked(choice is theme)
            action.triggered.connect(lambda _=False, choice=choice: choose(choice))
            group.addAction(action)
            self._actions[f"theme_{choice}"] = action
