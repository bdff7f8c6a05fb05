"""The bridge between our meshes and the solids of manifold3d, in a unit in which its tolerances are sensible."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.topology import collapsed, count_fans, edges_of, parts_of, same_rows
from img2model_desktop.core.workshop.operation import needs_solid
from img2model_desktop.errors import EngineProblem

if TYPE_CHECKING:
    from manifold3d import Manifold, Mesh64

Points = NDArray[np.float64]
Flags = NDArray[np.bool_]

SETTLING = (0.0, 1e-7, 1e-6, 1e-5, 1e-4)
"""Tolerances, shares of the longest side, with which short edges are removed until none is lost in 32 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A place and a unit in which a mesh is about one long and lies around the origin.

    The unit is a power of two, so that a float32 position comes back as it was, bit by bit.

    Args:
        origin: `(3,) float64`, metres.
        scale: units for each metre.
    """

    origin: Points
    scale: float

    @classmethod
    def of(cls, mesh: Mesh) -> "Frame":
        """The frame of a mesh's box."""
        low, high = mesh.bounds
        longest = float((high - low).max())
        scale = 2.0 ** -round(np.log2(longest)) if longest > 0 else 1.0
        return cls(((low + high) / 2).astype(np.float32).astype(np.float64), scale)

    def inside(self, points: NDArray[np.floating]) -> Points:
        """`(n, 3)` metres in this frame's unit."""
        return (points.astype(np.float64) - self.origin) * self.scale

    def outside(self, points: Points) -> NDArray[np.float32]:
        """`(n, 3)` in this frame's unit as metres."""
        return (points / self.scale + self.origin).astype(np.float32)

    def length(self, millimetres: float) -> float:
        """A length in this frame's unit."""
        return millimetres / 1000.0 * self.scale


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """A closed mesh as manifold3d holds it.

    Args:
        body: in the unit of the frame; its properties are the uv, where there are some.
        frame: how it lies.
        source: the mesh, for its pictures.
        originals: the ids that manifold3d gave to the faces of the mesh.
    """

    body: "Manifold"
    frame: Frame
    source: Mesh
    originals: frozenset[int]

    @classmethod
    def of(cls, body: "Manifold", frame: Frame, source: Mesh) -> "Solid":
        """A body that was made from a mesh just now."""
        return cls(body, frame, source, ids_of(body))

    def mesh(self, body: "Manifold | None" = None) -> Mesh:
        """What became of this solid (or the solid itself) as a mesh.

        Faces that do not come from the source get one colour for each connected patch, that of the source's surface
        around it.

        Raises:
            EngineProblem: nothing is left.
        """
        return to_mesh(self.body if body is None else body, self.frame, self.source, self.originals)


def solid_of(mesh: Mesh, title: str) -> Solid:
    """The mesh as a solid. Raises InputProblem for the operation `title` when it bounds no volume."""
    frame = Frame.of(mesh)
    body = body_of(mesh, frame)
    if body is None or body.volume() <= 0.0:
        raise needs_solid(title)
    return Solid.of(body, frame, mesh)


def ids_of(body: "Manifold") -> frozenset[int]:
    """The ids of the meshes that the faces of a body come from."""
    return frozenset(int(number) for number in np.asarray(body.to_mesh64().run_original_id))


def body_of(mesh: Mesh, frame: Frame) -> "Manifold | None":
    """The mesh as manifold3d takes it, or None where it is not closed.

    Vertices at one place count as one; its uv, where it has some, become properties of its corners.
    """
    from manifold3d import Error, Manifold

    place = same_rows(mesh.vertices)
    faces = mesh.faces[~collapsed(place[mesh.faces])]
    if not len(faces) or edges_of(place[faces]).balance.any():
        return None
    body = Manifold(_mesh64(mesh, faces, place, frame))
    if body.status() != Error.NoError or body.is_empty():
        return None
    return body


def _mesh64(mesh: Mesh, faces: NDArray[np.int32], place: NDArray[np.int64], frame: Frame) -> "Mesh64":
    from manifold3d import Mesh64

    rows = frame.inside(mesh.vertices)
    if mesh.uv is not None:
        rows = np.concatenate([rows, mesh.uv.astype(np.float64)], axis=1)
    repeated = np.nonzero(place != np.arange(len(place)))[0]
    return Mesh64(
        np.ascontiguousarray(rows),
        np.ascontiguousarray(faces.astype(np.uint64)),
        merge_from_vert=repeated.astype(np.uint64),
        merge_to_vert=place[repeated].astype(np.uint64),
        # faces of one plane are joined unless told apart, across borders in the texture as well
        face_id=None if mesh.uv is None else np.arange(len(faces), dtype=np.uint64),
    )


def to_mesh(body: "Manifold", frame: Frame, source: Mesh, originals: Collection[int]) -> Mesh:
    """A body in the unit of `frame` as a mesh with the look of `source`.

    Args:
        body: what operations left.
        frame: how it lies.
        source: whose uv are the body's properties and whose pictures the result carries.
        originals: ids of the bodies that were made from the source; other faces are new.

    Raises:
        EngineProblem: nothing is left.
    """
    best: Mesh | None = None
    for tolerance in SETTLING:
        held = body.simplify(tolerance) if tolerance else body
        mesh = _plain_mesh(held, frame, source, originals)
        if mesh is not None and is_closed(mesh):
            return mesh
        best = best or mesh
    if best is None:
        raise EngineProblem("Nothing of the mesh would be left.", "Choose smaller values.")
    return best


def _plain_mesh(body: "Manifold", frame: Frame, source: Mesh, originals: Collection[int]) -> Mesh | None:
    held = body.to_mesh64()
    faces = np.asarray(held.tri_verts).astype(np.int64)
    if not len(faces):
        return None
    rows = np.asarray(held.vert_properties)
    vertices = frame.outside(rows[:, :3])
    ends = np.asarray(held.run_index, dtype=np.int64) // 3
    run = np.repeat(np.asarray(held.run_original_id, dtype=np.int64), np.diff(ends))
    fresh = ~np.isin(run, np.array(sorted(originals), dtype=np.int64))
    keep = ~collapsed(same_rows(vertices)[faces])
    if not keep.any():
        return None
    if source.uv is None:
        return _compact(Mesh(vertices, faces[keep].astype(np.int32)))
    uv = rows[:, 3:5] if rows.shape[1] >= 5 else np.zeros((len(rows), 2))
    mesh = Mesh(vertices, faces[keep].astype(np.int32), uv.astype(np.float32))
    mesh = replace(
        mesh,
        base_colour=source.base_colour,
        metallic_roughness=source.metallic_roughness,
        normal=source.normal,
    )
    return _compact(_coloured(mesh, fresh[keep]))


def is_closed(mesh: Mesh) -> bool:
    """Whether every edge has two faces that run along it in opposite directions, and every vertex one fan."""
    corners = same_rows(mesh.vertices)[mesh.faces]
    corners = corners[~collapsed(corners)]
    edges = edges_of(corners)
    if not len(corners) or (edges.uses != 2).any() or edges.balance.any():
        return False
    return count_fans(edges) == np.unique(corners).size


def _compact(mesh: Mesh) -> Mesh:
    """Vertices with the same place and uv become one; unused ones go."""
    rows = mesh.vertices if mesh.uv is None else np.concatenate([mesh.vertices, mesh.uv], axis=1)
    used, number = np.unique(same_rows(rows)[mesh.faces], return_inverse=True)
    uv = None if mesh.uv is None else mesh.uv[used]
    return replace(mesh, vertices=mesh.vertices[used], faces=number.reshape(-1, 3).astype(np.int32), uv=uv)


def _coloured(mesh: Mesh, fresh: Flags) -> Mesh:
    """Gives every connected patch of new faces one texel: the most usual colour of the old faces around it."""
    if not fresh.any() or mesh.uv is None:
        return mesh
    new, old = np.nonzero(fresh)[0], np.nonzero(~fresh)[0]
    place = same_rows(mesh.vertices)
    count, patch = parts_of(edges_of(place[mesh.faces[new]]))
    texel = np.zeros((count, 2), dtype=np.float32)
    uv_at = np.full(len(mesh.vertices), -1, dtype=np.int64)  # an old vertex at each place
    corners = mesh.faces[old].ravel()[::-1].astype(np.int64)
    uv_at[place[corners]] = corners
    rim = uv_at[place[mesh.faces[new]]]
    labels = np.repeat(patch, 3)
    flat = rim.ravel()
    order = np.argsort(labels[flat >= 0], kind="stable")
    candidates, labels = flat[flat >= 0][order], labels[flat >= 0][order]
    starts = np.searchsorted(labels, np.arange(count + 1))
    for number in range(count):
        mine = candidates[starts[number] : starts[number + 1]]
        if not len(mine):  # nothing old around it, as in a closed cavity
            mine = corners[:1] if len(corners) else mesh.faces[0, :1].astype(np.int64)
        texel[number] = _middle(mesh.uv[np.unique(mine)], mesh.base_colour)
    vertices = np.concatenate([mesh.vertices, mesh.vertices[mesh.faces[new]].reshape(-1, 3)])
    uv = np.concatenate([mesh.uv, np.repeat(texel[patch], 3, axis=0)])
    faces = mesh.faces.copy()
    faces[new] = len(mesh.vertices) + np.arange(3 * len(new), dtype=np.int32).reshape(-1, 3)
    return replace(mesh, vertices=vertices, faces=faces, uv=uv)


def _middle(uv: NDArray[np.float32], picture: Picture | None) -> NDArray[np.float32]:
    """The one of some texture coordinates whose colour lies nearest to the middle of all their colours."""
    if picture is None:
        return np.asarray(uv[0])
    wrapped = uv - np.floor(uv)
    columns = np.minimum((wrapped[:, 0] * picture.width).astype(np.int64), picture.width - 1)
    rows = np.minimum(((1.0 - wrapped[:, 1]) * picture.height).astype(np.int64), picture.height - 1)
    colours = picture.pixels[rows, columns, :3].astype(np.float64)
    return np.asarray(uv[np.abs(colours - np.median(colours, axis=0)).sum(axis=1).argmin()])


def united(body: "Manifold") -> "Manifold":
    """The union of the parts of a body; a part that is inside out is a cavity of the smallest part around it.

    Args:
        body: its outer parts have a positive volume.
    """
    from manifold3d import Manifold, OpType

    pieces = [(piece, piece.volume(), _box(piece)) for piece in body.decompose()]
    filled = sorted((one for one in pieces if one[1] > 0), key=lambda one: one[1])
    cavities: list[list[Manifold]] = [[] for _ in filled]
    for piece, volume, box in pieces:
        if volume >= 0:
            continue
        cavity = _turned(piece)
        for number, (holder, _, around) in enumerate(filled):
            if _holds(around, box) and not (cavity - holder).volume() > -volume / 2:
                cavities[number].append(cavity)
                break
    # at once for each part: one after the other they would cut a large part anew each time
    hollowed = [
        Manifold.batch_boolean([holder, *mine], OpType.Subtract) if mine else holder
        for (holder, _, _), mine in zip(filled, cavities, strict=True)
    ]
    return Manifold.batch_boolean(hollowed, OpType.Add)


def _box(body: "Manifold") -> tuple[float, ...]:
    """Lowest corner and highest corner."""
    return tuple(body.bounding_box())


def _holds(outer: tuple[float, ...], inner: tuple[float, ...]) -> bool:
    """Whether a box lies in another one."""
    return all(outer[k] <= inner[k] and inner[k + 3] <= outer[k + 3] for k in range(3))


def _turned(body: "Manifold") -> "Manifold":
    """The body inside out; its faces stay those of its source."""
    from manifold3d import Manifold, Mesh64

    held = body.to_mesh64()
    return Manifold(
        Mesh64(
            np.array(held.vert_properties, dtype=np.float64),  # copied: what comes out is read-only
            np.array(np.asarray(held.tri_verts)[:, ::-1], dtype=np.uint64, order="C"),
            merge_from_vert=np.asarray(held.merge_from_vert, dtype=np.uint64),
            merge_to_vert=np.asarray(held.merge_to_vert, dtype=np.uint64),
            run_index=np.asarray(held.run_index, dtype=np.uint64),
            run_original_id=np.asarray(held.run_original_id, dtype=np.uint32),
        )
    )
