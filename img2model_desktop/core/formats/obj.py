"""OBJ with MTL (Wavefront, Advanced Visualizer manual, appendix B): text, no unit but in our comment."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.formats.atlas import MOST_PICTURES, MOST_PIXELS, flat_picture, together
from img2model_desktop.core.formats.colours import Colours, painted
from img2model_desktop.core.formats.gltf_write import GENERATOR, ROUGHNESS
from img2model_desktop.core.formats.polygons import (
    as_float32,
    broken,
    indexed,
    number,
    text_of,
    too_many,
    triangulated,
    without_triangles,
)
from img2model_desktop.core.formats.tables import rows
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import same_rows
from img2model_desktop.errors import InputProblem

MARK = f"# {GENERATOR.rsplit(' ', 1)[0]}"
"""How the first line of our OBJ and MTL files begins."""

_LINES = 5000
"""Read between two looks at whether to stop: about 10 ms."""


def encode_obj(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    uv: NDArray[np.float32] | None,
    material_file: str | None,
    frame: str,
) -> bytes:
    """The bytes of an OBJ file. Vertices at the same place are written once, so that texture seams do not open the
    surface.

    Args:
        vertices: `(n, 3) float32`, written so that the same float32 comes back.
        faces: `(m, 3) int32`.
        uv: `(n, 2) float32`, origin lower left, or None.
        material_file: name of the MTL file beside it, or None.
        frame: unit and axis in words, for the comment.
    """
    first, place = np.unique(same_rows(vertices), return_inverse=True)
    corners = place[faces].reshape(-1, 3) + 1
    head = f"{MARK}, {frame}\n" + (f"mtllib {material_file}\n" if material_file else "") + "o mesh\n"
    parts = [head, rows("v %.9g %.9g %.9g\n", vertices[first])]
    if uv is None:
        table, line = corners, "f %d %d %d\n"
    else:
        first_uv, place_uv = np.unique(same_rows(uv), return_inverse=True)
        parts.append(rows("vt %.9g %.9g\n", uv[first_uv]))
        table = np.stack([corners, place_uv[faces].reshape(-1, 3) + 1], axis=2).reshape(-1, 6)
        line = "f %d/%d %d/%d %d/%d\n"
    parts.append("usemtl surface\n" if material_file else "")
    parts.append(rows(line, table))
    return "".join(parts).encode()


def encode_mtl(texture_file: str) -> bytes:
    """The bytes of the MTL file: matt, textured with the PNG beside it.

    Ns follows Blender's exchange of shininess and roughness, Ns = 1000 (1 - roughness)^2; Pr and Pm are the
    usual extension for physically based values.
    """
    shininess = 1000 * (1 - ROUGHNESS) ** 2
    return (
        f"{MARK}\nnewmtl surface\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nNs {shininess:g}\nd 1\nillum 1\n"
        f"Pr {ROUGHNESS:g}\nPm 0\nmap_Kd {texture_file}\n"
    ).encode()


# -- reading -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Parsed:
    """What the lines of an OBJ file say."""

    places: list[float] = field(default_factory=list)
    colours: list[float] = field(default_factory=list)
    uv: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    corners: list[int] = field(default_factory=list)
    pairs: dict[tuple[int, int], int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    libraries: list[str] = field(default_factory=list)
    material: str = ""
    used: dict[str, int] = field(default_factory=dict)
    materials: list[int] = field(default_factory=list)


def decode_obj(
    content: bytes,
    beside: Callable[[str], bytes],
    decode: Callable[[bytes], Picture],
    max_vertices: int,
    progress: Progress | None = None,
) -> tuple[Mesh, tuple[str, ...]]:
    """A mesh whose unit is the file's, and sentences about what was left out.

    Args:
        content: of the OBJ file.
        beside: the bytes of a file that it names, or InputProblem.
        decode: the picture in PNG, JPEG or WebP bytes, or InputProblem.
        max_vertices: most that are read.
        progress: asked every `_LINES` lines.

    Raises:
        InputProblem: it is broken, too large, or has no face.
        Cancelled: from `progress`.
    """
    parsed, progress = _Parsed(), progress or Progress()
    try:
        lines = text_of(content).replace("\\\r\n", " ").replace("\\\n", " ").split("\n")
        for at, line in enumerate(lines):
            if at % _LINES == 0:
                progress.update(0.9 * at / len(lines))  # what is left is to make a mesh of them
            _read_line(parsed, line)
            if len(parsed.pairs) > max_vertices or len(parsed.corners) > 6 * max_vertices:
                raise too_many("vertices", len(parsed.pairs), max_vertices)
        faces = triangulated(np.array(parsed.counts, dtype=np.int64), np.array(parsed.corners, dtype=np.int64))
        pairs = np.array(list(parsed.pairs), dtype=np.int64)
    except (ValueError, IndexError, OverflowError) as problem:
        raise broken("OBJ", str(problem)[:200]) from None
    if not len(faces):
        raise without_triangles("OBJ")
    places = as_float32(parsed.places, 3)
    if not ((pairs[:, 0] >= 0) & (pairs[:, 0] < len(places))).all():
        raise broken("OBJ", "a face points at a vertex that is not there")
    uv = as_float32(parsed.uv, 2)
    has_uv = ((pairs[:, 1] >= 0) & (pairs[:, 1] < len(uv))).all() and np.isfinite(uv).all()
    mesh = indexed(places[pairs[:, 0]], faces, "OBJ", uv[pairs[:, 1]] if has_uv else None)
    looks, notes = _looks(parsed, beside)
    bound, said = _bound_together(parsed, looks, mesh, _uv_of(pairs[:, 1], uv), decode, beside)
    if bound is not None:
        return bound, (*notes, *said)
    texture, more = _texture(parsed, looks, beside, decode) if has_uv else (None, ())
    if texture is not None:
        return replace(mesh, base_colour=texture), (*notes, *more)
    colours = _corner_colours(parsed, looks, pairs[mesh.faces, 0])
    return mesh if colours is None else painted(mesh, colours), (*notes, *more)


def _uv_of(numbers: NDArray[np.int64], uv: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(n, 2)`: uv by its number in the file, not a number where there is none."""
    there = (numbers >= 0) & (numbers < len(uv))
    found = np.full((len(numbers), 2), np.nan, dtype=np.float32)
    found[there] = uv[numbers[there]]
    return found


def _bound_together(
    parsed: _Parsed,
    looks: dict[str, "_Look"],
    mesh: Mesh,
    uv: NDArray[np.float32],
    decode: Callable[[bytes], Picture],
    beside: Callable[[str], bytes],
) -> tuple[Mesh | None, tuple[str, ...]]:
    """The mesh with one texture made of those of its materials, and what is missing in it; None where all have the
    same, or it cannot be.

    Args:
        uv: `(n, 2)` of the mesh's vertices, not a number where the file has none.
    """
    used = [looks.get(name, _Look()) for name in parsed.used]
    if len({look.picture for look in used}) < 2 or len(used) > MOST_PICTURES:
        return None, ()
    triangles = np.maximum(np.array(parsed.counts, dtype=np.int64) - 2, 0)
    parts = np.repeat(np.array(parsed.materials, dtype=np.int64), triangles)
    is_textured = np.array([bool(look.picture) for look in used])
    if not np.isfinite(uv[mesh.faces[is_textured[parts]]]).all():
        return None, ()
    pictures: list[Picture] = []
    notes: dict[str, None] = {}
    for look in used:
        colour = np.rint(np.array([*(look.colour or _WHITE), 1.0]) * 255).astype(np.uint8)
        try:
            pictures.append(decode(beside(look.picture)) if look.picture else flat_picture(colour))
        except InputProblem as problem:
            notes[f"The texture was left out: {problem.message}"] = None
            pictures.append(flat_picture(colour))
        if sum(one.width * one.height for one in pictures) > MOST_PIXELS:
            return None, ()
    return together(replace(mesh, uv=np.nan_to_num(uv)), parts, pictures), tuple(notes)


def _corner_colours(parsed: _Parsed, looks: dict[str, "_Look"], places: NDArray[np.int64]) -> Colours | None:
    """`(m, 3, 4)`: the vertices' colours, else those of the materials, or None where there are none.

    Args:
        places: `(m, 3)`, number of the place of each corner.
    """
    if len(parsed.colours) == len(parsed.places):
        shares = np.array(parsed.colours, dtype=np.float64).reshape(-1, 3)
        shares = shares if float(np.nan_to_num(shares).max(initial=0)) > 1 else shares * 255
        colours = np.full((len(shares), 4), 255, dtype=np.uint8)
        colours[:, :3] = np.clip(np.rint(np.nan_to_num(shares)), 0, 255)
        return np.asarray(colours[places])
    by_material = [looks[name].colour if name in looks else None for name in parsed.used]
    if all(colour in (None, _WHITE) for colour in by_material):
        return None
    table = np.array([colour or _WHITE for colour in by_material], dtype=np.float64) * 255
    triangles = np.maximum(np.array(parsed.counts, dtype=np.int64) - 2, 0)
    rows = np.repeat(np.array(parsed.materials, dtype=np.int64), triangles)
    opaque = np.column_stack([np.rint(table), np.full(len(table), 255)]).astype(np.uint8)
    return np.repeat(opaque[rows][:, None], 3, axis=1)


def _read_line(parsed: _Parsed, line: str) -> None:
    words = line.split()
    if not words:
        return
    match words[0]:
        case "v":
            x, y, z = words[1:4]
            parsed.places += [number(x), number(y), number(z)]
            if len(words) >= 7:  # not of the format, but what scanners and sculpting programs write
                parsed.colours += [number(word) for word in words[4:7]]
        case "vt":
            parsed.uv += [number(words[1]), number(words[2]) if len(words) > 2 else 0.0]
        case "f":
            corners = [_corner(parsed, word) for word in words[1:]]
            parsed.counts.append(len(corners))
            parsed.corners += corners
            parsed.materials.append(parsed.used.setdefault(parsed.material, len(parsed.used)))
        case "usemtl":
            parsed.material = line.split(None, 1)[1].strip() if len(words) > 1 else ""
        case "mtllib" if len(words) > 1:
            parsed.libraries.append(line.split(None, 1)[1].strip())


def _corner(parsed: _Parsed, word: str) -> int:
    """The vertex that `7`, `7/3`, `7/3/2`, `7//2` or, counted from the end, `-1/-1` means."""
    vertex = parsed.known.get(word)
    if vertex is None:
        place, _, rest = word.partition("/")
        texture = rest.partition("/")[0]
        at = _position(place, len(parsed.places) // 3)
        at_uv = _position(texture, len(parsed.uv) // 2) if texture else -1
        vertex = parsed.pairs.setdefault((at, at_uv), len(parsed.pairs))
        if "-" not in word:
            parsed.known[word] = vertex
    return vertex


def _position(text: str, so_far: int) -> int:
    """Counted from 0; in the file from 1, or backwards from -1."""
    at = int(text)
    if at == 0 or at < -so_far:
        raise ValueError(f"number {at}")
    return at - 1 if at > 0 else so_far + at


@dataclass(slots=True)
class _Look:
    """A material: diffuse colour, 0..1 sRGB, or None where it says none; file name of its picture or empty."""

    colour: tuple[float, float, float] | None = None
    picture: str = ""


_WHITE = (1.0, 1.0, 1.0)


def _looks(parsed: _Parsed, beside: Callable[[str], bytes]) -> tuple[dict[str, _Look], tuple[str, ...]]:
    """The materials by name, and why some are missing."""
    looks: dict[str, _Look] = {}
    notes: dict[str, None] = {}
    for library in dict.fromkeys(parsed.libraries):
        try:
            looks |= _materials(text_of(beside(library)))
        except InputProblem as problem:
            notes[f"The materials were left out: {problem.message}"] = None
    return looks, tuple(notes)


def _texture(
    parsed: _Parsed, looks: dict[str, _Look], beside: Callable[[str], bytes], decode: Callable[[bytes], Picture]
) -> tuple[Picture | None, tuple[str, ...]]:
    """The one texture that all faces use, and why there is none."""
    names = {looks[name].picture if name in looks else "" for name in parsed.used}
    if len(names) > 1:
        return None, ("The parts have textures of their own; they were left out.",)
    name = names.pop()
    try:
        return (decode(beside(name)), ()) if name else (None, ())
    except InputProblem as problem:
        return None, (f"The texture was left out: {problem.message}",)


def _materials(text: str) -> dict[str, _Look]:
    """What the lines of an MTL file say, by material."""
    found: dict[str, _Look] = {}
    look = _Look()
    for line in text.split("\n"):
        head, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if head == "newmtl":
            look = found[rest] = _Look()
        elif head.lower() == "map_kd" and rest:
            # options (-s 1 1 1) stand before the name, which may hold blanks where there are none
            look.picture = (rest.split()[-1] if rest.startswith("-") else rest).replace("\\", "/")
        elif head == "Kd":
            look.colour = _shares(rest)
    return found


def _shares(text: str) -> tuple[float, float, float] | None:
    """Three numbers 0..1, or None."""
    try:
        red, green, blue = (min(max(number(word), 0.0), 1.0) for word in text.split()[:3])
    except ValueError:
        return None
    return red, green, blue
