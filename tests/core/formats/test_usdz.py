"""USDZ: what is written against the official library, and what is read of others."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from img2model_desktop.core.formats.archives import stored
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import ReadLimits, encode, read, read_mesh, read_recipe, write_mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import encode_png
from img2model_desktop.errors import InputProblem
from tests.shapes import box, pixels, sphere, textured, torus

LIMITS = ReadLimits(file_bytes=1_000_000, vertices=1000, picture_pixels=100_000)


def all_pictures() -> Mesh:
    plain = textured(box())
    see_through = Picture.own(np.random.default_rng(3).integers(0, 256, (9, 5, 4), dtype=np.uint8))
    return Mesh(plain.vertices, plain.faces, plain.uv, see_through, pixels(8, 8, 1), pixels(4, 4, 2))


MESHES = {"plain": sphere(), "seams": textured(torus()), "pictures": all_pictures()}


@pytest.fixture
def pxr() -> Any:
    """The official library; skipped without it."""
    return pytest.importorskip("pxr.Usd", reason="usd-core is not installed")


@pytest.mark.parametrize("name", MESHES)
def test_the_official_validators_find_nothing(pxr: Any, tmp_path: Path, name: str) -> None:
    from pxr import Usd, UsdValidation

    write_mesh(MESHES[name], tmp_path / "a.usdz", {"seed": 1})
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) >= 20
    stage = Usd.Stage.Open(str(tmp_path / "a.usdz"))
    errors = UsdValidation.ValidationContext(validators).Validate(stage)
    assert [(error.GetName(), error.GetMessage()) for error in errors] == []


def test_the_official_validators_would_find_something(pxr: Any, tmp_path: Path) -> None:
    from pxr import Usd, UsdValidation

    write_mesh(MESHES["seams"], tmp_path / "a.usdz")
    with zipfile.ZipFile(tmp_path / "a.usdz") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["mesh.usda"] = files["mesh.usda"].replace(b"    metersPerUnit = 1\n", b"").replace(b'"repeat"', b'"bend"')
    (tmp_path / "b.usdz").write_bytes(stored(files, 64))
    stage = Usd.Stage.Open(str(tmp_path / "b.usdz"))
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert "MissingMetersPerUnitMetadata" in str(
        [error.GetName() for error in UsdValidation.ValidationContext(validators).Validate(stage)]
    )


@pytest.mark.parametrize("name", MESHES)
def test_the_official_library_reads_the_same_arrays(pxr: Any, tmp_path: Path, name: str) -> None:
    from pxr import Usd, UsdGeom

    mesh = MESHES[name]
    write_mesh(mesh, tmp_path / "Vase “ö” 日本.usdz", {"prompt": 'a "b" \\ \n 日本'})
    stage = Usd.Stage.Open(str(tmp_path / "Vase “ö” 日本.usdz"))
    assert (UsdGeom.GetStageMetersPerUnit(stage), UsdGeom.GetStageUpAxis(stage)) == (1.0, "Y")
    surfaces = [prim for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh)]
    assert len(surfaces) == 1
    found = UsdGeom.Mesh(surfaces[0])
    assert np.array_equal(np.array(found.GetPointsAttr().Get()), mesh.vertices)
    assert np.array_equal(np.array(found.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3), mesh.faces)
    assert set(found.GetFaceVertexCountsAttr().Get()) == {3}
    assert np.array_equal(np.array(found.GetExtentAttr().Get()), mesh.bounds.astype(np.float32))
    assert found.GetSubdivisionSchemeAttr().Get() == "none"
    st = UsdGeom.PrimvarsAPI(surfaces[0]).GetPrimvar("st")
    assert st.HasValue() == (mesh.uv is not None)
    if mesh.uv is not None:
        assert np.array_equal(np.array(st.Get()), mesh.uv)
        assert st.GetInterpolation() == "vertex"


def test_the_official_library_finds_the_pictures(pxr: Any, tmp_path: Path) -> None:
    from pxr import Usd, UsdShade

    write_mesh(MESHES["pictures"], tmp_path / "a.usdz")
    stage = Usd.Stage.Open(str(tmp_path / "a.usdz"))
    material = next(UsdShade.Material(prim) for prim in stage.Traverse() if prim.IsA(UsdShade.Material))
    surface = material.ComputeSurfaceSource()[0]
    assert surface.GetIdAttr().Get() == "UsdPreviewSurface"
    for name, entry in (
        ("diffuseColor", "base_colour"),
        ("opacity", "base_colour"),
        ("metallic", "metallic_roughness"),
        ("roughness", "metallic_roughness"),
        ("normal", "normal"),
    ):
        source = surface.GetInput(name).GetConnectedSources()[0][0].source
        texture = UsdShade.Shader(source.GetPrim())
        assert texture.GetIdAttr().Get() == "UsdUVTexture"
        assert texture.GetInput("file").Get().path == f"textures/{entry}.png"
        assert texture.GetInput("file").Get().resolvedPath  # it is in the package
    assert UsdShade.MaterialBindingAPI(stage.GetDefaultPrim().GetChild("surface")).ComputeBoundMaterial()[0]


def test_the_recipe_is_data_of_the_layer(pxr: Any, tmp_path: Path) -> None:
    from pxr import Usd

    recipe = {"prompt": 'upAxis = "Z"\n) metersPerUnit = 7 \\" @x@ # é 日本 \x00', "list": [1, 2.5, None, True]}
    write_mesh(box(), tmp_path / "a.usdz", recipe)
    assert read_recipe(tmp_path / "a.usdz") == recipe
    stage = Usd.Stage.Open(str(tmp_path / "a.usdz"))
    assert "image2model:recipe" in stage.GetRootLayer().customLayerData
    assert np.array_equal(read_mesh(tmp_path / "a.usdz").vertices, box().vertices)
    write_mesh(box(), tmp_path / "b.usdz")
    assert read_recipe(tmp_path / "b.usdz") == {}


@pytest.mark.parametrize("name", MESHES)
def test_it_comes_back_array_for_array_and_pixel_for_pixel(tmp_path: Path, name: str) -> None:
    mesh = MESHES[name]
    write_mesh(mesh, tmp_path / "a.usdz")
    again, notes = read(tmp_path / "a.usdz")
    assert notes == ()
    assert np.array_equal(again.vertices, mesh.vertices)
    assert np.array_equal(again.faces, mesh.faces)
    assert (again.uv is None) == (mesh.uv is None)
    assert mesh.uv is None or np.array_equal(again.uv, mesh.uv)
    for entry in ("base_colour", "metallic_roughness", "normal"):
        picture = getattr(mesh, entry)
        assert picture is None or np.array_equal(getattr(again, entry).pixels, picture.pixels), entry


def test_files_in_it_are_stored_at_multiples_of_64_and_their_bytes_are_the_same_every_time(tmp_path: Path) -> None:
    content = encode(all_pictures(), tmp_path / "a.usdz", {"a": 1})["a.usdz"]
    assert content == encode(all_pictures(), tmp_path / "a.usdz", {"a": 1})["a.usdz"]
    (tmp_path / "a.usdz").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.usdz") as archive:
        entries = archive.infolist()
        assert entries[0].filename == "mesh.usda"
        assert len(entries) == 4
        for entry in entries:
            head = content[entry.header_offset : entry.header_offset + 30]
            begin = entry.header_offset + 30 + int.from_bytes(head[26:28], "little")
            begin += int.from_bytes(head[28:30], "little")
            assert begin % 64 == 0
            assert entry.compress_type == zipfile.ZIP_STORED
            assert content[begin : begin + entry.file_size] == archive.read(entry)


# -- of other programs -----------------------------------------------------------------------------------------------


def package(folder: Path, layer: str | bytes, files: dict[str, bytes] | None = None, name: str = "a.usda") -> Path:
    path = folder / "a.usdz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, layer)
        for other, content in (files or {}).items():
            archive.writestr(other, content)
    return path


SQUARE = """
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0, 1, 2, 3]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]  # a comment ] with brackets
"""


def corners(path: Path) -> Any:
    mesh = read_mesh(path)
    return (mesh.vertices[mesh.faces] + 0.0).tolist()


def test_unit_axis_and_places_of_other_programs(tmp_path: Path) -> None:
    layer = f"""#usda 1.0
(
    "A file of somebody, with ) in its words"
    metersPerUnit = 0.5
    upAxis = "Z"
)
def Xform "a" (kind = "component")
{{
    double3 xformOp:translate = (10, 0, 0)
    float3 xformOp:rotateXYZ = (0, 0, 90)
    float3 xformOp:scale:x = (2, 1, 1)
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ", "xformOp:scale:x"]
    over "nothing" {{ }}
    def Mesh "square" {{ {SQUARE} }}
    def Mesh "hidden" {{ {SQUARE} token visibility = "invisible" }}
    class "kind" {{ def Mesh "m" {{ {SQUARE} }} }}
    variantSet "look" = {{ "a" {{ def Mesh "m" {{ {SQUARE} }} }} }}
}}
"""
    # scaled to 2 x 1, turned so that x becomes y, moved by 10, halved, and laid from z up to y up
    assert np.allclose(
        corners(package(tmp_path, layer)),
        [[[5, 0, 0], [5, 0, -1], [4.5, 0, -1]], [[5, 0, 0], [4.5, 0, -1], [4.5, 0, 0]]],
    )


def test_without_words_a_unit_is_a_centimetre_and_a_matrix_moves(tmp_path: Path) -> None:
    layer = f"""#usda 1.0
def Mesh "square" {{ {SQUARE}
    matrix4d xformOp:transform = ( (-1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 7, 1) )
    uniform token[] xformOpOrder = ["xformOp:transform"]
}}
"""
    found = np.array(corners(package(tmp_path, layer)))
    assert np.allclose(found[0], [[-0.01, 0.01, 0.07], [-0.01, 0, 0.07], [0, 0, 0.07]])  # mirrored, and still facing +z


def test_a_reference_inside_the_package_is_followed_with_its_texture(tmp_path: Path) -> None:
    layer = """#usda 1.0
(
    metersPerUnit = 1
)
def Xform "a" {
    def Xform "thing" (prepend references = @./parts/square.usda@</square>) {
        rel material:binding = </look/red>
    }
}
def Scope "look" {
    def Material "red" {
        token outputs:surface.connect = </look/red/s.outputs:surface>
        def Shader "s" { uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor.connect = </look/red/t.outputs:rgb>
        }
        def Shader "t" { uniform token info:id = "UsdUVTexture"
            asset inputs:file = @textures/a.png@
        }
    }
}
"""
    part = f"""#usda 1.0
def Xform "square" {{ def Mesh "m" {{ {SQUARE}
    texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] (interpolation = "faceVarying")
    int[] primvars:st:indices = [0, 1, 2, 0]
}} }}
"""
    path = package(tmp_path, layer, {"parts/square.usda": part.encode(), "textures/a.png": encode_png(pixels())})
    mesh, notes = read(path)
    assert notes == ()
    assert mesh.uv[mesh.faces].tolist() == [[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 0]]]
    assert np.array_equal(mesh.base_colour.pixels, pixels().pixels)


def test_a_binary_layer_is_refused_with_a_way_out(pxr: Any, tmp_path: Path) -> None:
    from pxr import Usd

    stage = Usd.Stage.CreateNew(str(tmp_path / "a.usdc"))
    stage.GetRootLayer().Save()
    path = package(tmp_path, (tmp_path / "a.usdc").read_bytes(), name="a.usdc")
    with pytest.raises(InputProblem, match="binary form") as caught:
        read(path)
    assert "GLB" in caught.value.advice
    assert read_recipe(path) == {}


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        ("#usda 1.0\n", "no triangle"),
        ('#usda 1.0\ndef Mesh "m" {\n', "broken"),
        ('#usda 1.0\ndef Mesh "m" { point3f[] points = [(0, 0, 0) }\n', "broken"),
        ('#usda 1.0\ndef Mesh "m" { point3f[] points = [(0, 0, x)] }\n', "broken"),
        ('#usda 1.0\ndef Mesh "m" {' + SQUARE.replace("2, 3]", "2, 4]") + "}", "broken"),
        ('#usda 1.0\ndef Mesh "m" {' + SQUARE.replace("[4]", "[5]") + "}", "broken"),
        ('#usda 1.0\ndef Mesh "m" {' + SQUARE.replace("(1, 0, 0)", "(nan, 0, 0)") + "}", "usable|broken"),
        ('#usda 1.0\ndef Mesh "m" {' + SQUARE.replace("(1, 0, 0)", "(1e99, 0, 0)") + "}", "usable|broken"),
        ('#usda 1.0\n(metersPerUnit = -1)\ndef Mesh "m" {' + SQUARE + "}", "broken"),
        ("#usda 1.0\n" + 'def Xform "a" {' * 5000, "broken"),
        ("#usda 1.0\n( a = " + "[(" * 5000, "broken"),
        ('#usda 1.0\ndef Mesh "m" { point3f[] points = [' + "(0, 0, 0), " * 9000 + "] }", "more than"),
        ("PK", "broken"),
    ],
)
def test_broken_layers_are_refused_with_a_reason(tmp_path: Path, layer: str, sentence: str) -> None:
    with pytest.raises(InputProblem, match=sentence):
        read(package(tmp_path, layer), LIMITS)


def test_references_that_multiply_are_refused(tmp_path: Path) -> None:
    inner = "".join(f'def "b{k}" (references = @a.usda@</a>) {{}}' for k in range(3))
    with pytest.raises(InputProblem, match="more than"):
        read(package(tmp_path, f'#usda 1.0\ndef "a" {{ {inner} def Mesh "m" {{ {SQUARE} }} }}'), LIMITS)
