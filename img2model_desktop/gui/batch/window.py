"""The window of batches: many pictures, one way to make them, a row for each. It is never modal."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QModelIndex, QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QListView,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from img2model_desktop.core.request import AUTO, Request
from img2model_desktop.errors import Img2ModelError
from img2model_desktop.gui.batch.keeper import BatchKeeper, Item, ItemState, Live
from img2model_desktop.gui.batch.rows import FILTERS, ITEM_ROLE, BatchModel, BatchRowDelegate
from img2model_desktop.gui.controls import CalmComboBox, ElidedLabel, Segments, label, rule
from img2model_desktop.gui.file_dialogs import FileDialogs
from img2model_desktop.gui.history.jobs import engine_title
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.intake import local_files
from img2model_desktop.gui.messages import Message, MessageBar, Tone
from img2model_desktop.gui.side_windows import BesideWindow
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.jobs.batch import Batch
from img2model_desktop.jobs.batch_run import time_words
from img2model_desktop.jobs.batch_table import Course

SIZE = (780, 760)
FORMATS = (".glb", ".obj", ".stl", ".3mf", ".ply", ".gltf", ".usdz")
_TITLES = {"all": "All", "waiting": "To do", "done": "Done", "failed": "Failed"}


class BatchWindow(BesideWindow):
    """One batch at a time: what it is made of before it starts, its rows from then on.

    Args:
        keeper: makes the batches.
        request: what the input panel says now, for every picture.
        jobs: folder of the job folders.
        parent: the main window; this one stays above it and closes with it.

    Signals:
        job_wished: (str) the user wants to see this job in the main window.
    """

    job_wished = Signal(str)

    def __init__(
        self, keeper: BatchKeeper, request: Callable[[], Request], jobs: Path, icons: Icons, parent: QWidget
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("Batch")
        self.setAcceptDrops(True)
        self.resize(*SIZE)
        self.setMinimumSize(560, 420)
        self._keeper = keeper
        self._request = request
        self._icons = icons
        self._sources: tuple[Path, ...] = ()  # of the batch that is not started yet
        self._target: Path | None = None
        self._counted = ""
        self._id = ""  # of the batch that is shown
        self.model = BatchModel(jobs, self)
        self.dialogs = FileDialogs(self)
        self.messages = MessageBar(icons)
        self._build()
        self._connect()
        newest = keeper.batches()
        self.show_batch(newest[0].row.id if newest else "")

    # what the main window asks

    def bring(self, sources: Sequence[Path]) -> None:
        """Prepares a batch of these folders and files; nothing starts yet."""
        if not sources:
            return
        self.messages.clear()
        self._sources = tuple(sources)
        self._target = _target_beside(self._sources)
        self._counted = "Counting…"
        self.show_batch("")
        self.start.setFocus()
        self._keeper.count(self._draft())

    def show_batch(self, id_: str) -> None:
        """Shows a batch, or, with "", the one that is not started yet."""
        self._id = id_ if self._keeper.live(id_) else ""
        self.model.show_batch(self._keeper.live(self._id))
        self._update()

    def retint(self) -> None:
        """The icons again, in the theme's colours."""
        self.messages.retint()
        for button, name in self._icon_names.items():
            button.setIcon(self._icons.icon(name))
        self._update()

    # building

    def _build(self) -> None:
        self._icon_names: dict[QPushButton, str] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        head = QVBoxLayout()
        head.setContentsMargins(16, 16, 16, 12)
        head.setSpacing(12)
        head.addLayout(self._build_title())
        head.addLayout(self._build_places())
        head.addLayout(self._build_buttons())
        head.addWidget(self._build_bar())
        column.addLayout(head)
        column.addWidget(self.messages)
        column.addWidget(rule())
        column.addWidget(self._build_rows(), 1)
        for button, name in self._icon_names.items():
            button.setIcon(self._icons.icon(name))

    def _build_title(self) -> QHBoxLayout:
        self._title = ElidedLabel("title")
        self._others = CalmComboBox()
        self._others.setToolTip("Another batch")
        self._others.setAccessibleName("Batch")
        self._others.setSizeAdjustPolicy(CalmComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._others.setMinimumContentsLength(20)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self._title, 1)
        row.addWidget(self._others)
        return row

    def _build_places(self) -> QGridLayout:
        self._from, self._to, self._how = ElidedLabel("value"), ElidedLabel("value"), ElidedLabel("value")
        self.choose_source = self._button("Choose…", "Choose the folder with the pictures", "folder")
        self.choose_target = self._button("Choose…", "Choose the folder for the meshes", "folder")
        self.format = CalmComboBox()
        self.format.setToolTip("Format of the meshes")
        self.format.setAccessibleName("Format")
        for suffix in FORMATS:
            self.format.addItem(suffix[1:].upper(), suffix)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(SPACE)
        grid.setColumnStretch(1, 1)
        for line, (name, value, control) in enumerate(
            (
                ("Pictures", self._from, self.choose_source),
                ("Meshes to", self._to, self.choose_target),
                ("Made with", self._how, self.format),
            )
        ):
            grid.addWidget(label(name, "dim"), line, 0)
            grid.addWidget(value, line, 1)
            grid.addWidget(control, line, 2)
        return grid

    def _build_buttons(self) -> QHBoxLayout:
        self.start = QPushButton("Start")
        self.start.setObjectName("primary")
        self.pause = self._button("Pause", "Let nothing new begin; what runs is finished", "pause")
        self.stop = self._button("Stop", "Stop it; what was made stays (Ctrl+.)", "stop")
        self.retry = self._button("Try failed again", "Make again what failed", "again")
        self.page = self._button("Page", "Write a page with all pictures and meshes, and open it", "report")
        self.table = self._button("Table", "Write a table for a spreadsheet (CSV), and open it", "save")
        self.recursive = QCheckBox("Folders inside")
        self.recursive.setToolTip("Take the pictures in folders inside, too; the meshes get the same folders")
        self.watched = QCheckBox("Watch")
        self.watched.setToolTip("Go on with pictures that come into the folder later")
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        for button in (self.start, self.pause, self.stop, self.retry):
            row.addWidget(button)
        row.addSpacing(SPACE)
        row.addWidget(self.watched)
        row.addWidget(self.recursive)
        row.addStretch()
        row.addWidget(self.page)
        row.addWidget(self.table)
        return row

    def _build_bar(self) -> QWidget:
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName("Progress of the batch")
        self._standing = label("", "dim")
        self._left = label("", "dim")
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(SPACE // 2)
        grid.addWidget(self.bar, 0, 0, 1, 2)
        grid.addWidget(self._standing, 1, 0)
        grid.addWidget(self._left, 1, 1, Qt.AlignmentFlag.AlignRight)
        return holder

    def _build_rows(self) -> QWidget:
        self.filter = Segments([(name, title, _FILTER_TIPS[name]) for name, title in _TITLES.items()], "Show")
        self.rows = QListView()
        self.rows.setObjectName("strip")
        self.rows.setModel(self.model)
        self.rows.setItemDelegate(BatchRowDelegate(self._icons, self.rows))
        self.rows.setUniformItemSizes(True)
        self.rows.setMouseTracking(True)
        self.rows.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.rows.setIconSize(QSize(1, 1))
        self.rows.setAccessibleName("Pictures of the batch")
        self.rows.setToolTip("")
        listed = QWidget()
        column = QVBoxLayout(listed)
        column.setContentsMargins(0, SPACE, 0, 0)
        column.setSpacing(SPACE)
        line = QHBoxLayout()
        line.setContentsMargins(16, 0, 16, 0)
        line.addWidget(self.filter)
        line.addStretch()
        column.addLayout(line)
        column.addWidget(self.rows, 1)
        self._empty = label("", "dim", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setContentsMargins(48, 0, 48, 0)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(listed)
        return self._pages

    def _button(self, text: str, tip: str, icon: str) -> QPushButton:
        made = QPushButton(text)
        made.setAutoDefault(False)
        made.setToolTip(tip)
        made.setAccessibleName(f"{text}: {tip}")
        self._icon_names[made] = icon
        return made

    def _connect(self) -> None:
        keeper = self._keeper
        keeper.changed.connect(self._on_changed)
        keeper.items_changed.connect(self._on_items_changed)
        keeper.counted.connect(self._on_counted)
        keeper.told.connect(self.messages.tell)
        keeper.written.connect(self._on_written)
        self.start.clicked.connect(self._on_start)
        self.pause.clicked.connect(self._on_pause)
        self.stop.clicked.connect(lambda: keeper.stop(self._id))
        self.retry.clicked.connect(lambda: keeper.go_on(self._id, retry_failed=True))
        self.page.clicked.connect(lambda: self._report("batch.html"))
        self.table.clicked.connect(lambda: self._report("batch.csv"))
        self.watched.clicked.connect(self._on_watched)
        self.recursive.clicked.connect(self._count_again)
        self.choose_source.clicked.connect(self.browse)
        self.choose_target.clicked.connect(self._choose_target)
        self.filter.chosen.connect(self.model.filter)
        self.rows.activated.connect(self._on_activated)
        self._others.activated.connect(lambda at: self.show_batch(str(self._others.itemData(at) or "")))

    # what is shown

    def _draft(self) -> Batch:
        suffix = str(self.format.currentData())
        target = self._target or Path()
        return Batch(self._sources, target, _for_pictures(self._request()), suffix, "y", self.recursive.isChecked())

    def _update(self) -> None:
        live = self._keeper.live(self._id)
        batch = live.batch if live else self._draft() if self._sources else None
        self._title.show_text(live.row.title if live else _title_of(self._sources) or "A batch of pictures")
        self._from.show_text(_places(batch.sources) if batch else "Drop a folder, or several pictures")
        self._to.show_text(str(batch.target) if batch else "–")
        self._how.show_text(_words_of(batch.request) if batch else "the settings in the main window")
        self._show_others()
        self._show_controls(live)
        self._show_standing(live)

    def _show_others(self) -> None:
        batches = self._keeper.batches()
        self._others.clear()
        if not self._id:
            self._others.addItem("New batch", "")
        for live in batches:
            self._others.addItem(live.row.title, live.row.id)
        self._others.setCurrentIndex(max(self._others.findData(self._id), 0))
        self._others.setVisible(len(batches) > 1 or (bool(batches) and not self._id))

    def _show_controls(self, live: Live | None) -> None:
        course = live.row.course if live else Course.ENDED
        is_made = live is not None and course is not Course.ENDED
        to_do = live is not None and (live.count(ItemState.STOPPED) > 0 or not live.left)
        self.start.setText("Start" if live is None else "Go on")
        self.start.setVisible(not is_made)
        self.start.setEnabled(bool(self._sources) if live is None else to_do)
        tip = "Make a mesh of each picture" if live is None else "Make what is new, has changed or was stopped"
        self.start.setToolTip(tip if live or self._sources else "Choose a folder with pictures first")
        self.pause.setVisible(is_made)
        self.pause.setText("Go on" if course is Course.PAUSED else "Pause")
        icon = "go-on" if course is Course.PAUSED else "pause"
        self.pause.setIcon(self._icons.icon(icon))
        self._icon_names[self.pause] = icon
        self.stop.setVisible(is_made)
        self.retry.setVisible(live is not None and live.count(ItemState.FAILED) > 0 and course is not Course.PAUSED)
        for button in (self.page, self.table):
            button.setVisible(live is not None)
        self.watched.setChecked(live.row.is_watched if live else self.watched.isChecked())
        self.recursive.setChecked(live.batch.recursive if live else self.recursive.isChecked())
        for control in (self.recursive, self.format):
            control.setEnabled(live is None)
        self.choose_target.setVisible(live is None)
        if live is not None:
            self.format.setCurrentIndex(max(self.format.findData(live.batch.suffix), 0))

    def _show_standing(self, live: Live | None) -> None:
        if live is None or not live.items:
            self.bar.setVisible(False)
            self._standing.setText(self._counted if live is None else "Looking for pictures…")
            self._left.setText("")
            self._empty.setText(_INVITATION if live is None else "")
            self._pages.setCurrentIndex(0)
            return
        self._pages.setCurrentIndex(1)
        total, done, failed = len(live.items), live.count(ItemState.DONE), live.count(ItemState.FAILED)
        self.bar.setVisible(True)
        self.bar.setRange(0, total)
        self.bar.setValue(done + failed)
        words = [f"{done + failed:,} of {total:,}"] + ([f"{failed:,} failed"] if failed else [])
        if live.row.course is Course.PAUSED:
            words.append("paused")
        elif not live.left and live.row.is_watched and live.row.course is Course.RUNNING:
            words.append("waiting for pictures")
        self._standing.setText(" · ".join(words))
        left_s = live.left_s
        self._left.setText(f"about {time_words(left_s)} left" if left_s and live.left else "")
        counts = {"all": total, "done": done, "failed": failed, "waiting": total - done - failed}
        for name, count in counts.items():
            self.filter.button(name).setText(f"{_TITLES[name]} {count:,}")

    # slots

    @Slot(str)
    def _on_changed(self, id_: str) -> None:
        if id_ == self._id:
            if self._keeper.live(id_) is None:
                self.show_batch("")
            self._update()
        elif not self._id and not self._sources:
            self.show_batch(id_)

    @Slot(str, object)
    def _on_items_changed(self, id_: str, keys: frozenset[str] | None) -> None:
        if id_ == self._id:
            self.model.refresh(keys)

    @Slot(object, int, str)
    def _on_counted(self, batch: Batch, count: int, trouble: str) -> None:
        if batch.sources == self._sources and not self._id:
            self._counted = trouble or (f"{count:,} pictures" if count != 1 else "1 picture")
            self._update()

    @Slot()
    def _count_again(self) -> None:
        if self._sources and not self._id:
            self._keeper.count(self._draft())

    @Slot()
    def _on_start(self) -> None:
        self.messages.clear()
        try:
            if self._id:
                self._keeper.go_on(self._id)
                return
            draft = self._draft()
            id_ = self._keeper.start(draft, _title_of(self._sources), self.watched.isChecked())
        except Img2ModelError as problem:
            self.messages.tell(Message(Tone.ERROR, problem.message, problem.advice))
            return
        self._sources, self._target = (), None
        self.show_batch(id_)

    @Slot()
    def _on_pause(self) -> None:
        live = self._keeper.live(self._id)
        if live is not None:
            self._keeper.pause(self._id, live.row.course is not Course.PAUSED)

    @Slot(bool)
    def _on_watched(self, checked: bool) -> None:
        if self._id:
            self._keeper.watch(self._id, checked)

    def _report(self, name: str) -> None:
        live = self._keeper.live(self._id)
        if live is not None:
            self._keeper.write_report(self._id, live.batch.target / name)

    @Slot(object)
    def _on_written(self, path: Path) -> None:
        def show() -> None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

        self.messages.tell(Message(Tone.INFO, f"“{path.name}” lies with the meshes.", action="Open", act=show))

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        item: Item | None = index.data(ITEM_ROLE)
        if item is not None and item.job:
            self.job_wished.emit(item.job)

    # choosing and dropping

    def browse(self) -> None:
        """Lets the user choose the folder with the pictures."""
        self.dialogs.ask_for_folder("Folder with pictures", lambda name: self.bring((Path(name),)))

    def _choose_target(self) -> None:
        def take(name: str) -> None:
            self._target = Path(name)
            self._update()

        if self._sources:
            self.dialogs.ask_for_folder("Folder for the meshes", take)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_files(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.bring(local_files(event.mimeData()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Period and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if self.stop.isVisible():
                self._keeper.stop(self._id)
        else:
            super().keyPressEvent(event)


_INVITATION = (
    "Drop a folder, or many pictures. Each picture becomes a mesh with the settings of the main window; "
    "what fails gets its reason, and everything goes on after a restart."
)
_FILTER_TIPS = {
    "all": "All pictures",
    "waiting": "Pictures that are still to be made, are being made, or were stopped",
    "done": "Pictures that have a mesh",
    "failed": "Pictures that failed, with the reason",
}
assert set(_FILTER_TIPS) == set(FILTERS)


def _for_pictures(request: Request) -> Request:
    """What the input panel says, as far as it is about pictures: a prompt counts only where it redraws them."""
    request = replace(request, picture="", strokes=(), goal="mesh", variants=1)
    return request if request.restyle else replace(request, prompt="", style="")


def _title_of(sources: Sequence[Path]) -> str:
    if not sources:
        return ""
    first = sources[0].name or str(sources[0])
    return first if len(sources) == 1 else f"{first} and {len(sources) - 1:,} more"


def _places(sources: Sequence[Path]) -> str:
    return str(sources[0]) if len(sources) == 1 else f"{sources[0].parent} ({len(sources):,} files and folders)"


def _target_beside(sources: Sequence[Path]) -> Path:
    """A folder of its own beside the pictures."""
    first = sources[0]
    name = first.name if len(sources) == 1 and first.is_dir() else first.parent.name
    place = first.parent if len(sources) == 1 and first.is_dir() else first.parent.parent
    return place / f"{name or 'Pictures'} meshes"


def _words_of(request: Request) -> str:
    """The settings in a few words."""
    engine = "the best engine for each" if request.engine == AUTO else engine_title(request.engine)
    return f"{engine} · {request.quality} quality · {request.size_mm:g} mm"
