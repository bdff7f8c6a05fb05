"""What the 3D view draws: a backdrop, the mesh in its shadings, and the floor with shadow and grid.

pyqtgraph's own mesh item has no textures. These are items of its scene that draw with the shader files of this
package. They make what they need on the graphics card when they are first painted in a context and give it back
on `release`, so that a view that moved to another window draws again.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from OpenGL import GL
from pyqtgraph import Transform3D
from pyqtgraph.opengl.GLGraphicsItem import GLGraphicsItem
from PySide6.QtGui import QMatrix4x4

from img2model_desktop.core.preview import PreviewBuffers
from img2model_desktop.gui.view.gl_objects import (
    MeshOnCard,
    Program,
    TriangleBuffers,
    bind_textures,
    triangle_pieces,
    upload_pieces,
)
from img2model_desktop.render import look
from img2model_desktop.render.camera import Matrix
from img2model_desktop.render.look import GridSteps, Ground, Shading

# The one place where our axes (y up, front +z) become pyqtgraph's (z up, front -y): (x, y, z) -> (x, -z, y).
UPRIGHT = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])

OVERLAY_OPACITY = 0.55


class BackdropItem(GLGraphicsItem):  # type: ignore[misc]  # pyqtgraph has no types
    """The vertical gradient behind everything."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.setDepthValue(-10)
        self.ground = ground
        self._program: Program | None = None

    def paint(self) -> None:
        """Draws it over the whole picture."""
        if self._program is None:
            self._program = Program("backdrop.vert", "backdrop.frag")
        GL.glDisable(GL.GL_DEPTH_TEST)
        GL.glDisable(GL.GL_BLEND)
        self._program.use(look.backdrop_uniforms(self.ground))
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)

    def release(self) -> None:
        """Frees what is on the graphics card; its context must be current."""
        if self._program is not None:
            self._program.release()
            self._program = None


class MeshItem(GLGraphicsItem):  # type: ignore[misc]  # pyqtgraph has no types
    """The mesh, and the shadow and grid below it.

    Args:
        ground: colours of lines and shadow.
    """

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.setTransform(Transform3D(QMatrix4x4(*UPRIGHT.ravel().tolist())))
        self.ground = ground
        self.shading = Shading.LIT
        self.has_wires = False
        self.is_coarse = False
        self.grid: GridSteps | None = None
        self.has_shadow = True
        self.size_px = (1, 1)
        self.wire_px = look.WIRE_PX
        self.plain = look.PLAIN
        self.clip: NDArray[np.float64] | None = None  # `(4,)`, see `look.clip_uniforms`
        self._buffers: PreviewBuffers | None = None
        self._cards: list[MeshOnCard] = []
        self._programs: dict[str, Program] = {}
        self._stale: list[Callable[[], None]] = []

    @property
    def buffers(self) -> PreviewBuffers | None:
        """What is drawn."""
        return self._buffers

    def set_buffers(self, buffers: PreviewBuffers | None, kept: PreviewBuffers | None = None) -> None:
        """Shows another mesh, or none; what else is on the card is freed at the next paint, except for `kept`."""
        self._buffers = buffers
        wanted = [each for each in (buffers, kept) if each is not None]
        self._stale += [card.release for card in self._cards if not any(card.shows(each) for each in wanted)]
        self._cards = [card for card in self._cards if any(card.shows(each) for each in wanted)]
        self.update()

    def paint(self) -> None:
        """Draws mesh, lines and floor into the current picture."""
        for step in self.steps(None):
            step()

    def steps(self, faces: int | None) -> list[Callable[[], None]]:
        """What `paint` does, in parts of at most that many faces, each to be called with the same matrices."""
        buffers = self._buffers
        if buffers is None:
            return [self._free_stale]
        drawn = buffers.coarse if self.is_coarse and buffers.coarse is not None else buffers.full
        count = len(drawn.indices)
        faces = faces or count
        parts = range(0, count, faces)
        steps: list[Callable[[], None]] = []
        if not self.is_coarse:
            textures = (buffers.base_colour, buffers.metallic_roughness, buffers.normal)
            pieces = triangle_pieces(buffers.full) + sum(len(upload_pieces(levels)) for levels in textures)
            steps += [self._upload_piece] * pieces
        steps += [partial(self._paint_surface, first, faces) for first in parts]
        if self.has_wires or self.shading is Shading.WIREFRAME:
            steps += [partial(self._paint_wires, first, faces) for first in parts]
        if self.grid is not None or self.has_shadow:
            steps.append(self._paint_floor)
        return steps

    def release(self) -> None:
        """Frees what is on the graphics card; its context must be current."""
        self._stale += [card.release for card in self._cards]
        self._cards.clear()
        self._free_stale()
        for program in self._programs.values():
            program.release()
        self._programs.clear()

    def _free_stale(self) -> None:
        while self._stale:
            self._stale.pop()()

    def _upload_piece(self) -> None:
        self._on_card().upload_piece()

    def _on_card(self) -> MeshOnCard:
        self._free_stale()
        card = self._card()
        while card.make_piece():
            pass
        return card

    def _card(self) -> MeshOnCard:
        assert self._buffers is not None
        for card in self._cards:
            if card.shows(self._buffers):
                return card
        self._cards.append(MeshOnCard(self._buffers))
        return self._cards[-1]

    @property
    def is_ready(self) -> bool:
        """Whether nothing must be made on the card before it can be drawn."""
        return self._buffers is None or any(card.shows(self._buffers) and card.is_ready for card in self._cards)

    def load_piece(self) -> None:
        """Makes one thing more of what the first picture needs."""
        if self._buffers is not None:
            self._free_stale()
            self._card().make_piece()

    def _matrices(self) -> tuple[Matrix, Matrix]:
        """Model-view, with this item's own transform in it, and projection."""
        return matrix_of(self.modelViewMatrix()), matrix_of(self.projectionMatrix())

    def _triangles(self) -> TriangleBuffers:
        card = self._on_card()
        return card.coarse if self.is_coarse else card.full

    def _paint_surface(self, first: int, faces: int) -> None:
        assert self._buffers is not None
        GL.glEnable(GL.GL_DEPTH_TEST)
        GL.glDepthFunc(GL.GL_LESS)
        GL.glDepthMask(GL.GL_TRUE)
        GL.glDisable(GL.GL_BLEND)
        GL.glDisable(GL.GL_CULL_FACE)
        bind_textures(*self._on_card().texture_names)
        uniforms = look.mesh_uniforms(*self._matrices(), self._buffers, self.shading, self.plain)
        self._program("mesh.vert", "mesh.frag").use(uniforms | self._clipping())
        self._triangles().draw(first, faces)
        GL.glDisable(GL.GL_CLIP_DISTANCE0)
        leave()

    def _paint_wires(self, first: int, faces: int) -> None:
        GL.glEnable(GL.GL_DEPTH_TEST)
        GL.glDepthFunc(GL.GL_LEQUAL)
        _blend_premultiplied()
        opacity = 1.0 if self.shading is Shading.WIREFRAME else OVERLAY_OPACITY
        uniforms = look.wire_uniforms(*self._matrices(), self.ground, self.size_px, self.wire_px, opacity)
        self._program("wire.vert", "wire.geom", "wire.frag").use(uniforms | self._clipping())
        GL.glEnable(GL.GL_POLYGON_OFFSET_FILL)
        GL.glPolygonOffset(*look.WIRE_OFFSET)
        self._triangles().draw(first, faces)
        GL.glDisable(GL.GL_POLYGON_OFFSET_FILL)
        GL.glDisable(GL.GL_CLIP_DISTANCE0)
        leave()

    def _clipping(self) -> look.Uniforms:
        if self.clip is not None:
            GL.glEnable(GL.GL_CLIP_DISTANCE0)
        return look.clip_uniforms(self.clip)

    def _paint_floor(self) -> None:
        assert self._buffers is not None
        GL.glEnable(GL.GL_DEPTH_TEST)
        GL.glDepthFunc(GL.GL_LESS)
        _blend_premultiplied()
        bind_textures(self._on_card().footprint)
        self._program("floor.vert", "floor.frag").use(
            look.floor_uniforms(*self._matrices(), self._buffers, self.ground, self.grid, self.has_shadow)
        )
        self._triangles().bind()  # a core context draws nothing without some vertex array
        GL.glDrawArrays(GL.GL_TRIANGLE_STRIP, 0, 4)
        leave()

    def _program(self, *files: str) -> Program:
        if files[-1] not in self._programs:
            self._programs[files[-1]] = Program(*files)
        return self._programs[files[-1]]


def matrix_of(matrix: QMatrix4x4) -> Matrix:
    """`(4, 4) float64`."""
    return np.array(matrix.data(), dtype=np.float64).reshape(4, 4).T  # Qt stores columns one after the other


def _blend_premultiplied() -> None:
    """Colours that carry their alpha already, over what is there, without touching the depths."""
    GL.glDepthMask(GL.GL_FALSE)
    GL.glEnable(GL.GL_BLEND)
    GL.glBlendEquation(GL.GL_FUNC_ADD)
    GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)


def leave() -> None:
    """Leaves the context as Qt and other items expect it."""
    GL.glDepthMask(GL.GL_TRUE)
    GL.glDepthFunc(GL.GL_LESS)
    GL.glDisable(GL.GL_BLEND)
    GL.glBindVertexArray(0)
    GL.glUseProgram(0)
    bind_textures(0, 0, 0)
