"""What became of each picture of a batch, as a table for a spreadsheet and as a page to look at."""

import base64
import contextlib
import csv
import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from img2model_desktop import __version__
from img2model_desktop.core import atomic
from img2model_desktop.core.picture_files import Limits, read_picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.words import LEVELS, PURPOSES, UNKNOWN
from img2model_desktop.errors import Img2ModelError, SetupProblem
from img2model_desktop.jobs.batch_ledger import Entry, Outcome, look_of
from img2model_desktop.jobs.batch_scan import THUMBS_SUFFIX, natural
from img2model_desktop.jobs.batch_verdict import levels_of

if TYPE_CHECKING:
    from img2model_desktop.render.offscreen import Renderer

STYLE = Path(__file__).with_name("batch_report.css")
THUMB_PX = 160
MOST_EMBEDDED = 200
"""Pages with more rows than this keep their pictures in a folder beside them."""

COLUMNS = (
    "file", "state", "result", "engine", "seconds", "triangles", "watertight", "width_mm", "height_mm", "depth_mm",
    *(words.key for words in PURPOSES), "error", "advice", "warnings",
)  # fmt: skip

_STATES = {Outcome.DONE: "done", Outcome.FAILED: "failed", Outcome.BEGUN: "waiting"}
_ORDER = (Outcome.FAILED, Outcome.BEGUN, Outcome.DONE)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_FIT = next(iter(LEVELS))
_JPEG_QUALITY = 78


@dataclass(frozen=True, slots=True)
class Line:
    """One picture of a report.

    Args:
        entry: what is known about it.
        picture: where it lies, or None.
        result: the mesh file, or None.
        look: a small picture of the cut-out or of the mesh, or None; shown where the mesh cannot be drawn.
        levels: what the mesh is fit for, level by purpose, both by their values; empty where that is not known.
    """

    entry: Entry
    picture: Path | None = None
    result: Path | None = None
    look: Path | None = None
    levels: Mapping[str, str] = field(default_factory=dict)


def lines_of(entries: Iterable[Entry], pictures: Mapping[str, Path], target: Path) -> tuple[Line, ...]:
    """The lines of a report, as people count.

    Args:
        entries: of the ledger.
        pictures: by key, as far as they are known.
        target: folder of the results.
    """
    return tuple(
        Line(
            entry,
            pictures.get(entry.key),
            target / entry.result if entry.state is Outcome.DONE else None,
            look_of(target, entry.key),
        )
        for entry in sorted(entries, key=lambda entry: natural(entry.key))
    )


def with_verdicts(
    lines: Iterable[Line], progress: Progress | None = None, judges: Callable[[], bool] = lambda: True
) -> tuple[Line, ...]:
    """The lines with what their meshes are fit for.

    Args:
        lines: of `lines_of`.
        progress: token.
        judges: asked before each mesh; verdicts that are not known yet are made only where it says so.

    Raises:
        Cancelled: from `progress`; what was found out is kept.
    """
    lines, progress = tuple(lines), progress or Progress()
    found = []
    for number, line in enumerate(lines):
        part = progress.part(number / len(lines), (number + 1) / len(lines))
        levels = {} if line.result is None or line.look is None else levels_of(line.result, line.look, judges(), part)
        found.append(replace(line, levels=levels))
    return tuple(found)


# -- table -------------------------------------------------------------------------------------------------------------


def csv_text(lines: Sequence[Line]) -> str:
    """One row for each picture, as RFC 4180 has it. What a spreadsheet would take for a formula gets an apostrophe."""
    content = io.StringIO(newline="")
    writer = csv.writer(content)
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow(_cells(line))
    return content.getvalue()


def write_csv(lines: Sequence[Line], out: Path) -> None:
    """Writes the table, whole or not at all, with the mark that tells spreadsheets it is UTF-8. Raises SetupProblem."""
    atomic.write_file(out, csv_text(lines).encode("utf-8-sig", "replace"))


def _cells(line: Line) -> list[str]:
    entry = line.entry
    is_done = entry.state is Outcome.DONE
    sizes = [f"{side:.3f}" for side in entry.size_mm] if is_done and len(entry.size_mm) == 3 else [""] * 3
    return [
        _plain(entry.key),
        _STATES[entry.state],
        _plain(entry.result) if is_done else "",
        _plain(entry.engine),
        "" if entry.state is Outcome.BEGUN else f"{entry.seconds:.2f}",
        str(entry.triangles) if is_done else "",
        ("yes" if entry.watertight else "no") if is_done else "",
        *sizes,
        *(LEVELS[line.levels[words.key]].word if words.key in line.levels else "" for words in PURPOSES),
        _plain(entry.error_message),
        _plain(entry.error_advice),
        _plain(" ".join(entry.warnings)),
    ]


def _plain(text: str) -> str:
    """Text that no spreadsheet runs, in one line."""
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) or text.startswith(_FORMULA_STARTS) else text


# -- page --------------------------------------------------------------------------------------------------------------


def write_html(lines: Sequence[Line], out: Path, title: str, progress: Progress | None = None) -> None:
    """Writes a page with a picture of each source and of each mesh, failures first.

    Up to `MOST_EMBEDDED` lines it needs nothing else; with more its pictures lie in the folder `NAME.thumbs` beside it.

    Args:
        lines: of `lines_of`.
        out: the HTML file.
        title: what the batch is called.
        progress: token.

    Raises:
        SetupProblem: the page cannot be written.
        Cancelled: from `progress`.
    """
    progress = progress or Progress()
    ordered = sorted(lines, key=lambda line: _ORDER.index(line.entry.state))
    keep: _Embedded | _Beside = _Embedded() if len(ordered) <= MOST_EMBEDDED else _Beside(out)
    rows = []
    with _Artist() as artist:
        for number, line in enumerate(ordered):
            rows.append(_row(line, artist, keep, number, out.parent))
            progress.update((number + 1) / len(ordered))
    content = _page(title, lines, rows)
    atomic.write_file(out, content.encode("utf-8", "replace"))


def _page(title: str, lines: Sequence[Line], rows: Sequence[str]) -> str:
    named = _text(title) or "Batch"
    count = {state: sum(line.entry.state is state for line in lines) for state in Outcome}
    done = [line.entry for line in lines if line.entry.state is Outcome.DONE]
    seconds = sum(entry.seconds for entry in done)
    tiles = [
        ("good", f"{count[Outcome.DONE]:,}", "done"),
        ("bad" if count[Outcome.FAILED] else "", f"{count[Outcome.FAILED]:,}", "failed"),
        ("", f"{count[Outcome.BEGUN]:,}", "waiting"),
        ("", f"{sum(entry.watertight for entry in done):,}", "watertight"),
        ("", f"{seconds / len(done):.1f} s" if done else "–", "for one, on average"),
    ]
    totals = "".join(f'<div class="{tone}"><b>{number}</b>{words}</div>' for tone, number, words in tiles)
    known = [line.levels for line in lines if line.levels]
    fit = "".join(
        f"<div><b>{sum(levels.get(words.key) == _FIT for levels in known):,}</b>fit for {words.use}</div>"
        for words in (PURPOSES if known else ())
    )
    when = time.strftime("%d %B %Y, %H:%M")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        # nothing but the page's own pictures may be shown or run, whatever the names of files hold
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data: 'self' file:; "
        "style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{named}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head>\n<body>"
        f'<header><h1><bdi>{named}</bdi></h1><p class="dim">{len(lines):,} pictures · {when}</p></header>'
        f'<section class="totals">{totals}{fit}</section>\n'
        "<table><thead><tr><th>Picture</th><th>Mesh</th><th>File</th><th>Result</th></tr></thead><tbody>\n"
        + "\n".join(rows)
        + f"\n</tbody></table><footer>Image2Model Desktop {_text(__version__)}</footer></body></html>\n"
    )


def _row(line: Line, artist: "_Artist", keep: "_Embedded | _Beside", number: int, folder: Path) -> str:
    entry = line.entry
    pictures = "".join(
        f"<td>{_img(keep(content, f'{number:05d}-{name}.jpg'), alt) if content else _EMPTY}</td>"
        for name, alt, content in (
            ("picture", "The picture", artist.picture(line)),
            ("mesh", "The mesh", artist.mesh(line)),
        )
    )
    return f'<tr class="{_STATES[entry.state]}">{pictures}<td>{_name(line, folder)}</td><td>{_said(line)}</td></tr>'


_EMPTY = '<span class="none">–</span>'


def _img(uri: str, alt: str) -> str:
    return f'<img src="{uri}" alt="{alt}" width="{THUMB_PX // 2}" height="{THUMB_PX // 2}" loading="lazy">'


def _name(line: Line, folder: Path) -> str:
    key = f"<bdi>{_text(line.entry.key, 300)}</bdi>"
    if line.result is None:
        return key
    result = _text(line.entry.result, 300)
    with contextlib.suppress(ValueError):  # on another drive
        link = quote(line.result.relative_to(folder).as_posix(), errors="replace")
        result = f'<a href="{link}">{result}</a>'
    return f'{key}<br><span class="dim">{result}</span>'


def _said(line: Line) -> str:
    entry = line.entry
    if entry.state is Outcome.BEGUN:
        return '<span class="dim">Waiting</span>'
    warned = "".join(f'<br><span class="warn">{_text(sentence, 400)}</span>' for sentence in entry.warnings)
    if entry.state is Outcome.FAILED:
        said = f'<b class="bad">{_text(entry.error_message, 400)}</b>'
        return said + (f"<br>{_text(entry.error_advice, 400)}" if entry.error_advice else "") + warned
    size = " × ".join(f"{side:.0f}" for side in entry.size_mm)
    facts = [
        _text(entry.engine),
        f"{entry.triangles:,} triangles",
        f"{size} mm" if size else "",
        "watertight" if entry.watertight else "not watertight",
        f"{entry.seconds:.1f} s",
    ]
    return " · ".join(fact for fact in facts if fact) + warned + _fits(line)


def _fits(line: Line) -> str:
    """A mark for each purpose, as the window shows it; "" where nothing is known."""
    if not line.levels:
        return ""
    marks = []
    for words in PURPOSES:
        level = LEVELS.get(line.levels.get(words.key, ""), UNKNOWN)
        help_text = escape(level.sentence.format(use=words.use), quote=True)
        shown = f"{level.sign} {level.word}" if level is not UNKNOWN else level.word
        marks.append(f'<span title="{help_text}">{words.title} <b class="{level.tone}">{shown}</b></span>')
    return f'<div class="fits">{"".join(marks)}</div>'


def _text(value: object, most: int = 200) -> str:
    """A value as text for HTML: escaped, without control characters, not too long."""
    plain = str(value).encode("utf-8", "replace").decode()  # a file's name may hold bytes that are no text
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in plain).split())
    return escape(plain if len(plain) <= most else f"{plain[: most - 1]}…", quote=True)


# -- pictures ----------------------------------------------------------------------------------------------------------


class _Embedded:
    """Pictures that are part of the page."""

    def __call__(self, content: bytes, name: str) -> str:  # noqa: ARG002 - see `_Beside`
        return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


class _Beside:
    """Pictures in a folder beside the page."""

    def __init__(self, out: Path) -> None:
        self._folder = out.with_name(out.stem + THUMBS_SUFFIX)
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as problem:
            raise atomic.setup_problem(problem, self._folder) from None

    def __call__(self, content: bytes, name: str) -> str:
        atomic.write_file(self._folder / name, content, flush=False)
        return f"{quote(self._folder.name, errors='replace')}/{name}"


class _Artist:
    """Makes the small pictures; where OpenGL is missing a mesh is shown by its cut-out."""

    def __init__(self) -> None:
        self._renderer: Renderer | None = None
        self._can_draw = True

    def __enter__(self) -> "_Artist":
        return self

    def __exit__(self, *_: object) -> None:
        if self._renderer is not None:
            self._renderer.close()

    def picture(self, line: Line) -> bytes | None:
        """The source as a small JPEG; None where it cannot be read."""
        if line.picture is None:
            return None
        try:
            return _jpeg(read_picture(line.picture, Limits(max_side=THUMB_PX)).pixels)
        except (Img2ModelError, OSError):
            return None

    def mesh(self, line: Line) -> bytes | None:
        """The mesh as a small JPEG; else its cut-out; None where there is neither."""
        if line.result is None:
            return None
        kept = line.look.with_suffix(".mesh.jpg") if line.look else None
        try:
            if kept is not None and kept.stat().st_mtime_ns >= line.result.stat().st_mtime_ns:
                return kept.read_bytes()
        except OSError:
            pass
        drawn = self._drawn(line.result)
        if drawn is not None:
            if kept is not None and kept.parent.is_dir():
                with contextlib.suppress(SetupProblem):
                    atomic.write_file(kept, drawn, flush=False)
            return drawn
        try:
            return line.look.read_bytes() if line.look else None
        except OSError:
            return None

    def _drawn(self, result: Path) -> bytes | None:
        from img2model_desktop.core.mesh_files import read_mesh
        from img2model_desktop.render.offscreen import Renderer, render_mesh

        if not self._can_draw:
            return None
        try:
            self._renderer = self._renderer or Renderer()
        except SetupProblem:
            self._can_draw = False
            return None
        try:
            return _jpeg(render_mesh(read_mesh(result), THUMB_PX, renderer=self._renderer).pixels)
        except (Img2ModelError, OSError):
            return None


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """RGBA pixels as a JPEG, what is transparent in a grey that goes with dark and light pages."""
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((THUMB_PX, THUMB_PX))
    ground = Image.new("RGBA", image.size, (142, 144, 150, 255))
    ground.alpha_composite(image)
    content = io.BytesIO()
    ground.convert("RGB").save(content, "JPEG", quality=_JPEG_QUALITY)
    return content.getvalue()
