"""The page: one file, nothing fetched, every figure that it was given."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.health.checks import Check, Grade
from img2model_desktop.health.limits import LIMITS, Alert
from img2model_desktop.health.page import Report, as_html, nice_top, plain, save
from img2model_desktop.health.readings import KEYS, Reading
from img2model_desktop.health.score import Signs, score
from img2model_desktop.health.series import joined, put_together, row_of

NOW = 1_790_000_000.0


class Reader(HTMLParser):
    """Collects what a page refers to, and its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.refers: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.refers += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "data")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def report() -> Report:
    points = [
        put_together([row_of(Reading(NOW + 10 * n, {"memory": 40.0 + n, "gap": 3.0 * n}))], NOW + 10 * n)
        for n in range(20)
    ]
    return Report(
        NOW + 200,
        NOW,
        score(Signs(failures=2, runs=10)),
        joined(points),
        (Alert(LIMITS[0].key, NOW, 0.5, NOW), Alert("unknown", NOW, 1.0, NOW, NOW + 5)),
        {("sculpt", "inflate", "standard"): (2.0, 4.0, 3.0)},
        (Check("a", "A <b>", Grade.BAD, "x & y.", "z."),),
    )


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def test_a_page_refers_to_nothing_and_shows_everything() -> None:
    text = as_html(report())
    page = read(text)
    assert page.refers == []
    assert not re.search(r"https?:|url\(|@import|<script", text)
    words = " ".join(page.texts)
    for expected in ("92 of 100", "2 of 10 jobs", "A <b>", "x & y.", LIMITS[0].title, "3.0 s", "2.0 to 4.0 s", "59 %"):
        assert expected in words
    assert page.tags.count("svg") == 2  # measures that were read


def test_an_empty_page_is_a_page() -> None:
    page = read(as_html(Report(NOW, NOW)))
    assert "svg" not in page.tags
    assert "table" not in page.tags


def test_the_pen_is_lifted_where_nothing_ran() -> None:
    at = [0.0, 10, 20, 30, 3000, 3010, 3020]
    points = joined([put_together([row_of(Reading(NOW + t, {"memory": 50.0}))], NOW + t) for t in at])
    text = as_html(Report(NOW + 3600, NOW, points=points))
    assert re.findall(r'<path d="([^"]+)"', text)[0].count("M") == 2


def test_json_holds_the_same(tmp_path: Path) -> None:
    save(report(), tmp_path / "health.json")
    found = json.loads((tmp_path / "health.json").read_text())
    assert found == json.loads(json.dumps(plain(report())))
    assert found["readings"]["memory"]["high"] == [40.0 + n for n in range(20)]
    assert found["readings"]["swap"]["mean"] == [None] * 20
    assert set(found["units"]) == set(KEYS)
    assert found["score"]["points"] == 92
    save(report(), tmp_path / "health.html")
    assert (tmp_path / "health.html").read_text(encoding="utf-8") == as_html(report())


@given(st.floats(1e-6, 1e9))
def test_an_axis_ends_just_above(highest: float) -> None:
    top = nice_top(highest)
    assert highest * (1 - 1e-6) <= top <= highest * 2.5 * (1 + 1e-6)
    assert float(f"{top:.0e}") == pytest.approx(top)


@given(st.lists(st.floats(0, 60_000, width=32), min_size=1, max_size=40))
def test_every_line_stays_inside_its_plot(values: list[float]) -> None:
    points = joined([put_together([row_of(Reading(NOW + n, {"gap": v}))], NOW + n) for n, v in enumerate(values)])
    path = re.findall(r'<path d="([^"]+)"', as_html(Report(NOW + len(values), NOW, points=points)))[0]
    places = np.array([[float(x) for x in move.split()] for move in re.findall(r"[ML]([\d.]+ [\d.]+)", path)])
    assert len(places) == len(values)
    assert places[:, 0].min() >= 0
    assert places[:, 0].max() <= 640
    assert places[:, 1].min() >= 8 - 1e-6
    assert places[:, 1].max() <= 100
