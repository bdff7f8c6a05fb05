"""Line icons in the theme's colours, sharp at every scale."""

from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from img2model_desktop.gui.theme import Colours

_SIDES = (16, 20, 24, 32, 40, 48, 60, 64)  # device pixels: 16, 20 and 24 logical ones at 100 to 250 %


class Icons:
    """Reads the drawings once and tints them.

    Args:
        folder: of the `.svg` files; each draws with `currentColor`.
        colours: of the theme in use; assign another to change what `icon` returns from then on.
    """

    def __init__(self, folder: Path, colours: Colours) -> None:
        self._folder = folder
        self._drawings: dict[str, str] = {}
        self._made: dict[tuple[str, str], QIcon] = {}
        self._colours = colours

    @property
    def colours(self) -> Colours:
        return self._colours

    @colours.setter
    def colours(self, colours: Colours) -> None:
        self._colours = colours
        self._made.clear()

    def icon(self, name: str, colour: str = "") -> QIcon:
        """The drawing `name`, in `colour` ("#rrggbb") or the text colour, and dimmed where it is disabled."""
        tint = colour or self._colours.text
        made = self._made.get((name, tint))
        if made is None:
            made = QIcon()
            for side in _SIDES:
                made.addPixmap(self.pixmap(name, side, tint), QIcon.Mode.Normal)
                made.addPixmap(self.pixmap(name, side, self._colours.faint), QIcon.Mode.Disabled)
            self._made[(name, tint)] = made
        return made

    def app_icon(self) -> QIcon:
        """The program's own icon, in its own colours."""
        return QIcon(str(self._folder / "app.svg"))

    def pixmap(self, name: str, side_px: int, colour: str = "", ratio: float = 1.0) -> QPixmap:
        """The drawing as a square picture, `side_px` logical pixels a side at `ratio` device pixels each."""
        drawing = self._drawing(name).replace("currentColor", colour or self._colours.text)
        renderer = QSvgRenderer(QByteArray(drawing.encode()))
        pixmap = QPixmap(round(side_px * ratio), round(side_px * ratio))
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        renderer.render(painter, QRectF(0, 0, pixmap.width(), pixmap.height()))
        painter.end()
        pixmap.setDevicePixelRatio(ratio)
        return pixmap

    def _drawing(self, name: str) -> str:
        if name not in self._drawings:
            self._drawings[name] = (self._folder / f"{name}.svg").read_text(encoding="utf-8")
        return self._drawings[name]
