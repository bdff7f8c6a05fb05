"""Reports of batches: the table is safe in a spreadsheet, the page is whole, and shows pictures of both sides."""

import base64
import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from img2model_desktop.core.mesh_files import read_mesh, write_mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Request
from img2model_desktop.core.verdict.findings import Purpose
from img2model_desktop.core.verdict.judge import judge
from img2model_desktop.core.verdict.words import LEVELS, PURPOSES
from img2model_desktop.errors import Cancelled, SetupProblem
from img2model_desktop.jobs import batch_report
from img2model_desktop.jobs.batch import Batch
from img2model_desktop.jobs.batch_ledger import Entry, Ledger, Outcome
from img2model_desktop.jobs.batch_report import (
    COLUMNS,
    Line,
    csv_text,
    lines_of,
    with_verdicts,
    write_csv,
    write_html,
)
from img2model_desktop.jobs.batch_verdict import SUFFIX, judge_some
from img2model_desktop.render import offscreen
from tests.shapes import box, torus

DONE = Entry("a 10.png", Outcome.DONE, "a 10.glb", engine="inflate", triangles=12, size_mm=(1.0, 2.0, 3.5), seconds=1.5)
FAILED = Entry(
    "a 9.png", Outcome.FAILED, "a 9.glb", error_kind="input", error_message="No subject.", error_advice="Mend it."
)
WAITING = Entry("b/c.png", Outcome.BEGUN, "b/c.glb")


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def lines(target: Path, *entries: Entry, pictures: dict[str, Path] | None = None) -> tuple[Line, ...]:
    return lines_of(entries, pictures or {}, target)


class Page(HTMLParser):
    """What a browser would find: tags that open and close, sources of pictures, text by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[str] = []
        self.rows: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        plain = dict(attrs)
        if tag == "img":
            self.images.append(plain["src"] or "")
        if tag == "a":
            self.links.append(plain["href"] or "")
        if tag == "tr":
            self.rows.append("")
        if tag not in ("img", "meta", "br", "!doctype"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.rows:
            self.rows[-1] += data


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A folder with a red cube as the result of `DONE`."""
    write_mesh(box(0.05, 0.05, 0.05), tmp_path / "a 10.glb", {})
    return tmp_path


def test_a_row_for_each_picture_as_people_count(tmp_path: Path) -> None:
    found = read(csv_text(lines(tmp_path, DONE, WAITING, FAILED)))
    assert [row["file"] for row in found] == ["a 9.png", "a 10.png", "b/c.png"]
    assert [row["state"] for row in found] == ["failed", "done", "waiting"]
    assert found[1] == dict.fromkeys(COLUMNS, "") | {
        "file": "a 10.png",
        "state": "done",
        "result": "a 10.glb",
        "engine": "inflate",
        "seconds": "1.50",
        "triangles": "12",
        "watertight": "no",
        "width_mm": "1.000",
        "height_mm": "2.000",
        "depth_mm": "3.500",
    }
    assert (found[0]["error"], found[0]["advice"], found[0]["result"]) == ("No subject.", "Mend it.", "")


@given(st.text(st.characters(codec="utf-16", exclude_categories=[]), max_size=12))
def test_no_cell_is_a_formula_and_none_breaks_its_row(text: str) -> None:
    entry = Entry(f"{text}", Outcome.FAILED, text, error_message=text, error_advice=text, warnings=(text,), engine=text)
    (row,) = read(csv_text((Line(entry),)).encode("utf-8", "replace").decode())
    assert set(row) == set(COLUMNS)
    for name in ("file", "error", "advice", "warnings", "engine"):
        assert not row[name].lstrip().startswith(("=", "+", "-", "@"))
        assert row[name].isprintable()


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0.png", "+1.png", "-1.png", "@SUM(A1).png", "\t=1.png", " =1.png"])
def test_names_that_look_like_formulas(tmp_path: Path, name: str) -> None:
    out = tmp_path / "t.csv"
    write_csv((Line(Entry(name, Outcome.BEGUN, "")),), out)
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    (row,) = read(out.read_text(encoding="utf-8-sig"))
    assert row["file"].startswith("'")


@pytest.mark.gl
def test_the_page_shows_the_picture_and_the_mesh(target: Path) -> None:
    red = np.full((40, 80, 4), (220, 20, 20, 255), np.uint8)
    write_png(Picture(red), target / "a 10.png")
    found = lines(target, DONE, FAILED, WAITING, pictures={"a 10.png": target / "a 10.png"})
    write_html(found, target / "page.html", "Holiday")
    page = Page((target / "page.html").read_text(encoding="utf-8"))
    assert not page.open
    assert [re.search(r"a \d+\.png|b/c\.png", row)[0] for row in page.rows[1:]] == ["a 9.png", "b/c.png", "a 10.png"]
    assert "No subject." in page.rows[1]
    assert unquote(page.links[0]) == "a 10.glb"
    shown, drawn = (_decoded(uri) for uri in page.images)
    assert shown.size == (80, 40)
    assert np.abs(np.asarray(shown).astype(int) - (220, 20, 20)).max() < 12
    assert drawn.size == (160, 160)
    assert np.asarray(drawn).std() > 10  # a mesh with light and shade, no empty ground


def test_without_opengl_the_cut_out_stands_for_the_mesh(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise SetupProblem("No OpenGL.")

    monkeypatch.setattr(offscreen.Renderer, "__init__", refuse)
    (line,) = lines(target, DONE)
    assert line.look is not None
    line.look.parent.mkdir()
    Image.new("RGB", (8, 8), (10, 200, 30)).save(line.look)
    write_html((line,), target / "page.html", "x")
    (uri,) = Page((target / "page.html").read_text(encoding="utf-8")).images
    assert base64.b64decode(uri.partition(",")[2]) == line.look.read_bytes()


def test_many_lines_keep_their_pictures_beside_the_page(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_report, "MOST_EMBEDDED", 2)
    write_png(Picture(np.full((9, 9, 4), 255, np.uint8)), target / "x.png")
    entries = [Entry(f"{number}.png", Outcome.FAILED, "", error_message="No.") for number in range(3)]
    found = lines(target, *entries, pictures={entry.key: target / "x.png" for entry in entries})
    out = target / "Bericht über #1.html"
    write_html(found, out, "x")
    page = Page(out.read_text(encoding="utf-8"))
    assert len(page.images) == 3
    for uri in page.images:
        with Image.open(target / unquote(uri)) as picture:
            assert picture.size == (9, 9)
    assert (target / "Bericht über #1.thumbs").is_dir()


def test_nothing_in_a_name_or_a_message_becomes_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=y>&amp;"
    entry = Entry(evil, Outcome.FAILED, evil, error_message=evil, error_advice=evil, warnings=(evil,), engine=evil)
    done = Entry(evil + "2", Outcome.DONE, evil, engine=evil, warnings=(evil,))
    write_html(lines(tmp_path, entry, done), tmp_path / "p.html", evil)
    page = Page((tmp_path / "p.html").read_text(encoding="utf-8"))
    assert not page.open
    assert page.images == []
    assert "script" not in page.tags
    assert sum(evil in row for row in page.rows) == 2  # and it can be read as it is


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "page.html").mkdir()
    with pytest.raises(SetupProblem):
        write_html(lines(tmp_path, FAILED), tmp_path / "page.html", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_report_says_what_each_mesh_is_fit_for(target: Path) -> None:
    """In the words and colours of the window; of the file that is there, made once, and anew when the file changed."""
    found = with_verdicts(lines(target, DONE, FAILED, WAITING))
    verdict = judge(read_mesh(target / "a 10.glb"))
    words = {one.key: LEVELS[verdict.level(Purpose(one.key))] for one in PURPOSES}
    failed, done, waiting = read(csv_text(found))
    assert {key: done[key] for key in words} == {key: level.word for key, level in words.items()}
    assert {failed[key] + waiting[key] for key in words} == {""}
    write_html(found, target / "page.html", "x")
    text = (target / "page.html").read_text(encoding="utf-8")
    for one in PURPOSES:
        level = words[one.key]
        assert f'{one.title} <b class="{level.tone}">{level.sign} {level.word}</b>' in text
        assert f"<b>{int(level.word == 'Fit')}</b>fit for {one.use}" in text
    assert text.count('class="fits"') == 1
    assert not Page(text).open
    assert with_verdicts(found, judges=lambda: False) == found  # kept
    write_mesh(torus(), target / "a 10.glb", {})
    assert with_verdicts(found, judges=lambda: False)[1].levels == {}  # of another mesh
    assert read(csv_text(with_verdicts(found)))[1]["print"] == "To fix" != done["print"]


def test_a_damaged_verdict_or_mesh_is_no_reason_to_fail(target: Path) -> None:
    (line,) = with_verdicts(lines(target, DONE))
    assert line.look is not None
    kept = line.look.with_suffix(SUFFIX)
    good = kept.read_bytes()
    for content in (
        b"",
        b"[]",
        b"{",
        good.replace(b'"print"', b'"<b>"'),
        good.replace(b'"levels": {', b'"levels": [{'),
    ):
        kept.write_bytes(content)
        assert with_verdicts((line,), judges=lambda: False)[0].levels.keys() <= line.levels.keys()
    kept.unlink()
    kept.mkdir()  # it cannot be kept
    assert with_verdicts((line,))[0].levels == line.levels
    (target / "a 10.glb").write_bytes(b"no mesh")
    assert with_verdicts((line,))[0].levels == {}
    (target / "a 10.glb").unlink()
    assert with_verdicts((line,))[0].levels == {}


def test_verdicts_are_made_some_at_a_time(target: Path) -> None:
    batch = Batch((target / "in",), target, Request())
    with Ledger(batch) as ledger:
        for number in range(3):
            write_mesh(box(), target / f"{number}.glb", {})
            ledger.end(replace(DONE, key=f"{number}.png", result=f"{number}.glb"))
        ledger.end(WAITING)
    assert [judge_some(target, 0.0, Progress()) for _ in range(3)] == [2, 1, 0]
    with pytest.raises(Cancelled):
        with_verdicts(lines(target, DONE), Progress(is_cancelled=lambda: True))


def _decoded(uri: str) -> Image.Image:
    assert uri.startswith("data:image/jpeg;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
