"""The report: one page that holds everything, says it in words, and believes no text that it is given."""

import base64
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from img2model_desktop import __version__
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.findings import Conditions, Finding, Place, Purpose, Severity, Verdict
from img2model_desktop.core.verdict.judge import judge
from img2model_desktop.core.workshop.step import step
from img2model_desktop.errors import Cancelled
from img2model_desktop.render import report
from img2model_desktop.render.report import MOST_FINDINGS, TABLES, report_html
from tests.shapes import box, mesh_of, textured, together, turned

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;\0\x1b[31m\udcff"
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "section", "footer", "div", "h1", "h2", "p", "b"),
    *("br", "bdi", "span", "figure", "figcaption", "img", "table", "caption", "tr", "th", "td", "tbody"),
    *("svg", "image", "line", "text"),
}


class Page(HTMLParser):
    """What a reader of the page finds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "image", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += f" {data}"

    @property
    def words(self) -> str:
        return " ".join(self.text.split())

    def pictures(self) -> Iterator[Image.Image]:
        for tag, attributes in self.tags:
            if tag in ("img", "image"):
                uri = attributes.get("src") or attributes.get("href") or ""
                head, _, data = uri.partition(",")
                assert head == "data:image/png;base64"
                yield Image.open(io.BytesIO(base64.b64decode(data)))


def open_box() -> Mesh:
    """A textured box, 100 x 200 x 400 mm, without one of its triangles."""
    whole = box(0.1, 0.2, 0.4)
    return textured(mesh_of(whole.vertices, whole.faces[1:]))


def page_of(mesh: Mesh, title: str = "Box", recipe: dict[str, Any] | None = None) -> Page:
    return Page(report_html(mesh, judge(mesh), title, recipe))


def test_everything_is_on_the_page() -> None:
    mesh = open_box()
    verdict = judge(mesh)
    page = Page(report_html(mesh, verdict, "My box", {"engine": "inflate", "request": {"options": {"depth": 0.25}}}))
    assert page.open == []
    assert ("h1", {}) in page.tags
    assert "My box" in page.words
    assert "100.0 × 200.0 × 400.0 mm" in page.words
    assert "10.00 × 20.00 × 40.00 cm" in page.words
    assert "3.94 × 7.87 × 15.75 in" in page.words
    for purpose, name in report.PURPOSES.items():
        assert f"{name} {report.LEVELS[verdict.level(purpose)][1]}" in page.words
    assert "3D print ! Fit after fixes" in page.words
    for finding in verdict.findings[:MOST_FINDINGS]:
        for said in (finding.title, finding.reason, finding.advice):
            assert " ".join(said.split()) in page.words
    assert "Fix: “Close holes”" in page.words
    assert "Triangles 11" in page.words
    assert "Watertight no" in page.words
    assert "engine: inflate" in page.words
    assert "depth: 0.25" in page.words
    assert f"Image2Model Desktop {__version__}" in page.words
    assert "walls from 0.8 mm" in page.words


def test_the_pictures_show_the_mesh_and_its_lengths() -> None:
    mesh = open_box()
    page = page_of(mesh)
    with_place = [finding for finding in judge(mesh).findings[:MOST_FINDINGS] if not finding.place.is_empty]
    pictures = list(page.pictures())
    assert len(pictures) == 5 + len(with_place)
    assert with_place
    for picture in pictures:
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
        assert 0.02 < (alpha > 0).mean() < 0.98
    lengths = re.findall(r"([\d.]+) mm", "".join(re.findall(r"<text.*?</text>", report_html(mesh, judge(mesh), "a"))))
    assert lengths == ["100.0", "200.0", "400.0", "200.0", "100.0", "400.0"]  # front, side, top: across, up


def test_the_lines_of_the_lengths_end_where_the_mesh_ends() -> None:
    page = page_of(box(0.1, 0.2, 0.4))
    front = next(iter([p for p in page.pictures() if p.width == report.VIEW_PX]))
    alpha = np.asarray(front.convert("RGBA"))[..., 3] > 127
    columns, rows = np.flatnonzero(alpha.any(axis=0)), np.flatnonzero(alpha.any(axis=1))
    lines = [{k: float(v) for k, v in a.items()} for tag, a in page.tags if tag == "line"][:6]
    across, up = lines[0], lines[3]
    assert (across["x1"], across["x2"]) == pytest.approx((columns[0], columns[-1] + 1), abs=1.5)
    assert (up["y1"], up["y2"]) == pytest.approx((rows[0], rows[-1] + 1), abs=1.5)


def test_nothing_that_a_text_holds_is_believed() -> None:
    recipe = {HOSTILE: HOSTILE, "request": {"prompt": HOSTILE, "deep": {HOSTILE: [HOSTILE, {"operation": HOSTILE}]}}}
    finding = Finding(HOSTILE, HOSTILE, HOSTILE, HOSTILE, {Purpose.PRINT: Severity.FIX}, Place(), (step(HOSTILE),))
    mesh = box()
    verdict = Verdict(judge(mesh).measures, (finding,) * 9, Conditions())
    text = report_html(mesh, verdict, HOSTILE, recipe)
    page = Page(text)
    assert page.open == []
    assert {tag for tag, _ in page.tags} <= TAGS
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "<script>alert(1)</script>" in page.words  # shown, not run
    text.encode()  # a lone surrogate of a file's name would stop this
    assert "\0" not in text
    assert "\x1b" not in text


def test_the_page_asks_for_nothing() -> None:
    text = report_html(box(), judge(box()), "Box")
    assert re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!data:)[^\"'\s>]+", text) == []
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|@import|<link|<script", text)


def test_a_mesh_without_fault_and_without_texture() -> None:
    mesh = box(0.05, 0.05, 0.05)
    page = Page(report_html(mesh, Verdict(judge(mesh).measures, (), Conditions()), ""))
    assert "Nothing is wrong with this mesh." in page.words
    assert page.words.count("✓ Fit") == 4
    assert "How it was made" not in page.words
    assert "Volume 125.00 cm³" in page.words
    assert "Surface 150.0 cm²" in page.words
    assert "Picture –" in page.words


def test_many_findings_are_named_all_the_same() -> None:
    mesh = together(box(), turned(box(at=(9, 0, 0))))
    many = tuple(
        Finding(f"k{k}", f"Thing {k}", "It is so.", "Leave it.", {Purpose.PRINT: Severity.STOP}) for k in range(20)
    )
    page = Page(report_html(mesh, Verdict(judge(mesh).measures, many, Conditions()), "Two"))
    assert all(f"Thing {k}" in page.words for k in range(20))
    assert page.words.count("It is so.") == MOST_FINDINGS
    assert "✕ Not fit 20 in the way" in page.words


def test_a_surface_without_area() -> None:
    flat = mesh_of([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]])
    assert "✕ Not fit" in page_of(flat).words


def test_every_measure_of_the_tables_is_one() -> None:
    measures = judge(open_box()).measures
    assert {row.measure for rows in TABLES.values() for row in rows} <= set(measures)


def test_it_tells_how_far_it_is_and_can_be_stopped() -> None:
    seen: list[float] = []
    verdict = judge(box())
    first = report_html(box(), verdict, "Box", progress=Progress(seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert report_html(box(), verdict, "Box") == first
    with pytest.raises(Cancelled):
        report_html(box(), verdict, "Box", progress=Progress(is_cancelled=lambda: True))
