"""What can be measured on a mesh: counts, closedness, volume, area, genus."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.events import Facts
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.topology import collapsed, count_fans, edges_of, parts_of, same_rows

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class MeshFacts:
    """Measures of a mesh. Vertices at exactly the same place count as one, so that a texture seam is no hole.

    Args:
        vertices: as stored, repeated at texture seams.
        positions: distinct places that faces use.
        faces: as stored.
        parts: pieces that hang together over edges.
        watertight: every edge has exactly two faces, which run along it in opposite directions: the mesh bounds a
            volume.
        manifold: no edge has more than two faces and the faces around each vertex form one fan; open borders are
            allowed.
        oriented: no edge is run along twice in the same direction.
        boundary_edges: edges with one face.
        nonmanifold_edges: edges with more than two faces.
        degenerate_faces: without area.
        volume_m3: enclosed, negative when the mesh is inside out; None unless watertight.
        area_m2: of all faces.
        low_m, high_m: corners of the bounding box.
        euler: positions - edges + faces.
        genus: handles of all parts together (a torus has one); None unless watertight and manifold.
        textured: has uv and a base colour picture.
        texture_px: width and height of that picture, or None.
    """

    vertices: int
    positions: int
    faces: int
    parts: int
    watertight: bool
    manifold: bool
    oriented: bool
    boundary_edges: int
    nonmanifold_edges: int
    degenerate_faces: int
    volume_m3: float | None
    area_m2: float
    low_m: Vector
    high_m: Vector
    euler: int
    genus: int | None
    textured: bool
    texture_px: tuple[int, int] | None

    @property
    def size_m(self) -> Vector:
        """Width (x), height (y), depth (z), metres."""
        width, height, depth = (high - low for low, high in zip(self.low_m, self.high_m, strict=True))
        return width, height, depth

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the size."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)} | {"size_m": self.size_m}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    def brief(self) -> Facts:
        """What a job's last event carries."""
        return Facts(self.vertices, self.faces, self.parts, self.watertight, self.size_m)


def measure(mesh: Mesh) -> MeshFacts:
    """Measures a valid mesh; 200 000 faces take about a third of a second."""
    corners = same_rows(mesh.vertices)[mesh.faces]
    corners = corners[~collapsed(corners)]
    edges = edges_of(corners)
    parts, _ = parts_of(edges) if len(corners) else (0, None)
    positions = int(np.unique(corners).size)
    single = int((edges.uses == 1).sum())
    crowded = int((edges.uses > 2).sum())
    oriented = bool((np.abs(edges.balance) <= 1).all() and not crowded)
    watertight = bool(len(corners)) and bool(((edges.uses == 2) & (edges.balance == 0)).all())
    manifold = bool(len(corners)) and not crowded and count_fans(edges) == positions
    euler = positions - len(edges.uses) + len(corners)
    area, flat, volume = _sizes(mesh)
    low, high = ((float(x), float(y), float(z)) for x, y, z in mesh.bounds)
    texture = mesh.base_colour
    return MeshFacts(
        vertices=len(mesh.vertices),
        positions=positions,
        faces=len(mesh.faces),
        parts=parts,
        watertight=watertight,
        manifold=manifold,
        oriented=oriented,
        boundary_edges=single,
        nonmanifold_edges=crowded,
        degenerate_faces=flat,
        volume_m3=volume if watertight else None,
        area_m2=area,
        low_m=low,
        high_m=high,
        euler=euler,
        genus=parts - euler // 2 if watertight and manifold else None,
        textured=texture is not None,
        texture_px=None if texture is None else (texture.width, texture.height),
    )


def _sizes(mesh: Mesh) -> tuple[float, int, float]:
    """Area in m2, number of faces without area, and signed volume in m3."""
    triangles: NDArray[np.float64] = (mesh.vertices.astype(np.float64) - mesh.bounds[0])[mesh.faces]
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    normal = np.cross(b - a, c - a)
    area = np.linalg.norm(normal, axis=1) / 2
    # the divergence theorem on x, y, z: a sixth of the sum of a . (b x c); a . normal is the same
    return float(area.sum()), int((area == 0).sum()), float(np.einsum("ij,ij->i", a, normal).sum() / 6)
