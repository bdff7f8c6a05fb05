"""The surface that a verdict looks at: faces by place, their edges, parts, areas; made once and shared."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Edges, Ids, collapsed, edges_of, parts_of, same_rows
from img2model_desktop.core.triangles import crosses, lengths

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A mesh whose vertices at the same place are one, without the faces that have a corner twice.

    Args:
        mesh: the judged mesh.
        number: `(k,) int64`, number in the mesh of each face here.
        faces: `(k, 3) int64`, corners as places: the first vertex of the mesh that lies there.
        edges: of `faces`.
        parts: how many pieces hang together over edges.
        part: `(k,) int64`, piece of each face.
        triangles: `(k, 3, 3) float64`, corners in millimetres at the judged size.
        cross: `(k, 3) float64`, normals, twice as long as the face is large, mm2.
        area: `(k,) float64`, mm2.
        mm_per_m: millimetres at the judged size for one metre of the mesh.
    """

    mesh: Mesh
    number: Ids
    faces: Ids
    edges: Edges
    parts: int
    part: Ids
    triangles: Values
    cross: Values
    area: Values
    mm_per_m: float

    @property
    def low_mm(self) -> Values:
        """`(3,)`: lowest corner of the box around the mesh."""
        return np.asarray(self.mesh.bounds[0] * self.mm_per_m)

    @property
    def high_mm(self) -> Values:
        """`(3,)`: highest corner."""
        return np.asarray(self.mesh.bounds[1] * self.mm_per_m)

    @property
    def size_mm(self) -> Values:
        """`(3,)`: width, height and depth."""
        return self.high_mm - self.low_mm

    def named(self, chosen: Flags | Ids) -> NDArray[np.int32]:
        """`(j,) int32`: numbers in the mesh of chosen faces."""
        return self.number[chosen].astype(np.int32)

    def ends(self, edge: Ids) -> NDArray[np.float32]:
        """`(j, 2, 3) float32`: ends of edges by their numbers, metres."""
        first = np.zeros(len(self.edges.uses), dtype=np.int64)
        first[self.edges.edge[::-1]] = self.edges.order[::-1]
        side = first[edge]
        face, corner = side // 3, side % 3
        ends = np.stack([self.faces[face, corner], self.faces[face, (corner + 1) % 3]], axis=1)
        return np.asarray(self.mesh.vertices[ends])

    def sides(self) -> Values:
        """`(k, 3) float64`: length of side `k`, from corner `k` to the next, of each face, mm."""
        along = self.triangles[:, [1, 2, 0]] - self.triangles
        return np.asarray(np.sqrt(np.einsum("ijk,ijk->ij", along, along)))

    def part_boxes(self) -> tuple[Values, Values]:
        """`(parts, 3)` each: lowest and highest corner of the box around each part, mm."""
        low, high = np.full((self.parts, 3), np.inf), np.full((self.parts, 3), -np.inf)
        for corner in range(3):
            np.minimum.at(low, self.part, self.triangles[:, corner])
            np.maximum.at(high, self.part, self.triangles[:, corner])
        return low, high

    def part_area(self) -> Values:
        """`(parts,) float64`: area of each part, mm2."""
        return np.bincount(self.part, weights=self.area, minlength=self.parts).astype(np.float64)


def surface_of(mesh: Mesh, size_mm: float | None, progress: Progress) -> Surface:
    """The surface of a valid mesh whose longest side is taken to be `size_mm`, or as it is."""
    longest = float(mesh.size_m.max())
    mm_per_m = size_mm / longest if size_mm is not None and longest > 0 else 1000.0
    progress.update(0.0)
    corners = same_rows(mesh.vertices)[mesh.faces]
    progress.update(0.4)
    number = np.nonzero(~collapsed(corners))[0]
    faces = corners[number]
    progress.update(0.5)
    edges = edges_of(faces)
    progress.update(0.7)
    parts, part = parts_of(edges) if len(faces) else (0, np.zeros(0, dtype=np.int64))
    progress.update(0.8)
    triangles = mesh.vertices.astype(np.float64)[faces] * mm_per_m
    progress.update(0.9)
    cross = crosses(triangles)
    area = lengths(cross) / 2
    progress.update(1.0)
    return Surface(mesh, number, faces, edges, parts, part, triangles, cross, area, mm_per_m)
