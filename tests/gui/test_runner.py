"""Jobs and calls run beside the window, one last event each, and nothing is left when the runner is closed."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from img2model_desktop.core.events import LAST, Failed, Finished, JobEvent, Stage, StageBegan, Started, Stopped
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.errors import InputProblem
from img2model_desktop.gui.runner import CallEnded, JobRunner
from img2model_desktop.jobs.plan import Plan, resolve
from img2model_desktop.jobs.store import JobState, Store

JOB_MS = 60_000


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    rows, columns = np.mgrid[0:96, 0:96]
    inside = np.hypot(rows - 48, columns - 48) < 36
    path = tmp_path / "ball.png"
    write_png(Picture(np.dstack([columns * 2, rows * 2, rows, inside * 255]).astype(np.uint8)), path)
    return path


@pytest.fixture
def runner(qtbot: QtBot, tmp_path: Path) -> Iterator[JobRunner]:
    runner = JobRunner(Store(tmp_path / "history.sqlite3", tmp_path / "jobs"))
    yield runner
    runner.close()


def plan_for(picture: Path, quality: Quality = Quality.DRAFT) -> Plan:
    return resolve(Request(picture=str(picture), engine="inflate", quality=quality))


def collect(runner: JobRunner) -> list[JobEvent]:
    events: list[JobEvent] = []
    runner.event_received.connect(events.append)
    return events


def wait_for_end(qtbot: QtBot, runner: JobRunner) -> None:
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=JOB_MS)


def test_job_is_on_disk_before_it_runs_and_ends_once(qtbot: QtBot, runner: JobRunner, picture: Path) -> None:
    events = collect(runner)
    job_id = runner.submit(plan_for(picture))
    assert runner.job(job_id).state is JobState.QUEUED
    assert runner.job(job_id).folder.is_dir()
    wait_for_end(qtbot, runner)
    row = runner.job(job_id)
    assert row.state is JobState.DONE
    assert row.result_path is not None
    assert row.result_path.read_bytes()[:4] == b"glTF"
    assert row.facts is not None
    assert row.facts.watertight
    assert isinstance(events[0], Started)
    assert [type(event) for event in events if isinstance(event, LAST)] == [Finished]


def test_jobs_run_one_after_the_other_in_their_order(qtbot: QtBot, runner: JobRunner, picture: Path) -> None:
    events = collect(runner)
    ids = [runner.submit(plan_for(picture)) for _ in range(3)]
    wait_for_end(qtbot, runner)
    assert [event.job_id for event in events if isinstance(event, Started)] == ids
    ends = [(event.job_id, type(event)) for event in events if isinstance(event, LAST)]
    assert ends == [(job_id, Finished) for job_id in ids]
    assert [row.id for row in runner.jobs()] == ids[::-1]


def test_cancel_one_that_runs_and_one_that_waits(qtbot: QtBot, runner: JobRunner, picture: Path) -> None:
    events = collect(runner)
    running, waiting, last = (runner.submit(plan_for(picture, Quality.HIGH)) for _ in range(3))
    qtbot.waitUntil(lambda: runner.job(running).state is JobState.RUNNING, timeout=JOB_MS)
    runner.cancel(waiting)
    assert runner.job(waiting).state is JobState.STOPPED
    runner.cancel(running)
    qtbot.waitUntil(lambda: runner.job(running).state is JobState.STOPPED, timeout=JOB_MS)
    runner.cancel_all()
    wait_for_end(qtbot, runner)
    states = {runner.job(job_id).state for job_id in (running, waiting, last)}
    assert states == {JobState.STOPPED}
    assert [type(event) for event in events if isinstance(event, LAST)] == [Stopped] * 3
    assert not list(runner.job(running).folder.glob("result*"))


def test_a_damaged_installation_ends_the_job_and_not_the_queue(
    qtbot: QtBot, runner: JobRunner, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "img2model_desktop.jobs.pipeline", None)  # importing it raises
    ids = [runner.submit(plan_for(picture)) for _ in range(2)]
    wait_for_end(qtbot, runner)
    for job_id in ids:
        row = runner.job(job_id)
        assert (row.state, row.error_kind) == (JobState.FAILED, "bug")
        assert row.error_message == "A part of the program could not be loaded."


def test_failure_does_not_stop_the_queue(qtbot: QtBot, runner: JobRunner, picture: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture.read_bytes()[:60])
    events = collect(runner)
    bad = runner.submit(plan_for(broken))
    good = runner.submit(plan_for(picture))
    wait_for_end(qtbot, runner)
    assert runner.job(bad).state is JobState.FAILED
    assert runner.job(bad).error_kind == "input"
    assert runner.job(bad).error_advice
    assert runner.job(good).state is JobState.DONE
    assert [type(event) for event in events if isinstance(event, LAST)] == [Failed, Finished]


def test_close_in_the_middle_keeps_the_queue_for_the_next_start(qtbot: QtBot, picture: Path, tmp_path: Path) -> None:
    first = JobRunner(Store(tmp_path / "history.sqlite3", tmp_path / "jobs"))
    running, waiting = (first.submit(plan_for(picture, Quality.HIGH)) for _ in range(2))
    qtbot.waitUntil(lambda: first.job(running).state is JobState.RUNNING, timeout=JOB_MS)
    qtbot.waitUntil(lambda: bool(list(first.job(running).folder.glob("input.*"))), timeout=JOB_MS)
    first.close()
    second = JobRunner(Store(tmp_path / "history.sqlite3", tmp_path / "jobs"))
    try:
        events = collect(second)
        second.resume()
        wait_for_end(qtbot, second)
        ends = [(event.job_id, type(event)) for event in events if isinstance(event, LAST)]
        assert ends == [(running, Finished), (waiting, Finished)]
    finally:
        second.close()


def test_resume_needs_only_the_kept_copy(qtbot: QtBot, picture: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "history.sqlite3", tmp_path / "jobs")
    row = store.add(Request(picture=str(picture), engine="inflate", quality=Quality.DRAFT))
    lost = store.add(Request(picture=str(tmp_path / "gone.png")))
    (row.folder / "input.png").write_bytes(picture.read_bytes())
    picture.unlink()
    runner = JobRunner(store)
    try:
        runner.resume()
        wait_for_end(qtbot, runner)
        assert runner.job(row.id).state is JobState.DONE
        assert runner.job(lost.id).state is JobState.FAILED
        assert "gone.png" in runner.job(lost.id).error_message
    finally:
        runner.close()


def test_the_queue_runs_in_the_users_order(qtbot: QtBot, runner: JobRunner, picture: Path) -> None:
    events = collect(runner)
    runner.pause(True)
    a, b, c, d = (runner.submit(plan_for(picture)) for _ in range(4))
    assert not any(isinstance(event, Started) for event in events)
    runner.move((d,), a)
    runner.hold((b,), True)
    runner.move((c,), a)
    assert [row.id for row in runner.waiting()] == [d, c, a, b]
    runner.pause(False)
    qtbot.waitUntil(lambda: runner.job(a).state.has_ended, timeout=JOB_MS)
    assert [event.job_id for event in events if isinstance(event, Started)] == [d, c, a]
    assert runner.running is None
    assert runner.job(b).state is JobState.QUEUED
    with qtbot.waitSignal(runner.queue_ended, timeout=JOB_MS):
        runner.hold((b,), False)
    assert runner.job(b).state is JobState.DONE
    assert [type(event) for event in events if isinstance(event, LAST)] == [Finished] * 4


def test_a_paused_queue_finishes_what_runs(qtbot: QtBot, runner: JobRunner, picture: Path) -> None:
    running, waiting = (runner.submit(plan_for(picture)) for _ in range(2))
    qtbot.waitUntil(lambda: runner.job(running).state is JobState.RUNNING, timeout=JOB_MS)
    runner.pause(True)
    qtbot.waitUntil(lambda: runner.job(running).state.has_ended, timeout=JOB_MS)
    qtbot.wait(50)
    assert (runner.running, runner.job(running).state) == (None, JobState.DONE)
    assert runner.job(waiting).state is JobState.QUEUED
    assert runner.is_busy
    runner.cancel_all()
    assert not runner.is_busy


def test_a_stopped_job_is_tried_again_from_its_last_finished_stage(
    qtbot: QtBot, runner: JobRunner, picture: Path
) -> None:
    events = collect(runner)
    job_id = runner.submit(plan_for(picture, Quality.HIGH))
    cut = runner.job(job_id).folder / "cutout.png"
    qtbot.waitUntil(cut.is_file, timeout=JOB_MS)
    runner.cancel(job_id)
    qtbot.waitUntil(lambda: runner.job(job_id).state.has_ended, timeout=JOB_MS)
    assert runner.job(job_id).state is JobState.STOPPED
    made = cut.stat().st_mtime_ns
    del events[:]
    runner.retry(job_id)
    wait_for_end(qtbot, runner)
    assert runner.job(job_id).state is JobState.DONE
    assert cut.stat().st_mtime_ns == made
    assert next(event.stage for event in events if isinstance(event, StageBegan) and event.resumed) is Stage.CUT_OUT
    assert [type(event) for event in events if isinstance(event, LAST)] == [Finished]


def test_many_jobs_whose_picture_is_gone_fail_one_by_one(qtbot: QtBot, runner: JobRunner, picture: Path) -> None:
    events = collect(runner)
    runner.pause(True)
    ids = runner.submit_all((plan_for(picture),) * 300)
    picture.unlink()
    runner.pause(False)
    wait_for_end(qtbot, runner)
    assert [(event.job_id, type(event)) for event in events] == [(job_id, Failed) for job_id in ids]
    assert "ball.png" in runner.job(ids[-1]).error_message


def test_what_a_job_may_not_send_does_not_stop_the_queue(
    qtbot: QtBot, runner: JobRunner, picture: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runner.pause(True)
    wrong, right = (runner.submit(plan_for(picture)) for _ in range(2))
    runner._on_event(Finished(wrong, 1.0, "result.glb", "inflate", None, 1.0))  # before it has started
    assert runner.job(wrong).state is JobState.QUEUED
    assert "cannot come" in caplog.text
    runner.cancel(wrong)
    runner.pause(False)
    wait_for_end(qtbot, runner)
    assert runner.job(right).state is JobState.DONE


def test_the_trash_is_out_of_the_lists_and_back(qtbot: QtBot, runner: JobRunner, picture: Path) -> None:
    removed: list[str] = []
    changed: list[str] = []
    job_id = runner.submit(plan_for(picture))
    runner.cancel(job_id)
    wait_for_end(qtbot, runner)
    runner.job_removed.connect(removed.append)
    runner.job_changed.connect(changed.append)
    runner.trash(job_id)
    assert (removed, runner.jobs()) == ([job_id], ())
    runner.restore(job_id)
    assert changed == [job_id]
    assert [row.id for row in runner.jobs()] == [job_id]


def multiply(a: int, b: int, report: object, is_cancelled: object) -> int:
    return a * b


def refuse(report: object, is_cancelled: object) -> int:
    raise InputProblem("No.", "Say yes.")


def sleep_long(report: object, is_cancelled: object) -> None:
    time.sleep(60)


def test_call_brings_its_result_under_its_ticket(qtbot: QtBot, runner: JobRunner) -> None:
    ended: list[CallEnded] = []
    runner.call_ended.connect(ended.append)
    tickets = [runner.call(multiply, 6, 7), runner.call(refuse), runner.call(multiply, 2, 2)]
    qtbot.waitUntil(lambda: len(ended) == 3, timeout=JOB_MS)
    assert [call.ticket for call in ended] == tickets
    assert [call.result for call in ended] == [42, None, 4]
    assert ended[1].trouble is not None
    assert (ended[1].trouble.kind, ended[1].trouble.message) == ("input", "No.")


def test_dropped_call_is_killed_and_stays_silent(qtbot: QtBot, runner: JobRunner) -> None:
    ended: list[CallEnded] = []
    runner.call_ended.connect(ended.append)
    runner.drop(runner.call(sleep_long))
    wanted = runner.call(multiply, 3, 3)
    qtbot.waitUntil(lambda: bool(ended), timeout=JOB_MS)
    assert [(call.ticket, call.result) for call in ended] == [(wanted, 9)]


def test_remove_takes_the_folder_too(qtbot: QtBot, runner: JobRunner, picture: Path) -> None:
    removed: list[str] = []
    runner.job_removed.connect(removed.append)
    job_id = runner.submit(plan_for(picture))
    wait_for_end(qtbot, runner)
    folder = runner.job(job_id).folder
    runner.remove(job_id)
    assert removed == [job_id]
    assert runner.jobs() == ()
    assert not folder.exists()
