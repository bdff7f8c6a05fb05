"""What is said about how a mesh hangs together."""

import numpy as np

from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.core.verdict.measures import Survey
from img2model_desktop.core.verdict.remark import Measures, Remark, Remarks, count
from img2model_desktop.core.verdict.topology_facts import DEBRIS_SHARE
from img2model_desktop.core.workshop.step import step


def _empty(_survey: Survey, _measures: Measures) -> Remark:
    return Remark(
        "No surface",
        "No face of this mesh has any area, so there is nothing to see or to print.",
        "Open another file, or make the mesh again.",
    )


def _holes(survey: Survey, measures: Measures) -> Remark:
    topology = survey.topology
    longest = measures["longest_hole_mm"]
    return Remark(
        count(measures["holes"], "hole"),
        f"The surface is open, the largest rim is {longest:,.1f} mm long, so inside and outside cannot be told apart.",
        "Close holes fills them with new faces.",
        Place(edges=survey.surface.ends(topology.rim_edges)),
        (step("close_holes"),),
    )


def _crowded(survey: Survey, measures: Measures) -> Remark:
    surface = survey.surface
    doubled = np.zeros(len(surface.faces), dtype=bool)
    doubled[survey.topology.doubled] = True
    again = np.bincount(surface.edges.edge, weights=doubled[surface.edges.order // 3])
    crowded = survey.topology.crowded_edges
    only_doubled = bool((surface.edges.uses[crowded] - again[crowded] <= 2).all())
    return Remark(
        count(measures["nonmanifold_edges"], "crowded edge"),
        "More than two faces meet in an edge, so that it is not clear on which side the material is.",
        "Drop bad faces removes the doubles." if only_doubled else "Make solid builds one clean skin around it.",
        Place(edges=surface.ends(crowded)),
        (step("drop_bad") if only_doubled else step("solid"),),
    )


def _pinched(survey: Survey, measures: Measures) -> Remark:
    return Remark(
        count(measures["nonmanifold_vertices"], "pinched point"),
        "Parts of the surface touch in a single point, which no printer can make hold.",
        "Make solid melts them together or parts them.",
        Place(points=survey.mesh.vertices[survey.topology.pinched]),
        (step("solid"),),
    )


def _one_sided(survey: Survey, measures: Measures) -> Remark:
    return Remark(
        count(measures["one_sided_parts"], "one-sided part"),
        "The surface runs over into its own back, as a Moebius strip does, so it has no inside.",
        "Make solid gives it a thickness.",
        Place(faces=survey.surface.named(np.isin(survey.surface.part, survey.topology.one_sided))),
        (step("solid"),),
    )


def _turned(survey: Survey, measures: Measures) -> Remark:
    return Remark(
        count(measures["turned_faces"], "turned face"),
        "These faces look the other way than their neighbours, so they seem missing or count as holes.",
        "Face outwards turns them.",
        Place(faces=survey.surface.named(survey.topology.turned)),
        (step("turn_out"),),
    )


def _inside_out(survey: Survey, measures: Measures) -> Remark:
    shells = survey.shells
    parts = np.zeros(0, dtype=np.int64) if shells is None else shells.inside_out
    return Remark(
        count(measures["inside_out_parts"], "part inside out", "parts inside out"),
        "The faces look inwards: the outside is not drawn, and the material lies on the wrong side.",
        "Face outwards turns them.",
        Place(faces=survey.surface.named(np.isin(survey.surface.part, parts))),
        (step("turn_out"),),
    )


def _doubled(survey: Survey, measures: Measures) -> Remark:
    return Remark(
        count(measures["doubled_faces"], "doubled face"),
        "Faces lie at exactly the same place as others, which flickers on the screen and is no solid.",
        "Drop bad faces keeps one of each.",
        Place(faces=survey.surface.named(survey.topology.doubled)),
        (step("drop_bad"),),
    )


def _flat(survey: Survey, measures: Measures) -> Remark:
    return Remark(
        count(measures["degenerate_faces"], "face without area", "faces without area"),
        "They cannot be seen and have no direction, which confuses shading and slicers.",
        "Drop bad faces removes them.",
        Place(faces=survey.topology.flat),
        (step("drop_bad"),),
    )


def _debris(survey: Survey, measures: Measures) -> Remark:
    surface, debris, area = survey.surface, survey.debris, survey.surface.part_area()
    share = measures["debris_area_share"]
    kept, largest = area[~debris].min(), area[debris].max()
    below = float(np.sqrt(kept * largest) / area.sum()) if kept > largest else DEBRIS_SHARE
    return Remark(
        count(measures["debris_parts"], "loose crumb"),
        f"Small parts hang on nothing; together they have {_percent(share)} of the surface.",
        "Drop debris removes them.",
        Place(faces=surface.named(debris[surface.part])),
        (step("drop_debris", share=below),),
    )


def _crossings(survey: Survey, measures: Measures) -> Remark:
    crossings, shells = survey.crossings, survey.shells
    pairs = measures["crossing_pairs"] + measures["wedged_pairs"]
    if crossings is None or shells is None:
        return Remark(count(pairs, "crossing"), "", "")
    between_solids = crossings.within_parts == 0 and bool(survey.topology.closed[crossings.parts].all())
    number = count(pairs, "crossing") if crossings.complete else f"Over {pairs:,} crossings"
    return Remark(
        number,
        "Closed parts run through each other, which leaves walls inside the material."
        if between_solids
        else "The surface runs through itself, so that inside and outside change places there.",
        "Unite parts merges them into one skin." if between_solids else "Make solid builds one clean skin around it.",
        Place(faces=survey.surface.named(crossings.crossing_faces)),
        (step("unite") if between_solids else step("solid"),),
    )


def _overlaps(survey: Survey, measures: Measures) -> Remark:
    crossings = survey.crossings
    place = Place() if crossings is None else Place(faces=survey.surface.named(crossings.overlapping_faces))
    return Remark(
        count(measures["overlapping_pairs"], "overlap"),
        "Faces of one plane lie on each other, which flickers on the screen and prints as a double wall.",
        "Make solid keeps only the outer skin.",
        place,
        (step("solid"),),
    )


def _inner(survey: Survey, measures: Measures) -> Remark:
    shells = survey.shells
    parts = np.zeros(0, dtype=np.int64) if shells is None else shells.inner
    sound = measures["watertight"] and measures["manifold"]
    return Remark(
        count(measures["inner_shells"], "shell inside", "shells inside"),
        "Closed parts lie unseen inside the material of others; a slicer may print their walls or hollow them out.",
        "Unite parts removes what is inside." if sound else "Make solid keeps only the outer skin.",
        Place(faces=survey.surface.named(np.isin(survey.surface.part, parts))),
        (step("unite") if sound else step("solid"),),
    )


def _cavities(survey: Survey, measures: Measures) -> Remark:
    shells = survey.shells
    parts = np.zeros(0, dtype=np.int64) if shells is None else shells.cavities
    return Remark(
        count(measures["cavities"], "closed cavity", "closed cavities"),
        "The body is hollow without an opening: resin or powder stays in it for ever.",
        "Nothing to do for filament; for resin or powder, hollow a solid body with a drain hole instead.",
        Place(faces=survey.surface.named(np.isin(survey.surface.part, parts))),
    )


BODY: Remarks = {
    "empty": _empty,
    "holes": _holes,
    "crowded_edges": _crowded,
    "one_sided": _one_sided,
    "turned": _turned,
    "inside_out": _inside_out,
    "crossings": _crossings,
    "inner_shells": _inner,
    "doubled": _doubled,
    "overlaps": _overlaps,
    "flat_faces": _flat,
    "pinched": _pinched,
    "debris": _debris,
    "cavities": _cavities,
}
"""By the key of the limits."""


def _percent(share: float) -> str:
    """A share in words that never say that something is nothing."""
    return "less than 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"
