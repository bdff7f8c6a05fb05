"""Engines that fail in job after job are set aside, remembered, and tried again when there is reason to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.core.events import (
    Decided,
    Decision,
    Failed,
    Finished,
    JobEvent,
    Stage,
    StageBegan,
    Started,
    Stopped,
)
from img2model_desktop.jobs.attempts import Policy
from img2model_desktop.jobs.breaker import Breaker
from img2model_desktop.jobs.database import Database
from tests.jobs.test_attempts import Job, Scripted


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "history.sqlite3")
    yield database
    database.close()


@pytest.fixture
def breaker(database: Database) -> Breaker:
    return Breaker(database)


def run(breaker: Breaker, tmp_path: Path, faults: list[str], **changes: Any) -> JobEvent:
    """One job of real attempts, whose events the breaker hears."""
    job = Job(tmp_path, **changes)
    last = job.run(Scripted(faults), breaker.policy())
    for event in job.events:
        breaker.apply(event)
    for path in job.folder.iterdir():
        path.unlink()
    return last


def failed(key: str, kind: str = "engine") -> list[JobEvent]:
    return [
        Started("j", 1.0),
        StageBegan("j", 1.0, Stage.SCULPT, engine=key),
        Failed("j", 2.0, kind, "It broke.", "", stage=Stage.SCULPT, engine=key),
    ]


def tell(breaker: Breaker, *events: JobEvent) -> None:
    for event in events:
        breaker.apply(event)


def test_three_in_a_row_set_it_aside(breaker: Breaker, tmp_path: Path) -> None:
    for count in (1, 2):
        assert isinstance(run(breaker, tmp_path, ["none", "useless"]), Failed)
        assert breaker.policy() == Policy(failures={"lathe": count})
    run(breaker, tmp_path, ["none", "useless"])
    assert breaker.is_set_aside("lathe")
    last = run(breaker, tmp_path, [])
    assert isinstance(last, Failed)
    assert last.kind == "setup"
    assert last.message == "Lathe failed in 3 jobs in a row and is set aside: No mesh."
    assert breaker.policy().failures == {"lathe": 3}  # to be refused is no failure of its own
    breaker.clear("lathe")
    assert not breaker.is_set_aside("lathe")
    assert isinstance(run(breaker, tmp_path, []), Finished)


def test_a_success_begins_anew(breaker: Breaker, tmp_path: Path) -> None:
    for _ in range(4):
        for faults in (["none", "useless"], ["none", "useless"], []):
            run(breaker, tmp_path, faults)
        assert breaker.policy() == Policy()


def test_a_later_trouble_is_not_the_engines(breaker: Breaker) -> None:
    tell(breaker, *failed("lathe"))
    began = [StageBegan("k", 1.0, Stage.SCULPT, engine="lathe"), StageBegan("k", 2.0, Stage.CLEAN)]
    tell(breaker, Started("k", 1.0), *began, Failed("k", 3.0, "bug", "Oh.", "", stage=Stage.CLEAN))
    assert breaker.policy() == Policy()  # it sculpted


def test_a_take_over_counts_for_the_one_that_failed(breaker: Breaker, tmp_path: Path) -> None:
    for count in (1, 2, 3):
        last = run(breaker, tmp_path, ["none", "useless"], falls_back=True)
        assert isinstance(last, Finished)
        assert last.engine == "twin"
        assert breaker.policy().failures == {"lathe": count}
    assert set(breaker.policy().set_aside) == {"lathe"}
    last = run(breaker, tmp_path, [], falls_back=True)
    assert isinstance(last, Finished)
    assert last.engine == "twin"


def test_cutters_count_too(breaker: Breaker, tmp_path: Path) -> None:
    run(breaker, tmp_path, ["useless"])
    run(breaker, tmp_path, ["none", "useless"])
    assert breaker.policy().failures == {"lathe": 1}  # the cutter did its work in the second


@pytest.mark.parametrize("kind", ["input", "setup", "history"])
def test_what_is_not_the_engines_fault_does_not_count(breaker: Breaker, kind: str) -> None:
    tell(breaker, *failed("lathe", kind))
    assert breaker.policy() == Policy()


@pytest.mark.parametrize("kind", ["engine", "bug", "memory"])
def test_what_counts(breaker: Breaker, kind: str) -> None:
    tell(breaker, *failed("lathe", kind))
    assert breaker.policy() == Policy(failures={"lathe": 1})


def test_a_stopped_job_says_nothing(breaker: Breaker) -> None:
    tell(breaker, *failed("lathe"))
    tell(breaker, Started("k", 1.0), StageBegan("k", 1.0, Stage.SCULPT, engine="lathe"), Stopped("k", 2.0))
    assert breaker.policy() == Policy(failures={"lathe": 1})


def test_it_outlives_the_program(database: Database, tmp_path: Path) -> None:
    first = Breaker(database)
    for _ in range(3):
        run(first, tmp_path, ["none", "useless"])
    assert Breaker(database).policy() == first.policy()
    assert Breaker(database).is_set_aside("lathe")


def test_a_new_version_begins_anew(database: Database) -> None:
    old = Breaker(database, lambda key: f"1 {key}")
    aside = Decided("j", 1.5, Decision.SET_ASIDE, Stage.SCULPT, "lathe", "It is set aside.", kind="engine")
    started, began, last = failed("lathe")
    tell(old, started, began, aside, last)
    assert old.is_set_aside("lathe")
    new = Breaker(database, lambda key: f"2 {key}")
    assert new.policy() == Policy()
    tell(new, *failed("lathe"))
    assert new.policy() == Policy(failures={"lathe": 1})
    assert old.policy() == Policy()


@given(st.lists(st.sampled_from(["none", "useless", "bug", "memory", "input", "cancel"]), max_size=14))
def test_it_counts_as_a_simple_count_does(jobs: list[str]) -> None:
    """Against a plain model: failures in a row, set aside at three, refused from then on."""
    database = Database(Path(":memory:"))
    try:
        breaker, count = Breaker(database), 0
        for number, fault in enumerate(jobs):
            if breaker.is_set_aside("lathe"):
                break
            tell(breaker, *_events(str(number), fault, breaker.policy()))
            against = fault in ("useless", "bug", "memory")
            count = count + 1 if against else 0 if fault == "none" else count
            assert breaker.policy().failures.get("lathe", 0) == count
            assert breaker.is_set_aside("lathe") == (count >= 3)
    finally:
        database.close()


def _events(job: str, fault: str, policy: Policy) -> list[JobEvent]:
    """What a job sends, as `attempts` decides it."""
    began = [Started(job, 1.0), StageBegan(job, 1.0, Stage.SCULPT, engine="lathe")]
    if fault == "none":
        return [*began, StageBegan(job, 2.0, Stage.CLEAN), Finished(job, 3.0, "result.glb", "lathe", None, 1.0)]
    if fault == "cancel":
        return [*began, Stopped(job, 2.0)]
    kind = "engine" if fault == "useless" else fault
    aside = Decided(job, 2.0, Decision.SET_ASIDE, Stage.SCULPT, "lathe", "It is set aside.", kind=kind)
    is_last = kind != "input" and policy.failures.get("lathe", 0) + 1 >= policy.patience
    last = Failed(job, 2.0, kind, "It broke.", "", stage=Stage.SCULPT, engine="lathe")
    return [*began, *([aside] if is_last else []), last]


def test_only_the_engine_that_was_at_work_is_blamed(breaker: Breaker) -> None:
    tell(breaker, *failed("lathe")[:1], *failed("")[1:])
    assert breaker.policy() == Policy()
