"""What is drawn over a mesh: places of findings, cut surfaces, surface that no picture saw.

Each is a list of passes: which shader files, which numbers for them, which shape, and how it meets the depths that
are there. The window and the screenless renderer carry the same passes out, so that their pictures agree.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.preview import PreviewBuffers, Triangles
from img2model_desktop.core.section import Plane, Section
from img2model_desktop.core.topology import Ids
from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.render.camera import Matrix
from img2model_desktop.render.look import Colour, Ground, Uniforms, clip_uniforms, radius_of

SIGNAL: Colour = (1.0, 0.16, 0.56)
"""Of places. Back faces are red, axes red, green and blue, wood and skin yellow: none of them is this."""

GUESSED: Colour = (0.46, 0.36, 0.95)
CUT: Colour = (0.93, 0.62, 0.25)
CUT_LINES: Colour = (0.55, 0.31, 0.07)
_SPOTS = 64  # rings at most
_SPOT_SHARE = 0.06  # of the mesh's radius: marks nearer to each other than this get one ring
_MOST_PLACES = 200_000  # that are grouped; of more, some are left out
_SAMPLES = 256
_MOST_CELLS = 64  # along an axis
_HIDDEN = 0.42  # opacity behind the surface
_RELIEVED = 0.75


class Draws(StrEnum):
    """What the corners of a shape are."""

    TRIANGLES = "triangles"
    LINES = "lines"
    POINTS = "points"

    @property
    def corners(self) -> int:
        """Of each."""
        return {Draws.TRIANGLES: 3, Draws.LINES: 2, Draws.POINTS: 1}[self]


class Depth(StrEnum):
    """Where a pass is seen."""

    EVERYWHERE = "everywhere"  # through the surface too
    AT_SURFACE = "at surface"  # on the surface and before it
    SOLID = "solid"  # as a surface of its own, which hides what is behind it


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Something to draw.

    Args:
        places: `(n, 4) float32`: x, y, z and a radius, metres.
        indices: `(k, corners) uint32` into `places`.
        draws: what they make.
    """

    places: NDArray[np.float32]
    indices: NDArray[np.uint32]
    draws: Draws


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """One step of drawing.

    Args:
        files: of the shaders.
        uniforms: for them.
        shape: what is drawn.
        depth: where it is seen.
        is_clipped: whether the section's plane cuts it.
    """

    files: tuple[str, ...]
    uniforms: Uniforms
    shape: Shape
    depth: Depth
    is_clipped: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Highlight:
    """A place made ready to be drawn; shapes that are empty are None.

    Args:
        faces: the surface.
        edges: lines.
        points: discs.
        spots: rings around what may be too small to be seen; the radius is that of what they surround.
        samples: `(k, 3) float32`, some places of it, metres.
        low, high: `(3,) float64`, box around all of it, metres.
    """

    faces: Shape | None
    edges: Shape | None
    points: Shape | None
    spots: Shape
    samples: NDArray[np.float32]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CutSurface:
    """A section made ready to be drawn; shapes that are empty are None.

    Args:
        plane: that cuts the mesh.
        cap: the cut surface.
        outline: the line around it, and lines that do not close.
    """

    plane: Plane
    cap: Shape | None
    outline: Shape | None


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """What is drawn over a mesh; None for nothing.

    Args:
        highlight: a place that is pointed at.
        section: a plane that cuts the mesh; what is drawn over the cut-off part goes with it.
        guessed, guessed_coarse: surface that no picture saw, of the mesh and of its coarse stand-in.
    """

    highlight: Highlight | None = None
    section: CutSurface | None = None
    guessed: Shape | None = None
    guessed_coarse: Shape | None = None

    @property
    def shapes(self) -> list[Shape]:
        """All of it."""
        found = [self.guessed, self.guessed_coarse]
        if self.highlight is not None:
            found += [self.highlight.faces, self.highlight.edges, self.highlight.points, self.highlight.spots]
        if self.section is not None:
            found += [self.section.cap, self.section.outline]
        return [shape for shape in found if shape is not None]


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """From where, and how large.

    Args:
        model_view, projection: matrices.
        size_px: of the picture.
        px: pixels of the picture for each pixel of the screen that it is drawn for.
        ground: behind the mesh.
        radius_m: of the mesh.
        distance_m: of the camera from what it looks at.
        is_coarse: whether the surface there is a coarse stand-in, which marks lie before and behind.
    """

    model_view: Matrix
    projection: Matrix
    size_px: tuple[int, int]
    px: float
    ground: Ground
    radius_m: float
    distance_m: float
    is_coarse: bool = False

    def lift(self, share: float) -> float:
        """Factor that draws something that share of the mesh's radius nearer to the eye, in the same pixels."""
        return max(1.0 - share * self.radius_m / max(self.distance_m, 1e-12), 0.5)


def highlight_of(place: Place, buffers: PreviewBuffers) -> Highlight | None:
    """A place of the mesh that the buffers were made from; None when nothing of it is there.

    Faces keep their numbers in `PreviewBuffers.full`; numbers that are not there are left out.
    """
    triangles = buffers.full
    faces = place.faces[(place.faces >= 0) & (place.faces < len(triangles.indices))].astype(np.int64)
    edges = _finite(place.edges.reshape(-1, 6)).reshape(-1, 3)
    points = _finite(place.points.reshape(-1, 3))
    every = np.concatenate([triangles.corners[triangles.indices[faces].ravel(), :3], edges, points])
    if not len(every):
        return None
    edge_numbers = np.arange(len(edges), dtype=np.uint32).reshape(-1, 2)
    point_numbers = np.arange(len(points), dtype=np.uint32).reshape(-1, 1)
    return Highlight(
        surface_of(triangles, faces) if len(faces) else None,
        Shape(_with_radius(edges), edge_numbers, Draws.LINES) if len(edges) else None,
        Shape(_with_radius(points), point_numbers, Draws.POINTS) if len(points) else None,
        _spots(
            [
                triangles.corners[triangles.indices[faces[:: 1 + 3 * len(faces) // _MOST_PLACES]], :3],
                edges.reshape(-1, 2, 3),
                points.reshape(-1, 1, 3),
            ],
            radius_of(buffers.low, buffers.high),
        ),
        every[np.linspace(0, len(every) - 1, min(len(every), _SAMPLES)).astype(np.int64)],
        every.min(axis=0).astype(np.float64),
        every.max(axis=0).astype(np.float64),
    )


def surface_of(triangles: Triangles, faces: Ids) -> Shape:
    """Some faces of a mesh, on exactly its corners; few of them bring only their own corners."""
    if 6 * len(faces) > len(triangles.indices):
        return Shape(_with_radius(triangles.corners[:, :3]), triangles.indices[faces], Draws.TRIANGLES)
    used, numbers = np.unique(triangles.indices[faces], return_inverse=True)
    places = _with_radius(triangles.corners[used, :3])
    return Shape(places, numbers.reshape(-1, 3).astype(np.uint32), Draws.TRIANGLES)


def cut_surface(section: Section) -> CutSurface:
    """A section's shapes."""
    cap = Shape(_with_radius(section.points), section.faces.astype(np.uint32), Draws.TRIANGLES)
    ends = _with_radius(section.outline.reshape(-1, 3))
    lines = Shape(ends, np.arange(len(ends), dtype=np.uint32).reshape(-1, 2), Draws.LINES)
    return CutSurface(section.plane, cap if len(section.faces) else None, lines if len(ends) else None)


def mark_passes(marks: Marks, sight: Sight) -> list[Pass]:
    """Everything in the order in which it is drawn, after mesh and floor."""
    section = marks.section
    base: Uniforms = {
        "u_model_view": sight.model_view,
        "u_projection": sight.projection,
        "u_size_px": (float(sight.size_px[0]), float(sight.size_px[1])),
        "u_lift": 1.0,
        **clip_uniforms(section.plane.clip if section is not None else None),
    }
    passes = _section_passes(section, base, sight) if section is not None else []
    guessed = marks.guessed_coarse if sight.is_coarse and marks.guessed_coarse is not None else marks.guessed
    if guessed is not None:
        passes.append(_surface(guessed, base, _tint(GUESSED, 0.50, hatch_px=7.0 * sight.px), Depth.AT_SURFACE))
    if marks.highlight is not None:
        passes += _highlight_passes(marks.highlight, base, sight)
    return passes


def _section_passes(section: CutSurface, base: Uniforms, sight: Sight) -> list[Pass]:
    passes = []
    if section.cap is not None:
        look = _tint(CUT, 1.0, hatch_px=9.0 * sight.px) | {"u_hatch_colour": CUT_LINES, "u_hatch_opacity": 0.55}
        passes.append(Pass(("mark.vert", "mark.frag"), base | look, section.cap, Depth.SOLID))
    if section.outline is not None:
        passes.append(_lines(section.outline, base, sight, (CUT_LINES, 1.8, 1.0), Depth.AT_SURFACE))
    return passes


def _highlight_passes(highlight: Highlight, base: Uniforms, sight: Sight) -> list[Pass]:
    halo: Colour = (0.0, 0.0, 0.0) if sight.ground.is_dark else (1.0, 1.0, 1.0)
    passes = []
    if highlight.faces is not None:
        lifted = base | {"u_lift": sight.lift(0.02) if sight.is_coarse else 1.0}
        hidden = _tint(SIGNAL, _HIDDEN * 0.8) | {"u_relief": 0.0}
        passes.append(_surface(highlight.faces, base, hidden, Depth.EVERYWHERE))
        passes.append(_surface(highlight.faces, lifted, _tint(SIGNAL, 0.88), Depth.AT_SURFACE))
    if highlight.edges is not None:
        passes.append(_lines(highlight.edges, base, sight, (SIGNAL, 2.0, _HIDDEN), Depth.EVERYWHERE))
        passes.append(_lines(highlight.edges, base, sight, (halo, 5.0, 0.55), Depth.AT_SURFACE))
        passes.append(_lines(highlight.edges, base, sight, (SIGNAL, 2.6, 1.0), Depth.AT_SURFACE))
    if highlight.points is not None:
        passes.append(_discs(highlight.points, base, sight, halo))
    passes.append(_rings(highlight.spots, base, sight, halo))
    return passes


def _tint(colour: Colour, opacity: float, hatch_px: float = 0.0) -> Uniforms:
    return {
        "u_colour": colour,
        "u_opacity": opacity,
        "u_relief": _RELIEVED,
        "u_hatch_colour": colour,
        "u_hatch_opacity": 0.35,
        "u_hatch_px": hatch_px,
    }


def _surface(shape: Shape, base: Uniforms, tint: Uniforms, depth: Depth) -> Pass:
    return Pass(("mark.vert", "mark.frag"), base | tint, shape, depth, is_clipped=True)


def _lines(shape: Shape, base: Uniforms, sight: Sight, pen: tuple[Colour, float, float], depth: Depth) -> Pass:
    """`pen`: colour, width in pixels of the screen, opacity."""
    colour, width_px, opacity = pen
    uniforms: Uniforms = {
        "u_colour": colour,
        "u_width_px": width_px * sight.px,
        "u_opacity": opacity,
        "u_lift": sight.lift(0.03 if sight.is_coarse else 0.006),
    }
    return Pass(("eye.vert", "line.geom", "line.frag"), base | uniforms, shape, depth)


def _discs(shape: Shape, base: Uniforms, sight: Sight, halo: Colour) -> Pass:
    uniforms = _marker(sight, halo) | {"u_least_px": 4.0 * sight.px, "u_fades_px": 0.0, "u_width_px": 0.0}
    return Pass(("eye.vert", "marker.geom", "marker.frag"), base | uniforms, shape, Depth.EVERYWHERE)


def _rings(shape: Shape, base: Uniforms, sight: Sight, halo: Colour) -> Pass:
    uniforms = _marker(sight, halo) | {
        "u_least_px": 13.0 * sight.px,
        "u_fades_px": 26.0 * sight.px,
        "u_width_px": 2.0 * sight.px,
    }
    return Pass(("eye.vert", "marker.geom", "marker.frag"), base | uniforms, shape, Depth.EVERYWHERE)


def _marker(sight: Sight, halo: Colour) -> Uniforms:
    return {"u_colour": SIGNAL, "u_halo": halo, "u_rim_px": 1.4 * sight.px, "u_opacity": 1.0}


def _spots(things: list[NDArray[np.float32]], radius_m: float) -> Shape:
    """A ring around each group of marks that lie near each other; where there are too many, around the fullest.

    Args:
        things: `(n, corners, 3)` each: faces, edges, points.
        radius_m: of the mesh.
    """
    places = np.concatenate([each.reshape(-1, 3) for each in things])
    cell_m = max(_SPOT_SHARE * radius_m, float(np.ptp(places, axis=0).max()) / _MOST_CELLS, 1e-12)
    cells = np.floor((places - places.min(axis=0)) / cell_m).astype(np.int64) + 1
    keys, cell = np.unique((cells[:, 0] << 20) | (cells[:, 1] << 10) | cells[:, 2], return_inverse=True)
    links = [_neighbouring(keys)]
    start = 0
    for each in things:  # what one face or edge reaches belongs together
        rows = cell[start : start + each.shape[0] * each.shape[1]].reshape(each.shape[:2])
        links += [rows[:, [k, k + 1]] for k in range(each.shape[1] - 1)]
        start += rows.size
    joined, group = np.unique(_joined(len(keys), np.concatenate(links))[cell], return_inverse=True)
    count = len(joined)
    many = np.bincount(group, minlength=count)
    middle = np.stack([np.bincount(group, places[:, k], count) / many for k in range(3)], axis=1)
    radius = np.zeros(count)
    np.maximum.at(radius, group, np.linalg.norm(places - middle[group], axis=1))
    kept = np.sort(np.argsort(-many, kind="stable")[:_SPOTS])
    rings = np.column_stack([middle[kept], radius[kept]]).astype(np.float32)
    return Shape(rings, np.arange(len(rings), dtype=np.uint32).reshape(-1, 1), Draws.POINTS)


def _neighbouring(keys: Ids) -> Ids:
    """`(k, 2)`: pairs of cells, by their places in `keys`, that touch each other; coordinates have 10 bits each."""
    near = [(x << 20) + (y << 10) + z for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)]
    pairs = []
    for step in near:
        if step > 0:
            found = np.searchsorted(keys, keys + step).clip(0, len(keys) - 1)
            one = np.flatnonzero(keys[found] == keys + step)
            pairs.append(np.stack([one, found[one]], axis=1))
    return np.concatenate(pairs)


def _joined(count: int, pairs: Ids) -> Ids:
    """`(count,)`: the lowest number of the group of each; without scipy, which takes long to import."""
    lowest = np.arange(count)
    keys = np.unique(pairs[:, 0] * count + pairs[:, 1])
    pairs = np.stack([keys // count, keys % count], axis=1)
    while True:
        least = lowest[pairs].min(axis=1)
        before = lowest.copy()
        for side in (0, 1):
            np.minimum.at(lowest, lowest[pairs[:, side]], least)
            np.minimum.at(lowest, pairs[:, side], least)
        lowest = lowest[lowest]
        if (lowest == before).all():
            return lowest


def _finite(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(rows[np.isfinite(rows).all(axis=1)], dtype=np.float32)


def _with_radius(places: NDArray[np.float32]) -> NDArray[np.float32]:
    made = np.zeros((len(places), 4), dtype=np.float32)
    made[:, :3] = places
    return made
