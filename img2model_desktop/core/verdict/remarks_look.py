"""What is said about a mesh as a thing that is drawn on a screen."""

import numpy as np

from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.core.verdict.limits import bound_of
from img2model_desktop.core.verdict.measures import Survey
from img2model_desktop.core.verdict.remark import Measures, Remark, Remarks, count
from img2model_desktop.core.workshop.step import step


def _triangles(_survey: Survey, measures: Measures) -> Remark:
    triangles = measures["triangles"]
    target = bound_of("triangles", measures)
    return Remark(
        count(triangles, "triangle"),
        "So many are slow to load, to draw and to slice, and rarely show on the surface.",
        f"Reduce triangles brings them to {target:,.0f} and bakes the look onto them.",
        fix=(step("decimate", faces=int(target)),),
    )


def _needles(survey: Survey, measures: Measures) -> Remark:
    return Remark(
        count(measures["needle_faces"], "needle face"),
        "They are a hundred times longer than high, so light and texture show streaks on them.",
        "Even triangles replaces them; flat sides do not need it.",
        Place(faces=survey.surface.named(survey.topology.needles)),
    )


def _no_look(_survey: Survey, _measures: Measures) -> Remark:
    return Remark(
        "No texture",
        "The mesh has a shape but no colour, so it is shown in plain grey.",
        "Print does not mind; for the screen, make it again from a picture or paint it.",
    )


def _large_texture(_survey: Survey, measures: Measures) -> Remark:
    width, height = measures["texture_px"]
    target = bound_of("texture", measures)
    return Remark(
        f"Texture of {width:,} × {height:,}",
        f"It takes {measures['texture_memory_mb']:,.0f} MB of graphics memory; phones shrink or refuse it.",
        f"Texture size makes it {target:,.0f} pixels.",
        fix=(step("texture_size", texture_px=int(target)),),
    )


def _odd_texture(_survey: Survey, measures: Measures) -> Remark:
    width, height = measures["texture_px"]
    return Remark(
        f"Texture of {width:,} × {height:,}",
        "Its sides are no powers of two, so engines scale it or go without compression.",
        "Unwrap anew gives it a texture of a usual size.",
        fix=(step("unwrap"),),
    )


def _uv_overlap(survey: Survey, measures: Measures) -> Remark:
    return Remark(
        f"{measures['uv_overlap_share']:.0%} of uv doubled",
        "Different places of the surface share the same pixels, so light or paint on one shows on the other.",
        "Keep it where it is meant (mirrored sides); else Unwrap anew.",
        Place(faces=_faces(survey, "overlapping")),
        (step("unwrap"),),
    )


def _uv_flat(survey: Survey, measures: Measures) -> Remark:
    return Remark(
        f"{count(measures['uv_flat_faces'], 'face')} without uv area",
        "The texture has no pixels for them: they show streaks of a single colour.",
        "Unwrap anew gives each its own place.",
        Place(faces=_faces(survey, "degenerate")),
        (step("unwrap"),),
    )


def _uv_stretch(_survey: Survey, measures: Measures) -> Remark:
    return Remark(
        "Stretched texture",
        f"A twentieth of the surface has its texture drawn out {measures['uv_angle_stretch_p95']:,.1f} times or more.",
        "Unwrap anew spreads it evenly.",
        fix=(step("unwrap"),),
    )


def _faces(survey: Survey, name: str) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.asarray(getattr(survey.uv, name), dtype=np.int32) if survey.uv else np.zeros(0, dtype=np.int32)


LOOK: Remarks = {
    "triangles": _triangles,
    "texture": _large_texture,
    "uv_flat": _uv_flat,
    "uv_overlap": _uv_overlap,
    "uv_stretch": _uv_stretch,
    "odd_texture": _odd_texture,
    "needles": _needles,
    "no_look": _no_look,
}
"""By the key of the limits."""
