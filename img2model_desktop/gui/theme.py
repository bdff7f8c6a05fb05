"""Colours, palette and style sheet: dark, light, or as the system."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from string import Template

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

SPACE = 8  # pixels; every distance in the window is a multiple of it or its half
RADIUS = 6


class ThemeChoice(StrEnum):
    """What the user wants."""

    SYSTEM = "system"
    DARK = "dark"
    LIGHT = "light"


@dataclass(frozen=True, slots=True)
class Colours:
    """Every colour of the window, as "#rrggbb".

    Args:
        dark: whether these are the dark ones.
        window: behind and between the panels.
        panel: of the panels.
        raised: of buttons and fields on a panel.
        hover: of a raised thing under the pointer.
        base: of the picture's and the mesh's ground.
        line, line_strong: hairlines, and the edges of fields.
        text, dim, faint: what is read, what is read second, what is switched off.
        accent, accent_hover, on_accent: the one colour that calls, and text on it.
        focus: ring around what the keyboard reaches.
        good, warn, bad: states; legible on panel and raised.
        check_a, check_b: of the checkerboard behind a cut-out.
    """

    dark: bool
    window: str
    panel: str
    raised: str
    hover: str
    base: str
    line: str
    line_strong: str
    text: str
    dim: str
    faint: str
    accent: str
    accent_hover: str
    on_accent: str
    focus: str
    good: str
    warn: str
    bad: str
    check_a: str
    check_b: str


DARK = Colours(
    dark=True,
    window="#17181a",
    panel="#222326",
    raised="#2d2f33",
    hover="#383a40",
    base="#1b1c1e",
    line="#33353a",
    line_strong="#494c54",
    text="#e9e9ec",
    dim="#a6a9b2",
    faint="#6f727b",
    accent="#4a69f0",
    accent_hover="#5c79f6",
    on_accent="#ffffff",
    focus="#8fa4ff",
    good="#5fc08f",
    warn="#e3b05a",
    bad="#f27d78",
    check_a="#2a2b2e",
    check_b="#333539",
)

LIGHT = Colours(
    dark=False,
    window="#dfe0e4",
    panel="#f5f5f7",
    raised="#ffffff",
    hover="#e9eaee",
    base="#e6e7ea",
    line="#d9dade",
    line_strong="#bcbec6",
    text="#1b1c1f",
    dim="#595c65",
    faint="#989ba4",
    accent="#3d5ae6",
    accent_hover="#2f4bd2",
    on_accent="#ffffff",
    focus="#3d5ae6",
    good="#17683c",
    warn="#855600",
    bad="#b02825",
    check_a="#ffffff",
    check_b="#ebecef",
)


class Theme(QObject):
    """The theme in use; applies it to the application and says when it changes.

    Signals:
        changed: the colours in use are others now.
    """

    changed = Signal()

    def __init__(self, application: QApplication, choice: ThemeChoice, icons: Path) -> None:
        super().__init__(application)
        self._application = application
        self._icons = icons
        self._choice = choice
        self.colours = DARK
        application.setStyle("Fusion")
        application.styleHints().colorSchemeChanged.connect(self._on_system_changed)
        self._apply()

    @property
    def choice(self) -> ThemeChoice:
        return self._choice

    def choose(self, choice: ThemeChoice) -> None:
        """Changes the theme at once."""
        if choice is not self._choice:
            self._choice = choice
            self._apply()
            self.changed.emit()

    @Slot()
    def _on_system_changed(self) -> None:
        if self._choice is ThemeChoice.SYSTEM and self._wanted() is not self.colours:
            self._apply()
            self.changed.emit()

    def _wanted(self) -> Colours:
        if self._choice is ThemeChoice.SYSTEM:
            light = self._application.styleHints().colorScheme() is Qt.ColorScheme.Light
            return LIGHT if light else DARK
        return LIGHT if self._choice is ThemeChoice.LIGHT else DARK

    def _apply(self) -> None:
        # Title bars follow the scheme on the systems that draw them.
        scheme = {
            ThemeChoice.SYSTEM: Qt.ColorScheme.Unknown,
            ThemeChoice.DARK: Qt.ColorScheme.Dark,
            ThemeChoice.LIGHT: Qt.ColorScheme.Light,
        }[self._choice]
        self._application.styleHints().setColorScheme(scheme)
        self.colours = self._wanted()
        self._application.setPalette(palette(self.colours))
        self._application.setStyleSheet(style_sheet(self.colours, self._icons))


def palette(colours: Colours) -> QPalette:
    """The palette of the window's own widgets and of every Qt dialog."""
    role = QPalette.ColorRole
    made = QPalette()
    for target, colour in {
        role.Window: colours.panel,
        role.WindowText: colours.text,
        role.Base: colours.raised,
        role.AlternateBase: colours.panel,
        role.ToolTipBase: colours.raised,
        role.ToolTipText: colours.text,
        role.PlaceholderText: colours.dim,
        role.Text: colours.text,
        role.Button: colours.raised,
        role.ButtonText: colours.text,
        role.BrightText: colours.bad,
        role.Light: colours.hover,
        role.Midlight: colours.hover,
        role.Mid: colours.line,
        role.Dark: colours.line_strong,
        role.Shadow: colours.window,
        role.Highlight: colours.accent,
        role.HighlightedText: colours.on_accent,
        role.Accent: colours.accent,
        role.Link: colours.focus,
        role.LinkVisited: colours.focus,
    }.items():
        made.setColor(target, QColor(colour))
    for target in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        made.setColor(QPalette.ColorGroup.Disabled, target, QColor(colours.faint))
    made.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(colours.line))
    return made


def style_sheet(colours: Colours, icons: Path) -> str:
    """The style sheet in these colours; `icons` is the folder of its two pictures."""
    names = {name: str(getattr(colours, name)) for name in Colours.__dataclass_fields__ if name != "dark"}
    return Template(_SHEET).substitute(names, icons=icons.as_posix())


_SHEET = """
QMainWindow, QMainWindow > QWidget#ground { background: $window; }
QWidget#panel, QWidget#panel_page { background: $panel; }
QLabel { background: transparent; }
QLabel[tone="dim"] { color: $dim; }
QLabel[tone="bad"] { color: $bad; }
QLabel[tone="warn"] { color: $warn; }
QLabel[tone="good"] { color: $good; }
QLabel[tone="title"] { color: $text; font-weight: 600; }
QLabel[tone="value"] { color: $text; }

QSplitter::handle { background: $window; }
QSplitter::handle:hover { background: $line_strong; }
QScrollArea, QScrollArea > QWidget > QWidget#panel_page { background: $panel; border: none; }

QPushButton {
    background: $raised; color: $text; border: 1px solid $line_strong; border-radius: 6px;
    padding: 0 12px; min-height: 28px;
}
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $line; }
QPushButton:focus { border: 1px solid $focus; }
QPushButton:disabled { color: $faint; border-color: $line; }
QPushButton#primary {
    background: $accent; color: $on_accent; border: 1px solid $accent; font-weight: 600; min-height: 40px;
}
QPushButton#primary:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton#primary:focus { border: 2px solid $focus; }
QPushButton#primary:disabled { background: $raised; color: $faint; border-color: $line; }

QPushButton#large { min-height: 36px; }
QPushButton#small { min-height: 22px; padding: 0 8px; border-radius: 5px; }
QPushButton#small:checked { background: $accent; color: $on_accent; border-color: $accent; }
QPushButton#accent { background: $accent; color: $on_accent; border: 1px solid $accent; font-weight: 600; }
QPushButton#accent:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton#accent:focus { border: 2px solid $focus; }
QPushButton#accent:disabled { background: $raised; color: $faint; border-color: $line; }
QPushButton#operation { text-align: left; padding: 0 8px; min-height: 26px; border-color: $line; }
QPushButton#operation:focus { border-color: $focus; }

QToolButton { background: transparent; color: $text; border: 1px solid transparent; border-radius: 6px; padding: 4px; }
QToolButton:hover { background: $hover; }
QToolButton:pressed { background: $line; }
QToolButton:checked { background: $hover; border: 1px solid $line_strong; }
QToolButton:focus { border: 1px solid $focus; }
QToolButton:disabled { color: $faint; }
QToolButton#section { color: $dim; padding: 4px 4px 4px 0; margin-left: -4px; font-weight: 600; }
QToolButton#section:checked { background: transparent; border-color: transparent; color: $text; }
QToolButton#section:hover { color: $text; background: transparent; }
QToolButton#section:focus { border-color: $focus; }
QToolButton[reset="true"] { padding: 1px; }

QFrame#segments { background: $base; border: 1px solid $line; border-radius: 7px; }
QFrame#segments QToolButton { border-radius: 5px; padding: 3px 6px; color: $dim; }
QFrame#segments QToolButton:hover { color: $text; background: transparent; }
QFrame#segments QToolButton:checked { background: $hover; border: 1px solid $line_strong; color: $text; }
QFrame#segments QToolButton:focus { border: 1px solid $focus; }
QFrame#segments QToolButton:disabled { color: $faint; }

QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox, QComboBox {
    background: $raised; color: $text; border: 1px solid $line_strong; border-radius: 6px;
    selection-background-color: $accent; selection-color: $on_accent;
}
QLineEdit, QAbstractSpinBox, QComboBox { min-height: 28px; padding: 0 8px; }
QAbstractSpinBox QLineEdit { border: none; background: transparent; padding: 0 8px; min-height: 0; }
QPlainTextEdit, QTextEdit { padding: 4px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QAbstractSpinBox:focus, QComboBox:focus {
    border: 1px solid $focus;
}
QLineEdit:disabled, QPlainTextEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled {
    color: $faint; border-color: $line; background: $panel;
}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; height: 0; border: none; }
QComboBox:hover { background: $hover; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: url("$icons/control-down.svg"); width: 12px; height: 12px; }
QComboBox QAbstractItemView {
    background: $raised; color: $text; border: 1px solid $line_strong; outline: none; padding: 4px;
    selection-background-color: $accent; selection-color: $on_accent;
}
QCheckBox { spacing: 8px; color: $text; }
QCheckBox::indicator {
    width: 16px; height: 16px; border: 1px solid $line_strong; border-radius: 4px; background: $raised;
}
QCheckBox::indicator:hover { background: $hover; }
QCheckBox::indicator:checked {
    background: $accent; border-color: $accent; image: url("$icons/control-check.svg");
}
QCheckBox::indicator:focus { border-color: $focus; }

QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $line_strong; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::sub-page:horizontal:disabled { background: $line_strong; }
QSlider::handle:horizontal {
    width: 12px; height: 12px; margin: -5px 0; border-radius: 7px; background: $text; border: 1px solid $panel;
}
QSlider::handle:horizontal:focus { border: 2px solid $focus; width: 10px; height: 10px; }
QSlider::handle:horizontal:disabled { background: $faint; }

QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: $line_strong; border-radius: 4px; margin: 2px; }
QScrollBar::handle:hover { background: $faint; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QMenuBar { background: $panel; color: $text; border-bottom: 1px solid $line; padding: 2px 4px; }
QMenuBar::item { padding: 4px 8px; border-radius: 4px; background: transparent; }
QMenuBar::item:selected { background: $hover; }
QMenu { background: $raised; color: $text; border: 1px solid $line_strong; padding: 4px; }
QMenu::item { padding: 5px 28px 5px 12px; border-radius: 4px; }
QMenu::item:selected { background: $accent; color: $on_accent; }
QMenu::item:disabled { color: $faint; background: transparent; }
QMenu::separator { height: 1px; background: $line; margin: 4px 8px; }
QMenu::icon { padding-left: 8px; }
QToolTip { background: $raised; color: $text; border: 1px solid $line_strong; padding: 4px 6px; }

QListView#strip { background: $panel; border: none; outline: none; }
QListView#thumbs { background: $panel; border: none; outline: none; }
QListView#thumbs::item { border: 2px solid transparent; border-radius: 6px; background: transparent; }
QListView#thumbs::item:hover { background: $hover; }
QListView#thumbs::item:selected { border: 2px solid $accent; background: transparent; }
QListView#thumbs::item:selected:focus { border: 2px solid $focus; }
QFrame#finding, QFrame#card { background: $raised; border: 1px solid $line; border-radius: 6px; }
QFrame#finding:hover { background: $hover; }
QFrame#finding:focus { border: 1px solid $focus; }
QFrame#finding[marked="true"] { background: $hover; border: 1px solid $accent; }
QListWidget#stack { background: $base; border: 1px solid $line; border-radius: 6px; outline: none; padding: 4px; }
QListWidget#stack::item { border: 1px solid transparent; border-radius: 4px; padding: 0 6px; min-height: 24px; }
QListWidget#stack::item:hover { background: $hover; }
QListWidget#stack::item:selected { background: $hover; color: $text; border-color: $line_strong; }
QListWidget#stack:focus { border-color: $focus; }
QFrame#rule { background: $line; border: none; max-height: 1px; min-height: 1px; }
QFrame#message { background: $raised; border: none; border-bottom: 1px solid $line; }
QFrame#view_bar { background: $panel; border: none; border-bottom: 1px solid $line; }
QFrame#floating { background: $raised; border: 1px solid $line_strong; border-radius: 8px; }
QFrame#intake { background: $base; border: 1px dashed $line_strong; border-radius: 8px; }
QFrame#intake[target="true"] { background: $hover; border: 1px solid $accent; }
QLabel#badge { background: $base; color: $dim; border: 1px solid $line; border-radius: 5px; padding: 1px 6px; }
QLabel#badge[tone="warn"] { color: $warn; }
QListWidget#variants { background: transparent; border: none; outline: none; color: $dim; }
QListWidget#variants::item { border: 2px solid transparent; border-radius: 8px; padding: 4px; }
QListWidget#variants::item:hover { background: $hover; }
QListWidget#variants::item:selected { border: 2px solid $accent; background: $hover; color: $text; }
QListWidget#variants::item:selected:focus { border: 2px solid $focus; }
QListView#library { background: $panel; border: none; outline: none; }
QListWidget#places { background: transparent; border: none; outline: none; color: $dim; }
QListWidget#places::item { border: 1px solid transparent; border-radius: 6px; padding: 0 6px; min-height: 28px; }
QListWidget#places::item:hover { background: $hover; }
QListWidget#places::item:selected { background: $hover; color: $text; border-color: $line_strong; }
QFrame#upright { background: $line; border: none; min-width: 1px; max-width: 1px; }
QFrame#portrait { background: $base; border: 1px solid $line; border-radius: 8px; }
QPushButton#chip {
    background: $base; color: $text; border: 1px solid $line_strong; border-radius: 10px;
    min-height: 18px; padding: 0 8px;
}
QPushButton#chip:hover { background: $hover; }
QPushButton#chip:focus { border-color: $focus; }
QComboBox#filter { min-height: 24px; padding: 0 0 0 8px; color: $dim; border-color: $line; }
QComboBox#filter::drop-down { width: 20px; }
QComboBox#filter[on="true"] { color: $text; border-color: $accent; }
QComboBox#filter:focus, QPushButton#filter:focus { border-color: $focus; }
QPushButton#filter { min-height: 24px; padding: 0 4px 0 8px; color: $dim; border-color: $line; }
QPushButton#filter::menu-indicator {
    image: url("$icons/control-down.svg"); width: 12px; height: 12px;
    subcontrol-origin: border; subcontrol-position: center right; right: 5px;
}
QPushButton#filter[on="true"] { color: $text; border-color: $accent; }
QFrame#drop_frame { background: transparent; border: 2px solid $line_strong; }
QFrame#handle { background: $base; border: 1px dashed $line_strong; border-radius: 6px; }
QFrame#handle:focus { border: 1px solid $focus; }
"""
