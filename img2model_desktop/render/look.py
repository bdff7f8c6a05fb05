"""How a mesh is shown: shadings, grounds, the floor, and the numbers that the shaders need for them.

The window draws through PyOpenGL and the screenless renderer through moderngl; both read the same shader files
and set the uniforms that are worked out here, so that their pictures agree.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.picture import Picture
from img2model_desktop.core.preview import PreviewBuffers
from img2model_desktop.render.camera import Matrix

Colour = tuple[float, float, float]  # sRGB, 0..1
Uniform = int | float | tuple[float, ...] | Matrix
Uniforms = dict[str, Uniform]

SHADERS = Path(__file__).with_name("shaders")
PLAIN = (0.43, 0.42, 0.405)  # linear light that an untextured surface reflects
WIRE_PX = 1.1
WIRE_OFFSET = (-1.0, -2.0)  # polygon offset: lines lie on the surface's own depth, give or take its rounding
FLOOR_RADII = 9.0  # the floor reaches this many times the mesh's radius


class Shading(StrEnum):
    """Ways to show the surface."""

    LIT = "lit"
    TEXTURED = "textured"
    MATCAP = "matcap"
    WIREFRAME = "wireframe"
    NORMALS = "normals"
    CHECKER = "uv checker"
    SIDES = "sides"


SHADING_CODES = {shading: code for code, shading in enumerate(Shading)}  # `u_shading` in mesh.frag


@dataclass(frozen=True, slots=True)
class Ground:
    """The colours behind and below the mesh, sRGB 0..1.

    Args:
        top, bottom: of the vertical gradient.
        grid: of the floor's lines.
        wire: of the wireframe.
        shadow: how dark the contact shadow may get, 0..1.
        text: of captions.
        is_dark: whether captions are light on dark.
    """

    top: Colour
    bottom: Colour
    grid: Colour
    wire: Colour
    shadow: float
    text: Colour
    is_dark: bool


DARK = Ground(
    top=(0.216, 0.224, 0.243),
    bottom=(0.122, 0.126, 0.140),
    grid=(0.78, 0.80, 0.86),
    wire=(0.055, 0.060, 0.075),
    shadow=0.75,
    text=(0.80, 0.81, 0.84),
    is_dark=True,
)
LIGHT = Ground(
    top=(0.965, 0.968, 0.976),
    bottom=(0.824, 0.835, 0.855),
    grid=(0.25, 0.27, 0.33),
    wire=(0.10, 0.11, 0.14),
    shadow=0.50,
    text=(0.30, 0.32, 0.36),
    is_dark=False,
)


def ground(dark: bool) -> Ground:
    """The dark or the light one."""
    return DARK if dark else LIGHT


def shader_source(name: str) -> str:
    """The text of a shader file of this package, such as "mesh.frag"."""
    return (SHADERS / name).read_text(encoding="utf-8")


def backdrop_uniforms(look: Ground) -> Uniforms:
    """For backdrop.vert and backdrop.frag."""
    return {"u_top": look.top, "u_bottom": look.bottom}


def mesh_uniforms(
    model_view: Matrix, projection: Matrix, buffers: PreviewBuffers, shading: Shading, plain: Colour = PLAIN
) -> Uniforms:
    """For mesh.vert and mesh.frag; texture units 0, 1, 2: base colour, metallic-roughness, normal."""
    return {
        "u_model_view": model_view,
        "u_projection": projection,
        "u_shading": SHADING_CODES[shading],
        "u_plain": plain,
        "u_has_uv": int(buffers.has_uv),
        "u_has_base_colour": int(bool(buffers.base_colour)),
        "u_has_metallic_roughness": int(bool(buffers.metallic_roughness)),
        "u_has_normal": int(bool(buffers.normal)),
        "u_base_colour": 0,
        "u_metallic_roughness": 1,
        "u_normal": 2,
    }


def clip_uniforms(clip: NDArray[np.float64] | None) -> Uniforms:
    """For every vertex shader that cuts: what has `clip[:3] @ place + clip[3] < 0` goes; None cuts nothing."""
    x, y, z, away = (0.0, 0.0, 0.0, 1.0) if clip is None else (float(value) for value in clip)
    return {"u_clip": (x, y, z, away)}


def wire_uniforms(
    model_view: Matrix, projection: Matrix, look: Ground, size_px: tuple[int, int], width_px: float, opacity: float
) -> Uniforms:
    """For wire.vert, wire.geom and wire.frag; `size_px` of the picture, `width_px` of a line."""
    return {
        "u_model_view": model_view,
        "u_projection": projection,
        "u_colour": look.wire,
        "u_size_px": (float(size_px[0]), float(size_px[1])),
        "u_width_px": width_px,
        "u_opacity": opacity,
    }


def floor_uniforms(
    model_view: Matrix,
    projection: Matrix,
    buffers: PreviewBuffers,
    look: Ground,
    grid: "GridSteps | None",
    has_shadow: bool = True,
) -> Uniforms:
    """For floor.vert and floor.frag; texture unit 0: the footprint."""
    radius = radius_of(buffers.low, buffers.high)
    centre = (buffers.low + buffers.high) / 2
    x, z, width, depth = (float(value) for value in buffers.footprint_area)
    eye_height = -(model_view[:3, 1] @ model_view[:3, 3]) - float(buffers.low[1])
    return {
        "u_model_view": model_view,
        "u_projection": projection,
        # a hair lower than the mesh, so that a flat underside seen from below hides the floor
        "u_floor": (float(centre[0]), float(buffers.low[1]) - 1e-3 * radius, float(centre[2]), FLOOR_RADII * radius),
        "u_footprint": 0,
        "u_footprint_area": (x, z, width, depth),
        "u_shadow": look.shadow if has_shadow and eye_height > 0 else 0.0,
        "u_grid_colour": look.grid,
        "u_grid_opacity": 0.0 if grid is None else (1.0 if eye_height > 0 else 0.4),
        "u_step": 1.0 if grid is None else grid.step_m,
        "u_fine": 0.0 if grid is None else grid.fine,
    }


@dataclass(frozen=True, slots=True)
class GridSteps:
    """How far the floor's lines lie apart.

    Args:
        step_m: of the lines that the caption names, metres: a power of ten.
        fine: 0..1, how far the lines ten times finer have faded in, and these have become their tens.
    """

    step_m: float
    fine: float

    @property
    def caption(self) -> str:
        """The step in the unit that a maker would say."""
        return f"{self.step_m * 1000:g} mm" if self.step_m < 1.0 else f"{self.step_m:g} m"


def grid_steps(seen_m: float) -> GridSteps:
    """Steps for a view that spans `seen_m` metres at the target: 2 to 20 of them fit into it."""
    exponent = float(np.log10(max(seen_m, 1e-9) / 2.0))
    whole = float(np.clip(np.floor(exponent), -3, 1))
    return GridSteps(round(10.0**whole, 6), float(np.clip(1.0 - (exponent - whole), 0.0, 1.0)))


def size_caption(low: NDArray[np.float64], high: NDArray[np.float64]) -> str:
    """Width, height and depth in millimetres, or metres for something larger than a room's furniture."""
    unit, factor = ("mm", 1000.0) if float((high - low).max()) < 10.0 else ("m", 1.0)
    return " × ".join(_rounded(float(value) * factor) for value in high - low) + f" {unit}"


def radius_of(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """Half the diagonal of the box, metres, above 0."""
    return float(np.linalg.norm(high - low)) / 2 or 1e-3


def _rounded(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def straight_picture(pixels: NDArray[np.uint8]) -> Picture:
    """A picture of what was drawn over nothing: `(h, w, 4) uint8`, premultiplied, top row first, made straight."""
    alpha = pixels[..., 3:].astype(np.uint16)
    straight = pixels.copy()
    is_edge = (alpha[..., 0] > 0) & (alpha[..., 0] < 255)
    edge_alpha = alpha[is_edge]
    straight[is_edge, :3] = np.minimum((pixels[is_edge, :3] * np.uint16(255) + edge_alpha // 2) // edge_alpha, 255)
    return Picture.own(straight)
