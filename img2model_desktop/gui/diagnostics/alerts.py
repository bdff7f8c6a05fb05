"""The score with its reasons, and the list of alerts."""

import time

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from img2model_desktop.gui.controls import label
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.theme import Colours
from img2model_desktop.health.limits import BY_KEY, Alert
from img2model_desktop.health.readings import BY_KEY as MEASURES
from img2model_desktop.health.score import Score

SHOWN_ALERTS = 5
SHOWN_REASONS = 3
_DIAL_PX = 64
_GOOD, _FAIR = 90, 60


class Dial(QWidget):
    """The score as a figure in a ring."""

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._points: int | None = None
        self.setFixedSize(QSize(_DIAL_PX, _DIAL_PX))

    def show_points(self, points: int | None) -> None:
        """0..100, or None while it is not known."""
        self._points = points
        self.setAccessibleName("Score not known yet" if points is None else f"Score {points} of 100")
        self.setToolTip(self.accessibleName())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - Qt's signature
        colours = self._icons.colours
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ring = QRectF(self.rect()).adjusted(4, 4, -4, -4)
        painter.setPen(QPen(QColor(colours.line), 5))
        painter.drawEllipse(ring)
        if self._points is None:
            return
        pen = QPen(QColor(tint(self._points, colours)), 5)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawArc(ring, 90 * 16, round(-3.6 * 16 * self._points))
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.5)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, str(self._points))


def tint(points: int, colours: Colours) -> str:
    """The colour of a score."""
    return colours.good if points >= _GOOD else colours.warn if points >= _FAIR else colours.bad


class ScoreBlock(QWidget):
    """The dial, and why it does not show more."""

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self.dial = Dial(icons)
        self._words = label("Looking…", "title")
        self._reasons = [label("", "dim", wrap=True) for _ in range(SHOWN_REASONS)]
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        row.addWidget(self.dial, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(self._words)
        for reason in self._reasons:
            column.addWidget(reason)
            reason.hide()
        column.addStretch()
        row.addLayout(column, 1)

    @property
    def words(self) -> tuple[str, ...]:
        """What is shown beside the dial."""
        return (self._words.text(), *(reason.text() for reason in self._reasons if not reason.isHidden()))

    def retint(self) -> None:
        """In the theme's colours."""
        self.dial.update()

    @Slot(object)
    def show_score(self, found: Score | None) -> None:
        """Another score; None while it is not known."""
        self.dial.show_points(None if found is None else found.points)
        if found is None:
            return
        self._words.setText({"Good": "All is well", "Fair": "Mostly well"}.get(found.words, "Needs attention"))
        texts = [f"{reason.text} {reason.advice}" for reason in found.reasons] or ["Nothing takes points off."]
        for place, line in enumerate(self._reasons):
            line.setVisible(place < len(texts))
            line.setText(texts[place] if place < len(texts) else "")


class AlertList(QWidget):
    """The newest alerts; those that last and were not acknowledged have a button.

    Signals:
        acknowledged: (object) the user has seen this Alert.
    """

    acknowledged = Signal(object)

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._shown: tuple[Alert, ...] | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self._marks: list[tuple[QLabel, Alert]] = []
        self.buttons: list[QPushButton] = []
        self.show_alerts(())

    def show_alerts(self, alerts: tuple[Alert, ...]) -> None:
        """Another list, oldest first."""
        newest = tuple(reversed(alerts))[:SHOWN_ALERTS]
        if newest == self._shown:
            return
        self._shown = newest
        while (item := self._column.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        self._marks, self.buttons = [], []
        for alert in newest:
            self._column.addWidget(self._row(alert))
        if not newest:
            self._column.addWidget(label("None so far: nothing went past its limit.", "dim"))
        self.retint()

    def retint(self) -> None:
        """The marks again, in the theme's colours."""
        colours = self._icons.colours
        for mark, alert in self._marks:
            is_live = alert.is_open and alert.acknowledged is None
            colour = colours.faint if not is_live else colours.bad if BY_KEY[alert.key].is_bad else colours.warn
            mark.setPixmap(self._icons.pixmap("warning", 16, colour, self.devicePixelRatioF()))

    def _row(self, alert: Alert) -> QFrame:
        limit = BY_KEY[alert.key]
        frame = QFrame()
        frame.setObjectName("card")
        mark = QLabel()
        mark.setFixedSize(16, 16)
        self._marks.append((mark, alert))
        row = QHBoxLayout(frame)
        row.setContentsMargins(12, 6, 8, 6)
        row.setSpacing(12)
        row.addWidget(mark)
        title = label(limit.title, "value")
        title.setToolTip(f"{limit.reason} {limit.advice}")
        row.addWidget(title)
        row.addWidget(label(worst_words(alert), "dim"))
        row.addStretch()
        row.addWidget(label(span_words(alert), "dim"))
        if alert.acknowledged is None:
            button = QPushButton("Seen")
            button.setObjectName("small")
            button.setToolTip("Acknowledges this alert; it stays in the list")
            button.setAccessibleName(f"Seen: {limit.title}")
            button.clicked.connect(lambda: self.acknowledged.emit(alert))
            row.addWidget(button)
            self.buttons.append(button)
        frame.setAccessibleName(f"{limit.title}, {worst_words(alert)}, {span_words(alert)}")
        return frame


def worst_words(alert: Alert) -> str:
    """The worst value, in its unit."""
    limit = BY_KEY[alert.key]
    figure = f"{alert.worst:,.0f}" if alert.worst >= 100 else f"{alert.worst:.1f}"
    return f"{'up' if limit.is_ceiling else 'down'} to {figure} {MEASURES[limit.measure].unit}".strip()


def span_words(alert: Alert) -> str:
    """From when to when."""
    began = time.strftime("%d %b, %H:%M", time.localtime(alert.since))
    if alert.until is None:
        return f"since {began}"
    seconds = max(alert.until - alert.since, 0)
    length = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    return f"{began}, for {length}"
