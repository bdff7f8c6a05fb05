"""The strip at the bottom: what waits, what runs, what was made."""

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QColor, QKeyEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QListView, QMenu, QPushButton, QVBoxLayout, QWidget

from img2model_desktop.gui.controls import label
from img2model_desktop.gui.history_card import CARD, CardDelegate
from img2model_desktop.gui.history_model import JOB_ROLE, HistoryModel, Jobs
from img2model_desktop.gui.icons import Icons
from img2model_desktop.jobs.job_row import JobRow, JobState


class Strip(QListView):
    """Cards in a row; the wheel scrolls sideways.

    Signals:
        open_wished: () Enter was pressed on a card.
        stop_wished: () Delete was pressed on a card.
    """

    open_wished = Signal()
    stop_wished = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self.setObjectName("strip")
        self.setAccessibleName("Jobs, newest first")
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setSelectionMode(QListView.SelectionMode.SingleSelection)
        self.setFixedHeight(CARD.height() + 16)

    def sizeHint(self) -> QSize:
        return QSize(400, CARD.height() + 16)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta()
        by = turned.x() if abs(turned.x()) > abs(turned.y()) else turned.y()
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - by)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            self.open_wished.emit()
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.stop_wished.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.model() is not None and not self.model().rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(QColor(self._icons.colours.dim))
            room = QRectF(self.viewport().rect())
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, "What you make is kept here, with its settings.")


class HistoryPanel(QWidget):
    """The queue and the history.

    Signals:
        job_selected: (str) another job is the current one; "" for none.
        stop_wished, again_wished, load_wished, folder_wished, remove_wished: (str) of this job.
        stop_all_wished: ().
    """

    job_selected = Signal(str)
    stop_wished = Signal(str)
    again_wished = Signal(str)
    load_wished = Signal(str)
    folder_wished = Signal(str)
    remove_wished = Signal(str)
    stop_all_wished = Signal()

    def __init__(self, jobs: Jobs, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._icons = icons
        self.model = HistoryModel(jobs, self)
        self.strip = Strip(icons)
        self.strip.setModel(self.model)
        self._cards = CardDelegate(icons)
        self.strip.setItemDelegate(self._cards)
        self._summary = label("", "dim")
        self._stop_all = QPushButton("Stop all")
        self._stop_all.setToolTip("Stop the job that runs and all that wait (Ctrl+Shift+.)")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._build_head())
        column.addWidget(self.strip)
        self._connect()
        self._update_summary()

    @property
    def current(self) -> JobRow | None:
        """The job that is selected."""
        row: JobRow | None = self.strip.currentIndex().data(JOB_ROLE)
        return row

    def select(self, job_id: str) -> None:
        """Makes a job the current one and brings it into view."""
        index = self.model.row_of(job_id)
        if index.isValid():
            self.strip.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.strip.scrollTo(index)

    def retint(self) -> None:
        """In the theme's colours."""
        self.strip.viewport().update()

    def menu_for(self, row: JobRow) -> QMenu:
        """The context menu of a card."""
        menu = QMenu(self)
        entries = (
            ("Make again", "again", self.again_wished, row.state.has_ended),
            ("Load its settings", "load", self.load_wished, True),
            ("Show its folder", "folder", self.folder_wished, True),
            None,
            ("Stop", "stop", self.stop_wished, not row.state.has_ended),
            ("Remove from the history…", "clear", self.remove_wished, row.state.has_ended),
        )
        for entry in entries:
            if entry is None:
                menu.addSeparator()
                continue
            text, icon, signal, is_possible = entry
            action = QAction(self._icons.icon(icon), text, menu)
            action.setEnabled(is_possible)
            action.triggered.connect(lambda _=False, signal=signal: signal.emit(row.id))
            menu.addAction(action)
        return menu

    def _build_head(self) -> QWidget:
        head = QFrame()
        row = QHBoxLayout(head)
        row.setContentsMargins(0, 0, 12, 0)
        row.setSpacing(8)
        title = QLabel("Jobs")
        title.setProperty("tone", "title")
        row.addWidget(title)
        row.addWidget(self._summary)
        row.addStretch()
        row.addWidget(self._stop_all)
        head.setFixedHeight(32)
        return head

    def _connect(self) -> None:
        self.strip.selectionModel().currentChanged.connect(self._on_current_changed)
        self.strip.customContextMenuRequested.connect(self._on_menu_wished)
        self.strip.stop_wished.connect(self._on_stop_key)
        self.strip.open_wished.connect(self._on_open_key)
        self._cards.stop_wished.connect(self.stop_wished)
        self._stop_all.clicked.connect(self.stop_all_wished)
        for signal in (self.model.rowsInserted, self.model.rowsRemoved, self.model.dataChanged):
            signal.connect(self._update_summary)

    @Slot()
    def _update_summary(self) -> None:
        running, waiting = self.model.count(JobState.RUNNING), self.model.count(JobState.QUEUED)
        words = [f"{running} running" if running else "", f"{waiting} waiting" if waiting else ""]
        self._summary.setText(", ".join(word for word in words if word))
        self._stop_all.setVisible(running + waiting > 0)

    @Slot(QModelIndex, QModelIndex)
    def _on_current_changed(self, index: QModelIndex, _before: QModelIndex) -> None:
        row = index.data(JOB_ROLE)
        self.job_selected.emit(row.id if row else "")

    @Slot(QPoint)
    def _on_menu_wished(self, at: QPoint) -> None:
        row = self.strip.indexAt(at).data(JOB_ROLE)
        if row:
            menu = self.menu_for(row)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.strip.viewport().mapToGlobal(at))

    @Slot()
    def _on_stop_key(self) -> None:
        row = self.current
        if row and not row.state.has_ended:
            self.stop_wished.emit(row.id)

    @Slot()
    def _on_open_key(self) -> None:
        row = self.current
        if row:
            self.job_selected.emit(row.id)
