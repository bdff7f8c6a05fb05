"""The score: full when all is well, never higher when something gets worse, always with its reasons."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.health.score import FULL, Signs, score

counts = st.integers(0, 50)
signs = st.builds(
    Signs,
    disk_free_gib=st.floats(0, 5000),
    memory_free_percent=st.floats(0, 100),
    failures=counts,
    runs=counts,
    set_aside=counts,
    helper_deaths=counts,
    unclean_ends=counts,
    gap_p99_ms=st.floats(0, 10_000),
    damaged_weights=counts,
    is_mended=st.booleans(),
    open_alerts=counts,
)
FREE = ("disk_free_gib", "memory_free_percent")
MORE_IS_WORSE = tuple(item.name for item in fields(Signs) if item.name not in (*FREE, "runs", "is_mended"))


def test_nothing_to_say_is_full() -> None:
    assert (score(Signs()).points, score(Signs()).reasons, score(Signs()).words) == (FULL, (), "Good")


@given(signs)
def test_reasons_account_for_every_point(found: Signs) -> None:
    made = score(found)
    lost = [reason.points for reason in made.reasons]
    assert made.points == max(FULL - sum(lost), 0)
    assert all(points > 0 for points in lost)
    assert lost == sorted(lost, reverse=True)
    assert all(reason.text.endswith(".") and reason.advice.endswith(".") for reason in made.reasons)


@given(signs, st.sampled_from(MORE_IS_WORSE), st.integers(1, 1000))
def test_more_trouble_never_raises_the_score(found: Signs, name: str, more: int) -> None:
    assert score(replace(found, **{name: getattr(found, name) + more})).points <= score(found).points


@given(signs, st.sampled_from(FREE), st.floats(0, 1))
def test_less_room_never_raises_the_score(found: Signs, name: str, share: float) -> None:
    assert score(replace(found, **{name: getattr(found, name) * share})).points <= score(found).points


@given(signs)
def test_a_mended_history_never_raises_the_score(found: Signs) -> None:
    whole, mended = replace(found, is_mended=False), replace(found, is_mended=True)
    assert score(mended).points == max(score(whole).points - 15, 0) or score(whole).points < 15


@pytest.mark.parametrize("name", MORE_IS_WORSE)
def test_each_sign_counts_by_itself(name: str) -> None:
    bad = replace(Signs(), **{name: 1000})
    assert score(bad).points < 90
    assert len(score(bad).reasons) == 1


@pytest.mark.parametrize(("name", "value"), [("disk_free_gib", 0.0), ("memory_free_percent", 0.0)])
def test_no_room_at_all_is_not_good(name: str, value: float) -> None:
    assert score(replace(Signs(), **{name: value})).words != "Good"
    assert score(replace(Signs(), **{name: value})).points <= 75


def test_everything_bad_is_nothing() -> None:
    assert score(Signs(0, 0, 50, 50, 9, 9, 9, 9000, 9, True, 9)).points == 0


def test_one_failure_among_few_says_little() -> None:
    assert score(Signs(failures=1, runs=1)).points >= 90
    assert score(Signs(failures=5, runs=5)).points == 60
    assert score(Signs(failures=1, runs=100)).points == 99
