"""Times that are learned: what counts, what does not, and whether the shown range keeps what it promises."""

import math
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.core.events import (
    Decided,
    Decision,
    Failed,
    Finished,
    JobEvent,
    Progressed,
    Stage,
    StageBegan,
    Started,
    Stopped,
)
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.jobs.database import Database
from img2model_desktop.jobs.estimates import (
    KEPT,
    MOST_ROWS,
    NOT_KNOWN,
    Remaining,
    Running,
    Spread,
    StageTimes,
    measure_processor,
    remaining,
    spread_of,
    stages_of,
)
from img2model_desktop.jobs.job_row import JobRow, JobState

REQUEST = Request(picture="a.png", engine="inflate")
ENGINES = {Stage.CUT_OUT: "cutout", Stage.SCULPT: "inflate"}
SECONDS = {Stage.PICTURE: 0.2, Stage.CUT_OUT: 3.0, Stage.SCULPT: 6.0, Stage.CLEAN: 2.0, Stage.SAVE: 1.0}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "history.sqlite3")
    yield made
    made.close()


def course(job: str, seconds: dict[Stage, float], began: float = 0.0) -> list[JobEvent]:
    """The events of a job whose stages take this long."""
    events: list[JobEvent] = [Started(job, began)]
    at = began
    for stage, length in seconds.items():
        events.append(StageBegan(job, at, stage, engine=ENGINES.get(stage, "")))
        at += length
    return [*events, Finished(job, at, "result.glb", "inflate", None, at - began)]


def feed(times: StageTimes, events: list[JobEvent], request: Request = REQUEST) -> None:
    for event in events:
        times.take(event, request)


def row(stage: Stage | None = None, fraction: float = 0.0, request: Request = REQUEST, job: str = "a") -> JobRow:
    state = JobState.QUEUED if stage is None else JobState.RUNNING
    return JobRow(job, state, request, "t", 0.0, Path(job), stage=stage, fraction=fraction)


def test_stages_are_learned_and_come_back_after_a_restart(tmp_path: Path, database: Database) -> None:
    times = StageTimes(database)
    feed(times, course("a", SECONDS))
    expected = {(stage.value, ENGINES.get(stage, ""), "standard"): (s,) for stage, s in SECONDS.items()}
    assert {key: pytest.approx(kept) for key, kept in times.durations().items()} == expected
    assert StageTimes(database).durations() == times.durations()


@pytest.mark.parametrize(
    "last", [Stopped("a", 8.0), Failed("a", 8.0, "engine", "m", "a"), Started("a", 8.0)], ids=["stop", "fail", "again"]
)
def test_a_stage_without_an_end_is_not_learned(database: Database, last: JobEvent) -> None:
    times = StageTimes(database)
    begun = course("a", SECONDS)[:4]  # up to the beginning of the sculpting
    feed(times, [*begun, last])
    assert {key[0] for key in times.durations()} == {"picture", "cut out"}


def test_resumed_and_disturbed_stages_are_not_learned(database: Database) -> None:
    times = StageTimes(database)
    feed(
        times,
        [
            Started("a", 0.0),
            StageBegan("a", 0.0, Stage.CUT_OUT, resumed=True, engine="cutout"),
            StageBegan("a", 1.0, Stage.SCULPT, engine="inflate"),
            Decided("a", 2.0, Decision.RETRY, Stage.SCULPT, "inflate", "m"),
            StageBegan("a", 5.0, Stage.SCULPT, engine="inflate"),
            StageBegan("a", 9.0, Stage.CLEAN),
            StageBegan("a", 8.0, Stage.SAVE),  # the clock went back
            Finished("a", 9.5, "result.glb", "inflate", None, 9.5),
        ],
    )
    assert times.durations() == {("sculpt", "inflate", "standard"): (4.0,), ("save", "", "standard"): (1.5,)}


def test_jobs_side_by_side_are_timed_each_for_itself(database: Database) -> None:
    times = StageTimes(database)
    both = course("a", {Stage.OPEN: 2.0}) + course("b", {Stage.OPEN: 7.0}, 1.0)
    feed(times, sorted(both, key=lambda event: event.at), Request(mesh="m.stl"))
    assert times.durations()["open", "", "standard"] == (2.0, 7.0)


def test_several_pictures_are_learned_and_told_one_by_one(database: Database) -> None:
    wish = Request(prompt="a", goal="pictures", variants=4)
    times = StageTimes(database)
    for number in range(8):
        job = str(number)
        feed(
            times,
            [StageBegan(job, 0.0, Stage.PICTURE, engine="lettering"), Finished(job, 8.0, "", "", None, 8.0)],
            wish,
        )
    assert times.durations()["picture", "lettering", "standard"] == (2.0,) * 8
    one, four = (times.remaining(row(request=Request(prompt="a", goal="pictures", variants=n))) for n in (1, 4))
    assert (four.low_s, four.high_s) == pytest.approx((4 * one.low_s, 4 * one.high_s))
    assert one.low_s < 2.0 < one.high_s


def test_table_and_memory_are_bounded(database: Database) -> None:
    times = StageTimes(database)
    for number in range(KEPT + 20):
        feed(times, course(str(number), {Stage.OPEN: 1.0 + number}), Request(mesh="m.stl"))
    assert times.durations()["open", "", "standard"] == pytest.approx([1.0 + n for n in range(20, KEPT + 20)])
    assert len(database.select("SELECT * FROM stage_time")) == KEPT
    with database.writing(lasting=False) as db:
        db.execute("UPDATE stage_time SET number = number + ?", (MOST_ROWS,))
        db.execute("UPDATE stage_time SET engine = number")  # as if of many engines
        db.execute("UPDATE stage_time SET number = 1 WHERE number = (SELECT min(number) FROM stage_time)")
    feed(times, course("x", {Stage.OPEN: 1.0}), Request(mesh="m.stl"))
    assert database.select("SELECT * FROM stage_time WHERE number = 1") == []


def test_what_is_left_shrinks_to_nothing(database: Database) -> None:
    now = [0.0]
    times = StageTimes(database, lambda: now[0])
    for number in range(12):
        feed(times, course(f"old {number}", SECONDS))
    assert times.remaining(row()).known
    whole = times.remaining(row())
    assert whole.low_s < sum(SECONDS.values()) < whole.high_s
    assert whole.high_s < 1.6 * sum(SECONDS.values())
    seen = [whole.high_s]
    for event in course("a", SECONDS)[1:-1]:
        times.take(event, REQUEST)
        now[0] = event.at
        seen.append(times.remaining(row(event.stage)).high_s)  # type: ignore[attr-defined]  # known by its place, not by its class
    now[0] += 0.99
    seen.append(times.remaining(row(Stage.SAVE, 0.98)).high_s)
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] < 0.3


def test_the_bar_is_even_in_time_and_never_goes_back(database: Database) -> None:
    times = StageTimes(database)
    for number in range(5):
        feed(times, course(str(number), SECONDS))
    places = [times.overall(row(stage, part / 10)) for stage in SECONDS for part in range(11)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0.0, pytest.approx(1.0))
    passed, whole = 0.0, sum(SECONDS.values())
    for stage, length in SECONDS.items():
        assert times.overall(row(stage, 0.5)) == pytest.approx((passed + length / 2) / whole, abs=0.01)
        passed += length
    assert times.overall(row()) == 0.0


def test_another_quality_gives_a_wide_guess_and_own_history_a_narrow_one(database: Database) -> None:
    times = StageTimes(database)
    for number in range(10):
        feed(times, course(str(number), SECONDS))
    own = times.remaining(row())
    high = times.remaining(row(request=Request(picture="a.png", engine="inflate", quality=Quality.HIGH)))
    assert high.known
    assert high.low_s > own.low_s
    assert math.log(high.high_s / high.low_s) > 2 * math.log(own.high_s / own.low_s)


def test_an_engine_with_weights_is_not_known_before_it_ran(database: Database) -> None:
    times = StageTimes(database)
    wish = row(request=Request(picture="a.png", engine="triposr"))
    for number in range(5):
        feed(times, course(str(number), SECONDS))
    assert times.remaining(wish) == NOT_KNOWN
    assert times.remaining(wish).words == "first time: not known yet"
    times.set_machine(0.1, "")
    slow = times.remaining(wish)
    assert slow.known
    assert 20 < slow.low_s < 66 < slow.high_s < 300  # 3 TFLOP at half of 0.1 TFLOP/s, and loading
    times.set_machine(0.1, "NVIDIA GeForce RTX 4090")
    assert times.remaining(wish).high_s < slow.low_s
    times.set_machine(0.1, "some other card")
    assert not times.remaining(wish).known


def test_an_engine_that_is_not_chosen_yet_is_like_those_that_ran(database: Database) -> None:
    times = StageTimes(database)
    for number in range(5):
        feed(times, course(str(number), {**SECONDS, Stage.SCULPT: 60.0}))
    told = times.remaining(row(request=Request(picture="a.png")))
    assert told.low_s < 66 < told.high_s


def test_each_request_has_its_stages() -> None:
    assert stages_of(Request(mesh="m.stl")) == (Stage.OPEN,)
    assert stages_of(Request(prompt="a", goal="pictures")) == (Stage.PICTURE,)
    assert stages_of(REQUEST)[-1] is Stage.SAVE


lengths = st.floats(0.05, 5000)
spreads = st.builds(Spread, st.floats(-3, 8), st.floats(0.05, 1.5))


@given(st.lists(lengths, min_size=1, max_size=60))
def test_the_middle_lies_among_the_durations(seconds: list[float]) -> None:
    found = spread_of(seconds)
    assert min(seconds) * (1 - 1e-9) <= found.median_s <= max(seconds) * (1 + 1e-9)
    assert found.width > 0


@given(st.lists(lengths, min_size=1, max_size=40), st.floats(0.1, 10))
def test_a_slower_machine_shifts_the_estimate_alone(seconds: list[float], factor: float) -> None:
    slow = spread_of([value * factor for value in seconds])
    assert slow.middle == pytest.approx(spread_of(seconds).middle + math.log(factor), abs=1e-6)
    assert slow.width == pytest.approx(spread_of(seconds).width, abs=1e-6)


@given(st.lists(spreads, max_size=6), st.lists(st.floats(0, 1e5), min_size=2, max_size=2), st.floats(0, 1))
def test_a_range_is_one_and_more_work_never_makes_it_less(
    parts: list[Spread], passed: list[float], fraction: float
) -> None:
    running = Running(Spread(1.0, 0.3), passed[0], fraction)
    told = remaining(parts, running)
    assert told.known
    assert 0 <= told.low_s <= told.high_s < math.inf
    assert remaining([*parts, Spread(2.0, 0.2)], running).high_s > told.high_s
    assert remaining([*parts, None], running) == NOT_KNOWN
    assert remaining(parts, Running(None, passed[1], fraction)) == NOT_KNOWN


@given(spreads, st.floats(0, 1e4), st.floats(0.01, 0.99))
def test_what_is_left_grows_with_the_chance(spread: Spread, passed: float, chance: float) -> None:
    assert 0 <= spread.left(passed, chance) <= spread.left(passed, min(chance + 0.005, 0.995)) < math.inf


@given(st.floats(0, 40_000), st.floats(1, 5))
def test_words_never_claim_more_than_the_range(low: float, factor: float) -> None:
    told = Remaining(low, low * factor, known=True)
    figures = [int(figure) for figure in re.findall(r"\d+", told.words)]
    unit = 60 if "min" in told.words else 1
    if figures and unit == 60:
        assert figures[-1] * 60 >= told.high_s - 5  # rounded to 10 s before
        assert figures[0] * 60 <= low + 36 or len(figures) == 1
    elif figures:
        assert figures == sorted(figures)
        assert abs(figures[-1] - told.high_s) <= 2.5
    else:
        assert told.high_s < 3


@pytest.mark.parametrize("scatter", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("history", [1, 3, 10, 40])
def test_the_range_holds_what_it_promises(scatter: float, history: int) -> None:
    """Of jobs with stages that scatter together and alone, 80 of 100 shall end inside of the shown range."""
    chance = random.Random(7)
    inside, trials = 0, 400

    def job() -> list[float]:
        shared = chance.gauss(0, scatter * math.sqrt(0.5))
        return [math.exp(chance.gauss(shared, scatter * math.sqrt(0.5))) * base for base in (2.0, 5.0, 1.0)]

    for _ in range(trials):
        before = [job() for _ in range(history)]
        told = remaining([spread_of([ran[stage] for ran in before]) for stage in range(3)])
        inside += told.low_s <= sum(job()) <= told.high_s
    share = inside / trials
    assert share > (0.66 if scatter == 0.5 else 0.74)
    if history == 40 and scatter > 0.1:
        assert share < 0.92  # and no wider than it must be


def test_the_estimate_follows_a_machine_that_became_slower() -> None:
    seconds = [10.0] * 40
    for _ in range(15):
        seconds.append(20.0)
    assert spread_of(seconds[-KEPT:]).median_s > 15


def test_one_outlier_moves_nothing() -> None:
    assert spread_of([10.0] * 20 + [4000.0]).median_s == pytest.approx(10.0, rel=0.02)


def test_the_processor_is_measured() -> None:
    speed = measure_processor(lambda fraction: None, lambda: False)
    assert 1e-3 < speed < 100


def test_progress_alone_changes_no_table(database: Database) -> None:
    times = StageTimes(database)
    feed(times, [Started("a", 0.0), Progressed("a", 1.0, Stage.SCULPT, 0.5)])
    assert times.durations() == {}
