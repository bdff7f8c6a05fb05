"""The strip at the bottom: what runs, what waits, what was made."""

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from img2model_desktop.gui.controls import label
from img2model_desktop.gui.history.card import CardDelegate
from img2model_desktop.gui.history.happened import Happened
from img2model_desktop.gui.history.jobs import BATCH_ROLE, JOB_ROLE, HistoryModel, Jobs
from img2model_desktop.gui.history.menu import batch_menu, filled, job_menu
from img2model_desktop.gui.history.strip import Strip
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.power import AFTER_WORDS, After
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.tally import Tally

_AFTER_TIP = "What this computer does when the last job has ended"


class HistoryPanel(QWidget):
    """The queue and the history.

    Signals:
        job_selected: (str) another job is the current one; "" for none.
        stop_wished, again_wished, load_wished, folder_wished, retry_wished: (str) of this job.
        trash_wished, stop_many_wished: (object) of these jobs, a tuple of ids.
        hold_wished: (object, bool) these jobs are to be held, or are to go on.
        move_wished: (object, str) these jobs are to run before another one, or ("") last.
        pause_wished: (bool) the queue is to wait, or to go on.
        after_wished: (str) what to do when the queue has ended, a value of `After`.
        stop_all_wished: ().
    """

    job_selected = Signal(str)
    stop_wished = Signal(str)
    again_wished = Signal(str)
    load_wished = Signal(str)
    folder_wished = Signal(str)
    retry_wished = Signal(str)
    trash_wished = Signal(object)
    stop_many_wished = Signal(object)
    hold_wished = Signal(object, bool)
    move_wished = Signal(object, str)
    pause_wished = Signal(bool)
    after_wished = Signal(str)
    stop_all_wished = Signal()

    def __init__(self, jobs: Jobs, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.icons = icons
        self.model = HistoryModel(jobs, self)
        self.strip = Strip(icons)
        self.strip.setModel(self.model)
        self._cards = CardDelegate(icons)
        self.strip.setItemDelegate(self._cards)
        self._happened: Happened | None = None
        self._title = QLabel("Jobs")
        self._title.setProperty("tone", "title")
        self._summary = label("", "dim")
        self._build_buttons()
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._build_head())
        column.addWidget(self.strip)
        self._connect()
        self.set_paused(self.model.store.is_paused)

    # What is selected

    @property
    def current(self) -> JobRow | None:
        """The job that is selected."""
        row: JobRow | None = self.strip.currentIndex().data(JOB_ROLE)
        return row

    @property
    def current_batch(self) -> Tally | None:
        """The batch that is selected."""
        tally: Tally | None = self.strip.currentIndex().data(BATCH_ROLE)
        return tally

    def select(self, job_id: str) -> None:
        """Makes a job the current one and brings it into view, or the batch that holds it."""
        index = self.model.row_of(job_id)
        if not index.isValid():
            index = self.model.reach(job_id)
        if index.isValid():
            self.strip.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.strip.scrollTo(index)

    # What it shows of the queue

    def set_paused(self, is_paused: bool) -> None:
        """Whether the queue is paused."""
        self._pause.setChecked(is_paused)
        self._pause.setText("Queue is paused" if is_paused else "Pause queue")
        tip = "Let the queue go on" if is_paused else "Finish the job that runs, and begin no other"
        self._pause.setToolTip(f"{tip} (Ctrl+Shift+P)")
        self._update_summary()

    def set_after(self, after: After) -> None:
        """What is chosen for the end of the queue."""
        self._after.setText(f"Then: {AFTER_WORDS[after].lower()}")
        self._after.setProperty("chosen", after is not After.NOTHING)
        for action in self._after_menu.actions():
            action.setChecked(action.data() == after.value)
        self._update_summary()

    def retint(self) -> None:
        """In the theme's colours."""
        self._back.setIcon(self.icons.icon("back"))
        self.strip.viewport().update()

    # What can be done with a card

    def menu_for(self, row: JobRow) -> QMenu:
        """The context menu of a card."""
        return filled(self, job_menu(self, row))

    def send_to(self, ids: tuple[str, ...], where: str) -> None:
        """Wishes jobs that wait to "earlier", "later" or the "front" of the line."""
        index = self.model.row_of(ids[0])
        if not index.isValid():
            return
        number = index.row()
        target = {"front": 0, "earlier": number - 1, "later": number + 2}[where]
        if where == "earlier" and not self.model.waiting_ids(self.model.index(max(target, 0))):
            return  # it is the first
        self.move_wished.emit(ids, self.model.waiting_at(target, ids))

    def stop_batch(self, batch: str) -> None:
        """Wishes every job of a batch stopped."""
        self.stop_many_wished.emit(tuple(row.id for row in self.model.store.under_way(batch)))

    def retry_batch(self, batch: str) -> None:
        """Wishes what failed of a batch to be tried again, in its order."""
        for row in reversed(self.model.store.ended(limit=1_000_000, batch=batch)):
            if row.state in (JobState.FAILED, JobState.STOPPED):
                self.retry_wished.emit(row.id)

    def show_happened(self, job_id: str) -> None:
        """What happened in a job, over its card."""
        index = self.model.row_of(job_id)
        row: JobRow | None = index.data(JOB_ROLE)
        if row is None:
            return
        if self._happened is not None:
            self._happened.close()
        self._happened = Happened(row, self.icons, self)
        viewport = self.strip.viewport()
        card = self.strip.visualRect(index).intersected(viewport.rect())
        self._happened.show_over(QRect(viewport.mapToGlobal(card.topLeft()), card.size()))

    # Building

    def _build_buttons(self) -> None:
        self._back = QToolButton()
        self._back.setIcon(self.icons.icon("back"))
        self._back.setIconSize(QSize(16, 16))
        self._back.setToolTip("Back to all jobs (Esc)")
        self._back.setAccessibleName("Back to all jobs")
        self._back.hide()
        self._pause = QPushButton("Pause queue")
        self._pause.setObjectName("small")
        self._pause.setCheckable(True)
        self._after_menu = QMenu(self)
        group = QActionGroup(self._after_menu)
        for after, words in AFTER_WORDS.items():
            action = QAction(words, self._after_menu)
            action.setCheckable(True)
            action.setChecked(after is After.NOTHING)
            action.setData(after.value)
            group.addAction(action)
            self._after_menu.addAction(action)
        self._after = QPushButton("Then: stay on")
        self._after.setObjectName("small")
        self._after.setToolTip(_AFTER_TIP)
        self._after.setAccessibleName(_AFTER_TIP)
        self._after.setMenu(self._after_menu)
        self._stop_all = QPushButton("Stop all")
        self._stop_all.setObjectName("small")
        self._stop_all.setToolTip("Stop the job that runs and all that wait (Ctrl+Shift+.)")

    def _build_head(self) -> QWidget:
        head = QFrame()
        row = QHBoxLayout(head)
        row.setContentsMargins(0, 0, 12, 0)
        row.setSpacing(8)
        row.addWidget(self._back)
        row.addWidget(self._title)
        row.addWidget(self._summary)
        row.addStretch()
        for button in (self._after, self._pause, self._stop_all):
            row.addWidget(button)
        head.setFixedHeight(32)
        return head

    def _connect(self) -> None:
        self.strip.selectionModel().currentChanged.connect(self._on_current_changed)
        self.strip.customContextMenuRequested.connect(self._on_menu_wished)
        self.strip.wished.connect(self._on_key)
        self.strip.doubleClicked.connect(self._on_double_clicked)
        self._cards.stop_wished.connect(self.stop_wished)
        self._stop_all.clicked.connect(self.stop_all_wished)
        self._pause.clicked.connect(self.pause_wished)
        self._after_menu.triggered.connect(lambda action: self.after_wished.emit(action.data()))
        self._back.clicked.connect(self._leave)
        self.model.scope_changed.connect(self._on_scope_changed)
        self.model.move_wished.connect(self.move_wished)
        for signal in (self.model.rowsInserted, self.model.rowsRemoved, self.model.dataChanged, self.model.modelReset):
            signal.connect(self._update_summary)

    @Slot()
    def _update_summary(self) -> None:
        running, waiting = self.model.count(JobState.RUNNING), self.model.count(JobState.QUEUED)
        words = [f"{running} running" if running else "", f"{waiting:,} waiting" if waiting else ""]
        self._summary.setText(", ".join(word for word in words if word))
        is_busy = running + waiting > 0
        self._stop_all.setVisible(is_busy)
        self._pause.setVisible(is_busy or self._pause.isChecked())
        self._after.setVisible(is_busy or bool(self._after.property("chosen")))

    @Slot(QModelIndex, QModelIndex)
    def _on_current_changed(self, index: QModelIndex, _before: QModelIndex) -> None:
        row = index.data(JOB_ROLE)
        self.job_selected.emit(row.id if row else "")

    @Slot(QPoint)
    def _on_menu_wished(self, at: QPoint) -> None:
        index = self.strip.indexAt(at)
        row, tally = index.data(JOB_ROLE), index.data(BATCH_ROLE)
        if row or tally:
            menu = self.menu_for(row) if row else filled(self, batch_menu(self, tally))
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.strip.viewport().mapToGlobal(at))

    @Slot(QModelIndex)
    def _on_double_clicked(self, index: QModelIndex) -> None:
        tally: Tally | None = index.data(BATCH_ROLE)
        if tally is not None:
            self.model.open(tally.id)

    @Slot(str)
    def _on_key(self, wish: str) -> None:
        row, tally = self.current, self.current_batch
        if wish == "leave":
            self._leave()
        elif tally is not None:
            self._on_batch_key(wish, tally)
        elif row is not None:
            self._on_job_key(wish, row)

    def _on_job_key(self, wish: str, row: JobRow) -> None:
        ids, waits = (row.id,), row.state is JobState.QUEUED
        if wish == "open":
            self.job_selected.emit(row.id)
        elif wish == "happened":
            self.show_happened(row.id)
        elif wish == "stop" and row.state.has_ended:
            self.trash_wished.emit(ids)
        elif wish == "stop":
            self.stop_wished.emit(row.id)
        elif wish == "retry" and row.state in (JobState.FAILED, JobState.STOPPED):
            self.retry_wished.emit(row.id)
        elif wish == "hold" and waits:
            self.hold_wished.emit(ids, not row.is_held)
        elif wish in ("front", "earlier", "later") and waits:
            self.send_to(ids, wish)

    def _on_batch_key(self, wish: str, tally: Tally) -> None:
        ids = self.model.waiting_ids(self.strip.currentIndex())
        if wish == "open":
            self.model.open(tally.id)
        elif wish == "stop":
            self.stop_batch(tally.id)
        elif wish == "retry":
            self.retry_batch(tally.id)
        elif wish == "hold" and ids:
            self.hold_wished.emit(ids, tally.held < tally.waiting)
        elif wish in ("front", "earlier", "later") and ids:
            self.send_to(ids, wish)

    @Slot()
    def _leave(self) -> None:
        """Back from the jobs of a batch to all entries."""
        scope = self.model.scope
        if scope is not None:
            self.model.open("")
            index = self.model.row_of(scope.newest)
            if index.isValid():
                self.strip.setCurrentIndex(index)

    @Slot()
    def _on_scope_changed(self) -> None:
        scope = self.model.scope
        self._back.setVisible(scope is not None)
        self._title.setText("Jobs" if scope is None else scope.title or "Batch")
        self._update_summary()
        if scope is not None and self.model.rowCount():
            self.strip.setCurrentIndex(self.model.index(0))
