"""A mesh as 3MF (Core Specification 1.3, Materials and Properties Extension 1.2.1): millimetres, z up, textured."""

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from img2model_desktop.core.formats.archives import packed
from img2model_desktop.core.formats.frame import SLICER
from img2model_desktop.core.formats.gltf_write import GENERATOR
from img2model_desktop.core.formats.tables import rows
from img2model_desktop.core.formats.threemf_parts import CORE, MATERIAL, RECIPE_NAME, RECIPE_SPACE
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture_files import encode_png
from img2model_desktop.core.topology import collapsed, same_rows
from img2model_desktop.errors import InputProblem

MODEL_PART = "3D/3dmodel.model"
TEXTURE_PART = "3D/Textures/base_colour.png"

_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_MODEL_RELATION = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"
_TEXTURE_RELATION = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dtexture"
_LEVEL = 3
"""Of deflate: level 6 saves 8 % more and takes twice as long."""

_TEXTURE, _COORDINATES, _OBJECT = 1, 2, 3
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def encode_3mf(mesh: Mesh, recipe: Mapping[str, Any] | None = None, name: str = "mesh") -> bytes:
    """The bytes of a 3MF file.

    Vertices at the same place are written once, as the specification wants neighbours to share them; faces that have
    the same place twice have no surface, are not allowed, and are left out.

    Args:
        mesh: valid.
        recipe: plain values, kept as JSON in a metadata entry of our own.
        name: of the object, as slicers list it.

    Raises:
        InputProblem: no face has three places.
    """
    textured = mesh.base_colour is not None and mesh.uv is not None
    files = {
        "[Content_Types].xml": _content_types(textured),
        "_rels/.rels": _relationships({f"/{MODEL_PART}": _MODEL_RELATION}),
        MODEL_PART: _document(mesh, recipe, name).encode(),
    }
    if mesh.base_colour is not None and textured:
        folder, _, part = MODEL_PART.rpartition("/")
        files[f"{folder}/_rels/{part}.rels"] = _relationships({f"/{TEXTURE_PART}": _TEXTURE_RELATION})
        files[TEXTURE_PART] = encode_png(mesh.base_colour)
    return packed(files, _LEVEL)


def _content_types(textured: bool) -> bytes:
    kinds = {
        "rels": "application/vnd.openxmlformats-package.relationships+xml",
        "model": "application/vnd.ms-package.3dmanufacturing-3dmodel+xml",
    }
    if textured:
        kinds["png"] = "image/png"
    entries = "".join(f'<Default Extension="{ending}" ContentType="{kind}"/>' for ending, kind in kinds.items())
    return f'{_XML}<Types xmlns="{_TYPES}">{entries}</Types>'.encode()


def _relationships(targets: Mapping[str, str]) -> bytes:
    entries = "".join(
        f'<Relationship Target="{target}" Id="rel{number}" Type="{kind}"/>'
        for number, (target, kind) in enumerate(targets.items())
    )
    return f'{_XML}<Relationships xmlns="{_RELATIONSHIPS}">{entries}</Relationships>'.encode()


def _document(mesh: Mesh, recipe: Mapping[str, Any] | None, name: str) -> str:
    """The model part."""
    title = _NOT_XML.sub("?", name)
    metadata = (
        f'<metadata name="Title">{escape(title)}</metadata>\n<metadata name="Application">{GENERATOR}</metadata>\n'
    )
    if recipe:
        text = json.dumps(dict(recipe), separators=(",", ":"), allow_nan=False)  # ASCII: all of it may stand in XML
        metadata += f'<metadata name="i2m:{RECIPE_NAME}" preserve="1" type="xs:string">{escape(text)}</metadata>\n'
    parts = [
        f'{_XML}<model unit="millimeter" xml:lang="en-US" xmlns="{CORE}" xmlns:m="{MATERIAL}" '
        f'xmlns:i2m="{RECIPE_SPACE}">\n{metadata}<resources>\n'
    ]
    first, place = np.unique(same_rows(mesh.vertices), return_inverse=True)
    corners = place[mesh.faces].reshape(-1, 3)
    kept = ~collapsed(corners)
    if not kept.any():
        raise InputProblem("No triangle of this mesh has a surface.", "Save it in another format.")
    vertices = rows('<vertex x="%.9g" y="%.9g" z="%.9g"/>\n', SLICER.to_file(mesh.vertices[first]))
    if mesh.uv is not None and mesh.base_colour is not None:
        inside = bool((mesh.uv >= 0).all() and (mesh.uv <= 1).all())
        style = "clamp" if inside else "wrap"
        first_uv, place_uv = np.unique(same_rows(mesh.uv), return_inverse=True)
        parts.append(
            f'<m:texture2d id="{_TEXTURE}" path="/{TEXTURE_PART}" contenttype="image/png" '
            f'tilestyleu="{style}" tilestylev="{style}"/>\n<m:texture2dgroup id="{_COORDINATES}" texid="{_TEXTURE}">\n'
        )
        parts.append(rows('<m:tex2coord u="%.9g" v="%.9g"/>\n', mesh.uv[first_uv]))
        parts.append("</m:texture2dgroup>\n")
        table = np.hstack([corners, place_uv[mesh.faces].reshape(-1, 3)])[kept]
        line = f'<triangle v1="%d" v2="%d" v3="%d" pid="{_COORDINATES}" p1="%d" p2="%d" p3="%d"/>\n'
        default = f' pid="{_COORDINATES}" pindex="0"'
    else:
        table, line, default = corners[kept], '<triangle v1="%d" v2="%d" v3="%d"/>\n', ""
    parts.append(f'<object id="{_OBJECT}" type="model" name={quoteattr(title)}{default}>\n<mesh>\n<vertices>\n')
    parts += [vertices, "</vertices>\n<triangles>\n", rows(line, table), "</triangles>\n</mesh>\n</object>\n"]
    parts.append(f'</resources>\n<build>\n<item objectid="{_OBJECT}"/>\n</build>\n</model>\n')
    return "".join(parts)
