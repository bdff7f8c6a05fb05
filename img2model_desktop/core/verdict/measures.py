"""The figures of a verdict: plain values by names with their units, and what each name means."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.verdict.crossings import CrossingFacts
from img2model_desktop.core.verdict.findings import Conditions
from img2model_desktop.core.verdict.shells import ShellFacts
from img2model_desktop.core.verdict.standing import StandingFacts
from img2model_desktop.core.verdict.surface import Flags, Surface, Values
from img2model_desktop.core.verdict.topology_facts import TopologyFacts
from img2model_desktop.core.verdict.uv_facts import UvFacts
from img2model_desktop.core.verdict.walls import WallFacts

MB = 1_000_000
BYTES_IN_MEMORY = 4 * 4 / 3  # of each pixel: red, green, blue, opacity, and all its mipmaps


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Everything that was looked up on a mesh; the last five are None where there is no area (`uv`: no uv)."""

    mesh: Mesh
    conditions: Conditions
    surface: Surface
    topology: TopologyFacts
    debris: Flags
    crossings: CrossingFacts | None = None
    shells: ShellFacts | None = None
    walls: WallFacts | None = None
    standing: StandingFacts | None = None
    uv: UvFacts | None = None


MEANINGS: dict[str, str] = {
    # -- how it hangs together
    "vertices": "as stored, repeated at texture seams",
    "positions": "distinct places that faces use",
    "triangles": "as stored",
    "parts": "pieces that hang together over edges",
    "watertight": "every edge has two faces, which run along it in opposite directions",
    "manifold": "no edge has more than two faces, no vertex more than one fan; open rims are allowed",
    "euler": "positions - edges + faces",
    "genus": "handles of all parts together; null unless watertight and manifold",
    "holes": "rims of open edges",
    "open_edges": "edges with one face",
    "open_mm": "length of all rims",
    "longest_hole_mm": "rim of the largest hole",
    "nonmanifold_edges": "edges with more than two faces",
    "nonmanifold_vertices": "places where sheets only touch",
    "turned_faces": "faces to turn round so that each part is consistent",
    "one_sided_parts": "parts that no turning makes consistent",
    "inside_out_parts": "closed parts that face inwards and lie in no other",
    "inner_shells": "closed parts inside the material of others",
    "cavities": "closed parts that face into a hollow",
    "degenerate_faces": "without area",
    "needle_faces": "a hundred times longer than high",
    "needle_face_share": "of all faces, 0..1",
    "doubled_faces": "at the same three places as an earlier face",
    "debris_parts": "the smallest parts that hang on nothing, together no more than a hundredth of the area",
    "debris_area_share": "of all of them, 0..1",
    "crossing_pairs": "pairs of faces without a common corner that run through each other",
    "wedged_pairs": "pairs of faces with one common corner that run through each other",
    "overlapping_pairs": "pairs of faces of one plane that share area",
    "crossing_face_share": "faces in crossing or wedged pairs, of all, 0..1",
    "crossings_complete": "false where counting was broken off: at least so many pairs",
    # -- how large it is, at the judged size
    "size_mm": "width, height, depth",
    "longest_mm": "longest of them",
    "low_mm": "lowest corner of its box",
    "centre_of_mass_mm": "of the solid; of the skin where there is none",
    "area_cm2": "of all faces",
    "volume_cm3": "enclosed, negative inside out; null unless watertight",
    "edge_p05_mm": "a twentieth of the edges are at most so long",
    "edge_p50_mm": "half of them",
    "edge_p95_mm": "all but a twentieth",
    "face_p05_mm2": "a twentieth of the faces are at most so large",
    "face_p50_mm2": "half of them",
    "face_p95_mm2": "all but a twentieth",
    "aspect_p50": "half of the faces are at most so slim: longest edge over height, times 0.866; 1 is equilateral",
    "aspect_p95": "all but a twentieth",
    # -- as a thing to print
    "wall_min_mm": "a thousandth of the area has walls at most so thick, so no mere tip; null where less has any",
    "wall_p01_mm": "a hundredth of the area has walls at most so thick; null where less has any",
    "thin_wall_area_share": "area with walls thinner than asked, 0..1",
    "gap_p01_mm": "a hundredth of the area looks into gaps at most so wide; null where less does",
    "smallest_feature_mm": "the smaller of wall_p01_mm and the length of the smallest part",
    "overhang_mm2": "area steeper than asked, without what lies on the ground",
    "overhang_share": "of the whole area, 0..1",
    "contact_mm2": "area that lies flat on the ground",
    "footprint_mm2": "convex outline of what touches the ground",
    "tilt_margin_deg": "tilt that makes it fall; negative where it falls by itself",
    "tips_deg": "the same where it stands; else null",
    "stands": "its centre of mass is over its footprint",
    "material_cm3": "what the closed parts bound; null where too much is open",
    "weight_g": "of that, filled",
    "bed_use": "largest share of the bed that a side takes",
    "fits_bed": "whether it does, turned by a quarter if need be",
    # -- as a thing to look at
    "without_texture": "1 where there is no base colour picture, else 0",
    "texture_px": "width and height of it",
    "texture_longest_px": "longest side of all pictures",
    "texture_odd": "1 where a side is no power of two, else 0",
    "texture_memory_mb": "of all pictures in graphics memory, uncompressed, with mipmaps",
    "geometry_mb": "of vertices and indices in graphics memory and in a GLB file",
    "uv_coverage": "share of the unit square that is used, 0..1",
    "uv_overlap_share": "share of the faces' area that lies where another face already is, 0..1",
    "uv_islands": "pieces of the layout",
    "uv_outside_faces": "faces that reach out of the unit square",
    "uv_flipped_faces": "faces whose picture is mirrored",
    "uv_flat_faces": "faces without area in uv",
    "uv_flat_face_share": "of all faces, 0..1",
    "uv_stretch": "L2 stretch (Sander et al. 2001), 1 is to scale",
    "uv_area_stretch_p95": "all but a twentieth of the area is at most so much too large or small",
    "uv_angle_stretch_p95": "likewise drawn out",
    "texels_per_mm": "median over the surface; null without a picture",
    "texel_density_spread": "95 % quantile over 5 % quantile",
    "uv_padding_px": "between the closest islands; null where not known",
}
"""Every name that `measures_of` gives, with its meaning."""


def measures_of(survey: Survey) -> dict[str, Any]:
    """Plain values for JSON by the names of MEANINGS, in that order; null where something could not be measured."""
    found = _body(survey) | _crossings(survey) | _sizes(survey) | _print(survey) | _look(survey) | _uv(survey)
    return {name: found.get(name) for name in MEANINGS}


def _body(survey: Survey) -> dict[str, Any]:
    surface, topology, shells = survey.surface, survey.topology, survey.shells
    part_area, debris = surface.part_area(), survey.debris
    whole = float(part_area.sum())
    return {
        "vertices": len(survey.mesh.vertices),
        "positions": int(np.unique(surface.faces).size),
        "triangles": len(survey.mesh.faces),
        "parts": surface.parts,
        "watertight": topology.watertight,
        "manifold": topology.manifold,
        "euler": topology.euler,
        "genus": topology.genus,
        "holes": len(topology.rim_mm),
        "open_edges": len(topology.rim_edges),
        "open_mm": float(topology.rim_mm.sum()),
        "longest_hole_mm": float(topology.rim_mm.max(initial=0.0)),
        "nonmanifold_edges": len(topology.crowded_edges),
        "nonmanifold_vertices": len(topology.pinched),
        "turned_faces": len(topology.turned),
        "one_sided_parts": len(topology.one_sided),
        "inside_out_parts": len(shells.inside_out) if shells else 0,
        "inner_shells": len(shells.inner) if shells else 0,
        "cavities": len(shells.cavities) if shells else 0,
        "degenerate_faces": len(topology.flat),
        "needle_faces": len(topology.needles),
        "needle_face_share": len(topology.needles) / len(survey.mesh.faces),
        "doubled_faces": len(topology.doubled),
        "debris_parts": int(debris.sum()),
        "debris_area_share": float(part_area[debris].sum()) / whole if whole else 0.0,
    }


def _crossings(survey: Survey) -> dict[str, Any]:
    crossings = survey.crossings
    if crossings is None:
        return {}
    return {
        "crossing_pairs": crossings.crossing,
        "wedged_pairs": crossings.wedged,
        "overlapping_pairs": crossings.overlapping,
        "crossing_face_share": float(crossings.crossing_faces.mean()),
        "crossings_complete": crossings.complete,
    }


def _sizes(survey: Survey) -> dict[str, Any]:
    surface, shells = survey.surface, survey.shells
    found: dict[str, Any] = {
        "size_mm": surface.size_mm.tolist(),
        "longest_mm": float(surface.size_mm.max()),
        "low_mm": surface.low_mm.tolist(),
        "area_cm2": float(surface.area.sum()) / 100.0,
    }
    if shells is not None:
        found["centre_of_mass_mm"] = shells.middle_mm.tolist()
        found["volume_cm3"] = float(shells.volume.sum()) / 1000.0 if survey.topology.watertight else None
        found |= _spread(surface)
    return found


def _spread(surface: Surface) -> dict[str, Any]:
    """How even the triangles are."""
    first = np.ones(len(surface.edges.order), dtype=bool)
    first[1:] = surface.edges.edge[1:] != surface.edges.edge[:-1]
    sides = surface.sides()
    longest = np.maximum(np.maximum(sides[:, 0], sides[:, 1]), sides[:, 2])
    real = surface.area > 0
    aspect = longest[real] ** 2 / surface.area[real] * (np.sqrt(3.0) / 4.0)
    return (
        _quantiles("edge", "_mm", sides.ravel()[surface.edges.order[first]])
        | _quantiles("face", "_mm2", surface.area)
        | _quantiles("aspect", "", aspect)
    )


def _quantiles(name: str, unit: str, values: Values) -> dict[str, Any]:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95]).tolist()
    return {f"{name}_p05{unit}": low, f"{name}_p50{unit}": middle, f"{name}_p95{unit}": high}


def _print(survey: Survey) -> dict[str, Any]:
    walls, standing, shells = survey.walls, survey.standing, survey.shells
    if walls is None or standing is None or shells is None:
        return {}
    material = None if shells.material_mm3 is None else shells.material_mm3 / 1000.0
    low, high = survey.surface.part_boxes()
    smallest_part = float((high - low).max(axis=1).min())
    return {
        "wall_min_mm": walls.thinnest_mm,
        "wall_p01_mm": walls.thin_mm,
        "thin_wall_area_share": walls.thin_share,
        "gap_p01_mm": walls.gap_mm,
        "smallest_feature_mm": smallest_part if walls.thin_mm is None else min(walls.thin_mm, smallest_part),
        "overhang_mm2": standing.overhang_mm2,
        "overhang_share": standing.overhang_mm2 / float(survey.surface.area.sum()),
        "contact_mm2": standing.contact_mm2,
        "footprint_mm2": standing.footprint_mm2,
        "tilt_margin_deg": standing.tilt_deg,
        "tips_deg": standing.tilt_deg if standing.tilt_deg >= 0 else None,
        "stands": standing.tilt_deg > 0,
        "material_cm3": material,
        "weight_g": None if material is None else material * survey.conditions.density_g_cm3,
        "bed_use": standing.bed_use,
        "fits_bed": standing.bed_use <= 1.0,
    }


def _look(survey: Survey) -> dict[str, Any]:
    mesh = survey.mesh
    picture = mesh.base_colour
    pictures = [p for p in (picture, mesh.metallic_roughness, mesh.normal) if p is not None]
    pixels = sum(p.width * p.height for p in pictures)
    index = 2 if len(mesh.vertices) < 65_536 else 4
    geometry = len(mesh.vertices) * (24 if mesh.uv is None else 32) + mesh.faces.size * index
    found: dict[str, Any] = {
        "without_texture": int(picture is None),
        "texture_memory_mb": pixels * BYTES_IN_MEMORY / MB,
        "geometry_mb": geometry / MB,
    }
    if picture is not None:
        sides = [picture.width, picture.height]
        found |= {
            "texture_px": sides,
            "texture_longest_px": max(max(p.width, p.height) for p in pictures),
            "texture_odd": int(any(side & (side - 1) for side in sides)),
        }
    return found


def _uv(survey: Survey) -> dict[str, Any]:
    uv = survey.uv
    if uv is None:
        return {}
    return {
        "uv_coverage": uv.coverage,
        "uv_overlap_share": uv.overlap,
        "uv_islands": uv.islands,
        "uv_outside_faces": len(uv.outside),
        "uv_flipped_faces": len(uv.flipped),
        "uv_flat_faces": len(uv.degenerate),
        "uv_flat_face_share": len(uv.degenerate) / len(survey.mesh.faces),
        "uv_stretch": uv.stretch,
        "uv_area_stretch_p95": uv.area_stretch[1],
        "uv_angle_stretch_p95": uv.angle_stretch[1],
        "texels_per_mm": None if uv.texels_per_mm is None else uv.texels_per_mm * 1000.0 / survey.surface.mm_per_m,
        "texel_density_spread": uv.density_spread,
        "uv_padding_px": uv.padding_px,
    }
