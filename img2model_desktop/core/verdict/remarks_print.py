"""What is said about a mesh as a thing that is printed."""

import numpy as np

from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.core.verdict.measures import Survey
from img2model_desktop.core.verdict.remark import Measures, Remark, Remarks, millimetres
from img2model_desktop.core.workshop.step import step

MOST_LARGER = 3.0  # times: beyond, a larger print is no advice
ROOM = 0.98  # of the bed that an object made to fit takes


def _thin(survey: Survey, measures: Measures) -> Remark:
    walls, asked = survey.walls, survey.conditions.wall_mm
    thin, longest = measures["wall_p01_mm"], measures["longest_mm"]
    share = measures["thin_wall_area_share"]
    advice = "Thicken it, or print it larger."
    if thin is not None and asked / MOST_LARGER <= thin < asked:
        advice = (
            f"At {millimetres(longest * asked / thin)} length nearly all of it would be thick enough; or thicken it."
        )
    return Remark(
        f"Walls under {millimetres(asked)}",
        f"{share:.1%} of the surface is thinner than the printer makes, so it breaks off or is left out.",
        advice,
        Place() if walls is None else Place(faces=survey.surface.named(walls.thin_faces)),
    )


def _falls(survey: Survey, _measures: Measures) -> Remark:
    return Remark(
        "Falls over",
        "Its weight lies beyond what touches the ground, so it neither prints nor stands without help.",
        "Turn it to a better side, or give it a plinth.",
        _middle(survey),
        (step("base", kind="round plinth", height_mm=3.0),),
    )


def _tips(survey: Survey, measures: Measures) -> Remark:
    return Remark(
        "Tips over easily",
        f"A tilt of {measures['tilt_margin_deg']:.1f} degrees is enough to make it fall.",
        "A flat cut or a plinth gives it a better stand.",
        _middle(survey),
        (step("base", kind="cut"),),
    )


def _contact(_survey: Survey, measures: Measures) -> Remark:
    return Remark(
        "Little flat contact",
        f"Only {measures['contact_mm2']:,.1f} mm² lie flat on the bed, so the first layer hardly sticks.",
        "Cut the bottom flat, or print it with a brim.",
        fix=(step("base", kind="cut"),),
    )


def _overhang(survey: Survey, measures: Measures) -> Remark:
    standing = survey.standing
    return Remark(
        f"{measures['overhang_share']:.0%} overhang",
        f"{measures['overhang_mm2'] / 100:,.1f} cm² hang steeper than {survey.conditions.overhang_deg:.0f} degrees.",
        "Switch supports on in the slicer, or turn the object.",
        Place() if standing is None else Place(faces=survey.surface.named(standing.overhang_faces)),
    )


def _bed(survey: Survey, measures: Measures) -> Remark:
    width, depth, height = survey.conditions.bed_mm
    fitting = measures["longest_mm"] / measures["bed_use"] * ROOM
    return Remark(
        "Larger than the bed",
        f"It does not fit on the bed of {width:,.0f} × {depth:,.0f} × {height:,.0f} mm.",
        f"Print it at {millimetres(fitting)} length, or cut it in pieces.",
        fix=(step("scale", size_mm=float(np.floor(fitting * 10) / 10 if fitting > 1 else fitting)),),
    )


def _tiny(_survey: Survey, measures: Measures) -> Remark:
    return Remark(
        f"Only {millimetres(measures['longest_mm'])} long",
        "So small an object is rarely meant; often the unit was lost on the way.",
        "Set the size that you want.",
    )


def _huge(_survey: Survey, measures: Measures) -> Remark:
    return Remark(
        f"{measures['longest_mm'] / 1000:,.1f} m long",
        "Augmented reality shows things at their real size: this one fills a hall.",
        "Set the size that you want.",
    )


def _middle(survey: Survey) -> Place:
    shells = survey.shells
    if shells is None:
        return Place()
    return Place(points=(shells.middle_mm / survey.surface.mm_per_m).astype(np.float32)[None])


PRINTING: Remarks = {
    "thin_walls": _thin,
    "bed": _bed,
    "falls": _falls,
    "tips": _tips,
    "contact": _contact,
    "overhang": _overhang,
    "tiny": _tiny,
    "huge": _huge,
}
"""By the key of the limits."""
