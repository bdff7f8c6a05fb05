"""What is said about a mesh: a title, a reason, advice, the place and the fix of each finding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.core.verdict.measures import Survey
from img2model_desktop.core.workshop.step import Step, step

Measures = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Remark:
    """The words of one finding, its place and its fix."""

    title: str
    reason: str
    advice: str
    place: Place = field(default_factory=Place)
    fix: tuple[Step, ...] = ()


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 hole", "12,000 faces"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


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


def _one_sided(_survey: Survey, measures: Measures) -> Remark:
    return Remark(
        count(measures["one_sided_parts"], "one-sided part"),
        "The surface runs over into its own back, as a Moebius strip does, so it has no inside.",
        "Make solid gives it a thickness.",
        fix=(step("solid"),),
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
    return Remark(
        count(measures["inside_out_parts"], "part inside out", "parts inside out"),
        "The faces look inwards: the outside is not drawn, and the material lies on the wrong side.",
        "Face outwards turns them.",
        Place(faces=survey.surface.named(np.isin(survey.surface.part, survey.topology.inside_out))),
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
    surface = survey.surface
    share = measures["debris_area_share"]
    return Remark(
        count(measures["debris_parts"], "loose crumb"),
        f"Small parts hang on nothing; together they have {share:.1%} of the surface.",
        "Drop debris removes them; keep them where they belong to the object.",
        Place(faces=surface.named(survey.topology.debris[surface.part])),
        (step("drop_debris"),),
    )


REMARKS: dict[str, Callable[[Survey, Measures], Remark]] = {
    "empty": _empty,
    "holes": _holes,
    "crowded_edges": _crowded,
    "one_sided": _one_sided,
    "turned": _turned,
    "inside_out": _inside_out,
    "doubled": _doubled,
    "flat_faces": _flat,
    "pinched": _pinched,
    "debris": _debris,
}
"""By the key of the limits; of findings that are equally bad the earlier one is told first."""
