"""The diagnostics: gaps, the feed, the window with its plots and alerts, the check-up with its report."""

import json
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from img2model_desktop import logs
from img2model_desktop.core.events import Finished, Stage, StageBegan, Started
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.errors import SetupProblem
from img2model_desktop.gui.diagnostics.desk import DiagnosticsDesk
from img2model_desktop.gui.diagnostics.feed import DiagnosticsFeed
from img2model_desktop.gui.diagnostics.gap_watch import HIDDEN_MS, LEAST, WORKING_MS, GapWatch
from img2model_desktop.gui.diagnostics.plots import RANGES, with_pauses
from img2model_desktop.gui.diagnostics.report import CheckUp, ReportWindow
from img2model_desktop.gui.diagnostics.window import DiagnosticsWindow
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.messages import Message
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.side_windows import SideWindows
from img2model_desktop.gui.theme import LIGHT
from img2model_desktop.gui.window_state import Places
from img2model_desktop.gui.work_bar import WorkBar
from img2model_desktop.health import checks
from img2model_desktop.health import watch as watching
from img2model_desktop.health.limits import LIMITS
from img2model_desktop.health.readings import Reading
from img2model_desktop.health.score import Signs, score
from img2model_desktop.health.series import Series
from img2model_desktop.jobs.job_row import JobState
from img2model_desktop.jobs.plan import resolve

WAIT_MS = 60_000


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


# -- gaps --------------------------------------------------------------------------------------------------------------


def test_a_gap_is_how_late_the_timer_was_heard(qtbot: QtBot) -> None:
    clock = Clock()
    gaps = GapWatch(clock=clock)
    gaps.set_interval(20)
    for late in [0.0] * (LEAST - 2) + [0.030, 0.400]:
        clock.now += 0.020 + late
        gaps.look()
    gaps.set_interval(0)
    assert gaps.take_longest() == pytest.approx(400)
    assert gaps.take_longest() == 0.0
    assert gaps.percentile(0.5) == pytest.approx(0, abs=1e-6)
    assert gaps.percentile(0.999) == pytest.approx(400)


def test_too_few_gaps_say_nothing(qtbot: QtBot) -> None:
    clock = Clock()
    gaps = GapWatch(clock=clock)
    clock.now += 5
    gaps.look()
    assert gaps.percentile(0.99) == 0.0
    assert gaps.take_longest() > 4000


def test_a_blocked_thread_is_found(qtbot: QtBot) -> None:
    gaps = GapWatch()
    gaps.set_interval(WORKING_MS)
    qtbot.wait(60)
    gaps.take_longest()
    time.sleep(0.3)
    qtbot.wait(30)
    gaps.set_interval(0)
    assert 250 <= gaps.take_longest() < 5000
    assert gaps.interval_ms == 0


def test_a_new_interval_begins_anew(qtbot: QtBot) -> None:
    clock = Clock()
    gaps = GapWatch(clock=clock)
    gaps.set_interval(20)
    gaps.set_interval(0)
    clock.now += 3600  # idle
    gaps.set_interval(200)
    clock.now += 0.2
    gaps.look()
    gaps.set_interval(0)
    assert gaps.take_longest() == pytest.approx(0, abs=1e-6)


# -- the feed ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readings come at once instead of every second."""
    monkeypatch.setattr(watching, "BUSY_S", 0.02)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def here(places: Places, data: Path, runner: JobRunner, tmp_path: Path) -> Places:
    return replace(places, data=data, database=tmp_path / "none.sqlite3")


@pytest.fixture
def beside(qtbot: QtBot) -> Iterator[QWidget]:
    widget = QWidget()
    widget.show()
    yield widget
    widget.close()
    widget.deleteLater()


@pytest.fixture
def feed(runner: JobRunner, here: Places, beside: QWidget, qtbot: QtBot) -> Iterator[DiagnosticsFeed]:
    made = DiagnosticsFeed(runner, here, beside)
    made.start()
    yield made
    qtbot.waitUntil(lambda: not made._measuring.is_busy, timeout=WAIT_MS)  # to stop it can cost the helper process
    made.close()
    qtbot.waitUntil(lambda: not runner._calls, timeout=WAIT_MS)


def test_idle_and_unseen_no_timer_runs(feed: DiagnosticsFeed, qtbot: QtBot) -> None:
    assert feed.gaps.interval_ms == 0
    assert not feed._beat.isActive()
    feed.set_seen(True)
    assert feed.gaps.interval_ms == WORKING_MS
    assert feed._beat.isActive()
    with qtbot.waitSignal(feed.scored, timeout=WAIT_MS):
        pass
    feed.set_seen(False)
    assert feed.gaps.interval_ms == 0
    assert not feed._beat.isActive()


def test_a_hidden_window_is_looked_at_rarely(feed: DiagnosticsFeed, beside: QWidget) -> None:
    beside.hide()
    feed.set_seen(True)
    assert feed.gaps.interval_ms == HIDDEN_MS
    feed.set_seen(False)


@pytest.mark.usefixtures("quick")
def test_readings_and_gaps_arrive(feed: DiagnosticsFeed, qtbot: QtBot) -> None:
    feed.set_seen(True)
    assert feed.watch is not None
    qtbot.waitUntil(lambda: feed.watch.latest is not None, timeout=WAIT_MS)
    with qtbot.waitSignal(feed.beaten, timeout=WAIT_MS):
        pass

    def has_gap() -> bool:
        points = feed.watch.between(time.time() - 60, time.time() + 1)
        return points is not None and bool(np.isfinite(points.column("gap")).any())

    qtbot.waitUntil(has_gap, timeout=WAIT_MS)
    feed.set_seen(False)


def test_a_real_job_is_learned_from(feed: DiagnosticsFeed, runner: JobRunner, cut_out: Path, qtbot: QtBot) -> None:
    job = runner.submit(resolve(Request(picture=str(cut_out), engine="extrude", quality=Quality.DRAFT), runner.limits))
    qtbot.waitUntil(lambda: feed.gaps.interval_ms == WORKING_MS, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: runner.job(job).state is JobState.DONE, timeout=WAIT_MS)
    durations = feed.times.durations()
    row = runner.job(job)
    assert {stage for stage, _, _ in durations} == {"picture", "cut out", "sculpt", "clean", "save"}
    assert 0 < sum(seconds[-1] for seconds in durations.values()) <= row.seconds + 0.5
    assert feed.times.remaining(replace(row, state=JobState.QUEUED, stage=None)).known
    qtbot.waitUntil(lambda: feed.gaps.interval_ms == 0, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: feed.times.network_tflops > 0, timeout=WAIT_MS)  # the processor was measured meanwhile
    runner._resting.end()
    runner.remove(job)


@pytest.mark.usefixtures("quick")
def test_signs_are_those_of_the_machine(feed: DiagnosticsFeed, here: Places, qtbot: QtBot) -> None:
    (here.logs / "crash-window-1.txt").write_text("trace")
    (here.logs / "crash-helper-2.txt").write_text("trace")
    feed.set_seen(True)
    qtbot.waitUntil(lambda: feed.watch.latest is not None, timeout=WAIT_MS)
    signs = feed.signs()
    feed.set_seen(False)
    assert (signs.unclean_ends, signs.helper_deaths) == (1, 1)
    assert signs.disk_free_gib < 100_000
    assert 0 < signs.memory_free_percent < 100


def test_without_a_folder_nothing_is_read(runner: JobRunner, places: Places, beside: QWidget) -> None:
    feed = DiagnosticsFeed(runner, places, beside)
    feed.start()
    assert feed.watch is None
    feed.set_seen(True)
    assert feed.score is None
    feed.close()


# -- the window --------------------------------------------------------------------------------------------------------


@pytest.fixture
def window(
    feed: DiagnosticsFeed, runner: JobRunner, icons: Icons, beside: QWidget, data: Path
) -> Iterator[DiagnosticsWindow]:
    made = DiagnosticsWindow(feed, runner, icons, beside)
    while not made.is_made:
        made._make_next()
    yield made
    made.close()
    made.deleteLater()


def fill(feed: DiagnosticsFeed, seconds: int = 120, **values: float) -> None:
    """Readings of the last seconds."""
    assert feed.watch is not None
    now = time.time()
    for second in range(seconds):
        feed.watch._take(Reading(now - seconds + second, values), feed.watch._series)


@pytest.fixture
def filled(feed: DiagnosticsFeed, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> DiagnosticsFeed:
    """With readings of two minutes, and none of this machine between them."""
    monkeypatch.setattr(watching, "BUSY_S", 1000.0)
    qtbot.waitUntil(lambda: feed.watch._series is not None, timeout=WAIT_MS)
    fill(feed, processor=80.0, processor_own=30.0, memory=50.0, memory_own=1.0, gap=4.0, queue=3.0, disk_free=0.4)
    return feed


def test_the_window_shows_what_was_read(filled: DiagnosticsFeed, window: DiagnosticsWindow) -> None:
    window.refresh()
    assert window.cards["processor"].now_words == "30 % here, 80 % in all"
    assert window.cards["memory"].now_words.startswith("1.0 GiB here, ")
    assert window.cards["queue"].now_words == "3"
    assert window.cards["disk_free"].now_words == "0.4"
    assert window.cards["card_use"].isHidden()
    line = next(line for line in window.cards["processor"]._lines if line.is_main)
    assert np.nanmax(line.values) == 30.0
    assert 0 <= np.nanmin(line.seconds_back) <= np.nanmax(line.seconds_back) <= 61


def test_ranges_reach_as_far_as_they_say(filled: DiagnosticsFeed, window: DiagnosticsWindow, qtbot: QtBot) -> None:
    window.show()
    for each in RANGES:
        qtbot.mouseClick(window.ranges.button(each.key), Qt.MouseButton.LeftButton)
        assert window.chosen is each
        assert window.cards["memory"]._plot.viewRange()[0] == pytest.approx([-each.seconds, 0])
        assert window.cards["memory"]._lines[0].values.size > 0
        assert [-back for back, _ in window.cards["memory"]._marks] == [back for back, _ in each.ticks]


def test_an_alert_is_shown_and_acknowledged(filled: DiagnosticsFeed, window: DiagnosticsWindow, qtbot: QtBot) -> None:
    window.show()
    window.refresh()
    count = len(window.alerts.buttons)
    assert count == 2  # almost full, and little space
    qtbot.mouseClick(window.alerts.buttons[0], Qt.MouseButton.LeftButton)
    assert len(window.alerts.buttons) == count - 1
    assert sum(alert.acknowledged is not None for alert in filled.watch.alerts) == 1
    window.refresh()
    assert len(window.alerts.buttons) == count - 1
    qtbot.mouseClick(window.all_seen, Qt.MouseButton.LeftButton)
    assert window.alerts.buttons == []
    assert window.all_seen.isHidden()
    assert all(alert.acknowledged is not None for alert in filled.watch.alerts)


def test_the_score_says_why(window: DiagnosticsWindow) -> None:
    window.score.show_score(score(Signs(failures=3, runs=10, is_mended=True)))
    assert window.score.dial.accessibleName() == "Score 73 of 100"
    assert window.score.words[0] == "Mostly well"
    assert any("mended" in words for words in window.score.words[1:])
    window.score.show_score(score(Signs()))
    assert window.score.words == ("All is well", "Nothing takes points off.")


def test_the_window_is_seen_only_while_it_is_there(
    feed: DiagnosticsFeed, window: DiagnosticsWindow, qtbot: QtBot
) -> None:
    window.show()
    assert feed.gaps.interval_ms == WORKING_MS
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isVisible()
    assert feed.gaps.interval_ms == 0


@pytest.mark.parametrize("suffix", [".html", ".json"])
def test_what_is_shown_is_exported(
    filled: DiagnosticsFeed, window: DiagnosticsWindow, tmp_path: Path, qtbot: QtBot, suffix: str
) -> None:
    out = tmp_path / f"page{suffix}"
    window.export(out)
    qtbot.waitUntil(lambda: window.messages.message is not None, timeout=WAIT_MS)
    assert window.messages.message.text == f"Saved as {out.name}."
    text = out.read_text(encoding="utf-8")
    if suffix == ".json":
        assert json.loads(text)["readings"]["processor"]["high"][-1] == 80.0
    else:
        assert text.count("<svg") >= 6
    window.messages.clear()


def test_an_export_that_fails_is_told(window: DiagnosticsWindow, tmp_path: Path, qtbot: QtBot) -> None:
    window.export(tmp_path / "gone" / "page.html")
    qtbot.waitUntil(lambda: window.messages.message is not None, timeout=WAIT_MS)
    assert window.messages.message.tone == "error"


def test_plots_are_made_one_at_a_time(
    feed: DiagnosticsFeed, runner: JobRunner, icons: Icons, beside: QWidget, qtbot: QtBot
) -> None:
    window = DiagnosticsWindow(feed, runner, icons, beside)
    assert [card._plot for card in (*window.cards.values(), window.stages)] == [None] * 8
    window.show()
    qtbot.waitUntil(lambda: window.is_made and not window._making.isActive(), timeout=WAIT_MS)
    assert all(card._plot is not None for card in (*window.cards.values(), window.stages))
    window.close()
    window.deleteLater()


def test_other_colours_reach_every_plot(window: DiagnosticsWindow, icons: Icons) -> None:
    icons.colours = LIGHT
    window.retint()
    for card in (*window.cards.values(), window.stages):
        assert card._plot.backgroundBrush().color().name() == LIGHT.raised


def test_stages_are_shown_in_rows(window: DiagnosticsWindow) -> None:
    window.stages.show_times(
        {("sculpt", "inflate", "draft"): (2.0, 3.0), ("save", "", "draft"): (1.0,)}, {"inflate": "I"}
    )
    assert window.stages.accessibleDescription() == "Sculpt · I: 2.5 s; Save: 1 s"


def test_a_pause_is_a_hole_in_the_line() -> None:
    at, values = with_pauses(np.array([0.0, 1, 2, 60, 61]), np.array([1.0, 2, 3, 4, 5]), 3.0)
    assert np.isnan(values).sum() == 1
    assert 2 < at[np.isnan(values)][0] < 60


# -- the check-up ------------------------------------------------------------------------------------------------------

CHECKS = (
    {"key": "a", "title": "One", "grade": "ok", "what": "Fine.", "advice": "", "facts": {}},
    {"key": "b", "title": "Two", "grade": "bad", "what": "Broken.", "advice": "Mend it.", "facts": {}},
)


def check_up(parent: QWidget, lines: tuple[str, ...]) -> CheckUp:
    """A doctor that says these lines."""
    return CheckUp(parent, (sys.executable, ["-S", "-c", f"print({chr(10).join(lines)!r})"]))


@pytest.fixture
def report(runner: JobRunner, here: Places, icons: Icons, beside: QWidget, data: Path) -> Iterator[ReportWindow]:
    Series(data).close()
    installation = checks.Places(data, here.logs, here.weights, here.changelog.parent, data / "history.sqlite3")
    doctor = check_up(beside, ("noise", *map(json.dumps, CHECKS), '{"key": 1}'))
    made = ReportWindow(runner, installation, icons, beside, doctor)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_the_report_is_shown_before_it_is_saved(report: ReportWindow, tmp_path: Path, qtbot: QtBot) -> None:
    report.start()
    assert not report.save_button.isEnabled()
    qtbot.waitUntil(report.save_button.isEnabled, timeout=WAIT_MS)
    assert [check.key for check in report.checks] == ["a", "b"]
    assert report._state.text().startswith("1 of 2 checks")
    report.files.setCurrentRow([member.name for member in report.members].index("checks.json"))
    assert "Mend it." in report.page.toPlainText()
    report.save(tmp_path / "report.zip")
    qtbot.waitUntil(lambda: report.messages.message is not None, timeout=WAIT_MS)
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        assert {member.name: member.content for member in report.members} == {
            name: archive.read(name).decode() for name in archive.namelist()
        }
    report.messages.clear()


def test_looking_again_begins_anew(report: ReportWindow, qtbot: QtBot) -> None:
    for _ in range(2):
        report.start()
        qtbot.waitUntil(report.save_button.isEnabled, timeout=WAIT_MS)
    assert len(report.checks) == 2
    assert report.files.count() == len(report.members)


def test_a_doctor_that_cannot_start_leaves_the_rest(report: ReportWindow, qtbot: QtBot) -> None:
    report.check_up._command = ("/no/such/program", [])
    report.start()
    qtbot.waitUntil(report.save_button.isEnabled, timeout=WAIT_MS)
    assert report.checks == []
    assert "could not be made" in report._state.text()


def test_closing_ends_the_doctor(report: ReportWindow, qtbot: QtBot) -> None:
    report.check_up._command = (sys.executable, ["-S", "-c", "import time; time.sleep(60)"])
    report.start()
    qtbot.waitUntil(lambda: report.check_up._process.processId() > 0, timeout=WAIT_MS)
    report.close()
    assert not report.check_up.is_running
    assert report.again_button.isEnabled()


# -- the desk and the bar ----------------------------------------------------------------------------------------------


def test_a_run_that_died_is_told_with_one_button(
    runner: JobRunner, here: Places, icons: Icons, beside: QWidget, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    desk = DiagnosticsDesk(runner, here, icons, beside)
    shown = SideWindows(desk.makers())
    desk.start(shown)
    began = []
    monkeypatch.setattr(ReportWindow, "start", lambda window: began.append(window))
    message = desk.message_of(logs.Died(1.0, "a trace"))
    assert (message.action, message.details) == ("Save a report…", "a trace")
    assert message.act is not None
    message.act()
    assert began == [shown.get("report")]
    desk.show()
    qtbot.waitUntil(lambda: shown.get("diagnostics") is not None, timeout=WAIT_MS)
    assert isinstance(shown.get("diagnostics"), DiagnosticsWindow)
    shown.close()
    desk.close()
    qtbot.waitUntil(lambda: not runner._calls, timeout=WAIT_MS)


def test_a_danger_is_told_once(
    runner: JobRunner, here: Places, icons: Icons, beside: QWidget, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "BUSY_S", 1000.0)
    desk = DiagnosticsDesk(runner, here, icons, beside)
    told: list[Message] = []
    desk.told.connect(told.append)
    desk.start(SideWindows(desk.makers()))
    qtbot.waitUntil(lambda: desk.feed.watch._series is not None, timeout=WAIT_MS)
    for second in range(40):
        reading = Reading(time.time() + 1 + second, {"disk_free": 0.4, "swap": 9.0})
        desk.feed.watch._take(reading, desk.feed.watch._series)
    for _ in range(3):
        desk.feed._on_beat()
    desk.close()
    assert [message.text for message in told] == ["The disk is almost full."]  # not what only slows things down
    assert told[0].action == "Diagnostics…"
    qtbot.waitUntil(lambda: not runner._calls, timeout=WAIT_MS)


def test_the_bar_says_how_long_still(feed: DiagnosticsFeed, runner: JobRunner, icons: Icons, qtbot: QtBot) -> None:
    bar = WorkBar(icons)
    qtbot.addWidget(bar)
    row = runner.store.add(Request(prompt="a", engine="extrude"))
    row = runner.store.apply(Started(row.id, time.time()))
    bar.show_job(row)
    assert bar.left_words == ""
    for number in range(10):
        at = 1000.0 * number
        for step, stage in enumerate((Stage.PICTURE, Stage.CUT_OUT, Stage.SCULPT, Stage.CLEAN, Stage.SAVE)):
            feed.times.take(StageBegan("x", at + 4 * step, stage, engine=_engine(stage)), row.request)
        feed.times.take(Finished("x", at + 20, "r", "extrude", None, 20.0), row.request)
    bar.times = feed.times
    bar.show_job(row)
    assert bar.left_words in ("about 15 to 25 s left", "about 20 to 25 s left", "about 15 to 30 s left")
    assert bar.left_words in bar.accessibleName()
    bar.show_job(None)
    runner.cancel(row.id)


def _engine(stage: Stage) -> str:
    return {Stage.PICTURE: "lettering", Stage.CUT_OUT: "cutout", Stage.SCULPT: "extrude"}.get(stage, "")


def test_every_limit_can_be_shown(window: DiagnosticsWindow) -> None:
    from img2model_desktop.health.limits import Alert

    window.alerts.show_alerts(tuple(Alert(limit.key, 1.0, 5.0, 2.0, 3.0, 4.0) for limit in LIMITS))
    assert window.alerts.buttons == []


def test_what_cannot_be_kept_is_no_obstacle(
    feed: DiagnosticsFeed, runner: JobRunner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_arguments: object) -> None:
        raise SetupProblem("The disk is full.")

    monkeypatch.setattr(feed.times, "take", full)
    row = runner.store.add(Request(prompt="a"))
    feed._on_event(Started(row.id, 1.0))
    assert "a time was not kept" in caplog.text
    runner.cancel(row.id)
