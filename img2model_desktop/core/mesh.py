"""The one representation of a mesh inside the program."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.picture import Picture

Vertices = NDArray[np.float32]
Faces = NDArray[np.int32]
Uv = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A triangle mesh: metres, y up, front +z, right-handed.

    Args:
        vertices: `(n, 3) float32`, metres.
        faces: `(m, 3) int32`, counter-clockwise seen from outside.
        uv: `(n, 2) float32`, origin lower left, or None.
        base_colour: the sRGB picture that `uv` points into, or None.
        metallic_roughness: glTF packing (green roughness, blue metallic), or None.
        normal: tangent-space normals, or None.

    Every value is finite, every index valid; arrays are read-only. `validate()` raises ValueError otherwise;
    readers and engines return only valid meshes.
    """

    vertices: Vertices
    faces: Faces
    uv: Uv | None = None
    base_colour: Picture | None = None
    metallic_roughness: Picture | None = None
    normal: Picture | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", _frozen(self.vertices, np.float32))
        object.__setattr__(self, "faces", _frozen(self.faces, np.int32))
        if self.uv is not None:
            object.__setattr__(self, "uv", _frozen(self.uv, np.float32))

    def validate(self) -> "Mesh":
        """This mesh, checked.

        Raises:
            ValueError: a shape is wrong, a value is not finite, an index is out of range, the mesh is empty,
                or there is a picture without uv.
        """
        vertices, faces, uv = self.vertices, self.faces, self.uv
        if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3:
            raise ValueError(f"vertices {vertices.shape} and faces {faces.shape} must be (n, 3) and (m, 3)")
        if not len(vertices) or not len(faces):
            raise ValueError("a mesh needs at least one face")
        if not np.isfinite(vertices).all():
            raise ValueError("a vertex is not finite")
        if int(faces.min()) < 0 or int(faces.max()) >= len(vertices):
            raise ValueError("a face points at a vertex that is not there")
        if uv is not None and (uv.shape != (len(vertices), 2) or not np.isfinite(uv).all()):
            raise ValueError("uv must be finite and one per vertex")
        if uv is None and (self.base_colour or self.metallic_roughness or self.normal):
            raise ValueError("a textured mesh needs uv")
        return self

    @property
    def bounds(self) -> NDArray[np.float64]:
        """`(2, 3) float64`: lowest and highest corner, metres."""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)]).astype(np.float64)

    @property
    def size_m(self) -> NDArray[np.float64]:
        """`(3,) float64`: width (x), height (y), depth (z), metres."""
        low, high = self.bounds
        return np.asarray(high - low)

    def moved(self, vertices: Vertices) -> "Mesh":
        """The same mesh with its vertices, `(n, 3) float32`, in other places."""
        return replace(self, vertices=vertices)

    def __reduce__(self) -> tuple[object, ...]:
        return (
            Mesh,
            (self.vertices, self.faces, self.uv, self.base_colour, self.metallic_roughness, self.normal),
        )


def _frozen(array: NDArray[np.generic], dtype: type[np.generic]) -> NDArray[np.generic]:
    """A read-only, contiguous array; one that is already so is not copied."""
    fits = array.dtype == dtype and array.flags.c_contiguous and not array.flags.writeable
    frozen = array if fits else np.array(array, dtype=dtype, order="C", copy=True)
    frozen.setflags(write=False)
    return frozen
