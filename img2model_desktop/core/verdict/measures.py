"""The figures of a verdict: plain values by names with their units, and what each name means."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.verdict.findings import Conditions
from img2model_desktop.core.verdict.surface import Surface
from img2model_desktop.core.verdict.topology_facts import TopologyFacts


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Everything that was looked up on a mesh."""

    mesh: Mesh
    conditions: Conditions
    surface: Surface
    topology: TopologyFacts


MEANINGS: dict[str, str] = {
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
    "longest_hole_mm": "rim of the largest hole",
    "nonmanifold_edges": "edges with more than two faces",
    "nonmanifold_vertices": "places where sheets only touch",
    "turned_faces": "faces to turn round so that each part is consistent",
    "one_sided_parts": "parts that no turning makes consistent",
    "inside_out_parts": "closed parts that face inwards",
    "degenerate_faces": "without area",
    "needle_faces": "a hundred times longer than high",
    "doubled_faces": "at the same three places as an earlier face",
    "debris_parts": "parts with less than a hundredth of the area",
    "debris_area_share": "of all of them, 0..1",
    "size_mm": "width, height, depth at the judged size",
    "longest_mm": "longest of them",
    "area_cm2": "of all faces",
}
"""Every name that `measures_of` gives, with its meaning."""


def measures_of(survey: Survey) -> dict[str, Any]:
    """Plain values for JSON by the names of MEANINGS, in that order."""
    surface, topology = survey.surface, survey.topology
    part_area, debris = surface.part_area(), topology.debris
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
        "longest_hole_mm": float(topology.rim_mm.max(initial=0.0)),
        "nonmanifold_edges": len(topology.crowded_edges),
        "nonmanifold_vertices": len(topology.pinched),
        "turned_faces": len(topology.turned),
        "one_sided_parts": topology.one_sided,
        "inside_out_parts": len(topology.inside_out),
        "degenerate_faces": len(topology.flat),
        "needle_faces": len(topology.needles),
        "doubled_faces": len(topology.doubled),
        "debris_parts": int(debris.sum()),
        "debris_area_share": float(part_area[debris].sum()) / whole if whole else 0.0,
        "size_mm": surface.size_mm.tolist(),
        "longest_mm": float(surface.size_mm.max()),
        "area_cm2": whole / 100.0,
    }
