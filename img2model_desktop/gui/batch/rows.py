"""The pictures of a batch as a list that views can show, and how one of them is drawn."""

import bisect
from collections import OrderedDict
from pathlib import Path, PurePosixPath

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImageReader, QPainter, QPainterPath, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from img2model_desktop.gui.batch.keeper import Item, ItemState, Live
from img2model_desktop.gui.calls import THUMBNAIL
from img2model_desktop.gui.history.jobs import engine_title
from img2model_desktop.gui.icons import Icons
from img2model_desktop.jobs.batch_ledger import Entry
from img2model_desktop.jobs.batch_scan import natural

Index = QModelIndex | QPersistentModelIndex

ITEM_ROLE = Qt.ItemDataRole.UserRole
ROW_PX = 56
_SIDE_PX = 44
_KEPT = 300
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft

FILTERS: dict[str, tuple[ItemState, ...]] = {
    "all": tuple(ItemState),
    "waiting": (ItemState.WAITING, ItemState.RUNNING, ItemState.STOPPED),
    "done": (ItemState.DONE,),
    "failed": (ItemState.FAILED,),
}
"""Which rows each choice of the filter shows."""


class BatchModel(QAbstractListModel):
    """The pictures of one batch, those of a filter. An `Item` is under `ITEM_ROLE`, its picture is the decoration.

    Args:
        jobs: folder of the job folders, for the pictures of what was made.
    """

    def __init__(self, jobs: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._live: Live | None = None
        self._filter = "all"
        self._shown: list[Item] = []
        self._places: dict[str, int] = {}
        self._pictures: OrderedDict[str, QPixmap] = OrderedDict()

    def show_batch(self, live: Live | None) -> None:
        """Another batch."""
        self._live = live
        self._pictures.clear()
        self.refresh(None)

    def filter(self, name: str) -> None:
        """Shows the rows of another choice of `FILTERS`."""
        self._filter = name
        self.refresh(None)

    def refresh(self, keys: frozenset[str] | None) -> None:
        """Shows rows again: those of some pictures, or, with None, whatever is there now."""
        states = FILTERS[self._filter]
        items = self._live.items if self._live else {}
        if keys is None:
            self.beginResetModel()
            self._shown = [item for item in items.values() if item.state in states]
            self._number()
            self.endResetModel()
            return
        for key in keys:
            is_wanted = key in items and items[key].state in states
            if is_wanted != (key in self._places):
                self._insert(items[key]) if is_wanted else self._remove(key)
            elif is_wanted:
                if items[key].state in (ItemState.DONE, ItemState.FAILED):
                    self._pictures.pop(key, None)
                index = self.index(self._places[key])
                self.dataChanged.emit(index, index)

    def _insert(self, item: Item) -> None:
        at = bisect.bisect(self._shown, natural(item.source.key), key=lambda one: natural(one.source.key))
        self.beginInsertRows(QModelIndex(), at, at)
        self._shown.insert(at, item)
        self._number()
        self.endInsertRows()

    def _remove(self, key: str) -> None:
        at = self._places[key]
        self.beginRemoveRows(QModelIndex(), at, at)
        del self._shown[at]
        self._number()
        self.endRemoveRows()

    def _number(self) -> None:
        self._places = {item.source.key: number for number, item in enumerate(self._shown)}

    def forget_pictures(self, job: str) -> None:
        """The picture of a job was drawn anew."""
        for item in self._shown:
            if item.job == job:
                self._pictures.pop(item.source.key, None)
                index = self.index(self._places[item.source.key])
                self.dataChanged.emit(index, index)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._shown):
            return None
        item = self._shown[index.row()]
        match role:
            case Qt.ItemDataRole.UserRole:
                return item
            case Qt.ItemDataRole.DisplayRole:
                return item.source.key
            case Qt.ItemDataRole.DecorationRole:
                return self._picture(item)
            case Qt.ItemDataRole.ToolTipRole:
                return "\n".join(line for line in (str(item.source.path), *reason_lines(item)) if line)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{item.source.key}, {words_of(item)}"
        return None

    def _picture(self, item: Item) -> QPixmap:
        key = item.source.key
        if key not in self._pictures:
            self._pictures[key] = self._read(item)
        self._pictures.move_to_end(key)
        while len(self._pictures) > _KEPT:
            self._pictures.popitem(last=False)
        return self._pictures[key]

    def _read(self, item: Item) -> QPixmap:
        """The small picture of what was made; none before it is made: reading a camera's picture takes too long."""
        if item.entry is None or self._live is None:
            return QPixmap()
        look = self._live.look_of(item)
        drawn = [self._jobs / item.job / THUMBNAIL] if item.job else []
        for path in (*drawn, look.with_suffix(".mesh.jpg"), look):
            reader = QImageReader(str(path))
            if reader.canRead():
                return QPixmap.fromImageReader(reader)
        return QPixmap()


def words_of(item: Item) -> str:
    """How a picture stands, in one line."""
    entry = item.entry
    match item.state:
        case ItemState.WAITING:
            return "Waiting"
        case ItemState.STOPPED:
            return "Stopped"
        case ItemState.RUNNING:
            return "Saving…" if item.fraction >= 1 else f"{item.fraction * 100:.0f} %"
        case ItemState.FAILED:
            return f"{entry.error_message} {entry.error_advice}".strip() if entry else "Failed"
    return "  —  ".join((_facts(entry), *entry.warnings[:1])) if entry else "Done"


def _facts(entry: Entry) -> str:
    sound = "watertight" if entry.watertight else "not watertight"
    return f"{engine_title(entry.engine)} · {entry.triangles:,} triangles · {sound} · {entry.seconds:.1f} s"


def reason_lines(item: Item) -> tuple[str, ...]:
    """Everything that is known about it, for the tool tip."""
    entry = item.entry
    if entry is None:
        return (words_of(item),)
    if item.state is ItemState.FAILED:
        return entry.error_message, entry.error_advice, *entry.warnings
    return _facts(entry), *entry.warnings


class BatchRowDelegate(QStyledItemDelegate):
    """Draws a row: picture, name, and a bar, the facts or the reason."""

    def __init__(self, icons: Icons, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._icons = icons

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002 - Qt's signature
        return QSize(200, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        item: Item = index.data(ITEM_ROLE)
        colours = self._icons.colours
        state: QStyle.StateFlag = option.state
        row = QRectF(option.rect)
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(row, QColor(colours.raised))
            painter.fillRect(QRectF(row.left(), row.top(), 3, row.height()), QColor(colours.accent))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(row, QColor(colours.hover))
        painter.fillRect(QRectF(row.left() + 16, row.bottom() - 1, row.width() - 32, 1), QColor(colours.line))
        self._paint_picture(painter, QRectF(row.left() + 16, row.top() + 6, _SIDE_PX, _SIDE_PX), index, item)
        left, width = row.left() + 16 + _SIDE_PX + 12, row.width() - _SIDE_PX - 44
        self._paint_name(painter, QRectF(left, row.top() + 8, width, 20), item)
        self._paint_state(painter, QRectF(left, row.top() + 29, width, 18), item)
        painter.restore()

    def _paint_picture(self, painter: QPainter, area: QRectF, index: Index, item: Item) -> None:
        colours = self._icons.colours
        shape = QPainterPath()
        shape.addRoundedRect(area, 5, 5)
        painter.fillPath(shape, QColor(colours.base))
        picture: QPixmap = index.data(Qt.ItemDataRole.DecorationRole)
        if picture.isNull():
            side = 20
            name, colour = ("error", colours.bad) if item.state is ItemState.FAILED else ("picture", colours.faint)
            drawn = self._icons.pixmap(name, side, colour, painter.device().devicePixelRatioF())
            painter.drawPixmap(area.center() - QPointF(side / 2, side / 2), drawn)
            return
        painter.setClipPath(shape)
        size = picture.size().scaled(area.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF(0, 0, size.width(), size.height())
        place.moveCenter(area.center())
        painter.drawPixmap(place, picture, QRectF(picture.rect()))
        painter.setClipping(False)

    def _paint_name(self, painter: QPainter, line: QRectF, item: Item) -> None:
        """The file's name, and the folder it lies in."""
        key = PurePosixPath(item.source.key)
        metrics = painter.fontMetrics()
        folder = "" if str(key.parent) == "." else f"  {key.parent}"
        name = metrics.elidedText(key.name, Qt.TextElideMode.ElideMiddle, int(line.width()))
        painter.setPen(QColor(self._icons.colours.text))
        painter.drawText(line, _LEFT, name)
        used = metrics.horizontalAdvance(name)
        if folder and line.width() - used > 40:
            rest = line.adjusted(used, 0, 0, 0)
            painter.setPen(QColor(self._icons.colours.dim))
            painter.drawText(rest, _LEFT, metrics.elidedText(folder, Qt.TextElideMode.ElideLeft, int(rest.width())))

    def _paint_state(self, painter: QPainter, line: QRectF, item: Item) -> None:
        colours = self._icons.colours
        if item.state is ItemState.RUNNING:
            bar = QRectF(line.left(), line.center().y() - 2, min(line.width() - 64, 260), 4)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.line))
            painter.drawRoundedRect(bar, 2, 2)
            painter.setBrush(QColor(colours.accent))
            painter.drawRoundedRect(QRectF(bar.left(), bar.top(), bar.width() * min(item.fraction, 1.0), 4), 2, 2)
            line = line.adjusted(bar.width() + 10, 0, 0, 0)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 0.9)
        painter.setFont(font)
        tones = {ItemState.FAILED: colours.bad, ItemState.STOPPED: colours.faint, ItemState.WAITING: colours.faint}
        painter.setPen(QColor(tones.get(item.state, colours.dim)))
        text = painter.fontMetrics().elidedText(words_of(item), Qt.TextElideMode.ElideRight, int(line.width()))
        painter.drawText(line, _LEFT, text)
