"""A line over the mesh while a job runs: what, which stage, how far, how long still, and Stop."""

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from img2model_desktop.gui.controls import ElidedLabel, label
from img2model_desktop.gui.history.jobs import state_words, work_words
from img2model_desktop.gui.icons import Icons
from img2model_desktop.jobs.estimates import StageTimes, overall
from img2model_desktop.jobs.job_row import JobRow

_BAR_PX = 3


class WorkBar(QFrame):
    """Hidden while nothing runs.

    Signals:
        stop_wished: (str) the user wants this job stopped.
    """

    stop_wished = Signal(str)

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self.setObjectName("view_bar")
        self.times: StageTimes | None = None  # what stages take here; None: nothing is told of it
        self._icons = icons
        self._job_id = ""
        self._fraction = 0.0
        self._title = ElidedLabel("value")
        self._left = label("", "dim")
        self._left.setToolTip("From what the stages took on this machine before")
        self._stage = label("", "dim")
        self._stage.setMinimumWidth(88)
        self._stage.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._stop = QPushButton("Stop")
        self._stop.setToolTip("Stop this job (Ctrl+.)")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 8, 4 + _BAR_PX)
        row.setSpacing(12)
        row.addWidget(self._title, 1)
        row.addWidget(self._left)
        row.addWidget(self._stage)
        row.addWidget(self._stop)
        self._stop.clicked.connect(lambda: self.stop_wished.emit(self._job_id))
        self.hide()

    @property
    def left_words(self) -> str:
        """How long it will take still, as shown."""
        return self._left.text()

    def show_job(self, row: JobRow | None) -> None:
        """The job that runs, or None."""
        self.setVisible(row is not None)
        if row is None:
            self._job_id = ""
            return
        self._job_id = row.id
        self._fraction = overall(row) if self.times is None else self.times.overall(row)
        self._title.show_text(work_words(row))
        self._stage.setText(state_words(row, done=self._fraction))
        left = "" if self.times is None else self.times.remaining(row).words
        self._left.setText(left)
        self.setAccessibleName(f"{work_words(row)}: {self._stage.text()} {left}".strip())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        colours = self._icons.colours
        bar = QRectF(0, self.height() - _BAR_PX, self.width(), _BAR_PX)
        painter.fillRect(bar, QColor(colours.line))
        bar.setWidth(bar.width() * self._fraction)
        painter.fillRect(bar, QColor(colours.accent_hover if colours.dark else colours.accent))
