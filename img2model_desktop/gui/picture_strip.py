"""A row of small pictures to choose from: the samples, or the pictures that were dropped together."""

from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QIcon, QImageReader, QPixmap
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem

SIDE_PX = 44


class PictureStrip(QListWidget):
    """Thumbnails side by side; they are decoded one by one while the window is idle.

    Signals:
        path_chosen: (str) the user chose this picture.
    """

    path_chosen = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName("thumbs")
        self.setAccessibleName(name)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(SIDE_PX, SIDE_PX))
        self.setGridSize(QSize(SIDE_PX + 8, SIDE_PX + 8))
        self.setFixedHeight(SIDE_PX + 8)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self._left: list[QListWidgetItem] = []
        self._idle = QTimer(self)
        self._idle.setInterval(0)
        self._idle.timeout.connect(self._decode_next)
        self.itemClicked.connect(self._on_chosen)
        self.itemActivated.connect(self._on_chosen)

    def paths(self) -> tuple[str, ...]:
        return tuple(self.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self.count()))

    def show_paths(self, paths: tuple[Path, ...]) -> None:
        """Shows these pictures instead of the ones there are."""
        self.clear()
        self._left = []
        for path in paths:
            item = QListWidgetItem(self)
            item.setData(Qt.ItemDataRole.UserRole, str(path))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, path.stem.replace("-", " "))
            item.setSizeHint(QSize(SIDE_PX + 8, SIDE_PX + 8))
            item.setToolTip(path.stem.replace("-", " ").replace("_", " "))
            self._left.append(item)
        self._idle.start()

    def mark(self, path: str) -> None:
        """Marks the picture in use, where it is one of these."""
        for row in range(self.count()):
            if self.item(row).data(Qt.ItemDataRole.UserRole) == path:
                self.setCurrentRow(row)
                return
        self.clearSelection()

    @Slot()
    def _decode_next(self) -> None:
        if not self._left:
            self._idle.stop()
            return
        item = self._left.pop(0)
        picture = thumbnail(item.data(Qt.ItemDataRole.UserRole), SIDE_PX, self.devicePixelRatioF())
        icon = QIcon(picture)
        icon.addPixmap(picture, QIcon.Mode.Selected)  # without the tint that Qt would lay over it
        item.setIcon(icon)

    @Slot(QListWidgetItem)
    def _on_chosen(self, item: QListWidgetItem) -> None:
        self.path_chosen.emit(item.data(Qt.ItemDataRole.UserRole))


def thumbnail(path: str, side_px: int, ratio: float) -> QPixmap:
    """The picture, fitted into a square; empty where Qt cannot read it."""
    reader = QImageReader(path)
    reader.setAutoTransform(True)
    reader.setDecideFormatFromContent(True)
    size = reader.size()
    side = round(side_px * ratio)
    if size.isValid():
        reader.setScaledSize(size.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio))
    pixmap = QPixmap.fromImage(reader.read())
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
