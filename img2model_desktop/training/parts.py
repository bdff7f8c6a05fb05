"""What procedural objects are built from: small closed surfaces, put together by overlap.

Every builder returns a `Part`: vertices `(n, 3) float64`, faces `(m, 3) int64`, in the unit of its arguments, y up.
Parts may run through each other: the renderer keeps the first and the last hit, so inner walls never show.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Triangles = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """One closed surface with one base colour (sRGB 0..1)."""

    vertices: Points
    faces: Triangles
    colour: Points

    def placed(self, at: Points, turn: Points | None = None, grown: Points | float = 1.0) -> "Part":
        """Scaled, then turned by a `(3, 3)` rotation, then moved."""
        points = self.vertices * grown
        return Part((points if turn is None else points @ turn.T) + at, self.faces, self.colour)


def joined(parts: list[Part]) -> tuple[Points, Triangles, NDArray[np.uint8]]:
    """Vertices, faces and colour per vertex of all parts together."""
    offset = np.cumsum([0] + [len(part.vertices) for part in parts])
    vertices = np.concatenate([part.vertices for part in parts])
    faces = np.concatenate([part.faces + offset[k] for k, part in enumerate(parts)])
    colours = np.concatenate([np.broadcast_to(part.colour, part.vertices.shape) for part in parts])
    return vertices, faces, (colours.clip(0, 1) * 255).round().astype(np.uint8)


def grid_faces(rows: int, columns: int, wraps: bool) -> Triangles:
    """Triangles of a grid of vertices in row order; `wraps` joins the last column to the first."""
    cells = columns if wraps else columns - 1
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(cells), indexing="ij")
    a = (i * columns + j).reshape(-1)
    b = (i * columns + (j + 1) % columns).reshape(-1)
    c, d = a + columns, b + columns
    return np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)]).astype(np.int64)


def box(size: Points, colour: Points) -> Part:
    """A box of `size` `(3,)` around the origin."""
    corner = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]) * size
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int64)
    # each side has its own corners, so that a box keeps its edges when normals are made smooth
    return Part(corner[faces].reshape(-1, 3), np.arange(36, dtype=np.int64).reshape(-1, 3), colour)


def superquadric(size: Points, east: float, north: float, colour: Points, steps: int = 20) -> Part:
    """A superquadric (Barr 1981) of `size` `(3,)` around the origin; exponents 1: ellipsoid, 0: box, 2: octahedron."""
    u = np.linspace(-np.pi / 2, np.pi / 2, steps // 2 + 1)[:, None]
    v = np.linspace(-np.pi, np.pi, steps, endpoint=False)[None, :]

    def power(value: Points, exponent: float) -> Points:
        return np.asarray(np.sign(value) * np.abs(value) ** exponent)

    x = power(np.cos(u), north) * power(np.cos(v), east)
    z = power(np.cos(u), north) * power(np.sin(v), east)
    y = power(np.sin(u), north) * np.ones_like(v)
    points = np.stack([x, y, z], -1).reshape(-1, 3) / 2 * size
    return Part(points, grid_faces(steps // 2 + 1, steps, wraps=True), colour)


def lathe(profile: Points, colour: Points, steps: int = 24) -> Part:
    """A body of revolution around y; `profile` `(k, 2)` radius and height, from the bottom axis to the top axis."""
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    radius, height = profile[:, 0:1], profile[:, 1:2]
    points = np.stack([radius * np.cos(angle), height + 0 * angle, radius * np.sin(angle)], -1).reshape(-1, 3)
    return Part(points, grid_faces(len(profile), steps, wraps=True), colour)


def tube(
    path: Points, radius: Points, colour: Points, steps: int = 10, flat: float = 1.0, closed: bool = False
) -> Part:
    """A tube along `path` `(k, 3)` with `radius` `(k,)`; `flat` squeezes it along one side; `closed` joins its ends."""
    ahead = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    ahead = ahead / np.linalg.norm(ahead, axis=1, keepdims=True).clip(1e-9)
    start = np.eye(3)[int(np.argmin(np.abs(ahead).sum(0)))]
    sides = []
    for tangent in ahead:  # carried along without twist
        start = start - tangent * (start @ tangent)
        start = start / max(float(np.linalg.norm(start)), 1e-9)
        sides.append(start)
    side = np.array(sides)
    up = np.cross(ahead, side)
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    ring = side[:, None] * np.cos(angle)[:, None] + up[:, None] * np.sin(angle)[:, None] * flat
    points = path[:, None] + ring * radius[:, None, None]
    if closed:
        points = np.concatenate([points, points[:1]])
    else:
        points = np.concatenate([np.repeat(path[:1, None], steps, 1), points, np.repeat(path[-1:, None], steps, 1)])
    return Part(points.reshape(-1, 3), grid_faces(len(points), steps, wraps=True), colour)


def capsule(a: Points, b: Points, ra: float, rb: float, colour: Points, steps: int = 10) -> Part:
    """A round-ended limb from `a` (radius `ra`) to `b` (radius `rb`)."""
    axis = b - a
    length = max(float(np.linalg.norm(axis)), 1e-6)
    bend = np.linspace(0, np.pi / 2, 4)
    along = np.concatenate([-ra * np.cos(bend), length + rb * np.sin(bend)]) / length
    radius = np.concatenate([ra * np.sin(bend), rb * np.cos(bend)]).clip(1e-4)
    return tube(a + along[:, None] * axis, radius, colour, steps)


def prism(outline: Points, depth: float, colour: Points) -> Part:
    """An outline `(k, 2)`, star-shaped around its mean, in the x-y plane, extruded along z by `depth` around 0."""
    k = len(outline)
    flat = np.concatenate([outline, outline.mean(0, keepdims=True)])
    front = np.column_stack([flat, np.full(k + 1, depth / 2)])
    back = front * [1, 1, -1]
    i = np.arange(k)
    j = (i + 1) % k
    cap = np.stack([i, j, np.full(k, k)], 1)
    wall = np.concatenate([front[:k], back[:k]])
    side = np.concatenate([np.stack([i, i + k, j], 1), np.stack([j, i + k, j + k], 1)])
    faces = np.concatenate([cap, cap + k + 1, side + 2 * (k + 1)])
    return Part(np.concatenate([front, back, wall]), faces.astype(np.int64), colour)


def ring(outer: float, inner: float, depth: float, colour: Points, steps: int = 32) -> Part:
    """A flat ring in the x-y plane."""
    half = depth / 2
    profile = np.array([[inner, -half], [outer, -half], [outer, half], [inner, half], [inner, -half]])
    part = lathe(profile, colour, steps)
    return Part(part.vertices[:, [0, 2, 1]], part.faces, colour)


def sheet(path: Points, width: Points, across: Points, colour: Points, thick: float = 0.01) -> Part:
    """A bent strip along `path` `(k, 3)`, `width` `(k,)` wide along `across` `(3,)`: leaves, blades, cloth."""
    bow = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    points = path[:, None] + across * (width[:, None] * bow)[..., None]
    lift = (bow**2 - 0.5) * 0.15
    points = points + np.array([0.0, 1.0, 0.0]) * (width[:, None] * lift)[..., None]
    lift_up = np.array([0.0, thick / 2, 0.0])
    upper, lower = points + lift_up, points - lift_up
    loop = np.concatenate([upper, lower[:, ::-1]], 1)
    return Part(loop.reshape(-1, 3), grid_faces(len(path), 10, wraps=True), colour)


def turned(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Points:
    """`(3, 3)` rotation: around z, then x, then y; radians."""
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)
