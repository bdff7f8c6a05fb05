"""Both workers keep one contract; the helper process also stops for certain and comes back after a death."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psutil
import pytest

from img2model_desktop.aside import Helper, Inline, Worker
from img2model_desktop.errors import Cancelled, EngineProblem, InputProblem, OutOfMemory

Report = Callable[[float], None]
IsCancelled = Callable[[], bool]


def add(a: Any, b: Any, report: Report, is_cancelled: IsCancelled) -> Any:
    report(0.5)
    return a + b


def refuse(report: Report, is_cancelled: IsCancelled) -> None:
    raise InputProblem("No.", "Say yes.", "why")


def break_down(report: Report, is_cancelled: IsCancelled) -> None:
    raise ZeroDivisionError("a bug")


def run_out(report: Report, is_cancelled: IsCancelled) -> None:
    raise MemoryError


def die(report: Report, is_cancelled: IsCancelled) -> None:
    os._exit(7)


def obey(report: Report, is_cancelled: IsCancelled) -> None:
    while True:
        if is_cancelled():
            raise Cancelled
        report(0.1)
        time.sleep(0.005)


def ignore(report: Report, is_cancelled: IsCancelled) -> None:
    time.sleep(60)


def which_process(report: Report, is_cancelled: IsCancelled) -> int:
    return os.getpid()


@pytest.fixture
def helper() -> Iterator[Helper]:
    helper = Helper(warm_modules=("numpy",))
    yield helper
    helper.close()


@pytest.fixture(params=["inline", "helper"])
def worker(request: pytest.FixtureRequest, helper: Helper) -> Worker:
    return Inline() if request.param == "inline" else helper


def test_result_and_progress(worker: Worker) -> None:
    ticks: list[float] = []
    array = np.arange(6, dtype=np.float32)
    result = worker.run(add, array, 1, tick=ticks.append)
    assert result.tobytes() == (array + 1).tobytes()
    assert result.dtype == np.float32


def test_problem_comes_back_whole(worker: Worker) -> None:
    with pytest.raises(InputProblem) as caught:
        worker.run(refuse, tick=lambda _: None)
    assert (caught.value.message, caught.value.advice, caught.value.details) == ("No.", "Say yes.", "why")


def test_cancel_stops_a_function_that_reports(worker: Worker) -> None:
    def tick(fraction: float) -> None:
        if fraction > 0:
            raise Cancelled

    began = time.monotonic()
    with pytest.raises(Cancelled):
        worker.run(obey, tick=tick)
    assert time.monotonic() - began < 30  # it ended: the function itself never would
    assert worker.run(add, 1, 2, tick=lambda _: None) == 3


def test_helper_is_another_process_and_stays(helper: Helper) -> None:
    first = helper.run(which_process, tick=lambda _: None)
    assert first == helper.pid != os.getpid()
    assert helper.run(which_process, tick=lambda _: None) == first


def test_obedient_function_keeps_its_process(helper: Helper) -> None:
    before = helper.run(which_process, tick=lambda _: None)

    def tick(fraction: float) -> None:
        if fraction > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        helper.run(obey, tick=tick)
    assert helper.run(which_process, tick=lambda _: None) == before


def test_function_that_never_looks_is_killed(helper: Helper) -> None:
    before = helper.run(which_process, tick=lambda _: None)
    stop_at = time.monotonic() + 0.1

    def tick(fraction: float) -> None:
        if time.monotonic() > stop_at:
            raise Cancelled

    with pytest.raises(Cancelled):
        helper.run(ignore, tick=tick)
    assert not psutil.pid_exists(before)
    assert helper.run(add, "a", "b", tick=lambda _: None) == "ab"


def test_death_is_told_and_the_next_call_works(helper: Helper) -> None:
    with pytest.raises(EngineProblem) as caught:
        helper.run(die, tick=lambda _: None)
    assert caught.value.details == "exit code 7"
    assert helper.run(add, 2, 2, tick=lambda _: None) == 4


def test_bug_brings_its_traceback(helper: Helper) -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug"):
        helper.run(break_down, tick=lambda _: None)


def test_memory_error_is_ours(helper: Helper) -> None:
    with pytest.raises(OutOfMemory):
        helper.run(run_out, tick=lambda _: None)


def test_late_wish_to_stop_does_not_hit_the_next_call(helper: Helper) -> None:
    for _ in range(20):
        with pytest.raises(Cancelled):
            helper.run(obey, tick=_raise_cancelled)
        assert helper.run(add, 1, 1, tick=lambda _: None) == 2


def test_two_threads_take_turns(helper: Helper) -> None:
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(helper.run(add, n, n, tick=lambda _: None)))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 2, 4, 6, 8, 10, 12, 14]


def test_close_leaves_no_process() -> None:
    helper = Helper(warm_modules=("numpy",))
    pid = helper.run(which_process, tick=lambda _: None)
    helper.close()
    assert not psutil.pid_exists(pid)
    with pytest.raises(EngineProblem):
        helper.run(add, 1, 1, tick=lambda _: None)


def test_close_while_a_dead_process_is_replaced_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    helper = Helper(warm_modules=())
    closing = threading.Thread(target=helper.close)
    start, born = helper._start, []

    def start_late() -> None:
        closing.start()
        closing.join(0.2)  # close has begun, and waits for what begins here
        start()
        born.append(helper._process.pid)

    monkeypatch.setattr(helper, "_start", start_late)
    with pytest.raises(EngineProblem):
        helper.run(die, tick=lambda _: None)
    closing.join()
    assert not psutil.pid_exists(born[0])


def _raise_cancelled(fraction: float) -> None:
    raise Cancelled
