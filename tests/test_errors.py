"""Errors keep what they are when they travel as text, and each category has its severity."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from img2model_desktop.aside import Helper
from img2model_desktop.errors import (
    KINDS,
    SEVERITIES,
    EngineProblem,
    HelperDied,
    Img2ModelError,
    PassingTrouble,
    Severity,
    as_text,
    rebuild,
    severity_of,
)


@pytest.mark.parametrize("kind", [*KINDS.values(), PassingTrouble], ids=lambda kind: kind.__name__)
def test_an_error_travels_as_text(kind: type[Img2ModelError]) -> None:
    problem = kind("It broke.", "Mend it.", "in the middle")
    again = rebuild(*as_text(problem))
    assert type(again) is kind
    assert (again.message, again.advice, again.details) == ("It broke.", "Mend it.", "in the middle")
    assert again.exit_code == problem.exit_code


def test_each_category_has_a_severity() -> None:
    assert set(SEVERITIES) == {*KINDS, "bug"}
    assert severity_of("input") is Severity.MILD
    assert {severity_of(kind) for kind in ("setup", "memory", "engine")} == {Severity.SERIOUS}
    assert {severity_of(kind) for kind in ("bug", "history", "of a newer version")} == {Severity.GRAVE}


@pytest.fixture
def helper() -> Iterator[Helper]:
    helper = Helper(())
    yield helper
    helper.close()


def has_a_hiccup(report: Any, is_cancelled: Any) -> None:
    raise PassingTrouble("A hiccup.", "Try again.")


def dies(how: int, report: Any, is_cancelled: Any) -> None:
    os.kill(os.getpid(), how)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no signals that kill")
def test_trouble_that_may_pass_is_told_apart(helper: Helper) -> None:
    with pytest.raises(PassingTrouble) as caught:
        helper.run(has_a_hiccup, tick=lambda _: None)
    assert type(caught.value) is PassingTrouble
    for how, was_killed in ((signal.SIGKILL, True), (signal.SIGSEGV, False)):
        with pytest.raises(HelperDied) as died:
            helper.run(dies, how, tick=lambda _: None)
        assert died.value.was_killed is was_killed
        assert isinstance(died.value, EngineProblem)
        assert died.value.kind == "engine"
