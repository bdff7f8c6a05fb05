"""3MF: as the specification has it, as slicers write it, and what must be refused."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from img2model_desktop.core.formats.ply import sample
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import ReadLimits, ReadMesh, encode, read, read_mesh, read_recipe, write_mesh
from img2model_desktop.core.picture_files import encode_png
from img2model_desktop.errors import InputProblem
from tests.shapes import box, mesh_of, pixels, sphere, textured, torus

LIMITS = ReadLimits(file_bytes=1_000_000, vertices=100_000, picture_pixels=100_000)
SQUARE = [[[0, 0, 0], [1, 0, 0], [1, 1, 0]], [[0, 0, 0], [1, 1, 0], [0, 1, 0]]]


def places(result: ReadMesh) -> list[list[list[float]]]:
    """Corners of each face as lists."""
    return (result.mesh.vertices[result.mesh.faces] + 0.0).tolist()


CORNERS = "".join(f'<vertex x="{x}" y="{y}" z="0"/>' for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)))
FACES = '<triangle v1="0" v2="1" v3="2"/><triangle v1="0" v2="2" v3="3"/>'
MESH = f"<mesh><vertices>{CORNERS}</vertices><triangles>{FACES}</triangles></mesh>"
CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
MATERIAL = "http://schemas.microsoft.com/3dmanufacturing/material/2015/02"
PRODUCTION = "http://schemas.microsoft.com/3dmanufacturing/production/2015/06"


def package(
    folder: Path,
    resources: str,
    build: str,
    unit: str = 'unit="meter"',
    files: dict[str, bytes] | None = None,
    **parts: str,
) -> Path:
    """A 3MF file."""

    def model(inside: str) -> str:
        return f'<model {unit} xmlns="{CORE}" xmlns:p="{PRODUCTION}" xmlns:m="{MATERIAL}">{inside}</model>'

    path = folder / "a.3mf"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        relation = f'<Relationship Target="/3D/main.model" Id="r" Type="{CORE[:42]}/2013/01/3dmodel"/>'
        archive.writestr("_rels/.rels", f"<Relationships>{relation}</Relationships>")
        archive.writestr("3D/main.model", model(f"<resources>{resources}</resources><build>{build}</build>"))
        for name, inside in parts.items():
            archive.writestr(f"3D/{name}.model", model(f"<resources>{inside}</resources>"))
        for name, content in (files or {}).items():
            archive.writestr(name, content)
    return path


def test_is_z_up_and_has_a_unit(tmp_path: Path) -> None:
    one = f'<object id="1">{MESH}</object>'
    lying = [[[x, 0, -y] for x, y, _ in face] for face in SQUARE]
    assert places(read(package(tmp_path, one, '<item objectid="1"/>'))) == lying
    small = read_mesh(package(tmp_path, one, '<item objectid="1"/>', unit=""))
    assert small.size_m == pytest.approx([0.001, 0, 0.001])


def test_parts_lie_in_their_places_and_mirrored_ones_face_out(tmp_path: Path) -> None:
    path = package(
        tmp_path,
        f'<object id="1">{MESH}</object>'
        '<object id="2"><components><component objectid="1" transform="2 0 0 0 1 0 0 0 1 5 0 0"/>'
        '<component p:path="/3D/other.model" objectid="9" transform="-1 0 0 0 1 0 0 0 1 0 0 0"/></components></object>',
        '<item objectid="2" transform="1 0 0 0 1 0 0 0 1 0 0 3"/>',
        other=f'<object id="9">{MESH}</object>',
    )
    found = read_mesh(path)
    assert found.bounds.tolist() == [[-1, 3, -1], [7, 3, 0]]
    corners = found.vertices[found.faces]
    assert (np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 1] > 0).all()


@pytest.mark.parametrize(
    ("resources", "build", "sentence"),
    [
        (f'<object id="1">{MESH}</object>', "", "no triangle"),
        (f'<object id="1">{MESH}</object>', '<item objectid="2"/>', "broken"),
        (
            '<object id="1"><components><component objectid="1"/></components></object>',
            '<item objectid="1"/>',
            "broken",
        ),
        ('<object id="1">' + MESH.replace('v3="3"', 'v3="4"') + "</object>", '<item objectid="1"/>', "broken"),
        ('<object id="1">' + MESH.replace('x="1"', 'x="a"') + "</object>", '<item objectid="1"/>', "broken"),
        (f'<object id="1">{MESH}</object>', '<item objectid="1" transform="1 2"/>', "broken"),
        (f'<object id="1">{MESH}</object>', '<item objectid="1"', "broken"),
        ("<!DOCTYPE x><object/>", "", "broken"),
    ],
)
def test_is_refused_with_a_reason(tmp_path: Path, resources: str, build: str, sentence: str) -> None:
    with pytest.raises(InputProblem, match=sentence):
        read(package(tmp_path, resources, build), LIMITS)


def test_that_multiplies_itself_or_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    twice = "".join(f'<component objectid="{{k}}" transform="1 0 0 0 1 0 0 0 1 {x} 0 0"/>' for x in (0, 1))
    tower = "".join(f'<object id="{k + 1}"><components>{twice.format(k=k)}</components></object>' for k in range(1, 40))
    with pytest.raises(InputProblem, match="broken"):
        read(package(tmp_path, f'<object id="1">{MESH}</object>{tower}', '<item objectid="40"/>'), LIMITS)
    with pytest.raises(InputProblem, match="more than"):
        read(package(tmp_path, " " * 2_000_000, ""), LIMITS)
    assert (tmp_path / "a.3mf").stat().st_size < 10_000


# -- what is written -------------------------------------------------------------------------------------------------


def lib3mf_model(path: Path) -> Any:
    """The file as the consortium's library reads it in its strict mode, without a warning."""
    import lib3mf

    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromFile(str(path))
    assert [reader.GetWarning(k) for k in range(reader.GetWarningCount())] == []
    return model


@pytest.mark.parametrize(
    "mesh", [box(), sphere(), textured(torus()), textured(box(), pixels(300, 77))], ids=["box", "ball", "seams", "odd"]
)
def test_the_official_library_takes_it_strictly_and_finds_a_closed_solid(tmp_path: Path, mesh: Mesh) -> None:
    write_mesh(mesh, tmp_path / "a.3mf", {"seed": 1})
    model = lib3mf_model(tmp_path / "a.3mf")
    objects = model.GetMeshObjects()
    assert objects.MoveNext()
    found = objects.GetCurrentMeshObject()
    assert found.GetTriangleCount() == len(mesh.faces)
    assert found.IsManifoldAndOriented()
    assert not objects.MoveNext()


def test_it_says_its_name_its_maker_and_its_recipe(tmp_path: Path) -> None:
    recipe = {"prompt": "Grüße “日本” <&> \x00 \ud800 ]]>", "nested": [1, 2.5, None, True]}
    write_mesh(box(), tmp_path / "Vase “ö” <&>.3mf", recipe)
    model = lib3mf_model(tmp_path / "Vase “ö” <&>.3mf")  # what it gives lives as long as it
    group = model.GetMetaDataGroup()
    entries = [group.GetMetaData(k) for k in range(group.GetMetaDataCount())]
    values = {entry.GetName(): entry.GetValue() for entry in entries}
    assert values["Title"] == "Vase “ö” <&>"
    assert values["Application"].startswith("Image2Model Desktop ")
    assert json.loads(values["Recipe"]) == recipe
    assert read_recipe(tmp_path / "Vase “ö” <&>.3mf") == recipe
    write_mesh(box(), tmp_path / "b.3mf")
    assert read_recipe(tmp_path / "b.3mf") == {}


def test_the_same_mesh_gives_the_same_bytes(tmp_path: Path) -> None:
    mesh = textured(torus())
    one, other = (encode(mesh, tmp_path / "a.3mf", {"a": 1})["a.3mf"] for _ in range(2))
    assert one == other
    with zipfile.ZipFile(tmp_path / "x.3mf", "w") as archive:
        archive.writestr("x", "")
    (tmp_path / "a.3mf").write_bytes(one)
    with zipfile.ZipFile(tmp_path / "a.3mf") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_seams_do_not_open_the_surface_and_the_texture_comes_back(tmp_path: Path) -> None:
    mesh = textured(box(0.5, 0.25, 1))
    write_mesh(mesh, tmp_path / "a.3mf")
    with zipfile.ZipFile(tmp_path / "a.3mf") as archive:
        text = archive.read("3D/3dmodel.model").decode()
        assert archive.read("3D/Textures/base_colour.png") == encode_png(mesh.base_colour)
    assert (text.count("<vertex "), text.count("<triangle "), text.count("<m:tex2coord ")) == (8, 12, 36)
    again, notes = read(tmp_path / "a.3mf")
    assert notes == ()
    assert np.array_equal(again.vertices[again.faces], mesh.vertices[mesh.faces])
    assert np.array_equal(again.uv[again.faces], mesh.uv[mesh.faces])
    assert np.array_equal(again.base_colour.pixels, mesh.base_colour.pixels)


def test_faces_without_surface_are_left_out_and_a_mesh_of_them_is_refused(tmp_path: Path) -> None:
    corners = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 0, 0]]
    write_mesh(mesh_of(corners, [[0, 1, 2], [0, 1, 3], [2, 2, 0]]), tmp_path / "a.3mf")
    assert len(read_mesh(tmp_path / "a.3mf").faces) == 1
    lib3mf_model(tmp_path / "a.3mf")
    with pytest.raises(InputProblem, match="has a surface"):
        write_mesh(mesh_of(corners, [[0, 1, 1]]), tmp_path / "b.3mf")


# -- colours of other programs ---------------------------------------------------------------------------------------

COLOURS = (
    '<basematerials id="5"><base name="a" displaycolor="#FF0000"/><base name="b" displaycolor="#00FF0080"/>'
    "</basematerials>"
    '<m:colorgroup id="6"><m:color color="#000000"/><m:color color="#FFFFFF"/><m:color color="#0000FF"/></m:colorgroup>'
)


def coloured(faces: str, attributes: str = "") -> str:
    return f'{COLOURS}<object id="1"{attributes}>{MESH.replace(FACES, faces)}</object>'


def corner_colours(mesh: Mesh) -> list[list[list[int]]]:
    assert mesh.base_colour is not None
    return sample(mesh.base_colour, mesh.uv)[mesh.faces].tolist()


def test_base_materials_and_colour_groups_become_a_texture(tmp_path: Path) -> None:
    faces = (
        '<triangle v1="0" v2="1" v3="2" pid="5" p1="1"/><triangle v1="0" v2="2" v3="3" pid="6" p1="0" p2="1" p3="2"/>'
    )
    mesh, notes = read(package(tmp_path, coloured(faces), '<item objectid="1"/>'))
    assert notes == ()
    assert corner_colours(mesh) == [[[0, 255, 0]] * 3, [[0, 0, 0], [255, 255, 255], [0, 0, 255]]]
    assert set(mesh.base_colour.alpha.ravel().tolist()) == {128, 255}


def test_the_object_colours_triangles_that_say_nothing(tmp_path: Path) -> None:
    faces = '<triangle v1="0" v2="1" v3="2" p1="1"/><triangle v1="0" v2="2" v3="3"/>'
    mesh = read_mesh(package(tmp_path, coloured(faces, ' pid="5" pindex="0"'), '<item objectid="1"/>'))
    assert corner_colours(mesh) == [[[0, 255, 0]] * 3, [[255, 0, 0]] * 3]


def test_a_mirrored_object_keeps_each_colour_at_its_corner(tmp_path: Path) -> None:
    faces = '<triangle v1="0" v2="1" v3="2" pid="6" p1="0" p2="1" p3="2"/>'
    item = '<item objectid="1" transform="-1 0 0 0 1 0 0 0 1 0 0 0"/>'
    mesh = read_mesh(package(tmp_path, coloured(faces), item))
    assert corner_colours(mesh) == [[[0, 0, 255], [255, 255, 255], [0, 0, 0]]]
    assert mesh.vertices[mesh.faces][0].tolist() == [[-1, 0, -1], [-1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("entry", ["7", "-1"])
def test_a_colour_that_is_not_there_is_refused(tmp_path: Path, entry: str) -> None:
    faces = f'<triangle v1="0" v2="1" v3="2" pid="5" p1="{entry}"/>'
    with pytest.raises(InputProblem, match="broken"):
        read(package(tmp_path, coloured(faces), '<item objectid="1"/>'))


TEXTURES = (
    '<m:texture2d id="2" path="/3D/Textures/{}.png" contenttype="image/png"/><m:texture2dgroup id="3" texid="2">'
    '<m:tex2coord u="0" v="0"/><m:tex2coord u="1" v="0"/><m:tex2coord u="1" v="1"/></m:texture2dgroup>'
)
TEXTURED_FACE = '<triangle v1="0" v2="1" v3="2" pid="3" p1="0" p2="1" p3="2"/>'


def test_a_texture_without_its_file_and_one_that_only_some_have_are_noted(tmp_path: Path) -> None:
    one = f'{TEXTURES.format("a")}<object id="1">{MESH.replace(FACES, TEXTURED_FACE)}</object>'
    whole = read_mesh(package(tmp_path, one, '<item objectid="1"/>', files={"3D/Textures/a.png": encode_png(pixels())}))
    assert np.array_equal(whole.base_colour.pixels, pixels().pixels)
    assert whole.uv.tolist() == [[0, 0], [1, 0], [1, 1]]
    mesh, notes = read(package(tmp_path, one, '<item objectid="1"/>'))
    assert (mesh.base_colour, notes[0].startswith("The texture was left out")) == (None, True)
    some = f'{TEXTURES.format("a")}<object id="1">{MESH.replace(FACES, TEXTURED_FACE + FACES)}</object>'
    mesh, notes = read(package(tmp_path, some, '<item objectid="1"/>'))
    assert (len(mesh.faces), notes) == (3, ("The parts have textures of their own; they were left out.",))


def test_supports_modifiers_and_unknown_extensions(tmp_path: Path) -> None:
    parts = (
        f'<object id="1">{MESH}</object><object id="2" type="support">{MESH}</object>'
        '<object id="3"><components><component objectid="1"/><component objectid="2"/></components></object>'
    )
    mesh, notes = read(package(tmp_path, parts, '<item objectid="3"/>'))
    assert (len(mesh.faces), notes) == (2, ("Supports and modifiers were left out.",))
    lattice = 'xmlns:b="http://schemas.microsoft.com/3dmanufacturing/beamlattice/2017/02" requiredextensions="b"'
    mesh, notes = read(package(tmp_path, f'<object id="1">{MESH}</object>', '<item objectid="1"/>', unit=lattice))
    assert (len(mesh.faces), "extension “b”" in notes[0]) == (2, True)
    known = 'requiredextensions="p m"'
    assert read(package(tmp_path, f'<object id="1">{MESH}</object>', '<item objectid="1"/>', unit=known)).notes == ()
