"""Pictures of a mesh without a window: thumbnails and turntables, drawn with the shaders of the 3D view.

The OpenGL context belongs to an explicit `Renderer`; nothing is kept between calls otherwise. On Linux it is an EGL
context, which needs no display; elsewhere it is the system's own.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import moderngl
import numpy as np

from img2model_desktop.core.face_blocks import FaceBlocks
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture, Pixels
from img2model_desktop.core.preview import PreviewBuffers, Triangles, prepare
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.section import Plane, cut
from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.errors import SetupProblem
from img2model_desktop.render import look
from img2model_desktop.render.aim import facing_section, looking_at
from img2model_desktop.render.camera import Camera
from img2model_desktop.render.look import Ground, Shading, Uniforms
from img2model_desktop.render.marks import Depth, Draws, Marks, Pass, Sight, cut_surface, highlight_of, mark_passes

SAMPLES = 4
SUPERSAMPLING = 2  # times in each direction, on top of the samples: shading itself has edges too
TURNTABLE_FRAMES = 48
TEXELS_PER_PX = 4  # of a thumbnail: a texture is wrapped around the mesh, half of it or less is seen
_SRGB8_ALPHA8 = 0x8C43  # GL_SRGB8_ALPHA8
_CLIP_DISTANCE0 = 0x3000  # GL_CLIP_DISTANCE0
_MODES = {Draws.TRIANGLES: moderngl.TRIANGLES, Draws.LINES: moderngl.LINES, Draws.POINTS: moderngl.POINTS}


@dataclass(frozen=True, slots=True)
class Photograph:
    """How a picture is taken.

    Args:
        width, height: in pixels.
        shading: how the surface is shown.
        ground: what is behind and below the mesh; None leaves it transparent.
        has_shadow: whether the floor below is darkened; only with a ground.
        supersampling: 1 draws as the window does, 2 or more smoother.
        marks: what is drawn over the mesh; its section also cuts the mesh.
    """

    width: int
    height: int
    shading: Shading = Shading.LIT
    ground: Ground | None = None
    has_shadow: bool = True
    supersampling: int = SUPERSAMPLING
    marks: Marks = field(default_factory=Marks)


class Renderer:
    """An OpenGL context without a window, and the programs in it.

    Use it in one thread, in which no other context is current at that moment, and close it when done.

    Raises:
        SetupProblem: no context can be made, or the driver does not take a shader.
    """

    def __init__(self) -> None:
        with _ContextTrouble():
            settings: dict[str, Any] = {"backend": "egl"} if sys.platform.startswith("linux") else {}
            self._context = moderngl.create_context(require=330, standalone=True, **settings)
        with self._context:  # current from here on only where it is used: a window's context may be current in between
            self._largest_px = int(self._context.info["GL_MAX_RENDERBUFFER_SIZE"])
        self._programs: dict[str, moderngl.Program] = {}

    def __enter__(self) -> "Renderer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees the context; the renderer must not be used again."""
        self._context.release()

    def load(self, buffers: PreviewBuffers) -> "Loaded":
        """Puts a mesh on the card; release it after the last picture."""
        return Loaded(self._context, buffers)

    def render(self, loaded: "Loaded", camera: Camera, wanted: Photograph) -> Picture:
        """One picture.

        Raises:
            SetupProblem: it is larger than the card can draw.
        """
        width, height = wanted.width * wanted.supersampling, wanted.height * wanted.supersampling
        if max(width, height) > self._largest_px:
            raise SetupProblem(
                f"The graphics card cannot draw a picture of {wanted.width} × {wanted.height} pixels.",
                "Choose a smaller size.",
            )
        with self._context, contextlib.ExitStack() as made:
            target, flat = self._targets(width, height, made)
            target.use()
            target.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
            self._draw(loaded, camera, wanted, (width, height))
            self._context.copy_framebuffer(flat, target)
            raw = flat.read(components=4, alignment=1)
        drawn = np.frombuffer(raw, dtype=np.uint8).reshape(height, width, 4)[::-1]
        if wanted.supersampling == 1:
            return look.straight_picture(drawn)
        smaller = cv2.resize(drawn, (wanted.width, wanted.height), interpolation=cv2.INTER_AREA)
        return look.straight_picture(smaller.astype(np.uint8, copy=False))

    def _targets(
        self, width: int, height: int, made: contextlib.ExitStack
    ) -> tuple[moderngl.Framebuffer, moderngl.Framebuffer]:
        """A framebuffer with samples to draw into, and one without to read from."""
        samples = min(SAMPLES, self._context.max_samples)
        colour = self._context.renderbuffer((width, height), 4, samples=samples)
        depth = self._context.depth_renderbuffer((width, height), samples=samples)
        target = self._context.framebuffer([colour], depth)
        plain = self._context.renderbuffer((width, height), 4)
        flat = self._context.framebuffer([plain])
        for thing in (colour, depth, plain, target, flat):
            made.callback(thing.release)
        return target, flat

    def _draw(self, loaded: "Loaded", camera: Camera, wanted: Photograph, size_px: tuple[int, int]) -> None:
        context, buffers = self._context, loaded.buffers
        model_view = camera.view_matrix()
        projection = camera.projection_matrix(*size_px, *camera.depth_range(buffers.low, buffers.high))
        context.disable(moderngl.CULL_FACE | moderngl.BLEND | moderngl.DEPTH_TEST)
        if wanted.ground is not None:
            self._run(
                loaded.nothing, look.backdrop_uniforms(wanted.ground), "backdrop.vert", "backdrop.frag", vertices=3
            )
        context.enable(moderngl.DEPTH_TEST)
        context.depth_func = "<"
        loaded.use_textures()
        section = wanted.marks.section
        clip = look.clip_uniforms(section.plane.clip if section is not None else None)
        if section is not None:
            context.enable_direct(_CLIP_DISTANCE0)
        uniforms = look.mesh_uniforms(model_view, projection, buffers, wanted.shading)
        self._run(loaded.triangles, uniforms | clip, "mesh.vert", "mesh.frag")
        context.enable(moderngl.BLEND)
        context.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        ground = wanted.ground or look.LIGHT
        if wanted.shading is Shading.WIREFRAME:
            context.depth_func = "<="
            context.polygon_offset = look.WIRE_OFFSET
            uniforms = look.wire_uniforms(
                model_view, projection, ground, size_px, look.WIRE_PX * wanted.supersampling, 1.0
            )
            self._run(loaded.triangles, uniforms | clip, "wire.vert", "wire.geom", "wire.frag")
            context.polygon_offset = 0.0, 0.0
            context.depth_func = "<"
        context.disable_direct(_CLIP_DISTANCE0)
        if wanted.ground is not None and wanted.has_shadow:
            loaded.footprint.use(0)
            uniforms = look.floor_uniforms(model_view, projection, buffers, ground, None)
            self._run(loaded.nothing, uniforms, "floor.vert", "floor.frag", vertices=4)
        sight = Sight(
            model_view,
            projection,
            size_px,
            float(wanted.supersampling),
            ground,
            look.radius_of(buffers.low, buffers.high),
            camera.distance_m,
        )
        for each in mark_passes(wanted.marks, sight):
            self._run_pass(each)

    def _run_pass(self, each: Pass) -> None:
        context = self._context
        is_solid, is_at_surface = each.depth is Depth.SOLID, each.depth is Depth.AT_SURFACE
        (context.disable if each.depth is Depth.EVERYWHERE else context.enable)(moderngl.DEPTH_TEST)
        (context.disable if is_solid else context.enable)(moderngl.BLEND)
        (context.enable_direct if each.is_clipped else context.disable_direct)(_CLIP_DISTANCE0)
        context.depth_func = "<=" if is_at_surface else "<"
        context.polygon_offset = look.WIRE_OFFSET if is_at_surface else (0.0, 0.0)
        context.fbo.depth_mask = is_solid
        shape = each.shape
        with contextlib.ExitStack() as made:
            places, indices = context.buffer(shape.places), context.buffer(shape.indices)
            made.callback(places.release)
            made.callback(indices.release)
            self._run(
                lambda program: context.vertex_array(program, [(places, "4f", "a_place")], indices),
                each.uniforms,
                *each.files,
                mode=_MODES[shape.draws],
            )
        context.enable(moderngl.DEPTH_TEST)
        context.disable_direct(_CLIP_DISTANCE0)
        context.depth_func = "<"
        context.polygon_offset = 0.0, 0.0
        context.fbo.depth_mask = True

    def _run(
        self,
        drawn: Callable[[moderngl.Program], moderngl.VertexArray],
        uniforms: Uniforms,
        *files: str,
        vertices: int = -1,
        mode: int = moderngl.TRIANGLES,
    ) -> None:
        program = self._program(*files)
        for name, value in uniforms.items():
            member = program.get(name, None)
            if not isinstance(member, moderngl.Uniform):
                continue
            if isinstance(value, np.ndarray):
                member.write(value.T.astype("f4").tobytes())  # OpenGL keeps columns one after the other
            else:
                member.value = value
        array = drawn(program)
        array.render(moderngl.TRIANGLE_STRIP if vertices == 4 else mode, vertices=vertices)
        array.release()

    def _program(self, *files: str) -> moderngl.Program:
        if files[-1] not in self._programs:
            text = {name.rpartition(".")[2]: look.shader_source(name) for name in files}
            try:
                self._programs[files[-1]] = self._context.program(
                    vertex_shader=text["vert"], fragment_shader=text["frag"], geometry_shader=text.get("geom")
                )
            except moderngl.Error as problem:
                raise SetupProblem(
                    "The graphics driver cannot draw 3D pictures.", "Update the graphics driver.", str(problem)
                ) from None
        return self._programs[files[-1]]


class Loaded:
    """A mesh on the card of a `Renderer`."""

    def __init__(self, context: moderngl.Context, buffers: PreviewBuffers) -> None:
        self.buffers = buffers
        self._context = context
        full: Triangles = buffers.full
        with context:
            self._corners = context.buffer(full.corners)
            self._indices = context.buffer(full.indices)
            self.footprint = context.texture(buffers.footprint.shape[::-1], 1, buffers.footprint, alignment=1)
            self.footprint.repeat_x = self.footprint.repeat_y = False
            self._textures = {
                0: self._texture(buffers.base_colour, _SRGB8_ALPHA8),
                1: self._texture(buffers.metallic_roughness, None),
                2: self._texture(buffers.normal, None),
            }

    def triangles(self, program: moderngl.Program) -> moderngl.VertexArray:
        """The mesh's corners, as far as the program reads them."""
        used = [name for name in ("a_position", "a_normal", "a_uv") if name in program]
        layout = " ".join(
            size if name in used else f"{4 * int(size[0])}x"
            for name, size in (("a_position", "3f"), ("a_normal", "3f"), ("a_uv", "2f"))
        )
        return self._context.vertex_array(program, [(self._corners, layout, *used)], self._indices)

    def nothing(self, program: moderngl.Program) -> moderngl.VertexArray:
        """No corners: the program places them itself."""
        return self._context.vertex_array(program, [])

    def use_textures(self) -> None:
        """Binds the textures to the units that `look.mesh_uniforms` names."""
        for unit, texture in self._textures.items():
            if texture is not None:
                texture.use(unit)

    def release(self) -> None:
        """Frees the mesh."""
        with self._context:
            for thing in (self._corners, self._indices, self.footprint, *self._textures.values()):
                if thing is not None:
                    thing.release()

    def _texture(self, levels: tuple[Pixels, ...], stored_as: int | None) -> moderngl.Texture | None:
        if not levels:
            return None
        height, width = levels[0].shape[:2]
        texture = self._context.texture((width, height), 4, levels[0], alignment=1, internal_format=stored_as)
        if len(levels) > 1:
            texture.build_mipmaps(max_level=len(levels) - 1)  # makes room; the levels themselves are ours
            for level, pixels in enumerate(levels):
                texture.write(pixels, level=level, alignment=1)
            texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        return texture


class _ContextTrouble:
    """Turns what the context library raises, which is bare Exception, into our error; anything else passes."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is Exception or kind is moderngl.Error:
            raise SetupProblem(
                "No picture of the mesh can be drawn: OpenGL 3.3 is not available.",
                "Install or update the graphics driver (on Linux: the package libegl1). Everything else works.",
                str(error),
            ) from None


def render_mesh(
    mesh: Mesh | PreviewBuffers,
    size_px: int,
    ground: Ground | None = None,
    shading: Shading = Shading.LIT,
    renderer: Renderer | None = None,
    camera: Camera | None = None,
    highlight: Place | None = None,
) -> Picture:
    """A square picture of a mesh.

    Args:
        mesh: valid, or its prepared buffers.
        size_px: of each side.
        ground: what is behind it, `look.ground(dark)`; None leaves it transparent.
        shading: how the surface is shown.
        renderer: used again when given, made and closed here otherwise.
        camera: direction and angle of view; its distance and target are chosen so that the mesh fits. None for
            the product view.
        highlight: a place of the mesh that is pointed at.

    Raises:
        SetupProblem: OpenGL is not available.
    """
    buffers = mesh if isinstance(mesh, PreviewBuffers) else _buffers_for_one(mesh, size_px, Progress())
    fitted = (camera or Camera()).framing(buffers.outline, size_px, size_px)
    marks = Marks(highlight_of(highlight, buffers) if highlight is not None else None)
    wanted = Photograph(size_px, size_px, shading, ground, marks=marks)
    (picture,) = _photographed(buffers, [fitted], wanted, renderer, Progress())
    return picture


def render_place(
    mesh: Mesh | PreviewBuffers,
    place: Place,
    size_px: int,
    ground: Ground | None = None,
    shading: Shading = Shading.LIT,
    renderer: Renderer | None = None,
) -> Picture:
    """A square picture of a place of a mesh, from a side where it can be seen, with enough around it to know where
    it is; the whole mesh when the place is not on it.

    Args:
        mesh: valid, or its prepared buffers.
        place: what is pointed at.
        size_px: of each side.
        ground: what is behind it; None leaves it transparent.
        shading: how the surface is shown.
        renderer: used again when given, made and closed here otherwise.

    Raises:
        SetupProblem: OpenGL is not available.
    """
    buffers = mesh if isinstance(mesh, PreviewBuffers) else _buffers_for_one(mesh, size_px, Progress())
    highlight = highlight_of(place, buffers)
    camera = Camera().framing(buffers.outline, size_px, size_px)
    if highlight is not None:
        camera = looking_at(highlight, buffers, camera, (size_px, size_px), FaceBlocks(buffers.full))
    wanted = Photograph(size_px, size_px, shading, ground, marks=Marks(highlight))
    (picture,) = _photographed(buffers, [camera], wanted, renderer, Progress())
    return picture


def render_section(
    mesh: Mesh | PreviewBuffers,
    plane: Plane,
    size_px: int,
    ground: Ground | None = None,
    shading: Shading = Shading.LIT,
    renderer: Renderer | None = None,
) -> Picture:
    """A square picture of a mesh that is cut open, looked at from the open side; for the rest see `render_place`.

    Raises:
        SetupProblem: OpenGL is not available.
    """
    buffers = mesh if isinstance(mesh, PreviewBuffers) else _buffers_for_one(mesh, size_px, Progress())
    section = cut_surface(cut(FaceBlocks(buffers.full), plane))
    camera = facing_section(plane, Camera()).framing(buffers.outline, size_px, size_px)
    wanted = Photograph(size_px, size_px, shading, ground, marks=Marks(section=section))
    (picture,) = _photographed(buffers, [camera], wanted, renderer, Progress())
    return picture


def render_turntable(
    mesh: Mesh | PreviewBuffers,
    size_px: int,
    frames: int = TURNTABLE_FRAMES,
    ground: Ground | None = None,
    shading: Shading = Shading.LIT,
    renderer: Renderer | None = None,
    progress: Progress | None = None,
) -> list[Picture]:
    """Square pictures all around a mesh, from the product view on, that follow each other without a jump.

    Args:
        mesh: valid, or its prepared buffers.
        size_px: of each side.
        frames: how many; the turn is divided evenly.
        ground: what is behind it; None leaves it transparent.
        shading: how the surface is shown.
        renderer: used again when given, made and closed here otherwise.
        progress: told after each picture.

    Raises:
        SetupProblem: OpenGL is not available.
        Cancelled: by `progress`.
    """
    buffers = mesh if isinstance(mesh, PreviewBuffers) else prepare(mesh)
    return list(turntable_frames(buffers, Photograph(size_px, size_px, shading, ground), frames, renderer, progress))


def turntable_frames(
    buffers: PreviewBuffers,
    wanted: Photograph,
    frames: int = TURNTABLE_FRAMES,
    renderer: Renderer | None = None,
    progress: Progress | None = None,
) -> Iterator[Picture]:
    """The pictures of `render_turntable` one after the other, drawn when they are asked for; close it when done."""
    first = Camera().framing(buffers.outline, wanted.width, wanted.height, all_round=True)
    cameras = [replace(first, azimuth_deg=first.azimuth_deg + 360.0 * k / frames) for k in range(frames)]
    return _photographed(buffers, cameras, wanted, renderer, progress or Progress())


def thumbnail(
    mesh: Mesh | str | Path,
    size_px: int,
    dark: bool | None,
    report: Callable[[float], None],
    is_cancelled: Callable[[], bool],
) -> Picture:
    """A square picture of a mesh, as a function for the helper process.

    Args:
        mesh: valid, or the path of a mesh file.
        size_px: of each side.
        dark: on the dark or the light ground; None for transparent.
        report: called with 0..1.
        is_cancelled: asked between the steps.

    Raises:
        SetupProblem: OpenGL is not available.
        InputProblem: the file cannot be read.
        Cancelled: the user wants to stop.
    """
    progress = Progress(report, is_cancelled)
    if not isinstance(mesh, Mesh):
        from img2model_desktop.core.mesh_files import read_mesh

        mesh = read_mesh(Path(mesh))
    progress.update(0.2)
    buffers = _buffers_for_one(mesh, size_px, progress.part(0.2, 0.6))
    picture = render_mesh(buffers, size_px, None if dark is None else look.ground(dark))
    progress.update(1.0)
    return picture


def _buffers_for_one(mesh: Mesh, size_px: int, progress: Progress) -> PreviewBuffers:
    """Buffers for a single picture: one texture level of about its own fineness.

    Making room for more levels takes longer than all the rest.
    """
    made = prepare(mesh, progress, coarse_above=len(mesh.faces), texture_px=TEXELS_PER_PX * size_px)
    return replace(
        made,
        base_colour=made.base_colour[:1],
        metallic_roughness=made.metallic_roughness[:1],
        normal=made.normal[:1],
    )


def _photographed(
    buffers: PreviewBuffers,
    cameras: Iterable[Camera],
    wanted: Photograph,
    renderer: Renderer | None,
    progress: Progress,
) -> Iterator[Picture]:
    cameras = list(cameras)
    with contextlib.ExitStack() as used:
        renderer = renderer or used.enter_context(Renderer())
        loaded = renderer.load(buffers)
        used.callback(loaded.release)
        for number, camera in enumerate(cameras):
            yield renderer.render(loaded, camera, wanted)
            progress.update((number + 1) / len(cameras))
