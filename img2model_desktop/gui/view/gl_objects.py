"""Programs, buffers and textures on the window's graphics card, through PyOpenGL.

All of it belongs to the context that is current when it is made, and must be released while that one is current.
"""

import ctypes
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from OpenGL import GL

from img2model_desktop.core.picture import Pixels
from img2model_desktop.core.preview import PreviewBuffers, Triangles
from img2model_desktop.errors import SetupProblem
from img2model_desktop.render.look import Uniforms, shader_source

_KINDS = {".vert": GL.GL_VERTEX_SHADER, ".geom": GL.GL_GEOMETRY_SHADER, ".frag": GL.GL_FRAGMENT_SHADER}
AT_ONCE_TEXELS = 512 * 512  # one piece of an upload: a megabyte, a millisecond or less
AT_ONCE_BYTES = 4 << 20  # ... of triangles
_FLOAT_BYTES = 4
_INDEX_BYTES = 4
_CORNER_BYTES = 8 * _FLOAT_BYTES


class Program:
    """A linked shader program.

    Args:
        files: names of shader files of this package, such as "mesh.vert", "mesh.frag".

    Raises:
        SetupProblem: the driver does not take a shader.
    """

    def __init__(self, *files: str) -> None:
        self._program = GL.glCreateProgram()
        shaders = [_compiled(name) for name in files]
        for shader in shaders:
            GL.glAttachShader(self._program, shader)
        GL.glLinkProgram(self._program)
        for shader in shaders:
            GL.glDeleteShader(shader)
        if not GL.glGetProgramiv(self._program, GL.GL_LINK_STATUS):
            raise _refused(", ".join(files), GL.glGetProgramInfoLog(self._program))
        self._places = self._active_uniforms()

    def use(self, uniforms: Uniforms) -> None:
        """Makes it the current program, with these uniforms; those that the compiler dropped are skipped."""
        GL.glUseProgram(self._program)
        for name, value in uniforms.items():
            place = self._places.get(name)
            if place is None:
                continue
            if isinstance(value, np.ndarray):
                GL.glUniformMatrix4fv(place, 1, GL.GL_TRUE, value.astype(np.float32))
            elif isinstance(value, tuple):
                (GL.glUniform2f, GL.glUniform3f, GL.glUniform4f)[len(value) - 2](place, *value)
            elif isinstance(value, int):
                GL.glUniform1i(place, value)
            else:
                GL.glUniform1f(place, value)

    def release(self) -> None:
        """Frees it."""
        GL.glDeleteProgram(self._program)

    def _active_uniforms(self) -> dict[str, int]:
        count = GL.glGetProgramiv(self._program, GL.GL_ACTIVE_UNIFORMS)
        names = [GL.glGetActiveUniform(self._program, index)[0] for index in range(count)]
        texts = [name.decode("ascii") if isinstance(name, bytes) else str(name) for name in names]
        return {name: GL.glGetUniformLocation(self._program, name) for name in texts}


class TriangleBuffers:
    """Triangles on the graphics card; they follow in pieces, and are whole when they are first drawn."""

    def __init__(self, triangles: Triangles) -> None:
        self.count = len(triangles.indices)
        self._array = GL.glGenVertexArrays(1)
        self._corners, self._indices = (int(name) for name in GL.glGenBuffers(2))
        GL.glBindVertexArray(self._array)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, self._corners)
        GL.glBufferData(GL.GL_ARRAY_BUFFER, triangles.corners.nbytes, None, GL.GL_STATIC_DRAW)
        GL.glBindBuffer(GL.GL_ELEMENT_ARRAY_BUFFER, self._indices)
        GL.glBufferData(GL.GL_ELEMENT_ARRAY_BUFFER, triangles.indices.nbytes, None, GL.GL_STATIC_DRAW)
        self._left = [
            (name, first, table)
            for name, table in ((self._corners, triangles.corners), (self._indices, triangles.indices))
            for first in range(0, len(table), _rows(table))
        ]
        for place, (size, offset) in enumerate(((3, 0), (3, 3), (2, 6))):  # position, normal, uv
            start = ctypes.c_void_p(offset * _FLOAT_BYTES)
            GL.glVertexAttribPointer(place, size, GL.GL_FLOAT, GL.GL_FALSE, _CORNER_BYTES, start)
            GL.glEnableVertexAttribArray(place)
        GL.glBindVertexArray(0)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, 0)

    def draw(self, first: int = 0, count: int | None = None) -> None:
        """Draws `count` triangles from `first` on, or all, with the current program; their vertex array stays bound."""
        while self.upload_piece():
            pass
        last = self.count if count is None else min(first + count, self.count)
        start = ctypes.c_void_p(3 * first * _INDEX_BYTES)
        self.bind()
        GL.glDrawElements(GL.GL_TRIANGLES, 3 * max(last - first, 0), GL.GL_UNSIGNED_INT, start)

    def upload_piece(self) -> bool:
        """Uploads one piece more; False when there is none left."""
        if not self._left:
            return False
        name, first, table = self._left.pop(0)
        piece = table[first : first + _rows(table)]
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, name)  # any target will do to fill it
        GL.glBufferSubData(GL.GL_ARRAY_BUFFER, first * table.strides[0], piece.nbytes, piece)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, 0)
        return True

    def bind(self) -> None:
        """Makes their vertex array the current one."""
        GL.glBindVertexArray(self._array)

    def release(self) -> None:
        """Frees them."""
        GL.glDeleteVertexArrays(1, [self._array])
        GL.glDeleteBuffers(2, [self._corners, self._indices])


def triangle_pieces(triangles: Triangles) -> int:
    """How many times `TriangleBuffers.upload_piece` has something to do."""
    return sum(-(-len(table) // _rows(table)) for table in (triangles.corners, triangles.indices))


def _rows(table: NDArray[np.generic]) -> int:
    """How many rows of a table are uploaded at once."""
    return max(AT_ONCE_BYTES // table.strides[0], 1)


class LevelledTexture:
    """A texture with its levels; the fine ones follow in pieces, and until then the coarse ones are seen.

    Args:
        levels: as in `PreviewBuffers`, at least one.
        stored_as: internal format.
    """

    def __init__(self, levels: tuple[Pixels, ...], stored_as: int) -> None:
        self.name = _new_texture(GL.GL_LINEAR_MIPMAP_LINEAR, GL.GL_REPEAT)
        self._levels = levels
        self._left = upload_pieces(levels)
        first = self._left[0][0] + 1 if self._left else 0
        GL.glTexParameteri(GL.GL_TEXTURE_2D, GL.GL_TEXTURE_BASE_LEVEL, first)
        GL.glTexParameteri(GL.GL_TEXTURE_2D, GL.GL_TEXTURE_MAX_LEVEL, len(levels) - 1)
        for level, pixels in enumerate(levels):
            height, width = pixels.shape[:2]
            given = pixels if level >= first else None
            GL.glTexImage2D(
                GL.GL_TEXTURE_2D, level, stored_as, width, height, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, given
            )

    def upload_piece(self) -> bool:
        """Uploads one piece more; False when there is none left."""
        if not self._left:
            return False
        level, low, rows = self._left.pop(0)
        pixels = self._levels[level][low : low + rows]
        bind_textures(self.name)
        GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
        GL.glTexSubImage2D(
            GL.GL_TEXTURE_2D, level, 0, low, pixels.shape[1], rows, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, pixels
        )
        if not self._left or self._left[0][0] != level:
            GL.glTexParameteri(GL.GL_TEXTURE_2D, GL.GL_TEXTURE_BASE_LEVEL, level)
        return True


def upload_pieces(levels: tuple[Pixels, ...]) -> list[tuple[int, int, int]]:
    """Level, first row and number of rows of each piece that is uploaded after the rest, coarser levels first."""
    pieces = []
    for level in reversed(range(len(levels) - 1)):
        height, width = levels[level].shape[:2]
        if height * width > AT_ONCE_TEXELS:
            rows = max(AT_ONCE_TEXELS // width, 1)
            pieces += [(level, low, min(rows, height - low)) for low in range(0, height, rows)]
    return pieces


class MeshOnCard:
    """Everything of one mesh on the graphics card.

    What its first picture needs is made in a few steps, `make_piece`, so that a slow card does not hold the window up;
    the whole mesh, where there is a coarse stand-in, and fine textures follow later.
    """

    def __init__(self, buffers: PreviewBuffers) -> None:
        self._buffers = buffers
        self._full: TriangleBuffers | None = None
        self._coarse: TriangleBuffers | None = None
        self.footprint = 0
        self._textures: list[LevelledTexture | None] = [None, None, None]
        self._makers: list[Callable[[], object]] = [self._make_footprint, lambda: self.coarse]
        pictures = (
            (buffers.base_colour, GL.GL_SRGB8_ALPHA8),
            (buffers.metallic_roughness, GL.GL_RGBA8),
            (buffers.normal, GL.GL_RGBA8),
        )
        for place, (levels, kind) in enumerate(pictures):
            if levels:
                self._makers.append(partial(self._make_texture, place, levels, kind))

    def make_piece(self) -> bool:
        """Makes one thing more of what the first picture needs; False when nothing is left."""
        if self._makers:
            self._makers.pop()()
        return bool(self._makers)

    @property
    def is_ready(self) -> bool:
        """Whether its first picture can be drawn."""
        return not self._makers

    def _make_footprint(self) -> None:
        self.footprint = _footprint_texture(self._buffers.footprint)

    def _make_texture(self, place: int, levels: tuple[Pixels, ...], stored_as: int) -> None:
        self._textures[place] = LevelledTexture(levels, stored_as)

    def shows(self, buffers: PreviewBuffers) -> bool:
        """Whether it was made from these."""
        return self._buffers is buffers

    @property
    def full(self) -> TriangleBuffers:
        """All faces."""
        if self._full is None:
            self._full = TriangleBuffers(self._buffers.full)
        return self._full

    @property
    def coarse(self) -> TriangleBuffers:
        """The coarse stand-in, or all faces when there is none."""
        if self._buffers.coarse is None:
            return self.full
        if self._coarse is None:
            self._coarse = TriangleBuffers(self._buffers.coarse)
        return self._coarse

    @property
    def texture_names(self) -> tuple[int, ...]:
        """Base colour, metallic-roughness, normal; 0 for none."""
        return tuple(texture.name if texture is not None else 0 for texture in self._textures)

    def upload_piece(self) -> None:
        """Uploads one piece more of the whole mesh, then of the textures, if any is left."""
        if not self.full.upload_piece():
            any(texture.upload_piece() for texture in self._textures if texture is not None)

    def release(self) -> None:
        """Frees it."""
        for triangles in (self._full, self._coarse):
            if triangles is not None:
                triangles.release()
        GL.glDeleteTextures([name for name in (self.footprint, *self.texture_names) if name])


def bind_textures(*textures: int) -> None:
    """Binds textures to the units 0, 1, ...; 0 stands for none."""
    for unit, texture in enumerate(textures):
        GL.glActiveTexture(GL.GL_TEXTURE0 + unit)
        GL.glBindTexture(GL.GL_TEXTURE_2D, texture)
    GL.glActiveTexture(GL.GL_TEXTURE0)


def _footprint_texture(footprint: NDArray[np.uint8]) -> int:
    texture = _new_texture(GL.GL_LINEAR, GL.GL_CLAMP_TO_EDGE)
    height, width = footprint.shape
    GL.glTexImage2D(GL.GL_TEXTURE_2D, 0, GL.GL_R8, width, height, 0, GL.GL_RED, GL.GL_UNSIGNED_BYTE, footprint)
    return texture


def _new_texture(smaller: int, wrap: int) -> int:
    texture = int(GL.glGenTextures(1))
    bind_textures(texture)
    GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
    for name, value in (
        (GL.GL_TEXTURE_MIN_FILTER, smaller),
        (GL.GL_TEXTURE_MAG_FILTER, GL.GL_LINEAR),
        (GL.GL_TEXTURE_WRAP_S, wrap),
        (GL.GL_TEXTURE_WRAP_T, wrap),
    ):
        GL.glTexParameteri(GL.GL_TEXTURE_2D, name, value)
    return texture


def _compiled(name: str) -> int:
    shader = GL.glCreateShader(_KINDS[name[name.rindex(".") :]])
    GL.glShaderSource(shader, shader_source(name))
    GL.glCompileShader(shader)
    if not GL.glGetShaderiv(shader, GL.GL_COMPILE_STATUS):
        raise _refused(name, GL.glGetShaderInfoLog(shader))
    return int(shader)


def _refused(what: str, log: bytes | str) -> SetupProblem:
    text = log.decode("utf-8", "replace") if isinstance(log, bytes) else log
    return SetupProblem(
        "The graphics driver cannot draw the 3D view.", "Update the graphics driver.", f"{what}: {text.strip()}"
    )
