"""The pictures that a maker made for one prompt, side by side, to pick one from."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QKeyEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListView,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from img2model_desktop.core.request import Request
from img2model_desktop.gui.calls import copy_picture, made_pictures
from img2model_desktop.gui.controls import ElidedLabel, label
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.intake import image_from
from img2model_desktop.gui.latest_call import Caller, LatestCall
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.jobs.job_row import JobRow

if TYPE_CHECKING:
    from img2model_desktop.core.picture import Picture

SIDE_PX = 384  # longest side of what is read for the sheet
LARGEST_PX, LEAST_PX = 360, 96  # of a picture on the sheet
CAPTION_PX = 26
GAP_PX = 10
SEED_ROLE = Qt.ItemDataRole.UserRole + 1


class _Grid(QListWidget):
    """The pictures; arrows move, Enter picks."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("variants")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setUniformItemSizes(True)
        self.setSpacing(GAP_PX // 2)
        self.setAcceptDrops(False)
        self.setAccessibleName("Pictures to pick from")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        item = self.currentItem()
        if is_enter and item is not None and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.itemActivated.emit(item)
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Makes the pictures as large as all of them fit."""
        count = max(self.count(), 1)
        width, height = self.viewport().width() - 2 * GAP_PX, self.viewport().height() - 2 * GAP_PX
        best = LEAST_PX
        for columns in range(1, count + 1):
            rows = -(-count // columns)
            best = max(best, min(width // columns - 3 * GAP_PX, height // rows - CAPTION_PX - 3 * GAP_PX))
        side = min(best, LARGEST_PX)
        self.setIconSize(QSize(side, side))
        self.setGridSize(QSize(side + 2 * GAP_PX, side + CAPTION_PX + GAP_PX))


class VariantsSheet(QWidget):
    """A grid of pictures with their seeds.

    Signals:
        picked: (object) the Path of the picture that is to become a mesh.
        more_wished: (object) the Request for others like these.
        save_wished: (str) a name to save the current picture under.
        told: (object) a Message.
    """

    picked = Signal(object)
    more_wished = Signal(object)
    save_wished = Signal(str)
    told = Signal(object)

    def __init__(self, caller: Caller, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("ground")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._icons = icons
        self._row: JobRow | None = None
        self._shown_id = ""
        self._reading = LatestCall(caller, self)
        self._saving = LatestCall(caller, self)
        self._build()
        self._reading.answered.connect(self._on_read)
        self._saving.answered.connect(self._on_saved)
        self.grid.itemActivated.connect(self._pick)
        self.grid.currentItemChanged.connect(self._update)
        self.pick_button.clicked.connect(self._pick)
        self.more_button.clicked.connect(self._on_more_wished)
        self.save_button.clicked.connect(lambda: self.save_wished.emit(f"{self.title.text()[:60] or 'picture'}.png"))
        self._update()

    @property
    def current(self) -> Path | None:
        """The picture that is chosen, or None."""
        item = self.grid.currentItem()
        return Path(item.data(Qt.ItemDataRole.UserRole)) if item else None

    def show_row(self, row: JobRow) -> None:
        """Shows the pictures that a job has made so far."""
        if row.id != self._shown_id:
            self.grid.clear()
            self._shown_id = row.id
        self._row = row
        self.title.show_text(row.request.prompt)
        paths = sorted(row.folder.glob("made-*.png"), key=lambda path: int(path.stem.partition("-")[2] or 0))
        self._reading.ask(made_pictures, tuple(map(str, paths)), SIDE_PX)
        self._update()
        self.show()

    def leave(self) -> None:
        """Shows nothing any more."""
        self._reading.forget()
        self._shown_id = ""
        self._row = None
        self.hide()

    def save(self, out: Path) -> None:
        """Copies the current picture, with its recipe."""
        if self.current:
            self._saving.ask(copy_picture, str(self.current), str(out))

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self.more_button.setIcon(self._icons.icon("again"))
        self.save_button.setIcon(self._icons.icon("save"))

    def _build(self) -> None:
        self.title = ElidedLabel("title")
        self.count = label("", "dim")
        self.grid = _Grid()
        self.pick_button = QPushButton("Use this picture")
        self.pick_button.setObjectName("primary")
        self.more_button = QPushButton("More like this")
        self.save_button = QPushButton("Save picture…")
        for button in (self.pick_button, self.more_button, self.save_button):
            button.setAccessibleName(button.text())
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.count)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self.pick_button)
        row.addWidget(self.more_button)
        row.addStretch()
        row.addWidget(self.save_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 16)
        column.setSpacing(SPACE)
        column.addLayout(head)
        column.addWidget(self.grid, 1)
        column.addLayout(row)
        self.retint()

    @Slot()
    def _update(self) -> None:
        has_one = self.grid.currentItem() is not None
        reason = "" if has_one else "Choose a picture first."
        self.pick_button.setEnabled(has_one)
        self.pick_button.setToolTip(reason or "Cut it out and make a mesh of it (Enter)")
        self.save_button.setEnabled(has_one)
        self.save_button.setToolTip(reason or "Write it as a PNG file that knows how it was made")
        ended = self._row is not None and self._row.state.has_ended
        self.more_button.setEnabled(ended)
        self.more_button.setToolTip(
            "The same words with seeds that were not used yet" if ended else "Wait until these are there."
        )
        wished = self._row.request.variants if self._row else 0
        have = self.grid.count()
        self.count.setText(f"{have} of {wished}" if have < wished else f"{have} picture{'s' if have != 1 else ''}")

    @Slot(object, object)
    def _on_read(self, found: Any, trouble: Trouble | None) -> None:
        if found is None or self._row is None:
            if trouble is not None:
                self.told.emit(Message(Tone.ERROR, trouble.message, trouble.advice, trouble.details))
            return
        had_focus, current = self.grid.hasFocus(), max(self.grid.currentRow(), 0)
        self.grid.clear()
        for path, picture, recipe in found:
            item = QListWidgetItem(_icon(picture), f"Seed {recipe.get('seed', '?')}")
            item.setData(Qt.ItemDataRole.UserRole, path)
            item.setData(SEED_ROLE, recipe.get("seed"))
            item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom)
            item.setToolTip(_about(recipe))
            self.grid.addItem(item)
        self.grid.setCurrentRow(min(current, self.grid.count() - 1))
        self.grid.fit()
        self._update()
        if had_focus or self._row.state.has_ended:
            self.grid.setFocus()

    @Slot()
    def _pick(self) -> None:
        if self.current:
            self.picked.emit(self.current)

    @Slot()
    def _on_more_wished(self) -> None:
        if self._row is not None:
            request: Request = self._row.request
            self.more_wished.emit(replace(request, seed=request.seed + request.variants))

    @Slot(object, object)
    def _on_saved(self, out: str | None, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.told.emit(Message(Tone.ERROR, trouble.message, trouble.advice, trouble.details))
        else:
            self.told.emit(Message(Tone.INFO, f"Saved: {out}"))


def _icon(picture: "Picture") -> QIcon:
    """The picture in the sheet's size, and no paler when it is chosen."""
    smooth, keep = Qt.TransformationMode.SmoothTransformation, Qt.AspectRatioMode.KeepAspectRatio
    pixmap = QPixmap.fromImage(image_from(picture).scaled(SIDE_PX, SIDE_PX, keep, smooth))
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)
    return icon


def _about(recipe: dict[str, Any]) -> str:
    """How a picture was made, a line each."""
    options = recipe.get("options") or {}
    lines = [str(recipe.get("whole_prompt") or recipe.get("prompt") or "")]
    if recipe.get("style"):
        lines.append(f"Style: {recipe['style']}")
    if options.get("negative"):
        lines.append(f"Not wanted: {options['negative']}")
    if recipe.get("licence"):
        lines.append(f"Licence of the pipeline: {recipe['licence']}")
    return "\n".join(line for line in lines if line)
