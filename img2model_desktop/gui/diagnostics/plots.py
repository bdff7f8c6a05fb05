"""The plots of the diagnostics: quiet lines in the theme's colours. Imported only when their window is opened."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFont, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout

from img2model_desktop.core.events import Stage
from img2model_desktop.gui.controls import label
from img2model_desktop.gui.theme import Colours
from img2model_desktop.health.page import nice_top

AXIS_PX = 44
LEAST_PX = 128  # of a plot
MOST_STAGES = 9
_FILL_ALPHA = 36
_FONT_POINTS = 8
_NAMES_PX = 136

Figures = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Range:
    """A range of time to look back.

    Args:
        key: of its segment.
        seconds: it covers.
        every_s: how often its plots are drawn anew.
        ticks: `(seconds back, words)` below the plots.
    """

    key: str
    seconds: float
    every_s: float
    ticks: tuple[tuple[float, str], ...]


RANGES: tuple[Range, ...] = (
    Range("1 min", 60, 1, ((60, "−60 s"), (45, "−45"), (30, "−30"), (15, "−15"), (0, "now"))),
    Range("10 min", 600, 1, ((600, "−10 min"), (450, "−7.5"), (300, "−5"), (150, "−2.5"), (0, "now"))),
    Range("1 h", 3600, 10, ((3600, "−60 min"), (2700, "−45"), (1800, "−30"), (900, "−15"), (0, "now"))),
    Range("1 d", 86_400, 10, ((86_400, "−24 h"), (64_800, "−18"), (43_200, "−12"), (21_600, "−6"), (0, "now"))),
    Range("30 d", 2_592_000, 60, ((2_592_000, "−30 d"), (1_728_000, "−20"), (864_000, "−10"), (0, "now"))),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot.

    Args:
        seconds_back: `(n,)`, falling to 0.
        values: `(n,)`, not a number where nothing was read.
        is_main: drawn in the accent colour, over a faint ground.
    """

    seconds_back: Figures
    values: Figures
    is_main: bool


class PlotCard(QFrame):
    """A heading with the value of now, and under it a plot, which `make` makes: some 20 ms each, so one at a time.

    Args:
        title: what is shown.
        full: the end of the axis, or None to follow the values.
        least_top: the axis goes at least this far.
        whole: of things that are counted, so that half of the axis is a whole number, too.
    """

    def __init__(self, title: str, full: float | None = None, least_top: float = 1.0, whole: bool = False) -> None:
        super().__init__()
        self.setObjectName("card")
        self._full = full
        self._least_top = least_top
        self._whole = whole
        self._lines: tuple[Line, ...] = ()
        self._marks: list[tuple[float, str]] = []
        self._curves: list[pg.PlotDataItem] = []
        self._tints = {True: "", False: ""}
        self._title = label(title, "dim")
        self._now = label("", "value")
        self._now.setTextFormat(Qt.TextFormat.RichText)
        self._words = ""
        self._plot: pg.PlotWidget | None = None
        self._colours: Colours | None = None
        self._chosen = RANGES[0]
        head = QHBoxLayout()
        head.setContentsMargins(12, 0, 12, 0)
        head.addWidget(self._title)
        head.addStretch()
        head.addWidget(self._now)
        self._column = _column(self)
        self._column.addLayout(head)
        self._column.addStretch()
        self.setMinimumHeight(LEAST_PX + 40)
        self.setAccessibleName(title)

    @property
    def now_words(self) -> str:
        """The value that is shown."""
        return self._words

    def make(self) -> None:
        """Makes the plot."""
        self._plot = _empty_plot()
        self._column.takeAt(1)  # what kept its place
        self._column.addWidget(self._plot, 1)
        if self._colours is not None:
            self.retint(self._colours)

    def retint(self, colours: Colours) -> None:
        """In other colours."""
        self._colours = colours
        self._tints = {True: colours.focus if colours.dark else colours.accent, False: colours.faint}
        if self._plot is None:
            return
        _tint(self._plot, colours)
        for curve in self._curves:
            self._plot.removeItem(curve)
        self._curves = []
        for is_main in (False, True):
            colour = self._tints[True]
            pen = QPen(QColor(self._tints[is_main]))
            pen.setCosmetic(True)
            pen.setWidthF(1.6 if is_main else 1.2)
            fill = QColor(colour)
            fill.setAlpha(_FILL_ALPHA)
            curve = pg.PlotDataItem(pen=pen, connect="finite", antialias=True, skipFiniteCheck=False)
            if is_main:
                curve.setFillLevel(0.0)
                curve.setFillBrush(fill)
            self._plot.addItem(curve)
            self._curves.append(curve)
        self._draw()

    def show_lines(self, lines: tuple[Line, ...], now: str, chosen: Range) -> None:
        """Other values.

        Args:
            lines: at most one that is main and one that is not.
            now: the newest value in words.
            chosen: the range that the values are of.
        """
        self._lines = lines
        self._chosen = chosen
        self.show_words(now)
        self._draw()

    def show_words(self, words: str) -> None:
        """Other words for the value of now; what stands before a “|” is of the main line, the rest of the other."""
        self._words = words.replace(" | ", ", ")
        self.setAccessibleDescription(self._words)
        parts = words.split(" | ")
        if len(parts) == 1:
            self._now.setText(html.escape(words))
            return
        tints = (self._tints[True], self._tints[False])
        marked = [
            f'<span style="color:{tint}">●</span> {html.escape(part)}' for tint, part in zip(tints, parts, strict=True)
        ]
        self._now.setText("&nbsp;&nbsp; ".join(marked))

    def _draw(self) -> None:
        if self._plot is None:
            return
        self._marks = [(-back, words) for back, words in self._chosen.ticks]
        self._plot.setXRange(-self._chosen.seconds, 0, padding=0)
        self._plot.getAxis("bottom").setTicks([self._marks])
        known = [float(np.nanmax(line.values)) for line in self._lines if np.isfinite(line.values).any()]
        top = self._full or nice_top(max([self._least_top, *known]))
        if self._whole and top < 10:
            top = 2.0 * math.ceil(max([self._least_top, *known]) / 2)
        self._plot.setYRange(0, top, padding=0)
        self._plot.getAxis("left").setTicks([[(top * share, figure(top * share)) for share in (0, 0.5, 1)]])
        for curve, is_main in zip(self._curves, (False, True), strict=False):
            line = next((line for line in self._lines if line.is_main is is_main), None)
            if line is None:
                curve.setData([], [])
            else:
                curve.setData(-line.seconds_back, line.values)


class StageCard(QFrame):
    """Seconds of the stages: a point for each job, a stroke at the median; one row for each stage and engine."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self._plot: pg.PlotWidget | None = None
        self._empty = label("No stage has run yet.", "dim")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._rows: list[tuple[str, list[float]]] = []
        head = QHBoxLayout()
        head.setContentsMargins(12, 0, 12, 0)
        head.addWidget(label("Times of stages", "dim"))
        head.addStretch()
        head.addWidget(label("seconds", "dim"))
        self._column = _column(self)
        self._column.addLayout(head)
        self._column.addWidget(self._empty, 1)
        self.setMinimumHeight(LEAST_PX + 40)
        self.setAccessibleName("Times of stages")
        self._colours: Colours | None = None

    def make(self) -> None:
        """Makes the plot."""
        self._plot = _empty_plot()
        self._plot.getAxis("left").setWidth(_NAMES_PX)
        self._column.addWidget(self._plot, 1)
        if self._colours is not None:
            self.retint(self._colours)

    def retint(self, colours: Colours) -> None:
        """In other colours."""
        self._colours = colours
        if self._plot is not None:
            _tint(self._plot, colours)
            self._draw()

    def show_times(self, times: Mapping[tuple[str, str, str], Sequence[float]], titles: Mapping[str, str]) -> None:
        """Other values.

        Args:
            times: seconds by stage, engine and quality.
            titles: of engines, by key.
        """
        rows: dict[str, list[float]] = {}
        for (stage, engine, _), seconds in times.items():
            name = stage.capitalize() + (f" · {titles.get(engine, engine)}" if engine else "")
            rows.setdefault(name, []).extend(seconds)
        order = {stage.value.capitalize(): place for place, stage in enumerate(Stage)}
        found = sorted(rows.items(), key=lambda row: order.get(row[0].partition(" · ")[0], len(order)))[:MOST_STAGES]
        if found != self._rows:
            self._rows = found
            spoken = "; ".join(f"{name}: {figure(float(np.median(values)))} s" for name, values in found)
            self.setAccessibleDescription(spoken)
            self._draw()

    def _draw(self) -> None:
        self._empty.setVisible(not self._rows)
        if self._plot is None:
            return
        self._plot.setVisible(bool(self._rows))
        if self._colours is None or not self._rows:
            return
        self._plot.clear()
        _add_rules(self._plot, self._colours, across=False)
        count = len(self._rows)
        highest = max(max(seconds) for _, seconds in self._rows)
        unit = nice_top(highest) / 10  # closer than a nice end alone: rows are compared by their lengths
        top = math.ceil(highest / unit / 2) * 2 * unit
        colour = QColor(self._colours.focus if self._colours.dark else self._colours.accent)
        faded = QColor(colour)
        faded.setAlpha(110)
        for number, (_, seconds) in enumerate(self._rows):
            place = count - 1 - number
            points = pg.ScatterPlotItem(
                x=seconds, y=np.full(len(seconds), float(place)), size=7, pen=None, brush=faded, antialias=True
            )
            self._plot.addItem(points)
            pen = QPen(colour)
            pen.setCosmetic(True)
            pen.setWidthF(2.5)
            middle = float(np.median(seconds))
            self._plot.addItem(pg.PlotCurveItem(x=[middle, middle], y=[place - 0.3, place + 0.3], pen=pen))
        self._plot.setXRange(0, top, padding=0)
        self._plot.setYRange(-0.6, count - 0.4, padding=0)
        names = [(count - 1 - number, name) for number, (name, _) in enumerate(self._rows)]
        self._plot.getAxis("left").setTicks([names])
        self._plot.getAxis("bottom").setTicks([[(top * share, figure(top * share)) for share in (0, 0.5, 1)]])


def with_pauses(at: Figures, values: Figures, least_s: float) -> tuple[Figures, Figures]:
    """The line with holes where nothing was read for a while.

    Args:
        at: `(n,)` rising.
        values: `(n,)`.
        least_s: shorter pauses are none.
    """
    steps = np.diff(at)
    if not len(steps):
        return at, values
    holes = np.flatnonzero(steps > max(5 * float(np.median(steps)), least_s)) + 1
    return np.insert(at, holes, at[holes - 1] + 1e-3), np.insert(values, holes, math.nan)


def figure(value: float) -> str:
    """A figure as short as it can be, with thin spaces between thousands."""
    if value >= 1000:
        return f"{value:,.0f}".replace(",", "\u2009")
    return f"{value:.3g}"


def _column(card: QFrame) -> QVBoxLayout:
    column = QVBoxLayout(card)
    column.setContentsMargins(0, 8, 8, 6)
    column.setSpacing(4)
    return column


def _empty_plot() -> pg.PlotWidget:
    plot = pg.PlotWidget(enableMenu=False)
    plot.setMinimumHeight(LEAST_PX)
    plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    plot.setFrameShape(QFrame.Shape.NoFrame)
    plot.hideButtons()
    plot.setMouseEnabled(x=False, y=False)
    plot.getViewBox().setDefaultPadding(0)
    plot.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    for name in ("left", "bottom"):
        axis = plot.getAxis(name)
        axis.setStyle(tickLength=0, tickTextOffset=6, autoExpandTextSpace=False, hideOverlappingLabels=32, tickAlpha=0)
        axis.enableAutoSIPrefix(False)
    plot.getAxis("left").setWidth(AXIS_PX)
    plot.getAxis("bottom").setHeight(20)
    plot.getPlotItem().layout.setContentsMargins(0, 6, 12, 0)
    return plot


def _tint(plot: pg.PlotWidget, colours: Colours) -> None:
    plot.setBackground(QColor(colours.raised))
    font = QFont()
    font.setPointSize(_FONT_POINTS)
    for name in ("left", "bottom"):
        axis = plot.getAxis(name)
        axis.setPen(QColor(0, 0, 0, 0))
        axis.setTextPen(QColor(colours.dim))
        axis.setTickFont(font)
    _add_rules(plot, colours)


class _Rules(pg.GraphicsObject):  # type: ignore[misc] # pyqtgraph has no types
    """Hairlines at the ends and in the middle of the values' axis."""

    def __init__(self, colour: QColor, across: bool) -> None:
        super().__init__()
        self._colour = colour
        self._across = across
        self.setZValue(-10)

    def boundingRect(self) -> object:
        return self.viewRect()

    def paint(self, painter: object, *_arguments: object) -> None:
        area = self.viewRect()
        pen = QPen(self._colour)
        pen.setCosmetic(True)
        painter.setPen(pen)  # type: ignore[attr-defined]  # a QPainter
        for share in (0.0, 0.5, 1.0):
            x, y = area.left() + share * area.width(), area.top() + share * area.height()
            ends = ((area.left(), y), (area.right(), y)) if self._across else ((x, area.top()), (x, area.bottom()))
            painter.drawLine(*(QPointF(*end) for end in ends))  # type: ignore[attr-defined]  # the same

    def viewRangeChanged(self) -> None:
        self.prepareGeometryChange()
        self.update()


def _add_rules(plot: pg.PlotWidget, colours: Colours, across: bool = True) -> None:
    for item in [item for item in plot.items() if isinstance(item, _Rules)]:
        plot.removeItem(item)
    plot.addItem(_Rules(QColor(colours.line), across), ignoreBounds=True)
