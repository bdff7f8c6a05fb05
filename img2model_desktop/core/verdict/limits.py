"""What each purpose asks of a mesh: one table of bounds, how bad it is to miss them, and why.

A row says: the finding `key` concerns `purpose` with `severity` when `measure` is above `most` (or below `least`).
Where several rows of one finding and purpose are missed, the worst counts. The measures are explained in measures.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from img2model_desktop.core.verdict.findings import Purpose, Severity

PRINT, GAME, WEB, RENDER = Purpose.PRINT, Purpose.GAME, Purpose.WEB, Purpose.RENDER
NOTE, FIX, STOP = Severity.NOTE, Severity.FIX, Severity.STOP
SEEN = (GAME, WEB, RENDER)
ALL = tuple(Purpose)


@dataclass(frozen=True, slots=True)
class Limit:
    """One row.

    Args:
        key: of the finding.
        measure: name in the measures.
        bound: the value that still fits.
        purposes: that ask for it.
        severity: of missing it.
        why: source or reason of the bound.
        is_least: the bound is a lower one; else an upper one.
    """

    key: str
    measure: str
    bound: float
    purposes: tuple[Purpose, ...]
    severity: Severity
    why: str
    is_least: bool = False

    def is_missed(self, measures: Mapping[str, Any]) -> bool:
        """Whether the measures break it; a measure that could not be taken breaks nothing."""
        value = measures.get(self.measure)
        if value is None:
            return False
        return bool(value < self.bound if self.is_least else value > self.bound)

    def cells(self) -> list[str]:
        """The row as text: finding, condition, purposes, severity, reason."""
        relation = "at least" if self.is_least else "at most"
        purposes = ", ".join(purpose.value for purpose in self.purposes)
        return [self.key, f"{self.measure} {relation} {self.bound:,.10g}", purposes, self.severity.value, self.why]


# fmt: off
LIMITS: tuple[Limit, ...] = (
    # -- what slicers and engines cannot read --------------------------------------------------------------------------
    Limit("empty", "area_cm2", 1e-30, ALL, STOP, "there is no surface to show or to print", is_least=True),
    Limit("holes", "holes", 0, (PRINT,), FIX, "3MF core, 4.1: each edge of a solid has two faces"),
    Limit("holes", "holes", 0, SEEN, NOTE, "engines draw front faces alone: one sees through a hole"),
    Limit("crowded_edges", "nonmanifold_edges", 0, (PRINT,), FIX, "3MF core, 4.1: each edge of a solid has two faces"),
    Limit("crowded_edges", "nonmanifold_edges", 0, (GAME, WEB), NOTE, "smooth shading and collision shapes go wrong"),
    Limit("pinched", "nonmanifold_vertices", 0, (PRINT,), NOTE, "parts that touch in a point break apart there"),
    Limit("one_sided", "one_sided_parts", 0, (PRINT,), FIX, "a surface without an inside cannot be filled"),
    Limit("one_sided", "one_sided_parts", 0, SEEN, NOTE, "half of it is seen from behind, where engines draw nothing"),
    Limit("turned", "turned_faces", 0, (PRINT, *SEEN), FIX, "3MF core, 4.1: one winding; backs are not drawn"),
    Limit("inside_out", "inside_out_parts", 0, (PRINT, *SEEN), FIX, "3MF core, 4.1: normals look out"),
    Limit("doubled", "doubled_faces", 0, ALL, FIX, "two faces at one place flicker and are no solid"),
    Limit("flat_faces", "degenerate_faces", 0, (GAME,), FIX, "without area there is no normal and no tangent"),
    Limit("flat_faces", "degenerate_faces", 0, (PRINT, WEB, RENDER), NOTE, "no normal; but slicers pass over them"),
    Limit("crossings", "crossing_face_share", 0, (PRINT,), NOTE, "a slicer copes with a few, the print shows a flaw"),
    Limit("crossings", "crossing_face_share", 0.001, (PRINT,), FIX, "walls inside the material, or holes in it"),
    Limit("overlaps", "overlapping_pairs", 0, (PRINT, *SEEN), NOTE, "two faces of one plane flicker"),
    Limit("inner_shells", "inner_shells", 0, (PRINT,), FIX, "slicers disagree: filled, or hollow"),
    Limit("inner_shells", "inner_shells", 0, (GAME, WEB), NOTE, "triangles that nobody sees"),
    Limit("cavities", "cavities", 0, (PRINT,), NOTE, "resin and powder cannot flow out"),
    Limit("debris", "debris_parts", 0, (PRINT,), FIX, "loose crumbs are printed too, or clog the nozzle"),
    Limit("debris", "debris_parts", 0, SEEN, NOTE, "specks float beside the object"),
    # -- what a printer can make, at the judged size -------------------------------------------------------------------
    Limit("thin_walls", "thin_wall_area_share", 0.001, (PRINT,), NOTE, "wall: two lines of a 0.4 mm nozzle, 0.8 mm"),
    Limit("thin_walls", "thin_wall_area_share", 0.05, (PRINT,), FIX, "more than edges and tips: whole walls break"),
    Limit("bed", "bed_use", 1.0, (PRINT,), FIX, "it must fit; default bed 220 x 220 x 250 mm, a usual desktop printer"),
    Limit("falls", "tilt_margin_deg", 0.0, (PRINT,), FIX, "centre of mass over the footprint", is_least=True),
    Limit("tips", "tips_deg", 5.0, (PRINT,), NOTE, "a nudge of the nozzle or the table", is_least=True),
    Limit("contact", "contact_mm2", 20.0, (PRINT,), NOTE, "first layers come off smaller contacts", is_least=True),
    Limit("overhang", "overhang_share", 0.02, (PRINT,), NOTE, "45 degrees: a line still rests half on the one below"),
    Limit("tiny", "longest_mm", 10.0, (PRINT, WEB), NOTE, "smaller than a fingertip: a lost unit?", is_least=True),
    Limit("huge", "longest_mm", 20_000.0, (WEB,), NOTE, "augmented reality shows real size"),
    # -- what a screen can draw ----------------------------------------------------------------------------------------
    Limit("needles", "needle_face_share", 0.05, (GAME, RENDER), NOTE, "light and textures show streaks on slivers"),
    Limit("triangles", "triangles", 60_000, (GAME,), FIX, "a prop seen from near; a game draws some millions in all"),
    Limit("triangles", "triangles", 100_000, (WEB,), FIX, "Apple, content for AR Quick Look (WWDC 2018)"),
    Limit("triangles", "triangles", 1_000_000, (PRINT,), NOTE, "finer than a nozzle; slicers take minutes"),
    Limit("triangles", "triangles", 2_000_000, (RENDER,), NOTE, "a renderer copes, the way there is slow"),
    Limit("texture", "texture_longest_px", 2048, (WEB,), FIX, "Apple AR Quick Look and Google Scene Viewer: 2048 px"),
    Limit("texture", "texture_longest_px", 4096, (GAME,), FIX, "64 MB and more of graphics memory for one prop"),
    Limit("odd_texture", "texture_odd", 0, (GAME, WEB), NOTE, "block compression and mipmaps want powers of two"),
    Limit("no_look", "without_texture", 0, SEEN, NOTE, "a shape without colour"),
    Limit("uv_flat", "uv_flat_face_share", 0.001, SEEN, NOTE, "streaks of a single colour"),
    Limit("uv_overlap", "uv_overlap_share", 0.02, (GAME,), NOTE, "no light maps, no painting of one side alone"),
    Limit("uv_stretch", "uv_angle_stretch_p95", 4.0, SEEN, NOTE, "pixels four times as long as wide"),
)
# fmt: on


def bound_of(key: str, measures: Mapping[str, Any]) -> float:
    """The bound to aim at: the tightest that is missed and asks for a fix, else the tightest that is missed."""
    missed = [limit for limit in LIMITS if limit.key == key and limit.is_missed(measures)]
    strict = [limit for limit in missed if limit.severity is not NOTE] or missed
    return min(limit.bound for limit in strict)


def severities(key: str, measures: Mapping[str, Any]) -> dict[Purpose, Severity]:
    """How bad a finding is for each purpose that minds it; empty where every limit is kept."""
    order = list(Severity)
    worst: dict[Purpose, Severity] = {}
    for limit in LIMITS:
        if limit.key == key and limit.is_missed(measures):
            for purpose in limit.purposes:
                worst[purpose] = max(worst.get(purpose, NOTE), limit.severity, key=order.index)
    return worst
