"""Alerts: raised once, not flickering, kept through a restart with what the user said to them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.health.limits import KEPT_ALERTS, LIMITS, Alarms, Limit
from img2model_desktop.health.readings import BY_KEY as MEASURES
from img2model_desktop.health.readings import Reading

NOW = 1_790_000_000.0
HOT = Limit("hot", "card_temperature", 88.0, 82.0, 30.0, False, "t", "r.", "a.", 0.0)
LOW = Limit("low", "disk_free", 1.0, 2.0, 0.0, True, "t", "r.", "a.", 0.0)


def hot(second: float, degrees: float) -> Reading:
    return Reading(NOW + second, {"card_temperature": degrees})


def fed(alarms: Alarms, course: list[tuple[float, float]]) -> list[str]:
    """Feeds temperatures; the keys of the alerts that were raised."""
    return [alert.key for second, degrees in course for alert in alarms.feed(hot(second, degrees))]


def test_every_limit_is_of_a_known_measure_and_says_what_to_do() -> None:
    for limit in LIMITS:
        measure = MEASURES[limit.measure]
        assert limit.raise_at != limit.clear_at
        assert measure.full is None or max(limit.raise_at, limit.clear_at) <= measure.full
        assert limit.reason.endswith(".")
        assert limit.advice.endswith(".")
        assert not limit.title.endswith(".")
    assert len({limit.key for limit in LIMITS}) == len(LIMITS)


def test_a_peak_alone_raises_nothing(tmp_path: Path) -> None:
    alarms = Alarms(tmp_path / "a.json", (HOT,))
    assert fed(alarms, [(0, 95), (29, 95), (30, 87), (31, 95), (60, 95)]) == []
    assert fed(alarms, [(61, 95)]) == ["hot"]


def test_an_alert_lasts_until_the_milder_limit(tmp_path: Path) -> None:
    alarms = Alarms(tmp_path / "a.json", (HOT,))
    assert fed(alarms, [(0, 90), (30, 90), (40, 93), (50, 83), (60, 89), (95, 89)]) == ["hot"]
    (alert,) = alarms.alerts
    assert (alert.since, alert.until, alert.worst) == (NOW + 30, None, 93)
    fed(alarms, [(100, 82)])
    (alert,) = alarms.alerts
    assert alert.until == NOW + 100
    assert fed(alarms, [(101, 90), (131, 90)]) == ["hot"]
    assert len(alarms.alerts) == 2


def test_an_alert_ends_after_a_calm_while_alone(tmp_path: Path) -> None:
    alarms = Alarms(tmp_path / "a.json", (replace(HOT, calm_s=60.0),))
    fed(alarms, [(0, 90), (30, 90), (40, 70), (90, 70), (95, 85), (100, 70), (150, 70)])
    assert alarms.alerts[0].is_open
    fed(alarms, [(160, 70)])
    assert [alert.until for alert in alarms.alerts] == [NOW + 100]


def test_too_little_raises_too(tmp_path: Path) -> None:
    alarms = Alarms(tmp_path / "a.json", (LOW,))
    assert [alert.key for alert in alarms.feed(Reading(NOW, {"disk_free": 0.9}))] == ["low"]
    alarms.feed(Reading(NOW + 1, {"disk_free": 0.2}))
    alarms.feed(Reading(NOW + 2, {"disk_free": 1.9}))
    assert alarms.alerts[0].is_open
    alarms.feed(Reading(NOW + 3, {"disk_free": 2.0}))
    assert (alarms.alerts[0].is_open, alarms.alerts[0].worst) == (False, 0.2)


def test_a_restart_goes_on_with_what_was_said(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    alarms = Alarms(file, (HOT,))
    fed(alarms, [(0, 90), (30, 90)])
    alarms.acknowledge(alarms.alerts[0].since, "hot", NOW + 35)
    again = Alarms(file, (HOT,))
    assert again.alerts == alarms.alerts
    assert again.alerts[0].acknowledged == NOW + 35
    assert fed(again, [(50, 91), (90, 91)]) == []  # it is the same one
    again.acknowledge(again.alerts[0].since, "hot", NOW + 99)
    assert again.alerts[0].acknowledged == NOW + 35  # the first time counts
    fed(again, [(100, 60)])
    assert Alarms(file, (HOT,)).alerts[0].until == NOW + 100


def test_the_list_is_bounded(tmp_path: Path) -> None:
    alarms = Alarms(tmp_path / "a.json", (LOW,))
    for number in range(KEPT_ALERTS + 20):
        alarms.feed(Reading(NOW + 2 * number, {"disk_free": 0.5}))
        alarms.feed(Reading(NOW + 2 * number + 1, {"disk_free": 9.0}))
    assert len(alarms.alerts) == KEPT_ALERTS
    assert len(json.loads((tmp_path / "a.json").read_text())) == KEPT_ALERTS
    assert alarms.alerts[-1].since == NOW + 2 * (KEPT_ALERTS + 19)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "null", '[{"key": "hot"}]', '[{"key": 1, "since": 0, "worst": 0, "last": 0}]', "[[[["]
)
def test_a_damaged_file_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    alarms = Alarms(tmp_path / "a.json", (HOT,))
    assert alarms.alerts == ()
    assert fed(alarms, [(0, 90), (30, 90)]) == ["hot"]
    assert len(Alarms(tmp_path / "a.json", (HOT,)).alerts) == 1


def test_a_full_disk_keeps_the_alert_in_memory(tmp_path: Path) -> None:
    alarms = Alarms(tmp_path / "gone" / "a.json", (LOW,))
    assert len(alarms.feed(Reading(NOW, {"disk_free": 0.0}))) == 1


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(60, 100)), max_size=60))
def test_alerts_of_a_limit_never_overlap(
    tmp_path_factory: pytest.TempPathFactory, course: list[tuple[float, float]]
) -> None:
    file = tmp_path_factory.mktemp("alerts") / "a.json"
    alarms = Alarms(file, (HOT,))
    now = 0.0
    for step, degrees in course:
        now += step
        alarms.feed(hot(now, degrees))
    for before, after in zip(alarms.alerts, alarms.alerts[1:], strict=False):
        assert before.until is not None
        assert before.since <= before.until <= after.since
    assert all(alert.worst >= HOT.raise_at for alert in alarms.alerts)
    assert {(a.key, a.since, a.until) for a in Alarms(file, (HOT,)).alerts} == {
        (a.key, a.since, a.until) for a in alarms.alerts
    }
