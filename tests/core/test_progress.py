"""What is reported stays in its part, rises with the work, and ends exactly at 1."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.core import progress as progress_module
from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import Cancelled

SHARE = st.floats(0, 1)
PARTS = st.lists(st.tuples(SHARE, SHARE).map(sorted), max_size=5)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "REPORT_EVERY_S", 0.0)


@pytest.mark.usefixtures("no_waiting")
class TestEveryReport:
    @given(parts=PARTS, fractions=st.lists(st.floats(allow_nan=True), min_size=1))
    def test_stays_inside_its_part(self, parts: list[list[float]], fractions: list[float]) -> None:
        seen: list[float] = []
        token, low, high = Progress(seen.append), 0.0, 1.0
        for first, last in parts:
            token = token.part(first, last)
            low, high = low + (high - low) * first, low + (high - low) * last
        for fraction in fractions:
            token.update(fraction)
        assert len(seen) == len(fractions)
        assert all(low - 1e-9 <= whole <= high + 1e-9 for whole in seen)

    @given(parts=PARTS, fractions=st.lists(SHARE, min_size=2).map(sorted))
    def test_never_falls_back(self, parts: list[list[float]], fractions: list[float]) -> None:
        seen: list[float] = []
        token = Progress(seen.append)
        for first, last in parts:
            token = token.part(first, last)
        for fraction in fractions:
            token.update(fraction)
        assert all(later >= earlier - 1e-12 for earlier, later in pairwise(seen))


@given(st.lists(SHARE, max_size=6))
def test_end_of_the_last_part_is_exactly_one(firsts: list[float]) -> None:
    seen: list[float] = []
    token = Progress(seen.append)
    for first in firsts:
        token = token.part(first, 1.0)
    token.update(0.999999)
    token.update(1.0)
    assert seen[-1] == 1.0


def test_reports_are_spaced_but_the_last_one_always_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    seen: list[float] = []
    token = Progress(seen.append)
    for step in range(100):
        now[0] += 0.001
        token.part(0.0, 0.9).update(step / 100)
    token.update(1.0)
    assert len(seen) == 1 + 99 // 30 + 1
    assert seen[-1] == 1.0


def test_cancel_is_seen_at_every_call_and_in_every_part() -> None:
    cancelled = [False]
    seen: list[float] = []
    token = Progress(seen.append, lambda: cancelled[0])
    inner = token.part(0.2, 0.5)
    inner.update(0.1)
    cancelled[0] = True
    for part in (token, inner, inner.part(0, 1)):
        with pytest.raises(Cancelled):
            part.update(1.0)
    assert len(seen) == 1
