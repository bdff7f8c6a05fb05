"""The history of readings: what is kept comes back, whatever happens to the files."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.health.readings import KEYS, Reading
from img2model_desktop.health.series import (
    LEVELS,
    RING,
    PointFile,
    Points,
    Series,
    joined,
    no_points,
    put_together,
    read_points,
    row_of,
    series_file,
    thinned,
)

NOW = 1_790_000_000.0
values = st.dictionaries(st.sampled_from(KEYS), st.floats(0, 60_000, width=32), max_size=len(KEYS))
half = 2**-11  # of a half float


def point_of(reading: Reading) -> Points:
    return put_together([row_of(reading)], reading.at)


def same(found: Points, expected: Points, tolerance: float = half) -> bool:
    return (
        np.array_equal(found.at, expected.at)
        and np.allclose(found.mean, expected.mean, rtol=tolerance, atol=1e-6, equal_nan=True)
        and np.allclose(found.high, expected.high, rtol=tolerance, atol=1e-6, equal_nan=True)
    )


@given(st.lists(values, max_size=30))
def test_points_come_back_from_the_file(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, float]]) -> None:
    path = tmp_path_factory.mktemp("series") / "points.bin"
    points = [point_of(Reading(NOW + 10 * number, row)) for number, row in enumerate(rows)]
    file = PointFile(path, 1000)
    for point in points:
        file.add(point)
    assert same(PointFile(path, 1000).read(), joined([no_points(), *points]))
    assert read_points(path)[1]


@given(st.integers(1, 40), st.data())
def test_a_file_cut_anywhere_loses_the_torn_record_alone(
    tmp_path_factory: pytest.TempPathFactory, count: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("series") / "points.bin"
    file = PointFile(path, 1000)
    head = path.stat().st_size
    for number in range(count):
        file.add(point_of(Reading(NOW + number, {"memory": float(number)})))
    content = path.read_bytes()
    size = (len(content) - head) // count
    cut = data.draw(st.integers(head, len(content)))
    path.write_bytes(content[:cut])
    again = PointFile(path, 1000)
    assert list(again.read().column("memory")) == [float(number) for number in range((cut - head) // size)]
    again.add(point_of(Reading(NOW + 99, {"memory": 7.0})))
    assert again.read().column("memory")[-1] == 7.0
    assert read_points(path)[1]  # what was torn is gone from the file


@given(st.integers(0, 5000), st.integers(1, 255))
def test_a_changed_byte_never_becomes_a_wrong_figure(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: int
) -> None:
    path = tmp_path_factory.mktemp("series") / "points.bin"
    file = PointFile(path, 1000)
    for number in range(20):
        file.add(point_of(Reading(NOW + number, dict.fromkeys(KEYS, float(number)))))
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= change
    path.write_bytes(content)
    found = read_points(path)[0]
    known = {(NOW + number, float(number)) for number in range(20)}
    told = {(float(at), float(value)) for at, row in zip(found.at, found.mean, strict=True) for value in row}
    # the line with the names may have been hit: a column is then unknown, and never another one's
    assert {(at, value) for at, value in told if value == value} <= known
    assert len(found) in (0, 19, 20)


@given(st.binary(max_size=400))
def test_any_file_is_read_or_begun_anew(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("series") / "points.bin"
    path.write_bytes(content)
    file = PointFile(path, 10)
    file.add(point_of(Reading(NOW, {"memory": 50.0})))
    assert list(file.read().column("memory")) == [50.0]


def test_columns_of_another_version_find_their_places(tmp_path: Path) -> None:
    path = tmp_path / "points.bin"
    PointFile(path, 10).add(point_of(Reading(NOW, dict.fromkeys(KEYS, 5.0))))
    head, _, body = path.read_bytes().partition(b"\n")
    plain = json.loads(head)
    plain["columns"] = ["unknown today", *plain["columns"][1:]]
    path.write_bytes(json.dumps(plain).encode() + b"\n" + body)
    found = PointFile(path, 10).read()  # rewritten in today's columns
    assert math.isnan(found.column(KEYS[0])[0])
    assert all(found.column(key)[0] == 5.0 for key in KEYS[1:])
    assert read_points(path)[1]


def test_the_file_keeps_the_newest_and_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "points.bin"
    file = PointFile(path, 100)
    largest = 0
    for number in range(1000):
        file.add(point_of(Reading(NOW + number, {"memory": 1.0})))
        largest = max(largest, path.stat().st_size)
    kept = file.read()
    assert 100 <= len(kept) <= 105
    assert kept.at[-1] == NOW + 999
    assert np.array_equal(np.diff(kept.at), np.ones(len(kept) - 1))
    assert largest < 110 * 80 + 1000


def test_all_that_is_ever_kept_is_under_five_megabytes(tmp_path: Path) -> None:
    file = PointFile(tmp_path / "points.bin", 10)
    before = (tmp_path / "points.bin").stat().st_size
    file.add(point_of(Reading(NOW, {})))
    record = (tmp_path / "points.bin").stat().st_size - before
    assert sum(count * 1.05 for _, _, count in LEVELS) * record + 2 * before < 5_000_000
    assert [(every_s * count) / 86400 for _, every_s, count in LEVELS] == [1.0, 30.0]


def test_a_full_disk_is_survived(tmp_path: Path) -> None:
    file = PointFile(tmp_path / "gone" / "points.bin", 10)
    for number in range(30):
        file.add(point_of(Reading(NOW + number, {"memory": 1.0})))
    assert len(file.read()) == 0


def test_aggregates_hold_mean_and_highest(tmp_path: Path) -> None:
    series = Series(tmp_path)
    for second in range(25):
        series.add(Reading(NOW + second, {"memory": float(second)}))
    series.close()
    fine = read_points(series_file(tmp_path, "fine"))[0]
    assert list(fine.at) == [NOW, NOW + 10, NOW + 20]
    assert list(fine.column("memory")) == [4.5, 14.5, 22.0]
    assert list(fine.column("memory", highest=True)) == [9.0, 19.0, 24.0]
    assert list(read_points(series_file(tmp_path, "coarse"))[0].column("memory")) == [12.0]


@pytest.mark.parametrize("clock", [-3600.0, 3600.0])
def test_a_clock_that_jumps_loses_nothing(tmp_path: Path, clock: float) -> None:
    series = Series(tmp_path)
    for second in range(15):
        series.add(Reading(NOW + second, {"memory": 1.0}))
    for second in range(15):
        series.add(Reading(NOW + clock + second, {"memory": 2.0}))
    series.close()
    fine = read_points(series_file(tmp_path, "fine"))[0]
    assert sorted(fine.at) == sorted([NOW, NOW + 10, NOW + clock, NOW + clock + 10])


def test_a_range_uses_the_finest_that_is_kept(tmp_path: Path) -> None:
    before = Series(tmp_path)  # of an earlier run
    for second in range(600):
        before.add(Reading(NOW - 1000 + second, {"memory": 10.0}))
    before.close()
    series = Series(tmp_path)
    for second in range(61):
        series.add(Reading(NOW - 60 + second, {"memory": 20.0}))
    minute = series.between(NOW - 60, NOW)
    assert len(minute) == 61
    quarter = series.between(NOW - RING, NOW)
    assert {10.0, 20.0} == set(quarter.column("memory"))
    assert np.all(np.diff(quarter.at) > 0)
    hour = series.between(NOW - 3600, NOW)
    assert len(hour) == 60 + 7  # spans of 10 s
    month = series.between(NOW - 30 * 86400, NOW)
    assert np.nanmin(np.diff(month.at)) >= 60.0
    assert np.nanmax(month.column("memory", highest=True)) == 20.0
    series.close()


def test_memory_does_not_grow_with_time(tmp_path: Path) -> None:
    series = Series(tmp_path)
    for second in range(3 * RING):
        series.add(Reading(NOW + second * 1.0, {}))
        assert len(series._rows) < 2 * RING
    assert len(series.between(NOW + 2 * RING, NOW + 3 * RING)) == RING
    series.close()


@given(st.lists(st.floats(0, 1000, width=32), min_size=1, max_size=300), st.integers(1, 50))
def test_thinning_keeps_peaks_ends_and_the_bound(heights: list[float], count: int) -> None:
    points = joined([point_of(Reading(NOW + place, {"memory": height})) for place, height in enumerate(heights)])
    thin = thinned(points, count)
    assert len(thin) <= max(count, 1)
    assert thin.at[0] == NOW
    assert np.nanmax(thin.column("memory", highest=True)) == np.float32(max(heights))
    assert thin.column("memory").min() >= np.float32(min(heights)) * (1 - 1e-6)
    assert np.all(np.diff(thin.at) > 0)
