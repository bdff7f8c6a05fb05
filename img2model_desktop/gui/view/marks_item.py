"""Carries the passes of `render.marks` out in the window: places, cut surfaces, guessed surface."""

import ctypes
from collections.abc import Callable
from functools import partial

import numpy as np
from OpenGL import GL
from pyqtgraph import Transform3D
from pyqtgraph.opengl.GLGraphicsItem import GLGraphicsItem
from PySide6.QtGui import QMatrix4x4

from img2model_desktop.gui.view.gl_objects import Program
from img2model_desktop.gui.view.mesh_item import UPRIGHT, leave, matrix_of
from img2model_desktop.render import look
from img2model_desktop.render.camera import Matrix
from img2model_desktop.render.look import Ground
from img2model_desktop.render.marks import Depth, Draws, Marks, Pass, Shape, Sight, mark_passes

_MODES = {Draws.TRIANGLES: GL.GL_TRIANGLES, Draws.LINES: GL.GL_LINES, Draws.POINTS: GL.GL_POINTS}
_INDEX_BYTES = 4


class MarksItem(GLGraphicsItem):  # type: ignore[misc]  # pyqtgraph has no types
    """What is drawn over the mesh.

    Args:
        ground: behind the mesh.
    """

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.setTransform(Transform3D(QMatrix4x4(*UPRIGHT.ravel().tolist())))
        self.setDepthValue(10)
        self.ground = ground
        self.is_coarse = False
        self.size_px = (1, 1)
        self.px = 1.0
        self.radius_m = 1.0
        self.distance_m = 1.0
        self.has_mesh = True
        self._marks = Marks()
        self._shapes: dict[int, tuple[Shape, ShapeOnCard]] = {}
        self._programs: dict[str, Program] = {}

    @property
    def marks(self) -> Marks:
        """What is drawn."""
        return self._marks

    @marks.setter
    def marks(self, marks: Marks) -> None:
        self._marks = marks
        self.update()

    def paint(self) -> None:
        """Draws everything into the current picture."""
        for step in self.steps(None):
            step()

    def steps(self, faces: int | None) -> list[Callable[[], None]]:
        """What `paint` does, in parts of at most that many faces, lines or points."""
        self._forget_unused()
        if not self.has_mesh:
            return []
        steps: list[Callable[[], None]] = []
        for number, each in enumerate(self._passes(np.eye(4), np.eye(4))):
            count = len(each.shape.indices)
            step = faces or max(count, 1)
            steps += [partial(self._paint_part, number, first, step) for first in range(0, count, step)]
        return steps

    def release(self) -> None:
        """Frees what is on the graphics card; its context must be current."""
        for _, card in self._shapes.values():
            card.release()
        for program in self._programs.values():
            program.release()
        self._shapes.clear()
        self._programs.clear()

    def _passes(self, model_view: Matrix, projection: Matrix) -> list[Pass]:
        sight = Sight(
            model_view,
            projection,
            self.size_px,
            self.px,
            self.ground,
            self.radius_m,
            self.distance_m,
            self.is_coarse,
        )
        return mark_passes(self._marks, sight)

    def _paint_part(self, number: int, first: int, count: int) -> None:
        each = self._passes(matrix_of(self.modelViewMatrix()), matrix_of(self.projectionMatrix()))[number]
        (GL.glDisable if each.depth is Depth.EVERYWHERE else GL.glEnable)(GL.GL_DEPTH_TEST)
        is_solid = each.depth is Depth.SOLID
        GL.glDepthMask(GL.GL_TRUE if is_solid else GL.GL_FALSE)
        (GL.glDisable if is_solid else GL.glEnable)(GL.GL_BLEND)
        GL.glBlendEquation(GL.GL_FUNC_ADD)
        GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)
        GL.glDisable(GL.GL_CULL_FACE)
        if each.is_clipped:
            GL.glEnable(GL.GL_CLIP_DISTANCE0)
        if each.depth is Depth.AT_SURFACE:
            GL.glDepthFunc(GL.GL_LEQUAL)
            GL.glEnable(GL.GL_POLYGON_OFFSET_FILL)
            GL.glPolygonOffset(*look.WIRE_OFFSET)
        else:
            GL.glDepthFunc(GL.GL_LESS)
        self._program(each.files).use(each.uniforms)
        self._on_card(each.shape).draw(first, count)
        GL.glDisable(GL.GL_POLYGON_OFFSET_FILL)
        GL.glDisable(GL.GL_CLIP_DISTANCE0)
        GL.glEnable(GL.GL_DEPTH_TEST)
        leave()

    def _forget_unused(self) -> None:
        used = {id(shape) for shape in self._marks.shapes}
        for key in [key for key in self._shapes if key not in used]:
            self._shapes.pop(key)[1].release()

    def _on_card(self, shape: Shape) -> "ShapeOnCard":
        kept = self._shapes.get(id(shape))
        if kept is None:
            kept = self._shapes[id(shape)] = (shape, ShapeOnCard(shape))  # with the shape, so that its id stays its own
        return kept[1]

    def _program(self, files: tuple[str, ...]) -> Program:
        if files[-1] not in self._programs:
            self._programs[files[-1]] = Program(*files)
        return self._programs[files[-1]]


class ShapeOnCard:
    """A shape on the graphics card."""

    def __init__(self, shape: Shape) -> None:
        self._mode = _MODES[shape.draws]
        self._corners = shape.draws.corners
        self._count = len(shape.indices)
        self._array = GL.glGenVertexArrays(1)
        self._places, self._indices = (int(name) for name in GL.glGenBuffers(2))
        indices = np.ascontiguousarray(shape.indices)
        GL.glBindVertexArray(self._array)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, self._places)
        GL.glBufferData(GL.GL_ARRAY_BUFFER, shape.places.nbytes, shape.places, GL.GL_STATIC_DRAW)
        GL.glBindBuffer(GL.GL_ELEMENT_ARRAY_BUFFER, self._indices)
        GL.glBufferData(GL.GL_ELEMENT_ARRAY_BUFFER, indices.nbytes, indices, GL.GL_STATIC_DRAW)
        GL.glVertexAttribPointer(0, 4, GL.GL_FLOAT, GL.GL_FALSE, 0, ctypes.c_void_p(0))
        GL.glEnableVertexAttribArray(0)
        GL.glBindVertexArray(0)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, 0)

    def draw(self, first: int, count: int) -> None:
        """Draws `count` of its triangles, lines or points from `first` on, with the current program."""
        last = min(first + count, self._count)
        start = ctypes.c_void_p(self._corners * first * _INDEX_BYTES)
        GL.glBindVertexArray(self._array)
        GL.glDrawElements(self._mode, self._corners * max(last - first, 0), GL.GL_UNSIGNED_INT, start)

    def release(self) -> None:
        """Frees it."""
        GL.glDeleteVertexArrays(1, [self._array])
        GL.glDeleteBuffers(2, [self._places, self._indices])
