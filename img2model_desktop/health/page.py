"""A page about the program's health, in one HTML file that needs nothing else, and the same figures as JSON."""

import html
import itertools
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from img2model_desktop import __version__
from img2model_desktop.core import atomic
from img2model_desktop.health.checks import Check
from img2model_desktop.health.limits import BY_KEY as LIMITS
from img2model_desktop.health.limits import Alert
from img2model_desktop.health.readings import KEYS, MEASURES, Measure
from img2model_desktop.health.score import Score
from img2model_desktop.health.series import Points, no_points, thinned

POINTS = 480
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640.0, 120.0, 48.0, 20.0


@dataclass(frozen=True, slots=True)
class Report:
    """What the page shows.

    Args:
        at: when it was made, seconds since the epoch.
        since: beginning of the range of its plots.
        score: with its reasons, or None where it was not worked out.
        points: readings of the range.
        alerts: oldest first.
        stages: seconds by stage, engine and quality, oldest first.
        checks: of the doctor; may be none.
    """

    at: float
    since: float
    score: Score | None = None
    points: Points | None = None
    alerts: tuple[Alert, ...] = ()
    stages: Mapping[tuple[str, str, str], Sequence[float]] | None = None
    checks: tuple[Check, ...] = ()


def save(report: Report, path: Path) -> None:
    """As JSON where the name ends in .json, else as HTML; whole or not at all. Raises SetupProblem."""
    is_json = path.suffix.lower() == ".json"
    text = json.dumps(plain(report), indent=1, ensure_ascii=False) + "\n" if is_json else as_html(report)
    atomic.write_file(path, text.encode())


def plain(report: Report) -> dict[str, Any]:
    """For machines."""
    points = report.points or no_points()
    columns = {
        key: {"mean": _figures(points.column(key)), "high": _figures(points.column(key, highest=True))} for key in KEYS
    }
    return {
        "program": f"Image2Model Desktop {__version__}",
        "at": report.at,
        "since": report.since,
        "score": None if report.score is None else asdict(report.score),
        "alerts": [asdict(alert) for alert in report.alerts],
        "stages": [
            {"stage": stage, "engine": engine, "quality": quality, "seconds": [round(value, 3) for value in seconds]}
            for (stage, engine, quality), seconds in (report.stages or {}).items()
        ],
        "checks": [asdict(check) for check in report.checks],
        "units": {measure.key: measure.unit for measure in MEASURES},
        "readings": {"at": [round(float(at), 1) for at in points.at], **columns},
    }


def _figures(values: Any) -> list[float | None]:
    return [round(float(value), 3) if value == value else None for value in values]


def as_html(report: Report) -> str:
    """For people: opens in any browser, prints on paper, dark or light as the reader has it."""
    parts = [
        f"<h1>Health of Image2Model Desktop {html.escape(__version__)}</h1>",
        f'<p class="dim">{_moment(report.since)} to {_moment(report.at)}</p>',
        _score(report.score),
        _checks(report.checks),
        _alerts(report.alerts),
        _plots(report),
        _stages(report),
    ]
    body = "\n".join(part for part in parts if part)
    return f"<!doctype html>\n<html lang=en><meta charset=utf-8><title>Health</title><style>{_STYLE}</style>\n{body}\n"


def _score(score: Score | None) -> str:
    if score is None:
        return ""
    reasons = "".join(
        f"<li>{html.escape(reason.text)} <span class=dim>{html.escape(reason.advice)}</span></li>"
        for reason in score.reasons
    )
    rest = f"<ul>{reasons}</ul>" if reasons else "<p>Nothing to say.</p>"
    return f"<h2>{score.points} of 100: {score.words.lower()}</h2>{rest}"


def _checks(checks: tuple[Check, ...]) -> str:
    rows = "".join(
        f'<tr><td class="{check.grade}">{check.grade}<td>{html.escape(check.title)}<td>{html.escape(check.what)}'
        f"<td class=dim>{html.escape(check.advice)}"
        for check in checks
    )
    return f"<h2>Checks</h2><table>{rows}</table>" if rows else ""


def _alerts(alerts: tuple[Alert, ...]) -> str:
    rows = []
    for alert in reversed(alerts):
        title = LIMITS[alert.key].title if alert.key in LIMITS else alert.key
        until = "lasts" if alert.until is None else f"until {_moment(alert.until)}"
        rows.append(f"<tr><td>{html.escape(title)}<td>{_moment(alert.since)}<td>{until}")
    return f"<h2>Alerts</h2><table>{''.join(rows)}</table>" if rows else ""


def _plots(report: Report) -> str:
    points = report.points
    if points is None or not len(points):
        return ""
    few = thinned(points, POINTS)
    plots = [_plot(measure, few, report.since, report.at) for measure in MEASURES]
    return f"<h2>Readings</h2><div class=plots>{''.join(plots)}</div>"


def _plot(measure: Measure, points: Points, since: float, until: float) -> str:
    values = points.column(measure.key, highest=True)
    known = [(float(at), float(value)) for at, value in zip(points.at, values, strict=True) if value == value]
    if not known:
        return ""
    top = measure.full or nice_top(max(value for _, value in known))
    lines = " ".join(_lines(known, since, until, top))
    newest = known[-1][1]
    now = f"{newest:,.0f} {measure.unit}" if newest >= 100 else f"{newest:.3g} {measure.unit}"
    marks = "".join(
        f'<line x1="{_LEFT:.0f}" x2="{_WIDTH:.0f}" y1="{_y(top * share, top):.1f}" y2="{_y(top * share, top):.1f}"/>'
        f'<text x="{_LEFT - 6:.0f}" y="{_y(top * share, top) + 4:.1f}" text-anchor=end>{top * share:.4g}</text>'
        for share in (0.0, 0.5, 1.0)
    )
    ends = (
        f'<text x="{_LEFT:.0f}" y="{_HEIGHT - 4:.0f}">{_moment(since)}</text>'
        f'<text x="{_WIDTH:.0f}" y="{_HEIGHT - 4:.0f}" text-anchor=end>{_moment(until)}</text>'
    )
    title = html.escape(measure.title)
    return (
        f"<figure><figcaption>{title} <b>{html.escape(now.strip())}</b></figcaption>"
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role=img aria-label="{title}">{marks}{ends}'
        f'<path d="{lines}"/></svg></figure>'
    )


def _lines(known: list[tuple[float, float]], since: float, until: float, top: float) -> list[str]:
    """Pen moves; the pen is lifted where the program did not run."""
    steps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(known)]
    pause = 5 * statistics.median(steps) if steps else 0.0
    span = max(until - since, 1e-9)
    moves, before = [], None
    for at, value in known:
        x = _LEFT + (_WIDTH - _LEFT) * min(max((at - since) / span, 0.0), 1.0)
        draws = before is not None and at - before <= pause
        moves.append(f"{'L' if draws else 'M'}{x:.1f} {_y(value, top):.1f}")
        if not draws:
            moves.append("h0.1")  # a reading alone is a dot
        before = at
    return moves


def _y(value: float, top: float) -> float:
    room = _HEIGHT - _BOTTOM - 8
    return 8 + room * (1 - min(max(value / top, 0.0), 1.0))


def nice_top(highest: float) -> float:
    """The end of an axis: 1, 2 or 5 times a power of ten, at or above the highest value."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** int(f"{highest:e}".partition("e")[2])
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= highest * (1 - 1e-9))


def _stages(report: Report) -> str:
    rows = []
    for (stage, engine, quality), seconds in sorted((report.stages or {}).items()):
        if seconds:
            middle = statistics.median(seconds)
            rows.append(
                f"<tr><td>{html.escape(stage)}<td>{html.escape(engine)}<td>{html.escape(quality)}"
                f"<td class=figure>{middle:.1f} s<td class=figure>{min(seconds):.1f} to {max(seconds):.1f} s"
                f"<td class=figure>{len(seconds)}"
            )
    head = "<tr><th>Stage<th>Engine<th>Quality<th>Median<th>Range<th>Jobs"
    return f"<h2>Times of stages</h2><table>{head}{''.join(rows)}</table>" if rows else ""


def _moment(at: float) -> str:
    return time.strftime("%d %b %H:%M", time.localtime(at))


_STYLE = """
:root { color-scheme: light dark; --text: #1b1c1f; --dim: #595c65; --line: #d9dade; --ground: #f5f5f7; --mark: #3d5ae6 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e9e9ec; --dim: #a6a9b2; --line: #33353a; --ground: #222326; --mark: #8fa4ff } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--text); background: var(--ground); max-width: 1320px;
  margin: 32px auto; padding: 0 24px }
h1 { font-size: 22px; font-weight: 600; margin: 0 } h2 { font-size: 16px; font-weight: 600; margin: 32px 0 8px }
.dim { color: var(--dim) } table { border-collapse: collapse } td, th { text-align: left; padding: 4px 24px 4px 0;
  border-bottom: 1px solid var(--line); vertical-align: top } .figure { text-align: right }
td.warn { color: #a66a00 } td.bad { color: #c8302c } td.ok { color: #2a8a56 }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 24px 32px }
figure { margin: 0; break-inside: avoid } figcaption { color: var(--dim) } figcaption b { color: var(--text) }
svg { width: 100%; display: block } svg line { stroke: var(--line) } svg path { fill: none; stroke: var(--mark);
  stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round } svg text { fill: var(--dim); font-size: 11px }
"""
