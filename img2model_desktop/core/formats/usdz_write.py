"""A mesh as USDZ (Usdz File Format Specification 1.3, Pixar): metres, y up, for AR viewers.

The layer inside is text (USDA), which the specification allows; viewers that take binary layers
alone exist. Its points, faces and uv are the mesh's own in their order.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from img2model_desktop.core.formats.archives import stored
from img2model_desktop.core.formats.gltf_write import GENERATOR, ROUGHNESS
from img2model_desktop.core.formats.tables import rows
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.normals import smooth_normals
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import encode_png

LAYER = "mesh.usda"
RECIPE_KEY = "image2model:recipe"
_ALIGN = 64
_NOT_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]")


def encode_usdz(mesh: Mesh, recipe: Mapping[str, Any] | None = None, name: str = "mesh") -> bytes:
    """The bytes of a USDZ file.

    Args:
        mesh: valid.
        recipe: plain values, kept as JSON in the layer's `customLayerData`.
        name: of the object; signs that USD does not allow in names become underscores.
    """
    pictures = {
        f"textures/{entry}.png": picture
        for entry in ("base_colour", "metallic_roughness", "normal")
        if isinstance(picture := getattr(mesh, entry), Picture)
    }
    files = {LAYER: _layer(mesh, recipe, name).encode()}
    return stored(files | {path: encode_png(picture) for path, picture in pictures.items()}, _ALIGN)


def quoted(text: str) -> str:
    """A string as USDA has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _layer(mesh: Mesh, recipe: Mapping[str, Any] | None, name: str) -> str:
    root = _NOT_IDENTIFIER.sub("_", name).lstrip("0123456789") or "mesh"
    data = f"        string creator = {quoted(GENERATOR)}\n"
    if recipe:
        text = json.dumps(dict(recipe), separators=(",", ":"), allow_nan=False)
        data += f'        string "{RECIPE_KEY}" = {quoted(text)}\n'
    head = (
        f"#usda 1.0\n(\n    customLayerData = {{\n{data}    }}\n"
        f'    defaultPrim = "{root}"\n    metersPerUnit = 1\n    upAxis = "Y"\n)\n\n'
        f'def Xform "{root}" (\n    assetInfo = {{\n        string name = {quoted(name)}\n    }}\n'
        f'    kind = "component"\n)\n{{\n'
    )
    return head + _surface(mesh, root) + _material(mesh, root) + "}\n"


def _surface(mesh: Mesh, root: str) -> str:
    low, high = rows("(%.9g, %.9g, %.9g), ", np.stack([mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)])).split(
        "), "
    )[:2]
    parts = [
        '    def Mesh "surface" (\n        prepend apiSchemas = ["MaterialBindingAPI"]\n    )\n    {\n'
        f"        float3[] extent = [{low}), {high})]\n"
        "        int[] faceVertexCounts = [",
        "3, " * (len(mesh.faces) - 1) + "3]\n        int[] faceVertexIndices = [",
        rows("%d, %d, %d, ", mesh.faces)[:-2] + f"]\n        rel material:binding = </{root}/look/surface>\n",
        "        normal3f[] normals = [",
        rows("(%.9g, %.9g, %.9g), ", smooth_normals(mesh.vertices, mesh.faces))[:-2],
        '] (\n            interpolation = "vertex"\n        )\n        point3f[] points = [',
        rows("(%.9g, %.9g, %.9g), ", mesh.vertices)[:-2] + "]\n",
    ]
    if mesh.uv is not None:
        parts += [
            "        texCoord2f[] primvars:st = [",
            rows("(%.9g, %.9g), ", mesh.uv)[:-2],
            '] (\n            interpolation = "vertex"\n        )\n',
        ]
    parts.append('        uniform token subdivisionScheme = "none"\n    }\n\n')
    return "".join(parts)


def _material(mesh: Mesh, root: str) -> str:
    """A UsdPreviewSurface (specification 2.6) and its textures."""
    place = f"/{root}/look/surface"
    inside = mesh.uv is not None and bool((mesh.uv >= 0).all() and (mesh.uv <= 1).all())
    wrap = "clamp" if inside else "repeat"
    inputs, shaders = "", ""
    if mesh.base_colour is not None:
        inputs += f"                color3f inputs:diffuseColor.connect = <{place}/base_colour.outputs:rgb>\n"
        shaders += _texture("base_colour", place, wrap, "sRGB", ("float3", "rgb"))
        if mesh.base_colour.is_cut_out:
            inputs += f"                float inputs:opacity.connect = <{place}/base_colour.outputs:a>\n"
            shaders = shaders.replace("outputs:rgb\n", "outputs:rgb\n                float outputs:a\n", 1)
    if mesh.metallic_roughness is not None:
        inputs += f"                float inputs:metallic.connect = <{place}/metallic_roughness.outputs:b>\n"
        inputs += f"                float inputs:roughness.connect = <{place}/metallic_roughness.outputs:g>\n"
        shaders += _texture("metallic_roughness", place, wrap, "raw", ("float", "b"), ("float", "g"))
    else:
        inputs += f"                float inputs:metallic = 0\n                float inputs:roughness = {ROUGHNESS:g}\n"
    if mesh.normal is not None:
        inputs += f"                normal3f inputs:normal.connect = <{place}/normal.outputs:rgb>\n"
        shaders += _texture("normal", place, wrap, "raw", ("float3", "rgb"))
    if shaders:
        shaders += (
            '            def Shader "uv"\n            {\n'
            '                uniform token info:id = "UsdPrimvarReader_float2"\n'
            '                string inputs:varname = "st"\n                float2 outputs:result\n            }\n'
        )
    return (
        '    def Scope "look"\n    {\n        def Material "surface"\n        {\n'
        f"            token outputs:surface.connect = <{place}/preview.outputs:surface>\n\n"
        '            def Shader "preview"\n            {\n'
        f'                uniform token info:id = "UsdPreviewSurface"\n{inputs}'
        "                token outputs:surface\n            }\n"
        f"{shaders}        }}\n    }}\n"
    )


def _texture(entry: str, place: str, wrap: str, space: str, *outputs: tuple[str, str]) -> str:
    """A UsdUVTexture; normal maps are moved from 0..1 to -1..1."""
    moved = ""
    if entry == "normal":
        moved = (
            "                float4 inputs:scale = (2, 2, 2, 1)\n                float4 inputs:bias = (-1, -1, -1, 0)\n"
        )
    lines = "".join(f"                {kind} outputs:{channel}\n" for kind, channel in outputs)
    return (
        f'            def Shader "{entry}"\n            {{\n'
        '                uniform token info:id = "UsdUVTexture"\n'
        f"                asset inputs:file = @textures/{entry}.png@\n"
        f'                token inputs:sourceColorSpace = "{space}"\n'
        f"                float2 inputs:st.connect = <{place}/uv.outputs:result>\n"
        f'                token inputs:wrapS = "{wrap}"\n                token inputs:wrapT = "{wrap}"\n'
        f"{moved}{lines}            }}\n"
    )
