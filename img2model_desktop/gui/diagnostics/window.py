"""How the machine and the program are: plots, alerts, the score with its reasons, and what a report needs."""

import time
from pathlib import Path

import numpy as np
import psutil
from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from img2model_desktop.engines import catalog
from img2model_desktop.gui.controls import Segments, label, rule
from img2model_desktop.gui.diagnostics.alerts import AlertList, ScoreBlock
from img2model_desktop.gui.diagnostics.calls import save_page
from img2model_desktop.gui.diagnostics.feed import DiagnosticsFeed
from img2model_desktop.gui.diagnostics.plots import RANGES, Line, PlotCard, Range, StageCard, figure, with_pauses
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.latest_call import LatestCall
from img2model_desktop.gui.messages import Message, MessageBar, Tone
from img2model_desktop.gui.runner import JobRunner, Trouble
from img2model_desktop.gui.side_windows import BesideWindow
from img2model_desktop.gui.theme import SPACE
from img2model_desktop.health.limits import Alert
from img2model_desktop.health.page import Report
from img2model_desktop.health.readings import GIB
from img2model_desktop.health.series import Points, thinned

SIZE = (1080, 760)
POINTS = 400
_COLUMNS = 3


class DiagnosticsWindow(BesideWindow):
    """Beside the main window; reads nothing by itself, the feed does.

    Signals:
        report_wished: the user wants the check-up and the report.
        logs_wished: the folder of the log.
    """

    report_wished = Signal()
    logs_wished = Signal()

    def __init__(self, feed: DiagnosticsFeed, runner: JobRunner, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("Diagnostics")
        self.resize(*SIZE)
        self.setMinimumSize(760, 520)
        self._feed = feed
        self._icons = icons
        self._drawn = 0.0
        self._memory_gib = psutil.virtual_memory().total / GIB
        self._titles = {spec.key: spec.title for spec in catalog.ENGINES}
        self._saving = LatestCall(runner, self)
        self.dialog: QFileDialog | None = None
        self._build()
        self._unmade: list[PlotCard | StageCard] = [*self.cards.values(), self.stages]
        self._making = QTimer(self)
        self._making.setInterval(0)
        self._connect()
        self.retint()
        self.refresh()

    @property
    def chosen(self) -> Range:
        """The range of time that is shown."""
        return next(each for each in RANGES if each.key == self.ranges.value)

    @property
    def is_made(self) -> bool:
        """Whether all plots are there; they are made one after the other, between the program's other events."""
        return not self._unmade

    def retint(self) -> None:
        """In the theme's colours."""
        for card in self.cards.values():
            card.retint(self._icons.colours)
        self.stages.retint(self._icons.colours)
        self.messages.retint()
        self.alerts.retint()
        self.score.retint()

    @Slot()
    def refresh(self) -> None:
        """Everything again."""
        self._drawn = time.monotonic()
        now = time.time()
        watch = self._feed.watch
        points = watch.between(now - self.chosen.seconds, now) if watch else None
        if points is not None:
            self._show_points(thinned(points, POINTS), now)
            self._show_alerts()
        self.stages.show_times(self._feed.times.durations(), self._titles)
        self.score.show_score(self._feed.score)

    # Building

    def _build(self) -> None:
        self.ranges = Segments([(each.key, each.key, f"The last {each.key}") for each in RANGES], "Range of time")
        self.score = ScoreBlock(self._icons)
        self.alerts = AlertList(self._icons)
        self.messages = MessageBar(self._icons)
        self.cards = {
            "processor": PlotCard("Processor, %", 100.0),
            "memory": PlotCard("Memory, %", 100.0),
            "gap": PlotCard("Longest gap of the window, ms", least_top=50.0),
            "card_use": PlotCard("Graphics card, %", 100.0),
            "card_memory": PlotCard("Graphics memory, %", 100.0),
            "queue": PlotCard("Jobs that wait or run", least_top=4.0, whole=True),
            "disk_free": PlotCard("Free on the disk, GiB"),
        }
        self.stages = StageCard()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(self._head())
        whole.addWidget(self.messages)
        whole.addWidget(rule())
        whole.addWidget(self._page(), 1)

    def _head(self) -> QHBoxLayout:
        self.report_button = QPushButton("Check-up and report…")
        self.report_button.setToolTip("Looks at everything the program needs, and makes a report without your names")
        self.export_button = QPushButton("Export…")
        self.export_button.setToolTip("Saves what is shown as a page (HTML) or for machines (JSON)")
        self.logs_button = QPushButton("Log folder")
        self.logs_button.setToolTip("Opens the folder of the log")
        row = QHBoxLayout()
        row.setContentsMargins(16, 16, 16, 12)
        row.setSpacing(SPACE)
        row.addWidget(self.score, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        for button in (self.report_button, self.export_button, self.logs_button):
            button.setAccessibleName(button.text())
            buttons.addWidget(button)
        right = QVBoxLayout()
        right.setSpacing(12)
        right.addLayout(buttons)
        right.addWidget(self.ranges)
        right.addStretch()
        row.addLayout(right)
        return row

    def _page(self) -> QScrollArea:
        page = QWidget()
        page.setObjectName("panel_page")
        column = QVBoxLayout(page)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        self._grid = QGridLayout()
        self._grid.setSpacing(12)
        column.addLayout(self._grid, 1)
        self.all_seen = QPushButton("All seen")
        self.all_seen.setObjectName("small")
        self.all_seen.setToolTip("Acknowledges every alert; they stay in the list")
        head = QHBoxLayout()
        head.addWidget(label("Alerts", "title"))
        head.addStretch()
        head.addWidget(self.all_seen)
        column.addLayout(head)
        column.addWidget(self.alerts)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(page)
        self._place(has_card=False)
        return scroll

    def _place(self, has_card: bool) -> None:
        """The cards into their places; those of a graphics card only where there is one that can be read."""
        names = ["processor", "memory", "gap", *(("card_use", "card_memory") if has_card else ()), "queue"]
        shown = [self.cards[name] for name in names]
        if not has_card:
            shown.append(self.cards["disk_free"])
        for name, card in self.cards.items():
            card.setVisible(card in shown)
            self._grid.removeWidget(self.cards[name])
        self._grid.removeWidget(self.stages)
        places = [divmod(number, _COLUMNS) for number in range(len(shown))]
        for (row, column), card in zip(places, shown, strict=True):
            self._grid.addWidget(card, row, column)
        row, column = divmod(len(shown), _COLUMNS)
        self._grid.addWidget(self.stages, row, column, 1, _COLUMNS - column)
        for place in range(_COLUMNS):
            self._grid.setColumnStretch(place, 1)
        self._has_card = has_card

    def _connect(self) -> None:
        self._feed.beaten.connect(self._on_beaten)
        self._feed.scored.connect(self.score.show_score)
        self.ranges.chosen.connect(self.refresh)
        self.alerts.acknowledged.connect(self._on_acknowledged)
        self.all_seen.clicked.connect(self._on_all_seen)
        self.report_button.clicked.connect(self.report_wished)
        self.export_button.clicked.connect(self.ask_where_to_export)
        self.logs_button.clicked.connect(self.logs_wished)
        self._saving.answered.connect(self._on_saved)
        self._making.timeout.connect(self._make_next)

    # Showing

    def _show_points(self, points: Points, now: float) -> None:
        has_card = bool(self._feed.watch and self._feed.watch.card.name)
        if has_card != self._has_card:
            self._place(has_card)
        share = 100.0 / self._memory_gib
        self._show("processor", points, now, "processor_own", "processor", "%")
        self._show("memory", points, now, "memory_own", "memory", "%", factor=share)
        for name in ("gap", "queue", "disk_free", "card_use", "card_memory"):
            self._show(name, points, now, name)
        own, whole = _last(points.column("memory_own")), _last(points.column("memory"))
        if own is not None and whole is not None:
            used = whole / 100 * self._memory_gib
            self._words("memory", f"{own:.1f} GiB here | {used:.1f} of {self._memory_gib:.0f} GiB in all")
        own, whole = _last(points.column("processor_own")), _last(points.column("processor"))
        if own is not None and whole is not None:
            self._words("processor", f"{own:.0f} % here | {whole:.0f} % in all")
        heat = _last(points.column("card_temperature"))
        use = _last(points.column("card_use"))
        if use is not None:
            self._words("card_use", f"{use:.0f} %" + (f", {heat:.0f} °C" if heat is not None else ""))

    def _show(
        self, name: str, points: Points, now: float, main: str, other: str = "", unit: str = "", factor: float = 1.0
    ) -> None:
        lines = [self._line(points, now, main, factor, is_main=True)]
        if other:
            lines.append(self._line(points, now, other, 1.0, is_main=False))
        newest = _last(points.column(main, highest=True))
        words = "" if newest is None else f"{figure(newest)} {unit}".strip()
        self.cards[name].show_lines(tuple(lines), words, self.chosen)

    def _line(self, points: Points, now: float, key: str, factor: float, is_main: bool) -> Line:
        is_peak = key in ("gap", "queue")
        values = points.column(key, highest=is_peak).astype(np.float64) * factor
        known = np.isfinite(values)
        at, values = with_pauses(points.at[known], values[known], 3.0 if self.chosen.seconds <= 600 else 30.0)
        return Line(now - at, values, is_main)

    def _words(self, name: str, words: str) -> None:
        self.cards[name].show_words(words)

    # Slots

    @Slot()
    def _make_next(self) -> None:
        if self._unmade:
            self._unmade.pop(0).make()
        else:
            self._making.stop()

    @Slot()
    def _on_beaten(self) -> None:
        if self.isVisible() and time.monotonic() - self._drawn >= self.chosen.every_s - 0.5:
            self.refresh()

    @Slot(object)
    def _on_acknowledged(self, alert: Alert) -> None:
        if self._feed.watch is not None:
            self._feed.watch.acknowledge(alert)
            self._show_alerts()

    @Slot()
    def _on_all_seen(self) -> None:
        if self._feed.watch is not None:
            for alert in self._feed.watch.alerts:
                self._feed.watch.acknowledge(alert)
            self._show_alerts()

    def _show_alerts(self) -> None:
        alerts = self._feed.watch.alerts if self._feed.watch else ()
        self.alerts.show_alerts(alerts)
        self.all_seen.setVisible(any(alert.acknowledged is None for alert in alerts))

    @Slot()
    def ask_where_to_export(self) -> None:
        """Lets the user choose where to put the page."""
        dialog = QFileDialog(self, "Export diagnostics")
        dialog.setNameFilters(["Page for people (*.html)", "Figures for machines (*.json)"])
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("html")
        dialog.setDirectory(str(Path.home()))
        dialog.selectFile("diagnostics.html")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix("json" if "json" in chosen else "html"))
        dialog.fileSelected.connect(lambda name: self.export(Path(name)))
        self.dialog = dialog
        dialog.show()

    def export(self, path: Path) -> None:
        """Saves what is shown: as JSON where the name ends in .json, else as a page."""
        self._saving.ask(save_page, self.report(), path)

    def report(self) -> Report:
        """What is shown, to save."""
        now = time.time()
        watch = self._feed.watch
        since = now - self.chosen.seconds
        points = watch.between(since, now) if watch else None
        alerts = watch.alerts if watch else ()
        return Report(now, since, self._feed.score, points, alerts, self._feed.times.durations())

    @Slot(object, object)
    def _on_saved(self, path: Path | None, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.messages.tell(Message(Tone.ERROR, trouble.message, trouble.advice, trouble.details))
        elif path is not None:
            self.messages.tell(Message(Tone.INFO, f"Saved as {path.name}."))

    # Beginning and end

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._feed.set_seen(True)
        if not self.is_made:
            self._making.start()
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._feed.set_seen(False)
        self._making.stop()


def _last(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else None
