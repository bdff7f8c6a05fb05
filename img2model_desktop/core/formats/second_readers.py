"""What readers that are not our writers find in a file that was just written."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from img2model_desktop.core.formats.usdz_read import decode_usdz, stated_frame
from img2model_desktop.core.picture import Picture
from img2model_desktop.errors import Img2ModelError

Pixels = NDArray[np.uint8]

_NO_LIMIT = 2**31 - 1
_MILLIMETRE = 1
"""lib3mf's ModelUnit."""


@dataclass(slots=True)
class Found:
    """What a file holds, in its own unit and axes.

    Args:
        corners: `(m, 3, 3) float64`, of each triangle.
        uv: `(m, 3, 2) float64`, origin lower left, or None.
        colours: `(m, 3, 3) uint8`, of each triangle's corners, where the format has vertex colours and no picture.
        pictures: `(h, w, 4) uint8` by the name of `core.mesh.Mesh`'s entry.
        complaints: what is wrong with the file in itself.
    """

    corners: NDArray[np.float64]
    uv: NDArray[np.float64] | None = None
    colours: Pixels | None = None
    pictures: dict[str, Pixels] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


def found_in(path: Path) -> Found:
    """Reads a file: 3MF with lib3mf, the consortium's library, in its strict mode; USDZ with our own reader, which
    shares no code with the writer, as the official library is 200 MB and not part of the program; others with trimesh.

    Raises:
        Exception: whatever the reader makes of a file that it cannot read.
    """
    match path.suffix.lower():
        case ".3mf":
            return _by_lib3mf(path)
        case ".usdz":
            return _by_usda(path)
    return _by_trimesh(path)


def _by_trimesh(path: Path) -> Found:
    import trimesh  # 0.4 s to import; needed only here

    # its mending of PLY textures takes vertices away that no face uses, and leaves their colours
    options: dict[str, Any] = {"fix_texture": False} if path.suffix.lower() == ".ply" else {}
    loaded: Any = trimesh.load(str(path), process=False, **options)
    if isinstance(loaded, trimesh.Scene):
        if len(loaded.geometry) != 1:
            raise ValueError(f"{len(loaded.geometry)} objects instead of one")
        loaded = loaded.to_mesh()
    faces = np.asarray(loaded.faces)
    found = Found(np.asarray(loaded.vertices, dtype=np.float64)[faces])
    uv = getattr(loaded.visual, "uv", None)
    if uv is not None:
        found.uv = np.asarray(uv)[faces]
    if path.suffix.lower() == ".ply":
        colours = loaded.vertex_attributes.get("color")
        found.colours = None if colours is None else np.asarray(colours)[faces][..., :3]
        return found
    material = getattr(loaded.visual, "material", None)
    for name, entries in (
        ("base_colour", ("baseColorTexture", "image")),
        ("metallic_roughness", ("metallicRoughnessTexture",)),
        ("normal", ("normalTexture",)),
    ):
        image = next((one for entry in entries if (one := getattr(material, entry, None)) is not None), None)
        if image is not None:
            found.pictures[name] = np.asarray(image.convert("RGBA"))
    return found


def _by_usda(path: Path) -> Found:
    content = path.read_bytes()
    try:
        mesh, notes = decode_usdz(content, _picture, _NO_LIMIT, _NO_LIMIT)
        axis, unit = stated_frame(content, _NO_LIMIT)
    except Img2ModelError as problem:
        raise ValueError(f"{problem.message} {problem.details}") from None
    found = Found(mesh.vertices.astype(np.float64)[mesh.faces], complaints=list(notes))
    if (axis, unit) != ("Y", 1.0):
        found.complaints.append(f"it says that {axis} is up and a unit {unit:g} m")
    if mesh.uv is not None:
        found.uv = mesh.uv.astype(np.float64)[mesh.faces]
    for name in ("base_colour", "metallic_roughness", "normal"):
        picture: Picture | None = getattr(mesh, name)
        if picture is not None:
            found.pictures[name] = picture.pixels
    return found


def _picture(content: bytes) -> Picture:
    return Picture.own(_pixels(content))


def _pixels(content: bytes) -> Pixels:
    with Image.open(io.BytesIO(content)) as image:
        return np.array(image.convert("RGBA"))


# -- lib3mf ------------------------------------------------------------------------------------------------------------


def _by_lib3mf(path: Path) -> Found:
    import lib3mf  # rarely needed

    try:
        return _in_model(path, lib3mf.get_wrapper().CreateModel())
    except lib3mf.ELib3MFException as problem:
        raise ValueError(str(problem)) from None


def _in_model(path: Path, model: Any) -> Found:
    """What the library's empty model holds after it has read the file."""
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    try:
        str(path).encode()
    except UnicodeEncodeError:  # the library takes names that are text; from memory it is slower
        reader.ReadFromBuffer(path.read_bytes())
    else:
        reader.ReadFromFile(str(path))
    complaints = [str(reader.GetWarning(number)) for number in range(reader.GetWarningCount())]
    if int(model.GetUnit()) != _MILLIMETRE:
        complaints.append("its unit is not the millimetre")
    items = list(_each(model.GetBuildItems(), "GetCurrent"))
    objects = list(_each(model.GetMeshObjects(), "GetCurrentMeshObject"))
    if len(items) != 1 or len(objects) != 1 or items[0].HasObjectTransform():
        raise ValueError(f"{len(objects)} objects in {len(items)} places instead of one")
    shape = objects[0]
    vertices = np.frombuffer(b"".join(shape.GetVertices()), dtype="<f4").reshape(-1, 3).astype(np.float64)
    faces = np.frombuffer(b"".join(shape.GetTriangleIndices()), dtype="<u4").reshape(-1, 3)
    found = Found(vertices[faces], complaints=complaints)
    groups = list(_each(model.GetTexture2DGroups(), "GetCurrentTexture2DGroup"))
    if groups:
        _add_texture(found, shape, groups)
    return found


def _each(iterator: Any, current: str) -> Any:
    """What one of the library's iterators runs over."""
    while iterator.MoveNext():
        yield getattr(iterator, current)()


def _add_texture(found: Found, shape: Any, groups: list[Any]) -> None:
    if len(groups) != 1:
        raise ValueError(f"{len(groups)} groups of texture coordinates instead of one")
    group = groups[0]
    numbers = list(group.GetAllPropertyIDs())
    uv = np.zeros((max(numbers, default=0) + 1, 2))
    for number in numbers:
        place = group.GetTex2Coord(number)
        uv[number] = place.U, place.V
    properties = np.frombuffer(b"".join(shape.GetAllTriangleProperties()), dtype="<u4").reshape(-1, 4)
    if (properties[:, 0] != group.GetResourceID()).any():
        found.complaints.append("some triangles have no texture")
        return
    found.uv = uv[properties[:, 1:]]
    found.pictures["base_colour"] = _pixels(bytes(group.GetTexture2D().GetAttachment().WriteToBuffer()))
