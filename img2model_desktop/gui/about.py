"""The help windows: about, what is new, the keyboard. None of them is modal."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from img2model_desktop import __version__

_IN_THE_VIEW = (
    ("Orbit", "Left drag, arrow keys"),
    ("Pan", "Middle or right drag, Shift and left drag"),
    ("Zoom to the pointer", "Wheel, + and −"),
    ("Frame", "Double click"),
    ("Ruler: set a point, move it, take it away", "Click, drag an end, Esc"),
)
_ON_THE_PICTURE = (
    ("Zoom to the pointer", "Wheel, + and −"),
    ("Pan", "Middle drag; left drag without a brush"),
    ("Whole picture", "Double click"),
    ("Put the brush away", "Esc"),
)
_ON_THE_JOBS = (("Show", "Arrow keys, Enter"), ("Stop", "Delete"))

_ABOUT = f"""
## Image2Model Desktop {__version__}

A picture or a prompt becomes a textured 3D mesh, on this machine alone. The program opens no connection
to any network.

Licence: MIT. It is built on Python, Qt for Python (LGPL 3), NumPy, SciPy, OpenCV, Pillow, trimesh, pyqtgraph
and PyOpenGL, each under its own licence.
"""


class TextWindow(QDialog):
    """A page of text in a window of its own."""

    def __init__(self, parent: QWidget, title: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.resize(560, 560)
        self.page = QTextBrowser()
        self.page.setOpenLinks(False)
        self.page.setFrameShape(QTextBrowser.Shape.NoFrame)
        self.page.document().setDocumentMargin(16)
        self.page.setAccessibleName(title)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.page)


def about_window(parent: QWidget) -> TextWindow:
    """Who we are."""
    window = TextWindow(parent, "About Image2Model Desktop")
    window.page.setMarkdown(_ABOUT)
    window.resize(480, 300)
    return window


def news_window(parent: QWidget, changelog: Path) -> TextWindow:
    """What is new, from the changelog that ships with the program."""
    window = TextWindow(parent, "What is new")
    try:
        window.page.setMarkdown(changelog.read_text(encoding="utf-8"))
    except OSError:
        window.page.setMarkdown("The changelog is missing from this installation.")
    return window


def keyboard_window(parent: QWidget, menus: list[tuple[str, list[tuple[str, str]]]]) -> TextWindow:
    """Every key and gesture.

    Args:
        parent: of the window.
        menus: `(title, ((action, key), ...))` of each menu.
    """
    window = TextWindow(parent, "Keyboard and mouse")
    groups = [*menus, ("On the mesh", list(_IN_THE_VIEW)), ("On the picture", list(_ON_THE_PICTURE))]
    groups.append(("On the jobs", list(_ON_THE_JOBS)))
    rows = []
    for title, entries in groups:
        if entries:
            rows.append(f'<tr><td colspan="2" style="padding-top: 14px"><b>{title}</b></td></tr>')
            rows += [f"<tr><td>{action}</td><td>{key}</td></tr>" for action, key in entries]
    window.page.setHtml(f'<table width="100%" cellpadding="3">{"".join(rows)}</table>')
    return window


def native(key: QKeySequence) -> str:
    """A key as this system writes it."""
    return key.toString(QKeySequence.SequenceFormat.NativeText)
