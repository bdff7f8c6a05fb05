"""A page about a mesh that can be printed: pictures, verdict, findings, measures, recipe."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop import __version__
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import encode_png
from img2model_desktop.core.preview import PreviewBuffers, prepare
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.findings import Finding, Level, Purpose, Severity, Verdict
from img2model_desktop.core.workshop import catalog
from img2model_desktop.errors import InputProblem
from img2model_desktop.render.camera import Camera, box_corners
from img2model_desktop.render.look import Shading
from img2model_desktop.render.offscreen import Renderer, render_mesh, render_place

STYLE = Path(__file__).with_name("report.css")
HERO_PX, VIEW_PX, FINDING_PX = 640, 320, 160
FAR_FOV_DEG = 2.0  # from so far away that lengths in front and behind look alike
MOST_FINDINGS = 6  # that fit on the sheet in full
MOST_RECIPE_LETTERS = 160  # of one entry
MOST_ENTRIES = 30

PURPOSES = {Purpose.PRINT: "3D print", Purpose.GAME: "Game", Purpose.WEB: "AR and web", Purpose.RENDER: "Render"}
LEVELS = {
    Level.FIT: ("fit", "✓ Fit"),
    Level.FIXABLE: ("fixable", "! Fit after fixes"),
    Level.UNFIT: ("unfit", "✕ Not fit"),
}
SEVERITIES = {Severity.NOTE: "Note", Severity.FIX: "To fix", Severity.STOP: "Stops it"}
COUNTED = {Severity.NOTE: "{} note{}", Severity.FIX: "{} to fix", Severity.STOP: "{} in the way"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table of measures.

    Args:
        title: for people.
        measure: its name in the verdict.
        unit: behind the number; "%" takes a share of one, "?" a truth.
        digits: behind the point.
    """

    title: str
    measure: str
    unit: str = ""
    digits: int = 0


TABLES: dict[str, tuple[Row, ...]] = {
    "Shape": (
        Row("Triangles", "triangles"),
        Row("Parts", "parts"),
        Row("Watertight", "watertight", "?"),
        Row("Manifold", "manifold", "?"),
        Row("Genus", "genus"),
        Row("Holes", "holes"),
        Row("Crossing pairs", "crossing_pairs"),
        Row("Inner shells", "inner_shells"),
    ),
    "Material": (
        Row("Volume", "volume_cm3", "cm³", 2),
        Row("Surface", "area_cm2", "cm²", 1),
        Row("Weight, filled", "weight_g", "g", 1),
        Row("Longest side", "longest_mm", "mm", 1),
        Row("Median edge", "edge_p50_mm", "mm", 2),
        Row("Slim triangles (95 %)", "aspect_p95", "", 1),
    ),
    "Print": (
        Row("Thinnest wall", "wall_min_mm", "mm", 2),
        Row("Smallest feature", "smallest_feature_mm", "mm", 2),
        Row("Too thin", "thin_wall_area_share", "%", 1),
        Row("Overhang", "overhang_share", "%", 1),
        Row("Flat contact", "contact_mm2", "mm²", 1),
        Row("Stands", "stands", "?"),
        Row("Tips over at", "tips_deg", "°", 1),
        Row("Fits the bed", "fits_bed", "?"),
    ),
    "Texture": (
        Row("Picture", "texture_px", "px"),
        Row("Layout used", "uv_coverage", "%", 1),
        Row("Layout overlaps", "uv_overlap_share", "%", 1),
        Row("Islands", "uv_islands"),
        Row("Stretch (L2)", "uv_stretch", "", 2),
        Row("Texels", "texels_per_mm", "per mm", 1),
        Row("Memory", "texture_memory_mb", "MB", 1),
    ),
}


def report_html(
    mesh: Mesh,
    verdict: Verdict,
    title: str,
    recipe: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> str:
    """One HTML page that needs nothing else: pictures are part of it, and it fits a sheet of A4.

    Args:
        mesh: valid, that was judged.
        verdict: on it.
        title: what the user calls it.
        recipe: how it was made, as the file holds it.
        progress: token.

    Raises:
        SetupProblem: OpenGL is not available for the pictures.
        Cancelled: from `progress`.
    """
    progress = progress or Progress()
    buffers = prepare(mesh, progress.part(0.0, 0.3))
    with Renderer() as renderer:
        views = "".join(_views(buffers, verdict, renderer, progress.part(0.3, 0.7)))
        findings = "".join(_findings(buffers, verdict, renderer, progress.part(0.7, 1.0)))
    progress.update(1.0)
    named = _text(title) or "Mesh"
    parts = (
        _header(named, verdict),
        f'<section class="verdicts">{"".join(_verdict(verdict, purpose) for purpose in Purpose)}</section>',
        f'<section class="views">{views}</section>',
        f'<section><h2>Findings</h2><div class="findings">{findings}</div></section>',
        f'<section><h2>Measures</h2><div class="columns">{"".join(_tables(verdict.measures))}</div></section>',
        _recipe(recipe or {}),
        _footer(verdict),
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        # nothing but what is on the page itself may be shown or run, whatever a title or a recipe holds
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        f'<meta name="viewport" content="width=device-width"><title>{named}</title>'
        f"<style>{STYLE.read_text(encoding='utf-8')}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _text(value: object, most: int = 200) -> str:
    """A value as text for HTML: escaped, without control characters, not too long."""
    plain = str(value).encode("utf-8", "replace").decode()  # a file's name may hold bytes that are no text
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in plain).split())
    return escape(plain if len(plain) <= most else f"{plain[: most - 1]}…", quote=True)


def _header(title: str, verdict: Verdict) -> str:
    mm = np.array(verdict.measures["size_mm"], dtype=np.float64)
    in_mm = _lengths(mm, 1 if mm.max() >= 10 else 2)
    others = f"{_lengths(mm / 10, 2)} cm · {_lengths(mm / 25.4, 2)} in"
    return (
        f'<header><div><h1><bdi>{title}</bdi></h1><p class="dim">Mesh report</p></div><div class="sizes">'
        f'<b>{in_mm} mm</b><br><span class="dim">{others}<br>width × height × depth</span></div></header>'
    )


def _lengths(values: NDArray[np.float64], digits: int) -> str:
    return " × ".join(_number(float(value), digits) for value in values)


def _number(value: float, digits: int) -> str:
    """With a blank between thousands, as far as it can be read; tiny values in short."""
    if value and abs(value) < 0.5 * 10.0**-digits:
        return f"{value:.1g}" if abs(value) >= 1e-6 else "0"
    return f"{value:,.{digits}f}".replace(",", " ")


# -- verdict -----------------------------------------------------------------------------------------------------------


def _verdict(verdict: Verdict, purpose: Purpose) -> str:
    style, words = LEVELS[verdict.level(purpose)]
    said = [finding.severity[purpose] for finding in verdict.concerning(purpose)]
    counts = [COUNTED[severity].format(n, "s" * (n > 1)) for severity in Severity if (n := said.count(severity))]
    return (
        f'<div class="verdict {style}">{PURPOSES[purpose]}<span class="level">{words}</span>'
        f'<span class="dim">{", ".join(reversed(counts)) or "nothing found"}</span></div>'
    )


def _findings(buffers: PreviewBuffers, verdict: Verdict, renderer: Renderer, progress: Progress) -> Iterator[str]:
    """A row for each, the worst with a picture of their place."""
    shown = verdict.findings[:MOST_FINDINGS]
    if not shown:
        yield "<p>Nothing is wrong with this mesh.</p>"
    for number, finding in enumerate(shown):
        picture = ""
        if not finding.place.is_empty:
            picture = _img(render_place(buffers, finding.place, FINDING_PX, renderer=renderer), finding.title)
        yield f'<div class="finding">{picture}<div>{_said(finding)}<div>{_tags(finding)}</div></div></div>'
        progress.update((number + 1) / len(shown))
    others = verdict.findings[MOST_FINDINGS:]
    if others:
        yield f'<p class="others dim">And: {_text("; ".join(finding.title for finding in others), 600)}.</p>'


def _said(finding: Finding) -> str:
    fix = ", then ".join(_operation(step.operation) for step in finding.fix)
    said = f"<b>{_text(finding.title)}</b>{_text(finding.reason, 300)} {_text(finding.advice, 300)}"
    return said + (f' <span class="dim">Fix: {fix}.</span>' if fix else "")


def _operation(key: str) -> str:
    try:
        return f"“{_text(catalog.find(key).title)}”"
    except InputProblem:  # of a newer version
        return f"“{_text(key)}”"


def _tags(finding: Finding) -> str:
    """The purposes that mind it, the worst first."""
    tags = []
    for severity in reversed(Severity):
        minding = [PURPOSES[purpose] for purpose in Purpose if finding.severity.get(purpose) is severity]
        if minding:
            tags.append(f'<span class="tag {severity.value}">{SEVERITIES[severity]}: {", ".join(minding)}</span>')
    return "".join(tags)


# -- pictures ----------------------------------------------------------------------------------------------------------


def _views(buffers: PreviewBuffers, verdict: Verdict, renderer: Renderer, progress: Progress) -> Iterator[str]:
    """The product view, three sides with their lengths, and the triangles."""
    width, height, depth = verdict.measures["size_mm"]
    yield _figure("", _img(render_mesh(buffers, HERO_PX, renderer=renderer), "The mesh from its front left"))
    progress.update(0.2)
    for number, (name, azimuth, elevation, across, up) in enumerate(
        (("Front", 0.0, 0.0, width, height), ("Side", 90.0, 0.0, depth, height), ("Top", 0.0, 90.0, width, depth))
    ):
        camera = Camera(azimuth_deg=azimuth, elevation_deg=elevation, fov_deg=FAR_FOV_DEG)
        yield _figure(name, _measured(buffers, renderer, camera, across, up))
        progress.update(0.4 + 0.2 * number)
    wires = render_mesh(buffers, VIEW_PX * 2, shading=Shading.WIREFRAME, renderer=renderer)
    yield _figure("Triangles", _img(wires, "The triangles"))
    progress.update(1.0)


def _figure(caption: str, content: str) -> str:
    named = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f"<figure>{named}{content}</figure>"


def _img(picture: Picture, alt: str) -> str:
    return f'<img src="{_uri(picture)}" alt="{_text(alt)}">'


def _uri(picture: Picture) -> str:
    return "data:image/png;base64," + base64.b64encode(encode_png(picture)).decode()


def _measured(buffers: PreviewBuffers, renderer: Renderer, camera: Camera, across_mm: float, up_mm: float) -> str:
    """A view with the length of its two sides."""
    px, room = VIEW_PX, 30
    picture = render_mesh(buffers, px, renderer=renderer, camera=camera)
    seen = camera.framing(buffers.outline, px, px)
    left, right, top, bottom = _frame(seen, buffers, px)
    below, beside = min(bottom + 9, px + 4), min(right + 9, px + 4)
    middle, level = (left + right) / 2, (top + bottom) / 2
    return (
        f'<svg viewBox="0 0 {px + room} {px + room}" role="img">'
        f'<image href="{_uri(picture)}" width="{px}" height="{px}"/>'
        + _line(left, below, right, below)
        + _line(left, below - 4, left, below + 4)
        + _line(right, below - 4, right, below + 4)
        + _line(beside, top, beside, bottom)
        + _line(beside - 4, top, beside + 4, top)
        + _line(beside - 4, bottom, beside + 4, bottom)
        + f'<text x="{middle:.1f}" y="{below + 21:.1f}" text-anchor="middle">{_number(across_mm, 1)} mm</text>'
        + f'<text transform="translate({beside + 21:.1f} {level:.1f}) rotate(-90)" text-anchor="middle">'
        f"{_number(up_mm, 1)} mm</text></svg>"
    )


def _frame(camera: Camera, buffers: PreviewBuffers, px: int) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of the mesh's box in the picture, pixels."""
    projection = camera.projection_matrix(px, px, *camera.depth_range(buffers.low, buffers.high))
    corners = box_corners(buffers.low, buffers.high)
    clip = np.column_stack([corners, np.ones(8)]) @ (projection @ camera.view_matrix()).T
    x, y = (clip[:, :2] / clip[:, 3:]).T
    x, y = (x + 1) / 2 * px, (1 - y) / 2 * px
    return float(x.min()), float(x.max()), float(y.min()), float(y.max())


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


# -- figures and origin ------------------------------------------------------------------------------------------------


def _tables(measures: Mapping[str, Any]) -> Iterator[str]:
    for caption, lines in TABLES.items():
        cells = "".join(
            f"<tr><th>{row.title}</th><td>{_cell(row, measures.get(row.measure))}</td></tr>" for row in lines
        )
        yield f"<table><caption>{caption}</caption>{cells}</table>"


def _cell(row: Row, value: Any) -> str:
    if value is None:
        return "–"
    if row.unit == "?":
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        shown = " × ".join(_number(float(one), row.digits) for one in value)
    else:
        shown = _number(float(value) * (100 if row.unit == "%" else 1), row.digits)
    return f"{shown} {row.unit}".strip()


def _recipe(recipe: Mapping[str, Any]) -> str:
    """How it was made, entry by entry."""
    if not recipe:
        return ""
    entries = "".join(
        f'<span><span class="dim">{_text(name, 60)}:</span> {_text(value, MOST_RECIPE_LETTERS)}</span>'
        for name, value in _flat(recipe)
    )
    return f'<section><h2>How it was made</h2><p class="recipe">{entries}</p></section>'


def _flat(plain: Mapping[str, Any], depth: int = 0) -> list[tuple[str, str]]:
    """Names and values of all entries that say something, `MOST_ENTRIES` at most."""
    found: list[tuple[str, str]] = []
    for name, value in list(plain.items())[:MOST_ENTRIES]:
        if isinstance(value, Mapping):
            found += _flat(value, depth + 1) if depth < 4 else []
        elif value not in ("", None, []):
            found.append((str(name).replace("_", " "), _step_words(value) if isinstance(value, list) else str(value)))
    return found[:MOST_ENTRIES]


def _step_words(values: list[Any]) -> str:
    """Steps of the workshop by their titles, anything else as it is."""
    words = []
    for value in values:
        key = value.get("operation") if isinstance(value, Mapping) else None
        known = next((operation.title for operation in catalog.OPERATIONS if operation.key == key), None)
        words.append(known or str(value))
    return ", ".join(words)


def _footer(verdict: Verdict) -> str:
    asked = verdict.conditions
    size = f"{_number(float(verdict.measures['longest_mm']), 1)} mm long"
    bed = " × ".join(f"{side:g}" for side in asked.bed_mm)
    return (
        f"<footer>Judged at {size}, walls from {asked.wall_mm:g} mm, overhang up to {asked.overhang_deg:g}°, "
        f"a bed of {bed} mm, {asked.density_g_cm3:g} g/cm³. Image2Model Desktop {_text(__version__)}.</footer>"
    )
